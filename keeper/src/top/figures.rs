//! Reads the figures of a running keeper from Prometheus' text format.

use std::collections::BTreeMap;

/// One figure: name without the keeper's prefix, labels, value.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// All figures of one answer of `/metrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<Figure>);

const PREFIX: &str = "plimsoll_keeper_";

impl Figures {
    /// Lines that cannot be read are left out.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(figure).collect())
    }

    /// The value of the first figure of this name.
    pub fn value(&self, name: &str) -> Option<u64> {
        self.named(name).next().map(|(_, value)| value)
    }

    /// Labels and values of every figure of this name.
    pub fn named<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a BTreeMap<String, String>, u64)> {
        let named = self.0.iter().filter(move |figure| figure.name == name);
        named.map(|figure| (&figure.labels, whole(figure.value)))
    }

    /// The value of the figure with this label.
    pub fn labelled(&self, name: &str, label: &str, wanted: &str) -> u64 {
        let mut found = self
            .named(name)
            .filter(|(labels, _)| labels.get(label).is_some_and(|value| value == wanted));
        found.next().map_or(0, |(_, value)| value)
    }
}

/// Every figure that is shown counts something.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such a cast saturates"
)]
const fn whole(value: f64) -> u64 {
    value as u64
}

fn figure(line: &str) -> Option<Figure> {
    let (key, value) = line.strip_prefix(PREFIX)?.rsplit_once(' ')?;
    let (name, labels) = match key.split_once('{') {
        Some((name, labels)) => (name, pairs(labels.strip_suffix('}')?)),
        None => (key, BTreeMap::new()),
    };
    Some(Figure {
        name: name.to_owned(),
        labels,
        value: value.parse().ok()?,
    })
}

/// `a="x",b="y"`; the keeper writes no label with a quote in it.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let mut fields = text.split('"');
    let mut pairs = BTreeMap::new();
    while let (Some(key), Some(value)) = (fields.next(), fields.next()) {
        let key = key.trim_start_matches(',').trim_end_matches('=');
        pairs.insert(key.to_owned(), value.to_owned());
    }
    pairs
}
