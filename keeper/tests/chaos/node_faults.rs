//! Endpoints that go back, lag, lie about slots, disagree, refuse, limit or die.

use crate::behind::{Behind, NEVER_MS};
use crate::keeper::Keeper;
use crate::stage::{Stage, FALLEN};

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_rolls_back_one_to_eight_slots() {
    let behind = Behind::start(11, |config| config.sources.resync_ms = NEVER_MS).await;
    let Behind {
        stage,
        proxy,
        keeper,
    } = &behind;
    // Without news nothing of the market changes, so that what is gone back to can be compared.
    stage.freeze(true);
    for slots in 1..=8 {
        let past = stage.past().await;
        stage.deposit(1_000_000).await;
        keeper.until_it_knows_the_chain(stage).await;
        proxy.roll_back(past.clone().forked(), slots);
        let then = async || past.mirror(stage.mirror().await);
        keeper.until_it_knows("the other branch", then).await;
        // The branch takes in again what was lost, and its subscribers are told.
        proxy.set(|faults| (faults.past, faults.slot_shift) = (None, 0));
        proxy.tell(&stage.past().await);
        keeper.until_it_knows_the_chain(stage).await;
    }
    stage.freeze(false);
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_are_claimed_too_low() {
    let behind = Behind::start(12, |_| {}).await;
    for shift in [-1_000, 0, -1_000] {
        behind.proxy.set(|faults| faults.slot_shift = shift);
        behind.stage.deposit(1_000_000).await;
        behind.keeper.until_it_knows_the_chain(&behind.stage).await;
    }
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_are_claimed_too_high() {
    let behind = Behind::start(13, |config| config.sources.resync_ms = 500).await;
    behind.proxy.set(|faults| faults.slot_shift = 10_000);
    behind.stage.deposit(1_000_000).await;
    behind.stage.until_refreshed().await;
    behind.proxy.set(|faults| faults.slot_shift = 0);
    behind.stage.deposit(1_000_000).await;
    behind.keeper.until_it_knows_the_chain(&behind.stage).await;
    behind.work_off().await;
}

/// The fall is worked off by way of the second endpoint; the first one is wrong as `wrong` says.
async fn by_way_of_the_other(seed: u64, wrong: impl AsyncFn(&Stage, &crate::proxy::Proxy)) {
    let stage = Stage::start().await;
    let (first, second) = (stage.proxy(seed).await, stage.proxy(seed + 100).await);
    let endpoints = vec![first.endpoint(), second.endpoint()];
    let keeper = Keeper::start(&stage, endpoints).await;
    stage.until_refreshed().await;
    wrong(&stage, &first).await;
    stage.price(FALLEN);
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    stage.deposit(1_000_000).await;
    keeper.until_it_knows_the_chain(&stage).await;
    let done = keeper.stop(&stage).await;
    assert!(done.spent <= done.lamports(), "{done:?}");
    stage.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_endpoints_that_disagree_the_first_of_them_stuck_in_an_old_slot() {
    by_way_of_the_other(14, async |stage, first| {
        let (past, slot) = (stage.past().await, stage.localnet.health().slot);
        first.set(|faults| {
            (faults.past, faults.slot_fixed) = (Some(past.into()), Some(slot));
            (faults.silent, faults.lost) = (true, 100);
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_endpoints_that_disagree_the_first_of_them_old_and_claiming_to_be_new() {
    by_way_of_the_other(15, async |stage, first| {
        let past = stage.past().await;
        first.set(|faults| {
            (faults.past, faults.slot_shift) = (Some(past.into()), 5);
            (faults.silent, faults.lost) = (true, 100);
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_endpoint_that_dies_and_comes_back() {
    let stage = Stage::start().await;
    let (first, second) = (stage.proxy(16).await, stage.proxy(116).await);
    let endpoints = vec![first.endpoint(), second.endpoint()];
    let keeper = Keeper::start(&stage, endpoints).await;
    stage.until_refreshed().await;
    first.down(true);
    stage.price(FALLEN);
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    assert_ne!(second.seen().of("getMultipleAccounts"), 0);
    first.down(false);
    let before = first.seen().of("getMultipleAccounts");
    let used = async |_: &Stage| first.seen().of("getMultipleAccounts") > before + 5;
    stage.until("the first endpoint's return", used).await;
    stage.deposit(1_000_000).await;
    keeper.until_it_knows_the_chain(&stage).await;
    keeper.stop(&stage).await;
    stage.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_the_programs_accounts_that_are_refused() {
    let stage = Stage::start().await;
    let proxy = stage.proxy(17).await;
    proxy.set(|faults| {
        faults.refused.insert("getProgramAccounts");
    });
    // Without a stream either: everything is read page by page.
    let keeper = Keeper::start(&stage, vec![proxy.endpoint_polled()]).await;
    stage.until_refreshed().await;
    stage.price(FALLEN);
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    stage.deposit(1_000_000).await;
    keeper.until_it_knows_the_chain(&stage).await;
    assert_ne!(proxy.seen().of("getProgramAccounts"), 0);
    keeper.stop(&stage).await;
    stage.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_limited() {
    let behind = Behind::start(18, |_| {}).await;
    behind.proxy.set(|faults| faults.limited = 30);
    let stage = &behind.stage;
    stage.price(FALLEN);
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    assert_ne!(behind.proxy.seen().limited, 0);
    behind.proxy.set(|faults| faults.limited = 0);
    behind.work_off().await;
}
