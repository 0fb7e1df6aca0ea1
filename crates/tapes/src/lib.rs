//! Where prices come from: recorded tapes and seeded random walks behind one trait.
//!
//! A source speaks tape time and knows no chain. It yields nothing for a second without a trade:
//! a thin tape goes stale exactly as its market did.

mod csv_tape;
mod decimal;
mod synthetic;

pub use csv_tape::{Candle, CsvTape};
pub use decimal::parse_price_e8;
pub use synthetic::{Regime, SyntheticConfig, SyntheticWalk};

/// Every price and confidence here is in 10^-8 US dollars, as Pyth's own feeds of these products.
pub const PRICE_EXPONENT: i32 = -8;

/// Narrowest confidence a source reports, in millionths of the price: what Pyth shows for liquid
/// coins on a quiet day.
pub const CONF_PPM_MIN: u64 = 500;

const PPM: u128 = 1_000_000;

/// What one second of a market said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricePoint {
    /// Second of the tape, Unix seconds.
    pub unix_seconds: i64,
    /// Last price of the second, 10^-8 US dollars; positive.
    pub price_e8: i64,
    /// Half-width of the confidence interval, the same unit.
    pub conf_e8: u64,
}

/// A stream of prices in tape time.
pub trait PriceSource: Send {
    /// First second that may hold a price.
    fn tape_start(&self) -> i64;

    /// Last second that may hold a price; `None` for a source without an end.
    fn tape_end(&self) -> Option<i64>;

    /// The prices after those already taken, up to and including `tape_seconds`, oldest first.
    fn next_until(&mut self, tape_seconds: i64) -> Vec<PricePoint>;
}

/// Half the range a second traded in, but never narrower than [`CONF_PPM_MIN`]: a market that
/// jumps within a second is less certain than one that does not. Rounded up, towards caution.
fn confidence_e8(price_e8: i64, range_e8: u64) -> u64 {
    let floor = (u128::from(price_e8.unsigned_abs()) * u128::from(CONF_PPM_MIN)).div_ceil(PPM);
    let floor = u64::try_from(floor).unwrap_or(u64::MAX);
    range_e8.div_ceil(2).max(floor)
}
