//! Credit by hand: a vault, a line, an account whose risk the test chooses. Random: `tests/random.rs`.
#![allow(clippy::unwrap_used)]

use bytemuck::Zeroable;

use super::draw::{draw, lift, usable, DrawInput, Drawn};
use super::line::{self, LineParties, LineTerms};
use super::vault::{self, VaultIdentity};
use crate::risk::AccountRisk;
use crate::state::{CreditLine, CreditVault, MarginAccount, Pubkey, VaultStake};
use crate::{EngineError, Env, Result};

mod draws;
mod lines;
mod random;
mod repayments;
mod shares;

const NOW: i64 = 1_790_000_000;
const NOTICE: i64 = 3_600;
const LINE: Pubkey = [5; 32];
const MARKET: Pubkey = [6; 32];
const OTHER_MARKET: Pubkey = [7; 32];

fn env(now: i64) -> Env {
    Env { now, slot: 9 }
}

fn empty_vault() -> CreditVault {
    let mut vault = CreditVault::zeroed();
    let identity = VaultIdentity {
        exchange: [1; 32],
        underwriter: [2; 32],
        cash_account: [3; 32],
        id: 4,
        bump: 250,
        cash_bump: 251,
        redemption_notice_seconds: 3_600,
    };
    vault::open(&mut vault, &identity, &env(NOW)).unwrap();
    vault
}

fn stake() -> VaultStake {
    VaultStake::zeroed()
}

/// 200,000 junior and 800,000 of a provider's.
fn funded_vault() -> (CreditVault, VaultStake) {
    let (mut vault, mut provider) = (empty_vault(), stake());
    vault::buy(&mut vault, None, 200_000, &env(NOW)).unwrap();
    vault::buy(&mut vault, Some(&mut provider), 800_000, &env(NOW)).unwrap();
    (vault, provider)
}

fn terms() -> LineTerms {
    let mut terms = LineTerms {
        limit: 150_000,
        equity_floor: 0,
        minute_cap: 150_000,
        drawn_rate_ppm: 0,
        undrawn_rate_ppm: 0,
        call_seconds: 43_200,
        recall_notice_seconds: 3_600,
        position_age_seconds_min: 300,
        committed: true,
        sides: 3,
        markets_len: 1,
        mandate_notional: [0; 8],
        mandate_markets: [[0; 32]; 8],
    };
    terms.mandate_markets[0] = MARKET;
    terms.mandate_notional[0] = 4_000_000;
    terms
}

fn parties() -> LineParties {
    LineParties {
        bump: 252,
        vault: [3; 32],
        margin_account: [8; 32],
        trader: [9; 32],
    }
}

/// A vault, a provider's stake, an account, and its line.
#[derive(Clone, Copy)]
struct Bench {
    vault: CreditVault,
    provider: VaultStake,
    account: MarginAccount,
    line: CreditLine,
    now: i64,
}

impl Bench {
    fn offered(terms: &LineTerms) -> Self {
        let (vault, provider) = funded_vault();
        let mut line = CreditLine::zeroed();
        line::offer(&mut line, &parties(), terms, false, &env(NOW)).unwrap();
        Self {
            vault,
            provider,
            account: MarginAccount::zeroed(),
            line,
            now: NOW,
        }
    }

    fn accepted(terms: &LineTerms) -> Self {
        let mut bench = Self::offered(terms);
        bench.accept(terms).unwrap();
        bench
    }

    fn active(terms: &LineTerms) -> Self {
        let mut bench = Self::accepted(terms);
        bench.now += NOTICE;
        line::activate(&mut bench.line, &mut bench.vault, &env(bench.now)).unwrap();
        bench
    }

    fn env(&self) -> Env {
        env(self.now)
    }

    fn accept(&mut self, terms: &LineTerms) -> Result<()> {
        line::accept(
            &mut self.account,
            &mut self.line,
            &mut self.vault,
            &LINE,
            terms,
            &env(self.now),
        )
    }

    /// Own equity `equity` of the account with M maintenance margin and twice that initial margin.
    fn risk(&self, equity: i64, maintenance_margin: u64) -> AccountRisk {
        AccountRisk {
            equity,
            equity_initial: equity,
            credit: self.account.credit_principal,
            initial_margin: 2 * maintenance_margin,
            maintenance_margin,
            loss: 0,
            interest: 0,
            favour: 0,
        }
    }

    fn usable(&self, equity: i64, maintenance_margin: u64, mandated_margin: u64) -> u64 {
        let risk = self.risk(equity, maintenance_margin);
        let input = DrawInput {
            account: &self.account,
            risk: &risk,
            mandated_margin,
            reopened_at: 0,
            env: &self.env(),
        };
        usable(&self.line, &self.vault, &input).unwrap()
    }

    /// The same as seen before the interest that has run is booked.
    fn lift(&self, equity: i64, maintenance_margin: u64) -> u64 {
        let risk = self.risk(equity, maintenance_margin);
        let input = DrawInput {
            account: &self.account,
            risk: &risk,
            mandated_margin: maintenance_margin,
            reopened_at: 0,
            env: &self.env(),
        };
        lift(&self.line, &self.vault, &input).unwrap()
    }

    fn draw(&mut self, equity: i64, maintenance_margin: u64) -> Result<Drawn> {
        let risk = self.risk(equity, maintenance_margin);
        draw(
            &mut self.account,
            &mut self.line,
            &mut self.vault,
            &risk,
            maintenance_margin,
            0,
            &env(self.now),
        )
    }

    fn accrue(&mut self) -> u64 {
        line::accrue(&mut self.account, &mut self.line, &mut self.vault, self.now).unwrap()
    }

    /// What must hold of a vault with this one line at any time.
    fn assert_sound(&self) {
        let (vault, line) = (&self.vault, &self.line);
        assert!(vault.reserved_cash <= vault.cash, "INV-6");
        assert_eq!(vault.reserved_cash, line.reserved_cash);
        assert_eq!(vault.drawn, line.drawn);
        assert_eq!(line.drawn, self.account.credit_principal);
        assert!(line.drawn <= line.limit, "INV-6");
        assert_eq!(vault.interest_receivable, self.account.credit_interest);
        assert_eq!(vault.liens, self.account.lien);
        assert!(vault.liens_junior <= vault.liens);
        assert_eq!(vault.shares, vault.junior_shares + self.provider.shares);
        assert_eq!(vault.queued_shares, self.provider.queued_shares);
        assert!(self.provider.queued_shares <= self.provider.shares);
    }
}
