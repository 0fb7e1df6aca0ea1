//! Vaults and their shares.

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, Subcommand};
use plimsoll_client::addresses;
use plimsoll_client::engine::state::{CreditVault, VaultStake};
use plimsoll_client::engine::EngineError;
use plimsoll_client::rpc::RpcError;
use solana_pubkey::Pubkey;

use super::{found, listed, pick, underwriter, Desk, Done, VaultArgs};
use crate::output::time;
use crate::session::Session;
use crate::units::{parse_usd, usd_unsigned};

/// Subcommands of `plimsoll credit vault`.
#[derive(Subcommand, Debug)]
pub(crate) enum VaultCommand {
    /// Open a vault of one's own
    Open(OpenArgs),
    /// Buy shares of a vault; as its underwriter, also junior ones
    Buy(BuyArgs),
    /// Ask for shares back in cash, or take the request back
    Redeem(RedeemArgs),
    /// Pay the redemption that is first in the queue, as far as cash is not reserved; anyone may
    Pay(PayArgs),
    /// Turn junior shares into ordinary ones of the underwriter
    ReleaseJunior(ReleaseArgs),
    /// The underwriter's view: values, lines, concentration, and what a fall of 20% would cost
    Show(ShowArgs),
}

/// Arguments of `plimsoll credit vault open`.
#[derive(Args, Debug)]
pub(crate) struct OpenArgs {
    /// Number of the vault among one's own
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    id: u16,
    /// Seconds from a redemption's request to its payment, and from a line's acceptance to its start
    #[arg(long, default_value_t = 86_400, value_name = "SECONDS")]
    notice: u32,
}

/// Arguments of `plimsoll credit vault buy`.
#[derive(Args, Debug)]
pub(crate) struct BuyArgs {
    #[command(flatten)]
    vault: VaultArgs,
    /// USDC
    amount: String,
    /// Lock them as the underwriter's junior stake, which loses first
    #[arg(long)]
    junior: bool,
}

/// Arguments of `plimsoll credit vault redeem`.
#[derive(Args, Debug)]
pub(crate) struct RedeemArgs {
    #[command(flatten)]
    vault: VaultArgs,
    /// Number of shares, or `all`; `credit vault show` says what a billion of them are worth
    #[arg(required_unless_present = "cancel")]
    shares: Option<String>,
    /// Take the waiting request back
    #[arg(long, conflicts_with = "shares")]
    cancel: bool,
}

/// Arguments of `plimsoll credit vault pay`.
#[derive(Args, Debug)]
pub(crate) struct PayArgs {
    #[command(flatten)]
    vault: VaultArgs,
    /// Provider who is first in the queue [default: found by the queue's ticket]
    #[arg(long, value_name = "ADDRESS")]
    provider: Option<Pubkey>,
}

/// Arguments of `plimsoll credit vault release-junior`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    vault: VaultArgs,
    /// Number of shares
    shares: u64,
}

/// Arguments of `plimsoll credit vault show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(super) vault: VaultArgs,
    /// Fall of every mark whose cost is shown
    #[arg(long, default_value = "20%", value_name = "PERCENT")]
    pub(super) fall: String,
}

pub(super) async fn run(session: &Session, command: VaultCommand) -> Result<()> {
    match command {
        VaultCommand::Open(args) => open(session, &args).await,
        VaultCommand::Buy(args) => buy(session, &args).await,
        VaultCommand::Redeem(args) => redeem(session, &args).await,
        VaultCommand::Pay(args) => pay(session, &args).await,
        VaultCommand::ReleaseJunior(args) => release(session, &args).await,
        VaultCommand::Show(args) => underwriter::show(session, &args).await,
    }
}

async fn open(session: &Session, args: &OpenArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let accounts = plimsoll_client::instructions::VaultAccounts {
        addresses: &desk.addresses,
        underwriter: desk.signer(),
        id: args.id,
    };
    let question = format!(
        "Open vault {} with a redemption notice of {} s? The notice is fixed then.",
        args.id, args.notice
    );
    let instruction = accounts.open(args.notice);
    let doing = "opening the vault";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    let opened = found(&events, &signature, pick!(VaultOpened))?;
    Done::new(format!(
        "Vault {} is open. It lends only what its shares bring: `plimsoll credit vault buy --junior` first.",
        opened.vault
    ))
    .with("vault", opened.vault)
    .with("underwriter", opened.underwriter)
    .with("id", opened.id)
    .with("redemption_notice_seconds", opened.redemption_notice_seconds)
    .print(session, &signature)
}

async fn buy(session: &Session, args: &BuyArgs) -> Result<()> {
    let amount = parse_usd(&args.amount)?;
    let desk = Desk::new(session)?;
    let (address, vault) = desk.vault(session, &args.vault).await?;
    let provider = desk.signer();
    ensure!(
        !args.junior || provider.to_bytes() == vault.underwriter,
        "junior shares are the underwriter's alone"
    );
    let source = desk.wallet(&provider);
    let instruction = desk
        .accounts(&vault)
        .buy_shares(provider, source, amount, args.junior);
    let kind = if args.junior {
        "junior shares"
    } else {
        "shares"
    };
    let question = format!(
        "Buy {kind} of vault {address} for {} USDC? They come back only through its queue, after {} s of notice.",
        usd_unsigned(amount),
        vault.redemption_notice_seconds
    );
    let doing = "buying shares";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    let bought = found(&events, &signature, pick!(SharesBought))?;
    Done::new(format!(
        "{} {kind} for {} USDC.",
        bought.shares,
        usd_unsigned(bought.amount)
    ))
    .with("vault", address)
    .with("amount", usd_unsigned(bought.amount))
    .with("shares", bought.shares)
    .with("junior", bought.junior)
    .balances(&bought.balances)
    .print(session, &signature)
}

async fn stake_of(
    session: &Session,
    desk: &Desk,
    vault: &Pubkey,
    provider: &Pubkey,
) -> Result<VaultStake> {
    let address = addresses::vault_stake(&desk.addresses.program, vault, provider);
    let stake = session.connection.vault_stake(&address).await;
    stake.with_context(|| format!("{provider} owns no share of vault {vault}"))
}

async fn redeem(session: &Session, args: &RedeemArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, vault) = desk.vault(session, &args.vault).await?;
    let provider = desk.signer();
    let stake = stake_of(session, &desk, &address, &provider).await?;
    let accounts = desk.accounts(&vault);
    if args.cancel {
        let instruction = accounts.cancel_redemption(provider);
        let question = "Take the redemption request back?";
        let doing = "taking the request back";
        let (signature, events) = desk.step(session, doing, question, instruction).await?;
        let cancelled = found(&events, &signature, pick!(RedemptionCancelled))?;
        return Done::new(format!("{} shares wait no more.", cancelled.shares))
            .with("vault", address)
            .with("shares", cancelled.shares)
            .balances(&cancelled.balances)
            .print(session, &signature);
    }
    let shares = match args.shares.as_deref() {
        Some("all") => stake.shares,
        Some(number) => number
            .parse()
            .with_context(|| format!("{number:?} is no number of shares"))?,
        None => bail!("name a number of shares"),
    };
    let instruction = accounts.request_redemption(provider, shares);
    let question = format!(
        "Ask for {shares} of {} shares back? They are paid after {} s at the lower of their value now and then.",
        stake.shares, vault.redemption_notice_seconds
    );
    let doing = "the redemption request";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    let requested = found(&events, &signature, pick!(RedemptionRequested))?;
    Done::new(format!(
        "{} shares wait with ticket {}; at most {} USDC will be paid for them.",
        requested.shares,
        requested.ticket,
        usd_unsigned(requested.value)
    ))
    .with("vault", address)
    .with("ticket", requested.ticket)
    .with("shares", requested.shares)
    .with("value", usd_unsigned(requested.value))
    .balances(&requested.balances)
    .print(session, &signature)
}

/// The provider whose ticket is the first of the queue.
async fn first_in_queue(
    session: &Session,
    desk: &Desk,
    address: &Pubkey,
    vault: &CreditVault,
) -> Result<Pubkey> {
    ensure!(
        vault.head_ticket != vault.next_ticket,
        "nobody waits in the queue of vault {address}"
    );
    let mut stakes = listed::stakes(session, desk, address).await?.into_iter();
    let first = stakes.find(|stake| stake.ticket == vault.head_ticket);
    let first = first.with_context(|| format!("no stake has ticket {}", vault.head_ticket))?;
    Ok(first.provider.into())
}

async fn pay(session: &Session, args: &PayArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, vault) = desk.vault(session, &args.vault).await?;
    let provider = match args.provider {
        Some(provider) => provider,
        None => first_in_queue(session, &desk, &address, &vault).await?,
    };
    let now = session.connection.chain_time().await?;
    let stake = stake_of(session, &desk, &address, &provider).await?;
    let notice = i64::from(vault.redemption_notice_seconds);
    let due = stake.requested_at.saturating_add(notice);
    ensure!(
        stake.ticket != vault.head_ticket || stake.queued_shares == 0 || now >= due,
        "RedemptionNotDue: the first redemption, of {provider}, may be paid from {} UTC on",
        time(due)
    );
    let destination = desk.wallet(&provider);
    let mut instruction = desk.accounts(&vault).pay_redemption(&provider, destination);
    // The provider's own signature accepts less than the request's value before the second notice.
    if provider == desk.signer() {
        if let Some(first) = instruction.accounts.first_mut() {
            first.is_signer = true;
        }
    }
    let question = format!("Pay the redemption of {provider} out of vault {address}?");
    let doing = "paying the redemption";
    let stepped = desk.step(session, doing, &question, instruction).await;
    let (signature, events) = stepped.map_err(|error| {
        if now < due || !is_not_due(&error) {
            return error;
        }
        error.context(format!(
            "it is worth less than when it was requested: until {} UTC only {provider} may take that",
            time(due.saturating_add(notice))
        ))
    })?;
    let paid = found(&events, &signature, pick!(RedemptionPaid))?;
    Done::new(format!(
        "{} USDC paid to {provider} for {} shares; {} still wait.",
        usd_unsigned(paid.amount),
        paid.shares,
        paid.shares_left
    ))
    .with("vault", address)
    .with("provider", provider)
    .with("amount", usd_unsigned(paid.amount))
    .with("shares", paid.shares)
    .with("shares_left", paid.shares_left)
    .balances(&paid.balances)
    .print(session, &signature)
}

fn is_not_due(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<RpcError>();
    refused.and_then(RpcError::engine_error) == Some(EngineError::RedemptionNotDue)
}

async fn release(session: &Session, args: &ReleaseArgs) -> Result<()> {
    let desk = Desk::new(session)?;
    let (address, vault) = desk.vault(session, &args.vault).await?;
    let instruction = desk.accounts(&vault).release_junior(args.shares);
    let question = format!(
        "Release {} of {} junior shares into the underwriter's ordinary stake?",
        args.shares, vault.junior_shares
    );
    let doing = "releasing junior shares";
    let (signature, events) = desk.step(session, doing, &question, instruction).await?;
    let released = found(&events, &signature, pick!(JuniorReleased))?;
    Done::new(format!(
        "{} junior shares are ordinary ones now.",
        released.shares
    ))
    .with("vault", address)
    .with("shares", released.shares)
    .balances(&released.balances)
    .print(session, &signature)
}
