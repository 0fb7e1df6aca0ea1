//! `make bench-keeper`, second part: the keeper's own path with an exchange in the real layouts, without a
//! network. How long from a market's new bytes to signed transactions, and how a storm of liquidatable accounts
//! is worked through. Adds its figures to the JSON that `--into` names.

mod clock;
mod path;
mod stage;
mod storm;

use serde_json::{Map, Value};

type Anyhow<T> = anyhow::Result<T>;

/// Name, figure, and what it is.
pub type Figures = Vec<(&'static str, u64, &'static str)>;

fn merged(into: &str, figures: &Figures) -> Anyhow<()> {
    let held = std::fs::read_to_string(into).unwrap_or_else(|_| "{}".to_owned());
    let mut all: Map<String, Value> = serde_json::from_str(&held)?;
    for (name, value, _) in figures {
        all.insert((*name).to_owned(), Value::from(*value));
    }
    if let Some(folder) = std::path::Path::new(into).parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(into, serde_json::to_string_pretty(&all)? + "\n")?;
    Ok(())
}

fn main() -> Anyhow<()> {
    // Cargo names itself to every benchmark.
    let mut arguments = std::env::args().skip(1).filter(|name| name != "--bench");
    let (mut accounts, mut into) = (100_000, None);
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        match (argument.as_str(), value) {
            ("--accounts", Some(value)) => accounts = value.parse()?,
            ("--into", Some(value)) => into = Some(value),
            _ => anyhow::bail!("usage: path [--accounts N] [--into FILE]"),
        }
    }
    let mut figures = path::run(accounts)?;
    figures.extend(storm::run(accounts)?);
    for (name, value, meaning) in &figures {
        println!("{name:<30} {value:>12}  {meaning}");
    }
    if let Some(into) = into {
        merged(&into, &figures)?;
        println!("written to {into}");
    }
    Ok(())
}
