//! `plimsoll price-files`: price accounts for a validator of one's own, which has no oracle.
//!
//! `solana-test-validator --account-dir` puts them into its first block. Nobody updates them afterwards, so
//! they carry one publish time, a little ahead, that gives time to start the validator and to deploy.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{ensure, Context, Result};
use base64::prelude::{Engine, BASE64_STANDARD};
use clap::Args;
use plimsoll_localnet::oracle::{
    encode_price_update, PriceFeed, PRICE_UPDATE_LEN, RECEIVER_PROGRAM_ID,
};
use plimsoll_localnet::prices::{PricePoint, CONF_PPM_MIN};
use serde::Serialize;
use serde_json::{json, Value};

use crate::market_config::{feeds_of, MarketPlan};
use crate::output::time;
use crate::session::Session;

/// Lamports that make an account of this size exempt from rent: two years at Solana's rate, with the 128
/// bytes that an account is counted besides its data.
const RENT_LAMPORTS: usize = (PRICE_UPDATE_LEN + 128) * 6_960;

/// Arguments of `plimsoll price-files`.
#[derive(Args, Debug)]
pub(crate) struct PriceFilesArgs {
    /// Directory that receives one file for each price account
    directory: PathBuf,
    /// Seconds until the prices count as published; before that no market takes them
    #[arg(long = "in", default_value_t = 60, value_name = "SECONDS")]
    delay: u32,
}

#[derive(Serialize)]
struct Written {
    files: Vec<String>,
    /// Unix seconds: the first and the last at which every market takes its price.
    usable_from: i64,
    usable_until: i64,
}

pub(crate) fn run(session: &Session, args: &PriceFilesArgs) -> Result<()> {
    let directory = &args.directory;
    let markets = &session.config.markets;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let published = i64::try_from(now)?.saturating_add(i64::from(args.delay));
    std::fs::create_dir_all(directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    let mut files = Vec::new();
    for market in markets {
        for (address, account) in accounts(market, published)? {
            let path = directory.join(format!("{address}.json"));
            std::fs::write(&path, serde_json::to_string_pretty(&account)?)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            files.push(path.display().to_string());
        }
    }
    let ages = markets
        .iter()
        .map(|market| market.params.index_age_seconds_max);
    let age = ages.min().context("the cluster file names no market")?;
    let written = Written {
        files,
        usable_from: published,
        usable_until: published.saturating_add(i64::from(age)),
    };
    session.output.result(&written, || {
        format!(
            "{} price accounts in {}; markets take them from {} to {} UTC, `index_age_seconds_max` later.",
            written.files.len(),
            directory.display(),
            time(written.usable_from),
            time(written.usable_until)
        )
    })
}

/// A market's price accounts at its start price, as `solana account --output json` writes them.
fn accounts(market: &MarketPlan, published: i64) -> Result<Vec<(String, Value)>> {
    ensure!(
        market.start_price_e8 != 0,
        "market {:?} has no `start_price`",
        market.symbol
    );
    let point = PricePoint {
        unix_seconds: published,
        price_e8: i64::try_from(market.start_price_e8)?,
        conf_e8: market.start_price_e8 * CONF_PPM_MIN / 1_000_000,
    };
    let file = |feed: crate::market_config::Feed| {
        let update = PriceFeed::new(feed.account, feed.id).publish(&point, published);
        let data = encode_price_update(&update);
        let account = json!({
            "lamports": RENT_LAMPORTS,
            "data": [BASE64_STANDARD.encode(&data), "base64"],
            "owner": RECEIVER_PROGRAM_ID.to_string(),
            "executable": false,
            "rentEpoch": u64::MAX,
            "space": data.len(),
        });
        let address = feed.account.to_string();
        let value = json!({ "pubkey": address, "account": account });
        (address, value)
    };
    Ok(feeds_of(&market.params).into_iter().map(file).collect())
}

#[cfg(test)]
mod tests {
    use plimsoll_client::engine::index::decode_price_update;

    use super::*;
    use crate::cluster::ClusterConfig;

    #[test]
    fn a_file_holds_the_price_account_that_the_market_reads() {
        let config = ClusterConfig::load("localnet").expect("localnet");
        let files = accounts(&config.markets[0], 1_760_130_000).expect("files");
        let [(address, value)] = &files[..] else {
            panic!("AVAX has one feed: {files:?}");
        };
        let feed = &feeds_of(&config.markets[0].params)[0];
        assert_eq!(*address, feed.account.to_string());
        assert_eq!(value["pubkey"], *address);
        let account = &value["account"];
        assert_eq!(account["owner"], RECEIVER_PROGRAM_ID.to_string());
        let data = account["data"][0].as_str().expect("base64");
        let data = BASE64_STANDARD.decode(data).expect("base64");
        let update = decode_price_update(&data).expect("a price update");
        assert_eq!(update.publish_time, 1_760_130_000);
        assert_eq!((update.price, update.exponent), (2_850_000_000, -8));
        assert_eq!(update.feed_id, feed.id);
    }

    #[test]
    fn a_market_without_a_start_price_is_refused_by_name() {
        let config = ClusterConfig::load("devnet").expect("devnet");
        let mut market = config.markets[1].clone();
        market.start_price_e8 = 0;
        let error = accounts(&market, 1).expect_err("no price");
        assert!(error.to_string().contains("\"BTC\""), "{error}");
    }
}
