//! What must hold after every step.

use num_bigint::BigInt;
use plimsoll_engine::book::{arena, orders};
use plimsoll_engine::cash::{self, unaged_gain};
use plimsoll_engine::math::join_unsigned;
use plimsoll_engine::position;
use plimsoll_engine::state::{OrderSide, NIL};

use super::ledger::{big, unit, value};
use super::World;

impl World {
    pub fn check(&mut self) {
        self.check_custody();
        for market in 0..self.markets.len() {
            self.check_book(market);
            self.check_positions(market);
            self.check_claims(market);
        }
        self.check_deposit();
    }

    /// INV-1: what the shards hold is what is owed, and nobody's cash is negative.
    fn check_custody(&self) {
        let mut owed = big(self.fund.balance) + self.fund.keeper_pool + self.fund.treasury;
        for (account, model) in self.accounts.iter().zip(&self.cash) {
            assert!(account.collateral >= 0, "INV-1: cash is negative");
            assert_eq!(big(account.collateral), model.collateral);
            assert_eq!(
                big(unaged_gain(account, self.env.now)),
                model.unaged(self.env.now)
            );
            let locked = account.gain_newest + account.gain_previous;
            assert!(i128::from(locked) <= i128::from(account.collateral));
            owed += account.collateral;
        }
        for market in &self.markets {
            let header = &market.header;
            assert_eq!(big(header.cash.pool), market.pool);
            assert_eq!(big(header.cash.fees_accrued), market.fees);
            assert_eq!(header.cash.deficit, 0);
            owed += header.cash.pool;
        }
        assert_eq!(owed, self.tokens, "INV-1: custody");
    }

    /// Every order of the naive book, in its order, and nothing else.
    fn check_book(&self, market: usize) {
        let state = &self.markets[market];
        let mut count = 0;
        for (side, bid) in [(OrderSide::Bid, true), (OrderSide::Ask, false)] {
            let mut cursor = orders::tree_of(&state.header, side).best;
            for expected in state.book.side(bid) {
                let order = arena::order(&state.blocks, cursor).unwrap();
                let seat = self.seat_index(expected.account, market);
                assert_eq!(
                    (
                        cursor,
                        order.price,
                        order.sequence,
                        order.lots,
                        Some(order.seat)
                    ),
                    (
                        expected.block,
                        expected.price,
                        expected.sequence,
                        expected.lots,
                        seat
                    )
                );
                cursor = order.next;
                count += 1;
            }
            assert_eq!(cursor, NIL, "the book holds more than the model");
        }
        let arena = state.header.arena;
        assert_eq!(
            (arena.orders, arena.seats),
            (count, state.seats.len() as u32)
        );
        let reserved: usize = state.seats.values().map(|seat| seat.slots + 1).sum();
        assert_eq!(arena.reserved_blocks as usize, reserved);
    }

    /// INV-2, and each seat against its model.
    fn check_positions(&self, market: usize) {
        let state = &self.markets[market];
        let (mut longs, mut shorts) = (0, 0);
        for (account, model) in &state.seats {
            let seat = state.seat(self.seat_index(*account, market).unwrap());
            let held = position::holding(&seat, &state.header.sides).unwrap();
            assert_eq!(i128::from(held.base), model.base);
            assert_eq!(
                (seat.bid_lots, seat.ask_lots, seat.bid_high, seat.ask_low),
                (
                    model.bid_lots,
                    model.ask_lots,
                    model.bid_high,
                    model.ask_low
                )
            );
            assert_eq!(usize::from(seat.orders), state.book.of(*account).len());
            longs += model.base.max(0);
            shorts += (-model.base).max(0);
        }
        assert_eq!(longs, shorts, "INV-2: longs and shorts");
        let [long, short] = &state.header.sides;
        assert_eq!(join_unsigned(long.shares), longs as u128);
        assert_eq!(join_unsigned(short.shares), shorts as u128);
        assert!(longs <= i128::from(state.header.params.open_interest_max));
    }

    /// INV-3 and INV-4: nobody's claim is above the exact one, none is further below it than its
    /// roundings, and the pool holds every claim whatever the mark.
    fn check_claims(&self, market: usize) {
        let state = &self.markets[market];
        let pending = state.seats.len();
        let mut quotes: Vec<(i128, BigInt)> = Vec::new();
        for (account, model) in &state.seats {
            let claimed = self.claimed(*account, market);
            let lost = &model.quote - &claimed * unit();
            assert!(
                lost >= big(0),
                "INV-4: account {account} gained by rounding"
            );
            let bound = unit() * (model.roundings + 1);
            assert!(lost < bound, "more was lost than rounded");
            quotes.push((model.base, claimed));
        }
        let total: BigInt = quotes.iter().map(|(_, quote)| quote).sum();
        let residue = &state.pool - &state.fees - &total;
        assert!(residue >= big(0), "INV-3: residue {residue}");
        assert!(
            residue <= big(state.roundings) + pending,
            "INV-3: residue {residue}"
        );
        let now = state.header.prices.mark;
        for mark in [1, now / 3, now, now * 2, 1 << 44] {
            let owed: BigInt = quotes
                .iter()
                .map(|(base, quote)| value(*base, mark) + quote)
                .sum();
            let left = &state.pool - &state.fees - owed;
            assert!(left >= residue, "INV-3: the pool lacks {left} at {mark}");
            assert!(left <= &residue + quotes.len());
        }
    }

    /// INV-8: whoever it is, whatever the state.
    fn check_deposit(&mut self) {
        let account = self.random.below(self.accounts.len() as u64) as usize;
        let mut copy = self.accounts[account];
        cash::deposit(&mut copy, 1).expect("INV-8: a deposit was refused");
        assert_eq!(copy.collateral, self.accounts[account].collateral + 1);
    }
}
