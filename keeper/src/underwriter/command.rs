//! `keeper desk`: an underwriter's policy file, checked and tried.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, Subcommand};
use plimsoll_tapes::{CsvTape, PricePoint};

use super::trial::book::Book;
use super::trial::{self, Tapes};
use super::Policy;

/// Commands about an underwriter's desk. Neither reads the keeper's configuration, a key or a chain.
#[derive(Clone, Debug, Subcommand)]
pub enum DeskCommand {
    /// Read a policy file, name every mistake
    Check {
        /// Policy file
        #[arg(long, default_value = "policy.toml", value_name = "FILE")]
        policy: PathBuf,
    },
    /// Play recorded prices over a book of lines, with a policy and without
    ///
    /// Margin, draws, calls, halts, takeovers, tear-ups, interest and write-offs are the program's own functions.
    /// Left out: the order book and its impact (what no draw cures is taken over at the book file's discount,
    /// auctions fill nothing), trading of the borrowers, funding, transaction fees, delays between decision and
    /// landing, providers who join or leave. Equal inputs give equal results.
    Try(TryArgs),
}

/// Arguments of `keeper desk try`.
#[derive(Args, Clone, Debug)]
pub struct TryArgs {
    /// Policy file
    #[arg(long, default_value = "policy.toml", value_name = "FILE")]
    policy: PathBuf,
    /// Book file: vault, markets, lines and their borrowers
    #[arg(long, default_value = "book.toml", value_name = "FILE")]
    book: PathBuf,
    /// Recorded prices of a market of the book, once for each; the name may be left out if there is one market
    #[arg(long = "tape", required = true, value_name = "[MARKET=]FILE")]
    tapes: Vec<String>,
    /// First second of the tapes that is played; where all have begun when absent
    #[arg(long, value_name = "UNIX SECONDS")]
    from: Option<i64>,
    /// Last second of the tapes that is played; where the last ends when absent
    #[arg(long, value_name = "UNIX SECONDS")]
    until: Option<i64>,
}

/// Carries a command out; `json` prints the result for programs.
///
/// # Errors
/// Mistakes of the files, all named, and what the program would refuse of the book.
pub fn run(command: &DeskCommand, json: bool) -> Result<()> {
    match command {
        DeskCommand::Check { policy } => {
            let found = Policy::load(policy)?;
            let classes = found.classes.len();
            if json {
                let path = policy.display().to_string();
                println!(
                    "{}",
                    serde_json::json!({ "policy": path, "classes": classes })
                );
            } else {
                println!("{}: no mistakes, {classes} classes", policy.display());
            }
            Ok(())
        }
        DeskCommand::Try(args) => {
            let (policy, book) = (Policy::load(&args.policy)?, Book::load(&args.book)?);
            let tapes = Tapes {
                points: points(&book, &args.tapes)?,
                from: args.from,
                until: args.until,
            };
            let report = trial::run(&policy, &book, &tapes)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&report)?);
            } else {
                println!("{}", report.text());
            }
            Ok(())
        }
    }
}

/// The tape of each market, in the book's order.
fn points(book: &Book, named: &[String]) -> Result<Vec<Vec<PricePoint>>> {
    let mut files: Vec<(&str, &Path)> = Vec::new();
    for text in named {
        let only = book.markets.first().filter(|_| book.markets.len() == 1);
        let (symbol, file) = match (text.split_once('='), only) {
            (Some((symbol, file)), _) => (symbol, file),
            (None, Some(market)) => (market.symbol.as_str(), text.as_str()),
            (None, None) => bail!("--tape {text}: of which market? MARKET=FILE"),
        };
        let known = book.markets.iter().any(|market| market.symbol == symbol);
        ensure!(known, "--tape {text}: the book has no market `{symbol}`");
        let twice = files.iter().any(|(other, _)| *other == symbol);
        ensure!(!twice, "--tape: two of {symbol}");
        files.push((symbol, Path::new(file)));
    }
    let of_markets = book.markets.iter().map(|market| {
        let file = files.iter().find(|(symbol, _)| *symbol == market.symbol);
        let (_, file) = file.with_context(|| format!("no --tape of {}", market.symbol))?;
        Ok(CsvTape::open(file)?.points().to_vec())
    });
    of_markets.collect()
}
