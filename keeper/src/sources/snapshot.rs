//! Everything of one exchange, read in one go: by lists of the program's accounts, or, where a node refuses
//! those, from market to seats to accounts to lines to vaults.

use std::collections::BTreeSet;

use anyhow::{ensure, Context, Result};
use plimsoll_client::{accounts, ExchangeAddresses, MarketView};
use plimsoll_engine::state::{
    CreditLine, CreditVault, MarginAccount, MarketHeader, DISCRIMINATOR_SIZE,
};
use serde_json::json;
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_client::rpc_config::{RpcAccountInfoConfig, RpcProgramAccountsConfig};
use solana_client::rpc_filter::{Memcmp, RpcFilterType};
use solana_client::rpc_request::RpcRequest;
use solana_client::rpc_response::{OptionalContext, RpcKeyedAccount};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::clock::ID as CLOCK;

use crate::mirror::{ChainClock, RawAccount, Snapshot};

/// Addresses that one request may name, beside the clock's.
const PAGE: usize = 99;

/// Accounts of an exchange, over one endpoint at a time.
#[derive(Clone, Debug)]
pub struct ProgramReader {
    pub addresses: ExchangeAddresses,
    /// Markets that are known from the start, for nodes that list nothing.
    pub markets: Vec<Pubkey>,
    /// Accounts without a seat that the keeper needs all the same: whom it is reimbursed to, its desk.
    pub own: Vec<Pubkey>,
    /// Slots by which what an answer claims may differ from the clock's account that it was read with.
    pub slot_lag_max: u64,
}

const fn sized(bytes: usize) -> u64 {
    // Account sizes are far below 2^63.
    (DISCRIMINATOR_SIZE + bytes) as u64
}

fn raw(account: &UiAccount) -> Option<RawAccount> {
    Some(RawAccount {
        owner: account.owner.parse().ok()?,
        data: account.data.decode()?,
    })
}

impl ProgramReader {
    fn config() -> RpcAccountInfoConfig {
        RpcAccountInfoConfig {
            encoding: Some(UiAccountEncoding::Base64),
            commitment: Some(CommitmentConfig::confirmed()),
            ..RpcAccountInfoConfig::default()
        }
    }

    fn of_exchange(&self, offset: usize) -> RpcFilterType {
        let exchange = self.addresses.exchange.to_bytes().to_vec();
        RpcFilterType::Memcmp(Memcmp::new_raw_bytes(DISCRIMINATOR_SIZE + offset, exchange))
    }

    /// Every account of the exchange. Its slot is that of the oldest part.
    ///
    /// # Errors
    /// When the endpoint does not answer.
    pub async fn snapshot(&self, rpc: &RpcClient) -> Result<Snapshot> {
        match self.listed(rpc).await {
            Ok(snapshot) => Ok(snapshot),
            Err(error) => {
                tracing::debug!(%error, "accounts are not listed, reading them one by one");
                self.followed(rpc).await
            }
        }
    }

    async fn listed(&self, rpc: &RpcClient) -> Result<Snapshot> {
        let exchange_of = |offset| self.of_exchange(offset);
        let margin = std::mem::offset_of!(MarginAccount, exchange);
        let vault = std::mem::offset_of!(CreditVault, exchange);
        let market = std::mem::offset_of!(MarketHeader, exchange);
        let discriminator = accounts::market_discriminator().to_vec();
        let kinds = [
            vec![
                RpcFilterType::Memcmp(Memcmp::new_raw_bytes(0, discriminator)),
                exchange_of(market),
            ],
            vec![
                RpcFilterType::DataSize(sized(size_of::<MarginAccount>())),
                exchange_of(margin),
            ],
            vec![RpcFilterType::DataSize(sized(size_of::<CreditLine>()))],
            vec![
                RpcFilterType::DataSize(sized(size_of::<CreditVault>())),
                exchange_of(vault),
            ],
        ];
        let (mut slot, mut accounts) = self
            .read(rpc, &[self.addresses.exchange, self.addresses.default_fund])
            .await?;
        for filters in kinds {
            let config = RpcProgramAccountsConfig {
                filters: Some(filters),
                account_config: Self::config(),
                with_context: Some(true),
                sort_results: None,
            };
            let params = json!([self.addresses.program.to_string(), config]);
            let answer: OptionalContext<Vec<RpcKeyedAccount>> = rpc
                .send(RpcRequest::GetProgramAccounts, params)
                .await
                .context("the program's accounts are not listed")?;
            let found = match answer {
                OptionalContext::Context(answer) => {
                    let claimed = answer.context.slot;
                    // A list has no clock in it: one that claims another time is not believed.
                    let agrees = claimed.abs_diff(slot) <= self.slot_lag_max;
                    ensure!(agrees, "a list claims slot {claimed} at slot {slot}");
                    slot = slot.min(claimed);
                    answer.value
                }
                OptionalContext::NoContext(found) => found,
            };
            for keyed in found {
                let account = raw(&keyed.account).context("an account cannot be decoded")?;
                accounts.push((keyed.pubkey.parse()?, account));
            }
        }
        Ok(Snapshot { slot, accounts })
    }

    /// From the markets on: whoever has a seat, its line, that line's vault.
    async fn followed(&self, rpc: &RpcClient) -> Result<Snapshot> {
        let mut first = vec![self.addresses.exchange, self.addresses.default_fund];
        first.extend(&self.markets);
        let (mut slot, mut all) = self.read(rpc, &first).await?;
        let mut next: BTreeSet<Pubkey> = self.own.iter().copied().collect();
        for (_, account) in &all {
            if let Ok(market) = MarketView::decode(&account.data) {
                next.extend(market.seats().map(|(_, seat)| Pubkey::from(seat.owner)));
            }
        }
        // Accounts, then their lines, then those lines' vaults.
        for _ in 0..3 {
            let asked: Vec<Pubkey> = next.iter().copied().collect();
            let (read_at, found) = self.read(rpc, &asked).await?;
            slot = slot.min(read_at);
            next.clear();
            for (_, account) in &found {
                if let Ok(account) = accounts::margin_account(&account.data) {
                    next.insert(Pubkey::from(account.credit_line));
                } else if let Ok(line) = accounts::credit_line(&account.data) {
                    next.insert(Pubkey::from(line.vault));
                }
            }
            next.remove(&Pubkey::default());
            all.extend(found);
        }
        Ok(Snapshot {
            slot,
            accounts: all,
        })
    }

    /// The slot of an answer: the claimed one, unless the clock in it is from another time.
    const fn slot_of(&self, claimed: u64, clock: &ChainClock) -> u64 {
        if claimed.abs_diff(clock.slot) <= self.slot_lag_max {
            claimed
        } else {
            clock.slot
        }
    }

    /// Accounts by address, page by page, with the slot of the oldest page; what is not there is left out.
    ///
    /// Every page has the clock's account with it: what that says outranks an answer that claims another time.
    ///
    /// # Errors
    /// When the endpoint does not answer.
    pub async fn read(
        &self,
        rpc: &RpcClient,
        asked: &[Pubkey],
    ) -> Result<(u64, Vec<(Pubkey, RawAccount)>)> {
        let (mut slot, mut found) = (u64::MAX, Vec::with_capacity(asked.len()));
        for page in asked.chunks(PAGE) {
            let page: Vec<Pubkey> = std::iter::once(CLOCK).chain(page.iter().copied()).collect();
            let answer = rpc
                .get_multiple_ui_accounts_with_config(&page, Self::config())
                .await
                .context("accounts cannot be read")?;
            let clock = answer.value.first().and_then(Option::as_ref).and_then(raw);
            let clock = clock.and_then(|raw| ChainClock::decode(&raw.data));
            let clock = clock.context("the chain's clock cannot be read")?;
            slot = slot.min(self.slot_of(answer.context.slot, &clock));
            for (address, account) in page.iter().zip(&answer.value).skip(1) {
                if let Some(account) = account {
                    let account = raw(account).context("an account cannot be decoded")?;
                    found.push((*address, account));
                }
            }
        }
        Ok((slot, found))
    }
}

#[cfg(test)]
mod tests {
    use super::ProgramReader;
    use crate::mirror::ChainClock;
    use plimsoll_testkit::World;

    #[test]
    fn the_clock_outranks_a_claimed_slot_of_another_time() {
        let reader = ProgramReader {
            addresses: World::new().addresses,
            markets: Vec::new(),
            own: Vec::new(),
            slot_lag_max: 10,
        };
        let clock = ChainClock { now: 0, slot: 100 };
        for (claimed, slot) in [
            (100, 100),
            (90, 90),
            (110, 110),
            (89, 100),
            (111, 100),
            (0, 100),
            (u64::MAX, 100),
        ] {
            assert_eq!(reader.slot_of(claimed, &clock), slot, "{claimed}");
        }
    }
}
