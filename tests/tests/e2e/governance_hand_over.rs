//! `offer_authority` and `accept_authority`.

use plimsoll_testkit::events::{AuthorityAccepted, AuthorityOffered};
use plimsoll_testkit::{Actor, ChangeArgs, EngineError, World};
use solana_pubkey::Pubkey;

const SPLIT: ChangeArgs = ChangeArgs::FeeSplit {
    shares_ppm: [1_000_000, 0, 0],
};

fn key(name: &str) -> Pubkey {
    Actor::from(name).key()
}

#[test]
fn the_authority_moves_when_the_next_one_accepts() {
    let mut world = World::new();
    let offered = world.offer_authority(&key("nia")).unwrap();
    assert_eq!(offered.event::<AuthorityOffered>().next, key("nia"));
    // Until then the first one is still it, and the next one nobody.
    assert_eq!(world.exchange().authority, key("authority").to_bytes());
    world.queue_change(SPLIT, None).unwrap();
    let accepted = world
        .accept_authority("nia")
        .unwrap()
        .event::<AuthorityAccepted>();
    assert_eq!(accepted.before, key("authority"));
    let exchange = world.exchange();
    assert_eq!(exchange.authority, key("nia").to_bytes());
    assert_eq!(exchange.pending_authority, [0; 32]);
    // The first one is nobody now, not even for what it queued; the next one may take it back.
    world.assert_rejected(EngineError::NotAuthorized, |world| world.cancel_change(0));
    world.assert_rejected(EngineError::NotAuthorized, |world| {
        world.offer_authority(&key("authority"))
    });
    let mut cancel = world.cancel_change_ix(0);
    cancel.accounts[0].pubkey = key("nia");
    world.send(&[cancel], &["nia".into()]).unwrap();
    world.assert_sound();
}

#[test]
fn only_who_was_offered_the_authority_accepts_it() {
    let mut world = World::new();
    for who in ["nia", "mallory", "authority"] {
        world.fund_wallet(who);
        // Nobody was.
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.accept_authority(who)
        });
    }
    world.offer_authority(&key("nia")).unwrap();
    for who in ["mallory", "authority"] {
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.accept_authority(who)
        });
    }
    // An offer to another takes the place of the first, and zeros withdraw it.
    for next in [key("sam"), Pubkey::default()] {
        world.offer_authority(&next).unwrap();
        world.assert_rejected(EngineError::NotAuthorized, |world| {
            world.accept_authority("nia")
        });
    }
}
