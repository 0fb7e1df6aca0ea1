//! What a seat holds, read from raw blocks by the words of spec §9 and §13, in big integers.

use std::collections::BTreeMap;

use num_bigint::{BigInt, Sign};
use plimsoll_engine::state::{Block, BlockKind, EpochEnd, MarketHeader, Seat};

use super::ledger::{big, ceil, floor, unit};

/// A stored (low, high) pair.
pub fn wide(parts: [u64; 2]) -> BigInt {
    (big(parts[1]) << 64) + parts[0]
}

pub fn signed_wide(parts: [u64; 2]) -> BigInt {
    (big(parts[1] as i64) << 64) + parts[0]
}

/// ⌊x / 2^62⌋ and the rest.
pub fn split(parts: &BigInt) -> (BigInt, BigInt) {
    let whole = floor(parts.clone(), big(1) << 62);
    let rest = parts - (&whole << 62);
    (whole, rest)
}

/// OI = ⌊N·A / 2^62⌋ of a side.
pub fn open_interest(header: &MarketHeader, side: usize) -> BigInt {
    let side = &header.sides[side];
    split(&(wide(side.shares) * side.scale)).0
}

pub fn larger_open_interest(header: &MarketHeader) -> BigInt {
    open_interest(header, 0).max(open_interest(header, 1))
}

/// Most base atoms by which the sides may differ (spec §9).
pub fn drift(header: &MarketHeader) -> BigInt {
    if header.losses.receipts == 0 {
        return big(0);
    }
    let uneven = open_interest(header, 0) - open_interest(header, 1);
    let behind: BigInt = header
        .sides
        .iter()
        .map(|side| big(side.seats) + side.carried)
        .sum();
    big(uneven.magnitude().clone()) + behind + 1
}

#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub base: i128,
    pub hidden: BigInt,
    /// Exact and as the seat shows it.
    pub quote: BigInt,
    pub claimed: BigInt,
    pub shares: BigInt,
    pub behind: u32,
}

/// The kept ends of a side, by epoch.
pub fn ends(blocks: &[Block], side: u8) -> BTreeMap<u32, (u32, EpochEnd)> {
    let mut ends = BTreeMap::new();
    for (index, block) in blocks.iter().enumerate() {
        if block.kind == BlockKind::EpochEnd.byte() {
            let end = *block.view::<EpochEnd>().unwrap();
            if end.side == side {
                let again = ends.insert(end.epoch, (index as u32, end));
                assert!(again.is_none(), "two ends of one epoch");
            }
        }
    }
    ends
}

/// Position and claim of a seat at a mark, through all ends that it missed, however many.
pub fn read(header: &MarketHeader, blocks: &[Block], seat: &Seat) -> Reading {
    let mut quote = big(seat.quote);
    if seat.shares == 0 {
        return Reading {
            quote: &quote * unit(),
            claimed: quote,
            ..Reading::default()
        };
    }
    let short = seat.side == 1;
    let sign = if short { -1 } else { 1 };
    let side = &header.sides[usize::from(seat.side)];
    let mut shares = big(seat.shares);
    let mut snapshot = signed_wide(seat.cash_index);
    let behind = side.epoch - seat.epoch;
    if behind != 0 {
        let kept = ends(blocks, seat.side);
        for epoch in seat.epoch..side.epoch {
            let (_, end) = kept.get(&epoch).expect("an end that a seat needs is gone");
            let step = signed_wide(end.cash_index) - &snapshot;
            quote += floor(&shares * step * sign, big(1) << 64);
            let (whole, rest) = split(&(&shares * end.scale));
            if short && rest.sign() != Sign::NoSign {
                let atom = end.price.max(header.prices.mark);
                quote -= ceil(big(atom), big(1) << 32);
            }
            (shares, snapshot) = (whole, big(0));
        }
    }
    let pending = &shares * (signed_wide(side.cash_index) - snapshot) * sign;
    let exact: BigInt = (quote << 64) + pending;
    let (whole, hidden) = split(&(&shares * side.scale));
    Reading {
        base: i128::try_from(whole).unwrap() * sign,
        hidden,
        claimed: floor(exact.clone(), big(1) << 64),
        quote: exact * (unit() >> 64),
        shares,
        behind,
    }
}
