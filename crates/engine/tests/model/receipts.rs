//! What uniform events do to every seat (INV-5), and what they leave: remainders, and seats that are behind.

use plimsoll_engine::adl::Receipt;
use plimsoll_engine::liquidation::{self, Leg};
use plimsoll_engine::state::MarketHeader;
use plimsoll_engine::{epochs, EngineError};

use super::halts::Deed;
use super::ledger::{big, ceil, exact_value, floor, unit};
use super::orders::fee;
use super::shares::{self, signed_wide, split, wide};
use super::standing::Answer;
use super::{address_of, World};

impl World {
    /// The receipt says what spec §13 says.
    pub fn check_receipt(
        &mut self,
        account: usize,
        market: usize,
        before: &MarketHeader,
        receipt: &Receipt,
    ) {
        let after = self.markets[market].header;
        let seat = &self.markets[market].seats[&account];
        let own = usize::from(seat.short);
        let (other, long) = (1 - own, own == 1);
        let side = &before.sides[other];
        let open = shares::open_interest(before, other);
        let price = big(before.prices.mark);
        assert_eq!(usize::from(receipt.side), other);
        assert_eq!(big(receipt.price), price);
        assert_eq!(big(receipt.quantity), big(seat.base.abs()));
        assert_eq!(
            (
                receipt.scale_before,
                receipt.cash_index_before,
                receipt.shares_before
            ),
            (side.scale, side.cash_index, side.shares)
        );
        assert_eq!(big(receipt.open_interest_before), open);
        let uncovered = big(receipt.deficit) - receipt.from_default_fund;
        let most = floor(&open * &price, big(1) << 32);
        let charged = uncovered.clone().min(most);
        assert_eq!(big(receipt.charged), charged);
        assert_eq!(big(receipt.carried), &uncovered - &charged);
        let mut index = signed_wide(side.cash_index);
        let sign = if long { -1 } else { 1 };
        if charged != big(0) {
            index += ceil(&charged << 64, wide(side.shares)) * sign;
        }
        let left = if seat.base == 0 {
            open.clone()
        } else {
            open.clone().min(shares::open_interest(&after, own))
        };
        let mut scale = big(side.scale);
        if left < open {
            scale = floor(&scale * left, open.clone());
            let paid = (big(side.scale) - &scale) * &price;
            index += if long {
                floor(paid, 1 << 30)
            } else {
                ceil(paid, 1 << 30)
            };
        }
        assert_eq!(big(receipt.scale_after), scale);
        assert_eq!(signed_wide(receipt.cash_index_after), index);
        let bound = &scale << 15;
        let due = scale < big(1) << 48 || big(index.magnitude().clone()) >= bound;
        assert_eq!(receipt.epoch_ended == 1, due && open != big(0));
        if receipt.carried != 0 {
            self.count("state:", "deficit carried");
            if receipt.charged != 0 {
                self.count("state:", "charge capped");
            }
        }
        if receipt.charged != 0 {
            self.count("state:", "side charged");
        }
        if receipt.epoch_ended == 1 {
            let why = if receipt.scale_after < 1 << 48 {
                "epoch ended by scale"
            } else {
                "epoch ended by cash index"
            };
            self.count("state:", why);
        }
    }

    /// INV-5: the receipt alone tells what became of every seat of its side; and what it exactly charged
    /// each is its share, by shares, of the charge.
    pub fn apply_receipt(&mut self, account: usize, market: usize, receipt: &Receipt) {
        let entries = self.entries(market);
        let state = &mut self.markets[market];
        let mark = receipt.price;
        state.pool += receipt.from_default_fund;
        state.deficit += receipt.carried;
        let moved = signed_wide(receipt.cash_index_after) - signed_wide(receipt.cash_index_before);
        let shares_of_side = wide(receipt.shares_before);
        let atom = ceil(big(mark), big(1) << 32);
        for (who, index) in entries {
            let raw = state.seat(index);
            let read = shares::read(&state.header, &state.blocks, &raw);
            let seat = state.seats.get_mut(&who).unwrap();
            let sign = if seat.short { -1 } else { 1 };
            if who == account {
                let closed = exact_value(&(big(seat.base.abs()) << 62), mark) * sign;
                if seat.short {
                    seat.quote -= exact_value(&seat.hidden, mark);
                }
                seat.hidden = big(0);
                seat.quote += closed + unit() * receipt.deficit;
                seat.base = 0;
                continue;
            }
            if u8::from(seat.short) != receipt.side || seat.shares == big(0) {
                continue;
            }
            let (base, hidden) = split(&(&seat.shares * receipt.scale_after));
            assert_eq!(big(read.base), &base * sign, "INV-5: closed");
            let paid = &read.quote - &seat.quote;
            let told = &seat.shares * &moved * sign * (unit() >> 64);
            if receipt.epoch_ended == 0 {
                assert_eq!(paid, told, "INV-5: paid");
            } else {
                let rounded = told - paid;
                let most = unit() * (&atom + 1);
                assert!(rounded >= big(0) && rounded <= most, "INV-5: paid");
            }
            // Exactly: its part of the charge, and what was closed at the mark.
            let before = seat.parts();
            let charge = floor(
                unit() * receipt.charged * &seat.shares,
                shares_of_side.clone(),
            );
            let left = (&base << 62) + &hidden;
            let closed = exact_value(&(before - left), mark) * sign;
            seat.quote += closed - charge;
            seat.base = i128::try_from(base).unwrap() * sign;
            seat.hidden = hidden;
        }
    }

    /// A base of less than a lot that ADL has left.
    pub fn close_remainder(&mut self, account: usize, market: usize) -> Answer<()> {
        let Some(index) = self.seat_index(account, market) else {
            return Ok(());
        };
        let (env, now) = (self.env, self.env.now);
        let before = self.markets[market].clone();
        let params = before.header.params;
        let seat = &before.seats[&account];
        let raw_shares = before.seat(index).shares;
        let mark = before.header.prices.mark;
        let expected = if seat.behind > 5 {
            Some(EngineError::EpochBehind)
        } else if raw_shares == 0
            || (seat.behind > 0 && seat.base == 0)
            || seat.base.abs() >= i128::from(params.base_atoms_per_lot)
        {
            Some(EngineError::PositionNotARemainder)
        } else if before.stale(now) || !before.allows(Deed::Close, now) {
            Some(EngineError::IndexStale)
        } else {
            None
        };
        let position = self.accounts[account].entry_of(&before.key).unwrap();
        let state = &self.accounts[account];
        let read = Leg::read(&before.read(), state, &address_of(account), position, now);
        let found = read.and_then(|(leg, _)| {
            assert_eq!(leg.seat, index);
            let mut market = self.markets[market].get();
            liquidation::close_remainder(&mut market, &before.key, &leg, &env)
        });
        if found == Err(EngineError::ArenaFull) {
            self.markets[market] = before;
            return Err(EngineError::ArenaFull);
        }
        assert_eq!(found.err(), expected);
        let receipt = found?;
        let notional = ceil(big(seat.base.abs()) * mark, big(1) << 32);
        let exact = exact_value(&(big(seat.base.abs()) << 62), mark) * params.taker_fee_ppm;
        self.check_receipt(account, market, &before.header, &receipt);
        self.apply_receipt(account, market, &receipt);
        let state = &mut self.markets[market];
        state.liquidation_fees += fee(&notional, params.taker_fee_ppm);
        state.seats.get_mut(&account).unwrap().quote -= exact / 1_000_000;
        self.count("state:", "remainder closed");
        Ok(())
    }

    /// Walks a seat that is behind, by the right hint or by any.
    pub fn sync(&mut self, account: usize, market: usize) -> Answer<()> {
        let Some(index) = self.seat_index(account, market) else {
            return Ok(());
        };
        let wrong = self.random.one_in(10);
        let any = self.random.below(60) as u32;
        let state = &mut self.markets[market];
        let seat = state.seat(index);
        let ends = shares::ends(&state.blocks, seat.side);
        let own = ends.get(&seat.epoch).map(|(index, _)| *index);
        let hint = if wrong { any } else { own.unwrap_or(any) };
        let behind = state.seats[&account].behind;
        let right = behind != 0 && Some(hint) == own;
        let found = epochs::sync(&mut state.get(), index, &address_of(account), hint);
        let expected = (!right).then_some(EngineError::EpochBehind);
        assert_eq!(found.err(), expected);
        found?;
        state.disturb_auction();
        let after = state.seat(index);
        if after.shares != 0 {
            assert_eq!(after.epoch, seat.epoch + behind.min(5));
        }
        self.count("state:", "seat synced");
        if behind > 5 {
            self.count("state:", "more than five epochs behind");
        }
        Ok(())
    }
}
