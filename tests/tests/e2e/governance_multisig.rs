//! The authority moves to the address of another program, which signs by CPI: how a multisig takes it (spec §11).

use std::path::Path;

use plimsoll_testkit::events::{AuthorityAccepted, ChangeQueued};
use plimsoll_testkit::{Actor, ChangeArgs, EngineError, Outcome, World};
use solana_instruction::error::InstructionError;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;

/// Where the stand-in lies on this chain; its sources are in `tests/proxy`.
const PROXY: Pubkey = Pubkey::new_from_array([0x50; 32]);

const SPLIT: ChangeArgs = ChangeArgs::FeeSplit {
    shares_ppm: [1_000_000, 0, 0],
};

/// The address that the stand-in signs for.
fn vault() -> Pubkey {
    Pubkey::find_program_address(&[plimsoll_proxy::VAULT_SEED], &PROXY).0
}

/// A world with the stand-in on its chain.
fn world() -> World {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let file = root.join("artifacts/proxy.so");
    let bytecode = std::fs::read(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; `make proxy` makes it", file.display()));
    let mut world = World::new();
    world.svm.add_program(PROXY, &bytecode).unwrap();
    world
}

/// The call, made by the stand-in; `mallory` pays and signs nothing of it.
fn through_proxy(world: &mut World, mode: u8, call: &Instruction) -> Outcome {
    let mut accounts = vec![AccountMeta::new_readonly(call.program_id, false)];
    accounts.extend(call.accounts.iter().map(|meta| AccountMeta {
        is_signer: false,
        ..meta.clone()
    }));
    let mut data = vec![mode];
    data.extend(&call.data);
    let outer = Instruction {
        program_id: PROXY,
        accounts,
        data,
    };
    world.send(&[outer], &["mallory".into()])
}

fn accept_by(world: &World, who: Pubkey) -> Instruction {
    plimsoll_client::instructions::accept_authority(&world.addresses, who)
}

#[test]
fn a_multisig_takes_the_authority_by_cpi_and_uses_it() {
    let mut world = world();
    world.offer_authority(&vault()).unwrap();
    let accept = accept_by(&world, vault());
    let accepted = through_proxy(&mut world, plimsoll_proxy::SIGNED, &accept)
        .unwrap()
        .event::<AuthorityAccepted>();
    assert_eq!(accepted.before, Actor::from("authority").key());
    assert_eq!(accepted.authority, vault());
    let exchange = world.exchange();
    assert_eq!(exchange.authority, vault().to_bytes());
    assert_eq!(exchange.pending_authority, [0; 32]);
    // The key that was it is nobody; the multisig offers it onwards, and takes back what was queued.
    let offer = world.offer_authority_ix(&Pubkey::default());
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.send(std::slice::from_ref(&offer), &["authority".into()])
    });
    let mut onwards = offer;
    onwards.accounts[0].pubkey = vault();
    through_proxy(&mut world, plimsoll_proxy::SIGNED, &onwards).unwrap();
    world.assert_sound();
}

/// A wallet pays and the multisig decides: payer and authority of a queued change are two accounts.
#[test]
fn a_multisig_queues_and_takes_back_a_change_that_another_pays_for() {
    let mut world = world();
    world.offer_authority(&vault()).unwrap();
    let accept = accept_by(&world, vault());
    through_proxy(&mut world, plimsoll_proxy::SIGNED, &accept).unwrap();
    let payer = Actor::from("mallory").key();
    let queue = plimsoll_client::instructions::queue_change(
        &world.addresses,
        payer,
        vault(),
        world.exchange().pending_changes,
        None,
        SPLIT,
    );
    let mut accounts = vec![AccountMeta::new_readonly(queue.program_id, false)];
    accounts.extend(queue.accounts.iter().map(|meta| AccountMeta {
        is_signer: meta.pubkey == payer,
        ..meta.clone()
    }));
    accounts.push(AccountMeta::new_readonly(Pubkey::default(), false));
    let outer = |mode: u8| {
        let mut data = vec![mode];
        data.extend(&queue.data);
        Instruction {
            program_id: PROXY,
            accounts: accounts.clone(),
            data,
        }
    };
    let refused = world.assert_refused(|world| {
        world.send(&[outer(plimsoll_proxy::UNSIGNED)], &["mallory".into()])
    });
    assert_eq!(refused.code(), Some(3_010), "Anchor's AccountNotSigner");
    let queued = world
        .send(&[outer(plimsoll_proxy::SIGNED)], &["mallory".into()])
        .unwrap()
        .event::<ChangeQueued>();
    assert_eq!(queued.id, 0);
    let cancel =
        plimsoll_client::instructions::cancel_change(&world.addresses, vault(), &world.pending(0));
    through_proxy(&mut world, plimsoll_proxy::SIGNED, &cancel).unwrap();
    assert_eq!(world.lamports(&world.addresses.pending_change(0)), 0);
    world.assert_sound();
}

#[test]
fn attack_34_an_address_of_a_program_that_does_not_sign_takes_no_authority() {
    let mut world = world();
    world.offer_authority(&vault()).unwrap();
    let accept = accept_by(&world, vault());
    // It is passed without a signature: the program refuses it.
    let unsigned =
        world.assert_refused(|world| through_proxy(world, plimsoll_proxy::UNSIGNED, &accept));
    assert_eq!(unsigned.code(), Some(3_010), "Anchor's AccountNotSigner");
    let mut direct = accept.clone();
    direct.accounts[0].is_signer = false;
    let direct = world.assert_refused(|world| world.send(&[direct], &["mallory".into()]));
    assert_eq!(direct.code(), Some(3_010), "Anchor's AccountNotSigner");
    // It is called a signer without its seeds: the runtime refuses that.
    let claimed =
        world.assert_refused(|world| through_proxy(world, plimsoll_proxy::CLAIMED, &accept));
    assert_eq!(
        claimed.instruction_error(),
        Some(&InstructionError::PrivilegeEscalation)
    );
    // Another address of the same program signs for itself, not for the one that was offered.
    world.offer_authority(&Actor::from("nia").key()).unwrap();
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        through_proxy(world, plimsoll_proxy::SIGNED, &accept)
    });
}
