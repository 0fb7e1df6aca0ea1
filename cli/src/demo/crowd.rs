//! All bots of a run: asks each what it does now and turns that into transactions.

use plimsoll_client::MarketView;

use super::bots::{DipBuyer, Farmer, Hedger, Maker, Move, Own, Pressure, Taker};
use super::cast::{Role, Trader};
use super::money::USD;
use super::random::Random;
use super::sight::{held, Sight};
use super::story::{Story, SEED};
use super::tally::Kind;
use super::traffic::Outgoing;
use super::venue::Venue;

/// Value of a maker's outermost level in a calm market, quote atoms.
const LEVEL_VALUE: u64 = 20_000 * USD;
/// Inventory at which a maker leans by half its spread, quote atoms.
const INVENTORY_VALUE: u64 = 40_000 * USD;
/// Position in one market above which a taker only reduces, quote atoms.
const POSITION_VALUE_MAX: u64 = 15_000 * USD;
/// Coins that the hedger owns elsewhere and what it sells at once, base atoms of AVAX (10^-8).
const HEDGED_BASE: u64 = 200_000_000_000;
const HEDGE_SLICE_BASE: u64 = 8_000_000_000;
const HEDGE_PAUSE_SECONDS: i64 = 9;
/// Coins that a farmer has sold forward and what it buys at once, base atoms of AVAX.
const FARMED_BASE: u64 = 100_000_000_000;
const FARM_SLICE_BASE: u64 = 5_000_000_000;
const FARM_PAUSE_SECONDS: i64 = 4;
/// What the dip buyer bids for in one auction and holds at most in a market, quote atoms.
const DIP_VALUE: u64 = 15_000 * USD;
const DIP_POSITION_VALUE: u64 = 45_000 * USD;

/// A trader's strategy.
#[derive(Clone, Debug)]
enum Strategy {
    /// One for each market.
    Maker(Vec<Maker>),
    Taker(Taker),
    Hedger(Hedger),
    Farmer(Farmer),
    /// One for each market.
    DipBuyer(Vec<DipBuyer>),
    None,
}

/// The strategies in the order of the traders.
#[derive(Clone, Debug)]
pub struct Crowd(Vec<Strategy>);

impl Crowd {
    pub fn of(story: &Story, traders: &[Trader], markets: usize) -> Self {
        let strategies = (0..)
            .zip(traders)
            .map(|(number, trader)| match trader.role {
                Role::Maker => {
                    // Makers differ in size, so that the book has more than one step.
                    let level = LEVEL_VALUE / 4 * (3 + number % 3);
                    let maker = Maker::new(level, INVENTORY_VALUE, story.requote_seconds);
                    Strategy::Maker(vec![maker; markets])
                }
                Role::Taker => {
                    let random = Random::of(SEED, number);
                    let pause = story.take_pause_seconds;
                    Strategy::Taker(Taker::new(random, POSITION_VALUE_MAX, pause))
                }
                Role::Hedger => Strategy::Hedger(Hedger::new(
                    HEDGED_BASE,
                    HEDGE_SLICE_BASE,
                    HEDGE_PAUSE_SECONDS,
                )),
                Role::Farmer(_) => Strategy::Farmer(Farmer::new(
                    FARMED_BASE,
                    FARM_SLICE_BASE,
                    FARM_PAUSE_SECONDS,
                )),
                Role::DipBuyer => {
                    let buyer = DipBuyer::new(DIP_VALUE, DIP_POSITION_VALUE);
                    Strategy::DipBuyer(vec![buyer; markets])
                }
                Role::Saver | Role::Desk | Role::Liquidator => Strategy::None,
            });
        Self(strategies.collect())
    }

    /// What everybody does on this state of the chain, makers first.
    pub fn act(
        &mut self,
        venue: &Venue,
        traders: &[Trader],
        (views, sights): (&[MarketView], &[Sight]),
        pressures: &[Pressure],
    ) -> Vec<Outgoing> {
        let mut acts = Vec::new();
        for (strategy, trader) in self.0.iter_mut().zip(traders) {
            let place = |market: usize| -> Option<(&Sight, Own)> {
                let view = views.get(market)?;
                let seat = trader.seat(&venue.markets.get(market)?.address)?;
                let own = Own {
                    base: held(view, seat).base,
                    orders: view.seat(seat).map_or(0, |seat| seat.orders),
                };
                Some((sights.get(market)?, own))
            };
            let mut take = |market: usize, own: &Own, wanted: Option<Move>| {
                let (Some(listed), Some(sight)) = (venue.markets.get(market), sights.get(market))
                else {
                    return;
                };
                if let Some(wanted) = wanted {
                    acts.extend(outgoing(
                        venue,
                        trader,
                        (&listed.address, sight, own),
                        wanted,
                    ));
                }
            };
            match strategy {
                Strategy::Maker(makers) => {
                    for (market, maker) in makers.iter_mut().enumerate() {
                        if let Some((sight, own)) = place(market) {
                            take(market, &own, maker.decide(sight, &own));
                        }
                    }
                }
                Strategy::Taker(taker) => {
                    let now = sights.first().map_or(0, |sight| sight.now);
                    let market = taker.wake(now, sights.len());
                    if let Some((market, (sight, own))) = market.and_then(|m| Some((m, place(m)?)))
                    {
                        let pressure = pressures.get(market).copied().unwrap_or_default();
                        take(market, &own, taker.decide(sight, &own, pressure));
                    }
                }
                Strategy::Hedger(hedger) => {
                    if let Some((sight, own)) = place(0) {
                        take(0, &own, hedger.decide(sight, &own));
                    }
                }
                Strategy::Farmer(farmer) => {
                    if let Some((sight, own)) = place(0) {
                        take(0, &own, farmer.decide(sight, &own));
                    }
                }
                Strategy::DipBuyer(buyers) => {
                    for (market, buyer) in buyers.iter_mut().enumerate() {
                        if let Some((sight, own)) = place(market) {
                            take(market, &own, buyer.decide(sight, &own));
                        }
                    }
                }
                Strategy::None => {}
            }
        }
        acts
    }
}

fn outgoing(
    venue: &Venue,
    trader: &Trader,
    (market, sight, own): (&solana_pubkey::Pubkey, &Sight, &Own),
    wanted: Move,
) -> Option<Outgoing> {
    let (kind, instructions) = match wanted {
        Move::Requote(orders) => (
            Kind::Quote,
            trader.requote(venue, market, own.orders, &orders),
        ),
        Move::Call(orders) => {
            // New risk on a stale index is refused in a call as anywhere.
            let probes = !sight.fresh && orders.iter().any(|order| !order.reduce_only);
            let kind = if probes { Kind::StaleProbe } else { Kind::Call };
            let built = trader.requote(venue, market, own.orders, &orders);
            (kind, built)
        }
        Move::Take(order) => {
            let kind = match (order.reduce_only, sight.fresh) {
                (true, true) => Kind::Reduce,
                (true, false) => Kind::StaleReduce,
                (false, true) => Kind::Take,
                (false, false) => Kind::StaleProbe,
            };
            (kind, trader.place(venue, market, &order))
        }
    };
    (!instructions.is_empty()).then(|| trader.says(kind, instructions))
}
