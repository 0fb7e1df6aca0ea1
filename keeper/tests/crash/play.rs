//! Plays a scenario: round by round a second of the tape, with keepers that die and come.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plimsoll_client::MarketView;

use crate::keeper::{Keeper, PAUSE};
use crate::observer::{Findings, Observer};
use crate::scenario::{Scenario, PATIENCE};
use crate::stage::{Stage, FIRST, SECOND};

/// Shortest wall time of a round: two and a half slots, as many as a second has on the network. A round takes longer
/// where the machine needs longer.
const ROUND: Duration = Duration::from_millis(250);
/// Rounds for which a step may be due, and nothing of the account change, while a keeper is there: one for the price to
/// arrive and the step to be sent, one for it to land.
pub const ALLOWED: u64 = 2;
/// Seconds between two deposits.
const DEPOSIT_SECONDS: i64 = 15;

/// Names of the ledgers: the first keeper, the first after its restart, the second.
pub const LEDGERS: [&str; 3] = ["first", "first-again", "second"];

/// What came of it.
pub struct Played {
    pub stage: Stage,
    /// As they are at the end.
    pub markets: BTreeMap<String, MarketView>,
    pub findings: Findings,
    pub deaths: Vec<Death>,
}

/// A keeper that was killed.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    /// Of the stretch.
    pub second: i64,
    /// Accounts that it would have helped next.
    pub in_need: usize,
}

struct Play<'a> {
    scenario: &'a Scenario,
    stage: Stage,
    keepers: Vec<Keeper>,
    observer: Observer,
    deaths: Vec<Death>,
}

pub async fn play(name: &str, scenario: &Scenario) -> Played {
    let stage = Stage::start(name, scenario).await;
    for (name, key) in LEDGERS.into_iter().zip([FIRST, FIRST, SECOND]) {
        stage.configure(scenario, name, key);
    }
    let mut play = Play {
        scenario,
        stage,
        keepers: Vec::new(),
        observer: Observer::new(ALLOWED),
        deaths: Vec::new(),
    };
    play.start(LEDGERS[0]);
    while !play.keepers.iter().all(|keeper| keeper.ready) {
        play.look();
        tokio::time::sleep(ROUND).await;
    }
    for second in 1..=scenario.seconds {
        play.round(second).await;
    }
    for keeper in play.keepers.drain(..) {
        keeper.stop();
    }
    Played {
        markets: play.stage.markets().await,
        stage: play.stage,
        findings: play.observer.end(),
        deaths: play.deaths,
    }
}

impl Play<'_> {
    fn start(&mut self, name: &str) {
        let keeper = Keeper::start(&self.stage.folder, name);
        self.keepers.push(keeper);
    }

    /// SIGKILL to the oldest.
    fn kill(&mut self) {
        self.keepers.remove(0).kill();
    }

    fn look(&mut self) {
        for keeper in self.keepers.iter_mut().filter(|keeper| !keeper.ready) {
            keeper.look();
        }
    }

    /// Starts those whose time has come; whether the oldest is to die in this round.
    fn change_keepers(&mut self, second: i64) -> bool {
        let times = self.scenario.keepers;
        if self.deaths.first().map(|at| at.second + times.dead_seconds) == Some(second) {
            self.start(LEDGERS[1]);
        }
        if second == times.second_at {
            self.start(LEDGERS[2]);
        }
        let from = [times.killed_from, times.for_good_from];
        let next = from.get(self.deaths.len());
        next.is_some_and(|from| second >= *from)
    }

    /// Lets the keepers work on a slot; the oldest is killed as soon as somebody needs it, in the end anyway.
    async fn kill_in_need(&mut self, slot: u64, second: i64) {
        let times = self.scenario.keepers;
        let from = [times.killed_from, times.for_good_from][self.deaths.len()];
        let (mut first, begun) = (None, Instant::now());
        while begun.elapsed() < ROUND || !self.keepers[0].caught_up(slot, &mut first) {
            let in_need = Observer::in_need(&self.stage.read().await, &self.stage.env());
            if in_need != 0 || second >= from + PATIENCE {
                self.kill();
                self.deaths.push(Death { second, in_need });
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn round(&mut self, second: i64) {
        let dies = self.change_keepers(second);
        self.look();
        let least = tokio::time::sleep(ROUND);
        let slot = self.stage.advance_to(self.scenario.tape_start() + second);
        if dies {
            self.kill_in_need(slot, second).await;
        }
        if second % self.scenario.makers.requote_seconds == 0 {
            self.stage.quote(self.scenario).await;
        }
        if second % DEPOSIT_SECONDS == 0 {
            self.stage.deposit().await;
        }
        least.await;
        let ready = self.keepers.iter().filter(|keeper| keeper.ready);
        let mut alive = false;
        for keeper in ready {
            keeper.until_caught_up(slot).await;
            alive = true;
        }
        let seen = self.stage.read().await;
        self.observer.look(&seen, &self.stage.env(), second, alive);
    }
}
