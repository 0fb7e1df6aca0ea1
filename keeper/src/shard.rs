//! Which part of the work is this keeper's, where several share the markets. Every keeper decides alike and
//! sends only its own part, so the parts neither overlap nor leave anything out.

use std::collections::BTreeMap;

use plimsoll_engine::state::MarginAccount;
use solana_pubkey::Pubkey;

use crate::decide::Action;
use crate::mirror::Mirror;

/// Shard of what belongs to no market: accounts without a seat, and whatever is the exchange's own.
const EXCHANGE_WIDE: u64 = 0;

/// One of `count` equal configurations, told apart by `index`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Below `count`.
    pub index: u64,
    /// At least 1.
    pub count: u64,
    /// Markets that are assigned by hand, the same in every keeper.
    pub markets: BTreeMap<Pubkey, u64>,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            index: 0,
            count: 1,
            markets: BTreeMap::new(),
        }
    }
}

impl Shard {
    /// Whether an action is this keeper's to send.
    pub fn owns(&self, mirror: &Mirror, action: &Action) -> bool {
        self.count <= 1 || self.of(mirror, &action.key.subject) == self.index
    }

    /// The shard of a market: as assigned, else by a hash of its address.
    pub fn of_market(&self, market: &Pubkey) -> u64 {
        let assigned = self.markets.get(market).copied();
        assigned.unwrap_or_else(|| hash(market) % self.count.max(1))
    }

    /// A market's own; an account goes with the first market that it has a seat in, a line with its account.
    fn of(&self, mirror: &Mirror, subject: &Pubkey) -> u64 {
        if mirror.market(subject).is_some() {
            return self.of_market(subject);
        }
        let borrower = mirror
            .line(subject)
            .map(|line| Pubkey::from(line.margin_account));
        let account = mirror.account(borrower.as_ref().unwrap_or(subject));
        let first = account.and_then(|account: &MarginAccount| account.entries().first());
        first.map_or(EXCHANGE_WIDE, |entry| {
            self.of_market(&Pubkey::from(entry.market))
        })
    }
}

/// FNV-1a, 64 bits: the same in every build and on every machine.
fn hash(address: &Pubkey) -> u64 {
    let bytes = address.to_bytes();
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::stage::{clock, mirror_of, roles, two_sides};
    use crate::decide::{decide, Kind};
    use plimsoll_testkit::{bid, MarketSpec, World};

    fn shards(count: u64, markets: &BTreeMap<Pubkey, u64>) -> Vec<Shard> {
        let markets = || markets.clone();
        (0..count)
            .map(|index| Shard {
                index,
                count,
                markets: markets(),
            })
            .collect()
    }

    /// Three markets with refreshes due, one account below maintenance, claims and lines in between.
    fn busy() -> World {
        let mut world = two_sides();
        for symbol in ["ETH", "SOL"] {
            world.open_market(&MarketSpec::preset(symbol));
        }
        world.trader("maker", 100_000_000_000, &["AVAX"]);
        world.trader("other", 10_000_000_000, &["ETH", "SOL"]);
        let terms = world.terms(5_000_000_000, &["ETH"]);
        world.lend(
            "underwriter",
            "other",
            (2_000_000_000, 50_000_000_000),
            terms,
        );
        world
            .place("maker", "AVAX", bid(18_500, 400_000))
            .expect("a bid");
        world.advance_fresh(3_700);
        world.move_index("AVAX", 18_600);
        world.advance(1);
        for symbol in ["AVAX", "ETH", "SOL"] {
            let ticks = world.handle(symbol).price_ticks;
            world.publish(symbol, ticks + 1);
        }
        world
    }

    #[test]
    fn the_shards_leave_nothing_out_and_share_nothing() {
        let world = busy();
        let mirror = mirror_of(&world);
        let due = decide(&mirror, &clock(&world), &roles(&world));
        let kinds: std::collections::BTreeSet<Kind> =
            due.iter().map(|action| action.key.kind).collect();
        assert!(kinds.len() >= 3, "{kinds:?}");
        let avax = world.market_address("AVAX");
        for count in 1..=7 {
            for assigned in [BTreeMap::new(), BTreeMap::from([(avax, count - 1)])] {
                let shards = shards(count, &assigned);
                for action in &due {
                    let owners = shards.iter().filter(|shard| shard.owns(&mirror, action));
                    assert_eq!(owners.count(), 1, "{:?} of {count}", action.key);
                }
            }
        }
    }

    #[test]
    fn what_is_of_a_market_and_of_its_accounts_goes_where_the_market_is_assigned() {
        let world = busy();
        let mirror = mirror_of(&world);
        let due = decide(&mirror, &clock(&world), &roles(&world));
        let of_avax = [world.market_address("AVAX"), world.margin_address("long")];
        for index in 0..3 {
            let assigned = BTreeMap::from([(of_avax[0], index)]);
            for shard in shards(3, &assigned) {
                let theirs = due.iter().filter(|a| of_avax.contains(&a.key.subject));
                let owned: Vec<bool> = theirs.map(|a| shard.owns(&mirror, a)).collect();
                assert!(owned.len() >= 2);
                assert!(owned.iter().all(|owns| *owns == (shard.index == index)));
            }
        }
    }

    #[test]
    fn addresses_spread_evenly_and_the_same_everywhere() {
        let shard = Shard {
            count: 4,
            ..Shard::default()
        };
        let mut load = [0_u32; 4];
        for number in 0_u32..4_000 {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_le_bytes());
            let index = shard.of_market(&Pubkey::new_from_array(bytes));
            load[usize::try_from(index).expect("a shard")] += 1;
        }
        assert!(
            load.iter().all(|markets| (900..1_100).contains(markets)),
            "{load:?}"
        );
        // Keepers of different builds must agree: frozen.
        assert_eq!(hash(&Pubkey::default()), 0x0c82_1078_4d8a_f5a5);
    }
}
