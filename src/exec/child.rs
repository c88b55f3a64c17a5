//! The child's side of `--mode processes`: one stage, run by the same function as in a thread.

use std::fs::File;
use std::os::fd::OwnedFd;

use super::{Listening, OnError, Settings, watched};
use crate::error::Stop;
use crate::event::{Event, Observer, StageName};
use crate::link::Cancel;
use crate::observe::Lines;
use crate::stage::Context;

pub use super::system::{EVENTS_FD, LOCK_FD, inherited};

/// Writes events as JSON lines to the descriptor that the parent left (`--events-fd`); each
/// line is one `write`, so lines never mix.
pub fn events(descriptor: OwnedFd) -> Lines<File> {
    Lines::new(File::from(descriptor))
}

/// Runs one stage under watch: `body` makes its links and calls `run_source`, `run_work` or
/// `run_sink`. A cause is told to the observer, so that the parent knows it by more than a
/// code.
///
/// # Errors
/// Those of `body`. An echo becomes exit code 75, which the parent does not take for a cause.
pub fn run<T>(
    name: StageName,
    settings: &Settings,
    observer: &dyn Observer,
    cancel: &Cancel,
    body: impl FnOnce(&Context<'_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    // Whether a failure ends the run is the parent's affair: it sees all of them.
    let listening = Listening { observer, cancel, on_error: OnError::Continue };
    let ended = watched(settings, &listening, cancel, body);
    if let Err(Stop::Cause(error)) = &ended {
        observer.on(&Event::StageFailed { name, error: error.clone() });
    }
    ended
}
