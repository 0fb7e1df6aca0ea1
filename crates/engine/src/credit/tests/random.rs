//! Random sequences of all that can happen to a vault: nobody gains at another's cost.

use proptest::prelude::*;

use super::*;
use crate::credit::repay;
use crate::credit::vault::{asking, bid, buy, face, pay_redemption, release_junior};
use crate::state::LineSlot;

/// Three providers and a line whose borrower's fortune is random.
#[derive(Clone, Copy)]
struct Scene {
    bench: Bench,
    stakes: [VaultStake; 3],
    /// Quote atoms that each has paid in less those paid out.
    own: VaultStake,
}

/// Value of a share in 2^-64 atoms, by a vault's value: what one share of the supply commands.
fn share(vault: &CreditVault, value: u64) -> u128 {
    (u128::from(value + 1) << 64) / u128::from(vault.shares + 1_000)
}

impl Scene {
    fn new() -> Self {
        let mut bench = Bench::active(&LineTerms {
            drawn_rate_ppm: 300_000,
            undrawn_rate_ppm: 20_000,
            ..terms()
        });
        bench.account.collateral = 10_000;
        Self {
            bench,
            stakes: [stake(); 3],
            own: stake(),
        }
    }

    fn run(mut self, steps: std::vec::Vec<Step>, check: impl Fn(&Self)) {
        for (kind, who, amount, equity) in steps {
            self.revalue(equity);
            self.step(kind, who, amount);
            check(&self);
        }
    }

    /// Everything valued anew, with own equity `equity` of the borrower.
    fn revalue(&mut self, equity: i64) {
        self.bench.accrue();
        let risk = self.bench.risk(equity, 60_000);
        let bench = &mut self.bench;
        let _ = line::revalue(&bench.line, &mut bench.vault, &risk, bench.now);
    }

    fn check_vault(&self) {
        let vault = &self.bench.vault;
        assert!(vault.reserved_cash <= vault.cash, "INV-6");
        let owned: u64 = self.stakes.iter().map(|stake| stake.shares).sum();
        let others = owned + self.own.shares + self.bench.provider.shares;
        assert_eq!(vault.shares, vault.junior_shares + others);
        let queued: u64 = self.stakes.iter().map(|stake| stake.queued_shares).sum();
        assert_eq!(vault.queued_shares, queued);
        let drawn: u64 = vault.slots.iter().map(|slot: &LineSlot| slot.drawn).sum();
        assert_eq!(vault.drawn, drawn);
        assert_eq!(vault.drawn, self.bench.account.credit_principal);
        assert_eq!(
            vault.interest_receivable,
            self.bench.account.credit_interest
        );
        assert_eq!(vault.liens, self.bench.account.lien);
    }

    /// One step; whoever is not the actor loses nothing by it, and the actor gains nothing.
    fn step(&mut self, kind: u8, who: usize, amount: u64) {
        let before = *self;
        let env = self.bench.env();
        let vault = &mut self.bench.vault;
        let stake = &mut self.stakes[who];
        let mut moved = 0_i128;
        let joins = match kind {
            0 => {
                let bought = buy(vault, Some(stake), amount, &env);
                moved = bought.map_or(0, |_| -i128::from(amount));
                true
            }
            1 => {
                let shares = stake.shares.min(amount * 1_000);
                let _ = vault::request_redemption(vault, stake, shares, &env);
                false
            }
            2 => {
                moved =
                    pay_redemption(vault, stake, true, &env).map_or(0, |paid| paid.amount.into());
                false
            }
            9 => {
                let _ = vault::cancel_redemption(vault, stake);
                false
            }
            3 => {
                let _ = release_junior(vault, &mut self.own, amount * 1_000, &env);
                false
            }
            _ => return self.lend_step(kind, amount),
        };
        let after = &self.bench.vault;
        let was = &before.bench.vault;
        let values = [
            (face(was).unwrap(), face(after).unwrap()),
            (bid(was, env.now).unwrap(), bid(after, env.now).unwrap()),
            (
                asking(was, env.now).unwrap(),
                asking(after, env.now).unwrap(),
            ),
        ];
        for (from, to) in values {
            // Joining at the asking price and leaving at the bid lowers no value of a share.
            assert!(
                share(after, to) >= share(was, from),
                "step {kind} of {amount}"
            );
        }
        // The actor: tokens that moved, and the stake at the price at which it was touched.
        let value = |scene: &Self, value: u64| {
            let stake = &scene.stakes[who];
            i128::from(vault::worth(&scene.bench.vault, stake.shares, value).unwrap())
        };
        let [_, at_bid, at_asking] = values;
        let (from, to) = if joins { at_asking } else { at_bid };
        let gained = moved + value(self, to) - value(&before, from);
        // What stays with an actor who is its own remaining holder is its part of the rounding.
        let left_behind = share(after, to) - share(was, from);
        let kept = (left_behind * u128::from(self.stakes[who].shares)) >> 64;
        assert!(
            gained <= i128::try_from(kept).unwrap() + 1,
            "step {kind}: {gained}"
        );
    }

    /// Steps of the line: a provider's share keeps its face value, or gains the lender's interest.
    fn lend_step(&mut self, kind: u8, amount: u64) {
        let before = self.bench;
        let bench = &mut self.bench;
        match kind {
            4 => {
                let _ = bench.draw(i64::try_from(amount).unwrap() - 20_000, 60_000);
            }
            5 => {
                if let Ok(paid) = repay::due(&bench.account, amount) {
                    let now = bench.env();
                    let (account, line, vault) =
                        (&mut bench.account, &mut bench.line, &mut bench.vault);
                    repay::repay(account, line, vault, &paid, &now).unwrap();
                }
            }
            6 => {
                // The market took all that the account had.
                if bench.account.credit_principal != 0 {
                    bench.account.collateral =
                        -i64::try_from(bench.account.credit_principal).unwrap();
                    let (account, line, vault) =
                        (&mut bench.account, &mut bench.line, &mut bench.vault);
                    repay::write_off(account, line, vault, true, bench.now).unwrap();
                }
            }
            7 => {
                let now = bench.env();
                let (account, line, vault) =
                    (&mut bench.account, &mut bench.line, &mut bench.vault);
                let _ = line::close(account, line, vault, &LINE, false, &now);
                let _ = line::offer(line, &parties(), &LineTerms::of(line), false, &now);
                let terms = LineTerms::of(&bench.line);
                let _ = bench.accept(&terms);
                bench.now += NOTICE;
                let now = bench.env();
                let _ = line::activate(&mut bench.line, &mut bench.vault, &now);
            }
            _ => bench.now += i64::try_from(amount).unwrap(),
        }
        let (was, after) = (&before.vault, &self.bench.vault);
        let (from, to) = (face(was).unwrap(), face(after).unwrap());
        if after.junior_shares != 0 || kind != 6 {
            assert!(share(after, to) >= share(was, from), "step {kind}");
        }
    }
}

/// Kind of the step, actor, amount, and own equity of the borrower at that time.
type Step = (u8, usize, u64, i64);

fn steps() -> impl Strategy<Value = std::vec::Vec<Step>> {
    let step = (0_u8..10, 0_usize..3, 1_u64..90_000, -50_000_i64..200_000);
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nobody_gains_at_anothers_cost(steps in steps()) {
        Scene::new().run(steps, Scene::check_vault);
    }

    #[test]
    fn a_draw_never_exceeds_the_limit(steps in steps()) {
        Scene::new().run(steps, |scene| {
            let line = &scene.bench.line;
            assert!(line.drawn <= line.limit);
            assert!(line.minute_drawn <= line.minute_cap);
        });
    }

    #[test]
    fn reserved_cash_never_exceeds_vault_cash(steps in steps()) {
        Scene::new().run(steps, |scene| {
            let vault = &scene.bench.vault;
            assert!(vault.reserved_cash <= vault.cash);
            // Nothing else is promised, and a committed line that lends has all of its limit behind it.
            let line = &scene.bench.line;
            assert_eq!(vault.reserved_cash, line.reserved_cash);
            if line::lends(line, scene.bench.now) {
                assert_eq!(line.reserved_cash + line.drawn, line.limit);
            }
        });
    }

    /// Attack 28 and 29 as one: whatever happens between without profit or loss of the vault, joining and
    /// leaving gives back no more than was put in.
    #[test]
    fn a_round_trip_gains_nothing(
        first in 1_u64..1_000_000_000,
        donated in 0_u64..1_000_000_000,
        amount in 1_u64..1_000_000_000,
        leave_first in any::<bool>(),
    ) {
        let mut vault = empty_vault();
        let (mut ann, mut bob) = (stake(), stake());
        buy(&mut vault, Some(&mut ann), first, &env(NOW)).unwrap();
        // Interest, the only income: it belongs to who was there.
        vault.interest_receivable = donated;
        if buy(&mut vault, Some(&mut bob), amount, &env(NOW)).is_err() {
            return Ok(());
        }
        vault.interest_receivable = 0;
        vault.cash += donated;
        let mut order = [&mut ann, &mut bob];
        if !leave_first {
            order.reverse();
        }
        let mut paid = [0; 2];
        for (stake, paid) in order.into_iter().zip(&mut paid) {
            let shares = stake.shares;
            vault::request_redemption(&mut vault, stake, shares, &env(NOW)).unwrap();
            *paid = pay_redemption(&mut vault, stake, true, &env(NOW + NOTICE)).unwrap().amount;
        }
        if !leave_first {
            paid.reverse();
        }
        prop_assert!(paid[0] <= first + donated);
        prop_assert!(paid[1] <= amount);
    }
}
