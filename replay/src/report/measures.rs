//! The outcome measures: what each is, how it is written, and which way is better.

use std::cmp::Ordering;

use super::figures;
use crate::outcome::Measures;

/// How a measure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Count,
    Seconds,
    /// Quote atoms, shown as USDC.
    Amount,
    /// Ppm, shown as percent.
    Part,
    /// Ppm of a coefficient between 0 and 1.
    Coefficient,
    /// 10^-8 dollars.
    Price,
    /// 1 is yes.
    YesNo,
}

/// Which way a measure is better for those who trade. Neutral: neither way by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
    NearZero,
    Neutral,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    Equal,
    /// Different by too little to say anything of: see [`Measure::is_slight`].
    Slight,
    /// Different, of a measure that is better neither way.
    Other,
}

#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// Its name in `summary.json`; of a derived one, its own.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) definition: &'static str,
    pub(crate) kind: Kind,
    pub(crate) better: Better,
    pub(crate) read: fn(&Measures) -> Option<i128>,
}

impl Measure {
    pub(crate) fn text(&self, value: Option<i128>) -> String {
        let Some(value) = value else {
            return "none".to_owned();
        };
        match self.kind {
            Kind::Count => figures::count(value),
            Kind::Seconds => format!("{} s", figures::count(value)),
            Kind::Amount => figures::amount(value),
            Kind::Part => figures::percent(value),
            Kind::Coefficient if value == 0 => "0".to_owned(),
            Kind::Coefficient => figures::decimal(value, 6, 4),
            Kind::Price => figures::price(i64::try_from(value).unwrap_or(i64::MAX)),
            Kind::YesNo => if value == 1 { "yes" } else { "no" }.to_owned(),
        }
    }

    /// The value with its unit, for a sentence.
    pub(crate) fn said(&self, value: Option<i128>) -> String {
        let text = self.text(value);
        match (self.kind, value) {
            (Kind::Amount, Some(_)) => format!("{text} USDC"),
            (Kind::Price, Some(_)) => format!("${text}"),
            _ => text,
        }
    }

    /// Whether two values differ by under a hundredth of the reference, by under one USDC, or by under a hundredth of the
    /// whole. Of one draw of a population such a difference says nothing.
    fn is_slight(&self, value: i128, reference: i128) -> bool {
        let difference = value.abs_diff(reference);
        match self.kind {
            Kind::YesNo => false,
            Kind::Amount if difference < 1_000_000 => true,
            Kind::Part | Kind::Coefficient if difference < 10_000 => true,
            _ => difference < reference.unsigned_abs() / 100,
        }
    }

    /// What `value` is against `reference`. A price that there was not is not compared.
    pub(crate) fn verdict(&self, value: Option<i128>, reference: Option<i128>) -> Verdict {
        if value == reference {
            return Verdict::Equal;
        }
        let (Some(value), Some(reference)) = (value, reference) else {
            return Verdict::Other;
        };
        let order = match self.better {
            Better::Neutral => return Verdict::Other,
            _ if self.is_slight(value, reference) => return Verdict::Slight,
            Better::Lower => reference.cmp(&value),
            Better::Higher => value.cmp(&reference),
            Better::NearZero => reference.unsigned_abs().cmp(&value.unsigned_abs()),
        };
        match order {
            Ordering::Greater => Verdict::Better,
            Ordering::Less => Verdict::Worse,
            Ordering::Equal => Verdict::Other,
        }
    }
}

/// How far the venue traded below the index's low; none when it did not trade.
fn low_gap(measures: &Measures) -> Option<i128> {
    let low = measures.venue_low?;
    Some((i128::from(measures.index_low) - i128::from(low)).max(0))
}

macro_rules! count {
    ($field:ident) => {
        |measures| Some(i128::from(measures.$field))
    };
}

/// In the order of the report's table.
pub(crate) const ALL: [Measure; 26] = [
    Measure {
        name: "liquidated_accounts",
        title: "Accounts liquidated",
        definition: "Accounts whose position was closed for them: in the book, in an auction, by a takeover or by a tear-up.",
        kind: Kind::Count,
        better: Better::Lower,
        read: count!(liquidated_accounts),
    },
    Measure {
        name: "liquidated_notional",
        title: "Notional liquidated, USDC",
        definition: "Value of what was closed for them, at the prices at which it was.",
        kind: Kind::Amount,
        better: Better::Lower,
        read: count!(liquidated_notional),
    },
    Measure {
        name: "liquidated_on_venue_only_print",
        title: "Liquidated on a print that only the venue saw",
        definition: "Liquidated accounts that would have been above maintenance at every price that the tape's index had in as many seconds as an index may be old, give or take the basis clip.",
        kind: Kind::Count,
        better: Better::Lower,
        read: count!(liquidated_on_venue_only_print),
    },
    Measure {
        name: "hedgers_stopped_out",
        title: "Hedgers stopped out",
        definition: "Hedgers among the liquidated accounts.",
        kind: Kind::Count,
        better: Better::Lower,
        read: count!(hedgers_stopped_out),
    },
    Measure {
        name: "below_maintenance_seconds",
        title: "Account-seconds below maintenance",
        definition: "Seconds that accounts spent below maintenance, added up.",
        kind: Kind::Seconds,
        better: Better::Lower,
        read: count!(below_maintenance_seconds),
    },
    Measure {
        name: "bad_debt",
        title: "Bad debt, USDC",
        definition: "What accounts owed beyond their own cash and drawn credit.",
        kind: Kind::Amount,
        better: Better::Lower,
        read: count!(bad_debt),
    },
    Measure {
        name: "default_fund_used",
        title: "Default fund used, USDC",
        definition: "What the default fund paid of the bad debt.",
        kind: Kind::Amount,
        better: Better::Lower,
        read: count!(default_fund_used),
    },
    Measure {
        name: "credit_drawn",
        title: "Credit drawn, USDC",
        definition: "Drawn from credit lines, over the run.",
        kind: Kind::Amount,
        better: Better::Neutral,
        read: count!(credit_drawn),
    },
    Measure {
        name: "underwriter_pnl",
        title: "Underwriters' profit and loss, USDC",
        definition: "Change of the vaults' face value, drawn credit counted as far as its borrower's equity covers it.",
        kind: Kind::Amount,
        better: Better::Higher,
        read: count!(underwriter_pnl),
    },
    Measure {
        name: "adl_needed",
        title: "Loss left for winners, USDC",
        definition: "What of the bad debt was left for winners to bear.",
        kind: Kind::Amount,
        better: Better::Lower,
        read: count!(adl_needed),
    },
    Measure {
        name: "adl_overshoot",
        title: "Taken from winners beyond the need, USDC",
        definition: "What was taken from winners beyond what was left for them to bear; negative: less.",
        kind: Kind::Amount,
        better: Better::NearZero,
        read: count!(adl_overshoot),
    },
    Measure {
        name: "adl_notional",
        title: "Winners' positions closed by ADL, USDC",
        definition: "Value at the mark of the winners' positions that ADL closed.",
        kind: Kind::Amount,
        better: Better::Lower,
        read: count!(adl_notional),
    },
    Measure {
        name: "adl_worst_share",
        title: "Worst-hit winner: part of position closed",
        definition: "Largest part of one winner's position that ADL closed.",
        kind: Kind::Part,
        better: Better::Lower,
        read: count!(adl_worst_share),
    },
    Measure {
        name: "adl_gini",
        title: "Inequality of haircuts (Gini)",
        definition: "Gini coefficient of what winners paid per contract held when it was charged: 0 is equal, 1 is all on one.",
        kind: Kind::Coefficient,
        better: Better::Lower,
        read: count!(adl_gini),
    },
    Measure {
        name: "adl_deviation_atoms",
        title: "Largest distance of a charge from its equal part, USDC",
        definition: "Greatest distance of one winner's charge from its equal part. An atom is 0.000001 USDC.",
        kind: Kind::Amount,
        better: Better::Lower,
        read: count!(adl_deviation_atoms),
    },
    Measure {
        name: "venue_liquidation_revenue",
        title: "Venue's revenue from liquidations, USDC",
        definition: "What liquidations paid to the venue's treasury.",
        kind: Kind::Amount,
        better: Better::Lower,
        read: count!(venue_liquidation_revenue),
    },
    Measure {
        name: "deposits_tried",
        title: "Deposits tried",
        definition: "Deposits that accounts tried to make in the run.",
        kind: Kind::Count,
        better: Better::Neutral,
        read: count!(deposits_tried),
    },
    Measure {
        name: "deposits_accepted",
        title: "Deposits accepted",
        definition: "Those of them that were accepted.",
        kind: Kind::Count,
        better: Better::Neutral,
        read: count!(deposits_accepted),
    },
    Measure {
        name: "deposits_refused",
        title: "Deposits refused",
        definition: "Deposits tried less deposits accepted.",
        kind: Kind::Count,
        better: Better::Lower,
        read: |measures| {
            Some(i128::from(measures.deposits_tried) - i128::from(measures.deposits_accepted))
        },
    },
    Measure {
        name: "halts",
        title: "Halts",
        definition: "Velocity halts of the market. More or fewer is neither better nor worse by itself.",
        kind: Kind::Count,
        better: Better::Neutral,
        read: count!(halts),
    },
    Measure {
        name: "halted_seconds",
        title: "Time halted",
        definition: "Seconds in which the market was halted.",
        kind: Kind::Seconds,
        better: Better::Neutral,
        read: count!(halted_seconds),
    },
    Measure {
        name: "venue_low",
        title: "Lowest price on the venue, $",
        definition: "Lowest price at which the venue traded; none when it did not.",
        kind: Kind::Price,
        better: Better::Neutral,
        read: |measures| measures.venue_low.map(i128::from),
    },
    Measure {
        name: "index_low",
        title: "Lowest index, $",
        definition: "Lowest price of the index in the stretch that was played.",
        kind: Kind::Price,
        better: Better::Neutral,
        read: count!(index_low),
    },
    Measure {
        name: "venue_below_index",
        title: "Venue's low under the index's low, $",
        definition: "How far the venue's lowest price is under the lowest index; zero when it is not under it.",
        kind: Kind::Price,
        better: Better::Lower,
        read: low_gap,
    },
    Measure {
        name: "refused",
        title: "Instructions refused",
        definition: "Instructions that the program refused, of everybody.",
        kind: Kind::Count,
        better: Better::Neutral,
        read: count!(refused),
    },
    Measure {
        name: "custody_exact",
        title: "Custody exact in every second",
        definition: "Whether custody equality (invariant INV-1: the custody token accounts hold exactly what the books say they owe) held after every second.",
        kind: Kind::YesNo,
        better: Better::Higher,
        read: |measures| Some(i128::from(u8::from(measures.custody_exact))),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(name: &str) -> &'static Measure {
        let found = ALL.iter().find(|measure| measure.name == name);
        found.expect("a measure")
    }

    #[test]
    fn better_and_worse_are_said_of_real_differences_only() {
        let bad_debt = measure("bad_debt");
        assert_eq!(bad_debt.verdict(Some(1), Some(1)), Verdict::Equal);
        let usdc = |amount: i128| Some(amount * 1_000_000);
        assert_eq!(bad_debt.verdict(usdc(1), usdc(2)), Verdict::Better);
        assert_eq!(bad_debt.verdict(usdc(2), usdc(1)), Verdict::Worse);
        assert_eq!(bad_debt.verdict(Some(0), Some(999_999)), Verdict::Slight);
        assert_eq!(bad_debt.verdict(usdc(1_010), usdc(1_000)), Verdict::Worse);
        assert_eq!(bad_debt.verdict(usdc(1_009), usdc(1_000)), Verdict::Slight);
        let hedgers = measure("hedgers_stopped_out");
        assert_eq!(hedgers.verdict(Some(1), Some(0)), Verdict::Worse);
        assert_eq!(hedgers.verdict(Some(999), Some(1_000)), Verdict::Slight);
        let gini = measure("adl_gini");
        assert_eq!(gini.verdict(Some(600), Some(300)), Verdict::Slight);
        assert_eq!(gini.verdict(Some(10_300), Some(300)), Verdict::Worse);
        let custody = measure("custody_exact");
        assert_eq!(custody.verdict(Some(0), Some(1)), Verdict::Worse);
        assert_eq!(
            measure("halts").verdict(Some(2), Some(1)),
            Verdict::Other,
            "more halts are neither"
        );
        let overshoot = measure("adl_overshoot");
        assert_eq!(overshoot.verdict(usdc(-5), usdc(3)), Verdict::Worse);
        assert_eq!(overshoot.verdict(usdc(-3), usdc(3)), Verdict::Other);
        assert_eq!(overshoot.verdict(usdc(0), usdc(3)), Verdict::Better);
        let pnl = measure("underwriter_pnl");
        assert_eq!(pnl.verdict(usdc(-1), usdc(0)), Verdict::Worse);
        let gap = measure("venue_below_index");
        assert_eq!(gap.verdict(None, Some(0)), Verdict::Other);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = ALL.iter().map(|measure| measure.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
