//! The crash of 10 October 2025 with the keeper as a process of its own. It alone sends marks, halts, draws,
//! liquidations, auctions and tear-ups; here prices are put into the price accounts, and makers quote. It is killed in
//! the middle and started anew, and killed for good beside another one.
//!
//! A round is a second of the tape. It lasts at least two and a half slots, and until every keeper that is ready has
//! seen it, decided on it and has nothing under way: a slow machine plays slower, and nothing is judged by its speed.

#[path = "../stages/chain.rs"]
mod chain;
#[path = "../stages/deployment.rs"]
mod deployment;
mod keeper;
mod observer;
mod play;
mod population;
mod scenario;
mod stage;
mod table;

use scenario::Scenario;

/// The short one of the tests, and the two long ones.
pub const SCENARIOS: [(&str, &str); 3] = [
    ("short", include_str!("short.toml")),
    ("crash", include_str!("crash.toml")),
    ("crash_harsh", include_str!("crash_harsh.toml")),
];

async fn run(name: &str) {
    let found = SCENARIOS.iter().find(|(known, _)| *known == name);
    let scenario = Scenario::parse(found.expect("a scenario").1);
    let played = play::play(name, &scenario).await;
    let wrong = table::judge(&scenario, &played);
    assert!(wrong.is_empty(), "{name}:\n  {}", wrong.join("\n  "));
    played.stage.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fall_is_worked_through_by_keepers_that_die() {
    run("short").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: make demo-keeper"]
async fn demo_crash() {
    run("crash").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: make demo-keeper"]
async fn demo_crash_harsh() {
    run("crash_harsh").await;
}
