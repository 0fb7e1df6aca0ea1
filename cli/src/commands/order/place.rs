//! Placing an order: what it would do is shown first, computed by the engine on the accounts as read.

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, ValueEnum};
use plimsoll_client::engine::place::{OrderRequest, SelfTrade, TimeInForce, MATCH_STEPS_MAX};
use plimsoll_client::engine::state::OrderSide;
use plimsoll_client::engine::units::{BaseLots, Ticks};
use plimsoll_client::engine::Env;
use plimsoll_client::events::Event;
use plimsoll_client::OrderArgs;
use serde::Serialize;
use solana_signature::Signature;

use super::preview::{OutcomeShown, PreviewShown};
use super::Place;
use crate::session::Session;
use crate::traders::AccountArgs;
use crate::transactions;
use crate::units::{parse_percent, Round};

const PPM: u64 = 1_000_000;

/// Which side of the trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Buy,
    Sell,
}

impl Side {
    const fn of_book(self) -> OrderSide {
        match self {
            Self::Buy => OrderSide::Bid,
            Self::Sell => OrderSide::Ask,
        }
    }
}

/// What happens when an order meets one of the same owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SelfTradeArg {
    /// The arriving order's remainder is cancelled
    CancelTaker,
    /// The resting order is cancelled
    CancelMaker,
    /// Both shrink by the smaller
    Decrement,
}

/// Arguments of `plimsoll order place`.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Symbol or address
    #[arg(long, short)]
    market: String,
    #[arg(long, short)]
    side: Side,
    /// Size in the asset
    #[arg(long)]
    size: String,
    /// Limit price in dollars
    #[arg(long, required_unless_present = "market_order")]
    price: Option<String>,
    /// Fill what can be filled now, no worse than the mark by --slippage
    #[arg(long, conflicts_with_all = ["price", "post_only", "slide", "fok"])]
    market_order: bool,
    /// Worst distance from the mark
    #[arg(long, default_value = "0.5%", value_name = "PERCENT")]
    slippage: String,
    /// Rest or be refused: never take
    #[arg(long, conflicts_with_all = ["slide", "ioc", "fok"])]
    post_only: bool,
    /// Rest one tick behind the other side where it would have taken
    #[arg(long, conflicts_with_all = ["ioc", "fok"])]
    slide: bool,
    /// Fill what can be filled now, cancel the rest
    #[arg(long, conflicts_with = "fok")]
    ioc: bool,
    /// Fill all of it now or none
    #[arg(long)]
    fok: bool,
    /// Only ever reduce the position
    #[arg(long)]
    reduce_only: bool,
    /// Seconds from now after which it no longer matches
    #[arg(long, value_name = "SECONDS")]
    expires: Option<u32>,
    /// Your own number for it
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    client_id: u64,
    /// What happens when it meets an order of yours
    #[arg(long, default_value = "cancel-taker", value_name = "MODE")]
    self_trade: SelfTradeArg,
    /// Show what it would do and stop
    #[arg(long)]
    dry_run: bool,
}

impl PlaceArgs {
    fn time_in_force(&self) -> TimeInForce {
        if self.post_only {
            TimeInForce::PostOnly
        } else if self.slide {
            TimeInForce::PostOnlySlide
        } else if self.fok {
            TimeInForce::FillOrKill
        } else if self.ioc || self.market_order {
            TimeInForce::ImmediateOrCancel
        } else {
            TimeInForce::Limit
        }
    }
}

/// Arguments of `plimsoll order close`.
#[derive(Args, Debug)]
pub(crate) struct CloseArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Symbol or address
    market: String,
    /// Part of the position, in the asset [default: all of it]
    #[arg(long)]
    size: Option<String>,
    /// Worst distance from the mark
    #[arg(long, default_value = "0.5%", value_name = "PERCENT")]
    slippage: String,
    /// Show what it would do and stop
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(session: &Session, args: PlaceArgs) -> Result<()> {
    let place = Place::find(session, &args.account, &args.market).await?;
    let now = session.connection.chain_time().await?;
    let units = place.units();
    let side = args.side.of_book();
    let price = match &args.price {
        Some(price) => units.ticks(price)?,
        None => worst_price(&place, side, &args.slippage)?,
    };
    let request = OrderRequest {
        side,
        price: Ticks(price),
        lots: BaseLots(units.lots(&args.size)?),
        client_id: args.client_id,
        expires_at: args
            .expires
            .map_or(0, |seconds| now.saturating_add(i64::from(seconds))),
        time_in_force: args.time_in_force(),
        self_trade: match args.self_trade {
            SelfTradeArg::CancelTaker => SelfTrade::CancelTaker,
            SelfTradeArg::CancelMaker => SelfTrade::CancelMaker,
            SelfTradeArg::Decrement => SelfTrade::Decrement,
        },
        reduce_only: args.reduce_only,
        steps_max: u8::try_from(MATCH_STEPS_MAX)?,
    };
    submit(session, &place, &request, now, args.dry_run).await
}

pub(super) async fn close(session: &Session, args: CloseArgs) -> Result<()> {
    let place = Place::find(session, &args.account, &args.market).await?;
    let now = session.connection.chain_time().await?;
    let preview = place.view.preview(now)?;
    let base = preview.legs.get(place.entry).map_or(0, |leg| leg.held.base);
    let symbol = place.market.symbol();
    ensure!(base != 0, "there is no position in {symbol} to close");
    let units = place.units();
    let lots = match &args.size {
        Some(size) => units.lots(size)?,
        None => units.sizes.lots_floor(base.unsigned_abs()).0,
    };
    ensure!(
        lots != 0,
        "the position in {symbol} is smaller than one lot, {}",
        units.lot_size()
    );
    let side = if base > 0 {
        OrderSide::Ask
    } else {
        OrderSide::Bid
    };
    let request = OrderRequest {
        side,
        price: Ticks(worst_price(&place, side, &args.slippage)?),
        lots: BaseLots(lots),
        client_id: 0,
        expires_at: 0,
        time_in_force: TimeInForce::ImmediateOrCancel,
        self_trade: SelfTrade::CancelTaker,
        reduce_only: true,
        steps_max: u8::try_from(MATCH_STEPS_MAX)?,
    };
    submit(session, &place, &request, now, args.dry_run).await
}

/// The mark moved against the trader by the slippage, at a tick that is no worse.
fn worst_price(place: &Place, side: OrderSide, slippage: &str) -> Result<u64> {
    let slippage = u64::from(parse_percent(slippage).context("--slippage")?);
    ensure!(slippage < PPM, "--slippage must be under 100%");
    let mark = place.book()?.header.prices.mark;
    if mark == 0 {
        bail!("{} has no mark yet: name a --price", place.market.symbol());
    }
    let moved = |factor: u64| {
        u64::try_from(u128::from(mark) * u128::from(factor) / u128::from(PPM)).unwrap_or(u64::MAX)
    };
    match side {
        OrderSide::Bid => place
            .units()
            .ticks_of_q32(moved(PPM + slippage), Round::Down),
        OrderSide::Ask => place.units().ticks_of_q32(moved(PPM - slippage), Round::Up),
    }
}

/// What was shown before, and what happened.
#[derive(Serialize)]
struct Placed {
    preview: PreviewShown,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeShown>,
}

async fn submit(
    session: &Session,
    place: &Place,
    request: &OrderRequest,
    now: i64,
    dry_run: bool,
) -> Result<()> {
    let env = Env { now, slot: 0 };
    let found = place
        .view
        .preview_order(&place.address(), request, &env)
        .map_err(|error| anyhow::anyhow!("{error:?}: {error}"))
        .context("the order would be refused")?;
    let preview = PreviewShown::of(place, request, &found);
    let output = session.output;
    if !output.is_json() {
        output.result(&(), || preview.text())?;
    }
    let mut placed = Placed {
        preview,
        signature: None,
        outcome: None,
    };
    if dry_run {
        return output.result(&placed, || "Nothing was sent.".to_owned());
    }
    if found.placed.filled_lots == 0 && found.placed.resting_lots == 0 {
        bail!("it would neither fill nor rest: nothing was sent");
    }
    output.confirm("Place it?")?;
    let accounts = place.trader.trade_accounts(&place.view, &place.address());
    let instruction = accounts.place_order(order_args(place, request));
    let signature = place
        .trader
        .send(session, "the order", &[instruction])
        .await?;
    placed.signature = Some(signature.to_string());
    placed.outcome = outcome(session, place, signature).await?;
    output.result(&placed, || {
        let outcome = placed.outcome.as_ref().map(OutcomeShown::text);
        format!(
            "{}\n{signature}",
            outcome.unwrap_or_else(|| "Placed.".into())
        )
    })
}

/// The request as a transaction carries it.
#[allow(clippy::as_conversions, reason = "discriminants of one byte")]
fn order_args(place: &Place, request: &OrderRequest) -> OrderArgs {
    OrderArgs {
        seat: place.seat,
        side: request.side.byte(),
        time_in_force: request.time_in_force as u8,
        self_trade: request.self_trade as u8,
        reduce_only: request.reduce_only,
        steps_max: request.steps_max,
        price: request.price.0,
        lots: request.lots.0,
        client_id: request.client_id,
        expires_at: request.expires_at,
    }
}

/// What the program says happened.
async fn outcome(
    session: &Session,
    place: &Place,
    signature: Signature,
) -> Result<Option<OutcomeShown>> {
    let events = transactions::outcome(session, signature).await?;
    let placed = events.iter().find_map(|event| match event {
        Event::OrderPlaced(placed) => Some(placed),
        _ => None,
    });
    Ok(placed.map(|placed| OutcomeShown::of(&place.units(), placed)))
}
