//! The running desk: looks at the mirror, turns decisions into actions that the underwriter's key signs, and keeps
//! count of what was sent.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_client::instructions::{LoanAccounts, VaultAccounts};
use plimsoll_engine::credit::vault::{self, VALUATION_SECONDS_MAX};
use plimsoll_engine::math::seconds_since;
use plimsoll_engine::state::CreditVault;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use tracing::info;

use super::{judge, Decision, Deed, History, Journal, Past, Policy, State};
use crate::decide::accounts::credit_keys;
use crate::decide::{state_of, Action, Danger, Key, Kind, Signer, Tier};
use crate::execute::{Executed, Outcome};
use crate::mirror::{ChainClock, Mirror};

/// Valuations older than this are taken anew before a payment into the vault, seconds: it must still be young when
/// the payment lands.
const VALUED_MAX: u64 = VALUATION_SECONDS_MAX / 2;

/// Who signs, and out of which token account it pays into its vaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Underwriter {
    pub key: Pubkey,
    pub tokens: Pubkey,
}

/// A decision on its way.
#[derive(Debug)]
struct Sent {
    past: Past,
    number: i64,
}

/// The desk of one underwriter.
#[derive(Debug)]
pub struct Desk {
    policy: Policy,
    underwriter: Underwriter,
    dry_run: bool,
    history: History,
    journal: Journal,
    looked_at: Option<i64>,
    /// What the last look decided and was not sent since.
    due: Vec<(Action, Option<Decision>)>,
    sent: BTreeMap<Key, Sent>,
    /// Rules that a dry run wrote down, each key's last.
    simulated: BTreeMap<Key, &'static str>,
}

impl Desk {
    /// A desk that goes on where the journal ends.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn new(
        policy: Policy,
        underwriter: Underwriter,
        journal: Journal,
        dry_run: bool,
    ) -> Result<Self> {
        let mut history = History::default();
        journal
            .past()?
            .into_iter()
            .for_each(|past| history.note(past));
        Ok(Self {
            policy,
            underwriter,
            dry_run,
            history,
            journal,
            looked_at: None,
            due: Vec::new(),
            sent: BTreeMap::new(),
            simulated: BTreeMap::new(),
        })
    }

    /// What is due now; looked at anew once the file's seconds have passed.
    pub fn due(&mut self, mirror: &Mirror, clock: &ChainClock) -> Vec<Action> {
        let now = clock.now;
        let pause = self.policy.look_seconds;
        let looks = self
            .looked_at
            .is_none_or(|at| seconds_since(now, at) >= pause || now < at);
        if looks {
            self.looked_at = Some(now);
            self.look(mirror, clock);
        }
        self.due.iter().map(|(action, _)| action.clone()).collect()
    }

    fn look(&mut self, mirror: &Mirror, clock: &ChainClock) {
        let (stress, key) = (self.policy.stress_ppm, self.underwriter.key);
        let state = State::of(mirror, &key, stress, &clock.env());
        self.history.see(&state, clock.now);
        let decisions = judge(&self.policy, &state, &self.history, clock.now);
        self.due = decisions
            .into_iter()
            .flat_map(|decision| self.actions(mirror, clock, decision))
            .collect();
    }

    /// The action of a decision, or what has to come before it.
    fn actions(
        &self,
        mirror: &Mirror,
        clock: &ChainClock,
        decision: Decision,
    ) -> Vec<(Action, Option<Decision>)> {
        let Some(vault) = mirror.vault(&decision.vault) else {
            return Vec::new();
        };
        let topping_up = matches!(decision.deed, Deed::TopUp { .. });
        if topping_up && vault::bid(vault, clock.now).is_err() {
            let valued = valuations(mirror, clock, &decision.vault);
            return valued.map(|action| (action, None)).collect();
        }
        let action = self.action(mirror, vault, &decision);
        let with_decision = action.map(|action| (action, Some(decision)));
        with_decision.into_iter().collect()
    }

    fn action(&self, mirror: &Mirror, vault: &CreditVault, decision: &Decision) -> Option<Action> {
        let line = mirror.line(&decision.subject);
        let (kind, tier) = match decision.deed {
            Deed::Extend { .. } => (Kind::ExtendCall, Tier::Credit),
            Deed::Consent { .. } => (Kind::GiveConsent, Tier::Credit),
            Deed::Recall => (Kind::RecallLine, Tier::Credit),
            Deed::TopUp { .. } => (Kind::BuyJunior, Tier::Cash),
            Deed::Close => (Kind::CloseLine, Tier::Cash),
        };
        let drawn = line.map_or(0, |line| line.drawn);
        let state = line.map(|line| (line.call_deadline, line.recall_at, line.consent));
        Some(Action {
            key: Key {
                subject: decision.subject,
                kind,
            },
            danger: Danger {
                tier,
                amount: drawn.max(decision.deed.amount()),
            },
            signer: Signer::Underwriter,
            state: state_of(&(state, vault.cash, vault.junior_shares)),
            instructions: vec![self.instruction(mirror, vault, decision)?],
        })
    }

    fn instruction(
        &self,
        mirror: &Mirror,
        vault: &CreditVault,
        decision: &Decision,
    ) -> Option<Instruction> {
        let Underwriter { key, tokens } = self.underwriter;
        let accounts = VaultAccounts {
            addresses: mirror.addresses(),
            underwriter: key,
            id: vault.id,
        };
        let margin_account = decision.margin_account;
        Some(match decision.deed {
            Deed::Extend { deadline } => accounts.extend_call(&margin_account, deadline),
            Deed::Consent { amount, expires_at } => {
                accounts.give_consent(&margin_account, amount, expires_at)
            }
            Deed::Recall => accounts.recall_line(&margin_account),
            Deed::TopUp { amount } => accounts.buy_shares(key, tokens, amount, true),
            Deed::Close => {
                let loan = LoanAccounts {
                    addresses: mirror.addresses(),
                    margin_account,
                    account: mirror.account(&margin_account)?,
                    keys: accounts.keys(&margin_account),
                };
                loan.close_line(key)
            }
        })
    }

    /// Takes note that an action goes out; of a decision of its own it is written down first.
    ///
    /// # Errors
    /// When it cannot be written: then nothing may be sent.
    pub fn sending(&mut self, action: &Action, now: i64) -> Result<()> {
        let key = action.key;
        let Some(place) = self.due.iter().position(|(due, _)| due.key == key) else {
            return Ok(());
        };
        let (_, Some(decision)) = self.due.remove(place) else {
            return Ok(());
        };
        let new = self.simulated.get(&key) != Some(&decision.rule);
        if !self.dry_run || new {
            info!(
                rule = decision.rule,
                class = decision.class,
                deed = decision.deed.name(),
                subject = %decision.subject,
                amount = decision.deed.amount(),
                why = decision.reasons(),
                dry_run = self.dry_run,
                "the desk decides"
            );
        }
        if self.dry_run {
            if new {
                self.journal.write(now, &decision, "simulated")?;
                self.simulated.insert(key, decision.rule);
            }
            return Ok(());
        }
        let number = self.journal.write(now, &decision, "sent")?;
        let past = Past {
            at: now,
            subject: decision.subject,
            deed: decision.deed,
        };
        self.history.note(past);
        self.sent.insert(key, Sent { past, number });
        Ok(())
    }

    /// Takes note of what an action came to. What surely failed counts no longer.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn report(&mut self, executed: &Executed) -> Result<()> {
        let Some(sent) = self.sent.remove(&executed.report.key) else {
            return Ok(());
        };
        let outcome = &executed.report.outcome;
        let signature = executed.signature;
        let unproven = matches!(outcome, Outcome::Expired | Outcome::Transient(_));
        let counts = *outcome == Outcome::Landed || (unproven && signature.is_some());
        let name = if counts || !unproven {
            outcome.name()
        } else {
            "not_sent"
        };
        if !counts {
            self.history.forget(&sent.past);
        }
        let signature = signature.map(|signature| signature.to_string());
        self.journal.end(sent.number, name, signature)
    }
}

/// Valuations of a vault's drawn lines that are too old for a payment into it; anyone may take them.
fn valuations<'a>(
    mirror: &'a Mirror,
    clock: &'a ChainClock,
    vault: &'a Pubkey,
) -> impl Iterator<Item = Action> + 'a {
    let lines = mirror.lines();
    let drawn = lines.filter(|(_, line)| line.drawn != 0 && line.vault == vault.to_bytes());
    drawn.filter_map(move |(address, line)| {
        let slots = &mirror.vault(vault)?.slots;
        let slot = slots.get(usize::from(line.slot))?;
        if seconds_since(clock.now, slot.valued_at) <= VALUED_MAX {
            return None;
        }
        let margin_account = Pubkey::from(line.margin_account);
        let account = mirror.account(&margin_account)?;
        let loan = LoanAccounts {
            addresses: mirror.addresses(),
            margin_account,
            account,
            keys: credit_keys(mirror, account)?,
        };
        Some(Action {
            key: Key {
                subject: *address,
                kind: Kind::ValueLine,
            },
            danger: Danger {
                tier: Tier::Cash,
                amount: line.drawn,
            },
            signer: Signer::Payer,
            state: state_of(&slot.valued_at),
            instructions: vec![loan.value_line()],
        })
    })
}
