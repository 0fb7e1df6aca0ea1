//! The population that the benchmark runs on, from a seed.
//!
//! - **Markets**: 32, marks of 0.2 to 1 quote atom a base atom, 5% initial margin on all of them (the tightest
//!   that the parameters' defaults know), size growth from 5 M USDC on, volatility of 1 to 4 basis points a tick.
//! - **Accounts**: 55% in one market, 25% in two, 15% in four, 5% in eight; markets by popularity 1/rank, so
//!   that a tick of the first concerns a quarter of all accounts. Every leg long or short with equal chances,
//!   notional log-uniform from 100 to 100,000 USDC.
//! - **Leverage** (sum of notionals over equity) log-uniform from 1 to 18, where initial margin allows 20 and
//!   maintenance ends at 40.
//! - **Credit**: one account in 50 has a line that would lend, one in 500 has drawn.

use bytemuck::Zeroable;
use plimsoll_engine::math;
use plimsoll_engine::risk::AccountCash;
use plimsoll_engine::state::{
    BlockKind, MarketHeader, MarketParams, MarketStatus, Seat, Side, SIDE_LONG, SIDE_SHORT,
};
use plimsoll_engine::units::PriceQ32;
use plimsoll_triggers::{AccountState, MarketId};

pub const NOW: i64 = 1_760_000_000;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn index(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }

    pub fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    /// Normal, by the sum of twelve.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// An account as the mirror would have it.
pub struct Account {
    pub cash: AccountCash,
    pub lendable: u64,
    pub legs: Vec<(MarketId, Seat)>,
}

impl Account {
    pub fn state(&self) -> AccountState<'_> {
        AccountState {
            cash: self.cash,
            lendable: self.lendable,
            call_deadline: NOW + 40_000_000,
            legs: &self.legs,
        }
    }
}

pub struct Population {
    pub headers: Vec<MarketHeader>,
    /// Volatility of a tick.
    pub volatility: Vec<f64>,
    pub accounts: Vec<Account>,
    pub legs: usize,
}

fn header(random: &mut Random) -> MarketHeader {
    let mut header = MarketHeader::zeroed();
    header.status = MarketStatus::Active.byte();
    header.params = MarketParams {
        base_atoms_per_lot: 1_000,
        quote_atoms_per_lot_tick: 1,
        size_free: 10_000_000_000_000,
        size_unit: 10_000_000_000_000,
        size_slope_ppm: 10_000,
        open_interest_low: 1 << 50,
        open_interest_high: 1 << 54,
        open_interest_max: 1 << 54,
        initial_margin_ppm: 50_000,
        index_age_seconds_max: 15,
        ..MarketParams::zeroed()
    };
    header.sides = [Side::empty(); 2];
    header.prices.mark = (random.log_uniform(0.2, 1.0) * 4_294_967_296.0) as u64;
    header.prices.index = header.prices.mark;
    header.prices.index_time = NOW;
    header
}

/// Markets by popularity: cumulative weights of 1/rank.
fn popularity(markets: usize) -> Vec<f64> {
    let mut sum = 0.0;
    (1..=markets)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect()
}

impl Population {
    pub fn new(seed: u64, accounts: usize, markets: usize) -> Self {
        let mut random = Random(seed);
        let mut population = Self {
            headers: (0..markets).map(|_| header(&mut random)).collect(),
            volatility: (0..markets)
                .map(|_| random.log_uniform(1e-4, 4e-4))
                .collect(),
            accounts: Vec::with_capacity(accounts),
            legs: 0,
        };
        let weights = popularity(markets);
        for _ in 0..accounts {
            population.add(&mut random, &weights);
        }
        population
    }

    fn add(&mut self, random: &mut Random, weights: &[f64]) {
        let count = match random.index(100) {
            0..=54 => 1,
            55..=79 => 2,
            80..=94 => 4,
            _ => 8,
        };
        let mut legs: Vec<(MarketId, Seat)> = Vec::with_capacity(count);
        while legs.len() < count.min(weights.len()) {
            let at = random.unit() * weights.last().copied().unwrap_or(1.0);
            let market = weights.partition_point(|sum| *sum < at);
            let id = MarketId(market as u16);
            if legs.iter().all(|(held, _)| *held != id) {
                let seat = self.open(random, market);
                legs.push((id, seat));
            }
        }
        self.legs += legs.len();
        let mut account = Account {
            cash: AccountCash::default(),
            lendable: 0,
            legs,
        };
        self.fund(random, &mut account);
        if random.index(50) == 0 {
            account.lendable = account.cash.collateral.unsigned_abs() / 4;
        }
        if random.index(500) == 0 {
            account.cash.credit = account.cash.collateral.unsigned_abs() / 4;
            account.cash.collateral -= account.cash.collateral / 4;
        }
        self.accounts.push(account);
    }

    /// A position at the mark.
    fn open(&mut self, random: &mut Random, market: usize) -> Seat {
        let header = &mut self.headers[market];
        let price = header.prices.mark as f64 / 4_294_967_296.0;
        let shares = (random.log_uniform(1e8, 1e11) / price) as u64;
        let side = if random.index(2) == 0 {
            SIDE_LONG
        } else {
            SIDE_SHORT
        };
        let of_side = &mut header.sides[usize::from(side)];
        let total = math::join_unsigned(of_side.shares) + u128::from(shares);
        of_side.shares = math::split_unsigned(total);
        of_side.seats += 1;
        let mut seat = Seat {
            kind: BlockKind::Seat.byte(),
            side,
            shares,
            cash_index: of_side.cash_index,
            ..Seat::zeroed()
        };
        let base = shares as i64 * if side == SIDE_SHORT { -1 } else { 1 };
        let value = PriceQ32(header.prices.mark).position_value(base);
        seat.quote = -value.unwrap_or(0);
        seat
    }

    /// Cash for a leverage of 1 to 18 at the present marks.
    pub fn fund(&self, random: &mut Random, account: &mut Account) {
        let (mut notional, mut claims) = (0.0, 0);
        for (market, seat) in &account.legs {
            let header = &self.headers[usize::from(market.0)];
            if let Ok(held) = plimsoll_engine::position::holding(seat, &header.sides) {
                let mark = PriceQ32(header.prices.mark);
                claims += held.quote + mark.position_value(held.base).unwrap_or(0);
                notional += mark.value_ceil(held.base.unsigned_abs()).unwrap_or(0) as f64;
            }
        }
        let leverage = random.log_uniform(1.0, 18.0);
        let credit = account.cash.credit as i64;
        account.cash.collateral = (notional / leverage) as i64 - claims - credit;
    }
}
