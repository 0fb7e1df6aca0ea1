//! The desk on mirrors of the real bytecode, which takes or refuses what it sends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_engine::state::LineState;
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, World};

use super::*;
use crate::decide::tests::stage::{clock, mirror_of};
use crate::plan::Report;

const UNDERWRITER: &str = "underwriter";

/// `farmer` holds 5,000 AVAX on 12,000 USDC at $20, with an active line of 5,000 USDC.
fn world(committed: bool) -> World {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset("AVAX"));
    world.keeper();
    world.trader("farmer", 12_000_000_000, &["AVAX"]);
    world.trader("short", 200_000_000_000, &["AVAX"]);
    let mut terms = world.terms(5_000_000_000, &["AVAX"]);
    terms.committed = committed;
    let paid_in = (2_000_000_000, 50_000_000_000);
    world.lend(UNDERWRITER, "farmer", paid_in, terms);
    world
        .place("short", "AVAX", ask(20_000, 500_000))
        .expect("an ask");
    world
        .place("farmer", "AVAX", bid(20_000, 500_000))
        .expect("a bid");
    world
}

/// A desk with these rules for everybody, on a ledger of its own.
struct Tried {
    desk: Desk,
    folder: tempfile::TempDir,
}

fn ledger(folder: &Path) -> PathBuf {
    folder.join("keeper.sqlite")
}

fn desk(rules: &str, ledger: &Path, dry_run: bool) -> Desk {
    let (policy, mistakes) = Policy::parse(rules).expect("TOML");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let actor = Actor::from(UNDERWRITER);
    let underwriter = Underwriter {
        key: actor.key(),
        tokens: actor.token_account(),
    };
    let journal = Journal::open(ledger).expect("a ledger");
    Desk::new(policy, underwriter, journal, dry_run).expect("a desk")
}

impl Tried {
    fn new(rules: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            desk: desk(rules, &ledger(folder.path()), false),
            folder,
        }
    }

    /// The process ends and another one starts.
    fn restart(&mut self, rules: &str) {
        self.desk = desk(rules, &ledger(self.folder.path()), false);
    }

    /// Sends what is due as the keeper would, payer and underwriter signing; names what the program took.
    fn act(&mut self, world: &mut World) -> Vec<&'static str> {
        let (mirror, clock) = (mirror_of(world), clock(world));
        let mut landed = Vec::new();
        for action in self.desk.due(&mirror, &clock) {
            self.desk.sending(&action, clock.now).expect("written");
            let signers: &[Actor] = match action.signer {
                Signer::Underwriter => &["keeper".into(), UNDERWRITER.into()],
                _ => &["keeper".into()],
            };
            let sent = world.send(&action.instructions, signers);
            let outcome = match &sent {
                Ok(_) => Outcome::Landed,
                Err(rejected) => Outcome::Permanent(format!("{rejected:?}")),
            };
            sent.unwrap_or_else(|rejected| panic!("{:?}: {rejected:?}", action.key));
            landed.push(action.key.kind.name());
            self.desk
                .report(&executed(&action, outcome))
                .expect("written");
        }
        landed
    }
}

fn executed(action: &Action, outcome: Outcome) -> Executed {
    Executed {
        report: Report {
            key: action.key,
            state: action.state,
            outcome,
            lamports: 0,
            slot: 0,
            read: 0,
        },
        signature: Some(solana_signature::Signature::default()),
        written: Vec::new(),
        compute_limit: 0,
        unit_price: 0,
        danger: 0,
        elapsed: Duration::ZERO,
    }
}

const EXTEND: &str = "
    look_seconds = 1
    caps = { extensions_a_day = 1, recalls_a_day = 1 }
    [[class]]
    name = 'all'
    [class.extend]
    before_seconds = 50000
    seconds = 3600
    times_a_call = 5
    times_a_month = 5
    total_seconds_max = 18000
    recovered_ppm_min = 100000
    equity_ppm_min = 0
    drawn_ppm_max = 1000000
    concentration_ppm_max = 1000000
";

#[test]
fn a_call_that_has_recovered_is_extended_once_even_over_a_restart() {
    let mut world = world(true);
    world.move_index("AVAX", 18_600);
    world.draw(UNDERWRITER, "farmer").expect("drawn");
    let mut tried = Tried::new(EXTEND);
    assert!(tried.act(&mut world).is_empty(), "nothing has recovered");
    world.move_index("AVAX", 18_800);
    let before = world.line(UNDERWRITER, "farmer").call_deadline;
    assert_eq!(tried.act(&mut world), ["extend_call"]);
    let after = world.line(UNDERWRITER, "farmer").call_deadline;
    assert_eq!(after, before + 3_600);
    // The cap holds, in this process and in the next.
    world.move_index("AVAX", 18_900);
    assert!(tried.act(&mut world).is_empty());
    tried.restart(EXTEND);
    world.move_index("AVAX", 18_700);
    assert!(tried.act(&mut world).is_empty());
    world.move_index("AVAX", 19_000);
    assert!(tried.act(&mut world).is_empty());
    world.advance_fresh(86_400 - 3);
    // A day later the call, which the one extension has not outlasted, is over.
    assert!(tried.act(&mut world).is_empty());
    assert_eq!(world.line(UNDERWRITER, "farmer").call_deadline, after);
}

#[test]
fn what_was_refused_does_not_use_up_the_cap() {
    let mut world = world(true);
    world.move_index("AVAX", 18_600);
    world.draw(UNDERWRITER, "farmer").expect("drawn");
    let mut tried = Tried::new(EXTEND);
    tried.act(&mut world);
    world.move_index("AVAX", 18_800);
    for outcome in [
        Outcome::Permanent("refused".to_owned()),
        Outcome::Stale("state".to_owned()),
    ] {
        let (mirror, clock) = (mirror_of(&world), clock(&world));
        let due = tried.desk.due(&mirror, &clock);
        assert_eq!(due.len(), 1, "{outcome:?}");
        tried.desk.sending(&due[0], clock.now).expect("written");
        assert!(tried.desk.due(&mirror, &clock).is_empty(), "under way");
        let failed = executed(&due[0], outcome);
        tried.desk.report(&failed).expect("written");
        world.move_index("AVAX", 18_800);
    }
    // What may have landed does.
    let (mirror, clock) = (mirror_of(&world), clock(&world));
    let due = tried.desk.due(&mirror, &clock);
    tried.desk.sending(&due[0], clock.now).expect("written");
    let unknown = Outcome::Transient("timeout".to_owned());
    let report = executed(&due[0], unknown);
    tried.desk.report(&report).expect("written");
    world.move_index("AVAX", 18_900);
    assert!(tried.act(&mut world).is_empty());
}

#[test]
fn a_line_is_recalled_and_closed_when_nothing_is_owed() {
    let mut world = world(true);
    let mut tried = Tried::new(
        "look_seconds = 1\ncaps = { recalls_a_day = 1 }\nstress_ppm = 300000\n[[class]]\nname = 'all'\n\
         [class.recall]\nstress_over_limit = true\n",
    );
    // 30% down 5,000 AVAX lose 30,000 USDC: more than own cash and the line.
    assert_eq!(tried.act(&mut world), ["recall_line"]);
    let line = world.line(UNDERWRITER, "farmer");
    assert_eq!(line.recall_at, world.now() + 3_600);
    world.advance_fresh(3_599);
    assert!(tried.act(&mut world).is_empty());
    world.advance_fresh(1);
    assert_eq!(tried.act(&mut world), ["close_line"]);
    let line = world.line(UNDERWRITER, "farmer");
    assert_eq!(line.state, LineState::Closed.byte());
    assert_eq!(world.vault(UNDERWRITER).limits, 0);
    world.assert_vault_exact(UNDERWRITER);
}

#[test]
fn a_consent_lets_a_discretionary_line_draw_and_a_stop_takes_it_back() {
    let mut world = world(false);
    let rules = "
        look_seconds = 1
        caps = { consented_a_day = 3000000000 }
        [stop]
        lent_ppm = 10000
        [[class]]
        name = 'all'
        [class.consent]
        below = 1
        amount = 3000000000
        seconds = 600
    ";
    let mut tried = Tried::new(rules);
    assert_eq!(tried.act(&mut world), ["give_consent"]);
    assert_eq!(world.line(UNDERWRITER, "farmer").consent, 3_000_000_000);
    world.move_index("AVAX", 18_600);
    world.draw(UNDERWRITER, "farmer").expect("drawn");
    assert_eq!(tried.act(&mut world), ["give_consent"]);
    assert_eq!(world.line(UNDERWRITER, "farmer").consent, 0);
    assert!(tried.act(&mut world).is_empty());
}

#[test]
fn an_offer_is_taken_back_when_the_vault_is_short() {
    let mut world = world(true);
    world.trader("other", 1_000_000_000, &["AVAX"]);
    let terms = world.terms(1_000_000_000, &["AVAX"]);
    world
        .offer_line(UNDERWRITER, "other", terms)
        .expect("offered");
    let rules = |free: u64| {
        let class = "[[class]]\nname = 'all'\n";
        format!("look_seconds = 1\n[stop]\nfree_below = {free}\n{class}")
    };
    // Of 52,000 USDC the farmer's 5,000 are reserved.
    assert!(Tried::new(&rules(47_000_000_000))
        .act(&mut world)
        .is_empty());
    let mut tried = Tried::new(&rules(47_000_000_001));
    assert_eq!(tried.act(&mut world), ["close_line"]);
    let line = world.line(UNDERWRITER, "other");
    assert_eq!(line.state, LineState::Closed.byte());
    assert!(tried.act(&mut world).is_empty());
}

#[test]
fn a_vault_that_is_short_is_paid_into_once_its_lines_are_valued() {
    let mut world = world(true);
    world.move_index("AVAX", 18_600);
    world.draw(UNDERWRITER, "farmer").expect("drawn");
    world.advance_fresh(100);
    let rules = "
        look_seconds = 1
        caps = { topped_up_a_day = 1500000000 }
        [top_up]
        free_below = 60000000000
        amount = 1000000000
        [[class]]
        name = 'all'
    ";
    let mut tried = Tried::new(rules);
    let before = world.vault(UNDERWRITER);
    assert_eq!(tried.act(&mut world), ["value_line"]);
    world.advance_fresh(1);
    assert_eq!(tried.act(&mut world), ["buy_junior"]);
    let after = world.vault(UNDERWRITER);
    assert_eq!(after.cash, before.cash + 1_000_000_000);
    assert!(after.junior_shares > before.junior_shares);
    world.advance_fresh(1);
    assert!(tried.act(&mut world).is_empty(), "the day's cap");
    world.assert_vault_exact(UNDERWRITER);
}

#[test]
fn a_dry_run_writes_each_rule_down_once_and_counts_nothing() {
    let mut world = world(true);
    world.move_index("AVAX", 18_600);
    world.draw(UNDERWRITER, "farmer").expect("drawn");
    let folder = tempfile::tempdir().expect("a folder");
    let path = ledger(folder.path());
    let rules = EXTEND.replace("recovered_ppm_min = 100000", "recovered_ppm_min = 0");
    let mut desk = desk(&rules, &path, true);
    for _ in 0..3 {
        let (mirror, clock) = (mirror_of(&world), clock(&world));
        let due = desk.due(&mirror, &clock);
        assert_eq!(due.len(), 1);
        desk.sending(&due[0], clock.now).expect("written");
        let simulated = executed(&due[0], Outcome::Simulated);
        desk.report(&simulated).expect("written");
        world.advance_fresh(1);
    }
    let rows = rusqlite::Connection::open(&path).expect("a ledger");
    let count = rows.query_row("SELECT count(*) FROM desk", [], |row| row.get::<_, i64>(0));
    assert_eq!(count.expect("a count"), 1);
    assert!(Journal::open(&path)
        .expect("a ledger")
        .past()
        .expect("read")
        .is_empty());
}

#[test]
fn another_underwriters_vault_is_left_alone() {
    let mut world = world(true);
    let rules =
        "caps = { recalls_a_day = 9 }\n[[class]]\nname = 'all'\n[class.recall]\nidle_days = 1\n";
    world.advance_fresh(2 * 86_400);
    let mut tried = Tried::new(rules);
    tried.desk.underwriter.key = Actor::from("somebody").key();
    assert!(tried.act(&mut world).is_empty());
    tried.desk.underwriter.key = Actor::from(UNDERWRITER).key();
    tried.desk.looked_at = None;
    assert_eq!(tried.act(&mut world), ["recall_line"]);
}
