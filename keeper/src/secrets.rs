//! The keys that sign, read from their files, and whether anybody else can read those.

use std::path::Path;

use anyhow::{anyhow, Result};
use solana_keypair::{read_keypair_file, Keypair};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

use crate::config::KeeperConfig;

/// The operator's keys.
#[derive(Debug)]
pub struct Keys {
    pub payer: Keypair,
    pub desk: Option<Keypair>,
    /// What is wrong with their files without being a mistake.
    pub warnings: Vec<String>,
}

impl Keys {
    /// The address that pays fees.
    pub fn payer_address(&self) -> Pubkey {
        self.payer.pubkey()
    }
}

/// Reads the keys that the configuration names.
///
/// # Errors
/// When a file cannot be read or holds no key pair.
pub fn read(config: &KeeperConfig) -> Result<Keys> {
    let mut warnings: Vec<String> = exposed(&config.keypair).into_iter().collect();
    let desk = match &config.desk {
        Some(desk) => {
            warnings.extend(exposed(&desk.keypair));
            Some(key(&desk.keypair)?)
        }
        None => None,
    };
    Ok(Keys {
        payer: key(&config.keypair)?,
        desk,
        warnings,
    })
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
    use super::exposed;
    use std::os::unix::fs::PermissionsExt as _;

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
