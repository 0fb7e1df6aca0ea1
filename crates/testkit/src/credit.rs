//! Calls of credit. A vault is named by its underwriter and has the id 1; a line by its trader.

use plimsoll_client::accounts;
use plimsoll_client::engine::credit::line::LineTerms;
use plimsoll_client::instructions::{CreditKeys, LoanAccounts, VaultAccounts};
use plimsoll_engine::state::{CreditLine, CreditVault, VaultStake};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use crate::actor::Actor;
use crate::send::Outcome;
use crate::world::World;

/// Id of the vaults that these calls open.
const VAULT_ID: u16 = 1;

/// Redemption notice of a vault, seconds.
pub const REDEMPTION_NOTICE: u32 = 3_600;

impl World {
    /// An underwriter's vault, to build instructions with.
    pub fn vault_accounts(&self, underwriter: impl Into<Actor>) -> VaultAccounts<'_> {
        VaultAccounts {
            addresses: &self.addresses,
            underwriter: underwriter.into().key(),
            id: VAULT_ID,
        }
    }

    /// Address of an underwriter's vault.
    pub fn vault_address(&self, underwriter: impl Into<Actor>) -> Pubkey {
        self.vault_accounts(underwriter).vault()
    }

    /// An underwriter's vault.
    pub fn vault(&self, underwriter: impl Into<Actor>) -> CreditVault {
        accounts::credit_vault(&self.data(&self.vault_address(underwriter))).unwrap()
    }

    /// A provider's stake in an underwriter's vault.
    pub fn stake(&self, underwriter: impl Into<Actor>, provider: impl Into<Actor>) -> VaultStake {
        let address = self
            .vault_accounts(underwriter)
            .stake(&provider.into().key());
        accounts::vault_stake(&self.data(&address)).unwrap()
    }

    /// Line, vault and cash account between an underwriter and a trader, attached or not.
    pub fn line_keys(&self, underwriter: impl Into<Actor>, trader: impl Into<Actor>) -> CreditKeys {
        let margin = self.margin_address(trader);
        self.vault_accounts(underwriter).keys(&margin)
    }

    /// The line between an underwriter and a trader.
    pub fn line(&self, underwriter: impl Into<Actor>, trader: impl Into<Actor>) -> CreditLine {
        let keys = self.line_keys(underwriter, trader);
        accounts::credit_line(&self.data(&keys.line)).unwrap()
    }

    /// Terms of a committed line for longs and shorts of the named markets, without interest: to be changed.
    pub fn terms(&self, limit: u64, symbols: &[&str]) -> LineTerms {
        let mut terms = LineTerms {
            limit,
            equity_floor: 0,
            minute_cap: limit,
            drawn_rate_ppm: 0,
            undrawn_rate_ppm: 0,
            call_seconds: 43_200,
            recall_notice_seconds: 3_600,
            position_age_seconds_min: 0,
            committed: true,
            sides: 3,
            markets_len: u8::try_from(symbols.len()).unwrap(),
            mandate_notional: [0; 8],
            mandate_markets: [[0; 32]; 8],
        };
        for (at, symbol) in symbols.iter().enumerate() {
            terms.mandate_markets[at] = self.market_address(symbol).to_bytes();
            terms.mandate_notional[at] = u64::MAX;
        }
        terms
    }

    /// `open_vault`.
    pub fn open_vault(&mut self, underwriter: impl Into<Actor>) -> Outcome {
        let underwriter = underwriter.into();
        let instruction = self.vault_accounts(underwriter).open(REDEMPTION_NOTICE);
        self.send(&[instruction], &[underwriter])
    }

    pub fn buy_shares_ix(
        &self,
        underwriter: impl Into<Actor>,
        provider: impl Into<Actor>,
        amount: u64,
        junior: bool,
    ) -> Instruction {
        let provider = provider.into();
        let (key, source) = (provider.key(), provider.token_account());
        let vault = self.vault_accounts(underwriter);
        vault.buy_shares(key, source, amount, junior)
    }

    /// `buy_shares` from the provider's wallet.
    pub fn buy_shares(
        &mut self,
        underwriter: impl Into<Actor>,
        provider: impl Into<Actor>,
        amount: u64,
    ) -> Outcome {
        let provider = provider.into();
        let instruction = self.buy_shares_ix(underwriter, provider, amount, false);
        self.send(&[instruction], &[provider])
    }

    /// `buy_shares` of the junior kind.
    pub fn buy_junior(&mut self, underwriter: impl Into<Actor>, amount: u64) -> Outcome {
        let underwriter = underwriter.into();
        let instruction = self.buy_shares_ix(underwriter, underwriter, amount, true);
        self.send(&[instruction], &[underwriter])
    }

    /// `release_junior`.
    pub fn release_junior(&mut self, underwriter: impl Into<Actor>, shares: u64) -> Outcome {
        let underwriter = underwriter.into();
        let instruction = self.vault_accounts(underwriter).release_junior(shares);
        self.send(&[instruction], &[underwriter])
    }

    /// `request_redemption`.
    pub fn request_redemption(
        &mut self,
        underwriter: impl Into<Actor>,
        provider: impl Into<Actor>,
        shares: u64,
    ) -> Outcome {
        let provider = provider.into();
        let vault = self.vault_accounts(underwriter);
        let instruction = vault.request_redemption(provider.key(), shares);
        self.send(&[instruction], &[provider])
    }

    pub fn pay_redemption_ix(
        &self,
        underwriter: impl Into<Actor>,
        provider: impl Into<Actor>,
    ) -> Instruction {
        let provider = provider.into();
        let vault = self.vault_accounts(underwriter);
        vault.pay_redemption(&provider.key(), provider.token_account())
    }

    /// `pay_redemption` to the provider's wallet, which anyone may send.
    pub fn pay_redemption(
        &mut self,
        underwriter: impl Into<Actor>,
        provider: impl Into<Actor>,
    ) -> Outcome {
        let instruction = self.pay_redemption_ix(underwriter, provider);
        self.send(&[instruction], &["keeper".into()])
    }

    /// The same, signed by the provider: also for less than the request's value.
    pub fn take_redemption(
        &mut self,
        underwriter: impl Into<Actor>,
        provider: impl Into<Actor>,
    ) -> Outcome {
        let provider = provider.into();
        let mut instruction = self.pay_redemption_ix(underwriter, provider);
        instruction.accounts[0].is_signer = true;
        self.send(&[instruction], &[provider])
    }

    /// `cancel_redemption`.
    pub fn cancel_redemption(
        &mut self,
        underwriter: impl Into<Actor>,
        provider: impl Into<Actor>,
    ) -> Outcome {
        let provider = provider.into();
        let vault = self.vault_accounts(underwriter);
        let instruction = vault.cancel_redemption(provider.key());
        self.send(&[instruction], &[provider])
    }

    /// `offer_line`.
    pub fn offer_line(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        terms: LineTerms,
    ) -> Outcome {
        let underwriter = underwriter.into();
        let margin = self.margin_address(trader);
        let instruction = self.vault_accounts(underwriter).offer_line(margin, terms);
        self.send(&[instruction], &[underwriter])
    }

    /// Builds an instruction about the loan of a trader from an underwriter.
    pub fn loan_ix(
        &self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        build: impl FnOnce(&LoanAccounts<'_>) -> Instruction,
    ) -> Instruction {
        let trader = trader.into();
        build(&LoanAccounts {
            addresses: &self.addresses,
            margin_account: self.margin_address(trader),
            account: &self.account(trader),
            keys: self.line_keys(underwriter, trader),
        })
    }

    /// The same, sent by anyone.
    fn loan(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        build: impl FnOnce(&LoanAccounts<'_>) -> Instruction,
    ) -> Outcome {
        let instruction = self.loan_ix(underwriter, trader, build);
        self.send(&[instruction], &["keeper".into()])
    }

    /// `accept_line`.
    pub fn accept_line(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        terms: LineTerms,
    ) -> Outcome {
        let trader = trader.into();
        let instruction = self.loan_ix(underwriter, trader, |loan| loan.accept_line(terms));
        self.send(&[instruction], &[trader])
    }

    /// `activate_line`.
    pub fn activate_line(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
    ) -> Outcome {
        self.loan(underwriter, trader, |loan| loan.activate_line())
    }

    /// A vault with `junior` and `ordinary` quote atoms of the underwriter's and of "provider"'s, and an
    /// active line of the trader's.
    pub fn lend(
        &mut self,
        underwriter: &str,
        trader: &str,
        (junior, ordinary): (u64, u64),
        terms: LineTerms,
    ) {
        self.open_vault(underwriter).unwrap();
        self.buy_junior(underwriter, junior).unwrap();
        self.buy_shares(underwriter, "provider", ordinary).unwrap();
        self.offer_line(underwriter, trader, terms).unwrap();
        self.accept_line(underwriter, trader, terms).unwrap();
        self.advance_fresh(i64::from(REDEMPTION_NOTICE));
        self.activate_line(underwriter, trader).unwrap();
    }

    /// `give_consent`.
    pub fn give_consent(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        amount: u64,
        expires_at: i64,
    ) -> Outcome {
        let (underwriter, margin) = (underwriter.into(), self.margin_address(trader));
        let vault = self.vault_accounts(underwriter);
        let instruction = vault.give_consent(&margin, amount, expires_at);
        self.send(&[instruction], &[underwriter])
    }

    /// `extend_call`.
    pub fn extend_call(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        call_deadline: i64,
    ) -> Outcome {
        let (underwriter, margin) = (underwriter.into(), self.margin_address(trader));
        let vault = self.vault_accounts(underwriter);
        let instruction = vault.extend_call(&margin, call_deadline);
        self.send(&[instruction], &[underwriter])
    }

    /// `recall_line`.
    pub fn recall_line(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
    ) -> Outcome {
        let (underwriter, margin) = (underwriter.into(), self.margin_address(trader));
        let instruction = self.vault_accounts(underwriter).recall_line(&margin);
        self.send(&[instruction], &[underwriter])
    }

    /// `draw` into shard 0, which anyone may send.
    pub fn draw(&mut self, underwriter: impl Into<Actor>, trader: impl Into<Actor>) -> Outcome {
        self.loan(underwriter, trader, |loan| loan.draw(0))
    }

    /// `value_line`, which anyone may send.
    pub fn value_line(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
    ) -> Outcome {
        self.loan(underwriter, trader, |loan| loan.value_line())
    }

    /// `accrue_interest`, which anyone may send.
    pub fn accrue_interest(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
    ) -> Outcome {
        self.loan(underwriter, trader, |loan| loan.accrue_interest())
    }

    /// `write_off`, which anyone may send.
    pub fn write_off(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
    ) -> Outcome {
        self.loan(underwriter, trader, |loan| loan.write_off())
    }

    /// `repay` from the payer's wallet.
    pub fn repay(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        payer: impl Into<Actor>,
        amount: u64,
    ) -> Outcome {
        let payer = payer.into();
        self.fund_wallet(payer);
        let (key, source) = (payer.key(), payer.token_account());
        let instruction = self.loan_ix(underwriter, trader, |loan| loan.repay(key, source, amount));
        self.send(&[instruction], &[payer])
    }

    /// `repay_from_cash` out of shard 0, signed by `signer`.
    pub fn repay_from_cash(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        signer: impl Into<Actor>,
        amount: u64,
    ) -> Outcome {
        let signer = signer.into();
        let instruction = self.loan_ix(underwriter, trader, |loan| {
            loan.repay_from_cash(signer.key(), 0, amount)
        });
        self.send(&[instruction], &[signer])
    }

    /// `collect_lien` out of shard 0, which anyone may send.
    pub fn collect_lien(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
    ) -> Outcome {
        self.loan(underwriter, trader, |loan| loan.collect_lien(0))
    }

    /// `close_line` by `signer`.
    pub fn close_line(
        &mut self,
        underwriter: impl Into<Actor>,
        trader: impl Into<Actor>,
        signer: impl Into<Actor>,
    ) -> Outcome {
        let signer = signer.into();
        let instruction = self.loan_ix(underwriter, trader, |loan| loan.close_line(signer.key()));
        self.send(&[instruction], &[signer])
    }

    /// A vault's books: its cash account holds its cash (donations apart), and every sum is the sum of its
    /// parts over lines, accounts and stakes (INV-6).
    #[track_caller]
    pub fn assert_vault_exact(&self, underwriter: impl Into<Actor>) {
        let address = self.vault_address(underwriter);
        let vault = accounts::credit_vault(&self.data(&address)).unwrap();
        let held = self.tokens(&Pubkey::from(vault.cash_account));
        assert!(
            held >= vault.cash,
            "cash account {held}, cash {}",
            vault.cash
        );
        assert!(vault.reserved_cash <= vault.cash, "reserved (INV-6)");
        let mut sums = [0; 5];
        for (at, held) in self.svm.get_program_accounts(&self.addresses.program) {
            if let Ok(stake) = accounts::vault_stake(&held.data) {
                if stake.vault == address.to_bytes() {
                    sums[0] += stake.shares;
                    sums[1] += stake.queued_shares;
                }
            }
            let Ok(line) = accounts::credit_line(&held.data) else {
                continue;
            };
            if line.vault != address.to_bytes() {
                continue;
            }
            sums[2] += line.reserved_cash;
            let account =
                accounts::margin_account(&self.data(&line.margin_account.into())).unwrap();
            assert!(line.drawn <= line.limit, "D over the limit (INV-6)");
            if account.credit_line == at.to_bytes() {
                assert_eq!(line.drawn, account.credit_principal, "D");
                sums[3] += account.credit_interest;
                sums[4] += account.lien;
            }
        }
        let drawn: u64 = vault.slots.iter().map(|slot| slot.drawn).sum();
        let limits: u64 = vault.slots.iter().map(|slot| slot.limit).sum();
        assert_eq!((vault.drawn, vault.limits), (drawn, limits), "slots");
        let parts = [
            vault.shares - vault.junior_shares,
            vault.queued_shares,
            vault.reserved_cash,
            vault.interest_receivable,
            vault.liens,
        ];
        assert_eq!(parts, sums, "shares, queued, reserved, interest, liens");
    }
}
