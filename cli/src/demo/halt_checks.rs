//! What must hold of halts and their auctions. Pure: from an [`Audit`] and a [`Ledger`].

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_client::engine::halt::allowed_seconds;
use plimsoll_client::engine::math;
use plimsoll_client::engine::state::{HaltPhase, OrderSide};
use plimsoll_client::events::{AuctionFilled, Event};
use solana_pubkey::Pubkey;

use super::audit::Audit;
use super::checks::Check;
use super::ledger::Ledger;
use super::story::MARKETS;
use crate::units::MarketUnits;

/// A halt as the program's events tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    pub market: Pubkey,
    /// The market's own number of it.
    pub sequence: u64,
    /// The one price, ticks; `None`: nothing crossed.
    pub price: Option<u64>,
    /// Lots that were to trade at it, and that did, on each side.
    pub matched: u64,
    pub bought: u64,
    pub sold: u64,
    /// Of them, of liquidations.
    pub liquidated: u64,
    /// Fills at another price.
    pub at_other_prices: u64,
    /// Accounts that joined with liquidation interest.
    pub joined: BTreeSet<Pubkey>,
    /// Chain second, once it has ended.
    pub reopened_at: Option<i64>,
    pub halted_seconds: u64,
    pub reduce_only: bool,
}

/// Every halt that the ledger knows, in the order in which each was first told of.
pub fn courses(ledger: &Ledger) -> Vec<Course> {
    let mut courses: Vec<Course> = Vec::new();
    let mut joined: BTreeMap<Pubkey, BTreeSet<Pubkey>> = BTreeMap::new();
    for told in &ledger.liquidations {
        match &told.event {
            Event::AuctionJoined(event) if event.lots != 0 => {
                let own = joined.entry(event.market).or_default();
                own.insert(event.margin_account);
            }
            Event::AuctionPriceFixed(event) => {
                let course = course(&mut courses, event.market, event.sequence);
                course.price = Some(event.price);
                course.matched = event.lots;
            }
            Event::AuctionFilled(event) => {
                course(&mut courses, event.market, event.sequence).add(event);
            }
            Event::AuctionEnded(event) => {
                let course = course(&mut courses, event.market, event.sequence);
                course.joined = joined.remove(&event.market).unwrap_or_default();
            }
            Event::HaltEnded(event) => {
                let course = course(&mut courses, event.market, event.sequence);
                course.reopened_at = Some(event.reopened_at);
                course.halted_seconds = event.halted_seconds;
                course.reduce_only = event.reduce_only;
            }
            _ => {}
        }
    }
    courses
}

fn course(courses: &mut Vec<Course>, market: Pubkey, sequence: u64) -> &mut Course {
    let known = courses
        .iter()
        .position(|one| one.market == market && one.sequence == sequence);
    let at = known.unwrap_or_else(|| {
        courses.push(Course {
            market,
            sequence,
            ..Course::default()
        });
        courses.len() - 1
    });
    &mut courses[at]
}

impl Course {
    fn add(&mut self, filled: &AuctionFilled) {
        for fill in &filled.fills {
            if fill.side == OrderSide::Bid.byte() {
                self.bought += fill.lots;
            } else {
                self.sold += fill.lots;
            }
            if fill.liquidation {
                self.liquidated += fill.lots;
            }
            if Some(filled.price) != self.price {
                self.at_other_prices += 1;
            }
        }
    }
}

/// Fees of liquidations in auctions, quote atoms: their own, and of the others' what they paid on lots that
/// met one. Who met whom follows from the order of the fills: the best bid meets the best ask.
pub fn charged(ledger: &Ledger) -> u64 {
    ledger.auctions().map(charged_by).sum()
}

fn charged_by(auction: &AuctionFilled) -> u64 {
    let side = |side: OrderSide| {
        let fills = auction.fills.iter();
        fills.filter(move |fill| fill.side == side.byte())
    };
    let own: u64 = auction
        .fills
        .iter()
        .filter(|fill| fill.liquidation)
        .map(|fill| fill.fee)
        .sum();
    let mut met: BTreeMap<(u8, u64), u64> = BTreeMap::new();
    let (mut bids, mut asks) = (side(OrderSide::Bid), side(OrderSide::Ask));
    let (mut bid, mut ask) = (bids.next().copied(), asks.next().copied());
    while let (Some(buyer), Some(seller)) = (&mut bid, &mut ask) {
        let lots = buyer.lots.min(seller.lots);
        for (one, other) in [(&*buyer, &*seller), (&*seller, &*buyer)] {
            if other.liquidation && !one.liquidation {
                *met.entry((one.side, one.sequence)).or_default() += lots;
            }
        }
        buyer.lots -= lots;
        seller.lots -= lots;
        if buyer.lots == 0 {
            bid = bids.next().copied();
        }
        if ask.is_some_and(|seller| seller.lots == 0) {
            ask = asks.next().copied();
        }
    }
    let others = auction.fills.iter().map(|fill| {
        let against = met.get(&(fill.side, fill.sequence)).copied().unwrap_or(0);
        math::mul_div_ceil(fill.fee, against, fill.lots.max(1)).unwrap_or(0)
    });
    own + others.sum::<u64>()
}

/// Every statement about halts.
pub fn of(audit: &Audit, ledger: &Ledger) -> Vec<Check> {
    let courses = courses(ledger);
    vec![
        story(audit, &courses),
        ended(audit, &courses),
        budget(audit, &courses),
        one_price(audit, &courses),
        deposits(audit, &courses),
    ]
}

/// The first market's fall is what the evening is about.
fn story(audit: &Audit, courses: &[Course]) -> Check {
    let first = MARKETS.first().map_or("", |market| market.symbol);
    let own = |course: &&Course| symbol(audit, &course.market) == first;
    let halts = courses.iter().filter(own).count();
    let mut crossed = courses.iter().filter(own).filter(|one| one.price.is_some());
    let auctions = crossed.clone().count();
    let met = crossed.any(|one| one.liquidated != 0);
    Check::new(
        format!("{first} halted, and an auction gave it a price"),
        auctions != 0,
        format!(
            "{halts} halts, {auctions} auctions with a price, {}",
            if met {
                "liquidations among their sellers"
            } else {
                "no liquidation in them"
            }
        ),
    )
}

/// Every halt that a market counts has ended, and their seconds add up to the market's own.
fn ended(audit: &Audit, courses: &[Course]) -> Check {
    let mut holds = true;
    let (mut halts, mut seconds) = (0, 0);
    for (address, market) in &audit.markets {
        let halt = &market.header.halt;
        let own = courses.iter().filter(|one| one.market == *address);
        let over = own.filter(|one| one.reopened_at.is_some());
        let numbers: BTreeSet<u64> = over.clone().map(|one| one.sequence).collect();
        let total: u64 = over.map(|one| one.halted_seconds).sum();
        holds &= halt.phase == HaltPhase::Continuous.byte()
            && numbers.iter().copied().eq(1..=halt.sequence)
            && total == halt.halted_seconds_total;
        halts += halt.sequence;
        seconds += total;
    }
    Check::new(
        "every halt ended",
        holds,
        format!(
            "{halts} halts of {} markets, {seconds} s in all",
            audit.markets.len()
        ),
    )
}

/// INV-10: in no stretch of the budget's length was a market halted for longer than its share of it.
fn budget(audit: &Audit, courses: &[Course]) -> Check {
    let mut holds = true;
    let mut figures = Vec::new();
    for (address, market) in &audit.markets {
        let params = &market.header.params;
        let stretches: Vec<(i64, i64)> = courses
            .iter()
            .filter(|one| one.market == *address)
            .filter_map(|one| {
                let end = one.reopened_at?;
                let seconds = i64::try_from(one.halted_seconds).unwrap_or(i64::MAX);
                Some((end.saturating_sub(seconds), end))
            })
            .collect();
        let most = halted_most(&stretches, i64::from(params.halt_budget_seconds));
        let allowed = allowed_seconds(params);
        holds &= most <= allowed;
        if most != 0 {
            figures.push(format!(
                "{} at most {most} s in {} s, {allowed} allowed",
                market.symbol(),
                params.halt_budget_seconds
            ));
        }
    }
    Check::new(
        "no market was halted beyond its budget",
        holds,
        figures.join("; "),
    )
}

/// Most halted seconds of any stretch of that length: the worst one ends with a halt or begins with one.
fn halted_most(stretches: &[(i64, i64)], length: i64) -> u64 {
    let within = |from: i64, to: i64| -> i64 {
        let parts = stretches.iter();
        parts
            .map(|(begin, end)| (to.min(*end) - from.max(*begin)).max(0))
            .sum()
    };
    let ending = stretches.iter().map(|(_, end)| within(end - length, *end));
    let beginning = stretches
        .iter()
        .map(|(begin, _)| within(*begin, begin + length));
    let most = ending.chain(beginning).max().unwrap_or(0);
    u64::try_from(most).unwrap_or(0)
}

/// Bought = sold = matched, all at the price that was fixed.
fn one_price(audit: &Audit, courses: &[Course]) -> Check {
    let holds = courses
        .iter()
        .all(|one| one.bought == one.sold && one.bought == one.matched && one.at_other_prices == 0);
    let crossed = courses.iter().filter(|one| one.price.is_some());
    let figures: Vec<String> = audit
        .markets
        .iter()
        .filter_map(|(address, market)| {
            let own = crossed.clone().filter(|one| one.market == *address);
            let lots: u64 = own.map(|one| one.bought).sum();
            let units = MarketUnits::of(&market.header.params);
            (lots != 0).then(|| format!("{} {}", units.size(lots), market.symbol()))
        })
        .collect();
    Check::new(
        "in every auction bought = sold, at one price",
        holds,
        format!("{} auctions: {}", crossed.count(), figures.join(", ")),
    )
}

/// Nothing stands in front of a deposit: one was accepted in each halt.
fn deposits(audit: &Audit, courses: &[Course]) -> Check {
    let served = courses.iter().filter(|one| {
        let Some(end) = one.reopened_at else {
            return false;
        };
        let begin = end.saturating_sub(i64::try_from(one.halted_seconds).unwrap_or(i64::MAX));
        let mut times = audit.deposit_times.iter();
        times.any(|time| (begin..end).contains(time))
    });
    let served = served.count();
    Check::new(
        "a deposit was accepted in every halt",
        served == courses.len(),
        format!("{served} of {} halts", courses.len()),
    )
}

fn symbol(audit: &Audit, market: &Pubkey) -> String {
    let mut markets = audit.markets.iter();
    let found = markets.find(|(address, _)| address == market);
    found.map_or_else(String::new, |(_, market)| market.symbol())
}

#[cfg(test)]
#[path = "halt_checks_tests.rs"]
mod tests;
