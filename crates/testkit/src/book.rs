//! Deep books, made by the program itself: many members, each with a batch of orders at a time.

use plimsoll_client::OrderArgs;
use plimsoll_engine::state::OrderSide;

use crate::orders::{ask, bid, OrderExt};
use crate::world::World;

/// Most orders of one `place_orders`.
const BATCH: usize = 16;
/// Most orders of one seat.
const SEAT_ORDERS: usize = 64;

impl World {
    /// Rests `orders` orders a side of `lots` each, priced over `levels` ticks on either side of `middle`, by
    /// as many members as their slots ask for. Prices are visited in a scattered order, so that the tree is
    /// not built by appending. Returns how many members were added: `"maker-0"`, `"maker-1"`, ...
    pub fn deep_book(&mut self, symbol: &str, orders: usize, levels: u64, lots: u64) -> usize {
        let middle = self.handle(symbol).price_ticks;
        let first = self.market(symbol).header.arena.seats;
        let mut members = 0;
        for side in [OrderSide::Bid, OrderSide::Ask] {
            let all: Vec<OrderArgs> = (0..orders)
                .map(|number| resting(side, middle, scattered(number, levels), lots))
                .collect();
            for (number, chunk) in all.chunks(SEAT_ORDERS).enumerate() {
                let name = format!("maker-{side:?}-{first}-{number}").to_lowercase();
                self.create_margin_account(&name).unwrap();
                self.deposit(&name, 10_000_000_000_000).unwrap();
                self.claim_seat(&name, symbol, 64).unwrap();
                for batch in chunk.chunks(BATCH) {
                    self.place_many(&name, symbol, batch).unwrap();
                }
                members += 1;
            }
        }
        members
    }
}

/// Distance from the middle, 1..=levels: a walk by a step that is prime to most numbers of levels.
fn scattered(number: usize, levels: u64) -> u64 {
    let number = u64::try_from(number).unwrap();
    1 + number.wrapping_mul(7_919) % levels
}

fn resting(side: OrderSide, middle: u64, distance: u64, lots: u64) -> OrderArgs {
    match side {
        OrderSide::Bid => bid(middle - distance, lots),
        OrderSide::Ask => ask(middle + distance, lots),
    }
    .post_only()
}
