use super::deposits;

#[test]
fn a_minute_without_a_deposit_is_found() {
    let start = 6_000;
    let every: Vec<i64> = (0..10).map(|minute| start + minute * 60 + 15).collect();
    assert!(deposits(&every, start, 10).holds);
    let missing: Vec<i64> = every
        .iter()
        .copied()
        .filter(|time| *time != start + 195)
        .collect();
    let check = deposits(&missing, start, 10);
    assert!(!check.holds);
    assert_eq!(check.figures, "9 of 10 minutes");
}

#[test]
fn deposits_outside_the_tape_do_not_count() {
    let start = 6_000;
    assert!(!deposits(&[start - 1, start + 60], start, 1).holds);
}
