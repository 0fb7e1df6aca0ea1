//! The mirror of a market: its header as the engine reads it, and the keys and sets of its two sides.

use plimsoll_engine::book::arena::{self, MarketRef};
use plimsoll_engine::halt;
use plimsoll_engine::risk;
use plimsoll_engine::state::{Block, EpochEnd, MarketHeader, NIL, SIDE_LONG, SIDE_SHORT};

use crate::error::{IndexError, Result};
use crate::key::{SideKey, SideMove};
use crate::set::TriggerSet;

/// Weight of a tick in the volatility: one in 64.
const VOLATILITY_WEIGHT: f64 = 1.0 / 64.0;

/// Volatility of a market before its first ticks, and the least: shares of its price a tick.
const VOLATILITY_START: f64 = 2e-4;
const VOLATILITY_MIN: f64 = 1e-6;

/// One side's keys and triggers.
#[derive(Debug, Default)]
pub(crate) struct SideTriggers {
    pub(crate) key: SideKey,
    pub(crate) harm: TriggerSet,
    pub(crate) recovery: TriggerSet,
    /// Legs with shares of this side: the live entries of `harm`.
    pub(crate) legs: usize,
}

/// A market.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) header: MarketHeader,
    /// The ends of its epochs, renumbered from 1: all of its arena that the engine reads here.
    ends: Vec<Block>,
    /// As of the header and of the index's clock.
    pub(crate) open_interest: u64,
    pub(crate) fresh: bool,
    pub(crate) reopened_at: i64,
    /// EWMA of |ΔP| / P a tick: how slack is shared, nothing else.
    pub(crate) volatility: f64,
    /// Longs, shorts.
    pub(crate) sides: [SideTriggers; 2],
}

/// What an update of a market asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MarketMove {
    pub(crate) sides: [SideMove; 2],
    /// Every account of the market has to be assessed.
    pub(crate) all: bool,
    /// The accounts that are attended to.
    pub(crate) attended: bool,
}

impl Market {
    pub(crate) fn new(view: &MarketRef<'_>, now: i64) -> Result<Self> {
        let (header, ends) = copied(view)?;
        let [long, short] = &header.sides;
        let mark = header.prices.mark;
        let keys = [
            SideKey::lay(long, SIDE_LONG, mark)?,
            SideKey::lay(short, SIDE_SHORT, mark)?,
        ];
        let mut market = Self {
            open_interest: header.open_interest(),
            header,
            ends,
            fresh: false,
            reopened_at: 0,
            volatility: VOLATILITY_START,
            sides: keys.map(|key| SideTriggers {
                key,
                ..SideTriggers::default()
            }),
        };
        market.tell_time(now);
        Ok(market)
    }

    pub(crate) fn as_ref(&self) -> MarketRef<'_> {
        MarketRef {
            header: &self.header,
            blocks: &self.ends,
        }
    }

    /// Reads what depends on time; says whether any of it has changed.
    #[inline(always)]
    pub(crate) fn tell_time(&mut self, now: i64) -> bool {
        let fresh = risk::index_is_fresh(&self.header, now);
        let reopened_at = halt::reopened_at(&self.header, now);
        let changed = fresh != self.fresh || reopened_at != self.reopened_at;
        self.fresh = fresh;
        self.reopened_at = reopened_at;
        changed
    }

    /// A new mark and the time of its index. Constant time.
    #[inline(always)]
    pub(crate) fn set_mark(&mut self, mark: u64, index_time: i64, now: i64) -> Result<MarketMove> {
        let [long, short] = &self.sides;
        let keys = [
            long.key.keyed(SIDE_LONG, mark)?,
            short.key.keyed(SIDE_SHORT, mark)?,
        ];
        self.tick(mark);
        self.header.prices.mark = mark;
        self.header.prices.index_time = index_time;
        self.set_keys(keys);
        let turned = self.tell_time(now);
        Ok(MarketMove {
            attended: turned || !self.fresh,
            ..MarketMove::default()
        })
    }

    /// A new header, with the ends of its epochs.
    pub(crate) fn set(&mut self, view: &MarketRef<'_>, now: i64) -> Result<MarketMove> {
        let (header, ends) = copied(view)?;
        let mark = header.prices.mark;
        let [long, short] = &self.sides;
        let [new_long, new_short] = &header.sides;
        let (long, long_move) = long.key.moved(new_long, SIDE_LONG, mark)?;
        let (short, short_move) = short.key.moved(new_short, SIDE_SHORT, mark)?;
        let first = (mark == 0) != (self.header.prices.mark == 0);
        let all = first || header.params != self.header.params;
        self.tick(mark);
        self.header = header;
        self.ends = ends;
        self.open_interest = self.header.open_interest();
        self.set_keys([long, short]);
        let turned = self.tell_time(now);
        Ok(MarketMove {
            sides: [long_move, short_move],
            all,
            // Open interest, too, moves what a stale index gives.
            attended: turned || !self.fresh || long_move.scaled || short_move.scaled,
        })
    }

    fn set_keys(&mut self, keys: [SideKey; 2]) {
        for (side, key) in self.sides.iter_mut().zip(keys) {
            side.key = key;
        }
    }

    fn tick(&mut self, mark: u64) {
        let before = self.header.prices.mark;
        if before == 0 || mark == before {
            return;
        }
        let moved = mark.abs_diff(before) as f64 / before as f64;
        let volatility = self.volatility + (moved - self.volatility) * VOLATILITY_WEIGHT;
        self.volatility = volatility.max(VOLATILITY_MIN);
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let sets = self.sides.iter();
        let sets = sets.map(|side| side.harm.heap_bytes() + side.recovery.heap_bytes());
        sets.sum::<usize>() + self.ends.capacity() * size_of::<Block>()
    }
}

/// A header with the blocks of its epochs' ends, oldest first, renumbered from 1.
fn copied(view: &MarketRef<'_>) -> Result<(MarketHeader, Vec<Block>)> {
    let mut header = *view.header;
    let mut blocks = vec![bytemuck::Zeroable::zeroed()];
    for side in &mut header.sides {
        let mut chain: Vec<EpochEnd> = Vec::new();
        let mut cursor = side.newest_end;
        while cursor != NIL {
            // A chain longer than the side says is no chain.
            if chain.len() >= usize::try_from(side.ends).unwrap_or(usize::MAX) {
                return Err(IndexError::OutOfBounds);
            }
            let end = *arena::epoch_end(view.blocks, cursor)?;
            cursor = end.older;
            chain.push(end);
        }
        let first = u32::try_from(blocks.len()).map_err(|_| IndexError::Full)?;
        let count = u32::try_from(chain.len()).map_err(|_| IndexError::Full)?;
        (side.oldest_end, side.newest_end) = match count.checked_sub(1) {
            Some(last) => (first, first + last),
            None => (NIL, NIL),
        };
        for (number, mut end) in (first..).zip(chain.into_iter().rev()) {
            end.older = if number == first { NIL } else { number - 1 };
            end.newer = if number == side.newest_end {
                NIL
            } else {
                number + 1
            };
            blocks.push(bytemuck::cast(end));
        }
    }
    Ok((header, blocks))
}
