//! The venue of a trial: markets, margin accounts, one vault and its lines as the engine's own structs, changed by
//! the engine's own transitions and by nothing else.

mod course;
mod opening;

use anyhow::Result;
use plimsoll_client::assess::{assess, Assessed};
use plimsoll_client::MarketView;
use plimsoll_engine::book::arena::{MarketMut, MarketRef};
use plimsoll_engine::credit::{line, vault};
use plimsoll_engine::index::{FeedInput, PYTH_RECEIVER};
use plimsoll_engine::mark::{self, BookTop};
use plimsoll_engine::risk::LegRisk;
use plimsoll_engine::state::{CreditLine, CreditVault, DefaultFund, LineState, MarginAccount};
use plimsoll_engine::{cash, halt, Env};
use plimsoll_tapes::PricePoint;
use solana_pubkey::Pubkey;

use super::book::{Book, LineRow};
use super::tally::Tally;
use super::tape;
use crate::underwriter::facts::Sight;
use crate::underwriter::{Decision, Deed, State, VaultFacts};

/// A market with its tape.
struct Market {
    address: Pubkey,
    view: MarketView,
    points: Vec<PricePoint>,
    /// How far it was played.
    played: usize,
}

/// A borrower with its line.
pub(super) struct Borrower {
    pub(super) row: LineRow,
    address: Pubkey,
    account: MarginAccount,
    line_address: Pubkey,
    line: CreditLine,
    /// Money from elsewhere that is left.
    purse: u64,
    /// Start of the call that was last seen to lapse.
    lapsed: i64,
    pub(super) tally: Tally,
}

/// Everything that a trial plays.
pub(super) struct Venue {
    book: Book,
    markets: Vec<Market>,
    pub(super) borrowers: Vec<Borrower>,
    vault_address: Pubkey,
    vault: CreditVault,
    fund: DefaultFund,
    /// Holds the other side of every position, and takes over what is liquidated.
    house_address: Pubkey,
    house: MarginAccount,
    wallet: u64,
    pub(super) topped_up: u64,
    pub(super) halts: u64,
    env: Env,
}

/// What the vault is worth, quote atoms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Worth {
    pub face: u64,
    /// Of it the underwriter's junior stake, and everybody else's shares.
    pub junior: u64,
    pub ordinary: u64,
    pub drawn: u64,
    /// Past write-offs that may still be collected; no part of the face value.
    pub liens: u64,
}

impl Sight for Venue {
    fn account(&self, address: &Pubkey) -> Option<&MarginAccount> {
        let mut borrowers = self.borrowers.iter();
        let found = borrowers.find(|borrower| borrower.address == *address)?;
        Some(&found.account)
    }

    fn market(&self, address: &[u8; 32]) -> Option<MarketRef<'_>> {
        let mut markets = self.markets.iter();
        let found = markets.find(|market| market.address.to_bytes() == *address)?;
        Some(found.view.as_ref())
    }

    fn lines_of(&self, _: &Pubkey) -> Vec<(Pubkey, CreditLine)> {
        let lines = self.borrowers.iter();
        lines
            .map(|borrower| (borrower.line_address, borrower.line))
            .collect()
    }
}

impl Venue {
    /// What the desk would see now.
    pub(super) fn state(&self, stress_ppm: u64) -> Result<State> {
        let (address, vault) = (&self.vault_address, &self.vault);
        let facts = VaultFacts::read(self, address, vault, stress_ppm, &self.env)?;
        let marks = self.markets.iter();
        let marks = marks.map(|market| (market.address, market.view.header.prices.mark));
        Ok(State {
            vaults: vec![facts],
            marks: marks.collect(),
        })
    }

    /// The name of a line, or of the vault.
    pub(super) fn name(&self, subject: &Pubkey) -> String {
        let mut borrowers = self.borrowers.iter();
        let found = borrowers.find(|borrower| borrower.line_address == *subject);
        found.map_or_else(|| "vault".to_owned(), |found| found.row.name.clone())
    }

    pub(super) const fn now(&self) -> i64 {
        self.env.now
    }

    pub(super) fn worth(&self) -> Result<Worth> {
        let vault = &self.vault;
        let face = vault::face(vault)?;
        let junior = vault::worth(vault, vault.junior_shares, face)?;
        Ok(Worth {
            face,
            junior,
            ordinary: face.saturating_sub(junior),
            drawn: vault.drawn,
            liens: vault.liens,
        })
    }

    /// Carries a decision out, as the program would.
    pub(super) fn carry_out(&mut self, decision: &Decision) -> Result<()> {
        let env = self.env;
        if let Deed::TopUp { amount } = decision.deed {
            return self.top_up(amount);
        }
        let mut borrowers = self.borrowers.iter_mut();
        let found = borrowers.find(|borrower| borrower.line_address == decision.subject);
        let Some(borrower) = found else {
            return Ok(());
        };
        let (line, account) = (&mut borrower.line, &mut borrower.account);
        let tally = &mut borrower.tally;
        match decision.deed {
            Deed::Extend { deadline } => {
                line::extend_call(line, deadline, &env)?;
                tally.extensions = tally.extensions.saturating_add(1);
            }
            Deed::Consent { amount, expires_at } => {
                line::consent(line, amount, expires_at, &env)?;
                tally.consents = tally.consents.saturating_add(u64::from(amount != 0));
            }
            Deed::Recall => {
                line::recall(line, &env)?;
                tally.recalled_at = Some(env.now);
            }
            Deed::Close => {
                let address = borrower.line_address.to_bytes();
                line::close(account, line, &mut self.vault, &address, true, &env)?;
                tally.closed_at = Some(env.now);
            }
            Deed::TopUp { .. } => {}
        }
        Ok(())
    }

    /// Every drawn line is valued first: a vault takes money only then.
    fn top_up(&mut self, amount: u64) -> Result<()> {
        anyhow::ensure!(amount <= self.wallet, "the underwriter's wallet is empty");
        for number in 0..self.borrowers.len() {
            let Some(assessed) = self.look(number) else {
                continue;
            };
            if let Some(borrower) = self.borrowers.get(number) {
                if borrower.line.state == LineState::Active.byte() {
                    let line = &borrower.line;
                    line::revalue(line, &mut self.vault, &assessed.risk, self.env.now)?;
                }
            }
        }
        vault::buy(&mut self.vault, None, amount, &self.env)?;
        self.wallet = self.wallet.saturating_sub(amount);
        self.topped_up = self.topped_up.saturating_add(amount);
        Ok(())
    }

    /// A second later: prices, halts, then every account in turn.
    pub(super) fn advance(&mut self, last_of_tapes: i64) {
        self.env.now = self.env.now.saturating_add(1);
        self.env.slot = self.env.slot.saturating_add(2);
        let (env, holds) = (self.env, self.env.now > last_of_tapes);
        for market in &mut self.markets {
            let tripped = market.play(&env, holds);
            self.halts = self.halts.saturating_add(u64::from(tripped));
        }
        for number in 0..self.borrowers.len() {
            self.pass(number);
        }
    }

    /// A borrower as every step sees it.
    fn look(&self, number: usize) -> Option<Assessed> {
        let borrower = self.borrowers.get(number)?;
        let attached = borrower.account.credit_line != [0; 32];
        let credit = attached.then_some((&borrower.line, &self.vault));
        let address = borrower.address.to_bytes();
        let market = |key: &[u8; 32]| Sight::market(self, key);
        assess(&address, &borrower.account, credit, market, &self.env).ok()
    }

    /// Turns claims into cash: of the house first, so that its losses are there for those who won.
    fn settle(&mut self, number: usize) {
        let house = self.house_address;
        settle(&mut self.markets, &mut self.house, &house, &self.env);
        if let Some(borrower) = self.borrowers.get_mut(number) {
            let address = borrower.address;
            settle(
                &mut self.markets,
                &mut borrower.account,
                &address,
                &self.env,
            );
        }
    }
}

/// Settles every seat of an account. What cannot be settled now is left for later, as on chain.
fn settle(markets: &mut [Market], account: &mut MarginAccount, address: &Pubkey, env: &Env) {
    let (mut held, mut entries) = (Vec::new(), Vec::new());
    for market in markets {
        if let Some(entry) = account.entry_of(&market.address.to_bytes()) {
            held.push(market.borrow());
            entries.push(entry);
        }
    }
    let (address, others) = (address.to_bytes(), LegRisk::default());
    let _ = cash::settle(account, &address, &mut held, &entries, &others, env);
}

impl Market {
    fn borrow(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.view.header,
            blocks: &mut self.view.blocks,
        }
    }

    /// Plays this second's price, or the last one again once the tapes are over; whether a halt began.
    fn play(&mut self, env: &Env, holds: bool) -> bool {
        let header = &mut self.view.header;
        halt::catch_up(header, env);
        let mut due = None;
        while let Some(point) = self
            .points
            .get(self.played)
            .filter(|p| p.unix_seconds <= env.now)
        {
            due = Some(*point);
            self.played = self.played.saturating_add(1);
        }
        if holds {
            due = self.points.last().map(|last| PricePoint {
                unix_seconds: env.now,
                ..*last
            });
        }
        let Some(point) = due else {
            return false;
        };
        let data = tape::update(&header.params.feed_ids[0], &point);
        let feed = FeedInput {
            owner: PYTH_RECEIVER,
            data: &data,
        };
        // A price that the program refuses, of a second too wild, is none: the index grows old.
        let refreshed = mark::refresh(header, &[feed], BookTop::default(), env);
        let tripped = refreshed
            .ok()
            .and_then(|o| halt::on_refresh(header, &o, env));
        tripped.is_some_and(|trip| trip.halted)
    }
}
