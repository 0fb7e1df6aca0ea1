//! `plimsoll book`: the depth of a market's book.

use anyhow::Result;
use clap::Args;
use plimsoll_client::accounts::Level;
use plimsoll_client::engine::state::OrderSide;
use serde::Serialize;

use crate::markets::{self, state_of};
use crate::output::table;
use crate::session::Session;
use crate::units::MarketUnits;

/// Arguments of `plimsoll book`.
#[derive(Args, Debug)]
pub(crate) struct BookArgs {
    /// Symbol or address
    market: String,
    /// Prices a side
    #[arg(long, default_value_t = 10)]
    depth: usize,
}

#[derive(Serialize)]
struct BookShown {
    symbol: String,
    state: &'static str,
    index: String,
    mark: String,
    bids: Vec<LevelShown>,
    asks: Vec<LevelShown>,
}

#[derive(Serialize)]
struct LevelShown {
    price: String,
    size: String,
    orders: u32,
    /// Sizes up to this price together.
    depth: String,
}

pub(crate) async fn run(session: &Session, args: BookArgs) -> Result<()> {
    let listed = markets::find(session, &args.market).await?;
    let now = session.connection.chain_time().await?;
    let market = session.connection.market(&listed.address).await?;
    let units = listed.units();
    let side = |side| levels(&units, &market.levels(side, args.depth, now));
    let shown = BookShown {
        symbol: listed.symbol(),
        state: state_of(&market.header, now),
        index: units.price_q32(market.header.prices.index),
        mark: units.price_q32(market.header.prices.mark),
        bids: side(OrderSide::Bid),
        asks: side(OrderSide::Ask),
    };
    session.output.result(&shown, || text(&shown))
}

fn levels(units: &MarketUnits, levels: &[Level]) -> Vec<LevelShown> {
    let mut depth = 0_u64;
    let shown = levels.iter().map(|level| {
        depth = depth.saturating_add(level.lots);
        LevelShown {
            price: units.price(level.price),
            size: units.size(level.lots),
            orders: level.orders,
            depth: units.size(depth),
        }
    });
    shown.collect()
}

fn text(shown: &BookShown) -> String {
    let row = |side: &str, level: &LevelShown| {
        [
            side.to_owned(),
            level.price.clone(),
            level.size.clone(),
            level.orders.to_string(),
            level.depth.clone(),
        ]
    };
    let asks = shown.asks.iter().rev().map(|level| row("ask", level));
    let bids = shown.bids.iter().map(|level| row("bid", level));
    let book = table(
        &["side", "price", "size", "orders", "depth"],
        asks.chain(bids),
    );
    let empty = shown.asks.is_empty() && shown.bids.is_empty();
    let book = if empty {
        "The book is empty.".to_owned()
    } else {
        book
    };
    format!(
        "{}, {}: index {}, mark {}\n{book}",
        shown.symbol, shown.state, shown.index, shown.mark
    )
}
