//! `keeper.toml` and the environment: read once, checked whole, every mistake named.

mod mistakes;
mod sections;
pub(crate) mod table;

#[cfg(test)]
mod tests;

pub use sections::{
    AlertsConfig, CreditConfig, DeskConfig, EndpointConfig, FeesConfig, HttpConfig, MarketConfig,
    MarksSection, PlanConfig, PricesConfig, RolesConfig, SenderConfig, SettlerConfig, ShardConfig,
    SourcesConfig, TapeConfig, UnderwriterConfig,
};

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context, Result};

use mistakes::Mistakes;
use table::{table, Field};

use crate::redact;

table! {
    /// The file as written.
    KeeperConfig {
        /// Key pair that pays fees and signs; it needs no other right.
        keypair: PathBuf = PathBuf::new(),
        /// The program of this cluster; the localnet's when absent.
        program: Option<String> = None,
        /// The exchange; that of the first market when absent.
        exchange: Option<String> = None,
        /// Margin account that is reimbursed; the paying key's first one when absent.
        beneficiary: Option<String> = None,
        /// Where actions and costs are written down.
        ledger: PathBuf = "keeper.sqlite".into(),
        /// Balance of the paying key under which the keeper warns.
        low_balance_lamports: u64 = 100_000_000,
        /// In the order of preference.
        endpoints @ "endpoint": Vec<EndpointConfig> = Vec::new(),
        /// Where transactions are sent beside the endpoints.
        senders @ "sender": Vec<SenderConfig> = Vec::new(),
        markets @ "market": Vec<MarketConfig> = Vec::new(),
        shard: ShardConfig = ShardConfig::default(),
        roles: RolesConfig = RolesConfig::default(),
        desk: Option<DeskConfig> = None,
        underwriter: Option<UnderwriterConfig> = None,
        marks: MarksSection = MarksSection::default(),
        prices: PricesConfig = PricesConfig::default(),
        settler: SettlerConfig = SettlerConfig::default(),
        credit: CreditConfig = CreditConfig::default(),
        sources: SourcesConfig = SourcesConfig::default(),
        plan: PlanConfig = PlanConfig::default(),
        fees: FeesConfig = FeesConfig::default(),
        http: HttpConfig = HttpConfig::default(),
        alerts: AlertsConfig = AlertsConfig::default(),
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
    /// Reads the file and names every mistake in it at once, one a line. From then on nothing is said of its
    /// addresses but their hosts.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML, or holds mistakes.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let (config, mistakes) =
            Self::parse(&text, overrides).with_context(|| format!("{}", path.display()))?;
        config.addresses().for_each(redact::hide);
        if !mistakes.is_empty() {
            let listed = mistakes.join("\n  ");
            bail!(
                "{}: {} mistakes\n  {listed}",
                path.display(),
                mistakes.len()
            );
        }
        Ok(config)
    }

    /// The configuration as far as it could be read, and every mistake.
    ///
    /// # Errors
    /// When the text is no TOML.
    pub fn parse(text: &str, overrides: &Overrides) -> Result<(Self, Vec<String>)> {
        // The error's own text repeats the line, and a line may hold a key.
        let rows: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let begin = error.span().and_then(|span| text.get(..span.start));
            let line = begin.map_or(1, |before| before.matches('\n').count() + 1);
            anyhow!("line {line}: {}", error.message())
        })?;
        let mut mistakes = Mistakes::default();
        let config = Self::read(toml::Value::Table(rows), "", &mut mistakes.0);
        let config = config.unwrap_or_default().with(overrides);
        mistakes.look(&config);
        Ok((config, mistakes.0))
    }

    /// Of every endpoint and sender, and of Hermes.
    fn addresses(&self) -> impl Iterator<Item = &str> {
        let endpoints = self.endpoints.iter();
        let read = endpoints.flat_map(|endpoint| [Some(&endpoint.rpc), endpoint.ws.as_ref()]);
        let sent = self.senders.iter().map(|sender| &sender.rpc);
        let prices = std::iter::once(&self.prices.endpoint);
        let all = read.flatten().chain(sent).chain(prices);
        all.map(String::as_str)
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
}
