//! What people do in a second: look at their accounts, quote, trade with the tape.

pub mod desk;
pub mod flow;
pub mod holders;
pub mod makers;

use plimsoll_client::OrderArgs;
use plimsoll_engine::halt;
use plimsoll_engine::state::{HaltPhase, MarketHeader};

/// Immediate or cancel.
pub const IOC: u8 = 3;
/// A limit order.
pub const LIMIT: u8 = 0;
/// Post-only, moved behind the other side instead of refused.
pub const SLIDE: u8 = 2;
pub const BID: u8 = 0;
pub const ASK: u8 = 1;

/// An order; only its price, size and kind differ here.
pub const fn order(seat: u32, side: u8, time_in_force: u8, price: u64, lots: u64) -> OrderArgs {
    OrderArgs {
        seat,
        side,
        time_in_force,
        self_trade: 0,
        reduce_only: false,
        steps_max: 32,
        price,
        lots,
        client_id: 0,
        expires_at: 0,
    }
}

/// The phase of a market now.
pub fn phase(header: &MarketHeader, now: i64) -> HaltPhase {
    halt::phase(header, now)
}

/// `price` × (10^6 + ppm) / 10^6, at least one.
pub fn shifted(price: u64, ppm: i64) -> u64 {
    let factor = (1_000_000 + i128::from(ppm)).max(0);
    let moved = i128::from(price) * factor / 1_000_000;
    u64::try_from(moved).unwrap_or(u64::MAX).max(1)
}
