use std::{net::TcpListener, time::Instant};

use futures_util::{stream, StreamExt};
use plimsoll_localnet::{HealthState, Localnet, LocalnetConfig};
use solana_client::nonblocking::pubsub_client::PubsubClient;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction as system;
use solana_transaction::Transaction;

use crate::fixture::{client, Fixture};

/// The port part of `http://host:port`.
fn port(url: &str) -> u16 {
    let (_, port) = url.rsplit_once(':').expect("a port");
    port.parse().expect("a number")
}

#[test]
fn a_port_in_use_is_one_clear_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("address").port();
    let config = LocalnetConfig {
        rpc_port: port,
        ..LocalnetConfig::on_free_ports()
    };
    let error = Localnet::start(config).expect_err("the port is taken");
    assert_eq!(
        format!("{error:#}"),
        format!("port {port} (JSON-RPC) on 127.0.0.1 is already in use: stop the program that holds it or choose another JSON-RPC port")
    );
}

#[test]
fn a_running_localnet_holds_its_ports_against_a_second_one() {
    let first = Localnet::start(LocalnetConfig::on_free_ports()).expect("first");
    let config = LocalnetConfig {
        rpc_port: port(&first.rpc_url()),
        ..LocalnetConfig::on_free_ports()
    };
    let error = Localnet::start(config).expect_err("taken by the first");
    assert!(format!("{error}").contains("is already in use"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_frees_the_ports_for_the_next_start_even_with_clients_connected() {
    let mut config = LocalnetConfig::on_free_ports();
    for _ in 0..3 {
        let localnet = Localnet::start(config.clone()).expect("start");
        config.rpc_port = port(&localnet.rpc_url());
        config.ws_port = port(&localnet.ws_url());
        let rpc = client(&localnet.rpc_url());
        rpc.get_health().await.expect("healthy");
        let pubsub = PubsubClient::new(localnet.ws_url())
            .await
            .expect("connected");
        let _slots = pubsub.slot_subscribe().await.expect("subscribed");
        localnet.stop().expect("stopped");
        assert!(rpc.get_health().await.is_err(), "still answers");
    }
}

#[test]
fn dropping_stops_too() {
    let begun = Instant::now();
    let localnet = Localnet::start(LocalnetConfig::on_free_ports()).expect("start");
    println!("started in {:?}", begun.elapsed());
    let config = LocalnetConfig {
        rpc_port: port(&localnet.rpc_url()),
        ws_port: port(&localnet.ws_url()),
        ..LocalnetConfig::default()
    };
    drop(localnet);
    Localnet::start(config).expect("the ports are free again");
}

#[test]
fn two_localnets_run_side_by_side() {
    let first = Localnet::start(LocalnetConfig::on_free_ports()).expect("first");
    let second = Localnet::start(LocalnetConfig::on_free_ports()).expect("second");
    assert_ne!(first.rpc_url(), second.rpc_url());
}

#[tokio::test]
async fn health_counts_slots_and_transactions_and_says_so_in_one_sentence() {
    let fixture = Fixture::start();
    let before = fixture.localnet.health();
    fixture
        .transfer(&Pubkey::new_unique(), 1_000_000)
        .await
        .expect("transfer");
    let after = fixture.localnet.health();
    assert_eq!(after.state, HealthState::Running);
    assert!(after.slot > before.slot);
    assert!(after.transactions > before.transactions);
    let sentence = after.to_string();
    assert!(
        sentence.starts_with(&format!("running, slot {}", after.slot)),
        "{sentence}"
    );
}

#[test]
fn a_slot_of_zero_milliseconds_is_refused() {
    let config = LocalnetConfig::on_free_ports().with_slot_ms(0);
    assert!(Localnet::start(config).is_err());
}

/// The event channel holds about a thousand, and closing a server waits for room in it.
#[test]
fn thousands_of_events_do_not_keep_it_from_stopping() {
    let localnet = Localnet::start(LocalnetConfig::on_free_ports()).expect("start");
    let oracle = localnet.oracle();
    let address = Pubkey::new_unique();
    for price in 0..3_000 {
        oracle
            .post(&address, &crate::prices::update(price))
            .expect("posted");
    }
    localnet.stop().expect("stopped");
}

/// A liquidation wave is a few hundred transactions. The bound is generous for busy machines.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_transfers_are_confirmed_within_seconds() {
    const TRANSFERS: u64 = 400;
    let fixture = Fixture::start();
    let payer = fixture.payer.pubkey();
    let to = Pubkey::new_unique();
    let blockhash = fixture.rpc.get_latest_blockhash().await.expect("blockhash");
    let begun = Instant::now();
    let sends = (0..TRANSFERS).map(|index| {
        let transfer = system::transfer(&payer, &to, 1_000_000 + index);
        let signers = [&fixture.payer];
        let transaction =
            Transaction::new_signed_with_payer(&[transfer], Some(&payer), &signers, blockhash);
        let rpc = &fixture.rpc;
        async move { rpc.send_transaction(&transaction).await }
    });
    let sent: Vec<_> = stream::iter(sends).buffer_unordered(16).collect().await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let expected = TRANSFERS * 1_000_000 + TRANSFERS * (TRANSFERS - 1) / 2;
    let received = fixture.rpc.get_balance(&to).await.expect("balance");
    assert_eq!(received, expected);
    let per_second = TRANSFERS as f64 / begun.elapsed().as_secs_f64();
    println!("{per_second:.0} transfers a second, with preflight");
    assert!(begun.elapsed().as_secs() < 60, "{per_second} a second");
}
