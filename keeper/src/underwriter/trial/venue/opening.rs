//! How a trial's venue comes about: vault, lines, markets and positions before the first second.

use anyhow::{bail, Context, Result};
use bytemuck::Zeroable as _;
use plimsoll_client::MarketView;
use plimsoll_engine::credit::line::{self, LineParties, LineTerms};
use plimsoll_engine::credit::vault::{self, VaultIdentity};
use plimsoll_engine::params::MarketParams;
use plimsoll_engine::position::{self, SeatFill};
use plimsoll_engine::seats::{self, MarketIdentity, SeatAddresses};
use plimsoll_engine::state::{
    Block, CreditLine, CreditVault, DefaultFund, MarginAccount, MarketHeader, OrderSide,
};
use plimsoll_engine::units::PriceQ32;
use plimsoll_engine::{cash, math, Env};
use plimsoll_tapes::PricePoint;
use solana_pubkey::Pubkey;

use super::{Borrower, Market, Venue};
use crate::underwriter::trial::book::{Book, LineRow, MarketRow};
use crate::underwriter::trial::tally::Tally;

/// Blocks of a market: seats of 33 accounts with a slot each, and what the engine keeps free.
const BLOCKS: u32 = 96;
/// Positions are older than any line asks for, seconds.
const POSITION_AGE: i64 = 2_592_000;
/// Cash of the house, quote atoms: it is never short.
const HOUSE: u64 = 1 << 60;
/// Quote atoms of a whole dollar, and base atoms of a lot.
const DOLLAR_E8: u64 = 100_000_000;
const LOT: u64 = 1_000_000;

/// An address of a trial.
fn address(kind: u8, number: usize) -> Pubkey {
    let mut bytes = [kind; 32];
    let number = u64::try_from(number).unwrap_or(u64::MAX).to_le_bytes();
    bytes
        .iter_mut()
        .zip(number)
        .for_each(|(byte, part)| *byte = part);
    Pubkey::new_from_array(bytes)
}

fn narrow(value: u64, what: &str) -> Result<u32> {
    u32::try_from(value).with_context(|| format!("{what}: {value} is too large"))
}

impl Venue {
    /// Opens vault, lines, markets and positions. `tapes` are the points of each market in the book's order, from
    /// the one that opens it.
    ///
    /// # Errors
    /// What the program would refuse, with the line or market it is about.
    pub(in crate::underwriter::trial) fn open(
        book: &Book,
        tapes: Vec<Vec<PricePoint>>,
        start: i64,
    ) -> Result<Self> {
        let env = Env {
            now: start,
            slot: 1,
        };
        let mut venue = Self {
            book: book.clone(),
            markets: Vec::new(),
            borrowers: Vec::new(),
            vault_address: address(b'V', 0),
            vault: CreditVault::zeroed(),
            fund: DefaultFund {
                balance: book.default_fund,
                ..DefaultFund::zeroed()
            },
            house_address: address(b'H', 0),
            house: margin_account(HOUSE, &address(b'h', 0))?,
            wallet: book.vault.wallet,
            topped_up: 0,
            halts: 0,
            env,
        };
        for ((row, points), number) in book.markets.iter().zip(tapes).zip(0..) {
            let market = market(row, number, points, &env);
            let market = market.with_context(|| format!("market {}", row.symbol))?;
            venue.markets.push(market);
        }
        venue.open_vault()?;
        for (row, number) in book.lines.iter().zip(0..) {
            let opened = venue.open_line(row, number);
            opened.with_context(|| format!("line {}", row.name))?;
        }
        Ok(venue)
    }

    fn notice(&self) -> i64 {
        i64::try_from(self.book.vault.redemption_notice_seconds).unwrap_or(i64::MAX)
    }

    /// As of when lines are offered: so that they can start with the first second.
    fn before(&self) -> Env {
        Env {
            now: self.env.now.saturating_sub(self.notice()),
            slot: 1,
        }
    }

    fn open_vault(&mut self) -> Result<()> {
        let (row, env) = (self.book.vault.clone(), self.before());
        let seconds = row.redemption_notice_seconds;
        let identity = VaultIdentity {
            exchange: [1; 32],
            underwriter: address(b'U', 0).to_bytes(),
            cash_account: address(b'C', 0).to_bytes(),
            id: 1,
            bump: 0,
            cash_bump: 0,
            redemption_notice_seconds: narrow(seconds, "vault.redemption_notice_seconds")?,
        };
        vault::open(&mut self.vault, &identity, &env).context("vault")?;
        if row.junior != 0 {
            vault::buy(&mut self.vault, None, row.junior, &env).context("vault.junior")?;
        }
        if row.ordinary != 0 {
            let mut stake = bytemuck::Zeroable::zeroed();
            let bought = vault::buy(&mut self.vault, Some(&mut stake), row.ordinary, &env);
            bought.context("vault.ordinary")?;
        }
        Ok(())
    }

    fn open_line(&mut self, row: &LineRow, number: usize) -> Result<()> {
        let trader = match &row.trader {
            Some(trader) => trader.parse()?,
            None => address(b'T', number),
        };
        let mut borrower = Borrower {
            row: row.clone(),
            address: address(b'A', number),
            account: margin_account(row.collateral, &trader)?,
            line_address: address(b'L', number),
            line: CreditLine::zeroed(),
            purse: row.pays_in,
            lapsed: 0,
            tally: Tally::default(),
        };
        let (before, env, vault) = (self.before(), self.env, &mut self.vault);
        let parties = LineParties {
            bump: 0,
            vault: self.vault_address.to_bytes(),
            margin_account: borrower.address.to_bytes(),
            trader: trader.to_bytes(),
        };
        let mandate: Vec<[u8; 32]> = row
            .positions
            .iter()
            .filter_map(|position| {
                let mut markets = self.book.markets.iter().zip(&self.markets);
                let (_, market) = markets.find(|(other, _)| other.symbol == position.market)?;
                Some(market.address.to_bytes())
            })
            .collect();
        let terms = terms(row, &mandate)?;
        let (account, line) = (&mut borrower.account, &mut borrower.line);
        let at = borrower.line_address.to_bytes();
        line::offer(line, &parties, &terms, false, &before)?;
        line::accept(account, line, vault, &at, &terms, &before)?;
        line::activate(line, vault, &env)?;
        for (position, market) in row.positions.iter().zip(&mandate) {
            let long = position.side == "long";
            self.open_position(&mut borrower, market, long, position.notional)?;
        }
        self.borrowers.push(borrower);
        let safe = self.look(number).is_some_and(|assessed| {
            assessed.risk.meets_initial() && assessed.risk.maintenance_margin != 0
        });
        if !safe {
            bail!("its positions do not meet initial margin at the first price");
        }
        Ok(())
    }

    /// A position at the mark with the house on its other side, and no fee.
    fn open_position(
        &mut self,
        borrower: &mut Borrower,
        market: &[u8; 32],
        long: bool,
        notional: u64,
    ) -> Result<()> {
        let env = self.env;
        let mut markets = self.markets.iter_mut();
        let found = markets.find(|found| found.address.to_bytes() == *market);
        let market = found.context("no such market")?;
        let key = market.address.to_bytes();
        let mark = PriceQ32(market.view.header.prices.mark);
        let base = math::mul_div_floor(notional, 1 << 32, mark.0)?;
        let base = base.saturating_sub(base % LOT);
        let value = mark.value_floor(base)?;
        let (own, other) = if long {
            (OrderSide::Bid, OrderSide::Ask)
        } else {
            (OrderSide::Ask, OrderSide::Bid)
        };
        let opened = env.now.saturating_sub(POSITION_AGE);
        let parties = [
            (&mut borrower.account, borrower.address, own),
            (&mut self.house, self.house_address, other),
        ];
        for (account, address, side) in parties {
            let seat = seat(market, account, &address, &key)?;
            let fill = SeatFill {
                side,
                base,
                cash: value,
                fee: 0,
            };
            let header = &mut market.view.header;
            let seat = plimsoll_engine::book::arena::seat_mut(&mut market.view.blocks, seat)?;
            position::fill(seat, &mut header.sides, &fill, mark, opened)?;
        }
        Ok(())
    }
}

/// The account's seat in a market, claimed if need be.
fn seat(
    market: &mut Market,
    account: &mut MarginAccount,
    address: &Pubkey,
    key: &[u8; 32],
) -> Result<u32> {
    if let Some(entry) = account.entry_of(key) {
        let entry = account.entries().get(entry).context("no entry")?;
        return Ok(entry.seat);
    }
    let addresses = SeatAddresses {
        market: *key,
        margin_account: address.to_bytes(),
    };
    Ok(seats::claim(&mut market.borrow(), account, &addresses, 1)?.seat)
}

fn margin_account(collateral: u64, owner: &Pubkey) -> Result<MarginAccount> {
    let mut account = MarginAccount::zeroed();
    account.version = 1;
    account.owner = owner.to_bytes();
    account.exchange = [1; 32];
    cash::deposit(&mut account, collateral)?;
    Ok(account)
}

fn terms(row: &LineRow, mandate: &[[u8; 32]]) -> Result<LineTerms> {
    let mut terms = LineTerms {
        limit: row.limit,
        equity_floor: row.equity_floor,
        minute_cap: if row.minute_cap == 0 {
            row.limit
        } else {
            row.minute_cap
        },
        drawn_rate_ppm: narrow(row.drawn_rate_ppm, "drawn_rate_ppm")?,
        undrawn_rate_ppm: narrow(row.undrawn_rate_ppm, "undrawn_rate_ppm")?,
        call_seconds: narrow(row.call_seconds, "call_seconds")?,
        recall_notice_seconds: narrow(row.recall_notice_seconds, "recall_notice_seconds")?,
        position_age_seconds_min: 0,
        committed: row.committed,
        sides: 3,
        markets_len: u8::try_from(mandate.len())?,
        mandate_notional: [0; 8],
        mandate_markets: [[0; 32]; 8],
    };
    let slots = terms.mandate_markets.iter_mut();
    let slots = slots.zip(terms.mandate_notional.iter_mut());
    for ((slot, notional), market) in slots.zip(mandate) {
        (*slot, *notional) = (*market, u64::MAX);
    }
    Ok(terms)
}

/// A market at its first price.
fn market(row: &MarketRow, number: usize, points: Vec<PricePoint>, env: &Env) -> Result<Market> {
    let first = *points.first().context("no price to open it")?;
    let params = params(row, number, &first)?;
    let identity = MarketIdentity {
        number: u32::try_from(number)?,
        symbol: [0; 16],
        exchange: [1; 32],
        mark_account: [0; 32],
        mark_bump: 0,
        capacity: BLOCKS,
        timelock_seconds: 0,
    };
    let mut header = MarketHeader::zeroed();
    seats::create_market(&mut header, &identity, &params, env)?;
    let mut market = Market {
        address: address(b'M', number),
        view: MarketView {
            header,
            blocks: vec![Block::zeroed(); usize::try_from(BLOCKS)?],
        },
        // As if it had been published this very second.
        points: vec![PricePoint {
            unix_seconds: env.now,
            ..first
        }],
        played: 0,
    };
    market.play(env, false);
    let mark = market.view.header.prices.mark;
    anyhow::ensure!(mark != 0, "the program takes no such first price");
    market.points = points;
    market.played = 1;
    Ok(market)
}

/// Parameters of the specification's table but for those of the row. A base atom is worth a tenth of a quote atom to
/// one at the first price, a lot so many dimes.
fn params(row: &MarketRow, number: usize, first: &PricePoint) -> Result<MarketParams> {
    let mut params = MarketParams::zeroed();
    let price = first.price_e8.unsigned_abs().max(1);
    let mut worth = price.saturating_mul(1_000_000);
    while worth > DOLLAR_E8 {
        worth /= 10;
        params.base_decimals = params.base_decimals.saturating_add(1);
    }
    let whole = 10_u64.pow(params.base_decimals.into());
    let dollars = row.size_free / 1_000_000;
    let base = math::mul_div_floor(dollars.saturating_mul(DOLLAR_E8), whole, price)?;
    let never = 1_u64 << 47;
    params.size_free = if base == 0 { never } else { base.min(never) };
    params.size_unit = params.size_free;
    params.size_slope_ppm = 10_000;
    params.base_atoms_per_lot = LOT;
    params.quote_atoms_per_lot_tick = 10;
    params.lots_min = 1;
    params.slice_lots_max = 1 << 32;
    params.trip_volume_lots_min = 1;
    params.open_interest_max = 1 << 56;
    params.open_interest_low = 1 << 56;
    params.open_interest_high = 1 << 57;
    params.initial_margin_ppm = narrow(row.initial_margin_ppm, "initial_margin_ppm")?;
    params.taker_fee_ppm = narrow(row.taker_fee_ppm, "taker_fee_ppm")?;
    params.maker_fee_ppm = 100;
    params.liquidation_contribution_ppm = narrow(
        row.liquidation_contribution_ppm,
        "liquidation_contribution_ppm",
    )?;
    params.velocity_short_ppm = narrow(row.velocity_short_ppm, "velocity_short_ppm")?;
    params.velocity_short_seconds = narrow(row.velocity_short_seconds, "velocity_short_seconds")?;
    params.velocity_long_ppm = params.velocity_short_ppm.max(100_000);
    params.velocity_long_seconds = params.velocity_short_seconds.max(3_600);
    prices_and_halts(&mut params);
    params.feed_ids[0] = address(b'F', number).to_bytes();
    params.validate()?;
    Ok(params)
}

/// The defaults of the table that no row changes.
fn prices_and_halts(params: &mut MarketParams) {
    params.index_age_seconds_max = 15;
    params.confidence_ppm_max = 5_000;
    params.feed_spread_ppm_max = 5_000;
    params.last_trade_age_seconds_max = 60;
    params.basis_clip_ppm = 5_000;
    params.basis_ema_seconds = 150;
    params.premium_ema_seconds = 3_600;
    params.funding_cap_ppm = 5_000;
    params.funding_period_seconds = 28_800;
    params.accrual_seconds_max = 60;
    params.trip_volume_moved_ppm = 1_000;
    params.trip_volume_alone_ppm = 10_000;
    params.call_seconds = 5;
    params.call_seconds_max = 30;
    params.freeze_seconds = 1;
    params.resolve_seconds = 2;
    params.retrip_seconds = 60;
    params.halt_budget_ppm = 250_000;
    params.halt_budget_trade_ppm = 400_000;
    params.halt_budget_seconds = 600;
    params.takeover_seconds = 20;
    params.takeover_credit_seconds = 20;
    params.reimbursement_growth_seconds = 10;
    params.default_fund_budget_ppm = 200_000;
    params.index_dead_seconds = 604_800;
    (params.feeds_len, params.feeds_required) = (1, 1);
    params.order_slots_max = 64;
}
