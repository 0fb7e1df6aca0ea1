//! Claiming and releasing seats, and the desk that the tests of this crate trade on.
#![allow(clippy::unwrap_used)]

use std::vec;
use std::vec::Vec;

use super::*;
use crate::cash::{self, SettledLeg, SETTLE_LEGS_MAX};
use crate::place::{self, MatchPlan, OrderRequest, Placed, SelfTrade, TimeInForce, Trader};
use crate::position::{self, Holding};
use crate::risk::{self, AccountRisk, LegRisk, Resting};
use crate::state::{Block, OrderSide, BLOCK_SIZE, MARKET_HEADER_SIZE, MARKET_SIZE_MAX};
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
        halt_budget_ppm: 250_000,
        halt_budget_trade_ppm: 400_000,
        halt_budget_seconds: 600,
        trip_volume_moved_ppm: 1_000,
        trip_volume_alone_ppm: 10_000,
        takeover_seconds: 20,
        takeover_credit_seconds: 20,
        reimbursement_growth_seconds: 10,
        default_fund_budget_ppm: 200_000,
        feeds_len: 1,
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

#[test]
fn a_claim_reserves_a_block_for_the_seat_and_for_each_slot() {
    let mut desk = Desk::new(1);
    let a = desk.stranger(1, 0);
    let claimed = desk.claim(a, 0, 5).unwrap();
    assert_eq!(claimed.deposit_lamports, 6 * 890_880);
    let arena = desk.markets[0].header.arena;
    assert_eq!(
        (arena.reserved_blocks, arena.seats, arena.orders),
        (6, 1, 0)
    );
    let seat = desk.seat(a, 0);
    assert_eq!((seat.order_slots, seat.owner), (5, address_of(a)));
    assert_eq!(seat.owner_tag, u64::from_le_bytes([1; 8]));
    let entry = desk.accounts[a].entries[0];
    assert_eq!(
        (entry.market, entry.seat, entry.generation),
        ([0xF0; 32], claimed.seat, claimed.generation)
    );
}

#[test]
fn a_claim_with_no_slots_or_more_than_the_market_allows_is_rejected() {
    let mut desk = Desk::with(
        &[MarketParams {
            order_slots_max: 7,
            ..params()
        }],
        100,
    );
    let a = desk.stranger(1, 0);
    for slots in [0, 8, 64, 255] {
        assert_eq!(desk.claim(a, 0, slots), Err(EngineError::SizeOutOfRange));
    }
    assert!(desk.claim(a, 0, 7).is_ok());
}

#[test]
fn a_second_seat_in_the_same_market_is_rejected() {
    let mut desk = Desk::new(1);
    let a = desk.join(1, 0);
    assert_eq!(desk.claim(a, 0, 1), Err(EngineError::SeatAlreadyClaimed));
}

#[test]
fn a_ninth_market_is_rejected_and_one_released_makes_room() {
    let mut desk = Desk::with(&[params(); 9], 100);
    let a = desk.stranger(1, 0);
    for market in 0..8 {
        desk.claim(a, market, 1).unwrap();
    }
    assert_eq!(desk.claim(a, 8, 1), Err(EngineError::MarginEntriesFull));
    assert_eq!(desk.release(a, 3).unwrap(), 2 * 890_880);
    desk.claim(a, 8, 1).unwrap();
    assert_eq!(desk.accounts[a].entries_len, 8);
    for market in [0, 1, 2, 4, 5, 6, 7, 8] {
        assert_eq!(desk.seat(a, market).owner, address_of(a));
    }
}

#[test]
fn a_release_clears_the_entry_and_returns_every_reserved_block() {
    let mut desk = Desk::new(3);
    let a = desk.join(1, 0);
    assert_eq!(desk.release(a, 0).unwrap(), 9 * 890_880);
    let account = &desk.accounts[a];
    assert_eq!(account.entries_len, 2);
    assert_eq!(account.entries[0].market, [0xF2; 32]);
    assert_eq!(account.entries[1].market, [0xF1; 32]);
    assert_eq!(account.entries[2], MarginEntry::zeroed());
    let arena = desk.markets[0].header.arena;
    assert_eq!((arena.reserved_blocks, arena.seats), (0, 0));
    assert_eq!(desk.release(a, 0), Err(EngineError::WrongSeat));
}

#[test]
fn a_seat_with_a_position_an_order_or_a_claim_is_not_released() {
    let mut desk = Desk::new(1);
    let (a, b) = (desk.join(1, 10_000_000), desk.join(2, 10_000_000));
    desk.place(a, 0, &bid(400, 1)).unwrap();
    assert_eq!(desk.release(a, 0), Err(EngineError::SeatNotEmpty));
    desk.trade(b, a, 0, 500, 2);
    assert_eq!(desk.release(b, 0), Err(EngineError::SeatNotEmpty));
    desk.place(a, 0, &bid(500, 2)).unwrap();
    desk.place(b, 0, &ask(500, 2)).unwrap();
    // Flat, and owing the fees.
    assert_eq!(desk.held(b, 0).base, 0);
    assert!(desk.held(b, 0).quote < 0);
    assert_eq!(desk.release(b, 0), Err(EngineError::SeatNotEmpty));
    desk.settle(b, &[0]).unwrap();
    assert_eq!(desk.release(b, 0).unwrap(), 9 * 890_880);
}

#[test]
fn a_block_claimed_again_has_another_generation() {
    let mut desk = Desk::new(1);
    let a = desk.stranger(1, 0);
    let first = desk.claim(a, 0, 2).unwrap();
    let stale = desk.accounts[a];
    desk.release(a, 0).unwrap();
    let second = desk.claim(a, 0, 2).unwrap();
    assert_eq!(first.seat, second.seat);
    assert_ne!(first.generation, second.generation);
    let blocks = &desk.markets[0].blocks;
    let found = entry_seat(&stale, 0, blocks, &address_of(a));
    assert_eq!(found, Err(EngineError::WrongSeat));
    let foreign = entry_seat(&desk.accounts[a], 0, blocks, &address_of(a + 1));
    assert_eq!(foreign, Err(EngineError::WrongSeat));
    assert!(entry_seat(&desk.accounts[a], 0, blocks, &address_of(a)).is_ok());
}

#[test]
fn a_full_market_keeps_newcomers_out_and_wedges_no_member() {
    // 40 blocks: the sentinel, twelve for epoch ends and 27 = 3 × 9 to claim.
    let mut desk = Desk::with(&[params()], 40);
    let members: Vec<usize> = (1..=3).map(|owner| desk.join(owner, 1 << 40)).collect();
    let late = desk.stranger(9, 0);
    assert_eq!(desk.claim(late, 0, 1), Err(EngineError::ArenaFull));
    for member in &members {
        for slot in 0..8 {
            desk.place(*member, 0, &bid(100 + slot, 1)).unwrap();
        }
        let ninth = desk.place(*member, 0, &bid(99, 1));
        assert_eq!(ninth, Err(EngineError::OrderSlotsFull));
    }
    assert_eq!(desk.markets[0].header.arena.orders, 24);
    // Twelve blocks are left for the ends of epochs.
    assert_eq!(desk.markets[0].header.arena.fresh, 28);
    // Growing by ten blocks lets one in with nine slots, and not one more.
    desk.markets[0].blocks.resize(50, Block::zeroed());
    grow(&mut desk.markets[0].header, 50).unwrap();
    desk.claim(late, 0, 9).unwrap();
    let later = desk.stranger(8, 0);
    assert_eq!(desk.claim(later, 0, 1), Err(EngineError::ArenaFull));
}

#[test]
fn an_arena_neither_shrinks_nor_outgrows_the_largest_account() {
    let mut desk = Desk::new(1);
    let header = &mut desk.markets[0].header;
    assert_eq!(grow(header, 599), Err(EngineError::WrongAccount));
    assert_eq!(header.arena.capacity, 600);
    assert_eq!(capacity_of(MARKET_HEADER_SIZE + 3 * BLOCK_SIZE), Ok(3));
    assert_eq!(capacity_of(MARKET_HEADER_SIZE + 4 * BLOCK_SIZE - 1), Ok(3));
    assert_eq!(capacity_of(MARKET_SIZE_MAX), Ok(57_328));
    let above = capacity_of(MARKET_SIZE_MAX + 1);
    assert_eq!(above, Err(EngineError::MarketAtMaxSize));
    let below = capacity_of(MARKET_HEADER_SIZE - 1);
    assert_eq!(below, Err(EngineError::WrongAccount));
}

#[test]
fn a_new_market_is_pending_and_takes_seats_but_no_orders() {
    let mut desk = Desk::new(1);
    desk.markets[0].header.status = MarketStatus::Pending.byte();
    let a = desk.join(1, 10_000_000);
    let placed = desk.place(a, 0, &bid(500, 1));
    assert_eq!(placed, Err(EngineError::MarketNotActive));
    assert_eq!(desk.release(a, 0).unwrap(), 9 * 890_880);
}

#[test]
fn parameters_out_of_bounds_create_no_market() {
    let mut header = MarketHeader::zeroed();
    let identity = MarketIdentity {
        number: 0,
        symbol: [0; 16],
        exchange: [1; 32],
        mark_account: [2; 32],
        mark_bump: 1,
        capacity: 10,
    };
    let params = MarketParams {
        initial_margin_ppm: 46_000,
        ..params()
    };
    let env = Env { now: NOW, slot: 1 };
    let created = create_market(&mut header, &identity, &params, &env);
    assert_eq!(created, Err(EngineError::ListingRuleViolated));
    assert_eq!(header, MarketHeader::zeroed());
}
