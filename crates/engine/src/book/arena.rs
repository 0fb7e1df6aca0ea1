//! Blocks of a market: allocation, and typed access that turns a wrong hint into a named error.

use bytemuck::Zeroable;

use crate::error::{EngineError, Result};
use crate::state::{
    ArenaState, Block, BlockKind, BlockView, EpochEnd, MarketHeader, Order, Pubkey, Seat, NIL,
};

/// Blocks kept for epoch ends: five a side and one to spare, so that an ADL never waits for room.
pub const EPOCH_BLOCKS: u32 = 12;

/// A market's header and arena, to read.
#[derive(Clone, Copy, Debug)]
pub struct MarketRef<'a> {
    pub header: &'a MarketHeader,
    pub blocks: &'a [Block],
}

/// A market's header and arena, to change.
#[derive(Debug)]
pub struct MarketMut<'a> {
    pub header: &'a mut MarketHeader,
    pub blocks: &'a mut [Block],
}

impl MarketMut<'_> {
    /// The same market, to read.
    #[inline(always)]
    pub fn as_ref(&self) -> MarketRef<'_> {
        MarketRef {
            header: self.header,
            blocks: self.blocks,
        }
    }
}

#[inline(always)]
fn get<T: BlockView>(blocks: &[Block], index: u32, missing: EngineError) -> Result<&T> {
    let position = usize::try_from(index).map_err(|_| missing)?;
    blocks.get(position).and_then(Block::view).ok_or(missing)
}

#[inline(always)]
fn get_mut<T: BlockView>(blocks: &mut [Block], index: u32, missing: EngineError) -> Result<&mut T> {
    let position = usize::try_from(index).map_err(|_| missing)?;
    blocks
        .get_mut(position)
        .and_then(Block::view_mut)
        .ok_or(missing)
}

/// The order at `index`; `WrongOrder` when the block holds none.
#[inline(always)]
pub fn order(blocks: &[Block], index: u32) -> Result<&Order> {
    get(blocks, index, EngineError::WrongOrder)
}

/// The same, mutable.
#[inline(always)]
pub fn order_mut(blocks: &mut [Block], index: u32) -> Result<&mut Order> {
    get_mut(blocks, index, EngineError::WrongOrder)
}

/// The seat at `index`; `WrongSeat` when the block holds none.
#[inline(always)]
pub fn seat(blocks: &[Block], index: u32) -> Result<&Seat> {
    get(blocks, index, EngineError::WrongSeat)
}

/// The same, mutable.
#[inline(always)]
pub fn seat_mut(blocks: &mut [Block], index: u32) -> Result<&mut Seat> {
    get_mut(blocks, index, EngineError::WrongSeat)
}

/// The epoch end at `index`; `EpochBehind` when the block holds none.
#[inline(always)]
pub fn epoch_end(blocks: &[Block], index: u32) -> Result<&EpochEnd> {
    get(blocks, index, EngineError::EpochBehind)
}

/// The same, mutable.
#[inline(always)]
pub fn epoch_end_mut(blocks: &mut [Block], index: u32) -> Result<&mut EpochEnd> {
    get_mut(blocks, index, EngineError::EpochBehind)
}

/// The seat at `index`, if it is `owner`'s: how a client's hint is proven.
#[inline(always)]
pub fn seat_of<'a>(blocks: &'a [Block], index: u32, owner: &Pubkey) -> Result<&'a Seat> {
    let found = seat(blocks, index)?;
    if found.owner != *owner {
        return Err(EngineError::WrongSeat);
    }
    Ok(found)
}

/// Takes a block off the free list, or the next fresh one. The block is zeroed but for nothing.
pub fn allocate(arena: &mut ArenaState, blocks: &mut [Block]) -> Result<u32> {
    let index = if arena.free_head != NIL {
        arena.free_head
    } else {
        arena.fresh
    };
    let position = usize::try_from(index).map_err(|_| EngineError::ArenaFull)?;
    let block = blocks.get_mut(position).ok_or(EngineError::ArenaFull)?;
    if index == arena.fresh {
        if index >= arena.capacity {
            return Err(EngineError::ArenaFull);
        }
        arena.fresh = index.saturating_add(1);
    } else {
        arena.free_head = block.next_free;
    }
    *block = Block::zeroed();
    Ok(index)
}

/// Returns a block to the free list, zeroed.
pub fn free(arena: &mut ArenaState, blocks: &mut [Block], index: u32) -> Result<()> {
    let position = usize::try_from(index).map_err(|_| EngineError::Overflow)?;
    let block = blocks.get_mut(position).ok_or(EngineError::Overflow)?;
    *block = Block::zeroed();
    block.kind = BlockKind::Free.byte();
    block.next_free = arena.free_head;
    arena.free_head = index;
    Ok(())
}

/// Blocks that may still be promised to seats.
pub fn unreserved(header: &MarketHeader) -> u32 {
    let [long, short] = &header.sides;
    // The sentinel and the epoch ends' blocks are never promised, nor are those of ends beyond them.
    header
        .arena
        .capacity
        .saturating_sub(1)
        .saturating_sub(EPOCH_BLOCKS.max(long.ends.saturating_add(short.ends)))
        .saturating_sub(header.arena.reserved_blocks)
}
