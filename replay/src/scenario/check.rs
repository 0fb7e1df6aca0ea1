//! What a scenario may say.

use anyhow::{bail, Result};

use super::{Cohort, Scenario, Side, PPM};

/// Fewer do not make two sides that trade with each other.
const ACCOUNTS_MIN: u32 = 20;
/// Accounts of one market at most: what its account on chain has room for, with makers.
const ACCOUNTS_MAX: u32 = 20_000;
/// A hundred times: more of anything is a slip of the pen.
const MULTIPLE_MAX_PPM: u64 = 100 * PPM;

impl Scenario {
    /// Every mistake at once.
    ///
    /// # Errors
    /// When there is one.
    pub fn check(&self) -> Result<()> {
        let mut mistakes = Vec::new();
        let mut when = |is: bool, what: String| {
            if is {
                mistakes.push(what);
            }
        };
        self.check_venue(&mut when);
        for side in [Side::Long, Side::Short] {
            let any = self.cohorts.iter().any(|c| c.side == side && c.weight != 0);
            when(!any, format!("no cohort is {side:?}"));
        }
        for cohort in &self.cohorts {
            self.check_cohort(cohort, &mut when);
        }
        if !mistakes.is_empty() {
            let count = match mistakes.len() {
                1 => "a mistake".to_owned(),
                many => format!("{many} mistakes"),
            };
            bail!("{count}\n  {}", mistakes.join("\n  "));
        }
        Ok(())
    }

    fn check_venue(&self, when: &mut impl FnMut(bool, String)) {
        when(
            !(ACCOUNTS_MIN..=ACCOUNTS_MAX).contains(&self.accounts),
            format!("accounts must be {ACCOUNTS_MIN} to {ACCOUNTS_MAX}"),
        );
        when(
            self.makers.count == 0 || self.makers.levels.is_empty(),
            "makers need a count and levels".to_owned(),
        );
        when(
            self.makers.levels.len() > 8,
            "makers have at most 8 levels".to_owned(),
        );
        when(
            self.makers.calm_ppm == 0,
            "makers.calm_ppm must not be zero".to_owned(),
        );
        when(
            self.flow.count < 2,
            "flow.count must be two or more".to_owned(),
        );
        when(
            self.keeper.per_second == 0,
            "keeper.per_second must not be zero".to_owned(),
        );
        let makers = &self.makers;
        for (field, value) in [
            ("default_fund_ppm", self.default_fund_ppm),
            ("makers.cash_ppm", makers.cash_ppm),
            ("makers.calm_ppm", makers.calm_ppm),
            ("makers.size_min_ppm", makers.size_min_ppm),
            ("makers.requote_ppm", makers.requote_ppm),
            ("makers.inventory_max_ppm", makers.inventory_max_ppm),
            ("makers.lean_ppm", makers.lean_ppm),
            ("flow.cash_ppm", self.flow.cash_ppm),
            ("flow.contract_usd", self.flow.contract_usd),
            ("flow.share_ppm", self.flow.share_ppm),
            ("flow.reach_ppm", self.flow.reach_ppm),
            ("desk.cash_ppm", self.desk.cash_ppm),
            ("desk.discount_ppm", self.desk.discount_ppm),
            ("desk.reach_ppm", self.desk.reach_ppm),
            ("credit.junior_ppm", self.credit.junior_ppm),
            ("credit.ordinary_ppm", self.credit.ordinary_ppm),
        ] {
            when(
                value > MULTIPLE_MAX_PPM,
                format!("{field} is over {MULTIPLE_MAX_PPM}"),
            );
        }
        let levels = makers.levels.iter().flatten();
        when(
            levels.max().is_some_and(|most| *most > PPM),
            "makers.levels must not be over 1000000".to_owned(),
        );
    }

    fn check_cohort(&self, cohort: &Cohort, when: &mut impl FnMut(bool, String)) {
        let name = &cohort.name;
        let same = self.cohorts.iter().filter(|other| other.name == *name);
        when(
            same.count() > 1,
            format!("cohort {name}: the name is given twice"),
        );
        let [low, high] = cohort.notional_usd;
        when(
            low == 0 || low > high || high > 100_000_000,
            format!("cohort {name}: notional_usd must be two amounts from 1 to 100000000, the smaller first"),
        );
        let [low, high] = cohort.leverage_tenths;
        when(
            low < 10 || low > high,
            format!("cohort {name}: leverage_tenths must be 10 or more, the smaller first"),
        );
        // Equity in tenths of a millionth: the position must pass initial margin when it is opened, with its fee.
        let least =
            u64::from(self.market.initial_margin_ppm) + u64::from(self.market.taker_fee_ppm) * 2;
        let equity = PPM * 10 / high.max(1);
        when(
            equity <= least,
            format!(
                "cohort {name}: leverage {}.{} does not pass an initial margin of {} ppm",
                high / 10,
                high % 10,
                self.market.initial_margin_ppm
            ),
        );
        let [first, last] = cohort.delay_seconds;
        when(
            first > last,
            format!("cohort {name}: delay_seconds must have the smaller first"),
        );
        for (field, value) in [
            ("stops_ppm", cohort.stops_ppm),
            ("tops_up_ppm", cohort.tops_up_ppm),
            ("line_ppm", cohort.line_ppm),
            ("stop_at_ppm", cohort.stop_at_ppm),
        ] {
            when(
                value > PPM,
                format!("cohort {name}: {field} is over 1000000"),
            );
        }
        for (field, value) in [
            ("wallet_ppm", cohort.wallet_ppm),
            ("call_at_ppm", cohort.call_at_ppm),
        ] {
            when(
                value > MULTIPLE_MAX_PPM,
                format!("cohort {name}: {field} is over {MULTIPLE_MAX_PPM}"),
            );
        }
        when(
            cohort.line_ppm != 0 && self.credit.underwriters == 0,
            format!("cohort {name}: a line needs an underwriter"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT;
    use super::*;

    #[test]
    fn the_default_is_sound() {
        let scenario = Scenario::parse(DEFAULT).expect("the default scenario");
        assert!(scenario.cohorts.iter().any(|cohort| cohort.line_ppm != 0));
    }

    #[test]
    fn every_mistake_is_named() {
        let mut scenario = Scenario::parse(DEFAULT).expect("the default scenario");
        scenario.accounts = 1;
        scenario.makers.calm_ppm = 0;
        scenario.cohorts[0].leverage_tenths = [10, 500];
        scenario.cohorts[1].notional_usd = [5, 4];
        scenario.cohorts[2].name = scenario.cohorts[0].name.clone();
        let error = scenario.check().expect_err("mistakes").to_string();
        for named in [
            "accounts must be",
            "makers.calm_ppm",
            "leverage 50.0",
            "notional_usd",
            "given twice",
        ] {
            assert!(error.contains(named), "{named}: {error}");
        }
    }

    #[test]
    fn a_field_that_does_not_exist_is_an_error() {
        let text = DEFAULT.replace("[keeper]", "[keeper]\nspeed = 3");
        let error = Scenario::parse(&text).expect_err("an unknown field");
        assert!(error.to_string().contains("speed"), "{error}");
    }
}
