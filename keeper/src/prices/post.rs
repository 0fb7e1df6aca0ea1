//! The transactions that bring a signed price onto the chain, fully verified: the VAA is written into an account of
//! Wormhole's receiver and verified there against the guardian set; Pyth's push oracle takes it as proof of the
//! price messages and keeps each feed's newest in the feed's own account; the VAA's account is closed again.
//!
//! The push oracle's accounts are used, not accounts of the keeper's own: their addresses follow from the feed, no
//! further key signs, an older price never overwrites a newer one, and several keepers share them.
//!
//! Formats of Pyth's and Wormhole's programs as their public sources and interface files give them. The programs are
//! not in this repository; a test that is given their bytecode posts on it.

mod push_oracle;
mod wormhole;

#[cfg(test)]
mod tests;

pub use push_oracle::{feed_address, PUSH_ORACLE, RECEIVER};
pub use wormhole::{Statement, WORMHOLE};

use solana_instruction::Instruction;
use solana_pubkey::Pubkey;

use super::accumulator::{Refusal, Vaa};
use super::{FeedId, Signed};

/// A price that is to be posted.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    pub feed_id: FeedId,
    pub signed: &'a Signed,
}

/// Who posts, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poster {
    /// Pays and signs.
    pub payer: Pubkey,
    /// Which of a feed's accounts is written.
    pub shard: u16,
}

/// Whether an error of this program is none of the exchange's.
pub fn is_foreign(program: &Pubkey) -> bool {
    [WORMHOLE, PUSH_ORACLE, solana_sdk_ids::system_program::ID].contains(program)
}

impl Poster {
    /// Everything from an empty account to the closed one, in order; more than one transaction holds. `prices` have
    /// one VAA in common; `after` comes when they are posted. `left_over`: an earlier try has left its account.
    ///
    /// # Errors
    /// Those of [`Vaa::parse`].
    pub fn instructions(
        &self,
        market: &Pubkey,
        (vaa, prices): (&[u8], &[Proven<'_>]),
        left_over: bool,
        after: Option<Instruction>,
    ) -> Result<Vec<Instruction>, Refusal> {
        let guardian_set = Vaa::parse(vaa)?.guardian_set;
        let statement = Statement::of(&self.payer, market);
        let mut all = Vec::new();
        if left_over {
            all.push(statement.close());
        }
        all.extend(statement.create(vaa.len()));
        all.extend(statement.write(vaa));
        all.push(statement.verify(guardian_set));
        let treasury = self.treasury();
        all.extend(prices.iter().map(|proven| {
            push_oracle::update_price_feed(self, statement.address, treasury, proven)
        }));
        all.extend(after);
        all.push(statement.close());
        Ok(all)
    }

    /// The receiver has 256 treasuries so that payers need not wait for each other.
    fn treasury(&self) -> u8 {
        self.payer.to_bytes().first().copied().unwrap_or(0)
    }
}
