//! Random operations on the bytecode from a seed: what the random test and the conformance test share.

use plimsoll_testkit::{Actor, MarketSpec, OrderArgs, Outcome, World};

pub const SYMBOLS: [&str; 3] = ["AVAX", "BTC", "ETH"];

/// Two of them are margin accounts of one owner.
pub fn actor(who: usize) -> Actor {
    let names = ["ann", "ann", "bob", "cat", "dan", "eve"];
    Actor::from(names[who % names.len()]).sub(u16::from(who == 1))
}

pub const ACTORS: usize = 6;

/// One step.
#[derive(Clone, Debug)]
pub enum Op {
    Deposit {
        who: usize,
        amount: u64,
    },
    Withdraw {
        who: usize,
        amount: u64,
    },
    Place {
        who: usize,
        market: usize,
        order: OrderArgs,
    },
    PlaceMany {
        who: usize,
        market: usize,
        orders: Vec<OrderArgs>,
    },
    Cancel {
        who: usize,
        market: usize,
        order: u32,
        sequence: u64,
    },
    CancelByClientId {
        who: usize,
        market: usize,
        client_id: u64,
    },
    CancelAll {
        who: usize,
        market: usize,
        limit: u8,
    },
    RemoveExpired {
        market: usize,
        order: u32,
        sequence: u64,
    },
    Settle {
        who: usize,
        markets: Vec<usize>,
    },
    Refresh {
        market: usize,
        seconds: i64,
        ticks: u64,
    },
    Sweep {
        market: usize,
    },
    Release {
        who: usize,
        market: usize,
    },
    Claim {
        who: usize,
        market: usize,
        slots: u8,
    },
}

impl Op {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deposit { .. } => "deposit",
            Self::Withdraw { .. } => "withdraw",
            Self::Place { .. } => "place",
            Self::PlaceMany { .. } => "place_many",
            Self::Cancel { .. } => "cancel",
            Self::CancelByClientId { .. } => "cancel_by_client_id",
            Self::CancelAll { .. } => "cancel_all",
            Self::RemoveExpired { .. } => "remove_expired",
            Self::Settle { .. } => "settle",
            Self::Refresh { .. } => "refresh",
            Self::Sweep { .. } => "sweep",
            Self::Release { .. } => "release",
            Self::Claim { .. } => "claim",
        }
    }
}

/// A world and the random numbers that drive it (splitmix64).
pub struct Sequence {
    pub world: World,
    state: u64,
}

/// The seed of the environment, or the one given; printed, so that a failure can be run again.
pub fn seed(default: u64) -> u64 {
    let seed = std::env::var("PLIMSOLL_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default);
    println!("seed {seed}: PLIMSOLL_SEED={seed} runs it again");
    seed
}

impl Sequence {
    pub fn new(seed: u64) -> Self {
        let mut world = World::new();
        for symbol in SYMBOLS {
            world.open_market(&MarketSpec::preset(symbol).blocks(160));
        }
        for who in 0..ACTORS {
            world.trader(actor(who), 20_000_000, &SYMBOLS);
        }
        Self { world, state: seed }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }

    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap())).unwrap()
    }

    pub fn has_seat(&self, who: usize, market: usize) -> bool {
        let address = self.world.market_address(SYMBOLS[market]).to_bytes();
        self.world.account(actor(who)).entry_of(&address).is_some()
    }

    /// Sequences go on: nobody stays without a seat for long, so a missing one is claimed first.
    pub fn ready(&mut self, op: &Op) {
        let (Op::Place { who, market, .. }
        | Op::PlaceMany { who, market, .. }
        | Op::Cancel { who, market, .. }
        | Op::CancelByClientId { who, market, .. }
        | Op::CancelAll { who, market, .. }) = op
        else {
            if let Op::Refresh {
                market,
                seconds,
                ticks,
            } = op
            {
                self.world.advance(*seconds);
                self.world.publish(SYMBOLS[*market], *ticks);
            }
            return;
        };
        if !self.has_seat(*who, *market) {
            self.world
                .claim_seat(actor(*who), SYMBOLS[*market], 5)
                .unwrap();
        }
    }

    /// Sends a step.
    pub fn run(&mut self, op: &Op) -> Outcome {
        let world = &mut self.world;
        match op {
            Op::Deposit { who, amount } => world.deposit(actor(*who), *amount),
            Op::Withdraw { who, amount } => world.withdraw(actor(*who), *amount),
            Op::Place { who, market, order } => world.place(actor(*who), SYMBOLS[*market], *order),
            Op::PlaceMany {
                who,
                market,
                orders,
            } => world.place_many(actor(*who), SYMBOLS[*market], orders),
            Op::Cancel {
                who,
                market,
                order,
                sequence,
            } => world.cancel(actor(*who), SYMBOLS[*market], *order, *sequence),
            Op::CancelByClientId {
                who,
                market,
                client_id,
            } => world.cancel_by_client_id(actor(*who), SYMBOLS[*market], *client_id),
            Op::CancelAll { who, market, limit } => {
                world.cancel_all(actor(*who), SYMBOLS[*market], *limit)
            }
            Op::RemoveExpired {
                market,
                order,
                sequence,
            } => world.remove_expired(SYMBOLS[*market], *order, *sequence),
            Op::Settle { who, markets } => {
                let symbols: Vec<&str> = markets.iter().map(|market| SYMBOLS[*market]).collect();
                world.settle(actor(*who), &symbols)
            }
            Op::Refresh { market, .. } => world.refresh(SYMBOLS[*market]),
            Op::Sweep { market } => world.sweep_fees(SYMBOLS[*market]),
            Op::Release { who, market } => world.release_seat(actor(*who), SYMBOLS[*market]),
            Op::Claim { who, market, slots } => {
                world.claim_seat(actor(*who), SYMBOLS[*market], *slots)
            }
        }
    }
}
