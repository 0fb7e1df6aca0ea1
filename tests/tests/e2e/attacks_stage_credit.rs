//! The credit part of the stage: vaults, and lines in every state that an instruction needs.

use plimsoll_client::instructions::LoanAccounts;
use plimsoll_testkit::{ask, bid, Actor, MarketSpec, OrderExt, World};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::attacks_stage::{Call, Stage};

/// The market in which the borrowers of the stage hold positions.
pub const LENT: &str = "AVAX-LENT";

const MILLION: u64 = 1_000_000_000_000;
const NOTICE: i64 = 3_600;

/// Borrowers of "uma" with a position of 1,000 lots: undrawn and in need; drawn and well off; lost, to be
/// written off; written off, with cash again.
const BORROWERS: [&str; 4] = ["zoe", "dru", "ned", "fred"];

/// Vaults of "uma" and "rex", and the lines of everybody in [`BORROWERS`], of "gil" (discretionary), "nia"
/// (accepted, and its time has come), "nat" (active) and "jon" (offered); "noa"'s is of "rex".
pub fn set_credit(world: &mut World) {
    world.open_market(&MarketSpec::preset(LENT));
    for name in BORROWERS {
        world.trader(name, 31_300_000, &[LENT]);
    }
    for name in ["gil", "nia", "nat", "jon", "noa", "lea"] {
        world.trader(name, 5_000, &[]);
    }
    world.trader("sal", MILLION, &[LENT]);
    world.fund_wallet("vic");
    for (underwriter, provider) in [("uma", "pam"), ("rex", "pat")] {
        world.open_vault(underwriter).unwrap();
        world.buy_junior(underwriter, 40_000_000).unwrap();
        for name in [provider, "pia"] {
            world.buy_shares(underwriter, name, 80_000_000).unwrap();
        }
    }
    for name in ["zoe", "dru", "ned", "fred", "gil", "nia", "nat"] {
        sign(world, "uma", name);
    }
    sign(world, "rex", "noa");
    world.request_redemption("uma", "pam", 5_000_000).unwrap();
    // The second notice, too: what fell due may be paid without its provider.
    world.advance_fresh(2 * NOTICE);
    for name in ["zoe", "dru", "ned", "fred", "gil", "nat"] {
        world.activate_line("uma", name).unwrap();
    }
    let terms = world.terms(10_000_000, &[LENT]);
    world.offer_line("uma", "jon", terms).unwrap();
    lose(world);
}

fn sign(world: &mut World, underwriter: &str, trader: &str) {
    let mut terms = world.terms(10_000_000, &[LENT]);
    terms.committed = trader != "gil";
    world.offer_line(underwriter, trader, terms).unwrap();
    world.accept_line(underwriter, trader, terms).unwrap();
}

/// Everybody buys at 22,000; at 20,000 three are drawn; at 18,800 two are closed for good.
fn lose(world: &mut World) {
    world.move_index(LENT, 22_000);
    for name in BORROWERS {
        world.place(name, LENT, bid(22_000, 1_000)).unwrap();
        world.place("sal", LENT, ask(22_000, 1_000)).unwrap();
    }
    world.move_index(LENT, 20_000);
    for name in ["dru", "ned", "fred"] {
        world.draw("uma", name).unwrap();
    }
    world.deposit("dru", 100_000_000).unwrap();
    world.move_index(LENT, 18_800);
    for name in ["ned", "fred"] {
        world.place("sal", LENT, bid(18_800, 1_000)).unwrap();
        let close = ask(18_800, 1_000).reduce_only().ioc();
        world.place(name, LENT, close).unwrap();
        world.settle(name, &[LENT]).unwrap();
        world
            .repay_from_cash("uma", name, "keeper", u64::MAX)
            .unwrap();
    }
    world.write_off("uma", "fred").unwrap();
    world.deposit("fred", 9_000).unwrap();
    world.move_index(LENT, 20_000);
}

/// Valuations of this minute, which joining and leaving need.
pub fn value_lines(world: &mut World) {
    for name in ["dru", "ned"] {
        world.value_line("uma", name).unwrap();
    }
}

impl Stage {
    /// An instruction about the loan of a trader from "uma".
    fn loan(
        &self,
        trader: &str,
        build: impl FnOnce(&LoanAccounts<'_>) -> Instruction,
    ) -> Instruction {
        self.world.loan_ix("uma", trader, build)
    }

    pub fn credit_calls(&self) -> Vec<Call> {
        let world = &self.world;
        let key = |name: &str| Actor::from(name).key();
        let vault = world.vault_accounts("uma");
        let margin = |name: &str| world.margin_address(name);
        let terms = world.terms(10_000_000, &[LENT]);
        let later = world.now() + 100;
        let deadline = world.line("uma", "dru").call_deadline + 100;
        let (ann, tokens) = (key("ann"), Actor::from("ann").token_account());
        let call = |name, instruction| Call { name, instruction };
        vec![
            call("open_vault", world.vault_accounts("vic").open(3_600)),
            call(
                "buy_shares",
                world.buy_shares_ix("uma", "pia", 5_000_000, false),
            ),
            call("release_junior", vault.release_junior(5_000_000)),
            call(
                "request_redemption",
                vault.request_redemption(key("pia"), 5_000_000),
            ),
            call("cancel_redemption", vault.cancel_redemption(key("pam"))),
            call("pay_redemption", world.pay_redemption_ix("uma", "pam")),
            call("offer_line", vault.offer_line(margin("lea"), terms)),
            call(
                "accept_line",
                self.loan("jon", |loan| loan.accept_line(terms)),
            ),
            call(
                "activate_line",
                self.loan("nia", |loan| loan.activate_line()),
            ),
            call(
                "give_consent",
                vault.give_consent(&margin("gil"), 5_000, later),
            ),
            call("draw", self.loan("zoe", |loan| loan.draw(0))),
            call("value_line", self.loan("dru", |loan| loan.value_line())),
            call(
                "accrue_interest",
                self.loan("dru", |loan| loan.accrue_interest()),
            ),
            call("extend_call", vault.extend_call(&margin("dru"), deadline)),
            call("recall_line", vault.recall_line(&margin("dru"))),
            call(
                "repay",
                self.loan("dru", |loan| loan.repay(ann, tokens, 5_000)),
            ),
            call(
                "repay_from_cash",
                self.loan("dru", |loan| loan.repay_from_cash(key("dru"), 0, 5_000)),
            ),
            call("write_off", self.loan("ned", |loan| loan.write_off())),
            call(
                "collect_lien",
                self.loan("fred", |loan| loan.collect_lien(0)),
            ),
            call(
                "close_line",
                self.loan("nat", |loan| loan.close_line(key("nat"))),
            ),
        ]
    }

    /// Address of "pia"'s stake in a vault.
    pub fn stake_of(&self, underwriter: &str, provider: &str) -> Pubkey {
        let provider = Actor::from(provider).key();
        self.world.vault_accounts(underwriter).stake(&provider)
    }
}
