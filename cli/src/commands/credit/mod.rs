//! `plimsoll credit`: vaults, lines, and the loans on them (spec §10).

mod line;
mod listed;
mod loan;
mod terms;
mod underwriter;
mod vault;

use anyhow::{anyhow, Context, Result};
use clap::{Args, Subcommand};
use plimsoll_client::addresses;
use plimsoll_client::engine::state::{CreditLine, CreditVault};
use plimsoll_client::events::{Event, VaultBalances};
use plimsoll_client::instructions::{CreditKeys, VaultAccounts};
use plimsoll_client::ExchangeAddresses;
use serde_json::{Map, Value};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;

use crate::session::Session;
use crate::traders;
use crate::units::usd_unsigned;

/// Subcommands of `plimsoll credit`.
#[derive(Subcommand, Debug)]
pub(crate) enum CreditCommand {
    /// Vaults: open, buy shares, redeem them, look
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// Lines: offer, accept, activate, consent, close, look
    #[command(subcommand)]
    Line(line::LineCommand),
    /// Draw an account's line, if that cures it; anyone may
    Draw(loan::LoanArgs),
    /// Repay interest, then principal, then lien; anyone may
    Repay(loan::RepayArgs),
    /// Margin calls
    #[command(subcommand)]
    Call(line::CallCommand),
    /// Recall a line: after its notice nothing is drawn on it; by its underwriter
    Recall(LineArgs),
    /// Value what is drawn, for the vault's conservative NAV; anyone may
    Value(loan::LoanArgs),
    /// Record what an empty account cannot repay, against the vault; anyone may
    WriteOff(loan::LoanArgs),
    /// Collect a past write-off out of the account's cash; anyone may
    CollectLien(loan::LoanArgs),
}

pub(crate) async fn run(session: &Session, command: CreditCommand) -> Result<()> {
    match command {
        CreditCommand::Vault(command) => vault::run(session, command).await,
        CreditCommand::Line(command) => line::run(session, command).await,
        CreditCommand::Call(line::CallCommand::Extend(args)) => line::extend(session, &args).await,
        CreditCommand::Recall(args) => line::recall(session, &args).await,
        CreditCommand::Draw(args) => loan::draw(session, &args).await,
        CreditCommand::Repay(args) => loan::repay(session, &args).await,
        CreditCommand::Value(args) => loan::value(session, &args).await,
        CreditCommand::WriteOff(args) => loan::write_off(session, &args).await,
        CreditCommand::CollectLien(args) => loan::collect_lien(session, &args).await,
    }
}

/// Which vault.
#[derive(Args, Clone, Debug)]
pub(crate) struct VaultArgs {
    /// Vault, or its underwriter's address [default: the signer's own]
    #[arg(long, value_name = "ADDRESS")]
    vault: Option<Pubkey>,
    /// Number of the underwriter's vault, if an underwriter is named
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    id: u16,
}

/// Which line.
#[derive(Args, Clone, Debug)]
pub(crate) struct LineArgs {
    /// Line, or the margin account that it is attached or offered to, or that account's owner
    #[arg(value_name = "LINE")]
    line: Pubkey,
    /// Number of the owner's sub-account, if an owner is named
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    sub_account: u16,
}

/// Who signs, and where.
struct Desk {
    keypair: Keypair,
    addresses: ExchangeAddresses,
}

impl Desk {
    fn new(session: &Session) -> Result<Self> {
        Ok(Self {
            keypair: session.signer()?,
            addresses: session.addresses()?,
        })
    }

    fn signer(&self) -> Pubkey {
        self.keypair.pubkey()
    }

    /// The vault's address and account.
    async fn vault(&self, session: &Session, args: &VaultArgs) -> Result<(Pubkey, CreditVault)> {
        let named = args.vault.unwrap_or_else(|| self.signer());
        if let Ok(vault) = session.connection.credit_vault(&named).await {
            return Ok((named, vault));
        }
        let address = addresses::vault(&self.addresses.program, &named, args.id);
        let vault = session.connection.credit_vault(&address).await;
        let vault = vault.with_context(|| {
            format!(
                "{named} is no vault and has none with number {}: `plimsoll credit vault open` opens one",
                args.id
            )
        })?;
        Ok((address, vault))
    }

    fn accounts(&self, vault: &CreditVault) -> VaultAccounts<'_> {
        VaultAccounts {
            addresses: &self.addresses,
            underwriter: vault.underwriter.into(),
            id: vault.id,
        }
    }

    /// The line's address and account.
    async fn line(&self, session: &Session, args: &LineArgs) -> Result<(Pubkey, CreditLine)> {
        if let Ok(line) = session.connection.credit_line(&args.line).await {
            return Ok((args.line, line));
        }
        let account = traders::named(session, &args.line, args.sub_account).await?;
        let margin = session.connection.margin_account(&account).await;
        let margin = margin.with_context(|| {
            format!(
                "{} is neither a line nor a margin account nor an owner of one",
                args.line
            )
        })?;
        let address = Pubkey::from(margin.credit_line);
        if address == Pubkey::default() {
            return listed::only_offer(session, self, &account).await;
        }
        let line = session.connection.credit_line(&address).await?;
        Ok((address, line))
    }

    fn keys(&self, address: Pubkey, line: &CreditLine) -> CreditKeys {
        let vault = Pubkey::from(line.vault);
        CreditKeys {
            line: address,
            vault,
            vault_cash: addresses::vault_cash(&self.addresses.program, &vault),
        }
    }

    /// The signer's token account of the collateral.
    fn wallet(&self, owner: &Pubkey) -> Pubkey {
        crate::cluster::token_account(&self.addresses, owner)
    }

    async fn step(
        &self,
        session: &Session,
        doing: &str,
        question: &str,
        instruction: Instruction,
    ) -> Result<(Signature, Vec<Event>)> {
        traders::step(session, doing, question, &[instruction], &self.keypair).await
    }
}

/// What a step did: a sentence for people, the figures by name for programs.
struct Done {
    sentence: String,
    fields: Vec<(&'static str, String)>,
}

impl Done {
    fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            fields: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// What the vault holds afterwards, in USDC and shares.
    fn balances(self, balances: &VaultBalances) -> Self {
        self.with("vault_cash", usd_unsigned(balances.cash))
            .with("vault_reserved", usd_unsigned(balances.reserved_cash))
            .with("vault_drawn", usd_unsigned(balances.drawn))
            .with("vault_shares", balances.shares)
    }

    fn print(self, session: &Session, signature: &Signature) -> Result<()> {
        let mut json = Map::new();
        for (name, value) in self.fields {
            json.insert(name.to_owned(), Value::String(value));
        }
        json.insert("signature".to_owned(), Value::String(signature.to_string()));
        session
            .output
            .result(&json, || format!("{}\n{signature}", self.sentence))
    }
}

/// A confirmed transaction's event; without its log the step is known to be done, not what it did.
fn found<'a, T>(
    events: &'a [Event],
    signature: &Signature,
    pick: impl Fn(&'a Event) -> Option<&'a T>,
) -> Result<&'a T> {
    events
        .iter()
        .find_map(pick)
        .ok_or_else(|| anyhow!("{signature} was confirmed, but the node does not have its log"))
}

/// Picks one kind of event.
macro_rules! pick {
    ($name:ident) => {
        |event| match event {
            plimsoll_client::events::Event::$name(found) => Some(&**found),
            _ => None,
        }
    };
}
use pick;
