//! Joining a halted market's auction with what an account below maintenance must close there.

use anyhow::{bail, Result};
use clap::Args;
use plimsoll_client::engine::halt;
use plimsoll_client::engine::state::{HaltPhase, OrderSide};
use plimsoll_client::events::{AuctionJoined, Event};
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::{named_error, StateShown, Target, TargetArgs};
use crate::markets::{self, state_of};
use crate::session::Session;
use crate::units::{usd_unsigned, MarketUnits};

/// Arguments of `plimsoll liquidate join-auction`.
#[derive(Args, Debug)]
pub(super) struct JoinArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Symbol or address
    market: String,
    /// Another margin account, as in the other steps; nothing is paid to it here [default: the signer's own]
    #[arg(long, value_name = "ADDRESS")]
    beneficiary: Option<Pubkey>,
}

/// What joining did. Amounts are dollars, sizes in the asset.
#[derive(Debug, Serialize)]
struct JoinedShown {
    margin_account: String,
    market: String,
    before: StateShown,
    orders_cancelled: u8,
    drawn: String,
    /// `buy` or `sell`; `None`: it has no interest in the auction now.
    side: Option<&'static str>,
    size: String,
    zero_price: Option<String>,
    call_ends_in_seconds: i64,
    signature: String,
}

pub(super) async fn join(session: &Session, args: &JoinArgs) -> Result<()> {
    let market = markets::find(session, &args.market).await?;
    let target = Target::read(session, &args.target).await?;
    // Nobody is reimbursed for it, but the program reads another margin account all the same.
    let beneficiary = target.beneficiary(session, args.beneficiary).await?;
    let (symbol, units, _) = target.market(&market.address)?;
    let phase = halt::phase(&market.header, target.now);
    if !matches!(phase, HaltPhase::Call | HaltPhase::Freeze) {
        bail!(
            "{symbol} is in no call ({}): `plimsoll liquidate` works on an open market",
            state_of(&market.header, target.now)
        );
    }
    let legs = target.view.liquidation_legs(None, target.now);
    let legs = legs.map_err(named_error)?;
    let cancelled: Vec<Pubkey> = legs
        .iter()
        .filter(|leg| leg.orders != 0 && Pubkey::from(leg.market) != market.address)
        .map(|leg| Pubkey::from(leg.market))
        .collect();
    let exchange = session.connection.exchange(&target.addresses.exchange);
    let shards = exchange.await?.custody_shards_len;
    let shard = target.view.account.custody_shard;
    let shard = shard.checked_rem(shards).unwrap_or(0);
    let before = StateShown::of(&target, &market.address)?;
    let question = format!(
        "Bring {} into the auction of {symbol}: {}?",
        target.address(),
        before.text()
    );
    let call = target.call(market.address, beneficiary);
    let instruction = call.join_auction(shard, &cancelled);
    let doing = "joining the auction";
    let (signature, events) = target.send(session, doing, &question, instruction).await?;
    let joined = events.iter().find_map(|event| match event {
        Event::AuctionJoined(joined) => Some(joined),
        _ => None,
    });
    let Some(joined) = joined else {
        bail!("{signature} was confirmed, but the node does not have its log");
    };
    let left = market.header.halt.call_ends_at.saturating_sub(target.now);
    let shown = JoinedShown {
        before,
        call_ends_in_seconds: left,
        ..shown_of(joined, symbol, &units, signature.to_string())
    };
    session.output.result(&shown, || text(&shown))
}

fn shown_of(
    joined: &AuctionJoined,
    symbol: String,
    units: &MarketUnits,
    signature: String,
) -> JoinedShown {
    let side = if joined.side == OrderSide::Bid.byte() {
        "buy"
    } else {
        "sell"
    };
    JoinedShown {
        margin_account: joined.margin_account.to_string(),
        market: symbol,
        before: StateShown::default(),
        orders_cancelled: joined.cancelled,
        drawn: usd_unsigned(joined.drawn),
        side: (joined.lots != 0).then_some(side),
        size: units.size(joined.lots),
        zero_price: (joined.lots != 0).then(|| units.price(joined.price)),
        call_ends_in_seconds: 0,
        signature,
    }
}

fn text(shown: &JoinedShown) -> String {
    let mut said = Vec::new();
    if shown.orders_cancelled != 0 {
        said.push(format!(
            "{} of its orders left the books.",
            shown.orders_cancelled
        ));
    }
    if shown.drawn != "0.00" {
        said.push(format!(
            "Its credit line lent {} USDC; nothing has to be closed.",
            shown.drawn
        ));
    }
    match (shown.side, &shown.zero_price) {
        (Some(side), Some(price)) => said.push(format!(
            "It will {side} up to {} {} in the auction, at {price} or better; the call ends in {} s. Until then the same command brings this up to date.",
            shown.size,
            shown.market,
            shown.call_ends_in_seconds.max(0)
        )),
        _ => said.push("It has no interest in the auction now.".to_owned()),
    }
    said.push(shown.signature.clone());
    said.join("\n")
}

#[cfg(test)]
mod tests {
    use plimsoll_client::engine::units::LotSizes;

    use super::*;

    fn told(lots: u64, drawn: u64) -> String {
        let sizes = LotSizes {
            base_atoms_per_lot: 1_000_000,
            quote_atoms_per_lot_tick: 10,
        };
        let joined = AuctionJoined {
            version: 1,
            margin_account: Pubkey::default(),
            market: Pubkey::default(),
            order: 7,
            side: 1,
            price: 17_250,
            lots,
            cancelled: 2,
            drawn,
        };
        let units = MarketUnits::new(sizes, 8);
        text(&shown_of(
            &joined,
            "AVAX".into(),
            &units,
            "signature".into(),
        ))
    }

    #[test]
    fn a_draw_an_interest_and_neither_read_differently() {
        let interest = told(400, 0);
        assert!(interest.contains("It will sell up to 4 AVAX in the auction, at 17.250 or better"));
        assert!(interest.starts_with("2 of its orders left the books."));
        let drawn = told(0, 5_000_000);
        assert!(drawn.contains("lent 5.00 USDC") && drawn.contains("no interest in the auction"));
    }
}
