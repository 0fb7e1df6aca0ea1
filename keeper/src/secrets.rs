//! The keys that sign and the webhook's address, read from where they are kept, and whether anybody else can
//! read those files.

use std::path::Path;

use anyhow::{anyhow, ensure, Context, Result};
use solana_keypair::{read_keypair_file, Keypair};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

use crate::config::KeeperConfig;

/// What an operator keeps to himself.
pub struct Secrets {
    pub payer: Keypair,
    pub desk: Option<Keypair>,
    pub underwriter: Option<Keypair>,
    /// Where alerts go.
    pub webhook: Option<String>,
    /// What is wrong with the files without being a mistake.
    pub warnings: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let payer = self.payer_address();
        f.debug_struct("Secrets")
            .field("payer", &payer)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// The address that pays fees.
    pub fn payer_address(&self) -> Pubkey {
        self.payer.pubkey()
    }
}

/// Reads what the configuration and the environment name.
///
/// # Errors
/// When a file cannot be read or holds no key pair.
pub fn read(config: &KeeperConfig) -> Result<Secrets> {
    let desk = config.desk.as_ref().map(|desk| desk.keypair.as_path());
    let underwriter = config.underwriter.as_ref();
    let underwriter = underwriter.map(|desk| desk.keypair.as_path());
    let files = [Some(config.keypair.as_path()), desk, underwriter];
    let files = files.into_iter().chain([config.alerts.url_file.as_deref()]);
    let payer = key(&config.keypair)?;
    let underwriter = underwriter.map(key).transpose()?;
    ensure!(
        underwriter
            .as_ref()
            .is_none_or(|key| key.pubkey() != payer.pubkey()),
        "underwriter.keypair holds the paying key: it must be a key of its own"
    );
    Ok(Secrets {
        payer,
        desk: desk.map(key).transpose()?,
        underwriter,
        webhook: webhook(config)?,
        warnings: files.flatten().filter_map(exposed).collect(),
    })
}

/// The address of the environment, else that of the file.
fn webhook(config: &KeeperConfig) -> Result<Option<String>> {
    let alerts = &config.alerts;
    let said = std::env::var(&alerts.url_env).ok();
    if let Some(url) = said.filter(|url| !url.is_empty()) {
        return Ok(Some(url));
    }
    let Some(path) = &alerts.url_file else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read alerts.url_file {}", path.display()))?;
    Ok(Some(text.trim().to_owned()))
}

fn key(path: &Path) -> Result<Keypair> {
    read_keypair_file(path)
        .map_err(|error| anyhow!("cannot read the key pair {}: {error}", path.display()))
}

/// Why a file that holds a secret is not as secret as it should be.
#[cfg(unix)]
pub fn exposed(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "{path} holds a secret and others may read it (mode {mode:03o}): `chmod 600 {path}`"
        )
    })
}

#[cfg(not(unix))]
pub fn exposed(_: &Path) -> Option<String> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::{exposed, read};
    use crate::config::{KeeperConfig, UnderwriterConfig};
    use solana_keypair::Keypair;
    use solana_signer::Signer as _;
    use std::os::unix::fs::PermissionsExt as _;

    /// Two files with one key: their names say nothing.
    #[test]
    fn a_copy_of_the_paying_key_signs_for_no_underwriter() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = |name: &str, key: &Keypair| {
            let path = folder.path().join(name);
            let bytes = serde_json::to_string(&key.to_bytes().to_vec()).expect("a key");
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let (payer, other) = (Keypair::new(), Keypair::new());
        let desk = |keypair| UnderwriterConfig {
            keypair,
            ..UnderwriterConfig::default()
        };
        let mut config = KeeperConfig {
            keypair: named("payer.json", &payer),
            underwriter: Some(desk(named("copy.json", &payer))),
            ..KeeperConfig::default()
        };
        let error = read(&config).expect_err("one key for two");
        assert!(error.to_string().contains("a key of its own"), "{error}");
        config.underwriter = Some(desk(named("other.json", &other)));
        let secrets = read(&config).expect("two keys");
        assert_eq!(
            secrets.underwriter.map(|key| key.pubkey()),
            Some(other.pubkey())
        );
    }

    #[test]
    fn a_key_that_others_may_read_is_told_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keeper.json");
        std::fs::write(&path, "[]").expect("written");
        let with = |mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).expect("set");
            exposed(&path)
        };
        assert_eq!(with(0o600), None);
        assert_eq!(with(0o400), None);
        for mode in [0o640, 0o604, 0o644, 0o620] {
            assert!(with(mode).is_some_and(|text| text.contains("chmod 600")));
        }
    }
}
