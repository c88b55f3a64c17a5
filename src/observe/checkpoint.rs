//! The checkpoint: what is known so far is written down every few seconds and on every way out.
//!
//! It is the lecture's periodic daemon, and the opposite of the monitor in one point: its last
//! tick matters. So the owner's drop flushes once more after the thread has been joined, in
//! the same way after success, an error, a panic that unwinds, and Ctrl-C.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::ticker::Ticker;

/// Time between flushes.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// Owns the thread and the flush.
pub struct Checkpoint {
    ticker: Option<Ticker>,
    flush: Arc<dyn Fn() + Send + Sync>,
}

impl Checkpoint {
    /// Calls `flush` every `every`, on a thread of its own, and once when dropped. Calls never
    /// overlap. `flush` must not panic; what it cannot write it has to say by itself.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(every: Duration, flush: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let flush: Arc<dyn Fn() + Send + Sync> = Arc::new(flush);
        let ticking = Arc::clone(&flush);
        let ticker = Ticker::start("checkpoint", every, move || ticking())?;
        Ok(Self { ticker: Some(ticker), flush })
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        // Joined first, so that an older state can never overwrite the last one.
        drop(self.ticker.take());
        (self.flush)();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counted(every: Duration) -> (Checkpoint, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let inner = Arc::clone(&count);
        let flush = move || {
            inner.fetch_add(1, Ordering::SeqCst);
        };
        (Checkpoint::start(every, flush).unwrap(), count)
    }

    #[test]
    fn it_flushes_on_the_way_out_even_if_no_interval_passed() {
        let (checkpoint, count) = counted(Duration::from_secs(3600));
        drop(checkpoint);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn it_flushes_when_its_owner_panics() {
        let (checkpoint, count) = counted(Duration::from_secs(3600));
        let owner = std::panic::AssertUnwindSafe(move || {
            let _checkpoint = checkpoint;
            panic!("on purpose");
        });
        assert!(std::panic::catch_unwind(owner).is_err());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn it_flushes_in_between() {
        let (checkpoint, count) = counted(Duration::from_millis(2));
        std::thread::sleep(Duration::from_millis(100));
        assert!(count.load(Ordering::SeqCst) >= 2);
        drop(checkpoint);
    }
}
