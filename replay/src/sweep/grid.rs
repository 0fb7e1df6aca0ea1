//! The cross product of all that is varied.

use anyhow::{ensure, Context, Result};
use toml::Value;

use super::vary::Axis;
use crate::population::Population;
use crate::scenario::Scenario;
use crate::study::Material;
use crate::venue::{self, Sizes, Units};

/// Points of a sweep at most.
const POINTS_MAX: usize = 10_000;

/// A value for each axis, in the order of the axes.
pub type Point = Vec<u64>;

/// Every combination of the axes' values.
#[derive(Clone, Debug)]
pub struct Grid {
    pub axes: Vec<Axis>,
}

impl Grid {
    /// # Errors
    /// More points than a sweep has.
    pub(super) fn new(axes: Vec<Axis>) -> Result<Self> {
        let count = axes.iter().fold(1_usize, |count, axis| {
            count.saturating_mul(axis.values.len())
        });
        ensure!(
            count <= POINTS_MAX,
            "{count} points are too many: a sweep has {POINTS_MAX} at most"
        );
        Ok(Self { axes })
    }

    /// All points in order: the last axis changes first.
    pub fn points(&self) -> Vec<Point> {
        let none = vec![Point::new()];
        self.axes.iter().fold(none, |points, axis| {
            let longer = points.iter().flat_map(|point| {
                axis.values.iter().map(|value| {
                    let mut point = point.clone();
                    point.push(*value);
                    point
                })
            });
            longer.collect()
        })
    }

    /// Whether the draw of the population is varied; its axis is the last one.
    pub fn has_seeds(&self) -> bool {
        self.axes.last().is_some_and(Axis::is_seed)
    }

    /// Axes besides the seed.
    pub fn parameters(&self) -> &[Axis] {
        let length = self.axes.len() - usize::from(self.has_seeds());
        &self.axes[..length]
    }

    /// `NAME=value` of each axis.
    pub fn name(&self, point: &[u64]) -> String {
        let named = self.axes.iter().zip(point);
        let named: Vec<String> = named
            .map(|(axis, value)| format!("{}={value}", axis.name))
            .collect();
        named.join(" ")
    }

    /// The material with the point's values.
    ///
    /// # Errors
    /// When the scenario is not sound with them.
    pub(super) fn at(&self, material: &Material, point: &[u64]) -> Result<Material> {
        let mut tree =
            Value::try_from(&material.scenario).context("the scenario cannot be varied")?;
        let mut varied = material.clone();
        for (axis, value) in self.axes.iter().zip(point) {
            axis.set(&mut tree, *value)?;
            if axis.is_seed() {
                varied.seed = *value;
            }
        }
        let mut scenario: Scenario = tree.try_into()?;
        scenario.check()?;
        scenario.name.clone_from(&material.scenario.name);
        varied.scenario = scenario;
        Ok(varied)
    }

    /// Why the point cannot be played, in a line; none if it can.
    pub(super) fn refusal(&self, material: &Material, point: &[u64]) -> Option<String> {
        let varied = match self.at(material, point) {
            Ok(varied) => varied,
            Err(error) => return Some(in_a_line(&format!("{error:#}"))),
        };
        listable(&varied)
            .err()
            .map(|error| in_a_line(&format!("{error:#}")))
    }
}

/// Whether the program would list the market.
fn listable(material: &Material) -> Result<()> {
    let price_e8 = material.stretch.first().close_e8;
    let units = Units::of(price_e8)?;
    let ticks = units.ticks(price_e8);
    let population = Population::draw(&material.scenario, &units, ticks, material.seed)?;
    let sizes = Sizes {
        price_e8,
        notional: population.notional,
        blocks: 0,
    };
    let params = venue::params(&material.scenario, &units, &sizes, [1; 32]);
    params
        .validate()
        .context("the program would not list the market")
}

fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
