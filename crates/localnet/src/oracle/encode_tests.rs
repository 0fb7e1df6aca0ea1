use anchor_lang::{AccountDeserialize, Discriminator};
use pyth_solana_receiver_sdk::price_update::{PriceUpdateV2, VerificationLevel as PythLevel};

use super::*;

/// Every field differs from every other, so a swapped pair cannot pass.
fn update(verification_level: VerificationLevel) -> PriceUpdate {
    PriceUpdate {
        write_authority: Pubkey::new_from_array([17; 32]),
        verification_level,
        feed_id: std::array::from_fn(|index| index as u8),
        price: -11_666_801_000_000,
        conf: 5_833_400_500,
        exponent: -8,
        publish_time: 1_760_130_123,
        prev_publish_time: 1_760_130_122,
        ema_price: 11_667_777_000_000,
        ema_conf: 4_444_000_333,
        posted_slot: 377_000_123_456,
    }
}

/// Decodes with the receiver's own crate and compares every field.
fn assert_pyth_reads_back(update: &PriceUpdate, level: PythLevel) {
    let bytes = encode_price_update(update);
    assert_eq!(bytes.len(), PriceUpdateV2::LEN);
    let read = PriceUpdateV2::try_deserialize(&mut bytes.as_slice()).expect("Pyth decodes it");
    assert_eq!(
        read.write_authority.to_bytes(),
        update.write_authority.to_bytes()
    );
    assert_eq!(read.verification_level, level);
    let message = read.price_message;
    assert_eq!(message.feed_id, update.feed_id);
    assert_eq!(message.price, update.price);
    assert_eq!(message.conf, update.conf);
    assert_eq!(message.exponent, update.exponent);
    assert_eq!(message.publish_time, update.publish_time);
    assert_eq!(message.prev_publish_time, update.prev_publish_time);
    assert_eq!(message.ema_price, update.ema_price);
    assert_eq!(message.ema_conf, update.ema_conf);
    assert_eq!(read.posted_slot, update.posted_slot);
}

#[test]
fn pyths_own_decoder_reads_a_fully_verified_update_back() {
    assert_pyth_reads_back(&update(VerificationLevel::Full), PythLevel::Full);
}

#[test]
fn pyths_own_decoder_reads_a_partially_verified_update_back() {
    assert_pyth_reads_back(
        &update(VerificationLevel::Partial { num_signatures: 5 }),
        PythLevel::Partial { num_signatures: 5 },
    );
}

#[test]
fn the_extreme_values_of_every_field_survive() {
    let extreme = PriceUpdate {
        price: i64::MIN,
        conf: u64::MAX,
        exponent: i32::MIN,
        publish_time: i64::MAX,
        prev_publish_time: i64::MIN,
        ema_price: i64::MAX,
        ema_conf: u64::MAX - 1,
        posted_slot: u64::MAX - 2,
        ..update(VerificationLevel::Full)
    };
    assert_pyth_reads_back(&extreme, PythLevel::Full);
}

#[test]
fn the_discriminator_and_the_owner_are_pyths() {
    assert_eq!(&DISCRIMINATOR[..], PriceUpdateV2::DISCRIMINATOR);
    assert_eq!(
        RECEIVER_PROGRAM_ID.to_bytes(),
        pyth_solana_receiver_sdk::ID.to_bytes()
    );
}

#[test]
fn the_two_levels_differ_by_one_byte_of_offset() {
    let full = encode_price_update(&update(VerificationLevel::Full));
    let partial = encode_price_update(&update(VerificationLevel::Partial { num_signatures: 5 }));
    assert_eq!(full[41..133], partial[42..134]);
    assert_eq!(full[133], 0);
}
