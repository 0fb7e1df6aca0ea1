//! What was seen of a market while it was played. For the telling only: the checks read the chain.

use plimsoll_client::engine::math::join_signed;
use plimsoll_client::MarketView;

use super::sight::Sight;

/// One market's story, step by step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// Times that the index went stale.
    pub silences: u32,
    /// Oldest index seen, seconds.
    pub index_age_most: i64,
    /// Funding that longs and shorts passed to each other, quote atoms.
    pub funding_paid: u128,
    /// Most and least that rested in the book on a fresh index, quote atoms.
    pub depth_most: u128,
    pub depth_least: Option<u128>,
    /// Lowest mark, ticks.
    pub mark_lowest: Option<u64>,
}

impl Witness {
    /// Notes a look at the market and what changed since the one before.
    pub fn note(
        &mut self,
        before: Option<(&MarketView, &Sight)>,
        view: &MarketView,
        sight: &Sight,
    ) {
        if let Some((view_before, _)) = before {
            self.funding_paid += funding_between(view_before, view);
        }
        if sight.index == 0 {
            return;
        }
        self.mark_lowest = Some(
            self.mark_lowest
                .map_or(sight.mark, |lowest| lowest.min(sight.mark)),
        );
        if sight.fresh {
            // The book is empty until the makers have been there once.
            if sight.depth != 0 {
                self.depth_most = self.depth_most.max(sight.depth);
                let least = self
                    .depth_least
                    .map_or(sight.depth, |least| least.min(sight.depth));
                self.depth_least = Some(least);
            }
            return;
        }
        self.silences += u32::from(before.is_none_or(|(_, before)| before.fresh));
        self.index_age_most = self.index_age_most.max(sight.index_age);
    }
}

/// |change of the funding index| × open interest.
fn funding_between(before: &MarketView, after: &MarketView) -> u128 {
    let index = |view: &MarketView| join_signed(view.header.prices.funding_index);
    let change = index(after).wrapping_sub(index(before)).unsigned_abs();
    // Q.64 per atom: thirty-two bits less keep the product within 128.
    (change >> 32).saturating_mul(u128::from(before.header.open_interest())) >> 32
}
