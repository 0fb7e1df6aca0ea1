use std::path::PathBuf;

use super::sample;
use super::*;
use crate::outcome::PerpSecond;

const FILES: [&str; 3] = ["report.html", "summary.json", "events.csv"];

/// Names that the report promises to programs.
const PROMISED: [&str; 21] = [
    "custody_exact",
    "deposits_tried",
    "deposits_accepted",
    "liquidated_accounts",
    "liquidated_notional",
    "liquidated_on_venue_only_print",
    "hedgers_stopped_out",
    "bad_debt",
    "default_fund_used",
    "underwriter_pnl",
    "adl_notional",
    "adl_needed",
    "adl_overshoot",
    "adl_worst_share",
    "adl_gini",
    "venue_liquidation_revenue",
    "halts",
    "halted_seconds",
    "venue_low",
    "index_low",
    "flaws",
];

fn text(study: &Study) -> String {
    page(study).into_string()
}

/// The part of the page that begins with a section's id.
fn part_of<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("<section id=\"{id}\""))
        .expect("the section");
    rest.split("<section").next().expect("its text")
}

/// The sentences of a section, without their emphasis.
fn said(page: &str, id: &str) -> String {
    part_of(page, id)
        .replace("<strong>", "")
        .replace("</strong>", "")
}

fn measures(study: &mut Study, rules: RuleSet) -> &mut crate::outcome::Measures {
    let run = study.runs.iter_mut().find(|run| run.rules == rules);
    &mut run.expect("the run").measures
}

#[test]
fn the_same_study_gives_the_same_bytes_whatever_the_clock_said() {
    let (first, second) = (tempfile::tempdir(), tempfile::tempdir());
    let (first, second) = (first.expect("a folder"), second.expect("a folder"));
    let mut study = sample::study(1_200, &RuleSet::ALL);
    write(&study, first.path()).expect("written");
    for run in &mut study.runs {
        run.timing.play_seconds = 12.25;
    }
    write(&study, &second.path().join("new/folder")).expect("written");
    let bytes = |folder: &Path, name| fs::read(folder.join(name)).expect("the file");
    for name in FILES {
        let again = bytes(&second.path().join("new/folder"), name);
        assert!(bytes(first.path(), name) == again, "{name} differs");
        assert!(!again.is_empty(), "{name} is empty");
    }
    let timing = bytes(&second.path().join("new/folder"), "timing.json");
    let timing: serde_json::Value = serde_json::from_slice(&timing).expect("JSON");
    assert_eq!(timing["runs"]["no_halt"]["play_seconds"], 12.25);
    assert_eq!(timing["seconds"], 1_200);
}

#[test]
fn the_summary_has_every_promised_field_and_exact_amounts() {
    let study = sample::study(1_200, &RuleSet::ALL);
    let summary = summary::json(&study).expect("JSON");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(summary["seed"], 7);
    assert_eq!(summary["accounts"], 5_000);
    assert_eq!(summary["seconds"], 1_200);
    assert_eq!(summary["market"], "AVAX-PERP");
    assert_eq!(summary["input_sha256"]["perp"], format!("{:064x}", 1));
    for rules in RuleSet::ALL {
        let run = &summary["runs"][rules.name()];
        for field in PROMISED {
            assert!(run.get(field).is_some(), "{rules} has no {field}");
        }
    }
    let ours = &summary["runs"]["plimsoll"];
    assert_eq!(ours["liquidated_notional"], "91234567.654321");
    assert_eq!(ours["underwriter_pnl"], "-310000.000001");
    assert_eq!(ours["adl_worst_share"], "0.013400");
    assert_eq!(ours["adl_deviation_atoms"], 1);
    assert_eq!(ours["index_low"], "20.00000000");
    assert_eq!(ours["liquidated_accounts"], 1_011);
    assert_eq!(ours["baseline"], false);
    assert_eq!(
        summary["runs"]["baseline_queue"]["adl_overshoot"],
        "400000.000000"
    );
    assert_eq!(
        summary["runs"]["no_halt"]["waterfall"]["carried"],
        "25000.000000"
    );
}

#[test]
fn a_venue_that_did_not_trade_has_no_low() {
    let mut study = sample::study(60, &[RuleSet::Plimsoll]);
    measures(&mut study, RuleSet::Plimsoll).venue_low = None;
    let summary = summary::json(&study).expect("JSON");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    assert!(summary["runs"]["plimsoll"]["venue_low"].is_null());
    assert!(summary["runs"]["plimsoll"].get("venue_low").is_some());
}

#[test]
fn the_page_needs_nothing_from_outside_and_escapes_names() {
    let mut study = sample::study(1_200, &RuleSet::ALL);
    study.market = "<b>A&B</b>".to_owned();
    study.inputs[0].name = "<script>x</script>.csv".to_owned();
    for run in &mut study.runs {
        run.cohorts[0].name = "<i>\"hedgers\"</i>".to_owned();
        run.flaws = vec!["<u>late</u>".to_owned()];
    }
    let page = text(&study);
    for forbidden in [
        "http", "src=", "url(", "@import", "<script", "<b>", "<i>", "<u>", "<link",
    ] {
        assert!(!page.contains(forbidden), "{forbidden} in the page");
    }
    assert!(page.contains("&lt;b&gt;A&amp;B&lt;/b&gt;"));
    assert!(page.contains("&lt;u&gt;late&lt;/u&gt;"));
    assert!(!page.contains("\"<i>"), "an attribute ends early");
}

#[test]
fn what_a_rule_did_not_do_is_said_when_and_only_when_the_figures_say_so() {
    let study = sample::study(1_200, &RuleSet::ALL);
    let page = text(&study);
    let (good, bad) = (said(&page, "supported"), said(&page, "unsupported"));
    let hardly = "Hardly any difference. Notional liquidated: 91,234,568 USDC with halts, 91,236,568 USDC without halts.";
    assert!(bad.contains(hardly), "{bad}");
    assert!(!good.contains("Notional liquidated"), "{good}");
    assert!(
        good.contains("Lower. Hedgers stopped out: 31 with credit lines, 212 without credit lines")
    );
    assert!(
        bad.contains("No difference. Bad debt: 2,444,567 USDC both with halts and without halts.")
    );
    let pnl = "Worse: lower. Underwriters' profit and loss";
    assert!(bad.contains(pnl), "credit cost its lenders: {bad}");
    assert!(!good.contains("Underwriters'"));

    let mut study = sample::study(1_200, &RuleSet::ALL);
    measures(&mut study, RuleSet::Plimsoll).liquidated_notional += 10_000_000_000_000;
    let page = text(&study);
    let (good, bad) = (said(&page, "supported"), said(&page, "unsupported"));
    assert!(!good.contains("Notional liquidated"));
    let worse = "Worse: higher. Notional liquidated: 101,234,568 USDC with halts, 91,236,568 USDC without halts (+11.0%)";
    assert!(bad.contains(worse), "{bad}");
}

#[test]
fn runs_that_say_nothing_about_a_rule_support_nothing() {
    let mut study = sample::study(1_200, &RuleSet::ALL);
    let ours = measures(&mut study, RuleSet::Plimsoll);
    (ours.halts, ours.credit_drawn) = (0, 0);
    for rules in [
        RuleSet::Plimsoll,
        RuleSet::BaselineQueue,
        RuleSet::BaselineRandom,
    ] {
        let measures = measures(&mut study, rules);
        (measures.adl_needed, measures.adl_notional) = (0, 0);
    }
    measures(&mut study, RuleSet::BaselineSuspendedDeposits).deposits_accepted = 412;
    let found = findings::switches(&study);
    for finding in &found[..5] {
        let none: [String; 0] = [];
        assert_eq!(finding.supported, none, "{}", finding.title);
        assert!(
            finding.unsupported[0].contains("say nothing about"),
            "{finding:?}"
        );
    }
    assert!(!found[5].supported.is_empty(), "the mark was switched");
}

#[test]
fn a_run_that_was_not_made_or_has_flaws_is_no_evidence() {
    let mut study = sample::study(600, &[RuleSet::Plimsoll, RuleSet::NoHalt]);
    let page = text(&study);
    let bad = part_of(&page, "unsupported");
    assert!(bad.contains("Not tested: no_credit was not run"));
    assert!(!bad.contains("Not tested: no_halt"));
    assert!(!bad.contains("Not to be relied upon"));
    assert!(!page.contains("Not all of this can be trusted"));
    measures(&mut study, RuleSet::NoHalt).bad_debt *= 2;
    let supported = |study: &Study| findings::switches(study)[1].supported.len();
    assert_eq!(supported(&study), 1);
    let flaw = "custody differed at 21:00".to_owned();
    study.runs[1].flaws.push(flaw);
    assert_eq!(supported(&study), 0, "of a flawed run nothing follows");
    let page = text(&study);
    assert!(page.contains("Not all of this can be trusted"));
    assert!(
        part_of(&page, "unsupported").contains("Not to be relied upon: the run no_halt has flaws")
    );
    assert!(part_of(&page, "method").contains("custody differed at 21:00"));
}

#[test]
fn a_promise_that_was_not_kept_is_said_of_the_real_program_only() {
    let mut study = sample::study(600, &RuleSet::ALL);
    let broken: [String; 0] = [];
    assert_eq!(findings::broken_promises(&study), broken);
    let ours = measures(&mut study, RuleSet::NoHalt);
    ours.custody_exact = false;
    ours.deposits_accepted = 411;
    ours.liquidated_on_venue_only_print = 1;
    ours.adl_deviation_atoms = 2;
    ours.venue_liquidation_revenue = 1;
    let broken = findings::broken_promises(&study);
    assert_eq!(broken.len(), 5, "{broken:?}");
    assert!(broken
        .iter()
        .all(|sentence| sentence.starts_with("No halts: ")));
    assert!(
        broken[1].contains("1 account was liquidated because of a price that only the venue saw")
    );
    assert!(text(&study).contains("1 deposit was not accepted."));
}

#[test]
fn equal_figures_are_called_equal_and_only_different_ones_better_or_worse() {
    let mut study = sample::study(600, &[RuleSet::Plimsoll, RuleSet::NoHalt]);
    let same = study.runs[0].measures.clone();
    study.runs[1].measures = same;
    let page = text(&study);
    let table = part_of(&page, "measures");
    assert_eq!(table.matches(">equal<").count(), measures::ALL.len());
    assert!(!table.contains("class=\"better\"") && !table.contains("class=\"worse\""));
    measures(&mut study, RuleSet::NoHalt).bad_debt += 1;
    let page = text(&study);
    let table = part_of(&page, "measures");
    assert_eq!(table.matches(">equal<").count(), measures::ALL.len() - 1);
    assert!(
        table.contains("hardly: +0.000001"),
        "an atom is a difference, but not worse"
    );
    measures(&mut study, RuleSet::NoHalt).bad_debt += 1_000_000_000_000;
    let page = text(&study);
    assert!(part_of(&page, "measures").contains("+1,000,000 worse"));
}

#[test]
fn nothing_to_draw_is_no_reason_to_fail() {
    for seconds in [0, 1, 2, 30] {
        for rules in [
            &[][..],
            &[RuleSet::NoCredit],
            &[RuleSet::Plimsoll],
            &RuleSet::ALL,
        ] {
            let mut study = sample::study(seconds, rules);
            assert!(text(&study).ends_with("</html>"));
            study.perp.clear();
            study.worst = (0, 0);
            for run in &mut study.runs {
                run.timeline.clear();
                run.cohorts
                    .iter_mut()
                    .for_each(|cohort| cohort.equity.clear());
                run.haircuts.clear();
                run.halts.clear();
                run.events.clear();
                run.measures = crate::outcome::Measures::default();
                run.waterfall = crate::outcome::Waterfall::default();
            }
            assert!(text(&study).ends_with("</html>"));
            study.index.clear();
            study.inputs.clear();
            study.runs.iter_mut().for_each(|run| run.cohorts.clear());
            let page = text(&study);
            assert!(!page.contains("NaN") && !page.contains("inf%"));
            let folder = tempfile::tempdir().expect("a folder");
            write(&study, folder.path()).expect("written");
        }
    }
}

#[test]
fn extreme_figures_are_drawn() {
    let mut study = sample::study(60, &RuleSet::ALL);
    for run in &mut study.runs {
        for now in &mut run.timeline {
            (now.index, now.mark, now.low, now.high) = (i64::MAX, 1, 1, i64::MAX);
            now.liquidated = u64::MAX;
        }
        for cohort in &mut run.cohorts {
            cohort.equity = vec![i64::MIN, i64::MAX, 0];
        }
        for haircut in &mut run.haircuts {
            (haircut.closed_ppm, haircut.charged, haircut.held) = (u64::MAX, u64::MAX, 0);
        }
        run.waterfall.own_cash = u64::MAX;
        run.measures.underwriter_pnl = i64::MIN;
        run.measures.bad_debt = u64::MAX;
    }
    (study.start, study.worst) = (i64::MAX - 60, (0, u32::MAX));
    assert!(text(&study).ends_with("</html>"));
}

#[test]
fn a_halt_is_a_band_and_an_auction_a_point() {
    let study = sample::study(1_200, &[RuleSet::Plimsoll]);
    let page = text(&study);
    let prices = part_of(&page, "price");
    // Twice: for a wide page and a narrow one.
    assert_eq!(prices.matches("<rect class=\"halted\"").count(), 2 * 3);
    assert_eq!(prices.matches("<circle class=\"auction\"").count(), 2 * 2);
    assert!(prices.contains("tripped by index"));
    let mut without = study.clone();
    without.runs[0].halts.clear();
    let page = text(&without);
    assert!(!part_of(&page, "price").contains("<rect class=\"halted\""));
}

/// Writes the report of a made-up study on the recorded AVAX prices, to be looked at. `PLIMSOLL_REPORT_DIR` says where.
#[test]
#[ignore = "writes files to be looked at"]
fn a_report_to_look_at() {
    let folder = std::env::var_os("PLIMSOLL_REPORT_DIR").expect("PLIMSOLL_REPORT_DIR");
    let start = 1_760_126_400;
    let mut index = Vec::new();
    let mut last = 0;
    let spot = tape("avax_spot_coinbase_1s.csv");
    let mut rows = spot.iter().peekable();
    for second in start..start + 10_800 {
        while let Some(row) = rows.next_if(|row| row.0 <= second) {
            last = row.3;
        }
        index.push(last);
    }
    let perp = tape("avax_perp_binance_1s.csv").into_iter();
    let perp = perp.map(|(second, low, high, close)| PerpSecond {
        second: u32::try_from(second - start).expect("in the day"),
        low,
        high,
        close,
    });
    let study = sample::of_tapes("AVAX-PERP", start, index, perp.collect(), &RuleSet::ALL);
    write(&study, Path::new(&folder)).expect("written");
}

/// Second, low, high, close of a recorded tape.
fn tape(name: &str) -> Vec<(i64, i64, i64, i64)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../data")
        .join(name);
    let mut reader = csv::Reader::from_path(path).expect("the tape");
    let price = |text: &str| plimsoll_tapes::parse_price_e8(text).expect("a price");
    let rows = reader.records().map(|row| {
        let row = row.expect("a row");
        let second = row[0].parse().expect("a second");
        (second, price(&row[3]), price(&row[2]), price(&row[4]))
    });
    rows.collect()
}
