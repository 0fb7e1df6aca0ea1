use plimsoll_client::events::Event;

use super::*;
use crate::cluster::ClusterConfig;

const ACCOUNT: Pubkey = Pubkey::new_from_array([1; 32]);
const OTHER: Pubkey = Pubkey::new_from_array([2; 32]);
const MARKET: Pubkey = Pubkey::new_from_array([3; 32]);
/// One quote atom per hundred base atoms, Q.64.
const RATE: i128 = (1 << 64) / 100;

fn market() -> ListedMarket {
    let config = ClusterConfig::load("localnet").expect("localnet");
    let mut header: plimsoll_client::engine::state::MarketHeader = bytemuck::Zeroable::zeroed();
    header.params = config.markets[0].params;
    header.symbol[..4].copy_from_slice(b"AVAX");
    ListedMarket {
        address: MARKET,
        header,
    }
}

fn transaction(time: i64, event: Event) -> PastTransaction {
    PastTransaction {
        signature: format!("at {time}"),
        slot: 1,
        time: Some(time),
        events: vec![event],
        complete: true,
    }
}

/// An event as its log line carries it. Fields that later versions append are read as zeros.
fn event(name: &str, fields: &[&[u8]]) -> Event {
    let hash = <sha2::Sha256 as sha2::Digest>::digest(format!("event:{name}"));
    let mut bytes = hash[..8].to_vec();
    fields
        .iter()
        .for_each(|field| bytes.extend_from_slice(field));
    bytes.extend_from_slice(&[0; 64]);
    Event::decode(&bytes).expect(name)
}

/// `taker` buys `lots` at 28.5 from the order of `maker_seat`.
fn bought(taker: Pubkey, maker_seat: u32, lots: u64) -> Event {
    let zero = 0_u64.to_le_bytes();
    let fields: [&[u8]; 20] = [
        &[1],
        MARKET.as_ref(),
        taker.as_ref(),
        &9_u32.to_le_bytes(),
        &[0],
        &77_u64.to_le_bytes(),
        // No remainder rests: block, sequence, price, lots; none is cancelled.
        &0_u32.to_le_bytes(),
        &zero,
        &zero,
        &zero,
        &zero,
        &lots.to_le_bytes(),
        &(lots * 285_000).to_le_bytes(),
        &zero,
        // One fill.
        &1_u32.to_le_bytes(),
        &maker_seat.to_le_bytes(),
        &41_u64.to_le_bytes(),
        &28_500_u64.to_le_bytes(),
        &lots.to_le_bytes(),
        &13_u64.to_le_bytes(),
    ];
    event("OrderPlaced", &fields)
}

fn refreshed(funding: i128) -> Event {
    let one = 1_u64.to_le_bytes();
    let fields: [&[u8]; 8] = [
        &[1],
        MARKET.as_ref(),
        &one,
        &one,
        &one,
        &one,
        &funding.to_le_bytes(),
        &1_u32.to_le_bytes(),
    ];
    event("MarkRefreshed", &fields)
}

fn claimed(account: Pubkey, seat: u32) -> Event {
    let fields: [&[u8]; 4] = [&[1], MARKET.as_ref(), account.as_ref(), &seat.to_le_bytes()];
    event("SeatClaimed", &fields)
}

fn read(standing: Standing, past: &[PastTransaction]) -> Vec<Entry> {
    let market = market();
    Ledger::new(&market, ACCOUNT, standing)
        .read(past)
        .expect("entries")
}

#[test]
fn a_takers_and_a_makers_fills_are_told_by_account_and_seat() {
    let standing = Standing {
        seat: Some(5),
        base: 200_000_000,
        ..Standing::default()
    };
    let past = [
        transaction(10, bought(ACCOUNT, 7, 300)),
        transaction(11, bought(OTHER, 5, 100)),
        transaction(12, bought(OTHER, 6, 900)),
    ];
    let entries = read(standing, &past);
    let [Entry::Fill(taken), Entry::Fill(made)] = entries.as_slice() else {
        panic!("two fills, not {entries:?}");
    };
    assert_eq!(
        (taken.side, taken.role, &*taken.size),
        ("buy", "taker", "3")
    );
    assert_eq!((&*taken.price, &*taken.fee), ("28.500", "0.04275"));
    assert_eq!(taken.client_id, Some(77));
    assert_eq!((made.side, made.role, &*made.size), ("sell", "maker", "1"));
    assert_eq!((&*made.fee, made.order), ("0.000013", Some(41)));
    // Two AVAX now: three bought, one sold, so none before.
    assert_eq!((&*taken.position_after, &*made.position_after), ("3", "2"));
}

#[test]
fn fills_of_a_seat_before_it_was_claimed_are_somebody_elses() {
    let standing = Standing {
        seat: Some(5),
        base: 0,
        ..Standing::default()
    };
    let past = [
        transaction(10, bought(OTHER, 5, 100)),
        transaction(11, claimed(ACCOUNT, 5)),
    ];
    assert_eq!(read(standing, &past), []);
}

#[test]
fn a_long_pays_a_positive_rate_and_rows_end_with_the_position() {
    let standing = Standing {
        seat: Some(5),
        base: 0,
        ..Standing::default()
    };
    let past = [
        transaction(10, bought(ACCOUNT, 7, 100)),
        transaction(11, refreshed(RATE)),
        transaction(12, refreshed(RATE)),
        transaction(13, bought(OTHER, 5, 100)),
        transaction(14, refreshed(RATE)),
    ];
    let entries = read(standing, &past);
    let amounts: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Funding(funding) => Some((funding.time, funding.amount.as_str())),
            Entry::Fill(_) | Entry::Loss(_) | Entry::Halt(_) => None,
        })
        .collect();
    // A long of 10^8 base atoms pays a hundredth of it in quote atoms, twice.
    assert_eq!(amounts, [(12, "-2.00")]);
}

#[test]
fn a_claim_of_funding_is_rounded_down() {
    assert_eq!(atoms_down(funding_of(1, RATE)), -1);
    assert_eq!(atoms_down(funding_of(-1, RATE)), 0);
    assert_eq!(atoms_down(funding_of(-150, RATE)), 1);
}

/// A receipt in which half of every long was closed at 1 and nothing charged.
fn halved(number: u64, loser: Pubkey, side: u8, quantity: u64) -> Event {
    let one = 1_u64 << 62;
    let receipt = plimsoll_client::engine::adl::Receipt {
        version: 1,
        side,
        market: MARKET.to_bytes(),
        margin_account: loser.to_bytes(),
        number,
        quantity,
        price: 1 << 32,
        scale_before: one,
        scale_after: one / 2,
        shares_before: [1_000_000_000, 0],
        cash_index_after: [1 << 63, 0],
        ..bytemuck::Zeroable::zeroed()
    };
    event("DeleveragingExecuted", &[bytemuck::bytes_of(&receipt)])
}

/// Longs are side 0.
fn long_seat(shares: u64) -> Option<Seat> {
    let seat: Seat = bytemuck::Zeroable::zeroed();
    Some(Seat { shares, ..seat })
}

#[test]
fn another_accounts_loss_closes_a_part_of_a_position_unchanged_since() {
    let standing = Standing {
        seat: Some(5),
        base: 100_000_000,
        shares: long_seat(200_000_000),
    };
    let past = [
        transaction(10, bought(ACCOUNT, 7, 200)),
        transaction(11, halved(1, OTHER, 0, 9)),
    ];
    let entries = read(standing, &past);
    let [Entry::Fill(fill), Entry::Loss(loss)] = entries.as_slice() else {
        panic!("a fill and a loss, not {entries:?}");
    };
    assert_eq!((&*fill.position_after, &*loss.position_after), ("2", "1"));
    assert_eq!((loss.what, loss.receipt), ("deleveraged", 1));
    assert_eq!(loss.size.as_deref(), Some("-1"));
    assert_eq!(loss.charged.as_deref(), Some("0.00"));
}

#[test]
fn what_was_held_at_a_loss_before_a_later_fill_is_not_guessed() {
    let standing = Standing {
        seat: Some(5),
        base: 200_000_000,
        shares: long_seat(400_000_000),
    };
    let past = [
        transaction(9, bought(ACCOUNT, 7, 200)),
        transaction(10, refreshed(RATE)),
        transaction(11, halved(1, OTHER, 0, 9)),
        transaction(12, bought(ACCOUNT, 7, 100)),
    ];
    let entries = read(standing, &past);
    let [Entry::Fill(first), Entry::Funding(funding), Entry::Loss(loss), Entry::Fill(last)] =
        entries.as_slice()
    else {
        panic!("{entries:?}");
    };
    assert_eq!(first.position_after, "");
    assert_eq!((&*funding.position, &*funding.amount), ("", ""));
    assert_eq!((&loss.size, &*loss.position_after), (&None, "1"));
    assert_eq!(last.position_after, "2");
}

#[test]
fn a_loss_on_the_own_side_or_without_a_position_is_no_row() {
    let standing = Standing {
        seat: Some(5),
        base: 200_000_000,
        shares: long_seat(200_000_000),
    };
    let past = [transaction(11, halved(1, OTHER, 1, 9))];
    assert_eq!(read(standing, &past), []);
    let flat = Standing {
        base: 0,
        shares: long_seat(0),
        ..standing
    };
    let past = [transaction(11, halved(1, OTHER, 0, 9))];
    assert_eq!(read(flat, &past), []);
}

#[test]
fn the_accounts_own_tear_up_is_told_from_its_receipt() {
    let standing = Standing {
        seat: Some(5),
        ..Standing::default()
    };
    let past = [
        transaction(10, bought(ACCOUNT, 7, 200)),
        transaction(11, halved(4, ACCOUNT, 1, 200_000_000)),
    ];
    let entries = read(standing, &past);
    let [Entry::Fill(fill), Entry::Loss(loss)] = entries.as_slice() else {
        panic!("a fill and a loss, not {entries:?}");
    };
    assert_eq!((&*fill.position_after, &*loss.position_after), ("2", "0"));
    assert_eq!((loss.what, loss.size.as_deref()), ("torn up", Some("-2")));
}

/// Of a long (0) or a short (1).
fn taken_over(side: u8, from: Pubkey, by: Pubkey) -> Event {
    let fields: [&[u8]; 9] = [
        &[1],
        &[side],
        from.as_ref(),
        by.as_ref(),
        MARKET.as_ref(),
        &100_000_000_u64.to_le_bytes(),
        &(1_u64 << 32).to_le_bytes(),
        &100_000_000_u64.to_le_bytes(),
        &11_u64.to_le_bytes(),
    ];
    event("TakenOver", &fields)
}

#[test]
fn a_takeover_is_a_sale_of_a_long_and_a_purchase_of_a_short() {
    for (of, gives, side, after) in [
        (0, true, "sell", "-1"),
        (1, true, "buy", "1"),
        (0, false, "buy", "1"),
        (1, false, "sell", "-1"),
    ] {
        let (from, by) = if gives {
            (ACCOUNT, OTHER)
        } else {
            (OTHER, ACCOUNT)
        };
        let base = if side == "buy" {
            100_000_000
        } else {
            -100_000_000
        };
        let standing = Standing {
            seat: Some(5),
            base,
            shares: None,
        };
        let past = [transaction(11, taken_over(of, from, by))];
        let entries = read(standing, &past);
        let [Entry::Fill(fill)] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!((fill.side, &*fill.position_after), (side, after));
        assert_eq!(fill.role, if gives { "taken over" } else { "takeover" });
    }
}

#[test]
fn a_liquidations_fills_bear_its_whole_charge() {
    let mut past = transaction(10, bought(ACCOUNT, 7, 300));
    let Event::OrderPlaced(placed) = &mut past.events[0] else {
        panic!("another event");
    };
    placed.taker_fee = 1_000_001;
    let again = placed.fills[0];
    placed.fills.push(again);
    placed.filled_lots *= 2;
    placed.filled_quote *= 2;
    let fields: [&[u8]; 4] = [&[1], ACCOUNT.as_ref(), MARKET.as_ref(), OTHER.as_ref()];
    past.events.push(event("Liquidated", &fields));
    let standing = Standing {
        seat: Some(5),
        base: 600_000_000,
        shares: None,
    };
    let entries = read(standing, &[past]);
    let fees: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Fill(fill) => Some((fill.role, fill.fee.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(fees, [("liquidation", "0.50"), ("liquidation", "0.500001")]);
}

/// Two orders of the seat in one call of an auction at 28.4, and one of somebody else.
fn auction() -> Event {
    let fill = |seat: u32, side: u8, liquidation: u8, lots: u64, fee: u64| {
        let mut bytes = seat.to_le_bytes().to_vec();
        bytes.extend_from_slice(&41_u64.to_le_bytes());
        bytes.extend_from_slice(&[side, liquidation]);
        bytes.extend_from_slice(&lots.to_le_bytes());
        bytes.extend_from_slice(&fee.to_le_bytes());
        bytes
    };
    let fields: [&[u8]; 9] = [
        &[1],
        MARKET.as_ref(),
        &3_u64.to_le_bytes(),
        &28_400_u64.to_le_bytes(),
        &0_u64.to_le_bytes(),
        &3_u32.to_le_bytes(),
        &fill(5, 0, 0, 300, 9),
        &fill(6, 1, 0, 200, 7),
        &fill(5, 1, 1, 100, 20),
    ];
    event("AuctionFilled", &fields)
}

#[test]
fn fills_of_an_auction_are_told_by_seat_with_their_own_fee() {
    let standing = Standing {
        seat: Some(5),
        base: 200_000_000,
        ..Standing::default()
    };
    let entries = read(standing, &[transaction(10, auction())]);
    let [Entry::Fill(bought), Entry::Fill(closed)] = entries.as_slice() else {
        panic!("two fills, not {entries:?}");
    };
    assert_eq!(
        (bought.side, bought.role, &*bought.size, &*bought.price),
        ("buy", "auction", "3", "28.400")
    );
    assert_eq!((&*bought.fee, bought.order), ("0.000009", Some(41)));
    assert_eq!(
        (closed.side, closed.role, &*closed.fee),
        ("sell", "liquidation in auction", "0.00002")
    );
    assert_eq!(
        (&*bought.position_after, &*closed.position_after),
        ("3", "2")
    );
}

#[test]
fn a_halt_and_its_end_are_rows_of_the_market() {
    let started: [&[u8]; 10] = [
        &[1],
        MARKET.as_ref(),
        &3_u64.to_le_bytes(),
        // By a trade, and halted.
        &[3],
        &[1],
        &[0],
        &((28_500_u64 << 32) / 100_000).to_le_bytes(),
        &1_u64.to_le_bytes(),
        &15_i64.to_le_bytes(),
        &27_i64.to_le_bytes(),
    ];
    let ended: [&[u8]; 6] = [
        &[1],
        MARKET.as_ref(),
        &3_u64.to_le_bytes(),
        &18_i64.to_le_bytes(),
        &8_u64.to_le_bytes(),
        &[0],
    ];
    let past = [
        transaction(10, event("HaltStarted", &started)),
        transaction(20, event("HaltEnded", &ended)),
    ];
    let entries = read(Standing::default(), &past);
    let [Entry::Halt(halted), Entry::Halt(reopened)] = entries.as_slice() else {
        panic!("a halt and its end, not {entries:?}");
    };
    assert_eq!(
        (halted.what, halted.cause, halted.price.as_deref()),
        ("halted", Some("trade"), Some("28.500"))
    );
    // It came about before it was written down.
    assert_eq!(
        (reopened.what, reopened.time, reopened.halted_seconds),
        ("reopened", 18, Some(8))
    );
}
