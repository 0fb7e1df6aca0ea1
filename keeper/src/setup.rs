//! From the configuration to the parts of a running keeper.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};
use plimsoll_client::accounts;
use plimsoll_client::addresses::LOCALNET_PROGRAM_ID;
use plimsoll_client::{ExchangeAddresses, MarketView};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use spl_associated_token_account_interface::address::get_associated_token_address_with_program_id;
use tokio::sync::mpsc;
use tracing::warn;

use crate::alerts::Alerts;
use crate::command::RunArgs;
use crate::config::KeeperConfig;
use crate::decide::{Credit, Desk, Marks, Roles, Settler};
use crate::execute::{Executor, FeePolicy};
use crate::ledger::Ledger;
use crate::marks::MarketFeeds;
use crate::metrics::{Metrics, Operations, Readiness};
use crate::mirror::{Mirror, Snapshot};
use crate::oversight::{Oversight, OversightLimits};
use crate::plan::{Limits, Plan};
use crate::prices::setup::{statements, Setting};
use crate::prices::Prices;
use crate::run::{Parts, REQUESTS_MAX};
use crate::secrets::Secrets;
use crate::shard::Shard;
use crate::sources::{
    Endpoint, Endpoints, Polling, PollingConfig, ProgramReader, Source, Stream, StreamConfig,
};
use crate::underwriter::{self, Journal, Policy, Underwriter};

/// Tries at start before the keeper gives up on its endpoints.
const TRIES: u32 = 20;
const TRY_AGAIN: Duration = Duration::from_millis(500);

fn parsed(text: &str, what: &str) -> Result<Pubkey> {
    text.parse().with_context(|| format!("{what} {text}"))
}

/// Markets with their price accounts.
fn markets(config: &KeeperConfig) -> Result<Vec<MarketFeeds>> {
    let markets = config.markets.iter().map(|market| {
        let feeds = market.feeds.iter().map(|feed| parsed(feed, "feed"));
        Ok(MarketFeeds {
            market: parsed(&market.address, "market")?,
            feeds: feeds.collect::<Result<_>>()?,
        })
    });
    markets.collect()
}

/// The exchange that is named, or that of the first market.
async fn resolve(config: &KeeperConfig, endpoints: &Endpoints) -> Result<ExchangeAddresses> {
    let program = match &config.program {
        Some(program) => parsed(program, "program")?,
        None => LOCALNET_PROGRAM_ID,
    };
    let mut last = anyhow!("no try");
    for _ in 0..TRIES {
        let (index, rpc) = endpoints.current();
        match addresses(config, program, rpc).await {
            Ok(addresses) => return Ok(addresses),
            Err(error) => {
                endpoints.failed(index);
                last = error;
            }
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
    Err(last)
}

async fn addresses(
    config: &KeeperConfig,
    program: Pubkey,
    rpc: &RpcClient,
) -> Result<ExchangeAddresses> {
    let exchange = match (&config.exchange, config.markets.first()) {
        (Some(exchange), _) => parsed(exchange, "exchange")?,
        (None, Some(market)) => {
            let address = parsed(&market.address, "market")?;
            let data = rpc.get_account_data(&address).await;
            let data = data.with_context(|| format!("market {address}"))?;
            Pubkey::from(MarketView::decode(&data)?.header.exchange)
        }
        (None, None) => return Err(anyhow!("no exchange is named")),
    };
    let data = rpc.get_account_data(&exchange).await;
    let state = accounts::exchange(&data.with_context(|| format!("exchange {exchange}"))?)?;
    Ok(ExchangeAddresses {
        program,
        exchange,
        default_fund: Pubkey::from(state.default_fund),
        custody_authority: Pubkey::from(state.custody_authority),
        collateral_mint: Pubkey::from(state.collateral_mint),
        token_program: Pubkey::from(state.token_program),
    })
}

fn roles(
    config: &KeeperConfig,
    addresses: &ExchangeAddresses,
    markets: &[MarketFeeds],
    (payer, desk): (Pubkey, Option<Pubkey>),
) -> Result<Roles> {
    let on = &config.roles;
    let beneficiary = match &config.beneficiary {
        Some(beneficiary) => parsed(beneficiary, "beneficiary")?,
        None => addresses.margin_account(&payer, 0),
    };
    let desk = match (&config.desk, desk) {
        (Some(desk), Some(trader)) => Some(Desk {
            margin_account: parsed(&desk.margin_account, "desk.margin_account")?,
            trader,
            discount_ppm: desk.discount_ppm,
        }),
        _ => None,
    };
    Ok(Roles {
        marks: on.marks.then(|| Marks {
            markets: markets.to_vec(),
            seconds_max: config.marks.seconds_max,
        }),
        sentinel: on.sentinel,
        liquidator: on.liquidator,
        desk,
        credit: on.credit.then_some(Credit {
            value_queued_seconds: config.credit.value_queued_seconds,
            value_seconds: config.credit.value_seconds,
            accrue_seconds: config.credit.accrue_seconds,
        }),
        deleverager: on.deleverager,
        settler: on.settler.then_some(Settler {
            settle_min: config.settler.settle_min,
            sweep_min: config.settler.sweep_min,
        }),
        janitor: on.janitor,
        payer,
        beneficiary: Some(beneficiary),
    })
}

/// What a run needs.
#[derive(Debug)]
pub struct Assembled {
    pub parts: Parts,
    pub polling: Polling,
    pub stream: Option<Stream>,
    pub readiness: Readiness,
}

impl Assembled {
    /// Parts and sources, ready for [`crate::run::run`].
    pub fn split(self) -> (Parts, Vec<Box<dyn Source>>) {
        let mut sources: Vec<Box<dyn Source>> = vec![Box::new(self.polling)];
        if let Some(stream) = self.stream {
            sources.push(Box::new(stream));
        }
        (self.parts, sources)
    }
}

/// Asks for the exchange, opens the ledger.
///
/// # Errors
/// What is wrong with the endpoints or the ledger, in a sentence.
pub async fn assemble(
    config: &KeeperConfig,
    secrets: Secrets,
    args: RunArgs,
    (metrics, alerts): (Arc<Metrics>, Arc<Alerts>),
) -> Result<Assembled> {
    let (payer, desk_key) = (secrets.payer, secrets.desk);
    let endpoints = config.endpoints.iter().map(|endpoint| Endpoint {
        rpc: endpoint.rpc.clone(),
        ws: endpoint.ws.clone(),
    });
    let endpoints = Endpoints::new(endpoints.collect(), config.sources.slot_lag_max)?;
    let endpoints = Arc::new(endpoints);
    endpoints.probe().await;
    let addresses = resolve(config, &endpoints).await?;
    let desk_of_vaults = underwriter(config, secrets.underwriter.as_ref(), &addresses, args)?;
    let markets = markets(config)?;
    let signers = (payer.pubkey(), desk_key.as_ref().map(Keypair::pubkey));
    let roles = roles(config, &addresses, &markets, signers)?;
    warn_without_beneficiary(&endpoints, &roles).await;
    let feeds = markets
        .iter()
        .flat_map(|market| market.feeds.iter().copied());
    let mut feeds: BTreeSet<Pubkey> = feeds.collect();
    if config.prices.post {
        feeds.extend(statements(&signers.0, &markets));
    }
    let own = roles.beneficiary.into_iter();
    let own = own.chain(roles.desk.map(|desk| desk.margin_account));
    let (requests, asked) = mpsc::channel(REQUESTS_MAX);
    let polling = Polling {
        endpoints: endpoints.clone(),
        reader: ProgramReader {
            addresses,
            markets: markets.iter().map(|market| market.market).collect(),
            own: own.collect(),
            slot_lag_max: config.sources.slot_lag_max,
        },
        feeds: feeds.iter().copied().collect(),
        config: PollingConfig {
            pulse: Duration::from_millis(config.sources.pulse_ms),
            resync: Duration::from_millis(config.sources.resync_ms),
        },
        requests: asked,
    };
    let prices = if args.once {
        None
    } else {
        Some(prices(config, &polling, (&markets, signers.0), &metrics).await?)
    };
    let streamed = config
        .endpoints
        .iter()
        .any(|endpoint| endpoint.ws.is_some());
    let stream = (streamed && !args.once).then(|| Stream {
        endpoints: endpoints.clone(),
        program: addresses.program,
        config: StreamConfig {
            silent: Duration::from_secs(config.sources.silent_seconds),
            slot_gap_max: config.sources.slot_gap_max,
        },
    });
    let fees = FeePolicy {
        base: config.fees.base,
        cap: config.fees.cap,
        cap_max: config.fees.cap_max,
        value_step: config.fees.cap_value_step,
        age_step: config.fees.cap_age_step_ms,
    };
    let executor = Executor::new(endpoints, payer, desk_key, fees, args.dry_run);
    let senders = config.senders.iter().map(|sender| sender.rpc.clone());
    tell_constants(config, &metrics.operations);
    let limits = OversightLimits {
        not_safe: config.alerts.not_safe_seconds,
        deadline: config.alerts.deadline_seconds,
        mark_age: config.alerts.mark_age_seconds,
    };
    let oversight = Oversight::new(limits, alerts, metrics.operations.clone());
    let parts = Parts {
        mirror: Mirror::new(addresses, feeds),
        roles,
        plan: Plan::new(Limits {
            in_flight: config.plan.in_flight,
            queue: config.plan.queue,
            backoff_min: config.plan.backoff_min_ms,
            backoff_max: config.plan.backoff_max_ms,
            lamports_an_hour: config.plan.lamports_an_hour,
        }),
        executor: Arc::new(
            executor
                .with_senders(senders)
                .with_underwriter(secrets.underwriter),
        ),
        ledger: Ledger::open(&config.ledger)?,
        metrics,
        requests,
        decide: Duration::from_millis(config.plan.decide_ms),
        oversight,
        prices,
        shard: shard(config)?,
        underwriter: desk_of_vaults,
        once: args.once,
    };
    Ok(Assembled {
        parts,
        polling,
        stream,
        readiness: Readiness {
            lag_slots_max: config.http.lag_slots_max,
            unchanged_max: Duration::from_secs(config.http.unchanged_seconds),
        },
    })
}

/// Reads the markets once for the feeds that they name.
async fn prices(
    config: &KeeperConfig,
    polling: &Polling,
    (markets, payer): (&[MarketFeeds], Pubkey),
    metrics: &Metrics,
) -> Result<Prices> {
    let addresses: Vec<Pubkey> = markets.iter().map(|market| market.market).collect();
    let mut last = anyhow!("no try");
    for _ in 0..TRIES {
        let (index, rpc) = polling.endpoints.current();
        match polling.reader.read(rpc, &addresses).await {
            Ok((slot, accounts)) => {
                let setting = Setting {
                    config: &config.prices,
                    markets,
                    accounts: &Snapshot { slot, accounts },
                    payer,
                    figures: metrics.prices.clone(),
                };
                return setting.prices();
            }
            Err(error) => {
                polling.endpoints.failed(index);
                last = error;
            }
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
    Err(last.context("the markets cannot be read"))
}

fn shard(config: &KeeperConfig) -> Result<Shard> {
    let markets = config.shard.markets.iter();
    let markets = markets.map(|(market, index)| Ok((parsed(market, "shard.markets")?, *index)));
    Ok(Shard {
        index: config.shard.index,
        count: config.shard.count,
        markets: markets.collect::<Result<_>>()?,
    })
}

/// Figures that stay as they are while the process runs.
fn tell_constants(config: &KeeperConfig, figures: &Operations) {
    let shown = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    figures.low_balance.set(shown(config.low_balance_lamports));
    figures
        .spending_cap
        .set(shown(config.plan.lamports_an_hour));
    figures.shard(config.shard.index, config.shard.count);
    let on = &config.roles;
    for (role, runs) in [
        ("marks", on.marks),
        ("sentinel", on.sentinel),
        ("liquidator", on.liquidator),
        ("credit", on.credit),
        ("deleverager", on.deleverager),
        ("settler", on.settler),
        ("janitor", on.janitor),
    ] {
        figures.role(role, runs);
    }
}

/// The desk of an underwriter, with the ledger's count of what it did before.
fn underwriter(
    config: &KeeperConfig,
    key: Option<&Keypair>,
    addresses: &ExchangeAddresses,
    args: RunArgs,
) -> Result<Option<underwriter::Desk>> {
    let (Some(named), Some(key)) = (&config.underwriter, key) else {
        return Ok(None);
    };
    let key = key.pubkey();
    let tokens = match &named.token_account {
        Some(tokens) => parsed(tokens, "underwriter.token_account")?,
        None => get_associated_token_address_with_program_id(
            &key,
            &addresses.collateral_mint,
            &addresses.token_program,
        ),
    };
    let policy = Policy::load(&named.policy)?;
    let journal = Journal::open(&config.ledger)?;
    let underwriter = Underwriter { key, tokens };
    let desk = underwriter::Desk::new(policy, underwriter, journal, args.dry_run)?;
    Ok(Some(desk))
}

/// The steps that reimburse their caller need an account to reimburse.
async fn warn_without_beneficiary(endpoints: &Endpoints, roles: &Roles) {
    let Some(beneficiary) = roles.beneficiary else {
        return;
    };
    let (_, rpc) = endpoints.current();
    let found = rpc.get_account_data(&beneficiary).await;
    let is_one = found.is_ok_and(|data| accounts::margin_account(&data).is_ok());
    if (roles.liquidator || roles.deleverager || roles.sentinel) && !is_one {
        warn!(
            %beneficiary,
            "no margin account to be reimbursed: nothing is liquidated or torn up until there is one \
             (`plimsoll account create` with the keeper's key, or `beneficiary` in the configuration)"
        );
    }
}
