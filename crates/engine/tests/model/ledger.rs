//! Money without roundings: quotes in units of 10^-6 · 2^-128 quote atoms, margin in big integers.

use num_bigint::BigInt;
use plimsoll_engine::state::MarketParams;

pub fn big(value: impl Into<BigInt>) -> BigInt {
    value.into()
}

/// Units of an exact quote in one quote atom: fine enough for a share's part of a price (2^-94), for
/// funding of a part of an atom (2^-126), and for fees.
pub fn unit() -> BigInt {
    big(1_000_000) << 128
}

/// ppm of an amount, [`unit`]s.
pub fn ppm(amount: &BigInt, ppm: u32) -> BigInt {
    (amount * ppm) << 128
}

/// Value of shares × scale (2^-62 base atoms) at a Q.32 price, [`unit`]s, exact.
pub fn exact_value(parts: &BigInt, mark: u64) -> BigInt {
    (parts * mark * 1_000_000) << 34
}

pub fn ceil(a: BigInt, b: impl Into<BigInt>) -> BigInt {
    let b = b.into();
    -floor(-a, b)
}

pub fn floor(a: BigInt, b: impl Into<BigInt>) -> BigInt {
    let b = b.into();
    let quotient = &a / &b;
    if a < big(0) && &quotient * &b != a {
        quotient - 1
    } else {
        quotient
    }
}

/// One account's place in one market.
#[derive(Clone, Default)]
pub struct SeatModel {
    /// Whole base atoms.
    pub base: i128,
    /// Fraction of a base atom behind them, 2^-62 atoms: a long's hidden asset, a short's hidden debt.
    pub hidden: BigInt,
    /// Exact claim, [`unit`]s of an atom.
    pub quote: BigInt,
    /// The same as the seat shows it, quote atoms.
    pub claimed: BigInt,
    /// Shares of the side's running epoch.
    pub shares: BigInt,
    pub short: bool,
    /// Epoch ends between the seat and its side.
    pub behind: u32,
    /// This step gave it new shares: a long's hidden fraction may have grown by under an atom.
    pub entered: bool,
    /// Fills of an auction in this step: each rounds for itself.
    pub roundings: u32,
    pub slots: usize,
    pub bid_lots: u64,
    pub ask_lots: u64,
    pub bid_high: u64,
    pub ask_low: u64,
}

impl SeatModel {
    pub fn rest(&mut self, bid: bool, price: u64, lots: u64) {
        if bid {
            self.bid_lots += lots;
            self.bid_high = self.bid_high.max(price);
        } else {
            let first = self.ask_lots == 0;
            self.ask_low = if first {
                price
            } else {
                self.ask_low.min(price)
            };
            self.ask_lots += lots;
        }
    }

    pub fn unrest(&mut self, bid: bool, lots: u64) {
        if bid {
            self.bid_lots -= lots;
            if self.bid_lots == 0 {
                self.bid_high = 0;
            }
        } else {
            self.ask_lots -= lots;
            if self.ask_lots == 0 {
                self.ask_low = 0;
            }
        }
    }
}

impl SeatModel {
    /// |position| in 2^-62 base atoms.
    pub fn parts(&self) -> BigInt {
        (big(self.base.abs()) << 62) + &self.hidden
    }

    /// All that it is worth at a mark, the hidden fraction too, [`unit`]s.
    pub fn wealth(&self, mark: u64) -> BigInt {
        let value = exact_value(&self.parts(), mark);
        if self.short {
            &self.quote - value
        } else {
            &self.quote + value
        }
    }

    /// A fill: `base` more or less, for exact `cash` and `fee` ([`unit`]s). The fraction behind a whole
    /// base ends with it: a long forfeits it, a short's debt is paid at the mark.
    pub fn fill(&mut self, base: i128, cash: &BigInt, fee: &BigInt, mark: u64) {
        if self.short {
            self.quote -= exact_value(&self.hidden, mark);
        }
        self.hidden = big(0);
        self.base += base;
        self.quote += cash - fee;
        if self.base != 0 {
            self.short = self.base < 0;
        }
        self.entered = true;
    }
}

/// Risk of a leg or a sum of legs.
#[derive(Clone, Debug, Default)]
pub struct Risk {
    /// e and, of a whole account, Q.
    pub equity: BigInt,
    pub with_credit: BigInt,
    pub equity_initial: BigInt,
    pub initial: BigInt,
    pub maintenance: BigInt,
    pub loss: BigInt,
    /// Part of e that stale indices give the holder.
    pub favour: BigInt,
}

impl Risk {
    pub fn add(&mut self, other: &Risk) {
        self.equity += &other.equity;
        self.equity_initial += &other.equity_initial;
        self.initial += &other.initial;
        self.maintenance += &other.maintenance;
        self.loss += &other.loss;
        self.favour += &other.favour;
    }

    pub fn meets_initial(&self) -> bool {
        self.equity_initial >= self.initial && self.equity_initial >= big(0)
    }
}

/// What the market is at the moment of a question.
#[derive(Clone, Copy)]
pub struct Quote<'a> {
    pub params: &'a MarketParams,
    /// Q.32.
    pub mark: u64,
    pub open_interest: u64,
    pub stale: bool,
}

/// Value of a position: a long's floor, a short's debt up.
pub fn value(base: i128, mark: u64) -> BigInt {
    floor(big(base) * mark, big(1) << 32)
}

fn four_fifths(gain: BigInt) -> BigInt {
    if gain > big(0) {
        floor(gain * 4, 5)
    } else {
        gain
    }
}

/// Spec §13, "Margin", as written there.
pub fn leg(at: &Quote<'_>, seat: &SeatModel, claimed: &BigInt) -> Risk {
    let params = at.params;
    let lot = i128::from(params.base_atoms_per_lot);
    let worst_up = (seat.base + i128::from(seat.bid_lots) * lot).abs();
    let worst_down = (seat.base - i128::from(seat.ask_lots) * lot).abs();
    let (size, worst) = (seat.base.abs(), worst_up.max(worst_down));
    let million = big(1_000_000);
    let f0 = big(params.initial_margin_ppm);
    let f_size = |size: i128| {
        let over = (size - i128::from(params.size_free)).max(0);
        (&f0 + ceil(big(over) * params.size_slope_ppm, params.size_unit)).min(million.clone())
    };
    let (low, high) = (params.open_interest_low, params.open_interest_high);
    let inside = at.open_interest.clamp(low, high) - low;
    let f_oi = &f0 + ceil((&million - &f0) * inside, high - low);
    let fraction = f_size(worst).max(f_oi.clone());
    // What a stale index gives does not hang on orders; what it takes does.
    let own_fraction = f_size(size).max(f_oi);
    let notional = |size: i128| ceil(big(size) * at.mark, big(1) << 32);
    // Prices of ticks as Q.32, against the holder.
    let tick = |ticks: u64| big(ticks) * params.quote_atoms_per_lot_tick * (big(1) << 32);
    let bought = ceil(tick(seat.bid_high), params.base_atoms_per_lot) - at.mark;
    let sold = big(at.mark) - floor(tick(seat.ask_low), params.base_atoms_per_lot);
    let lost = |lots: u64, by: BigInt| {
        let by = if lots == 0 { big(0) } else { by.max(big(0)) };
        ceil(by * lots * params.base_atoms_per_lot, big(1) << 32)
    };
    let resting = lost(seat.bid_lots, bought) + lost(seat.ask_lots, sold);
    let claim = claimed + value(seat.base, at.mark);
    let moved = |fraction: &BigInt| notional(size) * fraction;
    let (up, down) = if at.stale && seat.base != 0 {
        let up = floor(moved(&own_fraction), 1_000_000);
        (up, ceil(moved(&fraction), 1_000_000))
    } else {
        (big(0), big(0))
    };
    Risk {
        equity: &claim + &up,
        favour: up,
        with_credit: big(0),
        equity_initial: four_fifths(&claim - down),
        initial: ceil(notional(worst) * &fraction, 1_000_000) + resting,
        maintenance: ceil(notional(size) * f_size(size), 2_000_000),
        loss: (-claim).max(big(0)),
    }
}

/// Collateral and the gains in it that have not aged.
#[derive(Clone, Default)]
pub struct CashModel {
    pub collateral: BigInt,
    /// D, interest owed and lien.
    pub credit: BigInt,
    pub interest: BigInt,
    pub lien: BigInt,
    /// (interval, amount), oldest first.
    pub gains: Vec<(i64, BigInt)>,
}

impl CashModel {
    pub fn unaged(&self, now: i64) -> BigInt {
        let young = |interval: &i64| (interval + 2) * 60 > now;
        let amounts = self.gains.iter().filter(|(at, _)| young(at));
        amounts.map(|(_, amount)| amount.clone()).sum()
    }

    pub fn gain(&mut self, amount: BigInt, now: i64) {
        self.gains.push((now.div_euclid(60), amount));
    }

    /// Unaged gains are at most the cash that is there; the older are used up first.
    pub fn cut(&mut self, now: i64) {
        self.gains.retain(|(at, _)| (at + 2) * 60 > now);
        let mut over = self.unaged(now) - self.collateral.clone().max(big(0));
        for (_, amount) in &mut self.gains {
            let cut = over.clone().min(amount.clone()).max(big(0));
            *amount -= &cut;
            over -= cut;
        }
    }

    pub fn risk(&self, legs: &Risk, now: i64) -> Risk {
        let mut risk = legs.clone();
        let own = &self.collateral - &self.interest;
        risk.equity_initial += &own - ceil(self.unaged(now), 5);
        risk.equity += own;
        risk.with_credit = &risk.equity + &self.credit;
        risk
    }
}
