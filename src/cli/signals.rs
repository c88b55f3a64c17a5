//! Signals: SIGINT, SIGTERM and SIGHUP become calls on a named thread that is joined.
//!
//! SIGPIPE needs nothing here: the Rust runtime ignores it, so that a reader that went away is
//! an error value of `write`.

use std::io;
use std::thread::JoinHandle;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// Owns the thread; dropping it ends and joins it. The default actions stay replaced.
pub struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Which signal of the run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Finish what is in work.
    First,
    /// Stop now.
    Again,
}

impl Watch {
    /// Calls `on_signal` for each of the three signals, on a thread named `signals`.
    ///
    /// # Errors
    /// When the handlers or the thread cannot be had.
    pub fn start(mut on_signal: impl FnMut(Turn) + Send + 'static) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let body = move || {
            let mut turn = Turn::First;
            for _ in signals.forever() {
                on_signal(turn);
                turn = Turn::Again;
            }
        };
        let thread = std::thread::Builder::new().name("signals".into()).spawn(body)?;
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It only sets flags and prints; if it panicked the run is no worse for it.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_signal_and_the_next_are_told_apart() {
        let (tx, rx) = mpsc::channel();
        let watch = Watch::start(move |turn| tx.send(turn).unwrap()).unwrap();
        let mut heard = Vec::new();
        for _ in 0..2 {
            signal_hook::low_level::raise(SIGHUP).unwrap();
            heard.push(rx.recv_timeout(Duration::from_secs(5)).unwrap());
        }
        assert_eq!(heard, [Turn::First, Turn::Again]);
        drop(watch);
        assert!(rx.recv().is_err(), "the thread has ended");
    }
}
