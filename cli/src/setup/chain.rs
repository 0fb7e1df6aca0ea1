//! What a cluster has now of what its file wants: one request for all accounts.

use anyhow::{ensure, Context, Result};
use plimsoll_client::accounts::{self, MarketView};
use plimsoll_client::engine::state::{Exchange, MarketHeader, MARKET_HEADER_SIZE};
use plimsoll_client::rpc::Connection;
use solana_account_decoder_client_types::{UiAccountEncoding, UiDataSliceConfig};
use solana_client::rpc_config::RpcAccountInfoConfig;
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::Target;

/// Offset of a token mint's decimals, behind its optional authority and its supply.
const MINT_DECIMALS_AT: usize = 44;

/// The accounts of an exchange as found; `None` is an account that does not exist.
#[derive(Debug)]
pub(super) struct OnChain {
    pub(super) program: Option<ProgramFound>,
    /// Decimals of the mint.
    pub(super) mint_decimals: Option<u8>,
    pub(super) treasury: bool,
    pub(super) exchange: Option<Exchange>,
    /// In the order of the file.
    pub(super) markets: Vec<Option<MarketHeader>>,
}

/// The account at the program's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProgramFound {
    Executable,
    /// Something else lives there.
    NotExecutable,
}

/// The beginning of an account's data and who owns it.
struct Found {
    owner: Pubkey,
    executable: bool,
    data: Vec<u8>,
}

impl OnChain {
    pub(super) async fn read(connection: &Connection, target: &Target<'_>) -> Result<Self> {
        let addresses = &target.addresses;
        let authority = target.authority.pubkey();
        let mut keys = vec![
            addresses.program,
            addresses.collateral_mint,
            target.config.exchange.treasury(addresses, &authority),
            addresses.exchange,
        ];
        keys.extend(target.markets.iter().map(Signer::pubkey));
        let mut found = read_accounts(connection, &keys).await?.into_iter();
        let mut next = || found.next().flatten();
        let (program, mint, treasury, exchange) = (next(), next(), next(), next());
        let owned = |account: &Found, key: &Pubkey, what: &str| -> Result<()> {
            ensure!(
                account.owner == addresses.program,
                "{what} {key} belongs to {}, not to the program",
                account.owner
            );
            Ok(())
        };
        let exchange = match exchange {
            None => None,
            Some(account) => {
                owned(&account, &addresses.exchange, "exchange")?;
                Some(accounts::exchange(&account.data)?)
            }
        };
        let mut markets = Vec::with_capacity(target.markets.len());
        for key in &target.markets {
            let Some(account) = next() else {
                markets.push(None);
                continue;
            };
            owned(&account, &key.pubkey(), "market")?;
            markets.push(Some(MarketView::decode(&account.data)?.header));
        }
        Ok(Self {
            program: program.map(|account| program_found(&account)),
            mint_decimals: mint
                .map(|account| mint_decimals(&account, target))
                .transpose()?,
            treasury: treasury.is_some(),
            exchange,
            markets,
        })
    }
}

fn program_found(account: &Found) -> ProgramFound {
    if account.executable {
        ProgramFound::Executable
    } else {
        ProgramFound::NotExecutable
    }
}

fn mint_decimals(account: &Found, target: &Target<'_>) -> Result<u8> {
    let mint = target.addresses.collateral_mint;
    ensure!(
        account.owner == target.addresses.token_program,
        "the collateral {mint} is an account of {}, not a mint of SPL Token",
        account.owner
    );
    account
        .data
        .get(MINT_DECIMALS_AT)
        .copied()
        .with_context(|| format!("the collateral {mint} is no mint"))
}

/// The first bytes of each account: a market's header is all that is compared.
async fn read_accounts(connection: &Connection, keys: &[Pubkey]) -> Result<Vec<Option<Found>>> {
    let config = RpcAccountInfoConfig {
        encoding: Some(UiAccountEncoding::Base64),
        data_slice: Some(UiDataSliceConfig {
            offset: 0,
            length: MARKET_HEADER_SIZE,
        }),
        commitment: Some(CommitmentConfig::confirmed()),
        min_context_slot: None,
    };
    let accounts = connection
        .rpc()
        .get_multiple_ui_accounts_with_config(keys, config)
        .await
        .context("the cluster's accounts cannot be read")?
        .value;
    accounts
        .into_iter()
        .map(|account| {
            let Some(account) = account else {
                return Ok(None);
            };
            Ok(Some(Found {
                owner: account.owner.parse().context("an account's owner")?,
                executable: account.executable,
                data: account.data.decode().context("an account's data")?,
            }))
        })
        .collect()
}
