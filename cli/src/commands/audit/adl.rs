//! `plimsoll audit adl`: the receipts of a market's loss events, read from its transactions' logs and
//! checked against its account (spec §9).
//!
//! A log that was cut off or is no longer kept leaves a receipt out; that is an error like any other. The
//! chain of hashes in the market tells that nothing was put in its place.

use anyhow::Result;
use clap::Args;
use plimsoll_client::accounts::MarketView;
use plimsoll_client::engine::adl::Receipt;
use plimsoll_client::events::Event;
use plimsoll_client::receipts::{
    closed_ppm, receipt_of, side_name, Changes, ReceiptError, Receipts, SeatEffect, SeatReport,
};
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::markets;
use crate::output::{table, time};
use crate::session::Session;
use crate::traders;
use crate::transactions::{self, PastTransaction};
use crate::units::{percent, usd, usd_unsigned, MarketUnits};

/// Incomplete transactions that an error names.
const NAMED_MAX: usize = 3;

/// Arguments of `plimsoll audit adl`.
#[derive(Args, Debug)]
pub(crate) struct AdlArgs {
    /// Symbol or address
    market: String,
    /// Only what the receipts did to this margin account, by its address or its owner's
    #[arg(long, value_name = "KEY")]
    account: Option<Pubkey>,
    /// Number of the owner's sub-account
    #[arg(long, default_value_t = 0, value_name = "NUMBER", requires = "account")]
    sub_account: u16,
    /// Transactions of the market to look through for the first receipt, newest first
    #[arg(long, default_value_t = 200_000, value_name = "TRANSACTIONS")]
    scan: usize,
}

/// One receipt. Amounts are dollars, sizes in the asset.
#[derive(Serialize)]
struct ReceiptShown {
    number: u64,
    time: i64,
    slot: u64,
    /// Margin account whose loss it was.
    margin_account: String,
    quantity: String,
    price: String,
    deficit: String,
    from_default_fund: String,
    charged: String,
    carried: String,
    /// The side that was closed and charged, and by what part of every position.
    side: &'static str,
    closed: String,
    closed_fraction: String,
    open_interest_after: String,
    epoch: u32,
    epoch_ended: bool,
    transaction: String,
}

/// What one receipt did to an account.
#[derive(Serialize)]
struct EffectShown {
    receipt: u64,
    what: &'static str,
    closed_fraction: String,
    position_before: String,
    position_after: String,
    closed: String,
    price: String,
    /// For what was closed, at the price; paid if negative.
    received: String,
    charged: String,
    /// Of its own loss, what others bear.
    borne_by_others: String,
}

#[derive(Serialize)]
struct AccountShown {
    margin_account: String,
    seat: Option<u32>,
    /// First receipt whose effect follows from the seat as it is now.
    determined_from: Option<u64>,
    undetermined_receipts: u64,
    effects: Vec<EffectShown>,
}

#[derive(Serialize)]
struct AuditShown {
    market: String,
    address: String,
    holds: bool,
    receipts: Vec<ReceiptShown>,
    receipt_chain: String,
    transactions_read: usize,
    accounts: Vec<AccountShown>,
}

/// A market, its transactions since its first loss event, and what they hold.
struct Read {
    units: MarketUnits,
    address: Pubkey,
    view: MarketView,
    past: Vec<PastTransaction>,
}

pub(super) async fn run(session: &Session, args: &AdlArgs) -> Result<()> {
    let read = Read::of(session, args).await?;
    let found = read.found();
    let receipts = read.check(&found).map_err(|error| read.explain(error))?;
    let changes = read.changes();
    let reports = match &args.account {
        Some(key) => {
            let account = traders::named(session, key, args.sub_account).await?;
            vec![receipts.on_account(&read.view, &account, Some(&changes))?]
        }
        None => receipts.on_seats(&read.view, Some(&changes))?,
    };
    let shown = read.shown(&receipts, &found, &reports);
    let only = args.account.is_some();
    session.output.result(&shown, || text(&shown, only))
}

impl Read {
    /// The account first: what the transactions, read after it, add to it is only later.
    async fn of(session: &Session, args: &AdlArgs) -> Result<Self> {
        let address = markets::find(session, &args.market).await?.address;
        let view = session.connection.market(&address).await?;
        let mut past = Vec::new();
        if view.header.losses.receipts != 0 {
            let is_first = |transaction: &PastTransaction| {
                receipts_in(transaction, &address).any(|receipt| receipt.number == 1)
            };
            past = transactions::back_to(session, &address, args.scan, is_first).await?;
        }
        Ok(Self {
            units: MarketUnits::of(&view.header.params),
            address,
            view,
            past,
        })
    }

    /// The receipts up to the market's count, with their transactions.
    fn found(&self) -> Vec<(Receipt, &PastTransaction)> {
        let count = self.view.header.losses.receipts;
        let past = self.past.iter();
        let found = past.flat_map(|transaction| {
            receipts_in(transaction, &self.address).map(move |receipt| (receipt, transaction))
        });
        found
            .filter(|(receipt, _)| receipt.number <= count)
            .collect()
    }

    fn check(&self, found: &[(Receipt, &PastTransaction)]) -> Result<Receipts, ReceiptError> {
        for (receipt, transaction) in found {
            if receipt.slot != transaction.slot {
                return Err(ReceiptError::Field {
                    number: receipt.number,
                    field: "slot",
                    found: receipt.slot.to_string(),
                    expected: format!("its transaction's, {}", transaction.slot),
                });
            }
        }
        let receipts = found.iter().map(|(receipt, _)| *receipt).collect();
        Receipts::check(&self.address, &self.view.header, receipts)
    }

    /// A missing receipt lies where a log is missing, if anywhere.
    fn explain(&self, error: ReceiptError) -> anyhow::Error {
        let failed = anyhow::Error::from(error.clone()).context(format!(
            "the receipts of {} do not hold",
            self.view.symbol()
        ));
        let incomplete: Vec<&str> = self
            .past
            .iter()
            .filter(|transaction| !transaction.complete)
            .map(|transaction| transaction.signature.as_str())
            .collect();
        if !matches!(error, ReceiptError::Missing { .. }) {
            return failed;
        }
        let read = self.past.len();
        if incomplete.is_empty() {
            return failed.context(format!(
                "the node lists no transaction with it among the last {read}: --scan reads more, --url names another node"
            ));
        }
        failed.context(format!(
            "the logs of {} of {read} transactions are cut off, gone or of a newer program, among them {}",
            incomplete.len(),
            incomplete[..incomplete.len().min(NAMED_MAX)].join(", ")
        ))
    }

    /// Which seats changed after which receipt, and where something was not read.
    fn changes(&self) -> Changes {
        let mut changes = Changes::of(self.address);
        for transaction in &self.past {
            for event in &transaction.events {
                changes.observe(event);
            }
            if !transaction.complete {
                changes.gap();
            }
        }
        changes
    }

    fn shown(
        &self,
        receipts: &Receipts,
        found: &[(Receipt, &PastTransaction)],
        reports: &[SeatReport],
    ) -> AuditShown {
        let chain = self.view.header.losses.receipt_chain;
        let rows = found
            .iter()
            .map(|(receipt, transaction)| self.receipt(receipt, transaction));
        let accounts = reports
            .iter()
            .filter(|report| !report.effects.is_empty() || reports.len() == 1);
        AuditShown {
            market: self.view.symbol(),
            address: self.address.to_string(),
            holds: true,
            receipts: rows.collect(),
            receipt_chain: chain.iter().map(|byte| format!("{byte:02x}")).collect(),
            transactions_read: self.past.len(),
            accounts: accounts
                .map(|report| self.account(receipts, report))
                .collect(),
        }
    }

    fn size(&self, base_atoms: u64) -> String {
        self.units
            .position(i64::try_from(base_atoms).unwrap_or(i64::MAX))
    }

    fn receipt(&self, receipt: &Receipt, transaction: &PastTransaction) -> ReceiptShown {
        ReceiptShown {
            number: receipt.number,
            time: receipt.time,
            slot: receipt.slot,
            margin_account: Pubkey::from(receipt.margin_account).to_string(),
            quantity: self.size(receipt.quantity),
            price: self.units.price_q32(receipt.price),
            deficit: usd_unsigned(receipt.deficit),
            from_default_fund: usd_unsigned(receipt.from_default_fund),
            charged: usd_unsigned(receipt.charged),
            carried: usd_unsigned(receipt.carried),
            side: side_name(receipt.side),
            closed: self.size(receipt.closed().unwrap_or(0)),
            closed_fraction: percent(closed_ppm(receipt)),
            open_interest_after: self.size(receipt.open_interest_after),
            epoch: receipt.epoch_before,
            epoch_ended: receipt.epoch_ended == 1,
            transaction: transaction.signature.clone(),
        }
    }

    fn account(&self, receipts: &Receipts, report: &SeatReport) -> AccountShown {
        let effects = report.effects.iter().filter_map(|effect| {
            let mut all = receipts.iter();
            let receipt = all.find(|receipt| receipt.number == effect.number)?;
            Some(self.effect(receipt, effect))
        });
        AccountShown {
            margin_account: report.margin_account.to_string(),
            seat: report.seat,
            determined_from: report.determined_from,
            undetermined_receipts: report.undetermined,
            effects: effects.collect(),
        }
    }

    fn effect(&self, receipt: &Receipt, effect: &SeatEffect) -> EffectShown {
        let (what, fraction) = if effect.torn_up {
            ("torn up", percent(1_000_000))
        } else {
            ("uniform", percent(closed_ppm(receipt)))
        };
        let closed = effect.base_before.saturating_sub(effect.base_after);
        EffectShown {
            receipt: effect.number,
            what,
            closed_fraction: fraction,
            position_before: self.units.position(effect.base_before),
            position_after: self.units.position(effect.base_after),
            closed: self.size(closed.unsigned_abs()),
            price: self.units.price_q32(receipt.price),
            received: usd(effect.paid),
            charged: usd_unsigned(effect.charged),
            borne_by_others: usd_unsigned(effect.deficit),
        }
    }
}

/// The market's receipts in a transaction.
fn receipts_in<'a>(
    transaction: &'a PastTransaction,
    market: &'a Pubkey,
) -> impl Iterator<Item = Receipt> + 'a {
    let events = transaction.events.iter();
    events.filter_map(move |event| match event {
        Event::DeleveragingExecuted(executed) if executed.market == *market => receipt_of(executed),
        _ => None,
    })
}

fn text(shown: &AuditShown, only: bool) -> String {
    let count = shown.receipts.len();
    if count == 0 {
        return format!(
            "{} has had no loss event: its chain of receipts is empty, and its account agrees.",
            shown.market
        );
    }
    let header = [
        "receipt",
        "time (UTC)",
        "account",
        "lost",
        "price",
        "deficit",
        "fund",
        "charged",
        "carried",
        "side",
        "closed",
        "",
    ];
    let rows = shown.receipts.iter().map(|receipt| {
        [
            receipt.number.to_string(),
            time(receipt.time),
            short(&receipt.margin_account),
            receipt.quantity.clone(),
            receipt.price.clone(),
            receipt.deficit.clone(),
            receipt.from_default_fund.clone(),
            receipt.charged.clone(),
            receipt.carried.clone(),
            receipt.side.to_owned(),
            receipt.closed.clone(),
            receipt.closed_fraction.clone(),
        ]
    });
    let verdict = format!(
        "{}: {count} {} and the market's chain of hashes agree; every one is what the program's own formulas give.",
        shown.market,
        if count == 1 { "receipt" } else { "receipts" }
    );
    format!(
        "{}\n{verdict}\n\n{}",
        table(&header, rows),
        accounts(shown, only)
    )
}

fn accounts(shown: &AuditShown, only: bool) -> String {
    let header = [
        "account", "receipt", "", "before", "closed", "", "received", "charged", "after",
    ];
    let rows = shown.accounts.iter().flat_map(|account| {
        let name = if only {
            account.margin_account.clone()
        } else {
            short(&account.margin_account)
        };
        account.effects.iter().map(move |effect| {
            [
                name.clone(),
                effect.receipt.to_string(),
                effect.what.to_owned(),
                effect.position_before.clone(),
                effect.closed.clone(),
                effect.closed_fraction.clone(),
                effect.received.clone(),
                effect.charged.clone(),
                effect.position_after.clone(),
            ]
        })
    });
    let rows: Vec<_> = rows.collect();
    let mut parts = Vec::new();
    if rows.is_empty() {
        parts.push("No position is known to have met one.".to_owned());
    } else {
        parts.push(table(&header, rows));
    }
    for account in &shown.accounts {
        if account.undetermined_receipts != 0 {
            parts.push(undetermined(account));
        }
    }
    parts.join("\n")
}

/// What cannot be said, said.
fn undetermined(account: &AccountShown) -> String {
    let name = &account.margin_account;
    match account.determined_from {
        Some(from) => format!(
            "{name} changed its position since: what it held is determined from receipt {from} on, not before."
        ),
        None => format!("{name}: what it held at the receipts is not determined."),
    }
}

/// The ends of an address.
fn short(address: &str) -> String {
    match (
        address.get(..4),
        address.get(address.len().saturating_sub(4)..),
    ) {
        (Some(first), Some(last)) if address.len() > 12 => format!("{first}…{last}"),
        _ => address.to_owned(),
    }
}
