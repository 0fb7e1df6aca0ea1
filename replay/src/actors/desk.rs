//! The takeover desk sells what it took over into the book, as fast as the book takes it near the mark.

use plimsoll_engine::state::HaltPhase;

use super::{order, shifted, ASK, BID, IOC};
use crate::hands::Stagehands;
use crate::scenario::Scenario;

/// One order to reduce, within reach of the mark.
pub fn act(hands: &mut Stagehands<'_>, scenario: &Scenario) {
    let Some(member) = hands.stage.desk else {
        return;
    };
    let base = hands.base_of(member.seat);
    let units = hands.stage.venue.units;
    let lots = base.unsigned_abs() / units.base_atoms_per_lot.max(1);
    let header = hands.header();
    if lots == 0 || super::phase(&header, hands.now()) != HaltPhase::Continuous {
        return;
    }
    let mark = units.ticks(units.price_of_q32(header.prices.mark));
    let reach = i64::try_from(scenario.desk.reach_ppm).unwrap_or(0);
    let (side, shift) = if base > 0 {
        (ASK, -reach)
    } else {
        (BID, reach)
    };
    let mut args = order(member.seat, side, IOC, shifted(mark, shift), lots);
    args.reduce_only = true;
    let instruction = hands.stage.trade(&member).place_order(args);
    // A book that is empty, or has nothing near the mark, takes nothing.
    let _ = hands.send(&member.owner, &[instruction]);
}
