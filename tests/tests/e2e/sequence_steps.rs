//! Which step comes next in a random sequence: most of them make sense, some do not.

use plimsoll_testkit::{MarketSpec, OrderArgs};

use super::sequence::{actor, Op, Sequence, ACTORS, SYMBOLS};

impl Sequence {
    /// The next step.
    pub fn next_op(&mut self) -> Op {
        let (who, market) = (self.index(ACTORS), self.index(SYMBOLS.len()));
        match self.below(100) {
            0..=3 => Op::Deposit {
                who,
                amount: 1 + self.below(5_000_000),
            },
            4..=7 => Op::Withdraw {
                who,
                amount: 1 + self.below(8_000_000),
            },
            8..=48 => Op::Place {
                who,
                market,
                order: self.order(who, market),
            },
            49..=54 => Op::PlaceMany {
                who,
                market,
                orders: (0..2 + self.below(3))
                    .map(|_| self.order(who, market))
                    .collect(),
            },
            55..=60 => self.cancel(who, market),
            61..=62 => Op::CancelByClientId {
                who,
                market,
                client_id: self.below(6),
            },
            63..=64 => Op::CancelAll {
                who,
                market,
                limit: u8::try_from(self.below(5)).unwrap(),
            },
            65..=67 => self.remove_expired(market),
            68..=75 => self.settle(who),
            76..=93 => self.refresh(market),
            94..=95 => Op::Sweep { market },
            96..=97 => self.release(who, market),
            _ => self.claim(),
        }
    }

    fn order(&mut self, who: usize, market: usize) -> OrderArgs {
        let middle = self.world.handle(SYMBOLS[market]).price_ticks;
        let away = self.below(middle / 80 + 1);
        let price = if self.below(2) == 0 {
            middle + away
        } else {
            middle - away
        };
        let lots = match self.below(12) {
            0 => self.below(4_000),
            1..=3 => self.below(300),
            _ => 1 + self.below(40),
        };
        let expires_at = match self.below(6) {
            0 => self.world.now() + i64::try_from(self.below(20)).unwrap() - 1,
            _ => 0,
        };
        let wrong_seat = self.below(40) == 0;
        let seat = if wrong_seat || !self.has_seat(who, market) {
            u32::try_from(self.below(30)).unwrap()
        } else {
            0
        };
        let mut byte = |bound| u8::try_from(self.below(bound)).unwrap();
        OrderArgs {
            seat,
            side: byte(2),
            time_in_force: [0, 0, 0, 0, 1, 2, 3, 3, 4][usize::from(byte(9))],
            self_trade: byte(3),
            reduce_only: byte(6) == 0,
            steps_max: [1, 2, 5, 32, 32, 32][usize::from(byte(6))],
            price,
            lots,
            client_id: u64::from(byte(6)),
            expires_at,
        }
    }

    fn any_order(&mut self, market: usize) -> (u32, u64) {
        let view = self.world.market(SYMBOLS[market]);
        let orders: Vec<(u32, u64)> = view
            .seats()
            .flat_map(|(seat, _)| view.orders_of_seat(seat))
            .map(|(index, order)| (index, order.sequence))
            .collect();
        match orders.len() {
            0 => (3, 7),
            len => orders[self.index(len)],
        }
    }

    fn cancel(&mut self, who: usize, market: usize) -> Op {
        let own = self.has_seat(who, market) && self.below(8) != 0;
        let seat = own.then(|| self.world.seat_index(actor(who), SYMBOLS[market]));
        let orders = seat.map_or_else(Vec::new, |seat| {
            self.world.market(SYMBOLS[market]).orders_of_seat(seat)
        });
        let (order, sequence) = if orders.is_empty() {
            self.any_order(market)
        } else {
            let (index, order) = orders[self.index(orders.len())];
            (index, order.sequence)
        };
        Op::Cancel {
            who,
            market,
            order,
            sequence,
        }
    }

    fn remove_expired(&mut self, market: usize) -> Op {
        let view = self.world.market(SYMBOLS[market]);
        let expired = view
            .seats()
            .flat_map(|(seat, _)| view.orders_of_seat(seat))
            .find(|(_, order)| order.expired(self.world.now()))
            .map(|(index, order)| (index, order.sequence));
        let (order, sequence) = expired.unwrap_or_else(|| self.any_order(market));
        Op::RemoveExpired {
            market,
            order,
            sequence,
        }
    }

    /// Of an empty seat, if there is one.
    fn release(&self, who: usize, market: usize) -> Op {
        let empty = (0..ACTORS)
            .flat_map(|who| (0..SYMBOLS.len()).map(move |market| (who, market)))
            .filter(|(who, market)| self.has_seat(*who, *market))
            .find(|(who, market)| {
                let seat = self.world.seat(actor(*who), SYMBOLS[*market]);
                seat.shares == 0 && seat.orders == 0 && seat.quote == 0
            });
        let (who, market) = empty.unwrap_or((who, market));
        Op::Release { who, market }
    }

    /// Where a seat is missing, if one is.
    fn claim(&mut self) -> Op {
        let missing: Vec<(usize, usize)> = (0..ACTORS)
            .flat_map(|who| (0..SYMBOLS.len()).map(move |market| (who, market)))
            .filter(|(who, market)| !self.has_seat(*who, *market))
            .collect();
        let (who, market) = match missing.len() {
            0 => (self.index(ACTORS), self.index(SYMBOLS.len())),
            len => missing[self.index(len)],
        };
        Op::Claim {
            who,
            market,
            slots: u8::try_from(self.below(18)).unwrap(),
        }
    }

    fn settle(&mut self, who: usize) -> Op {
        let choice = self.below(7) + 1;
        let held = (0..SYMBOLS.len()).filter(|market| self.has_seat(who, *market));
        let markets = held.filter(|market| choice & (1 << market) != 0).collect();
        Op::Settle { who, markets }
    }

    fn refresh(&mut self, market: usize) -> Op {
        let start = MarketSpec::preset(SYMBOLS[market]).price_ticks;
        let now = self.world.handle(SYMBOLS[market]).price_ticks;
        let step = self.below(now / 60 + 1);
        // Drawn back to where it began.
        let up = self.below(start + now) < start;
        let ticks = if up { now + step } else { now - step };
        let seconds = match self.below(40) {
            0 => 16,
            1 => 61,
            2 => 3_601,
            _ => i64::try_from(self.below(4)).unwrap(),
        };
        Op::Refresh {
            market,
            seconds,
            ticks,
        }
    }
}
