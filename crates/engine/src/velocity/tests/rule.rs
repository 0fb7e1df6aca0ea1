//! The band and the volumes against the same rules in whole numbers.

use super::*;

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
