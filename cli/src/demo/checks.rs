//! What must hold at the end, to the atom, whatever the traders did. Pure: from an [`Audit`] alone.

use std::collections::BTreeSet;

use plimsoll_client::engine::state::{SIDE_LONG, SIDE_SHORT};
use plimsoll_client::engine::{epochs, math};
use plimsoll_client::MarketView;

use super::audit::Audit;
use super::money::{dollars, grouped};
use super::story::MINUTE;
use crate::units::MarketUnits;

/// A statement about the chain and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub claim: String,
    pub holds: bool,
    /// The figures behind it.
    pub figures: String,
}

impl Check {
    pub fn new(claim: impl Into<String>, holds: bool, figures: impl Into<String>) -> Self {
        Self {
            claim: claim.into(),
            holds,
            figures: figures.into(),
        }
    }
}

/// What the markets' totals of fees do not show, quote atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Out of the keeper pool to who called liquidations.
    pub reimbursed: u64,
    /// Contributions of takeovers, which are no fills.
    pub contributions: u64,
    /// Losses that receipts say were carried.
    pub carried: u64,
}

/// Every statement that follows from the chain's state.
pub fn of(audit: &Audit, beside: &Beside, chain_start: i64, minutes: usize) -> Vec<Check> {
    let mut checks = vec![custody(audit), fees(audit, beside), funding(audit)];
    for (_, market) in &audit.markets {
        checks.push(trades(market));
        checks.push(open_interest(market));
    }
    checks.push(solvent(audit));
    checks.push(deposits(&audit.deposit_times, chain_start, minutes));
    checks
}

/// Σ shards = Σ (collateral + D) + Σ pools + default fund + keeper pool + treasury (spec §4).
fn custody(audit: &Audit) -> Check {
    let accounts: i128 = audit
        .accounts
        .iter()
        .map(|(_, account)| i128::from(account.collateral) + i128::from(account.credit_principal))
        .sum();
    let pools: i128 = audit
        .markets
        .iter()
        .map(|(_, market)| i128::from(market.header.cash.pool))
        .sum();
    let fund = i128::from(audit.fund.balance)
        + i128::from(audit.fund.keeper_pool)
        + i128::from(audit.fund.treasury);
    let owed = accounts + pools + fund;
    Check::new(
        "custody = accounts + pools + funds, to the atom",
        owed == i128::from(audit.custody),
        format!("{} atoms held, {owed} owed", audit.custody),
    )
}

/// Fees charged = fees still in the pools + what the sweeps moved + what carried losses took of them.
fn fees(audit: &Audit, beside: &Beside) -> Check {
    let charged =
        sum(audit, |market| market.header.cash.fees_total) + u128::from(beside.contributions);
    let waiting = sum(audit, |market| {
        let cash = &market.header.cash;
        cash.fees_accrued + cash.liquidation_fees_accrued + cash.contributions_accrued
    });
    let deficits = sum(audit, |market| market.header.cash.deficit);
    let paid_off = u128::from(beside.carried).saturating_sub(deficits);
    // Treasury and default fund count their totals; the keeper pool paid reimbursements.
    let swept = u128::from(audit.fund.contributed_total)
        + u128::from(audit.fund.treasury_total)
        + u128::from(audit.fund.keeper_pool)
        + u128::from(beside.reimbursed);
    Check::new(
        "fees charged = fees swept + fees waiting",
        charged == waiting + swept + paid_off && charged > 0,
        format!("{} charged, {} swept", dollars(charged), dollars(swept)),
    )
}

/// Somebody paid funding in every market with positions; the figure is what one coin's long paid net.
fn funding(audit: &Audit) -> Check {
    let paid: Vec<String> = audit
        .markets
        .iter()
        .map(|(_, market)| format!("{} {}", market.symbol(), funding_of_a_coin(market)))
        .collect();
    let holds = audit.markets.iter().all(|(_, market)| {
        let charged = math::join_signed(market.header.prices.funding_index) != 0;
        charged || market.header.open_interest() == 0
    });
    Check::new(
        "funding was charged wherever there are positions",
        holds,
        format!("a long of one coin paid: {}", paid.join(", ")),
    )
}

/// Funding that a long of one whole coin has paid since the market's creation, in dollars.
pub fn funding_of_a_coin(market: &MarketView) -> String {
    let index = math::join_signed(market.header.prices.funding_index);
    let coin = 10_u128.pow(u32::from(market.header.params.base_decimals).min(18));
    // Q.64 per atom; the low 32 bits cannot be seen in a price of a coin.
    let atoms = (index.unsigned_abs() >> 32).saturating_mul(coin) >> 32;
    let sign = if index < 0 { "-" } else { "" };
    format!("{sign}{}", dollars(atoms))
}

fn trades(market: &MarketView) -> Check {
    let cash = &market.header.cash;
    Check::new(
        format!("{}: it traded", market.symbol()),
        cash.fills_total > 0,
        format!(
            "{} fills, {} of volume",
            grouped(u128::from(cash.fills_total)),
            dollars(math::join_unsigned(cash.volume))
        ),
    )
}

/// Longs = shorts, by the sides' totals and by the sum over all seats; after a tear-up within the market's
/// drift, which is zero before the first one.
fn open_interest(market: &MarketView) -> Check {
    let [long, short] = &market.header.sides;
    let (long, short) = (long.open_interest(), short.open_interest());
    let mut held = [0_u128; 2];
    let mut readable = true;
    for (_, seat) in market.seats() {
        match market.holding(seat) {
            Ok(position) => {
                let side = if position.base < 0 {
                    SIDE_SHORT
                } else {
                    SIDE_LONG
                };
                if let Some(sum) = held.get_mut(usize::from(side)) {
                    *sum += u128::from(position.base.unsigned_abs());
                }
            }
            Err(_) => readable = false,
        }
    }
    let totals = [u128::from(long), u128::from(short)];
    let units = MarketUnits::of(&market.header.params);
    let drift = u128::from(epochs::drift(&market.header));
    let [held_long, held_short] = held;
    let mut sides = totals.into_iter().zip(held);
    let within = sides.all(|(total, held)| total >= held && total - held <= drift);
    let figures = if drift == 0 {
        format!("{long} atoms each side")
    } else {
        format!("{held_long} and {held_short} atoms, drift at most {drift}")
    };
    Check::new(
        format!(
            "{}: open interest, long = short = the seats' sum",
            market.symbol()
        ),
        readable && within && held_long.abs_diff(held_short) <= drift,
        format!(
            "{} = {figures}",
            units.position(i64::try_from(long).unwrap_or(i64::MAX))
        ),
    )
}

/// Nobody has paid more than he had: collateral + D is never negative.
fn solvent(audit: &Audit) -> Check {
    let negative = audit
        .accounts
        .iter()
        .filter(|(_, account)| {
            i128::from(account.collateral) + i128::from(account.credit_principal) < 0
        })
        .count();
    Check::new(
        "no account's cash is below zero",
        negative == 0,
        format!("{} accounts", audit.accounts.len()),
    )
}

/// At least one deposit is on chain in every minute of the tape.
fn deposits(times: &[i64], chain_start: i64, minutes: usize) -> Check {
    let served: BTreeSet<usize> = times
        .iter()
        .filter_map(|time| usize::try_from((time - chain_start).div_euclid(MINUTE)).ok())
        .filter(|minute| *minute < minutes)
        .collect();
    Check::new(
        "deposits were accepted in every minute",
        served.len() == minutes,
        format!("{} of {minutes} minutes", served.len()),
    )
}

fn sum(audit: &Audit, of: impl Fn(&MarketView) -> u64) -> u128 {
    let markets = audit.markets.iter();
    markets.map(|(_, market)| u128::from(of(market))).sum()
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
