//! The file of waves: one row for each, in the format of `data/adl_waves_2025-10-10.csv`.

use std::io::Read;

use anyhow::{bail, ensure, Context, Result};
use csv::{ReaderBuilder, StringRecord};

use super::fixed::{self, Fixed, Written};

const COLUMNS: [&str; 12] = [
    "wave",
    "t_start",
    "t_end",
    "budget_needed",
    "budget_prod",
    "budget_pr",
    "overshoot_prod",
    "max_pct_prod",
    "max_pct_pr",
    "total_cap",
    "deficit_usd",
    "max_loss_usd",
];

/// So many amounts can be summed up.
const WAVES_MAX: usize = 1_000;

/// A wave as published: amounts in US dollars, shares as fractions of one account. Nothing but the overshoot is
/// negative, and there is at least a millionth of a dollar to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub wave: u64,
    /// When it began and ended, as written.
    pub start: String,
    pub end: String,
    /// Loss that had to be covered.
    pub needed: Written,
    /// What the queue took from winners.
    pub queue: Written,
    /// What all winners could have given.
    pub total: Written,
    /// Share that the queue took from the account it hit worst.
    pub queue_worst: Written,
    /// What is published of the uniform rule and of the queue's overshoot, and is computed again.
    pub published_uniform: Written,
    pub published_fraction: Written,
    pub published_overshoot: Written,
}

/// Reads the file; `name` stands for it in errors. The first bad row is the error.
pub fn read(name: &str, mut source: impl Read) -> Result<Vec<Row>> {
    let mut text = String::new();
    source
        .read_to_string(&mut text)
        .with_context(|| format!("{name}: the file cannot be read"))?;
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .with_context(|| format!("{name}: the header cannot be read"))?;
    if header != COLUMNS[..] {
        bail!(
            "{name}:1: the columns must be {}, not {}",
            COLUMNS.join(","),
            header.iter().collect::<Vec<_>>().join(",")
        );
    }
    let mut rows: Vec<Row> = Vec::new();
    for record in reader.into_records() {
        let record = record.with_context(|| format!("{name}: a row cannot be read"))?;
        let row = parse(&record)
            .and_then(|row| follows(row, rows.last()))
            .with_context(|| format!("{name}:{}", line_of(&text, &record)))?;
        rows.push(row);
    }
    ensure!(!rows.is_empty(), "{name}: there are no waves");
    ensure!(
        rows.len() <= WAVES_MAX,
        "{name}: there are more than {WAVES_MAX} waves"
    );
    Ok(rows)
}

fn follows(row: Row, before: Option<&Row>) -> Result<Row> {
    if let Some(before) = before.filter(|before| before.wave >= row.wave) {
        bail!("wave {} does not come after wave {}", row.wave, before.wave);
    }
    Ok(row)
}

/// Line of a record, from 1. The reader's own count stands before the line breaks that precede a record: one line
/// early where they are two bytes, more after empty lines.
fn line_of(text: &str, record: &StringRecord) -> usize {
    let start = record.position().map_or(0, csv::Position::byte);
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(text.len());
    let (before, rest) = text.as_bytes().split_at(start);
    let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let lines = before.iter().chain(breaks);
    1 + lines.filter(|byte| **byte == b'\n').count()
}

fn parse(record: &StringRecord) -> Result<Row> {
    ensure!(
        record.len() == COLUMNS.len(),
        "a row has {} columns, not {}",
        record.len(),
        COLUMNS.len()
    );
    let signed = |column: usize| {
        fixed::parse(&record[column]).with_context(|| format!("column {}", COLUMNS[column]))
    };
    let amount = |column: usize| -> Result<Written> {
        let written = signed(column)?;
        ensure!(
            written.value >= Fixed::ZERO,
            "column {}: {} is below zero",
            COLUMNS[column],
            &record[column]
        );
        Ok(written)
    };
    let time = |column: usize| -> Result<String> {
        ensure!(
            !record[column].trim().is_empty(),
            "column {}: no time",
            COLUMNS[column]
        );
        Ok(record[column].to_owned())
    };
    let wave = record[0].parse::<u64>().ok();
    let row = Row {
        wave: wave.with_context(|| format!("column wave: {:?} is not a number", &record[0]))?,
        start: time(1)?,
        end: time(2)?,
        needed: amount(3)?,
        queue: amount(4)?,
        published_uniform: amount(5)?,
        published_overshoot: signed(6)?,
        queue_worst: amount(7)?,
        published_fraction: amount(8)?,
        total: amount(9)?,
    };
    ensure!(
        row.total.value.atoms()? > 0,
        "column total_cap: {:?} leaves nobody to take from",
        &record[9]
    );
    // Of the losers, which nothing here is computed from; a row is sound as a whole or not at all.
    amount(10)?;
    amount(11)?;
    Ok(row)
}
