//! Epochs of a side (spec §9, §13): how one ends, how a seat of an earlier one catches up, and what is
//! kept until it has.
//!
//! An end costs one block, whatever the number of seats. A seat passes the ends that it missed when it is
//! next touched, at most [`EPOCH_STEPS_MAX`] of them in one go; [`sync`] does the rest. Trading in the
//! market waits for none of it.

use crate::book::arena::{self, MarketMut, MarketRef, EPOCH_BLOCKS};
use crate::error::{EngineError, Result};
use crate::math;
use crate::position::{self, Holding};
use crate::state::{
    BlockKind, EpochEnd, MarketHeader, Pubkey, Seat, Side, NIL, SCALE_ONE, SIDE_LONG, SIDE_SHORT,
};
use crate::units::PriceQ32;
use crate::Env;

#[cfg(test)]
pub(crate) mod tests;

/// Epoch ends that one touch passes.
pub const EPOCH_STEPS_MAX: u32 = 5;

/// A under which a side's epoch ends.
pub const SCALE_MIN: u64 = 1 << 48;

/// |C| at which a side's epoch ends, Q.64 per unit of A in Q2.62: two prices of [`PRICE_Q32_MAX`] per base
/// atom, however many shares an atom has come to be (ADR 0006).
///
/// [`PRICE_Q32_MAX`]: crate::units::PRICE_Q32_MAX
pub const CASH_INDEX_BITS: u32 = 15;

/// Whether the side's scale or cash index has reached the bound of its epoch: A < 2^48 or |C| ≥ A × 2^15. A
/// seat has at most 2^110 / A shares, so it is owed or owes at most 2^126 / 2^64 quote atoms until then.
pub fn due(side: &Side) -> bool {
    let bound = u128::from(side.scale) << CASH_INDEX_BITS;
    side.scale < SCALE_MIN || math::join_signed(side.cash_index).unsigned_abs() >= bound
}

/// A seat on its way through the ends that it missed.
#[derive(Clone, Copy, Debug)]
struct Walker {
    shares: u64,
    quote: i64,
    cash_index: [u64; 2],
    epoch: u32,
}

impl Walker {
    /// Passes one end: cash against C_end as in a touch, n ← (n·A_end) >> 62. A short whose base is not
    /// whole pays for the atom that its debt loses: ⌈max(price at the end, mark)⌉ (R9).
    fn pass(&mut self, seat: &Seat, end: &EpochEnd, mark: PriceQ32) -> Result<()> {
        let cash = position::cash_between(seat.side, self.shares, self.cash_index, end.cash_index)?;
        self.quote = math::add_signed(self.quote, cash)?;
        let product = math::wide(self.shares, end.scale);
        if seat.side == SIDE_SHORT && product & u128::from(SCALE_ONE.wrapping_sub(1)) != 0 {
            let atom = PriceQ32(end.price.max(mark.0)).value_ceil(1)?;
            self.quote = math::sub_signed(self.quote, math::signed(atom)?)?;
        }
        self.shares = math::narrow(product >> 62)?;
        self.cash_index = [0; 2];
        self.epoch = self.epoch.wrapping_add(1);
        Ok(())
    }
}

/// The market's index of a side.
#[inline(always)]
const fn side_of(header: &MarketHeader, side: u8) -> &Side {
    let [long, short] = &header.sides;
    if side == SIDE_SHORT {
        short
    } else {
        long
    }
}

#[inline(always)]
fn side_of_mut(header: &mut MarketHeader, side: u8) -> &mut Side {
    let [long, short] = &mut header.sides;
    if side == SIDE_SHORT {
        short
    } else {
        long
    }
}

/// Whether the seat's side has rolled over since the seat was touched.
#[inline(always)]
pub const fn is_behind(header: &MarketHeader, seat: &Seat) -> bool {
    seat.shares != 0 && seat.epoch != side_of(header, seat.side).epoch
}

/// Block of the end of the seat's epoch, from the newest end backwards; `EpochBehind` beyond the most
/// that one touch passes.
fn end_of(market: &MarketRef<'_>, seat: &Seat) -> Result<u32> {
    let side = side_of(market.header, seat.side);
    let behind = side.epoch.wrapping_sub(seat.epoch);
    if behind == 0 || behind > EPOCH_STEPS_MAX {
        return Err(EngineError::EpochBehind);
    }
    let mut index = side.newest_end;
    for _ in 1..behind {
        index = arena::epoch_end(market.blocks, index)?.older;
    }
    check_end(market, seat, index)?;
    Ok(index)
}

/// The block is the end of the seat's own epoch on its own side.
fn check_end(market: &MarketRef<'_>, seat: &Seat, index: u32) -> Result<()> {
    let end = arena::epoch_end(market.blocks, index)?;
    if end.side != seat.side || end.epoch != seat.epoch {
        return Err(EngineError::EpochBehind);
    }
    Ok(())
}

/// Position and claim of a seat whose side has rolled over since, without writing them. The charge of a
/// short's dropped atom is at the present mark.
///
/// # Errors
/// `EpochBehind` when more than [`EPOCH_STEPS_MAX`] ends lie between.
#[cold]
#[inline(never)]
pub fn holding_behind(market: &MarketRef<'_>, seat: &Seat) -> Result<Holding> {
    let mut index = end_of(market, seat)?;
    let mut walker = Walker {
        shares: seat.shares,
        quote: seat.quote,
        cash_index: seat.cash_index,
        epoch: seat.epoch,
    };
    while index != NIL {
        let end = arena::epoch_end(market.blocks, index)?;
        walker.pass(seat, end, PriceQ32(market.header.prices.mark))?;
        index = end.newer;
    }
    let mut caught_up = *seat;
    write(&mut caught_up, &walker);
    position::holding(&caught_up, &market.header.sides)
}

fn write(seat: &mut Seat, walker: &Walker) {
    seat.shares = walker.shares;
    seat.quote = walker.quote;
    seat.cash_index = walker.cash_index;
    seat.epoch = walker.epoch;
}

/// Brings a seat to its side's epoch before it is written; nothing to do for most.
///
/// # Errors
/// `EpochBehind` when more than [`EPOCH_STEPS_MAX`] ends lie between; then nothing is written.
#[inline(always)]
pub fn catch_up(market: &mut MarketMut<'_>, seat_index: u32) -> Result<()> {
    let seat = arena::seat(market.blocks, seat_index)?;
    if !is_behind(market.header, seat) {
        return Ok(());
    }
    let seat = *seat;
    let from = end_of(&market.as_ref(), &seat)?;
    walk(market, seat_index, &seat, from)
}

/// Passes up to [`EPOCH_STEPS_MAX`] ends from `from` and writes where the seat came to be.
#[cold]
#[inline(never)]
fn walk(market: &mut MarketMut<'_>, seat_index: u32, seat: &Seat, from: u32) -> Result<()> {
    let mut walker = Walker {
        shares: seat.shares,
        quote: seat.quote,
        cash_index: seat.cash_index,
        epoch: seat.epoch,
    };
    let mut index = from;
    for _ in 0..EPOCH_STEPS_MAX {
        if index == NIL {
            break;
        }
        let end = arena::epoch_end(market.blocks, index)?;
        walker.pass(seat, end, PriceQ32(market.header.prices.mark))?;
        index = end.newer;
    }
    // Nothing fails from here on.
    let left = arena::epoch_end_mut(market.blocks, from)?;
    left.seats = left.seats.saturating_sub(1);
    write(arena::seat_mut(market.blocks, seat_index)?, &walker);
    let side = side_of_mut(market.header, seat.side);
    if walker.shares == 0 {
        side.seats = side.seats.saturating_sub(1);
        side.seats_behind = side.seats_behind.saturating_sub(1);
        position::forget_if_empty(side);
    } else if index == NIL {
        side.seats_behind = side.seats_behind.saturating_sub(1);
    } else {
        let arrived = arena::epoch_end_mut(market.blocks, index)?;
        arrived.seats = arrived.seats.saturating_add(1);
    }
    prune(market, seat.side)
}

/// Frees the oldest ends that no seat waits for any more, a bounded number of them.
fn prune(market: &mut MarketMut<'_>, side_index: u8) -> Result<()> {
    for _ in 0..EPOCH_STEPS_MAX {
        let oldest = side_of(market.header, side_index).oldest_end;
        if oldest == NIL {
            break;
        }
        let end = *arena::epoch_end(market.blocks, oldest)?;
        if end.seats != 0 {
            break;
        }
        if end.newer != NIL {
            arena::epoch_end_mut(market.blocks, end.newer)?.older = NIL;
        }
        arena::free(&mut market.header.arena, market.blocks, oldest)?;
        let side = side_of_mut(market.header, side_index);
        side.oldest_end = end.newer;
        if end.newer == NIL {
            side.newest_end = NIL;
        }
        side.ends = side.ends.saturating_sub(1);
    }
    Ok(())
}

/// Walks a seat that is many epochs behind from the end that `hint` names, at most [`EPOCH_STEPS_MAX`] of
/// them; anyone may, and again until it has caught up. `hint` is the block of its own epoch's end.
///
/// # Errors
/// `WrongSeat`; `EpochBehind` when the hint is not the end of the seat's epoch or it is behind none.
pub fn sync(market: &mut MarketMut<'_>, seat_index: u32, owner: &Pubkey, hint: u32) -> Result<()> {
    let seat = *arena::seat_of(market.blocks, seat_index, owner)?;
    if !is_behind(market.header, &seat) {
        return Err(EngineError::EpochBehind);
    }
    check_end(&market.as_ref(), &seat, hint)?;
    walk(market, seat_index, &seat, hint)
}

/// Whether a block for one more end is there: the reserve first, then what is promised to no seat. Ends
/// that nobody waits for any more give theirs back first; where there are any, there is room.
pub(crate) fn make_room(market: &mut MarketMut<'_>) -> Result<bool> {
    prune(market, SIDE_LONG)?;
    prune(market, SIDE_SHORT)?;
    let [long, short] = &market.header.sides;
    let ends = long.ends.saturating_add(short.ends);
    Ok(ends < EPOCH_BLOCKS || arena::unreserved(market.header) != 0)
}

/// Ends the epoch of a side at `price`: its end is kept for the seats that hold positions in it, N becomes
/// what they hold, and the next epoch starts with A = 1 and C = 0.
///
/// # Errors
/// `ArenaFull` when neither the reserve nor the rest of the arena has a block: sync a seat of the oldest
/// end, or grow the market. Nothing is written then.
pub fn end(market: &mut MarketMut<'_>, side_index: u8, price: PriceQ32, env: &Env) -> Result<()> {
    let kept = side_of(market.header, side_index).seats != 0;
    if kept && !make_room(market)? {
        return Err(EngineError::ArenaFull);
    }
    let side = *side_of(market.header, side_index);
    if kept {
        keep_end(market, side_index, &side, price, env)?;
    }
    begin_next(side_of_mut(market.header, side_index))
}

/// The side as its next epoch begins: A = 1, C = 0, and N what it held at the end.
pub(crate) fn begin_next(side: &mut Side) -> Result<()> {
    let carried = math::narrow(math::wide(side.carried, side.scale) >> 62)?
        .saturating_add(u64::from(side.seats))
        .saturating_add(1);
    let open = side.open_interest();
    side.carried = if side.seats == 0 { 0 } else { carried };
    side.shares = [open, 0];
    side.scale = SCALE_ONE;
    side.cash_index = [0; 2];
    side.epoch = side.epoch.wrapping_add(1);
    side.seats_behind = side.seats;
    Ok(())
}

fn keep_end(
    market: &mut MarketMut<'_>,
    side_index: u8,
    side: &Side,
    price: PriceQ32,
    env: &Env,
) -> Result<()> {
    let index = arena::allocate(&mut market.header.arena, market.blocks)?;
    let block = usize::try_from(index).map_err(|_| EngineError::Overflow)?;
    let block = market.blocks.get_mut(block).ok_or(EngineError::Overflow)?;
    block.kind = BlockKind::EpochEnd.byte();
    let end: &mut EpochEnd = block.view_mut().ok_or(EngineError::Overflow)?;
    end.side = side_index;
    end.epoch = side.epoch;
    end.older = side.newest_end;
    end.seats = side.seats.saturating_sub(side.seats_behind);
    end.scale = side.scale;
    end.cash_index = side.cash_index;
    end.price = price.0;
    end.ended_at = env.now;
    if side.newest_end != NIL {
        arena::epoch_end_mut(market.blocks, side.newest_end)?.newer = index;
    }
    let side = side_of_mut(market.header, side_index);
    side.newest_end = index;
    if side.oldest_end == NIL {
        side.oldest_end = index;
    }
    side.ends = side.ends.saturating_add(1);
    Ok(())
}

/// Ends the epoch of each side that funding has brought to its bound. Without a block for it the epoch goes
/// on: funding must block nobody.
pub fn end_due(market: &mut MarketMut<'_>, env: &Env) -> Result<()> {
    for side in [SIDE_LONG, SIDE_SHORT] {
        let mark = PriceQ32(market.header.prices.mark);
        if due(side_of(market.header, side)) {
            match end(market, side, mark, env) {
                Ok(()) | Err(EngineError::ArenaFull) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Most base atoms by which longs and shorts may differ (ADR 0007); zero before the first loss event.
///
/// Seats hold their side's open interest but for their own fractions, under an atom each, and for what
/// `carried` bounds. A fill moves no atom from one side to the other, so when seats with fractions leave,
/// their atoms show as a difference of the sides' open interest.
pub fn drift(header: &MarketHeader) -> u64 {
    if header.losses.receipts == 0 {
        return 0;
    }
    let [long, short] = &header.sides;
    let uneven = long.open_interest().abs_diff(short.open_interest());
    header
        .sides
        .iter()
        .fold(uneven.saturating_add(1), |sum, side| {
            sum.saturating_add(u64::from(side.seats))
                .saturating_add(side.carried)
        })
}
