//! A market as its instructions drive it: the reopening is written down first, then prices, then a trip.
#![allow(clippy::unwrap_used, dead_code)]

use bytemuck::Zeroable;
use plimsoll_engine::auction::{self, Advanced};
use plimsoll_engine::book::arena::{MarketMut, MarketRef};
use plimsoll_engine::cash;
use plimsoll_engine::halt::{self, Reopened, Trip};
use plimsoll_engine::index::{FeedInput, PRICE_UPDATE_SIZE, PYTH_RECEIVER};
use plimsoll_engine::mark::{self, BookTop};
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::place::{self, MatchPlan, OrderRequest, Placed, Trader};
use plimsoll_engine::risk::LegRisk;
use plimsoll_engine::seats::{self, MarketIdentity, SeatAddresses};
use plimsoll_engine::state::{Block, MarginAccount, MarketHeader};
use plimsoll_engine::{EngineError, Env};

pub const FEED: [u8; 32] = [0xA1; 32];
const KEY: [u8; 32] = [0xF0; 32];

/// The published halts, on an asset of eight decimals in which a lot is a hundredth of a coin and a tick is a
/// cent of the coin's price.
pub fn params() -> MarketParams {
    MarketParams {
        base_decimals: 8,
        base_atoms_per_lot: 1_000_000,
        quote_atoms_per_lot_tick: 100,
        lots_min: 1,
        size_free: 1 << 40,
        size_unit: 1_000_000,
        open_interest_low: 1 << 50,
        open_interest_high: 1 << 52,
        open_interest_max: 1 << 51,
        slice_lots_max: 1_000,
        initial_margin_ppm: 125_000,
        size_slope_ppm: 10_000,
        taker_fee_ppm: 500,
        maker_fee_ppm: 100,
        liquidation_contribution_ppm: 2_500,
        index_age_seconds_max: 60,
        confidence_ppm_max: 5_000,
        feed_spread_ppm_max: 5_000,
        last_trade_age_seconds_max: 60,
        basis_clip_ppm: 5_000,
        basis_ema_seconds: 150,
        premium_ema_seconds: 3_600,
        funding_cap_ppm: 5_000,
        funding_period_seconds: 28_800,
        accrual_seconds_max: 60,
        velocity_short_ppm: 50_000,
        velocity_short_seconds: 30,
        velocity_long_ppm: 100_000,
        velocity_long_seconds: 3_600,
        trip_volume_moved_ppm: 1_000,
        trip_volume_alone_ppm: 10_000,
        trip_volume_lots_min: 10,
        call_seconds: 5,
        call_seconds_max: 30,
        freeze_seconds: 1,
        resolve_seconds: 2,
        retrip_seconds: 60,
        halt_budget_ppm: 250_000,
        halt_budget_trade_ppm: 400_000,
        halt_budget_seconds: 600,
        takeover_seconds: 20,
        takeover_credit_seconds: 20,
        reimbursement_growth_seconds: 10,
        default_fund_budget_ppm: 200_000,
        index_dead_seconds: 604_800,
        feeds_len: 1,
        feeds_required: 1,
        feed_ids: [FEED, [0; 32], [0; 32]],
        order_slots_max: 64,
        ..MarketParams::zeroed()
    }
}

/// A fully verified update in dollars with eight decimals.
fn posted(price: u64, publish_time: i64) -> Vec<u8> {
    let mut data = vec![0x22, 0xf1, 0x23, 0x63, 0x9d, 0x7e, 0xf4, 0xcd];
    data.extend([0x77; 32]);
    data.push(1);
    data.extend(FEED);
    data.extend(i64::try_from(price).unwrap().to_le_bytes());
    data.extend((price / 1_000).to_le_bytes());
    data.extend((-8_i32).to_le_bytes());
    data.extend(publish_time.to_le_bytes());
    data.extend((publish_time - 1).to_le_bytes());
    data.extend(0_i64.to_le_bytes());
    data.extend(0_u64.to_le_bytes());
    data.extend(372_000_001_u64.to_le_bytes());
    data.resize(PRICE_UPDATE_SIZE, 0);
    data
}

pub struct Market {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
    pub accounts: Vec<MarginAccount>,
    /// Reopenings that were written down.
    pub reopenings: u64,
    seats: Vec<u32>,
    plan: MatchPlan,
}

pub fn at(now: i64) -> Env {
    Env {
        now,
        slot: now.unsigned_abs() * 2,
    }
}

fn address(account: usize) -> [u8; 32] {
    [0x40 + account as u8; 32]
}

impl Market {
    pub fn new(params: &MarketParams, accounts: usize, deposit: u64, now: i64) -> Self {
        let identity = MarketIdentity {
            number: 0,
            symbol: *b"TEST-PERP\0\0\0\0\0\0\0",
            exchange: [0xE0; 32],
            mark_account: [0xD0; 32],
            mark_bump: 254,
            capacity: 32 + 9 * accounts as u32,
            timelock_seconds: 0,
        };
        let mut header = MarketHeader::zeroed();
        seats::create_market(&mut header, &identity, params, &at(now)).unwrap();
        let mut market = Self {
            header,
            blocks: vec![Block::zeroed(); identity.capacity as usize],
            accounts: Vec::new(),
            reopenings: 0,
            seats: Vec::new(),
            plan: MatchPlan::default(),
        };
        for account in 0..accounts {
            let mut margin = MarginAccount::zeroed();
            margin.owner = [1 + account as u8; 32];
            cash::deposit(&mut margin, deposit).unwrap();
            let addresses = SeatAddresses {
                market: KEY,
                margin_account: address(account),
            };
            let claimed = seats::claim(&mut market.get(), &mut margin, &addresses, 8).unwrap();
            market.seats.push(claimed.seat);
            market.accounts.push(margin);
        }
        market
    }

    pub fn get(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }

    pub fn is_open(&self, now: i64) -> bool {
        halt::is_open(&self.header, now)
    }

    /// The first step of every instruction that changes a market.
    fn catch_up(&mut self, now: i64) -> Option<Reopened> {
        let reopened = halt::catch_up(&mut self.header, &at(now));
        self.reopenings += u64::from(reopened.is_some());
        reopened
    }

    /// A new index, dollars with eight decimals.
    pub fn refresh(&mut self, price: u64, now: i64) -> (Option<Reopened>, Option<Trip>) {
        let env = at(now);
        let reopened = self.catch_up(now);
        let data = posted(price, now);
        let feed = FeedInput {
            owner: PYTH_RECEIVER,
            data: &data,
        };
        let view = MarketRef {
            header: &self.header,
            blocks: &self.blocks,
        };
        let top: BookTop = place::book_top(&view, now).unwrap();
        let outcome = mark::refresh(&mut self.header, &[feed], top, &env).unwrap();
        (reopened, halt::on_refresh(&mut self.header, &outcome, &env))
    }

    pub fn advance(&mut self, now: i64) -> Advanced {
        let done = auction::advance(&mut self.get(), u16::MAX, &at(now), &mut |_| {}).unwrap();
        self.reopenings += u64::from(done.reopened.is_some());
        done
    }

    pub fn place(
        &mut self,
        account: usize,
        request: &OrderRequest,
        now: i64,
    ) -> Result<Placed, EngineError> {
        let env = at(now);
        self.catch_up(now);
        let trader = Trader {
            account: address(account),
            cash: cash::account_cash(&self.accounts[account], now),
            other_legs: LegRisk::default(),
        };
        let (seat, mut plan) = (self.seats[account], self.plan.clone());
        place::place(&mut self.get(), seat, &trader, request, &env, &mut plan)
    }

    /// All orders of an account leave the book, when it may change.
    pub fn cancel_all(&mut self, account: usize, now: i64) {
        let env = at(now);
        self.catch_up(now);
        if halt::admit_book_change(&mut self.header, &env).is_ok() {
            let (seat, which) = (self.seats[account], place::Which::All);
            place::cancel_all(&mut self.get(), seat, &address(account), which, 8).unwrap();
        }
    }
}
