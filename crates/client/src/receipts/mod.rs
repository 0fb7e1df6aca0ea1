//! Checking the receipts of a market's loss events (spec §9), from the events and the market's account
//! alone. Nothing is trusted that does not follow from them: the receipts must hash to the market's chain,
//! count up to its number, follow from one another, and be what the engine writes from the fields before
//! each event. The first difference is an error that names the receipt and the field.
//!
//! The closed quantity is checked against the open interest of both sides where they are still even, in a
//! market's first event; later they may differ by the market's drift.

mod changes;
mod seats;

pub use changes::Changes;
pub use seats::{side_name, SeatEffect, SeatReport};

use anchor_lang::AnchorSerialize;
use plimsoll_engine::adl::{Receipt, RECEIPT_SIZE};
use plimsoll_engine::math;
use plimsoll_engine::state::{MarketHeader, Side, SCALE_ONE, SIDE_LONG, SIDE_SHORT};
use plimsoll_engine::EngineError;
use sha2::{Digest, Sha256};
use solana_pubkey::Pubkey;
use thiserror::Error;

use crate::events::DeleveragingExecuted;

/// Why receipts are not those of a market.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiptError {
    #[error("receipt {number} is missing: the market counts {count}")]
    Missing { number: u64, count: u64 },
    #[error("receipt {number} stands where receipt {expected} belongs")]
    OutOfOrder { number: u64, expected: u64 },
    #[error("receipt {number}: the market counts only {count}")]
    Unknown { number: u64, count: u64 },
    #[error("receipt {number}: `{field}` is {found}, not {expected}")]
    Field {
        number: u64,
        field: &'static str,
        found: String,
        expected: String,
    },
    #[error("receipt {number}: `{field}` cannot be recomputed: {error}")]
    Engine {
        number: u64,
        field: &'static str,
        error: EngineError,
    },
    #[error(
        "receipts 1 to {count} hash to {found}, the market's `receipt_chain` is {expected}: a byte of one of them is not the program's"
    )]
    Chain {
        count: u64,
        found: String,
        expected: String,
    },
    #[error("the market's `{field}` is {found}, which its receipts do not explain ({expected})")]
    Market {
        field: &'static str,
        found: String,
        expected: String,
    },
    #[error("receipt {number}: the end of epoch {epoch} that lies before it is neither in a receipt nor in the market")]
    EpochEndMissing { number: u64, epoch: u32 },
}

/// The receipts of a market, checked.
#[derive(Clone, Debug)]
pub struct Receipts {
    market: Pubkey,
    receipts: Vec<Receipt>,
}

/// The engine's receipt out of its event: the bytes that the program hashed, if none was changed.
pub fn receipt_of(event: &DeleveragingExecuted) -> Option<Receipt> {
    let mut bytes = Vec::with_capacity(RECEIPT_SIZE);
    event.serialize(&mut bytes).ok()?;
    bytemuck::try_pod_read_unaligned(&bytes).ok()
}

impl Receipts {
    /// Checks all receipts of a market, given in order.
    ///
    /// # Errors
    /// The first thing that does not hold, by receipt and field.
    pub fn check(
        market: &Pubkey,
        header: &MarketHeader,
        receipts: Vec<Receipt>,
    ) -> Result<Self, ReceiptError> {
        check_numbers(header.losses.receipts, &receipts)?;
        for (at, receipt) in receipts.iter().enumerate() {
            check_event(market, receipt)?;
            let (earlier, _) = receipts.split_at(at);
            check_succession(earlier, receipt)?;
        }
        check_market(header, &receipts)?;
        check_chain(header, &receipts)?;
        Ok(Self {
            market: *market,
            receipts,
        })
    }

    /// The same from the market's events.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn of_events<'a>(
        market: &Pubkey,
        header: &MarketHeader,
        events: impl IntoIterator<Item = &'a DeleveragingExecuted>,
    ) -> Result<Self, ReceiptError> {
        let receipts = events.into_iter().filter_map(receipt_of).collect();
        Self::check(market, header, receipts)
    }

    /// The market whose receipts they are.
    pub const fn market(&self) -> &Pubkey {
        &self.market
    }

    /// In order, from number 1.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Receipt> {
        self.receipts.iter()
    }

    pub fn len(&self) -> usize {
        self.receipts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }
}

/// The number of receipts so far, as receipts are numbered.
fn count_of(receipts: &[Receipt]) -> u64 {
    u64::try_from(receipts.len()).unwrap_or(u64::MAX)
}

/// Numbers 1, 2, … up to the market's count.
fn check_numbers(count: u64, receipts: &[Receipt]) -> Result<(), ReceiptError> {
    for (expected, receipt) in (1_u64..).zip(receipts) {
        let number = receipt.number;
        let elsewhere = || receipts.iter().any(|other| other.number == expected);
        if number > count {
            return Err(ReceiptError::Unknown { number, count });
        }
        if number > expected && !elsewhere() {
            return Err(ReceiptError::Missing {
                number: expected,
                count,
            });
        }
        if number != expected {
            return Err(ReceiptError::OutOfOrder { number, expected });
        }
    }
    let found = count_of(receipts);
    if found < count {
        let number = found.saturating_add(1);
        return Err(ReceiptError::Missing { number, count });
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(
    number: u64,
    field: &'static str,
    found: &T,
    expected: &T,
) -> Result<(), ReceiptError> {
    if found == expected {
        return Ok(());
    }
    Err(ReceiptError::Field {
        number,
        field,
        found: format!("{found:?}"),
        expected: format!("{expected:?}"),
    })
}

macro_rules! same_fields {
    ($found:expr, $expected:expr, $($field:ident),* $(,)?) => {
        $(same($found.number, stringify!($field), &$found.$field, &$expected.$field)?;)*
    };
}

/// One event by itself: what the engine writes from the fields before it.
fn check_event(market: &Pubkey, receipt: &Receipt) -> Result<(), ReceiptError> {
    let number = receipt.number;
    let refused = |field| {
        move |error| ReceiptError::Engine {
            number,
            field,
            error,
        }
    };
    let named = (Pubkey::from(receipt.market), *market);
    same(number, "market", &named.0, &named.1)?;
    let expected = receipt.recomputed().map_err(refused("deficit"))?;
    same_fields!(
        receipt,
        expected,
        version,
        side,
        reserved_0,
        open_interest_before,
        charged,
        carried,
        scale_after,
        cash_index_after,
        epoch_ended,
        epoch_after,
        shares_after,
        open_interest_after,
    );
    let closed = receipt.closed().map_err(refused("quantity"))?;
    if number == 1 {
        // Both sides were even (spec §9, "Drift"): what one lost the other loses.
        same(number, "quantity", &receipt.quantity, &closed)?;
    }
    Ok(())
}

/// Scale and epoch that a side has after the receipts so far: only they change the scale, and an epoch
/// that funding ended begins with A = 1 as well.
fn side_after(receipts: &[Receipt], side: u8) -> (u32, u64) {
    let last = receipts.iter().rev().find(|last| last.side == side);
    last.map_or((0, SCALE_ONE), |last| {
        let scale = if last.epoch_ended == 0 {
            last.scale_after
        } else {
            SCALE_ONE
        };
        (last.epoch_after, scale)
    })
}

/// An event begins where the earlier ones left its side, and not before them.
fn check_succession(earlier: &[Receipt], receipt: &Receipt) -> Result<(), ReceiptError> {
    let number = receipt.number;
    if let Some(last) = earlier.last().filter(|last| last.slot > receipt.slot) {
        same(number, "slot", &receipt.slot, &last.slot)?;
    }
    let (epoch, scale) = side_after(earlier, receipt.side);
    if receipt.epoch_before < epoch {
        same(number, "epoch_before", &receipt.epoch_before, &epoch)?;
    }
    let scale = if receipt.epoch_before == epoch {
        scale
    } else {
        SCALE_ONE
    };
    same(number, "scale_before", &receipt.scale_before, &scale)
}

/// The market's sides are what the receipts left, and no more loss is carried than they carried.
fn check_market(header: &MarketHeader, receipts: &[Receipt]) -> Result<(), ReceiptError> {
    let differs = |field, found: String, expected: String| {
        Err(ReceiptError::Market {
            field,
            found,
            expected,
        })
    };
    let [long, short] = &header.sides;
    let sides: [(&Side, u8, &'static str); 2] = [
        (long, SIDE_LONG, "sides[long].scale"),
        (short, SIDE_SHORT, "sides[short].scale"),
    ];
    for (side, index, field) in sides {
        let (epoch, scale) = side_after(receipts, index);
        let expected = if side.epoch == epoch {
            scale
        } else {
            SCALE_ONE
        };
        if side.epoch < epoch || side.scale != expected {
            let found = format!("{} in epoch {}", side.scale, side.epoch);
            return differs(field, found, format!("{expected} in epoch {epoch}"));
        }
    }
    let carried = receipts
        .iter()
        .fold(0_u64, |sum, receipt| sum.saturating_add(receipt.carried));
    if header.cash.deficit > carried {
        let found = header.cash.deficit.to_string();
        return differs("cash.deficit", found, format!("at most {carried}"));
    }
    Ok(())
}

/// sha256(previous ‖ receipt) from zero on.
fn check_chain(header: &MarketHeader, receipts: &[Receipt]) -> Result<(), ReceiptError> {
    let found: [u8; 32] = receipts.iter().fold([0; 32], |previous, receipt| {
        Sha256::new()
            .chain_update(previous)
            .chain_update(bytemuck::bytes_of(receipt))
            .finalize()
            .into()
    });
    if found == header.losses.receipt_chain {
        return Ok(());
    }
    Err(ReceiptError::Chain {
        count: count_of(receipts),
        found: hex(&found),
        expected: hex(&header.losses.receipt_chain),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Part of every position of the charged side that an event closed, ppm, rounded to the nearest.
pub fn closed_ppm(receipt: &Receipt) -> u64 {
    let closed = receipt.scale_before.saturating_sub(receipt.scale_after);
    let half = receipt.scale_before / 2;
    let scaled = math::wide(closed, math::PPM).saturating_add(u128::from(half));
    let ppm = scaled.checked_div(u128::from(receipt.scale_before));
    u64::try_from(ppm.unwrap_or(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
