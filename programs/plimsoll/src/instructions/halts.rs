//! Velocity halts: what every instruction that changes a market does first, and the auction's own steps.

use anchor_lang::prelude::*;
use plimsoll_engine::auction;
use plimsoll_engine::halt::{self, Trip};
use plimsoll_engine::state::{HaltPhase, MarkAccount, MarketHeader};
use plimsoll_engine::Env;

use super::environment;
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{
    AuctionEnded, AuctionFilled, AuctionFills, AuctionPriceFixed, HaltEnded, HaltStarted,
    AUCTION_FILLED_SIZE_MAX, EVENT_VERSION,
};
use crate::loaders::{load_mut, same_key, LoadedMarketMut};

/// Writes down a reopening that the clock has brought about.
#[inline(always)]
pub(crate) fn catch_up(header: &mut MarketHeader, market: &Pubkey, env: &Env) {
    if header.halt.phase != HaltPhase::Continuous.byte() {
        reopen(header, market, env);
    }
}

#[cold]
#[inline(never)]
fn reopen(header: &mut MarketHeader, market: &Pubkey, env: &Env) {
    if let Some(reopened) = halt::catch_up(header, env) {
        emit_ended(header, market, &reopened);
    }
}

fn emit_ended(header: &MarketHeader, market: &Pubkey, reopened: &halt::Reopened) {
    emit!(HaltEnded {
        version: EVENT_VERSION,
        market: *market,
        sequence: header.halt.sequence,
        reopened_at: reopened.at,
        halted_seconds: reopened.halted_seconds,
        reduce_only: reopened.reduce_only,
    });
}

/// Admits what takes an order off the book, or refuses it while the book stands still for an auction.
#[inline(always)]
pub(crate) fn admit_cancel(header: &mut MarketHeader, market: &Pubkey) -> Result<()> {
    if header.halt.phase == HaltPhase::Continuous.byte() {
        return Ok(());
    }
    let env = environment()?;
    catch_up(header, market, &env);
    halt::admit_book_change(header, &env).anchor()
}

/// The event of a trip.
#[cold]
#[inline(never)]
pub(crate) fn emit_trip(header: &MarketHeader, market: &Pubkey, trip: &Trip) {
    emit!(HaltStarted {
        version: EVENT_VERSION,
        market: *market,
        sequence: header.halt.sequence,
        cause: trip.cause.byte(),
        halted: trip.halted,
        escalation: header.halt.escalation,
        index: header.prices.index,
        mark: header.prices.mark,
        call_ends_at: trip.call_ends_at,
        reopens_by: trip.reopens_by,
    });
}

#[derive(Accounts)]
pub struct AdvanceHalt<'info> {
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// CHECK: typed loader; its address is the one that the market names.
    #[account(mut)]
    pub mark: UncheckedAccount<'info>,
}

pub(crate) fn advance_halt(ctx: Context<AdvanceHalt>, steps_max: u16) -> Result<()> {
    let env = environment()?;
    let key = ctx.accounts.market.key;
    let mut loaded = LoadedMarketMut::load(&ctx.accounts.market)?;
    let mut market = loaded.get();
    if !same_key(ctx.accounts.mark.key, &market.header.mark_account) {
        return err!(PlimsollError::WrongAccount);
    }
    let mut copy = load_mut::<MarkAccount>(&ctx.accounts.mark)?;
    let mut buffer = vec![0; AUCTION_FILLED_SIZE_MAX];
    let mut fills = AuctionFills::new(&mut buffer);
    let done =
        auction::advance(&mut market, steps_max, &env, &mut |fill| fills.push(fill)).anchor()?;
    copy.copy_from(market.header, env.slot);
    let header = &*market.header;
    if let Some(reopened) = &done.reopened {
        emit_ended(header, key, reopened);
    }
    let sequence = header.halt.sequence;
    if let Some(fixed) = done.fixed {
        emit!(AuctionPriceFixed {
            version: EVENT_VERSION,
            market: *key,
            sequence,
            price: fixed.price,
            lots: fixed.lots,
            reference: fixed.reference,
        });
    }
    fills.emit(&AuctionFilled {
        version: EVENT_VERSION,
        market: *key,
        sequence,
        price: header.halt.auction_price,
        lots_left: header.halt.walk.lots,
        fills: Vec::new(),
    })?;
    if done.resolved {
        emit!(AuctionEnded {
            version: EVENT_VERSION,
            market: *key,
            sequence,
            reopens_at: header.halt.resolve_ends_at,
        });
    }
    Ok(())
}
