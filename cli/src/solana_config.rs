//! The Solana CLI's own configuration, so that both commands speak to the same cluster with the same
//! key. Only two of its lines matter; nothing else of YAML is needed to read them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What `solana config set` has chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SolanaConfig {
    pub(crate) json_rpc_url: Option<String>,
    pub(crate) keypair_path: Option<PathBuf>,
}

impl SolanaConfig {
    /// Reads `~/.config/solana/cli/config.yml`; a missing file is an empty configuration.
    pub(crate) fn load(home: Option<&Path>) -> Result<Self> {
        let Some(home) = home else {
            return Ok(Self::default());
        };
        let path = home.join(".config/solana/cli/config.yml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text, home)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    fn parse(text: &str, home: &Path) -> Self {
        let value = |key: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            let value = line.trim().trim_matches(['"', '\'']);
            (!value.is_empty()).then(|| value.to_owned())
        };
        Self {
            json_rpc_url: value("json_rpc_url"),
            keypair_path: value("keypair_path").map(|path| expand(&path, home)),
        }
    }
}

/// `~/` at the beginning is the home directory.
pub(crate) fn expand(path: &str, home: &Path) -> PathBuf {
    path.strip_prefix("~/")
        .map_or_else(|| PathBuf::from(path), |rest| home.join(rest))
}

/// The home directory.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

#[cfg(test)]
#[path = "solana_config_tests.rs"]
mod tests;
