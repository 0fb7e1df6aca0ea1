//! `settler`: turns claims into cash where enough of it would move, and sweeps fees.

use plimsoll_client::instructions::{settle, sweep_fees};
use plimsoll_engine::cash;
use plimsoll_engine::gate;
use plimsoll_engine::math;
use solana_pubkey::Pubkey;

use super::accounts::Looked;
use super::{state_of, Action, Danger, Key, Kind, Scene, Settler, Signer, Tier};

/// `settle` of all legs that may be, once losses that the account can pay or gains that pools can are at least
/// the configured amount.
pub(crate) fn account_due(looked: &Looked<'_>, settler: &Settler) -> Option<Action> {
    let assessed = looked.assessed;
    let account = &assessed.account;
    let payable = math::signed(account.credit_principal)
        .and_then(|credit| math::add_signed(account.collateral, credit))
        .map_or(0, |cash| u64::try_from(cash).unwrap_or(0));
    let (mut settled, mut gains, mut losses, mut stale_loss) = (Vec::new(), 0_u64, 0_u64, false);
    for (leg, state) in assessed.legs.iter().zip(&assessed.states) {
        let market = looked.scene.mirror.market_ref(&leg.market)?;
        let stale = leg.held.base != 0 && !state.fresh;
        if stale || !gate::in_phase(state.phase, gate::Action::Settle) {
            stale_loss |= leg.risk.loss != 0;
            continue;
        }
        let gain = u64::try_from(leg.risk.equity).unwrap_or(0);
        let gain = gain.min(market.header.cash.pool);
        gains = gains.saturating_add(gain);
        losses = losses.saturating_add(leg.risk.loss);
        if gain != 0 || leg.risk.loss != 0 {
            settled.push(Pubkey::from(leg.market));
        }
    }
    let losses = losses.min(payable.saturating_add(gains));
    let moved = gains.max(losses);
    // In a shortfall all losing legs settle together or none.
    let short = !assessed.risk.meets_initial() && payable < assessed.risk.loss;
    if settled.is_empty() || moved < settler.settle_min.max(1) || (short && stale_loss) {
        return None;
    }
    let program = &looked.scene.mirror.addresses().program;
    Some(Action {
        key: Key {
            subject: looked.address,
            kind: Kind::Settle,
        },
        danger: Danger {
            tier: Tier::Cash,
            amount: moved,
        },
        signer: Signer::Payer,
        state: state_of(&(account.collateral, losses, gains)),
        instructions: vec![settle(program, looked.address, looked.account, &settled)],
    })
}

/// `sweep_fees` of the markets where it would move enough.
pub(crate) fn markets_due(scene: Scene<'_>, settler: &Settler) -> Vec<Action> {
    let (Some(exchange), Some(fund)) = (scene.mirror.exchange(), scene.mirror.fund()) else {
        return Vec::new();
    };
    let mut actions = Vec::new();
    for (address, market) in scene.mirror.markets() {
        let (mut header, mut fund) = (market.header, *fund);
        let swept = cash::sweep_fees(&mut header, exchange, &mut fund, &scene.clock.env());
        let Ok(swept) = swept else { continue };
        let parts = [
            swept.to_default_fund,
            swept.to_keeper_pool,
            swept.to_treasury,
            swept.deficit_paid,
        ];
        let moved = parts
            .iter()
            .fold(0_u64, |sum, part| sum.saturating_add(*part));
        if moved < settler.sweep_min.max(1) {
            continue;
        }
        actions.push(Action {
            key: Key {
                subject: *address,
                kind: Kind::SweepFees,
            },
            danger: Danger {
                tier: Tier::Housekeeping,
                amount: moved,
            },
            signer: Signer::Payer,
            state: state_of(&moved),
            instructions: vec![sweep_fees(scene.mirror.addresses(), *address)],
        });
    }
    actions
}
