//! `plimsoll liquidate`: the permissionless steps on an account below maintenance (spec §8, §9). Anyone may
//! send any of them; the program derives leg, price and size, and refuses by name what is not due.

mod auction;
mod losses;
mod remains;
mod steps;

use anyhow::{anyhow, Context, Result};
use clap::{Args, Subcommand};
use plimsoll_client::addresses;
use plimsoll_client::engine::risk::AccountRisk;
use plimsoll_client::engine::state::CreditLine;
use plimsoll_client::engine::EngineError;
use plimsoll_client::events::Event;
use plimsoll_client::instructions::{CreditKeys, Liquidation};
use plimsoll_client::preview::AccountView;
use plimsoll_client::ExchangeAddresses;
use serde::Serialize;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;

use crate::markets::symbol_of;
use crate::session::Session;
use crate::traders;
use crate::units::{usd, usd_unsigned, MarketUnits};

/// Arguments of `plimsoll liquidate`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct LiquidateArgs {
    #[command(subcommand)]
    step: Option<Step>,
    /// Margin account to liquidate, or its owner's address
    #[arg(required = true, value_name = "ACCOUNT")]
    account: Option<Pubkey>,
    /// Number of the owner's sub-account, if an owner is named
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    sub_account: u16,
    /// Margin account that is reimbursed out of the keeper pool, in USDC [default: the signer's own]
    #[arg(long, value_name = "ADDRESS")]
    beneficiary: Option<Pubkey>,
}

/// The later steps, and what losses leave behind.
#[derive(Subcommand, Debug)]
enum Step {
    /// Take over what the book did not, at the price that the program offers now
    TakeOver(steps::TakeOverArgs),
    /// Bring an account's liquidation into the auction of a halted market, or its interest up to date
    JoinAuction(auction::JoinArgs),
    /// Close an insolvent account's next position against the whole other side
    TearUp(losses::TearUpArgs),
    /// Close a position of less than one lot at the mark plus the taker fee
    CloseRemainder(remains::RemainderArgs),
    /// Bring a seat that slept through ends of epochs up to date, five ends a call
    SyncSeat(remains::SyncArgs),
}

/// Which account a step is about.
#[derive(Args, Clone, Debug)]
struct TargetArgs {
    /// Margin account, or its owner's address
    #[arg(value_name = "ACCOUNT")]
    account: Pubkey,
    /// Number of the owner's sub-account, if an owner is named
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    sub_account: u16,
}

pub(crate) async fn run(session: &Session, args: LiquidateArgs) -> Result<()> {
    match (args.step, args.account) {
        (Some(Step::TakeOver(step)), _) => steps::take_over(session, &step).await,
        (Some(Step::JoinAuction(step)), _) => auction::join(session, &step).await,
        (Some(Step::TearUp(step)), _) => losses::tear_up(session, &step).await,
        (Some(Step::CloseRemainder(step)), _) => remains::close(session, &step).await,
        (Some(Step::SyncSeat(step)), _) => remains::sync(session, &step).await,
        (None, Some(account)) => {
            let target = TargetArgs {
                account,
                sub_account: args.sub_account,
            };
            steps::liquidate(session, &target, args.beneficiary).await
        }
        (None, None) => Err(anyhow!("name the margin account")),
    }
}

/// An account as a step finds it, and who sends the step.
struct Target {
    keypair: Keypair,
    addresses: ExchangeAddresses,
    view: AccountView,
    line: Option<CreditLine>,
    now: i64,
}

impl Target {
    async fn read(session: &Session, args: &TargetArgs) -> Result<Self> {
        let account = traders::named(session, &args.account, args.sub_account).await?;
        let view = traders::view(session, &account).await?;
        let named = Pubkey::from(view.account.credit_line);
        let line = if named == Pubkey::default() {
            None
        } else {
            Some(session.connection.credit_line(&named).await?)
        };
        Ok(Self {
            keypair: session.signer()?,
            addresses: session.addresses()?,
            view,
            line,
            now: session.connection.chain_time().await?,
        })
    }

    fn address(&self) -> Pubkey {
        self.view.address
    }

    fn credit_keys(&self) -> Option<CreditKeys> {
        let vault = Pubkey::from(self.line.as_ref()?.vault);
        Some(CreditKeys {
            line: self.view.account.credit_line.into(),
            vault,
            vault_cash: addresses::vault_cash(&self.addresses.program, &vault),
        })
    }

    /// Who is reimbursed: as named, or the signer's first margin account.
    async fn beneficiary(&self, session: &Session, named: Option<Pubkey>) -> Result<Pubkey> {
        let own = || self.addresses.margin_account(&self.keypair.pubkey(), 0);
        let beneficiary = named.unwrap_or_else(own);
        let found = session.connection.margin_account(&beneficiary).await;
        found.with_context(|| {
            format!("the reimbursement needs a margin account: `plimsoll account create` makes {beneficiary}, or name another with --beneficiary")
        })?;
        Ok(beneficiary)
    }

    fn call(&self, market: Pubkey, beneficiary: Pubkey) -> Liquidation<'_> {
        Liquidation {
            addresses: &self.addresses,
            margin_account: self.address(),
            account: &self.view.account,
            market,
            beneficiary,
            credit: self.credit_keys(),
        }
    }

    fn risk(&self) -> Result<AccountRisk> {
        self.view.risk(self.now).map_err(named_error)
    }

    /// Block of the account's seat in a market.
    fn seat(&self, market: &Pubkey) -> Result<u32> {
        let entries = self.view.account.entries();
        let entry = entries
            .iter()
            .find(|entry| entry.market == market.to_bytes());
        let entry = entry.with_context(|| format!("the account has no seat in {market}"))?;
        Ok(entry.seat)
    }

    /// Name, units and base atoms of one of the account's markets.
    fn market(&self, market: &Pubkey) -> Result<(String, MarketUnits, i64)> {
        let at = self.view.account.entry_of(&market.to_bytes());
        let at = at.with_context(|| format!("the account has no seat in {market}"))?;
        let view = self
            .view
            .markets
            .get(at)
            .context("the market was not read")?;
        let seat = view.seat(self.seat(market)?).context("the seat")?;
        let base = view.holding(seat).map_or(0, |held| held.base);
        Ok((
            symbol_of(&view.header),
            MarketUnits::of(&view.header.params),
            base,
        ))
    }

    /// Simulates, asks, sends, and reads what the program says happened.
    async fn send(
        &self,
        session: &Session,
        doing: &str,
        question: &str,
        instruction: Instruction,
    ) -> Result<(Signature, Vec<Event>)> {
        traders::step(session, doing, question, &[instruction], &self.keypair).await
    }

    /// The same account a moment later.
    async fn again(&self, session: &Session) -> Result<Self> {
        let args = TargetArgs {
            account: self.address(),
            sub_account: 0,
        };
        Self::read(session, &args).await
    }
}

/// An account's state before or after a step. Amounts are dollars, sizes in the asset.
#[derive(Debug, Default, Serialize)]
struct StateShown {
    position: String,
    /// With credit drawn.
    equity: String,
    maintenance_margin: String,
}

impl StateShown {
    fn of(target: &Target, market: &Pubkey) -> Result<Self> {
        let (_, units, base) = target.market(market)?;
        let risk = target.risk()?;
        Ok(Self {
            position: units.position(base),
            equity: usd(risk.equity_with_credit().map_err(named_error)?),
            maintenance_margin: usd_unsigned(risk.maintenance_margin),
        })
    }

    fn text(&self) -> String {
        format!(
            "{} with {} USDC over {} USDC of maintenance margin",
            self.position, self.equity, self.maintenance_margin
        )
    }
}

/// An engine's error as a transaction's would read.
fn named_error(error: EngineError) -> anyhow::Error {
    anyhow!("{error:?}: {error}")
}
