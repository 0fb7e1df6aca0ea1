//! An account's fills and funding in one market, from the market's transactions in order.
//!
//! The position before the first of them is not on chain any more; it is what the account holds now
//! less the fills that were read. Funding is each refresh's rate on the position at that moment; it is
//! summed exactly and shown by the hour or until the position changes, rounded down once.

use anyhow::Result;
use plimsoll_client::engine::math::mul_ppm_ceil;
use plimsoll_client::engine::state::OrderSide;
use plimsoll_client::engine::units::{BaseLots, Ticks};
use plimsoll_client::events::{Event, MarkRefreshed, OrderPlaced};
use serde::Serialize;
use solana_pubkey::Pubkey;

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
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Entry {
    Fill(FillEntry),
    Funding(FundingEntry),
}

impl Entry {
    pub(super) fn time(&self) -> i64 {
        match self {
            Self::Fill(fill) => fill.time,
            Self::Funding(funding) => funding.time,
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
        let steps = self.steps(past)?;
        let changed = steps.iter().filter_map(|step| match step {
            Step::Fill(change) => Some(change.base),
            Step::Funding(..) => None,
        });
        let mut base = self.standing.base.saturating_sub(changed.sum());
        let mut entries = Vec::new();
        let mut running: Option<Running> = None;
        for step in steps {
            match step {
                Step::Fill(change) => {
                    entries.extend(running.take().map(|run| self.funding(run, base)));
                    base = base.saturating_add(change.base);
                    entries.push(Entry::Fill(FillEntry {
                        position_after: self.units.position(base),
                        ..change.entry
                    }));
                }
                Step::Funding(rate, time, transaction) => {
                    let full = running
                        .take_if(|run| time.saturating_sub(run.begun) >= FUNDING_ROW_SECONDS);
                    entries.extend(full.map(|run| self.funding(run, base)));
                    let amount = funding_of(base, rate);
                    if amount != 0 {
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
                }
            }
        }
        entries.extend(running.map(|run| self.funding(run, base)));
        Ok(entries)
    }

    fn funding(&self, run: Running, base: i64) -> Entry {
        Entry::Funding(FundingEntry {
            time: run.time,
            market: self.market.symbol(),
            position: self.units.position(base),
            amount: usd(atoms_down(run.amount)),
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
                        self.fills(placed, seat, transaction, &mut steps)?;
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

    fn fills(
        &self,
        placed: &OrderPlaced,
        seat: Option<u32>,
        transaction: &PastTransaction,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        let taker = placed.margin_account == self.account;
        let taker_buys = placed.side == OrderSide::Bid.byte();
        for fill in &placed.fills {
            if !taker && seat != Some(fill.maker_seat) {
                continue;
            }
            let buys = taker == taker_buys;
            let (lots, price) = (BaseLots(fill.lots), Ticks(fill.price));
            let cash = self.units.sizes.fill_cash(lots, price)?.0;
            let fee = if taker {
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
                    role: if taker { "taker" } else { "maker" },
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
