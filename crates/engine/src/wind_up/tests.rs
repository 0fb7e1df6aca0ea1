//! The end of a market: when, at which price, and what is left to settle.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::adl::{self, LossEvent};
use crate::place;
use crate::seats::tests::{ask, bid, Desk};
use crate::Env;

const DEAD: i64 = 604_800 + 15;

fn end(desk: &mut Desk) -> Result<WoundUp> {
    let env = desk.env;
    let before = desk.markets[0].header;
    let wound_up = wind_up(&mut desk.markets[0].get(), &env);
    if wound_up.is_err() {
        assert!(
            before == desk.markets[0].header,
            "an error changed the market"
        );
    }
    wound_up
}

/// Two traders with a position of 40 lots at 500 ticks; the mark was 520 when the feed died.
fn scene() -> (Desk, usize, usize) {
    let mut desk = Desk::new(1);
    let (long, short) = (desk.join(1, 1 << 40), desk.join(2, 1 << 40));
    desk.trade(long, short, 0, 500, 40);
    desk.mark(0, 520);
    (desk, long, short)
}

#[test]
fn a_market_ends_when_its_index_has_been_stale_for_the_whole_time() {
    let (mut desk, ..) = scene();
    desk.env.now += DEAD;
    assert_eq!(end(&mut desk), Err(EngineError::IndexNotDead));
    desk.env.now += 1;
    for (spoil, error) in [
        (
            (|h| h.status = 0) as fn(&mut crate::state::MarketHeader),
            EngineError::MarketNotActive,
        ),
        (|h| h.status = 3, EngineError::MarketWoundUp),
    ] {
        let mut desk = desk.clone();
        spoil(&mut desk.markets[0].header);
        assert_eq!(end(&mut desk), Err(error));
    }
    // Over a halt that the clock has not ended, nothing is closed.
    let mut halted = desk.clone();
    halted.markets[0].header.halt.phase = HaltPhase::Uncross.byte();
    assert_eq!(end(&mut halted), Err(EngineError::MarketHalted));
    // One fresh index in between, and the time begins again.
    let mut revived = desk.clone();
    revived.markets[0].header.prices.index_time += 1;
    assert_eq!(end(&mut revived), Err(EngineError::IndexNotDead));
    end(&mut desk).unwrap();
    assert_eq!(end(&mut desk), Err(EngineError::MarketWoundUp));
}

#[test]
fn both_sides_close_at_the_last_mark_and_leave_with_their_cash() {
    let (mut desk, long, short) = scene();
    let equity = |desk: &Desk, who| desk.risk(who).equity;
    let before = [equity(&desk, long), equity(&desk, short)];
    desk.env.now += DEAD + 1;
    let mark = desk.markets[0].header.prices.mark;
    let wound_up = end(&mut desk).unwrap();
    assert_eq!(wound_up.price, mark);
    assert_eq!(wound_up.open_interest, [40_000_000; 2]);
    assert_eq!(desk.markets[0].header.open_interest(), 0);
    let held = |desk: &Desk, who| {
        let market = &desk.markets[0];
        let market = crate::book::arena::MarketRef {
            header: &market.header,
            blocks: &market.blocks,
        };
        crate::position::held(&market, &desk.seat(who, 0)).unwrap()
    };
    for who in [long, short] {
        assert_eq!(held(&desk, who).base, 0);
    }
    // The loser's claim becomes cash first, then the winner's; nothing of it waits for an index.
    for who in [short, long] {
        let (env, mut account) = (desk.env, desk.accounts[who]);
        let mut passed = [desk.markets[0].get()];
        let others = crate::risk::LegRisk::default();
        let address = crate::seats::tests::address_of(who);
        crate::cash::settle(&mut account, &address, &mut passed, &[0], &others, &env).unwrap();
        desk.accounts[who] = account;
        desk.release(who, 0).unwrap();
    }
    for (who, before) in [(long, before[0]), (short, before[1])] {
        assert_eq!(
            i128::from(desk.accounts[who].collateral),
            i128::from(before)
        );
    }
    let cash = &desk.markets[0].header.cash;
    // What is left is the fees of the trade, and atoms of rounding.
    let residue = cash.pool - cash.fees_accrued;
    assert!(residue <= 2, "{residue}");
    let sides = &desk.markets[0].header.sides;
    assert!(sides.iter().all(|side| side.seats == 0 && side.ends <= 1));
}

#[test]
fn a_market_that_is_wound_up_takes_nothing_new() {
    let (mut desk, long, _) = scene();
    desk.env.now += 1;
    desk.place(long, 0, &ask(600, 3)).unwrap();
    desk.env.now += DEAD;
    end(&mut desk).unwrap();
    for request in [bid(500, 1), ask(600, 1)] {
        assert_eq!(
            desk.place(long, 0, &request),
            Err(EngineError::MarketWoundUp)
        );
    }
    let late = desk.stranger(3, 1 << 40);
    assert_eq!(desk.claim(late, 0, 1), Err(EngineError::MarketWoundUp));
    let env = desk.env;
    let refreshed = crate::mark::refresh(
        &mut desk.markets[0].header,
        &[],
        crate::mark::BookTop::default(),
        &env,
    );
    assert_eq!(refreshed.map(|_| ()), Err(EngineError::MarketWoundUp));
    // Whoever comes by takes the orders off the book.
    let seat = desk.seat(long, 0);
    let order = *arena::order(&desk.markets[0].blocks, seat.first_order).unwrap();
    place::remove_expired(
        &mut desk.markets[0].get(),
        seat.first_order,
        order.sequence,
        &env,
    )
    .unwrap();
    assert_eq!(desk.seat(long, 0).orders, 0);
}

/// Loss events have left both sides in later epochs and uneven.
#[test]
fn seats_of_earlier_epochs_reach_the_end_as_well() {
    let mut desk = Desk::new(1);
    let who: std::vec::Vec<usize> = (1..=5).map(|owner| desk.join(owner, 1 << 40)).collect();
    desk.trade(who[0], who[1], 0, 500, 40);
    desk.trade(who[2], who[3], 0, 500, 7);
    let mark = crate::units::PriceQ32(desk.markets[0].header.prices.mark);
    let env = desk.env;
    // The first long leaves against all shorts, at a loss that they bear.
    let event = LossEvent {
        price: mark,
        deficit: 1_234_567,
        from_default_fund: 0,
    };
    let (seat, address) = (desk.seat_index(who[0], 0), desk.markets[0].address);
    adl::execute(&mut desk.markets[0].get(), &address, seat, &event, &env).unwrap();
    epochs::end(&mut desk.markets[0].get(), SIDE_LONG, mark, &env).unwrap();
    epochs::end(&mut desk.markets[0].get(), SIDE_SHORT, mark, &env).unwrap();
    let held = |desk: &Desk, account| {
        let market = &desk.markets[0];
        let market = crate::book::arena::MarketRef {
            header: &market.header,
            blocks: &market.blocks,
        };
        let held = crate::position::held(&market, &desk.seat(account, 0)).unwrap();
        let value = crate::units::PriceQ32(market.header.prices.mark).position_value(held.base);
        (held.base, held.quote + value.unwrap())
    };
    let before = [1, 2, 3].map(|n| held(&desk, who[n]).1);
    desk.env = Env {
        now: env.now + DEAD + 1,
        slot: 99,
    };
    end(&mut desk).unwrap();
    for (n, before) in [1, 2, 3].into_iter().zip(before) {
        let (base, claim) = held(&desk, who[n]);
        assert_eq!(base, 0);
        assert!((claim - before).abs() <= 2, "{n}: {before} became {claim}");
    }
}

#[test]
fn without_a_block_for_its_ends_a_market_waits() {
    let (mut desk, ..) = scene();
    desk.env.now += DEAD + 1;
    let header = &mut desk.markets[0].header;
    let (reserved, spare) = (header.arena.reserved_blocks, arena::unreserved(header));
    header.arena.reserved_blocks = reserved + spare;
    // Eleven of the twelve blocks are taken by ends that somebody waits for.
    header.sides[0].ends = EPOCH_BLOCKS - 1;
    assert_eq!(end(&mut desk), Err(EngineError::ArenaFull));
    desk.markets[0].header.sides[0].ends = EPOCH_BLOCKS - 2;
    end(&mut desk).unwrap();
}

/// The seconds in which the index was still fresh are charged: the payer's claim is smaller by them.
#[test]
fn funding_runs_until_the_index_went_stale() {
    let (mut desk, ..) = scene();
    let index = desk.markets[0].header.prices.index;
    desk.markets[0].header.prices.premium_ema = i64::try_from(index / 10).unwrap();
    let mut free = desk.clone();
    free.markets[0].header.prices.premium_ema = 0;
    let cash = |desk: &mut Desk| {
        desk.env.now += DEAD + 1;
        let sides = end(desk).unwrap().sides;
        sides.map(|side| math::join_signed(side.cash_index))
    };
    let ([long, short], [free_long, free_short]) = (cash(&mut desk), cash(&mut free));
    assert!(long < free_long && short < free_short);
}

/// What a long is paid is floored and what a short pays is ceiled: the atom of the difference is the pool's.
#[test]
fn longs_floor_and_shorts_ceil() {
    let (mut desk, ..) = scene();
    // A scale that the price does not divide.
    for side in &mut desk.markets[0].header.sides {
        side.scale -= 1;
        side.cash_index = [0; 2];
    }
    let header = &mut desk.markets[0].header;
    header.prices.mark |= 1;
    let product = u128::from(header.sides[0].scale) * u128::from(header.prices.mark);
    header.prices.premium_ema = 0;
    desk.env.now += DEAD + 1;
    let sides = end(&mut desk).unwrap().sides;
    let [long, short] = sides.map(|side| math::join_signed(side.cash_index));
    assert_eq!(long, i128::try_from(product >> 30).unwrap());
    assert_eq!(short, long + 1);
}

/// Ends that nobody waits for any more give their blocks back before a market is said to be full.
#[test]
fn ends_that_nobody_waits_for_make_room() {
    let (mut desk, ..) = scene();
    let mark = crate::units::PriceQ32(desk.markets[0].header.prices.mark);
    let env = desk.env;
    epochs::end(&mut desk.markets[0].get(), SIDE_LONG, mark, &env).unwrap();
    let oldest = desk.markets[0].header.sides[0].oldest_end;
    let market = desk.markets[0].get();
    arena::epoch_end_mut(market.blocks, oldest).unwrap().seats = 0;
    let header = &mut desk.markets[0].header;
    header.arena.reserved_blocks += arena::unreserved(header);
    // With that end eleven of the twelve blocks are taken; two are wanted.
    header.sides[1].ends = EPOCH_BLOCKS - 2;
    let env = Env {
        now: env.now + DEAD + 1,
        ..env
    };
    wind_up(&mut desk.markets[0].get(), &env).unwrap();
}
