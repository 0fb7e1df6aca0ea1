//! What is wrong with a policy that could be read.

use plimsoll_engine::credit::line::CALL_SECONDS_BOUNDS;
use solana_pubkey::Pubkey;

use super::{Class, Consent, Extend, Policy, Recall, Stop, TopUp};

const DAY: u64 = 86_400;
/// Largest ratio of an amount to what it is a part of, ppm.
const WHOLE: u64 = 1_000_000;
/// Largest ratio of equity to maintenance margin that a file may ask for, ppm.
const MANY: u64 = 100 * WHOLE;
/// Largest amount, quote atoms.
const AMOUNT: u64 = 1 << 62;
/// Longest window of marks and of equities that the desk keeps.
pub(in crate::underwriter) const VOLATILITY_SECONDS_MAX: u64 = 7 * DAY;
pub(in crate::underwriter) const DRAWDOWN_DAYS_MAX: u64 = 30;

#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn within(&mut self, name: impl AsRef<str>, value: u64, low: u64, high: u64) {
        if value < low || value > high {
            let name = name.as_ref();
            self.0
                .push(format!("{name}: {value} is not within {low} and {high}"));
        }
    }

    fn some(&mut self, name: impl AsRef<str>, value: Option<u64>, low: u64, high: u64) {
        if let Some(value) = value {
            self.within(name, value, low, high);
        }
    }

    fn when(&mut self, is: bool, what: impl Into<String>) {
        if is {
            self.0.push(what.into());
        }
    }
}

/// Every mistake, with the name of the field as in the file.
pub(super) fn mistakes(policy: &Policy) -> Vec<String> {
    let mut found = Found::default();
    found.within("look_seconds", policy.look_seconds, 1, 3_600);
    found.within("stress_ppm", policy.stress_ppm, 1, 900_000);
    let caps = &policy.caps;
    found.within("caps.extensions_a_day", caps.extensions_a_day, 0, 10_000);
    found.within("caps.recalls_a_day", caps.recalls_a_day, 0, 10_000);
    found.within("caps.consented_a_day", caps.consented_a_day, 0, AMOUNT);
    found.within("caps.topped_up_a_day", caps.topped_up_a_day, 0, AMOUNT);
    stop(&mut found, &policy.stop);
    if let Some(top_up) = &policy.top_up {
        self::top_up(&mut found, top_up, caps.topped_up_a_day);
    }
    found.when(policy.classes.is_empty(), "no [[class]] is listed");
    for (class, place) in policy.classes.iter().zip(1_usize..) {
        self::class(&mut found, class, &format!("class {place}"), policy);
    }
    members(&mut found, &policy.classes);
    found.0
}

fn stop(found: &mut Found, stop: &Stop) {
    found.some("stop.lent_ppm", stop.lent_ppm, 1, WHOLE);
    found.some("stop.free_below", stop.free_below, 1, AMOUNT);
    found.some("stop.stress_loss_ppm", stop.stress_loss_ppm, 1, WHOLE);
    found.some("stop.volatility_ppm", stop.volatility_ppm, 1, MANY);
    let (seconds, most) = (stop.volatility_seconds, VOLATILITY_SECONDS_MAX);
    found.within("stop.volatility_seconds", seconds, 60, most);
}

fn top_up(found: &mut Found, top_up: &TopUp, a_day: u64) {
    found.within("top_up.free_below", top_up.free_below, 1, AMOUNT);
    found.within("top_up.amount", top_up.amount, 1, AMOUNT);
    found.within("top_up.lent_ppm_max", top_up.lent_ppm_max, 0, WHOLE);
    found.when(
        top_up.amount > a_day,
        "top_up.amount is over caps.topped_up_a_day: none would ever be made",
    );
}

fn class(found: &mut Found, class: &Class, at: &str, policy: &Policy) {
    found.when(class.name.is_empty(), format!("{at}.name is missing"));
    for member in &class.members {
        let bad = member.parse::<Pubkey>().is_err();
        found.when(bad, format!("{at}.members: `{member}` is no public key"));
    }
    if let Some(rule) = &class.extend {
        extend(found, rule, &format!("{at}.extend"));
        let never = policy.caps.extensions_a_day == 0;
        let text = format!("{at}.extend: caps.extensions_a_day is 0, none would ever be given");
        found.when(never, text);
    }
    if let Some(rule) = &class.consent {
        consent(found, rule, &format!("{at}.consent"));
        let never = rule.amount > policy.caps.consented_a_day;
        let text = format!("{at}.consent.amount is over caps.consented_a_day");
        found.when(never, text);
        let lower = rule.amount < rule.below;
        let text = format!("{at}.consent.amount is under consent.below, which it would not reach");
        found.when(lower, text);
    }
    recall(found, &class.recall, &format!("{at}.recall"));
    let rule = &class.recall;
    let named = rule.drawdown_ppm.or(rule.volatility_ppm);
    let named = named.or(rule.idle_days).or(rule.concentration_ppm);
    let recalls = named.or(rule.stress_loss_ppm).is_some() || rule.stress_over_limit;
    found.when(
        recalls && policy.caps.recalls_a_day == 0,
        format!("{at}.recall: caps.recalls_a_day is 0, nothing would ever be recalled"),
    );
}

fn extend(found: &mut Found, rule: &Extend, at: &str) {
    let (_, longest) = CALL_SECONDS_BOUNDS;
    let longest = u64::from(longest);
    found.within(
        format!("{at}.before_seconds"),
        rule.before_seconds,
        60,
        longest,
    );
    found.within(format!("{at}.seconds"), rule.seconds, 60, longest);
    // The program moves a deadline to at most its longest call window from now.
    let ahead = rule.before_seconds.saturating_add(rule.seconds);
    found.when(
        ahead > longest,
        format!("{at}: before_seconds and seconds together are over {longest}"),
    );
    found.within(format!("{at}.times_a_call"), rule.times_a_call, 1, 100);
    found.within(format!("{at}.times_a_month"), rule.times_a_month, 1, 1_000);
    let total = rule.total_seconds_max;
    found.within(
        format!("{at}.total_seconds_max"),
        total,
        rule.seconds,
        30 * DAY,
    );
    let (recovered, equity) = (rule.recovered_ppm_min, rule.equity_ppm_min);
    found.within(format!("{at}.recovered_ppm_min"), recovered, 0, MANY);
    found.within(format!("{at}.equity_ppm_min"), equity, 0, MANY);
    found.within(format!("{at}.drawn_ppm_max"), rule.drawn_ppm_max, 1, WHOLE);
    let concentration = rule.concentration_ppm_max;
    found.within(
        format!("{at}.concentration_ppm_max"),
        concentration,
        1,
        WHOLE,
    );
}

fn consent(found: &mut Found, rule: &Consent, at: &str) {
    found.within(format!("{at}.below"), rule.below, 1, AMOUNT);
    found.within(format!("{at}.amount"), rule.amount, 1, AMOUNT);
    found.within(format!("{at}.seconds"), rule.seconds, 60, 30 * DAY);
    found.within(format!("{at}.equity_ppm_min"), rule.equity_ppm_min, 0, MANY);
    found.within(format!("{at}.drawn_ppm_max"), rule.drawn_ppm_max, 0, WHOLE);
    let concentration = rule.concentration_ppm_max;
    found.within(
        format!("{at}.concentration_ppm_max"),
        concentration,
        1,
        WHOLE,
    );
}

fn recall(found: &mut Found, rule: &Recall, at: &str) {
    let ratios = [
        ("drawdown_ppm", rule.drawdown_ppm, MANY),
        ("volatility_ppm", rule.volatility_ppm, MANY),
        ("concentration_ppm", rule.concentration_ppm, WHOLE),
        ("stress_loss_ppm", rule.stress_loss_ppm, WHOLE),
    ];
    for (name, value, high) in ratios {
        found.some(format!("{at}.{name}"), value, 1, high);
    }
    found.some(format!("{at}.idle_days"), rule.idle_days, 1, 365);
    let (days, most) = (rule.drawdown_days, DRAWDOWN_DAYS_MAX);
    found.within(format!("{at}.drawdown_days"), days, 1, most);
    let (seconds, most) = (rule.volatility_seconds, VOLATILITY_SECONDS_MAX);
    found.within(format!("{at}.volatility_seconds"), seconds, 60, most);
}

/// Nobody is in two classes, and one class at most is for everybody else.
fn members(found: &mut Found, classes: &[Class]) {
    let everybody = classes.iter().filter(|class| class.members.is_empty());
    found.when(
        everybody.count() > 1,
        "class: more than one without members",
    );
    let all = classes.iter().flat_map(|class| &class.members);
    let mut seen = std::collections::BTreeSet::new();
    for member in all {
        let twice = !seen.insert(member);
        found.when(twice, format!("class.members: `{member}` is named twice"));
    }
    let mut names = std::collections::BTreeSet::new();
    for class in classes {
        let twice = !names.insert(&class.name);
        let text = format!("class.name: `{}` is given twice", class.name);
        found.when(twice && !class.name.is_empty(), text);
    }
}
