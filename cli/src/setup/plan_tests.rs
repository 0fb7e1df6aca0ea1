use plimsoll_client::engine::state::MARKET_HEADER_SIZE;
use solana_keypair::Keypair;

use super::*;
use crate::cluster::ClusterConfig;
use crate::keys;

fn config() -> ClusterConfig {
    ClusterConfig::load("localnet").expect("localnet")
}

fn authority() -> Keypair {
    keys::localnet_authority().expect("published")
}

fn nothing(config: &ClusterConfig) -> OnChain {
    OnChain {
        program: Some(ProgramFound::Executable),
        mint_decimals: None,
        treasury: false,
        exchange: None,
        markets: vec![None; config.markets.len()],
    }
}

/// A chain on which every step of the file was taken.
fn complete(target: &Target<'_>) -> OnChain {
    let authority = target.authority.pubkey();
    let plan = &target.config.exchange;
    let mut exchange: Exchange = bytemuck::Zeroable::zeroed();
    exchange.authority = authority.to_bytes();
    exchange.guardian = authority.to_bytes();
    exchange.treasury = plan.treasury(&target.addresses, &authority).to_bytes();
    exchange.timelock_seconds = plan.timelock_seconds;
    exchange.timelock_tightening_seconds = plan.timelock_tightening_seconds;
    exchange.fee_default_fund_ppm = plan.fee_default_fund_ppm;
    exchange.fee_keeper_pool_ppm = plan.fee_keeper_pool_ppm;
    exchange.fee_treasury_ppm = plan.fee_treasury_ppm;
    exchange.custody_shards_len = plan.custody_shards;
    let header = |market: &MarketPlan| {
        let mut header: MarketHeader = bytemuck::Zeroable::zeroed();
        header.params = market.params;
        header
    };
    OnChain {
        program: Some(ProgramFound::Executable),
        mint_decimals: Some(6),
        treasury: true,
        exchange: Some(exchange),
        markets: target
            .config
            .markets
            .iter()
            .map(|market| Some(header(market)))
            .collect(),
    }
}

#[test]
fn on_an_empty_chain_everything_but_the_program_is_missing_in_order() {
    let (config, authority) = (config(), authority());
    let target = Target::new(&config, &authority, &authority).expect("a target");
    let plan = plan(&target, &nothing(&config)).expect("a plan");
    let steps: Vec<Step> = plan.with(Action::Create).map(|item| item.step).collect();
    let mut wanted = vec![Step::Mint, Step::Treasury, Step::Exchange];
    wanted.extend((0..8).map(Step::Shard));
    wanted.extend((0..4).map(Step::Market));
    assert_eq!(steps, wanted);
}

#[test]
fn on_a_complete_chain_there_is_nothing_to_do() {
    let (config, authority) = (config(), authority());
    let target = Target::new(&config, &authority, &authority).expect("a target");
    let plan = plan(&target, &complete(&target)).expect("a plan");
    assert!(plan
        .items()
        .iter()
        .all(|item| item.action == Action::Nothing));
}

#[test]
fn a_run_that_stopped_between_two_shards_goes_on_there() {
    let (config, authority) = (config(), authority());
    let target = Target::new(&config, &authority, &authority).expect("a target");
    let mut chain = complete(&target);
    if let Some(exchange) = &mut chain.exchange {
        exchange.custody_shards_len = 5;
    }
    chain.markets[2] = None;
    let plan = plan(&target, &chain).expect("a plan");
    let steps: Vec<Step> = plan.with(Action::Create).map(|item| item.step).collect();
    let wanted = [
        Step::Shard(5),
        Step::Shard(6),
        Step::Shard(7),
        Step::Market(2),
    ];
    assert_eq!(steps, wanted);
}

#[test]
fn what_differs_is_named_field_by_field_and_never_created() {
    let (config, authority) = (config(), authority());
    let target = Target::new(&config, &authority, &authority).expect("a target");
    let mut chain = complete(&target);
    if let Some(exchange) = &mut chain.exchange {
        exchange.timelock_seconds = 259_200;
    }
    if let Some(header) = &mut chain.markets[1] {
        header.params.taker_fee_ppm = 600;
    }
    let plan = plan(&target, &chain).expect("a plan");
    assert_eq!(plan.with(Action::Create).count(), 0);
    let differs: Vec<_> = plan
        .with(Action::Differs)
        .map(|item| (item.subject.as_str(), item.detail.as_str()))
        .collect();
    assert_eq!(
        differs,
        [
            ("exchange", "timelock_seconds: is 259200, file says 172800"),
            ("market BTC", "taker_fee: is 0.06%, file says 0.05%"),
        ]
    );
}

#[test]
fn another_authority_than_the_files_is_refused() {
    let (config, stranger) = (config(), Keypair::new_from_array([9; 32]));
    let error = Target::new(&config, &stranger, &stranger).expect_err("refused");
    assert!(error.to_string().contains("`authority` is"), "{error}");
}

#[test]
fn every_parameter_of_a_market_is_compared() {
    let config = config();
    let params = config.markets[0].params;
    let words = size_of::<MarketParams>() / 4;
    assert!(words * 4 < MARKET_HEADER_SIZE);
    let reserved = |word: usize| {
        let bytes: [u8; 4] = [1; 4];
        let mut changed = params;
        bytemuck::bytes_of_mut(&mut changed)[word * 4..word * 4 + 4].copy_from_slice(&bytes);
        let unused = changed.reserved != params.reserved
            || changed.reserved_0 != params.reserved_0
            || changed.feed_ids[1..] != params.feed_ids[1..];
        (changed, unused)
    };
    for word in 0..words {
        let (changed, unused) = reserved(word);
        // A word that the loop turns into decimals out of range cannot be shown, nor can it be created.
        if unused || changed.base_decimals > 18 {
            continue;
        }
        assert!(
            !parameter_differences(&params, &changed).is_empty() || changed == params,
            "word {word} is not compared"
        );
    }
}
