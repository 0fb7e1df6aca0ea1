//! The resting orders of an account, in all of its markets.

use anyhow::Result;
use plimsoll_client::engine::state::{Order, OrderSide};
use serde::Serialize;

use crate::output::table;
use crate::session::Session;
use crate::traders::{AccountArgs, Trader};
use crate::units::MarketUnits;

#[derive(Serialize)]
struct OrderShown {
    market: String,
    order: u64,
    side: &'static str,
    price: String,
    open: String,
    placed: String,
    reduce_only: bool,
    /// A liquidation's interest in an auction: not the owner's to cancel.
    liquidation: bool,
    client_id: u64,
    expires_at: Option<i64>,
    expired: bool,
}

pub(super) async fn run(session: &Session, args: &AccountArgs) -> Result<()> {
    let trader = Trader::new(session, args)?;
    let view = trader.view(session).await?;
    let now = session.connection.chain_time().await?;
    let mut all = Vec::new();
    for (entry, market) in view.account.entries().iter().zip(&view.markets) {
        let units = MarketUnits::of(&market.header.params);
        let orders = market.orders_of_seat(entry.seat);
        let shown = orders
            .iter()
            .map(|(_, order)| shown(&market.symbol(), &units, order, now));
        all.extend(shown);
    }
    session.output.result(&all, || text(&all, now))
}

fn shown(market: &str, units: &MarketUnits, order: &Order, now: i64) -> OrderShown {
    let bid = order.side == OrderSide::Bid.byte();
    OrderShown {
        market: market.to_owned(),
        order: order.sequence,
        side: if bid { "buy" } else { "sell" },
        price: units.price(order.price),
        open: units.size(order.lots),
        placed: units.size(order.lots_placed),
        reduce_only: order.reduce_only != 0,
        liquidation: order.liquidation != 0,
        client_id: order.client_id,
        expires_at: (order.expires_at != 0).then_some(order.expires_at),
        expired: order.expired(now),
    }
}

fn text(all: &[OrderShown], now: i64) -> String {
    if all.is_empty() {
        return "No order rests.".to_owned();
    }
    let rows = all.iter().map(|order| {
        let expires = match order.expires_at {
            None => "never".to_owned(),
            Some(_) if order.expired => "has expired".to_owned(),
            Some(at) => format!("in {} s", at.saturating_sub(now)),
        };
        [
            order.market.clone(),
            order.order.to_string(),
            order.side.to_owned(),
            order.price.clone(),
            format!("{} of {}", order.open, order.placed),
            match (order.liquidation, order.reduce_only) {
                (true, _) => "liquidation",
                (false, true) => "reduce-only",
                (false, false) => "",
            }
            .to_owned(),
            order.client_id.to_string(),
            expires,
        ]
    });
    let header = [
        "market",
        "order",
        "side",
        "price",
        "open",
        "",
        "client id",
        "expires",
    ];
    table(&header, rows)
}
