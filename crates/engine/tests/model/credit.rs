//! Vaults, lines, draws and the way back, against the words of spec §10 and §13.
//!
//! Foretold exactly: interest, U and every draw, repayments, write-offs, collected liens, shares bought and
//! redemptions paid. A line's life is the engine's to judge; whatever it refuses leaves every byte.

use bytemuck::Zeroable;
use num_bigint::BigInt;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::credit::draw::{self, DrawInput};
use plimsoll_engine::credit::line::{self, LineParties, LineTerms};
use plimsoll_engine::credit::repay::{self, CashRepayment};
use plimsoll_engine::credit::vault::{self, VaultIdentity};
use plimsoll_engine::liquidation::Legs;
use plimsoll_engine::risk::{AccountRisk, LegRisk};
use plimsoll_engine::state::{CreditLine, CreditVault, LineState, VaultStake};
use plimsoll_engine::EngineError;

use super::halts::Deed;
use super::ledger::{big, ceil, floor, Risk};
use super::steps::atoms;
use super::{address_of, World};

type Answer<T> = Result<T, EngineError>;

/// Providers of a vault; the first is its underwriter.
const PROVIDERS: usize = 4;
const NOTICE: i64 = 3_600;
const YEAR: u64 = 31_536_000;

#[derive(Clone)]
pub struct VaultModel {
    pub raw: CreditVault,
    pub stakes: Vec<VaultStake>,
    /// What its cash account holds.
    pub tokens: BigInt,
}

#[derive(Clone)]
pub struct LineModel {
    pub raw: CreditLine,
    pub vault: usize,
    pub account: usize,
}

fn line_address(line: usize) -> [u8; 32] {
    [0xA0 + line as u8; 32]
}

fn face(vault: &CreditVault) -> BigInt {
    big(vault.cash) + vault.drawn + vault.interest_receivable
}

fn lends(line: &CreditLine, now: i64) -> bool {
    line.state == LineState::Active.byte() && (line.recall_at == 0 || now < line.recall_at)
}

impl World {
    /// Two vaults with providers, and a line for each of six accounts, all of them running.
    pub fn open_credit(&mut self) {
        for id in 0..2_u16 {
            let mut raw = CreditVault::zeroed();
            let identity = VaultIdentity {
                exchange: [0xE0; 32],
                underwriter: [0x91; 32],
                cash_account: [0x92; 32],
                id,
                bump: 1,
                cash_bump: 1,
                redemption_notice_seconds: NOTICE as u32,
            };
            vault::open(&mut raw, &identity, &self.env).unwrap();
            self.vaults.push(VaultModel {
                raw,
                stakes: vec![VaultStake::zeroed(); PROVIDERS],
                tokens: big(0),
            });
            for (who, junior, amount) in [(0, true, 3_000_000), (1, false, 9_000_000)] {
                self.buy(id.into(), who, junior, amount).unwrap();
            }
        }
        for (number, account) in (3..9).enumerate() {
            self.lines.push(LineModel {
                raw: CreditLine::zeroed(),
                vault: number % 2,
                account,
            });
            // A line never offered is like one that was closed.
            self.lines[number].raw.state = LineState::Closed.byte();
            self.offer(number).unwrap();
            self.accept(number).unwrap();
        }
        self.env.now += NOTICE;
        for line in 0..self.lines.len() {
            self.activate(line).unwrap();
        }
    }

    pub fn line_of(&self, account: usize) -> Option<usize> {
        let address = self.accounts[account].credit_line;
        (address != [0; 32]).then(|| usize::from(address[0] - 0xA0))
    }

    /// Account, line and vault, taken out to be changed together.
    fn with_loan<T>(
        &mut self,
        line: usize,
        change: impl FnOnce(
            &mut plimsoll_engine::state::MarginAccount,
            &mut CreditLine,
            &mut CreditVault,
        ) -> Answer<T>,
    ) -> Answer<T> {
        let (number, owner) = (self.lines[line].vault, self.lines[line].account);
        let before = self.bytes();
        let done = change(
            &mut self.accounts[owner],
            &mut self.lines[line].raw,
            &mut self.vaults[number].raw,
        );
        if let Err(error) = &done {
            assert!(before == self.bytes(), "{error:?} and wrote");
        }
        done
    }

    /// Interest up to now, rounded up once.
    pub fn accrue_interest(&mut self, line: usize) -> Answer<()> {
        let now = self.env.now;
        let model = &self.lines[line];
        let slot = self.vaults[model.vault].raw.slots[usize::from(model.raw.slot)];
        let running = model.raw.state == LineState::Active.byte() && now > model.raw.accrued_at;
        let recalled = model.raw.recall_at != 0 && now >= model.raw.recall_at;
        let until = if recalled { model.raw.recall_at } else { now };
        let seconds = |until: i64| (until - model.raw.accrued_at).max(0);
        let drawn = big(slot.drawn) * slot.drawn_rate_ppm * seconds(now);
        let undrawn = big(slot.limit - slot.drawn.min(slot.limit)) * slot.undrawn_rate_ppm;
        let sum = drawn + undrawn * seconds(until);
        let expected = if running {
            ceil(sum, big(1_000_000) * YEAR)
        } else {
            big(0)
        };
        let account = model.account;
        let found = self.with_loan(line, |account, line, vault| {
            line::accrue(account, line, vault, now)
        })?;
        assert_eq!(big(found), expected, "interest");
        self.cash[account].interest += expected;
        Ok(())
    }

    /// Reads the legs like the program, with what the mandate covers.
    pub fn read_legs(&self, account: usize) -> Answer<(Legs, AccountRisk)> {
        let (legs, total) = self.legs_with_mandate(account)?;
        let cash = account_cash(&self.accounts[account], self.env.now);
        Ok((legs, AccountRisk::of(&cash, &total)?))
    }

    fn legs_with_mandate(&self, account: usize) -> Answer<(Legs, LegRisk)> {
        let mut legs = Legs::default();
        let line = self.line_of(account);
        let (now, state) = (self.env.now, &self.accounts[account]);
        for (position, entry) in state.entries().iter().enumerate() {
            let market = &self.markets[self.market_of(&entry.market)];
            let address = address_of(account);
            let read = market.read();
            let (leg, seat) =
                plimsoll_engine::liquidation::Leg::read(&read, state, &address, position, now)?;
            let mandated = match line {
                Some(line) if !market.stale(now) && market.allows(Deed::Draw, now) => {
                    draw::mandated_margin(
                        &self.lines[line].raw,
                        &leg.market,
                        seat,
                        leg.held,
                        leg.mark,
                        leg.risk.maintenance_margin,
                        now,
                    )?
                }
                _ => 0,
            };
            let reopened = plimsoll_engine::halt::reopened_at(&market.header, now);
            legs.push(&leg, mandated, reopened)?;
        }
        assert_eq!(legs.reopened_at, self.latest_reopening(account));
        let total = legs.total;
        Ok((legs, total))
    }

    /// The engine's own U and whether the call has lapsed.
    pub fn engine_credit(&self, account: usize, legs: &Legs, risk: &AccountRisk) -> (u64, bool) {
        let Some(line) = self.line_of(account) else {
            return (0, false);
        };
        let model = &self.lines[line];
        let state = &self.accounts[account];
        let input = DrawInput {
            account: state,
            risk,
            mandated_margin: legs.mandated_margin,
            reopened_at: legs.reopened_at,
            env: &self.env,
        };
        let usable = draw::usable(&model.raw, &self.vaults[model.vault].raw, &input).unwrap();
        let lapsed = line::lapsed(
            &model.raw,
            state.credit_principal,
            legs.reopened_at,
            self.env.now,
        );
        (usable, lapsed)
    }

    pub fn account_risk(&self, account: usize) -> Risk {
        self.cash[account].risk(&self.legs(account, &[]), self.env.now)
    }

    pub fn call_lapsed(&self, account: usize) -> bool {
        let drawn = self.cash[account].credit > big(0);
        let line = self.line_of(account).map(|line| &self.lines[line].raw);
        // Not before a held market has been open again for a minute.
        let reopened = self.latest_reopening(account);
        let open_again = reopened == 0 || self.env.now >= reopened + 60;
        line.is_some_and(|line| drawn && open_again && self.env.now >= line.call_deadline)
    }

    /// U of spec §13.
    pub fn usable_credit(&self, account: usize) -> BigInt {
        let now = self.env.now;
        let Some(line) = self.line_of(account) else {
            return big(0);
        };
        let (model, raw) = (&self.lines[line], &self.lines[line].raw);
        let vault = &self.vaults[model.vault].raw;
        let risk = self.account_risk(account);
        let own = &risk.equity - &risk.favour;
        if !lends(raw, now) || own < big(raw.equity_floor) || self.call_lapsed(account) {
            return big(0);
        }
        let principal = &self.cash[account].credit;
        let behind = if raw.committed != 0 {
            big(raw.reserved_cash)
        } else if now >= raw.consent_expires_at {
            big(0)
        } else {
            let queued = ceil(
                (face(vault) + 1) * vault.queued_shares,
                big(vault.shares) + 1_000,
            );
            let free = big(vault.cash) - vault.reserved_cash - queued;
            big(raw.consent).min(free.max(big(0)))
        };
        let minute = if now - raw.last_draw_at < 60 {
            raw.minute_drawn
        } else {
            0
        };
        let target = |margin: &BigInt| ceil(margin * 115, 100);
        let lacking = target(&risk.maintenance) - &risk.with_credit;
        (big(raw.limit) - principal)
            .min(behind)
            .min((big(raw.minute_cap) - minute).max(big(0)))
            .min(target(&self.mandated(account, raw)))
            .min(lacking.max(big(0)))
    }

    /// Maintenance margin that the mandate covers: market, side, age, size; fresh legs alone.
    fn mandated(&self, account: usize, line: &CreditLine) -> BigInt {
        let mut sum = big(0);
        for market in self.markets_of(account) {
            let state = &self.markets[market];
            let seat = &state.seats[&account];
            let named = &line.mandate_markets[..usize::from(line.markets_len)];
            let Some(at) = named.iter().position(|key| *key == state.key) else {
                continue;
            };
            let opened = state
                .seat(self.seat_index(account, market).unwrap())
                .opened_at;
            let age = self.env.now - i64::from(opened);
            let side = u8::from(seat.base < 0);
            let covered = seat.base != 0
                && line.sides >> side & 1 == 1
                && age >= i64::from(line.position_age_seconds_min)
                && !state.stale(self.env.now)
                && state.allows(Deed::Draw, self.env.now);
            if !covered {
                continue;
            }
            let margin = self.leg(account, market).maintenance;
            let mark = state.header.prices.mark;
            let notional = ceil(big(seat.base.abs()) * mark, big(1) << 32);
            let most = big(line.mandate_notional[at]);
            sum += if notional <= most {
                margin
            } else {
                floor(margin * most, notional)
            };
        }
        sum
    }

    /// A draw that anyone asks for, or that a liquidation makes.
    pub fn draw(&mut self, account: usize) -> Answer<()> {
        self.atomically(|world| {
            let Some(line) = world.line_of(account) else {
                return Ok(());
            };
            world.accrue_interest(line)?;
            let (legs, risk) = world.read_legs(account)?;
            let model = (world.account_risk(account), world.usable_credit(account));
            world.draw_now(account, &legs, &risk, &model).map(|_| ())
        })
    }

    /// `foretold` is risk and U as they are when the legs are read.
    pub fn draw_now(
        &mut self,
        account: usize,
        legs: &Legs,
        risk: &AccountRisk,
        foretold: &(Risk, BigInt),
    ) -> Answer<u64> {
        let (env, now) = (self.env, self.env.now);
        let line = self.line_of(account).unwrap();
        let (model, usable) = foretold;
        let cured = &model.with_credit + usable;
        let expected = if !lends(&self.lines[line].raw, now) {
            Err(EngineError::LineNotActive)
        } else if &model.with_credit * 100 >= &model.maintenance * 105 {
            Err(EngineError::DrawNotNeeded)
        } else if *usable == big(0) || cured < model.maintenance {
            Err(EngineError::DrawDoesNotCure)
        } else {
            Ok(())
        };
        let (mandated, reopened) = (legs.mandated_margin, legs.reopened_at);
        let first = self.cash[account].credit == big(0);
        let found = self.with_loan(line, |account, line, vault| {
            draw::draw(account, line, vault, risk, mandated, reopened, &env)
        });
        assert_eq!(found.err(), expected.err(), "a draw");
        let drawn = found?;
        assert_eq!(big(drawn.amount), *usable, "a draw");
        let raw = &self.lines[line].raw;
        if first {
            assert_eq!(drawn.call_deadline, now + i64::from(raw.call_seconds));
        }
        let kind = if raw.committed != 0 {
            "drawn, committed"
        } else {
            "drawn, discretionary"
        };
        let number = self.lines[line].vault;
        self.vaults[number].tokens -= drawn.amount;
        self.tokens += drawn.amount;
        self.cash[account].credit += drawn.amount;
        let state = &self.accounts[account];
        assert_eq!((state.flagged_at, state.takeover_started_at), (0, 0));
        self.count("state:", kind);
        Ok(drawn.amount)
    }

    /// What `amount` pays: interest, then principal, then lien.
    fn split(&self, account: usize, amount: &BigInt) -> [BigInt; 3] {
        let cash = &self.cash[account];
        let interest = amount.min(&cash.interest).clone();
        let left = amount - &interest;
        let principal = left.clone().min(cash.credit.clone());
        let lien = (left - &principal).min(cash.lien.clone());
        [interest, principal, lien]
    }

    fn check_repaid(&self, found: &repay::Repaid, expected: &[BigInt; 3]) {
        let found = [found.interest, found.principal, found.lien].map(big);
        assert_eq!(found, *expected, "a repayment");
    }

    /// Anyone's tokens.
    pub fn repay(&mut self, account: usize) -> Answer<()> {
        let Some(line) = self.line_of(account) else {
            return Ok(());
        };
        let cash = &self.cash[account];
        let owed = atoms(&(&cash.interest + &cash.credit + &cash.lien));
        let amount = match self.random.below(3) {
            0 => owed + 5,
            _ => self.random.between(0, owed / 2 + 2),
        };
        self.atomically(|world| world.repay_amount(account, line, amount))
    }

    fn repay_amount(&mut self, account: usize, line: usize, amount: u64) -> Answer<()> {
        let env = self.env;
        self.accrue_interest(line)?;
        let expected = self.split(account, &big(amount));
        let total: BigInt = expected.iter().sum();
        let found = self.with_loan(line, |account, line, vault| {
            let paid = repay::due(account, amount)?;
            repay::repay(account, line, vault, &paid, &env)?;
            Ok(paid)
        });
        let refused = if amount == 0 {
            Some(EngineError::ZeroAmount)
        } else if total == big(0) {
            Some(EngineError::NothingToRepay)
        } else {
            None
        };
        assert_eq!(found.err(), refused);
        self.check_repaid(&found?, &expected);
        let [interest, principal, lien] = expected;
        let number = self.lines[line].vault;
        self.vaults[number].tokens += total;
        let cash = &mut self.cash[account];
        cash.collateral += &principal;
        cash.credit -= principal;
        cash.interest -= interest;
        if lien != big(0) {
            self.count("state:", "lien repaid");
        }
        self.cash[account].lien -= lien;
        self.count("state:", "repaid with tokens");
        Ok(())
    }

    /// Out of the account's own cash, by its owner or by anyone.
    pub fn repay_from_cash(&mut self, account: usize, by_owner: bool, amount: u64) -> Answer<()> {
        let Some(line) = self.line_of(account) else {
            return Ok(());
        };
        self.atomically(|world| world.repay_from_cash_now(account, line, by_owner, amount))
    }

    fn repay_from_cash_now(
        &mut self,
        account: usize,
        line: usize,
        by_owner: bool,
        amount: u64,
    ) -> Answer<()> {
        let (env, now) = (self.env, self.env.now);
        self.accrue_interest(line)?;
        let (_, risk) = self.read_legs(account)?;
        let seats: Vec<_> = self.markets_of(account);
        let held = |market: &&usize| self.markets[**market].seats[&account].base != 0;
        let positions = seats.iter().any(|market| held(&market));
        let stale = seats
            .iter()
            .filter(held)
            .any(|market| self.markets[*market].stale(now));
        let idle = !positions && !self.orders_rest(account);
        let request = CashRepayment {
            amount,
            by_owner,
            idle,
            stale,
            halted: self.engine_halted(account),
            risk: &risk,
        };
        let model = self.account_risk(account);
        let cash = &self.cash[account];
        let owed = &cash.interest + &cash.credit;
        let aged = (&cash.collateral + &cash.credit - cash.unaged(now)).max(big(0));
        let most = big(amount).min(aged).min(owed.clone());
        let expected = self.split(account, &most);
        let total: BigInt = expected.iter().sum();
        let target = ceil(&model.maintenance * 115, 100);
        let allowed = (idle && model.loss == big(0))
            || model.equity >= target
            || (by_owner && &model.with_credit - &expected[1] >= target);
        let refused = if amount == 0 {
            Some(EngineError::ZeroAmount)
        } else if owed == big(0) {
            Some(EngineError::NothingToRepay)
        } else if self.holds_in_a_halt(account) {
            Some(EngineError::MarketHalted)
        } else if stale {
            Some(EngineError::IndexStale)
        } else if total == big(0) {
            Some(EngineError::InsufficientCash)
        } else if !allowed {
            Some(EngineError::RepaymentTooLarge)
        } else {
            None
        };
        let found = self.with_loan(line, |account, line, vault| {
            repay::repay_from_cash(account, line, vault, &request, &env)
        });
        assert_eq!(found.err(), refused);
        self.check_repaid(&found?, &expected);
        let [interest, principal, _] = expected;
        let number = self.lines[line].vault;
        self.vaults[number].tokens += &total;
        self.tokens -= total;
        let cash = &mut self.cash[account];
        cash.collateral -= &interest;
        cash.interest -= interest;
        cash.credit -= principal;
        cash.cut(now);
        self.count("state:", "repaid from cash");
        Ok(())
    }

    pub fn value_line(&mut self, line: usize) -> Answer<()> {
        self.atomically(|world| {
            let (now, account) = (world.env.now, world.lines[line].account);
            if world.line_of(account) != Some(line) {
                return Ok(());
            }
            world.accrue_interest(line)?;
            let (_, risk) = world.read_legs(account)?;
            let model = world.account_risk(account);
            let free = (&model.equity_initial - &model.initial).min(big(0));
            let expected = (&world.cash[account].credit + free).max(big(0));
            let found = world.with_loan(line, |_, line, vault| {
                line::revalue(line, vault, &risk, now)
            });
            assert_eq!(big(found?), expected, "the value of a line");
            Ok(())
        })
    }

    pub fn write_off(&mut self, account: usize) -> Answer<()> {
        self.atomically(|world| {
            let Some(line) = world.line_of(account) else {
                return Ok(());
            };
            let now = world.env.now;
            world.accrue_interest(line)?;
            world.read_legs(account)?;
            let empty = |market: &usize| {
                let seat = &world.markets[*market].seats[&account];
                seat.base == 0 && seat.claimed == big(0)
            };
            let flat = world.markets_of(account).iter().all(empty);
            let raw = world.lines[line].raw;
            let cash = &world.cash[account];
            let held = &cash.collateral + &cash.credit;
            let loss = &cash.credit + &cash.interest;
            let alone = cash.credit == big(0) && lends(&raw, now);
            let refused = if loss == big(0) || alone {
                Some(EngineError::NothingToRepay)
            } else if !flat || held != big(0) {
                Some(EngineError::AccountNotFlat)
            } else {
                None
            };
            let number = world.lines[line].vault;
            let (before, junior) = {
                let vault = &world.vaults[number].raw;
                (face(vault), big(vault.junior_shares))
            };
            let supply = big(world.vaults[number].raw.shares) + 1_000;
            let burned = ceil(&loss * &supply, &before + 1).min(junior);
            let found = world.with_loan(line, |account, line, vault| {
                repay::write_off(account, line, vault, flat, now)
            });
            assert_eq!(found.err(), refused);
            let written = found?;
            let cash = &mut world.cash[account];
            assert_eq!(big(written.principal), cash.credit);
            assert_eq!(big(written.interest), cash.interest);
            assert_eq!(big(written.junior_shares_burned), burned);
            cash.collateral += &cash.credit;
            cash.lien += loss;
            cash.credit = big(0);
            cash.interest = big(0);
            world.count("state:", "written off");
            Ok(())
        })
    }

    pub fn collect_lien(&mut self, account: usize) -> Answer<()> {
        self.atomically(|world| {
            let Some(line) = world.line_of(account) else {
                return Ok(());
            };
            let (env, now) = (world.env, world.env.now);
            let (_, total) = world.legs_with_mandate(account)?;
            let model = world.account_risk(account);
            let cash = &world.cash[account];
            let aged = &cash.collateral - cash.unaged(now);
            let free = &model.equity_initial - &model.initial;
            let expected = aged.min(free).max(big(0)).min(cash.lien.clone());
            let refused = if cash.lien == big(0) {
                Some(EngineError::NothingToRepay)
            } else if world.holds_in_a_halt(account) {
                Some(EngineError::MarketHalted)
            } else if expected == big(0) {
                Some(EngineError::InsufficientCash)
            } else {
                None
            };
            let halted = world.engine_halted(account);
            let found = world.with_loan(line, |account, _, vault| {
                repay::collect_lien(account, vault, &total, halted, &env)
            });
            assert_eq!(found.err(), refused);
            assert_eq!(big(found?), expected, "a lien");
            let number = world.lines[line].vault;
            world.vaults[number].tokens += &expected;
            world.tokens -= &expected;
            let cash = &mut world.cash[account];
            cash.collateral -= &expected;
            cash.lien -= expected;
            cash.cut(now);
            world.count("state:", "lien collected");
            Ok(())
        })
    }

    fn random_terms(&mut self) -> LineTerms {
        let random = &mut self.random;
        let limit = random.between(400_000, 2_300_000);
        let mut terms = LineTerms {
            limit,
            equity_floor: if random.one_in(6) { 50_000 } else { 0 },
            minute_cap: if random.one_in(3) {
                limit / 3 + 1
            } else {
                limit
            },
            drawn_rate_ppm: random.below(1_000_001) as u32,
            undrawn_rate_ppm: random.below(100_001) as u32,
            call_seconds: 3_600,
            recall_notice_seconds: 3_600,
            position_age_seconds_min: if random.one_in(4) { 60 } else { 0 },
            committed: !random.one_in(3),
            sides: if random.one_in(5) { 1 } else { 3 },
            markets_len: if random.one_in(5) { 1 } else { 3 },
            mandate_notional: [0; 8],
            mandate_markets: [[0; 32]; 8],
        };
        for market in 0..usize::from(terms.markets_len) {
            terms.mandate_markets[market] = self.markets[market].key;
            terms.mandate_notional[market] = self.random.between(2_000_000, 200_000_000);
        }
        terms
    }

    pub fn offer(&mut self, line: usize) -> Answer<()> {
        let terms = self.random_terms();
        let env = self.env;
        let account = self.lines[line].account;
        let parties = LineParties {
            bump: 1,
            vault: [0xB0 + self.lines[line].vault as u8; 32],
            margin_account: address_of(account),
            trader: self.accounts[account].owner,
        };
        let attached = self.line_of(account) == Some(line);
        self.with_loan(line, |_, line, _| {
            line::offer(line, &parties, &terms, attached, &env)
        })
    }

    pub fn accept(&mut self, line: usize) -> Answer<()> {
        let (env, terms) = (self.env, LineTerms::of(&self.lines[line].raw));
        let address = line_address(line);
        self.with_loan(line, |account, line, vault| {
            line::accept(account, line, vault, &address, &terms, &env)
        })
    }

    pub fn activate(&mut self, line: usize) -> Answer<()> {
        let env = self.env;
        self.with_loan(line, |_, line, vault| line::activate(line, vault, &env))?;
        if self.lines[line].raw.committed == 0 {
            let (amount, until) = (self.lines[line].raw.limit, env.now + 5_000);
            self.with_loan(line, |_, line, _| line::consent(line, amount, until, &env))?;
        }
        Ok(())
    }

    /// One step in the life of a line.
    pub fn live(&mut self, line: usize) -> Answer<()> {
        let (env, now) = (self.env, self.env.now);
        match self.random.below(9) {
            0 => self.offer(line),
            1 => self.accept(line),
            2 => self.activate(line),
            3 => {
                let amount = self.random.below(self.lines[line].raw.limit + 2);
                let until = now + self.random.below(3_000) as i64;
                self.with_loan(line, |_, line, _| line::consent(line, amount, until, &env))
            }
            4 => {
                let deadline = now + self.random.below(8_000) as i64;
                self.with_loan(line, |_, line, _| line::extend_call(line, deadline, &env))
            }
            5 if self.random.one_in(12) => {
                self.with_loan(line, |_, line, _| line::recall(line, &env))
            }
            6 if self.random.one_in(4) => {
                let by_underwriter = self.random.one_in(2);
                let address = line_address(line);
                self.atomically(|world| {
                    if world.line_of(world.lines[line].account) == Some(line) {
                        world.accrue_interest(line)?;
                    }
                    world.with_loan(line, |account, line, vault| {
                        line::close(account, line, vault, &address, by_underwriter, &env)
                    })
                })
            }
            7 => self.value_line(line),
            _ => {
                let attached = self.line_of(self.lines[line].account) == Some(line);
                if attached {
                    self.accrue_interest(line)
                } else {
                    Ok(())
                }
            }
        }
    }

    pub fn buy(&mut self, vault: usize, who: usize, junior: bool, amount: u64) -> Answer<()> {
        let (env, now) = (self.env, self.env.now);
        let state = &self.vaults[vault].raw;
        // Face, interest that runs, and liens that all shares paid for.
        let mut asking = face(state) + state.liens - state.liens_junior;
        for slot in state
            .slots
            .iter()
            .filter(|slot| slot.limit != 0 && slot.accrued_at != 0)
        {
            let undrawn = slot.limit - slot.drawn.min(slot.limit);
            let rate = big(slot.drawn) * slot.drawn_rate_ppm + big(undrawn) * slot.undrawn_rate_ppm;
            let seconds = (now - slot.accrued_at).max(0);
            asking += ceil(rate * seconds, big(1_000_000) * YEAR);
        }
        let shares = floor((big(state.shares) + 1_000) * amount, asking + 1);
        let before = self.bytes();
        let model = &mut self.vaults[vault];
        let stake = if junior {
            None
        } else {
            Some(&mut model.stakes[who])
        };
        let found = vault::buy(&mut model.raw, stake, amount, &env);
        if let Ok(bought) = found {
            assert_eq!(big(bought), shares, "shares");
            model.tokens += amount;
        } else {
            assert!(before == self.bytes(), "a purchase failed and wrote");
        }
        found.map(|_| ())
    }

    /// One step of a provider.
    pub fn provide(&mut self, vault: usize) -> Answer<()> {
        let env = self.env;
        let who = self.random.below(PROVIDERS as u64) as usize;
        let dice = self.random.below(8);
        if dice < 2 {
            let amount = self.random.between(1, 2_000_000);
            return self.buy(vault, who, who == 0 && dice == 0, amount);
        }
        let before = self.bytes();
        let part = self.random.between(1, 4);
        let by_provider = self.random.one_in(2);
        let head = self.vaults[vault].raw.head_ticket;
        let model = &mut self.vaults[vault];
        let (raw, stakes) = (&mut model.raw, &mut model.stakes);
        let mut note = None;
        let done = match dice {
            2 => {
                let shares = raw.junior_shares / (part * 4);
                vault::release_junior(raw, &mut stakes[0], shares, &env)
            }
            3 | 4 => {
                let shares = stakes[who].shares / part;
                vault::request_redemption(raw, &mut stakes[who], shares, &env).map(|_| ())
            }
            5 if part == 1 => vault::cancel_redemption(raw, &mut stakes[who]).map(|_| ()),
            _ => {
                let first = stakes.iter().position(|stake| stake.ticket == head);
                let stake = &mut stakes[first.unwrap_or(who)];
                let (value, cash) = (stake.queued_value, raw.cash);
                let paid = vault::pay_redemption(raw, stake, by_provider, &env);
                paid.map(|paid| {
                    assert!(paid.amount <= value, "more than at the request");
                    assert_eq!(raw.cash, cash - paid.amount);
                    model.tokens -= paid.amount;
                    if paid.amount != 0 {
                        note = Some(if paid.shares_left == 0 {
                            "redemption paid"
                        } else {
                            "redemption paid in part"
                        });
                    }
                })
            }
        };
        if done.is_err() {
            assert!(before == self.bytes(), "a provider failed and wrote");
        }
        if let Some(note) = note {
            self.count("state:", note);
        }
        done
    }

    /// Close enough to maintenance margin for a draw.
    pub fn starves(&self, account: usize) -> bool {
        let risk = self.account_risk(account);
        let short = risk.with_credit * 100 < &risk.maintenance * 105;
        short
            && risk.maintenance > big(0)
            && self.line_of(account).is_some()
            && !self.too_far(account, None)
    }

    /// One step of a borrower or of those who look after its loan.
    pub fn lend(&mut self, account: usize) -> Answer<()> {
        match self.random.below(8) {
            0..=2 => self.draw(account),
            3 if self.random.one_in(3) => self.repay(account),
            4 if self.random.one_in(3) => {
                let by_owner = self.random.one_in(2);
                let amount = self.random.between(0, 400_000);
                self.repay_from_cash(account, by_owner, amount)
            }
            3..=5 => self.write_off(account),
            _ => self.collect_lien(account),
        }
    }

    /// INV-6, and the cash accounts' part of INV-1.
    pub fn check_credit(&self) {
        for (number, vault) in self.vaults.iter().enumerate() {
            let raw = &vault.raw;
            assert_eq!(big(raw.cash), vault.tokens, "INV-1: a vault's cash account");
            assert!(raw.reserved_cash <= raw.cash, "INV-6: reserved");
            let lines: Vec<(usize, &LineModel)> = self
                .lines
                .iter()
                .enumerate()
                .filter(|(_, line)| line.vault == number)
                .collect();
            let (mut reserved, mut drawn, mut limits) = (0, 0, 0);
            let (mut interest, mut liens) = (0, 0);
            for (index, line) in lines {
                let account = &self.accounts[line.account];
                let (active, accepted) = (LineState::Active.byte(), LineState::Accepted.byte());
                let open = line.raw.state == active || line.raw.state == accepted;
                if open {
                    assert_eq!(self.line_of(line.account), Some(index));
                    let slot = &raw.slots[usize::from(line.raw.slot)];
                    assert_eq!((slot.limit, slot.drawn), (line.raw.limit, line.raw.drawn));
                    limits += line.raw.limit;
                } else {
                    assert_eq!((line.raw.drawn, line.raw.reserved_cash), (0, 0));
                }
                if self.line_of(line.account) == Some(index) {
                    assert_eq!(line.raw.drawn, account.credit_principal);
                    interest += account.credit_interest;
                    liens += account.lien;
                }
                assert!(line.raw.drawn <= line.raw.limit, "INV-6: D above the limit");
                if line.raw.committed != 0 && lends(&line.raw, self.env.now) {
                    let behind = line.raw.reserved_cash + line.raw.drawn;
                    assert!(
                        behind >= line.raw.limit,
                        "INV-6: a committed line lacks cash"
                    );
                }
                reserved += line.raw.reserved_cash;
                drawn += line.raw.drawn;
            }
            assert_eq!(
                (raw.reserved_cash, raw.drawn, raw.limits),
                (reserved, drawn, limits)
            );
            assert_eq!((raw.interest_receivable, raw.liens), (interest, liens));
            let owned: u64 = vault.stakes.iter().map(|stake| stake.shares).sum();
            assert_eq!(raw.shares, raw.junior_shares + owned);
            let queued: u64 = vault.stakes.iter().map(|stake| stake.queued_shares).sum();
            assert_eq!(raw.queued_shares, queued);
        }
        for (account, state) in self.accounts.iter().enumerate() {
            if self.line_of(account).is_none() {
                let owed = state.credit_principal | state.credit_interest | state.lien;
                assert_eq!(owed, 0, "owed to nobody");
            }
        }
    }

    /// A flat account pays back what it can, and the rest is written off.
    pub fn end_loan(&mut self, account: usize) {
        if self.line_of(account).is_none() {
            return;
        }
        for _ in 0..3 {
            let _ = self.repay_from_cash(account, false, u64::MAX >> 2);
            let _ = self.write_off(account);
            let _ = self.collect_lien(account);
        }
        let cash = &self.cash[account];
        let left = &cash.collateral + &cash.credit;
        let owed = &cash.credit + &cash.interest + &cash.lien;
        // A lender is paid after the markets that the account owes.
        assert!(
            owed == big(0) || left == big(0) || self.owes_a_market(account),
            "INV-12: {left} stay while {owed} is owed: {}",
            self.who_is_in(self.accounts.len())
        );
    }
}
