//! The venue before the day: exchange, default fund, and one market whose units fit the coin's price.

use anyhow::{ensure, Context, Result};
use bytemuck::Zeroable;
use plimsoll_client::instructions::{self, NewMarket};
use plimsoll_client::{accounts, ExchangeArgs};
use plimsoll_engine::index::{self, PRICE_UPDATE_DISCRIMINATOR, PRICE_UPDATE_SIZE, PYTH_RECEIVER};
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::state::{BLOCK_SIZE, MARKET_HEADER_SIZE, MARKET_SIZE_MAX};
use plimsoll_tapes::PRICE_EXPONENT;
use solana_pubkey::Pubkey;

use crate::chain::{address_of, Chain};
use crate::scenario::{part, Scenario};

/// Quote atoms of one lot at one tick.
const ATOMS_PER_LOT_TICK: u64 = 10;
/// Ticks that the first price has at least; ten times as many at most.
const TICKS_MIN: i64 = 10_000;
/// Custody shards of the venue.
pub const SHARDS: usize = 4;
/// Blocks besides seats and orders: the sentinel, the epoch ends and some air.
const BLOCKS_SPARE: u32 = 64;

/// The coin's units: how prices and amounts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    pub base_decimals: u8,
    pub base_atoms_per_lot: u64,
    /// A tick, 10^-8 dollars a coin.
    pub tick_e8: u64,
}

impl Units {
    /// Units for a coin that costs `price_e8` now: ten to a hundred thousand ticks, and a base atom worth 1/16 to one
    /// quote atom.
    ///
    /// # Errors
    /// When the coin is too cheap or too dear for them: under 10^-4 or over 10^7 dollars.
    pub fn of(price_e8: i64) -> Result<Self> {
        ensure!(
            (10_000..=1_000_000_000_000_000).contains(&price_e8),
            "a price of {} is outside 0.0001 to 10,000,000 dollars",
            dollars(price_e8)
        );
        let mut tick_e8 = 1_u64;
        while price_e8 / i64::try_from(tick_e8)? >= TICKS_MIN * 10 {
            tick_e8 *= 10;
        }
        // A lot is worth ATOMS_PER_LOT_TICK x 10^-6 dollars a tick: lot = 10^-5 / tick coins.
        // A base atom is worth price x 10^-d dollars = price_e8 x 10^(-2-d) quote atoms.
        let mut decimals = 0_u32;
        let mut atom_value = u128::from(price_e8.unsigned_abs());
        let mut scale = 100_u128;
        while atom_value > scale {
            decimals += 1;
            scale *= 10;
        }
        atom_value *= 16;
        ensure!(atom_value >= scale, "no number of decimals fits the price");
        let lot = 10_u128.pow(decimals) * 1_000;
        ensure!(
            lot.is_multiple_of(u128::from(tick_e8)),
            "no size of a lot fits the price"
        );
        Ok(Self {
            base_decimals: u8::try_from(decimals)?,
            base_atoms_per_lot: u64::try_from(lot / u128::from(tick_e8))?,
            tick_e8,
        })
    }

    /// Whole ticks of a price, rounded down, at least one.
    pub fn ticks(&self, price_e8: i64) -> u64 {
        (price_e8.max(0).unsigned_abs() / self.tick_e8).max(1)
    }

    /// A price of so many ticks, 10^-8 dollars.
    pub fn price_e8(&self, ticks: u64) -> i64 {
        i64::try_from(ticks.saturating_mul(self.tick_e8)).unwrap_or(i64::MAX)
    }

    /// Lots that are worth so many quote atoms at a price, rounded down.
    pub fn lots(&self, atoms: u64, ticks: u64) -> u64 {
        atoms / ticks.saturating_mul(ATOMS_PER_LOT_TICK).max(1)
    }

    /// Quote atoms of so many lots.
    pub fn value(&self, lots: u64, ticks: u64) -> u64 {
        lots.saturating_mul(ticks)
            .saturating_mul(ATOMS_PER_LOT_TICK)
    }

    /// A price of the chain, Q.32 quote atoms a base atom, in 10^-8 dollars a coin, rounded down.
    pub fn price_of_q32(&self, q32: u64) -> i64 {
        let whole = 10_u128.pow(u32::from(self.base_decimals));
        let e8 = (u128::from(q32) * whole * 100) >> 32;
        i64::try_from(e8).unwrap_or(i64::MAX)
    }
}

/// 10^-8 dollars as decimal text.
pub fn dollars(price_e8: i64) -> String {
    let (whole, rest) = (price_e8 / 100_000_000, price_e8 % 100_000_000);
    format!("{whole}.{:08}", rest.unsigned_abs())
}

/// The market that is played in.
#[derive(Clone, Debug)]
pub struct Venue {
    pub market: Pubkey,
    pub feed: Pubkey,
    pub feed_id: [u8; 32],
    pub units: Units,
    pub params: MarketParams,
}

/// Sizes by which a market's parameters are set.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// First price, 10^-8 dollars.
    pub price_e8: i64,
    /// Value of all longs at the start, quote atoms.
    pub notional: u64,
    /// Blocks of seats and orders.
    pub blocks: u32,
}

impl Venue {
    /// Writes the exchange and creates the market one timelock before `now`, so that its default fund pays (ADR 0022).
    ///
    /// # Errors
    /// When the program refuses the parameters.
    pub fn open(chain: &mut Chain, scenario: &Scenario, sizes: &Sizes, now: i64) -> Result<Self> {
        let args = ExchangeArgs {
            guardian: address_of("guardian", 0),
            timelock_seconds: 172_800,
            timelock_tightening_seconds: 3_600,
            fee_default_fund_ppm: 400_000,
            fee_keeper_pool_ppm: 200_000,
            fee_treasury_ppm: 400_000,
        };
        let created = now.saturating_sub(i64::from(args.timelock_seconds));
        chain.set_time(created);
        let authority = chain.authority;
        let treasury = chain.open_wallet(authority, 0)?;
        let at = chain.addresses;
        chain
            .send(
                &authority,
                &[instructions::initialize_exchange(
                    &at, authority, authority, treasury, args,
                )],
            )
            .context("initialize_exchange")?;
        for shard in (0..).take(SHARDS) {
            let create = instructions::create_custody_shard(&at, authority, authority, shard);
            chain
                .send(&authority, &[create])
                .context("create_custody_shard")?;
        }
        let units = Units::of(sizes.price_e8)?;
        let feed_id = address_of("feed id", 0).to_bytes();
        let params = params(scenario, &units, sizes, feed_id);
        let market = address_of("market", 0);
        let size = MARKET_HEADER_SIZE
            + usize::try_from(sizes.blocks.saturating_add(BLOCKS_SPARE))? * BLOCK_SIZE;
        ensure!(
            size <= MARKET_SIZE_MAX,
            "{} accounts do not fit one market's account",
            scenario.accounts
        );
        let new = NewMarket {
            payer: authority,
            authority,
            market,
            symbol: instructions::symbol(&scenario.market_name())
                .context("the market's name has more than 16 bytes")?,
            size: u64::try_from(size)?,
            rent_lamports: chain.rent(size),
            params,
        };
        chain
            .send(&authority, &instructions::create_market(&at, &new))
            .context("create_market")?;
        let venue = Self {
            market,
            feed: address_of("feed", 0),
            feed_id,
            units,
            params,
        };
        venue.endow(chain, part(sizes.notional, scenario.default_fund_ppm))?;
        Ok(venue)
    }

    /// What earlier days left in the default fund: written, with as many tokens into custody.
    fn endow(&self, chain: &mut Chain, amount: u64) -> Result<()> {
        let address = chain.addresses.default_fund;
        let mut fund = accounts::default_fund(chain.data(&address))?;
        fund.balance = amount;
        fund.contributed_total = amount;
        let mut data = chain.data(&address).to_vec();
        let bytes = bytemuck::bytes_of(&fund);
        let body = data.get_mut(8..8 + bytes.len());
        body.context("the fund's account is short")?
            .copy_from_slice(bytes);
        chain.rewrite(address, data)?;
        chain.add_tokens(chain.addresses.custody_shard(0), amount)
    }

    /// A price of 10^-8 dollars as the chain has it, Q.32.
    pub fn q32(&self, price_e8: i64) -> u64 {
        index::price_q32(price_e8, PRICE_EXPONENT, self.units.base_decimals).unwrap_or(0)
    }

    /// Publishes a fully verified price at `time`.
    ///
    /// # Errors
    /// When the SVM does not take the account.
    pub fn publish(&self, chain: &mut Chain, price_e8: i64, conf_e8: u64, time: i64) -> Result<()> {
        let mut data = PRICE_UPDATE_DISCRIMINATOR.to_vec();
        data.extend([0; 32]);
        data.push(1);
        data.extend(self.feed_id);
        data.extend(price_e8.to_le_bytes());
        data.extend(conf_e8.to_le_bytes());
        data.extend(PRICE_EXPONENT.to_le_bytes());
        data.extend(time.to_le_bytes());
        data.extend(time.saturating_sub(1).to_le_bytes());
        data.extend(price_e8.to_le_bytes());
        data.extend(conf_e8.to_le_bytes());
        data.resize(PRICE_UPDATE_SIZE, 0);
        chain.write(self.feed, Pubkey::from(PYTH_RECEIVER), data)
    }
}

/// The defaults of spec "Parameters", with the scenario's own, and sizes that suit the population.
pub(crate) fn params(
    scenario: &Scenario,
    units: &Units,
    sizes: &Sizes,
    feed_id: [u8; 32],
) -> MarketParams {
    let rules = &scenario.market;
    let ticks = units.ticks(sizes.price_e8);
    let lots = units.lots(sizes.notional, ticks).max(1_000);
    let base = lots.saturating_mul(units.base_atoms_per_lot);
    let mut params = MarketParams::zeroed();
    params.base_decimals = units.base_decimals;
    params.base_atoms_per_lot = units.base_atoms_per_lot;
    params.quote_atoms_per_lot_tick = ATOMS_PER_LOT_TICK;
    params.lots_min = 1;
    params.size_free = base / 10;
    params.size_unit = base / 10;
    params.open_interest_low = base.saturating_mul(4);
    params.open_interest_high = base.saturating_mul(40);
    params.open_interest_max = base.saturating_mul(20);
    params.slice_lots_max = (lots / 200).max(1);
    params.trip_volume_lots_min = (lots / 400).max(1);
    params.reimbursement_cap = 50_000;
    params.initial_margin_ppm = rules.initial_margin_ppm;
    params.velocity_short_ppm = rules.velocity_short_ppm;
    params.velocity_short_seconds = rules.velocity_short_seconds;
    params.velocity_long_ppm = rules.velocity_long_ppm;
    params.velocity_long_seconds = 3_600;
    params.size_slope_ppm = 10_000;
    params.taker_fee_ppm = rules.taker_fee_ppm;
    params.maker_fee_ppm = rules.maker_fee_ppm;
    params.liquidation_contribution_ppm = rules.liquidation_contribution_ppm;
    params.index_age_seconds_max = 15;
    params.confidence_ppm_max = rules.confidence_ppm_max;
    params.feed_spread_ppm_max = 5_000;
    params.last_trade_age_seconds_max = 60;
    params.basis_clip_ppm = 5_000;
    params.basis_ema_seconds = 150;
    params.premium_ema_seconds = 3_600;
    params.funding_cap_ppm = 5_000;
    params.funding_period_seconds = 28_800;
    params.accrual_seconds_max = 60;
    params.trip_volume_moved_ppm = 1_000;
    params.trip_volume_alone_ppm = 10_000;
    params.index_dead_seconds = 604_800;
    params.call_seconds = rules.call_seconds;
    params.call_seconds_max = 30;
    params.freeze_seconds = 1;
    params.resolve_seconds = 2;
    params.retrip_seconds = 60;
    params.halt_budget_ppm = rules.halt_budget_ppm;
    params.halt_budget_trade_ppm = 400_000;
    params.halt_budget_seconds = 600;
    params.takeover_seconds = 20;
    params.takeover_credit_seconds = 20;
    params.reimbursement_growth_seconds = 10;
    params.default_fund_budget_ppm = rules.default_fund_budget_ppm;
    params.feeds_len = 1;
    params.feeds_required = 1;
    params.order_slots_max = 64;
    params.feed_ids[0] = feed_id;
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_fit_coins_from_a_fraction_of_a_cent_to_a_house() {
        for price_e8 in [
            20_000,
            123_456,
            100_000_000,
            393_000_000,
            2_643_000_000,
            11_667_920_000_000,
            900_000_000_000_000,
        ] {
            let units = Units::of(price_e8).expect("units");
            let ticks = units.ticks(price_e8);
            assert!(ticks < 100_000, "{price_e8}: {ticks} ticks");
            assert!(units.price_e8(ticks) <= price_e8);
            // A lot at a tick is ten quote atoms, whatever the coin.
            let whole = 10_u128.pow(u32::from(units.base_decimals));
            let lot_tick = u128::from(units.tick_e8) * u128::from(units.base_atoms_per_lot);
            assert_eq!(lot_tick, 1_000 * whole, "{price_e8}: {units:?}");
        }
        assert!(Units::of(9_999).is_err());
    }

    #[test]
    fn a_price_of_the_chain_reads_back() {
        let units = Units::of(2_643_000_000).expect("units");
        let q32 = (2_643_000_000_u128 << 32) / (10_u128.pow(u32::from(units.base_decimals)) * 100);
        let back = units.price_of_q32(u64::try_from(q32).expect("fits"));
        assert!((2_642_999_990..=2_643_000_000).contains(&back), "{back}");
    }
}
