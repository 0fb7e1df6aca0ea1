//! Wind-ups and what governance may do, against the words of spec §11.

use plimsoll_engine::state::HaltPhase;
use plimsoll_engine::{governance, halt, wind_up, EngineError};

use super::ledger::{big, exact_value};
use super::shares;
use super::World;

impl World {
    /// Nothing changes a halted market, whoever it is: tried on a copy of its header.
    pub fn check_unchangeable(&self, market: usize) {
        let (state, env) = (&self.markets[market], self.env);
        if state.phase(env.now) == HaltPhase::Continuous {
            return;
        }
        let mut header = state.header;
        assert_eq!(halt::catch_up(&mut header, &env), None);
        let guarded = governance::guard(&mut header, 60, &env);
        assert_eq!(guarded, Err(EngineError::MarketHalted));
        let lifted = governance::lift_guard(&mut header, &env);
        assert_eq!(lifted, Err(EngineError::MarketHalted));
        let bytes = (
            bytemuck::bytes_of(&header),
            bytemuck::bytes_of(&state.header),
        );
        assert!(bytes.0 == bytes.1, "a refusal writes");
    }

    /// On a copy: a market's feeds die, anyone winds it up, and everybody leaves with what the last mark gives.
    pub fn check_wind_up(&self) -> Vec<&'static str> {
        let mut world = self.clone();
        world.counts.clear();
        let market = world.random.below(world.markets.len() as u64) as usize;
        assert_eq!(world.try_wind_up(market), Err(EngineError::IndexNotDead));
        let params = world.markets[market].header.params;
        let dead = params.index_dead_seconds + params.index_age_seconds_max;
        world.env.now += i64::from(dead) + 60;
        world.env.slot += 10_000;
        match world.try_wind_up(market) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error, EngineError::ArenaFull);
                return vec!["no room to wind up"];
            }
        }
        world.check();
        let again = world.try_wind_up(market);
        assert_eq!(again, Err(EngineError::MarketWoundUp));
        let mut notes = world.check_exit();
        notes.push("everyone left a market that was wound up");
        notes
    }

    fn try_wind_up(&mut self, market: usize) -> Result<(), EngineError> {
        let (env, now) = (self.env, self.env.now);
        self.touch(market);
        let entries = self.entries(market);
        let state = &mut self.markets[market];
        let f = Self::foretell_funding(state, now);
        let mut blocks = state.blocks.clone();
        let mut header = state.header;
        let mut copy = plimsoll_engine::book::arena::MarketMut {
            header: &mut header,
            blocks: &mut blocks,
        };
        let done = wind_up::wind_up(&mut copy, &env)?;
        let mark = state.header.prices.mark;
        assert_eq!(done.price, mark);
        let before = [0, 1].map(|side| shares::open_interest(&state.header, side));
        assert_eq!(done.open_interest.map(big), before);
        // As the seats are before, with the funding of the seconds in which the index was still fresh.
        state.resync(&entries);
        let (mut sides, mut prices) = (state.header.sides, state.header.prices);
        let (params, halt) = (&state.header.params, &state.header.halt);
        let charged = plimsoll_engine::funding::accrue(&mut sides, &mut prices, params, halt, now)?;
        state.halt.charged_until = now;
        Self::charge(state, &f, &charged);
        (state.header, state.blocks) = (header, blocks);
        state.wound_up = true;
        for seat in state.seats.values_mut() {
            let sign = if seat.short { -1 } else { 1 };
            seat.quote += exact_value(&seat.parts(), mark) * sign;
            (seat.base, seat.hidden) = (0, big(0));
        }
        Ok(())
    }
}
