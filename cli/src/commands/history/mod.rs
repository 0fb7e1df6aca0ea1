//! `plimsoll history`: an account's fills, funding and loss events, and the halts of its markets, as a table,
//! JSON or CSV.
//!
//! Both are rebuilt from the program's events in the transactions of each market. A maker's margin
//! account is not named by the transaction that fills its order, so the market's are read and the fills
//! are told by seat.

mod entries;
mod ledger;
mod positions;
mod steps;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use clap::Args;
use plimsoll_client::preview::AccountView;
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::markets::{self, ListedMarket};
use crate::output::{table, time};
use crate::session::Session;
use crate::traders::AccountArgs;
use crate::transactions;

use entries::{Entry, HaltEntry};
use ledger::{Ledger, Standing};

/// Arguments of `plimsoll history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Only this market [default: every market of the account]
    #[arg(long, value_name = "MARKET")]
    market: Option<String>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Only fills and loss events
    #[arg(long, conflicts_with = "funding")]
    fills: bool,
    /// Only funding
    #[arg(long)]
    funding: bool,
    /// Transactions of each market to look through, newest first
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
}

pub(crate) async fn run(session: &Session, args: HistoryArgs) -> Result<()> {
    let addresses = session.addresses()?;
    let owner = match args.account.owner {
        Some(owner) => owner,
        None => solana_signer::Signer::pubkey(&session.signer()?),
    };
    let account = addresses.margin_account(&owner, args.account.sub_account);
    let view = crate::traders::view(session, &account).await?;
    let mut entries: Vec<Entry> = Vec::new();
    for market in markets_of(session, &view, args.market.as_deref()).await? {
        let past = transactions::last(session, &market.address, args.limit).await?;
        if past.len() >= args.limit {
            session.output.progress(&format!(
                "{}: only the last {} transactions were read; --limit reads more",
                market.symbol(),
                past.len()
            ));
        }
        let standing = standing(&view, &market.address)?;
        entries.extend(Ledger::new(&market, account, standing).read(&past)?);
    }
    entries.retain(|entry| match entry {
        Entry::Fill(_) | Entry::Loss(_) => !args.funding,
        Entry::Funding(_) => !args.fills,
        Entry::Halt(_) => !args.fills && !args.funding,
    });
    entries.sort_by_key(Entry::time);
    print(session, &entries, args.csv)
}

async fn markets_of(
    session: &Session,
    view: &AccountView,
    only: Option<&str>,
) -> Result<Vec<ListedMarket>> {
    if let Some(name) = only {
        return Ok(vec![markets::find(session, name).await?]);
    }
    let entries = view.account.entries().iter().zip(&view.markets);
    let held: BTreeSet<Pubkey> = entries
        .map(|(entry, _)| Pubkey::from(entry.market))
        .collect();
    let listed = markets::list(session).await?;
    Ok(listed
        .into_iter()
        .filter(|market| held.contains(&market.address))
        .collect())
}

/// Where the account stands in a market now: its seat and its position.
fn standing(view: &AccountView, market: &Pubkey) -> Result<Standing> {
    let Some(position) = view.account.entry_of(&market.to_bytes()) else {
        return Ok(Standing::default());
    };
    let (entry, market) = view
        .account
        .entries()
        .get(position)
        .zip(view.markets.get(position))
        .context("the account names a market that was not read")?;
    let seat = market.seat(entry.seat).context("the account's seat")?;
    let held = market.holding(seat)?;
    Ok(Standing {
        seat: Some(entry.seat),
        base: held.base,
        shares: Some(*seat),
    })
}

/// One line of the CSV. Fields that a kind of entry does not have are empty.
#[derive(Debug, Default, Serialize)]
struct Row {
    time: String,
    unix_seconds: i64,
    market: String,
    kind: &'static str,
    side: String,
    role: String,
    size: String,
    price: String,
    fee: String,
    /// Received, or paid if negative.
    funding: String,
    position_after: String,
    order: String,
    client_id: String,
    transaction: String,
    /// Number of a loss event's receipt, and what it charged.
    receipt: String,
    charged: String,
}

impl Row {
    fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Fill(fill) => Self {
                time: time(fill.time),
                unix_seconds: fill.time,
                market: fill.market.clone(),
                kind: "fill",
                side: fill.side.to_owned(),
                role: fill.role.to_owned(),
                size: fill.size.clone(),
                price: fill.price.clone(),
                fee: fill.fee.clone(),
                funding: String::new(),
                position_after: fill.position_after.clone(),
                order: fill
                    .order
                    .map(|order| order.to_string())
                    .unwrap_or_default(),
                client_id: fill
                    .client_id
                    .map(|number| number.to_string())
                    .unwrap_or_default(),
                transaction: fill.transaction.clone(),
                ..Self::default()
            },
            Entry::Funding(funding) => Self {
                time: time(funding.time),
                unix_seconds: funding.time,
                market: funding.market.clone(),
                kind: "funding",
                funding: funding.amount.clone(),
                position_after: funding.position.clone(),
                transaction: funding.transaction.clone(),
                ..Self::default()
            },
            Entry::Halt(halt) => Self::of_halt(halt),
            Entry::Loss(loss) => Self {
                time: time(loss.time),
                unix_seconds: loss.time,
                market: loss.market.clone(),
                kind: loss.what,
                size: loss.size.clone().unwrap_or_default(),
                price: loss.price.clone(),
                position_after: loss.position_after.clone(),
                transaction: loss.transaction.clone(),
                receipt: loss.receipt.to_string(),
                charged: loss.charged.clone().unwrap_or_default(),
                ..Self::default()
            },
        }
    }

    fn of_halt(halt: &HaltEntry) -> Self {
        let role = match (halt.cause, halt.halted_seconds) {
            (Some(cause), _) => format!("halt {} by {cause}", halt.number),
            (None, Some(seconds)) => format!("halt {} of {seconds} s", halt.number),
            (None, None) => String::new(),
        };
        Self {
            time: time(halt.time),
            unix_seconds: halt.time,
            market: halt.market.clone(),
            kind: halt.what,
            role,
            price: halt.price.clone().unwrap_or_default(),
            transaction: halt.transaction.clone(),
            ..Self::default()
        }
    }

    /// The last column of the table: who the account was in it.
    fn note(&self) -> String {
        if self.receipt.is_empty() {
            return self.role.clone();
        }
        let receipt = format!("receipt {}", self.receipt);
        match (self.size.as_str(), self.charged.as_str()) {
            ("", _) => format!("{receipt}, what it held then is not known any more"),
            (_, "") => receipt,
            (_, charged) => format!("{receipt}, charged {charged}"),
        }
    }
}

fn print(session: &Session, entries: &[Entry], as_csv: bool) -> Result<()> {
    if as_csv {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if entries.is_empty() {
            writer.write_record(HEADER)?;
        }
        for entry in entries {
            writer.serialize(Row::of(entry))?;
        }
        let text = String::from_utf8(writer.into_inner().context("the CSV")?)?;
        return session.output.result(&(), || text);
    }
    session.output.result(&entries, || {
        if entries.is_empty() {
            return "No fill and no funding in the transactions that were read.".to_owned();
        }
        let rows = entries.iter().map(|entry| {
            let row = Row::of(entry);
            let note = row.note();
            [
                row.time,
                row.market,
                row.kind.to_owned(),
                format!("{} {}", row.side, row.size).trim().to_owned(),
                row.price,
                row.fee,
                row.funding,
                row.position_after,
                note,
            ]
        });
        let header = [
            "time (UTC)",
            "market",
            "",
            "size",
            "price",
            "fee",
            "funding",
            "position",
            "",
        ];
        table(&header, rows)
    })
}

/// The header of an empty CSV; otherwise it follows from [`Row`].
const HEADER: [&str; 16] = [
    "time",
    "unix_seconds",
    "market",
    "kind",
    "side",
    "role",
    "size",
    "price",
    "fee",
    "funding",
    "position_after",
    "order",
    "client_id",
    "transaction",
    "receipt",
    "charged",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_csv_has_the_header_of_a_full_one() {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(Row::default()).expect("a row");
        let text = String::from_utf8(writer.into_inner().expect("bytes")).expect("text");
        assert_eq!(text.lines().next(), Some(HEADER.join(",").as_str()));
    }
}
