//! The zero of a run's clock. The monotonic clock is one for all processes of a machine, so
//! the parent's zero, passed on as a number, makes the traces of all stages line up.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// When the run started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(Duration);

impl Epoch {
    /// The run starts now.
    pub fn start() -> Self {
        Self(monotonic())
    }

    /// From the number that another process gave: nanoseconds of `CLOCK_MONOTONIC`.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(Duration::from_nanos(nanos))
    }

    /// As a number for another process: nanoseconds of `CLOCK_MONOTONIC`.
    pub const fn as_nanos(self) -> u64 {
        self.0.as_nanos() as u64
    }

    /// Seconds since then.
    pub fn seconds(self) -> f64 {
        monotonic().saturating_sub(self.0).as_secs_f64()
    }
}

fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_carries_the_clock() {
        let here = Epoch::start();
        let there = Epoch::from_nanos(here.as_nanos());
        assert_eq!(here, there);
        std::thread::sleep(Duration::from_millis(5));
        assert!((0.005..5.0).contains(&there.seconds()));
    }
}
