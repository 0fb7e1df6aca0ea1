//! Where the account stood before and after each step, told backwards from what it holds now, and what the loss
//! events in between did to it.

use plimsoll_client::receipts::receipt_of;

use super::ledger::Ledger;
use super::steps::{LossStep, Step};

impl Ledger<'_> {
    /// Tells what the loss events did that came after the last change of the seat, and returns the
    /// position before all steps, if it is known.
    pub(super) fn before(&self, steps: &mut [Step]) -> Option<i64> {
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
}

/// The position after each step, as far as it is known, from the one at the end.
pub(super) fn later_positions(end: i64, steps: &[Step]) -> Vec<Option<i64>> {
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
