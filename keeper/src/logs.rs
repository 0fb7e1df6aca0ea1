//! Logs on standard error, as text or as one JSON object a line; a panic's words are a line like any other.

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use tracing::error;
use tracing_subscriber::EnvFilter;

use crate::redact;

/// Form of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    Text,
    Json,
}

/// Standard error; a line is written as a whole, and without what addresses say beyond their hosts.
struct Redacted;

impl Write for Redacted {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let said = redact::text(&String::from_utf8_lossy(line));
        io::stderr().lock().write_all(said.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts the log of this process, at the level that `RUST_LOG` says, `info` without it.
pub fn start(form: LogForm) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(|| Redacted);
    // A second log would be a programming error; the first one serves.
    let _ = match form {
        LogForm::Text => logs.try_init(),
        LogForm::Json => logs.json().try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        error!(reason = %panic, "panicked");
    }));
}
