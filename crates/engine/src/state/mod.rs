//! The layout of every account: one definition of every byte. The program reads and writes these
//! structs in place behind Anchor's 8-byte discriminators; clients decode them from the same source.
//!
//! Every field states its unit. Sizes are asserted twice: by the compiler (`Pod` allows no padding)
//! and by a literal here, so that no layout changes by accident.

mod credit;
mod exchange;
mod governance;
mod halt;
mod margin_account;
mod mark_account;
mod market;
mod orders;
mod side;

pub use credit::{
    CreditLine, CreditVault, LineSlot, LineState, VaultStake, MANDATE_MARKETS_MAX, VAULT_LINES_MAX,
};
pub use exchange::{DefaultFund, Exchange, Spending, CUSTODY_SHARDS_MAX};
pub use governance::PendingChange;
pub use halt::{AuctionStep, AuctionWalk, HaltBudget, HaltPhase, HaltState, BUDGET_BUCKETS};
pub use margin_account::{MarginAccount, MarginEntry, MARGIN_ENTRIES_MAX};
pub use mark_account::MarkAccount;
pub use market::{
    ArenaState, Losses, MarketCash, MarketHeader, MarketStatus, PriceState, Tree, FEEDS_MAX,
};
pub use orders::{Block, BlockKind, BlockView, EpochEnd, Order, OrderSide, Seat, BLOCK_SIZE, NIL};
pub use side::{Side, SCALE_ONE, SIDE_LONG, SIDE_SHORT};

pub use crate::params::MarketParams;
pub use crate::window::{Bucket, Window, Windows};

/// An account's address as stored: the 32 bytes of a Solana public key.
pub type Pubkey = [u8; 32];

/// Bytes of the discriminator in front of every account.
pub const DISCRIMINATOR_SIZE: usize = 8;

/// Bytes of a market account before its arena, discriminator included.
pub const MARKET_HEADER_SIZE: usize = 2_048;

/// Largest size of a market account, in bytes (spec §2).
pub const MARKET_SIZE_MAX: usize = 7 << 20;

/// Largest growth of an account in one instruction: the runtime's own bound.
pub const GROWTH_SIZE_MAX: usize = 10_240;

/// Refundable deposit for one block of a market's arena: the rent of its 128 bytes, in lamports.
pub const BLOCK_DEPOSIT_LAMPORTS: u64 = 890_880;

const _: () = {
    use core::mem::size_of;
    assert!(size_of::<Block>() == BLOCK_SIZE);
    assert!(size_of::<Order>() == BLOCK_SIZE);
    assert!(size_of::<Seat>() == BLOCK_SIZE);
    assert!(size_of::<EpochEnd>() == BLOCK_SIZE);
    assert!(size_of::<MarketHeader>() == MARKET_HEADER_SIZE - DISCRIMINATOR_SIZE);
    assert!(size_of::<MarginAccount>() == 1_096 - DISCRIMINATOR_SIZE);
    assert!(size_of::<MarginEntry>() == 96);
    assert!(size_of::<Exchange>() == 1_024 - DISCRIMINATOR_SIZE);
    assert!(size_of::<DefaultFund>() == 256 - DISCRIMINATOR_SIZE);
    assert!(size_of::<MarkAccount>() == 512 - DISCRIMINATOR_SIZE);
    assert!(size_of::<CreditVault>() == 4_096 - DISCRIMINATOR_SIZE);
    assert!(size_of::<LineSlot>() == 48);
    assert!(size_of::<VaultStake>() == 192 - DISCRIMINATOR_SIZE);
    assert!(size_of::<CreditLine>() == 768 - DISCRIMINATOR_SIZE);
    assert!(size_of::<PendingChange>() == 1_024 - DISCRIMINATOR_SIZE);
};
