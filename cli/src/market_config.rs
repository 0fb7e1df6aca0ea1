//! A market's parameters in human units, and what they become on chain.
//!
//! Fields that a file leaves out have the defaults of the specification's parameter table. The result
//! is checked by the engine's own `validate`, so what is accepted here is accepted by the program.

use anyhow::{anyhow, bail, ensure, Context, Result};
use plimsoll_client::engine::params::MarketParams;
use plimsoll_client::engine::state::{BLOCK_SIZE, FEEDS_MAX, MARKET_HEADER_SIZE, MARKET_SIZE_MAX};
use plimsoll_client::engine::EngineError;
use solana_pubkey::Pubkey;
use toml::{Table, Value};

use crate::fields::{self, Fields};
use crate::units::{Decimal, MarketUnits, QUOTE_DECIMALS};

/// Pyth's push oracle: at its addresses, sponsors keep feeds fresh, the same ones on every cluster.
const PUSH_ORACLE_PROGRAM: Pubkey =
    Pubkey::from_str_const("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");
/// The shard of the push oracle that is sponsored.
const PUSH_ORACLE_SHARD: u16 = 0;
/// Blocks of a market's arena unless the file says otherwise.
const ARENA_BLOCKS_DEFAULT: u32 = 1_024;

/// A market that a cluster should have.
#[derive(Clone, Debug)]
pub(crate) struct MarketPlan {
    pub(crate) symbol: String,
    pub(crate) params: MarketParams,
    /// Blocks of the arena at creation; a market can grow later, never shrink.
    pub(crate) arena_blocks: u32,
    /// Price in 10^-8 dollars at which a localnet's random walk starts.
    pub(crate) start_price_e8: u64,
}

impl MarketPlan {
    /// Bytes of the account.
    pub(crate) fn account_size(&self) -> usize {
        let blocks = usize::try_from(self.arena_blocks).unwrap_or(usize::MAX);
        MARKET_HEADER_SIZE.saturating_add(blocks.saturating_mul(BLOCK_SIZE))
    }

    pub(crate) fn units(&self) -> MarketUnits {
        MarketUnits::of(&self.params)
    }
}

/// One price feed of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feed {
    /// Pyth's id of the product.
    pub(crate) id: [u8; 32],
    /// The push oracle's price account, the same address on every cluster.
    pub(crate) account: Pubkey,
}

/// The feeds of a market with these parameters.
pub(crate) fn feeds_of(params: &MarketParams) -> Vec<Feed> {
    let shard = PUSH_ORACLE_SHARD.to_le_bytes();
    params
        .feed_ids
        .iter()
        .take(usize::from(params.feeds_len))
        .map(|id| Feed {
            id: *id,
            account: Pubkey::find_program_address(&[&shard, id], &PUSH_ORACLE_PROGRAM).0,
        })
        .collect()
}

/// Reads one `[[market]]`; `number` stands for it in errors until its symbol is known.
pub(crate) fn read(number: usize, table: &Table, defaults: Option<&Table>) -> Result<MarketPlan> {
    let path = match table.get("symbol").and_then(Value::as_str) {
        Some(symbol) => format!("market {symbol:?}"),
        None => format!("market {number}"),
    };
    let from = Fields::new(path.clone(), table).with_defaults(defaults);
    let plan = plan(&from)?;
    from.finish()?;
    if let Err(error) = plan.params.validate() {
        let culprit = culprit(table, defaults, error);
        let field = culprit.map_or(String::new(), |name| format!(": `{name}`"));
        return Err(anyhow!("{path}{field}: {error} ({error:?})"));
    }
    Ok(plan)
}

/// The field without which the parameters would be accepted, or at least refused for another reason.
fn culprit<'a>(table: &'a Table, defaults: Option<&Table>, error: EngineError) -> Option<&'a str> {
    table.keys().map(String::as_str).find(|name| {
        let mut without = table.clone();
        without.remove(*name);
        let from = Fields::new("", &without).with_defaults(defaults);
        plan(&from).is_ok_and(|plan| plan.params.validate().err() != Some(error))
    })
}

fn plan(from: &Fields<'_>) -> Result<MarketPlan> {
    let symbol: String = from.required("symbol", fields::text)?;
    ensure!(
        plimsoll_client::instructions::symbol(&symbol).is_some(),
        "symbol {symbol:?} must have 1 to 16 bytes"
    );
    let mut params: MarketParams = bytemuck::Zeroable::zeroed();
    read_sizes(from, &mut params)?;
    read_margin(from, &mut params)?;
    read_prices(from, &mut params)?;
    read_funding(from, &mut params)?;
    read_halts(from, &mut params)?;
    read_liquidation(from, &mut params)?;
    read_feeds(from, &mut params)?;
    let plan = MarketPlan {
        symbol,
        params,
        arena_blocks: from.or("arena_blocks", ARENA_BLOCKS_DEFAULT, fields::integer)?,
        start_price_e8: from.or("start_price", 0, |value| {
            Decimal::parse(&fields::text(value)?)?.to_scaled(8)
        })?,
    };
    ensure!(
        plan.arena_blocks > 1 && plan.account_size() <= MARKET_SIZE_MAX,
        "`arena_blocks`: {} are too few or more than a market account can hold",
        plan.arena_blocks
    );
    Ok(plan)
}

/// Lot and tick fix the two integers that tie them to atoms; both must come out whole.
fn read_sizes(from: &Fields<'_>, params: &mut MarketParams) -> Result<()> {
    params.base_decimals = from.required("base_decimals", fields::integer)?;
    let decimals = u32::from(params.base_decimals);
    ensure!(decimals <= 18, "`base_decimals`: at most 18");
    let base = |value: &Value| Decimal::parse(&fields::text(value)?)?.to_scaled(decimals);
    params.base_atoms_per_lot = from.required("lot_size", base)?;
    let lot = u128::from(params.base_atoms_per_lot);
    ensure!(lot != 0, "`lot_size` must be above zero");
    params.quote_atoms_per_lot_tick = from.required("tick_size", |value| {
        // dollars per asset × lot in the asset × 10^6, all exact.
        let scale = 12;
        let tick = Decimal::parse(&fields::text(value)?)?.to_scaled(scale)?;
        let numerator = u128::from(tick)
            .checked_mul(lot)
            .and_then(|product| product.checked_mul(10_u128.pow(QUOTE_DECIMALS)))
            .context("the tick is too large")?;
        let denominator = 10_u128.pow(decimals) * 10_u128.pow(scale);
        if numerator == 0 || !numerator.is_multiple_of(denominator) {
            bail!("a tick on one lot must be worth a whole number of millionths of a dollar");
        }
        Ok(u64::try_from(numerator / denominator)?)
    })?;
    let lots = |value: &Value| -> Result<u64> {
        let atoms = base(value)?;
        if !u128::from(atoms).is_multiple_of(lot) {
            bail!("it must be a whole number of lots");
        }
        Ok(atoms / params.base_atoms_per_lot)
    };
    params.lots_min = from.or("size_min", 1, lots)?;
    params.slice_lots_max = from.required("slice_max", lots)?;
    params.trip_volume_lots_min = from.required("trip_volume_min", lots)?;
    params.size_free = from.required("size_free", base)?;
    params.size_unit = from.required("size_unit", base)?;
    params.open_interest_low = from.required("open_interest_low", base)?;
    params.open_interest_high = from.required("open_interest_high", base)?;
    params.open_interest_max = from.required("open_interest_max", base)?;
    params.order_slots_max = from.or("order_slots_max", 64, fields::integer)?;
    Ok(())
}

fn read_margin(from: &Fields<'_>, params: &mut MarketParams) -> Result<()> {
    params.initial_margin_ppm = from.or("initial_margin", 110_000, fields::percent)?;
    params.size_slope_ppm = from.or("size_slope", 10_000, fields::percent)?;
    params.taker_fee_ppm = from.or("taker_fee", 500, fields::percent)?;
    params.maker_fee_ppm = from.or("maker_fee", 100, fields::percent)?;
    params.liquidation_contribution_ppm =
        from.or("liquidation_contribution", 2_500, fields::percent)?;
    Ok(())
}

fn read_prices(from: &Fields<'_>, params: &mut MarketParams) -> Result<()> {
    params.index_age_seconds_max = from.or("index_age_seconds_max", 15, fields::integer)?;
    params.confidence_ppm_max = from.or("confidence_max", 5_000, fields::percent)?;
    params.feed_spread_ppm_max = from.or("feed_spread_max", 5_000, fields::percent)?;
    params.last_trade_age_seconds_max =
        from.or("last_trade_age_seconds_max", 60, fields::integer)?;
    params.basis_clip_ppm = from.or("basis_clip", 5_000, fields::percent)?;
    params.basis_ema_seconds = from.or("basis_ema_seconds", 150, fields::integer)?;
    params.premium_ema_seconds = from.or("premium_ema_seconds", 3_600, fields::integer)?;
    Ok(())
}

fn read_funding(from: &Fields<'_>, params: &mut MarketParams) -> Result<()> {
    params.funding_cap_ppm = from.or("funding_cap", 5_000, fields::percent)?;
    params.funding_period_seconds = from.or("funding_period_seconds", 28_800, fields::integer)?;
    params.accrual_seconds_max = from.or("accrual_seconds_max", 60, fields::integer)?;
    Ok(())
}

fn read_halts(from: &Fields<'_>, params: &mut MarketParams) -> Result<()> {
    params.velocity_short_ppm = from.or("velocity_short", 50_000, fields::percent)?;
    params.velocity_short_seconds = from.or("velocity_short_seconds", 30, fields::integer)?;
    params.velocity_long_ppm = from.or("velocity_long", 100_000, fields::percent)?;
    params.velocity_long_seconds = from.or("velocity_long_seconds", 3_600, fields::integer)?;
    params.trip_volume_moved_ppm = from.or("trip_volume_moved", 1_000, fields::percent)?;
    params.trip_volume_alone_ppm = from.or("trip_volume_alone", 10_000, fields::percent)?;
    params.call_seconds = from.or("call_seconds", 5, fields::integer)?;
    params.call_seconds_max = from.or("call_seconds_max", 30, fields::integer)?;
    params.freeze_seconds = from.or("freeze_seconds", 1, fields::integer)?;
    params.resolve_seconds = from.or("resolve_seconds", 2, fields::integer)?;
    params.retrip_seconds = from.or("retrip_seconds", 60, fields::integer)?;
    params.halt_budget_ppm = from.or("halt_budget", 250_000, fields::percent)?;
    params.halt_budget_trade_ppm = from.or("halt_budget_trade", 400_000, fields::percent)?;
    params.halt_budget_seconds = from.or("halt_budget_seconds", 600, fields::integer)?;
    Ok(())
}

fn read_liquidation(from: &Fields<'_>, params: &mut MarketParams) -> Result<()> {
    params.reimbursement_cap = from.or("reimbursement_cap", 50_000, fields::usd)?;
    params.reimbursement_growth_seconds =
        from.or("reimbursement_growth_seconds", 10, fields::integer)?;
    params.takeover_seconds = from.or("takeover_seconds", 20, fields::integer)?;
    params.takeover_credit_seconds = from.or("takeover_credit_seconds", 20, fields::integer)?;
    params.default_fund_budget_ppm = from.or("default_fund_budget", 200_000, fields::percent)?;
    params.index_dead_seconds = from.or("index_dead_seconds", 604_800, fields::integer)?;
    Ok(())
}

fn read_feeds(from: &Fields<'_>, params: &mut MarketParams) -> Result<()> {
    let ids = from.required("feeds", |value| {
        let list = value.as_array().context("a list of feed ids is needed")?;
        if list.is_empty() || list.len() > FEEDS_MAX {
            bail!("one to {FEEDS_MAX} feed ids are needed, not {}", list.len());
        }
        list.iter().map(fields::feed_id).collect::<Result<Vec<_>>>()
    })?;
    params.feeds_len = u8::try_from(ids.len())?;
    for (place, id) in params.feed_ids.iter_mut().zip(&ids) {
        *place = *id;
    }
    let majority = params.feeds_len / 2 + 1;
    params.feeds_required = from.or("feeds_required", majority, fields::integer)?;
    Ok(())
}
