//! The program's own account of the night: the events of every liquidation, takeover, tear-up and of the
//! vault, read back from the transactions' logs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use plimsoll_client::engine::units::{BaseLots, LotSizes, Ticks};
use plimsoll_client::events::{
    from_logs, AuctionFillRecord, AuctionFilled, AuctionJoined, DeleveragingExecuted, Event,
    Liquidated, TakenOver,
};
use plimsoll_client::rpc::Connection;
use solana_client::rpc_client::GetConfirmedSignaturesForAddress2Config;
use solana_client::rpc_config::RpcTransactionConfig;
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_transaction_status_client_types::option_serializer::OptionSerializer;
use solana_transaction_status_client_types::UiTransactionEncoding;

use super::cast::Trader;
use super::venue::Venue;

/// Signatures that one request returns at most.
const PAGE: usize = 1_000;

/// An event and the chain's second at which it happened.
#[derive(Clone, Debug)]
pub struct Told {
    pub time: i64,
    pub event: Event,
}

/// All that is told of liquidations and of the vault, each oldest first.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Of the liquidator's and the desk's transactions.
    pub liquidations: Vec<Told>,
    /// Of the transactions that name the vault.
    pub vault: Vec<Told>,
    /// By market and seat, whose it is.
    pub seats: BTreeMap<(Pubkey, u32), Pubkey>,
    /// What lots and ticks of a market are worth.
    pub sizes: BTreeMap<Pubkey, LotSizes>,
}

/// What was closed of an account and what it paid for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    pub draws: u64,
    pub drawn: u64,
    /// Steps in the book that filled, their lots, cash and charges.
    pub steps: u64,
    pub lots: u64,
    pub quote: u64,
    pub charge: u64,
    /// Auctions in which something was sold or bought for it.
    pub auctions: u64,
    pub auction_lots: u64,
    pub auction_quote: u64,
    /// Orders that left the books.
    pub cancelled: u64,
    pub takeovers: u64,
    pub taken_base: u64,
    pub taken_cash: u64,
    pub tear_ups: u64,
    pub torn_base: u64,
}

impl Closed {
    /// Whether any of its position was closed for it.
    pub const fn any(&self) -> bool {
        self.steps + self.auctions + self.takeovers + self.tear_ups != 0
    }
}

impl Ledger {
    pub async fn read(connection: &Connection, callers: &[Pubkey], vault: &Pubkey) -> Result<Self> {
        let mut liquidations = Vec::new();
        for caller in callers {
            liquidations.extend(events_of(connection, caller).await?);
        }
        // Stable: what one caller did within a second stays in its order.
        liquidations.sort_by_key(|told| told.time);
        Ok(Self {
            liquidations,
            vault: events_of(connection, vault).await?,
            seats: BTreeMap::new(),
            sizes: BTreeMap::new(),
        })
    }

    /// Learns whose seats the fills of auctions name.
    pub fn name_seats(&mut self, venue: &Venue, traders: &[Trader]) {
        for market in &venue.markets {
            self.sizes.insert(market.address, market.units.sizes);
            for trader in traders {
                if let Some(seat) = trader.seat(&market.address) {
                    self.seats.insert((market.address, seat), trader.account);
                }
            }
        }
    }

    pub fn joined(&self) -> impl Iterator<Item = &AuctionJoined> {
        self.liquidations
            .iter()
            .filter_map(|told| match &told.event {
                Event::AuctionJoined(event) => Some(&**event),
                _ => None,
            })
    }

    pub fn auctions(&self) -> impl Iterator<Item = &AuctionFilled> {
        self.liquidations
            .iter()
            .filter_map(|told| match &told.event {
                Event::AuctionFilled(event) => Some(&**event),
                _ => None,
            })
    }

    /// Cash of a fill in an auction, quote atoms.
    pub fn cash_of(&self, auction: &AuctionFilled, fill: &AuctionFillRecord) -> u64 {
        let sizes = self.sizes.get(&auction.market);
        let cash = sizes.and_then(|sizes| {
            let filled = sizes.fill_cash(BaseLots(fill.lots), Ticks(auction.price));
            filled.ok()
        });
        cash.map_or(0, |cash| cash.0)
    }

    pub fn liquidated(&self) -> impl Iterator<Item = &Liquidated> {
        self.liquidations
            .iter()
            .filter_map(|told| match &told.event {
                Event::Liquidated(event) => Some(&**event),
                _ => None,
            })
    }

    pub fn taken_over(&self) -> impl Iterator<Item = &TakenOver> {
        self.liquidations
            .iter()
            .filter_map(|told| match &told.event {
                Event::TakenOver(event) => Some(&**event),
                _ => None,
            })
    }

    pub fn receipts(&self) -> impl Iterator<Item = &DeleveragingExecuted> {
        self.liquidations
            .iter()
            .filter_map(|told| match &told.event {
                Event::DeleveragingExecuted(event) => Some(&**event),
                _ => None,
            })
    }

    /// Fees that makers paid on fills of liquidations, quote atoms.
    pub fn makers_fees(&self) -> u64 {
        let fills = self.liquidations.iter().flat_map(|told| match &told.event {
            Event::OrderPlaced(placed) => placed.fills.clone(),
            _ => Vec::new(),
        });
        fills.map(|fill| fill.maker_fee).sum()
    }

    /// By margin account, everything that was done to it.
    pub fn by_account(&self) -> BTreeMap<Pubkey, Closed> {
        let mut all: BTreeMap<Pubkey, Closed> = BTreeMap::new();
        for event in self.liquidated() {
            let closed = all.entry(event.margin_account).or_default();
            closed.draws += u64::from(event.drawn != 0);
            closed.drawn += event.drawn;
            closed.steps += u64::from(event.filled_lots != 0);
            closed.lots += event.filled_lots;
            closed.quote += event.filled_quote;
            closed.charge += event.charge;
            closed.cancelled += u64::from(event.cancelled);
        }
        for event in self.joined() {
            let closed = all.entry(event.margin_account).or_default();
            closed.draws += u64::from(event.drawn != 0);
            closed.drawn += event.drawn;
            closed.cancelled += u64::from(event.cancelled);
        }
        for event in self.auctions() {
            for fill in event.fills.iter().filter(|fill| fill.liquidation) {
                let Some(account) = self.seats.get(&(event.market, fill.seat)) else {
                    continue;
                };
                let quote = self.cash_of(event, fill);
                let closed = all.entry(*account).or_default();
                closed.auctions += 1;
                closed.auction_lots += fill.lots;
                closed.auction_quote += quote;
                closed.charge += fill.fee;
            }
        }
        for event in self.taken_over() {
            let closed = all.entry(event.margin_account).or_default();
            closed.takeovers += 1;
            closed.taken_base += event.base;
            closed.taken_cash += event.cash;
            closed.charge += event.contribution;
        }
        for event in self.receipts() {
            let closed = all.entry(event.margin_account).or_default();
            closed.tear_ups += 1;
            closed.torn_base += event.quantity;
        }
        all
    }

    /// When something of an account's position was closed for it, chain seconds; what an auction closed was
    /// decided when the account joined it.
    pub fn closings(&self, account: &Pubkey) -> Vec<i64> {
        let mut joined: BTreeMap<Pubkey, i64> = BTreeMap::new();
        let told = self.liquidations.iter();
        let closings = told.filter_map(|told| {
            let closed = match &told.event {
                Event::Liquidated(event) => {
                    event.margin_account == *account && event.filled_lots != 0
                }
                Event::TakenOver(event) => event.margin_account == *account,
                Event::DeleveragingExecuted(event) => event.margin_account == *account,
                Event::AuctionJoined(event) => {
                    if event.margin_account == *account {
                        joined.insert(event.market, told.time);
                    }
                    false
                }
                Event::AuctionFilled(event) => {
                    let mut fills = event.fills.iter().filter(|fill| fill.liquidation);
                    let own = |fill: &AuctionFillRecord| {
                        self.seats.get(&(event.market, fill.seat)) == Some(account)
                    };
                    if fills.any(own) {
                        return Some(joined.get(&event.market).copied().unwrap_or(told.time));
                    }
                    false
                }
                _ => false,
            };
            closed.then_some(told.time)
        });
        closings.collect()
    }
}

/// The events of an address's transactions that went through, oldest first.
async fn events_of(connection: &Connection, address: &Pubkey) -> Result<Vec<Told>> {
    let mut listed = Vec::new();
    let mut before = None;
    loop {
        let config = GetConfirmedSignaturesForAddress2Config {
            before,
            until: None,
            limit: Some(PAGE),
            commitment: Some(CommitmentConfig::confirmed()),
        };
        let page = connection
            .rpc()
            .get_signatures_for_address_with_config(address, config)
            .await
            .context("transactions cannot be listed")?;
        let full = page.len() == PAGE;
        let last = page.last().map(|entry| entry.signature.parse());
        before = last.transpose().context("a signature")?;
        listed.extend(page.into_iter().filter(|entry| entry.err.is_none()));
        if !full {
            break;
        }
    }
    let mut told = Vec::new();
    for entry in listed.iter().rev() {
        let signature = entry.signature.parse().context("a signature")?;
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(CommitmentConfig::confirmed()),
            max_supported_transaction_version: Some(0),
        };
        let found = connection
            .rpc()
            .get_transaction_with_config(&signature, config)
            .await
            .context("a transaction cannot be read")?;
        // The block's own time: lists may carry an estimate from the slot.
        let time = connection.rpc().get_block_time(entry.slot).await;
        let time = time.context("a block has no time")?;
        let logs = match found.transaction.meta.map(|meta| meta.log_messages) {
            Some(OptionSerializer::Some(logs)) => logs,
            _ => Vec::new(),
        };
        let events = from_logs(&logs).into_iter();
        told.extend(events.map(|event| Told { time, event }));
    }
    Ok(told)
}
