//! The same stretch at every combination of varied parameters, on all cores; what is finished stays finished.
//!
//! `journal.jsonl` holds each finished point as soon as it is there. From it `sweep.csv`, `spread.csv` and `heatmap.html`
//! are written, in an order that hangs on the parameters alone: the same bytes whether it was interrupted or not.

mod charts;
mod found;
mod grid;
mod journal;
mod page;
mod tables;
#[cfg(test)]
mod tests;
mod vary;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{bail, Context, Result};
use rayon::prelude::*;

use crate::rules::RuleSet;
use crate::study::Material;

pub use found::{measure_names, Found};
pub use grid::{Grid, Point};
pub use tables::{Spread, Table};
pub use vary::Axis;

use journal::{Identity, Journal};

/// What happens while a sweep goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many points are to be played; so many more are known from the journal.
    Planned { missing: usize, known: usize },
    /// A second of a point is over.
    Second,
    /// A point is finished and in the journal.
    Finished,
}

/// A sweep, ready to be played.
#[derive(Debug)]
pub struct Sweep {
    material: Material,
    rules: RuleSet,
    grid: Grid,
    /// Points that cannot be played, and why.
    refused: BTreeMap<Point, String>,
    measure: String,
}

impl Sweep {
    /// Reads `vary`, each `NAME=values`. A combination that the scenario's or the market's rules forbid stays in the
    /// sweep as one that is not played.
    ///
    /// # Errors
    /// Names every mistake of `vary`, an unknown measure, or why the first point is forbidden when all are.
    pub fn new(material: Material, rules: RuleSet, vary: &[String], measure: &str) -> Result<Self> {
        let grid = Grid::new(Axis::read_all(vary, &material.scenario)?)?;
        let measure = found::known_measure(measure)?.to_owned();
        let points = grid.points();
        let reason = |point: &Point| Some((point.clone(), grid.refusal(&material, point)?));
        let refused: BTreeMap<Point, String> = points.iter().filter_map(reason).collect();
        if let Some((point, reason)) = refused.iter().next() {
            if refused.len() == points.len() {
                bail!("at {}: {reason}", grid.name(point));
            }
        }
        Ok(Self {
            material,
            rules,
            grid,
            refused,
            measure,
        })
    }

    /// Plays what `folder` has no result of yet, and writes the files there.
    ///
    /// # Errors
    /// A journal of other inputs, a file that cannot be written, or a point that cannot be played; what was finished
    /// before it is kept.
    pub fn run(&self, folder: &Path, seen: &(dyn Fn(Step) + Sync)) -> Result<Table> {
        self.run_with(folder, seen, &|material| {
            let study = material.study(&[self.rules], &|_, _| seen(Step::Second))?;
            Found::of(&study)
        })
    }

    /// [`Self::run`], with `play` in the place of the day.
    fn run_with(
        &self,
        folder: &Path,
        seen: &(dyn Fn(Step) + Sync),
        play: &(dyn Fn(&Material) -> Result<Found> + Sync),
    ) -> Result<Table> {
        fs::create_dir_all(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let identity = Identity::of(&self.material, self.rules, &self.grid);
        let (journal, mut known) = Journal::open(folder, &identity, &self.grid)?;
        let mut points = self.grid.points();
        points.retain(|point| !self.refused.contains_key(point));
        let missing = points.iter().filter(|point| !known.contains_key(*point));
        let missing: Vec<&Point> = missing.collect();
        seen(Step::Planned {
            missing: missing.len(),
            known: points.len() - missing.len(),
        });
        let journal = Mutex::new(journal);
        let played: Result<BTreeMap<Point, Found>> = missing
            .into_par_iter()
            .with_max_len(1)
            .map(|point| {
                let found = self
                    .grid
                    .at(&self.material, point)
                    .and_then(|material| play(&material))
                    .with_context(|| format!("at {}", self.grid.name(point)))?;
                let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
                journal.append(&self.grid, point, &found)?;
                seen(Step::Finished);
                Ok((point.clone(), found))
            })
            .collect();
        known.extend(played?);
        // A journal may hold points that this call does not ask for.
        known.retain(|point, _| points.binary_search(point).is_ok());
        let table = Table {
            grid: self.grid.clone(),
            rows: known,
            refused: self.refused.clone(),
        };
        self.write(folder, &table, &identity)?;
        Ok(table)
    }

    fn write(&self, folder: &Path, table: &Table, identity: &Identity) -> Result<()> {
        let page = page::page(self, table, identity);
        let mut files = vec![
            ("sweep.csv", table.csv()?),
            ("heatmap.html", page.into_string().into_bytes()),
        ];
        if self.grid.has_seeds() {
            files.push(("spread.csv", table.spread_csv()?));
        }
        for (name, bytes) in files {
            let path = folder.join(name);
            fs::write(&path, bytes)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }
}
