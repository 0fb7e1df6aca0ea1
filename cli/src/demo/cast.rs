//! Who trades: keys, money and seats. Keys follow from the seed; they are worth nothing anywhere else.

use std::sync::Arc;

use anyhow::{ensure, Context, Result};
use plimsoll_client::engine::place::SelfTrade;
use plimsoll_client::engine::state::MarginAccount;
use plimsoll_client::instructions::{self, other_markets, CreditKeys, TradeAccounts};
use plimsoll_client::OrderArgs;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::bots::Wanted;
use super::money::USD;
use super::random::Random;
use super::story::{Story, SEED};
use super::tally::Kind;
use super::traffic::{Outgoing, Traffic};
use super::venue::Venue;
use crate::localnet::RunningLocalnet;

/// Streams of the seed from which keys are drawn; bots use the small numbers.
const KEY_STREAMS: u64 = 1_000;
/// Kept outside the margin account for deposits to come, quote atoms.
const POCKET: u64 = 50_000 * USD;
/// Most resting orders that one order may meet.
const STEPS_MAX: u8 = 16;
/// A farmer's cash: it carries the hedge of about $25,000 through a fall of 29%, quote atoms.
pub const FARM_CASH: u64 = 8_400 * USD;

/// How a farmer meets the night. All three have the same hedge on the same cash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Farm {
    /// With a committed line that is large enough for this fall.
    Covered,
    /// Without a line.
    Bare,
    /// With a committed line that is too small.
    Thin,
}

impl Farm {
    pub const ALL: [Self; 3] = [Self::Covered, Self::Bare, Self::Thin];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Covered => "with the line",
            Self::Bare => "without a line",
            Self::Thin => "with a small line",
        }
    }
}

/// What a trader is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Maker,
    Taker,
    Hedger,
    /// Deposits every minute and does nothing else, so that its deposits can be read from the chain.
    Saver,
    /// Has sold coins forward and holds them as a long in the first market; acts no more that night.
    Farmer(Farm),
    /// Takes over what the book does not take of a liquidated position.
    Desk,
    /// Bids in calls and nowhere else.
    DipBuyer,
    /// Calls liquidations and advances halts; its margin account gets what they are reimbursed with and nothing else.
    Liquidator,
}

impl Role {
    /// Quote atoms in the margin account at the start.
    const fn cash(self) -> u64 {
        match self {
            Self::Maker => 400_000 * USD,
            Self::Taker => 40_000 * USD,
            Self::Hedger => 60_000 * USD,
            Self::Farmer(_) => FARM_CASH,
            Self::Desk => 100_000 * USD,
            Self::DipBuyer => 60_000 * USD,
            Self::Saver | Self::Liquidator => 0,
        }
    }

    /// Orders that may rest in each market; `None`: no seat anywhere.
    const fn order_slots(self) -> Option<u8> {
        match self {
            Self::Maker => Some(8),
            Self::DipBuyer => Some(2),
            Self::Taker | Self::Hedger | Self::Farmer(_) | Self::Desk => Some(1),
            Self::Saver | Self::Liquidator => None,
        }
    }

    /// Markets from the first one on in which it has a seat.
    const fn markets(self) -> usize {
        match self {
            Self::Farmer(_) => 1,
            _ => usize::MAX,
        }
    }

    /// How it is called where its fate is told.
    pub fn name(self) -> String {
        match self {
            Self::Maker => "a maker".to_owned(),
            Self::Taker => "a taker".to_owned(),
            Self::Hedger => "the hedger".to_owned(),
            Self::Saver => "the saver".to_owned(),
            Self::Farmer(farm) => format!("the farmer {}", farm.name()),
            Self::Desk => "the takeover desk".to_owned(),
            Self::DipBuyer => "the dip buyer".to_owned(),
            Self::Liquidator => "the liquidator".to_owned(),
        }
    }
}

/// A trader with its accounts.
#[derive(Clone, Debug)]
pub struct Trader {
    pub role: Role,
    pub key: Arc<Keypair>,
    pub account: Pubkey,
    pub tokens: Pubkey,
    /// As of its creation: the entries never change afterwards.
    pub margin: Option<MarginAccount>,
    /// Its credit line, if it has one.
    pub credit: Option<CreditKeys>,
}

impl Trader {
    /// Block of the seat in a market.
    pub fn seat(&self, market: &Pubkey) -> Option<u32> {
        let margin = self.margin.as_ref()?;
        let entry = margin.entry_of(&market.to_bytes())?;
        margin.entries().get(entry).map(|entry| entry.seat)
    }

    /// Cancels all and places these.
    pub fn requote(
        &self,
        venue: &Venue,
        market: &Pubkey,
        resting: u8,
        wanted: &[Wanted],
    ) -> Vec<Instruction> {
        let (Some(seat), Some(accounts)) = (self.seat(market), self.trade(venue, market)) else {
            return Vec::new();
        };
        let mut built = Vec::with_capacity(2);
        if resting != 0 {
            built.push(accounts.cancel_all_orders(seat, resting));
        }
        if !wanted.is_empty() {
            let orders = wanted.iter().map(|one| order_args(seat, one)).collect();
            built.push(accounts.place_orders(orders));
        }
        built
    }

    /// Places one order.
    pub fn place(&self, venue: &Venue, market: &Pubkey, wanted: &Wanted) -> Vec<Instruction> {
        let (Some(seat), Some(accounts)) = (self.seat(market), self.trade(venue, market)) else {
            return Vec::new();
        };
        vec![accounts.place_order(order_args(seat, wanted))]
    }

    fn trade(&self, venue: &Venue, market: &Pubkey) -> Option<TradeAccounts> {
        Some(TradeAccounts {
            program: venue.addresses.program,
            trader: self.key.pubkey(),
            margin_account: self.account,
            market: *market,
            other_markets: other_markets(self.margin.as_ref()?, Some(market)),
        })
    }

    /// A transaction of this trader.
    pub fn says(&self, kind: Kind, instructions: Vec<Instruction>) -> Outgoing {
        Outgoing {
            kind,
            instructions,
            signer: Arc::clone(&self.key),
        }
    }
}

fn order_args(seat: u32, wanted: &Wanted) -> OrderArgs {
    OrderArgs {
        seat,
        side: wanted.side.byte(),
        time_in_force: wanted.time_in_force as u8,
        self_trade: SelfTrade::CancelTaker as u8,
        reduce_only: wanted.reduce_only,
        steps_max: STEPS_MAX,
        price: wanted.price,
        lots: wanted.lots,
        client_id: 0,
        expires_at: wanted.expires_at,
    }
}

/// Roles and keys of a story, before anything is on chain.
pub fn roles(story: &Story) -> Vec<(Role, Arc<Keypair>)> {
    let makers = (0..story.makers).map(|_| Role::Maker);
    let takers = (0..story.takers).map(|_| Role::Taker);
    let farmers = Farm::ALL.into_iter().map(Role::Farmer);
    let all = makers.chain(takers).chain([Role::Hedger, Role::Saver]);
    let all = all.chain(farmers);
    let all = all.chain([Role::Desk, Role::Liquidator, Role::DipBuyer]);
    (0..)
        .zip(all)
        .map(|(number, role)| (role, Arc::new(key(number))))
        .collect()
}

/// The keeper's key: it pays for what anyone may do.
pub fn keeper() -> Arc<Keypair> {
    Arc::new(key(KEY_STREAMS / 2))
}

/// Keys of the underwriter and of the provider, who have no margin account.
pub fn lenders() -> [Arc<Keypair>; 2] {
    [1, 2].map(|number| Arc::new(key(KEY_STREAMS / 2 + number)))
}

fn key(number: u64) -> Keypair {
    let mut random = Random::of(SEED, KEY_STREAMS + number);
    let mut secret = [0; 32];
    for chunk in secret.chunks_exact_mut(8) {
        chunk.copy_from_slice(&random.next().to_le_bytes());
    }
    Keypair::new_from_array(secret)
}

/// Gives everybody money, an account, seats in every market, and a first deposit.
pub async fn enter(
    running: &RunningLocalnet,
    venue: &Venue,
    traffic: &Arc<Traffic>,
    roles: Vec<(Role, Arc<Keypair>)>,
) -> Result<Vec<Trader>> {
    let mut traders = Vec::with_capacity(roles.len());
    for (role, key) in roles {
        let owner = key.pubkey();
        let tokens = running.faucet.mint_to(&owner, role.cash() + POCKET).await?;
        traders.push(Trader {
            role,
            account: venue.addresses.margin_account(&owner, 0),
            tokens,
            key,
            margin: None,
            credit: None,
        });
    }
    let opening = traders.iter().map(|trader| open(venue, trader)).collect();
    Arc::clone(traffic).submit(opening).await.await;
    let funding = traders.iter().filter(|trader| trader.role.cash() != 0);
    let funding = funding.map(|trader| {
        let deposit = deposit(venue, trader, trader.role.cash());
        trader.says(Kind::Deposit, vec![deposit])
    });
    Arc::clone(traffic).submit(funding.collect()).await.await;
    let total = traffic.tally().total();
    ensure!(
        total.confirmed == total.sent,
        "not every trader could be set up: {:?} {:?}",
        traffic.tally().failures(),
        traffic.tally().refusals()
    );
    for trader in &mut traders {
        let margin = traffic.connection().margin_account(&trader.account);
        trader.margin = Some(margin.await.context("a margin account cannot be read")?);
    }
    Ok(traders)
}

fn open(venue: &Venue, trader: &Trader) -> Outgoing {
    let owner = trader.key.pubkey();
    let mut built = vec![instructions::create_margin_account(
        &venue.addresses,
        owner,
        0,
    )];
    if let Some(slots) = trader.role.order_slots() {
        for market in venue.markets.iter().take(trader.role.markets()) {
            let program = &venue.addresses.program;
            built.extend(instructions::claim_seat(
                program,
                owner,
                trader.account,
                market.address,
                slots,
            ));
        }
    }
    trader.says(Kind::Open, built)
}

/// A deposit of the trader's own tokens into its own account, through a shard of its own.
pub fn deposit(venue: &Venue, trader: &Trader, atoms: u64) -> Instruction {
    instructions::deposit(
        &venue.addresses,
        trader.key.pubkey(),
        trader.tokens,
        trader.account,
        shard_of(trader),
        atoms,
    )
}

/// Spreads traders over the first two shards, which every cluster file has.
pub fn shard_of(trader: &Trader) -> u8 {
    trader.account.to_bytes()[0] % 2
}
