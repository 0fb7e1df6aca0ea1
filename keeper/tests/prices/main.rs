//! Hermes as a source, against a server on a real socket that does what servers do: cuts, falls silent, refuses.

mod node;
mod posting;
mod server;

use server::{update, Running, Server, BTC, ETH};

const B: u8 = BTC[0];
const E: u8 = ETH[0];

#[tokio::test]
async fn a_stream_brings_prices_of_the_feeds_asked_for() {
    let server = Server::start(|_, _, wire| {
        wire.open();
        wire.send(": alive\n\n");
        wire.event(&update(&[
            (BTC, 60_000, 100),
            (ETH, 3_000, 101),
            ([9; 32], 1, 102),
        ]));
        wire.hold();
    });
    let mut running = Running::start(server.with_key("secret"));
    assert_eq!(
        running.until(101).await,
        [(B, 60_000, 100), (E, 3_000, 101)]
    );
    let asked = &server.asked()[0];
    let (btc, eth) = ("b7".repeat(32), "e7".repeat(32));
    let line = format!(
        "GET /hermes/v2/updates/price/stream?ids%5B%5D={btc}&ids%5B%5D={eth}&encoding=base64&parsed=false\
         &ignore_invalid_price_ids=true HTTP/1.1"
    );
    assert_eq!(asked.line, line);
    let key = |header: &String| header.eq_ignore_ascii_case("authorization: bearer secret");
    assert!(asked.headers.iter().any(key), "{asked:?}");
}

#[tokio::test]
async fn a_stream_that_is_cut_within_an_event_is_opened_again() {
    let server = Server::start(|number, _, wire| {
        let whole = update(&[(BTC, 60_000, 100)]);
        wire.open();
        if number == 0 {
            wire.send(&format!("data:{}", &whole[..whole.len() / 2]));
        } else {
            wire.event(&whole);
            wire.hold();
        }
    });
    let mut running = Running::start(server.config());
    assert_eq!(running.until(100).await, [(B, 60_000, 100)]);
    assert_eq!(running.figure("price_reconnects_total"), 1);
    assert_eq!(running.figure("price_updates_refused_total"), 0);
}

#[tokio::test]
async fn an_event_may_come_byte_by_byte() {
    let server = Server::start(|_, _, wire| {
        wire.open();
        for byte in format!("data:{}\r\n\r\n", update(&[(ETH, 3_000, 100)])).chars() {
            wire.send(&byte.to_string());
        }
        wire.hold();
    });
    let mut running = Running::start(server.config());
    assert_eq!(running.until(100).await, [(E, 3_000, 100)]);
}

#[tokio::test]
async fn a_stream_that_only_says_that_it_is_alive_is_silent() {
    let server = Server::start(|number, _, wire| {
        wire.open();
        if number == 0 {
            // Neither comments nor what cannot be read is a price.
            for _ in 0..2_000 {
                wire.send(": alive\n\ndata: {}\n\n");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        wire.event(&update(&[(BTC, 60_000, 100)]));
        wire.hold();
    });
    let mut config = server.config();
    config.silent = std::time::Duration::from_millis(150);
    let mut running = Running::start(config);
    assert_eq!(running.until(100).await, [(B, 60_000, 100)]);
    assert!(running.figure("price_updates_refused_total") > 0);
    assert!(server.asked().len() >= 2);
}

#[tokio::test]
async fn what_hermes_calls_an_error_ends_the_stream() {
    let server = Server::start(|number, _, wire| {
        wire.open();
        if number == 0 {
            wire.send("event: error\ndata: Slow consumer: disconnected\n\n");
        } else {
            wire.event(&update(&[(BTC, 60_000, 100)]));
        }
        wire.hold();
    });
    let mut running = Running::start(server.config());
    assert_eq!(running.until(100).await, [(B, 60_000, 100)]);
    assert_eq!(running.figure("price_reconnects_total"), 1);
}

#[tokio::test]
async fn without_a_key_the_end_says_what_to_do() {
    let server = Server::start(|_, _, wire| wire.answer("401 Unauthorized", "", "no key"));
    let ended = Running::start(server.config()).end().await;
    assert!(
        ended.contains("answers nobody without a Pyth API key: set PYTH_API_KEY"),
        "{ended}"
    );
    let ended = Running::start(server.with_key("secret")).end().await;
    assert!(
        ended.contains("does not accept the key of PYTH_API_KEY (401"),
        "{ended}"
    );
    assert!(!ended.contains("secret"), "{ended}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_key_that_was_taken_once_is_asked_with_again() {
    let server = Server::start(|number, _, wire| match number {
        1 => wire.answer("403 Forbidden", "", "not now"),
        _ => {
            wire.open();
            wire.event(&update(&[(
                BTC,
                60_000,
                100 + i64::try_from(number).expect("few"),
            )]));
        }
    });
    let mut running = Running::start(server.with_key("secret"));
    assert_eq!(running.until(102).await.last(), Some(&(B, 60_000, 102)));
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let server = Server::start(|number, _, wire| match number {
        0 => wire.answer("307 Temporary Redirect", "Location: /elsewhere\r\n", ""),
        _ => wire.hold(),
    });
    let ended = Running::start(server.with_key("secret")).end().await;
    assert!(
        ended.contains("/elsewhere: name that as prices.endpoint"),
        "{ended}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn after_too_many_requests_nothing_is_asked_for_as_long_as_the_endpoint_says() {
    let (told, gaps) = std::sync::mpsc::channel();
    let server = Server::start(move |number, _, wire| {
        told.send(std::time::Instant::now()).expect("told");
        match number {
            0 => wire.answer("429 Too Many Requests", "Retry-After: 1\r\n", ""),
            1 => wire.answer("429 Too Many Requests", "", ""),
            _ => {
                wire.open();
                wire.event(&update(&[(BTC, 60_000, 100)]));
                wire.hold();
            }
        }
    });
    let mut running = Running::start(server.config());
    assert_eq!(running.until(100).await, [(B, 60_000, 100)]);
    let at: Vec<_> = gaps.try_iter().collect();
    // Nothing in between, whatever the usual wait is: only a lower bound can be told on a slow machine.
    assert_eq!(at.len(), 3);
    assert!(at[1] - at[0] >= std::time::Duration::from_millis(990));
    assert!(at[2] - at[1] >= std::time::Duration::from_millis(35));
}

#[tokio::test]
async fn where_streams_fail_prices_are_polled_and_streams_tried_again() {
    let server = Server::start(|number, asked, wire| {
        let second = i64::try_from(number).expect("few");
        let stream = asked.line.contains("/stream?");
        if stream && number < 40 {
            wire.answer("503 Service Unavailable", "", "later");
        } else if stream {
            wire.open();
            wire.event(&update(&[(ETH, 3_000, 1_000)]));
            wire.hold();
        } else {
            wire.answer("200 OK", "", &update(&[(BTC, 60_000, 100 + second)]));
        }
    });
    let mut running = Running::start(server.config());
    let seen = running.until(1_000).await;
    assert!(seen.contains(&(E, 3_000, 1_000)), "{seen:?}");
    assert!(seen.iter().any(|(feed, ..)| *feed == B), "{seen:?}");
    let asked = server.asked();
    let streams = asked
        .iter()
        .take(4)
        .filter(|asked| asked.line.contains("/stream?"));
    assert_eq!(streams.count(), 3, "{asked:?}");
}

#[tokio::test]
async fn publish_times_that_go_back_are_not_told() {
    let server = Server::start(|_, _, wire| {
        wire.open();
        for (dollars, second) in [(60_000, 100), (59_000, 99), (58_000, 100), (57_000, 101)] {
            wire.event(&update(&[(BTC, dollars, second)]));
        }
        wire.event(&update(&[(ETH, 3_000, 200)]));
        wire.hold();
    });
    let mut running = Running::start(server.config());
    let seen = running.until(200).await;
    let prices: Vec<i64> = seen
        .iter()
        .filter(|(feed, ..)| *feed == B)
        .map(|(_, price, _)| *price)
        .collect();
    assert_eq!(prices.last(), Some(&57_000));
    assert!(
        !prices.contains(&59_000) && !prices.contains(&58_000),
        "{prices:?}"
    );
    assert_eq!(
        running.figure("price_observations_total{result=\"older\"}"),
        2
    );
}

#[tokio::test]
async fn a_burst_waits_as_one_price_a_feed() {
    let server = Server::start(|_, _, wire| {
        wire.open();
        for second in 1..=5_000 {
            wire.event(&update(&[(BTC, second, second)]));
        }
        wire.event(&update(&[(ETH, 3_000, 9_999)]));
        wire.hold();
    });
    let mut running = Running::start(server.config());
    // Nobody reads while the burst comes in.
    let idle = running.board.clone();
    while running.figure("price_observations_total{result=\"taken\"}") < 2 {
        running.turn().await;
    }
    let waiting = idle.take();
    let told: Vec<_> = waiting
        .iter()
        .map(|seen| (seen.feed_id[0], seen.publish_time))
        .collect();
    assert_eq!(told, [(B, 5_000), (E, 9_999)]);
    assert_eq!(
        running.figure("price_observations_total{result=\"coalesced\"}"),
        4_999
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_the_stream_goes_on() {
    let server = Server::start(|_, _, wire| {
        wire.open();
        wire.event("{");
        wire.event("{\"binary\":{\"encoding\":\"hex\",\"data\":[\"00\"]}}");
        wire.event("{\"binary\":{\"encoding\":\"base64\",\"data\":[]}}");
        wire.event("{\"binary\":{\"encoding\":\"base64\",\"data\":[\"UE5BVQ==\"]}}");
        wire.event(&update(&[(BTC, 60_000, 100)]));
        wire.hold();
    });
    let mut running = Running::start(server.config());
    assert_eq!(running.until(100).await, [(B, 60_000, 100)]);
    assert_eq!(running.figure("price_updates_refused_total"), 4);
    assert_eq!(running.figure("price_reconnects_total"), 0);
}
