//! What is missing and what differs: a pure comparison of a file with a chain.

use anyhow::{bail, ensure, Result};
use plimsoll_client::engine::params::MarketParams;
use plimsoll_client::engine::state::{Exchange, MarketHeader};
use serde::Serialize;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::chain::{OnChain, ProgramFound};
use super::parameters::market_parameters;
use super::Target;
use crate::market_config::MarketPlan;
use crate::units::{percent, QUOTE_DECIMALS};

/// What a run would do about one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Exists as wanted.
    Nothing,
    /// Is missing and will be created.
    Create,
    /// Exists and differs: only a queued change can alter it.
    Differs,
}

/// One step of a set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Program,
    Mint,
    Treasury,
    Exchange,
    Shard(u8),
    /// Position in the file.
    Market(usize),
}

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Item {
    #[serde(skip)]
    pub(crate) step: Step,
    pub(crate) subject: String,
    pub(crate) action: Action,
    /// What is there, what is wanted, or how they differ.
    pub(crate) detail: String,
}

/// The whole comparison, in the order in which steps must be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Plan {
    items: Vec<Item>,
}

impl Plan {
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// The items with this action.
    pub(crate) fn with(&self, action: Action) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.action == action)
    }

    fn push(&mut self, step: Step, subject: impl Into<String>, exists: bool, detail: String) {
        let action = if exists {
            Action::Nothing
        } else {
            Action::Create
        };
        self.items.push(Item {
            step,
            subject: subject.into(),
            action,
            detail,
        });
    }

    fn push_differences(&mut self, step: Step, subject: &str, differences: Vec<String>) {
        self.items
            .extend(differences.into_iter().map(|detail| Item {
                step,
                subject: subject.to_owned(),
                action: Action::Differs,
                detail,
            }));
    }
}

/// Compares. What can never be brought about is an error instead of an item.
pub(super) fn plan(target: &Target<'_>, on_chain: &OnChain) -> Result<Plan> {
    let addresses = &target.addresses;
    let mut plan = Plan::default();
    match on_chain.program {
        Some(ProgramFound::NotExecutable) => bail!(
            "the account at the program's address {} is no program",
            addresses.program
        ),
        found => plan.push(
            Step::Program,
            "program",
            found.is_some(),
            addresses.program.to_string(),
        ),
    }
    plan_collateral(&mut plan, target, on_chain)?;
    plan_exchange(&mut plan, target, on_chain.exchange.as_ref());
    plan_shards(&mut plan, target, on_chain.exchange.as_ref());
    for (position, market) in target.config.markets.iter().enumerate() {
        let found = on_chain.markets.get(position).and_then(Option::as_ref);
        let address = target
            .markets
            .get(position)
            .map(Signer::pubkey)
            .unwrap_or_default();
        plan_market(&mut plan, position, market, &address, found);
    }
    Ok(plan)
}

fn plan_collateral(plan: &mut Plan, target: &Target<'_>, on_chain: &OnChain) -> Result<()> {
    let addresses = &target.addresses;
    match on_chain.mint_decimals {
        None => ensure!(
            target.config.test_mint,
            "the collateral {} does not exist on this cluster",
            addresses.collateral_mint
        ),
        Some(decimals) => ensure!(
            u32::from(decimals) == QUOTE_DECIMALS,
            "the collateral {} has {decimals} decimals, not {QUOTE_DECIMALS}",
            addresses.collateral_mint
        ),
    }
    let subject = if target.config.test_mint {
        "test mint"
    } else {
        "collateral mint"
    };
    let exists = on_chain.mint_decimals.is_some();
    let mint = addresses.collateral_mint.to_string();
    plan.push(Step::Mint, subject, exists, mint);
    let authority = target.authority.pubkey();
    let treasury = target.config.exchange.treasury(addresses, &authority);
    plan.push(
        Step::Treasury,
        "treasury account",
        on_chain.treasury,
        treasury.to_string(),
    );
    Ok(())
}

fn plan_exchange(plan: &mut Plan, target: &Target<'_>, found: Option<&Exchange>) {
    let address = target.addresses.exchange.to_string();
    plan.push(Step::Exchange, "exchange", found.is_some(), address);
    if let Some(exchange) = found {
        let differences = exchange_differences(target, exchange);
        plan.push_differences(Step::Exchange, "exchange", differences);
    }
}

fn exchange_differences(target: &Target<'_>, exchange: &Exchange) -> Vec<String> {
    let authority = target.authority.pubkey();
    let wanted = target.config.exchange.args(&authority);
    let treasury = target
        .config
        .exchange
        .treasury(&target.addresses, &authority);
    let ppm = |value: u32| percent(u64::from(value));
    let address = |bytes: [u8; 32]| Pubkey::from(bytes).to_string();
    let fields = [
        (
            "authority",
            address(exchange.authority),
            authority.to_string(),
        ),
        (
            "guardian",
            address(exchange.guardian),
            wanted.guardian.to_string(),
        ),
        (
            "treasury account",
            address(exchange.treasury),
            treasury.to_string(),
        ),
        (
            "timelock_seconds",
            exchange.timelock_seconds.to_string(),
            wanted.timelock_seconds.to_string(),
        ),
        (
            "timelock_tightening_seconds",
            exchange.timelock_tightening_seconds.to_string(),
            wanted.timelock_tightening_seconds.to_string(),
        ),
        (
            "fee_default_fund",
            ppm(exchange.fee_default_fund_ppm),
            ppm(wanted.fee_default_fund_ppm),
        ),
        (
            "fee_keeper_pool",
            ppm(exchange.fee_keeper_pool_ppm),
            ppm(wanted.fee_keeper_pool_ppm),
        ),
        (
            "fee_treasury",
            ppm(exchange.fee_treasury_ppm),
            ppm(wanted.fee_treasury_ppm),
        ),
    ];
    let differing = fields
        .into_iter()
        .filter(|(_, is, wanted)| is != wanted)
        .map(|(name, is, wanted)| format!("{name}: is {is}, file says {wanted}"));
    differing.collect()
}

fn plan_shards(plan: &mut Plan, target: &Target<'_>, found: Option<&Exchange>) {
    let existing = found.map_or(0, |exchange| exchange.custody_shards_len);
    let wanted = target.config.exchange.custody_shards;
    for shard in 0..wanted {
        plan.push(
            Step::Shard(shard),
            format!("custody shard {shard}"),
            shard < existing,
            target.addresses.custody_shard(shard).to_string(),
        );
    }
    if existing > wanted {
        let detail = format!("custody_shards: is {existing}, file says {wanted}");
        plan.push_differences(Step::Exchange, "exchange", vec![detail]);
    }
}

fn plan_market(
    plan: &mut Plan,
    position: usize,
    wanted: &MarketPlan,
    address: &Pubkey,
    found: Option<&MarketHeader>,
) {
    let step = Step::Market(position);
    let subject = format!("market {}", wanted.symbol);
    plan.push(step, &subject, found.is_some(), address.to_string());
    if let Some(header) = found {
        let differences = parameter_differences(&header.params, &wanted.params);
        plan.push_differences(step, &subject, differences);
    }
}

/// Field by field, in the file's own words.
fn parameter_differences(is: &MarketParams, wanted: &MarketParams) -> Vec<String> {
    market_parameters(is)
        .into_iter()
        .zip(market_parameters(wanted))
        .filter(|(is, wanted)| is != wanted)
        .map(|((name, is), (_, wanted))| format!("{name}: is {is}, file says {wanted}"))
        .collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
