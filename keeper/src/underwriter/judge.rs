//! What a policy does about a state: pure, synchronous and deterministic, the same for the running desk and the
//! trial. A decision names its rule and every figure it rests on, beside the bound.

mod inputs;
mod rules;
#[cfg(test)]
mod tests;

pub use inputs::{Input, Sign};

use plimsoll_engine::state::LineState;
use solana_pubkey::Pubkey;

use super::history::{DAY, MONTH};
use super::policy::{Class, Policy};
use super::{History, LineFacts, State, VaultFacts};

/// What an underwriter's key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Moves a call's deadline, unix seconds.
    Extend {
        deadline: i64,
    },
    /// Allows draws of a discretionary line: quote atoms, until when. Nothing: takes a consent back.
    Consent {
        amount: u64,
        expires_at: i64,
    },
    /// Buys junior shares, quote atoms.
    TopUp {
        amount: u64,
    },
    Recall,
    /// Closes a recalled line, or takes back an offer.
    Close,
}

impl Deed {
    /// The name, in snake case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Extend { .. } => "extend_call",
            Self::Consent { .. } => "give_consent",
            Self::TopUp { .. } => "buy_junior",
            Self::Recall => "recall_line",
            Self::Close => "close_line",
        }
    }

    /// Quote atoms that it lets go of; zero where it moves none.
    pub const fn amount(&self) -> u64 {
        match self {
            Self::Consent { amount, .. } | Self::TopUp { amount } => *amount,
            _ => 0,
        }
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule as the file names it.
    pub rule: &'static str,
    /// Class of the line; empty for what is about the whole vault.
    pub class: String,
    pub vault: Pubkey,
    /// The line, or the vault for a payment into it.
    pub subject: Pubkey,
    /// The line's margin account; zero for the vault.
    pub margin_account: Pubkey,
    pub deed: Deed,
    pub why: Vec<Input>,
}

impl Decision {
    /// Its inputs in a line.
    pub fn reasons(&self) -> String {
        let inputs: Vec<String> = self.why.iter().map(Input::to_string).collect();
        inputs.join(", ")
    }
}

/// What the caps leave, in this look.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    extensions: u64,
    recalls: u64,
    consented: u64,
    topped_up: u64,
}

impl Done {
    fn of(history: &History, now: i64) -> Self {
        let mut done = Self::default();
        let day = history.deeds(now.saturating_sub(DAY).saturating_add(1));
        day.for_each(|past| done.add(&past.deed));
        done
    }

    fn add(&mut self, deed: &Deed) {
        match deed {
            Deed::Extend { .. } => self.extensions = self.extensions.saturating_add(1),
            Deed::Recall => self.recalls = self.recalls.saturating_add(1),
            Deed::Consent { amount, .. } => self.consented = self.consented.saturating_add(*amount),
            Deed::TopUp { amount } => self.topped_up = self.topped_up.saturating_add(*amount),
            Deed::Close => {}
        }
    }
}

/// Everything that a rule reads.
#[derive(Clone, Copy)]
struct Scene<'a> {
    policy: &'a Policy,
    vault: &'a VaultFacts,
    history: &'a History,
    now: i64,
    done: &'a Done,
}

/// What the policy does now, vault by vault in the order of the state: what was decided first uses up the day's caps
/// first, in a vault the calls with the nearest deadline before others, then by address. Equal inputs give equal
/// decisions.
pub fn judge(policy: &Policy, state: &State, history: &History, now: i64) -> Vec<Decision> {
    let mut done = Done::of(history, now);
    let mut decisions = Vec::new();
    for vault in &state.vaults {
        let mut lines: Vec<&LineFacts> = vault.lines.iter().collect();
        lines.sort_by_key(|found| {
            let runs = found.line.call_opened_at != 0;
            (!runs, found.line.call_deadline, found.address)
        });
        let mut decide = |made: &mut dyn FnMut(&Scene<'_>) -> Option<Decision>| {
            let scene = Scene {
                policy,
                vault,
                history,
                now,
                done: &done,
            };
            if let Some(decision) = made(&scene) {
                done.add(&decision.deed);
                decisions.push(decision);
            }
        };
        for line in lines {
            decide(&mut |scene| scene.line(line));
        }
        decide(&mut |scene| scene.top_up());
    }
    decisions
}

impl Scene<'_> {
    /// One step of a line at a time: take back, close, recall, extend, consent.
    fn line(&self, facts: &LineFacts) -> Option<Decision> {
        let class = self.policy.class(&facts.address, &facts.line);
        if facts.line.state == LineState::Offered.byte() {
            return self.withdraw_offer(facts);
        }
        let open = [LineState::Accepted.byte(), LineState::Active.byte()];
        if !open.contains(&facts.line.state) {
            return None;
        }
        // A recalled line still lends until its notice is over.
        if let Some(taken_back) = self.withdraw_consent(facts) {
            return Some(taken_back);
        }
        if facts.line.recall_at != 0 {
            return self.close_recalled(facts, class?);
        }
        let class = class?;
        let recalled = self.recall(facts, class);
        let extended = || self.extend(facts, class);
        recalled
            .or_else(extended)
            .or_else(|| self.consent(facts, class))
    }

    fn decision(
        &self,
        rule: &'static str,
        (facts, class): (&LineFacts, Option<&Class>),
        deed: Deed,
        why: Vec<Input>,
    ) -> Decision {
        Decision {
            rule,
            class: class.map_or_else(String::new, |class| class.name.clone()),
            vault: self.vault.address,
            subject: facts.address,
            margin_account: Pubkey::from(facts.line.margin_account),
            deed,
            why,
        }
    }

    /// Extensions of a line since a time.
    fn extensions(&self, line: &Pubkey, from: i64) -> u64 {
        let deeds = self.history.deeds(from);
        let of_line = deeds.filter(|past| past.subject == *line);
        let extensions = of_line.filter(|past| matches!(past.deed, Deed::Extend { .. }));
        u64::try_from(extensions.count()).unwrap_or(u64::MAX)
    }

    fn month(&self) -> i64 {
        self.now.saturating_sub(MONTH).saturating_add(1)
    }
}
