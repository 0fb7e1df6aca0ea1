//! What was sent, what came of it and what it cost, in SQLite: one writer on a thread of its own.

use std::path::Path;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rusqlite::{params, Connection};
use serde::Serialize;

use crate::execute::Executed;
use crate::redact;

/// Entries that wait to be written; more are counted as lost, never waited for.
const QUEUE: usize = 4_096;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS actions (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,            -- unix seconds of this machine
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        signature TEXT,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        slot INTEGER NOT NULL,
        lamports INTEGER NOT NULL,
        compute_limit INTEGER NOT NULL,
        unit_price INTEGER NOT NULL,    -- micro-lamports
        danger INTEGER NOT NULL,        -- as the action's danger says
        elapsed_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS actions_at ON actions (at);
";

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    at: i64,
    kind: &'static str,
    subject: String,
    signature: Option<String>,
    outcome: &'static str,
    detail: String,
    numbers: [i64; 6],
}

fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Row {
    fn of(executed: &Executed) -> Self {
        let report = &executed.report;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let elapsed = u64::try_from(executed.elapsed.as_millis()).unwrap_or(u64::MAX);
        Self {
            at: stored(now.map_or(0, |since| since.as_secs())),
            kind: report.key.kind.name(),
            subject: report.key.subject.to_string(),
            signature: executed.signature.map(|signature| signature.to_string()),
            outcome: report.outcome.name(),
            detail: redact::text(&report.outcome.detail()),
            numbers: [
                stored(report.slot),
                stored(report.lamports),
                i64::from(executed.compute_limit),
                stored(executed.unit_price),
                stored(executed.danger),
                stored(elapsed),
            ],
        }
    }
}

/// The writing end. Dropping it ends the writer after what waits is written.
#[derive(Debug)]
pub struct Ledger {
    rows: Option<SyncSender<Row>>,
    writer: Option<JoinHandle<Result<()>>>,
}

impl Ledger {
    /// Opens the file, creating it if need be.
    ///
    /// # Errors
    /// When it cannot be opened or is no such ledger.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)
            .with_context(|| format!("the ledger {} cannot be opened", path.display()))?;
        connection
            .execute_batch(SCHEMA)
            .with_context(|| format!("{} is no ledger of the keeper", path.display()))?;
        let (rows, received) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || write(&connection, &received))?;
        Ok(Self {
            rows: Some(rows),
            writer: Some(writer),
        })
    }

    /// Writes down what an action came to; false when the writer does not keep up.
    ///
    /// # Errors
    /// When the ledger is closed.
    pub fn record(&self, executed: &Executed) -> Result<bool> {
        let rows = self.rows.as_ref().context("the ledger is closed")?;
        match rows.try_send(Row::of(executed)) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            // Why is said when the ledger is closed.
            Err(TrySendError::Disconnected(_)) => Ok(false),
        }
    }

    /// Whether the writer has ended: the disk is full, or the file is gone.
    pub fn has_ended(&self) -> bool {
        self.writer.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Writes what waits and closes the file.
    ///
    /// # Errors
    /// What ended the writer.
    pub fn close(mut self) -> Result<()> {
        self.rows.take();
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(written)) => written.context("the ledger's writer has ended"),
            Some(Err(_)) => anyhow::bail!("the ledger's writer panicked"),
            None => Ok(()),
        }
    }
}

fn write(connection: &Connection, rows: &Receiver<Row>) -> Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO actions (at, kind, subject, signature, outcome, detail, slot, lamports,
         compute_limit, unit_price, danger, elapsed_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    )?;
    for row in rows {
        let [slot, lamports, limit, price, danger, elapsed] = row.numbers;
        insert.execute(params![
            row.at,
            row.kind,
            row.subject,
            row.signature,
            row.outcome,
            row.detail,
            slot,
            lamports,
            limit,
            price,
            danger,
            elapsed
        ])?;
    }
    Ok(())
}

/// Sums of one kind and outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub kind: String,
    pub outcome: String,
    pub actions: u64,
    pub lamports: u64,
    /// Mean, milliseconds.
    pub elapsed_ms: u64,
}

/// What the ledger holds of the last `seconds`, by kind and outcome.
///
/// # Errors
/// When the file cannot be read.
pub fn report(path: &Path, seconds: u64) -> Result<Vec<Summary>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(path, flags)
        .with_context(|| format!("the ledger {} cannot be read", path.display()))?;
    let mut query = connection.prepare(
        "SELECT kind, outcome, count(*), sum(lamports), cast(avg(elapsed_ms) AS INTEGER) FROM actions
         WHERE at >= unixepoch() - ?1 GROUP BY kind, outcome ORDER BY kind, outcome",
    )?;
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    let rows = query.query_map([stored(seconds)], |row| {
        Ok(Summary {
            kind: row.get(0)?,
            outcome: row.get(1)?,
            actions: number(row.get(2)?),
            lamports: number(row.get(3)?),
            elapsed_ms: number(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Lamports as SOL, to the lamport.
pub fn sol(lamports: u64) -> String {
    format!(
        "{}.{:09}",
        lamports / 1_000_000_000,
        lamports % 1_000_000_000
    )
}

/// The report as a table.
pub fn table(rows: &[Summary]) -> String {
    let mut text = format!(
        "{:<22} {:<16} {:>8} {:>14} {:>10}\n",
        "action", "outcome", "count", "SOL", "mean ms"
    );
    for row in rows {
        let cost = sol(row.lamports);
        text.push_str(&format!(
            "{:<22} {:<16} {:>8} {:>14} {:>10}\n",
            row.kind, row.outcome, row.actions, cost, row.elapsed_ms
        ));
    }
    let total = rows
        .iter()
        .fold(0_u64, |sum, row| sum.saturating_add(row.lamports));
    text.push_str(&format!("fees in all: {} SOL", sol(total)));
    text
}

#[cfg(test)]
mod tests {
    use super::{report, table, Ledger};
    use crate::decide::{Key, Kind};
    use crate::execute::{Executed, Outcome};
    use crate::plan::Report;

    fn executed(outcome: Outcome, lamports: u64) -> Executed {
        Executed {
            report: Report {
                key: Key {
                    subject: Default::default(),
                    kind: Kind::Settle,
                },
                state: 1,
                outcome,
                lamports,
                slot: 7,
                read: 0,
            },
            signature: None,
            written: Vec::new(),
            compute_limit: 40_000,
            unit_price: 0,
            danger: 0,
            elapsed: std::time::Duration::from_millis(30),
        }
    }

    #[test]
    fn what_was_recorded_is_reported_and_outlives_the_process_that_wrote_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keeper.sqlite");
        for _ in 0..2 {
            let ledger = Ledger::open(&path).expect("opened");
            assert!(ledger
                .record(&executed(Outcome::Landed, 5_000))
                .expect("written"));
            assert!(ledger
                .record(&executed(Outcome::Expired, 0))
                .expect("written"));
            ledger.close().expect("closed");
        }
        let rows = report(&path, 3_600).expect("read");
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.outcome.as_str(), row.actions, row.lamports))
            .collect();
        assert_eq!(found, [("expired", 2, 0), ("landed", 2, 10_000)]);
        assert!(table(&rows).ends_with("fees in all: 0.000010000 SOL"));
    }
}
