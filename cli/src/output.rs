//! What a command prints: a table for people or, with `--json`, one JSON value for programs.
//!
//! Results go to standard output; progress and questions go to standard error, so that a result can be
//! piped. Nothing here computes.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{bail, Context, Result};
use comfy_table::{LineStyle, Table, TableStyle};
use serde::Serialize;

/// How to print, and whether to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    yes: bool,
}

impl Output {
    pub(crate) fn new(json: bool, yes: bool) -> Self {
        Self { json, yes }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result, as JSON or as `text` makes it.
    pub(crate) fn result<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<()> {
        let printed = if self.json {
            serde_json::to_string_pretty(value).context("the result cannot be printed")?
        } else {
            text()
        };
        print_line(&mut io::stdout().lock(), printed.trim_end())
    }

    /// Tells what is being done.
    pub(crate) fn progress(self, sentence: &str) {
        // A closed standard error is no reason to stop what is being done.
        let _ = print_line(&mut io::stderr().lock(), sentence);
    }

    /// Asks before something is sent. `--yes` answers; without a terminal nobody can.
    pub(crate) fn confirm(self, question: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            bail!("{question} Nobody can answer here: say --yes");
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ")?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        bail!("nothing was sent")
    }
}

/// A reader that stopped reading, as `head` does, has what it wanted.
fn print_line(to: &mut impl Write, text: &str) -> Result<()> {
    match writeln!(to, "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

/// A table with a header.
pub(crate) fn table<R>(header: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let mut table = empty_table();
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}

/// Names on the left, values on the right.
pub(crate) fn pairs<N: Into<String>>(rows: impl IntoIterator<Item = (N, String)>) -> String {
    let mut table = empty_table();
    for (name, value) in rows {
        table.add_row([name.into(), value]);
    }
    table.trim_fmt()
}

fn empty_table() -> Table {
    let mut table = Table::new();
    let under_header = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(under_header));
    table
}

/// Unix seconds as `2025-10-10 21:17:03`.
pub(crate) fn time(unix_seconds: i64) -> String {
    let (days, second) = (
        unix_seconds.div_euclid(86_400),
        unix_seconds.rem_euclid(86_400),
    );
    // Civil date from days since 1970-01-01, eras of 400 years (H. Hinnant, "chrono-compatible
    // low-level date algorithms").
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}",
        second % 60
    )
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
