//! `plimsoll trades`: the last trades of a market, from the program's events.

use anyhow::Result;
use clap::Args;
use plimsoll_client::engine::state::OrderSide;
use plimsoll_client::events::{AuctionFilled, Event};
use serde::Serialize;

use crate::markets;
use crate::output::table;
use crate::session::Session;
use crate::transactions::{self, PastTransaction};
use crate::units::MarketUnits;

/// Arguments of `plimsoll trades`.
#[derive(Args, Debug)]
pub(crate) struct TradesArgs {
    /// Symbol or address
    market: String,
    /// Trades at most
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Transactions of the market to look through; refreshes of the mark are among them
    #[arg(long, default_value_t = 300)]
    scan: usize,
}

#[derive(Serialize)]
struct TradeShown {
    time: Option<i64>,
    /// The taker's side; `auction` where all traded at one price.
    side: &'static str,
    price: String,
    size: String,
    slot: u64,
    signature: String,
}

pub(crate) async fn run(session: &Session, args: TradesArgs) -> Result<()> {
    let market = markets::find(session, &args.market).await?;
    let units = market.units();
    let past = transactions::last(session, &market.address, args.scan).await?;
    let newest_first = past.iter().rev();
    let trades =
        newest_first.flat_map(|transaction| trades_in(transaction, &market.address, &units));
    let trades: Vec<TradeShown> = trades.take(args.limit).collect();
    session.output.result(&trades, || {
        if trades.is_empty() {
            return format!(
                "No trade in the last {} transactions of {}.",
                past.len(),
                market.symbol()
            );
        }
        let rows = trades.iter().map(|trade| {
            [
                trade
                    .time
                    .map_or_else(|| "–".to_owned(), crate::output::time),
                trade.side.to_owned(),
                trade.price.clone(),
                trade.size.clone(),
                trade.signature.clone(),
            ]
        });
        table(
            &["time (UTC)", "taker", "price", "size", "transaction"],
            rows,
        )
    })
}

fn trades_in(
    transaction: &PastTransaction,
    market: &solana_pubkey::Pubkey,
    units: &MarketUnits,
) -> Vec<TradeShown> {
    let mut trades = Vec::new();
    for event in transaction.events.iter().rev() {
        if let Event::AuctionFilled(filled) = event {
            trades.extend(auctioned(filled, transaction, market, units));
        }
        let Event::OrderPlaced(placed) = event else {
            continue;
        };
        if placed.market != *market {
            continue;
        }
        let buys = placed.side == OrderSide::Bid.byte();
        let shown = placed.fills.iter().rev().map(|fill| TradeShown {
            time: transaction.time,
            side: if buys { "buy" } else { "sell" },
            price: units.price(fill.price),
            size: units.size(fill.lots),
            slot: transaction.slot,
            signature: transaction.signature.clone(),
        });
        trades.extend(shown);
    }
    trades
}

/// What one call filled in an auction: bought and sold alike, so the buyers' orders tell it.
fn auctioned(
    filled: &AuctionFilled,
    transaction: &PastTransaction,
    market: &solana_pubkey::Pubkey,
    units: &MarketUnits,
) -> Option<TradeShown> {
    let bids = filled.fills.iter();
    let bids = bids.filter(|fill| fill.side == OrderSide::Bid.byte());
    let lots = bids.map(|fill| fill.lots).fold(0, u64::saturating_add);
    (filled.market == *market && lots != 0).then(|| TradeShown {
        time: transaction.time,
        side: "auction",
        price: units.price(filled.price),
        size: units.size(lots),
        slot: transaction.slot,
        signature: transaction.signature.clone(),
    })
}
