//! A market's halts by the words of spec §7: the phase that the clock has reached, what trips, what a halted
//! market lets through, and its halted time (INV-10).

use plimsoll_engine::halt::{self, Cause, Trip};
use plimsoll_engine::mark::RefreshOutcome;
use plimsoll_engine::state::HaltPhase;
use plimsoll_engine::{EngineError, Env};

use super::auction::AuctionModel;
use super::ledger::big;
use super::standing::Answer;
use super::windows::{outside, WindowsModel};
use super::{Market, World};

/// Longest time of an auction, seconds, and the slots in which the book stands still before it.
const UNCROSS: i64 = 10;
const STILL: u64 = 2;

/// A halt that has not been written down as over.
#[derive(Clone, Debug)]
pub struct Course {
    pub cause: Cause,
    pub tripped_at: i64,
    pub call_ends_at: i64,
    /// First slot of the auction.
    pub from_slot: u64,
    pub auction: Option<AuctionModel>,
    /// End of RESOLVE, once the auction is over.
    pub resolved_until: Option<i64>,
}

/// A halt that is over.
#[derive(Clone, Copy, Debug)]
struct Past {
    from: i64,
    until: i64,
    by_trade: bool,
}

impl Past {
    /// Its seconds between two times.
    fn within(&self, from: i64, until: i64) -> i64 {
        (self.until.min(until) - self.from.max(from)).max(0)
    }
}

#[derive(Clone, Default)]
pub struct HaltModel {
    pub running: Option<Course>,
    past: Vec<Past>,
    /// Trips in a row, beyond the first.
    row: u32,
    pub halts: u64,
    /// As written down.
    pub reopened_at: i64,
    /// Up to when funding has been charged.
    pub charged_until: i64,
    pub windows: WindowsModel,
}

impl HaltModel {
    pub fn new(created_at: i64) -> Self {
        Self {
            charged_until: created_at,
            ..Self::default()
        }
    }
}

/// The table of spec §7, "What is allowed", as far as phases decide.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    Cancel,
    Rest,
    Trade,
    Withdraw,
    Draw,
    Join,
    Close,
}

pub fn allowed(phase: HaltPhase, deed: Deed) -> bool {
    use HaltPhase::{Call, Continuous, Freeze, Resolve, Uncross};
    match deed {
        Deed::Cancel => !matches!(phase, Freeze | Uncross),
        Deed::Rest => matches!(phase, Continuous | Call),
        Deed::Trade | Deed::Withdraw => phase == Continuous,
        Deed::Draw => phase != Uncross,
        Deed::Join => matches!(phase, Call | Freeze),
        Deed::Close => matches!(phase, Continuous | Resolve),
    }
}

impl Market {
    /// When the running halt is over if nobody moves it on.
    pub fn halt_ends_at(&self) -> Option<i64> {
        let course = self.halt.running.as_ref()?;
        let resolve = i64::from(self.header.params.resolve_seconds);
        let latest = course.call_ends_at + UNCROSS + resolve;
        Some(course.resolved_until.unwrap_or(latest))
    }

    pub fn phase(&self, now: i64) -> HaltPhase {
        let (Some(course), Some(end)) = (&self.halt.running, self.halt_ends_at()) else {
            return HaltPhase::Continuous;
        };
        let freeze = course.call_ends_at - i64::from(self.header.params.freeze_seconds);
        if now >= end {
            HaltPhase::Continuous
        } else if course.resolved_until.is_some() || now >= course.call_ends_at + UNCROSS {
            HaltPhase::Resolve
        } else if now >= course.call_ends_at {
            HaltPhase::Uncross
        } else if now >= freeze {
            HaltPhase::Freeze
        } else {
            HaltPhase::Call
        }
    }

    pub fn allows(&self, deed: Deed, now: i64) -> bool {
        allowed(self.phase(now), deed)
    }

    /// Time of the last reopening, written down or not.
    pub fn reopening(&self, now: i64) -> i64 {
        match self.halt_ends_at() {
            Some(end) if now >= end => end,
            _ => self.halt.reopened_at,
        }
    }

    /// Whether interest in an auction is nobody's to cancel: from the trip until the auction is known to be over.
    pub fn holds_interest(&self) -> bool {
        let running = self.halt.running.as_ref();
        running.is_some_and(|course| course.resolved_until.is_none())
    }

    /// Halted seconds of (from, until].
    pub fn halted_seconds(&self, from: i64, until: i64) -> i64 {
        let past: i64 = self
            .halt
            .past
            .iter()
            .map(|past| past.within(from, until))
            .sum();
        let running = self.halt.running.as_ref();
        past + running.map_or(0, |course| (until - from.max(course.tripped_at)).max(0))
    }

    fn row_of(&self, now: i64) -> u32 {
        let retrip = i64::from(self.header.params.retrip_seconds);
        if self.halt.halts != 0 && now - self.halt.reopened_at <= retrip {
            self.halt.row + 1
        } else {
            0
        }
    }

    fn call_seconds(&self, row: u32) -> i64 {
        let params = &self.header.params;
        let doubled = i64::from(params.call_seconds) << row.min(20);
        doubled.min(params.call_seconds_max.into())
    }

    /// Seconds of halts that any budget's length may hold: all, and tripped by trades.
    fn budgets(&self) -> (i64, i64) {
        let params = &self.header.params;
        let seconds = i64::from(params.halt_budget_seconds);
        let all = seconds * i64::from(params.halt_budget_ppm) / 1_000_000;
        (
            all,
            all * i64::from(params.halt_budget_trade_ppm) / 1_000_000,
        )
    }

    /// The market trades and the longest course fits what is left of the budget.
    pub fn may_trip(&self, cause: Cause, now: i64) -> bool {
        let (budget, for_trades) = self.budgets();
        if budget == 0 || self.halt.running.is_some() || self.wound_up {
            return false;
        }
        let params = &self.header.params;
        let width = i64::from(params.halt_budget_seconds.div_ceil(7));
        let counted = |past: &&Past| past.until / width >= now / width - 7;
        let used = |chosen: &dyn Fn(&&Past) -> bool| -> i64 {
            let past = self.halt.past.iter().filter(counted).filter(chosen);
            past.map(|past| past.until - past.from).sum()
        };
        let resolve = i64::from(params.resolve_seconds);
        let longest = self.call_seconds(self.row_of(now)) + UNCROSS + resolve;
        used(&|_| true) + longest <= budget
            && (cause != Cause::Trade || used(&|past| past.by_trade) + longest <= for_trades)
    }

    /// What a trip comes to, with the halt that follows.
    pub fn trip(&mut self, cause: Cause, env: &Env) -> Trip {
        if !self.may_trip(cause, env.now) {
            return Trip {
                cause,
                halted: false,
                call_ends_at: 0,
                reopens_by: 0,
            };
        }
        let row = self.row_of(env.now);
        let call_ends_at = env.now + self.call_seconds(row);
        self.halt.row = row;
        self.halt.halts += 1;
        self.halt.running = Some(Course {
            cause,
            tripped_at: env.now,
            call_ends_at,
            from_slot: env.slot + STILL + 1,
            auction: None,
            resolved_until: None,
        });
        Trip {
            cause,
            halted: true,
            call_ends_at,
            reopens_by: self.halt_ends_at().unwrap(),
        }
    }

    /// What a refresh found outside the bands trips.
    pub fn trip_by_refresh(
        &mut self,
        before: &Market,
        outcome: &RefreshOutcome,
        env: &Env,
    ) -> Option<Trip> {
        let bands = before.refresh_bands(env.now);
        self.see_refresh(before, env.now);
        let params = &self.header.params;
        let widths = [params.velocity_short_ppm, params.velocity_long_ppm];
        let found = |price: u64| {
            let mut bands = bands.iter().zip(widths);
            bands.any(|(band, ppm)| band.is_some_and(|band| outside(band, &big(price), 1, ppm)))
        };
        let (index, mark) = (found(outcome.index), found(outcome.mark));
        if self.halt.running.is_some() || !(index || mark) {
            return None;
        }
        let cause = if index { Cause::Index } else { Cause::Mark };
        let trip = self.trip(cause, env);
        if !trip.halted {
            // One move is told once.
            self.restart_windows(env.now);
        }
        Some(trip)
    }

    /// The book changes: in a call the auction waits until it has stood still.
    pub fn disturb(&mut self, env: &Env) {
        let call = self.phase(env.now) == HaltPhase::Call;
        if let (true, Some(course)) = (call, &mut self.halt.running) {
            course.from_slot = env.slot + STILL + 1;
        }
    }

    /// INV-10: no stretch as long as the budget's that ends now holds more halted time.
    fn check_budget(&self, until: i64) {
        let from = until - i64::from(self.header.params.halt_budget_seconds);
        let mut halts = self.halt.past.clone();
        if let Some(course) = &self.halt.running {
            halts.push(Past {
                from: course.tripped_at,
                until: self.halt_ends_at().unwrap(),
                by_trade: course.cause == Cause::Trade,
            });
        }
        let halted = |chosen: &dyn Fn(&&Past) -> bool| -> i64 {
            let halts = halts.iter().filter(chosen);
            halts.map(|past| past.within(from, until)).sum()
        };
        let (budget, for_trades) = self.budgets();
        assert!(halted(&|_| true) <= budget, "INV-10: {halts:?}");
        let by_trade = halted(&|past| past.by_trade);
        assert!(by_trade <= for_trades, "INV-10: trades: {halts:?}");
    }

    /// INV-10, and that engine and model tell the same time.
    pub fn check_halt(&self, now: i64) {
        let header = &self.header;
        assert_eq!(halt::phase(header, now), self.phase(now), "phase");
        assert_eq!(halt::reopened_at(header, now), self.reopening(now));
        assert_eq!(header.halt.sequence, self.halt.halts);
        let Some(course) = &self.halt.running else {
            return;
        };
        let params = &header.params;
        let longest = i64::from(params.call_seconds_max + params.resolve_seconds) + UNCROSS;
        let over = course.tripped_at + longest;
        assert!(halt::is_open(header, over), "INV-10: no end by the clock");
        assert_eq!(header.halt.call_ends_at, course.call_ends_at);
        self.check_budget(now.min(self.halt_ends_at().unwrap()));
    }
}

impl World {
    /// What every instruction that changes a market does first.
    pub fn touch(&mut self, market: usize) {
        let (env, now) = (self.env, self.env.now);
        let stale = self.markets[market].stale(now);
        let state = &mut self.markets[market];
        let found = halt::catch_up(&mut state.header, &env);
        self.write_reopening(market, found, stale);
    }

    pub fn write_reopening(&mut self, market: usize, found: Option<halt::Reopened>, stale: bool) {
        let now = self.env.now;
        let state = &mut self.markets[market];
        let end = state.halt_ends_at().filter(|end| now >= *end);
        let Some(end) = end else {
            assert_eq!(found, None, "a reopening before its time");
            return;
        };
        state.check_budget(end);
        let course = state.halt.running.take().unwrap();
        let found = found.expect("no reopening at its time");
        assert_eq!((found.at, found.reduce_only), (end, stale));
        assert_eq!(found.halted_seconds as i64, end - course.tripped_at);
        state.halt.past.push(Past {
            from: course.tripped_at,
            until: end,
            by_trade: course.cause == Cause::Trade,
        });
        let many = state.halt.past.len().saturating_sub(64);
        state.halt.past.drain(..many);
        state.halt.reopened_at = end;
        state.restart_windows(end);
        let how = match course.resolved_until {
            Some(_) => "reopened after an auction",
            None => "reopened by the clock alone",
        };
        self.count("state:", how);
    }

    /// Whether the book may change now; the auction of a call then waits.
    pub fn admit_change(&mut self, market: usize) -> Answer<()> {
        let env = self.env;
        let state = &mut self.markets[market];
        let admitted = halt::admit_book_change(&mut state.header, &env);
        let expected = if state.allows(Deed::Cancel, env.now) {
            state.disturb(&env);
            Ok(())
        } else {
            Err(EngineError::MarketHalted)
        };
        assert_eq!(admitted, expected);
        admitted
    }

    /// Counts a trip by what tripped it.
    pub fn count_trip(&mut self, trip: &Trip) {
        let what = match (trip.cause, trip.halted) {
            (_, false) => "trip beyond the budget",
            (Cause::Index, _) => "tripped by the index",
            (Cause::Mark, _) => "tripped by the mark",
            (Cause::Trade, _) => "tripped by a trade",
        };
        self.count("state:", what);
    }

    /// A leg with a position or an order lies in a market that is halted.
    pub fn holds_in_a_halt(&self, account: usize) -> bool {
        let now = self.env.now;
        self.markets.iter().any(|market| {
            let held = market
                .seats
                .get(&account)
                .is_some_and(|seat| seat.base != 0);
            let orders = !market.book.of(account).is_empty();
            (held || orders) && !market.allows(Deed::Withdraw, now)
        })
    }

    /// Latest reopening of a market that the account holds a position in.
    pub fn latest_reopening(&self, account: usize) -> i64 {
        let held = |market: &&super::Market| {
            let seat = market.seats.get(&account);
            seat.is_some_and(|seat| seat.base != 0)
        };
        let markets = self.markets.iter().filter(held);
        markets
            .map(|market| market.reopening(self.env.now))
            .max()
            .unwrap_or(0)
            .max(0)
    }
}
