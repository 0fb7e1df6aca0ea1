//! `--vary NAME=values`: which parameter, and what it is set to.

use std::collections::BTreeSet;

use anyhow::{bail, ensure, Context, Result};
use toml::Value;

use crate::scenario::Scenario;

/// The draw of the population is no part of the scenario.
pub(super) const SEED: &str = "seed";
/// The line of every cohort that has one.
const LINE: &str = "line_ppm";
/// Values of one parameter at most.
const VALUES_MAX: u64 = 10_000;

/// What a parameter's name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Seed,
    Line,
    /// Keys from the scenario's top down.
    Path(Vec<String>),
}

/// A parameter and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// As short as it can be said: without its table where no other table has the same field.
    pub name: String,
    /// In order, each once.
    pub values: Vec<u64>,
    target: Target,
}

impl Axis {
    /// Reads each option and sorts them by name, the seed last.
    ///
    /// # Errors
    /// Every mistake at once.
    pub(super) fn read_all(options: &[String], scenario: &Scenario) -> Result<Vec<Self>> {
        let tree = Value::try_from(scenario).context("the scenario cannot be varied")?;
        let mut axes: Vec<Self> = Vec::new();
        let mut mistakes = Vec::new();
        for option in options {
            match Self::read(option, scenario, &tree) {
                Ok(axis) if axes.iter().any(|other| other.name == axis.name) => {
                    mistakes.push(format!("{option}: {} is varied twice", axis.name));
                }
                Ok(axis) => axes.push(axis),
                Err(error) => mistakes.push(format!("{option}: {error}")),
            }
        }
        ensure!(mistakes.is_empty(), "--vary {}", mistakes.join("\n--vary "));
        ensure!(
            !axes.is_empty(),
            "nothing is varied: say --vary NAME=1,2,3 or --vary NAME=1..9:2"
        );
        axes.sort_by(|a, b| (a.name == SEED, &a.name).cmp(&(b.name == SEED, &b.name)));
        Ok(axes)
    }

    fn read(option: &str, scenario: &Scenario, tree: &Value) -> Result<Self> {
        let Some((name, values)) = option.split_once('=') else {
            bail!("say NAME=1,2,3 or NAME=1..9:2");
        };
        let (name, target) = target(name.trim(), scenario, tree)?;
        Ok(Self {
            name,
            values: read_values(values)?,
            target,
        })
    }

    /// Whether it is the draw of the population.
    pub fn is_seed(&self) -> bool {
        self.target == Target::Seed
    }

    /// Sets the parameter in a scenario's tree.
    pub(super) fn set(&self, tree: &mut Value, value: u64) -> Result<()> {
        let new = Value::Integer(i64::try_from(value).context("the value is too large")?);
        match &self.target {
            Target::Seed => Ok(()),
            Target::Line => {
                for cohort in cohorts(tree) {
                    if let Some(line) = cohort.get_mut(LINE) {
                        if line.as_integer() != Some(0) {
                            *line = new.clone();
                        }
                    }
                }
                Ok(())
            }
            Target::Path(keys) => {
                let mut place = tree;
                for key in keys {
                    place = place.get_mut(key).context("the parameter is gone")?;
                }
                *place = new;
                Ok(())
            }
        }
    }
}

fn cohorts(tree: &mut Value) -> impl Iterator<Item = &mut Value> {
    let list = tree.get_mut("cohort").and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

/// The parameter of that name, and its shortest name.
fn target(name: &str, scenario: &Scenario, tree: &Value) -> Result<(String, Target)> {
    match name {
        "" => bail!("a parameter's name is missing"),
        SEED => return Ok((SEED.to_owned(), Target::Seed)),
        LINE => {
            let any = scenario.cohorts.iter().any(|cohort| cohort.line_ppm != 0);
            ensure!(any, "no cohort of the scenario has a line");
            return Ok((LINE.to_owned(), Target::Line));
        }
        _ => {}
    }
    let mut paths = Vec::new();
    numbers(tree, &mut Vec::new(), &mut paths);
    let last = |path: &Vec<String>| path.last().cloned().unwrap_or_default();
    let is_it = |path: &&Vec<String>| path.join(".") == name || last(path) == name;
    let matching: Vec<&Vec<String>> = paths.iter().filter(is_it).collect();
    let [path] = matching[..] else {
        let dotted = |paths: Vec<&Vec<String>>| {
            let names: Vec<String> = paths.into_iter().map(|path| path.join(".")).collect();
            names.join(", ")
        };
        if matching.is_empty() {
            bail!(
                "no number {name:?} in the scenario: there are {SEED}, {LINE}, {}",
                dotted(paths.iter().collect())
            );
        }
        bail!("{name} is several: {}", dotted(matching));
    };
    let field = last(path);
    let alone = paths.iter().filter(|other| last(other) == field).count() == 1;
    let short = if alone { field } else { path.join(".") };
    Ok((short, Target::Path(path.clone())))
}

/// Every number of the scenario that stands by itself.
fn numbers(tree: &Value, above: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Some(table) = tree.as_table() else {
        return;
    };
    for (key, value) in table {
        above.push(key.clone());
        if value.is_integer() {
            found.push(above.clone());
        }
        numbers(value, above, found);
        above.pop();
    }
}

/// `1,2,3`, `1..9`, `1..9:2`, or several of these with commas; the last of a range is in it if a step falls on it.
fn read_values(text: &str) -> Result<Vec<u64>> {
    let mut values = BTreeSet::new();
    for part in text.split(',') {
        let Some((from, rest)) = part.split_once("..") else {
            let value = number(part)?;
            ensure!(values.insert(value), "the value {value} is given twice");
            continue;
        };
        let (to, step) = rest.split_once(':').unwrap_or((rest, "1"));
        let (from, to, step) = (number(from)?, number(to)?, number(step)?);
        ensure!(from <= to, "the range {part} ends before it begins");
        ensure!(step != 0, "the range {part} has a step of zero");
        let count = (to - from) / step + 1;
        ensure!(
            count <= VALUES_MAX,
            "the range {part} has {count} values: {VALUES_MAX} at most"
        );
        for place in 0..count {
            let value = from + place * step;
            ensure!(values.insert(value), "the value {value} is given twice");
        }
    }
    Ok(values.into_iter().collect())
}

/// A whole number, `_` between its digits if wanted.
fn number(text: &str) -> Result<u64> {
    let text = text.trim();
    ensure!(!text.is_empty(), "a value is missing");
    let digits = text.replace('_', "");
    let read = digits.parse::<u64>().ok();
    let read = read.filter(|value| i64::try_from(*value).is_ok());
    read.with_context(|| format!("{text:?} is no whole number"))
}
