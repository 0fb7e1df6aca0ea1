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

mod kinds;
mod rule;

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
fn many_small_orders_are_one_volume() {
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
fn volume_that_has_left_the_window_counts_no_more() {
    let mut desk = pit();
    desk.place(3, 0, &ask(511, 5_000)).unwrap();
    assert_eq!(desk.place(2, 0, &bid(511, 99)).unwrap().filled_lots, 99);
    wait(&mut desk, 16);
    assert_eq!(desk.place(2, 0, &bid(511, 99)).unwrap().filled_lots, 99);
}

#[test]
fn trades_alone_do_not_carry_the_band_away_from_the_index() {
    let mut desk = pit();
    for ticks in [504, 507, 510] {
        desk.trade(2, 3, 0, ticks, 1_000);
        wait(&mut desk, 60);
    }
    desk.place(3, 0, &ask(511, 1_000)).unwrap();
    let placed = desk.place(2, 0, &bid(511, 1_000)).unwrap();
    assert_eq!(told(&placed), (0, 1_000, 0, true));
}
