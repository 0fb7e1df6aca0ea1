use super::{compare, to_json, Figures, Report};

fn figures(pairs: &[(&str, u64)]) -> Figures {
    pairs
        .iter()
        .map(|(name, units)| ((*name).to_owned(), *units))
        .collect()
}

#[test]
fn five_per_cent_more_is_no_regression_and_one_unit_beyond_is() {
    let baseline = figures(&[("cancel", 2_000), ("place", 4_000)]);
    assert!(compare(&figures(&[("cancel", 2_100), ("place", 3_000)]), &baseline).is_empty());
    let worse = figures(&[("cancel", 2_101), ("place", 4_000)]);
    assert_eq!(
        compare(&worse, &baseline),
        ["cancel costs 2101 compute units, 2000 before"]
    );
}

#[test]
fn operations_that_only_one_of_the_two_knows_are_named() {
    let problems = compare(&figures(&[("new", 1)]), &figures(&[("old", 1)]));
    assert_eq!(
        problems,
        [
            "old is in the baseline and was not measured",
            "new has no baseline"
        ]
    );
}

#[test]
fn figure_is_the_mean_of_the_samples_to_the_nearest_unit() {
    let mut report = Report::default();
    report.add("place", &[4_001, 4_002, 4_002]);
    assert_eq!(report.mean("place"), 4_002);
    let json = to_json(&report.figures());
    assert_eq!(json, "{\n  \"place\": 4002\n}\n");
    let table = report.to_string();
    assert!(table.contains("4001"), "{table}");
}
