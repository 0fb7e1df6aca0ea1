//! What was seen of the farmers while the evening was played. For the telling only: the checks read the
//! chain.

use solana_pubkey::Pubkey;

use super::cast::{Farm, Role, Trader};
use super::liquidator::Seen;

/// One farmer, look by look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FarmSeen {
    /// Base atoms of the hedge, at most and now.
    pub hedge: i64,
    pub base: i64,
    /// Own equity, without what is drawn, now and at its lowest.
    pub equity: i64,
    pub equity_lowest: Option<i64>,
    /// Drawn from its line, quote atoms.
    pub drawn: u64,
}

/// An account with a credit line that was seen below maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub account: Pubkey,
    /// The chain's second.
    pub time: i64,
    /// What the line would have lent, and what was missing to maintenance margin, quote atoms.
    pub usable: u64,
    pub lacking: u64,
}

impl Need {
    /// Whether the line would have cured it.
    pub const fn curable(&self) -> bool {
        self.usable >= self.lacking
    }
}

/// All three, and every time that one with a line was below maintenance.
#[derive(Clone, Debug, Default)]
pub struct Night {
    farms: [FarmSeen; 3],
    pub needs: Vec<Need>,
}

impl Night {
    pub fn of(&self, farm: Farm) -> FarmSeen {
        let [covered, bare, thin] = self.farms;
        match farm {
            Farm::Covered => covered,
            Farm::Bare => bare,
            Farm::Thin => thin,
        }
    }

    /// Drawn from all lines.
    pub fn drawn(&self) -> u64 {
        self.farms.iter().map(|farm| farm.drawn).sum()
    }

    /// Notes a look at everybody.
    pub fn note(&mut self, traders: &[Trader], seen: &[Option<Seen>], now: i64) {
        for (trader, seen) in traders.iter().zip(seen) {
            let lacking = seen.as_ref().and_then(Seen::lacking);
            if let (Some(_), Some(seen), Some(lacking)) = (trader.credit, seen, lacking) {
                self.needs.push(Need {
                    account: trader.account,
                    time: now,
                    usable: seen.usable,
                    lacking,
                });
            }
            let (Role::Farmer(farm), Some(seen)) = (trader.role, seen) else {
                continue;
            };
            let [covered, bare, thin] = &mut self.farms;
            let noted = match farm {
                Farm::Covered => covered,
                Farm::Bare => bare,
                Farm::Thin => thin,
            };
            let held = seen.view.account.entries().first().and_then(|entry| {
                let market = seen.view.markets.first()?;
                market.holding(market.seat(entry.seat)?).ok()
            });
            noted.base = held.map_or(0, |held| held.base);
            noted.hedge = noted.hedge.max(noted.base);
            noted.equity = seen.risk.equity;
            let lowest = noted.equity_lowest.unwrap_or(i64::MAX);
            noted.equity_lowest = Some(lowest.min(noted.equity));
            noted.drawn = seen.view.account.credit_principal;
        }
    }
}
