//! What happens by the clock and not by opinion: a deposit in every minute and every halt, withdrawals now and then,
//! a settlement of everybody every few minutes.

use plimsoll_client::instructions::{self, Withdrawal};
use plimsoll_client::MarketView;
use solana_signer::Signer;

use super::cast::{deposit, shard_of, Role, Trader};
use super::money::USD;
use super::random::Random;
use super::sight::Sight;
use super::story::{Story, MINUTE, SEED};
use super::tally::Kind;
use super::traffic::Outgoing;
use super::venue::Venue;

/// What the saver deposits every minute, quote atoms.
pub const SAVED: u64 = USD;
/// What the hedger adds to its margin every minute, quote atoms.
const TOPPED_UP: u64 = 250 * USD;
/// Into each minute at which deposits are sent, tape seconds.
const DEPOSIT_SECOND: i64 = 15;
/// Tape seconds between two withdrawals.
const WITHDRAW_SECONDS: i64 = 75;
/// Value of a withdrawal, quote atoms.
const WITHDRAWN: (u64, u64) = (100 * USD, 2_000 * USD);
/// Stream of the seed.
const STREAM: u64 = 900;

/// Which duties are done.
#[derive(Debug)]
pub struct Duties {
    start: i64,
    settle_seconds: i64,
    settled_at: i64,
    /// Minutes whose deposits were sent.
    minutes: i64,
    withdrawn_at: i64,
    random: Random,
    /// By market, halts in which a deposit was made.
    halts: Vec<u64>,
}

impl Duties {
    pub fn new(story: &Story) -> Self {
        Self {
            start: story.tape_start,
            settle_seconds: story.settle_seconds,
            settled_at: story.tape_start,
            minutes: 0,
            withdrawn_at: story.tape_start,
            random: Random::of(SEED, STREAM),
            halts: Vec::new(),
        }
    }

    /// What is due at a second of the tape.
    pub fn due(&mut self, venue: &Venue, traders: &[Trader], tape_seconds: i64) -> Vec<Outgoing> {
        let mut due = Vec::new();
        let played = tape_seconds - self.start;
        if played >= self.minutes * MINUTE + DEPOSIT_SECOND {
            self.minutes = played.div_euclid(MINUTE) + 1;
            due.extend(deposits(venue, traders));
        }
        if tape_seconds - self.withdrawn_at >= WITHDRAW_SECONDS {
            self.withdrawn_at = tape_seconds;
            due.extend(self.withdrawal(venue, traders));
        }
        due
    }

    /// A deposit in every halt, as soon as it is seen: nothing stands in front of one.
    pub fn in_halts(
        &mut self,
        venue: &Venue,
        traders: &[Trader],
        (views, sights): (&[MarketView], &[Sight]),
    ) -> Vec<Outgoing> {
        self.halts.resize(views.len(), 0);
        let mut begun = false;
        for ((view, sight), known) in views.iter().zip(sights).zip(&mut self.halts) {
            let sequence = view.header.halt.sequence;
            if !sight.is_open() && sequence > *known {
                *known = sequence;
                begun = true;
            }
        }
        let savers = traders.iter().filter(|trader| trader.role == Role::Saver);
        savers
            .filter(|_| begun)
            .map(|saver| saver.says(Kind::Deposit, vec![deposit(venue, saver, SAVED)]))
            .collect()
    }

    /// Whether everybody is to be settled at a second of the tape.
    pub fn settle_due(&mut self, tape_seconds: i64) -> bool {
        let due = tape_seconds - self.settled_at >= self.settle_seconds;
        if due {
            self.settled_at = tape_seconds;
        }
        due
    }

    fn withdrawal(&mut self, venue: &Venue, traders: &[Trader]) -> Option<Outgoing> {
        let roles = traders.iter().map(|trader| trader.role);
        let last = roles.filter(|role| is_of_the_crowd(*role)).count();
        let last = u64::try_from(last).ok()?.checked_sub(1)?;
        let choice = usize::try_from(self.random.between(0, last)).ok()?;
        let trader = traders.get(choice)?;
        let (low, high) = WITHDRAWN;
        // The saver's deposits are counted on chain: it takes nothing out.
        if trader.role == Role::Saver {
            return None;
        }
        let withdrawal = Withdrawal {
            owner: trader.key.pubkey(),
            margin_account: trader.account,
            destination: trader.tokens,
            shard: shard_of(trader),
            amount: self.random.between(low / USD, high / USD) * USD,
        };
        let margin = trader.margin.as_ref()?;
        let built = instructions::withdraw(&venue.addresses, margin, &withdrawal);
        Some(trader.says(Kind::Withdraw, vec![built]))
    }
}

/// Who was there before the farmers came: these stand first, and withdraw now and then.
const fn is_of_the_crowd(role: Role) -> bool {
    matches!(role, Role::Maker | Role::Taker | Role::Hedger | Role::Saver)
}

fn deposits(venue: &Venue, traders: &[Trader]) -> Vec<Outgoing> {
    let amounts = traders.iter().filter_map(|trader| match trader.role {
        Role::Saver => Some((trader, SAVED)),
        Role::Hedger => Some((trader, TOPPED_UP)),
        _ => None,
    });
    amounts
        .map(|(trader, atoms)| trader.says(Kind::Deposit, vec![deposit(venue, trader, atoms)]))
        .collect()
}
