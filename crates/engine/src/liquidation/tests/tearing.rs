//! Tear-ups: how a deficit is split, who pays it, and that nothing is made or lost.

use super::*;
use crate::adl::Receipt;
use crate::cash;
use crate::fund;
use crate::state::{HaltPhase, MarginAccount};

/// Closes the leg that comes next. An error leaves everything as it was.
fn tear(desk: &mut Desk, account: usize, fund: &mut DefaultFund) -> Result<Receipt> {
    let legs = legs_of(desk, account);
    let standing = standing(desk, account)?;
    let leg = *tear_up::leg_to_tear_up(&legs, &standing)?;
    let market = market_of(desk, &leg);
    let address = desk.markets[market].address;
    let (env, mut state) = (desk.env, desk.accounts[account]);
    let outcome = tear_up(
        &mut desk.markets[market].get(),
        &address,
        &mut state,
        fund,
        &legs,
        &standing,
        &env,
    );
    if outcome.is_ok() {
        desk.accounts[account] = state;
    }
    outcome
}

/// Tears up until the account is solvent; returns the receipts.
fn tear_all(desk: &mut Desk, account: usize, fund: &mut DefaultFund) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    loop {
        match tear(desk, account, fund) {
            Ok(receipt) => receipts.push(receipt),
            Err(EngineError::AccountSolvent | EngineError::NotLiquidatable) => return receipts,
            Err(error) => panic!("{error:?}"),
        }
        // Each leg once with its position, and the flat ones once or twice for what prices and gains left over.
        assert!(receipts.len() <= 3 * desk.markets.len(), "no end");
    }
}

/// An account with `legs` of (lots, claim at the mark) in as many markets and `cash`; a rich stranger is opposite.
fn losing(parameters: &[MarketParams], legs: &[(i64, i64)], cash: i64) -> (Desk, usize, usize) {
    let mut desk = Desk::with(parameters, 600);
    let (holder, stranger) = (desk.join(1, RICH), desk.join(2, RICH));
    for (market, (lots, claim)) in legs.iter().enumerate() {
        let size = lots.unsigned_abs();
        if *lots > 0 {
            desk.trade(holder, stranger, market, 500, size);
        } else if *lots < 0 {
            desk.trade(stranger, holder, market, 500, size);
        }
        desk.seat_mut(holder, market).quote = claim - lots * 500_000;
    }
    desk.accounts[holder].collateral = cash;
    (desk, holder, stranger)
}

fn fund_of(balance: u64) -> DefaultFund {
    DefaultFund {
        balance,
        ..DefaultFund::zeroed()
    }
}

#[test]
fn cash_pays_first_then_the_fund_then_the_other_side() {
    for lots in [10_i64, -10] {
        let (mut desk, holder, stranger) = losing(&[params()], &[(lots, -900_000)], 100_000);
        let mut fund = fund_of(1_000_000);
        let before = (
            wealth(&desk, &fund),
            unbacked(&desk, 0),
            risk_of(&desk, stranger).equity,
        );
        let receipt = tear(&mut desk, holder, &mut fund).unwrap();
        assert_eq!(
            (receipt.deficit, receipt.from_default_fund),
            (800_000, 200_000)
        );
        assert_eq!((receipt.charged, receipt.carried), (600_000, 0));
        assert_eq!((fund.balance, fund.paid_total), (800_000, 200_000));
        let account = &desk.accounts[holder];
        assert_eq!(
            (account.collateral, held_of(&desk, holder, 0)),
            (0, Holding::default())
        );
        assert_eq!(wealth(&desk, &fund), before.0);
        assert!((unbacked(&desk, 0) - before.1).abs() <= 2);
        let charged = before.2 - risk_of(&desk, stranger).equity;
        assert!((600_000..=600_002).contains(&charged), "{charged}");
        assert_eq!(
            tear(&mut desk, holder, &mut fund),
            Err(EngineError::NotLiquidatable)
        );
    }
}

#[test]
fn a_solvent_account_is_not_torn_up_and_one_at_zero_is_at_no_cost() {
    for (cash, torn) in [
        (900_001, Err(EngineError::AccountSolvent)),
        (900_000, Ok(0)),
    ] {
        let (mut desk, holder, stranger) = losing(&[params()], &[(10, -900_000)], cash);
        let mut fund = fund_of(1_000_000);
        let before = risk_of(&desk, stranger).equity;
        let receipt = tear(&mut desk, holder, &mut fund);
        assert_eq!(receipt.map(|receipt| receipt.deficit), torn);
        assert_eq!(
            (risk_of(&desk, stranger).equity, fund.balance),
            (before, 1_000_000)
        );
    }
}

#[test]
fn interest_is_no_part_of_a_deficit() {
    // 900,000 lost, 600,000 of cash of which 400,000 are lent, and interest of a million.
    let (mut desk, holder, _) = losing(&[params()], &[(10, -900_000)], 200_000);
    desk.accounts[holder].credit_principal = 400_000;
    desk.accounts[holder].credit_interest = 1_000_000;
    let mut fund = fund_of(0);
    let receipt = tear(&mut desk, holder, &mut fund).unwrap();
    assert_eq!(receipt.deficit, 300_000);
    let account = desk.accounts[holder];
    assert_eq!(
        (account.collateral, account.credit_principal),
        (-400_000, 400_000)
    );
    // Q is still a million short, and nothing is left to charge.
    assert_eq!(
        tear(&mut desk, holder, &mut fund),
        Err(EngineError::NotLiquidatable)
    );
    // With cash enough for the loss the positions go, and nobody is charged.
    let (mut desk, holder, _) = losing(&[params()], &[(10, -900_000)], 1_500_000);
    desk.accounts[holder].credit_interest = 1_000_000;
    let receipt = tear(&mut desk, holder, &mut fund).unwrap();
    assert_eq!((receipt.deficit, receipt.quantity), (0, 10_000_000));
}

#[test]
fn an_account_that_only_owes_interest_has_nothing_to_tear_up() {
    let (mut desk, holder, _) = losing(&[params()], &[(0, 0)], 5);
    desk.accounts[holder].credit_interest = 1_000;
    let mut fund = fund_of(1 << 30);
    assert_eq!(risk_of(&desk, holder).maintenance_margin, 0);
    assert_eq!(
        tear(&mut desk, holder, &mut fund),
        Err(EngineError::NotLiquidatable)
    );
    assert_eq!(fund.balance, 1 << 30);
}

#[test]
fn flat_losing_legs_are_charged_to_the_side_opposite_to_their_last() {
    let (mut desk, holder, stranger) = losing(&[params(), params()], &[(4, 0), (-4, 0)], 0);
    // It closes both at a loss that nothing backs.
    for market in 0..2 {
        let lots = held_of(&desk, holder, market).base;
        let index = desk.seat_index(holder, market);
        let side = if lots > 0 {
            OrderSide::Ask
        } else {
            OrderSide::Bid
        };
        let (base, cash) = (4_000_000, if lots > 0 { 1_700_000 } else { 2_600_000 });
        let state = desk.markets[market].get();
        let seat = arena::seat_mut(state.blocks, index).unwrap();
        let fill = SeatFill {
            side,
            base,
            cash,
            fee: 0,
        };
        crate::position::fill(seat, &mut state.header.sides, &fill, PriceQ32(1 << 31), NOW)
            .unwrap();
        let index = desk.seat_index(stranger, market);
        let state = desk.markets[market].get();
        let seat = arena::seat_mut(state.blocks, index).unwrap();
        let fill = SeatFill {
            side: side.opposite(),
            base: 1_000_000,
            cash,
            fee: 0,
        };
        crate::position::fill(seat, &mut state.header.sides, &fill, PriceQ32(1 << 31), NOW)
            .unwrap();
    }
    assert_eq!(
        (
            nth_leg(&desk, holder, 0).risk.loss,
            nth_leg(&desk, holder, 1).risk.loss
        ),
        (300_000, 600_000)
    );
    let mut fund = fund_of(0);
    let receipts = tear_all(&mut desk, holder, &mut fund);
    let seen: Vec<(Pubkey, u8, u64, u64)> = receipts
        .iter()
        .map(|r| (r.market, r.side, r.quantity, r.deficit))
        .collect();
    let (first, second) = (desk.markets[0].address, desk.markets[1].address);
    // The larger loss first; the opposite of a short is the long side.
    assert_eq!(seen, [(second, 0, 0, 600_000), (first, 1, 0, 300_000)]);
    assert_eq!(risk_of(&desk, holder).equity, 0);
}

#[test]
fn without_anyone_opposite_the_loss_is_carried_until_fees_pay_it() {
    let (mut desk, holder, _) = losing(&[params()], &[(0, -70_000)], 0);
    let mut fund = fund_of(50_000);
    let receipt = tear(&mut desk, holder, &mut fund).unwrap();
    assert_eq!(
        (receipt.from_default_fund, receipt.charged, receipt.carried),
        (10_000, 0, 60_000)
    );
    let header = &mut desk.markets[0].header;
    assert_eq!(header.cash.deficit, 60_000);
    header.cash.liquidation_fees_accrued = 50_000;
    header.cash.contributions_accrued = 20_000;
    header.cash.pool = 70_000;
    let exchange = crate::state::Exchange {
        fee_default_fund_ppm: 400_000,
        fee_keeper_pool_ppm: 200_000,
        fee_treasury_ppm: 400_000,
        ..crate::state::Exchange::zeroed()
    };
    let env = Env { now: NOW, slot: 1 };
    let swept = cash::sweep_fees(header, &exchange, &mut fund, &env).unwrap();
    assert_eq!(
        (swept.deficit_paid, swept.to_treasury, swept.to_keeper_pool),
        (60_000, 0, 0)
    );
    // Of the 10,000 left the reserve of the drift is held back.
    let reserve = crate::epochs::drift(header);
    assert_eq!(swept.to_default_fund, 10_000 - reserve);
    assert_eq!(header.cash.contributions_accrued, reserve);
}

#[test]
fn legs_that_are_stale_wait_and_count_in_the_holders_favour() {
    let (mut desk, holder, _) = losing(
        &[params(), params()],
        &[(4, -300_000), (4, -300_000)],
        550_000,
    );
    let mut fund = fund_of(0);
    let age = i64::from(params().index_age_seconds_max);
    desk.env.now += age + 1;
    desk.mark(0, 500);
    // Moved by 5% of two million the second leg alone makes it solvent.
    assert_eq!(nth_leg(&desk, holder, 1).risk.equity, -200_000);
    assert_eq!(standing(&desk, holder).unwrap().with_credit, 50_000);
    assert_eq!(
        tear(&mut desk, holder, &mut fund),
        Err(EngineError::AccountSolvent)
    );
    desk.accounts[holder].collateral = 400_000;
    let receipt = tear(&mut desk, holder, &mut fund).unwrap();
    // S is 100,000: half of it is the fresh leg's share.
    assert_eq!(
        (receipt.market, receipt.deficit),
        (desk.markets[0].address, 50_000)
    );
    assert_eq!(
        tear(&mut desk, holder, &mut fund),
        Err(EngineError::IndexStale)
    );
    desk.mark(1, 500);
    let receipt = tear(&mut desk, holder, &mut fund).unwrap();
    assert_eq!(receipt.market, desk.markets[1].address);
    let rest = tear_all(&mut desk, holder, &mut fund);
    let all: u64 = rest.iter().map(|receipt| receipt.deficit).sum();
    assert_eq!(50_000 + receipt.deficit + all, 200_000);
    assert_eq!((rest.len(), risk_of(&desk, holder).equity), (0, 0));
}

#[test]
fn a_halted_leg_waits_and_the_next_largest_is_closed() {
    let (mut desk, holder, _) = losing(&[params(), params()], &[(9, -900_000), (4, -300_000)], 0);
    let mut fund = fund_of(0);
    for phase in [HaltPhase::Call, HaltPhase::Freeze, HaltPhase::Uncross] {
        desk.halt(0, phase);
        let mut copy = desk.clone();
        let receipt = tear(&mut copy, holder, &mut fund).unwrap();
        assert_eq!(receipt.market, desk.markets[1].address);
        assert_eq!(
            tear(&mut copy, holder, &mut fund),
            Err(EngineError::IndexStale)
        );
    }
    desk.halt(0, HaltPhase::Resolve);
    let receipt = tear(&mut desk, holder, &mut fund).unwrap();
    assert_eq!(receipt.market, desk.markets[0].address);
}

#[test]
fn nothing_is_torn_up_while_an_order_rests_in_any_book() {
    let two = [params(), params()];
    let (mut desk, holder, _) = losing(&two, &[(10, 0), (0, 0)], RICH as i64);
    desk.place(holder, 1, &bid(480, 3)).unwrap();
    desk.accounts[holder].collateral = 0;
    let mut fund = fund_of(0);
    let refused = tear(&mut desk, holder, &mut fund);
    assert_eq!(refused, Err(EngineError::OrdersResting));
    let leg = nth_leg(&desk, holder, 1);
    let mut state = desk.markets[1].get();
    let desk_env = desk.env;
    let cancelled = cancel_orders(
        &mut state,
        &leg,
        &address_of(holder),
        Which::All,
        CANCELS_MAX,
        &desk_env,
    );
    assert_eq!(cancelled, Ok(1));
    tear(&mut desk, holder, &mut fund).unwrap();
}

#[test]
fn the_next_leg_is_the_one_with_the_largest_margin_and_then_the_smaller_key() {
    let (desk, holder, _) = losing(
        &[params(), params(), params()],
        &[(4, 0), (-5, 0), (5, 0)],
        1,
    );
    let legs = legs_of(&desk, holder);
    assert_eq!(legs.next().unwrap().market, desk.markets[1].address);
    assert_eq!(Legs::default().next(), Err(EngineError::NotLiquidatable));
}

/// Legs that lost what is named.
fn losses(parts: &[u64]) -> Legs {
    let mut legs = Legs::default();
    for (entry, loss) in parts.iter().enumerate() {
        let leg = Leg {
            entry,
            market: [entry as u8 + 1; 32],
            risk: LegRisk {
                loss: *loss,
                ..LegRisk::default()
            },
            ..Leg::default()
        };
        legs.push(&leg, 0, 0).unwrap();
    }
    legs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// The shares are ⌊S·L / ΣL⌋ and sum to S to the atom; taken one after another, each over the losses that
    /// remain, they differ by atoms alone, in whatever order (R23, ADR 0014).
    #[test]
    fn shares_sum_to_the_deficit_and_do_not_depend_on_the_order(
        parts in prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..9, magnitude(58)], 1..=8),
        pick in any::<u64>(),
        first in any::<prop::sample::Index>(),
    ) {
        let total: u64 = parts.iter().sum();
        prop_assume!(total != 0);
        let deficit = amount_within(total, pick);
        let legs = losses(&parts);
        let shares: Vec<u64> = legs.iter().map(|leg| legs.share_of(leg, deficit).unwrap()).collect();
        prop_assert_eq!(shares.iter().sum::<u64>(), deficit);
        let largest = legs.largest_loss().unwrap().entry;
        for (at, (share, loss)) in shares.iter().zip(&parts).enumerate() {
            let exact = big(deficit) * *loss / total;
            if at == largest {
                prop_assert!(big(*share) >= exact && big(*share) <= exact + parts.len());
            } else {
                prop_assert_eq!(big(*share), exact);
            }
        }
        // One that went first, and the rest over what remains.
        let (mut left, at) = (parts.clone(), first.index(parts.len()));
        left[at] = 0;
        let legs = losses(&left);
        let rest = deficit - shares[at];
        for (entry, share) in shares.iter().enumerate().filter(|(entry, _)| *entry != at && left[*entry] != 0) {
            let leg = legs.iter().nth(entry).unwrap();
            prop_assert!(legs.share_of(leg, rest).unwrap().abs_diff(*share) <= 16);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    /// Whatever the order in which the legs are closed, and whether what can be settled was settled before or
    /// not: each market bears the same, all of them S, and nothing is made or lost.
    #[test]
    fn every_market_bears_its_share_in_whatever_order(
        legs in prop::collection::vec((prop_oneof![1_i64..40, -40_i64..-1, Just(0_i64)], -3_000_000_i64..0), 1..=4),
        covered in 0_u64..1_000,
        credit in prop_oneof![Just(0_u64), 0_u64..5_000_000],
        balance in prop_oneof![Just(0_u64), 0_u64..1 << 30],
        shift in 0_usize..4,
    ) {
        let lost: u64 = legs.iter().map(|(_, claim)| claim.unsigned_abs()).sum();
        let cash = lost * covered / 1_000;
        let mut borne: Vec<Vec<u64>> = Vec::new();
        for settled_first in [false, true] {
            for rotation in [0, shift] {
                // The margin fraction decides the order and nothing of the loss.
                let parameters: Vec<MarketParams> = (0..legs.len())
                    .map(|market| MarketParams { initial_margin_ppm: 50_000 + 200_000 * ((market + rotation) % 4) as u32, ..params() })
                    .collect();
                let (mut desk, holder, _) = losing(&parameters, &legs, cash as i64 - credit as i64);
                desk.accounts[holder].credit_principal = credit;
                let markets: Vec<usize> = (0..legs.len()).collect();
                let mut fund = fund_of(balance);
                let before = (wealth(&desk, &fund), markets.iter().map(|m| unbacked(&desk, *m)).collect::<Vec<_>>());
                if settled_first {
                    let _ = desk.settle(holder, &markets);
                }
                let receipts = tear_all(&mut desk, holder, &mut fund);
                let deficit: u64 = receipts.iter().map(|r| r.deficit).sum();
                prop_assert_eq!(deficit, lost - cash);
                let paid: u64 = receipts.iter().map(|r| r.from_default_fund).sum();
                prop_assert_eq!(fund.balance, balance - paid);
                prop_assert_eq!(wealth(&desk, &fund), before.0);
                for market in &markets {
                    let moved = unbacked(&desk, *market) - before.1[*market];
                    prop_assert!(moved.abs() <= 4 * receipts.len() as i128 + 4, "{moved}");
                    prop_assert_eq!(held_of(&desk, holder, *market).base, 0);
                }
                for receipt in &receipts {
                    prop_assert_eq!(receipt.deficit, receipt.from_default_fund + receipt.charged + receipt.carried);
                }
                let account: MarginAccount = desk.accounts[holder];
                prop_assert!(account.collateral + account.credit_principal as i64 >= 0);
                borne.push(markets.iter().map(|m| {
                    receipts.iter().filter(|r| r.market == desk.markets[*m].address).map(|r| r.deficit).sum()
                }).collect());
                // What the account still holds pays exactly the losses that are left.
                if desk.settle(holder, &markets).is_ok() {
                    let left: i64 = markets.iter().map(|m| held_of(&desk, holder, *m).quote).sum();
                    prop_assert_eq!(left, 0);
                    prop_assert_eq!(desk.accounts[holder].collateral + credit as i64, 0);
                }
            }
        }
        for other in &borne[1..] {
            for (market, (one, two)) in borne[0].iter().zip(other).enumerate() {
                prop_assert!(one.abs_diff(*two) <= 40, "market {market}: {borne:?}");
            }
        }
    }

    /// With gains that the pools have not paid yet the sum is S all the same.
    #[test]
    fn with_unsettled_gains_the_sum_is_the_deficit(
        legs in prop::collection::vec((1_i64..40, -3_000_000_i64..1_500_000), 2..=5),
        cash in 0_i64..500_000,
    ) {
        let value: i64 = legs.iter().map(|(_, claim)| claim).sum::<i64>() + cash;
        prop_assume!(value < 0);
        let parameters: Vec<MarketParams> = legs.iter().map(|_| params()).collect();
        let (mut desk, holder, _) = losing(&parameters, &legs, cash);
        let mut fund = fund_of(0);
        let before = wealth(&desk, &fund);
        let receipts = tear_all(&mut desk, holder, &mut fund);
        prop_assert_eq!(receipts.iter().map(|r| r.deficit).sum::<u64>(), value.unsigned_abs());
        prop_assert_eq!(wealth(&desk, &fund), before);
        let risk = risk_of(&desk, holder);
        prop_assert_eq!((risk.equity, risk.maintenance_margin), (0, 0));
        prop_assert!(desk.accounts[holder].collateral >= 0);
    }
}

#[test]
fn the_fund_pays_each_market_within_its_budget_and_all_within_theirs() {
    let three = [params(), params(), params()];
    let (mut desk, holder, _) = losing(&three, &[(9, -900_000), (8, -900_000), (7, -900_000)], 0);
    let mut fund = fund_of(1_000_000);
    let receipts = tear_all(&mut desk, holder, &mut fund);
    let paid: Vec<u64> = receipts.iter().map(|r| r.from_default_fund).collect();
    assert_eq!(paid, [200_000, 150_000, 0]);
    assert_eq!(desk.markets[1].header.losses.spending.recent(NOW), 150_000);
}

/// One lot and `extra` base atoms long, of which the lot is sold again.
fn with_remainder(extra: u64, long: bool) -> (Desk, usize) {
    let (mut desk, holder, stranger) = losing(&[params()], &[(0, 0)], 1_000_000);
    for (account, buys) in [(holder, long), (stranger, !long)] {
        let side = if buys { OrderSide::Bid } else { OrderSide::Ask };
        let fill = SeatFill {
            side,
            base: extra,
            cash: extra / 2,
            fee: 0,
        };
        let index = desk.seat_index(account, 0);
        let state = desk.markets[0].get();
        let seat = arena::seat_mut(state.blocks, index).unwrap();
        crate::position::fill(seat, &mut state.header.sides, &fill, PriceQ32(1 << 31), NOW)
            .unwrap();
    }
    (desk, holder)
}

fn close(desk: &mut Desk, holder: usize) -> Result<Receipt> {
    let leg = nth_leg(desk, holder, 0);
    let (env, address) = (desk.env, desk.markets[0].address);
    close_remainder(&mut desk.markets[0].get(), &address, &leg, &env)
}

#[test]
fn a_remainder_below_a_lot_is_closed_at_the_mark_for_the_taker_fee() {
    for (extra, long) in [
        (1, true),
        (1, false),
        (999_999, true),
        (999_999, false),
        (3, false),
    ] {
        let (mut desk, holder) = with_remainder(extra, long);
        let fund = fund_of(0);
        let before = (
            wealth(&desk, &fund),
            unbacked(&desk, 0),
            risk_of(&desk, holder).equity,
        );
        let receipt = close(&mut desk, holder).unwrap();
        assert_eq!(
            (receipt.quantity, receipt.deficit, receipt.charged),
            (extra, 0, 0)
        );
        let fee = (extra.div_ceil(2) * 500).div_ceil(1_000_000);
        assert_eq!(before.2 - risk_of(&desk, holder).equity, fee as i64);
        assert_eq!(desk.markets[0].header.cash.liquidation_fees_accrued, fee);
        assert_eq!(wealth(&desk, &fund), before.0);
        assert!((unbacked(&desk, 0) - before.1).abs() <= 3);
        assert_eq!(desk.markets[0].header.open_interest(), 0);
        assert_eq!(
            close(&mut desk, holder),
            Err(EngineError::PositionNotARemainder)
        );
    }
}

#[test]
fn a_lot_is_no_remainder_and_a_stale_or_halted_market_closes_none() {
    let (mut desk, holder) = with_remainder(1_000_000, true);
    assert_eq!(
        close(&mut desk, holder),
        Err(EngineError::PositionNotARemainder)
    );
    let (mut desk, holder) = with_remainder(999_999, true);
    desk.halt(0, HaltPhase::Call);
    assert_eq!(close(&mut desk, holder), Err(EngineError::IndexStale));
    desk.halt(0, HaltPhase::Continuous);
    desk.env.now += 1 + i64::from(params().index_age_seconds_max);
    assert_eq!(close(&mut desk, holder), Err(EngineError::IndexStale));
}

#[test]
fn who_may_be_liquidated_and_why() {
    let risk = |equity: i64, credit: u64, margin: u64| crate::risk::AccountRisk {
        equity,
        equity_initial: equity,
        credit,
        initial_margin: margin * 2,
        maintenance_margin: margin,
        loss: 0,
        interest: 0,
        favour: 0,
    };
    use Cause::{LapsedCall, Maintenance};
    use EngineError::{CreditUsable, NotLiquidatable};
    // (e, D, M, lapsed, usable, found)
    let cases = [
        (100, 0, 100, false, 0, Err(NotLiquidatable)),
        (99, 0, 100, false, 0, Ok(Maintenance)),
        (99, 0, 100, false, 1, Err(CreditUsable)),
        (98, 0, 100, false, 1, Ok(Maintenance)),
        (-50, 150, 100, false, 0, Err(NotLiquidatable)),
        (-50, 150, 100, true, 0, Ok(LapsedCall)),
        // A usable line does not protect from the end of a call.
        (-50, 150, 100, true, 9, Ok(LapsedCall)),
        (-50, 149, 100, true, 0, Ok(Maintenance)),
        (100, 50, 100, true, 0, Err(NotLiquidatable)),
        (-1, 0, 0, false, 0, Ok(Maintenance)),
        (-1, 0, 0, false, 1, Err(CreditUsable)),
        (0, 0, 0, false, 0, Err(NotLiquidatable)),
        // Without position, order or loss of its own nothing can be closed, whatever the call says.
        (-1, 1, 0, true, 0, Err(NotLiquidatable)),
    ];
    for (at, (equity, credit, margin, lapsed, usable, expected)) in cases.into_iter().enumerate() {
        let found = Standing::of(&risk(equity, credit, margin), lapsed, usable);
        assert_eq!(found.map(|s| s.cause), expected, "{at}");
        if let Ok(found) = found {
            let sized = if found.cause == LapsedCall {
                equity
            } else {
                equity + credit as i64
            };
            assert_eq!(found.sized_by(), sized);
            assert_eq!(
                found.priced_by(),
                Ok((equity + credit as i64).min(margin as i64))
            );
        }
    }
}

/// Else every call would fail, for ever, on an account that counts as liquidatable.
#[test]
fn what_counts_as_liquidatable_has_something_to_close() {
    const NOT: EngineError = EngineError::NotLiquidatable;
    // (claims of two flat legs, interest, how often it is torn up)
    for (claims, interest, times) in [
        ([0, 0], 7, 0),
        ([9, 0], 10, 0),
        ([50, -50], 7, 0),
        ([50, -51], 7, 1),
        ([-1, 0], 0, 1),
    ] {
        let (mut desk, holder, _) =
            losing(&[params(), params()], &[(0, claims[0]), (0, claims[1])], 0);
        desk.accounts[holder].credit_interest = interest;
        let mut fund = fund_of(0);
        for _ in 0..times {
            assert!(!risk_of(&desk, holder).meets_maintenance().unwrap());
            assert_eq!(standing(&desk, holder).unwrap().deficit, 1);
            tear(&mut desk, holder, &mut fund).unwrap();
        }
        assert_eq!(
            standing(&desk, holder).map(|s| s.cause),
            Err(NOT),
            "{claims:?}"
        );
        assert!(risk_of(&desk, holder).meets_maintenance().unwrap());
        // An order is something, and a position.
        let orders = &desk.clone();
        desk.seat_mut(holder, 1).bid_lots = 1;
        let resting = standing(&desk, holder).map(|s| s.cause);
        desk = orders.clone();
        let expected = if risk_of(&desk, holder).equity < 0 {
            Ok(Cause::Maintenance)
        } else {
            Err(NOT)
        };
        assert_eq!(resting, expected);
    }
}

#[test]
fn a_recovery_that_a_call_sees_ends_the_walk_and_one_by_favour_does_not() {
    let (mut desk, holder, _) = losing(&[params()], &[(10, 0)], 1_000_000);
    let healthy = risk_of(&desk, holder);
    assert!(!end_walk(&mut desk.accounts[holder], &healthy), "no flag");
    fund::flag(&mut desk.accounts[holder], NOW);
    assert!(!end_walk(&mut desk.accounts[holder], &healthy), "no walk");
    desk.accounts[holder].takeover_started_at = NOW;
    let flagged = desk.accounts[holder];
    desk.env.now += 1 + i64::from(params().index_age_seconds_max);
    let stale = risk_of(&desk, holder);
    assert!(stale.favour != 0);
    assert!(!end_walk(&mut desk.accounts[holder], &stale));
    assert_eq!(desk.accounts[holder], flagged);
    assert!(end_walk(&mut desk.accounts[holder], &healthy));
    let account = desk.accounts[holder];
    assert_eq!((account.flagged_at, account.takeover_started_at), (0, 0));
}

/// Its claim does not hang on the mark, and waiting would only let those leave who are to be charged.
#[test]
fn a_flat_legs_loss_waits_for_neither_index_nor_halt() {
    for halted in [false, true] {
        let (mut desk, holder, stranger) = losing(&[params()], &[(-10, 0)], 1 << 40);
        desk.trade(holder, stranger, 0, 500, 10);
        desk.seat_mut(holder, 0).quote = -300_000;
        desk.accounts[holder].collateral = 0;
        // Somebody is long and somebody short.
        let buyer = desk.join(3, RICH);
        desk.trade(buyer, stranger, 0, 500, 20);
        if halted {
            desk.halt(0, HaltPhase::Call);
        } else {
            desk.env.now += 1 + i64::from(params().index_age_seconds_max);
        }
        let before = desk.clone();
        let mut fund = fund_of(0);
        let receipt = tear(&mut desk, holder, &mut fund).unwrap();
        assert_eq!((receipt.quantity, receipt.charged), (0, 300_000));
        assert_eq!(receipt.scale_after, receipt.scale_before);
        for account in [holder, stranger, buyer] {
            assert_eq!(
                held_of(&desk, account, 0).base,
                held_of(&before, account, 0).base
            );
        }
        let paid = |account| held_of(&before, account, 0).quote - held_of(&desk, account, 0).quote;
        assert!([300_000, 300_001].contains(&paid(buyer)));
        assert_eq!((paid(stranger), paid(holder)), (0, -300_000));
    }
}

#[test]
fn a_flag_is_not_touched_by_an_engine_step_but_the_walk_ends() {
    let (mut desk, holder, _) = losing(&[params()], &[(10, -900_000)], 100);
    fund::flag(&mut desk.accounts[holder], NOW);
    desk.accounts[holder].takeover_started_at = NOW;
    let mut fund = fund_of(0);
    tear(&mut desk, holder, &mut fund).unwrap();
    let account = desk.accounts[holder];
    assert_eq!((account.flagged_at, account.takeover_started_at), (NOW, 0));
}
