use solana_keypair::Keypair;

use super::*;

/// Keys and bytes for a request that is never sent.
struct Fixture {
    payer: Keypair,
    program: Keypair,
    authority: Keypair,
    bytes: Vec<u8>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            payer: Keypair::new(),
            program: Keypair::new(),
            authority: Keypair::new(),
            bytes: (0..5_000u32).map(|index| (index % 251) as u8).collect(),
        }
    }

    fn request<'a>(&'a self, authority: &'a Keypair) -> DeployRequest<'a> {
        DeployRequest {
            rpc_url: "http://localhost:1",
            payer: &self.payer,
            program: &self.program,
            upgrade_authority: authority,
            program_bytes: &self.bytes,
        }
    }
}

#[test]
fn a_full_chunk_fills_a_transaction_to_its_last_byte() {
    let fixture = Fixture::new();
    for authority in [&fixture.payer, &fixture.authority] {
        let request = fixture.request(authority);
        let end = chunk_bytes(&request).expect("room");
        let chunk = Chunk { start: 0, end };
        let transaction = Buffer::of(&request)
            .write_transaction(&request, &chunk, Hash::default())
            .expect("transaction");
        assert_eq!(transaction_bytes(&transaction), TRANSACTION_BYTES_MAX);
    }
}

#[test]
fn an_authority_apart_from_the_payer_costs_a_signature_and_a_key_of_room() {
    let fixture = Fixture::new();
    let together = chunk_bytes(&fixture.request(&fixture.payer)).expect("room");
    let apart = chunk_bytes(&fixture.request(&fixture.authority)).expect("room");
    assert_eq!(together - apart, 64 + 32);
}

#[test]
fn an_empty_buffer_misses_every_chunk_and_a_full_one_none() {
    let program: Vec<u8> = (1..=250).collect();
    let chunk = |start, end| Chunk { start, end };
    assert_eq!(
        missing_chunks(&[0; 250], &program, 100),
        [chunk(0, 100), chunk(100, 200), chunk(200, 250)]
    );
    assert_eq!(missing_chunks(&program, &program, 100), []);
}

#[test]
fn one_wrong_byte_makes_exactly_its_chunk_missing() {
    let program: Vec<u8> = (1..=250).collect();
    let mut on_chain = program.clone();
    on_chain[199] ^= 1;
    let missing = missing_chunks(&on_chain, &program, 100);
    assert_eq!(
        missing,
        [Chunk {
            start: 100,
            end: 200
        }]
    );
}

#[test]
fn a_buffer_shorter_than_the_program_misses_its_tail() {
    let program: Vec<u8> = (1..=250).collect();
    let missing = missing_chunks(&program[..220], &program, 100);
    assert_eq!(
        missing,
        [Chunk {
            start: 200,
            end: 250
        }]
    );
}

#[test]
fn the_buffers_address_follows_from_payer_authority_and_bytes() {
    let fixture = Fixture::new();
    let buffer = Buffer::of(&fixture.request(&fixture.authority));
    assert_eq!(buffer, Buffer::of(&fixture.request(&fixture.authority)));
    let other_authority = Keypair::new();
    assert_ne!(buffer, Buffer::of(&fixture.request(&other_authority)));
    let mut changed = Fixture::new();
    changed.payer = fixture.payer.insecure_clone();
    changed.bytes[0] ^= 1;
    let request = changed.request(&fixture.authority);
    assert_ne!(buffer, Buffer::of(&request));
}

#[test]
fn the_derived_address_is_the_one_the_system_program_computes() {
    let payer = Pubkey::new_from_array([4; 32]);
    assert_eq!(
        derived_address(&payer, "0123456789abcdef"),
        Pubkey::create_with_seed(&payer, "0123456789abcdef", &bpf_loader_upgradeable::ID)
            .expect("a short seed")
    );
}
