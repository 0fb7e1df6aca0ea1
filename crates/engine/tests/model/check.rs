//! What must hold after every step.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use plimsoll_engine::book::{arena, orders};
use plimsoll_engine::cash::{self, unaged_gain};
use plimsoll_engine::state::{OrderSide, NIL};
use plimsoll_engine::{position, EngineError};

use super::ledger::{big, ceil, exact_value, unit, value, SeatModel};
use super::{shares, World};

impl World {
    pub fn check(&mut self) {
        self.check_custody();
        self.check_credit();
        for market in 0..self.markets.len() {
            self.check_gains(market);
            self.check_book(market);
            self.check_positions(market);
            self.check_claims(market);
            self.markets[market].check_halt(self.env.now);
            self.check_unchangeable(market);
            self.check_indicative(market);
        }
        self.check_deposit();
    }

    /// INV-1: what the shards hold is what is owed, and nobody's cash is negative. INV-9: the treasury has
    /// its part of ordinary fees and nothing else.
    fn check_custody(&self) {
        let mut owed = big(self.fund.balance) + self.fund.keeper_pool + self.fund.treasury;
        for (account, model) in self.accounts.iter().zip(&self.cash) {
            let cash = big(account.collateral) + account.credit_principal;
            assert!(cash >= big(0), "INV-1: cash is negative");
            assert_eq!(big(account.collateral), model.collateral);
            assert_eq!(big(account.credit_principal), model.credit);
            assert_eq!(big(account.credit_interest), model.interest);
            assert_eq!(big(account.lien), model.lien);
            assert_eq!(
                big(unaged_gain(account, self.env.now)),
                model.unaged(self.env.now)
            );
            let locked = account.gain_newest + account.gain_previous;
            assert!(i128::from(locked) <= i128::from(account.collateral.max(0)));
            owed += cash;
        }
        for market in &self.markets {
            let cash = &market.header.cash;
            assert_eq!(big(cash.pool), market.pool);
            assert_eq!(big(cash.fees_accrued), market.fees);
            assert_eq!(big(cash.liquidation_fees_accrued), market.liquidation_fees);
            assert_eq!(big(cash.contributions_accrued), market.contributions);
            assert_eq!(big(cash.deficit), market.deficit);
            owed += cash.pool;
        }
        assert_eq!(owed, self.tokens, "INV-1: custody");
        let earned = big(self.fund.treasury_total);
        assert_eq!(earned, self.treasury_total, "INV-9: treasury");
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

    /// INV-2, each seat against its model, and each side against its seats.
    fn check_positions(&self, market: usize) {
        let state = &self.markets[market];
        let header = &state.header;
        let drift = shares::drift(header);
        let mut held = [big(0), big(0)];
        let mut seats = [0_u32; 2];
        let mut current = [0_u32; 2];
        let mut waiting: BTreeMap<(u8, u32), u32> = BTreeMap::new();
        for (account, model) in &state.seats {
            let seat = state.seat(self.seat_index(*account, market).unwrap());
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
            held[usize::from(seat.side)] += model.base.abs();
            if seat.shares == 0 {
                continue;
            }
            let side = &header.sides[usize::from(seat.side)];
            seats[usize::from(seat.side)] += 1;
            if seat.epoch == side.epoch {
                current[usize::from(seat.side)] += 1;
            } else {
                *waiting.entry((seat.side, seat.epoch)).or_default() += 1;
            }
        }
        let apart = (&held[0] - &held[1]).magnitude().clone();
        assert!(
            big(apart) <= drift,
            "INV-2: longs {} against shorts {}, drift {drift}",
            held[0],
            held[1]
        );
        let mut kept = 0;
        for (number, side) in header.sides.iter().enumerate() {
            let open = shares::open_interest(header, number);
            assert!(open >= held[number], "a side is smaller than its seats");
            assert!(&open - &held[number] <= drift, "a side outgrew its drift");
            assert_eq!(
                (side.seats, side.seats - side.seats_behind),
                (seats[number], current[number])
            );
            let ends = shares::ends(&state.blocks, number as u8);
            assert_eq!(side.ends as usize, ends.len());
            kept += ends.len();
            let mut newer = None;
            for (epoch, (index, end)) in ends.iter().rev() {
                let waits = waiting.remove(&(number as u8, *epoch)).unwrap_or(0);
                assert_eq!(end.seats, waits, "seats of a kept end");
                assert_eq!(end.newer, newer.unwrap_or(NIL));
                newer = Some(*index);
            }
            assert_eq!(side.oldest_end, newer.unwrap_or(NIL));
        }
        assert!(waiting.is_empty(), "a seat's end is gone");
        let fills = header.cash.fills_total;
        assert_eq!(fills, state.fills, "a fill out of its time");
        let arena = &header.arena;
        assert!(arena.orders + arena.seats + (kept as u32) < arena.capacity);
        if header.losses.receipts == 0 {
            assert!(held[0] <= big(header.params.open_interest_max));
        }
    }

    /// INV-4, of one step: each seat is worth no more than what the step exactly gave it, its fraction of a
    /// base atom included, and less by a few roundings at most. A new long's fraction may have grown.
    ///
    /// The model takes the engine's exact values (shares × scale and shares × cash index unrounded) at the
    /// end of each step, so that the inequalities of all steps add up to one over the whole sequence.
    fn check_gains(&mut self, market: usize) {
        let entries = self.entries(market);
        let state = &mut self.markets[market];
        let mark = state.header.prices.mark;
        let atom = ceil(big(mark.max(state.highest_mark)), big(1) << 32);
        let bound = unit() * (&atom * 3 + 4);
        for (account, index) in &entries {
            let raw = state.seat(*index);
            let read = shares::read(&state.header, &state.blocks, &raw);
            let model = &state.seats[account];
            let found = SeatModel {
                base: read.base,
                hidden: read.hidden,
                quote: read.quote,
                claimed: read.claimed,
                shares: read.shares,
                behind: read.behind,
                short: raw.side == 1,
                entered: false,
                roundings: 0,
                ..model.clone()
            };
            assert_eq!(found.base, model.base, "account {account}");
            let mut gained = found.wealth(mark) - model.wealth(mark);
            if model.entered && !found.short {
                gained -= exact_value(&found.hidden, mark);
            }
            assert!(
                gained <= big(0),
                "INV-4: account {account} gained {gained} by rounding"
            );
            let fills = unit() * (&atom * 2 + 2) * model.roundings;
            assert!(
                -&gained < &bound + fills,
                "account {account} lost more than rounded"
            );
            let engine = position::held(&state.get().as_ref(), &raw);
            match engine {
                Ok(held) => assert_eq!(
                    (i128::from(held.base), big(held.quote)),
                    (found.base, found.claimed.clone())
                ),
                Err(error) => assert!(error == EngineError::EpochBehind && found.behind > 5),
            }
            *state.seats.get_mut(account).unwrap() = found;
        }
    }

    /// INV-3: the pool and what it waits for hold every claim; before the first loss event whatever the
    /// mark, afterwards up to the drift at the highest mark.
    fn check_claims(&mut self, market: usize) {
        let state = &mut self.markets[market];
        let now = state.header.prices.mark;
        let losses = state.header.losses.receipts != 0;
        if losses {
            state.highest_mark = state.highest_mark.max(now);
        }
        let claims: BigInt = state.seats.values().map(|seat| &seat.claimed).sum();
        let fees = &state.fees + &state.liquidation_fees + &state.contributions;
        let cash = &state.pool + &state.deficit - fees - claims;
        let atom = ceil(big(state.highest_mark), big(1) << 32);
        let least = -shares::drift(&state.header) * atom;
        let marks = if losses {
            vec![now]
        } else {
            vec![1, now / 3, now, now * 2, 1 << 44]
        };
        for mark in marks {
            let owed: BigInt = state
                .seats
                .values()
                .map(|seat| value(seat.base, mark))
                .sum();
            let residue = &cash - owed;
            assert!(
                residue >= least,
                "INV-3: residue {residue} at {mark}, least {least}"
            );
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
