//! Random years of a market: fills, funding, loss events, epoch ends of both kinds, sleepers, syncs, seats
//! that leave and come. After every step all counters, N ≥ Σ n, INV-2 and INV-3.

use std::collections::BTreeMap;

use super::pit::{atom, big, Pit, Random};
use super::*;
use num_bigint::BigInt;

const SEATS: usize = 12;
const STEPS: u64 = 240;

struct Storm {
    pit: Pit,
    random: Random,
    /// Seats that touch nothing by themselves.
    asleep: usize,
    /// One step in so many meets one of them.
    met: u64,
    residue: BigInt,
    /// What the step in hand may take from the residue, 2^-32 quote atoms.
    allowed: BigInt,
    /// Highest mark and largest drift since the first event.
    high: u64,
    drift: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let spare = if random.one_in(3) { 30 } else { 0 };
        // From a market's first day to the highest price.
        let mark = random.between(ONE / 16, ONE) << random.below(13);
        let mut pit = Pit::new(SEATS, spare, mark);
        let params = &mut pit.header.params;
        params.funding_cap_ppm = 100_000;
        params.funding_period_seconds = 3_600;
        params.accrual_seconds_max = 3_600;
        let asleep = random.below(8) as usize;
        let met = if random.one_in(2) { 40 } else { 100 };
        Self {
            pit,
            random,
            asleep,
            met,
            residue: big(0),
            allowed: big(0),
            high: 0,
            drift: 0,
            counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Sleepers are met until all have a position, then now and then.
    fn someone(&mut self) -> usize {
        let begun = self.counts.get("trades").is_some_and(|trades| *trades > 9);
        let met = if begun { self.met } else { 2 };
        if self.random.one_in(met) {
            return self.random.below(SEATS as u64) as usize;
        }
        self.awake()
    }

    fn awake(&mut self) -> usize {
        self.asleep + self.random.below((SEATS - self.asleep) as u64) as usize
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0..=3 => self.trade(),
            4 => self.reprice(),
            5 => self.fund(),
            6 => self.lose(),
            7 => self.lose_flat(),
            8 => self.crush(),
            9 => self.leave(),
            _ => self.touch(),
        }
    }

    /// Epochs that a seat has slept through.
    fn behind(&self, who: usize) -> u32 {
        let seat = self.pit.seat(who);
        let side = self.pit.side(seat.side == SIDE_SHORT);
        if seat.shares == 0 {
            0
        } else {
            side.epoch - seat.epoch
        }
    }

    /// What is floored of every seat's claim may be more before the cash index moves than after.
    fn allow_floors(&mut self) {
        self.allowed += big(SEATS as u64) << 32;
    }

    /// By as many syncs as it takes.
    fn wake(&mut self, who: usize) {
        let seat = self.pit.seat(who);
        if !is_behind(&self.pit.header, &seat) {
            return;
        }
        self.count("walks");
        if self.behind(who) > EPOCH_STEPS_MAX {
            self.count("sleeps beyond five");
        }
        self.pit.wake(who);
    }

    fn base_of(&self, who: usize) -> i64 {
        i64::try_from(self.pit.held(who).base).unwrap()
    }

    fn trade(&mut self) {
        let (buyer, seller) = (self.someone(), self.someone());
        if buyer == seller {
            return;
        }
        let size = self.random.size(34);
        for who in [buyer, seller] {
            self.wake(who);
        }
        self.pit.trade(buyer, seller, size);
        self.count("trades");
    }

    fn reprice(&mut self) {
        let mark = self.pit.header.prices.mark;
        let factor = self.random.between(500, 1_900);
        let next = (mark / 1_000 * factor).clamp(ONE / 64, PRICE_Q32_MAX);
        self.allowed += self.pit.imbalance() * (big(next) - mark);
        // What sleeping shorts will pay for fractions is priced at the mark.
        let behind = (0..SEATS).map(|who| self.behind(who)).sum::<u32>();
        self.allowed += (atom(mark) * behind) << 32;
        self.pit.mark(next);
    }

    /// An accrual, or months of them in the same direction.
    fn fund(&mut self) {
        let premium = self.random.below(self.pit.header.prices.mark) as i64;
        let premium = if self.random.one_in(2) {
            premium
        } else {
            -premium
        };
        let times = if self.random.one_in(3) { 40 } else { 1 };
        for _ in 0..times {
            self.accrue(premium);
        }
    }

    fn accrue(&mut self, premium: i64) {
        let seconds = self.random.between(1, 3_600) as i64;
        let epochs = self.pit.header.sides.map(|side| side.epoch);
        let outcome = self.pit.fund(premium, seconds);
        let rate = big(outcome.long_pays.abs().max(outcome.short_receives.abs()));
        self.allowed += (rate * drift(&self.pit.header)) >> 32;
        self.allow_floors();
        self.count("fundings");
        if self.pit.header.sides.map(|side| side.epoch) != epochs {
            self.count("ends by funding");
        }
    }

    /// Deficit of some part of what the other side is worth, sometimes more, sometimes none.
    fn event(&mut self, who: usize) {
        self.wake(who);
        let seat = self.pit.seat(who);
        let open = self.pit.side(seat.side == SIDE_LONG).open_interest();
        let worth = self.pit.price().value_floor(open).unwrap();
        let deficit = match self.random.below(4) {
            0 => 0,
            1 => worth.saturating_add(self.random.size(20)),
            _ => worth >> self.random.below(40),
        };
        let fund = if self.random.one_in(3) {
            self.random.below(deficit + 1)
        } else {
            0
        };
        let before = drift(&self.pit.header);
        match self.pit.lose(who, deficit, fund) {
            Ok(receipt) => {
                let drift = before.max(drift(&self.pit.header));
                self.allowed += big(drift) * receipt.price;
                self.allow_floors();
                self.count("events");
                if receipt.epoch_ended == 1 && receipt.scale_after < SCALE_MIN {
                    self.count("ends by scale");
                } else if receipt.epoch_ended == 1 {
                    self.count("ends by cash index");
                }
                if receipt.carried != 0 {
                    self.count("carried");
                }
            }
            Err(EngineError::ArenaFull) => self.count("arena full"),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn lose(&mut self) {
        let who = self.someone();
        self.event(who);
    }

    fn lose_flat(&mut self) {
        let flat = (self.asleep..SEATS).find(|who| self.pit.seat(*who).shares == 0);
        if let Some(who) = flat {
            self.event(who);
        }
    }

    /// One seat takes all but a little of its side, and loses it.
    fn crush(&mut self) {
        let (who, other) = (self.someone(), self.someone());
        if who == other {
            return;
        }
        for seat in [who, other] {
            self.wake(seat);
        }
        let size = 1 << (34 + self.random.below(8));
        if self.base_of(who).abs() + self.base_of(other).abs() < 1 << 43 {
            if self.random.one_in(2) {
                self.pit.trade(who, other, size);
            } else {
                self.pit.trade(other, who, size);
            }
        }
        self.event(who);
    }

    /// A seat closes all against another.
    fn leave(&mut self) {
        let (who, other) = (self.someone(), self.someone());
        if who == other {
            return;
        }
        for seat in [who, other] {
            self.wake(seat);
        }
        let base = self.base_of(who);
        if base > 0 {
            self.pit.trade(other, who, base.unsigned_abs());
        } else if base < 0 {
            self.pit.trade(who, other, base.unsigned_abs());
        }
    }

    fn touch(&mut self) {
        let who = self.someone();
        self.wake(who);
        let sides = self.pit.header.sides;
        position::touch(self.pit.seat_mut(who), &sides).unwrap();
    }

    /// Fills, touches, walks and syncs take nothing from the residue, whatever the fractions; a move of
    /// the mark what the unmatched atoms are worth; funding and an event at most the drift, each.
    fn check(&mut self) {
        self.pit.check();
        let header = &self.pit.header;
        let residue = self.pit.residue();
        let least = &self.residue - &self.allowed;
        assert!(residue >= least, "INV-3: {residue} under {least}");
        self.residue = residue;
        self.allowed = big(0);
        if header.losses.receipts == 0 {
            assert!(self.residue >= big(0), "INV-3 before the first event");
            return;
        }
        // Over many events no theorem, but what a market of this size shows.
        self.high = self.high.max(header.prices.mark);
        self.drift = self.drift.max(drift(header));
        let reserve = -(big(self.drift) * self.high);
        assert!(
            self.residue >= reserve,
            "INV-3: {} of {reserve}",
            self.residue
        );
    }
}

fn run(seeds: std::ops::Range<u64>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for seed in seeds {
        let mut storm = Storm::new(seed);
        for step in 0..STEPS {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                storm.step();
                storm.check();
            }));
            if let Err(cause) = outcome {
                std::eprintln!("seed {seed}, step {step}");
                std::panic::resume_unwind(cause);
            }
        }
        for (what, times) in storm.counts {
            *counts.entry(what).or_default() += times;
        }
    }
    counts
}

/// INV-2 and INV-3, and what each kind of step may take from the residue.
#[test]
fn every_step_of_a_random_market_keeps_its_counters_drift_and_residue() {
    let counts = run(0..200);
    // Nothing of what the storm is for may be missing from it.
    for what in [
        "trades",
        "fundings",
        "events",
        "ends by scale",
        "ends by cash index",
        "ends by funding",
        "carried",
        "arena full",
        "walks",
        "sleeps beyond five",
    ] {
        let times = counts.get(what).copied().unwrap_or(0);
        assert!(times > 20, "{what}: {times}");
    }
}
