//! The waves for people: a table, and sentences under it.

use super::{disagreements, totals, Check, Fixed, Wave};

/// Places of a share that are shown: a ten-thousandth of a percent.
const SHARE_PLACES: u32 = 6;

/// A header and rows as wide as it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// One row for each wave and one for all: dollars to the cent, shares in percent.
pub fn table(waves: &[Wave]) -> Table {
    let all = totals(waves);
    let last = vec![
        "all".to_owned(),
        String::new(),
        dollars(all.needed),
        dollars(all.charged),
        dollars(all.queue),
        format!("+{} -{}", dollars(all.too_much), dollars(all.too_little)),
        share(all.fraction),
        share(all.queue_worst),
    ];
    let rows = waves.iter().map(|wave| {
        let sign = if wave.overshoot > Fixed::ZERO {
            "+"
        } else {
            ""
        };
        vec![
            wave.wave.to_string(),
            time(&wave.start).to_owned(),
            dollars(wave.needed),
            dollars(wave.uniform.charged),
            dollars(wave.queue),
            format!("{sign}{}", dollars(wave.overshoot)),
            share(wave.uniform.fraction),
            share(wave.queue_worst),
        ]
    });
    Table {
        header: vec![
            "wave",
            "from (UTC)",
            "needed",
            "uniform takes",
            "queue took",
            "overshoot",
            "of each, uniform",
            "of the worst hit, queue",
        ],
        rows: rows.chain([last]).collect(),
    }
}

/// What the table does not say: how even the engine's charge is, in how many waves the queue missed, what winners
/// cannot give, and every published number that is not what was computed.
pub fn notes(waves: &[Wave]) -> Vec<String> {
    let all = totals(waves);
    let mut notes = vec![
        format!(
            "Uniform, by the engine's formula on {} winners made up for each wave: they give {} where {} is charged, and none is more \
             than {} of 0.000001 from its exact part.",
            super::WINNERS,
            all.taken,
            all.charged,
            atoms(all.deviation_atoms)
        ),
        format!(
            "The queue took {} too much in {}, and {} too little in {}.",
            dollars(all.too_much),
            counted(all.waves_too_much, "wave"),
            dollars(all.too_little),
            counted(all.waves_too_little, "wave")
        ),
    ];
    notes.extend(waves.iter().filter_map(carried));
    notes.extend(waves.iter().filter_map(worse));
    notes.extend(waves.iter().filter_map(at_odds));
    let checks: Vec<&Check> = waves.iter().flat_map(|wave| &wave.checks).collect();
    notes.push(format!(
        "Published budget_pr, max_pct_pr and overshoot_prod: {} of {} are what is computed, within the file's rounding.",
        checks.len() - all.disagreements,
        counted(checks.len(), "number")
    ));
    notes.extend(disagreements(waves).map(|(wave, check)| {
        format!(
            "Wave {}: {} is published as {} and computed as {}: {} apart, of which rounding explains {}.",
            wave.wave, check.column, check.published, check.computed, check.difference, check.rounding
        )
    }));
    notes
}

fn carried(wave: &Wave) -> Option<String> {
    let carried = wave.uniform.carried;
    (carried > Fixed::ZERO).then(|| {
        format!(
            "Wave {}: {carried} is more than all winners could give, and is carried.",
            wave.wave
        )
    })
}

/// Where the uniform rule hits nobody less than the queue hit anybody.
fn worse(wave: &Wave) -> Option<String> {
    (wave.fraction > wave.queue_worst).then(|| {
        format!(
            "Wave {}: the uniform rule takes {} of each, more than the {} published of the queue's worst hit.",
            wave.wave,
            share(wave.fraction),
            share(wave.queue_worst)
        )
    })
}

/// Whoever is hit worst is hit no less than all together.
fn at_odds(wave: &Wave) -> Option<String> {
    let together = Fixed::ratio(wave.queue.min(wave.total), wave.total);
    let apart = Fixed(together.0 - wave.queue_worst.0);
    (apart > Fixed::step(SHARE_PLACES)).then(|| {
        format!(
            "Wave {}: max_pct_prod is {}, but the queue took {} of total_cap: the worst hit cannot be below all \
             together, so the two are not of the same base and do not compare.",
            wave.wave,
            share(wave.queue_worst),
            share(together)
        )
    })
}

fn dollars(amount: Fixed) -> String {
    amount.rounded(2)
}

fn share(share: Fixed) -> String {
    share.percent(SHARE_PLACES - 2)
}

fn atoms(count: u64) -> String {
    format!("{count} {}", if count == 1 { "atom" } else { "atoms" })
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Without fractions of a second, where it is UTC; else as written.
fn time(written: &str) -> &str {
    match written.strip_suffix("+00:00") {
        Some(utc) => utc.split_once('.').map_or(utc, |(second, _)| second),
        None => written,
    }
}
