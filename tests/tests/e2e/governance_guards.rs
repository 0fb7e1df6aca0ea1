//! What governance checks besides its own rules: who pays and who signs, accounts that changed while a change
//! waited, halts that the clock has ended, and changes that are gone.

use plimsoll_engine::state::{HaltPhase, MarketStatus};
use plimsoll_testkit::{Actor, ChangeArgs, EngineError, MarketSpec, World};
use solana_pubkey::Pubkey;
use solana_system_interface::instruction as system;

const AVAX: &str = "AVAX";
const DAY: i64 = 86_400;
const DEAD: i64 = 604_800 + 15;
/// Anchor's `AccountNotSigner`.
const NOT_SIGNED: u32 = 3_010;

const SPLIT: ChangeArgs = ChangeArgs::FeeSplit {
    shares_ppm: [1_000_000, 0, 0],
};

fn key(name: &str) -> Pubkey {
    Actor::from(name).key()
}

/// Payer and authority are two accounts; where they are two keys, both sign.
#[test]
fn attack_34_a_payer_does_not_sign_for_the_authority() {
    let mut world = World::trading(&[AVAX]);
    let spec = MarketSpec {
        symbol: "NEW".into(),
        ..MarketSpec::preset(AVAX)
    };
    let [blank, create_market] = world.create_market_ix(&spec);
    let (payer, authority) = (Actor::from("mallory"), Actor::from("authority"));
    let market = World::market_keypair("NEW");
    world
        .send_signed(&[blank], &[&authority.keypair(), &market])
        .unwrap();
    world.fund_wallet(payer);
    let calls = [
        (world.queue_change_ix(SPLIT, None), false),
        (world.create_custody_shard_ix(2), false),
        (create_market, true),
    ];
    for (mut call, of_a_market) in calls {
        call.accounts[0].pubkey = payer.key();
        let (payer, authority) = (payer.keypair(), authority.keypair());
        let mut signers = vec![&payer, &authority];
        if of_a_market {
            signers.push(&market);
        }
        // The control: with both signatures it does.
        world
            .clone()
            .send_signed(&[call.clone()], &signers)
            .unwrap();
        call.accounts[1].is_signer = false;
        signers.remove(1);
        let refused = world.assert_refused(|world| world.send_signed(&[call], &signers));
        assert_eq!(refused.code(), Some(NOT_SIGNED));
    }
}

/// The token account is looked at again when the change is applied: two days are long enough to close it.
#[test]
fn a_treasury_that_is_gone_when_its_change_is_due_is_not_taken() {
    let mut world = World::trading(&[AVAX]);
    let next = Pubkey::new_from_array([0x7E; 32]);
    world.write_tokens(next, &key("owner"), 0);
    world
        .queue_change(ChangeArgs::Treasury, Some(next))
        .unwrap();
    world.advance_fresh(2 * DAY);
    let mut of_another_mint = world.clone();
    of_another_mint.write_tokens_of(next, &key("owner"), Pubkey::new_from_array([0xA7; 32]), 0);
    let mut closed = world.clone();
    closed.write_account(next, &Pubkey::default(), Vec::new());
    for mut world in [of_another_mint, closed] {
        world.assert_rejected(EngineError::WrongAccount, |world| world.apply_change(0));
    }
    world.apply_change(0).unwrap();
}

#[test]
fn a_cancelled_change_is_gone() {
    let mut world = World::trading(&[AVAX]);
    world.queue_change(SPLIT, None).unwrap();
    let (address, apply) = (world.addresses.pending_change(0), world.apply_change_ix(0));
    let cancel = world.cancel_change_ix(0);
    world.cancel_change(0).unwrap();
    assert_eq!(world.lamports(&address), 0);
    world.advance_fresh(2 * DAY);
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[apply], &["keeper".into()])
    });
    world.assert_rejected(EngineError::WrongAccount, |world| {
        world.send(&[cancel], &["authority".into()])
    });
}

/// Lamports sent to a closed change in the same transaction keep the account alive, but nothing in it.
#[test]
fn a_change_that_is_kept_alive_by_lamports_is_applied_once() {
    let mut world = World::trading(&[AVAX]);
    world.queue_change(SPLIT, None).unwrap();
    world.queue_change(SPLIT, None).unwrap();
    world.advance_fresh(2 * DAY);
    world.fund_wallet("mallory");
    let mallory = Actor::from("mallory");
    let (apply, cancel) = (world.apply_change_ix(0), world.cancel_change_ix(1));
    let authority = Actor::from("authority");
    for (id, close, signers) in [
        (0, apply, vec![mallory]),
        (1, cancel, vec![mallory, authority]),
    ] {
        let address = world.addresses.pending_change(id);
        let revive = system::transfer(&mallory.key(), &address, 10_000_000);
        world.send(&[close.clone(), revive], &signers).unwrap();
        let left = world.svm.get_account(&address).unwrap();
        assert_eq!((left.owner, left.data.len()), (Pubkey::default(), 0));
        world.assert_rejected(EngineError::WrongAccount, |world| {
            world.send(&[close], &signers)
        });
    }
    world.assert_sound();
}

/// A halt whose time is over ends in the call that comes next, whoever makes it: nobody needs to refresh before.
#[test]
fn a_halt_that_the_clock_has_ended_holds_up_no_decision() {
    let mut world = World::trading(&[AVAX]);
    world
        .queue_params(AVAX, |params| params.taker_fee_ppm = 400)
        .unwrap();
    world.advance_fresh(2 * DAY);
    let mut guarded = world.clone();
    guarded.guard_market(AVAX, 3_600).unwrap();
    let halted = |world: &World, wait: i64| {
        let mut world = world.clone();
        world.force_phase(AVAX, HaltPhase::Call);
        world.advance(wait);
        let halt = world.market(AVAX).header.halt;
        assert_eq!(halt.phase, HaltPhase::Call.byte(), "as it is stored");
        world
    };
    halted(&world, 60).apply_change(0).unwrap();
    halted(&world, 60).guard_market(AVAX, 60).unwrap();
    halted(&guarded, 60).lift_guard("guardian", AVAX).unwrap();
    halted(&world, DEAD + 1).wind_up(AVAX).unwrap();
    // The control: while it runs, none of them goes.
    for (from, attempt) in [
        (
            &world,
            (|world: &mut World| world.apply_change(0)) as fn(&mut World) -> _,
        ),
        (&world, |world| world.guard_market(AVAX, 60)),
        (&guarded, |world| world.lift_guard("guardian", AVAX)),
    ] {
        halted(from, 1).assert_rejected(EngineError::MarketHalted, attempt);
    }
}

/// What a wind-up publishes: the copy of the mark tells everybody who reads it.
#[test]
fn the_mark_account_of_a_market_tells_that_it_is_wound_up() {
    let mut world = World::trading(&[AVAX]);
    world.advance(DEAD + 1);
    world.wind_up(AVAX).unwrap();
    assert_eq!(world.mark(AVAX).status, MarketStatus::WoundUp.byte());
}
