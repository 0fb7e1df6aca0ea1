//! What a second does to an account: what its borrower does, and what anyone may do on chain and somebody does.

use plimsoll_client::assess::Assessed;
use plimsoll_engine::credit::repay::{self, CashRepayment};
use plimsoll_engine::credit::{draw, line, vault};
use plimsoll_engine::liquidation::{self, Leg, Standing, Taker};
use plimsoll_engine::math::{self, PPM};
use plimsoll_engine::risk::LegRisk;
use plimsoll_engine::state::LineState;
use plimsoll_engine::{cash, fund};

use super::{Borrower, Venue};

/// Seconds between two bookings of interest that nothing else asks for.
const ACCRUAL_SECONDS: u64 = 3_600;

fn add(sum: &mut u64, amount: u64) {
    *sum = sum.saturating_add(amount);
}

impl Venue {
    pub(super) fn pass(&mut self, number: usize) {
        self.book_interest(number);
        self.borrower_repays(number);
        let Some(assessed) = self.look(number) else {
            return;
        };
        let drew = self.draw(number, &assessed);
        if !drew {
            self.lapse(number, &assessed);
            self.liquidate(number, &assessed);
        }
        self.end(number);
        self.note(number);
    }

    /// Books what has run; whoever touches a line does that first.
    fn accrue(&mut self, number: usize) {
        let now = self.env.now;
        if let Some(borrower) = self.borrowers.get_mut(number) {
            if borrower.account.credit_line == [0; 32] {
                return;
            }
            let (account, line) = (&mut borrower.account, &mut borrower.line);
            if let Ok(booked) = line::accrue(account, line, &mut self.vault, now) {
                add(&mut borrower.tally.interest, booked);
            }
        }
    }

    fn book_interest(&mut self, number: usize) {
        let Some(borrower) = self.borrowers.get(number) else {
            return;
        };
        if math::seconds_since(self.env.now, borrower.line.accrued_at) >= ACCRUAL_SECONDS {
            self.accrue(number);
        }
    }

    /// Out of the borrower's money from elsewhere.
    fn borrower_repays(&mut self, number: usize) {
        let now = self.env.now;
        let answers = |borrower: &Borrower| {
            let (line, after) = (&borrower.line, borrower.row.pays_after_seconds);
            let due = line.call_opened_at.saturating_add_unsigned(after);
            line.call_opened_at != 0 && borrower.purse != 0 && now >= due
        };
        if !self.borrowers.get(number).is_some_and(answers) {
            return;
        }
        self.accrue(number);
        let env = self.env;
        let Some(borrower) = self.borrowers.get_mut(number) else {
            return;
        };
        let account = &mut borrower.account;
        let Ok(due) = repay::due(account, borrower.purse) else {
            return;
        };
        let paid = repay::repay(account, &mut borrower.line, &mut self.vault, &due, &env);
        if let (Ok(()), Ok(total)) = (paid, due.total()) {
            borrower.purse = borrower.purse.saturating_sub(total);
            add(&mut borrower.tally.repaid, total);
            borrower.called();
        }
    }

    fn draw(&mut self, number: usize, assessed: &Assessed) -> bool {
        if assessed.try_draw().is_err() {
            return false;
        }
        self.accrue(number);
        let env = self.env;
        let Some(borrower) = self.borrowers.get_mut(number) else {
            return false;
        };
        let begins = borrower.account.credit_principal == 0;
        let legs = &assessed.legs;
        let drawn = draw::draw(
            &mut borrower.account,
            &mut borrower.line,
            &mut self.vault,
            &assessed.risk,
            legs.mandated_margin,
            legs.reopened_at,
            &env,
        );
        let Ok(drawn) = drawn else {
            return false;
        };
        let tally = &mut borrower.tally;
        add(&mut tally.calls, u64::from(begins));
        add(&mut tally.draws, 1);
        add(&mut tally.drawn, drawn.amount);
        true
    }

    /// After its end a call's debt goes back out of the account's cash, where the program gives it.
    fn lapse(&mut self, number: usize, assessed: &Assessed) {
        let Some(borrower) = self.borrowers.get_mut(number) else {
            return;
        };
        let opened_at = borrower.line.call_opened_at;
        if assessed.lapsed && borrower.lapsed != opened_at {
            borrower.lapsed = opened_at;
            add(&mut borrower.tally.lapsed, 1);
        }
        if assessed.lapsed || assessed.flat() {
            self.repay_from_cash(number, assessed);
        }
    }

    fn repay_from_cash(&mut self, number: usize, assessed: &Assessed) {
        let owed = u64::MAX >> 1;
        if assessed.try_repay_from_cash(owed).is_err() {
            return;
        }
        self.accrue(number);
        let env = self.env;
        let Some(borrower) = self.borrowers.get_mut(number) else {
            return;
        };
        let request = CashRepayment {
            amount: owed,
            by_owner: false,
            idle: assessed.idle(),
            stale: assessed.stale(),
            halted: assessed.halted(),
            risk: &assessed.risk,
        };
        let (account, line) = (&mut borrower.account, &mut borrower.line);
        let paid = repay::repay_from_cash(account, line, &mut self.vault, &request, &env);
        if let Some(total) = paid.ok().and_then(|paid| paid.total().ok()) {
            add(&mut borrower.tally.repaid_from_cash, total);
            borrower.called();
        }
    }

    /// Nobody bids in the book: what no draw cures is offered for takeover, and torn up once Q is gone.
    fn liquidate(&mut self, number: usize, assessed: &Assessed) {
        let (env, fresh) = (self.env, assessed.liquidatable());
        let Some(borrower) = self.borrowers.get_mut(number) else {
            return;
        };
        let account = &mut borrower.account;
        if fresh.is_err() {
            liquidation::end_walk(account, &assessed.risk);
            return;
        }
        let Ok(standing) = assessed.standing() else {
            return;
        };
        fund::flag(account, env.now);
        if standing.with_credit <= 0 {
            self.tear_up(number, assessed, &standing);
            return;
        }
        let Ok(leg) = assessed.legs.next() else {
            return;
        };
        if account.takeover_started_at == 0 && leg.matching {
            account.takeover_started_at = env.now;
        }
        self.take_over(number, leg, &standing);
    }

    fn take_over(&mut self, number: usize, leg: &Leg, standing: &Standing) {
        let (env, asked) = (self.env, self.book.takeover_discount_ppm);
        let mut markets = self.markets.iter_mut();
        let market = markets.find(|market| market.address.to_bytes() == leg.market);
        let (Some(market), Some(borrower)) = (market, self.borrowers.get_mut(number)) else {
            return;
        };
        let (account, params) = (&mut borrower.account, market.view.header.params);
        let terms = liquidation::takeover_terms(account, &params, leg, standing, env.now);
        let Ok(terms) = terms else {
            return;
        };
        let discount = u128::from(terms.price.0.abs_diff(leg.mark.0));
        if discount.saturating_mul(PPM.into()) < math::wide(leg.mark.0, asked) {
            return;
        }
        let seat = self.house.entry_of(&leg.market);
        let Some(seat) = seat.and_then(|entry| self.house.entries().get(entry)) else {
            return;
        };
        let taker = Taker {
            account: self.house_address.to_bytes(),
            seat: seat.seat,
            cash: cash::account_cash(&self.house, env.now),
            other_legs: LegRisk::default(),
        };
        let mut market = market.borrow();
        let lots = u64::MAX;
        let taken = liquidation::take_over(&mut market, account, leg, standing, &taker, lots, &env);
        if taken.is_ok() {
            add(&mut borrower.tally.taken_over, 1);
            self.settle(number);
        }
    }

    fn tear_up(&mut self, number: usize, assessed: &Assessed, standing: &Standing) {
        let (env, legs) = (self.env, &assessed.legs);
        let Some(leg) = legs.next().ok().or_else(|| legs.largest_loss()) else {
            return;
        };
        let mut markets = self.markets.iter_mut();
        let market = markets.find(|market| market.address.to_bytes() == leg.market);
        let (Some(market), Some(borrower)) = (market, self.borrowers.get_mut(number)) else {
            return;
        };
        let (account, key) = (&mut borrower.account, leg.market);
        let fund = &mut self.fund;
        let mut market = market.borrow();
        let torn = liquidation::tear_up(&mut market, &key, account, fund, legs, standing, &env);
        if torn.is_ok() {
            add(&mut borrower.tally.torn_up, 1);
            self.settle(number);
        }
    }

    /// A flat account that still owes: claims into cash, cash to the lender, the rest written off.
    fn end(&mut self, number: usize) {
        let owes = |borrower: &Borrower| borrower.account.credit_principal != 0;
        if !self.borrowers.get(number).is_some_and(owes) {
            return;
        }
        let held = self.look(number);
        if !held.is_some_and(|assessed| assessed.idle()) {
            return;
        }
        self.settle(number);
        if let Some(assessed) = self.look(number) {
            self.repay_from_cash(number, &assessed);
        }
        let Some(assessed) = self.look(number) else {
            return;
        };
        if assessed.try_write_off().is_err() {
            return;
        }
        self.accrue(number);
        let now = self.env.now;
        let Some(borrower) = self.borrowers.get_mut(number) else {
            return;
        };
        let (account, line) = (&mut borrower.account, &mut borrower.line);
        let written = repay::write_off(account, line, &mut self.vault, assessed.flat(), now);
        if let Ok(written) = written {
            let loss = written.principal.saturating_add(written.interest);
            add(&mut borrower.tally.written_off, loss);
        }
    }

    /// The peak, after everything that the second brought.
    fn note(&mut self, number: usize) {
        let face = vault::face(&self.vault).unwrap_or(0);
        if let Some(borrower) = self.borrowers.get_mut(number) {
            if borrower.line.drawn == 0 || face == 0 {
                return;
            }
            let share = math::mul_div_ceil(borrower.line.drawn, PPM, face).unwrap_or(u64::MAX);
            let peak = &mut borrower.tally.peak_concentration_ppm;
            *peak = share.max(*peak);
        }
    }
}

impl Borrower {
    /// D, quote atoms.
    pub(in crate::underwriter::trial) const fn principal(&self) -> u64 {
        self.account.credit_principal
    }

    /// A call that has just ended because everything was repaid.
    fn called(&mut self) {
        let open = self.line.state == LineState::Active.byte();
        if open && self.line.call_opened_at == 0 {
            add(&mut self.tally.cured, 1);
        }
    }
}
