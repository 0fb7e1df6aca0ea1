//! What is shown while the tapes play: a table that is redrawn on a terminal, a line every few seconds
//! elsewhere. It shows; it decides nothing.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use plimsoll_client::MarketView;

use super::cast::Farm;
use super::halts::phase_name;
use super::money::{dollars_signed, dollars_whole, grouped};
use super::night::Night;
use super::sight::Sight;
use super::story::{time_of_day, Story};
use super::tally::{Kind, Tally};
use super::tapes::MarketTapes;
use super::venue::Venue;
use crate::output;
use crate::units::MarketUnits;

/// Between two redraws of the table.
const REDRAW: Duration = Duration::from_millis(500);
/// Between two lines where nothing can be redrawn.
const LINE: Duration = Duration::from_secs(5);
const HEADER: [&str; 10] = [
    "market",
    "elsewhere",
    "index",
    "mark",
    "bid",
    "ask",
    "depth",
    "open interest",
    "fills",
    "index is",
];

/// Everything that one picture shows.
#[derive(Debug)]
pub struct Picture<'a> {
    pub story: &'a Story,
    pub venue: &'a Venue,
    pub tapes: &'a [MarketTapes],
    pub tape_seconds: i64,
    pub views: &'a [MarketView],
    pub sights: &'a [Sight],
    pub night: &'a Night,
    pub tally: &'a Tally,
    /// Since playing began.
    pub elapsed: Duration,
}

/// Where pictures go.
#[derive(Debug)]
pub struct Board {
    terminal: bool,
    shown_at: Option<Instant>,
    lines_drawn: usize,
}

impl Board {
    pub fn new() -> Self {
        Self {
            terminal: io::stdout().is_terminal(),
            shown_at: None,
            lines_drawn: 0,
        }
    }

    /// Shows a picture if the last one is old enough, or if `now` asks for it.
    pub fn show(&mut self, picture: &Picture<'_>, now: bool) {
        let pause = if self.terminal { REDRAW } else { LINE };
        if !now && self.shown_at.is_some_and(|shown| shown.elapsed() < pause) {
            return;
        }
        self.shown_at = Some(Instant::now());
        let mut stdout = io::stdout().lock();
        // A reader that has gone away is no reason to stop the traders.
        let _ = if self.terminal {
            let text = table(picture);
            let up = self.lines_drawn;
            self.lines_drawn = text.lines().count();
            let back = if up == 0 {
                String::new()
            } else {
                format!("\x1b[{up}A\x1b[J")
            };
            // A narrow terminal cuts lines instead of breaking them, or the way back up would be longer.
            writeln!(stdout, "{back}\x1b[?7l{text}\x1b[?7h")
        } else {
            writeln!(stdout, "{}", line(picture))
        };
        let _ = stdout.flush();
    }
}

impl Board {
    /// Says a sentence above the table.
    pub fn say(&mut self, sentence: &str) {
        let up = std::mem::take(&mut self.lines_drawn);
        let mut stdout = io::stdout().lock();
        let _ = if self.terminal && up != 0 {
            writeln!(stdout, "\x1b[{up}A\x1b[J{sentence}")
        } else {
            writeln!(stdout, "{sentence}")
        };
        self.shown_at = self.shown_at.filter(|_| !self.terminal);
    }
}

fn table(picture: &Picture<'_>) -> String {
    let rows = (0..picture.views.len()).filter_map(|at| {
        let (listed, view) = (picture.venue.markets.get(at)?, picture.views.get(at)?);
        let sight = picture.sights.get(at)?;
        let elsewhere = picture.tapes.get(at)?.perpetual(picture.tape_seconds);
        let units = &listed.units;
        let price = |ticks: Option<u64>| ticks.map_or("–".to_owned(), |ticks| units.price(ticks));
        Some(vec![
            listed.symbol.clone(),
            elsewhere.map_or("–".to_owned(), price_e8),
            units.price(sight.index),
            units.price(sight.mark),
            price(sight.best_bid),
            price(sight.best_ask),
            dollars_whole(sight.depth),
            open_interest(view, units),
            grouped(u128::from(view.header.cash.fills_total)),
            state(sight),
        ])
    });
    format!(
        "{}\n{}\n{}",
        output::table(&HEADER, rows),
        footer(picture),
        night(picture)
    )
}

/// What was done to whom, and a line for each farmer.
fn night(picture: &Picture<'_>) -> String {
    let [calls, takeovers] =
        [Kind::Liquidate, Kind::TakeOver].map(|kind| picture.tally.of(kind).confirmed);
    let width = Farm::ALL.map(|farm| farm.name().len());
    let width = width.into_iter().max().unwrap_or(0);
    let farms = Farm::ALL.map(|farm| {
        let (seen, market) = (picture.night.of(farm), picture.venue.markets.first());
        let held = market.map_or_else(String::new, |market| market.units.position(seen.base));
        format!(
            "  farmer {:width$}  long {held} AVAX, own equity {}, drawn from its line {}",
            farm.name(),
            dollars_signed(seen.equity),
            dollars_whole(u128::from(seen.drawn))
        )
    });
    format!(
        "liquidate called {calls} times, {takeovers} takeovers, {} tear-ups\n{}",
        tear_ups(picture),
        farms.join("\n")
    )
}

fn tear_ups(picture: &Picture<'_>) -> u64 {
    let markets = picture.views.iter();
    markets.map(|view| view.header.losses.receipts).sum()
}

/// A price of a tape in dollars, to a tenth of a cent.
pub fn price_e8(price: i64) -> String {
    let thousandths = price / 100_000;
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// Prints a line; a reader that has gone away is no reason to stop the traders.
pub fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Freshness in words: a silent tape makes an index stale, and that is what is said.
pub fn state(sight: &Sight) -> String {
    if sight.index == 0 {
        "none yet".to_owned()
    } else if !sight.is_open() {
        format!("HALTED: {}", phase_name(sight.phase))
    } else if sight.fresh {
        format!("fresh, {} s", sight.index_age)
    } else {
        format!("STALE, {} s old", sight.index_age)
    }
}

fn open_interest(view: &MarketView, units: &MarketUnits) -> String {
    let base = i64::try_from(view.header.open_interest()).unwrap_or(i64::MAX);
    units.position(base)
}

fn footer(picture: &Picture<'_>) -> String {
    let total = picture.tally.total();
    let deposits = picture.tally.of(Kind::Deposit);
    let played = picture.tape_seconds - picture.story.tape_start;
    let seconds = i64::try_from(picture.elapsed.as_secs()).unwrap_or(1).max(1);
    let refusals = picture.tally.refusals();
    let refusals: Vec<String> = refusals
        .iter()
        .take(5)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let refusals = if refusals.is_empty() {
        "none".to_owned()
    } else {
        refusals.join(", ")
    };
    format!(
        "{} UTC, 10 October 2025 · {}× · {} transactions sent, {} confirmed, {} refused, {} failed\n{} deposits accepted, {} refused · refused: {refusals}",
        time_of_day(picture.tape_seconds),
        played / seconds,
        total.sent,
        total.confirmed,
        total.refused,
        total.failed,
        deposits.confirmed,
        deposits.refused,
    )
}

fn line(picture: &Picture<'_>) -> String {
    let markets = picture.venue.markets.iter().zip(picture.sights);
    let markets: Vec<String> = markets
        .map(|(listed, sight)| {
            let stale = if sight.fresh && sight.is_open() {
                String::new()
            } else {
                format!(" ({})", state(sight))
            };
            format!(
                "{} {}{stale}",
                listed.symbol,
                listed.units.price(sight.mark)
            )
        })
        .collect();
    let fills = picture
        .views
        .iter()
        .map(|view| view.header.cash.fills_total);
    let depth: u128 = picture.sights.iter().map(|sight| sight.depth).sum();
    let total = picture.tally.total();
    let calls = picture.tally.of(Kind::Liquidate).confirmed;
    format!(
        "{}  {}  depth {}  fills {}  drawn {}  liquidations {calls}  transactions {}, refused {}, failed {}",
        time_of_day(picture.tape_seconds),
        markets.join("  "),
        dollars_whole(depth),
        grouped(fills.map(u128::from).sum()),
        dollars_whole(u128::from(picture.night.drawn())),
        grouped(u128::from(total.sent)),
        total.refused,
        total.failed
    )
}
