//! `deleverager`: tears up what is insolvent at the mark, and closes remainders that no order can close.

use plimsoll_client::instructions::close_remainder;
use plimsoll_engine::gate;
use plimsoll_engine::state::HaltPhase;
use plimsoll_engine::EngineError;
use solana_pubkey::Pubkey;

use super::accounts::Looked;
use super::{liquidator, Action, Danger, Key, Kind, Signer, Tier};

pub(crate) fn due(looked: &Looked<'_>) -> Option<Action> {
    let assessed = looked.assessed;
    let standing = assessed.standing().ok()?;
    if assessed.legs.orders_rest() {
        return None;
    }
    let insolvent = standing.with_credit <= 0;
    let leg = match assessed.legs.next() {
        Ok(leg) => leg,
        // No position is left: the flat leg with the largest loss, whatever the state of its market.
        Err(EngineError::NotLiquidatable) if insolvent && standing.deficit != 0 => {
            assessed.legs.largest_loss()?
        }
        Err(_) => return None,
    };
    let market = Pubkey::from(leg.market);
    let header = &looked.scene.mirror.market(&market)?.header;
    let remainder = leg.held.base != 0 && leg.size() < header.params.base_atoms_per_lot;
    let (kind, instruction) = if insolvent {
        (Kind::TearUp, looked.liquidation(market)?.tear_up())
    } else if remainder && assessed.states.get(leg.entry).is_some_and(closes) {
        let addresses = looked.scene.mirror.addresses();
        let built = close_remainder(addresses, looked.address, market);
        (Kind::CloseRemainder, built)
    } else {
        return None;
    };
    Some(Action {
        key: Key {
            subject: looked.address,
            kind,
        },
        danger: Danger {
            tier: Tier::Account,
            amount: assessed.lacking(),
        },
        signer: Signer::Payer,
        state: liquidator::state(looked) ^ leg.held.quote.unsigned_abs(),
        instructions: vec![instruction],
    })
}

fn closes(state: &plimsoll_client::assess::LegState) -> bool {
    let phase: HaltPhase = state.phase;
    state.fresh && gate::in_phase(phase, gate::Action::Close)
}
