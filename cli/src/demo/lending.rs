//! The other side of the farmer's night: an underwriter opens a vault with its own junior stake, a
//! provider buys shares of it, and two of the farmers get committed lines, one large enough for this fall
//! and one not. All of it by signed transactions; only the hour of notice is put on the chain's clock.

use std::sync::Arc;

use anyhow::{ensure, Result};
use plimsoll_client::engine::credit::line::LineTerms;
use plimsoll_client::engine::state::MarginAccount;
use plimsoll_client::instructions::{CreditKeys, LoanAccounts, VaultAccounts};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use super::cast::{deposit, keeper, lenders, shard_of, Farm, Role, Trader};
use super::liquidator::Read;
use super::money::USD;
use super::story::MINUTE;
use super::tally::Kind;
use super::traffic::{Outgoing, Traffic};
use super::venue::Venue;
use crate::localnet::RunningLocalnet;

/// Number of the vault among the underwriter's.
const VAULT_ID: u16 = 1;
/// Between a redemption's request and its payment, and between a line's acceptance and its start, seconds.
const NOTICE_SECONDS: u32 = 3_600;
/// Junior stake of the underwriter and cash of the provider, quote atoms.
const JUNIOR: u64 = 5_000 * USD;
pub const PROVIDED: u64 = 45_000 * USD;
/// Limits of the two lines, quote atoms.
const LIMIT_COVERED: u64 = 2_500 * USD;
const LIMIT_THIN: u64 = 400 * USD;
/// What a farmer's forward sale pays in the morning, quote atoms.
pub const MORNING_CASH: u64 = 2_500 * USD;
/// Largest notional that the mandate covers, quote atoms.
const MANDATE: u64 = 30_000 * USD;

/// The vault and who stands behind it.
#[derive(Clone, Debug)]
pub struct Lending {
    underwriter: Arc<Keypair>,
    provider: Arc<Keypair>,
    pub vault: Pubkey,
}

impl Lending {
    fn vault<'a>(&self, venue: &'a Venue) -> VaultAccounts<'a> {
        VaultAccounts {
            addresses: &venue.addresses,
            underwriter: self.underwriter.pubkey(),
            id: VAULT_ID,
        }
    }
}

/// What both sign: only longs of the first market, and the whole line at once if need be.
fn terms(venue: &Venue, limit: u64) -> LineTerms {
    let mut terms = LineTerms {
        limit,
        equity_floor: 0,
        minute_cap: limit,
        drawn_rate_ppm: 120_000,
        undrawn_rate_ppm: 20_000,
        call_seconds: 43_200,
        recall_notice_seconds: 3_600,
        position_age_seconds_min: 0,
        committed: true,
        sides: 1,
        markets_len: 1,
        mandate_notional: [0; 8],
        mandate_markets: [[0; 32]; 8],
    };
    if let (Some(notional), Some(market), Some(listed)) = (
        terms.mandate_notional.first_mut(),
        terms.mandate_markets.first_mut(),
        venue.markets.first(),
    ) {
        *notional = MANDATE;
        *market = listed.address.to_bytes();
    }
    terms
}

const fn limit(farm: Farm) -> Option<u64> {
    match farm {
        Farm::Covered => Some(LIMIT_COVERED),
        Farm::Thin => Some(LIMIT_THIN),
        Farm::Bare => None,
    }
}

fn said(signer: &Arc<Keypair>, built: Instruction) -> Outgoing {
    Outgoing {
        kind: Kind::Credit,
        instructions: vec![built],
        signer: Arc::clone(signer),
    }
}

fn loan<'a>(
    venue: &'a Venue,
    trader: &Trader,
    account: &'a MarginAccount,
    keys: CreditKeys,
) -> LoanAccounts<'a> {
    LoanAccounts {
        addresses: &venue.addresses,
        margin_account: trader.account,
        account,
        keys,
    }
}

/// Opens the vault, sells its shares, and gives the farmers their lines.
pub async fn open(
    running: &RunningLocalnet,
    venue: &Venue,
    traffic: &Arc<Traffic>,
    traders: &mut [Trader],
) -> Result<Lending> {
    let [underwriter, provider] = lenders();
    let own = running
        .faucet
        .mint_to(&underwriter.pubkey(), JUNIOR)
        .await?;
    let provided = running.faucet.mint_to(&provider.pubkey(), PROVIDED).await?;
    let mut lending = Lending {
        underwriter,
        provider,
        vault: Pubkey::default(),
    };
    let accounts = lending.vault(venue);
    let vault = accounts.vault();
    let mut opening = vec![
        said(&lending.underwriter, accounts.open(NOTICE_SECONDS)),
        said(
            &lending.underwriter,
            accounts.buy_shares(lending.underwriter.pubkey(), own, JUNIOR, true),
        ),
        said(
            &lending.provider,
            accounts.buy_shares(lending.provider.pubkey(), provided, PROVIDED, false),
        ),
    ];
    let mut starting = Vec::new();
    for trader in &mut *traders {
        let Role::Farmer(farm) = trader.role else {
            continue;
        };
        let (Some(limit), Some(margin)) = (limit(farm), &trader.margin) else {
            continue;
        };
        let keys = accounts.keys(&trader.account);
        let terms = terms(venue, limit);
        let loan = loan(venue, trader, margin, keys);
        opening.push(said(
            &lending.underwriter,
            accounts.offer_line(trader.account, terms),
        ));
        opening.push(said(&trader.key, loan.accept_line(terms)));
        starting.push(said(&keeper(), loan.activate_line()));
        trader.credit = Some(keys);
    }
    Arc::clone(traffic).submit(opening).await.await;
    // The notice: whoever wants to leave the vault because of the new lines comes first. Then the clock
    // stands at a whole minute until the tape begins, so that every run owes the same interest.
    let clock = running.localnet.clock();
    clock.hold();
    let noticed = clock.now() + i64::from(NOTICE_SECONDS) + MINUTE;
    clock.advance_to(noticed - noticed.rem_euclid(MINUTE));
    Arc::clone(traffic).submit(starting).await.await;
    lending.vault = vault;
    let credit = traffic.tally().of(Kind::Credit);
    ensure!(
        credit.confirmed == credit.sent,
        "the vault and its lines could not be set up: {:?} {:?}",
        traffic.tally().failures(),
        traffic.tally().refusals()
    );
    Ok(lending)
}

/// The morning's first half: the forward sale of the farmer with the line pays.
pub fn proceeds(venue: &Venue, traders: &[Trader]) -> Vec<Outgoing> {
    let covered = traders
        .iter()
        .filter(|trader| trader.role == Role::Farmer(Farm::Covered));
    covered
        .map(|trader| {
            let built = deposit(venue, trader, MORNING_CASH);
            trader.says(Kind::Deposit, vec![built])
        })
        .collect()
}

/// The second half: anyone, here the keeper, has the vault paid back out of the cash of those who owe it.
/// The program says no where own equity does not carry what is left of the position.
pub fn repayments(venue: &Venue, traders: &[Trader], reads: &[Read]) -> Vec<Outgoing> {
    let caller = keeper();
    let all = traders.iter().zip(reads);
    all.filter_map(|(trader, Read { margin, .. })| {
        let keys = trader.credit?;
        if margin.credit_principal == 0 && margin.credit_interest == 0 {
            return None;
        }
        let loan = loan(venue, trader, margin, keys);
        let built = loan.repay_from_cash(caller.pubkey(), shard_of(trader), u64::MAX);
        Some(said(&caller, built))
    })
    .collect()
}

/// Has what is still lent valued as a leaving provider would be paid for it; anyone may.
pub fn valuations(venue: &Venue, traders: &[Trader], reads: &[Read]) -> Vec<Outgoing> {
    let caller = keeper();
    let all = traders.iter().zip(reads);
    all.filter_map(|(trader, Read { margin, .. })| {
        let keys = trader.credit?;
        let loan = loan(venue, trader, margin, keys);
        (margin.credit_principal != 0).then(|| said(&caller, loan.value_line()))
    })
    .collect()
}
