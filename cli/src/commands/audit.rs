//! `plimsoll audit`: recomputes what the program promises from the accounts themselves.
//!
//! INV-1 (spec §4): the shards hold exactly what is owed to margin accounts, pools, default fund, keeper
//! pool and treasury. A token sent to a shard outside a deposit is owed to nobody; that surplus is
//! reported, and is an error unless it is expected.
//!
//! The receipts of loss events (spec §9) are in [`adl`].

mod adl;

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, Subcommand};
use plimsoll_client::accounts::{self, MarketView};
use plimsoll_client::engine::state::MarginAccount;
use plimsoll_client::ExchangeAddresses;
use serde::Serialize;
use solana_account_decoder_client_types::UiAccount;
use solana_client::rpc_config::RpcProgramAccountsConfig;
use solana_pubkey::Pubkey;

use super::account::balances;
use crate::markets::headers_only;
use crate::output::pairs;
use crate::session::Session;
use crate::units::QUOTE_DECIMALS;

/// Accounts are read one after the other while the chain goes on: a difference must persist.
const ATTEMPTS: u32 = 5;
const ATTEMPT_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// Subcommands of `plimsoll audit`.
#[derive(Subcommand, Debug)]
pub(crate) enum AuditCommand {
    /// The custody equation (INV-1): fails if it does not hold
    Custody(CustodyArgs),
    /// The receipts of a market's loss events: fails at the first that does not hold
    Adl(adl::AdlArgs),
}

/// Arguments of `plimsoll audit custody`.
#[derive(Args, Debug)]
pub(crate) struct CustodyArgs {
    /// A surplus in the shards is a known donation and no error
    #[arg(long)]
    allow_donations: bool,
}

pub(crate) async fn run(session: &Session, command: AuditCommand) -> Result<()> {
    match command {
        AuditCommand::Custody(args) => custody(session, &args).await,
        AuditCommand::Adl(args) => adl::run(session, &args).await,
    }
}

/// Both sides of the equation, quote atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Custody {
    pub(crate) margin_accounts: u32,
    pub(crate) markets: u32,
    /// Σ (collateral + D).
    pub(crate) accounts_cash: i128,
    pub(crate) pools: i128,
    pub(crate) default_fund: i128,
    pub(crate) keeper_pool: i128,
    pub(crate) treasury: i128,
    /// Σ token balances of the shards.
    pub(crate) held: i128,
    /// Accounts whose collateral + D is below zero.
    pub(crate) negative_accounts: u32,
}

impl Custody {
    pub(crate) fn owed(&self) -> i128 {
        self.accounts_cash + self.pools + self.default_fund + self.keeper_pool + self.treasury
    }

    /// Held less owed.
    pub(crate) fn difference(&self) -> i128 {
        self.held - self.owed()
    }

    fn add_account(&mut self, account: &MarginAccount) {
        let cash = i128::from(account.collateral) + i128::from(account.credit_principal);
        self.margin_accounts += 1;
        self.accounts_cash += cash;
        self.negative_accounts += u32::from(cash < 0);
    }
}

#[derive(Serialize)]
struct CustodyShown {
    holds: bool,
    margin_accounts: u32,
    markets: u32,
    accounts_cash: String,
    pools: String,
    default_fund: String,
    keeper_pool: String,
    treasury: String,
    owed: String,
    held: String,
    difference: String,
    accounts_below_zero: u32,
}

async fn custody(session: &Session, args: &CustodyArgs) -> Result<()> {
    let addresses = session.addresses()?;
    let mut found = read(session, &addresses).await?;
    for _ in 1..ATTEMPTS {
        if found.difference() == 0 {
            break;
        }
        tokio::time::sleep(ATTEMPT_WAIT).await;
        found = read(session, &addresses).await?;
    }
    let difference = found.difference();
    let donated = difference > 0 && args.allow_donations;
    let shown = shown(&found, difference == 0 || donated);
    session.output.result(&shown, || text(&shown))?;
    ensure!(
        found.negative_accounts == 0,
        "{} margin accounts have less than no cash",
        found.negative_accounts
    );
    if difference != 0 && !donated {
        bail!(
            "custody does not add up: the shards hold {} USDC {} than is owed",
            amount(difference.abs()),
            if difference > 0 { "more" } else { "less" }
        );
    }
    Ok(())
}

/// Reads every account of the exchange.
pub(crate) async fn read(session: &Session, addresses: &ExchangeAddresses) -> Result<Custody> {
    let config = RpcProgramAccountsConfig {
        filters: None,
        account_config: headers_only(),
        with_context: None,
        sort_results: None,
    };
    let all: Vec<(Pubkey, UiAccount)> = session
        .connection
        .rpc()
        .get_program_ui_accounts_with_config(&addresses.program, config)
        .await
        .with_context(|| {
            format!(
                "{} does not list the program's accounts: an audit needs a node that does",
                session.url
            )
        })?;
    let exchange = addresses.exchange.to_bytes();
    let mut found = Custody::default();
    for (_, account) in all {
        let Some(data) = account.data.decode() else {
            continue;
        };
        if let Ok(account) = accounts::margin_account(&data) {
            if account.exchange == exchange {
                found.add_account(&account);
            }
        } else if let Ok(market) = MarketView::decode(&data) {
            if market.header.exchange == exchange {
                found.markets += 1;
                found.pools += i128::from(market.header.cash.pool);
            }
        } else if let Ok(fund) = accounts::default_fund(&data) {
            if fund.exchange == exchange {
                found.default_fund = i128::from(fund.balance);
                found.keeper_pool = i128::from(fund.keeper_pool);
                found.treasury = i128::from(fund.treasury);
            }
        }
    }
    found.held = held(session, addresses).await?;
    Ok(found)
}

async fn held(session: &Session, addresses: &ExchangeAddresses) -> Result<i128> {
    let exchange = session.connection.exchange(&addresses.exchange).await?;
    let shards: Vec<Pubkey> = exchange
        .custody_shards
        .iter()
        .take(usize::from(exchange.custody_shards_len))
        .map(|shard| Pubkey::from(*shard))
        .collect();
    let balances = balances(session, &shards).await?;
    let mut held = 0;
    for (shard, balance) in shards.iter().zip(balances) {
        held += i128::from(balance.with_context(|| format!("custody shard {shard} is gone"))?);
    }
    Ok(held)
}

/// Quote atoms of any size as dollars.
fn amount(atoms: i128) -> String {
    let unit = 10_u128.pow(QUOTE_DECIMALS);
    let sign = if atoms < 0 { "-" } else { "" };
    let (whole, fraction) = (atoms.unsigned_abs() / unit, atoms.unsigned_abs() % unit);
    format!("{sign}{whole}.{fraction:06}")
}

fn shown(found: &Custody, holds: bool) -> CustodyShown {
    CustodyShown {
        holds: holds && found.negative_accounts == 0,
        margin_accounts: found.margin_accounts,
        markets: found.markets,
        accounts_cash: amount(found.accounts_cash),
        pools: amount(found.pools),
        default_fund: amount(found.default_fund),
        keeper_pool: amount(found.keeper_pool),
        treasury: amount(found.treasury),
        owed: amount(found.owed()),
        held: amount(found.held),
        difference: amount(found.difference()),
        accounts_below_zero: found.negative_accounts,
    }
}

fn text(shown: &CustodyShown) -> String {
    let accounts = format!("cash of {} margin accounts", shown.margin_accounts);
    let pools = format!("pools of {} markets", shown.markets);
    let rows = pairs([
        (accounts.as_str(), shown.accounts_cash.clone()),
        (pools.as_str(), shown.pools.clone()),
        ("default fund", shown.default_fund.clone()),
        ("keeper pool", shown.keeper_pool.clone()),
        ("treasury", shown.treasury.clone()),
        ("owed together", shown.owed.clone()),
        ("held in the custody shards", shown.held.clone()),
        ("difference", shown.difference.clone()),
    ]);
    let verdict = if shown.holds {
        "INV-1 holds."
    } else {
        "INV-1 does not hold."
    };
    format!("{rows}\n{verdict}")
}
