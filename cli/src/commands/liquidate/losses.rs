//! The tear-up: what is insolvent at the mark is closed against the whole other side.

use anyhow::Result;
use clap::Args;
use plimsoll_client::engine::liquidation::{Leg, Legs};
use plimsoll_client::engine::EngineError;
use plimsoll_client::events::{DeleveragingExecuted, Event};
use plimsoll_client::receipts::{closed_ppm, receipt_of, side_name};
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::{named_error, StateShown, Target, TargetArgs};
use crate::session::Session;
use crate::units::{percent, usd_unsigned, MarketUnits};

/// Arguments of `plimsoll liquidate tear-up`.
#[derive(Args, Debug)]
pub(super) struct TearUpArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Margin account that is reimbursed out of the keeper pool, in USDC [default: the signer's own]
    #[arg(long, value_name = "ADDRESS")]
    beneficiary: Option<Pubkey>,
}

/// A loss event. Amounts are dollars, sizes in the asset.
#[derive(Debug, Serialize)]
pub(super) struct LossShown {
    margin_account: String,
    market: String,
    receipt: u64,
    size: String,
    price: String,
    deficit: String,
    from_default_fund: String,
    charged: String,
    carried: String,
    charged_side: &'static str,
    closed_fraction: String,
    signature: String,
}

impl LossShown {
    pub(super) fn of(
        executed: &DeleveragingExecuted,
        symbol: String,
        units: &MarketUnits,
        signature: String,
    ) -> Self {
        let ppm = receipt_of(executed).map_or(0, |receipt| closed_ppm(&receipt));
        Self {
            margin_account: executed.margin_account.to_string(),
            market: symbol,
            receipt: executed.number,
            size: units.position(i64::try_from(executed.quantity).unwrap_or(i64::MAX)),
            price: units.price_q32(executed.price),
            deficit: usd_unsigned(executed.deficit),
            from_default_fund: usd_unsigned(executed.from_default_fund),
            charged: usd_unsigned(executed.charged),
            carried: usd_unsigned(executed.carried),
            charged_side: side_name(executed.side),
            closed_fraction: percent(ppm),
            signature,
        }
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{} {} closed at {}, against {} of every {} position (receipt {}; `plimsoll audit adl {}` checks it).\n\
             Loss that the account could not bear: {} USDC; the default fund paid {}, the {} side {}, and {} are carried by the market.\n{}",
            self.size,
            self.market,
            self.price,
            self.closed_fraction,
            self.charged_side,
            self.receipt,
            self.market,
            self.deficit,
            self.from_default_fund,
            self.charged_side,
            self.charged,
            self.carried,
            self.signature
        )
    }
}

/// The market's loss event among a transaction's.
pub(super) fn executed<'a>(
    events: &'a [Event],
    signature: &impl std::fmt::Display,
) -> Result<&'a DeleveragingExecuted> {
    let executed = events.iter().find_map(|event| match event {
        Event::DeleveragingExecuted(executed) => Some(&**executed),
        _ => None,
    });
    executed.ok_or_else(|| {
        anyhow::anyhow!("{signature} was confirmed, but the node does not have its log")
    })
}

/// As in a liquidation while there are positions; then the flat leg with the largest loss (ADR 0008).
fn leg(legs: &Legs) -> Result<&Leg, EngineError> {
    match legs.next() {
        Err(EngineError::NotLiquidatable) => legs.largest_loss().ok_or(EngineError::AccountSolvent),
        found => found,
    }
}

pub(super) async fn tear_up(session: &Session, args: &TearUpArgs) -> Result<()> {
    let target = Target::read(session, &args.target).await?;
    let beneficiary = target.beneficiary(session, args.beneficiary).await?;
    let legs = target.view.liquidation_legs(None, target.now);
    let legs = legs.map_err(named_error)?;
    let market = Pubkey::from(leg(&legs).map_err(named_error)?.market);
    let (symbol, units, _) = target.market(&market)?;
    let before = StateShown::of(&target, &market)?;
    let question = format!(
        "Tear up {} in {symbol}: {}?",
        target.address(),
        before.text()
    );
    let instruction = target.call(market, beneficiary).tear_up();
    let (signature, events) = target
        .send(session, "the tear-up", &question, instruction)
        .await?;
    let executed = executed(&events, &signature)?;
    let shown = LossShown::of(executed, symbol, &units, signature.to_string());
    session.output.result(&shown, || shown.text())
}
