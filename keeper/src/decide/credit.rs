//! `credit`: what anyone may do for lenders and borrowers. An underwriter's own decisions are not taken here.

use plimsoll_client::instructions::{CreditKeys, LoanAccounts};
use plimsoll_engine::credit::line;
use plimsoll_engine::math::seconds_since;
use plimsoll_engine::state::{CreditLine, CreditVault, LineState};
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::accounts::Looked;
use super::{state_of, Action, Candidates, Credit, Danger, Key, Kind, Scene, Signer, Tier};

/// What is due of an account's line, one step at a time: the draw before everything else.
pub(crate) fn account_due(looked: &Looked<'_>) -> Option<Action> {
    let loan = looked.loan()?;
    let assessed = looked.assessed;
    let account = &assessed.account;
    let owed = account
        .credit_principal
        .saturating_add(account.credit_interest);
    if let Ok(drawn) = assessed.try_draw() {
        let built = loan.draw(looked.shard());
        return Some(action(looked, Kind::Draw, drawn.amount, built));
    }
    if let Ok(written) = assessed.try_write_off() {
        let amount = written.principal.saturating_add(written.interest);
        return Some(action(looked, Kind::WriteOff, amount, loan.write_off()));
    }
    // Before its end a call is the borrower's time; afterwards what the program gives back goes back.
    if assessed.lapsed {
        if let Ok(paid) = assessed.try_repay_from_cash(owed) {
            let payer = looked.scene.roles.payer;
            let built = loan.repay_from_cash(payer, looked.shard(), owed);
            let amount = paid.principal.saturating_add(paid.interest);
            return Some(action(looked, Kind::RepayFromCash, amount, built));
        }
    }
    if let Ok(amount) = assessed.try_collect_lien() {
        let built = loan.collect_lien(looked.shard());
        return Some(action(looked, Kind::CollectLien, amount, built));
    }
    None
}

fn action(looked: &Looked<'_>, kind: Kind, amount: u64, instruction: Instruction) -> Action {
    let account = looked.account;
    Action {
        key: Key {
            subject: looked.address,
            kind,
        },
        danger: Danger {
            tier: Tier::Credit,
            amount,
        },
        signer: Signer::Payer,
        state: state_of(&(account.credit_principal, account.collateral, account.lien)),
        instructions: vec![instruction],
    }
}

/// Lines to be started, valued or charged with interest.
pub(crate) fn lines_due(
    scene: Scene<'_>,
    intervals: &Credit,
    candidates: &impl Candidates,
) -> Vec<Action> {
    let lines = candidates.lines(scene.mirror);
    lines
        .filter_map(|address| line_due(scene, &address, intervals))
        .collect()
}

/// Seconds between two valuations of a vault's lines.
const fn value_seconds(vault: &CreditVault, intervals: &Credit) -> u64 {
    if vault.queued_shares != 0 {
        intervals.value_queued_seconds
    } else {
        intervals.value_seconds
    }
}

/// Time before which nothing is due of a line as it stands; `i64::MAX`: nothing ever.
pub(crate) fn due_from(line: &CreditLine, vault: &CreditVault, intervals: &Credit) -> i64 {
    let after = |at: i64, seconds: u64| at.saturating_add_unsigned(seconds);
    if line.state == LineState::Accepted.byte() {
        return line.active_from;
    }
    if line.state != LineState::Active.byte() {
        return i64::MAX;
    }
    let accrual = after(line.accrued_at, intervals.accrue_seconds);
    let slot = vault.slots.get(usize::from(line.slot));
    match slot.filter(|_| line.drawn != 0) {
        Some(slot) => accrual.min(after(slot.valued_at, value_seconds(vault, intervals))),
        None => accrual,
    }
}

fn line_due(scene: Scene<'_>, address: &Pubkey, intervals: &Credit) -> Option<Action> {
    let mirror = scene.mirror;
    let line = mirror.line(address)?;
    let vault = mirror.vault(&Pubkey::from(line.vault))?;
    let margin_account = Pubkey::from(line.margin_account);
    let account = mirror.account(&margin_account)?;
    if account.credit_line != address.to_bytes() {
        return None;
    }
    let loan = LoanAccounts {
        addresses: mirror.addresses(),
        margin_account,
        account,
        keys: CreditKeys {
            line: *address,
            vault: Pubkey::from(line.vault),
            vault_cash: Pubkey::from(vault.cash_account),
        },
    };
    let now = scene.clock.now;
    let (kind, instruction) = if line.state == LineState::Accepted.byte() {
        line::activate(&mut line.clone(), &mut vault.clone(), &scene.clock.env()).ok()?;
        (Kind::ActivateLine, loan.activate_line())
    } else if line.state == LineState::Active.byte() {
        let slot = vault.slots.get(usize::from(line.slot))?;
        let value_seconds = value_seconds(vault, intervals);
        if line.drawn != 0 && seconds_since(now, slot.valued_at) >= value_seconds {
            (Kind::ValueLine, loan.value_line())
        } else if seconds_since(now, line.accrued_at) >= intervals.accrue_seconds {
            (Kind::AccrueInterest, loan.accrue_interest())
        } else {
            return None;
        }
    } else {
        return None;
    };
    Some(Action {
        key: Key {
            subject: *address,
            kind,
        },
        danger: Danger {
            tier: Tier::Cash,
            amount: line.drawn,
        },
        signer: Signer::Payer,
        state: state_of(&(line.accrued_at, line.state)),
        instructions: vec![instruction],
    })
}
