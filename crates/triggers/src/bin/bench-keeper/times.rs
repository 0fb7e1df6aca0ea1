//! Wall time, processor time, and their percentiles.

use std::time::Instant;

/// Crash ticks after the same number of others.
#[derive(Default)]
pub struct Depth {
    pub assessed: u64,
    pub crossed: u64,
    pub wall: Times,
    pub cpu: Times,
}

#[derive(Default)]
pub struct Times(pub Vec<u64>);

impl Times {
    pub fn push(&mut self, since: Instant) {
        self.0.push(since.elapsed().as_nanos() as u64);
    }

    pub fn percentile(&mut self, percent: f64) -> u64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * percent / 100.0).ceil() as usize;
        self.0.get(at).copied().unwrap_or(0)
    }

    pub fn mean(&self) -> u64 {
        self.0.iter().sum::<u64>() / (self.0.len() as u64).max(1)
    }
}

/// Nanoseconds that this thread has run, which a busy machine does not lengthen as it does wall time.
#[cfg(target_os = "linux")]
pub fn busy_ns() -> u64 {
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
pub fn busy_ns() -> u64 {
    0
}

pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first
        .and_then(|first| first.parse().ok())
        .unwrap_or(f64::NAN)
}
