//! Lines and stakes found by what they belong to, by one request for them.

use anyhow::{bail, Context, Result};
use plimsoll_client::accounts;
use plimsoll_client::engine::state::{CreditLine, VaultStake};
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_client::rpc_config::{RpcAccountInfoConfig, RpcProgramAccountsConfig};
use solana_client::rpc_filter::{Memcmp, RpcFilterType};
use solana_pubkey::Pubkey;

use super::Desk;
use crate::commands::account::line_state;
use crate::session::Session;

/// Offset of a line's vault, after the discriminator.
const VAULT_AT: usize = 8 + std::mem::offset_of!(CreditLine, vault);
/// Offset of the margin account that a line is for.
const MARGIN_ACCOUNT_AT: usize = 8 + std::mem::offset_of!(CreditLine, margin_account);
/// Offset of a stake's vault.
const STAKE_VAULT_AT: usize = 8 + std::mem::offset_of!(VaultStake, vault);

/// The lines of a vault that are not closed.
pub(super) async fn of_vault(
    session: &Session,
    desk: &Desk,
    vault: &Pubkey,
) -> Result<Vec<(Pubkey, CreditLine)>> {
    lines_with(session, desk, VAULT_AT, vault).await
}

/// The stakes in a vault.
pub(super) async fn stakes(
    session: &Session,
    desk: &Desk,
    vault: &Pubkey,
) -> Result<Vec<VaultStake>> {
    let unlisted = "stakes: name who is first with --provider";
    let all = accounts_with(session, desk, (STAKE_VAULT_AT, vault), unlisted).await?;
    let stakes = all.into_iter();
    Ok(stakes
        .filter_map(|(_, data)| accounts::vault_stake(&data).ok())
        .collect())
}

/// The line that is offered to a margin account without one, if it is one line.
pub(super) async fn only_offer(
    session: &Session,
    desk: &Desk,
    account: &Pubkey,
) -> Result<(Pubkey, CreditLine)> {
    let mut lines = lines_with(session, desk, MARGIN_ACCOUNT_AT, account).await?;
    lines.retain(|(_, line)| line_state(line) == "offered");
    match lines.as_slice() {
        [] => bail!("margin account {account} has no line, and none is offered to it"),
        [only] => Ok(*only),
        several => {
            let addresses: Vec<String> = several.iter().map(|(at, _)| at.to_string()).collect();
            bail!(
                "margin account {account} has no line; several are offered to it, name one: {}",
                addresses.join(", ")
            )
        }
    }
}

/// The lines that have `key` at an offset and are not closed.
async fn lines_with(
    session: &Session,
    desk: &Desk,
    at: usize,
    key: &Pubkey,
) -> Result<Vec<(Pubkey, CreditLine)>> {
    let all = accounts_with(session, desk, (at, key), "lines: --url names another node").await?;
    let lines = all.into_iter().filter_map(|(address, data)| {
        let line = accounts::credit_line(&data).ok()?;
        (line_state(&line) != "closed").then_some((address, line))
    });
    Ok(lines.collect())
}

/// The program's accounts that have `key` at an offset, and their bytes; `unlisted` says what a node that does not
/// list them keeps back, and what then helps.
async fn accounts_with(
    session: &Session,
    desk: &Desk,
    (at, key): (usize, &Pubkey),
    unlisted: &str,
) -> Result<Vec<(Pubkey, Vec<u8>)>> {
    let with_key = Memcmp::new_base58_encoded(at, key.as_ref());
    let config = RpcProgramAccountsConfig {
        filters: Some(vec![RpcFilterType::Memcmp(with_key)]),
        account_config: RpcAccountInfoConfig {
            encoding: Some(UiAccountEncoding::Base64),
            ..RpcAccountInfoConfig::default()
        },
        with_context: None,
        sort_results: None,
    };
    let all: Vec<(Pubkey, UiAccount)> = session
        .connection
        .rpc()
        .get_program_ui_accounts_with_config(&desk.addresses.program, config)
        .await
        .with_context(|| format!("{} does not list {unlisted}", session.url))?;
    let decoded = all
        .into_iter()
        .filter_map(|(address, account)| Some((address, account.data.decode()?)));
    Ok(decoded.collect())
}
