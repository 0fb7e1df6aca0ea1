use proptest::prelude::*;
use pythnet_sdk::accumulators::merkle::MerkleTree;
use pythnet_sdk::accumulators::Accumulator as _;
use pythnet_sdk::hashers::keccak256_160::Keccak160;
use pythnet_sdk::messages::{Message as PythMessage, PriceFeedMessage};
use pythnet_sdk::wire::v1::{AccumulatorUpdateData, MerklePriceUpdate, Proof};

use super::{Refusal, Update, Vaa};

/// What Pyth's documentation shows as Hermes' answer for BTC and ETH.
const PUBLISHED: &str = include_str!("../fixtures/two_feeds.hex");

fn published() -> Vec<u8> {
    let text = PUBLISHED.trim().as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("a digit");
    let pairs = text
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]));
    pairs
        .map(|byte| u8::try_from(byte).expect("a byte"))
        .collect()
}

fn feed(id: &str) -> [u8; 32] {
    std::array::from_fn(|place| u8::from_str_radix(&id[2 * place..2 * place + 2], 16).expect("hex"))
}

/// A price of a feed, in units of 10^-8 dollars.
pub(crate) fn message(feed_id: [u8; 32], price: i64, publish_time: i64) -> PythMessage {
    PythMessage::PriceFeedMessage(PriceFeedMessage {
        feed_id,
        price,
        conf: 50_000,
        exponent: -8,
        publish_time,
        prev_publish_time: publish_time - 1,
        ema_price: price,
        ema_conf: 60_000,
    })
}

/// A VAA of a root with this many signatures, none of which is real.
pub(crate) fn vaa(signatures: u8, root: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, 0, 4, signatures];
    for guardian in 0..signatures {
        bytes.push(guardian);
        bytes.extend([guardian ^ 0x5a; 65]);
    }
    bytes.extend([0x33; 51]);
    bytes.extend(*b"AUWV\0");
    bytes.extend(138_881_186_u64.to_be_bytes());
    bytes.extend(10_000_u32.to_be_bytes());
    bytes.extend(root);
    bytes
}

/// An update as Pyth's own crate writes it, in a tree of 1,100 leaves, as deep as today's.
pub(crate) fn signed(signatures: u8, messages: &[PythMessage]) -> Vec<u8> {
    let write = |message: &PythMessage| {
        pythnet_sdk::wire::to_vec::<_, byteorder::BE>(message).expect("written")
    };
    let mut leaves: Vec<Vec<u8>> = messages.iter().map(write).collect();
    let wanted = leaves.len();
    leaves.extend((0..1_100_u16).map(|other| other.to_be_bytes().to_vec()));
    let slices: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
    let tree = MerkleTree::<Keccak160>::new(&slices).expect("a tree");
    let updates = slices[..wanted].iter().map(|leaf| MerklePriceUpdate {
        message: leaf.to_vec().into(),
        proof: tree.prove(leaf).expect("a proof"),
    });
    let data = AccumulatorUpdateData::new(Proof::WormholeMerkle {
        vaa: vaa(signatures, tree.root.as_bytes()).into(),
        updates: updates.collect(),
    });
    pythnet_sdk::wire::to_vec::<_, byteorder::BE>(&data).expect("written")
}

#[test]
fn what_pyth_published_is_read_as_pyth_says() {
    let update = Update::parse(&published()).expect("an update");
    let vaa = Vaa::parse(&update.vaa).expect("a VAA");
    assert_eq!((vaa.guardian_set, vaa.signatures), (4, 13));
    let seen = update.observations(7).expect("prices");
    let said: Vec<_> = seen
        .iter()
        .map(|seen| {
            (
                seen.feed_id,
                seen.price,
                seen.confidence,
                seen.exponent,
                seen.publish_time,
            )
        })
        .collect();
    let btc = feed("e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43");
    let eth = feed("c96458d393fe9deb7a7d63a0ac41e2898a67a7750dbd166673279e06c868df0a");
    assert_eq!(
        said,
        [
            (btc, 6_140_993_501_000, 3_287_868_567, -8, 1_714_746_101),
            (eth, 4_959_503, 5_465, -8, 1_714_746_101),
        ]
    );
    let price = update.messages[0]
        .price()
        .expect("a price")
        .expect("a price");
    assert_eq!(
        (
            price.ema_price,
            price.ema_confidence,
            price.previous_publish_time
        ),
        (6_094_004_700_000, 3_792_887_800, 1_714_746_101)
    );
}

#[test]
fn what_pyths_own_crate_writes_is_read_back() {
    let bytes = signed(
        3,
        &[
            message([7; 32], 2_000_000_000, 1_000),
            message([8; 32], 3_000_000_000, 1_001),
        ],
    );
    let update = Update::parse(&bytes).expect("an update");
    let seen = update.observations(9).expect("prices");
    let said: Vec<_> = seen
        .iter()
        .map(|seen| (seen.feed_id[0], seen.price, seen.publish_time))
        .collect();
    assert_eq!(said, [(7, 2_000_000_000, 1_000), (8, 3_000_000_000, 1_001)]);
    let signed = seen[0].signed.as_ref().expect("signed");
    assert_eq!((signed.message.len(), signed.proof.len()), (85, 11));
    assert_eq!(signed.vaa, update.vaa);
}

/// The published update with one change, and what it is refused for.
fn refused(change: impl Fn(&mut Vec<u8>)) -> Option<Refusal> {
    let mut bytes = published();
    change(&mut bytes);
    Update::parse(&bytes).err()
}

#[test]
fn every_refusal_has_its_name() {
    const VAA: usize = 10;
    const PAYLOAD: usize = VAA + 6 + 13 * 66 + 51;
    const MESSAGE: usize = VAA + 952 + 3;
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|bytes| bytes[0] = b'Q'), Some(Refusal::Magic));
    assert_eq!(refused(|bytes| bytes[4] = 2), Some(Refusal::Version(2)));
    assert_eq!(refused(|bytes| bytes[7] = 1), Some(Refusal::ProofKind(1)));
    assert_eq!(refused(|bytes| bytes.push(0)), Some(Refusal::Trailing(1)));
    // What a later minor version appends is no mistake.
    assert_eq!(
        refused(|bytes| {
            bytes[5] = 1;
            bytes.push(0);
        }),
        None
    );
    assert_eq!(
        refused(|bytes| bytes[VAA] = 2),
        Some(Refusal::VaaVersion(2))
    );
    assert_eq!(
        refused(|bytes| bytes[VAA + 5] = 0),
        Some(Refusal::VaaUnsigned)
    );
    assert_eq!(
        refused(|bytes| bytes[VAA + 6 + 66] = 0),
        Some(Refusal::VaaOrder)
    );
    assert_eq!(
        refused(|bytes| bytes[PAYLOAD] = b'B'),
        Some(Refusal::PayloadMagic)
    );
    assert_eq!(
        refused(|bytes| bytes[PAYLOAD + 4] = 1),
        Some(Refusal::PayloadKind(1))
    );
    assert_eq!(
        refused(|bytes| bytes[PAYLOAD + 17] ^= 1),
        Some(Refusal::NotInTree)
    );
    assert_eq!(
        refused(|bytes| bytes[MESSAGE + 40] ^= 1),
        Some(Refusal::NotInTree)
    );
    assert_eq!(
        refused(|bytes| bytes[MESSAGE + 85] = 33),
        Some(Refusal::ProofTooLong(33))
    );
    assert_eq!(
        refused(|bytes| bytes.truncate(MESSAGE + 84)),
        Some(Refusal::Truncated("messages"))
    );
    assert_eq!(refused(Vec::clear), Some(Refusal::Truncated("magic")));
}

#[test]
fn a_price_message_of_another_size_is_refused_though_it_was_signed() {
    let mut update = Update::parse(&published()).expect("an update");
    update.messages[0].bytes.push(0);
    assert_eq!(update.observations(0), Err(Refusal::MessageSize(86)));
    // Messages of other kinds are none of ours.
    update.messages[0].bytes[0] = 1;
    assert_eq!(update.observations(0).map(|seen| seen.len()), Ok(1));
}

proptest! {
    #[test]
    fn a_truncated_update_is_refused(size in 0_usize..1_539) {
        prop_assert!(Update::parse(&published()[..size]).is_err());
    }

    /// Signatures, the VAA's head, the ring and the header's version numbers are the chain's matter or
    /// free; whatever else changes is refused, and nothing panics.
    #[test]
    fn a_changed_byte_never_changes_a_price(place in 0_usize..1_539, flip in 1_u8..=255) {
        let honest = Update::parse(&published()).and_then(|update| update.observations(0)).expect("prices");
        let mut bytes = published();
        bytes[place] ^= flip;
        if let Ok(prices) = Update::parse(&bytes).and_then(|update| update.observations(0)) {
            let said = |seen: &super::Observation| (seen.feed_id, seen.price, seen.confidence, seen.publish_time);
            let told: Vec<_> = prices.iter().map(said).collect();
            let known: Vec<_> = honest.iter().map(said).collect();
            prop_assert!(told.iter().all(|price| known.contains(price)), "{:?}", told);
        }
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = Update::parse(&bytes);
        let headed: Vec<u8> = [&b"PNAU\x01\x00\x00\x00"[..], &bytes].concat();
        let _ = Update::parse(&headed);
    }
}
