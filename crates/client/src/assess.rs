//! An account as the program's permissionless steps see it, read over markets that are borrowed: who mirrors
//! thousands of accounts cannot copy a market for each of them. The reading is the program's own, and every
//! figure and verdict comes from the engine's functions; trials run on copies and change nothing.

use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::credit::draw::{self, DrawInput, Drawn};
use plimsoll_engine::credit::line;
use plimsoll_engine::credit::repay::{self, CashRepayment, Repaid, WrittenOff};
use plimsoll_engine::gate::{self, Action};
use plimsoll_engine::halt;
use plimsoll_engine::liquidation::{Leg, Legs, Standing};
use plimsoll_engine::risk::{self, AccountRisk};
use plimsoll_engine::state::{
    CreditLine, CreditVault, HaltPhase, MarginAccount, Pubkey, Seat, MARGIN_ENTRIES_MAX,
};
use plimsoll_engine::{EngineError, Env, Result};

/// What a leg's market is like now.
#[derive(Clone, Copy, Debug)]
pub struct LegState {
    pub seat: Seat,
    pub phase: HaltPhase,
    pub fresh: bool,
}

/// An account with its legs, its line and its risk, as of one moment.
#[derive(Clone, Debug)]
pub struct Assessed {
    pub address: Pubkey,
    /// With interest booked up to now, as every step does first.
    pub account: MarginAccount,
    pub credit: Option<(CreditLine, CreditVault)>,
    pub legs: Legs,
    /// In the order of the account's entries.
    pub states: Vec<LegState>,
    pub risk: AccountRisk,
    /// Its margin call has lapsed.
    pub lapsed: bool,
    /// What its line would lend now, quote atoms: U of spec §13.
    pub usable: u64,
    env: Env,
}

/// Reads an account; `market` gives each of its markets by address, `credit` its line and that line's vault.
///
/// # Errors
/// `WrongMarketAccounts` for a market that is not known, `CreditLineMissing` for a line that is not;
/// `EpochBehind` and `WrongSeat` of its seats.
pub fn assess<'a>(
    address: &Pubkey,
    account: &MarginAccount,
    credit: Option<(&CreditLine, &CreditVault)>,
    market: impl Fn(&Pubkey) -> Option<MarketRef<'a>>,
    env: &Env,
) -> Result<Assessed> {
    let mut account = *account;
    if account.credit_line != [0; 32] && credit.is_none() {
        return Err(EngineError::CreditLineMissing);
    }
    let mut credit = credit.map(|(line, vault)| (*line, *vault));
    if let Some((line, vault)) = &mut credit {
        line::accrue(&mut account, line, vault, env.now)?;
    }
    let mut legs = Legs::default();
    let mut states = Vec::with_capacity(MARGIN_ENTRIES_MAX);
    for (position, entry) in account.entries().iter().enumerate() {
        let market = market(&entry.market).ok_or(EngineError::WrongMarketAccounts)?;
        let (leg, seat) = Leg::read(&market, &account, address, position, env.now)?;
        let phase = halt::phase(market.header, env.now);
        let fresh = risk::index_is_fresh(market.header, env.now);
        let mandated = match &credit {
            Some((line, _)) if fresh && gate::in_phase(phase, Action::Draw) => {
                draw::mandated_margin(
                    line,
                    &leg.market,
                    seat,
                    leg.held,
                    leg.mark,
                    leg.risk.maintenance_margin,
                    env.now,
                )?
            }
            _ => 0,
        };
        legs.push(&leg, mandated, halt::reopened_at(market.header, env.now))?;
        states.push(LegState {
            seat: *seat,
            phase,
            fresh,
        });
    }
    let risk = AccountRisk::of(&account_cash(&account, env.now), &legs.total)?;
    let mut assessed = Assessed {
        address: *address,
        account,
        credit,
        legs,
        states,
        risk,
        lapsed: false,
        usable: 0,
        env: *env,
    };
    if let Some((line, vault)) = &assessed.credit {
        let input = assessed.draw_input();
        let (usable, principal) = (draw::usable(line, vault, &input)?, account.credit_principal);
        assessed.lapsed = line::lapsed(line, principal, assessed.legs.reopened_at, env.now);
        assessed.usable = usable;
    }
    Ok(assessed)
}

impl Assessed {
    fn draw_input(&self) -> DrawInput<'_> {
        DrawInput {
            account: &self.account,
            risk: &self.risk,
            mandated_margin: self.legs.mandated_margin,
            reopened_at: self.legs.reopened_at,
            env: &self.env,
        }
    }

    /// Whether and why positions of the account may be closed for it, its credit apart: what `liquidate` asks
    /// first.
    ///
    /// # Errors
    /// `NotLiquidatable`.
    pub fn liquidatable(&self) -> Result<Standing> {
        Standing::of(&self.risk, self.lapsed, 0)
    }

    /// The same once the line has been asked: what takeover and tear-up need.
    ///
    /// # Errors
    /// `NotLiquidatable`; `CreditUsable` while a draw would still cure it.
    pub fn standing(&self) -> Result<Standing> {
        Standing::of(&self.risk, self.lapsed, self.usable)
    }

    /// What Q lacks to maintenance margin, quote atoms; zero when it lacks nothing.
    pub fn lacking(&self) -> u64 {
        let with_credit = self.risk.equity_with_credit().unwrap_or(i64::MIN);
        let lacking = i128::from(self.risk.maintenance_margin).saturating_sub(with_credit.into());
        u64::try_from(lacking.max(0)).unwrap_or(u64::MAX)
    }

    /// Neither a position nor an order.
    pub fn idle(&self) -> bool {
        let held = self.legs.iter().any(|leg| leg.held.base != 0);
        !held && self.states.iter().all(|state| state.seat.orders == 0)
    }

    /// Neither a position nor a claim.
    pub fn flat(&self) -> bool {
        let mut legs = self.legs.iter();
        legs.all(|leg| leg.held.base == 0 && leg.held.quote == 0)
    }

    /// A position's index is stale.
    pub fn stale(&self) -> bool {
        let mut legs = self.legs.iter().zip(&self.states);
        legs.any(|(leg, state)| leg.held.base != 0 && !state.fresh)
    }

    /// A position or orders lie in a halted market.
    pub fn halted(&self) -> bool {
        let mut legs = self.legs.iter().zip(&self.states);
        legs.any(|(leg, state)| {
            let active = leg.held.base != 0 || state.seat.orders != 0;
            active && !gate::in_phase(state.phase, Action::Withdraw)
        })
    }

    /// What a draw by itself would do now.
    ///
    /// # Errors
    /// As [`draw::draw`]; `LineNotActive` without a line.
    pub fn try_draw(&self) -> Result<Drawn> {
        let (mut account, mut line, mut vault) = self.loan()?;
        let (mandated, reopened) = (self.legs.mandated_margin, self.legs.reopened_at);
        let risk = &self.risk;
        draw::draw(
            &mut account,
            &mut line,
            &mut vault,
            risk,
            mandated,
            reopened,
            &self.env,
        )
    }

    /// What a repayment out of its own cash, asked for by anyone, would pay now.
    ///
    /// # Errors
    /// As [`repay::repay_from_cash`]; `LineNotActive` without a line.
    pub fn try_repay_from_cash(&self, amount: u64) -> Result<Repaid> {
        let (mut account, mut line, mut vault) = self.loan()?;
        let request = CashRepayment {
            amount,
            by_owner: false,
            idle: self.idle(),
            stale: self.stale(),
            halted: self.halted(),
            risk: &self.risk,
        };
        repay::repay_from_cash(&mut account, &mut line, &mut vault, &request, &self.env)
    }

    /// What would be written off now.
    ///
    /// # Errors
    /// As [`repay::write_off`]; `LineNotActive` without a line.
    pub fn try_write_off(&self) -> Result<WrittenOff> {
        let (mut account, mut line, mut vault) = self.loan()?;
        repay::write_off(
            &mut account,
            &mut line,
            &mut vault,
            self.flat(),
            self.env.now,
        )
    }

    /// What would be collected of its lien now, quote atoms.
    ///
    /// # Errors
    /// As [`repay::collect_lien`]; `LineNotActive` without a line.
    pub fn try_collect_lien(&self) -> Result<u64> {
        let (mut account, _, mut vault) = self.loan()?;
        let (legs, halted) = (&self.legs.total, self.halted());
        repay::collect_lien(&mut account, &mut vault, legs, halted, &self.env)
    }

    fn loan(&self) -> Result<(MarginAccount, CreditLine, CreditVault)> {
        let (line, vault) = self.credit.ok_or(EngineError::LineNotActive)?;
        Ok((self.account, line, vault))
    }
}
