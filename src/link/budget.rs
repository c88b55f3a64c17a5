//! Memory by permit: bytes that packets may hold at once, given out first come, first served.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cancel::Cancel;
use crate::error::{Error, Result};

/// What happens to an item that is larger than the whole budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It waits until nothing else is held and runs alone: `--mem auto`.
    Alone,
    /// It fails, and the error names `--mem`: an explicit `--mem SIZE`.
    Refuse,
}

/// How long a wait may oversleep a cancellation.
const TICK: Duration = Duration::from_millis(20);

/// A number of bytes to share out. Clones share one count.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
    over: Over,
    cancel: Cancel,
}

#[derive(Debug)]
struct Shared {
    total: u64,
    state: Mutex<State>,
    freed: Condvar,
    gauge: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    /// Who waits, oldest first. Only the first may take: a large item would starve otherwise.
    queue: VecDeque<u64>,
    next: u64,
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: u64, over: Over) -> Self {
        Self::watched(total, over, &Cancel::default(), &Arc::default())
    }

    /// The same; waits end at `Cancel`'s `Now`, and `gauge` follows the bytes held (several
    /// budgets may share one gauge).
    pub fn watched(total: u64, over: Over, cancel: &Cancel, gauge: &Arc<AtomicU64>) -> Self {
        let gauge = Arc::clone(gauge);
        let shared = Shared { total, state: Mutex::default(), freed: Condvar::new(), gauge };
        Self { shared: Arc::new(shared), over, cancel: cancel.clone() }
    }

    /// All of it, in bytes.
    pub fn total(&self) -> u64 {
        self.shared.total
    }

    /// Bytes held now.
    pub fn used(&self) -> u64 {
        self.shared.lock().used
    }

    /// Waits until `bytes` are free and everyone who asked earlier was served.
    ///
    /// # Errors
    /// `Input` if it is more than the whole budget and that is to be refused; `Interrupted`
    /// when the run was told to stop now.
    pub fn take(&self, bytes: u64) -> Result<Permit> {
        let total = self.shared.total;
        if bytes > total && self.over == Over::Refuse {
            return Err(Error::input(format!(
                "needs {bytes} bytes of memory at once, over the {total} that --mem leaves \
                 for this; raise --mem"
            )));
        }
        let mut state = self.shared.lock();
        let me = state.next;
        state.next += 1;
        state.queue.push_back(me);
        loop {
            if self.cancel.is_now() {
                state.queue.retain(|other| *other != me);
                drop(state);
                self.shared.freed.notify_all();
                return Err(self.cancel.error());
            }
            let fits = state.used == 0 || state.used.saturating_add(bytes) <= total;
            if fits && state.queue.front() == Some(&me) {
                break;
            }
            let woken = self.shared.freed.wait_timeout(state, TICK);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.queue.pop_front();
        state.used = state.used.saturating_add(bytes);
        self.shared.gauge.fetch_add(bytes, Ordering::Relaxed);
        drop(state);
        // The next in the queue may fit beside this one.
        self.shared.freed.notify_all();
        Ok(Permit { bytes, from: Some(Arc::clone(&self.shared)) })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that someone holds; dropping it gives them back. Dropping and shrinking take a lock
/// for an instant, so neither is done inside the pool.
#[derive(Debug)]
pub struct Permit {
    bytes: u64,
    from: Option<Arc<Shared>>,
}

impl Permit {
    /// Holds nothing.
    pub const fn none() -> Self {
        Self { bytes: 0, from: None }
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back what is over `bytes`; never takes more.
    pub fn shrink(&mut self, bytes: u64) {
        let back = self.bytes.saturating_sub(bytes);
        if back == 0 {
            return;
        }
        self.bytes -= back;
        if let Some(shared) = &self.from {
            shared.lock().used -= back;
            shared.gauge.fetch_sub(back, Ordering::Relaxed);
            shared.freed.notify_all();
        }
    }
}

impl Default for Permit {
    fn default() -> Self {
        Self::none()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::super::cancel::{Level, Reason};
    use super::*;

    /// Long enough for a thread to reach its wait.
    const A_MOMENT: Duration = Duration::from_millis(30);

    #[test]
    fn permits_come_back_whole_or_in_part() {
        let budget = Budget::new(100, Over::Refuse);
        let mut a = budget.take(60).unwrap();
        let b = budget.take(40).unwrap();
        assert_eq!(budget.used(), 100);
        a.shrink(10);
        a.shrink(50);
        assert_eq!((a.bytes(), budget.used()), (10, 50));
        drop(b);
        drop(a);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_item_over_the_budget_is_refused_by_name_or_runs_alone() {
        let refused = Budget::new(100, Over::Refuse).take(101).unwrap_err();
        assert!(refused.to_string().contains("--mem"), "{refused}");
        assert_eq!(refused.kind(), crate::error::Kind::Input);

        let budget = Budget::new(100, Over::Alone);
        let small = budget.take(1).unwrap();
        let (tx, rx) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| tx.send(budget.take(1000).unwrap()).unwrap());
            assert!(rx.recv_timeout(A_MOMENT).is_err(), "waits for the small one");
            drop(small);
            let large = rx.recv().unwrap();
            scope.spawn(|| tx.send(budget.take(1).unwrap()).unwrap());
            assert!(rx.recv_timeout(A_MOMENT).is_err(), "nothing runs beside it");
            drop(large);
            rx.recv().unwrap();
        });
    }

    #[test]
    fn a_large_item_is_not_overtaken() {
        let budget = Budget::new(100, Over::Refuse);
        let held = budget.take(50).unwrap();
        let (tx, rx) = mpsc::channel();
        thread::scope(|scope| {
            let (budget, large, small) = (&budget, tx.clone(), tx.clone());
            scope.spawn(move || large.send(("large", budget.take(80).unwrap())).unwrap());
            thread::sleep(A_MOMENT);
            scope.spawn(move || small.send(("small", budget.take(30).unwrap())).unwrap());
            assert!(rx.recv_timeout(A_MOMENT).is_err(), "30 would fit, but came later");
            drop(held);
            let (first, permit) = rx.recv().unwrap();
            assert_eq!(first, "large");
            drop(permit);
            assert_eq!(rx.recv().unwrap().0, "small");
        });
    }

    #[test]
    fn now_ends_the_wait_and_the_queue_goes_on() {
        let (cancel, gauge) = (Cancel::default(), Arc::default());
        let budget = Budget::watched(10, Over::Refuse, &cancel, &gauge);
        let held = budget.take(10).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.take(5));
            thread::sleep(A_MOMENT);
            assert_eq!(gauge.load(Ordering::Relaxed), 10);
            cancel.raise(Level::Now, Reason::User);
            assert!(waiting.join().unwrap().is_err());
        });
        drop(held);
        assert_eq!((budget.used(), gauge.load(Ordering::Relaxed)), (0, 0));
        assert!(budget.shared.lock().queue.is_empty());
    }
}
