//! What an order would do and what it did, in words and figures.

use plimsoll_client::engine::halt::{self, Trip};
use plimsoll_client::engine::place::{OrderRequest, StopReason, TimeInForce};
use plimsoll_client::engine::state::{HaltPhase, OrderSide};
use plimsoll_client::events::OrderPlaced;
use plimsoll_client::preview::{AccountPreview, OrderPreview};
use serde::Serialize;

use super::Place;
use crate::commands::account::margin_ratio;
use crate::output::table;
use crate::units::{usd, usd_unsigned, MarketUnits};

/// What an order would do. Amounts are dollars, sizes in the asset.
#[derive(Debug, Serialize)]
pub(super) struct PreviewShown {
    market: String,
    side: &'static str,
    size: String,
    price: String,
    kind: String,
    fills: Vec<FillShown>,
    filled: String,
    average_price: Option<String>,
    fee: String,
    resting: String,
    resting_price: Option<String>,
    cancelled: String,
    why_cancelled: Option<&'static str>,
    /// What the order means for a halt: it rests into a call, or trips the market.
    halt: Option<String>,
    before: StateShown,
    after: StateShown,
}

#[derive(Debug, Serialize)]
struct FillShown {
    price: String,
    size: String,
}

/// The account as it is or would be.
#[derive(Debug, Serialize)]
struct StateShown {
    position: String,
    liquidation_price: Option<String>,
    equity: String,
    initial_margin: String,
    maintenance_margin: String,
    free_collateral: String,
    equity_over_maintenance: Option<String>,
}

impl StateShown {
    fn of(units: &MarketUnits, preview: &AccountPreview, entry: usize) -> Self {
        let leg = preview.legs.get(entry);
        let risk = &preview.risk;
        Self {
            position: units.position(leg.map_or(0, |leg| leg.held.base)),
            liquidation_price: leg
                .and_then(|leg| leg.liquidation_price)
                .map(|price| units.price_q32(price)),
            equity: usd(risk.equity),
            initial_margin: usd_unsigned(risk.initial_margin),
            maintenance_margin: usd_unsigned(risk.maintenance_margin),
            free_collateral: usd(risk.free_collateral()),
            equity_over_maintenance: margin_ratio(preview),
        }
    }
}

const fn side_name(side: OrderSide) -> &'static str {
    match side {
        OrderSide::Bid => "buy",
        OrderSide::Ask => "sell",
    }
}

fn kind(request: &OrderRequest) -> String {
    let kind = match request.time_in_force {
        TimeInForce::Limit => "limit",
        TimeInForce::PostOnly => "post-only",
        TimeInForce::PostOnlySlide => "post-only, sliding",
        TimeInForce::ImmediateOrCancel => "immediate or cancel",
        TimeInForce::FillOrKill => "fill or kill",
    };
    let reduce = if request.reduce_only {
        ", reduce-only"
    } else {
        ""
    };
    format!("{kind}{reduce}")
}

/// Price per unit of the asset of a cash flow over lots, as a tick would read, rounded to the nearest.
fn average_price(units: &MarketUnits, lots: u64, quote: u64) -> Option<String> {
    let base = u128::from(lots) * u128::from(units.sizes.base_atoms_per_lot);
    let price = (u128::from(quote) << 32).checked_div(base)?;
    Some(units.price_q32(u64::try_from(price).ok()?))
}

/// What the order means for a halt.
fn halt_text(place: &Place, found: &OrderPreview) -> Option<String> {
    let symbol = place.market.symbol();
    if let Some(trip) = &found.placed.trip {
        return Some(trip_text(&symbol, trip, found.now));
    }
    let header = &place.book().ok()?.header;
    let calling = halt::phase(header, found.now) == HaltPhase::Call;
    (calling && found.placed.resting_lots != 0).then(|| {
        let left = header.halt.call_ends_at.saturating_sub(found.now);
        format!("{symbol} is in a call: it waits for the auction in {left} s and trades at its one price, or rests on")
    })
}

fn trip_text(symbol: &str, trip: &Trip, now: i64) -> String {
    if !trip.halted {
        return format!("{symbol} would halt, but its budget of halts is spent: it stays open");
    }
    format!(
        "the next fill would print outside the velocity band: {symbol} HALTS, and the rest waits for the auction in {} s; trading goes on in {} s at the latest",
        trip.call_ends_at.saturating_sub(now),
        trip.reopens_by.saturating_sub(now)
    )
}

impl PreviewShown {
    pub(super) fn of(place: &Place, request: &OrderRequest, found: &OrderPreview) -> Self {
        let units = place.units();
        let placed = &found.placed;
        let why = match found.plan.stop {
            _ if placed.cancelled_lots == 0 => None,
            StopReason::StepsExhausted => Some("it met as many orders as one order may"),
            StopReason::SelfTrade => Some("it met an order of the same owner"),
            StopReason::Band => Some("the next fill would print outside the velocity band"),
            StopReason::Filled | StopReason::NoCross => Some("nothing more crosses"),
        };
        let fills = found.plan.fills().map(|fill| FillShown {
            price: units.price(fill.price),
            size: units.size(fill.lots),
        });
        Self {
            market: place.market.symbol(),
            side: side_name(request.side),
            size: units.size(request.lots.0),
            price: units.price(request.price.0),
            kind: kind(request),
            fills: fills.collect(),
            filled: units.size(placed.filled_lots),
            average_price: average_price(&units, placed.filled_lots, placed.filled_quote),
            fee: usd_unsigned(placed.taker_fee),
            resting: units.size(placed.resting_lots),
            resting_price: (placed.resting_lots != 0).then(|| units.price(placed.price)),
            cancelled: units.size(placed.cancelled_lots),
            why_cancelled: why,
            halt: halt_text(place, found),
            before: StateShown::of(&units, &found.before, place.entry),
            after: StateShown::of(&units, &found.after, place.entry),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!(
            "{} {} {} at {} ({})",
            self.side, self.size, self.market, self.price, self.kind
        )];
        for fill in &self.fills {
            lines.push(format!("  fills {} at {}", fill.size, fill.price));
        }
        if let Some(average) = &self.average_price {
            lines.push(format!(
                "  {} filled at {average} on average, fee {} USDC",
                self.filled, self.fee
            ));
        }
        if let Some(price) = &self.resting_price {
            lines.push(format!("  {} rests at {price}", self.resting));
        }
        if let Some(why) = self.why_cancelled {
            lines.push(format!("  {} is cancelled: {why}", self.cancelled));
        }
        if let Some(halt) = &self.halt {
            lines.push(format!("  {halt}"));
        }
        lines.push(self.states());
        lines.join("\n")
    }

    fn states(&self) -> String {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        let (before, after) = (&self.before, &self.after);
        let row = |name: &str, before: String, after: String| [name.to_owned(), before, after];
        let of =
            |name: &str, field: fn(&StateShown) -> String| row(name, field(before), field(after));
        let rows = [
            of("position", |state| state.position.clone()),
            row(
                "liquidation price",
                or_dash(&before.liquidation_price),
                or_dash(&after.liquidation_price),
            ),
            of("equity", |state| state.equity.clone()),
            of("initial margin", |state| state.initial_margin.clone()),
            of("maintenance margin", |state| {
                state.maintenance_margin.clone()
            }),
            of("free collateral", |state| state.free_collateral.clone()),
            row(
                "equity over maintenance",
                or_dash(&before.equity_over_maintenance),
                or_dash(&after.equity_over_maintenance),
            ),
        ];
        table(&["", "before", "after"], rows)
    }
}

/// What the program says an order did.
#[derive(Debug, Serialize)]
pub(super) struct OutcomeShown {
    filled: String,
    average_price: Option<String>,
    fee: String,
    resting: String,
    resting_price: Option<String>,
    /// Names the resting order in `order cancel`.
    order: Option<u64>,
    cancelled: String,
}

impl OutcomeShown {
    pub(super) fn of(units: &MarketUnits, placed: &OrderPlaced) -> Self {
        let rests = placed.resting_lots != 0;
        Self {
            filled: units.size(placed.filled_lots),
            average_price: average_price(units, placed.filled_lots, placed.filled_quote),
            fee: usd_unsigned(placed.taker_fee),
            resting: units.size(placed.resting_lots),
            resting_price: rests.then(|| units.price(placed.price)),
            order: rests.then_some(placed.sequence),
            cancelled: units.size(placed.cancelled_lots),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut parts = Vec::new();
        if let Some(average) = &self.average_price {
            parts.push(format!(
                "{} filled at {average}, fee {} USDC",
                self.filled, self.fee
            ));
        }
        if let (Some(price), Some(order)) = (&self.resting_price, self.order) {
            parts.push(format!(
                "{} rests at {price} as order {order}",
                self.resting
            ));
        }
        if self.cancelled != "0" {
            parts.push(format!("{} cancelled", self.cancelled));
        }
        format!("{}.", parts.join("; "))
    }
}
