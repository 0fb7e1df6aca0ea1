mod options;
mod outputs;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{bail, ensure};
use plimsoll_tapes::CsvTape;

use super::*;
use crate::outcome::Input;
use crate::scenario::{Scenario, DEFAULT};
use crate::study::Request;
use crate::tapes::{Stretch, When};

const RULES: RuleSet = RuleSet::Plimsoll;
const MEASURE: &str = "bad_debt";

fn material() -> Material {
    let rows = (0..20).map(|second| format!("{},5,5,5,5,1,1\n", 1_760_130_600 + second));
    let text = format!(
        "unix_seconds,open,high,low,close,volume,trades\n{}",
        rows.collect::<String>()
    );
    let index = CsvTape::read("t.csv", text.as_bytes()).expect("a tape");
    let input = |role: &'static str| Input {
        role,
        name: role.to_owned(),
        sha256: format!("{role} hash"),
    };
    Material {
        market: "TEST".to_owned(),
        seed: 7,
        inputs: ["index", "scenario", "program"].map(input).to_vec(),
        scenario: Scenario {
            name: "TEST".to_owned(),
            ..Scenario::parse(DEFAULT).expect("the default scenario")
        },
        stretch: Stretch::cut(&index, None, None, None).expect("a stretch"),
        program: Vec::new(),
    }
}

fn sweep_of(material: Material, vary: &[&str]) -> Result<Sweep> {
    let vary: Vec<String> = vary.iter().map(|option| (*option).to_owned()).collect();
    Sweep::new(material, RULES, &vary, MEASURE)
}

fn sweep(vary: &[&str]) -> Sweep {
    sweep_of(material(), vary).expect("a sweep")
}

fn mistake(vary: &[&str]) -> String {
    let error = sweep_of(material(), vary).expect_err("a mistake");
    format!("{error:#}")
}

/// Figures that hang on the seed and a parameter, in the place of a day.
fn pretend(material: &Material) -> Found {
    let debt = material.seed * 100 + u64::from(material.scenario.market.initial_margin_ppm) / 1_000;
    let of = |name: &'static str| {
        let text = match name {
            "custody_exact" => "true".to_owned(),
            "bad_debt" => format!("{debt}.500000"),
            "venue_low" => String::new(),
            "flaws" => "0".to_owned(),
            _ => material.seed.to_string(),
        };
        (name.to_owned(), text)
    };
    Found(measure_names().into_iter().map(of).collect())
}

/// Runs with pretended days and says how many were played.
fn count(sweep: &Sweep, folder: &Path) -> Result<usize> {
    let plays = AtomicUsize::new(0);
    sweep.run_with(folder, &|_| {}, &|material| {
        plays.fetch_add(1, Ordering::Relaxed);
        Ok(pretend(material))
    })?;
    Ok(plays.into_inner())
}

fn files(folder: &Path) -> Vec<String> {
    let names = ["sweep.csv", "spread.csv", "heatmap.html"];
    let read = |name| fs::read_to_string(folder.join(name)).expect("a file");
    names.map(read).to_vec()
}

#[test]
fn an_interrupted_sweep_goes_on_with_what_is_missing_and_ends_in_the_same_bytes() {
    let (straight, broken) = (tempfile::tempdir(), tempfile::tempdir());
    let (straight, broken) = (straight.expect("a folder"), broken.expect("a folder"));
    let vary = ["seed=1..6", "initial_margin_ppm=111000..115000:2000"];
    let sweep = sweep(&vary);
    assert_eq!(count(&sweep, straight.path()).expect("played"), 18);
    let stopped = sweep.run_with(broken.path(), &|_| {}, &|material| {
        ensure!(material.seed != 4, "the power is gone");
        Ok(pretend(material))
    });
    let error = format!("{:#}", stopped.expect_err("interrupted"));
    assert!(error.contains("seed=4: the power is gone"), "{error}");
    let journal = broken.path().join("journal.jsonl");
    let text = fs::read_to_string(&journal).expect("a journal");
    let finished = text.lines().count() - 1;
    assert!((1..18).contains(&finished), "{finished}");
    // The power went in the middle of a line.
    fs::write(&journal, format!("{text}{{\"point\":{{\"see")).expect("written");
    assert_eq!(count(&sweep, broken.path()).expect("played"), 18 - finished);
    assert_eq!(files(straight.path()), files(broken.path()));
    assert_eq!(count(&sweep, broken.path()).expect("played"), 0);
    assert_eq!(files(straight.path()), files(broken.path()));
}

#[test]
fn more_values_play_only_themselves_and_fewer_show_only_themselves() {
    let folder = tempfile::tempdir().expect("a folder");
    let played = |vary: &[&str]| count(&sweep(vary), folder.path()).expect("played");
    assert_eq!(played(&["seed=1..3"]), 3);
    assert_eq!(played(&["seed=2..5"]), 2);
    let rows = files(folder.path())[0].lines().count();
    assert_eq!(rows, 5, "a header and four seeds");
}

#[test]
fn a_journal_of_other_inputs_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = sweep(&["line_ppm=1,2"]);
    count(&first, folder.path()).expect("played");
    let journal = || fs::read(folder.path().join("journal.jsonl")).expect("a journal");
    let before = journal();
    type Change = fn(&mut Material);
    let changes: [(&str, Change); 6] = [
        ("program sha256", |m| {
            m.inputs[2].sha256 = "other".to_owned()
        }),
        ("index sha256", |m| m.inputs[0].sha256 = "other".to_owned()),
        ("accounts is 5000 there and 50 now", |m| {
            m.scenario.accounts = 50
        }),
        ("first second", |m| m.stretch.start += 1),
        ("seconds", |m| m.stretch.seconds -= 1),
        ("seed is 7 there and 8 now", |m| m.seed = 8),
    ];
    let refused = |sweep: &Sweep, named: &str| {
        let error = count(sweep, folder.path()).expect_err(named).to_string();
        assert!(
            error.contains("of other inputs") && error.contains(named),
            "{error}"
        );
    };
    for (named, change) in changes {
        let mut other = material();
        change(&mut other);
        refused(&sweep_of(other, &["line_ppm=1,2"]).expect("a sweep"), named);
    }
    let rules = Sweep {
        rules: RuleSet::NoHalt,
        ..sweep(&["line_ppm=1,2"])
    };
    refused(&rules, "rules is plimsoll there and no_halt now");
    refused(&sweep(&["default_fund_ppm=1"]), "varied is line_ppm");
    assert_eq!(journal(), before);
    assert_eq!(count(&first, folder.path()).expect("played"), 0);
}

#[test]
fn a_bad_line_is_named_and_two_sweeps_do_not_share_a_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = sweep(&["seed=1,2"]);
    let inner = own.run_with(folder.path(), &|_| {}, &|_| {
        let error = count(&own, folder.path()).expect_err("locked").to_string();
        bail!("{error}");
    });
    let error = format!("{:#}", inner.expect_err("locked"));
    assert!(error.contains("another sweep is writing"), "{error}");
    count(&own, folder.path()).expect("played");
    let journal = folder.path().join("journal.jsonl");
    let text = fs::read_to_string(&journal).expect("a journal");
    fs::write(&journal, text.replacen("\"seed\":", "\"sead\":", 1)).expect("written");
    let error = format!("{:#}", count(&own, folder.path()).expect_err("a bad line"));
    assert!(
        error.contains("line 2") && error.contains("lacks a parameter"),
        "{error}"
    );
}

#[test]
fn two_seeds_and_two_margins_are_played_on_the_bytecode() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("PLIMSOLL_PROGRAM_SO").map(PathBuf::from);
    let program = named.unwrap_or_else(|| root.join("artifacts/plimsoll.so"));
    let request = Request {
        index: root.join("data/avax_spot_coinbase_1s.csv"),
        perp: Some(root.join("data/avax_perp_binance_1s.csv")),
        market: None,
        scenario: None,
        rules: vec![RULES],
        seed: 1,
        from: Some("21:15".parse().expect("a time")),
        until: Some("21:17".parse::<When>().expect("a time")),
        accounts: Some(40),
        program: fs::read(program).expect("the bytecode"),
        program_name: "plimsoll.so".to_owned(),
    };
    let material = Material::read(&request).expect("the tapes");
    let vary = ["seed=1,2", "initial_margin_ppm=112000,115000"];
    let sweep = sweep_of(material, &vary).expect("a sweep");
    let (straight, broken) = (tempfile::tempdir(), tempfile::tempdir());
    let (straight, broken) = (straight.expect("a folder"), broken.expect("a folder"));
    let table = sweep.run(straight.path(), &|_| {}).expect("played");
    assert!(table.rows.values().all(Found::is_sound), "{table:?}");
    let traded = |found: &Found| found.value("venue_low").is_some();
    assert!(table.rows.values().all(traded), "{table:?}");
    let rows: Vec<&Found> = table.rows.values().collect();
    assert!(rows[0] != rows[1], "a seed draws another population");
    let journal = fs::read_to_string(straight.path().join("journal.jsonl")).expect("a journal");
    let part: String = journal
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(broken.path().join("journal.jsonl"), part).expect("written");
    let seconds = AtomicUsize::new(0);
    let seen = |step: Step| {
        if step == Step::Second {
            seconds.fetch_add(1, Ordering::Relaxed);
        }
    };
    sweep.run(broken.path(), &seen).expect("played");
    assert_eq!(seconds.into_inner(), 2 * 121, "two points were known");
    assert_eq!(files(straight.path()), files(broken.path()));
}
