//! Settles everybody at once. Claims are paid out of a market's pool, which losers fill: in the right
//! order, at one mark, nobody's claim stays unpaid and fees may be swept right after.

use std::sync::Arc;

use plimsoll_client::engine::units::PriceQ32;
use plimsoll_client::{instructions, MarketView};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;

use super::cast::Trader;
use super::sight::{held, Sight};
use super::tally::Kind;
use super::traffic::Outgoing;
use super::venue::Venue;

/// One transaction that settles every account that has something to settle, or nothing.
pub fn everybody(
    venue: &Venue,
    traders: &[Trader],
    views: &[MarketView],
    sights: &[Sight],
) -> Vec<Outgoing> {
    let markets: Vec<Pubkey> = venue.markets.iter().map(|market| market.address).collect();
    let fresh: Vec<bool> = sights.iter().map(|sight| sight.fresh).collect();
    let settled: Vec<Pubkey> = markets
        .iter()
        .zip(&fresh)
        .filter(|(_, fresh)| **fresh)
        .map(|(market, _)| *market)
        .collect();
    let with_claims: Vec<(&Trader, Vec<i64>)> = traders
        .iter()
        .filter_map(|trader| Some((trader, claims(trader, &markets, views, &fresh)?)))
        .collect();
    let claims: Vec<Vec<i64>> = with_claims
        .iter()
        .map(|(_, claims)| claims.clone())
        .collect();
    let pools = views.iter().map(|view| view.header.cash.pool).collect();
    let ordered: Vec<&Trader> = order(&claims, pools)
        .into_iter()
        .filter_map(|at| with_claims.get(at).map(|(trader, _)| *trader))
        .collect();
    let built = ordered.iter().filter_map(|trader| {
        let margin = trader.margin.as_ref()?;
        let program = &venue.addresses.program;
        Some(instructions::settle(
            program,
            trader.account,
            margin,
            &settled,
        ))
    });
    let built: Vec<_> = built.collect();
    let first = ordered.first();
    first
        .map(|trader| trader.says(Kind::Settle, built))
        .into_iter()
        .collect()
}

/// Sweeps the fees of every market.
pub fn sweeps(venue: &Venue, keeper: &Arc<Keypair>) -> Vec<Outgoing> {
    let markets = venue.markets.iter();
    markets
        .map(|market| Outgoing {
            kind: Kind::Sweep,
            instructions: vec![instructions::sweep_fees(&venue.addresses, market.address)],
            signer: Arc::clone(keeper),
        })
        .collect()
}

/// A trader's claim in each market at its mark, zero where the index is stale; `None` without any.
fn claims(
    trader: &Trader,
    markets: &[Pubkey],
    views: &[MarketView],
    fresh: &[bool],
) -> Option<Vec<i64>> {
    let legs = markets.iter().zip(views).zip(fresh);
    let legs = legs.map(|((market, view), fresh)| {
        let held = held(view, trader.seat(market)?);
        let value = PriceQ32(view.header.prices.mark).position_value(held.base);
        let claim = held.quote.saturating_add(value.ok()?);
        Some(if *fresh { claim } else { 0 })
    });
    let legs = legs.collect::<Option<Vec<i64>>>()?;
    legs.iter().any(|claim| *claim != 0).then_some(legs)
}

/// An order in which every gain finds its pool filled. Whoever would have to wait is left out: the next
/// settlement finds the pools fuller.
fn order(claims: &[Vec<i64>], mut pools: Vec<u64>) -> Vec<usize> {
    let mut waiting: Vec<usize> = (0..claims.len()).collect();
    let mut ordered = Vec::with_capacity(claims.len());
    while let Some(next) = waiting.iter().position(|at| covered(&claims[*at], &pools)) {
        let at = waiting.remove(next);
        for (pool, claim) in pools.iter_mut().zip(&claims[at]) {
            *pool = pool.saturating_add_signed(claim.saturating_neg());
        }
        ordered.push(at);
    }
    ordered
}

fn covered(claims: &[i64], pools: &[u64]) -> bool {
    let mut legs = claims.iter().zip(pools);
    legs.all(|(claim, pool)| u64::try_from(*claim).is_ok_and(|gain| gain <= *pool) || *claim <= 0)
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn losers_come_before_those_whom_they_pay() {
        let claims = [vec![70, 0], vec![-100, 0], vec![30, 0]];
        assert_eq!(order(&claims, vec![0, 0]), [1, 0, 2]);
    }

    #[test]
    fn gains_and_losses_in_two_markets_are_untangled_or_left_for_later() {
        // The first is paid by the second in one market; each owes the other in another.
        let tangled = [vec![50, -10], vec![-50, 10]];
        assert_eq!(order(&tangled, vec![0, 0]), Vec::<usize>::new());
        assert_eq!(order(&tangled, vec![0, 10]), [1, 0]);
    }
}
