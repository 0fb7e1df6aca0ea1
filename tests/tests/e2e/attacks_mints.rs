//! Attacks by the mint: mints that do more than they say, made by the real Token-2022 program (row 36).

use plimsoll_client::ExchangeAddresses;
use plimsoll_testkit::{ask, bid, Actor, EngineError, World};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::attacks_roles::TOKEN_2022;
use super::attacks_stage::assert_no_panic;

const AVAX: &str = "AVAX";
const MILLION: u64 = 1_000_000_000_000;
/// Bytes of a mint, of a token account, and of a multisig.
const MINT: usize = 82;
const TOKEN_ACCOUNT: usize = 165;
const MULTISIG: usize = 355;

/// One extension of a Token-2022 mint: bytes of its value, and the instructions that set it up.
struct Extension {
    name: &'static str,
    /// Value lengths of all extensions that the instructions set.
    lengths: Vec<usize>,
    instructions: Vec<Vec<u8>>,
}

fn somebody() -> [u8; 32] {
    Actor::from("issuer").key().to_bytes()
}

/// An instruction's bytes, followed by keys.
fn data(head: &[u8], keys: usize) -> Vec<u8> {
    let mut data = head.to_vec();
    for _ in 0..keys {
        data.extend(somebody());
    }
    data
}

fn transfer_fee() -> Vec<u8> {
    let mut data = data(&[26, 0, 1], 1);
    data.push(1);
    data.extend(somebody());
    data.extend(100_u16.to_le_bytes());
    data.extend(1_000_000_u64.to_le_bytes());
    data
}

fn confidential_transfer() -> Vec<u8> {
    let mut data = data(&[27, 0], 1);
    data.push(1);
    data.extend([0; 32]);
    data
}

fn one(name: &'static str, length: usize, instruction: Vec<u8>) -> Extension {
    Extension {
        name,
        lengths: vec![length],
        instructions: vec![instruction],
    }
}

fn interest_bearing() -> Vec<u8> {
    let mut data = data(&[33, 0], 1);
    data.extend(500_i16.to_le_bytes());
    data
}

fn scaled_ui_amount() -> Vec<u8> {
    let mut data = data(&[43, 0], 1);
    data.extend(2_f64.to_le_bytes());
    data
}

/// Extensions that the program must refuse, as the real token program makes them.
fn refused_extensions() -> Vec<Extension> {
    let confidential_fee = Extension {
        name: "confidential transfer fee",
        lengths: vec![108, 65, 129],
        instructions: vec![transfer_fee(), confidential_transfer(), {
            let mut data = data(&[37, 0], 1);
            data.extend([0; 32]);
            data
        }],
    };
    vec![
        one("transfer fee", 108, transfer_fee()),
        one("close authority", 32, data(&[25, 1], 1)),
        one("confidential transfer", 65, confidential_transfer()),
        one("default state frozen", 1, vec![28, 0, 2]),
        one("default state initialised", 1, vec![28, 0, 1]),
        one("non-transferable", 0, vec![32]),
        one("interest-bearing", 52, interest_bearing()),
        one("permanent delegate", 32, data(&[35], 1)),
        one("transfer hook", 64, data(&[36, 0], 2)),
        one("group pointer", 64, data(&[40, 0], 2)),
        one("group member pointer", 64, data(&[41, 0], 2)),
        one("scaled amount", 56, scaled_ui_amount()),
        one("pausable", 33, data(&[44, 0], 1)),
        confidential_fee,
        Extension {
            name: "permanent delegate behind a metadata pointer",
            lengths: vec![64, 32],
            instructions: vec![metadata_pointer(), data(&[35], 1)],
        },
    ]
}

fn metadata_pointer() -> Vec<u8> {
    data(&[39, 0], 2)
}

fn token_2022(data: Vec<u8>, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program_id: TOKEN_2022,
        accounts,
        data,
    }
}

/// Creates a mint of Token-2022 with these extensions, by its own instructions.
fn create_mint(world: &mut World, mint: &Keypair, extension: &Extension) {
    let extended: usize = extension.lengths.iter().map(|length| length + 4).sum();
    let size = match extended {
        0 => MINT,
        _ => TOKEN_ACCOUNT + 1 + extended,
    };
    let issuer = Actor::from("issuer");
    world.fund_wallet(issuer);
    let mut create = 0_u32.to_le_bytes().to_vec();
    create.extend((world.svm.minimum_balance_for_rent_exemption(size) * 3).to_le_bytes());
    create.extend(u64::try_from(size).unwrap().to_le_bytes());
    create.extend(TOKEN_2022.to_bytes());
    let key = mint.pubkey();
    let mut all = vec![Instruction {
        program_id: Pubkey::default(),
        accounts: vec![
            AccountMeta::new(issuer.key(), true),
            AccountMeta::new(key, true),
        ],
        data: create,
    }];
    let written = || vec![AccountMeta::new(key, false)];
    for data in &extension.instructions {
        all.push(token_2022(data.clone(), written()));
    }
    let mut initialize = data(&[20, 6], 1);
    initialize.push(1);
    initialize.extend(somebody());
    all.push(token_2022(initialize, written()));
    let made = world.send_signed(&all, &[&issuer.keypair(), mint]);
    made.unwrap_or_else(|rejected| panic!("{}: {rejected:?}", extension.name));
}

/// A world without an exchange yet, whose collateral is to be this mint of that token program.
fn world_of(world: &World, mint: Pubkey, token_program: Pubkey) -> World {
    let mut world = world.clone();
    let authority = Actor::from("authority").key();
    world.addresses =
        ExchangeAddresses::new(world.addresses.program, mint, token_program, &authority);
    let treasury = world.treasury();
    world.write_tokens(treasury, &authority, 0);
    world
}

#[track_caller]
fn assert_mint_refused(world: &World, what: &str, mint: Pubkey, token_program: Pubkey) {
    let mut world = world_of(world, mint, token_program);
    world.fund_wallet("authority");
    let rejected = world.assert_refused(World::initialize_exchange);
    assert_no_panic(what, &rejected.logs);
    assert_eq!(
        rejected.engine,
        Some(EngineError::MintNotPlain),
        "{what}: {rejected:?}"
    );
}

#[test]
fn attack_36_mint_with_any_extension_but_metadata_is_refused() {
    let mut world = World::bare();
    for (number, extension) in (1_u8..).zip(refused_extensions()) {
        let mint = Keypair::new_from_array([number; 32]);
        create_mint(&mut world, &mint, &extension);
        assert_mint_refused(&world, extension.name, mint.pubkey(), TOKEN_2022);
    }
}

/// Every type number there is, and some that may come, written behind a real mint's bytes.
#[test]
fn attack_36_mint_with_an_unknown_extension_is_refused() {
    let mut world = World::bare();
    let mint = Keypair::new_from_array([99; 32]);
    create_mint(
        &mut world,
        &mint,
        &one("metadata pointer", 64, metadata_pointer()),
    );
    let sound = world.data(&mint.pubkey());
    for kind in (1..18)
        .chain(20..40)
        .chain([100, 1_000, u16::MAX - 1, u16::MAX])
    {
        for behind in [true, false] {
            let mut bytes = sound.clone();
            bytes.truncate(if behind {
                sound.len()
            } else {
                TOKEN_ACCOUNT + 1
            });
            bytes.extend(kind.to_le_bytes());
            bytes.extend([3, 0, 1, 2, 3]);
            let mut world = world.clone();
            world.write_account(mint.pubkey(), &TOKEN_2022, bytes);
            assert_mint_refused(&world, &format!("type {kind}"), mint.pubkey(), TOKEN_2022);
        }
    }
}

#[test]
fn attack_36_account_that_is_no_mint_is_refused() {
    let world = World::bare();
    let spl = world.addresses.token_program;
    let plain = world.data(&world.addresses.collateral_mint);
    let key = Pubkey::new_from_array([88; 32]);
    let refused = |what: &str, bytes: Vec<u8>, owner: Pubkey, token_program: Pubkey| {
        let mut world = world.clone();
        world.write_account(key, &owner, bytes);
        assert_mint_refused(&world, what, key, token_program);
    };
    refused("nothing", Vec::new(), spl, spl);
    refused("of the other token program", plain.clone(), TOKEN_2022, spl);
    refused("of the other token program", plain.clone(), spl, TOKEN_2022);
    let own = world.addresses.program;
    refused("of a token program of one's own", plain.clone(), own, own);
    let mut unborn = plain.clone();
    unborn[45] = 0;
    refused("not initialised", unborn, spl, spl);
    for length in [
        MINT - 1,
        MINT + 1,
        TOKEN_ACCOUNT,
        TOKEN_ACCOUNT + 1,
        MULTISIG,
    ] {
        let mut bytes = plain.clone();
        bytes.resize(length, 0);
        refused("of another length", bytes.clone(), spl, spl);
        refused("of another length", bytes, TOKEN_2022, TOKEN_2022);
    }
    // A token account, and an entry that says it is longer than the account.
    let mut account = plain.clone();
    account.resize(TOKEN_ACCOUNT, 0);
    account.extend([2, 18, 0, 0, 0]);
    refused("a token account", account, TOKEN_2022, TOKEN_2022);
    let mut cut = plain.clone();
    cut.resize(TOKEN_ACCOUNT, 0);
    cut.extend([1, 18, 0, 64, 0, 1, 2, 3]);
    refused("cut short", cut, TOKEN_2022, TOKEN_2022);
    // A multisig's signers are chosen bytes: these look like a mint without extensions.
    let mut multisig = plain;
    multisig.resize(MULTISIG, 0);
    multisig[TOKEN_ACCOUNT] = 1;
    refused("a multisig", multisig, TOKEN_2022, TOKEN_2022);
}

/// An exchange whose collateral is a Token-2022 mint with nothing but metadata, used from end to end.
#[test]
fn attack_36_mint_with_metadata_alone_is_accepted() {
    let mut world = World::bare();
    let mint = Keypair::new_from_array([66; 32]);
    create_mint(
        &mut world,
        &mint,
        &one("metadata pointer", 64, metadata_pointer()),
    );
    let issuer = Actor::from("issuer");
    // `TokenMetadata` itself, by the interface's instruction.
    let mut metadata = vec![210, 225, 30, 162, 88, 184, 77, 141];
    for text in ["Test USDC", "tUSDC", "https://example.org"] {
        metadata.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        metadata.extend(text.as_bytes());
    }
    // The pointer must name the mint itself for that; here it names the issuer, so that both are tried.
    let pointed = [
        AccountMeta::new(mint.pubkey(), false),
        AccountMeta::new_readonly(issuer.key(), false),
        AccountMeta::new_readonly(mint.pubkey(), false),
        AccountMeta::new_readonly(issuer.key(), true),
    ];
    let written = world.send(&[token_2022(metadata, pointed.to_vec())], &[issuer]);
    assert!(written.is_ok(), "{written:?}");
    assert!(world.data(&mint.pubkey()).len() > TOKEN_ACCOUNT + 1 + 68);

    let mut world = world_of(&world, mint.pubkey(), TOKEN_2022);
    world.initialize_exchange().unwrap();
    for shard in 0..2 {
        world.create_custody_shard(shard).unwrap();
    }
    world.open_market(&plimsoll_testkit::MarketSpec::preset(AVAX));
    for name in ["ann", "bob"] {
        world.trader(name, MILLION, &[AVAX]);
    }
    world.place("ann", AVAX, ask(20_000, 100)).unwrap();
    world.place("bob", AVAX, bid(20_000, 100)).unwrap();
    for name in ["ann", "bob"] {
        world.settle(name, &[AVAX]).unwrap();
    }
    world.withdraw("ann", MILLION / 2).unwrap();
    world.rebalance_custody(0, 1, 1_000).unwrap();
    world.sweep_fees(AVAX).unwrap();
    world.collect_treasury(0).unwrap();
    world.assert_sound();
}

/// Quote atoms are millionths: a mint of other decimals would make every amount another one.
#[test]
fn attack_36_mint_of_other_than_six_decimals_is_refused() {
    let world = World::bare();
    let spl = world.addresses.token_program;
    for decimals in [0, 2, 5, 7, 9, u8::MAX] {
        let mut world = world.clone();
        let mint = world.addresses.collateral_mint;
        world.change_account(&mint, |account| account.data[44] = decimals);
        assert_mint_refused(&world, "decimals", mint, spl);
    }
}
