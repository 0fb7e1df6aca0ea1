//! What every command starts from: which cluster, which RPC, whose key, how to print.
//!
//! The RPC is `--url`, else that of the file named with `--cluster`, else the Solana CLI's, else the
//! localnet's. The cluster is `--cluster`, else the one that the RPC's address tells.

use std::path::PathBuf;

use anyhow::{bail, Context, Result};
use clap::Args;
use plimsoll_client::rpc::{Connection, SendOptions};
use plimsoll_client::ExchangeAddresses;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;

use crate::cluster::ClusterConfig;
use crate::keys;
use crate::output::Output;
use crate::solana_config::{expand, home, SolanaConfig};

/// Options that every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalArgs {
    /// JSON-RPC address, or localhost, devnet, testnet, mainnet (as the Solana CLI)
    #[arg(short, long, global = true, env = "PLIMSOLL_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Key pair that signs and pays [default: the Solana CLI's]
    #[arg(
        short,
        long,
        global = true,
        env = "PLIMSOLL_KEYPAIR",
        value_name = "PATH"
    )]
    pub(crate) keypair: Option<String>,
    /// Cluster file, or `localnet` or `devnet`, which are built in
    #[arg(
        short,
        long,
        global = true,
        env = "PLIMSOLL_CLUSTER",
        value_name = "FILE"
    )]
    pub(crate) cluster: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Send without asking
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Priority fee in micro-lamports per compute unit
    #[arg(long, global = true, default_value_t = 0, value_name = "FEE")]
    pub(crate) priority_fee: u64,
}

impl GlobalArgs {
    pub(crate) fn output(&self) -> Output {
        Output::new(self.json, self.yes)
    }
}

/// A cluster and the way to it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) output: Output,
    pub(crate) config: ClusterConfig,
    pub(crate) url: String,
    pub(crate) connection: Connection,
    keypair: Option<PathBuf>,
    priority_fee: u64,
}

impl Session {
    pub(crate) fn open(args: &GlobalArgs) -> Result<Self> {
        let home = home();
        let solana = SolanaConfig::load(home.as_deref())?;
        let named = args
            .cluster
            .as_deref()
            .map(ClusterConfig::load)
            .transpose()?;
        let url = args
            .url
            .as_deref()
            .map(full_url)
            .or_else(|| named.as_ref().map(|config| config.rpc_url.clone()))
            .or(solana.json_rpc_url);
        let config = match (named, &url) {
            (Some(config), _) => config,
            (None, Some(url)) => ClusterConfig::load(cluster_of(url)?)?,
            (None, None) => ClusterConfig::load("localnet")?,
        };
        let url = url.unwrap_or_else(|| config.rpc_url.clone());
        let given = args.keypair.as_deref().map(|path| match &home {
            Some(home) => expand(path, home),
            None => PathBuf::from(path),
        });
        let usual = || home.map(|home| home.join(".config/solana/id.json"));
        Ok(Self {
            output: args.output(),
            connection: Connection::new(url.clone()),
            config,
            url,
            keypair: given.or(solana.keypair_path).or_else(usual),
            priority_fee: args.priority_fee,
        })
    }

    /// Where the signer's key is read from.
    pub(crate) fn keypair_path(&self) -> Option<&PathBuf> {
        self.keypair.as_ref()
    }

    /// The key that signs and pays.
    pub(crate) fn signer(&self) -> Result<Keypair> {
        let path = self
            .keypair
            .as_deref()
            .context("there is no home directory: name a key pair with --keypair")?;
        if !path.exists() {
            bail!(
                "there is no key pair at {}: `plimsoll keygen {0}` makes one, or name another with --keypair",
                path.display()
            );
        }
        keys::read(path)
    }

    /// The exchange's addresses, which follow from the cluster file.
    pub(crate) fn addresses(&self) -> Result<ExchangeAddresses> {
        self.config.addresses()
    }

    /// Says in one sentence that nobody answers, before a command finds out in its own words.
    pub(crate) async fn require_answer(&self) -> Result<()> {
        if self.connection.rpc().get_version().await.is_err() {
            let remedy = if self.config.published_keys {
                ": `plimsoll localnet` starts a chain there, and --url names another"
            } else {
                ": --url names another RPC"
            };
            bail!("{} does not answer{remedy}", self.url);
        }
        Ok(())
    }

    pub(crate) fn send_options(&self) -> SendOptions {
        SendOptions {
            priority_fee: self.priority_fee,
            compute_units: None,
        }
    }

    /// Lamports of an account; none is zero.
    pub(crate) async fn lamports(&self, address: &Pubkey) -> Result<u64> {
        self.connection
            .rpc()
            .get_balance(address)
            .await
            .with_context(|| format!("{} does not answer", self.url))
    }
}

/// The Solana CLI's short names.
fn full_url(name: &str) -> String {
    match name {
        "l" | "localhost" | "localnet" => "http://127.0.0.1:8899",
        "d" | "devnet" => "https://api.devnet.solana.com",
        "t" | "testnet" => "https://api.testnet.solana.com",
        "m" | "mainnet" | "mainnet-beta" => "https://api.mainnet-beta.solana.com",
        url => url,
    }
    .to_owned()
}

/// The built-in cluster file that an RPC address stands for.
fn cluster_of(url: &str) -> Result<&'static str> {
    if url.contains("devnet") {
        Ok("devnet")
    } else if url.contains("mainnet") || url.contains("testnet") {
        bail!("{url} needs a cluster file: name it with --cluster")
    } else {
        Ok("localnet")
    }
}
