//! `plimsoll admin show`: queued changes, field by field, in human units.

use anyhow::Result;
use plimsoll_client::accounts;
use plimsoll_client::engine::governance::{ChangeKind, Pace};
use plimsoll_client::engine::state::PendingChange;
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::markets;
use crate::output::{pairs, table, time};
use crate::session::Session;
use crate::setup::market_parameters;
use crate::units::percent;

/// Most accounts that one request may ask for.
const REQUEST_ACCOUNTS_MAX: u64 = 100;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    field: String,
    in_force: String,
    to_be: String,
}

/// One queued change.
#[derive(Serialize)]
struct ChangeShown {
    id: u64,
    what: String,
    /// `waits`, `due` or `void`.
    state: &'static str,
    pace: &'static str,
    queued_at: String,
    applies_from: String,
    void_from: String,
    differences: Vec<Difference>,
}

/// One change, or all that are queued.
pub(super) async fn run(session: &Session, id: Option<u64>) -> Result<()> {
    let now = session.connection.chain_time().await?;
    let changes = match id {
        Some(id) => vec![super::pending(session, id).await?],
        None => all(session).await?,
    };
    let mut shown = Vec::new();
    for change in &changes {
        let what = what(session, change).await;
        shown.push(of(change, what, now));
    }
    session.output.result(&shown, || {
        if shown.is_empty() {
            return "No change is queued.".to_owned();
        }
        let texts: Vec<String> = shown.iter().map(text).collect();
        texts.join("\n\n")
    })
}

/// The newest hundred numbers that still have an account.
async fn all(session: &Session) -> Result<Vec<PendingChange>> {
    let addresses = session.addresses()?;
    let exchange = session.connection.exchange(&addresses.exchange).await?;
    let end = exchange.pending_changes;
    let keys: Vec<Pubkey> = (end.saturating_sub(REQUEST_ACCOUNTS_MAX)..end)
        .map(|id| addresses.pending_change(id))
        .collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = session
        .connection
        .rpc()
        .get_multiple_accounts(&keys)
        .await?;
    Ok(found
        .into_iter()
        .flatten()
        .filter_map(|account| accounts::pending_change(&account.data).ok())
        .collect())
}

async fn what(session: &Session, change: &PendingChange) -> String {
    let target = Pubkey::from(change.target);
    match ChangeKind::from_byte(change.kind) {
        Some(ChangeKind::Market) => match markets::find(session, &target.to_string()).await {
            Ok(market) => format!("market {}", market.symbol()),
            Err(_) => format!("market {target}"),
        },
        Some(ChangeKind::FeeSplit) => "fee split".into(),
        Some(ChangeKind::Timelocks) => "timelocks".into(),
        Some(ChangeKind::Guardian) => "guardian".into(),
        Some(ChangeKind::Treasury) => "treasury".into(),
        None => format!("kind {}", change.kind),
    }
}

fn of(change: &PendingChange, what: String, now: i64) -> ChangeShown {
    ChangeShown {
        id: change.id,
        what,
        state: if now >= change.expires_at {
            "void"
        } else if now >= change.applies_from {
            "due"
        } else {
            "waits"
        },
        pace: if change.pace == Pace::Tightening.byte() {
            "only tightens new risk"
        } else {
            "slow"
        },
        queued_at: time(change.queued_at),
        applies_from: time(change.applies_from),
        void_from: time(change.expires_at),
        differences: differences(change),
    }
}

/// What would change: in the words of the cluster's file.
pub(super) fn differences(change: &PendingChange) -> Vec<Difference> {
    let pairs: Vec<(String, String, String)> = match ChangeKind::from_byte(change.kind) {
        Some(ChangeKind::Market) => market_parameters(&change.params_before)
            .into_iter()
            .zip(market_parameters(&change.params_after))
            .map(|((name, before), (_, after))| (name.to_owned(), before, after))
            .collect(),
        Some(ChangeKind::FeeSplit) => values(
            change,
            ["fee_default_fund", "fee_keeper_pool", "fee_treasury"],
            |value| percent(u64::from(value)),
        ),
        Some(ChangeKind::Timelocks) => values(
            change,
            ["timelock_seconds", "timelock_tightening_seconds", ""],
            |value| value.to_string(),
        ),
        Some(ChangeKind::Guardian | ChangeKind::Treasury) | None => {
            let key = |bytes| Pubkey::new_from_array(bytes).to_string();
            let (before, after) = (key(change.address_before), key(change.address_after));
            vec![("address".to_owned(), before, after)]
        }
    };
    pairs
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(field, in_force, to_be)| Difference {
            field,
            in_force,
            to_be,
        })
        .collect()
}

fn values(
    change: &PendingChange,
    names: [&str; 3],
    text: fn(u32) -> String,
) -> Vec<(String, String, String)> {
    names
        .iter()
        .zip(change.values_before.iter().zip(change.values_after))
        .map(|(name, (before, after))| ((*name).to_owned(), text(*before), text(after)))
        .collect()
}

fn text(change: &ChangeShown) -> String {
    let head = pairs([
        ("change", change.id.to_string()),
        ("what", change.what.clone()),
        ("state", change.state.to_owned()),
        ("pace", change.pace.to_owned()),
        ("queued", change.queued_at.clone()),
        ("may be applied from", change.applies_from.clone()),
        ("void from", change.void_from.clone()),
    ]);
    let rows = change.differences.iter().map(|difference| {
        [
            difference.field.clone(),
            difference.in_force.clone(),
            difference.to_be.clone(),
        ]
    });
    format!("{head}\n\n{}", table(&["field", "in force", "to be"], rows))
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
