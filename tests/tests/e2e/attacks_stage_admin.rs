//! The part of the attacks' stage that stands for governance: changes that are due, an offer of the authority,
//! and a market, `OLD`, whose index is dead. That market has no name in the world, so that nothing refreshes it.

use plimsoll_client::instructions::{self, NewMarket};
use plimsoll_testkit::{Actor, ChangeArgs, MarketSpec, World};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::attacks_roles::{account, payer, signer, Role, ACCOUNT, AUTHORITY, PROGRAM};
use super::attacks_stage::{Call, Stage, AVAX};

fn key(name: &str) -> Pubkey {
    Actor::from(name).key()
}

/// The market whose index is dead.
pub fn old_market() -> Pubkey {
    World::market_keypair("OLD").pubkey()
}

/// Two days and a bit pass here: change 0 of AVAX and change 1 of the guardian are due, `OLD` is dead.
pub fn set_governance(world: &mut World) {
    let authority = Actor::from("authority");
    let spec = MarketSpec::preset(AVAX).with(|params| params.index_dead_seconds = 86_400);
    let new = NewMarket {
        payer: authority.key(),
        authority: authority.key(),
        market: old_market(),
        symbol: instructions::symbol("OLD").unwrap(),
        size: u64::try_from(spec.size()).unwrap(),
        rent_lamports: world.svm.minimum_balance_for_rent_exemption(spec.size()),
        params: spec.params,
    };
    let built = instructions::create_market(&world.addresses, &new);
    let signers = [authority.keypair(), World::market_keypair("OLD")];
    world
        .send_signed(&built, &[&signers[0], &signers[1]])
        .unwrap();
    let feeds = [world.feed(AVAX, 0)];
    let refresh = instructions::refresh_mark(&world.addresses, old_market(), &feeds);
    world.send(&[refresh], &["keeper".into()]).unwrap();
    world
        .queue_params(AVAX, |params| params.open_interest_max -= 1)
        .unwrap();
    let guardian = ChangeArgs::Guardian {
        guardian: key("pam"),
    };
    world.queue_change(guardian, None).unwrap();
    world.offer_authority(&key("third")).unwrap();
    world.fund_wallet("guardian");
    world.advance_fresh(172_860);
}

impl Stage {
    /// `OLD` is reduce-only from now on.
    pub fn guard_old(&mut self) {
        let world = &mut self.world;
        let guard =
            instructions::guard_market(&world.addresses, key("guardian"), old_market(), 3_600);
        world.send(&[guard], &["guardian".into()]).unwrap();
    }

    /// Sound calls of these instructions.
    pub fn admin_calls(&self) -> Vec<Call> {
        let world = &self.world;
        let home = &world.addresses;
        let call = |name, instruction| Call { name, instruction };
        let (change, target) = world.market_change(AVAX, |params| params.taker_fee_ppm -= 1);
        let old = old_market();
        vec![
            call("queue_change", world.queue_change_ix(change, target)),
            call("apply_change", world.apply_change_ix(0)),
            call("cancel_change", world.cancel_change_ix(1)),
            call("offer_authority", world.offer_authority_ix(&key("pia"))),
            call(
                "accept_authority",
                instructions::accept_authority(home, key("third")),
            ),
            call("guard_market", world.guard_market_ix(AVAX, 600)),
            call(
                "lift_guard",
                instructions::lift_guard(home, key("guardian"), old),
            ),
            call("wind_up_market", instructions::wind_up_market(home, old)),
        ]
    }

    /// The roles of their accounts, in order.
    pub fn governance_roles(&self, instruction: &str) -> Option<Vec<Role>> {
        let (cast, home, rival) = (self.cast(), &self.world.addresses, &self.rival);
        let sysvar = || {
            let swaps = [(self.other_tokens, ACCOUNT), (cast.exchange, ACCOUNT)];
            account("instructions sysvar", &swaps)
        };
        // The rival's exchange has the same guardian and another authority.
        let exchange = |refusal| {
            let swaps = [(rival.exchange, refusal), (cast.fund, ACCOUNT)];
            account("exchange", &swaps)
        };
        let rent = || account("rent payer", &[(key("gus"), ACCOUNT), (cast.fund, ACCOUNT)]);
        let authority = || signer("authority", AUTHORITY);
        let markets = |idle: (Pubkey, &'static str)| {
            let swaps = [
                (self.rival_market, ACCOUNT),
                (self.blank_markets[0], ACCOUNT),
                (cast.avax_mark, ACCOUNT),
                idle,
            ];
            account("market", &swaps)
        };
        Some(match instruction {
            "queue_change" => vec![
                payer(),
                authority(),
                exchange(AUTHORITY),
                account(
                    "market",
                    &[
                        (self.rival_market, ACCOUNT),
                        (cast.sol, "NotChangeable"),
                        (cast.avax_mark, ACCOUNT),
                        (cast.exchange, "DuplicateAccount"),
                    ],
                ),
                account(
                    "pending change",
                    &[
                        (home.pending_change(0), ACCOUNT),
                        (home.pending_change(99), ACCOUNT),
                    ],
                ),
                account("system program", &[(cast.token_2022, PROGRAM)]),
                sysvar(),
            ],
            "apply_change" => vec![
                rent(),
                exchange(ACCOUNT),
                account(
                    "market",
                    &[(cast.sol, ACCOUNT), (self.rival_market, ACCOUNT)],
                ),
                account(
                    "pending change",
                    &[(home.pending_change(1), ACCOUNT), (cast.fund, ACCOUNT)],
                ),
            ],
            "cancel_change" => vec![
                authority(),
                rent(),
                exchange(AUTHORITY),
                account(
                    "pending change",
                    &[(cast.avax_mark, ACCOUNT), (cast.fund, ACCOUNT)],
                ),
                sysvar(),
            ],
            "offer_authority" | "accept_authority" => {
                vec![authority(), exchange(AUTHORITY), sysvar()]
            }
            "guard_market" => vec![
                signer("guardian", AUTHORITY),
                exchange(ACCOUNT),
                markets((cast.exchange, ACCOUNT)),
                sysvar(),
            ],
            "lift_guard" => vec![
                signer("guardian", AUTHORITY),
                exchange(ACCOUNT),
                markets((cast.sol, "NothingToChange")),
                sysvar(),
            ],
            "wind_up_market" => vec![
                account(
                    "market",
                    &[
                        (cast.avax, ACCOUNT),
                        (self.rival_market, ACCOUNT),
                        (self.blank_markets[0], ACCOUNT),
                    ],
                ),
                account(
                    "mark",
                    &[
                        (cast.sol_mark, ACCOUNT),
                        (rival.mark(&self.rival_market), ACCOUNT),
                        (cast.exchange, ACCOUNT),
                    ],
                ),
            ],
            _ => return None,
        })
    }
}
