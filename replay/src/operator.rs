//! The keeper of the replay: the real one's mirror, decisions and plan, with the SVM where its sources and its executor
//! would be. Milliseconds are the day's own.

use anyhow::Result;
use plimsoll_client::assess::{assess, Assessed};
use plimsoll_keeper::decide::{self, Candidates, Credit, Desk, Kind, Marks, Roles, Settler, Watch};
use plimsoll_keeper::execute::{classify_engine, Outcome};
use plimsoll_keeper::marks::MarketFeeds;
use plimsoll_keeper::mirror::{ChainClock, Mirror, Snapshot, Sync};
use plimsoll_keeper::plan::{Limits, Plan, Report};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::chain::{Chain, Refused};
use crate::scenario::Scenario;
use crate::stage::Stage;

/// Lamports of a transaction's fee.
const FEE: u64 = 5_000;
/// Turns of deciding and sending in a second at most.
const TURNS_MAX: u32 = 4;

/// What the keeper asks to be done, before it is.
#[derive(Clone, Debug)]
pub struct Step {
    pub kind: Kind,
    /// The margin account, line or market that it is about.
    pub subject: Pubkey,
    pub payer: Pubkey,
    pub instructions: Vec<Instruction>,
}

/// Who sends for the keeper.
pub trait Hands {
    fn chain(&mut self) -> &mut Chain;

    /// Sends one step; the outer error ends the replay, the inner one is the program's.
    ///
    /// # Errors
    /// When the replay itself fails.
    fn execute(&mut self, step: &Step) -> Result<Result<(), Refused>>;
}

/// The keeper.
#[derive(Debug)]
pub struct Operator {
    pub mirror: Mirror,
    roles: Roles,
    watch: Watch,
    plan: Plan,
    per_second: u32,
    /// The second that runs, and what still reaches the chain in it.
    second: i64,
    left: u32,
    /// Number of the reads that were answered: every change is read at once.
    reads: u64,
}

impl Operator {
    /// A keeper with every role, that has read the whole chain.
    pub fn new(stage: &Stage, scenario: &Scenario) -> Self {
        let chain = &stage.chain;
        let mut mirror = Mirror::new(chain.addresses, [stage.venue.feed]);
        let snapshot = Snapshot {
            slot: chain.clock().slot,
            accounts: chain.program_accounts(),
        };
        mirror.sync(&snapshot, Sync::Forward);
        let desk = stage.desk.map(|desk| Desk {
            margin_account: desk.margin,
            trader: desk.owner,
            discount_ppm: scenario.desk.discount_ppm,
        });
        let feeds = MarketFeeds {
            market: stage.venue.market,
            feeds: vec![stage.venue.feed],
        };
        let roles = Roles {
            marks: Some(Marks {
                markets: vec![feeds],
                seconds_max: 10,
            }),
            sentinel: true,
            liquidator: true,
            desk,
            credit: Some(Credit {
                value_queued_seconds: 60,
                value_seconds: 3_600,
                accrue_seconds: 3_600,
            }),
            deleverager: true,
            settler: Some(Settler {
                settle_min: 1_000_000_000,
                sweep_min: 1_000_000_000,
            }),
            janitor: true,
            payer: stage.keeper,
            beneficiary: Some(stage.beneficiary),
        };
        let limits = Limits {
            in_flight: usize::try_from(scenario.keeper.per_second).unwrap_or(usize::MAX),
            queue: 4_096,
            backoff_min: 1_000,
            backoff_max: 30_000,
            lamports_an_hour: u64::MAX,
        };
        Self {
            mirror,
            watch: Watch::new(&roles),
            roles,
            plan: Plan::new(limits),
            per_second: scenario.keeper.per_second,
            second: i64::MIN,
            left: 0,
            reads: 0,
        }
    }

    /// Reads what was written since the last time.
    pub fn read(&mut self, chain: &mut Chain) {
        for update in chain.take_updates() {
            self.mirror.apply(&update);
        }
    }

    /// Decides and sends until nothing more is due or nothing more reaches the chain in this second, however often it is
    /// called in it: what does not expires, and is due again.
    ///
    /// # Errors
    /// Of the hands themselves; what the program refuses is no error.
    pub fn work(&mut self, hands: &mut impl Hands) -> Result<()> {
        let now = hands.chain().clock().now;
        if now != self.second {
            (self.second, self.left) = (now, self.per_second);
        }
        for _ in 0..TURNS_MAX {
            self.read(hands.chain());
            if self.left == 0 {
                break;
            }
            let clock = hands.chain().clock();
            let chosen = self.choose(&clock);
            if chosen.is_empty() {
                break;
            }
            for (step, key, state) in chosen {
                let outcome = if self.left == 0 {
                    Outcome::Expired
                } else {
                    self.left -= 1;
                    sent(hands.execute(&step)?)
                };
                self.reads = self.reads.saturating_add(1);
                let report = Report {
                    key,
                    state,
                    outcome,
                    lamports: FEE,
                    slot: clock.slot,
                    read: self.reads,
                };
                self.plan.report(&report, millis(&clock));
            }
        }
        self.read(hands.chain());
        Ok(())
    }

    fn choose(&mut self, clock: &ChainClock) -> Vec<(Step, decide::Key, u64)> {
        self.watch.follow(&mut self.mirror, clock);
        let actions = decide::decide_for(&self.mirror, clock, &self.roles, &self.watch);
        self.watch.note(&actions);
        let (chosen, _) = self
            .plan
            .select(actions, millis(clock), self.reads, |_| FEE);
        let payer = self.roles.payer;
        chosen
            .into_iter()
            .map(|planned| {
                let action = planned.action;
                let step = Step {
                    kind: action.key.kind,
                    subject: action.key.subject,
                    payer,
                    instructions: action.instructions,
                };
                (step, action.key, action.state)
            })
            .collect()
    }

    /// Due actions that the index had missed: none, ever.
    pub const fn missed(&self) -> u64 {
        self.watch.missed()
    }

    /// An account as every permissionless step sees it.
    pub fn look(&self, address: &Pubkey, clock: &ChainClock) -> Option<Assessed> {
        look(&self.mirror, address, clock)
    }

    /// Accounts that the last decision had in sight: all that are below maintenance are among them.
    pub fn in_sight(&self) -> Vec<Pubkey> {
        self.watch.candidates(&self.mirror).collect()
    }
}

/// An account of a mirror, assessed by the program's own functions.
pub fn look(mirror: &Mirror, address: &Pubkey, clock: &ChainClock) -> Option<Assessed> {
    let account = mirror.account(address)?;
    let line = Pubkey::from(account.credit_line);
    let credit = mirror.line(&line).and_then(|line| {
        let vault = mirror.vault(&Pubkey::from(line.vault))?;
        Some((line, vault))
    });
    assess(
        &address.to_bytes(),
        account,
        credit,
        |market| mirror.market_ref(market),
        &clock.env(),
    )
    .ok()
}

/// What sending came to, as the plan takes it.
fn sent(outcome: Result<(), Refused>) -> Outcome {
    match outcome {
        Ok(()) => Outcome::Landed,
        Err(refused) => match refused.engine {
            Some(engine) => classify_engine(engine),
            None => Outcome::Permanent(refused.text),
        },
    }
}

fn millis(clock: &ChainClock) -> u64 {
    clock.now.max(0).unsigned_abs().saturating_mul(1_000)
}
