//! A market of the world: header and arena.

use bytemuck::Zeroable;
use plimsoll_engine::book::arena::{self, MarketMut, MarketRef};
use plimsoll_engine::state::{
    Block, BlockKind, MarketHeader, MarketParams, MarketStatus, Seat, Side,
};

use super::{Random, NOW};

pub struct Market {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
}

impl Market {
    pub fn new(random: &mut Random, seats: usize) -> Self {
        let mut header = MarketHeader::zeroed();
        let initial = [50_000, 70_000, 110_000, 400_000][random.index(4)];
        header.status = MarketStatus::Active.byte();
        header.params = MarketParams {
            base_atoms_per_lot: 1_000,
            quote_atoms_per_lot_tick: 1,
            size_free: 1 << 32,
            size_unit: 1 << 32,
            size_slope_ppm: 30_000,
            open_interest_low: 1 << 30,
            open_interest_high: 1 << 42,
            open_interest_max: 1 << 44,
            initial_margin_ppm: initial,
            index_age_seconds_max: 15,
            funding_cap_ppm: 50_000,
            funding_period_seconds: 3_600,
            accrual_seconds_max: 60,
            index_dead_seconds: 86_400,
            ..MarketParams::zeroed()
        };
        header.sides = [Side::empty(); 2];
        header.prices.index = random.spread(3e8, 8e9);
        header.prices.mark = header.prices.index;
        header.prices.index_time = NOW;
        header.prices.funding_time = NOW;
        let mut blocks = vec![Block::zeroed(); seats + 65];
        for block in blocks.iter_mut().skip(1).take(seats) {
            block.kind = BlockKind::Seat.byte();
        }
        header.arena.fresh = seats as u32 + 1;
        header.arena.seats = seats as u32;
        header.arena.capacity = blocks.len() as u32;
        Self { header, blocks }
    }

    pub fn view(&self) -> MarketRef<'_> {
        MarketRef {
            header: &self.header,
            blocks: &self.blocks,
        }
    }

    pub fn change(&mut self) -> MarketMut<'_> {
        MarketMut {
            header: &mut self.header,
            blocks: &mut self.blocks,
        }
    }

    pub fn seat(&self, number: usize) -> &Seat {
        arena::seat(&self.blocks, number as u32 + 1).unwrap()
    }

    pub fn seat_mut(&mut self, number: usize) -> &mut Seat {
        arena::seat_mut(&mut self.blocks, number as u32 + 1).unwrap()
    }

    pub fn wound_up(&self) -> bool {
        self.header.status == MarketStatus::WoundUp.byte()
    }
}
