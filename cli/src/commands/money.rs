//! Test money: SOL by airdrop, test USDC from a test mint.

use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use clap::Args;
use serde::Serialize;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent;
use spl_token_interface::instruction as token;

use crate::cluster::token_account;
use crate::keys;
use crate::session::Session;
use crate::traders::send;
use crate::units::{parse_sol, parse_usd, sol, usd_unsigned};

/// Looks at the balance before giving up, and the wait between two.
const LOOKS: u32 = 120;
const LOOK_WAIT: Duration = Duration::from_millis(250);
/// Enough for a minter's fees and a receiver's token account.
const MINTER_LAMPORTS: u64 = 1_000_000_000;

/// Arguments of `plimsoll faucet`.
#[derive(Args, Debug)]
pub(crate) struct FaucetArgs {
    /// Who receives it [default: the signer]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Pubkey>,
    /// Test USDC
    #[arg(long, default_value = "10000", value_name = "AMOUNT")]
    usdc: String,
    /// SOL
    #[arg(long, default_value = "10", value_name = "AMOUNT")]
    sol: String,
}

#[derive(Serialize)]
struct Given {
    to: String,
    usdc: String,
    sol: String,
    token_account: String,
}

pub(crate) async fn faucet(session: &Session, args: FaucetArgs) -> Result<()> {
    let minter = minter(session)?;
    let (usdc, lamports) = (parse_usd(&args.usdc)?, parse_sol(&args.sol)?);
    let to = match args.to {
        Some(to) => to,
        None => session.signer()?.pubkey(),
    };
    let addresses = session.addresses()?;
    if usdc != 0 {
        require_mint(session, &addresses.collateral_mint).await?;
    }
    if lamports != 0 {
        airdrop(session, &to, lamports).await?;
    }
    let account = token_account(&addresses, &to);
    if usdc != 0 {
        let payer = minter.pubkey();
        fund_if_published(session, &payer, MINTER_LAMPORTS).await?;
        let (mint, program) = (addresses.collateral_mint, addresses.token_program);
        let instructions = [
            create_associated_token_account_idempotent(&payer, &to, &mint, &program),
            token::mint_to(&program, &mint, &account, &payer, &[], usdc)?,
        ];
        send(session, "minting test USDC", &instructions, &[&minter]).await?;
    }
    let given = Given {
        to: to.to_string(),
        usdc: usd_unsigned(usdc),
        sol: sol(lamports),
        token_account: account.to_string(),
    };
    session.output.result(&given, || {
        format!(
            "{} received {} test USDC and {} SOL",
            given.to, given.usdc, given.sol
        )
    })
}

/// Who mints the test mint: on a localnet everybody, elsewhere whoever set it up.
fn minter(session: &Session) -> Result<Keypair> {
    let config = &session.config;
    ensure!(
        config.test_mint,
        "the collateral of {} is no test mint: there is no faucet for it",
        config.name
    );
    if config.published_keys {
        return keys::localnet_authority();
    }
    let signer = session.signer()?;
    ensure!(
        config
            .exchange
            .authority
            .is_none_or(|authority| authority == signer.pubkey()),
        "only the authority of {} mints its test USDC",
        config.name
    );
    Ok(signer)
}

async fn require_mint(session: &Session, mint: &Pubkey) -> Result<()> {
    let found = session
        .connection
        .rpc()
        .get_multiple_accounts(&[*mint])
        .await
        .with_context(|| format!("{} does not answer", session.url))?;
    ensure!(
        found.iter().any(Option::is_some),
        "the test mint {mint} is not on {}: `plimsoll setup` creates it, and `--usdc 0` asks for SOL alone",
        session.url
    );
    Ok(())
}

/// A validator of one's own gives SOL to whoever asks: what a published key needs need not be brought.
pub(crate) async fn fund_if_published(
    session: &Session,
    payer: &Pubkey,
    wanted: u64,
) -> Result<()> {
    if !session.config.published_keys || session.lamports(payer).await? >= wanted {
        return Ok(());
    }
    airdrop(session, payer, wanted).await
}

/// Asks the cluster for SOL and returns when it is there.
pub(crate) async fn airdrop(session: &Session, to: &Pubkey, lamports: u64) -> Result<()> {
    let before = session.lamports(to).await?;
    let rpc = session.connection.rpc();
    rpc.request_airdrop(to, lamports)
        .await
        .with_context(|| format!("{} gives no SOL to {to}", session.url))?;
    for _ in 0..LOOKS {
        if session.lamports(to).await? > before {
            return Ok(());
        }
        tokio::time::sleep(LOOK_WAIT).await;
    }
    bail!("the {} SOL for {to} did not arrive", sol(lamports))
}
