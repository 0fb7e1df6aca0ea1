//! An underwriter's view of its lines: what a fall of every mark would cost the vault. Every figure comes
//! from the engine's own functions on the accounts as read.

use plimsoll_engine::math::{self, PPM};
use plimsoll_engine::Result;

use crate::preview::AccountView;

/// A borrower after a move of every mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stressed {
    /// D, quote atoms.
    pub principal: u64,
    /// Q′: equity with credit, quote atoms.
    pub equity_with_credit: i64,
    /// Of D what Q′ no longer covers, quote atoms.
    pub loss: u64,
    pub maintenance_margin: u64,
}

/// The account revalued with every mark at `marks_ppm` of what it is, rounded down: the loss of its lender
/// is D − max(0, min(D, Q′)). Nothing is traded, drawn or liquidated on the way.
///
/// # Errors
/// As [`AccountView::risk`].
pub fn stressed(view: &AccountView, marks_ppm: u64, now: i64) -> Result<Stressed> {
    let mut moved = view.clone();
    for market in &mut moved.markets {
        let mark = &mut market.header.prices.mark;
        if *mark != 0 {
            *mark = math::mul_div_floor(*mark, marks_ppm, PPM)?.max(1);
        }
    }
    let risk = moved.risk(now)?;
    let principal = view.account.credit_principal;
    let with_credit = risk.equity_with_credit()?;
    let covered = u64::try_from(with_credit).unwrap_or(0).min(principal);
    Ok(Stressed {
        principal,
        equity_with_credit: with_credit,
        loss: principal.saturating_sub(covered),
        maintenance_margin: risk.maintenance_margin,
    })
}
