//! Uniform deleveraging of two seats and of two thousand: the same cost, the same fraction, the same charge (rows
//! 12, 16, 17).

use plimsoll_engine::state::{Seat, BLOCK_DEPOSIT_LAMPORTS, BLOCK_SIZE, MARKET_HEADER_SIZE};
use plimsoll_testkit::{MarketSpec, World};
use solana_pubkey::Pubkey;

use super::losses_scenes::{torn_up, trade, AVAX, RICH, USDC};

/// Ann, who will be broke, long 10,000 lots and len long 14,000 against bob's 24,000 short.
fn base_scene(blocks: u32) -> World {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset(AVAX).blocks(blocks));
    world.trader("ann", 222 * USDC, &[AVAX]);
    for name in ["bob", "len"] {
        world.trader(name, RICH, &[AVAX]);
    }
    trade(&mut world, AVAX, "bob", "ann", 20_000, 10_000);
    trade(&mut world, AVAX, "bob", "len", 20_000, 14_000);
    world.keeper();
    world
}

/// Divides bob's position and claim among `count` more seats, behind the program's back: claiming two thousand
/// takes minutes. Shares and claims of the side stay the same to the atom.
fn divide(world: &mut World, count: u32) {
    let whole = world.seat("bob", AVAX);
    let parts = u64::from(count) + 1;
    let (shares, quote) = (
        whole.shares / parts,
        whole.quote / i64::try_from(parts).unwrap(),
    );
    let first = world.market(AVAX).header.arena.fresh;
    world.change_seat("bob", AVAX, |seat| {
        seat.shares -= shares * u64::from(count);
        seat.quote -= quote * i64::from(count);
    });
    world.change_header(AVAX, |header| {
        header.arena.fresh += count;
        header.arena.seats += count;
        header.arena.reserved_blocks += 2 * count;
        header.sides[1].seats += count;
    });
    let address = world.market_address(AVAX);
    world.change_account(&address, |account| {
        account.lamports += u64::from(2 * count) * BLOCK_DEPOSIT_LAMPORTS;
        for number in 0..count {
            let seat = Seat {
                shares,
                quote,
                order_slots: 1,
                orders: 0,
                generation: number,
                owner: Pubkey::new_unique().to_bytes(),
                ..whole
            };
            let at = MARKET_HEADER_SIZE + usize::try_from(first + number).unwrap() * BLOCK_SIZE;
            account.data[at..at + BLOCK_SIZE].copy_from_slice(bytemuck::bytes_of(&seat));
        }
    });
    world.assert_sound();
}

/// Position and worth at the mark of every short.
fn shorts(world: &World) -> Vec<(u32, i64, i64)> {
    let market = world.market(AVAX);
    let mark = i128::from(market.header.prices.mark);
    let held = |seat: &Seat| market.holding(seat).unwrap();
    market
        .seats()
        .filter(|(_, seat)| seat.side == 1 && held(seat).base != 0)
        .map(|(index, seat)| {
            let held = held(seat);
            let value = (i128::from(held.base) * mark) >> 32;
            (index, held.base, held.quote + i64::try_from(value).unwrap())
        })
        .collect()
}

struct Event {
    units: u64,
    before: Vec<(u32, i64, i64)>,
    after: Vec<(u32, i64, i64)>,
}

fn event(seats: u32) -> Event {
    let mut world = base_scene(13 + 3 * 17 + 2 * seats);
    if seats > 1 {
        divide(&mut world, seats - 1);
    }
    world.move_index(AVAX, 15_000);
    let before = shorts(&world);
    assert_eq!(before.len(), usize::try_from(seats).unwrap());
    let sent = world.clone().tear_up("ann", AVAX).unwrap();
    let receipt = torn_up(&mut world, "ann", AVAX);
    assert!(receipt.charged > 0 && receipt.carried == 0);
    world.assert_sound();
    Event {
        units: sent.units,
        before,
        after: shorts(&world),
    }
}

#[test]
fn attack_17_two_seats_and_two_thousand_cost_the_same() {
    let [few, many] = [event(2), event(2_000)];
    println!("{} and {} units", few.units, many.units);
    assert!(few.units.abs_diff(many.units) * 100 <= few.units);
}

#[test]
fn attack_12_two_thousand_seats_meet_one_fraction_and_one_charge() {
    let [whole, many] = [event(1), event(2_000)];
    let [(_, held, worth)] = whole.before[..] else {
        panic!("one short");
    };
    let [(_, left, kept)] = whole.after[..] else {
        panic!("one short");
    };
    let mut total = 0;
    for (was, is) in many.before.iter().zip(&many.after) {
        assert_eq!(was.0, is.0);
        // |base'| · held = left · |base| but for the atom that is dropped, and the charge likewise.
        let scaled = i128::from(is.1) * i128::from(held) - i128::from(left) * i128::from(was.1);
        assert!(scaled.abs() <= i128::from(held.abs()) * 2, "seat {}", was.0);
        let charge = was.2 - is.2;
        let share = i128::from(worth - kept) * i128::from(was.1) / i128::from(held);
        assert!(
            i128::from(charge) >= share - 1,
            "seat {} pays too little",
            was.0
        );
        assert!(
            i128::from(charge) <= share + 3,
            "seat {} pays too much",
            was.0
        );
        total += charge;
    }
    let loss = worth - kept;
    assert!(
        total >= loss - 2 && total <= loss + 3 * 2_000,
        "{total} {loss}"
    );
}
