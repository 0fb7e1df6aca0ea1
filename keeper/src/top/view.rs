//! The picture that `top` draws, from figures alone.

use std::collections::BTreeMap;

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Row, Table};
use ratatui::Frame;

use super::figures::Figures;
use crate::ledger::{sol, Summary};

/// What is known of a keeper at a moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub address: String,
    /// Why it is not ready, or cannot be asked.
    pub not_ready: Option<String>,
    pub figures: Figures,
    /// The ledger's last hour; `None`: it cannot be read from here.
    pub hour: Option<Vec<Summary>>,
}

const PHASES: [&str; 5] = ["continuous", "call", "freeze", "uncross", "resolve"];
const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const NOTE: Style = Style::new().fg(Color::Yellow);
const DIM: Style = Style::new().fg(Color::DarkGray);

/// Draws the whole picture.
pub fn draw(frame: &mut Frame<'_>, view: &View) {
    let [head, roles, top, below, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(7),
        Constraint::Min(4),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(headline(view), head);
    frame.render_widget(role_line(view), roles);
    let halves = || Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]);
    let [work, money] = halves().areas(top);
    frame.render_widget(work_of(view), work);
    draw_money(frame, view, money);
    let [actions, markets] =
        Layout::horizontal([Constraint::Min(46), Constraint::Length(34)]).areas(below);
    frame.render_widget(actions_of(view), actions);
    frame.render_widget(markets_of(view), markets);
    frame.render_widget(Line::styled(" q quits", DIM), foot);
}

fn headline(view: &View) -> Line<'static> {
    let mut line = vec![Span::raw(format!(" plimsoll keeper {}  ", view.address))];
    line.push(match &view.not_ready {
        None => Span::styled("READY", GOOD),
        Some(why) => Span::styled(format!("NOT READY: {why}"), BAD),
    });
    let slot = view.figures.value("slot").unwrap_or(0);
    let lag = view.figures.value("mirror_lag_slots").unwrap_or(0);
    line.push(Span::raw(format!("  slot {slot}, mirror {lag} behind")));
    Line::from(line)
}

fn role_line(view: &View) -> Line<'static> {
    let mut line = vec![Span::raw(" roles")];
    for (labels, runs) in view.figures.named("role_enabled") {
        let role = labels.get("role").cloned().unwrap_or_default();
        let style = if runs == 0 { DIM } else { GOOD };
        let mark = if runs == 0 { "-" } else { "" };
        line.push(Span::styled(format!("  {mark}{role}"), style));
    }
    for (labels, _) in view.figures.named("shard") {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        line.push(Span::raw(format!(
            "  shard {} of {}",
            label("index"),
            label("count")
        )));
    }
    Line::from(line)
}

fn pair(name: &str, value: impl std::fmt::Display, style: Style) -> Line<'static> {
    Line::from(vec![
        Span::raw(format!(" {name:<22}")),
        Span::styled(value.to_string(), style),
    ])
}

fn work_of(view: &View) -> Paragraph<'static> {
    let figures = &view.figures;
    let value = |name: &str| figures.value(name).unwrap_or(0);
    let held = |reason: &str| figures.labelled("held_back_actions", "reason", reason);
    let alarm = |count: u64| if count == 0 { Style::new() } else { BAD };
    let accounts = figures.labelled("mirrored_accounts", "kind", "margin_account");
    let unsafe_now = value("accounts_not_safe");
    let waited = value("not_safe_seconds");
    let over = held("over_budget");
    Paragraph::new(vec![
        pair(
            "due / in flight",
            format!("{} / {}", value("due_actions"), value("in_flight")),
            Style::new(),
        ),
        pair(
            "queued / backed off",
            format!("{} / {}", held("queued"), held("backed_off")),
            Style::new(),
        ),
        pair("over budget", over, alarm(over)),
        pair(
            "accounts not safe",
            format!("{unsafe_now} of {accounts}, {waited} s"),
            alarm(unsafe_now),
        ),
        pair(
            "overdue steps",
            value("overdue_actions"),
            alarm(value("overdue_actions")),
        ),
    ])
    .block(Block::bordered().title("Work"))
}

fn draw_money(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let figures = &view.figures;
    let block = Block::bordered().title("Money");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [text, gauge, alerts] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Min(1),
    ])
    .areas(inner);
    let low = figures.value("low_balance_lamports").unwrap_or(0);
    let balance = match figures.value("balance_lamports") {
        Some(lamports) if lamports < low => {
            pair("balance, SOL", format!("{} LOW", sol(lamports)), BAD)
        }
        Some(lamports) => pair("balance, SOL", sol(lamports), GOOD),
        None => pair("balance, SOL", "unknown", NOTE),
    };
    let spent = figures.value("spending_lamports").unwrap_or(0);
    let cap = figures.value("spending_cap_lamports").unwrap_or(0);
    let whole = sol(cap);
    let whole = whole.trim_end_matches('0').trim_end_matches('.');
    let hour = format!("{} of {whole}", sol(spent));
    frame.render_widget(
        Paragraph::new(vec![balance, pair("this hour, SOL", hour, Style::new())]),
        text,
    );
    let percent = spent
        .saturating_mul(100)
        .checked_div(cap)
        .unwrap_or(0)
        .min(100);
    let percent = u16::try_from(percent).unwrap_or(100);
    let style = if percent >= 80 { BAD } else { GOOD };
    frame.render_widget(Gauge::default().percent(percent).gauge_style(style), gauge);
    let told = |outcome: &str| -> u64 {
        let all = figures.named("alerts_total");
        let of = all.filter(|(labels, _)| labels.get("outcome").is_some_and(|is| is == outcome));
        of.map(|(_, count)| count).sum()
    };
    let text = format!("{} sent, {} dropped", told("sent"), told("dropped"));
    let style = if told("dropped") == 0 {
        Style::new()
    } else {
        BAD
    };
    frame.render_widget(Paragraph::new(pair("alerts", text, style)), alerts);
}

/// Landed, lost races and all else of one kind, and what they cost.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    landed: u64,
    lost: u64,
    failed: u64,
    lamports: u64,
}

impl Tally {
    fn count(&mut self, outcome: &str, actions: u64, lamports: u64) {
        let field = match outcome {
            "landed" => &mut self.landed,
            "lost_race" => &mut self.lost,
            // A dry run sent nothing.
            "simulated" => return,
            _ => &mut self.failed,
        };
        *field = field.saturating_add(actions);
        self.lamports = self.lamports.saturating_add(lamports);
    }
}

fn actions_of(view: &View) -> Table<'static> {
    let mut kinds: BTreeMap<String, Tally> = BTreeMap::new();
    match &view.hour {
        Some(rows) => {
            for row in rows {
                let tally = kinds.entry(row.kind.clone()).or_default();
                tally.count(&row.outcome, row.actions, row.lamports);
            }
        }
        None => {
            for (labels, count) in view.figures.named("actions_total") {
                let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
                kinds
                    .entry(label("kind"))
                    .or_default()
                    .count(&label("outcome"), count, 0);
            }
        }
    }
    let title = if view.hour.is_some() {
        "Actions, last hour"
    } else {
        "Actions since its start (no ledger here)"
    };
    let rows = kinds.into_iter().map(|(kind, tally)| {
        let cost = sol(tally.lamports);
        Row::new([
            kind,
            tally.landed.to_string(),
            tally.lost.to_string(),
            tally.failed.to_string(),
            cost,
        ])
    });
    let widths = [
        Constraint::Min(12),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(11),
    ];
    Table::new(rows, widths)
        .header(Row::new(["action", "landed", "lost", "failed", "SOL"]).style(DIM))
        .block(Block::bordered().title(title))
}

fn markets_of(view: &View) -> Table<'static> {
    let rows = view.figures.named("market_phase").map(|(labels, phase)| {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let name = usize::try_from(phase)
            .ok()
            .and_then(|phase| PHASES.get(phase));
        let age = view
            .figures
            .labelled("market_mark_age_seconds", "market", &label("market"));
        let style = if phase == 0 { Style::new() } else { NOTE };
        Row::new([
            label("symbol"),
            (*name.unwrap_or(&"unknown")).to_owned(),
            format!("{age} s"),
        ])
        .style(style)
    });
    let widths = [
        Constraint::Min(8),
        Constraint::Length(10),
        Constraint::Length(8),
    ];
    Table::new(rows, widths)
        .header(Row::new(["market", "phase", "mark age"]).style(DIM))
        .block(Block::bordered().title("Markets"))
}
