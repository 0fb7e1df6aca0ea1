//! Price accounts as the receiver program writes them.

use plimsoll_engine::index::{FeedInput, PRICE_UPDATE_SIZE, PYTH_RECEIVER};

pub const FEED: [u8; 32] = [0xA1; 32];

/// A fully verified update of dollars with eight decimals.
pub fn posted(price: i64, publish_time: i64) -> Vec<u8> {
    let mut data = vec![0x22, 0xf1, 0x23, 0x63, 0x9d, 0x7e, 0xf4, 0xcd];
    data.extend([0x77; 32]);
    data.push(1);
    data.extend(FEED);
    data.extend(price.to_le_bytes());
    data.extend((price.unsigned_abs() / 1_000).to_le_bytes());
    data.extend((-8_i32).to_le_bytes());
    data.extend(publish_time.to_le_bytes());
    data.extend((publish_time - 1).to_le_bytes());
    data.extend(0_i64.to_le_bytes());
    data.extend(0_u64.to_le_bytes());
    data.extend(372_000_001_u64.to_le_bytes());
    data.resize(PRICE_UPDATE_SIZE, 0);
    data
}

pub fn input(data: &[u8]) -> FeedInput<'_> {
    FeedInput {
        owner: PYTH_RECEIVER,
        data,
    }
}
