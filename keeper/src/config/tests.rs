use super::table::{says, Field as _};
use super::{KeeperConfig, Overrides};

const EXAMPLE: &str = include_str!("../../keeper.example.toml");

fn parse(text: &str) -> (KeeperConfig, Vec<String>) {
    KeeperConfig::parse(text, &Overrides::default()).expect("TOML")
}

/// The example with everything that is commented out said as well.
fn whole_example() -> String {
    let said = |line: &str| {
        let name = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
        let field = line.split_once(" = ").map(|(before, _)| before);
        let heading = line.trim_start_matches('[').trim_end_matches(']');
        line.starts_with('[') && heading.chars().all(name)
            || field.is_some_and(|field| field.chars().all(name))
    };
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(hidden) if said(hidden) => hidden,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_full_of_mistakes_names_each_of_them() {
    let (_, mistakes) = parse(
        r#"
        beneficiary = 'me'
        ledgre = 'typo.sqlite'
        low_balance_lamports = -1
        [[endpoint]]
        rpc = 'localhost'
        ws = 'http://localhost'
        [[market]]
        address = 'not-a-key'
        feeds = []
        [roles]
        liquidate = true
        marks = 'yes'
        [desk]
        margin_account = '11111111111111111111111111111112'
        discount = 3
        [plan]
        in_flight = 0
        queue = 'long'
        backoff_min_ms = 50000
        [fees]
        base = 5
        cap = 1
        cap_max = 0
        [[sender]]
        rpc = 'wss://elsewhere'
        [shard]
        index = 2
        count = 2
        [shard.markets]
        somewhere = 5
        [sources]
        pulse_ms = 1
        [prices]
        source = 'ftx'
        endpoint = 'hermes'
        silent_seconds = 0
        post = true
        shard = 65536
        tape_speed = 0
        [[prices.tape]]
        feed = 'BTC'
        [http]
        listen = 'here'
        [alerts]
        kinds = ['low_balance', 'boredom']
        [alerts.intervals]
        spend_cap = 0
        "#,
    );
    let named = [
        "low_balance_lamports: invalid",
        "endpoint[0].rpc begins neither",
        "endpoint[0].ws begins neither",
        "market not-a-key: 0 feeds",
        "market: `not-a-key` is no public key",
        "roles.marks: invalid type",
        "roles.liquidate: no such field",
        "desk.discount: no such field",
        "desk.keypair is not named",
        "plan.in_flight is 0",
        "plan.queue: invalid type",
        "plan.backoff_max_ms is under plan.backoff_min_ms",
        "fees.cap is under fees.base",
        "fees.cap_max is under fees.cap",
        "sender[0].rpc begins neither",
        "shard.index: there is no shard 2 of 2",
        "shard.markets somewhere: there is no shard 5 of 2",
        "shard.markets: `somewhere` is no public key",
        "sources.pulse_ms is under 50",
        "http.listen: here is no address",
        "prices.source: `ftx` is none of",
        "prices.endpoint begins neither",
        "prices.silent_seconds is 0",
        "prices.shard is over 65535",
        "prices.post needs the source hermes",
        "prices.tape_speed is 0",
        "prices.tape: `BTC` is no feed id",
        "prices.tape BTC: file is not named",
        "alerts: `boredom` is no kind",
        "alerts: an interval is 0",
        "ledgre: no such field",
        "keypair is not named",
        "beneficiary: `me` is no public key",
    ];
    for name in named {
        let found = mistakes.iter().filter(|mistake| mistake.starts_with(name));
        assert_eq!(found.count(), 1, "{name}: {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), named.len(), "{mistakes:#?}");
}

#[test]
fn a_section_of_the_wrong_kind_is_a_mistake_beside_others() {
    let (_, mistakes) = parse("keypair = 3\nplan = 4\nendpoint = 5\n");
    for name in [
        "keypair: invalid type",
        "plan: not a table",
        "endpoint: not a list",
    ] {
        assert!(
            mistakes.iter().any(|mistake| mistake.starts_with(name)),
            "{name}: {mistakes:#?}"
        );
    }
}

#[test]
fn the_example_lists_every_field_there_is() {
    let mut names = Vec::new();
    KeeperConfig::fields("", &mut names);
    assert!(names.len() > 30, "{names:?}");
    let said: toml::Table = whole_example().parse().expect("TOML");
    let said = toml::Value::Table(said);
    let unsaid: Vec<&String> = names.iter().filter(|name| !says(&said, name)).collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

#[test]
fn the_example_is_sound_and_says_the_defaults() {
    let (example, mistakes) = parse(EXAMPLE);
    assert_eq!(mistakes, Vec::<String>::new());
    let needed = KeeperConfig {
        keypair: example.keypair.clone(),
        endpoints: example.endpoints.clone(),
        markets: example.markets.clone(),
        ..KeeperConfig::default()
    };
    assert_eq!(format!("{example:#?}"), format!("{needed:#?}"));
}

#[test]
fn prices_that_cannot_be_are_told_of() {
    let mistakes = |text: &str| {
        let mut config: toml::Table = EXAMPLE.parse().expect("TOML");
        config.insert(
            "prices".to_owned(),
            text.parse::<toml::Table>().expect("TOML").into(),
        );
        config["roles"]["marks"] = false.into();
        parse(&config.to_string()).1
    };
    let without_marks = mistakes("source = 'hermes'\npost = true");
    assert_eq!(without_marks, ["prices.post needs the role marks"]);
    let without_tape = mistakes("source = 'tape'");
    assert_eq!(
        without_tape,
        ["prices.source is tape and no [[prices.tape]] is listed"]
    );
}

#[test]
fn the_environment_outranks_the_file() {
    let overrides = Overrides {
        rpc: Some("http://127.0.0.1:1".to_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
        ..Overrides::default()
    };
    let (config, _) = KeeperConfig::parse(EXAMPLE, &overrides).expect("TOML");
    assert_eq!(config.endpoints.len(), 1);
    assert_eq!(config.http.listen, "127.0.0.1:0");
}

#[test]
fn a_desks_key_is_never_the_paying_key() {
    let (_, mistakes) =
        parse("keypair = 'a.json'\n[underwriter]\nkeypair = 'a.json'\ntoken_account = 'x'\n");
    for name in [
        "underwriter.keypair is the paying key's",
        "underwriter.policy is not named",
        "underwriter.token_account: `x` is no public key",
    ] {
        let found = mistakes.iter().filter(|mistake| mistake.starts_with(name));
        assert_eq!(found.count(), 1, "{name}: {mistakes:#?}");
    }
}
