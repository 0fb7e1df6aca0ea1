//! The loan: drawing, repaying, valuing, writing off and collecting.

use anyhow::Result;
use clap::Args;
use plimsoll_client::engine::state::MarginAccount;
use plimsoll_client::instructions::{CreditKeys, LoanAccounts};
use solana_pubkey::Pubkey;

use super::{found, pick, Desk, Done, LineArgs};
use crate::output::time;
use crate::session::Session;
use crate::units::{parse_usd, usd_unsigned};

/// Arguments of the steps that need no more than the line.
#[derive(Args, Debug)]
pub(crate) struct LoanArgs {
    #[command(flatten)]
    line: LineArgs,
}

/// Arguments of `plimsoll credit repay`.
#[derive(Args, Debug)]
pub(crate) struct RepayArgs {
    #[command(flatten)]
    line: LineArgs,
    /// USDC
    amount: String,
    /// Out of the account's own cash, not of the signer's wallet; by the owner while the account keeps 115%
    /// of its maintenance margin, by anyone else while its own equity does
    #[arg(long)]
    from_cash: bool,
}

/// A line with its borrower.
struct Loan {
    desk: Desk,
    line: Pubkey,
    keys: CreditKeys,
    margin_account: Pubkey,
    account: MarginAccount,
    /// Custody shard through which cash moves.
    shard: u8,
}

impl Loan {
    async fn read(session: &Session, args: &LineArgs) -> Result<Self> {
        let desk = Desk::new(session)?;
        let (address, line) = desk.line(session, args).await?;
        let margin_account = Pubkey::from(line.margin_account);
        let account = crate::traders::view(session, &margin_account)
            .await?
            .account;
        let exchange = session
            .connection
            .exchange(&desk.addresses.exchange)
            .await?;
        let shard = account
            .custody_shard
            .checked_rem(exchange.custody_shards_len)
            .unwrap_or(0);
        Ok(Self {
            line: address,
            keys: desk.keys(address, &line),
            margin_account,
            account,
            shard,
            desk,
        })
    }

    fn accounts(&self) -> LoanAccounts<'_> {
        LoanAccounts {
            addresses: &self.desk.addresses,
            margin_account: self.margin_account,
            account: &self.account,
            keys: self.keys,
        }
    }
}

pub(super) async fn draw(session: &Session, args: &LoanArgs) -> Result<()> {
    let loan = Loan::read(session, &args.line).await?;
    let instruction = loan.accounts().draw(loan.shard);
    let question = format!("Draw line {} for {}?", loan.line, loan.margin_account);
    let (signature, events) = loan
        .desk
        .step(session, "the draw", &question, instruction)
        .await?;
    let drawn = found(&events, &signature, pick!(CreditDrawn))?;
    Done::new(format!(
        "{} USDC drawn; {} USDC are owed, and the margin call runs until {} UTC.",
        usd_unsigned(drawn.amount),
        usd_unsigned(drawn.credit_principal),
        time(drawn.call_deadline)
    ))
    .with("line", loan.line)
    .with("margin_account", loan.margin_account)
    .with("amount", usd_unsigned(drawn.amount))
    .with("principal", usd_unsigned(drawn.credit_principal))
    .with("call_deadline", drawn.call_deadline)
    .balances(&drawn.balances)
    .print(session, &signature)
}

pub(super) async fn repay(session: &Session, args: &RepayArgs) -> Result<()> {
    let amount = parse_usd(&args.amount)?;
    let loan = Loan::read(session, &args.line).await?;
    let payer = loan.desk.signer();
    let (instruction, out_of) = if args.from_cash {
        let shard = loan.shard;
        let built = loan.accounts().repay_from_cash(payer, shard, amount);
        (built, "its own cash")
    } else {
        let source = loan.desk.wallet(&payer);
        (loan.accounts().repay(payer, source, amount), "your wallet")
    };
    let question = format!(
        "Repay up to {} USDC of {}'s debt out of {out_of}?",
        usd_unsigned(amount),
        loan.margin_account
    );
    let (signature, events) = loan
        .desk
        .step(session, "the repayment", &question, instruction)
        .await?;
    let repaid = found(&events, &signature, pick!(CreditRepaid))?;
    Done::new(format!(
        "Repaid: {} USDC of interest, {} of principal, {} of lien; {} USDC of principal are left.",
        usd_unsigned(repaid.interest),
        usd_unsigned(repaid.principal),
        usd_unsigned(repaid.lien),
        usd_unsigned(repaid.credit_principal)
    ))
    .with("line", loan.line)
    .with("interest", usd_unsigned(repaid.interest))
    .with("principal", usd_unsigned(repaid.principal))
    .with("lien", usd_unsigned(repaid.lien))
    .with("principal_left", usd_unsigned(repaid.credit_principal))
    .balances(&repaid.balances)
    .print(session, &signature)
}

pub(super) async fn value(session: &Session, args: &LoanArgs) -> Result<()> {
    let loan = Loan::read(session, &args.line).await?;
    let instruction = loan.accounts().value_line();
    let question = format!("Value line {}?", loan.line);
    let (signature, events) = loan
        .desk
        .step(session, "the valuation", &question, instruction)
        .await?;
    let valued = found(&events, &signature, pick!(LineValued))?;
    Done::new(format!(
        "{} USDC are drawn and count as {} for who leaves the vault; {} USDC of interest were booked.",
        usd_unsigned(valued.drawn),
        usd_unsigned(valued.value),
        usd_unsigned(valued.interest)
    ))
    .with("line", loan.line)
    .with("drawn", usd_unsigned(valued.drawn))
    .with("value", usd_unsigned(valued.value))
    .with("interest", usd_unsigned(valued.interest))
    .balances(&valued.balances)
    .print(session, &signature)
}

pub(super) async fn write_off(session: &Session, args: &LoanArgs) -> Result<()> {
    let loan = Loan::read(session, &args.line).await?;
    let instruction = loan.accounts().write_off();
    let question = format!(
        "Record what {} cannot repay against the vault? It stays owed as a lien.",
        loan.margin_account
    );
    let (signature, events) = loan
        .desk
        .step(session, "the write-off", &question, instruction)
        .await?;
    let written = found(&events, &signature, pick!(CreditWrittenOff))?;
    Done::new(format!(
        "{} USDC of principal and {} of interest are written off; {} junior shares were burned for it. The lien is {} USDC.",
        usd_unsigned(written.principal),
        usd_unsigned(written.interest),
        written.junior_shares_burned,
        usd_unsigned(written.lien)
    ))
    .with("line", loan.line)
    .with("principal", usd_unsigned(written.principal))
    .with("interest", usd_unsigned(written.interest))
    .with("junior_shares_burned", written.junior_shares_burned)
    .with("lien", usd_unsigned(written.lien))
    .balances(&written.balances)
    .print(session, &signature)
}

pub(super) async fn collect_lien(session: &Session, args: &LoanArgs) -> Result<()> {
    let loan = Loan::read(session, &args.line).await?;
    let instruction = loan.accounts().collect_lien(loan.shard);
    let question = format!(
        "Collect the lien of {} USDC out of the cash of {}?",
        usd_unsigned(loan.account.lien),
        loan.margin_account
    );
    let (signature, events) = loan
        .desk
        .step(session, "collecting the lien", &question, instruction)
        .await?;
    let collected = found(&events, &signature, pick!(LienCollected))?;
    Done::new(format!(
        "{} USDC collected; {} USDC of the lien are left.",
        usd_unsigned(collected.amount),
        usd_unsigned(collected.lien)
    ))
    .with("line", loan.line)
    .with("amount", usd_unsigned(collected.amount))
    .with("lien", usd_unsigned(collected.lien))
    .balances(&collected.balances)
    .print(session, &signature)
}
