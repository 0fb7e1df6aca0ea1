//! Offer, acceptance, activation, interest, calls, recall, close.

use super::*;
use crate::credit::vault::{buy, request_redemption};
use crate::state::{LineState, VAULT_LINES_MAX};

#[test]
fn terms_out_of_bounds_are_refused() {
    let changes: [fn(&mut LineTerms); 20] = [
        |t| t.limit = 0,
        |t| t.limit = 1 << 63,
        |t| t.minute_cap = 0,
        |t| t.minute_cap = 150_001,
        |t| t.equity_floor = 1 << 63,
        |t| t.drawn_rate_ppm = 1_000_001,
        |t| t.undrawn_rate_ppm = 1_000_001,
        |t| t.call_seconds = 3_599,
        |t| t.call_seconds = 259_201,
        |t| t.recall_notice_seconds = 3_599,
        |t| t.recall_notice_seconds = 2_592_001,
        |t| t.position_age_seconds_min = 2_592_001,
        |t| t.sides = 0,
        |t| t.sides = 4,
        |t| t.markets_len = 0,
        |t| t.markets_len = 9,
        |t| t.markets_len = 2,
        |t| {
            t.markets_len = 2;
            t.mandate_markets[1] = MARKET;
        },
        |t| t.mandate_markets[1] = OTHER_MARKET,
        |t| t.mandate_notional[1] = 1,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = terms();
        change(&mut changed);
        let refused = Err(EngineError::ParameterOutOfBounds);
        assert_eq!(changed.validate(), refused, "change {number}");
        let mut line = CreditLine::zeroed();
        let offered = line::offer(&mut line, &parties(), &changed, false, &env(NOW));
        assert_eq!(offered, refused);
        assert_eq!(line, CreditLine::zeroed());
    }
    terms().validate().unwrap();
}

#[test]
fn an_offer_replaces_an_offer_and_nothing_that_is_signed() {
    let mut bench = Bench::offered(&terms());
    let other = LineTerms {
        limit: 160_000,
        ..terms()
    };
    line::offer(&mut bench.line, &parties(), &other, false, &env(NOW)).unwrap();
    // The trader signed the first offer: the second does not slip under its signature.
    assert_eq!(bench.accept(&terms()), Err(EngineError::WrongLineState));
    bench.accept(&other).unwrap();
    let refused = Err(EngineError::WrongLineState);
    let replaced = line::offer(&mut bench.line, &parties(), &terms(), true, &env(NOW));
    assert_eq!(replaced, refused);
    bench.line.state = LineState::Closed.byte();
    let attached = line::offer(&mut bench.line, &parties(), &terms(), true, &env(NOW));
    assert_eq!(attached, refused);
    line::offer(&mut bench.line, &parties(), &terms(), false, &env(NOW)).unwrap();
}

#[test]
fn an_acceptance_takes_a_slot_and_the_accounts_one_line() {
    let mut bench = Bench::accepted(&terms());
    assert_eq!(bench.account.credit_line, LINE);
    assert_eq!((bench.vault.limits, bench.vault.lines), (150_000, 1));
    assert_eq!(bench.line.active_from, NOW + NOTICE);
    bench.line.state = LineState::Offered.byte();
    assert_eq!(bench.accept(&terms()), Err(EngineError::AccountHasLine));
    bench.account = MarginAccount {
        lien: 1,
        ..MarginAccount::zeroed()
    };
    assert_eq!(bench.accept(&terms()), Err(EngineError::AccountHasLine));
    bench.account.lien = 0;
    bench.accept(&terms()).unwrap();
    assert_eq!((bench.line.slot, bench.vault.lines), (1, 2));
}

#[test]
fn a_vault_has_so_many_lines() {
    let small = LineTerms {
        limit: 1,
        minute_cap: 1,
        ..terms()
    };
    let mut bench = Bench::offered(&small);
    for slot in bench.vault.slots.iter_mut().take(VAULT_LINES_MAX - 1) {
        slot.limit = 1;
    }
    let free = bench;
    bench.accept(&small).unwrap();
    assert_eq!(bench.line.slot, 31);
    bench.vault.slots = [bench.vault.slots[0]; VAULT_LINES_MAX];
    bench.line = free.line;
    bench.account = free.account;
    assert_eq!(bench.accept(&small), Err(EngineError::LinesFull));
}

#[test]
fn one_line_is_at_most_a_fifth_of_its_vault() {
    for (limit, outcome) in [(200_000, Ok(())), (200_001, Err(EngineError::LineTooLarge))] {
        let terms = LineTerms { limit, ..terms() };
        assert_eq!(Bench::offered(&terms).accept(&terms), outcome, "{limit}");
    }
    // It is asked again at the activation, after those who wanted to leave have left.
    let mut bench = Bench::accepted(&terms());
    bench.vault.cash = 749_999;
    bench.now += NOTICE;
    let started = line::activate(&mut bench.line, &mut bench.vault, &env(bench.now));
    assert_eq!(started, Err(EngineError::LineTooLarge));
}

#[test]
fn limits_are_at_most_ten_times_the_junior_stake() {
    let mut bench = Bench::offered(&terms());
    bench.vault.limits = 2_000_000 - 150_000;
    let full = bench;
    bench.accept(&terms()).unwrap();
    bench = full;
    bench.vault.limits += 11;
    assert_eq!(
        bench.accept(&terms()),
        Err(EngineError::JuniorStakeTooSmall)
    );
}

#[test]
fn an_activation_waits_for_the_notice_and_reserves_what_nobody_queued_for() {
    let mut bench = Bench::accepted(&terms());
    let start = |bench: &mut Bench| {
        let now = bench.env();
        line::activate(&mut bench.line, &mut bench.vault, &now)
    };
    bench.now = NOW + NOTICE - 1;
    assert_eq!(start(&mut bench), Err(EngineError::LineNotActive));
    bench.now += 1;
    let mut queued = bench;
    let shares = 800_000_000;
    let now = queued.env();
    request_redemption(&mut queued.vault, &mut queued.provider, shares, &now).unwrap();
    queued.vault.reserved_cash = 50_001;
    assert_eq!(start(&mut queued), Err(EngineError::VaultCashReserved));
    queued.vault.reserved_cash = 50_000;
    start(&mut queued).unwrap();
    start(&mut bench).unwrap();
    assert_eq!(
        (bench.vault.reserved_cash, bench.line.reserved_cash),
        (150_000, 150_000)
    );
    assert_eq!(start(&mut bench), Err(EngineError::WrongLineState));
    bench.assert_sound();
}

#[test]
fn interest_runs_on_both_parts_from_the_activation_on_and_is_rounded_up() {
    let mut bench = Bench::active(&LineTerms {
        drawn_rate_ppm: 100_000,
        undrawn_rate_ppm: 10_000,
        ..terms()
    });
    assert_eq!(bench.accrue(), 0, "twice in a second");
    bench.now += 1;
    assert_eq!(bench.accrue(), 1, "an atom at least");
    bench.draw(10_000, 100_000).unwrap();
    bench.now += 31_536_000;
    // 105,000 at 10% and 45,000 at 1%.
    assert_eq!(bench.accrue(), 10_950);
    assert_eq!(bench.account.credit_interest, 10_951);
    bench.assert_sound();
    bench.now -= 5;
    assert_eq!(bench.accrue(), 0, "the clock went back");
}

#[test]
fn the_undrawn_part_pays_up_to_a_recall_which_ends_the_reservation() {
    let mut bench = Bench::active(&LineTerms {
        undrawn_rate_ppm: 1_000_000,
        ..terms()
    });
    bench.now += 31_536_000 - 3_600;
    line::recall(&mut bench.line, &env(bench.now)).unwrap();
    let again = line::recall(&mut bench.line, &env(bench.now));
    assert_eq!(again, Err(EngineError::WrongLineState));
    bench.now += 31_536_000;
    assert_eq!(bench.accrue(), 150_000);
    assert_eq!(bench.vault.reserved_cash, 0);
    bench.now += 31_536_000;
    assert_eq!(bench.accrue(), 0);
    bench.assert_sound();
}

#[test]
fn a_call_lapses_at_its_deadline_but_not_within_a_minute_of_a_reopening() {
    let mut line = CreditLine::zeroed();
    line.call_deadline = NOW;
    // (D, reopened, now, lapsed)
    for (principal, reopened_at, now, lapsed) in [
        (0, 0, NOW + 9, false),
        (1, 0, NOW - 1, false),
        (1, 0, NOW, true),
        (1, NOW - 30, NOW, false),
        (1, NOW - 30, NOW + 29, false),
        (1, NOW - 30, NOW + 30, true),
        (1, NOW - 90, NOW, true),
    ] {
        let found = line::lapsed(&line, principal, reopened_at, now);
        assert_eq!(found, lapsed, "{principal} {reopened_at} {now}");
    }
    // A recall has its own notice and shortens no call.
    line.recall_at = NOW - 1_000;
    assert!(!line::lapsed(&line, 1, 0, NOW - 1));
}

#[test]
fn a_call_is_only_ever_extended_and_never_beyond_the_longest_window() {
    let mut bench = Bench::active(&terms());
    let extend = |bench: &mut Bench, deadline| {
        let now = bench.env();
        line::extend_call(&mut bench.line, deadline, &now)
    };
    let now = bench.now;
    let none = extend(&mut bench, now + 99);
    assert_eq!(none, Err(EngineError::WrongLineState));
    let deadline = bench.draw(10_000, 100_000).unwrap().call_deadline;
    assert_eq!(deadline, now + 43_200);
    let refused = Err(EngineError::ParameterOutOfBounds);
    assert_eq!(extend(&mut bench, deadline), refused);
    assert_eq!(extend(&mut bench, now + 259_201), refused);
    extend(&mut bench, now + 259_200).unwrap();
    assert_eq!(bench.line.call_deadline, now + 259_200);
}

#[test]
fn consent_is_for_discretionary_lines_within_the_limit_and_ahead_of_time() {
    let mut committed = Bench::active(&terms());
    let give = |bench: &mut Bench, amount, expires_at| {
        let now = bench.env();
        line::consent(&mut bench.line, amount, expires_at, &now)
    };
    let later = committed.now + 60;
    let refused = give(&mut committed, 5, later);
    assert_eq!(refused, Err(EngineError::WrongLineState));
    let mut bench = Bench::active(&LineTerms {
        committed: false,
        ..terms()
    });
    assert_eq!(bench.vault.reserved_cash, 0);
    let past = give(&mut bench, 5, later - 60);
    assert_eq!(past, Err(EngineError::ExpiryInThePast));
    let large = give(&mut bench, 150_001, later);
    assert_eq!(large, Err(EngineError::LineTooLarge));
    give(&mut bench, 150_000, later).unwrap();
    give(&mut bench, 0, 0).unwrap();
    assert_eq!(bench.line.consent, 0);
}

#[test]
fn a_line_that_is_owed_nothing_ends_by_the_trader_or_after_a_recall() {
    let close = |bench: &mut Bench, by_underwriter| {
        let now = bench.env();
        let (account, line, vault) = (&mut bench.account, &mut bench.line, &mut bench.vault);
        line::close(account, line, vault, &LINE, by_underwriter, &now)
    };
    let mut bench = Bench::active(&terms());
    assert_eq!(close(&mut bench, true), Err(EngineError::WrongLineState));
    let mut by_trader = bench;
    close(&mut by_trader, false).unwrap();
    assert_eq!(by_trader.account.credit_line, [0; 32]);
    assert_eq!((by_trader.vault.limits, by_trader.vault.lines), (0, 0));
    assert_eq!(by_trader.vault.reserved_cash, 0);
    let again = close(&mut by_trader, false);
    assert_eq!(again, Err(EngineError::WrongLineState));
    line::recall(&mut bench.line, &env(bench.now)).unwrap();
    assert_eq!(close(&mut bench, true), Err(EngineError::WrongLineState));
    bench.now += 3_600;
    let mut owing = bench;
    owing.account.credit_interest = 1;
    assert_eq!(close(&mut owing, true), Err(EngineError::LineInUse));
    owing.account.credit_interest = 0;
    owing.account.lien = 1;
    assert_eq!(close(&mut owing, false), Err(EngineError::LineInUse));
    close(&mut bench, true).unwrap();
    // An offer is taken back without its account.
    let mut offered = Bench::offered(&terms());
    close(&mut offered, true).unwrap();
    assert_eq!(offered.line.state, LineState::Closed.byte());
    assert_eq!(offered.vault.limits, 0);
}

#[test]
fn a_slot_is_used_again() {
    let mut bench = Bench::active(&terms());
    let now = bench.env();
    let (account, line, vault) = (&mut bench.account, &mut bench.line, &mut bench.vault);
    line::close(account, line, vault, &LINE, false, &now).unwrap();
    let mut joiner = stake();
    buy(vault, Some(&mut joiner), 1_000, &now).unwrap();
    line::offer(line, &parties(), &terms(), false, &now).unwrap();
    bench.accept(&terms()).unwrap();
    assert_eq!((bench.line.slot, bench.vault.lines), (0, 1));
}
