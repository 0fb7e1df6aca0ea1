use std::time::Duration;

use plimsoll_localnet::{
    deploy::{deploy, DeployAction, DeployOutcome, DeployProgress, DeployRequest},
    LocalnetConfig,
};
use solana_keypair::Keypair;
use solana_loader_v3_interface::get_program_data_address;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use tokio::sync::Notify;

use crate::fixture::Fixture;

/// Bytes before the program in the account of a program of this loader.
const PROGRAM_DATA_HEADER: usize = 45;

/// Programs that every chain has; their bytes serve as real programs to deploy.
const TOKEN_2022: Pubkey = Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
const ASSOCIATED_TOKEN: Pubkey =
    Pubkey::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// The bytes of a program the chain was born with, whichever loader holds it.
async fn bytes_of(fixture: &Fixture, program: &Pubkey) -> Vec<u8> {
    let account = fixture.rpc.get_account(program).await.expect("a program");
    let bytes = if account.data.starts_with(b"\x7fELF") {
        account.data
    } else {
        let data = get_program_data_address(program);
        let account = fixture.rpc.get_account(&data).await.expect("program data");
        account.data[PROGRAM_DATA_HEADER..].to_vec()
    };
    assert!(bytes.starts_with(b"\x7fELF"));
    bytes
}

struct Keys {
    program: Keypair,
    authority: Keypair,
}

impl Keys {
    fn new() -> Self {
        Self {
            program: Keypair::new(),
            authority: Keypair::new(),
        }
    }
}

async fn run(
    fixture: &Fixture,
    keys: &Keys,
    bytes: &[u8],
) -> anyhow::Result<(DeployOutcome, Vec<DeployProgress>)> {
    let url = fixture.localnet.rpc_url();
    let request = DeployRequest {
        rpc_url: &url,
        payer: &fixture.payer,
        program: &keys.program,
        upgrade_authority: &keys.authority,
        program_bytes: bytes,
    };
    let mut progress = Vec::new();
    let outcome = deploy(&request, |step| progress.push(step)).await?;
    Ok((outcome, progress))
}

#[tokio::test]
async fn a_deployed_program_runs_and_deploying_it_again_does_nothing() {
    let fixture = Fixture::start();
    let keys = Keys::new();
    let bytes = bytes_of(&fixture, &ASSOCIATED_TOKEN).await;
    let (outcome, progress) = run(&fixture, &keys, &bytes).await.expect("deployed");
    assert_eq!(outcome.action, DeployAction::Deploy);
    assert_eq!(outcome.program_id, keys.program.pubkey());
    assert_eq!(
        progress.first(),
        Some(&DeployProgress::Planned(DeployAction::Deploy))
    );
    assert_eq!(progress.last(), Some(&DeployProgress::Finalizing));
    let total = bytes.len();
    assert!(progress.contains(&DeployProgress::Written {
        bytes: total,
        total
    }));
    let account = fixture
        .rpc
        .get_account(&outcome.program_id)
        .await
        .expect("program");
    assert!(account.executable);
    assert_runs(&fixture, &outcome.program_id).await;

    let (again, progress) = run(&fixture, &keys, &bytes).await.expect("nothing");
    assert_eq!(again.action, DeployAction::Nothing);
    assert_eq!(progress, [DeployProgress::Planned(DeployAction::Nothing)]);
}

/// The associated token program refuses an instruction without accounts, in its own words: those
/// words prove that its bytes ran.
async fn assert_runs(fixture: &Fixture, program_id: &Pubkey) {
    use solana_instruction::Instruction;
    use solana_transaction::Transaction;
    let call = Instruction::new_with_bytes(*program_id, &[0], Vec::new());
    let blockhash = fixture.rpc.get_latest_blockhash().await.expect("blockhash");
    let payer = &fixture.payer;
    let transaction =
        Transaction::new_signed_with_payer(&[call], Some(&payer.pubkey()), &[payer], blockhash);
    let simulated = fixture
        .rpc
        .simulate_transaction(&transaction)
        .await
        .expect("simulated");
    let logs = simulated.value.logs.unwrap_or_default().join("\n");
    assert!(
        logs.contains(&format!("Program {program_id} invoke [1]")),
        "{logs}"
    );
    assert!(logs.contains("consumed"), "{logs}");
}

#[tokio::test]
async fn other_bytes_upgrade_the_program_and_extend_it_when_they_are_longer() {
    let fixture = Fixture::start();
    let keys = Keys::new();
    let small = bytes_of(&fixture, &ASSOCIATED_TOKEN).await;
    let large = bytes_of(&fixture, &spl_token_interface::ID).await;
    let (small, large) = if small.len() < large.len() {
        (small, large)
    } else {
        (large, small)
    };
    run(&fixture, &keys, &small).await.expect("deployed");

    let (grown, _) = run(&fixture, &keys, &large).await.expect("upgraded");
    assert!(matches!(grown.action, DeployAction::Upgrade { extend_by } if extend_by > 0));
    let (back, _) = run(&fixture, &keys, &small).await.expect("upgraded back");
    assert_eq!(back.action, DeployAction::Upgrade { extend_by: 0 });
    let (same, _) = run(&fixture, &keys, &small).await.expect("nothing");
    assert_eq!(same.action, DeployAction::Nothing);
}

#[tokio::test]
async fn another_authority_cannot_upgrade_and_is_told_whose_program_it_is() {
    let fixture = Fixture::start();
    let keys = Keys::new();
    let bytes = bytes_of(&fixture, &ASSOCIATED_TOKEN).await;
    run(&fixture, &keys, &bytes).await.expect("deployed");
    let thief = Keys {
        program: keys.program.insecure_clone(),
        authority: Keypair::new(),
    };
    let mut other = bytes;
    other.push(0x7f);
    let error = run(&fixture, &thief, &other).await.expect_err("refused");
    let owner = keys.authority.pubkey();
    assert!(
        format!("{error:#}").contains(&format!("only {owner} may upgrade it")),
        "{error:#}"
    );
}

#[tokio::test]
async fn a_payer_without_funds_is_told_the_price_before_anything_is_sent() {
    let mut fixture = Fixture::start();
    let bytes = bytes_of(&fixture, &ASSOCIATED_TOKEN).await;
    fixture.payer = Keypair::new();
    let error = run(&fixture, &Keys::new(), &bytes).await.expect_err("poor");
    let sentence = format!("{error:#}");
    assert!(
        sentence.starts_with("payer ") && sentence.contains("holds 0 lamports"),
        "{sentence}"
    );
}

#[tokio::test]
async fn an_interrupted_deployment_goes_on_in_the_same_buffer() {
    let fixture = Fixture::start();
    let keys = Keys::new();
    let bytes = bytes_of(&fixture, &TOKEN_2022).await;
    let url = fixture.localnet.rpc_url();
    let request = DeployRequest {
        rpc_url: &url,
        payer: &fixture.payer,
        program: &keys.program,
        upgrade_authority: &keys.authority,
        program_bytes: &bytes,
    };
    let writing = Notify::new();
    let interrupted = deploy(&request, |step| {
        if matches!(step, DeployProgress::Written { .. }) {
            writing.notify_one();
        }
    });
    let cut_short = async {
        writing.notified().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    tokio::select! {
        _ = interrupted => panic!("finished before it could be interrupted"),
        () = cut_short => {}
    }
    run(&fixture, &keys, &bytes).await.expect("deployed");

    let balance = fixture
        .rpc
        .get_balance(&fixture.payer.pubkey())
        .await
        .expect("balance");
    let mut rent = 0;
    for size in [36, PROGRAM_DATA_HEADER + bytes.len()] {
        let paid = fixture
            .rpc
            .get_minimum_balance_for_rent_exemption(size)
            .await;
        rent += paid.expect("rent");
    }
    let spent_on_fees = LocalnetConfig::default().airdrop_lamports - balance - rent;
    assert!(
        spent_on_fees < 50_000_000,
        "a second buffer was paid for: {spent_on_fees}"
    );
}

/// The exchange is of this size. The bound is generous: it guards against a slow path, and this
/// machine may be busy.
#[tokio::test]
async fn a_program_of_half_a_megabyte_is_deployed_within_a_minute() {
    let fixture = Fixture::start();
    let bytes = bytes_of(&fixture, &TOKEN_2022).await;
    let (outcome, _) = run(&fixture, &Keys::new(), &bytes).await.expect("deployed");
    println!(
        "{} bytes in {} chunks took {:?}",
        bytes.len(),
        outcome.chunks_written,
        outcome.elapsed
    );
    assert!(outcome.elapsed.as_secs() < 60, "{:?}", outcome.elapsed);
}
