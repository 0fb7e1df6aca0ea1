//! The headers that the upgradeable loader keeps in front of what its accounts hold.

use anyhow::{bail, ensure, Context, Result};
use solana_account::Account;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_pubkey::Pubkey;
use solana_sdk_ids::bpf_loader_upgradeable;

const TAG_BYTES: usize = 4;
const BUFFER_TAG: u32 = 1;
const PROGRAM_TAG: u32 = 2;
const PROGRAM_DATA_TAG: u32 = 3;
const SLOT_BYTES: usize = 8;

/// A header and the program bytes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoaderAccount<'a> {
    /// Who may change it; `None` is for ever immutable.
    pub authority: Option<Pubkey>,
    /// Program bytes, with zeros up to the capacity.
    pub bytes: &'a [u8],
}

/// Whether the account is a program of this loader.
pub(super) fn is_program(account: &Account) -> bool {
    account.owner == bpf_loader_upgradeable::ID && tag(account) == Some(PROGRAM_TAG)
}

pub(super) fn read_buffer(account: &Account) -> Result<LoaderAccount<'_>> {
    let header = UpgradeableLoaderState::size_of_buffer_metadata();
    read(account, BUFFER_TAG, TAG_BYTES, header).context("not a buffer of the upgradeable loader")
}

pub(super) fn read_program_data(account: &Account) -> Result<LoaderAccount<'_>> {
    let header = UpgradeableLoaderState::size_of_programdata_metadata();
    read(account, PROGRAM_DATA_TAG, TAG_BYTES + SLOT_BYTES, header)
        .context("not program data of the upgradeable loader")
}

fn tag(account: &Account) -> Option<u32> {
    let bytes = account.data.first_chunk::<TAG_BYTES>()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The authority is one byte that says whether it is there, then the key.
fn read(
    account: &Account,
    expected_tag: u32,
    authority_at: usize,
    header_len: usize,
) -> Result<LoaderAccount<'_>> {
    ensure!(
        account.owner == bpf_loader_upgradeable::ID,
        "its owner is {}",
        account.owner
    );
    ensure!(
        tag(account) == Some(expected_tag) && account.data.len() >= header_len,
        "its header is another one"
    );
    let (header, bytes) = account.data.split_at(header_len);
    let authority = match header[authority_at] {
        0 => None,
        1 => {
            let key = &header[authority_at + 1..authority_at + 33];
            Some(Pubkey::try_from(key).context("its authority is no key")?)
        }
        other => bail!("its authority flag is {other}"),
    };
    Ok(LoaderAccount { authority, bytes })
}
