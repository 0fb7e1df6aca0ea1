//! Liquidation interest: who may put it there and take it away, what it is charged, and that the treasury has
//! nothing of it.

use super::*;
use crate::cash::account_cash;
use crate::liquidation::{self, Leg, Standing};
use crate::place::{self, Which};
use crate::risk::AccountRisk;
use crate::seats::tests::address_of;
use crate::units::PriceQ32;

/// The account that is liquidated: long 100 lots of 500; the others are rich.
const LONG: usize = 4;

/// Its mark of 485 leaves it 1,075,000 of 1,212,500 that it should have.
fn underwater() -> Desk {
    underwater_by(0)
}

fn underwater_by(less: i64) -> Desk {
    let mut desk = pit_with(&halting(), 4);
    let account = desk.join(9, 2_600_000);
    assert_eq!(account, LONG);
    desk.trade(LONG, 3, 0, MARK, 100);
    // The taker's fee of that trade has been swept long ago.
    desk.markets[0].header.cash.fees_accrued = 0;
    desk.markets[0].header.cash.pool = 0;
    desk.accounts[LONG].collateral -= less;
    desk.mark(0, 485);
    trip(&mut desk);
    desk
}

fn leg(desk: &Desk) -> Leg {
    let (state, account) = (&desk.markets[0], &desk.accounts[LONG]);
    let entry = account.entry_of(&state.address).unwrap();
    let address = address_of(LONG);
    let now = desk.env.now;
    Leg::read(&view(desk), account, &address, entry, now)
        .unwrap()
        .0
}

fn standing(desk: &Desk) -> Standing {
    let cash = account_cash(&desk.accounts[LONG], desk.env.now);
    let risk = AccountRisk::of(&cash, &leg(desk).risk).unwrap();
    Standing::of(&risk, false, 0).unwrap()
}

/// Joins; an error must leave every byte as it was.
fn joins(desk: &mut Desk) -> Result<Option<Joined>> {
    let (leg, standing, env) = (leg(desk), standing(desk), desk.env);
    let before = desk.markets[0].clone();
    let joined = join(&mut desk.markets[0].get(), &leg, &standing, &env);
    if joined.is_err() {
        let same = desk.markets[0].blocks == before.blocks
            && bytemuck::bytes_of(&desk.markets[0].header) == bytemuck::bytes_of(&before.header);
        assert!(same, "an error changed the market");
    }
    joined
}

fn order_of(desk: &Desk, joined: &Joined) -> Order {
    *arena::order(&desk.markets[0].blocks, joined.order).unwrap()
}

fn seat(desk: &Desk) -> Seat {
    desk.seat(LONG, 0)
}

fn cash_of(desk: &Desk) -> (u64, u64, u64) {
    let cash = &desk.markets[0].header.cash;
    let (fees, liquidation) = (cash.fees_accrued, cash.liquidation_fees_accrued);
    (fees, liquidation, cash.contributions_accrued)
}

#[test]
fn interest_rests_at_the_zero_price_with_as_much_as_restores_the_account() {
    let mut desk = underwater();
    let joined = joins(&mut desk).unwrap().unwrap();
    // (485 − 10.75) / (1 − 0.003) and 31.9 of 124.9: spec §13.
    assert_eq!((joined.side, joined.price, joined.lots), (1, 476, 26));
    let order = order_of(&desk, &joined);
    assert_eq!(
        (order.reduce_only, order.liquidation),
        (1, super::super::interest::BY_RATE)
    );
    assert_eq!(
        order.expires_at,
        desk.markets[0].header.halt.call_ends_at + 1
    );
    assert_eq!((seat(&desk).orders, seat(&desk).ask_lots), (1, 26));
    audit(&desk);
}

#[test]
fn joining_again_replaces_what_was_there() {
    let mut desk = underwater();
    let first = joins(&mut desk).unwrap().unwrap();
    desk.accounts[LONG].collateral -= 100_000;
    let second = joins(&mut desk).unwrap().unwrap();
    assert!(second.lots > first.lots && second.price > first.price);
    assert_eq!((seat(&desk).orders, seat(&desk).ask_lots), (1, second.lots));
    audit(&desk);
}

#[test]
fn interest_joins_in_the_call_and_in_the_freeze_only() {
    for (second, joined) in [
        (0, true),
        (3, true),
        (4, true),
        (5, false),
        (15, false),
        (17, false),
    ] {
        let mut desk = underwater();
        desk.env.now += second;
        desk.mark(0, 485);
        let before = desk.markets[0].header.halt.uncross_slot;
        desk.env.slot += 50;
        let outcome = joins(&mut desk);
        if joined {
            assert!(outcome.unwrap().is_some());
        } else {
            assert_eq!(outcome, Err(EngineError::MarketHalted), "second {second}");
        }
        // In a call it is a change like any; the freeze it does not lengthen.
        let after = desk.markets[0].header.halt.uncross_slot;
        let put_off = desk.env.slot + 3;
        assert_eq!(after, if second < 4 { put_off } else { before });
    }
}

#[test]
fn interest_leaves_in_the_freeze_but_not_once_the_auction_runs() {
    for (second, leaves) in [(0, true), (4, true), (5, false)] {
        let mut desk = underwater();
        joins(&mut desk).unwrap();
        desk.env.now += second;
        let (seat, env) = (desk.seat_index(LONG, 0), desk.env);
        let outcome = withdraw_interest(&mut desk.markets[0].get(), seat, &env);
        let refused = Err(EngineError::MarketHalted);
        assert_eq!(outcome, if leaves { Ok(26) } else { refused });
        audit(&desk);
    }
    let mut desk = underwater();
    let (seat, env) = (desk.seat_index(LONG, 0), desk.env);
    let outcome = withdraw_interest(&mut desk.markets[0].get(), seat, &env);
    assert_eq!(outcome, Ok(0), "there was none");
}

#[test]
fn withdrawing_interest_leaves_the_owners_orders() {
    let mut desk = underwater();
    joins(&mut desk).unwrap();
    let own = OrderRequest {
        reduce_only: true,
        ..ask(480, 5)
    };
    let own = desk.place(LONG, 0, &own).unwrap();
    let (seat, env) = (desk.seat_index(LONG, 0), desk.env);
    let left = withdraw_interest(&mut desk.markets[0].get(), seat, &env);
    assert_eq!(left, Ok(26));
    assert_eq!(resting(&desk).first().unwrap().sequence, own.sequence);
    assert_eq!(desk.seat(LONG, 0).orders, 1);
}

#[test]
fn interest_waits_for_the_owners_orders_to_leave() {
    let mut desk = underwater();
    let own = OrderRequest {
        reduce_only: true,
        ..ask(480, 5)
    };
    desk.place(LONG, 0, &own).unwrap();
    assert_eq!(joins(&mut desk), Err(EngineError::OrdersResting));
    let (leg, env) = (leg(&desk), desk.env);
    assert_eq!(leg.orders, 1);
    let mut market = desk.markets[0].get();
    let address = address_of(LONG);
    let cancelled = liquidation::cancel_orders(&mut market, &leg, &address, Which::All, 64, &env);
    assert_eq!(cancelled, Ok(1));
    assert!(joins(&mut desk).unwrap().is_some());
    // The owner comes back beside its interest: what is there stays, unchanged.
    desk.place(LONG, 0, &own).unwrap();
    assert_eq!(joins(&mut desk), Err(EngineError::OrdersResting));
    assert_eq!(seat(&desk).orders, 2);
}

#[test]
fn an_insolvent_account_brings_nothing_and_loses_what_it_had_there() {
    let mut desk = underwater();
    joins(&mut desk).unwrap();
    desk.accounts[LONG].collateral -= desk.risk(LONG).equity;
    assert_eq!(joins(&mut desk), Ok(None));
    assert_eq!(seat(&desk).orders, 0);
    desk.accounts[LONG].collateral += 1;
    assert!(joins(&mut desk).unwrap().is_some());
}

#[test]
fn its_owner_can_not_cancel_interest_while_the_auction_is_ahead() {
    let mut desk = underwater();
    let joined = joins(&mut desk).unwrap().unwrap();
    let sequence = order_of(&desk, &joined).sequence;
    let (seat, address) = (desk.seat_index(LONG, 0), address_of(LONG));
    let mut market = desk.markets[0].get();
    let refused = Err(EngineError::LiquidationInterest);
    let outcome = place::cancel(&mut market, seat, &address, joined.order, sequence);
    assert_eq!(outcome, refused);
    let outcome = place::cancel_by_client_id(&mut market, seat, &address, 0);
    assert_eq!(outcome, Err(EngineError::UnknownClientId));
    let outcome = place::cancel_all(&mut market, seat, &address, Which::All, 64);
    assert_eq!(outcome, Ok((0, 0)));
    let env = desk.env;
    let mut market = desk.markets[0].get();
    let outcome = place::remove_expired(&mut market, joined.order, sequence, &env);
    assert_eq!(outcome, Err(EngineError::OrderNotExpired));
}

#[test]
fn the_owners_own_orders_are_cancelled_around_its_interest() {
    let mut desk = underwater();
    joins(&mut desk).unwrap();
    let own = OrderRequest {
        reduce_only: true,
        ..ask(480, 5)
    };
    desk.place(LONG, 0, &own).unwrap();
    desk.place(LONG, 0, &own).unwrap();
    let (seat, address) = (desk.seat_index(LONG, 0), address_of(LONG));
    let mut market = desk.markets[0].get();
    assert!(place::cancel_by_client_id(&mut market, seat, &address, 0).is_ok());
    let outcome = place::cancel_all(&mut market, seat, &address, Which::All, 64);
    assert_eq!(outcome, Ok((1, 5)));
    assert_eq!(desk.seat(LONG, 0).orders, 1);
    assert_eq!(leg(&desk).orders, 0, "interest is no order of the owner");
}

#[test]
fn the_owner_can_not_bid_against_its_own_interest() {
    let mut desk = underwater();
    joins(&mut desk).unwrap();
    desk.accounts[LONG].collateral = RICH as i64;
    let refused = Err(EngineError::OwnOrdersWouldCross);
    assert_eq!(desk.place(LONG, 0, &bid(476, 1)), refused);
    assert!(desk.place(LONG, 0, &bid(475, 1)).is_ok());
}

#[test]
fn interest_that_found_nobody_is_dead_after_the_auction_and_anyone_removes_it() {
    for advanced in [true, false] {
        let mut desk = underwater();
        let joined = joins(&mut desk).unwrap().unwrap();
        let sequence = order_of(&desk, &joined).sequence;
        if advanced {
            assert_eq!(uncross(&mut desk).fixed, None);
        }
        reopen(&mut desk);
        // A buyer at its price meets nobody.
        let mut copy = desk.clone();
        let placed = copy.place(0, 0, &bid(476, 5)).unwrap();
        assert_eq!((placed.filled_lots, placed.resting_lots), (0, 5));
        assert_eq!(copy.seat(LONG, 0).orders, 0, "met and removed");
        let env = desk.env;
        let mut copy = desk.clone();
        let mut market = copy.markets[0].get();
        assert!(place::remove_expired(&mut market, joined.order, sequence, &env).is_ok());
        audit(&copy);
        let (seat, address) = (desk.seat_index(LONG, 0), address_of(LONG));
        let mut market = desk.markets[0].get();
        assert!(place::cancel(&mut market, seat, &address, joined.order, sequence).is_ok());
    }
}

#[test]
fn interest_is_charged_as_in_the_book_and_nothing_of_it_is_the_treasurys() {
    let mut desk = underwater();
    let before = desk.held(LONG, 0).quote;
    let joined = joins(&mut desk).unwrap().unwrap();
    let buyer = desk.place(0, 0, &bid(480, 26)).unwrap();
    assert_eq!(order_of(&desk, &joined).price, 476);
    let auction = uncross(&mut desk);
    assert_eq!(auction.fixed.unwrap().price, 480);
    assert_eq!(auction.lots_of(&buyer), 26);
    // 26 lots at 480: 0.05% fee and 0.25% contribution; the buyer 0.01%.
    let flow: u64 = 26 * 480 * 1_000;
    let (fee, contribution, maker) = (6_240, 31_200, 1_248);
    let sold = auction.fills.iter().find(|fill| fill.liquidation).unwrap();
    assert_eq!(
        (sold.lots, sold.quote, sold.fee),
        (26, flow, fee + contribution)
    );
    assert_eq!(cash_of(&desk), (0, fee + maker, contribution));
    let proceeds = (flow - fee - contribution) as i64;
    assert_eq!(desk.held(LONG, 0).quote - before, proceeds);
    assert_eq!((desk.lots(LONG, 0), desk.seat(LONG, 0).orders), (74, 0));
    audit(&desk);
}

#[test]
fn inv_09_of_a_mixed_fill_the_treasury_shares_in_the_ordinary_part_only() {
    for steps_max in [2, 128] {
        let mut desk = underwater();
        joins(&mut desk).unwrap().unwrap();
        desk.place(1, 0, &ask(470, 24)).unwrap();
        desk.place(0, 0, &bid(480, 60)).unwrap();
        end_call(&mut desk);
        let auction = run(&mut desk, steps_max);
        assert_eq!(auction.fixed.map(|f| (f.price, f.lots)), Some((480, 50)));
        // Buyer and seller of 24 ordinary lots pay 1,152 each; the buyer's fee on 26 is the liquidation's.
        assert_eq!(cash_of(&desk), (2 * 1_152, 6_240 + 1_248, 31_200));
        audit(&desk);
    }
}

#[test]
fn where_the_zero_price_is_beyond_the_mark_the_charge_is_by_atom_and_not_more_than_is_left() {
    // 50,000 and 1,000 are left: under 0.3% of the notional, and under the fee of 0.05%.
    for (left, most) in [(50_000, 24_250), (1_000, 1_000)] {
        let mut desk = underwater_by(1_075_000 - left);
        let joined = joins(&mut desk).unwrap().unwrap();
        assert_eq!((joined.price, joined.lots), (485, 100));
        let order = order_of(&desk, &joined);
        assert_eq!(order.liquidation, super::super::interest::PER_ATOM);
        desk.place(0, 0, &bid(485, 100)).unwrap();
        let auction = uncross(&mut desk);
        let sold = auction.fills.iter().find(|fill| fill.liquidation).unwrap();
        let charge = PriceQ32(order.charge_per_atom)
            .value_ceil(100_000_000)
            .unwrap();
        assert_eq!((sold.fee, sold.quote), (charge, 48_500_000));
        assert!(charge <= most && charge + 2 > most, "{charge} of {most}");
        assert_eq!(cash_of(&desk), (0, charge + 4_850, 0), "no contribution");
        let equity = desk.risk(LONG).equity;
        assert!(equity >= 0 && equity >= left - most as i64);
    }
}

#[test]
fn interest_of_a_short_buys_back() {
    let mut desk = pit_with(&halting(), 4);
    desk.join(9, 2_600_000);
    desk.trade(3, LONG, 0, MARK, 100);
    desk.markets[0].header.cash = bytemuck::Zeroable::zeroed();
    desk.mark(0, 515);
    trip(&mut desk);
    let joined = joins(&mut desk).unwrap().unwrap();
    assert_eq!(joined.side, OrderSide::Bid.byte());
    assert!(joined.price > 515 && joined.lots < 100);
    desk.place(0, 0, &ask(515, 100)).unwrap();
    let auction = uncross(&mut desk);
    let bought = auction.fills.iter().find(|fill| fill.liquidation).unwrap();
    assert_eq!((bought.side, bought.lots), (OrderSide::Bid, joined.lots));
    assert_eq!(desk.lots(LONG, 0), joined.lots as i64 - 100);
    assert_eq!(cash_of(&desk).0, 0);
    audit(&desk);
}

#[test]
fn a_better_order_of_the_owner_leaves_its_interest_less_to_sell() {
    let mut desk = underwater();
    joins(&mut desk).unwrap();
    // A deposit arrives, and the owner sells ahead of it.
    desk.accounts[LONG].collateral = RICH as i64;
    let own = OrderRequest {
        reduce_only: true,
        ..ask(470, 90)
    };
    let own = desk.place(LONG, 0, &own).unwrap();
    desk.place(0, 0, &bid(480, 500)).unwrap();
    assert_eq!(indicative_of(&desk), Some((480, 100)));
    let auction = uncross(&mut desk);
    assert_eq!(auction.lots_of(&own), 90);
    let sold = auction.fills.iter().find(|fill| fill.liquidation).unwrap();
    assert_eq!((sold.lots, desk.lots(LONG, 0)), (10, 0));
}

#[test]
fn after_its_interest_was_filled_at_any_price_the_account_is_no_nearer_to_its_margin_than_before() {
    for ticks in 476..=485 {
        let mut desk = underwater();
        let before = desk.risk(LONG);
        joins(&mut desk).unwrap();
        desk.place(0, 0, &bid(ticks, 26)).unwrap();
        uncross(&mut desk);
        let after = desk.risk(LONG);
        let ratio = |risk: &AccountRisk| {
            i128::from(risk.equity) * 1_000_000 / i128::from(risk.maintenance_margin)
        };
        assert!(ratio(&after) >= ratio(&before), "sold at {ticks}");
    }
}

#[test]
fn two_liquidations_may_meet_each_other() {
    let mut desk = pit_with(&halting(), 4);
    desk.join(9, 2_600_000);
    desk.trade(LONG, 3, 0, MARK, 100);
    desk.mark(0, 485);
    desk.markets[0].header.cash = bytemuck::Zeroable::zeroed();
    trip(&mut desk);
    joins(&mut desk).unwrap().unwrap();
    let buyer = desk.place(0, 0, &bid(480, 26)).unwrap();
    // As if it were a short's.
    arena::order_mut(&mut desk.markets[0].blocks, buyer.order)
        .unwrap()
        .liquidation = super::super::interest::BY_RATE;
    uncross(&mut desk);
    assert_eq!(cash_of(&desk), (0, 2 * 6_240, 2 * 31_200));
}
