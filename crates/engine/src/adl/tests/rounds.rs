//! Attacks 14 and 15: the scale driven toward zero again and again, by which nobody is blocked and no
//! seat holds more than its side.

use super::*;

#[test]
fn closing_nearly_everything_again_and_again_rolls_epochs_over_and_blocks_nobody() {
    for short in [false, true] {
        let mut scene = scene(&[3, 7, 101, 1_000], 0, short, PRICE);
        for round in 1..=9 {
            // One seat grows by far more than all the others hold; the rest sleep.
            let grows = 1 + round % 4;
            scene.pit.wake(grows);
            against(&mut scene.pit, grows, scene.loser, 1 << 36, short);
            let receipt = scene.pit.lose(scene.loser, 1_000_003, 0).unwrap();
            assert!(receipt.scale_after < epochs::SCALE_MIN && receipt.epoch_ended == 1);
            assert_eq!(receipt.epoch_after as usize, round);
            assert_eq!(receipt.number as usize, round);
            assert!(receipt.open_interest_after <= 1_111);
            scene.pit.check();
        }
        for who in scene.opposing() {
            scene.pit.wake(who);
            scene.pit.check();
            let size = scene.pit.held(who).base.magnitude().clone();
            let size = u64::try_from(size).unwrap();
            if size != 0 {
                against(&mut scene.pit, 0, who, size, short);
            }
        }
        assert_eq!((scene.side().seats, scene.side().ends), (0, 0));
        assert_eq!((scene.side().shares, scene.side().carried), ([0; 2], 0));
        scene.pit.check();
    }
}

/// At a quote atom a base atom half a side is two quote atoms a share in the cash index; the epoch lasts while
/// the scale bears it. Were its bound the same for every scale, each round would end one.
#[test]
fn a_cascade_of_halvings_at_price_one_ends_no_epoch() {
    for (short, tenths) in [(false, 0), (true, 0), (false, 1), (true, 1), (false, 10)] {
        let mut scene = scene(&[1 << 40], 0, short, ONE);
        for round in 1..=12 {
            let half = 1_u64 << (40 - round);
            against(&mut scene.pit, 0, scene.loser, half, short);
            let receipt = scene.pit.lose(scene.loser, half / 10 * tenths, 0).unwrap();
            assert_eq!(receipt.open_interest_after, half);
            assert_eq!((receipt.epoch_ended, scene.side().ends), (0, 0), "{round}");
            assert_eq!(receipt.recomputed().unwrap(), receipt);
            scene.pit.check();
        }
        let held = scene.pit.held(1);
        scene.pit.wake(1);
        let sides = scene.pit.header.sides;
        let touched = position::touch(scene.pit.seat_mut(1), &sides).unwrap();
        assert_eq!(
            (big(touched.base), big(touched.quote)),
            (held.base, held.quote)
        );
    }
}

/// A seat that closes has no more to close than its side has, though every seat's base is rounded.
#[test]
fn what_a_seat_holds_can_always_be_taken_off_its_side() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let short = random.one_in(2);
        let sizes: Vec<u64> = (0..6).map(|_| random.size(20)).collect();
        let total: u64 = sizes.iter().sum();
        let mut scene = scene(&sizes, 1 + random.below(total), short, PRICE);
        scene.pit.lose(scene.loser, random.below(total), 0).unwrap();
        for who in scene.opposing() {
            scene.pit.wake(who);
            let size = scene.pit.held(who).base.magnitude().clone();
            let size = u64::try_from(size).unwrap();
            assert!(size <= scene.side().open_interest());
            if size != 0 {
                against(&mut scene.pit, 0, who, size, short);
            }
            scene.pit.check();
        }
    }
}
