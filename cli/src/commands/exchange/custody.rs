//! Moving what custody holds, as anyone may: the treasury's share to its account, cash between shards.

use anyhow::{bail, ensure, Context, Result};
use clap::Args;
use plimsoll_client::engine::state::Exchange;
use plimsoll_client::instructions;
use serde::Serialize;
use solana_pubkey::Pubkey;

use super::read;
use crate::commands::account::balances;
use crate::session::Session;
use crate::traders::send;
use crate::units::{parse_usd, usd_unsigned};

/// Arguments of `plimsoll exchange collect-treasury`.
#[derive(Args, Debug)]
pub(crate) struct CollectArgs {
    /// Number of the custody shard that pays [default: the fullest]
    #[arg(long, value_name = "NUMBER")]
    shard: Option<u8>,
}

/// Arguments of `plimsoll exchange rebalance`.
#[derive(Args, Debug)]
pub(crate) struct RebalanceArgs {
    /// Number of the fuller custody shard, as `exchange show` counts them from 0
    from: u8,
    /// Number of the emptier one
    to: u8,
    /// USDC; at most half of what the fuller shard has more, so that custody only gets more even
    amount: String,
}

/// A custody shard and the quote atoms that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    number: u8,
    pub(super) held: u64,
}

/// Every shard of the exchange, in the order of their numbers.
pub(super) async fn shards(session: &Session, exchange: &Exchange) -> Result<Vec<Shard>> {
    let keys: Vec<Pubkey> = exchange
        .custody_shards
        .iter()
        .take(usize::from(exchange.custody_shards_len))
        .map(|shard| Pubkey::from(*shard))
        .collect();
    let held = balances(session, &keys).await?;
    let numbered = (0..).zip(held).map(|(number, held)| Shard {
        number,
        held: held.unwrap_or(0),
    });
    Ok(numbered.collect())
}

fn find(shards: &[Shard], number: u8) -> Result<Shard> {
    let found = shards.iter().find(|shard| shard.number == number);
    found.copied().with_context(|| {
        let last = shards.len().saturating_sub(1);
        format!("there is no custody shard {number}: they are numbered from 0 to {last}")
    })
}

#[derive(Serialize)]
struct Collected {
    treasury: String,
    amount_usd: String,
    shard: Option<u8>,
    signature: Option<String>,
}

pub(super) async fn collect(session: &Session, args: &CollectArgs) -> Result<()> {
    let addresses = session.addresses()?;
    let exchange = read(session).await?;
    let shards = shards(session, &exchange).await?;
    let named = args.shard.map(|number| find(&shards, number)).transpose()?;
    let owed = session
        .connection
        .default_fund(&addresses.default_fund)
        .await?
        .treasury;
    let treasury = Pubkey::from(exchange.treasury);
    let mut collected = Collected {
        treasury: treasury.to_string(),
        amount_usd: usd_unsigned(owed),
        shard: None,
        signature: None,
    };
    if owed == 0 {
        return session.output.result(&collected, || {
            "The treasury has nothing to collect: `plimsoll market sweep-fees` brings fees there.\nNothing was sent."
                .to_owned()
        });
    }
    let shard = match named {
        Some(shard) => shard,
        None => fullest(&shards, owed)?,
    };
    let signer = session.signer()?;
    let collect = instructions::collect_treasury(&addresses, treasury, shard.number);
    let signature = send(session, "collecting the treasury", &[collect], &[&signer]).await?;
    collected.shard = Some(shard.number);
    collected.signature = Some(signature.to_string());
    session.output.result(&collected, || {
        format!(
            "{} USDC paid from shard {} to the treasury's account {treasury}.\n{signature}",
            collected.amount_usd, shard.number
        )
    })
}

/// The shard that pays unless one is named. The program pays in one piece.
fn fullest(shards: &[Shard], owed: u64) -> Result<Shard> {
    // The first of equals, so that a repeated command does the same.
    let fullest = shards.iter().rev().max_by_key(|shard| shard.held);
    let fullest = fullest.context("the exchange has no custody shard yet")?;
    ensure!(
        fullest.held >= owed,
        "the treasury is owed {} USDC in one piece, and the fullest custody shard, {}, holds {} USDC: deposits fill it",
        usd_unsigned(owed),
        fullest.number,
        usd_unsigned(fullest.held)
    );
    Ok(*fullest)
}

#[derive(Serialize)]
struct Rebalanced {
    from: u8,
    to: u8,
    amount_usd: String,
    from_holds_usd: String,
    to_holds_usd: String,
    signature: String,
}

pub(super) async fn rebalance(session: &Session, args: &RebalanceArgs) -> Result<()> {
    let amount = parse_usd(&args.amount)?;
    if args.from == args.to {
        bail!("name two different custody shards");
    }
    let exchange = read(session).await?;
    let before = shards(session, &exchange).await?;
    find(&before, args.to)?;
    let from = find(&before, args.from)?;
    ensure!(
        from.held >= amount,
        "custody shard {} holds {} USDC, not {}",
        args.from,
        usd_unsigned(from.held),
        usd_unsigned(amount)
    );
    let signer = session.signer()?;
    let addresses = session.addresses()?;
    let rebalance = instructions::rebalance_custody(&addresses, args.from, args.to, amount);
    let doing = "rebalancing custody";
    let signature = send(session, doing, &[rebalance], &[&signer]).await?;
    let after = shards(session, &exchange).await?;
    let holds = |number| find(&after, number).map(|shard| usd_unsigned(shard.held));
    let moved = Rebalanced {
        from: args.from,
        to: args.to,
        amount_usd: usd_unsigned(amount),
        from_holds_usd: holds(args.from)?,
        to_holds_usd: holds(args.to)?,
        signature: signature.to_string(),
    };
    session.output.result(&moved, || {
        format!(
            "{} USDC moved; shard {} holds {} USDC now, shard {} {} USDC.\n{signature}",
            moved.amount_usd, moved.from, moved.from_holds_usd, moved.to, moved.to_holds_usd
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(amounts: &[u64]) -> Vec<Shard> {
        let numbered = (0..).zip(amounts);
        numbered
            .map(|(number, held)| Shard {
                number,
                held: *held,
            })
            .collect()
    }

    #[test]
    fn the_treasury_is_paid_from_the_fullest_shard_and_of_equals_from_the_first() {
        let shards = held(&[5, 90, 40]);
        assert_eq!(fullest(&shards, 90).expect("a shard").number, 1);
        assert_eq!(fullest(&held(&[7, 7]), 1).expect("a shard").number, 0);
    }

    #[test]
    fn a_treasury_larger_than_any_shard_is_said_with_both_amounts() {
        let error = fullest(&held(&[3_000_000, 2_500_000]), 4_000_000).expect_err("too much");
        let error = error.to_string();
        assert!(
            error.contains("4.00 USDC in one piece") && error.contains("0, holds 3.00 USDC"),
            "{error}"
        );
        assert!(fullest(&[], 1).is_err());
    }

    #[test]
    fn a_shard_that_does_not_exist_is_said_with_the_numbers_that_do() {
        let error = find(&held(&[1, 2]), 2).expect_err("two shards");
        assert_eq!(
            error.to_string(),
            "there is no custody shard 2: they are numbered from 0 to 1"
        );
    }
}
