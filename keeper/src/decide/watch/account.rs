//! A margin account of the mirror as the index takes it.

use plimsoll_engine::cash::account_cash;
use plimsoll_engine::credit::line;
use plimsoll_engine::risk::AccountCash;
use plimsoll_engine::seats::entry_seat;
use plimsoll_engine::state::{CreditLine, CreditVault, LineState, MarginAccount, Seat};
use plimsoll_triggers::{AccountState, MarketId};
use solana_pubkey::Pubkey;

use super::known::NEVER;
use crate::mirror::Mirror;

/// Interest is put in as of this many seconds ahead.
const AHEAD_SECONDS: i64 = 3_600;
/// The account is read again before they are over: after at least half an hour, the moments spread over the rest.
const AGES_SECONDS: u32 = 1_800;
const AGES_SPREAD: u32 = 1_740;

/// What is read of an account.
#[derive(Debug)]
pub(super) struct Read {
    cash: AccountCash,
    lendable: u64,
    call_deadline: i64,
    legs: Vec<(MarketId, Seat)>,
    /// Its own state asks for a look at every decision.
    pub(super) asks: bool,
    pub(super) call_ends: i64,
    pub(super) making: Vec<Pubkey>,
    /// Time as of which it was read, where interest runs.
    accrues_at: Option<i64>,
}

impl Read {
    pub(super) fn state(&self) -> AccountState<'_> {
        AccountState {
            cash: self.cash,
            lendable: self.lendable,
            call_deadline: self.call_deadline,
            legs: &self.legs,
        }
    }

    /// When it has to be read again.
    pub(super) fn ages(&self, id: u32) -> i64 {
        let spread = i64::from(AGES_SECONDS + id % AGES_SPREAD);
        self.accrues_at
            .map_or(NEVER, |at| at.saturating_add(spread))
    }
}

/// Cash with the interest that will have run; `None` where the engine cannot say.
fn cash_ahead(
    account: &MarginAccount,
    credit: Option<(&CreditLine, &CreditVault)>,
    now: i64,
) -> Option<(AccountCash, bool)> {
    let mut account = *account;
    let mut runs = false;
    if let Some((line, vault)) = credit {
        let (mut line, mut vault) = (*line, *vault);
        runs = line.state == LineState::Active.byte();
        let ahead = now.saturating_add(AHEAD_SECONDS);
        line::accrue(&mut account, &mut line, &mut vault, ahead).ok()?;
    }
    Some((account_cash(&account, now), runs))
}

/// Reads an account; `None`: there is none, or nothing could ever be due of it.
pub(super) fn read(
    mirror: &Mirror,
    address: &Pubkey,
    now: i64,
    market: impl Fn(&Pubkey) -> Option<MarketId>,
) -> Option<Read> {
    let account = mirror.account(address)?;
    if account.entries_len == 0 && account.credit_line == [0; 32] && account.lien == 0 {
        return None;
    }
    let line = mirror.line(&Pubkey::from(account.credit_line));
    let credit = line.and_then(|line| Some((line, mirror.vault(&Pubkey::from(line.vault))?)));
    let ahead = cash_ahead(account, credit, now);
    let (cash, runs) = ahead.unwrap_or_else(|| (account_cash(account, now), false));
    let mut legs = Vec::with_capacity(account.entries().len());
    let mut rests = false;
    for (position, entry) in account.entries().iter().enumerate() {
        let key = Pubkey::from(entry.market);
        let (Some(id), Some(view)) = (market(&key), mirror.market(&key)) else {
            continue;
        };
        // A seat that is not the account's makes it unreadable to the program, and to the roles.
        let Ok(seat) = entry_seat(account, position, &view.blocks, &address.to_bytes()) else {
            continue;
        };
        rests |= seat.orders != 0;
        legs.push((id, *seat));
    }
    let owes = account.credit_principal | account.credit_interest != 0;
    let flat = legs.iter().all(|(_, seat)| seat.shares == 0);
    let markets = account.entries().iter();
    let making = markets.map(|entry| Pubkey::from(entry.market));
    Some(Read {
        cash,
        lendable: u64::from(runs),
        call_deadline: line.map_or(0, |line| line.call_deadline),
        asks: account.lien != 0
            || account.takeover_started_at != 0
            || (owes && flat)
            || ahead.is_none(),
        call_ends: match line {
            Some(line) if account.credit_principal != 0 => line.call_deadline,
            _ => NEVER,
        },
        making: if rests { making.collect() } else { Vec::new() },
        accrues_at: runs.then_some(now),
        legs,
    })
}
