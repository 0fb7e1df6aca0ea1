//! Pyth's accumulator update, as Hermes hands it out in binary: a Wormhole VAA that carries the root of a Merkle
//! tree, and messages with their ways up to that root. Big endian throughout.
//!
//! Everything but the guardians' signatures is checked here: those need the chain's guardian set, and the chain
//! checks them. An update that passes can still be refused there; one that does not, cannot pass.

mod vaa;

#[cfg(test)]
pub(crate) mod tests;

pub use vaa::Vaa;

use std::sync::Arc;

use sha3::{Digest as _, Keccak256};

use super::{FeedId, Observation, Signed};

/// First 20 bytes of a Keccak-256.
pub type Hash = [u8; 20];

const MAGIC: [u8; 4] = *b"PNAU";
const MAJOR_VERSION: u8 = 1;
/// The only kind of proof there is: a VAA and Merkle ways.
const WORMHOLE_MERKLE: u8 = 0;
/// Kind of a message that is the price of a feed.
const PRICE_MESSAGE: u8 = 0;
/// Bytes of such a message.
pub const PRICE_MESSAGE_SIZE: usize = 85;
/// A way of more steps would be of a tree of over four thousand million messages.
const PROOF_STEPS_MAX: u8 = 32;

/// Why an update is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it ends within its {0}")]
    Truncated(&'static str),
    #[error("it does not begin with PNAU")]
    Magic,
    #[error("its format has major version {0}, not 1")]
    Version(u8),
    #[error("its proof is of kind {0}, not a Wormhole Merkle proof")]
    ProofKind(u8),
    #[error("{0} bytes follow its last message")]
    Trailing(usize),
    #[error("a way to the root has {0} steps, more than {PROOF_STEPS_MAX}")]
    ProofTooLong(u8),
    #[error("its VAA has version {0}, not 1")]
    VaaVersion(u8),
    #[error("its VAA carries no signature")]
    VaaUnsigned,
    #[error("its VAA's signatures are not in the order of the guardians")]
    VaaOrder,
    #[error("its VAA's payload does not begin with AUWV")]
    PayloadMagic,
    #[error("its VAA's payload is of kind {0}, not a Merkle root")]
    PayloadKind(u8),
    #[error("a price message has {0} bytes, not {PRICE_MESSAGE_SIZE}")]
    MessageSize(usize),
    #[error("a message does not belong to the root that was signed")]
    NotInTree,
}

/// Takes bytes off the front of a slice.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&mut self, count: usize, part: &'static str) -> Result<&'a [u8], Refusal> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or(Refusal::Truncated(part))?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], Refusal> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Refusal::Truncated(part))?;
        self.0 = tail;
        Ok(*head)
    }

    pub(super) fn byte(&mut self, part: &'static str) -> Result<u8, Refusal> {
        Ok(u8::from_be_bytes(self.array(part)?))
    }

    fn short(&mut self, part: &'static str) -> Result<usize, Refusal> {
        Ok(u16::from_be_bytes(self.array(part)?).into())
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// An update that is whole, and whose messages all belong to its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub vaa: Arc<[u8]>,
    pub messages: Vec<Message>,
}

/// A message and its way to the root, leaf first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub bytes: Vec<u8>,
    pub proof: Vec<Hash>,
}

/// The price of a feed, as its message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub feed_id: FeedId,
    pub price: i64,
    pub confidence: u64,
    pub exponent: i32,
    /// Unix seconds.
    pub publish_time: i64,
    pub previous_publish_time: i64,
    pub ema_price: i64,
    pub ema_confidence: u64,
}

impl Update {
    /// Reads an update.
    ///
    /// # Errors
    /// The [`Refusal`] of the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        if reader.array("magic")? != MAGIC {
            return Err(Refusal::Magic);
        }
        let major = reader.byte("version")?;
        if major != MAJOR_VERSION {
            return Err(Refusal::Version(major));
        }
        let minor = reader.byte("version")?;
        let header = reader.byte("header")?;
        reader.bytes(header.into(), "header")?;
        let kind = reader.byte("kind of proof")?;
        if kind != WORMHOLE_MERKLE {
            return Err(Refusal::ProofKind(kind));
        }
        let size = reader.short("VAA")?;
        let vaa = reader.bytes(size, "VAA")?;
        let count = reader.byte("messages")?;
        let messages: Result<_, _> = (0..count).map(|_| Message::read(&mut reader)).collect();
        let update = Self {
            vaa: vaa.into(),
            messages: messages?,
        };
        // A later minor version may add something at the end.
        if minor == 0 && !reader.rest().is_empty() {
            return Err(Refusal::Trailing(reader.rest().len()));
        }
        let root = Vaa::parse(&update.vaa)?.root;
        if update.messages.iter().all(|message| message.root() == root) {
            Ok(update)
        } else {
            Err(Refusal::NotInTree)
        }
    }

    /// Its prices as observations; messages of other kinds are left out.
    ///
    /// # Errors
    /// `MessageSize` for a price message of another size.
    pub fn observations(&self, received_at: i64) -> Result<Vec<Observation>, Refusal> {
        let observed = self.messages.iter().filter_map(|message| {
            let price = match message.price() {
                Ok(price) => price?,
                Err(refusal) => return Some(Err(refusal)),
            };
            Some(Ok(Observation {
                feed_id: price.feed_id,
                price: price.price,
                exponent: price.exponent,
                confidence: price.confidence,
                publish_time: price.publish_time,
                received_at,
                signed: Some(Signed {
                    vaa: self.vaa.clone(),
                    message: message.bytes.clone(),
                    proof: message.proof.clone(),
                }),
            }))
        });
        observed.collect()
    }
}

impl Message {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let size = reader.short("messages")?;
        let bytes = reader.bytes(size, "messages")?.to_vec();
        let steps = reader.byte("ways to the root")?;
        if steps > PROOF_STEPS_MAX {
            return Err(Refusal::ProofTooLong(steps));
        }
        let proof: Result<_, _> = (0..steps)
            .map(|_| reader.array("ways to the root"))
            .collect();
        Ok(Self {
            bytes,
            proof: proof?,
        })
    }

    /// The root that the message belongs to. Leaves and nodes are hashed with different prefixes, so that neither
    /// can stand for the other.
    pub fn root(&self) -> Hash {
        let leaf = keccak_160(&[&[0], &self.bytes]);
        self.proof.iter().fold(leaf, |node, sibling| {
            let (low, high) = (node.min(*sibling), node.max(*sibling));
            keccak_160(&[&[1], &low, &high])
        })
    }

    /// The price, unless the message is of another kind.
    ///
    /// # Errors
    /// `MessageSize` for a price message of another size.
    pub fn price(&self) -> Result<Option<Price>, Refusal> {
        let mut reader = Reader::new(&self.bytes);
        if reader.byte("message")? != PRICE_MESSAGE {
            return Ok(None);
        }
        if self.bytes.len() != PRICE_MESSAGE_SIZE {
            return Err(Refusal::MessageSize(self.bytes.len()));
        }
        let part = "message";
        Ok(Some(Price {
            feed_id: reader.array(part)?,
            price: i64::from_be_bytes(reader.array(part)?),
            confidence: u64::from_be_bytes(reader.array(part)?),
            exponent: i32::from_be_bytes(reader.array(part)?),
            publish_time: i64::from_be_bytes(reader.array(part)?),
            previous_publish_time: i64::from_be_bytes(reader.array(part)?),
            ema_price: i64::from_be_bytes(reader.array(part)?),
            ema_confidence: u64::from_be_bytes(reader.array(part)?),
        }))
    }
}

fn keccak_160(parts: &[&[u8]]) -> Hash {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    let whole: [u8; 32] = hasher.finalize().into();
    let mut hash = Hash::default();
    hash.copy_from_slice(&whole[..20]);
    hash
}
