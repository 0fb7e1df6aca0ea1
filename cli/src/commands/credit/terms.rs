//! A line's terms, as people write and read them.

use anyhow::{bail, ensure, Context, Result};
use clap::{Args, ValueEnum};
use plimsoll_client::engine::state::MANDATE_MARKETS_MAX;
use plimsoll_client::LineTerms;
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::markets;
use crate::session::Session;
use crate::units::{parse_percent, parse_usd, percent, usd_unsigned};

/// Sides of positions that a line may be drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sides {
    Long,
    Short,
    Both,
}

impl Sides {
    /// Bit 0 longs, bit 1 shorts.
    const fn bits(self) -> u8 {
        match self {
            Self::Long => 1,
            Self::Short => 2,
            Self::Both => 3,
        }
    }
}

/// The terms of an offer, which both sign and which are fixed then.
#[derive(Args, Debug)]
pub(crate) struct TermsArgs {
    /// Most that may be drawn, USDC
    #[arg(long, value_name = "USDC")]
    limit: String,
    /// Reserve the limit one to one; without it each draw needs a consent, and the line promises nothing
    #[arg(long)]
    committed: bool,
    /// A market and the largest position in it that is lent on, USDC of notional; repeat for several
    #[arg(long, value_name = "MARKET=USDC", required = true)]
    mandate: Vec<String>,
    /// Sides of positions that are lent on
    #[arg(long, default_value = "both")]
    sides: Sides,
    /// Rate on what is drawn, a year
    #[arg(long, default_value = "0%", value_name = "PERCENT")]
    drawn_rate: String,
    /// Rate on what is not drawn, a year
    #[arg(long, default_value = "0%", value_name = "PERCENT")]
    undrawn_rate: String,
    /// Seconds from the first draw to the end of its margin call
    #[arg(long, default_value_t = 43_200, value_name = "SECONDS")]
    call_seconds: u32,
    /// Seconds from a recall to its effect
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
    recall_seconds: u32,
    /// Positions younger than this, weighted by size, draw nothing; seconds
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    position_age: u32,
    /// Own equity below which nothing is drawn, USDC
    #[arg(long, default_value = "0", value_name = "USDC")]
    equity_floor: String,
    /// Most that may be drawn within a minute, USDC [default: the limit]
    #[arg(long, value_name = "USDC")]
    minute_cap: Option<String>,
}

impl TermsArgs {
    pub(super) async fn terms(&self, session: &Session) -> Result<LineTerms> {
        let limit = parse_usd(&self.limit).context("--limit")?;
        let minute_cap = match &self.minute_cap {
            Some(cap) => parse_usd(cap).context("--minute-cap")?,
            None => limit,
        };
        let mut terms = LineTerms {
            limit,
            equity_floor: parse_usd(&self.equity_floor).context("--equity-floor")?,
            minute_cap,
            drawn_rate_ppm: parse_percent(&self.drawn_rate).context("--drawn-rate")?,
            undrawn_rate_ppm: parse_percent(&self.undrawn_rate).context("--undrawn-rate")?,
            call_seconds: self.call_seconds,
            recall_notice_seconds: self.recall_seconds,
            position_age_seconds_min: self.position_age,
            committed: self.committed,
            sides: self.sides.bits(),
            markets_len: u8::try_from(self.mandate.len()).unwrap_or(u8::MAX),
            mandate_notional: [0; MANDATE_MARKETS_MAX],
            mandate_markets: [[0; 32]; MANDATE_MARKETS_MAX],
        };
        ensure!(
            self.mandate.len() <= MANDATE_MARKETS_MAX,
            "a mandate names at most {MANDATE_MARKETS_MAX} markets"
        );
        let places = terms
            .mandate_markets
            .iter_mut()
            .zip(&mut terms.mandate_notional);
        for (named, (market, notional)) in self.mandate.iter().zip(places) {
            let Some((name, amount)) = named.split_once('=') else {
                bail!("--mandate {named:?} is not MARKET=USDC");
            };
            *market = markets::find(session, name).await?.address.to_bytes();
            *notional = parse_usd(amount).context("--mandate")?;
        }
        if let Err(error) = terms.validate() {
            bail!("these are no line's terms: {error:?}: {error}");
        }
        Ok(terms)
    }
}

/// The same for people. Amounts are dollars, rates a year.
#[derive(Debug, Serialize)]
pub(super) struct TermsShown {
    pub(super) limit: String,
    committed: bool,
    mandate: Vec<(String, String)>,
    sides: &'static str,
    drawn_rate: String,
    undrawn_rate: String,
    call_seconds: u32,
    recall_seconds: u32,
    position_age_seconds: u32,
    equity_floor: String,
    minute_cap: String,
}

impl TermsShown {
    pub(super) fn of(terms: &LineTerms) -> Self {
        let named = terms.mandate_markets.iter().zip(&terms.mandate_notional);
        Self {
            limit: usd_unsigned(terms.limit),
            committed: terms.committed,
            mandate: named
                .take(usize::from(terms.markets_len))
                .map(|(market, notional)| {
                    (Pubkey::from(*market).to_string(), usd_unsigned(*notional))
                })
                .collect(),
            sides: match terms.sides {
                1 => "long",
                2 => "short",
                _ => "both",
            },
            drawn_rate: percent(u64::from(terms.drawn_rate_ppm)),
            undrawn_rate: percent(u64::from(terms.undrawn_rate_ppm)),
            call_seconds: terms.call_seconds,
            recall_seconds: terms.recall_notice_seconds,
            position_age_seconds: terms.position_age_seconds_min,
            equity_floor: usd_unsigned(terms.equity_floor),
            minute_cap: usd_unsigned(terms.minute_cap),
        }
    }

    /// Rows of a table.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let kind = if self.committed {
            "committed: the limit is reserved"
        } else {
            "discretionary: each draw needs the underwriter's consent, and nothing is promised"
        };
        let mut rows = vec![
            ("limit", format!("{} USDC", self.limit)),
            ("kind", kind.to_owned()),
            ("rate drawn", format!("{} a year", self.drawn_rate)),
            ("rate undrawn", format!("{} a year", self.undrawn_rate)),
            ("call window", format!("{} s", self.call_seconds)),
            ("recall notice", format!("{} s", self.recall_seconds)),
            (
                "positions at least",
                format!("{} s old", self.position_age_seconds),
            ),
            ("own equity at least", format!("{} USDC", self.equity_floor)),
            ("most in a minute", format!("{} USDC", self.minute_cap)),
            ("sides", self.sides.to_owned()),
        ];
        for (market, notional) in &self.mandate {
            rows.push(("mandate", format!("{notional} USDC in {market}")));
        }
        rows
    }
}
