//! Markets by name: sizes and prices as they could be listed, everything else the default of
//! `docs/spec.md`, "Parameters".

use bytemuck::Zeroable;
use plimsoll_engine::params::MarketParams;

/// What differs between the presets.
struct Preset {
    symbol: &'static str,
    /// Pyth's feed id of the pair with USD.
    feed_id: [u8; 32],
    base_decimals: u8,
    base_atoms_per_lot: u64,
    /// Price at the start, ticks.
    price_ticks: u64,
    initial_margin_ppm: u32,
    velocity_short_ppm: u32,
    velocity_short_seconds: u32,
}

/// Names that [`MarketSpec::preset`] knows.
pub const PRESETS: [&str; 4] = ["AVAX", "BTC", "ETH", "SOL"];

const fn hex(text: &str) -> [u8; 32] {
    let (text, mut bytes, mut at) = (text.as_bytes(), [0; 32], 0);
    while at < 32 {
        bytes[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    bytes
}

const fn digit(text: u8) -> u8 {
    match text {
        b'0'..=b'9' => text - b'0',
        _ => text - b'a' + 10,
    }
}

/// Every tick of these is worth ten quote atoms on a lot.
const TABLE: [Preset; 4] = [
    // A lot of 0.01 AVAX, a tick of $0.001, at $20.
    Preset {
        symbol: "AVAX",
        feed_id: hex("93da3352f9f1d105fdfe4971cfa80e9dd777bfc5d0f683ebb6e1294b92137bb7"),
        base_decimals: 8,
        base_atoms_per_lot: 1_000_000,
        price_ticks: 20_000,
        initial_margin_ppm: 110_000,
        velocity_short_ppm: 50_000,
        velocity_short_seconds: 30,
    },
    // A lot of 0.00001 BTC, a tick of $1, at $100,000.
    Preset {
        symbol: "BTC",
        feed_id: hex("e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43"),
        base_decimals: 12,
        base_atoms_per_lot: 10_000_000,
        price_ticks: 100_000,
        initial_margin_ppm: 50_000,
        velocity_short_ppm: 20_000,
        velocity_short_seconds: 10,
    },
    // A lot of 0.0001 ETH, a tick of $0.10, at $4,000.
    Preset {
        symbol: "ETH",
        feed_id: hex("ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace"),
        base_decimals: 10,
        base_atoms_per_lot: 1_000_000,
        price_ticks: 40_000,
        initial_margin_ppm: 50_000,
        velocity_short_ppm: 20_000,
        velocity_short_seconds: 10,
    },
    // A lot of 0.001 SOL, a tick of $0.01, at $200.
    Preset {
        symbol: "SOL",
        feed_id: hex("ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"),
        base_decimals: 9,
        base_atoms_per_lot: 1_000_000,
        price_ticks: 20_000,
        initial_margin_ppm: 70_000,
        velocity_short_ppm: 30_000,
        velocity_short_seconds: 10,
    },
];

/// A market that is to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketSpec {
    pub symbol: String,
    pub params: MarketParams,
    /// Index at the start, ticks.
    pub price_ticks: u64,
    /// Blocks of the arena, the sentinel and the twelve of the epoch ends included.
    pub blocks: u32,
}

impl MarketSpec {
    /// One of [`PRESETS`], or `NAME-anything`: the same market under another name with a feed of its own.
    pub fn preset(symbol: &str) -> Self {
        let base = symbol.split('-').next().unwrap_or_default();
        let preset = TABLE
            .iter()
            .find(|preset| preset.symbol == base)
            .unwrap_or_else(|| panic!("no preset for {symbol}"));
        let mut params = preset.params();
        let twin = &symbol[base.len()..];
        for (at, byte) in params.feed_ids[0].iter_mut().zip(twin.bytes()) {
            *at ^= byte;
        }
        Self {
            symbol: symbol.to_owned(),
            params,
            price_ticks: preset.price_ticks,
            blocks: 512,
        }
    }

    /// The same with other parameters.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut MarketParams)) -> Self {
        change(&mut self.params);
        self
    }

    /// The same with the budget of halts that markets have by default.
    #[must_use]
    pub fn halting(self) -> Self {
        self.with(|params| params.halt_budget_ppm = 250_000)
    }

    /// The same with an arena of `blocks`.
    #[must_use]
    pub const fn blocks(mut self, blocks: u32) -> Self {
        self.blocks = blocks;
        self
    }

    /// Bytes of the market's account.
    pub fn size(&self) -> usize {
        plimsoll_engine::state::MARKET_HEADER_SIZE
            + usize::try_from(self.blocks).unwrap() * plimsoll_engine::state::BLOCK_SIZE
    }
}

impl Preset {
    fn params(&self) -> MarketParams {
        // Base atoms of a million dollars at the starting price.
        let lot_usd_atoms = self.price_ticks * 10;
        let million = 1_000_000_000_000 / lot_usd_atoms * self.base_atoms_per_lot;
        let mut params = MarketParams::zeroed();
        params.base_atoms_per_lot = self.base_atoms_per_lot;
        params.quote_atoms_per_lot_tick = 10;
        params.lots_min = 1;
        params.size_free = million;
        params.size_unit = million;
        params.open_interest_low = million * 20;
        params.open_interest_high = million * 200;
        params.open_interest_max = million * 100;
        params.slice_lots_max = million / self.base_atoms_per_lot / 10;
        params.trip_volume_lots_min = million / self.base_atoms_per_lot / 20;
        params.reimbursement_cap = 50_000;
        params.initial_margin_ppm = self.initial_margin_ppm;
        params.velocity_short_ppm = self.velocity_short_ppm;
        params.velocity_short_seconds = self.velocity_short_seconds;
        params.base_decimals = self.base_decimals;
        params.feed_ids[0] = self.feed_id;
        set_defaults(&mut params);
        params
    }
}

/// The defaults that all markets share.
fn set_defaults(params: &mut MarketParams) {
    params.size_slope_ppm = 10_000;
    params.taker_fee_ppm = 500;
    params.maker_fee_ppm = 100;
    params.liquidation_contribution_ppm = 2_500;
    params.index_age_seconds_max = 15;
    params.confidence_ppm_max = 5_000;
    params.feed_spread_ppm_max = 5_000;
    params.last_trade_age_seconds_max = 60;
    params.basis_clip_ppm = 5_000;
    params.basis_ema_seconds = 150;
    params.premium_ema_seconds = 3_600;
    params.funding_cap_ppm = 5_000;
    params.funding_period_seconds = 28_800;
    params.accrual_seconds_max = 60;
    params.velocity_long_ppm = 100_000;
    params.velocity_long_seconds = 3_600;
    params.trip_volume_moved_ppm = 1_000;
    params.trip_volume_alone_ppm = 10_000;
    params.index_dead_seconds = 604_800;
    params.call_seconds = 5;
    params.call_seconds_max = 30;
    params.freeze_seconds = 1;
    params.resolve_seconds = 2;
    params.retrip_seconds = 60;
    // None, so that tests of other things may print at any price; `halting` gives it.
    params.halt_budget_ppm = 0;
    params.halt_budget_trade_ppm = 400_000;
    params.halt_budget_seconds = 600;
    params.takeover_seconds = 20;
    params.takeover_credit_seconds = 20;
    params.reimbursement_growth_seconds = 10;
    params.default_fund_budget_ppm = 200_000;
    params.feeds_len = 1;
    params.feeds_required = 1;
    params.order_slots_max = 64;
}
