//! Plays the tapes: moves the chain step by step, lets everybody act on what the chain then says, and
//! keeps the wall clock's pace as long as the machine can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use plimsoll_client::engine::auction;
use plimsoll_client::engine::state::HaltPhase;
use plimsoll_client::instructions::refresh_mark;
use plimsoll_client::MarketView;
use plimsoll_localnet::{TapeFeed, TapePlayer, TapeShift};
use solana_keypair::Keypair;
use tokio::task::JoinSet;

use super::board::{Board, Picture};
use super::cast::{keeper, Trader};
use super::crowd::Crowd;
use super::duties::Duties;
use super::halts::{self, Halts};
use super::lending;
use super::liquidator::{self, Read, Seen};
use super::night::Night;
use super::settle;
use super::sight::{IndexHistory, Sight};
use super::story::{time_of_day, Story};
use super::tally::Kind;
use super::tapes::{MarketTapes, TAIL_SECONDS};
use super::traffic::{Outgoing, Traffic};
use super::venue::{Listed, Venue};
use super::witness::Witness;
use crate::localnet::RunningLocalnet;

/// Tape seconds after which a mark is refreshed even without a new price: the book moves it too.
const REFRESH_SECONDS: i64 = 6;
/// Tape seconds between attempts while the feed is silent and the program can only say no.
const REFRESH_SECONDS_STALE: i64 = 30;
/// Calls that one auction takes at most: each fills dozens of orders.
const CALLS_MAX: u32 = 20;
/// Between two looks at the chain's slot.
const SLOT_PAUSE: Duration = Duration::from_millis(25);

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
    pub halts: Halts,
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
    /// What is to be told of halts.
    said: Vec<String>,
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
            said: Vec::new(),
            played: Played {
                chain_start: player.shift().to_chain(story.tape_start),
                elapsed: Duration::ZERO,
                first_trade: None,
                witnesses: vec![Witness::default(); markets],
                night: Night::default(),
                halts: Halts::default(),
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
            self.step(&mut board, tape_seconds).await?;
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
        let now = self.reopen_all(&mut board).await?;
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

    async fn step(&mut self, board: &mut Board, tape_seconds: i64) -> Result<()> {
        let now = self.watch(board, tape_seconds).await?;
        let pressures: Vec<_> = self
            .tapes
            .iter()
            .map(|tape| tape.pressure(tape_seconds))
            .collect();
        let seen = (self.views.as_slice(), self.sights.as_slice());
        let mut acts = self.crowd.act(self.venue, self.traders, seen, &pressures);
        acts.extend(self.duties.in_halts(self.venue, self.traders, seen));
        acts.extend(self.duties.due(self.venue, self.traders, tape_seconds));
        self.submit(acts).await;
        if self.duties.settle_due(tape_seconds) {
            self.settle(now).await?;
        }
        Ok(())
    }

    /// What is done at every second of the tape, whoever trades: halts are taken further, marks refreshed,
    /// and what is due for accounts below maintenance is called.
    async fn watch(&mut self, board: &mut Board, tape_seconds: i64) -> Result<i64> {
        let posted = self.player.advance_to(tape_seconds)?;
        let now = self.player.shift().to_chain(tape_seconds);
        self.write_reopenings(now).await;
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
        self.tell(board, tape_seconds);
        self.uncross(board, now, tape_seconds).await?;
        self.tell(board, tape_seconds);
        let calls = liquidator::due(self.venue, self.traders, &self.seen, now);
        self.submit(calls).await;
        Ok(now)
    }

    /// Where a halt has ended by the clock, has that written down before anything else happens.
    async fn write_reopenings(&mut self, now: i64) {
        let markets = self.venue.markets.iter().zip(&self.views);
        let over = markets.filter(|(_, view)| halts::is_over(&view.header, now));
        let advances =
            over.filter_map(|(market, _)| halts::advance(self.venue, self.traders, market));
        let advances = advances.collect();
        self.submit(advances).await;
    }

    /// Where a call has ended, has the auction's price fixed and everything filled at it. The chain wants
    /// its book to have stood still for some slots, which pass by themselves.
    async fn uncross(&mut self, board: &mut Board, now: i64, tape_seconds: i64) -> Result<()> {
        for market in 0..self.venue.markets.len() {
            for _ in 0..CALLS_MAX {
                let (Some(listed), Some(view), Some(sight)) = (
                    self.venue.markets.get(market),
                    self.views.get(market),
                    self.sights.get(market),
                ) else {
                    break;
                };
                if sight.phase != HaltPhase::Uncross {
                    break;
                }
                self.await_slot(view.header.halt.uncross_slot).await?;
                let said = auction_line(listed, view);
                let advance = halts::advance(self.venue, self.traders, listed);
                self.submit(advance.into_iter().collect()).await;
                self.look(now).await?;
                if let Some(said) = said {
                    board.say(&format!("{}  {said}", time_of_day(tape_seconds)));
                }
            }
        }
        Ok(())
    }

    async fn await_slot(&self, slot: u64) -> Result<()> {
        while self.traffic.slot().await? < slot {
            tokio::time::sleep(SLOT_PAUSE).await;
        }
        Ok(())
    }

    /// Says what has happened to halts since the last look that was told of.
    fn tell(&mut self, board: &mut Board, tape_seconds: i64) {
        for said in self.said.drain(..) {
            board.say(&format!("{}  {said}", time_of_day(tape_seconds)));
        }
    }

    /// After the tape's end nobody trades any more; a market that is halted then goes on to its reopening.
    /// Returns the chain's second at which all are open.
    async fn reopen_all(&mut self, board: &mut Board) -> Result<i64> {
        let mut tape_seconds = self.story.tape_end;
        let halted = |views: &[MarketView]| {
            let mut phases = views.iter().map(|view| view.header.halt.phase);
            phases.any(|phase| phase != HaltPhase::Continuous.byte())
        };
        while halted(&self.views) && tape_seconds < self.story.tape_end + TAIL_SECONDS {
            tape_seconds += self.story.step_seconds;
            self.watch(board, tape_seconds).await?;
        }
        Ok(self.player.shift().to_chain(tape_seconds))
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
            if let Some(listed) = self.venue.markets.get(at) {
                let before = self.views.get(at);
                let halts = &mut self.played.halts;
                self.said
                    .extend(halts.note((at, listed), before, view, sight));
            }
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

/// What the auction of a book will come to.
fn auction_line(listed: &Listed, view: &MarketView) -> Option<String> {
    let halt = &view.header.halt;
    if halt.auction_price != 0 {
        return None;
    }
    let symbol = &listed.symbol;
    let found = auction::indicative(&view.as_ref()).ok()?;
    Some(match found {
        Some((price, lots)) => format!(
            "{symbol} auction: {} {symbol} at {} for everybody; index {}",
            listed.units.size(lots),
            listed.units.price(price),
            listed.units.price_q32(view.header.prices.index)
        ),
        None => format!("{symbol} auction: nothing crosses, nothing trades"),
    })
}
