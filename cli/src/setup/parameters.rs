//! A market's parameters as the cluster's file writes them: one name and one text each, exact, so that
//! two sets are equal if and only if the texts are.

use plimsoll_client::engine::params::MarketParams;

use crate::units::{percent, usd_unsigned, MarketUnits};

/// Name and value of every parameter, in the order of the file's fields.
pub(crate) fn market_parameters(params: &MarketParams) -> Vec<(&'static str, String)> {
    let mut list = sizes(params);
    list.extend(percentages(params));
    list.extend(numbers(params));
    list.push(("feeds", feeds(params)));
    list
}

fn sizes(params: &MarketParams) -> Vec<(&'static str, String)> {
    let units = MarketUnits::of(params);
    let base = |atoms: u64| units.position(i64::try_from(atoms).unwrap_or(i64::MAX));
    vec![
        ("base_decimals", params.base_decimals.to_string()),
        ("lot_size", units.lot_size()),
        ("tick_size", units.tick_size()),
        ("size_min", units.size(params.lots_min)),
        ("slice_max", units.size(params.slice_lots_max)),
        ("trip_volume_min", units.size(params.trip_volume_lots_min)),
        ("size_free", base(params.size_free)),
        ("size_unit", base(params.size_unit)),
        ("open_interest_low", base(params.open_interest_low)),
        ("open_interest_high", base(params.open_interest_high)),
        ("open_interest_max", base(params.open_interest_max)),
    ]
}

fn percentages(params: &MarketParams) -> Vec<(&'static str, String)> {
    let ppm = |value: u32| percent(u64::from(value));
    vec![
        ("initial_margin", ppm(params.initial_margin_ppm)),
        ("size_slope", ppm(params.size_slope_ppm)),
        ("taker_fee", ppm(params.taker_fee_ppm)),
        ("maker_fee", ppm(params.maker_fee_ppm)),
        (
            "liquidation_contribution",
            ppm(params.liquidation_contribution_ppm),
        ),
        ("confidence_max", ppm(params.confidence_ppm_max)),
        ("feed_spread_max", ppm(params.feed_spread_ppm_max)),
        ("basis_clip", ppm(params.basis_clip_ppm)),
        ("funding_cap", ppm(params.funding_cap_ppm)),
        ("velocity_short", ppm(params.velocity_short_ppm)),
        ("velocity_long", ppm(params.velocity_long_ppm)),
        ("trip_volume_moved", ppm(params.trip_volume_moved_ppm)),
        ("trip_volume_alone", ppm(params.trip_volume_alone_ppm)),
        ("halt_budget", ppm(params.halt_budget_ppm)),
        ("halt_budget_trade", ppm(params.halt_budget_trade_ppm)),
        ("default_fund_budget", ppm(params.default_fund_budget_ppm)),
    ]
}

fn numbers(params: &MarketParams) -> Vec<(&'static str, String)> {
    vec![
        ("reimbursement_cap", usd_unsigned(params.reimbursement_cap)),
        (
            "reimbursement_growth_seconds",
            params.reimbursement_growth_seconds.to_string(),
        ),
        ("takeover_seconds", params.takeover_seconds.to_string()),
        (
            "takeover_credit_seconds",
            params.takeover_credit_seconds.to_string(),
        ),
        (
            "index_age_seconds_max",
            params.index_age_seconds_max.to_string(),
        ),
        (
            "last_trade_age_seconds_max",
            params.last_trade_age_seconds_max.to_string(),
        ),
        ("basis_ema_seconds", params.basis_ema_seconds.to_string()),
        (
            "premium_ema_seconds",
            params.premium_ema_seconds.to_string(),
        ),
        (
            "funding_period_seconds",
            params.funding_period_seconds.to_string(),
        ),
        (
            "accrual_seconds_max",
            params.accrual_seconds_max.to_string(),
        ),
        (
            "velocity_short_seconds",
            params.velocity_short_seconds.to_string(),
        ),
        (
            "velocity_long_seconds",
            params.velocity_long_seconds.to_string(),
        ),
        ("call_seconds", params.call_seconds.to_string()),
        ("call_seconds_max", params.call_seconds_max.to_string()),
        ("freeze_seconds", params.freeze_seconds.to_string()),
        ("resolve_seconds", params.resolve_seconds.to_string()),
        ("retrip_seconds", params.retrip_seconds.to_string()),
        (
            "halt_budget_seconds",
            params.halt_budget_seconds.to_string(),
        ),
        ("index_dead_seconds", params.index_dead_seconds.to_string()),
        ("order_slots_max", params.order_slots_max.to_string()),
        ("feeds_required", params.feeds_required.to_string()),
    ]
}

fn feeds(params: &MarketParams) -> String {
    let used = params
        .feed_ids
        .iter()
        .take(usize::from(params.feeds_len))
        .map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
    used.collect::<Vec<String>>().join(", ")
}
