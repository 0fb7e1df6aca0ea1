//! Price over time: index, mark, the venue's range and the recorded perpetual's, with halts and auctions.

use maud::{html, Markup, PreEscaped};

use super::plot::{px, EndLabel, Plot};
use super::Size;
use super::{figures, style};
use crate::outcome::{Run, Study};

/// Seconds shown before and after the worst ten minutes.
const BEFORE_SECONDS: u32 = 300;
const AFTER_SECONDS: u32 = 600;

/// A stretch of seconds, both ends included, and the prices in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    from: u32,
    to: u32,
    low: i64,
    high: i64,
}

impl View {
    /// The whole day. The view covers what all of `runs` show, so that their charts compare.
    pub(crate) fn whole(study: &Study, runs: &[&Run]) -> Option<Self> {
        Self::new(study, runs, 0, study.seconds.saturating_sub(1))
    }

    /// The worst ten minutes and what is around them; none where that is most of the day.
    pub(crate) fn worst(study: &Study, runs: &[&Run]) -> Option<Self> {
        let from = study.worst.0.saturating_sub(BEFORE_SECONDS);
        let last = study.seconds.saturating_sub(1);
        let to = study.worst.1.saturating_add(AFTER_SECONDS).min(last);
        if to.saturating_sub(from) > last / 3 * 2 || to <= from {
            return None;
        }
        Self::new(study, runs, from, to)
    }

    fn new(study: &Study, runs: &[&Run], from: u32, to: u32) -> Option<Self> {
        let inside = |second: &u32| (from..=to).contains(second);
        let perp = study.perp.iter().filter(|perp| inside(&perp.second));
        let perp = perp.flat_map(|perp| [perp.low, perp.high]);
        let index = part(&study.index, from, to).map(|(_, price)| *price);
        let shown = runs.iter().flat_map(|run| {
            let auctions = run.halts.iter().filter(|halt| inside(&halt.ended));
            let auctions = auctions.filter_map(|halt| halt.auction.map(|(price, _)| price));
            part(&run.timeline, from, to)
                .flat_map(|(_, now)| [now.index, now.mark, now.low, now.high])
                .chain(auctions)
        });
        let prices = perp.chain(index).chain(shown).filter(|price| *price > 0);
        let (low, high) = prices.fold((i64::MAX, i64::MIN), |(low, high), price| {
            (low.min(price), high.max(price))
        });
        let room = high.checked_sub(low)? / 20;
        (low <= high).then(|| Self {
            from,
            to,
            low: low.saturating_sub(room),
            high: high.saturating_add(room),
        })
    }
}

/// The chart of one run.
pub(crate) fn chart(study: &Study, run: &Run, view: View, size: Size) -> Markup {
    let (width, height, right) = match size {
        Size::Wide => (1_080, 380, 96),
        Size::Half => (528, 320, 92),
        Size::Narrow => (360, 300, 88),
    };
    let plot = Plot::new(
        (48, width - right, 22, height - 30),
        (view.from.into(), view.to.into()),
        (view.low, view.high),
    );
    let ticks = if width > 600 { 13 } else { 5 };
    let name = format!("{}: prices, US dollars, UTC", run.rules.title());
    html! {
        svg viewBox={ "0 0 " (width) " " (height) } class=(size.class()) role="img" aria-label=(name) {
            (bands(study, run, view, &plot))
            text class="tick" x="0" y="10" { "US dollars" }
            (plot.y_axis(6, tick_label))
            (plot.time_axis(study.start, ticks))
            (curves(study, run, view, &plot))
            (auctions(study, run, view, &plot))
            (lows(study, run, view, &plot))
            (plot.end_labels(labels(study, run, view, &plot)))
        }
    }
}

/// The chart of one run as a picture of its own, with its style, a title and what the colours mean.
pub(crate) fn picture(study: &Study, run: &Run, view: View) -> Markup {
    let day = figures::date(study.start);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1128 470" width="1128" height="470" {
            style { (PreEscaped(style::CSS)) "svg.wide{display:block!important;width:1080px}.title{font-size:17px;font-weight:600}.words{font-size:13px}" }
            rect width="1128" height="470" fill="var(--page)" {}
            text class="ink title" x="24" y="34" { (study.market) " perpetual, " (day) ", replayed: " (run.rules.title()) }
            text class="words" x="24" y="56" {
                tspan class="label" fill="var(--ink)" { "index" }
                tspan dx="14" class="label" fill="var(--ours)" { "mark" }
                tspan dx="14" class="label" fill="var(--venue-ink)" { "the venue's trades" }
                @if !study.perp.is_empty() {
                    tspan dx="14" class="label" fill="var(--perp)" { "the recorded perpetual" }
                }
                tspan dx="14" fill="var(--muted)" { "bands: the market is halted · rings: auctions · red: the index's worst ten minutes" }
            }
            svg x="24" y="74" width="1080" height="380" { (chart(study, run, view, Size::Wide)) }
        }
    }
}

/// Shows what the signs mean, under the charts.
pub(crate) fn key(study: &Study) -> Markup {
    html! {
        p class="key" {
            span { span class="swatch line-index" {} "index" }
            span { span class="swatch line-mark" {} "mark" }
            span { span class="swatch bar-venue" {} "venue's trades, low to high" }
            @if !study.perp.is_empty() {
                span { span class="swatch bar-perp" {} "recorded perpetual, low to high" }
            }
            span { span class="swatch halted" {} "market halted" }
            span { span class="ring" {} "auction's price" }
            span { span class="swatch worst" {} "worst ten minutes of the index" }
        }
    }
}

fn bands(study: &Study, run: &Run, view: View, plot: &Plot) -> Markup {
    let clip = |second: u32| i64::from(second.clamp(view.from, view.to));
    let halts = run.halts.iter();
    let shown = halts.filter(|halt| halt.ended >= view.from && halt.began <= view.to);
    let worst = (study.worst.0 <= view.to && study.worst.1 >= view.from)
        .then(|| (plot.x(clip(study.worst.0)), plot.x(clip(study.worst.1))));
    html! {
        @for halt in shown {
            @let from = plot.x(clip(halt.began));
            @let wide = (plot.x(clip(halt.ended)) - from).max(10);
            rect class="halted" x=(px(from)) width=(px(wide)) y=(plot.top) height=(plot.bottom - plot.top) {
                title {
                    "Halted from " (figures::clock_at(study.start, halt.began))
                    " to " (figures::clock_at(study.start, halt.ended)) ", tripped by " (halt.cause)
                }
            }
        }
        @if let Some((from, to)) = worst {
            rect class="worst" x=(px(from)) width=(px((to - from).max(10))) y=(plot.top - 5) height="3" {}
        }
    }
}

fn curves(study: &Study, run: &Run, view: View, plot: &Plot) -> Markup {
    let perp = study.perp.iter();
    let perp = perp.filter(|perp| (view.from..=view.to).contains(&perp.second));
    let perp = perp.filter(|perp| perp.low > 0);
    let perp = plot.ranges(perp.map(|perp| (perp.second.into(), perp.low, perp.high)));
    let now = || part(&run.timeline, view.from, view.to);
    let traded = now().filter(|(_, now)| now.low > 0);
    let venue = plot.ranges(traded.map(|(second, now)| (second, now.low, now.high)));
    let index = plot.line(now().map(|(second, now)| (second, positive(now.index))));
    let mark = plot.line(now().map(|(second, now)| (second, positive(now.mark))));
    html! {
        @if !perp.is_empty() { path class="bar-perp" d=(perp) {} }
        @if !venue.is_empty() { path class="bar-venue" d=(venue) {} }
        // The index is the thinner one: where both are the same, both are seen.
        @if !mark.is_empty() { path class="line line-mark" d=(mark) {} }
        @if !index.is_empty() { path class="line line-index" d=(index) {} }
    }
}

/// Auctions as points, their price beside those that have room for it.
fn auctions(study: &Study, run: &Run, view: View, plot: &Plot) -> Markup {
    const ROOM: i64 = 600;
    let halts = run.halts.iter();
    let shown = halts.filter(|halt| (view.from..=view.to).contains(&halt.ended));
    let mut free = i64::MIN;
    let points = shown.filter_map(|halt| {
        let (price, lots) = halt.auction?;
        let x = plot.x(halt.ended.into());
        let labelled = x >= free && x < plot.right * 10 - 300;
        if labelled {
            free = x + ROOM;
        }
        Some((x, plot.y(price), price, lots, labelled, halt.ended))
    });
    html! {
        @for (x, y, price, lots, labelled, second) in points {
            circle class="auction" cx=(px(x)) cy=(px(y)) r="4" {
                title {
                    "Auction at " (figures::clock_at(study.start, second)) ": $" (figures::price(price))
                    ", " (figures::count(lots.into())) " lots"
                }
            }
            @if labelled {
                text class="label ink halo" x=(px(x + 70)) y=(px(y - 60)) { (figures::price_short(price)) }
            }
        }
    }
}

/// The lowest prices of the venue and of the perpetual beside their points, if they are well under the index's.
fn lows(study: &Study, run: &Run, view: View, plot: &Plot) -> Markup {
    // Under this distance, in tenths of a pixel, a label would lie on other curves.
    const APART: i64 = 250;
    let now = || part(&run.timeline, view.from, view.to);
    let index = now().map(|(_, now)| now.index).filter(|price| *price > 0);
    let index = index.min().unwrap_or(i64::MAX);
    let venue = now().filter(|(_, now)| now.low > 0);
    let venue = venue.min_by_key(|(_, now)| now.low);
    let venue = venue.map(|(second, now)| (second, now.low));
    let perp = study.perp.iter().filter(|perp| perp.low > 0);
    let perp = perp.filter(|perp| (view.from..=view.to).contains(&perp.second));
    let perp = perp.min_by_key(|perp| perp.low);
    let perp = perp.map(|perp| (i64::from(perp.second), perp.low));
    // One to the left of its point and one to the right: the two are often at the same place.
    let named = [("venue end", -60, venue), ("other", 60, perp)];
    let shown = named
        .into_iter()
        .filter_map(|(class, beside, low)| Some((class, beside, low?)));
    let shown = shown.filter(|(_, _, (_, low))| plot.y(*low) - plot.y(index) > APART);
    html! {
        @for (class, beside, (second, low)) in shown {
            text class={ "label low halo " (class) } x=(px(plot.x(second) + beside)) y=(px(plot.y(low))) dy="0.1em" {
                (figures::price_short(low))
            }
        }
    }
}

fn labels(study: &Study, run: &Run, view: View, plot: &Plot) -> Vec<EndLabel> {
    let last = |value: fn(&crate::outcome::Moment) -> i64| {
        let values = part(&run.timeline, view.from, view.to).map(|(_, now)| value(now));
        values.filter(|price| *price > 0).last()
    };
    let mut perp = study.perp.iter();
    let perp = perp.rfind(|perp| (view.from..=view.to).contains(&perp.second));
    let named = [
        ("ink", "Index", last(|now| now.index)),
        ("ours", "Mark", last(|now| now.mark)),
        ("venue", "Venue", last(|now| now.low)),
        ("other", "Perp", perp.map(|perp| perp.close)),
    ];
    let labels = named.into_iter().filter_map(|(class, name, price)| {
        let price = price?;
        Some(EndLabel {
            tenths: plot.y(price),
            class,
            text: format!("{name} {}", figures::price_short(price)),
        })
    });
    labels.collect()
}

fn tick_label(tick: i64, step: i64) -> String {
    let fits = |places: &u32| step % 10_i64.pow(8 - places) == 0;
    let places = (0..8).find(fits).unwrap_or(8);
    figures::decimal(tick.into(), 8, places)
}

fn positive(price: i64) -> Option<i64> {
    (price > 0).then_some(price)
}

/// The values from one second to another, each with its second.
pub(crate) fn part<T>(values: &[T], from: u32, to: u32) -> impl Iterator<Item = (i64, &T)> {
    let count = usize::try_from(to.saturating_sub(from)).unwrap_or(0) + 1;
    let values = values.iter().skip(usize::try_from(from).unwrap_or(0));
    (i64::from(from)..).zip(values.take(count))
}
