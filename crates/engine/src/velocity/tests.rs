//! Which trades print, which stop before they do, and which of those halt the market.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;
use crate::book::arena::MarketRef;
use crate::error::EngineError;
use crate::index::tests::{posted, with_feeds, FEED_A};
use crate::liquidation::{reduce_in_book, BookStep, Leg, Standing};
use crate::mark::BookTop;
use crate::params::MarketParams;
use crate::place::{OrderRequest, Placed, TimeInForce};
use crate::seats::tests::{address_of, ask, bid, params, Desk, MARK, NOW};
use crate::state::HaltPhase;
use crate::units::{LotSizes, Ticks};
use crate::window::outside_band;

const RICH: u64 = 1 << 40;

/// 2% of 500 ticks: 490 to 510 are inside.
fn halting() -> MarketParams {
    MarketParams {
        halt_budget_ppm: 250_000,
        ..params()
    }
}

/// Open interest of 10,000 lots between the first two accounts, traded long ago: with a moved index 10 lots
/// trip, alone 100. Two more accounts are flat.
fn pit_with(params: &MarketParams) -> Desk {
    let mut desk = Desk::with(&[*params], 100);
    for owner in 1..=4 {
        desk.join(owner, RICH);
    }
    desk.trade(0, 1, 0, MARK, 10_000);
    wait(&mut desk, 20);
    desk
}

fn pit() -> Desk {
    pit_with(&halting())
}

/// Seconds pass; index and mark stay as they were, and fresh.
fn wait(desk: &mut Desk, seconds: i64) {
    desk.env.now += seconds;
    desk.env.slot += 2 * seconds.unsigned_abs();
    desk.mark(0, MARK);
}

/// A second passes, and the index is that many thousandths of a tick.
fn index(desk: &mut Desk, milliticks: i64) {
    desk.env.now += 1;
    desk.env.slot += 2;
    let (env, update) = (desk.env, posted(FEED_A, milliticks * 100_000, desk.env.now));
    let header = &mut desk.markets[0].header;
    with_feeds(&[update], |feeds| {
        mark::refresh(header, feeds, BookTop::default(), &env)
    })
    .unwrap();
}

fn phase(desk: &Desk) -> HaltPhase {
    halt::phase(&desk.markets[0].header, desk.env.now)
}

fn band(desk: &Desk) -> (u64, u64) {
    let band = Band::of(&desk.markets[0].header, desk.env.now).unwrap();
    (band.lowest, band.highest)
}

fn as_kind(time_in_force: TimeInForce, request: OrderRequest) -> OrderRequest {
    OrderRequest {
        time_in_force,
        ..request
    }
}

/// The third account buys against a large ask of the fourth outside the band.
fn buy_outside(desk: &mut Desk, lots: u64) -> Placed {
    desk.place(3, 0, &ask(511, 5_000)).unwrap();
    desk.place(2, 0, &bid(511, lots)).unwrap()
}

/// (filled, resting, cancelled, whether it halted)
fn told(placed: &Placed) -> (u64, u64, u64, bool) {
    (
        placed.filled_lots,
        placed.resting_lots,
        placed.cancelled_lots,
        placed.trip.is_some_and(|trip| trip.halted),
    )
}

#[test]
fn the_band_lies_around_the_standing_index() {
    let desk = pit();
    assert_eq!(band(&desk), (490, 510));
}

#[test]
fn a_market_without_a_price_has_no_band() {
    let mut header = desk_header();
    header.prices = bytemuck::Zeroable::zeroed();
    assert_eq!(Band::of(&header, NOW), Ok(Band::ALL));
    assert!(Band::ALL.holds(1) && Band::ALL.holds(u64::MAX));
}

fn desk_header() -> MarketHeader {
    Desk::with(&[halting()], 16).markets.remove(0).header
}

#[test]
fn what_prints_with_volume_narrows_the_band_on_the_other_side() {
    let mut desk = pit();
    desk.place(3, 0, &ask(505, 500)).unwrap();
    desk.place(2, 0, &bid(505, 9)).unwrap();
    assert_eq!(band(&desk), (490, 510), "nine lots are dust");
    desk.place(2, 0, &bid(505, 2)).unwrap();
    assert_eq!(band(&desk), (495, 510), "eleven of 10,011 are not");
}

#[test]
fn dust_across_a_wide_spread_prints_and_halts_nothing() {
    let mut desk = pit();
    desk.place(3, 0, &ask(900, 500)).unwrap();
    let placed = desk.place(2, 0, &bid(900, 9)).unwrap();
    assert_eq!(told(&placed), (9, 0, 0, false));
    assert_eq!(phase(&desk), HaltPhase::Continuous);
    assert_eq!(band(&desk), (490, 510));
}

#[test]
fn from_its_volume_on_a_trade_alone_stops_before_it_prints() {
    for (lots, expected) in [(99, (99, 0, 0, false)), (100, (0, 100, 0, true))] {
        let mut desk = pit();
        let placed = buy_outside(&mut desk, lots);
        assert_eq!(told(&placed), expected);
        let halted = if lots == 100 {
            HaltPhase::Call
        } else {
            HaltPhase::Continuous
        };
        assert_eq!(phase(&desk), halted);
    }
}

#[test]
fn with_an_index_that_moved_half_the_threshold_a_tenth_of_it_is_enough() {
    let cases = [
        // Half of 2% up and down, and just under it.
        (505_001, 9, false),
        (505_001, 10, true),
        (504_999, 10, false),
        (504_999, 99, false),
        (504_999, 100, true),
        (495_050, 9, false),
        (495_049, 10, true),
        (495_050, 10, false),
    ];
    for (milliticks, lots, halts) in cases {
        let mut desk = pit();
        index(&mut desk, milliticks);
        desk.place(3, 0, &ask(520, 5_000)).unwrap();
        let placed = desk.place(2, 0, &bid(520, lots)).unwrap();
        assert_eq!(
            placed.trip.is_some(),
            halts,
            "{lots} lots at an index of {milliticks}"
        );
        assert_eq!(placed.filled_lots, if halts { 0 } else { lots });
    }
}

#[test]
fn an_index_that_moved_before_the_window_has_not_moved() {
    let mut desk = pit();
    index(&mut desk, 505_000);
    // The old index stood until the last refresh: it leaves eight buckets of two seconds after it.
    for _ in 0..16 {
        index(&mut desk, 505_000);
    }
    desk.place(3, 0, &ask(520, 5_000)).unwrap();
    let placed = desk.place(2, 0, &bid(520, 99)).unwrap();
    assert_eq!(told(&placed), (99, 0, 0, false));
}

#[test]
fn a_market_without_open_interest_is_halted_by_its_smallest_volume_and_not_by_less() {
    for (lots, halts) in [(1, false), (9, false), (10, true)] {
        let mut desk = Desk::with(&[halting()], 100);
        for owner in 1..=4 {
            desk.join(owner, RICH);
        }
        let placed = buy_outside(&mut desk, lots);
        assert_eq!(placed.trip.is_some(), halts, "{lots} lots");
    }
}

#[test]
fn little_open_interest_lets_no_dust_halt_the_market() {
    let mut desk = Desk::with(&[halting()], 100);
    for owner in 1..=4 {
        desk.join(owner, RICH);
    }
    desk.trade(0, 1, 0, MARK, 20);
    wait(&mut desk, 20);
    // A fifth of a lot would be 1% of it.
    assert_eq!(told(&buy_outside(&mut desk, 9)), (9, 0, 0, false));
    let placed = desk.place(2, 0, &bid(511, 1)).unwrap();
    assert_eq!(told(&placed), (0, 1, 0, true));
}

#[test]
fn a_sweep_fills_inside_the_band_rests_its_remainder_and_halts() {
    let mut desk = pit();
    for (ticks, lots) in [(505, 40), (510, 40), (511, 500)] {
        desk.place(3, 0, &ask(ticks, lots)).unwrap();
    }
    let placed = desk.place(2, 0, &bid(515, 200)).unwrap();
    assert_eq!(told(&placed), (80, 120, 0, true));
    assert_eq!((placed.price, phase(&desk)), (515, HaltPhase::Call));
    let trip = placed.trip.unwrap();
    assert_eq!(
        (trip.cause, trip.call_ends_at),
        (Cause::Trade, desk.env.now + 5)
    );
    assert_eq!(
        desk.seat(3, 0).ask_lots,
        500,
        "what lay outside is untouched"
    );
    assert_eq!(desk.markets[0].header.prices.last_trade_ticks, 510);
}

#[test]
fn a_sweep_downwards_does_the_same() {
    let mut desk = pit();
    for (ticks, lots) in [(495, 40), (490, 40), (489, 500)] {
        desk.place(3, 0, &bid(ticks, lots)).unwrap();
    }
    let placed = desk.place(2, 0, &ask(480, 200)).unwrap();
    assert_eq!(told(&placed), (80, 120, 0, true));
    assert_eq!(desk.seat(3, 0).bid_lots, 500);
}

#[test]
fn matching_outside_the_band_goes_on_up_to_the_volume_that_trips() {
    let mut desk = pit();
    for _ in 0..6 {
        desk.place(3, 0, &ask(511, 30)).unwrap();
    }
    let placed = desk.place(2, 0, &bid(511, 200)).unwrap();
    assert_eq!(told(&placed), (90, 110, 0, true));
}

#[test]
fn fills_inside_the_band_count_as_volume_of_the_same_order() {
    let mut desk = pit();
    desk.place(3, 0, &ask(505, 95)).unwrap();
    desk.place(3, 0, &ask(511, 5)).unwrap();
    let placed = desk.place(2, 0, &bid(511, 100)).unwrap();
    assert_eq!(told(&placed), (95, 5, 0, true));
}

#[test]
fn attack_10_many_small_orders_are_one_volume() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 5_000)).unwrap();
    for _ in 0..4 {
        wait(&mut desk, 2);
        let placed = desk.place(2, 0, &bid(511, 21)).unwrap();
        assert_eq!(told(&placed), (21, 0, 0, false));
    }
    wait(&mut desk, 2);
    let placed = desk.place(2, 0, &bid(511, 21)).unwrap();
    assert_eq!(told(&placed), (0, 21, 0, true));
}

#[test]
fn attack_10_volume_that_has_left_the_window_counts_no_more() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 5_000)).unwrap();
    assert_eq!(desk.place(2, 0, &bid(511, 99)).unwrap().filled_lots, 99);
    wait(&mut desk, 16);
    assert_eq!(desk.place(2, 0, &bid(511, 99)).unwrap().filled_lots, 99);
}

#[test]
fn attack_10_trades_alone_do_not_carry_the_band_away_from_the_index() {
    let mut desk = pit();
    for ticks in [504, 507, 510] {
        desk.trade(2, 3, 0, ticks, 1_000);
        wait(&mut desk, 60);
    }
    desk.place(3, 0, &ask(511, 1_000)).unwrap();
    let placed = desk.place(2, 0, &bid(511, 1_000)).unwrap();
    assert_eq!(told(&placed), (0, 1_000, 0, true));
}

#[test]
fn an_immediate_order_loses_its_remainder_and_halts_nothing() {
    let mut desk = pit();
    desk.place(3, 0, &ask(505, 40)).unwrap();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let request = as_kind(TimeInForce::ImmediateOrCancel, bid(515, 200));
    let placed = desk.place(2, 0, &request).unwrap();
    assert_eq!(told(&placed), (40, 0, 160, false));
    assert_eq!((placed.trip, phase(&desk)), (None, HaltPhase::Continuous));
    assert_eq!(desk.seat(2, 0).orders, 0);
}

#[test]
fn a_fill_or_kill_order_that_would_stop_at_the_band_is_refused() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let request = as_kind(TimeInForce::FillOrKill, bid(511, 100));
    let refused = Err(EngineError::FillOrKillUnfilled);
    assert_eq!(desk.place(2, 0, &request), refused);
    assert_eq!(phase(&desk), HaltPhase::Continuous);
    let request = as_kind(TimeInForce::FillOrKill, bid(511, 99));
    assert_eq!(desk.place(2, 0, &request).unwrap().filled_lots, 99);
}

#[test]
fn what_never_takes_never_halts() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let request = as_kind(TimeInForce::PostOnly, bid(515, 200));
    let refused = Err(EngineError::PostOnlyWouldCross);
    assert_eq!(desk.place(2, 0, &request), refused);
    let request = as_kind(TimeInForce::PostOnlySlide, bid(515, 200));
    let placed = desk.place(2, 0, &request).unwrap();
    assert_eq!((placed.price, told(&placed)), (510, (0, 200, 0, false)));
    assert_eq!(phase(&desk), HaltPhase::Continuous);
}

#[test]
fn without_a_budget_everything_prints() {
    let mut none = halting();
    none.halt_budget_ppm = 0;
    let mut no_share = halting();
    no_share.halt_budget_trade_ppm = 0;
    for params in [none, no_share] {
        let mut desk = pit_with(&params);
        let placed = buy_outside(&mut desk, 1_000);
        assert_eq!(told(&placed), (1_000, 0, 0, false));
        assert_eq!(phase(&desk), HaltPhase::Continuous);
    }
}

#[test]
fn a_remainder_that_would_cross_its_owners_order_is_cancelled_and_halts_nothing() {
    for (own, expected) in [(515, (0, 0, 200, false)), (516, (0, 200, 0, true))] {
        let mut desk = pit();
        desk.place(3, 0, &ask(511, 500)).unwrap();
        desk.place(2, 0, &ask(own, 10)).unwrap();
        let placed = desk.place(2, 0, &bid(515, 200)).unwrap();
        assert_eq!(told(&placed), expected, "own ask at {own}");
    }
    for (own, expected) in [(485, (0, 0, 200, false)), (484, (0, 200, 0, true))] {
        let mut desk = pit();
        desk.place(3, 0, &bid(489, 500)).unwrap();
        desk.place(2, 0, &bid(own, 10)).unwrap();
        let placed = desk.place(2, 0, &ask(485, 200)).unwrap();
        assert_eq!(told(&placed), expected, "own bid at {own}");
    }
}

#[test]
fn a_widened_extreme_of_a_cancelled_order_is_no_order() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    let near = desk.place(2, 0, &ask(512, 10)).unwrap();
    desk.place(2, 0, &ask(600, 10)).unwrap();
    let seat = desk.seat_index(2, 0);
    let mut market = desk.markets[0].get();
    let (order, sequence) = (near.order, near.sequence);
    crate::place::cancel(&mut market, seat, &address_of(2), order, sequence).unwrap();
    assert_eq!(desk.seat(2, 0).ask_low, 512);
    let placed = desk.place(2, 0, &bid(515, 200)).unwrap();
    assert_eq!(told(&placed), (0, 200, 0, true));
}

#[test]
fn an_order_without_a_slot_for_its_remainder_is_refused_and_halts_nothing() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 500)).unwrap();
    for ticks in 400..408 {
        desk.place(2, 0, &bid(ticks, 1)).unwrap();
    }
    let refused = Err(EngineError::OrderSlotsFull);
    assert_eq!(desk.place(2, 0, &bid(515, 200)), refused);
    assert_eq!(phase(&desk), HaltPhase::Continuous);
}

/// An account long 400 lots whose cash is four fifths of its maintenance margin, in a market with a
/// band of 1%: its zero price lies under it.
fn underwater() -> (Desk, usize) {
    let params = MarketParams {
        velocity_short_ppm: 10_000,
        ..halting()
    };
    let mut desk = pit_with(&params);
    // 5% of 400 lots and the fee; then its cash shrinks.
    let account = desk.join(9, 10_200_000);
    desk.trade(account, 3, 0, MARK, 400);
    desk.accounts[account].collateral = 4_000_000 + 100_000;
    wait(&mut desk, 20);
    (desk, account)
}

fn liquidate(desk: &mut Desk, account: usize) -> BookStep {
    let risk = desk.risk(account);
    let standing = Standing::of(&risk, false, 0).unwrap();
    let state = &desk.markets[0];
    let view = MarketRef {
        header: &state.header,
        blocks: &state.blocks,
    };
    let now = desk.env.now;
    let address = address_of(account);
    let entry = desk.accounts[account].entry_of(&state.address).unwrap();
    let (leg, _) = Leg::read(&view, &desk.accounts[account], &address, entry, now).unwrap();
    let (env, mut plan) = (desk.env, desk.plan.clone());
    let mut state = desk.markets[0].get();
    reduce_in_book(&mut state, &leg, &standing, &env, &mut plan).unwrap()
}

#[test]
fn a_liquidation_that_would_print_outside_the_band_halts_the_market() {
    let (mut desk, account) = underwater();
    desk.place(2, 0, &bid(494, 5_000)).unwrap();
    let step = liquidate(&mut desk, account);
    assert_eq!(step.filled_lots, 0);
    assert!(
        step.limit < 494,
        "its zero price, {}, allows it",
        step.limit
    );
    let trip = step.trip.unwrap();
    assert_eq!((trip.cause, trip.halted), (Cause::Trade, true));
    assert_eq!(phase(&desk), HaltPhase::Call);
    assert!(!step.book_ended, "no takeover opens on a book that halts");
    assert_eq!(desk.lots(account, 0), 400);
}

#[test]
fn a_liquidation_fills_inside_the_band_before_it_halts_the_market() {
    let (mut desk, account) = underwater();
    desk.place(2, 0, &bid(496, 5)).unwrap();
    desk.place(2, 0, &bid(494, 5_000)).unwrap();
    let step = liquidate(&mut desk, account);
    assert_eq!((step.filled_lots, step.satisfied), (5, false));
    assert!(step.trip.is_some());
    assert_eq!(desk.lots(account, 0), 395);
}

#[test]
fn a_liquidation_prints_when_no_halt_may_start() {
    let (mut desk, account) = underwater();
    desk.markets[0].header.params.halt_budget_ppm = 0;
    desk.place(2, 0, &bid(494, 5_000)).unwrap();
    let step = liquidate(&mut desk, account);
    assert!(step.filled_lots > 50 && step.trip.is_none());
    assert_eq!(phase(&desk), HaltPhase::Continuous);
}

#[test]
fn volume_qualifies_by_cross_products() {
    let mut header = desk_header();
    header.sides[0].shares = [1_000_000_007, 0];
    // 1% of it is 10.00000007 lots.
    assert!(!qualifies(&header, 10, 10_000));
    assert!(qualifies(&header, 11, 10_000));
    header.sides[0].shares = [1_000_000_000, 0];
    assert!(qualifies(&header, 10, 10_000));
    assert!(!qualifies(&header, 9, 0), "under the smallest that counts");
    assert!(qualifies(&header, u64::MAX, 1_000_000));
    header.sides[1].shares = [2_000_000_000, 0];
    assert!(!qualifies(&header, 19, 10_000), "of the larger side");
    assert!(qualifies(&header, 20, 10_000));
}

#[test]
fn an_index_window_that_saw_nothing_has_the_standing_index() {
    let header = desk_header();
    let widths = Widths::of(&header.params);
    assert!(!index_moved(&header, widths, NOW));
}

/// Any number below 2^bits, all magnitudes alike.
fn magnitude(bits: u32) -> impl Strategy<Value = u64> {
    (0..bits, any::<u64>()).prop_map(|(bit, noise)| (1 << bit) | (noise & ((1 << bit) - 1)))
}

fn lot_sizes() -> impl Strategy<Value = LotSizes> {
    let lot = prop_oneof![Just(1_000_000_u64), Just(1 << 30), magnitude(40)];
    let tick = prop_oneof![Just(1_000_u64), Just(1), magnitude(32)];
    (lot, tick).prop_map(|(base_atoms_per_lot, quote_atoms_per_lot_tick)| LotSizes {
        base_atoms_per_lot,
        quote_atoms_per_lot_tick,
    })
}

/// Whether a tick costs more than the threshold above `low`, in whole numbers.
fn above(sizes: &LotSizes, tick: u64, low: u64, threshold: u32) -> bool {
    scaled(sizes, tick) > bound(sizes, low, 1_000_000 + threshold)
}

/// Whether a tick costs more than the threshold under `high`.
fn below(sizes: &LotSizes, tick: u64, high: u64, threshold: u32) -> bool {
    scaled(sizes, tick) < bound(sizes, high, 1_000_000 - threshold)
}

/// tick · quote atoms · 2^32 · 10^6, over base atoms · 10^6.
fn scaled(sizes: &LotSizes, tick: u64) -> BigUint {
    (BigUint::from(tick) * sizes.quote_atoms_per_lot_tick * 1_000_000_u32) << 32
}

fn bound(sizes: &LotSizes, price: u64, ppm: u32) -> BigUint {
    BigUint::from(price) * ppm * sizes.base_atoms_per_lot
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Exact, also where a tick is no whole number of Q.32: more than the threshold away is outside.
    #[test]
    fn the_band_in_ticks_is_the_band_by_cross_products(
        sizes in lot_sizes(),
        low in magnitude(43),
        width in 0_u64..200_000,
        threshold in prop_oneof![Just(20_000_u32), 1_000_u32..=500_000],
    ) {
        let high = (low + low * width / 1_000_000).min(1 << 43);
        let mut header = MarketHeader::zeroed();
        header.params = MarketParams {
            base_atoms_per_lot: sizes.base_atoms_per_lot,
            quote_atoms_per_lot_tick: sizes.quote_atoms_per_lot_tick,
            velocity_short_ppm: threshold,
            ..halting()
        };
        let widths = Widths::of(&header.params);
        header.windows.observe_mark(widths, low, NOW - 3);
        header.windows.observe_trade(widths, high, NOW - 1);
        let band = Band::of(&header, NOW).unwrap();
        for edge in [band.lowest, band.highest] {
            for tick in edge.saturating_sub(3)..=edge + 3 {
                let inside = !above(&sizes, tick, low, threshold)
                    && !below(&sizes, tick, high, threshold);
                prop_assert_eq!(band.holds(tick), inside, "tick {}", tick);
            }
        }
    }

    /// An order that needs no band has every tick between its first fill and its limit inside.
    #[test]
    fn the_band_of_an_order_is_the_markets_between_its_first_fill_and_its_limit(
        sizes in lot_sizes(),
        low in magnitude(42),
        width in 0_u64..60_000,
        first in -4_i64..5,
        limit in -4_i64..5,
        at_top in any::<bool>(),
    ) {
        let mut header = MarketHeader::zeroed();
        header.params = MarketParams {
            base_atoms_per_lot: sizes.base_atoms_per_lot,
            quote_atoms_per_lot_tick: sizes.quote_atoms_per_lot_tick,
            ..halting()
        };
        let widths = Widths::of(&header.params);
        header.windows.observe_mark(widths, low, NOW);
        header.windows.observe_mark(widths, low + low * width / 1_000_000, NOW);
        let band = Band::of(&header, NOW).unwrap();
        let edge = if at_top { band.highest } else { band.lowest };
        let near = |by: i64| edge.saturating_add_signed(by).max(1);
        let (first, limit) = (near(first), near(limit));
        let ours = Band::for_order(&header, NOW, first, limit).unwrap();
        for tick in first.min(limit)..=first.max(limit) {
            prop_assert_eq!(ours.holds(tick), band.holds(tick), "tick {}", tick);
        }
    }

    /// Of ticks that are whole numbers of Q.32 it says what the windows say of an index.
    #[test]
    fn the_band_in_ticks_is_the_windows_band(
        shift in 0_u32..20,
        low in 1_u64..1 << 43,
        width in 0_u64..200_000,
        threshold in prop_oneof![Just(20_000_u32), 1_000_u32..=500_000],
    ) {
        let range = Range { low, high: (low + low * width / 1_000_000).min(1 << 43) };
        let sizes = LotSizes { base_atoms_per_lot: 1 << 32, quote_atoms_per_lot_tick: 1 << shift };
        let mut header = MarketHeader::zeroed();
        header.params = MarketParams {
            base_atoms_per_lot: sizes.base_atoms_per_lot,
            quote_atoms_per_lot_tick: sizes.quote_atoms_per_lot_tick,
            velocity_short_ppm: threshold,
            ..halting()
        };
        let widths = Widths::of(&header.params);
        header.windows.observe_mark(widths, range.low, NOW);
        header.windows.observe_mark(widths, range.high, NOW);
        let band = Band::of(&header, NOW).unwrap();
        for edge in [band.lowest, band.highest] {
            for tick in edge.saturating_sub(3)..=edge + 3 {
                let price = sizes.price_floor(Ticks(tick)).unwrap().0;
                prop_assert_eq!(band.holds(tick), !outside_band(range, price, threshold));
            }
        }
    }

    /// The rule of spec §7 in plain numbers, for one order against one ask.
    #[test]
    fn a_trade_stops_exactly_when_the_rule_says(
        open in 0_u64..30_000,
        printed in 0_u64..200,
        lots in 1_u64..400,
        ticks in 505_u64..516,
        moved in any::<bool>(),
        smallest in 1_u64..300,
    ) {
        let params = MarketParams { trip_volume_lots_min: smallest, ..halting() };
        let mut desk = Desk::with(&[params], 100);
        for owner in 1..=4 {
            desk.join(owner, RICH);
        }
        if open != 0 {
            desk.trade(0, 1, 0, MARK, open);
        }
        wait(&mut desk, 20);
        if moved {
            // High 505 and low 500: the band's top stays, its bottom rises.
            index(&mut desk, 505_001);
        }
        if printed != 0 {
            // The first two trade with each other again: open interest shrinks by what they print.
            desk.trade(1, 0, 0, MARK, printed.min(open.max(1)));
        }
        let printed = if printed == 0 { 0 } else { printed.min(open.max(1)) };
        let interest = desk.markets[0].header.open_interest() / 1_000_000;
        desk.place(3, 0, &ask(ticks, 1_000)).unwrap();
        let placed = desk.place(2, 0, &bid(ticks, lots)).unwrap();
        let volume = printed + lots;
        let share = if moved { 1_000 } else { 10_000 };
        let stops = ticks > 510
            && volume >= smallest
            && u128::from(volume) * 1_000_000 >= u128::from(interest) * share;
        prop_assert_eq!(placed.trip.is_some(), stops);
        prop_assert_eq!(placed.filled_lots, if stops { 0 } else { lots });
    }
}
