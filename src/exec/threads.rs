//! The usual executor: all stages in this process, joined by channels.

use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use super::{Listening, Settings, budgets, outcome, watched};
use crate::error::{Error, Result, Stop};
use crate::event::Observer;
use crate::link::{Cancel, channel_with};
use crate::stage::{
    Computing, Context, Ended, Reading, Sink, Source, Work, pool, run_sink, run_source, run_work,
};

/// Runs the job to its end. All threads are joined when it returns.
///
/// Failures of items are events and no error. `Stopped` if one of them was to stop the run and
/// others were not begun.
///
/// # Errors
/// The first cause that a stage had; `Interrupted` if `cancel` stopped the run before its end;
/// `Internal` if it stalled.
pub fn run(
    source: &dyn Source,
    work: &dyn Work,
    sink: Box<dyn Sink>,
    settings: &Settings,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Ended> {
    let listening = Listening { observer, cancel, on_error: settings.on_error };
    let ended = watched(settings, &listening, cancel, |context| {
        joined(source, work, sink, settings, context)
    });
    outcome(ended, cancel)
}

/// The machine: three stages, two links, one budget in two shares.
fn joined(
    source: &dyn Source,
    work: &dyn Work,
    sink: Box<dyn Sink>,
    settings: &Settings,
    context: &Context<'_>,
) -> Result<Ended, Stop> {
    let cancel = context.cancel;
    let (ahead, frames) = budgets(settings, cancel);
    let pool = pool(settings.threads)?;
    let reading = Reading { io_threads: settings.io_threads, budget: &ahead };
    let computing = Computing {
        pool: &pool,
        split: settings.split,
        order: source.order(),
        budget: &frames,
        started: &|| Ok(()),
    };
    let link = |queue| {
        let (tx, rx) = channel_with(settings.capacity, queue);
        (tx.with_cancel(cancel), rx.with_cancel(cancel))
    };
    let stops = Stops::default();
    std::thread::scope(|scope| {
        let (to_sink, from_work) = link(&settings.gauges.write);
        // If a thread cannot be had, the links that it would have held drop and end the others.
        let write = spawn(scope, "write", || stops.note(run_sink(sink, from_work, context)))?;
        let (to_work, from_source) = link(&settings.gauges.work);
        let work = spawn(scope, "work", || {
            stops.note(run_work(work, from_source, to_sink, &computing, context))
        })?;
        stops.note(run_source(source, to_work, &reading, context));
        stops.join("work", work);
        // What the sink saw of the run is how it ended.
        let written = stops.join("write", write);
        stops.first_cause().map_or_else(|| written.ok_or(Stop::Echo), Err)
    })
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    stage: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Stop> {
    let started = Builder::new().name(name.into()).spawn_scoped(scope, stage);
    started.map_err(|e| Error::system(format!("failed to start the {name} stage: {e}")).into())
}

/// Why stages stopped, in the order in which they did.
#[derive(Default)]
struct Stops(Mutex<Vec<Stop>>);

impl Stops {
    fn note(&self, ended: Result<Ended, Stop>) -> Option<Ended> {
        ended.map_err(|stop| self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stop)).ok()
    }

    /// Waits for a stage that notes its own end.
    fn join(&self, name: &str, stage: ScopedJoinHandle<'_, Option<Ended>>) -> Option<Ended> {
        stage.join().unwrap_or_else(|_| {
            self.note(Err(Error::internal(format!("the {name} stage panicked")).into()))
        })
    }

    fn first_cause(&self) -> Option<Stop> {
        let stops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stops.iter().find(|stop| matches!(stop, Stop::Cause(_))).cloned()
    }
}
