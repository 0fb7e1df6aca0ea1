//! Where the bytecode under test lies.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The program's file: `PLIMSOLL_PROGRAM_SO`, else the last build, else the committed artifact.
pub fn program_path() -> PathBuf {
    if let Some(path) = std::env::var_os("PLIMSOLL_PROGRAM_SO") {
        return path.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let built = target.join("deploy/plimsoll.so");
    if built.exists() {
        return built;
    }
    root.join("artifacts/plimsoll.so")
}

/// The program's bytecode, read once.
pub fn program_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let path = program_path();
        std::fs::read(&path).unwrap_or_else(|error| {
            panic!(
                "no bytecode at {}: {error}; `make build` makes it",
                path.display()
            )
        })
    })
}
