//! The `marks` role: brings price updates into each market's index and mark, about once a second.

use std::time::Duration;

use plimsoll_client::instructions::refresh_mark;
use plimsoll_client::rpc::{Connection, RpcError, SendOptions};
use plimsoll_client::ExchangeAddresses;
use plimsoll_engine::EngineError;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use tokio::sync::watch;
use tracing::{debug, info, warn};

/// A market and the price accounts of its feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketFeeds {
    pub market: Pubkey,
    pub feeds: Vec<Pubkey>,
}

/// What the role works on.
#[derive(Clone, Debug)]
pub struct MarksConfig {
    pub addresses: ExchangeAddresses,
    pub markets: Vec<MarketFeeds>,
    /// Time between two rounds.
    pub interval: Duration,
    /// Micro-lamports per compute unit.
    pub priority_fee: u64,
    /// Simulates and logs, sends nothing.
    pub dry_run: bool,
}

/// What one refresh came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The transaction is confirmed.
    Landed,
    /// The feeds have nothing newer, or nothing fresh: expected when a feed is silent.
    NothingNew(EngineError),
    /// The network or the node failed; the next round tries again.
    Transient,
    /// The program refused for another reason: an operator should look.
    Refused(EngineError),
}

/// Counts of a role's outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub landed: u64,
    pub nothing_new: u64,
    pub transient: u64,
    pub refused: u64,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        let field = match outcome {
            Outcome::Landed => &mut self.landed,
            Outcome::NothingNew(_) => &mut self.nothing_new,
            Outcome::Transient => &mut self.transient,
            Outcome::Refused(_) => &mut self.refused,
        };
        *field = field.saturating_add(1);
    }
}

/// Sorts an error by what may be done about it.
pub fn classify(error: &RpcError) -> Outcome {
    match error.engine_error() {
        Some(
            known @ (EngineError::FeedStale
            | EngineError::FeedTimeNotNewer
            | EngineError::IndexStale),
        ) => Outcome::NothingNew(known),
        Some(other) => Outcome::Refused(other),
        None => Outcome::Transient,
    }
}

/// Refreshes every market once, all at the same time.
pub async fn round(
    connection: &Connection,
    config: &MarksConfig,
    payer: &Keypair,
    tally: &mut Tally,
) {
    let refreshes = config
        .markets
        .iter()
        .map(|market| refresh(connection, config, market, payer));
    let outcomes = futures_util::future::join_all(refreshes).await;
    for (market, outcome) in config.markets.iter().zip(outcomes) {
        tally.count(outcome);
        match outcome {
            Outcome::Landed => debug!(market = %market.market, "mark refreshed"),
            Outcome::NothingNew(why) => debug!(market = %market.market, ?why, "nothing new"),
            Outcome::Transient => warn!(market = %market.market, "refresh failed, will try again"),
            Outcome::Refused(why) => warn!(market = %market.market, ?why, "refresh refused"),
        }
    }
}

async fn refresh(
    connection: &Connection,
    config: &MarksConfig,
    market: &MarketFeeds,
    payer: &Keypair,
) -> Outcome {
    let instruction = refresh_mark(&config.addresses, market.market, &market.feeds);
    let options = SendOptions {
        priority_fee: config.priority_fee,
        compute_units: None,
    };
    let sent = if config.dry_run {
        connection
            .simulate(&[instruction], &[payer])
            .await
            .map(|_| ())
    } else {
        connection
            .send(&[instruction], &[payer], options)
            .await
            .map(|_| ())
    };
    match sent {
        Ok(()) => Outcome::Landed,
        Err(error) => {
            debug!(%error, "refresh");
            classify(&error)
        }
    }
}

/// Runs rounds until `stop` turns true; returns what was done.
pub async fn run(
    connection: &Connection,
    config: &MarksConfig,
    payer: &Keypair,
    mut stop: watch::Receiver<bool>,
) -> Tally {
    let mut tally = Tally::default();
    let mut ticks = tokio::time::interval(config.interval);
    // A slow round is followed by one round, not by all the missed ones.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    info!(markets = config.markets.len(), "marks: started");
    while !*stop.borrow() {
        tokio::select! {
            _ = ticks.tick() => round(connection, config, payer, &mut tally).await,
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    info!(?tally, "marks: stopped");
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program_error(error: EngineError) -> RpcError {
        let code = plimsoll_client::errors::ERROR_CODE_OFFSET + error.code();
        RpcError::Program {
            code,
            name: format!("{error:?}"),
            logs: Vec::new(),
        }
    }

    #[test]
    fn a_silent_feed_is_nothing_new() {
        let outcome = classify(&program_error(EngineError::FeedStale));
        assert_eq!(outcome, Outcome::NothingNew(EngineError::FeedStale));
    }

    #[test]
    fn another_refusal_is_an_operators_matter() {
        let outcome = classify(&program_error(EngineError::FeedWrongId));
        assert_eq!(outcome, Outcome::Refused(EngineError::FeedWrongId));
    }

    #[test]
    fn a_lost_transaction_is_tried_again() {
        assert_eq!(
            classify(&RpcError::Expired(Default::default())),
            Outcome::Transient
        );
    }
}
