//! The pit: a market whose seats trade by hand, with big-integer views of everything that it holds.
//!
//! Nothing here calls the walk of the module under test to know what a seat holds: a seat's position is
//! recomputed from the recorded ends, found by scanning the arena.
#![allow(clippy::unwrap_used)]

use std::vec;
use std::vec::Vec;

use bytemuck::Zeroable;
use num_bigint::BigInt;

use crate::adl::{self, LossEvent, Receipt};
use crate::book::arena::{self, MarketMut, MarketRef};
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::funding::{self, FundingOutcome};
use crate::math::{join_signed, join_unsigned};
use crate::position::{self, SeatFill};
use crate::seats::tests::{params, NOW};
use crate::seats::{self, MarketIdentity, SeatAddresses};
use crate::state::{
    Block, BlockKind, EpochEnd, MarginAccount, MarketHeader, MarketStatus, OrderSide, Seat, NIL,
    SIDE_SHORT,
};
use crate::units::PriceQ32;
use crate::Env;

pub(crate) const MARKET: [u8; 32] = [0xF7; 32];

pub(crate) fn big(value: impl Into<BigInt>) -> BigInt {
    value.into()
}

/// ⌊a / b⌋ for any signs; `/` of big integers truncates.
pub(crate) fn floor(a: &BigInt, b: &BigInt) -> BigInt {
    let (a, b) = if *b < big(0) {
        (-a, -b)
    } else {
        (a.clone(), b.clone())
    };
    let rest = ((&a % &b) + &b) % &b;
    (a - rest) / b
}

/// ⌈a / b⌉ for any signs.
pub(crate) fn ceil(a: &BigInt, b: &BigInt) -> BigInt {
    -floor(&-a, b)
}

/// ⌈price of one base atom⌉, quote atoms.
pub(crate) fn atom(price: u64) -> BigInt {
    ceil(&big(price), &(big(1) << 32))
}

/// What a seat holds, recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// Shares of the side's running epoch.
    pub shares: BigInt,
    /// Base atoms, signed.
    pub base: BigInt,
    /// Claim, quote atoms.
    pub quote: BigInt,
}

#[derive(Clone)]
pub(crate) struct Pit {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
    pub seats: Vec<u32>,
    pub env: Env,
}

impl Pit {
    /// A market whose arena has exactly the sentinel, the reserve of epoch ends, `spare` more blocks and
    /// `seats` seats with one order slot, all of them flat.
    pub(crate) fn new(seats: usize, spare: u32, mark: u64) -> Self {
        let capacity = 1 + arena::EPOCH_BLOCKS + spare + 2 * seats as u32;
        let env = Env { now: NOW, slot: 7 };
        let identity = MarketIdentity {
            number: 1,
            symbol: *b"PIT-PERP\0\0\0\0\0\0\0\0",
            exchange: [0xE0; 32],
            mark_account: [0xD0; 32],
            mark_bump: 254,
            capacity,
            timelock_seconds: 0,
        };
        let mut header = MarketHeader::zeroed();
        seats::create_market(&mut header, &identity, &params(), &env).unwrap();
        header.status = MarketStatus::Active.byte();
        let mut pit = Self {
            header,
            blocks: vec![Block::zeroed(); capacity as usize],
            seats: Vec::new(),
            env,
        };
        pit.mark(mark);
        for number in 0..seats {
            let mut account = MarginAccount::zeroed();
            let addresses = SeatAddresses {
                market: MARKET,
                margin_account: owner(number),
            };
            let claimed = seats::claim(&mut pit.market(), &mut account, &addresses, 1).unwrap();
            pit.seats.push(claimed.seat);
        }
        pit
    }

    /// Index and mark, fresh; Q.32.
    pub(crate) fn mark(&mut self, price: u64) {
        let prices = &mut self.header.prices;
        (prices.mark, prices.index) = (price, price);
        (prices.mark_time, prices.index_time) = (self.env.now, self.env.now);
    }

    pub(crate) fn price(&self) -> PriceQ32 {
        PriceQ32(self.header.prices.mark)
    }

    pub(crate) fn market(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }

    pub(crate) fn read(&self) -> MarketRef<'_> {
        MarketRef {
            header: &self.header,
            blocks: &self.blocks,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = bytemuck::bytes_of(&self.header).to_vec();
        bytes.extend_from_slice(bytemuck::cast_slice(&self.blocks));
        bytes
    }

    pub(crate) fn seat(&self, who: usize) -> Seat {
        *arena::seat(&self.blocks, self.seats[who]).unwrap()
    }

    pub(crate) fn seat_mut(&mut self, who: usize) -> &mut Seat {
        arena::seat_mut(&mut self.blocks, self.seats[who]).unwrap()
    }

    pub(crate) fn side(&self, short: bool) -> crate::state::Side {
        self.header.sides[usize::from(short)]
    }

    pub(crate) fn catch_up(&mut self, who: usize) -> Result<()> {
        let index = self.seats[who];
        epochs::catch_up(&mut self.market(), index)
    }

    /// Block of the end of the seat's epoch, wherever it lies.
    pub(crate) fn hint(&self, who: usize) -> u32 {
        let seat = self.seat(who);
        self.end_block(seat.side, seat.epoch).unwrap_or(NIL)
    }

    pub(crate) fn end_block(&self, side: u8, epoch: u32) -> Option<u32> {
        let found = self.blocks.iter().position(|block| {
            block
                .view::<EpochEnd>()
                .is_some_and(|end| end.side == side && end.epoch == epoch)
        });
        found.map(|index| index as u32)
    }

    pub(crate) fn sync(&mut self, who: usize) -> Result<()> {
        let (index, hint) = (self.seats[who], self.hint(who));
        epochs::sync(&mut self.market(), index, &owner(who), hint)
    }

    /// Walks the seat to the running epoch by as many touches as it takes.
    pub(crate) fn wake(&mut self, who: usize) {
        while epochs::is_behind(&self.header, &self.seat(who)) {
            self.sync(who).unwrap();
        }
    }

    fn fill(&mut self, who: usize, side: OrderSide, base: u64, cash: u64) -> Result<()> {
        self.catch_up(who)?;
        let (mark, now) = (self.price(), self.env.now);
        let fill = SeatFill {
            side,
            base,
            cash,
            fee: 0,
        };
        let seat = arena::seat_mut(&mut self.blocks, self.seats[who])?;
        position::fill(seat, &mut self.header.sides, &fill, mark, now)
    }

    /// `buyer` buys `base` atoms from `seller` at the mark, rounded to an atom of cash.
    pub(crate) fn trade(&mut self, buyer: usize, seller: usize, base: u64) {
        let cash = self.price().value_floor(base).unwrap();
        self.fill(buyer, OrderSide::Bid, base, cash).unwrap();
        self.fill(seller, OrderSide::Ask, base, cash).unwrap();
    }

    /// A loss event of `who` at the mark. An error leaves every byte of the market as it was.
    pub(crate) fn lose(&mut self, who: usize, deficit: u64, from_fund: u64) -> Result<Receipt> {
        let event = LossEvent {
            price: self.price(),
            deficit,
            from_default_fund: from_fund,
        };
        let (index, env) = (self.seats[who], self.env);
        let mut caught_up = self.clone();
        let walks = caught_up.catch_up(who);
        epochs::make_room(&mut caught_up.market()).unwrap();
        let outcome = adl::execute(&mut self.market(), &MARKET, index, &event, &env);
        if outcome.is_err() && walks.is_ok() {
            assert!(
                self.bytes() == caught_up.bytes(),
                "an error wrote something"
            );
        }
        outcome
    }

    /// Charges `seconds` of funding at a premium, Q.32, and ends what is due.
    pub(crate) fn fund(&mut self, premium: i64, seconds: i64) -> FundingOutcome {
        let prices = &mut self.header.prices;
        prices.premium_ema = premium;
        self.env.now += seconds;
        self.env.slot += 2;
        (prices.index_time, prices.funding_time) = (self.env.now, self.env.now - seconds);
        let (params, halt) = (self.header.params, self.header.halt);
        let header = &mut self.header;
        let outcome = funding::accrue(
            &mut header.sides,
            &mut header.prices,
            &params,
            &halt,
            self.env.now,
        )
        .unwrap();
        let env = self.env;
        epochs::end_due(&mut self.market(), &env).unwrap();
        outcome
    }

    /// The seat as the recorded ends and the running epoch make it, at the present mark.
    pub(crate) fn held(&self, who: usize) -> Held {
        let seat = self.seat(who);
        let side = self.side(seat.side == SIDE_SHORT);
        let mut shares = big(seat.shares);
        let mut quote = big(seat.quote);
        if seat.shares == 0 {
            return Held {
                shares,
                base: big(0),
                quote,
            };
        }
        let sign = if seat.side == SIDE_SHORT { -1 } else { 1 };
        let one: BigInt = big(1) << 62;
        let unit: BigInt = big(1) << 64;
        let mut snapshot = big(join_signed(seat.cash_index));
        for epoch in seat.epoch..side.epoch {
            let end = self.end_block(seat.side, epoch).expect("an end was freed");
            let end = arena::epoch_end(&self.blocks, end).unwrap();
            let delta = big(join_signed(end.cash_index)) - &snapshot;
            quote += floor(&(sign * &shares * delta), &unit);
            let product = &shares * end.scale;
            if sign < 0 && &product % &one != big(0) {
                quote -= atom(end.price.max(self.header.prices.mark));
            }
            shares = product / &one;
            snapshot = big(0);
        }
        let delta = big(join_signed(side.cash_index)) - snapshot;
        quote += floor(&(sign * &shares * delta), &unit);
        let base = sign * (&shares * side.scale / one);
        Held {
            shares,
            base,
            quote,
        }
    }

    /// Base of longs less base of shorts.
    pub(crate) fn imbalance(&self) -> BigInt {
        (0..self.seats.len()).map(|who| self.held(who).base).sum()
    }

    /// INV-3's residue, exact, in 2^-32 quote atoms.
    pub(crate) fn residue(&self) -> BigInt {
        let cash = &self.header.cash;
        let mut left = big(cash.pool) + cash.deficit - cash.fees_accrued;
        let mut base = big(0);
        for who in 0..self.seats.len() {
            let held = self.held(who);
            left -= held.quote;
            base += held.base;
        }
        (left << 32) - base * self.header.prices.mark
    }

    /// All of `check_books`, and INV-2.
    pub(crate) fn check(&self) {
        self.check_books();
        let imbalance = self.imbalance();
        let drift = big(epochs::drift(&self.header));
        assert!(
            imbalance <= drift && -&imbalance <= drift,
            "INV-2: {imbalance} of {drift}"
        );
    }

    /// Counters, links, blocks, N ≥ Σ n, open interest and bounds.
    pub(crate) fn check_books(&self) {
        for short in [false, true] {
            self.check_side(short);
        }
        let ends = self.count(BlockKind::EpochEnd);
        let used = self.header.arena.seats as usize + ends;
        assert_eq!(used, self.count(BlockKind::Seat) + ends);
        let free = self.header.arena.fresh as usize - 1 - used;
        let mut cursor = self.header.arena.free_head;
        for _ in 0..free {
            assert_ne!(cursor, NIL, "the free list is short");
            cursor = self.blocks[cursor as usize].next_free;
        }
        assert_eq!(cursor, NIL, "the free list is long");
    }

    fn count(&self, kind: BlockKind) -> usize {
        let kind = kind.byte();
        self.blocks
            .iter()
            .filter(|block| block.kind == kind)
            .count()
    }

    fn check_side(&self, short: bool) {
        let side = self.side(short);
        let on_side: Vec<usize> = (0..self.seats.len())
            .filter(|who| {
                let seat = self.seat(*who);
                seat.shares != 0 && (seat.side == SIDE_SHORT) == short
            })
            .collect();
        assert_eq!(side.seats as usize, on_side.len(), "seats of a side");
        let at = |epoch: u32| {
            let there = |who: &&usize| self.seat(**who).epoch == epoch;
            on_side.iter().filter(there).count() as u32
        };
        assert_eq!(
            side.seats - side.seats_behind,
            at(side.epoch),
            "seats of the epoch"
        );
        let shares = big(join_unsigned(side.shares));
        let held: BigInt = on_side.iter().map(|who| self.held(*who).shares).sum();
        assert!(shares >= held, "N is less than the sum over its seats");
        assert!(shares - &held <= big(side.carried), "carried is no bound");
        let base: BigInt = on_side.iter().map(|who| self.held(*who).base).sum();
        let base = if short { -base } else { base };
        assert!(base <= big(side.open_interest()), "attack 15");
        assert!(side.scale >= epochs::SCALE_MIN);
        // The chain of ends, from the oldest to the newest.
        let (mut cursor, mut older, mut count) = (side.oldest_end, NIL, 0);
        let mut waited_for = false;
        while cursor != NIL {
            let end = arena::epoch_end(&self.blocks, cursor).unwrap();
            assert_eq!((end.older, end.side), (older, u8::from(short)));
            assert_eq!(end.seats, at(end.epoch), "seats of an end");
            waited_for |= end.seats != 0;
            let contiguous = end.epoch == side.epoch - side.ends + count;
            assert!(contiguous || !waited_for, "an end is missing");
            (older, cursor, count) = (cursor, end.newer, count + 1);
        }
        assert_eq!((older, count), (side.newest_end, side.ends));
    }
}

pub(crate) fn owner(who: usize) -> [u8; 32] {
    let mut key = [0x40; 32];
    key[..8].copy_from_slice(&(who as u64).to_le_bytes());
    key
}

/// Repeats itself from its seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// From one to 2^bits, every magnitude as likely.
    pub(crate) fn size(&mut self, bits: u64) -> u64 {
        let most = 1 << self.between(1, bits);
        1 + self.below(most)
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// The error that a step must give.
pub(crate) fn refused<T: core::fmt::Debug>(outcome: Result<T>) -> EngineError {
    outcome.unwrap_err()
}
