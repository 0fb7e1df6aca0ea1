//! Test money: SOL and a test USDC, over JSON-RPC alone.
//!
//! The mint is a plain SPL token mint whose key its creator chooses, so that one configuration
//! names it everywhere. Asking again for what is already there does nothing.

use anyhow::{bail, ensure, Context, Result};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_keypair::Keypair;
use solana_program_pack::Pack;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use spl_associated_token_account_interface::{
    address::get_associated_token_address, instruction::create_associated_token_account_idempotent,
};
use spl_token_interface::{instruction as token, state::Mint};

use crate::sending::{confirmed_client, send_and_confirm};

/// As on mainnet: an atom of USDC is 10^-6 of a dollar.
pub const USDC_DECIMALS: u8 = 6;

/// Airdrops of a public cluster are slow and sometimes forgotten: give up after this many looks.
const AIRDROP_POLLS_MAX: usize = 600;
const AIRDROP_POLL_MS: u64 = 50;

/// The faucet of one test mint on one cluster.
pub struct Faucet {
    rpc: RpcClient,
    authority: Keypair,
    mint: Pubkey,
}

impl std::fmt::Debug for Faucet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Faucet")
            .field("authority", &self.authority.pubkey())
            .field("mint", &self.mint)
            .finish_non_exhaustive()
    }
}

impl Faucet {
    /// Creates the mint at `mint`'s address unless it exists, with `authority` paying for it and
    /// minting from it. An existing mint of other decimals or another authority is an error.
    pub async fn create(rpc_url: &str, authority: &Keypair, mint: &Keypair) -> Result<Self> {
        let faucet = Self {
            rpc: confirmed_client(rpc_url),
            authority: authority.insecure_clone(),
            mint: mint.pubkey(),
        };
        if !faucet.mint_exists().await? {
            faucet.create_mint(mint).await?;
        }
        Ok(faucet)
    }

    /// The mint's address.
    pub fn mint(&self) -> Pubkey {
        self.mint
    }

    /// Where `owner` holds this mint's tokens.
    pub fn token_account(&self, owner: &Pubkey) -> Pubkey {
        get_associated_token_address(owner, &self.mint)
    }

    /// Mints `atoms` (10^-6 USDC) to the owner's associated token account, which is created if
    /// need be; returns its address.
    pub async fn mint_to(&self, owner: &Pubkey, atoms: u64) -> Result<Pubkey> {
        let authority = self.authority.pubkey();
        let account = self.token_account(owner);
        let instructions = [
            create_associated_token_account_idempotent(
                &authority,
                owner,
                &self.mint,
                &spl_token_interface::ID,
            ),
            token::mint_to(
                &spl_token_interface::ID,
                &self.mint,
                &account,
                &authority,
                &[],
                atoms,
            )
            .context("minting test USDC")?,
        ];
        let signers = [&self.authority];
        send_and_confirm(&self.rpc, "minting test USDC", &instructions, &signers).await?;
        Ok(account)
    }

    async fn mint_exists(&self) -> Result<bool> {
        let account = self
            .rpc
            .get_account_with_commitment(&self.mint, self.rpc.commitment())
            .await
            .context("the mint cannot be read")?
            .value;
        let Some(account) = account else {
            return Ok(false);
        };
        ensure!(
            account.owner == spl_token_interface::ID,
            "{} is an account of {} and not a mint",
            self.mint,
            account.owner
        );
        let mint =
            Mint::unpack(&account.data).with_context(|| format!("{} is not a mint", self.mint))?;
        ensure!(
            mint.decimals == USDC_DECIMALS,
            "mint {} has {} decimals, not {USDC_DECIMALS}",
            self.mint,
            mint.decimals
        );
        ensure!(
            mint.mint_authority.contains(&self.authority.pubkey()),
            "mint {} is not minted by {}",
            self.mint,
            self.authority.pubkey()
        );
        Ok(true)
    }

    async fn create_mint(&self, mint: &Keypair) -> Result<()> {
        let authority = self.authority.pubkey();
        let rent = self
            .rpc
            .get_minimum_balance_for_rent_exemption(Mint::LEN)
            .await?;
        let instructions = [
            system::create_account(
                &authority,
                &self.mint,
                rent,
                Mint::LEN as u64,
                &spl_token_interface::ID,
            ),
            token::initialize_mint2(
                &spl_token_interface::ID,
                &self.mint,
                &authority,
                None,
                USDC_DECIMALS,
            )
            .context("creating the test USDC mint")?,
        ];
        let signers = [&self.authority, mint];
        send_and_confirm(
            &self.rpc,
            "creating the test USDC mint",
            &instructions,
            &signers,
        )
        .await
    }
}

/// Asks the cluster for `lamports` and returns when they are there.
pub async fn airdrop(rpc_url: &str, account: &Pubkey, lamports: u64) -> Result<()> {
    let rpc = confirmed_client(rpc_url);
    let signature = rpc
        .request_airdrop(account, lamports)
        .await
        .with_context(|| format!("the cluster gives no airdrop to {account}"))?;
    for _ in 0..AIRDROP_POLLS_MAX {
        if rpc.confirm_transaction(&signature).await? {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(AIRDROP_POLL_MS)).await;
    }
    bail!(
        "the airdrop to {account} was not confirmed within {} s",
        AIRDROP_POLLS_MAX as u64 * AIRDROP_POLL_MS / 1_000
    )
}
