//! Signals: SIGINT, SIGTERM and SIGHUP become calls on a named thread that is joined.
//!
//! SIGPIPE needs nothing here: the Rust runtime ignores it, so that a reader that went away is
//! an error value of `write`. So that a file over the user's limit is one too, SIGXFSZ is caught.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use lumaloom::error::{Error, Result};
use lumaloom::stage::{Cancel, Level, Reason};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};

/// Owns the thread; dropping it ends and joins it. The default actions stay replaced.
pub struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    answers: Answers,
}

/// What is done at a signal; the last one counts.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<Answer>>>);

type Answer = Box<dyn FnMut(Turn) + Send>;

/// Another answer, until this is dropped.
pub struct Meanwhile(Answers);

/// Which signal of the run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Finish what is in work.
    First,
    /// Stop now.
    Again,
}

/// Has `write` say that a file would be over the limit (`ulimit -f`), in place of an end by
/// SIGXFSZ. A program that we start is ended by it all the same, but where whoever started us
/// ignores it: that is left as it is, and inherited.
///
/// # Errors
/// When there is no room for a handler.
pub fn catch_file_limit() -> io::Result<()> {
    if is_ignored(SIGXFSZ) {
        return Ok(());
    }
    // Whether it came is said by the error of `write`.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

impl Watch {
    /// Calls `on_signal` for each of the three signals, on a thread named `signals`.
    ///
    /// # Errors
    /// When the handlers or the thread cannot be had.
    pub fn start(on_signal: impl FnMut(Turn) + Send + 'static) -> Result<Self> {
        let failed = |e: io::Error| Error::system(format!("failed to listen for signals: {e}"));
        // `nohup` and a shell's background jobs ignore some on purpose.
        let heard = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
        let mut signals = Signals::new(heard).map_err(failed)?;
        let handle = signals.handle();
        let answers = Answers::default();
        answers.all().push(Box::new(on_signal));
        let asked = answers.clone();
        let body = move || {
            let mut turn = Turn::First;
            for _ in signals.forever() {
                if let Some(answer) = asked.all().last_mut() {
                    answer(turn);
                }
                turn = Turn::Again;
            }
        };
        let thread = std::thread::Builder::new().name("signals".into()).spawn(body);
        Ok(Self { handle, thread: Some(thread.map_err(failed)?), answers })
    }

    /// One that stops at once, on the user's behalf: half of what goes on is of no use.
    ///
    /// # Errors
    /// As for [`Watch::start`].
    pub fn at_once(cancel: &Cancel) -> Result<Self> {
        let stop = cancel.clone();
        Self::start(move |_| stop.raise(Level::Now, Reason::User))
    }

    /// Answers with this, until what is given back is dropped.
    pub fn meanwhile(&self, on_signal: impl FnMut(Turn) + Send + 'static) -> Meanwhile {
        self.answers.all().push(Box::new(on_signal));
        Meanwhile(self.answers.clone())
    }
}

impl Answers {
    fn all(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.0.all().pop();
    }
}

/// Whether this process was started with a signal ignored. Linux tells; elsewhere nothing is.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// The mask of ignored signals in `/proc/self/status`: bit 0 is signal 1.
fn ignored(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
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
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tx\nSigIgn:\t0000000000001003\nSigCgt:\t0\n";
        assert_eq!(ignored(status), Some(0x1003));
        assert_eq!(ignored("Name:\tx\n"), None);
        assert!(is_ignored(signal_hook::consts::SIGPIPE), "the Rust runtime ignores it");
    }

    #[test]
    fn the_first_signal_and_the_next_are_told_apart() {
        let (tx, rx) = mpsc::channel();
        let tell = |who: &'static str| {
            let tx = tx.clone();
            move |turn| tx.send((who, turn)).unwrap()
        };
        let raised = || {
            signal_hook::low_level::raise(SIGHUP).unwrap();
            rx.recv_timeout(Duration::from_secs(5)).unwrap()
        };
        let watch = Watch::start(tell("before")).unwrap();
        let during = watch.meanwhile(tell("during"));
        drop(tx);
        assert_eq!(raised(), ("during", Turn::First));
        drop(during);
        assert_eq!(raised(), ("before", Turn::Again));
        drop(watch);
        assert!(rx.recv().is_err(), "the thread has ended");
    }
}
