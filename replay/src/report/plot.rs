//! Charts as SVG, in whole tenths of a pixel: no float decides about a byte.

use maud::{html, Markup};

use super::figures;

/// Seconds between two times on an axis.
const TIME_STEPS: [i64; 14] = [
    1, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400,
];

/// A rectangle of pixels that shows a range of values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plot {
    pub(crate) left: i64,
    pub(crate) right: i64,
    pub(crate) top: i64,
    pub(crate) bottom: i64,
    x: (i64, i64),
    y: (i64, i64),
}

/// A label at a curve's end.
#[derive(Clone, Debug)]
pub(crate) struct EndLabel {
    pub(crate) tenths: i64,
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

impl Plot {
    pub(crate) fn new(area: (i64, i64, i64, i64), x: (i64, i64), y: (i64, i64)) -> Self {
        let (left, right, top, bottom) = area;
        Self {
            left,
            right,
            top,
            bottom,
            x,
            y,
        }
    }

    pub(crate) fn x(&self, value: i64) -> i64 {
        scaled(value, self.x, self.left, self.right)
    }

    pub(crate) fn y(&self, value: i64) -> i64 {
        scaled(value, self.y, self.bottom, self.top)
    }

    /// A curve of at most four points a pixel: the first, lowest, highest and last of those that fall on it. It breaks
    /// where there is no value.
    pub(crate) fn line(&self, points: impl Iterator<Item = (i64, Option<i64>)>) -> String {
        let mut path = String::new();
        let mut pending: Vec<(i64, i64)> = Vec::new();
        let mut drawn = false;
        for (x, y) in points {
            let Some(y) = y else {
                flush(&mut path, &mut pending, drawn);
                drawn = false;
                continue;
            };
            let point = (self.x(x), self.y(y));
            let same_pixel = |first: &(i64, i64)| first.0 / 10 == point.0 / 10;
            if !pending.first().is_none_or(same_pixel) {
                drawn = flush(&mut path, &mut pending, drawn);
            }
            pending.push(point);
        }
        flush(&mut path, &mut pending, drawn);
        path
    }

    /// A stroke from low to high in each pixel.
    pub(crate) fn ranges(&self, points: impl Iterator<Item = (i64, i64, i64)>) -> String {
        let mut path = String::new();
        let mut pending: Option<(i64, i64, i64)> = None;
        for (x, low, high) in points {
            let column = self.x(x) / 10;
            let (low, high) = (self.y(low), self.y(high));
            pending = match pending {
                Some((at, bottom, top)) if at == column => {
                    Some((at, bottom.max(low), top.min(high)))
                }
                other => {
                    stroke(&mut path, other);
                    Some((column, low, high))
                }
            };
        }
        stroke(&mut path, pending);
        path
    }

    /// Horizontal lines with their values on the left.
    pub(crate) fn y_axis(&self, most: i64, label: impl Fn(i64, i64) -> String) -> Markup {
        let (step, ticks) = ticks(self.y, most);
        html! {
            @for tick in ticks {
                @let y = px(self.y(tick));
                line class=(if tick == 0 { "zero" } else { "grid" }) x1=(self.left) x2=(self.right) y1=(y) y2=(y) {}
                text class="tick end" x=(self.left - 6) y=(y) dy="0.35em" { (label(tick, step)) }
            }
        }
    }

    /// Times below the plot. `start` is the Unix second of x = 0.
    pub(crate) fn time_axis(&self, start: i64, most: i64) -> Markup {
        let (from, to) = (
            start.saturating_add(self.x.0),
            start.saturating_add(self.x.1),
        );
        let fits = |step: &&i64| to.saturating_sub(from) / **step < most;
        let step = TIME_STEPS.iter().find(fits).unwrap_or(&86_400);
        let first = from.div_euclid(*step) * step;
        let times = (0..=most + 2).map(|place| first.saturating_add(place * step));
        html! {
            line class="axis" x1=(self.left) x2=(self.right) y1=(self.bottom) y2=(self.bottom) {}
            @for time in times.filter(|time| (from..=to).contains(time)) {
                @let x = px(self.x(time.saturating_sub(start)));
                line class="axis" x1=(x) x2=(x) y1=(self.bottom) y2=(self.bottom + 4) {}
                text class="tick mid" x=(x) y=(self.bottom + 17) { (figures::clock(time)) }
            }
        }
    }

    /// Labels to the right of the plot, pushed apart until none covers another.
    pub(crate) fn end_labels(&self, mut labels: Vec<EndLabel>) -> Markup {
        const GAP: i64 = 140;
        labels.sort_by_key(|label| label.tenths);
        let room = i64::try_from(labels.len()).unwrap_or(0) * GAP;
        let lowest = (self.bottom * 10 - room + GAP / 2).max(self.top * 10);
        let mut next = i64::MIN;
        for (place, label) in (0_i64..).zip(labels.iter_mut()) {
            label.tenths = label.tenths.min(lowest + place * GAP).max(next);
            next = label.tenths + GAP;
        }
        html! {
            @for label in &labels {
                text class={ "label " (label.class) } x=(self.right + 7) y=(px(label.tenths)) dy="0.35em" { (label.text) }
            }
        }
    }
}

/// Tenths of a pixel as SVG writes it.
pub(crate) fn px(tenths: i64) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    let size = tenths.unsigned_abs();
    match size % 10 {
        0 => format!("{sign}{}", size / 10),
        rest => format!("{sign}{}.{rest}", size / 10),
    }
}

/// Where `value` of the range lies between two pixels, tenths. In an empty range: at the first.
fn scaled(value: i64, (from, to): (i64, i64), first: i64, last: i64) -> i64 {
    let part = (i128::from(value) - i128::from(from)) * i128::from(last - first) * 10;
    let place = i128::from(first) * 10 + part / (i128::from(to) - i128::from(from)).max(1);
    i64::try_from(place).unwrap_or(first * 10)
}

/// Round values in the range: at most `most` of them, a step of 1, 2 or 5 times a power of ten apart.
fn ticks((from, to): (i64, i64), most: i64) -> (i64, Vec<i64>) {
    let span = i128::from(to) - i128::from(from);
    let mut step = 1_i128;
    let mut factors = [2, 5, 10].into_iter().cycle();
    let mut unit = 1_i128;
    while span / step >= i128::from(most.max(1)) {
        let factor = factors.next().unwrap_or(10);
        step = unit * factor;
        if factor == 10 {
            unit = step;
        }
    }
    let first = i128::from(from).div_euclid(step) * step;
    let ticks = (0..=most + 1)
        .map(|place| first + i128::from(place) * step)
        .filter(|tick| (i128::from(from)..=i128::from(to)).contains(tick))
        .filter_map(|tick| i64::try_from(tick).ok())
        .collect();
    (i64::try_from(step).unwrap_or(i64::MAX), ticks)
}

/// Writes the points of one pixel; says that there is a curve to go on with.
fn flush(path: &mut String, pending: &mut Vec<(i64, i64)>, mut drawn: bool) -> bool {
    let last = pending.len().saturating_sub(1);
    let lowest = (0..pending.len()).max_by_key(|place| pending[*place].1);
    let highest = (0..pending.len()).min_by_key(|place| pending[*place].1);
    let mut places = [Some(0), lowest, highest, Some(last)];
    places.sort_unstable();
    let mut before = None;
    for place in places.into_iter().flatten() {
        let Some((x, y)) = pending.get(place) else {
            continue;
        };
        if before == Some(place) {
            continue;
        }
        before = Some(place);
        path.push(if drawn { 'L' } else { 'M' });
        path.push_str(&format!("{} {}", px(*x), px(*y)));
        drawn = true;
    }
    pending.clear();
    drawn
}

fn stroke(path: &mut String, range: Option<(i64, i64, i64)>) {
    let Some((column, low, high)) = range else {
        return;
    };
    // A price without a range still is a mark of a pixel and a half.
    let high = high.min(low - 15);
    path.push_str(&format!("M{}.5 {}V{}", column, px(low), px(high)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        Plot::new((0, 100, 0, 50), (0, 1_000), (0, 10))
    }

    #[test]
    fn a_curve_keeps_the_extremes_of_every_pixel_and_breaks_where_there_is_nothing() {
        let values = [Some(5), Some(9), Some(1), Some(5), None, Some(2)];
        let points = (0..).zip(values);
        assert_eq!(plot().line(points), "M0 25L0.1 5L0.2 45L0.3 25M0.5 40");
        assert_eq!(plot().line(std::iter::empty()), "");
    }

    #[test]
    fn ranges_of_one_pixel_are_one_stroke() {
        let points = [(0, 4, 6), (5, 2, 5), (20, 3, 3)];
        assert_eq!(plot().ranges(points.into_iter()), "M0.5 40V20M2.5 35V33.5");
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(
            ticks((0, 1_000), 6),
            (200, vec![0, 200, 400, 600, 800, 1_000])
        );
        assert_eq!(ticks((-3, 7), 6), (2, vec![-2, 0, 2, 4, 6]));
        assert_eq!(ticks((7, 8), 6).1, vec![7, 8]);
        assert!(ticks((i64::MIN, i64::MAX), 6).1.len() <= 7);
    }

    #[test]
    fn labels_that_would_cover_each_other_are_pushed_apart_inside_the_plot() {
        let label = |tenths| EndLabel {
            tenths,
            class: "",
            text: String::new(),
        };
        let text = plot()
            .end_labels(vec![label(490), label(25), label(20)])
            .into_string();
        let places: Vec<&str> = text
            .split(" y=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(places, ["2", "16", "43"]);
    }
}
