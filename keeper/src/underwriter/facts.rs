//! What the desk knows of its vaults: lines as on chain, and of each borrower what the engine's functions say.

use std::collections::BTreeMap;

use plimsoll_client::assess::assess;
use plimsoll_client::underwriting::{stressed_over, Stressed};
use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::credit::{margin_target, vault};
use plimsoll_engine::math::{self, PPM};
use plimsoll_engine::state::{CreditLine, CreditVault, MarginAccount};
use plimsoll_engine::{Env, Result};
use solana_pubkey::Pubkey;

use crate::mirror::Mirror;

/// Everything that is judged at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub vaults: Vec<VaultFacts>,
    /// Marks, Q.32.
    pub marks: BTreeMap<Pubkey, u64>,
}

/// A vault and its lines.
#[derive(Clone, Debug)]
pub struct VaultFacts {
    pub address: Pubkey,
    pub vault: CreditVault,
    /// Face value, quote atoms.
    pub face: u64,
    /// Cash that neither a line nor a queued redemption has a claim on, quote atoms.
    pub free: u64,
    pub lines: Vec<LineFacts>,
}

/// A line, offered or open.
#[derive(Clone, Debug)]
pub struct LineFacts {
    pub address: Pubkey,
    pub line: CreditLine,
    /// `None` for an offer, and where the engine cannot say.
    pub borrower: Option<BorrowerFacts>,
}

/// A line's margin account as of now, quote atoms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BorrowerFacts {
    /// e: equity without credit, interest taken off.
    pub equity: i64,
    pub maintenance_margin: u64,
    /// Principal, interest and lien.
    pub owed: u64,
    /// An index of a position is stale: nothing is decided on such figures.
    pub stale: bool,
    /// Markets of its positions.
    pub held: Vec<Pubkey>,
    /// Worse of both directions of the stress: principal that would be needed, and what would be uncovered.
    pub stressed_need: u64,
    pub stressed_loss: u64,
}

/// Where accounts and markets are read.
pub trait Sight {
    fn account(&self, address: &Pubkey) -> Option<&MarginAccount>;
    fn market(&self, address: &[u8; 32]) -> Option<MarketRef<'_>>;
    /// Lines of a vault that are offered or open, or closed and still attached.
    fn lines_of(&self, vault: &Pubkey) -> Vec<(Pubkey, CreditLine)>;
}

impl Sight for Mirror {
    fn account(&self, address: &Pubkey) -> Option<&MarginAccount> {
        Mirror::account(self, address)
    }

    fn market(&self, address: &[u8; 32]) -> Option<MarketRef<'_>> {
        self.market_ref(address)
    }

    fn lines_of(&self, vault: &Pubkey) -> Vec<(Pubkey, CreditLine)> {
        let of_vault = self
            .lines()
            .filter(|(_, line)| line.vault == vault.to_bytes());
        of_vault.map(|(address, line)| (*address, *line)).collect()
    }
}

impl State {
    /// The vaults of an underwriter as a mirror has them.
    pub fn of(mirror: &Mirror, underwriter: &Pubkey, stress_ppm: u64, env: &Env) -> Self {
        let vaults = mirror.vaults();
        let own = vaults.filter(|(_, vault)| vault.underwriter == underwriter.to_bytes());
        let marks = mirror.markets();
        Self {
            vaults: own
                .filter_map(|(address, vault)| {
                    VaultFacts::read(mirror, address, vault, stress_ppm, env).ok()
                })
                .collect(),
            marks: marks
                .map(|(address, market)| (*address, market.header.prices.mark))
                .collect(),
        }
    }
}

impl VaultFacts {
    /// Reads a vault, its lines and their borrowers.
    ///
    /// # Errors
    /// `Overflow` of a vault whose books do not add up.
    pub fn read(
        sight: &impl Sight,
        address: &Pubkey,
        vault: &CreditVault,
        stress_ppm: u64,
        env: &Env,
    ) -> Result<Self> {
        let lines = sight.lines_of(address).into_iter();
        let lines = lines.map(|(at, line)| LineFacts {
            address: at,
            line,
            borrower: borrower(sight, &at, (&line, vault), stress_ppm, env).ok(),
        });
        Ok(Self {
            address: *address,
            vault: *vault,
            face: vault::face(vault)?,
            free: vault::free_cash(vault)?,
            lines: lines.collect(),
        })
    }

    /// Sum of what the stress would leave uncovered, quote atoms; borrowers that cannot be read are left out.
    pub fn stressed_loss(&self) -> u64 {
        let losses = self.lines.iter().filter_map(|line| line.borrower.as_ref());
        losses.fold(0, |sum, borrower| {
            sum.saturating_add(borrower.stressed_loss)
        })
    }
}

fn borrower(
    sight: &impl Sight,
    address: &Pubkey,
    credit: (&CreditLine, &CreditVault),
    stress_ppm: u64,
    env: &Env,
) -> Result<BorrowerFacts> {
    let (line, _) = credit;
    let margin_account = line.margin_account;
    let account = sight.account(&Pubkey::from(margin_account));
    let attached = account.filter(|account| account.credit_line == address.to_bytes());
    let account = attached.ok_or(plimsoll_engine::EngineError::CreditLineMissing)?;
    let market = |key: &[u8; 32]| sight.market(key);
    let assessed = assess(&margin_account, account, Some(credit), market, env)?;
    let risk = &assessed.risk;
    let held = assessed.legs.iter().filter(|leg| leg.held.base != 0);
    let mut facts = BorrowerFacts {
        equity: math::sub_signed(risk.equity, math::signed(risk.favour)?)?,
        maintenance_margin: risk.maintenance_margin,
        owed: assessed
            .account
            .credit_principal
            .saturating_add(assessed.account.credit_interest)
            .saturating_add(assessed.account.lien),
        stale: assessed.stale(),
        held: held.map(|leg| Pubkey::from(leg.market)).collect(),
        stressed_need: 0,
        stressed_loss: 0,
    };
    for marks_ppm in [
        PPM.saturating_sub(stress_ppm),
        PPM.saturating_add(stress_ppm),
    ] {
        let moved = stressed_over(
            (&margin_account, account),
            Some(credit),
            market,
            marks_ppm,
            env,
        )?;
        facts.stressed_need = facts.stressed_need.max(needed(&moved)?);
        facts.stressed_loss = facts.stressed_loss.max(moved.loss);
    }
    Ok(facts)
}

/// Principal with which a draw would have to end: what is lent and what Q lacks to the target of a draw.
fn needed(moved: &Stressed) -> Result<u64> {
    let target = math::signed(margin_target(moved.maintenance_margin)?)?;
    let lacking = math::sub_signed(target, moved.equity_with_credit)?;
    math::add(moved.principal, u64::try_from(lacking).unwrap_or(0))
}
