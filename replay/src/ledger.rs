//! What happens, written down: from the program's events and from what was tried.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_client::events::{AuctionFilled, DeleveragingExecuted, Event, OrderPlaced};
use plimsoll_engine::units::PriceQ32;
use solana_pubkey::Pubkey;

use crate::outcome::{EventRow, Halt, Measures, Moment, Waterfall};
use crate::venue::{dollars, Units};

/// An account by name.
#[derive(Clone, Debug)]
pub struct Entry {
    pub cohort: String,
    pub number: u32,
    pub margin: Pubkey,
    pub seat: u32,
    pub hedger: bool,
}

impl Entry {
    /// As events name it.
    pub fn label(&self) -> String {
        format!("{} {}", self.cohort, self.number)
    }
}

/// Everybody with a seat, found by margin account and by seat.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    pub entries: Vec<Entry>,
    by_margin: BTreeMap<Pubkey, usize>,
    by_seat: BTreeMap<u32, usize>,
}

impl Roster {
    pub fn new(entries: Vec<Entry>) -> Self {
        let by = |(place, entry): (usize, &Entry)| (entry.margin, place);
        Self {
            by_margin: entries.iter().enumerate().map(by).collect(),
            by_seat: entries
                .iter()
                .enumerate()
                .map(|(place, entry)| (entry.seat, place))
                .collect(),
            entries,
        }
    }

    /// Place of a margin account.
    pub fn of_margin(&self, margin: &Pubkey) -> Option<usize> {
        self.by_margin.get(margin).copied()
    }

    /// Place of a seat.
    pub fn of_seat(&self, seat: u32) -> Option<usize> {
        self.by_seat.get(&seat).copied()
    }

    fn label(&self, place: Option<usize>) -> String {
        place
            .and_then(|place| self.entries.get(place))
            .map_or_else(String::new, Entry::label)
    }
}

/// The book of one run.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub roster: Roster,
    units: Units,
    rules: &'static str,
    start: i64,
    pub second: u32,
    pub measures: Measures,
    pub waterfall: Waterfall,
    pub timeline: Vec<Moment>,
    pub now: Moment,
    pub halts: Vec<Halt>,
    running: Option<Halt>,
    pub events: Vec<EventRow>,
    /// Accounts whose position was closed for them.
    pub liquidated: BTreeSet<usize>,
    /// Accounts that a step is being taken against though they are healthy at every price near the index.
    pub suspects: BTreeSet<usize>,
    /// Those of them whose position it closed.
    venue_only: BTreeSet<usize>,
    /// The venue's last trade, ticks.
    pub last_ticks: Option<u64>,
    /// What each account deposited in the day, quote atoms.
    pub deposited: BTreeMap<usize, u64>,
    /// Principal of credit that was written off and not recovered since.
    pub written_off: u64,
}

impl Ledger {
    pub fn new(roster: Roster, units: Units, rules: &'static str, start: i64) -> Self {
        Self {
            roster,
            units,
            rules,
            start,
            second: 0,
            measures: Measures::default(),
            waterfall: Waterfall::default(),
            timeline: Vec::new(),
            now: Moment::default(),
            halts: Vec::new(),
            running: None,
            events: Vec::new(),
            liquidated: BTreeSet::new(),
            suspects: BTreeSet::new(),
            venue_only: BTreeSet::new(),
            last_ticks: None,
            deposited: BTreeMap::new(),
            written_off: 0,
        }
    }

    /// Takes in what a transaction emitted.
    pub fn observe(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::OrderPlaced(placed) => self.placed(placed),
                Event::Liquidated(done) => {
                    let place = self.roster.of_margin(&done.margin_account);
                    if done.filled_lots != 0 {
                        self.liquidation(
                            "liquidated",
                            place,
                            done.filled_quote,
                            Some(done.filled_lots),
                        );
                    }
                }
                Event::TakenOver(taken) => {
                    let place = self.roster.of_margin(&taken.margin_account);
                    let lots = taken.base / self.units.base_atoms_per_lot.max(1);
                    self.liquidation("taken_over", place, taken.cash, Some(lots));
                }
                Event::DeleveragingExecuted(receipt) => self.torn_up(receipt),
                // Every draw emits it, also one inside a liquidation, whose own event names the amount again.
                Event::CreditDrawn(drawn) => {
                    let place = self.roster.of_margin(&drawn.margin_account);
                    self.drawn(place, drawn.amount);
                }
                Event::CreditWrittenOff(lost) => {
                    let place = self.roster.of_margin(&lost.margin_account);
                    self.written_off = self.written_off.saturating_add(lost.principal);
                    self.row("written_off", place, None, None, Some(lost.principal));
                }
                Event::LienCollected(lien) => {
                    let place = self.roster.of_margin(&lien.margin_account);
                    self.recovered(place, lien.amount);
                }
                Event::CreditRepaid(repaid) if repaid.lien != 0 => {
                    let place = self.roster.of_margin(&repaid.margin_account);
                    self.recovered(place, repaid.lien);
                }
                Event::HaltStarted(started) => {
                    let cause = match started.cause {
                        1 => "index",
                        2 => "mark",
                        _ => "trade",
                    };
                    if !started.halted {
                        self.note("halt_refused", cause);
                        continue;
                    }
                    self.note("halt_started", cause);
                    self.running = Some(Halt {
                        began: self.second,
                        ended: self.second,
                        cause,
                        auction: None,
                    });
                }
                Event::AuctionPriceFixed(fixed) => {
                    let price = self.units.price_e8(fixed.price);
                    self.row("auction", None, Some(fixed.lots), Some(price), None);
                    if let Some(halt) = &mut self.running {
                        halt.auction = (fixed.lots != 0).then_some((price, fixed.lots));
                    }
                }
                Event::AuctionFilled(filled) => self.auctioned(filled),
                Event::HaltEnded(ended) => {
                    let second = ended.reopened_at.saturating_sub(self.start);
                    let second = u32::try_from(second.max(0)).unwrap_or(self.second);
                    self.note("halt_ended", "");
                    self.end_halt(second);
                }
                _ => {}
            }
        }
    }

    fn end_halt(&mut self, second: u32) {
        if let Some(mut halt) = self.running.take() {
            halt.ended = second;
            self.halts.push(halt);
        }
    }

    /// Seconds of the halts that are over.
    pub fn halted_seconds(&self) -> u64 {
        let seconds = self.halts.iter();
        seconds
            .map(|halt| u64::from(halt.ended.saturating_sub(halt.began)))
            .sum()
    }

    /// The day is over: a halt that goes on ends with it.
    pub fn close(&mut self) {
        self.end_halt(self.second);
        self.measures.halts = u64::try_from(self.halts.len()).unwrap_or(u64::MAX);
        self.measures.halted_seconds = self.halted_seconds();
        let count = |set: &BTreeSet<usize>| u64::try_from(set.len()).unwrap_or(u64::MAX);
        self.measures.liquidated_accounts = count(&self.liquidated);
        self.measures.liquidated_on_venue_only_print = count(&self.venue_only);
        let hedgers = self.liquidated.iter();
        let hedgers = hedgers.filter(|place| {
            let entry = self.roster.entries.get(**place);
            entry.is_some_and(|entry| entry.hedger)
        });
        self.measures.hedgers_stopped_out = u64::try_from(hedgers.count()).unwrap_or(u64::MAX);
    }

    fn placed(&mut self, placed: &OrderPlaced) {
        for fill in &placed.fills {
            self.traded(fill.price);
        }
    }

    /// The venue printed a price.
    fn traded(&mut self, ticks: u64) {
        let price = self.units.price_e8(ticks);
        self.last_ticks = Some(ticks);
        self.now.low = if self.now.low == 0 {
            price
        } else {
            self.now.low.min(price)
        };
        self.now.high = self.now.high.max(price);
        let low = self.measures.venue_low.unwrap_or(price);
        self.measures.venue_low = Some(low.min(price));
    }

    fn auctioned(&mut self, filled: &AuctionFilled) {
        for fill in &filled.fills {
            self.traded(filled.price);
            if fill.liquidation {
                let place = self.roster.of_seat(fill.seat);
                let value = self.units.value(fill.lots, filled.price);
                self.liquidation("liquidated_in_auction", place, value, Some(fill.lots));
            }
        }
    }

    fn torn_up(&mut self, receipt: &DeleveragingExecuted) {
        let place = self.roster.of_margin(&receipt.margin_account);
        let value = PriceQ32(receipt.price).value_floor(receipt.quantity);
        let lots = receipt.quantity / self.units.base_atoms_per_lot.max(1);
        self.liquidation("torn_up", place, value.unwrap_or(0), Some(lots));
        self.loss(receipt.deficit, receipt.from_default_fund, receipt.carried);
    }

    /// A loss that its account could not bear, and who did besides winners.
    pub fn loss(&mut self, deficit: u64, from_default_fund: u64, carried: u64) {
        let add = |sum: &mut u64, amount: u64| *sum = sum.saturating_add(amount);
        add(&mut self.measures.bad_debt, deficit);
        add(&mut self.measures.default_fund_used, from_default_fund);
        add(&mut self.waterfall.default_fund, from_default_fund);
        add(&mut self.waterfall.carried, carried);
        let needed = deficit
            .saturating_sub(from_default_fund)
            .saturating_sub(carried);
        add(&mut self.measures.adl_needed, needed);
    }

    /// A position, or a part of it, was closed for its account.
    pub fn liquidation(
        &mut self,
        event: &'static str,
        place: Option<usize>,
        value: u64,
        lots: Option<u64>,
    ) {
        if let Some(place) = place.filter(|_| value != 0) {
            self.liquidated.insert(place);
            if self.suspects.contains(&place) {
                self.venue_only.insert(place);
            }
        }
        self.now.liquidated = self.now.liquidated.saturating_add(value);
        let sum = &mut self.measures.liquidated_notional;
        *sum = sum.saturating_add(value);
        self.row(event, place, lots, None, Some(value));
    }

    fn drawn(&mut self, place: Option<usize>, amount: u64) {
        let sum = &mut self.measures.credit_drawn;
        *sum = sum.saturating_add(amount);
        self.row("credit_drawn", place, None, None, Some(amount));
    }

    /// Of what was written off, a part came back.
    fn recovered(&mut self, place: Option<usize>, amount: u64) {
        self.written_off = self.written_off.saturating_sub(amount);
        self.row("lien_collected", place, None, None, Some(amount));
    }

    /// A remainder below a lot, which a loss event had left, was closed: tidying up, not a liquidation.
    pub fn remainder(&mut self, receipt: &DeleveragingExecuted) {
        let place = self.roster.of_margin(&receipt.margin_account);
        let value = PriceQ32(receipt.price).value_floor(receipt.quantity);
        self.row("remainder_closed", place, None, None, value.ok());
    }

    /// A deposit was tried.
    pub fn deposit(&mut self, place: usize, amount: u64, accepted: bool) {
        self.measures.deposits_tried = self.measures.deposits_tried.saturating_add(1);
        let event = if accepted {
            let sum = self.deposited.entry(place).or_default();
            *sum = sum.saturating_add(amount);
            self.measures.deposits_accepted = self.measures.deposits_accepted.saturating_add(1);
            "deposited"
        } else {
            "deposit_refused"
        };
        self.row(event, Some(place), None, None, Some(amount));
    }

    fn note(&mut self, event: &'static str, note: &str) {
        self.row(event, None, None, None, None);
        if let Some(row) = self.events.last_mut() {
            note.clone_into(&mut row.note);
        }
    }

    /// A row of `events.csv`.
    pub fn row(
        &mut self,
        event: &'static str,
        place: Option<usize>,
        lots: Option<u64>,
        price_e8: Option<i64>,
        atoms: Option<u64>,
    ) {
        self.events.push(EventRow {
            rules: self.rules,
            unix_seconds: self.start.saturating_add(i64::from(self.second)),
            event,
            account: self.roster.label(place),
            lots,
            price: price_e8.map(dollars),
            amount: atoms.map(|atoms| format!("{}.{:06}", atoms / 1_000_000, atoms % 1_000_000)),
            note: String::new(),
        });
    }

    /// The second is over.
    pub fn end_second(&mut self) {
        self.timeline.push(std::mem::take(&mut self.now));
        self.second = self.second.saturating_add(1);
    }
}
