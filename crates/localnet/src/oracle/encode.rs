//! `PriceUpdateV2` of the Pyth receiver, encoded. Little endian, Borsh, no padding inside.

use solana_pubkey::Pubkey;

/// Owner of every genuine price account.
pub const RECEIVER_PROGRAM_ID: Pubkey =
    Pubkey::from_str_const("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");

/// Bytes of a price account. The receiver sizes it for the longer of the two verification levels,
/// so a fully verified update leaves its last byte unused.
pub const PRICE_UPDATE_LEN: usize = 134;

/// First eight bytes of SHA-256("account:PriceUpdateV2"), as Anchor marks its accounts.
const DISCRIMINATOR: [u8; 8] = [34, 241, 35, 99, 157, 126, 244, 205];

const PARTIAL_TAG: u8 = 0;
const FULL_TAG: u8 = 1;

/// How many guardian signatures the receiver checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationLevel {
    /// Fewer than two thirds of the guardians: an exchange must reject it. Two bytes.
    Partial {
        /// Signatures that were checked.
        num_signatures: u8,
    },
    /// Two thirds of the guardians. One byte.
    Full,
}

/// A price update as the receiver stores it. Prices and confidences are in units of
/// 10^`exponent` US dollars; times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceUpdate {
    /// Who may overwrite or close the account.
    pub write_authority: Pubkey,
    /// Guardian signatures checked.
    pub verification_level: VerificationLevel,
    /// Which product this is the price of.
    pub feed_id: [u8; 32],
    /// Aggregate price.
    pub price: i64,
    /// Half-width of the publishers' confidence interval.
    pub conf: u64,
    /// Power of ten of all four prices here, negative in practice.
    pub exponent: i32,
    /// When the publishers agreed on this price.
    pub publish_time: i64,
    /// When they agreed on the one before it.
    pub prev_publish_time: i64,
    /// Exponential moving average of the price, about an hour long.
    pub ema_price: i64,
    /// The same of the confidence.
    pub ema_conf: u64,
    /// Slot in which the update reached this chain.
    pub posted_slot: u64,
}

/// The bytes of the account, always [`PRICE_UPDATE_LEN`] of them.
pub fn encode_price_update(update: &PriceUpdate) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PRICE_UPDATE_LEN);
    bytes.extend_from_slice(&DISCRIMINATOR);
    bytes.extend_from_slice(update.write_authority.as_ref());
    match update.verification_level {
        VerificationLevel::Partial { num_signatures } => {
            bytes.extend_from_slice(&[PARTIAL_TAG, num_signatures]);
        }
        VerificationLevel::Full => bytes.push(FULL_TAG),
    }
    bytes.extend_from_slice(&update.feed_id);
    bytes.extend_from_slice(&update.price.to_le_bytes());
    bytes.extend_from_slice(&update.conf.to_le_bytes());
    bytes.extend_from_slice(&update.exponent.to_le_bytes());
    bytes.extend_from_slice(&update.publish_time.to_le_bytes());
    bytes.extend_from_slice(&update.prev_publish_time.to_le_bytes());
    bytes.extend_from_slice(&update.ema_price.to_le_bytes());
    bytes.extend_from_slice(&update.ema_conf.to_le_bytes());
    bytes.extend_from_slice(&update.posted_slot.to_le_bytes());
    bytes.resize(PRICE_UPDATE_LEN, 0);
    bytes
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
