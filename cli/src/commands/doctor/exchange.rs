//! The doctor's look at the program and the exchange.

use anyhow::{bail, Result};
use plimsoll_client::engine::index::{decode_price_update, PYTH_RECEIVER};
use plimsoll_client::rpc::RpcError;
use solana_pubkey::Pubkey;

use super::{Findings, Health};
use crate::commands::program;
use crate::markets::{self, state_of, ListedMarket};
use crate::session::Session;

/// Whether the program runs, and what.
pub(super) async fn deployed(session: &Session) -> Result<(Health, String)> {
    let address = session.config.program()?;
    let Some(deployed) = program::read(session, &address).await? else {
        bail!("{address} is not deployed: `plimsoll program deploy`");
    };
    let short = |hash: String| hash.chars().take(16).collect::<String>();
    let hash = short(deployed.sha256());
    let committed = artifact();
    Ok(match committed {
        None => (
            Health::Note,
            format!(
                "{address} runs {hash}…; there is no artifacts/plimsoll.so here to compare with"
            ),
        ),
        Some(bytes) if deployed.runs(&bytes) => (
            Health::Good,
            format!(
                "{address} runs artifacts/plimsoll.so, sha256 {}…",
                short(program::sha256(&bytes))
            ),
        ),
        Some(bytes) => {
            let wanted = short(program::sha256(&bytes));
            let note = "built for this cluster, or another version";
            (
                Health::Note,
                format!("{address} runs {hash}…, artifacts/plimsoll.so is {wanted}…: {note}"),
            )
        }
    })
}

#[cfg(feature = "localnet")]
fn artifact() -> Option<Vec<u8>> {
    std::fs::read(crate::artifact::find_artifact().ok()?).ok()
}

#[cfg(not(feature = "localnet"))]
fn artifact() -> Option<Vec<u8>> {
    std::fs::read("artifacts/plimsoll.so").ok()
}

/// Whether the exchange and its markets are there and fresh.
pub(super) async fn exchange(session: &Session, findings: &mut Findings) {
    let Ok(addresses) = session.addresses() else {
        return;
    };
    match session.connection.exchange(&addresses.exchange).await {
        Err(RpcError::Missing(address)) => {
            let finding = format!("there is none at {address}: `plimsoll setup` creates it");
            findings.add("exchange", Health::Bad, finding);
            return;
        }
        Err(error) => {
            findings.add("exchange", Health::Bad, error.to_string());
            return;
        }
        Ok(exchange) => findings.add(
            "exchange",
            Health::Good,
            format!(
                "{}: {} custody shards, {} markets",
                addresses.exchange, exchange.custody_shards_len, exchange.markets
            ),
        ),
    }
    match markets::list(session).await {
        Err(error) => findings.add("markets", Health::Bad, format!("{error:#}")),
        Ok(listed) => {
            for market in &listed {
                let found = prices(session, market).await;
                findings.add_result(&format!("prices of {}", market.symbol()), found);
            }
        }
    }
}

/// Whether a market's feeds and index are fresh.
async fn prices(session: &Session, market: &ListedMarket) -> Result<(Health, String)> {
    let now = session.connection.chain_time().await?;
    let most = i64::from(market.header.params.index_age_seconds_max);
    let feeds: Vec<Pubkey> = market.feeds().iter().map(|feed| feed.account).collect();
    let accounts = session
        .connection
        .rpc()
        .get_multiple_accounts(&feeds)
        .await?;
    let mut stale = Vec::new();
    for (feed, account) in feeds.iter().zip(accounts) {
        let Some(account) = account else {
            stale.push(format!("there is no price account {feed}"));
            continue;
        };
        if account.owner.to_bytes() != PYTH_RECEIVER {
            stale.push(format!("{feed} is not Pyth's"));
            continue;
        }
        match decode_price_update(&account.data) {
            Err(error) => stale.push(format!("{feed}: {error}")),
            Ok(update) => {
                let age = now.saturating_sub(update.publish_time);
                if age > most {
                    stale.push(format!("{feed} is {age} s old"));
                }
            }
        }
    }
    let state = state_of(&market.header, now);
    let age = now.saturating_sub(market.header.prices.index_time);
    if !stale.is_empty() {
        return Ok((Health::Note, format!("{state}; {}", stale.join(", "))));
    }
    if age > most {
        let remedy = "nobody brings it in: run a keeper, or `plimsoll market refresh`";
        return Ok((
            Health::Note,
            format!("{state}; the feeds are fresh and the index is not: {remedy}"),
        ));
    }
    let index = market.units().price_q32(market.header.prices.index);
    Ok((Health::Good, format!("{state}; index {index}, {age} s old")))
}
