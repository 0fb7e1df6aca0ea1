//! The rules against all measures.

use maud::{html, Markup};

use super::figures;
use super::findings;
use super::measures::{self, Measure, Verdict};
use crate::outcome::{Run, Study};
use crate::rules::RuleSet;

pub(crate) fn section(study: &Study) -> Markup {
    let ours = findings::run(study, RuleSet::Plimsoll);
    html! {
        p class="note" {
            @if ours.is_some() {
                "Under each figure is its difference to Plimsoll. It is called better or worse only where the measure has a better side and the figures "
                "differ by a hundredth and by one USDC, or of parts by a hundredth of the whole, at least; under that it says hardly, and where they are the same to the last digit, equal. "
                "One run is one draw: a larger difference can still be chance."
            } @else {
                "Plimsoll's own rules were not run, so there is nothing to compare with."
            }
        }
        div class="scroll" {
            table class="measures" {
                thead {
                    tr {
                        th scope="col" { "Measure" }
                        @for run in &study.runs {
                            th scope="col" class=[(run.rules == RuleSet::Plimsoll).then_some("reference")] {
                                (run.rules.title())
                                @if !run.flaws.is_empty() { br; span class="worse" { "has flaws" } }
                            }
                        }
                    }
                }
                tbody {
                    @for measure in &measures::ALL {
                        tr {
                            th scope="row" { (measure.title) }
                            @for run in &study.runs { (cell(measure, run, ours)) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(measure: &Measure, run: &Run, ours: Option<&Run>) -> Markup {
    let value = (measure.read)(&run.measures);
    let reference = run.rules == RuleSet::Plimsoll;
    let ours = ours
        .filter(|_| !reference)
        .map(|ours| (measure.read)(&ours.measures));
    html! {
        td class=[reference.then_some("reference")] {
            (measure.text(value))
            @if let Some(ours) = ours {
                br;
                @match measure.verdict(value, ours) {
                    Verdict::Equal => span class="muted" { "equal" },
                    Verdict::Slight => span class="muted" { "hardly: " (difference(measure, value, ours)) },
                    Verdict::Better => span class="better" { (difference(measure, value, ours)) " better" },
                    Verdict::Worse => span class="worse" { (difference(measure, value, ours)) " worse" },
                    Verdict::Other => span class="muted" { (difference(measure, value, ours)) },
                }
            }
        }
    }
}

fn difference(measure: &Measure, value: Option<i128>, ours: Option<i128>) -> String {
    let (Some(value), Some(ours)) = (value, ours) else {
        return String::new();
    };
    if measure.kind == measures::Kind::YesNo {
        return String::new();
    }
    let difference = value.saturating_sub(ours);
    let text = figures::signed(measure.text(Some(difference)));
    // Percent less percent are points.
    text.replace('%', " pp")
}
