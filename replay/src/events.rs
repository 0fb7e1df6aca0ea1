//! `events.csv`: what happened in all runs, a row each, in the order of the runs and of the day.

use anyhow::{Context, Result};

use crate::outcome::{EventRow, Study};

/// Columns, in the order of [`EventRow`]'s fields.
const COLUMNS: [&str; 8] = [
    "rules",
    "unix_seconds",
    "event",
    "account",
    "lots",
    "price",
    "amount",
    "note",
];

/// The file's bytes. The header is there even if nothing happened.
///
/// # Errors
/// A row that the CSV writer refuses.
pub fn csv(study: &Study) -> Result<Vec<u8>> {
    let rows = study.runs.iter().flat_map(|run| run.events.iter());
    table(rows).context("events cannot be written as CSV")
}

fn table<'a>(rows: impl Iterator<Item = &'a EventRow>) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> EventRow {
        EventRow {
            rules: "plimsoll",
            unix_seconds: 1_760_130_000,
            event: "liquidated",
            account: "hedgers #7".to_owned(),
            lots: Some(12),
            price: Some("21.5".to_owned()),
            amount: None,
            note: "in the book, \"partly\"".to_owned(),
        }
    }

    #[test]
    fn columns_are_the_fields_of_a_row_in_their_order() {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(row()).expect("a row");
        let named = writer.into_inner().expect("bytes");
        let bytes = table([row()].iter()).expect("a table");
        assert_eq!(bytes, named, "the header that serde makes of the fields");
    }

    #[test]
    fn a_table_without_rows_has_its_header_and_text_is_quoted() {
        let empty = table([].iter()).expect("a table");
        assert_eq!(
            String::from_utf8(empty).expect("text"),
            "rules,unix_seconds,event,account,lots,price,amount,note\n"
        );
        let one = String::from_utf8(table([row()].iter()).expect("a table")).expect("text");
        assert!(one.ends_with(
            "plimsoll,1760130000,liquidated,hedgers #7,12,21.5,,\"in the book, \"\"partly\"\"\"\n"
        ));
    }
}
