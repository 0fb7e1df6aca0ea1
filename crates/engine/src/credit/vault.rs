//! A vault's value and its shares: joining, the junior stake, and the queue of those who leave.
//!
//! # Values
//!
//! | value | quote atoms | who |
//! |---|---|---|
//! | face | cash + drawn + interest receivable | – |
//! | asking | face + interest that runs and is not booked yet + liens that providers paid for | who joins pays it |
//! | conservative | cash + Σ min(drawn, value of the line) | – |
//! | bid | min(face, conservative) | who leaves is paid it |
//!
//! asking ≥ face ≥ bid always. Who joins pays for everything that the vault may still come to hold, so
//! nothing that is booked, paid or collected later was bought for less; who leaves is paid only for what
//! surely lies there. Joining raises no other share's value at the other's cost, because the price paid
//! is at least the bid, and leaving lowers no other share's value, because the price received is at
//! most the face. Both divisions round down, for those who stay (R30).
//!
//! # First depositor and donations
//!
//! 1,000 shares and one atom exist that nobody owns. So the first share has a price, and raising that
//! price costs the one who does it 1,000 times what a later provider could lose by rounding. Only cash
//! that went through an instruction is counted: a token sent to the cash account changes no value.
//!
//! # Losses
//!
//! A write-off burns junior shares, as many as keep every other share's face value (rounded up: the
//! junior stake pays the fraction); what they do not cover falls on all shares alike. A lien that is
//! collected goes the same way back: first what fell on all shares, then the junior stake gets shares
//! for the rest at the asking price. So a write-off asked for just before the borrower pays after all
//! moves nothing from the junior stake to the providers. Nobody escapes a
//! loss in sight: a drawn line counts for leavers at its conservative value, redemptions wait for a
//! notice and are paid at the lower of the values at request and at payment (the second with the
//! provider's consent, for a time), and junior shares that
//! cover the gap between drawn and value are not released.

use crate::credit::line;
use crate::error::{EngineError, Result};
use crate::math;
use crate::state::{CreditVault, LineSlot, Pubkey, VaultStake};
use crate::Env;

/// Shares and atoms that nobody owns.
const VIRTUAL_SHARES: u64 = 1_000;
const VIRTUAL_ATOMS: u64 = 1;

/// Oldest valuation of a drawn line that a value may rest on, seconds (T of spec §10).
pub const VALUATION_SECONDS_MAX: u64 = 60;
/// Junior stake, ppm of all limits.
pub const JUNIOR_PPM: u64 = 100_000;
/// Largest limit of one line, ppm of its vault.
pub const LINE_PPM_MAX: u64 = 200_000;
/// Bounds of the redemption notice, seconds.
pub const REDEMPTION_NOTICE_BOUNDS: (u32, u32) = (3_600, 2_592_000);

/// What a new vault is.
#[derive(Clone, Copy, Debug)]
pub struct VaultIdentity {
    pub exchange: Pubkey,
    pub underwriter: Pubkey,
    pub cash_account: Pubkey,
    pub id: u16,
    pub bump: u8,
    pub cash_bump: u8,
    pub redemption_notice_seconds: u32,
}

/// Writes a new, empty vault. `ParameterOutOfBounds` for a notice outside its bounds.
pub fn open(vault: &mut CreditVault, identity: &VaultIdentity, env: &Env) -> Result<()> {
    let (low, high) = REDEMPTION_NOTICE_BOUNDS;
    if !(low..=high).contains(&identity.redemption_notice_seconds) {
        return Err(EngineError::ParameterOutOfBounds);
    }
    vault.version = 1;
    vault.bump = identity.bump;
    vault.id = identity.id;
    vault.exchange = identity.exchange;
    vault.underwriter = identity.underwriter;
    vault.cash_account = identity.cash_account;
    vault.cash_bump = identity.cash_bump;
    vault.redemption_notice_seconds = identity.redemption_notice_seconds;
    vault.next_ticket = 1;
    vault.head_ticket = 1;
    vault.created_at = env.now;
    Ok(())
}

/// Face value, quote atoms, exact.
pub fn face(vault: &CreditVault) -> Result<u64> {
    math::add(
        math::add(vault.cash, vault.drawn)?,
        vault.interest_receivable,
    )
}

/// What joining is priced at, quote atoms: face, the interest that runs (rounded up a line) and the
/// liens that all shares paid for. Favours those who are in the vault already.
pub fn asking(vault: &CreditVault, now: i64) -> Result<u64> {
    let of_all = math::sub(vault.liens, vault.liens_junior)?;
    let mut value = math::add(face(vault)?, of_all)?;
    for slot in used(vault) {
        value = math::add(value, line::running_interest(slot, now)?)?;
    }
    Ok(value)
}

/// What leaving is priced at, quote atoms, exact: the lower of face and conservative value. Favours
/// those who stay. `ValuationStale` if a drawn line was last valued more than T ago.
pub fn bid(vault: &CreditVault, now: i64) -> Result<u64> {
    let mut value = vault.cash;
    for slot in used(vault).filter(|slot| slot.drawn != 0) {
        if math::seconds_since(now, slot.valued_at) > VALUATION_SECONDS_MAX {
            return Err(EngineError::ValuationStale);
        }
        value = math::add(value, slot.value.min(slot.drawn))?;
    }
    Ok(value.min(face(vault)?))
}

/// The slots in use.
fn used(vault: &CreditVault) -> impl Iterator<Item = &LineSlot> {
    vault.slots.iter().filter(|slot| slot.limit != 0)
}

/// ⌊shares × (value + 1) / (S + 1,000)⌋: quote atoms that `shares` are worth at a vault's `value`.
/// Rounded down, for those who stay.
pub fn worth(vault: &CreditVault, shares: u64, value: u64) -> Result<u64> {
    math::mul_div_floor(
        shares,
        math::add(value, VIRTUAL_ATOMS)?,
        math::add(vault.shares, VIRTUAL_SHARES)?,
    )
}

/// Cash that is promised to no line, quote atoms.
pub fn unreserved(vault: &CreditVault) -> Result<u64> {
    math::sub(vault.cash, vault.reserved_cash)
}

/// Cash that neither a line nor a queued redemption has a claim on, quote atoms. A queued share is paid
/// at most its face value, rounded up here; those who leave come before new credit.
pub fn free_cash(vault: &CreditVault) -> Result<u64> {
    let queued = math::mul_div_ceil(
        vault.queued_shares,
        math::add(face(vault)?, VIRTUAL_ATOMS)?,
        math::add(vault.shares, VIRTUAL_SHARES)?,
    )?;
    Ok(unreserved(vault)?.saturating_sub(queued))
}

/// Shares for `amount` quote atoms that arrived in the cash account, as ⌊amount × (S + 1,000) /
/// (asking + 1)⌋: rounded down, for those who are in. `junior` shares are the underwriter's, locked in
/// the vault; others go to `stake`. `ZeroAmount`; `SharesInsufficient` if it buys none;
/// `ValuationStale`; `Overflow`.
pub fn buy(
    vault: &mut CreditVault,
    stake: Option<&mut VaultStake>,
    amount: u64,
    env: &Env,
) -> Result<u64> {
    if amount == 0 {
        return Err(EngineError::ZeroAmount);
    }
    // Only a vault whose lines are looked after takes new money (spec §10).
    bid(vault, env.now)?;
    let price = math::add(asking(vault, env.now)?, VIRTUAL_ATOMS)?;
    let supply = math::add(vault.shares, VIRTUAL_SHARES)?;
    let bought = math::mul_div_floor(amount, supply, price)?;
    if bought == 0 {
        return Err(EngineError::SharesInsufficient);
    }
    let shares = math::add(vault.shares, bought)?;
    let cash = math::add(vault.cash, amount)?;
    match stake {
        Some(stake) => {
            stake.shares = math::add(stake.shares, bought)?;
            stake.paid_in_total = stake.paid_in_total.saturating_add(amount);
        }
        None => vault.junior_shares = math::add(vault.junior_shares, bought)?,
    }
    vault.shares = shares;
    vault.cash = cash;
    Ok(bought)
}

/// A junior stake to be tested, as it would be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JuniorStake {
    pub(crate) shares: u64,
    /// Sum of all limits, quote atoms.
    pub(crate) limits: u64,
    /// What it must be worth beside its tenth of the limits, quote atoms.
    pub(crate) beside: u64,
}

/// `JuniorStakeTooSmall` unless the shares are worth a tenth of the limits (rounded up) and what they
/// cover beside, at the lower value (rounded down).
pub(crate) fn check_junior(vault: &CreditVault, stake: &JuniorStake, now: i64) -> Result<()> {
    let value = worth(vault, stake.shares, bid(vault, now)?)?;
    let required = math::add(math::mul_ppm_ceil(stake.limits, JUNIOR_PPM)?, stake.beside)?;
    if value < required {
        return Err(EngineError::JuniorStakeTooSmall);
    }
    Ok(())
}

/// Turns junior shares into ordinary ones of the underwriter's own stake, from where they leave through
/// the queue like any other. What is left must be worth a tenth of all limits and, beyond that, cover
/// what drawn lines are valued under their principal: the first loss is not pulled away from under a
/// loss in sight. `ZeroAmount`, `SharesInsufficient`, `JuniorStakeTooSmall`, `ValuationStale`.
pub fn release_junior(
    vault: &mut CreditVault,
    stake: &mut VaultStake,
    shares: u64,
    env: &Env,
) -> Result<()> {
    if shares == 0 {
        return Err(EngineError::ZeroAmount);
    }
    let left = vault
        .junior_shares
        .checked_sub(shares)
        .ok_or(EngineError::SharesInsufficient)?;
    let mut impaired = 0_u64;
    for slot in used(vault) {
        impaired = math::add(impaired, slot.drawn.saturating_sub(slot.value))?;
    }
    let after = JuniorStake {
        shares: left,
        limits: vault.limits,
        beside: impaired,
    };
    check_junior(vault, &after, env.now)?;
    stake.shares = math::add(stake.shares, shares)?;
    vault.junior_shares = left;
    Ok(())
}

/// Queues `shares` of a stake for redemption, at most at what they are worth now at the bid, rounded
/// down; returns that value, quote atoms. One redemption of a stake waits at a time. `ZeroAmount`,
/// `SharesInsufficient`, `RedemptionPending`, `ValuationStale`.
pub fn request_redemption(
    vault: &mut CreditVault,
    stake: &mut VaultStake,
    shares: u64,
    env: &Env,
) -> Result<u64> {
    if shares == 0 {
        return Err(EngineError::ZeroAmount);
    }
    if stake.ticket != 0 {
        return Err(EngineError::RedemptionPending);
    }
    if shares > stake.shares {
        return Err(EngineError::SharesInsufficient);
    }
    let value = worth(vault, shares, bid(vault, env.now)?)?;
    let queued = math::add(vault.queued_shares, shares)?;
    let next = math::add(vault.next_ticket, 1)?;
    stake.queued_shares = shares;
    stake.queued_value = value;
    stake.ticket = vault.next_ticket;
    stake.requested_at = env.now;
    vault.next_ticket = next;
    vault.queued_shares = queued;
    Ok(value)
}

/// One payment of a redemption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redeemed {
    /// Quote atoms to be paid out of the cash account.
    pub amount: u64,
    /// Shares burned for them.
    pub shares: u64,
    /// Shares that still wait.
    pub shares_left: u64,
}

/// Takes a request back. Its shares stay the provider's; its ticket stays in the queue, empty, until it is
/// the first and is stepped over. Returns the shares. `SharesInsufficient` if none waits.
pub fn cancel_redemption(vault: &mut CreditVault, stake: &mut VaultStake) -> Result<u64> {
    if stake.queued_shares == 0 {
        return Err(EngineError::SharesInsufficient);
    }
    let shares = stake.queued_shares;
    vault.queued_shares = math::sub(vault.queued_shares, shares)?;
    stake.queued_shares = 0;
    stake.queued_value = 0;
    Ok(shares)
}

/// Pays the first redemption of the queue, as far as unreserved cash allows, at the lower of its values
/// at the request and now. In a part payment shares are burned in proportion, rounded up, and what is
/// left of the request's value is rounded down: both for those who stay.
///
/// Less than the request's value is paid with the provider's signature alone (`by_provider`), until a
/// second notice has passed: an underwriter who has a friend draw in the same transaction does not get
/// leavers out at the draw's conservative value. With that second notice nobody holds up the queue. A
/// request that was taken back is stepped over. `NotFirstInQueue`, `RedemptionNotDue`,
/// `ValuationStale`; `VaultCashReserved` if no atom can be paid.
pub fn pay_redemption(
    vault: &mut CreditVault,
    stake: &mut VaultStake,
    by_provider: bool,
    env: &Env,
) -> Result<Redeemed> {
    if stake.ticket == 0 || stake.ticket != vault.head_ticket {
        return Err(EngineError::NotFirstInQueue);
    }
    if stake.queued_shares == 0 {
        step(vault, stake);
        return Ok(Redeemed::default());
    }
    let notice = i64::from(vault.redemption_notice_seconds);
    let due = stake.requested_at.saturating_add(notice);
    if env.now < due {
        return Err(EngineError::RedemptionNotDue);
    }
    let value_now = worth(vault, stake.queued_shares, bid(vault, env.now)?)?;
    let owed = value_now.min(stake.queued_value);
    if owed < stake.queued_value && !by_provider && env.now < due.saturating_add(notice) {
        return Err(EngineError::RedemptionNotDue);
    }
    let available = unreserved(vault)?;
    if available == 0 {
        return Err(EngineError::VaultCashReserved);
    }
    let amount = owed.min(available);
    let (shares, value_left) = if amount == owed {
        (stake.queued_shares, 0)
    } else {
        let burned = math::mul_div_ceil(stake.queued_shares, amount, owed)?;
        let left = stake.queued_shares.saturating_sub(burned);
        let value = math::mul_div_floor(stake.queued_value, left, stake.queued_shares)?;
        (burned, value)
    };
    let paid = Redeemed {
        amount,
        shares,
        shares_left: math::sub(stake.queued_shares, shares)?,
    };
    let supply = math::sub(vault.shares, shares)?;
    let queued = math::sub(vault.queued_shares, shares)?;
    let owned = math::sub(stake.shares, shares)?;
    vault.cash = math::sub(vault.cash, amount)?;
    vault.shares = supply;
    vault.queued_shares = queued;
    stake.shares = owned;
    stake.queued_shares = paid.shares_left;
    stake.queued_value = value_left;
    stake.paid_out_total = stake.paid_out_total.saturating_add(amount);
    if paid.shares_left == 0 {
        step(vault, stake);
    }
    Ok(paid)
}

/// The first of the queue has left it.
fn step(vault: &mut CreditVault, stake: &mut VaultStake) {
    stake.ticket = 0;
    stake.queued_value = 0;
    vault.head_ticket = vault.head_ticket.saturating_add(1);
}

/// What the junior stake bears of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JuniorLoss {
    pub(crate) shares: u64,
    /// Quote atoms of the loss that they pay for.
    pub(crate) covered: u64,
}

/// Junior shares to burn for a loss of `loss` quote atoms that is about to leave the face value: as many
/// as keep the face value of every other share, rounded up at the junior stake's cost, and at most all.
pub(crate) fn junior_loss(vault: &CreditVault, loss: u64) -> Result<JuniorLoss> {
    let price = math::add(face(vault)?, VIRTUAL_ATOMS)?;
    let supply = math::add(vault.shares, VIRTUAL_SHARES)?;
    let shares = math::mul_div_ceil(loss, supply, price)?;
    if shares <= vault.junior_shares {
        return Ok(JuniorLoss {
            shares,
            covered: loss,
        });
    }
    Ok(JuniorLoss {
        shares: vault.junior_shares,
        covered: math::mul_div_floor(vault.junior_shares, price, supply)?.min(loss),
    })
}

/// Books `amount` quote atoms of a lien that arrived in the cash account: what all shares paid for comes
/// first; for the rest the junior stake gets shares at the asking price, rounded down for the others.
pub(crate) fn recover(vault: &mut CreditVault, amount: u64, now: i64) -> Result<()> {
    let liens = math::sub(vault.liens, amount)?;
    let of_all = math::sub(vault.liens, vault.liens_junior)?.min(amount);
    let of_junior = amount.saturating_sub(of_all);
    let price = math::add(asking(vault, now)?, VIRTUAL_ATOMS)?;
    let supply = math::add(vault.shares, VIRTUAL_SHARES)?;
    let minted = math::mul_div_floor(of_junior, supply, price)?;
    let shares = math::add(vault.shares, minted)?;
    let junior = math::add(vault.junior_shares, minted)?;
    let junior_left = math::sub(vault.liens_junior, of_junior)?;
    vault.cash = math::add(vault.cash, amount)?;
    vault.liens = liens;
    vault.liens_junior = junior_left;
    vault.liens_collected_total = vault.liens_collected_total.saturating_add(amount);
    vault.shares = shares;
    vault.junior_shares = junior;
    Ok(())
}

/// The slot of a line. `WrongAccount` if it has none.
pub(crate) fn slot_mut(vault: &mut CreditVault, slot: u16) -> Result<&mut LineSlot> {
    vault
        .slots
        .get_mut(usize::from(slot))
        .filter(|slot| slot.limit != 0)
        .ok_or(EngineError::WrongAccount)
}
