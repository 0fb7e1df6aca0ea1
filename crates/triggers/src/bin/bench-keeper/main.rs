//! `make bench-keeper`: what the box index costs, beside a full rescan of the same population in the same run.
//! Prints a table, and writes the figures as JSON where `--out` says.

mod population;
mod times;

use std::fmt::Write as _;
use std::time::Instant;

use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::math;
use plimsoll_engine::units::PriceQ32;
use plimsoll_triggers::{
    AccountId, Counters, Crossing, IndexError, MarkUpdate, MarketId, TriggerIndex,
};
use population::{Population, Random, NOW};
use times::{busy_ns, load_average, Depth, Times};

const SEED: u64 = 20_251_010;
/// Calm ticks: one market each. Every second of 32 of them one market's funding is charged, too.
const CALM_TICKS: usize = 200_000;
const CALM_RESCANS: usize = 50;
/// Crash ticks: all markets fall by one percent at once, ten times in a row.
const CASCADES: usize = 10;
const CASCADE_TICKS: usize = 10;
const ACCOUNT_UPDATES: usize = 100_000;

type Anyhow<T> = Result<T, Box<dyn std::error::Error>>;

struct Bench {
    population: Population,
    index: TriggerIndex,
    random: Random,
    now: i64,
    crossings: Vec<Crossing>,
    missed: usize,
}

fn view(header: &plimsoll_engine::state::MarketHeader) -> MarketRef<'_> {
    MarketRef {
        header,
        blocks: &[],
    }
}

impl Bench {
    fn moved(&mut self, market: usize, by: f64) -> MarkUpdate {
        let prices = &mut self.population.headers[market].prices;
        prices.mark = ((prices.mark as f64 * (1.0 + by)) as u64).max(1 << 20);
        prices.index_time = self.now;
        MarkUpdate {
            market: MarketId(market as u16),
            mark: PriceQ32(prices.mark),
            index_time: self.now,
        }
    }

    /// Every market is refreshed once a second, in random order otherwise.
    fn calm_tick(&mut self, number: usize) -> Result<u64, IndexError> {
        let markets = self.population.headers.len();
        self.now = NOW + (number / markets) as i64;
        let market = (number * 7 + number / markets) % markets;
        let by = self.random.normal() * self.population.volatility[market];
        let update = self.moved(market, by);
        let start = Instant::now();
        self.index
            .update_mark(update, self.now, &mut self.crossings)?;
        Ok(start.elapsed().as_nanos() as u64)
    }

    /// One second of a funding rate of up to 0.01% an hour.
    fn funding(&mut self, market: usize) -> Result<u64, IndexError> {
        let rate = self.random.normal() * 1e-4 / 3_600.0 * 32.0;
        let header = &mut self.population.headers[market];
        let step = (header.prices.mark as f64 * rate * 4_294_967_296.0) as i128;
        for side in &mut header.sides {
            let index = math::join_signed(side.cash_index) - step;
            side.cash_index = math::split_signed(index);
        }
        let start = Instant::now();
        let id = MarketId(market as u16);
        let header = &self.population.headers[market];
        self.index
            .update_market(id, &view(header), self.now, &mut self.crossings)?;
        Ok(start.elapsed().as_nanos() as u64)
    }

    /// Wall time and time on the processor.
    fn everywhere(&mut self, by: f64) -> Result<(u64, u64), IndexError> {
        let markets = 0..self.population.headers.len();
        let updates: Vec<_> = markets.map(|market| self.moved(market, by)).collect();
        self.crossings.clear();
        let busy = busy_ns();
        let start = Instant::now();
        self.index
            .update_marks(&updates, self.now, &mut self.crossings)?;
        let wall = start.elapsed().as_nanos() as u64;
        Ok((wall, busy_ns().saturating_sub(busy)))
    }

    /// Assesses everybody, and counts who stands elsewhere than the index says.
    fn rescan(&mut self) -> u64 {
        let start = Instant::now();
        let wrong = self.index.rescan();
        let taken = start.elapsed().as_nanos() as u64;
        self.missed += wrong.len();
        taken
    }

    /// Everybody's cash is laid anew, for a leverage of the population's spread at the present marks.
    fn fund_everybody(&mut self) -> Result<(), IndexError> {
        let mut accounts = std::mem::take(&mut self.population.accounts);
        for (id, account) in (0..).zip(&mut accounts) {
            self.population.fund(&mut self.random, account);
            self.index.update_account(
                AccountId(id),
                &account.state(),
                self.now,
                &mut self.crossings,
            )?;
        }
        self.population.accounts = accounts;
        self.crossings.clear();
        Ok(())
    }
}

/// What the phases measured.
#[derive(Default)]
struct Measured {
    cold_start_ms: u64,
    bytes_at_start: u64,
    past_at_start: u64,
    calm: Times,
    funding: Times,
    calm_did: Counters,
    crash: Times,
    crash_cpu: Times,
    crash_did: Counters,
    crash_assessed_max: u64,
    by_depth: [Depth; CASCADE_TICKS],
    rebound: Times,
    account_update: Times,
    rescan_calm: Times,
    rescan_crash: Times,
}

const fn since(after: Counters, before: Counters) -> Counters {
    Counters {
        assessments: after.assessments - before.assessments,
        crossings: after.crossings - before.crossings,
    }
}

impl Bench {
    /// From what a mirror has to an index that answers.
    fn cold_start(population: Population, measured: &mut Measured) -> Result<Self, IndexError> {
        let accounts = population.accounts.len();
        let start = Instant::now();
        let mut index = TriggerIndex::with_capacity(accounts, population.legs);
        let mut crossings = Vec::new();
        for header in &population.headers {
            index.add_market(&view(header), NOW)?;
        }
        for account in &population.accounts {
            index.insert_account(&account.state(), NOW, &mut crossings)?;
        }
        measured.cold_start_ms = start.elapsed().as_millis() as u64;
        measured.bytes_at_start = (index.heap_bytes() / accounts) as u64;
        measured.past_at_start = crossings.len() as u64;
        crossings.clear();
        Ok(Self {
            population,
            index,
            random: Random(SEED + 1),
            now: NOW,
            crossings,
            missed: 0,
        })
    }

    fn calm(&mut self, measured: &mut Measured) -> Result<(), IndexError> {
        let markets = self.population.headers.len();
        let before = self.index.counters();
        for tick in 0..CALM_TICKS {
            measured.calm.0.push(self.calm_tick(tick)?);
            if tick % markets == markets - 1 {
                let taken = self.funding(tick / markets % markets)?;
                measured.funding.0.push(taken);
            }
            if tick % (CALM_TICKS / CALM_RESCANS) == 0 {
                let taken = self.rescan();
                measured.rescan_calm.0.push(taken);
            }
        }
        measured.calm_did = since(self.index.counters(), before);
        self.crossings.clear();
        Ok(())
    }

    fn cascades(&mut self, measured: &mut Measured) -> Result<(), IndexError> {
        for _ in 0..CASCADES {
            self.fund_everybody()?;
            for depth in &mut measured.by_depth {
                let before = self.index.counters();
                let (wall, busy) = self.everywhere(-0.01)?;
                let did = since(self.index.counters(), before);
                measured.crash.0.push(wall);
                measured.crash_cpu.0.push(busy);
                measured.crash_did.assessments += did.assessments;
                measured.crash_did.crossings += did.crossings;
                let most = measured.crash_assessed_max.max(did.assessments);
                measured.crash_assessed_max = most;
                depth.assessed += did.assessments;
                depth.crossed += did.crossings;
                depth.wall.0.push(wall);
                depth.cpu.0.push(busy);
                self.now += 1;
            }
            let taken = self.rescan();
            measured.rescan_crash.0.push(taken);
            for _ in 0..CASCADE_TICKS {
                let (wall, _) = self.everywhere(1.0 / 0.99 - 1.0)?;
                measured.rebound.0.push(wall);
                self.now += 1;
            }
            let taken = self.rescan();
            measured.rescan_crash.0.push(taken);
        }
        Ok(())
    }

    /// Deposits of a hundredth.
    fn account_updates(&mut self, measured: &mut Measured) -> Result<(), IndexError> {
        for _ in 0..ACCOUNT_UPDATES {
            let id = self.random.index(self.population.accounts.len());
            let account = &mut self.population.accounts[id];
            account.cash.collateral += account.cash.collateral / 100;
            let (id, state) = (AccountId(id as u32), account.state());
            let start = Instant::now();
            self.index
                .update_account(id, &state, self.now, &mut self.crossings)?;
            measured.account_update.push(start);
        }
        self.crossings.clear();
        self.rescan();
        Ok(())
    }

    fn figures(&self, measured: &mut Measured) -> Vec<(&'static str, u64)> {
        let accounts = self.index.accounts();
        let ticks = measured.calm.0.len() + measured.crash.0.len();
        let rescan_crash = &mut measured.rescan_crash;
        vec![
            ("accounts", accounts as u64),
            ("markets", self.index.markets() as u64),
            ("legs", self.population.legs as u64),
            ("ticks", ticks as u64),
            ("calm_p50_ns", measured.calm.percentile(50.0)),
            ("calm_p99_ns", measured.calm.percentile(99.0)),
            ("calm_max_ns", measured.calm.percentile(100.0)),
            ("calm_mean_ns", measured.calm.mean()),
            ("funding_p50_ns", measured.funding.percentile(50.0)),
            ("funding_p99_ns", measured.funding.percentile(99.0)),
            ("crash_p50_ns", measured.crash.percentile(50.0)),
            ("crash_p99_ns", measured.crash.percentile(99.0)),
            ("crash_max_ns", measured.crash.percentile(100.0)),
            ("crash_cpu_p50_ns", measured.crash_cpu.percentile(50.0)),
            ("crash_cpu_p99_ns", measured.crash_cpu.percentile(99.0)),
            ("rebound_p99_ns", measured.rebound.percentile(99.0)),
            (
                "account_update_p50_ns",
                measured.account_update.percentile(50.0),
            ),
            (
                "account_update_p99_ns",
                measured.account_update.percentile(99.0),
            ),
            ("rescan_calm_p50_ns", measured.rescan_calm.percentile(50.0)),
            ("rescan_calm_p99_ns", measured.rescan_calm.percentile(99.0)),
            ("rescan_crash_p50_ns", rescan_crash.percentile(50.0)),
            ("rescan_crash_p99_ns", rescan_crash.percentile(99.0)),
            ("missed", self.missed as u64),
            ("calm_assessed", measured.calm_did.assessments),
            ("calm_crossed", measured.calm_did.crossings),
            ("crash_assessed", measured.crash_did.assessments),
            ("crash_crossed", measured.crash_did.crossings),
            ("crash_assessed_max", measured.crash_assessed_max),
            ("past_threshold_at_start", measured.past_at_start),
            ("cold_start_ms", measured.cold_start_ms),
            ("bytes_per_account_at_start", measured.bytes_at_start),
            (
                "bytes_per_account",
                (self.index.heap_bytes() / accounts) as u64,
            ),
        ]
    }
}

fn print_depths(by_depth: &mut [Depth]) {
    println!(
        "\ncrash ticks by depth: assessed and crossed (mean), wall and processor time (median, us)"
    );
    for (depth, ticks) in (1..).zip(by_depth) {
        let (wall, cpu) = (ticks.wall.percentile(50.0), ticks.cpu.percentile(50.0));
        let (wall, cpu) = (wall / 1_000, cpu / 1_000);
        let count = CASCADES as u64;
        let (assessed, crossed) = (ticks.assessed / count, ticks.crossed / count);
        println!("-{depth:>2}% {assessed:>8} {crossed:>8} {wall:>9} {cpu:>9}");
    }
}

fn main() -> Anyhow<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut accounts, mut out) = (1_000_000, None);
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        match (argument.as_str(), value) {
            ("--accounts", Some(value)) => accounts = value.parse()?,
            ("--out", Some(value)) => out = Some(value),
            _ => return Err("usage: bench-keeper [--accounts N] [--out FILE]".into()),
        }
    }
    let load_before = load_average();
    let mut measured = Measured::default();
    let mut bench = Bench::cold_start(Population::new(SEED, accounts, 32), &mut measured)?;
    bench.calm(&mut measured)?;
    bench.cascades(&mut measured)?;
    bench.account_updates(&mut measured)?;

    let mut json = String::from("{\n");
    for (name, value) in bench.figures(&mut measured) {
        println!("{name:<28} {value:>14}");
        writeln!(json, "  \"{name}\": {value},")?;
    }
    print_depths(&mut measured.by_depth);
    let load_after = load_average();
    println!("load average: {load_before} before, {load_after} after");
    writeln!(json, "  \"load_before\": {load_before},")?;
    writeln!(json, "  \"load_after\": {load_after}\n}}")?;
    if let Some(out) = out {
        let out = std::path::Path::new(&out);
        if let Some(folder) = out.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(out, json)?;
        println!("written to {}", out.display());
    }
    if bench.missed != 0 {
        return Err(format!("{} accounts were missed", bench.missed).into());
    }
    Ok(())
}
