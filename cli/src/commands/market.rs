//! `plimsoll market`: list, show, grow, refresh the mark, sweep the fees, and the halts.

mod reopen;
mod status;

use anyhow::{bail, Result};
use clap::Subcommand;
use plimsoll_client::engine::state::{
    MarketHeader, BLOCK_SIZE, GROWTH_SIZE_MAX, MARKET_HEADER_SIZE,
};
use plimsoll_client::events::{Event, FeesSwept};
use plimsoll_client::instructions::{self, grow_market, refresh_mark};
use serde::Serialize;
use solana_signer::Signer;

use crate::markets::{self, state_of, ListedMarket};
use crate::output::{pairs, table, time};
use crate::session::Session;
use crate::setup::market_parameters;
use crate::traders::send;
use crate::transactions;
use crate::units::{sol, usd_unsigned};

pub(crate) use status::cause_name;

/// Subcommands of `plimsoll market`.
#[derive(Subcommand, Debug)]
pub(crate) enum MarketCommand {
    /// All markets with their prices
    List,
    /// State and parameters of a market
    Show {
        /// Symbol or address
        market: String,
    },
    /// Add room for seats and orders, 10,240 bytes a step
    Grow {
        /// Symbol or address
        market: String,
        /// Steps of 80 blocks
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Bring the newest prices into index and mark; anyone may
    Refresh {
        /// Symbol or address
        market: String,
    },
    /// Where a market stands between a trip and its reopening, and what is left of its budget of halts
    HaltStatus {
        /// Symbol or address
        market: String,
        /// Look again and again
        #[arg(long)]
        watch: bool,
    },
    /// Take a halted market as far as the clock allows: price, fills, reopening; anyone may
    Reopen {
        /// Symbol or address
        market: String,
        /// Wait for what is due later, until the market is open
        #[arg(long)]
        wait: bool,
    },
    /// Split accrued fees, USDC, as far as the pool holds cash: default fund, keeper pool, treasury; anyone may
    SweepFees {
        /// Symbol or address
        market: String,
    },
}

pub(crate) async fn run(session: &Session, command: MarketCommand) -> Result<()> {
    match command {
        MarketCommand::List => list(session).await,
        MarketCommand::Show { market } => show(session, &market).await,
        MarketCommand::Grow { market, steps } => grow(session, &market, steps).await,
        MarketCommand::Refresh { market } => refresh(session, &market).await,
        MarketCommand::HaltStatus { market, watch } => {
            status::halt_status(session, &market, watch).await
        }
        MarketCommand::Reopen { market, wait } => reopen::reopen(session, &market, wait).await,
        MarketCommand::SweepFees { market } => sweep_fees(session, &market).await,
    }
}

/// A market's moving figures.
#[derive(Serialize)]
struct MarketShown {
    symbol: String,
    market: String,
    mark_account: String,
    state: &'static str,
    /// End of the time for which the guardian has set it reduce-only, Unix seconds.
    reduce_only_until: Option<i64>,
    index: Option<String>,
    index_age_seconds: Option<i64>,
    mark: Option<String>,
    last_trade: Option<String>,
    open_interest: String,
    lot_size: String,
    tick_size: String,
    seats: u32,
    orders: u32,
    blocks_free: u32,
    blocks: u32,
    pool_usd: String,
    fees_accrued_usd: String,
    liquidation_fees_accrued_usd: String,
    price_accounts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<(&'static str, String)>,
}

fn shown(market: &ListedMarket, now: i64) -> MarketShown {
    let (header, units) = (&market.header, market.units());
    let prices = &header.prices;
    let price = |value: u64| (value != 0).then(|| units.price_q32(value));
    MarketShown {
        symbol: market.symbol(),
        market: market.address.to_string(),
        mark_account: solana_pubkey::Pubkey::from(header.mark_account).to_string(),
        state: state_of(header, now),
        reduce_only_until: (header.guardian_until > now).then_some(header.guardian_until),
        index: price(prices.index),
        index_age_seconds: (prices.index != 0).then(|| now.saturating_sub(prices.index_time)),
        mark: price(prices.mark),
        last_trade: (prices.last_trade_ticks != 0).then(|| units.price(prices.last_trade_ticks)),
        open_interest: units.position(i64::try_from(header.open_interest()).unwrap_or(i64::MAX)),
        lot_size: units.lot_size(),
        tick_size: units.tick_size(),
        seats: header.arena.seats,
        orders: header.arena.orders,
        blocks_free: blocks_free(header),
        blocks: header.arena.capacity,
        pool_usd: usd_unsigned(header.cash.pool),
        fees_accrued_usd: usd_unsigned(header.cash.fees_accrued),
        liquidation_fees_accrued_usd: usd_unsigned(header.cash.liquidation_fees_accrued),
        price_accounts: market
            .feeds()
            .iter()
            .map(|feed| feed.account.to_string())
            .collect(),
        parameters: Vec::new(),
    }
}

/// Blocks that no seat has reserved; block 0 is never given out.
fn blocks_free(header: &MarketHeader) -> u32 {
    let arena = &header.arena;
    arena
        .capacity
        .saturating_sub(1)
        .saturating_sub(arena.reserved_blocks)
}

async fn list(session: &Session) -> Result<()> {
    let now = session.connection.chain_time().await?;
    let markets = markets::list(session).await?;
    let all: Vec<MarketShown> = markets.iter().map(|market| shown(market, now)).collect();
    session.output.result(&all, || {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
        let rows = all.iter().map(|market| {
            [
                market.symbol.clone(),
                market.state.to_owned(),
                or_dash(&market.index),
                or_dash(&market.mark),
                or_dash(&market.last_trade),
                market.open_interest.clone(),
                market.orders.to_string(),
                market.market.clone(),
            ]
        });
        let header = [
            "market",
            "state",
            "index",
            "mark",
            "last trade",
            "open interest",
            "orders",
            "address",
        ];
        table(&header, rows)
    })
}

async fn show(session: &Session, name: &str) -> Result<()> {
    let now = session.connection.chain_time().await?;
    let market = markets::find(session, name).await?;
    let mut shown = shown(&market, now);
    shown.parameters = market_parameters(&market.header.params);
    session.output.result(&shown, || text(&shown))
}

fn text(shown: &MarketShown) -> String {
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let age = shown
        .index_age_seconds
        .map_or(String::new(), |age| format!(" ({age} s old)"));
    let guarded = match shown.reduce_only_until {
        Some(until) if shown.state == "reduce-only" => {
            format!(", by the guardian until {} UTC", time(until))
        }
        _ => String::new(),
    };
    let state = pairs([
        ("market", shown.symbol.clone()),
        ("address", shown.market.clone()),
        ("mark account", shown.mark_account.clone()),
        ("price accounts", shown.price_accounts.join(", ")),
        ("state", format!("{}{guarded}", shown.state)),
        ("index", format!("{}{age}", or_dash(&shown.index))),
        ("mark", or_dash(&shown.mark)),
        ("last trade", or_dash(&shown.last_trade)),
        ("open interest", shown.open_interest.clone()),
        (
            "seats, orders",
            format!("{}, {}", shown.seats, shown.orders),
        ),
        (
            "blocks",
            format!("{} of {} free", shown.blocks_free, shown.blocks),
        ),
        ("pool", format!("{} USDC", shown.pool_usd)),
        (
            "fees, not swept",
            format!("{} USDC", shown.fees_accrued_usd),
        ),
        (
            "fees of liquidations",
            format!("{} USDC", shown.liquidation_fees_accrued_usd),
        ),
    ]);
    let parameters = shown.parameters.iter();
    let parameters = pairs(parameters.map(|(name, value)| (*name, value.clone())));
    format!("{state}\n\nparameters, as a cluster file writes them\n{parameters}")
}

#[derive(Serialize)]
struct Sent {
    market: String,
    signatures: Vec<String>,
}

async fn grow(session: &Session, name: &str, steps: u32) -> Result<()> {
    if steps == 0 {
        bail!("at least one step");
    }
    let market = markets::find(session, name).await?;
    let signer = session.signer()?;
    let rpc = session.connection.rpc();
    let blocks = usize::try_from(market.header.arena.capacity)?;
    let size = MARKET_HEADER_SIZE.saturating_add(blocks.saturating_mul(BLOCK_SIZE));
    let rent = |bytes| rpc.get_minimum_balance_for_rent_exemption(bytes);
    let step_rent = rent(size.saturating_add(GROWTH_SIZE_MAX))
        .await?
        .saturating_sub(rent(size).await?);
    session.output.confirm(&format!(
        "Add {} bytes to {} for {} SOL of rent, which does not come back?",
        u64::from(steps) * u64::try_from(GROWTH_SIZE_MAX)?,
        market.symbol(),
        sol(step_rent.saturating_mul(u64::from(steps)))
    ))?;
    let program = session.addresses()?.program;
    let mut signatures = Vec::new();
    for _ in 0..steps {
        let grow = grow_market(&program, signer.pubkey(), market.address, step_rent);
        let sent = send(session, "growing the market", &grow, &[&signer]).await?;
        signatures.push(sent.to_string());
    }
    let sent = Sent {
        market: market.symbol(),
        signatures,
    };
    session
        .output
        .result(&sent, || format!("{} grew by {steps} steps", sent.market))
}

async fn refresh(session: &Session, name: &str) -> Result<()> {
    let market = markets::find(session, name).await?;
    let signer = session.signer()?;
    let accounts: Vec<_> = market.feeds().iter().map(|feed| feed.account).collect();
    let refresh = refresh_mark(&session.addresses()?, market.address, &accounts);
    let signature = send(session, "refreshing the mark", &[refresh], &[&signer]).await?;
    let sent = Sent {
        market: market.symbol(),
        signatures: vec![signature.to_string()],
    };
    let header = session.connection.market(&market.address).await?.header;
    session.output.result(&sent, || {
        let units = market.units();
        format!(
            "{}: index {}, mark {}",
            sent.market,
            units.price_q32(header.prices.index),
            units.price_q32(header.prices.mark)
        )
    })
}

/// Where a market's fees went. Amounts are dollars; `None` if the node does not know the transaction yet.
#[derive(Serialize)]
struct SweptShown {
    market: String,
    to_default_fund_usd: Option<String>,
    to_keeper_pool_usd: Option<String>,
    to_treasury_usd: Option<String>,
    deficit_paid_usd: Option<String>,
    deficit_paid_by_fund_usd: Option<String>,
    signature: String,
}

async fn sweep_fees(session: &Session, name: &str) -> Result<()> {
    let market = markets::find(session, name).await?;
    let signer = session.signer()?;
    let sweep = instructions::sweep_fees(&session.addresses()?, market.address);
    let signature = send(session, "sweeping the fees", &[sweep], &[&signer]).await?;
    let events = transactions::outcome(session, signature).await?;
    let swept = events.iter().find_map(|event| match event {
        Event::FeesSwept(swept) => Some(swept.as_ref()),
        _ => None,
    });
    let amount = |of: fn(&FeesSwept) -> u64| swept.map(|swept| usd_unsigned(of(swept)));
    let shown = SweptShown {
        market: market.symbol(),
        to_default_fund_usd: amount(|swept| swept.to_default_fund),
        to_keeper_pool_usd: amount(|swept| swept.to_keeper_pool),
        to_treasury_usd: amount(|swept| swept.to_treasury),
        deficit_paid_usd: amount(|swept| swept.deficit_paid),
        deficit_paid_by_fund_usd: amount(|swept| swept.deficit_paid_by_fund),
        signature: signature.to_string(),
    };
    session.output.result(&shown, || {
        let sentence = swept.map_or_else(
            || format!("{}: swept.", shown.market),
            |swept| swept_text(&market, swept),
        );
        format!("{sentence}\n{signature}")
    })
}

fn swept_text(market: &ListedMarket, swept: &FeesSwept) -> String {
    let symbol = market.symbol();
    let amount = |atoms: u64| format!("{} USDC", usd_unsigned(atoms));
    let parts = [
        (swept.to_default_fund, "to the default fund"),
        (swept.to_keeper_pool, "to the keeper pool"),
        (swept.to_treasury, "to the treasury"),
        (swept.deficit_paid, "given up against the carried deficit"),
        (
            swept.deficit_paid_by_fund,
            "from the default fund against the carried deficit",
        ),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(atoms, _)| *atoms != 0)
        .map(|(atoms, to)| format!("{} {to}", amount(*atoms)))
        .collect();
    let cash = &market.header.cash;
    let accrued = [
        cash.fees_accrued,
        cash.liquidation_fees_accrued,
        cash.contributions_accrued,
    ]
    .into_iter()
    .fold(0, u64::saturating_add);
    if !parts.is_empty() {
        format!("{symbol}: {}.", parts.join(", "))
    } else if accrued == 0 {
        format!("{symbol}: there was nothing to sweep.")
    } else {
        format!(
            "{symbol}: the pool holds no cash for its {} of fees yet, or none beyond what the drift reserves: `plimsoll account settle` of those who lost brings it.",
            amount(accrued)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(fees_accrued: u64) -> ListedMarket {
        let mut header: MarketHeader = bytemuck::Zeroable::zeroed();
        header.symbol[..4].copy_from_slice(b"AVAX");
        header.cash.fees_accrued = fees_accrued;
        ListedMarket {
            address: Default::default(),
            header,
        }
    }

    fn swept(fund: u64, keepers: u64, treasury: u64, deficit: u64) -> FeesSwept {
        FeesSwept {
            version: 1,
            market: Default::default(),
            to_default_fund: fund,
            to_keeper_pool: keepers,
            to_treasury: treasury,
            deficit_paid: deficit,
            deficit_paid_by_fund: 0,
        }
    }

    #[test]
    fn a_sweep_names_only_where_something_went() {
        assert_eq!(
            swept_text(&market(1_000_001), &swept(400_001, 200_000, 400_000, 0)),
            "AVAX: 0.400001 USDC to the default fund, 0.20 USDC to the keeper pool, 0.40 USDC to the treasury."
        );
        assert_eq!(
            swept_text(&market(70_000), &swept(0, 0, 0, 70_000)),
            "AVAX: 0.07 USDC given up against the carried deficit."
        );
    }

    #[test]
    fn a_sweep_of_nothing_tells_no_fees_from_a_pool_without_cash() {
        let nothing = swept(0, 0, 0, 0);
        assert_eq!(
            swept_text(&market(0), &nothing),
            "AVAX: there was nothing to sweep."
        );
        let mut market = market(40_000);
        market.header.cash.liquidation_fees_accrued = 27_920;
        let text = swept_text(&market, &nothing);
        assert!(
            text.contains("no cash for its 0.06792 USDC of fees"),
            "{text}"
        );
    }
}
