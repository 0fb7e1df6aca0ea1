//! Recorded prices as the engine reads them.

use plimsoll_engine::index::{PRICE_UPDATE_DISCRIMINATOR, PRICE_UPDATE_SIZE};
use plimsoll_tapes::{PricePoint, PRICE_EXPONENT};

/// The account of a fully verified update.
pub(super) fn update(feed_id: &[u8; 32], point: &PricePoint) -> Vec<u8> {
    let (price, at) = (point.price_e8, point.unix_seconds);
    let mut data = PRICE_UPDATE_DISCRIMINATOR.to_vec();
    data.extend([0; 32]);
    data.push(1);
    data.extend(feed_id);
    data.extend(price.to_le_bytes());
    data.extend(point.conf_e8.to_le_bytes());
    data.extend(PRICE_EXPONENT.to_le_bytes());
    data.extend(at.to_le_bytes());
    data.extend(at.saturating_sub(1).to_le_bytes());
    data.extend(price.to_le_bytes());
    data.extend(point.conf_e8.to_le_bytes());
    data.resize(PRICE_UPDATE_SIZE, 0);
    data
}
