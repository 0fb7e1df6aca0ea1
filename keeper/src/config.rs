//! `keeper.toml` and the environment: read once, checked whole, every mistake named.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use serde::Deserialize;
use solana_pubkey::Pubkey;

/// The file as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeeperConfig {
    /// Key pair that pays fees and signs; it needs no other right.
    pub keypair: PathBuf,
    /// The program of this cluster; the localnet's when absent.
    pub program: Option<String>,
    /// The exchange; that of the first market when absent.
    pub exchange: Option<String>,
    /// Margin account that is reimbursed; the paying key's first one when absent.
    pub beneficiary: Option<String>,
    /// Where actions and costs are written down.
    #[serde(default = "defaults::ledger")]
    pub ledger: PathBuf,
    /// Balance under which the log warns.
    #[serde(default = "defaults::low_balance")]
    pub low_balance_lamports: u64,
    /// In the order of preference.
    #[serde(rename = "endpoint", default)]
    pub endpoints: Vec<EndpointConfig>,
    #[serde(rename = "market", default)]
    pub markets: Vec<MarketConfig>,
    #[serde(default)]
    pub roles: RolesConfig,
    pub desk: Option<DeskConfig>,
    #[serde(default)]
    pub marks: MarksSection,
    #[serde(default)]
    pub settler: SettlerConfig,
    #[serde(default)]
    pub credit: CreditConfig,
    #[serde(default)]
    pub sources: SourcesConfig,
    #[serde(default)]
    pub plan: PlanConfig,
    #[serde(default)]
    pub fees: FeesConfig,
    #[serde(default)]
    pub http: HttpConfig,
}

/// One RPC endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    pub rpc: String,
    /// Its WebSocket; without one it is only polled.
    pub ws: Option<String>,
}

/// A market and the price accounts that its index is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    pub address: String,
    pub feeds: Vec<String>,
}

/// A takeover desk of the operator's own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskConfig {
    pub margin_account: String,
    /// Key pair of its owner or delegate.
    pub keypair: PathBuf,
    /// Better than the mark by this much before it takes over, ppm.
    pub discount_ppm: u64,
}

/// A section whose fields all have defaults, which are written once.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

section! {
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

section! {
    /// The role `marks`.
    MarksSection {
        /// Refreshes at least this often while the index is fresh, seconds.
        seconds_max: u64 = 5,
    }
}

section! {
    /// The role `settler`: least amounts, quote atoms.
    SettlerConfig {
        settle_min: u64 = 10_000_000,
        sweep_min: u64 = 5_000_000,
    }
}

section! {
    /// The role `credit`: intervals, seconds.
    CreditConfig {
        /// Of a drawn line's valuation while somebody waits to leave its vault.
        value_queued_seconds: u64 = 45,
        value_seconds: u64 = 600,
        accrue_seconds: u64 = 3_600,
    }
}

section! {
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

section! {
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

section! {
    /// Priority fees, micro-lamports per compute unit.
    FeesConfig {
        base: u64 = 0,
        cap: u64 = 100_000,
    }
}

section! {
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

mod defaults {
    pub(super) fn ledger() -> std::path::PathBuf {
        "keeper.sqlite".into()
    }

    pub(super) const fn low_balance() -> u64 {
        100_000_000
    }
}

/// What the environment says instead of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub keypair: Option<PathBuf>,
    pub rpc: Option<String>,
    pub ws: Option<String>,
    pub ledger: Option<PathBuf>,
    pub listen: Option<String>,
}

impl Overrides {
    /// `PLIMSOLL_KEEPER_KEYPAIR`, `_RPC`, `_WS`, `_LEDGER`, `_LISTEN`.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(format!("PLIMSOLL_KEEPER_{name}")).ok();
        Self {
            keypair: text("KEYPAIR").map(PathBuf::from),
            rpc: text("RPC"),
            ws: text("WS"),
            ledger: text("LEDGER").map(PathBuf::from),
            listen: text("LISTEN"),
        }
    }
}

impl KeeperConfig {
    /// Reads the file and names every mistake in it at once.
    ///
    /// # Errors
    /// When the file cannot be read, is no such TOML, or holds mistakes.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let config: Self =
            toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))?;
        let config = config.with(overrides);
        let mistakes = config.mistakes();
        if !mistakes.is_empty() {
            bail!("{}: {}", path.display(), mistakes.join("; "));
        }
        Ok(config)
    }

    fn with(mut self, overrides: &Overrides) -> Self {
        if let Some(rpc) = &overrides.rpc {
            self.endpoints = vec![EndpointConfig {
                rpc: rpc.clone(),
                ws: overrides.ws.clone(),
            }];
        }
        let paths = [
            (&mut self.keypair, &overrides.keypair),
            (&mut self.ledger, &overrides.ledger),
        ];
        for (field, said) in paths {
            if let Some(said) = said {
                field.clone_from(said);
            }
        }
        if let Some(listen) = &overrides.listen {
            self.http.listen.clone_from(listen);
        }
        self
    }

    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut wrong = |is: bool, what: &str| {
            if is {
                mistakes.push(what.to_owned());
            }
        };
        wrong(self.endpoints.is_empty(), "no [[endpoint]] is listed");
        let bad_scheme =
            |url: &str, schemes: [&str; 2]| !schemes.iter().any(|scheme| url.starts_with(scheme));
        for endpoint in &self.endpoints {
            let http = bad_scheme(&endpoint.rpc, ["http://", "https://"]);
            wrong(
                http,
                &format!("endpoint {} is no HTTP address", endpoint.rpc),
            );
            let ws = endpoint.ws.as_deref().unwrap_or("ws://");
            let text = format!("endpoint {ws} is no WebSocket address");
            wrong(bad_scheme(ws, ["ws://", "wss://"]), &text);
        }
        wrong(
            self.markets.is_empty() && self.exchange.is_none(),
            "neither `exchange` nor a [[market]] is named",
        );
        wrong(
            self.roles.marks && self.markets.is_empty(),
            "the role marks needs a [[market]] with its feeds",
        );
        wrong(self.sources.pulse_ms < 50, "sources.pulse_ms is under 50");
        wrong(
            self.sources.resync_ms < 200,
            "sources.resync_ms is under 200",
        );
        wrong(
            self.sources.silent_seconds == 0,
            "sources.silent_seconds is 0",
        );
        wrong(self.plan.decide_ms == 0, "plan.decide_ms is 0");
        wrong(self.plan.in_flight == 0, "plan.in_flight is 0");
        wrong(self.plan.queue == 0, "plan.queue is 0");
        wrong(self.plan.backoff_min_ms == 0, "plan.backoff_min_ms is 0");
        wrong(
            self.plan.backoff_max_ms < self.plan.backoff_min_ms,
            "plan.backoff_max_ms is under plan.backoff_min_ms",
        );
        // A flag that no call renews for a minute starts anew, and a takeover's walk with it.
        wrong(
            self.plan.backoff_max_ms > 45_000,
            "plan.backoff_max_ms is over 45000: flags of liquidations would lapse",
        );
        wrong(
            self.fees.cap < self.fees.base,
            "fees.cap is under fees.base",
        );
        let listen = &self.http.listen;
        wrong(
            !listen.is_empty() && listen.parse::<SocketAddr>().is_err(),
            &format!("http.listen: {listen} is no address with a port"),
        );
        for market in &self.markets {
            wrong(
                market.feeds.is_empty() || market.feeds.len() > 3,
                &format!("market {} needs one to three feeds", market.address),
            );
        }
        for (name, key) in self.keys() {
            wrong(
                key.parse::<Pubkey>().is_err(),
                &format!("{name} {key} is no public key"),
            );
        }
        mistakes
    }

    /// Every public key of the file, with what it is called there.
    fn keys(&self) -> Vec<(&'static str, &str)> {
        let named = [
            ("program", &self.program),
            ("exchange", &self.exchange),
            ("beneficiary", &self.beneficiary),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, key)| Some((name, key.as_deref()?)));
        let mut keys: Vec<_> = named.collect();
        if let Some(desk) = &self.desk {
            keys.push(("desk.margin_account", &desk.margin_account));
        }
        for market in &self.markets {
            keys.push(("market", &market.address));
            keys.extend(market.feeds.iter().map(|feed| ("feed", feed.as_str())));
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> KeeperConfig {
        toml::from_str(text).expect("valid TOML")
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let config = parse(
            "keypair = 'id.json'\nbeneficiary = 'me'\n[[endpoint]]\nrpc = 'localhost'\n\
             [[market]]\naddress = 'not-a-key'\nfeeds = []\n[plan]\nin_flight = 0\n\
             [fees]\nbase = 5\ncap = 1\n[http]\nlisten = 'here'\n",
        );
        let mistakes = config.mistakes();
        assert_eq!(mistakes.len(), 7, "{mistakes:#?}");
    }

    #[test]
    fn the_example_is_sound_and_says_the_defaults() {
        let config = parse(include_str!("../keeper.example.toml"));
        assert_eq!(config.mistakes(), Vec::<String>::new());
        let plain = parse("keypair = 'id.json'");
        assert_eq!(
            format!("{:?}", (&config.plan, &config.fees, &config.sources)),
            format!("{:?}", (&plain.plan, &plain.fees, &plain.sources))
        );
    }

    #[test]
    fn the_environment_outranks_the_file() {
        let overrides = Overrides {
            rpc: Some("http://127.0.0.1:1".to_owned()),
            listen: Some("127.0.0.1:0".to_owned()),
            ..Overrides::default()
        };
        let config = parse(include_str!("../keeper.example.toml")).with(&overrides);
        assert_eq!(config.endpoints.len(), 1);
        assert_eq!(config.http.listen, "127.0.0.1:0");
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = "keypair = 'id.json'\n[roles]\nliquidate = true\n";
        assert!(toml::from_str::<KeeperConfig>(text).is_err());
    }
}
