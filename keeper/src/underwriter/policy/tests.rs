use solana_pubkey::Pubkey;

use super::Policy;
use crate::config::table::{says, Field as _};

const EXAMPLE: &str = include_str!("../../../policy.example.toml");

fn mistakes(text: &str) -> Vec<String> {
    Policy::parse(text).expect("TOML").1
}

#[test]
fn the_example_is_sound_and_shows_every_field_there_is() {
    assert_eq!(mistakes(EXAMPLE), Vec::<String>::new());
    let mut names = Vec::new();
    Policy::fields("", &mut names);
    assert!(names.len() > 40, "{names:?}");
    let said: toml::Table = EXAMPLE.parse().expect("TOML");
    let said = toml::Value::Table(said);
    let unsaid: Vec<&String> = names.iter().filter(|name| !says(&said, name)).collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

#[test]
fn an_empty_file_does_nothing_and_says_so() {
    assert_eq!(mistakes(""), ["no [[class]] is listed"]);
}

/// The example with one line said otherwise.
fn with(line: &str, instead: &str) -> Vec<String> {
    assert_eq!(EXAMPLE.matches(line).count(), 1, "{line}");
    mistakes(&EXAMPLE.replace(line, instead))
}

#[test]
fn a_file_full_of_mistakes_names_each_of_them() {
    let found = mistakes(
        r#"
        look_seconds = 0
        stress_ppm = 900001
        [caps]
        extensions_a_day = -1
        [stop]
        lent_ppm = 0
        volatility_seconds = 59
        free = 3
        [top_up]
        free_below = 0
        amount = 5
        [[class]]
        members = ['me']
        [class.extend]
        before_seconds = 259200
        seconds = 60
        times_a_call = 0
        total_seconds_max = 59
        drawn_ppm_max = 1000001
        [class.consent]
        amount = 1
        seconds = 'long'
        [class.recall]
        drawdown_days = 31
        idle_days = 0
        [[class]]
        name = 'a'
        [[class]]
        name = 'a'
        "#,
    );
    let named = [
        "caps.extensions_a_day: invalid",
        "stop.free: no such field",
        "class 1.consent.seconds: invalid type",
        "look_seconds: 0 is not within 1 and 3600",
        "stress_ppm: 900001 is not within",
        "stop.lent_ppm: 0 is not within",
        "stop.volatility_seconds: 59 is not within",
        "top_up.free_below: 0 is not within",
        "top_up.amount is over caps.topped_up_a_day",
        "class 1.name is missing",
        "class 1.members: `me` is no public key",
        "class 1.extend: before_seconds and seconds together are over 259200",
        "class 1.extend.times_a_call: 0 is not within",
        "class 1.extend.total_seconds_max: 59 is not within 60",
        "class 1.extend.drawn_ppm_max: 1000001 is not within",
        "class 1.extend: caps.extensions_a_day is 0",
        "class 1.consent.below: 0 is not within",
        "class 1.consent.amount is over caps.consented_a_day",
        "class 1.recall.idle_days: 0 is not within",
        "class 1.recall.drawdown_days: 31 is not within",
        "class 1.recall: caps.recalls_a_day is 0",
        "class: more than one without members",
        "class.name: `a` is given twice",
    ];
    for name in named {
        let count = found.iter().filter(|mistake| mistake.starts_with(name));
        assert_eq!(count.count(), 1, "{name}: {found:#?}");
    }
    assert_eq!(found.len(), named.len(), "{found:#?}");
}

#[test]
fn a_member_of_two_classes_is_a_mistake_and_the_named_class_goes_before_the_one_for_all() {
    let member = Pubkey::new_unique();
    let text = format!("{EXAMPLE}\n[[class]]\nname = 'named'\nmembers = ['{member}']\n");
    let (policy, found) = Policy::parse(&text).expect("TOML");
    assert!(found.is_empty(), "{found:?}");
    let mut line: plimsoll_engine::state::CreditLine = bytemuck::Zeroable::zeroed();
    let class = |line: &plimsoll_engine::state::CreditLine| {
        let class = policy.class(&Pubkey::new_unique(), line);
        class.map(|class| class.name.clone())
    };
    assert_eq!(class(&line).as_deref(), Some("everybody"));
    line.trader = member.to_bytes();
    assert_eq!(class(&line).as_deref(), Some("named"));
    let twice = format!("{text}\n[[class]]\nname = 'again'\nmembers = ['{member}']\n");
    let found = mistakes(&twice);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("is named twice"));
}

#[test]
fn what_a_cap_forbids_for_ever_is_a_mistake() {
    let zero = with("extensions_a_day = 6", "extensions_a_day = 0");
    assert_eq!(zero.len(), 1, "{zero:?}");
    assert!(with("recalls_a_day = 8", "recalls_a_day = 0")[0].contains("recalled"));
    assert!(with(
        "consented_a_day = 20000000000",
        "consented_a_day = 1999999999"
    )[0]
    .contains("consented_a_day"));
    assert!(with(
        "consented_a_day = 20000000000",
        "consented_a_day = 2000000000"
    )
    .is_empty());
    let lower = with("amount = 2000000000", "amount = 999999999");
    assert_eq!(lower.len(), 1, "{lower:?}");
    assert!(lower[0].contains("amount is under consent.below"));
    assert!(with("amount = 2000000000", "amount = 1000000000").is_empty());
}
