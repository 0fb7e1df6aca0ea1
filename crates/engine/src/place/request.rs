//! What an order asks for, who asks, and what became of it.

use crate::error::{EngineError, Result};
use crate::halt::Trip;
use crate::risk::{AccountCash, LegRisk};
use crate::state::{OrderSide, Pubkey};
use crate::units::{BaseLots, Ticks};

/// How long an order lives and what it may do on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TimeInForce {
    /// Fills what it can, rests the remainder.
    Limit = 0,
    /// Rests or is rejected: never takes.
    PostOnly = 1,
    /// Rests, one tick behind the best opposite order where it would have crossed.
    PostOnlySlide = 2,
    /// Fills what it can, cancels the remainder. With a worst price this is a market order.
    ImmediateOrCancel = 3,
    /// Fills whole or is rejected.
    FillOrKill = 4,
}

impl TimeInForce {
    /// From an instruction's byte.
    pub fn from_byte(byte: u8) -> Result<Self> {
        Ok(match byte {
            0 => Self::Limit,
            1 => Self::PostOnly,
            2 => Self::PostOnlySlide,
            3 => Self::ImmediateOrCancel,
            4 => Self::FillOrKill,
            _ => return Err(EngineError::ParameterOutOfBounds),
        })
    }

    pub(super) const fn post_only(self) -> bool {
        matches!(self, Self::PostOnly | Self::PostOnlySlide)
    }

    pub(super) const fn rests(self) -> bool {
        matches!(self, Self::Limit | Self::PostOnly | Self::PostOnlySlide)
    }
}

/// What happens when an order meets one of the same owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfTrade {
    /// The arriving order's remainder is cancelled.
    CancelTaker = 0,
    /// The resting order is cancelled.
    CancelMaker = 1,
    /// Both shrink by the smaller of the two.
    Decrement = 2,
}

impl SelfTrade {
    /// From an instruction's byte.
    pub fn from_byte(byte: u8) -> Result<Self> {
        Ok(match byte {
            0 => Self::CancelTaker,
            1 => Self::CancelMaker,
            2 => Self::Decrement,
            _ => return Err(EngineError::ParameterOutOfBounds),
        })
    }
}

/// An order as its owner asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    pub side: OrderSide,
    /// Limit or, for IOC, worst price.
    pub price: Ticks,
    pub lots: BaseLots,
    pub client_id: u64,
    /// Unix seconds from which it no longer matches; zero: never.
    pub expires_at: i64,
    pub time_in_force: TimeInForce,
    pub self_trade: SelfTrade,
    pub reduce_only: bool,
    /// Most steps of matching; at most [`MATCH_STEPS_MAX`].
    pub steps_max: u8,
}

/// The trader behind an order.
#[derive(Clone, Copy, Debug)]
pub struct Trader {
    /// Address of the margin account.
    pub account: Pubkey,
    pub cash: AccountCash,
    /// Risk of the account's legs in all other markets.
    pub other_legs: LegRisk,
}

/// What became of an order; the fills are in the plan that was passed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Sequence and block of the resting remainder; zero: none rests.
    pub sequence: u64,
    pub order: u32,
    /// Price at which it rests, ticks.
    pub price: u64,
    pub filled_lots: u64,
    /// Cash flow of the fills, quote atoms.
    pub filled_quote: u64,
    pub taker_fee: u64,
    pub resting_lots: u64,
    pub cancelled_lots: u64,
    /// The halt that the order has tripped.
    pub trip: Option<Trip>,
}
