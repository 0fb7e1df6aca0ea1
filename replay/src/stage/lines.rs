//! Credit before the day: vaults, and a line for everybody whose cohort has one.

use anyhow::{Context, Result};
use plimsoll_client::engine::state::MARGIN_ENTRIES_MAX;
use plimsoll_client::instructions::{LoanAccounts, VaultAccounts};
use plimsoll_client::{accounts, LineTerms};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::{Stage, Vault};
use crate::chain::{address_of, tokens_of};
use crate::population::Trader;
use crate::scenario::{part, Scenario};

/// Notice of redemptions: an accepted line waits as long.
const NOTICE_SECONDS: u32 = 3_600;
/// Lines of one vault at most.
const LINES_PER_VAULT: usize = 32;
/// A wallet that never runs dry.
const PURSE: u64 = 1_000_000_000_000_000;

impl Stage {
    /// Those whose cohort has a line, with their places in the population.
    fn borrowers(&self) -> Vec<(usize, Trader)> {
        let traders = self.population.traders.iter().cloned().enumerate();
        traders.filter(|(_, trader)| trader.line != 0).collect()
    }

    /// Vaults of up to 32 lines each, underwriter by underwriter, and a line for everybody who is to have one.
    pub(super) fn offer_lines(&mut self, scenario: &Scenario) -> Result<()> {
        let provider = address_of("provider", 0);
        self.chain.open_wallet(provider, PURSE)?;
        for number in 0..scenario.credit.underwriters {
            self.chain
                .open_wallet(address_of("underwriter", number), PURSE)?;
        }
        let borrowers = self.borrowers();
        for (number, lines) in (0_u32..).zip(borrowers.chunks(LINES_PER_VAULT)) {
            let underwriter = address_of("underwriter", number % scenario.credit.underwriters);
            let id = u16::try_from(number / scenario.credit.underwriters)?;
            let vault = self.open_vault(scenario, underwriter, id, lines, provider)?;
            self.vaults.push(vault);
            for (place, trader) in lines {
                let terms = self.terms(scenario, trader.line);
                let (offer, accept) = self.line_instructions(&vault, *place, terms)?;
                self.chain
                    .send(&underwriter, &[offer])
                    .context("offer_line")?;
                self.chain
                    .send(&trader.owner, &[accept])
                    .context("accept_line")?;
            }
        }
        Ok(())
    }

    fn open_vault(
        &mut self,
        scenario: &Scenario,
        underwriter: Pubkey,
        id: u16,
        lines: &[(usize, Trader)],
        provider: Pubkey,
    ) -> Result<Vault> {
        let limits: u64 = lines.iter().map(|(_, trader)| trader.line).sum();
        let largest = lines.iter().map(|(_, trader)| trader.line).max();
        let junior = part(limits, scenario.credit.junior_ppm);
        // One line is a fifth of its vault at most.
        let least = largest
            .unwrap_or(0)
            .saturating_mul(6)
            .saturating_sub(junior);
        let ordinary = part(limits, scenario.credit.ordinary_ppm).max(least);
        let accounts = VaultAccounts {
            addresses: &self.chain.addresses.clone(),
            underwriter,
            id,
        };
        let open = [
            accounts.open(NOTICE_SECONDS),
            accounts.buy_shares(underwriter, tokens_of(&underwriter), junior, true),
        ];
        self.chain.send(&underwriter, &open).context("open_vault")?;
        let buy = accounts.buy_shares(provider, tokens_of(&provider), ordinary, false);
        self.chain.send(&provider, &[buy]).context("buy_shares")?;
        Ok(Vault {
            underwriter,
            id,
            address: accounts.vault(),
        })
    }

    fn terms(&self, scenario: &Scenario, limit: u64) -> LineTerms {
        let mut terms = LineTerms {
            limit,
            equity_floor: 0,
            minute_cap: limit,
            drawn_rate_ppm: scenario.credit.drawn_rate_ppm,
            undrawn_rate_ppm: scenario.credit.undrawn_rate_ppm,
            call_seconds: scenario.credit.call_seconds,
            recall_notice_seconds: 86_400,
            position_age_seconds_min: 0,
            committed: true,
            sides: 3,
            markets_len: 1,
            mandate_notional: [0; MARGIN_ENTRIES_MAX],
            mandate_markets: [[0; 32]; MARGIN_ENTRIES_MAX],
        };
        terms.mandate_markets[0] = self.venue.market.to_bytes();
        terms.mandate_notional[0] = u64::MAX;
        terms
    }

    fn line_instructions(
        &self,
        vault: &Vault,
        place: usize,
        terms: LineTerms,
    ) -> Result<(Instruction, Instruction)> {
        let member = self.members.get(place).context("no such member")?;
        let account = accounts::margin_account(self.chain.data(&member.margin))?;
        let accounts = VaultAccounts {
            addresses: &self.chain.addresses,
            underwriter: vault.underwriter,
            id: vault.id,
        };
        let loan = LoanAccounts {
            addresses: &self.chain.addresses,
            margin_account: member.margin,
            account: &account,
            keys: accounts.keys(&member.margin),
        };
        Ok((
            accounts.offer_line(member.margin, terms),
            loan.accept_line(terms),
        ))
    }

    pub(super) fn activate_lines(&mut self) -> Result<()> {
        let borrowers = self.borrowers();
        for (lines, vault) in borrowers.chunks(LINES_PER_VAULT).zip(self.vaults.clone()) {
            for (place, _) in lines {
                let member = self.members.get(*place).context("no such member")?;
                let account = accounts::margin_account(self.chain.data(&member.margin))?;
                let accounts = VaultAccounts {
                    addresses: &self.chain.addresses,
                    underwriter: vault.underwriter,
                    id: vault.id,
                };
                let activate = LoanAccounts {
                    addresses: &self.chain.addresses,
                    margin_account: member.margin,
                    account: &account,
                    keys: accounts.keys(&member.margin),
                }
                .activate_line();
                self.chain
                    .send(&self.keeper, &[activate])
                    .context("activate_line")?;
            }
        }
        Ok(())
    }
}
