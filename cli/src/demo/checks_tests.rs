use bytemuck::Zeroable;
use plimsoll_client::engine::state::{
    BlockKind, DefaultFund, Exchange, MarginAccount, MarketHeader, Seat, Side, SIDE_LONG,
    SIDE_SHORT,
};
use plimsoll_client::MarketView;
use solana_pubkey::Pubkey;

use super::{deposits, of, Beside, Check};
use crate::demo::audit::Audit;

/// Atoms held by the long and by the short.
const POSITION: u64 = 700;
const START: i64 = 6_000;

fn seat(side: u8, shares: u64) -> plimsoll_client::engine::state::Block {
    let mut seat = Seat::zeroed();
    seat.kind = BlockKind::Seat.byte();
    seat.side = side;
    seat.shares = shares;
    bytemuck::cast(seat)
}

/// One market with a long and a short, and an exchange in which every statement holds.
fn audit() -> Audit {
    let mut header = MarketHeader::zeroed();
    header.params.base_atoms_per_lot = 1;
    header.params.quote_atoms_per_lot_tick = 1;
    header.sides = [Side::empty(); 2];
    for side in &mut header.sides {
        side.shares = [POSITION, 0];
    }
    header.cash.pool = 50;
    header.cash.fills_total = 1;
    header.cash.fees_total = 30;
    header.cash.fees_accrued = 10;
    header.prices.funding_index = [5, 0];
    let mut account = MarginAccount::zeroed();
    account.collateral = 400;
    let mut fund = DefaultFund::zeroed();
    (fund.balance, fund.contributed_total) = (8, 8);
    fund.keeper_pool = 4;
    (fund.treasury, fund.treasury_total) = (6, 8);
    Audit {
        exchange: Exchange::zeroed(),
        fund,
        custody: 400 + 50 + 8 + 4 + 6,
        accounts: vec![(Pubkey::new_unique(), account)],
        markets: vec![(
            Pubkey::new_unique(),
            MarketView {
                header,
                blocks: vec![seat(SIDE_LONG, POSITION), seat(SIDE_SHORT, POSITION)],
            },
        )],
        vaults: Vec::new(),
        lines: Vec::new(),
        deposit_times: vec![START + 15],
    }
}

fn failed(audit: &Audit) -> Vec<String> {
    let checks: Vec<Check> = of(audit, &Beside::default(), START, 1);
    let failed = checks.into_iter().filter(|check| !check.holds);
    failed.map(|check| check.claim).collect()
}

/// Exactly one claim fails, and it speaks of `about`.
fn only_failure(audit: &Audit, about: &str) {
    let failed = failed(audit);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains(about), "{failed:?}");
}

#[test]
fn a_sound_exchange_passes_every_check() {
    assert_eq!(failed(&audit()), Vec::<String>::new());
}

#[test]
fn one_atom_too_many_or_too_few_in_custody_is_found() {
    for custody in [audit().custody - 1, audit().custody + 1] {
        only_failure(&Audit { custody, ..audit() }, "custody");
    }
}

#[test]
fn a_fee_that_went_nowhere_is_found() {
    let mut audit = audit();
    audit.markets[0].1.header.cash.fees_total += 1;
    only_failure(&audit, "fees charged");
}

#[test]
fn a_seat_without_its_other_side_is_found() {
    let mut audit = audit();
    audit.markets[0].1.blocks.pop();
    only_failure(&audit, "open interest");
}

#[test]
fn a_side_that_is_one_atom_larger_is_found() {
    let mut audit = audit();
    audit.markets[0].1.header.sides[0].shares[0] += 1;
    only_failure(&audit, "open interest");
}

#[test]
fn a_market_without_trades_or_without_funding_is_found() {
    let mut quiet = audit();
    quiet.markets[0].1.header.cash.fills_total = 0;
    only_failure(&quiet, "traded");
    let mut free = audit();
    free.markets[0].1.header.prices.funding_index = [0, 0];
    only_failure(&free, "funding");
}

#[test]
fn cash_below_zero_is_found() {
    let mut audit = audit();
    audit.accounts[0].1.collateral = -1;
    audit.custody -= 401;
    only_failure(&audit, "below zero");
}

#[test]
fn a_minute_without_a_deposit_is_found() {
    let every: Vec<i64> = (0..10).map(|minute| START + minute * 60 + 15).collect();
    assert!(deposits(&every, START, 10).holds);
    let others = every.iter().copied();
    let missing: Vec<i64> = others.filter(|time| *time != START + 195).collect();
    let check = deposits(&missing, START, 10);
    assert!(!check.holds);
    assert_eq!(check.figures, "9 of 10 minutes");
}

#[test]
fn deposits_outside_the_tape_do_not_count() {
    assert!(!deposits(&[START - 1, START + 60], START, 1).holds);
}
