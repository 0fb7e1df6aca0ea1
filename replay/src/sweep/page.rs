//! `heatmap.html`: one measure over what was varied, in a page that needs nothing from outside.

use maud::{html, Markup, PreEscaped, DOCTYPE};

use super::charts;
use super::found::{described, measure_names};
use super::journal::Identity;
use super::tables::{Spread, Table};
use super::Sweep;
use crate::report::{figures, style};

/// What the report's style lacks.
const CSS: &str = r#"
.heat{width:auto;font-size:14px}.heat td,.heat th{min-width:84px;text-align:center;vertical-align:middle;padding:10px}
.heat td span{display:block;font-size:11.5px;opacity:.8}.heat th[scope=row],.heat th:first-child{text-align:right;position:static}
.heat td{border:2px solid var(--page);background:color-mix(in srgb,var(--ours) calc(var(--part)*1%),var(--soft))}
.heat .refused{background:none;border:1px dashed var(--grid);color:var(--muted);font-size:11.5px}
.scale{display:inline-block;width:120px;height:12px;margin:0 8px;background:linear-gradient(to right,var(--soft),color-mix(in srgb,var(--ours) 55%,var(--soft)))}
.spread{min-width:860px}.spread td:last-child{width:34%}.spread td,.spread th{vertical-align:middle}
.band{fill:var(--ours);fill-opacity:.16}.dot{fill:var(--ours);fill-opacity:.55}.stem{stroke:var(--ours);stroke-opacity:.35}
.median{stroke:var(--other);stroke-width:2}
"#;

pub(super) fn page(sweep: &Sweep, table: &Table, identity: &Identity) -> Markup {
    let title = charts::title(&sweep.measure);
    let material = &sweep.material;
    let stretch = &material.stretch;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (material.market) ", swept" }
                style { (PreEscaped(style::CSS)) (PreEscaped(CSS)) }
            }
            body {
                main {
                    h1 { (material.market) ": " (title) }
                    p class="lead" {
                        (figures::plural(u64::try_from(table.rows.len()).unwrap_or(0), "point", "points"))
                        " under the rules " strong { (sweep.rules.title()) } ": "
                        (figures::duration(stretch.seconds.into())) " from "
                        (figures::clock(stretch.start)) " UTC on " (figures::date(stretch.start)) ". Varied: "
                        (varied(table)) "."
                    }
                    @if let Some(measure) = described(&sweep.measure) { p class="note" { (measure.definition) } }
                    (unsound(table))
                    (charts::chart(table, &sweep.measure))
                    (refused(table))
                    @if table.grid.has_seeds() && table.grid.parameters().is_empty() { (all_measures(table)) }
                    section id="method" class="method" { h2 { "Method and limits" } (method(table)) (inputs(identity)) }
                }
            }
        }
    }
}

fn varied(table: &Table) -> String {
    let axes = table.grid.axes.iter().map(|axis| {
        let count = figures::count(i128::try_from(axis.values.len()).unwrap_or(0));
        format!("{} ({count} values)", axis.name)
    });
    axes.collect::<Vec<_>>().join(", ")
}

/// Points whose runs cannot be trusted.
fn unsound(table: &Table) -> Markup {
    let points = table.rows.iter().filter(|(_, found)| !found.is_sound());
    let points: Vec<String> = points.map(|(point, _)| table.grid.name(point)).collect();
    html! {
        @if !points.is_empty() {
            div class="flaws" role="alert" {
                h2 { "Not every point can be trusted" }
                p { "Custody or the keeper's index was not exact in these runs:" }
                ul { @for point in &points { li { (point) } } }
            }
        }
    }
}

/// Points that were not played, each reason once.
fn refused(table: &Table) -> Markup {
    let reasons = table.reasons();
    html! {
        @if !reasons.is_empty() {
            section id="refused" {
                h2 { "Not played" }
                p { "The rules forbid these combinations:" }
                ul {
                    @for (reason, points) in &reasons {
                        li { (reason) ": " (points.iter().map(String::as_str).collect::<Vec<_>>().join(", ")) }
                    }
                }
            }
        }
    }
}

/// The spread of every measure over the seeds.
fn all_measures(table: &Table) -> Markup {
    let groups = table.groups();
    let seeds = groups.values().next().map_or(&[][..], Vec::as_slice);
    html! {
        section id="spread" {
            h2 { "Every measure over the seeds" }
            div class="scroll" {
                table class="spread" {
                    thead { tr {
                        th scope="col" { "Measure" } th scope="col" { "Least" } th scope="col" { "Median" }
                        th scope="col" { "Most" } th scope="col" { "Each seed a dot, the median a line" }
                    } }
                    tbody {
                        @for name in measure_names() {
                            @let spread = Spread::of(seeds, name);
                            tr {
                                th scope="row" { (charts::title(name)) }
                                @for text in [&spread.least, &spread.median, &spread.most] { td { (charts::shown(name, text)) } }
                                td {
                                    @if spread.least == spread.most { span class="muted" { "the same in every seed" } }
                                    @else { (charts::strip(seeds, name, &spread)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn method(table: &Table) -> Markup {
    html! {
        p {
            "Each point plays the same stretch of the same tapes through the program's bytecode, with the scenario changed in the varied "
            "parameters alone. Maintenance margin is half of initial margin; " code { "line_ppm" } " is that of every cohort that has a line."
        }
        @if table.grid.has_seeds() {
            p {
                "A seed draws the population: positions, leverage, and who deposits or stops. The median of an even number of seeds is the "
                "lower of the two in the middle. Where two combinations differ by less than their spread over the seeds, the difference "
                "may be the draw's."
            }
        } @else {
            p {
                "One seed was played: nothing here says how much of a difference is the draw of the population. Vary " code { "seed" }
                " too before a conclusion is drawn."
            }
        }
        p { "Every measure of every point is in " code { "sweep.csv" } "." }
    }
}

fn inputs(identity: &Identity) -> Markup {
    html! {
        h3 { "Inputs" }
        div class="scroll" {
            table class="plain" {
                tbody { @for (name, value) in &identity.0 { tr { th scope="row" { (name) } td { code { (value) } } } } }
            }
        }
    }
}
