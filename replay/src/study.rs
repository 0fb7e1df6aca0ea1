//! One call of `plimsoll replay`: files in, the day under every set of rules, everything found out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use plimsoll_tapes::CsvTape;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::day::{self, Script};
use crate::outcome::{Input, PerpSecond, Run, Study};
use crate::rules::RuleSet;
use crate::scenario::{Scenario, DEFAULT};
use crate::tapes::{Stretch, When};

/// What is to be replayed.
#[derive(Clone, Debug)]
pub struct Request {
    pub index: PathBuf,
    pub perp: Option<PathBuf>,
    /// Name of the market; the first word of the index's file name if none is given.
    pub market: Option<String>,
    pub scenario: Option<PathBuf>,
    pub rules: Vec<RuleSet>,
    pub seed: u64,
    /// First and last second; the index's own where none is given.
    pub from: Option<When>,
    pub until: Option<When>,
    /// In place of the scenario's number.
    pub accounts: Option<u32>,
    /// The bytecode, and its name.
    pub program: Vec<u8>,
    pub program_name: String,
}

/// What was read, ready to be played.
#[derive(Clone, Debug)]
pub struct Material {
    pub market: String,
    pub seed: u64,
    pub inputs: Vec<Input>,
    pub scenario: Scenario,
    pub stretch: Stretch,
    pub program: Vec<u8>,
}

impl Material {
    /// Reads all files and checks them.
    ///
    /// # Errors
    /// Names the file, and of a bad row the line.
    pub fn read(request: &Request) -> Result<Self> {
        let mut inputs = Vec::new();
        let index = tape("index", &request.index, &mut inputs)?;
        let perp = match &request.perp {
            Some(path) => Some(tape("perp", path, &mut inputs)?),
            None => None,
        };
        let mut scenario = match &request.scenario {
            Some(path) => {
                let (scenario, bytes) = Scenario::load(path)?;
                inputs.push(input("scenario", &name_of(path), &bytes));
                scenario
            }
            None => {
                inputs.push(input("scenario", "the default", DEFAULT.as_bytes()));
                Scenario::parse(DEFAULT).context("the default scenario")?
            }
        };
        inputs.push(input("program", &request.program_name, &request.program));
        if let Some(accounts) = request.accounts {
            scenario.accounts = accounts;
            scenario.check()?;
        }
        let market = request
            .market
            .clone()
            .unwrap_or_else(|| market_of(&request.index));
        scenario.name.clone_from(&market);
        let stretch = Stretch::cut(&index, perp.as_ref(), request.from, request.until)
            .with_context(|| request.index.display().to_string())?;
        Ok(Self {
            market,
            seed: request.seed,
            inputs,
            scenario,
            stretch,
            program: request.program.clone(),
        })
    }

    /// Plays it under one set of rules; `seen` is told of every second that is over.
    ///
    /// # Errors
    /// As [`day::play`].
    pub fn play(&self, rules: RuleSet, seen: &dyn Fn(u32)) -> Result<Run> {
        let script = Script {
            program: &self.program,
            scenario: &self.scenario,
            stretch: &self.stretch,
            seed: self.seed,
        };
        day::play(&script, rules, seen)
    }

    /// Plays it under each of `rules`, on all cores. The result does not depend on how many there are.
    ///
    /// # Errors
    /// As [`day::play`].
    pub fn study(
        &self,
        rules: &[RuleSet],
        seen: &(dyn Fn(RuleSet, u32) + std::marker::Sync),
    ) -> Result<Study> {
        let runs: Result<Vec<Run>> = rules
            .par_iter()
            .with_max_len(1)
            .map(|rules| self.play(*rules, &|second| seen(*rules, second)))
            .collect();
        let seconds = 0..self.stretch.seconds;
        let perp = seconds.filter_map(|second| {
            let candle = self.stretch.perp_at(second)?;
            Some(PerpSecond {
                second,
                low: candle.low_e8,
                high: candle.high_e8,
                close: candle.close_e8,
            })
        });
        Ok(Study {
            market: self.market.clone(),
            seed: self.seed,
            inputs: self.inputs.clone(),
            accounts: self.scenario.accounts,
            start: self.stretch.start,
            seconds: self.stretch.seconds,
            index: self.stretch.closes().to_vec(),
            perp: perp.collect(),
            worst: self.stretch.worst,
            runs: runs?,
        })
    }
}

fn tape(role: &'static str, path: &Path, inputs: &mut Vec<Input>) -> Result<CsvTape> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("the tape {} cannot be read", path.display()))?;
    inputs.push(input(role, &name_of(path), &bytes));
    CsvTape::read(&path.display().to_string(), &bytes[..])
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn input(role: &'static str, name: &str, bytes: &[u8]) -> Input {
    let hash = Sha256::digest(bytes);
    Input {
        role,
        name: name.to_owned(),
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// The first word of a file's name, in capitals, as far as a market's name on chain reaches.
fn market_of(path: &Path) -> String {
    let name = name_of(path);
    let word = name.split(['_', '.', '-']).next().unwrap_or_default();
    word.chars().take(16).collect::<String>().to_uppercase()
}
