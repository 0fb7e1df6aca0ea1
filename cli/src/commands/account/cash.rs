//! Deposits, withdrawals and settling.

use anyhow::{ensure, Context, Result};
use clap::Args;
use plimsoll_client::engine::state::Exchange;
use plimsoll_client::instructions::{self, Withdrawal};
use serde::Serialize;
use solana_pubkey::Pubkey;
use spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent;

use super::done;
use crate::cluster::token_account;
use crate::markets;
use crate::session::Session;
use crate::traders::{AccountArgs, Trader};
use crate::units::{parse_usd, usd, usd_unsigned};

/// Markets that one settle can write to.
const SETTLED_AT_ONCE: usize = 4;
/// Offset of a token account's amount.
const AMOUNT_AT: usize = 64;

/// Arguments of `plimsoll account deposit`.
#[derive(Args, Debug)]
pub(crate) struct DepositArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// USDC
    amount: String,
    /// Custody shard [default: the account's own]
    #[arg(long)]
    shard: Option<u8>,
}

/// Arguments of `plimsoll account withdraw`.
#[derive(Args, Debug)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// USDC, or `all` that may be withdrawn now
    amount: String,
    /// Token account that receives it [default: the owner's associated one]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Pubkey>,
    /// Custody shard [default: one that holds enough]
    #[arg(long)]
    shard: Option<u8>,
}

/// Arguments of `plimsoll account settle`.
#[derive(Args, Debug)]
pub(crate) struct SettleArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Only these markets [default: all of the account's]
    #[arg(long, value_name = "MARKET")]
    market: Vec<String>,
}

pub(super) async fn deposit(session: &Session, args: DepositArgs) -> Result<()> {
    let amount = parse_usd(&args.amount)?;
    let trader = Trader::new(session, &args.account)?;
    let account = trader.view(session).await?.account;
    let exchange = exchange(session, &trader).await?;
    let shard = args
        .shard
        .unwrap_or_else(|| shard_of(&exchange, account.custody_shard));
    let depositor = solana_signer::Signer::pubkey(&trader.keypair);
    let source = token_account(&trader.addresses, &depositor);
    let held = balances(session, &[source]).await?;
    ensure!(
        held.first().copied().flatten().unwrap_or(0) >= amount,
        "{depositor} holds {} USDC in {source}, not {}",
        usd_unsigned(held.first().copied().flatten().unwrap_or(0)),
        usd_unsigned(amount)
    );
    let instruction = instructions::deposit(
        &trader.addresses,
        depositor,
        source,
        trader.account,
        shard,
        amount,
    );
    let signature = trader.send(session, "the deposit", &[instruction]).await?;
    let after = session.connection.margin_account(&trader.account).await?;
    done(session, &trader, &signature, || {
        format!(
            "{} USDC deposited; the account's cash is {} USDC.",
            usd_unsigned(amount),
            usd(after.collateral)
        )
    })
}

pub(super) async fn withdraw(session: &Session, args: WithdrawArgs) -> Result<()> {
    let trader = Trader::new(session, &args.account)?;
    let view = trader.view(session).await?;
    let now = session.connection.chain_time().await?;
    let withdrawable = view.preview(now)?.withdrawable;
    let amount = match args.amount.as_str() {
        "all" => withdrawable,
        amount => parse_usd(amount)?,
    };
    let exchange = exchange(session, &trader).await?;
    let usual = shard_of(&exchange, view.account.custody_shard);
    let parts = match args.shard {
        Some(shard) => vec![(shard, amount)],
        // In one piece, so that the program names the reason for the whole.
        None if amount > withdrawable => vec![(usual, amount)],
        None => {
            let held = shards(session, &trader, &exchange).await?;
            split(&held, usual, amount)
        }
    };
    let mut instructions = Vec::new();
    let usual = token_account(&trader.addresses, &trader.owner);
    let destination = args.to.unwrap_or(usual);
    if args.to.is_none() {
        instructions.push(create_associated_token_account_idempotent(
            &trader.owner,
            &trader.owner,
            &trader.addresses.collateral_mint,
            &trader.addresses.token_program,
        ));
    }
    for (shard, amount) in parts {
        let withdrawal = Withdrawal {
            owner: trader.owner,
            margin_account: trader.account,
            destination,
            shard,
            amount,
        };
        instructions.push(instructions::withdraw(
            &trader.addresses,
            &view.account,
            &withdrawal,
        ));
    }
    let signature = trader
        .send(session, "the withdrawal", &instructions)
        .await?;
    done(session, &trader, &signature, || {
        format!("{} USDC paid out to {destination}.", usd_unsigned(amount))
    })
}

/// Shards with what they hold.
async fn shards(session: &Session, trader: &Trader, exchange: &Exchange) -> Result<Vec<(u8, u64)>> {
    let shards: Vec<u8> = (0..exchange.custody_shards_len).collect();
    let keys: Vec<Pubkey> = shards
        .iter()
        .map(|shard| trader.addresses.custody_shard(*shard))
        .collect();
    let held = balances(session, &keys).await?;
    let held = held.into_iter().map(Option::unwrap_or_default);
    Ok(shards.into_iter().zip(held).collect())
}

/// The shards that pay `amount`: the usual one if it holds enough, else as few as hold it together,
/// the fullest first. If all of them hold less, the usual one is left to say so.
fn split(held: &[(u8, u64)], usual: u8, amount: u64) -> Vec<(u8, u64)> {
    let enough = |(shard, held): &(u8, u64)| *shard == usual && *held >= amount;
    if held.iter().any(enough) {
        return vec![(usual, amount)];
    }
    let mut fullest_first = held.to_vec();
    fullest_first.sort_by_key(|(_, held)| std::cmp::Reverse(*held));
    let mut missing = amount;
    let mut parts = Vec::new();
    for (shard, held) in fullest_first {
        let part = missing.min(held);
        if part != 0 {
            parts.push((shard, part));
            missing -= part;
        }
    }
    if missing == 0 && amount != 0 {
        parts
    } else {
        vec![(usual, amount)]
    }
}

async fn exchange(session: &Session, trader: &Trader) -> Result<Exchange> {
    Ok(session
        .connection
        .exchange(&trader.addresses.exchange)
        .await?)
}

fn shard_of(exchange: &Exchange, preferred: u8) -> u8 {
    preferred
        .checked_rem(exchange.custody_shards_len)
        .unwrap_or(0)
}

/// Amounts of token accounts; `None` where there is none.
pub(in crate::commands) async fn balances(
    session: &Session,
    accounts: &[Pubkey],
) -> Result<Vec<Option<u64>>> {
    let found = session
        .connection
        .rpc()
        .get_multiple_accounts(accounts)
        .await
        .with_context(|| format!("{} does not answer", session.url))?;
    let amount = |account: Option<_>| {
        let data: Vec<u8> = account.map(|account: solana_account::Account| account.data)?;
        let bytes = data.get(AMOUNT_AT..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    };
    Ok(found.into_iter().map(amount).collect())
}

#[derive(Serialize)]
struct Settled {
    margin_account: String,
    cash_before: String,
    cash_after: String,
    signatures: Vec<String>,
}

pub(super) async fn settle(session: &Session, args: SettleArgs) -> Result<()> {
    let trader = Trader::new(session, &args.account)?;
    let account = trader.view(session).await?.account;
    let mut wanted = Vec::new();
    for name in &args.market {
        wanted.push(markets::find(session, name).await?.address);
    }
    if wanted.is_empty() {
        let entries = account.entries().iter();
        wanted.extend(entries.map(|entry| Pubkey::from(entry.market)));
    }
    ensure!(!wanted.is_empty(), "the account has no seat in any market");
    let mut signatures = Vec::new();
    for some in wanted.chunks(SETTLED_AT_ONCE) {
        let program = &trader.addresses.program;
        let settle = instructions::settle(program, trader.account, &account, some);
        let sent = trader.send(session, "settling", &[settle]).await?;
        signatures.push(sent.to_string());
    }
    let after = session.connection.margin_account(&trader.account).await?;
    let settled = Settled {
        margin_account: trader.account.to_string(),
        cash_before: usd(account.collateral),
        cash_after: usd(after.collateral),
        signatures,
    };
    session.output.result(&settled, || {
        format!(
            "Settled: cash was {} USDC and is {} USDC.\n{}",
            settled.cash_before,
            settled.cash_after,
            settled.signatures.join("\n")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawal_comes_from_the_usual_shard_if_it_holds_enough() {
        assert_eq!(split(&[(0, 70), (1, 90)], 0, 70), [(0, 70)]);
    }

    #[test]
    fn a_withdrawal_larger_than_any_shard_is_split_over_the_fullest() {
        let held = [(0, 10), (1, 90), (2, 40)];
        assert_eq!(split(&held, 0, 100), [(1, 90), (2, 10)]);
        assert_eq!(split(&held, 0, 60), [(1, 60)]);
    }

    #[test]
    fn more_than_all_shards_hold_is_left_to_the_program_to_refuse() {
        assert_eq!(split(&[(0, 10), (1, 5)], 1, 16), [(1, 16)]);
        assert_eq!(split(&[(0, 0)], 0, 0), [(0, 0)]);
    }
}
