//! Cancelling: one order by its number or by its owner's number, or all of them.

use anyhow::{bail, ensure, Context, Result};
use clap::Args;
use plimsoll_client::preview::AccountView;
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::Place;
use crate::markets::{find, symbol_of};
use crate::session::Session;
use crate::traders::{AccountArgs, Trader};

/// Orders that one transaction cancels at most: all that a seat can have.
const CANCELS_AT_ONCE: u8 = 64;

/// Arguments of `plimsoll order cancel`.
#[derive(Args, Debug)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Symbol or address
    market: String,
    /// The order's number, as `order list` shows it
    #[arg(required_unless_present = "client_id")]
    order: Option<u64>,
    /// Your own number for it: the newest that carries it
    #[arg(long, conflicts_with = "order", value_name = "NUMBER")]
    client_id: Option<u64>,
}

/// Arguments of `plimsoll order cancel-all`.
#[derive(Args, Debug)]
pub(crate) struct CancelAllArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Symbol or address [default: every market of the account]
    market: Option<String>,
}

#[derive(Serialize)]
struct Cancelled {
    market: String,
    orders: usize,
    signature: String,
}

pub(super) async fn one(session: &Session, args: CancelArgs) -> Result<()> {
    let place = Place::find(session, &args.account, &args.market).await?;
    let accounts = place.trader.trade_accounts(&place.view, &place.address());
    let instruction = match (args.order, args.client_id) {
        (Some(sequence), _) => {
            let orders = place.book()?.orders_of_seat(place.seat);
            let found = orders.iter().find(|(_, order)| order.sequence == sequence);
            let (block, _) = found.with_context(|| {
                let symbol = place.market.symbol();
                format!("the account has no order {sequence} in {symbol}")
            })?;
            accounts.cancel_order(place.seat, *block, sequence)
        }
        (None, Some(client_id)) => accounts.cancel_order_by_client_id(place.seat, client_id),
        (None, None) => bail!("name the order or its --client-id"),
    };
    let signature = place
        .trader
        .send(session, "the cancel", &[instruction])
        .await?;
    let cancelled = Cancelled {
        market: place.market.symbol(),
        orders: 1,
        signature: signature.to_string(),
    };
    session.output.result(&cancelled, || {
        format!("Cancelled.\n{}", cancelled.signature)
    })
}

pub(super) async fn all(session: &Session, args: CancelAllArgs) -> Result<()> {
    let trader = Trader::new(session, &args.account)?;
    let view = trader.view(session).await?;
    let only = match &args.market {
        Some(name) => Some(find(session, name).await?.address),
        None => None,
    };
    let mut all = Vec::new();
    for entry in 0..view.markets.len() {
        all.extend(all_in(session, &trader, &view, entry, only).await?);
    }
    if let Some(market) = &args.market {
        let seated = view.account.entries().iter();
        let mut seated = seated.map(|entry| Pubkey::from(entry.market));
        ensure!(
            seated.any(|seat| Some(seat) == only),
            "the account has no seat in {market}"
        );
    }
    session.output.result(&all, || {
        let lines: Vec<String> = all
            .iter()
            .map(|done| {
                format!(
                    "{}: {} cancelled\n{}",
                    done.market, done.orders, done.signature
                )
            })
            .collect();
        if lines.is_empty() {
            "There was no order to cancel.".to_owned()
        } else {
            lines.join("\n")
        }
    })
}

/// Cancels what rests in one of the account's markets, unless another one is meant.
async fn all_in(
    session: &Session,
    trader: &Trader,
    view: &AccountView,
    entry: usize,
    only: Option<Pubkey>,
) -> Result<Option<Cancelled>> {
    let seat = view.account.entries().get(entry).copied();
    let (Some(seat), Some(market)) = (seat, view.markets.get(entry)) else {
        return Ok(None);
    };
    let address = Pubkey::from(seat.market);
    let orders = market.orders_of_seat(seat.seat).len();
    if orders == 0 || only.is_some_and(|only| only != address) {
        return Ok(None);
    }
    let accounts = trader.trade_accounts(view, &address);
    let cancel = accounts.cancel_all_orders(seat.seat, CANCELS_AT_ONCE);
    let signature = trader.send(session, "the cancel", &[cancel]).await?;
    Ok(Some(Cancelled {
        market: symbol_of(&market.header),
        orders,
        signature: signature.to_string(),
    }))
}
