//! Equity of the cohorts, with credit lines and without.

use maud::{html, Markup};

use super::figures;
use super::findings;
use super::plot::{EndLabel, Plot};
use crate::outcome::{Cohort, Study, COHORT_SECONDS};
use crate::rules::RuleSet;

const WIDTH: i64 = 348;
const HEIGHT: i64 = 200;

/// Changes of a cohort's equity since the start, in ppm of it or, without a start, in quote atoms.
struct Change {
    points: Vec<i64>,
    relative: bool,
}

impl Change {
    fn of(cohort: &Cohort) -> Self {
        let start = i128::from(cohort.equity.first().copied().unwrap_or(0));
        let relative = start > 0;
        let change = |now: &i64| {
            let change = i128::from(*now) - start;
            let change = if relative {
                change * 1_000_000 / start
            } else {
                change
            };
            i64::try_from(change).unwrap_or(if change < 0 { i64::MIN } else { i64::MAX })
        };
        Self {
            points: cohort.equity.iter().map(change).collect(),
            relative,
        }
    }

    fn text(&self, value: i64) -> String {
        let text = if self.relative {
            figures::percent(i128::from(value) / 1_000 * 1_000)
        } else {
            figures::compact(value.into())
        };
        if value > 0 {
            figures::signed(text)
        } else {
            text
        }
    }
}

pub(crate) fn section(study: &Study) -> Markup {
    let Some(ours) = findings::run(study, RuleSet::Plimsoll).or(study.runs.first()) else {
        return html! {};
    };
    let theirs =
        findings::run(study, RuleSet::NoCredit).filter(|theirs| theirs.rules != ours.rules);
    let matching = |cohort: &Cohort| {
        let all = theirs.into_iter().flat_map(|run| run.cohorts.iter());
        all.into_iter().find(|other| other.name == cohort.name)
    };
    html! {
        p class="note" {
            "Change of equity since the start, credit not counted; deposits made on the way count as equity. Each chart has its own scale. "
            span class="ours" { (ours.rules.title()) }
            @if let Some(theirs) = theirs { " against " span class="other" { (theirs.rules.title()) } }
            ". Times are UTC."
        }
        div class="panels" {
            @for cohort in &ours.cohorts {
                (panel(study, cohort, matching(cohort)))
            }
        }
        @if ours.cohorts.is_empty() { p { "The run has no cohorts." } }
    }
}

fn panel(study: &Study, ours: &Cohort, theirs: Option<&Cohort>) -> Markup {
    let change = Change::of(ours);
    let other = theirs.map(Change::of);
    // A cohort that starts with nothing in one run alone is not comparable.
    let other = other.filter(|other| other.relative == change.relative);
    let same = other
        .as_ref()
        .is_some_and(|other| other.points == change.points);
    let all = || {
        let others = other.iter().flat_map(|other| other.points.iter());
        change.points.iter().chain(others).copied()
    };
    let low = all().min().unwrap_or(0).min(0);
    // Less than a hundredth of a percent is a flat line, not a mountain.
    let high = all()
        .max()
        .unwrap_or(0)
        .max(0)
        .max(low.saturating_add(1_000));
    let room = high.saturating_sub(low) / 16;
    let plot = Plot::new(
        (48, WIDTH - 62, 10, HEIGHT - 28),
        (0, study.seconds.into()),
        (low.saturating_sub(room), high.saturating_add(room)),
    );
    let line = |points: &[i64]| {
        let places = (0_i64..).map(|place| place * i64::from(COHORT_SECONDS));
        plot.line(places.zip(points.iter().map(|point| Some(*point))))
    };
    let accounts = figures::plural(ours.accounts.into(), "account", "accounts");
    let liquidated = |cohort: &Cohort| figures::count(cohort.liquidated_accounts.into());
    html! {
        figure class="panel" {
            figcaption {
                strong { (ours.name) } " · " (accounts) br;
                span class="muted" {
                    "liquidated: " (liquidated(ours))
                    @if let Some(theirs) = theirs { ", without credit " (liquidated(theirs)) }
                    @if same { " · equity the same in both" }
                }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (ours.name) ": change of equity" } {
                (plot.y_axis(5, |tick, _| change.tick(tick)))
                (plot.time_axis(study.start, 4))
                @if let Some(other) = other.as_ref().filter(|_| !same) {
                    path class="line line-other" d=(line(&other.points)) {}
                }
                path class="line line-ours" d=(line(&change.points)) {}
                (plot.end_labels(ends(&plot, &change, other.as_ref().filter(|_| !same))))
            }
            @if change.points.is_empty() { p class="muted" { "No samples." } }
        }
    }
}

impl Change {
    fn tick(&self, tick: i64) -> String {
        if self.relative {
            let places = if tick % 10_000 == 0 { 0 } else { 2 };
            format!("{}%", figures::decimal(tick.into(), 4, places))
        } else {
            figures::axis(tick.into())
        }
    }
}

fn ends(plot: &Plot, ours: &Change, theirs: Option<&Change>) -> Vec<EndLabel> {
    let named = [("ours", Some(ours)), ("other", theirs)];
    let labels = named.into_iter().filter_map(|(class, change)| {
        let change = change?;
        let last = *change.points.last()?;
        Some(EndLabel {
            tenths: plot.y(last),
            class,
            text: change.text(last),
        })
    });
    labels.collect()
}
