//! Attacks by numbers: zero, one, the largest and the most negative pattern in every numeric argument of every
//! instruction (row 37). What they do together is in `attacks_extremes`.

use plimsoll_engine::state::MarketParams;

use super::attacks_stage::{assert_no_panic, reason, Stage};

/// One numeric argument: its name, where it lies behind the discriminator, and its bytes.
type Number = (&'static str, usize, usize);

/// Fields of an order, by width.
const ORDER: [(&str, usize); 10] = [
    ("seat", 4),
    ("side", 1),
    ("time in force", 1),
    ("self trade", 1),
    ("reduce only", 1),
    ("steps", 1),
    ("price", 8),
    ("lots", 8),
    ("client id", 8),
    ("expiry", 8),
];

fn laid_out(fields: &[(&'static str, usize)]) -> Vec<Number> {
    let mut at = 0;
    fields
        .iter()
        .map(|(name, width)| {
            at += width;
            (*name, at - width, *width)
        })
        .filter(|(name, _, _)| !name.starts_with('_'))
        .collect()
}

/// Arguments of an instruction in order; a name that begins with `_` is no number. `None`: no such row.
fn fields(instruction: &str) -> Option<Vec<(&'static str, usize)>> {
    Some(match instruction {
        "place_order" => ORDER.to_vec(),
        "place_orders" => [&[("length", 4)], &ORDER[..], &ORDER[..]].concat(),
        "cancel_order" => vec![("seat", 4), ("order", 4), ("sequence", 8)],
        "cancel_order_by_client_id" => vec![("seat", 4), ("client id", 8)],
        "cancel_all_orders" => vec![("seat", 4), ("limit", 1)],
        "deposit" | "withdraw" => vec![("shard", 1), ("amount", 8)],
        "remove_expired_order" => vec![("order", 4), ("sequence", 8)],
        "claim_seat" => vec![("slots", 1)],
        "liquidate" | "join_auction" => vec![("shard", 1)],
        "advance_halt" => vec![("steps", 2)],
        "take_over" => vec![("lots", 8)],
        "open_vault" => vec![("id", 2), ("notice", 4)],
        "buy_shares" => vec![("amount", 8), ("junior", 1)],
        "release_junior" | "request_redemption" => vec![("shares", 8)],
        "offer_line" | "accept_line" => terms(),
        "give_consent" => vec![("amount", 8), ("expiry", 8)],
        "extend_call" => vec![("deadline", 8)],
        "draw" | "collect_lien" => vec![("shard", 1)],
        "repay" => vec![("amount", 8)],
        "repay_from_cash" => vec![("shard", 1), ("amount", 8)],
        "sync_seat" => vec![("seat", 4), ("end", 4)],
        "create_margin_account" => vec![("sub-account", 2)],
        "set_delegate" => vec![("_delegate", 32)],
        "collect_treasury" | "create_custody_shard" => vec![("shard", 1)],
        "rebalance_custody" => vec![("from", 1), ("to", 1), ("amount", 8)],
        "initialize_exchange" => vec![
            ("_guardian", 32),
            ("timelock", 4),
            ("tightening timelock", 4),
            ("default fund's share", 4),
            ("keepers' share", 4),
            ("treasury's share", 4),
        ],
        "create_market" => [vec![("_symbol", 16)], market_params()].concat(),
        "queue_change" => [vec![("kind", 1)], market_params()].concat(),
        "offer_authority" => vec![("_next", 32)],
        "guard_market" => vec![("seconds", 4)],
        "apply_change"
        | "cancel_change"
        | "accept_authority"
        | "lift_guard"
        | "wind_up_market"
        | "refresh_mark"
        | "cancel_redemption"
        | "pay_redemption"
        | "activate_line"
        | "value_line"
        | "accrue_interest"
        | "recall_line"
        | "write_off"
        | "close_line"
        | "tear_up"
        | "close_remainder"
        | "settle"
        | "release_seat"
        | "close_margin_account"
        | "sweep_fees"
        | "grow_market" => Vec::new(),
        _ => return None,
    })
}

/// Parameters of a market.
fn market_params() -> Vec<(&'static str, usize)> {
    let words = (std::mem::offset_of!(MarketParams, feeds_len) - 80) / 4;
    let mut all = [("u64 parameter", 8)].repeat(10);
    all.extend([("u32 parameter", 4)].repeat(words));
    all.extend([("u8 parameter", 1)].repeat(8));
    all.push(("_feed ids", 96));
    all.push(("u64 parameter", 8));
    all.extend([("reserved word", 8)].repeat(7));
    all
}

/// Terms of a credit line.
fn terms() -> Vec<(&'static str, usize)> {
    let mut all = vec![("limit", 8), ("floor", 8), ("minute's cap", 8)];
    all.extend([("rate or time", 4)].repeat(5));
    all.extend([("committed", 1), ("sides", 1), ("markets", 1)]);
    all.extend([("notional", 8)].repeat(8));
    all.push(("_markets", 256));
    all
}

/// Zero, one, two, the largest and its neighbours, and the patterns around the most negative integer.
pub fn extremes(width: usize) -> Vec<u64> {
    let largest = u64::MAX >> (64 - 8 * width);
    let middle = largest / 2;
    vec![
        0,
        1,
        2,
        middle - 1,
        middle,
        middle + 1,
        middle + 2,
        largest - 1,
        largest,
    ]
}

#[test]
fn attack_37_every_numeric_argument_at_its_extremes_is_an_error_not_a_panic() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for call in &stage.calls {
        let fields = fields(call.name).unwrap_or_else(|| panic!("{}: no row", call.name));
        let covered: usize = fields.iter().map(|(_, width)| width).sum();
        let arguments = call.instruction.data.len() - 8;
        assert_eq!(covered, arguments, "{}: bytes of arguments", call.name);
        for (name, at, width) in laid_out(&fields) {
            for value in extremes(width) {
                let mut changed = call.instruction.clone();
                changed.data[8 + at..8 + at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                let what = format!("{} with {name} at {at} = {value}", call.name);
                let before = world.snapshot();
                match stage.attempt(&mut world, &changed) {
                    Ok(_) => {
                        world.assert_sound();
                        world = stage.world.clone();
                    }
                    Err(rejected) => {
                        assert_no_panic(&what, &rejected.logs);
                        let named = !reason(&rejected).contains("ProgramFailedToComplete");
                        assert!(named, "{what}: {rejected:?}");
                        world.assert_unchanged(&before);
                    }
                }
            }
        }
    }
}

#[test]
fn attack_37_arguments_cut_short_are_errors_not_panics() {
    let stage = Stage::set();
    let mut world = stage.world.clone();
    for call in &stage.calls {
        for length in 0..call.instruction.data.len() {
            let mut changed = call.instruction.clone();
            changed.data.truncate(length);
            let before = world.snapshot();
            match stage.attempt(&mut world, &changed) {
                Ok(sent) => panic!("{} cut to {length}: {:?}", call.name, sent.events),
                Err(rejected) => assert_no_panic(call.name, &rejected.logs),
            }
            world.assert_unchanged(&before);
        }
    }
}
