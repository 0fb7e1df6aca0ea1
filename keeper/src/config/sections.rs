//! The tables of `keeper.toml` with their defaults.

use std::path::PathBuf;

use super::table::table;

table! {
    /// One RPC endpoint.
    EndpointConfig {
        rpc: String = String::new(),
        /// Its WebSocket; without one it is only polled.
        ws: Option<String> = None,
    }
}

table! {
    /// A market and the price accounts that its index is made of.
    MarketConfig {
        address: String = String::new(),
        feeds: Vec<String> = Vec::new(),
    }
}

table! {
    /// A takeover desk of the operator's own.
    DeskConfig {
        margin_account: String = String::new(),
        /// Key pair of its owner or delegate.
        keypair: PathBuf = PathBuf::new(),
        /// Better than the mark by this much before it takes over, ppm.
        discount_ppm: u64 = 0,
    }
}

table! {
    /// Which roles run.
    RolesConfig {
        marks: bool = true,
        sentinel: bool = true,
        liquidator: bool = true,
        credit: bool = true,
        deleverager: bool = true,
        settler: bool = true,
        janitor: bool = true,
    }
}

table! {
    /// The role `marks`.
    MarksSection {
        /// Refreshes at least this often while the index is fresh, seconds.
        seconds_max: u64 = 5,
    }
}

table! {
    /// The role `settler`: least amounts, quote atoms.
    SettlerConfig {
        settle_min: u64 = 10_000_000,
        sweep_min: u64 = 5_000_000,
    }
}

table! {
    /// The role `credit`: intervals, seconds.
    CreditConfig {
        /// Of a drawn line's valuation while somebody waits to leave its vault.
        value_queued_seconds: u64 = 45,
        value_seconds: u64 = 600,
        accrue_seconds: u64 = 3_600,
    }
}

table! {
    /// How the chain is read.
    SourcesConfig {
        pulse_ms: u64 = 400,
        resync_ms: u64 = 15_000,
        /// Silence after which a stream counts as broken, seconds.
        silent_seconds: u64 = 5,
        slot_gap_max: u64 = 32,
        /// Slots by which an endpoint may be behind the best and still be read.
        slot_lag_max: u64 = 20,
    }
}

table! {
    /// Bounds of what is sent.
    PlanConfig {
        decide_ms: u64 = 200,
        in_flight: usize = 64,
        queue: usize = 1_024,
        backoff_min_ms: u64 = 1_000,
        backoff_max_ms: u64 = 20_000,
        lamports_an_hour: u64 = 1_000_000_000,
    }
}

table! {
    /// Priority fees, micro-lamports per compute unit.
    FeesConfig {
        base: u64 = 0,
        cap: u64 = 100_000,
    }
}

table! {
    /// Health and metrics.
    HttpConfig {
        /// Empty: none are served.
        listen: String = "127.0.0.1:9184".to_owned(),
        /// Slots by which the mirror may be behind and the keeper still be ready.
        lag_slots_max: u64 = 150,
        /// Seconds for which nothing may change and the keeper still be ready.
        unchanged_seconds: u64 = 30,
    }
}
