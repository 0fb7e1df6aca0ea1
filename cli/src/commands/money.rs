//! Test money: SOL by airdrop, test USDC from the mint that a localnet's authority controls.

use std::time::Duration;

use anyhow::{bail, Context, Result};
use solana_pubkey::Pubkey;

use crate::session::Session;
use crate::units::sol;

/// Looks at the balance before giving up, and the wait between two.
const LOOKS: u32 = 120;
const LOOK_WAIT: Duration = Duration::from_millis(250);

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
