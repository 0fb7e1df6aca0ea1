//! From a market's new bytes to signed transactions: mirror, watch, decision, plan, signature, wire.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::ensure;
use plimsoll_keeper::decide::{decide, decide_for, Action, Credit, Roles, Settler, Watch};
use plimsoll_keeper::execute::{Executor, FeePolicy, Outcome};
use plimsoll_keeper::mirror::{AccountUpdate, ChainClock, Mirror};
use plimsoll_keeper::plan::{Limits, Plan, Planned, Report};
use plimsoll_keeper::sources::{Endpoint, Endpoints};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

use super::clock::{Clock, Times};
use super::stage::{Stage, NOW};
use super::{Anyhow, Figures};

const SEED: u64 = 20_251_010;
/// Prices after which something had to be signed, and after how many prices the benchmark ends without them.
const SAMPLES: usize = 1_000;
const TICKS_MAX: usize = 6_000;
/// Every so many prices the decision is compared with that of a full scan, and not timed.
const COMPARED: usize = 100;
/// Compute limit and price that every transaction is signed with, as learned.
const COMPUTE: u32 = 300_000;

/// The keeper without sources and senders.
pub struct Keeper {
    pub mirror: Mirror,
    pub watch: Watch,
    pub plan: Plan,
    pub roles: Roles,
    executor: Executor,
    pub clock: ChainClock,
}

pub fn roles(stage: &Stage, payer: &Keypair) -> Roles {
    Roles {
        sentinel: true,
        liquidator: true,
        credit: Some(Credit {
            value_queued_seconds: 45,
            value_seconds: 600,
            accrue_seconds: 3_600,
        }),
        deleverager: true,
        settler: Some(Settler {
            settle_min: 1_000_000_000_000,
            sweep_min: 1_000_000_000_000,
        }),
        janitor: true,
        payer: payer.pubkey(),
        beneficiary: Some(stage.beneficiary),
        ..Roles::default()
    }
}

impl Keeper {
    pub fn new(stage: &Stage, limits: Limits) -> Anyhow<Self> {
        let payer = Keypair::new();
        let endpoint = Endpoint {
            rpc: "http://127.0.0.1:9".to_owned(),
            ws: None,
        };
        let endpoints = Arc::new(Endpoints::new(vec![endpoint], 20)?);
        let roles = roles(stage, &payer);
        let fees = FeePolicy {
            base: 1_000,
            cap: 1_000_000,
            cap_max: 1_000_000,
            value_step: 0,
            age_step: 0,
        };
        Ok(Self {
            mirror: stage.mirror(),
            watch: Watch::new(&roles),
            plan: Plan::new(limits),
            roles,
            executor: Executor::new(endpoints, payer, None, fees, false),
            clock: ChainClock {
                now: NOW,
                slot: stage.slot,
            },
        })
    }

    pub fn decided(&mut self) -> Vec<Action> {
        self.watch.follow(&mut self.mirror, &self.clock);
        let actions = decide_for(&self.mirror, &self.clock, &self.roles, &self.watch);
        self.watch.note(&actions);
        actions
    }

    /// Bytes of the signed transaction.
    pub fn wire(&self, planned: &Planned) -> Anyhow<Vec<u8>> {
        let signed = self.executor.sign(
            &planned.action,
            COMPUTE,
            10_000,
            Hash::new_from_array([7; 32]),
        );
        let signed = signed.map_err(|outcome| anyhow::anyhow!("{outcome:?}"))?;
        let transaction = signed.transaction;
        let mut wire = vec![transaction.signatures.len() as u8];
        for signature in &transaction.signatures {
            wire.extend_from_slice(signature.as_ref());
        }
        wire.extend_from_slice(&transaction.message.serialize());
        Ok(wire)
    }

    pub fn landed(&mut self, action: &Action, now: u64, outcome: Outcome) {
        let report = Report {
            key: action.key,
            state: action.state,
            outcome,
            lamports: 0,
            slot: self.clock.slot,
            read: 0,
        };
        self.plan.report(&report, now);
    }
}

pub const LIMITS: Limits = Limits {
    in_flight: 64,
    queue: 1_024,
    backoff_min: 1_000,
    backoff_max: 60_000,
    lamports_an_hour: u64::MAX,
};

/// Leverage log-uniform up to this, where maintenance ends at 40: somebody is always close.
const LEVERAGE_MAX: f64 = 36.0;
const MAINTENANCE: f64 = 40.0;

fn population(accounts: usize) -> Stage {
    let mut stage = Stage::new(SEED, 32);
    for _ in 0..accounts {
        let legs = stage.legs();
        let notional: f64 = legs.iter().map(|leg| leg.notional).sum();
        let leverage = stage.random().log_uniform(1.0, LEVERAGE_MAX);
        stage.open(&legs, (notional / leverage) as i64);
    }
    for number in (1..accounts).step_by(50) {
        stage.rest(number);
    }
    let borrowers: Vec<usize> = (2..accounts).step_by(50).collect();
    stage.lend(&borrowers, 1_000_000_000);
    stage
}

/// What the steps have changed, as the chain would show it: every account that was acted on is safe again, and
/// as close to maintenance as any of the population.
fn heal(
    stage: &mut Stage,
    keeper: &mut Keeper,
    numbers: &HashMap<Pubkey, usize>,
    (sent, now): (&[Planned], u64),
) {
    for planned in sent {
        let action = &planned.action;
        if let Some(number) = numbers.get(&action.key.subject) {
            let leverage = stage.random().log_uniform(1.0, LEVERAGE_MAX);
            let spare = (1.0 / leverage - 1.0 / MAINTENANCE) * stage.notionals[*number];
            let lacking = i64::try_from(action.danger.amount).unwrap_or(0);
            let account = &mut stage.accounts[*number].1;
            account.collateral = account.collateral.saturating_add(lacking + spare as i64);
            keeper.mirror.apply(&stage.account_update(*number));
        }
        keeper.landed(action, now, Outcome::Landed);
    }
}

fn pressing(actions: &[Action]) -> Vec<&Action> {
    let kinds = actions.iter().filter(|action| !action.key.kind.can_wait());
    kinds.collect()
}

/// What many prices came to.
#[derive(Default)]
struct Measured {
    prices: usize,
    /// Until the first signature, and until the last.
    first: Times,
    all: Times,
    /// Of prices that move nobody.
    quiet: Times,
    decisions: Times,
    scans: Times,
    signed: usize,
    signed_max: usize,
    different: u64,
}

impl Measured {
    /// One price from its bytes to signatures; returns what was signed.
    fn price(
        &mut self,
        keeper: &mut Keeper,
        update: &AccountUpdate,
        (millis, compare): (u64, bool),
    ) -> Anyhow<Vec<Planned>> {
        self.prices += 1;
        let start = Clock::start();
        keeper.mirror.apply(update);
        let deciding = Clock::start();
        let actions = keeper.decided();
        let decided = deciding.took();
        if compare {
            let scan = Clock::start();
            let expected = decide(&keeper.mirror, &keeper.clock, &keeper.roles);
            self.scans.push(scan.took());
            self.different += u64::from(pressing(&actions) != pressing(&expected));
        }
        let presses = actions.iter().any(|action| !action.key.kind.can_wait());
        let (sent, _) = keeper.plan.select(actions, millis, u64::MAX, |_| 5_000);
        let (mut bytes, mut first) = (0, None);
        for planned in &sent {
            bytes += keeper.wire(planned)?.len();
            first.get_or_insert_with(|| start.took());
        }
        let done = start.took();
        std::hint::black_box(bytes);
        if compare {
            return Ok(sent);
        }
        self.decisions.push(decided);
        match first {
            Some(first) if presses => {
                self.first.push(first);
                self.all.push(done);
                self.signed += sent.len();
                self.signed_max = self.signed_max.max(sent.len());
            }
            _ => self.quiet.push(done),
        }
        Ok(sent)
    }
}

pub fn run(accounts: usize) -> Anyhow<Figures> {
    let begun = Clock::start();
    let mut stage = population(accounts);
    let mut keeper = Keeper::new(&stage, LIMITS)?;
    let numbers = stage.accounts.iter().enumerate();
    let numbers: HashMap<_, _> = numbers.map(|(number, (key, _))| (*key, number)).collect();
    let set_up = begun.took();
    let begun = Clock::start();
    keeper.decided();
    let cold = begun.took();
    let mut found = Measured::default();
    for tick in 0..TICKS_MAX {
        if found.all.len() >= SAMPLES {
            break;
        }
        let market = tick * 7 % stage.markets.len();
        keeper.clock.now += i64::from(market == 0);
        stage.slot += 1;
        keeper.clock.slot = stage.slot;
        let by = stage.random().normal() * 1e-3;
        stage.move_mark(market, by, keeper.clock.now);
        let update = stage.market_update(market);
        let millis = tick as u64 * 100;
        let sent = found.price(&mut keeper, &update, (millis, tick % COMPARED == 0))?;
        heal(&mut stage, &mut keeper, &numbers, (&sent, millis));
    }
    let missed = keeper.watch.missed() + found.different;
    ensure!(missed == 0, "the watch missed somebody: {missed}");
    ensure!(found.all.len() != 0, "no price moved anybody");
    let sizes = stage.markets.iter().map(|(_, view)| view.encode().len());
    Ok(figures(
        &found,
        &[
            accounts as u64,
            sizes.max().unwrap_or(0) as u64,
            set_up.wall / 1_000,
            cold.wall / 1_000,
            missed,
        ],
    ))
}

fn figures(found: &Measured, of_set_up: &[u64; 5]) -> Figures {
    let [accounts, bytes, set_up, cold, missed] = *of_set_up;
    let samples = found.all.len();
    vec![
        ("path_accounts", accounts, "mirrored, of 32 markets"),
        ("path_market_bytes_max", bytes, "largest market's account"),
        (
            "path_set_up_ms",
            set_up,
            "the population, through the mirror",
        ),
        (
            "path_cold_start_ms",
            cold,
            "first decision, everybody is read",
        ),
        (
            "path_prices",
            found.prices as u64,
            "a market's new bytes each",
        ),
        (
            "path_samples",
            samples as u64,
            "of which called for a signature",
        ),
        (
            "price_to_signed_p50_us",
            found.all.wall(50.0),
            "bytes in to the last signed transaction, by the wall",
        ),
        (
            "price_to_signed_p99_us",
            found.all.wall(99.0),
            "goal: 5,000",
        ),
        ("price_to_signed_max_us", found.all.wall(100.0), ""),
        (
            "price_to_signed_cpu_p50_us",
            found.all.cpu(50.0),
            "the same, time on a processor: what others run does not count",
        ),
        ("price_to_signed_cpu_p99_us", found.all.cpu(99.0), ""),
        (
            "price_to_first_signed_p50_us",
            found.first.wall(50.0),
            "to the first, the most dangerous",
        ),
        ("price_to_first_signed_p99_us", found.first.wall(99.0), ""),
        (
            "price_to_nothing_p99_us",
            found.quiet.wall(99.0),
            "prices that call for nothing",
        ),
        (
            "path_decide_p50_us",
            found.decisions.wall(50.0),
            "index and decision",
        ),
        ("path_decide_p99_us", found.decisions.wall(99.0), ""),
        (
            "path_full_scan_p50_us",
            found.scans.wall(50.0),
            "the decision over everybody instead",
        ),
        (
            "path_signed_per_1000",
            (found.signed * 1_000 / samples.max(1)) as u64,
            "transactions signed in 1,000 samples",
        ),
        ("path_signed_max", found.signed_max as u64, "in one sample"),
        (
            "path_missed",
            missed,
            "due by a full scan or the patrol, not found: goal 0",
        ),
    ]
}
