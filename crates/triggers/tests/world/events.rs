//! What happens in the world.

use plimsoll_engine::adl::{self, LossEvent};
use plimsoll_engine::position;
use plimsoll_engine::state::{HaltPhase, MarketStatus};
use plimsoll_engine::units::PriceQ32;
use plimsoll_engine::{epochs, funding, math, wind_up, Env};
use plimsoll_triggers::{IndexError, MarkUpdate, MarketId};

use super::World;

impl World {
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
