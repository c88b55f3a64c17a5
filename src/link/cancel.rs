//! The wish to stop: none, drain, now. Shared by everything that waits.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::error::{Error, Kind};

/// How far the wish to stop goes. Ordered: it only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Go on.
    None,
    /// Begin nothing new; what a thread works on is finished.
    Drain,
    /// Leave everything that is not finished.
    Now,
}

/// Whose wish it was; it decides how the run is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The user's: the run ends as `Interrupted`.
    User,
    /// `--on-error stop`: the failed item is the news, the stop is none.
    Failure,
}

/// A flag that is cloned into whatever has to know. It never goes back.
///
/// `Now` also wakes whoever waits on a link: the flag owns the sending end of a channel that
/// carries nothing, and drops it.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Whether the level is above `None`, for those who may not wait for the lock.
    requested: AtomicBool,
    now: Receiver<Infallible>,
}

#[derive(Debug)]
struct State {
    level: Level,
    reason: Reason,
    since: Option<Instant>,
    hold: Option<Sender<Infallible>>,
}

impl Default for Cancel {
    fn default() -> Self {
        let (hold, now) = bounded(0);
        let state =
            State { level: Level::None, reason: Reason::User, since: None, hold: Some(hold) };
        let requested = AtomicBool::new(false);
        Self(Arc::new(Inner { state: Mutex::new(state), requested, now }))
    }
}

impl Cancel {
    /// The user's wish: the first call drains, also where a failure drains already; the next
    /// one stops now.
    pub fn request(&self) {
        let mut state = self.state();
        let again = state.level > Level::None && state.reason == Reason::User;
        let next = if again { Level::Now } else { Level::Drain };
        self.raise_in(&mut state, next, Reason::User);
    }

    /// Raises the level; a lower one than the present is ignored. The first reason stays,
    /// except that the user's replaces a failure's.
    pub fn raise(&self, level: Level, reason: Reason) {
        self.raise_in(&mut self.state(), level, reason);
    }

    fn raise_in(&self, state: &mut State, level: Level, reason: Reason) {
        if reason == Reason::User || state.level == Level::None {
            state.reason = reason;
        }
        if level > state.level {
            state.level = level;
            state.since.get_or_insert_with(Instant::now);
            self.0.requested.store(true, Ordering::Release);
        }
        if state.level == Level::Now {
            state.hold = None;
        }
    }

    /// How far it goes.
    pub fn level(&self) -> Level {
        self.state().level
    }

    /// True from `Drain` on. Takes no lock, so it may be asked in the pool.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Acquire)
    }

    /// True at `Now`.
    pub fn is_now(&self) -> bool {
        self.level() == Level::Now
    }

    /// Whose wish it was; of no meaning before there is one.
    pub fn reason(&self) -> Reason {
        self.state().reason
    }

    /// Time since it was first raised.
    pub fn elapsed(&self) -> Option<Duration> {
        self.state().since.map(|since| since.elapsed())
    }

    /// A channel that becomes disconnected at `Now`, to wait on beside others.
    pub fn now(&self) -> &Receiver<Infallible> {
        &self.0.now
    }

    /// What a wait that was cut short says.
    pub fn error(&self) -> Error {
        Error::new(Kind::Interrupted, "stopped before the end")
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_escalate_and_the_second_wakes() {
        let cancel = Cancel::default();
        assert!(!cancel.is_requested() && cancel.elapsed().is_none());
        cancel.request();
        assert_eq!((cancel.level(), cancel.is_requested()), (Level::Drain, true));
        assert!(cancel.now().try_recv().is_err_and(|e| e.is_empty()));
        cancel.clone().request();
        assert_eq!(cancel.level(), Level::Now);
        assert!(cancel.now().recv().is_err());
        cancel.raise(Level::Drain, Reason::User);
        assert_eq!(cancel.level(), Level::Now);
    }

    #[test]
    fn the_users_wish_outweighs_a_failure() {
        let cancel = Cancel::default();
        cancel.raise(Level::Drain, Reason::Failure);
        assert_eq!(cancel.reason(), Reason::Failure);
        cancel.request();
        assert_eq!((cancel.level(), cancel.reason()), (Level::Drain, Reason::User));
        cancel.request();
        assert_eq!(cancel.level(), Level::Now);
        cancel.raise(Level::Now, Reason::Failure);
        assert_eq!(cancel.reason(), Reason::User);
    }
}
