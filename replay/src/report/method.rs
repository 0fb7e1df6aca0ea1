//! Method and limits, in plain words.

use maud::{html, Markup};

use super::figures;
use super::measures;
use crate::outcome::{Run, Study};
use crate::rules::RuleSet;

pub(crate) fn section(study: &Study) -> Markup {
    html! {
        h3 { "How it was done" }
        p {
            "A tape of recorded prices is played second by second. In each second the index is the tape's close, or the last one before where "
            "there was no trade; it is written into the price account that the program reads. The program is the real one: the same bytecode "
            "that runs on the chain, in a Solana virtual machine in this process. What a keeper does in each second (refresh the mark, move halts "
            "on, draw credit, liquidate, tear up) is decided by the keeper's own decision code from the accounts' bytes."
        }
        p {
            "Who trades comes from the scenario: cohorts of accounts with their positions, leverage, credit lines and behaviour, drawn with the seed. "
            @if study.perp.is_empty() {
                "There was no tape of a perpetual: makers quote around the index, and the index tape's own volume comes as orders that reach a little "
                "past it, so that the venue's book makes the venue's price."
            } @else {
                "Makers quote around the perpetual's last close. Its volume in a second comes as a sale down to the second's low and a purchase up to "
                "its high: the volume is imposed, not the price, and what rests in the book is what they print. The volumes are another venue's."
            }
            " In every second the price comes first, then the keeper, then makers, the tape's volume, the takeover desk and the holders, then the keeper again."
        }
        (population(study))
        h3 { "The rules" }
        (rules(study))
        h3 { "What the measures mean" }
        dl {
            @for measure in &measures::ALL {
                dt { (measure.title) }
                dd { (measure.definition) }
            }
        }
        h3 { "Limits" }
        (limits(study))
        h3 { "Inputs" }
        (inputs(study))
    }
}

fn population(study: &Study) -> Markup {
    let Some(run) = study.runs.first() else {
        return html! { p { "No run was made." } };
    };
    html! {
        @if !run.cohorts.is_empty() {
            div class="scroll" {
                table class="plain" {
                    thead { tr { th scope="col" { "Cohort" } th scope="col" { "Accounts" } th scope="col" { "Equity at the start, USDC" } } }
                    tbody {
                        @for cohort in &run.cohorts {
                            tr {
                                th scope="row" { (cohort.name) }
                                td { (figures::count(cohort.accounts.into())) }
                                td { (cohort.equity.first().map_or_else(|| "none".to_owned(), |atoms| figures::amount((*atoms).into()))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn rules(study: &Study) -> Markup {
    html! {
        p {
            "Every run plays the same tape with the same population and seed; one rule is switched. What the program cannot do is a baseline: "
            "a model, kept apart, that stands in for a rule of other venues."
        }
        dl {
            @for rules in RuleSet::ALL {
                dt {
                    (rules.title()) " (" code { (rules.name()) } ")"
                    @if rules.is_baseline() { " · baseline model" } @else { " · real program" }
                    @if !ran(study, rules) { " · not run" }
                }
                dd { (meaning(rules)) }
            }
        }
    }
}

fn ran(study: &Study, rules: RuleSet) -> bool {
    study.runs.iter().any(|run| run.rules == rules)
}

fn meaning(rules: RuleSet) -> &'static str {
    match rules {
        RuleSet::Plimsoll => "Everything as the program has it.",
        RuleSet::NoCredit => "Nobody has a credit line. Everything else is the program's.",
        RuleSet::NoHalt => "The market's budget of halts is zero, so none can start. Everything else is the program's.",
        RuleSet::BaselineQueue => {
            "In place of the program's uniform tear-up the winners are ranked by profit × leverage and closed one after another, at the loser's \
             bankruptcy price, until the loss is covered. The arithmetic is the engine's; the order is the common formula's."
        }
        RuleSet::BaselineRandom => "The same as the ranked queue, in an order that begins anywhere; the seed says where.",
        RuleSet::BaselineSuspendedDeposits => {
            "A gate in front of the program refuses every deposit in the ten minutes in which the index fell most. The program itself has no such gate."
        }
        RuleSet::BaselineVenueMark => {
            "The price account is fed with the venue's own last trade instead of the index, so that the mark is the venue's own price."
        }
    }
}

fn limits(study: &Study) -> Markup {
    let flawed: Vec<&Run> = study
        .runs
        .iter()
        .filter(|run| !run.flaws.is_empty())
        .collect();
    html! {
        ul {
            li { "One market. Nothing here spreads to another, and nobody hedges elsewhere." }
            li { "Behaviours are assumptions of the scenario: who deposits, who cuts size, who waits. People may do otherwise." }
            li { "One draw of a population, from one seed. Another seed gives other figures; only the spread over many says how firm one is." }
            li { "The tape's volumes are not this venue's. What would have traded here nobody knows." }
            li { "The order of prices inside a second is not recorded; it is a convention." }
            li { "The index follows the tape whatever happens on the venue: what the venue does moves no other market." }
            li { "While the market is halted the tape's volume passes it by: it is not made up for later." }
            li {
                "That no account is liquidated on a print that only the venue saw is what the mark's rule says; the run shows that program, keeper and tape "
                "keep it together. An account that the venue's own mark liquidated so might have been liquidated later all the same."
            }
            li { "The queue charges what was needed, as the program does: what differs is who pays. A winner that was closed in part is ranked anew at the next loss." }
            li { "A baseline is a model of a rule, not a replica of any venue." }
            @if !study.runs.iter().any(|run| run.measures.adl_needed > 0) {
                li { "No loss reached the winners in any run: nothing here says how ADL falls." }
            }
            @for run in flawed {
                li class="worse" {
                    (run.rules.title()) " has flaws:"
                    ul { @for flaw in &run.flaws { li { (flaw) } } }
                }
            }
        }
    }
}

fn inputs(study: &Study) -> Markup {
    html! {
        div class="scroll" {
            table class="plain" {
                thead { tr { th scope="col" { "Input" } th scope="col" { "File" } th scope="col" { "SHA-256" } } }
                tbody {
                    @for input in &study.inputs {
                        tr { th scope="row" { (input.role) } td { (input.name) } td { code { (input.sha256) } } }
                    }
                }
            }
        }
        p {
            "Market " (study.market) ", seed " (study.seed) ", "
            (figures::plural(study.accounts.into(), "account", "accounts")) ", "
            (figures::plural(study.seconds.into(), "second", "seconds"))
            " from Unix second " (study.start) ". The same inputs and seed give the same bytes; wall-clock figures are in "
            code { "timing.json" } " alone."
        }
    }
}
