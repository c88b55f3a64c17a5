//! Who listens to a run on the command line's behalf, and what is left behind afterwards.

use std::io::Stdout;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lumaloom::error::{Error, Kind, Result, shown};
use lumaloom::event::{Event, Observer};
use lumaloom::journal::Journal;
use lumaloom::observe::checkpoint::INTERVAL;
use lumaloom::observe::{Checkpoint, Fan, Head, Lines, Outcome, Report, Tally, Trace};
use lumaloom::stage::{Cancel, Ended, Epoch};

use super::args::{ProgressArg, SayArgs};
use super::progress::{Look, Progress, Quiet, stopping};
use super::signals::{Meanwhile, Watch as SignalWatch};
use super::summary::{self, Detail};
use super::value::count;
use super::{code, say};

/// What is kept up to date while a run goes on.
#[derive(Default)]
pub struct Kept {
    /// Where the report is kept, if anywhere.
    pub report: Option<PathBuf>,
    /// The journal, if it is this process's.
    pub journal: Option<Arc<Journal>>,
}

/// All that listens to one run, and the threads that go with it. Dropping it joins them.
pub struct Watch {
    /// The counts.
    pub tally: Arc<Tally>,
    /// The one way to print a line meanwhile.
    pub progress: Arc<Progress>,
    trace: Option<Arc<Trace>>,
    fan: Fan,
    detail: Detail,
    quiet: Quiet,
    // Dropped in this order: no signal is said to let work end after the last checkpoint.
    _signals: Meanwhile,
    checkpoint: Option<Checkpoint>,
    kept: Option<PathBuf>,
}

impl Watch {
    /// Starts to listen; until it ends, the first signal lets work end.
    ///
    /// # Errors
    /// `System` when a thread cannot be had.
    pub fn start(
        say: &SayArgs,
        head: Head,
        kept: Kept,
        epoch: Epoch,
        (cancel, signals): (&Cancel, &SignalWatch),
    ) -> Result<Self> {
        let failed = |e: std::io::Error| Error::system(format!("failed to start to listen: {e}"));
        let quiet = if say.quiet { Quiet::Yes } else { Quiet::No };
        let unit = head.unit;
        let tally = Arc::new(Tally::new(head));
        let progress = Arc::new(Progress::start(Look::choose(say.progress, quiet), unit));
        let trace = say.trace.as_ref().map(|_| Arc::new(Trace::new(epoch)));

        let mut observers: Vec<Arc<dyn Observer>> = vec![tally.clone(), progress.clone()];
        if let Some(trace) = &trace {
            observers.push(trace.clone());
        }
        if say.progress == ProgressArg::Jsonl {
            let lines = Lines::new(std::io::stdout());
            observers.push(Arc::new(Data { lines, cancel: cancel.clone() }));
        }
        let detail = if say.verbose || say.explain { Detail::Full } else { Detail::Short };
        if quiet == Quiet::No {
            observers.push(Arc::new(Talk { progress: progress.clone(), detail }));
        }

        let stop = cancel.clone();
        let shown = Arc::clone(&progress);
        let on_signal = move |_| {
            // First the deed: whoever reads the line may rely on it.
            stop.request();
            if stop.is_now() {
                shown.say("stopping now");
            } else {
                shown.say(&stopping(shown.done(), unit));
            }
        };
        let signals = signals.meanwhile(on_signal);
        let flush = flush(&kept, &tally, &progress);
        let checkpoint = Checkpoint::start(INTERVAL, flush).map_err(failed)?;
        Ok(Self {
            tally,
            progress,
            trace,
            fan: Fan::new(observers),
            detail,
            quiet,
            _signals: signals,
            checkpoint: Some(checkpoint),
            kept: kept.report,
        })
    }

    /// What the stages talk to.
    pub fn observer(&self) -> &Fan {
        &self.fan
    }

    /// Ends it as the run ended, and gives the exit code.
    ///
    /// # Errors
    /// The run's own, or `System` when the report or the trace cannot be written.
    pub fn conclude(self, args: &SayArgs, ended: Result<Ended>) -> Result<u8> {
        let outcome = match &ended {
            Ok(Ended::All) => Outcome::Complete,
            Ok(Ended::Stopped) => Outcome::Stopped,
            Err(error) if error.kind() == Kind::Interrupted => Outcome::Interrupted,
            Err(_) => Outcome::Failed,
        };
        let saved = self.finish(args, outcome);
        let error = match ended {
            Ok(Ended::All)
                if saved.as_ref().is_ok_and(|r| r.failed.is_empty() && !r.lost_frames()) =>
            {
                return Ok(0);
            }
            Ok(Ended::All | Ended::Stopped) => return saved.map(|_| code(Kind::Input)),
            Err(error) => error,
        };
        // How the run ended is the news, whatever became of the report.
        if let Err(unsaved) = saved {
            say::error(&unsaved);
        }
        match error.kind() {
            // The summary has said so.
            Kind::Interrupted => Ok(code(Kind::Interrupted)),
            _ => Err(error),
        }
    }

    /// Takes the bar away, writes what was asked for and says how it went.
    ///
    /// # Errors
    /// `System` when the report or the trace cannot be written.
    fn finish(mut self, say: &SayArgs, outcome: Outcome) -> Result<Report> {
        // The checkpoint's last flush first: the final report replaces it.
        drop(self.checkpoint.take());
        if let Some(memory) = lumaloom::stage::memory() {
            self.tally.add_peak(std::process::id(), memory.peak);
        }
        self.progress.finish();
        let report = self.tally.report(outcome);
        match self.quiet {
            Quiet::No => self.progress.say(&summary::text(&report, self.detail)),
            Quiet::Yes => {
                let lines = summary::troubles(&report, Detail::Full);
                if !lines.is_empty() {
                    self.progress.say(&lines.join("\n"));
                }
            }
        }
        for path in say.report.iter().chain(&self.kept) {
            report.save(path)?;
        }
        if let (Some(trace), Some(path)) = (&self.trace, &say.trace) {
            trace.save(path)?;
            let sampled = trace.sampled();
            if sampled > 1 && self.quiet == Quiet::No {
                self.progress.say(&format!(
                    "trace    {} has 1 of {sampled} events: more than {} came",
                    shown(path),
                    count(lumaloom::observe::trace::LIMIT as u64, "event"),
                ));
            }
        }
        Ok(report)
    }
}

/// Writes the report and flushes the journal; what fails is said once.
fn flush(
    kept: &Kept,
    tally: &Arc<Tally>,
    progress: &Arc<Progress>,
) -> impl Fn() + Send + Sync + use<> {
    let (report, journal) = (kept.report.clone(), kept.journal.clone());
    let (tally, progress) = (Arc::clone(tally), Arc::clone(progress));
    let said = AtomicBool::new(false);
    move || {
        let saved =
            report.as_ref().map_or(Ok(()), |path| tally.report(Outcome::Running).save(path));
        let flushed = journal.as_ref().map_or(Ok(()), |journal| journal.checkpoint());
        if let (Err(error), false) = (saved.and(flushed), said.load(Ordering::Relaxed)) {
            said.store(true, Ordering::Relaxed);
            progress.say(&format!("lumaloom: {error}"));
        }
    }
}

/// Events on stdout. When nobody reads them any more, that is a wish to stop.
struct Data {
    lines: Lines<Stdout>,
    cancel: Cancel,
}

impl Observer for Data {
    fn on(&self, event: &Event) {
        let was_closed = self.lines.is_closed();
        self.lines.on(event);
        if !was_closed && self.lines.is_closed() {
            self.cancel.request();
        }
    }
}

/// What is worth a line while the run goes on.
struct Talk {
    progress: Arc<Progress>,
    detail: Detail,
}

impl Observer for Talk {
    fn on(&self, event: &Event) {
        match event {
            Event::Warning { text } => self.progress.say(&format!("warning: {text}")),
            Event::StageStarted { .. } if self.detail == Detail::Full => {
                self.progress.say(&started(event));
            }
            _ => {}
        }
    }
}

/// `stage    work: pid 12, parent 10, 2 threads: lumaloom stage work -f negate`
fn started(event: &Event) -> String {
    let Event::StageStarted { name, pid, parent_pid, threads, command } = event else {
        return String::new();
    };
    let command = command.as_ref().map_or(String::new(), |command| format!(": {command}"));
    let threads = count(*threads as u64, "thread");
    format!("stage    {}: pid {pid}, parent {parent_pid}, {threads}{command}", name.as_str())
}
