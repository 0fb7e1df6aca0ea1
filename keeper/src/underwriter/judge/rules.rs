//! The rules, one function each. A rule fires when every one of its inputs holds.

use plimsoll_engine::math::seconds_since;
use plimsoll_engine::state::{CreditLine, LineState};
use solana_pubkey::Pubkey;

use super::inputs::{ppm_ceil, ppm_floor, Input, Sign};
use super::{Decision, Deed, Scene};
use crate::underwriter::policy::{Class, Recall};
use crate::underwriter::{BorrowerFacts, LineFacts};

fn fires(inputs: &[Input]) -> bool {
    inputs.iter().all(Input::holds)
}

/// Markets of a line's mandate.
fn mandate(line: &CreditLine) -> impl Iterator<Item = Pubkey> + '_ {
    let named = line.mandate_markets.iter();
    named
        .take(usize::from(line.markets_len))
        .map(|market| Pubkey::from(*market))
}

/// Own equity over maintenance margin; without anything to cover, all one likes.
fn equity_ppm(borrower: &BorrowerFacts) -> i128 {
    if borrower.maintenance_margin == 0 && borrower.equity >= 0 {
        return i128::from(u64::MAX);
    }
    ppm_floor(borrower.equity, borrower.maintenance_margin)
}

impl Scene<'_> {
    fn fresh<'a>(&self, facts: &'a LineFacts) -> Option<&'a BorrowerFacts> {
        facts.borrower.as_ref().filter(|borrower| !borrower.stale)
    }

    fn concentration(&self, principal: u64) -> i128 {
        ppm_ceil(principal, self.vault.face)
    }

    /// Widest range of the markets' marks over the last seconds, ppm of the low.
    fn volatility(&self, markets: impl Iterator<Item = Pubkey>, seconds: u64) -> i128 {
        let ranges = markets.filter_map(|market| self.history.marks(&market, seconds, self.now));
        let widths = ranges.map(|(low, high)| {
            let low_unsigned = u64::try_from(low).unwrap_or(0);
            ppm_floor(i128::from(high).saturating_sub(low.into()), low_unsigned)
        });
        widths.max().unwrap_or(0)
    }

    /// Reasons to lend nothing new, as far as they are the vault's own; free cash apart.
    fn stopped_by_risk(&self) -> Option<Input> {
        let stop = &self.policy.stop;
        let (face, vault) = (self.vault.face, &self.vault.vault);
        let lent = stop.lent_ppm.map(|bound| {
            let value = ppm_floor(vault.drawn, face);
            Input::new("lent_ppm", value, Sign::AtLeast, bound)
        });
        let stress = stop.stress_loss_ppm.map(|bound| {
            let value = ppm_floor(self.vault.stressed_loss(), face);
            Input::new("stress_loss_ppm", value, Sign::AtLeast, bound)
        });
        [lent, stress].into_iter().flatten().find(Input::holds)
    }

    /// Reasons to lend nothing new on a line.
    fn stopped(&self, line: &CreditLine) -> Option<Input> {
        let stop = &self.policy.stop;
        let free = stop
            .free_below
            .map(|bound| Input::new("free", self.vault.free, Sign::Under, bound));
        let volatility = stop.volatility_ppm.map(|bound| {
            let value = self.volatility(mandate(line), stop.volatility_seconds);
            Input::new("volatility_ppm", value, Sign::AtLeast, bound)
        });
        let own = [free, volatility].into_iter().flatten();
        self.stopped_by_risk()
            .or_else(|| own.into_iter().find(Input::holds))
    }

    pub(super) fn withdraw_offer(&self, facts: &LineFacts) -> Option<Decision> {
        if !self.policy.stop.withdraw_offers {
            return None;
        }
        let why = vec![self.stopped(&facts.line)?];
        Some(self.decision("stop.withdraw_offers", (facts, None), Deed::Close, why))
    }

    pub(super) fn withdraw_consent(&self, facts: &LineFacts) -> Option<Decision> {
        let line = &facts.line;
        let standing = line.committed == 0 && self.consented(line) != 0;
        if !self.policy.stop.withdraw_consents || !standing {
            return None;
        }
        let why = vec![self.stopped(line)?];
        let none = Deed::Consent {
            amount: 0,
            expires_at: 0,
        };
        Some(self.decision("stop.withdraw_consents", (facts, None), none, why))
    }

    /// What may still be drawn under a consent, quote atoms.
    fn consented(&self, line: &CreditLine) -> u64 {
        if self.now >= line.consent_expires_at {
            return 0;
        }
        line.consent
    }

    pub(super) fn close_recalled(&self, facts: &LineFacts, class: &Class) -> Option<Decision> {
        let owed = facts.borrower.as_ref()?.owed;
        let why = vec![
            Input::new(
                "recalled_seconds",
                self.now.saturating_sub(facts.line.recall_at),
                Sign::AtLeast,
                0,
            ),
            Input::new("owed", owed, Sign::AtMost, 0),
        ];
        let due = class.close_recalled && fires(&why);
        due.then(|| self.decision("close_recalled", (facts, Some(class)), Deed::Close, why))
    }

    pub(super) fn recall(&self, facts: &LineFacts, class: &Class) -> Option<Decision> {
        let cap = self.policy.caps.recalls_a_day;
        let cap = Input::new("recalls_today", self.done.recalls, Sign::Under, cap);
        let (rule, input) = self.recall_reason(facts, &class.recall)?;
        let why = vec![input, cap];
        let due = fires(&why);
        due.then(|| self.decision(rule, (facts, Some(class)), Deed::Recall, why))
    }

    /// The first reason of the file's order that is reached.
    fn recall_reason(&self, facts: &LineFacts, rule: &Recall) -> Option<(&'static str, Input)> {
        let reached = |name: &'static str, value: i128, bound: Option<u64>| {
            let input = Input::new(name, value, Sign::AtLeast, bound?);
            input.holds().then_some(input)
        };
        let line = &facts.line;
        let borrower = self.fresh(facts);
        let drawdown = borrower.and_then(|borrower| {
            let high = self
                .history
                .high(&facts.address, rule.drawdown_days, self.now)?;
            let fall = i128::from(high).saturating_sub(borrower.equity.into());
            let high = u64::try_from(high).ok().filter(|high| *high != 0)?;
            reached("drawdown_ppm", ppm_floor(fall, high), rule.drawdown_ppm)
        });
        let volatility = facts.borrower.as_ref().and_then(|borrower| {
            let held = borrower.held.iter().copied();
            let value = self.volatility(held, rule.volatility_seconds);
            reached("volatility_ppm", value, rule.volatility_ppm)
        });
        let idle = (line.state == LineState::Active.byte() && line.drawn == 0).then(|| {
            let last = line.active_from.max(line.last_draw_at);
            let days = seconds_since(self.now, last) / 86_400;
            reached("idle_days", days.into(), rule.idle_days)
        });
        let share = ppm_floor(line.drawn, self.vault.face);
        let loss = borrower.and_then(|borrower| {
            let value = ppm_floor(borrower.stressed_loss, self.vault.face);
            reached("stress_loss_ppm", value, rule.stress_loss_ppm)
        });
        let over = borrower.filter(|_| rule.stress_over_limit);
        let over = over.and_then(|borrower| {
            let needed = borrower.stressed_need;
            let input = Input::new("stress_needs", needed, Sign::Over, line.limit);
            input.holds().then_some(input)
        });
        let reasons = [
            ("recall.drawdown", drawdown),
            ("recall.volatility", volatility),
            ("recall.idle", idle.flatten()),
            (
                "recall.concentration",
                reached("concentration_ppm", share, rule.concentration_ppm),
            ),
            ("recall.stress_loss", loss),
            ("recall.stress_over_limit", over),
        ];
        let mut reasons = reasons.into_iter();
        reasons.find_map(|(rule, input)| Some((rule, input?)))
    }

    pub(super) fn extend(&self, facts: &LineFacts, class: &Class) -> Option<Decision> {
        let rule = class.extend.as_ref()?;
        let (line, borrower) = (&facts.line, self.fresh(facts)?);
        if line.call_opened_at == 0 || line.drawn == 0 {
            return None;
        }
        let deadline = line.call_deadline.saturating_add_unsigned(rule.seconds);
        let own_end = line
            .call_opened_at
            .saturating_add(i64::from(line.call_seconds));
        let beyond = deadline.saturating_sub(own_end);
        let left = line.call_deadline.saturating_sub(self.now);
        let low = self.history.call_low(&facts.address, line);
        let risen = low.map_or(0, |low| borrower.equity.saturating_sub(low));
        let recovered = ppm_floor(risen, borrower.maintenance_margin);
        let of_call = self.extensions(&facts.address, line.call_opened_at);
        let of_month = self.extensions(&facts.address, self.month());
        let drawn = ppm_ceil(line.drawn, line.limit);
        let a_day = self.policy.caps.extensions_a_day;
        let today = self.done.extensions;
        let why = vec![
            Input::new("seconds_left", left, Sign::Over, 0),
            Input::new("seconds_left", left, Sign::AtMost, rule.before_seconds),
            Input::new(
                "recovered_ppm",
                recovered,
                Sign::AtLeast,
                rule.recovered_ppm_min,
            ),
            Input::new(
                "equity_ppm",
                equity_ppm(borrower),
                Sign::AtLeast,
                rule.equity_ppm_min,
            ),
            Input::new("drawn_ppm", drawn, Sign::AtMost, rule.drawn_ppm_max),
            Input::new(
                "concentration_ppm",
                self.concentration(line.drawn),
                Sign::AtMost,
                rule.concentration_ppm_max,
            ),
            Input::new("times_this_call", of_call, Sign::Under, rule.times_a_call),
            Input::new(
                "times_this_month",
                of_month,
                Sign::Under,
                rule.times_a_month,
            ),
            Input::new(
                "seconds_beyond_window",
                beyond,
                Sign::AtMost,
                rule.total_seconds_max,
            ),
            Input::new("extensions_today", today, Sign::Under, a_day),
        ];
        let deed = Deed::Extend { deadline };
        fires(&why).then(|| self.decision("extend", (facts, Some(class)), deed, why))
    }

    /// A consent takes the place of the one that stands, so it is given only where it is more: one that the limit
    /// cuts short would else be given anew at every look.
    pub(super) fn consent(&self, facts: &LineFacts, class: &Class) -> Option<Decision> {
        let rule = class.consent.as_ref()?;
        let (line, borrower) = (&facts.line, self.fresh(facts)?);
        let amount = rule.amount.min(line.limit.saturating_sub(line.drawn));
        let active = line.committed == 0 && line.state == LineState::Active.byte();
        if !active || amount == 0 || self.stopped(line).is_some() {
            return None;
        }
        let after = line.drawn.saturating_add(amount);
        let today = self.done.consented.saturating_add(amount);
        let drawn = ppm_ceil(line.drawn, line.limit);
        let why = vec![
            Input::new(
                "consent",
                self.consented(line),
                Sign::Under,
                rule.below.min(amount),
            ),
            Input::new(
                "equity_ppm",
                equity_ppm(borrower),
                Sign::AtLeast,
                rule.equity_ppm_min,
            ),
            Input::new("drawn_ppm", drawn, Sign::AtMost, rule.drawn_ppm_max),
            Input::new(
                "concentration_ppm",
                self.concentration(after),
                Sign::AtMost,
                rule.concentration_ppm_max,
            ),
            Input::new(
                "consented_today",
                today,
                Sign::AtMost,
                self.policy.caps.consented_a_day,
            ),
        ];
        let expires_at = self.now.saturating_add_unsigned(rule.seconds);
        let deed = Deed::Consent { amount, expires_at };
        fires(&why).then(|| self.decision("consent", (facts, Some(class)), deed, why))
    }

    /// A payment into the junior stake.
    pub(super) fn top_up(&self) -> Option<Decision> {
        let rule = self.policy.top_up.as_ref()?;
        if self.stopped_by_risk().is_some() {
            return None;
        }
        let amount = rule.amount;
        let today = self.done.topped_up.saturating_add(amount);
        let lent = ppm_ceil(self.vault.vault.drawn, self.vault.face);
        let why = vec![
            Input::new("free", self.vault.free, Sign::Under, rule.free_below),
            Input::new("lent_ppm", lent, Sign::AtMost, rule.lent_ppm_max),
            Input::new(
                "topped_up_today",
                today,
                Sign::AtMost,
                self.policy.caps.topped_up_a_day,
            ),
        ];
        fires(&why).then(|| Decision {
            rule: "top_up",
            class: String::new(),
            vault: self.vault.address,
            subject: self.vault.address,
            margin_account: Pubkey::default(),
            deed: Deed::TopUp { amount },
            why,
        })
    }
}
