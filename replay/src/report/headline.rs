//! The top of the report: what was played, whether it can be trusted, and what Plimsoll's own rules made of it.

use maud::{html, Markup};

use super::figures;
use super::findings;
use crate::outcome::{Run, Study};
use crate::rules::RuleSet;

/// A measure in words and numbers.
struct Tile {
    title: &'static str,
    value: String,
    unit: &'static str,
    /// What it means beside the rest.
    words: String,
}

pub(crate) fn section(study: &Study) -> Markup {
    let ours = findings::run(study, RuleSet::Plimsoll);
    html! {
        header {
            h1 { (study.market) ", replayed" }
            p class="lead" { (played(study)) " " (fall(study)) }
        }
        (flaws(study))
        @if let Some(ours) = ours {
            div class="tiles" {
                @for tile in tiles(study, ours) {
                    div class="tile" {
                        p class="tile-title" { (tile.title) }
                        p class="tile-value" { (tile.value) @if !tile.unit.is_empty() { span class="unit" { " " (tile.unit) } } }
                        p class="muted" { (tile.words) }
                    }
                }
            }
            p class="note" { "Figures of the run under Plimsoll's own rules. Amounts are USDC." }
        } @else {
            p { "Plimsoll's own rules (" code { "plimsoll" } ") were not run." }
        }
    }
}

fn played(study: &Study) -> String {
    format!(
        "{}, {} to {} UTC, second by second: {}, {}, seed\u{a0}{}.",
        figures::date(study.start),
        figures::clock(study.start),
        figures::clock_at(study.start, study.seconds),
        figures::plural(study.accounts.into(), "account", "accounts"),
        sets(study),
        study.seed,
    )
}

fn sets(study: &Study) -> String {
    let number = u64::try_from(study.runs.len()).unwrap_or(0);
    figures::plural(number, "set of rules", "sets of rules")
}

/// The index in its worst ten minutes, if there is one.
fn fall(study: &Study) -> String {
    let at = |second: u32| {
        let place = usize::try_from(second).ok()?;
        study.index.get(place).copied().filter(|price| *price > 0)
    };
    let (Some(first), Some(last)) = (at(study.worst.0), at(study.worst.1)) else {
        return String::new();
    };
    let change = figures::relative_ppm(last.into(), first.into()).unwrap_or(0);
    let clock = |second: u32| figures::clock_at(study.start, second);
    let (from, to) = (clock(study.worst.0), clock(study.worst.1));
    let (first, last) = (figures::price(first), figures::price(last));
    format!(
        "In the ten minutes in which the index fell most, from {from} to {to}, it went from ${first} to ${last} ({}).",
        figures::signed(figures::percent(change))
    )
}

fn flaws(study: &Study) -> Markup {
    let flawed: Vec<&Run> = study
        .runs
        .iter()
        .filter(|run| !run.flaws.is_empty())
        .collect();
    html! {
        @if !flawed.is_empty() {
            div class="flaws" role="alert" {
                h2 { "Not all of this can be trusted" }
                @for run in flawed {
                    p { strong { (run.rules.title()) } }
                    ul { @for flaw in &run.flaws { li { (flaw) } } }
                }
            }
        }
    }
}

fn tiles(study: &Study, run: &Run) -> Vec<Tile> {
    vec![
        liquidated(study, run),
        hedgers(study, run),
        bad_debt(run),
        adl(run),
        halts(run),
        low(run),
        deposits(run),
        custody(run),
    ]
}

fn liquidated(study: &Study, run: &Run) -> Tile {
    let measures = &run.measures;
    let only = measures.liquidated_on_venue_only_print;
    let only = if only == 0 {
        "none on a price that only the venue saw".to_owned()
    } else {
        format!(
            "{} on a price that only the venue saw",
            figures::count(only.into())
        )
    };
    Tile {
        title: "Liquidated",
        value: figures::compact(measures.liquidated_notional.into()),
        unit: "USDC",
        words: format!(
            "{} of {} accounts; {only}",
            figures::count(measures.liquidated_accounts.into()),
            figures::count(study.accounts.into()),
        ),
    }
}

fn hedgers(study: &Study, run: &Run) -> Tile {
    let without = findings::run(study, RuleSet::NoCredit).map_or_else(String::new, |without| {
        format!(
            "; {} without credit",
            figures::count(without.measures.hedgers_stopped_out.into())
        )
    });
    Tile {
        title: "Hedgers stopped out",
        value: figures::count(run.measures.hedgers_stopped_out.into()),
        unit: "",
        words: format!(
            "{} drawn from credit lines{without}",
            figures::compact(run.measures.credit_drawn.into())
        ),
    }
}

fn bad_debt(run: &Run) -> Tile {
    Tile {
        title: "Bad debt",
        value: figures::compact(run.measures.bad_debt.into()),
        unit: "USDC",
        words: format!(
            "default fund paid {}; underwriters {}",
            figures::compact(run.measures.default_fund_used.into()),
            figures::signed(figures::compact(run.measures.underwriter_pnl.into())),
        ),
    }
}

fn adl(run: &Run) -> Tile {
    let measures = &run.measures;
    let words = if measures.adl_needed == 0 && measures.adl_notional == 0 {
        "no loss reached the winners".to_owned()
    } else {
        let closed = figures::compact(measures.adl_notional.into());
        let worst = figures::percent(measures.adl_worst_share.into());
        format!("{closed} of positions closed, at most {worst} of one account's")
    };
    Tile {
        title: "Borne by winners",
        value: figures::compact(run.waterfall.winners.into()),
        unit: "USDC",
        words,
    }
}

fn halts(run: &Run) -> Tile {
    let auctions = run
        .halts
        .iter()
        .filter(|halt| halt.auction.is_some())
        .count();
    let auctions = u64::try_from(auctions).unwrap_or(0);
    Tile {
        title: "Halts",
        value: figures::count(run.measures.halts.into()),
        unit: "",
        words: format!(
            "{} s in all; {} found a price",
            figures::count(run.measures.halted_seconds.into()),
            figures::plural(auctions, "auction", "auctions"),
        ),
    }
}

fn low(run: &Run) -> Tile {
    let index = figures::price_short(run.measures.index_low);
    Tile {
        title: "Lowest price on the venue",
        value: run.measures.venue_low.map_or_else(
            || "none".to_owned(),
            |low| format!("${}", figures::price_short(low)),
        ),
        unit: "",
        words: format!("the index's low was ${index}"),
    }
}

fn deposits(run: &Run) -> Tile {
    let measures = &run.measures;
    let tried = figures::count(measures.deposits_tried.into());
    let accepted = figures::count(measures.deposits_accepted.into());
    let words = match measures
        .deposits_tried
        .checked_sub(measures.deposits_accepted)
    {
        _ if measures.deposits_tried == 0 => "nobody tried".to_owned(),
        Some(0) => "every deposit was accepted".to_owned(),
        _ => format!("{accepted} of {tried} tried"),
    };
    Tile {
        title: "Deposits accepted",
        value: accepted,
        unit: "",
        words,
    }
}

fn custody(run: &Run) -> Tile {
    let (value, words) = if run.measures.custody_exact {
        ("exact", "in every second, to the atom")
    } else {
        ("not exact", "in at least one second")
    };
    Tile {
        title: "Custody",
        value: value.to_owned(),
        unit: "",
        words: words.to_owned(),
    }
}
