use std::sync::Arc;

use bytemuck::Zeroable;
use plimsoll_client::engine::state::{
    CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount, MarketHeader, Side,
};
use plimsoll_client::events::{
    CreditDrawn, CreditRepaid, Event, Liquidated, SharesBought, VaultBalances,
};
use plimsoll_client::instructions::CreditKeys;
use plimsoll_client::MarketView;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;

use super::of;
use crate::demo::audit::Audit;
use crate::demo::cast::{Farm, Role, Trader};
use crate::demo::ledger::{Ledger, Told};
use crate::demo::night::Need;

const COVERED: Pubkey = Pubkey::new_from_array([1; 32]);
const THIN: Pubkey = Pubkey::new_from_array([2; 32]);
const LIQUIDATOR: Pubkey = Pubkey::new_from_array([3; 32]);
const VAULT: Pubkey = Pubkey::new_from_array([4; 32]);

fn told(event: Event) -> Told {
    Told { time: 100, event }
}

fn step(account: Pubkey, drawn: u64, filled_lots: u64, charge: u64) -> Told {
    told(Event::Liquidated(Box::new(Liquidated {
        version: 1,
        margin_account: account,
        market: Pubkey::default(),
        beneficiary: LIQUIDATOR,
        cancelled: 0,
        drawn,
        filled_lots,
        filled_quote: filled_lots,
        limit: 1,
        charge,
        contribution: 0,
        reimbursed: 0,
        takeover_started_at: 0,
    })))
}

fn lent(account: Pubkey, amount: u64) -> Told {
    told(Event::CreditDrawn(Box::new(CreditDrawn {
        version: 1,
        line: Pubkey::default(),
        margin_account: account,
        amount,
        credit_principal: amount,
        call_deadline: 200,
        balances: balances(),
    })))
}

fn balances() -> VaultBalances {
    VaultBalances::from(&CreditVault::zeroed())
}

/// 1,000 paid in; 100 drawn for the one and repaid with 3 of interest; 50 for the other, whose position was
/// closed in part for a charge of 20.
fn ledger() -> Ledger {
    let calls = [
        step(COVERED, 100, 0, 0),
        step(THIN, 50, 0, 0),
        step(THIN, 0, 7, 20),
    ];
    let bought = SharesBought {
        version: 1,
        vault: VAULT,
        provider: Pubkey::default(),
        junior: false,
        amount: 1_000,
        shares: 1_000,
        balances: balances(),
    };
    let repaid = CreditRepaid {
        version: 1,
        line: Pubkey::default(),
        margin_account: COVERED,
        from_cash: true,
        interest: 3,
        principal: 100,
        lien: 0,
        credit_principal: 0,
        collateral: 0,
        balances: balances(),
    };
    let mut vault = vec![told(Event::SharesBought(Box::new(bought)))];
    vault.extend([lent(COVERED, 100), lent(THIN, 50)]);
    vault.extend(calls.iter().cloned());
    vault.push(told(Event::CreditRepaid(Box::new(repaid))));
    Ledger {
        liquidations: calls.to_vec(),
        vault,
        ..Ledger::default()
    }
}

fn line(account: Pubkey, limit: u64, drawn: u64) -> CreditLine {
    let mut line = CreditLine::zeroed();
    line.vault = VAULT.to_bytes();
    line.margin_account = account.to_bytes();
    (line.limit, line.drawn) = (limit, drawn);
    line
}

fn audit() -> Audit {
    let mut header = MarketHeader::zeroed();
    header.sides = [Side::empty(); 2];
    // 1,000 of trades and 20 of the liquidation; 40% of the 1,000 went to the treasury.
    header.cash.fees_total = 1_020;
    let mut exchange = Exchange::zeroed();
    exchange.fee_treasury_ppm = 400_000;
    let mut fund = DefaultFund::zeroed();
    fund.treasury_total = 400;
    let mut vault = CreditVault::zeroed();
    (vault.cash, vault.drawn, vault.interest_total) = (953, 50, 3);
    let mut debtor = MarginAccount::zeroed();
    (debtor.credit_principal, debtor.credit_line) = (50, [8; 32]);
    let blocks = Vec::new();
    Audit {
        exchange,
        fund,
        custody: 0,
        accounts: vec![(THIN, debtor)],
        markets: vec![(Pubkey::default(), MarketView { header, blocks })],
        vaults: vec![(VAULT, vault, 953)],
        lines: vec![
            (Pubkey::new_from_array([7; 32]), line(COVERED, 200, 0)),
            (Pubkey::new_from_array([8; 32]), line(THIN, 50, 50)),
        ],
        deposit_times: Vec::new(),
    }
}

fn failed(audit: &Audit, ledger: &Ledger) -> Vec<String> {
    let trader = |farm, account| Trader {
        role: Role::Farmer(farm),
        key: Arc::new(Keypair::new()),
        account,
        tokens: Pubkey::default(),
        margin: None,
        credit: Some(CreditKeys {
            line: Pubkey::default(),
            vault: VAULT,
            vault_cash: Pubkey::default(),
        }),
    };
    let traders = [trader(Farm::Covered, COVERED), trader(Farm::Thin, THIN)];
    let needs = [Need {
        account: THIN,
        time: 100,
        usable: 40,
        lacking: 41,
    }];
    let failed = of(audit, ledger, &traders, &needs).into_iter();
    let failed = failed.filter(|check| !check.holds);
    failed.map(|check| check.claim).collect()
}

#[track_caller]
fn only_failure(audit: &Audit, ledger: &Ledger, about: &str) {
    let failed = failed(audit, ledger);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains(about), "{failed:?}");
}

#[test]
fn a_sound_night_passes_every_check() {
    assert_eq!(failed(&audit(), &ledger()), Vec::<String>::new());
}

#[test]
fn a_share_of_a_liquidations_fees_in_the_treasury_is_found() {
    let mut audit = audit();
    audit.fund.treasury_total = 408;
    only_failure(&audit, &ledger(), "treasury");
}

#[test]
fn a_loss_event_without_its_receipt_is_found() {
    let mut audit = audit();
    audit.markets[0].1.header.losses.receipts = 1;
    only_failure(&audit, &ledger(), "receipt");
}

#[test]
fn a_vault_without_its_cash_or_with_another_debt_is_found() {
    let mut short = audit();
    short.vaults[0].2 -= 1;
    only_failure(&short, &ledger(), "holds its cash");
    let mut other = audit();
    other.accounts[0].1.credit_principal = 49;
    only_failure(&other, &ledger(), "holds its cash");
}

#[test]
fn a_movement_that_no_event_tells_is_found() {
    let mut ledger = ledger();
    ledger.vault.remove(2);
    only_failure(&audit(), &ledger, "statement");
}

#[test]
fn a_farmer_whose_line_was_never_drawn_proves_nothing() {
    let mut ledger = ledger();
    ledger.liquidations.remove(0);
    only_failure(&audit(), &ledger, "the farmer with the line");
}

#[test]
fn a_closing_that_a_line_would_have_cured_is_found() {
    let mut ledger = ledger();
    ledger.liquidations[2].time = 111;
    only_failure(&audit(), &ledger, "a line would have cured");
}
