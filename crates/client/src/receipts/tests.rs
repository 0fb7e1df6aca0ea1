#![allow(clippy::unwrap_used)]

use anchor_lang::AnchorDeserialize;
use bytemuck::Zeroable;
use plimsoll_engine::adl::{self, LossEvent};
use plimsoll_engine::book::arena::{MarketMut, EPOCH_BLOCKS};
use plimsoll_engine::epochs;
use plimsoll_engine::position::{self, SeatFill};
use plimsoll_engine::state::{Block, BlockKind, MarketStatus, OrderSide, Seat};
use plimsoll_engine::units::PriceQ32;
use plimsoll_engine::Env;

use super::*;
use crate::accounts::MarketView;
use crate::events::{Event, FillRecord, OrderPlaced};

const MARKET: [u8; 32] = [3; 32];
/// 0.417 quote atoms a base atom.
const PRICE: u64 = (1 << 32) / 1_000 * 417;
const SEATS: u32 = 6;

/// The event that carries a receipt.
fn event_of(receipt: &Receipt) -> Event {
    let event = DeleveragingExecuted::deserialize(&mut bytemuck::bytes_of(receipt));
    Event::DeleveragingExecuted(Box::new(event.unwrap()))
}

/// The event of a trade whose taker is the buyer.
fn traded(buyer: u32, seller: u32, lots: u64) -> Event {
    Event::OrderPlaced(Box::new(OrderPlaced {
        version: 1,
        market: MARKET.into(),
        margin_account: [u8::try_from(buyer).unwrap(); 32].into(),
        seat: buyer,
        side: OrderSide::Bid.byte(),
        client_id: 0,
        order: 0,
        sequence: 0,
        price: 1,
        resting_lots: 0,
        cancelled_lots: 0,
        filled_lots: lots,
        filled_quote: lots,
        taker_fee: 0,
        fills: vec![FillRecord {
            maker_seat: seller,
            maker_sequence: 1,
            price: 1,
            lots,
            maker_fee: 0,
        }],
        removals: Vec::new(),
    }))
}

/// A market whose seats, blocks 1 to 6, trade by hand.
struct Pit {
    view: MarketView,
    receipts: Vec<Receipt>,
    changes: Changes,
    env: Env,
}

impl Pit {
    fn new() -> Self {
        let mut header = MarketHeader::zeroed();
        header.status = MarketStatus::Active.byte();
        header.sides = [Side::empty(); 2];
        header.prices.mark = PRICE;
        let capacity = 1 + EPOCH_BLOCKS + SEATS;
        header.arena.capacity = capacity;
        header.arena.fresh = SEATS + 1;
        header.arena.reserved_blocks = SEATS;
        let mut blocks = vec![Block::zeroed(); usize::try_from(capacity).unwrap()];
        for (number, block) in (0_u8..).zip(&mut blocks).skip(1).take(6) {
            block.kind = BlockKind::Seat.byte();
            let seat: &mut Seat = block.view_mut().unwrap();
            seat.owner = [number; 32];
        }
        Self {
            view: MarketView { header, blocks },
            receipts: Vec::new(),
            changes: Changes::of(MARKET.into()),
            env: Env {
                now: 1_000,
                slot: 7,
            },
        }
    }

    /// `buyer` buys `size` base atoms from `seller` at the mark.
    fn trade(&mut self, buyer: u32, seller: u32, size: u64) {
        for (who, side) in [(buyer, OrderSide::Bid), (seller, OrderSide::Ask)] {
            let fill = SeatFill {
                side,
                base: size,
                cash: PriceQ32(PRICE).value_floor(size).unwrap(),
                fee: 0,
            };
            let mut market = MarketMut {
                header: &mut self.view.header,
                blocks: &mut self.view.blocks,
            };
            epochs::catch_up(&mut market, who).unwrap();
            let seat = market.blocks[usize::try_from(who).unwrap()]
                .view_mut()
                .unwrap();
            position::fill(seat, &mut market.header.sides, &fill, PriceQ32(PRICE), 1).unwrap();
        }
        self.changes.observe(&traded(buyer, seller, size));
    }

    fn lose(&mut self, who: u32, deficit: u64, from_default_fund: u64) {
        self.env.slot += 1;
        let event = LossEvent {
            price: PriceQ32(PRICE),
            deficit,
            from_default_fund,
        };
        let mut market = MarketMut {
            header: &mut self.view.header,
            blocks: &mut self.view.blocks,
        };
        let receipt = adl::execute(&mut market, &MARKET, who, &event, &self.env).unwrap();
        let losses = &mut self.view.header.losses;
        losses.receipt_chain = Sha256::new()
            .chain_update(losses.receipt_chain)
            .chain_update(bytemuck::bytes_of(&receipt))
            .finalize()
            .into();
        self.receipts.push(receipt);
        self.changes.observe(&event_of(&receipt));
    }

    fn seat(&self, who: u32) -> &Seat {
        self.view.seat(who).unwrap()
    }

    fn check(&self, receipts: Vec<Receipt>) -> Result<Receipts, ReceiptError> {
        Receipts::check(&MARKET.into(), &self.view.header, receipts)
    }

    fn checked(&self) -> Receipts {
        self.check(self.receipts.clone()).unwrap()
    }

    fn report(&self, who: u32, changes: Option<&Changes>) -> SeatReport {
        let checked = self.checked();
        checked
            .on_seat(&self.view, who, self.seat(who), changes)
            .unwrap()
    }
}

/// Three shorts against two longs; seat 1 and then seat 2 lose, and the shorts pay. Seat 6 holds nothing.
fn two_events() -> Pit {
    let mut pit = Pit::new();
    pit.trade(1, 3, 400_000);
    pit.trade(2, 4, 300_000);
    pit.trade(2, 5, 300_000);
    pit.lose(1, 50_000, 20_000);
    pit.lose(2, 7_000, 0);
    pit
}

/// The same where the second event leaves longs behind, so that no epoch ends.
fn one_epoch() -> Pit {
    let mut pit = Pit::new();
    pit.trade(1, 3, 400_000);
    pit.trade(2, 4, 300_000);
    pit.trade(6, 5, 300_000);
    pit.lose(1, 50_000, 20_000);
    pit.lose(2, 7_000, 0);
    pit
}

#[test]
fn receipts_of_the_engine_are_sound() {
    for pit in [two_events(), one_epoch(), Pit::new()] {
        let checked = pit.checked();
        assert_eq!(checked.len(), pit.receipts.len());
    }
}

#[test]
fn every_altered_byte_is_detected() {
    let pit = one_epoch();
    for number in 0..pit.receipts.len() {
        for byte in 0..RECEIPT_SIZE {
            for flip in [1, 0x80] {
                let mut receipts = pit.receipts.clone();
                bytemuck::bytes_of_mut(&mut receipts[number])[byte] ^= flip;
                let found = pit.check(receipts);
                assert!(found.is_err(), "byte {byte} of receipt {}", number + 1);
            }
        }
    }
}

#[test]
fn an_altered_figure_is_named_with_its_receipt() {
    type Change = fn(&mut Receipt);
    let changes: [(&str, Change); 17] = [
        ("version", |receipt| receipt.version = 2),
        ("market", |receipt| receipt.market[9] ^= 1),
        ("reserved_0", |receipt| receipt.reserved_0[4] = 1),
        ("charged", |receipt| receipt.charged -= 1),
        ("charged", |receipt| receipt.deficit += 1),
        ("carried", |receipt| receipt.carried += 1),
        ("slot", |receipt| receipt.slot = 1),
        ("open_interest_before", |receipt| {
            receipt.open_interest_before -= 1;
        }),
        ("open_interest_after", |receipt| {
            receipt.open_interest_after += 1;
        }),
        ("scale_before", |receipt| {
            receipt.scale_before -= 1;
            *receipt = receipt.recomputed().unwrap();
        }),
        ("scale_after", |receipt| {
            receipt.quantity = 0;
        }),
        ("cash_index_after", |receipt| {
            receipt.cash_index_before[0] += 1;
        }),
        ("cash_index_after", |receipt| {
            receipt.cash_index_after[1] ^= 1;
        }),
        ("shares_after", |receipt| receipt.shares_after[0] += 1),
        ("epoch_ended", |receipt| receipt.epoch_ended = 1),
        ("epoch_after", |receipt| receipt.epoch_after = 9),
        ("epoch_after", |receipt| receipt.epoch_before = 9),
    ];
    for (named, change) in changes {
        let pit = one_epoch();
        let mut receipts = pit.receipts.clone();
        change(&mut receipts[1]);
        match pit.check(receipts) {
            Err(ReceiptError::Field { number, field, .. }) => {
                assert_eq!((number, field), (2, named));
            }
            other => panic!("{named}: {other:?}"),
        }
    }
}

#[test]
fn the_first_event_closed_what_the_loser_held() {
    let pit = one_epoch();
    let mut receipts = pit.receipts.clone();
    receipts[0].quantity += 1;
    let found = pit.check(receipts).unwrap_err();
    assert!(
        found.to_string().starts_with("receipt 1: `quantity`"),
        "{found}"
    );
}

#[test]
fn what_only_the_chain_holds_is_refused_by_the_chain() {
    let pit = one_epoch();
    let changes: [fn(&mut Receipt); 3] = [
        |receipt| receipt.margin_account[0] ^= 1,
        |receipt| receipt.time += 1,
        |receipt| receipt.quantity += 1,
    ];
    for change in changes {
        let mut receipts = pit.receipts.clone();
        change(&mut receipts[1]);
        let found = pit.check(receipts);
        assert!(
            matches!(found, Err(ReceiptError::Chain { count: 2, .. })),
            "{found:?}"
        );
    }
}

#[test]
fn a_missing_a_doubled_and_a_reordered_receipt_are_named() {
    let pit = one_epoch();
    let [first, second] = pit.receipts[..] else {
        panic!("two receipts");
    };
    let missing = |number| Err(ReceiptError::Missing { number, count: 2 });
    let misplaced = |number, expected| Err(ReceiptError::OutOfOrder { number, expected });
    let third = Receipt {
        number: 3,
        ..second
    };
    let unknown = Err(ReceiptError::Unknown {
        number: 3,
        count: 2,
    });
    for (receipts, expected) in [
        (vec![], missing(1)),
        (vec![first], missing(2)),
        (vec![second], missing(1)),
        (vec![second, first], misplaced(2, 1)),
        (vec![first, first, second], misplaced(1, 2)),
        (vec![first, second, third], unknown),
    ] {
        assert_eq!(pit.check(receipts).map(|found| found.len()), expected);
    }
}

#[test]
fn a_market_that_its_receipts_do_not_explain_is_refused() {
    let changes: [fn(&mut MarketHeader); 4] = [
        |header| header.sides[1].scale -= 1,
        |header| header.sides[0].scale -= 1,
        |header| header.cash.deficit = 1,
        |header| header.sides[1].epoch += 1,
    ];
    for change in changes {
        let mut pit = one_epoch();
        change(&mut pit.view.header);
        let found = pit.check(pit.receipts.clone());
        assert!(
            matches!(found, Err(ReceiptError::Market { .. })),
            "{found:?}"
        );
    }
    let mut pit = one_epoch();
    pit.view.header.losses.receipt_chain[31] ^= 1;
    let found = pit.check(pit.receipts.clone());
    assert!(
        matches!(found, Err(ReceiptError::Chain { .. })),
        "{found:?}"
    );
}

#[test]
fn a_receipt_of_another_market_is_refused() {
    let pit = one_epoch();
    let other = Pubkey::from([4; 32]);
    let found = Receipts::check(&other, &pit.view.header, pit.receipts.clone());
    assert!(
        matches!(
            found,
            Err(ReceiptError::Field {
                number: 1,
                field: "market",
                ..
            })
        ),
        "{found:?}"
    );
}

#[test]
fn a_seat_untouched_since_is_told_exactly() {
    let pit = one_epoch();
    for who in [3, 4, 5] {
        let report = pit.report(who, Some(&pit.changes));
        assert_eq!(report.determined_from, Some(1));
        assert_eq!((report.undetermined, report.effects.len()), (0, 2));
        let [first, second] = report.effects[..] else {
            panic!("two effects");
        };
        assert_eq!(first.base_after, second.base_before);
        // What the seat holds now is what the receipts say, from what it held before them.
        let held = pit.view.holding(pit.seat(who)).unwrap();
        assert_eq!(held.base, second.base_after);
        let moved: i64 = [first, second]
            .iter()
            .map(|effect| effect.paid - i64::try_from(effect.charged).unwrap())
            .sum();
        let rounded = held.quote - pit.seat(who).quote - moved;
        assert!((0..=1).contains(&rounded), "{rounded}");
    }
}

#[test]
fn the_loser_is_told_from_its_receipt_alone() {
    let pit = one_epoch();
    let report = pit.report(1, None);
    let [own] = report.effects[..] else {
        panic!("one effect");
    };
    assert!(own.torn_up);
    assert_eq!(
        (own.base_before, own.base_after, own.deficit),
        (400_000, 0, 50_000)
    );
}

#[test]
fn a_seat_that_traded_since_is_told_only_from_then_on() {
    let mut pit = one_epoch();
    // A later trade of seat 3, and a third event after it.
    pit.trade(3, 6, 1_000);
    pit.lose(6, 1_000, 0);
    let report = pit.report(3, Some(&pit.changes));
    assert_eq!((report.determined_from, report.undetermined), (Some(3), 2));
    assert_eq!(report.effects.len(), 1);
    let untouched = pit.report(4, Some(&pit.changes));
    assert_eq!(untouched.determined_from, Some(1));
}

#[test]
fn without_the_other_events_nothing_is_guessed() {
    let pit = one_epoch();
    let report = pit.report(3, None);
    assert_eq!((report.determined_from, report.undetermined), (None, 2));
    assert_eq!(report.effects, []);
    // Something unread after the first receipt: the second may have met the seat as it is, the first not.
    let mut changes = Changes::of(MARKET.into());
    changes.observe(&event_of(&pit.receipts[0]));
    changes.gap();
    changes.observe(&event_of(&pit.receipts[1]));
    let report = pit.report(3, Some(&changes));
    assert_eq!((report.determined_from, report.undetermined), (Some(2), 1));
}

#[test]
fn a_seat_that_is_behind_is_told_through_the_epochs() {
    let mut pit = two_events();
    let ended = pit.receipts[1];
    assert_eq!((ended.epoch_ended, ended.scale_after), (1, 0));
    // The shorts are closed whole. New positions meet the next event; seat 3 stays where it was.
    pit.trade(6, 5, 90_000);
    pit.lose(6, 500, 0);
    assert_eq!(pit.receipts[2].epoch_before, 1);
    let report = pit.report(3, None);
    assert_eq!((report.determined_from, report.undetermined), (Some(3), 2));
    assert_eq!(report.effects, [], "nothing was left of it");
    let report = pit.report(3, Some(&pit.changes));
    assert_eq!((report.determined_from, report.effects.len()), (Some(1), 2));
    // Seat 5 passed the end when it traded: its earlier shares are gone.
    let report = pit.report(5, Some(&pit.changes));
    assert_eq!((report.determined_from, report.effects.len()), (Some(3), 1));
}

#[test]
fn an_event_is_the_bytes_of_its_receipt() {
    let receipt = one_epoch().receipts[0];
    let Event::DeleveragingExecuted(event) = event_of(&receipt) else {
        panic!("another event");
    };
    assert_eq!(receipt_of(&event), Some(receipt));
    assert!(closed_ppm(&receipt) > 0);
    let odd = Receipt {
        scale_before: 0,
        ..receipt
    };
    assert_ne!(odd.recomputed(), Ok(odd));
}
