//! What can be said before a step is sent: whose it is, and when or within which bounds it is possible. Each refusal
//! begins with the name that the program would refuse it by.

use anyhow::{bail, ensure, Result};
use plimsoll_client::engine::governance::{
    GUARD_PAUSE_SECONDS_MIN, TIMELOCK_BOUNDS, TIMELOCK_TIGHTENING_BOUNDS,
};
use plimsoll_client::engine::math::PPM;
use plimsoll_client::engine::state::MarketHeader;
use solana_pubkey::Pubkey;

use crate::output::time;
use crate::units::percent;

/// Somebody who may act, by name and address.
pub(super) type Role = (&'static str, [u8; 32]);

pub(super) fn holds(signer: &Pubkey, roles: &[Role]) -> bool {
    roles.iter().any(|(_, role)| signer.to_bytes() == *role)
}

/// The signer holds one of the roles.
pub(super) fn authorized(signer: &Pubkey, roles: &[Role]) -> Result<()> {
    let named: Vec<String> = roles
        .iter()
        .map(|(name, role)| format!("the {name} is {}", Pubkey::from(*role)))
        .collect();
    ensure!(
        holds(signer, roles),
        "NotAuthorized: {}, and {signer} signs",
        named.join(", ")
    );
    Ok(())
}

/// The authority was offered to the signer.
pub(super) fn offered(signer: &Pubkey, pending: &[u8; 32]) -> Result<()> {
    let pending = Pubkey::from(*pending);
    if pending == Pubkey::default() {
        bail!("NotAuthorized: the authority is offered to nobody: `plimsoll admin offer-authority` first");
    }
    authorized(
        signer,
        &[("one the authority is offered to", pending.to_bytes())],
    )
}

/// The shares, ppm, are the whole.
pub(super) fn fee_split(shares_ppm: &[u32; 3]) -> Result<()> {
    let sum: u64 = shares_ppm.iter().copied().map(u64::from).sum();
    ensure!(
        sum == PPM,
        "the three shares add up to {}, not to 100%",
        percent(sum)
    );
    Ok(())
}

/// Both are within the published bounds.
pub(super) fn timelocks(slow: u32, tightening: u32) -> Result<()> {
    let bounds = [
        ("the timelock of most changes", slow, TIMELOCK_BOUNDS),
        (
            "the one of what only tightens new risk",
            tightening,
            TIMELOCK_TIGHTENING_BOUNDS,
        ),
    ];
    for (what, seconds, (least, most)) in bounds {
        ensure!(
            (least..=most).contains(&seconds),
            "ParameterOutOfBounds: {what} is {least} to {most} s, not {seconds}"
        );
    }
    Ok(())
}

/// The guardian's pause after its last time is over, or that time still runs.
pub(super) fn guard(header: &MarketHeader, symbol: &str, now: i64) -> Result<()> {
    let ended = header.guardian_until;
    if ended > now {
        return Ok(());
    }
    let lasted = ended.saturating_sub(header.guardian_from);
    let again = ended.saturating_add(lasted.max(GUARD_PAUSE_SECONDS_MIN));
    ensure!(
        now >= again,
        "GuardianPausing: {symbol} was reduce-only until {} UTC; the guardian may set it so again from {} UTC on",
        time(ended),
        time(again)
    );
    Ok(())
}

/// The index has been stale for long enough.
pub(super) fn wind_up(header: &MarketHeader, symbol: &str, now: i64) -> Result<()> {
    let params = &header.params;
    let dead_after = i64::from(params.index_age_seconds_max)
        .saturating_add(i64::from(params.index_dead_seconds));
    let refreshed = header.prices.index_time;
    let dead_at = refreshed.saturating_add(dead_after);
    ensure!(
        now > dead_at,
        "IndexNotDead: the index of {symbol} is of {} UTC; if it is never refreshed again, anyone may wind {symbol} up after {} UTC",
        time(refreshed),
        time(dead_at)
    );
    Ok(())
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
