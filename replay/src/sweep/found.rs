//! What one point of a sweep found: the measures under their names and in their form of `summary.json`.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outcome::Study;
use crate::report::measures::{self, Measure};
use crate::summary;

/// Measures that the report derives; `summary.json` does not have them.
const DERIVED: [&str; 2] = ["deposits_refused", "venue_below_index"];
/// The column with the number of a run's flaws.
const FLAWS: &str = "flaws";

/// Each measure's text; one that there was not, a lowest price without a trade, is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Found(pub(super) BTreeMap<String, String>);

impl Found {
    /// Of a study with one run.
    ///
    /// # Errors
    /// When the summary lacks a measure.
    pub fn of(study: &Study) -> Result<Self> {
        let summary: Value = serde_json::from_slice(&summary::json(study)?)?;
        let run = study.runs.first().context("nothing was played")?;
        let figures = &summary["runs"][run.rules.name()];
        let cell = |name: &'static str| {
            let text = match figures.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) => String::new(),
                Some(Value::Array(list)) => list.len().to_string(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                _ => bail!("the summary has no figure {name}"),
            };
            Ok((name.to_owned(), text))
        };
        measure_names()
            .into_iter()
            .map(cell)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The measure's text.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The measure as a number, as [`value_of`].
    pub fn value(&self, name: &str) -> Option<i128> {
        value_of(self.text(name))
    }

    /// Whether nothing speaks against the run.
    pub(super) fn is_sound(&self) -> bool {
        self.text("custody_exact") == "true" && self.text(FLAWS) == "0"
    }
}

/// A measure's text in its smallest unit, yes as 1: comparable with others of the same measure.
pub(super) fn value_of(text: &str) -> Option<i128> {
    match text {
        "true" => Some(1),
        "false" => Some(0),
        text => text.replace('.', "").parse().ok(),
    }
}

/// Columns of measures, in their order.
pub fn measure_names() -> Vec<&'static str> {
    let names = measures::ALL.iter().map(|measure| measure.name);
    let mut names: Vec<&str> = names.filter(|name| !DERIVED.contains(name)).collect();
    names.push(FLAWS);
    names
}

/// How the report names and writes it; none for the number of flaws.
pub(super) fn described(name: &str) -> Option<&'static Measure> {
    measures::ALL.iter().find(|measure| measure.name == name)
}

/// The name, if there is such a measure.
pub(super) fn known_measure(name: &str) -> Result<&'static str> {
    let names = measure_names();
    match names.iter().find(|known| **known == name) {
        Some(known) => Ok(known),
        None => bail!("no measure {name:?}: there are {}", names.join(", ")),
    }
}
