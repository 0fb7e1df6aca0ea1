//! INV-11, on a copy of a world: two newcomers of one mind do their worst while the mark moves no further than
//! one short threshold in all, the most that passes without a halt. The default fund pays nothing for
//! them, nobody is charged, and together they leave with no more than they brought and won on the mark.

use plimsoll_engine::place::{OrderRequest, SelfTrade, TimeInForce};
use plimsoll_engine::state::OrderSide;
use plimsoll_engine::units::{BaseLots, PriceQ32, Ticks};

use super::ledger::big;
use super::World;

impl World {
    pub fn check_collusion(&self) -> u64 {
        let mut world = self.clone();
        world.end_halts(false);
        let brought = |world: &mut World| world.random.between(50_000, 3_000_000);
        let (first, second) = (brought(&mut world), brought(&mut world));
        let pair = [world.join(97, first), world.join(98, second)];
        let market = world.random.below(world.markets.len() as u64) as usize;
        let alone = world.random.one_in(2);
        for account in (0..pair[0]).filter(|_| alone) {
            world.cancel_everywhere(account);
        }
        world.freshen();
        let start = world.markets[market].header.prices.mark;
        let (mut low, mut high) = (start, start);
        let balance = world.fund.balance;
        let receipts = world.markets[market].header.losses.receipts;
        let mut done = 0;
        let mut seconds = 0;
        for _ in 0..40 {
            if seconds < 10 && world.random.one_in(4) {
                (world.env.now, seconds) = (world.env.now + 1, seconds + 1);
                world.freshen();
            }
            let swap = world.random.below(2) as usize;
            let (one, other) = (pair[swap], pair[1 - swap]);
            let result = match world.random.below(10) {
                0 | 1 => {
                    world.move_within(market, &mut low, &mut high);
                    Ok(())
                }
                2 => world.settle(one),
                3 => world.withdraw(one),
                4 => world.liquidate(one, other),
                5 => {
                    let lots = world.random.between(1, 100_000);
                    world.take_over(one, other, lots)
                }
                6 => world.tear_up(one, other),
                _ => world.trade_between(one, other, market),
            };
            done += u64::from(result.is_ok());
            world.check();
            for account in pair {
                let legs = world.legs(account, &[]);
                let risk = world.cash[account].risk(&legs, world.env.now);
                assert!(
                    risk.with_credit >= big(0),
                    "INV-11: insolvent within one threshold: {risk:?}"
                );
            }
        }
        assert_eq!(world.fund.balance, balance, "INV-11: the fund paid");
        let after = world.markets[market].header.losses.receipts;
        assert_eq!(after, receipts, "INV-11: a loss event");
        done
    }

    /// A mark anywhere, as long as highest and lowest are one threshold apart at most.
    fn move_within(&mut self, market: usize, low: &mut u64, high: &mut u64) {
        let header = &self.markets[market].header;
        let threshold = u128::from(header.params.velocity_short_ppm);
        let top = u128::from(*low) * (1_000_000 + threshold) / 1_000_000;
        let bottom = u128::from(*high) * 1_000_000 / (1_000_000 + threshold) + 1;
        let (bottom, top) = (bottom as u64, top as u64);
        let price = match self.random.below(3) {
            0 => bottom,
            1 => top,
            _ => self.random.between(bottom, top),
        };
        (*low, *high) = ((*low).min(price), (*high).max(price));
        self.freshen_by_hand(market);
        let prices = &mut self.markets[market].header.prices;
        (prices.mark, prices.index) = (price, price);
        self.resync(market);
    }

    /// One rests an order at any price near the mark, the other takes it.
    fn trade_between(
        &mut self,
        one: usize,
        other: usize,
        market: usize,
    ) -> Result<(), plimsoll_engine::EngineError> {
        let header = &self.markets[market].header;
        let sizes = header.params.lot_sizes();
        let mark = sizes.ticks_floor(PriceQ32(header.prices.mark)).unwrap().0;
        let (span, most) = (mark / 25 + 1, self.markets[market].lots * 4);
        let price = Ticks(
            (mark + self.random.below(2 * span + 1))
                .saturating_sub(span)
                .max(1),
        );
        let buys = self.random.one_in(2);
        let sides = if buys {
            [OrderSide::Bid, OrderSide::Ask]
        } else {
            [OrderSide::Ask, OrderSide::Bid]
        };
        let kinds = [TimeInForce::Limit, TimeInForce::ImmediateOrCancel];
        let mut lots = self.random.between(2, most);
        let reduce_only = self.random.one_in(5);
        // As much as margin allows.
        for _ in 0..12 {
            let mut results = Vec::new();
            for ((account, side), kind) in [one, other].into_iter().zip(sides).zip(kinds) {
                let request = OrderRequest {
                    side,
                    price,
                    lots: BaseLots(lots),
                    client_id: 0,
                    expires_at: 0,
                    time_in_force: kind,
                    self_trade: SelfTrade::CancelTaker,
                    reduce_only,
                    steps_max: 32,
                };
                results.push(self.place_request(account, market, request));
                self.check();
            }
            if results.iter().all(Result::is_ok) {
                break;
            }
            lots = lots / 2 + 1;
        }
        self.cancel_everywhere(one);
        Ok(())
    }
}
