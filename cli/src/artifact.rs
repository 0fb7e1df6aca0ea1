//! The program's bytecode in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where the committed bytecode lies, from the repository's root.
const ARTIFACT: &str = "artifacts/plimsoll.so";
/// Names another bytecode.
const ARTIFACT_VARIABLE: &str = "PLIMSOLL_PROGRAM_SO";

/// The committed bytecode: named by the environment, or found from the working directory or the
/// command's own place upwards.
pub(crate) fn find_artifact() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(ARTIFACT_VARIABLE) {
        return Ok(PathBuf::from(named));
    }
    let here = std::env::current_dir().ok();
    let command = std::env::current_exe().ok();
    let starts = [here, command];
    let candidates = starts.iter().flatten().flat_map(|start| start.ancestors());
    candidates
        .map(|directory: &Path| directory.join(ARTIFACT))
        .find(|path| path.is_file())
        .with_context(|| {
            format!("{ARTIFACT} is not here or above: run `make artifact`, or name another file with {ARTIFACT_VARIABLE}")
        })
}
