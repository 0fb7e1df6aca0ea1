//! Every rule at its bound and one beyond it, the caps, and a borrower who tries for time without end.

use plimsoll_engine::credit::line::{self, LineTerms};
use plimsoll_engine::state::{CreditLine, CreditVault, LineState};
use plimsoll_engine::Env;

use super::*;
use crate::underwriter::{BorrowerFacts, Past};

const NOW: i64 = 1_800_000_000;
const MARGIN: u64 = 1_000_000;
const FACE: u64 = 100_000_000;

/// A line in a call that the policy below extends: every condition of it stands exactly at its bound.
fn line() -> LineFacts {
    let mut line: CreditLine = bytemuck::Zeroable::zeroed();
    line.state = LineState::Active.byte();
    line.committed = 1;
    (line.limit, line.drawn) = (10_000_000, 8_000_000);
    line.call_seconds = 43_200;
    line.active_from = NOW - 50_000;
    line.last_draw_at = NOW - 41_400;
    line.call_opened_at = NOW - 41_400;
    line.call_deadline = line.call_opened_at + 43_200;
    LineFacts {
        address: Pubkey::new_from_array([1; 32]),
        line,
        borrower: Some(BorrowerFacts {
            equity: 500_000,
            maintenance_margin: MARGIN,
            owed: 8_000_000,
            held: vec![market()],
            ..BorrowerFacts::default()
        }),
    }
}

fn market() -> Pubkey {
    Pubkey::new_from_array([7; 32])
}

fn state(lines: Vec<LineFacts>) -> State {
    let mut vault: CreditVault = bytemuck::Zeroable::zeroed();
    vault.drawn = lines.iter().map(|found| found.line.drawn).sum();
    State {
        vaults: vec![VaultFacts {
            address: Pubkey::new_from_array([9; 32]),
            vault,
            face: FACE,
            free: 50_000_000,
            lines,
        }],
        marks: [(market(), 1 << 32)].into(),
    }
}

const EXTEND: &str = "
    caps = { extensions_a_day = 2, recalls_a_day = 1, consented_a_day = 5000000, topped_up_a_day = 30 }
    [[class]]
    name = 'all'
    [class.extend]
    before_seconds = 1800
    seconds = 3600
    times_a_call = 2
    times_a_month = 4
    total_seconds_max = 7200
    recovered_ppm_min = 100000
    equity_ppm_min = 500000
    drawn_ppm_max = 800000
    concentration_ppm_max = 80000
";

fn policy(text: &str) -> Policy {
    let (policy, mistakes) = Policy::parse(text).expect("TOML");
    assert!(mistakes.is_empty(), "{mistakes:?}");
    policy
}

/// The recall rules beside a cap of one a day.
fn recalls(rules: &str) -> Policy {
    let class = "[[class]]\nname = 'all'\nclose_recalled = true\n[class.recall]\n";
    policy(&format!("caps = {{ recalls_a_day = 1 }}\n{class}{rules}"))
}

/// A history in which the borrower's equity was `low` within the call.
fn seen(facts: &LineFacts, low: i64) -> History {
    let mut history = History::default();
    let mut past = facts.clone();
    if let Some(borrower) = &mut past.borrower {
        borrower.equity = low;
    }
    history.see(&state(vec![past]), NOW - 60);
    history
}

fn rules(decisions: &[Decision]) -> Vec<&str> {
    decisions.iter().map(|decision| decision.rule).collect()
}

/// What is decided of one line whose call was at its low at 400,000: 10% of margin under what it is now.
fn extended(change: impl FnOnce(&mut LineFacts)) -> Vec<Decision> {
    let mut facts = line();
    change(&mut facts);
    let history = seen(&facts, 400_000);
    judge(&policy(EXTEND), &state(vec![facts]), &history, NOW)
}

fn borrower(facts: &mut LineFacts) -> &mut BorrowerFacts {
    facts.borrower.as_mut().expect("a borrower")
}

#[test]
fn an_extension_is_given_with_every_condition_at_its_bound() {
    let made = extended(|_| {});
    assert_eq!(rules(&made), ["extend"]);
    let deadline = line().line.call_deadline + 3_600;
    assert_eq!(made[0].deed, Deed::Extend { deadline });
    assert_eq!(made[0].why.len(), 10);
    assert!(made[0].reasons().contains("drawn_ppm 800000 <= 800000"));
    // The program takes it.
    let env = Env { now: NOW, slot: 1 };
    line::extend_call(&mut line().line, deadline, &env).expect("extended");
}

#[test]
fn no_extension_beyond_any_of_the_bounds() {
    type Change = fn(&mut LineFacts);
    let beyond: [(&str, Change); 13] = [
        ("too early", |f| f.line.call_deadline += 1),
        ("over", |f| f.line.call_deadline = NOW),
        ("one atom more drawn", |f| f.line.drawn += 1),
        ("a limit of one atom less", |f| f.line.limit -= 1),
        ("not recovered", |f| {
            f.line.call_opened_at -= 1;
            f.line.call_seconds += 1;
            borrower(f).equity -= 1;
        }),
        ("little equity", |f| borrower(f).equity = 499_999),
        ("more margin", |f| borrower(f).maintenance_margin += 1),
        ("stale", |f| borrower(f).stale = true),
        ("unread", |f| f.borrower = None),
        ("no call", |f| f.line.call_opened_at = 0),
        ("recalled", |f| f.line.recall_at = NOW + 1),
        ("moved by hand", |f| f.line.call_seconds -= 3_601),
        ("closed", |f| f.line.state = LineState::Closed.byte()),
    ];
    for (name, change) in beyond {
        let made = extended(change);
        assert!(rules(&made).is_empty(), "{name}: {made:?}");
    }
    // A larger limit leaves the concentration alone to speak.
    let made = extended(|f| (f.line.limit, f.line.drawn) = (20_000_000, 8_000_001));
    assert!(made.is_empty(), "{made:?}");
    assert_eq!(extended(|f| f.line.limit = 20_000_000).len(), 1);
}

#[test]
fn a_recovery_counts_from_the_low_of_this_call_and_from_nothing_unseen() {
    let facts = line();
    let policy = policy(EXTEND);
    let lines = || state(vec![facts.clone()]);
    assert!(judge(&policy, &lines(), &History::default(), NOW).is_empty());
    assert!(judge(&policy, &lines(), &seen(&facts, 400_001), NOW).is_empty());
    let mut other = facts.clone();
    other.line.call_opened_at -= 1;
    assert!(judge(&policy, &lines(), &seen(&other, 0), NOW).is_empty());
    assert_eq!(
        judge(&policy, &lines(), &seen(&facts, 400_000), NOW).len(),
        1
    );
}

fn past(at: i64, deed: Deed) -> Past {
    Past {
        at,
        subject: line().address,
        deed,
    }
}

/// What is decided after these extensions, at these seconds before now.
fn after(seconds: &[i64]) -> usize {
    let facts = line();
    let mut history = seen(&facts, 400_000);
    for before in seconds {
        history.note(past(NOW - before, Deed::Extend { deadline: NOW }));
    }
    judge(&policy(EXTEND), &state(vec![facts]), &history, NOW).len()
}

#[test]
fn the_counts_of_extensions_hold_by_call_by_day_and_by_month() {
    // Two a call, which began 41,400 seconds ago; two a day.
    assert_eq!(after(&[41_400]), 1);
    assert_eq!(after(&[41_400, 100]), 0);
    assert_eq!(after(&[41_401, 100]), 0, "two within a day");
    assert_eq!(after(&[DAY - 1, DAY - 2]), 0);
    assert_eq!(after(&[DAY, DAY - 1]), 1);
    // Four a month.
    let month = [MONTH, MONTH - 1, 5 * DAY, 4 * DAY];
    assert_eq!(after(&month), 1);
    assert_eq!(after(&[MONTH - 1, 6 * DAY, 5 * DAY, 4 * DAY]), 0);
}

#[test]
fn the_days_cap_holds_within_one_look_and_the_nearest_deadline_goes_first() {
    let mut lines = Vec::new();
    for number in 1..=3_u8 {
        let mut facts = line();
        facts.address = Pubkey::new_from_array([number; 32]);
        facts.line.call_opened_at -= i64::from(number);
        facts.line.call_deadline -= i64::from(number);
        lines.push(facts);
    }
    let mut history = History::default();
    let mut low = lines.clone();
    low.iter_mut().for_each(|facts| borrower(facts).equity = 0);
    history.see(&state(low), NOW - 60);
    let made = judge(&policy(EXTEND), &state(lines), &history, NOW);
    let subjects: Vec<u8> = made.iter().map(|made| made.subject.to_bytes()[0]).collect();
    assert_eq!(subjects, [3, 2]);
}

/// A borrower who does whatever the rules ask for, for a year, call after call: pays in, falls, repays, draws again.
#[test]
fn a_borrower_gets_no_more_time_than_the_counts_allow() {
    let policy = policy(EXTEND);
    let mut facts = line();
    let mut history = History::default();
    let (mut extensions, mut longest) = (Vec::new(), 0);
    let mut now = NOW;
    while now < NOW + 365 * DAY {
        // A new call, at its low; then recovered until its end.
        facts.line.call_opened_at = now;
        facts.line.call_deadline = now + 43_200;
        borrower(&mut facts).equity = 0;
        history.see(&state(vec![facts.clone()]), now);
        borrower(&mut facts).equity = 900_000;
        while now < facts.line.call_deadline {
            let looked = state(vec![facts.clone()]);
            history.see(&looked, now);
            for made in judge(&policy, &looked, &history, now) {
                let Deed::Extend { deadline } = made.deed else {
                    panic!("{made:?}");
                };
                let env = Env { now, slot: 1 };
                line::extend_call(&mut facts.line, deadline, &env).expect("the program takes it");
                history.note(Past {
                    at: now,
                    subject: made.subject,
                    deed: made.deed,
                });
                extensions.push(now);
            }
            now += 600;
        }
        longest = longest.max(facts.line.call_deadline - facts.line.call_opened_at);
    }
    assert_eq!(longest, 43_200 + 7_200, "two hours beyond the window");
    assert!(extensions.len() > 40, "{}", extensions.len());
    for (place, at) in extensions.iter().enumerate() {
        let within = |seconds: i64| {
            let rest = extensions[place..].iter();
            rest.take_while(|other| **other < at + seconds).count()
        };
        assert!(within(DAY) <= 2 && within(MONTH) <= 4, "{at}");
    }
}

/// The first rule that fires for a line, with a history of what was seen before.
fn fired(rules: &str, history: &History, change: impl FnOnce(&mut LineFacts)) -> Vec<Decision> {
    let mut facts = line();
    change(&mut facts);
    judge(&recalls(rules), &state(vec![facts]), history, NOW)
}

#[test]
fn drawdown_recalls_at_its_bound() {
    let high = |high: i64| seen(&line(), high);
    let rule = "drawdown_ppm = 500000";
    let made = fired(rule, &high(1_000_000), |_| {});
    assert_eq!(rules(&made), ["recall.drawdown"]);
    assert_eq!(made[0].deed, Deed::Recall);
    assert!(fired(rule, &high(999_999), |_| {}).is_empty());
    assert!(fired(rule, &high(1_000_000), |f| borrower(f).stale = true).is_empty());
    // Further back than the days are not looked at.
    let mut long_ago = History::default();
    let mut rich = line();
    borrower(&mut rich).equity = 9_000_000;
    long_ago.see(&state(vec![rich]), NOW - 7 * DAY - 1);
    assert!(fired(rule, &long_ago, |_| {}).is_empty());
}

fn marks(low: u64, high: u64, seconds: i64) -> History {
    let mut history = History::default();
    for (at, mark) in [(NOW - seconds, high), (NOW, low)] {
        let mut looked = state(Vec::new());
        looked.marks = [(market(), mark)].into();
        history.see(&looked, at);
    }
    history
}

#[test]
fn volatility_recalls_at_its_bound_and_within_its_window() {
    let rule = "volatility_ppm = 100000\nvolatility_seconds = 600";
    let made = fired(rule, &marks(1_000_000, 1_100_000, 600), |_| {});
    assert_eq!(rules(&made), ["recall.volatility"]);
    assert!(fired(rule, &marks(1_000_000, 1_099_999, 600), |_| {}).is_empty());
    assert!(fired(rule, &marks(1_000_000, 1_100_000, 601), |_| {}).is_empty());
    let flat = |f: &mut LineFacts| borrower(f).held.clear();
    assert!(fired(rule, &marks(1_000_000, 1_100_000, 600), flat).is_empty());
}

#[test]
fn idleness_concentration_and_the_stress_recall_at_their_bounds() {
    let none = History::default();
    let idle = |days: i64, drawn: u64, seconds: i64| {
        fired("idle_days = 3", &none, move |f| {
            f.line.drawn = drawn;
            f.line.call_opened_at = 0;
            f.line.active_from = NOW - 9 * DAY;
            f.line.last_draw_at = NOW - days * DAY + seconds;
        })
    };
    assert_eq!(rules(&idle(3, 0, 0)), ["recall.idle"]);
    assert!(idle(3, 0, 1).is_empty());
    assert!(idle(3, 1, 0).is_empty());

    let rule = "concentration_ppm = 80000";
    assert_eq!(rules(&fired(rule, &none, |_| {})), ["recall.concentration"]);
    assert!(fired(rule, &none, |f| f.line.drawn -= 1).is_empty());

    let rule = "stress_loss_ppm = 20000";
    let loses = |loss| fired(rule, &none, move |f| borrower(f).stressed_loss = loss);
    assert_eq!(rules(&loses(2_000_000)), ["recall.stress_loss"]);
    assert!(loses(1_999_999).is_empty());

    let rule = "stress_over_limit = true";
    let needs = |need| fired(rule, &none, move |f| borrower(f).stressed_need = need);
    assert_eq!(rules(&needs(10_000_001)), ["recall.stress_over_limit"]);
    assert!(needs(10_000_000).is_empty());
}

#[test]
fn a_recall_is_given_once_within_its_cap_and_goes_before_an_extension() {
    let both = format!("{EXTEND}\n[class.recall]\nconcentration_ppm = 80000");
    let both = policy(&both);
    let facts = line();
    let history = seen(&facts, 0);
    let made = judge(&both, &state(vec![facts.clone()]), &history, NOW);
    assert_eq!(rules(&made), ["recall.concentration"]);
    let mut recalled = facts.clone();
    recalled.line.recall_at = NOW + 3_600;
    assert!(judge(&both, &state(vec![recalled]), &history, NOW).is_empty());
    // One a day: of two lines one, and none after it.
    let mut second = facts.clone();
    second.address = Pubkey::new_from_array([2; 32]);
    let rule = recalls("concentration_ppm = 80000");
    let two = state(vec![facts.clone(), second]);
    assert_eq!(judge(&rule, &two, &History::default(), NOW).len(), 1);
    let mut done = History::default();
    done.note(past(NOW - DAY + 1, Deed::Recall));
    assert!(judge(&rule, &two, &done, NOW).is_empty());
}

#[test]
fn a_recalled_line_is_closed_when_its_notice_is_over_and_nothing_is_owed() {
    let closed = |recall_at: i64, owed: u64| {
        fired("", &History::default(), move |f| {
            f.line.recall_at = recall_at;
            borrower(f).owed = owed;
        })
    };
    assert_eq!(rules(&closed(NOW, 0)), ["close_recalled"]);
    assert!(closed(NOW + 1, 0).is_empty());
    assert!(closed(NOW, 1).is_empty());
}

const CONSENT: &str = "
    caps = { consented_a_day = 5000000 }
    [stop]
    free_below = 50000000
    lent_ppm = 60000
    [[class]]
    name = 'all'
    [class.consent]
    below = 1000
    amount = 2000000
    seconds = 600
    equity_ppm_min = 500000
    drawn_ppm_max = 500000
    concentration_ppm_max = 70000
";

/// A discretionary line at every bound of the policy above.
fn discretionary() -> LineFacts {
    let mut facts = line();
    facts.line.committed = 0;
    facts.line.drawn = 5_000_000;
    facts.line.consent = 999;
    facts.line.consent_expires_at = NOW + 1;
    facts
}

fn consented(history: &History, change: impl FnOnce(&mut State)) -> Vec<Decision> {
    let mut looked = state(vec![discretionary()]);
    change(&mut looked);
    judge(&policy(CONSENT), &looked, history, NOW)
}

#[test]
fn a_consent_is_given_at_its_bounds_and_not_beyond() {
    let none = History::default();
    let made = consented(&none, |_| {});
    assert_eq!(rules(&made), ["consent"]);
    let deed = Deed::Consent {
        amount: 2_000_000,
        expires_at: NOW + 600,
    };
    assert_eq!(made[0].deed, deed);
    type Change = fn(&mut State);
    let beyond: [(&str, Change); 7] = [
        ("enough", |s| s.vaults[0].lines[0].line.consent = 1_000),
        ("committed", |s| s.vaults[0].lines[0].line.committed = 1),
        ("equity", |s| {
            borrower(&mut s.vaults[0].lines[0]).equity -= 1
        }),
        ("drawn", |s| s.vaults[0].lines[0].line.drawn += 1),
        ("concentration", |s| s.vaults[0].face -= 1),
        ("stale", |s| {
            borrower(&mut s.vaults[0].lines[0]).stale = true
        }),
        ("full", |s| s.vaults[0].lines[0].line.limit = 5_000_000),
    ];
    for (name, change) in beyond {
        let made = consented(&none, change);
        assert!(!rules(&made).contains(&"consent"), "{name}: {made:?}");
    }
    // One that has run out counts for nothing.
    let over = |s: &mut State| {
        let line = &mut s.vaults[0].lines[0].line;
        (line.consent, line.consent_expires_at) = (9_000, NOW);
    };
    assert_eq!(rules(&consented(&none, over)), ["consent"]);
}

#[test]
fn a_consent_that_the_limit_cuts_short_is_given_once() {
    // 900 atoms are left of the limit, under the 1,000 from which on no consent is due.
    let cut = |standing: u64| {
        consented(&History::default(), |s| {
            let vault = &mut s.vaults[0];
            let line = &mut vault.lines[0].line;
            (line.limit, line.drawn, line.consent) = (1_800, 900, standing);
        })
    };
    let made = cut(899);
    assert_eq!(rules(&made), ["consent"]);
    assert_eq!(made[0].deed.amount(), 900);
    assert!(cut(900).is_empty());
}

#[test]
fn consents_count_whole_against_the_day() {
    let given = |amount: u64| {
        let mut history = History::default();
        let expires_at = NOW;
        history.note(past(NOW - 1, Deed::Consent { amount, expires_at }));
        consented(&history, |_| {}).len()
    };
    assert_eq!(given(3_000_000), 1);
    assert_eq!(given(3_000_001), 0);
}

#[test]
fn a_stop_takes_consents_and_offers_back_at_its_bounds() {
    let none = History::default();
    let short = |s: &mut State| s.vaults[0].free -= 1;
    let made = consented(&none, short);
    assert_eq!(rules(&made), ["stop.withdraw_consents"]);
    assert_eq!(made[0].deed.amount(), 0);
    // A recalled line draws under its consent as well, until its notice is over.
    let recalled = consented(&none, |s| {
        short(s);
        s.vaults[0].lines[0].line.recall_at = NOW + 1;
    });
    assert_eq!(rules(&recalled), ["stop.withdraw_consents"]);
    // Nothing new is given either.
    let nothing = consented(&none, |s| {
        short(s);
        s.vaults[0].lines[0].line.consent = 0;
    });
    assert!(nothing.is_empty(), "{nothing:?}");
    let lent = consented(&none, |s| s.vaults[0].vault.drawn = 6_000_000);
    assert_eq!(rules(&lent), ["stop.withdraw_consents"]);
    assert!(
        !rules(&consented(&none, |s| s.vaults[0].vault.drawn = 5_999_999))
            .contains(&"stop.withdraw_consents")
    );
    let offer = |s: &mut State| {
        s.vaults[0].lines[0].line.state = LineState::Offered.byte();
        s.vaults[0].lines[0].borrower = None;
    };
    assert!(consented(&none, offer).is_empty());
    let made = consented(&none, |s| {
        offer(s);
        short(s);
    });
    assert_eq!(rules(&made), ["stop.withdraw_offers"]);
    assert_eq!(made[0].deed, Deed::Close);
}

#[test]
fn a_stop_by_volatility_and_by_stress_holds_at_its_bound() {
    let stop = |rule: &str, history: &History, loss: u64| {
        let policy = policy(&format!("[stop]\n{rule}\n[[class]]\nname = 'all'\n"));
        let mut facts = discretionary();
        facts.line.markets_len = 1;
        facts.line.mandate_markets[0] = market().to_bytes();
        borrower(&mut facts).stressed_loss = loss;
        judge(&policy, &state(vec![facts]), history, NOW).len()
    };
    let rule = "volatility_ppm = 100000\nvolatility_seconds = 600";
    assert_eq!(stop(rule, &marks(1_000_000, 1_100_000, 600), 0), 1);
    assert_eq!(stop(rule, &marks(1_000_000, 1_099_999, 600), 0), 0);
    let none = History::default();
    assert_eq!(stop("stress_loss_ppm = 50000", &none, 5_000_000), 1);
    assert_eq!(stop("stress_loss_ppm = 50000", &none, 4_999_999), 0);
}

#[test]
fn a_payment_into_the_vault_at_its_bounds_and_within_its_cap() {
    let rule = "
        caps = { topped_up_a_day = 30 }
        [stop]
        stress_loss_ppm = 10000
        [top_up]
        free_below = 50000001
        amount = 10
        lent_ppm_max = 80000
        [[class]]
        name = 'all'
    ";
    let made = |paid: u64, change: fn(&mut State)| {
        let mut history = History::default();
        history.note(past(NOW - 1, Deed::TopUp { amount: paid }));
        let mut looked = state(vec![line()]);
        change(&mut looked);
        judge(&policy(rule), &looked, &history, NOW)
    };
    let paid = made(20, |_| {});
    assert_eq!(rules(&paid), ["top_up"]);
    assert_eq!(paid[0].deed, Deed::TopUp { amount: 10 });
    assert_eq!(paid[0].subject, paid[0].vault);
    assert!(made(21, |_| {}).is_empty());
    assert!(made(0, |s| s.vaults[0].free += 1).is_empty());
    assert!(made(0, |s| s.vaults[0].vault.drawn += 1).is_empty());
    let loses = |s: &mut State| borrower(&mut s.vaults[0].lines[0]).stressed_loss = 1_000_000;
    assert!(made(0, loses).is_empty());
}

#[test]
fn a_line_of_no_class_is_left_alone() {
    let other = Pubkey::new_from_array([3; 32]);
    let text = EXTEND.replace(
        "name = 'all'",
        &format!("name = 'all'\nmembers = ['{other}']"),
    );
    let facts = line();
    let history = seen(&facts, 0);
    let made = judge(&policy(&text), &state(vec![facts]), &history, NOW);
    assert!(made.is_empty(), "{made:?}");
    // But for what a stop takes back.
    let stopped = policy(&format!("{text}\n[stop]\nfree_below = 50000001\n"));
    let consented = state(vec![discretionary()]);
    let made = judge(&stopped, &consented, &History::default(), NOW);
    assert_eq!(rules(&made), ["stop.withdraw_consents"]);
    assert_eq!(made[0].class, "");
}

#[test]
fn the_terms_of_the_lines_here_are_terms_that_the_program_takes() {
    let mut line = line().line;
    (line.minute_cap, line.sides, line.markets_len) = (1, 1, 1);
    line.recall_notice_seconds = 3_600;
    line.mandate_markets[0] = market().to_bytes();
    LineTerms::of(&line).validate().expect("terms");
}
