//! The box index of a keeper: after every event it says which accounts have crossed a threshold of spec §5, §8
//! and §10, without looking at the others.
//!
//! It mirrors markets and accounts and knows no chain: no I/O, no clock, no thread. The caller passes in what
//! it reads, and the time.
//!
//! # Thresholds
//!
//! | [`Standing`] | when |
//! |---|---|
//! | [`draw_due`](Standing::draw_due) | 100·Q < 105·MM, and the line would lend something |
//! | [`below_maintenance`](Standing::below_maintenance) | Q < MM |
//! | [`insolvent`](Standing::insolvent) | below maintenance, and Q ≤ 0 |
//! | [`below_on_lapsed_call`](Standing::below_on_lapsed_call) | the margin call has lapsed, and e < MM |
//! | [`unreadable`](Standing::unreadable) | the engine cannot value it: a seat more than five epochs behind |
//!
//! all but the last only where there is something to close (spec §5). A [`Crossing`] is reported in either
//! direction, so recovery is one. An account's standing is always the one that the engine's functions
//! (`position::held`, `risk::leg_at`, `AccountRisk`, `credit::line::lapsed`) give for the mirror at the index's
//! time; no formula of theirs stands here. Not watched: orders that outlive their margin, initial margin, and
//! whether a draw would cure, which are looked at for accounts that a crossing or an order has named.
//!
//! # How
//!
//! Between its thresholds an account may sit in a box: each of its legs gets a share Δ of the account's slack,
//! in proportion to its market's volatility, such that Σ |slope| × Δ ≤ slack. While no leg has moved by its Δ
//! against the holder, no threshold is crossed, and the account needs no look. Each leg's Δ is one trigger in an
//! ordered set of its side of the market; an account past a threshold has a second one for the way back. A tick
//! compares the side's key with the nearest trigger, and only accounts whose trigger it has reached are
//! assessed, exactly, and given new triggers.
//!
//! - **The key** is not the price but the effective price of a share, A·P + C, with what funding has moved on
//!   top, so that prices, funding and ADL are one kind of move (the module `key` has the proof).
//! - **Roundings** of value, claim, margin and of base atoms that an ADL event drops are kept back from the
//!   slack, by their bounds. Size tiers never rise without an update of the account or of the parameters.
//! - **Stale indices** give the holder a favour that can end at any moment. Who stays clear without it needs no
//!   care; who leans on it is *attended to*: assessed at every event of such a market.
//! - **Attended to** are besides all who are past a threshold or hold a position of less than 1,024 base atoms:
//!   when a market of theirs turns stale or fresh, reopens, or has a loss event.
//! - **Time**: [`TriggerIndex::advance`], or the time of any update, turns indices stale and lets calls lapse.
//!   Interest is the caller's: what is owed at the account's last update.
//!
//! # Cost
//!
//! With n legs on a side: a tick that reaches nothing O(1); else O(a bin) and O(legs) for each account reached. A
//! change of parameters, the end of an epoch or a 64-fold fall of a scale assesses the whole side. Memory is 24
//! bytes an account, 64 a leg and 16 an entry, of which there are hardly more than three times as many as legs, before
//! the growth of vectors.
//!
//! The set is a list of bins by key, none of them sorted, with lazy removal: nothing is searched for, a leg names
//! the entry that speaks for it, and a trigger that moves away leaves its entry where it is until that is reached.
//!
//! # Figures
//!
//! `make bench-keeper` measures, beside a full rescan in the same run, and writes `target/bench/keeper.json`.
//! Its population (`src/bin/bench-keeper/population.rs`): 32 markets at 5% initial margin with 1 to 4 basis
//! points of volatility a tick; 55% of the accounts in one market, 25% in two, 15% in four, 5% in eight, chosen
//! by popularity 1/rank; notional of a leg log-uniform from 100 to 100,000 USDC, long or short alike; leverage
//! log-uniform from 1 to 18; 2% with a line, 0.2% with drawn credit. It runs 200,000 calm ticks of one market
//! each, with funding, then ten times ten falls of all markets by 1% at once, each ten from that spread of
//! leverage, and checks the standing of every account by a full rescan 71 times.
//!
//! With 1,000,000 accounts and 2,049,271 legs, one thread pinned to one of two cores of an AMD EPYC that had a load
//! of 10 from elsewhere (`taskset -c 1 make bench-keeper`):
//!
//! | | p50 | p99 | full rescan, p50 |
//! |---|---|---|---|
//! | calm tick | 0.07 µs | 7.6 µs | 169 ms |
//! | crash tick, wall time | 43 ms | 105 ms | 164 ms |
//! | crash tick, processor time | 24 ms | 47 ms | |
//! | account update | 0.8 µs | 2.2 µs | |
//!
//! Nobody was missed; the cold start took 0.8 s; memory is 205 bytes an account at the start and 338 at the end. Of
//! 141,705 assessments in calm ticks 74,888 had crossed, of 3,231,432 in crash ticks 1,903,070. The crash ticks
//! **miss their goal** of 25 ms (p99): from the fourth percent on, 32,000 to 55,000 accounts are reached by a single
//! tick and more than half of them do cross, at about 0.6 µs of processor time each on this machine. The first three
//! percent, which bring at most 1,400 accounts to a trigger, take 0.1 ms. What is left is the assessment itself: the
//! sets take a fifth.

mod accounts;
mod error;
mod index;
mod key;
mod market;
mod set;
mod slack;
mod standing;

pub use accounts::AccountState;
pub use error::{IndexError, Result};
pub use index::{AccountId, Counters, Crossing, MarkUpdate, MarketId, TriggerIndex};
pub use standing::Standing;
