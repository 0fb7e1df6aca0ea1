//! The uniform-price auction of a halt (spec §7, §13 "Uncross"): its price is fixed first, then the book is
//! filled at it, by any number of calls by anyone.
//!
//! The book stands still meanwhile, so a call takes up where the one before stopped. Nothing here loops over
//! more orders than its caller pays for.

mod fill;
mod interest;
mod walk;

#[cfg(test)]
mod tests;

pub use fill::AuctionFill;
pub use interest::{join, withdraw_interest, Joined};

use crate::book::arena::{MarketMut, MarketRef};
use crate::error::{EngineError, Result};
use crate::halt::{self, Reopened};
use crate::math;
use crate::state::{AuctionStep, HaltPhase, MarketHeader};
use crate::Env;

/// Orders that one call looks at; what it fills besides costs no more.
pub const AUCTION_STEPS_MAX: u16 = 128;

/// Orders that every call may look at: with fewer no pair would ever be filled.
pub const AUCTION_STEPS_MIN: u16 = 2;

/// A fixed price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Ticks.
    pub price: u64,
    /// Lots that trade at it.
    pub lots: u64,
    /// Index at that moment, Q.32.
    pub reference: u64,
}

/// What one call moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advanced {
    pub reopened: Option<Reopened>,
    /// The price was fixed in this call.
    pub fixed: Option<Fixed>,
    /// Lots filled on each side in this call.
    pub filled_lots: u64,
    /// The auction ended in this call: RESOLVE began.
    pub resolved: bool,
}

/// Orders that may still be looked at.
#[derive(Clone, Copy, Debug)]
struct Steps(u64);

impl Steps {
    /// The whole book may be walked off chain.
    const UNLIMITED: Self = Self(u64::MAX);

    /// False when none is left.
    #[inline(always)]
    fn take(&mut self) -> bool {
        if self.0 == 0 {
            return false;
        }
        self.0 = self.0.wrapping_sub(1);
        true
    }
}

/// Takes a market as far through its halt as the clock allows: fixes the auction's price, fills orders at
/// it, ends the auction, writes down the reopening. Looks at most at `steps_max` orders, two at the least, and
/// hands each fill to `filled`. With nothing to do it changes nothing.
pub fn advance(
    market: &mut MarketMut<'_>,
    steps_max: u16,
    env: &Env,
    filled: &mut impl FnMut(&AuctionFill),
) -> Result<Advanced> {
    let mut done = Advanced {
        reopened: halt::catch_up(market.header, env),
        ..Advanced::default()
    };
    let still = env.slot >= market.header.halt.uncross_slot;
    if halt::phase(market.header, env.now) != HaltPhase::Uncross || !still {
        return Ok(done);
    }
    let steps_max = steps_max.clamp(AUCTION_STEPS_MIN, AUCTION_STEPS_MAX);
    let mut steps = Steps(u64::from(steps_max));
    if market.header.halt.phase == HaltPhase::Call.byte() {
        begin(market.header);
    }
    if market.header.halt.step != AuctionStep::Filling.byte() {
        let header = &*market.header;
        let mut finding = walk::Finding::resume(header);
        let found = finding.run(&market.as_ref(), &mut steps)?;
        market.header.halt.walk = finding.walk;
        market.header.halt.step = finding.step.byte();
        match found {
            walk::Found::Unfinished => return Ok(done),
            walk::Found::NothingCrosses => {
                halt::resolve(market.header, env);
                done.resolved = true;
                return Ok(done);
            }
            walk::Found::Price(price) => {
                market.header.halt.step = AuctionStep::Filling.byte();
                market.header.halt.auction_price = price;
                done.fixed = Some(Fixed {
                    price,
                    lots: finding.walk.lots,
                    reference: market.header.halt.reference,
                });
            }
        }
    }
    let (lots, finished) = fill::run(market, &mut steps, env, filled)?;
    done.filled_lots = lots;
    if finished {
        halt::resolve(market.header, env);
        done.resolved = true;
    }
    Ok(done)
}

fn begin(header: &mut MarketHeader) {
    header.halt.phase = HaltPhase::Uncross.byte();
    header.halt.step = AuctionStep::Matching.byte();
    header.halt.reference = header.prices.index;
    header.halt.walk = walk::start(header);
}

/// Price (ticks) and lots at which the book would uncross as it stands; `None` when nothing crosses. Walks the
/// whole cross: for readers, not for the chain.
pub fn indicative(market: &MarketRef<'_>) -> Result<Option<(u64, u64)>> {
    let mut finding = walk::Finding {
        walk: walk::start(market.header),
        step: AuctionStep::Matching,
        reference: reference_ticks(market.header, market.header.prices.index)?,
    };
    let mut steps = Steps::UNLIMITED;
    Ok(match finding.run(market, &mut steps)? {
        walk::Found::Price(price) => Some((price, finding.walk.lots)),
        walk::Found::NothingCrosses | walk::Found::Unfinished => None,
    })
}

/// The reference as a tick: the nearest one, of two the lower, at least one. An index of a whole tick may lie a
/// fraction of a Q.32 unit under it and must not become the tick below.
fn reference_ticks(header: &MarketHeader, reference: u64) -> Result<u64> {
    let sizes = header.params.lot_sizes();
    let tick = u128::from(sizes.quote_atoms_per_lot_tick) << 32;
    let nearest = math::wide(reference, sizes.base_atoms_per_lot)
        .saturating_add(tick.saturating_sub(1) >> 1)
        .checked_div(tick)
        .ok_or(EngineError::Overflow)?;
    Ok(math::narrow(nearest)?.max(1))
}
