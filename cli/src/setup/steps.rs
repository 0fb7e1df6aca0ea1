//! The transactions of a set-up, one for each step.

use anyhow::{bail, ensure, Context, Result};
use plimsoll_client::engine::state::{DefaultFund, Exchange, MarkAccount, DISCRIMINATOR_SIZE};
use plimsoll_client::instructions::{self, NewMarket};
use plimsoll_client::rpc::{Connection, SendOptions};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent;
use spl_token_interface::instruction as token;

use super::plan::{Action, Plan, Step};
use super::Target;
use crate::keys;
use crate::units::{sol, QUOTE_DECIMALS};

/// Bytes of a mint and of a token account of SPL Token.
const MINT_SIZE: usize = 82;
const TOKEN_ACCOUNT_SIZE: usize = 165;
/// Put aside for the fees of all steps, lamports.
const FEES_LAMPORTS: u64 = 1_000_000;

/// Refuses to begin what the payer could not finish.
pub(super) async fn require_funds(
    connection: &Connection,
    target: &Target<'_>,
    plan: &Plan,
) -> Result<()> {
    let mut needed = FEES_LAMPORTS;
    for item in plan.with(Action::Create) {
        for size in account_sizes(target, item.step) {
            needed = needed.saturating_add(rent(connection, size).await?);
        }
    }
    let payer = target.payer.pubkey();
    let balance = connection.rpc().get_balance(&payer).await?;
    ensure!(
        balance >= needed,
        "{payer} holds {} SOL, and the rent of what is missing is {} SOL",
        sol(balance),
        sol(needed)
    );
    Ok(())
}

fn account_sizes(target: &Target<'_>, step: Step) -> Vec<usize> {
    let of = |bytes: usize| bytes.saturating_add(DISCRIMINATOR_SIZE);
    match step {
        Step::Program => Vec::new(),
        Step::Mint => vec![MINT_SIZE],
        Step::Treasury | Step::Shard(_) => vec![TOKEN_ACCOUNT_SIZE],
        Step::Exchange => vec![of(size_of::<Exchange>()), of(size_of::<DefaultFund>())],
        Step::Market(position) => {
            let market = target.config.markets.get(position);
            let size = market.map_or(0, |market| market.account_size());
            vec![size, of(size_of::<MarkAccount>())]
        }
    }
}

async fn rent(connection: &Connection, size: usize) -> Result<u64> {
    connection
        .rpc()
        .get_minimum_balance_for_rent_exemption(size)
        .await
        .context("the rent cannot be asked for")
}

/// Sends the one transaction of a step and waits for it.
pub(super) async fn take(connection: &Connection, target: &Target<'_>, step: Step) -> Result<()> {
    let (payer, authority) = (target.payer.pubkey(), target.authority.pubkey());
    let addresses = &target.addresses;
    match step {
        Step::Program => bail!(
            "the program {} is not on this cluster: deploy it first (`plimsoll program deploy`)",
            addresses.program
        ),
        Step::Mint => create_mint(connection, target).await,
        Step::Treasury => {
            let exchange = &target.config.exchange;
            let instruction = create_associated_token_account_idempotent(
                &payer,
                &exchange.treasury_owner.unwrap_or(authority),
                &addresses.collateral_mint,
                &addresses.token_program,
            );
            send(connection, target, &[instruction], None).await
        }
        Step::Exchange => {
            let instruction = instructions::initialize_exchange(
                addresses,
                payer,
                authority,
                target.config.exchange.treasury(addresses, &authority),
                target.config.exchange.args(&authority),
            );
            send(connection, target, &[instruction], None).await
        }
        Step::Shard(shard) => {
            let instruction =
                instructions::create_custody_shard(addresses, payer, authority, shard);
            send(connection, target, &[instruction], None).await
        }
        Step::Market(position) => create_market(connection, target, position).await,
    }
}

async fn create_mint(connection: &Connection, target: &Target<'_>) -> Result<()> {
    let mint = keys::test_mint(target.authority);
    let instructions = [
        system::create_account(
            &target.payer.pubkey(),
            &mint.pubkey(),
            rent(connection, MINT_SIZE).await?,
            u64::try_from(MINT_SIZE)?,
            &spl_token_interface::ID,
        ),
        token::initialize_mint2(
            &spl_token_interface::ID,
            &mint.pubkey(),
            &target.authority.pubkey(),
            None,
            u8::try_from(QUOTE_DECIMALS)?,
        )?,
    ];
    send(connection, target, &instructions, Some(&mint)).await
}

async fn create_market(
    connection: &Connection,
    target: &Target<'_>,
    position: usize,
) -> Result<()> {
    let (plan, key) = target
        .config
        .markets
        .get(position)
        .zip(target.markets.get(position))
        .context("no such market in the file")?;
    let symbol = instructions::symbol(&plan.symbol).context("the symbol is too long")?;
    let size = plan.account_size();
    let new = NewMarket {
        payer: target.payer.pubkey(),
        authority: target.authority.pubkey(),
        market: key.pubkey(),
        symbol,
        size: u64::try_from(size)?,
        rent_lamports: rent(connection, size).await?,
        params: plan.params,
    };
    let instructions = instructions::create_market(&target.addresses, &new);
    send(connection, target, &instructions, Some(key))
        .await
        .with_context(|| format!("market {}", plan.symbol))
}

async fn send(
    connection: &Connection,
    target: &Target<'_>,
    instructions: &[Instruction],
    extra: Option<&Keypair>,
) -> Result<()> {
    // Only those whom an instruction names as a signer may sign.
    let named = |key: &Keypair| {
        let address = key.pubkey();
        instructions
            .iter()
            .flat_map(|instruction| &instruction.accounts)
            .any(|account| account.is_signer && account.pubkey == address)
    };
    let mut signers = vec![target.payer];
    signers.extend(
        [Some(target.authority), extra]
            .into_iter()
            .flatten()
            .filter(|key| named(key)),
    );
    connection
        .send(instructions, &signers, SendOptions::default())
        .await?;
    Ok(())
}
