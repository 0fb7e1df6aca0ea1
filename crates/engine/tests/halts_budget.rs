//! INV-10 over hours of a market's life: whatever comes, halted time stays in its budget, and time alone ends
//! every halt. Seconds are counted one by one, by what the clock says and not by what was written.
//!
//! `PLIMSOLL_SEED` begins another life, `PLIMSOLL_HOURS` lengthens it.
#![allow(clippy::unwrap_used)]

mod halts;

use halts::{params, Market};
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::place::{OrderRequest, SelfTrade, TimeInForce};
use plimsoll_engine::state::OrderSide;
use plimsoll_engine::units::{BaseLots, Ticks};
use plimsoll_engine::EngineError;

const START: i64 = 1_760_131_260;
const ACCOUNTS: usize = 6;

fn from_environment(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A generator that anyone can repeat from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// How a life goes: chances in each second, one in so many.
#[derive(Clone, Copy, Debug)]
struct Mix {
    refresh: u64,
    /// Of a refresh, that its price jumps.
    jump: u64,
    order: u64,
    /// Zero: nobody ever advances.
    advance: u64,
}

#[derive(Debug, Default)]
struct Life {
    halted: Vec<bool>,
    by_trade: Vec<bool>,
    halts: u64,
    refused: u64,
    trade_halts: u64,
    auctions: u64,
    reopenings: u64,
}

fn request(random: &mut Random, price: u64) -> OrderRequest {
    let bid = random.one_in(2);
    // A tick is a cent; some reach far through the book.
    let reach = if random.one_in(4) { 300 } else { 20 };
    let away = random.below(reach);
    let around = price / 1_000_000;
    let ticks = if bid == random.one_in(2) {
        around + away
    } else {
        around - away.min(around - 1)
    };
    let kinds = [
        TimeInForce::Limit,
        TimeInForce::Limit,
        TimeInForce::Limit,
        TimeInForce::PostOnlySlide,
        TimeInForce::ImmediateOrCancel,
    ];
    OrderRequest {
        side: if bid { OrderSide::Bid } else { OrderSide::Ask },
        price: Ticks(ticks),
        lots: BaseLots(1 + random.below(400)),
        client_id: 0,
        expires_at: 0,
        time_in_force: kinds[random.below(5) as usize],
        self_trade: SelfTrade::CancelMaker,
        reduce_only: random.one_in(6),
        steps_max: 32,
    }
}

fn tolerated(error: EngineError) -> bool {
    use EngineError as E;
    matches!(
        error,
        E::MarketHalted
            | E::IndexStale
            | E::OrderSlotsFull
            | E::OwnOrdersWouldCross
            | E::ReduceOnlyWouldNotReduce
            | E::TradeWorsensRisk
            | E::BelowInitialMargin
            | E::MarketReduceOnly
    )
}

fn live(params: &MarketParams, mix: &Mix, seed: u64, hours: u64) -> Life {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut market = Market::new(params, ACCOUNTS, 1 << 44, START);
    let mut life = Life::default();
    let mut price = 2_600_000_000;
    market.refresh(price, START);
    let end = START + 3_600 * hours as i64;
    for now in START + 1..end {
        if random.one_in(mix.refresh) {
            let most = if random.one_in(mix.jump) {
                80_000
            } else {
                4_000
            };
            let ppm = random.below(2 * most + 1) as i64 - most as i64;
            // Pulled back towards its start, so that hours stay in range.
            let ppm = if price > 3_600_000_000 {
                -ppm.abs()
            } else {
                ppm
            };
            let ppm = if price < 1_800_000_000 {
                ppm.abs()
            } else {
                ppm
            };
            price = (price as i64 + price as i64 / 1_000_000 * ppm) as u64;
            let (_, trip) = market.refresh(price, now);
            count(&mut life, trip.map(|trip| trip.halted), false);
        }
        if random.one_in(mix.order) {
            let account = random.below(ACCOUNTS as u64) as usize;
            if random.one_in(6) {
                market.cancel_all(account, now);
            } else {
                let request = request(&mut random, price);
                let trip = match market.place(account, &request, now) {
                    Ok(placed) => placed.trip,
                    Err(error) => {
                        assert!(tolerated(error), "{error}");
                        None
                    }
                };
                count(&mut life, trip.map(|trip| trip.halted), true);
            }
        }
        if mix.advance != 0 && random.one_in(mix.advance) {
            let done = market.advance(now);
            life.auctions += u64::from(done.fixed.is_some());
        }
        let halted = !market.is_open(now);
        life.halted.push(halted);
        // 3: a trade.
        life.by_trade.push(halted && market.header.halt.cause == 3);
    }
    life.reopenings = market.reopenings;
    let longest = i64::from(params.call_seconds_max + params.resolve_seconds) + 10;
    assert!(
        market.is_open(end + longest),
        "time alone ends the last halt"
    );
    life
}

fn count(life: &mut Life, trip: Option<bool>, by_trade: bool) {
    match trip {
        Some(true) => {
            life.halts += 1;
            life.trade_halts += u64::from(by_trade);
        }
        Some(false) => life.refused += 1,
        None => {}
    }
}

/// Most marked seconds in any stretch of `length`, by a running sum.
fn most_in(marks: &[bool], length: usize) -> u64 {
    let (mut sum, mut most) = (0_u64, 0);
    for at in 0..marks.len() {
        sum += u64::from(marks[at]);
        sum -= u64::from(at >= length && marks[at - length]);
        most = most.max(sum);
    }
    most
}

/// Longest run of marked seconds.
fn longest_run(marks: &[bool]) -> u64 {
    let (mut run, mut longest) = (0, 0);
    for marked in marks {
        run = if *marked { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn check(params: &MarketParams, mix: &Mix, salt: u64) -> Life {
    let seed = from_environment("PLIMSOLL_SEED", 1_010) + salt;
    let life = live(params, mix, seed, from_environment("PLIMSOLL_HOURS", 6));
    let length = params.halt_budget_seconds as usize;
    assert!(most_in(&life.halted, length) <= 150, "seed {seed}");
    assert!(most_in(&life.by_trade, length) <= 60, "seed {seed}");
    // 30 + 10 + 2 s, and a market may halt again in the second in which it reopens.
    assert!(longest_run(&life.halted) <= 150);
    assert!(life.reopenings + 1 >= life.halts);
    life
}

const QUIET: Mix = Mix {
    refresh: 3,
    jump: 60,
    order: 2,
    advance: 2,
};

#[test]
fn inv_10_halts_end_and_stay_in_their_budget_with_a_keeper() {
    let life = check(&params(), &QUIET, 0);
    assert!(life.halts > 20 && life.auctions > 0, "{:?}", counts(&life));
}

#[test]
fn inv_10_halts_end_and_stay_in_their_budget_when_nobody_ever_advances() {
    let life = check(
        &params(),
        &Mix {
            advance: 0,
            ..QUIET
        },
        1,
    );
    assert!(life.halts > 20 && life.auctions == 0, "{:?}", counts(&life));
}

#[test]
fn inv_10_a_market_that_would_trip_all_the_time_is_open_most_of_it() {
    let narrow = MarketParams {
        velocity_short_ppm: 2_000,
        velocity_short_seconds: 10,
        ..params()
    };
    for (salt, advance) in [(2, 0), (3, 1)] {
        let life = check(&narrow, &Mix { advance, ..QUIET }, salt);
        assert!(life.refused > 100, "{:?}", counts(&life));
        let halted = life.halted.iter().filter(|halted| **halted).count();
        assert!(halted * 4 <= life.halted.len() + 600);
        assert!(halted * 10 >= life.halted.len(), "it does halt");
    }
}

#[test]
fn inv_10_trades_use_their_share_of_the_budget_only() {
    // The index stands still: what trips is trades.
    let mix = Mix {
        refresh: 4,
        jump: 1_000_000,
        order: 1,
        advance: 1,
    };
    let calm = MarketParams {
        velocity_short_ppm: 10_000,
        velocity_short_seconds: 10,
        velocity_long_ppm: 900_000,
        ..params()
    };
    let life = check(&calm, &mix, 4);
    assert!(life.trade_halts > 10, "{:?}", counts(&life));
}

fn counts(life: &Life) -> [u64; 5] {
    [
        life.halts,
        life.trade_halts,
        life.refused,
        life.auctions,
        life.reopenings,
    ]
}
