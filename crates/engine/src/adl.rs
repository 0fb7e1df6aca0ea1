//! Uniform deleveraging (spec §9, §13): what a loss event does to the two sides of a market.
//!
//! Closing a position against the whole opposing side changes that side's scale and cash index, and
//! nothing of any seat: the cost is the same for ten opposing positions and for a million. Every opposing
//! contract is closed by the same fraction at the same price and charged the same amount.

use bytemuck::{Pod, Zeroable};

use crate::book::arena::{self, MarketMut};
use crate::epochs;
use crate::error::{EngineError, Result};
use crate::math;
use crate::position;
use crate::state::{Pubkey, Side, SIDE_LONG, SIDE_SHORT};
use crate::units::PriceQ32;
use crate::Env;

mod receipt;
#[cfg(test)]
mod tests;

pub use receipt::ShareEffect;

/// What is to be closed against the other side, and what it owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossEvent {
    /// The mark: quantity moves at it, so that closing moves no wealth.
    pub price: PriceQ32,
    /// Loss of the seat that its account cannot bear, quote atoms.
    pub deficit: u64,
    /// Part of it that the default fund pays into the market's pool.
    pub from_default_fund: u64,
}

/// One loss event, from which anyone can recompute what it did to any seat (spec §9). These bytes are the
/// event's and go into the market's hash chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Receipt {
    /// Layout version: 1.
    pub version: u8,
    /// Side that was scaled and charged.
    pub side: u8,
    /// 1 when the event ended that side's epoch.
    pub epoch_ended: u8,
    pub reserved_0: [u8; 5],
    pub market: Pubkey,
    pub margin_account: Pubkey,
    /// Number of the event in its market, from 1.
    pub number: u64,
    pub slot: u64,
    pub time: i64,
    /// Base atoms closed, and the price at which, Q.32.
    pub quantity: u64,
    pub price: u64,
    /// Loss that the account could not bear; of it the default fund's part, the side's, and what is carried.
    pub deficit: u64,
    pub from_default_fund: u64,
    pub charged: u64,
    pub carried: u64,
    /// The charged side before and after: open interest (base atoms), A, C and N as (low, high), epoch.
    pub open_interest_before: u64,
    pub open_interest_after: u64,
    /// Open interest that the close left on the loser's own side, base atoms: what the charged side is matched
    /// to, when something was closed.
    pub own_open_interest: u64,
    pub scale_before: u64,
    pub scale_after: u64,
    pub cash_index_before: [u64; 2],
    pub cash_index_after: [u64; 2],
    pub shares_before: [u64; 2],
    pub shares_after: [u64; 2],
    pub epoch_before: u32,
    pub epoch_after: u32,
}

/// Bytes of a receipt.
pub const RECEIPT_SIZE: usize = 256;
const _: () = assert!(core::mem::size_of::<Receipt>() == RECEIPT_SIZE);

/// S′: what `open` base atoms can be charged of a loss, at most their price.
fn chargeable(uncovered: u64, price: PriceQ32, open: u64) -> Result<u64> {
    Ok(uncovered.min(price.value_floor(open)?))
}

/// Charge per share: ⌈S′·2^64 / N⌉ (R7).
fn charge_per_share(charged: u64, side: &Side) -> Result<i128> {
    if charged == 0 {
        return Ok(0);
    }
    let shares = math::join_unsigned(side.shares);
    if shares == 0 {
        return Err(EngineError::Overflow);
    }
    let per_share = (u128::from(charged) << 64).div_ceil(shares);
    i128::try_from(per_share).map_err(|_| EngineError::Overflow)
}

/// The side after losing `charged` and being closed down to `left` of its open interest at `price`, at its
/// scale and cash index before an epoch ends.
fn scaled(side: &Side, is_long: bool, charged: u64, left: u64, price: PriceQ32) -> Result<Side> {
    let mut after = *side;
    let mut index = math::join_signed(side.cash_index);
    let charge = charge_per_share(charged, side)?;
    // A long's cash grows with its index and a short's shrinks.
    index = if is_long {
        index.checked_sub(charge)
    } else {
        index.checked_add(charge)
    }
    .ok_or(EngineError::Overflow)?;
    let open = side.open_interest();
    if left < open {
        let scale = math::mul_div_floor(side.scale, left, open)?;
        let closed = side.scale.saturating_sub(scale);
        // Q2.62 × Q.32 / 2^30 is Q.64: what a long is paid floors, what a short pays ceils (R5, R6).
        let product = math::wide(closed, price.0);
        let paid = if is_long {
            product >> 30
        } else {
            product.div_ceil(1 << 30)
        };
        let paid = i128::try_from(paid).map_err(|_| EngineError::Overflow)?;
        index = index.checked_add(paid).ok_or(EngineError::Overflow)?;
        after.scale = scale;
    }
    after.cash_index = math::split_signed(index);
    Ok(after)
}

/// Closes the whole position of a seat at the event's price against the opposing side, spreads its deficit
/// and credits it: the default fund's part becomes cash of the pool, the opposing side pays the same
/// amount per contract, at most the contract's price, and what nobody can be charged is carried by the
/// market. A flat seat's deficit falls on the side opposite to its last position (ADR 0008).
///
/// The caller has taken `from_default_fund` off the fund. Roundings favour the pool (R5 to R9).
///
/// # Errors
/// `WrongSeat`, `EpochBehind`, `Overflow`; `ArenaFull` when the event would end an epoch whose end has no
/// block. Nothing is written then, but that the seat may have caught up with its side's epoch and that
/// ends which nobody waits for may have given their blocks back.
pub fn execute(
    market: &mut MarketMut<'_>,
    address: &Pubkey,
    seat_index: u32,
    event: &LossEvent,
    env: &Env,
) -> Result<Receipt> {
    epochs::catch_up(market, seat_index)?;
    let room = epochs::make_room(market)?;
    let header = &*market.header;
    let mut seat = *arena::seat(market.blocks, seat_index)?;
    let mut sides = header.sides;
    let held = position::touch(&mut seat, &sides)?;
    let opposing = opposite(seat.side);
    let before = *side_ref(&sides, opposing);
    let open_before = before.open_interest();
    let uncovered = math::sub(event.deficit, event.from_default_fund)?;
    let charged = chargeable(uncovered, event.price, open_before)?;
    let carried = uncovered.saturating_sub(charged);

    let value = event.price.position_value(held.base)?;
    let closed = math::add_signed(seat.quote, value)?;
    seat.quote = math::add_signed(closed, math::signed(event.deficit)?)?;
    let mut left = open_before;
    // Also where shares hold less than an atom: the seat is to be empty.
    position::leave(&mut seat, &mut sides, event.price)?;
    seat.opened_at = 0;
    let own_open_interest = side_ref(&sides, opposite(opposing)).open_interest();
    if held.base != 0 {
        left = left.min(own_open_interest);
    }
    let after = scaled(&before, opposing == SIDE_LONG, charged, left, event.price)?;
    let ended = open_before != 0 && epochs::due(&after);
    if ended && after.seats != 0 && !room {
        return Err(EngineError::ArenaFull);
    }
    let pool = math::add(header.cash.pool, event.from_default_fund)?;
    let deficit = math::add(header.cash.deficit, carried)?;
    let number = math::add(header.losses.receipts, 1)?;

    *arena::seat_mut(market.blocks, seat_index)? = seat;
    let header = &mut *market.header;
    *side_mut(&mut sides, opposing) = after;
    header.sides = sides;
    header.cash.pool = pool;
    header.cash.deficit = deficit;
    header.losses.receipts = number;
    if ended {
        epochs::end(market, opposing, event.price, env)?;
    }
    let now = side_ref(&market.header.sides, opposing);
    Ok(Receipt {
        version: 1,
        side: opposing,
        epoch_ended: u8::from(ended),
        reserved_0: [0; 5],
        market: *address,
        margin_account: seat.owner,
        number,
        slot: env.slot,
        time: env.now,
        quantity: held.base.unsigned_abs(),
        price: event.price.0,
        deficit: event.deficit,
        from_default_fund: event.from_default_fund,
        charged,
        carried,
        open_interest_before: open_before,
        open_interest_after: now.open_interest(),
        own_open_interest,
        scale_before: before.scale,
        scale_after: after.scale,
        cash_index_before: before.cash_index,
        cash_index_after: after.cash_index,
        shares_before: before.shares,
        shares_after: now.shares,
        epoch_before: before.epoch,
        epoch_after: now.epoch,
    })
}

const fn opposite(side: u8) -> u8 {
    if side == SIDE_SHORT {
        SIDE_LONG
    } else {
        SIDE_SHORT
    }
}

const fn side_ref(sides: &[Side; 2], side: u8) -> &Side {
    let [long, short] = sides;
    if side == SIDE_SHORT {
        short
    } else {
        long
    }
}

fn side_mut(sides: &mut [Side; 2], side: u8) -> &mut Side {
    let [long, short] = sides;
    if side == SIDE_SHORT {
        short
    } else {
        long
    }
}
