//! The roles of accounts in the instructions of credit.

use plimsoll_testkit::Actor;
use solana_pubkey::Pubkey;

use super::attacks_roles::{account, signer, Role, ACCOUNT, AUTHORITY, MARKETS, PROGRAM, SHARD};
use super::attacks_stage::Stage;

/// Credit of someone else: a line of another vault, and what belongs to it.
struct Foreign {
    line: Pubkey,
    vault: Pubkey,
    vault_cash: Pubkey,
    margin: Pubkey,
}

/// What most instructions of credit share.
struct Parts<'a> {
    stage: &'a Stage,
    foreign: Foreign,
}

impl<'a> Parts<'a> {
    fn of(stage: &'a Stage) -> Self {
        let keys = stage.world.line_keys("rex", "noa");
        let foreign = Foreign {
            line: keys.line,
            vault: keys.vault,
            vault_cash: keys.vault_cash,
            margin: stage.world.margin_address("noa"),
        };
        Self { stage, foreign }
    }

    fn exchange(&self) -> Role {
        let fund = self.stage.cast().fund;
        let swaps = [(self.stage.rival.exchange, ACCOUNT), (fund, ACCOUNT)];
        account("exchange", &swaps)
    }

    fn margin(&self) -> Role {
        let swaps = [
            (self.foreign.margin, ACCOUNT),
            (self.foreign.vault, ACCOUNT),
        ];
        account("margin account", &swaps)
    }

    fn line(&self) -> Role {
        let swaps = [(self.foreign.line, ACCOUNT), (self.foreign.margin, ACCOUNT)];
        account("line", &swaps)
    }

    fn vault(&self, foreign: &'static str) -> Role {
        let swaps = [(self.foreign.vault, foreign), (self.foreign.line, ACCOUNT)];
        account("vault", &swaps)
    }

    fn loan(&self) -> [Role; 3] {
        [self.margin(), self.line(), self.vault(ACCOUNT)]
    }

    fn vault_cash(&self) -> Role {
        let shard = self.stage.cast().shards[0];
        let swaps = [(self.foreign.vault_cash, ACCOUNT), (shard, ACCOUNT)];
        account("vault cash", &swaps)
    }

    fn shard(&self) -> Role {
        let shards = self.stage.cast().shards;
        let swaps = [(shards[1], SHARD), (self.foreign.vault_cash, SHARD)];
        account("custody shard", &swaps)
    }

    fn custody(&self) -> Role {
        let swaps = [
            (self.stage.rival.custody_authority, ACCOUNT),
            (self.foreign.vault, ACCOUNT),
        ];
        account("custody authority", &swaps)
    }

    fn token_program(&self) -> Role {
        let token_2022 = self.stage.cast().token_2022;
        let swaps = [(token_2022, ACCOUNT), (Pubkey::default(), ACCOUNT)];
        account("token program", &swaps)
    }

    fn system(&self) -> Role {
        account("system program", &[(self.stage.cast().token_2022, PROGRAM)])
    }

    fn market(&self) -> Role {
        let cast = self.stage.cast();
        let swaps = [(cast.avax, MARKETS), (self.stage.rival_market, MARKETS)];
        account("first market", &swaps)
    }

    fn source(&self) -> Role {
        let swaps = [
            (Actor::from("bob").token_account(), "token: OwnerMismatch"),
            (self.stage.other_tokens, "token: MintMismatch"),
            (self.stage.other_mint, ACCOUNT),
        ];
        account("source", &swaps)
    }

    fn stake(&self, others: &'static str) -> Role {
        let swaps = [
            (self.stage.stake_of("uma", "uma"), others),
            (self.stage.stake_of("rex", "pia"), ACCOUNT),
            (self.foreign.vault, ACCOUNT),
        ];
        account("stake", &swaps)
    }
}

impl Stage {
    pub fn credit_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        self.vault_roles(instruction)
            .or_else(|| self.line_roles(instruction))
            .or_else(|| self.loan_roles(instruction))
    }

    fn vault_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let parts = Parts::of(self);
        let cast = self.cast();
        let new = |name| {
            account(
                name,
                &[(parts.foreign.vault, ACCOUNT), (cast.fund, ACCOUNT)],
            )
        };
        Some(match instruction {
            "open_vault" => vec![
                signer("underwriter", ACCOUNT),
                // A vault of another exchange is as good as one of this.
                account("exchange", &[(cast.fund, ACCOUNT)]),
                account("mint", &[(self.other_mint, ACCOUNT)]),
                new("vault"),
                new("vault cash"),
                parts.token_program(),
                parts.system(),
            ],
            "buy_shares" => vec![
                signer("provider", AUTHORITY),
                parts.exchange(),
                parts.vault(ACCOUNT),
                parts.stake(AUTHORITY),
                parts.vault_cash(),
                parts.source(),
                parts.token_program(),
                parts.system(),
            ],
            "release_junior" => vec![
                signer("underwriter", AUTHORITY),
                parts.vault(AUTHORITY),
                account(
                    "stake",
                    &[
                        (self.stake_of("uma", "pia"), AUTHORITY),
                        (self.stake_of("rex", "rex"), ACCOUNT),
                    ],
                ),
            ],
            "request_redemption" | "cancel_redemption" => vec![
                signer("provider", AUTHORITY),
                parts.vault(ACCOUNT),
                parts.stake(AUTHORITY),
            ],
            "pay_redemption" => vec![
                account("provider", &[(Actor::from("mallory").key(), ACCOUNT)]),
                parts.exchange(),
                parts.vault(ACCOUNT),
                parts.stake(ACCOUNT),
                parts.vault_cash(),
                account(
                    "destination",
                    &[
                        (Actor::from("mallory").token_account(), ACCOUNT),
                        (self.other_tokens, ACCOUNT),
                        (cast.shards[0], ACCOUNT),
                    ],
                ),
                parts.token_program(),
            ],
            _ => return None,
        })
    }

    fn line_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let parts = Parts::of(self);
        let rival_margin = self.rival.margin_account(&Actor::from("mallory").key(), 0);
        let underwriter = || signer("underwriter", AUTHORITY);
        Some(match instruction {
            "offer_line" => vec![
                underwriter(),
                parts.vault(AUTHORITY),
                account(
                    "margin account",
                    &[
                        (rival_margin, ACCOUNT),
                        (parts.foreign.margin, ACCOUNT),
                        (parts.foreign.vault, ACCOUNT),
                    ],
                ),
                parts.line(),
                parts.system(),
            ],
            "accept_line" => {
                let [margin, line, vault] = parts.loan();
                vec![signer("trader", AUTHORITY), margin, line, vault]
            }
            "activate_line" => vec![parts.line(), parts.vault(ACCOUNT)],
            "give_consent" | "extend_call" | "recall_line" => {
                vec![underwriter(), parts.vault(ACCOUNT), parts.line()]
            }
            "close_line" => {
                let [margin, line, vault] = parts.loan();
                vec![signer("signer", AUTHORITY), margin, line, vault]
            }
            _ => return None,
        })
    }

    fn loan_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let parts = Parts::of(self);
        let [margin, line, vault] = parts.loan();
        Some(match instruction {
            "draw" => vec![
                parts.exchange(),
                margin,
                line,
                vault,
                parts.vault_cash(),
                parts.shard(),
                parts.token_program(),
                parts.market(),
            ],
            "value_line" | "write_off" => vec![margin, line, vault, parts.market()],
            "accrue_interest" => vec![margin, line, vault],
            "repay" => vec![
                signer("payer", "token: OwnerMismatch"),
                parts.exchange(),
                margin,
                line,
                vault,
                parts.vault_cash(),
                parts.source(),
                parts.token_program(),
            ],
            "repay_from_cash" => {
                // Anybody may sign: what the owner may do more is asked for by amount.
                let mut roles = vec![account("payer", &[])];
                roles.extend(out_of_custody(&parts));
                roles
            }
            "collect_lien" => out_of_custody(&parts),
            _ => return None,
        })
    }
}

/// What leaves custody for the vault.
fn out_of_custody(parts: &Parts<'_>) -> Vec<Role> {
    let [margin, line, vault] = parts.loan();
    vec![
        parts.exchange(),
        margin,
        line,
        vault,
        parts.vault_cash(),
        parts.shard(),
        parts.custody(),
        parts.token_program(),
        parts.market(),
    ]
}
