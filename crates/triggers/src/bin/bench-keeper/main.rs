//! `make bench-keeper`: what the box index costs, beside a full rescan of the same population in the same run.
//! Prints a table, and writes the figures as JSON where `--out` says.

mod population;

use std::fmt::Write as _;
use std::time::Instant;

use plimsoll_engine::book::arena::MarketRef;
use plimsoll_engine::math;
use plimsoll_engine::units::PriceQ32;
use plimsoll_triggers::{AccountId, Crossing, IndexError, MarkUpdate, MarketId, TriggerIndex};
use population::{Population, Random, NOW};

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

/// Crash ticks after the same number of others.
#[derive(Default)]
struct Depth {
    assessed: u64,
    crossed: u64,
    wall: Times,
    cpu: Times,
}

#[derive(Default)]
struct Times(Vec<u64>);

impl Times {
    fn push(&mut self, since: Instant) {
        self.0.push(since.elapsed().as_nanos() as u64);
    }

    fn percentile(&mut self, percent: f64) -> u64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * percent / 100.0).ceil() as usize;
        self.0.get(at).copied().unwrap_or(0)
    }

    fn mean(&self) -> u64 {
        self.0.iter().sum::<u64>() / (self.0.len() as u64).max(1)
    }
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

/// Nanoseconds that this thread has run, which a busy machine does not lengthen as it does wall time.
#[cfg(target_os = "linux")]
fn busy_ns() -> u64 {
    #[repr(C)]
    struct Timespec {
        seconds: std::ffi::c_long,
        nanoseconds: std::ffi::c_long,
    }
    extern "C" {
        fn clock_gettime(clock: std::ffi::c_int, time: *mut Timespec) -> std::ffi::c_int;
    }
    const THREAD_CPUTIME: std::ffi::c_int = 3;
    let mut time = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: the clock exists on Linux, and `time` is a valid place for what it tells.
    unsafe { clock_gettime(THREAD_CPUTIME, &raw mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

#[cfg(not(target_os = "linux"))]
fn busy_ns() -> u64 {
    0
}

fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first
        .and_then(|first| first.parse().ok())
        .unwrap_or(f64::NAN)
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
    let population = Population::new(SEED, accounts, 32);
    let (legs, markets) = (population.legs, population.headers.len());

    let start = Instant::now();
    let mut index = TriggerIndex::with_capacity(accounts, legs);
    let mut crossings = Vec::new();
    for header in &population.headers {
        index.add_market(&view(header), NOW)?;
    }
    for account in &population.accounts {
        index.insert_account(&account.state(), NOW, &mut crossings)?;
    }
    let cold_start_ms = start.elapsed().as_millis() as u64;
    let bytes_at_start = index.heap_bytes() / accounts;
    let past_at_start = crossings.len();
    crossings.clear();

    let mut bench = Bench {
        population,
        index,
        random: Random(SEED + 1),
        now: NOW,
        crossings,
        missed: 0,
    };
    let (mut calm, mut funding, mut crash, mut crash_cpu, mut rebound) = (
        Times::default(),
        Times::default(),
        Times::default(),
        Times::default(),
        Times::default(),
    );
    let (mut rescan_calm, mut rescan_crash) = (Times::default(), Times::default());

    let before = bench.index.counters();
    for tick in 0..CALM_TICKS {
        calm.0.push(bench.calm_tick(tick)?);
        if tick % 32 == 31 {
            let taken = bench.funding(tick / 32 % markets)?;
            funding.0.push(taken);
        }
        if tick % (CALM_TICKS / CALM_RESCANS) == 0 {
            rescan_calm.0.push(bench.rescan());
        }
    }
    let calm_counters = bench.index.counters();
    let calm_assessed = calm_counters.assessments - before.assessments;
    let calm_crossed = calm_counters.crossings - before.crossings;
    bench.crossings.clear();

    let (mut crash_assessed, mut crash_crossed) = (0, 0);
    let mut most_assessed = 0;
    let mut by_depth: [Depth; CASCADE_TICKS] = Default::default();
    for _ in 0..CASCADES {
        bench.fund_everybody()?;
        for depth in &mut by_depth {
            let before = bench.index.counters();
            let (wall, busy) = bench.everywhere(-0.01)?;
            crash.0.push(wall);
            crash_cpu.0.push(busy);
            let after = bench.index.counters();
            crash_assessed += after.assessments - before.assessments;
            crash_crossed += after.crossings - before.crossings;
            most_assessed = most_assessed.max(after.assessments - before.assessments);
            depth.assessed += after.assessments - before.assessments;
            depth.crossed += after.crossings - before.crossings;
            depth.wall.0.push(wall);
            depth.cpu.0.push(busy);
            bench.now += 1;
        }
        rescan_crash.0.push(bench.rescan());
        for _ in 0..CASCADE_TICKS {
            let (wall, _) = bench.everywhere(1.0 / 0.99 - 1.0)?;
            rebound.0.push(wall);
            bench.now += 1;
        }
        rescan_crash.0.push(bench.rescan());
    }

    let mut account_update = Times::default();
    for _ in 0..ACCOUNT_UPDATES {
        let id = bench.random.index(accounts);
        let account = &mut bench.population.accounts[id];
        account.cash.collateral += account.cash.collateral / 100;
        let start = Instant::now();
        bench.index.update_account(
            AccountId(id as u32),
            &account.state(),
            bench.now,
            &mut bench.crossings,
        )?;
        account_update.push(start);
    }
    bench.rescan();
    let bytes = bench.index.heap_bytes() / accounts;

    let figures: Vec<(&str, u64)> = vec![
        ("accounts", accounts as u64),
        ("markets", markets as u64),
        ("legs", legs as u64),
        ("ticks", (calm.0.len() + crash.0.len()) as u64),
        ("calm_p50_ns", calm.percentile(50.0)),
        ("calm_p99_ns", calm.percentile(99.0)),
        ("calm_max_ns", calm.percentile(100.0)),
        ("calm_mean_ns", calm.mean()),
        ("funding_p50_ns", funding.percentile(50.0)),
        ("funding_p99_ns", funding.percentile(99.0)),
        ("crash_p50_ns", crash.percentile(50.0)),
        ("crash_p99_ns", crash.percentile(99.0)),
        ("crash_max_ns", crash.percentile(100.0)),
        ("crash_cpu_p50_ns", crash_cpu.percentile(50.0)),
        ("crash_cpu_p99_ns", crash_cpu.percentile(99.0)),
        ("rebound_p99_ns", rebound.percentile(99.0)),
        ("account_update_p50_ns", account_update.percentile(50.0)),
        ("account_update_p99_ns", account_update.percentile(99.0)),
        ("rescan_calm_p50_ns", rescan_calm.percentile(50.0)),
        ("rescan_calm_p99_ns", rescan_calm.percentile(99.0)),
        ("rescan_crash_p50_ns", rescan_crash.percentile(50.0)),
        ("rescan_crash_p99_ns", rescan_crash.percentile(99.0)),
        ("missed", bench.missed as u64),
        ("calm_assessed", calm_assessed),
        ("calm_crossed", calm_crossed),
        ("crash_assessed", crash_assessed),
        ("crash_crossed", crash_crossed),
        ("crash_assessed_max", most_assessed),
        ("past_threshold_at_start", past_at_start as u64),
        ("cold_start_ms", cold_start_ms),
        ("bytes_per_account_at_start", bytes_at_start as u64),
        ("bytes_per_account", bytes as u64),
    ];
    let mut json = String::from("{\n");
    for (name, value) in &figures {
        println!("{name:<28} {value:>14}");
        writeln!(json, "  \"{name}\": {value},")?;
    }
    println!(
        "\ncrash ticks by depth: assessed, crossed (mean), wall and processor time (median, us)"
    );
    for (depth, ticks) in (1..).zip(&mut by_depth) {
        let times = (ticks.wall.percentile(50.0), ticks.cpu.percentile(50.0));
        let count = CASCADES as u64;
        println!(
            "-{depth:>2}% {:>8} {:>8} {:>9} {:>9}",
            ticks.assessed / count,
            ticks.crossed / count,
            times.0 / 1_000,
            times.1 / 1_000
        );
    }
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
