//! The examples in the repository are of its tapes and its scenario, keep what the rules promise, and are what the README
//! says they are.

use std::path::{Path, PathBuf};

use plimsoll_replay::rules::RuleSet;
use serde_json::Value;
use sha2::{Digest, Sha256};

const DAYS: [(&str, bool); 3] = [("avax", true), ("dot", true), ("link", false)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn summary(day: &str) -> Value {
    let path = root().join(format!("examples/{day}/summary.json"));
    let text = std::fs::read(path).expect("a summary");
    serde_json::from_slice(&text).expect("JSON")
}

fn hash(path: &str) -> String {
    let bytes = std::fs::read(root().join(path)).expect("an input");
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn examples_are_of_todays_tapes_and_scenario() {
    for (day, has_perp) in DAYS {
        let inputs = &summary(day)["input_sha256"];
        let index = hash(&format!("data/{day}_spot_coinbase_1s.csv"));
        assert_eq!(inputs["index"], index, "{day}: run `make examples`");
        let scenario = hash("replay/scenario.toml");
        assert_eq!(inputs["scenario"], scenario, "{day}: run `make examples`");
        if has_perp {
            let perp = hash(&format!("data/{day}_perp_binance_1s.csv"));
            assert_eq!(inputs["perp"], perp, "{day}: run `make examples`");
        } else {
            assert!(inputs.get("perp").is_none_or(Value::is_null));
        }
    }
}

#[test]
fn examples_keep_what_the_rules_promise() {
    for (day, _) in DAYS {
        let found = summary(day);
        assert_eq!(found["accounts"], 5_000);
        for rules in RuleSet::ALL {
            let run = &found["runs"][rules.name()];
            assert_eq!(run["custody_exact"], true, "{day}, {rules}");
            assert_eq!(run["flaws"], Value::Array(Vec::new()), "{day}, {rules}");
            if !rules.is_baseline() {
                let tried = &run["deposits_tried"];
                assert_eq!(&run["deposits_accepted"], tried, "{day}, {rules}");
                assert_eq!(run["liquidated_on_venue_only_print"], 0, "{day}, {rules}");
                let deviation = run["adl_deviation_atoms"].as_u64().expect("a number");
                assert!(deviation <= 1, "{day}, {rules}: {deviation}");
                assert_eq!(run["venue_liquidation_revenue"], "0.000000");
            }
        }
    }
}

/// Every figure of the README's table stands in `examples/avax/summary.json`.
#[test]
fn the_readme_says_what_the_example_found() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let found = summary("avax");
    for rules in RuleSet::ALL {
        let run = &found["runs"][rules.name()];
        let count = |name: &str| run[name].as_u64().expect("a count");
        let dollars = |name: &str| rounded(run[name].as_str().expect("an amount"));
        // A fraction of six places, to the nearest tenth of a percent.
        let share = run["adl_worst_share"].as_str().expect("a share");
        let ppm: u64 = share.replace('.', "").parse().expect("six places");
        let tenths = (ppm + 500) / 1_000;
        let row = format!(
            "| `{rules}` | {} | {} | {} | {} | {} | {}.{}% | {} of {} |",
            thousands(count("liquidated_accounts")),
            thousands(count("liquidated_on_venue_only_print")),
            thousands(count("hedgers_stopped_out")),
            thousands(dollars("bad_debt")),
            thousands(dollars("adl_needed")),
            tenths / 10,
            tenths % 10,
            thousands(count("deposits_accepted")),
            thousands(count("deposits_tried")),
        );
        assert!(readme.contains(&row), "the README lacks {row}");
    }
}

/// A decimal amount to the nearest whole.
fn rounded(amount: &str) -> u64 {
    let (whole, rest) = amount.split_once('.').expect("a decimal amount");
    let whole: u64 = whole.parse().expect("a whole part");
    whole + u64::from(rest.as_bytes()[0] >= b'5')
}

fn thousands(number: u64) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", thousands(number / 1_000), number % 1_000)
    }
}
