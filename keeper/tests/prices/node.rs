//! A node of the test's own: one market, whose price is an hour old, and transactions that land as it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use plimsoll_keeper::prices::post::{feed_address, Statement, WORMHOLE};
use plimsoll_testkit::{MarketSpec, World};
use serde_json::{json, Value};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_sdk_ids::sysvar::clock::ID as CLOCK;
use solana_signature::Signature;
use solana_signer::Signer as _;
use tiny_http::{Request, Response, Server};

pub const MARKET: &str = "AVAX";
const THREADS: usize = 4;

/// A transaction that came in.
#[derive(Clone, Debug)]
pub struct Sent {
    pub signature: String,
    pub bytes: Vec<u8>,
    /// Whether all before it had been said to have landed.
    pub in_turn: bool,
}

/// What the node saw and is told.
#[derive(Debug, Default)]
pub struct Told {
    pub sent: Mutex<Vec<Sent>>,
    landed: Mutex<Vec<String>>,
    /// Refuses what does more than write a statement down.
    pub refuses: AtomicBool,
}

pub struct Node {
    pub told: Arc<Told>,
    pub rpc: String,
    pub market: Pubkey,
    pub feed: Pubkey,
    pub feed_id: [u8; 32],
    pub now: i64,
}

struct Chain {
    begun: Instant,
    now: i64,
    accounts: BTreeMap<Pubkey, (Pubkey, Vec<u8>)>,
    statement: Pubkey,
    told: Arc<Told>,
}

pub fn payer() -> Keypair {
    Keypair::new_from_array([9; 32])
}

/// First bytes of an instruction of another program.
pub fn discriminator(name: &str) -> [u8; 8] {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(format!("global:{name}"));
    std::array::from_fn(|place| hash[place])
}

impl Sent {
    pub fn has(&self, name: &str) -> bool {
        self.bytes
            .windows(8)
            .any(|window| window == discriminator(name))
    }
}

impl Node {
    pub fn start() -> Self {
        let mut world = World::new();
        world.open_market(&MarketSpec::preset(MARKET));
        world.refresh(MARKET).expect("a first index");
        world.set_time(world.now() + 3_600);
        let told = Arc::new(Told::default());
        let snapshot = world.snapshot();
        let held = snapshot.accounts();
        let accounts =
            held.map(|(address, account)| (*address, (account.owner, account.data.clone())));
        let market = world.market_address(MARKET);
        let chain = Arc::new(Chain {
            begun: Instant::now(),
            now: world.now(),
            accounts: accounts.collect(),
            statement: Statement::of(&payer().pubkey(), &market).address,
            told: told.clone(),
        });
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a port"));
        for _ in 0..THREADS {
            let (server, chain) = (server.clone(), chain.clone());
            std::thread::spawn(move || {
                while let Ok(request) = server.recv() {
                    chain.answer(request);
                }
            });
        }
        let feed_id = world.handle(MARKET).params.feed_ids[0];
        Self {
            told,
            rpc: format!("http://{}", server.server_addr()),
            market,
            feed: feed_address(0, &feed_id),
            feed_id,
            now: world.now(),
        }
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.told.sent.lock().expect("unpoisoned").clone()
    }
}

impl Chain {
    fn answer(&self, mut request: Request) {
        let mut body = String::new();
        let _ = request.as_reader().read_to_string(&mut body);
        let asked: Value = serde_json::from_str(&body).unwrap_or_default();
        let method = asked["method"].as_str().unwrap_or_default();
        let answer = match self.result(method, &asked["params"]) {
            Some(result) => json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}),
            None => json!({"jsonrpc": "2.0", "id": asked["id"],
                "error": {"code": -32601, "message": "no such method"}}),
        };
        let _ = request.respond(Response::from_string(answer.to_string()));
    }

    fn result(&self, method: &str, params: &Value) -> Option<Value> {
        let slot = 100 + u64::try_from(self.begun.elapsed().as_millis() / 100).ok()?;
        let value = match method {
            "getSlot" | "getBlockHeight" => return Some(json!(slot)),
            "getVersion" => return Some(json!({"solana-core": "4.2.2", "feature-set": 1})),
            "sendTransaction" => return Some(self.send(&params[0])),
            "getAccountInfo" => self.account(&params[0], slot),
            "getMultipleAccounts" => {
                let asked = params[0].as_array()?.iter();
                asked.map(|address| self.account(address, slot)).collect()
            }
            "getLatestBlockhash" => json!({
                "blockhash": Pubkey::new_from_array([7; 32]).to_string(),
                "lastValidBlockHeight": u64::MAX,
            }),
            "simulateTransaction" => json!({"err": null, "logs": [], "unitsConsumed": 30_000}),
            "getBalance" => json!(5_000_000_000_u64),
            "getSignatureStatuses" => json!([self.status(params[0][0].as_str()?, slot)]),
            _ => return None,
        };
        Some(json!({"context": {"slot": slot}, "value": value}))
    }

    fn send(&self, transaction: &Value) -> Value {
        let bytes = STANDARD.decode(transaction.as_str().unwrap_or_default());
        let bytes = bytes.expect("a transaction");
        let signature: [u8; 64] = bytes[1..65].try_into().expect("a signature");
        let signature = Signature::from(signature).to_string();
        let mut sent = self.told.sent.lock().expect("unpoisoned");
        let landed = self.told.landed.lock().expect("unpoisoned");
        let in_turn = sent.iter().all(|before| landed.contains(&before.signature));
        if sent.iter().all(|before| before.signature != signature) {
            sent.push(Sent {
                signature: signature.clone(),
                bytes,
                in_turn,
            });
        }
        json!(signature)
    }

    fn status(&self, signature: &str, slot: u64) -> Value {
        let sent = self.told.sent.lock().expect("unpoisoned");
        let Some(sent) = sent.iter().find(|sent| sent.signature == signature) else {
            return Value::Null;
        };
        self.told
            .landed
            .lock()
            .expect("unpoisoned")
            .push(signature.to_owned());
        let refused = self.told.refuses.load(Ordering::Relaxed) && sent.has("update_price_feed");
        // The number that Anchor gives a program's first error.
        let error = json!({"InstructionError": [2, {"Custom": 6_000}]});
        let error = if refused { error } else { Value::Null };
        json!({
            "slot": slot, "confirmations": 1, "err": error, "status": {"Ok": null},
            "confirmationStatus": "confirmed",
        })
    }

    /// The statement's account is there from its creation to its end.
    fn has_statement(&self) -> bool {
        let sent = self.told.sent.lock().expect("unpoisoned");
        let refuses = self.told.refuses.load(Ordering::Relaxed);
        let mut done = sent
            .iter()
            .filter(|sent| !(refuses && sent.has("update_price_feed")));
        done.next_back()
            .is_some_and(|last| last.has("init_encoded_vaa"))
    }

    fn account(&self, address: &Value, slot: u64) -> Value {
        let address: Pubkey = address
            .as_str()
            .unwrap_or_default()
            .parse()
            .expect("an address");
        let (owner, data) = if address == CLOCK {
            let mut clock = vec![0; 40];
            clock[..8].copy_from_slice(&slot.to_le_bytes());
            clock[32..].copy_from_slice(&self.now.to_le_bytes());
            (Pubkey::default(), clock)
        } else if address == self.statement && self.has_statement() {
            (WORMHOLE, vec![0; 998])
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
