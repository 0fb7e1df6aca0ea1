//! The auction of a halt, call by call: the engine against what [`super::uncross`] says that it comes to.

use std::collections::BTreeMap;

use plimsoll_engine::auction::{self, AuctionFill};
use plimsoll_engine::book::arena;
use plimsoll_engine::state::{HaltPhase, OrderSide};

use super::book::OrderModel;
use super::ledger::{big, ceil, ppm, unit};
use super::orders::fee;
use super::sizing::ChargeModel;
use super::standing::Answer;
use super::uncross::Event;
use super::{shares, Market, World};

/// An auction that has begun.
#[derive(Clone, Debug)]
pub struct AuctionModel {
    /// Price, ticks, and lots; `None`: nothing crosses.
    uncross: Option<(u64, u64)>,
    /// Who takes part has changed since: a seat was walked, or an epoch ended.
    pub disturbed: bool,
    /// Price and lots still to be filled, once it is fixed.
    fixed: Option<(u64, u64)>,
    calls: u32,
}

impl Market {
    /// A seat was walked or an epoch ended: who takes part may be another.
    pub fn disturb_auction(&mut self) {
        let running = self.halt.running.as_mut();
        if let Some(auction) = running.and_then(|course| course.auction.as_mut()) {
            auction.disturbed = true;
        }
    }

    /// Whether the engine still has the order.
    fn rests(&self, order: &OrderModel) -> bool {
        let found = arena::order(&self.blocks, order.block);
        found.is_ok_and(|found| found.sequence == order.sequence)
    }
}

/// What one order got in a call.
#[derive(Clone, Debug, Default)]
struct Got {
    /// Of a liquidation's interest what it is charged.
    charge: Option<ChargeModel>,
    /// Lots, and whether they met a liquidation.
    chunks: Vec<(u64, bool)>,
}

impl Got {
    /// Takes so many lots off; how many of them met a liquidation.
    fn met(&mut self, lots: u64) -> u64 {
        let (mut left, mut met) = (lots, 0);
        while left != 0 {
            let (size, liquidated) = &mut self.chunks[0];
            let taken = left.min(*size);
            met += if *liquidated { taken } else { 0 };
            *size -= taken;
            left -= taken;
            if *size == 0 {
                self.chunks.remove(0);
            }
        }
        met
    }
}

impl World {
    /// Anyone moves a halt on, by as many orders as it likes.
    pub fn advance(&mut self, market: usize) -> Answer<()> {
        let steps = match self.random.below(3) {
            0 => self.random.below(6) as u16,
            1 => self.random.below(40) as u16,
            _ => u16::MAX,
        };
        self.advance_by(market, steps);
        Ok(())
    }

    pub fn advance_by(&mut self, market: usize, steps: u16) {
        let (env, now) = (self.env, self.env.now);
        let stale = self.markets[market].stale(now);
        let state = &mut self.markets[market];
        let runs = state.phase(now) == HaltPhase::Uncross
            && env.slot >= state.halt.running.as_ref().unwrap().from_slot;
        if runs {
            let begun = state.halt.running.as_ref().unwrap().auction.clone();
            let mut auction = begun.unwrap_or_else(|| AuctionModel {
                uncross: state.uncross(),
                disturbed: false,
                fixed: None,
                calls: 0,
            });
            auction.calls += 1;
            state.halt.running.as_mut().unwrap().auction = Some(auction);
        }
        let open = shares::larger_open_interest(&state.header);
        let mut fills = Vec::new();
        let done = auction::advance(&mut state.get(), steps, &env, &mut |fill| fills.push(*fill));
        let done = done.expect("an auction cannot fail");
        self.write_reopening(market, done.reopened, stale);
        if !runs {
            let nothing = (done.fixed, done.filled_lots, done.resolved);
            assert_eq!(nothing, (None, 0, false), "an auction out of its time");
            assert!(fills.is_empty());
            return;
        }
        let state = &mut self.markets[market];
        let mut auction = state
            .halt
            .running
            .as_ref()
            .unwrap()
            .auction
            .clone()
            .unwrap();
        if let Some(fixed) = done.fixed {
            let found = Some((fixed.price, fixed.lots));
            assert!(auction.fixed.is_none(), "the price is fixed once");
            assert!(
                auction.disturbed || found == auction.uncross,
                "{found:?}, {auction:?}"
            );
            auction.fixed = found;
            self.count("state:", "auction price fixed");
        } else if auction.fixed.is_none() && done.resolved {
            assert!(
                auction.disturbed || auction.uncross.is_none(),
                "{auction:?}"
            );
            self.count("state:", "auction crossed nothing");
        }
        if let Some((price, left)) = auction.fixed {
            let events = self.markets[market].pairs(price, left, open);
            self.fill_auction(market, price, &events, &done, &fills);
            auction.fixed = Some((price, left - done.filled_lots));
        } else {
            assert!(fills.is_empty(), "fills without a price");
        }
        if done.resolved && auction.calls > 2 {
            self.count("state:", "auction over many calls");
        }
        let state = &mut self.markets[market];
        let resolve = i64::from(state.header.params.resolve_seconds);
        let course = state.halt.running.as_mut().unwrap();
        course.auction = Some(auction);
        if done.resolved {
            course.resolved_until = Some(now + resolve);
        }
    }

    /// Every halt comes to its end: with its auction, or by time alone whoever calls (INV-10). Whether there was
    /// one.
    pub fn end_halts(&mut self, with_auctions: bool) -> bool {
        let halted = |world: &Self, market: &usize| world.markets[*market].halt.running.is_some();
        let markets: Vec<usize> = (0..self.markets.len())
            .filter(|market| halted(self, market))
            .collect();
        for market in &markets {
            let course = self.markets[*market].halt.running.clone().unwrap();
            if with_auctions {
                self.env.now = self.env.now.max(course.call_ends_at);
                self.env.slot += 100;
                for _ in 0..20 {
                    self.advance_by(*market, u16::MAX);
                }
                self.check();
            }
            if let Some(end) = self.markets[*market].halt_ends_at() {
                self.env.now = self.env.now.max(end);
            }
            self.touch(*market);
            assert!(!halted(self, market), "INV-10: a halt without an end");
        }
        !markets.is_empty()
    }

    /// The part of the filling that a call came to.
    fn fill_auction(
        &mut self,
        market: usize,
        price: u64,
        events: &[Event],
        done: &auction::Advanced,
        fills: &[AuctionFill],
    ) {
        let mut filled = 0;
        let mut got: BTreeMap<u64, Got> = BTreeMap::new();
        let mut over = 0;
        for event in events {
            match event {
                Event::Pair {
                    bid,
                    ask,
                    lots,
                    over,
                } if filled < done.filled_lots => {
                    filled += lots;
                    let limits = bid.price >= price && ask.price <= price;
                    assert!(limits, "nobody trades beyond its limit");
                    for (order, other) in [(bid, ask), (ask, bid)] {
                        let got = got.entry(order.sequence).or_default();
                        got.charge = order.liquidation;
                        got.chunks.push((*lots, other.liquidation.is_some()));
                    }
                    self.shrink(market, bid, *lots, over[0]);
                    self.shrink(market, ask, *lots, over[1]);
                }
                Event::Leaves(order, by_cap) if !self.markets[market].rests(order) => {
                    self.shrink(market, order, 0, true);
                    let what = if *by_cap {
                        "order over the cap left an auction"
                    } else {
                        "order without a part left an auction"
                    };
                    self.count("state:", what);
                }
                _ => break,
            }
            over += 1;
        }
        assert_eq!(filled, done.filled_lots, "{fills:?} {events:?}");
        assert_eq!(
            done.resolved,
            over == events.len(),
            "the end of an auction: {events:?}"
        );
        for side in [OrderSide::Bid, OrderSide::Ask] {
            let own = fills.iter().filter(|fill| fill.side == side);
            let lots: u64 = own.map(|fill| fill.lots).sum();
            assert_eq!(lots, filled, "as much is sold as bought");
        }
        self.book_fills(market, price, fills, got);
        if filled != 0 {
            self.count("state:", "auction filled");
        }
    }

    /// Lots leave an order, and what is left of it too if it is over.
    fn shrink(&mut self, market: usize, order: &OrderModel, lots: u64, over: bool) {
        let state = &mut self.markets[market];
        let (bid, mut found) = state.book.take(order.sequence).unwrap();
        let gone = if over { found.lots } else { lots };
        if over && lots != 0 && found.lots != lots {
            *self
                .counts
                .entry("state: reduce-only rest left an auction".into())
                .or_default() += 1;
        }
        found.lots -= gone;
        state
            .seats
            .get_mut(&order.account)
            .unwrap()
            .unrest(bid, gone);
        if !over {
            state.book.insert(bid, found);
        }
    }

    /// Cash and fees of each fill, exactly.
    fn book_fills(
        &mut self,
        market: usize,
        price: u64,
        fills: &[AuctionFill],
        mut got: BTreeMap<u64, Got>,
    ) {
        let entries: BTreeMap<u32, usize> = self
            .entries(market)
            .into_iter()
            .map(|(account, seat)| (seat, account))
            .collect();
        let mut liquidated = false;
        for fill in fills {
            let state = &mut self.markets[market];
            let (params, mark) = (state.header.params, state.header.prices.mark);
            let base = i128::from(fill.lots) * i128::from(params.base_atoms_per_lot);
            let cash = big(fill.lots) * price * params.quote_atoms_per_lot_tick;
            let own = got
                .get_mut(&fill.sequence)
                .expect("a fill of another order");
            let (met, charge) = (own.met(fill.lots), own.charge);
            let (all, exact, liquidation, contribution) = match charge {
                Some(charge) => {
                    let (all, contribution) = charge.of(&cash, base);
                    (all.clone(), charge.exact(&cash, base), all, contribution)
                }
                None => {
                    let all = fee(&cash, params.maker_fee_ppm);
                    let part = ceil(&all * met, fill.lots);
                    (all, ppm(&cash, params.maker_fee_ppm), part, big(0))
                }
            };
            assert_eq!(
                (big(fill.quote), big(fill.fee), fill.liquidation),
                (cash.clone(), all.clone(), charge.is_some())
            );
            liquidated |= charge.is_some();
            let sign = if fill.side == OrderSide::Bid { 1 } else { -1 };
            let seat = state.seats.get_mut(&entries[&fill.seat]).unwrap();
            seat.fill(sign * base, &(cash * -sign * unit()), &exact, mark);
            seat.roundings += 1;
            state.fees += &all - &liquidation;
            state.liquidation_fees += liquidation - &contribution;
            state.contributions += contribution;
            state.fills += 1;
        }
        let whole = got.values().all(|got| got.chunks.is_empty());
        assert!(whole, "a fill without a record");
        if liquidated {
            self.count("state:", "liquidated in an auction");
        }
    }

    /// What readers are told before the auction is what it would do.
    pub fn check_indicative(&mut self, market: usize) {
        let state = &self.markets[market];
        let calling = matches!(
            state.phase(self.env.now),
            HaltPhase::Call | HaltPhase::Freeze
        );
        if calling && self.random.one_in(4) {
            let state = &self.markets[market];
            let found = auction::indicative(&state.read()).unwrap();
            assert_eq!(found, state.uncross(), "indicative");
        }
    }
}
