//! What each account of each instruction is, who may stand in its place, and by which name everyone else is
//! refused. An instruction or an account without a row fails the tests that read this table.

use plimsoll_testkit::Actor;
use solana_pubkey::Pubkey;

use super::attacks_stage::{Stage, AVAX, SOL};

/// One account of one instruction.
pub struct Role {
    pub name: &'static str,
    /// Refusal of a stranger who signs here; `None` where anybody may.
    pub stranger: Option<&'static str>,
    /// Accounts of the right kind from elsewhere first, of a wrong kind after, with the refusal of each.
    pub swaps: Vec<(Pubkey, &'static str)>,
}

pub const TOKEN_2022: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
pub const ACCOUNT: &str = "WrongAccount";
pub const AUTHORITY: &str = "NotAuthorized";
pub const MARKETS: &str = "WrongMarketAccounts";
pub const SHARD: &str = "WrongCustodyShard";
pub const PROGRAM: &str = "anchor: InvalidProgramId";

pub fn signer(name: &'static str, stranger: &'static str) -> Role {
    Role {
        name,
        stranger: Some(stranger),
        swaps: Vec::new(),
    }
}

/// Anybody may pay.
pub fn payer() -> Role {
    Role {
        name: "payer",
        stranger: None,
        swaps: Vec::new(),
    }
}

pub fn account(name: &'static str, swaps: &[(Pubkey, &'static str)]) -> Role {
    Role {
        name,
        stranger: None,
        swaps: swaps.to_vec(),
    }
}

/// Addresses that stand in for others.
pub struct Cast {
    pub exchange: Pubkey,
    pub fund: Pubkey,
    pub margin: fn(&Stage, &str) -> Pubkey,
    pub avax: Pubkey,
    pub sol: Pubkey,
    pub avax_mark: Pubkey,
    pub sol_mark: Pubkey,
    pub shards: [Pubkey; 2],
    pub token_2022: Pubkey,
    pub treasury: Pubkey,
}

fn margin(stage: &Stage, name: &str) -> Pubkey {
    stage.world.margin_address(name)
}

impl Stage {
    pub fn cast(&self) -> Cast {
        let (world, home) = (&self.world, &self.world.addresses);
        let (avax, sol) = (world.market_address(AVAX), world.market_address(SOL));
        Cast {
            exchange: home.exchange,
            fund: home.default_fund,
            margin,
            avax,
            sol,
            avax_mark: home.mark(&avax),
            sol_mark: home.mark(&sol),
            shards: [home.custody_shard(0), home.custody_shard(1)],
            token_2022: TOKEN_2022,
            treasury: world.treasury(),
        }
    }

    /// The roles of an instruction's accounts, in their order; empty for an instruction without a row.
    pub fn roles(&self, instruction: &str) -> Vec<Role> {
        let of_traders = self.trader_roles(instruction);
        let of_cash = self.cash_roles(instruction);
        let of_admins = self.admin_roles(instruction);
        let of_losses = self.loss_roles(instruction);
        let of_credit = self.credit_roles(instruction);
        let of_halts = self.halt_roles(instruction);
        let of_governance = self.governance_roles(instruction);
        [
            of_traders,
            of_cash,
            of_admins,
            of_losses,
            of_credit,
            of_halts,
            of_governance,
        ]
        .into_iter()
        .flatten()
        .next()
        .unwrap_or_default()
    }

    fn trader_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let cast = self.cast();
        let rival_margin = self.rival.margin_account(&Actor::from("mallory").key(), 0);
        let of = |name: &str| (cast.margin)(self, name);
        let trader = || signer("trader", AUTHORITY);
        let owner = || signer("owner", AUTHORITY);
        let ann = || {
            let swaps = [
                (of("bob"), AUTHORITY),
                (rival_margin, AUTHORITY),
                (cast.exchange, ACCOUNT),
                (cast.avax, ACCOUNT),
            ];
            account("margin account", &swaps)
        };
        Some(match instruction {
            "place_order" | "place_orders" => vec![
                trader(),
                ann(),
                account(
                    "market",
                    &[
                        (cast.sol, MARKETS),
                        (self.rival_market, MARKETS),
                        (cast.avax_mark, MARKETS),
                    ],
                ),
                account(
                    "other market",
                    &[
                        (cast.avax, MARKETS),
                        (self.rival_market, MARKETS),
                        (cast.sol_mark, MARKETS),
                    ],
                ),
            ],
            "cancel_order" | "cancel_order_by_client_id" | "cancel_all_orders" => vec![
                trader(),
                ann(),
                account(
                    "market",
                    &[
                        (self.rival_market, "WrongSeat"),
                        (self.blank_markets[0], ACCOUNT),
                        (cast.avax_mark, ACCOUNT),
                    ],
                ),
            ],
            "refresh_mark" => vec![
                account(
                    "market",
                    &[
                        (cast.sol, ACCOUNT),
                        (self.rival_market, ACCOUNT),
                        (self.blank_markets[0], ACCOUNT),
                        (of("ann"), ACCOUNT),
                    ],
                ),
                account(
                    "mark",
                    &[
                        (cast.sol_mark, ACCOUNT),
                        (self.rival.mark(&self.rival_market), ACCOUNT),
                        (cast.exchange, ACCOUNT),
                    ],
                ),
                account(
                    "feed",
                    &[
                        (self.world.feed(SOL, 0), "FeedWrongId"),
                        (cast.sol_mark, "FeedWrongOwner"),
                        (cast.treasury, "FeedWrongOwner"),
                    ],
                ),
            ],
            "settle" => vec![
                account(
                    "margin account",
                    &[
                        (of("cid"), MARKETS),
                        (of("bob"), MARKETS),
                        (cast.fund, ACCOUNT),
                    ],
                ),
                account(
                    "first market",
                    &[(cast.sol, MARKETS), (self.rival_market, MARKETS)],
                ),
                account(
                    "second market",
                    &[(cast.avax, MARKETS), (cast.sol_mark, MARKETS)],
                ),
            ],
            "remove_expired_order" => vec![account(
                "market",
                &[
                    (cast.sol, "WrongOrder"),
                    (self.rival_market, "WrongOrder"),
                    (self.blank_markets[0], ACCOUNT),
                    (of("ann"), ACCOUNT),
                ],
            )],
            "claim_seat" => vec![
                owner(),
                account(
                    "margin account",
                    &[
                        (of("ann"), AUTHORITY),
                        (rival_margin, AUTHORITY),
                        (cast.fund, ACCOUNT),
                    ],
                ),
                account(
                    "market",
                    &[
                        (self.rival_market, ACCOUNT),
                        (self.blank_markets[0], ACCOUNT),
                        (cast.avax_mark, ACCOUNT),
                    ],
                ),
            ],
            "release_seat" => vec![
                account(
                    "owner",
                    &[(Actor::from("bob").key(), ACCOUNT), (cast.fund, ACCOUNT)],
                ),
                account(
                    "margin account",
                    &[
                        (of("bob"), ACCOUNT),
                        (rival_margin, ACCOUNT),
                        (cast.avax_mark, ACCOUNT),
                    ],
                ),
                account(
                    "market",
                    &[
                        (cast.sol, "WrongSeat"),
                        (self.rival_market, "WrongSeat"),
                        (self.blank_markets[0], ACCOUNT),
                    ],
                ),
            ],
            "set_delegate" => vec![owner(), ann()],
            "close_margin_account" => vec![
                owner(),
                account(
                    "margin account",
                    &[
                        (of("ann"), AUTHORITY),
                        (rival_margin, AUTHORITY),
                        (cast.avax, ACCOUNT),
                    ],
                ),
            ],
            "grow_market" => vec![account(
                "market",
                &[
                    // Anyone may grow any market, whose rent was paid.
                    (self.rival_market, "SeatDepositMissing"),
                    (self.blank_markets[0], ACCOUNT),
                    (of("ann"), ACCOUNT),
                ],
            )],
            _ => return None,
        })
    }
}
