//! What is shown while the tapes play: a table that is redrawn on a terminal, a line every few seconds
//! elsewhere. It shows; it decides nothing.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use plimsoll_client::engine::state::OrderSide;
use plimsoll_client::MarketView;

use super::checks::usd_wide;
use super::sight::Sight;
use super::story::{time_of_day, Story};
use super::tally::Tally;
use super::venue::Venue;
use crate::output;
use crate::units::MarketUnits;

/// Between two redraws of the table.
const REDRAW: Duration = Duration::from_millis(500);
/// Between two lines where nothing can be redrawn.
const LINE: Duration = Duration::from_secs(5);
const HEADER: [&str; 9] = [
    "market",
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
    pub tape_seconds: i64,
    pub views: &'a [MarketView],
    pub sights: &'a [Sight],
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
            writeln!(stdout, "{back}{text}")
        } else {
            writeln!(stdout, "{}", line(picture))
        };
        let _ = stdout.flush();
    }
}

fn table(picture: &Picture<'_>) -> String {
    let rows = picture
        .venue
        .markets
        .iter()
        .zip(picture.views)
        .zip(picture.sights);
    let rows = rows.map(|((listed, view), sight)| {
        let units = &listed.units;
        let price = |ticks: Option<u64>| ticks.map_or("–".to_owned(), |ticks| units.price(ticks));
        vec![
            listed.symbol.clone(),
            units.price(sight.index),
            units.price(sight.mark),
            price(sight.best_bid),
            price(sight.best_ask),
            depth(view, sight, units),
            open_interest(view, units),
            view.header.cash.fills_total.to_string(),
            state(sight),
        ]
    });
    format!("{}\n{}", output::table(&HEADER, rows), footer(picture))
}

/// Freshness in words: a silent tape makes an index stale, and that is what is said.
pub fn state(sight: &Sight) -> String {
    if sight.index == 0 {
        "not there yet".to_owned()
    } else if sight.fresh {
        format!("fresh, {} s", sight.index_age)
    } else {
        format!("STALE for {} s", sight.index_age)
    }
}

/// Dollars that rest in the book.
fn depth(view: &MarketView, sight: &Sight, units: &MarketUnits) -> String {
    let resting = [OrderSide::Bid, OrderSide::Ask].map(|side| {
        let levels = view.levels(side, 64, sight.now);
        let worth = levels.iter().map(|level| {
            u128::from(level.lots)
                * u128::from(level.price)
                * u128::from(units.sizes.quote_atoms_per_lot_tick)
        });
        worth.sum::<u128>()
    });
    usd_whole(resting[0] + resting[1])
}

fn open_interest(view: &MarketView, units: &MarketUnits) -> String {
    let base = i64::try_from(view.header.open_interest()).unwrap_or(i64::MAX);
    units.position(base)
}

fn usd_whole(atoms: u128) -> String {
    usd_wide(atoms / 1_000_000 * 1_000_000)
        .trim_end_matches(".00")
        .to_owned()
}

fn footer(picture: &Picture<'_>) -> String {
    let total = picture.tally.total();
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
        "{} UTC, 10 October 2025 · {}× · {} transactions sent, {} confirmed, {} refused, {} failed\nrefused: {refusals}",
        time_of_day(picture.tape_seconds),
        played / seconds,
        total.sent,
        total.confirmed,
        total.refused,
        total.failed,
    )
}

fn line(picture: &Picture<'_>) -> String {
    let markets = picture.venue.markets.iter().zip(picture.sights);
    let markets: Vec<String> = markets
        .map(|(listed, sight)| {
            let stale = if sight.fresh {
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
    let fills: u64 = picture
        .views
        .iter()
        .map(|view| view.header.cash.fills_total)
        .sum();
    let total = picture.tally.total();
    format!(
        "{}  {}  fills {fills}  sent {} confirmed {} refused {} failed {}",
        time_of_day(picture.tape_seconds),
        markets.join("  "),
        total.sent,
        total.confirmed,
        total.refused,
        total.failed
    )
}
