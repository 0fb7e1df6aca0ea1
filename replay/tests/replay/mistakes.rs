//! What is wrong with the files is said before anything is played, and where.

use std::path::PathBuf;

use plimsoll_replay::rules::RuleSet;
use plimsoll_replay::study::{Material, Request};

use crate::world::{avax, scenario};

fn error_of(request: &Request) -> String {
    let error = Material::read(request).expect_err("a mistake");
    format!("{error:#}")
}

fn request() -> Request {
    avax(&[RuleSet::Plimsoll])
}

fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

const HEADER: &str = "unix_seconds,open,high,low,close,volume,trades\n";

#[test]
fn a_bad_row_is_named_by_its_line() {
    let good = "1760130780,25,25,25,25,1,1\n";
    let text = format!("{HEADER}{good}1760130781,25,25,25,nothing,1,1\n");
    let (_folder, path) = file("coin.csv", &text);
    let mut of_index = request();
    of_index.index.clone_from(&path);
    assert!(
        error_of(&of_index).contains("coin.csv:3: column close"),
        "{}",
        error_of(&of_index)
    );
    let mut of_perp = request();
    of_perp.perp = Some(path);
    assert!(
        error_of(&of_perp).contains("coin.csv:3: column close"),
        "{}",
        error_of(&of_perp)
    );
}

#[test]
fn a_tape_without_rows_or_with_other_columns_is_refused() {
    for (text, said) in [
        (HEADER, "no rows"),
        ("time,price\n1,2\n", "the columns must be"),
        ("", "the columns must be"),
    ] {
        let (_folder, path) = file("coin.csv", text);
        let mut request = request();
        request.index = path;
        assert!(error_of(&request).contains(said), "{}", error_of(&request));
    }
}

#[test]
fn a_missing_file_is_named() {
    let missing = PathBuf::from("no/such/tape.csv");
    let mut of_index = request();
    of_index.index.clone_from(&missing);
    let mut of_perp = request();
    of_perp.perp = Some(missing.clone());
    let mut of_scenario = request();
    of_scenario.scenario = Some(missing);
    for request in [of_index, of_perp, of_scenario] {
        assert!(
            error_of(&request).contains("no/such/tape.csv"),
            "{}",
            error_of(&request)
        );
    }
}

#[test]
fn a_perpetual_of_another_day_is_refused() {
    let (_folder, path) = file("perp.csv", &format!("{HEADER}1760000000,25,25,25,25,1,1\n"));
    let mut request = request();
    request.perp = Some(path);
    assert!(
        error_of(&request).contains("perpetual has no trade"),
        "{}",
        error_of(&request)
    );
}

#[test]
fn a_stretch_without_trades_is_refused() {
    let mut request = request();
    request.from = Some("23:59".parse().unwrap());
    request.until = None;
    assert!(
        error_of(&request).contains("no trade in this stretch"),
        "{}",
        error_of(&request)
    );
}

#[test]
fn mistakes_in_a_scenario_are_all_named_with_its_file() {
    let text = std::fs::read_to_string(scenario()).unwrap();
    let text = text
        .replace("accounts = 150", "accounts = 5")
        .replace("calm_ppm = 300", "calm_ppm = 0")
        .replace("leverage_tenths = [15, 60]", "leverage_tenths = [60, 15]");
    let (_folder, path) = file("mine.toml", &text);
    let mut request = request();
    request.scenario = Some(path);
    let said = error_of(&request);
    for part in [
        "mine.toml",
        "3 mistakes",
        "accounts must be",
        "calm_ppm",
        "cohort shorts",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_field_that_is_unknown_or_missing_is_named() {
    let text = std::fs::read_to_string(scenario()).unwrap();
    for (wrong, said) in [
        (text.replace("calm_ppm", "clam_ppm"), "clam_ppm"),
        (text.replace("per_second = 40", ""), "per_second"),
        (text.replace("side = \"short\"", "side = \"flat\""), "flat"),
    ] {
        let (_folder, path) = file("mine.toml", &wrong);
        let mut request = request();
        request.scenario = Some(path);
        assert!(error_of(&request).contains(said), "{}", error_of(&request));
    }
}

#[test]
fn too_few_and_too_many_accounts_are_refused() {
    for accounts in [0, 9, 20_001] {
        let mut request = request();
        request.accounts = Some(accounts);
        assert!(
            error_of(&request).contains("accounts must be"),
            "{}",
            error_of(&request)
        );
    }
}

#[test]
fn rules_that_nobody_knows_are_refused_with_the_names_of_all() {
    let error = "no_margin"
        .parse::<RuleSet>()
        .expect_err("unknown")
        .to_string();
    for rules in RuleSet::ALL {
        assert!(error.contains(rules.name()), "{error}");
    }
}

#[test]
fn what_is_no_bytecode_is_said_to_be_none() {
    let mut request = request();
    request.program = b"not a program".to_vec();
    let material = Material::read(&request).expect("the files");
    let error = material
        .play(RuleSet::Plimsoll, &|_| ())
        .expect_err("no program");
    assert!(format!("{error:#}").contains("bytecode"), "{error:#}");
}
