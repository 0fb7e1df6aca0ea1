//! A small exchange that the engine's own transitions move, an index that is told of it, and brute force.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;
use plimsoll_engine::adl::{self, LossEvent};
use plimsoll_engine::book::arena::{self, MarketMut, MarketRef};
use plimsoll_engine::credit::draw::TRIGGER_PERCENT;
use plimsoll_engine::credit::line;
use plimsoll_engine::funding;
use plimsoll_engine::halt;
use plimsoll_engine::math;
use plimsoll_engine::position::{self, SeatFill};
use plimsoll_engine::risk::{self, AccountCash, AccountRisk, LegRisk, Resting};
use plimsoll_engine::state::{
    Block, BlockKind, CreditLine, HaltPhase, MarketHeader, MarketParams, MarketStatus, OrderSide,
    Seat, Side,
};
use plimsoll_engine::units::{PriceQ32, BASE_ATOMS_BOUND};
use plimsoll_engine::{epochs, wind_up, EngineError, Env};
use plimsoll_triggers::{
    AccountId, AccountState, Crossing, IndexError, MarkUpdate, MarketId, TriggerIndex,
};

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

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn index(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    /// Log-uniform.
    pub fn spread(&mut self, low: f64, high: f64) -> u64 {
        let unit = self.next() as f64 / u64::MAX as f64;
        (low * (high / low).powf(unit)) as u64
    }
}

pub struct Market {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
}

impl Market {
    fn new(random: &mut Random, seats: usize) -> Self {
        let mut header = MarketHeader::zeroed();
        let initial = [50_000, 70_000, 110_000, 400_000][random.index(4)];
        header.status = MarketStatus::Active.byte();
        header.params = MarketParams {
            base_atoms_per_lot: 1_000,
            quote_atoms_per_lot_tick: 1,
            size_free: 1 << 32,
            size_unit: 1 << 32,
            size_slope_ppm: 30_000,
            open_interest_low: 1 << 30,
            open_interest_high: 1 << 42,
            open_interest_max: 1 << 44,
            initial_margin_ppm: initial,
            index_age_seconds_max: 15,
            funding_cap_ppm: 50_000,
            funding_period_seconds: 3_600,
            accrual_seconds_max: 60,
            index_dead_seconds: 86_400,
            ..MarketParams::zeroed()
        };
        header.sides = [Side::empty(); 2];
        header.prices.index = random.spread(3e8, 8e9);
        header.prices.mark = header.prices.index;
        header.prices.index_time = NOW;
        header.prices.funding_time = NOW;
        let mut blocks = vec![Block::zeroed(); seats + 65];
        for block in blocks.iter_mut().skip(1).take(seats) {
            block.kind = BlockKind::Seat.byte();
        }
        header.arena.fresh = seats as u32 + 1;
        header.arena.seats = seats as u32;
        header.arena.capacity = blocks.len() as u32;
        Self { header, blocks }
    }

    pub fn view(&self) -> MarketRef<'_> {
        MarketRef {
            header: &self.header,
            blocks: &self.blocks,
        }
    }

    fn change(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }

    fn seat(&self, number: usize) -> &Seat {
        arena::seat(&self.blocks, number as u32 + 1).unwrap()
    }

    fn seat_mut(&mut self, number: usize) -> &mut Seat {
        arena::seat_mut(&mut self.blocks, number as u32 + 1).unwrap()
    }

    fn wound_up(&self) -> bool {
        self.header.status == MarketStatus::WoundUp.byte()
    }
}

/// An account has seat number `who` in each of its markets.
pub struct Account {
    pub cash: AccountCash,
    pub lendable: u64,
    pub call_deadline: i64,
    pub markets: Vec<usize>,
    pub id: Option<AccountId>,
    /// As the index has reported it, one crossing after the other.
    pub reported: [bool; 5],
}

pub struct World {
    pub random: Random,
    pub now: i64,
    pub markets: Vec<Market>,
    pub accounts: Vec<Account>,
    pub index: TriggerIndex,
    pub crossings: Vec<Crossing>,
    pub crossed: usize,
}

impl World {
    pub fn new(seed: u64, markets: usize, accounts: usize) -> Self {
        let mut random = Random(seed);
        let markets: Vec<_> = (0..markets)
            .map(|_| Market::new(&mut random, accounts))
            .collect();
        let accounts = (0..accounts)
            .map(|_| Account {
                cash: AccountCash::default(),
                lendable: 0,
                call_deadline: NOW,
                markets: Vec::new(),
                id: None,
                reported: [false; 5],
            })
            .collect();
        let mut world = Self {
            random,
            now: NOW,
            markets,
            accounts,
            index: TriggerIndex::new(),
            crossings: Vec::new(),
            crossed: 0,
        };
        world.populate();
        world
    }

    /// Everybody's equity within four atoms of a threshold.
    pub fn fund_to_atoms(&mut self) {
        for who in 0..self.accounts.len() {
            let Ok((risk, _)) = self.risk(who) else {
                continue;
            };
            let margin = risk.maintenance_margin as i64;
            let threshold = if self.random.one_in(2) { margin } else { 1 };
            let off = self.random.below(9) as i64 - 2;
            self.accounts[who].cash.collateral += threshold + off - risk.equity;
            self.update(who);
        }
    }

    fn populate(&mut self) {
        let count = self.accounts.len();
        for who in 0..count {
            let most = self.markets.len().min(8);
            let legs = 1 + self.random.index(most);
            let start = self.random.index(self.markets.len());
            for step in 0..legs {
                let market = (start + step) % self.markets.len();
                self.accounts[who].markets.push(market);
            }
        }
        for who in 0..count {
            for market in self.accounts[who].markets.clone() {
                self.open(who, market);
            }
        }
        for market in &self.markets {
            self.index.add_market(&market.view(), self.now).unwrap();
        }
        for who in 0..count {
            self.fund(who);
            self.insert(who);
        }
    }

    /// Opens a position; its counterparty is nobody in particular, who is in no account.
    fn open(&mut self, who: usize, market: usize) {
        let dust = self.random.one_in(12);
        let base = if dust {
            self.random.spread(1.0, 3_000.0)
        } else {
            self.random.spread(1e6, 1e11)
        };
        let buys = self.random.one_in(2);
        self.fill(who, market, base, buys);
        let orders = self.random.one_in(4);
        let price = self.markets[market].header.prices.mark >> 24;
        let lots = self.random.below(1 << 20);
        let seat = self.markets[market].seat_mut(who);
        if orders {
            (seat.bid_lots, seat.bid_high) = (lots, price * 2);
            (seat.ask_lots, seat.ask_low) = (lots / 2, price / 2);
        }
    }

    fn fill(&mut self, who: usize, market: usize, base: u64, buys: bool) {
        let now = self.now;
        let market = &mut self.markets[market];
        if market.wound_up() {
            return;
        }
        let mark = PriceQ32(market.header.prices.mark);
        let index = who as u32 + 1;
        if epochs::catch_up(&mut market.change(), index).is_err() {
            return;
        }
        let mut seat = *market.seat(who);
        let mut sides = market.header.sides;
        let trade = SeatFill {
            side: if buys { OrderSide::Bid } else { OrderSide::Ask },
            base,
            cash: mark.value_floor(base).unwrap(),
            fee: 0,
        };
        let held = position::holding(&seat, &sides).unwrap();
        let after = trade.applied_to(held).unwrap();
        if after.base.unsigned_abs() >= BASE_ATOMS_BOUND >> 4 {
            return;
        }
        if position::fill(&mut seat, &mut sides, &trade, mark, now).is_ok() {
            *market.seat_mut(who) = seat;
            market.header.sides = sides;
        }
    }

    /// Cash such that the account stands somewhere around its thresholds.
    fn fund(&mut self, who: usize) {
        let Ok((risk, _)) = self.risk(who) else {
            return;
        };
        let margin = risk.maintenance_margin as i64;
        let threshold = [0, margin, margin / 100 * 105][self.random.index(3)];
        let wanted = match self.random.below(4) {
            // On a threshold, to a few atoms.
            0 => threshold + self.random.below(9) as i64 - 4,
            1 => threshold + margin / 1_000 * (self.random.below(160) as i64 - 80),
            _ => margin / 100 * self.random.spread(60.0, 2_000.0) as i64,
        };
        let of_own = self.random.one_in(2);
        let account = &mut self.accounts[who];
        let lent = if of_own {
            0
        } else {
            account.cash.credit as i64
        };
        account.cash.collateral += wanted - risk.equity - lent;
    }

    fn reads(&self, who: usize) -> Vec<(MarketId, Seat)> {
        let markets = self.accounts[who].markets.iter();
        markets
            .map(|&market| (MarketId(market as u16), *self.markets[market].seat(who)))
            .collect()
    }

    fn insert(&mut self, who: usize) {
        let legs = self.reads(who);
        let account = &self.accounts[who];
        let state = AccountState {
            cash: account.cash,
            lendable: account.lendable,
            call_deadline: account.call_deadline,
            legs: &legs,
        };
        let id = self
            .index
            .insert_account(&state, self.now, &mut self.crossings)
            .unwrap();
        self.accounts[who].id = Some(id);
        self.accounts[who].reported = [false; 5];
        self.take_crossings();
    }

    fn update(&mut self, who: usize) {
        let legs = self.reads(who);
        let account = &self.accounts[who];
        let state = AccountState {
            cash: account.cash,
            lendable: account.lendable,
            call_deadline: account.call_deadline,
            legs: &legs,
        };
        let id = account.id.unwrap();
        self.index
            .update_account(id, &state, self.now, &mut self.crossings)
            .unwrap();
        self.take_crossings();
    }

    fn update_market(&mut self, market: usize) {
        let id = MarketId(market as u16);
        let view = self.markets[market].view();
        let told = self
            .index
            .update_market(id, &view, self.now, &mut self.crossings);
        told.unwrap();
        self.take_crossings();
    }

    fn take_crossings(&mut self) {
        for crossing in core::mem::take(&mut self.crossings) {
            let account = self
                .accounts
                .iter_mut()
                .find(|account| account.id == Some(crossing.account))
                .unwrap();
            assert_eq!(account.reported, flags(crossing.before), "{crossing:?}");
            account.reported = flags(crossing.after);
            self.crossed += 1;
        }
    }

    /// Risk by the engine on the seats and headers as they are, orders and unaged gains included.
    fn risk(&self, who: usize) -> Result<(AccountRisk, bool), EngineError> {
        let account = &self.accounts[who];
        let mut sum = LegRisk::default();
        let mut reopened_at = 0;
        for &market in &account.markets {
            let market = &self.markets[market];
            let seat = market.seat(who);
            let held = position::held(&market.view(), seat)?;
            sum.add(&risk::leg(
                &market.header,
                held,
                &Resting::from(seat),
                self.now,
            )?)?;
            if held.base != 0 {
                reopened_at = reopened_at.max(halt::reopened_at(&market.header, self.now));
            }
        }
        let mut of_account = CreditLine::zeroed();
        of_account.call_deadline = account.call_deadline;
        let lapsed = line::lapsed(&of_account, account.cash.credit, reopened_at, self.now);
        Ok((AccountRisk::of(&account.cash, &sum)?, lapsed))
    }

    fn brute_force(&self, who: usize) -> [bool; 5] {
        let Ok((risk, lapsed)) = self.risk(who) else {
            return [false, false, false, false, true];
        };
        let Ok(with_credit) = risk.equity_with_credit() else {
            return [false, false, false, false, true];
        };
        let margin = i128::from(risk.maintenance_margin);
        let nothing = risk.initial_margin == 0 && risk.deficit().unwrap() == 0;
        let below = i128::from(with_credit) < margin && !nothing;
        [
            self.accounts[who].lendable != 0
                && !nothing
                && i128::from(with_credit) * 100 < margin * TRIGGER_PERCENT,
            below,
            below && with_credit <= 0,
            lapsed && !nothing && i128::from(risk.equity) < margin,
            false,
        ]
    }

    /// Every account stands where brute force says, and what was reported led there.
    pub fn check(&self, event: &str) {
        for (who, account) in self.accounts.iter().enumerate() {
            let expected = self.brute_force(who);
            let id = account.id.unwrap();
            let found = flags(self.index.standing(id).unwrap());
            assert_eq!(
                found,
                expected,
                "missed: account {who} after {event}: {:?}; the index has {:?}",
                self.risk(who),
                self.index.risk(id)
            );
            assert_eq!(account.reported, expected, "not reported: {who}, {event}");
        }
        assert_eq!(self.index.rescan(), []);
        let listed = self.index.past_threshold().count();
        let past = self
            .accounts
            .iter()
            .filter(|account| account.reported != [false; 5]);
        assert_eq!(listed, past.count());
    }

    /// One random event.
    pub fn step(&mut self) -> &'static str {
        let market = self.random.index(self.markets.len());
        let who = self.random.index(self.accounts.len());
        match self.random.below(32) {
            26 | 27 => {
                self.counter_move(market);
                "price against funding"
            }
            28 | 29 => {
                self.hair(market);
                "hair"
            }
            30 => {
                self.fund(who);
                self.update(who);
                "cash"
            }
            0..=6 => {
                self.tick(market, 2_000);
                "tick"
            }
            7 | 8 => {
                self.tick(market, 150_000);
                "gap"
            }
            9 | 10 => {
                let ppm = self.random.below(20_000) as i64 - 10_000;
                self.everywhere(ppm);
                "all markets"
            }
            11 | 12 => {
                self.fund_market(market);
                "funding"
            }
            13 | 14 => {
                self.lose(market, who);
                "loss event"
            }
            15 => {
                self.fund(who);
                self.update(who);
                "cash"
            }
            16 | 17 => {
                self.trade(who);
                "trade"
            }
            18 => {
                self.now += self.random.below(30) as i64;
                self.index.advance(self.now, &mut self.crossings);
                self.take_crossings();
                "time"
            }
            19 | 20 => {
                self.now += 1;
                self.tick(market, 100);
                "refresh"
            }
            21 => {
                self.credit(who);
                self.update(who);
                "credit"
            }
            22 => {
                self.parameters(market);
                "parameters"
            }
            23 => {
                self.halt(market);
                "halt"
            }
            24 => {
                if self.random.one_in(3) {
                    self.end_epoch(market);
                }
                "epoch"
            }
            _ => {
                let id = self.accounts[who].id.unwrap();
                self.index.remove_account(id).unwrap();
                assert_eq!(self.index.standing(id), Err(IndexError::UnknownAccount));
                self.insert(who);
                "replaced"
            }
        }
    }

    fn moved(&mut self, market: usize, ppm: i64) -> MarkUpdate {
        let header = &mut self.markets[market].header;
        if header.status == MarketStatus::Active.byte() {
            let mark = header.prices.mark as i128 * i128::from(1_000_000 + ppm) / 1_000_000;
            header.prices.mark = mark.clamp(1 << 20, 1 << 43) as u64;
            header.prices.index = header.prices.mark;
            header.prices.index_time = self.now;
        }
        MarkUpdate {
            market: MarketId(market as u16),
            mark: PriceQ32(header.prices.mark),
            index_time: header.prices.index_time,
        }
    }

    fn tick(&mut self, market: usize, ppm_max: u64) {
        let ppm = self.random.below(2 * ppm_max) as i64 - ppm_max as i64;
        let update = self.moved(market, ppm);
        self.index
            .update_mark(update, self.now, &mut self.crossings)
            .unwrap();
        self.take_crossings();
    }

    fn everywhere(&mut self, ppm: i64) {
        let updates: Vec<_> = (0..self.markets.len())
            .map(|market| self.moved(market, ppm))
            .collect();
        self.index
            .update_marks(&updates, self.now, &mut self.crossings)
            .unwrap();
        self.take_crossings();
    }

    fn fund_market(&mut self, market: usize) {
        let premium = self.random.below(200_000) as i64 - 100_000;
        let at = self.markets[market].header.prices.index as i128;
        self.now += self.random.below(15) as i64;
        let now = self.now;
        let still = self.random.one_in(2);
        let header = &mut self.markets[market].header;
        header.prices.premium_ema = (at * i128::from(premium) / 1_000_000) as i64;
        if !still {
            // Funding falls while the mark rises as much, and the other way round.
            let mark = header.prices.mark as i128;
            header.prices.mark = (mark + mark * i128::from(premium) / 100_000_000) as u64;
        }
        let (params, prices, halted) = (header.params, &mut header.prices, header.halt);
        if header.status == MarketStatus::Active.byte() {
            funding::accrue(&mut header.sides, prices, &params, &halted, now).unwrap();
        }
        self.update_market(market);
    }

    /// The mark moves, and the cash index of a side by as much the other way, so that its shares are worth what
    /// they were.
    fn counter_move(&mut self, market: usize) {
        let ppm = self.random.below(100_000) as i128 - 50_000;
        let both = self.random.one_in(3);
        let first = self.random.index(2);
        let header = &mut self.markets[market].header;
        if header.status != MarketStatus::Active.byte() {
            return;
        }
        let delta = header.prices.mark as i128 * ppm / 1_000_000;
        header.prices.mark = (header.prices.mark as i128 + delta) as u64;
        for (number, side) in header.sides.iter_mut().enumerate() {
            if both || number == first {
                let paid = (i128::from(side.scale) * delta) >> 30;
                let index = math::join_signed(side.cash_index) - paid;
                side.cash_index = math::split_signed(index);
            }
        }
        self.update_market(market);
    }

    /// A move of atoms: what decides is how values and claims are rounded.
    pub fn hair(&mut self, market: usize) {
        let by = self.random.below(9) as i128 - 4;
        let bits = self.random.below(50);
        let funding = self.random.one_in(2);
        let header = &mut self.markets[market].header;
        if header.status != MarketStatus::Active.byte() {
            return;
        }
        if funding {
            for side in &mut header.sides {
                let index = math::join_signed(side.cash_index) + (by << bits);
                side.cash_index = math::split_signed(index);
            }
            self.update_market(market);
        } else {
            header.prices.mark = (header.prices.mark as i128 + by) as u64;
            let update = self.moved(market, 0);
            self.index
                .update_mark(update, self.now, &mut self.crossings)
                .unwrap();
            self.take_crossings();
        }
    }

    /// A position leaves against the other side at the mark, which also bears a loss.
    fn lose(&mut self, market: usize, who: usize) {
        if !self.accounts[who].markets.contains(&market) || self.markets[market].wound_up() {
            return;
        }
        let env = self.env();
        let price = PriceQ32(self.markets[market].header.prices.mark);
        let Ok(held) = position::held(&self.markets[market].view(), self.markets[market].seat(who))
        else {
            return;
        };
        let value = price.value_floor(held.base.unsigned_abs()).unwrap();
        let deficit = match self.random.below(3) {
            0 => 0,
            1 => self.random.below(value / 20 + 1),
            _ => self.random.below(value + 1),
        };
        let event = LossEvent {
            price,
            deficit,
            from_default_fund: 0,
        };
        adl::execute(
            &mut self.markets[market].change(),
            &[7; 32],
            who as u32 + 1,
            &event,
            &env,
        )
        .ok();
        self.update_market(market);
        self.update(who);
    }

    fn trade(&mut self, who: usize) {
        let position = self.random.index(self.accounts[who].markets.len());
        let market = self.accounts[who].markets[position];
        let base = self.random.spread(1.0, 1e11);
        let buys = self.random.one_in(2);
        self.fill(who, market, base, buys);
        if self.random.one_in(3) {
            // Another order of legs.
            self.accounts[who].markets.rotate_left(1);
        }
        self.update_market(market);
        self.update(who);
    }

    fn credit(&mut self, who: usize) {
        let kind = self.random.below(4);
        let size = self.random.spread(1.0, 1e9);
        let deadline = self.now + self.random.below(40) as i64 - 10;
        let account = &mut self.accounts[who];
        let lent = account.cash.credit as i64;
        match kind {
            0 => account.lendable = 0,
            1 => account.lendable = size,
            2 => account.cash.interest = size / 1_000,
            _ => {
                account.cash.credit = size;
                account.cash.collateral -= size as i64 - lent;
                account.call_deadline = deadline;
            }
        }
    }

    fn parameters(&mut self, market: usize) {
        let header = &mut self.markets[market].header;
        header.params.initial_margin_ppm = 20_000 + self.random.below(200_000) as u32;
        header.params.size_slope_ppm = self.random.below(60_000) as u32;
        self.update_market(market);
    }

    fn halt(&mut self, market: usize) {
        let now = self.now;
        let header = &mut self.markets[market].header;
        if header.halt.phase == HaltPhase::Continuous.byte() {
            header.halt.phase = HaltPhase::Call.byte();
            header.halt.tripped_at = now;
            header.halt.call_ends_at = now + 3;
        } else {
            header.halt.phase = HaltPhase::Continuous.byte();
            header.halt.reopened_at = now;
        }
        self.update_market(market);
    }

    fn end_epoch(&mut self, market: usize) {
        let env = self.env();
        let price = PriceQ32(self.markets[market].header.prices.mark);
        let whole = self.random.one_in(4);
        let number = self.random.below(2) as u8;
        let market_at = &mut self.markets[market];
        if market_at.wound_up() {
            return;
        }
        if whole {
            market_at.header.prices.index_time = self.now - 200_000;
            wind_up::wind_up(&mut market_at.change(), &env).ok();
        } else {
            epochs::end(&mut market_at.change(), number, price, &env).ok();
        }
        self.update_market(market);
    }

    const fn env(&self) -> Env {
        Env {
            now: self.now,
            slot: 1,
        }
    }
}

/// Draw, maintenance, insolvency, lapsed call, unreadable.
fn flags(standing: plimsoll_triggers::Standing) -> [bool; 5] {
    [
        standing.draw_due(),
        standing.below_maintenance(),
        standing.insolvent(),
        standing.below_on_lapsed_call(),
        standing.unreadable(),
    ]
}
