//! A Hermes of the test's own, on a real socket: each connection is played by a script.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use byteorder::BE;
use plimsoll_keeper::prices::{
    ApiKey, Board, Hermes, HermesConfig, PriceFigures, PriceSource as _,
};
use plimsoll_keeper::sources::Ended;
use prometheus::Registry;
use pythnet_sdk::accumulators::merkle::MerkleTree;
use pythnet_sdk::accumulators::Accumulator as _;
use pythnet_sdk::hashers::keccak256_160::Keccak160;
use pythnet_sdk::messages::{Message, PriceFeedMessage};
use pythnet_sdk::wire::to_vec;
use pythnet_sdk::wire::v1::{AccumulatorUpdateData, MerklePriceUpdate, Proof};

/// Feeds of the board.
pub const BTC: [u8; 32] = [0xb7; 32];
pub const ETH: [u8; 32] = [0xe7; 32];

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub headers: Vec<String>,
}

/// The other end of a connection.
pub struct Wire(TcpStream);

impl Wire {
    /// Writes as it is.
    pub fn send(&mut self, text: &str) {
        // Who has hung up has heard enough.
        let _ = self.0.write_all(text.as_bytes());
        let _ = self.0.flush();
    }

    /// The head of a stream of events without a stated length.
    pub fn open(&mut self) {
        self.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        );
    }

    pub fn event(&mut self, update: &str) {
        self.send(&format!("data:{update}\n\n"));
    }

    /// A whole answer.
    pub fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.send(&format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ));
    }

    /// Keeps the connection open until the other side hangs up.
    pub fn hold(&mut self) {
        let mut byte = [0];
        let _ = std::io::Read::read(&mut self.0, &mut byte);
    }
}

pub struct Server {
    pub endpoint: String,
    asked: Receiver<Asked>,
}

impl Server {
    /// Plays each connection, by its number from 0, on a thread of its own.
    pub fn start(script: impl Fn(usize, &Asked, &mut Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!(
            "http://{}/hermes/",
            listener.local_addr().expect("an address")
        );
        let (send, asked) = channel();
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (script, send) = (script.clone(), send.clone());
                let stream = stream.expect("a connection");
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
                    let mut next = || lines.next().and_then(Result::ok).unwrap_or_default();
                    let line = next();
                    let headers =
                        std::iter::from_fn(|| Some(next()).filter(|line| !line.is_empty()));
                    let asked = Asked {
                        line,
                        headers: headers.collect(),
                    };
                    let _ = send.send(asked.clone());
                    script(number, &asked, &mut Wire(stream));
                });
            }
        });
        Self { endpoint, asked }
    }

    /// What has been asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.try_iter().collect()
    }

    /// Short waits for everything but silence.
    pub fn config(&self) -> HermesConfig {
        HermesConfig {
            silent: Duration::from_secs(600),
            reopen_min: Duration::from_millis(5),
            reopen_max: Duration::from_millis(50),
            poll: Duration::from_millis(5),
            limited: Duration::from_millis(40),
            ..HermesConfig::new(self.endpoint.clone(), None)
        }
    }

    pub fn with_key(&self, key: &str) -> HermesConfig {
        HermesConfig {
            key: Some(ApiKey::new(key).expect("a key")),
            ..self.config()
        }
    }
}

/// A source that runs, and the board that it fills.
pub struct Running {
    pub board: Board,
    registry: Registry,
    ended: Ended,
    seen: Vec<(u8, i64, i64)>,
}

impl Running {
    pub fn start(config: HermesConfig) -> Self {
        let registry = Registry::new();
        let figures = PriceFigures::register(&registry).expect("figures");
        let board = Board::new([BTC, ETH], figures);
        let hermes = Box::new(Hermes::new(config).expect("a source"));
        Self {
            ended: hermes.run(board.clone()),
            board,
            registry,
            seen: Vec::new(),
        }
    }

    /// Runs until an observation with this publish time has come; all since the last call.
    pub async fn until(&mut self, publish_time: i64) -> Vec<(u8, i64, i64)> {
        loop {
            let taken = self.board.take();
            self.seen.extend(
                taken
                    .iter()
                    .map(|seen| (seen.feed_id[0], seen.price / 100_000_000, seen.publish_time)),
            );
            if self.seen.iter().any(|(_, _, time)| *time >= publish_time) {
                return std::mem::take(&mut self.seen);
            }
            tokio::select! {
                () = self.board.changed() => {}
                ended = &mut self.ended => panic!("the source ended: {ended:#}"),
            }
        }
    }

    /// Runs until something comes in, and leaves it there.
    pub async fn turn(&mut self) {
        tokio::select! {
            () = self.board.changed() => {}
            ended = &mut self.ended => panic!("the source ended: {ended:#}"),
        }
    }

    /// Runs to its end.
    pub async fn end(self) -> String {
        format!("{:#}", self.ended.await)
    }

    /// A counter's value.
    pub fn figure(&self, name: &str) -> u64 {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather());
        let text = text.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |value| value.trim().parse().expect("a number"))
    }
}

/// An answer of Hermes in which these feeds have these prices, dollars, at these publish times.
pub fn update(prices: &[([u8; 32], i64, i64)]) -> String {
    update_signed_by(1, prices)
}

/// The same with this many signatures, none of which is real.
pub fn update_signed_by(signatures: u8, prices: &[([u8; 32], i64, i64)]) -> String {
    let messages = prices.iter().map(|(feed_id, dollars, publish_time)| {
        let message = Message::PriceFeedMessage(PriceFeedMessage {
            feed_id: *feed_id,
            price: dollars * 100_000_000,
            conf: 50_000,
            exponent: -8,
            publish_time: *publish_time,
            prev_publish_time: publish_time - 1,
            ema_price: dollars * 100_000_000,
            ema_conf: 50_000,
        });
        to_vec::<_, BE>(&message).expect("written")
    });
    let messages: Vec<Vec<u8>> = messages.collect();
    let leaves: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let tree = MerkleTree::<Keccak160>::new(&leaves).expect("a tree");
    let updates = leaves.iter().map(|leaf| MerklePriceUpdate {
        message: leaf.to_vec().into(),
        proof: tree.prove(leaf).expect("a proof"),
    });
    let mut vaa = vec![1, 0, 0, 0, 4, signatures];
    for guardian in 0..signatures {
        vaa.push(guardian);
        vaa.extend([0; 65]);
    }
    vaa.extend([0; 51]);
    vaa.extend(*b"AUWV\0");
    vaa.extend([0; 12]);
    vaa.extend(tree.root.as_bytes());
    let data = AccumulatorUpdateData::new(Proof::WormholeMerkle {
        vaa: vaa.into(),
        updates: updates.collect(),
    });
    let data = STANDARD.encode(to_vec::<_, BE>(&data).expect("written"));
    serde_json::json!({ "binary": { "encoding": "base64", "data": [data] } }).to_string()
}
