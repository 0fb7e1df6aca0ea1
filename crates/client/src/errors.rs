//! Errors by name, from the codes that transactions report.

use plimsoll_engine::EngineError;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// First code of the program's own errors: the engine's codes are added to it.
pub const ERROR_CODE_OFFSET: u32 = 6_000;

fn table() -> &'static BTreeMap<u32, EngineError> {
    static TABLE: OnceLock<BTreeMap<u32, EngineError>> = OnceLock::new();
    TABLE.get_or_init(|| {
        EngineError::ALL
            .iter()
            .map(|error| (error.code(), *error))
            .collect()
    })
}

/// The engine's error behind a transaction's custom code.
pub fn from_code(code: u32) -> Option<EngineError> {
    table().get(&code.checked_sub(ERROR_CODE_OFFSET)?).copied()
}

/// Name and sentence of a transaction's custom code: "BelowInitialMargin: what remains would be …".
pub fn describe(code: u32) -> String {
    match from_code(code) {
        Some(error) => format!("{error:?}: {error}"),
        None => format!("program error {code}"),
    }
}
