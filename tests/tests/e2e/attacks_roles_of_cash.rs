//! The roles of accounts in the instructions of custody, the treasury and the exchange's authority.

use plimsoll_testkit::Actor;
use solana_pubkey::Pubkey;

use super::attacks_roles::{
    account, payer, signer, Role, ACCOUNT, AUTHORITY, MARKETS, PROGRAM, SHARD,
};
use super::attacks_stage::Stage;

impl Stage {
    pub fn cash_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let cast = self.cast();
        let rival = &self.rival;
        let rival_margin = rival.margin_account(&Actor::from("mallory").key(), 0);
        let of = |name: &str| (cast.margin)(self, name);
        let tokens = |name: &str| Actor::from(name).token_account();
        let token_program = || {
            let swaps = [(cast.token_2022, ACCOUNT), (Pubkey::default(), ACCOUNT)];
            account("token program", &swaps)
        };
        let exchange = |expected| {
            let swaps = [(rival.exchange, expected), (cast.fund, ACCOUNT)];
            account("exchange", &swaps)
        };
        let shard = |name, other: Pubkey| {
            let swaps = [
                (other, SHARD),
                (rival.custody_shard(0), SHARD),
                (tokens("mallory"), SHARD),
                (cast.fund, SHARD),
            ];
            account(name, &swaps)
        };
        let custody = || {
            let swaps = [
                (rival.custody_authority, ACCOUNT),
                (Actor::from("mallory").key(), ACCOUNT),
            ];
            account("custody authority", &swaps)
        };
        let fund = || {
            let swaps = [(rival.default_fund, ACCOUNT), (cast.avax_mark, ACCOUNT)];
            account("default fund", &swaps)
        };
        Some(match instruction {
            "deposit" => vec![
                signer("depositor", "token: OwnerMismatch"),
                exchange(SHARD),
                account(
                    "margin account",
                    &[(rival_margin, ACCOUNT), (cast.fund, ACCOUNT)],
                ),
                account(
                    "source",
                    &[
                        (tokens("bob"), "token: OwnerMismatch"),
                        (self.other_tokens, "token: MintMismatch"),
                        (cast.shards[1], "token: OwnerMismatch"),
                        (self.other_mint, ACCOUNT),
                    ],
                ),
                shard("custody shard", cast.shards[1]),
                token_program(),
            ],
            "withdraw" => vec![
                signer("owner", AUTHORITY),
                exchange(ACCOUNT),
                account(
                    "margin account",
                    &[
                        (of("bob"), AUTHORITY),
                        (rival_margin, AUTHORITY),
                        (cast.fund, ACCOUNT),
                    ],
                ),
                shard("custody shard", cast.shards[1]),
                custody(),
                account(
                    "destination",
                    &[
                        (self.other_tokens, "token: MintMismatch"),
                        (cast.shards[0], "DuplicateAccount"),
                        (cast.shards[1], "DuplicateAccount"),
                        (self.other_mint, ACCOUNT),
                    ],
                ),
                token_program(),
                account(
                    "first market",
                    &[(cast.sol, MARKETS), (self.rival_market, MARKETS)],
                ),
                account(
                    "second market",
                    &[(cast.avax, MARKETS), (cast.sol_mark, MARKETS)],
                ),
            ],
            "sweep_fees" => vec![
                exchange(ACCOUNT),
                fund(),
                account(
                    "market",
                    &[
                        (self.rival_market, ACCOUNT),
                        (self.blank_markets[0], ACCOUNT),
                        (cast.avax_mark, ACCOUNT),
                    ],
                ),
            ],
            "collect_treasury" => vec![
                exchange(ACCOUNT),
                fund(),
                shard("custody shard", cast.shards[1]),
                custody(),
                account(
                    "treasury",
                    &[(tokens("mallory"), ACCOUNT), (cast.shards[1], ACCOUNT)],
                ),
                token_program(),
            ],
            "rebalance_custody" => vec![
                exchange(SHARD),
                shard("from", cast.shards[1]),
                shard("to", cast.shards[0]),
                custody(),
                token_program(),
            ],
            _ => return None,
        })
    }

    pub fn admin_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let cast = self.cast();
        let rival = &self.rival;
        let gus = Actor::from("gus").key();
        let fresh = self.world.addresses.margin_account(&gus, 9);
        let system = || account("system program", &[(cast.token_2022, PROGRAM)]);
        let sysvar = || {
            let swaps = [(self.other_tokens, ACCOUNT), (cast.exchange, ACCOUNT)];
            account("instructions sysvar", &swaps)
        };
        let exchange = || {
            let swaps = [(rival.exchange, AUTHORITY), (cast.fund, ACCOUNT)];
            account("exchange", &swaps)
        };
        let new = |name: &'static str, taken: Pubkey| {
            account(name, &[(taken, ACCOUNT), (fresh, ACCOUNT)])
        };
        Some(match instruction {
            "create_margin_account" => vec![
                signer("owner", ACCOUNT),
                account(
                    "exchange",
                    &[(rival.exchange, ACCOUNT), (cast.fund, ACCOUNT)],
                ),
                account(
                    "margin account",
                    &[(fresh, ACCOUNT), ((cast.margin)(self, "ann"), ACCOUNT)],
                ),
                system(),
            ],
            "initialize_exchange" => vec![
                payer(),
                signer("authority", ACCOUNT),
                account(
                    "mint",
                    &[(self.other_mint, ACCOUNT), (cast.treasury, "MintNotPlain")],
                ),
                new("exchange", cast.exchange),
                new("default fund", cast.fund),
                account(
                    "treasury",
                    &[(self.other_tokens, ACCOUNT), (cast.fund, ACCOUNT)],
                ),
                account("token program", &[(cast.token_2022, "MintNotPlain")]),
                system(),
                sysvar(),
            ],
            "create_custody_shard" => vec![
                payer(),
                signer("authority", AUTHORITY),
                exchange(),
                account("mint", &[(self.other_mint, ACCOUNT)]),
                new("custody shard", cast.shards[0]),
                account("token program", &[(cast.token_2022, ACCOUNT)]),
                system(),
                sysvar(),
            ],
            "create_market" => vec![
                payer(),
                signer("authority", AUTHORITY),
                exchange(),
                account(
                    "market",
                    &[
                        // The mark's address is another market's.
                        (self.blank_markets[1], ACCOUNT),
                        (cast.avax, ACCOUNT),
                        (gus, "ParameterOutOfBounds"),
                    ],
                ),
                new("mark", cast.avax_mark),
                system(),
                sysvar(),
            ],
            _ => return None,
        })
    }
}
