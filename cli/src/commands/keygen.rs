//! `plimsoll keygen`: a new key pair in a file that only its owner can read, in the Solana CLI's format.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::output::Output;

/// Arguments of `plimsoll keygen`.
#[derive(Args, Debug)]
pub(crate) struct KeygenArgs {
    /// File to write; it must not exist
    path: PathBuf,
}

#[derive(Serialize)]
struct Made {
    address: String,
    path: String,
}

pub(crate) fn run(output: Output, args: &KeygenArgs) -> Result<()> {
    let keypair = Keypair::new();
    let path = &args.path;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be made", directory.display()))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = serde_json::to_string(&keypair.to_bytes().to_vec())?;
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    let made = Made {
        address: keypair.pubkey().to_string(),
        path: path.display().to_string(),
    };
    output.result(&made, || format!("{} in {}", made.address, made.path))
}
