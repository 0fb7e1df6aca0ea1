//! Changes of an exchange and its markets: queued, waited for, applied; authority, guardian, wind-up (spec
//! §11). Nothing here reads or writes an account of a trader's, a vault or a token balance.

use anchor_lang::prelude::*;
use plimsoll_engine::governance::{self, ChangeKind, Pace};
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::state::{Exchange, MarkAccount, PendingChange};
use plimsoll_engine::wind_up;

use super::admin::{check_authority, refuse_durable_nonce};
use super::create::{create_at, NewAccount};
use super::seats::move_lamports;
use super::{environment, halts};
use crate::error::{IntoAnchor, PlimsollError};
use crate::events::{
    AuthorityAccepted, AuthorityOffered, ChangeApplied, ChangeCancelled, ChangeQueued,
    MarketGuarded, MarketWoundUp, EVENT_VERSION,
};
use crate::loaders::{
    initialize, load, load_mut, same_key, AccountKind, LoadedMarket, LoadedMarketMut,
};
use crate::token;

/// Seed of a queued change.
pub const PENDING_SEED: &[u8] = b"pending";

/// A change to be queued.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, PartialEq, Eq)]
pub enum ChangeArgs {
    /// All parameters of the market, changed ones and others.
    Market {
        params: MarketParams,
    },
    /// Shares of swept trading fees: default fund, keeper pool, treasury; ppm, together one million.
    FeeSplit {
        shares_ppm: [u32; 3],
    },
    /// Seconds.
    Timelocks {
        slow: u32,
        tightening: u32,
    },
    Guardian {
        guardian: Pubkey,
    },
    /// The token account that the treasury's part of trading fees is paid to from then on.
    Treasury,
}

#[derive(Accounts)]
pub struct QueueChange<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    pub authority: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: the market; of the treasury the new token account; else the exchange.
    pub target: UncheckedAccount<'info>,
    /// CHECK: created at its address.
    #[account(mut)]
    pub pending_change: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

#[inline(never)]
pub(crate) fn queue_change(ctx: Context<QueueChange>, change: &ChangeArgs) -> Result<()> {
    let accounts = &ctx.accounts;
    refuse_durable_nonce(&accounts.instructions)?;
    let env = environment()?;
    let mut exchange = load_mut::<Exchange>(&accounts.exchange)?;
    check_authority(&exchange, accounts.authority.key)?;
    let id = exchange.pending_changes.to_le_bytes();
    let seeds: &[&[u8]] = &[PENDING_SEED, accounts.exchange.key.as_array(), &id];
    let new = NewAccount {
        size: PendingChange::SIZE,
        owner: &crate::ID,
        seeds,
    };
    let bump = create_at(&accounts.payer, &accounts.pending_change, &new)?;
    let mut pending = initialize::<PendingChange>(&accounts.pending_change)?;
    pending.bump = bump;
    pending.exchange = accounts.exchange.key.to_bytes();
    pending.target = accounts.target.key.to_bytes();
    pending.rent_payer = accounts.payer.key.to_bytes();
    let pace = set(&mut pending, &exchange, accounts, change)?;
    pending.start(&mut exchange, pace, &env).anchor()?;
    emit!(ChangeQueued {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        id: pending.id,
        kind: pending.kind,
        pace: pending.pace,
        target: *accounts.target.key,
        applies_from: pending.applies_from,
        expires_at: pending.expires_at,
    });
    Ok(())
}

/// Writes what is in force and what is to be.
#[inline(never)]
fn set(
    pending: &mut PendingChange,
    exchange: &Exchange,
    accounts: &QueueChange<'_>,
    change: &ChangeArgs,
) -> Result<Pace> {
    let none = [0; 32];
    let (kind, values, address) = match change {
        ChangeArgs::Market { params } => {
            let market = LoadedMarket::load(&accounts.target)?;
            let header = market.get().header;
            if !same_key(accounts.exchange.key, &header.exchange) {
                return err!(PlimsollError::WrongAccount);
            }
            governance::check_changeable(header).anchor()?;
            return pending.set_market(&header.params, params).anchor();
        }
        ChangeArgs::FeeSplit { shares_ppm } => (ChangeKind::FeeSplit, *shares_ppm, none),
        ChangeArgs::Timelocks { slow, tightening } => {
            (ChangeKind::Timelocks, [*slow, *tightening, 0], none)
        }
        ChangeArgs::Guardian { guardian } => (ChangeKind::Guardian, [0; 3], guardian.to_bytes()),
        ChangeArgs::Treasury => (ChangeKind::Treasury, [0; 3], accounts.target.key.to_bytes()),
    };
    check_target(exchange, kind, &accounts.target, accounts.exchange.key)?;
    pending
        .set_exchange(exchange, kind, values, address)
        .anchor()
}

/// The treasury is a token account of the collateral; every other change of the exchange names the exchange.
fn check_target(
    exchange: &Exchange,
    kind: ChangeKind,
    target: &AccountInfo<'_>,
    address: &Pubkey,
) -> Result<()> {
    if kind == ChangeKind::Treasury {
        return token::check_account(target, &exchange.token_program, &exchange.collateral_mint);
    }
    if target.key != address {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(())
}

/// Anyone may apply what is due. The rent goes back to who paid it.
#[derive(Accounts)]
pub struct ApplyChange<'info> {
    /// CHECK: address checked against the queued change.
    #[account(mut)]
    pub rent_payer: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: address checked against the queued change.
    #[account(mut)]
    pub target: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub pending_change: UncheckedAccount<'info>,
}

#[inline(never)]
pub(crate) fn apply_change(ctx: Context<ApplyChange>) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let (id, kind) = {
        let pending = load_pending(
            &accounts.pending_change,
            &accounts.rent_payer,
            accounts.exchange.key,
        )?;
        if !same_key(accounts.target.key, &pending.target) {
            return err!(PlimsollError::WrongAccount);
        }
        let mut exchange = load_mut::<Exchange>(&accounts.exchange)?;
        let kind = pending.kind().anchor()?;
        if kind == ChangeKind::Market {
            let mut market = LoadedMarketMut::load(&accounts.target)?;
            let mut market = market.get();
            halts::catch_up(market.header, accounts.target.key, &env);
            governance::apply_market(&mut market, &pending, &env).anchor()?;
        } else {
            check_target(&exchange, kind, &accounts.target, accounts.exchange.key)?;
            governance::apply_exchange(&mut exchange, &pending, &env).anchor()?;
        }
        (pending.id, pending.kind)
    };
    close(&accounts.pending_change, &accounts.rent_payer)?;
    emit!(ChangeApplied {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        id,
        kind,
        target: *accounts.target.key,
    });
    Ok(())
}

#[derive(Accounts)]
pub struct CancelChange<'info> {
    pub authority: Signer<'info>,
    /// CHECK: address checked against the queued change.
    #[account(mut)]
    pub rent_payer: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub pending_change: UncheckedAccount<'info>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

pub(crate) fn cancel_change(ctx: Context<CancelChange>) -> Result<()> {
    let accounts = &ctx.accounts;
    refuse_durable_nonce(&accounts.instructions)?;
    check_authority(
        &*load::<Exchange>(&accounts.exchange)?,
        accounts.authority.key,
    )?;
    let id = load_pending(
        &accounts.pending_change,
        &accounts.rent_payer,
        accounts.exchange.key,
    )?
    .id;
    close(&accounts.pending_change, &accounts.rent_payer)?;
    emit!(ChangeCancelled {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        id,
    });
    Ok(())
}

/// A queued change of the exchange, with who gets its rent back.
fn load_pending<'a>(
    pending: &'a AccountInfo<'_>,
    rent_payer: &AccountInfo<'_>,
    exchange: &Pubkey,
) -> Result<std::cell::RefMut<'a, PendingChange>> {
    let pending = load_mut::<PendingChange>(pending)?;
    if !same_key(exchange, &pending.exchange) || !same_key(rent_payer.key, &pending.rent_payer) {
        return err!(PlimsollError::WrongAccount);
    }
    Ok(pending)
}

/// Ids never come again, so nothing is ever queued at this address a second time.
fn close(pending: &AccountInfo<'_>, rent_payer: &AccountInfo<'_>) -> Result<()> {
    move_lamports(pending, rent_payer, pending.lamports())?;
    pending.assign(&anchor_lang::system_program::ID);
    pending.resize(0)?;
    Ok(())
}

#[derive(Accounts)]
pub struct OfferAuthority<'info> {
    pub authority: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

pub(crate) fn offer_authority(ctx: Context<OfferAuthority>, next: Pubkey) -> Result<()> {
    let accounts = &ctx.accounts;
    refuse_durable_nonce(&accounts.instructions)?;
    let mut exchange = load_mut::<Exchange>(&accounts.exchange)?;
    check_authority(&exchange, accounts.authority.key)?;
    exchange.pending_authority = next.to_bytes();
    emit!(AuthorityOffered {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        authority: *accounts.authority.key,
        next,
    });
    Ok(())
}

/// The next authority signs: a wallet, or a multisig's address by CPI.
#[derive(Accounts)]
pub struct AcceptAuthority<'info> {
    pub authority: Signer<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

pub(crate) fn accept_authority(ctx: Context<AcceptAuthority>) -> Result<()> {
    let accounts = &ctx.accounts;
    refuse_durable_nonce(&accounts.instructions)?;
    let mut exchange = load_mut::<Exchange>(&accounts.exchange)?;
    let offered = exchange.pending_authority != [0; 32];
    if !offered || !same_key(accounts.authority.key, &exchange.pending_authority) {
        return err!(PlimsollError::NotAuthorized);
    }
    let before = exchange.authority;
    exchange.authority = exchange.pending_authority;
    exchange.pending_authority = [0; 32];
    emit!(AuthorityAccepted {
        version: EVENT_VERSION,
        exchange: *accounts.exchange.key,
        before: before.into(),
        authority: *accounts.authority.key,
    });
    Ok(())
}

/// The guardian; to lift, the authority as well.
#[derive(Accounts)]
pub struct GuardMarket<'info> {
    pub guardian: Signer<'info>,
    /// CHECK: typed loader.
    pub exchange: UncheckedAccount<'info>,
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// CHECK: the instructions sysvar, by its address.
    pub instructions: UncheckedAccount<'info>,
}

impl GuardMarket<'_> {
    /// `may_lift`: the authority is let in as well.
    fn check(&self, may_lift: bool) -> Result<()> {
        refuse_durable_nonce(&self.instructions)?;
        let exchange = load::<Exchange>(&self.exchange)?;
        let guardian = same_key(self.guardian.key, &exchange.guardian);
        let authority = may_lift && same_key(self.guardian.key, &exchange.authority);
        if !guardian && !authority {
            return err!(PlimsollError::NotAuthorized);
        }
        Ok(())
    }

    fn emit(&self, until: i64) {
        emit!(MarketGuarded {
            version: EVENT_VERSION,
            market: *self.market.key,
            by: *self.guardian.key,
            until,
        });
    }
}

pub(crate) fn guard_market(ctx: Context<GuardMarket>, seconds: u32) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.check(false)?;
    let env = environment()?;
    let mut market = LoadedMarketMut::load(&accounts.market)?;
    let header = market.get().header;
    if !same_key(accounts.exchange.key, &header.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    halts::catch_up(header, accounts.market.key, &env);
    let until = governance::guard(header, seconds, &env).anchor()?;
    accounts.emit(until);
    Ok(())
}

pub(crate) fn lift_guard(ctx: Context<GuardMarket>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.check(true)?;
    let env = environment()?;
    let mut market = LoadedMarketMut::load(&accounts.market)?;
    let header = market.get().header;
    if !same_key(accounts.exchange.key, &header.exchange) {
        return err!(PlimsollError::WrongAccount);
    }
    halts::catch_up(header, accounts.market.key, &env);
    governance::lift_guard(header, &env).anchor()?;
    accounts.emit(env.now);
    Ok(())
}

/// Anyone may wind up a market whose index is dead.
#[derive(Accounts)]
pub struct WindUpMarket<'info> {
    /// CHECK: typed loader.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,
    /// CHECK: typed loader; its address is the one that the market names.
    #[account(mut)]
    pub mark: UncheckedAccount<'info>,
}

#[inline(never)]
pub(crate) fn wind_up_market(ctx: Context<WindUpMarket>) -> Result<()> {
    let accounts = &ctx.accounts;
    let env = environment()?;
    let mut loaded = LoadedMarketMut::load(&accounts.market)?;
    let mut market = loaded.get();
    if !same_key(accounts.mark.key, &market.header.mark_account) {
        return err!(PlimsollError::WrongAccount);
    }
    let mut copy = load_mut::<MarkAccount>(&accounts.mark)?;
    halts::catch_up(market.header, accounts.market.key, &env);
    let closed = wind_up::wind_up(&mut market, &env).anchor()?;
    copy.copy_from(market.header, env.slot);
    let [long, short] = closed.sides;
    emit!(MarketWoundUp {
        version: EVENT_VERSION,
        market: *accounts.market.key,
        price: closed.price,
        index_time: closed.index_time,
        open_interest: closed.open_interest,
        epochs: [long.epoch, short.epoch],
        long_cash_index: long.cash_index,
        short_cash_index: short.cash_index,
    });
    Ok(())
}
