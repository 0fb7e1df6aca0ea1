//! Where an account stands: its risk through the engine's own functions, and the thresholds that it is past.
//! Nothing of spec §5 is computed here.

use bytemuck::Zeroable;
use plimsoll_engine::credit::draw::TRIGGER_PERCENT;
use plimsoll_engine::credit::line;
use plimsoll_engine::position;
use plimsoll_engine::risk::{self, AccountCash, AccountRisk, LegRisk};
use plimsoll_engine::state::{CreditLine, MARGIN_ENTRIES_MAX};
use plimsoll_engine::EngineError;

use crate::accounts::{Credit, Leg};
use crate::market::Market;

/// Thresholds that an account is past. Default: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Standing(u8);

impl Standing {
    pub(crate) const DRAW: u8 = 1;
    pub(crate) const MAINTENANCE: u8 = 2;
    pub(crate) const INSOLVENT: u8 = 4;
    pub(crate) const LAPSED: u8 = 8;
    pub(crate) const UNREADABLE: u8 = 16;

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// 100·Q < 105·MM, something to close, and the account's line would lend something (spec §13, "Draw").
    pub const fn draw_due(self) -> bool {
        self.has(Self::DRAW)
    }

    /// Q < MM, and something to close (spec §5).
    pub const fn below_maintenance(self) -> bool {
        self.has(Self::MAINTENANCE)
    }

    /// Below maintenance, and Q ≤ 0: a tear-up is allowed (spec §9).
    pub const fn insolvent(self) -> bool {
        self.has(Self::INSOLVENT)
    }

    /// The margin call has lapsed, e < MM, and something to close (spec §10).
    pub const fn below_on_lapsed_call(self) -> bool {
        self.has(Self::LAPSED)
    }

    /// The engine could not compute the account's risk: a seat is more than five epochs behind
    /// (`sync_seat`), or a claim does not fit its type.
    pub const fn unreadable(self) -> bool {
        self.has(Self::UNREADABLE)
    }

    /// Past no threshold.
    pub const fn is_clear(self) -> bool {
        self.0 == 0
    }
}

/// An account as assessed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assessment {
    pub(crate) risk: AccountRisk,
    /// Q.
    pub(crate) with_credit: i64,
    pub(crate) standing: Standing,
    /// The line would lend something.
    pub(crate) lends: bool,
    pub(crate) lapsed: bool,
    /// By leg: maintenance margin, |base|.
    pub(crate) margins: [u64; MARGIN_ENTRIES_MAX],
    pub(crate) sizes: [u64; MARGIN_ENTRIES_MAX],
}

/// 100·Q < 105·MM.
fn under_draw_trigger(with_credit: i64, maintenance_margin: u64) -> bool {
    i128::from(with_credit) * 100 < i128::from(maintenance_margin) * TRIGGER_PERCENT
}

/// Assesses an account; O(legs).
#[inline(always)]
pub(crate) fn assess(
    markets: &[Market],
    collateral: i64,
    credit: Option<&Credit>,
    legs: &[Leg],
    now: i64,
) -> Result<Assessment, EngineError> {
    let mut sum = LegRisk::default();
    let mut margins = [0; MARGIN_ENTRIES_MAX];
    let mut sizes = [0; MARGIN_ENTRIES_MAX];
    let mut reopened_at = 0;
    for ((leg, margin), size) in legs.iter().zip(&mut margins).zip(&mut sizes) {
        let market = markets
            .get(usize::from(leg.market))
            .ok_or(EngineError::WrongMarketAccounts)?;
        let held = position::held(&market.as_ref(), &leg.seat())?;
        let resting = leg.resting();
        let open_interest = market.open_interest;
        let part = risk::leg_at(&market.header, held, &resting, open_interest, now)?;
        *margin = part.maintenance_margin;
        *size = held.base.unsigned_abs();
        if held.base != 0 {
            reopened_at = reopened_at.max(market.reopened_at);
        }
        sum.add(&part)?;
    }
    let mut cash = AccountCash {
        collateral,
        ..AccountCash::default()
    };
    let (mut lends, mut lapsed) = (false, false);
    if let Some(credit) = credit {
        cash.interest = credit.interest;
        cash.credit = credit.principal;
        lends = credit.lendable != 0;
        if credit.principal != 0 {
            let mut of_account = CreditLine::zeroed();
            of_account.call_deadline = credit.call_deadline;
            lapsed = line::lapsed(&of_account, credit.principal, reopened_at, now);
        }
    }
    let risk = AccountRisk::of(&cash, &sum)?;
    let with_credit = risk.equity_with_credit()?;
    let margin = risk.maintenance_margin;
    let something = !risk.nothing_to_close()?;
    let mut bits = 0;
    if !risk.meets_maintenance()? {
        bits |= Standing::MAINTENANCE;
        if with_credit <= 0 {
            bits |= Standing::INSOLVENT;
        }
    }
    if lends && something && under_draw_trigger(with_credit, margin) {
        bits |= Standing::DRAW;
    }
    if lapsed && something && i128::from(risk.equity) < i128::from(margin) {
        bits |= Standing::LAPSED;
    }
    Ok(Assessment {
        risk,
        with_credit,
        standing: Standing(bits),
        lends,
        lapsed,
        margins,
        sizes,
    })
}
