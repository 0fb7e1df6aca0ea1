//! An account's fills and funding in one market, from the market's transactions in order.
//!
//! The position before the first of them is not on chain any more; it is what the account holds now
//! less the fills and losses that were read. A loss event closes a part of every position of a side; what
//! that was of this one follows from its shares, which only a position unchanged since still tells. What
//! was held before an older one is left empty, not guessed. Funding is each refresh's rate on the position at
//! that moment; it is summed exactly and shown by the hour or until the position changes, rounded down once.

use anyhow::Result;
use plimsoll_client::engine::math::mul_div_floor;
use plimsoll_client::engine::math::mul_ppm_ceil;
use plimsoll_client::engine::state::{OrderSide, Seat, SIDE_SHORT};
use plimsoll_client::engine::units::{BaseLots, Ticks};
use plimsoll_client::events::{
    AuctionFilled, DeleveragingExecuted, Event, HaltEnded, HaltStarted, MarkRefreshed, OrderPlaced,
    TakenOver,
};
use plimsoll_client::receipts::receipt_of;
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::commands::market::cause_name;
use crate::markets::ListedMarket;
use crate::transactions::PastTransaction;
use crate::units::{usd, usd_unsigned, MarketUnits};

const FUNDING_ROW_SECONDS: i64 = 3_600;

/// Where an account stands in a market now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) seat: Option<u32>,
    /// Base atoms.
    pub(super) base: i64,
    /// The seat as it is, for what loss events did to it.
    pub(super) shares: Option<Seat>,
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Entry {
    Fill(FillEntry),
    Funding(FundingEntry),
    Loss(LossEntry),
    Halt(HaltEntry),
}

impl Entry {
    pub(super) fn time(&self) -> i64 {
        match self {
            Self::Fill(fill) => fill.time,
            Self::Funding(funding) => funding.time,
            Self::Loss(loss) => loss.time,
            Self::Halt(halt) => halt.time,
        }
    }
}

/// A fill. Amounts are dollars, sizes in the asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FillEntry {
    pub(super) time: i64,
    pub(super) market: String,
    pub(super) side: &'static str,
    pub(super) role: &'static str,
    pub(super) size: String,
    pub(super) price: String,
    pub(super) fee: String,
    pub(super) position_after: String,
    /// The maker's resting order.
    pub(super) order: Option<u64>,
    pub(super) client_id: Option<u64>,
    pub(super) transaction: String,
}

/// Funding over a stretch with one position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FundingEntry {
    /// The last refresh of the stretch.
    pub(super) time: i64,
    pub(super) market: String,
    pub(super) position: String,
    /// Received, or paid if negative; dollars.
    pub(super) amount: String,
    pub(super) transaction: String,
}

/// What a loss event did to the account. What its shares no longer tell is `None`, or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LossEntry {
    pub(super) time: i64,
    pub(super) market: String,
    /// `torn up` for the account's own loss, `deleveraged` as a part of the other side.
    pub(super) what: &'static str,
    pub(super) receipt: u64,
    /// Closed, at the price.
    pub(super) size: Option<String>,
    pub(super) price: String,
    /// Of somebody else's loss; dollars.
    pub(super) charged: Option<String>,
    pub(super) position_after: String,
    pub(super) transaction: String,
}

/// A halt of the market, or its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct HaltEntry {
    pub(super) time: i64,
    pub(super) market: String,
    /// `halted`, `not halted` where the budget was spent, `reopened`.
    pub(super) what: &'static str,
    pub(super) number: u64,
    /// Of a trip: index, mark or trade.
    pub(super) cause: Option<&'static str>,
    /// Index at the trip.
    pub(super) price: Option<String>,
    /// Of a reopening.
    pub(super) halted_seconds: Option<u64>,
    pub(super) transaction: String,
}

/// A change of the position, before it is put into words.
struct Change {
    base: i64,
    entry: FillEntry,
}

/// Funding that has not made a row yet.
struct Running {
    begun: i64,
    time: i64,
    /// Quote atoms, Q.64.
    amount: i128,
    transaction: String,
}

/// What one transaction means for the account.
enum Step {
    Fill(Change),
    /// Q.64 per base atom of a long, at a time, in a transaction.
    Funding(i128, i64, String),
    Loss(LossStep),
    Halt(HaltEntry),
}

/// A loss event in the account's market.
struct LossStep {
    event: Box<DeleveragingExecuted>,
    own: bool,
    /// Base atoms that it added to the position, and what it charged, once known.
    effect: Option<(i64, u64)>,
    time: i64,
    transaction: String,
}

impl Step {
    /// What it adds to the position; `None` when that is not known.
    fn base(&self) -> Option<i64> {
        match self {
            Self::Fill(change) => Some(change.base),
            Self::Funding(..) | Self::Halt(_) => Some(0),
            Self::Loss(loss) => loss.effect.map(|(base, _)| base),
        }
    }
}

/// Reads one market's transactions for one account.
pub(super) struct Ledger<'a> {
    market: &'a ListedMarket,
    units: MarketUnits,
    account: Pubkey,
    standing: Standing,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(market: &'a ListedMarket, account: Pubkey, standing: Standing) -> Self {
        Self {
            market,
            units: market.units(),
            account,
            standing,
        }
    }

    /// The entries, oldest first.
    pub(super) fn read(&self, past: &[PastTransaction]) -> Result<Vec<Entry>> {
        let mut steps = self.steps(past)?;
        let mut base = self.before(&mut steps);
        let mut entries = Vec::new();
        let mut running: Option<Running> = None;
        let later = later_positions(self.standing.base, &steps);
        for (step, after) in steps.into_iter().zip(later) {
            if let Step::Funding(rate, time, transaction) = step {
                let full =
                    running.take_if(|run| time.saturating_sub(run.begun) >= FUNDING_ROW_SECONDS);
                entries.extend(full.map(|run| self.funding(run, base)));
                let amount = funding_of(base.unwrap_or(0), rate);
                if amount != 0 || base.is_none() {
                    let run = running.get_or_insert(Running {
                        begun: time,
                        time,
                        amount: 0,
                        transaction: String::new(),
                    });
                    run.time = time;
                    run.amount = run.amount.saturating_add(amount);
                    run.transaction = transaction;
                }
                continue;
            }
            if let Step::Halt(halt) = step {
                entries.push(Entry::Halt(halt));
                continue;
            }
            let entry = self.changed(step, after);
            if entry.is_some() {
                entries.extend(running.take().map(|run| self.funding(run, base)));
            }
            base = after;
            entries.extend(entry);
        }
        entries.extend(running.map(|run| self.funding(run, base)));
        Ok(entries)
    }

    /// The row of a step that changed the position to `after`.
    fn changed(&self, step: Step, after: Option<i64>) -> Option<Entry> {
        match step {
            Step::Funding(..) | Step::Halt(_) => None,
            Step::Fill(change) => Some(Entry::Fill(FillEntry {
                position_after: self.position(after),
                ..change.entry
            })),
            // The position, known to be none, was on neither side.
            Step::Loss(loss) if loss.effect == Some((0, 0)) && !loss.own => None,
            Step::Loss(loss) => Some(Entry::Loss(LossEntry {
                time: loss.time,
                market: self.market.symbol(),
                what: if loss.own { "torn up" } else { "deleveraged" },
                receipt: loss.event.number,
                size: loss.effect.map(|(base, _)| self.units.position(base)),
                price: self.units.price_q32(loss.event.price),
                charged: loss
                    .effect
                    .filter(|_| !loss.own)
                    .map(|(_, charged)| usd_unsigned(charged)),
                position_after: self.position(after),
                transaction: loss.transaction,
            })),
        }
    }

    fn position(&self, base: Option<i64>) -> String {
        base.map(|base| self.units.position(base))
            .unwrap_or_default()
    }

    /// Tells what the loss events did that came after the last change of the seat, and returns the
    /// position before all steps, if it is known.
    fn before(&self, steps: &mut [Step]) -> Option<i64> {
        let mut unchanged = true;
        let mut base = Some(self.standing.base);
        for step in steps.iter_mut().rev() {
            match step {
                Step::Loss(loss) if !loss.own => {
                    loss.effect = self.loss_effect(loss, unchanged, base);
                }
                Step::Funding(..) | Step::Halt(_) => {}
                Step::Fill(_) | Step::Loss(_) => unchanged = false,
            }
            base = base
                .zip(step.base())
                .map(|(base, step)| base.saturating_sub(step));
        }
        base
    }

    /// What another's loss did to the position: by its shares if they are still those, nothing if it is
    /// known to lie on the other side, else not known.
    fn loss_effect(
        &self,
        loss: &LossStep,
        unchanged: bool,
        after: Option<i64>,
    ) -> Option<(i64, u64)> {
        let receipt = receipt_of(&loss.event)?;
        let side_after = after
            .filter(|base| *base != 0)
            .map(|base| u8::from(base < 0));
        if side_after.is_some_and(|side| side != receipt.side) {
            return Some((0, 0));
        }
        let seat = self.standing.shares.filter(|_| unchanged)?;
        if seat.side != receipt.side || (seat.shares == 0 && seat.epoch <= receipt.epoch_before) {
            return Some((0, 0));
        }
        if seat.epoch != receipt.epoch_before {
            return None;
        }
        let effect = receipt.effect_on(seat.shares).ok()?;
        let base = effect.base_after.saturating_sub(effect.base_before);
        Some((base, effect.charged))
    }

    fn funding(&self, run: Running, base: Option<i64>) -> Entry {
        Entry::Funding(FundingEntry {
            time: run.time,
            market: self.market.symbol(),
            position: self.position(base),
            amount: base
                .map(|_| usd(atoms_down(run.amount)))
                .unwrap_or_default(),
            transaction: run.transaction,
        })
    }

    fn steps(&self, past: &[PastTransaction]) -> Result<Vec<Step>> {
        let mut seat = self.seat_before(past);
        let mut steps = Vec::new();
        for transaction in past {
            for event in &transaction.events {
                match event {
                    Event::SeatClaimed(claimed)
                        if self.is_own(&claimed.market, &claimed.margin_account) =>
                    {
                        seat = Some(claimed.seat);
                    }
                    Event::SeatReleased(released)
                        if self.is_own(&released.market, &released.margin_account) =>
                    {
                        seat = None;
                    }
                    Event::OrderPlaced(placed) if placed.market == self.market.address => {
                        let liquidated = self.is_liquidation(placed, transaction);
                        self.fills(placed, liquidated, seat, transaction, &mut steps)?;
                    }
                    Event::AuctionFilled(filled) if filled.market == self.market.address => {
                        self.auction_fills(filled, seat, transaction, &mut steps)?;
                    }
                    Event::HaltStarted(started) if started.market == self.market.address => {
                        steps.push(Step::Halt(self.halted(started, transaction)));
                    }
                    Event::HaltEnded(ended) if ended.market == self.market.address => {
                        steps.push(Step::Halt(self.reopened(ended, transaction)));
                    }
                    Event::TakenOver(taken) if taken.market == self.market.address => {
                        steps.extend(self.takeover(taken, transaction)?);
                    }
                    Event::DeleveragingExecuted(event) if event.market == self.market.address => {
                        let own = event.margin_account == self.account;
                        if own || seat.is_some() {
                            steps.push(Step::Loss(self.loss(event, transaction)));
                        }
                    }
                    Event::MarkRefreshed(refreshed) if refreshed.market == self.market.address => {
                        steps.extend(funding_step(refreshed, transaction));
                    }
                    _ => {}
                }
            }
        }
        Ok(steps)
    }

    fn is_own(&self, market: &Pubkey, account: &Pubkey) -> bool {
        *market == self.market.address && *account == self.account
    }

    /// The account's seat before the first transaction: today's, unless it was claimed since.
    fn seat_before(&self, past: &[PastTransaction]) -> Option<u32> {
        let mut events = past.iter().flat_map(|transaction| &transaction.events);
        let first = events.find_map(|event| match event {
            Event::SeatClaimed(claimed)
                if self.is_own(&claimed.market, &claimed.margin_account) =>
            {
                Some(None)
            }
            Event::SeatReleased(released)
                if self.is_own(&released.market, &released.margin_account) =>
            {
                Some(Some(released.seat))
            }
            _ => None,
        });
        first.unwrap_or(self.standing.seat)
    }

    /// The fills are those of a liquidation, which names the account after them.
    fn is_liquidation(&self, placed: &OrderPlaced, transaction: &PastTransaction) -> bool {
        transaction.events.iter().any(|event| match event {
            Event::Liquidated(done) => {
                done.margin_account == placed.margin_account && done.market == placed.market
            }
            _ => false,
        })
    }

    /// The loss of the account itself, or of somebody else in its market.
    fn loss(&self, event: &DeleveragingExecuted, transaction: &PastTransaction) -> LossStep {
        let own = event.margin_account == self.account;
        let size = i64::try_from(event.quantity).unwrap_or(i64::MAX);
        // The side that pays is opposite to the loser's: a long is closed by a sale.
        let base = if event.side == SIDE_SHORT {
            -size
        } else {
            size
        };
        LossStep {
            event: Box::new(event.clone()),
            own,
            effect: own.then_some((base, 0)),
            time: transaction.time.unwrap_or(event.time),
            transaction: transaction.signature.clone(),
        }
    }

    /// A takeover, of the account or by it.
    fn takeover(&self, taken: &TakenOver, transaction: &PastTransaction) -> Result<Option<Step>> {
        let gives = taken.margin_account == self.account;
        if !gives && taken.taker != self.account {
            return Ok(None);
        }
        let base = i64::try_from(taken.base)?;
        // Who gives a long sells it.
        let buys = gives == (taken.side != 0);
        let side = if buys { "buy" } else { "sell" };
        Ok(Some(Step::Fill(Change {
            base: if buys { base } else { -base },
            entry: FillEntry {
                time: transaction.time.unwrap_or(0),
                market: self.market.symbol(),
                side,
                role: if gives { "taken over" } else { "takeover" },
                size: self.units.position(base),
                price: self.units.price_q32(taken.price),
                fee: usd_unsigned(if gives { taken.contribution } else { 0 }),
                position_after: String::new(),
                order: None,
                client_id: None,
                transaction: transaction.signature.clone(),
            },
        })))
    }

    fn halted(&self, started: &HaltStarted, transaction: &PastTransaction) -> HaltEntry {
        HaltEntry {
            time: transaction.time.unwrap_or(0),
            market: self.market.symbol(),
            what: if started.halted {
                "halted"
            } else {
                "not halted"
            },
            number: started.sequence,
            cause: Some(cause_name(started.cause)),
            price: Some(self.units.price_q32(started.index)),
            halted_seconds: None,
            transaction: transaction.signature.clone(),
        }
    }

    fn reopened(&self, ended: &HaltEnded, transaction: &PastTransaction) -> HaltEntry {
        HaltEntry {
            time: ended.reopened_at,
            market: self.market.symbol(),
            what: "reopened",
            number: ended.sequence,
            cause: None,
            price: None,
            halted_seconds: Some(ended.halted_seconds),
            transaction: transaction.signature.clone(),
        }
    }

    /// What the account's orders got in an auction, or what was closed for it there.
    fn auction_fills(
        &self,
        filled: &AuctionFilled,
        seat: Option<u32>,
        transaction: &PastTransaction,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        for fill in filled.fills.iter().filter(|fill| Some(fill.seat) == seat) {
            let buys = fill.side == OrderSide::Bid.byte();
            let base = i64::try_from(self.units.sizes.base_atoms(BaseLots(fill.lots))?)?;
            steps.push(Step::Fill(Change {
                base: if buys { base } else { -base },
                entry: FillEntry {
                    time: transaction.time.unwrap_or(0),
                    market: self.market.symbol(),
                    side: if buys { "buy" } else { "sell" },
                    role: if fill.liquidation {
                        "liquidation in auction"
                    } else {
                        "auction"
                    },
                    size: self.units.size(fill.lots),
                    price: self.units.price(filled.price),
                    fee: usd_unsigned(fill.fee),
                    position_after: String::new(),
                    order: (!fill.liquidation).then_some(fill.sequence),
                    client_id: None,
                    transaction: transaction.signature.clone(),
                },
            }));
        }
        Ok(())
    }

    fn fills(
        &self,
        placed: &OrderPlaced,
        liquidated: bool,
        seat: Option<u32>,
        transaction: &PastTransaction,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        let taker = placed.margin_account == self.account;
        let taker_buys = placed.side == OrderSide::Bid.byte();
        let mut charged = 0_u64;
        for (at, fill) in placed.fills.iter().enumerate() {
            if !taker && seat != Some(fill.maker_seat) {
                continue;
            }
            let buys = taker == taker_buys;
            let (lots, price) = (BaseLots(fill.lots), Ticks(fill.price));
            let cash = self.units.sizes.fill_cash(lots, price)?.0;
            let fee = if taker && liquidated {
                let last = at.saturating_add(1) == placed.fills.len();
                let fee = charge_of(placed, charged, cash, last)?;
                charged = charged.saturating_add(fee);
                fee
            } else if taker {
                mul_ppm_ceil(cash, u64::from(self.market.header.params.taker_fee_ppm))?
            } else {
                fill.maker_fee
            };
            let base = i64::try_from(self.units.sizes.base_atoms(lots)?)?;
            steps.push(Step::Fill(Change {
                base: if buys { base } else { -base },
                entry: FillEntry {
                    time: transaction.time.unwrap_or(0),
                    market: self.market.symbol(),
                    side: if buys { "buy" } else { "sell" },
                    role: match (taker, liquidated) {
                        (true, true) => "liquidation",
                        (true, false) => "taker",
                        (false, _) => "maker",
                    },
                    size: self.units.size(fill.lots),
                    price: self.units.price(fill.price),
                    fee: usd_unsigned(fee),
                    position_after: String::new(),
                    order: (!taker).then_some(fill.maker_sequence),
                    client_id: taker.then_some(placed.client_id),
                    transaction: transaction.signature.clone(),
                },
            }));
        }
        Ok(())
    }
}

/// The position after each step, as far as it is known, from the one at the end.
fn later_positions(end: i64, steps: &[Step]) -> Vec<Option<i64>> {
    let mut after = Vec::with_capacity(steps.len());
    let mut base = Some(end);
    for step in steps.iter().rev() {
        after.push(base);
        base = base
            .zip(step.base())
            .map(|(base, step)| base.saturating_sub(step));
    }
    after.reverse();
    after
}

/// Part of a liquidation's charge that falls on one of its fills, by cash; the last bears what is left.
fn charge_of(placed: &OrderPlaced, before: u64, cash: u64, last: bool) -> Result<u64> {
    if last {
        return Ok(placed.taker_fee.saturating_sub(before));
    }
    Ok(mul_div_floor(placed.taker_fee, cash, placed.filled_quote)?)
}

fn funding_step(refreshed: &MarkRefreshed, transaction: &PastTransaction) -> Option<Step> {
    let time = transaction.time.unwrap_or(refreshed.index_time);
    let signature = transaction.signature.clone();
    (refreshed.funding != 0).then_some(Step::Funding(refreshed.funding, time, signature))
}

/// What a position receives, Q.64: a long pays a positive rate, a short receives it.
fn funding_of(base: i64, rate: i128) -> i128 {
    i128::from(base).saturating_neg().saturating_mul(rate)
}

/// Whole quote atoms, rounded down once: the program, too, rounds a claim when it is touched.
fn atoms_down(amount: i128) -> i64 {
    i64::try_from(amount >> 64).unwrap_or(0)
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
