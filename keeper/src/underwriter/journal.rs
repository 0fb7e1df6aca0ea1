//! What the desk decided, in the keeper's ledger: written before it is sent, so that no crash forgets a deed that
//! counts against a cap.

use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{params, Connection};
use solana_pubkey::Pubkey;

use super::{Decision, Deed, Past};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS desk (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,            -- unix seconds of the chain
        rule TEXT NOT NULL,
        class TEXT NOT NULL,
        vault TEXT NOT NULL,
        subject TEXT NOT NULL,          -- line, or vault
        deed TEXT NOT NULL,
        amount INTEGER NOT NULL,        -- quote atoms
        until INTEGER NOT NULL,         -- deadline or expiry, unix seconds; 0: none
        why TEXT NOT NULL,
        signature TEXT,
        outcome TEXT NOT NULL           -- 'sent' until it is known
    );
";

/// Outcomes that count: landed, and what cannot be proven to have failed.
const COUNTED: &str = "('sent', 'landed', 'expired', 'transient')";

/// The table of decisions.
#[derive(Debug)]
pub struct Journal(Connection);

fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Journal {
    /// Opens the ledger's file, creating it if need be.
    ///
    /// # Errors
    /// When it cannot be opened or is no such ledger.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display();
        let connection = Connection::open(path)
            .with_context(|| format!("the ledger {name} cannot be opened"))?;
        connection
            .execute_batch(SCHEMA)
            .with_context(|| format!("{name} is no ledger of the keeper"))?;
        Ok(Self(connection))
    }

    /// Writes a decision down and returns its number.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, at: i64, decision: &Decision, outcome: &str) -> Result<i64> {
        let deed = &decision.deed;
        let until = match deed {
            Deed::Extend { deadline } => *deadline,
            Deed::Consent { expires_at, .. } => *expires_at,
            _ => 0,
        };
        self.0
            .execute(
                "INSERT INTO desk (at, rule, class, vault, subject, deed, amount, until, why, outcome)
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
                params![
                    at,
                    decision.rule,
                    decision.class,
                    decision.vault.to_string(),
                    decision.subject.to_string(),
                    deed.name(),
                    stored(deed.amount()),
                    until,
                    decision.reasons(),
                    outcome
                ],
            )
            .context("the decision cannot be written to the ledger")?;
        Ok(self.0.last_insert_rowid())
    }

    /// What became of a decision.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end(&self, number: i64, outcome: &str, signature: Option<String>) -> Result<()> {
        self.0
            .execute(
                "UPDATE desk SET outcome = ?2, signature = ?3 WHERE id = ?1",
                params![number, outcome, signature],
            )
            .context("the outcome of a decision cannot be written to the ledger")?;
        Ok(())
    }

    /// Everything that counts, in the order of time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn past(&self) -> Result<Vec<Past>> {
        let text = format!(
            "SELECT at, subject, deed, amount, until FROM desk WHERE outcome IN {COUNTED} ORDER BY at, id"
        );
        let mut query = self.0.prepare(&text)?;
        let rows = query.query_map([], |row| {
            let (subject, deed): (String, String) = (row.get(1)?, row.get(2)?);
            let (amount, until): (i64, i64) = (row.get(3)?, row.get(4)?);
            Ok((row.get(0)?, subject, deed, amount, until))
        })?;
        let mut past = Vec::new();
        for row in rows {
            let (at, subject, deed, amount, until) = row?;
            let amount = u64::try_from(amount).unwrap_or(0);
            let deed = match deed.as_str() {
                "extend_call" => Deed::Extend { deadline: until },
                "give_consent" => Deed::Consent {
                    amount,
                    expires_at: until,
                },
                "buy_junior" => Deed::TopUp { amount },
                "recall_line" => Deed::Recall,
                _ => Deed::Close,
            };
            let subject: Pubkey = subject.parse().context("an address in the ledger")?;
            past.push(Past { at, subject, deed });
        }
        Ok(past)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_landed_counts_after_a_restart_and_what_failed_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keeper.sqlite");
        let subject = Pubkey::new_unique();
        let decision = |deed| Decision {
            rule: "extend",
            class: "all".to_owned(),
            vault: Pubkey::new_unique(),
            subject,
            margin_account: Pubkey::new_unique(),
            deed,
            why: Vec::new(),
        };
        let deeds = [
            Deed::Extend { deadline: 77 },
            Deed::Consent {
                amount: 5,
                expires_at: 9,
            },
            Deed::TopUp { amount: 6 },
            Deed::Recall,
            Deed::Close,
        ];
        {
            let journal = Journal::open(&path).expect("opened");
            let outcomes = [
                None,
                Some("landed"),
                Some("transient"),
                Some("expired"),
                None,
            ];
            for ((deed, outcome), at) in deeds.iter().zip(outcomes).zip(0..) {
                let number = journal
                    .write(at, &decision(*deed), "sent")
                    .expect("written");
                if let Some(outcome) = outcome {
                    journal.end(number, outcome, None).expect("written");
                }
            }
            for outcome in ["permanent", "simulated", "stale", "lost_race"] {
                let number = journal.write(9, &decision(Deed::Recall), "sent");
                let number = number.expect("written");
                journal.end(number, outcome, None).expect("written");
            }
        }
        let past = Journal::open(&path).expect("opened").past().expect("read");
        let found: Vec<Deed> = past.iter().map(|past| past.deed).collect();
        assert_eq!(found, deeds);
        assert!(past.iter().all(|past| past.subject == subject));
    }
}
