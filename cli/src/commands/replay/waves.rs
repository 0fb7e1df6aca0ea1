//! `plimsoll replay waves`: the published waves of auto-deleveraging under the uniform rule, beside the queue.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{ensure, Context, Result};
use clap::Args;
use plimsoll_replay::waves::{self, Totals, Wave};
use serde::Serialize;

use crate::output::{table, Output};

/// Arguments of `plimsoll replay waves`.
#[derive(Args, Debug)]
pub(crate) struct WavesArgs {
    /// Waves in the format of data/adl_waves_2025-10-10.csv
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Shown<'a> {
    waves: &'a [Wave],
    totals: Totals,
    notes: Vec<String>,
}

/// Prints everything, then fails where a published number is not what is computed.
pub(crate) fn run(output: Output, args: &WavesArgs) -> Result<()> {
    let name = args.file.display().to_string();
    let file = File::open(&args.file).with_context(|| format!("{name} cannot be opened"))?;
    let waves = waves::compute(&waves::read(&name, file)?).context(name.clone())?;
    let shown = Shown {
        waves: &waves,
        totals: waves::totals(&waves),
        notes: waves::notes(&waves),
    };
    output.result(&shown, || text(&shown))?;
    ensure!(
        shown.totals.disagreements == 0,
        "{name}: {} of the published numbers are not what is computed",
        shown.totals.disagreements
    );
    Ok(())
}

fn text(shown: &Shown<'_>) -> String {
    let waves = waves::table(shown.waves);
    format!(
        "{}\n\n{}",
        table(&waves.header, waves.rows),
        shown.notes.join("\n")
    )
}
