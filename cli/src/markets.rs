//! The markets of an exchange as the chain lists them.
//!
//! They are found by one request for the program's accounts. Public RPC nodes often refuse it; then the
//! addresses that a set-up wrote down (`migrations/.state/<cluster>.json`) serve instead.

use anyhow::{bail, Context, Result};
use plimsoll_client::accounts::MarketView;
use plimsoll_client::engine::state::{HaltPhase, MarketHeader, MarketStatus, MARKET_HEADER_SIZE};
use plimsoll_client::engine::{halt, risk};
use plimsoll_client::ExchangeAddresses;
use solana_account_decoder_client_types::{UiAccountEncoding, UiDataSliceConfig};
use solana_client::rpc_config::{RpcAccountInfoConfig, RpcProgramAccountsConfig};
use solana_client::rpc_filter::{Memcmp, RpcFilterType};
use solana_pubkey::Pubkey;

use crate::market_config::{feeds_of, Feed};
use crate::session::Session;
use crate::setup::{read_address_book, AddressBook};
use crate::units::MarketUnits;

/// Offset of `MarketHeader.exchange` in a market account, after the discriminator.
const EXCHANGE_AT: usize = 8 + std::mem::offset_of!(MarketHeader, exchange);

/// A market's header and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct ListedMarket {
    pub(crate) address: Pubkey,
    pub(crate) header: MarketHeader,
}

impl ListedMarket {
    pub(crate) fn symbol(&self) -> String {
        symbol_of(&self.header)
    }

    pub(crate) fn units(&self) -> MarketUnits {
        MarketUnits::of(&self.header.params)
    }

    pub(crate) fn feeds(&self) -> Vec<Feed> {
        feeds_of(&self.header.params)
    }
}

/// A market's name.
pub(crate) fn symbol_of(header: &MarketHeader) -> String {
    String::from_utf8_lossy(&header.symbol)
        .trim_end_matches('\0')
        .to_owned()
}

/// Phase of the halt that a market is in, as the clock has it.
pub(crate) fn halted_in(header: &MarketHeader, now: i64) -> Option<&'static str> {
    match halt::phase(header, now) {
        HaltPhase::Continuous => None,
        HaltPhase::Call => Some("halted: call"),
        HaltPhase::Freeze => Some("halted: freeze"),
        HaltPhase::Uncross => Some("halted: uncross"),
        HaltPhase::Resolve => Some("halted: resolve"),
    }
}

/// What a market is doing, in one word or two.
pub(crate) fn state_of(header: &MarketHeader, now: i64) -> &'static str {
    if header.status == MarketStatus::Pending.byte() {
        "pending"
    } else if header.status == MarketStatus::WoundUp.byte() {
        "wound up"
    } else if let Some(phase) = halted_in(header, now) {
        phase
    } else if header.status == MarketStatus::ReduceOnly.byte() || header.guardian_until > now {
        "reduce-only"
    } else if !risk::index_is_fresh(header, now) {
        "stale index"
    } else {
        "open"
    }
}

/// All markets of the session's exchange, in the order in which they were created.
pub(crate) async fn list(session: &Session) -> Result<Vec<ListedMarket>> {
    let addresses = session.addresses()?;
    let mut markets = match by_program(session, &addresses).await {
        Ok(markets) => markets,
        Err(refused) => match read_address_book(&session.config.name) {
            Some(book) => by_addresses(session, &book).await?,
            None => return Err(refused),
        },
    };
    markets.retain(|market| market.header.exchange == addresses.exchange.to_bytes());
    markets.sort_by_key(|market| market.header.number);
    Ok(markets)
}

/// The market with this symbol, in any case of letters, or address.
pub(crate) async fn find(session: &Session, name: &str) -> Result<ListedMarket> {
    if let Ok(address) = name.parse::<Pubkey>() {
        let header = session.connection.market(&address).await?.header;
        return Ok(ListedMarket { address, header });
    }
    let markets = list(session).await?;
    let known: Vec<String> = markets.iter().map(ListedMarket::symbol).collect();
    let found = markets
        .into_iter()
        .find(|market| market.symbol().eq_ignore_ascii_case(name));
    match found {
        Some(market) => Ok(market),
        None if known.is_empty() => bail!(
            "the exchange on {} has no market: `plimsoll setup` creates them",
            session.url
        ),
        None => bail!(
            "there is no market {name:?}; there are {}",
            known.join(", ")
        ),
    }
}

/// Options for a request for headers alone.
pub(crate) fn headers_only() -> RpcAccountInfoConfig {
    RpcAccountInfoConfig {
        encoding: Some(UiAccountEncoding::Base64),
        data_slice: Some(UiDataSliceConfig {
            offset: 0,
            length: MARKET_HEADER_SIZE,
        }),
        commitment: None,
        min_context_slot: None,
    }
}

async fn by_program(session: &Session, addresses: &ExchangeAddresses) -> Result<Vec<ListedMarket>> {
    let of_exchange = Memcmp::new_base58_encoded(EXCHANGE_AT, addresses.exchange.as_ref());
    let config = RpcProgramAccountsConfig {
        filters: Some(vec![RpcFilterType::Memcmp(of_exchange)]),
        account_config: headers_only(),
        with_context: None,
        sort_results: None,
    };
    let found = session
        .connection
        .rpc()
        .get_program_ui_accounts_with_config(&addresses.program, config)
        .await
        .with_context(|| format!("{} does not list the program's accounts", session.url))?;
    let decode = |(address, account): (Pubkey, _)| {
        let account: solana_account_decoder_client_types::UiAccount = account;
        let header = MarketView::decode(&account.data.decode()?).ok()?.header;
        Some(ListedMarket { address, header })
    };
    Ok(found.into_iter().filter_map(decode).collect())
}

async fn by_addresses(session: &Session, book: &AddressBook) -> Result<Vec<ListedMarket>> {
    let keys = book.market_addresses()?;
    let accounts = session
        .connection
        .rpc()
        .get_multiple_ui_accounts_with_config(&keys, headers_only())
        .await
        .with_context(|| format!("{} does not answer", session.url))?
        .value;
    let decode = |(address, account): (&Pubkey, Option<_>)| {
        let account: solana_account_decoder_client_types::UiAccount = account?;
        let header = MarketView::decode(&account.data.decode()?).ok()?.header;
        Some(ListedMarket {
            address: *address,
            header,
        })
    };
    Ok(keys.iter().zip(accounts).filter_map(decode).collect())
}
