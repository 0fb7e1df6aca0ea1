//! `keeper.toml`: one file, checked whole at start.

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use serde::Deserialize;
use solana_pubkey::Pubkey;

/// The file as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeeperConfig {
    /// JSON-RPC endpoint.
    pub rpc_url: String,
    /// Key pair that pays fees and signs; it needs no other right.
    pub keypair: PathBuf,
    /// The program of this cluster; the localnet's when absent.
    pub program: Option<String>,
    /// Time between two refreshes of a market, milliseconds.
    #[serde(default = "default_interval_ms")]
    pub interval_ms: u64,
    /// Micro-lamports per compute unit.
    #[serde(default)]
    pub priority_fee: u64,
    #[serde(rename = "market")]
    pub markets: Vec<MarketConfig>,
}

/// A market and the price accounts that its index is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    pub address: String,
    pub feeds: Vec<String>,
}

const fn default_interval_ms() -> u64 {
    1_000
}

impl KeeperConfig {
    /// Reads the file and names every mistake in it at once.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let config: Self =
            toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))?;
        let mistakes = config.mistakes();
        if !mistakes.is_empty() {
            bail!("{}: {}", path.display(), mistakes.join("; "));
        }
        Ok(config)
    }

    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.interval_ms < 100 {
            mistakes.push("interval_ms is under 100".to_owned());
        }
        if self.markets.is_empty() {
            mistakes.push("no [[market]] is listed".to_owned());
        }
        if self
            .program
            .as_deref()
            .is_some_and(|key| key.parse::<Pubkey>().is_err())
        {
            mistakes.push("program is no public key".to_owned());
        }
        for market in &self.markets {
            if market.address.parse::<Pubkey>().is_err() {
                mistakes.push(format!("market {} is no public key", market.address));
            }
            if market.feeds.is_empty() || market.feeds.len() > 3 {
                mistakes.push(format!(
                    "market {} needs one to three feeds",
                    market.address
                ));
            }
            let bad = market
                .feeds
                .iter()
                .filter(|feed| feed.parse::<Pubkey>().is_err());
            mistakes.extend(bad.map(|feed| format!("feed {feed} is no public key")));
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> KeeperConfig {
        toml::from_str(text).expect("valid TOML")
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let config = parse(
            "rpc_url = 'http://127.0.0.1:8899'\nkeypair = 'id.json'\ninterval_ms = 5\n\
             [[market]]\naddress = 'not-a-key'\nfeeds = []\n",
        );
        let mistakes = config.mistakes();
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    }

    #[test]
    fn a_sound_file_has_no_mistakes() {
        let config = parse(
            "rpc_url = 'http://127.0.0.1:8899'\nkeypair = 'id.json'\n[[market]]\n\
             address = '11111111111111111111111111111112'\n\
             feeds = ['11111111111111111111111111111113']\n",
        );
        assert!(config.mistakes().is_empty());
        assert_eq!(config.interval_ms, 1_000);
    }
}
