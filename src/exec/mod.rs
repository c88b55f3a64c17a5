//! Executors: they decide what the links between the stages are made of, and nothing else.

pub mod child;
pub mod inline;
pub mod processes;
mod system;
#[cfg(test)]
mod tests;
pub mod threads;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{Error, Kind, Result, Stop};
use crate::event::{Event, Observer, StageName};
use crate::link::{Budget, Cancel, Level, Over, Queue, Reason};
use crate::observe::monitor;
pub use crate::stage::Split;
use crate::stage::{Ended, Epoch};
pub use watch::watched;

/// How a run is spread over the machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads of the pool, 1...
    pub threads: usize,
    /// What the threads share out among them.
    pub split: Split,
    /// Readers, 1...
    pub io_threads: usize,
    /// Packets that a link holds, 1...
    pub capacity: usize,
    /// Bytes in flight: frames, and a quarter at most for what was read ahead.
    pub mem: u64,
    /// What happens to an item above that.
    pub over: Over,
    /// Whether a failed item ends the run.
    pub on_error: OnError,
    /// The run is stuck if nothing moves for so long while it does not wait for input.
    pub stall: Duration,
    /// How long the user's stop may take before it becomes one at once.
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
            capacity: 16,
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

/// What a failed item means for the rest: `--on-error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Nothing.
    Continue,
    /// What was begun is finished, and no more is.
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

/// What may be read ahead and what frames may hold, where one process does both.
fn budgets(settings: &Settings, cancel: &Cancel) -> (Budget, Budget) {
    Budget::pair(settings.mem, settings.over, cancel, &settings.gauges.in_flight)
}

/// The budget of one stage in a process of its own: a quarter for reading ahead, the rest for
/// frames. Neither process can see what the other holds, so nothing is lent; an item over its
/// stage's part that fits the whole has the stage to itself, beside the other's part at most.
pub fn budget_of(name: StageName, settings: &Settings, cancel: &Cancel) -> Budget {
    let ahead = settings.mem / 4;
    let part = if name == StageName::Read { ahead } else { settings.mem - ahead };
    Budget::part(part, settings.mem, settings.over, cancel, &settings.gauges.in_flight)
}

/// Hands events on, and stops the run at the first failure where that is wished.
struct Listening<'a> {
    observer: &'a dyn Observer,
    cancel: &'a Cancel,
    on_error: OnError,
}

impl Observer for Listening<'_> {
    fn on(&self, event: &Event) {
        self.observer.on(event);
        if self.on_error == OnError::Stop && matches!(event, Event::Failed { .. }) {
            self.cancel.raise(Level::Drain, Reason::Failure);
        }
    }
}

/// What a run's end is to its caller: `Stopped` only if a failure was to stop it.
fn outcome(ended: Result<Ended, Stop>, cancel: &Cancel) -> Result<Ended> {
    match ended {
        Ok(Ended::Stopped) if cancel.reason() == Reason::User => Err(interrupted()),
        Ok(ended) => Ok(ended),
        Err(Stop::Cause(error)) => Err(error),
        // Told to stop now, each may have seen its neighbour go before it looked itself.
        Err(Stop::Echo) if cancel.is_now() => Err(cancel.error()),
        Err(Stop::Echo) => Err(gone()),
    }
}

/// What the user's stop is to the caller.
fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "stopped before the end; what was finished is kept")
}

/// What is said when every stage only saw another one go.
fn gone() -> Error {
    Error::new(Kind::Temporary, "a neighbour stage went away before the end")
}
