//! What the tests share: files, a small scenario, and one study of seven minutes that is played once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll_replay::outcome::{Run, Study};
use plimsoll_replay::rules::RuleSet;
use plimsoll_replay::study::{Material, Request};
use plimsoll_replay::{events, summary};

/// The bytecode: `PLIMSOLL_PROGRAM_SO`, else the last build, else the committed artifact.
pub fn program() -> Vec<u8> {
    let path = std::env::var_os("PLIMSOLL_PROGRAM_SO").map_or_else(
        || {
            let built = root().join("target/deploy/plimsoll.so");
            if built.exists() {
                built
            } else {
                root().join("artifacts/plimsoll.so")
            }
        },
        PathBuf::from,
    );
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("no bytecode at {}: {error}", path.display()))
}

pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("a folder above").to_path_buf()
}

pub fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay/scenario.toml")
}

/// Seven minutes of AVAX with its perpetual.
pub fn avax(rules: &[RuleSet]) -> Request {
    Request {
        index: root().join("data/avax_spot_coinbase_1s.csv"),
        perp: Some(root().join("data/avax_perp_binance_1s.csv")),
        market: None,
        scenario: Some(scenario()),
        rules: rules.to_vec(),
        seed: 7,
        from: Some("21:13".parse().unwrap()),
        until: Some("21:20".parse().unwrap()),
        accounts: None,
        program: program(),
        program_name: "plimsoll.so".to_owned(),
    }
}

pub fn play(request: &Request) -> Study {
    let material = Material::read(request).expect("the files");
    material.study(&request.rules, &|_, _| ()).expect("a study")
}

/// All rules, played once for all tests.
pub fn study() -> &'static Study {
    static STUDY: OnceLock<Study> = OnceLock::new();
    STUDY.get_or_init(|| play(&avax(&RuleSet::ALL)))
}

pub fn run(rules: RuleSet) -> &'static Run {
    let mut runs = study().runs.iter();
    runs.find(|run| run.rules == rules).expect("a run")
}

/// `summary.json` as it is read back.
pub fn figures(study: &Study) -> serde_json::Value {
    serde_json::from_slice(&summary::json(study).unwrap()).unwrap()
}

/// A row of `events.csv`, by column.
pub type Row = BTreeMap<String, String>;

/// `events.csv` as it is read back.
pub fn rows(study: &Study) -> Vec<Row> {
    let bytes = events::csv(study).unwrap();
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    reader.deserialize().collect::<Result<_, _>>().unwrap()
}

/// Quote atoms of a decimal amount.
pub fn atoms(text: &str) -> i128 {
    let digits: String = text.chars().filter(|sign| *sign != '.').collect();
    let (_, decimals) = text.split_once('.').expect("a decimal amount");
    assert_eq!(decimals.len(), 6, "{text}");
    digits.parse().unwrap()
}
