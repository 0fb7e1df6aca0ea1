//! `sentinel`: takes halted markets through their course as early as the clock allows, and brings accounts
//! below maintenance into the auction.

use plimsoll_client::instructions::advance_halt;
use plimsoll_engine::auction::{self, AUCTION_STEPS_MAX};
use plimsoll_engine::book::arena::{MarketMut, MarketRef};
use plimsoll_engine::gate;
use plimsoll_engine::halt;
use plimsoll_engine::liquidation::{auction_size, zero_price, Leg, Standing};
use plimsoll_engine::math::PPM;
use plimsoll_engine::state::{HaltPhase, Order, NIL};
use plimsoll_engine::EngineError;
use solana_pubkey::Pubkey;

use super::accounts::Looked;
use super::{state_of, Action, Danger, Key, Kind, Scene, Signer, Tier};

/// By how much interest may be off during a call before it is put anew, ppm of what it should be: its price, which
/// hardly follows the mark, and its lots, which near maintenance follow it fifty to a hundred times as fast.
const PRICE_OFF_PPM: u64 = 2_000;
const LOTS_OFF_PPM: u64 = 200_000;
/// Seconds before FREEZE from which on it is put exactly once more: this is about what the auction meets.
const EXACT_SECONDS: i64 = 1;

/// Halted markets in which a step is due: the price of the auction, its fills, its end, the reopening.
pub(crate) fn markets_due(scene: Scene<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    for (address, market) in scene.mirror.markets() {
        if market.header.halt.phase == HaltPhase::Continuous.byte() {
            continue;
        }
        let env = scene.clock.env();
        // In the other phases the clock alone has nothing to advance: a market is not copied for that.
        let advances = match halt::phase(&market.header, env.now) {
            HaltPhase::Continuous => true,
            HaltPhase::Uncross => env.slot >= market.header.halt.uncross_slot,
            HaltPhase::Call | HaltPhase::Freeze | HaltPhase::Resolve => false,
        };
        if !advances {
            continue;
        }
        let mut trial = market.clone();
        let mut arena = MarketMut {
            header: &mut trial.header,
            blocks: &mut trial.blocks,
        };
        let advanced = auction::advance(&mut arena, AUCTION_STEPS_MAX, &env, &mut |_| {});
        let halt = bytemuck::bytes_of(&market.header.halt);
        if advanced.is_err() || bytemuck::bytes_of(&trial.header.halt) == halt {
            continue;
        }
        actions.push(Action {
            key: Key {
                subject: *address,
                kind: Kind::AdvanceHalt,
            },
            danger: Danger {
                tier: Tier::Market,
                amount: market.header.open_interest(),
            },
            signer: Signer::Payer,
            state: state_of(&halt),
            instructions: vec![advance_halt(
                scene.mirror.addresses(),
                *address,
                AUCTION_STEPS_MAX,
            )],
        });
    }
    actions
}

/// Liquidation interest that is to be put, put anew or taken out: the leg with the largest maintenance margin
/// first, one market at a time. During a call the mark moves with every price, and interest does not follow each:
/// it is put anew where it is off by more than a tolerance, and once exactly from the last second before FREEZE on.
pub(crate) fn account_due(looked: &Looked<'_>) -> Option<Action> {
    let standing = match looked.assessed.liquidatable() {
        Ok(standing) => Some(standing),
        Err(EngineError::NotLiquidatable) => None,
        Err(_) => return None,
    };
    let legs = looked.assessed.legs.iter();
    let leg = legs
        .filter(|leg| leg.calling && halted(looked, leg))
        .filter(|leg| join_is_due(looked, leg, standing.as_ref()).unwrap_or(false))
        .max_by_key(|leg| leg.risk.maintenance_margin)?;
    let market = Pubkey::from(leg.market);
    let call = looked.liquidation(market)?;
    let instruction = call.join_auction(looked.shard(), &looked.order_markets());
    Some(Action {
        key: Key {
            subject: looked.address,
            kind: Kind::JoinAuction,
        },
        danger: Danger {
            tier: Tier::Account,
            amount: looked.assessed.lacking(),
        },
        signer: Signer::Payer,
        state: state_of(&(leg.market, leg.held.base, leg.held.quote, leg.mark.0)),
        instructions: vec![instruction],
    })
}

/// `calling` also holds of a reduce-only market that trades; a join needs a halt.
fn halted(looked: &Looked<'_>, leg: &Leg) -> bool {
    let state = looked.assessed.states.get(leg.entry);
    state.is_some_and(|state| matches!(state.phase, HaltPhase::Call | HaltPhase::Freeze))
}

/// Whether a join would change what the account has in the auction by enough.
fn join_is_due(
    looked: &Looked<'_>,
    leg: &Leg,
    standing: Option<&Standing>,
) -> Result<bool, EngineError> {
    let market = looked.scene.mirror.market_ref(&leg.market);
    let market = market.ok_or(EngineError::WrongMarketAccounts)?;
    let resting = interest(&market, leg.seat);
    let Some(standing) = standing else {
        return Ok(resting.is_some());
    };
    // A draw that cures comes with the join, or by itself where the role `credit` runs.
    if looked.assessed.try_draw().is_ok() {
        return Ok(looked.scene.roles.credit.is_none());
    }
    // Orders beside the interest leave first, where their books let them.
    if looked.assessed.legs.orders_rest() {
        let cancellable = looked.assessed.legs.iter().any(|leg| {
            let state = looked.assessed.states.get(leg.entry);
            leg.orders != 0
                && state.is_some_and(|state| gate::in_phase(state.phase, gate::Action::Cancel))
        });
        return Ok(cancellable);
    }
    let params = &market.header.params;
    let lots = auction_size(params, leg, standing)?;
    let wanted = if lots == 0 || standing.with_credit <= 0 {
        None
    } else {
        zero_price(params, leg, standing)?.map(|zero| (zero.limit.0, lots))
    };
    let exactly = resting.is_some_and(|order| is_last_put(&market, order, looked.scene.clock.now));
    let resting = resting.map(|order| (order.price, order.lots));
    Ok(is_put_anew(wanted, resting, exactly))
}

/// Whether interest of this price and these lots is worth a transaction in place of what rests.
pub(super) fn is_put_anew(
    wanted: Option<(u64, u64)>,
    resting: Option<(u64, u64)>,
    exactly: bool,
) -> bool {
    match (wanted, resting) {
        (Some((price, lots)), Some((price_now, lots_now))) if !exactly => {
            is_off(price, price_now, PRICE_OFF_PPM) || is_off(lots, lots_now, LOTS_OFF_PPM)
        }
        _ => wanted != resting,
    }
}

/// Whether interest is from before the last second before FREEZE, which has begun.
fn is_last_put(market: &MarketRef<'_>, resting: &Order, now: i64) -> bool {
    let header = market.header;
    let before = i64::from(header.params.freeze_seconds).saturating_add(EXACT_SECONDS);
    let last = header.halt.call_ends_at.saturating_sub(before);
    now >= last && resting.placed_at < last
}

/// Whether what there is differs from what is wanted by more than `ppm` of it.
fn is_off(wanted: u64, there: u64, ppm: u64) -> bool {
    let differs = u128::from(wanted.abs_diff(there)).saturating_mul(u128::from(PPM));
    differs > u128::from(wanted).saturating_mul(u128::from(ppm))
}

/// The seat's interest in the auction, if it has any.
fn interest<'a>(market: &MarketRef<'a>, seat: u32) -> Option<&'a Order> {
    let mut cursor = plimsoll_engine::book::arena::seat(market.blocks, seat)
        .ok()?
        .first_order;
    for _ in 0..market.blocks.len() {
        if cursor == NIL {
            return None;
        }
        let order = plimsoll_engine::book::arena::order(market.blocks, cursor).ok()?;
        if order.liquidation != 0 {
            return Some(order);
        }
        cursor = order.seat_next;
    }
    None
}
