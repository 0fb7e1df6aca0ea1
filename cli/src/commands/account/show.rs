//! `plimsoll account show`: what an account is worth, how far it is from liquidation, and why.

use anyhow::{Context, Result};
use clap::Args;
use plimsoll_client::accounts::MarketView;
use plimsoll_client::engine::cash::account_cash;
use plimsoll_client::engine::math::mul_ppm_ceil;
use plimsoll_client::engine::state::CreditLine;
use plimsoll_client::engine::units::PRICE_Q32_MAX;
use plimsoll_client::preview::{AccountPreview, AccountView, LegPreview};
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::standing::StandingShown;
use crate::output::{pairs, table};
use crate::session::Session;
use crate::traders::{view, AccountArgs};
use crate::units::{parse_percent, percent, usd, usd_unsigned, MarketUnits};

/// The published stress gap (spec §5, Caps), ppm.
const STRESS_GAP_PPM: u32 = 200_000;

/// Arguments of `plimsoll account show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// A jump of every mark against its position at once, whose loss is shown; the default is the published
    /// stress gap
    #[arg(long, default_value_t = percent(STRESS_GAP_PPM.into()), value_name = "PERCENT")]
    gap: String,
}

/// An account at one moment. Amounts are dollars.
#[derive(Serialize)]
pub(super) struct AccountShown {
    margin_account: String,
    collateral: String,
    unaged_gains: String,
    equity: String,
    initial_margin: String,
    maintenance_margin: String,
    free_collateral: String,
    withdrawable: String,
    margin_ratio: Option<String>,
    /// Equity if every mark jumped against its position by `gap`, and what that costs.
    equity_after_gap: String,
    gap_loss: String,
    gap: String,
    /// Whether `gap` is the published stress gap.
    gap_is_published: bool,
    #[serde(flatten)]
    standing: StandingShown,
    positions: Vec<PositionShown>,
}

#[derive(Serialize)]
struct PositionShown {
    market: String,
    position: String,
    claim: String,
    value: String,
    mark: String,
    break_even: Option<String>,
    liquidation_price: Option<String>,
    initial_margin: String,
    maintenance_margin: String,
    index_fresh: bool,
    seat: u32,
    orders: u8,
    order_slots: u8,
}

pub(super) async fn run(session: &Session, show: &ShowArgs) -> Result<()> {
    let args = &show.account;
    let gap = parse_percent(&show.gap).context("--gap")?;
    let addresses = session.addresses()?;
    let owner = match args.owner {
        Some(owner) => owner,
        None => solana_signer::Signer::pubkey(&session.signer()?),
    };
    let address = addresses.margin_account(&owner, args.sub_account);
    let view = view(session, &address).await?;
    let now = session.connection.chain_time().await?;
    let line = match Pubkey::from(view.account.credit_line) {
        none if none == Pubkey::default() => None,
        line => Some(session.connection.credit_line(&line).await?),
    };
    let shown = shown(&view, line.as_ref(), now, gap)?;
    session.output.result(&shown, || text(&shown))
}

fn shown(
    view: &AccountView,
    line: Option<&CreditLine>,
    now: i64,
    gap_ppm: u32,
) -> Result<AccountShown> {
    let preview = view.preview(now)?;
    let cash = account_cash(&view.account, now);
    let risk = &preview.risk;
    let equity_after_gap = equity_after(view, &preview, now, gap_ppm)?;
    let legs = view.markets.iter().zip(&preview.legs).enumerate();
    let positions = legs.map(|(entry, (market, leg))| position(view, entry, market, leg));
    Ok(AccountShown {
        margin_account: view.address.to_string(),
        collateral: usd(cash.collateral),
        unaged_gains: usd_unsigned(cash.unaged_gain),
        equity: usd(risk.equity),
        initial_margin: usd_unsigned(risk.initial_margin),
        maintenance_margin: usd_unsigned(risk.maintenance_margin),
        free_collateral: usd(risk.free_collateral()),
        withdrawable: usd_unsigned(preview.withdrawable),
        margin_ratio: margin_ratio(&preview),
        equity_after_gap: usd(equity_after_gap),
        gap_loss: usd(risk.equity.saturating_sub(equity_after_gap)),
        gap: percent(u64::from(gap_ppm)),
        gap_is_published: gap_ppm == STRESS_GAP_PPM,
        standing: StandingShown::of(view, risk, line, now),
        positions: positions.collect(),
    })
}

/// Equity with every mark moved against its position, by the engine's own valuation.
fn equity_after(
    view: &AccountView,
    preview: &AccountPreview,
    now: i64,
    gap_ppm: u32,
) -> Result<i64> {
    let mut moved = view.clone();
    for (market, leg) in moved.markets.iter_mut().zip(&preview.legs) {
        let mark = market.header.prices.mark;
        let gap = mul_ppm_ceil(mark, u64::from(gap_ppm))?;
        market.header.prices.mark = if leg.held.base > 0 {
            mark.saturating_sub(gap).max(1)
        } else {
            mark.saturating_add(gap).min(PRICE_Q32_MAX)
        };
    }
    Ok(moved.risk(now)?.equity)
}

/// Equity over maintenance margin; at 100% an account can be liquidated.
pub(in crate::commands) fn margin_ratio(preview: &AccountPreview) -> Option<String> {
    let risk = &preview.risk;
    if risk.maintenance_margin == 0 {
        return None;
    }
    let equity = i128::from(risk.equity_with_credit().ok()?);
    let percent = equity * 100 / i128::from(risk.maintenance_margin);
    Some(format!("{percent}%"))
}

fn position(
    view: &AccountView,
    entry: usize,
    market: &MarketView,
    leg: &LegPreview,
) -> PositionShown {
    let units = MarketUnits::of(&market.header.params);
    let block = view
        .account
        .entries()
        .get(entry)
        .map_or(0, |entry| entry.seat);
    let seat = market.seat(block);
    PositionShown {
        market: market.symbol(),
        position: units.position(leg.held.base),
        claim: usd(leg.held.quote),
        value: usd(leg.risk.equity),
        mark: units.price_q32(market.header.prices.mark),
        break_even: break_even(leg).map(|price| units.price_q32(price)),
        liquidation_price: leg.liquidation_price.map(|price| units.price_q32(price)),
        initial_margin: usd_unsigned(leg.risk.initial_margin),
        maintenance_margin: usd_unsigned(leg.risk.maintenance_margin),
        index_fresh: leg.index_fresh,
        seat: block,
        orders: seat.map_or(0, |seat| seat.orders),
        order_slots: seat.map_or(0, |seat| seat.order_slots),
    }
}

/// The mark at which the leg's claim is zero, Q.32: entry price, fees and funding together.
fn break_even(leg: &LegPreview) -> Option<u64> {
    let (base, quote) = (i128::from(leg.held.base), i128::from(leg.held.quote));
    if base == 0 {
        return None;
    }
    u64::try_from((-quote << 32) / base).ok()
}

fn text(shown: &AccountShown) -> String {
    let amount = |value: &str| format!("{value} USDC");
    let gap = if shown.gap_is_published {
        format!("loss in the published stress gap, {}", shown.gap)
    } else {
        format!("loss in a gap of {}", shown.gap)
    };
    let mut rows = vec![
        ("margin account", shown.margin_account.clone()),
        ("cash", amount(&shown.collateral)),
        ("gains not yet aged", amount(&shown.unaged_gains)),
        ("equity", amount(&shown.equity)),
        ("initial margin", amount(&shown.initial_margin)),
        ("maintenance margin", amount(&shown.maintenance_margin)),
        ("free collateral", amount(&shown.free_collateral)),
        ("withdrawable now", amount(&shown.withdrawable)),
        (
            "equity over maintenance",
            shown.margin_ratio.clone().unwrap_or_else(|| "–".into()),
        ),
        (
            gap.as_str(),
            format!(
                "{}, which leaves {}",
                amount(&shown.gap_loss),
                amount(&shown.equity_after_gap)
            ),
        ),
    ];
    rows.extend(shown.standing.rows());
    let account = pairs(rows);
    if shown.positions.is_empty() {
        return format!(
            "{account}\n\nNo seat in any market: `plimsoll account claim-seat` takes one."
        );
    }
    let rows = shown.positions.iter().map(|position| {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        let stale = if position.index_fresh { "" } else { " (stale)" };
        [
            position.market.clone(),
            position.position.clone(),
            format!("{}{stale}", position.mark),
            or_dash(&position.break_even),
            or_dash(&position.liquidation_price),
            position.value.clone(),
            position.initial_margin.clone(),
            position.maintenance_margin.clone(),
            format!("{} of {}", position.orders, position.order_slots),
        ]
    });
    let header = [
        "market",
        "position",
        "mark",
        "break-even",
        "liquidation",
        "gain",
        "initial",
        "maintenance",
        "orders",
    ];
    format!("{account}\n\n{}", table(&header, rows))
}
