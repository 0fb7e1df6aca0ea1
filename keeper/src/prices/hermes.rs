//! Pyth's Hermes as a source: a stream of server-sent events, opened anew whenever it breaks, and polling while it
//! cannot be opened.
//!
//! Prices are taken from the signed binary update alone, so what the keeper decides by is what it can post.

mod client;

use std::time::Duration;

use tokio::time::{sleep, timeout_at, Instant};
use tracing::{debug, info, warn};

pub use client::{needs_key, ApiKey, API_KEY};

use self::client::{Client, Failure};
use super::accumulator::Update;
use super::sse::Decoder;
use super::{unix_now, Board, PriceSource};
use crate::sources::Ended;

/// Streams that fail in a row before prices are polled.
const STREAMS_BEFORE_POLLING: u32 = 3;

/// Where Hermes is and how it is watched.
#[derive(Clone, Debug)]
pub struct HermesConfig {
    /// Without the `/v2` of its methods.
    pub endpoint: String,
    pub key: Option<ApiKey>,
    /// Time without a readable update after which a stream counts as broken.
    pub silent: Duration,
    /// First wait before a stream is opened again, doubled by each further failure up to the longest.
    pub reopen_min: Duration,
    pub reopen_max: Duration,
    /// Between two polls, while there is no stream.
    pub poll: Duration,
    /// How long nothing is asked after status 429 that does not say how long.
    pub limited: Duration,
}

impl HermesConfig {
    /// The usual waits: Hermes allows 30 requests in ten seconds, and after more of them none for a minute.
    pub fn new(endpoint: String, key: Option<ApiKey>) -> Self {
        Self {
            endpoint,
            key,
            silent: Duration::from_secs(5),
            reopen_min: Duration::from_millis(500),
            reopen_max: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            limited: Duration::from_secs(60),
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Hermes {
    config: HermesConfig,
    client: Client,
}

impl Hermes {
    /// # Errors
    /// In a sentence: a key is needed and missing, or would be sent in the clear.
    pub fn new(config: HermesConfig) -> anyhow::Result<Self> {
        let client = Client::new(&config.endpoint, config.key.clone())?;
        Ok(Self { config, client })
    }
}

impl PriceSource for Hermes {
    fn name(&self) -> &'static str {
        "hermes"
    }

    fn run(self: Box<Self>, board: Board) -> Ended {
        Box::pin(async move {
            let (mut failures, mut ever) = (0_u32, false);
            loop {
                let (heard, failure) = self.listen(&board).await;
                failures = if heard { 0 } else { failures.saturating_add(1) };
                ever |= heard;
                // Whoever has been let in once is not sent home for good: the keeper has more to do than this.
                let failure = if ever { failure.passing() } else { failure };
                board.reconnected();
                let pause = match self.pause(failure, failures) {
                    Ok(pause) => pause,
                    Err(fatal) => return fatal,
                };
                sleep(pause).await;
                if failures < STREAMS_BEFORE_POLLING {
                    continue;
                }
                if let Err(failure) = self.poll(&board).await {
                    let failure = if ever { failure.passing() } else { failure };
                    match self.pause(failure, failures) {
                        Ok(pause) => sleep(pause).await,
                        Err(fatal) => return fatal,
                    }
                }
            }
        })
    }
}

impl Hermes {
    /// How long to wait after a failure; the error for one that does not pass.
    fn pause(&self, failure: Failure, failures: u32) -> Result<Duration, anyhow::Error> {
        let doubled = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let usual = self
            .config
            .reopen_min
            .saturating_mul(doubled)
            .min(self.config.reopen_max);
        match failure {
            Failure::Fatal(error) => Err(error),
            Failure::Limited(said) => {
                let pause = said.unwrap_or(self.config.limited);
                warn!(?pause, "Hermes allows no more requests for now");
                Ok(pause)
            }
            Failure::Passing(why) => {
                warn!(why, pause = ?usual, "no prices from Hermes: opened again");
                Ok(usual)
            }
        }
    }

    /// Listens to a stream until something is wrong; whether it brought anything, and what is wrong.
    async fn listen(&self, board: &Board) -> (bool, Failure) {
        let mut heard = false;
        let mut silent_at = Instant::now() + self.config.silent.max(client::CONNECT_MAX);
        let opened = timeout_at(silent_at, self.client.stream(&board.feeds())).await;
        let mut response = match opened {
            Ok(Ok(response)) => response,
            Ok(Err(failure)) => return (heard, failure),
            Err(_) => return (heard, Failure::Passing("it does not answer".to_owned())),
        };
        info!(endpoint = self.config.endpoint, "stream of prices opened");
        silent_at = Instant::now() + self.config.silent;
        let mut decoder = Decoder::default();
        loop {
            let chunk = match timeout_at(silent_at, response.chunk()).await {
                Err(_) => return (heard, Failure::Passing("the stream is silent".to_owned())),
                Ok(Err(error)) => {
                    return (
                        heard,
                        Failure::Passing(format!("the stream broke: {}", client::cause(&error))),
                    )
                }
                Ok(Ok(None)) => return (heard, Failure::Passing("the stream ended".to_owned())),
                Ok(Ok(Some(chunk))) => chunk,
            };
            let events = match decoder.feed(&chunk) {
                Ok(events) => events,
                Err(error) => return (heard, Failure::Passing(error.to_string())),
            };
            for event in events {
                if event.kind == "error" {
                    return (heard, Failure::Passing(client::shown(&event.data)));
                }
                // Comments and updates that cannot be read do not count as signs of life.
                if take(board, &event.data) {
                    heard = true;
                    silent_at = Instant::now() + self.config.silent;
                }
            }
        }
    }

    /// Polls a few times, as long as that works.
    async fn poll(&self, board: &Board) -> Result<(), Failure> {
        let until = Instant::now() + self.config.reopen_max;
        loop {
            let body = self.client.latest(&board.feeds()).await?;
            if !take(board, &body) {
                return Err(Failure::Passing("its answer cannot be read".to_owned()));
            }
            if Instant::now() + self.config.poll > until {
                return Ok(());
            }
            sleep(self.config.poll).await;
        }
    }
}

/// The part of an answer that is used.
#[derive(serde::Deserialize)]
struct Answer {
    binary: Binary,
}

#[derive(serde::Deserialize)]
struct Binary {
    encoding: String,
    data: Vec<String>,
}

/// Brings an answer's prices to the board; false when something in it cannot be read.
fn take(board: &Board, body: &str) -> bool {
    match read(body) {
        Ok(updates) => {
            for update in updates {
                match update.observations(unix_now()) {
                    Ok(observations) => {
                        for observation in observations {
                            let pushed = board.push(observation);
                            debug!(?pushed, "price");
                        }
                    }
                    Err(refusal) => return refuse(board, &refusal),
                }
            }
            true
        }
        Err(error) => refuse(board, &*error),
    }
}

fn refuse(board: &Board, why: &dyn std::fmt::Display) -> bool {
    board.refused();
    warn!(why = %why, "an update of Hermes is refused");
    false
}

fn read(body: &str) -> anyhow::Result<Vec<Update>> {
    use base64::Engine as _;
    let answer: Answer = serde_json::from_str(body)?;
    let encoding = &answer.binary.encoding;
    anyhow::ensure!(
        encoding == "base64",
        "its encoding is {encoding}, not base64"
    );
    anyhow::ensure!(!answer.binary.data.is_empty(), "it holds no update");
    let updates = answer.binary.data.iter().map(|data| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(data)?;
        Ok(Update::parse(&bytes)?)
    });
    updates.collect()
}
