//! A recorded tape: one row for each second with a trade.
//!
//! Columns: `unix_seconds,open,high,low,close,volume,trades`. Recorded highs and lows carry fewer
//! digits than opens and closes, so an open or a close may lie a hair outside them; anything else
//! that does not make sense is an error that names the file and the line.

use std::{fs::File, io::Read, path::Path};

use anyhow::{bail, Context, Result};
use csv::{ReaderBuilder, StringRecord};

use crate::{
    confidence_e8,
    decimal::{parse_price_e8, parse_volume_e8},
    PricePoint, PriceSource,
};

const COLUMNS: [&str; 7] = [
    "unix_seconds",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "trades",
];

/// One second of a recorded market: a row of its tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Second of the tape, Unix seconds.
    pub unix_seconds: i64,
    /// First price of the second, 10^-8 US dollars; positive, as all four.
    pub open_e8: i64,
    /// Highest and lowest price; where recorded ones leave the open or the close outside, that.
    pub high_e8: i64,
    pub low_e8: i64,
    /// Last price of the second.
    pub close_e8: i64,
    /// What was traded, 10^-8 of the tape's own unit (coins or contracts). Rounded down: what is
    /// recorded more finely counts for no more than was traded.
    pub volume_e8: u64,
    /// How many trades.
    pub trades: u64,
}

impl Candle {
    fn point(&self) -> PricePoint {
        PricePoint {
            unix_seconds: self.unix_seconds,
            price_e8: self.close_e8,
            conf_e8: confidence_e8(self.close_e8, self.high_e8.abs_diff(self.low_e8)),
        }
    }
}

/// A tape in memory, with a place up to which it has been played. Never empty.
#[derive(Clone, Debug)]
pub struct CsvTape {
    candles: Vec<Candle>,
    /// The price of each candle.
    points: Vec<PricePoint>,
    played: usize,
}

impl CsvTape {
    /// Reads a whole file; the first bad row is the error.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path)
            .with_context(|| format!("the tape {} cannot be opened", path.display()))?;
        Self::read(&path.display().to_string(), file)
    }

    /// Reads a tape from anywhere; `name` stands for it in errors.
    pub fn read(name: &str, mut source: impl Read) -> Result<Self> {
        let mut text = Vec::new();
        source
            .read_to_end(&mut text)
            .with_context(|| format!("{name}: the file cannot be read"))?;
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(&text[..]);
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
        let mut candles: Vec<Candle> = Vec::new();
        for record in reader.into_records() {
            let record = record.with_context(|| format!("{name}: a row cannot be read"))?;
            let candle = parse_row(&record)
                .and_then(|candle| follows(candle, candles.last()))
                .with_context(|| format!("{name}:{}", line_of(&text, &record)))?;
            candles.push(candle);
        }
        if candles.is_empty() {
            bail!("{name}: the tape has no rows");
        }
        Ok(Self::of(candles))
    }

    fn of(candles: Vec<Candle>) -> Self {
        Self {
            points: candles.iter().map(Candle::point).collect(),
            candles,
            played: 0,
        }
    }

    /// The part of the tape within `first..=last`, from its beginning.
    pub fn between(&self, first: i64, last: i64) -> Result<Self> {
        let candles: Vec<_> = self
            .candles
            .iter()
            .filter(|candle| (first..=last).contains(&candle.unix_seconds))
            .copied()
            .collect();
        if candles.is_empty() {
            bail!("the tape has no trade between {first} and {last}");
        }
        Ok(Self::of(candles))
    }

    /// Whether everything has been played.
    pub fn is_over(&self) -> bool {
        self.played >= self.points.len()
    }

    /// Every price of the tape, played or not.
    pub fn points(&self) -> &[PricePoint] {
        &self.points
    }

    /// Every row of the tape, played or not.
    pub fn candles(&self) -> &[Candle] {
        &self.candles
    }
}

impl PriceSource for CsvTape {
    fn tape_start(&self) -> i64 {
        self.points[0].unix_seconds
    }

    fn tape_end(&self) -> Option<i64> {
        self.points.last().map(|point| point.unix_seconds)
    }

    fn next_until(&mut self, tape_seconds: i64) -> Vec<PricePoint> {
        let rest = &self.points[self.played..];
        let due = rest.partition_point(|point| point.unix_seconds <= tape_seconds);
        let points = rest[..due].to_vec();
        self.played += due;
        points
    }
}

fn follows(candle: Candle, previous: Option<&Candle>) -> Result<Candle> {
    let second = candle.unix_seconds;
    if let Some(previous) = previous.filter(|previous| previous.unix_seconds >= second) {
        bail!(
            "second {second} does not come after {}",
            previous.unix_seconds
        );
    }
    Ok(candle)
}

/// Line of a record, from 1. The reader's own count stands before the line breaks that precede a
/// record: one line early where they are two bytes, more after empty lines.
fn line_of(text: &[u8], record: &StringRecord) -> usize {
    let start = record.position().map_or(0, csv::Position::byte);
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(text.len());
    let (before, rest) = text.split_at(start);
    let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let lines = before.iter().chain(breaks);
    1 + lines.filter(|byte| **byte == b'\n').count()
}

fn parse_row(record: &StringRecord) -> Result<Candle> {
    if record.len() != COLUMNS.len() {
        bail!("a row has {} columns, not {}", record.len(), COLUMNS.len());
    }
    let price = |column: usize| {
        parse_price_e8(&record[column]).with_context(|| format!("column {}", COLUMNS[column]))
    };
    let unix_seconds = record[0]
        .parse::<i64>()
        .ok()
        .filter(|seconds| *seconds > 0)
        .with_context(|| format!("column unix_seconds: {:?} is not a time", &record[0]))?;
    let (open, high, low, close) = (price(1)?, price(2)?, price(3)?, price(4)?);
    if high < low {
        bail!("the high {} is below the low {}", &record[2], &record[3]);
    }
    let volume_e8 = parse_volume_e8(&record[5]).context("column volume")?;
    let trades = record[6]
        .parse::<u64>()
        .ok()
        .with_context(|| format!("column trades: {:?} is not a count", &record[6]))?;
    Ok(Candle {
        unix_seconds,
        open_e8: open,
        high_e8: high.max(open).max(close),
        low_e8: low.min(open).min(close),
        close_e8: close,
        volume_e8,
        trades,
    })
}

#[cfg(test)]
#[path = "csv_tape_tests.rs"]
mod tests;
