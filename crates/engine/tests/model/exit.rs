//! INV-11 and INV-12, on copies of a world: what follows when people do their worst, or just want to leave.

use bytemuck::Zeroable;
use num_bigint::BigInt;
use plimsoll_engine::place::{self, OrderRequest, SelfTrade, TimeInForce, Which};
use plimsoll_engine::seats::{self, SeatAddresses};
use plimsoll_engine::state::{Block, MarginAccount, OrderSide, BLOCK_DEPOSIT_LAMPORTS};
use plimsoll_engine::units::{BaseLots, PriceQ32, Ticks};
use plimsoll_engine::EngineError;

use super::ledger::{big, CashModel, SeatModel};
use super::{address_of, World};

/// Rounds of a keeper over all accounts in which everyone must be out.
const ROUNDS: usize = 60;

impl World {
    /// INV-12: from here every account gets flat and is paid out within [`ROUNDS`] rounds of permissionless
    /// steps, given a market maker whose quotes include the mark. What may stay is a claim on a market that
    /// carries a deficit: it waits for fees.
    pub fn check_exit(&self) -> Vec<&'static str> {
        let mut world = self.clone();
        world.counts.clear();
        world.end_halts(false);
        let maker = world.join(99, 1_000_000_000_000);
        for account in 0..maker {
            world.cancel_everywhere(account);
        }
        let mut round = 0;
        loop {
            round += 1;
            world.env.now += 1;
            if world.end_halts(true) {
                (0..=maker).for_each(|account| world.cancel_everywhere(account));
            }
            world.freshen();
            let mut busy = false;
            for account in 0..maker {
                busy |= world.leave(account, maker);
            }
            for account in 0..=maker {
                world.settle_all(account);
            }
            world.check();
            if !busy {
                break;
            }
            assert!(
                round < ROUNDS,
                "INV-12: {} after {round} rounds",
                world.who_is_in(maker)
            );
        }
        world.cancel_everywhere(maker);
        world.env.now += 200;
        world.freshen();
        let mut notes = Vec::new();
        // What a pool pays only now ages as well. A debt that its own claim pays may pay that claim's market round
        // by round, as much at a time as a pool holds.
        let settled = world.settle_to_the_end(maker);
        if !settled {
            notes.push("claims pay each other in more pieces than were tried");
        }
        world.env.now += 200;
        world.freshen();
        for account in 0..maker {
            world.be_paid(account);
            world.check();
            if settled {
                world.check_left(account, &mut notes);
            }
        }
        notes
    }

    /// A newcomer with a seat in every market that goes on, grown where it has no room.
    pub fn join(&mut self, owner: u8, amount: u64) -> usize {
        let account = self.accounts.len();
        let mut state = MarginAccount::zeroed();
        state.owner = [owner; 32];
        self.accounts.push(state);
        self.owners.push(owner);
        self.cash.push(CashModel::default());
        self.deposit_amount(account, amount);
        for market in self.markets.iter_mut().filter(|market| !market.wound_up) {
            let capacity = market.header.arena.capacity + 8;
            seats::grow(&mut market.header, capacity).unwrap();
            market.blocks.resize(capacity as usize, Block::zeroed());
            let addresses = SeatAddresses {
                market: market.key,
                margin_account: address_of(account),
            };
            let member = &mut self.accounts[account];
            let claimed = seats::claim(&mut market.get(), member, &addresses, 6).unwrap();
            assert_eq!(claimed.deposit_lamports, 7 * BLOCK_DEPOSIT_LAMPORTS);
            let seat = SeatModel {
                slots: 6,
                ..SeatModel::default()
            };
            market.seats.insert(account, seat);
        }
        account
    }

    /// Every index is fresh; no price moves.
    pub fn freshen(&mut self) {
        for market in 0..self.markets.len() {
            self.freshen_by_hand(market);
        }
    }

    pub fn cancel_everywhere(&mut self, account: usize) {
        for market in self.markets_of(account) {
            let index = self.seat_index(account, market).unwrap();
            self.touch(market);
            if self.admit_change(market).is_err() {
                continue;
            }
            let state = &mut self.markets[market];
            let owner = address_of(account);
            let held = state.holds_interest();
            place::cancel_all(&mut state.get(), index, &owner, Which::All, 64).unwrap();
            let mut own = state.book.of(account);
            own.retain(|order| !(held && order.liquidation.is_some()));
            for order in own {
                self.take_off(market, order.sequence);
            }
        }
    }

    /// The mark or a tick better for who meets it.
    fn maker_price(&self, market: usize, side: OrderSide) -> Ticks {
        let state = &self.markets[market];
        let sizes = state.header.params.lot_sizes();
        let mark = PriceQ32(state.header.prices.mark);
        match side {
            OrderSide::Bid => sizes.ticks_ceil(mark).unwrap(),
            OrderSide::Ask => Ticks(sizes.ticks_floor(mark).unwrap().0.max(1)),
        }
    }

    /// The maker's order in front of one leaver: as large as needed, at the mark or a tick better for it.
    fn meet(&mut self, maker: usize, market: usize, side: OrderSide, lots: u64) {
        let price = self.maker_price(market, side);
        let state = &self.markets[market];
        let lots = lots.max(state.header.params.lots_min);
        let request = order(side, price, lots, TimeInForce::Limit, false);
        let placed = self.place_request(maker, market, request);
        assert!(placed.is_ok(), "INV-12: the maker cannot quote: {placed:?}");
    }

    /// One account takes what steps it can towards being flat; whether there was any.
    fn leave(&mut self, account: usize, maker: usize) -> bool {
        let mut busy = false;
        for market in self.markets_of(account) {
            while self.markets[market].seats[&account].behind > 5 {
                busy = true;
                let synced = self.sync_rightly(account, market);
                assert!(synced.is_ok(), "INV-12: no sync: {synced:?}");
                self.resync(market);
            }
        }
        for market in self.markets_of(account) {
            let state = &self.markets[market];
            // What somebody's order has halted in this round goes on in the next.
            if state.halt.running.is_some() {
                return true;
            }
            let lot = i128::from(state.header.params.base_atoms_per_lot);
            let base = state.seats[&account].base;
            let index = self.seat_index(account, market).unwrap();
            if state.seat(index).shares == 0 {
                continue;
            }
            busy = true;
            if base == 0 && state.seats[&account].behind > 0 {
                let synced = self.sync_rightly(account, market);
                assert!(synced.is_ok(), "INV-12: no sync: {synced:?}");
                self.check();
                continue;
            }
            if base.abs() < lot {
                let mut closed = self.close_remainder(account, market);
                if closed == Err(EngineError::ArenaFull) {
                    self.sync_everyone();
                    closed = self.close_remainder(account, market);
                }
                assert!(closed.is_ok(), "INV-12: a remainder stays: {closed:?}");
                self.check();
                continue;
            }
            if self.liquidatable(account) {
                continue;
            }
            let (side, other) = if base > 0 {
                (OrderSide::Ask, OrderSide::Bid)
            } else {
                (OrderSide::Bid, OrderSide::Ask)
            };
            let lots = (base.abs() / lot) as u64;
            self.meet(maker, market, other, lots);
            let price = match side {
                OrderSide::Ask => Ticks(1),
                OrderSide::Bid => Ticks(self.markets[market].around * 8 + 8),
            };
            let request = order(side, price, lots, TimeInForce::ImmediateOrCancel, true);
            let placed = self.place_request(account, market, request);
            assert!(
                placed.is_ok(),
                "INV-12: a solvent account cannot reduce: {placed:?}"
            );
            self.check();
            if self.markets[market].seats[&account].base == base {
                // A price that no taker may print at without an auction: then in an auction, with a limit that costs
                // no margin, at the maker's price.
                let price = self.maker_price(market, other);
                let request = order(side, price, lots, TimeInForce::Limit, true);
                let _ = self.place_request(account, market, request);
                self.check();
            }
            if self.markets[market].halt.running.is_none() {
                self.cancel_everywhere(maker);
            }
        }
        let halted = |market: &usize| self.markets[*market].halt.running.is_some();
        if self.markets_of(account).iter().any(halted) {
            return true;
        }
        if self.liquidatable(account) {
            busy = true;
            self.be_liquidated(account, maker);
        }
        busy
    }

    /// An account below maintenance: its orders are gone; the maker stands in the book.
    fn be_liquidated(&mut self, account: usize, maker: usize) {
        if self.insolvent(account) {
            let mut torn = self.tear_up(account, maker);
            if torn == Err(EngineError::ArenaFull) {
                self.sync_everyone();
                torn = self.tear_up(account, maker);
            }
            match torn {
                Ok(()) => {}
                Err(EngineError::CreditUsable) => {
                    let drawn = self.liquidate(account, maker);
                    assert!(drawn.is_ok(), "INV-12: no draw: {drawn:?}");
                }
                Err(error) => panic!("INV-12: no tear-up: {error:?}"),
            }
            self.check();
            return;
        }
        for market in self.markets_of(account) {
            let state = &self.markets[market];
            let lot = i128::from(state.header.params.base_atoms_per_lot);
            let base = state.seats[&account].base;
            if base.abs() >= lot {
                let side = if base > 0 {
                    OrderSide::Bid
                } else {
                    OrderSide::Ask
                };
                self.meet(maker, market, side, (base.abs() / lot) as u64);
            }
        }
        let done = self.liquidate(account, maker);
        assert!(done.is_ok(), "INV-12: no liquidation: {done:?}");
        self.check();
        self.cancel_everywhere(maker);
    }

    /// What makes room for an epoch's end: nobody is behind the others any more.
    fn sync_everyone(&mut self) {
        for account in 0..self.accounts.len() {
            for market in self.markets_of(account) {
                while self.markets[market].seats[&account].behind > 0 {
                    let synced = self.sync_rightly(account, market);
                    assert!(synced.is_ok(), "INV-12: no sync: {synced:?}");
                    self.resync(market);
                }
            }
        }
        self.check();
    }

    fn sync_rightly(&mut self, account: usize, market: usize) -> Result<(), EngineError> {
        let index = self.seat_index(account, market).unwrap();
        let state = &mut self.markets[market];
        let seat = state.seat(index);
        let ends = super::shares::ends(&state.blocks, seat.side);
        let (hint, _) = ends[&seat.epoch];
        plimsoll_engine::epochs::sync(&mut state.get(), index, &address_of(account), hint)
    }

    /// Settles all of its markets; whether cash moved, be it from one market into another.
    fn settle_all(&mut self, account: usize) -> bool {
        let markets = self.markets_of(account);
        let pools = |world: &Self| -> Vec<BigInt> {
            world
                .markets
                .iter()
                .map(|market| market.pool.clone())
                .collect()
        };
        let before = (self.cash[account].collateral.clone(), pools(self));
        if !markets.is_empty() {
            let settled = self.settle_markets(account, &markets);
            assert!(settled.is_ok(), "INV-12: no settle: {settled:?}");
        }
        before != (self.cash[account].collateral.clone(), pools(self))
    }

    /// Settles everyone until no cash moves; whether that was seen.
    fn settle_to_the_end(&mut self, last: usize) -> bool {
        for _ in 0..50 * ROUNDS {
            let mut moved = false;
            for account in 0..=last {
                moved |= self.settle_all(account);
            }
            for market in 0..self.markets.len() {
                self.resync(market);
            }
            if !moved {
                return true;
            }
        }
        false
    }

    /// Withdraws all cash and gives the seats back.
    fn be_paid(&mut self, account: usize) {
        self.end_loan(account);
        // What the floors of a shortfall have left pays the rest of a debt when the claim beside it is paid.
        // With a claim that waits nothing is written off: D stays, and no cash.
        if self.cash[account].credit > big(0) {
            let waits = self.markets.iter().filter_map(|m| m.seats.get(&account));
            assert!(
                waits.into_iter().any(|seat| seat.claimed != big(0)),
                "INV-12: a loan of a flat account without claims stays"
            );
            return;
        }
        let cash = super::steps::atoms(&self.cash[account].collateral);
        if cash != 0 && !(cash < 8 && self.owes_a_market(account)) {
            let paid = self.withdraw_amount(account, cash);
            let held = &self.cash[account];
            assert!(
                paid.is_ok(),
                "INV-12: {cash} of {account} not paid out: {paid:?}; D {}, interest {}, lien {}, unaged {}, {:?}, {}",
                held.credit,
                held.interest,
                held.lien,
                held.unaged(self.env.now),
                self.account_risk(account),
                self.who_is_in(self.accounts.len())
            );
        }
    }

    pub fn owes_a_market(&self, account: usize) -> bool {
        let mut seats = self.markets.iter().filter_map(|m| m.seats.get(&account));
        seats.any(|seat| seat.claimed < big(0))
    }

    /// A claim that stays waits for a pool that is empty: behind a carried deficit, or for somebody whose own
    /// claim elsewhere waits for one.
    fn check_left(&mut self, account: usize, notes: &mut Vec<&'static str>) {
        if !self.owes_a_market(account) {
            let held = &self.cash[account].collateral + &self.cash[account].credit;
            assert_eq!(held, big(0));
        }
        if self.cash[account].credit > big(0) {
            notes.push("a write-off waits for a claim behind a carried deficit");
        }
        let markets = self.markets_of(account);
        let claims = markets
            .iter()
            .map(|m| &self.markets[*m].seats[&account].claimed);
        // Its own atoms beside them are what a shortfall's floors left.
        let all: BigInt =
            claims.sum::<BigInt>() + &self.cash[account].collateral + &self.cash[account].credit;
        for market in markets {
            let state = &self.markets[market];
            let seat = &state.seats[&account];
            let deficit = state.deficit > big(0);
            let debts = state.seats.values().any(|other| other.claimed < big(0));
            assert!(seat.base == 0, "INV-12: a position stays");
            if seat.claimed > big(0) {
                let waits = state.pool == big(0) && (deficit || debts);
                assert!(waits, "INV-12: a claim of {} stays unpaid", seat.claimed);
                notes.push(if deficit {
                    "a claim waits for fees, behind a carried deficit"
                } else {
                    "a claim waits for another market's carried deficit"
                });
            } else if seat.claimed < big(0) {
                assert!(
                    all >= big(0),
                    "INV-12: a debt of {} stays with its market: {}",
                    seat.claimed,
                    self.who_is_in(self.accounts.len())
                );
                notes.push("a debt waits for a claim behind a carried deficit");
            } else if seat.shares != big(0) {
                panic!("INV-12: a seat of less than an atom stays");
            }
        }
    }

    pub fn who_is_in(&self, maker: usize) -> String {
        let mut all = String::new();
        for account in 0..maker {
            let risk = self.cash[account].risk(&self.legs(account, &[]), self.env.now);
            for market in self.markets_of(account) {
                let seat = &self.markets[market].seats[&account];
                if seat.base != 0 || seat.claimed != big(0) {
                    all += &format!(
                        "[account {account}, market {market}: {} for {}, Q {}, M {}]",
                        seat.base, seat.claimed, risk.with_credit, risk.maintenance
                    );
                }
            }
        }
        all
    }
}

fn order(
    side: OrderSide,
    price: Ticks,
    lots: u64,
    time_in_force: TimeInForce,
    reduce_only: bool,
) -> OrderRequest {
    OrderRequest {
        side,
        price,
        lots: BaseLots(lots),
        client_id: 0,
        expires_at: 0,
        time_in_force,
        self_trade: SelfTrade::CancelTaker,
        reduce_only,
        steps_max: 32,
    }
}
