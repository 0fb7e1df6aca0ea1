//! Puts price accounts straight into the embedded validator's account store.
//!
//! No transaction and no signature is involved: the receiver program is not on this chain, only
//! accounts that look exactly like its own. Subscribers are notified as for any other change.

use anyhow::{anyhow, Result};
use solana_account::Account;
use solana_pubkey::Pubkey;

use crate::{
    chain_state::ChainState,
    oracle::{encode_price_update, PriceUpdate, PRICE_UPDATE_LEN, RECEIVER_PROGRAM_ID},
};

/// A writer of price accounts; clones write to the same chain.
#[derive(Clone, Debug)]
pub struct OracleWriter {
    chain: ChainState,
}

impl OracleWriter {
    pub(crate) fn new(chain: ChainState) -> Self {
        Self { chain }
    }

    /// Posts an update: stamps the chain's current slot on it and writes it.
    pub fn post(&self, address: &Pubkey, update: &PriceUpdate) -> Result<()> {
        let slot = self.chain.read(|svm| svm.get_latest_absolute_slot());
        let posted = PriceUpdate {
            posted_slot: slot,
            ..*update
        };
        self.write(address, &posted)
    }

    /// Writes an update exactly as given, its slot included.
    pub fn write(&self, address: &Pubkey, update: &PriceUpdate) -> Result<()> {
        self.write_bytes(address, RECEIVER_PROGRAM_ID, encode_price_update(update))
    }

    /// Writes an account that only resembles a price account: another owner, other bytes. For
    /// tests of what a program must refuse.
    pub fn write_bytes(&self, address: &Pubkey, owner: Pubkey, data: Vec<u8>) -> Result<()> {
        let address = *address;
        self.chain
            .write(move |svm| {
                let rented_bytes = data.len().max(PRICE_UPDATE_LEN);
                let account = Account {
                    lamports: svm.inner.minimum_balance_for_rent_exemption(rented_bytes),
                    data,
                    owner,
                    executable: false,
                    rent_epoch: u64::MAX,
                };
                svm.set_account(&address, account)
            })
            .map_err(|error| anyhow!("price account {address} cannot be written: {error}"))
    }
}
