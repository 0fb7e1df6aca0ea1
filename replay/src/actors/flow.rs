//! The rest of the market: each second's volume of a tape comes as two orders, a sale down to the second's low and a
//! purchase up to its high. The volume is imposed, not the price: what the book holds against them is what they print.

use plimsoll_engine::state::HaltPhase;
use plimsoll_tapes::Candle;

use super::{order, shifted, ASK, BID, IOC};
use crate::hands::Stagehands;
use crate::scenario::Scenario;
use crate::stage::Member;

const E8: u128 = 100_000_000;

/// What a second of a tape asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub sell_lots: u64,
    pub buy_lots: u64,
    pub sell_ticks: u64,
    pub buy_ticks: u64,
    pub sell_first: bool,
}

/// Splits a second's volume: the nearer its close to its low, the more was sold. `previous` decides for a second with
/// one price. Worth of the volume, quote atoms, and the two limits, ticks, come from the caller.
pub fn split(
    candle: &Candle,
    previous: i64,
    value: u64,
    (low, high): (u64, u64),
    lots: impl Fn(u64, u64) -> u64,
) -> Wanted {
    let range = candle.high_e8.saturating_sub(candle.low_e8);
    let sold = if range > 0 {
        let from_top = candle.high_e8.saturating_sub(candle.close_e8);
        u128::from(value) * u128::from(from_top.unsigned_abs()) / u128::from(range.unsigned_abs())
    } else if candle.close_e8 < previous {
        u128::from(value)
    } else if candle.close_e8 > previous {
        0
    } else {
        u128::from(value) / 2
    };
    let sold = u64::try_from(sold).unwrap_or(value);
    Wanted {
        sell_lots: lots(sold, low.max(1)),
        buy_lots: lots(value.saturating_sub(sold), high.max(1)),
        sell_ticks: low,
        buy_ticks: high,
        sell_first: candle.close_e8 >= candle.open_e8,
    }
}

/// Sends a second's volume.
pub fn act(hands: &mut Stagehands<'_>, scenario: &Scenario, index: &Candle, perp: Option<&Candle>) {
    let header = hands.header();
    if super::phase(&header, hands.now()) != HaltPhase::Continuous {
        return;
    }
    let units = hands.stage.venue.units;
    let per = |volume: u128| {
        let shared = volume * u128::from(scenario.flow.share_ppm) / 1_000_000;
        let here = shared * u128::from(scenario.accounts)
            / u128::from(scenario.flow.accounts_in_full.max(1));
        u64::try_from(here).unwrap_or(u64::MAX)
    };
    let (candle, value, limits) = match perp {
        Some(candle) => {
            let dollars = u128::from(candle.volume_e8) * u128::from(scenario.flow.contract_usd);
            let limits = (units.ticks(candle.low_e8), units.ticks(candle.high_e8));
            (candle, per(dollars * 1_000_000 / E8), limits)
        }
        None => {
            let price = u128::from(index.close_e8.unsigned_abs());
            let dollars = u128::from(index.volume_e8) * price / E8;
            let middle = units.ticks(index.close_e8);
            let reach = i64::try_from(scenario.flow.reach_ppm).unwrap_or(0);
            let limits = (shifted(middle, -reach), shifted(middle, reach));
            (index, per(dollars * 1_000_000 / E8), limits)
        }
    };
    let previous = hands.flow_close;
    hands.flow_close = candle.close_e8;
    let wanted = split(candle, previous, value, limits, |atoms, ticks| {
        units.lots(atoms, ticks)
    });
    let sale = (ASK, wanted.sell_lots, wanted.sell_ticks);
    let purchase = (BID, wanted.buy_lots, wanted.buy_ticks);
    let both = if wanted.sell_first {
        [sale, purchase]
    } else {
        [purchase, sale]
    };
    for (side, lots, ticks) in both {
        if lots == 0 {
            continue;
        }
        let Some(member) = who(hands, side) else {
            continue;
        };
        let instruction =
            hands
                .stage
                .trade(&member)
                .place_order(order(member.seat, side, IOC, ticks, lots));
        // What its cash does not margin is not traded.
        let _ = hands.send(&member.owner, &[instruction]);
    }
}

/// Who sells holds most, who buys holds least, so that the flow's positions stay small.
fn who(hands: &Stagehands<'_>, side: u8) -> Option<Member> {
    let members = hands.stage.flow.iter();
    let base = |member: &&Member| hands.base_of(member.seat);
    if side == ASK {
        members.max_by_key(base).copied()
    } else {
        members.min_by_key(base).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(open: i64, high: i64, low: i64, close: i64) -> Candle {
        Candle {
            unix_seconds: 1,
            open_e8: open,
            high_e8: high,
            low_e8: low,
            close_e8: close,
            volume_e8: 1,
            trades: 1,
        }
    }

    #[test]
    fn a_second_that_closes_low_was_sold_and_is_split_exactly() {
        let lots = |atoms: u64, _: u64| atoms;
        let wanted = split(&candle(100, 110, 90, 95), 0, 1_000, (9, 11), lots);
        assert_eq!((wanted.sell_lots, wanted.buy_lots), (750, 250));
        assert_eq!((wanted.sell_ticks, wanted.buy_ticks), (9, 11));
        assert!(!wanted.sell_first);
        // One price: by the second before.
        let flat = candle(90, 90, 90, 90);
        assert_eq!(split(&flat, 91, 10, (9, 9), lots).sell_lots, 10);
        assert_eq!(split(&flat, 89, 10, (9, 9), lots).buy_lots, 10);
        assert_eq!(split(&flat, 90, 10, (9, 9), lots).buy_lots, 5);
    }
}
