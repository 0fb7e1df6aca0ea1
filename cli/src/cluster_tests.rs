use super::*;

fn with(find: &str, replace: &str) -> String {
    assert!(LOCALNET.contains(find), "{find:?} is not in the file");
    LOCALNET.replacen(find, replace, 1)
}

fn error(text: &str) -> String {
    format!(
        "{:#}",
        ClusterConfig::parse(text).expect_err("it should be refused")
    )
}

#[test]
fn both_built_in_files_are_accepted_by_the_engine() {
    for name in ["localnet", "devnet"] {
        let config = ClusterConfig::load(name).expect(name);
        let symbols: Vec<_> = config.markets.iter().map(|market| &market.symbol).collect();
        assert_eq!(symbols, ["AVAX", "BTC", "ETH", "SOL"]);
        for market in &config.markets {
            market.params.validate().expect("accepted by the program");
        }
    }
}

#[test]
fn a_stock_validators_markets_are_the_localnets_with_the_oldest_index_that_the_program_allows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/validator.toml");
    let validator = ClusterConfig::load(path).expect("validator");
    let localnet = ClusterConfig::load("localnet").expect("localnet");
    assert!(!validator.markets.is_empty());
    for market in &validator.markets {
        let of_localnet = localnet.markets.iter();
        let mut params = of_localnet
            .filter(|wanted| wanted.symbol == market.symbol)
            .map(|wanted| wanted.params)
            .next()
            .expect("a market of the localnet");
        params.index_age_seconds_max = 300;
        assert_eq!(market.params, params, "{}", market.symbol);
        market.params.validate().expect("accepted by the program");
    }
}

#[test]
fn human_units_become_exact_atoms() {
    let config = ClusterConfig::load("localnet").expect("localnet");
    let avax = &config.markets[0].params;
    assert_eq!(avax.base_atoms_per_lot, 1_000_000);
    assert_eq!(avax.quote_atoms_per_lot_tick, 10);
    assert_eq!(avax.initial_margin_ppm, 110_000);
    assert_eq!(
        (avax.velocity_short_ppm, avax.velocity_short_seconds),
        (50_000, 30)
    );
    assert_eq!(avax.slice_lots_max, 200_000);
    assert_eq!(config.markets[0].start_price_e8, 2_850_000_000);
}

#[test]
fn a_listed_price_makes_a_base_atom_worth_what_the_program_accepts() {
    let config = ClusterConfig::load("localnet").expect("localnet");
    for market in &config.markets {
        // Quote atoms of 10^6 base atoms at the start price, in millionths.
        let scale = 10_u128.pow(u32::from(market.params.base_decimals) + 8 - 6);
        let worth = u128::from(market.start_price_e8) * 1_000_000 / scale;
        assert!(
            (62_500..=1_000_000).contains(&worth),
            "{}: {worth} millionths",
            market.symbol
        );
    }
}

#[test]
fn a_float_is_refused_with_the_field_and_the_remedy() {
    let text = with("lot_size = \"0.01\"", "lot_size = 0.01");
    let error = error(&text);
    assert!(
        error.starts_with("market \"AVAX\": `lot_size`: "),
        "{error}"
    );
    assert!(error.contains("in quotes"), "{error}");
}

#[test]
fn an_unknown_field_is_named() {
    let text = with("lot_size = \"0.01\"", "lot_size = \"0.01\"\nlotsize = 1");
    assert_eq!(
        error(&text),
        "market \"AVAX\": `lotsize` is not a known field"
    );
    let text = with("custody_shards", "custody_shard");
    assert_eq!(
        error(&text),
        "[exchange]: `custody_shard` is not a known field"
    );
}

#[test]
fn a_missing_field_is_named() {
    let text = with("tick_size = \"0.001\"\n", "");
    assert_eq!(error(&text), "market \"AVAX\": `tick_size` is missing");
}

#[test]
fn a_tick_that_is_no_whole_number_of_atoms_is_refused() {
    let text = with("tick_size = \"0.001\"", "tick_size = \"0.00001\"");
    let error = error(&text);
    assert!(
        error.starts_with("market \"AVAX\": `tick_size`: "),
        "{error}"
    );
}

#[test]
fn a_parameter_that_breaks_the_listing_rule_is_named() {
    let text = with("initial_margin = \"11%\"", "initial_margin = \"10%\"");
    let error = error(&text);
    assert!(error.contains("(ListingRuleViolated)"), "{error}");
    assert!(error.contains("`initial_margin`"), "{error}");
}

#[test]
fn a_parameter_out_of_its_bounds_is_named() {
    let text = with(
        "velocity_short_seconds = 30",
        "velocity_short_seconds = 30\nfreeze_seconds = 9",
    );
    let error = error(&text);
    assert!(error.contains("(ParameterOutOfBounds)"), "{error}");
    assert!(error.contains("`freeze_seconds`"), "{error}");
}

#[test]
fn a_symbol_twice_is_refused() {
    let text = with("symbol = \"BTC\"", "symbol = \"AVAX\"");
    assert_eq!(error(&text), "market \"AVAX\" is named twice");
}

#[test]
fn a_fee_split_that_is_not_whole_is_refused() {
    let text = with("fee_treasury = \"40%\"", "fee_treasury = \"39%\"");
    let error = error(&text);
    assert!(error.contains("add up to 99%, not 100%"), "{error}");
}

#[test]
fn what_a_deployer_has_not_filled_in_is_said_when_it_is_needed() {
    let config = ClusterConfig::load("devnet").expect("devnet");
    let error = config.program().expect_err("empty").to_string();
    assert!(error.contains("[program]: `id` is empty"), "{error}");
}
