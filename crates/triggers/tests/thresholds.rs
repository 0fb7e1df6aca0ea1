//! Each threshold by hand, and what is assessed when.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::math;
use plimsoll_engine::risk::AccountCash;
use plimsoll_engine::state::{
    BlockKind, MarketHeader, MarketParams, MarketStatus, Seat, Side, SCALE_ONE, SIDE_LONG,
    SIDE_SHORT,
};
use plimsoll_engine::units::PriceQ32;
use plimsoll_triggers::{AccountState, Crossing, IndexError, MarkUpdate, MarketId, TriggerIndex};

const NOW: i64 = 1_760_000_000;
/// A quote atom a base atom.
const ONE: u64 = 1 << 32;
const BASE: u64 = 100_000_000;

fn header() -> MarketHeader {
    let mut header = MarketHeader::zeroed();
    header.status = MarketStatus::Active.byte();
    header.params = MarketParams {
        base_atoms_per_lot: 1,
        quote_atoms_per_lot_tick: 1,
        size_free: 1 << 40,
        size_unit: 1,
        open_interest_low: 1 << 40,
        open_interest_high: 1 << 41,
        initial_margin_ppm: 100_000,
        index_age_seconds_max: 15,
        ..MarketParams::zeroed()
    };
    header.sides = [Side::empty(); 2];
    header.prices.mark = ONE;
    header.prices.index = ONE;
    header.prices.index_time = NOW;
    header
}

fn seat(side: u8, shares: u64) -> Seat {
    let value = i64::try_from(shares).unwrap();
    Seat {
        kind: BlockKind::Seat.byte(),
        side,
        shares,
        quote: if side == SIDE_SHORT { value } else { -value },
        ..Seat::zeroed()
    }
}

fn view(header: &MarketHeader) -> MarketRef<'_> {
    MarketRef {
        header,
        blocks: &[],
    }
}

fn mark(market: u16, percent: u64, now: i64) -> MarkUpdate {
    MarkUpdate {
        market: MarketId(market),
        mark: PriceQ32(ONE / 100 * percent),
        index_time: now,
    }
}

fn state(collateral: i64, legs: &[(MarketId, Seat)]) -> AccountState<'_> {
    AccountState {
        cash: AccountCash {
            collateral,
            ..AccountCash::default()
        },
        lendable: 0,
        call_deadline: NOW,
        legs,
    }
}

/// One market, one account with a long of a hundred at 5% maintenance.
fn long(collateral: i64) -> (TriggerIndex, Vec<Crossing>, plimsoll_triggers::AccountId) {
    let mut index = TriggerIndex::new();
    let mut crossings = Vec::new();
    let market = index.add_market(&view(&header()), NOW).unwrap();
    let legs = [(market, seat(SIDE_LONG, BASE))];
    let id = index
        .insert_account(&state(collateral, &legs), NOW, &mut crossings)
        .unwrap();
    (index, crossings, id)
}

#[test]
fn a_fall_crosses_maintenance_then_insolvency_and_the_way_back_is_reported() {
    // Equity of 20 at 100: maintenance where 20 − (100 − p) = 0.05·p, at 84.2; insolvent at 80.
    let (mut index, mut crossings, id) = long(20_000_000);
    let mut seen = Vec::new();
    for percent in [90, 85, 84, 81, 80, 79, 82, 85] {
        crossings.clear();
        index
            .update_mark(mark(0, percent, NOW), NOW, &mut crossings)
            .unwrap();
        for crossing in &crossings {
            assert_eq!(crossing.account, id);
            let after = crossing.after;
            seen.push((percent, after.below_maintenance(), after.insolvent()));
        }
    }
    let expected = [
        (84, true, false),
        (80, true, true),
        (82, true, false),
        (85, false, false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(index.past_threshold().count(), 0);
}

#[test]
fn a_line_has_its_trigger_before_maintenance() {
    let (mut index, mut crossings, id) = long(20_000_000);
    let legs = [(MarketId(0), seat(SIDE_LONG, BASE))];
    let mut lent = state(20_000_000, &legs);
    lent.lendable = 1;
    index
        .update_account(id, &lent, NOW, &mut crossings)
        .unwrap();
    // 105% of maintenance: 20 − (100 − p) = 0.0525·p, at 84.43.
    let fall = MarkUpdate {
        mark: PriceQ32(ONE / 1_000 * 843),
        ..mark(0, 0, NOW)
    };
    index.update_mark(fall, NOW, &mut crossings).unwrap();
    let standing = index.standing(id).unwrap();
    assert!(standing.draw_due() && !standing.below_maintenance());
    assert_eq!(crossings.len(), 1);
}

#[test]
fn a_lapsed_call_is_a_test_of_own_equity() {
    let (mut index, mut crossings, id) = long(20_000_000);
    let legs = [(MarketId(0), seat(SIDE_LONG, BASE))];
    let mut drawn = state(10_000_000, &legs);
    drawn.cash.credit = 40_000_000;
    drawn.call_deadline = NOW + 10;
    index
        .update_account(id, &drawn, NOW, &mut crossings)
        .unwrap();
    let step = |index: &mut TriggerIndex, percent, now| {
        let mut crossings = Vec::new();
        index
            .update_mark(mark(0, percent, now), now, &mut crossings)
            .unwrap();
        index.standing(id).unwrap().below_on_lapsed_call()
    };
    // Before the deadline own equity of 4 against 4.7 matters to nobody, nor does 10 against 5 after it.
    assert!(!step(&mut index, 94, NOW));
    assert!(!step(&mut index, 100, NOW + 5));
    index.advance(NOW + 10, &mut crossings);
    assert!(index.standing(id).unwrap().is_clear());
    assert!(step(&mut index, 94, NOW + 11));
    assert!(!step(&mut index, 96, NOW + 12));
    // Time alone.
    drawn.call_deadline = NOW + 30;
    index
        .update_account(id, &drawn, NOW + 12, &mut crossings)
        .unwrap();
    assert!(!step(&mut index, 94, NOW + 13));
    crossings.clear();
    index.advance(NOW + 29, &mut crossings);
    assert_eq!(crossings, []);
    index
        .update_mark(mark(0, 94, NOW + 29), NOW + 29, &mut crossings)
        .unwrap();
    index.advance(NOW + 30, &mut crossings);
    assert_eq!(crossings.len(), 1);
    assert!(index.standing(id).unwrap().below_on_lapsed_call());
}

#[test]
fn an_account_without_an_atom_turns_on_its_claims() {
    let mut index = TriggerIndex::new();
    let mut crossings = Vec::new();
    let mut header = header();
    header.sides[0].scale = SCALE_ONE / 2;
    let market = index.add_market(&view(&header), NOW).unwrap();
    let legs = [(
        market,
        Seat {
            quote: 0,
            ..seat(SIDE_LONG, 1)
        },
    )];
    let mut owing = state(5, &legs);
    owing.cash.interest = 1_000_000;
    let id = index.insert_account(&owing, NOW, &mut crossings).unwrap();
    assert!(index.standing(id).unwrap().is_clear());
    for (claim, insolvent) in [(-5, false), (-6, true), (-5, false)] {
        header.sides[0].cash_index = math::split_signed(claim << 64);
        index
            .update_market(market, &view(&header), NOW, &mut crossings)
            .unwrap();
        assert_eq!(index.standing(id).unwrap().insolvent(), insolvent);
    }
}

#[test]
fn a_stale_index_helps_until_it_is_fresh_and_ticks_elsewhere_assess_nobody() {
    let mut index = TriggerIndex::new();
    let mut crossings = Vec::new();
    let stale = index.add_market(&view(&header()), NOW).unwrap();
    let other = index.add_market(&view(&header()), NOW).unwrap();
    let legs = [
        (stale, seat(SIDE_LONG, BASE)),
        (other, seat(SIDE_SHORT, BASE / 10)),
    ];
    let later = NOW + 20;
    let fresh = MarkUpdate {
        market: other,
        ..mark(1, 100, later)
    };
    index.update_mark(fresh, later, &mut crossings).unwrap();
    // Maintenance is 5.5; the favour of the first leg is 10.
    let id = index
        .insert_account(&state(2_000_000, &legs), later, &mut crossings)
        .unwrap();
    assert!(index.standing(id).unwrap().is_clear());
    let before = index.counters();
    for percent in [101, 99, 102, 98] {
        let tick = MarkUpdate {
            market: other,
            ..mark(1, percent, later)
        };
        index.update_mark(tick, later, &mut crossings).unwrap();
    }
    assert_eq!(index.counters(), before);
    index
        .update_mark(mark(0, 100, later), later, &mut crossings)
        .unwrap();
    assert!(index.standing(id).unwrap().below_maintenance());
    index.advance(later + 16, &mut crossings);
    assert!(index.standing(id).unwrap().is_clear());
}

#[test]
fn a_tick_within_the_box_assesses_nobody() {
    let (mut index, mut crossings, _) = long(20_000_000);
    let before = index.counters();
    for percent in [99, 101, 95, 130, 90] {
        index
            .update_mark(mark(0, percent, NOW), NOW, &mut crossings)
            .unwrap();
    }
    assert_eq!(index.counters(), before);
    assert_eq!(crossings, []);
}

#[test]
fn what_is_no_update_is_refused_and_changes_nothing() {
    let (mut index, mut crossings, id) = long(20_000_000);
    let unknown = MarketId(7);
    let twice = [
        (MarketId(0), seat(SIDE_LONG, 1)),
        (MarketId(0), seat(SIDE_LONG, 1)),
    ];
    let elsewhere = [(unknown, seat(SIDE_LONG, 1))];
    let nine = [(MarketId(0), seat(SIDE_LONG, 1)); 9];
    let cases: [(&[(MarketId, Seat)], IndexError); 3] = [
        (&twice, IndexError::DuplicateMarket),
        (&elsewhere, IndexError::UnknownMarket),
        (&nine, IndexError::TooManyLegs),
    ];
    for (legs, error) in cases {
        let refused = index.update_account(id, &state(0, legs), NOW, &mut crossings);
        assert_eq!(refused, Err(error));
    }
    for price in [0, (1 << 44) + 1] {
        let update = MarkUpdate {
            mark: PriceQ32(price),
            ..mark(0, 1, NOW)
        };
        let both = [mark(0, 50, NOW), update];
        let refused = index.update_marks(&both, NOW, &mut crossings);
        assert_eq!(refused, Err(IndexError::OutOfBounds));
    }
    let mut wrong = header();
    wrong.sides[1].scale = SCALE_ONE + 1;
    let refused = index.update_market(MarketId(0), &view(&wrong), NOW, &mut crossings);
    assert_eq!(refused, Err(IndexError::OutOfBounds));
    assert!(index.standing(id).unwrap().is_clear());
    assert_eq!((crossings.len(), index.rescan().len()), (0, 0));
}
