//! Keepers as processes of their own, and what their servers and ledgers say.

use std::cell::OnceCell;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use plimsoll_keeper::ledger::{self, Summary};
use solana_keypair::Keypair;

/// Nothing is waited for longer; a loaded machine is slow, a broken keeper never arrives.
const WAIT_MAX: Duration = Duration::from_secs(180);
pub const PAUSE: Duration = Duration::from_millis(10);
/// Decisions that must follow on what was seen: one may have been under way.
const DECISIONS: u64 = 2;

/// Key of a keeper, or of who pays for the deployment.
pub fn payer(name: &str) -> Keypair {
    let mut seed = [11; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    Keypair::new_from_array(seed)
}

/// A keeper's process; killed when dropped.
#[derive(Debug)]
pub struct Keeper {
    /// Of its ledger and its log.
    pub name: String,
    child: Child,
    log: PathBuf,
    /// Of its own server, once the log has said it.
    port: OnceCell<u16>,
    /// It has been ready once.
    pub ready: bool,
}

/// Where a keeper stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    slot: u64,
    in_flight: u64,
    decisions: u64,
}

pub fn ledger_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.sqlite"))
}

/// What a keeper's ledger holds.
pub fn report(folder: &Path, name: &str) -> Vec<Summary> {
    ledger::report(&ledger_path(folder, name), 86_400).expect("a ledger")
}

impl Keeper {
    /// Starts a keeper by the configuration `<name>.toml`.
    pub fn start(folder: &Path, name: &str) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-keeper"));
        command
            .arg("--config")
            .arg(folder.join(format!("{name}.toml")));
        command.env("NO_COLOR", "1").stderr(file);
        Self {
            name: name.to_owned(),
            child: command.spawn().expect("a keeper"),
            log,
            port: OnceCell::new(),
            ready: false,
        }
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// SIGTERM, and the end that follows.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").arg(&id).status().expect("a signal");
        assert!(sent.success());
        let ended = self.child.wait().expect("ended");
        assert!(
            ended.success(),
            "{}: {ended}\n{}",
            self.name,
            self.end_of_log()
        );
    }

    /// Asks whether it is ready, until it has been once.
    pub fn look(&mut self) {
        let ended = self.child.try_wait().expect("a process");
        assert!(
            ended.is_none(),
            "{}: {ended:?}\n{}",
            self.name,
            self.end_of_log()
        );
        self.ready |= self
            .get("/readyz")
            .is_some_and(|answer| answer.starts_with("HTTP/1.1 200"));
    }

    /// Whether it has seen a slot, decided on it and has nothing under way; `first` is the count of its decisions when
    /// it had first seen the slot.
    pub fn caught_up(&self, slot: u64, first: &mut Option<u64>) -> bool {
        let Some(now) = self.standing().filter(|now| now.slot >= slot) else {
            return false;
        };
        let first = *first.get_or_insert(now.decisions);
        now.decisions >= first + DECISIONS && now.in_flight == 0
    }

    /// Waits for that.
    pub async fn until_caught_up(&self, slot: u64) {
        let (begun, mut first) = (Instant::now(), None);
        while !self.caught_up(slot, &mut first) {
            assert!(
                begun.elapsed() < WAIT_MAX,
                "{} stands still\n{}",
                self.name,
                self.end_of_log()
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn standing(&self) -> Option<Standing> {
        let text = self.get("/metrics")?;
        let figure = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("plimsoll_keeper_")?.strip_prefix(name));
            line?.trim().parse::<u64>().ok()
        };
        Some(Standing {
            slot: figure("slot ")?,
            in_flight: figure("in_flight ")?,
            decisions: figure("decide_seconds_count ")?,
        })
    }

    /// The answer of its own server, whose address is in its log; `None` before it serves.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port()?)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn port(&self) -> Option<u16> {
        if self.port.get().is_none() {
            let log = std::fs::read_to_string(&self.log).ok()?;
            let address = log.split("127.0.0.1:").nth(1)?;
            let (port, _) = address.split_once(|c: char| !c.is_ascii_digit())?;
            let _ = self.port.set(port.parse().ok()?);
        }
        self.port.get().copied()
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
