//! The waves of 10 October 2025 under the uniform rule (`data/README.md` has source and licence).

use super::*;

const WAVES: &str = include_str!("../../../../../data/adl_waves_2025-10-10.csv");

/// Numerator and denominator of a decimal.
fn decimal(text: &str) -> (BigInt, BigInt) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = std::format!("{whole}{fraction}");
    let unit = big(10).pow(fraction.len() as u32);
    (digits.parse().unwrap(), unit)
}

/// Dollars in millionths, rounded down.
fn atoms(text: &str) -> u64 {
    let (digits, unit) = decimal(text);
    u64::try_from(digits * 1_000_000 / unit).unwrap()
}

/// Accounts of very different sizes that come to `total` together, none over the largest position.
fn accounts(total: u64) -> Vec<u64> {
    let weights: u64 = (1..=60).map(|number| number * number).sum();
    let mut sizes: Vec<u64> = (1..=60_u64)
        .map(|number| total / weights * number * number)
        .collect();
    sizes[0] += total - sizes.iter().sum::<u64>();
    sizes
}

/// The accounts on one side, each against one of the other, and a flat seat that owes.
fn wave(total: u64, short: bool) -> (Scene, Vec<u64>) {
    let sizes = accounts(total);
    let count = sizes.len();
    let mut pit = Pit::new(2 * count + 2, 0, ONE);
    for (at, size) in sizes.iter().enumerate() {
        against(&mut pit, at + 1, at + 1 + count, *size, short);
    }
    let flat = 2 * count + 1;
    against(&mut pit, 1, flat, 1, short);
    against(&mut pit, flat, 1, 1, short);
    let scene = Scene {
        pit,
        loser: count + 1,
        flat,
        short,
    };
    (scene, sizes)
}

/// Contracts in proportion to what winners could have given, a dollar each: the side gives exactly what
/// was needed, each of its accounts the same fraction to the atom.
#[test]
fn the_published_waves_take_what_was_needed_and_the_same_fraction_of_everyone() {
    let mut waves = 0;
    let mut lines = WAVES.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |name: &str| -> &str {
            cells[columns.iter().position(|column| *column == name).unwrap()]
        };
        let (needed, total) = (atoms(cell("budget_needed")), atoms(cell("total_cap")));
        for short in [false, true] {
            let (mut scene, sizes) = wave(total, short);
            let claims: Vec<i64> = scene
                .opposing()
                .map(|who| scene.pit.seat(who).quote)
                .collect();
            let receipt = scene.pit.lose(scene.flat, needed, 0).unwrap();
            assert_eq!((receipt.charged, receipt.carried), (needed, 0));
            assert_eq!(receipt.open_interest_before, total);
            let mut taken = big(0);
            for (at, size) in sizes.iter().enumerate() {
                let held = scene.pit.held(at + 1);
                let sign = if short { -1 } else { 1 };
                assert_eq!(held.base, big(sign) * *size, "no contract is closed");
                let charged = big(claims[at]) - held.quote;
                // ⌈needed × size / total⌉, or one atom more where c's own ceiling reaches over it.
                let exact = big(needed) * *size;
                let over = &charged * total - exact;
                assert!(over >= big(0) && over <= big(total), "seat {at}");
                taken += charged;
            }
            // Exact but for the atom of each seat, in the pool's favour.
            assert!(taken >= big(needed) && taken <= big(needed) + sizes.len());
            // The published fraction of the account that was hit worst: everyone's, here.
            let (fraction, unit) = decimal(cell("max_pct_pr"));
            let published = big(total) * fraction / unit;
            let apart = published - needed;
            assert!(apart.magnitude() <= big(10).magnitude(), "{apart}");
            scene.pit.check();
        }
        waves += 1;
    }
    assert_eq!(waves, 6);
}

/// The queue of that day took its worst-hit account whole while others gave nothing; under the uniform
/// rule nobody gives more than 1% but in the one wave that needed a sixth.
#[test]
fn nobody_gives_more_than_the_side_as_a_whole() {
    for line in WAVES.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (needed, total) = (atoms(cells[3]), atoms(cells[9]));
        let (mut scene, _) = wave(total, true);
        let before: Vec<BigInt> = scene
            .opposing()
            .map(|who| scene.pit.held(who).quote)
            .collect();
        scene.pit.lose(scene.flat, needed, 0).unwrap();
        let worst = scene.opposing().map(|who| {
            let held = scene.pit.held(who);
            let gave = &before[who - 1] - &held.quote;
            // Parts per billion of what it held.
            floor(&(gave * 1_000_000_000), &-held.base)
        });
        let side = floor(&(big(needed) * 1_000_000_000), &big(total));
        for gave in worst {
            assert!((gave - &side).magnitude() <= big(1_000).magnitude());
        }
    }
}
