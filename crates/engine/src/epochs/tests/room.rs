//! Blocks for ends: the reserve, what lies beyond it, and what happens without either.

use super::pit::{big, refused, Pit};
use super::*;
use crate::book::orders;
use crate::place::StepKind;
use crate::seats::tests::{ask, bid, Desk};

/// Longs that sleep in twelve different epochs, so that the reserve is used up.
fn full(spare: u32) -> Pit {
    let mut pit = longs_of(&[1_000; 12], spare, ONE);
    let flat = pit.seats.len() - 2;
    for awake in (1..=12).rev() {
        for who in 1..=awake {
            pit.wake(who);
        }
        burn(&mut pit, flat);
    }
    assert_eq!(pit.side(false).ends, 12);
    pit.check();
    pit
}

#[test]
fn without_a_block_an_event_is_refused_and_nothing_is_written() {
    let mut pit = full(0);
    let flat = pit.seats.len() - 2;
    let value = to_the_brink(&mut pit, flat, false);
    // `lose` compares every byte.
    assert_eq!(refused(pit.lose(flat, value, 0)), EngineError::ArenaFull);
    let env = pit.env;
    let before = pit.bytes();
    let ended = end(&mut pit.market(), SIDE_LONG, PriceQ32(ONE), &env);
    assert_eq!(refused(ended), EngineError::ArenaFull);
    assert!(pit.bytes() == before);
    // An event that ends no epoch needs no block.
    pit.lose(flat, value / 3, 0).unwrap();
    pit.check();
}

#[test]
fn a_full_reserve_is_cured_by_syncing_the_seats_of_the_oldest_end() {
    let mut pit = full(0);
    let flat = pit.seats.len() - 2;
    pit.wake(1);
    let value = to_the_brink(&mut pit, flat, false);
    assert_eq!(refused(pit.lose(flat, value, 0)), EngineError::ArenaFull);
    // Seat 12 sleeps in the oldest epoch.
    pit.sync(12).unwrap();
    pit.check();
    pit.lose(flat, value, 0).unwrap();
    pit.check();
}

#[test]
fn a_full_reserve_is_cured_by_growth_and_an_end_beyond_it_takes_from_what_is_unreserved() {
    let mut pit = full(0);
    let flat = pit.seats.len() - 2;
    let grown = pit.header.arena.capacity + 1;
    crate::seats::grow(&mut pit.header, grown).unwrap();
    pit.blocks.push(bytemuck::Zeroable::zeroed());
    assert_eq!(arena::unreserved(&pit.header), 1);
    pit.wake(1);
    burn(&mut pit, flat);
    assert_eq!(arena::unreserved(&pit.header), 0);
    pit.check();
    pit.wake(1);
    let value = to_the_brink(&mut pit, flat, false);
    assert_eq!(refused(pit.lose(flat, value, 0)), EngineError::ArenaFull);
}

#[test]
fn a_claimed_slot_keeps_its_block_whatever_the_ends_take() {
    // Room for ends beyond the reserve comes from what no seat was promised.
    let mut pit = full(2);
    assert_eq!(arena::unreserved(&pit.header), 2);
    assert!(make_room(&mut pit.market()).unwrap());
    let mut less = pit.clone();
    less.header.arena.reserved_blocks += 2;
    assert!(!make_room(&mut less.market()).unwrap());
}

/// The market in which every long is a short.
fn mirrored(pit: &Pit) -> Pit {
    let mut pit = pit.clone();
    pit.header.sides.swap(0, 1);
    for block in &mut pit.blocks {
        if let Some(seat) = block.view_mut::<Seat>() {
            seat.side ^= 1;
        } else if let Some(end) = block.view_mut::<EpochEnd>() {
            end.side ^= 1;
        }
    }
    pit
}

/// A seat that slept through many ends and of which nothing is left passes five of them and is gone; the
/// rest of the ends wait for nobody and must not keep the next event from its block.
#[test]
fn ends_that_nobody_waits_for_never_keep_an_event_from_its_block() {
    let mut pit = longs_of(&[1, 1_000_000], 6, ONE);
    let seats = pit.seats.len();
    let flat = seats - 2;
    // More than half of the longs is closed: nothing of one atom is left.
    let half = pit.side(false).open_interest() / 2 + 1;
    pit.trade(0, flat, half);
    pit.lose(flat, 0, 0).unwrap();
    for _ in 0..18 {
        pit.wake(2);
        burn(&mut pit, flat);
    }
    pit.wake(2);
    assert_eq!((pit.side(false).ends, pit.side(false).seats), (18, 2));
    pit.sync(1).unwrap();
    assert_eq!((pit.seat(1).shares, pit.side(false).seats), (0, 1));
    assert_eq!(pit.side(false).ends, 13);
    pit.check();
    // Nobody is behind, and what the freed blocks gave back is claimed.
    let mut account = bytemuck::Zeroable::zeroed();
    let addresses = crate::seats::SeatAddresses {
        market: pit::MARKET,
        margin_account: pit::owner(seats),
    };
    crate::seats::claim(&mut pit.market(), &mut account, &addresses, 4).unwrap();
    assert_eq!(arena::unreserved(&pit.header), 0);
    // The other side may need the block as well as this one, and funding as well as a loss.
    for short in [false, true] {
        let start = if short { mirrored(&pit) } else { pit.clone() };
        let (mut own, mut other, mut funded) = (start.clone(), start.clone(), start);
        let (epoch, that) = (own.side(!short).epoch, usize::from(!short));
        burn_side(&mut own, flat, short);
        own.check_books();
        burn_side(&mut other, seats - 1, !short);
        other.check_books();
        funded.header.sides[that].cash_index = split_signed(BOUND);
        let env = funded.env;
        end_due(&mut funded.market(), &env).unwrap();
        assert_eq!(funded.side(!short).epoch, epoch + 1);
        funded.check_books();
    }
    burn(&mut pit, flat);
    for _ in 0..3 {
        let ends = pit.side(false).ends;
        pit.wake(2);
        burn(&mut pit, flat);
        assert!(pit.side(false).ends < ends.max(2));
    }
}

#[test]
fn funding_ends_the_epoch_of_each_side_that_is_due_at_the_mark() {
    let mut pit = longs_of(&[10, 20], 0, ONE);
    let env = pit.env;
    let before = pit.bytes();
    end_due(&mut pit.market(), &env).unwrap();
    assert!(pit.bytes() == before, "nothing was due");
    pit.header.sides[1].cash_index = split_signed(-BOUND);
    end_due(&mut pit.market(), &env).unwrap();
    assert_eq!((pit.side(false).epoch, pit.side(true).epoch), (0, 1));
    let kept = arena::epoch_end(&pit.blocks, pit.side(true).newest_end).unwrap();
    assert_eq!((kept.price, join_signed(kept.cash_index)), (ONE, -BOUND));
    for side in &mut pit.header.sides {
        side.cash_index = split_signed(5 * BOUND);
    }
    end_due(&mut pit.market(), &env).unwrap();
    assert_eq!((pit.side(false).epoch, pit.side(true).epoch), (1, 2));
    pit.check();
}

#[test]
fn funding_without_a_block_goes_on_in_the_old_epoch() {
    let mut pit = full(0);
    pit.wake(1);
    let env = pit.env;
    let index = split_signed(-3 * BOUND);
    pit.header.sides[0].cash_index = index;
    let before = pit.bytes();
    end_due(&mut pit.market(), &env).unwrap();
    assert!(pit.bytes() == before);
    // The other side's end is not held up: it needs a block as well, and waits for it as well.
    pit.header.sides[1].cash_index = split_signed(BOUND);
    end_due(&mut pit.market(), &env).unwrap();
    assert_eq!(pit.side(true).epoch, 0);
    // Whoever touches a seat is paid by the index as it stands.
    let expected = pit.held(1);
    assert_eq!(
        position::held(&pit.read(), &pit.seat(1)).unwrap().quote,
        i64::try_from(expected.quote).unwrap()
    );
    pit.wake(12);
    end_due(&mut pit.market(), &env).unwrap();
    assert_eq!(pit.side(false).cash_index, [0; 2]);
}

/// Funding at its widest never brings a seat's claim out of its type, long after an end was due.
#[test]
fn the_largest_seat_can_be_touched_far_beyond_the_bound_of_the_cash_index() {
    // (shares, cash index): A = 1 at the largest base, and A = 2^48 at the largest shares.
    for (shares, index) in [((1_u64 << 48) - 1, 1_i128 << 78), ((1 << 62) - 1, 1 << 64)] {
        for (side, sign) in [(SIDE_LONG, 1), (SIDE_SHORT, -1)] {
            for snapshot in [0, -(1_i128 << 63), 1 << 63] {
                for now in [index, -index] {
                    let found = position::cash_between(
                        side,
                        shares,
                        split_signed(snapshot),
                        split_signed(now),
                    );
                    let exact = (big(sign) * shares * (now - snapshot)) >> 64;
                    assert_eq!(found.map(big), Ok(exact));
                }
            }
        }
    }
}

#[test]
fn a_makers_seat_six_epochs_behind_loses_its_order_and_matching_goes_on() {
    for behind in 5..=6 {
        let mut desk = Desk::new(1);
        let [old, fresh, taker, other] = [1, 2, 3, 4].map(|owner| desk.join(owner, 1 << 40));
        desk.trade(old, other, 0, 500, 10);
        desk.place(old, 0, &ask(500, 3)).unwrap();
        desk.place(fresh, 0, &ask(501, 4)).unwrap();
        for _ in 0..behind {
            let env = desk.env;
            let price = PriceQ32(desk.markets[0].header.prices.mark);
            end(&mut desk.markets[0].get(), SIDE_LONG, price, &env).unwrap();
        }
        let order = orders::tree_of(&desk.markets[0].header, crate::state::OrderSide::Ask).best;
        let placed = desk.place(taker, 0, &bid(502, 6)).unwrap();
        let steps = desk.plan.steps();
        assert_eq!((steps[0].order, steps[0].removes), (order, true));
        let seat = desk.seat(old, 0);
        if behind == 5 {
            assert_eq!(steps[0].kind, StepKind::Fill);
            assert_eq!((placed.filled_lots, placed.resting_lots), (6, 0));
            assert_eq!((seat.epoch, seat.shares), (5, 7_000_000));
        } else {
            assert_eq!(steps[0].kind, StepKind::SeatBehind);
            assert_eq!((placed.filled_lots, placed.resting_lots), (4, 2));
            assert_eq!((seat.epoch, seat.shares), (0, 10_000_000));
        }
        assert_eq!((seat.orders, seat.ask_lots), (0, 0));
        assert_eq!(steps[1].kind, StepKind::Fill);
        assert_eq!(steps.len(), 2);
    }
}
