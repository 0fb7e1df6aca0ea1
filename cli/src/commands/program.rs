//! The program on a cluster: its bytes beside a file's, and deploying it through the upgradeable loader.

use anyhow::{bail, Context, Result};
use sha2::{Digest, Sha256};
use solana_pubkey::Pubkey;

use crate::session::Session;

/// The upgradeable loader.
const LOADER: Pubkey = Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
/// Header of a program's data account: tag, slot, optional authority.
const DATA_HEADER: usize = 45;

/// A deployed program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    /// Bytes as deployed, with the account's trailing zeros.
    pub(crate) bytes: Vec<u8>,
}

impl Deployed {
    /// Whether a file's bytes are what runs: the account may be larger, the rest is zeros.
    pub(crate) fn runs(&self, wanted: &[u8]) -> bool {
        self.bytes
            .split_at_checked(wanted.len())
            .is_some_and(|(program, rest)| program == wanted && rest.iter().all(|byte| *byte == 0))
    }

    /// Hash of the program without the account's trailing zeros.
    pub(crate) fn sha256(&self) -> String {
        let last = self.bytes.iter().rposition(|byte| *byte != 0);
        let used = last.map_or(0, |last| last + 1);
        sha256(self.bytes.get(..used).unwrap_or(&[]))
    }
}

/// Hexadecimal SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads the program's bytes; `None` if there is nothing at its address.
pub(crate) async fn read(session: &Session, program: &Pubkey) -> Result<Option<Deployed>> {
    let data = Pubkey::find_program_address(&[program.as_ref()], &LOADER).0;
    let found = session
        .connection
        .rpc()
        .get_multiple_accounts(&[*program, data])
        .await
        .with_context(|| format!("{} does not answer", session.url))?;
    let mut found = found.into_iter();
    let (Some(account), data) = (found.next().flatten(), found.next().flatten()) else {
        return Ok(None);
    };
    if !account.executable {
        bail!("the account at {program} is no program");
    }
    let data = data.context("the program's data account is gone")?;
    let bytes = data.data.get(DATA_HEADER..).unwrap_or(&[]).to_vec();
    Ok(Some(Deployed { bytes }))
}

/// The feature with which a cluster takes no bytecode older than sBPF v3 any more (SIMD-0500); what was
/// deployed before goes on running.
#[cfg(feature = "localnet")]
const ONLY_SBPF_V3: Pubkey = Pubkey::from_str_const("B8JJXCy5amZyWG9r7EnUYLwzXSXTxG7GZ1qZ1qggo83g");

/// The sBPF version that an ELF file says it is: its flags.
#[cfg(feature = "localnet")]
fn sbpf_version(elf: &[u8]) -> Option<u32> {
    const FLAGS_AT: usize = 48;
    let flags = elf.get(FLAGS_AT..)?.first_chunk()?;
    Some(u32::from_le_bytes(*flags))
}

/// Whether a feature's account says that it is active: the slot from which on, if any.
#[cfg(feature = "localnet")]
fn is_active(account: &solana_account::Account) -> bool {
    const FEATURES: Pubkey = Pubkey::from_str_const("Feature111111111111111111111111111111111111");
    account.owner == FEATURES && account.data.first() == Some(&1)
}

/// Says before anything is paid for what the loader would only say at the end.
#[cfg(feature = "localnet")]
async fn require_accepted(session: &Session, program: &Pubkey, bytes: &[u8]) -> Result<()> {
    const V3: u32 = 3;
    let version = sbpf_version(bytes).context("the file is no program")?;
    if version >= V3 {
        return Ok(());
    }
    let feature = session
        .connection
        .rpc()
        .get_multiple_accounts(&[ONLY_SBPF_V3])
        .await
        .with_context(|| format!("{} does not answer", session.url))?
        .pop()
        .flatten();
    if !feature.is_some_and(|feature| is_active(&feature)) {
        return Ok(());
    }
    if let Some(deployed) = read(session, program).await? {
        if deployed.runs(bytes) {
            return Ok(());
        }
    }
    bail!(
        "{} takes only sBPF v3 (SIMD-0500) and the file is v{version}: build it with `cargo build-sbf --arch v3` and \
         name it with --artifact, or start a validator of your own with --deactivate-feature {ONLY_SBPF_V3}",
        session.url
    )
}

#[cfg(feature = "localnet")]
pub(crate) use deploying::{run, ProgramCommand};

#[cfg(feature = "localnet")]
mod deploying {
    use std::path::PathBuf;

    use anyhow::{ensure, Context, Result};
    use clap::Subcommand;
    use plimsoll_localnet::deploy::{deploy, DeployAction, DeployProgress, DeployRequest};
    use serde::Serialize;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    use super::{require_accepted, sha256};
    use crate::artifact::find_artifact;
    use crate::keys;
    use crate::session::Session;

    /// Subcommands of `plimsoll program`.
    #[derive(Subcommand, Debug)]
    pub(crate) enum ProgramCommand {
        /// Make the program's address run a file; resumes, and does nothing if it already does
        Deploy {
            /// Key pair of the program's address [default on a localnet: the published one]
            #[arg(long, value_name = "PATH")]
            program_keypair: Option<PathBuf>,
            /// Key pair that may upgrade it [default: the payer]
            #[arg(long, value_name = "PATH")]
            upgrade_authority: Option<PathBuf>,
            /// Bytecode [default: artifacts/plimsoll.so]
            #[arg(long, value_name = "PATH")]
            artifact: Option<PathBuf>,
        },
    }

    #[derive(Serialize)]
    struct Deployment {
        program: String,
        action: String,
        sha256: String,
        bytes: usize,
    }

    pub(crate) async fn run(session: &Session, command: ProgramCommand) -> Result<()> {
        let ProgramCommand::Deploy {
            program_keypair,
            upgrade_authority,
            artifact,
        } = command;
        let program = match program_keypair {
            Some(path) => keys::read(&path)?,
            None => {
                ensure!(
                    session.config.published_keys,
                    "name the key pair of the program's address with --program-keypair"
                );
                keys::localnet_program()?
            }
        };
        let address = program.pubkey();
        ensure!(
            session.config.program.is_none_or(|named| named == address),
            "the cluster file names another program: [program] `id` is not {address}"
        );
        let payer = session.signer()?;
        let authority = match upgrade_authority {
            Some(path) => keys::read(&path)?,
            None => payer.insecure_clone(),
        };
        let path = artifact.map_or_else(find_artifact, Ok)?;
        let bytes = std::fs::read(&path)
            .with_context(|| format!("the program {} cannot be read", path.display()))?;
        require_accepted(session, &address, &bytes).await?;
        session.output.confirm(&format!(
            "Deploy {} ({} bytes) to {address} on {}?",
            path.display(),
            bytes.len(),
            session.url
        ))?;
        let outcome = send(session, &payer, &program, &authority, &bytes).await?;
        let deployment = Deployment {
            program: address.to_string(),
            action: outcome.to_owned(),
            sha256: sha256(&bytes),
            bytes: bytes.len(),
        };
        session.output.result(&deployment, || {
            format!("{}: {}", deployment.program, deployment.action)
        })
    }

    async fn send(
        session: &Session,
        payer: &Keypair,
        program: &Keypair,
        upgrade_authority: &Keypair,
        bytes: &[u8],
    ) -> Result<&'static str> {
        let request = DeployRequest {
            rpc_url: &session.url,
            payer,
            program,
            upgrade_authority,
            program_bytes: bytes,
        };
        let output = session.output;
        let mut tenth = 0;
        let progress = |step: DeployProgress| match step {
            DeployProgress::Planned(_) => {}
            DeployProgress::Written { bytes, total } => {
                let now = bytes * 10 / total.max(1);
                if now > tenth {
                    tenth = now;
                    output.progress(&format!("{bytes} of {total} bytes written"));
                }
            }
            DeployProgress::Finalizing => output.progress("finalizing"),
        };
        Ok(match deploy(&request, progress).await?.action {
            DeployAction::Nothing => "runs these bytes already",
            DeployAction::Deploy => "deployed",
            DeployAction::Upgrade { .. } => "upgraded",
        })
    }
}

#[cfg(all(test, feature = "localnet"))]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_elfs_flags() {
        let mut elf = vec![0; 64];
        assert_eq!(sbpf_version(&elf), Some(0));
        elf[48] = 3;
        assert_eq!(sbpf_version(&elf), Some(3));
        assert_eq!(sbpf_version(&elf[..50]), None);
    }

    #[test]
    fn a_feature_is_active_once_its_account_names_a_slot() {
        let owner = Pubkey::from_str_const("Feature111111111111111111111111111111111111");
        let feature = |data: &[u8], owner| solana_account::Account {
            data: data.to_vec(),
            owner,
            ..Default::default()
        };
        assert!(is_active(&feature(&[1, 0, 0, 0, 0, 0, 0, 0, 0], owner)));
        assert!(!is_active(&feature(&[0; 9], owner)));
        assert!(!is_active(&feature(&[1; 9], Pubkey::default())));
    }
}
