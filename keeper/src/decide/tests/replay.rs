//! A recorded fall, update by update, and what was decided after each: the decisions are those of the committed
//! file, whatever has been rearranged inside.
//!
//! `PLIMSOLL_RECORD=1 cargo test -p plimsoll-keeper --lib replay` records both files anew, from the bytecode:
//! after a change of a layout, or of what is decided; the difference is to be read before it is committed.

use std::fmt::Write as _;
use std::path::PathBuf;

use plimsoll_testkit::{ask, bid, Actor, MarketSpec, OrderExt, World};
use serde::{Deserialize, Serialize};

use super::stage::{clock, roles_of};
use super::*;
use crate::decide::watch::Watch;
use crate::mirror::{AccountUpdate, RawAccount};

/// One line of the recording.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Line {
    /// The exchange and the keeper's own accounts, once.
    #[serde(rename = "exchange")]
    Exchange(Exchange),
    /// Bytes of an account that differ from those before; of a new one from zeros.
    #[serde(rename = "update")]
    Update(Update),
    /// The chain's clock; a decision follows.
    #[serde(rename = "clock")]
    Clock { now: i64, slot: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    program: String,
    exchange: String,
    default_fund: String,
    custody_authority: String,
    collateral_mint: String,
    token_program: String,
    payer: String,
    beneficiary: String,
    /// Markets with the price account of each.
    markets: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    address: String,
    owner: String,
    slot: u64,
    size: usize,
    /// Offset and hexadecimal bytes.
    patches: Vec<(usize, String)>,
}

/// Equal bytes that end a patch.
const GAP: usize = 8;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/replay")
}

fn key(text: &str) -> Pubkey {
    text.parse().expect("an address")
}

fn patches(before: &[u8], after: &[u8]) -> Vec<(usize, String)> {
    let differs = |at: usize| before.get(at).copied().unwrap_or(0) != after[at];
    let mut patches = Vec::new();
    let mut at = 0;
    while at < after.len() {
        if !differs(at) {
            at += 1;
            continue;
        }
        let (start, mut end) = (at, at + 1);
        while at < after.len() && at < end + GAP {
            if differs(at) {
                end = at + 1;
            }
            at += 1;
        }
        let mut text = String::new();
        for byte in &after[start..end] {
            write!(text, "{byte:02x}").expect("a string");
        }
        patches.push((start, text));
    }
    patches
}

fn patched(mut data: Vec<u8>, update: &Update) -> Vec<u8> {
    data.resize(update.size, 0);
    for (offset, text) in &update.patches {
        for (at, byte) in (0..text.len()).step_by(2).enumerate() {
            let value = u8::from_str_radix(&text[byte..byte + 2], 16);
            data[offset + at] = value.expect("hexadecimal bytes");
        }
    }
    data
}

/// Writes the world down as it changes.
struct Recorder {
    known: std::collections::BTreeMap<Pubkey, Vec<u8>>,
    lines: Vec<Line>,
}

impl Recorder {
    fn new(world: &World) -> Self {
        let keeper = Actor::from("keeper");
        let text = |key: Pubkey| key.to_string();
        let markets = world.symbols().into_iter().map(|symbol| {
            let market = world.market_address(&symbol);
            (text(market), text(world.feed(&symbol, 0)))
        });
        let addresses = &world.addresses;
        let exchange = Exchange {
            program: text(addresses.program),
            exchange: text(addresses.exchange),
            default_fund: text(addresses.default_fund),
            custody_authority: text(addresses.custody_authority),
            collateral_mint: text(addresses.collateral_mint),
            token_program: text(addresses.token_program),
            payer: text(keeper.key()),
            beneficiary: text(world.margin_address(keeper)),
            markets: markets.collect(),
        };
        Self {
            known: std::collections::BTreeMap::new(),
            lines: vec![Line::Exchange(exchange)],
        }
    }

    fn look(&mut self, world: &World) {
        let accounts = world.svm.get_program_accounts(&world.addresses.program);
        let feeds = world.symbols();
        let feeds = feeds.iter().filter_map(|symbol| {
            let address = world.feed(symbol, 0);
            Some((address, world.svm.get_account(&address)?))
        });
        let all: std::collections::BTreeMap<_, _> = accounts.into_iter().chain(feeds).collect();
        for (address, account) in all {
            let before = self.known.get(&address).map_or(&[][..], Vec::as_slice);
            if self.known.contains_key(&address) && before == account.data {
                continue;
            }
            self.lines.push(Line::Update(Update {
                address: address.to_string(),
                owner: account.owner.to_string(),
                slot: world.slot(),
                size: account.data.len(),
                patches: patches(before, &account.data),
            }));
            self.known.insert(address, account.data);
        }
        let ChainClock { now, slot } = clock(world);
        self.lines.push(Line::Clock { now, slot });
    }
}

/// A fall through draws, liquidations, a halt and tear-ups, with a keeper that acts.
fn record() -> Vec<Line> {
    let mut world = World::new();
    world.open_market(&MarketSpec::preset("AVAX").blocks(160));
    world.open_market(&MarketSpec::preset("SOL").halting().blocks(160));
    world.keeper();
    let both = ["AVAX", "SOL"];
    world.trader("maker", 900_000_000_000, &both);
    for (trader, deposit) in [
        ("ann", 26_000_000_000),
        ("bob", 24_000_000_000),
        ("cid", 30_000_000_000),
    ] {
        world.trader(trader, deposit, &both);
    }
    let mut terms = world.terms(6_000_000_000, &both);
    terms.drawn_rate_ppm = 100_000;
    world.lend("uma", "ann", (6_000_000_000, 30_000_000_000), terms);
    for (trader, symbol, lots) in [
        ("ann", "AVAX", 900_000),
        ("bob", "AVAX", 900_000),
        ("cid", "SOL", 1_100_000),
    ] {
        let ticks = world.handle(symbol).price_ticks;
        world
            .place("maker", symbol, ask(ticks, lots))
            .expect("an ask");
        world
            .place(trader, symbol, bid(ticks, lots))
            .expect("a bid");
    }
    let expires_at = world.now() + 20;
    let order = bid(19_000, 50).expires_at(expires_at);
    world.place("cid", "AVAX", order).expect("a bid");
    for symbol in both {
        let ticks = world.handle(symbol).price_ticks;
        let order = bid(ticks * 9 / 10, 600_000);
        world.place("maker", symbol, order).expect("a bid");
    }
    let mut recorder = Recorder::new(&world);
    recorder.look(&world);
    for (number, permille) in [995, 975, 955, 940, 925, 905, 890, 850, 800, 780, 780, 780]
        .into_iter()
        .enumerate()
    {
        world.advance(if number == 9 { 30 } else { 2 });
        for symbol in both {
            let ticks = MarketSpec::preset(symbol).price_ticks * permille / 1_000;
            world.publish(symbol, ticks);
        }
        recorder.look(&world);
        for actions in 0..3 {
            for action in stage::decided(&world) {
                // One may make another needless.
                let _ = world.send(&action.instructions, &["keeper".into()]);
            }
            if actions != 2 {
                recorder.look(&world);
            }
        }
    }
    recorder.lines
}

fn described(actions: &[Action], clock: &ChainClock) -> String {
    let mut text = format!("at {} in slot {}\n", clock.now, clock.slot);
    for action in actions {
        let Action { key, danger, .. } = action;
        let (kind, subject) = (key.kind.name(), key.subject);
        writeln!(
            text,
            "  {kind} {subject} {:?} {} by {:?}",
            danger.tier, danger.amount, action.signer
        )
        .expect("a string");
        for built in &action.instructions {
            let data: String = built
                .data
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let metas = built.accounts.iter().map(|meta| {
                let flags = match (meta.is_signer, meta.is_writable) {
                    (true, true) => "*!",
                    (true, false) => "*",
                    (false, true) => "!",
                    (false, false) => "",
                };
                let short: String = meta.pubkey.to_string().chars().take(8).collect();
                format!("{short}{flags}")
            });
            let metas: Vec<String> = metas.collect();
            writeln!(text, "    {data} {}", metas.join(" ")).expect("a string");
        }
    }
    text
}

/// What is decided after each clock, by a keeper that follows the recording.
fn replayed(lines: &[Line]) -> (String, Vec<Kind>) {
    let mut lines = lines.iter();
    let Some(Line::Exchange(exchange)) = lines.next() else {
        panic!("a recording begins with its exchange");
    };
    let addresses = plimsoll_client::ExchangeAddresses {
        program: key(&exchange.program),
        exchange: key(&exchange.exchange),
        default_fund: key(&exchange.default_fund),
        custody_authority: key(&exchange.custody_authority),
        collateral_mint: key(&exchange.collateral_mint),
        token_program: key(&exchange.token_program),
    };
    let markets = exchange.markets.iter().map(|(market, feed)| MarketFeeds {
        market: key(market),
        feeds: vec![key(feed)],
    });
    let roles = roles_of(
        markets.collect(),
        key(&exchange.payer),
        key(&exchange.beneficiary),
    );
    let feeds = exchange.markets.iter().map(|(_, feed)| key(feed));
    let mut mirror = Mirror::new(addresses, feeds);
    let mut watch = Watch::new(&roles);
    let mut known = std::collections::BTreeMap::<&str, Vec<u8>>::new();
    let (mut text, mut kinds) = (String::new(), Vec::new());
    for line in lines {
        match line {
            Line::Exchange(_) => panic!("a second exchange"),
            Line::Update(update) => {
                let before = known.remove(update.address.as_str()).unwrap_or_default();
                let data = patched(before, update);
                known.insert(&update.address, data.clone());
                mirror.apply(&AccountUpdate {
                    address: key(&update.address),
                    slot: update.slot,
                    account: Some(RawAccount {
                        owner: key(&update.owner),
                        data,
                    }),
                });
            }
            Line::Clock { now, slot } => {
                let clock = ChainClock {
                    now: *now,
                    slot: *slot,
                };
                watch.follow(&mut mirror, &clock);
                let actions = decide_for(&mirror, &clock, &roles, &watch);
                watch.note(&actions);
                kinds.extend(actions.iter().map(|action| action.key.kind));
                text.push_str(&described(&actions, &clock));
            }
        }
    }
    assert_eq!(watch.missed(), 0);
    (text, kinds)
}

#[test]
fn a_recorded_fall_is_decided_as_it_was() {
    let updates = folder().join("fall.jsonl");
    let golden = folder().join("fall.actions.txt");
    if std::env::var_os("PLIMSOLL_RECORD").is_some() {
        let lines = record();
        let text = lines
            .iter()
            .map(|line| serde_json::to_string(line).expect("JSON") + "\n");
        std::fs::create_dir_all(folder()).expect("a folder");
        std::fs::write(&updates, text.collect::<String>()).expect("written");
        std::fs::write(&golden, replayed(&lines).0).expect("written");
    }
    let text = std::fs::read_to_string(&updates).expect("the recording");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line"));
    let (decided, kinds) = replayed(&lines.collect::<Vec<Line>>());
    let expected = std::fs::read_to_string(&golden).expect("the golden actions");
    for (number, (decided, expected)) in (1..).zip(decided.lines().zip(expected.lines())) {
        assert_eq!(decided, expected, "line {number}");
    }
    assert_eq!(decided.len(), expected.len());
    for kind in [
        Kind::RefreshMark,
        Kind::Draw,
        Kind::Liquidate,
        Kind::AdvanceHalt,
        Kind::TearUp,
        Kind::Settle,
    ] {
        assert!(
            kinds.contains(&kind),
            "the recording has no {}",
            kind.name()
        );
    }
}
