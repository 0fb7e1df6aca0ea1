//! Worlds for the decisions, as mirrors, and hands that do what was decided.

use plimsoll_testkit::{ask, bid, MarketSpec, World};
use solana_pubkey::Pubkey;

use crate::decide::{decide, Action, Credit, Kind, Marks, Roles, Settler};
use crate::marks::MarketFeeds;
use crate::mirror::{AccountUpdate, ChainClock, Mirror, RawAccount, Snapshot, Sync};

/// `long` holds 10,000 AVAX on 24,000 USDC against `short`, at $20.
pub(crate) fn two_sides() -> World {
    two_sides_of(MarketSpec::preset("AVAX"))
}

pub(crate) fn two_sides_of(spec: MarketSpec) -> World {
    let mut world = World::new();
    world.open_market(&spec);
    world.keeper();
    world.trader("long", 24_000_000_000, &["AVAX"]);
    world.trader("short", 200_000_000_000, &["AVAX"]);
    world
        .place("short", "AVAX", ask(20_000, 1_000_000))
        .expect("an ask");
    world
        .place("long", "AVAX", bid(20_000, 1_000_000))
        .expect("a bid");
    world.sweep_fees("AVAX").expect("swept");
    world
}

/// The world's accounts, as a snapshot would bring them.
pub(crate) fn mirror_of(world: &World) -> Mirror {
    let feeds = world
        .symbols()
        .into_iter()
        .map(|symbol| world.feed(&symbol, 0));
    let feeds: Vec<_> = feeds.collect();
    let mut mirror = Mirror::new(world.addresses, feeds.iter().copied());
    let slot = world.slot();
    let accounts = world.svm.get_program_accounts(&world.addresses.program);
    let accounts = accounts.into_iter().map(|(address, account)| {
        let raw = RawAccount {
            owner: account.owner,
            data: account.data,
        };
        (address, raw)
    });
    let snapshot = Snapshot {
        slot,
        accounts: accounts.collect(),
    };
    mirror.sync(&snapshot, Sync::Forward);
    for feed in feeds {
        let account = world.svm.get_account(&feed).map(|account| RawAccount {
            owner: account.owner,
            data: account.data,
        });
        mirror.apply(&AccountUpdate {
            address: feed,
            slot,
            account,
        });
    }
    mirror
}

pub(crate) fn clock(world: &World) -> ChainClock {
    ChainClock {
        now: world.now(),
        slot: world.slot(),
    }
}

/// Every role, with the world's keeper to be reimbursed.
pub(crate) fn roles(world: &World) -> Roles {
    let markets = world.symbols().into_iter().map(|symbol| MarketFeeds {
        market: world.market_address(&symbol),
        feeds: vec![world.feed(&symbol, 0)],
    });
    let keeper = plimsoll_testkit::Actor::from("keeper");
    let beneficiary = world.margin_address(keeper);
    roles_of(markets.collect(), keeper.key(), beneficiary)
}

/// Every role, for any exchange.
pub(super) fn roles_of(markets: Vec<MarketFeeds>, payer: Pubkey, beneficiary: Pubkey) -> Roles {
    Roles {
        marks: Some(Marks {
            markets,
            seconds_max: 5,
        }),
        sentinel: true,
        liquidator: true,
        desk: None,
        credit: Some(Credit {
            value_queued_seconds: 45,
            value_seconds: 600,
            accrue_seconds: 3_600,
        }),
        deleverager: true,
        settler: Some(Settler {
            settle_min: 2_000_000_000,
            sweep_min: 100_000_000,
        }),
        janitor: true,
        payer,
        beneficiary: Some(beneficiary),
    }
}

pub(crate) fn decided(world: &World) -> Vec<Action> {
    decide(&mirror_of(world), &clock(world), &roles(world))
}

pub(super) fn kinds(actions: &[Action]) -> Vec<Kind> {
    actions.iter().map(|action| action.key.kind).collect()
}

/// Sends everything that is due, in order; each must go through, unless one before it has made it needless.
pub(super) fn act(world: &mut World) -> usize {
    let actions = decided(world);
    let mut landed = 0;
    for action in &actions {
        match world.send(&action.instructions, &["keeper".into()]) {
            Ok(_) => landed += 1,
            Err(rejected) => {
                let class = rejected.engine.map(crate::execute::classify_engine);
                let name = class.as_ref().map(crate::execute::Outcome::name);
                let needless = landed != 0 && matches!(name, Some("lost_race" | "stale"));
                assert!(needless, "{:?}: {rejected:?}", action.key);
            }
        }
    }
    landed
}

/// Acts until only settling is left to decide, twenty times at most.
pub(super) fn act_until_quiet(world: &mut World) {
    for _ in 0..20 {
        let due = kinds(&decided(world));
        if due
            .iter()
            .all(|kind| matches!(kind, Kind::Settle | Kind::SweepFees))
        {
            return;
        }
        act(world);
        world.advance_fresh(1);
    }
    panic!("still due: {:?}", kinds(&decided(world)));
}
