//! People, by name.

use std::fmt;

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// Longest name of an actor, bytes.
const NAME_MAX: usize = 24;

/// Somebody with a key pair, a wallet and margin accounts, all derived from the name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actor {
    name: [u8; NAME_MAX],
    sub_account: u16,
}

impl Actor {
    /// The same person with margin account number `sub_account`.
    #[must_use]
    pub const fn sub(self, sub_account: u16) -> Self {
        Self {
            sub_account,
            ..self
        }
    }

    /// Number of the margin account.
    pub const fn sub_account(&self) -> u16 {
        self.sub_account
    }

    /// The name.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.name)
            .trim_end_matches('\0')
            .to_owned()
    }

    /// The wallet's key pair.
    pub fn keypair(&self) -> Keypair {
        derived(b"wallet", &self.name)
    }

    /// The wallet.
    pub fn key(&self) -> Pubkey {
        self.keypair().pubkey()
    }

    /// The wallet's token account.
    pub fn token_account(&self) -> Pubkey {
        derived(b"tokens", &self.name).pubkey()
    }
}

/// A key pair that depends on nothing but its two names.
pub(crate) fn derived(kind: &[u8], name: &[u8]) -> Keypair {
    let mut seed = [0; 32];
    for (at, byte) in seed.iter_mut().zip(kind) {
        *at = *byte;
    }
    for (at, byte) in seed.iter_mut().skip(8).zip(name) {
        *at = *byte;
    }
    Keypair::new_from_array(seed)
}

impl From<&str> for Actor {
    fn from(text: &str) -> Self {
        assert!(
            text.len() <= NAME_MAX,
            "an actor's name has at most {NAME_MAX} bytes: {text}"
        );
        let mut name = [0; NAME_MAX];
        name[..text.len()].copy_from_slice(text.as_bytes());
        Self {
            name,
            sub_account: 0,
        }
    }
}

impl From<&String> for Actor {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        if self.sub_account != 0 {
            write!(f, "/{}", self.sub_account)?;
        }
        Ok(())
    }
}
