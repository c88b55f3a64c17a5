//! A named thread that does something again and again, and is joined.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Tells a periodic thread to end, at once and not only after its interval.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<Rung>,
    wake: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Rung {
    #[default]
    No,
    Yes,
}

impl Bell {
    /// Ends the loop of [`Bell::every`].
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = Rung::Yes;
        self.wake.notify_all();
    }

    /// Calls `tick` once per interval, first after one interval, until the bell rings.
    pub(super) fn every(&self, interval: Duration, mut tick: impl FnMut()) {
        loop {
            let guard = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            let (guard, _) = self
                .wake
                .wait_timeout_while(guard, interval, |rung| *rung == Rung::No)
                .unwrap_or_else(PoisonError::into_inner);
            if *guard == Rung::Yes {
                return;
            }
            drop(guard);
            tick();
        }
    }
}

/// Owns the thread: dropping it wakes the thread, lets a tick in progress end, and joins.
/// A tick that panics ends the thread and nothing else.
pub struct Ticker {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts `tick`, first after one interval and then once per interval.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        name: &str,
        interval: Duration,
        tick: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let heard = Arc::clone(&bell);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || heard.every(interval, tick))?;
        Ok(Self { bell, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            // A tick that panicked has said so on stderr already; there is nothing to save.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_ticks_and_a_drop_ends_it_at_once() {
        let ticks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ticks);
        let quick = Ticker::start("t", Duration::from_millis(2), move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        let begin = Instant::now();
        while ticks.load(Ordering::Relaxed) < 3 && begin.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
        drop(quick);
        let after = ticks.load(Ordering::Relaxed);
        assert!(after >= 3);
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(ticks.load(Ordering::Relaxed), after, "no tick after the drop");

        let slow = Ticker::start("t", Duration::from_secs(3600), || ()).unwrap();
        let begin = Instant::now();
        drop(slow);
        assert!(begin.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_tick_that_panics_does_not_hurt_its_owner() {
        let ticker = Ticker::start("t", Duration::from_millis(1), || panic!("on purpose")).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        drop(ticker);
    }
}
