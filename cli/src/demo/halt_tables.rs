//! The halts of the evening in a table: when each market tripped, by what, what its auction came to, and
//! when it went on.

use super::halt_checks::{courses, Course};
use super::halts::{cause, HaltSeen};
use super::money::dollars_whole;
use super::night_tables::name;
use super::story::time_of_day;
use super::summary::Told;
use super::venue::Listed;
use crate::output;

/// Halts, and what each market was halted in all.
pub fn halts(told: &Told<'_>) -> String {
    let seen = &told.played.halts.seen;
    if seen.is_empty() {
        return "no market halted".to_owned();
    }
    let courses = courses(told.ledger);
    let rows = seen.iter().filter_map(|halt| {
        let listed = told.venue.markets.get(halt.market)?;
        let mut own = courses.iter();
        let own = own.find(|one| one.market == listed.address && one.sequence == halt.sequence)?;
        Some(row(told, halt, listed, own))
    });
    let header = [
        "UTC",
        "halt",
        "by",
        "index",
        "call",
        "joined",
        "auction",
        "volume",
        "liquidated",
        "reopened",
        "index then",
        "halted",
    ];
    let table = output::table(&header, rows.collect::<Vec<_>>());
    format!("{}\n{}", table.trim_end(), totals(told))
}

fn row(told: &Told<'_>, halt: &HaltSeen, listed: &Listed, course: &Course) -> Vec<String> {
    let clock = |chain: i64| time_of_day(told.played.shift.to_tape(chain));
    let units = &listed.units;
    let joined: Vec<String> = course
        .joined
        .iter()
        .map(|account| name(told.traders, account))
        .collect();
    let cash = |lots: u64, price: u64| {
        let ticks = u128::from(lots) * u128::from(price);
        dollars_whole(ticks * u128::from(units.sizes.quote_atoms_per_lot_tick))
    };
    let (price, volume, liquidated) = match course.price {
        Some(price) => (
            units.price(price),
            format!(
                "{} = {}",
                units.size(course.bought),
                cash(course.bought, price)
            ),
            units.size(course.liquidated),
        ),
        None => ("nothing crossed".to_owned(), "–".to_owned(), "–".to_owned()),
    };
    vec![
        clock(halt.tripped_at),
        listed.symbol.clone(),
        cause(halt.cause).to_owned(),
        units.price_q32(halt.index),
        format!("{} s", halt.call_ends_at.saturating_sub(halt.tripped_at)),
        if joined.is_empty() {
            "–".to_owned()
        } else {
            joined.join(", ")
        },
        price,
        volume,
        liquidated,
        course.reopened_at.map_or_else(|| "–".to_owned(), clock),
        halt.index_after
            .map_or_else(|| "–".to_owned(), |index| units.price_q32(index)),
        format!("{} s", course.halted_seconds),
    ]
}

/// What each market was halted in all, and where a move found no budget.
fn totals(told: &Told<'_>) -> String {
    let played = told.played;
    let lines = told.venue.markets.iter().enumerate().map(|(at, listed)| {
        let mut markets = told.audit.markets.iter();
        let market = markets.find(|(address, _)| *address == listed.address);
        let seconds = market.map_or(0, |(_, market)| market.header.halt.halted_seconds_total);
        let unpaid = played.halts.unpaid.get(at).copied().unwrap_or_default();
        let beyond = match unpaid.times {
            0 => String::new(),
            times => {
                format!(" ({times}× more outside a band, the budget spent)")
            }
        };
        format!("{} {seconds} s{beyond}", listed.symbol)
    });
    let lines: Vec<String> = lines.collect();
    format!("halted in all: {}", lines.join(", "))
}
