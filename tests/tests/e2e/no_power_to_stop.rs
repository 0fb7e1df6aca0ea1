//! Nobody's key stops deposits, withdrawals, cancels or repayments, excepts an account, or pays the treasury
//! (spec §1, §11). Every instruction stands here under who may send it, and every state that governance can
//! bring about is tried.

use std::collections::BTreeSet;

use plimsoll_client::accounts;
use plimsoll_engine::governance;
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::state::MarketStatus;
use plimsoll_testkit::events::Liquidated;
use plimsoll_testkit::{ask, bid, ChangeArgs, MarketSpec, Snapshot, World};
use solana_pubkey::Pubkey;

use super::attacks_stage::{declared_instructions, Stage, AVAX, SOL};

/// Signed by the authority, the guardian, or whoever the authority is offered to; and what anybody may do to
/// carry a decision of theirs out, or in their place.
const ADMIN: [&str; 11] = [
    "initialize_exchange",
    "create_custody_shard",
    "create_market",
    "queue_change",
    "apply_change",
    "cancel_change",
    "offer_authority",
    "accept_authority",
    "guard_market",
    "lift_guard",
    "wind_up_market",
];

/// Signed by a trader, a lender, or by nobody: nothing about these reads authority or guardian.
const EVERYBODY: [&str; 46] = [
    "place_order",
    "cancel_order",
    "place_orders",
    "cancel_order_by_client_id",
    "cancel_all_orders",
    "deposit",
    "refresh_mark",
    "settle",
    "withdraw",
    "liquidate",
    "take_over",
    "tear_up",
    "close_remainder",
    "sync_seat",
    "advance_halt",
    "join_auction",
    "remove_expired_order",
    "claim_seat",
    "release_seat",
    "create_margin_account",
    "set_delegate",
    "close_margin_account",
    "sweep_fees",
    "collect_treasury",
    "rebalance_custody",
    "grow_market",
    "open_vault",
    "buy_shares",
    "release_junior",
    "request_redemption",
    "cancel_redemption",
    "pay_redemption",
    "offer_line",
    "accept_line",
    "activate_line",
    "give_consent",
    "draw",
    "value_line",
    "accrue_interest",
    "extend_call",
    "recall_line",
    "repay",
    "repay_from_cash",
    "write_off",
    "collect_lien",
    "close_line",
];

const IDL: &str = include_str!("../../../idl/plimsoll.json");

#[test]
fn every_instruction_is_classified() {
    let classified: BTreeSet<&str> = ADMIN.into_iter().chain(EVERYBODY).collect();
    assert_eq!(classified.len(), ADMIN.len() + EVERYBODY.len());
    let declared: BTreeSet<&str> = declared_instructions().into_iter().collect();
    assert_eq!(classified, declared);
    let idl: serde_json::Value = serde_json::from_str(IDL).unwrap();
    let described: BTreeSet<&str> = idl["instructions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instruction| instruction["name"].as_str().unwrap())
        .collect();
    assert_eq!(described, declared, "idl/plimsoll.json is of other sources");
    // Who signs as what: neither role appears in an instruction of everybody's.
    for instruction in idl["instructions"].as_array().unwrap() {
        let name = instruction["name"].as_str().unwrap();
        let roles = instruction["accounts"].as_array().unwrap();
        let admin = roles.iter().any(|role| {
            let named = ["authority", "guardian"].contains(&role["name"].as_str().unwrap());
            named && role["signer"].as_bool() == Some(true)
        });
        assert!(
            !admin || ADMIN.contains(&name),
            "{name} is signed by an admin"
        );
    }
}

/// Everything that is somebody's money: cash and debts of accounts, vaults and lines, the three balances of the
/// fund, every token balance, and the pools of the markets.
fn money(snapshot: &Snapshot, world: &World) -> Vec<(Pubkey, Vec<u8>)> {
    let mut found = Vec::new();
    for (address, account) in snapshot.accounts() {
        let data = &account.data;
        let whole = account.owner != world.addresses.program
            || accounts::margin_account(data).is_ok()
            || accounts::default_fund(data).is_ok()
            || accounts::credit_vault(data).is_ok()
            || accounts::vault_stake(data).is_ok()
            || accounts::credit_line(data).is_ok();
        if whole {
            found.push((*address, data.clone()));
        } else if let Ok(market) = plimsoll_client::MarketView::decode(data) {
            let cash = bytemuck::bytes_of(&market.header.cash).to_vec();
            found.push((*address, cash));
        }
    }
    found
}

#[test]
fn no_admin_instruction_moves_collateral_or_treasury() {
    let stage = Stage::set();
    for name in ADMIN {
        let mut world = stage.world.clone();
        let before = money(&world.snapshot(), &world);
        let keys: BTreeSet<Pubkey> = before.iter().map(|(address, _)| *address).collect();
        stage
            .attempt(&mut world, &stage.call(name).instruction)
            .unwrap();
        // What the call created holds nothing.
        let after: Vec<(Pubkey, Vec<u8>)> = money(&world.snapshot(), &world)
            .into_iter()
            .filter(|(address, _)| keys.contains(address))
            .collect();
        assert!(before == after, "{name} moved somebody's money");
        world.assert_sound();
        assert_nothing_stops(&stage, &world, &format!("after {name}"));
    }
}

/// Instructions by which an order or a debt goes.
const LEAVING: [&str; 5] = [
    "cancel_order",
    "cancel_order_by_client_id",
    "cancel_all_orders",
    "repay",
    "repay_from_cash",
];

/// What nobody may stop, each tried on a copy of the world.
fn assert_nothing_stops(stage: &Stage, world: &World, what: &str) {
    let mut world = world.clone();
    let cash = world.collateral("eve");
    // `eve` is flat, with a seat in the market; `cid` has none.
    for (name, shard) in [("eve", 0), ("cid", 1)] {
        let sent = world.deposit_through(name, shard, 5_000);
        assert!(sent.is_ok(), "{what}: deposit of {name}: {sent:?}");
        let paid = world.withdraw_ix(name, shard, 5_000);
        let paid = world.send(&[paid], &[name.into()]);
        assert!(paid.is_ok(), "{what}: withdrawal of {name}: {paid:?}");
    }
    assert_eq!(world.collateral("eve"), cash, "{what}");
    let ended = world.market(AVAX).header.status == MarketStatus::WoundUp.byte();
    for name in LEAVING {
        // What is paid out of an account's own cash is valued first; seats of an ended market settle before.
        if ended && name == "repay_from_cash" {
            continue;
        }
        let mut world = world.clone();
        let sent = stage.attempt(&mut world, &stage.call(name).instruction);
        assert!(sent.is_ok(), "{what}: {name}: {sent:?}");
    }
}

type Set = fn(&mut MarketParams, u64);

macro_rules! bound {
    ($field:ident, $low:expr, $high:expr) => {
        (
            stringify!($field),
            (|p, v| p.$field = v.try_into().unwrap()) as Set,
            $low,
            $high,
        )
    };
}

/// Every parameter that governance can set, with the ends of its range beside wide-open others.
fn bounds(open: &MarketParams) -> Vec<(&'static str, Set, u64, u64)> {
    vec![
        bound!(
            lots_min,
            1,
            open.slice_lots_max.min(open.trip_volume_lots_min)
        ),
        bound!(size_free, 1, 1 << 48),
        bound!(size_unit, 1, 1 << 48),
        bound!(open_interest_low, 0, open.open_interest_max),
        bound!(open_interest_high, open.open_interest_low + 1, 1 << 57),
        bound!(open_interest_max, open.open_interest_low, 1 << 56),
        bound!(slice_lots_max, open.lots_min, 1 << 32),
        bound!(reimbursement_cap, 0, 10_000_000),
        bound!(initial_margin_ppm, 20_000, 1_000_000),
        bound!(size_slope_ppm, 0, 1_000_000),
        bound!(taker_fee_ppm, 0, 10_000),
        bound!(maker_fee_ppm, 0, 10_000),
        bound!(liquidation_contribution_ppm, 0, 10_000),
        bound!(index_age_seconds_max, 1, 300),
        bound!(confidence_ppm_max, 1, 100_000),
        bound!(feed_spread_ppm_max, 1, 100_000),
        bound!(last_trade_age_seconds_max, 1, 3_600),
        bound!(basis_clip_ppm, 1, 100_000),
        bound!(basis_ema_seconds, 1, 3_600),
        bound!(premium_ema_seconds, 60, 86_400),
        bound!(funding_cap_ppm, 0, 100_000),
        bound!(funding_period_seconds, 3_600, 86_400),
        bound!(accrual_seconds_max, 1, 3_600),
        bound!(velocity_short_ppm, 1_000, 490_000),
        bound!(velocity_short_seconds, 1, 600),
        bound!(velocity_long_ppm, 1_000, 900_000),
        bound!(velocity_long_seconds, 600, 86_400),
        bound!(trip_volume_moved_ppm, 0, open.trip_volume_alone_ppm.into()),
        bound!(
            trip_volume_alone_ppm,
            open.trip_volume_moved_ppm.into(),
            1_000_000
        ),
        bound!(trip_volume_lots_min, open.lots_min, 1 << 32),
        bound!(call_seconds, 2, 30),
        bound!(call_seconds_max, open.call_seconds.into(), 30),
        bound!(freeze_seconds, 1, 4),
        bound!(resolve_seconds, 1, 10),
        bound!(retrip_seconds, 0, 600),
        bound!(halt_budget_ppm, 0, 250_000),
        bound!(halt_budget_trade_ppm, 0, 1_000_000),
        bound!(halt_budget_seconds, 60, 3_600),
        bound!(takeover_seconds, 1, 600),
        bound!(takeover_credit_seconds, 1, 600),
        bound!(reimbursement_growth_seconds, 1, 600),
        bound!(default_fund_budget_ppm, 0, 200_000),
        bound!(index_dead_seconds, 86_400, 2_592_000),
        bound!(order_slots_max, 1, 64),
    ]
}

#[test]
fn no_parameter_at_its_bound_stops_a_deposit_a_withdrawal_a_cancel_or_a_repayment() {
    let stage = Stage::set();
    let in_force = stage.world.market(AVAX).header.params;
    let open = MarketParams {
        initial_margin_ppm: 1_000_000,
        velocity_short_ppm: 1_000,
        velocity_long_ppm: 900_000,
        velocity_long_seconds: 86_400,
        ..in_force
    };
    let table = bounds(&open);
    // All but lot, tick, decimals and the feeds: as many as the struct has fields besides those.
    let idl: serde_json::Value = serde_json::from_str(IDL).unwrap();
    let declared: BTreeSet<&str> = idl["types"]
        .as_array()
        .unwrap()
        .iter()
        .find(|kind| kind["name"] == "MarketParams")
        .unwrap()["type"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .filter(|name| !name.starts_with("reserved") && !name.starts_with("feed"))
        .chain(["feed_spread_ppm_max"])
        .collect();
    let fixed = [
        "base_atoms_per_lot",
        "quote_atoms_per_lot_tick",
        "base_decimals",
    ];
    let named: BTreeSet<&str> = table.iter().map(|row| row.0).chain(fixed).collect();
    assert_eq!(named, declared, "a parameter without a row");
    for (name, set, low, high) in table {
        for value in [low, high] {
            let mut params = open;
            set(&mut params, value);
            if name == "initial_margin_ppm" && value == low {
                (params.taker_fee_ppm, params.funding_cap_ppm) = (0, 0);
            }
            // What governance can bring about, and nothing else.
            params
                .validate()
                .unwrap_or_else(|error| panic!("{name} {value}: {error}"));
            governance::pace(&in_force, &params).unwrap();
            let mut world = stage.world.clone();
            world.change_header(AVAX, |header| header.params = params);
            assert_nothing_stops(&stage, &world, &format!("{name} at {value}"));
        }
    }
}

/// Names of the fields, or of the variants, of a type of the IDL.
fn members(kind: &str) -> BTreeSet<String> {
    let idl: serde_json::Value = serde_json::from_str(IDL).unwrap();
    let types = idl["types"].as_array().unwrap();
    let found = types.iter().find(|other| other["name"] == kind).unwrap();
    let listed = ["fields", "variants"]
        .iter()
        .find_map(|list| found["type"][list].as_array());
    listed
        .unwrap()
        .iter()
        .map(|member| member["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A switch that stops everybody needs a place to stand: a field of the exchange, a kind of change that sets it, a
/// status of a market or a mark on an account. Each of them is named here with what tries it, and a new one fails
/// until somebody has done the same for it.
#[test]
fn every_place_where_a_power_could_stand_is_known() {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let known: [(&str, BTreeSet<String>); 3] = [
        (
            "ChangeArgs",
            // `no_parameter_at_its_bound…`, and the settings of `no_setting_of_the_exchange…`.
            named(&["Market", "FeeSplit", "Timelocks", "Guardian", "Treasury"]),
        ),
        (
            "Exchange",
            named(&[
                // What changes, each in `no_setting_of_the_exchange…`.
                "authority",
                "pending_authority",
                "guardian",
                "treasury",
                "timelock_seconds",
                "timelock_tightening_seconds",
                "fee_default_fund_ppm",
                "fee_keeper_pool_ppm",
                "fee_treasury_ppm",
                // Set once, or counts.
                "version",
                "bump",
                "custody_authority_bump",
                "collateral_decimals",
                "collateral_mint",
                "token_program",
                "default_fund",
                "custody_authority",
                "created_at",
                "custody_shards",
                "custody_shards_len",
                "markets",
                "pending_changes",
                "reserved_0",
                "reserved",
            ]),
        ),
        (
            // Nothing here is an admin's: `no_admin_instruction_moves…` compares the whole account.
            "MarginAccount",
            named(&[
                "version",
                "bump",
                "custody_shard",
                "entries_len",
                "sub_account",
                "reserved_0",
                "exchange",
                "owner",
                "delegate",
                "credit_line",
                "collateral",
                "credit_principal",
                "credit_interest",
                "credit_interest_time",
                "lien",
                "gain_newest",
                "gain_previous",
                "gain_interval",
                "flagged_at",
                "reimbursed_at",
                "deposited_total",
                "withdrawn_total",
                "flag_seen_at",
                "takeover_started_at",
                "reserved",
                "entries",
            ]),
        ),
    ];
    for (kind, names) in known {
        assert_eq!(members(kind), names, "{kind}");
    }
    // A market's: without an arm for it here, a new status does not compile.
    let tried = |status: MarketStatus| match status {
        MarketStatus::Pending => "nobody has anything in it",
        MarketStatus::Active => "the stage's",
        MarketStatus::ReduceOnly | MarketStatus::WoundUp => "`no_state_of_a_market…`",
    };
    assert!(!tried(MarketStatus::Active).is_empty());
}

/// What stands in reserved words is read by nobody.
#[test]
fn a_reserved_word_of_the_exchange_stops_nobody() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    world.change_exchange(|exchange| {
        bytemuck::bytes_of_mut(&mut exchange.reserved).fill(0xFF);
        exchange.reserved_0.fill(0xFF);
    });
    assert_nothing_stops(&stage, &world, "reserved words of the exchange");
}

#[test]
fn no_setting_of_the_exchange_stops_them_either() {
    let stage = Stage::set();
    let nobody = Pubkey::new_from_array([0xDE; 32]);
    type Setting = fn(&mut plimsoll_engine::state::Exchange);
    let settings: [(&str, Setting); 9] = [
        ("all to the fund", |e| split(e, [1_000_000, 0, 0])),
        ("all to the keepers", |e| split(e, [0, 1_000_000, 0])),
        ("all to the treasury", |e| split(e, [0, 0, 1_000_000])),
        ("shortest timelocks", |e| {
            (e.timelock_seconds, e.timelock_tightening_seconds) = (172_800, 3_600);
        }),
        ("longest timelocks", |e| {
            (e.timelock_seconds, e.timelock_tightening_seconds) = (2_592_000, 172_800);
        }),
        ("a guardian that is nobody", |e| e.guardian = [0xDE; 32]),
        ("a treasury that is gone", |e| e.treasury = [0xDE; 32]),
        ("an authority that is nobody", |e| e.authority = [0xDE; 32]),
        ("an offer to nobody", |e| e.pending_authority = [0xDE; 32]),
    ];
    assert!(stage.world.svm.get_account(&nobody).is_none());
    for (what, set) in settings {
        let mut world = stage.world.clone();
        world.change_exchange(set);
        assert_nothing_stops(&stage, &world, what);
    }
}

fn split(exchange: &mut plimsoll_engine::state::Exchange, shares: [u32; 3]) {
    governance::check_fee_split(shares).unwrap();
    [
        exchange.fee_default_fund_ppm,
        exchange.fee_keeper_pool_ppm,
        exchange.fee_treasury_ppm,
    ] = shares;
}

#[test]
fn no_state_of_a_market_that_admins_bring_about_stops_them() {
    let stage = Stage::set();
    let mut guarded = stage.world.clone();
    for symbol in [AVAX, SOL] {
        guarded.guard_market(symbol, 86_400).unwrap();
    }
    assert_nothing_stops(&stage, &guarded, "guarded");

    let mut pending = stage.world.clone();
    pending
        .queue_params(AVAX, |params| params.initial_margin_ppm = 1_000_000)
        .unwrap();
    let shares_ppm = [0, 0, 1_000_000];
    pending
        .queue_change(ChangeArgs::FeeSplit { shares_ppm }, None)
        .unwrap();
    assert_nothing_stops(&stage, &pending, "with changes queued");
    pending.apply_change(0).unwrap();
    assert_nothing_stops(&stage, &pending, "with a change applied");

    let mut reduced = stage.world.clone();
    for symbol in [AVAX, SOL] {
        reduced.change_header(symbol, |header| {
            header.status = MarketStatus::ReduceOnly.byte();
        });
    }
    assert_nothing_stops(&stage, &reduced, "reduce-only");

    let mut ended = stage.world.clone();
    ended.advance(700_000);
    for symbol in [AVAX, SOL] {
        ended.wind_up(symbol).unwrap();
    }
    assert_nothing_stops(&stage, &ended, "wound up");
}

/// Whatever the split, what liquidations accrued pays the treasury nothing (INV-9).
#[test]
fn no_split_pays_the_treasury_from_a_liquidation() {
    for shares_ppm in [[1_000_000, 0, 0], [0, 1_000_000, 0], [0, 0, 1_000_000]] {
        let mut world = World::trading(&[AVAX]);
        world.change_exchange(|exchange| split(exchange, shares_ppm));
        world.change_header(AVAX, |header| {
            header.cash.liquidation_fees_accrued = 1_000;
            header.cash.contributions_accrued = 2_000;
            header.cash.pool += 3_000;
        });
        world.sweep_fees(AVAX).unwrap();
        let fund = world.default_fund();
        assert_eq!(fund.treasury, 0, "{shares_ppm:?}");
        assert_eq!(fund.balance + fund.keeper_pool, 3_000, "{shares_ppm:?}");
    }
}

/// A liquidation from end to end, in a market without trading fees: what the treasury then has can only be of the
/// liquidation, and it has nothing, whatever share of trading fees is its own (INV-9).
#[test]
fn a_liquidation_pays_the_treasury_nothing() {
    let mut world = World::new();
    let spec = MarketSpec::preset(AVAX).with(|params| {
        (params.taker_fee_ppm, params.maker_fee_ppm) = (0, 0);
    });
    world.open_market(&spec);
    world.change_exchange(|exchange| split(exchange, [0, 0, 1_000_000]));
    world.trader("ann", 7_000_000, &[AVAX]);
    for name in ["bob", "cat"] {
        world.trader(name, 100_000_000_000, &[AVAX]);
    }
    world.place("bob", AVAX, ask(20_000, 300)).unwrap();
    world.place("ann", AVAX, bid(20_000, 300)).unwrap();
    world.move_index(AVAX, 18_690);
    world.keeper();
    world.place("cat", AVAX, bid(18_680, 1_000)).unwrap();
    let before = world.default_fund();
    let done = world.liquidate("ann", AVAX).unwrap();
    let [done] = &done.events_of::<Liquidated>()[..] else {
        panic!("{:?}", done.events);
    };
    assert!(done.filled_lots > 0);
    for name in ["ann", "bob", "cat"] {
        // Whoever has nothing to settle has nothing in the pool either.
        let _ = world.settle(name, &[AVAX]);
    }
    world.sweep_fees(AVAX).unwrap();
    let after = world.default_fund();
    assert_eq!(after.treasury, before.treasury);
    assert!(after.balance > before.balance, "nothing was earned at all");
    world.collect_treasury(0).unwrap();
    assert_eq!(world.tokens(&world.treasury()), 0);
    world.assert_sound();
}
