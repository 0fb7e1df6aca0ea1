use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use solana_pubkey::Pubkey;
use tiny_http::{Response, Server};

use super::webhook::Sent;
use super::{AlertKind, Alerts, Webhook, WebhookPolicy, QUEUE};
use crate::config::AlertsConfig;
use crate::metrics::Metrics;

const POLICY: WebhookPolicy = WebhookPolicy {
    tries: 3,
    backoff: Duration::from_millis(1),
    timeout: Duration::from_secs(30),
};

/// A server that answers with the given statuses in turn, then with the last; and what it was sent.
struct Receiver {
    url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Receiver {
    fn answering(statuses: &'static [u16]) -> Self {
        let server = Server::http("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/secret-path", server.server_addr());
        let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
        let asked: Arc<AtomicUsize> = Arc::default();
        let (kept, counted) = (bodies.clone(), asked.clone());
        std::thread::spawn(move || {
            for mut request in server.incoming_requests() {
                let turn = counted.fetch_add(1, Ordering::Relaxed);
                let status = statuses[turn.min(statuses.len() - 1)];
                let body = serde_json::from_reader(request.as_reader()).expect("JSON");
                kept.lock().expect("kept").push(body);
                let _ = request.respond(Response::empty(status));
            }
        });
        Self { url, bodies, asked }
    }

    fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().expect("kept").clone()
    }
}

fn config() -> AlertsConfig {
    AlertsConfig::default()
}

/// Raises, closes, sends, and returns the figures.
async fn sent(config: &AlertsConfig, receiver: &Receiver, raise: impl FnOnce(&Alerts)) -> String {
    let metrics = Metrics::new().expect("figures");
    let figures = metrics.operations.clone();
    let (alerts, queued) = Alerts::new(config, &Pubkey::new_from_array([5; 32]), figures.clone());
    let webhook = Webhook::new(&receiver.url, POLICY, figures).expect("a webhook");
    raise(&alerts);
    alerts.close();
    webhook.run(queued).await;
    metrics.text().expect("text")
}

fn figure(kind: &str, outcome: &str, count: u64) -> String {
    format!("plimsoll_keeper_alerts_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} {count}\n")
}

#[tokio::test]
async fn an_alert_says_kind_subject_keeper_and_a_sentence() {
    let receiver = Receiver::answering(&[200]);
    let market = Pubkey::new_from_array([3; 32]);
    let text = sent(&config(), &receiver, |alerts| {
        assert!(alerts.raise(
            AlertKind::MarketHalted,
            Some(market),
            "AVAX is halted (Call)"
        ));
    })
    .await;
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 1);
    let body = bodies[0].as_object().expect("an object");
    assert_eq!(body["source"], "plimsoll-keeper");
    assert_eq!(body["kind"], "market_halted");
    assert_eq!(body["severity"], "warning");
    assert_eq!(body["text"], "AVAX is halted (Call)");
    assert_eq!(body["subject"], market.to_string());
    assert_eq!(body["keeper"], Pubkey::new_from_array([5; 32]).to_string());
    assert!(body["at"].as_u64().expect("a time") > 1_700_000_000);
    assert_eq!(body.len(), 7, "{body:?}");
    assert!(text.contains(&figure("market_halted", "sent", 1)), "{text}");
}

#[tokio::test]
async fn a_kind_is_told_of_once_in_its_interval_and_halts_once_a_market() {
    let receiver = Receiver::answering(&[200]);
    sent(&config(), &receiver, |alerts| {
        assert!(alerts.raise(AlertKind::LowBalance, None, "first"));
        assert!(!alerts.raise(AlertKind::LowBalance, None, "second"));
        assert!(alerts.raise(AlertKind::SpendCap, None, "another kind"));
        for account in [1, 2] {
            let subject = Pubkey::new_from_array([account; 32]);
            let told = alerts.raise(AlertKind::AccountNotSafe, Some(subject), "unsafe");
            assert_eq!(told, account == 1);
            assert!(alerts.raise(AlertKind::MarketHalted, Some(subject), "halted"));
            assert!(!alerts.raise(AlertKind::MarketHalted, Some(subject), "halted"));
        }
    })
    .await;
    assert_eq!(receiver.bodies().len(), 5);
}

#[tokio::test]
async fn kinds_that_are_not_listed_are_not_sent() {
    let receiver = Receiver::answering(&[200]);
    let config = AlertsConfig {
        kinds: vec!["ended".to_owned()],
        ..AlertsConfig::default()
    };
    sent(&config, &receiver, |alerts| {
        assert!(alerts.raise(AlertKind::NotReady, None, "only logged"));
        assert!(alerts.raise(AlertKind::Ended, None, "sent"));
    })
    .await;
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["kind"], "ended");
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_and_then_dropped_with_a_count() {
    let receiver = Receiver::answering(&[503, 429, 200]);
    let text = sent(&config(), &receiver, |alerts| {
        alerts.raise(AlertKind::Ended, None, "third time");
    })
    .await;
    assert_eq!(receiver.asked.load(Ordering::Relaxed), 3);
    assert!(text.contains(&figure("ended", "sent", 1)), "{text}");

    let receiver = Receiver::answering(&[500]);
    let text = sent(&config(), &receiver, |alerts| {
        alerts.raise(AlertKind::Ended, None, "never");
    })
    .await;
    assert_eq!(receiver.asked.load(Ordering::Relaxed), 3);
    assert!(text.contains(&figure("ended", "dropped", 1)), "{text}");

    // What is refused for good is not tried again.
    let receiver = Receiver::answering(&[404]);
    let text = sent(&config(), &receiver, |alerts| {
        alerts.raise(AlertKind::Ended, None, "refused");
    })
    .await;
    assert_eq!(receiver.asked.load(Ordering::Relaxed), 1);
    assert!(text.contains(&figure("ended", "dropped", 1)), "{text}");
}

#[tokio::test]
async fn a_full_queue_drops_with_a_count_and_waits_for_nobody() {
    let metrics = Metrics::new().expect("figures");
    let config = AlertsConfig {
        interval_seconds: 0,
        ..AlertsConfig::default()
    };
    let (alerts, queued) = Alerts::new(&config, &Pubkey::default(), metrics.operations.clone());
    for _ in 0..QUEUE + 3 {
        assert!(alerts.raise(AlertKind::LowBalance, None, "nobody takes it"));
    }
    let text = metrics.text().expect("text");
    assert!(
        text.contains(&figure("low_balance", "dropped", 3)),
        "{text}"
    );
    assert_eq!(queued.len(), QUEUE);
}

#[test]
fn the_address_stands_in_no_error() {
    let metrics = Metrics::new().expect("figures");
    for url in ["secret", "ftp://secret/path"] {
        let error = Webhook::new(url, POLICY, metrics.operations.clone()).expect_err("no address");
        assert!(!format!("{error:#}").contains("secret"), "{error:#}");
    }
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_not_named() {
    let metrics = Metrics::new().expect("figures");
    let (alerts, mut queued) =
        Alerts::new(&config(), &Pubkey::default(), metrics.operations.clone());
    alerts.raise(AlertKind::Ended, None, "nobody hears it");
    let alert = queued.recv().await.expect("an alert");
    let url = "http://127.0.0.1:1/secret-path";
    let webhook = Webhook::new(url, POLICY, metrics.operations.clone()).expect("a webhook");
    let Sent::Failed(why) = webhook.send(&alert).await else {
        panic!("it was taken");
    };
    assert!(!why.contains("secret"), "{why}");
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    for kind in AlertKind::ALL {
        assert_eq!(AlertKind::named(kind.name()), Some(kind));
    }
}
