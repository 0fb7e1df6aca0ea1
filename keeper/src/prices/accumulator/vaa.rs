//! The head and the payload of a Wormhole VAA of Pyth: who signed, and which root.

use super::{Hash, Reader, Refusal};

const VERSION: u8 = 1;
/// A guardian's index, r, s and the recovery id.
const SIGNATURE_SIZE: usize = 66;
/// Timestamp, nonce, emitter's chain and address, sequence, consistency level.
const BODY_HEAD_SIZE: usize = 4 + 4 + 2 + 32 + 8 + 1;
const PAYLOAD_MAGIC: [u8; 4] = *b"AUWV";
const MERKLE_ROOT: u8 = 0;

/// What is needed of a VAA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vaa {
    /// Which guardian set signed.
    pub guardian_set: u32,
    /// How many of them.
    pub signatures: u8,
    /// Slot of the source chain.
    pub slot: u64,
    pub root: Hash,
}

impl Vaa {
    /// Reads a VAA.
    ///
    /// # Errors
    /// The [`Refusal`] of the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let version = reader.byte("VAA")?;
        if version != VERSION {
            return Err(Refusal::VaaVersion(version));
        }
        let guardian_set = u32::from_be_bytes(reader.array("VAA")?);
        let signatures = reader.byte("VAA")?;
        if signatures == 0 {
            return Err(Refusal::VaaUnsigned);
        }
        let mut last = None;
        for _ in 0..signatures {
            let guardian = reader.bytes(SIGNATURE_SIZE, "signatures")?.first().copied();
            if guardian <= last {
                return Err(Refusal::VaaOrder);
            }
            last = guardian;
        }
        reader.bytes(BODY_HEAD_SIZE, "VAA's body")?;
        if reader.array("VAA's payload")? != PAYLOAD_MAGIC {
            return Err(Refusal::PayloadMagic);
        }
        let kind = reader.byte("VAA's payload")?;
        if kind != MERKLE_ROOT {
            return Err(Refusal::PayloadKind(kind));
        }
        let slot = u64::from_be_bytes(reader.array("VAA's payload")?);
        let _ring_size = reader.bytes(4, "VAA's payload")?;
        Ok(Self {
            guardian_set,
            signatures,
            slot,
            root: reader.array("VAA's payload")?,
        })
    }
}
