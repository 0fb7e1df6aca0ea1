use plimsoll_client::engine::state::{HaltPhase, OrderSide};

use super::{Maker, Move, Own};
use crate::demo::bots::Wanted;
use crate::demo::sight::Sight;

fn sight(volatility_ppm: u64, fresh: bool) -> Sight {
    Sight {
        now: 1_000,
        index: 20_000,
        mark: 20_000,
        best_bid: None,
        best_ask: None,
        depth: 0,
        fresh,
        index_age: 0,
        phase: HaltPhase::Continuous,
        call_ends_at: 0,
        volatility_ppm,
        momentum_ppm: 0,
        quote_atoms_per_lot_tick: 100,
        base_atoms_per_lot: 10_000_000,
    }
}

fn quotes(volatility_ppm: u64, base: i64) -> Vec<Wanted> {
    let own = Own { base, orders: 6 };
    let mut maker = Maker::new(10_000_000_000, 20_000_000_000, 6);
    match maker.decide(&sight(volatility_ppm, true), &own) {
        Some(Move::Requote(quotes)) => quotes,
        other => panic!("{other:?}"),
    }
}

fn lots(quotes: &[Wanted]) -> u64 {
    quotes.iter().map(|quote| quote.lots).sum()
}

#[test]
fn three_levels_a_side_stand_on_their_own_side_of_the_index() {
    let quotes = quotes(0, 0);
    assert_eq!(quotes.len(), 6);
    for quote in &quotes {
        match quote.side {
            OrderSide::Bid => assert!(quote.price < 20_000, "{quote:?}"),
            OrderSide::Ask => assert!(quote.price > 20_000, "{quote:?}"),
        }
    }
}

#[test]
fn quotes_shrink_and_widen_when_volatility_rises() {
    let (calm, wild) = (quotes(0, 0), quotes(1_200, 0));
    assert!(lots(&wild) * 15 < lots(&calm));
    let best = |quotes: &[Wanted]| {
        let bids = quotes.iter().filter(|quote| quote.side == OrderSide::Bid);
        bids.map(|quote| quote.price).max()
    };
    assert!(best(&wild) < best(&calm));
}

#[test]
fn a_long_maker_leans_down_and_an_overfull_one_only_sells() {
    let lots_long = 50_000_000_000 / (20_000 * 100);
    let long = lots_long * 10_000_000 / 10;
    let price = |quotes: &[Wanted]| quotes.iter().map(|quote| quote.price).max();
    assert!(price(&quotes(0, long)) < price(&quotes(0, 0)));
    let full = quotes(0, long * 20);
    assert!(full.iter().all(|quote| quote.side == OrderSide::Ask));
}

#[test]
fn a_stale_index_withdraws_once_and_offers_only_to_reduce() {
    let mut maker = Maker::new(10_000_000_000, 20_000_000_000, 6);
    let own = Own {
        base: -30_000_000,
        orders: 6,
    };
    assert!(maker.decide(&sight(0, true), &own).is_some());
    let Some(Move::Requote(offer)) = maker.decide(&sight(0, false), &own) else {
        panic!("no withdrawal");
    };
    assert_eq!(offer.len(), 1);
    assert!(offer[0].reduce_only && offer[0].side == OrderSide::Bid && offer[0].lots == 3);
    let later = Sight {
        now: 1_100,
        ..sight(0, false)
    };
    let resting = Own { orders: 1, ..own };
    assert_eq!(maker.decide(&later, &resting), None);
}

#[test]
fn quotes_stay_until_they_are_old_or_the_index_moves() {
    let mut maker = Maker::new(10_000_000_000, 20_000_000_000, 6);
    let own = Own { base: 0, orders: 6 };
    assert!(maker.decide(&sight(0, true), &own).is_some());
    assert_eq!(maker.decide(&sight(0, true), &own), None);
    let jumped = Sight {
        index: 20_010,
        ..sight(0, true)
    };
    assert!(maker.decide(&jumped, &own).is_some());
}
