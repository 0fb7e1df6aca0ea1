//! Markets come into being, grow, and seats in them are claimed and released.

use bytemuck::Zeroable;

use crate::book::arena::{self, MarketMut};
use crate::error::{EngineError, Result};
use crate::math;
use crate::params::MarketParams;
use crate::state::{
    BlockKind, MarginAccount, MarginEntry, MarketHeader, MarketStatus, Pubkey, Seat, Side,
    BLOCK_DEPOSIT_LAMPORTS,
};
use crate::Env;

#[cfg(test)]
pub(crate) mod tests;

/// What a new market is besides its parameters.
#[derive(Clone, Copy, Debug)]
pub struct MarketIdentity {
    pub number: u32,
    pub symbol: [u8; 16],
    pub exchange: Pubkey,
    pub mark_account: Pubkey,
    pub mark_bump: u8,
    /// Blocks of the arena that the account has room for.
    pub capacity: u32,
    /// The exchange's timelock: so long the default fund pays nothing for the market (ADR 0022).
    pub timelock_seconds: u32,
}

/// Writes the header of a new market whose parameters the listing rule accepts.
pub fn create_market(
    header: &mut MarketHeader,
    identity: &MarketIdentity,
    params: &MarketParams,
    env: &Env,
) -> Result<()> {
    params.validate()?;
    *header = MarketHeader::zeroed();
    header.version = 1;
    header.status = MarketStatus::Pending.byte();
    header.number = identity.number;
    header.symbol = identity.symbol;
    header.exchange = identity.exchange;
    header.mark_account = identity.mark_account;
    header.mark_bump = identity.mark_bump;
    header.arena.fresh = 1;
    header.arena.capacity = identity.capacity;
    header.params = *params;
    header.sides = [Side::empty(), Side::empty()];
    header.created_at = env.now;
    header.losses.fund_from = env.now.saturating_add(i64::from(identity.timelock_seconds));
    header.prices.funding_time = env.now;
    header.prices.ema_time = env.now;
    Ok(())
}

/// A seat that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub seat: u32,
    pub generation: u32,
    /// Refundable deposit to be moved into the market account, lamports.
    pub deposit_lamports: u64,
}

/// Deposit of a seat with that many order slots, lamports (ADR 0001).
pub fn deposit_lamports(order_slots: u8) -> u64 {
    u64::from(order_slots)
        .saturating_add(1)
        .saturating_mul(BLOCK_DEPOSIT_LAMPORTS)
}

/// Claims a seat and enters it in the margin account. The arena keeps a block for every order slot, so
/// that a claimed slot can always hold an order.
pub fn claim(
    market: &mut MarketMut<'_>,
    account: &mut MarginAccount,
    addresses: &SeatAddresses,
    order_slots: u8,
) -> Result<Claimed> {
    if market.header.status == MarketStatus::WoundUp.byte() {
        return Err(EngineError::MarketWoundUp);
    }
    if order_slots == 0 || order_slots > market.header.params.order_slots_max {
        return Err(EngineError::SizeOutOfRange);
    }
    if account.entry_of(&addresses.market).is_some() {
        return Err(EngineError::SeatAlreadyClaimed);
    }
    let position = usize::from(account.entries_len);
    if position >= account.entries.len() {
        return Err(EngineError::MarginEntriesFull);
    }
    let wanted = u32::from(order_slots).saturating_add(1);
    if arena::unreserved(market.header) < wanted {
        return Err(EngineError::ArenaFull);
    }
    let sequence = market
        .header
        .sequence
        .checked_add(1)
        .ok_or(EngineError::Overflow)?;
    let generation = u32::try_from(sequence & 0xffff_ffff).map_err(|_| EngineError::Overflow)?;
    let index = arena::allocate(&mut market.header.arena, market.blocks)?;
    let block = usize::try_from(index).map_err(|_| EngineError::Overflow)?;
    let block = market.blocks.get_mut(block).ok_or(EngineError::Overflow)?;
    block.kind = BlockKind::Seat.byte();
    let seat: &mut Seat = block.view_mut().ok_or(EngineError::WrongSeat)?;
    seat.order_slots = order_slots;
    seat.generation = generation;
    seat.owner = addresses.margin_account;
    seat.owner_tag = owner_tag(&account.owner);
    market.header.sequence = sequence;
    market.header.arena.seats = market.header.arena.seats.saturating_add(1);
    market.header.arena.reserved_blocks =
        market.header.arena.reserved_blocks.saturating_add(wanted);
    if let Some(entry) = account.entries.get_mut(position) {
        *entry = MarginEntry {
            market: addresses.market,
            seat: index,
            generation,
            reserved: [0; 7],
        };
    }
    account.entries_len = account.entries_len.saturating_add(1);
    Ok(Claimed {
        seat: index,
        generation,
        deposit_lamports: deposit_lamports(order_slots),
    })
}

/// The accounts that a seat ties together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatAddresses {
    pub market: Pubkey,
    pub margin_account: Pubkey,
}

/// First eight bytes of an owner's key.
pub fn owner_tag(owner: &Pubkey) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *owner;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Releases an empty seat; anyone may ask for it. Returns the deposit to be refunded to the owner.
pub fn release(
    market: &mut MarketMut<'_>,
    account: &mut MarginAccount,
    addresses: &SeatAddresses,
) -> Result<u64> {
    let position = account
        .entry_of(&addresses.market)
        .ok_or(EngineError::WrongSeat)?;
    let entry = *account
        .entries
        .get(position)
        .ok_or(EngineError::WrongSeat)?;
    let seat = *arena::seat_of(market.blocks, entry.seat, &addresses.margin_account)?;
    if seat.shares != 0 || seat.orders != 0 || seat.quote != 0 {
        return Err(EngineError::SeatNotEmpty);
    }
    let wanted = u32::from(seat.order_slots).saturating_add(1);
    arena::free(&mut market.header.arena, market.blocks, entry.seat)?;
    market.header.arena.seats = market.header.arena.seats.saturating_sub(1);
    market.header.arena.reserved_blocks =
        market.header.arena.reserved_blocks.saturating_sub(wanted);
    // The last entry moves into the gap: the order of entries means nothing.
    let last = usize::from(account.entries_len).saturating_sub(1);
    account.entries.swap(position, last);
    if let Some(freed) = account.entries.get_mut(last) {
        *freed = MarginEntry::zeroed();
    }
    account.entries_len = account.entries_len.saturating_sub(1);
    Ok(deposit_lamports(seat.order_slots))
}

/// Takes note of a larger account.
pub fn grow(header: &mut MarketHeader, capacity: u32) -> Result<()> {
    if capacity < header.arena.capacity {
        return Err(EngineError::WrongAccount);
    }
    header.arena.capacity = capacity;
    Ok(())
}

/// The entry and seat of an account in a market, both ways proven.
pub fn entry_seat<'a>(
    account: &MarginAccount,
    position: usize,
    blocks: &'a [crate::state::Block],
    owner: &Pubkey,
) -> Result<&'a Seat> {
    let entry = account
        .entries()
        .get(position)
        .ok_or(EngineError::WrongSeat)?;
    let seat = arena::seat_of(blocks, entry.seat, owner)?;
    if seat.generation != entry.generation {
        return Err(EngineError::WrongSeat);
    }
    Ok(seat)
}

/// Sanity of a growth request: bytes that the account would have.
pub fn capacity_of(size: usize) -> Result<u32> {
    let arena = size
        .checked_sub(crate::state::MARKET_HEADER_SIZE)
        .ok_or(EngineError::WrongAccount)?;
    let blocks = arena
        .checked_div(crate::state::BLOCK_SIZE)
        .ok_or(EngineError::Overflow)?;
    if size > crate::state::MARKET_SIZE_MAX {
        return Err(EngineError::MarketAtMaxSize);
    }
    u32::try_from(math::narrow(u128::try_from(blocks).unwrap_or(u128::MAX))?)
        .map_err(|_| EngineError::Overflow)
}
