//! Orders that leave the book without a fill.

use plimsoll_engine::place;
use plimsoll_engine::EngineError;

use super::book::OrderModel;
use super::{address_of, World};

impl World {
    /// One of the account's orders, or somebody's expired one, leaves the book.
    pub fn cancel(&mut self, account: usize, market: usize) -> Result<(), EngineError> {
        let Some(index) = self.seat_index(account, market) else {
            return Ok(());
        };
        let mut all = self.markets[market].book.bids.clone();
        all.extend(self.markets[market].book.asks.iter());
        if all.is_empty() {
            return Ok(());
        }
        let order = all[self.random.below(all.len() as u64) as usize];
        let way = self.random.below(4);
        self.with_market(market, |world| {
            world.admit_change(market)?;
            world.cancel_now(account, market, index, order, way)
        })
    }

    fn cancel_now(
        &mut self,
        account: usize,
        market: usize,
        index: u32,
        order: OrderModel,
        way: u64,
    ) -> Result<(), EngineError> {
        let (owner, env) = (address_of(account), self.env);
        let own = order.account == account;
        let state = &mut self.markets[market];
        // A liquidation's interest is nobody's to cancel before its auction is over.
        let held = state.holds_interest();
        let lives = |order: &OrderModel| held && order.liquidation.is_some();
        let gone = match way {
            0 => {
                let found =
                    place::cancel(&mut state.get(), index, &owner, order.block, order.sequence);
                let expected = if own && lives(&order) {
                    Some(EngineError::LiquidationInterest)
                } else if own {
                    None
                } else {
                    Some(EngineError::WrongOrder)
                };
                assert_eq!(found.err(), expected);
                found?;
                vec![order.sequence]
            }
            1 => {
                let found =
                    place::remove_expired(&mut state.get(), order.block, order.sequence, &env);
                let expired = order.expired(env.now);
                let expected = if expired {
                    None
                } else {
                    Some(EngineError::OrderNotExpired)
                };
                assert_eq!(found.err(), expected);
                found?;
                vec![order.sequence]
            }
            2 => {
                let id = order.client_id;
                let found = place::cancel_by_client_id(&mut state.get(), index, &owner, id);
                let mine = state.book.of(account);
                let newest = mine
                    .iter()
                    .filter(|o| o.client_id == id && !lives(o))
                    .map(|o| o.sequence)
                    .max();
                assert_eq!(found.ok().map(|c| c.sequence), newest);
                found?;
                newest.into_iter().collect()
            }
            _ => {
                let mut mine: Vec<u64> = state
                    .book
                    .of(account)
                    .iter()
                    .filter(|o| !lives(o))
                    .map(|o| o.sequence)
                    .collect();
                mine.sort_unstable_by(|a, b| b.cmp(a));
                mine.truncate(2);
                let (count, _) =
                    place::cancel_all(&mut state.get(), index, &owner, place::Which::All, 2)?;
                assert_eq!(usize::from(count), mine.len());
                mine
            }
        };
        for sequence in gone {
            self.take_off(market, sequence);
        }
        Ok(())
    }
}
