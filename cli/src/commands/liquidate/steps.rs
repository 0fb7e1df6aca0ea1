//! Cancel, draw and reduce in the book; then takeover.

use anyhow::{ensure, Result};
use clap::Args;
use plimsoll_client::events::Event;
use serde::Serialize;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::{named_error, StateShown, Target, TargetArgs};
use crate::output::{pairs, time};
use crate::session::Session;
use crate::units::usd_unsigned;

/// Arguments of `plimsoll liquidate take-over`.
#[derive(Args, Debug)]
pub(super) struct TakeOverArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Lots to take over at most; `plimsoll market show` says what a lot is [default: all that is offered]
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    lots: u64,
    /// Number of the signer's sub-account that takes over; it must meet initial margin afterwards
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    taker_sub_account: u16,
    /// Owner of the taking account, if it is not the signer (a delegate trades for somebody)
    #[arg(long, value_name = "ADDRESS")]
    taker_owner: Option<Pubkey>,
}

/// One call of `liquidate`. Amounts are dollars, sizes in the asset.
#[derive(Serialize)]
struct LiquidatedShown {
    margin_account: String,
    market: String,
    before: StateShown,
    after: StateShown,
    orders_cancelled: u8,
    drawn: String,
    closed: String,
    received_or_paid: String,
    worst_price: Option<String>,
    charge: String,
    contribution: String,
    reimbursed: String,
    takeover_since: Option<i64>,
    signature: String,
}

/// Steps 1 to 3 on the leg that comes next.
pub(super) async fn liquidate(
    session: &Session,
    args: &TargetArgs,
    beneficiary: Option<Pubkey>,
) -> Result<()> {
    let target = Target::read(session, args).await?;
    let beneficiary = target.beneficiary(session, beneficiary).await?;
    let legs = target.view.liquidation_legs(None, target.now);
    let legs = legs.map_err(named_error)?;
    let market = Pubkey::from(legs.next().map_err(named_error)?.market);
    // Orders leave the other books as well, where there are any.
    let cancelled: Vec<Pubkey> = legs
        .iter()
        .filter(|leg| leg.orders != 0 && Pubkey::from(leg.market) != market)
        .map(|leg| Pubkey::from(leg.market))
        .collect();
    let shards = session
        .connection
        .exchange(&target.addresses.exchange)
        .await?
        .custody_shards_len;
    let shard = target.view.account.custody_shard;
    let shard = shard.checked_rem(shards).unwrap_or(0);
    let call = target.call(market, beneficiary);
    let (symbol, units, _) = target.market(&market)?;
    let before = StateShown::of(&target, &market)?;
    let question = format!(
        "Liquidate {} in {symbol}: {}?",
        target.address(),
        before.text()
    );
    let instruction = call.liquidate(shard, &cancelled);
    let (signature, events) = target
        .send(session, "the liquidation", &question, instruction)
        .await?;
    let done = events.iter().find_map(|event| match event {
        Event::Liquidated(done) => Some(done),
        _ => None,
    });
    let Some(done) = done else {
        anyhow::bail!("{signature} was confirmed, but the node does not have its log");
    };
    let after = target.again(session).await?;
    let shown = LiquidatedShown {
        margin_account: target.address().to_string(),
        market: symbol,
        before,
        after: StateShown::of(&after, &market)?,
        orders_cancelled: done.cancelled,
        drawn: usd_unsigned(done.drawn),
        closed: units.size(done.filled_lots),
        received_or_paid: usd_unsigned(done.filled_quote),
        worst_price: (done.limit != 0).then(|| units.price(done.limit)),
        charge: usd_unsigned(done.charge),
        contribution: usd_unsigned(done.contribution),
        reimbursed: usd_unsigned(done.reimbursed),
        takeover_since: (done.takeover_started_at != 0).then_some(done.takeover_started_at),
        signature: signature.to_string(),
    };
    session.output.result(&shown, || liquidated_text(&shown))
}

fn liquidated_text(shown: &LiquidatedShown) -> String {
    let mut said = Vec::new();
    if shown.drawn != "0.00" {
        said.push(format!(
            "The account's credit line lent {} USDC; nothing had to be closed.",
            shown.drawn
        ));
    }
    if shown.orders_cancelled != 0 {
        said.push(format!(
            "{} of its orders left the books.",
            shown.orders_cancelled
        ));
    }
    if shown.closed != "0" {
        said.push(format!(
            "{} {} were closed in the book for {} USDC; {} USDC were charged, {} USDC of it for the default fund.",
            shown.closed, shown.market, shown.received_or_paid, shown.charge, shown.contribution
        ));
    }
    if let Some(since) = shown.takeover_since {
        said.push(format!(
            "The book did not suffice: a takeover is open since {} UTC (`plimsoll liquidate take-over`).",
            time(since)
        ));
    }
    if said.is_empty() {
        said.push("There was nothing to do in this step.".to_owned());
    }
    let rows = pairs([
        ("before", shown.before.text()),
        ("after", shown.after.text()),
        (
            "worst price allowed",
            shown.worst_price.clone().unwrap_or_else(|| "–".into()),
        ),
        ("reimbursed", format!("{} USDC", shown.reimbursed)),
    ]);
    format!("{}\n\n{rows}\n{}", said.join("\n"), shown.signature)
}

#[derive(Serialize)]
struct TakenShown {
    margin_account: String,
    taker: String,
    market: String,
    size: String,
    price: String,
    cash: String,
    contribution: String,
    after: StateShown,
    signature: String,
}

pub(super) async fn take_over(session: &Session, args: &TakeOverArgs) -> Result<()> {
    ensure!(args.lots != 0, "--lots must be at least 1");
    let target = Target::read(session, &args.target).await?;
    let legs = target.view.liquidation_legs(None, target.now);
    let legs = legs.map_err(named_error)?;
    let market = Pubkey::from(legs.next().map_err(named_error)?.market);
    let signer = target.keypair.pubkey();
    let owner = args.taker_owner.unwrap_or(signer);
    let taker = target
        .addresses
        .margin_account(&owner, args.taker_sub_account);
    let account = crate::traders::view(session, &taker).await?.account;
    let (symbol, units, _) = target.market(&market)?;
    ensure!(
        account.entry_of(&market.to_bytes()).is_some(),
        "the taking account has no seat in {symbol}: `plimsoll account claim-seat {symbol}` takes one"
    );
    // Nobody is reimbursed for a takeover: the price is the reward.
    let call = target.call(market, taker);
    let instruction = call.take_over(signer, (taker, &account), args.lots);
    let before = StateShown::of(&target, &market)?;
    let question = format!(
        "Take over up to all of {} in {symbol} from {}?",
        before.position,
        target.address()
    );
    let (signature, events) = target
        .send(session, "the takeover", &question, instruction)
        .await?;
    let taken = events.iter().find_map(|event| match event {
        Event::TakenOver(taken) => Some(taken),
        _ => None,
    });
    let Some(taken) = taken else {
        anyhow::bail!("{signature} was confirmed, but the node does not have its log");
    };
    let after = target.again(session).await?;
    let size = units.position(i64::try_from(taken.base)?);
    let shown = TakenShown {
        margin_account: target.address().to_string(),
        taker: taker.to_string(),
        market: symbol,
        size,
        price: units.price_q32(taken.price),
        cash: usd_unsigned(taken.cash),
        contribution: usd_unsigned(taken.contribution),
        after: StateShown::of(&after, &market)?,
        signature: signature.to_string(),
    };
    session.output.result(&shown, || {
        format!(
            "{} {} taken over at {} for {} USDC; the liquidated account is left {}.\n{}",
            shown.size,
            shown.market,
            shown.price,
            shown.cash,
            shown.after.text(),
            shown.signature
        )
    })
}
