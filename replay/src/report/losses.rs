//! The waterfall of losses: who paid for those who could not.

use maud::{html, Markup};

use super::figures;
use crate::outcome::{Study, Waterfall};

/// Name, class of its bar, and what it paid.
type Layer = (&'static str, &'static str, fn(&Waterfall) -> u64);

/// The layers in the order in which they pay.
const LAYERS: [Layer; 5] = [
    ("Their own", "bar-own", |layers| layers.own_cash),
    ("Credit", "bar-credit", |layers| layers.credit),
    ("Default fund", "bar-fund", |layers| layers.default_fund),
    ("Winners", "bar-winners", |layers| layers.winners),
    ("Carried", "bar-carried", |layers| layers.carried),
];

pub(crate) fn section(study: &Study) -> Markup {
    let most = |from: usize| {
        let runs = study.runs.iter();
        let layers =
            runs.flat_map(|run| LAYERS[from..].iter().map(|(.., read)| read(&run.waterfall)));
        layers.max().unwrap_or(0)
    };
    let own = study.runs.iter().map(|run| run.waterfall.own_cash).max();
    let scales = (own.unwrap_or(0), most(1));
    html! {
        p class="note" {
            "USDC. Losses of liquidated accounts are paid from left to right: what they had themselves, credit that was drawn and lost, "
            "the default fund, the winners (ADL), and what the market carries for later fees. The bars of the first column have a scale of their own; "
            "the other four share one."
        }
        div class="scroll" {
            table class="losses" {
                thead {
                    tr {
                        th scope="col" { "Rules" }
                        @for (name, ..) in LAYERS { th scope="col" { (name) } }
                    }
                }
                tbody {
                    @for run in &study.runs {
                        tr {
                            th scope="row" { (run.rules.title()) }
                            @for (place, (_, class, read)) in (0..).zip(LAYERS) {
                                @let value = read(&run.waterfall);
                                @let scale = if place == 0 { scales.0 } else { scales.1 };
                                td {
                                    (figures::amount(value.into()))
                                    div class="bar" {
                                        @if value > 0 { div class=(class) style={ "width:" (width(value, scale)) } {} }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Part of the scale in percent, at least enough to be seen.
fn width(value: u64, scale: u64) -> String {
    let permille = u128::from(value) * 1_000 / u128::from(scale.max(1));
    let permille = permille.max(10);
    format!("{}.{}%", permille / 10, permille % 10)
}
