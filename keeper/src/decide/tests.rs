//! Decisions on mirrors that are recorded from the real bytecode, and the same bytecode's word on whether what
//! was decided is due: every action is sent, in the decided order.

use plimsoll_client::engine::state::HaltPhase;
use plimsoll_testkit::{bid, MarketSpec, OrderExt};

use super::*;

mod auction;
mod replay;
pub(crate) mod stage;
mod watch;

use stage::{act, act_until_quiet, decided, kinds, mirror_of, roles};

#[test]
fn a_quiet_market_has_nothing_due_and_a_newer_price_makes_one_refresh() {
    let mut world = stage::two_sides();
    assert_eq!(kinds(&decided(&world)), []);
    world.advance(1);
    world.publish("AVAX", 20_050);
    assert_eq!(kinds(&decided(&world)), [Kind::RefreshMark]);
    act(&mut world);
    assert_eq!(kinds(&decided(&world)), []);
    // Without news funding and the EMAs still go on, and a frozen oracle is left alone.
    world.advance(5);
    assert_eq!(kinds(&decided(&world)), [Kind::RefreshMark]);
    world.advance(60);
    assert_eq!(kinds(&decided(&world)), []);
}

#[test]
fn an_account_below_maintenance_is_liquidated_and_left_alone_once_it_is_healthy() {
    let mut world = stage::two_sides();
    world.trader("maker", 100_000_000_000, &["AVAX"]);
    world
        .place("maker", "AVAX", bid(18_500, 400_000))
        .expect("a bid");
    world.move_index("AVAX", 18_600);
    let actions = decided(&world);
    let liquidations: Vec<_> = actions
        .iter()
        .filter(|a| a.key.kind == Kind::Liquidate)
        .collect();
    assert_eq!(liquidations.len(), 1, "{:?}", kinds(&actions));
    assert_eq!(liquidations[0].key.subject, world.margin_address("long"));
    let before = world.holding("long", "AVAX").base;
    act_until_quiet(&mut world);
    assert!(world.holding("long", "AVAX").base < before);
    assert!(world
        .view("long")
        .risk(world.now())
        .expect("risk")
        .meets_maintenance()
        .expect("risk"));
    world.assert_sound();
}

#[test]
fn what_the_book_does_not_take_is_sent_again_when_it_does_or_before_the_walk_ends() {
    let mut world = stage::two_sides();
    world.move_index("AVAX", 18_600);
    let due = |world: &_| kinds(&decided(world)).contains(&Kind::Liquidate);
    // The first opens a takeover's walk; nothing follows while the book is empty, or bids too little.
    assert!(due(&world));
    act(&mut world);
    assert_ne!(world.account("long").takeover_started_at, 0);
    assert!(!due(&world));
    world.trader("maker", 100_000_000_000, &["AVAX"]);
    let low = world.place("maker", "AVAX", bid(15_000, 400_000));
    low.expect("a bid");
    assert!(!due(&world));
    // An account that nobody has seen for a minute would begin its walk anew.
    world.advance_fresh(31);
    assert!(due(&world));
    act(&mut world);
    assert!(!due(&world));
    let good = world.place("maker", "AVAX", bid(18_500, 400_000));
    good.expect("a bid");
    assert!(due(&world));
}

#[test]
fn without_an_account_to_be_reimbursed_nothing_is_liquidated() {
    let mut world = stage::two_sides();
    world.move_index("AVAX", 18_600);
    let mut roles = roles(&world);
    roles.beneficiary = None;
    let clock = stage::clock(&world);
    let actions = decide(&mirror_of(&world), &clock, &roles);
    assert!(!kinds(&actions).contains(&Kind::Liquidate));
}

#[test]
fn an_insolvent_account_is_torn_up_and_the_books_stay_sound() {
    let mut world = stage::two_sides();
    world.move_index("AVAX", 17_000);
    let actions = decided(&world);
    assert!(
        kinds(&actions).contains(&Kind::TearUp),
        "{:?}",
        kinds(&actions)
    );
    assert!(!kinds(&actions).contains(&Kind::Liquidate));
    act_until_quiet(&mut world);
    assert_eq!(world.holding("long", "AVAX").base, 0);
    world.assert_sound();
}

#[test]
fn a_halt_is_driven_to_its_reopening_with_the_account_in_its_auction() {
    let mut world = stage::two_sides_of(MarketSpec::preset("AVAX").halting());
    world.trader("maker", 100_000_000_000, &["AVAX"]);
    world
        .place("maker", "AVAX", bid(18_500, 400_000))
        .expect("a bid");
    world.move_index("AVAX", 18_600);
    assert_ne!(
        world.market("AVAX").header.halt.phase,
        HaltPhase::Continuous.byte()
    );
    let actions = decided(&world);
    assert!(
        kinds(&actions).contains(&Kind::JoinAuction),
        "{:?}",
        kinds(&actions)
    );
    act(&mut world);
    // What has joined at its price and size is not put again.
    assert!(!kinds(&decided(&world)).contains(&Kind::JoinAuction));
    for _ in 0..20 {
        world.advance(1);
        world.publish("AVAX", 18_600);
        act(&mut world);
    }
    let halt = world.market("AVAX").header.halt;
    assert_eq!(halt.phase, HaltPhase::Continuous.byte());
    assert_ne!(halt.auction_price, 0);
    assert!(world
        .view("long")
        .risk(world.now())
        .expect("risk")
        .meets_maintenance()
        .expect("risk"));
    world.assert_sound();
}

#[test]
fn expired_orders_leave_the_book() {
    let mut world = stage::two_sides();
    world.trader("maker", 100_000_000_000, &["AVAX"]);
    let expires_at = world.now() + 5;
    for price in [19_000, 19_010] {
        let order = bid(price, 100).expires_at(expires_at);
        world.place("maker", "AVAX", order).expect("a bid");
    }
    assert!(!kinds(&decided(&world)).contains(&Kind::RemoveExpired));
    world.advance(6);
    assert!(kinds(&decided(&world)).contains(&Kind::RemoveExpired));
    act(&mut world);
    assert_eq!(world.market("AVAX").header.bids.orders, 0);
}

#[test]
fn fees_are_swept_and_claims_settled_once_they_are_worth_a_transaction() {
    let mut world = stage::two_sides();
    world.move_index("AVAX", 19_500);
    let mut roles = roles(&world);
    roles.settler = Some(Settler {
        settle_min: 1_000_000_000_000,
        sweep_min: 1_000_000_000_000,
    });
    let clock = stage::clock(&world);
    assert_eq!(kinds(&decide(&mirror_of(&world), &clock, &roles)), []);
    let actions = decided(&world);
    assert!(
        kinds(&actions).contains(&Kind::Settle),
        "{:?}",
        kinds(&actions)
    );
    act_until_quiet(&mut world);
    assert_ne!(world.market("AVAX").header.cash.fees_accrued, u64::MAX);
    world.assert_sound();
}

#[test]
fn equal_mirrors_give_equal_actions_in_the_same_order() {
    let mut world = stage::two_sides();
    world.trader("other", 10_000_000_000, &["AVAX"]);
    world.move_index("AVAX", 18_000);
    assert_eq!(decided(&world), decided(&world));
    let tiers: Vec<Danger> = decided(&world).iter().map(|action| action.danger).collect();
    assert!(tiers.windows(2).all(|pair| pair[0] >= pair[1]), "{tiers:?}");
}
