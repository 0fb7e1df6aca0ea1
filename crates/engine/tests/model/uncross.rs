//! What an auction comes to by the definitions of spec §7 and §13, without a walk: the price out of every tick at
//! which the most trades, then who trades with whom at it, pair by pair.

use std::collections::BTreeMap;

use num_bigint::BigInt;

use super::book::{BookModel, OrderModel};
use super::ledger::{big, ceil};
use super::steps::atoms;
use super::Market;

/// One step of the filling.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// An order leaves the book: it has nothing to trade, or would bring open interest over its cap.
    Leaves(OrderModel, bool),
    Pair {
        bid: OrderModel,
        ask: OrderModel,
        lots: u64,
        /// Which of them has nothing left to trade, and leaves.
        over: [bool; 2],
    },
}

impl Market {
    /// Lots with which an order takes part.
    fn takes_part(
        &self,
        book: &BookModel,
        bases: &BTreeMap<usize, i128>,
        order: &OrderModel,
    ) -> u64 {
        let end = self.halt.running.as_ref().unwrap().call_ends_at;
        let seat = &self.seats[&order.account];
        if order.expired(end) || seat.behind > 5 {
            return 0;
        }
        if !order.reduce_only {
            return order.lots;
        }
        let bid = book
            .bids
            .iter()
            .any(|other| other.sequence == order.sequence);
        let lot = i128::from(self.header.params.base_atoms_per_lot);
        let held = bases[&order.account];
        let open = if bid { -held } else { held }.max(0) / lot;
        let side = book.side(bid).iter();
        let better: u64 = side
            .take_while(|other| other.sequence != order.sequence)
            .filter(|other| other.account == order.account && !other.expired(end))
            .map(|other| other.lots)
            .sum();
        order.lots.min((open as u64).saturating_sub(better))
    }

    fn bases(&self) -> BTreeMap<usize, i128> {
        let seats = self.seats.iter();
        seats.map(|(who, seat)| (*who, seat.base)).collect()
    }

    /// The index at the nearest tick, of two the lower.
    fn reference(&self) -> u64 {
        let params = &self.header.params;
        let tick = big(params.quote_atoms_per_lot_tick) << 32;
        let twice = big(self.header.prices.index) * params.base_atoms_per_lot * 2 - &tick;
        atoms(&ceil(twice, tick * 2).max(big(1)))
    }

    /// Price and lots of an auction of the book as it stands: of all ticks at which the most trades the one that
    /// spec §13 names.
    pub fn uncross(&self) -> Option<(u64, u64)> {
        let bases = self.bases();
        let lots = |bid: bool| -> Vec<(u64, u64)> {
            let orders = self.book.side(bid).iter();
            let part = |order: &OrderModel| self.takes_part(&self.book, &bases, order);
            let parts = orders.map(|order| (order.price, part(order)));
            parts.filter(|(_, lots)| *lots != 0).collect()
        };
        let (bids, asks) = (lots(true), lots(false));
        let (highest, lowest) = (bids.first()?.0, asks.first()?.0);
        let demand = |price: u64| -> i128 {
            let meet = bids.iter().filter(|bid| bid.0 >= price);
            meet.map(|bid| i128::from(bid.1)).sum()
        };
        let supply = |price: u64| -> i128 {
            let meet = asks.iter().filter(|ask| ask.0 <= price);
            meet.map(|ask| i128::from(ask.1)).sum()
        };
        let traded = |price: &u64| demand(*price).min(supply(*price));
        let most = (lowest..=highest).map(|price| traded(&price)).max()?;
        let ticks: Vec<u64> = (lowest..=highest)
            .filter(|price| traded(price) == most)
            .collect();
        let excess = |price: u64| demand(price) - supply(price);
        let (first, last) = (*ticks.first()?, *ticks.last()?);
        let reference = self.reference();
        let balanced = || ticks.iter().filter(|price| excess(**price) == 0);
        let price = if excess(last) > 0 {
            last
        } else if excess(first) < 0 {
            first
        } else if let Some(low) = balanced().next() {
            reference.clamp(*low, *balanced().next_back()?)
        } else {
            let over = *ticks.iter().rfind(|price| excess(**price) > 0)?;
            let under = *ticks.iter().find(|price| excess(**price) < 0)?;
            match excess(over).cmp(&-excess(under)) {
                std::cmp::Ordering::Less => over,
                std::cmp::Ordering::Greater => under,
                std::cmp::Ordering::Equal => reference.clamp(over, under),
            }
        };
        Some((price, most as u64))
    }

    /// Who would trade with whom at the price, until so many lots are filled, from that open interest on.
    pub fn pairs(&self, price: u64, lots: u64, mut open: BigInt) -> Vec<Event> {
        let lot = i128::from(self.header.params.base_atoms_per_lot);
        let (mut book, mut bases) = (self.book.clone(), self.bases());
        let mut left = lots;
        let mut events = Vec::new();
        let mut fronts: [Option<(OrderModel, u64)>; 2] = [None, None];
        while left != 0 {
            let missing = fronts.iter().position(Option::is_none);
            if let Some(side) = missing {
                let next = book.side(side == 0).first().copied();
                let trades = |order: &OrderModel| {
                    if side == 0 {
                        order.price >= price
                    } else {
                        order.price <= price
                    }
                };
                let Some(order) = next.filter(trades) else {
                    break;
                };
                let part = self.takes_part(&book, &bases, &order);
                if part == 0 {
                    events.push(Event::Leaves(order, false));
                    book.take(order.sequence);
                } else {
                    fronts[side] = Some((order, part));
                }
                continue;
            }
            let [Some((bid, buys)), Some((ask, sells))] = fronts else {
                unreachable!()
            };
            let filled = buys.min(sells).min(left);
            let size = i128::from(filled) * lot;
            let longs = |who: usize, by: i128| (bases[&who] + by).max(0) - bases[&who].max(0);
            let rise = longs(bid.account, size) + longs(ask.account, -size);
            if rise > 0 && &open + rise > big(self.header.params.open_interest_max) {
                let side = usize::from(bid.sequence < ask.sequence);
                let younger = [bid, ask][side];
                events.push(Event::Leaves(younger, true));
                book.take(younger.sequence);
                fronts[side] = None;
                continue;
            }
            open += rise;
            *bases.get_mut(&bid.account).unwrap() += size;
            *bases.get_mut(&ask.account).unwrap() -= size;
            left -= filled;
            let over = [buys == filled, sells == filled];
            events.push(Event::Pair {
                bid,
                ask,
                lots: filled,
                over,
            });
            for side in 0..2 {
                let (order, part) = fronts[side].unwrap();
                if over[side] {
                    book.take(order.sequence);
                    fronts[side] = None;
                } else {
                    let orders = book.side_mut(side == 0);
                    let at = orders.iter().position(|o| o.sequence == order.sequence);
                    orders[at.unwrap()].lots -= filled;
                    fronts[side] = Some((order, part - filled));
                }
            }
        }
        events
    }
}
