//! Figures, the goals that they are printed against, and the comparison with a committed baseline.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;

/// Units of each operation.
pub type Figures = BTreeMap<String, u64>;

/// Goals in compute units; operations without one are measured against the baseline alone.
pub const GOALS: [(&str, u64); 15] = [
    ("deposit", 5_000),
    ("place", 5_000),
    ("place_book_part", 1_000),
    ("place_8_positions", 10_000),
    ("cancel", 2_500),
    ("extra_fill", 1_000),
    ("extra_fill_stale_maker", 1_000),
    ("margin_check_per_position", 500),
    ("refresh_mark", 8_000),
    ("liquidate_8_positions_with_draw", 40_000),
    ("liquidate_worst_shape", 150_000),
    ("tear_up", 10_000),
    ("adl_settle_per_position", 500),
    ("adl_settle_longest_chain", 1_500),
    ("uncross_per_order", 800),
];

/// More than this above the baseline is a regression, percent.
const REGRESSION_PERCENT_MAX: u64 = 5;

/// Samples of one operation, reduced.
#[derive(Clone, Debug)]
struct Row {
    name: &'static str,
    samples: usize,
    min: u64,
    mean: u64,
    max: u64,
}

/// All operations in the order in which they were measured.
#[derive(Clone, Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Takes the samples of an operation; its figure is their mean, rounded to the nearest unit.
    pub fn add(&mut self, name: &'static str, samples: &[u64]) {
        let count = u64::try_from(samples.len()).unwrap();
        let sum: u64 = samples.iter().sum();
        self.rows.push(Row {
            name,
            samples: samples.len(),
            min: *samples.iter().min().unwrap(),
            mean: (sum + count / 2) / count,
            max: *samples.iter().max().unwrap(),
        });
    }

    /// The figure of an operation that was measured before.
    pub fn mean(&self, name: &str) -> u64 {
        self.rows.iter().find(|row| row.name == name).unwrap().mean
    }

    /// Operation by operation.
    pub fn figures(&self) -> Figures {
        self.rows
            .iter()
            .map(|row| (row.name.to_owned(), row.mean))
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["operation", "goal", "mean", "min", "max", "samples"];
        let [name, goal, mean, min, max, samples] = head;
        writeln!(
            f,
            "{name:<32} {goal:>8} {mean:>8} {min:>8} {max:>8} {samples:>8}"
        )?;
        for row in &self.rows {
            let goal = GOALS.iter().find(|(name, _)| *name == row.name);
            let (text, verdict) = match goal {
                Some((_, goal)) if row.mean > *goal => (goal.to_string(), "  over"),
                Some((_, goal)) => (goal.to_string(), ""),
                None => ("-".into(), ""),
            };
            writeln!(
                f,
                "{:<32} {text:>8} {:>8} {:>8} {:>8} {:>8}{verdict}",
                row.name, row.mean, row.min, row.max, row.samples
            )?;
        }
        Ok(())
    }
}

/// One line for each operation that costs over 5% more than the baseline, that the baseline does not know,
/// or that is no longer measured.
pub fn compare(now: &Figures, baseline: &Figures) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, before) in baseline {
        match now.get(name) {
            None => problems.push(format!("{name} is in the baseline and was not measured")),
            Some(units) if units * 100 > before * (100 + REGRESSION_PERCENT_MAX) => {
                problems.push(format!(
                    "{name} costs {units} compute units, {before} before"
                ));
            }
            Some(_) => {}
        }
    }
    for name in now.keys().filter(|name| !baseline.contains_key(*name)) {
        problems.push(format!("{name} has no baseline"));
    }
    problems
}

/// Reads figures from a JSON file of names and units.
pub fn read(path: &Path) -> Result<Figures, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// The figures as a JSON file holds them.
pub fn to_json(figures: &Figures) -> String {
    let mut text = serde_json::to_string_pretty(figures).unwrap();
    text.push('\n');
    text
}
