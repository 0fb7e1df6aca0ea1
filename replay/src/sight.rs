//! An account as it is on chain at this moment, read without the keeper.

use anyhow::{anyhow, Result};
use plimsoll_client::assess::{assess, Assessed};
use plimsoll_client::{accounts, MarketView};
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::risk;
use plimsoll_engine::units::PriceQ32;
use solana_pubkey::Pubkey;

use crate::chain::Chain;

/// The account, its line and its risk in the one market that there is.
///
/// # Errors
/// When one of them cannot be read.
pub fn read(
    chain: &Chain,
    view: &MarketView,
    market: &Pubkey,
    address: &Pubkey,
) -> Result<Assessed> {
    let account = accounts::margin_account(chain.data(address))?;
    let line = accounts::credit_line(chain.data(&Pubkey::from(account.credit_line))).ok();
    let vault = line.and_then(|line| {
        let vault = chain.data(&Pubkey::from(line.vault));
        accounts::credit_vault(vault).ok()
    });
    let credit = line.as_ref().zip(vault.as_ref());
    let market = market.to_bytes();
    let of = |key: &[u8; 32]| (*key == market).then(|| view.as_ref());
    assess(&address.to_bytes(), &account, credit, of, &chain.env())
        .map_err(|error| anyhow!("account {address}: {error}"))
}

/// Whether an account with a position would be above maintenance at every price from `low` to `high` (Q.32), give or take
/// the basis clip: as far as a mark may be from the index for good reasons. Once its margin call has lapsed its credit
/// does not count.
pub fn healthy_near(seen: &Assessed, params: &MarketParams, (low, high): (u64, u64)) -> bool {
    let clip = |index: u64| {
        let clip = u128::from(index) * u128::from(params.basis_clip_ppm) / 1_000_000;
        u64::try_from(clip).unwrap_or(0)
    };
    let Some(leg) = seen.legs.iter().find(|leg| leg.held.base != 0) else {
        return false;
    };
    let worst = PriceQ32(if leg.held.base > 0 {
        low.saturating_sub(clip(low))
    } else {
        high.saturating_add(clip(high))
    });
    let equity = if seen.lapsed {
        Ok(seen.risk.equity)
    } else {
        seen.risk.equity_with_credit()
    };
    let (Ok(equity), Ok(there), Ok(here), Ok(needed)) = (
        equity,
        worst.position_value(leg.held.base),
        leg.mark.position_value(leg.held.base),
        risk::maintenance_margin(params, leg.size(), worst),
    ) else {
        return false;
    };
    let equity = i128::from(equity) + i128::from(there) - i128::from(here);
    equity >= i128::from(needed)
}
