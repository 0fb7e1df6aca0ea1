//! Liquidation against exact arithmetic: prices, sizes, the book, takeovers and tear-ups.
#![allow(clippy::unwrap_used)]

use std::vec::Vec;

use bytemuck::Zeroable;
use num_bigint::BigInt;
use proptest::prelude::*;

use super::price::{allowed_per_atom, lots_for, size_at, Reduction};
use super::*;
use crate::book::arena;
use crate::cash::account_cash;
use crate::place::{OrderRequest, Which};
use crate::position::{Holding, SeatFill};
use crate::risk::{self, AccountRisk, LegRisk, Resting};
use crate::seats::tests::{address_of, ask, bid, params, Desk, NOW};
use crate::state::{DefaultFund, MarketHeader, OrderSide, Pubkey, Side};
use crate::units::{BaseLots, PriceQ32, Ticks, PRICE_Q32_MAX, TICKS_MAX};
use crate::Env;

mod lending;
mod reducing;
mod takeovers;
mod tearing;
mod zero;

/// More than any test needs.
const RICH: u64 = 1 << 40;

fn header(params: &MarketParams, mark: u64) -> MarketHeader {
    let mut header = MarketHeader::zeroed();
    header.params = *params;
    header.prices.mark = mark;
    header.prices.index = mark;
    header.prices.index_time = NOW;
    header.sides = [Side::empty(), Side::empty()];
    header
}

/// A leg of `base` without a claim at that mark.
fn leg_of(params: &MarketParams, mark: u64, base: i64) -> Leg {
    let held = Holding { base, quote: 0 };
    let risk = risk::leg(&header(params, mark), held, &Resting::default(), NOW).unwrap();
    Leg {
        market: [0xF0; 32],
        held,
        mark: PriceQ32(mark),
        risk,
        closable: true,
        matching: true,
        ..Leg::default()
    }
}

/// The standing of an account whose other legs have `others` of maintenance margin.
fn standing_of(leg: &Leg, others: u64, equity: i64, with_credit: i64) -> Standing {
    let maintenance_margin = leg.risk.maintenance_margin + others;
    Standing {
        cause: if with_credit < maintenance_margin as i64 {
            Cause::Maintenance
        } else {
            Cause::LapsedCall
        },
        equity,
        with_credit,
        priced_equity: equity,
        priced_with_credit: with_credit,
        maintenance_margin,
        deficit: u64::try_from(with_credit.saturating_neg()).unwrap_or(0),
    }
}

/// What a fill does to the account: (change of equity at the mark, the leg's maintenance margin after it).
fn effect(params: &MarketParams, leg: &Leg, base: u64, cash: u64, charge: u64) -> (i64, u64) {
    let side = if leg.is_long() {
        OrderSide::Ask
    } else {
        OrderSide::Bid
    };
    let fill = SeatFill {
        side,
        base,
        cash,
        fee: charge,
    };
    let after = fill.applied_to(leg.held).unwrap();
    let risk = risk::leg(&header(params, leg.mark.0), after, &Resting::default(), NOW).unwrap();
    (risk.equity - leg.risk.equity, risk.maintenance_margin)
}

/// Any number below 2^bits, all magnitudes alike.
fn magnitude(bits: u32) -> impl Strategy<Value = u64> {
    (0..bits, any::<u64>()).prop_map(|(bit, noise)| (1 << bit) | (noise & ((1 << bit) - 1)))
}

/// Parameters within the bounds of the table, as far as liquidation reads them.
fn any_params() -> impl Strategy<Value = MarketParams> {
    let margin = prop_oneof![Just(50_000_u32), 10_000_u32..=1_000_000];
    let growth = (
        magnitude(48),
        magnitude(48),
        prop_oneof![Just(0_u32), 0_u32..=1_000_000],
    );
    let fees = (
        prop_oneof![Just(0_u32), Just(500), Just(10_000), 0_u32..=10_000],
        prop_oneof![Just(0_u32), Just(2_500), Just(10_000), 0_u32..=10_000],
    );
    let sizes = (
        prop::sample::select(std::vec![1_u64, 10, 1_000, 1_000_000, 1 << 40]),
        prop::sample::select(std::vec![1_u64, 10, 1_000, 1 << 32]),
    );
    (margin, growth, fees, sizes, 1_u64..9).prop_map(
        |(f0, (size_free, size_unit, slope), (fee, contribution), (lot, tick), lots_min)| {
            MarketParams {
                initial_margin_ppm: f0,
                size_free,
                size_unit,
                size_slope_ppm: slope,
                taker_fee_ppm: fee,
                liquidation_contribution_ppm: contribution,
                base_atoms_per_lot: lot,
                quote_atoms_per_lot_tick: tick,
                lots_min,
                slice_lots_max: 1 << 32,
                open_interest_low: 1 << 50,
                open_interest_high: 1 << 52,
                ..params()
            }
        },
    )
}

/// Mark, signed base and what the other legs need: any that a real account may come to.
fn any_position() -> impl Strategy<Value = (u64, i64, u64)> {
    let mark = prop_oneof![
        magnitude(44),
        Just(PRICE_Q32_MAX),
        Just(1_u64),
        Just(1 << 31)
    ];
    let base = prop_oneof![magnitude(48), Just((1 << 48) - 1), Just(1_u64)];
    let others = prop_oneof![Just(0_u64), magnitude(50)];
    (mark, base, any::<bool>(), others).prop_map(|(mark, base, long, others)| {
        let base = if long { base as i64 } else { -(base as i64) };
        (mark, base, others)
    })
}

/// An amount from 1 to `most`, its ends included often.
fn amount_within(most: u64, pick: u64) -> u64 {
    match pick % 4 {
        0 => 1,
        1 => most.max(1),
        2 => 1 + (pick >> 2) % 3,
        _ => 1 + (pick >> 2) % most.max(1),
    }
    .min(most.max(1))
}

fn big(value: impl Into<BigInt>) -> BigInt {
    value.into()
}

fn nth_leg(desk: &Desk, account: usize, market: usize) -> Leg {
    let state = &desk.markets[market];
    let entry = desk.accounts[account].entry_of(&state.address).unwrap();
    let read = arena::MarketRef {
        header: &state.header,
        blocks: &state.blocks,
    };
    let account_state = &desk.accounts[account];
    let now = desk.env.now;
    Leg::read(&read, account_state, &address_of(account), entry, now)
        .unwrap()
        .0
}

/// Position and claim, whatever the epoch.
fn held_of(desk: &Desk, account: usize, market: usize) -> Holding {
    nth_leg(desk, account, market).held
}

/// Risk of the account, whatever the epochs of its seats.
fn risk_of(desk: &Desk, account: usize) -> AccountRisk {
    let cash = account_cash(&desk.accounts[account], desk.env.now);
    AccountRisk::of(&cash, &legs_of(desk, account).total).unwrap()
}

fn legs_of(desk: &Desk, account: usize) -> Legs {
    let mut legs = Legs::default();
    for market in 0..desk.markets.len() {
        legs.push(&nth_leg(desk, account, market), 0, 0).unwrap();
    }
    legs
}

fn standing(desk: &Desk, account: usize) -> Result<Standing> {
    Standing::of(&risk_of(desk, account), false, 0)
}

/// Steps 1 and 3 in the leg that comes next.
fn reduce(desk: &mut Desk, account: usize) -> Result<BookStep> {
    let legs = legs_of(desk, account);
    let leg = *legs.next()?;
    let standing = standing(desk, account)?;
    let market = market_of(desk, &leg);
    let env = desk.env;
    let mut plan = desk.plan.clone();
    let mut state = desk.markets[market].get();
    cancel_orders(
        &mut state,
        &leg,
        &address_of(account),
        Which::All,
        CANCELS_MAX,
        &env,
    )?;
    let step = reduce_in_book(&mut state, &leg, &standing, &env, &mut plan);
    desk.plan = plan;
    step
}

fn market_of(desk: &Desk, leg: &Leg) -> usize {
    let found = desk.markets.iter().position(|m| m.address == leg.market);
    found.unwrap()
}

/// Cash, claims and everything owed, summed over the desk: conserved by every step (INV-1, INV-3).
fn wealth(desk: &Desk, fund: &DefaultFund) -> i128 {
    let mut sum = i128::from(fund.balance) + i128::from(fund.keeper_pool);
    for account in &desk.accounts {
        sum += i128::from(account.collateral) + i128::from(account.credit_principal);
    }
    for market in &desk.markets {
        sum += i128::from(market.header.cash.pool);
    }
    sum
}

/// Σ claims at the mark + fees + contributions − pool − deficit of a market: zero but for dust in favour of
/// the pool (INV-3).
fn unbacked(desk: &Desk, market: usize) -> i128 {
    let state = &desk.markets[market];
    let cash = &state.header.cash;
    let accrued = [
        cash.fees_accrued,
        cash.liquidation_fees_accrued,
        cash.contributions_accrued,
    ];
    let mut sum: i128 = accrued.iter().map(|part| i128::from(*part)).sum();
    for account in 0..desk.accounts.len() {
        if desk.accounts[account].entry_of(&state.address).is_some() {
            sum += i128::from(nth_leg(desk, account, market).risk.equity);
        }
    }
    sum - i128::from(cash.pool) - i128::from(cash.deficit)
}
