//! `plimsoll market halt-status`: where a market stands between a trip and its reopening, by the chain's
//! clock, what its auction would come to, and what is left of its budget.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use plimsoll_client::engine::halt::{self, Cause};
use plimsoll_client::engine::state::{AuctionStep, HaltPhase, OrderSide};
use plimsoll_client::engine::velocity::Band;
use plimsoll_client::engine::{auction, math};
use plimsoll_client::MarketView;
use serde::Serialize;

use crate::markets::{self, state_of};
use crate::output::{pairs, time};
use crate::session::Session;
use crate::units::MarketUnits;

/// Between two looks of `--watch`.
const PAUSE: Duration = Duration::from_millis(500);

/// A market's halt. Times are the chain's, sizes in the asset.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct StatusShown {
    market: String,
    chain_time: i64,
    state: &'static str,
    /// `open`, `call`, `freeze`, `uncross` or `resolve`.
    pub(super) phase: &'static str,
    /// The next phase by the clock alone, and seconds to it.
    next_phase: Option<&'static str>,
    pub(super) seconds_to_next_phase: Option<i64>,
    reopens_at_latest: Option<i64>,
    pub(super) seconds_to_reopening: Option<i64>,
    /// The reopening is there by the clock; the next instruction writes it down.
    not_written: bool,
    /// The halt that runs, or the last one.
    last: Option<HaltShown>,
    auction: Option<AuctionShown>,
    liquidations: InterestShown,
    budget: BudgetShown,
    band: Option<BandShown>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct HaltShown {
    number: u64,
    cause: &'static str,
    tripped_at: i64,
    /// First, second, … trip in a row: each doubles the call.
    in_a_row: u32,
    call_seconds: i64,
    /// Of the last reopening that was written down.
    reopened_at: Option<i64>,
    /// Of an auction that is over.
    auction_price: Option<String>,
}

/// What the auction would come to if it were now; fixed, what is left to be filled.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct AuctionShown {
    fixed: bool,
    /// `None`: nothing crosses.
    price: Option<String>,
    size: String,
}

/// Liquidations that have joined the auction.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct InterestShown {
    orders: u32,
    buying: String,
    selling: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct BudgetShown {
    window_seconds: u32,
    used_seconds: u64,
    allowed_seconds: u64,
    used_by_trades_seconds: u64,
    allowed_to_trades_seconds: u64,
    halted_seconds_total: u64,
}

/// Prices beyond which a trade of some volume halts the market.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct BandShown {
    low: String,
    high: String,
}

const fn phase_name(phase: HaltPhase) -> &'static str {
    match phase {
        HaltPhase::Continuous => "open",
        HaltPhase::Call => "call",
        HaltPhase::Freeze => "freeze",
        HaltPhase::Uncross => "uncross",
        HaltPhase::Resolve => "resolve",
    }
}

/// What tripped a market, in words.
pub(crate) fn cause_name(cause: u8) -> &'static str {
    match cause {
        byte if byte == Cause::Index.byte() => "index",
        byte if byte == Cause::Mark.byte() => "mark",
        byte if byte == Cause::Trade.byte() => "trade",
        _ => "unknown",
    }
}

/// The phase that comes next if nothing but time passes, and when.
fn next_phase(view: &MarketView, now: i64) -> Option<(HaltPhase, i64)> {
    let phase = halt::phase(&view.header, now);
    let end = reopens_at(view);
    (now.saturating_add(1)..=end)
        .map(|at| (halt::phase(&view.header, at), at))
        .find(|(next, _)| *next != phase)
}

/// Latest end of the halt that runs.
fn reopens_at(view: &MarketView) -> i64 {
    // At the end of all time it has reopened: when, the clock alone says.
    halt::reopened_at(&view.header, i64::MAX)
}

impl StatusShown {
    pub(super) fn of(view: &MarketView, now: i64) -> Result<Self> {
        let header = &view.header;
        let units = MarketUnits::of(&header.params);
        let phase = halt::phase(header, now);
        let halted = phase != HaltPhase::Continuous;
        let next = halted.then(|| next_phase(view, now)).flatten();
        let reopens = halted.then(|| reopens_at(view));
        let to = |at: i64| at.saturating_sub(now);
        Ok(Self {
            market: view.symbol(),
            chain_time: now,
            state: state_of(header, now),
            phase: phase_name(phase),
            next_phase: next.map(|(next, _)| phase_name(next)),
            seconds_to_next_phase: next.map(|(_, at)| to(at)),
            reopens_at_latest: reopens,
            seconds_to_reopening: reopens.map(to),
            not_written: !halted && header.halt.phase != HaltPhase::Continuous.byte(),
            last: last(view, &units, phase, now),
            auction: auction_of(view, &units, phase)?,
            liquidations: interest(view, &units),
            budget: budget(view, now),
            band: band(view, &units, now)?,
        })
    }
}

fn last(view: &MarketView, units: &MarketUnits, phase: HaltPhase, now: i64) -> Option<HaltShown> {
    let halt = &view.header.halt;
    let over = matches!(phase, HaltPhase::Continuous | HaltPhase::Resolve);
    (halt.sequence != 0).then(|| HaltShown {
        number: halt.sequence,
        cause: cause_name(halt.cause),
        tripped_at: halt.tripped_at,
        in_a_row: u32::from(halt.escalation).saturating_add(1),
        call_seconds: halt.call_ends_at.saturating_sub(halt.tripped_at),
        reopened_at: (phase == HaltPhase::Continuous).then(|| halt::reopened_at(&view.header, now)),
        auction_price: (over && halt.auction_price != 0).then(|| units.price(halt.auction_price)),
    })
}

fn auction_of(
    view: &MarketView,
    units: &MarketUnits,
    phase: HaltPhase,
) -> Result<Option<AuctionShown>> {
    let halt = &view.header.halt;
    if matches!(phase, HaltPhase::Continuous | HaltPhase::Resolve) {
        return Ok(None);
    }
    let filling = halt.step == AuctionStep::Filling.byte();
    if halt.phase == HaltPhase::Uncross.byte() && filling {
        return Ok(Some(AuctionShown {
            fixed: true,
            price: Some(units.price(halt.auction_price)),
            size: units.size(halt.walk.lots),
        }));
    }
    let found = auction::indicative(&view.as_ref())
        .map_err(|error| anyhow::anyhow!("{error:?}: {error}"))
        .context("the book cannot be walked")?;
    Ok(Some(AuctionShown {
        fixed: false,
        price: found.map(|(price, _)| units.price(price)),
        size: units.size(found.map_or(0, |(_, lots)| lots)),
    }))
}

fn interest(view: &MarketView, units: &MarketUnits) -> InterestShown {
    let side = |side: OrderSide| {
        let orders = view.orders(side).into_iter();
        let own = orders.filter(|(_, order)| order.liquidation != 0);
        own.fold((0_u32, 0_u64), |(count, lots), (_, order)| {
            (count.saturating_add(1), lots.saturating_add(order.lots))
        })
    };
    let ((bids, bought), (asks, sold)) = (side(OrderSide::Bid), side(OrderSide::Ask));
    InterestShown {
        orders: bids.saturating_add(asks),
        buying: units.size(bought),
        selling: units.size(sold),
    }
}

fn budget(view: &MarketView, now: i64) -> BudgetShown {
    let params = &view.header.params;
    let (used, by_trades) = view.header.halt.budget.used(params, now);
    let allowed = halt::allowed_seconds(params);
    let to_trades = math::mul_ppm_floor(allowed, u64::from(params.halt_budget_trade_ppm));
    BudgetShown {
        window_seconds: params.halt_budget_seconds,
        used_seconds: used,
        allowed_seconds: allowed,
        used_by_trades_seconds: by_trades,
        allowed_to_trades_seconds: to_trades.unwrap_or(0),
        halted_seconds_total: view.header.halt.halted_seconds_total,
    }
}

/// As the market would have it after whatever reopening is still to be written down.
fn band(view: &MarketView, units: &MarketUnits, now: i64) -> Result<Option<BandShown>> {
    let mut header = view.header;
    halt::catch_up(&mut header, &plimsoll_client::engine::Env { now, slot: 0 });
    let open = header.halt.phase == HaltPhase::Continuous.byte();
    if !open || header.prices.mark == 0 {
        return Ok(None);
    }
    let band = Band::of(&header, now)
        .map_err(|error| anyhow::anyhow!("{error:?}: {error}"))
        .context("the band")?;
    Ok(Some(BandShown {
        low: units.price(band.lowest),
        high: units.price(band.highest),
    }))
}

pub(super) async fn halt_status(session: &Session, name: &str, watch: bool) -> Result<()> {
    let address = markets::find(session, name).await?.address;
    if !watch {
        let shown = look(session, &address).await?;
        return session.output.result(&shown, || text(&shown));
    }
    let terminal = io::stdout().is_terminal() && !session.output.is_json();
    let mut drawn = 0;
    let mut known = None;
    loop {
        let shown = look(session, &address).await?;
        if terminal {
            drawn = redraw(&text(&shown), drawn)?;
        } else if known.as_ref() != Some(&shown) {
            let printed = if session.output.is_json() {
                serde_json::to_string(&shown)?
            } else {
                line(&shown)
            };
            writeln!(io::stdout().lock(), "{printed}")?;
        }
        known = Some(shown);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn look(session: &Session, address: &solana_pubkey::Pubkey) -> Result<StatusShown> {
    let now = session.connection.chain_time().await?;
    let view = session.connection.market(address).await?;
    StatusShown::of(&view, now)
}

/// Over what was drawn before; returns the lines drawn.
fn redraw(text: &str, before: usize) -> Result<usize> {
    let back = if before == 0 {
        String::new()
    } else {
        format!("\x1b[{before}A\x1b[J")
    };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{back}\x1b[?7l{}\x1b[?7h", text.trim_end())?;
    stdout.flush()?;
    Ok(text.trim_end().lines().count())
}

fn in_seconds(seconds: i64) -> String {
    format!("in {} s", seconds.max(0))
}

fn countdown(shown: &StatusShown) -> String {
    match (shown.next_phase, shown.seconds_to_next_phase) {
        (Some(next), Some(seconds)) => format!("{next} {}", in_seconds(seconds)),
        _ => "–".to_owned(),
    }
}

fn auction_text(auction: &AuctionShown, symbol: &str) -> String {
    match (&auction.price, auction.fixed) {
        (Some(price), true) => format!(
            "the price is fixed at {price}; {} {symbol} are left to be filled",
            auction.size
        ),
        (Some(price), false) => {
            format!("{} {symbol} at {price}, if it were now", auction.size)
        }
        (None, _) => "nothing crosses".to_owned(),
    }
}

/// Short enough for one line of a log.
fn line(shown: &StatusShown) -> String {
    let mut parts = vec![
        time(shown.chain_time),
        shown.market.clone(),
        shown.state.to_owned(),
    ];
    if shown.next_phase.is_some() {
        parts.push(format!("then {}", countdown(shown)));
    }
    if let Some(auction) = &shown.auction {
        parts.push(format!("auction: {}", auction_text(auction, &shown.market)));
    }
    if let Some(band) = &shown.band {
        parts.push(format!("band {} to {}", band.low, band.high));
    }
    parts.join("  ")
}

pub(super) fn text(shown: &StatusShown) -> String {
    let mut rows = vec![
        ("market", shown.market.clone()),
        ("state", shown.state.to_owned()),
    ];
    if shown.next_phase.is_some() {
        rows.push(("next", countdown(shown)));
    }
    if let (Some(at), Some(seconds)) = (shown.reopens_at_latest, shown.seconds_to_reopening) {
        let reopens = format!("{} UTC, {}", time(at), in_seconds(seconds));
        rows.push(("reopens at the latest", reopens));
    }
    if shown.not_written {
        let sentence = "by the clock; the next instruction writes it down".to_owned();
        rows.push(("reopened", sentence));
    }
    if let Some(last) = &shown.last {
        rows.extend(last_rows(last));
    } else {
        rows.push(("halts so far", "none".to_owned()));
    }
    if let Some(auction) = &shown.auction {
        rows.push(("auction", auction_text(auction, &shown.market)));
    }
    if shown.phase != "open" || shown.liquidations.orders != 0 {
        rows.push(("liquidations in it", interest_text(&shown.liquidations)));
    }
    rows.extend(budget_rows(&shown.budget));
    let band = match &shown.band {
        Some(band) => format!("{} to {}", band.low, band.high),
        None if shown.phase == "open" => "none without a price".to_owned(),
        None => "none in a halt; it begins anew at the reopening".to_owned(),
    };
    rows.push(("short band", band));
    pairs(rows)
}

fn last_rows(last: &HaltShown) -> Vec<(&'static str, String)> {
    let again = match last.in_a_row {
        1 => String::new(),
        times => format!(", {times} times in a row"),
    };
    let mut rows = vec![(
        "last halt",
        format!(
            "number {}, tripped by {} at {} UTC{again}; a call of {} s",
            last.number,
            last.cause,
            time(last.tripped_at),
            last.call_seconds
        ),
    )];
    if let Some(price) = &last.auction_price {
        rows.push(("its auction", format!("at {price}")));
    }
    if let Some(at) = last.reopened_at {
        rows.push(("reopened", format!("{} UTC", time(at))));
    }
    rows
}

fn interest_text(interest: &InterestShown) -> String {
    match interest.orders {
        0 => "none".to_owned(),
        orders => format!(
            "{orders} {}: {} to buy, {} to sell",
            if orders == 1 { "order" } else { "orders" },
            interest.buying,
            interest.selling
        ),
    }
}

fn budget_rows(budget: &BudgetShown) -> [(&'static str, String); 2] {
    [
        (
            "halted",
            format!(
                "{} s of {} s allowed in {} s; by trades {} s of {} s",
                budget.used_seconds,
                budget.allowed_seconds,
                budget.window_seconds,
                budget.used_by_trades_seconds,
                budget.allowed_to_trades_seconds
            ),
        ),
        (
            "halted since creation",
            format!("{} s", budget.halted_seconds_total),
        ),
    ]
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
