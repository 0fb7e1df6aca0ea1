//! Writing an [`OrderPlaced`] without allocating.

use std::io::Write;

use anchor_lang::prelude::*;
use anchor_lang::Discriminator;
use plimsoll_engine::place::{MatchPlan, PlanStep, StepKind, MATCH_STEPS_MAX};
use solana_program::log::sol_log_data;

use super::records::Records;
use super::{FillRecord, OrderPlaced, RemovalRecord};

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
    let mut records = Records::behind(buffer, fields.saturating_sub(8));
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
    sol_log_data(&[records.written()]);
    Ok(())
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
            StepKind::SeatBehind => 4,
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
