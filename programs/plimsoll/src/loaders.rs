//! Typed access to the program's accounts. A value of one of these types proves owner, discriminator
//! and length, so a handler cannot hold an unvalidated account (attacks 31, 33).

use std::cell::{Ref, RefMut};

use anchor_lang::prelude::*;
use bytemuck::Pod;
use plimsoll_engine::book::arena::{MarketMut, MarketRef};
use plimsoll_engine::state::{
    Block, CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount, MarkAccount,
    MarketHeader, PendingChange, VaultStake, BLOCK_SIZE, DISCRIMINATOR_SIZE, MARKET_HEADER_SIZE,
};

use crate::error::PlimsollError;

/// An account of this program: the first eight bytes of sha256("account:" + name), as Anchor has them.
pub trait AccountKind: Pod {
    const NAME: &'static str;
    const DISCRIMINATOR: [u8; DISCRIMINATOR_SIZE];
    /// Bytes of the whole account; a market's arena comes on top.
    const SIZE: usize = DISCRIMINATOR_SIZE + std::mem::size_of::<Self>();
}

macro_rules! account_kinds {
    ($($kind:ty, $name:literal, $bytes:expr;)*) => {
        $(impl AccountKind for $kind {
            const NAME: &'static str = $name;
            const DISCRIMINATOR: [u8; DISCRIMINATOR_SIZE] = $bytes;
        })*
    };
}

account_kinds! {
    Exchange, "Exchange", [30, 200, 220, 149, 3, 61, 104, 50];
    DefaultFund, "DefaultFund", [161, 219, 214, 94, 126, 131, 2, 171];
    MarginAccount, "MarginAccount", [133, 220, 173, 213, 179, 211, 43, 238];
    MarketHeader, "Market", [219, 190, 213, 55, 0, 227, 198, 154];
    MarkAccount, "Mark", [238, 237, 182, 66, 61, 217, 217, 150];
    CreditVault, "CreditVault", [143, 180, 135, 248, 84, 85, 183, 70];
    VaultStake, "VaultStake", [225, 34, 128, 53, 167, 239, 182, 107];
    CreditLine, "CreditLine", [220, 226, 205, 24, 220, 151, 129, 104];
    PendingChange, "PendingChange", [232, 183, 176, 196, 15, 195, 115, 147];
}

/// The word of a key that begins at byte `AT`.
#[inline(always)]
fn word<const AT: usize>(key: &[u8; 32]) -> u64 {
    bytemuck::pod_read_unaligned(&key[AT..AT + 8])
}

/// Whether two keys are the same, word by word: as arrays they would be copied first.
#[inline(always)]
pub fn same_key(a: &Pubkey, b: &[u8; 32]) -> bool {
    let a = a.as_array();
    word::<0>(a) == word::<0>(b)
        && word::<8>(a) == word::<8>(b)
        && word::<16>(a) == word::<16>(b)
        && word::<24>(a) == word::<24>(b)
}

#[inline(always)]
fn check_owner(info: &AccountInfo<'_>) -> Result<()> {
    if !same_key(info.owner, crate::ID.as_array()) {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}

#[inline(always)]
fn check_kind<T: AccountKind>(data: &[u8], exact: bool) -> Result<()> {
    let size_fits = if exact {
        data.len() == T::SIZE
    } else {
        data.len() >= T::SIZE
    };
    if !size_fits || data.get(..DISCRIMINATOR_SIZE) != Some(&T::DISCRIMINATOR[..]) {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}

/// The account's state, to read.
#[inline(always)]
pub fn load<'a, T: AccountKind>(info: &'a AccountInfo<'_>) -> Result<Ref<'a, T>> {
    check_owner(info)?;
    let data = info
        .try_borrow_data()
        .map_err(|_| PlimsollError::DuplicateAccount)?;
    check_kind::<T>(&data, true)?;
    Ok(Ref::map(data, |data| {
        bytemuck::from_bytes(&data[DISCRIMINATOR_SIZE..])
    }))
}

/// The account's state, to change.
#[inline(always)]
pub fn load_mut<'a, T: AccountKind>(info: &'a AccountInfo<'_>) -> Result<RefMut<'a, T>> {
    check_owner(info)?;
    if !info.is_writable {
        return err!(PlimsollError::WrongAccount);
    }
    let data = info
        .try_borrow_mut_data()
        .map_err(|_| PlimsollError::DuplicateAccount)?;
    check_kind::<T>(&data, true)?;
    Ok(RefMut::map(data, |data| {
        bytemuck::from_bytes_mut(&mut data[DISCRIMINATOR_SIZE..])
    }))
}

/// A market's header and arena, to read; both from one borrow of the account.
#[derive(Debug)]
pub struct LoadedMarket<'a> {
    header: Ref<'a, MarketHeader>,
    blocks: Ref<'a, [Block]>,
}

impl<'a> LoadedMarket<'a> {
    #[inline(always)]
    pub fn load(info: &'a AccountInfo<'_>) -> Result<Self> {
        check_owner(info)?;
        let data = info
            .try_borrow_data()
            .map_err(|_| PlimsollError::DuplicateAccount)?;
        check_kind::<MarketHeader>(&data, false)?;
        let (header, blocks) = Ref::map_split(data, |data| {
            let (header, arena) = data.split_at(MARKET_HEADER_SIZE);
            let whole = arena.len() - arena.len() % BLOCK_SIZE;
            (
                bytemuck::from_bytes(&header[DISCRIMINATOR_SIZE..]),
                bytemuck::cast_slice(&arena[..whole]),
            )
        });
        Ok(Self { header, blocks })
    }

    #[inline(always)]
    pub fn get(&self) -> MarketRef<'_> {
        MarketRef {
            header: &self.header,
            blocks: &self.blocks,
        }
    }
}

/// A market's header and arena, to change.
#[derive(Debug)]
pub struct LoadedMarketMut<'a> {
    header: RefMut<'a, MarketHeader>,
    blocks: RefMut<'a, [Block]>,
}

impl<'a> LoadedMarketMut<'a> {
    #[inline(always)]
    pub fn load(info: &'a AccountInfo<'_>) -> Result<Self> {
        check_owner(info)?;
        if !info.is_writable {
            return err!(PlimsollError::WrongAccount);
        }
        let data = info
            .try_borrow_mut_data()
            .map_err(|_| PlimsollError::DuplicateAccount)?;
        check_kind::<MarketHeader>(&data, false)?;
        let (header, blocks) = RefMut::map_split(data, |data| {
            let (header, arena) = data.split_at_mut(MARKET_HEADER_SIZE);
            let whole = arena.len() - arena.len() % BLOCK_SIZE;
            (
                bytemuck::from_bytes_mut(&mut header[DISCRIMINATOR_SIZE..]),
                bytemuck::cast_slice_mut(&mut arena[..whole]),
            )
        });
        Ok(Self { header, blocks })
    }

    #[inline(always)]
    pub fn get(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }
}

/// Writes the discriminator of a new account and returns its zeroed state.
pub fn initialize<'a, T: AccountKind>(info: &'a AccountInfo<'_>) -> Result<RefMut<'a, T>> {
    check_owner(info)?;
    let mut data = info
        .try_borrow_mut_data()
        .map_err(|_| PlimsollError::DuplicateAccount)?;
    if data.len() < T::SIZE || data.iter().take(T::SIZE).any(|byte| *byte != 0) {
        return err!(PlimsollError::AlreadyInitialized);
    }
    data[..DISCRIMINATOR_SIZE].copy_from_slice(&T::DISCRIMINATOR);
    Ok(RefMut::map(data, |data| {
        bytemuck::from_bytes_mut(&mut data[DISCRIMINATOR_SIZE..T::SIZE])
    }))
}
