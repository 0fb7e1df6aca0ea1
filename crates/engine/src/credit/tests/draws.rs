//! The draw: its size, its conditions, what it books.

use super::*;
use crate::credit::draw::mandated_margin;
use crate::position::Holding;
use crate::state::Seat;
use crate::units::PriceQ32;

#[test]
fn a_draw_lifts_q_to_the_target_and_moves_nothing_else() {
    let mut bench = Bench::active(&terms());
    // 1.15 × 100,001 = 115,001.15, up to 115,002.
    let drawn = bench.draw(10_000, 100_001).unwrap();
    assert_eq!(drawn.amount, 105_002);
    assert_eq!(drawn.credit_principal, 105_002);
    assert_eq!(drawn.call_deadline, bench.now + 43_200);
    assert_eq!(bench.account.credit_principal, 105_002);
    assert_eq!(bench.account.collateral, 0);
    assert_eq!(bench.vault.cash, 1_000_000 - 105_002);
    assert_eq!(bench.vault.reserved_cash, 150_000 - 105_002);
    assert_eq!(bench.line.call_opened_at, bench.now);
    bench.assert_sound();
}

#[test]
fn a_second_draw_keeps_the_call_and_a_new_debt_opens_another() {
    let mut bench = Bench::active(&terms());
    let first = bench.draw(40_000, 100_000).unwrap();
    bench.now += 600;
    let second = bench.draw(20_000, 100_000).unwrap();
    assert_eq!(second.call_deadline, first.call_deadline);
    bench.now = first.call_deadline + 5;
    assert_eq!(bench.usable(0, 100_000, 100_000), 0, "the call has lapsed");
    let lapsed = bench.draw(0, 100_000);
    assert_eq!(lapsed, Err(EngineError::DrawDoesNotCure));
    // Interest that is still owed keeps the old call's times; a new debt does not start lapsed.
    bench.account.credit_principal = 0;
    bench.line.drawn = 0;
    let third = bench.draw(90_000, 100_000).unwrap();
    assert_eq!(third.call_deadline, bench.now + 43_200);
}

/// Else the walk of a takeover that was open goes on through the cure.
#[test]
fn a_draw_ends_the_flag_of_a_liquidation() {
    let mut bench = Bench::active(&terms());
    let now = bench.now;
    crate::fund::flag(&mut bench.account, now);
    bench.account.takeover_started_at = now;
    let refused = bench.draw(0, 150_001);
    assert_eq!(refused, Err(EngineError::DrawDoesNotCure));
    assert_eq!(bench.account.takeover_started_at, now);
    bench.draw(10_000, 100_000).unwrap();
    let account = bench.account;
    let flag = (
        account.flagged_at,
        account.flag_seen_at,
        account.takeover_started_at,
    );
    assert_eq!(flag, (0, 0, 0));
}

#[test]
fn nothing_is_drawn_from_the_trigger_on() {
    let mut bench = Bench::active(&terms());
    let not_needed = bench.draw(105_000, 100_000);
    assert_eq!(not_needed, Err(EngineError::DrawNotNeeded));
    assert_eq!(bench.draw(104_999, 100_000).unwrap().amount, 10_001);
}

/// Seen before the interest that has run is booked, a line gives the answer of a draw, which books it.
#[test]
fn what_a_draw_would_lift_q_by_takes_interest_that_has_run_for_booked() {
    let mut rates = terms();
    (rates.undrawn_rate_ppm, rates.equity_floor) = (100_000, 10_000);
    let mut bench = Bench::active(&rates);
    assert_eq!(bench.lift(10_000, 100_000), 105_000);
    bench.now += 31_536;
    // 150,000 × 10% × a thousandth of a year.
    assert_eq!(bench.usable(10_014, 100_000, 100_000), 104_986);
    assert_eq!(bench.lift(10_014, 100_000), 0, "under the floor");
    assert_eq!(bench.lift(10_015, 100_000), 105_000 - 15);
    assert_eq!(bench.lift(10_015, 130_000), 139_500 - 15);
    let env = env(bench.now);
    line::accrue(
        &mut bench.account,
        &mut bench.line,
        &mut bench.vault,
        env.now,
    )
    .unwrap();
    assert_eq!(bench.lift(10_000, 100_000), 105_000);
}

#[test]
fn a_draw_that_does_not_cure_is_not_made() {
    let mut bench = Bench::active(&terms());
    let before = (bench.vault, bench.line, bench.account);
    let short = bench.draw(0, 150_001);
    assert_eq!(short, Err(EngineError::DrawDoesNotCure));
    assert_eq!((bench.vault, bench.line, bench.account), before);
    // U is what INV-7 reads, before that test.
    assert_eq!(bench.usable(0, 150_001, 150_001), 150_000);
    assert_eq!(bench.usable(0, u64::MAX >> 3, u64::MAX >> 3), 150_000);
    assert_eq!(bench.usable(-1, 100_000, 100_000), 0, "own equity is gone");
    assert_eq!(bench.usable(i64::MIN, 100_000, 100_000), 0);
    assert_eq!(bench.draw(0, 150_000).unwrap().amount, 150_000);
}

#[test]
fn usable_is_the_least_of_its_bounds() {
    let open = Bench::active(&terms());
    assert_eq!(open.usable(10_000, 100_000, 100_000), 105_000);
    assert_eq!(open.usable(10_000, 100_000, 20_001), 23_002, "mandate, up");
    assert_eq!(open.usable(10_000, 100_000, 0), 0, "nothing is mandated");
    let mut limit = open;
    limit.account.credit_principal = 130_000;
    limit.line.call_deadline = limit.now + 5;
    assert_eq!(limit.usable(5_000, 200_000, 200_000), 20_000, "limit − D");
    let mut reserve = open;
    reserve.line.reserved_cash = 7_000;
    assert_eq!(reserve.usable(10_000, 100_000, 100_000), 7_000);
    let mut cap = open;
    cap.line.minute_cap = 9_000;
    assert_eq!(cap.usable(10_000, 100_000, 100_000), 9_000);
    let above = open.usable(116_000, 100_000, 100_000);
    assert_eq!(above, 0, "Q is over the target already");
}

#[test]
fn usable_is_zero_where_a_draw_is_forbidden() {
    let open = Bench::active(&terms());
    let mut floor = open;
    floor.line.equity_floor = 10_001;
    assert_eq!(floor.usable(10_000, 100_000, 100_000), 0);
    assert_eq!(floor.usable(10_001, 100_000, 100_000), 104_999);
    let mut risk = open.risk(10_000, 100_000);
    risk.favour = 10_001;
    let input = DrawInput {
        account: &open.account,
        risk: &risk,
        mandated_margin: 100_000,
        reopened_at: 0,
        env: &open.env(),
    };
    let favoured = usable(&open.line, &open.vault, &input);
    assert_eq!(favoured, Ok(0), "a stale index is no own equity");
    let mut recalled = open;
    recalled.line.recall_at = recalled.now;
    assert_eq!(recalled.usable(10_000, 100_000, 100_000), 0);
    let not_active = recalled.draw(10_000, 100_000);
    assert_eq!(not_active, Err(EngineError::LineNotActive));
    recalled.line.recall_at += 1;
    assert_eq!(recalled.usable(10_000, 100_000, 100_000), 105_000);
    let mut accepted = Bench::accepted(&terms());
    assert_eq!(accepted.usable(10_000, 100_000, 100_000), 0);
    let early = accepted.draw(10_000, 100_000);
    assert_eq!(early, Err(EngineError::LineNotActive));
}

#[test]
fn no_minute_has_more_than_its_cap_drawn_in_it() {
    let mut bench = Bench::active(&LineTerms {
        minute_cap: 50_000,
        ..terms()
    });
    let start = bench.now;
    bench.draw(80_000, 100_000).unwrap();
    bench.now = start + 59;
    assert_eq!(bench.usable(0, 100_000, 100_000), 15_000);
    let short = bench.draw(30_000, 100_000);
    assert_eq!(short, Err(EngineError::DrawDoesNotCure));
    assert_eq!(bench.draw(69_000, 100_000).unwrap().amount, 11_000);
    // The second draw keeps the count alive: at 60 s the first is a minute old and the second is not.
    bench.now = start + 60;
    assert_eq!(bench.usable(0, 100_000, 100_000), 4_000);
    bench.now = start + 59 + 60;
    assert_eq!(bench.usable(0, 100_000, 100_000), 50_000);
}

#[test]
fn consent_is_used_up_expires_and_leaves_the_cash_of_leavers_alone() {
    let mut bench = Bench::active(&LineTerms {
        committed: false,
        ..terms()
    });
    assert_eq!(bench.usable(0, 100_000, 100_000), 0, "no consent");
    let expires_at = bench.now + 60;
    line::consent(&mut bench.line, 60_000, expires_at, &env(bench.now)).unwrap();
    let mut queued = bench;
    let now = queued.env();
    let shares = queued.provider.shares;
    vault::request_redemption(&mut queued.vault, &mut queued.provider, shares, &now).unwrap();
    queued.vault.reserved_cash = 190_000;
    assert_eq!(queued.usable(60_000, 100_000, 100_000), 10_000);
    assert_eq!(bench.draw(70_000, 100_000).unwrap().amount, 45_000);
    assert_eq!(bench.line.consent, 15_000);
    assert_eq!(bench.vault.reserved_cash, 0);
    assert_eq!(bench.usable(0, 100_000, 100_000), 15_000);
    bench.now += 60;
    assert_eq!(bench.usable(0, 100_000, 100_000), 0, "expired");
}

#[test]
fn only_mandated_legs_of_age_carry_a_draw() {
    let line = Bench::active(&terms()).line;
    let mut seat = Seat::zeroed();
    seat.opened_at = u32::try_from(NOW - 300).unwrap();
    let price = PriceQ32(1 << 31);
    let mandated = |line: &CreditLine, market, base, now| {
        let held = Holding { base, quote: -7 };
        mandated_margin(line, market, &seat, held, price, 99_999, now).unwrap()
    };
    assert_eq!(mandated(&line, &MARKET, 2_000_000, NOW), 99_999);
    assert_eq!(mandated(&line, &MARKET, 0, NOW), 0);
    assert_eq!(mandated(&line, &OTHER_MARKET, 2_000_000, NOW), 0);
    assert_eq!(mandated(&line, &[0; 32], 2_000_000, NOW), 0);
    assert_eq!(mandated(&line, &MARKET, 2_000_000, NOW - 1), 0, "too young");
    // 8,000,000 base atoms are 4,000,000 quote atoms, the mandate; a third more lends three quarters.
    assert_eq!(mandated(&line, &MARKET, 8_000_000, NOW), 99_999);
    let part = 99_999 * 4_000_000 / 5_333_334;
    assert_eq!(mandated(&line, &MARKET, -10_666_667, NOW), part);
    let shorts = CreditLine { sides: 2, ..line };
    assert_eq!(mandated(&shorts, &MARKET, 2_000_000, NOW), 0);
    assert_eq!(mandated(&shorts, &MARKET, -2_000_000, NOW), 99_999);
}
