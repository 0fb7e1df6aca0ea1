//! Markets and accounts driven through the engine, with a model of them kept beside it.

pub mod book;
pub mod cancel;
pub mod check;
pub mod feeds;
pub mod ledger;
pub mod orders;
pub mod steps;

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use num_bigint::BigInt;
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::place::MatchPlan;
use plimsoll_engine::position;
use plimsoll_engine::seats::{self, MarketIdentity};
use plimsoll_engine::state::{
    Block, DefaultFund, Exchange, MarginAccount, MarketHeader, MarketParams, MarketStatus, Seat,
};
use plimsoll_engine::units::Ticks;
use plimsoll_engine::Env;

use book::BookModel;
use ledger::{big, leg, CashModel, Quote, Risk, SeatModel};

pub const START: i64 = 1_760_131_260;
pub const CAPACITY: u32 = 13 + 8 * 5;

/// A generator that anyone can repeat from its seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

pub struct Market {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
    pub key: [u8; 32],
    /// The model of it.
    pub seats: BTreeMap<usize, SeatModel>,
    pub book: BookModel,
    pub pool: BigInt,
    pub fees: BigInt,
    /// Touches that may each have left a part of an atom in the pool.
    pub roundings: u64,
    pub claim_unpaid_at: i64,
    /// Price around which people quote, ticks.
    pub around: u64,
    pub lots: u64,
}

impl Market {
    pub fn get(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }

    pub fn seat(&self, index: u32) -> Seat {
        *self.blocks[index as usize].view::<Seat>().unwrap()
    }

    pub fn stale(&self, now: i64) -> bool {
        now - self.header.prices.index_time > i64::from(self.header.params.index_age_seconds_max)
    }

    pub fn quote(&self, now: i64) -> Quote<'_> {
        let longs = self
            .seats
            .values()
            .map(|seat| seat.base.max(0))
            .sum::<i128>();
        Quote {
            params: &self.header.params,
            mark: self.header.prices.mark,
            open_interest: longs as u64,
            stale: self.stale(now),
        }
    }
}

pub struct World {
    pub random: Random,
    pub env: Env,
    pub markets: Vec<Market>,
    pub accounts: Vec<MarginAccount>,
    pub owners: Vec<u8>,
    pub cash: Vec<CashModel>,
    pub exchange: Exchange,
    pub fund: DefaultFund,
    /// What the custody shards hold.
    pub tokens: BigInt,
    pub plan: MatchPlan,
    pub counts: BTreeMap<String, u64>,
}

pub fn address_of(account: usize) -> [u8; 32] {
    [0x40 + account as u8; 32]
}

fn params(lot: u64, tick: u64, cap_lots: u64) -> MarketParams {
    let mut params = MarketParams::zeroed();
    params.base_atoms_per_lot = lot;
    params.quote_atoms_per_lot_tick = tick;
    params.lots_min = 2;
    params.size_free = lot * cap_lots / 10;
    params.size_unit = lot;
    params.size_slope_ppm = 1_700;
    params.open_interest_low = lot * cap_lots / 3;
    params.open_interest_high = lot * cap_lots * 3;
    params.open_interest_max = lot * cap_lots;
    params.slice_lots_max = 1_000;
    params.initial_margin_ppm = 50_000;
    params.taker_fee_ppm = 500;
    params.maker_fee_ppm = 100;
    params.liquidation_contribution_ppm = 2_500;
    params.index_age_seconds_max = 15;
    params.confidence_ppm_max = 5_000;
    params.feed_spread_ppm_max = 5_000;
    params.last_trade_age_seconds_max = 60;
    params.basis_clip_ppm = 5_000;
    params.basis_ema_seconds = 150;
    params.premium_ema_seconds = 3_600;
    params.funding_cap_ppm = 5_000;
    params.funding_period_seconds = 28_800;
    params.accrual_seconds_max = 60;
    params.velocity_short_ppm = 20_000;
    params.velocity_short_seconds = 10;
    params.velocity_long_ppm = 100_000;
    params.velocity_long_seconds = 3_600;
    params.trip_volume_moved_ppm = 1_000;
    params.trip_volume_alone_ppm = 10_000;
    (params.call_seconds, params.call_seconds_max) = (5, 30);
    (params.freeze_seconds, params.resolve_seconds) = (1, 2);
    params.halt_budget_seconds = 600;
    (params.takeover_seconds, params.takeover_credit_seconds) = (20, 20);
    params.reimbursement_growth_seconds = 10;
    (params.feeds_len, params.feeds_required) = (1, 1);
    params.base_decimals = 6;
    params.order_slots_max = 6;
    params.feed_ids[0] = feeds::FEED;
    params
}

impl World {
    pub fn new(seed: u64) -> Self {
        let env = Env {
            now: START,
            slot: 400,
        };
        // Lot, tick, cap of open interest in lots, price in ticks. In the third neither a lot nor a tick
        // divides a power of two.
        let kinds = [
            (1_000_000, 1_000, 90, 500),
            (4_096, 1, 20_000, 2_000),
            (7_001, 3, 12_000, 1_300),
        ];
        let markets = kinds.iter().enumerate().map(|(number, kind)| {
            let (lot, tick, cap_lots, around) = *kind;
            let identity = MarketIdentity {
                number: number as u32,
                symbol: *b"MODEL-PERP\0\0\0\0\0\0",
                exchange: [0xE0; 32],
                mark_account: [0xD0 + number as u8; 32],
                mark_bump: 254,
                capacity: CAPACITY,
            };
            let mut header = MarketHeader::zeroed();
            let params = params(lot, tick, cap_lots);
            seats::create_market(&mut header, &identity, &params, &env).unwrap();
            header.status = MarketStatus::Active.byte();
            let price = params.lot_sizes().price_floor(Ticks(around)).unwrap().0;
            (header.prices.mark, header.prices.index) = (price, price);
            (header.prices.mark_time, header.prices.index_time) = (START, START);
            Market {
                header,
                blocks: vec![Block::zeroed(); CAPACITY as usize],
                key: [0xF0 + number as u8; 32],
                seats: BTreeMap::new(),
                book: BookModel::default(),
                pool: big(0),
                fees: big(0),
                roundings: 0,
                claim_unpaid_at: 0,
                around,
                lots: cap_lots / 6,
            }
        });
        let mut exchange = Exchange::zeroed();
        exchange.fee_default_fund_ppm = 400_000;
        exchange.fee_keeper_pool_ppm = 200_000;
        exchange.fee_treasury_ppm = 400_000;
        // The last two accounts have one owner.
        let owners = vec![1, 2, 3, 4, 5, 6, 6];
        let accounts = owners.iter().map(|owner| {
            let mut account = MarginAccount::zeroed();
            account.owner = [*owner; 32];
            account
        });
        Self {
            random: Random::new(seed),
            env,
            markets: markets.collect(),
            accounts: accounts.collect(),
            cash: vec![CashModel::default(); owners.len()],
            owners,
            exchange,
            fund: DefaultFund::zeroed(),
            tokens: big(0),
            plan: MatchPlan::default(),
            counts: BTreeMap::new(),
        }
    }

    pub fn seat_index(&self, account: usize, market: usize) -> Option<u32> {
        let entry = self.accounts[account].entry_of(&self.markets[market].key)?;
        Some(self.accounts[account].entries[entry].seat)
    }

    /// The claim that the engine shows, cash index included, quote atoms.
    pub fn claimed(&self, account: usize, market: usize) -> BigInt {
        let index = self.seat_index(account, market).unwrap();
        let market = &self.markets[market];
        let held = position::holding(&market.seat(index), &market.header.sides).unwrap();
        big(held.quote)
    }

    pub fn leg(&self, account: usize, market: usize) -> Risk {
        let seat = &self.markets[market].seats[&account];
        let claimed = self.claimed(account, market);
        leg(&self.markets[market].quote(self.env.now), seat, &claimed)
    }

    /// Sum of the account's legs but those of `without`.
    pub fn legs(&self, account: usize, without: &[usize]) -> Risk {
        let mut legs = Risk::default();
        for market in 0..self.markets.len() {
            if !without.contains(&market) && self.markets[market].seats.contains_key(&account) {
                legs.add(&self.leg(account, market));
            }
        }
        legs
    }

    pub fn count(&mut self, what: &str, outcome: &str) {
        *self.counts.entry(format!("{what} {outcome}")).or_default() += 1;
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for market in &self.markets {
            bytes.extend_from_slice(bytemuck::bytes_of(&market.header));
            bytes.extend_from_slice(bytemuck::cast_slice(&market.blocks));
        }
        for account in &self.accounts {
            bytes.extend_from_slice(bytemuck::bytes_of(account));
        }
        bytes.extend_from_slice(bytemuck::bytes_of(&self.fund));
        bytes
    }
}
