//! The population on chain: wallets, margin accounts, seats, credit lines, and everybody's position at the first price.

mod lines;

use anyhow::{Context, Result};
use plimsoll_client::events::Event;
use plimsoll_client::instructions::{self, TradeAccounts};
use plimsoll_client::OrderArgs;
use plimsoll_tapes::Candle;
use solana_pubkey::Pubkey;

use crate::chain::{address_of, Chain};
use crate::population::Population;
use crate::scenario::{part, Scenario, Side};
use crate::venue::{Sizes, Units, Venue, SHARDS};

/// Seconds before the day at which lines are accepted, and at which they are activated and positions opened.
const BEFORE: i64 = 4_000;
const LAST_MINUTE: i64 = 60;
/// Order slots of a trader's seat and of a maker's.
const SLOTS: u8 = 1;
const MAKER_SLOTS: u8 = 16;

/// An account that trades.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub owner: Pubkey,
    pub margin: Pubkey,
    pub tokens: Pubkey,
    pub seat: u32,
}

/// A vault and its underwriter.
#[derive(Clone, Copy, Debug)]
pub struct Vault {
    pub underwriter: Pubkey,
    pub id: u16,
    pub address: Pubkey,
}

/// Everybody, ready for the first second.
#[derive(Clone, Debug)]
pub struct Stage {
    pub chain: Chain,
    pub venue: Venue,
    pub population: Population,
    /// In the order of the population.
    pub members: Vec<Member>,
    pub makers: Vec<Member>,
    pub flow: Vec<Member>,
    pub desk: Option<Member>,
    /// Pays the keeper's transactions; `beneficiary` is reimbursed.
    pub keeper: Pubkey,
    pub beneficiary: Pubkey,
    pub vaults: Vec<Vault>,
    /// Token accounts of custody.
    pub shards: [Pubkey; SHARDS],
}

impl Stage {
    /// Builds it all for a day that begins at `start` at the price of `first`.
    ///
    /// # Errors
    /// When the program refuses a step: the scenario asks for something that the rules forbid.
    pub fn build(
        program: &[u8],
        scenario: &Scenario,
        first: &Candle,
        start: i64,
        seed: u64,
    ) -> Result<Self> {
        let units = Units::of(first.close_e8)?;
        let ticks = units.ticks(first.close_e8);
        let population = Population::draw(scenario, &units, ticks, seed)?;
        let mut chain = Chain::new(program)?;
        let sizes = Sizes {
            price_e8: first.close_e8,
            notional: population.notional,
            blocks: blocks(scenario),
        };
        let at = start - BEFORE;
        let venue = Venue::open(&mut chain, scenario, &sizes, at)?;
        let mut shards = [Pubkey::default(); SHARDS];
        for (shard, address) in (0..).zip(&mut shards) {
            *address = chain.addresses.custody_shard(shard);
        }
        let keeper = address_of("keeper", 0);
        chain.open_wallet(keeper, 0)?;
        let mut stage = Self {
            chain,
            venue,
            population,
            members: Vec::new(),
            makers: Vec::new(),
            flow: Vec::new(),
            desk: None,
            keeper,
            beneficiary: Pubkey::default(),
            vaults: Vec::new(),
            shards,
        };
        stage.refresh(first.close_e8, at)?;
        stage.enter(scenario)?;
        stage.offer_lines(scenario)?;
        stage.refresh(first.close_e8, start - LAST_MINUTE)?;
        stage.activate_lines()?;
        stage.open_positions()?;
        Ok(stage)
    }

    /// Sets the clock, publishes a price and refreshes the mark.
    fn refresh(&mut self, price_e8: i64, now: i64) -> Result<()> {
        self.chain.set_time(now);
        let conf = price_e8.unsigned_abs() / 2_000;
        self.venue.publish(&mut self.chain, price_e8, conf, now)?;
        let (market, feed) = (self.venue.market, self.venue.feed);
        let refresh = instructions::refresh_mark(&self.chain.addresses, market, &[feed]);
        self.chain
            .send(&self.keeper, &[refresh])
            .context("refresh_mark")?;
        Ok(())
    }

    /// Margin accounts with cash and seats.
    fn enter(&mut self, scenario: &Scenario) -> Result<()> {
        let notional = self.population.notional;
        let traders = self.population.traders.clone();
        for (number, trader) in traders.iter().enumerate() {
            let shard = u8::try_from(number % SHARDS)?;
            let wallet = trader.collateral + trader.deposit * 2;
            let member = self.admit(trader.owner, wallet, trader.collateral, SLOTS, shard)?;
            self.members.push(member);
        }
        let each = |ppm: u64, count: u32| part(notional, ppm) / u64::from(count.max(1));
        let cash = each(scenario.makers.cash_ppm, scenario.makers.count);
        for number in 0..scenario.makers.count {
            let owner = address_of("maker", number);
            let member = self.admit(owner, cash, cash, MAKER_SLOTS, 0)?;
            self.makers.push(member);
        }
        let cash = each(scenario.flow.cash_ppm, scenario.flow.count);
        for number in 0..scenario.flow.count {
            let owner = address_of("flow", number);
            let member = self.admit(owner, cash, cash, SLOTS, 1)?;
            self.flow.push(member);
        }
        let cash = part(notional, scenario.desk.cash_ppm);
        if cash != 0 {
            self.desk = Some(self.admit(address_of("desk", 0), cash, cash, SLOTS, 2)?);
        }
        let owner = address_of("beneficiary", 0);
        self.chain.open_wallet(owner, 0)?;
        let create = instructions::create_margin_account(&self.chain.addresses, owner, 0);
        self.chain
            .send(&owner, &[create])
            .context("the keeper's account")?;
        self.beneficiary = self.chain.addresses.margin_account(&owner, 0);
        Ok(())
    }

    fn admit(
        &mut self,
        owner: Pubkey,
        wallet: u64,
        cash: u64,
        slots: u8,
        shard: u8,
    ) -> Result<Member> {
        let chain = &mut self.chain;
        let tokens = chain.open_wallet(owner, wallet)?;
        let (at, market) = (chain.addresses, self.venue.market);
        let margin = at.margin_account(&owner, 0);
        let mut all = vec![
            instructions::create_margin_account(&at, owner, 0),
            instructions::deposit(&at, owner, tokens, margin, shard, cash),
        ];
        all.extend(instructions::claim_seat(
            &at.program,
            owner,
            margin,
            market,
            slots,
        ));
        let events = chain.send(&owner, &all).context("an account's opening")?;
        let seat = events.iter().find_map(|event| match event {
            Event::SeatClaimed(claimed) => Some(claimed.seat),
            _ => None,
        });
        Ok(Member {
            owner,
            margin,
            tokens,
            seat: seat.context("no seat was claimed")?,
        })
    }

    /// Longs and shorts meet at the first price, whichever side is behind next, so that one order rests at a time.
    fn open_positions(&mut self) -> Result<()> {
        let traders = self.population.traders.clone();
        let of_side = |side: Side| {
            let all = traders.iter().zip(self.members.clone());
            let own: Vec<(u64, Member)> = all
                .filter(|(trader, _)| trader.side == side)
                .map(|(trader, member)| (trader.lots, member))
                .collect();
            own.into_iter()
        };
        let (mut longs, mut shorts) = (of_side(Side::Long), of_side(Side::Short));
        let (mut bought, mut sold) = (0_u64, 0_u64);
        loop {
            let (next, side) = if bought <= sold {
                (longs.next().map(|next| (next, 0)), 0)
            } else {
                (shorts.next().map(|next| (next, 1)), 1)
            };
            let Some(((lots, member), byte)) = next.or_else(|| {
                let rest = if side == 0 { &mut shorts } else { &mut longs };
                rest.next().map(|next| (next, 1 - side))
            }) else {
                return Ok(());
            };
            if byte == 0 {
                bought = bought.saturating_add(lots);
            } else {
                sold = sold.saturating_add(lots);
            }
            let order = OrderArgs {
                seat: member.seat,
                side: byte,
                time_in_force: 0,
                self_trade: 0,
                reduce_only: false,
                steps_max: 32,
                price: self.population.ticks,
                lots,
                client_id: 0,
                expires_at: 0,
            };
            let place = self.trade(&member).place_order(order);
            self.chain
                .send(&member.owner, &[place])
                .context("an opening position")?;
        }
    }

    /// A member's place in the market.
    pub fn trade(&self, member: &Member) -> TradeAccounts {
        TradeAccounts {
            program: self.chain.addresses.program,
            trader: member.owner,
            margin_account: member.margin,
            market: self.venue.market,
            other_markets: Vec::new(),
        }
    }
}

/// Blocks that everybody's seats and orders take.
fn blocks(scenario: &Scenario) -> u32 {
    let of = |count: u32, slots: u8| count.saturating_mul(u32::from(slots).saturating_add(1));
    of(scenario.accounts, SLOTS)
        .saturating_add(of(scenario.makers.count, MAKER_SLOTS))
        .saturating_add(of(scenario.flow.count, SLOTS))
        .saturating_add(of(1, SLOTS))
}
