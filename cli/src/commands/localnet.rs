//! `plimsoll localnet`: a chain on the usual ports with the exchange set up and prices moving.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use plimsoll_localnet::LocalnetConfig;

use crate::localnet::{boot, BootOptions};
use crate::session::GlobalArgs;

/// Arguments of `plimsoll localnet`.
#[derive(Args, Debug)]
pub(crate) struct LocalnetArgs {
    /// Port of JSON-RPC; 0 takes a free one
    #[arg(long, default_value_t = 8_899)]
    rpc_port: u16,
    /// Port of the WebSocket; 0 takes a free one
    #[arg(long, default_value_t = 8_900)]
    ws_port: u16,
    /// Milliseconds from one block to the next
    #[arg(long, default_value_t = 400)]
    slot_ms: u64,
    /// Bytecode to deploy [default: artifacts/plimsoll.so]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

pub(crate) async fn run(global: &GlobalArgs, args: LocalnetArgs) -> Result<()> {
    let output = global.output();
    let config =
        crate::cluster::ClusterConfig::load(global.cluster.as_deref().unwrap_or("localnet"))?;
    let options = BootOptions {
        config,
        validator: LocalnetConfig {
            rpc_port: args.rpc_port,
            ws_port: args.ws_port,
            slot_ms: args.slot_ms,
            ..LocalnetConfig::default()
        },
        artifact: args.program,
    };
    let running = boot(options, &mut |sentence: &str| output.progress(sentence)).await?;
    for market in &running.report.markets {
        running.refresh(market).await?;
    }
    output.progress(&format!("ready at {}", running.localnet.rpc_url()));
    tokio::signal::ctrl_c().await?;
    running.stop()
}
