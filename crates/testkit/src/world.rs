//! The world of a test: a chain with the program on it, its clock, its people and its markets.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use litesvm::LiteSVM;
use plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
use plimsoll_client::ExchangeAddresses;
use plimsoll_engine::params::MarketParams;
use solana_account::Account;
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_program_pack::Pack;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use spl_token_interface::state::{Account as TokenAccount, AccountState, Mint};

use crate::actor::{derived, Actor};
use crate::program::program_bytes;

/// Unix seconds at which every world begins: a multiple of the ageing interval, 60.
pub const START_TIME: i64 = 1_790_000_040;

/// Test USDC that every wallet begins with, quote atoms.
pub const WALLET_USDC: u64 = 100_000_000_000_000;

/// SOL that every wallet begins with, lamports.
const WALLET_LAMPORTS: u64 = 10_000_000_000_000;

/// SPL Token and Token-2022.
pub(crate) const TOKEN_PROGRAMS: [Pubkey; 2] = [
    Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
];

/// What the fixture keeps of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketHandle {
    pub address: Pubkey,
    pub params: MarketParams,
    /// Price that its feeds were last published at, ticks.
    pub price_ticks: u64,
}

/// A chain with one exchange of test USDC on it.
#[derive(Clone)]
pub struct World {
    /// The chain itself, for what has no call here.
    pub svm: LiteSVM,
    pub addresses: ExchangeAddresses,
    /// Quote atoms sent to shards outside `deposit`; see [`World::donate`].
    pub donated: u64,
    pub(crate) markets: BTreeMap<String, MarketHandle>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now())
            .field("markets", &self.markets.keys())
            .finish_non_exhaustive()
    }
}

impl World {
    /// An exchange with two custody shards and no market.
    pub fn new() -> Self {
        let mut world = Self::bare();
        world.initialize_exchange().unwrap();
        for shard in 0..2 {
            world.create_custody_shard(shard).unwrap();
        }
        world
    }

    /// The same with markets of these presets, each with its first index.
    pub fn trading(symbols: &[&str]) -> Self {
        let mut world = Self::new();
        for symbol in symbols {
            world.open_market(&crate::MarketSpec::preset(symbol));
        }
        world
    }

    /// The program and a mint, without an exchange.
    pub fn bare() -> Self {
        let svm = chain();
        let authority = Actor::from("authority").key();
        let mint = mint_address();
        let addresses =
            ExchangeAddresses::new(LOCALNET_PROGRAM_ID, mint, TOKEN_PROGRAMS[0], &authority);
        let mut world = Self {
            svm,
            addresses,
            donated: 0,
            markets: BTreeMap::new(),
        };
        world.set_time(START_TIME);
        world.write_mint(mint, &TOKEN_PROGRAMS[0]);
        let treasury = world.treasury();
        world.write_tokens(treasury, &authority, 0);
        world
    }

    /// The chain's clock, unix seconds.
    pub fn now(&self) -> i64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp
    }

    /// The chain's slot.
    pub fn slot(&self) -> u64 {
        self.svm.get_sysvar::<Clock>().slot
    }

    /// Sets the clock; the slot follows at five in two seconds.
    pub fn set_time(&mut self, now: i64) {
        let slot = 1_000 + now.saturating_sub(START_TIME).unsigned_abs() * 5 / 2;
        self.set_clock(now, slot);
    }

    /// Sets clock and slot apart from each other: seconds may pass within a slot.
    pub fn set_clock(&mut self, now: i64, slot: u64) {
        let mut clock = self.svm.get_sysvar::<Clock>();
        clock.unix_timestamp = now;
        clock.slot = slot;
        self.svm.set_sysvar(&clock);
    }

    /// Time passes. Indices grow old by it: see [`World::advance_fresh`].
    pub fn advance(&mut self, seconds: i64) {
        self.set_time(self.now() + seconds);
    }

    /// A market that was created.
    pub fn handle(&self, symbol: &str) -> &MarketHandle {
        self.markets
            .get(symbol)
            .unwrap_or_else(|| panic!("no market {symbol} in this world"))
    }

    pub(crate) fn handle_mut(&mut self, symbol: &str) -> &mut MarketHandle {
        self.markets.get_mut(symbol).unwrap()
    }

    /// Address of a market.
    pub fn market_address(&self, symbol: &str) -> Pubkey {
        self.handle(symbol).address
    }

    /// Names of the markets.
    pub fn symbols(&self) -> Vec<String> {
        self.markets.keys().cloned().collect()
    }

    /// The exchange's treasury.
    pub fn treasury(&self) -> Pubkey {
        derived(b"tokens", b"treasury of the exchange").pubkey()
    }

    /// Key pair that a market of that name is created with.
    pub fn market_keypair(symbol: &str) -> Keypair {
        derived(b"market", symbol.as_bytes())
    }

    /// Opens a wallet with SOL and test USDC, once.
    pub fn fund_wallet(&mut self, actor: impl Into<Actor>) {
        let actor = actor.into();
        let key = actor.key();
        if self.svm.get_balance(&key).is_some_and(|held| held != 0) {
            return;
        }
        let wallet = Account {
            lamports: WALLET_LAMPORTS,
            ..Account::default()
        };
        self.svm.set_account(key, wallet).unwrap();
        self.write_tokens(actor.token_account(), &key, WALLET_USDC);
    }

    /// Writes a token account of the collateral mint.
    pub fn write_tokens(&mut self, address: Pubkey, owner: &Pubkey, amount: u64) {
        let mint = self.addresses.collateral_mint;
        self.write_tokens_of(address, owner, mint, amount);
    }

    /// Writes a token account of any mint.
    pub fn write_tokens_of(&mut self, address: Pubkey, owner: &Pubkey, mint: Pubkey, amount: u64) {
        let state = TokenAccount {
            mint,
            owner: *owner,
            amount,
            state: AccountState::Initialized,
            ..TokenAccount::default()
        };
        let mut data = vec![0; TokenAccount::LEN];
        TokenAccount::pack(state, &mut data).unwrap();
        let owner = self.addresses.token_program;
        self.write_account(address, &owner, data);
    }

    /// Changes a token account in place: its balance, its state, its owner.
    pub fn change_tokens(&mut self, address: &Pubkey, change: impl FnOnce(&mut TokenAccount)) {
        let mut account = self.svm.get_account(address).unwrap();
        let mut state = TokenAccount::unpack(&account.data).unwrap();
        change(&mut state);
        TokenAccount::pack(state, &mut account.data).unwrap();
        self.svm.set_account(*address, account).unwrap();
    }

    /// Writes a plain mint of six decimals.
    pub fn write_mint(&mut self, address: Pubkey, token_program: &Pubkey) {
        let mint = Mint {
            mint_authority: Some(Actor::from("issuer").key()).into(),
            freeze_authority: Some(Actor::from("issuer").key()).into(),
            supply: WALLET_USDC * 1_000,
            decimals: 6,
            is_initialized: true,
        };
        let mut data = vec![0; Mint::LEN];
        Mint::pack(mint, &mut data).unwrap();
        self.write_account(address, token_program, data);
    }

    /// Writes any account, with the rent of its size.
    pub fn write_account(&mut self, address: Pubkey, owner: &Pubkey, data: Vec<u8>) {
        let account = Account {
            lamports: self.svm.minimum_balance_for_rent_exemption(data.len()),
            data,
            owner: *owner,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.svm.set_account(address, account).unwrap();
    }

    /// Changes the bytes of an account in place, behind the program's back.
    pub fn change_account(&mut self, address: &Pubkey, change: impl FnOnce(&mut Account)) {
        let mut account = self.svm.get_account(address).unwrap();
        change(&mut account);
        self.svm.set_account(*address, account).unwrap();
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// A chain with the program on it. Verifying and compiling the program takes most of the time in which a
/// world is made, so that is done once a process.
fn chain() -> LiteSVM {
    static CHAIN: OnceLock<Mutex<LiteSVM>> = OnceLock::new();
    let chain = CHAIN.get_or_init(|| {
        let mut svm = LiteSVM::new().with_log_bytes_limit(None);
        svm.add_program(LOCALNET_PROGRAM_ID, program_bytes())
            .unwrap();
        Mutex::new(svm)
    });
    chain.lock().unwrap().clone()
}

/// The mint of the test USDC.
fn mint_address() -> Pubkey {
    derived(b"mint", b"usdc").pubkey()
}
