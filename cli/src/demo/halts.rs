//! The halts of the evening: what was seen of each while it ran, for the telling, and who takes one as far
//! as the clock allows. The checks read the program's events instead.

use plimsoll_client::engine::halt::Cause;
use plimsoll_client::engine::state::{HaltPhase, MarketHeader};
use plimsoll_client::engine::{halt, mark, window};
use plimsoll_client::instructions::advance_halt;
use plimsoll_client::MarketView;

use super::cast::{Role, Trader};
use super::sight::Sight;
use super::tally::Kind;
use super::traffic::Outgoing;
use super::venue::{Listed, Venue};

/// Orders that one call of `advance_halt` looks at.
const STEPS_MAX: u16 = 64;
/// Chain seconds after which it is said again that a budget is spent.
const UNPAID_PAUSE: i64 = 60;

/// A halt as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HaltSeen {
    /// Position among the venue's markets, and the market's own number of the halt.
    pub market: usize,
    pub sequence: u64,
    /// 1 index, 2 mark, 3 trade.
    pub cause: u8,
    /// Trips in a row before it.
    pub escalation: u8,
    /// Chain seconds.
    pub tripped_at: i64,
    pub call_ends_at: i64,
    /// Index when it was seen first and when the market had reopened, Q.32.
    pub index: u64,
    pub index_after: Option<u64>,
}

/// All halts, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct Halts {
    pub seen: Vec<HaltSeen>,
    /// By market, refreshes that found a price outside a band and the budget spent.
    pub unpaid: Vec<Unpaid>,
}

/// Refreshes outside a band that no budget was left for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpaid {
    pub times: u32,
    /// When this was last said, chain seconds.
    said_at: i64,
}

/// What a halt was tripped by, in words.
pub fn cause(byte: u8) -> &'static str {
    match byte {
        byte if byte == Cause::Index.byte() => "index",
        byte if byte == Cause::Mark.byte() => "mark",
        byte if byte == Cause::Trade.byte() => "trade",
        _ => "unknown",
    }
}

/// A phase in words.
pub const fn phase_name(phase: HaltPhase) -> &'static str {
    match phase {
        HaltPhase::Continuous => "open",
        HaltPhase::Call => "call",
        HaltPhase::Freeze => "freeze",
        HaltPhase::Uncross => "auction",
        HaltPhase::Resolve => "resolve",
    }
}

impl Halts {
    /// Notes a look at a market and says what has happened since the one before.
    pub fn note(
        &mut self,
        (at, listed): (usize, &Listed),
        before: Option<&MarketView>,
        view: &MarketView,
        sight: &Sight,
    ) -> Option<String> {
        let halt = &view.header.halt;
        let units = &listed.units;
        let symbol = &listed.symbol;
        let mut own = self.seen.iter_mut().rev().filter(|one| one.market == at);
        let last = own.next();
        let known = last.as_ref().map_or(0, |last| last.sequence);
        if halt.sequence > known {
            self.seen.push(HaltSeen {
                market: at,
                sequence: halt.sequence,
                cause: halt.cause,
                escalation: halt.escalation,
                tripped_at: halt.tripped_at,
                call_ends_at: halt.call_ends_at,
                index: view.header.prices.index,
                index_after: None,
            });
            let article = if halt.cause == Cause::Trade.byte() {
                "a"
            } else {
                "the"
            };
            return Some(format!(
                "{symbol} HALTS, tripped by {article} {}: index {}, mark {}; orders are called for {} s",
                cause(halt.cause),
                units.price_q32(view.header.prices.index),
                units.price_q32(view.header.prices.mark),
                halt.call_ends_at.saturating_sub(halt.tripped_at)
            ));
        }
        if let Some(last) = last.filter(|last| last.index_after.is_none() && sight.is_open()) {
            last.index_after = Some(view.header.prices.index);
            return Some(format!(
                "{symbol} reopens after {} s: index {}",
                halt.reopened_at.saturating_sub(halt.tripped_at),
                units.price_q32(view.header.prices.index)
            ));
        }
        if before.is_some_and(|before| left_the_bands(&before.header, &view.header, sight.now)) {
            let length = self.unpaid.len().max(at + 1);
            self.unpaid.resize(length, Unpaid::default());
            let unpaid = self.unpaid.get_mut(at)?;
            unpaid.times += 1;
            if sight.now.saturating_sub(unpaid.said_at) < UNPAID_PAUSE {
                return None;
            }
            unpaid.said_at = sight.now;
            return Some(format!(
                "{symbol} leaves its band at {}, and its budget allows no further halt now",
                units.price_q32(view.header.prices.index)
            ));
        }
        None
    }
}

/// Whether a refresh between the two found a price outside a band and the market did not halt.
fn left_the_bands(before: &MarketHeader, after: &MarketHeader, now: i64) -> bool {
    let open = |header: &MarketHeader| header.halt.phase == HaltPhase::Continuous.byte();
    let same = before.halt.sequence == after.halt.sequence && open(before) && open(after);
    if !same || before.prices.mark_time == after.prices.mark_time || before.prices.mark == 0 {
        return false;
    }
    let known = mark::bands(before, now);
    let params = &before.params;
    let bands = [
        (known.short, params.velocity_short_ppm),
        (known.long, params.velocity_long_ppm),
    ];
    let (index, mark) = (after.prices.index, after.prices.mark);
    bands.into_iter().any(|(range, threshold)| {
        range.is_some_and(|range| {
            window::outside_band(range, index, threshold)
                || window::outside_band(range, mark, threshold)
        })
    })
}

/// Whether a halt has come to the point at which only the clock moves it on.
pub fn is_over(header: &MarketHeader, now: i64) -> bool {
    header.halt.phase != HaltPhase::Continuous.byte() && halt::is_open(header, now)
}

/// `advance_halt` of a market, by the liquidator.
pub fn advance(venue: &Venue, traders: &[Trader], market: &Listed) -> Option<Outgoing> {
    let mut traders = traders.iter();
    let caller = traders.find(|trader| trader.role == Role::Liquidator)?;
    let built = advance_halt(&venue.addresses, market.address, STEPS_MAX);
    Some(caller.says(Kind::Advance, vec![built]))
}
