//! The program's bytecode in an SVM: a clock, accounts, instructions in, events out. Signatures are not checked:
//! everybody here is made up, and what the program asks of a signer it asks of the transaction.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{anyhow, Context, Result};
use litesvm::LiteSVM;
use plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
use plimsoll_client::errors;
use plimsoll_client::events::{self, Event};
use plimsoll_client::ExchangeAddresses;
use plimsoll_engine::{EngineError, Env};
use plimsoll_keeper::mirror::{AccountUpdate, ChainClock, RawAccount};
use sha2::{Digest, Sha256};
use solana_account::{Account, ReadableAccount};
use solana_clock::Clock;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_message::Message;
use solana_program_pack::Pack;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::Transaction;
use spl_token_interface::state::{Account as TokenAccount, AccountState, Mint};

const TOKEN_PROGRAM: Pubkey = Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
const COMPUTE_UNITS_MAX: u32 = 1_400_000;
const LAMPORTS: u64 = 1_000_000_000_000;
/// Quote atoms of the mint: more than all wallets hold together.
const SUPPLY: u64 = 1_000_000_000_000_000_000;
/// Slots in two seconds.
const SLOTS_IN_TWO_SECONDS: u64 = 5;

/// The address of someone or something by name, the same in every run.
pub fn address_of(label: &str, number: u32) -> Pubkey {
    let mut hasher = Sha256::new();
    hasher.update(b"plimsoll replay\0");
    hasher.update(label);
    hasher.update(number.to_le_bytes());
    let hash: [u8; 32] = hasher.finalize().into();
    Pubkey::from(hash)
}

/// What an instruction was refused with.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The program's own error, if it was one.
    pub engine: Option<EngineError>,
    pub text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.engine {
            Some(engine) => write!(f, "{engine:?}: {engine}"),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for Refused {}

/// A chain with the program on it.
#[derive(Clone)]
pub struct Chain {
    svm: LiteSVM,
    pub addresses: ExchangeAddresses,
    pub authority: Pubkey,
    /// First time that the clock was set to: slots are counted from it.
    origin: Option<i64>,
    /// Accounts that were written since they were last read.
    touched: BTreeSet<Pubkey>,
    pub transactions: u64,
    pub refused: u64,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("now", &self.env().now)
            .field("transactions", &self.transactions)
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// A chain with this bytecode, a mint of test USDC, and nothing else.
    ///
    /// # Errors
    /// When the bytecode is not a program.
    pub fn new(program: &[u8]) -> Result<Self> {
        let mut svm = LiteSVM::new()
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0)
            .with_log_bytes_limit(None);
        svm.add_program(LOCALNET_PROGRAM_ID, program)
            .map_err(|error| anyhow!("the bytecode cannot be loaded: {error:?}"))?;
        let authority = address_of("authority", 0);
        let mint = address_of("mint", 0);
        let addresses =
            ExchangeAddresses::new(LOCALNET_PROGRAM_ID, mint, TOKEN_PROGRAM, &authority);
        let mut chain = Self {
            svm,
            addresses,
            authority,
            origin: None,
            touched: BTreeSet::new(),
            transactions: 0,
            refused: 0,
        };
        let state = Mint {
            supply: SUPPLY,
            decimals: 6,
            is_initialized: true,
            ..Mint::default()
        };
        let mut data = vec![0; Mint::LEN];
        Mint::pack(state, &mut data)?;
        chain.write(mint, TOKEN_PROGRAM, data)?;
        Ok(chain)
    }

    /// Sets the clock; the slot follows at five in two seconds.
    pub fn set_time(&mut self, now: i64) {
        let origin = *self.origin.get_or_insert(now);
        let since = now.saturating_sub(origin).max(0).unsigned_abs();
        let mut clock = self.svm.get_sysvar::<Clock>();
        clock.unix_timestamp = now;
        clock.slot = 1_000_u64.saturating_add(since.saturating_mul(SLOTS_IN_TWO_SECONDS) / 2);
        self.svm.set_sysvar(&clock);
    }

    pub fn clock(&self) -> ChainClock {
        let clock = self.svm.get_sysvar::<Clock>();
        ChainClock {
            now: clock.unix_timestamp,
            slot: clock.slot,
        }
    }

    pub fn env(&self) -> Env {
        self.clock().env()
    }

    /// Lamports that an account of this size must hold.
    pub fn rent(&self, size: usize) -> u64 {
        self.svm.minimum_balance_for_rent_exemption(size)
    }

    /// Bytes of an account; empty where there is none.
    pub fn data(&self, address: &Pubkey) -> &[u8] {
        let account = self.svm.accounts_db().get_account_ref(address);
        account.map_or(&[], |account| account.data())
    }

    /// Writes an account as it is, from outside the program.
    ///
    /// # Errors
    /// When the SVM does not take it.
    pub fn write(&mut self, address: Pubkey, owner: Pubkey, data: Vec<u8>) -> Result<()> {
        let account = Account {
            lamports: self.rent(data.len()).max(1),
            data,
            owner,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.put(address, account)
    }

    /// Changes the bytes of an account of the program, from outside the program: what a baseline model does.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn rewrite(&mut self, address: Pubkey, data: Vec<u8>) -> Result<()> {
        let held = self.svm.get_account(&address);
        let held = held.with_context(|| format!("no account {address}"))?;
        self.put(address, Account { data, ..held })
    }

    fn put(&mut self, address: Pubkey, account: Account) -> Result<()> {
        self.touched.insert(address);
        self.svm
            .set_account(address, account)
            .map_err(|error| anyhow!("account {address}: {error:?}"))
    }

    /// A wallet with SOL, and its tokens in the account whose address is returned.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn open_wallet(&mut self, owner: Pubkey, tokens: u64) -> Result<Pubkey> {
        let wallet = Account {
            lamports: LAMPORTS,
            rent_epoch: u64::MAX,
            ..Account::default()
        };
        self.put(owner, wallet)?;
        let address = tokens_of(&owner);
        self.write_tokens(address, owner, tokens)?;
        Ok(address)
    }

    fn write_tokens(&mut self, address: Pubkey, owner: Pubkey, amount: u64) -> Result<()> {
        let state = TokenAccount {
            mint: self.addresses.collateral_mint,
            owner,
            amount,
            state: AccountState::Initialized,
            ..TokenAccount::default()
        };
        let mut data = vec![0; TokenAccount::LEN];
        TokenAccount::pack(state, &mut data)?;
        self.write(address, TOKEN_PROGRAM, data)
    }

    /// Tokens of a token account; zero where there is none.
    pub fn tokens(&self, address: &Pubkey) -> u64 {
        TokenAccount::unpack(self.data(address)).map_or(0, |held| held.amount)
    }

    /// Adds tokens to an account that exists.
    ///
    /// # Errors
    /// When there is no such token account.
    pub fn add_tokens(&mut self, address: Pubkey, amount: u64) -> Result<()> {
        let held = TokenAccount::unpack(self.data(&address))?;
        let total = held.amount.saturating_add(amount);
        self.write_tokens(address, held.owner, total)
    }

    /// Sends one transaction that `payer` pays for.
    ///
    /// # Errors
    /// What the program, or the runtime, refused it with: then nothing has changed.
    pub fn send(
        &mut self,
        payer: &Pubkey,
        instructions: &[Instruction],
    ) -> Result<Vec<Event>, Refused> {
        let limit = ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_UNITS_MAX);
        let mut all = vec![limit];
        all.extend_from_slice(instructions);
        let message = Message::new(&all, Some(payer));
        let signatures =
            vec![Signature::default(); usize::from(message.header.num_required_signatures)];
        self.transactions = self.transactions.saturating_add(1);
        let outcome = self.svm.send_transaction(Transaction {
            signatures,
            message,
        });
        match outcome {
            Ok(meta) => {
                for instruction in instructions {
                    let written = instruction.accounts.iter().filter(|meta| meta.is_writable);
                    self.touched.extend(written.map(|meta| meta.pubkey));
                }
                Ok(events::from_logs(&meta.logs))
            }
            Err(failed) => {
                self.refused = self.refused.saturating_add(1);
                let text = format!("{:?}", failed.err);
                let engine = failed.meta.logs.iter().rev().find_map(|line| {
                    let (_, code) = line.split_once("custom program error: 0x")?;
                    errors::from_code(u32::from_str_radix(code.trim(), 16).ok()?)
                });
                Err(Refused { engine, text })
            }
        }
    }

    /// The program's accounts that were written since the last call, as a keeper reads them.
    pub fn take_updates(&mut self) -> Vec<AccountUpdate> {
        let slot = self.clock().slot;
        let touched = std::mem::take(&mut self.touched);
        let read = touched.into_iter().filter_map(|address| {
            let account = self.svm.accounts_db().get_account_ref(&address)?;
            let raw = RawAccount {
                owner: *account.owner(),
                data: account.data().to_vec(),
            };
            Some(AccountUpdate {
                address,
                slot,
                account: Some(raw),
            })
        });
        read.collect()
    }

    /// All accounts of the program.
    pub fn program_accounts(&self) -> Vec<(Pubkey, RawAccount)> {
        let accounts = self.svm.get_program_accounts(&self.addresses.program);
        let mut accounts: Vec<_> = accounts
            .into_iter()
            .map(|(address, account)| {
                let raw = RawAccount {
                    owner: account.owner,
                    data: account.data,
                };
                (address, raw)
            })
            .collect();
        accounts.sort_by_key(|(address, _)| *address);
        accounts
    }
}

/// The token account of a wallet.
pub fn tokens_of(owner: &Pubkey) -> Pubkey {
    let mut hasher = Sha256::new();
    hasher.update(b"plimsoll replay tokens\0");
    hasher.update(owner);
    let hash: [u8; 32] = hasher.finalize().into();
    Pubkey::from(hash)
}
