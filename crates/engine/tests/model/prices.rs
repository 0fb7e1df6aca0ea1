//! Marks, refreshes and funding.

use num_bigint::BigInt;
use plimsoll_engine::epochs;
use plimsoll_engine::funding::FundingOutcome;
use plimsoll_engine::units::{PriceQ32, Ticks, PRICE_Q32_MAX};
use plimsoll_engine::{funding, halt, mark, place, EngineError};

use super::feeds;
use super::halts::Deed;
use super::ledger::{big, floor};
use super::{shares, Market, World};

impl World {
    /// A mark out of nowhere, fresh or not.
    pub fn move_mark(&mut self, market: usize) -> Result<(), EngineError> {
        let wild = self.random.one_in(if self.shape.halts { 40 } else { 8 });
        let step = if wild { 150 } else { 6 };
        let state = &mut self.markets[market];
        let span = state.around * step / 1_000 + 1;
        let moved = state.around + self.random.below(2 * span + 1) - span;
        let start = state.start;
        state.around = moved.clamp(start / 2, start * 2);
        let sizes = state.header.params.lot_sizes();
        let price = sizes.price_floor(Ticks(state.around)).unwrap().0;
        // Not only prices of whole ticks.
        let price = price + self.random.below(1 << 12);
        if !self.random.one_in(6) {
            self.freshen_by_hand(market);
        }
        let state = &mut self.markets[market];
        state.header.prices.mark = price;
        state.header.prices.index = price;
        self.resync(market);
        Ok(())
    }

    /// A gap, up or down, with a fresh index.
    pub fn gap(&mut self, market: usize) -> Result<(), EngineError> {
        let most = match self.random.below(12) {
            0 => 2_000,
            1 | 2 => 300,
            _ => 60,
        };
        let by = self.random.between(10, most);
        let up = self.random.one_in(2);
        self.freshen_by_hand(market);
        let state = &mut self.markets[market];
        let moved = state.around * by / 1_000;
        let around = if up {
            state.around + moved
        } else {
            state.around * 1_000 / (1_000 + by)
        };
        state.around = around.clamp(state.start / 3, state.start * 3);
        let sizes = state.header.params.lot_sizes();
        let price = sizes.price_floor(Ticks(state.around)).unwrap().0;
        let price = price + self.random.below(1 << 12);
        (state.header.prices.mark, state.header.prices.index) = (price, price);
        self.resync(market);
        Ok(())
    }

    /// A move against one account, to around its maintenance margin: between insolvent by a fifth of it and
    /// safe by a tenth.
    pub fn squeeze(&mut self, account: usize) -> Result<(), EngineError> {
        let risk = self.account_risk(account);
        let ratio = self.random.between(0, 13);
        let held = |market: &usize| self.markets[*market].seats[&account].base;
        let markets = self.markets_of(account);
        let Some(market) = markets.into_iter().max_by_key(|market| held(market).abs()) else {
            return Ok(());
        };
        let base = held(&market);
        if base == 0 {
            return Ok(());
        }
        let aim = &risk.maintenance * (i64::try_from(ratio).unwrap() - 2) / 10;
        let step = ((&risk.with_credit - aim) << 32) / base;
        self.freshen_by_hand(market);
        let state = &mut self.markets[market];
        let moved: BigInt = big(state.header.prices.mark) - step;
        let sizes = state.header.params.lot_sizes();
        let at = |ticks: u64| big(sizes.price_floor(Ticks(ticks)).unwrap().0);
        let moved = moved.clamp(at(state.start / 3), at(state.start * 3));
        let price = u64::try_from(moved).unwrap();
        (state.header.prices.mark, state.header.prices.index) = (price, price);
        state.around = sizes.ticks_floor(PriceQ32(price)).unwrap().0;
        self.resync(market);
        Ok(())
    }

    /// f of spec §13, Q.64 per base atom, exact: what a long pays and what a short receives.
    pub fn foretell_funding(state: &Market, now: i64) -> (BigInt, BigInt) {
        let (params, prices) = (&state.header.params, &state.header.prices);
        let fresh_until = prices.index_time + i64::from(params.index_age_seconds_max);
        let until = now.min(fresh_until);
        // Nothing is charged for halted time.
        let halted = state.halted_seconds(state.halt.charged_until, until);
        let seconds = (until - state.halt.charged_until - halted)
            .clamp(0, i64::from(params.accrual_seconds_max));
        let cap = floor(big(prices.index) * params.funding_cap_ppm, 1_000_000);
        let premium = big(prices.premium_ema.unsigned_abs()).min(cap);
        let f = floor((premium * seconds) << 32, params.funding_period_seconds);
        let open = [0, 1].map(|side| shares::open_interest(&state.header, side));
        if open[0] == big(0) || open[1] == big(0) {
            return (big(0), big(0));
        }
        let longs_pay = prices.premium_ema > 0;
        let (payers, receivers) = if longs_pay { (0, 1) } else { (1, 0) };
        let shared = if open[receivers] > open[payers] {
            floor(&f * &open[payers], open[receivers].clone())
        } else {
            f.clone()
        };
        if longs_pay {
            (f, shared)
        } else {
            (-shared, -f)
        }
    }

    /// The engine's rates against the exact ones: who pays, pays f; who receives gets no more than its
    /// share, and less by 2^-31 of it and an atom of dust at most. The model takes the engine's.
    pub fn charge(state: &mut Market, exact: &(BigInt, BigInt), found: &FundingOutcome) {
        let (long, short) = (big(found.long_pays), big(found.short_receives));
        let (paid, given) = if long > big(0) || exact.0 > big(0) {
            assert_eq!(long, exact.0, "longs pay f");
            (exact.1.clone(), short.clone())
        } else {
            assert_eq!(short, exact.1, "shorts pay f");
            (-&exact.0, -&long)
        };
        assert!(given <= paid, "funding was given that nobody paid");
        let open = (0..2)
            .map(|side| shares::open_interest(&state.header, side))
            .min();
        let dust = &paid >> 31;
        let least = &paid - dust - &paid / (open.unwrap() + 1) - 2;
        assert!(given >= least, "receivers got {given} of {paid}");
        for seat in state.seats.values_mut() {
            let parts = seat.parts();
            let rate = if seat.short { &short } else { &long };
            // Q.64 a base atom times 2^-62 base atoms.
            let moved = (rate * parts * 1_000_000) << 2;
            if seat.short {
                seat.quote += moved;
            } else {
                seat.quote -= moved;
            }
        }
    }

    /// Ends the epochs that funding has brought to their bound.
    fn end_due(&mut self, market: usize, found: &FundingOutcome) {
        if !found.epoch_due {
            return;
        }
        let epochs = |state: &Market| state.header.sides.map(|side| side.epoch);
        let (env, state) = (self.env, &mut self.markets[market]);
        let before = epochs(state);
        epochs::end_due(&mut state.get(), &env).unwrap();
        if epochs(state) != before {
            state.disturb_auction();
            self.count("state:", "epoch ended by funding");
        }
    }

    /// Ends an epoch before its time, so that seats fall many of them behind.
    pub fn end_epoch(&mut self, market: usize) -> Result<(), EngineError> {
        let (env, side) = (self.env, self.random.below(2) as u8);
        let state = &mut self.markets[market];
        let mark = PriceQ32(state.header.prices.mark);
        if state.header.losses.receipts == 0 {
            return Ok(());
        }
        state.disturb_auction();
        epochs::end(&mut state.get(), side, mark, &env)
    }

    /// Charges a premium set by hand.
    pub fn accrue(&mut self, market: usize) -> Result<(), EngineError> {
        let state = &mut self.markets[market];
        let bound = (state.header.prices.index / 60) as i64;
        let premium = self.random.below(2 * bound as u64 + 1) as i64 - bound;
        state.header.prices.premium_ema = premium;
        self.charge_funding(market)
    }

    /// The index is as of now. What it was is charged first, as a refresh does: which seconds it was stale in must
    /// not be forgotten.
    pub fn freshen_by_hand(&mut self, market: usize) {
        if self.shape.halts {
            self.charge_funding(market).unwrap();
            self.resync(market);
        }
        self.markets[market].header.prices.index_time = self.env.now;
    }

    fn charge_funding(&mut self, market: usize) -> Result<(), EngineError> {
        let now = self.env.now;
        let state = &mut self.markets[market];
        let f = Self::foretell_funding(state, now);
        let header = &mut state.header;
        let (sides, prices) = (&mut header.sides, &mut header.prices);
        let outcome = funding::accrue(sides, prices, &header.params, &header.halt, now)?;
        state.halt.charged_until = now;
        Self::charge(state, &f, &outcome);
        self.end_due(market, &outcome);
        Ok(())
    }

    /// A refresh from a feed made by hand, of a price near the last.
    pub fn refresh(&mut self, market: usize) -> Result<(), EngineError> {
        let wobble = self.random.between(995_000, 1_005_000);
        let age = self.random.below(20) as i64 - 3;
        self.refresh_to(market, wobble, age)
    }

    /// A refresh of a price that jumps, mostly by no more than a market may within its long window.
    pub fn jump(&mut self, market: usize) -> Result<(), EngineError> {
        let params = &self.markets[market].header.params;
        let (short, long) = (params.velocity_short_ppm, params.velocity_long_ppm);
        let most = u64::from(if self.random.one_in(6) {
            long * 2
        } else {
            short * 2
        });
        let state = &self.markets[market];
        let (start, around) = (state.start, state.around);
        let up = if around > start * 2 {
            false
        } else {
            around < start / 2 || self.random.one_in(2)
        };
        let by = self.random.below(most);
        let factor = if up {
            1_000_000 + by
        } else {
            1_000_000_000_000 / (1_000_000 + by)
        };
        self.refresh_to(market, factor, 0)
    }

    /// The index times `factor` (ppm), published `age` seconds ago.
    fn refresh_to(&mut self, market: usize, factor: u64, age: i64) -> Result<(), EngineError> {
        self.atomically(|world| world.refresh_now(market, factor, age))
    }

    fn refresh_now(&mut self, market: usize, factor: u64, age: i64) -> Result<(), EngineError> {
        let (now, env) = (self.env.now, self.env);
        self.touch(market);
        self.drop_expired(market);
        let entries = self.entries(market);
        let state = &mut self.markets[market];
        let top = place::book_top(&state.get().as_ref(), now).unwrap();
        let f = Self::foretell_funding(state, now);
        // Six decimals of base and of quote: a dollar is a quote atom a base atom.
        let index = u128::from(state.header.prices.index);
        let dollars = (index * 100_000_000) >> 32;
        let price = (dollars * u128::from(factor) / 1_000_000) as i64;
        let data = feeds::posted(price, now - age);
        let earlier = state.clone();
        let before = state.header.sides;
        let refreshed = mark::refresh(&mut state.header, &[feeds::input(&data)], top, &env);
        let outcome = refreshed?;
        assert!(outcome.mark != 0 && outcome.mark <= PRICE_Q32_MAX);
        // At the new mark, before the funding.
        let after = std::mem::replace(&mut state.header.sides, before);
        state.resync(&entries);
        state.halt.charged_until = now;
        Self::charge(state, &f, &outcome.funding);
        state.header.sides = after;
        let sizes = state.header.params;
        let ticks = u128::from(outcome.mark) * u128::from(sizes.base_atoms_per_lot);
        state.around = ((ticks / u128::from(sizes.quote_atoms_per_lot_tick)) >> 32) as u64;
        self.end_due(market, &outcome.funding);
        let state = &mut self.markets[market];
        if !state.allows(Deed::Trade, now) {
            let halted = (outcome.mark, outcome.basis);
            assert_eq!(
                halted,
                (outcome.index, None),
                "the mark of a halt is the index"
            );
        }
        let expected = state.trip_by_refresh(&earlier, &outcome, &env);
        let trip = halt::on_refresh(&mut state.header, &outcome, &env);
        assert_eq!(trip, expected, "a refresh trips");
        if let Some(trip) = trip {
            self.count_trip(&trip);
        }
        Ok(())
    }

    /// Expired orders leave the front of the book, unless it stands still.
    fn drop_expired(&mut self, market: usize) {
        let (env, now) = (self.env, self.env.now);
        if self.admit_change(market).is_err() {
            return;
        }
        let state = &mut self.markets[market];
        let mut left = Vec::new();
        place::drop_expired(&mut state.get(), &env, |order| left.push(order.sequence)).unwrap();
        let mut expected = Vec::new();
        for bid in [true, false] {
            let front = state.book.side(bid).iter();
            let expired = front.take_while(|order| order.expired(now)).take(32);
            expected.extend(expired.map(|order| order.sequence));
        }
        assert_eq!(left, expected, "expired orders that leave");
        for sequence in left {
            self.take_off(market, sequence);
        }
    }
}
