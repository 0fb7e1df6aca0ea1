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
            Entry::Fill(_) => None,
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
