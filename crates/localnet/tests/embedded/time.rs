use std::time::Duration;

use futures_util::StreamExt;
use solana_client::{nonblocking::pubsub_client::PubsubClient, rpc_config::RpcAccountInfoConfig};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use solana_transaction::Transaction;

use crate::fixture::Fixture;

const DAY: i64 = 86_400;

/// Jumps of a second, a minute, an hour, a day and a year.
const JUMPS: [i64; 5] = [1, 60, 3_600, DAY, 365 * DAY];

#[tokio::test]
async fn after_every_jump_programs_see_the_time_and_wallets_can_still_pay() {
    let fixture = Fixture::start();
    let clock = fixture.localnet.clock();
    for jump in JUMPS {
        let (slot_before, _) = fixture.clock_account().await;
        let target = clock.now() + jump;
        clock.set_unix_timestamp(target).expect("forward");
        let (slot_after, seen) = fixture.clock_account().await;
        assert!((target..target + 2).contains(&seen), "{target} {seen}");
        assert!(slot_after - slot_before < 20, "slots jumped along");
        fixture
            .transfer(&Pubkey::new_unique(), 1_000_000)
            .await
            .expect("a transfer after the jump");
        assert!(fixture.clock_account().await.1 >= target, "time went back");
    }
}

#[tokio::test]
async fn a_transaction_signed_before_a_jump_is_still_accepted_after_it() {
    let fixture = Fixture::start();
    let payer = fixture.payer.pubkey();
    let blockhash = fixture.rpc.get_latest_blockhash().await.expect("blockhash");
    let transaction = Transaction::new_signed_with_payer(
        &[system::transfer(&payer, &Pubkey::new_unique(), 1_000_000)],
        Some(&payer),
        &[&fixture.payer],
        blockhash,
    );
    let clock = fixture.localnet.clock();
    clock
        .set_unix_timestamp(clock.now() + DAY)
        .expect("forward");
    fixture
        .rpc
        .send_and_confirm_transaction(&transaction)
        .await
        .expect("accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_made_before_a_jump_go_on_after_it() {
    let fixture = Fixture::start();
    let watched = Pubkey::new_unique();
    let pubsub = PubsubClient::new(fixture.localnet.ws_url())
        .await
        .expect("connected");
    let config = RpcAccountInfoConfig {
        commitment: Some(CommitmentConfig::confirmed()),
        ..RpcAccountInfoConfig::default()
    };
    let (mut accounts, _) = pubsub
        .account_subscribe(&watched, Some(config))
        .await
        .expect("subscribed");
    let (mut slots, _) = pubsub.slot_subscribe().await.expect("subscribed");
    let clock = fixture.localnet.clock();
    let mut lamports = 0;
    for jump in JUMPS {
        clock
            .set_unix_timestamp(clock.now() + jump)
            .expect("forward");
        fixture
            .transfer(&watched, 1_000_000)
            .await
            .expect("transfer");
        lamports += 1_000_000;
        let wait = Duration::from_secs(10);
        let notified = tokio::time::timeout(wait, accounts.next())
            .await
            .expect("notified in time")
            .expect("still subscribed");
        assert_eq!(notified.value.lamports, lamports);
        let slot = tokio::time::timeout(wait, slots.next()).await;
        assert!(slot.is_ok_and(|slot| slot.is_some()), "slots stopped");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_price_notifies_its_subscribers() {
    let fixture = Fixture::start();
    let address = Pubkey::new_unique();
    let oracle = fixture.localnet.oracle();
    oracle
        .post(&address, &crate::prices::update(11))
        .expect("posted");
    let pubsub = PubsubClient::new(fixture.localnet.ws_url())
        .await
        .expect("connected");
    let (mut accounts, _) = pubsub
        .account_subscribe(&address, None)
        .await
        .expect("subscribed");
    oracle
        .post(&address, &crate::prices::update(12))
        .expect("posted");
    let notified = tokio::time::timeout(Duration::from_secs(10), accounts.next()).await;
    assert!(notified.is_ok_and(|update| update.is_some()));
}

#[tokio::test]
async fn going_back_is_an_error_and_changes_nothing() {
    let fixture = Fixture::start();
    let clock = fixture.localnet.clock();
    clock.hold();
    let now = clock.now() + 100;
    clock.set_unix_timestamp(now).expect("forward");
    let error = clock.set_unix_timestamp(now - 1).expect_err("back");
    assert_eq!(
        error.to_string(),
        format!(
            "the chain's clock only goes forward: it is at {now}, 1 s after {}",
            now - 1
        )
    );
    assert_eq!(clock.now(), now);
    clock
        .set_unix_timestamp(now)
        .expect("standing still is no step back");
    assert_eq!(clock.advance_to(now - 50), now);
}

#[tokio::test]
async fn a_held_clock_stands_still_while_blocks_go_on() {
    let fixture = Fixture::start();
    let clock = fixture.localnet.clock();
    clock.hold();
    let (slot_before, time_before) = fixture.clock_account().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (slot_after, time_after) = fixture.clock_account().await;
    assert_eq!(time_after, time_before);
    assert!(slot_after >= slot_before + 5, "{slot_before} {slot_after}");
    fixture
        .transfer(&Pubkey::new_unique(), 1_000_000)
        .await
        .expect("a transfer on held time");
    clock.release();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(fixture.clock_account().await.1 > time_before);
}

#[tokio::test]
async fn block_times_of_new_blocks_follow_a_jump() {
    let fixture = Fixture::start();
    let clock = fixture.localnet.clock();
    let target = clock.now() + DAY;
    clock.set_unix_timestamp(target).expect("forward");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let slot = fixture.rpc.get_slot().await.expect("slot");
    let time = fixture.rpc.get_block_time(slot).await.expect("block time");
    assert!((target - 2..target + 5).contains(&time), "{target} {time}");
}
