use plimsoll_client::instructions::refresh_mark;
use plimsoll_client::ExchangeAddresses;
use pyth_solana_receiver_sdk::pda::{get_config_address, get_treasury_address};
use pyth_solana_receiver_sdk::PostUpdateParams;
use pythnet_sdk::accumulators::merkle::MerklePath;
use pythnet_sdk::wire::v1::MerklePriceUpdate;
use sha2::{Digest as _, Sha256};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_sdk_ids::system_program;

use super::wormhole::{CHUNK, VAA_START};
use super::{feed_address, Poster, Proven, Statement, PUSH_ORACLE, RECEIVER, WORMHOLE};
use crate::execute::packing::{size, transactions, TRANSACTION_BYTES_MAX};
use crate::prices::accumulator::tests::{message, signed};
use crate::prices::accumulator::Update;
use crate::prices::{Observation, Signed};

const PAYER: Pubkey = Pubkey::new_from_array([11; 32]);
const MARKET: Pubkey = Pubkey::new_from_array([12; 32]);

fn observations(signatures: u8, feeds: u8) -> Vec<Observation> {
    let messages: Vec<_> = (0..feeds)
        .map(|feed| message([feed; 32], 2_000_000_000, 1_000))
        .collect();
    let update = Update::parse(&signed(signatures, &messages)).expect("an update");
    update.observations(0).expect("prices")
}

fn discriminator(name: &str) -> [u8; 8] {
    let hash = Sha256::digest(format!("global:{name}"));
    std::array::from_fn(|place| hash[place])
}

/// Everything that is sent for prices of one VAA.
fn built(seen: &[Observation], left_over: bool) -> Vec<Instruction> {
    let proven: Vec<Proven<'_>> = seen
        .iter()
        .map(|seen| Proven {
            feed_id: seen.feed_id,
            signed: seen.signed.as_ref().expect("signed"),
        })
        .collect();
    let poster = Poster {
        payer: PAYER,
        shard: 3,
    };
    let addresses = ExchangeAddresses::new(
        Pubkey::new_from_array([7; 32]),
        Default::default(),
        Default::default(),
        &Default::default(),
    );
    let feeds: Vec<Pubkey> = seen
        .iter()
        .map(|seen| feed_address(3, &seen.feed_id))
        .collect();
    let refresh = refresh_mark(&addresses, MARKET, &feeds);
    let vaa = proven[0].signed.vaa.clone();
    let built = poster.instructions(&MARKET, (&vaa, &proven), left_over, Some(refresh));
    built.expect("instructions")
}

/// First eight bytes of each instruction to a program, by name.
fn names(built: &[Instruction]) -> Vec<&'static str> {
    const KNOWN: [&str; 5] = [
        "init_encoded_vaa",
        "write_encoded_vaa",
        "verify_encoded_vaa_v1",
        "close_encoded_vaa",
        "update_price_feed",
    ];
    let named = built.iter().map(|instruction| {
        if instruction.program_id == system_program::ID {
            return "create";
        }
        let known = KNOWN
            .iter()
            .find(|name| instruction.data.starts_with(&discriminator(name)));
        known.copied().unwrap_or("refresh_mark")
    });
    named.collect()
}

#[test]
fn addresses_are_those_of_the_public_programs() {
    // Guardian sets of the Wormhole receiver and the receiver's accounts, as they are on mainnet.
    for (index, address) in [
        (1, "8d9szTd157GKCLcxBqiLUgB7mek3v65rbsy2ErRyjwQ5"),
        (4, "5gxPdahvSzcKySxXxPuRXZZ9s6h8hZ88XDVKavWpaQGn"),
        (6, "HstYgN21fgNmutTVXjBw54n4ryvP3WrCFbMAjnbdbTzf"),
    ] {
        let verify = Statement::of(&PAYER, &MARKET).verify(index);
        assert_eq!(verify.accounts[2].pubkey.to_string(), address);
    }
    assert_eq!(
        get_config_address().to_string(),
        "DaWUKXCyXsnzcvLUyeJRWou8KTn7XtadgTsdhJ6RHS7b"
    );
    assert_eq!(RECEIVER.to_bytes(), pyth_solana_receiver_sdk::ID.to_bytes());
    assert_eq!(
        PUSH_ORACLE.to_bytes(),
        pyth_solana_receiver_sdk::PYTH_PUSH_ORACLE_ID.to_bytes()
    );
    // SOL in shard 0, the account that sponsors keep.
    let sol = [
        0xef, 0x0d, 0x8b, 0x6f, 0xda, 0x2c, 0xeb, 0xa4, 0x1d, 0xa1, 0x5d, 0x40, 0x95, 0xd1, 0xda,
        0x39, 0x2a, 0x0d, 0x2f, 0x8e, 0xd0, 0xc6, 0xc7, 0xbc, 0x0f, 0x4c, 0xfa, 0xc8, 0xc2, 0x80,
        0xb5, 0x6d,
    ];
    assert_eq!(
        feed_address(0, &sol).to_string(),
        "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE"
    );
}

#[test]
fn a_statement_is_written_whole_into_an_account_of_its_size() {
    let vaa: Vec<u8> = (0..=255).cycle().take(952).collect();
    let statement = Statement::of(&PAYER, &MARKET);
    assert_ne!(statement.address, Statement::of(&PAYER, &PAYER).address);
    assert_ne!(statement.address, Statement::of(&MARKET, &MARKET).address);
    let [create, init] = statement.create(vaa.len());
    // As on mainnet: 998 bytes for 952, and 7,836,960 lamports.
    let seed = "0c".repeat(16);
    let mut expected = 3_u32.to_le_bytes().to_vec();
    expected.extend(PAYER.to_bytes());
    expected.extend(32_u64.to_le_bytes());
    expected.extend(seed.as_bytes());
    expected.extend(7_836_960_u64.to_le_bytes());
    expected.extend(998_u64.to_le_bytes());
    expected.extend(WORMHOLE.to_bytes());
    assert_eq!(create.data, expected);
    let derived = Pubkey::create_with_seed(&PAYER, &seed, &WORMHOLE).expect("an address");
    assert_eq!(statement.address, derived);
    assert_eq!(
        create.accounts[..2],
        [
            AccountMeta::new(PAYER, true),
            AccountMeta::new(derived, false)
        ]
    );
    let signer_and_account = [
        AccountMeta::new_readonly(PAYER, true),
        AccountMeta::new(derived, false),
    ];
    assert_eq!(init.accounts, signer_and_account);
    assert_eq!(init.data, discriminator("init_encoded_vaa"));
    let mut account = vec![0; VAA_START + vaa.len()];
    for write in statement.write(&vaa) {
        assert_eq!(
            (write.program_id, &write.accounts[..]),
            (WORMHOLE, &signer_and_account[..])
        );
        let (head, piece) = write.data.split_at(16);
        assert_eq!(head[..8], discriminator("write_encoded_vaa"));
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four")) as usize;
        let (place, count) = (number(&head[8..12]), number(&head[12..16]));
        assert!(count == piece.len() && count <= CHUNK && count != 0);
        account[VAA_START + place..VAA_START + place + count].copy_from_slice(piece);
    }
    assert_eq!(account[VAA_START..], vaa);
    let close = statement.close();
    assert_eq!(
        close.accounts,
        [
            AccountMeta::new(PAYER, true),
            AccountMeta::new(derived, false)
        ]
    );
    assert_eq!(close.data, discriminator("close_encoded_vaa"));
    assert_eq!(statement.verify(4).accounts[..2], signer_and_account);
    assert_eq!(
        statement.verify(4).data,
        discriminator("verify_encoded_vaa_v1")
    );
}

#[test]
fn a_price_is_posted_with_the_accounts_and_the_bytes_of_pyths_own_crates() {
    let seen = observations(13, 1);
    let Signed { message, proof, .. } = seen[0].signed.clone().expect("signed");
    let built = built(&seen, false);
    let update = built
        .iter()
        .find(|built| built.program_id == PUSH_ORACLE)
        .expect("an update");
    let treasury = 11;
    let params = PostUpdateParams {
        merkle_price_update: MerklePriceUpdate {
            message: message.into(),
            proof: MerklePath::new(proof),
        },
        treasury_id: treasury,
    };
    let mut expected = discriminator("update_price_feed").to_vec();
    expected.extend(borsh::to_vec(&params).expect("written"));
    expected.extend(3_u16.to_le_bytes());
    expected.extend(seen[0].feed_id);
    assert_eq!(update.data, expected);
    let same = |address: [u8; 32]| Pubkey::new_from_array(address);
    assert_eq!(
        update.accounts,
        [
            AccountMeta::new(PAYER, true),
            AccountMeta::new_readonly(RECEIVER, false),
            AccountMeta::new_readonly(Statement::of(&PAYER, &MARKET).address, false),
            AccountMeta::new_readonly(same(get_config_address().to_bytes()), false),
            AccountMeta::new(same(get_treasury_address(treasury).to_bytes()), false),
            AccountMeta::new(feed_address(3, &seen[0].feed_id), false),
            AccountMeta::new_readonly(system_program::ID, false),
        ]
    );
}

/// A message and 13 steps make 396 bytes, as in a transaction of mainnet's sponsors.
#[test]
fn the_size_of_an_update_is_mainnets() {
    let mut seen = observations(13, 1);
    let signed = seen[0].signed.as_mut().expect("signed");
    signed.proof.resize(13, [0; 20]);
    let built = built(&seen, false);
    let update = built
        .iter()
        .find(|built| built.program_id == PUSH_ORACLE)
        .expect("an update");
    assert_eq!(update.data.len(), 396);
}

#[test]
fn what_was_left_over_is_closed_first_and_the_account_last() {
    let seen = observations(13, 2);
    let all = [
        "close_encoded_vaa",
        "create",
        "init_encoded_vaa",
        "write_encoded_vaa",
        "write_encoded_vaa",
        "verify_encoded_vaa_v1",
        "update_price_feed",
        "update_price_feed",
        "refresh_mark",
        "close_encoded_vaa",
    ];
    assert_eq!(names(&built(&seen, true)), all);
    assert_eq!(names(&built(&seen, false)), all[1..]);
}

/// With thirteen signatures of nineteen guardians, and with three of five.
#[test]
fn one_feed_takes_two_transactions_and_the_refresh_goes_along_where_it_fits() {
    let packed = |signatures, feeds| {
        let all = built(&observations(signatures, feeds), false);
        let after_another = transactions(&PAYER, &built(&observations(signatures, feeds), true));
        let packed = transactions(&PAYER, &all);
        assert_eq!(after_another.len(), packed.len());
        assert_eq!(packed.concat(), all);
        for part in &packed {
            assert!(size(&PAYER, part) <= Some(TRANSACTION_BYTES_MAX));
        }
        packed.iter().map(|part| names(part)).collect::<Vec<_>>()
    };
    assert_eq!(
        packed(13, 1),
        [
            &["create", "init_encoded_vaa", "write_encoded_vaa"][..],
            &[
                "write_encoded_vaa",
                "verify_encoded_vaa_v1",
                "update_price_feed",
                "refresh_mark",
                "close_encoded_vaa",
            ],
        ]
    );
    let with_three = packed(3, 1);
    assert_eq!(with_three.len(), 2, "{with_three:?}");
    assert!(with_three[1].contains(&"refresh_mark"), "{with_three:?}");
    assert!(packed(13, 3).len() <= 5);
}

#[test]
fn a_vaa_that_cannot_be_read_is_not_posted() {
    let poster = Poster {
        payer: PAYER,
        shard: 0,
    };
    assert!(poster
        .instructions(&MARKET, (&[2, 0], &[]), false, None)
        .is_err());
}
