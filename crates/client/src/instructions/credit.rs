//! Credit: vaults and their shares, lines, draws, repayments.

use plimsoll::{accounts, instruction, LineTerms};
use plimsoll_engine::state::MarginAccount;
use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_system_interface::program::ID as SYSTEM_PROGRAM;

use super::{build, other_markets, CreditKeys};
use crate::addresses::{self, ExchangeAddresses};

/// An underwriter's vault.
#[derive(Clone, Copy, Debug)]
pub struct VaultAccounts<'a> {
    pub addresses: &'a ExchangeAddresses,
    pub underwriter: Pubkey,
    pub id: u16,
}

impl VaultAccounts<'_> {
    /// Address of the vault.
    pub fn vault(&self) -> Pubkey {
        addresses::vault(&self.addresses.program, &self.underwriter, self.id)
    }

    fn cash(&self) -> Pubkey {
        addresses::vault_cash(&self.addresses.program, &self.vault())
    }

    /// Address of a provider's stake.
    pub fn stake(&self, provider: &Pubkey) -> Pubkey {
        addresses::vault_stake(&self.addresses.program, &self.vault(), provider)
    }

    /// Address of the line of a margin account.
    pub fn line(&self, margin_account: &Pubkey) -> Pubkey {
        addresses::credit_line(&self.addresses.program, &self.vault(), margin_account)
    }

    /// What the other builders need of the line of a margin account.
    pub fn keys(&self, margin_account: &Pubkey) -> CreditKeys {
        CreditKeys {
            line: self.line(margin_account),
            vault: self.vault(),
            vault_cash: self.cash(),
        }
    }

    /// `open_vault`.
    pub fn open(&self, redemption_notice_seconds: u32) -> Instruction {
        let accounts = accounts::OpenVault {
            underwriter: self.underwriter,
            exchange: self.addresses.exchange,
            collateral_mint: self.addresses.collateral_mint,
            vault: self.vault(),
            vault_cash: self.cash(),
            token_program: self.addresses.token_program,
            system_program: SYSTEM_PROGRAM,
        };
        let data = instruction::OpenVault {
            id: self.id,
            redemption_notice_seconds,
        };
        build(&self.addresses.program, &accounts, &data)
    }

    /// `buy_shares` with tokens of `source`; `junior` by the underwriter alone.
    pub fn buy_shares(
        &self,
        provider: Pubkey,
        source: Pubkey,
        amount: u64,
        junior: bool,
    ) -> Instruction {
        let accounts = accounts::BuyShares {
            provider,
            exchange: self.addresses.exchange,
            vault: self.vault(),
            stake: self.stake(&provider),
            vault_cash: self.cash(),
            source,
            token_program: self.addresses.token_program,
            system_program: SYSTEM_PROGRAM,
        };
        let data = instruction::BuyShares { amount, junior };
        build(&self.addresses.program, &accounts, &data)
    }

    fn change_stake(&self, provider: Pubkey) -> accounts::ChangeStake {
        accounts::ChangeStake {
            provider,
            vault: self.vault(),
            stake: self.stake(&provider),
        }
    }

    /// `release_junior` into the underwriter's own stake.
    pub fn release_junior(&self, shares: u64) -> Instruction {
        build(
            &self.addresses.program,
            &self.change_stake(self.underwriter),
            &instruction::ReleaseJunior { shares },
        )
    }

    /// `request_redemption`.
    pub fn request_redemption(&self, provider: Pubkey, shares: u64) -> Instruction {
        build(
            &self.addresses.program,
            &self.change_stake(provider),
            &instruction::RequestRedemption { shares },
        )
    }

    /// `cancel_redemption`.
    pub fn cancel_redemption(&self, provider: Pubkey) -> Instruction {
        build(
            &self.addresses.program,
            &self.change_stake(provider),
            &instruction::CancelRedemption {},
        )
    }

    /// `pay_redemption` of `provider` to a token account of the provider's. The provider's signature, for
    /// less than the request's value, is added by making the first account a signer.
    pub fn pay_redemption(&self, provider: &Pubkey, destination: Pubkey) -> Instruction {
        let accounts = accounts::PayRedemption {
            provider: *provider,
            exchange: self.addresses.exchange,
            vault: self.vault(),
            stake: self.stake(provider),
            vault_cash: self.cash(),
            destination,
            token_program: self.addresses.token_program,
        };
        build(
            &self.addresses.program,
            &accounts,
            &instruction::PayRedemption {},
        )
    }

    /// `offer_line` to a margin account.
    pub fn offer_line(&self, margin_account: Pubkey, terms: LineTerms) -> Instruction {
        let accounts = accounts::OfferLine {
            underwriter: self.underwriter,
            vault: self.vault(),
            margin_account,
            line: self.line(&margin_account),
            system_program: SYSTEM_PROGRAM,
        };
        build(
            &self.addresses.program,
            &accounts,
            &instruction::OfferLine { terms },
        )
    }

    fn change_line(&self, margin_account: &Pubkey) -> accounts::ChangeLine {
        accounts::ChangeLine {
            underwriter: self.underwriter,
            vault: self.vault(),
            line: self.line(margin_account),
        }
    }

    /// `give_consent` to draws of a discretionary line.
    pub fn give_consent(
        &self,
        margin_account: &Pubkey,
        amount: u64,
        expires_at: i64,
    ) -> Instruction {
        let data = instruction::GiveConsent { amount, expires_at };
        let accounts = self.change_line(margin_account);
        build(&self.addresses.program, &accounts, &data)
    }

    /// `extend_call`.
    pub fn extend_call(&self, margin_account: &Pubkey, call_deadline: i64) -> Instruction {
        let data = instruction::ExtendCall { call_deadline };
        let accounts = self.change_line(margin_account);
        build(&self.addresses.program, &accounts, &data)
    }

    /// `recall_line`.
    pub fn recall_line(&self, margin_account: &Pubkey) -> Instruction {
        let accounts = self.change_line(margin_account);
        build(
            &self.addresses.program,
            &accounts,
            &instruction::RecallLine {},
        )
    }
}

/// A margin account with its line. `account` is its state, whose markets follow where legs matter.
#[derive(Clone, Copy, Debug)]
pub struct LoanAccounts<'a> {
    pub addresses: &'a ExchangeAddresses,
    pub margin_account: Pubkey,
    pub account: &'a MarginAccount,
    pub keys: CreditKeys,
}

impl LoanAccounts<'_> {
    fn with_markets(&self, mut built: Instruction) -> Instruction {
        built.accounts.extend(
            other_markets(self.account, None)
                .into_iter()
                .map(|market| AccountMeta::new_readonly(market, false)),
        );
        built
    }

    fn touch(&self) -> accounts::TouchLine {
        accounts::TouchLine {
            margin_account: self.margin_account,
            line: self.keys.line,
            vault: self.keys.vault,
        }
    }

    /// `accept_line` under exactly these terms.
    pub fn accept_line(&self, terms: LineTerms) -> Instruction {
        let accounts = accounts::AcceptLine {
            trader: Pubkey::from(self.account.owner),
            margin_account: self.margin_account,
            line: self.keys.line,
            vault: self.keys.vault,
        };
        build(
            &self.addresses.program,
            &accounts,
            &instruction::AcceptLine { terms },
        )
    }

    /// `activate_line`.
    pub fn activate_line(&self) -> Instruction {
        let accounts = accounts::ActivateLine {
            line: self.keys.line,
            vault: self.keys.vault,
        };
        build(
            &self.addresses.program,
            &accounts,
            &instruction::ActivateLine {},
        )
    }

    /// `close_line` by the trader or the underwriter.
    pub fn close_line(&self, signer: Pubkey) -> Instruction {
        let accounts = accounts::CloseLine {
            signer,
            margin_account: self.margin_account,
            line: self.keys.line,
            vault: self.keys.vault,
        };
        build(
            &self.addresses.program,
            &accounts,
            &instruction::CloseLine {},
        )
    }

    /// `draw` into custody shard `shard`.
    pub fn draw(&self, shard: u8) -> Instruction {
        let accounts = accounts::Draw {
            exchange: self.addresses.exchange,
            margin_account: self.margin_account,
            line: self.keys.line,
            vault: self.keys.vault,
            vault_cash: self.keys.vault_cash,
            custody_shard: self.addresses.custody_shard(shard),
            token_program: self.addresses.token_program,
        };
        let data = instruction::Draw { shard };
        self.with_markets(build(&self.addresses.program, &accounts, &data))
    }

    /// `value_line`.
    pub fn value_line(&self) -> Instruction {
        let data = instruction::ValueLine {};
        self.with_markets(build(&self.addresses.program, &self.touch(), &data))
    }

    /// `accrue_interest`.
    pub fn accrue_interest(&self) -> Instruction {
        let data = instruction::AccrueInterest {};
        build(&self.addresses.program, &self.touch(), &data)
    }

    /// `write_off`.
    pub fn write_off(&self) -> Instruction {
        let data = instruction::WriteOff {};
        self.with_markets(build(&self.addresses.program, &self.touch(), &data))
    }

    /// `repay` of up to `amount` with tokens of `source`.
    pub fn repay(&self, payer: Pubkey, source: Pubkey, amount: u64) -> Instruction {
        let accounts = accounts::Repay {
            payer,
            exchange: self.addresses.exchange,
            margin_account: self.margin_account,
            line: self.keys.line,
            vault: self.keys.vault,
            vault_cash: self.keys.vault_cash,
            source,
            token_program: self.addresses.token_program,
        };
        let data = instruction::Repay { amount };
        build(&self.addresses.program, &accounts, &data)
    }

    /// `repay_from_cash` of up to `amount` out of custody shard `shard`.
    pub fn repay_from_cash(&self, signer: Pubkey, shard: u8, amount: u64) -> Instruction {
        let accounts = accounts::RepayFromCash {
            signer,
            exchange: self.addresses.exchange,
            margin_account: self.margin_account,
            line: self.keys.line,
            vault: self.keys.vault,
            vault_cash: self.keys.vault_cash,
            custody_shard: self.addresses.custody_shard(shard),
            custody_authority: self.addresses.custody_authority,
            token_program: self.addresses.token_program,
        };
        let data = instruction::RepayFromCash { shard, amount };
        self.with_markets(build(&self.addresses.program, &accounts, &data))
    }

    /// `collect_lien` out of custody shard `shard`.
    pub fn collect_lien(&self, shard: u8) -> Instruction {
        let accounts = accounts::CollectLien {
            exchange: self.addresses.exchange,
            margin_account: self.margin_account,
            line: self.keys.line,
            vault: self.keys.vault,
            vault_cash: self.keys.vault_cash,
            custody_shard: self.addresses.custody_shard(shard),
            custody_authority: self.addresses.custody_authority,
            token_program: self.addresses.token_program,
        };
        let data = instruction::CollectLien { shard };
        self.with_markets(build(&self.addresses.program, &accounts, &data))
    }
}
