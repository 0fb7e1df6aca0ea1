//! What loss events leave: remainders below a lot, and seats that are epochs behind.

use anyhow::{bail, Context, Result};
use clap::Args;
use plimsoll_client::accounts::MarketView;
use plimsoll_client::engine::epochs::is_behind;
use plimsoll_client::engine::state::{EpochEnd, Seat};
use plimsoll_client::events::Event;
use plimsoll_client::instructions;
use serde::Serialize;

use super::losses::{executed, LossShown};
use super::{Target, TargetArgs};
use crate::markets;
use crate::session::Session;

/// Arguments of `plimsoll liquidate close-remainder`.
#[derive(Args, Debug)]
pub(super) struct RemainderArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Symbol or address
    market: String,
}

/// Arguments of `plimsoll liquidate sync-seat`.
#[derive(Args, Debug)]
pub(super) struct SyncArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Symbol or address
    market: String,
}

pub(super) async fn close(session: &Session, args: &RemainderArgs) -> Result<()> {
    let market = markets::find(session, &args.market).await?.address;
    let target = Target::read(session, &args.target).await?;
    let (symbol, units, base) = target.market(&market)?;
    let instruction = instructions::close_remainder(&target.addresses, target.address(), market);
    let question = format!(
        "Close the remainder of {} {symbol} of {} at the mark plus the taker fee?",
        units.position(base),
        target.address()
    );
    let doing = "closing the remainder";
    let (signature, events) = target.send(session, doing, &question, instruction).await?;
    let executed = executed(&events, &signature)?;
    let shown = LossShown::of(executed, symbol, &units, signature.to_string());
    session.output.result(&shown, || shown.text())
}

#[derive(Serialize)]
struct SyncedShown {
    margin_account: String,
    market: String,
    seat: u32,
    epoch_before: u32,
    epoch: u32,
    /// Epoch of the seat's side: equal when nothing is left to do.
    epoch_of_side: u32,
    signature: String,
}

/// Block of the end of the seat's own epoch, which the market keeps while the seat waits there.
fn end_of(market: &MarketView, seat: &Seat) -> Option<u32> {
    let mut blocks = (0_u32..).zip(&market.blocks);
    blocks.find_map(|(index, block)| {
        let end = block.view::<EpochEnd>()?;
        (end.side == seat.side && end.epoch == seat.epoch).then_some(index)
    })
}

pub(super) async fn sync(session: &Session, args: &SyncArgs) -> Result<()> {
    let address = markets::find(session, &args.market).await?.address;
    let target = Target::read(session, &args.target).await?;
    let block = target.seat(&address)?;
    let view = session.connection.market(&address).await?;
    let seat = view.seat(block).context("the account's seat")?;
    let symbol = view.symbol();
    if !is_behind(&view.header, seat) {
        bail!("the seat in {symbol} is behind no end of an epoch: there is nothing to sync");
    }
    let end = end_of(&view, seat)
        .with_context(|| format!("the end of epoch {} is not in the market", seat.epoch))?;
    let program = &target.addresses.program;
    let instruction = instructions::sync_seat(program, target.address(), address, block, end);
    let question = format!(
        "Bring the seat of {} in {symbol} forward?",
        target.address()
    );
    let doing = "syncing the seat";
    let (signature, events) = target.send(session, doing, &question, instruction).await?;
    let epoch = events.iter().find_map(|event| match event {
        Event::SeatSynced(synced) => Some(synced.epoch),
        _ => None,
    });
    let [long, short] = &view.header.sides;
    let shown = SyncedShown {
        margin_account: target.address().to_string(),
        market: symbol,
        seat: block,
        epoch_before: seat.epoch,
        epoch: epoch.unwrap_or(seat.epoch),
        epoch_of_side: if seat.side == 0 {
            long.epoch
        } else {
            short.epoch
        },
        signature: signature.to_string(),
    };
    session.output.result(&shown, || {
        let left = shown.epoch_of_side.saturating_sub(shown.epoch);
        let rest = if left == 0 {
            "It is up to date.".to_owned()
        } else {
            format!("{left} ends are left: once more.")
        };
        format!(
            "The seat in {} came from epoch {} to {}. {rest}\n{}",
            shown.market, shown.epoch_before, shown.epoch, shown.signature
        )
    })
}
