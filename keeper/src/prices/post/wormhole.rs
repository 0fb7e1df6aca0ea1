//! Wormhole's receiver: an account that a VAA is written into and verified in.

use solana_instruction::{AccountMeta, Instruction};
use solana_pubkey::Pubkey;
use solana_system_interface::instruction::create_account_with_seed;

use crate::prices::board::hex;

/// The Wormhole program that Pyth's receiver believes.
pub const WORMHOLE: Pubkey = Pubkey::from_str_const("HDwcJBJXjL9FpJ7UBsYBtaDjsBUhuLCUYoz3zr8SWWaQ");

/// Discriminator, status, write authority, version and length come before the VAA.
pub const VAA_START: usize = 8 + 1 + 32 + 1 + 4;
/// Bytes that one instruction writes: as many as fit beside the account's creation and the end of one that was left
/// over.
pub const CHUNK: usize = 768;
/// Lamports that make an account's byte free of rent, by the cluster's default. What is paid comes back with the
/// account's end.
const LAMPORTS_A_BYTE: u64 = 6_960;
/// Bytes that every account counts as having besides.
const ACCOUNT_OVERHEAD: u64 = 128;

const INIT_ENCODED_VAA: [u8; 8] = [209, 193, 173, 25, 91, 202, 181, 218];
const WRITE_ENCODED_VAA: [u8; 8] = [199, 208, 110, 177, 150, 76, 118, 42];
const VERIFY_ENCODED_VAA_V1: [u8; 8] = [103, 56, 177, 229, 240, 103, 68, 73];
const CLOSE_ENCODED_VAA: [u8; 8] = [48, 221, 174, 198, 231, 7, 152, 38];

/// The account of a statement of the guardians. Its address follows from who pays and from the market, so that
/// what a try has left behind is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub address: Pubkey,
    payer: Pubkey,
    seed: String,
}

impl Statement {
    pub fn of(payer: &Pubkey, market: &Pubkey) -> Self {
        // A seed has 32 characters at most.
        let (head, _) = market.as_ref().split_at(16);
        let seed = hex(head);
        let address = Pubkey::create_with_seed(payer, &seed, &WORMHOLE);
        Self {
            // A seed that short is never refused.
            address: address.unwrap_or_default(),
            payer: *payer,
            seed,
        }
    }

    fn call(&self, payer_writable: bool, account: AccountMeta, data: Vec<u8>) -> Instruction {
        let payer = if payer_writable {
            AccountMeta::new(self.payer, true)
        } else {
            AccountMeta::new_readonly(self.payer, true)
        };
        Instruction {
            program_id: WORMHOLE,
            accounts: vec![payer, account],
            data,
        }
    }

    fn account(&self) -> AccountMeta {
        AccountMeta::new(self.address, false)
    }

    /// The empty account for a VAA of this size.
    pub fn create(&self, size: usize) -> [Instruction; 2] {
        let space = u64::try_from(VAA_START.saturating_add(size)).unwrap_or(u64::MAX);
        let lamports = space
            .saturating_add(ACCOUNT_OVERHEAD)
            .saturating_mul(LAMPORTS_A_BYTE);
        [
            create_account_with_seed(
                &self.payer,
                &self.address,
                &self.payer,
                &self.seed,
                lamports,
                space,
                &WORMHOLE,
            ),
            self.call(false, self.account(), INIT_ENCODED_VAA.to_vec()),
        ]
    }

    /// The VAA, piece by piece.
    pub fn write<'a>(&'a self, vaa: &'a [u8]) -> impl Iterator<Item = Instruction> + 'a {
        vaa.chunks(CHUNK).zip(0_u32..).map(|(piece, number)| {
            let place = number.saturating_mul(u32::try_from(CHUNK).unwrap_or(u32::MAX));
            let mut data = WRITE_ENCODED_VAA.to_vec();
            data.extend(place.to_le_bytes());
            data.extend(u32::try_from(piece.len()).unwrap_or(u32::MAX).to_le_bytes());
            data.extend(piece);
            self.call(false, self.account(), data)
        })
    }

    /// The signatures against the guardian set's keys.
    pub fn verify(&self, guardian_set: u32) -> Instruction {
        let mut built = self.call(false, self.account(), VERIFY_ENCODED_VAA_V1.to_vec());
        let seeds: [&[u8]; 2] = [b"GuardianSet", &guardian_set.to_be_bytes()];
        let (address, _) = Pubkey::find_program_address(&seeds, &WORMHOLE);
        built
            .accounts
            .push(AccountMeta::new_readonly(address, false));
        built
    }

    /// The account's end; its lamports go to who paid for it.
    pub fn close(&self) -> Instruction {
        self.call(true, self.account(), CLOSE_ENCODED_VAA.to_vec())
    }
}
