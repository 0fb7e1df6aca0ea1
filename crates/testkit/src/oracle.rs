//! Price accounts in the real layout of the Pyth receiver, with every field under the test's control.

use plimsoll_engine::index::{PRICE_UPDATE_DISCRIMINATOR, PRICE_UPDATE_SIZE, PYTH_RECEIVER};
use solana_account::Account;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

use crate::actor::derived;
use crate::send::Outcome;
use crate::world::{MarketHandle, World};

/// How far the guardians' signatures of an update were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    Partial {
        signatures: u8,
    },
    Full,
    /// A byte that the layout does not know.
    Unknown(u8),
}

/// One price account, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceMessage {
    /// Owner of the account: the receiver's program.
    pub owner: Pubkey,
    pub discriminator: [u8; 8],
    pub write_authority: [u8; 32],
    pub verification: Verification,
    pub feed_id: [u8; 32],
    /// USD per whole base asset, times 10^−exponent.
    pub price: i64,
    pub confidence: u64,
    pub exponent: i32,
    pub publish_time: i64,
    pub previous_publish_time: i64,
    pub ema_price: i64,
    pub ema_confidence: u64,
    pub posted_slot: u64,
    /// Bytes of the account.
    pub size: usize,
}

impl PriceMessage {
    /// The account's data, as Borsh writes it: one byte is left at the end of a full verification.
    pub fn encode(&self) -> Vec<u8> {
        let mut data = self.discriminator.to_vec();
        data.extend(self.write_authority);
        match self.verification {
            Verification::Partial { signatures } => data.extend([0, signatures]),
            Verification::Full => data.push(1),
            Verification::Unknown(byte) => data.push(byte),
        }
        data.extend(self.feed_id);
        data.extend(self.price.to_le_bytes());
        data.extend(self.confidence.to_le_bytes());
        data.extend(self.exponent.to_le_bytes());
        data.extend(self.publish_time.to_le_bytes());
        data.extend(self.previous_publish_time.to_le_bytes());
        data.extend(self.ema_price.to_le_bytes());
        data.extend(self.ema_confidence.to_le_bytes());
        data.extend(self.posted_slot.to_le_bytes());
        data.resize(self.size, 0);
        data
    }
}

/// Price of a whole base asset at `ticks`, USD × 10^8.
fn usd_e8(market: &MarketHandle, ticks: u64) -> i64 {
    let params = &market.params;
    let whole = 10_u128.pow(u32::from(params.base_decimals));
    let atoms = u128::from(ticks) * u128::from(params.quote_atoms_per_lot_tick);
    i64::try_from(atoms * whole * 100 / u128::from(params.base_atoms_per_lot)).unwrap()
}

impl World {
    /// A sound update of a market's feed at `ticks`, published now, to be changed and written with
    /// [`World::write_feed`].
    pub fn message(&self, symbol: &str, feed: usize, ticks: u64) -> PriceMessage {
        let market = self.handle(symbol);
        let price = usd_e8(market, ticks);
        PriceMessage {
            owner: Pubkey::from(PYTH_RECEIVER),
            discriminator: PRICE_UPDATE_DISCRIMINATOR,
            write_authority: [7; 32],
            verification: Verification::Full,
            feed_id: market.params.feed_ids[feed],
            price,
            confidence: price.unsigned_abs() / 10_000,
            exponent: -8,
            publish_time: self.now(),
            previous_publish_time: self.now() - 1,
            ema_price: price,
            ema_confidence: price.unsigned_abs() / 5_000,
            posted_slot: self.slot(),
            size: PRICE_UPDATE_SIZE,
        }
    }

    /// Address of the price account that the fixture keeps for a feed of a market.
    pub fn feed(&self, symbol: &str, feed: usize) -> Pubkey {
        feed_address(symbol, feed)
    }

    /// Writes the price account of a feed.
    pub fn write_feed(&mut self, symbol: &str, feed: usize, message: &PriceMessage) {
        let account = Account {
            lamports: self.svm.minimum_balance_for_rent_exemption(message.size),
            data: message.encode(),
            owner: message.owner,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.svm
            .set_account(feed_address(symbol, feed), account)
            .unwrap();
    }

    /// Writes all feeds of a market at `ticks`, published now.
    pub fn publish(&mut self, symbol: &str, ticks: u64) {
        let feeds = usize::from(self.handle(symbol).params.feeds_len);
        for feed in 0..feeds {
            let message = self.message(symbol, feed, ticks);
            self.write_feed(symbol, feed, &message);
        }
        self.handle_mut(symbol).price_ticks = ticks;
    }

    /// `refresh_mark` with all feeds as they were last written; anyone may.
    pub fn refresh(&mut self, symbol: &str) -> Outcome {
        let instruction = self.refresh_ix(symbol);
        self.send(&[instruction], &["keeper".into()])
    }

    /// `advance_halt` of up to `steps_max` orders, by the keeper.
    pub fn advance_halt(&mut self, symbol: &str, steps_max: u16) -> Outcome {
        let market = self.market_address(symbol);
        let instruction =
            plimsoll_client::instructions::advance_halt(&self.addresses, market, steps_max);
        self.send(&[instruction], &["keeper".into()])
    }

    /// The index moves to `ticks` one second later.
    pub fn move_index(&mut self, symbol: &str, ticks: u64) {
        self.advance(1);
        self.publish(symbol, ticks);
        self.refresh(symbol).unwrap();
    }

    /// All indices are published again, now, at the prices they have.
    pub fn keep_fresh(&mut self) {
        for symbol in self.symbols() {
            let ticks = self.handle(&symbol).price_ticks;
            self.publish(&symbol, ticks);
            self.refresh(&symbol).unwrap();
        }
    }

    /// Time passes, and every index is fresh after it.
    pub fn advance_fresh(&mut self, seconds: i64) {
        self.advance(seconds);
        self.keep_fresh();
    }
}

fn feed_address(symbol: &str, feed: usize) -> Pubkey {
    derived(b"feed", format!("{symbol}:{feed}").as_bytes()).pubkey()
}
