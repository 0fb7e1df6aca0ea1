//! Tables and page.

use super::*;
use crate::report::sample;
use crate::summary;

#[test]
fn the_spread_is_of_values_that_were_found() {
    let found = |text: &str| Found([("bad_debt".to_owned(), text.to_owned())].into());
    let all = ["10.000000", "-2.500000", "9.000000", "", "100.000000"].map(found);
    let of = |seeds: &[&Found]| {
        let spread = Spread::of(seeds, "bad_debt");
        (spread.least, spread.median, spread.most)
    };
    let texts = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    let seeds: Vec<&Found> = all.iter().collect();
    assert_eq!(of(&seeds), texts("-2.500000", "9.000000", "100.000000"));
    assert_eq!(of(&seeds[..3]), texts("-2.500000", "9.000000", "10.000000"));
    assert_eq!(of(&seeds[3..4]), texts("", "", ""));
    let folder = tempfile::tempdir().expect("a folder");
    count(&sweep(&["seed=1..3", "line_ppm=1,2"]), folder.path()).expect("played");
    let spread = &files(folder.path())[1];
    let rows: Vec<&str> = spread.lines().collect();
    assert!(
        rows[0].starts_with("line_ppm,seeds,liquidated_accounts_min,liquidated_accounts_median")
    );
    assert!(
        rows[1].starts_with("1,3,1,2,3,") && rows.len() == 3,
        "{rows:?}"
    );
}

#[test]
fn columns_are_the_summarys_own() {
    let study = sample::study(60, &[RULES]);
    let found = Found::of(&study).expect("figures");
    let bytes = summary::json(&study).expect("a summary");
    let summary: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let run = summary["runs"]["plimsoll"].as_object().expect("a run");
    for (name, value) in run.iter().filter(|(name, _)| *name != "baseline") {
        match value {
            serde_json::Value::String(text) => assert_eq!(found.text(name), text, "{name}"),
            serde_json::Value::Null => assert_eq!(found.text(name), "", "{name}"),
            serde_json::Value::Object(_) | serde_json::Value::Array(_) => {}
            value => assert_eq!(found.text(name), value.to_string(), "{name}"),
        }
    }
    assert_eq!(found.0.len(), measure_names().len());
}

#[test]
fn the_page_fits_what_was_varied_and_says_which_points_cannot_be_trusted() {
    let page = |vary: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let own = sweep(vary);
        let played = own.run_with(folder.path(), &|_| {}, &|material| {
            let mut found = pretend(material);
            if material.seed == 3 {
                found
                    .0
                    .insert("custody_exact".to_owned(), "false".to_owned());
            }
            Ok(found)
        });
        played.expect("played");
        fs::read_to_string(folder.path().join("heatmap.html")).expect("a page")
    };
    let seeds = page(&["seed=1..3"]);
    assert!(seeds.contains("Every measure over the seeds") && seeds.contains("<li>seed=3</li>"));
    let line = page(&["initial_margin_ppm=112000,115000"]);
    assert!(line.contains("line-ours") && line.contains("One seed was played"));
    assert!(!line.contains("cannot be trusted") && !line.contains("class=\"band\""));
    assert!(page(&["initial_margin_ppm=112000,115000", "seed=1,2"]).contains("class=\"band\""));
    let map = page(&["initial_margin_ppm=112000,115000", "line_ppm=1,2"]);
    assert_eq!(map.matches("<td style=\"--part:").count(), 4);
    assert!(map.contains("--part:0\"") && map.contains("--part:55\""));
    let maps = page(&[
        "initial_margin_ppm=112000,115000",
        "line_ppm=1,2",
        "default_fund_ppm=1,2",
    ]);
    assert_eq!(maps.matches("<table class=\"heat\"").count(), 2);
    let forbidden = page(&["initial_margin_ppm=100000,112000", "seed=1,2"]);
    assert!(forbidden.contains("initial_margin_ppm=100000</li>"));
    let hole = page(&[
        "initial_margin_ppm=110000,115000",
        "velocity_short_ppm=50000,52000",
    ]);
    assert_eq!(hole.matches("<td class=\"refused\">not played").count(), 1);
    for page in [&seeds, &line, &map] {
        assert!(
            !page.contains("http") && !page.contains("src="),
            "self-contained"
        );
    }
}
