//! An underwriter's view of its lines: what a fall of every mark would cost the vault. Every figure comes
//! from the engine's own functions on the accounts as read.

use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::math::{self, PPM};
use plimsoll_engine::risk::AccountRisk;
use plimsoll_engine::state::{CreditLine, CreditVault, MarginAccount, MarketHeader, Pubkey};
use plimsoll_engine::{EngineError, Env, Result};

use crate::assess::assess;
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
        move_mark(&mut market.header, marks_ppm)?;
    }
    let risk = moved.risk(now)?;
    after(view.account.credit_principal, &risk)
}

/// The same of an account whose markets are borrowed: their headers alone are copied. `credit` is its line with
/// the line's vault; the interest that has run is booked.
///
/// # Errors
/// As [`assess`].
pub fn stressed_over<'a>(
    (address, account): (&Pubkey, &MarginAccount),
    credit: Option<(&CreditLine, &CreditVault)>,
    market: impl Fn(&Pubkey) -> Option<MarketRef<'a>>,
    marks_ppm: u64,
    env: &Env,
) -> Result<Stressed> {
    let mut moved = Vec::with_capacity(account.entries().len());
    for entry in account.entries() {
        let held = market(&entry.market).ok_or(EngineError::WrongMarketAccounts)?;
        let mut header = *held.header;
        move_mark(&mut header, marks_ppm)?;
        moved.push((entry.market, header, held.blocks));
    }
    let find = |key: &Pubkey| {
        let found = moved.iter().find(|(address, ..)| address == key);
        found.map(|(_, header, blocks)| MarketRef { header, blocks })
    };
    let assessed = assess(address, account, credit, find, env)?;
    after(account.credit_principal, &assessed.risk)
}

fn move_mark(header: &mut MarketHeader, marks_ppm: u64) -> Result<()> {
    let mark = &mut header.prices.mark;
    if *mark != 0 {
        *mark = math::mul_div_floor(*mark, marks_ppm, PPM)?.max(1);
    }
    Ok(())
}

fn after(principal: u64, risk: &AccountRisk) -> Result<Stressed> {
    let with_credit = risk.equity_with_credit()?;
    let covered = u64::try_from(with_credit).unwrap_or(0).min(principal);
    Ok(Stressed {
        principal,
        equity_with_credit: with_credit,
        loss: principal.saturating_sub(covered),
        maintenance_margin: risk.maintenance_margin,
    })
}
