//! Refreshing a market's index, mark and funding.

use anchor_lang::prelude::*;
use plimsoll_engine::index::FeedInput;
use plimsoll_engine::state::{MarkAccount, FEEDS_MAX};
use plimsoll_engine::{epochs, halt, mark, place};

use super::{environment, halts};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{MarkRefreshed, EVENT_VERSION};
use crate::loaders::{load_mut, same_key, LoadedMarketMut};

/// Up to three price accounts follow.
#[derive(Accounts)]
pub struct RefreshMark<'info> {
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// CHECK: typed loader; its address is the one that the market names.
    #[account(mut)]
    pub mark: UncheckedAccount<'info>,
}

pub(crate) fn refresh_mark<'info>(ctx: Context<'info, RefreshMark<'info>>) -> Result<()> {
    let env = environment()?;
    let mut loaded = LoadedMarketMut::load(&ctx.accounts.market)?;
    let mut market = loaded.get();
    if !same_key(ctx.accounts.mark.key, &market.header.mark_account) {
        return err!(PlimsollError::WrongAccount);
    }
    let mut copy = load_mut::<MarkAccount>(&ctx.accounts.mark)?;
    let accounts = ctx.remaining_accounts;
    if accounts.is_empty() || accounts.len() > FEEDS_MAX {
        return err!(PlimsollError::FeedsDisagree);
    }
    let data = accounts
        .iter()
        .map(|info| info.try_borrow_data())
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let feeds: Vec<FeedInput<'_>> = accounts
        .iter()
        .zip(&data)
        .map(|(info, data)| FeedInput {
            owner: info.owner.to_bytes(),
            data,
        })
        .collect();
    halts::catch_up(market.header, ctx.accounts.market.key, &env);
    let mut expired_orders = Vec::new();
    // While the book stands still for an auction, expired orders stay where they are.
    if halt::admit_book_change(market.header, &env).is_ok() {
        place::drop_expired(&mut market, &env, |order| {
            expired_orders.push(order.sequence)
        })
        .anchor()?;
    }
    let top = place::book_top(&market.as_ref(), env.now).anchor()?;
    let outcome = mark::refresh(market.header, &feeds, top, &env).anchor()?;
    if outcome.funding.epoch_due {
        epochs::end_due(&mut market, &env).anchor()?;
    }
    let trip = halt::on_refresh(market.header, &outcome, &env);
    copy.copy_from(market.header, env.slot);
    if let Some(trip) = &trip {
        halts::emit_trip(market.header, ctx.accounts.market.key, trip);
    }
    emit!(MarkRefreshed {
        version: EVENT_VERSION,
        market: *ctx.accounts.market.key,
        index: outcome.index,
        index_time: market.header.prices.index_time,
        mark: outcome.mark,
        premium: market.header.prices.premium_ema,
        funding: outcome.funding.long_pays,
        funding_seconds: u32::try_from(outcome.funding.seconds).unwrap_or(u32::MAX),
        expired_orders,
    });
    Ok(())
}
