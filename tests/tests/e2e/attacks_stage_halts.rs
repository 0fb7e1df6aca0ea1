//! The calls of halts on the stage of `attacks_stage`, and the roles of their accounts. Two markets of their own:
//! one whose call is open, and one that waits for its auction.

use plimsoll_client::instructions;
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, World};

use super::attacks_roles::{account, Role, ACCOUNT, MARKETS};
use super::attacks_stage::{Call, Stage, SOL};
use super::attacks_stage_losses::{leave_with, NONE};

/// A market in its call.
pub const CALLED: &str = "AVAX-CALLED";
/// A market in its auction.
pub const CROSSED: &str = "AVAX-CROSSED";

const MILLION: u64 = 1_000_000_000_000;

/// `wes` may join the auction of [`CALLED`], which the next refresh trips; the book of [`CROSSED`] crosses
/// once its call is over, more than five seconds later.
pub fn set_halts(world: &mut World) {
    for symbol in [CALLED, CROSSED] {
        world.open_market(&MarketSpec::preset(symbol).halting());
    }
    world.keeper();
    for name in ["wes", "vera"] {
        world.trader(name, MILLION, &[CALLED, SOL]);
    }
    for name in ["xia", "yul"] {
        world.trader(name, MILLION, &[CROSSED]);
    }
    world.place("vera", CALLED, ask(20_000, 300)).unwrap();
    world.place("wes", CALLED, bid(20_000, 300)).unwrap();
    leave_with(world, "wes", 5_300_000, "vera");
    world.move_index(CROSSED, 21_100);
    world.place("xia", CROSSED, bid(21_100, 50)).unwrap();
    world.place("yul", CROSSED, ask(21_000, 30)).unwrap();
    world.publish(CALLED, 18_900);
}

impl Stage {
    /// Sound calls of these instructions.
    pub fn halt_calls(&self) -> Vec<Call> {
        let world = &self.world;
        let crossed = world.market_address(CROSSED);
        vec![
            Call {
                name: "advance_halt",
                instruction: instructions::advance_halt(&world.addresses, crossed, 128),
            },
            Call {
                name: "join_auction",
                instruction: world.join_auction_ix("wes", CALLED),
            },
        ]
    }

    /// The roles of their accounts, in order.
    pub fn halt_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let cast = self.cast();
        let (home, rival) = (&self.world.addresses, &self.rival);
        let rival_margin = rival.margin_account(&Actor::from("mallory").key(), 0);
        let of = |name: &str| (cast.margin)(self, name);
        let called = self.world.market_address(CALLED);
        let none = || account(NONE, &[]);
        Some(match instruction {
            "advance_halt" => vec![
                account(
                    "market",
                    &[
                        (cast.avax, ACCOUNT),
                        (called, ACCOUNT),
                        (self.rival_market, ACCOUNT),
                        (self.blank_markets[0], ACCOUNT),
                        (of("ann"), ACCOUNT),
                    ],
                ),
                account(
                    "mark",
                    &[
                        (cast.avax_mark, ACCOUNT),
                        (home.mark(&called), ACCOUNT),
                        (rival.mark(&self.rival_market), ACCOUNT),
                        (cast.exchange, ACCOUNT),
                    ],
                ),
            ],
            "join_auction" => vec![
                account(
                    "exchange",
                    &[(rival.exchange, ACCOUNT), (cast.fund, ACCOUNT)],
                ),
                account(
                    "default fund",
                    &[(rival.default_fund, ACCOUNT), (cast.avax_mark, ACCOUNT)],
                ),
                account(
                    "margin account",
                    &[
                        (of("bob"), MARKETS),
                        (of("vera"), "NotLiquidatable"),
                        (rival_margin, ACCOUNT),
                        (cast.avax, ACCOUNT),
                    ],
                ),
                account(
                    "beneficiary",
                    &[
                        (of("wes"), "DuplicateAccount"),
                        (rival_margin, ACCOUNT),
                        (cast.avax_mark, ACCOUNT),
                    ],
                ),
                account(
                    "market",
                    &[
                        (cast.sol, MARKETS),
                        (cast.avax, MARKETS),
                        (self.rival_market, MARKETS),
                        (self.blank_markets[0], ACCOUNT),
                        (cast.avax_mark, ACCOUNT),
                    ],
                ),
                none(),
                none(),
                none(),
                none(),
                none(),
                account(
                    "other market",
                    &[
                        (called, MARKETS),
                        (cast.avax, MARKETS),
                        (self.rival_market, MARKETS),
                        (cast.sol_mark, MARKETS),
                    ],
                ),
            ],
            _ => return None,
        })
    }
}
