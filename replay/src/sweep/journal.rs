//! `journal.jsonl`: what is finished. Its first line says of which inputs, each further one holds a point.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};

use super::found::Found;
use super::grid::{Grid, Point};
use crate::rules::RuleSet;
use crate::study::Material;

const NAME: &str = "journal.jsonl";

/// What the results hang on besides the point.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Identity(pub(super) BTreeMap<String, String>);

impl Identity {
    pub(super) fn of(material: &Material, rules: RuleSet, grid: &Grid) -> Self {
        let inputs = material.inputs.iter();
        let mut all: BTreeMap<String, String> = inputs
            .map(|input| (format!("{} sha256", input.role), input.sha256.clone()))
            .collect();
        let varied: Vec<&str> = grid.axes.iter().map(|axis| axis.name.as_str()).collect();
        let mut add = |name: &str, value: String| all.insert(name.to_owned(), value);
        add("accounts", material.scenario.accounts.to_string());
        add("first second", material.stretch.start.to_string());
        add("market", material.market.clone());
        add("rules", rules.name().to_owned());
        add("seconds", material.stretch.seconds.to_string());
        add("varied", varied.join(" "));
        add("version", env!("CARGO_PKG_VERSION").to_owned());
        if !grid.has_seeds() {
            add("seed", material.seed.to_string());
        }
        Self(all)
    }

    /// The first thing in which the two differ, as a sentence's end.
    fn differs(&self, other: &Self) -> Option<String> {
        let none = "none".to_owned();
        let keys = self.0.keys().chain(other.0.keys());
        let different = keys.filter(|key| self.0.get(*key) != other.0.get(*key));
        let key = different.min()?;
        let text = |of: &Self| of.0.get(key).unwrap_or(&none).clone();
        Some(format!(
            "{key} is {} there and {} now",
            text(self),
            text(other)
        ))
    }
}

#[derive(Deserialize, Serialize)]
struct Row {
    point: BTreeMap<String, u64>,
    found: Found,
}

/// The file, open for more. One sweep at a time holds it.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
}

impl Journal {
    /// Opens the folder's journal or begins one, and reads what is finished. A last line that was cut off while it was
    /// written is dropped.
    pub(super) fn open(
        folder: &Path,
        identity: &Identity,
        grid: &Grid,
    ) -> Result<(Self, BTreeMap<Point, Found>)> {
        let path = folder.join(NAME);
        let shown = path.display();
        let options = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path);
        let mut file = options.with_context(|| format!("{shown} cannot be opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another sweep is writing {shown}"),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{shown} cannot be locked"));
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text)
            .with_context(|| format!("{shown} cannot be read"))?;
        let whole = text.rfind('\n').map_or(0, |last| last + 1);
        if whole != text.len() {
            file.set_len(u64::try_from(whole)?)?;
            text.truncate(whole);
        }
        let mut journal = Self { file };
        let mut lines = (1_u32..).zip(text.lines());
        let Some((_, first)) = lines.next() else {
            journal.line(&serde_json::to_string(identity)?)?;
            return Ok((journal, BTreeMap::new()));
        };
        let own: Identity = serde_json::from_str(first)
            .with_context(|| format!("{shown}, line 1, does not say of which inputs it is"))?;
        if let Some(difference) = own.differs(identity) {
            bail!("{shown} is of other inputs: {difference}. Name another --out, or remove it");
        }
        let mut known = BTreeMap::new();
        for (number, line) in lines {
            let row = read(line, grid).with_context(|| format!("{shown}, line {number}"))?;
            known.insert(row.0, row.1);
        }
        Ok((journal, known))
    }

    /// Adds a finished point.
    pub(super) fn append(&mut self, grid: &Grid, point: &Point, found: &Found) -> Result<()> {
        let names = grid.axes.iter().map(|axis| axis.name.clone());
        let row = Row {
            point: names.zip(point.iter().copied()).collect(),
            found: found.clone(),
        };
        self.line(&serde_json::to_string(&row)?)
    }

    fn line(&mut self, text: &str) -> Result<()> {
        let written = self.file.write_all(format!("{text}\n").as_bytes());
        let kept = written.and_then(|()| self.file.sync_data());
        kept.context("the journal cannot be written")
    }
}

fn read(line: &str, grid: &Grid) -> Result<(Point, Found)> {
    let row: Row = serde_json::from_str(line).context("is no finished point")?;
    let values = grid
        .axes
        .iter()
        .map(|axis| row.point.get(&axis.name).copied());
    let point: Option<Point> = values.collect();
    Ok((point.context("lacks a parameter")?, row.found))
}
