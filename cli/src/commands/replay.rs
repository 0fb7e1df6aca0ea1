//! `plimsoll replay`: a recorded day through the program's bytecode, with the rules switched one by one. Needs no
//! cluster and sends nothing.

mod sweep;
mod waves;

use std::path::PathBuf;

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, Subcommand};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use plimsoll_replay::outcome::Study;
use plimsoll_replay::rules::RuleSet;
use plimsoll_replay::study::{Material, Request};
use plimsoll_replay::tapes::When;

use crate::artifact::find_artifact;
use crate::output::{table, Output};

/// Seconds between two steps of a progress bar.
const PROGRESS_SECONDS: u32 = 30;

/// Arguments of `plimsoll replay`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ReplayArgs {
    #[command(subcommand)]
    command: Option<ReplayCommand>,
    #[command(flatten)]
    day: Option<DayArgs>,
}

#[derive(Subcommand, Debug)]
enum ReplayCommand {
    /// The same day over a grid of parameters, on all cores; goes on where it was interrupted
    Sweep(sweep::SweepArgs),
    /// Recompute published waves of auto-deleveraging by the uniform rule, the queue beside it
    Waves(waves::WavesArgs),
}

/// What is played.
#[derive(Args, Clone, Debug)]
pub(crate) struct DayArgs {
    /// Tape of the index: unix_seconds,open,high,low,close,volume,trades
    #[arg(long)]
    index: PathBuf,
    /// Tape of a perpetual, whose trades come to this venue; without it the venue's own book makes the price
    #[arg(long)]
    perp: Option<PathBuf>,
    /// Name of the market [default: the first word of the index's file name]
    #[arg(long)]
    market: Option<String>,
    /// Who is there and how they behave [default: replay/scenario.toml]
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// In place of the scenario's number of accounts
    #[arg(long)]
    accounts: Option<u32>,
    /// Draws the population
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First second, 21:10, 21:10:30 or Unix time [default: the index's first]
    #[arg(long)]
    from: Option<When>,
    /// Last second [default: the index's last]
    #[arg(long)]
    until: Option<When>,
    /// Bytecode [default: artifacts/plimsoll.so]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Sets of rules, with commas: plimsoll, no_credit, no_halt, baseline_queue, baseline_random,
    /// baseline_suspended_deposits, baseline_venue_mark [default: all; of a sweep, which has one, plimsoll]
    #[arg(long, value_delimiter = ',')]
    rules: Vec<RuleSet>,
    /// Folder for report.html, summary.json, events.csv and timing.json; of a sweep for sweep.csv, spread.csv,
    /// heatmap.html and journal.jsonl
    #[arg(long)]
    out: PathBuf,
}

impl DayArgs {
    fn request(&self) -> Result<Request> {
        let path = self.program.clone().map_or_else(find_artifact, Ok)?;
        let program = std::fs::read(&path)
            .with_context(|| format!("the bytecode {} cannot be read", path.display()))?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let mut rules = self.rules.clone();
        if rules.is_empty() {
            rules = RuleSet::ALL.to_vec();
        }
        let mut once = rules.clone();
        once.sort_unstable();
        once.dedup();
        ensure!(once.len() == rules.len(), "a set of rules is named twice");
        Ok(Request {
            index: self.index.clone(),
            perp: self.perp.clone(),
            market: self.market.clone(),
            scenario: self.scenario.clone(),
            rules,
            seed: self.seed,
            from: self.from,
            until: self.until,
            accounts: self.accounts,
            program,
            program_name: name.to_string_lossy().into_owned(),
        })
    }
}

pub(crate) fn run(output: Output, args: ReplayArgs) -> Result<()> {
    match (args.command, args.day) {
        (Some(ReplayCommand::Sweep(args)), _) => sweep::run(output, &args),
        (Some(ReplayCommand::Waves(args)), _) => waves::run(output, &args),
        (None, Some(day)) => replay(output, &day),
        (None, None) => bail!("say --index and --out, or one of the commands sweep and waves"),
    }
}

fn replay(output: Output, args: &DayArgs) -> Result<()> {
    let request = args.request()?;
    let material = Material::read(&request)?;
    // A folder that cannot be written is found out before an hour's work.
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("the folder {} cannot be made", args.out.display()))?;
    let bars = bars(&request.rules, material.stretch.seconds);
    let study = material.study(&request.rules, &|rules, second| {
        if second % PROGRESS_SECONDS == 0 {
            if let Some((_, bar)) = bars.iter().find(|(own, _)| *own == rules) {
                bar.set_position(u64::from(second));
            }
        }
    })?;
    for (_, bar) in &bars {
        bar.finish();
    }
    plimsoll_replay::report::write(&study, &args.out)?;
    output.progress(&format!(
        "{} and summary.json, events.csv, timing.json beside it",
        args.out.join("report.html").display()
    ));
    let summary: serde_json::Value =
        serde_json::from_slice(&plimsoll_replay::summary::json(&study)?)?;
    output.result(&summary, || text(&study))
}

/// A bar for each set of rules.
fn bars(rules: &[RuleSet], seconds: u32) -> Vec<(RuleSet, ProgressBar)> {
    let all = MultiProgress::new();
    let template = "{prefix:28} {bar:30} {pos}/{len} s {elapsed}";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = |rules: &RuleSet| {
        let bar = all.add(ProgressBar::new(u64::from(seconds)));
        bar.set_style(style.clone());
        bar.set_prefix(rules.name());
        (*rules, bar)
    };
    rules.iter().map(bar).collect()
}

/// The figures that a terminal has room for.
fn text(study: &Study) -> String {
    let usdc = |atoms: u64| format!("{}", atoms / 1_000_000);
    let rows = study.runs.iter().map(|run| {
        let found = &run.measures;
        vec![
            run.rules.name().to_owned(),
            found.liquidated_accounts.to_string(),
            usdc(found.liquidated_notional),
            found.hedgers_stopped_out.to_string(),
            usdc(found.bad_debt),
            usdc(found.adl_notional),
            format!("{}/{}", found.deposits_accepted, found.deposits_tried),
            found.halts.to_string(),
            if run.flaws.is_empty() {
                "exact"
            } else {
                "FLAWS"
            }
            .to_owned(),
        ]
    });
    table(
        &[
            "rules",
            "liquidated",
            "USDC",
            "hedgers",
            "bad debt",
            "ADL",
            "deposits",
            "halts",
            "custody",
        ],
        rows,
    )
}
