//! Who is there, what is played and when keepers die: one TOML file.

use serde::Deserialize;

/// 10 October 2025, 21:00:00 UTC.
const EVENING: i64 = 1_760_130_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The stretch of the tape: seconds after 21:00:00 UTC, and how many.
    from: i64,
    pub seconds: i64,
    #[serde(rename = "market")]
    pub markets: Vec<Market>,
    #[serde(rename = "holders")]
    pub holders: Vec<Holders>,
    pub makers: Makers,
    pub keepers: Timeline,
    /// Kinds of actions that must have landed.
    pub must_land: Vec<String>,
}

/// A market and the tape that is its index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Market {
    pub symbol: String,
    pub tape: String,
}

/// A group of accounts, each with a position in one market against the house.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holders {
    pub name: String,
    pub market: String,
    #[serde(default)]
    pub short: bool,
    pub count: u32,
    /// Value of each position, whole dollars.
    pub notional: u64,
    /// Tenths: of the first, and of the last; the others lie between.
    pub leverage_tenths: [u64; 2],
    /// A committed credit line, whole dollars; none without.
    #[serde(default)]
    pub line: u64,
}

/// Quotes around the index, in every market.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Makers {
    pub count: u32,
    /// Cash of each, whole dollars.
    pub cash: u64,
    pub requote_seconds: i64,
    /// Distance from the index in ppm and value in whole dollars of each level, on both sides.
    pub levels: Vec<[u64; 2]>,
}

/// When keepers die and come, seconds of the stretch. One dies at the first moment after its time at which an account
/// is below maintenance in an open market and can be helped; if that does not come for [`PATIENCE`] seconds, then.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// The first is killed, and so many seconds later started anew with an empty ledger.
    pub killed_from: i64,
    pub dead_seconds: i64,
    /// The second starts beside it.
    pub second_at: i64,
    /// The first is killed for good.
    pub for_good_from: i64,
}

/// Seconds for which a death waits for somebody in need.
pub const PATIENCE: i64 = 40;

impl Scenario {
    pub fn parse(text: &str) -> Self {
        toml::from_str(text).expect("a scenario")
    }

    /// First second of the tape.
    pub const fn tape_start(&self) -> i64 {
        EVENING + self.from
    }
}

impl Holders {
    /// Name of one of them.
    pub fn name_of(&self, number: u32) -> String {
        format!("{}-{number}", self.name)
    }

    /// Leverage of one of them, tenths.
    pub fn leverage_of(&self, number: u32) -> u64 {
        let [first, last] = self.leverage_tenths;
        let steps = u64::from(self.count.saturating_sub(1).max(1));
        let part = |span: u64| span * u64::from(number) / steps;
        if last >= first {
            first + part(last - first)
        } else {
            first - part(first - last)
        }
    }
}

#[test]
fn every_scenario_can_be_played() {
    for (name, text) in crate::SCENARIOS {
        let scenario = Scenario::parse(text);
        let keepers = scenario.keepers;
        let order = [
            0,
            keepers.killed_from,
            keepers.killed_from + PATIENCE + keepers.dead_seconds,
            keepers.second_at,
            keepers.for_good_from,
            keepers.for_good_from + PATIENCE,
            scenario.seconds,
        ];
        assert!(order.is_sorted(), "{name}: {order:?}");
        for group in &scenario.holders {
            let known = scenario
                .markets
                .iter()
                .any(|market| market.symbol == group.market);
            assert!(known, "{name}: no market {}", group.market);
            let [first, last] = group.leverage_tenths;
            assert_eq!(group.leverage_of(0), first);
            assert!(group.count == 1 || group.leverage_of(group.count - 1) == last);
        }
    }
}
