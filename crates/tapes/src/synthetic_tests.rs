use super::*;

const START: i64 = 1_760_126_400;
const PRICE: i64 = 20_000_000_000;

fn walk(seed: u64) -> SyntheticWalk {
    SyntheticWalk::new(SyntheticConfig::ordinary(seed, START, PRICE)).expect("walk")
}

#[test]
fn a_seed_gives_the_same_prices_however_they_are_asked_for() {
    let mut at_once = walk(42);
    let mut by_second = walk(42);
    let whole = at_once.next_until(START + 999);
    let pieces: Vec<_> = (0..1_000)
        .flat_map(|second| by_second.next_until(START + second))
        .collect();
    assert_eq!(whole, pieces);
    assert_ne!(whole, walk(43).next_until(START + 999));
}

/// Pins the generator: a tape named by its seed must stay the same tape.
#[test]
fn the_first_draws_of_seed_zero_are_the_published_ones() {
    let mut random = SplitMix64::new(0);
    assert_eq!(random.next(), 0xE220_A839_7B1D_CDAF);
    assert_eq!(random.next(), 0x6E78_9E6A_A1B9_65F4);
}

#[test]
fn silent_seconds_are_as_frequent_as_configured() {
    let seconds = walk(7).next_until(START + 19_999).len();
    assert!((17_700..=18_300).contains(&seconds), "{seconds} of 20000");
}

#[test]
fn a_volatile_market_moves_more_than_a_calm_one() {
    let mean_move = |volatility_ppm: u32| {
        let mut config = SyntheticConfig::ordinary(11, START, PRICE);
        config.calm = Regime {
            volatility_ppm,
            drift_ppm: 0,
            exit_chance_ppm: 0,
        };
        config.silence_chance_ppm = 0;
        let points = SyntheticWalk::new(config)
            .expect("walk")
            .next_until(START + 4_999);
        let moves: u64 = points
            .windows(2)
            .map(|pair| pair[1].price_e8.abs_diff(pair[0].price_e8) * PPM / pair[0].price_e8 as u64)
            .sum();
        moves / 4_999
    };
    // The mean absolute move of a bell is 0.8 of its deviation.
    assert!((140..=180).contains(&mean_move(200)), "{}", mean_move(200));
    assert!(
        (1_400..=1_800).contains(&mean_move(2_000)),
        "{}",
        mean_move(2_000)
    );
}

#[test]
fn both_regimes_occur() {
    let mut walk = walk(5);
    let mut volatile_seconds = 0;
    for second in 0..20_000 {
        walk.next_until(START + second);
        volatile_seconds += u32::from(walk.is_volatile());
    }
    assert!(
        (200..=5_000).contains(&volatile_seconds),
        "{volatile_seconds}"
    );
}

#[test]
fn prices_never_leave_their_range() {
    let mut config = SyntheticConfig::ordinary(3, START, PRICE);
    config.price_range_e8 = PRICE - 1_000..=PRICE + 1_000;
    config.calm.volatility_ppm = u32::MAX;
    let range = config.price_range_e8.clone();
    let points = SyntheticWalk::new(config)
        .expect("walk")
        .next_until(START + 999);
    assert!(points.iter().all(|point| range.contains(&point.price_e8)));
}

#[test]
fn a_price_outside_its_range_is_refused() {
    let mut config = SyntheticConfig::ordinary(3, START, PRICE);
    config.price_range_e8 = 1..=PRICE - 1;
    assert!(SyntheticWalk::new(config.clone()).is_err());
    config.price_range_e8 = 0..=PRICE;
    assert!(SyntheticWalk::new(config).is_err());
}
