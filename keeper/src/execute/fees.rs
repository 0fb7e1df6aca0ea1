//! Priority fees: more for what is dangerous, for what has waited and for what was tried before, up to a cap.

use crate::decide::Tier;
use crate::plan::Planned;

/// Milliseconds of waiting by which the price doubles.
const AGE_DOUBLES: u64 = 5_000;

/// Prices in micro-lamports per compute unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePolicy {
    /// Of what can wait.
    pub base: u64,
    pub cap: u64,
}

impl FeePolicy {
    /// The price of an action: the base doubled by each tier, by each five seconds that it has been due and by
    /// each earlier try, the cap at most.
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
            .min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::FeePolicy;
    use crate::decide::{Action, Danger, Key, Kind, Signer, Tier};
    use crate::plan::Planned;

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
    fn a_base_of_zero_pays_no_priority() {
        let policy = FeePolicy {
            base: 0,
            cap: 1_000,
        };
        assert_eq!(policy.unit_price(&planned(Tier::Market, 90_000, 5)), 0);
    }
}
