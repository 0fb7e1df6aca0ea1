//! Zero price, charges and sizes by the words of spec §13.

use num_bigint::BigInt;
use plimsoll_engine::state::MarketParams;

use super::ledger::{big, ceil, floor, ppm, unit};
use super::orders::fee;
use super::standing::{LegModel, StandingModel};
use super::steps::atoms;
use super::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeModel {
    Rate(u32, u32),
    PerAtom(u64),
}

impl ChargeModel {
    /// Whole charge and the contribution in it.
    pub fn of(self, cash: &BigInt, base: i128) -> (BigInt, BigInt) {
        match self {
            Self::Rate(taker, contribution) => {
                let contribution = fee(cash, contribution);
                (fee(cash, taker) + &contribution, contribution)
            }
            Self::PerAtom(rate) => (ceil(big(rate) * base, big(1) << 32), big(0)),
        }
    }

    /// Without rounding, [`unit`]s.
    pub fn exact(self, cash: &BigInt, base: i128) -> BigInt {
        match self {
            Self::Rate(taker, contribution) => ppm(cash, taker + contribution),
            Self::PerAtom(rate) => big(rate) * base * (unit() >> 32),
        }
    }

    pub fn per_atom(self, price: &BigInt) -> BigInt {
        match self {
            Self::Rate(taker, contribution) => ceil(price * (taker + contribution), 1_000_000),
            Self::PerAtom(rate) => big(rate),
        }
    }
}

/// An account in the middle of a reduction.
pub struct Reduction {
    pub size: BigInt,
    pub leg: BigInt,
    pub all: BigInt,
    pub amount: BigInt,
}

/// Base atoms to close at `price`, spec §13 "Size".
pub fn size_at(
    state: &Reduction,
    sign: i128,
    mark: u64,
    price: &BigInt,
    charge: ChargeModel,
) -> BigInt {
    let missing = &state.all * 115 - &state.amount * 100;
    if missing <= big(0) {
        return big(0);
    }
    let loss = (big(mark) - price) * sign + charge.per_atom(price);
    let loss = ceil(loss * &state.size, big(1) << 32);
    let denominator = &state.leg * 115 - loss * 100;
    if denominator <= big(0) {
        return state.size.clone();
    }
    ceil(missing * &state.size, denominator).min(state.size.clone())
}

pub fn lots_for(params: &MarketParams, size: &BigInt, held: &BigInt, most: u64) -> u64 {
    let lot = params.base_atoms_per_lot;
    let whole = atoms(&floor(held.clone(), lot));
    let lots = atoms(&ceil(size.clone(), lot)).min(most).min(whole);
    if lots != 0 && whole - lots < params.lots_min {
        whole
    } else {
        lots
    }
}

pub fn maintenance(params: &MarketParams, size: &BigInt, mark: u64) -> BigInt {
    let notional = ceil(size * mark, big(1) << 32);
    let over = (size - params.size_free).max(big(0));
    let growth = ceil(over * params.size_slope_ppm, params.size_unit);
    let fraction = (growth + params.initial_margin_ppm).min(big(1_000_000));
    ceil(notional * fraction, 2_000_000)
}

impl World {
    /// z of spec §13, in ticks, and the charge that goes with it.
    pub fn foretell_zero(
        &self,
        view: &LegModel,
        model: &StandingModel,
    ) -> Option<(u64, ChargeModel)> {
        let header = &self.markets[view.market].header;
        let (params, mark) = (&header.params, header.prices.mark);
        let priced = &model.with_credit - &model.favour;
        let amount = priced.min(model.maintenance.clone());
        let k = self.allowed(view, &amount, &model.maintenance);
        let (taker, contribution) = (params.taker_fee_ppm, params.liquidation_contribution_ppm);
        let million = big(1_000_000);
        let rate = taker + contribution;
        let long = view.base > 0;
        let z = if long {
            ceil((big(mark) - &k) * &million, &million - rate)
        } else {
            floor((big(mark) + &k) * &million, &million + rate)
        };
        let wrong = if long { z > big(mark) } else { z < big(mark) };
        let (z, charge) = if wrong {
            let most = floor(big(mark) * taker, million);
            (big(mark), ChargeModel::PerAtom(atoms(&most.min(k))))
        } else {
            (z, ChargeModel::Rate(taker, contribution))
        };
        let z = z.min(big(1) << 44) * params.base_atoms_per_lot;
        let tick = big(params.quote_atoms_per_lot_tick) << 32;
        let limit = if long {
            ceil(z, tick).max(big(1))
        } else {
            floor(z, tick)
        };
        let limit = atoms(&limit);
        (limit != 0 && limit < 1 << 40).then_some((limit, charge))
    }

    /// k: what the leg's share of `amount` allows per base atom, Q.32.
    pub fn allowed(&self, view: &LegModel, amount: &BigInt, maintenance: &BigInt) -> BigInt {
        if *amount <= big(0) {
            return big(0);
        }
        let own = floor(&view.maintenance * amount, maintenance.clone());
        let mark = self.markets[view.market].header.prices.mark;
        floor(own << 32, view.base.abs()).min(big(mark))
    }
}
