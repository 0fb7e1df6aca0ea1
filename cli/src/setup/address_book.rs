//! The addresses of a cluster, written down for people, for other programs, and for RPC nodes that do
//! not list a program's accounts. Nothing depends on the file: a set-up finds everything without it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use solana_pubkey::Pubkey;

use super::{MarketInfo, SetupReport};

/// Beside the cluster files; ignored by git.
const DIRECTORY: &str = "migrations/.state";

/// Addresses as text.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct AddressBook {
    program: String,
    exchange: String,
    collateral_mint: String,
    default_fund: String,
    custody_authority: String,
    markets: Vec<AddressBookMarket>,
}

#[derive(Debug, Deserialize, Serialize)]
struct AddressBookMarket {
    symbol: String,
    market: String,
    mark: String,
    price_accounts: Vec<String>,
}

impl From<&SetupReport> for AddressBook {
    fn from(report: &SetupReport) -> Self {
        let addresses = &report.addresses;
        let market = |market: &MarketInfo| AddressBookMarket {
            symbol: market.symbol.clone(),
            market: market.address.to_string(),
            mark: addresses.mark(&market.address).to_string(),
            price_accounts: market
                .feeds
                .iter()
                .map(|feed| feed.account.to_string())
                .collect(),
        };
        Self {
            program: addresses.program.to_string(),
            exchange: addresses.exchange.to_string(),
            collateral_mint: addresses.collateral_mint.to_string(),
            default_fund: addresses.default_fund.to_string(),
            custody_authority: addresses.custody_authority.to_string(),
            markets: report.markets.iter().map(market).collect(),
        }
    }
}

impl AddressBook {
    /// The markets' addresses.
    pub(crate) fn market_addresses(&self) -> Result<Vec<Pubkey>> {
        let parse = |market: &AddressBookMarket| {
            market
                .market
                .parse()
                .with_context(|| format!("{DIRECTORY}: market {}", market.symbol))
        };
        self.markets.iter().map(parse).collect()
    }
}

fn path(cluster: &str) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{cluster}.json"))
}

/// Written only inside a checkout: elsewhere nobody asked for a file.
pub(crate) fn write_address_book(cluster: &str, report: &SetupReport) -> Result<()> {
    if !Path::new("migrations").is_dir() {
        return Ok(());
    }
    let path = path(cluster);
    let text = serde_json::to_string_pretty(&AddressBook::from(report))?;
    std::fs::create_dir_all(DIRECTORY)
        .and_then(|()| std::fs::write(&path, text))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// What an earlier set-up wrote down, if it can be read.
pub(crate) fn read_address_book(cluster: &str) -> Option<AddressBook> {
    let text = std::fs::read_to_string(path(cluster)).ok()?;
    serde_json::from_str(&text).ok()
}
