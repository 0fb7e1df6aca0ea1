//! Key pairs: read from files, or derived from one that its holder already keeps.
//!
//! A market must sign its own creation, and so must a test mint. Their keys are derived from the
//! authority's secret key and a name, which has three consequences. A set-up that was cut short finds
//! the same addresses again and needs no file of state to resume. Nobody else can compute them, so
//! nobody can occupy an address first. And there is no further secret to keep: such a key signs once,
//! and afterwards the account belongs to a program.

use std::path::Path;

use anyhow::{anyhow, Context, Result};
use sha2::{Digest, Sha256};
use solana_keypair::{read_keypair_file, Keypair};
use solana_pubkey::Pubkey;

/// The key pair of the localnet's program: published, worth nothing, and only for localnets.
const LOCALNET_PROGRAM: &str = include_str!("../../migrations/keys/localnet-program.json");

/// Separates these hashes from any other use of the same secret.
const DOMAIN: &[u8] = b"plimsoll derived key, version 1";

/// Reads a key pair in the Solana CLI's file format.
pub(crate) fn read(path: &Path) -> Result<Keypair> {
    read_keypair_file(path)
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("the key pair {} cannot be read", path.display()))
}

/// The published key pair of the localnet's program.
pub(crate) fn localnet_program() -> Result<Keypair> {
    let bytes: Vec<u8> = serde_json::from_str(LOCALNET_PROGRAM)
        .context("migrations/keys/localnet-program.json is not a key pair")?;
    Keypair::try_from(bytes.as_slice())
        .map_err(|error| anyhow!("migrations/keys/localnet-program.json: {error}"))
}

/// The authority of a localnet's exchange, its faucet and its payer. Derived from the published key,
/// hence as public as that one.
pub(crate) fn localnet_authority() -> Result<Keypair> {
    Ok(derive(&localnet_program()?, "authority", &[]))
}

/// The key of a test mint that `authority` creates.
pub(crate) fn test_mint(authority: &Keypair) -> Keypair {
    derive(authority, "test mint", &[])
}

/// The key of a market of one exchange.
pub(crate) fn market(authority: &Keypair, exchange: &Pubkey, symbol: &str) -> Keypair {
    derive(authority, "market", &[exchange.as_ref(), symbol.as_bytes()])
}

/// Every part is hashed with its length, so that no two lists of parts are the same input.
fn derive(parent: &Keypair, purpose: &str, parts: &[&[u8]]) -> Keypair {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(parent.secret_bytes());
    for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    Keypair::new_from_array(hash.finalize().into())
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
