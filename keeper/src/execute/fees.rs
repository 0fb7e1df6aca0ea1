//! Priority fees: more for what is dangerous, for what has waited and for what was tried before, up to a cap that
//! itself rises with what is at risk and with age.

use crate::decide::Tier;
use crate::plan::Planned;

/// Milliseconds of waiting by which the price doubles.
const AGE_DOUBLES: u64 = 5_000;

/// Prices in micro-lamports per compute unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePolicy {
    /// Of what can wait.
    pub base: u64,
    /// The most for what is small and new, and the most of all.
    pub cap: u64,
    pub cap_max: u64,
    /// Quote atoms at risk, and milliseconds of waiting, that raise the cap by once more itself; 0: none do.
    pub value_step: u64,
    pub age_step: u64,
}

impl FeePolicy {
    /// The price of an action: the base doubled by each tier, by each five seconds that it has been due and by
    /// each earlier try, the action's cap at most.
    pub fn unit_price(&self, planned: &Planned) -> u64 {
        let tier = match planned.action.danger.tier {
            Tier::Housekeeping => 0,
            Tier::Cash => 1,
            Tier::Credit => 2,
            Tier::Account => 3,
            Tier::Market => 4,
            Tier::Price => 2,
        };
        // What can wait does not become dearer by waiting.
        let urgent = planned.action.danger.tier > Tier::Cash;
        let aged = if urgent { planned.age / AGE_DOUBLES } else { 0 };
        let doublings = u64::from(planned.attempt)
            .saturating_add(aged)
            .saturating_add(tier);
        let doublings = u32::try_from(doublings.min(40)).unwrap_or(40);
        self.base
            .saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX))
            .min(self.cap_of(planned))
    }

    /// The highest price that an action may have: what can wait never has more than the first cap.
    fn cap_of(&self, planned: &Planned) -> u64 {
        let danger = planned.action.danger;
        if danger.tier <= Tier::Cash {
            return self.cap;
        }
        // Of prices and markets the amount is no money.
        let at_risk = match danger.tier {
            Tier::Account | Tier::Credit => danger.amount,
            _ => 0,
        };
        let steps = |amount: u64, step: u64| amount.checked_div(step).unwrap_or(0);
        let raises = steps(at_risk, self.value_step)
            .saturating_add(steps(planned.age, self.age_step))
            .saturating_add(1);
        self.cap
            .saturating_mul(raises)
            .min(self.cap_max.max(self.cap))
    }
}

#[cfg(test)]
mod tests {
    use super::FeePolicy;
    use crate::decide::{Action, Danger, Key, Kind, Signer, Tier};
    use crate::plan::Planned;

    /// A cap that does not rise.
    const FIXED: FeePolicy = FeePolicy {
        base: 0,
        cap: 0,
        cap_max: 0,
        value_step: 0,
        age_step: 0,
    };

    fn planned(tier: Tier, age: u64, attempt: u32) -> Planned {
        Planned {
            action: Action {
                key: Key {
                    subject: Default::default(),
                    kind: Kind::Liquidate,
                },
                danger: Danger { tier, amount: 1 },
                signer: Signer::Payer,
                state: 0,
                instructions: Vec::new(),
            },
            age,
            attempt,
        }
    }

    #[test]
    fn the_price_rises_with_danger_age_and_tries_up_to_the_cap() {
        let policy = FeePolicy {
            base: 100,
            cap: 50_000,
            ..FIXED
        };
        let price = |tier, age, attempt| policy.unit_price(&planned(tier, age, attempt));
        assert_eq!(price(Tier::Housekeeping, 0, 0), 100);
        assert_eq!(price(Tier::Housekeeping, 60_000, 0), 100);
        assert_eq!(price(Tier::Account, 0, 0), 800);
        assert_eq!(price(Tier::Account, 10_000, 0), 3_200);
        assert_eq!(price(Tier::Account, 10_000, 2), 12_800);
        assert_eq!(price(Tier::Account, 600_000, 9), 50_000);
    }

    #[test]
    fn the_cap_rises_with_value_at_risk_and_age_and_only_for_what_cannot_wait() {
        let policy = FeePolicy {
            base: 1_000,
            cap: 1_000,
            cap_max: 9_000,
            value_step: 100,
            age_step: 10_000,
        };
        let price = |tier, amount, age| {
            let mut planned = planned(tier, age, 20);
            planned.action.danger.amount = amount;
            policy.unit_price(&planned)
        };
        assert_eq!(price(Tier::Account, 0, 0), 1_000);
        assert_eq!(price(Tier::Account, 99, 9_999), 1_000);
        assert_eq!(price(Tier::Account, 100, 0), 2_000);
        assert_eq!(price(Tier::Credit, 250, 0), 3_000);
        assert_eq!(price(Tier::Account, 0, 30_000), 4_000);
        assert_eq!(price(Tier::Account, 250, 30_000), 6_000);
        assert_eq!(price(Tier::Account, u64::MAX, u64::MAX), 9_000);
        // Parts per million and open interest are no money.
        assert_eq!(price(Tier::Price, 250, 10_000), 2_000);
        assert_eq!(price(Tier::Market, 250, 0), 1_000);
        assert_eq!(price(Tier::Cash, 250, 30_000), 1_000);
        assert_eq!(price(Tier::Housekeeping, 250, 30_000), 1_000);
    }

    #[test]
    fn a_base_of_zero_pays_no_priority() {
        let policy = FeePolicy {
            base: 0,
            cap: 1_000,
            ..FIXED
        };
        assert_eq!(policy.unit_price(&planned(Tier::Market, 90_000, 5)), 0);
    }
}
