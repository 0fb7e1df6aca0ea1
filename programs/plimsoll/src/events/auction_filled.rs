//! Writing an [`AuctionFilled`] while the auction fills: its records come before its fields are known.

use std::io::Write;

use anchor_lang::prelude::*;
use anchor_lang::Discriminator;
use plimsoll_engine::auction::{AuctionFill, AUCTION_STEPS_MAX};
use solana_program::log::sol_log_data;

use super::records::Records;
use super::{AuctionFillRecord, AuctionFilled};
use crate::error::PlimsollError;

/// Discriminator, version, market, sequence, price, lots left.
const FIELDS_SIZE: usize = 8 + 1 + 32 + 3 * 8;
const RECORD_SIZE: usize = 30;
/// A pair uses up one of its orders at the least, and settles both at the most.
const RECORDS_MAX: usize = 2 * AUCTION_STEPS_MAX as usize;
/// Bytes of the largest [`AuctionFilled`].
pub(crate) const AUCTION_FILLED_SIZE_MAX: usize = FIELDS_SIZE + 4 + RECORDS_MAX * RECORD_SIZE;

/// The records of an event to come.
pub(crate) struct AuctionFills<'a> {
    records: Records<'a>,
    count: u32,
    fit: bool,
}

impl<'a> AuctionFills<'a> {
    /// In a buffer of [`AUCTION_FILLED_SIZE_MAX`] bytes.
    pub(crate) fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            records: Records::behind(buffer, FIELDS_SIZE + 4),
            count: 0,
            fit: true,
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, fill: &AuctionFill) {
        let record = AuctionFillRecord {
            seat: fill.seat,
            sequence: fill.sequence,
            side: fill.side.byte(),
            liquidation: fill.liquidation,
            lots: fill.lots,
            fee: fill.fee,
        };
        self.fit &= self.records.push(&record.bytes()).is_ok();
        self.count = self.count.saturating_add(1);
    }

    /// Emits `event`, whose vector is empty, with the records in its place; nothing when there are none.
    pub(crate) fn emit(mut self, event: &AuctionFilled) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        sol_log_data(&[self.bytes(event)?]);
        Ok(())
    }

    fn bytes(&mut self, event: &AuctionFilled) -> Result<&[u8]> {
        if !self.fit {
            return err!(PlimsollError::Overflow);
        }
        let mut front = self.records.front(FIELDS_SIZE + 4);
        front.write_all(AuctionFilled::DISCRIMINATOR)?;
        event.serialize(&mut front)?;
        // The empty vector ends the fields with a length of zero: the real one goes there.
        self.records.finish(FIELDS_SIZE, self.count)?;
        Ok(self.records.written())
    }
}

impl AuctionFillRecord {
    /// The record as Borsh has it.
    #[inline(always)]
    fn bytes(&self) -> [u8; RECORD_SIZE] {
        let mut bytes = [0; RECORD_SIZE];
        bytes[..4].copy_from_slice(&self.seat.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[12] = self.side;
        bytes[13] = u8::from(self.liquidation);
        bytes[14..22].copy_from_slice(&self.lots.to_le_bytes());
        bytes[22..].copy_from_slice(&self.fee.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use anchor_lang::Event;
    use plimsoll_engine::state::OrderSide;

    use super::*;

    fn fill(number: u64) -> AuctionFill {
        AuctionFill {
            order: 0,
            sequence: u64::MAX - number,
            seat: u32::MAX - 1,
            side: OrderSide::Ask,
            lots: 1 << 40 | number,
            quote: 0,
            fee: 1 << 60 | number,
            liquidation: number & 1 == 0,
        }
    }

    fn event(fills: Vec<AuctionFillRecord>) -> AuctionFilled {
        AuctionFilled {
            version: 1,
            market: Pubkey::new_from_array([7; 32]),
            sequence: 2,
            price: 3,
            lots_left: 4,
            fills,
        }
    }

    #[test]
    fn the_event_is_written_as_borsh_writes_it() {
        let mut buffer = [0; AUCTION_FILLED_SIZE_MAX];
        let mut fills = AuctionFills::new(&mut buffer);
        let mut records = Vec::new();
        for number in (0..).take(RECORDS_MAX) {
            let fill = fill(number);
            fills.push(&fill);
            records.push(AuctionFillRecord {
                seat: fill.seat,
                sequence: fill.sequence,
                side: 1,
                liquidation: fill.liquidation,
                lots: fill.lots,
                fee: fill.fee,
            });
        }
        let written = fills.bytes(&event(Vec::new())).map(<[u8]>::to_vec);
        assert_eq!(written.ok(), Some(event(records).data()));
    }

    #[test]
    fn a_record_too_many_is_an_error() {
        let mut buffer = [0; AUCTION_FILLED_SIZE_MAX];
        let mut fills = AuctionFills::new(&mut buffer);
        for number in (0..).take(RECORDS_MAX + 1) {
            fills.push(&fill(number));
        }
        assert!(fills.bytes(&event(Vec::new())).is_err());
    }
}
