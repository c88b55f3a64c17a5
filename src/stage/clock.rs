//! The pool's clock. Its threads do not wait where we could see it, so their idle time is
//! measured as what is left, and shared out by what the coordinator waited for meanwhile.
//!
//! Busy is, for each thread, the wall time of the items that it runs (not of those that it
//! steals while it waits for bands of another: they lie inside), plus the CPU time that it
//! spends outside of them, which is bands of other threads' items.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use rayon::ThreadPool;
use rustix::time::{ClockId, clock_gettime};

use super::meter::{nanos, report};
use crate::event::{StageName, StageReport};

/// Measures one pool over one run.
#[derive(Debug)]
pub(super) struct PoolClock {
    begin: Instant,
    /// CPU time of all threads before the run, in nanoseconds.
    cpu_before: u64,
    /// For each thread, how many items it is inside of.
    depth: Vec<AtomicUsize>,
    /// Wall time inside of items.
    wall: AtomicU64,
    /// CPU time inside of items.
    cpu: AtomicU64,
    /// Wall time inside of items while the coordinator waited for input.
    wall_in: AtomicU64,
    /// Wall time inside of items while the coordinator waited for room.
    wall_out: AtomicU64,
    waits_in: Phase,
    waits_out: Phase,
}

impl PoolClock {
    pub(super) fn start(pool: &ThreadPool) -> Self {
        Self {
            begin: Instant::now(),
            cpu_before: cpu_of(pool),
            depth: (0..pool.current_num_threads()).map(|_| AtomicUsize::new(0)).collect(),
            wall: AtomicU64::new(0),
            cpu: AtomicU64::new(0),
            wall_in: AtomicU64::new(0),
            wall_out: AtomicU64::new(0),
            waits_in: Phase::default(),
            waits_out: Phase::default(),
        }
    }

    /// Which thread of the pool this is, 0...
    pub(super) fn thread() -> usize {
        rayon::current_thread_index().unwrap_or(0)
    }

    /// Runs an item on a pool thread.
    pub(super) fn computing<T>(&self, thread: usize, work: impl FnOnce() -> T) -> T {
        let depth = &self.depth[thread];
        if depth.fetch_add(1, Ordering::Relaxed) > 0 {
            let value = work();
            depth.fetch_sub(1, Ordering::Relaxed);
            return value;
        }
        let read = || {
            let now = self.now();
            (now, thread_cpu(), self.waits_in.until(now), self.waits_out.until(now))
        };
        let begin = read();
        let value = work();
        let end = read();
        depth.fetch_sub(1, Ordering::Relaxed);
        // A reader between the two halves of a phase's change may see it short: saturate.
        self.wall.fetch_add(end.0.saturating_sub(begin.0), Ordering::Relaxed);
        self.cpu.fetch_add(end.1.saturating_sub(begin.1), Ordering::Relaxed);
        self.wall_in.fetch_add(end.2.saturating_sub(begin.2), Ordering::Relaxed);
        self.wall_out.fetch_add(end.3.saturating_sub(begin.3), Ordering::Relaxed);
        value
    }

    /// The coordinator waits for a packet.
    pub(super) fn waiting_in<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waits_in.during(|| self.now(), wait)
    }

    /// The coordinator waits for room or for memory.
    pub(super) fn waiting_out<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waits_out.during(|| self.now(), wait)
    }

    /// No packet will come any more.
    pub(super) fn input_ended(&self) {
        self.waits_in.since.store(self.now(), Ordering::Relaxed);
    }

    /// What it comes to; nothing may run in the pool any more.
    pub(super) fn report(&self, pool: &ThreadPool, depth: f64) -> StageReport {
        let threads = self.depth.len();
        let outside =
            (cpu_of(pool) - self.cpu_before).saturating_sub(self.cpu.load(Ordering::Relaxed));
        let now = self.now();
        let whole = now as f64 * threads as f64;
        let busy = (self.wall.load(Ordering::Relaxed) + outside) as f64;
        let busy = busy.min(whole);
        let idle_while = |phase: &Phase, wall: &AtomicU64| {
            let threads_time = phase.until(now) as f64 * threads as f64;
            (threads_time - wall.load(Ordering::Relaxed) as f64).max(0.0)
        };
        let waits_in = idle_while(&self.waits_in, &self.wall_in);
        let waits_out = idle_while(&self.waits_out, &self.wall_out);
        let share = if waits_out > 0.0 { waits_out / (waits_in + waits_out) } else { 0.0 };
        let blocked_out = (whole - busy) * share;
        let blocked_in = whole - busy - blocked_out;
        let seconds = [busy, blocked_in, blocked_out].map(|nanos| nanos * 1e-9);
        report(StageName::Work, threads, seconds, depth)
    }

    /// Nanoseconds since the start; never 0.
    fn now(&self) -> u64 {
        nanos(self.begin.elapsed()).max(1)
    }
}

/// A state that comes and goes: how long it has lasted in all.
#[derive(Debug, Default)]
struct Phase {
    total: AtomicU64,
    /// When the present one began; 0 if there is none.
    since: AtomicU64,
}

impl Phase {
    fn during<T>(&self, now: impl Fn() -> u64, wait: impl FnOnce() -> T) -> T {
        let begin = now();
        self.since.store(begin, Ordering::Relaxed);
        let value = wait();
        self.since.store(0, Ordering::Relaxed);
        self.total.fetch_add(now() - begin, Ordering::Relaxed);
        value
    }

    fn until(&self, now: u64) -> u64 {
        let open = match self.since.load(Ordering::Relaxed) {
            0 => 0,
            since => now.saturating_sub(since),
        };
        self.total.load(Ordering::Relaxed) + open
    }
}

/// CPU time of all threads of the pool, in nanoseconds.
fn cpu_of(pool: &ThreadPool) -> u64 {
    pool.broadcast(|_| thread_cpu()).into_iter().sum()
}

/// CPU time of this thread, in nanoseconds.
fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
