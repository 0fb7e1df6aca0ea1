//! The tree against a sorted list: after every step the two must agree and the tree must be a red-black
//! tree, with nothing else in the arena changed.

use std::vec;
use std::vec::Vec;

use bytemuck::Zeroable;

use super::*;
use crate::state::Seat;

/// Left in the links of blocks before use: an insertion must overwrite every one.
const STALE_LINK: u32 = 0xDEAD_BEEF;

/// One side of a book and what it should be: the orders in price-time priority.
struct Book {
    side: OrderSide,
    tree: Tree,
    model: Vec<u32>,
}

impl Book {
    fn new(side: OrderSide) -> Self {
        Self {
            side,
            tree: Tree::zeroed(),
            model: Vec::new(),
        }
    }

    fn is_better(&self, price: u64, other: u64) -> bool {
        match self.side {
            OrderSide::Bid => price > other,
            OrderSide::Ask => price < other,
        }
    }

    fn insert(&mut self, blocks: &mut [Block], index: u32, price: u64) {
        blocks[index as usize] = bytemuck::cast(fresh_order(self.side, index, price));
        let place = self
            .model
            .partition_point(|&i| !self.is_better(price, node(blocks, i).price));
        self.model.insert(place, index);
        insert(blocks, &mut self.tree, index);
    }

    fn remove_at(&mut self, blocks: &mut [Block], place: usize) -> u32 {
        let index = self.model.remove(place);
        let before = *node(blocks, index);
        remove(blocks, &mut self.tree, index);
        assert_eq!(
            *node(blocks, index),
            before,
            "the removed order stays as it was"
        );
        index
    }

    /// Everything that must hold after every step.
    fn check(&self, blocks: &[Block]) {
        assert_eq!(blocks[NIL as usize], Block::zeroed(), "sentinel is clean");
        assert_eq!(self.tree.orders as usize, self.model.len(), "count");
        assert_eq!(
            self.tree.best,
            self.model.first().copied().unwrap_or(NIL),
            "best"
        );
        assert_eq!(self.tree.reserved, 0);
        self.check_thread_and_payload(blocks);
        self.check_shape(blocks);
    }

    fn check_thread_and_payload(&self, blocks: &[Block]) {
        let mut prev = NIL;
        for (place, &index) in self.model.iter().enumerate() {
            let order = node(blocks, index);
            assert_eq!(order.prev, prev, "prev of {index}");
            let next = self.model.get(place + 1).copied().unwrap_or(NIL);
            assert_eq!(order.next, next, "next of {index}");
            let expected = Order {
                red: order.red,
                left: order.left,
                right: order.right,
                parent: order.parent,
                prev: order.prev,
                next: order.next,
                ..fresh_order(self.side, index, order.price)
            };
            assert_eq!(*order, expected, "only links change");
            assert!(order.red <= 1);
            prev = index;
        }
    }

    /// Walks the tree in order: links both ways, colours, black heights, depth.
    fn check_shape(&self, blocks: &[Block]) {
        let root = self.tree.root;
        assert_eq!(root == NIL, self.model.is_empty());
        assert!(!is_red(blocks, root), "root is black");
        assert_eq!(node(blocks, root).parent, NIL);
        let depth_max = 2.0 * (self.model.len() as f64 + 1.0).log2();

        let mut in_order = Vec::with_capacity(self.model.len());
        let mut black_height = None;
        let mut path: Vec<(u32, u32)> = Vec::new();
        let (mut index, mut blacks) = (root, 0);
        loop {
            while index != NIL {
                let order = node(blocks, index);
                blacks += u32::from(order.red == 0);
                path.push((index, blacks));
                assert!(
                    f64::from(depth(blocks, index)) <= depth_max,
                    "depth of {index}"
                );
                for below in [order.left, order.right] {
                    if below == NIL {
                        assert_eq!(*black_height.get_or_insert(blacks), blacks, "black height");
                    } else {
                        assert_eq!(node(blocks, below).parent, index, "parent of {below}");
                        assert!(order.red == 0 || !is_red(blocks, below), "red under red");
                    }
                }
                index = order.left;
            }
            let Some((visited, blacks_here)) = path.pop() else {
                break;
            };
            in_order.push(visited);
            assert!(
                in_order.len() <= self.model.len(),
                "a cycle or a stray order"
            );
            (index, blacks) = (node(blocks, visited).right, blacks_here);
        }
        assert_eq!(in_order, self.model, "in-order walk");
    }
}

fn depth(blocks: &[Block], mut index: u32) -> u32 {
    let mut depth = 0;
    while index != NIL {
        depth += 1;
        index = node(blocks, index).parent;
    }
    depth
}

/// An order whose every field differs from its neighbours', with links that mean nothing.
fn fresh_order(side: OrderSide, index: u32, price: u64) -> Order {
    let n = u64::from(index);
    Order {
        kind: BlockKind::Order.byte(),
        side: side.byte(),
        red: 7,
        reduce_only: 1,
        seat: index + 1_000_000,
        left: STALE_LINK,
        right: STALE_LINK,
        parent: STALE_LINK,
        prev: STALE_LINK,
        next: STALE_LINK,
        seat_prev: index + 2_000_000,
        seat_next: index + 3_000_000,
        liquidation: 0,
        price,
        sequence: n + 11,
        lots: n + 13,
        lots_placed: n + 17,
        client_id: n + 19,
        expires_at: i64::from(index) + 23,
        placed_at: i64::from(index) + 29,
        placed_slot: n + 31,
        charge_per_atom: n + 37,
        reserved: [n; 2],
    }
}

fn arena(orders: u32) -> Vec<Block> {
    vec![Block::zeroed(); orders as usize + 1]
}

/// xorshift64: each test prints the seed it runs on.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

const SIDES: [OrderSide; 2] = [OrderSide::Bid, OrderSide::Ask];

/// Both sides and some seats share one arena; orders come and go at random, few prices or many.
fn run_random(seed: u64, prices: u64, blocks_max: u32, steps: u32) {
    std::println!("seed {seed}, {prices} prices, {blocks_max} blocks");
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut blocks = arena(blocks_max);
    let seats: Vec<u32> = (1..=blocks_max).step_by(9).collect();
    for &index in &seats {
        let seat = Seat {
            kind: BlockKind::Seat.byte(),
            owner: [index as u8; 32],
            ..Seat::zeroed()
        };
        blocks[index as usize] = bytemuck::cast(seat);
    }
    let mut free: Vec<u32> = (1..=blocks_max).filter(|i| !seats.contains(i)).collect();
    let mut books = SIDES.map(Book::new);

    for step in 0..steps {
        let book = &mut books[random.below(2) as usize];
        // Waves of filling and emptying, so that the trees are seen at all sizes and empty.
        let is_rising = (step / (2 * blocks_max)).is_multiple_of(2);
        let arrivals_of_ten = if is_rising { 7 } else { 2 };
        if random.below(10) < arrivals_of_ten && !free.is_empty() {
            let index = free.swap_remove(random.below(free.len() as u64) as usize);
            book.insert(&mut blocks, index, 5_000 + random.below(prices));
        } else if !book.model.is_empty() {
            let orders = book.model.len() as u64;
            // Half of the time from the touch, as matching does.
            let is_touch = random.below(2) == 0;
            let place = random.below(if is_touch { orders.min(3) } else { orders });
            free.push(book.remove_at(&mut blocks, place as usize));
        }
        books.iter().for_each(|book| book.check(&blocks));
        for &index in &seats {
            let seat: &Seat = bytemuck::cast_ref(&blocks[index as usize]);
            assert_eq!(seat.owner, [index as u8; 32], "a seat is not touched");
        }
    }
}

#[test]
fn random_orders_of_both_sides_match_the_model() {
    for seed in 1..=12 {
        run_random(seed, [1, 4, 60, 1 << 40][seed as usize % 4], 40, 4_000);
    }
    for seed in 21..=24 {
        run_random(seed, [3, 200, 1 << 40, 900][seed as usize % 4], 400, 6_000);
    }
}

/// Every order of arrival of six orders, each emptied from every order in turn.
#[test]
fn every_small_tree_survives_every_removal() {
    const ORDERS: usize = 6;
    let mut blocks = arena(ORDERS as u32);
    for side in SIDES {
        // Six digits in base six, with repetition: equal prices are among the cases.
        for case in 0..(ORDERS as u32).pow(ORDERS as u32) {
            let prices: [u64; ORDERS] =
                core::array::from_fn(|i| u64::from(case / 6_u32.pow(i as u32) % 6) + 100);
            for first in 0..ORDERS {
                let mut book = Book::new(side);
                for (i, &price) in prices.iter().enumerate() {
                    book.insert(&mut blocks, i as u32 + 1, price);
                }
                book.check(&blocks);
                book.remove_at(&mut blocks, first);
                book.check(&blocks);
                book.remove_at(&mut blocks, first * 3 % (ORDERS - 1));
                book.check(&blocks);
            }
        }
    }
}

/// Fills to 5,000 by a rule for the price, then empties by a rule for the place.
fn run_shape(
    name: &str,
    side: OrderSide,
    price: impl Fn(u32) -> u64,
    place: impl Fn(usize) -> usize,
) {
    const ORDERS: u32 = 5_000;
    std::println!("{name}, {side:?}");
    let mut blocks = arena(ORDERS);
    let mut book = Book::new(side);
    // Every step while small, then at intervals that are coprime to the powers of two.
    let is_checked = |orders: usize| orders < 70 || orders.is_multiple_of(61);
    for index in 1..=ORDERS {
        book.insert(&mut blocks, index, price(index));
        if is_checked(book.model.len()) {
            book.check(&blocks);
        }
    }
    book.check(&blocks);
    while !book.model.is_empty() {
        let place = place(book.model.len());
        book.remove_at(&mut blocks, place);
        if is_checked(book.model.len()) {
            book.check(&blocks);
        }
    }
    assert_eq!(
        book.tree,
        Tree::zeroed(),
        "{name}: an emptied tree is a new tree"
    );
}

#[test]
fn worst_shapes_stay_within_the_depth_bound() {
    for side in SIDES {
        let (first, middle, last) = (|_| 0, |orders| orders / 2, |orders| orders - 1);
        run_shape("ascending, from the best", side, u64::from, first);
        run_shape("ascending, from the worst", side, u64::from, last);
        run_shape("ascending, from the middle", side, u64::from, middle);
        run_shape(
            "descending, from the best",
            side,
            |i| 9_000 - u64::from(i),
            first,
        );
        run_shape(
            "descending, from the worst",
            side,
            |i| 9_000 - u64::from(i),
            last,
        );
        run_shape(
            "descending, from the middle",
            side,
            |i| 9_000 - u64::from(i),
            middle,
        );
        run_shape("all the same price, from the best", side, |_| 77, first);
        run_shape("all the same price, from the worst", side, |_| 77, last);
        run_shape("all the same price, from the middle", side, |_| 77, middle);
        run_shape(
            "zigzag to the middle",
            side,
            |i| {
                if i % 2 == 0 {
                    i.into()
                } else {
                    10_000 - u64::from(i)
                }
            },
            middle,
        );
    }
}

#[test]
fn extreme_prices_keep_their_priority() {
    for side in SIDES {
        let mut blocks = arena(6);
        let mut book = Book::new(side);
        for (index, price) in [
            (1, 0),
            (2, u64::MAX),
            (3, 1 << 63),
            (4, u64::MAX),
            (5, 0),
            (6, 1),
        ] {
            book.insert(&mut blocks, index, price);
            book.check(&blocks);
        }
        let expected = match side {
            OrderSide::Bid => [2, 4, 3, 6, 1, 5],
            OrderSide::Ask => [1, 5, 6, 3, 2, 4],
        };
        assert_eq!(book.model, expected);
    }
}

#[test]
fn an_order_goes_behind_its_price_on_every_path() {
    // One order at each of 100, 102, …: new best, behind the best, second, and by descent.
    for (price, place) in [
        (99, 0),
        (100, 1),
        (101, 1),
        (102, 2),
        (110, 6),
        (111, 6),
        (118, 10),
        (119, 10),
    ] {
        let mut blocks = arena(11);
        let mut book = Book::new(OrderSide::Ask);
        for index in 1..=10 {
            book.insert(&mut blocks, index, 98 + 2 * u64::from(index));
        }
        book.insert(&mut blocks, 11, price);
        assert_eq!(book.model[place], 11);
        book.check(&blocks);
    }
}
