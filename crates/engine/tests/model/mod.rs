//! Markets and accounts driven through the engine, with a model of them kept beside it.

pub mod auction;
pub mod book;
pub mod cancel;
pub mod check;
pub mod collusion;
pub mod credit;
pub mod exit;
pub mod feeds;
pub mod halts;
pub mod join;
pub mod ledger;
pub mod liquidation;
pub mod losses;
pub mod orders;
pub mod prices;
pub mod receipts;
pub mod shares;
pub mod sizing;
pub mod standing;
pub mod steps;
pub mod takeover;
pub mod uncross;
pub mod wind_up;
pub mod windows;

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use num_bigint::BigInt;
use plimsoll_engine::book::arena::{MarketMut, MarketRef};
use plimsoll_engine::place::MatchPlan;
use plimsoll_engine::seats::{self, MarketIdentity};
use plimsoll_engine::state::{
    Block, DefaultFund, Exchange, MarginAccount, MarketHeader, MarketParams, MarketStatus, Seat,
};
use plimsoll_engine::units::Ticks;
use plimsoll_engine::Env;

use book::BookModel;
use credit::{LineModel, VaultModel};
use halts::HaltModel;
use ledger::{big, leg, CashModel, Quote, Risk, SeatModel};

pub const START: i64 = 1_760_131_260;

/// What a world has beside the foundation: nothing, or losses as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub losses: bool,
    /// The default fund's start, quote atoms.
    pub fund: u64,
    /// Vaults, and lines for half of the accounts.
    pub credit: bool,
    /// Markets with a budget for halts; in the others nothing halts.
    pub halts: bool,
}

pub const FOUNDATION: Shape = Shape {
    losses: false,
    fund: 0,
    credit: false,
    halts: false,
};
pub const LOSSES: Shape = Shape {
    losses: true,
    fund: 3_000_000,
    credit: false,
    halts: false,
};
pub const CREDIT: Shape = Shape {
    credit: true,
    ..LOSSES
};
/// Nothing stands between a loss and the other side.
pub const BARE: Shape = Shape { fund: 0, ..LOSSES };
/// Markets that halt.
pub const HALTS: Shape = Shape {
    halts: true,
    ..LOSSES
};
/// The same with borrowers.
pub const HALTS_CREDIT: Shape = Shape {
    halts: true,
    ..CREDIT
};

/// A generator that anyone can repeat from its seed.
#[derive(Clone)]
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

#[derive(Clone)]
pub struct Market {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
    pub key: [u8; 32],
    /// The model of it.
    pub seats: BTreeMap<usize, SeatModel>,
    pub book: BookModel,
    pub pool: BigInt,
    pub fees: BigInt,
    pub liquidation_fees: BigInt,
    pub contributions: BigInt,
    pub deficit: BigInt,
    /// Highest mark since the first loss event, Q.32.
    pub highest_mark: u64,
    pub claim_unpaid_at: i64,
    /// Where the price began, ticks; it stays within a factor of it.
    pub start: u64,
    /// Price around which people quote, ticks.
    pub around: u64,
    pub lots: u64,
    pub halt: HaltModel,
    /// Fills so far, each of them in an open market or in an auction.
    pub fills: u64,
    pub wound_up: bool,
}

impl Market {
    pub fn get(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }

    pub fn read(&self) -> MarketRef<'_> {
        MarketRef {
            header: &self.header,
            blocks: &self.blocks,
        }
    }

    pub fn seat(&self, index: u32) -> Seat {
        *self.blocks[index as usize].view::<Seat>().unwrap()
    }

    pub fn stale(&self, now: i64) -> bool {
        now - self.header.prices.index_time > i64::from(self.header.params.index_age_seconds_max)
    }

    pub fn quote(&self, now: i64) -> Quote<'_> {
        let open = shares::larger_open_interest(&self.header);
        Quote {
            params: &self.header.params,
            mark: self.header.prices.mark,
            open_interest: u64::try_from(open).unwrap(),
            stale: self.stale(now),
        }
    }

    /// Takes every seat's claim and fraction as the engine's bytes have them now.
    pub fn resync(&mut self, entries: &[(usize, u32)]) {
        for (account, index) in entries {
            let raw = self.seat(*index);
            let read = shares::read(&self.header, &self.blocks, &raw);
            let seat = self.seats.get_mut(account).unwrap();
            seat.base = read.base;
            seat.hidden = read.hidden;
            seat.quote = read.quote;
            seat.claimed = read.claimed;
            seat.shares = read.shares;
            seat.behind = read.behind;
            seat.short = raw.side == 1;
            seat.entered = false;
        }
    }
}

/// One payment of the default fund: when, for which market, quote atoms.
pub type FundPayment = (i64, usize, u64);

#[derive(Clone)]
pub struct World {
    pub shape: Shape,
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
    /// What the treasury may ever have got: its part of ordinary fees.
    pub treasury_total: BigInt,
    pub payments: Vec<FundPayment>,
    pub vaults: Vec<VaultModel>,
    pub lines: Vec<LineModel>,
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
    params.trip_volume_lots_min = 4;
    params.index_dead_seconds = 604_800;
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

/// How a market halts: by the published parameters, at every other move, for long, or not at all.
fn draw_halts(params: &mut MarketParams, random: &mut Random) {
    params.retrip_seconds = 60;
    params.halt_budget_ppm = 250_000;
    params.halt_budget_trade_ppm = 400_000;
    match random.below(6) {
        0 | 1 => {}
        2 | 3 => {
            params.velocity_short_ppm = 5_000;
            params.velocity_long_ppm = 40_000;
            params.halt_budget_seconds = 3_600;
            params.halt_budget_trade_ppm = 1_000_000;
        }
        4 => {
            (params.call_seconds, params.freeze_seconds) = (20, 4);
            params.velocity_short_ppm = 10_000;
            params.halt_budget_seconds = 3_600;
            params.resolve_seconds = 5;
        }
        _ => params.halt_budget_ppm = 0,
    }
    params.validate().unwrap();
}

impl World {
    pub fn new(seed: u64, shape: Shape) -> Self {
        // The last two accounts of the foundation have one owner. With losses the last of all is the
        // keeper's.
        let mut owners = vec![1, 2, 3, 4, 5, 6, 6];
        let mut capacity = 13 + 8 * 5;
        if shape.losses {
            owners.extend([7, 8, 9, 10, 11]);
            capacity += 30;
        }
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
                capacity,
                timelock_seconds: 0,
            };
            let mut header = MarketHeader::zeroed();
            let mut params = params(lot, tick, cap_lots);
            if shape.losses {
                params.slice_lots_max = cap_lots / 8;
                params.reimbursement_cap = 2_000;
                params.default_fund_budget_ppm = 200_000;
            }
            seats::create_market(&mut header, &identity, &params, &env).unwrap();
            header.status = MarketStatus::Active.byte();
            let price = params.lot_sizes().price_floor(Ticks(around)).unwrap().0;
            (header.prices.mark, header.prices.index) = (price, price);
            (header.prices.mark_time, header.prices.index_time) = (START, START);
            Market {
                header,
                blocks: vec![Block::zeroed(); capacity as usize],
                key: [0xF0 + number as u8; 32],
                seats: BTreeMap::new(),
                book: BookModel::default(),
                pool: big(0),
                fees: big(0),
                liquidation_fees: big(0),
                contributions: big(0),
                deficit: big(0),
                highest_mark: 0,
                claim_unpaid_at: 0,
                start: around,
                around,
                lots: cap_lots / 6,
                halt: HaltModel::new(START),
                fills: 0,
                wound_up: false,
            }
        });
        let mut exchange = Exchange::zeroed();
        exchange.fee_default_fund_ppm = 400_000;
        exchange.fee_keeper_pool_ppm = 200_000;
        exchange.fee_treasury_ppm = 400_000;
        let accounts = owners.iter().map(|owner| {
            let mut account = MarginAccount::zeroed();
            account.owner = [*owner; 32];
            account
        });
        let mut fund = DefaultFund::zeroed();
        let mut random = Random::new(seed);
        let mut markets: Vec<Market> = markets.collect();
        if shape.losses {
            // As earlier contributions and earlier loss events would have left them.
            fund.balance = shape.fund;
            fund.keeper_pool = 50_000;
            for market in &mut markets {
                let header = &mut market.header;
                if random.one_in(2) {
                    continue;
                }
                header.losses.receipts = 1;
                market.highest_mark = header.prices.mark;
                for side in &mut header.sides {
                    side.scale = random.between(1 << 49, 1 << 62);
                    let steps = [1_u64 << 62, 1 << 61, 1 << 50];
                    side.cash_index[0] = steps[random.below(3) as usize] + random.below(1 << 50);
                    side.epoch = random.below(3) as u32;
                }
            }
        }
        if shape.halts {
            for market in &mut markets {
                draw_halts(&mut market.header.params, &mut random);
            }
        }
        let tokens = big(fund.balance) + fund.keeper_pool;
        Self {
            shape,
            random,
            env,
            markets,
            accounts: accounts.collect(),
            cash: vec![CashModel::default(); owners.len()],
            owners,
            exchange,
            fund,
            tokens,
            treasury_total: big(0),
            payments: Vec::new(),
            vaults: Vec::new(),
            lines: Vec::new(),
            plan: MatchPlan::default(),
            counts: BTreeMap::new(),
        }
    }

    pub fn seat_index(&self, account: usize, market: usize) -> Option<u32> {
        let entry = self.accounts[account].entry_of(&self.markets[market].key)?;
        Some(self.accounts[account].entries[entry].seat)
    }

    /// The claim that the seat shows, cash index included, quote atoms.
    pub fn claimed(&self, account: usize, market: usize) -> BigInt {
        self.markets[market].seats[&account].claimed.clone()
    }

    /// Accounts with a seat in the market, and its block.
    pub fn entries(&self, market: usize) -> Vec<(usize, u32)> {
        let seats = self.markets[market].seats.keys();
        seats
            .map(|account| (*account, self.seat_index(*account, market).unwrap()))
            .collect()
    }

    pub fn resync(&mut self, market: usize) {
        let entries = self.entries(market);
        self.markets[market].resync(&entries);
    }

    /// One of its seats, but that in the market `without`, is further behind than a touch may walk:
    /// nothing that reads it goes on.
    pub fn too_far(&self, account: usize, without: Option<usize>) -> bool {
        let markets = self.markets.iter().enumerate();
        markets
            .filter(|(number, _)| Some(*number) != without)
            .filter_map(|(_, market)| market.seats.get(&account))
            .any(|seat| seat.behind > 5)
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
        for vault in &self.vaults {
            bytes.extend_from_slice(bytemuck::bytes_of(&vault.raw));
            for stake in &vault.stakes {
                bytes.extend_from_slice(bytemuck::bytes_of(stake));
            }
        }
        for line in &self.lines {
            bytes.extend_from_slice(bytemuck::bytes_of(&line.raw));
        }
        bytes
    }
}
