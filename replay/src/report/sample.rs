//! Made-up studies for the tests of the report. No figure of theirs is a result.

use crate::outcome::{
    Cohort, EventRow, Haircut, Halt, Input, Measures, Moment, PerpSecond, Run, Study, Timing,
    Waterfall, COHORT_SECONDS,
};
use crate::rules::RuleSet;

const DOLLAR: i64 = 100_000_000;
const USDC: u64 = 1_000_000;

/// A fall and half a recovery in `seconds`, under `rules`.
pub(crate) fn study(seconds: u32, rules: &[RuleSet]) -> Study {
    let index: Vec<i64> = (0..seconds).map(|second| price(second, seconds)).collect();
    let perp = (0..seconds).filter(|second| !second.is_multiple_of(3));
    let perp = perp.map(|second| {
        let close = price(second, seconds) - DOLLAR / 20;
        let deep = if second == seconds / 2 {
            close / 3
        } else {
            close
        };
        PerpSecond {
            second,
            low: deep,
            high: close + DOLLAR / 50,
            close,
        }
    });
    of_tapes("AVAX-PERP", 1_760_126_400, index, perp.collect(), rules)
}

/// A study of the given prices.
pub(crate) fn of_tapes(
    market: &str,
    start: i64,
    index: Vec<i64>,
    perp: Vec<PerpSecond>,
    rules: &[RuleSet],
) -> Study {
    let seconds = u32::try_from(index.len()).expect("a day");
    let traded = index.iter().copied().filter(|price| *price > 0);
    let low = traded.min().unwrap_or(0);
    let bottom = index.iter().position(|price| *price == low).unwrap_or(0);
    let bottom = u32::try_from(bottom).expect("a day");
    let worst = (bottom.saturating_sub(600), bottom);
    let roles = ["index", "perp", "scenario", "program"];
    let input = |(place, role): (usize, &'static str)| Input {
        role,
        name: format!("{role}.csv"),
        sha256: format!("{place:064x}"),
    };
    let runs = rules.iter().map(|rules| run(*rules, &index, start, worst));
    Study {
        market: market.to_owned(),
        seed: 7,
        inputs: roles.into_iter().enumerate().map(input).collect(),
        accounts: 5_000,
        start,
        seconds,
        runs: runs.collect(),
        index,
        perp,
        worst,
    }
}

fn price(second: u32, seconds: u32) -> i64 {
    let (at, middle) = (i64::from(second), i64::from(seconds / 2).max(1));
    let depth = if at < middle {
        at
    } else {
        middle - (at - middle) / 2
    };
    30 * DOLLAR - 10 * DOLLAR * depth / middle
}

fn run(rules: RuleSet, index: &[i64], start: i64, worst: (u32, u32)) -> Run {
    let place = RuleSet::ALL.iter().position(|other| *other == rules);
    let place = u64::try_from(place.unwrap_or(0)).expect("small");
    let timeline: Vec<Moment> = (0_u32..)
        .zip(index)
        .map(|(second, price)| moment(rules, second, *price, worst, place))
        .collect();
    let low = timeline
        .iter()
        .map(|now| now.low)
        .filter(|low| *low > 0)
        .min();
    Run {
        rules,
        measures: Measures {
            index_low: index
                .iter()
                .copied()
                .filter(|price| *price > 0)
                .min()
                .unwrap_or(0),
            venue_low: low,
            ..measures(rules, place)
        },
        waterfall: Waterfall {
            own_cash: 41_250_000 * USDC + place,
            credit: if rules == RuleSet::NoCredit {
                0
            } else {
                310_000 * USDC
            },
            default_fund: 900_000 * USDC,
            winners: 1_234_567 * USDC,
            carried: if rules == RuleSet::NoHalt {
                25_000 * USDC
            } else {
                0
            },
        },
        cohorts: cohorts(rules, index),
        halts: halts(rules, index, worst),
        haircuts: haircuts(rules),
        events: events(rules, start),
        flaws: Vec::new(),
        timing: Timing {
            setup_seconds: 1.5,
            play_seconds: 60.0,
            transactions: 1_000,
        },
        timeline,
    }
}

fn moment(rules: RuleSet, second: u32, price: i64, worst: (u32, u32), place: u64) -> Moment {
    let ripple = i64::from(second % 7) * DOLLAR / 200;
    let crash = (worst.0..=worst.1 + 60).contains(&second);
    let venue = if crash { price - price / 12 } else { price };
    let own_mark = rules == RuleSet::BaselineVenueMark;
    let traded = second.is_multiple_of(2) && price > 0;
    let depth = u64::from(second.saturating_sub(worst.0));
    Moment {
        index: price,
        mark: if own_mark { venue } else { price - price / 200 },
        low: if traded { venue - ripple } else { 0 },
        high: if traded { venue + ripple / 2 } else { 0 },
        liquidated: if crash {
            depth * 700 * USDC * (place + 4) / 4
        } else {
            0
        },
        below_maintenance: 0,
        halted: false,
        open_interest: 1_000_000,
    }
}

fn measures(rules: RuleSet, place: u64) -> Measures {
    let queue = matches!(rules, RuleSet::BaselineQueue | RuleSet::BaselineRandom);
    let halted = rules != RuleSet::NoHalt;
    let suspended = rules == RuleSet::BaselineSuspendedDeposits;
    Measures {
        custody_exact: true,
        deposits_tried: 412,
        deposits_accepted: if suspended { 300 } else { 412 },
        liquidated_accounts: 1_011 + place,
        liquidated_notional: 91_234_567_654_321 + place * 1_000_000_007,
        liquidated_on_venue_only_print: if rules == RuleSet::BaselineVenueMark {
            77
        } else {
            0
        },
        hedgers_stopped_out: if rules == RuleSet::NoCredit { 212 } else { 31 },
        bad_debt: 2_444_567_000_001,
        default_fund_used: 900_000 * USDC,
        underwriter_pnl: if rules == RuleSet::NoCredit {
            0
        } else {
            -310_000_000_001
        },
        adl_notional: 18_000_000 * USDC,
        adl_needed: 1_234_567_000_000,
        adl_overshoot: if queue { 400_000_000_000 } else { 0 },
        adl_worst_share: if queue { 1_000_000 } else { 13_400 },
        adl_gini: if queue { 812_345 } else { 0 },
        adl_deviation_atoms: if queue { 9_876_543_210 } else { 1 },
        venue_liquidation_revenue: 0,
        halts: if halted { 3 } else { 0 },
        halted_seconds: if halted { 201 } else { 0 },
        below_maintenance_seconds: 90_210,
        credit_drawn: if rules == RuleSet::NoCredit {
            0
        } else {
            4_000_000 * USDC
        },
        refused: 12,
        ..Measures::default()
    }
}

fn cohorts(rules: RuleSet, index: &[i64]) -> Vec<Cohort> {
    let first = index.iter().copied().find(|price| *price > 0);
    let first = first.unwrap_or(DOLLAR);
    let named: [(&str, i64, i64); 8] = [
        ("Hedgers with a line", 80_000_000_000_000, -2),
        ("Hedgers without a line", 80_000_000_000_000, -2),
        ("Levered longs", 24_000_000_000_000, 2),
        ("Shorts", 20_000_000_000_000, -2),
        ("Basis traders", 10_000_000_000_000, 0),
        ("Makers", 30_000_000_000_000, 1),
        ("Depositors", 0, 1),
        ("Underwriters", 6_000_000_000_000, 1),
    ];
    let lost = if rules == RuleSet::NoCredit { 12 } else { 10 };
    let cohort = |(name, start, leverage): (&str, i64, i64)| {
        let samples = index
            .iter()
            .step_by(COHORT_SECONDS.try_into().expect("small"));
        let value = |price: &i64| {
            let now = if *price > 0 { *price } else { first };
            let change = i128::from(now - first) * i128::from(leverage * lost);
            let change = change * i128::from(start.max(USDC.try_into().expect("small")));
            start + i64::try_from(change / i128::from(first) / 10).expect("in range")
        };
        Cohort {
            name: name.to_owned(),
            accounts: 700,
            equity: samples.map(value).collect(),
            liquidated_accounts: if leverage > 0 { 300 } else { 20 },
            deposits: 5,
        }
    };
    named.into_iter().map(cohort).collect()
}

fn halts(rules: RuleSet, index: &[i64], worst: (u32, u32)) -> Vec<Halt> {
    if rules == RuleSet::NoHalt || index.len() < 2 {
        return Vec::new();
    }
    let at = |second: u32| Halt {
        began: second,
        ended: second + 67,
        cause: "index",
        auction: usize::try_from(second + 67)
            .ok()
            .and_then(|place| index.get(place))
            .map(|price| (*price, 1_234)),
    };
    let middle = worst.0 + (worst.1 - worst.0) / 2;
    let last = Halt {
        auction: None,
        ..at(worst.1)
    };
    vec![at(worst.0 + 20), at(middle), last]
}

fn haircuts(rules: RuleSet) -> Vec<Haircut> {
    let queue = matches!(rules, RuleSet::BaselineQueue | RuleSet::BaselineRandom);
    let haircut = |winner: u64| {
        let hit = winner.is_multiple_of(19);
        let closed_ppm = match (queue, hit) {
            (true, true) => 1_000_000,
            (true, false) => 0,
            (false, _) => 13_400,
        };
        let held = 50_000 * USDC;
        Haircut {
            cohort: "Shorts".to_owned(),
            closed_ppm,
            charged: match (queue, hit) {
                (true, true) => held / 9,
                (true, false) => 0,
                (false, _) => held / 200,
            },
            held,
        }
    };
    (0..900).map(haircut).collect()
}

fn events(rules: RuleSet, start: i64) -> Vec<EventRow> {
    vec![EventRow {
        rules: rules.name(),
        unix_seconds: start + 3,
        event: "liquidated",
        account: "levered #3".to_owned(),
        lots: Some(9),
        price: Some("21.5".to_owned()),
        amount: Some("193.500000".to_owned()),
        note: "in the book".to_owned(),
    }]
}
