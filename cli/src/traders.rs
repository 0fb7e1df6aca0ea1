//! Whose margin account a command works on, and what the account is worth.

use anyhow::Result;
use clap::Args;
use plimsoll_client::events::Event;
use plimsoll_client::instructions::{other_markets, TradeAccounts};
use plimsoll_client::preview::AccountView;
use plimsoll_client::rpc::RpcError;
use plimsoll_client::ExchangeAddresses;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;

use crate::session::Session;
use crate::transactions;

/// Which of an owner's accounts; every command about an account takes it.
#[derive(Args, Clone, Debug)]
pub(crate) struct AccountArgs {
    /// Number of the sub-account
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub(crate) sub_account: u16,
    /// Owner of the account, if it is not the signer (a delegate trades for somebody)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) owner: Option<Pubkey>,
}

/// A signer and a margin account.
#[derive(Debug)]
pub(crate) struct Trader {
    pub(crate) keypair: Keypair,
    pub(crate) addresses: ExchangeAddresses,
    pub(crate) owner: Pubkey,
    pub(crate) sub_account: u16,
    /// The margin account.
    pub(crate) account: Pubkey,
}

impl Trader {
    pub(crate) fn new(session: &Session, args: &AccountArgs) -> Result<Self> {
        let keypair = session.signer()?;
        let addresses = session.addresses()?;
        let owner = args.owner.unwrap_or_else(|| keypair.pubkey());
        let account = addresses.margin_account(&owner, args.sub_account);
        Ok(Self {
            keypair,
            addresses,
            owner,
            sub_account: args.sub_account,
            account,
        })
    }

    /// The account with its markets, or what to do if there is none.
    pub(crate) async fn view(&self, session: &Session) -> Result<AccountView> {
        view(session, &self.account).await
    }

    /// What an order's transaction names.
    pub(crate) fn trade_accounts(&self, view: &AccountView, market: &Pubkey) -> TradeAccounts {
        TradeAccounts {
            program: self.addresses.program,
            trader: self.keypair.pubkey(),
            margin_account: self.account,
            market: *market,
            other_markets: other_markets(&view.account, Some(market)),
        }
    }

    /// Simulates, signs, sends and waits. `doing` stands before an error's name.
    pub(crate) async fn send(
        &self,
        session: &Session,
        doing: &str,
        instructions: &[Instruction],
    ) -> Result<Signature> {
        send(session, doing, instructions, &[&self.keypair]).await
    }
}

/// The margin account that a key names: itself, or that of an owner with this number.
pub(crate) async fn named(session: &Session, key: &Pubkey, sub_account: u16) -> Result<Pubkey> {
    let account = session.connection.margin_account(key).await;
    if account.is_ok() {
        return Ok(*key);
    }
    Ok(session.addresses()?.margin_account(key, sub_account))
}

/// Reads an account with its markets.
pub(crate) async fn view(session: &Session, account: &Pubkey) -> Result<AccountView> {
    match session.connection.account_view(account).await {
        Err(RpcError::Missing(missing)) if missing == *account => Err(anyhow::anyhow!(
            "there is no margin account {account} on {}: `plimsoll account create` makes one",
            session.url
        )),
        found => Ok(found?),
    }
}

/// Simulates, signs, sends and waits. An error carries the program's own log lines if it has no name.
pub(crate) async fn send(
    session: &Session,
    doing: &str,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> Result<Signature> {
    let sent = session
        .connection
        .send(instructions, signers, session.send_options())
        .await;
    sent.map_err(|error| refused(doing, error))
}

/// Only simulates: what would be refused is refused by name before anybody is asked.
pub(crate) async fn simulate(
    session: &Session,
    doing: &str,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> Result<()> {
    let simulated = session.connection.simulate(instructions, signers).await;
    simulated.map_err(|error| refused(doing, error))?;
    Ok(())
}

/// Simulates, asks, sends, and reads what the program says happened.
pub(crate) async fn step(
    session: &Session,
    doing: &str,
    question: &str,
    instructions: &[Instruction],
    signer: &Keypair,
) -> Result<(Signature, Vec<Event>)> {
    simulate(session, doing, instructions, &[signer]).await?;
    session.output.confirm(question)?;
    let signature = send(session, doing, instructions, &[signer]).await?;
    let events = transactions::outcome(session, signature).await?;
    Ok((signature, events))
}

fn refused(doing: &str, error: RpcError) -> anyhow::Error {
    let logs = match &error {
        RpcError::Transaction { logs, .. } => logs.join("\n  "),
        _ => String::new(),
    };
    let error = anyhow::Error::from(error);
    let error = if logs.is_empty() {
        error
    } else {
        error.context(format!("the program's log:\n  {logs}"))
    };
    error.context(format!("{doing} was refused"))
}
