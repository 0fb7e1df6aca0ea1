//! Changing the program's accounts behind its back: for states that no instruction leads to yet, such as a
//! halt or drawn credit. A test says why it needs that.

use plimsoll_engine::state::{
    DefaultFund, Exchange, HaltPhase, MarginAccount, MarketHeader, Seat, BLOCK_SIZE,
    DISCRIMINATOR_SIZE, MARKET_HEADER_SIZE,
};
use solana_pubkey::Pubkey;

use crate::actor::Actor;
use crate::world::World;

impl World {
    fn change_pod<T: bytemuck::Pod>(
        &mut self,
        address: &Pubkey,
        at: usize,
        change: impl FnOnce(&mut T),
    ) {
        self.change_account(address, |account| {
            let bytes = &mut account.data[at..at + std::mem::size_of::<T>()];
            let mut state: T = bytemuck::pod_read_unaligned(bytes);
            change(&mut state);
            bytes.copy_from_slice(bytemuck::bytes_of(&state));
        });
    }

    /// Rewrites the exchange.
    pub fn change_exchange(&mut self, change: impl FnOnce(&mut Exchange)) {
        let address = self.addresses.exchange;
        self.change_pod(&address, DISCRIMINATOR_SIZE, change);
    }

    /// Rewrites the default fund.
    pub fn change_default_fund(&mut self, change: impl FnOnce(&mut DefaultFund)) {
        let address = self.addresses.default_fund;
        self.change_pod(&address, DISCRIMINATOR_SIZE, change);
    }

    /// Rewrites an actor's margin account.
    pub fn change_margin(
        &mut self,
        actor: impl Into<Actor>,
        change: impl FnOnce(&mut MarginAccount),
    ) {
        let address = self.margin_address(actor);
        self.change_pod(&address, DISCRIMINATOR_SIZE, change);
    }

    /// Rewrites the header of a market.
    pub fn change_header(&mut self, symbol: &str, change: impl FnOnce(&mut MarketHeader)) {
        let address = self.market_address(symbol);
        self.change_pod(&address, DISCRIMINATOR_SIZE, change);
    }

    /// Puts a market into a phase of a halt as of now, as if it had tripped and its course had come that far.
    pub fn force_phase(&mut self, symbol: &str, phase: HaltPhase) {
        let now = self.now();
        self.change_header(symbol, |header| {
            let (stored, left) = match phase {
                HaltPhase::Call => (HaltPhase::Call, 5),
                HaltPhase::Freeze => (HaltPhase::Call, 1),
                other => (other, 0),
            };
            let halt = &mut header.halt;
            halt.phase = stored.byte();
            halt.tripped_at = now;
            halt.call_ends_at = now + left;
            halt.resolve_ends_at = now + i64::from(header.params.resolve_seconds);
        });
    }

    /// Rewrites an actor's seat in a market.
    pub fn change_seat(
        &mut self,
        actor: impl Into<Actor>,
        symbol: &str,
        change: impl FnOnce(&mut Seat),
    ) {
        let index = usize::try_from(self.seat_index(actor, symbol)).unwrap();
        let address = self.market_address(symbol);
        self.change_pod(&address, MARKET_HEADER_SIZE + index * BLOCK_SIZE, change);
    }
}
