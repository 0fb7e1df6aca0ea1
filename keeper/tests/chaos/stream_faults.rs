//! Notices that are lost, doubled, reordered, late or missing altogether. Snapshots that nobody asked for are
//! switched off wherever another guard is the one that is meant.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_keeper::sources::{Endpoint, Endpoints, Event, Source, Stream, StreamConfig};
use tokio::sync::mpsc;

use crate::behind::{Behind, NEVER_MS};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn notices_that_are_dropped() {
    let behind = Behind::start(1, |_| {}).await;
    // One in three, and for certain the one of a change that the keeper has no part in.
    behind.proxy.set(|faults| faults.dropped = 100);
    behind.stage.deposit(1_000_000).await;
    behind.keeper.until_it_knows_the_chain(&behind.stage).await;
    assert_ne!(behind.proxy.seen().notices_dropped, 0);
    behind.proxy.set(|faults| faults.dropped = 30);
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_that_come_twice_the_second_time_late() {
    let behind = Behind::start(2, |config| config.sources.resync_ms = NEVER_MS).await;
    behind.proxy.set(|faults| {
        (faults.doubled, faults.delay) = (50, Duration::from_millis(1_500));
    });
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_out_of_order() {
    let behind = Behind::start(3, |config| config.sources.resync_ms = NEVER_MS).await;
    behind.proxy.set(|faults| {
        (faults.delayed, faults.delay) = (30, Duration::from_millis(1_500));
    });
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_silent_without_an_error() {
    let behind = Behind::start(4, |config| config.sources.resync_ms = NEVER_MS).await;
    behind.proxy.set(|faults| faults.silent = true);
    behind.stage.deposit(1_000_000).await;
    // Known although nothing was told, and not only once.
    for _ in 0..2 {
        behind.keeper.until_it_knows_the_chain(&behind.stage).await;
        behind.stage.deposit(1_000_000).await;
    }
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_leaves_slots_out() {
    let behind = Behind::start(5, |config| {
        config.sources.resync_ms = NEVER_MS;
        (config.sources.silent_seconds, config.sources.slot_gap_max) = (3_600, 5);
    })
    .await;
    behind.proxy.set(|faults| faults.silent = true);
    behind.stage.deposit(1_000_000).await;
    let slot = behind.stage.localnet.health().slot;
    let later = async |stage: &Stage| stage.localnet.health().slot > slot + 10;
    behind.stage.until("some slots", later).await;
    behind.proxy.set(|faults| faults.silent = false);
    behind.keeper.until_it_knows_the_chain(&behind.stage).await;
    behind.work_off().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_does_not_keep_up_is_told_of_a_gap() {
    let stage = Stage::start().await;
    let proxy = stage.proxy(6).await;
    let endpoint = proxy.endpoint();
    let endpoint = Endpoint {
        rpc: endpoint.rpc,
        ws: endpoint.ws,
    };
    let stream = Stream {
        endpoints: Arc::new(Endpoints::new(vec![endpoint], 20).expect("endpoints")),
        program: stage.world.addresses.program,
        config: StreamConfig {
            silent: Duration::from_secs(3_600),
            slot_gap_max: u64::MAX,
        },
    };
    let (send, mut events) = mpsc::channel(2);
    let running = tokio::spawn(Box::new(stream).run(send));
    let first = events.recv().await;
    assert!(matches!(first, Some(Event::Gap("the stream was opened"))));
    // More than the queue holds while nobody takes anything from it.
    for _ in 0..4 {
        stage.deposit(1_000_000).await;
    }
    let told = async |_: &Stage| proxy.seen().notices >= 3;
    stage.until("notices", told).await;
    let mut updates = 0;
    loop {
        match events.recv().await {
            Some(Event::Update(_)) => updates += 1,
            Some(Event::Gap(why)) => {
                assert_eq!(why, "the mirror does not keep up");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    // What fitted came first, and nothing was waited for.
    assert_eq!(updates, 2);
    running.abort();
}
