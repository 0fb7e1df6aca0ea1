//! Turns prices of a tape into the updates one feed would have published.

use solana_pubkey::Pubkey;

use crate::{
    oracle::{PriceUpdate, VerificationLevel},
    prices::{PricePoint, PRICE_EXPONENT},
};

/// Pyth's push oracle: its addresses hold the feeds that sponsors keep fresh.
pub const PUSH_ORACLE_PROGRAM_ID: Pubkey =
    Pubkey::from_str_const("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");

/// Weight of a new price in the moving average, one part in this many: about an hour at one
/// update a second, as Pyth's own.
const EMA_UPDATES: i128 = 3_600;

/// The address at which the push oracle keeps a feed: the same here as on mainnet.
pub fn push_feed_address(shard: u16, feed_id: &[u8; 32]) -> Pubkey {
    Pubkey::find_program_address(&[&shard.to_le_bytes(), feed_id], &PUSH_ORACLE_PROGRAM_ID).0
}

/// One feed: where it is written and what it last said.
#[derive(Clone, Debug)]
pub struct PriceFeed {
    address: Pubkey,
    feed_id: [u8; 32],
    last: Option<PriceUpdate>,
}

impl PriceFeed {
    /// A feed that has not published yet.
    pub fn new(address: Pubkey, feed_id: [u8; 32]) -> Self {
        Self {
            address,
            feed_id,
            last: None,
        }
    }

    /// The price account.
    pub fn address(&self) -> Pubkey {
        self.address
    }

    /// The product.
    pub fn feed_id(&self) -> [u8; 32] {
        self.feed_id
    }

    /// The update that publishes `point` at `publish_time` (chain time, Unix seconds), fully
    /// verified. The slot is left at 0: whoever posts it knows the slot.
    pub fn publish(&mut self, point: &PricePoint, publish_time: i64) -> PriceUpdate {
        let (ema_price, ema_conf, prev_publish_time) = match &self.last {
            None => (point.price_e8, point.conf_e8, publish_time),
            Some(last) => (
                ema(last.ema_price.into(), point.price_e8.into()) as i64,
                ema(last.ema_conf.into(), point.conf_e8.into()) as u64,
                last.publish_time,
            ),
        };
        let update = PriceUpdate {
            write_authority: Pubkey::default(),
            verification_level: VerificationLevel::Full,
            feed_id: self.feed_id,
            price: point.price_e8,
            conf: point.conf_e8,
            exponent: PRICE_EXPONENT,
            publish_time,
            prev_publish_time,
            ema_price,
            ema_conf,
            posted_slot: 0,
        };
        self.last = Some(update);
        update
    }
}

/// Between `average` and `value`, so within the range both came from.
fn ema(average: i128, value: i128) -> i128 {
    average + (value - average) / EMA_UPDATES
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
