//! Plays the tapes: moves the chain step by step, lets everybody act on what the chain then says, and
//! keeps the wall clock's pace as long as the machine can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use plimsoll_client::instructions::refresh_mark;
use plimsoll_client::MarketView;
use plimsoll_localnet::{TapeFeed, TapePlayer, TapeShift};
use solana_keypair::Keypair;
use tokio::task::JoinSet;

use super::board::{Board, Picture};
use super::cast::{keeper, Trader};
use super::crowd::Crowd;
use super::duties::Duties;
use super::lending;
use super::liquidator::{self, Read, Seen};
use super::night::Night;
use super::settle;
use super::sight::{IndexHistory, Sight};
use super::story::Story;
use super::tally::Kind;
use super::tapes::MarketTapes;
use super::traffic::{Outgoing, Traffic};
use super::venue::{Listed, Venue};
use super::witness::Witness;
use crate::localnet::RunningLocalnet;

/// Tape seconds after which a mark is refreshed even without a new price: the book moves it too.
const REFRESH_SECONDS: i64 = 6;
/// Tape seconds between attempts while the feed is silent and the program can only say no.
const REFRESH_SECONDS_STALE: i64 = 30;

/// What was seen while playing; the checks at the end read the chain instead.
#[derive(Debug)]
pub struct Played {
    /// Chain time of the tape's first second.
    pub chain_start: i64,
    pub elapsed: Duration,
    /// From the command's start to the first fill seen.
    pub first_trade: Option<Duration>,
    /// In the order of the venue's markets.
    pub witnesses: Vec<Witness>,
    pub night: Night,
    /// Tape second for a second of the chain: what events are told with.
    pub shift: TapeShift,
    pub tape_start: i64,
}

/// The running play.
#[derive(Debug)]
pub struct Play<'a> {
    story: &'a Story,
    venue: &'a Venue,
    tapes: &'a [MarketTapes],
    traders: &'a [Trader],
    traffic: Arc<Traffic>,
    player: TapePlayer,
    keeper: Arc<Keypair>,
    crowd: Crowd,
    duties: Duties,
    histories: Vec<IndexHistory>,
    sights: Vec<Sight>,
    views: Vec<MarketView>,
    /// Every trader's account as of the last look.
    reads: Vec<Read>,
    seen: Vec<Option<Seen>>,
    /// Tape second of each market's last refresh.
    refreshed: Vec<i64>,
    endings: JoinSet<()>,
    played: Played,
}

impl<'a> Play<'a> {
    /// Places the tapes in the chain's near future.
    pub fn new(
        running: &RunningLocalnet,
        story: &'a Story,
        venue: &'a Venue,
        tapes: &'a [MarketTapes],
        (traders, traffic): (&'a [Trader], &Arc<Traffic>),
    ) -> Result<Self> {
        let feeds = venue
            .markets
            .iter()
            .zip(tapes)
            .map(|(market, tape)| TapeFeed {
                feed: market.feed.clone(),
                source: Box::new(tape.index.clone()),
            });
        let openings = tapes
            .iter()
            .filter_map(|tape| tape.opening(story.tape_start));
        let begin = openings.min().unwrap_or(story.tape_start);
        let player = TapePlayer::new(&running.localnet, begin, feeds.collect())?;
        let markets = venue.markets.len();
        Ok(Self {
            story,
            venue,
            tapes,
            traders,
            traffic: Arc::clone(traffic),
            keeper: keeper(),
            crowd: Crowd::of(story, traders, markets),
            duties: Duties::new(story),
            histories: vec![IndexHistory::default(); markets],
            sights: Vec::new(),
            views: Vec::new(),
            reads: Vec::new(),
            seen: Vec::new(),
            refreshed: vec![i64::MIN; markets],
            endings: JoinSet::new(),
            played: Played {
                chain_start: player.shift().to_chain(story.tape_start),
                elapsed: Duration::ZERO,
                first_trade: None,
                witnesses: vec![Witness::default(); markets],
                night: Night::default(),
                shift: player.shift(),
                tape_start: story.tape_start,
            },
            player,
        })
    }

    /// Plays to the end of the tape. `begun` is when the command began.
    pub async fn run(mut self, begun: Instant) -> Result<Played> {
        self.open_markets().await?;
        let playing = Instant::now();
        let mut board = Board::new();
        let mut tape_seconds = self.story.tape_start;
        loop {
            self.step(tape_seconds).await?;
            if self.played.first_trade.is_none() && self.has_traded() {
                self.played.first_trade = Some(begun.elapsed());
            }
            let last = tape_seconds >= self.story.tape_end;
            self.show(&mut board, tape_seconds, playing.elapsed(), last);
            if last {
                break;
            }
            tape_seconds = (tape_seconds + self.story.step_seconds).min(self.story.tape_end);
            tokio::time::sleep_until((playing + self.story.due(tape_seconds)).into()).await;
        }
        while self.endings.join_next().await.is_some() {}
        let now = self.player.shift().to_chain(self.story.tape_end);
        self.settle(now).await?;
        while self.endings.join_next().await.is_some() {}
        self.morning(now).await?;
        self.played.elapsed = playing.elapsed();
        Ok(self.played)
    }

    /// Gives every market its first index: the last price that its tape had before the story begins.
    /// Some of them are minutes old when it does, and count as stale from the first second on.
    async fn open_markets(&mut self) -> Result<()> {
        let openings = self.tapes.iter().zip(&self.venue.markets);
        let mut openings: Vec<_> = openings
            .filter_map(|(tape, market)| Some((tape.opening(self.story.tape_start)?, market)))
            .collect();
        openings.sort_by_key(|(second, _)| *second);
        for (second, market) in openings {
            self.player.advance_to(second)?;
            let refresh = self.refresh(market);
            self.submit(vec![refresh]).await;
        }
        Ok(())
    }

    async fn step(&mut self, tape_seconds: i64) -> Result<()> {
        let posted = self.player.advance_to(tape_seconds)?;
        let now = self.player.shift().to_chain(tape_seconds);
        let mut refreshes = Vec::new();
        for (market, listed) in self.venue.markets.iter().enumerate() {
            let new = posted
                .iter()
                .any(|price| price.address == listed.feed.address());
            let stale = self.sights.get(market).is_some_and(|sight| !sight.fresh);
            let pause = if stale {
                REFRESH_SECONDS_STALE
            } else {
                REFRESH_SECONDS
            };
            let last = self.refreshed.get(market).copied().unwrap_or(i64::MIN);
            if new || tape_seconds.saturating_sub(last) >= pause {
                refreshes.push(self.refresh(listed));
                if let Some(last) = self.refreshed.get_mut(market) {
                    *last = tape_seconds;
                }
            }
        }
        self.submit(refreshes).await;
        self.look(now).await?;
        let calls = liquidator::due(self.venue, self.traders, &self.seen, now);
        self.submit(calls).await;
        let pressures: Vec<_> = self
            .tapes
            .iter()
            .map(|tape| tape.pressure(tape_seconds))
            .collect();
        let seen = (self.views.as_slice(), self.sights.as_slice());
        let mut acts = self.crowd.act(self.venue, self.traders, seen, &pressures);
        acts.extend(self.duties.due(self.venue, self.traders, tape_seconds));
        self.submit(acts).await;
        if self.duties.settle_due(tape_seconds) {
            self.settle(now).await?;
        }
        Ok(())
    }

    /// Settles everybody on the chain as it is after all orders, and sweeps the fees.
    async fn settle(&mut self, now: i64) -> Result<()> {
        self.look(now).await?;
        let batch = settle::everybody(
            (self.venue, &self.keeper),
            self.traders,
            (&self.views, &self.sights),
        );
        self.submit(batch).await;
        self.submit(settle::sweeps(self.venue, &self.keeper)).await;
        Ok(())
    }

    /// The forward sale of the farmer with the line pays, the vault is paid back where own equity allows
    /// it, and what is still lent is valued.
    async fn morning(&mut self, now: i64) -> Result<()> {
        let (venue, traders) = (self.venue, self.traders);
        self.submit(lending::proceeds(venue, traders)).await;
        self.look(now).await?;
        self.submit(lending::repayments(venue, traders, &self.reads))
            .await;
        self.look(now).await?;
        self.submit(lending::valuations(venue, traders, &self.reads))
            .await;
        while self.endings.join_next().await.is_some() {}
        self.look(now).await
    }

    fn refresh(&self, market: &Listed) -> Outgoing {
        let feeds = [market.feed.address()];
        Outgoing {
            kind: Kind::Refresh,
            instructions: vec![refresh_mark(&self.venue.addresses, market.address, &feeds)],
            signer: Arc::clone(&self.keeper),
        }
    }

    /// Reads the chain and notes what changed since the last look.
    async fn look(&mut self, now: i64) -> Result<()> {
        let views = self.venue.read(self.traffic.connection()).await?;
        let seen = self.histories.iter_mut().zip(&views);
        let sights: Vec<Sight> = seen
            .map(|(history, view)| history.look(view, now))
            .collect();
        let after = views.iter().zip(&sights);
        for (at, (witness, (view, sight))) in
            self.played.witnesses.iter_mut().zip(after).enumerate()
        {
            witness.note(self.views.get(at).zip(self.sights.get(at)), view, sight);
        }
        self.views = views;
        self.sights = sights;
        self.reads = liquidator::read(self.traffic.connection(), self.traders).await?;
        let (venue, traders) = (self.venue, self.traders);
        self.seen = liquidator::see(venue, traders, &self.reads, &self.views, now);
        self.played.night.note(traders, &self.seen, now);
        Ok(())
    }

    /// Executes in order; endings are awaited in the background.
    async fn submit(&mut self, batch: Vec<Outgoing>) {
        if batch.is_empty() {
            return;
        }
        let endings = Arc::clone(&self.traffic).submit(batch).await;
        self.endings.spawn(endings);
        while self.endings.try_join_next().is_some() {}
    }

    fn has_traded(&self) -> bool {
        self.views
            .iter()
            .any(|view| view.header.cash.fills_total > 0)
    }

    fn show(&self, board: &mut Board, tape_seconds: i64, elapsed: Duration, now: bool) {
        let tally = self.traffic.tally().clone();
        let picture = Picture {
            story: self.story,
            venue: self.venue,
            tapes: self.tapes,
            tape_seconds,
            views: &self.views,
            sights: &self.sights,
            night: &self.played.night,
            tally: &tally,
            elapsed,
        };
        board.show(&picture, now);
    }
}
