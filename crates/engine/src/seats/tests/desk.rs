//! The desk that the tests of this crate trade on: markets, accounts, and every step by name.
#![allow(clippy::unwrap_used)]

use std::vec;
use std::vec::Vec;

use super::super::*;
use crate::cash::{self, SettledLeg, SETTLE_LEGS_MAX};
use crate::place::{self, MatchPlan, OrderRequest, Placed, SelfTrade, TimeInForce, Trader};
use crate::position::{self, Holding};
use crate::risk::{self, AccountRisk, LegRisk, Resting};
use crate::state::{Block, HaltPhase, OrderSide};
use crate::units::{BaseLots, Ticks};

pub(crate) const NOW: i64 = 1_760_131_260;
/// Mark of every market of a new desk, ticks: half a quote atom per base atom.
pub(crate) const MARK: u64 = 500;
/// One lot at the mark, quote atoms.
pub(crate) const LOT_VALUE: i64 = 500_000;

/// Passes every bound and the listing rule. A lot is 10^6 base atoms, a tick on it 10^3 quote atoms.
pub(crate) fn params() -> MarketParams {
    MarketParams {
        base_atoms_per_lot: 1_000_000,
        quote_atoms_per_lot_tick: 1_000,
        lots_min: 1,
        size_free: 1 << 40,
        size_unit: 1_000_000,
        open_interest_low: 1 << 50,
        open_interest_high: 1 << 52,
        open_interest_max: 1 << 51,
        slice_lots_max: 1_000,
        reimbursement_cap: 50_000,
        initial_margin_ppm: 50_000,
        size_slope_ppm: 10_000,
        taker_fee_ppm: 500,
        maker_fee_ppm: 100,
        liquidation_contribution_ppm: 2_500,
        call_seconds: 5,
        call_seconds_max: 30,
        freeze_seconds: 1,
        resolve_seconds: 2,
        retrip_seconds: 60,
        // A budget of zero: what is not about halts trades at any price without one.
        halt_budget_ppm: 0,
        halt_budget_trade_ppm: 400_000,
        halt_budget_seconds: 600,
        trip_volume_moved_ppm: 1_000,
        trip_volume_alone_ppm: 10_000,
        trip_volume_lots_min: 10,
        takeover_seconds: 20,
        takeover_credit_seconds: 20,
        reimbursement_growth_seconds: 10,
        default_fund_budget_ppm: 200_000,
        index_dead_seconds: 604_800,
        feeds_len: 1,
        feed_ids: [crate::index::tests::FEED_A, [0; 32], [0; 32]],
        feeds_required: 1,
        order_slots_max: 64,
        ..crate::index::tests::params()
    }
}

#[derive(Clone)]
pub(crate) struct Market {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
    pub address: Pubkey,
}

impl Market {
    pub(crate) fn get(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = bytemuck::bytes_of(&self.header).to_vec();
        bytes.extend_from_slice(bytemuck::cast_slice(&self.blocks));
        bytes
    }
}

/// Markets and the accounts that trade in them.
#[derive(Clone)]
pub(crate) struct Desk {
    pub markets: Vec<Market>,
    pub accounts: Vec<MarginAccount>,
    pub env: Env,
    pub plan: MatchPlan,
}

pub(crate) fn address_of(account: usize) -> Pubkey {
    [0x40 + account as u8; 32]
}

impl Desk {
    /// Puts a market into a phase of a halt, as of the desk's clock.
    pub(crate) fn halt(&mut self, market: usize, phase: HaltPhase) {
        let (now, halt) = (self.env.now, &mut self.markets[market].header.halt);
        halt.tripped_at = now;
        halt.resolve_ends_at = now + 2;
        let (stored, left) = match phase {
            HaltPhase::Freeze => (HaltPhase::Call, 1),
            HaltPhase::Call => (HaltPhase::Call, 5),
            other => (other, 0),
        };
        halt.phase = stored.byte();
        halt.call_ends_at = now + left;
    }

    pub(crate) fn with(params: &[MarketParams], capacity: u32) -> Self {
        let env = Env { now: NOW, slot: 9 };
        let markets = params.iter().enumerate().map(|(number, params)| {
            let identity = MarketIdentity {
                number: number as u32,
                symbol: *b"TEST-PERP\0\0\0\0\0\0\0",
                exchange: [0xE0; 32],
                mark_account: [0xD0 + number as u8; 32],
                mark_bump: 254,
                capacity,
                timelock_seconds: 0,
            };
            let mut header = MarketHeader::zeroed();
            create_market(&mut header, &identity, params, &env).unwrap();
            header.status = MarketStatus::Active.byte();
            Market {
                header,
                blocks: vec![Block::zeroed(); capacity as usize],
                address: [0xF0 + number as u8; 32],
            }
        });
        let mut desk = Self {
            markets: markets.collect(),
            accounts: Vec::new(),
            env,
            plan: MatchPlan::default(),
        };
        for market in 0..desk.markets.len() {
            desk.mark(market, MARK);
        }
        desk
    }

    pub(crate) fn new(markets: usize) -> Self {
        Self::with(&vec![params(); markets], 600)
    }

    /// Sets index and mark to `ticks`, fresh.
    pub(crate) fn mark(&mut self, market: usize, ticks: u64) {
        let now = self.env.now;
        let header = &mut self.markets[market].header;
        let price = header.params.lot_sizes().price_floor(Ticks(ticks)).unwrap();
        header.prices.mark = price.0;
        header.prices.index = price.0;
        header.prices.mark_time = now;
        header.prices.index_time = now;
    }

    /// An account of `owner` with cash and a seat of eight slots in every market.
    pub(crate) fn join(&mut self, owner: u8, deposit: u64) -> usize {
        let account = self.stranger(owner, deposit);
        for market in 0..self.markets.len() {
            self.claim(account, market, 8).unwrap();
        }
        account
    }

    /// An account without seats.
    pub(crate) fn stranger(&mut self, owner: u8, deposit: u64) -> usize {
        let mut account = MarginAccount::zeroed();
        account.owner = [owner; 32];
        account.sub_account = self.accounts.len() as u16;
        cash::deposit(&mut account, deposit).unwrap();
        self.accounts.push(account);
        self.accounts.len() - 1
    }

    /// Runs a step; an error must leave every byte as it was.
    fn step<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before: Vec<Vec<u8>> = self.markets.iter().map(Market::bytes).collect();
        let accounts = self.accounts.clone();
        let outcome = step(self);
        if outcome.is_err() {
            let after: Vec<Vec<u8>> = self.markets.iter().map(Market::bytes).collect();
            assert!(before == after, "an error changed a market");
            assert!(accounts == self.accounts, "an error changed an account");
        }
        outcome
    }

    fn addresses(&self, account: usize, market: usize) -> SeatAddresses {
        SeatAddresses {
            market: self.markets[market].address,
            margin_account: address_of(account),
        }
    }

    pub(crate) fn claim(&mut self, account: usize, market: usize, slots: u8) -> Result<Claimed> {
        self.step(|desk| {
            let addresses = desk.addresses(account, market);
            claim(
                &mut desk.markets[market].get(),
                &mut desk.accounts[account],
                &addresses,
                slots,
            )
        })
    }

    pub(crate) fn release(&mut self, account: usize, market: usize) -> Result<u64> {
        self.step(|desk| {
            let addresses = desk.addresses(account, market);
            release(
                &mut desk.markets[market].get(),
                &mut desk.accounts[account],
                &addresses,
            )
        })
    }

    pub(crate) fn seat_index(&self, account: usize, market: usize) -> u32 {
        let entry = self.accounts[account].entry_of(&self.markets[market].address);
        self.accounts[account].entries[entry.unwrap()].seat
    }

    pub(crate) fn seat(&self, account: usize, market: usize) -> Seat {
        *arena::seat(
            &self.markets[market].blocks,
            self.seat_index(account, market),
        )
        .unwrap()
    }

    pub(crate) fn seat_mut(&mut self, account: usize, market: usize) -> &mut Seat {
        let index = self.seat_index(account, market);
        arena::seat_mut(&mut self.markets[market].blocks, index).unwrap()
    }

    pub(crate) fn held(&self, account: usize, market: usize) -> Holding {
        let seat = self.seat(account, market);
        position::holding(&seat, &self.markets[market].header.sides).unwrap()
    }

    /// Position in lots.
    pub(crate) fn lots(&self, account: usize, market: usize) -> i64 {
        self.held(account, market).base / 1_000_000
    }

    pub(crate) fn leg(&self, account: usize, market: usize) -> LegRisk {
        let resting = Resting::from(&self.seat(account, market));
        let held = self.held(account, market);
        risk::leg(&self.markets[market].header, held, &resting, self.env.now).unwrap()
    }

    /// Sum of the legs in all markets of the account but those of `without`.
    pub(crate) fn legs(&self, account: usize, without: &[usize]) -> LegRisk {
        let mut legs = LegRisk::default();
        for (market, state) in self.markets.iter().enumerate() {
            let has_seat = self.accounts[account].entry_of(&state.address).is_some();
            if has_seat && !without.contains(&market) {
                legs.add(&self.leg(account, market)).unwrap();
            }
        }
        legs
    }

    pub(crate) fn risk(&self, account: usize) -> AccountRisk {
        let cash = cash::account_cash(&self.accounts[account], self.env.now);
        AccountRisk::of(&cash, &self.legs(account, &[])).unwrap()
    }

    pub(crate) fn place(
        &mut self,
        account: usize,
        market: usize,
        request: &OrderRequest,
    ) -> Result<Placed> {
        let trader = Trader {
            account: address_of(account),
            cash: cash::account_cash(&self.accounts[account], self.env.now),
            other_legs: self.legs(account, &[market]),
        };
        let seat = self.seat_index(account, market);
        self.step(|desk| {
            let (env, mut plan) = (desk.env, desk.plan.clone());
            let mut state = desk.markets[market].get();
            let placed = place::place(&mut state, seat, &trader, request, &env, &mut plan);
            desk.plan = plan;
            placed
        })
    }

    /// `buyer` buys from `seller` at `ticks`, whatever else is in the book at worse prices.
    pub(crate) fn trade(
        &mut self,
        buyer: usize,
        seller: usize,
        market: usize,
        ticks: u64,
        lots: u64,
    ) {
        self.place(seller, market, &ask(ticks, lots)).unwrap();
        let placed = self.place(buyer, market, &bid(ticks, lots)).unwrap();
        assert_eq!(placed.filled_lots, lots);
    }

    pub(crate) fn settle(
        &mut self,
        account: usize,
        markets: &[usize],
    ) -> Result<[SettledLeg; SETTLE_LEGS_MAX]> {
        let others = self.legs(account, markets);
        let entries: Vec<usize> = markets
            .iter()
            .map(|m| {
                let entry = self.accounts[account].entry_of(&self.markets[*m].address);
                entry.unwrap()
            })
            .collect();
        let markets = markets.to_vec();
        self.step(|desk| {
            let env = desk.env;
            let mut passed: Vec<(usize, MarketMut<'_>)> = desk
                .markets
                .iter_mut()
                .enumerate()
                .filter(|(m, _)| markets.contains(m))
                .map(|(m, state)| (m, state.get()))
                .collect();
            passed.sort_by_key(|(m, _)| markets.iter().position(|asked| asked == m));
            let mut passed: Vec<MarketMut<'_>> = passed.into_iter().map(|(_, s)| s).collect();
            cash::settle(
                &mut desk.accounts[account],
                &address_of(account),
                &mut passed,
                &entries,
                &others,
                &env,
            )
        })
    }

    pub(crate) fn withdraw(&mut self, account: usize, amount: u64) -> Result<()> {
        let legs = self.legs(account, &[]);
        self.step(|desk| {
            let env = desk.env;
            cash::withdraw(&mut desk.accounts[account], &legs, false, amount, &env)
        })
    }
}

fn request(side: OrderSide, ticks: u64, lots: u64) -> OrderRequest {
    OrderRequest {
        side,
        price: Ticks(ticks),
        lots: BaseLots(lots),
        client_id: 0,
        expires_at: 0,
        time_in_force: TimeInForce::Limit,
        self_trade: SelfTrade::CancelTaker,
        reduce_only: false,
        steps_max: 32,
    }
}

pub(crate) fn bid(ticks: u64, lots: u64) -> OrderRequest {
    request(OrderSide::Bid, ticks, lots)
}

pub(crate) fn ask(ticks: u64, lots: u64) -> OrderRequest {
    request(OrderSide::Ask, ticks, lots)
}
