use solana_sdk_ids::bpf_loader_upgradeable;

use super::*;

const WANTED: &[u8] = b"\x7fELF a program of some bytes";

fn authority() -> Pubkey {
    Pubkey::new_from_array([7; 32])
}

fn deployed(bytes: &[u8], upgrade_authority: Option<Pubkey>) -> ProgramOnChain {
    ProgramOnChain::Deployed {
        upgrade_authority,
        bytes: bytes.to_vec(),
    }
}

fn plan(on_chain: &ProgramOnChain) -> Result<DeployAction> {
    plan_deployment(on_chain, &authority(), WANTED)
}

fn owned_by(owner: Pubkey, data: Vec<u8>) -> Account {
    Account {
        lamports: 1,
        data,
        owner,
        executable: false,
        rent_epoch: 0,
    }
}

#[test]
fn an_empty_address_gets_a_first_deployment() {
    assert_eq!(
        plan(&ProgramOnChain::Absent).expect("plan"),
        DeployAction::Deploy
    );
}

#[test]
fn the_same_bytes_need_nothing_even_with_spare_room_and_without_authority() {
    let padded = [WANTED, &[0; 99]].concat();
    for bytes in [WANTED, &padded] {
        let on_chain = deployed(bytes, None);
        assert_eq!(plan(&on_chain).expect("plan"), DeployAction::Nothing);
    }
}

#[test]
fn other_bytes_are_upgraded() {
    let mut other = WANTED.to_vec();
    other[10] ^= 1;
    let longer = [WANTED, &[0, 0, 1]].concat();
    for bytes in [other, longer] {
        let on_chain = deployed(&bytes, Some(authority()));
        let action = DeployAction::Upgrade { extend_by: 0 };
        assert_eq!(plan(&on_chain).expect("plan"), action);
    }
}

#[test]
fn a_program_that_grew_is_extended_by_at_least_the_loaders_minimum() {
    let on_chain = deployed(&WANTED[..20], Some(authority()));
    let action = DeployAction::Upgrade { extend_by: 10_240 };
    assert_eq!(plan(&on_chain).expect("plan"), action);

    let large = [WANTED, &[1; 50_000]].concat();
    let grown = plan_deployment(&on_chain, &authority(), &large).expect("plan");
    let extend_by = large.len() as u32 - 20;
    assert_eq!(grown, DeployAction::Upgrade { extend_by });
}

#[test]
fn an_upgrade_by_another_authority_is_refused_before_anything_is_sent() {
    let holder = Pubkey::new_from_array([9; 32]);
    let error = plan(&deployed(b"\x7fELF other", Some(holder))).expect_err("authority");
    assert_eq!(
        error.to_string(),
        format!("only {holder} may upgrade it, not {}", authority())
    );
    let error = plan(&deployed(b"\x7fELF other", None)).expect_err("immutable");
    assert!(error.to_string().starts_with("it is immutable"));
}

#[test]
fn a_file_that_is_no_program_is_refused() {
    let error =
        plan_deployment(&ProgramOnChain::Absent, &authority(), b"#!/bin/sh").expect_err("no ELF");
    assert_eq!(error.to_string(), "the file to deploy is not an ELF file");
}

#[test]
fn an_address_taken_by_something_else_is_refused() {
    let wallet = owned_by(Pubkey::default(), Vec::new());
    let error = ProgramOnChain::read(Some(&wallet), None).expect_err("wallet");
    assert!(error.to_string().contains("is not an upgradeable program"));

    let buffer = owned_by(bpf_loader_upgradeable::ID, vec![1, 0, 0, 0]);
    assert!(ProgramOnChain::read(Some(&buffer), None).is_err());
}

#[test]
fn a_closed_program_is_named_as_such() {
    let program = owned_by(
        bpf_loader_upgradeable::ID,
        [&[2, 0, 0, 0][..], &[5; 32]].concat(),
    );
    let error = ProgramOnChain::read(Some(&program), None).expect_err("closed");
    assert_eq!(
        error.to_string(),
        "it was closed, and its address cannot be used again"
    );
}

#[test]
fn authority_and_bytes_are_read_from_behind_the_header() {
    let program = owned_by(
        bpf_loader_upgradeable::ID,
        [&[2, 0, 0, 0][..], &[5; 32]].concat(),
    );
    let header = [
        &[3, 0, 0, 0][..],
        &77u64.to_le_bytes(),
        &[1],
        authority().as_ref(),
    ]
    .concat();
    let data = owned_by(bpf_loader_upgradeable::ID, [&header[..], WANTED].concat());
    assert_eq!(
        ProgramOnChain::read(Some(&program), Some(&data)).expect("program"),
        deployed(WANTED, Some(authority()))
    );

    let mut immutable = data;
    immutable.data[12] = 0;
    assert_eq!(
        ProgramOnChain::read(Some(&program), Some(&immutable)).expect("program"),
        deployed(WANTED, None)
    );
}
