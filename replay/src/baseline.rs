//! Baseline models: rules of other venues that the program does not have. Each is a deed from outside the program, on
//! the program's own accounts and by the engine's own arithmetic, so that everything else about the day stays the same.
//!
//! - **Ranked queue**: a bankrupt position is closed against winners at its bankruptcy price, one winner after
//!   another, by rank: profit × leverage, as common venues publish it (of losers profit ÷ leverage).
//! - **Random start**: the same down the list of accounts, begun anywhere.
//!
//! The default fund pays first, as in the program. A loss without a position is charged as the program does, since a
//! queue has nobody to name for it.

use std::collections::BTreeMap;

use anyhow::{anyhow, Context, Result};
use plimsoll_client::assess::Assessed;
use plimsoll_client::{accounts, MarketView};
use plimsoll_engine::book::arena::{self, MarketMut};
use plimsoll_engine::gate::{self, Action};
use plimsoll_engine::liquidation::Leg;
use plimsoll_engine::position::{self, SeatFill};
use plimsoll_engine::state::OrderSide;
use plimsoll_engine::units::PriceQ32;
use plimsoll_engine::{epochs, fund, EngineError, Env};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use solana_pubkey::Pubkey;

use crate::chain::{Chain, Refused};
use crate::sight;

/// In which order winners are closed.
#[derive(Debug)]
pub enum Order {
    Queue,
    Random(ChaCha8Rng),
}

/// What closing a bankrupt position came to, quote atoms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closed {
    pub seat: u32,
    pub value: u64,
    pub base: u64,
    pub deficit: u64,
    pub from_default_fund: u64,
    pub mark: PriceQ32,
}

/// Entry prices, Q.32, by seat: what profit is counted from.
pub type Entries = BTreeMap<u32, u64>;

/// A winner in the queue.
#[derive(Clone, Copy, Debug)]
struct Winner {
    seat: u32,
    owner: [u8; 32],
    size: u64,
    rank: i128,
}

/// Closes the position of a bankrupt account against winners in `order`. `None`: it has none, and the program's own
/// step is to be taken.
///
/// # Errors
/// The inner error is what the program would refuse a tear-up with.
pub fn close(
    chain: &mut Chain,
    market: &Pubkey,
    address: &Pubkey,
    entries: &Entries,
    order: &mut Order,
) -> Result<Result<Option<Closed>, Refused>> {
    let env = chain.env();
    let mut view = MarketView::decode(chain.data(market)).context("the market")?;
    let assessed = sight::read(chain, &view, market, address)?;
    let leg = match bankrupt(&assessed) {
        Ok(Some(leg)) => *leg,
        Ok(None) => return Ok(Ok(None)),
        Err(engine) => {
            return Ok(Err(Refused {
                engine: Some(engine),
                text: String::new(),
            }))
        }
    };
    let deficit = assessed.risk.deficit()?;
    let mut default_fund = accounts::default_fund(chain.data(&chain.addresses.default_fund))?;
    let header = &view.header;
    let allowance = fund::allowance(&default_fund, &header.losses, &header.params, env.now)?;
    let from_default_fund = deficit.min(allowance);
    let winners = line_up(chain, &view, &leg, entries, order)?;

    let mut market_mut = MarketMut {
        header: &mut view.header,
        blocks: &mut view.blocks,
    };
    let uncovered = deficit.saturating_sub(from_default_fund);
    match_winners(&mut market_mut, &leg, uncovered, &winners, &env)?;
    let seat = arena::seat_mut(market_mut.blocks, leg.seat)?;
    seat.quote = seat.quote.saturating_add(i64::try_from(from_default_fund)?);
    let header = &mut *market_mut.header;
    header.cash.pool = header.cash.pool.saturating_add(from_default_fund);
    let losses = &mut header.losses;
    fund::pay(&mut default_fund, losses, from_default_fund, env.now)?;

    let encoded = view.encode();
    write_over(chain, *market, &encoded)?;
    let fund_address = chain.addresses.default_fund;
    let mut data = chain.data(&fund_address).to_vec();
    overwrite(&mut data, 8, bytemuck::bytes_of(&default_fund))?;
    chain.rewrite(fund_address, data)?;
    Ok(Ok(Some(Closed {
        seat: leg.seat,
        value: leg.mark.value_floor(leg.size())?,
        base: leg.size(),
        deficit,
        from_default_fund,
        mark: leg.mark,
    })))
}

/// The position of an account that a tear-up would be allowed for.
fn bankrupt(assessed: &Assessed) -> Result<Option<&Leg>, EngineError> {
    let standing = assessed.standing()?;
    if standing.with_credit > 0 {
        return Err(EngineError::AccountSolvent);
    }
    assessed.legs.check_no_orders()?;
    let mut open = assessed.legs.iter().zip(&assessed.states);
    let Some((leg, state)) = open.find(|(leg, _)| leg.held.base != 0) else {
        return Ok(None);
    };
    if !state.fresh || !gate::in_phase(state.phase, Action::Close) {
        return Err(EngineError::IndexStale);
    }
    Ok(Some(leg))
}

/// Winners in the order in which they are closed.
fn line_up(
    chain: &Chain,
    view: &MarketView,
    leg: &Leg,
    entries: &Entries,
    order: &mut Order,
) -> Result<Vec<Winner>> {
    let mut winners = Vec::new();
    for (index, seat) in view.seats() {
        let held = view
            .holding(seat)
            .map_err(|error| anyhow!("seat {index}: {error}"))?;
        let opposite = held.base != 0 && (held.base > 0) != leg.is_long();
        if index == leg.seat || !opposite {
            continue;
        }
        let account = accounts::margin_account(chain.data(&Pubkey::from(seat.owner)))?;
        let open = leg.mark.position_value(held.base)?;
        let equity = i128::from(account.collateral)
            + i128::from(account.credit_principal)
            + i128::from(held.quote)
            + i128::from(open);
        let entry = entries.get(&index).copied().unwrap_or(leg.mark.0);
        winners.push(Winner {
            seat: index,
            owner: seat.owner,
            size: held.base.unsigned_abs(),
            rank: rank(held.base > 0, leg.mark.0, entry, open, equity),
        });
    }
    match order {
        Order::Queue => winners.sort_by_key(|winner| (-winner.rank, winner.owner)),
        Order::Random(random) => {
            winners.sort_by_key(|winner| winner.owner);
            let start = random.random_range(0..winners.len().max(1));
            if start < winners.len() {
                winners.rotate_left(start);
            }
        }
    }
    Ok(winners)
}

/// Profit (ppm of the entry price) × leverage (ppm) of who gains, profit ÷ leverage of who loses.
fn rank(long: bool, mark: u64, entry: u64, open: i64, equity: i128) -> i128 {
    const PPM: i128 = 1_000_000;
    let entry = i128::from(entry).max(1);
    let moved = (i128::from(mark) - entry) * PPM / entry;
    let profit = if long { moved } else { -moved };
    let leverage = i128::from(open.unsigned_abs()) * PPM / equity.max(1);
    if profit > 0 {
        profit * leverage / PPM
    } else {
        profit * PPM / leverage.max(1)
    }
}

/// Fills the bankrupt position against each winner in turn, at the mark and its part of the loss.
fn match_winners(
    market: &mut MarketMut<'_>,
    leg: &Leg,
    uncovered: u64,
    winners: &[Winner],
    env: &Env,
) -> Result<()> {
    epochs::catch_up(market, leg.seat)?;
    let whole = leg.size();
    let (mut closed, mut charged) = (0_u64, 0_u64);
    for winner in winners {
        let base = winner.size.min(whole - closed);
        if base == 0 {
            break;
        }
        closed += base;
        // The last winner takes what rounding left: the charges add up to the loss.
        let due = u128::from(uncovered) * u128::from(closed) / u128::from(whole.max(1));
        let charge = u64::try_from(due)?.saturating_sub(charged);
        charged = charged.saturating_add(charge);
        let (gives, takes, cash) = if leg.is_long() {
            let cash = leg.mark.value_ceil(base)?.saturating_add(charge);
            (OrderSide::Ask, OrderSide::Bid, cash)
        } else {
            let cash = leg.mark.value_floor(base)?.saturating_sub(charge);
            (OrderSide::Bid, OrderSide::Ask, cash)
        };
        epochs::catch_up(market, winner.seat)?;
        for (index, side) in [(leg.seat, gives), (winner.seat, takes)] {
            let fill = SeatFill {
                side,
                base,
                cash,
                fee: 0,
            };
            let sides = &mut market.header.sides;
            let seat = arena::seat_mut(market.blocks, index)?;
            position::fill(seat, sides, &fill, leg.mark, env.now)?;
        }
    }
    Ok(())
}

/// Writes the beginning of an account anew; what is behind it stays.
fn write_over(chain: &mut Chain, address: Pubkey, bytes: &[u8]) -> Result<()> {
    let mut data = chain.data(&address).to_vec();
    overwrite(&mut data, 0, bytes)?;
    chain.rewrite(address, data)
}

fn overwrite(data: &mut [u8], from: usize, bytes: &[u8]) -> Result<()> {
    let place = data.get_mut(from..from + bytes.len());
    place.context("an account is short")?.copy_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn the_queue_begins_with_profit_times_leverage_and_ends_with_losers() {
        // Shorts from 20, mark 10: half gained.
        let (mark, entry) = (10 << 32, 20 << 32);
        let levered = rank(false, mark, entry, -1_000, 250);
        let calm = rank(false, mark, entry, -1_000, 1_000);
        assert_eq!((levered, calm), (2_000_000, 500_000));
        // Longs from 20 lost half; the levered one stands further back… in front, as venues have it.
        let loser = rank(true, mark, entry, 1_000, 1_000);
        assert_eq!(loser, -500_000);
        assert!(calm > loser);
    }
}
