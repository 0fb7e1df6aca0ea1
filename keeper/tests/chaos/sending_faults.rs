//! Transactions that are lost, expire, ask for too little or can come to nothing.

use std::time::{Duration, Instant};

use plimsoll_client::rpc::SendOptions;
use plimsoll_testkit::{bid, Actor};

use crate::behind::Behind;
use crate::keeper::Keeper;
use crate::one_market::MARKET;
use crate::stage::{payer, Stage, FALLEN, WEAK};

#[tokio::test(flavor = "multi_thread")]
async fn three_transactions_in_ten_are_lost() {
    let behind = Behind::start(21, |_| {}).await;
    behind.proxy.set(|faults| faults.lost = 30);
    behind.stage.price(FALLEN);
    let lost = async |_: &Stage| behind.proxy.seen().lost >= 5;
    behind.stage.until("losses", lost).await;
    let done = behind.work_off().await;
    // Handed in again until they landed, and not signed anew.
    assert_eq!(done.outcomes("expired"), 0, "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blockhashes_that_expire() {
    // A blockhash lives for 512 blocks here.
    let stage = Stage::with_slots_of(20).await;
    let behind = Behind::on(stage, 22, |_| {}).await;
    behind.proxy.set(|faults| faults.lost = 100);
    behind.stage.price(FALLEN);
    let slot = behind.stage.localnet.health().slot;
    let later = async |stage: &Stage| stage.localnet.health().slot > slot + 600;
    behind.stage.until("the blockhashes' end", later).await;
    // What is under way is not sent beside itself: ten steps were due all the time, ten times a second.
    let signed = behind.proxy.seen().transactions.len();
    assert!(signed <= 60, "{signed} transactions");
    behind.proxy.set(|faults| faults.lost = 0);
    let done = behind.work_off().await;
    assert_ne!(done.of("refresh_mark", "expired"), 0, "{done:?}");
    // What never landed was not paid.
    assert_eq!(done.spent, done.lamports());
}

#[tokio::test(flavor = "multi_thread")]
async fn compute_limits_that_were_guessed_too_low() {
    // Small bids in place of one: a liquidation takes many, and more compute than any limit has to spare.
    let stage = Stage::with(100, |world| {
        world
            .cancel_all("maker", MARKET, 8)
            .expect("no bid is left");
        for (name, price, lots, bids) in [
            ("maker", 18_500, 500, 16),
            ("short", 18_499, 500, 15),
            ("short", 18_498, 400_000, 1),
        ] {
            for _ in 0..bids {
                let small = bid(price, lots);
                world.place(name, MARKET, small).expect("a bid");
            }
        }
    })
    .await;
    let proxy = stage.proxy(23).await;
    proxy.set(|faults| faults.units = Some(1));
    let keeper = Keeper::start(&stage, vec![proxy.endpoint()]).await;
    stage.price(FALLEN);
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    let done = keeper.stop(&stage).await;
    // From 20,000 to 1,400,000 by doubling, on four accounts at most at a time: no limit is tried twice.
    let raised = done.of("liquidate", "out_of_compute");
    assert!((1..=28).contains(&raised), "{done:?}");
    stage.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_nobody_buys_from_can_not_be_liquidated() {
    let stage = Stage::with(100, |world| {
        world
            .cancel_all("maker", MARKET, 8)
            .expect("no bid is left");
    })
    .await;
    let proxy = stage.proxy(24).await;
    let keeper = Keeper::start(&stage, vec![proxy.endpoint()]).await;
    stage.until_refreshed().await;
    stage.price(FALLEN);
    let begun = Instant::now();
    for _ in 0..8 {
        stage.until_refreshed().await;
    }
    for name in WEAK {
        assert_eq!(stage.base(name).await, 100_000_000_000, "{name}");
    }
    // A bid comes, and it is not given up for ever.
    let maker = Actor::from("maker");
    let order = stage.world.place_ix(maker, MARKET, bid(18_500, 400_000));
    let (pays, signs) = (payer("second"), maker.keypair());
    let (keys, options) = ([&pays, &signs], SendOptions::default());
    let sent = stage.connection.send(&[order], &keys, options).await;
    sent.expect("a bid");
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    let waited = begun.elapsed();
    keeper.until_it_knows_the_chain(&stage).await;
    let done = keeper.stop(&stage).await;
    // Doubled waits from 200 ms to two seconds: six tries, then one in two seconds, then the one that did it.
    let tries = done.rows.iter().filter(|row| row.kind == "liquidate");
    let tries: u64 = tries.map(|row| row.actions).sum();
    let each = 8 + waited.as_secs() / 2;
    let most = u64::try_from(WEAK.len()).expect("few") * each;
    println!("{tries} tries of at most {most} in {waited:?}");
    assert!((4..=most).contains(&tries), "{done:?}");
    assert!(waited > Duration::from_secs(2));
    stage.assert_sound().await;
}
