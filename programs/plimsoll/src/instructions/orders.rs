//! Placing and cancelling orders.

use anchor_lang::prelude::*;
use plimsoll_engine::cash::account_cash;
use plimsoll_engine::place::{
    self, Cancelled, MatchPlan, OrderRequest, Placed, SelfTrade, TimeInForce, Trader, Which,
};
use plimsoll_engine::state::{MarginAccount, OrderSide};
use plimsoll_engine::units::{BaseLots, Ticks};

use super::legs::other_legs;
use super::{check_trader, environment, halts};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{
    emit_order_placed, OrderCancelled, OrderPlaced, OrdersCancelled, EVENT_VERSION,
    ORDER_PLACED_SIZE_MAX,
};
use crate::loaders::{load, LoadedMarketMut};

/// Most orders of one batch.
pub const BATCH_ORDERS_MAX: usize = 16;

/// An order as a transaction carries it.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderArgs {
    /// Block of the seat: a hint that the program verifies.
    pub seat: u32,
    /// 0 bid, 1 ask.
    pub side: u8,
    /// 0 limit, 1 post-only, 2 post-only slide, 3 immediate-or-cancel, 4 fill-or-kill.
    pub time_in_force: u8,
    /// 0 cancel taker, 1 cancel maker, 2 decrement.
    pub self_trade: u8,
    pub reduce_only: bool,
    /// Most resting orders to touch, at most 32.
    pub steps_max: u8,
    /// Limit or worst price, ticks.
    pub price: u64,
    /// Lots.
    pub lots: u64,
    pub client_id: u64,
    /// Unix seconds; zero: never.
    pub expires_at: i64,
}

impl OrderArgs {
    fn request(&self) -> plimsoll_engine::Result<OrderRequest> {
        Ok(OrderRequest {
            side: OrderSide::from_byte(self.side)?,
            price: Ticks(self.price),
            lots: BaseLots(self.lots),
            client_id: self.client_id,
            expires_at: self.expires_at,
            time_in_force: TimeInForce::from_byte(self.time_in_force)?,
            self_trade: SelfTrade::from_byte(self.self_trade)?,
            reduce_only: self.reduce_only,
            steps_max: self.steps_max,
        })
    }
}

/// The account's other markets follow, read-only, in the order of its entries.
#[derive(Accounts)]
pub struct PlaceOrder<'info> {
    /// Owner or delegate.
    pub trader: Signer<'info>,
    /// CHECK: typed loader. Read-only: a fill settles in seats, so makers never contend for it.
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader; the seat ties it to the margin account.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

pub(crate) fn place_order<'info>(
    ctx: Context<'info, PlaceOrder<'info>>,
    order: OrderArgs,
) -> Result<()> {
    place_all(&ctx, std::slice::from_ref(&order))
}

pub(crate) fn place_orders<'info>(
    ctx: Context<'info, PlaceOrder<'info>>,
    orders: Vec<OrderArgs>,
) -> Result<()> {
    if orders.is_empty() || orders.len() > BATCH_ORDERS_MAX {
        return err!(PlimsollError::BatchSizeOutOfRange);
    }
    place_all(&ctx, &orders)
}

fn place_all<'info>(ctx: &Context<'info, PlaceOrder<'info>>, orders: &[OrderArgs]) -> Result<()> {
    let env = environment()?;
    let accounts = &ctx.accounts;
    let account = load::<MarginAccount>(&accounts.margin_account)?;
    check_trader(&account, accounts.trader.key)?;
    let address = accounts.margin_account.key.to_bytes();
    let legs = other_legs(
        &account,
        &address,
        Some(accounts.market.key),
        ctx.remaining_accounts,
        env.now,
    )?;
    let trader = Trader {
        account: address,
        cash: account_cash(&account, env.now),
        other_legs: legs.risk,
    };
    let mut market = LoadedMarketMut::load(&accounts.market)?;
    halts::catch_up(market.get().header, accounts.market.key, &env);
    let mut plan = scratch_plan();
    let mut buffer = scratch_buffer();
    for order in orders {
        let request = order.request().anchor()?;
        let placed = place::place(
            &mut market.get(),
            order.seat,
            &trader,
            &request,
            &env,
            &mut plan,
        )
        .anchor()?;
        let event = placed_event(accounts, order, &placed);
        emit_order_placed(&event, &plan, &mut buffer)?;
        if let Some(trip) = &placed.trip {
            halts::emit_trip(market.get().header, accounts.market.key, trip);
        }
    }
    Ok(())
}

/// On the heap, and built in a frame of its own: a plan takes most of the 4,096 bytes that a frame has.
#[inline(never)]
fn scratch_plan() -> Box<MatchPlan> {
    Box::new(MatchPlan::default())
}

#[inline(never)]
fn scratch_buffer() -> Box<[u8; ORDER_PLACED_SIZE_MAX]> {
    Box::new([0; ORDER_PLACED_SIZE_MAX])
}

/// The event of one order; its records are written behind it.
fn placed_event(accounts: &PlaceOrder<'_>, order: &OrderArgs, placed: &Placed) -> OrderPlaced {
    OrderPlaced {
        version: EVENT_VERSION,
        market: *accounts.market.key,
        margin_account: *accounts.margin_account.key,
        seat: order.seat,
        side: order.side,
        client_id: order.client_id,
        order: placed.order,
        sequence: placed.sequence,
        price: placed.price,
        resting_lots: placed.resting_lots,
        cancelled_lots: placed.cancelled_lots,
        filled_lots: placed.filled_lots,
        filled_quote: placed.filled_quote,
        taker_fee: placed.taker_fee,
        fills: Vec::new(),
        removals: Vec::new(),
    }
}

/// Cancels need no price, no margin and no other market: nothing stands in their way but a book that stands
/// still for an auction.
#[derive(Accounts)]
pub struct CancelOrder<'info> {
    /// Owner or delegate.
    pub trader: Signer<'info>,
    /// CHECK: typed loader.
    pub margin_account: UncheckedAccount<'info>,
    /// CHECK: typed loader; the seat ties it to the margin account.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

impl CancelOrder<'_> {
    fn authorize(&self) -> Result<[u8; 32]> {
        let account = load::<MarginAccount>(&self.margin_account)?;
        check_trader(&account, self.trader.key)?;
        Ok(self.margin_account.key.to_bytes())
    }
}

pub(crate) fn cancel_order(
    ctx: Context<CancelOrder>,
    seat: u32,
    order: u32,
    sequence: u64,
) -> Result<()> {
    let owner = ctx.accounts.authorize()?;
    let mut market = LoadedMarketMut::load(&ctx.accounts.market)?;
    halts::admit_cancel(market.get().header, ctx.accounts.market.key)?;
    let cancelled = place::cancel(&mut market.get(), seat, &owner, order, sequence).anchor()?;
    emit!(cancelled_event(ctx.accounts.market.key, &cancelled, false));
    Ok(())
}

pub(crate) fn cancel_order_by_client_id(
    ctx: Context<CancelOrder>,
    seat: u32,
    client_id: u64,
) -> Result<()> {
    let owner = ctx.accounts.authorize()?;
    let mut market = LoadedMarketMut::load(&ctx.accounts.market)?;
    halts::admit_cancel(market.get().header, ctx.accounts.market.key)?;
    let cancelled =
        place::cancel_by_client_id(&mut market.get(), seat, &owner, client_id).anchor()?;
    emit!(cancelled_event(ctx.accounts.market.key, &cancelled, false));
    Ok(())
}

pub(crate) fn cancel_all_orders(ctx: Context<CancelOrder>, seat: u32, limit: u8) -> Result<()> {
    let owner = ctx.accounts.authorize()?;
    let mut market = LoadedMarketMut::load(&ctx.accounts.market)?;
    halts::admit_cancel(market.get().header, ctx.accounts.market.key)?;
    let (count, lots) =
        place::cancel_all(&mut market.get(), seat, &owner, Which::All, limit).anchor()?;
    emit!(OrdersCancelled {
        version: EVENT_VERSION,
        market: *ctx.accounts.market.key,
        margin_account: *ctx.accounts.margin_account.key,
        count,
        lots,
    });
    Ok(())
}

#[derive(Accounts)]
pub struct RemoveExpiredOrder<'info> {
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
}

pub(crate) fn remove_expired_order(
    ctx: Context<RemoveExpiredOrder>,
    order: u32,
    sequence: u64,
) -> Result<()> {
    let env = environment()?;
    let mut market = LoadedMarketMut::load(&ctx.accounts.market)?;
    halts::admit_cancel(market.get().header, ctx.accounts.market.key)?;
    let cancelled = place::remove_expired(&mut market.get(), order, sequence, &env).anchor()?;
    emit!(cancelled_event(ctx.accounts.market.key, &cancelled, true));
    Ok(())
}

fn cancelled_event(market: &Pubkey, cancelled: &Cancelled, expired: bool) -> OrderCancelled {
    OrderCancelled {
        version: EVENT_VERSION,
        market: *market,
        order: cancelled.order,
        sequence: cancelled.sequence,
        client_id: cancelled.client_id,
        side: cancelled.side,
        price: cancelled.price,
        lots: cancelled.lots,
        expired,
    }
}
