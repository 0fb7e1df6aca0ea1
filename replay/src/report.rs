//! The report of a replay: a page for people, figures for programs, a row for each event.
//!
//! Draws what [`crate::outcome`] holds and computes nothing of it anew. All files but `timing.json` are the same bytes for
//! the same study: there is no clock, no map without an order and no float in them.

mod cohorts;
pub(crate) mod figures;
mod findings;
mod haircuts;
mod headline;
mod liquidations;
mod losses;
pub(crate) mod measures;
mod method;
pub(crate) mod plot;
mod price;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod style;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use maud::{html, Markup, PreEscaped, DOCTYPE};

use crate::outcome::{Run, Study};
use crate::rules::RuleSet;
use crate::{events, summary};

/// For which width a chart is drawn; the style shows the one that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Wide,
    /// One of two side by side.
    Half,
    Narrow,
}

impl Size {
    const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Half => "half",
            Self::Narrow => "narrow",
        }
    }
}

/// Writes `report.html`, its first picture as `price.svg`, `summary.json`, `events.csv` and `timing.json` into `folder`,
/// which is made if need be.
///
/// # Errors
/// What cannot be written, with its path.
pub fn write(study: &Study, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let files = [
        ("report.html", page(study).into_string().into_bytes()),
        ("price.svg", picture(study).into_string().into_bytes()),
        ("summary.json", summary::json(study)?),
        ("events.csv", events::csv(study)?),
        ("timing.json", summary::timing_json(study)?),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// The first run's price, the worst ten minutes of it where they are a small part; nothing without a run.
fn picture(study: &Study) -> Markup {
    let Some(run) = study.runs.first() else {
        return html! {};
    };
    let view = price::View::worst(study, &[run]).or_else(|| price::View::whole(study, &[run]));
    html! { @if let Some(view) = view { (price::picture(study, run, view)) } }
}

fn page(study: &Study) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (study.market) ", replayed" }
                style { (PreEscaped(style::CSS)) }
            }
            body {
                main {
                    (headline::section(study))
                    (contents())
                    section id="price" { h2 { "Price" } (prices(study)) }
                    section id="liquidations" { h2 { "Liquidations" } (liquidations::section(study)) }
                    section id="equity" { h2 { "Equity of the cohorts" } (cohorts::section(study)) }
                    section id="losses" { h2 { "Who paid for the losses" } (losses::section(study)) }
                    section id="haircuts" { h2 { "How ADL fell on the winners" } (haircuts::section(study)) }
                    section id="measures" { h2 { "Rules against measures" } (table::section(study)) }
                    section id="supported" { h2 { "What the data supports" } (supported(study)) }
                    section id="unsupported" { h2 { "What the data does not support" } (unsupported(study)) }
                    section id="method" class="method" { h2 { "Method and limits" } (method::section(study)) }
                }
            }
        }
    }
}

fn contents() -> Markup {
    let sections = [
        ("#price", "Price"),
        ("#liquidations", "Liquidations"),
        ("#equity", "Equity"),
        ("#losses", "Losses"),
        ("#haircuts", "ADL"),
        ("#measures", "All measures"),
        ("#supported", "Supported"),
        ("#unsupported", "Not supported"),
        ("#method", "Method and limits"),
    ];
    html! { nav { @for (place, name) in sections { a href=(place) { (name) } } } }
}

/// The whole day for each of the two runs, then the worst ten minutes of both side by side.
fn prices(study: &Study) -> Markup {
    let rules = [RuleSet::Plimsoll, RuleSet::BaselineVenueMark];
    let runs: Vec<&Run> = rules
        .iter()
        .filter_map(|rules| findings::run(study, *rules))
        .collect();
    let whole = price::View::whole(study, &runs);
    let worst = price::View::worst(study, &runs);
    html! {
        (price::key(study))
        @if let Some(view) = whole.filter(|_| !runs.is_empty()) {
            @for run in &runs {
                figure {
                    figcaption { strong { (run.rules.title()) } }
                    (price::chart(study, run, view, Size::Wide))
                    (price::chart(study, run, view, Size::Narrow))
                }
            }
        } @else {
            p { "No run with a price to show." }
        }
        @if let Some(view) = worst {
            h3 { "The worst ten minutes, closer" }
            div class="pair" {
                @for run in &runs {
                    figure {
                        figcaption { strong { (run.rules.title()) } }
                        (price::chart(study, run, view, Size::Half))
                        (price::chart(study, run, view, Size::Narrow))
                    }
                }
            }
        }
    }
}

fn supported(study: &Study) -> Markup {
    let found = findings::switches(study);
    let mut found = found
        .iter()
        .filter(|finding| !finding.supported.is_empty())
        .peekable();
    html! {
        p class="note" {
            "Each sentence is made from two figures of this replay and holds for this tape, this population and this seed."
        }
        @if found.peek().is_none() {
            p { "Nothing: of no rule that was switched is it shown that it helped." }
        }
        @for finding in found {
            h3 { (finding.title) }
            (sentences(&finding.supported))
        }
    }
}

fn unsupported(study: &Study) -> Markup {
    let broken = findings::broken_promises(study);
    let found = findings::switches(study);
    let mut found = found
        .iter()
        .filter(|finding| !finding.unsupported.is_empty())
        .peekable();
    html! {
        p class="note" {
            "Where a rule made no difference to what it is there for, where something came out worse with it, and what was not tested."
        }
        @if !broken.is_empty() {
            h3 { "What Plimsoll's own rules promise and did not keep" }
            ul { @for sentence in &broken { li class="worse" { (sentence) } } }
        }
        @if found.peek().is_none() && broken.is_empty() {
            p { "Nothing: each rule helped with all that it is there for, and made nothing worse." }
        }
        @for finding in found {
            h3 { (finding.title) }
            (sentences(&finding.unsupported))
        }
    }
}

/// Sentences as a list; the verdict, which comes first, is set apart.
fn sentences(all: &[String]) -> Markup {
    html! {
        ul {
            @for sentence in all {
                @if let Some((verdict, figures)) = sentence.split_once(". ") {
                    li { strong { (verdict) ". " } (figures) }
                } @else {
                    li { (sentence) }
                }
            }
        }
    }
}
