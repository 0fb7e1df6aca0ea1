//! INV-5: one fraction and one charge for every contract of a side, to the atom, and INV-4 within it.

use super::*;

/// Every opposing seat's equity falls by S′·n / N, exactly but for roundings against it: c's ceiling and
/// A's on the cash index, and what a walk floors.
fn check_uniform(before: &Scene, after: &Scene, receipt: &Receipt) {
    let total = big(join_unsigned(receipt.shares_before));
    for who in before.opposing() {
        let (shares, equity) = before.exact(who);
        if shares == big(0) {
            continue;
        }
        let exact = &equity * &total - ((&shares * receipt.charged) << 94);
        if receipt.epoch_ended == 0 {
            let (_, now) = after.exact(who);
            let lost = exact - now * &total;
            assert!(lost >= big(0), "INV-4: seat {who} gained");
            let bound: BigInt = (&shares * &total * 2) << 30;
            assert!(lost <= bound, "seat {who} lost more than its part");
        }
        // As it will be seen: with the floors of base and claim, at most an atom of each besides.
        let lost: BigInt =
            &equity * &total - ((&shares * receipt.charged) << 94) - after.walked(who) * &total;
        let price = big(receipt.price) << 62;
        let atoms: BigInt = (big(2) << 94) + price + ((&shares * 2) << 30);
        // A short's fraction of an atom is a debt that shows when it is dropped.
        let hidden = if before.short && receipt.epoch_ended == 0 {
            big(receipt.price) << 62
        } else {
            big(0)
        };
        assert!(lost >= -hidden * &total, "seat {who} gained");
        let dropped: BigInt = (crate::epochs::tests::pit::atom(receipt.price) + 1) << 94;
        assert!(lost <= (atoms + dropped) * &total, "seat {who} lost atoms");
    }
}

/// Base of a seat is the same fraction of what it was, less than an atom lower.
fn check_fraction(before: &Scene, after: &Scene, receipt: &Receipt) {
    for who in before.opposing() {
        let shares = big(before.pit.seat(who).shares);
        let base = after.pit.held(who).base;
        let base = if before.short { -base } else { base };
        assert_eq!(base, (shares * receipt.scale_after) >> 62);
    }
    let (open, left) = (receipt.open_interest_before, receipt.open_interest_after);
    let scale = big(receipt.scale_before);
    // A′ is within one unit of A × T / OI, and T within what N's floor takes.
    let target = before.pit.side(!before.short).open_interest() - receipt.quantity;
    let exact = floor(&(scale * target.min(open)), &big(open));
    assert_eq!(big(receipt.scale_after), exact);
    assert!(left <= target.min(open) && left + 1 + (1 << 16) >= target.min(open));
}

fn event(sizes: &[u64], lost: u64, short: bool, price: u64, deficit: u64) -> (Scene, Receipt) {
    let mut scene = scene(sizes, lost, short, price);
    let before = Scene {
        pit: scene.pit.clone(),
        ..scene
    };
    let who = if lost == 0 { scene.flat } else { scene.loser };
    let receipt = scene.pit.lose(who, deficit, 0).unwrap();
    check_uniform(&before, &scene, &receipt);
    check_fraction(&before, &scene, &receipt);
    scene.pit.check();
    (scene, receipt)
}

#[test]
fn every_seat_of_a_side_is_scaled_by_the_same_fraction() {
    let sizes = [
        1,
        2,
        3,
        10,
        97,
        1_000,
        12_345,
        999_983,
        1 << 30,
        (1 << 40) + 1,
    ];
    let total: u64 = sizes.iter().sum();
    for short in [false, true] {
        for price in [ONE / 16, PRICE, ONE, 3 * ONE + 7, 4_096 * ONE] {
            for lost in [0, 1, 999, total / 3, total - 1, total] {
                let worth = ((u128::from(total) * u128::from(price)) >> 32) as u64;
                for deficit in [0, 1, 12_347, worth / 3, worth, worth + 5] {
                    event(&sizes, lost, short, price, deficit);
                }
            }
        }
    }
}

#[test]
fn every_seat_is_treated_alike_over_random_events_one_after_another() {
    for seed in 0..120_u64 {
        let mut random = Random::new(seed);
        let short = random.one_in(2);
        let sizes: Vec<u64> = (0..random.between(2, 9)).map(|_| random.size(40)).collect();
        let price = random.between(ONE / 16, ONE * 5);
        let mut scene = scene(&sizes, 0, short, price);
        for _ in 0..25 {
            for who in scene.opposing() {
                scene.pit.wake(who);
            }
            let price = random.between(ONE / 16, ONE * 5);
            scene.pit.mark(price);
            let open = scene.pit.side(!short).open_interest();
            let held = big_to_u64(&scene.pit.held(0).base);
            let most = held.min(scene.side().open_interest());
            let mut lost = random.below(most.max(1));
            if random.one_in(6) {
                lost = most - most / 20_000;
            }
            if lost != 0 {
                against(&mut scene.pit, 0, scene.loser, lost, short);
            }
            let worth = ((u128::from(open) * u128::from(price)) >> 32) as u64;
            let part = random.between(1, 1_000_000);
            let deficit = random.below(1 + worth / part);
            let before = Scene {
                pit: scene.pit.clone(),
                ..scene
            };
            let who = if lost == 0 { scene.flat } else { scene.loser };
            let receipt = scene.pit.lose(who, deficit, 0).unwrap();
            check_uniform(&before, &scene, &receipt);
            scene.pit.check();
            // Others come and some grow.
            for who in scene.opposing() {
                scene.pit.wake(who);
                if random.one_in(3) {
                    let size = random.size(40);
                    against(&mut scene.pit, who, 0, size, short);
                }
            }
        }
    }
}

fn big_to_u64(value: &BigInt) -> u64 {
    u64::try_from(value.magnitude().clone()).unwrap()
}

/// Attack 12: what k parts of an account hold, against the account alone, in the same market.
#[test]
fn splitting_an_account_changes_atoms_only() {
    for short in [false, true] {
        for price in [PRICE, ONE, 2 * ONE + 5] {
            for parts in [2, 3, 7, 100_u64] {
                for (lost, charge_ppm) in [(0, 300_000), (333_333, 0), (777_777, 123_456)] {
                    let whole = 1_000_003_u64;
                    let mut split = vec![whole / parts; parts as usize];
                    split[0] += whole % parts;
                    split.push(2_000_000);
                    let worth = (u128::from(3_000_003_u64) * u128::from(price)) >> 32;
                    let deficit = (worth as u64) / 1_000_000 * charge_ppm;
                    let (one, alone) = event(&[whole, 2_000_000], lost, short, price, deficit);
                    let (many, receipt) = event(&split, lost, short, price, deficit);
                    // The market sees no difference at all.
                    assert_eq!(alone.charged, receipt.charged);
                    assert_eq!(alone.scale_after, receipt.scale_after);
                    assert_eq!(alone.cash_index_after, receipt.cash_index_after);
                    // An atom at the touch, one of the base's value, one that a short's fraction costs, and
                    // two where an end drops the fraction: for each part, and never in its favour.
                    let (one, many) = (closed(&one, 1..2), closed(&many, 1..parts as usize + 1));
                    assert!(many <= one, "a split gained {}", many - one);
                    let bound = big(5) * parts * crate::epochs::tests::pit::atom(price);
                    assert!(&one - &many <= bound, "a split costs {}", one - many);
                }
            }
        }
    }
}

/// What the seats have made since they were opened, when they have walked and closed at the mark.
fn closed(scene: &Scene, seats: std::ops::Range<usize>) -> BigInt {
    let mut pit = scene.pit.clone();
    let (mark, mut made) = (pit.price(), big(0));
    for who in seats {
        let opened = big(pit.seat(who).quote);
        pit.wake(who);
        let mut sides = pit.header.sides;
        let seat = pit.seat_mut(who);
        let held = position::touch(seat, &sides).unwrap();
        let value = mark.position_value(held.base).unwrap();
        position::leave(seat, &mut sides, mark).unwrap();
        made += big(seat.quote) + value - opened;
    }
    made
}

/// Attack 16.
#[test]
fn the_order_in_which_seats_are_touched_changes_nothing() {
    for seed in 0..60_u64 {
        let mut random = Random::new(seed);
        let short = random.one_in(2);
        let sizes: Vec<u64> = (0..8).map(|_| 1 + random.below(1 << 30)).collect();
        let total: u64 = sizes.iter().sum();
        let (start, _) = event(
            &sizes,
            random.below(total),
            short,
            PRICE,
            random.below(total / 2),
        );
        let mut outcomes = vec![];
        for _ in 0..4 {
            let mut pit = start.pit.clone();
            let mut order: Vec<usize> = start.opposing().collect();
            for at in (1..order.len()).rev() {
                order.swap(at, random.below(at as u64 + 1) as usize);
            }
            for who in order {
                pit.wake(who);
                let sides = pit.header.sides;
                position::touch(pit.seat_mut(who), &sides).unwrap();
                pit.check();
            }
            let seats: Vec<_> = start.opposing().map(|who| pit.seat(who)).collect();
            outcomes.push((
                seats,
                pit.residue(),
                pit.header.sides.map(|side| side.shares),
            ));
        }
        assert!(
            outcomes.iter().all(|outcome| *outcome == outcomes[0]),
            "{seed}"
        );
    }
}

/// Nothing of the event depends on how many seats there are: same scale, same charge, same contract.
#[test]
fn two_seats_and_two_thousand_give_the_same_per_contract() {
    for short in [false, true] {
        for (lost, deficit) in [
            (0, 123_456_789),
            (777_777_777, 0),
            (1_234_567_890, 98_765_432),
        ] {
            let (few, one) = event(&[1_000_000_000, 1_000_000_000], lost, short, PRICE, deficit);
            let sizes = [1_000_000; 2_000];
            let (many, other) = event(&sizes, lost, short, PRICE, deficit);
            assert_eq!(one.scale_after, other.scale_after);
            assert_eq!(one.cash_index_after, other.cash_index_after);
            assert_eq!((one.charged, one.quantity), (other.charged, other.quantity));
            assert_eq!(one.open_interest_after, other.open_interest_after);
            // A thousandth, to the atom of base and of claim.
            let (large, small) = (few.pit.held(1), many.pit.held(1_000));
            let base: BigInt = large.base - &small.base * 1_000;
            assert!(base.magnitude() < big(1_000).magnitude());
            let opened = |scene: &Scene, who: usize| big(scene.pit.seat(who).quote);
            let quote = large.quote - opened(&few, 1);
            let quote: BigInt = quote - (small.quote - opened(&many, 1_000)) * 1_000;
            assert!(quote >= big(0) && quote <= big(1_000), "{quote}");
        }
    }
}
