//! An exchange in the real layouts, from a seed: 32 markets whose arenas hold every seat, margin accounts with
//! their entries, credit vaults with lines, one order each of some makers.
//!
//! Popularity, sizes and sides are those of the index's own benchmark; leverage is up to the caller.

use bytemuck::Zeroable;
use plimsoll_client::accounts::encode;
use plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
use plimsoll_client::{ExchangeAddresses, MarketView};
use plimsoll_engine::math;
use plimsoll_engine::state::{
    Block, BlockKind, CreditLine, CreditVault, DefaultFund, Exchange, LineSlot, LineState,
    MarginAccount, MarginEntry, MarketHeader, MarketParams, MarketStatus, Order, Seat, Side,
    MARGIN_ENTRIES_MAX, SIDE_LONG, SIDE_SHORT, VAULT_LINES_MAX,
};
use plimsoll_engine::units::PriceQ32;
use plimsoll_keeper::mirror::{AccountUpdate, Mirror, RawAccount, Snapshot, Sync};
use solana_pubkey::Pubkey;

pub const NOW: i64 = 1_760_000_000;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn index(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }

    pub fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    /// Normal, by the sum of twelve.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    fn key(&mut self) -> Pubkey {
        let words = [self.next(), self.next(), self.next(), self.next()];
        Pubkey::new_from_array(bytemuck::cast(words))
    }
}

/// The chain as the mirror is told of it.
pub struct Stage {
    pub addresses: ExchangeAddresses,
    pub markets: Vec<(Pubkey, MarketView)>,
    pub accounts: Vec<(Pubkey, MarginAccount)>,
    /// Quote atoms at the opening, of each account.
    pub notionals: Vec<f64>,
    pub beneficiary: Pubkey,
    others: Vec<(Pubkey, Vec<u8>)>,
    pub slot: u64,
    random: Random,
}

/// One leg to open.
#[derive(Clone, Copy)]
pub struct Leg {
    pub market: usize,
    pub side: u8,
    /// Quote atoms.
    pub notional: f64,
}

fn market(random: &mut Random, number: u32, exchange: &Pubkey) -> MarketView {
    let mut header = MarketHeader::zeroed();
    header.number = number;
    header.exchange = exchange.to_bytes();
    header.status = MarketStatus::Active.byte();
    header.params = MarketParams {
        base_atoms_per_lot: 1_000,
        quote_atoms_per_lot_tick: 1,
        size_free: 10_000_000_000_000,
        size_unit: 10_000_000_000_000,
        size_slope_ppm: 10_000,
        open_interest_low: 1 << 50,
        open_interest_high: 1 << 54,
        open_interest_max: 1 << 54,
        initial_margin_ppm: 50_000,
        index_age_seconds_max: 15,
        ..MarketParams::zeroed()
    };
    header.sides = [Side::empty(); 2];
    header.prices.mark = (random.log_uniform(0.2, 1.0) * 4_294_967_296.0) as u64;
    header.prices.index = header.prices.mark;
    header.prices.index_time = NOW;
    header.prices.mark_time = NOW;
    MarketView {
        header,
        blocks: vec![Block::zeroed()],
    }
}

impl Stage {
    pub fn new(seed: u64, markets: u32) -> Self {
        let mut random = Random(seed);
        let key = |random: &mut Random| random.key();
        let addresses = ExchangeAddresses {
            program: LOCALNET_PROGRAM_ID,
            exchange: key(&mut random),
            default_fund: key(&mut random),
            custody_authority: key(&mut random),
            collateral_mint: key(&mut random),
            token_program: key(&mut random),
        };
        let exchange = Exchange {
            custody_shards_len: 8,
            ..Exchange::zeroed()
        };
        let others = vec![
            (addresses.exchange, encode(&exchange)),
            (addresses.default_fund, encode(&DefaultFund::zeroed())),
        ];
        let markets = (0..markets).map(|number| {
            let address = random.key();
            (address, market(&mut random, number, &addresses.exchange))
        });
        let markets = markets.collect();
        let mut stage = Self {
            addresses,
            markets,
            accounts: Vec::new(),
            notionals: Vec::new(),
            beneficiary: Pubkey::default(),
            others,
            slot: 1,
            random,
        };
        stage.beneficiary = stage.open(&[], 1_000_000_000);
        stage
    }

    /// The legs of one account of the population.
    pub fn legs(&mut self) -> Vec<Leg> {
        let count = match self.random.index(100) {
            0..=54 => 1,
            55..=79 => 2,
            80..=94 => 4,
            _ => MARGIN_ENTRIES_MAX,
        };
        let total: f64 = (1..=self.markets.len()).map(|rank| 1.0 / rank as f64).sum();
        let mut legs: Vec<Leg> = Vec::new();
        while legs.len() < count.min(self.markets.len()) {
            let (mut at, mut market) = (self.random.unit() * total, 0);
            while market + 1 < self.markets.len() && at > 1.0 / (market + 1) as f64 {
                at -= 1.0 / (market + 1) as f64;
                market += 1;
            }
            if legs.iter().all(|leg| leg.market != market) {
                let side = [SIDE_LONG, SIDE_SHORT][self.random.index(2)];
                let notional = self.random.log_uniform(1e8, 1e11);
                legs.push(Leg {
                    market,
                    side,
                    notional,
                });
            }
        }
        legs
    }

    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Opens an account with positions at the marks.
    pub fn open(&mut self, legs: &[Leg], collateral: i64) -> Pubkey {
        let address = self.random.key();
        let mut account = MarginAccount::zeroed();
        account.version = 1;
        account.exchange = self.addresses.exchange.to_bytes();
        account.owner = self.random.key().to_bytes();
        account.collateral = collateral;
        for (leg, entry) in legs.iter().zip(&mut account.entries) {
            let (market, view) = &mut self.markets[leg.market];
            let mark = view.header.prices.mark;
            let shares = (leg.notional / (mark as f64 / 4_294_967_296.0)) as u64;
            let side = &mut view.header.sides[usize::from(leg.side)];
            let all = math::join_unsigned(side.shares) + u128::from(shares);
            side.shares = math::split_unsigned(all);
            side.seats += 1;
            let base = shares as i64 * if leg.side == SIDE_SHORT { -1 } else { 1 };
            let value = PriceQ32(mark).position_value(base).unwrap_or(0);
            let seat = Seat {
                kind: BlockKind::Seat.byte(),
                side: leg.side,
                generation: 1,
                owner: address.to_bytes(),
                shares,
                quote: -value,
                opened_at: 1,
                ..Seat::zeroed()
            };
            *entry = MarginEntry {
                market: market.to_bytes(),
                seat: view.blocks.len() as u32,
                generation: 1,
                ..MarginEntry::zeroed()
            };
            view.blocks.push(bytemuck::cast(seat));
        }
        account.entries_len = legs.len() as u8;
        self.accounts.push((address, account));
        let notional = legs.iter().map(|leg| leg.notional).sum();
        self.notionals.push(notional);
        address
    }

    /// A bid of the account far under the mark, in its first market.
    pub fn rest(&mut self, number: usize) {
        let (_, account) = &self.accounts[number];
        let entry = account.entries[0];
        let found = self
            .markets
            .iter_mut()
            .find(|(key, _)| key.to_bytes() == entry.market);
        let Some((_, view)) = found else { return };
        let block = view.blocks.len() as u32;
        let order = Order {
            kind: BlockKind::Order.byte(),
            seat: entry.seat,
            price: 1,
            lots: 1,
            ..Order::zeroed()
        };
        view.blocks.push(bytemuck::cast(order));
        let seat = view.blocks[entry.seat as usize].view_mut::<Seat>();
        if let Some(seat) = seat {
            (seat.orders, seat.bid_lots, seat.bid_high) = (1, 1, 1);
            seat.first_order = block;
        }
    }

    /// Active committed lines for these accounts, 32 of a vault, on all legs.
    pub fn lend(&mut self, numbers: &[usize], limit: u64) {
        for numbers in numbers.chunks(VAULT_LINES_MAX) {
            let vault_address = self.random.key();
            let mut vault = CreditVault::zeroed();
            vault.exchange = self.addresses.exchange.to_bytes();
            vault.cash_account = self.random.key().to_bytes();
            vault.cash = limit * VAULT_LINES_MAX as u64;
            vault.reserved_cash = vault.cash;
            vault.limits = vault.cash;
            for (slot, number) in numbers.iter().enumerate() {
                let line_address = self.random.key();
                let (address, account) = &mut self.accounts[*number];
                account.credit_line = line_address.to_bytes();
                let mut line = CreditLine::zeroed();
                line.state = LineState::Active.byte();
                line.committed = 1;
                line.sides = 3;
                line.slot = slot as u16;
                line.vault = vault_address.to_bytes();
                line.margin_account = address.to_bytes();
                (line.limit, line.reserved_cash, line.minute_cap) = (limit, limit, limit);
                line.accrued_at = NOW;
                line.markets_len = account.entries_len;
                for (at, entry) in account.entries().iter().enumerate() {
                    line.mandate_markets[at] = entry.market;
                    line.mandate_notional[at] = u64::MAX;
                }
                vault.slots[slot] = LineSlot {
                    limit,
                    accrued_at: NOW,
                    valued_at: NOW,
                    ..LineSlot::zeroed()
                };
                self.others.push((line_address, encode(&line)));
            }
            self.others.push((vault_address, encode(&vault)));
        }
    }

    pub fn raw(&self, data: Vec<u8>) -> RawAccount {
        RawAccount {
            owner: self.addresses.program,
            data,
        }
    }

    /// The mirror after a first snapshot.
    pub fn mirror(&self) -> Mirror {
        let mut mirror = Mirror::new(self.addresses, []);
        let markets = self.markets.iter().map(|(key, view)| (*key, view.encode()));
        let accounts = self
            .accounts
            .iter()
            .map(|(key, account)| (*key, encode(account)));
        let all = markets.chain(accounts).chain(self.others.iter().cloned());
        let snapshot = Snapshot {
            slot: self.slot,
            accounts: all.map(|(key, data)| (key, self.raw(data))).collect(),
        };
        mirror.sync(&snapshot, Sync::Forward);
        mirror
    }

    /// A market's account as it is now, as a source hands it on.
    pub fn market_update(&self, market: usize) -> AccountUpdate {
        let (address, view) = &self.markets[market];
        AccountUpdate {
            address: *address,
            slot: self.slot,
            account: Some(self.raw(view.encode())),
        }
    }

    pub fn account_update(&self, number: usize) -> AccountUpdate {
        let (address, account) = &self.accounts[number];
        AccountUpdate {
            address: *address,
            slot: self.slot,
            account: Some(self.raw(encode(account))),
        }
    }

    /// The mark and its index move, now.
    pub fn move_mark(&mut self, market: usize, by: f64, now: i64) {
        let prices = &mut self.markets[market].1.header.prices;
        prices.mark = ((prices.mark as f64 * (1.0 + by)) as u64).max(1 << 20);
        prices.index = prices.mark;
        (prices.index_time, prices.mark_time) = (now, now);
    }
}
