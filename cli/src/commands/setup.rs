//! `plimsoll setup`: shows how a cluster differs from its file, asks, and brings it there.

use std::path::{Path, PathBuf};

use anyhow::{ensure, Result};
use clap::Args;
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::money::fund_if_published;
use crate::keys;
use crate::output::{pairs, table, Output};
use crate::session::Session;
use crate::setup::{
    self, write_address_book, Action, AddressBook, Plan, SetupReport, Step, Target,
};

/// Enough for the rent of a localnet's markets.
const SETUP_LAMPORTS: u64 = 50_000_000_000;

/// Arguments of `plimsoll setup`.
#[derive(Args, Debug)]
pub(crate) struct SetupArgs {
    /// Key pair of the exchange's authority [default: the payer; on a localnet the published one]
    #[arg(long, value_name = "PATH")]
    authority: Option<PathBuf>,
    /// Only show the differences
    #[arg(long)]
    dry_run: bool,
}

/// What a set-up found and did.
#[derive(Serialize)]
struct SetupResult<'a> {
    cluster: &'a str,
    url: &'a str,
    steps_taken: usize,
    plan: &'a Plan,
    addresses: Option<AddressBook>,
}

pub(crate) async fn run(session: &Session, args: SetupArgs) -> Result<()> {
    let config = &session.config;
    let (payer, authority) = signers(session, args.authority.as_deref())?;
    let target = Target::new(config, &payer, &authority)?;
    let plan = setup::compare(&session.connection, &target).await?;
    let missing = plan.with(Action::Create).count();
    if !session.output.is_json() {
        let output = Output::new(false, true);
        output.result(&(), || comparison(&plan))?;
    }
    if args.dry_run || missing == 0 {
        let report = if missing == 0 {
            Some(applied(session, &payer, &authority).await?)
        } else {
            None
        };
        return finish(session, &plan, report.as_ref(), missing);
    }
    ensure!(
        !plan
            .with(Action::Create)
            .any(|item| item.step == Step::Program),
        "the program {} is not on {}: `plimsoll program deploy` comes first",
        target.addresses.program,
        session.url
    );
    session
        .output
        .confirm(&format!("Create {missing} of these on {}?", session.url))?;
    fund_if_published(session, &payer.pubkey(), SETUP_LAMPORTS).await?;
    let report = applied(session, &payer, &authority).await?;
    finish(session, &plan, Some(&report), missing)
}

async fn applied(session: &Session, payer: &Keypair, authority: &Keypair) -> Result<SetupReport> {
    let output = session.output;
    let mut progress = |sentence: &str| output.progress(sentence);
    setup::apply(
        &session.connection,
        &session.config,
        payer,
        authority,
        &mut progress,
    )
    .await
}

/// Who pays and who is the authority. On a localnet both may be the published key.
fn signers(session: &Session, authority: Option<&Path>) -> Result<(Keypair, Keypair)> {
    if let Some(path) = authority {
        return Ok((session.signer()?, keys::read(path)?));
    }
    if session.config.published_keys {
        let authority = keys::localnet_authority()?;
        let payer = match session.keypair_path() {
            Some(path) if path.exists() => session.signer()?,
            _ => authority.insecure_clone(),
        };
        return Ok((payer, authority));
    }
    let payer = session.signer()?;
    let authority = payer.insecure_clone();
    Ok((payer, authority))
}

fn comparison(plan: &Plan) -> String {
    let rows = plan.items().iter().map(|item| {
        let action = match item.action {
            Action::Nothing => "as wanted",
            Action::Create if item.step == Step::Program => "missing, to be deployed first",
            Action::Create => "missing, to be created",
            Action::Differs => "differs, needs a queued change",
        };
        [item.subject.clone(), action.into(), item.detail.clone()]
    });
    table(&["what", "state", "detail"], rows)
}

fn finish(
    session: &Session,
    plan: &Plan,
    report: Option<&SetupReport>,
    missing: usize,
) -> Result<()> {
    if let Some(report) = report {
        write_address_book(&session.config.name, report)?;
    }
    let result = SetupResult {
        cluster: &session.config.name,
        url: &session.url,
        steps_taken: report.map_or(0, |report| report.steps_taken),
        plan,
        addresses: report.map(AddressBook::from),
    };
    session.output.result(&result, || match report {
        None => format!("{missing} missing; nothing was sent"),
        Some(report) => summary(report),
    })
}

fn summary(report: &SetupReport) -> String {
    let addresses = &report.addresses;
    let mut rows = vec![
        ("program".to_owned(), addresses.program.to_string()),
        ("exchange".to_owned(), addresses.exchange.to_string()),
        (
            "collateral".to_owned(),
            addresses.collateral_mint.to_string(),
        ),
    ];
    let markets = report.markets.iter();
    rows.extend(markets.map(|market| {
        let name = format!("market {}", market.symbol);
        (name, market.address.to_string())
    }));
    let done = match report.steps_taken {
        0 => "Nothing to do.".to_owned(),
        steps => format!("{steps} created."),
    };
    let done = match report.differences.len() {
        0 => done,
        several => format!("{done} {several} differ and need a queued change."),
    };
    format!("{}\n{done}", pairs(rows))
}
