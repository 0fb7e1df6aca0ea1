//! Seats: a margin account's place in a market.

use anyhow::{ensure, Result};
use clap::Args;
use plimsoll_client::engine::seats::deposit_lamports;
use plimsoll_client::instructions;

use super::done;
use crate::markets;
use crate::session::Session;
use crate::traders::{AccountArgs, Trader};
use crate::units::sol;

/// Arguments of `plimsoll account claim-seat`.
#[derive(Args, Debug)]
pub(crate) struct ClaimArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Symbol or address
    #[arg(value_name = "MARKET")]
    market: String,
    /// Orders that may rest there at the same time
    #[arg(long, default_value_t = 8)]
    slots: u8,
}

/// Arguments of `plimsoll account release-seat`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Symbol or address
    #[arg(value_name = "MARKET")]
    market: String,
}

pub(super) async fn claim(session: &Session, args: ClaimArgs) -> Result<()> {
    let market = markets::find(session, &args.market).await?;
    let trader = Trader::new(session, &args.account)?;
    let most = market.header.params.order_slots_max;
    ensure!(
        (1..=most).contains(&args.slots),
        "a seat in {} has 1 to {most} order slots",
        market.symbol()
    );
    let account = trader.view(session).await?.account;
    ensure!(
        account.entry_of(&market.address.to_bytes()).is_none(),
        "the account has a seat in {} already",
        market.symbol()
    );
    let deposit = sol(deposit_lamports(args.slots));
    session.output.confirm(&format!(
        "Take a seat in {} with {} order slots for a deposit of {deposit} SOL, returned with the seat?",
        market.symbol(),
        args.slots
    ))?;
    let instructions = instructions::claim_seat(
        &trader.addresses.program,
        trader.owner,
        trader.account,
        market.address,
        args.slots,
    );
    let signature = trader
        .send(session, "claiming the seat", &instructions)
        .await?;
    done(session, &trader, &signature, || {
        format!(
            "A seat in {} with {} order slots; {deposit} SOL are deposited.",
            market.symbol(),
            args.slots
        )
    })
}

pub(super) async fn release(session: &Session, args: ReleaseArgs) -> Result<()> {
    let market = markets::find(session, &args.market).await?;
    let trader = Trader::new(session, &args.account)?;
    let instruction = instructions::release_seat(
        &trader.addresses.program,
        trader.owner,
        trader.account,
        market.address,
    );
    let doing = "releasing the seat";
    let signature = trader.send(session, doing, &[instruction]).await?;
    done(session, &trader, &signature, || {
        format!(
            "The seat in {} is free and its deposit back with the owner.",
            market.symbol()
        )
    })
}
