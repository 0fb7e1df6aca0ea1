//! The liquidator: asks the shared risk function about every account after every look at the chain, and
//! calls what anyone may call on those below maintenance, bots and farmers alike. It chooses no leg, no
//! price and no size; the program does. A takeover desk with cash of its own takes what the book does not.

use anyhow::{Context, Result};
use plimsoll_client::accounts;
use plimsoll_client::engine::credit::draw::{self, DrawInput};
use plimsoll_client::engine::halt;
use plimsoll_client::engine::liquidation::{takeover_terms, Standing};
use plimsoll_client::engine::risk::AccountRisk;
use plimsoll_client::engine::state::{CreditLine, CreditVault, MarginAccount};
use plimsoll_client::engine::Env;
use plimsoll_client::instructions::Liquidation;
use plimsoll_client::preview::AccountView;
use plimsoll_client::rpc::Connection;
use plimsoll_client::MarketView;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::cast::{shard_of, Role, Trader};
use super::tally::Kind;
use super::traffic::Outgoing;
use super::venue::Venue;

/// Better than the mark by this much, ppm, before the desk takes a position over.
const DESK_PPM: u128 = 3_000;

/// An account as of the last look.
#[derive(Clone, Debug)]
pub struct Seen {
    pub view: AccountView,
    pub risk: AccountRisk,
    /// What its credit line would lend now, quote atoms: U of spec §13.
    pub usable: u64,
}

impl Seen {
    /// What Q lacks to maintenance margin, quote atoms; `None` when it lacks nothing.
    pub fn lacking(&self) -> Option<u64> {
        let with_credit = i128::from(self.risk.equity_with_credit().ok()?);
        let lacking = i128::from(self.risk.maintenance_margin) - with_credit;
        u64::try_from(lacking).ok().filter(|lacking| *lacking != 0)
    }
}

/// What is read of a trader in one look.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    pub margin: MarginAccount,
    pub credit: Option<(CreditLine, CreditVault)>,
}

/// Reads every trader's margin account, line and vault, in one request.
pub async fn read(connection: &Connection, traders: &[Trader]) -> Result<Vec<Read>> {
    let credits = traders.iter().filter_map(|trader| trader.credit);
    let credits = credits.flat_map(|keys| [keys.line, keys.vault]);
    let margins = traders.iter().map(|trader| trader.account);
    let keys: Vec<Pubkey> = margins.chain(credits).collect();
    let found = connection.rpc().get_multiple_accounts(&keys).await;
    let found = found.context("the margin accounts cannot be read")?;
    let (margins, credits) = found.split_at(traders.len().min(found.len()));
    let mut credits = credits.iter();
    let mut next = || credits.next().cloned().flatten();
    let all = traders.iter().zip(margins);
    all.map(|(trader, account)| {
        let account = account.as_ref().context("a margin account is missing")?;
        let credit = match trader.credit {
            Some(_) => {
                let line = next().context("a credit line is missing")?;
                let vault = next().context("a vault is missing")?;
                let line = accounts::credit_line(&line.data)?;
                Some((line, accounts::credit_vault(&vault.data)?))
            }
            None => None,
        };
        Ok(Read {
            margin: accounts::margin_account(&account.data)?,
            credit,
        })
    })
    .collect()
}

/// Each trader's account with its markets and its risk, all as of one look.
pub fn see(
    venue: &Venue,
    traders: &[Trader],
    reads: &[Read],
    views: &[MarketView],
    now: i64,
) -> Vec<Option<Seen>> {
    let all = traders.iter().zip(reads);
    all.map(|(trader, Read { margin, credit })| {
        let markets = margin.entries().iter().map(|entry| {
            let mut listed = venue.markets.iter();
            let at = listed.position(|market| market.address.to_bytes() == entry.market)?;
            views.get(at).cloned()
        });
        let view = AccountView {
            address: trader.account,
            account: *margin,
            markets: markets.collect::<Option<_>>()?,
        };
        let risk = view.risk(now).ok()?;
        let usable = match credit {
            Some(credit) => usable(&view, &risk, credit, now)?,
            None => 0,
        };
        Some(Seen { view, risk, usable })
    })
    .collect()
}

fn usable(
    view: &AccountView,
    risk: &AccountRisk,
    (line, vault): &(CreditLine, CreditVault),
    now: i64,
) -> Option<u64> {
    let legs = view.liquidation_legs(Some(line), now).ok()?;
    let input = DrawInput {
        account: &view.account,
        risk,
        mandated_margin: legs.mandated_margin,
        reopened_at: legs.reopened_at,
        env: &Env { now, slot: 0 },
    };
    draw::usable(line, vault, &input).ok()
}

/// What is due on this look: for each account below maintenance one step, and takeovers where they are open.
pub fn due(venue: &Venue, traders: &[Trader], seen: &[Option<Seen>], now: i64) -> Vec<Outgoing> {
    let found = |role| traders.iter().position(|trader| trader.role == role);
    let (Some(caller), Some(desk)) = (found(Role::Liquidator), found(Role::Desk)) else {
        return Vec::new();
    };
    let (Some(caller), Some(taker)) = (traders.get(caller), traders.get(desk)) else {
        return Vec::new();
    };
    let taker = (taker, seen.get(desk).and_then(Option::as_ref));
    let mut due = Vec::new();
    for (trader, seen) in traders.iter().zip(seen) {
        let Some(seen) = seen else { continue };
        let below = !seen.risk.meets_maintenance().unwrap_or(true);
        due.extend(joins(venue, (caller, trader), seen, below, now));
        if !below {
            continue;
        }
        due.extend(step(venue, (caller, trader), seen, now));
        if trader.account != taker.0.account {
            due.extend(take_over(venue, taker, (caller, trader), seen, now));
        }
    }
    due
}

fn call<'a>(
    venue: &'a Venue,
    (caller, trader): (&Trader, &Trader),
    seen: &'a Seen,
    market: Pubkey,
) -> Liquidation<'a> {
    Liquidation {
        addresses: &venue.addresses,
        margin_account: trader.account,
        account: &seen.view.account,
        market,
        beneficiary: caller.account,
        credit: trader.credit,
    }
}

/// `liquidate` while anything is left to the account, `tear_up` when nothing is.
fn step(
    venue: &Venue,
    (caller, trader): (&Trader, &Trader),
    seen: &Seen,
    now: i64,
) -> Option<Outgoing> {
    let legs = seen.view.liquidation_legs(None, now).ok()?;
    let solvent = seen.risk.equity_with_credit().ok()? > 0;
    let flat = legs.iter().all(|leg| leg.held.base == 0);
    let leg = if flat && !solvent {
        legs.largest_loss()?
    } else {
        // None while the index of every market that it holds is stale: an old price liquidates nobody.
        legs.next().ok()?
    };
    let call = call(venue, (caller, trader), seen, Pubkey::from(leg.market));
    // Between an auction and the reopening losses are passed on, but no book trades.
    if solvent && !leg.matching {
        return None;
    }
    let (kind, built) = if solvent {
        let others = venue.markets.iter().map(|market| market.address);
        let others: Vec<Pubkey> = others.collect();
        (Kind::Liquidate, call.liquidate(shard_of(trader), &others))
    } else {
        (Kind::TearUp, call.tear_up())
    };
    Some(caller.says(kind, vec![built]))
}

/// The account's interest in the auctions that are called: put anew at every look while it is below
/// maintenance, and taken back once it is not.
fn joins(
    venue: &Venue,
    (caller, trader): (&Trader, &Trader),
    seen: &Seen,
    below: bool,
    now: i64,
) -> Vec<Outgoing> {
    let Ok(legs) = seen.view.liquidation_legs(None, now) else {
        return Vec::new();
    };
    let others: Vec<Pubkey> = venue.markets.iter().map(|market| market.address).collect();
    let called = legs.iter().filter(|leg| {
        let Some(market) = seen.view.markets.get(leg.entry) else {
            return false;
        };
        let halted = !halt::is_open(&market.header, now);
        let orders = market.orders_of_seat(leg.seat);
        let joined = orders.iter().any(|(_, order)| order.liquidation != 0);
        halted && leg.calling && (joined || below && leg.held.base != 0)
    });
    called
        .map(|leg| {
            let call = call(venue, (caller, trader), seen, Pubkey::from(leg.market));
            let built = call.join_auction(shard_of(trader), &others);
            caller.says(Kind::Join, vec![built])
        })
        .collect()
}

/// A takeover of all that may be taken, once the walking price is worth it.
fn take_over(
    venue: &Venue,
    (desk, desk_seen): (&Trader, Option<&Seen>),
    (caller, trader): (&Trader, &Trader),
    seen: &Seen,
    now: i64,
) -> Option<Outgoing> {
    let standing = Standing::of(&seen.risk, false, 0).ok()?;
    let legs = seen.view.liquidation_legs(None, now).ok()?;
    let leg = legs.next().ok()?;
    let market = Pubkey::from(leg.market);
    let view = seen.view.markets.get(leg.entry)?;
    let account = &seen.view.account;
    let terms = takeover_terms(account, &view.header.params, leg, &standing, now).ok()?;
    let better = u128::from(terms.price.0.abs_diff(leg.mark.0)) * 1_000_000;
    if better < u128::from(leg.mark.0) * DESK_PPM {
        return None;
    }
    let taker = (desk.account, &desk_seen?.view.account);
    let built = call(venue, (caller, trader), seen, market);
    let built = built.take_over(desk.key.pubkey(), taker, u64::MAX);
    Some(desk.says(Kind::TakeOver, vec![built]))
}
