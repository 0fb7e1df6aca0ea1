//! The tables of `keeper.toml` with their defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::table::table;
use crate::alerts::AlertKind;

table! {
    /// One RPC endpoint.
    EndpointConfig {
        rpc: String = String::new(),
        /// Its WebSocket; without one it is only polled.
        ws: Option<String> = None,
    }
}

table! {
    /// Another endpoint that signed transactions are sent to.
    SenderConfig {
        rpc: String = String::new(),
    }
}

table! {
    /// Which part of the work is this keeper's.
    ShardConfig {
        /// Below `count`.
        index: u64 = 0,
        count: u64 = 1,
        /// Markets that are assigned by hand, the same in every keeper's file.
        markets: BTreeMap<String, u64> = BTreeMap::new(),
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
    /// An underwriter's own desk.
    UnderwriterConfig {
        /// Key pair of the underwriter of the vaults; never the paying key.
        keypair: PathBuf = PathBuf::new(),
        /// What it may do by itself.
        policy: PathBuf = PathBuf::new(),
        /// Token account that payments into the junior stake come from; the key's associated one when absent.
        token_account: Option<String> = None,
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
    /// Prices from outside the chain, and posting them.
    PricesConfig {
        /// `chain`, `hermes` or `tape`.
        source: String = "chain".to_owned(),
        /// Of Hermes, without the `/v2` of its methods.
        endpoint: String = "https://pyth.dourolabs.app/hermes".to_owned(),
        /// Time without an update after which a stream of Hermes counts as broken, seconds.
        silent_seconds: u64 = 5,
        /// Whether the role `marks` posts what is newer than the chain's prices.
        post: bool = false,
        /// Of the push oracle's feeds, below 65,536.
        shard: u64 = 0,
        /// Seconds at least between the publish times of two posted prices, unless a market would trip.
        post_seconds_min: u64 = 2,
        /// Move of the index that is worth a post before the index is half as old as it may be, ppm.
        post_deviation_ppm: u64 = 500,
        /// Seconds of tape in a second.
        tape_speed: u64 = 1,
        tapes @ "tape": Vec<TapeConfig> = Vec::new(),
    }
}

table! {
    /// A recorded tape that stands for a feed.
    TapeConfig {
        /// Its id, 64 hexadecimal digits.
        feed: String = String::new(),
        file: PathBuf = PathBuf::new(),
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
        /// Of what can wait; danger, age and retries double it.
        base: u64 = 0,
        /// Highest price of what is small and new.
        cap: u64 = 100_000,
        /// Highest price of all.
        cap_max: u64 = 2_000_000,
        /// Quote atoms at risk that raise the cap by once more itself; 0: none do.
        cap_value_step: u64 = 1_000_000_000,
        /// Milliseconds of waiting that do.
        cap_age_step_ms: u64 = 10_000,
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

table! {
    /// What an operator is told of beside the log.
    AlertsConfig {
        /// Environment variable that holds the webhook's address, which is a secret.
        url_env: String = "PLIMSOLL_KEEPER_WEBHOOK".to_owned(),
        /// File that holds it, where the environment does not.
        url_file: Option<PathBuf> = None,
        /// Kinds that are sent; all are logged.
        kinds: Vec<String> = AlertKind::ALL.map(|kind| kind.name().to_owned()).to_vec(),
        /// Least time between two alerts of a kind, seconds.
        interval_seconds: u64 = 300,
        /// The same of single kinds.
        intervals: BTreeMap<String, u64> = BTreeMap::new(),
        /// Time for which the keeper may be not ready before that is told, seconds.
        not_ready_seconds: u64 = 30,
        /// Time for which an account may be due for rescue, seconds.
        not_safe_seconds: u64 = 30,
        /// Time for which a step of a halt or of a loan may be due, seconds.
        deadline_seconds: u64 = 60,
        /// Age of a mark, seconds.
        mark_age_seconds: u64 = 60,
    }
}
