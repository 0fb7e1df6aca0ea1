//! A queue's deed on a chain that is set up by hand: in order, exact, and leaving accounts that still add up.

use std::collections::BTreeMap;

use plimsoll_client::{accounts, instructions, MarketView};
use plimsoll_engine::EngineError;
use plimsoll_replay::baseline::{self, Closed, Entries, Order};
use plimsoll_replay::hands::check_custody;
use plimsoll_replay::ledger::{Entry, Roster};
use plimsoll_replay::operator::Operator;
use plimsoll_replay::scenario::{Scenario, Side};
use plimsoll_replay::stage::Stage;
use plimsoll_tapes::Candle;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use solana_pubkey::Pubkey;

use crate::world::{program, scenario};

pub const START: i64 = 1_800_000_000;
pub const PRICE: i64 = 2_000_000_000;

/// Everybody in at 20 dollars; the index is at 14 a second later, without a halt.
pub fn crashed() -> (Stage, Scenario, Entries) {
    let (mut scenario, _) = Scenario::load(&scenario()).unwrap();
    scenario.market.halt_budget_ppm = 0;
    let first = Candle {
        unix_seconds: START,
        open_e8: PRICE,
        high_e8: PRICE,
        low_e8: PRICE,
        close_e8: PRICE,
        volume_e8: 0,
        trades: 0,
    };
    let mut stage = Stage::build(&program(), &scenario, &first, START, 1).expect("a stage");
    let entry = stage.venue.q32(PRICE);
    let entries = stage
        .members
        .iter()
        .map(|member| (member.seat, entry))
        .collect();
    stage.chain.set_time(START);
    let price = PRICE * 7 / 10;
    let conf = price.unsigned_abs() / 2_000;
    stage
        .venue
        .publish(&mut stage.chain, price, conf, START)
        .unwrap();
    let refresh = instructions::refresh_mark(
        &stage.chain.addresses,
        stage.venue.market,
        &[stage.venue.feed],
    );
    stage.chain.send(&stage.keeper, &[refresh]).expect("a mark");
    (stage, scenario, entries)
}

/// Every trader by name.
pub fn roster(stage: &Stage) -> Roster {
    let entries = stage.members.iter().map(|member| Entry {
        cohort: "trader".to_owned(),
        number: member.seat,
        margin: member.margin,
        seat: member.seat,
        hedger: false,
    });
    Roster::new(entries.collect())
}

fn view(stage: &Stage) -> MarketView {
    MarketView::decode(stage.chain.data(&stage.venue.market)).expect("the market")
}

/// Positions by seat.
fn bases(stage: &Stage) -> BTreeMap<u32, i64> {
    let view = view(stage);
    let held = view
        .seats()
        .map(|(seat, state)| (seat, view.holding(state).unwrap().base));
    held.collect()
}

/// INV-2 and INV-3 without fees, which nobody pays here: what must not change when one is closed against another.
fn sums(stage: &Stage) -> (i64, i128, u64) {
    let view = view(stage);
    let held: Vec<_> = view
        .seats()
        .map(|(_, seat)| view.holding(seat).unwrap())
        .collect();
    let quote: i128 = held.iter().map(|held| i128::from(held.quote)).sum();
    let long: i64 = held.iter().map(|held| held.base.max(0)).sum();
    assert_eq!(view.header.sides[0].open_interest(), long.unsigned_abs());
    assert_eq!(
        view.header.sides[0].open_interest(),
        view.header.sides[1].open_interest()
    );
    (
        held.iter().map(|held| held.base).sum(),
        quote - i128::from(view.header.cash.pool),
        view.header.cash.deficit,
    )
}

/// Cash and claim of an account at the mark.
fn equity(stage: &Stage, margin: &Pubkey, seat: u32) -> i128 {
    let account = accounts::margin_account(stage.chain.data(margin)).unwrap();
    let view = view(stage);
    let held = view.holding(view.seat(seat).unwrap()).unwrap();
    let mark = plimsoll_engine::units::PriceQ32(view.header.prices.mark);
    i128::from(account.collateral)
        + i128::from(account.credit_principal)
        + i128::from(held.quote)
        + i128::from(mark.position_value(held.base).unwrap())
}

/// Winners from the front of the queue. Who entered at one price gained the same part: the rank is leverage alone,
/// position over equity.
fn ranked(stage: &Stage) -> Vec<u32> {
    let bases = bases(stage);
    let shorts = stage.population.traders.iter().zip(&stage.members);
    let mut ranked: Vec<(i128, u32)> = shorts
        .filter(|(trader, member)| trader.side == Side::Short && bases[&member.seat] != 0)
        .map(|(_, member)| {
            let own = equity(stage, &member.margin, member.seat);
            let size = i128::from(bases[&member.seat].unsigned_abs());
            (size * 1_000_000_000 / own, member.seat)
        })
        .collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked.into_iter().map(|(_, seat)| seat).collect()
}

/// Closes everybody who can be closed; `seen` is told of each close, with the stage before it.
fn close_all(
    stage: &mut Stage,
    entries: &Entries,
    order: &mut Order,
    seen: &mut dyn FnMut(&Stage, &Stage, &Closed),
) -> Vec<Closed> {
    let mut done = Vec::new();
    let members = stage.members.clone();
    let traders = stage.population.traders.clone();
    for (trader, member) in traders.iter().zip(members) {
        let (market, before) = (stage.venue.market, stage.clone());
        let closed = baseline::close(&mut stage.chain, &market, &member.margin, entries, order);
        match closed.expect("a chain that can be read") {
            Ok(Some(closed)) => {
                assert_eq!((trader.side, closed.seat), (Side::Long, member.seat));
                let left = equity(stage, &member.margin, member.seat);
                assert!((0..=200).contains(&left), "a loser is left with {left}");
                assert_eq!(bases(stage)[&member.seat], 0);
                seen(&before, stage, &closed);
                done.push(closed);
            }
            Ok(None) => panic!("everybody has a position"),
            Err(refused) => assert!(
                matches!(
                    refused.engine,
                    Some(EngineError::AccountSolvent | EngineError::NotLiquidatable)
                ),
                "{refused}"
            ),
        }
    }
    done
}

#[test]
fn a_queue_closes_the_most_levered_winners_first_and_the_books_still_add_up() {
    let (mut stage, scenario, entries) = crashed();
    let was = sums(&stage);
    assert_eq!(was.0, 0);
    let (mut whole, mut spared) = (0, 0);
    let mut check = |before: &Stage, after: &Stage, closed: &Closed| {
        let line = ranked(before);
        let (had, has) = (bases(before), bases(after));
        let mut left = closed.base;
        // From the front: all, all, a part, and then nothing of anybody.
        for seat in line {
            let taken = had[&seat].unsigned_abs() - has[&seat].unsigned_abs();
            let due = left.min(had[&seat].unsigned_abs());
            assert_eq!(taken, due, "seat {seat}");
            left -= taken;
            whole += u32::from(taken != 0 && has[&seat] == 0);
            spared += u32::from(taken == 0);
        }
        assert_eq!(left, 0);
        assert_eq!(sums(after), was);
    };
    let done = close_all(&mut stage, &entries, &mut Order::Queue, &mut check);
    assert!(
        done.len() > 5 && whole > 5 && spared > 5,
        "{whole} {spared}"
    );
    let keeper = Operator::new(&stage, &scenario);
    check_custody(&keeper, &stage).expect("custody equality");
}

#[test]
fn what_the_default_fund_pays_reaches_the_pool() {
    let (mut stage, scenario, entries) = crashed();
    let fund = |stage: &Stage| {
        let data = stage.chain.data(&stage.chain.addresses.default_fund);
        accounts::default_fund(data).unwrap().balance
    };
    let (held, pool) = (fund(&stage), view(&stage).header.cash.pool);
    let done = close_all(&mut stage, &entries, &mut Order::Queue, &mut |_, _, _| ());
    let paid: u64 = done.iter().map(|closed| closed.from_default_fund).sum();
    assert!(paid != 0, "the fund had something to give");
    assert_eq!(fund(&stage), held - paid);
    assert_eq!(view(&stage).header.cash.pool, pool + paid);
    check_custody(&Operator::new(&stage, &scenario), &stage).expect("custody equality");
}

#[test]
fn a_list_that_starts_anywhere_starts_where_its_seed_says() {
    let (stage, _, entries) = crashed();
    let closed = |seed: u64| {
        let mut stage = stage.clone();
        let was = sums(&stage);
        let mut order = Order::Random(ChaCha8Rng::seed_from_u64(seed));
        close_all(&mut stage, &entries, &mut order, &mut |_, _, _| ());
        assert_eq!(sums(&stage), was);
        bases(&stage)
    };
    assert_eq!(closed(1), closed(1));
    assert_ne!(closed(1), closed(2));
}

#[test]
fn custody_that_is_off_by_an_atom_is_found() {
    let (mut stage, scenario, _) = crashed();
    check_custody(&Operator::new(&stage, &scenario), &stage).expect("custody equality");
    let shard = stage.shards[1];
    stage.chain.add_tokens(shard, 1).unwrap();
    let keeper = Operator::new(&stage, &scenario);
    let error = check_custody(&keeper, &stage).expect_err("one atom too many");
    assert!(error.to_string().contains("custody holds"), "{error}");
}
