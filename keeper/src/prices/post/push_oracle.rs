//! Pyth's push oracle: the accounts that keep each feed's newest price.

use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_sdk_ids::system_program;

use super::{Poster, Proven};
use crate::prices::FeedId;

/// Program of the feeds' accounts.
pub const PUSH_ORACLE: Pubkey =
    Pubkey::from_str_const("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");
/// Pyth's receiver, which owns them: the one whose accounts the exchange accepts.
pub const RECEIVER: Pubkey = Pubkey::new_from_array(plimsoll_engine::index::PYTH_RECEIVER);

const UPDATE_PRICE_FEED: [u8; 8] = [28, 9, 93, 150, 86, 153, 188, 115];

/// The account that keeps a feed's price in a shard.
pub fn feed_address(shard: u16, feed_id: &FeedId) -> Pubkey {
    Pubkey::find_program_address(&[&shard.to_le_bytes(), feed_id], &PUSH_ORACLE).0
}

/// Posts a message that a verified VAA proves. One that is not newer than the account's changes nothing.
pub(super) fn update_price_feed(
    poster: &Poster,
    verified: Pubkey,
    treasury: u8,
    proven: &Proven<'_>,
) -> Instruction {
    let (config, _) = Pubkey::find_program_address(&[b"config"], &RECEIVER);
    let (paid, _) = Pubkey::find_program_address(&[b"treasury", &[treasury]], &RECEIVER);
    let mut data = UPDATE_PRICE_FEED.to_vec();
    data.extend(counted(&proven.signed.message));
    data.extend(&proven.signed.message);
    data.extend(counted(&proven.signed.proof));
    data.extend(proven.signed.proof.iter().flatten());
    data.push(treasury);
    data.extend(poster.shard.to_le_bytes());
    data.extend(proven.feed_id);
    Instruction {
        program_id: PUSH_ORACLE,
        accounts: vec![
            AccountMeta::new(poster.payer, true),
            AccountMeta::new_readonly(RECEIVER, false),
            AccountMeta::new_readonly(verified, false),
            AccountMeta::new_readonly(config, false),
            AccountMeta::new(paid, false),
            AccountMeta::new(feed_address(poster.shard, &proven.feed_id), false),
            AccountMeta::new_readonly(system_program::ID, false),
        ],
        data,
    }
}

/// How Borsh tells a list's length.
fn counted<T>(list: &[T]) -> [u8; 4] {
    u32::try_from(list.len()).unwrap_or(u32::MAX).to_le_bytes()
}
