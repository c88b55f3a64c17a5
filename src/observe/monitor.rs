//! The monitor: a daemon that samples memory and queues while a run goes on.
//!
//! A daemon in the lecture's sense is a helper whose work may die with its parent: nothing is
//! lost when the last sample is never taken. It is joined on every way out all the same, since
//! a thread that outlives its owner would be a leak.

use std::io;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use super::ticker::Bell;
use crate::event::{Event, Observer, StageName};
use crate::stage::memory;

/// Time between samples: often enough for a readable trace, rare enough to cost nothing
/// (reading `/proc/self/statm` takes about 10 microseconds).
pub const INTERVAL: Duration = Duration::from_millis(100);

/// The dials that the monitor reads. Called from the monitor's thread; must not block.
pub trait Gauges: Send + Sync {
    /// For each link: the stage at whose input packets wait, and how many wait.
    fn depths(&self) -> Vec<(StageName, usize)>;

    /// Bytes of frames in flight, by permit.
    fn in_flight_bytes(&self) -> u64;
}

/// Owns the monitor's thread; dropping it ends and joins the thread.
pub struct Monitor<'scope> {
    bell: Arc<Bell>,
    thread: Option<ScopedJoinHandle<'scope, ()>>,
}

impl<'scope> Monitor<'scope> {
    /// Starts to sample `gauges` every [`INTERVAL`] and to tell `observer`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        scope: &'scope Scope<'scope, '_>,
        gauges: &'scope dyn Gauges,
        observer: &'scope dyn Observer,
    ) -> io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let heard = Arc::clone(&bell);
        let tick = move || {
            let rss_bytes = memory().map_or(0, |m| m.resident);
            let in_flight_bytes = gauges.in_flight_bytes();
            for (name, depth) in gauges.depths() {
                observer.on(&Event::Sample { name, depth, in_flight_bytes, rss_bytes });
            }
        };
        let thread = std::thread::Builder::new()
            .name("monitor".into())
            .spawn_scoped(scope, move || heard.every(INTERVAL, tick))?;
        Ok(Self { bell, thread: Some(thread) })
    }
}

impl Drop for Monitor<'_> {
    fn drop(&mut self) {
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // It may have died; the run does not depend on it.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;

    struct Fixed;

    impl Gauges for Fixed {
        fn depths(&self) -> Vec<(StageName, usize)> {
            vec![(StageName::Work, 3), (StageName::Write, 1)]
        }

        fn in_flight_bytes(&self) -> u64 {
            7
        }
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<Event>>);

    impl Observer for Kept {
        fn on(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn samples_name_each_link() {
        let kept = Kept::default();
        std::thread::scope(|scope| {
            let _monitor = Monitor::start(scope, &Fixed, &kept).unwrap();
            let begin = Instant::now();
            while kept.0.lock().unwrap().len() < 2 && begin.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let events = kept.0.lock().unwrap();
        assert!(matches!(
            events[..2],
            [
                Event::Sample { name: StageName::Work, depth: 3, in_flight_bytes: 7, .. },
                Event::Sample { name: StageName::Write, depth: 1, .. }
            ]
        ));
    }
}
