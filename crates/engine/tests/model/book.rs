//! A naive book: a sorted list a side, and what an order would do to it by the words of the spec.

use plimsoll_engine::place::{OrderRequest, SelfTrade, TimeInForce};
use plimsoll_engine::state::OrderSide;
use plimsoll_engine::EngineError;

use super::sizing::ChargeModel;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderModel {
    pub account: usize,
    pub price: u64,
    pub sequence: u64,
    pub lots: u64,
    pub reduce_only: bool,
    pub expires_at: i64,
    pub block: u32,
    pub client_id: u64,
    /// Of interest in an auction what it is charged.
    pub liquidation: Option<ChargeModel>,
}

impl OrderModel {
    pub fn expired(&self, now: i64) -> bool {
        self.expires_at != 0 && self.expires_at <= now
    }
}

#[derive(Clone, Default)]
pub struct BookModel {
    /// Best first.
    pub bids: Vec<OrderModel>,
    pub asks: Vec<OrderModel>,
}

/// What one step does to a resting order, named by its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepModel {
    pub order: OrderModel,
    pub trades: bool,
    pub own: bool,
    pub removes: bool,
    pub lots: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub steps: Vec<StepModel>,
    pub filled: u64,
    /// Σ lots × ticks of the fills.
    pub lot_ticks: u128,
    pub decremented: u64,
    /// Lots that rest, and at what price.
    pub rests: u64,
    pub price: u64,
    /// Nothing was left in the book that crosses, while lots were.
    pub ended: bool,
    /// Stopped at the most steps while the book went on.
    pub exhausted: bool,
    /// Stopped before a print that trips.
    pub band: bool,
}

/// Who asks and who owns what: positions in whole lots, owners by account.
pub struct Parties<'a> {
    pub taker: usize,
    pub owners: &'a [u8],
    pub lots: &'a dyn Fn(usize) -> i128,
    /// Whose seat is further behind than a fill may walk.
    pub behind: &'a dyn Fn(usize) -> bool,
    pub now: i64,
    /// Of a liquidation: lots that the whole order comes to, by what was filled (lots, lots × ticks) and
    /// the next price. Nobody's orders are kept apart from it then.
    pub size: Option<&'a dyn Fn(u64, u128, u64) -> u64>,
    /// Whether a print at that many ticks, with so many lots of the order, trips; `None`: no halt may start.
    pub trips: Option<&'a dyn Fn(u64, u64) -> bool>,
}

impl BookModel {
    pub fn side(&self, bid: bool) -> &Vec<OrderModel> {
        if bid {
            &self.bids
        } else {
            &self.asks
        }
    }

    /// Whether an order of the account rests opposite at that price or beyond.
    pub fn crosses_own(&self, account: usize, buys: bool, price: u64) -> bool {
        let mut own = self.side(!buys).iter().filter(|o| o.account == account);
        own.any(|other| {
            if buys {
                other.price <= price
            } else {
                other.price >= price
            }
        })
    }

    pub fn side_mut(&mut self, bid: bool) -> &mut Vec<OrderModel> {
        if bid {
            &mut self.bids
        } else {
            &mut self.asks
        }
    }

    pub fn insert(&mut self, bid: bool, order: OrderModel) {
        let side = self.side_mut(bid);
        side.push(order);
        side.sort_by_key(|o| (if bid { u64::MAX - o.price } else { o.price }, o.sequence));
    }

    pub fn take(&mut self, sequence: u64) -> Option<(bool, OrderModel)> {
        for bid in [true, false] {
            let side = self.side_mut(bid);
            if let Some(at) = side.iter().position(|o| o.sequence == sequence) {
                return Some((bid, side.remove(at)));
            }
        }
        None
    }

    pub fn of(&self, account: usize) -> Vec<OrderModel> {
        let both = self.bids.iter().chain(&self.asks);
        both.filter(|o| o.account == account).copied().collect()
    }

    /// What `lots` of `request` would do.
    pub fn outcome(
        &self,
        request: &OrderRequest,
        lots: u64,
        parties: &Parties<'_>,
    ) -> Result<Outcome, EngineError> {
        let buys = request.side == OrderSide::Bid;
        let kind = request.time_in_force;
        let mut out = Outcome {
            price: request.price.0,
            ..Outcome::default()
        };
        let mut lots = lots;
        let mut may_rest = !matches!(
            kind,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
        );
        let mut stopped = false;
        for resting in self.side(!buys) {
            let mut open = lots - out.filled - out.decremented;
            let crosses = if buys {
                resting.price <= request.price.0
            } else {
                resting.price >= request.price.0
            };
            if open == 0 || !crosses {
                out.ended = open != 0;
                stopped = true;
                break;
            }
            if out.steps.len() >= usize::from(request.steps_max).min(32) {
                may_rest = false;
                out.exhausted = true;
                stopped = true;
                break;
            }
            let mut step = StepModel {
                order: *resting,
                trades: false,
                own: false,
                removes: true,
                lots: resting.lots,
            };
            if resting.expired(parties.now) {
                out.steps.push(step);
                continue;
            }
            match kind {
                TimeInForce::PostOnly => return Err(EngineError::PostOnlyWouldCross),
                TimeInForce::PostOnlySlide => {
                    out.price = if buys {
                        resting.price - 1
                    } else {
                        resting.price + 1
                    };
                    if out.price == 0 {
                        return Err(EngineError::PriceOutOfRange);
                    }
                    stopped = true;
                    break;
                }
                _ => {}
            }
            let related = parties.owners[resting.account] == parties.owners[parties.taker];
            if let Some(size) = parties.size {
                lots = size(out.filled, out.lot_ticks, resting.price);
                open = lots - out.filled;
                if open == 0 {
                    stopped = true;
                    break;
                }
            } else if related {
                let same = resting.account == parties.taker;
                step.own = true;
                match request.self_trade {
                    SelfTrade::CancelMaker if same => step.lots = resting.lots,
                    SelfTrade::Decrement if same => {
                        step.lots = open.min(resting.lots);
                        step.removes = step.lots == resting.lots;
                        out.decremented += step.lots;
                    }
                    _ => {
                        may_rest = false;
                        stopped = true;
                        break;
                    }
                }
                out.steps.push(step);
                continue;
            }
            if (parties.behind)(resting.account) {
                out.steps.push(step);
                continue;
            }
            let mut room = resting.lots;
            if resting.reduce_only {
                let traded = |s: &&StepModel| s.trades && s.order.account == resting.account;
                let earlier: u64 = out.steps.iter().filter(traded).map(|s| s.lots).sum();
                let held = (parties.lots)(resting.account);
                let reducible = if buys { held } else { -held }.max(0);
                let left = (reducible - i128::from(earlier)).max(0) as u64;
                room = room.min(left);
                if left == 0 {
                    out.steps.push(step);
                    continue;
                }
                step.lots = open.min(room);
                step.removes = step.lots == resting.lots || step.lots == left;
            } else {
                step.lots = open.min(room);
                step.removes = step.lots == resting.lots;
            }
            let printed = out.filled + step.lots;
            if parties
                .trips
                .is_some_and(|trips| trips(resting.price, printed))
            {
                out.band = true;
                stopped = true;
                break;
            }
            step.trades = true;
            out.filled += step.lots;
            out.lot_ticks += u128::from(step.lots) * u128::from(resting.price);
            out.steps.push(step);
        }
        if !stopped {
            out.ended = lots != out.filled + out.decremented;
        }
        if kind == TimeInForce::FillOrKill && out.filled != lots {
            return Err(EngineError::FillOrKillUnfilled);
        }
        if may_rest {
            out.rests = lots - out.filled - out.decremented;
        }
        Ok(out)
    }
}
