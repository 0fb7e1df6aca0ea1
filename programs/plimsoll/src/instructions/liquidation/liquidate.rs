//! Steps 1 to 3 of a liquidation: cancel, draw, reduce in the book.

use anchor_lang::prelude::*;
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::credit::{draw, line};
use plimsoll_engine::error::EngineError;
use plimsoll_engine::fund;
use plimsoll_engine::liquidation::{self, BookStep, Legs, Standing, CANCELS_MAX};
use plimsoll_engine::place::{self, MatchPlan, Which};
use plimsoll_engine::state::{
    CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount, OrderSide,
};
use plimsoll_engine::Env;

use super::reading::{read_legs, risk_of, standing};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{
    emit_order_placed, CreditDrawn, Liquidated, OrderPlaced, VaultBalances, EVENT_VERSION,
    ORDER_PLACED_SIZE_MAX,
};
use crate::instructions::cash::{check_shard, check_token_program};
use crate::instructions::vault_cash::{while_cash_moves, VaultCash};
use crate::instructions::{environment, halts};
use crate::loaders::{load, load_mut, same_key, LoadedMarketMut};

/// The account's other markets follow in the order of its entries; those in which its orders rest are
/// writable.
#[derive(Accounts)]
pub struct Liquidate<'info> {
    /// CHECK: typed loader; address checked against the margin account.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader; address checked against the exchange.
    #[account(mut)]
    pub default_fund: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub margin_account: UncheckedAccount<'info>,
    /// Margin account that is reimbursed.
    /// CHECK: typed loader.
    #[account(mut)]
    pub beneficiary: UncheckedAccount<'info>,
    /// The market of the leg that comes next.
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// The account's credit line, if it has one, and what a draw moves.
    /// CHECK: typed loader; address checked against the margin account.
    #[account(mut)]
    pub line: Option<UncheckedAccount<'info>>,
    /// CHECK: typed loader; address checked against the line.
    #[account(mut)]
    pub vault: Option<UncheckedAccount<'info>>,
    /// CHECK: address checked against the vault.
    #[account(mut)]
    pub vault_cash: Option<UncheckedAccount<'info>>,
    /// CHECK: address checked against the exchange's list.
    #[account(mut)]
    pub custody_shard: Option<UncheckedAccount<'info>>,
    /// CHECK: address checked against the exchange.
    pub token_program: Option<UncheckedAccount<'info>>,
}

/// What one call did.
#[derive(Default)]
struct Done {
    cancelled: u8,
    drawn: u64,
    book: BookStep,
    reimbursed: u64,
}

pub(crate) fn liquidate<'info>(ctx: Context<'info, Liquidate<'info>>, shard: u8) -> Result<()> {
    let env = environment()?;
    let accounts = &ctx.accounts;
    let mut account = load_mut::<MarginAccount>(&accounts.margin_account)?;
    check_exchange(accounts, &account)?;
    let mut credit = accounts.load_credit(&account)?;
    if let Some((line, vault)) = &mut credit {
        line::accrue(&mut account, line, vault, env.now).anchor()?;
    }
    let others = ctx.remaining_accounts;
    let address = accounts.margin_account.key.to_bytes();
    let mut loaded = LoadedMarketMut::load(&accounts.market)?;
    halts::catch_up(loaded.get().header, accounts.market.key, &env);
    let mut rest = others.iter();
    let legs = read_legs(
        &account,
        &address,
        (accounts.market.key, &loaded.get().as_ref()),
        &mut rest,
        accounts.lender(credit.as_ref())?,
        env.now,
    )?;
    if rest.next().is_some() {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    let risk = risk_of(&account, &legs, env.now)?;
    let lapsed = credit.as_ref().is_some_and(|(line, _)| {
        line::lapsed(line, account.credit_principal, legs.reopened_at, env.now)
    });
    let (which, liquidatable) = match Standing::of(&risk, lapsed, 0) {
        Ok(_) => (Some(Which::All), true),
        // Its orders were margined by equity that is gone; only what reduces may stay.
        Err(EngineError::NotLiquidatable) => {
            let outlive = liquidation::orders_outlive(&risk);
            (outlive.then_some(Which::NotReduceOnly), false)
        }
        Err(error) => return Err(PlimsollError::from(error).into()),
    };
    let mut done = Done::default();
    if let Some(which) = which {
        done.cancelled = cancel(accounts, &mut loaded, &legs, &address, others, which, &env)?;
    }
    if liquidatable {
        done.drawn = accounts.draw(&mut account, credit.as_mut(), &legs, shard, &env)?;
    } else if !liquidation::end_walk(&mut account, &risk) && done.cancelled == 0 {
        return err!(PlimsollError::NotLiquidatable);
    }
    if liquidatable && done.drawn == 0 {
        let lent = credit.as_ref().map(|(line, vault)| (&**line, &**vault));
        let standing = standing(&account, &legs, &risk, lent, &env)?;
        fund::flag(&mut account, env.now);
        done.book = reduce(
            accounts,
            &mut loaded,
            &legs,
            &standing,
            done.cancelled,
            &env,
        )?;
        settle_flag(&mut account, &done.book, &env);
        let params = &loaded.get().header.params;
        done.reimbursed = accounts.reimburse(&mut account, params, &done, env.now)?;
    }
    emit!(Liquidated {
        version: EVENT_VERSION,
        margin_account: *accounts.margin_account.key,
        market: *accounts.market.key,
        beneficiary: *accounts.beneficiary.key,
        cancelled: done.cancelled,
        drawn: done.drawn,
        filled_lots: done.book.filled_lots,
        filled_quote: done.book.filled_quote,
        limit: done.book.limit,
        charge: done.book.charge,
        contribution: done.book.contribution,
        reimbursed: done.reimbursed,
        takeover_started_at: account.takeover_started_at,
    });
    Ok(())
}

/// Exchange, default fund and beneficiary belong together, and nobody is reimbursed for its own account.
pub(super) fn check_exchange(accounts: &Liquidate<'_>, account: &MarginAccount) -> Result<()> {
    if !same_key(accounts.exchange.key, &account.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    let exchange = load::<Exchange>(&accounts.exchange)?;
    if !same_key(accounts.default_fund.key, &exchange.default_fund) {
        return err!(PlimsollError::WrongAccount);
    }
    check_beneficiary(&accounts.margin_account, &accounts.beneficiary, account)
}

/// Another margin account of the same exchange.
pub(super) fn check_beneficiary(
    margin_account: &AccountInfo<'_>,
    beneficiary: &AccountInfo<'_>,
    account: &MarginAccount,
) -> Result<()> {
    if margin_account.key == beneficiary.key {
        return err!(PlimsollError::DuplicateAccount);
    }
    if load_mut::<MarginAccount>(beneficiary)?.exchange != account.exchange {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}

pub(super) type LoadedCredit<'a> = (
    std::cell::RefMut<'a, CreditLine>,
    std::cell::RefMut<'a, CreditVault>,
);

impl<'info> Liquidate<'info> {
    /// The account's line and vault, to change; `CreditLineMissing` when it has one that was not passed.
    pub(super) fn load_credit(&self, account: &MarginAccount) -> Result<Option<LoadedCredit<'_>>> {
        if account.credit_line == [0; 32] {
            return Ok(None);
        }
        let (Some(line), Some(vault)) = (&self.line, &self.vault) else {
            return err!(PlimsollError::CreditLineMissing);
        };
        if !same_key(line.key, &account.credit_line) {
            return err!(PlimsollError::WrongAccount);
        }
        let line = load_mut::<CreditLine>(line)?;
        if !same_key(vault.key, &line.vault) {
            return err!(PlimsollError::WrongAccount);
        }
        Ok(Some((line, load_mut::<CreditVault>(vault)?)))
    }

    /// The line, if its vault's cash can leave.
    pub(super) fn lender<'a>(
        &self,
        credit: Option<&'a LoadedCredit<'_>>,
    ) -> Result<Option<&'a CreditLine>> {
        match credit {
            Some((line, vault)) => while_cash_moves(line, vault, self.vault_cash.as_deref()),
            None => Ok(None),
        }
    }

    /// Step 2: draws the line if that cures; returns what was drawn.
    #[inline(never)]
    pub(super) fn draw(
        &self,
        account: &mut MarginAccount,
        credit: Option<&mut LoadedCredit<'_>>,
        legs: &Legs,
        shard: u8,
        env: &Env,
    ) -> Result<u64> {
        let Some((line, vault)) = credit else {
            return Ok(0);
        };
        let risk = risk_of(account, legs, env.now)?;
        if risk.meets_maintenance().anchor()? {
            return Ok(0);
        }
        let (mandated, reopened) = (legs.mandated_margin, legs.reopened_at);
        let drawn = match draw::draw(account, line, vault, &risk, mandated, reopened, env) {
            Ok(drawn) => drawn,
            Err(
                EngineError::LineNotActive
                | EngineError::DrawNotNeeded
                | EngineError::DrawDoesNotCure,
            ) => return Ok(0),
            Err(error) => return Err(PlimsollError::from(error).into()),
        };
        let (Some(line_info), Some(vault_info), Some(cash), Some(custody), Some(token_program)) = (
            &self.line,
            &self.vault,
            &self.vault_cash,
            &self.custody_shard,
            &self.token_program,
        ) else {
            return err!(PlimsollError::CreditLineMissing);
        };
        let exchange = load::<Exchange>(&self.exchange)?;
        check_shard(&exchange, shard, custody)?;
        check_token_program(&exchange, token_program)?;
        let cash = VaultCash {
            vault: vault_info,
            vault_cash: cash,
            token_program,
        };
        cash.pay(vault, custody, drawn.amount)?;
        // A vault's statement is made of events with its balances, whoever drew.
        emit!(CreditDrawn {
            version: EVENT_VERSION,
            line: *line_info.key,
            margin_account: *self.margin_account.key,
            amount: drawn.amount,
            credit_principal: drawn.credit_principal,
            call_deadline: drawn.call_deadline,
            balances: VaultBalances::from(&**vault),
        });
        Ok(drawn.amount)
    }

    /// Credits the beneficiary out of the keeper pool. A small step earns at most what it was charged, so
    /// that nobody lives on liquidating dust of its own (attacks 20, 21).
    fn reimburse(
        &self,
        account: &mut MarginAccount,
        params: &plimsoll_engine::params::MarketParams,
        done: &Done,
        now: i64,
    ) -> Result<u64> {
        if done.book.filled_lots == 0 {
            return Ok(0);
        }
        let large = done.book.filled_lots >= liquidation::slice_min(params);
        let most = if large {
            u64::MAX
        } else if done.book.book_ended {
            0
        } else {
            done.book.charge
        };
        let mut fund = load_mut::<DefaultFund>(&self.default_fund)?;
        let mut beneficiary = load_mut::<MarginAccount>(&self.beneficiary)?;
        fund::reimburse(account, &mut fund, &mut beneficiary, params, most, now).anchor()
    }
}

/// Step 1: takes the account's orders off the books, at most [`CANCELS_MAX`] of them.
///
/// # Errors
/// `WrongMarketAccounts` when all are to go and rest in a market that was passed read-only.
#[inline(never)]
pub(super) fn cancel<'info>(
    accounts: &Liquidate<'info>,
    loaded: &mut LoadedMarketMut<'_>,
    legs: &Legs,
    address: &[u8; 32],
    others: &'info [AccountInfo<'info>],
    which: Which,
    env: &Env,
) -> Result<u8> {
    let mut cancelled = 0;
    for leg in legs.iter().filter(|leg| leg.orders != 0) {
        let left = CANCELS_MAX.saturating_sub(cancelled);
        let take = |market: &mut MarketMut<'_>| {
            liquidation::cancel_orders(market, leg, address, which, left, env).anchor()
        };
        let count = if same_key(accounts.market.key, &leg.market) {
            take(&mut loaded.get())?
        } else {
            let info = others
                .iter()
                .find(|info| info.is_writable && same_key(info.key, &leg.market));
            match info {
                Some(info) => take(&mut LoadedMarketMut::load(info)?.get())?,
                None if which == Which::All => return err!(PlimsollError::WrongMarketAccounts),
                None => 0,
            }
        };
        cancelled = cancelled.saturating_add(count);
    }
    Ok(cancelled)
}

/// Step 3: reduces the leg that comes next, which must be the one in `market`, once no order is left.
#[inline(never)]
fn reduce(
    accounts: &Liquidate<'_>,
    loaded: &mut LoadedMarketMut<'_>,
    legs: &Legs,
    standing: &Standing,
    cancelled: u8,
    env: &Env,
) -> Result<BookStep> {
    let orders: u32 = legs.iter().map(|leg| u32::from(leg.orders)).sum();
    if orders > u32::from(cancelled) {
        return Ok(BookStep::default());
    }
    let leg = match legs.next() {
        // Without a position there was nothing but orders.
        Err(EngineError::NotLiquidatable) if cancelled != 0 => return Ok(BookStep::default()),
        found => found.anchor()?,
    };
    if !same_key(accounts.market.key, &leg.market) {
        return err!(PlimsollError::WrongMarketAccounts);
    }
    let mut plan = Box::new(MatchPlan::default());
    let step =
        liquidation::reduce_in_book(&mut loaded.get(), leg, standing, env, &mut plan).anchor()?;
    if !plan.steps().is_empty() {
        let side = if leg.is_long() {
            OrderSide::Ask
        } else {
            OrderSide::Bid
        };
        emit_fills(accounts, leg.seat, side, &step, &plan)?;
    }
    if let Some(trip) = &step.trip {
        halts::emit_trip(loaded.get().header, accounts.market.key, trip);
    }
    Ok(step)
}

/// Fills of a liquidation are fills: makers and tapes read them from the same event as all others.
#[inline(never)]
fn emit_fills(
    accounts: &Liquidate<'_>,
    seat: u32,
    side: OrderSide,
    step: &BookStep,
    plan: &place::MatchPlan,
) -> Result<()> {
    let event = OrderPlaced {
        version: EVENT_VERSION,
        market: *accounts.market.key,
        margin_account: *accounts.margin_account.key,
        seat,
        side: side.byte(),
        client_id: 0,
        order: 0,
        sequence: 0,
        price: 0,
        resting_lots: 0,
        cancelled_lots: 0,
        filled_lots: step.filled_lots,
        filled_quote: step.filled_quote,
        taker_fee: step.charge,
        fills: Vec::new(),
        removals: Vec::new(),
    };
    let mut buffer = Box::new([0; ORDER_PLACED_SIZE_MAX]);
    emit_order_placed(&event, plan, &mut buffer)
}

/// The takeover's clock starts when the book could not give what was to be closed, and ends when it did.
/// Orders that are in the way, of the account or of whoever fills the book with dust, turn nothing back.
fn settle_flag(account: &mut MarginAccount, book: &BookStep, env: &Env) {
    if book.satisfied {
        account.takeover_started_at = 0;
    } else if book.book_ended && account.takeover_started_at == 0 {
        account.takeover_started_at = env.now;
    }
}
