//! Executors: they decide what the links between the stages are made of, and nothing else.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Error;
use crate::event::StageName;
use crate::link::{Over, Queue};
use crate::observe::monitor;
use crate::stage::Epoch;

/// How a run is spread over the machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads of the pool, 1...
    pub threads: usize,
    /// What the threads share out among them.
    pub split: Split,
    /// Readers, 1...
    pub io_threads: usize,
    /// Bytes in flight: a quarter for what was read ahead, the rest for frames.
    pub mem: u64,
    /// What happens to an item above that.
    pub over: Over,
    /// Whether a failed item ends the run.
    pub on_error: OnError,
    /// The run is stuck if nothing moves for so long while it does not wait for input.
    pub stall: Duration,
    /// How long a drain may take before it becomes a stop.
    pub drain: Duration,
    /// Dials for a monitor.
    pub gauges: Gauges,
    /// The zero of the run's clock.
    pub epoch: Epoch,
    /// What to do when nothing else helps.
    pub last_resort: LastResort,
}

impl Default for Settings {
    /// One thread each, 1 GiB, and the limits that the program ships with.
    fn default() -> Self {
        Self {
            threads: 1,
            split: Split::Auto,
            io_threads: 1,
            mem: 1 << 30,
            over: Over::Alone,
            on_error: OnError::Continue,
            stall: Duration::from_secs(120),
            drain: Duration::from_secs(10),
            gauges: Gauges::default(),
            epoch: Epoch::start(),
            last_resort: LastResort::default(),
        }
    }
}

/// What the threads of the pool share out among them: `--split`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Frames side by side, each on one thread.
    Frames,
    /// One frame at a time, in bands.
    Bands,
    /// Frames side by side; threads that would be idle take bands of them.
    Auto,
}

/// What a failed item means for the rest: `--on-error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Nothing.
    Continue,
    /// The run drains.
    Stop,
}

/// Called, at most once and from the watching thread, when the run was told to stop now and
/// has not ended two seconds later: a filter is caught in a loop, a disk does not answer. A
/// thread cannot be ended from outside, so only the caller can help, by ending the process.
#[derive(Clone)]
pub struct LastResort(Arc<dyn Fn(&Error) + Send + Sync>);

impl LastResort {
    /// What to do.
    pub fn new(act: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        Self(Arc::new(act))
    }

    /// Does it.
    pub(crate) fn act(&self, error: &Error) {
        (self.0)(error);
    }
}

impl Default for LastResort {
    /// Goes on waiting.
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for LastResort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastResort")
    }
}

/// The dials of a run: made by the caller, moved by the stages, read by a monitor at any time.
/// Clones show the same run.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// The link into the work.
    pub work: Arc<Queue>,
    /// The link into the sink.
    pub write: Arc<Queue>,
    /// Bytes held by permit.
    pub in_flight: Arc<AtomicU64>,
}

impl monitor::Gauges for Gauges {
    fn depths(&self) -> Vec<(StageName, usize)> {
        vec![(StageName::Work, self.work.depth()), (StageName::Write, self.write.depth())]
    }

    fn in_flight_bytes(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }
}
