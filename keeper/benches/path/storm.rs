//! A storm: 11,279 accounts become liquidatable within one second, and are worked through over a chain that
//! lands a transaction two slots after it was sent and loses three of ten, which the keeper sends again.

use std::collections::HashMap;

use anyhow::ensure;
use plimsoll_engine::state::SIDE_LONG;
use plimsoll_keeper::execute::Outcome;
use plimsoll_keeper::plan::{Limits, Planned};
use solana_pubkey::Pubkey;

use super::clock::Clock;
use super::path::{Keeper, LIMITS};
use super::stage::{Leg, Stage};
use super::{Anyhow, Figures};

const SEED: u64 = 11_279;
/// Accounts that the fall makes liquidatable.
const STORM: usize = 11_279;
const FALL: f64 = -0.03;
const SLOT_MS: u64 = 400;
/// Slots after which a transaction lands, and after which a lost one is sent again: ten looks at its status.
const LANDS_AFTER: u64 = 2;
const AGAIN_AFTER: u64 = 4;
const LOST_PERCENT: usize = 30;
/// Slots after which the benchmark gives up.
const SLOTS_MAX: u64 = 5_000;

fn population(accounts: usize) -> Stage {
    let mut stage = Stage::new(SEED, 32);
    for number in 0..accounts {
        if number < STORM {
            let legs = [Leg {
                market: number % 32,
                side: SIDE_LONG,
                notional: stage.random().log_uniform(1e8, 1e11),
            }];
            // After the fall equity lies between nothing and maintenance, 2.5% of what is left.
            let equity = -FALL + (1.0 + FALL) * (0.002 + 0.022 * stage.random().unit());
            stage.open(&legs, (legs[0].notional * equity) as i64);
        } else {
            let legs = stage.legs();
            let notional: f64 = legs.iter().map(|leg| leg.notional).sum();
            let leverage = stage.random().log_uniform(1.0, 8.0);
            stage.open(&legs, (notional / leverage) as i64);
        }
    }
    stage
}

struct Flight {
    planned: Planned,
    /// Slot in which it has landed.
    at: u64,
}

/// What one way through the storm came to.
#[derive(Default)]
struct Passed {
    slots: u64,
    sent: u64,
    queue_max: usize,
    keys_max: usize,
    /// Microseconds: of the first decision with its signatures, and of the longest.
    first: u64,
    turn_max: u64,
}

/// The exchange, the keeper and the chain between them.
struct Storm {
    stage: Stage,
    keeper: Keeper,
    numbers: HashMap<Pubkey, usize>,
    flights: Vec<Flight>,
    limits: Limits,
    left: usize,
}

impl Storm {
    fn new(accounts: usize, limits: Limits) -> Anyhow<Self> {
        let stage = population(accounts);
        let mut keeper = Keeper::new(&stage, limits)?;
        let actions = keeper.decided();
        ensure!(actions.is_empty(), "{} start in trouble", actions.len());
        let numbers = stage.accounts.iter().enumerate();
        let numbers = numbers.map(|(number, (key, _))| (*key, number)).collect();
        Ok(Self {
            stage,
            keeper,
            numbers,
            flights: Vec::new(),
            limits,
            left: STORM,
        })
    }

    /// Everything falls at once, or stands still and stays fresh.
    fn prices(&mut self, by: f64) {
        for market in 0..self.stage.markets.len() {
            self.stage.move_mark(market, by, self.keeper.clock.now);
            self.keeper.mirror.apply(&self.stage.market_update(market));
        }
    }

    /// What has landed makes its account safe.
    fn land(&mut self, slot: u64) {
        let all = std::mem::take(&mut self.flights);
        let (landed, flying): (Vec<_>, _) = all.into_iter().partition(|flight| flight.at <= slot);
        self.flights = flying;
        for flight in landed {
            let action = &flight.planned.action;
            let number = self.numbers[&action.key.subject];
            let lacking = i64::try_from(action.danger.amount).unwrap_or(0);
            let account = &mut self.stage.accounts[number].1;
            account.collateral = account.collateral.saturating_add(lacking * 2 + 1_000_000);
            let update = self.stage.account_update(number);
            self.keeper.mirror.apply(&update);
            self.keeper.landed(action, slot * SLOT_MS, Outcome::Landed);
            self.left -= 1;
        }
    }

    /// Slot in which a transaction of this slot lands.
    fn lands(&mut self, slot: u64) -> u64 {
        let mut at = slot + LANDS_AFTER;
        while self.stage.random().index(100) < LOST_PERCENT {
            at += AGAIN_AFTER;
        }
        at
    }

    /// Decides and signs once.
    fn turn(&mut self, slot: u64, passed: &mut Passed) -> Anyhow<()> {
        let millis = slot * SLOT_MS;
        let start = Clock::start();
        let actions = self.keeper.decided();
        let due = actions.len();
        let worst = actions.first().map(|action| action.danger);
        let (sent, _) = self
            .keeper
            .plan
            .select(actions, millis, u64::MAX, |_| 5_000);
        for planned in &sent {
            self.keeper.wire(planned)?;
        }
        let took = start.took().wall;
        let mut pairs = sent.windows(2);
        let order = pairs.all(|pair| pair[0].action.danger >= pair[1].action.danger);
        ensure!(order, "not the most dangerous first");
        if slot == 0 {
            passed.first = took;
            ensure!(due == STORM, "{due} are due");
            let first = sent.first().map(|planned| planned.action.danger);
            ensure!(first == worst, "the worst is not the first");
        }
        let (plan, limits) = (&self.keeper.plan, self.limits);
        let queue = plan.due_at(millis);
        ensure!(plan.in_flight() <= limits.in_flight, "too many under way");
        ensure!(
            queue <= limits.queue + limits.in_flight,
            "{queue} in the queue"
        );
        passed.turn_max = passed.turn_max.max(took);
        passed.queue_max = passed.queue_max.max(queue);
        passed.keys_max = passed.keys_max.max(plan.keys());
        passed.sent += sent.len() as u64;
        for planned in sent {
            let at = self.lands(slot);
            self.flights.push(Flight { planned, at });
        }
        Ok(())
    }
}

fn pass(accounts: usize, limits: Limits) -> Anyhow<Passed> {
    let mut storm = Storm::new(accounts, limits)?;
    let mut passed = Passed::default();
    storm.prices(FALL);
    for slot in 0..SLOTS_MAX {
        storm.stage.slot += 1;
        storm.keeper.clock.slot = storm.stage.slot;
        if slot % 10 == 9 {
            storm.keeper.clock.now += 4;
            storm.prices(0.0);
        }
        storm.land(slot);
        if storm.left == 0 {
            passed.slots = slot;
            return Ok(passed);
        }
        storm.turn(slot, &mut passed)?;
    }
    anyhow::bail!("{} accounts are left after {SLOTS_MAX} slots", storm.left)
}

pub fn run(accounts: usize) -> Anyhow<Figures> {
    let accounts = accounts.max(STORM);
    let usual = pass(accounts, LIMITS)?;
    let wide_limits = Limits {
        in_flight: 1_024,
        queue: 4_096,
        ..LIMITS
    };
    let wide = pass(accounts, wide_limits)?;
    let millis = |passed: &Passed| passed.slots * SLOT_MS;
    let per_second = |passed: &Passed| STORM as u64 * 1_000 / millis(passed).max(1);
    Ok(vec![
        (
            "storm_accounts",
            STORM as u64,
            "liquidatable at once; slots of 400 ms, 30% of transactions lost",
        ),
        (
            "storm_first_signed_us",
            usual.first,
            "first decision of the storm and all its signatures",
        ),
        (
            "storm_turn_max_us",
            usual.turn_max.max(wide.turn_max),
            "longest decision with its signatures",
        ),
        (
            "storm_queue_max",
            usual.queue_max as u64,
            "longest queue; its bound is 1,024, and 64 under way",
        ),
        (
            "storm_keys_max",
            usual.keys_max as u64,
            "keys remembered, what landed lately included",
        ),
        ("storm_sent", usual.sent, "actions sent"),
        (
            "storm_per_second",
            per_second(&usual),
            "accounts made safe, 64 under way at a time",
        ),
        (
            "storm_safe_ms",
            millis(&usual),
            "until the last is safe, in the chain's time",
        ),
        (
            "storm_wide_queue_max",
            wide.queue_max as u64,
            "with a bound of 4,096, and 1,024 under way",
        ),
        ("storm_wide_per_second", per_second(&wide), ""),
        ("storm_wide_safe_ms", millis(&wide), ""),
    ])
}
