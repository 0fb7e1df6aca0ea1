//! `sweep.csv` and `spread.csv`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::found::{measure_names, Found};
use super::grid::{Grid, Point};

/// The column that says why a point was not played.
const NOT_PLAYED: &str = "not_played";

/// All points of a sweep and what they found.
#[derive(Clone, Debug)]
pub struct Table {
    pub grid: Grid,
    /// In the order of the parameters.
    pub rows: BTreeMap<Point, Found>,
    /// Points that cannot be played, and why.
    pub refused: BTreeMap<Point, String>,
}

/// A measure over the seeds of one combination of the other parameters, each as its text. Of an even number the median
/// is the lower of the two in the middle, so that all three are values that were found. Empty: there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    pub least: String,
    pub median: String,
    pub most: String,
}

impl Table {
    /// A row a point: the varied parameters, every measure, and why it was not played if it was not.
    pub(super) fn csv(&self) -> Result<Vec<u8>> {
        let names = self.grid.axes.iter().map(|axis| axis.name.as_str());
        let header = names.chain(measure_names()).chain([NOT_PLAYED]);
        let none = Found::default();
        let rows = self.grid.points().into_iter().map(|point| {
            let found = self.rows.get(&point).unwrap_or(&none);
            let mut row: Vec<String> = point.iter().map(u64::to_string).collect();
            row.extend(
                measure_names()
                    .into_iter()
                    .map(|name| found.text(name).to_owned()),
            );
            row.push(self.refused.get(&point).cloned().unwrap_or_default());
            row
        });
        csv(header.map(str::to_owned).collect(), rows).context("sweep.csv")
    }

    /// The seeds of each combination of the other parameters.
    pub fn groups(&self) -> BTreeMap<&[u64], Vec<&Found>> {
        let length = self.grid.parameters().len();
        let mut groups: BTreeMap<&[u64], Vec<&Found>> = BTreeMap::new();
        for (point, found) in &self.rows {
            groups.entry(&point[..length]).or_default().push(found);
        }
        groups
    }

    /// Why points were not played, and which combinations of the parameters besides the seed they are.
    pub fn reasons(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let length = self.grid.parameters().len().max(1);
        let mut reasons: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (point, reason) in &self.refused {
            let points = reasons.entry(reason).or_default();
            points.insert(self.grid.name(&point[..length]));
        }
        reasons
    }

    /// A row for each combination of the other parameters: how many seeds, then least, median and most of each measure.
    pub(super) fn spread_csv(&self) -> Result<Vec<u8>> {
        let names = self.grid.parameters().iter().map(|axis| axis.name.clone());
        let mut header: Vec<String> = names.collect();
        header.push("seeds".to_owned());
        for name in measure_names() {
            header.extend(["min", "median", "max"].map(|what| format!("{name}_{what}")));
        }
        let groups = self.groups();
        let rows = groups.iter().map(|(point, seeds)| {
            let mut row: Vec<String> = point.iter().map(u64::to_string).collect();
            row.push(seeds.len().to_string());
            for name in measure_names() {
                let Spread {
                    least,
                    median,
                    most,
                } = Spread::of(seeds, name);
                row.extend([least, median, most]);
            }
            row
        });
        csv(header, rows).context("spread.csv")
    }
}

impl Spread {
    /// Of those that have a value.
    pub fn of(seeds: &[&Found], name: &str) -> Self {
        let texts = seeds.iter();
        let mut texts: Vec<(i128, &str)> = texts
            .filter_map(|found| Some((found.value(name)?, found.text(name))))
            .collect();
        texts.sort_unstable();
        let middle = texts.len().saturating_sub(1) / 2;
        let text = |place: usize| texts.get(place).map_or("", |(_, text)| *text).to_owned();
        Self {
            least: text(0),
            median: text(middle),
            most: text(texts.len().saturating_sub(1)),
        }
    }
}

fn csv(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}
