//! The legs of an account as liquidation sees them.

use crate::book::arena::{self, MarketRef};
use crate::error::{EngineError, Result};
use crate::gate::{self, Action};
use crate::halt;
use crate::math;
use crate::position::{self, Holding};
use crate::risk::{self, LegRisk, Resting};
use crate::seats::entry_seat;
use crate::state::{
    HaltPhase, MarginAccount, MarketStatus, Pubkey, Seat, MARGIN_ENTRIES_MAX, NIL, SIDE_SHORT,
};
use crate::units::PriceQ32;

/// One leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// Position of the market among the account's entries.
    pub entry: usize,
    pub market: Pubkey,
    /// Block of the seat.
    pub seat: u32,
    pub held: Holding,
    /// Resting orders, without its interest in an auction.
    pub orders: u8,
    /// Q.32.
    pub mark: PriceQ32,
    pub risk: LegRisk,
    /// The market's index is fresh and it is open, or between an auction and its reopening: what takeover
    /// and tear-up need.
    pub closable: bool,
    /// The same, and its book trades.
    pub matching: bool,
    /// Its index is fresh, and its next auction takes interest.
    pub calling: bool,
}

/// Orders of a seat that are not a liquidation's interest in an auction. What an auction left of that has expired
/// and can only reduce: it holds up no tear-up in RESOLVE.
#[inline(always)]
fn ordinary_orders(market: &MarketRef<'_>, seat: &Seat, phase: HaltPhase) -> Result<u8> {
    if seat.orders == 0 || phase == HaltPhase::Continuous {
        return Ok(seat.orders);
    }
    without_interest(market, seat)
}

#[cold]
#[inline(never)]
fn without_interest(market: &MarketRef<'_>, seat: &Seat) -> Result<u8> {
    let (mut orders, mut cursor) = (0_u8, seat.first_order);
    while cursor != NIL {
        let order = arena::order(market.blocks, cursor)?;
        if order.liquidation == 0 {
            orders = orders.saturating_add(1);
        }
        cursor = order.seat_next;
    }
    Ok(orders)
}

impl Leg {
    /// Reads the leg of the entry at `entry`.
    #[inline(always)]
    pub fn read<'a>(
        market: &MarketRef<'a>,
        account: &MarginAccount,
        address: &Pubkey,
        entry: usize,
        now: i64,
    ) -> Result<(Self, &'a Seat)> {
        let header = market.header;
        let named = account.entries().get(entry).ok_or(EngineError::WrongSeat)?;
        let seat = entry_seat(account, entry, market.blocks, address)?;
        let held = position::held(market, seat)?;
        let phase = halt::phase(header, now);
        let live =
            risk::index_is_fresh(header, now) && header.status != MarketStatus::Pending.byte();
        let leg = Self {
            entry,
            market: named.market,
            seat: named.seat,
            held,
            orders: ordinary_orders(market, seat, phase)?,
            mark: PriceQ32(header.prices.mark),
            risk: risk::leg(header, held, &Resting::from(seat), now)?,
            closable: live && gate::in_phase(phase, Action::Close),
            matching: live && gate::in_phase(phase, Action::Liquidate),
            calling: live && gate::in_phase(phase, Action::Join),
        };
        Ok((leg, seat))
    }

    /// |base|.
    #[inline(always)]
    pub const fn size(&self) -> u64 {
        self.held.base.unsigned_abs()
    }

    /// Whether the position is a long one.
    #[inline(always)]
    pub const fn is_long(&self) -> bool {
        position::side_of_base(self.held.base) != SIDE_SHORT
    }
}

/// All legs of an account, and their sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Legs {
    legs: [Leg; MARGIN_ENTRIES_MAX],
    len: usize,
    pub total: LegRisk,
    /// Maintenance margin of the legs that a credit line's mandate covers (spec §10).
    pub mandated_margin: u64,
    /// Latest reopening of a market that the account holds a position in.
    pub reopened_at: i64,
}

impl Legs {
    /// Adds a leg; `mandated` is what the credit line's mandate covers of its maintenance margin.
    pub fn push(&mut self, leg: &Leg, mandated: u64, reopened_at: i64) -> Result<()> {
        *self
            .legs
            .get_mut(self.len)
            .ok_or(EngineError::WrongMarketAccounts)? = *leg;
        self.len = self.len.saturating_add(1);
        self.total.add(&leg.risk)?;
        self.mandated_margin = math::add(self.mandated_margin, mandated)?;
        if leg.held.base != 0 {
            self.reopened_at = self.reopened_at.max(reopened_at);
        }
        Ok(())
    }

    /// In the order of the account's entries.
    pub fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().take(self.len)
    }

    /// Whether orders of the account rest in any book.
    pub fn orders_rest(&self) -> bool {
        self.iter().any(|leg| leg.orders != 0)
    }

    /// `OrdersResting` while an order of the account rests in any book: what was margined by equity that a
    /// loss takes must be gone before the loss is passed on.
    pub fn check_no_orders(&self) -> Result<()> {
        if self.orders_rest() {
            return Err(EngineError::OrdersResting);
        }
        Ok(())
    }

    /// The leg that comes next: among those that may be closed the one with the largest maintenance
    /// margin; ties by the market's key.
    ///
    /// # Errors
    /// `NotLiquidatable` without a position; `IndexStale` when no position's market may be closed in now.
    pub fn next(&self) -> Result<&Leg> {
        let held = || self.iter().filter(|leg| leg.held.base != 0);
        held()
            .filter(|leg| leg.closable)
            .min_by(|a, b| {
                let (first, second) = (a.risk.maintenance_margin, b.risk.maintenance_margin);
                second.cmp(&first).then_with(|| a.market.cmp(&b.market))
            })
            .ok_or_else(|| {
                if held().next().is_some() {
                    EngineError::IndexStale
                } else {
                    EngineError::NotLiquidatable
                }
            })
    }

    /// The losing leg with the largest loss; ties by the market's key.
    pub fn largest_loss(&self) -> Option<&Leg> {
        self.iter().filter(|leg| leg.risk.loss != 0).min_by(|a, b| {
            b.risk
                .loss
                .cmp(&a.risk.loss)
                .then_with(|| a.market.cmp(&b.market))
        })
    }

    /// S_i = ⌊S·L_i / ΣL⌋ of a leg, the remainder to the leg with the largest loss (R23). Taken one leg
    /// after another, each over those that remain, the shares are the same at unchanged prices.
    pub fn share_of(&self, leg: &Leg, deficit: u64) -> Result<u64> {
        let part = |other: &Leg| -> Result<u64> {
            if other.risk.loss == self.total.loss {
                Ok(deficit)
            } else {
                math::mul_div_floor(deficit, other.risk.loss, self.total.loss)
            }
        };
        if deficit == 0 || leg.risk.loss == 0 {
            return Ok(0);
        }
        let own = part(leg)?;
        if self.largest_loss().map(|found| found.entry) != Some(leg.entry) {
            return Ok(own);
        }
        let mut rest = deficit;
        for other in self.iter().filter(|other| other.entry != leg.entry) {
            if other.risk.loss != 0 {
                rest = math::sub(rest, part(other)?)?;
            }
        }
        Ok(rest)
    }
}
