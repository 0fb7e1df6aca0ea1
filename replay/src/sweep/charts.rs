//! One measure over what was varied: a heat map over two parameters, a line over one, a dot for each seed.

use std::collections::BTreeMap;

use maud::{html, Markup};

use super::found::{described, value_of, Found};
use super::tables::{Spread, Table};
use super::vary::Axis;
use crate::report::figures;
use crate::report::measures::Kind;
use crate::report::plot::{px, EndLabel, Plot};

/// The darkest cell's part of the colour, percent: figures stay readable on it.
const DARKEST: i128 = 55;
/// Labels below a chart at most.
const LABELS_MAX: usize = 20;
const AREA: (i64, i64, i64, i64) = (84, 950, 14, 236);

/// The measure's name for people.
pub(super) fn title(name: &str) -> &str {
    described(name).map_or("Flaws of the run", |measure| measure.title)
}

/// A text of `summary.json` as the report writes it.
pub(super) fn shown(name: &str, text: &str) -> String {
    written(name, value_of(text))
}

fn written(name: &str, value: Option<i128>) -> String {
    match (described(name), value) {
        (Some(measure), Some(value)) if measure.kind == Kind::Amount => figures::compact(value),
        (Some(measure), value) => measure.text(value),
        (None, value) => figures::count(value.unwrap_or(0)),
    }
}

/// What fits the number of parameters.
pub(super) fn chart(table: &Table, measure: &str) -> Markup {
    let groups = table.groups();
    let spreads = groups.iter();
    let spreads: BTreeMap<&[u64], Spread> = spreads
        .map(|(point, seeds)| (*point, Spread::of(seeds, measure)))
        .collect();
    match table.grid.parameters() {
        [] => seeds(table, measure),
        [axis] => line(axis, &spreads, measure, table.grid.has_seeds()),
        [across, down, rest @ ..] => html! {
            (scale(&spreads, measure))
            @for others in combinations(rest) {
                @if !rest.is_empty() { h3 { (named(rest, &others)) } }
                (heat_map(across, down, &others, &spreads, measure, table.grid.has_seeds()))
            }
        },
    }
}

fn combinations(axes: &[Axis]) -> Vec<Vec<u64>> {
    let grid = super::Grid {
        axes: axes.to_vec(),
    };
    grid.points()
}

fn named(axes: &[Axis], values: &[u64]) -> String {
    let grid = super::Grid {
        axes: axes.to_vec(),
    };
    grid.name(values)
}

/// Least and greatest of the values that are shown.
fn range<'a>(texts: impl Iterator<Item = &'a String>) -> Option<(i128, i128)> {
    let values: Vec<i128> = texts.filter_map(|text| value_of(text)).collect();
    Some((*values.iter().min()?, *values.iter().max()?))
}

fn scale(spreads: &BTreeMap<&[u64], Spread>, measure: &str) -> Markup {
    let range = range(spreads.values().map(|spread| &spread.median));
    html! {
        @if let Some((least, most)) = range {
            p class="key" { (written(measure, Some(least))) span class="scale" {} (written(measure, Some(most))) }
        }
    }
}

fn heat_map(
    across: &Axis,
    down: &Axis,
    others: &[u64],
    spreads: &BTreeMap<&[u64], Spread>,
    measure: &str,
    seeds: bool,
) -> Markup {
    let all = range(spreads.values().map(|spread| &spread.median));
    let part = |spread: &Spread| match (all, value_of(&spread.median)) {
        (Some((least, most)), Some(value)) => (value - least) * DARKEST / (most - least).max(1),
        _ => 0,
    };
    let at = |x: u64, y: u64| {
        let mut point = vec![x, y];
        point.extend(others);
        spreads.get(&point[..])
    };
    html! {
        div class="scroll" {
            table class="heat" {
                thead {
                    tr { td {} th scope="colgroup" colspan=(across.values.len()) { (across.name) } }
                    tr {
                        th scope="col" { (down.name) }
                        @for x in &across.values { th scope="col" { (figures::count((*x).into())) } }
                    }
                }
                tbody {
                    @for y in down.values.iter().rev() {
                        tr {
                            th scope="row" { (figures::count((*y).into())) }
                            @for x in &across.values {
                                @match at(*x, *y) {
                                    Some(spread) => td style={ "--part:" (part(spread)) } {
                                        (shown(measure, &spread.median))
                                        @if seeds { span { (shown(measure, &spread.least)) " to " (shown(measure, &spread.most)) } }
                                    },
                                    None => td class="refused" { "not played" },
                                }
                            }
                        }
                    }
                }
            }
        }
        @if seeds { p class="note" { "In each cell the median over the seeds, below it the least and the most." } }
    }
}

fn pixel(text: &str) -> Option<i64> {
    value_of(text).and_then(|value| i64::try_from(value).ok())
}

/// A plot of the measure that reaches down to zero, over `x`.
fn plot<'a>(x: (i64, i64), texts: impl Iterator<Item = &'a String>) -> Plot {
    let (least, most) = range(texts).unwrap_or((0, 1));
    let whole = |value: i128| i64::try_from(value).unwrap_or(i64::MAX);
    Plot::new(AREA, x, (whole(least.min(0)), whole(most.max(0))))
}

fn axes(plot: &Plot, measure: &str, labels: &[(i64, String)], name: &str) -> Markup {
    let each = labels.len().div_ceil(LABELS_MAX).max(1);
    html! {
        (plot.y_axis(5, |tick, _| written(measure, Some(tick.into()))))
        line class="axis" x1=(plot.left) x2=(plot.right) y1=(plot.bottom) y2=(plot.bottom) {}
        @for (x, label) in labels.iter().step_by(each) {
            text class="tick mid" x=(px(plot.x(*x))) y=(plot.bottom + 17) { (label) }
        }
        text class="tick mid" x=((plot.left + plot.right) / 2) y=(plot.bottom + 36) { (name) }
    }
}

fn line(axis: &Axis, spreads: &BTreeMap<&[u64], Spread>, measure: &str, seeds: bool) -> Markup {
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let points: Vec<(i64, &Spread)> = axis
        .values
        .iter()
        .filter_map(|value| Some((whole(*value), spreads.get(&[*value][..])?)))
        .collect();
    let ends = (
        points.first().map_or(0, |(x, _)| *x),
        points.last().map_or(1, |(x, _)| *x),
    );
    let plot = plot(ends, points.iter().flat_map(|(_, s)| [&s.least, &s.most]));
    let labels: Vec<(i64, String)> = points
        .iter()
        .map(|(x, _)| (*x, figures::count((*x).into())))
        .collect();
    let corner = |(x, text): (i64, &String)| Some((plot.x(x), plot.y(pixel(text)?)));
    let upper = points.iter().map(|(x, spread)| (*x, &spread.most));
    let lower = points.iter().rev().map(|(x, spread)| (*x, &spread.least));
    let band: Vec<String> = upper
        .chain(lower)
        .filter_map(corner)
        .map(|(x, y)| format!("{},{}", px(x), px(y)))
        .collect();
    let medians = points.iter().map(|(x, spread)| (*x, pixel(&spread.median)));
    html! {
        figure {
            svg viewBox="0 0 1080 284" role="img" aria-label={ (title(measure)) " over " (axis.name) } {
                (axes(&plot, measure, &labels, &axis.name))
                @if seeds { polygon class="band" points=(band.join(" ")) {} }
                path class="line line-ours" d=(plot.line(medians.clone())) {}
                @for (x, y) in medians.filter_map(|(x, y)| Some((x, y?))) {
                    circle class="dot" cx=(px(plot.x(x))) cy=(px(plot.y(y))) r="4" {
                        title { (figures::count(x.into())) ": " (written(measure, Some(y.into()))) }
                    }
                }
            }
        }
        @if seeds { p class="note" { "The line is the median over the seeds, the band reaches from the least to the most." } }
    }
}

/// A dot for each seed, in the seeds' order.
fn seeds(table: &Table, measure: &str) -> Markup {
    let rows: Vec<(i64, u64, &str)> = (0_i64..)
        .zip(&table.rows)
        .map(|(place, (point, found))| {
            (
                place,
                point.first().copied().unwrap_or(0),
                found.text(measure),
            )
        })
        .collect();
    let groups = table.groups();
    let of_all = groups.values().next().map_or(&[][..], Vec::as_slice);
    let spread = Spread::of(of_all, measure);
    let last = rows.last().map_or(0, |row| row.0);
    let plot = plot((-1, last + 1), [&spread.least, &spread.most].into_iter());
    let labels: Vec<(i64, String)> = rows
        .iter()
        .map(|(place, seed, _)| (*place, seed.to_string()))
        .collect();
    let zero = px(plot.y(0));
    let dots = rows.iter().filter_map(|(place, seed, text)| {
        Some((px(plot.x(*place)), px(plot.y(pixel(text)?)), *seed, *text))
    });
    let median = pixel(&spread.median).map(|value| plot.y(value));
    let label = median.map(|tenths| EndLabel {
        tenths,
        class: "other",
        text: format!("median {}", shown(measure, &spread.median)),
    });
    html! {
        figure {
            svg viewBox="0 0 1080 284" role="img" aria-label={ (title(measure)) " of each seed" } {
                (axes(&plot, measure, &labels, "seed"))
                @if let Some(y) = median.map(px) { line class="median" x1=(plot.left) x2=(plot.right) y1=(y) y2=(y) {} }
                @for (x, y, seed, text) in dots {
                    line class="stem" x1=(x) x2=(x) y1=(zero) y2=(y) {}
                    circle class="dot" cx=(x) cy=(y) r="5" { title { "seed " (seed) ": " (shown(measure, text)) } }
                }
                (plot.end_labels(label.into_iter().collect()))
            }
        }
    }
}

/// Where each seed lies between the least and the most.
pub(super) fn strip(seeds: &[&Found], name: &str, spread: &Spread) -> Markup {
    let ends = (pixel(&spread.least), pixel(&spread.most));
    let (Some(least), Some(most)) = ends else {
        return html! {};
    };
    let plot = Plot::new((8, 352, 2, 26), (least, most), (0, 1));
    let median = pixel(&spread.median).map(|value| px(plot.x(value)));
    html! {
        svg viewBox="0 0 360 28" role="img" aria-label={ (title(name)) " of each seed" } {
            line class="axis" x1=(plot.left) x2=(plot.right) y1="14" y2="14" {}
            @for value in seeds.iter().filter_map(|found| pixel(found.text(name))) {
                circle class="dot" cx=(px(plot.x(value))) cy="14" r="4.5" {}
            }
            @if let Some(x) = median { line class="median" x1=(x) x2=(x) y1="4" y2="24" {} }
        }
    }
}
