//! The keeper as its own process against a chain over JSON-RPC and WebSocket: marks, a halt and its auction, a
//! draw, a liquidation, a tear-up; killed in the middle, and two side by side.

#[path = "../stages/chain.rs"]
mod chain;
#[path = "../stages/deployment.rs"]
mod deployment;
mod desk;
#[path = "../stages/one_market.rs"]
mod one_market;
mod stage;

use plimsoll_engine::state::HaltPhase;
use stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_fall_is_worked_through_by_keepers_that_are_killed_and_doubled() {
    let stage = Stage::start().await;
    // What is due is simulated and nothing is sent.
    let begun = stage.market().await.header.prices.index_time;
    stage.dry_run_once("first");
    assert!(stage.report("first").contains("simulated"));
    assert_eq!(stage.market().await.header.prices.index_time, begun);
    let first = stage.keeper("first");

    // Marks are refreshed.
    stage
        .until("a refresh", async |stage| {
            stage.market().await.header.prices.index_time > begun
        })
        .await;
    stage
        .until("readiness", async |stage| {
            stage.get("first", "/readyz").starts_with("HTTP/1.1 200")
        })
        .await;
    let figures = stage.get("first", "/metrics");
    assert!(
        figures.contains("mirrored_accounts{kind=\"margin_account\"} 5"),
        "{figures}"
    );

    // A fall of 7% halts the market. The farmer's line is drawn, the other joins the auction and is reduced in it.
    stage.price(18_600);
    stage
        .until("the first halt's end", async |stage| {
            let halt = stage.market().await.header.halt;
            halt.sequence >= 1
                && halt.phase == HaltPhase::Continuous.byte()
                && halt.auction_price != 0
        })
        .await;
    stage
        .until("the draw", async |stage| {
            stage.account("farmer").await.credit_principal != 0
        })
        .await;
    assert_eq!(stage.base("farmer").await, 500_000_000_000);
    stage
        .until("the liquidation", async |stage| {
            let base = stage.base("long").await;
            base < 1_000_000_000_000 && stage.healthy("long").await
        })
        .await;
    let left = stage.base("long").await;
    assert!(left > 0);

    // A further fall, and the keeper dies with the halt. Two others take up what is left.
    stage.price(17_000);
    stage
        .until("the second halt", async |stage| {
            stage.market().await.header.halt.sequence >= 2
        })
        .await;
    first.kill();
    let second = stage.keeper("second");
    let third = stage.keeper("third");
    stage
        .until("the tear-up", async |stage| {
            let market = stage.market().await;
            market.header.losses.receipts != 0 && stage.base("long").await == 0
        })
        .await;
    stage
        .until("the second halt's end", async |stage| {
            stage.market().await.header.halt.phase == HaltPhase::Continuous.byte()
        })
        .await;
    second.stop();
    third.stop();
    stage.assert_sound().await;
    let report = stage.report("second");
    assert!(report.contains("landed"), "{report}");
}
