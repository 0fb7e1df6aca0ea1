use super::*;
use solana_signer::Signer;

#[test]
fn the_localnets_keys_are_the_ones_that_its_cluster_file_names() {
    let config = crate::cluster::ClusterConfig::load("localnet").expect("localnet");
    let authority = localnet_authority().expect("published");
    let program = localnet_program().expect("published");
    assert_eq!(config.program, Some(program.pubkey()));
    assert_eq!(config.exchange.authority, Some(authority.pubkey()));
    assert_eq!(config.mint, Some(test_mint(&authority).pubkey()));
}

#[test]
fn a_derived_key_depends_on_the_parent_the_exchange_and_the_symbol() {
    let (one, other) = (
        Keypair::new_from_array([7; 32]),
        Keypair::new_from_array([8; 32]),
    );
    let (here, there) = (
        Pubkey::new_from_array([1; 32]),
        Pubkey::new_from_array([2; 32]),
    );
    let base = market(&one, &here, "BTC").pubkey();
    assert_eq!(base, market(&one, &here, "BTC").pubkey());
    assert_ne!(base, market(&other, &here, "BTC").pubkey());
    assert_ne!(base, market(&one, &there, "BTC").pubkey());
    assert_ne!(base, market(&one, &here, "BTC2").pubkey());
    assert_ne!(base, one.pubkey());
}

#[test]
fn parts_that_join_to_the_same_bytes_are_different_keys() {
    let parent = Keypair::new_from_array([7; 32]);
    let joined = derive(&parent, "x", &[b"ab", b"c"]).pubkey();
    assert_ne!(joined, derive(&parent, "x", &[b"a", b"bc"]).pubkey());
}
