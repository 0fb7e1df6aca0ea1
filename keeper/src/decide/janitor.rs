//! `janitor`: expired orders, seats far behind their side, seats that nobody will use again where room is
//! scarce.

use plimsoll_client::instructions::{release_seat, remove_expired_order, sync_seat};
use plimsoll_client::MarketView;
use plimsoll_engine::book::arena;
use plimsoll_engine::epochs::EPOCH_STEPS_MAX;
use plimsoll_engine::gate;
use plimsoll_engine::halt;
use plimsoll_engine::state::{MarginAccount, OrderSide, Seat, NIL, SIDE_SHORT};
use solana_pubkey::Pubkey;

use super::accounts::Looked;
use super::{state_of, Action, Candidates, Danger, Key, Kind, Scene, Signer, Tier};

/// Expired orders that one transaction removes.
const EXPIRED_AT_ONCE: usize = 8;
/// Empty seats are released when less than this part of the arena is free: one in eight.
const SCARCE: u32 = 8;

fn housekeeping(subject: Pubkey, kind: Kind, state: u64) -> Action {
    Action {
        key: Key { subject, kind },
        danger: Danger {
            tier: Tier::Housekeeping,
            amount: 0,
        },
        signer: Signer::Payer,
        state,
        instructions: Vec::new(),
    }
}

/// Expired orders of every book that lets them leave.
pub(crate) fn markets_due(scene: Scene<'_>, candidates: &impl Candidates) -> Vec<Action> {
    let now = scene.clock.now;
    let program = &scene.mirror.addresses().program;
    let mut actions = Vec::new();
    for address in candidates.books(scene.mirror) {
        let Some(market) = scene.mirror.market(&address) else {
            continue;
        };
        if !gate::in_phase(halt::phase(&market.header, now), gate::Action::Cancel) {
            continue;
        }
        let sides = [OrderSide::Bid, OrderSide::Ask].into_iter();
        let expired = sides
            .flat_map(|side| market.orders(side))
            .filter(|(_, order)| order.expired(now))
            .take(EXPIRED_AT_ONCE);
        let expired: Vec<(u32, u64)> = expired
            .map(|(block, order)| (block, order.sequence))
            .collect();
        if expired.is_empty() {
            continue;
        }
        let removals = expired
            .iter()
            .map(|(block, sequence)| remove_expired_order(program, address, *block, *sequence));
        let instructions = removals.collect();
        actions.push(Action {
            instructions,
            ..housekeeping(address, Kind::RemoveExpired, state_of(&expired))
        });
    }
    actions
}

/// A seat that will soon be too far behind, or an empty one of an account that holds nothing at all.
pub(crate) fn account_due(looked: &Looked<'_>) -> Option<Action> {
    let (scene, account) = (looked.scene, looked.account);
    seats_behind(scene, &looked.address, account).or_else(|| idle_seat(looked))
}

/// The first seat of the account that is as far behind as one touch can pass, or further.
pub(crate) fn seats_behind(
    scene: Scene<'_>,
    address: &Pubkey,
    account: &MarginAccount,
) -> Option<Action> {
    account.entries().iter().find_map(|entry| {
        let key = Pubkey::from(entry.market);
        let market = scene.mirror.market(&key)?;
        let seat = market.seat(entry.seat)?;
        let end = end_far_behind(market, seat)?;
        let program = &scene.mirror.addresses().program;
        Some(Action {
            instructions: vec![sync_seat(program, *address, key, entry.seat, end)],
            ..housekeeping(*address, Kind::SyncSeat, state_of(&(seat.epoch, end)))
        })
    })
}

/// Block of the end of the seat's epoch, if the seat lies that far back.
fn end_far_behind(market: &MarketView, seat: &Seat) -> Option<u32> {
    let [long, short] = &market.header.sides;
    let side = if seat.side == SIDE_SHORT { short } else { long };
    let behind = side.epoch.wrapping_sub(seat.epoch);
    if seat.shares == 0 || behind < EPOCH_STEPS_MAX {
        return None;
    }
    let mut block = side.newest_end;
    for _ in 0..=side.ends {
        if block == NIL {
            return None;
        }
        let end = arena::epoch_end(&market.blocks, block).ok()?;
        if end.epoch == seat.epoch {
            return Some(block);
        }
        block = end.older;
    }
    None
}

fn idle_seat(looked: &Looked<'_>) -> Option<Action> {
    let account = looked.account;
    let debts = account.credit_principal | account.credit_interest | account.lien;
    if account.collateral != 0 || debts != 0 || account.credit_line != [0; 32] {
        return None;
    }
    let owner = Pubkey::from(account.owner);
    let legs = looked.assessed.legs.iter().zip(&looked.assessed.states);
    let mut empty = legs.filter(|(_, state)| {
        let seat = &state.seat;
        seat.shares == 0 && seat.orders == 0 && seat.quote == 0
    });
    empty.find_map(|(leg, _)| {
        let header = looked.scene.mirror.market_ref(&leg.market)?.header;
        let scarce = arena::unreserved(header).saturating_mul(SCARCE) < header.arena.capacity;
        let program = &looked.scene.mirror.addresses().program;
        scarce.then(|| Action {
            instructions: vec![release_seat(
                program,
                owner,
                looked.address,
                Pubkey::from(leg.market),
            )],
            ..housekeeping(looked.address, Kind::ReleaseSeat, state_of(&leg.market))
        })
    })
}
