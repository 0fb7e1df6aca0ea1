//! Reads the whole exchange from the chain: every account of the program and every custody shard.
//! Nothing here remembers what was sent; the checks run on this alone.

use anyhow::{Context, Result};
use plimsoll_client::accounts;
use plimsoll_client::engine::state::{
    CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount,
};
use plimsoll_client::rpc::Connection;
use plimsoll_client::{ExchangeAddresses, MarketView};
use solana_pubkey::Pubkey;

/// Everything that the checks look at.
#[derive(Clone, Debug)]
pub struct Audit {
    pub exchange: Exchange,
    pub fund: DefaultFund,
    /// Quote atoms in all custody shards.
    pub custody: u64,
    pub accounts: Vec<(Pubkey, MarginAccount)>,
    /// By number.
    pub markets: Vec<(Pubkey, MarketView)>,
    /// Each vault with the quote atoms in its cash account.
    pub vaults: Vec<(Pubkey, CreditVault, u64)>,
    pub lines: Vec<(Pubkey, CreditLine)>,
    /// Chain times of the depositors' transactions that went through, unix seconds.
    pub deposit_times: Vec<i64>,
}

impl Audit {
    /// Reads the exchange; `depositors` are margin accounts to which nothing but deposits is done.
    pub async fn read(
        connection: &Connection,
        addresses: &ExchangeAddresses,
        depositors: &[Pubkey],
    ) -> Result<Self> {
        let exchange = connection.exchange(&addresses.exchange).await?;
        let fund = connection.default_fund(&addresses.default_fund).await?;
        let mut audit = Self {
            exchange,
            fund,
            custody: 0,
            accounts: Vec::new(),
            markets: Vec::new(),
            vaults: Vec::new(),
            lines: Vec::new(),
            deposit_times: Vec::new(),
        };
        audit.read_custody(connection).await?;
        audit.read_program(connection, addresses).await?;
        for depositor in depositors {
            audit.read_deposits(connection, depositor).await?;
        }
        Ok(audit)
    }

    async fn read_custody(&mut self, connection: &Connection) -> Result<()> {
        let shards = usize::from(self.exchange.custody_shards_len);
        for shard in self.exchange.custody_shards.iter().take(shards) {
            let atoms = tokens(connection, &Pubkey::from(*shard)).await?;
            self.custody = self.custody.checked_add(atoms).context("custody")?;
        }
        Ok(())
    }

    async fn read_program(
        &mut self,
        connection: &Connection,
        addresses: &ExchangeAddresses,
    ) -> Result<()> {
        let all = connection.rpc().get_program_accounts(&addresses.program);
        let own = addresses.exchange.to_bytes();
        for (address, account) in all.await.context("the program's accounts cannot be read")? {
            if let Ok(margin) = accounts::margin_account(&account.data) {
                if margin.exchange == own {
                    self.accounts.push((address, margin));
                }
            } else if let Ok(market) = MarketView::decode(&account.data) {
                if market.header.exchange == own {
                    self.markets.push((address, market));
                }
            } else if let Ok(vault) = accounts::credit_vault(&account.data) {
                if vault.exchange == own {
                    let held = tokens(connection, &Pubkey::from(vault.cash_account)).await?;
                    self.vaults.push((address, vault, held));
                }
            } else if let Ok(line) = accounts::credit_line(&account.data) {
                self.lines.push((address, line));
            }
        }
        self.markets.sort_by_key(|(_, market)| market.header.number);
        Ok(())
    }

    async fn read_deposits(&mut self, connection: &Connection, depositor: &Pubkey) -> Result<()> {
        let list = connection.rpc().get_signatures_for_address(depositor);
        let list = list.await.context("the deposits cannot be listed")?;
        for entry in list.iter().filter(|entry| entry.err.is_none()) {
            // The block's own time: lists may carry an estimate from the slot.
            let time = connection.rpc().get_block_time(entry.slot);
            let time = time.await.context("a deposit's block has no time")?;
            self.deposit_times.push(time);
        }
        Ok(())
    }
}

/// Quote atoms in a token account.
async fn tokens(connection: &Connection, address: &Pubkey) -> Result<u64> {
    let balance = connection.rpc().get_token_account_balance(address).await;
    let balance = balance.with_context(|| format!("token account {address} cannot be read"))?;
    balance.amount.parse().context("a balance is no number")
}
