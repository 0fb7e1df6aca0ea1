//! Looks at every account after every round, by the program's own functions on the chain's state: which may be
//! liquidated, for how long, and whether anything could be done about it.

use std::collections::BTreeMap;
use std::fmt;

use plimsoll_client::accounts;
use plimsoll_client::assess::{assess, Assessed};
use plimsoll_client::MarketView;
use plimsoll_engine::book::arena::MarketMut;
use plimsoll_engine::liquidation::{reduce_in_book, BookStep, Leg, Standing};
use plimsoll_engine::place::MatchPlan;
use plimsoll_engine::state::{HaltPhase, MarginAccount};
use plimsoll_engine::{EngineError, Env};
use solana_pubkey::Pubkey;

/// Accounts of the chain at one moment.
pub type Seen = BTreeMap<Pubkey, Vec<u8>>;

/// What there is to do for an account that may be liquidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A step that anyone may send would change it.
    Step,
    /// Only somebody with cash can help: the book holds nothing at its zero price or better, the walk of a takeover is
    /// open, and it is not insolvent.
    Counterparty,
}

/// What an account showed last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Face {
    legs: Vec<(i64, u8)>,
    collateral: i64,
    principal: u64,
    walk: i64,
}

/// An unbroken stretch in which an account might have been liquidated.
#[derive(Clone, Debug, Default)]
struct Stretch {
    face: Face,
    rounds: u64,
    /// Of them without any keeper.
    dead: u64,
    /// The present run of rounds with a keeper, a step to send, and no change.
    idle: u64,
    waits: u64,
}

/// An account that was left, and when that was seen.
#[derive(Clone, Debug)]
pub struct Left {
    account: Pubkey,
    second: i64,
    face: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (account, second) = (self.account, self.second);
        write!(f, "{account} was left at second {second}: {}", self.face)
    }
}

/// What was seen in all.
#[derive(Debug, Default)]
pub struct Findings {
    pub rounds: u64,
    pub dead_rounds: u64,
    /// Accounts that might have been liquidated at some time.
    pub liquidatable: usize,
    /// Longest stretches, rounds: in all, of which none with a keeper; idle with a keeper; waiting for somebody's cash.
    pub longest: u64,
    pub longest_dead: u64,
    pub longest_idle: u64,
    pub longest_wait: u64,
    /// Accounts whose margin was read while they were being changed.
    pub unread: u64,
    pub left: Vec<Left>,
    /// Accounts that owed something to a line at some time, and accounts with a margin call.
    pub drawn: usize,
    pub called: usize,
}

/// Follows all accounts.
#[derive(Debug)]
pub struct Observer {
    /// Rounds for which a step may be due with a keeper and no change be seen.
    allowed: u64,
    stretches: BTreeMap<Pubkey, Stretch>,
    ever: BTreeMap<Pubkey, [bool; 3]>,
    findings: Findings,
}

impl Observer {
    pub fn new(allowed: u64) -> Self {
        Self {
            allowed,
            stretches: BTreeMap::new(),
            ever: BTreeMap::new(),
            findings: Findings::default(),
        }
    }

    /// Accounts that a step would help at this moment.
    pub fn in_need(seen: &Seen, env: &Env) -> usize {
        let markets = markets(seen);
        let accounts = seen.iter().filter_map(|(address, data)| {
            let account = accounts::margin_account(data).ok()?;
            read(seen, &markets, address, &account, env).ok()
        });
        let needs = accounts.map(|assessed| need(&markets, &assessed, env));
        needs.filter(|need| *need == Some(Need::Step)).count()
    }

    /// One round is over; `alive`: a keeper was ready all through it.
    pub fn look(&mut self, seen: &Seen, env: &Env, second: i64, alive: bool) {
        self.findings.rounds += 1;
        self.findings.dead_rounds += u64::from(!alive);
        let markets = markets(seen);
        for (address, data) in seen {
            let Ok(account) = accounts::margin_account(data) else {
                continue;
            };
            match read(seen, &markets, address, &account, env) {
                Ok(assessed) => self.follow(&markets, &assessed, *address, (second, env), alive),
                Err(_) => self.findings.unread += 1,
            }
        }
    }

    fn follow(
        &mut self,
        markets: &BTreeMap<Pubkey, MarketView>,
        assessed: &Assessed,
        address: Pubkey,
        (second, env): (i64, &Env),
        alive: bool,
    ) {
        let need = need(markets, assessed, env);
        let ever = self.ever.entry(address).or_default();
        let called = assessed
            .credit
            .is_some_and(|(line, _)| line.call_deadline != 0);
        for (flag, now) in ever.iter_mut().zip([
            need.is_some(),
            assessed.account.credit_principal != 0,
            called,
        ]) {
            *flag |= now;
        }
        let Some(need) = need else {
            self.stretches.remove(&address);
            return;
        };
        let stretch = self.stretches.entry(address).or_default();
        let face = face(assessed);
        let moved = std::mem::replace(&mut stretch.face, face) != stretch.face;
        stretch.rounds += 1;
        stretch.dead += u64::from(!alive);
        let waits = need == Need::Counterparty;
        stretch.waits = if waits { stretch.waits + 1 } else { 0 };
        stretch.idle = match (alive && !waits, moved) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => stretch.idle + 1,
        };
        let findings = &mut self.findings;
        findings.longest = findings.longest.max(stretch.rounds);
        findings.longest_dead = findings.longest_dead.max(stretch.dead);
        findings.longest_idle = findings.longest_idle.max(stretch.idle);
        findings.longest_wait = findings.longest_wait.max(stretch.waits);
        if stretch.idle == self.allowed + 1 {
            findings.left.push(Left {
                account: address,
                second,
                face: format!("{:?} {:?}", stretch.face, tried(markets, assessed, env)),
            });
        }
    }

    pub fn end(mut self) -> Findings {
        let count = |flag: usize| self.ever.values().filter(|flags| flags[flag]).count();
        let counts = [count(0), count(1), count(2)];
        let findings = &mut self.findings;
        [findings.liquidatable, findings.drawn, findings.called] = counts;
        self.findings
    }
}

fn markets(seen: &Seen) -> BTreeMap<Pubkey, MarketView> {
    let markets = seen.iter();
    markets
        .filter_map(|(address, data)| Some((*address, MarketView::decode(data).ok()?)))
        .collect()
}

fn read(
    seen: &Seen,
    markets: &BTreeMap<Pubkey, MarketView>,
    address: &Pubkey,
    account: &MarginAccount,
    env: &Env,
) -> Result<Assessed, EngineError> {
    let at = |key: [u8; 32]| seen.get(&Pubkey::from(key));
    let line = at(account.credit_line).and_then(|data| accounts::credit_line(data).ok());
    let credit = line.and_then(|line| {
        let vault = accounts::credit_vault(at(line.vault)?).ok()?;
        Some((line, vault))
    });
    assess(
        &address.to_bytes(),
        account,
        credit.as_ref().map(|(line, vault)| (line, vault)),
        |key| markets.get(&Pubkey::from(*key)).map(MarketView::as_ref),
        env,
    )
}

fn face(assessed: &Assessed) -> Face {
    let account = &assessed.account;
    Face {
        legs: assessed
            .legs
            .iter()
            .map(|leg| (leg.held.base, leg.orders))
            .collect(),
        collateral: account.collateral,
        principal: account.credit_principal,
        walk: account.takeover_started_at,
    }
}

/// What there is to do, where all indices are fresh and all markets open; `None`: the account may not be liquidated.
fn need(markets: &BTreeMap<Pubkey, MarketView>, assessed: &Assessed, env: &Env) -> Option<Need> {
    let mut held = assessed.legs.iter().zip(&assessed.states);
    let open = held.all(|(leg, state)| {
        leg.held.base == 0 || (state.fresh && state.phase == HaltPhase::Continuous)
    });
    if !open || assessed.liquidatable().is_err() {
        return None;
    }
    let Ok(standing) = assessed.standing() else {
        return Some(Need::Step);
    };
    if standing.with_credit <= 0 || assessed.legs.orders_rest() || assessed.try_draw().is_ok() {
        return Some(Need::Step);
    }
    let Ok(leg) = assessed.legs.next() else {
        return Some(Need::Step);
    };
    let view = markets.get(&Pubkey::from(leg.market))?;
    let step = try_step(view, leg, &standing, env);
    let opens = assessed.account.takeover_started_at == 0;
    let does = step.is_ok_and(|step| {
        step.filled_lots != 0 || step.trip.is_some() || (step.book_ended && opens)
    });
    Some(if does { Need::Step } else { Need::Counterparty })
}

/// The same, for who asks why an account was left.
fn tried(
    markets: &BTreeMap<Pubkey, MarketView>,
    assessed: &Assessed,
    env: &Env,
) -> Result<(Standing, BookStep), EngineError> {
    let (standing, leg) = (assessed.standing()?, assessed.legs.next()?);
    let view = markets.get(&Pubkey::from(leg.market));
    let view = view.ok_or(EngineError::WrongMarketAccounts)?;
    Ok((standing, try_step(view, leg, &standing, env)?))
}

/// What reducing a leg in the book would do now.
fn try_step(
    view: &MarketView,
    leg: &Leg,
    standing: &Standing,
    env: &Env,
) -> Result<BookStep, EngineError> {
    let mut copy = view.clone();
    let mut market = MarketMut {
        header: &mut copy.header,
        blocks: &mut copy.blocks,
    };
    reduce_in_book(&mut market, leg, standing, env, &mut MatchPlan::default())
}
