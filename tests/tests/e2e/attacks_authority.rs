//! Attacks on authority: missing and wrong signatures, delegates, forged sysvars, and a signature that was
//! collected long ago (rows 34, 35, 39).

use plimsoll_testkit::{bid, Actor, EngineError, OrderExt, World};
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

use super::attacks_stage::{with_account, with_extra, Stage, AVAX};

const THOUSAND: u64 = 1_000_000_000;

/// Instructions that anybody may send; every other one has a signer.
const PERMISSIONLESS: [&str; 23] = [
    "apply_change",
    "wind_up_market",
    "advance_halt",
    "join_auction",
    "collect_lien",
    "pay_redemption",
    "activate_line",
    "draw",
    "value_line",
    "accrue_interest",
    "write_off",
    "liquidate",
    "tear_up",
    "close_remainder",
    "sync_seat",
    "refresh_mark",
    "settle",
    "remove_expired_order",
    "release_seat",
    "sweep_fees",
    "collect_treasury",
    "rebalance_custody",
    "grow_market",
];

#[test]
fn attack_34_missing_signature_is_refused_by_every_instruction() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for call in &stage.calls {
        let signers = |instruction: &Instruction| {
            let metas = instruction.accounts.iter();
            metas.filter(|meta| meta.is_signer).count()
        };
        let open = PERMISSIONLESS.contains(&call.name);
        assert_eq!(signers(&call.instruction) == 0, open, "{}", call.name);
        for (place, role) in stage.roles(call.name).iter().enumerate() {
            let meta = &call.instruction.accounts[place];
            if !meta.is_signer {
                continue;
            }
            let mut changed = call.instruction.clone();
            // One key may sign in two roles: both signatures go.
            for other in &mut changed.accounts {
                other.is_signer &= other.pubkey != meta.pubkey;
            }
            let what = format!("{} without the signature of its {}", call.name, role.name);
            stage.refused(&mut world, &what, &changed, "anchor: AccountNotSigner");
        }
    }
}

#[test]
fn attack_34_stranger_is_refused_in_every_role() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for call in &stage.calls {
        for (place, role) in stage.roles(call.name).iter().enumerate() {
            let Some(expected) = role.stranger else {
                continue;
            };
            for stranger in ["mallory", "rival", "keeper"] {
                let key = Actor::from(stranger).key();
                let changed = with_account(&call.instruction, place, key);
                let what = format!("{}: {stranger} as {}", call.name, role.name);
                stage.refused(&mut world, &what, &changed, expected);
            }
        }
    }
}

#[test]
fn attack_34_wrong_delegate_is_refused() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    let (dan, bob) = (Actor::from("dan").key(), Actor::from("bob").key());
    let trading = [
        "place_order",
        "place_orders",
        "cancel_order",
        "cancel_order_by_client_id",
        "cancel_all_orders",
    ];
    for name in trading {
        let sound = &stage.call(name).instruction;
        // The control: the delegate may.
        let delegated = with_account(sound, 0, dan);
        stage.attempt(&mut world.clone(), &delegated).unwrap();
        let another = with_account(sound, 0, bob);
        stage.refused(&mut world, name, &another, "NotAuthorized");
        // `ann`'s delegate is nobody to `bob`, nor to another account of `ann`'s.
        let bobs = with_account(&delegated, 1, world.margin_address("bob"));
        stage.refused(&mut world, name, &bobs, "NotAuthorized");
    }
    let second = Actor::from("ann").sub(1);
    world.trader(second, THOUSAND, &[]);
    let sound = with_account(&stage.call("cancel_all_orders").instruction, 0, dan);
    let seconds = with_account(&sound, 1, world.margin_address(second));
    stage.refused(&mut world, "cancel_all_orders", &seconds, "NotAuthorized");
    // A delegate that was removed, and one that was replaced.
    for next in [Pubkey::default(), bob] {
        let mut world = world.clone();
        let replace = world.set_delegate_ix("ann", &next);
        world.send(&[replace], &["ann".into()]).unwrap();
        for name in trading {
            let delegated = with_account(&stage.call(name).instruction, 0, dan);
            stage.refused(&mut world, name, &delegated, "NotAuthorized");
        }
    }
}

#[test]
fn attack_34_delegate_cannot_withdraw_or_close() {
    let mut world = Stage::set().world;
    world.trader("flo", 0, &[]);
    world.set_delegate("flo", "dan").unwrap();
    world.trader("guy", THOUSAND, &[]);
    world.set_delegate("guy", "dan").unwrap();
    let dan = Actor::from("dan").key();
    let [_, claim] = world.claim_seat_ix("guy", AVAX, 4);
    for instruction in [
        world.withdraw_ix("guy", 0, 1),
        world.close_margin_account_ix("flo"),
        world.set_delegate_ix("flo", &dan),
        claim,
    ] {
        let changed = with_account(&instruction, 0, dan);
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.send(&[changed], &["dan".into()])
        });
    }
}

/// The bytes of a clock that is a year ahead.
fn clock_ahead(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((world.slot() + 90_000_000).to_le_bytes());
    bytes.extend([0; 24]);
    bytes.extend((world.now() + 31_536_000).to_le_bytes());
    bytes
}

const SYSVAR_OWNER: Pubkey = Pubkey::from_str_const("Sysvar1111111111111111111111111111111111111");
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");

#[test]
fn attack_35_forged_clock_account_changes_nothing() {
    let stage = Stage::set();
    let forged = Pubkey::new_from_array([0xC1; 32]);
    let mut world = stage.world.clone();
    world.write_account(forged, &SYSVAR_OWNER, clock_ahead(&world));
    // An order that lives on is not removed because somebody brings a later time along.
    let expires_at = world.now() + 3_600;
    world
        .place("bob", AVAX, bid(17_000, 1).expires_at(expires_at))
        .unwrap();
    let (block, order) = world
        .market(AVAX)
        .orders_of_seat(world.seat_index("bob", AVAX))[0];
    let removal = world.remove_expired_ix(AVAX, block, order.sequence);
    for clock in [forged, CLOCK] {
        let with_clock = with_extra(&removal, clock);
        stage.refused(
            &mut world,
            "remove_expired_order",
            &with_clock,
            "OrderNotExpired",
        );
    }
    // Every other call either refuses the surplus account or does just what it does without.
    for call in &stage.calls {
        let (mut plain, mut forging) = (world.clone(), world.clone());
        stage.attempt(&mut plain, &call.instruction).unwrap();
        for clock in [forged, CLOCK] {
            let with_clock = with_extra(&call.instruction, clock);
            let before = forging.snapshot();
            match stage.attempt(&mut forging, &with_clock) {
                Ok(_) => forging.assert_unchanged(&plain.snapshot()),
                Err(_) => forging.assert_unchanged(&before),
            }
            forging = world.clone();
        }
    }
}

#[test]
fn attack_35_forged_instructions_sysvar_is_refused() {
    let stage = Stage::set();
    let forged = Pubkey::new_from_array([0xC2; 32]);
    let mut world = stage.world.clone();
    // One instruction without accounts and data, as the sysvar would have it.
    let mut bytes = vec![1, 0, 4, 0];
    bytes.extend([0; 36]);
    world.write_account(forged, &SYSVAR_OWNER, bytes);
    for name in [
        "initialize_exchange",
        "create_custody_shard",
        "create_market",
        "queue_change",
        "cancel_change",
        "offer_authority",
        "accept_authority",
        "guard_market",
        "lift_guard",
    ] {
        let sound = &stage.call(name).instruction;
        let last = sound.accounts.len() - 1;
        for account in [forged, CLOCK, Actor::from("mallory").key()] {
            let changed = with_account(sound, last, account);
            stage.refused(&mut world, name, &changed, "WrongAccount");
        }
    }
}

const RECENT_BLOCKHASHES: Pubkey =
    Pubkey::from_str_const("SysvarRecentB1ockHashes11111111111111111111");
const RENT: Pubkey = Pubkey::from_str_const("SysvarRent111111111111111111111111111111111");
const NONCE_SIZE: u64 = 80;

/// An instruction of the system program.
fn system(number: u32, rest: &[u8], accounts: Vec<AccountMeta>) -> Instruction {
    let mut data = number.to_le_bytes().to_vec();
    data.extend(rest);
    Instruction {
        program_id: Pubkey::default(),
        accounts,
        data,
    }
}

#[test]
fn attack_39_admin_instruction_behind_a_durable_nonce_is_refused() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    let authority = Actor::from("authority");
    let nonce = World::market_keypair("nonce");
    let key = solana_signer::Signer::pubkey(&nonce);
    let mut create = 10_000_000_u64.to_le_bytes().to_vec();
    create.extend(NONCE_SIZE.to_le_bytes());
    create.extend([0; 32]);
    let signed = |key| AccountMeta::new(key, true);
    let sysvar = |key| AccountMeta::new_readonly(key, false);
    let create = system(0, &create, vec![signed(authority.key()), signed(key)]);
    let owner = authority.key().to_bytes();
    let nonce_first = AccountMeta::new(key, false);
    let accounts = vec![
        nonce_first.clone(),
        sysvar(RECENT_BLOCKHASHES),
        sysvar(RENT),
    ];
    let initialize = system(6, &owner, accounts);
    world
        .send_signed(&[create, initialize], &[&authority.keypair(), &nonce])
        .unwrap();
    let accounts = vec![
        nonce_first,
        sysvar(RECENT_BLOCKHASHES),
        signed(authority.key()),
    ];
    let advance = system(4, &[], accounts);
    let blank = World::market_keypair("NEW");
    let third = Actor::from("third").keypair();
    let guardian = Actor::from("guardian").keypair();
    for (name, signer) in [
        ("create_custody_shard", None),
        ("create_market", Some(&blank)),
        ("initialize_exchange", Some(&third)),
        ("queue_change", None),
        ("cancel_change", None),
        ("offer_authority", None),
        ("accept_authority", Some(&third)),
        ("guard_market", Some(&guardian)),
        ("lift_guard", Some(&guardian)),
    ] {
        let sound = stage.call(name).instruction.clone();
        let mut signers = vec![authority.keypair()];
        signers.extend(signer.map(solana_keypair::Keypair::insecure_clone));
        let signers: Vec<&solana_keypair::Keypair> = signers.iter().collect();
        world.assert_rejected(EngineError::DurableNonceRefused, |world| {
            world.send_signed(&[advance.clone(), sound.clone()], &signers)
        });
        // The control: without the nonce the same signatures do.
        world.clone().send_signed(&[sound], &signers).unwrap();
    }
}
