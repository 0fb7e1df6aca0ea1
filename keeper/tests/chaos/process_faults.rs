//! The keeper's own end: killed in the middle of a batch, with a task that fails, and two of it at once.

use std::process::{Child, Command};

use plimsoll_keeper::sources::{Ended, Event, Source};
use plimsoll_keeper::{ledger, run};
use tokio::sync::{mpsc, oneshot, watch};

use crate::keeper::{assembled, file, Keeper};
use crate::stage::{Stage, FALLEN, WEAK};

/// The keeper's binary; killed when dropped.
struct Process(Child);

impl Process {
    fn start(stage: &Stage) -> Self {
        let config = stage.folder.path().join("first.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-keeper"));
        command.arg("--config").arg(config).env("NO_COLOR", "1");
        Self(command.spawn().expect("a keeper"))
    }

    /// As the machine's end would: no signal that could be caught.
    fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_batch() {
    let stage = Stage::start().await;
    let proxy = stage.proxy(41).await;
    let text = file(&stage, "first", &[proxy.endpoint()]);
    let path = stage.folder.path().join("first.toml");
    std::fs::write(path, text).expect("written");
    let first = Process::start(&stage);
    stage.until_refreshed().await;
    stage.price(FALLEN);
    stage.until_refreshed().await;
    // Half of the batch is on its way to the chain, half of it nowhere, when the keeper ends.
    proxy.set(|faults| faults.lost = 50);
    let before = proxy.seen().transactions.len();
    let sent = async |_: &Stage| proxy.seen().transactions.len() >= before + 3;
    stage.until("some of the batch", sent).await;
    first.kill();
    proxy.set(|faults| faults.lost = 0);
    let _second = Process::start(&stage);
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    // What had landed was not done again: nobody was reduced to nothing.
    for name in WEAK {
        assert!(stage.base(name).await > 0, "{name}");
    }
    stage.assert_sound().await;
}

/// A source that ends.
struct Ending;

impl Source for Ending {
    fn name(&self) -> &'static str {
        "ending"
    }

    fn run(self: Box<Self>, _: mpsc::Sender<Event>) -> Ended {
        Box::pin(async { anyhow::anyhow!("it has had enough") })
    }
}

/// A source that panics.
struct Panicking;

impl Source for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }

    fn run(self: Box<Self>, _: mpsc::Sender<Event>) -> Ended {
        Box::pin(async { panic!("it fell over") })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_ends_ends_the_keeper_with_the_reason() {
    let stage = Stage::start().await;
    let proxy = stage.proxy(42).await;
    let ends: [(Box<dyn Source>, &str); 2] = [
        (
            Box::new(Ending),
            "the source ending ended: it has had enough",
        ),
        (Box::new(Panicking), "it fell over"),
    ];
    for (source, reason) in ends {
        let (parts, mut sources) = assembled(&stage, "first", vec![proxy.endpoint()], |_| {}).await;
        sources.push(source);
        let (_stop, stopped) = watch::channel(false);
        let error = run::run(parts, sources, stopped).await;
        let error = format!("{:#}", error.expect_err("an end"));
        assert!(error.contains(reason), "{error}");
    }
}

/// A source that ends when it is told to.
struct Obedient(oneshot::Receiver<()>);

impl Source for Obedient {
    fn name(&self) -> &'static str {
        "obedient"
    }

    fn run(self: Box<Self>, _: mpsc::Sender<Event>) -> Ended {
        Box::pin(async move {
            let _ = self.0.await;
            anyhow::anyhow!("it was told to")
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_ends_leaves_nothing_unwatched() {
    let stage = Stage::start().await;
    let proxy = stage.proxy(44).await;
    // What is sent lands, and the keeper is not told.
    proxy.set(|faults| {
        faults.refused.insert("getSignatureStatuses");
    });
    let (parts, mut sources) = assembled(&stage, "first", vec![proxy.endpoint()], |_| {}).await;
    let (end, told) = oneshot::channel();
    sources.push(Box::new(Obedient(told)));
    let (_stop, stopped) = watch::channel(false);
    let running = tokio::spawn(run::run(parts, sources, stopped));
    let asked = || proxy.seen().of("getSignatureStatuses");
    let begun = async |_: &Stage| asked() >= 3;
    stage.until("a transaction under way", begun).await;
    end.send(()).expect("a source");
    let before = asked();
    let watched = async |_: &Stage| asked() >= before + 3;
    stage.until("that it is still watched", watched).await;
    proxy.set(|faults| faults.refused.clear());
    let error = running.await.expect("no panic").expect_err("an end");
    let error = format!("{error:#}");
    let reason = "the source obedient ended: it was told to";
    assert!(error.contains(reason), "{error}");
    let rows = ledger::report(&stage.folder.path().join("first.sqlite"), 3_600);
    let rows = rows.expect("a ledger");
    assert!(rows.iter().any(|row| row.outcome == "landed"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_on_the_same_markets() {
    let stage = Stage::start().await;
    let (one, other) = (stage.proxy(43).await, stage.proxy(143).await);
    let first = Keeper::named(&stage, "first", vec![one.endpoint()], |_| {}).await;
    let second = Keeper::named(&stage, "second", vec![other.endpoint()], |_| {}).await;
    stage.until_refreshed().await;
    stage.price(FALLEN);
    stage
        .until("the liquidations", async |stage| {
            stage.is_worked_off().await
        })
        .await;
    stage.until_refreshed().await;
    first.until_it_knows_the_chain(&stage).await;
    second.until_it_knows_the_chain(&stage).await;
    let (first, second) = (first.stop(&stage).await, second.stop(&stage).await);
    for name in WEAK {
        assert!(stage.base(name).await > 0, "{name}");
    }
    stage.assert_sound().await;
    // Every keeper sends what is due once; what the other had done by then costs a fee and does nothing.
    let spent = first.spent + second.spent;
    let needless = |done: &crate::keeper::Done| {
        let rows = done.rows.iter().filter(|row| row.outcome != "landed");
        rows.map(|row| row.lamports).sum::<u64>()
    };
    let failed = needless(&first) + needless(&second);
    println!("two keepers: {spent} lamports in all, {failed} of them for what the other had done");
    for done in [&first, &second] {
        let liquidations = done.rows.iter().filter(|row| row.kind == "liquidate");
        let tries: u64 = liquidations.map(|row| row.actions).sum();
        assert!(tries <= 12, "{done:?}");
    }
}
