//! Meters: what a stage's threads did with their time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::memory;
use crate::event::{StageName, StageReport};

/// The time of one stage, summed over its threads. What is neither busy nor waiting for room
/// is waiting for input, so the three always add up to the threads' lifetimes.
#[derive(Debug)]
pub struct Meter {
    name: StageName,
    threads: usize,
    begin: Instant,
    busy: AtomicU64,
    blocked_out: AtomicU64,
}

impl Meter {
    /// Starts the clock of a stage with so many threads.
    pub fn start(name: StageName, threads: usize) -> Self {
        let (busy, blocked_out) = Default::default();
        Self { name, threads, begin: Instant::now(), busy, blocked_out }
    }

    /// Does something that is the stage's work.
    pub fn busy<T>(&self, work: impl FnOnce() -> T) -> T {
        timed(&self.busy, work)
    }

    /// Does something that waits for room or for memory.
    pub fn blocked_out<T>(&self, wait: impl FnOnce() -> T) -> T {
        timed(&self.blocked_out, wait)
    }

    /// What it comes to; `depth` is the mean number of packets at the stage's input.
    pub fn report(&self, depth: f64) -> StageReport {
        let whole = self.begin.elapsed().as_secs_f64() * self.threads as f64;
        let busy = seconds(&self.busy).min(whole);
        let blocked_out = seconds(&self.blocked_out).min(whole - busy);
        let blocked_in = whole - busy - blocked_out;
        report(self.name, self.threads, [busy, blocked_in, blocked_out], depth)
    }
}

/// A report of this process; `seconds` are busy, blocked in, blocked out.
pub(super) fn report(
    name: StageName,
    threads: usize,
    seconds: [f64; 3],
    queue_depth_mean: f64,
) -> StageReport {
    let [busy_seconds, blocked_in_seconds, blocked_out_seconds] = seconds;
    StageReport {
        name,
        pid: std::process::id(),
        parent_pid: std::os::unix::process::parent_id(),
        threads,
        busy_seconds,
        blocked_in_seconds,
        blocked_out_seconds,
        queue_depth_mean,
        peak_rss_bytes: memory().map_or(0, |memory| memory.peak),
    }
}

fn timed<T>(sum: &AtomicU64, f: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let value = f();
    sum.fetch_add(nanos(begin.elapsed()), Ordering::Relaxed);
    value
}

fn seconds(sum: &AtomicU64) -> f64 {
    sum.load(Ordering::Relaxed) as f64 * 1e-9
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn the_three_add_up() {
        let meter = Meter::start(StageName::Read, 2);
        meter.busy(|| sleep(Duration::from_millis(30)));
        meter.blocked_out(|| sleep(Duration::from_millis(10)));
        let whole = 2.0 * meter.begin.elapsed().as_secs_f64();
        let r = meter.report(0.5);
        let sum = r.busy_seconds + r.blocked_in_seconds + r.blocked_out_seconds;
        assert!((sum - whole).abs() < 0.02 * whole, "{r:?} of {whole}");
        assert!(r.busy_seconds >= 0.03 && r.blocked_out_seconds >= 0.01, "{r:?}");
        assert!(cfg!(not(target_os = "linux")) || r.peak_rss_bytes > 1 << 16, "{r:?}");
    }
}
