//! The worked examples that an exchange publishes with the rules of its opening auction.

use super::*;

/// Recorded data of the repository; its README names the source.
const EXAMPLES: &str = include_str!("../../../../../data/opening_auction_examples.csv");

/// (example, price, bid quantity, ask quantity, expected price, expected lots)
fn rows() -> Vec<[u64; 6]> {
    let numbers = |line: &str| -> [u64; 6] {
        let mut fields = line.split(',').map(|field| field.parse().unwrap());
        core::array::from_fn(|_| fields.next().unwrap())
    };
    let parse = |line: &str| {
        let (row, _) = line.rsplit_once(',').unwrap();
        numbers(row)
    };
    EXAMPLES.lines().skip(1).map(parse).collect()
}

#[test]
fn the_published_examples_open_as_published() {
    let rows = rows();
    assert_eq!(rows.len(), 18);
    for example in [1, 2] {
        let rows: Vec<_> = rows.iter().filter(|row| row[0] == example).collect();
        assert_eq!(rows.len(), 9);
        // Buyers and sellers apart: nobody crosses itself. Three accounts a side, eight slots each.
        for reference in [40, 47, 60] {
            let mut desk = calling(4);
            for (at, [_, ticks, bids, asks, ..]) in rows.iter().enumerate() {
                if *bids != 0 {
                    desk.place(at % 2, 0, &bid(*ticks, *bids)).unwrap();
                }
                if *asks != 0 {
                    desk.place(2 + at % 2, 0, &ask(*ticks, *asks)).unwrap();
                }
            }
            desk.mark(0, reference);
            let (price, lots) = (rows[0][4], rows[0][5]);
            assert_eq!(indicative_of(&desk), Some((price, lots)), "{example}");
            let auction = uncross(&mut desk);
            let fixed = auction.fixed.unwrap();
            assert_eq!((fixed.price, fixed.lots), (price, lots));
            assert_eq!(auction.filled_lots, lots);
        }
    }
}
