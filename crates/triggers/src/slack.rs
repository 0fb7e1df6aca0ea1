//! How an account's slack becomes triggers.
//!
//! Against each threshold that is next in a direction the account has a slack, in quote atoms, and each leg a
//! slope, in quote atoms per unit of its side's key. Every leg gets a share Δ of the slack such that the sum
//! of slope × Δ stays within it: while no key has risen by its Δ, no threshold is crossed, whatever the other
//! legs do. The shares are in proportion to the volatility of each market.
//!
//! Floats only ever choose the shares; what they round is inside [`MARGIN_OF_ERROR`].

use plimsoll_engine::credit::draw::TRIGGER_PERCENT;
use plimsoll_engine::math;
use plimsoll_engine::state::{MARGIN_ENTRIES_MAX, SCALE_ONE, SIDE_SHORT};

use crate::accounts::{Leg, NEVER};
use crate::key::{BASE_MIN, KEY_UNIT};
use crate::market::Market;
use crate::standing::{Assessment, Standing};

/// A harm trigger beyond every key; not [`NEVER`], which means that there is no entry.
const BEYOND: i64 = NEVER - 1;

/// Relative error of the shares by float arithmetic is under 2^-48; they are cut by this much.
const MARGIN_OF_ERROR: f64 = 1e-9;

/// Slack kept back for a leg's roundings, quote atoms: a base atom that an ADL event drops, at the largest price
/// (2^12), and the floors and ceilings of value, claim and margin.
const ROUNDING: f64 = 4_096.0 + 32.0;

/// The same for a leg whose side has rolled over: up to five dropped atoms, priced at the mark.
const ROUNDING_BEHIND: f64 = 6.0 * 4_096.0;

/// The same for a position under [`BASE_MIN`] atoms: C over its whole range, on less than an atom.
const ROUNDING_DUST: f64 = 131_072.0;

/// Least price move that a share is measured by, Q.64: where A has become zero there is no other.
const WORTH_MIN: f64 = 17_592_186_044_416.0;

/// 2^64.
const Q64: f64 = 18_446_744_073_709_551_616.0;

/// Triggers of an account's legs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Triggers {
    /// Against the holder; every leg has one.
    pub(crate) harm: [i64; MARGIN_ENTRIES_MAX],
    /// In its favour; [`NEVER`]: none.
    pub(crate) recovery: [i64; MARGIN_ENTRIES_MAX],
    /// The account has to be attended to.
    pub(crate) attended: bool,
}

impl Triggers {
    /// Assess at every event of every market of the account.
    pub(crate) const ALWAYS: Self = Self {
        harm: [i64::MIN; MARGIN_ENTRIES_MAX],
        recovery: [NEVER; MARGIN_ENTRIES_MAX],
        attended: true,
    };
}

/// A threshold ahead: what is left to it, and κ, the multiple of maintenance margin in it.
#[derive(Clone, Copy, Debug)]
struct Threshold {
    slack: i128,
    kappa: f64,
}

/// At most two thresholds are next in a direction: one of Q, one of e.
type Thresholds = [Option<Threshold>; 2];

/// κ of the draw trigger, and its slack in atoms rounded against `sign`.
fn draw_slack(found: &Assessment) -> i128 {
    let margin = i128::from(found.risk.maintenance_margin);
    i128::from(found.with_credit) * 100 - margin * TRIGGER_PERCENT
}

fn thresholds(found: &Assessment) -> (Thresholds, Thresholds) {
    let bits = found.standing.bits();
    let has = |bit: u8| bits & bit != 0;
    let with_credit = i128::from(found.with_credit);
    let margin = i128::from(found.risk.maintenance_margin);
    let over_margin = with_credit - margin;
    let draw_kappa = TRIGGER_PERCENT as f64 / 100.0;
    let of = |slack: i128, kappa: f64| Some(Threshold { slack, kappa });
    // The thresholds of Q lie behind one another: below maintenance is below the draw trigger, insolvent is
    // below maintenance. So one each way is enough.
    let (down, up) = if has(Standing::INSOLVENT) {
        (None, of(-with_credit - 1, 0.0))
    } else if has(Standing::MAINTENANCE) {
        (of(with_credit - 1, 0.0), of(-over_margin - 1, 1.0))
    } else if has(Standing::DRAW) {
        let up = (-draw_slack(found)).div_euclid(100) - 1;
        (of(over_margin, 1.0), of(up, draw_kappa))
    } else if found.lends {
        (of(draw_slack(found).div_euclid(100), draw_kappa), None)
    } else {
        (of(over_margin, 1.0), None)
    };
    let own = i128::from(found.risk.equity) - margin;
    let (own_down, own_up) = match (found.lapsed, has(Standing::LAPSED)) {
        (false, _) => (None, None),
        (true, false) => (of(own, 1.0), None),
        (true, true) => (None, of(-own - 1, 1.0)),
    };
    ([down, own_down], [up, own_up])
}

/// A leg's part of a cost, by threshold: price + κ·margin per unit of share.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// What one share moves the side's key by, Q.64.
    step: f64,
    price: f64,
    margin: f64,
    keyed: bool,
}

fn part(leg: &Leg, market: &Market, margin: u64, size: u64) -> Part {
    let Some(side) = market.sides.get(usize::from(leg.side)) else {
        return Part::default();
    };
    let key = &side.key;
    let worth = key.worth_float;
    let step = market.volatility * worth.max(WORTH_MIN);
    let price = shares_of_epoch(leg, key.epoch, key.scale, size) as f64 / Q64 * step;
    let share = if worth > 0.0 { step / worth } else { 0.0 };
    // Up to two atoms of the margin are its ceilings': they must not flatten a long's slope.
    let margin = if leg.side == SIDE_SHORT {
        margin as f64 * share
    } else {
        -(margin.saturating_sub(2) as f64 * share)
    };
    Part {
        step,
        price,
        margin,
        keyed: leg.shares() != 0,
    }
}

/// Shares in the side's present epoch, or a bound from above.
fn shares_of_epoch(leg: &Leg, epoch: u32, scale: u64, size: u64) -> u64 {
    if leg.epoch == epoch || scale == 0 {
        return leg.shares();
    }
    // |b| = ⌊n·A⌋, so n < (|b| + 1) / A; and an epoch's end never adds shares.
    let most = math::mul_div_ceil(size.saturating_add(1), SCALE_ONE, scale);
    leg.shares().min(most.unwrap_or(u64::MAX))
}

/// Largest number of shares of volatility that keeps every threshold; `None`: there is no threshold.
fn widest(thresholds: &Thresholds, parts: &[Part], kept_back: f64) -> Option<f64> {
    let mut widest: Option<f64> = None;
    for threshold in thresholds.iter().flatten() {
        // A slack that does not fit is far beyond every share.
        let slack = i64::try_from(threshold.slack);
        let slack = slack.unwrap_or(if threshold.slack < 0 {
            i64::MIN
        } else {
            i64::MAX
        });
        let slack = slack as f64 - kept_back;
        let cost: f64 = parts
            .iter()
            .filter(|part| part.keyed)
            .map(|part| (part.price + threshold.kappa * part.margin).max(0.0))
            .sum();
        let width = if slack <= 0.0 {
            -1.0
        } else if cost > 0.0 {
            slack / cost
        } else {
            f64::MAX
        };
        widest = Some(widest.map_or(width, |found| found.min(width)));
    }
    widest
}

/// Key at which a share of `width` steps is used up.
fn trigger(key: i64, width: f64, step: f64) -> i64 {
    if width < 0.0 {
        return i64::MIN;
    }
    let room = width * step * KEY_UNIT * (1.0 - MARGIN_OF_ERROR);
    // A float that does not fit becomes the nearest integer that does.
    key.saturating_add(room as i64).min(BEYOND)
}

/// Triggers of an account; O(legs).
pub(crate) fn triggers(markets: &[Market], legs: &[Leg], found: &Assessment) -> Triggers {
    if found.risk.initial_margin == 0 && legs.iter().any(|leg| leg.shares() != 0) {
        // Less than an atom everywhere: whether there is anything to close turns on claims alone.
        return Triggers::ALWAYS;
    }
    let (mut down, up) = thresholds(found);
    let favour = i128::from(found.risk.favour);
    let dust = legs
        .iter()
        .zip(found.sizes)
        .any(|(leg, size)| leg.shares() != 0 && size < BASE_MIN);
    // What a stale index gives may end with the next refresh. Who does not need it is judged without it; who
    // does is assessed at every event of such a market.
    let leans = favour != 0 && down.iter().flatten().any(|next| next.slack < favour);
    let attended = !found.standing.is_clear() || dust || leans;
    if !attended {
        for next in down.iter_mut().flatten() {
            next.slack -= favour;
        }
    }
    let mut parts = [Part::default(); MARGIN_ENTRIES_MAX];
    let mut keys = [(0, 0); MARGIN_ENTRIES_MAX];
    let mut kept_back = 0.0;
    for (slot, leg) in legs.iter().enumerate() {
        let market = markets.get(usize::from(leg.market));
        let side = market.and_then(|market| Some((market, market.sides.get(leg.place())?)));
        let (Some((market, side)), Some(part_at), Some(key_at)) =
            (side, parts.get_mut(slot), keys.get_mut(slot))
        else {
            return Triggers::ALWAYS;
        };
        let margin = found.margins.get(slot).copied().unwrap_or(0);
        let size = found.sizes.get(slot).copied().unwrap_or(0);
        *part_at = part(leg, market, margin, size);
        part_at.keyed &= market.fresh || !attended;
        *key_at = (side.key.harm, side.key.recovery);
        kept_back += ROUNDING;
        if leg.shares() != 0 && leg.epoch != side.key.epoch {
            kept_back += ROUNDING_BEHIND;
        }
        if leg.shares() != 0 && size < BASE_MIN {
            kept_back += ROUNDING_DUST;
        }
    }
    let harm_width = widest(&down, &parts, kept_back);
    let recovery_width = widest(&up, &parts, kept_back);
    let mut all = Triggers {
        harm: [BEYOND; MARGIN_ENTRIES_MAX],
        recovery: [NEVER; MARGIN_ENTRIES_MAX],
        attended,
    };
    let slots = all.harm.iter_mut().zip(&mut all.recovery);
    for ((harm, recovery), (part, key)) in slots.zip(parts.iter().zip(keys)) {
        if !part.keyed {
            continue;
        }
        if let Some(width) = harm_width {
            *harm = trigger(key.0, width, part.step);
        }
        if let Some(width) = recovery_width {
            *recovery = trigger(key.1, width, part.step);
        }
    }
    all
}
