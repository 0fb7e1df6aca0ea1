//! The underwriter's view of a vault: what it is worth, what it has lent to whom, how concentrated that is,
//! and what a fall of every mark would cost.

use anyhow::{ensure, Context, Result};
use plimsoll_client::engine::credit::vault::{bid, face, free_cash, worth};
use plimsoll_client::engine::math::{mul_ppm_floor, seconds_since, wide, PPM};
use plimsoll_client::engine::state::{CreditLine, CreditVault, LineSlot};
use plimsoll_client::underwriting::{stressed, Stressed};
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::vault::ShowArgs;
use super::{listed, Desk};
use crate::commands::account::line_state;
use crate::output::{pairs, table};
use crate::session::Session;
use crate::units::{parse_percent, percent, usd, usd_unsigned};

/// Shares whose value is shown.
const SHARES_SHOWN: u64 = 1_000_000_000;

/// A vault. Amounts are dollars.
#[derive(Serialize)]
struct VaultShown {
    vault: String,
    underwriter: String,
    id: u16,
    cash: String,
    reserved: String,
    /// Neither reserved nor asked back.
    free: String,
    drawn: String,
    interest_receivable: String,
    liens: String,
    nav_face: String,
    /// What leavers are paid by; `None`: a drawn line was not valued within the last minute.
    nav_conservative: Option<String>,
    shares: u64,
    junior_shares: u64,
    queued_shares: u64,
    /// Junior stake at the lower value, and what it must be worth: a tenth of all limits.
    junior_value: Option<String>,
    junior_required: String,
    /// What 10^9 shares are worth at face: a first share costs a billionth of a dollar.
    per_billion_shares: String,
    fall: String,
    /// Sum over the lines of what the fall would leave uncovered; `None` if a borrower cannot be read.
    loss_in_fall: Option<String>,
    loss_in_fall_of_nav: Option<String>,
    lines: Vec<LineShown>,
}

#[derive(Serialize)]
struct LineShown {
    line: String,
    margin_account: String,
    state: &'static str,
    committed: bool,
    limit: String,
    drawn: String,
    free: String,
    /// Limit and principal over the vault's face value.
    limit_share: String,
    drawn_share: String,
    conservative_value: String,
    valued_seconds_ago: Option<u64>,
    /// After the fall: equity with credit and what the vault would lose, if the account can be read.
    equity_after_fall: Option<String>,
    loss_in_fall: Option<String>,
    /// Why it cannot.
    unread: Option<String>,
}

/// A line with its borrower after the fall.
struct Read {
    address: Pubkey,
    line: CreditLine,
    stressed: Result<Stressed>,
}

pub(super) async fn show(session: &Session, args: &ShowArgs) -> Result<()> {
    let fall = u64::from(parse_percent(&args.fall).context("--fall")?);
    ensure!(fall <= PPM, "--fall is at most 100%");
    let desk = Desk::new(session)?;
    let (address, vault) = desk.vault(session, &args.vault).await?;
    let now = session.connection.chain_time().await?;
    let marks = PPM.saturating_sub(fall);
    let mut lines = Vec::new();
    for (line_address, line) in listed::of_vault(session, &desk, &address).await? {
        lines.push(Read {
            address: line_address,
            stressed: after_fall(session, (&line_address, &line), marks, now).await,
            line,
        });
    }
    lines.sort_by_key(|read| (std::cmp::Reverse(read.line.drawn), read.line.slot));
    let shown = shown(&address, &vault, &lines, fall, now)?;
    session.output.result(&shown, || text(&shown))
}

async fn after_fall(
    session: &Session,
    (address, line): (&Pubkey, &CreditLine),
    marks_ppm: u64,
    now: i64,
) -> Result<Stressed> {
    let account = Pubkey::from(line.margin_account);
    let mut view = session.connection.account_view(&account).await?;
    if view.account.credit_line != address.to_bytes() {
        // An offer: what the account owes it owes to somebody else.
        view.account.credit_principal = 0;
    }
    let found = stressed(&view, marks_ppm, now);
    found.map_err(|error| anyhow::anyhow!("{error:?}: {error}"))
}

/// Part of the vault's face value, as a percentage.
fn share(amount: u64, of: u64) -> String {
    let ppm = wide(amount, PPM).checked_div(u128::from(of));
    ppm.and_then(|ppm| u64::try_from(ppm).ok())
        .map_or_else(|| "–".to_owned(), percent)
}

fn shown(
    address: &Pubkey,
    vault: &CreditVault,
    lines: &[Read],
    fall: u64,
    now: i64,
) -> Result<VaultShown> {
    let face = face(vault)?;
    let lower = bid(vault, now).ok();
    let losses: Option<Vec<u64>> = lines
        .iter()
        .map(|read| read.stressed.as_ref().ok().map(|found| found.loss))
        .collect();
    let loss = losses.map(|losses| losses.into_iter().fold(0, u64::saturating_add));
    let junior = lower.and_then(|lower| worth(vault, vault.junior_shares, lower).ok());
    let required = mul_ppm_floor(
        vault.limits,
        plimsoll_client::engine::credit::vault::JUNIOR_PPM,
    )?;
    Ok(VaultShown {
        vault: address.to_string(),
        underwriter: Pubkey::from(vault.underwriter).to_string(),
        id: vault.id,
        cash: usd_unsigned(vault.cash),
        reserved: usd_unsigned(vault.reserved_cash),
        free: usd_unsigned(free_cash(vault)?),
        drawn: usd_unsigned(vault.drawn),
        interest_receivable: usd_unsigned(vault.interest_receivable),
        liens: usd_unsigned(vault.liens),
        nav_face: usd_unsigned(face),
        nav_conservative: lower.map(usd_unsigned),
        shares: vault.shares,
        junior_shares: vault.junior_shares,
        queued_shares: vault.queued_shares,
        junior_value: junior.map(usd_unsigned),
        junior_required: usd_unsigned(required),
        per_billion_shares: usd_unsigned(worth(vault, SHARES_SHOWN, face)?),
        fall: percent(fall),
        loss_in_fall: loss.map(usd_unsigned),
        loss_in_fall_of_nav: loss.map(|loss| share(loss, face)),
        lines: lines
            .iter()
            .map(|read| line_shown(vault, read, face, now))
            .collect(),
    })
}

fn line_shown(vault: &CreditVault, read: &Read, face: u64, now: i64) -> LineShown {
    let line = &read.line;
    let found = read.stressed.as_ref();
    // An offer has no slot yet: its number is that of nobody.
    let taken = line_state(line) != "offered";
    let slot: Option<&LineSlot> = vault
        .slots
        .get(usize::from(line.slot))
        .filter(|_| taken && line.drawn != 0);
    LineShown {
        line: read.address.to_string(),
        margin_account: Pubkey::from(line.margin_account).to_string(),
        state: line_state(line),
        committed: line.committed != 0,
        limit: usd_unsigned(line.limit),
        drawn: usd_unsigned(line.drawn),
        free: usd_unsigned(line.limit.saturating_sub(line.drawn)),
        limit_share: share(line.limit, face),
        drawn_share: share(line.drawn, face),
        conservative_value: usd_unsigned(slot.map_or(0, |slot| slot.value)),
        valued_seconds_ago: slot.map(|slot| seconds_since(now, slot.valued_at)),
        equity_after_fall: found.ok().map(|found| usd(found.equity_with_credit)),
        loss_in_fall: found.ok().map(|found| usd_unsigned(found.loss)),
        unread: found.err().map(|error| format!("{error:#}")),
    }
}

fn text(shown: &VaultShown) -> String {
    let amount = |value: &str| format!("{value} USDC");
    let stale =
        "a drawn line was not valued within the last minute: `plimsoll credit value` values it";
    let or_stale =
        |value: &Option<String>| value.as_deref().map_or_else(|| stale.to_owned(), amount);
    let fall = format!("loss in a fall of {}", shown.fall);
    let loss = match (&shown.loss_in_fall, &shown.loss_in_fall_of_nav) {
        (Some(loss), Some(part)) => format!("{loss} USDC, {part} of the face value"),
        _ => "not known: a borrower cannot be read".to_owned(),
    };
    let rows = pairs([
        ("vault", shown.vault.clone()),
        ("underwriter", shown.underwriter.clone()),
        ("NAV at face", amount(&shown.nav_face)),
        ("NAV for who leaves", or_stale(&shown.nav_conservative)),
        ("cash", amount(&shown.cash)),
        ("reserved for committed lines", amount(&shown.reserved)),
        ("free", amount(&shown.free)),
        ("drawn", amount(&shown.drawn)),
        ("interest receivable", amount(&shown.interest_receivable)),
        ("liens", amount(&shown.liens)),
        (
            "shares, junior, queued",
            format!(
                "{}, {}, {}",
                shown.shares, shown.junior_shares, shown.queued_shares
            ),
        ),
        ("a billion shares", amount(&shown.per_billion_shares)),
        ("junior stake", or_stale(&shown.junior_value)),
        ("junior stake at least", amount(&shown.junior_required)),
        (fall.as_str(), loss),
    ]);
    if shown.lines.is_empty() {
        return format!("{rows}\n\nNo line.");
    }
    let lines = shown.lines.iter().map(|line| {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        [
            line.line.clone(),
            line.state.to_owned(),
            if line.committed {
                "committed"
            } else {
                "consent"
            }
            .to_owned(),
            line.limit.clone(),
            line.drawn.clone(),
            line.free.clone(),
            line.limit_share.clone(),
            line.drawn_share.clone(),
            line.conservative_value.clone(),
            or_dash(&line.equity_after_fall),
            or_dash(&line.loss_in_fall),
        ]
    });
    let equity = format!("equity −{}", shown.fall);
    let loss = format!("loss −{}", shown.fall);
    let header = [
        "line",
        "state",
        "",
        "limit",
        "drawn",
        "free",
        "limit / NAV",
        "drawn / NAV",
        "valued at",
        equity.as_str(),
        loss.as_str(),
    ];
    let notes: Vec<String> = shown
        .lines
        .iter()
        .filter_map(|line| Some(format!("{}: {}", line.line, line.unread.as_ref()?)))
        .collect();
    let table = table(&header, lines);
    format!("{rows}\n\n{table}\n{}", notes.join("\n"))
}

#[cfg(test)]
#[path = "underwriter_tests.rs"]
mod tests;
