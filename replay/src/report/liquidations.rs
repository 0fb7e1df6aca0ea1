//! Liquidated notional over time, a strip for each run on one scale.

use maud::{html, Markup};

use super::figures;
use super::plot::{px, Plot};
use super::{findings, Size};
use crate::outcome::{Run, Study};
use crate::rules::RuleSet;

/// Lengths that a bar may stand for, seconds.
const BAR_SECONDS: [u32; 8] = [1, 5, 10, 30, 60, 120, 300, 600];
const STRIP_HEIGHT: i64 = 66;
/// Room for the times under the last strip.
const TIMES_HEIGHT: i64 = 20;

/// Notional in each bar's stretch.
fn bars(run: &Run, bar_seconds: u32) -> Vec<i64> {
    let length = usize::try_from(bar_seconds).unwrap_or(1).max(1);
    let sum = |part: &[crate::outcome::Moment]| {
        let total: u128 = part.iter().map(|now| u128::from(now.liquidated)).sum();
        i64::try_from(total).unwrap_or(i64::MAX)
    };
    run.timeline.chunks(length).map(sum).collect()
}

/// A bar's length, as in "each minute".
fn length(seconds: u32) -> String {
    match seconds {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        _ => figures::duration(seconds.into()),
    }
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
            "USDC liquidated in each " (length(bar_seconds)) ", all strips on one scale"
            @if ours.is_some() && runs.len() > 1 { "; the thin line is Plimsoll, for comparison" }
            ". Times are UTC."
        }
        @for (place, (run, bars)) in (1..).zip(&runs) {
            @let strip = Strip {
                bars,
                ours: ours.as_deref().filter(|_| run.rules != RuleSet::Plimsoll),
                bar_seconds,
                most,
                times: place == runs.len(),
            };
            div class="strip" {
                p class="strip-title" {
                    strong { (run.rules.title()) }
                    span {
                        (figures::compact(run.measures.liquidated_notional.into())) " USDC, "
                        (figures::plural(run.measures.liquidated_accounts, "account", "accounts"))
                        @if strip.ours.is_some_and(|ours| ours == bars) { "; at the same times as Plimsoll" }
                    }
                }
                @for size in [Size::Wide, Size::Narrow] { (strip.draw(study, run, size)) }
            }
        }
    }
}

/// The chart of one run.
struct Strip<'a> {
    bars: &'a [i64],
    /// Plimsoll's, to compare with.
    ours: Option<&'a [i64]>,
    bar_seconds: u32,
    /// The tallest bar of all runs.
    most: i64,
    /// Whether the times are written under it.
    times: bool,
}

impl Strip<'_> {
    fn draw(&self, study: &Study, run: &Run, size: Size) -> Markup {
        let (width, ticks) = if size == Size::Narrow {
            (360, 5)
        } else {
            (1_080, 13)
        };
        let plot = Plot::new(
            (48, width - 20, 8, STRIP_HEIGHT - 4),
            (0, study.seconds.into()),
            (0, self.most),
        );
        let height = STRIP_HEIGHT + if self.times { TIMES_HEIGHT } else { 0 };
        let class = if run.rules == RuleSet::Plimsoll {
            "fill-ours"
        } else {
            "fill-other"
        };
        let name = format!("{}: notional liquidated over time, USDC", run.rules.title());
        html! {
            svg viewBox={ "0 0 " (width) " " (height) } class=(size.class()) role="img" aria-label=(name) {
                @if self.most > 0 { (plot.y_axis(2, |tick, _| figures::axis(tick.into()))) }
                @if self.times { (plot.time_axis(study.start, ticks)) }
                line class="axis" x1=(plot.left) x2=(plot.right) y1=(plot.bottom) y2=(plot.bottom) {}
                @if self.bars.iter().any(|bar| *bar > 0) {
                    path class=(class) d=(columns(&plot, self.bars, self.bar_seconds)) {}
                } @else {
                    text class="tick" x=(plot.left + 8) y=(plot.bottom - 8) { "Nothing was liquidated." }
                }
                @if let Some(ours) = self.ours.filter(|ours| *ours != self.bars) {
                    path class="line outline-ours" d=(outline(&plot, ours, self.bar_seconds)) {}
                }
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

/// The tops of another run's bars, from the first to the last.
fn outline(plot: &Plot, bars: &[i64], bar_seconds: u32) -> String {
    let some = |bar: &i64| *bar > 0;
    let Some(first) = bars.iter().position(some) else {
        return String::new();
    };
    let last = bars.iter().rposition(some).unwrap_or(first);
    let mut path = String::new();
    for (place, bar) in (0_u32..).zip(bars).skip(first).take(last - first + 1) {
        let (from, to) = edges(plot, place, bar_seconds);
        if path.is_empty() {
            path = format!("M{} {}", px(from), plot.bottom);
        }
        path.push_str(&format!("V{}H{}", px(plot.y(*bar)), px(to)));
    }
    path.push_str(&format!("V{}", plot.bottom));
    path
}
