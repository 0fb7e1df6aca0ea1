//! The night in tables: the three farmers side by side, who was liquidated, the receipts of tear-ups, and
//! the vault's statement. Told from the events on chain; the closing figures are those of the accounts.

use plimsoll_client::engine::credit::vault as shares;
use plimsoll_client::engine::state::CreditVault;
use plimsoll_client::events::{Event, VaultBalances};
use plimsoll_client::receipts::{closed_ppm, receipt_of};
use solana_pubkey::Pubkey;

use super::cast::{Farm, Role, Trader, FARM_CASH};
use super::ledger::{Closed, Told as Entry};
use super::lending::{MORNING_CASH, PROVIDED};
use super::money::{dollars, dollars_cents, grouped, USD};
use super::story::time_of_day;
use super::summary::Told;
use super::venue::Listed;
use crate::output;

fn usd(atoms: u64) -> String {
    dollars(u128::from(atoms))
}

/// To the atom, where cents would hide what was earned.
fn exact(atoms: u64) -> String {
    let (whole, fraction) = (atoms / USD, atoms % USD);
    format!("${}.{fraction:06}", grouped(u128::from(whole)))
}

fn market<'a>(told: &Told<'a>, address: &Pubkey) -> Option<&'a Listed> {
    told.venue
        .markets
        .iter()
        .find(|one| one.address == *address)
}

pub fn name(traders: &[Trader], account: &Pubkey) -> String {
    let found = traders.iter().find(|trader| trader.account == *account);
    found.map_or_else(|| account.to_string(), |trader| trader.role.name())
}

/// What the tables are about, for who sees them first.
pub const ABOUT: &str = "Three farmers sold 1,000 AVAX each forward and hold as many as a long here, on the same cash. What the
forward sale gains is paid in the morning, which is the end of the tape; the fall asks for margin tonight.";

/// The three farmers' ends, one column each.
pub fn farmers(told: &Told<'_>) -> String {
    let all = told.ledger.by_account();
    let Some(listed) = told.venue.markets.first() else {
        return String::new();
    };
    let columns = Farm::ALL.map(|farm| {
        let found = told
            .traders
            .iter()
            .find(|one| one.role == Role::Farmer(farm));
        let address = found.map_or_else(Pubkey::default, |trader| trader.account);
        let done = all.get(&address).copied().unwrap_or_default();
        let seen = told.played.night.of(farm);
        let mut lines = told.audit.lines.iter();
        let line = lines.find(|(_, line)| line.margin_account == address.to_bytes());
        let mut accounts = told.audit.accounts.iter();
        let account = accounts.find(|(key, _)| *key == address);
        let owed = account.map_or(0, |(_, one)| one.credit_principal + one.credit_interest);
        let interest = interest_paid(told, &address);
        [
            listed.units.position(seen.hedge),
            usd(FARM_CASH),
            line.map_or_else(|| "none".to_owned(), |(_, line)| usd(line.limit)),
            dollars_cents(seen.equity_lowest.unwrap_or(0)),
            match done.draws {
                0 => "–".to_owned(),
                1 => format!("{} in 1 draw", usd(done.drawn)),
                draws => format!("{} in {draws} draws", usd(done.drawn)),
            },
            closed(&done, listed),
            if done.charge == 0 {
                "–".to_owned()
            } else {
                usd(done.charge)
            },
            listed.units.position(seen.base),
            match farm {
                Farm::Covered => usd(MORNING_CASH),
                _ => "–".to_owned(),
            },
            dollars_cents(seen.equity),
            if line.is_some() {
                format!("{} owed, {} interest paid", usd(owed), usd(interest))
            } else {
                "–".to_owned()
            },
        ]
    });
    let rows = [
        "hedge, AVAX long",
        "own cash at the start",
        "committed line",
        "own equity at its lowest",
        "drawn from the line",
        "sold by liquidation",
        "charged for that",
        "hedge left at the end",
        "paid in, in the morning",
        "own equity after that",
        "the vault in the morning",
    ];
    let rows = rows.into_iter().enumerate().map(|(at, what)| {
        let cells = columns.iter().map(|column| column[at].clone());
        [what.to_owned()]
            .into_iter()
            .chain(cells)
            .collect::<Vec<_>>()
    });
    let names = Farm::ALL.map(Farm::name);
    let header: Vec<&str> = ["three farmers, one fall"]
        .into_iter()
        .chain(names)
        .collect();
    output::table(&header, rows)
}

/// Interest that was paid for an account, quote atoms.
fn interest_paid(told: &Told<'_>, account: &Pubkey) -> u64 {
    let events = told.ledger.vault.iter();
    let paid = events.map(|entry| match &entry.event {
        Event::CreditRepaid(event) if event.margin_account == *account => event.interest,
        _ => 0,
    });
    paid.sum()
}

fn closed(done: &Closed, listed: &Listed) -> String {
    if !done.any() {
        return "nothing".to_owned();
    }
    let mut parts = Vec::new();
    if done.steps != 0 {
        parts.push(format!("{} in the book", listed.units.size(done.lots)));
    }
    if done.auctions != 0 {
        let size = listed.units.size(done.auction_lots);
        parts.push(format!("{size} in auctions"));
    }
    let position = |base: u64| {
        listed
            .units
            .position(i64::try_from(base).unwrap_or(i64::MAX))
    };
    if done.takeovers != 0 {
        parts.push(format!("{} taken over", position(done.taken_base)));
    }
    if done.tear_ups != 0 {
        parts.push(format!("{} torn up", position(done.torn_base)));
    }
    parts.join(", ")
}

/// Everybody of whom anything was drawn, closed, taken over or torn up.
pub fn liquidated(told: &Told<'_>) -> String {
    let rows = told.ledger.by_account().into_iter().map(|(account, done)| {
        vec![
            name(told.traders, &account),
            done.draws.to_string(),
            done.steps.to_string(),
            usd(done.quote),
            done.auctions.to_string(),
            usd(done.auction_quote),
            done.takeovers.to_string(),
            usd(done.taken_cash),
            done.tear_ups.to_string(),
            usd(done.charge),
        ]
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    if rows.is_empty() {
        return "nobody was below maintenance".to_owned();
    }
    let header = [
        "below maintenance",
        "draws",
        "book steps",
        "sold",
        "auctions",
        "sold there",
        "takeovers",
        "taken over for",
        "tear-ups",
        "charged",
    ];
    output::table(&header, rows)
}

/// Each receipt in a line.
pub fn receipts(told: &Told<'_>) -> String {
    let lines = told.ledger.liquidations.iter().filter_map(|entry| {
        let Event::DeleveragingExecuted(event) = &entry.event else {
            return None;
        };
        let listed = market(told, &event.market)?;
        let closed = receipt_of(event).map_or(0, |receipt| closed_ppm(&receipt));
        let quantity = i64::try_from(event.quantity).unwrap_or(i64::MAX);
        Some(format!(
            "{}  receipt {} of {}: {} of {} torn up at {}; loss {}, the fund paid {}, the other side {}, {} ppm of every position there closed",
            at(told, entry),
            event.number,
            listed.symbol,
            listed.units.position(quantity),
            name(told.traders, &event.margin_account),
            listed.units.price_q32(event.price),
            usd(event.deficit),
            usd(event.from_default_fund),
            usd(event.charged),
            closed,
        ))
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        "no tear-up: every account was closed or cured before it was worth nothing".to_owned()
    } else {
        lines.join("\n")
    }
}

fn at(told: &Told<'_>, entry: &Entry) -> String {
    let tape = told.played.shift.to_tape(entry.time);
    if tape < told.played.tape_start {
        "before".to_owned()
    } else {
        time_of_day(tape)
    }
}

/// What the vault has after an entry.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    cash: u64,
    reserved: u64,
    drawn: u64,
}

impl From<&VaultBalances> for Balance {
    fn from(told: &VaultBalances) -> Self {
        Self {
            cash: told.cash,
            reserved: told.reserved_cash,
            drawn: told.drawn,
        }
    }
}

/// The vault's statement: each movement with what the vault has after it.
pub fn statement(told: &Told<'_>) -> String {
    let mut balance = Balance::default();
    let rows = told.ledger.vault.iter().filter_map(|entry| {
        let (what, amount) = movement(told, &entry.event, &mut balance)?;
        Some(vec![
            at(told, entry),
            what,
            amount,
            usd(balance.cash),
            usd(balance.reserved),
            usd(balance.drawn),
        ])
    });
    let header = [
        "UTC",
        "the vault's statement",
        "amount",
        "cash",
        "of it reserved",
        "lent",
    ];
    let table = output::table(&header, rows.collect::<Vec<_>>());
    let vaults = told.audit.vaults.iter();
    let worth: Vec<_> = vaults.map(|(_, vault, _)| worth(vault)).collect();
    format!("{}\n{}", table.trim_end(), worth.join("\n"))
}

fn movement(told: &Told<'_>, event: &Event, balance: &mut Balance) -> Option<(String, String)> {
    let mut after = |told: &VaultBalances| *balance = Balance::from(told);
    Some(match event {
        Event::VaultOpened(_) => ("opened by the underwriter".to_owned(), "–".to_owned()),
        Event::SharesBought(event) => {
            after(&event.balances);
            let who = if event.junior {
                "junior shares, the underwriter's"
            } else {
                "shares, the provider's"
            };
            (who.to_owned(), usd(event.amount))
        }
        Event::LineAccepted(event) => (
            format!("a line for {}", name(told.traders, &event.margin_account)),
            usd(event.limit),
        ),
        Event::LineActivated(event) => {
            after(&event.balances);
            (
                "a line starts, its limit is reserved".to_owned(),
                "–".to_owned(),
            )
        }
        Event::CreditDrawn(event) => {
            after(&event.balances);
            (
                format!("drawn for {}", name(told.traders, &event.margin_account)),
                usd(event.amount),
            )
        }
        Event::CreditRepaid(event) => {
            after(&event.balances);
            (
                format!(
                    "repaid by {}, {} of it interest",
                    name(told.traders, &event.margin_account),
                    usd(event.interest)
                ),
                usd(event.principal + event.interest + event.lien),
            )
        }
        Event::LineValued(event) => {
            after(&event.balances);
            (
                format!("of {} lent, sure even after another fall", usd(event.drawn)),
                usd(event.value),
            )
        }
        Event::CreditWrittenOff(event) => {
            after(&event.balances);
            (
                format!(
                    "written off for {}",
                    name(told.traders, &event.margin_account)
                ),
                usd(event.principal + event.interest),
            )
        }
        _ => return None,
    })
}

/// What it is worth to the provider: junior shares bear a loss first.
fn worth(vault: &CreditVault) -> String {
    let face = vault.cash + vault.drawn + vault.interest_receivable;
    let provided = vault.shares.saturating_sub(vault.junior_shares);
    let of_provider = shares::worth(vault, provided, face).unwrap_or(0);
    format!(
        "the vault holds and is owed {}: {} of interest earned, {} written off, which the underwriter's junior shares bear first\nthe provider put in {} and has {}",
        exact(face),
        exact(vault.interest_total),
        exact(vault.written_off_total),
        exact(PROVIDED),
        exact(of_provider),
    )
}
