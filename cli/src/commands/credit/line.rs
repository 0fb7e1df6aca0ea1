//! Lines: from the offer to the close.

use anyhow::{ensure, Context, Result};
use clap::{Args, Subcommand};
use plimsoll_client::engine::state::{CreditLine, MarginAccount};
use plimsoll_client::instructions::LoanAccounts;
use plimsoll_client::LineTerms;
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::terms::{TermsArgs, TermsShown};
use super::{found, pick, Desk, Done, LineArgs, VaultArgs};
use crate::commands::account::line_state;
use crate::output::{pairs, time};
use crate::session::Session;
use crate::traders;
use crate::units::{parse_usd, usd_unsigned};

/// Subcommands of `plimsoll credit line`.
#[derive(Subcommand, Debug)]
pub(crate) enum LineCommand {
    /// Offer a line to a margin account; by the vault's underwriter
    Offer(OfferArgs),
    /// Accept an offer under its terms; by the margin account's owner
    Accept(LineArgs),
    /// Start an accepted line once the vault's notice has passed; anyone may
    Activate(LineArgs),
    /// Allow draws of a discretionary line; by its underwriter
    Consent(ConsentArgs),
    /// Close a line that owes nothing; by the trader, or by the underwriter after a recall
    Close(LineArgs),
    /// A line's terms and where it stands
    Show(LineArgs),
}

/// Subcommands of `plimsoll credit call`.
#[derive(Subcommand, Debug)]
pub(crate) enum CallCommand {
    /// Give a margin call more time; by the line's underwriter
    Extend(ExtendArgs),
}

/// Arguments of `plimsoll credit line offer`.
#[derive(Args, Debug)]
pub(crate) struct OfferArgs {
    /// Margin account, or its owner's address
    #[arg(value_name = "ACCOUNT")]
    account: Pubkey,
    /// Number of the owner's sub-account, if an owner is named
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    sub_account: u16,
    #[command(flatten)]
    vault: VaultArgs,
    #[command(flatten)]
    terms: TermsArgs,
}

/// Arguments of `plimsoll credit line consent`.
#[derive(Args, Debug)]
pub(crate) struct ConsentArgs {
    #[command(flatten)]
    line: LineArgs,
    /// Most that may be drawn under it, USDC; draws use it up
    amount: String,
    /// Seconds from now after which it no longer holds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    seconds: u32,
}

/// Arguments of `plimsoll credit call extend`.
#[derive(Args, Debug)]
pub(crate) struct ExtendArgs {
    #[command(flatten)]
    line: LineArgs,
    /// Seconds by which the deadline moves
    #[arg(long, value_name = "SECONDS")]
    by: u32,
}

pub(super) async fn run(session: &Session, command: LineCommand) -> Result<()> {
    match command {
        LineCommand::Offer(args) => offer(session, &args).await,
        LineCommand::Accept(args) => accept(session, &args).await,
        LineCommand::Activate(args) => activate(session, &args).await,
        LineCommand::Consent(args) => consent(session, &args).await,
        LineCommand::Close(args) => close(session, &args).await,
        LineCommand::Show(args) => show(session, &args).await,
    }
}

async fn offer(session: &Session, args: &OfferArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let terms = args.terms.terms(session).await?;
    let account = traders::named(session, &args.account, args.sub_account).await?;
    let (address, vault) = desk.vault(session, &args.vault).await?;
    let rows = pairs(TermsShown::of(&terms).rows());
    let question =
        format!("{rows}\nOffer this line of vault {address} to margin account {account}?");
    let instruction = desk.accounts(&vault).offer_line(account, terms);
    let (signature, events) = desk
        .step(session, "the offer", &question, instruction)
        .await?;
    let offered = found(&events, &signature, pick!(LineOffered))?;
    Done::new(format!(
        "Line {} is offered; the owner of {account} may accept it.",
        offered.line
    ))
    .with("line", offered.line)
    .with("vault", offered.vault)
    .with("margin_account", offered.margin_account)
    .with("limit", usd_unsigned(offered.limit))
    .with("committed", offered.committed)
    .print(session, &signature)
}

/// The margin account of a line.
async fn borrower(session: &Session, line: &CreditLine) -> Result<(Pubkey, MarginAccount)> {
    let address = Pubkey::from(line.margin_account);
    let account = session.connection.margin_account(&address).await;
    let account = account.with_context(|| format!("margin account {address} is closed"))?;
    Ok((address, account))
}

async fn accept(session: &Session, args: &LineArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, line) = desk.line(session, args).await?;
    let (margin_account, account) = borrower(session, &line).await?;
    let terms = LineTerms::of(&line);
    let rows = pairs(TermsShown::of(&terms).rows());
    let question = format!("{rows}\nAccept this line for margin account {margin_account}?");
    let loan = LoanAccounts {
        addresses: &desk.addresses,
        margin_account,
        account: &account,
        keys: desk.keys(address, &line),
    };
    let instruction = loan.accept_line(terms);
    let doing = "accepting the line";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    let accepted = found(&events, &signature, pick!(LineAccepted))?;
    Done::new(format!(
        "Accepted. From {} UTC on anyone may activate it: `plimsoll credit line activate {address}`.",
        time(accepted.active_from)
    ))
    .with("line", address)
    .with("limit", usd_unsigned(accepted.limit))
    .with("active_from", accepted.active_from)
    .print(session, &signature)
}

async fn activate(session: &Session, args: &LineArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, line) = desk.line(session, args).await?;
    let now = session.connection.chain_time().await?;
    ensure!(
        line_state(&line) != "accepted" || now >= line.active_from,
        "LineNotActive: line {address} may be activated from {} UTC on",
        time(line.active_from)
    );
    let (margin_account, account) = borrower(session, &line).await?;
    let loan = LoanAccounts {
        addresses: &desk.addresses,
        margin_account,
        account: &account,
        keys: desk.keys(address, &line),
    };
    let question = format!("Activate line {address}?");
    let doing = "activating the line";
    let (signature, events) = desk
        .step(session, doing, &question, loan.activate_line())
        .await?;
    let activated = found(&events, &signature, pick!(LineActivated))?;
    Done::new("The line is active.")
        .with("line", address)
        .balances(&activated.balances)
        .print(session, &signature)
}

async fn consent(session: &Session, args: &ConsentArgs) -> Result<()> {
    let amount = parse_usd(&args.amount)?;
    let desk = Desk::new(session)?;
    let (address, line) = desk.line(session, &args.line).await?;
    ensure!(
        line.committed == 0,
        "the line is committed: its draws need no consent"
    );
    let vault = session.connection.credit_vault(&line.vault.into()).await?;
    let now = session.connection.chain_time().await?;
    let expires_at = now.saturating_add(i64::from(args.seconds));
    let margin_account = Pubkey::from(line.margin_account);
    let instruction = desk
        .accounts(&vault)
        .give_consent(&margin_account, amount, expires_at);
    let question = format!(
        "Allow draws of up to {} USDC on line {address} until {} UTC?",
        usd_unsigned(amount),
        time(expires_at)
    );
    let doing = "giving the consent";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    let given = found(&events, &signature, pick!(ConsentGiven))?;
    Done::new(format!(
        "Up to {} USDC may be drawn until {} UTC.",
        usd_unsigned(given.amount),
        time(given.expires_at)
    ))
    .with("line", address)
    .with("amount", usd_unsigned(given.amount))
    .with("expires_at", given.expires_at)
    .print(session, &signature)
}

async fn close(session: &Session, args: &LineArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, line) = desk.line(session, args).await?;
    let (margin_account, account) = borrower(session, &line).await?;
    let loan = LoanAccounts {
        addresses: &desk.addresses,
        margin_account,
        account: &account,
        keys: desk.keys(address, &line),
    };
    let question = format!("Close line {address}?");
    let instruction = loan.close_line(desk.signer());
    let doing = "closing the line";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    found(&events, &signature, pick!(LineClosed))?;
    Done::new("The line is closed.")
        .with("line", address)
        .print(session, &signature)
}

pub(super) async fn extend(session: &Session, args: &ExtendArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, line) = desk.line(session, &args.line).await?;
    let vault = session.connection.credit_vault(&line.vault.into()).await?;
    let deadline = line.call_deadline.saturating_add(i64::from(args.by));
    let margin_account = Pubkey::from(line.margin_account);
    let instruction = desk.accounts(&vault).extend_call(&margin_account, deadline);
    let question = format!(
        "Extend the margin call of {margin_account} to {} UTC?",
        time(deadline)
    );
    let doing = "extending the call";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    let extended = found(&events, &signature, pick!(CallExtended))?;
    Done::new(format!(
        "The margin call runs until {} UTC.",
        time(extended.call_deadline)
    ))
    .with("line", address)
    .with("call_deadline", extended.call_deadline)
    .print(session, &signature)
}

pub(super) async fn recall(session: &Session, args: &LineArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, line) = desk.line(session, args).await?;
    let vault = session.connection.credit_vault(&line.vault.into()).await?;
    let instruction = desk
        .accounts(&vault)
        .recall_line(&line.margin_account.into());
    let question = format!(
        "Recall line {address}? Nothing is drawn on it after {} s.",
        line.recall_notice_seconds
    );
    let (signature, events) = desk
        .step(session, "the recall", &question, instruction)
        .await?;
    let recalled = found(&events, &signature, pick!(LineRecalled))?;
    Done::new(format!(
        "Recalled: nothing is drawn from {} UTC on. A margin call that runs is not shortened.",
        time(recalled.recall_at)
    ))
    .with("line", address)
    .with("recall_at", recalled.recall_at)
    .print(session, &signature)
}

/// A line. Amounts are dollars, times unix seconds.
#[derive(Serialize)]
struct LineStanding {
    line: String,
    vault: String,
    margin_account: String,
    trader: String,
    state: &'static str,
    drawn: String,
    reserved: String,
    consent: Option<String>,
    consent_until: Option<i64>,
    active_from: Option<i64>,
    call_deadline: Option<i64>,
    recalled_from: Option<i64>,
    written_off: String,
    terms: TermsShown,
}

const fn some_time(seconds: i64) -> Option<i64> {
    if seconds == 0 {
        None
    } else {
        Some(seconds)
    }
}

async fn show(session: &Session, args: &LineArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, line) = desk.line(session, args).await?;
    let now = session.connection.chain_time().await?;
    let consents = line.committed == 0 && now < line.consent_expires_at;
    let shown = LineStanding {
        line: address.to_string(),
        vault: Pubkey::from(line.vault).to_string(),
        margin_account: Pubkey::from(line.margin_account).to_string(),
        trader: Pubkey::from(line.trader).to_string(),
        state: line_state(&line),
        drawn: usd_unsigned(line.drawn),
        reserved: usd_unsigned(line.reserved_cash),
        consent: consents.then(|| usd_unsigned(line.consent)),
        consent_until: consents.then_some(line.consent_expires_at),
        active_from: some_time(line.active_from),
        call_deadline: some_time(line.call_deadline),
        recalled_from: some_time(line.recall_at),
        written_off: usd_unsigned(line.written_off),
        terms: TermsShown::of(&LineTerms::of(&line)),
    };
    session.output.result(&shown, || {
        let mut rows = vec![
            ("line", shown.line.clone()),
            ("vault", shown.vault.clone()),
            ("margin account", shown.margin_account.clone()),
            ("state", shown.state.to_owned()),
            ("drawn", format!("{} USDC", shown.drawn)),
            ("reserved", format!("{} USDC", shown.reserved)),
        ];
        let times = [
            ("may start at", shown.active_from),
            ("margin call until", shown.call_deadline),
            ("recalled from", shown.recalled_from),
            ("consent until", shown.consent_until),
        ];
        for (name, at) in times {
            rows.extend(at.map(|at| (name, time(at))));
        }
        if let Some(consent) = &shown.consent {
            rows.push(("consent", format!("{consent} USDC")));
        }
        rows.extend(shown.terms.rows());
        pairs(rows)
    })
}
