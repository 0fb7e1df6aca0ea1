use super::*;

/// 0.01 AVAX of 10^-8, tick 0.001 dollars: 10 quote atoms per lot-tick.
fn avax() -> MarketUnits {
    MarketUnits::new(
        LotSizes {
            base_atoms_per_lot: 1_000_000,
            quote_atoms_per_lot_tick: 10,
        },
        8,
    )
}

/// 0.0001 BTC of 10^-12, tick 0.1 dollars.
fn btc() -> MarketUnits {
    MarketUnits::new(
        LotSizes {
            base_atoms_per_lot: 100_000_000,
            quote_atoms_per_lot_tick: 10,
        },
        12,
    )
}

#[test]
fn a_size_and_a_price_become_lots_and_ticks_and_back() {
    for (units, size, lots, price, ticks) in [
        (avax(), "10", 1_000, "28.5", 28_500),
        (avax(), "0.01", 1, "0.001", 1),
        (btc(), "1.5", 15_000, "116682.1", 1_166_821),
    ] {
        assert_eq!(units.lots(size).expect(size), lots);
        assert_eq!(units.size(lots), size);
        assert_eq!(units.ticks(price).expect(price), ticks);
        assert_eq!(
            Decimal::parse(&units.price(ticks)).expect("a price"),
            Decimal::parse(price).expect("a price")
        );
    }
}

#[test]
fn a_size_between_two_lots_names_the_lot() {
    let error = avax().lots("10.005").expect_err("not whole").to_string();
    assert_eq!(error, "size 10.005 is not a multiple of the lot, 0.01");
}

#[test]
fn a_price_between_two_ticks_names_the_tick() {
    let error = btc().ticks("116682.15").expect_err("between").to_string();
    assert_eq!(error, "price 116682.15 is not a multiple of the tick, 0.1");
    assert!(avax().ticks("0").is_err(), "a price of zero is no tick");
}

#[test]
fn a_q32_price_reads_in_dollars_and_rounds_to_ticks_both_ways() {
    // 28.5005 dollars: 0.285005 quote atoms per base atom, between two ticks.
    let price = (285_005_u64 << 32) / 1_000_000;
    let units = avax();
    assert_eq!(units.price_q32(price), "28.500");
    assert_eq!(
        units.ticks_of_q32(price, Round::Down).expect("ticks"),
        28_500
    );
    assert_eq!(units.ticks_of_q32(price, Round::Up).expect("ticks"), 28_501);
}

#[test]
fn decimals_are_exact_or_refused() {
    assert_eq!(parse_usd("$1_000.25").expect("dollars"), 1_000_250_000);
    assert_eq!(parse_usd("0.000001").expect("one atom"), 1);
    assert!(parse_usd("0.0000001").is_err(), "below an atom");
    assert!(parse_usd("-1").is_err(), "no sign");
    assert!(parse_usd("1e3").is_err(), "no exponent");
    assert!(parse_usd(".").is_err(), "no digits");
    assert!(parse_usd("99999999999999999999").is_err(), "too large");
    assert_eq!(usd(-1_500_000), "-1.50");
    assert_eq!(usd(1), "0.000001");
    assert_eq!(usd(i64::MIN), "-9223372036854.775808");
}

#[test]
fn percentages_are_ppm() {
    assert_eq!(parse_percent("0.05%").expect("percent"), 500);
    assert_eq!(parse_percent("100%").expect("percent"), 1_000_000);
    assert!(parse_percent("0.05").is_err(), "without its sign");
    assert!(parse_percent("0.00001%").is_err(), "below a ppm");
    assert_eq!(percent(500), "0.05%");
    assert_eq!(percent(110_000), "11%");
}

#[test]
fn positions_are_signed_and_keep_dust_below_a_lot() {
    assert_eq!(avax().position(-1_050_000_000), "-10.5");
    assert_eq!(avax().position(1), "0.00000001");
    assert_eq!(avax().position(0), "0");
}
