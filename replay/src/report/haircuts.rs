//! How ADL fell on the winners: uniform against queue and random start.

use maud::{html, Markup};

use super::figures;
use super::findings;
use super::plot::{px, Plot};
use crate::outcome::{Haircut, Run, Study};
use crate::rules::RuleSet;

const WIDTH: i64 = 348;
const HEIGHT: i64 = 190;
const PPM: u64 = 1_000_000;
/// Nothing, ten equal parts, everything.
const BINS: usize = 12;

/// Winners in each bin: the first holds those that lost nothing, the last those at the top of the scale.
struct Histogram {
    bins: [u64; BINS],
    winners: u64,
    least: u64,
    most: u64,
}

impl Histogram {
    fn of(values: impl Iterator<Item = u64>, top: u64) -> Self {
        let mut bins = [0; BINS];
        let mut winners = 0;
        let (mut least, mut most) = (u64::MAX, 0);
        for value in values {
            (least, most) = (value.min(least), value.max(most));
            winners += 1;
            if let Some(bin) = bins.get_mut(bin(value, top)) {
                *bin += 1;
            }
        }
        Self {
            bins,
            winners,
            least: least.min(most),
            most,
        }
    }

    /// How much from whom, in few words.
    fn words(&self) -> String {
        let (least, most) = (self.least.into(), self.most.into());
        let (least, most) = (figures::percent(least), figures::percent(most));
        let untouched = self.share_ppm(self.bins[0]);
        match (self.bins[0], self.least == self.most) {
            (0, true) => format!("{most} of each"),
            (0, false) => format!("{least} to {most}"),
            _ => format!(
                "{} lost nothing; most {most}",
                figures::percent(untouched.into())
            ),
        }
    }

    fn share_ppm(&self, winners: u64) -> u64 {
        let share = u128::from(winners) * u128::from(PPM) / u128::from(self.winners.max(1));
        u64::try_from(share).unwrap_or(PPM)
    }
}

fn bin(value: u64, top: u64) -> usize {
    let place = u128::from(value) * 10 / u128::from(top.max(1));
    match (value, usize::try_from(place).unwrap_or(10)) {
        (0, _) => 0,
        (_, 10..) => BINS - 1,
        (_, place) => place + 1,
    }
}

/// What a winner was charged of each unit of value held; none of one who held nothing.
fn charge_ppm(haircut: &Haircut) -> Option<u64> {
    let charge = u128::from(haircut.charged) * u128::from(PPM);
    u64::try_from(charge.checked_div(haircut.held.into())?).ok()
}

pub(crate) fn section(study: &Study) -> Markup {
    let rules = [
        RuleSet::Plimsoll,
        RuleSet::BaselineQueue,
        RuleSet::BaselineRandom,
    ];
    let runs: Vec<&Run> = rules
        .iter()
        .filter_map(|rules| findings::run(study, *rules))
        .collect();
    let all = || runs.iter().flat_map(|run| run.haircuts.iter());
    let touched = |haircut: &Haircut| haircut.closed_ppm > 0 || haircut.charged > 0;
    if !all().any(touched) {
        return html! { p { "No winner lost anything in these runs: there is nothing to compare." } };
    }
    let top = all().filter_map(charge_ppm).max().unwrap_or(0);
    html! {
        p class="note" {
            "Each bar is a share of the winners, that is of the accounts that stood opposite to a loss. The first bar are those who lost nothing, "
            "the last those at the end of the scale. If all stand in one bar, all bear about the same."
        }
        h3 { "Part of the position that ADL closed" }
        div class="panels" {
            @for run in &runs {
                (panel(run, closed(run), PPM))
            }
        }
        h3 { "Charge, as a part of the value held, mean of all losses" }
        @if top == 0 { p { "Nobody was charged." } } @else {
            div class="panels" {
                @for run in &runs {
                    (panel(run, Histogram::of(run.haircuts.iter().filter_map(charge_ppm), top), top))
                }
            }
        }
    }
}

fn closed(run: &Run) -> Histogram {
    Histogram::of(run.haircuts.iter().map(|haircut| haircut.closed_ppm), PPM)
}

fn title(rules: RuleSet) -> &'static str {
    match rules {
        RuleSet::Plimsoll => "Plimsoll: uniform",
        _ => rules.title(),
    }
}

fn panel(run: &Run, histogram: Histogram, top: u64) -> Markup {
    let plot = Plot::new((8, WIDTH - 8, 22, HEIGHT - 34), (0, 12), (0, 1_000_000));
    let class = if run.rules == RuleSet::Plimsoll {
        "fill-ours"
    } else {
        "fill-other"
    };
    html! {
        figure class="panel" {
            figcaption {
                strong { (title(run.rules)) } br;
                span class="muted" {
                    (figures::plural(histogram.winners, "winner", "winners")) ": " (histogram.words())
                }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (title(run.rules)) ": share of winners" } {
                line class="axis" x1=(plot.left) x2=(plot.right) y1=(plot.bottom) y2=(plot.bottom) {}
                @for (place, winners) in (0_i64..).zip(histogram.bins) {
                    @if winners > 0 { (column(&plot, place, histogram.share_ppm(winners), class)) }
                }
                @for (place, label) in scale(top) {
                    text class="tick mid" x=(px(plot.x(place) + if place == 0 || place == 11 { 138 } else { 0 })) y=(plot.bottom + 17) { (label) }
                }
            }
        }
    }
}

fn column(plot: &Plot, place: i64, share: u64, class: &str) -> Markup {
    let height = i64::try_from(share).unwrap_or(0);
    let (from, to) = (plot.x(place) + 15, plot.x(place + 1) - 15);
    let top = plot.y(height).min(plot.bottom * 10 - 10);
    // Whole percent: a bar's label has room for no more, and one of nearly nothing would stand on its neighbours'.
    let label = format!("{}%", figures::decimal(share.into(), 4, 0));
    html! {
        rect class=(class) x=(px(from)) width=(px(to - from)) y=(px(top)) height=(px(plot.bottom * 10 - top)) {}
        @if share >= 5_000 {
            text class="label mid ink" x=(px((from + to) / 2)) y=(px(top - 50)) { (label) }
        }
    }
}

/// Labels of the axis: zero, the inner limits, the top.
fn scale(top: u64) -> [(i64, String); 5] {
    let at = |tenths: i128| figures::percent(i128::from(top) * tenths / 10);
    [
        (0, "none".to_owned()),
        (3, at(2)),
        (6, at(5)),
        (9, at(8)),
        (11, at(10)),
    ]
}
