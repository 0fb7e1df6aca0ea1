//! The book of lines that a trial plays: one vault, its lines, their borrowers and markets.

use std::path::Path;

use anyhow::{bail, Context, Result};
use solana_pubkey::Pubkey;

use crate::config::table::{table, Field};

/// Lines of a vault at most.
const LINES_MAX: usize = plimsoll_engine::state::VAULT_LINES_MAX;

table! {
    /// The file as written. Amounts are millionths of a USDC, ratios ppm, times seconds.
    Book {
        /// Below the mark (above it of a short) at which somebody takes a position over from a liquidation, ppm.
        takeover_discount_ppm: u64 = 5_000,
        /// Default fund, from which tear-ups are paid first.
        default_fund: u64 = 0,
        /// For which the last prices stand after the tapes have ended.
        after_seconds: u64 = 0,
        vault: VaultRow = VaultRow::default(),
        markets @ "market": Vec<MarketRow> = Vec::new(),
        lines @ "line": Vec<LineRow> = Vec::new(),
    }
}

table! {
    /// The vault before the first second.
    VaultRow {
        /// Paid in by the underwriter, and by others.
        junior: u64 = 0,
        ordinary: u64 = 0,
        /// What the underwriter can still pay in.
        wallet: u64 = 0,
        redemption_notice_seconds: u64 = 3_600,
    }
}

table! {
    /// A market; parameters that are not here have their defaults.
    MarketRow {
        symbol: String = String::new(),
        initial_margin_ppm: u64 = 110_000,
        taker_fee_ppm: u64 = 500,
        liquidation_contribution_ppm: u64 = 2_500,
        velocity_short_ppm: u64 = 50_000,
        velocity_short_seconds: u64 = 30,
        /// Position from which on margin grows with size, at the first price; 0: never.
        size_free: u64 = 0,
    }
}

table! {
    /// A line and its borrower.
    LineRow {
        name: String = String::new(),
        /// Address by which a class of the policy names the borrower; one made up when absent.
        trader: Option<String> = None,
        /// Cash of the margin account before the first second.
        collateral: u64 = 0,
        limit: u64 = 0,
        /// Reserved one to one; else each draw needs a consent, which the policy gives or nobody.
        committed: bool = true,
        equity_floor: u64 = 0,
        /// Most drawn within a minute; 0: the limit.
        minute_cap: u64 = 0,
        /// A year, ppm.
        drawn_rate_ppm: u64 = 120_000,
        undrawn_rate_ppm: u64 = 10_000,
        call_seconds: u64 = 43_200,
        recall_notice_seconds: u64 = 86_400,
        /// The borrower repays out of this much money from elsewhere, this long after a call's start.
        pays_in: u64 = 0,
        pays_after_seconds: u64 = 0,
        positions @ "position": Vec<PositionRow> = Vec::new(),
    }
}

table! {
    /// A position opened at the first price.
    PositionRow {
        market: String = String::new(),
        /// `long` or `short`.
        side: String = "long".to_owned(),
        notional: u64 = 0,
    }
}

impl Book {
    /// Reads the file and names every mistake in it at once.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or holds mistakes.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}", path.display()))
    }

    /// The same of a text.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str) -> Result<Self> {
        let rows: toml::Table = text.parse()?;
        let mut mistakes = Vec::new();
        let book = Self::read(toml::Value::Table(rows), "", &mut mistakes).unwrap_or_default();
        book.look(&mut mistakes);
        if !mistakes.is_empty() {
            bail!("{} mistakes\n  {}", mistakes.len(), mistakes.join("\n  "));
        }
        Ok(book)
    }

    fn look(&self, mistakes: &mut Vec<String>) {
        let mut when = |is: bool, what: String| {
            if is {
                mistakes.push(what);
            }
        };
        when(self.markets.is_empty(), "no [[market]] is listed".into());
        when(self.lines.is_empty(), "no [[line]] is listed".into());
        let many = self.lines.len() > LINES_MAX;
        when(many, format!("a vault has at most {LINES_MAX} lines"));
        let discount = self.takeover_discount_ppm;
        when(
            discount > 500_000,
            format!("takeover_discount_ppm: {discount} is over 500000"),
        );
        for (line, place) in self.lines.iter().zip(1_usize..) {
            let at = format!("line {place} ({})", line.name);
            when(
                line.name.is_empty(),
                format!("line {place}.name is missing"),
            );
            let before = self.lines.iter().take(place.saturating_sub(1));
            let twice = before.clone().any(|other| other.name == line.name);
            when(twice, format!("{at}: the name is given twice"));
            if let Some(trader) = &line.trader {
                let bad = trader.parse::<Pubkey>().is_err();
                when(bad, format!("{at}.trader: `{trader}` is no public key"));
            }
            when(
                line.positions.is_empty(),
                format!("{at}: no [[line.position]] is listed"),
            );
            for position in &line.positions {
                let (market, side) = (&position.market, &position.side);
                let known = self.markets.iter().any(|row| row.symbol == *market);
                when(!known, format!("{at}.position: no market `{market}`"));
                let sided = ["long", "short"].contains(&side.as_str());
                when(!sided, format!("{at}.position.side: `{side}`"));
                when(
                    position.notional == 0,
                    format!("{at}.position.notional is 0"),
                );
                let of_market = line.positions.iter();
                let of_market = of_market.filter(|other| other.market == *market);
                let text = format!("{at}: two positions in {market}");
                when(of_market.count() > 1, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Book;
    use crate::config::table::{says, Field as _};

    const EXAMPLE: &str = include_str!("../../../book.example.toml");

    #[test]
    fn the_example_is_sound_and_shows_every_field_there_is() {
        Book::parse(EXAMPLE).expect("a book");
        let mut names = Vec::new();
        Book::fields("", &mut names);
        let said: toml::Table = EXAMPLE.parse().expect("TOML");
        let said = toml::Value::Table(said);
        let unsaid: Vec<&String> = names.iter().filter(|name| !says(&said, name)).collect();
        assert!(unsaid.is_empty(), "{unsaid:?}");
    }

    #[test]
    fn every_mistake_is_named() {
        let text = "takeover_discount_ppm = 500001\n[[market]]\nsymbol = 'A'\nsize = 1\n[[line]]\nname = 'x'\n\
             trader = 'me'\n[[line]]\nname = 'x'\n[[line.position]]\nmarket = 'B'\nside = 'up'\n";
        let error = format!("{:#}", Book::parse(text).expect_err("mistakes"));
        for named in [
            "market 1.size: no such field",
            "takeover_discount_ppm: 500001",
            "line 1 (x).trader: `me`",
            "line 1 (x): no [[line.position]]",
            "line 2 (x): the name is given twice",
            "line 2 (x).position: no market `B`",
            "line 2 (x).position.side: `up`",
            "line 2 (x).position.notional is 0",
        ] {
            assert!(error.contains(named), "{named}: {error}");
        }
        assert!(error.starts_with("8 mistakes"), "{error}");
    }
}
