//! A small exchange that the engine's own transitions move, an index that is told of it, and brute force.
#![allow(clippy::unwrap_used)]

mod events;
mod market;

use bytemuck::Zeroable;
use plimsoll_engine::credit::draw::TRIGGER_PERCENT;
use plimsoll_engine::credit::line;
use plimsoll_engine::epochs;
use plimsoll_engine::halt;
use plimsoll_engine::position::{self, SeatFill};
use plimsoll_engine::risk::{self, AccountCash, AccountRisk, LegRisk, Resting};
use plimsoll_engine::state::{CreditLine, OrderSide, Seat};
use plimsoll_engine::units::{PriceQ32, BASE_ATOMS_BOUND};
use plimsoll_engine::EngineError;
use plimsoll_triggers::{AccountId, AccountState, Crossing, MarketId, TriggerIndex};

use market::Market;

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
