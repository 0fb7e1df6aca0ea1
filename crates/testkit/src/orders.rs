//! Orders in a few words: `bid(20_000, 5).ioc().client_id(7)`.

use plimsoll_client::OrderArgs;

/// A limit order of `lots` at `price` ticks, good till cancelled, that may touch 32 resting orders. A seat
/// of zero is filled in from the margin account when the order is sent.
const fn limit(side: u8, price: u64, lots: u64) -> OrderArgs {
    OrderArgs {
        seat: 0,
        side,
        time_in_force: 0,
        self_trade: 0,
        reduce_only: false,
        steps_max: 32,
        price,
        lots,
        client_id: 0,
        expires_at: 0,
    }
}

/// A limit order to buy.
pub const fn bid(price: u64, lots: u64) -> OrderArgs {
    limit(0, price, lots)
}

/// A limit order to sell.
pub const fn ask(price: u64, lots: u64) -> OrderArgs {
    limit(1, price, lots)
}

/// Everything else about an order.
pub trait OrderExt: Sized {
    #[must_use]
    fn with(self, change: impl FnOnce(&mut OrderArgs)) -> Self;

    /// Rests or is refused.
    #[must_use]
    fn post_only(self) -> Self {
        self.with(|order| order.time_in_force = 1)
    }
    /// Rests, one tick behind the best opposite order where it would cross.
    #[must_use]
    fn slide(self) -> Self {
        self.with(|order| order.time_in_force = 2)
    }
    /// Immediate or cancel.
    #[must_use]
    fn ioc(self) -> Self {
        self.with(|order| order.time_in_force = 3)
    }
    /// Fill or kill.
    #[must_use]
    fn fok(self) -> Self {
        self.with(|order| order.time_in_force = 4)
    }
    /// Own resting orders that are met are cancelled.
    #[must_use]
    fn cancel_maker(self) -> Self {
        self.with(|order| order.self_trade = 1)
    }
    /// Own resting orders that are met shrink together with this one.
    #[must_use]
    fn decrement(self) -> Self {
        self.with(|order| order.self_trade = 2)
    }
    #[must_use]
    fn reduce_only(self) -> Self {
        self.with(|order| order.reduce_only = true)
    }
    /// Most resting orders to touch.
    #[must_use]
    fn steps(self, steps_max: u8) -> Self {
        self.with(|order| order.steps_max = steps_max)
    }
    #[must_use]
    fn client_id(self, client_id: u64) -> Self {
        self.with(|order| order.client_id = client_id)
    }
    /// Unix seconds.
    #[must_use]
    fn expires_at(self, time: i64) -> Self {
        self.with(|order| order.expires_at = time)
    }
    /// Another block than the margin account's entry names.
    #[must_use]
    fn seat(self, seat: u32) -> Self {
        self.with(|order| order.seat = seat)
    }
}

impl OrderExt for OrderArgs {
    fn with(mut self, change: impl FnOnce(&mut OrderArgs)) -> Self {
        change(&mut self);
        self
    }
}
