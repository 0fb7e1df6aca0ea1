//! The terms of a line, and their bounds (spec §10).

use crate::error::{EngineError, Result};
use crate::math;
use crate::state::{CreditLine, Pubkey, MANDATE_MARKETS_MAX};

/// Bounds of a line's terms: seconds, and ppm a year.
pub const CALL_SECONDS_BOUNDS: (u32, u32) = (3_600, 259_200);
pub const RECALL_NOTICE_SECONDS_BOUNDS: (u32, u32) = (3_600, 2_592_000);
pub const POSITION_AGE_SECONDS_MAX: u32 = 2_592_000;
pub const RATE_PPM_MAX: u32 = 1_000_000;

/// What both sign. The trader repeats them at the acceptance, so that no other offer takes their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    all(feature = "borsh", not(feature = "idl-build")),
    derive(borsh::BorshSerialize, borsh::BorshDeserialize)
)]
#[cfg_attr(
    feature = "idl-build",
    derive(anchor_lang::AnchorSerialize, anchor_lang::AnchorDeserialize)
)]
pub struct LineTerms {
    /// Quote atoms.
    pub limit: u64,
    /// Own equity below which nothing is drawn, quote atoms.
    pub equity_floor: u64,
    /// Most that may be drawn within a minute, quote atoms; the limit, where it shall not matter.
    pub minute_cap: u64,
    /// Per year, ppm, of what is drawn and of what is not.
    pub drawn_rate_ppm: u32,
    pub undrawn_rate_ppm: u32,
    pub call_seconds: u32,
    pub recall_notice_seconds: u32,
    /// Positions younger than this draw nothing, seconds.
    pub position_age_seconds_min: u32,
    /// Reserved one to one; else each draw needs the underwriter's consent.
    pub committed: bool,
    /// Bit 0 longs, bit 1 shorts.
    pub sides: u8,
    /// Markets of the mandate in use, from the front.
    pub markets_len: u8,
    /// Largest mandated position per market, quote atoms of notional.
    pub mandate_notional: [u64; MANDATE_MARKETS_MAX],
    pub mandate_markets: [Pubkey; MANDATE_MARKETS_MAX],
}

impl LineTerms {
    /// `ParameterOutOfBounds` for terms that are no line's.
    pub fn validate(&self) -> Result<()> {
        let within = |value: u32, (low, high): (u32, u32)| (low..=high).contains(&value);
        let amounts = self.limit != 0
            && self.minute_cap != 0
            && self.minute_cap <= self.limit
            && math::signed(self.limit).is_ok()
            && math::signed(self.equity_floor).is_ok();
        let rates = self.drawn_rate_ppm <= RATE_PPM_MAX && self.undrawn_rate_ppm <= RATE_PPM_MAX;
        let times = within(self.call_seconds, CALL_SECONDS_BOUNDS)
            && within(self.recall_notice_seconds, RECALL_NOTICE_SECONDS_BOUNDS)
            && self.position_age_seconds_min <= POSITION_AGE_SECONDS_MAX;
        if !amounts || !rates || !times || !self.mandate_is_plain() {
            return Err(EngineError::ParameterOutOfBounds);
        }
        Ok(())
    }

    /// One side at least, one market at least, none twice, and nothing behind the last.
    fn mandate_is_plain(&self) -> bool {
        let len = usize::from(self.markets_len);
        let (Some(named), Some(blank)) = (
            self.mandate_markets.get(..len),
            self.mandate_markets.get(len..),
        ) else {
            return false;
        };
        let distinct = named.iter().enumerate().all(|(at, market)| {
            let before = named.iter().take(at);
            *market != [0; 32] && before.into_iter().all(|other| other != market)
        });
        let notionals = self.mandate_notional.iter().skip(len);
        let clear = blank.iter().all(|market| *market == [0; 32])
            && notionals.into_iter().all(|notional| *notional == 0);
        (1..=3).contains(&self.sides) && !named.is_empty() && distinct && clear
    }

    /// The terms of a line.
    pub fn of(line: &CreditLine) -> Self {
        Self {
            limit: line.limit,
            equity_floor: line.equity_floor,
            minute_cap: line.minute_cap,
            drawn_rate_ppm: line.drawn_rate_ppm,
            undrawn_rate_ppm: line.undrawn_rate_ppm,
            call_seconds: line.call_seconds,
            recall_notice_seconds: line.recall_notice_seconds,
            position_age_seconds_min: line.position_age_seconds_min,
            committed: line.committed != 0,
            sides: line.sides,
            markets_len: line.markets_len,
            mandate_notional: line.mandate_notional,
            mandate_markets: line.mandate_markets,
        }
    }
}
