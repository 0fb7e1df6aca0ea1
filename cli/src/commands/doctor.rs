//! `plimsoll doctor`: what is missing, in one sentence each. Fails if something is broken.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{bail, Result};
use plimsoll_client::engine::index::{decode_price_update, PYTH_RECEIVER};
use serde::Serialize;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::account::balances;
use super::program;
use crate::cluster::token_account;
use crate::markets::{self, state_of, ListedMarket};
use crate::output::table;
use crate::session::Session;
use crate::units::{sol, usd_unsigned};

/// Longer than the slowest block of a healthy cluster.
const SLOT_WAIT: Duration = Duration::from_secs(3);
/// A chain's clock may run this far from this machine's, seconds.
const SKEW_MAX: i64 = 30;
/// Enough for a handful of transactions and a seat, lamports.
const LAMPORTS_LOW: u64 = 20_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Good,
    /// Works, but look at it.
    Note,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    health: Health,
    finding: String,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &str, health: Health, finding: impl Into<String>) {
        self.0.push(Finding {
            check: check.to_owned(),
            health,
            finding: finding.into(),
        });
    }

    /// An error is a finding.
    fn add_result(&mut self, check: &str, found: Result<(Health, String)>) {
        match found {
            Ok((health, finding)) => self.add(check, health, finding),
            Err(error) => self.add(check, Health::Bad, format!("{error:#}")),
        }
    }
}

pub(crate) async fn run(session: &Session) -> Result<()> {
    let mut findings = Findings::default();
    tools(&mut findings);
    cluster(session, &mut findings);
    if chain(session, &mut findings).await {
        balance(session, &mut findings).await;
        let deployed = deployed(session).await;
        findings.add_result("program", deployed);
        exchange(session, &mut findings).await;
    }
    let bad = findings
        .0
        .iter()
        .filter(|finding| finding.health == Health::Bad)
        .count();
    session.output.result(&findings.0, || text(&findings.0))?;
    if bad != 0 {
        bail!("{bad} of {} checks failed", findings.0.len());
    }
    Ok(())
}

fn text(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|finding| {
        let health = match finding.health {
            Health::Good => "ok",
            Health::Note => "note",
            Health::Bad => "FAILED",
        };
        [
            health.to_owned(),
            finding.check.clone(),
            finding.finding.clone(),
        ]
    });
    table(&["", "check", "finding"], rows)
}

/// Solana's own tools are only needed beside this command, so their absence is a note.
fn tools(findings: &mut Findings) {
    for (tool, purpose) in [
        ("solana", "a wallet and a validator of one's own"),
        ("anchor", "`anchor build` and `anchor migrate`"),
    ] {
        let version = Command::new(tool).arg("--version").output();
        match version {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout);
                findings.add(tool, Health::Good, text.trim());
            }
            _ => findings.add(
                tool,
                Health::Note,
                format!("not installed; only needed for {purpose}"),
            ),
        }
    }
}

fn cluster(session: &Session, findings: &mut Findings) {
    let config = &session.config;
    match session.addresses() {
        Ok(_) => findings.add(
            "cluster file",
            Health::Good,
            format!("{}, {} markets", config.name, config.markets.len()),
        ),
        Err(error) => findings.add(
            "cluster file",
            Health::Bad,
            format!("{}: {error:#}", config.name),
        ),
    }
}

/// Whether the chain answers at all; without it nothing else can be looked at.
async fn chain(session: &Session, findings: &mut Findings) -> bool {
    let begun = Instant::now();
    let rpc = session.connection.rpc();
    let version = match rpc.get_version().await {
        Ok(version) => version.solana_core,
        Err(error) => {
            let remedy = if session.config.published_keys {
                ": `plimsoll localnet` starts a chain"
            } else {
                ""
            };
            let finding = format!("{} does not answer ({error}){remedy}", session.url);
            findings.add("RPC", Health::Bad, finding);
            return false;
        }
    };
    let milliseconds = begun.elapsed().as_millis();
    let finding = format!("{} answers in {milliseconds} ms, {version}", session.url);
    findings.add("RPC", Health::Good, finding);
    let moving = slot_moves(session).await;
    findings.add_result("slots", moving);
    let skew = clock_skew(session).await;
    findings.add_result("clock", skew);
    true
}

async fn slot_moves(session: &Session) -> Result<(Health, String)> {
    let rpc = session.connection.rpc();
    let first = rpc.get_slot().await?;
    let begun = Instant::now();
    while begun.elapsed() < SLOT_WAIT {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let slot = rpc.get_slot().await?;
        if slot > first {
            return Ok((Health::Good, format!("slot {slot}, moving")));
        }
    }
    Ok((
        Health::Bad,
        format!("slot {first} has not moved in {} s", SLOT_WAIT.as_secs()),
    ))
}

async fn clock_skew(session: &Session) -> Result<(Health, String)> {
    let chain = session.connection.chain_time().await?;
    let here = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let skew = chain.saturating_sub(i64::try_from(here)?);
    let finding = format!("the chain's clock is {skew} s ahead of this machine's");
    if skew.abs() <= SKEW_MAX {
        return Ok((Health::Good, finding));
    }
    let why = if session.config.published_keys {
        "; normal when a tape is played faster than time"
    } else {
        "; check this machine's clock, expiries are the chain's"
    };
    Ok((Health::Note, format!("{finding}{why}")))
}

async fn balance(session: &Session, findings: &mut Findings) {
    let signer = match session.signer() {
        Ok(signer) => signer.pubkey(),
        Err(error) => {
            findings.add("key pair", Health::Note, format!("{error:#}"));
            return;
        }
    };
    let found = async {
        let lamports = session.lamports(&signer).await?;
        let tokens = match session.addresses() {
            Ok(addresses) => balances(session, &[token_account(&addresses, &signer)]).await?,
            Err(_) => Vec::new(),
        };
        let usdc = tokens.first().copied().flatten().unwrap_or(0);
        let finding = format!(
            "{signer} holds {} SOL and {} USDC",
            sol(lamports),
            usd_unsigned(usdc)
        );
        if lamports >= LAMPORTS_LOW {
            return Ok((Health::Good, finding));
        }
        let remedy = if session.config.published_keys {
            "; `plimsoll faucet` gives more"
        } else {
            ""
        };
        Ok((Health::Note, format!("{finding}: little SOL{remedy}")))
    };
    let found = found.await;
    findings.add_result("key pair", found);
}

async fn deployed(session: &Session) -> Result<(Health, String)> {
    let address = session.config.program()?;
    let Some(deployed) = program::read(session, &address).await? else {
        bail!("{address} is not deployed: `plimsoll program deploy`");
    };
    let hash: String = deployed.sha256().chars().take(16).collect();
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
            format!("{address} runs artifacts/plimsoll.so, sha256 {hash}…"),
        ),
        Some(bytes) => {
            let wanted: String = program::sha256(&bytes).chars().take(16).collect();
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
    std::fs::read(crate::localnet::find_artifact().ok()?).ok()
}

#[cfg(not(feature = "localnet"))]
fn artifact() -> Option<Vec<u8>> {
    std::fs::read("artifacts/plimsoll.so").ok()
}

async fn exchange(session: &Session, findings: &mut Findings) {
    let Ok(addresses) = session.addresses() else {
        return;
    };
    match session.connection.exchange(&addresses.exchange).await {
        Err(error) => {
            let finding = format!(
                "{} ({error}): `plimsoll setup` creates it",
                addresses.exchange
            );
            findings.add("exchange", Health::Bad, finding);
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
