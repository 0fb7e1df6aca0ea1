//! One packed event an instruction, in the past tense. `version` comes first and rises when fields are
//! appended; nothing is ever reordered. Amounts are quote atoms, sizes lots, prices ticks, unless said.

use std::io::Write;

use anchor_lang::prelude::*;
use anchor_lang::Discriminator;
use plimsoll_engine::place::{MatchPlan, PlanStep, StepKind, MATCH_STEPS_MAX};
use solana_program::log::sol_log_data;

use crate::error::PlimsollError;

/// Version of every event below.
pub const EVENT_VERSION: u8 = 1;

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeInitialized {
    pub version: u8,
    pub exchange: Pubkey,
    pub collateral_mint: Pubkey,
    pub authority: Pubkey,
    pub treasury: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyShardCreated {
    pub version: u8,
    pub exchange: Pubkey,
    pub shard: u8,
    pub address: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketCreated {
    pub version: u8,
    pub exchange: Pubkey,
    pub market: Pubkey,
    pub number: u32,
    pub symbol: [u8; 16],
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketGrown {
    pub version: u8,
    pub market: Pubkey,
    /// Blocks of the arena.
    pub capacity: u32,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginAccountCreated {
    pub version: u8,
    pub margin_account: Pubkey,
    pub owner: Pubkey,
    pub sub_account: u16,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginAccountClosed {
    pub version: u8,
    pub margin_account: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegateSet {
    pub version: u8,
    pub margin_account: Pubkey,
    pub delegate: Pubkey,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatClaimed {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub seat: u32,
    pub order_slots: u8,
    pub deposit_lamports: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatReleased {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub seat: u32,
    pub refund_lamports: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposited {
    pub version: u8,
    pub margin_account: Pubkey,
    pub amount: u64,
    pub collateral: i64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    pub version: u8,
    pub margin_account: Pubkey,
    pub amount: u64,
    pub collateral: i64,
}

/// One leg of a [`Settled`].
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledLegRecord {
    /// Position of the market among the account's entries.
    pub entry: u8,
    pub gain_paid: u64,
    pub loss_paid: u64,
    pub gain_unpaid: u64,
    pub loss_unpaid: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub version: u8,
    pub margin_account: Pubkey,
    pub collateral: i64,
    pub legs: Vec<SettledLegRecord>,
}

/// One fill of an [`OrderPlaced`].
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRecord {
    pub maker_seat: u32,
    pub maker_sequence: u64,
    pub price: u64,
    pub lots: u64,
    pub maker_fee: u64,
}

/// A resting order that an arriving one met and did not trade with.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalRecord {
    pub sequence: u64,
    /// Lots that left the book; fewer than rested there where a self-trade only shrank the order.
    pub lots: u64,
    /// 1 expired, 2 reduce-only with nothing to reduce, 3 self-trade.
    pub reason: u8,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPlaced {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub seat: u32,
    pub side: u8,
    pub client_id: u64,
    /// Block, sequence and price of the resting remainder; zero: none rests.
    pub order: u32,
    pub sequence: u64,
    pub price: u64,
    pub resting_lots: u64,
    pub cancelled_lots: u64,
    pub filled_lots: u64,
    pub filled_quote: u64,
    pub taker_fee: u64,
    pub fills: Vec<FillRecord>,
    pub removals: Vec<RemovalRecord>,
}

/// Bytes of the largest [`OrderPlaced`]: discriminator, fields, and a record for every step of a plan.
pub const ORDER_PLACED_SIZE_MAX: usize = 8 + 192 + MATCH_STEPS_MAX * FILL_RECORD_SIZE;
const FILL_RECORD_SIZE: usize = 36;
const REMOVAL_RECORD_SIZE: usize = 17;

/// Emits `event`, whose vectors are empty, with the records of `plan` in their place. `emit!` would
/// allocate a growing buffer an event from a heap that never frees: a batch of large orders would run
/// out of it.
pub fn emit_order_placed(
    event: &OrderPlaced,
    plan: &MatchPlan,
    buffer: &mut [u8; ORDER_PLACED_SIZE_MAX],
) -> Result<()> {
    let mut rest = &mut buffer[..];
    rest.write_all(OrderPlaced::DISCRIMINATOR)?;
    event.serialize(&mut rest)?;
    // The two empty vectors end the fields with a length of zero each: the real ones go there.
    let fields = ORDER_PLACED_SIZE_MAX.saturating_sub(rest.len());
    let mut records = Records {
        buffer,
        end: fields.saturating_sub(8),
    };
    let fills_at = records.begin()?;
    let mut count = 0_u32;
    for step in plan.fills() {
        records.push(&FillRecord::of(step).bytes())?;
        count = count.saturating_add(1);
    }
    records.finish(fills_at, count)?;
    let removals_at = records.begin()?;
    let mut removed = 0_u32;
    // Most orders meet nothing but makers that trade.
    if usize::try_from(count) != Ok(plan.steps().len()) {
        for record in plan.steps().iter().filter_map(RemovalRecord::of) {
            records.push(&record.bytes())?;
            removed = removed.saturating_add(1);
        }
    }
    records.finish(removals_at, removed)?;
    let Records { buffer, end } = records;
    sol_log_data(&[buffer.get(..end).unwrap_or(&[])]);
    Ok(())
}

/// Vectors written in place, as Borsh has them.
struct Records<'a> {
    buffer: &'a mut [u8; ORDER_PLACED_SIZE_MAX],
    end: usize,
}

impl Records<'_> {
    /// Leaves room for a vector's length and says where.
    #[inline(always)]
    fn begin(&mut self) -> Result<usize> {
        let at = self.end;
        self.push(&[0; 4])?;
        Ok(at)
    }

    #[inline(always)]
    fn push<const N: usize>(&mut self, record: &[u8; N]) -> Result<()> {
        let place = self
            .buffer
            .get_mut(self.end..)
            .and_then(<[u8]>::first_chunk_mut);
        *place.ok_or(PlimsollError::Overflow)? = *record;
        self.end = self.end.saturating_add(N);
        Ok(())
    }

    fn finish(&mut self, at: usize, count: u32) -> Result<()> {
        let place = self.buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        *place.ok_or(PlimsollError::Overflow)? = count.to_le_bytes();
        Ok(())
    }
}

impl FillRecord {
    #[inline(always)]
    fn of(step: &PlanStep) -> Self {
        Self {
            maker_seat: step.seat,
            maker_sequence: step.sequence,
            price: step.price,
            lots: step.lots,
            maker_fee: step.maker_fee,
        }
    }

    /// The record as Borsh has it; a store a field, where Borsh's writer checks and copies.
    #[inline(always)]
    fn bytes(&self) -> [u8; FILL_RECORD_SIZE] {
        let mut bytes = [0; FILL_RECORD_SIZE];
        bytes[..4].copy_from_slice(&self.maker_seat.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.maker_sequence.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.price.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.lots.to_le_bytes());
        bytes[28..].copy_from_slice(&self.maker_fee.to_le_bytes());
        bytes
    }
}

impl RemovalRecord {
    fn of(step: &PlanStep) -> Option<Self> {
        let reason = match step.kind {
            StepKind::Fill => return None,
            StepKind::Expired => 1,
            StepKind::NothingToReduce => 2,
            StepKind::SelfTrade => 3,
        };
        Some(Self {
            sequence: step.sequence,
            lots: step.lots,
            reason,
        })
    }

    /// The record as Borsh has it.
    fn bytes(&self) -> [u8; REMOVAL_RECORD_SIZE] {
        let mut bytes = [0; REMOVAL_RECORD_SIZE];
        bytes[..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.lots.to_le_bytes());
        bytes[16] = self.reason;
        bytes
    }
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderCancelled {
    pub version: u8,
    pub market: Pubkey,
    pub order: u32,
    pub sequence: u64,
    pub client_id: u64,
    pub side: u8,
    pub price: u64,
    pub lots: u64,
    pub expired: bool,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrdersCancelled {
    pub version: u8,
    pub market: Pubkey,
    pub margin_account: Pubkey,
    pub count: u8,
    pub lots: u64,
}

/// Prices are Q.32.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkRefreshed {
    pub version: u8,
    pub market: Pubkey,
    pub index: u64,
    pub index_time: i64,
    pub mark: u64,
    pub premium: i64,
    /// Funding charged to a long of one base atom, Q.64.
    pub funding: i128,
    pub funding_seconds: u32,
    /// Sequences of expired orders that left the front of the book.
    pub expired_orders: Vec<u64>,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeesSwept {
    pub version: u8,
    pub market: Pubkey,
    pub to_default_fund: u64,
    pub to_keeper_pool: u64,
    pub to_treasury: u64,
    pub deficit_paid: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreasuryCollected {
    pub version: u8,
    pub exchange: Pubkey,
    pub amount: u64,
}

#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyRebalanced {
    pub version: u8,
    pub exchange: Pubkey,
    pub from: u8,
    pub to: u8,
    pub amount: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_borsh_writes_them() {
        let fill = FillRecord {
            maker_seat: 1,
            maker_sequence: 2,
            price: 3,
            lots: 4,
            maker_fee: 5,
        };
        assert_eq!(FillRecord::try_from_slice(&fill.bytes()).ok(), Some(fill));
        let removal = RemovalRecord {
            sequence: 6,
            lots: 7,
            reason: 3,
        };
        assert_eq!(
            RemovalRecord::try_from_slice(&removal.bytes()).ok(),
            Some(removal)
        );
    }
}
