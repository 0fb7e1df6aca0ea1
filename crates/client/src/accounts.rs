//! Decoding accounts from their bytes: discriminator, length, then the engine's own structs.

use plimsoll::loaders::AccountKind;
use plimsoll_engine::book::arena::{self, MarketRef};
use plimsoll_engine::position::{self, Holding};
use plimsoll_engine::state::{
    Block, CreditLine, CreditVault, DefaultFund, Exchange, MarginAccount, MarkAccount,
    MarketHeader, Order, OrderSide, PendingChange, Seat, VaultStake, BLOCK_SIZE,
    DISCRIMINATOR_SIZE, MARKET_HEADER_SIZE, NIL,
};
use thiserror::Error;

/// Why bytes are not the account they were taken for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("not a {expected} account: {length} bytes with another discriminator or size")]
    WrongKind {
        expected: &'static str,
        length: usize,
    },
}

fn decode<T: AccountKind>(data: &[u8], exact: bool) -> Result<T, DecodeError> {
    let fits = if exact {
        data.len() == T::SIZE
    } else {
        data.len() >= T::SIZE
    };
    if !fits || data.get(..DISCRIMINATOR_SIZE) != Some(&T::DISCRIMINATOR[..]) {
        return Err(DecodeError::WrongKind {
            expected: T::NAME,
            length: data.len(),
        });
    }
    Ok(bytemuck::pod_read_unaligned(
        &data[DISCRIMINATOR_SIZE..T::SIZE],
    ))
}

/// The bytes of an account as the functions of this module read it: discriminator, then the struct.
pub fn encode<T: AccountKind>(account: &T) -> Vec<u8> {
    let mut data = T::DISCRIMINATOR.to_vec();
    data.extend_from_slice(bytemuck::bytes_of(account));
    data
}

/// First bytes of every market's account, by which nodes find them.
pub const fn market_discriminator() -> [u8; DISCRIMINATOR_SIZE] {
    <MarketHeader as AccountKind>::DISCRIMINATOR
}

/// An `Exchange`.
pub fn exchange(data: &[u8]) -> Result<Exchange, DecodeError> {
    decode(data, true)
}

/// A `DefaultFund`.
pub fn default_fund(data: &[u8]) -> Result<DefaultFund, DecodeError> {
    decode(data, true)
}

/// A `MarginAccount`.
pub fn margin_account(data: &[u8]) -> Result<MarginAccount, DecodeError> {
    decode(data, true)
}

/// A `CreditLine`.
pub fn credit_line(data: &[u8]) -> Result<CreditLine, DecodeError> {
    decode(data, true)
}

/// A `CreditVault`.
pub fn credit_vault(data: &[u8]) -> Result<CreditVault, DecodeError> {
    decode(data, true)
}

/// A `VaultStake`.
pub fn vault_stake(data: &[u8]) -> Result<VaultStake, DecodeError> {
    decode(data, true)
}

/// A `PendingChange`.
pub fn pending_change(data: &[u8]) -> Result<PendingChange, DecodeError> {
    decode(data, true)
}

/// A `Mark`.
pub fn mark(data: &[u8]) -> Result<MarkAccount, DecodeError> {
    decode(data, true)
}

/// A market's header and arena, copied out of an account.
#[derive(Clone, Debug)]
pub struct MarketView {
    pub header: MarketHeader,
    pub blocks: Vec<Block>,
}

/// One price of the book and what rests there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Ticks.
    pub price: u64,
    pub lots: u64,
    pub orders: u32,
}

impl MarketView {
    /// Decodes a market account.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let header: MarketHeader = decode(data, false)?;
        let arena = data.get(MARKET_HEADER_SIZE..).unwrap_or(&[]);
        let blocks = arena
            .chunks_exact(BLOCK_SIZE)
            .map(bytemuck::pod_read_unaligned)
            .collect();
        Ok(Self { header, blocks })
    }

    /// The bytes of the account.
    pub fn encode(&self) -> Vec<u8> {
        let mut data = encode(&self.header);
        data.extend_from_slice(bytemuck::cast_slice(&self.blocks));
        data
    }

    /// Whether it was decoded from these very bytes.
    pub fn matches(&self, data: &[u8]) -> bool {
        let header = data.get(DISCRIMINATOR_SIZE..MARKET_HEADER_SIZE);
        let arena = data.get(MARKET_HEADER_SIZE..).unwrap_or(&[]);
        let whole = arena.len() - arena.len() % BLOCK_SIZE;
        data.get(..DISCRIMINATOR_SIZE) == Some(&market_discriminator()[..])
            && header == Some(bytemuck::bytes_of(&self.header))
            && arena.get(..whole) == Some(bytemuck::cast_slice(&self.blocks))
    }

    /// Decodes newer bytes of the same account in place, and hands on every block that differs: as it was, if
    /// it was there, and as it is.
    ///
    /// # Errors
    /// As [`Self::decode`]; then nothing has changed.
    pub fn update(
        &mut self,
        data: &[u8],
        mut changed: impl FnMut(Option<&Block>, &Block),
    ) -> Result<(), DecodeError> {
        self.header = decode(data, false)?;
        let arena = data.get(MARKET_HEADER_SIZE..).unwrap_or(&[]);
        let chunks = arena.chunks_exact(BLOCK_SIZE);
        self.blocks.truncate(chunks.len());
        let held = self.blocks.len();
        for (block, chunk) in self.blocks.iter_mut().zip(chunks.clone()) {
            if bytemuck::bytes_of(block) != chunk {
                let new = bytemuck::pod_read_unaligned(chunk);
                changed(Some(&*block), &new);
                *block = new;
            }
        }
        for chunk in chunks.skip(held) {
            let new = bytemuck::pod_read_unaligned(chunk);
            changed(None, &new);
            self.blocks.push(new);
        }
        Ok(())
    }

    /// Position and claim of a seat, epochs and funding included.
    pub fn holding(&self, seat: &Seat) -> plimsoll_engine::Result<Holding> {
        position::held(&self.as_ref(), seat)
    }

    /// As the engine reads it.
    pub fn as_ref(&self) -> MarketRef<'_> {
        MarketRef {
            header: &self.header,
            blocks: &self.blocks,
        }
    }

    /// The market's name.
    pub fn symbol(&self) -> String {
        String::from_utf8_lossy(&self.header.symbol)
            .trim_end_matches('\0')
            .to_owned()
    }

    /// The seat at a block.
    pub fn seat(&self, index: u32) -> Option<&Seat> {
        arena::seat(&self.blocks, index).ok()
    }

    /// All seats with their blocks.
    pub fn seats(&self) -> impl Iterator<Item = (u32, &Seat)> {
        (0_u32..)
            .zip(&self.blocks)
            .filter_map(|(index, block)| Some((index, block.view::<Seat>()?)))
    }

    /// The orders of one side in priority, with their blocks.
    pub fn orders(&self, side: OrderSide) -> Vec<(u32, Order)> {
        let tree = match side {
            OrderSide::Bid => &self.header.bids,
            OrderSide::Ask => &self.header.asks,
        };
        let mut found = Vec::new();
        let mut cursor = tree.best;
        while cursor != NIL && found.len() < self.blocks.len() {
            let Ok(order) = arena::order(&self.blocks, cursor) else {
                break;
            };
            found.push((cursor, *order));
            cursor = order.next;
        }
        found
    }

    /// The orders of one seat, newest first.
    pub fn orders_of_seat(&self, seat: u32) -> Vec<(u32, Order)> {
        let mut found = Vec::new();
        let mut cursor = self.seat(seat).map_or(NIL, |seat| seat.first_order);
        while cursor != NIL && found.len() < self.blocks.len() {
            let Ok(order) = arena::order(&self.blocks, cursor) else {
                break;
            };
            found.push((cursor, *order));
            cursor = order.seat_next;
        }
        found
    }

    /// The best `depth` prices of one side; expired orders are left out.
    pub fn levels(&self, side: OrderSide, depth: usize, now: i64) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        for (_, order) in self.orders(side) {
            if order.expired(now) {
                continue;
            }
            let full = levels.len() == depth;
            match levels.last_mut() {
                Some(level) if level.price == order.price => {
                    level.lots = level.lots.saturating_add(order.lots);
                    level.orders = level.orders.saturating_add(1);
                }
                _ if full => break,
                _ => levels.push(Level {
                    price: order.price,
                    lots: order.lots,
                    orders: 1,
                }),
            }
        }
        levels
    }
}
