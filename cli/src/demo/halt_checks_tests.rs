use plimsoll_client::events::{AuctionFillRecord, AuctionFilled};

use super::{charged_by, halted_most};

fn fill(sequence: u64, side: u8, liquidation: bool, lots: u64, fee: u64) -> AuctionFillRecord {
    AuctionFillRecord {
        seat: 1,
        sequence,
        side,
        liquidation,
        lots,
        fee,
    }
}

fn auction(fills: Vec<AuctionFillRecord>) -> AuctionFilled {
    AuctionFilled {
        version: 1,
        market: Default::default(),
        sequence: 1,
        price: 10,
        lots_left: 0,
        fills,
    }
}

#[test]
fn a_counterparty_pays_for_the_lots_that_met_a_liquidation() {
    // The first bid meets 6 lots of a trader and 4 of a liquidation, the second 5 of the liquidation.
    let fills = vec![
        fill(1, 0, false, 10, 25),
        fill(2, 1, false, 6, 7),
        fill(3, 1, true, 9, 90),
        fill(4, 0, false, 5, 11),
    ];
    assert_eq!(charged_by(&auction(fills)), 90 + 10 + 11);
    let without = vec![fill(1, 0, false, 6, 25), fill(2, 1, false, 6, 7)];
    assert_eq!(charged_by(&auction(without)), 0);
}

#[test]
fn the_worst_stretch_is_found_wherever_it_lies() {
    let halts = [(0, 30), (100, 150), (590, 640)];
    // From 40 to 640: the second and the third.
    assert_eq!(halted_most(&halts, 600), 50 + 50);
    assert_eq!(halted_most(&halts, 60), 50);
    assert_eq!(halted_most(&[], 60), 0);
    // Cut by both ends: 40 of the first and all of the second.
    assert_eq!(halted_most(&[(0, 50), (60, 110)], 100), 90);
}
