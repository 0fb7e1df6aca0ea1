//! What a caller chooses about the embedded validator, and nothing else.

use std::net::{IpAddr, Ipv4Addr};

use solana_pubkey::Pubkey;

/// The port wallets and tools expect JSON-RPC on.
pub const RPC_PORT_DEFAULT: u16 = 8899;
/// The port they expect the WebSocket on: always one above JSON-RPC.
pub const WS_PORT_DEFAULT: u16 = 8900;
/// Mainnet's slot time, so that nothing is tuned to a chain faster than the real one by accident.
pub const SLOT_MS_DEFAULT: u64 = 400;

const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

/// How the embedded validator is started.
#[derive(Clone, Debug)]
pub struct LocalnetConfig {
    /// Address both servers bind to.
    pub host: IpAddr,
    /// JSON-RPC port; 0 takes any free one.
    pub rpc_port: u16,
    /// WebSocket port; 0 takes any free one.
    pub ws_port: u16,
    /// Milliseconds from one block to the next, and what each block adds to the chain's clock.
    pub slot_ms: u64,
    /// Accounts that hold `airdrop_lamports` each from the first block on.
    pub airdrop: Vec<Pubkey>,
    /// Lamports given to each of `airdrop`.
    pub airdrop_lamports: u64,
}

impl Default for LocalnetConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            rpc_port: RPC_PORT_DEFAULT,
            ws_port: WS_PORT_DEFAULT,
            slot_ms: SLOT_MS_DEFAULT,
            airdrop: Vec::new(),
            airdrop_lamports: 1_000 * LAMPORTS_PER_SOL,
        }
    }
}

impl LocalnetConfig {
    /// Free ports of the system's choice, so that tests run side by side.
    pub fn on_free_ports() -> Self {
        Self {
            rpc_port: 0,
            ws_port: 0,
            ..Self::default()
        }
    }

    /// Adds an account that is funded from the first block on.
    pub fn funding(mut self, account: Pubkey) -> Self {
        self.airdrop.push(account);
        self
    }

    /// Sets the slot time in milliseconds.
    pub fn with_slot_ms(mut self, slot_ms: u64) -> Self {
        self.slot_ms = slot_ms;
        self
    }
}
