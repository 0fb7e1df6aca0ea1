//! A node of the test's own: one exchange that stands still, and statuses that it gives only when told to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use plimsoll_testkit::{MarketSpec, World};
use serde_json::{json, Value};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::clock::ID as CLOCK;
use solana_signature::Signature;
use tiny_http::{Request, Response, Server};

pub const MARKET: &str = "AVAX";
/// Nothing is waited for longer; a loaded machine is slow, a broken keeper never arrives.
pub const WAIT_MAX: Duration = Duration::from_secs(120);
/// Requests that are answered at a time.
const THREADS: usize = 4;

/// What the node is told while it runs.
#[derive(Debug, Default)]
pub struct Told {
    /// Requests of any kind that came in.
    pub asked: AtomicU64,
    /// Transactions that came in.
    pub sent: AtomicU64,
    /// Whether what came in has landed.
    pub landed: AtomicBool,
    /// Whether simulations are answered with status 500.
    pub failing: AtomicBool,
    /// Of the paying key.
    pub lamports: AtomicU64,
}

pub struct Node {
    pub told: Arc<Told>,
    pub folder: tempfile::TempDir,
    server: Arc<Server>,
    market: Pubkey,
    feed: Pubkey,
}

struct Chain {
    begun: Instant,
    now: i64,
    accounts: BTreeMap<Pubkey, (Pubkey, Vec<u8>)>,
    told: Arc<Told>,
}

pub fn payer() -> Keypair {
    Keypair::new_from_array([9; 32])
}

impl Node {
    /// A market whose price account is newer than its index: a refresh is due for ever.
    pub fn start() -> Self {
        let mut world = World::new();
        world.open_market(&MarketSpec::preset(MARKET));
        world.refresh(MARKET).expect("a first index");
        world.set_time(world.now() + 2);
        world.write_feed(MARKET, 0, &world.message(MARKET, 0, 20_000));
        let told = Arc::new(Told::default());
        told.lamports.store(5_000_000_000, Ordering::Relaxed);
        let snapshot = world.snapshot();
        let held = snapshot.accounts();
        let mut accounts: BTreeMap<_, _> = held
            .map(|(address, account)| (*address, (account.owner, account.data.clone())))
            .collect();
        let price = world.svm.get_account(&world.feed(MARKET, 0));
        let price = price.expect("a price account");
        accounts.insert(world.feed(MARKET, 0), (price.owner, price.data));
        let chain = Chain {
            begun: Instant::now(),
            now: world.now(),
            accounts,
            told: told.clone(),
        };
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a port"));
        let chain = Arc::new(chain);
        for _ in 0..THREADS {
            let (server, chain) = (server.clone(), chain.clone());
            std::thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    chain.answer(request);
                }
            });
        }
        Self {
            told,
            folder: tempfile::tempdir().expect("a folder"),
            server,
            market: world.market_address(MARKET),
            feed: world.feed(MARKET, 0),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.server_addr())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes key and configuration; `more` is appended.
    pub fn configure(&self, more: &str) {
        self.configure_at(&self.url(), more);
    }

    /// With another address for the first endpoint.
    pub fn configure_at(&self, rpc: &str, more: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let key = serde_json::to_string(&payer().to_bytes().to_vec()).expect("a key");
        std::fs::write(self.path("keeper.json"), key).expect("written");
        let secret = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path("keeper.json"), secret).expect("set");
        let config = format!(
            "keypair = '{key}'\nledger = '{ledger}'\n[[endpoint]]\nrpc = '{rpc}'\n\
             [[market]]\naddress = '{market}'\nfeeds = ['{feed}']\n\
             [sources]\npulse_ms = 50\nresync_ms = 1000\n[plan]\ndecide_ms = 50\n\
             [http]\nlisten = '127.0.0.1:0'\n{more}",
            key = self.path("keeper.json").display(),
            ledger = self.path("keeper.sqlite").display(),
            market = self.market,
            feed = self.feed,
        );
        std::fs::write(self.path("keeper.toml"), config).expect("written");
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-keeper"));
        command.arg("--config").arg(self.path("keeper.toml"));
        command.env_remove("RUST_LOG");
        command.env_remove("PLIMSOLL_KEEPER_WEBHOOK");
        command
    }

    /// A keeper in the background, its log in a file.
    pub fn keeper(&self, arguments: &[&str]) -> Keeper {
        let log = std::fs::File::create(self.path("log")).expect("a log");
        let child = self.command().args(arguments).stderr(log).spawn();
        Keeper(child.expect("a keeper"))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits for something that the keeper brings about.
    pub fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !reached(self) {
            let log = self.log();
            assert!(begun.elapsed() < WAIT_MAX, "{what} did not come: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Outcomes in the ledger.
    pub fn outcomes(&self) -> Vec<String> {
        let report = self.command().args(["report", "--json"]).output();
        let report: Value =
            serde_json::from_slice(&report.expect("a report").stdout).expect("JSON");
        let rows = report.as_array().expect("rows").iter();
        rows.map(|row| row["outcome"].as_str().expect("an outcome").to_owned())
            .collect()
    }
}

/// A keeper's process; killed when dropped.
pub struct Keeper(pub Child);

impl Keeper {
    pub fn terminate(&self) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").arg(&id).status().expect("a signal");
        assert!(sent.success());
    }
}

impl Keeper {
    /// Waits for its end.
    pub fn end(&mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.0.try_wait().expect("asked") {
                return ended;
            }
            assert!(begun.elapsed() < WAIT_MAX, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A receiver of alerts, its address with this path, and what it hears.
pub fn webhook(path: &str) -> (String, Receiver<Value>) {
    let server = Server::http("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/{path}", server.server_addr());
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut request in server.incoming_requests() {
            let body = serde_json::from_reader(request.as_reader()).expect("JSON");
            let _ = request.respond(Response::empty(204));
            if told.send(body).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

/// The next alert of this kind.
pub fn alert(heard: &Receiver<Value>, wanted: &str) -> Value {
    loop {
        let body = heard.recv_timeout(WAIT_MAX).expect("an alert");
        if body["kind"] == wanted {
            return body;
        }
    }
}

impl Chain {
    fn slot(&self) -> u64 {
        100 + u64::try_from(self.begun.elapsed().as_millis() / 100).expect("a slot")
    }

    fn answer(&self, mut request: Request) {
        let mut body = String::new();
        let _ = request.as_reader().read_to_string(&mut body);
        self.told.asked.fetch_add(1, Ordering::Relaxed);
        let asked: Value = serde_json::from_str(&body).unwrap_or_default();
        let method = asked["method"].as_str().unwrap_or_default();
        if method == "simulateTransaction" && self.told.failing.load(Ordering::Relaxed) {
            let _ = request.respond(Response::empty(500));
            return;
        }
        let answer = match self.result(method, &asked["params"]) {
            Some(result) => json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}),
            None => json!({"jsonrpc": "2.0", "id": asked["id"],
                "error": {"code": -32601, "message": "no such method"}}),
        };
        let _ = request.respond(Response::from_string(answer.to_string()));
    }

    fn result(&self, method: &str, params: &Value) -> Option<Value> {
        let slot = self.slot();
        let value = match method {
            "getSlot" | "getBlockHeight" => return Some(json!(slot)),
            "getVersion" => return Some(json!({"solana-core": "4.2.2", "feature-set": 1})),
            "sendTransaction" => return Some(self.send(&params[0])),
            "getAccountInfo" => self.account(&params[0]),
            "getMultipleAccounts" => {
                let asked = params[0].as_array()?.iter();
                asked.map(|address| self.account(address)).collect()
            }
            "getLatestBlockhash" => json!({
                "blockhash": Pubkey::new_from_array([7; 32]).to_string(),
                "lastValidBlockHeight": u64::MAX,
            }),
            "simulateTransaction" => json!({"err": null, "logs": [], "unitsConsumed": 30_000}),
            "getBalance" => json!(self.told.lamports.load(Ordering::Relaxed)),
            "getSignatureStatuses" if self.told.landed.load(Ordering::Relaxed) => json!([{
                "slot": slot, "confirmations": 1, "err": null, "status": {"Ok": null},
                "confirmationStatus": "confirmed",
            }]),
            "getSignatureStatuses" => json!([null]),
            _ => return None,
        };
        Some(json!({"context": {"slot": slot}, "value": value}))
    }

    fn send(&self, transaction: &Value) -> Value {
        let bytes = STANDARD.decode(transaction.as_str().unwrap_or_default());
        let bytes = bytes.expect("a transaction");
        let signature: [u8; 64] = bytes[1..65].try_into().expect("a signature");
        self.told.sent.fetch_add(1, Ordering::Relaxed);
        json!(Signature::from(signature).to_string())
    }

    fn account(&self, address: &Value) -> Value {
        let address: Pubkey = address
            .as_str()
            .unwrap_or_default()
            .parse()
            .expect("an address");
        let (owner, data) = if address == CLOCK {
            let mut clock = vec![0; 40];
            clock[..8].copy_from_slice(&self.slot().to_le_bytes());
            clock[32..].copy_from_slice(&self.now.to_le_bytes());
            (Pubkey::default(), clock)
        } else {
            match self.accounts.get(&address) {
                Some(found) => found.clone(),
                None => return Value::Null,
            }
        };
        json!({
            "owner": owner.to_string(), "data": [STANDARD.encode(&data), "base64"], "lamports": 1,
            "executable": false, "rentEpoch": 0, "space": data.len(),
        })
    }
}
