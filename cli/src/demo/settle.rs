//! Settles everybody at one mark. Claims are paid out of a market's pool, which losers fill: so all
//! losses are taken first, then all gains are paid, nobody's claim stays unpaid, and the fees may be
//! swept right after.

use std::collections::BTreeMap;
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

/// Settlements of every account that has something to settle, in the order in which they are sent.
pub fn everybody(
    (venue, keeper): (&Venue, &Arc<Keypair>),
    traders: &[Trader],
    (views, sights): (&[MarketView], &[Sight]),
) -> Vec<Outgoing> {
    let markets: Vec<Pubkey> = venue.markets.iter().map(|market| market.address).collect();
    let with_claims: Vec<(&Trader, Vec<i64>)> = traders
        .iter()
        .filter_map(|trader| Some((trader, claims(trader, &markets, views, sights)?)))
        .collect();
    let claims: Vec<Vec<i64>> = with_claims.iter().map(|(_, legs)| legs.clone()).collect();
    let rounds = rounds(&claims).into_iter().map(|round| {
        let settled: Vec<Pubkey> = round
            .markets
            .iter()
            .filter_map(|market| markets.get(*market).copied())
            .collect();
        let accounts = round.accounts.iter().filter_map(|at| {
            let (trader, _) = with_claims.get(*at)?;
            let margin = trader.margin.as_ref()?;
            let program = &venue.addresses.program;
            Some(instructions::settle(
                program,
                trader.account,
                margin,
                &settled,
            ))
        });
        Outgoing {
            kind: Kind::Settle,
            instructions: accounts.collect(),
            signer: Arc::clone(keeper),
        }
    });
    rounds.collect()
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

/// A trader's claim in each market at its mark, zero where the index is stale or an auction runs; `None` without any.
fn claims(
    trader: &Trader,
    markets: &[Pubkey],
    views: &[MarketView],
    sights: &[Sight],
) -> Option<Vec<i64>> {
    let legs = markets.iter().zip(views).zip(sights);
    let legs = legs.map(|((market, view), sight)| {
        let Some(seat) = trader.seat(market) else {
            return Some(0);
        };
        let held = held(view, seat);
        let value = PriceQ32(view.header.prices.mark).position_value(held.base);
        let claim = held.quote.saturating_add(value.ok()?);
        Some(if sight.settles() { claim } else { 0 })
    });
    let legs = legs.collect::<Option<Vec<i64>>>()?;
    legs.iter().any(|claim| *claim != 0).then_some(legs)
}

/// One transaction: these accounts, each in all of these markets. A transaction passes a market
/// writable to all of its instructions or to none, and what is writable is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Round {
    markets: Vec<usize>,
    accounts: Vec<usize>,
}

/// First the losers, together with those who lose in the same markets; at last everybody with a gain.
fn rounds(claims: &[Vec<i64>]) -> Vec<Round> {
    let markets_where = |legs: &[i64], wanted: fn(i64) -> bool| -> Vec<usize> {
        let legs = legs.iter().enumerate();
        legs.filter(|(_, claim)| wanted(**claim))
            .map(|(market, _)| market)
            .collect()
    };
    let mut losers: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    let mut winners = Round {
        markets: Vec::new(),
        accounts: Vec::new(),
    };
    for (account, legs) in claims.iter().enumerate() {
        let lost = markets_where(legs, |claim| claim < 0);
        if !lost.is_empty() {
            losers.entry(lost).or_default().push(account);
        }
        let won = markets_where(legs, |claim| claim > 0);
        if !won.is_empty() {
            winners.accounts.push(account);
            winners.markets.extend(won);
        }
    }
    winners.markets.sort_unstable();
    winners.markets.dedup();
    let mut rounds: Vec<Round> = losers
        .into_iter()
        .map(|(markets, accounts)| Round { markets, accounts })
        .collect();
    if !winners.accounts.is_empty() {
        rounds.push(winners);
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::{rounds, Round};

    fn round(markets: &[usize], accounts: &[usize]) -> Round {
        Round {
            markets: markets.to_vec(),
            accounts: accounts.to_vec(),
        }
    }

    #[test]
    fn losers_come_before_those_whom_they_pay() {
        let claims = [vec![70, 0], vec![-100, 0], vec![30, 0]];
        assert_eq!(rounds(&claims), [round(&[0], &[1]), round(&[0], &[0, 2])]);
    }

    #[test]
    fn who_wins_here_and_loses_there_pays_first_and_is_paid_last() {
        let claims = [vec![50, -10, 0], vec![-50, 10, 0], vec![-5, 0, 0]];
        let expected = [
            round(&[0], &[1, 2]),
            round(&[1], &[0]),
            round(&[0, 1], &[0, 1]),
        ];
        assert_eq!(rounds(&claims), expected);
    }

    #[test]
    fn nothing_owed_is_nothing_sent() {
        assert_eq!(rounds(&[vec![0, 0]]), []);
    }
}
