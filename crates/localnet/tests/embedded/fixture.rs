//! A funded chain for one test, and the few requests every test makes.

use anyhow::{Context, Result};
use plimsoll_localnet::{Localnet, LocalnetConfig};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use solana_transaction::Transaction;

/// Short enough for quick tests, long enough for several transactions in a block.
const SLOT_MS: u64 = 50;

/// A running chain with a payer and an ordinary client.
pub struct Fixture {
    pub localnet: Localnet,
    pub rpc: RpcClient,
    pub payer: Keypair,
}

impl Fixture {
    pub fn start() -> Self {
        let payer = Keypair::new();
        let config = LocalnetConfig::on_free_ports()
            .with_slot_ms(SLOT_MS)
            .funding(payer.pubkey());
        let localnet = Localnet::start(config).expect("a localnet");
        let rpc = client(&localnet.rpc_url());
        Self {
            localnet,
            rpc,
            payer,
        }
    }

    /// Sends as an ordinary wallet does: newest blockhash, preflight, wait for confirmation.
    pub async fn transfer(&self, to: &Pubkey, lamports: u64) -> Result<()> {
        let blockhash = self.rpc.get_latest_blockhash().await?;
        let transaction = Transaction::new_signed_with_payer(
            &[system::transfer(&self.payer.pubkey(), to, lamports)],
            Some(&self.payer.pubkey()),
            &[&self.payer],
            blockhash,
        );
        self.rpc
            .send_and_confirm_transaction(&transaction)
            .await
            .context("a transfer")?;
        Ok(())
    }

    /// The clock as a program reads it: from the sysvar account. Slot, then Unix seconds.
    pub async fn clock_account(&self) -> (u64, i64) {
        let data = self
            .rpc
            .get_account(&solana_sdk_ids::sysvar::clock::ID)
            .await
            .expect("the clock sysvar")
            .data;
        let word = |at: usize| data[at..at + 8].try_into().expect("eight bytes");
        (u64::from_le_bytes(word(0)), i64::from_le_bytes(word(32)))
    }
}

pub fn client(rpc_url: &str) -> RpcClient {
    RpcClient::new_with_commitment(rpc_url.to_owned(), CommitmentConfig::confirmed())
}
