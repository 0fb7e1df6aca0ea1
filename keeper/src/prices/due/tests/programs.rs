//! Posts on the programs themselves: Wormhole's receiver, Pyth's receiver, Pyth's push oracle and the exchange, each
//! as its bytecode, with guardians of the test's own. Pyth's and Wormhole's bytecode is not in the repository:
//! `PLIMSOLL_PYTH_PROGRAMS` names a folder with `wormhole.so`, `pyth-receiver.so` and `pyth-push-oracle.so`, as they
//! are on mainnet.

use k256::ecdsa::SigningKey;
use plimsoll_testkit::Actor;
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;
use solana_sdk_ids::system_program;

use super::*;
use crate::execute::packing::transactions;
use crate::prices::post::{feed_address, PUSH_ORACLE, RECEIVER, WORMHOLE};

const GUARDIANS: u8 = 19;
/// Which guardian set the test's updates name.
const GUARDIAN_SET: u32 = 4;
/// What the test's updates say of who sent them.
const EMITTER: [u8; 32] = [0x33; 32];

fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

fn guardian(number: u8) -> SigningKey {
    SigningKey::from_slice(&[number + 1; 32]).expect("a key")
}

/// A guardian as Ethereum names it.
fn address(number: u8) -> [u8; 20] {
    let point = guardian(number).verifying_key().to_encoded_point(false);
    let hash = keccak(&point.as_bytes()[1..]);
    std::array::from_fn(|place| hash[place + 12])
}

/// Signs an update with the first guardians in place of what stands there.
fn sign(update: &mut [u8], signatures: u8) {
    const VAA: usize = 10;
    let first = VAA + 6;
    let body_at = first + 66 * usize::from(signatures);
    let body = &update[body_at..body_at + 88];
    let digest = keccak(&keccak(body));
    for number in 0..signatures {
        let (signature, recovery) = guardian(number)
            .sign_prehash_recoverable(&digest)
            .expect("signed");
        let at = first + 66 * usize::from(number);
        update[at] = number;
        update[at + 1..at + 65].copy_from_slice(&signature.to_bytes());
        update[at + 65] = recovery.to_byte();
    }
}

/// What Hermes would say, signed by so many guardians.
fn heard(world: &World, price: i64, signatures: u8) -> Latest {
    let mut bytes = signed(signatures, &[message(feed_id(world), price, world.now())]);
    sign(&mut bytes, signatures);
    let update = Update::parse(&bytes).expect("an update");
    let seen = update.observations(world.now()).expect("prices");
    seen.into_iter().map(|seen| (seen.feed_id, seen)).collect()
}

fn with_programs() -> World {
    let folder =
        std::env::var("PLIMSOLL_PYTH_PROGRAMS").expect("PLIMSOLL_PYTH_PROGRAMS names a folder");
    let mut world = world();
    for (program, name) in [
        (WORMHOLE, "wormhole"),
        (RECEIVER, "pyth-receiver"),
        (PUSH_ORACLE, "pyth-push-oracle"),
    ] {
        let path = std::path::Path::new(&folder).join(format!("{name}.so"));
        let bytes = std::fs::read(path).expect("bytecode");
        world.svm.add_program(program, &bytes).expect("a program");
    }
    let mut guardians = GUARDIAN_SET.to_le_bytes().to_vec();
    guardians.extend(u32::from(GUARDIANS).to_le_bytes());
    guardians.extend((0..GUARDIANS).flat_map(address));
    guardians.extend([0; 8]);
    let seeds: [&[u8]; 2] = [b"GuardianSet", &GUARDIAN_SET.to_be_bytes()];
    let set = Pubkey::find_program_address(&seeds, &WORMHOLE).0;
    world.write_account(set, &WORMHOLE, guardians);
    // One source of updates, a fee of one lamport, five signatures at least where not all are asked for.
    let mut config = Sha256::digest("account:Config")[..8].to_vec();
    config.extend([5; 32]);
    config.push(0);
    config.extend(WORMHOLE.to_bytes());
    config.extend(1_u32.to_le_bytes());
    config.extend(0x3333_u16.to_le_bytes());
    config.extend(EMITTER);
    config.extend(1_u64.to_le_bytes());
    config.push(5);
    config.resize(370, 0);
    let config_address = Pubkey::find_program_address(&[b"config"], &RECEIVER).0;
    world.write_account(config_address, &RECEIVER, config);
    let treasury = keeper().to_bytes()[0];
    let treasury = Pubkey::find_program_address(&[b"treasury", &[treasury]], &RECEIVER).0;
    world.write_account(treasury, &system_program::ID, Vec::new());
    world.advance(3);
    world
}

fn keeper() -> Pubkey {
    Actor::from("keeper").key()
}

fn statement(world: &World) -> Pubkey {
    Statement::of(&keeper(), &world.market_address(MARKET)).address
}

/// What the keeper would send, each part one transaction, and by how much it foresees the index to move.
fn post(
    world: &World,
    latest: &Latest,
    left_over: bool,
) -> (Vec<Vec<solana_instruction::Instruction>>, u64) {
    let account = feed_address(0, &feed_id(world));
    let posting = Posting {
        poster: Poster {
            payer: keeper(),
            shard: 0,
        },
        accounts: BTreeMap::from([(feed_id(world), account)]),
        ..posting(world)
    };
    let market = MarketFeeds {
        feeds: vec![account],
        ..feeds(world)
    };
    let clock = ChainClock {
        now: world.now(),
        slot: world.slot(),
    };
    let mut mirror = Mirror::new(world.addresses, [account, statement(world)]);
    mirror.sync(&snapshot(world), Sync::Forward);
    for address in [account, statement(world)] {
        let found = world
            .svm
            .get_account(&address)
            .filter(|found| found.lamports != 0);
        mirror.apply(&AccountUpdate {
            address,
            slot: world.slot(),
            account: found.map(|found| RawAccount {
                owner: found.owner,
                data: found.data,
            }),
        });
    }
    assert_eq!(mirror.feed(&statement(world)).is_some(), left_over);
    let actions = due((&mirror, &clock), &[market], &posting, latest);
    let packed = transactions(&keeper(), &actions[0].instructions);
    (packed, actions[0].danger.amount)
}

fn send(world: &mut World, part: &[solana_instruction::Instruction]) -> plimsoll_testkit::Outcome {
    world.send_within(1_400_000, part, &["keeper".into()])
}

fn index(world: &World) -> u64 {
    let mut mirror = Mirror::new(world.addresses, []);
    mirror.sync(&snapshot(world), Sync::Forward);
    let market = mirror.market(&world.market_address(MARKET));
    market.expect("a market").header.prices.index
}

#[test]
#[ignore = "needs bytecode that is not in the repository: PLIMSOLL_PYTH_PROGRAMS"]
fn a_price_is_posted_and_moves_the_index_as_foreseen() {
    let mut world = with_programs();
    let before = index(&world);
    let latest = heard(&world, TWENTY + 30_000_000, 13);
    let (parts, foreseen) = post(&world, &latest, false);
    let mut units = Vec::new();
    for part in &parts {
        units.push(send(&mut world, part).expect("sent").units);
    }
    println!("{} transactions, compute units {units:?}", parts.len());
    let moved = (index(&world) - before) * 1_000_000 / before;
    assert_eq!((moved, foreseen), (15_000, 15_000));
    let account = world
        .svm
        .get_account(&feed_address(0, &feed_id(&world)))
        .expect("a price account");
    assert_eq!(account.owner, RECEIVER);
    let posted = decode_price_update(&account.data).expect("a price");
    assert!(posted.fully_verified);
    assert_eq!(
        (posted.price, posted.publish_time),
        (TWENTY + 30_000_000, world.now())
    );
    // What was foreseen is what stands there, but for who may write it.
    let signed = latest[&feed_id(&world)].signed.as_ref().expect("signed");
    let foreseen = as_posted(signed, posted.posted_slot).expect("a price");
    assert_eq!(
        (&account.data[..8], &account.data[40..]),
        (&foreseen[..8], &foreseen[40..])
    );
    let left = world.svm.get_account(&statement(&world));
    assert!(left.is_none_or(|left| left.lamports == 0));
}

#[test]
#[ignore = "needs bytecode that is not in the repository: PLIMSOLL_PYTH_PROGRAMS"]
fn a_post_that_stopped_half_way_is_taken_up_by_the_next() {
    let mut world = with_programs();
    let latest = heard(&world, TWENTY + 30_000_000, 13);
    let (parts, _) = post(&world, &latest, false);
    send(&mut world, &parts[0]).expect("sent");
    world.advance(1);
    let latest = heard(&world, TWENTY + 40_000_000, 13);
    let (parts, foreseen) = post(&world, &latest, true);
    let before = index(&world);
    for part in &parts {
        send(&mut world, part).expect("sent");
    }
    assert_eq!((index(&world) - before) * 1_000_000 / before, foreseen);
}

#[test]
#[ignore = "needs bytecode that is not in the repository: PLIMSOLL_PYTH_PROGRAMS"]
fn too_few_or_false_signatures_are_refused() {
    for (signatures, spoil) in [(12, false), (13, true)] {
        let mut world = with_programs();
        let mut latest = heard(&world, TWENTY + 30_000_000, signatures);
        if spoil {
            for signed in latest.values_mut().filter_map(|seen| seen.signed.as_mut()) {
                let mut vaa = signed.vaa.to_vec();
                vaa[20] ^= 1;
                signed.vaa = vaa.into();
            }
        }
        let (parts, _) = post(&world, &latest, false);
        let sent: Result<Vec<_>, _> = parts.iter().map(|part| send(&mut world, part)).collect();
        let rejected = sent.expect_err("refused");
        assert!(
            rejected
                .logs
                .iter()
                .any(|line| line.contains(&WORMHOLE.to_string())),
            "{rejected:?}"
        );
    }
}
