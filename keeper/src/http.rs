//! `/healthz`, `/readyz` and `/metrics`, on a thread of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{anyhow, Result};
use tiny_http::{Header, Method, Response, Server};
use tokio::sync::mpsc;

use crate::metrics::{Metrics, Readiness};

/// Status and body of a request.
fn answer(metrics: &Metrics, readiness: &Readiness, method: &Method, path: &str) -> (u16, String) {
    let judged = |wrong: Option<String>| match wrong {
        None => (200, "ok\n".to_owned()),
        Some(why) => (503, format!("{why}\n")),
    };
    if *method != Method::Get && *method != Method::Head {
        return (405, "only GET\n".to_owned());
    }
    match path {
        "/healthz" => judged(metrics.not_alive(readiness)),
        "/readyz" => judged(metrics.not_ready(readiness)),
        "/metrics" => match metrics.text() {
            Ok(text) => (200, text),
            Err(error) => (500, format!("{error:#}\n")),
        },
        _ => (404, "healthz, readyz, metrics\n".to_owned()),
    }
}

/// Tells of the server's end, whichever way it came about.
struct Ending {
    fatal: mpsc::Sender<String>,
    why: String,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let why = if std::thread::panicking() {
            "it panicked".to_owned()
        } else {
            std::mem::take(&mut self.why)
        };
        // Somebody who has heard of one end needs no second.
        let _ = self.fatal.try_send(why);
    }
}

/// Binds the address and serves until the process ends; should it end before, `fatal` hears why. Returns the
/// address bound.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    fatal: mpsc::Sender<String>,
) -> Result<SocketAddr> {
    let server = Server::http(address).map_err(|error| anyhow!("{address}: {error}"))?;
    let bound = server.server_addr().to_ip().unwrap_or(address);
    std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            let mut ending = Ending {
                fatal,
                why: String::new(),
            };
            ending.why = answer_all(&server, &metrics, &readiness);
        })?;
    Ok(bound)
}

/// Answers until the server fails; says why.
fn answer_all(server: &Server, metrics: &Metrics, readiness: &Readiness) -> String {
    loop {
        let request = match server.recv() {
            Ok(request) => request,
            Err(error) => return error.to_string(),
        };
        let (status, body) = answer(metrics, readiness, request.method(), request.url());
        let mut response = Response::from_string(body).with_status_code(status);
        let kind = &b"text/plain; version=0.0.4; charset=utf-8"[..];
        if let Ok(header) = Header::from_bytes(&b"Content-Type"[..], kind) {
            response.add_header(header);
        }
        // Who asked and went away is no matter of ours.
        let _ = request.respond(response);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::Mirror;
    use plimsoll_client::ExchangeAddresses;
    use std::time::Duration;

    #[test]
    fn an_end_is_told_of_when_it_is_a_panic_too() {
        let (fatal, mut failed) = mpsc::channel(1);
        let ending = Ending {
            fatal,
            why: String::new(),
        };
        let panicked = std::thread::spawn(move || {
            let _ending = ending;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert_eq!(failed.try_recv().as_deref(), Ok("it panicked"));
    }

    #[test]
    fn readiness_needs_a_snapshot_that_is_not_far_behind() {
        let metrics = Metrics::new().expect("figures");
        let readiness = Readiness {
            lag_slots_max: 10,
            unchanged_max: Duration::from_secs(60),
        };
        let ask = |path| answer(&metrics, &readiness, &Method::Get, path);
        assert_eq!(ask("/healthz").0, 200);
        assert_eq!(ask("/readyz"), (503, "no snapshot yet\n".to_owned()));
        let addresses = ExchangeAddresses::new(
            Default::default(),
            Default::default(),
            Default::default(),
            &Default::default(),
        );
        let mut mirror = Mirror::new(addresses, []);
        let snapshot = crate::mirror::Snapshot {
            slot: 100,
            accounts: Vec::new(),
        };
        mirror.sync(&snapshot, crate::mirror::Sync::Forward);
        metrics.mirror(&mirror, 110);
        assert_eq!(ask("/readyz").0, 200);
        metrics.mirror(&mirror, 111);
        let behind = (503, "the mirror is 11 slots behind\n".to_owned());
        assert_eq!(ask("/readyz"), behind);
        let (status, text) = ask("/metrics");
        assert_eq!(status, 200);
        assert!(
            text.contains("plimsoll_keeper_mirror_lag_slots 11"),
            "{text}"
        );
        assert_eq!(ask("/nothing").0, 404);
    }
}
