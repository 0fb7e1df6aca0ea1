//! `plimsoll admin`: changes of the exchange and its markets, authority, guardian, wind-up (spec §11).

mod checks;
mod show;

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, Subcommand};
use plimsoll_client::engine::governance::GUARD_SECONDS_MAX;
use plimsoll_client::engine::state::PendingChange;
use plimsoll_client::{instructions, ChangeArgs};
use serde::Serialize;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use self::checks::Role;
use crate::keys;
use crate::markets::{self, ListedMarket};
use crate::output::time;
use crate::session::Session;
use crate::traders::send;
use crate::units::parse_percent;

/// Subcommands of `plimsoll admin`.
#[derive(Subcommand, Debug)]
pub(crate) enum AdminCommand {
    /// Queue a change; the authority
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Apply a change that is due; anyone may
    Apply(ChangeNumber),
    /// Take a change back; the authority
    Cancel(ChangeNumber),
    /// Queued changes: what is in force, what is to be, and from when
    Show {
        /// Number of the change [default: all]
        id: Option<u64>,
    },
    /// Offer the authority to another address, a multisig's for example
    OfferAuthority {
        /// Who may accept it; 11111111111111111111111111111111 withdraws an offer
        next: Pubkey,
    },
    /// Accept the authority that was offered to the signer
    AcceptAuthority,
    /// Set a market reduce-only for at most a day, or open it again; the guardian
    Guard(GuardArgs),
    /// Close every position of a market at its last mark; anyone may, once its index is dead
    WindUp {
        /// Symbol or address
        market: String,
    },
}

/// Arguments of `apply` and `cancel`.
#[derive(Args, Debug)]
pub(crate) struct ChangeNumber {
    /// Number of the change
    id: u64,
}

/// Arguments of `guard`.
#[derive(Args, Debug)]
pub(crate) struct GuardArgs {
    /// Symbol or address
    market: String,
    /// How long, a day at most
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(GUARD_SECONDS_MAX)))]
    seconds: u32,
    /// Open it again now; the authority may as well
    #[arg(long, conflicts_with = "seconds")]
    lift: bool,
}

/// What is to change.
#[derive(Subcommand, Debug)]
pub(crate) enum QueueCommand {
    /// A market's parameters, to what the cluster's file says
    Market {
        /// Symbol, as in the file
        market: String,
    },
    /// How swept trading fees are split; together 100%
    FeeSplit {
        /// Default fund's share
        default_fund: String,
        /// Keeper pool's share
        keeper_pool: String,
        /// Treasury's share
        treasury: String,
    },
    /// The two timelocks, seconds
    Timelocks {
        /// Of most changes
        slow: u32,
        /// Of what only tightens new risk
        tightening: u32,
    },
    /// Who may set markets reduce-only
    Guardian {
        /// Its address
        guardian: Pubkey,
    },
    /// Where the treasury's fees are paid to
    Treasury {
        /// A token account of the collateral
        token_account: Pubkey,
    },
}

pub(crate) async fn run(session: &Session, command: AdminCommand) -> Result<()> {
    match command {
        AdminCommand::Queue(change) => queue(session, change).await,
        AdminCommand::Apply(args) => apply(session, args.id).await,
        AdminCommand::Cancel(args) => cancel(session, args.id).await,
        AdminCommand::Show { id } => show::run(session, id).await,
        AdminCommand::OfferAuthority { next } => offer(session, next).await,
        AdminCommand::AcceptAuthority => accept(session).await,
        AdminCommand::Guard(args) => guard(session, &args).await,
        AdminCommand::WindUp { market } => wind_up(session, &market).await,
    }
}

/// The key that acts in one of the roles: on a localnet the published one where it holds one, else the signer's.
fn signer_for(session: &Session, roles: &[Role]) -> Result<Keypair> {
    if session.config.published_keys {
        let published = keys::localnet_authority()?;
        if checks::holds(&published.pubkey(), roles) {
            return Ok(published);
        }
    }
    let signer = session.signer()?;
    checks::authorized(&signer.pubkey(), roles)?;
    Ok(signer)
}

/// One transaction, and one sentence about it.
#[derive(Serialize)]
struct Done {
    did: String,
    signature: String,
}

async fn act(
    session: &Session,
    what: &str,
    instruction: Instruction,
    signer: &Keypair,
    did: String,
) -> Result<()> {
    let signature = send(session, what, &[instruction], &[signer]).await?;
    let done = Done {
        did,
        signature: signature.to_string(),
    };
    session
        .output
        .result(&done, || format!("{}\n{}", done.did, done.signature))
}

async fn pending(session: &Session, id: u64) -> Result<PendingChange> {
    let address = session.addresses()?.pending_change(id);
    session
        .connection
        .pending_change(&address)
        .await
        .with_context(|| {
            format!("change {id} cannot be read; `plimsoll admin show` lists what is queued")
        })
}

async fn queue(session: &Session, command: QueueCommand) -> Result<()> {
    let addresses = session.addresses()?;
    let exchange = session.connection.exchange(&addresses.exchange).await?;
    let signer = signer_for(session, &[("authority", exchange.authority)])?;
    let (change, target) = match command {
        QueueCommand::Market { market } => {
            let found = markets::find(session, &market).await?;
            (file_parameters(session, &found)?, Some(found.address))
        }
        QueueCommand::FeeSplit {
            default_fund,
            keeper_pool,
            treasury,
        } => {
            let shares_ppm = [
                parse_percent(&default_fund)?,
                parse_percent(&keeper_pool)?,
                parse_percent(&treasury)?,
            ];
            checks::fee_split(&shares_ppm)?;
            (ChangeArgs::FeeSplit { shares_ppm }, None)
        }
        QueueCommand::Timelocks { slow, tightening } => {
            checks::timelocks(slow, tightening)?;
            (ChangeArgs::Timelocks { slow, tightening }, None)
        }
        QueueCommand::Guardian { guardian } => (ChangeArgs::Guardian { guardian }, None),
        QueueCommand::Treasury { token_account } => (ChangeArgs::Treasury, Some(token_account)),
    };
    let id = exchange.pending_changes;
    let key = signer.pubkey();
    let instruction = instructions::queue_change(&addresses, key, key, id, target, change);
    session.output.confirm(&format!("Queue change {id}?"))?;
    send(session, "queueing a change", &[instruction], &[&signer]).await?;
    show::run(session, Some(id)).await
}

/// The parameters that the cluster's file gives the market.
fn file_parameters(session: &Session, found: &ListedMarket) -> Result<ChangeArgs> {
    let symbol = found.symbol();
    let plan = session
        .config
        .markets
        .iter()
        .find(|plan| plan.symbol == symbol)
        .with_context(|| format!("the file of {} has no market {symbol}", session.config.name))?;
    ensure!(
        plan.params != found.header.params,
        "the file of {} and the chain have the same parameters for {symbol}",
        session.config.name
    );
    Ok(ChangeArgs::Market {
        params: plan.params,
    })
}

async fn apply(session: &Session, id: u64) -> Result<()> {
    let change = pending(session, id).await?;
    let now = session.connection.chain_time().await?;
    if now < change.applies_from {
        bail!(
            "change {id} may be applied from {} on",
            time(change.applies_from)
        );
    }
    let instruction = instructions::apply_change(&session.addresses()?, &change);
    let did = format!("Change {id} is in force.");
    act(
        session,
        "applying a change",
        instruction,
        &session.signer()?,
        did,
    )
    .await
}

async fn cancel(session: &Session, id: u64) -> Result<()> {
    let addresses = session.addresses()?;
    let change = pending(session, id).await?;
    let exchange = session.connection.exchange(&addresses.exchange).await?;
    let signer = signer_for(session, &[("authority", exchange.authority)])?;
    let instruction = instructions::cancel_change(&addresses, signer.pubkey(), &change);
    let did = format!("Change {id} is taken back.");
    act(session, "taking a change back", instruction, &signer, did).await
}

async fn offer(session: &Session, next: Pubkey) -> Result<()> {
    let addresses = session.addresses()?;
    let exchange = session.connection.exchange(&addresses.exchange).await?;
    let signer = signer_for(session, &[("authority", exchange.authority)])?;
    let instruction = instructions::offer_authority(&addresses, signer.pubkey(), next);
    let did = if next == Pubkey::default() {
        "The offer is withdrawn.".to_owned()
    } else {
        format!(
            "{next} may accept the authority; until then {} has it.",
            signer.pubkey()
        )
    };
    session.output.confirm("Offer the authority?")?;
    act(session, "offering the authority", instruction, &signer, did).await
}

async fn accept(session: &Session) -> Result<()> {
    let addresses = session.addresses()?;
    let exchange = session.connection.exchange(&addresses.exchange).await?;
    let signer = session.signer()?;
    checks::offered(&signer.pubkey(), &exchange.pending_authority)?;
    let instruction = instructions::accept_authority(&addresses, signer.pubkey());
    let did = format!("{} is the authority.", signer.pubkey());
    act(
        session,
        "accepting the authority",
        instruction,
        &signer,
        did,
    )
    .await
}

async fn guard(session: &Session, args: &GuardArgs) -> Result<()> {
    let addresses = session.addresses()?;
    let exchange = session.connection.exchange(&addresses.exchange).await?;
    let mut roles = vec![("guardian", exchange.guardian)];
    if args.lift {
        roles.push(("authority", exchange.authority));
    }
    let signer = signer_for(session, &roles)?;
    let market = markets::find(session, &args.market).await?;
    let (key, symbol) = (signer.pubkey(), market.symbol());
    let (instruction, did) = if args.lift {
        (
            instructions::lift_guard(&addresses, key, market.address),
            format!("{symbol} is open again."),
        )
    } else {
        let now = session.connection.chain_time().await?;
        checks::guard(&market.header, &symbol, now)?;
        (
            instructions::guard_market(&addresses, key, market.address, args.seconds),
            format!(
                "{symbol} takes only what reduces for {} seconds.",
                args.seconds
            ),
        )
    };
    act(session, "guarding the market", instruction, &signer, did).await
}

async fn wind_up(session: &Session, name: &str) -> Result<()> {
    let market = markets::find(session, name).await?;
    let symbol = market.symbol();
    let now = session.connection.chain_time().await?;
    checks::wind_up(&market.header, &symbol, now)?;
    session
        .output
        .confirm(&format!("Close every position of {symbol} for ever?"))?;
    let instruction = instructions::wind_up_market(&session.addresses()?, market.address);
    let did = format!(
        "{symbol} is wound up at {}: settle, release and withdraw.",
        market.units().price_q32(market.header.prices.mark)
    );
    act(
        session,
        "winding the market up",
        instruction,
        &session.signer()?,
        did,
    )
    .await
}
