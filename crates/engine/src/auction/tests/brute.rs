//! The price against brute force, in any chopping of steps.

use super::*;

/// The fixed price and its lots, in steps of so many orders.
fn fixed_in(desk: &Desk, steps_max: u16) -> Option<(u64, u64)> {
    let mut desk = desk.clone();
    end_call(&mut desk);
    let mut auction = Auction::default();
    loop {
        let done = step(&mut desk, steps_max, &mut auction);
        if let Some(fixed) = done.fixed {
            return Some((fixed.price, fixed.lots));
        }
        if done.resolved {
            return None;
        }
        assert!(auction.calls < 2_000, "the price is never fixed");
    }
}

fn check(desk: &Desk, expected: Option<(u64, u64)>) {
    assert_eq!(indicative_of(desk), expected, "indicative");
    for steps_max in [0, 1, 2, 7, 128, u16::MAX] {
        assert_eq!(fixed_in(desk, steps_max), expected, "steps of {steps_max}");
    }
}

/// Bids and asks (ticks, lots) of as many accounts, at that reference.
fn book(bids: &[(u64, u64)], asks: &[(u64, u64)], reference: u64) -> Desk {
    let mut desk = calling(16);
    let both = bids.iter().map(|order| (true, order));
    for (account, (is_bid, (ticks, lots))) in both
        .chain(asks.iter().map(|order| (false, order)))
        .enumerate()
    {
        let request = if is_bid {
            bid(*ticks, *lots)
        } else {
            ask(*ticks, *lots)
        };
        desk.place(account, 0, &request).unwrap();
    }
    desk.mark(0, reference);
    desk
}

#[test]
fn an_empty_or_one_sided_or_uncrossed_book_prints_nothing() {
    for (bids, asks) in [
        (&[][..], &[][..]),
        (&[(500, 5)][..], &[][..]),
        (&[][..], &[(500, 5)][..]),
        (&[(499, 5)][..], &[(500, 5)][..]),
    ] {
        check(&book(bids, asks, 500), None);
    }
}

#[test]
fn one_tick_where_both_meet_is_the_price() {
    check(&book(&[(500, 5)], &[(500, 3)], 700), Some((500, 3)));
}

#[test]
fn a_balanced_plateau_takes_the_reference_clamped_into_it() {
    for (reference, price) in [(480, 490), (490, 490), (497, 497), (510, 510), (600, 510)] {
        let desk = book(&[(510, 5)], &[(490, 5)], reference);
        check(&desk, Some((price, 5)));
    }
}

#[test]
fn what_rests_beside_a_balanced_plateau_narrows_it() {
    // Unmatched bids at 495 and asks at 505: between them nothing is left over.
    for (reference, price) in [(480, 496), (500, 500), (600, 504)] {
        let desk = book(&[(510, 5), (495, 7)], &[(490, 5), (505, 9)], reference);
        check(&desk, Some((price, 5)));
    }
}

#[test]
fn a_buy_surplus_goes_to_the_highest_and_a_sell_surplus_to_the_lowest_price() {
    for reference in [480, 500, 520] {
        check(&book(&[(510, 9)], &[(490, 5)], reference), Some((510, 5)));
        check(&book(&[(510, 5)], &[(490, 9)], reference), Some((490, 5)));
    }
}

#[test]
fn between_two_neighbouring_levels_the_smaller_surplus_decides() {
    // 500 leaves bids over, 501 asks.
    for (bids, asks, price) in [(3, 4, 500), (4, 3, 501)] {
        for reference in [480, 520] {
            let desk = book(
                &[(510, 5), (500, bids)],
                &[(490, 5), (501, asks)],
                reference,
            );
            check(&desk, Some((price, 5)));
        }
    }
}

#[test]
fn between_two_equal_levels_the_reference_decides() {
    for (reference, price) in [(480, 500), (500, 500), (501, 501), (520, 501)] {
        let desk = book(&[(510, 5), (500, 3)], &[(490, 5), (501, 3)], reference);
        check(&desk, Some((price, 5)));
    }
}

#[test]
fn a_level_is_all_of_its_orders() {
    let desk = book(
        &[(510, 5), (500, 2), (500, 2), (499, 50)],
        &[(490, 5), (501, 3), (502, 50)],
        480,
    );
    check(&desk, Some((501, 5)));
}

#[test]
fn a_level_counts_what_is_left_of_an_order_that_was_matched_in_part() {
    // Of the bid at 500 two lots are matched and two are left; the ask at 501 leaves three.
    let desk = book(&[(510, 3), (501, 2), (500, 2)], &[(490, 5), (501, 3)], 520);
    check(&desk, Some((500, 5)));
}

#[test]
fn the_reference_is_the_nearest_tick_and_at_least_one() {
    let mut desk = book(&[(510, 5)], &[(490, 5)], 500);
    let tick = desk.markets[0].header.prices.index / 500;
    let at_500 = desk.markets[0].header.prices.index;
    for (index, price) in [
        (at_500 - 1, 500),
        (at_500 - tick / 2 - 2, 499),
        (at_500 - tick / 2 + 2, 500),
        (at_500 + tick / 2 - 2, 500),
        (at_500 + tick / 2 + 2, 501),
    ] {
        desk.markets[0].header.prices.index = index;
        check(&desk, Some((price, 5)));
    }
    // A tick of 2^32 quote atoms on a lot of 2^33 is exactly half a quote atom: of two the lower.
    let mut header = desk.markets[0].header;
    header.params.base_atoms_per_lot = 1 << 33;
    header.params.quote_atoms_per_lot_tick = 1 << 32;
    assert_eq!(reference_ticks(&header, (7 << 31) + (1 << 30)), Ok(7));
    assert_eq!(reference_ticks(&header, (7 << 31) + (1 << 30) + 1), Ok(8));
    let mut desk = book(&[(2, 5)], &[(1, 5)], 500);
    desk.markets[0].header.prices.index = 0;
    check(&desk, Some((1, 5)));
}

#[test]
fn the_largest_order_of_both_sides_is_summed() {
    let mut desk = calling(3);
    for account in 0..3 {
        desk.accounts[account].collateral = 1 << 60;
    }
    // The largest that a position may become.
    let most = LOTS_MAX.min((1 << 48) / 1_000_000 - 1);
    desk.place(0, 0, &bid(510, most)).unwrap();
    desk.place(1, 0, &ask(490, most)).unwrap();
    desk.place(2, 0, &ask(490, 1)).unwrap();
    check(&desk, Some((490, most)));
}

#[test]
fn an_order_that_ends_with_the_call_takes_no_part_and_one_a_second_longer_does() {
    for (lives, expected) in [(4, None), (5, None), (6, Some((500, 5)))] {
        let mut desk = calling(2);
        let wanted = Wanted {
            account: 0,
            bid: true,
            ticks: 500,
            lots: 5,
            reduce_only: false,
            lives,
        };
        rest_all(&mut desk, &[wanted]);
        desk.place(1, 0, &ask(500, 5)).unwrap();
        check(&desk, expected);
    }
}

#[test]
fn the_reference_is_the_index_when_the_auction_begins_and_stays_it() {
    let mut desk = book(&[(511, 2), (510, 3)], &[(489, 2), (490, 3)], 500);
    end_call(&mut desk);
    let mut auction = Auction::default();
    step(&mut desk, 1, &mut auction);
    assert_eq!(auction.fixed, None);
    desk.mark(0, 505);
    let auction = run(&mut desk, 128);
    assert_eq!(auction.fixed.map(|fixed| fixed.price), Some(500));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_price_is_the_one_that_brute_force_finds(book in super::book()) {
        let (desk, rests) = called(&book, &halting());
        let [bids, asks] = sides(&desk, &rests, &book.positions);
        check(&desk, brute_force(&bids, &asks, book.reference));
    }
}
