//! The watch: a thread that looks for stalls and for drains that take too long.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::Settings;
use crate::error::{Error, Stop};
use crate::event::{Event, Observer};
use crate::link::{Cancel, Level, Reason};
use crate::stage::{Context, Progress};

/// Time between two looks.
const TICK: Duration = Duration::from_millis(50);

/// More time between two looks than this is not ours: a machine under load is late by less.
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// How long a stop may take before the last resort.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs one or more stages under watch. All threads are joined when it returns.
///
/// # Errors
/// Those of `body`; an `Internal` cause that says what each stage was doing, if nothing moved
/// for `Settings::stall`.
pub fn watched<T>(
    settings: &Settings,
    observer: &dyn Observer,
    cancel: &Cancel,
    body: impl FnOnce(&Context<'_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let progress = Progress::default();
    let observer = &Telling { observer, progress: &progress };
    let context = Context { observer, cancel, epoch: settings.epoch, progress: &progress };
    std::thread::scope(|scope| {
        let (running, over) = bounded::<Infallible>(0);
        let watch = Watch { settings, cancel, progress: &progress };
        let watching = std::thread::Builder::new()
            .name("watch".into())
            .spawn_scoped(scope, move || watch.run(&over))
            .map_err(|e| Error::system(format!("failed to start a thread: {e}")))?;
        let ended = body(&context);
        drop(running);
        let stalled = watching.join();
        match stalled.unwrap_or_else(|_| Some(Error::internal("the watch panicked"))) {
            Some(error) => Err(error.into()),
            None => ended,
        }
    })
}

/// Hands events on. Whoever reads them may take its time (`--progress jsonl | less`); that is
/// no stall of ours.
struct Telling<'a> {
    observer: &'a dyn Observer,
    progress: &'a Progress,
}

impl Observer for Telling<'_> {
    fn on(&self, event: &Event) {
        self.progress.outside(|| self.observer.on(event));
    }
}

struct Watch<'a> {
    settings: &'a Settings,
    cancel: &'a Cancel,
    progress: &'a Progress,
}

impl Watch<'_> {
    /// Looks until the run is over. Gives what it had to stop the run for.
    fn run(&self, over: &Receiver<Infallible>) -> Option<Error> {
        let (mut moves, mut looked, mut still) = (0, Instant::now(), Duration::ZERO);
        let mut stalled = None;
        let mut stopping = None;
        while over.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            // Looks are counted, not the clock: it goes on while the process is stopped
            // (Ctrl-Z, a paused container), and nothing could have moved then.
            let passed = looked.elapsed().min(LONGEST_LOOK);
            looked = Instant::now();
            let now = self.progress.moves();
            let moved = now != moves || self.progress.waits_outside();
            (moves, still) = (now, if moved { Duration::ZERO } else { still + passed });
            if stalled.is_none() && still >= self.settings.stall {
                stalled = Some(self.stall());
                self.cancel.raise(Level::Now, Reason::Failure);
            }
            let too_long = self.cancel.elapsed().is_some_and(|time| time > self.settings.drain);
            if too_long && self.cancel.reason() == Reason::User {
                self.cancel.raise(Level::Now, Reason::User);
            }
            if !self.cancel.is_now() {
                continue;
            }
            let since = stopping.get_or_insert((Instant::now(), Acted::No));
            if since.0.elapsed() > PATIENCE && since.1 == Acted::No {
                since.1 = Acted::Yes;
                let error = stalled.clone().unwrap_or_else(|| self.cancel.error());
                self.settings.last_resort.act(&error);
            }
        }
        stalled
    }

    fn stall(&self) -> Error {
        let seconds = self.settings.stall.as_secs_f64();
        Error::internal(format!("nothing moved for {seconds} s: {}", self.progress.describe()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Acted {
    No,
    Yes,
}
