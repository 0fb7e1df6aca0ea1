//! `plimsoll demo`: a whole evening of the exchange in a few minutes. An embedded chain, the program
//! deployed through the real loader, a dozen traders, three farmers with and without a credit line, a
//! liquidator, the recorded tapes of 10 October 2025, and at the end a summary that is verified from the
//! chain's state.
//!
//! Every action is a signed transaction over JSON-RPC. Only the clock and the price accounts are moved
//! from inside, as nobody else could.

mod audit;
mod board;
mod bots;
mod cast;
mod checks;
mod credit_checks;
mod crowd;
mod duties;
mod halt_checks;
mod halt_tables;
mod halts;
mod ledger;
mod lending;
mod liquidator;
mod money;
mod night;
mod night_tables;
mod play;
mod random;
mod settle;
mod sight;
mod story;
mod summary;
mod tally;
mod tapes;
mod traffic;
mod venue;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, Result};
use clap::Args;
use plimsoll_client::rpc::Connection;
use plimsoll_localnet::LocalnetConfig;
use solana_signer::Signer;

use crate::cluster::ClusterConfig;
use crate::localnet::{boot, BootOptions, RunningLocalnet};

use audit::Audit;
use board::print;
use cast::Role;
use ledger::Ledger;
use play::Play;
use story::{Story, MARKETS};
use summary::{Summary, Told};
use tapes::MarketTapes;
use traffic::Traffic;
use venue::{Venue, ARENA_BLOCKS};

/// Short blocks: a transaction is confirmed with the next one.
const SLOT_MS: u64 = 100;

/// Play a recorded evening on a chain of its own and verify the result
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Twelve minutes around the crash with fewer traders
    #[arg(long)]
    fast: bool,
    /// Tape seconds for each second of the wall clock, if the machine keeps up
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=120))]
    speed: Option<u32>,
    /// Folder of the recorded tapes [default: the repository's data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Bytecode to deploy [default: the committed artifacts/plimsoll.so]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Plays until the end, or until Ctrl-C; a check that fails is an error.
pub async fn run(args: DemoArgs) -> Result<()> {
    let begun = Instant::now();
    tokio::select! {
        ended = tell(args, begun) => ended,
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            bail!("stopped; the chain of the demo is gone with it");
        }
    }
}

async fn tell(args: DemoArgs, begun: Instant) -> Result<()> {
    let story = if args.fast {
        Story::fast(args.speed)
    } else {
        Story::whole(args.speed)
    };
    let tapes = tapes::open(&args.data.unwrap_or_else(tapes::folder_default), &story)?;
    let mut say = |sentence: &str| {
        let seconds = begun.elapsed().as_secs_f32();
        print(&format!("{seconds:5.1} s  {sentence}"));
    };
    let roles = cast::roles(&story);
    let keys = roles.iter().map(|(_, key)| key.pubkey());
    let lenders = cast::lenders().map(|key| key.pubkey());
    let funded = keys.chain([cast::keeper().pubkey()]).chain(lenders);
    let running = start(funded.collect(), args.program, &mut say).await?;
    let venue = Venue::of(&running.report)?;
    let connection = Connection::new(running.localnet.rpc_url());
    let traffic = Arc::new(Traffic::new(connection, Duration::from_millis(SLOT_MS)));
    say(&format!(
        "letting {} traders in: accounts, seats, deposits",
        roles.len()
    ));
    let mut traders = cast::enter(&running, &venue, &traffic, roles).await?;
    say("an underwriter opens a vault; an hour of notice passes on the chain's clock; two of three farmers get a line");
    let lending = lending::open(&running, &venue, &traffic, &mut traders).await?;
    say(&format!(
        "playing {} to {} UTC of 10 October 2025 at {}×: about {} s",
        story::time_of_day(story.tape_start),
        story::time_of_day(story.tape_end),
        story.speed,
        story.wall_time().as_secs()
    ));
    say(&silences(&tapes, &story));
    let play = Play::new(&running, &story, &venue, &tapes, (&traders, &traffic))?;
    let played = play.run(begun).await?;
    say("reading the chain and checking it");
    let savers = traders.iter().filter(|trader| trader.role == Role::Saver);
    let savers: Vec<_> = savers.map(|trader| trader.account).collect();
    let audit = Audit::read(traffic.connection(), &venue.addresses, &savers).await?;
    let callers = traders.iter().filter(|trader| {
        let role = trader.role;
        role == Role::Liquidator || role == Role::Desk
    });
    let callers: Vec<_> = callers.map(|trader| trader.key.pubkey()).collect();
    let mut ledger = Ledger::read(traffic.connection(), &callers, &lending.vault).await?;
    ledger.name_seats(&venue, &traders);
    let tally = traffic.tally().clone();
    let told = Told {
        venue: &venue,
        tapes: &tapes,
        traders: &traders,
        audit: &audit,
        ledger: &ledger,
        played: &played,
        tally: &tally,
    };
    let summary = Summary::of(&story, &told);
    print(&format!(
        "{summary}took {:.1} s",
        begun.elapsed().as_secs_f32()
    ));
    running.stop()?;
    summary.verdict()
}

/// Says beforehand what will be seen: an index is only as fresh as its tape.
fn silences(tapes: &[MarketTapes], story: &Story) -> String {
    let list = tapes.iter().map(|tape| {
        let seconds = tape.longest_silence(story);
        format!("{} {} s", tape.story.symbol, seconds)
    });
    format!(
        "longest silence of each tape: {}; an index older than 15 s is stale and takes no new risk",
        list.collect::<Vec<_>>().join(", ")
    )
}

/// A localnet with the four markets and nothing else of the cluster's file.
async fn start(
    funded: Vec<solana_pubkey::Pubkey>,
    program: Option<PathBuf>,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<RunningLocalnet> {
    let mut config = ClusterConfig::load("localnet")?;
    config.exchange.custody_shards = 2;
    config.markets.retain(|market| {
        let known = MARKETS.iter();
        known
            .map(|story| story.symbol)
            .any(|symbol| symbol == market.symbol)
    });
    for market in &mut config.markets {
        market.arena_blocks = ARENA_BLOCKS;
        // The first price comes from the tape.
        market.start_price_e8 = 0;
    }
    let mut validator = LocalnetConfig::on_free_ports().with_slot_ms(SLOT_MS);
    validator.airdrop.extend(funded);
    let options = BootOptions {
        config,
        validator,
        artifact: program,
    };
    boot(options, say).await
}
