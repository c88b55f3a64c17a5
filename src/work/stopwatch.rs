//! How long an item was computed on its thread.
//!
//! CPU time and not the clock: that goes on while the process is stopped or the machine is busy
//! with something else, and a picture is not slower for it. A thread that waits for bands of
//! its item takes up other items meanwhile, one inside the other; their time is theirs.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

thread_local! {
    /// CPU time of the items that this thread has finished, inner ones within outer ones.
    static FINISHED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Runs from its making to its drop, on one thread.
pub(super) struct Stopwatch {
    start: Duration,
    finished: Duration,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { start: cpu(), finished: FINISHED.get() }
    }

    /// The item's own time so far. What other threads do for it is not in it.
    pub fn elapsed(&self) -> Duration {
        let inner = FINISHED.get().saturating_sub(self.finished);
        cpu().saturating_sub(self.start).saturating_sub(inner)
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        FINISHED.set(self.finished + cpu().saturating_sub(self.start));
    }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(time: Duration) {
        let start = cpu();
        while cpu() - start < time {}
    }

    #[test]
    fn inner_items_and_waiting_do_not_count() {
        let (short, long) = (Duration::from_millis(5), Duration::from_millis(40));
        let outer = Stopwatch::start();
        spin(short);
        for _ in 0..2 {
            let inner = Stopwatch::start();
            spin(long);
            assert!(inner.elapsed() >= long);
        }
        std::thread::sleep(long);
        let own = outer.elapsed();
        assert!(own >= short && own < long, "{own:?}");
        drop(outer);
    }
}
