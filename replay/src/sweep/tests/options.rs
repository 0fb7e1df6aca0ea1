//! What `--vary` says, and the points that follow from it.

use super::*;

#[test]
fn every_mistake_of_an_option_is_named() {
    for (option, named) in [
        ("seed", "say NAME="),
        ("=1", "name is missing"),
        ("seed=", "a value is missing"),
        ("seed=1,,2", "a value is missing"),
        ("seed=1..", "a value is missing"),
        ("seed=x", "\"x\" is no whole number"),
        ("seed=-1", "no whole number"),
        ("seed=1.5", "no whole number"),
        ("seed=18446744073709551615", "no whole number"),
        ("seed=5..4", "ends before it begins"),
        ("seed=1..9:0", "step of zero"),
        ("seed=0..10000", "10001 values"),
        ("seed=3,1..4", "the value 3 is given twice"),
        ("velocity=1", "market.velocity_short_ppm"),
        ("makers.levels=1", "no number"),
        (
            "cash_ppm=1",
            "is several: desk.cash_ppm, flow.cash_ppm, makers.cash_ppm",
        ),
    ] {
        let error = mistake(&[option]);
        assert!(error.contains(named), "{option}: {error}");
    }
    let twice = mistake(&["velocity_short_ppm=1", "market.velocity_short_ppm=2"]);
    assert!(twice.contains("varied twice"), "{twice}");
    let both = mistake(&["seed=x", "speed=1"]);
    assert!(
        both.contains("seed=x") && both.contains("speed=1"),
        "{both}"
    );
    assert!(mistake(&[]).contains("nothing is varied"));
    let many = mistake(&["seed=1..200", "call_seconds=1..200"]);
    assert!(many.contains("market.call_seconds"), "{many}");
    let many = mistake(&["seed=1..200", "market.call_seconds=1..200"]);
    assert!(many.contains("40000 points are too many"), "{many}");
    let measure = Sweep::new(material(), RULES, &["seed=1".to_owned()], "debt");
    let error = measure.expect_err("no such measure").to_string();
    assert!(error.contains("bad_debt"), "{error}");
}

#[test]
fn a_line_that_nobody_has_is_not_varied() {
    let mut material = material();
    for cohort in &mut material.scenario.cohorts {
        cohort.line_ppm = 0;
    }
    let error = sweep_of(material, &["line_ppm=1"]).expect_err("no line");
    assert!(error.to_string().contains("no cohort"), "{error}");
}

#[test]
fn all_combinations_are_points_in_one_order_whatever_the_order_of_the_options() {
    let grid = sweep(&["seed=1..3:2", "market.initial_margin_ppm=115_000,112000"]).grid;
    let names: Vec<&str> = grid.axes.iter().map(|axis| axis.name.as_str()).collect();
    assert_eq!(names, ["initial_margin_ppm", "seed"]);
    let expected = [[112_000, 1], [112_000, 3], [115_000, 1], [115_000, 3]];
    assert_eq!(grid.points(), expected.map(|point| point.to_vec()));
    assert_eq!(grid.name(&[112_000, 1]), "initial_margin_ppm=112000 seed=1");
    let other = sweep(&["makers.cash_ppm=1..9:3,20"]).grid;
    assert_eq!(other.axes[0].name, "makers.cash_ppm");
    assert_eq!(other.axes[0].values, [1, 4, 7, 20]);
}

#[test]
fn a_points_values_reach_the_scenario_and_nothing_else_changes() {
    let grid = sweep(&[
        "line_ppm=5",
        "default_fund_ppm=6",
        "makers.cash_ppm=7",
        "seed=8",
    ])
    .grid;
    let (before, point) = (material(), grid.points().remove(0));
    let varied = grid.at(&before, &point).expect("a sound scenario");
    let scenario = &varied.scenario;
    assert_eq!(
        (scenario.default_fund_ppm, scenario.makers.cash_ppm),
        (6, 7)
    );
    assert_eq!((varied.seed, scenario.name.as_str()), (8, "TEST"));
    for (cohort, was) in scenario.cohorts.iter().zip(&before.scenario.cohorts) {
        let expected = if was.line_ppm == 0 { 0 } else { 5 };
        assert_eq!(cohort.line_ppm, expected, "{}", cohort.name);
    }
    let mut back = scenario.clone();
    back.default_fund_ppm = before.scenario.default_fund_ppm;
    back.makers.cash_ppm = before.scenario.makers.cash_ppm;
    back.cohorts.clone_from(&before.scenario.cohorts);
    let text = |scenario: &Scenario| toml::to_string(scenario).expect("a text");
    assert_eq!(text(&back), text(&before.scenario));
}

#[test]
fn a_point_that_the_rules_forbid_is_not_played_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = sweep(&["initial_margin_ppm=100000,112000,200000,5000000000"]);
    assert_eq!(count(&own, folder.path()).expect("played"), 1);
    let csv = fs::read_to_string(folder.path().join("sweep.csv")).expect("a file");
    let rows: Vec<&str> = csv.lines().collect();
    assert!(rows[0].ends_with(",not_played"), "{}", rows[0]);
    assert!(rows[1].contains("would not list the market"), "{}", rows[1]);
    assert!(rows[2].starts_with("112000,7,") && rows[2].ends_with(','));
    assert!(
        rows[3].contains("leverage 8.5 does not pass"),
        "{}",
        rows[3]
    );
    assert!(rows[4].contains("invalid value") && rows.len() == 5);
    let page = fs::read_to_string(folder.path().join("heatmap.html")).expect("a page");
    assert!(page.contains("The rules forbid"), "{page}");
    let error = mistake(&["initial_margin_ppm=100000,200000"]);
    assert!(
        error.contains("at initial_margin_ppm=100000: the program"),
        "{error}"
    );
}
