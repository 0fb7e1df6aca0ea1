//! What a loss event leaves below a lot may be tidied up; nobody is liquidated by that.

use plimsoll_client::instructions;
use plimsoll_keeper::decide::Kind;
use plimsoll_replay::actors::{order, ASK, BID, IOC, LIMIT};
use plimsoll_replay::hands::Stagehands;
use plimsoll_replay::ledger::Ledger;
use plimsoll_replay::operator::{Hands, Operator, Step};
use plimsoll_replay::rules::RuleSet;
use plimsoll_replay::scenario::Side;

use crate::queue::{crashed, roster, START};

#[test]
fn closing_a_remainder_is_no_liquidation() {
    let (mut stage, scenario, _) = crashed();
    let ledger = Ledger::new(roster(&stage), stage.venue.units, "plimsoll", START);
    let mut keeper = Operator::new(&stage, &scenario);
    let mut hands = Stagehands::new(&mut stage, ledger, RuleSet::Plimsoll, (0, 0), 1);
    hands.index_e8 = crate::queue::PRICE * 7 / 10;
    for _ in 0..20 {
        keeper.work(&mut hands).expect("a keeper");
    }
    assert!(
        hands.ledger.measures.adl_notional > 0,
        "shorts were closed in part"
    );

    // A short buys all whole lots that it has left, from a maker.
    let lot = hands.stage.venue.units.base_atoms_per_lot;
    let traders = hands
        .stage
        .population
        .traders
        .iter()
        .zip(&hands.stage.members);
    let mut shorts = traders.filter(|(trader, _)| trader.side == Side::Short);
    let left = |seat| hands.base_of(seat).unsigned_abs();
    let found = shorts.find(|(_, member)| left(member.seat) > lot && left(member.seat) % lot != 0);
    let short = *found.expect("a position that is no whole number of lots").1;
    let place = hands.ledger.roster.of_margin(&short.margin).unwrap();
    let (lots, maker) = (left(short.seat) / lot, hands.stage.makers[0]);
    let price = hands.stage.venue.units.ticks(hands.index_e8);
    let ask = hands.stage.trade(&maker);
    let ask = ask.place_order(order(maker.seat, ASK, LIMIT, price, lots));
    let bid = hands.stage.trade(&short);
    let bid = bid.place_order(order(short.seat, BID, IOC, price, lots));
    hands.send(&maker.owner, &[ask]).expect("an ask");
    hands.send(&short.owner, &[bid]).expect("a bid");
    let dust = hands.base_of(short.seat);
    assert!(dust != 0 && dust.unsigned_abs() < lot, "{dust}");

    let market = hands.stage.venue.market;
    let step = Step {
        kind: Kind::CloseRemainder,
        subject: short.margin,
        payer: hands.stage.keeper,
        instructions: vec![instructions::close_remainder(
            &hands.stage.chain.addresses,
            short.margin,
            market,
        )],
    };
    let done = hands.execute(&step).expect("hands");
    done.expect("a remainder that anyone may close");
    assert_eq!(hands.base_of(short.seat), 0);
    let told = hands.ledger.events.iter();
    let told = told.filter(|row| row.event == "remainder_closed");
    assert!(told.count() > 0);
    assert!(!hands.ledger.liquidated.contains(&place));
    hands.ledger.close();
    assert_eq!(hands.ledger.measures.liquidated_on_venue_only_print, 0);
}
