//! What is printed at the end, and what it is judged by.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use plimsoll_keeper::ledger::{sol, Summary};

use crate::keeper::{ledger_path, report};
use crate::play::{Played, ALLOWED, LEDGERS};
use crate::scenario::Scenario;

/// Prints the table; returns what is wrong.
pub fn judge(scenario: &Scenario, played: &Played) -> Vec<String> {
    let folder = &played.stage.folder;
    let ledgers = LEDGERS.map(|name| report(folder, name));
    let mut text = landed_table(&ledgers);
    text.push_str(&duplicates(&ledgers));
    text.push_str(&done_twice(folder));
    text.push_str(&markets(scenario, played));
    text.push_str(&accounts(played));
    let _ = writeln!(std::io::stdout(), "{text}");
    wrong(scenario, played, &ledgers)
}

fn landed_table(ledgers: &[Vec<Summary>]) -> String {
    let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (at, ledger) in ledgers.iter().enumerate() {
        for row in ledger.iter().filter(|row| row.outcome == "landed") {
            let counts = kinds
                .entry(&row.kind)
                .or_insert_with(|| vec![0; ledgers.len()]);
            counts[at] += row.actions;
        }
    }
    let [first, again, second] = LEDGERS;
    let mut text = format!("{:<22}{first:>12}{again:>14}{second:>12}\n", "landed");
    for (kind, counts) in kinds {
        let [a, b, c] = [counts[0], counts[1], counts[2]];
        text.push_str(&format!("{kind:<22}{a:>12}{b:>14}{c:>12}\n"));
    }
    text
}

/// What did not land, by outcome: a lost race is what another keeper did first.
fn duplicates(ledgers: &[Vec<Summary>]) -> String {
    let mut outcomes: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    let mut all = 0;
    for row in ledgers.iter().flatten() {
        all += row.lamports;
        let sums = outcomes.entry(&row.outcome).or_default();
        sums[0] += row.actions;
        sums[1] += row.lamports;
    }
    let mut text = format!("\nfees in all {} SOL\n", sol(all));
    for (outcome, [count, lamports]) in outcomes {
        text.push_str(&format!(
            "  {outcome:<20}{count:>12}{lamports:>14} lamports\n"
        ));
    }
    text
}

/// What the first after its restart and the second both did within two slots of each other.
fn done_twice(folder: &Path) -> String {
    let [_, again, second] = LEDGERS.map(|name| ledger_path(folder, name));
    let connection = rusqlite::Connection::open(second).expect("a ledger");
    let attached = connection.execute("ATTACH ?1 AS other", [again.display().to_string()]);
    attached.expect("another ledger");
    let found = connection.query_row(
        "SELECT count(*), coalesce(sum(own.lamports), 0) FROM actions own WHERE outcome = 'landed' AND EXISTS
         (SELECT 1 FROM other.actions other WHERE other.outcome = 'landed' AND other.kind = own.kind
          AND other.subject = own.subject AND abs(other.slot - own.slot) <= 2)",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    );
    let (count, lamports) = found.expect("an answer");
    format!("  done by both{count:>20}{lamports:>14} lamports\n")
}

fn markets(scenario: &Scenario, played: &Played) -> String {
    let mut text = String::from("\n");
    for market in &scenario.markets {
        let header = &played.markets[&market.symbol].header;
        text.push_str(&format!(
            "{}: {} halts, {} loss events\n",
            market.symbol, header.halt.sequence, header.losses.receipts
        ));
    }
    let (quotes, deposits) = (played.stage.quotes, played.stage.deposits);
    text.push_str(&format!(
        "quotes {} of {} taken, deposits {} of {} accepted\n",
        quotes.taken, quotes.sent, deposits.taken, deposits.sent
    ));
    text
}

fn accounts(played: &Played) -> String {
    let found = &played.findings;
    let deaths = played.deaths.iter();
    let deaths = deaths.map(|death| format!("second {} ({} in need)", death.second, death.in_need));
    let deaths = deaths.collect::<Vec<_>>().join(", ");
    format!(
        "\nkeepers killed at {deaths}\nrounds {} (a second of the tape each), {} of them without a keeper\n\
         accounts below maintenance at some time {}, with a drawn line {}, with a margin call {}\n\
         longest below maintenance in an open market, rounds: {} in all, {} without a keeper,\n\
         \x20 {} with a keeper, a step due and no change ({ALLOWED} allowed), {} for want of anybody's cash\n\
         accounts read in the middle of a change {}\n",
        found.rounds,
        found.dead_rounds,
        found.liquidatable,
        found.drawn,
        found.called,
        found.longest,
        found.longest_dead,
        found.longest_idle,
        found.longest_wait,
        found.unread
    )
}

fn wrong(scenario: &Scenario, played: &Played, ledgers: &[Vec<Summary>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for kind in &scenario.must_land {
        let mut rows = ledgers.iter().flatten();
        if !rows.any(|row| row.kind == *kind && row.outcome == "landed") {
            wrong.push(format!("no {kind} landed"));
        }
    }
    for row in ledgers.iter().flatten() {
        if row.outcome == "permanent" {
            wrong.push(format!("{} of {} refused for good", row.actions, row.kind));
        }
    }
    for left in &played.findings.left {
        wrong.push(left.to_string());
    }
    let deposits = played.stage.deposits;
    if deposits.taken != deposits.sent {
        wrong.push(format!("a deposit was refused: {deposits:?}"));
    }
    wrong
}
