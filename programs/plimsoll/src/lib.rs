//! The Plimsoll program: accounts, validation, token transfers and events around the engine.
//!
//! A handler loads, validates, calls one transition of `plimsoll_engine`, makes the transfers that its
//! outcome names, and emits one event. No market math lives here. The normative text is `docs/spec.md`.
#![allow(clippy::result_large_err)]
// Anchor's macros name cfgs and types of their own that rustc cannot know here.
#![allow(unexpected_cfgs, missing_debug_implementations)]

use anchor_lang::prelude::*;

pub mod error;
pub mod events;
#[cfg(all(test, feature = "idl-build"))]
mod idl_accounts;
pub mod instructions;
pub mod loaders;
mod token;

pub use instructions::OrderArgs;
use instructions::*;
pub use plimsoll_engine::credit::line::LineTerms;
pub use plimsoll_engine::params::MarketParams;

/// The program's address: the localnet's published one, unless the build names another cluster's in
/// `PLIMSOLL_PROGRAM_ID` (docs/runbook.md).
pub const ID: Pubkey = Pubkey::from_str_const(match option_env!("PLIMSOLL_PROGRAM_ID") {
    Some(id) => id,
    None => "9FUzijaGW7NWAzLTnkYqhKxMCQD18xt1F2VdyjNj2dSm",
});

/// The program's address, as Anchor's macros ask for it.
pub const fn id() -> Pubkey {
    ID
}

/// Whether `key` is the program's address, as Anchor's macros ask for it.
pub fn check_id(key: &Pubkey) -> bool {
    *key == ID
}

// Anchor tries instructions in the order written: the hot ones come first.
#[program]
pub mod plimsoll {
    use super::*;

    /// Places one order (spec §5, "order types").
    pub fn place_order<'info>(
        ctx: Context<'info, PlaceOrder<'info>>,
        order: OrderArgs,
    ) -> Result<()> {
        instructions::place_order(ctx, order)
    }

    /// Cancels one order, named by its block and sequence.
    pub fn cancel_order(
        ctx: Context<CancelOrder>,
        seat: u32,
        order: u32,
        sequence: u64,
    ) -> Result<()> {
        instructions::cancel_order(ctx, seat, order, sequence)
    }

    /// Places up to sixteen orders of one seat; all or none.
    pub fn place_orders<'info>(
        ctx: Context<'info, PlaceOrder<'info>>,
        orders: Vec<OrderArgs>,
    ) -> Result<()> {
        instructions::place_orders(ctx, orders)
    }

    /// Cancels the newest order that carries the client id.
    pub fn cancel_order_by_client_id(
        ctx: Context<CancelOrder>,
        seat: u32,
        client_id: u64,
    ) -> Result<()> {
        instructions::cancel_order_by_client_id(ctx, seat, client_id)
    }

    /// Cancels up to `limit` orders of a seat, newest first.
    pub fn cancel_all_orders(ctx: Context<CancelOrder>, seat: u32, limit: u8) -> Result<()> {
        instructions::cancel_all_orders(ctx, seat, limit)
    }

    /// Credits a deposit, by anyone, to anyone. No state refuses it (INV-8).
    pub fn deposit(ctx: Context<Deposit>, shard: u8, amount: u64) -> Result<()> {
        instructions::deposit(ctx, shard, amount)
    }

    /// Takes price updates, and moves index, mark and funding (spec §6); anyone may.
    pub fn refresh_mark<'info>(ctx: Context<'info, RefreshMark<'info>>) -> Result<()> {
        instructions::refresh_mark(ctx)
    }

    /// Turns an account's claims into cash (spec §4); anyone may. The account's markets follow in the
    /// order of its entries; those passed writable are settled.
    pub fn settle<'info>(ctx: Context<'info, Settle<'info>>) -> Result<()> {
        instructions::settle(ctx)
    }

    /// Pays out aged cash, if what remains meets initial margin.
    pub fn withdraw<'info>(
        ctx: Context<'info, Withdraw<'info>>,
        shard: u8,
        amount: u64,
    ) -> Result<()> {
        instructions::withdraw(ctx, shard, amount)
    }

    /// Liquidates an account below maintenance margin: its orders, its credit line, the book (spec §8);
    /// anyone may. The leg that comes next lies in `market`; the account's other markets follow in the order
    /// of its entries. A draw goes through custody shard `shard`.
    pub fn liquidate<'info>(ctx: Context<'info, Liquidate<'info>>, shard: u8) -> Result<()> {
        instructions::liquidate(ctx, shard)
    }

    /// Takes a halted market through its auction and its reopening as far as the clock allows (spec §7), looking
    /// at most at `steps_max` orders; anyone may, and nothing happens when there is nothing to do.
    pub fn advance_halt(ctx: Context<AdvanceHalt>, steps_max: u16) -> Result<()> {
        instructions::advance_halt(ctx, steps_max)
    }

    /// Puts an account below maintenance margin, after its credit, into the auction of a halted market with
    /// reduce-only interest at its zero price, or takes it out again (spec §7); anyone may.
    pub fn join_auction<'info>(ctx: Context<'info, Liquidate<'info>>, shard: u8) -> Result<()> {
        instructions::join_auction(ctx, shard)
    }

    /// Takes over up to `lots_max` lots of what a liquidation could not close in the book (spec §8).
    pub fn take_over<'info>(ctx: Context<'info, TakeOver<'info>>, lots_max: u64) -> Result<()> {
        instructions::take_over(ctx, lots_max)
    }

    /// Closes a leg of an account that is insolvent at the mark against the whole opposing side (spec §9);
    /// anyone may.
    pub fn tear_up<'info>(ctx: Context<'info, TearUp<'info>>) -> Result<()> {
        instructions::tear_up(ctx)
    }

    /// Closes a position of less than a lot at the mark (spec §4); anyone may.
    pub fn close_remainder(ctx: Context<CloseRemainder>) -> Result<()> {
        instructions::close_remainder(ctx)
    }

    /// Walks a seat through up to five epoch ends, from the one at block `end`; anyone may.
    pub fn sync_seat(ctx: Context<SyncSeat>, seat: u32, end: u32) -> Result<()> {
        instructions::sync_seat(ctx, seat, end)
    }

    /// Takes an expired order off the book; anyone may.
    pub fn remove_expired_order(
        ctx: Context<RemoveExpiredOrder>,
        order: u32,
        sequence: u64,
    ) -> Result<()> {
        instructions::remove_expired_order(ctx, order, sequence)
    }

    /// Claims a seat with its order slots; the deposit was paid into the market account before.
    pub fn claim_seat(ctx: Context<ClaimSeat>, order_slots: u8) -> Result<()> {
        instructions::claim_seat(ctx, order_slots)
    }

    /// Frees an empty seat and refunds its deposit to the owner; anyone may.
    pub fn release_seat(ctx: Context<ReleaseSeat>) -> Result<()> {
        instructions::release_seat(ctx)
    }

    /// Creates a margin account of the signer's.
    pub fn create_margin_account(
        ctx: Context<CreateMarginAccount>,
        sub_account: u16,
    ) -> Result<()> {
        instructions::create_margin_account(ctx, sub_account)
    }

    /// Names a delegate that may trade and cancel, never withdraw; the zero key removes it.
    pub fn set_delegate(ctx: Context<SetDelegate>, delegate: Pubkey) -> Result<()> {
        instructions::set_delegate(ctx, delegate)
    }

    /// Closes an empty margin account.
    pub fn close_margin_account(ctx: Context<CloseMarginAccount>) -> Result<()> {
        instructions::close_margin_account(ctx)
    }

    /// Moves swept fees out of a market's pool (spec §4, §11); anyone may.
    pub fn sweep_fees(ctx: Context<SweepFees>) -> Result<()> {
        instructions::sweep_fees(ctx)
    }

    /// Pays the treasury's balance to its token account; anyone may.
    pub fn collect_treasury(ctx: Context<CollectTreasury>, shard: u8) -> Result<()> {
        instructions::collect_treasury(ctx, shard)
    }

    /// Moves cash between two custody shards; anyone may.
    pub fn rebalance_custody(
        ctx: Context<RebalanceCustody>,
        from: u8,
        to: u8,
        amount: u64,
    ) -> Result<()> {
        instructions::rebalance_custody(ctx, from, to, amount)
    }

    /// Adds room to a market account, 10,240 bytes at a time; anyone may.
    pub fn grow_market(ctx: Context<GrowMarket>) -> Result<()> {
        instructions::grow_market(ctx)
    }

    /// Creates an exchange for a plain token mint.
    pub fn initialize_exchange(ctx: Context<InitializeExchange>, args: ExchangeArgs) -> Result<()> {
        instructions::initialize_exchange(ctx, args)
    }

    /// Creates the next custody shard.
    pub fn create_custody_shard(ctx: Context<CreateCustodyShard>, shard: u8) -> Result<()> {
        instructions::create_custody_shard(ctx, shard)
    }

    /// Opens a market whose parameters the listing rule accepts (spec §5).
    pub fn create_market(
        ctx: Context<CreateMarket>,
        symbol: [u8; 16],
        params: MarketParams,
    ) -> Result<()> {
        instructions::create_market(ctx, symbol, &params)
    }

    /// Queues a change of a market's parameters or of the exchange (spec §11); the authority.
    pub fn queue_change(ctx: Context<QueueChange>, change: ChangeArgs) -> Result<()> {
        instructions::queue_change(ctx, &change)
    }

    /// Applies a queued change whose timelock has passed; anyone may.
    pub fn apply_change(ctx: Context<ApplyChange>) -> Result<()> {
        instructions::apply_change(ctx)
    }

    /// Takes a queued change back; the authority.
    pub fn cancel_change(ctx: Context<CancelChange>) -> Result<()> {
        instructions::cancel_change(ctx)
    }

    /// Offers the authority to another key; the zero key withdraws an offer.
    pub fn offer_authority(ctx: Context<OfferAuthority>, next: Pubkey) -> Result<()> {
        instructions::offer_authority(ctx, next)
    }

    /// Accepts the authority; the key that it was offered to, a program's address by CPI.
    pub fn accept_authority(ctx: Context<AcceptAuthority>) -> Result<()> {
        instructions::accept_authority(ctx)
    }

    /// Sets a market reduce-only for `seconds`, at most a day in a row; the guardian.
    pub fn guard_market(ctx: Context<GuardMarket>, seconds: u32) -> Result<()> {
        instructions::guard_market(ctx, seconds)
    }

    /// Ends the guardian's time; the guardian or the authority.
    pub fn lift_guard(ctx: Context<GuardMarket>) -> Result<()> {
        instructions::lift_guard(ctx)
    }

    /// Closes every position of a market at the last mark when its index is dead (ADR 0011); anyone may.
    pub fn wind_up_market(ctx: Context<WindUpMarket>) -> Result<()> {
        instructions::wind_up_market(ctx)
    }

    /// Opens a vault of the signer's (spec §10).
    pub fn open_vault(
        ctx: Context<OpenVault>,
        id: u16,
        redemption_notice_seconds: u32,
    ) -> Result<()> {
        instructions::open_vault(ctx, id, redemption_notice_seconds)
    }

    /// Buys shares of a vault at its asking value; `junior` ones, locked, by its underwriter alone.
    pub fn buy_shares(ctx: Context<BuyShares>, amount: u64, junior: bool) -> Result<()> {
        instructions::buy_shares(ctx, amount, junior)
    }

    /// Turns junior shares that cover neither limits nor a loss in sight into ordinary ones.
    pub fn release_junior(ctx: Context<ChangeStake>, shares: u64) -> Result<()> {
        instructions::release_junior(ctx, shares)
    }

    /// Queues shares for redemption.
    pub fn request_redemption(ctx: Context<ChangeStake>, shares: u64) -> Result<()> {
        instructions::request_redemption(ctx, shares)
    }

    /// Takes a request for redemption back.
    pub fn cancel_redemption(ctx: Context<ChangeStake>) -> Result<()> {
        instructions::cancel_redemption(ctx)
    }

    /// Pays the first redemption of the queue, as far as unreserved cash allows; anyone may.
    pub fn pay_redemption(ctx: Context<PayRedemption>) -> Result<()> {
        instructions::pay_redemption(ctx)
    }

    /// Offers a line to a margin account; the underwriter's signature.
    pub fn offer_line(ctx: Context<OfferLine>, terms: LineTerms) -> Result<()> {
        instructions::offer_line(ctx, &terms)
    }

    /// Accepts a line under exactly these terms; the trader's signature.
    pub fn accept_line(ctx: Context<AcceptLine>, terms: LineTerms) -> Result<()> {
        instructions::accept_line(ctx, &terms)
    }

    /// Starts an accepted line after the redemption notice; anyone may.
    pub fn activate_line(ctx: Context<ActivateLine>) -> Result<()> {
        instructions::activate_line(ctx)
    }

    /// Consents to draws of a discretionary line, up to an amount and a time.
    pub fn give_consent(ctx: Context<ChangeLine>, amount: u64, expires_at: i64) -> Result<()> {
        instructions::give_consent(ctx, amount, expires_at)
    }

    /// Draws an account's line where that cures the account (spec §13); anyone may. All markets of the
    /// account follow in the order of its entries.
    pub fn draw<'info>(ctx: Context<'info, Draw<'info>>, shard: u8) -> Result<()> {
        instructions::draw(ctx, shard)
    }

    /// Takes the conservative value of a line; anyone may. All markets of the account follow.
    pub fn value_line<'info>(ctx: Context<'info, TouchLine<'info>>) -> Result<()> {
        instructions::value_line(ctx)
    }

    /// Books the interest of a line up to now; anyone may.
    pub fn accrue_interest(ctx: Context<TouchLine>) -> Result<()> {
        instructions::accrue_interest(ctx)
    }

    /// Moves the deadline of a margin call, later only; the underwriter.
    pub fn extend_call(ctx: Context<ChangeLine>, call_deadline: i64) -> Result<()> {
        instructions::extend_call(ctx, call_deadline)
    }

    /// Gives notice that nothing more will be lent; the underwriter.
    pub fn recall_line(ctx: Context<ChangeLine>) -> Result<()> {
        instructions::recall_line(ctx)
    }

    /// Repays interest, then principal, then a lien with the payer's tokens; anyone may, always.
    pub fn repay(ctx: Context<Repay>, amount: u64) -> Result<()> {
        instructions::repay(ctx, amount)
    }

    /// Repays interest, then principal out of the account's own cash. All markets of the account follow.
    pub fn repay_from_cash<'info>(
        ctx: Context<'info, RepayFromCash<'info>>,
        shard: u8,
        amount: u64,
    ) -> Result<()> {
        instructions::repay_from_cash(ctx, shard, amount)
    }

    /// Records what nobody will pay back, and turns it into a lien; anyone may. All markets of the
    /// account follow.
    pub fn write_off<'info>(ctx: Context<'info, TouchLine<'info>>) -> Result<()> {
        instructions::write_off(ctx)
    }

    /// Collects a lien out of cash that may leave the account; anyone may. All markets of the account
    /// follow.
    pub fn collect_lien<'info>(ctx: Context<'info, CollectLien<'info>>, shard: u8) -> Result<()> {
        instructions::collect_lien(ctx, shard)
    }

    /// Ends a line that is owed nothing: the trader, or the underwriter after a recall's notice.
    pub fn close_line(ctx: Context<CloseLine>) -> Result<()> {
        instructions::close_line(ctx)
    }
}
