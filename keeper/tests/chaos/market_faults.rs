//! Prices that stop or jump, and clocks that differ.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::behind::Behind;
use crate::stage::{Stage, FALLEN, FARMER, WEAK};

#[tokio::test(flavor = "multi_thread")]
async fn an_oracle_that_is_frozen() {
    let behind = Behind::start(31, |_| {}).await;
    let Behind { stage, proxy, .. } = &behind;
    stage.freeze(true);
    let clock = stage.localnet.clock();
    clock.advance_to(clock.now() + 300);
    stage.price(FALLEN);
    let before = proxy.seen().transactions.len();
    let slot = stage.localnet.health().slot;
    let later = async |stage: &Stage| stage.localnet.health().slot > slot + 50;
    stage.until("some slots", later).await;
    // Nobody is judged by an old price, and nothing is tried again and again.
    for name in WEAK {
        assert_eq!(stage.base(name).await, 100_000_000_000, "{name}");
    }
    let sent = proxy.seen().transactions.len() - before;
    assert!(sent <= 4, "{sent} transactions");
    stage.freeze(false);
    behind.work_off().await;
}

/// Seconds by which the chain's clock is ahead of this machine's.
fn ahead(stage: &Stage) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.expect("a clock").as_secs()).expect("a time");
    stage.localnet.clock().now() - now
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_whose_clock_is_ahead() {
    let behind = Behind::start(32, |_| {}).await;
    let clock = behind.stage.localnet.clock();
    clock.advance_to(clock.now() + 5 - ahead(&behind.stage).min(0));
    assert!(ahead(&behind.stage) >= 5);
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_whose_clock_is_behind() {
    let behind = Behind::start(33, |_| {}).await;
    let clock = behind.stage.localnet.clock();
    clock.hold();
    let behind_by_now = async |stage: &Stage| ahead(stage) <= -6;
    behind.stage.until("the difference", behind_by_now).await;
    clock.release();
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_of_15_percent_in_one_tick() {
    let behind = Behind::start(34, |_| {}).await;
    let Behind { stage, keeper, .. } = &behind;
    stage.price(17_000);
    stage
        .until("the tear-ups", async |stage| {
            for name in WEAK {
                if stage.base(name).await != 0 {
                    return false;
                }
            }
            stage.base(FARMER).await == 0 || stage.healthy(FARMER).await
        })
        .await;
    assert_ne!(stage.market().await.header.losses.receipts, 0);
    keeper.until_it_knows_the_chain(stage).await;
    stage.assert_sound().await;
}
