//! `plimsoll replay sweep`: the same day over a grid of parameters.

use anyhow::{bail, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use plimsoll_replay::rules::RuleSet;
use plimsoll_replay::study::Material;
use plimsoll_replay::sweep::{measure_names, Spread, Step, Sweep, Table};
use serde_json::json;

use super::DayArgs;
use crate::output::{table, Output};

/// Arguments of `plimsoll replay sweep`.
#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    day: DayArgs,
    /// A parameter and its values: velocity_short_ppm=30_000,50_000 or initial_margin_ppm=100_000..130_000:10_000 or
    /// seed=1..20; any number of the scenario, of two with the same name as makers.cash_ppm. May be repeated: every
    /// combination is played
    #[arg(long, required = true, value_name = "NAME=VALUES")]
    vary: Vec<String>,
    /// Measure that heatmap.html shows, as summary.json names it
    #[arg(long, default_value = "liquidated_accounts")]
    measure: String,
}

pub(crate) fn run(output: Output, args: &SweepArgs) -> Result<()> {
    let mut day = args.day.clone();
    if day.rules.is_empty() {
        day.rules.push(RuleSet::Plimsoll);
    }
    let [rules] = day.rules[..] else {
        bail!("a sweep has one set of rules: name one with --rules");
    };
    let material = Material::read(&day.request()?)?;
    let seconds = material.stretch.seconds;
    let sweep = Sweep::new(material, rules, &args.vary, &args.measure)?;
    let bar = bar();
    let found = sweep.run(&day.out, &|step| match step {
        Step::Planned { missing, known } => {
            if known != 0 {
                output.progress(&format!("{known} points are known, {missing} are played"));
            }
            bar.set_prefix(format!("{missing} points"));
            let missing = u64::try_from(missing).unwrap_or(u64::MAX);
            bar.set_length(missing.saturating_mul(u64::from(seconds)));
        }
        Step::Second => bar.inc(1),
        Step::Finished => {}
    })?;
    bar.finish();
    for (reason, points) in found.reasons() {
        let points: Vec<String> = points.into_iter().collect();
        output.progress(&format!("not played: {reason}: {}", points.join(", ")));
    }
    output.progress(&format!(
        "{} and heatmap.html{} beside it",
        day.out.join("sweep.csv").display(),
        if found.grid.has_seeds() {
            ", spread.csv"
        } else {
            ""
        }
    ));
    output.result(&value(&found, &args.measure), || {
        text(&found, &args.measure)
    })
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{prefix:12} {bar:30} {percent:>3}% {elapsed} left {eta}";
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The points and the measure that was asked for.
fn value(found: &Table, measure: &str) -> serde_json::Value {
    let rows = found.rows.iter().map(|(point, found_there)| {
        let axes = found.grid.axes.iter().zip(point);
        let at: serde_json::Map<_, _> = axes
            .map(|(axis, value)| (axis.name.clone(), json!(value)))
            .collect();
        json!({ "point": at, measure: found_there.text(measure) })
    });
    json!({ "points": rows.collect::<Vec<_>>() })
}

/// All measures where only seeds are varied; else the one that was asked for at each combination.
fn text(found: &Table, measure: &str) -> String {
    let groups = found.groups();
    let cells = |spread: Spread| [spread.least, spread.median, spread.most];
    if let (true, Some(seeds)) = (found.grid.parameters().is_empty(), groups.values().next()) {
        let rows = measure_names().into_iter().map(|name| {
            let mut row = vec![name.to_owned()];
            row.extend(cells(Spread::of(seeds, name)));
            row
        });
        return table(&["measure", "min", "median", "max"], rows);
    }
    let axes = found.grid.parameters().iter();
    let mut header: Vec<&str> = axes.map(|axis| axis.name.as_str()).collect();
    let median = format!("{measure}, median");
    if found.grid.has_seeds() {
        header.extend(["min", median.as_str(), "max"]);
    } else {
        header.push(measure);
    }
    let rows = groups.iter().map(|(point, seeds)| {
        let mut row: Vec<String> = point.iter().map(u64::to_string).collect();
        let spread = Spread::of(seeds, measure);
        if found.grid.has_seeds() {
            row.extend(cells(spread));
        } else {
            row.push(spread.median);
        }
        row
    });
    table(&header, rows)
}
