//! What must hold at the end of liquidations and of credit. Pure: from an [`Audit`] and a [`Ledger`].

use plimsoll_client::engine::math;
use plimsoll_client::events::Event;
use plimsoll_client::receipts::Receipts;
use solana_pubkey::Pubkey;

use super::audit::Audit;
use super::cast::{Farm, Role, Trader};
use super::checks::Check;
use super::ledger::Ledger;
use super::money::dollars;
use super::night::Need;

/// A block's time may be this much later than the look that its transactions came of, seconds: on a busy machine
/// the chain's clock runs on meanwhile. Of several looks the last one counts.
const LOOK_SECONDS: i64 = 10;

/// Every statement about liquidations and credit.
pub fn of(audit: &Audit, ledger: &Ledger, traders: &[Trader], needs: &[Need]) -> Vec<Check> {
    vec![
        treasury(audit, ledger),
        receipts(audit, ledger),
        vaults(audit),
        statement(audit, ledger),
        carried(ledger, traders),
        credit_first(ledger, traders, needs),
    ]
}

/// Fees that liquidations charged, makers' and contributions included, quote atoms.
pub fn charged(ledger: &Ledger) -> u64 {
    let own: u64 = ledger.liquidated().map(|event| event.charge).sum();
    let of_takeovers: u64 = ledger.taken_over().map(|event| event.contribution).sum();
    own + of_takeovers + ledger.makers_fees() + super::halt_checks::charged(ledger)
}

/// The treasury's whole income is its share of the other trades' fees (INV-9): no more, and less only by
/// the atom that each sweep may round away.
fn treasury(audit: &Audit, ledger: &Ledger) -> Check {
    let of_takeovers: u64 = ledger.taken_over().map(|event| event.contribution).sum();
    let sum = |of: fn(&plimsoll_client::MarketView) -> u64| -> u64 {
        audit.markets.iter().map(|(_, market)| of(market)).sum()
    };
    let total = sum(|market| market.header.cash.fees_total) + of_takeovers;
    let of_liquidations = charged(ledger);
    let waiting = sum(|market| market.header.cash.fees_accrued);
    let swept = total
        .saturating_sub(of_liquidations)
        .saturating_sub(waiting);
    let share = u64::from(audit.exchange.fee_treasury_ppm);
    let most = math::mul_ppm_floor(swept, share).unwrap_or(0);
    let income = audit.fund.treasury_total;
    // A market is swept every few minutes: a thousand sweeps are more than any telling has.
    let holds = income <= most && most - income <= 1_000;
    Check::new(
        "the treasury took nothing of liquidations",
        holds,
        format!(
            "{} charged by liquidations, none of it in the treasury's {}",
            dollars(u128::from(of_liquidations)),
            dollars(u128::from(income))
        ),
    )
}

/// The receipts of every market's loss events, as `plimsoll audit adl` checks them.
fn receipts(audit: &Audit, ledger: &Ledger) -> Check {
    let mut count = 0;
    let mut wrong = Vec::new();
    for (address, market) in &audit.markets {
        let own = ledger.receipts().filter(|event| event.market == *address);
        match Receipts::of_events(address, &market.header, own) {
            Ok(receipts) => count += receipts.len(),
            Err(error) => wrong.push(format!("{}: {error}", market.symbol())),
        }
    }
    let figures = if wrong.is_empty() {
        format!("{count} receipts in {} markets", audit.markets.len())
    } else {
        wrong.join("; ")
    };
    Check::new(
        "every tear-up has its receipt, and they hash to the markets' chains",
        wrong.is_empty(),
        figures,
    )
}

/// A vault holds its cash, and what it lent is what its lines and their accounts owe.
fn vaults(audit: &Audit) -> Check {
    let mut holds = !audit.vaults.is_empty();
    let (mut cash, mut drawn) = (0, 0);
    for (address, vault, held) in &audit.vaults {
        let lines = audit.lines.iter();
        let own = lines.filter(|(_, line)| line.vault == address.to_bytes());
        let mut of_lines = 0;
        for (key, line) in own {
            of_lines += line.drawn;
            let debtor = audit.accounts.iter();
            let mut debtor = debtor.filter(|(_, one)| one.credit_line == key.to_bytes());
            let owed = debtor.next().map_or(0, |(_, one)| one.credit_principal);
            holds &= owed == line.drawn && line.drawn <= line.limit;
        }
        holds &=
            of_lines == vault.drawn && *held == vault.cash && vault.reserved_cash <= vault.cash;
        cash += vault.cash;
        drawn += vault.drawn;
    }
    Check::new(
        "the vault holds its cash, and what it lent is what the lines owe",
        holds,
        format!(
            "{} held, {} lent",
            dollars(u128::from(cash)),
            dollars(u128::from(drawn))
        ),
    )
}

/// From the events alone: what came in and went out of the vault is what it has.
fn statement(audit: &Audit, ledger: &Ledger) -> Check {
    let (mut paid_in, mut drawn, mut principal, mut interest, mut lost) = (0_u64, 0, 0, 0, 0);
    for told in &ledger.vault {
        match &told.event {
            Event::SharesBought(event) => paid_in += event.amount,
            Event::CreditDrawn(event) => drawn += event.amount,
            Event::CreditRepaid(event) => {
                principal += event.principal;
                interest += event.interest + event.lien;
            }
            Event::CreditWrittenOff(event) => lost += event.principal,
            _ => {}
        }
    }
    let cash = (paid_in + principal + interest).saturating_sub(drawn);
    let lent = drawn.saturating_sub(principal + lost);
    let holds = audit.vaults.first().is_some_and(|(_, vault, _)| {
        vault.cash == cash
            && vault.drawn == lent
            && vault.interest_total == interest + vault.interest_receivable
    });
    Check::new(
        "the vault's statement adds up from its events, to the atom",
        holds,
        format!(
            "{paid_in} paid in − {drawn} drawn + {principal} repaid + {interest} interest = {cash}"
        ),
    )
}

/// INV-7: at every closing that the events tell of an account with a line, the shared functions said of the
/// chain's state just before, at the last look, that all its line would lend was less than what was missing.
fn credit_first(ledger: &Ledger, traders: &[Trader], needs: &[Need]) -> Check {
    let (mut closings, mut aside) = (0, 0);
    for trader in traders.iter().filter(|trader| trader.credit.is_some()) {
        for time in ledger.closings(&trader.account) {
            closings += 1;
            let look = time - LOOK_SECONDS..=time;
            let own = || {
                let seen = |need: &&Need| look.contains(&need.time);
                let needs = needs.iter().filter(seen);
                needs.filter(|need| need.account == trader.account)
            };
            let last = own().map(|need| need.time).max();
            let met = own().any(|need| Some(need.time) == last && !need.curable());
            aside += u32::from(!met);
        }
    }
    Check::new(
        "credit before liquidation: nothing was closed that a line would have cured",
        aside == 0,
        format!(
            "closed {closings} times of an account with a line; seen below maintenance {} times, {} of them curable by its line",
            needs.len(),
            needs.iter().filter(|need| need.curable()).count()
        ),
    )
}

/// The farmer whose line suffices was in need, was lent to, and lost no lot.
fn carried(ledger: &Ledger, traders: &[Trader]) -> Check {
    let mut farmers = traders.iter();
    let covered = farmers.find(|one| one.role == Role::Farmer(Farm::Covered));
    let address = covered.map_or_else(Pubkey::default, |trader| trader.account);
    let all = ledger.by_account();
    let done = all.get(&address).copied().unwrap_or_default();
    Check::new(
        "the farmer with the line lost nothing of its hedge",
        !done.any() && done.draws != 0,
        format!(
            "{} draws, {} in all, {} closings",
            done.draws,
            dollars(u128::from(done.drawn)),
            ledger.closings(&address).len()
        ),
    )
}

/// Reimbursements and takeovers' contributions, which the markets' totals do not count, quote atoms: what
/// the keeper pool paid lies in the liquidator's margin account, which nobody else pays into.
pub fn beside_the_totals(audit: &Audit, ledger: &Ledger, liquidator: &Pubkey) -> (u64, u64) {
    let mut own = audit.accounts.iter();
    let own = own.find(|(address, _)| address == liquidator);
    let reimbursed = own.map_or(0, |(_, account)| account.collateral);
    let contributions = ledger.taken_over().map(|event| event.contribution).sum();
    (u64::try_from(reimbursed).unwrap_or(0), contributions)
}

#[cfg(test)]
#[path = "credit_checks_tests.rs"]
mod tests;
