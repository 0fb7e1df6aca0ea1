//! The traders of the demo. Each decides from what it sees and its own random stream, and does no I/O:
//! the same chain and the same seed give the same orders.

mod dip_buyer;
mod farmer;
mod hedger;
mod maker;
mod taker;

pub use dip_buyer::DipBuyer;
pub use farmer::Farmer;
pub use hedger::Hedger;
pub use maker::Maker;
pub use taker::{Pressure, Taker};

use plimsoll_client::engine::place::TimeInForce;
use plimsoll_client::engine::state::OrderSide;

/// An order as a bot wants it; the seat and the client id are filled in by who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub side: OrderSide,
    pub time_in_force: TimeInForce,
    /// Ticks.
    pub price: u64,
    pub lots: u64,
    pub reduce_only: bool,
    /// Chain second from which it no longer counts; zero: never.
    pub expires_at: i64,
}

/// What a bot does in one market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Replaces every resting order of the seat by these, in one transaction.
    Requote(Vec<Wanted>),
    /// One order that takes.
    Take(Wanted),
    /// Replaces every resting order of the seat by these, for the auction that ends a call.
    Call(Vec<Wanted>),
}

/// The bot's own place in the market it looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    /// Base atoms, signed.
    pub base: i64,
    /// Resting orders.
    pub orders: u8,
}

/// The side that makes a position smaller.
pub fn closing_side(base: i64) -> OrderSide {
    if base > 0 {
        OrderSide::Ask
    } else {
        OrderSide::Bid
    }
}
