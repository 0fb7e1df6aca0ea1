//! What the clock alone makes due beside accounts: steps of lines, and orders that expire.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_client::MarketView;
use plimsoll_engine::state::OrderSide;
use solana_pubkey::Pubkey;

use super::known::NEVER;
use crate::decide::{credit, Credit};
use crate::mirror::Mirror;

/// What is kept of a line.
#[derive(Clone, Copy, Debug)]
struct Line {
    due: i64,
    vault: Pubkey,
    margin_account: Pubkey,
}

/// Credit lines by the time at which their next step may be due.
#[derive(Debug, Default)]
pub(super) struct Lines {
    intervals: Option<Credit>,
    lines: BTreeMap<Pubkey, Line>,
    of_vaults: BTreeSet<(Pubkey, Pubkey)>,
    times: BTreeSet<(i64, Pubkey)>,
}

impl Lines {
    pub(super) fn new(intervals: Option<Credit>) -> Self {
        Self {
            intervals,
            ..Self::default()
        }
    }

    pub(super) fn rebuild(&mut self, mirror: &Mirror) {
        *self = Self::new(self.intervals);
        for (address, _) in mirror.lines() {
            self.read(mirror, address);
        }
    }

    /// Reads a line anew; returns its margin account, as it was or is.
    pub(super) fn read(&mut self, mirror: &Mirror, address: &Pubkey) -> Option<Pubkey> {
        let before = self.lines.remove(address);
        if let Some(before) = before {
            self.of_vaults.remove(&(before.vault, *address));
            self.times.remove(&(before.due, *address));
        }
        let Some(line) = mirror.line(address) else {
            return before.map(|before| before.margin_account);
        };
        let vault = Pubkey::from(line.vault);
        let due = match (self.intervals, mirror.vault(&vault)) {
            (Some(intervals), Some(vault)) => credit::due_from(line, vault, &intervals),
            _ => NEVER,
        };
        let margin_account = Pubkey::from(line.margin_account);
        let line = Line {
            due,
            vault,
            margin_account,
        };
        self.lines.insert(*address, line);
        self.of_vaults.insert((vault, *address));
        if due != NEVER {
            self.times.insert((due, *address));
        }
        Some(margin_account)
    }

    pub(super) fn of_vault(&self, vault: &Pubkey) -> Vec<Pubkey> {
        let (first, last) = (Pubkey::default(), Pubkey::from([u8::MAX; 32]));
        let lines = self.of_vaults.range((*vault, first)..=(*vault, last));
        lines.map(|(_, line)| *line).collect()
    }

    pub(super) fn due(&self, now: i64) -> impl Iterator<Item = Pubkey> + '_ {
        let last = Pubkey::from([u8::MAX; 32]);
        self.times.range(..=(now, last)).map(|(_, line)| *line)
    }
}

/// Markets by a time before which no order of theirs expires.
#[derive(Debug, Default)]
pub(super) struct Books(BTreeMap<Pubkey, i64>);

impl Books {
    pub(super) fn rebuild(&mut self, mirror: &Mirror) {
        let markets = mirror.markets();
        self.0 = markets
            .map(|(address, market)| (*address, earliest(market)))
            .collect();
    }

    /// An order that expires then has come in.
    pub(super) fn lower(&mut self, market: &Pubkey, expires_at: i64) {
        if let Some(bound) = self.0.get_mut(market) {
            *bound = expires_at.min(*bound);
        }
    }

    /// Looks again where the time has come.
    pub(super) fn pass(&mut self, mirror: &Mirror, now: i64) {
        for (address, bound) in &mut self.0 {
            if *bound <= now {
                *bound = mirror.market(address).map_or(NEVER, earliest);
            }
        }
    }

    pub(super) fn due(&self, now: i64) -> impl Iterator<Item = Pubkey> + '_ {
        let due = self.0.iter().filter(move |(_, bound)| **bound <= now);
        due.map(|(address, _)| *address)
    }
}

/// Earliest expiry in a book.
fn earliest(market: &MarketView) -> i64 {
    let orders = [OrderSide::Bid, OrderSide::Ask].map(|side| market.orders(side));
    let expiries = orders.iter().flatten().map(|(_, order)| order.expires_at);
    expiries.filter(|at| *at != 0).min().unwrap_or(NEVER)
}

/// Margin accounts with interest in a market's auction.
pub(super) fn joined(market: &MarketView) -> Vec<Pubkey> {
    let orders = [OrderSide::Bid, OrderSide::Ask].map(|side| market.orders(side));
    let interest = orders.iter().flatten();
    let interest = interest.filter(|(_, order)| order.liquidation != 0);
    let seats = interest.filter_map(|(_, order)| market.seat(order.seat));
    seats.map(|seat| Pubkey::from(seat.owner)).collect()
}
