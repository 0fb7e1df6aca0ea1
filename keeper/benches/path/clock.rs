//! Wall and CPU time of one stretch of work.

use std::time::{Duration, Instant};

/// When a stretch began.
#[derive(Clone, Copy)]
pub struct Clock {
    wall: Instant,
    cpu: Duration,
}

/// Microseconds: by the wall, and of this thread on a processor.
#[derive(Clone, Copy, Default)]
pub struct Took {
    pub wall: u64,
    pub cpu: u64,
}

/// Time that this thread has spent on a processor.
fn cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a timespec of ours, which the call only writes to; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Clock {
    pub fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu(),
        }
    }

    pub fn took(&self) -> Took {
        let micros = |time: Duration| time.as_micros() as u64;
        Took {
            wall: micros(self.wall.elapsed()),
            cpu: micros(cpu().saturating_sub(self.cpu)),
        }
    }
}

/// Times of many stretches.
#[derive(Default)]
pub struct Times(Vec<Took>);

impl Times {
    pub fn push(&mut self, took: Took) {
        self.0.push(took);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn percentile(mut times: Vec<u64>, percent: f64) -> u64 {
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = (last as f64 * percent / 100.0).ceil() as usize;
        times.get(at).copied().unwrap_or(0)
    }

    pub fn wall(&self, percent: f64) -> u64 {
        Self::percentile(self.0.iter().map(|took| took.wall).collect(), percent)
    }

    pub fn cpu(&self, percent: f64) -> u64 {
        Self::percentile(self.0.iter().map(|took| took.cpu).collect(), percent)
    }
}
