//! Whoever acts on the stage acts through here: everything that is sent is written down, and a baseline's deed takes the
//! place of a step of the program's.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{anyhow, Context, Result};
use plimsoll_client::events::Event;
use plimsoll_client::{accounts, MarketView};
use plimsoll_engine::position;
use plimsoll_engine::state::{MarketHeader, Seat, BLOCK_SIZE, MARKET_HEADER_SIZE};
use plimsoll_engine::units::PriceQ32;
use plimsoll_keeper::decide::Kind;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::adl::{Picture, Tolls};
use crate::baseline::{self, Entries, Order};
use crate::chain::{Chain, Refused};
use crate::ledger::Ledger;
use crate::operator::{Hands, Operator, Step};
use crate::rules::RuleSet;
use crate::sight;
use crate::stage::Stage;

/// Bytes of an account's discriminator.
const DISCRIMINATOR: usize = 8;

/// The stage with its book.
#[derive(Debug)]
pub struct Stagehands<'a> {
    pub stage: &'a mut Stage,
    pub ledger: Ledger,
    pub tolls: Tolls,
    rules: RuleSet,
    order: Option<Order>,
    /// Entry prices of every seat, for the queue's rank.
    pub entries: Entries,
    /// Positions as of the last look at them, of those whose entries are followed.
    held: BTreeMap<u32, i64>,
    /// First and last second of the ten minutes in which a baseline suspends deposits.
    worst: (u32, u32),
    /// The tape's index at this moment, 10^-8 dollars.
    pub index_e8: i64,
    /// Its prices as long as one may be in force, with their times.
    recent: VecDeque<(i64, i64)>,
    /// Close of the second that the flow traded last.
    pub flow_close: i64,
}

impl<'a> Stagehands<'a> {
    pub fn new(
        stage: &'a mut Stage,
        ledger: Ledger,
        rules: RuleSet,
        worst: (u32, u32),
        seed: u64,
    ) -> Self {
        let order = match rules {
            RuleSet::BaselineQueue => Some(Order::Queue),
            RuleSet::BaselineRandom => Some(Order::Random(ChaCha8Rng::seed_from_u64(seed))),
            _ => None,
        };
        Self {
            stage,
            ledger,
            tolls: Tolls::default(),
            rules,
            order,
            entries: Entries::new(),
            held: BTreeMap::new(),
            worst,
            index_e8: 0,
            recent: VecDeque::new(),
            flow_close: 0,
        }
    }

    /// Before the first second: everybody has entered at this price.
    pub fn begin(&mut self, price_e8: i64) {
        self.see_index(price_e8);
        self.flow_close = price_e8;
        self.ledger.measures.index_low = price_e8;
        self.ledger.measures.custody_exact = true;
        let entry = self.stage.venue.q32(price_e8);
        let entries = self.ledger.roster.entries.iter();
        self.entries = entries.map(|account| (account.seat, entry)).collect();
    }

    pub fn now(&self) -> i64 {
        self.stage.chain.env().now
    }

    /// The market's header as it is on chain.
    pub fn header(&self) -> MarketHeader {
        let data = self.stage.chain.data(&self.stage.venue.market);
        let header = data.get(DISCRIMINATOR..MARKET_HEADER_SIZE);
        header.map_or_else(bytemuck::Zeroable::zeroed, bytemuck::pod_read_unaligned)
    }

    /// Position of a seat, base atoms; zero of one that cannot be read without walking epochs.
    pub fn base_of(&self, seat: u32) -> i64 {
        let data = self.stage.chain.data(&self.stage.venue.market);
        let from = usize::try_from(seat).unwrap_or(0) * BLOCK_SIZE + MARKET_HEADER_SIZE;
        let Some(block) = data.get(from..from + BLOCK_SIZE) else {
            return 0;
        };
        let seat: Seat = bytemuck::pod_read_unaligned(block);
        let header = self.header();
        position::holding(&seat, &header.sides).map_or(0, |held| held.base)
    }

    /// Follows the entry prices of those whose positions grow: makers, flow and desk. What grew did so at the mark.
    pub fn follow_entries(&mut self, mark: u64) {
        if self.order.is_none() {
            return;
        }
        let stage = &self.stage;
        let others = stage.makers.iter().chain(&stage.flow).chain(&stage.desk);
        let now: Vec<(u32, i64)> = others
            .map(|member| (member.seat, self.base_of(member.seat)))
            .collect();
        for (seat, base) in now {
            let held = self.held.insert(seat, base).unwrap_or(0);
            let entry = self.entries.entry(seat).or_insert(mark);
            let (was, is) = (
                u128::from(held.unsigned_abs()),
                u128::from(base.unsigned_abs()),
            );
            if (held > 0) != (base > 0) {
                *entry = mark;
            } else if is > was {
                let sum = was * u128::from(*entry) + (is - was) * u128::from(mark);
                *entry = u64::try_from(sum / is.max(1)).unwrap_or(mark);
            }
        }
    }

    /// Sends one transaction and writes down what it emitted.
    ///
    /// # Errors
    /// What the program refused it with.
    pub fn send(&mut self, payer: &Pubkey, instructions: &[Instruction]) -> Result<(), Refused> {
        let events = self.stage.chain.send(payer, instructions)?;
        self.ledger.observe(&events);
        Ok(())
    }

    /// Whether a baseline takes no deposits now.
    pub fn deposits_suspended(&self) -> bool {
        let (first, last) = self.worst;
        self.rules == RuleSet::BaselineSuspendedDeposits
            && (first..=last).contains(&self.ledger.second)
    }

    /// What is accrued for the treasury, quote atoms: swept already, and its part of the fees that are not.
    fn treasury(&self) -> u64 {
        let chain = &self.stage.chain;
        let fund = accounts::default_fund(chain.data(&chain.addresses.default_fund));
        let exchange = accounts::exchange(chain.data(&chain.addresses.exchange));
        let (Ok(fund), Ok(exchange)) = (fund, exchange) else {
            return 0;
        };
        let accrued = self.header().cash.fees_accrued;
        let part = u128::from(accrued) * u128::from(exchange.fee_treasury_ppm) / 1_000_000;
        fund.treasury
            .saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// Adds what the treasury has earned by a step.
    fn earned_since(&mut self, before: u64) {
        let earned = self.treasury().saturating_sub(before);
        let sum = &mut self.ledger.measures.venue_liquidation_revenue;
        *sum = sum.saturating_add(earned);
    }

    /// The tape's index has a price.
    pub fn see_index(&mut self, price_e8: i64) {
        let now = self.now();
        self.index_e8 = price_e8;
        self.recent.push_back((now, price_e8));
        let age = i64::from(self.stage.venue.params.index_age_seconds_max);
        while self.recent.front().is_some_and(|(at, _)| now - at > age) {
            self.recent.pop_front();
        }
    }

    /// Lowest and highest index of as many seconds as an index may be old: one of them is in force, since a price whose
    /// second was too wild is refused.
    fn index_range(&self) -> (i64, i64) {
        let prices = self.recent.iter().map(|(_, price)| *price);
        prices.fold((self.index_e8, self.index_e8), |(low, high), price| {
            (low.min(price), high.max(price))
        })
    }

    /// Before a step against an account: whether it would be above maintenance at any price near the tape's index. Then
    /// only the venue's own prints put it there, and what the step closes is written down as such.
    fn suspect(&mut self, address: &Pubkey) -> Result<()> {
        let Some(place) = self.ledger.roster.of_margin(address) else {
            return Ok(());
        };
        let market = self.stage.venue.market;
        let chain = &self.stage.chain;
        let view = MarketView::decode(chain.data(&market)).context("the market")?;
        let seen = sight::read(chain, &view, &market, address)?;
        let (low, high) = self.index_range();
        let range = (self.stage.venue.q32(low), self.stage.venue.q32(high));
        if sight::healthy_near(&seen, &view.header.params, range) {
            self.ledger.suspects.insert(place);
        } else {
            self.ledger.suspects.remove(&place);
        }
        Ok(())
    }

    /// A tear-up, by the program or by the baseline, with a picture of every winner before and after.
    fn tear_up(&mut self, step: &Step) -> Result<Result<(), Refused>> {
        let market = self.stage.venue.market;
        let before = MarketView::decode(self.stage.chain.data(&market)).context("the market")?;
        if let Some(order) = &mut self.order {
            let chain = &mut self.stage.chain;
            let closed = baseline::close(chain, &market, &step.subject, &self.entries, order)?;
            match closed {
                Err(refused) => return Ok(Err(refused)),
                Ok(None) => {}
                Ok(Some(closed)) => {
                    let place = self.ledger.roster.of_margin(&step.subject);
                    let lots = closed.base / self.stage.venue.units.base_atoms_per_lot.max(1);
                    let ledger = &mut self.ledger;
                    ledger.liquidation("closed_by_queue", place, closed.value, Some(lots));
                    ledger.loss(closed.deficit, closed.from_default_fund, 0);
                    let needed = closed.deficit.saturating_sub(closed.from_default_fund);
                    self.picture(&before, closed.mark, closed.seat, needed)?;
                    return Ok(Ok(()));
                }
            }
        }
        let events = match self.stage.chain.send(&step.payer, &step.instructions) {
            Ok(events) => events,
            Err(refused) => return Ok(Err(refused)),
        };
        self.ledger.observe(&events);
        for event in &events {
            if let Event::DeleveragingExecuted(receipt) = event {
                let loser = self.ledger.roster.of_margin(&receipt.margin_account);
                let entry = loser.and_then(|place| self.ledger.roster.entries.get(place));
                let seat = entry.context("a loss of nobody")?.seat;
                let needed = receipt
                    .deficit
                    .saturating_sub(receipt.from_default_fund)
                    .saturating_sub(receipt.carried);
                self.picture(&before, PriceQ32(receipt.price), seat, needed)?;
            }
        }
        Ok(Ok(()))
    }

    /// Closes a remainder below a lot. Its receipt is a loss event's, without a loss; its holder may be healthy.
    fn close_remainder(&mut self, step: &Step) -> Result<(), Refused> {
        let events = self.stage.chain.send(&step.payer, &step.instructions)?;
        for event in &events {
            match event {
                Event::DeleveragingExecuted(receipt) => self.ledger.remainder(receipt),
                other => self.ledger.observe(std::slice::from_ref(other)),
            }
        }
        Ok(())
    }

    fn picture(
        &mut self,
        before: &MarketView,
        mark: PriceQ32,
        loser: u32,
        needed: u64,
    ) -> Result<()> {
        let market = self.stage.venue.market;
        let after = MarketView::decode(self.stage.chain.data(&market)).context("the market")?;
        let long = before
            .seat(loser)
            .is_some_and(|seat| seat.side == plimsoll_engine::state::SIDE_LONG);
        let (before, after) = (Picture::of(before, mark)?, Picture::of(&after, mark)?);
        let taken = self
            .tolls
            .measure(&before, &after, (loser, long), needed, &self.ledger.roster);
        Tolls::book(&mut self.ledger, taken, needed);
        Ok(())
    }
}

impl Hands for Stagehands<'_> {
    fn chain(&mut self) -> &mut Chain {
        &mut self.stage.chain
    }

    fn execute(&mut self, step: &Step) -> Result<Result<(), Refused>> {
        let payer = step.payer;
        match step.kind {
            Kind::TearUp => {
                self.suspect(&step.subject)?;
                let before = self.treasury();
                let done = self.tear_up(step)?;
                self.earned_since(before);
                Ok(done)
            }
            Kind::CloseRemainder => Ok(self.close_remainder(step)),
            Kind::Liquidate | Kind::TakeOver => {
                self.suspect(&step.subject)?;
                let before = self.treasury();
                let sent = self.send(&payer, &step.instructions);
                self.earned_since(before);
                Ok(sent)
            }
            Kind::JoinAuction => {
                self.suspect(&step.subject)?;
                Ok(self.send(&payer, &step.instructions))
            }
            _ => Ok(self.send(&payer, &step.instructions)),
        }
    }
}

/// Custody equality, INV-1: what the shards hold is what is owed.
///
/// # Errors
/// When an account cannot be read, or the two differ: by how much.
pub fn check_custody(keeper: &Operator, stage: &Stage) -> Result<()> {
    let chain = &stage.chain;
    let mut held = 0_i128;
    for shard in &stage.shards {
        held += i128::from(chain.tokens(shard));
    }
    let mut owed = 0_i128;
    for (address, account) in keeper.mirror.accounts() {
        let cash = i128::from(account.collateral) + i128::from(account.credit_principal);
        if cash < 0 {
            return Err(anyhow!("{address} has a cash of {cash}"));
        }
        owed += cash;
    }
    for (_, market) in keeper.mirror.markets() {
        owed += i128::from(market.header.cash.pool);
    }
    let fund = keeper.mirror.fund().context("no default fund")?;
    owed += i128::from(fund.balance) + i128::from(fund.treasury) + i128::from(fund.keeper_pool);
    if held != owed {
        return Err(anyhow!("custody holds {held} and owes {owed}"));
    }
    Ok(())
}
