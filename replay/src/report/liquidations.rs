//! Liquidated notional over time, a strip for each run on one scale.

use maud::{html, Markup};

use super::figures;
use super::plot::{px, Plot};
use super::{findings, Size};
use crate::outcome::{Run, Study};
use crate::rules::RuleSet;

/// Lengths that a bar may stand for, seconds.
const BAR_SECONDS: [u32; 8] = [1, 5, 10, 30, 60, 120, 300, 600];
const STRIP_HEIGHT: i64 = 84;

/// Notional in each bar's stretch.
fn bars(run: &Run, bar_seconds: u32) -> Vec<i64> {
    let length = usize::try_from(bar_seconds).unwrap_or(1).max(1);
    let sum = |part: &[crate::outcome::Moment]| {
        let total: u128 = part.iter().map(|now| u128::from(now.liquidated)).sum();
        i64::try_from(total).unwrap_or(i64::MAX)
    };
    run.timeline.chunks(length).map(sum).collect()
}

pub(crate) fn section(study: &Study) -> Markup {
    let fits = |length: &&u32| study.seconds / **length <= 180;
    let bar_seconds = *BAR_SECONDS.iter().find(fits).unwrap_or(&600);
    let runs: Vec<(&Run, Vec<i64>)> = study
        .runs
        .iter()
        .map(|run| (run, bars(run, bar_seconds)))
        .collect();
    let most = runs.iter().flat_map(|(_, bars)| bars.iter().copied()).max();
    let most = most.unwrap_or(0);
    let ours = findings::run(study, RuleSet::Plimsoll).map(|run| bars(run, bar_seconds));
    html! {
        p class="note" {
            "USDC in each " (figures::duration(bar_seconds.into())) ", all strips on one scale"
            @if ours.is_some() && runs.len() > 1 { "; the thin line is Plimsoll, for comparison" }
            ". Times are UTC."
        }
        @for (run, bars) in &runs {
            @let ours = ours.as_ref().filter(|_| run.rules != RuleSet::Plimsoll);
            div class="strip" {
                p class="strip-title" {
                    strong { (run.rules.title()) }
                    span {
                        (figures::compact(run.measures.liquidated_notional.into())) " USDC, "
                        (figures::plural(run.measures.liquidated_accounts, "account", "accounts"))
                        @if ours.is_some_and(|ours| ours == bars) { ": the same as Plimsoll" }
                    }
                }
                @for size in [Size::Wide, Size::Narrow] {
                    (strip(study, run.rules, bars, ours, (bar_seconds, most), size))
                }
            }
        }
    }
}

fn strip(
    study: &Study,
    rules: RuleSet,
    bars: &[i64],
    ours: Option<&Vec<i64>>,
    (bar_seconds, most): (u32, i64),
    size: Size,
) -> Markup {
    let width = if size == Size::Narrow { 360 } else { 1_080 };
    let plot = Plot::new(
        (48, width - 8, 8, STRIP_HEIGHT - 24),
        (0, study.seconds.into()),
        (0, most),
    );
    let class = if rules == RuleSet::Plimsoll {
        "fill-ours"
    } else {
        "fill-other"
    };
    let ticks = if width > 600 { 13 } else { 5 };
    let name = format!("{}: notional liquidated over time, USDC", rules.title());
    html! {
        svg viewBox={ "0 0 " (width) " " (STRIP_HEIGHT) } class=(size.class()) role="img" aria-label=(name) {
            @if most > 0 {
                (plot.y_axis(2, |tick, _| figures::compact(tick.into())))
            }
            (plot.time_axis(study.start, ticks))
            @if bars.iter().any(|bar| *bar > 0) {
                path class=(class) d=(columns(&plot, bars, bar_seconds)) {}
            } @else {
                text class="tick" x=(plot.left + 8) y=(plot.bottom - 8) { "Nothing was liquidated." }
            }
            @if let Some(ours) = ours {
                path class="line outline-ours" d=(outline(&plot, ours, bar_seconds)) {}
            }
        }
    }
}

fn edges(plot: &Plot, place: u32, bar_seconds: u32) -> (i64, i64) {
    let from = i64::from(place.saturating_mul(bar_seconds));
    (
        plot.x(from),
        plot.x(from + i64::from(bar_seconds)).min(plot.right * 10),
    )
}

fn columns(plot: &Plot, bars: &[i64], bar_seconds: u32) -> String {
    let mut path = String::new();
    for (place, bar) in (0_u32..).zip(bars).filter(|(_, bar)| **bar > 0) {
        let (from, to) = edges(plot, place, bar_seconds);
        let gap = if to - from > 30 { 5 } else { 0 };
        // What is there is seen, however little it is.
        let top = plot.y(*bar).min(plot.bottom * 10 - 10);
        let (from, to, top) = (px(from), px(to - gap), px(top));
        path.push_str(&format!(
            "M{from} {}V{top}H{to}V{}Z",
            plot.bottom, plot.bottom
        ));
    }
    path
}

fn outline(plot: &Plot, bars: &[i64], bar_seconds: u32) -> String {
    let mut path = format!("M{} {}", plot.left, plot.bottom);
    for (place, bar) in (0_u32..).zip(bars) {
        let (_, to) = edges(plot, place, bar_seconds);
        path.push_str(&format!("V{}H{}", px(plot.y(*bar)), px(to)));
    }
    path
}
