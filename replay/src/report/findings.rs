//! What the figures say about each switched rule, and what they do not: sentences that hold by the figures alone.

use super::figures;
use super::measures::{self, Better, Kind, Measure, Verdict};
use crate::outcome::{Run, Study};
use crate::rules::RuleSet;

/// A rule of Plimsoll and the run without it.
struct Switch {
    rules: RuleSet,
    title: &'static str,
    ours: &'static str,
    theirs: &'static str,
    /// Measures that the rule is there for: no difference in one of them is worth a sentence.
    claims: &'static [&'static str],
    /// Why the two runs say nothing about the rule, if they don't.
    silent: fn(&Run, &Run) -> Option<&'static str>,
}

/// What two runs say about a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    pub(crate) title: &'static str,
    /// Where what the rule is there for came out better.
    pub(crate) supported: Vec<String>,
    /// Where it did not, or where something else came out worse.
    pub(crate) unsupported: Vec<String>,
}

const SWITCHES: [Switch; 6] = [
    Switch {
        rules: RuleSet::NoCredit,
        title: "Credit lines",
        ours: "with credit lines",
        theirs: "without credit lines",
        claims: &[
            "hedgers_stopped_out",
            "liquidated_accounts",
            "liquidated_notional",
            "bad_debt",
            "default_fund_used",
            "adl_needed",
        ],
        silent: |ours, _| {
            (ours.measures.credit_drawn == 0)
                .then_some("No credit was drawn, so these runs say nothing about credit lines.")
        },
    },
    Switch {
        rules: RuleSet::NoHalt,
        title: "Velocity halts",
        ours: "with halts",
        theirs: "without halts",
        claims: &[
            "liquidated_accounts",
            "liquidated_notional",
            "hedgers_stopped_out",
            "bad_debt",
            "default_fund_used",
            "adl_needed",
            "venue_below_index",
        ],
        silent: |ours, _| {
            (ours.measures.halts == 0)
                .then_some("The market was never halted, so these runs say nothing about halts.")
        },
    },
    Switch {
        rules: RuleSet::BaselineQueue,
        title: "Uniform ADL against a ranked queue",
        ours: "with uniform ADL",
        theirs: "with the ranked queue",
        claims: ADL_CLAIMS,
        silent: no_adl,
    },
    Switch {
        rules: RuleSet::BaselineRandom,
        title: "Uniform ADL against a random start",
        ours: "with uniform ADL",
        theirs: "with a random start",
        claims: ADL_CLAIMS,
        silent: no_adl,
    },
    Switch {
        rules: RuleSet::BaselineSuspendedDeposits,
        title: "Deposits always open",
        ours: "with deposits open",
        theirs: "with deposits suspended",
        claims: &[
            "deposits_refused",
            "liquidated_accounts",
            "liquidated_notional",
            "hedgers_stopped_out",
            "bad_debt",
        ],
        silent: |_, theirs| {
            (theirs.measures.deposits_tried == theirs.measures.deposits_accepted).then_some(
                "Nobody's deposit was refused while deposits were suspended, so these runs say nothing about it.",
            )
        },
    },
    Switch {
        rules: RuleSet::BaselineVenueMark,
        title: "The mark as a median with the index",
        ours: "with the median",
        theirs: "with the venue's own last price",
        claims: &[
            "liquidated_on_venue_only_print",
            "liquidated_accounts",
            "liquidated_notional",
            "hedgers_stopped_out",
            "bad_debt",
            "default_fund_used",
            "adl_needed",
        ],
        silent: |_, _| None,
    },
];

const ADL_CLAIMS: &[&str] = &[
    "adl_worst_share",
    "adl_gini",
    "adl_overshoot",
    "adl_notional",
];

fn no_adl(ours: &Run, theirs: &Run) -> Option<&'static str> {
    let none = |run: &Run| run.measures.adl_needed == 0 && run.measures.adl_notional == 0;
    (none(ours) && none(theirs)).then_some(
        "No loss reached the winners and none of their positions was closed, so these runs say nothing about ADL.",
    )
}

/// The run under a set of rules.
pub(crate) fn run(study: &Study, rules: RuleSet) -> Option<&Run> {
    study.runs.iter().find(|run| run.rules == rules)
}

/// One for each rule, whether it was switched or not.
pub(crate) fn switches(study: &Study) -> Vec<Finding> {
    let ours = run(study, RuleSet::Plimsoll);
    let finding = |switch: &Switch| match (ours, run(study, switch.rules)) {
        (Some(ours), Some(theirs)) => compared(switch, ours, theirs),
        (None, _) => nothing(switch, RuleSet::Plimsoll),
        (_, None) => nothing(switch, switch.rules),
    };
    SWITCHES.iter().map(finding).collect()
}

fn nothing(switch: &Switch, missing: RuleSet) -> Finding {
    let reason = format!("Not tested: {missing} was not run, so nothing is said about it.");
    Finding {
        title: switch.title,
        unsupported: vec![reason],
        ..Finding::default()
    }
}

fn compared(switch: &Switch, ours: &Run, theirs: &Run) -> Finding {
    let mut finding = Finding {
        title: switch.title,
        ..Finding::default()
    };
    for run in [ours, theirs] {
        if !run.flaws.is_empty() {
            let reason = format!(
                "Not to be relied upon: the run {} has flaws, named at the top.",
                run.rules
            );
            finding.unsupported.push(reason);
        }
    }
    let silent = (switch.silent)(ours, theirs);
    finding.unsupported.extend(silent.map(str::to_owned));
    let sound = ours.flaws.is_empty() && theirs.flaws.is_empty();
    let mut same = Vec::new();
    for measure in &measures::ALL {
        let claimed = switch.claims.contains(&measure.name);
        let values = (
            (measure.read)(&ours.measures),
            (measure.read)(&theirs.measures),
        );
        match measure.verdict(values.0, values.1) {
            Verdict::Worse => finding.unsupported.push(differs(switch, measure, values)),
            Verdict::Better if claimed && sound && silent.is_none() => {
                finding.supported.push(differs(switch, measure, values));
            }
            Verdict::Equal if claimed && silent.is_none() => {
                same.push(equals(switch, measure, values.0));
            }
            Verdict::Slight if claimed && silent.is_none() => {
                same.push(slight(switch, measure, values));
            }
            Verdict::Other if claimed && silent.is_none() => {
                same.push(undecided(switch, measure, values));
            }
            _ => {}
        }
    }
    // What came out worse stands before what made no difference.
    finding.unsupported.extend(same);
    finding
}

fn equals(switch: &Switch, measure: &Measure, value: Option<i128>) -> String {
    let (title, value) = (plain(measure), measure.said(value));
    let Switch { ours, theirs, .. } = switch;
    format!("No difference. {title}: {value} both {ours} and {theirs}.")
}

fn slight(switch: &Switch, measure: &Measure, values: (Option<i128>, Option<i128>)) -> String {
    let (title, text) = (plain(measure), both(switch, measure, values));
    format!("Hardly any difference. {title}: {text}.")
}

fn undecided(switch: &Switch, measure: &Measure, values: (Option<i128>, Option<i128>)) -> String {
    let (title, text) = (plain(measure), both(switch, measure, values));
    format!("Neither better nor worse. {title}: {text}.")
}

fn differs(switch: &Switch, measure: &Measure, values: (Option<i128>, Option<i128>)) -> String {
    let higher = values.0 > values.1;
    let better = measure.verdict(values.0, values.1) == Verdict::Better;
    let word = match (measure.better, higher, better) {
        (Better::NearZero, _, true) => "Nearer to zero",
        (Better::NearZero, _, false) => "Worse: farther from zero",
        (_, true, true) => "Higher",
        (_, false, true) => "Lower",
        (_, true, false) => "Worse: higher",
        (_, false, false) => "Worse: lower",
    };
    let (title, text) = (plain(measure), both(switch, measure, values));
    let by = match (values.0, values.1) {
        // Percent of percents would be read as points.
        (Some(ours), Some(theirs))
            if ours.signum() == theirs.signum() && measure.kind != Kind::Part =>
        {
            figures::relative_ppm(ours, theirs)
        }
        _ => None,
    };
    let by = by.map_or_else(String::new, |ppm| {
        format!(" ({})", figures::signed(figures::percent(ppm)))
    });
    format!("{word}. {title}: {text}{by}.")
}

fn both(switch: &Switch, measure: &Measure, values: (Option<i128>, Option<i128>)) -> String {
    let (ours, theirs) = (measure.said(values.0), measure.said(values.1));
    format!("{ours} {}, {theirs} {}", switch.ours, switch.theirs)
}

/// The title without its unit.
fn plain(measure: &Measure) -> &'static str {
    let title = measure.title;
    title
        .strip_suffix(", USDC")
        .or_else(|| title.strip_suffix(", $"))
        .unwrap_or(title)
}

/// What the program's own rules are to keep, and a run of them did not.
pub(crate) fn broken_promises(study: &Study) -> Vec<String> {
    let own = study.runs.iter().filter(|run| !run.rules.is_baseline());
    own.flat_map(promises_broken_in).collect()
}

fn promises_broken_in(run: &Run) -> Vec<String> {
    let measures = &run.measures;
    let mut broken = Vec::new();
    let mut say = |text: String| broken.push(format!("{}: {text}", run.rules.title()));
    if !measures.custody_exact {
        say("custody was not exact in every second.".to_owned());
    }
    if measures.liquidated_on_venue_only_print > 0 {
        say(format!(
            "{} liquidated because of a price that only the venue saw.",
            figures::plural(
                measures.liquidated_on_venue_only_print,
                "account was",
                "accounts were"
            )
        ));
    }
    if let Some(refused @ 1..) = measures
        .deposits_tried
        .checked_sub(measures.deposits_accepted)
    {
        say(format!(
            "{} not accepted.",
            figures::plural(refused, "deposit was", "deposits were")
        ));
    }
    if measures.adl_deviation_atoms > 1 {
        say(format!(
            "ADL was not equal to the atom: one charge was {} USDC from its equal part.",
            figures::amount(measures.adl_deviation_atoms.into())
        ));
    }
    if measures.venue_liquidation_revenue > 0 {
        say(format!(
            "liquidations paid the venue {} USDC.",
            figures::amount(measures.venue_liquidation_revenue.into())
        ));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_is_there_for_is_measured_and_has_a_better_side() {
        for switch in &SWITCHES {
            for claim in switch.claims {
                let measure = measures::ALL.iter().find(|measure| measure.name == *claim);
                let measure = measure.unwrap_or_else(|| panic!("no measure {claim}"));
                assert_ne!(measure.better, Better::Neutral, "{claim}");
            }
        }
    }
}
