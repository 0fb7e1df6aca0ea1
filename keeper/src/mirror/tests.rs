use plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
use plimsoll_testkit::World;

use super::*;

fn of(world: &World) -> Mirror {
    Mirror::new(world.addresses, [feed()])
}

fn feed() -> Pubkey {
    Pubkey::new_from_array([9; 32])
}

fn raw(data: Vec<u8>) -> RawAccount {
    RawAccount {
        owner: LOCALNET_PROGRAM_ID,
        data,
    }
}

fn update(address: Pubkey, slot: u64, data: Option<Vec<u8>>) -> AccountUpdate {
    AccountUpdate {
        address,
        slot,
        account: data.map(raw),
    }
}

/// A margin account's bytes before and after a deposit.
fn two_states() -> (World, Pubkey, Vec<u8>, Vec<u8>) {
    let mut world = World::new();
    world.trader("ann", 1_000_000, &[]);
    let address = world.margin_address("ann");
    let before = world.data(&address);
    world.deposit("ann", 500_000).expect("a deposit");
    let after = world.data(&address);
    (world, address, before, after)
}

fn cash(mirror: &Mirror, address: &Pubkey) -> Option<i64> {
    mirror.account(address).map(|account| account.collateral)
}

#[test]
fn an_older_slot_never_overwrites_a_newer_one() {
    let (world, address, before, after) = two_states();
    let mut mirror = of(&world);
    let newer = mirror.apply(&update(address, 11, Some(after.clone())));
    assert_eq!(newer, Applied::Changed);
    let older = mirror.apply(&update(address, 10, Some(before.clone())));
    assert_eq!(older, Applied::Older);
    assert_eq!(cash(&mirror, &address), Some(1_500_000));
    // The same bytes again are no change, whatever slot they claim.
    assert_eq!(
        mirror.apply(&update(address, 3, Some(after))),
        Applied::Same
    );
    assert_eq!(mirror.apply(&update(address, 10, None)), Applied::Older);
    let newest = mirror.apply(&update(address, 12, Some(before)));
    assert_eq!(newest, Applied::Changed);
    assert_eq!(cash(&mirror, &address), Some(1_000_000));
}

#[test]
fn a_later_look_at_the_same_bytes_outdates_what_comes_between() {
    let (world, address, before, after) = two_states();
    let mut mirror = of(&world);
    mirror.apply(&update(address, 10, Some(after.clone())));
    assert_eq!(
        mirror.apply(&update(address, 20, Some(after))),
        Applied::Same
    );
    let between = mirror.apply(&update(address, 15, Some(before)));
    assert_eq!(between, Applied::Older);
}

#[test]
fn a_snapshot_settles_what_is_gone_and_keeps_what_is_newer() {
    let (world, address, before, after) = two_states();
    let mut mirror = of(&world);
    let bob = Pubkey::new_from_array([5; 32]);
    mirror.apply(&update(address, 30, Some(after.clone())));
    mirror.apply(&update(bob, 10, Some(before.clone())));
    let snapshot = Snapshot {
        slot: 20,
        accounts: vec![(address, raw(before.clone()))],
    };
    mirror.sync(&snapshot, Sync::Forward);
    assert_eq!(cash(&mirror, &address), Some(1_500_000));
    assert_eq!(cash(&mirror, &bob), None);
    // What the snapshot did not list does not come back with news from before it.
    let late = mirror.apply(&update(bob, 19, Some(before)));
    assert_eq!(late, Applied::Older);
    assert_eq!((mirror.lag(25), mirror.certain_slot()), (5, 20));
}

#[test]
fn a_rollback_replaces_everything_whatever_its_slot() {
    let (world, address, before, after) = two_states();
    let mut mirror = of(&world);
    mirror.apply(&update(address, 30, Some(after)));
    let snapshot = Snapshot {
        slot: 25,
        accounts: vec![(address, raw(before.clone()))],
    };
    mirror.sync(&snapshot, Sync::Replace);
    assert_eq!(cash(&mirror, &address), Some(1_000_000));
    assert_eq!(mirror.certain_slot(), 25);
    // And the chain goes on from there.
    let snapshot = Snapshot {
        slot: 26,
        accounts: vec![(address, raw(before))],
    };
    mirror.sync(&snapshot, Sync::Forward);
    assert_eq!(mirror.lag(26), 0);
}

#[test]
fn accounts_of_other_programs_exchanges_and_kinds_are_left_alone() {
    let (world, address, before, _) = two_states();
    let mut mirror = of(&world);
    let mut foreign = update(address, 1, Some(before.clone()));
    foreign.account.as_mut().expect("one").owner = feed();
    assert_eq!(mirror.apply(&foreign), Applied::Foreign);
    let mut elsewhere = before;
    elsewhere[16] ^= 1; // the exchange's address
    assert_eq!(
        mirror.apply(&update(address, 1, Some(elsewhere))),
        Applied::Foreign
    );
    assert_eq!(
        mirror.apply(&update(address, 1, Some(vec![1; 40]))),
        Applied::Foreign
    );
    assert_eq!(mirror.lag(1), u64::MAX);
}

#[test]
fn price_accounts_are_followed_whoever_owns_them() {
    let mut mirror = of(&World::new());
    let price = |slot, byte| AccountUpdate {
        address: feed(),
        slot,
        account: Some(RawAccount {
            owner: Pubkey::new_from_array([8; 32]),
            data: vec![byte],
        }),
    };
    assert_eq!(mirror.apply(&price(5, 1)), Applied::Changed);
    assert_eq!(mirror.apply(&price(4, 2)), Applied::Older);
    assert_eq!(mirror.feed(&feed()).map(|held| held.data[0]), Some(1));
    mirror.sync(&Snapshot::default(), Sync::Replace);
    assert!(mirror.feed(&feed()).is_none());
    assert_eq!(mirror.apply(&price(4, 2)), Applied::Changed);
}

/// A market's bytes before and after an order that expires.
fn two_books() -> (World, Pubkey, [Vec<u8>; 2]) {
    use plimsoll_testkit::{bid, MarketSpec, OrderExt};
    let mut world = World::new();
    world.open_market(&MarketSpec::preset("AVAX"));
    world.trader("ann", 1_000_000_000, &["AVAX"]);
    let address = world.market_address("AVAX");
    let before = world.data(&address);
    let order = bid(19_000, 10).expires_at(world.now() + 9);
    world.place("ann", "AVAX", order).expect("a bid");
    let after = world.data(&address);
    (world, address, [before, after])
}

#[test]
fn a_market_is_changed_in_place_and_says_whose_seats_changed() {
    let (world, address, [before, after]) = two_books();
    let mut mirror = of(&world);
    let first = mirror.apply(&update(address, 5, Some(before.clone())));
    assert_eq!(first, Applied::Changed);
    assert!(mirror.take_changes().everything, "a market is new");
    let same = mirror.apply(&update(address, 6, Some(before.clone())));
    assert_eq!(same, Applied::Same);
    assert!(mirror.take_changes().is_empty());
    let older = mirror.apply(&update(address, 5, Some(after.clone())));
    assert_eq!(older, Applied::Older);
    let newer = mirror.apply(&update(address, 7, Some(after.clone())));
    assert_eq!(newer, Applied::Changed);
    let held = mirror.market(&address).expect("a market");
    let read = MarketView::decode(&after).expect("a market");
    assert!(held.matches(&after) && !held.matches(&before) && read.matches(&after));
    let changes = mirror.take_changes();
    assert!(!changes.everything);
    let ann = world.margin_address("ann");
    assert!(changes.list.contains(&Change::Seat(ann)), "{changes:?}");
    let expires_at = world.now() + 9;
    let market = Change::Market {
        address,
        expires_at,
    };
    assert_eq!(changes.list.last(), Some(&market));
    // A longer arena, and a shorter one.
    let grown: Vec<u8> = after.iter().copied().chain([0; 256]).collect();
    for (slot, data) in [(8, &grown), (9, &after)] {
        mirror.apply(&update(address, slot, Some(data.clone())));
        let held = mirror.market(&address).expect("a market");
        assert!(held.matches(data));
    }
}

#[test]
fn what_another_program_owns_now_is_gone() {
    let (world, address, before, _) = two_states();
    let mut mirror = of(&world);
    mirror.apply(&update(address, 10, Some(before)));
    let mut closed = update(address, 9, Some(Vec::new()));
    closed.account.as_mut().expect("one").owner = Pubkey::default();
    assert_eq!(mirror.apply(&closed), Applied::Older);
    closed.slot = 11;
    assert_eq!(mirror.apply(&closed), Applied::Changed);
    assert!(mirror.account(&address).is_none());
}

#[test]
fn fingerprints_tell_every_kind_of_account_apart() {
    let (world, market, [before, after]) = two_books();
    let ann = world.margin_address("ann");
    let held = |data: Vec<u8>| {
        let mut mirror = of(&world);
        mirror.apply(&update(market, 1, Some(data)));
        mirror.apply(&update(ann, 1, Some(world.data(&ann))));
        mirror.fingerprints()
    };
    let (before, after) = (held(before), held(after));
    assert_ne!(before[&market], after[&market]);
    assert_eq!(before[&ann], after[&ann]);
    assert_eq!(before.len(), 2);
}

#[test]
fn too_many_changes_count_as_everything_and_are_not_kept() {
    let (world, address, before, after) = two_states();
    let mut mirror = of(&world);
    mirror.take_changes();
    for slot in 0..70_000 {
        let data = if slot % 2 == 0 { &before } else { &after };
        mirror.apply(&update(address, slot, Some(data.clone())));
    }
    let changes = mirror.take_changes();
    assert!(changes.everything && changes.list.is_empty());
    mirror.apply(&update(address, 70_000, Some(before)));
    assert_eq!(mirror.take_changes().list, [Change::Account(address)]);
}
