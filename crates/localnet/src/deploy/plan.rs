//! Decides what a deployment must do. Pure: reads accounts, sends nothing.

use anyhow::{bail, Context, Result};
use solana_account::Account;
use solana_pubkey::Pubkey;

use crate::deploy::loader_state::{is_program, read_program_data};

/// The loader refuses to extend a program by less than this.
const EXTEND_BYTES_MIN: usize = 10_240;

/// What the cluster has at the program's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramOnChain {
    /// Nothing yet.
    Absent,
    /// A program of the upgradeable loader.
    Deployed {
        /// Who may upgrade it; `None` is for ever immutable.
        upgrade_authority: Option<Pubkey>,
        /// Its bytes, with zeros up to the account's capacity.
        bytes: Vec<u8>,
    },
}

impl ProgramOnChain {
    /// Reads the two accounts of a program. Whatever is neither absent nor such a program is an
    /// error: nothing could be deployed there.
    pub fn read(program: Option<&Account>, program_data: Option<&Account>) -> Result<Self> {
        let Some(program) = program else {
            return Ok(Self::Absent);
        };
        if !is_program(program) {
            bail!(
                "its address is taken by an account of {} that is not an upgradeable program",
                program.owner
            );
        }
        let program_data =
            program_data.context("it was closed, and its address cannot be used again")?;
        let state = read_program_data(program_data)?;
        Ok(Self::Deployed {
            upgrade_authority: state.authority,
            bytes: state.bytes.to_vec(),
        })
    }
}

/// What must happen for the wanted bytes to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployAction {
    /// They run already.
    Nothing,
    /// A first deployment.
    Deploy,
    /// Other bytes run: replace them.
    Upgrade {
        /// Bytes the program's account must grow by first; 0 if it is large enough.
        extend_by: u32,
    },
}

/// Compares what runs with what should. An authority that does not match matters only if
/// something must change.
pub fn plan_deployment(
    on_chain: &ProgramOnChain,
    authority: &Pubkey,
    wanted: &[u8],
) -> Result<DeployAction> {
    if !wanted.starts_with(b"\x7fELF") {
        bail!("the file to deploy is not an ELF file");
    }
    let (upgrade_authority, running) = match on_chain {
        ProgramOnChain::Absent => return Ok(DeployAction::Deploy),
        ProgramOnChain::Deployed {
            upgrade_authority,
            bytes,
        } => (upgrade_authority, bytes),
    };
    if is_same_program(running, wanted) {
        return Ok(DeployAction::Nothing);
    }
    match upgrade_authority {
        None => bail!("it is immutable: its upgrade authority was given up"),
        Some(holder) if holder != authority => {
            bail!("only {holder} may upgrade it, not {authority}")
        }
        Some(_) => {}
    }
    let missing = wanted.len().saturating_sub(running.len());
    let extend_by = match missing {
        0 => 0,
        bytes => u32::try_from(bytes.max(EXTEND_BYTES_MIN)).context("it is too large")?,
    };
    Ok(DeployAction::Upgrade { extend_by })
}

/// The account may be larger than the program: the rest is zeros.
fn is_same_program(running: &[u8], wanted: &[u8]) -> bool {
    running
        .split_at_checked(wanted.len())
        .is_some_and(|(program, rest)| program == wanted && rest.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
