//! The calls of liquidation and losses on the stage of `attacks_stage`, and the roles of their accounts. They
//! have a market of their own, `LOSSES`, so that what a loss event leaves meets no other call.

use plimsoll_client::instructions;
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, World};
use solana_pubkey::Pubkey;

use super::attacks_roles::{account, signer, Role, ACCOUNT, AUTHORITY, MARKETS};
use super::attacks_stage::{Call, Stage, SOL};

/// The market of these calls.
pub const LOSSES: &str = "AVAX-LOSSES";
/// Role of an optional account that is not passed: the program's own id stands in its place.
pub const NONE: &str = "none";

const MILLION: u64 = 1_000_000_000_000;

/// Takes cash off an account behind the program's back and gives it to another, so that custody stays whole:
/// the account is then below maintenance at an unmoved mark.
pub fn leave_with(world: &mut World, poor: &str, cash: i64, rich: &str) {
    let excess = world.collateral(poor) - cash;
    world.change_margin(poor, |account| account.collateral -= excess);
    world.change_margin(rich, |account| account.collateral += excess);
}

/// `hal` may be liquidated and taken over by `cat`, `ivy` torn up; `kim` holds a remainder below a lot, and
/// `lou`'s seat is an epoch behind.
pub fn set_losses(world: &mut World) {
    world.open_market(&MarketSpec::preset(LOSSES));
    world.keeper();
    for name in ["hal", "cat", "ivy"] {
        world.trader(name, MILLION, &[LOSSES, SOL]);
    }
    for name in ["joe", "jan", "kim", "lou", "eli"] {
        world.trader(name, MILLION, &[LOSSES]);
    }
    let trade = |world: &mut World, seller: &str, buyer: &str, lots: u64| {
        world.place(seller, LOSSES, ask(20_000, lots)).unwrap();
        world.place(buyer, LOSSES, bid(20_000, lots)).unwrap();
    };
    trade(world, "kim", "joe", 13_333);
    trade(world, "lou", "joe", 6_666);
    trade(world, "lou", "jan", 1);
    leave_with(world, "joe", 0, "eli");
    // All but a twenty-thousandth of the short side goes, and its epoch with it.
    world.tear_up("joe", LOSSES).unwrap();
    trade(world, "eli", "hal", 300);
    trade(world, "eli", "ivy", 300);
    leave_with(world, "hal", 2_000_000, "eli");
    leave_with(world, "ivy", 0, "eli");
    world.liquidate("hal", LOSSES).unwrap();
    // The next call finds a bid, so that it reaches for the fund and the beneficiary.
    world.place("cat", LOSSES, bid(19_990, 1_000)).unwrap();
}

impl Stage {
    /// Sound calls of these instructions.
    pub fn loss_calls(&self) -> Vec<Call> {
        let world = &self.world;
        let kim = world.margin_address("kim");
        let market = world.market_address(LOSSES);
        let seat = world.seat_index("lou", LOSSES);
        let end = world.market(LOSSES).header.sides[1].newest_end;
        let lou = world.margin_address("lou");
        let program = &world.addresses.program;
        let call = |name, instruction| Call { name, instruction };
        vec![
            call("liquidate", world.liquidate_ix("hal", LOSSES)),
            call("take_over", world.take_over_ix("cat", "hal", LOSSES, 1_000)),
            call("tear_up", world.tear_up_ix("ivy", LOSSES)),
            call(
                "close_remainder",
                instructions::close_remainder(&world.addresses, kim, market),
            ),
            call(
                "sync_seat",
                instructions::sync_seat(program, lou, market, seat, end),
            ),
        ]
    }

    /// The roles of their accounts, in order.
    pub fn loss_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let cast = self.cast();
        let home = &self.world.addresses;
        let rival = &self.rival;
        let rival_margin = rival.margin_account(&Actor::from("mallory").key(), 0);
        let losses = self.world.market_address(LOSSES);
        let of = |name: &str| (cast.margin)(self, name);
        let none = || account(NONE, &[]);
        let exchange = || {
            let swaps = [(rival.exchange, ACCOUNT), (cast.fund, ACCOUNT)];
            account("exchange", &swaps)
        };
        let fund = || {
            let swaps = [(rival.default_fund, ACCOUNT), (cast.avax_mark, ACCOUNT)];
            account("default fund", &swaps)
        };
        let margin = |healthy: &'static str, of_rival| {
            let swaps = [
                (of("bob"), MARKETS),
                (of(healthy), "NotLiquidatable"),
                (rival_margin, of_rival),
                (cast.avax, ACCOUNT),
            ];
            account("margin account", &swaps)
        };
        let beneficiary = |victim| {
            let swaps = [
                (of(victim), "DuplicateAccount"),
                (rival_margin, ACCOUNT),
                (cast.avax_mark, ACCOUNT),
            ];
            account("beneficiary", &swaps)
        };
        let market = || {
            let swaps = [
                (cast.sol, MARKETS),
                (cast.avax, MARKETS),
                (self.rival_market, MARKETS),
                (self.blank_markets[0], ACCOUNT),
                (cast.avax_mark, ACCOUNT),
            ];
            account("market", &swaps)
        };
        let mark = || {
            let swaps = [
                (cast.sol_mark, ACCOUNT),
                (rival.mark(&self.rival_market), ACCOUNT),
                (cast.exchange, ACCOUNT),
            ];
            account("mark", &swaps)
        };
        let other = || {
            let swaps = [
                (losses, MARKETS),
                (cast.avax, MARKETS),
                (self.rival_market, MARKETS),
                (home.mark(&cast.sol), MARKETS),
            ];
            account("other market", &swaps)
        };
        Some(match instruction {
            "liquidate" => vec![
                exchange(),
                fund(),
                margin("cat", ACCOUNT),
                beneficiary("hal"),
                market(),
                none(),
                none(),
                none(),
                none(),
                none(),
                other(),
            ],
            "take_over" => vec![
                signer("trader", AUTHORITY),
                // The taker's own account cannot be taken over by itself.
                account(
                    "margin account",
                    &[
                        (of("bob"), MARKETS),
                        (of("cat"), "DuplicateAccount"),
                        (rival_margin, MARKETS),
                        (cast.avax, ACCOUNT),
                    ],
                ),
                account(
                    "taker",
                    &[
                        (of("bob"), AUTHORITY),
                        (of("hal"), "DuplicateAccount"),
                        (rival_margin, AUTHORITY),
                        (cast.fund, ACCOUNT),
                    ],
                ),
                market(),
                none(),
                none(),
                none(),
                other(),
                other(),
            ],
            "tear_up" => vec![
                exchange(),
                fund(),
                margin("cat", ACCOUNT),
                beneficiary("ivy"),
                market(),
                mark(),
                none(),
                none(),
                none(),
                other(),
            ],
            "close_remainder" => vec![
                account(
                    "margin account",
                    &[
                        (of("bob"), "WrongSeat"),
                        (of("jan"), "PositionNotARemainder"),
                        (rival_margin, "WrongSeat"),
                        (cast.fund, ACCOUNT),
                    ],
                ),
                account("market", &remainder_markets(self, cast.sol)),
                mark(),
            ],
            "sync_seat" => vec![
                account(
                    "margin account",
                    &[
                        (of("kim"), "WrongSeat"),
                        (rival_margin, "WrongSeat"),
                        (cast.fund, "WrongSeat"),
                    ],
                ),
                account("market", &remainder_markets(self, cast.sol)),
            ],
            _ => return None,
        })
    }
}

fn remainder_markets(stage: &Stage, sol: Pubkey) -> [(Pubkey, &'static str); 4] {
    [
        (sol, "WrongSeat"),
        (stage.rival_market, "WrongSeat"),
        (stage.blank_markets[0], ACCOUNT),
        (stage.world.addresses.exchange, ACCOUNT),
    ]
}
