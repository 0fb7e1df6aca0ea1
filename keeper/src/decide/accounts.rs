//! Which accounts are evaluated, and what is due of each of them.

use plimsoll_client::assess::{assess, Assessed};
use plimsoll_client::instructions::{CreditKeys, Liquidation, LoanAccounts};
use plimsoll_engine::state::MarginAccount;
use plimsoll_engine::EngineError;
use solana_pubkey::Pubkey;

use super::{credit, deleverager, janitor, liquidator, sentinel, settler, Action, Scene};
use crate::mirror::Mirror;

/// Names what may have something due. What it leaves out is not looked at, so it may name too many and never
/// too few.
pub trait Candidates {
    /// Margin accounts, each once.
    fn candidates<'a>(&'a self, mirror: &'a Mirror) -> Box<dyn Iterator<Item = Pubkey> + 'a>;

    /// Credit lines to be started, valued or charged with interest.
    fn lines<'a>(&'a self, mirror: &'a Mirror) -> Box<dyn Iterator<Item = Pubkey> + 'a> {
        Box::new(mirror.lines().map(|(address, _)| *address))
    }

    /// Markets with expired orders.
    fn books<'a>(&'a self, mirror: &'a Mirror) -> Box<dyn Iterator<Item = Pubkey> + 'a> {
        Box::new(mirror.markets().map(|(address, _)| *address))
    }
}

/// Every account with a seat or a debt, every line, every book.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullScan;

impl Candidates for FullScan {
    fn candidates<'a>(&'a self, mirror: &'a Mirror) -> Box<dyn Iterator<Item = Pubkey> + 'a> {
        let with_something = mirror.accounts().filter(|(_, account)| {
            account.entries_len != 0 || account.credit_line != [0; 32] || account.lien != 0
        });
        Box::new(with_something.map(|(address, _)| *address))
    }
}

/// An account that is looked at, with the scene around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looked<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) address: Pubkey,
    /// As it is on chain; `assessed` has its interest booked.
    pub(crate) account: &'a MarginAccount,
    pub(crate) credit: Option<CreditKeys>,
    pub(crate) assessed: &'a Assessed,
}

impl<'a> Looked<'a> {
    /// The account to be liquidated in a market; `None` without somebody else to be reimbursed.
    pub(crate) fn liquidation(&self, market: Pubkey) -> Option<Liquidation<'a>> {
        let beneficiary = self.scene.roles.beneficiary?;
        self.scene.mirror.account(&beneficiary)?;
        (beneficiary != self.address).then_some(Liquidation {
            addresses: self.scene.mirror.addresses(),
            margin_account: self.address,
            account: self.account,
            market,
            beneficiary,
            credit: self.credit,
        })
    }

    pub(crate) fn loan(&self) -> Option<LoanAccounts<'a>> {
        Some(LoanAccounts {
            addresses: self.scene.mirror.addresses(),
            margin_account: self.address,
            account: self.account,
            keys: self.credit?,
        })
    }

    /// Custody shard of its draws and repayments: the one that its account names, if the exchange has it.
    pub(crate) fn shard(&self) -> u8 {
        let shards = self.scene.mirror.exchange();
        let shards = shards.map_or(0, |exchange| exchange.custody_shards_len);
        if self.account.custody_shard < shards {
            self.account.custody_shard
        } else {
            0
        }
    }

    /// Markets in whose books its orders rest.
    pub(crate) fn order_markets(&self) -> Vec<Pubkey> {
        let legs = self.assessed.legs.iter();
        let with_orders = legs.filter(|leg| leg.orders != 0);
        with_orders.map(|leg| Pubkey::from(leg.market)).collect()
    }
}

/// Line, vault and vault cash of an account's line, as far as the mirror has them.
pub(crate) fn credit_keys(mirror: &Mirror, account: &MarginAccount) -> Option<CreditKeys> {
    let address = Pubkey::from(account.credit_line);
    let line = mirror.line(&address)?;
    let vault = mirror.vault(&Pubkey::from(line.vault))?;
    Some(CreditKeys {
        line: address,
        vault: Pubkey::from(line.vault),
        vault_cash: Pubkey::from(vault.cash_account),
    })
}

/// Reads one account of the mirror.
pub(crate) fn look(scene: Scene<'_>, address: &Pubkey) -> Option<Result<Assessed, EngineError>> {
    let mirror = scene.mirror;
    let account = mirror.account(address)?;
    let line = mirror.line(&Pubkey::from(account.credit_line));
    let credit = line.and_then(|line| Some((line, mirror.vault(&Pubkey::from(line.vault))?)));
    Some(assess(
        &address.to_bytes(),
        account,
        credit,
        |market| mirror.market_ref(market),
        &scene.clock.env(),
    ))
}

/// What is due of each candidate, by every role that is about accounts.
pub(crate) fn due(scene: Scene<'_>, candidates: &impl Candidates, actions: &mut Vec<Action>) {
    let roles = scene.roles;
    for address in candidates.candidates(scene.mirror) {
        let (Some(account), Some(assessed)) =
            (scene.mirror.account(&address), look(scene, &address))
        else {
            continue;
        };
        let assessed = match assessed {
            Ok(assessed) => assessed,
            // A seat that is too far behind to be read is brought forward first.
            Err(EngineError::EpochBehind) if roles.janitor => {
                actions.extend(janitor::seats_behind(scene, &address, account));
                continue;
            }
            Err(_) => continue,
        };
        let looked = Looked {
            scene,
            address,
            account,
            credit: credit_keys(scene.mirror, account),
            assessed: &assessed,
        };
        if roles.sentinel {
            actions.extend(sentinel::account_due(&looked));
        }
        if roles.liquidator {
            actions.extend(liquidator::due(&looked));
        }
        if let Some(desk) = &roles.desk {
            actions.extend(liquidator::takeover_due(&looked, desk));
        }
        if roles.deleverager {
            actions.extend(deleverager::due(&looked));
        }
        if roles.credit.is_some() {
            actions.extend(credit::account_due(&looked));
        }
        if let Some(settler) = &roles.settler {
            actions.extend(settler::account_due(&looked, settler));
        }
        if roles.janitor {
            actions.extend(janitor::account_due(&looked));
        }
    }
}
