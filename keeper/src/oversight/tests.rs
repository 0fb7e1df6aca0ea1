use std::sync::Arc;

use plimsoll_testkit::{MarketSpec, World};
use solana_pubkey::Pubkey;

use super::{Oversight, OversightLimits};
use crate::alerts::{Alert, Alerts};
use crate::config::AlertsConfig;
use crate::decide::tests::stage::{clock, mirror_of, two_sides, two_sides_of};
use crate::decide::{Action, Danger, Key, Kind, Signer, Tier};
use crate::metrics::Metrics;
use crate::sources::STREAM_OPENED;

const LIMITS: OversightLimits = OversightLimits {
    not_safe: 10,
    deadline: 20,
    mark_age: 60,
};

struct Scene {
    oversight: Oversight,
    metrics: Metrics,
    alerts: tokio::sync::mpsc::Receiver<Alert>,
    world: World,
}

impl Scene {
    fn of(world: World) -> Self {
        let metrics = Metrics::new().expect("figures");
        let figures = metrics.operations.clone();
        let config = AlertsConfig {
            interval_seconds: 0,
            ..AlertsConfig::default()
        };
        let (raised, alerts) = Alerts::new(&config, &Pubkey::default(), figures.clone());
        Self {
            oversight: Oversight::new(LIMITS, Arc::new(raised), figures),
            metrics,
            alerts,
            world,
        }
    }

    /// A look at this second of the process; the kinds that were told of.
    fn at(&mut self, second: u64, due: &[Action]) -> Vec<&'static str> {
        let mirror = mirror_of(&self.world);
        let clock = clock(&self.world);
        self.oversight.look(&mirror, &clock, due, second * 1_000);
        std::iter::from_fn(|| self.alerts.try_recv().ok())
            .map(|alert| alert.kind)
            .collect()
    }

    fn figure(&self, name: &str) -> String {
        let text = self.metrics.text().expect("text");
        let name = format!("plimsoll_keeper_{name}");
        let line = text.lines().find(|line| line.starts_with(&name));
        line.expect("a figure")
            .rsplit(' ')
            .next()
            .expect("a value")
            .to_owned()
    }
}

fn due(subject: u8, kind: Kind, tier: Tier, state: u64) -> Action {
    Action {
        key: Key {
            subject: Pubkey::new_from_array([subject; 32]),
            kind,
        },
        danger: Danger { tier, amount: 1 },
        signer: Signer::Payer,
        state,
        instructions: Vec::new(),
    }
}

#[test]
fn an_account_that_stays_due_for_rescue_is_told_of_whatever_step_it_is_at() {
    let mut scene = Scene::of(two_sides());
    let first = [due(1, Kind::Liquidate, Tier::Account, 1)];
    let second = [due(1, Kind::TearUp, Tier::Account, 2)];
    assert_eq!(scene.at(0, &first), [""; 0]);
    assert_eq!(scene.at(9, &second), [""; 0]);
    assert_eq!(scene.figure("not_safe_seconds"), "9");
    assert_eq!(scene.at(10, &second), ["account_not_safe"]);
    assert_eq!(scene.figure("accounts_not_safe"), "1");
    // Safe once, and the time begins anew.
    assert_eq!(scene.at(11, &[]), [""; 0]);
    assert_eq!(scene.at(12, &first), [""; 0]);
    assert_eq!(scene.figure("not_safe_seconds"), "0");
}

#[test]
fn a_step_that_makes_no_progress_misses_its_deadline() {
    let mut scene = Scene::of(two_sides());
    let draw = |state| [due(1, Kind::Draw, Tier::Credit, state)];
    assert_eq!(scene.at(0, &draw(1)), [""; 0]);
    assert_eq!(scene.at(19, &draw(1)), [""; 0]);
    assert_eq!(scene.at(20, &draw(1)), ["deadline_missed"]);
    assert_eq!(scene.figure("overdue_actions"), "1");
    assert_eq!(scene.at(21, &draw(2)), [""; 0]);
    assert_eq!(scene.figure("overdue_actions"), "0");
    // What can wait has no deadline.
    let idle = [due(2, Kind::Settle, Tier::Cash, 1)];
    assert_eq!(scene.at(30, &idle), [""; 0]);
    assert_eq!(scene.at(90, &idle), [""; 0]);
}

#[test]
fn a_mark_that_grows_old_is_told_of() {
    let mut scene = Scene::of(two_sides());
    assert_eq!(scene.at(0, &[]), [""; 0]);
    scene.world.advance(61);
    assert_eq!(scene.at(1, &[]), ["deadline_missed"]);
    assert_eq!(scene.figure("market_mark_age_seconds"), "61");
}

#[test]
fn each_halt_is_told_of_once() {
    let mut scene = Scene::of(two_sides_of(MarketSpec::preset("AVAX").halting()));
    assert_eq!(scene.at(0, &[]), [""; 0]);
    assert_eq!(scene.figure("market_phase"), "0");
    scene.world.move_index("AVAX", 18_600);
    assert_eq!(scene.at(1, &[]), ["market_halted"]);
    assert_eq!(scene.figure("market_phase"), "1");
    assert_eq!(scene.at(2, &[]), [""; 0]);
}

#[test]
fn a_stream_that_broke_is_told_of_and_one_that_opens_is_not() {
    let mut scene = Scene::of(two_sides());
    scene.oversight.gap(STREAM_OPENED);
    assert!(scene.alerts.try_recv().is_err());
    scene.oversight.gap("silent");
    let told = scene.alerts.try_recv().expect("an alert");
    assert_eq!(told.kind, "stream_silent");
    scene.oversight.over_budget(3);
    assert_eq!(scene.alerts.try_recv().expect("an alert").kind, "spend_cap");
}
