//! `liquidator`: names accounts below maintenance; which leg, what price and how much is the program's.

use plimsoll_engine::book::arena::{self, MarketRef};
use plimsoll_engine::fund::FLAG_GAP_SECONDS;
use plimsoll_engine::gate;
use plimsoll_engine::liquidation::{orders_outlive, takeover_terms, zero_price, Leg, Standing};
use plimsoll_engine::math::{seconds_since, PPM};
use plimsoll_engine::state::NIL;
use plimsoll_engine::EngineError;
use solana_pubkey::Pubkey;

use super::accounts::Looked;
use super::{state_of, Action, Danger, Desk, Key, Kind, Signer, Tier};

/// `liquidate`: the account's orders leave, its line is drawn, its next leg is reduced in the book. Also for an
/// account that is only flagged, or whose orders have outlived their margin.
pub(crate) fn due(looked: &Looked<'_>) -> Option<Action> {
    let assessed = looked.assessed;
    let market = match assessed.liquidatable() {
        Ok(_) => market_to_liquidate(looked)?,
        Err(EngineError::NotLiquidatable) => market_of_recovery(looked)?,
        Err(_) => return None,
    };
    let liquidatable = assessed.liquidatable().is_ok();
    // With the role `credit` a draw that cures goes by itself, whatever the states of the markets.
    if liquidatable && looked.scene.roles.credit.is_some() && assessed.try_draw().is_ok() {
        return None;
    }
    let call = looked.liquidation(market)?;
    let instruction = call.liquidate(looked.shard(), &looked.order_markets());
    let tier = if liquidatable {
        Tier::Account
    } else {
        Tier::Housekeeping
    };
    Some(Action {
        key: Key {
            subject: looked.address,
            kind: Kind::Liquidate,
        },
        danger: Danger {
            tier,
            amount: assessed.lacking(),
        },
        signer: Signer::Payer,
        state: state(looked),
        instructions: vec![instruction],
    })
}

/// What a step of a liquidation means to change.
pub(crate) fn state(looked: &Looked<'_>) -> u64 {
    let legs = looked.assessed.legs.iter();
    let legs: Vec<(i64, u8)> = legs.map(|leg| (leg.held.base, leg.orders)).collect();
    let account = looked.account;
    let opened = account.takeover_started_at != 0;
    let flagged = account.flagged_at != 0;
    state_of(&(legs, account.credit_principal, opened, flagged))
}

/// Where something can be done for an account that may be liquidated: its next leg, or its orders.
fn market_to_liquidate(looked: &Looked<'_>) -> Option<Pubkey> {
    let legs = &looked.assessed.legs;
    let cancellable = legs.iter().find(|leg| has_cancellable(looked, leg));
    match legs.next() {
        // What has no lot to trade is closed as a remainder, what has nothing left is torn up.
        Ok(leg)
            if cancellable.is_some() || (tradable(looked, leg) && does_something(looked, leg)) =>
        {
            Some(Pubkey::from(leg.market))
        }
        Ok(_) => None,
        Err(_) => Some(Pubkey::from(cancellable?.market)),
    }
}

fn tradable(looked: &Looked<'_>, leg: &Leg) -> bool {
    let market = looked.scene.mirror.market_ref(&leg.market);
    let lot = market.map_or(u64::MAX, |market| market.header.params.base_atoms_per_lot);
    let solvent = looked.assessed.risk.equity_with_credit();
    let lends = looked.assessed.standing() == Err(EngineError::CreditUsable);
    leg.matching && leg.size() >= lot && (lends || solvent.is_ok_and(|equity| equity > 0))
}

/// Whether a step could change anything: once the walk of a takeover is open, only a fill, and now and then a look
/// that keeps the walk from ending.
fn does_something(looked: &Looked<'_>, leg: &Leg) -> bool {
    let account = looked.account;
    let seen = seconds_since(looked.scene.clock.now, account.flag_seen_at);
    if account.takeover_started_at == 0 || seen > FLAG_GAP_SECONDS / 2 {
        return true;
    }
    let Ok(standing) = looked.assessed.standing() else {
        return true;
    };
    let market = looked.scene.mirror.market_ref(&leg.market);
    market.is_some_and(|market| crosses(&market, leg, &standing).unwrap_or(true))
}

/// Whether the best order on the other side is as good as the leg's zero price.
fn crosses(market: &MarketRef<'_>, leg: &Leg, standing: &Standing) -> Result<bool, EngineError> {
    let header = market.header;
    let tree = if leg.is_long() {
        &header.bids
    } else {
        &header.asks
    };
    if tree.best == NIL {
        return Ok(false);
    }
    let best = arena::order(market.blocks, tree.best)?.price;
    let zero = zero_price(&header.params, leg, standing)?;
    Ok(zero.is_some_and(|zero| {
        if leg.is_long() {
            best >= zero.limit.0
        } else {
            best <= zero.limit.0
        }
    }))
}

/// Ordinary orders in a book that lets them leave.
fn has_cancellable(looked: &Looked<'_>, leg: &Leg) -> bool {
    let state = looked.assessed.states.get(leg.entry);
    leg.orders != 0 && state.is_some_and(|state| gate::in_phase(state.phase, gate::Action::Cancel))
}

/// A healthy account's flag that is to end, or its orders that outlived their margin.
fn market_of_recovery(looked: &Looked<'_>) -> Option<Pubkey> {
    let assessed = looked.assessed;
    let any = assessed.legs.iter().next()?;
    if orders_outlive(&assessed.risk) {
        let outliving = assessed.legs.iter().find(|leg| {
            has_cancellable(looked, leg) && {
                let market = looked.scene.mirror.market(&Pubkey::from(leg.market));
                let orders = market.map(|market| market.orders_of_seat(leg.seat));
                orders.is_some_and(|all| all.iter().any(|(_, order)| order.reduce_only == 0))
            }
        });
        if let Some(leg) = outliving {
            return Some(Pubkey::from(leg.market));
        }
    }
    // What a takeover's walk hangs on; a flag alone ends by itself.
    let walking = looked.account.flagged_at != 0 && looked.account.takeover_started_at != 0;
    (walking && assessed.risk.favour == 0).then(|| Pubkey::from(any.market))
}

/// A takeover of all that may be taken, once the walking price is worth it.
pub(crate) fn takeover_due(looked: &Looked<'_>, desk: &Desk) -> Option<Action> {
    let assessed = looked.assessed;
    if looked.address == desk.margin_account || assessed.legs.orders_rest() {
        return None;
    }
    let standing = assessed.standing().ok()?;
    let leg = assessed.legs.next().ok()?;
    let mirror = looked.scene.mirror;
    let taker = mirror.account(&desk.margin_account)?;
    taker.entry_of(&leg.market)?;
    let params = &mirror.market_ref(&leg.market)?.header.params;
    let now = looked.scene.clock.now;
    let terms = takeover_terms(looked.account, params, leg, &standing, now).ok()?;
    let better = u128::from(terms.price.0.abs_diff(leg.mark.0)) * u128::from(PPM);
    if better < u128::from(leg.mark.0) * u128::from(desk.discount_ppm) {
        return None;
    }
    let call = looked.liquidation(Pubkey::from(leg.market))?;
    let taker = (desk.margin_account, taker);
    Some(Action {
        key: Key {
            subject: looked.address,
            kind: Kind::TakeOver,
        },
        danger: Danger {
            tier: Tier::Account,
            amount: assessed.lacking(),
        },
        signer: Signer::Desk,
        state: state(looked),
        instructions: vec![call.take_over(desk.trader, taker, u64::MAX)],
    })
}
