//! Deploys a program through the upgradeable loader, as on mainnet: a buffer account is filled by
//! many small transactions and becomes the program in one.
//!
//! Only JSON-RPC is used, so this runs against the embedded chain, a stock validator or devnet.
//! Deploying what is already deployed does nothing. The buffer's address follows from the payer
//! and the bytes, so a run that was cut short is taken up where it stopped, and no key is lost
//! with it.

mod buffer;
mod loader_state;
mod plan;

use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use solana_account::Account;
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_keypair::Keypair;
use solana_loader_v3_interface::{
    get_program_data_address, instruction as loader, state::UpgradeableLoaderState,
};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::{
    deploy::buffer::Buffer,
    sending::{confirmed_client, send_and_confirm},
};

pub use plan::{plan_deployment, DeployAction, ProgramOnChain};

/// What is deployed, where, and by whom.
#[derive(Debug)]
pub struct DeployRequest<'a> {
    /// JSON-RPC of the cluster.
    pub rpc_url: &'a str,
    /// Pays fees and rent.
    pub payer: &'a Keypair,
    /// Key of the program's address; signs its first deployment only.
    pub program: &'a Keypair,
    /// May upgrade the program from then on.
    pub upgrade_authority: &'a Keypair,
    /// The ELF file.
    pub program_bytes: &'a [u8],
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployProgress {
    /// What must be done is known.
    Planned(DeployAction),
    /// Bytes of the program are in the buffer, confirmed.
    Written {
        /// Bytes so far.
        bytes: usize,
        /// Bytes of the program.
        total: usize,
    },
    /// The buffer is complete and becomes the program.
    Finalizing,
}

/// What a deployment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployOutcome {
    /// Nothing, a first deployment or an upgrade.
    pub action: DeployAction,
    /// The program's address.
    pub program_id: Pubkey,
    /// The account that holds its bytes.
    pub program_data: Pubkey,
    /// Chunks that were written; a chunk written twice counts twice.
    pub chunks_written: usize,
    /// Wall time from the first request to the last confirmation.
    pub elapsed: Duration,
}

/// Makes the program at the given address run exactly the given bytes. Returns once clients may
/// call it.
pub async fn deploy(
    request: &DeployRequest<'_>,
    mut on_progress: impl FnMut(DeployProgress) + Send,
) -> Result<DeployOutcome> {
    let begun = Instant::now();
    let run = DeployRun {
        rpc: confirmed_client(request.rpc_url),
        request,
    };
    let action = run.plan().await?;
    on_progress(DeployProgress::Planned(action));
    let mut chunks_written = 0;
    if action != DeployAction::Nothing {
        run.require_funds(action).await?;
        let buffer = Buffer::of(request);
        chunks_written = buffer.fill(&run.rpc, request, &mut on_progress).await?;
        on_progress(DeployProgress::Finalizing);
        run.finalize(action, &buffer).await?;
    }
    let program_id = request.program.pubkey();
    Ok(DeployOutcome {
        action,
        program_id,
        program_data: get_program_data_address(&program_id),
        chunks_written,
        elapsed: begun.elapsed(),
    })
}

/// One deployment under way.
struct DeployRun<'a> {
    rpc: RpcClient,
    request: &'a DeployRequest<'a>,
}

impl DeployRun<'_> {
    async fn account(&self, address: &Pubkey) -> Result<Option<Account>> {
        let response = self
            .rpc
            .get_account_with_commitment(address, self.rpc.commitment())
            .await
            .with_context(|| format!("account {address} cannot be read"))?;
        Ok(response.value)
    }

    async fn plan(&self) -> Result<DeployAction> {
        let program_id = self.request.program.pubkey();
        let program = self.account(&program_id).await?;
        let program_data = self.account(&get_program_data_address(&program_id)).await?;
        let on_chain = ProgramOnChain::read(program.as_ref(), program_data.as_ref())
            .with_context(|| format!("program {program_id}"))?;
        let authority = self.request.upgrade_authority.pubkey();
        plan_deployment(&on_chain, &authority, self.request.program_bytes)
            .with_context(|| format!("program {program_id}"))
    }

    /// Says before the first transaction what would otherwise fail after hundreds of them. The
    /// buffer's rent is paid first and comes back when it becomes the program.
    async fn require_funds(&self, action: DeployAction) -> Result<()> {
        let length = self.request.program_bytes.len();
        let mut needed = self
            .rent(UpgradeableLoaderState::size_of_buffer(length))
            .await?;
        if action == DeployAction::Deploy {
            needed += self.rent(UpgradeableLoaderState::size_of_program()).await?;
        }
        let payer = self.request.payer.pubkey();
        let balance = self.rpc.get_balance(&payer).await?;
        let already_paid = self
            .account(&Buffer::of(self.request).address())
            .await?
            .map_or(0, |buffer| buffer.lamports);
        if balance.saturating_add(already_paid) < needed {
            bail!("payer {payer} holds {balance} lamports; deploying {length} bytes takes at least {needed} and fees");
        }
        Ok(())
    }

    async fn rent(&self, bytes: usize) -> Result<u64> {
        Ok(self
            .rpc
            .get_minimum_balance_for_rent_exemption(bytes)
            .await?)
    }

    async fn finalize(&self, action: DeployAction, buffer: &Buffer) -> Result<()> {
        match action {
            DeployAction::Nothing => return Ok(()),
            DeployAction::Deploy => self.deploy_new(buffer).await?,
            DeployAction::Upgrade { extend_by } => {
                if extend_by > 0 {
                    self.extend(extend_by).await?;
                    self.wait_for_next_slot().await?;
                }
                self.upgrade(buffer).await?;
            }
        }
        // The loader makes a program callable in the slot after the one it was written in.
        self.wait_for_next_slot().await
    }

    async fn deploy_new(&self, buffer: &Buffer) -> Result<()> {
        let DeployRequest {
            payer,
            program,
            upgrade_authority,
            program_bytes,
            ..
        } = self.request;
        let rent = self.rent(UpgradeableLoaderState::size_of_program()).await?;
        let instructions = loader::deploy_with_max_program_len(
            &payer.pubkey(),
            &program.pubkey(),
            &buffer.address(),
            &upgrade_authority.pubkey(),
            rent,
            program_bytes.len(),
        )
        .context("deploying")?;
        let signers = [*payer, *program, *upgrade_authority];
        send_and_confirm(&self.rpc, "deploying", &instructions, &signers).await
    }

    async fn upgrade(&self, buffer: &Buffer) -> Result<()> {
        let DeployRequest {
            payer,
            program,
            upgrade_authority,
            ..
        } = self.request;
        let instruction = loader::upgrade(
            &program.pubkey(),
            &buffer.address(),
            &upgrade_authority.pubkey(),
            &payer.pubkey(),
        );
        let signers = [*payer, *upgrade_authority];
        send_and_confirm(&self.rpc, "upgrading", &[instruction], &signers).await
    }

    async fn extend(&self, extend_by: u32) -> Result<()> {
        let payer = self.request.payer;
        let instruction = loader::extend_program(
            &self.request.program.pubkey(),
            Some(&payer.pubkey()),
            extend_by,
        );
        send_and_confirm(&self.rpc, "extending the program", &[instruction], &[payer]).await
    }

    async fn wait_for_next_slot(&self) -> Result<()> {
        let slot = self.rpc.get_slot().await?;
        while self.rpc.get_slot().await? <= slot {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
