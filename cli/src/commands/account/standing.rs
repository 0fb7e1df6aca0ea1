//! What of an account's standing only an account in trouble or with credit has.

use plimsoll_client::engine::cash::account_cash;
use plimsoll_client::engine::fund::flag_is_recent;
use plimsoll_client::engine::math::seconds_since;
use plimsoll_client::engine::risk::AccountRisk;
use plimsoll_client::engine::state::{CreditLine, LineState, MarginAccount};
use plimsoll_client::preview::AccountView;
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::output::time;
use crate::units::{percent, usd, usd_unsigned};

/// Both parts, each only where there is something to say.
#[derive(Serialize)]
pub(super) struct StandingShown {
    /// Seen below maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    liquidation: Option<FlagShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<CreditShown>,
}

/// Since when the account was seen below maintenance, unix seconds. A recovery clears it when a call of
/// `liquidate` finds a takeover open; one that nobody has seen for a minute counts no more.
#[derive(Serialize)]
struct FlagShown {
    counts: bool,
    flagged_at: i64,
    last_seen_at: i64,
    /// The book did not suffice: anyone may take over.
    takeover_since: Option<i64>,
    /// Seconds since then.
    takeover_seconds: Option<u64>,
}

/// Credit drawn and the line that it is drawn on. Amounts are dollars.
#[derive(Serialize)]
struct CreditShown {
    principal: String,
    interest: String,
    lien: String,
    equity_with_credit: String,
    line: Option<LineShown>,
}

#[derive(Serialize)]
struct LineShown {
    address: String,
    vault: String,
    state: &'static str,
    committed: bool,
    limit: String,
    undrawn: String,
    drawn_rate_per_year: String,
    undrawn_rate_per_year: String,
    call_deadline: Option<i64>,
    recalled_from: Option<i64>,
}

impl StandingShown {
    pub(super) fn of(
        view: &AccountView,
        risk: &AccountRisk,
        line: Option<&CreditLine>,
        now: i64,
    ) -> Self {
        let interest = account_cash(&view.account, now).interest;
        Self {
            liquidation: flag(&view.account, now),
            credit: credit(view, risk, line, interest),
        }
    }

    /// For people.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let amount = |value: &str| format!("{value} USDC");
        let mut rows = Vec::new();
        if let Some(flag) = &self.liquidation {
            if flag.counts {
                rows.push(("below maintenance since", time(flag.flagged_at)));
            } else {
                rows.push(("last seen below maintenance", time(flag.last_seen_at)));
            }
            if let (true, Some(since), Some(seconds)) =
                (flag.counts, flag.takeover_since, flag.takeover_seconds)
            {
                let clock = format!("{}, {seconds} s ago", time(since));
                rows.push(("takeover open since", clock));
            }
        }
        if let Some(credit) = &self.credit {
            rows.push(("credit drawn", amount(&credit.principal)));
            rows.push(("interest owed", amount(&credit.interest)));
            rows.push(("lien", amount(&credit.lien)));
            rows.push(("equity with credit", amount(&credit.equity_with_credit)));
            if let Some(line) = &credit.line {
                rows.push(("credit line", line_text(line)));
                if let Some(deadline) = line.call_deadline {
                    rows.push(("margin call until", time(deadline)));
                }
                if let Some(from) = line.recalled_from {
                    rows.push(("line recalled from", time(from)));
                }
            }
        }
        rows
    }
}

fn flag(account: &MarginAccount, now: i64) -> Option<FlagShown> {
    let since = account.takeover_started_at;
    (account.flagged_at != 0).then(|| FlagShown {
        counts: flag_is_recent(account, now),
        flagged_at: account.flagged_at,
        last_seen_at: account.flag_seen_at,
        takeover_since: (since != 0).then_some(since),
        takeover_seconds: (since != 0).then(|| seconds_since(now, since)),
    })
}

fn credit(
    view: &AccountView,
    risk: &AccountRisk,
    line: Option<&CreditLine>,
    interest: u64,
) -> Option<CreditShown> {
    let account = &view.account;
    let owes = account.credit_principal != 0 || interest != 0 || account.lien != 0;
    if !owes && line.is_none() {
        return None;
    }
    let with_credit = risk.equity_with_credit().unwrap_or(risk.equity);
    Some(CreditShown {
        principal: usd_unsigned(account.credit_principal),
        interest: usd_unsigned(interest),
        lien: usd_unsigned(account.lien),
        equity_with_credit: usd(with_credit),
        line: line.map(|line| line_shown(&account.credit_line.into(), line)),
    })
}

fn line_shown(address: &Pubkey, line: &CreditLine) -> LineShown {
    LineShown {
        address: address.to_string(),
        vault: Pubkey::from(line.vault).to_string(),
        state: line_state(line),
        committed: line.committed != 0,
        limit: usd_unsigned(line.limit),
        undrawn: usd_unsigned(line.limit.saturating_sub(line.drawn)),
        drawn_rate_per_year: percent(u64::from(line.drawn_rate_ppm)),
        undrawn_rate_per_year: percent(u64::from(line.undrawn_rate_ppm)),
        call_deadline: (line.call_deadline != 0).then_some(line.call_deadline),
        recalled_from: (line.recall_at != 0).then_some(line.recall_at),
    }
}

/// A line's state in a word.
pub(in crate::commands) fn line_state(line: &CreditLine) -> &'static str {
    let is = |state: LineState| line.state == state.byte();
    if is(LineState::Offered) {
        "offered"
    } else if is(LineState::Accepted) {
        "accepted"
    } else if is(LineState::Active) {
        "active"
    } else {
        "closed"
    }
}

fn line_text(line: &LineShown) -> String {
    if line.state == "closed" {
        return format!("closed ({})", line.address);
    }
    format!(
        "{} {}, {} of {} USDC undrawn ({})",
        line.state,
        if line.committed {
            "and committed"
        } else {
            "at the underwriter's consent: it promises nothing"
        },
        line.undrawn,
        line.limit,
        line.address
    )
}
