//! What the market's events mean for one account, in order: fills, rates of funding, losses, halts. What a loss
//! event did to the position, and where the position stood, stands in `positions`.

use anyhow::Result;
use plimsoll_client::engine::math::mul_div_floor;
use plimsoll_client::engine::math::mul_ppm_ceil;
use plimsoll_client::engine::state::{OrderSide, SIDE_SHORT};
use plimsoll_client::engine::units::{BaseLots, Ticks};
use plimsoll_client::events::{
    AuctionFilled, DeleveragingExecuted, Event, HaltEnded, HaltStarted, MarkRefreshed, OrderPlaced,
    TakenOver,
};
use solana_pubkey::Pubkey;

use super::entries::{FillEntry, HaltEntry};
use super::ledger::Ledger;
use crate::commands::market::cause_name;
use crate::transactions::PastTransaction;
use crate::units::usd_unsigned;

/// A change of the position, before it is put into words.
pub(super) struct Change {
    base: i64,
    pub(super) entry: FillEntry,
}

/// What one transaction means for the account.
pub(super) enum Step {
    Fill(Change),
    /// Q.64 per base atom of a long, at a time, in a transaction.
    Funding(i128, i64, String),
    Loss(LossStep),
    Halt(HaltEntry),
}

/// A loss event in the account's market.
pub(super) struct LossStep {
    pub(super) event: Box<DeleveragingExecuted>,
    pub(super) own: bool,
    /// Base atoms that it added to the position, and what it charged, once known.
    pub(super) effect: Option<(i64, u64)>,
    pub(super) time: i64,
    pub(super) transaction: String,
}

impl Step {
    /// What it adds to the position; `None` when that is not known.
    pub(super) fn base(&self) -> Option<i64> {
        match self {
            Self::Fill(change) => Some(change.base),
            Self::Funding(..) | Self::Halt(_) => Some(0),
            Self::Loss(loss) => loss.effect.map(|(base, _)| base),
        }
    }
}

impl Ledger<'_> {
    /// The steps of these transactions, oldest first.
    pub(super) fn steps(&self, past: &[PastTransaction]) -> Result<Vec<Step>> {
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
