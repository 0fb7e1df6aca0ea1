//! `plimsoll doctor`: what is missing, in one sentence each. Fails if something is broken.

mod chain;
mod exchange;

use std::process::Command;
use std::time::Instant;

use anyhow::{bail, Result};
use serde::Serialize;
use solana_signer::Signer;

use super::account::balances;
use crate::cluster::token_account;
use crate::output::table;
use crate::session::Session;
use crate::units::{sol, usd_unsigned};

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
    if answers(session, &mut findings).await {
        balance(session, &mut findings).await;
        let deployed = exchange::deployed(session).await;
        findings.add_result("program", deployed);
        exchange::exchange(session, &mut findings).await;
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
async fn answers(session: &Session, findings: &mut Findings) -> bool {
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
    let moving = chain::slot_moves(session).await;
    findings.add_result("slots", moving);
    let skew = chain::clock_skew(session).await;
    findings.add_result("clock", skew);
    true
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
