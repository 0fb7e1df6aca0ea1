//! The program's own rules: what the venue promises, looked up in what was measured.

use plimsoll_replay::outcome::Run;
use plimsoll_replay::rules::RuleSet;

use crate::world::{rows, run, study};

const OWN: [RuleSet; 3] = [RuleSet::Plimsoll, RuleSet::NoCredit, RuleSet::NoHalt];

/// Rows of one kind in one run.
pub fn count(run: &Run, event: &str) -> usize {
    run.events.iter().filter(|row| row.event == event).count()
}

#[test]
fn custody_is_exact_under_every_rule_and_no_run_has_a_flaw() {
    for run in &study().runs {
        assert!(run.measures.custody_exact, "{}", run.rules);
        assert!(run.flaws.is_empty(), "{}: {:?}", run.rules, run.flaws);
    }
}

#[test]
fn the_program_takes_every_deposit() {
    for rules in OWN {
        let found = &run(rules).measures;
        assert!(found.deposits_tried > 20, "{rules}: {found:?}");
        assert_eq!(found.deposits_accepted, found.deposits_tried, "{rules}");
        // Nobody deposits for a position that is gone: that would only pay what was written off.
        assert_eq!(count(run(rules), "lien_collected"), 0, "{rules}");
    }
}

#[test]
fn nobody_is_liquidated_on_a_print_that_only_the_venue_saw() {
    for rules in OWN {
        let found = &run(rules).measures;
        assert!(found.liquidated_accounts > 20, "{rules}: {found:?}");
        assert_eq!(found.liquidated_on_venue_only_print, 0, "{rules}");
        // The venue did print far from the index: there was something to be liquidated on.
        let low = found.venue_low.expect("trades");
        assert!(low < found.index_low * 9 / 10, "{rules}: {found:?}");
    }
}

#[test]
fn liquidations_bring_the_treasury_nothing() {
    for run in &study().runs {
        assert_eq!(run.measures.venue_liquidation_revenue, 0, "{}", run.rules);
    }
}

/// A picture rounds each seat's claim down to an atom and hides under one base atom of its position, which is worth an
/// atom at most; a charge is the difference of two pictures, and is itself cut to whole atoms.
const ATOMS_PER_SEAT: u64 = 3;

#[test]
fn deleveraging_charges_every_contract_alike_and_what_was_needed() {
    let not_uniform = [RuleSet::BaselineQueue, RuleSet::BaselineRandom];
    for run in &study().runs {
        if not_uniform.contains(&run.rules) {
            continue;
        }
        let found = &run.measures;
        let events = count(run, "torn_up");
        assert!(events > 10 && found.adl_needed > 1_000_000, "{found:?}");
        assert!(found.adl_deviation_atoms <= ATOMS_PER_SEAT, "{found:?}");
        let seats = run.haircuts.len();
        let most = ATOMS_PER_SEAT * u64::try_from(events * seats).unwrap();
        assert!(found.adl_overshoot.unsigned_abs() <= most, "{found:?}");
        let taken = i128::from(found.adl_needed) + i128::from(found.adl_overshoot);
        assert_eq!(i128::from(run.waterfall.winners), taken, "{}", run.rules);
        // The same part of every position that stood through all events: the worst share is nobody's bad luck.
        assert!(found.adl_worst_share < 1_000_000, "{found:?}");
        assert!(found.adl_gini < 1_000, "{found:?}");
    }
}

#[test]
fn a_loss_is_borne_by_the_fund_by_winners_or_carried() {
    for run in &study().runs {
        let found = &run.measures;
        let borne = found.default_fund_used + found.adl_needed + run.waterfall.carried;
        assert_eq!(found.bad_debt, borne, "{}", run.rules);
        assert_eq!(found.default_fund_used, run.waterfall.default_fund);
    }
}

#[test]
fn a_rule_that_is_off_does_nothing_and_one_that_is_on_does_something() {
    let (ours, no_credit, no_halt) = (
        run(RuleSet::Plimsoll),
        run(RuleSet::NoCredit),
        run(RuleSet::NoHalt),
    );
    assert!(ours.measures.halts > 0 && ours.measures.halted_seconds > 0);
    assert_eq!(no_halt.measures.halts, 0);
    assert_eq!(no_halt.measures.halted_seconds, 0);
    assert!(
        count(no_halt, "halt_refused") > 0,
        "what would have halted is told"
    );
    assert!(ours.measures.credit_drawn > 0 && no_halt.measures.credit_drawn > 0);
    assert_eq!(no_credit.measures.credit_drawn, 0);
    assert_eq!(no_credit.measures.underwriter_pnl, 0);
    assert_eq!(no_credit.waterfall.credit, 0);
}

#[test]
fn underwriters_lose_what_of_the_credit_is_not_covered() {
    for run in &study().runs {
        let found = &run.measures;
        let lost = i128::from(run.waterfall.credit);
        let drawn = i128::from(found.credit_drawn);
        assert!(lost <= drawn, "{}: {found:?}", run.rules);
        // What they earn in interest and on undrawn lines in seven minutes is under a thousandth of what was drawn.
        let net = i128::from(found.underwriter_pnl) + lost;
        assert!(
            (0..=drawn / 1_000).contains(&net),
            "{}: {found:?} {net}",
            run.rules
        );
    }
}

#[test]
fn every_halt_ends_and_is_counted_by_the_market_as_by_the_events() {
    let run = run(RuleSet::Plimsoll);
    let mut ended = 0;
    for halt in &run.halts {
        assert!(halt.began >= ended && halt.ended > halt.began, "{halt:?}");
        ended = halt.ended;
    }
    let seconds = run.timeline.iter().filter(|moment| moment.halted).count();
    let told = usize::try_from(run.measures.halted_seconds).unwrap();
    // A second is halted in the timeline when its end is.
    assert!(
        seconds.abs_diff(told) <= run.halts.len(),
        "{seconds} {told}"
    );
    let rows = rows(study());
    let started = rows
        .iter()
        .filter(|row| row["rules"] == "plimsoll" && row["event"] == "halt_started");
    assert_eq!(started.count(), run.halts.len());
}
