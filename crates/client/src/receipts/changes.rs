//! Since which receipt a seat's shares are known to have been what they are now.
//!
//! An account does not say when it was last changed. The market's other events do, as far as all of them
//! were read: whoever reads them says where something is missing ([`Changes::gap`]), and from there back
//! nothing is known.

use std::collections::BTreeMap;

use solana_pubkey::Pubkey;

use crate::events::Event;

/// Which seats of a market changed after which of its receipts.
#[derive(Clone, Debug)]
pub struct Changes {
    market: Pubkey,
    /// Number of the last receipt before the present place in the events.
    receipts: u64,
    /// The same at the last place where something was not read.
    unread: u64,
    seats: BTreeMap<u32, u64>,
    accounts: BTreeMap<Pubkey, u64>,
}

impl Changes {
    /// Nothing was read yet. Events are to be given in order, from before the first receipt on.
    pub fn of(market: Pubkey) -> Self {
        Self {
            market,
            receipts: 0,
            unread: 0,
            seats: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// Takes the next event of the market's transactions.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::DeleveragingExecuted(executed) if executed.market == self.market => {
                self.receipts = self.receipts.max(executed.number);
                self.account(executed.margin_account);
            }
            Event::OrderPlaced(placed) if placed.market == self.market => {
                if placed.filled_lots != 0 {
                    self.account(placed.margin_account);
                }
                for fill in &placed.fills {
                    self.seat(fill.maker_seat);
                }
            }
            Event::TakenOver(taken) if taken.market == self.market => {
                self.account(taken.margin_account);
                self.account(taken.taker);
            }
            Event::SeatSynced(synced) if synced.market == self.market => self.seat(synced.seat),
            Event::SeatClaimed(claimed) if claimed.market == self.market => self.seat(claimed.seat),
            Event::SeatReleased(released) if released.market == self.market => {
                self.seat(released.seat);
            }
            _ => {}
        }
    }

    /// Something lies here that was not read: a log that was cut off, a transaction that the node no
    /// longer has, an event of a newer program.
    pub fn gap(&mut self) {
        self.unread = self.receipts;
    }

    fn seat(&mut self, seat: u32) {
        self.seats.insert(seat, self.receipts);
    }

    fn account(&mut self, account: Pubkey) {
        self.accounts.insert(account, self.receipts);
    }

    /// Number of the last receipt before the seat's last change, as far as is known: every later one met
    /// the shares that it has.
    pub fn last(&self, seat: u32, owner: &Pubkey) -> u64 {
        let seat = self.seats.get(&seat).copied().unwrap_or(0);
        let account = self.accounts.get(owner).copied().unwrap_or(0);
        self.unread.max(seat).max(account)
    }
}
