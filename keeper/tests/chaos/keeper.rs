//! The keeper under test: the same parts, loop and sources as its process, in this one.

use std::sync::Arc;
use std::time::Instant;

use plimsoll_keeper::alerts::Alerts;
use plimsoll_keeper::command::RunArgs;
use plimsoll_keeper::config::{EndpointConfig, KeeperConfig, Overrides};
use plimsoll_keeper::ledger::{self, Summary};
use plimsoll_keeper::metrics::Metrics;
use plimsoll_keeper::mirror::Mirror;
use plimsoll_keeper::run::Parts;
use plimsoll_keeper::sources::{Ended, Event, Source};
use plimsoll_keeper::{run, secrets, setup};
use solana_signer::Signer as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::one_market::MARKET;
use crate::stage::{payer, Stage, WAIT_MAX};

type Asked = mpsc::Sender<Mirror>;

/// A source that brings nothing and asks for the mirror as it is.
struct Window(mpsc::Receiver<Asked>);

impl Source for Window {
    fn name(&self) -> &'static str {
        "window"
    }

    fn run(mut self: Box<Self>, events: mpsc::Sender<Event>) -> Ended {
        Box::pin(async move {
            while let Some(asked) = self.0.recv().await {
                let _ = events.send(Event::Look(asked)).await;
            }
            std::future::pending().await
        })
    }
}

/// A keeper that runs until it is stopped.
pub struct Keeper {
    name: &'static str,
    stop: watch::Sender<bool>,
    window: mpsc::Sender<Asked>,
    running: JoinHandle<anyhow::Result<()>>,
    ledger: std::path::PathBuf,
    lamports: u64,
}

/// What a keeper's ledger says after its end.
#[derive(Debug)]
pub struct Done {
    pub rows: Vec<Summary>,
    /// By which the paying key's balance is less.
    pub spent: u64,
}

impl Done {
    /// Actions of this outcome.
    pub fn outcomes(&self, outcome: &str) -> u64 {
        let rows = self.rows.iter().filter(|row| row.outcome == outcome);
        rows.map(|row| row.actions).sum()
    }

    /// Actions of this kind and outcome.
    pub fn of(&self, kind: &str, outcome: &str) -> u64 {
        let rows = self.rows.iter();
        let rows = rows.filter(|row| row.kind == kind && row.outcome == outcome);
        rows.map(|row| row.actions).sum()
    }

    /// What the ledger says was paid.
    pub fn lamports(&self) -> u64 {
        self.rows.iter().map(|row| row.lamports).sum()
    }
}

/// The keeper's file for a stage: short intervals, and nothing of the optional parts.
pub fn file(stage: &Stage, name: &str, endpoints: &[EndpointConfig]) -> String {
    let key = stage.folder.path().join(format!("{name}.json"));
    let bytes = payer(name).to_bytes().to_vec();
    let text = serde_json::to_string(&bytes).expect("a key");
    std::fs::write(&key, text).expect("written");
    let endpoints = endpoints.iter().map(|endpoint| {
        let ws = endpoint.ws.iter().map(|ws| format!("ws = '{ws}'\n"));
        let ws = ws.collect::<String>();
        format!("[[endpoint]]\nrpc = '{}'\n{ws}", endpoint.rpc)
    });
    format!(
        "keypair = '{key}'\nledger = '{ledger}'\nbeneficiary = '{beneficiary}'\n\
         [[market]]\naddress = '{market}'\nfeeds = ['{feed}']\n\
         [sources]\npulse_ms = 100\nresync_ms = 1000\nsilent_seconds = 1\n\
         [plan]\ndecide_ms = 100\nbackoff_min_ms = 200\nbackoff_max_ms = 2000\n[http]\nlisten = ''\n{endpoints}",
        key = key.display(),
        ledger = stage.folder.path().join(format!("{name}.sqlite")).display(),
        beneficiary = stage.world.margin_address("keeper"),
        market = stage.world.market_address(MARKET),
        feed = stage.feed(),
        endpoints = endpoints.collect::<String>(),
    )
}

fn config(stage: &Stage, name: &str, endpoints: &[EndpointConfig]) -> KeeperConfig {
    let text = file(stage, name, endpoints);
    let (config, mistakes) = KeeperConfig::parse(&text, &Overrides::default()).expect("a table");
    assert_eq!(mistakes, Vec::<String>::new());
    config
}

/// The parts and sources of a keeper with a key and a ledger of its own.
pub async fn assembled(
    stage: &Stage,
    name: &str,
    endpoints: Vec<EndpointConfig>,
    change: impl FnOnce(&mut KeeperConfig),
) -> (Parts, Vec<Box<dyn Source>>) {
    let mut config = config(stage, name, &endpoints);
    change(&mut config);
    let secrets = secrets::read(&config).expect("a key");
    let metrics = Arc::new(Metrics::new().expect("figures"));
    let figures = metrics.operations.clone();
    let (alerts, _queue) = Alerts::new(&config.alerts, &secrets.payer_address(), figures);
    let shared = (metrics, Arc::new(alerts));
    let args = RunArgs {
        once: false,
        dry_run: false,
    };
    let assembled = setup::assemble(&config, secrets, args, shared).await;
    assembled.expect("a keeper").split()
}

impl Keeper {
    pub async fn start(stage: &Stage, endpoints: Vec<EndpointConfig>) -> Self {
        Self::with(stage, endpoints, |_| {}).await
    }

    /// With another configuration than the tests' usual one.
    pub async fn with(
        stage: &Stage,
        endpoints: Vec<EndpointConfig>,
        change: impl FnOnce(&mut KeeperConfig),
    ) -> Self {
        Self::named(stage, "first", endpoints, change).await
    }

    /// A keeper with a key and a ledger of its own.
    pub async fn named(
        stage: &Stage,
        name: &'static str,
        endpoints: Vec<EndpointConfig>,
        change: impl FnOnce(&mut KeeperConfig),
    ) -> Self {
        let (parts, mut sources) = assembled(stage, name, endpoints, change).await;
        let (window, asked) = mpsc::channel(1);
        sources.push(Box::new(Window(asked)));
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(run::run(parts, sources, stopped));
        Self {
            name,
            stop,
            window,
            running,
            ledger: stage.folder.path().join(format!("{name}.sqlite")),
            lamports: balance(stage, name).await,
        }
    }

    /// What the keeper knows now.
    pub async fn mirror(&self) -> Mirror {
        let (reply, mut replies) = mpsc::channel(1);
        self.window.send(reply).await.expect("a keeper that runs");
        replies.recv().await.expect("a keeper that runs")
    }

    /// Waits until it knows every account as the chain has it.
    pub async fn until_it_knows_the_chain(&self, stage: &Stage) {
        self.until_it_knows("the chain", async || stage.mirror().await)
            .await;
    }

    /// Waits until its mirror is as another one is.
    pub async fn until_it_knows(&self, what: &str, truth: impl AsyncFn() -> Mirror) {
        let begun = Instant::now();
        loop {
            let (known, truth) = (self.mirror().await, truth().await);
            let (known, truth) = (known.fingerprints(), truth.fingerprints());
            if known == truth {
                return;
            }
            if begun.elapsed() > WAIT_MAX {
                let wrong = truth
                    .iter()
                    .filter(|(key, hash)| known.get(key) != Some(*hash));
                let wrong: Vec<_> = wrong.map(|(key, _)| key).collect();
                let all = (known.len(), truth.len());
                panic!("the keeper does not know {what}: {wrong:?} differ, {all:?} accounts");
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Stops it and reads its ledger.
    pub async fn stop(self, stage: &Stage) -> Done {
        self.stop.send_replace(true);
        let ended = self.running.await.expect("no panic");
        ended.expect("an orderly end");
        let rows = ledger::report(&self.ledger, 3_600).expect("a ledger");
        let done = Done {
            rows,
            spent: self.lamports - balance(stage, self.name).await,
        };
        println!("{}", ledger::table(&done.rows));
        done
    }
}

async fn balance(stage: &Stage, name: &str) -> u64 {
    let key = payer(name).pubkey();
    stage.rpc().get_balance(&key).await.expect("a balance")
}
