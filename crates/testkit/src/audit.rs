//! The invariants of `docs/invariants.md`, recomputed from raw accounts.

use std::collections::BTreeMap;

use plimsoll_client::{accounts, MarketView};
use plimsoll_engine::epochs;
use plimsoll_engine::state::{MarginAccount, OrderSide, Seat};
use solana_pubkey::Pubkey;

use crate::world::World;

impl World {
    /// All checks below.
    #[track_caller]
    pub fn assert_sound(&self) {
        self.assert_custody_exact();
        for symbol in self.symbols() {
            self.assert_open_interest_balanced(&symbol);
            self.assert_claims_sum_to_zero(&symbol);
            self.assert_book_consistent(&symbol);
        }
    }

    /// All margin accounts of this exchange.
    pub fn margin_accounts(&self) -> Vec<(Pubkey, MarginAccount)> {
        let exchange = self.addresses.exchange.to_bytes();
        self.svm
            .get_program_accounts(&self.addresses.program)
            .into_iter()
            .filter_map(|(address, held)| {
                let account = accounts::margin_account(&held.data).ok()?;
                (account.exchange == exchange).then_some((address, account))
            })
            .collect()
    }

    /// INV-1: the shards hold, donations apart, exactly what custody owes, and nobody's cash is negative.
    #[track_caller]
    pub fn assert_custody_exact(&self) {
        let exchange = self.exchange();
        let shards: i128 = exchange
            .custody_shards
            .iter()
            .take(usize::from(exchange.custody_shards_len))
            .map(|shard| i128::from(self.tokens(&Pubkey::from(*shard))))
            .sum();
        let mut owed = 0;
        for (address, account) in self.margin_accounts() {
            let cash = i128::from(account.collateral) + i128::from(account.credit_principal);
            assert!(cash >= 0, "{}: cash of {cash}", self.name_of(&address));
            owed += cash;
        }
        for symbol in self.symbols() {
            owed += i128::from(self.market(&symbol).header.cash.pool);
        }
        let fund = self.default_fund();
        owed += i128::from(fund.balance) + i128::from(fund.treasury) + i128::from(fund.keeper_pool);
        assert_eq!(
            shards - i128::from(self.donated),
            owed,
            "shards less donations against what custody owes (INV-1)"
        );
    }

    /// INV-2: Σ long base and Σ short base differ by no more than the market's drift, zero before its first
    /// loss event, and no side's total is under what its seats hold.
    #[track_caller]
    pub fn assert_open_interest_balanced(&self, symbol: &str) {
        let market = self.market(symbol);
        let [mut long, mut short] = [0_u64; 2];
        for (_, seat) in market.seats() {
            let base = market.holding(seat).unwrap().base;
            if base > 0 {
                long += base.unsigned_abs();
            } else {
                short += base.unsigned_abs();
            }
        }
        let drift = epochs::drift(&market.header);
        assert!(
            long.abs_diff(short) <= drift,
            "{symbol}: longs {long} against shorts {short}, drift {drift} (INV-2)"
        );
        for (side, held) in market.header.sides.iter().zip([long, short]) {
            let open = side.open_interest();
            assert!(
                open >= held && open - held <= drift,
                "{symbol}: a side's total is {open}, its seats hold {held}, drift {drift}"
            );
        }
    }

    /// INV-3: Σ quote + fees + contributions + residue = pool + deficit, with a residue that only rounding
    /// leaves; with the net base at the mark it is not negative before the first loss event. After it each
    /// event and accrual may take drift × mark: short tests see few of them. Returns the residue.
    #[track_caller]
    pub fn assert_claims_sum_to_zero(&self, symbol: &str) -> i128 {
        let market = self.market(symbol);
        let (mut quotes, mut net) = (0_i128, 0_i128);
        for (_, seat) in market.seats() {
            let held = market.holding(seat).unwrap();
            quotes += i128::from(held.quote);
            net += i128::from(held.base);
        }
        let values = quotes + ((net * i128::from(market.header.prices.mark)) >> 32);
        let cash = &market.header.cash;
        let held = i128::from(cash.pool) + i128::from(cash.deficit);
        let claims = values
            + i128::from(cash.fees_accrued)
            + i128::from(cash.liquidation_fees_accrued)
            + i128::from(cash.contributions_accrued);
        let residue = held - claims;
        let atom = i128::from(market.header.prices.mark.div_ceil(1 << 32));
        let drift = i128::from(epochs::drift(&market.header));
        let least = -2 * drift * atom * i128::from(market.header.losses.receipts);
        assert!(
            residue >= least,
            "{symbol}: residue {residue}, least {least} (INV-3)"
        );
        residue
    }

    /// The book, the seats' totals and the arena's counts agree with each other.
    #[track_caller]
    pub fn assert_book_consistent(&self, symbol: &str) {
        let market = self.market(symbol);
        let mut totals: BTreeMap<u32, [u64; 3]> = BTreeMap::new();
        let mut resting = 0;
        for side in [OrderSide::Bid, OrderSide::Ask] {
            let orders = market.orders(side);
            resting += orders.len();
            for pair in orders.windows(2) {
                let [(_, better), (_, worse)] = pair else {
                    continue;
                };
                let key = |price: u64| match side {
                    OrderSide::Bid => u64::MAX - price,
                    OrderSide::Ask => price,
                };
                assert!(
                    (key(better.price), better.sequence) < (key(worse.price), worse.sequence),
                    "{symbol}: orders {} and {} are out of priority",
                    better.sequence,
                    worse.sequence
                );
            }
            for (_, order) in orders {
                let total = totals.entry(order.seat).or_default();
                total[usize::from(order.side)] += order.lots;
                total[2] += 1;
            }
        }
        let arena = &market.header.arena;
        assert_eq!(
            u32::try_from(resting).unwrap(),
            arena.orders,
            "{symbol}: orders"
        );
        let (mut seats, mut reserved) = (0, 0);
        for (index, seat) in market.seats() {
            seats += 1;
            reserved += u32::from(seat.order_slots) + 1;
            let total = totals.remove(&index).unwrap_or_default();
            assert_eq!(totals_of(seat), total, "{symbol}: totals of seat {index}");
            assert_eq!(
                market.orders_of_seat(index).len(),
                usize::from(seat.orders),
                "{symbol}: list of seat {index}"
            );
        }
        assert!(totals.is_empty(), "{symbol}: orders without a seat");
        assert_eq!(seats, arena.seats, "{symbol}: seats");
        assert_eq!(reserved, arena.reserved_blocks, "{symbol}: reserved blocks");
        let ends: u32 = market.header.sides.iter().map(|side| side.ends).sum();
        assert_eq!(
            arena.fresh,
            1 + arena.seats + arena.orders + ends + free_blocks(&market),
            "{symbol}: blocks in use"
        );
        self.assert_market_lamports(symbol, reserved);
    }

    #[track_caller]
    fn assert_market_lamports(&self, symbol: &str, reserved: u32) {
        let account = self.svm.get_account(&self.market_address(symbol)).unwrap();
        let rent = self
            .svm
            .minimum_balance_for_rent_exemption(account.data.len());
        let deposits = u64::from(reserved) * plimsoll_engine::state::BLOCK_DEPOSIT_LAMPORTS;
        assert!(
            account.lamports >= rent + deposits,
            "{symbol}: lamports under rent and deposits"
        );
    }
}

fn totals_of(seat: &Seat) -> [u64; 3] {
    [seat.bid_lots, seat.ask_lots, u64::from(seat.orders)]
}

fn free_blocks(market: &MarketView) -> u32 {
    let (mut count, mut cursor) = (0, market.header.arena.free_head);
    while cursor != 0 {
        count += 1;
        assert!(
            count <= market.header.arena.capacity,
            "the free list is a ring"
        );
        cursor = market.blocks[usize::try_from(cursor).unwrap()].next_free;
    }
    count
}
