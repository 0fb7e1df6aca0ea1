//! The keeper's own bound: so many transactions reach the chain in a second.

use plimsoll_replay::hands::Stagehands;
use plimsoll_replay::ledger::Ledger;
use plimsoll_replay::operator::Operator;
use plimsoll_replay::rules::RuleSet;

use crate::queue::{crashed, roster, START};

#[test]
fn a_second_has_room_for_no_more_than_the_scenario_says() {
    const PER_SECOND: u32 = 5;
    let (mut stage, mut scenario, _) = crashed();
    scenario.keeper.per_second = PER_SECOND;
    let ledger = Ledger::new(roster(&stage), stage.venue.units, "no_halt", START);
    let mut keeper = Operator::new(&stage, &scenario);
    let before = stage.chain.transactions;
    let mut hands = Stagehands::new(&mut stage, ledger, RuleSet::NoHalt, (0, 0), 1);
    for _ in 0..4 {
        keeper.work(&mut hands).expect("a keeper");
    }
    let sent = hands.stage.chain.transactions - before;
    assert_eq!(sent, u64::from(PER_SECOND));

    // The next second has room of its own.
    let before = hands.stage.chain.transactions;
    hands.stage.chain.set_time(START + 1);
    keeper.work(&mut hands).expect("a keeper");
    assert!(hands.stage.chain.transactions > before);
}
