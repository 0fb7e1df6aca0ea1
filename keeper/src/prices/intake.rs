//! The loop's end of the prices: the newest of each feed, and what of them is to be posted.

use std::collections::BTreeSet;

use solana_pubkey::Pubkey;
use tokio::sync::mpsc;

use super::due::{due, Latest, Posting};
use super::{unix_now, Board, PriceSource};
use crate::decide::Action;
use crate::marks::MarketFeeds;
use crate::mirror::{AccountUpdate, ChainClock, Mirror, RawAccount};

/// Price accounts that wait to be told of; the next look at one that does not fit brings it again.
pub const ACCOUNTS_MAX: usize = 256;

/// Prices as the loop holds them.
#[derive(Debug)]
pub struct Prices {
    board: Board,
    source: Option<Box<dyn PriceSource>>,
    posting: Option<Posting>,
    latest: Latest,
    /// Where the price accounts go that the mirror's sources bring, for the source `chain`.
    accounts: Option<(BTreeSet<Pubkey>, mpsc::Sender<RawAccount>)>,
}

impl Prices {
    /// Prices of a source; with `posting` what is worth it is posted.
    pub fn new(board: Board, source: Box<dyn PriceSource>, posting: Option<Posting>) -> Self {
        Self {
            board,
            source: Some(source),
            posting,
            latest: Latest::new(),
            accounts: None,
        }
    }

    /// Hands these price accounts on as they come by.
    #[must_use]
    pub fn seeing(mut self, feeds: BTreeSet<Pubkey>, accounts: mpsc::Sender<RawAccount>) -> Self {
        self.accounts = Some((feeds, accounts));
        self
    }

    /// The source, once, and the board that it fills.
    pub fn start(&mut self) -> Option<(Box<dyn PriceSource>, Board)> {
        Some((self.source.take()?, self.board.clone()))
    }

    /// Sets the figures of the prices' ages.
    pub fn measure(&self) {
        self.board.measure(unix_now());
    }

    /// An account came by.
    pub fn see(&self, update: &AccountUpdate) {
        let Some((feeds, accounts)) = &self.accounts else {
            return;
        };
        if let Some(account) = update
            .account
            .as_ref()
            .filter(|_| feeds.contains(&update.address))
        {
            // Full: the same account comes by again with the next pulse.
            let _ = accounts.try_send(account.clone());
        }
    }

    /// Takes what came in; whether anything did.
    pub fn take(&mut self) -> bool {
        let taken = self.board.take();
        let any = !taken.is_empty();
        self.latest
            .extend(taken.into_iter().map(|seen| (seen.feed_id, seen)));
        any
    }

    /// What is to be posted now.
    pub fn due(&self, mirror: &Mirror, clock: &ChainClock, markets: &[MarketFeeds]) -> Vec<Action> {
        match &self.posting {
            Some(posting) => due((mirror, clock), markets, posting, &self.latest),
            None => Vec::new(),
        }
    }
}
