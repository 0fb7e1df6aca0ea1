//! What receipts did to a seat, from the seat as it is now: exactly for those that came after its last
//! change, and nothing at all for earlier ones.

use plimsoll_engine::adl::Receipt;
use plimsoll_engine::position;
use plimsoll_engine::state::{EpochEnd, Seat, Side, SIDE_LONG, SIDE_SHORT};
use plimsoll_engine::units::PriceQ32;
use solana_pubkey::Pubkey;

use super::{count_of, Changes, ReceiptError, Receipts};
use crate::accounts::MarketView;

/// What one receipt did to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatEffect {
    /// The receipt's number.
    pub number: u64,
    /// The account is the one that was closed for its own loss; otherwise it stood on the charged side.
    pub torn_up: bool,
    /// Base atoms, signed.
    pub base_before: i64,
    pub base_after: i64,
    /// Quote atoms for what was closed, at the event's price: a long receives, a short pays.
    pub paid: i64,
    /// Quote atoms of the loss that the account was charged.
    pub charged: u64,
    /// Quote atoms of the account's own loss that others bear; zero unless torn up.
    pub deficit: u64,
}

/// A seat and the receipts that concern it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatReport {
    /// Block of the seat; `None`: the account has none in this market now.
    pub seat: Option<u32>,
    pub margin_account: Pubkey,
    /// First receipt from which on its effect on the seat is determined; every earlier one may have met
    /// other shares than the seat has now, and is left out. `None`: not even the next receipt would be.
    pub determined_from: Option<u64>,
    /// Receipts before that one which may have concerned the seat.
    pub undetermined: u64,
    pub effects: Vec<SeatEffect>,
}

impl Receipts {
    /// What the receipts did to the seat at a block of the market. Without `changes`, which the market's
    /// other events give, only receipts of epochs that began after the seat was last written are told.
    ///
    /// # Errors
    /// `EpochEndMissing` when a seat's way through the epochs cannot be followed; the engine's own.
    pub fn on_seat(
        &self,
        view: &MarketView,
        block: u32,
        seat: &Seat,
        changes: Option<&Changes>,
    ) -> Result<SeatReport, ReceiptError> {
        let owner = Pubkey::from(seat.owner);
        let known = changes.map(|changes| changes.last(block, &owner));
        let from = self.determined_from(seat, known);
        let mut effects = self.torn_up(&owner)?;
        let met = self.receipts.iter().filter(|receipt| {
            receipt.side == seat.side && from.is_some_and(|from| receipt.number >= from)
        });
        for receipt in met {
            let shares = self.shares_at(view, seat, receipt)?;
            effects.extend(effect_on(receipt, shares)?);
        }
        effects.sort_by_key(|effect| effect.number);
        Ok(SeatReport {
            seat: Some(block),
            margin_account: owner,
            determined_from: from,
            undetermined: self.undetermined(&owner, from.unwrap_or(u64::MAX)),
            effects,
        })
    }

    /// The same for a margin account, by its seat. Of an account without one only the receipts that closed
    /// it are told.
    ///
    /// # Errors
    /// As [`Self::on_seat`].
    pub fn on_account(
        &self,
        view: &MarketView,
        account: &Pubkey,
        changes: Option<&Changes>,
    ) -> Result<SeatReport, ReceiptError> {
        let owner = account.to_bytes();
        match view.seats().find(|(_, seat)| seat.owner == owner) {
            Some((block, seat)) => self.on_seat(view, block, seat, changes),
            None => Ok(SeatReport {
                seat: None,
                margin_account: *account,
                determined_from: None,
                undetermined: self.undetermined(account, u64::MAX),
                effects: self.torn_up(account)?,
            }),
        }
    }

    /// Receipts before number `from` that did not close the account itself.
    fn undetermined(&self, account: &Pubkey, from: u64) -> u64 {
        let earlier = self.receipts.iter().filter(|receipt| {
            receipt.number < from && Pubkey::from(receipt.margin_account) != *account
        });
        u64::try_from(earlier.count()).unwrap_or(u64::MAX)
    }

    /// The same for every seat of the market.
    ///
    /// # Errors
    /// As [`Self::on_seat`].
    pub fn on_seats(
        &self,
        view: &MarketView,
        changes: Option<&Changes>,
    ) -> Result<Vec<SeatReport>, ReceiptError> {
        let seats = view.seats();
        seats
            .map(|(block, seat)| self.on_seat(view, block, seat, changes))
            .collect()
    }

    /// First receipt from which on the seat held the shares that it holds.
    ///
    /// Two proofs. Its last change came before: `known` is the number of the last receipt before it. Or
    /// it is behind: its shares were last written in its own epoch, and an event of a later one came
    /// after. Shares of an epoch before the seat's own are gone in either case.
    fn determined_from(&self, seat: &Seat, known: Option<u64>) -> Option<u64> {
        let of_side = |receipt: &&Receipt| receipt.side == seat.side;
        let by_change = known.map(|last| last.saturating_add(1));
        let mut later = self.receipts.iter().filter(of_side);
        let by_epoch = later
            .find(|receipt| seat.shares != 0 && receipt.epoch_before > seat.epoch)
            .map(|receipt| receipt.number);
        let from = match (by_change, by_epoch) {
            (Some(change), Some(epoch)) => change.min(epoch),
            (change, epoch) => change.or(epoch)?,
        };
        let older = self.receipts.iter().filter(of_side).rev();
        let lost = older
            .clone()
            .find(|receipt| receipt.epoch_before < seat.epoch)
            .map_or(0, |receipt| receipt.number);
        Some(from.max(lost.saturating_add(1)))
    }

    /// Shares that the seat held when a receipt of its own or a later epoch met it, walked through the
    /// ends between.
    fn shares_at(
        &self,
        view: &MarketView,
        seat: &Seat,
        receipt: &Receipt,
    ) -> Result<u64, ReceiptError> {
        let mut walked = *seat;
        while walked.epoch < receipt.epoch_before && walked.shares != 0 {
            let scale = self.end_scale(view, seat.side, walked.epoch).ok_or(
                ReceiptError::EpochEndMissing {
                    number: receipt.number,
                    epoch: walked.epoch,
                },
            )?;
            // What is left of n shares is the base that they held at the end.
            let end = Side {
                scale,
                cash_index: walked.cash_index,
                epoch: walked.epoch,
                ..Side::empty()
            };
            let held = position::holding(&walked, &[end; 2]).map_err(refused(receipt, "epoch"))?;
            walked.shares = held.base.unsigned_abs();
            walked.epoch = walked.epoch.wrapping_add(1);
        }
        Ok(walked.shares)
    }

    /// Scale at the end of an epoch: of the receipt that ended it, or as the market keeps it.
    fn end_scale(&self, view: &MarketView, side: u8, epoch: u32) -> Option<u64> {
        let of_receipt = self.receipts.iter().find(|receipt| {
            receipt.side == side && receipt.epoch_before == epoch && receipt.epoch_ended == 1
        });
        let kept = || {
            let ends = view
                .blocks
                .iter()
                .filter_map(|block| block.view::<EpochEnd>());
            let mut ends = ends.filter(|end| end.side == side && end.epoch == epoch);
            ends.next().map(|end| end.scale)
        };
        of_receipt.map(|receipt| receipt.scale_after).or_else(kept)
    }

    /// The events that closed the account itself; they carry all there is to know.
    fn torn_up(&self, account: &Pubkey) -> Result<Vec<SeatEffect>, ReceiptError> {
        let own = self
            .receipts
            .iter()
            .filter(|receipt| Pubkey::from(receipt.margin_account) == *account);
        own.map(|receipt| {
            let size = i64::try_from(receipt.quantity).unwrap_or(i64::MAX);
            // The loser's side is the one that was not charged.
            let base = if receipt.side == SIDE_SHORT {
                size
            } else {
                -size
            };
            let paid = PriceQ32(receipt.price)
                .position_value(base)
                .map_err(refused(receipt, "quantity"))?;
            Ok(SeatEffect {
                number: receipt.number,
                torn_up: true,
                base_before: base,
                base_after: 0,
                paid,
                charged: 0,
                deficit: receipt.deficit,
            })
        })
        .collect()
    }

    /// Receipts so far: the next one has this number plus one.
    pub fn count(&self) -> u64 {
        count_of(&self.receipts)
    }
}

fn refused(
    receipt: &Receipt,
    field: &'static str,
) -> impl Fn(plimsoll_engine::EngineError) -> ReceiptError {
    let number = receipt.number;
    move |error| ReceiptError::Engine {
        number,
        field,
        error,
    }
}

/// Nothing for a seat without shares.
fn effect_on(receipt: &Receipt, shares: u64) -> Result<Option<SeatEffect>, ReceiptError> {
    if shares == 0 {
        return Ok(None);
    }
    let effect = receipt
        .effect_on(shares)
        .map_err(refused(receipt, "shares"))?;
    Ok(Some(SeatEffect {
        number: receipt.number,
        torn_up: false,
        base_before: effect.base_before,
        base_after: effect.base_after,
        paid: effect.paid,
        charged: effect.charged,
        deficit: 0,
    }))
}

/// The side that a receipt charged, in a word.
pub const fn side_name(side: u8) -> &'static str {
    if side == SIDE_LONG {
        "long"
    } else {
        "short"
    }
}
