//! `plimsoll account`: margin accounts, their cash and their seats.

mod cash;
mod seats;
mod show;
mod standing;

pub(in crate::commands) use cash::balances;
pub(in crate::commands) use show::margin_ratio;
pub(in crate::commands) use standing::line_state;

use anyhow::{bail, Result};
use clap::Subcommand;
use plimsoll_client::accounts;
use plimsoll_client::engine::state::MarginAccount;
use plimsoll_client::instructions;
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::output::table;
use crate::session::Session;
use crate::traders::{AccountArgs, Trader};
use crate::units::usd;

/// Sub-accounts that `account list` looks for: one request.
const SUB_ACCOUNTS_LISTED: u16 = 64;

/// Subcommands of `plimsoll account`.
#[derive(Subcommand, Debug)]
pub(crate) enum AccountCommand {
    /// Create a margin account
    Create {
        #[command(flatten)]
        account: AccountArgs,
    },
    /// An owner's margin accounts
    List {
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Cash, margin, positions and liquidation prices
    Show(show::ShowArgs),
    /// Pay USDC in
    Deposit(cash::DepositArgs),
    /// Take aged USDC out
    Withdraw(cash::WithdrawArgs),
    /// Turn claims into cash at the mark; anyone may
    Settle(cash::SettleArgs),
    /// Let a key trade and cancel, never withdraw
    Delegate {
        #[command(flatten)]
        account: AccountArgs,
        /// The key, or `none`
        delegate: String,
    },
    /// Close an empty margin account and get its rent back
    Close {
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Take a seat in a market
    ClaimSeat(seats::ClaimArgs),
    /// Give an empty seat back, with its deposit
    ReleaseSeat(seats::ReleaseArgs),
}

pub(crate) async fn run(session: &Session, command: AccountCommand) -> Result<()> {
    match command {
        AccountCommand::Create { account } => create(session, &account).await,
        AccountCommand::List { account } => list(session, &account).await,
        AccountCommand::Show(args) => show::run(session, &args).await,
        AccountCommand::Deposit(args) => cash::deposit(session, args).await,
        AccountCommand::Withdraw(args) => cash::withdraw(session, args).await,
        AccountCommand::Settle(args) => cash::settle(session, args).await,
        AccountCommand::Delegate { account, delegate } => {
            set_delegate(session, &account, &delegate).await
        }
        AccountCommand::Close { account } => close(session, &account).await,
        AccountCommand::ClaimSeat(args) => seats::claim(session, args).await,
        AccountCommand::ReleaseSeat(args) => seats::release(session, args).await,
    }
}

/// What a command about an account did.
#[derive(Debug, Serialize)]
struct Done {
    margin_account: String,
    signature: String,
}

fn done(
    session: &Session,
    trader: &Trader,
    signature: &impl ToString,
    sentence: impl FnOnce() -> String,
) -> Result<()> {
    let done = Done {
        margin_account: trader.account.to_string(),
        signature: signature.to_string(),
    };
    session
        .output
        .result(&done, || format!("{}\n{}", sentence(), done.signature))
}

async fn create(session: &Session, args: &AccountArgs) -> Result<()> {
    let trader = Trader::new(session, args)?;
    if session
        .connection
        .margin_account(&trader.account)
        .await
        .is_ok()
    {
        bail!("margin account {} exists already", trader.account);
    }
    let instruction =
        instructions::create_margin_account(&trader.addresses, trader.owner, trader.sub_account);
    let doing = "creating the margin account";
    let signature = trader.send(session, doing, &[instruction]).await?;
    done(session, &trader, &signature, || {
        format!("Margin account {} is yours.", trader.account)
    })
}

#[derive(Serialize)]
struct AccountListed {
    sub_account: u16,
    margin_account: String,
    collateral_usd: String,
    markets: usize,
    delegate: Option<String>,
}

async fn list(session: &Session, args: &AccountArgs) -> Result<()> {
    let addresses = session.addresses()?;
    let owner = match args.owner {
        Some(owner) => owner,
        None => solana_signer::Signer::pubkey(&session.signer()?),
    };
    let keys: Vec<Pubkey> = (0..SUB_ACCOUNTS_LISTED)
        .map(|number| addresses.margin_account(&owner, number))
        .collect();
    let found = session
        .connection
        .rpc()
        .get_multiple_accounts(&keys)
        .await?;
    let accounts = keys.iter().zip(found).filter_map(|(key, account)| {
        let account = accounts::margin_account(&account?.data).ok()?;
        Some(listed(key, &account))
    });
    let all: Vec<AccountListed> = accounts.collect();
    session.output.result(&all, || {
        if all.is_empty() {
            return format!("{owner} has no margin account: `plimsoll account create` makes one");
        }
        let rows = all.iter().map(|account| {
            [
                account.sub_account.to_string(),
                account.margin_account.clone(),
                account.collateral_usd.clone(),
                account.markets.to_string(),
                account.delegate.clone().unwrap_or_else(|| "–".into()),
            ]
        });
        let header = ["sub-account", "address", "cash", "seats", "delegate"];
        table(&header, rows)
    })
}

fn listed(key: &Pubkey, account: &MarginAccount) -> AccountListed {
    let delegate = Pubkey::from(account.delegate);
    AccountListed {
        sub_account: account.sub_account,
        margin_account: key.to_string(),
        collateral_usd: usd(account.collateral),
        markets: account.entries().len(),
        delegate: (delegate != Pubkey::default()).then(|| delegate.to_string()),
    }
}

async fn set_delegate(session: &Session, args: &AccountArgs, delegate: &str) -> Result<()> {
    let key = match delegate {
        "none" => Pubkey::default(),
        text => text
            .parse()
            .map_err(|error| anyhow::anyhow!("{text:?} is no address: {error}"))?,
    };
    let trader = Trader::new(session, args)?;
    let program = trader.addresses.program;
    let instruction = instructions::set_delegate(&program, trader.owner, trader.account, key);
    let doing = "setting the delegate";
    let signature = trader.send(session, doing, &[instruction]).await?;
    done(session, &trader, &signature, || {
        if delegate == "none" {
            "Nobody but the owner may trade now.".to_owned()
        } else {
            format!("{delegate} may trade and cancel now, not withdraw.")
        }
    })
}

async fn close(session: &Session, args: &AccountArgs) -> Result<()> {
    let trader = Trader::new(session, args)?;
    let instruction =
        instructions::close_margin_account(&trader.addresses.program, trader.owner, trader.account);
    let doing = "closing the margin account";
    let signature = trader.send(session, doing, &[instruction]).await?;
    done(session, &trader, &signature, || {
        format!("Margin account {} is closed.", trader.account)
    })
}
