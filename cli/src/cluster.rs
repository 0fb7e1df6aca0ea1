//! A cluster as one TOML file describes it: where it is, which program, which collateral, how the
//! exchange is set up and with which markets (`migrations/*.toml`).
//!
//! Everything is read in human units and converted exactly; an error names the field. The file is the
//! wanted state: [`crate::setup`] compares it with the chain.

use std::path::Path;

use anyhow::{bail, ensure, Context, Result};
use plimsoll_client::{ExchangeAddresses, ExchangeArgs};
use solana_pubkey::Pubkey;
use spl_associated_token_account_interface::address::get_associated_token_address_with_program_id;
use toml::{Table, Value};

use crate::fields::{self, Fields};
use crate::market_config::{self, MarketPlan};

/// The file that `localnet` names, built in so that the command works anywhere.
const LOCALNET: &str = include_str!("../../migrations/localnet.toml");
/// The file that `devnet` names.
const DEVNET: &str = include_str!("../../migrations/devnet.toml");

/// Custody shards unless the file says otherwise.
const CUSTODY_SHARDS_DEFAULT: u8 = 8;
/// Most shards that an exchange can have.
const CUSTODY_SHARDS_MAX: u8 = 16;

/// The wanted state of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct ClusterConfig {
    /// Name of the cluster; also of its file of addresses.
    pub(crate) name: String,
    /// RPC used unless `--url` or the Solana CLI's configuration names another.
    pub(crate) rpc_url: String,
    /// The program's address; `None` until its deployer fills it in.
    pub(crate) program: Option<Pubkey>,
    /// The program's key pair is the published one: a localnet, where everybody is the authority.
    pub(crate) published_keys: bool,
    /// The collateral's mint; `None` until filled in or, for a test mint, derived.
    pub(crate) mint: Option<Pubkey>,
    /// The mint is a test mint that the set-up creates and the authority mints from.
    pub(crate) test_mint: bool,
    pub(crate) exchange: ExchangePlan,
    pub(crate) markets: Vec<MarketPlan>,
}

/// The wanted state of the exchange.
#[derive(Clone, Debug)]
pub(crate) struct ExchangePlan {
    /// Part of the exchange's address; `None`: whoever runs the set-up.
    pub(crate) authority: Option<Pubkey>,
    /// `None`: the authority.
    pub(crate) guardian: Option<Pubkey>,
    /// Owner of the token account that the treasury's fees go to; `None`: the authority.
    pub(crate) treasury_owner: Option<Pubkey>,
    pub(crate) custody_shards: u8,
    pub(crate) timelock_seconds: u32,
    pub(crate) timelock_tightening_seconds: u32,
    pub(crate) fee_default_fund_ppm: u32,
    pub(crate) fee_keeper_pool_ppm: u32,
    pub(crate) fee_treasury_ppm: u32,
}

impl ExchangePlan {
    /// As the program takes it.
    pub(crate) fn args(&self, authority: &Pubkey) -> ExchangeArgs {
        ExchangeArgs {
            guardian: self.guardian.unwrap_or(*authority),
            timelock_seconds: self.timelock_seconds,
            timelock_tightening_seconds: self.timelock_tightening_seconds,
            fee_default_fund_ppm: self.fee_default_fund_ppm,
            fee_keeper_pool_ppm: self.fee_keeper_pool_ppm,
            fee_treasury_ppm: self.fee_treasury_ppm,
        }
    }

    /// The token account that the treasury's fees go to.
    pub(crate) fn treasury(&self, addresses: &ExchangeAddresses, authority: &Pubkey) -> Pubkey {
        token_account(addresses, &self.treasury_owner.unwrap_or(*authority))
    }
}

impl ClusterConfig {
    /// Reads a file, or one of the two that are built in: `localnet`, `devnet`.
    pub(crate) fn load(name: &str) -> Result<Self> {
        let text = match name {
            "localnet" => LOCALNET.to_owned(),
            "devnet" => DEVNET.to_owned(),
            path => std::fs::read_to_string(Path::new(path)).with_context(|| {
                format!("the cluster file {path} cannot be read (a file, `localnet` or `devnet`)")
            })?,
        };
        Self::parse(&text).with_context(|| format!("cluster file {name}"))
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().context("it is not TOML")?;
        let root = Fields::new("", &table);
        let program = sub_table(&table, "program")?;
        let program_fields = Fields::new("[program]", program);
        let collateral = sub_table(&table, "collateral")?;
        let collateral_fields = Fields::new("[collateral]", collateral);
        let config = Self {
            name: root.required("name", fields::text)?,
            rpc_url: root.required("rpc_url", fields::text)?,
            program: program_fields.required("id", fields::address)?,
            published_keys: program_fields.or("published_keys", false, fields::boolean)?,
            mint: collateral_fields
                .optional("mint", fields::address)?
                .flatten(),
            test_mint: collateral_fields.or("test_mint", false, fields::boolean)?,
            exchange: exchange_plan(sub_table(&table, "exchange")?)?,
            markets: markets(&root, &table)?,
        };
        for known in ["program", "collateral", "exchange"] {
            root.optional(known, |_| Ok(()))?;
        }
        root.finish()?;
        program_fields.finish()?;
        collateral_fields.finish()?;
        Ok(config)
    }

    /// The program's address, or what to do about its absence.
    pub(crate) fn program(&self) -> Result<Pubkey> {
        self.program.with_context(|| {
            format!(
                "[program]: `id` is empty: deploy the program to {} and write its address there",
                self.name
            )
        })
    }

    /// Addresses of the exchange that `authority` has or would have with this mint.
    pub(crate) fn addresses_with(
        &self,
        authority: &Pubkey,
        mint: Pubkey,
    ) -> Result<ExchangeAddresses> {
        Ok(ExchangeAddresses::new(
            self.program()?,
            mint,
            spl_token_interface::ID,
            authority,
        ))
    }

    /// Addresses for those who only use the exchange: everything they follow from is in the file.
    pub(crate) fn addresses(&self) -> Result<ExchangeAddresses> {
        let authority = self.exchange.authority.with_context(|| {
            format!(
                "[exchange]: `authority` is empty: whoever set {} up writes it there",
                self.name
            )
        })?;
        let mint = self
            .mint
            .with_context(|| format!("[collateral]: `mint` is empty for {}", self.name))?;
        self.addresses_with(&authority, mint)
    }
}

/// Where `owner` holds the exchange's collateral.
pub(crate) fn token_account(addresses: &ExchangeAddresses, owner: &Pubkey) -> Pubkey {
    get_associated_token_address_with_program_id(
        owner,
        &addresses.collateral_mint,
        &addresses.token_program,
    )
}

fn sub_table<'a>(table: &'a Table, name: &str) -> Result<&'a Table> {
    table
        .get(name)
        .with_context(|| format!("the table [{name}] is missing"))?
        .as_table()
        .with_context(|| format!("`{name}` is no table: write [{name}]"))
}

fn exchange_plan(table: &Table) -> Result<ExchangePlan> {
    let from = Fields::new("[exchange]", table);
    let optional_address =
        |name| -> Result<Option<Pubkey>> { Ok(from.optional(name, fields::address)?.flatten()) };
    let plan = ExchangePlan {
        authority: optional_address("authority")?,
        guardian: optional_address("guardian")?,
        treasury_owner: optional_address("treasury_owner")?,
        custody_shards: from.or("custody_shards", CUSTODY_SHARDS_DEFAULT, fields::integer)?,
        timelock_seconds: from.or("timelock_seconds", 172_800, fields::integer)?,
        timelock_tightening_seconds: from.or(
            "timelock_tightening_seconds",
            3_600,
            fields::integer,
        )?,
        fee_default_fund_ppm: from.or("fee_default_fund", 400_000, fields::percent)?,
        fee_keeper_pool_ppm: from.or("fee_keeper_pool", 200_000, fields::percent)?,
        fee_treasury_ppm: from.or("fee_treasury", 400_000, fields::percent)?,
    };
    from.finish()?;
    ensure!(
        (1..=CUSTODY_SHARDS_MAX).contains(&plan.custody_shards),
        "[exchange]: `custody_shards` must lie within 1 and {CUSTODY_SHARDS_MAX}"
    );
    let split = [
        plan.fee_default_fund_ppm,
        plan.fee_keeper_pool_ppm,
        plan.fee_treasury_ppm,
    ];
    let sum: u64 = split.into_iter().map(u64::from).sum();
    ensure!(
        sum == 1_000_000,
        "[exchange]: `fee_default_fund`, `fee_keeper_pool` and `fee_treasury` add up to {}, not 100%",
        crate::units::percent(sum)
    );
    ensure!(
        (172_800..=2_592_000).contains(&plan.timelock_seconds),
        "[exchange]: `timelock_seconds` must lie within 172800 and 2592000"
    );
    ensure!(
        (3_600..=172_800).contains(&plan.timelock_tightening_seconds),
        "[exchange]: `timelock_tightening_seconds` must lie within 3600 and 172800"
    );
    Ok(plan)
}

fn markets(root: &Fields<'_>, table: &Table) -> Result<Vec<MarketPlan>> {
    let defaults = match table.get("market_defaults") {
        None => None,
        Some(value) => Some(value.as_table().context("[market_defaults] is no table")?),
    };
    root.optional("market_defaults", |_| Ok(()))?;
    let list = root
        .optional("market", |value| match value {
            Value::Array(list) => Ok(list.clone()),
            _ => bail!("write [[market]], once for each market"),
        })?
        .unwrap_or_default();
    let mut plans: Vec<MarketPlan> = Vec::with_capacity(list.len());
    for (number, value) in (1..).zip(&list) {
        let market = value
            .as_table()
            .with_context(|| format!("market {number} is no table"))?;
        let plan = market_config::read(number, market, defaults)?;
        ensure!(
            plans.iter().all(|known| known.symbol != plan.symbol),
            "market {:?} is named twice",
            plan.symbol
        );
        plans.push(plan);
    }
    Ok(plans)
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
