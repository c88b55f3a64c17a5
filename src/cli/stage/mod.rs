//! `lumaloom stage`: one stage on stdin and stdout. A shell, ssh or `--mode processes` joins
//! them; the functions that run are the same as in threads.

mod clip;
mod images;
mod work;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use lumaloom::error::{Error, Kind, Result, Stop};
use lumaloom::event::{Event, Observer, StageName};
use lumaloom::exec::processes::quoted;
use lumaloom::exec::{self, Settings};
use lumaloom::ffmpeg::Ledger;
use lumaloom::link::pipe::{self, Header};
use lumaloom::link::{Cancel, Rx};
use lumaloom::observe::{Fan, Head, Monitor, Outcome, Report, Tally, Unit};
use lumaloom::sink::NullSink;
use lumaloom::stage::{Context, Ended, Epoch, run_sink};

use super::args::{EventArgs, ReadJob, StageCommand, WriteJob};
use super::signals::{Turn, Watch as SignalWatch};
use super::summary::{self, Detail};
use super::{assemble, code, say};

/// Runs a stage to its end.
///
/// # Errors
/// `Usage` for a terminal instead of a pipe, `Temporary` when a neighbour went away.
pub fn run(command: &StageCommand, arguments: &[OsString]) -> Result<u8> {
    match command {
        StageCommand::Read(args) => match &args.job {
            ReadJob::Images(args) => images::read(args, arguments),
            ReadJob::Video(args) => clip::read(args, arguments),
        },
        StageCommand::Work(args) => work::run(args, arguments),
        StageCommand::Write(args) => match &args.job {
            WriteJob::Images(args) => images::write(args, arguments),
            WriteJob::Video(args) => clip::write(args, arguments),
            WriteJob::Null(events) => drop_all(events, arguments),
        },
    }
}

/// Counts what comes, whatever job it is of, and drops it.
fn drop_all(events: &EventArgs, arguments: &[OsString]) -> Result<u8> {
    let input = stdin()?;
    let settings = stage_settings(events, Settings::default());
    let ear = Ear::new(StageName::Write, events, arguments, Default::default())?;
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Write, &cancel)?;
    let ended = ear.run(&settings, &cancel, |context| {
        let (header, rx) = receive(input, &settings, context)?;
        let sink = if header.strict { NullSink::Frames } else { NullSink::Apart };
        run_sink(Box::new(sink), rx, context)
    });
    ear.finish(ended)
}

/// What a writer reads from.
fn stdin() -> Result<OwnedFd> {
    pipe_end(&std::io::stdin(), "stage write takes packets from stdin")
}

/// What a reader writes to.
fn stdout() -> Result<OwnedFd> {
    pipe_end(&std::io::stdout(), "stage read writes packets to stdout")
}

/// Refuses a stream of another job.
fn of_job(header: &Header, job: &str) -> Result<()> {
    if header.job == job {
        return Ok(());
    }
    Err(Error::usage(format!("the stream is of a {} job, not of {job}", header.job)))
}

/// The stream at stdin.
fn receive(
    input: OwnedFd,
    settings: &Settings,
    context: &Context<'_>,
) -> Result<(Header, Rx), Stop> {
    let queue = &settings.gauges.work;
    let (header, rx) = context.progress.outside(|| {
        pipe::reader(input, settings.mem.max(pipe::MAX_PAYLOAD), context.cancel, queue)
    })?;
    Ok((header, rx))
}

/// A descriptor that a parent left under this number.
fn descriptor(option: &str, number: RawFd) -> Result<OwnedFd> {
    exec::child::inherited(number)
        .map_err(|e| Error::usage(format!("{option} {number} is no open descriptor: {e}")))
}

/// A copy of stdin or stdout, which must not be a terminal.
fn pipe_end(end: &(impl IsTerminal + AsFd), does: &str) -> Result<OwnedFd> {
    if end.is_terminal() {
        return Err(Error::usage(format!(
            "{does}; join the stages, as in: lumaloom stage read images IN | lumaloom stage work \
             -f CHAIN | lumaloom stage write images -o OUT"
        )));
    }
    end.as_fd()
        .try_clone_to_owned()
        .map_err(|e| Error::system(format!("failed to take over a pipe: {e}")))
}

fn epoch(events: &EventArgs) -> Epoch {
    events.epoch.map_or_else(Epoch::start, Epoch::from_nanos)
}

/// How long a stop may take is a parent's affair, where there is one: it knows whose wish it was.
fn stage_settings(events: &EventArgs, base: Settings) -> Settings {
    let drain = if events.events_fd.is_some() { Duration::MAX } else { base.drain };
    Settings { epoch: epoch(events), last_resort: assemble::last_resort(), drain, ..base }
}

/// At the first signal reader and worker begin nothing more, and the writer takes what comes
/// until the stream ends and says that it was stopped. So one Ctrl-C, which reaches all stages
/// of a shell's pipeline, keeps what is in work; a second one stops all of them.
fn at_signals(name: StageName, cancel: &Cancel) -> Result<SignalWatch> {
    let cancel = cancel.clone();
    let act = move |turn| match (name, turn) {
        (StageName::Read | StageName::Work, _) => cancel.request(),
        (StageName::Write, Turn::First) => {}
        (StageName::Write, Turn::Again) => {
            cancel.raise(lumaloom::link::Level::Now, lumaloom::link::Reason::User);
        }
    };
    SignalWatch::start(act)
}

/// Who a stage talks to: its parent on a descriptor, or a person on stderr.
struct Ear {
    name: StageName,
    tally: Arc<Tally>,
    fan: Fan,
    listener: Listener,
}

/// For whom it is new what a stage has to say: a parent may know it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Person,
    Parent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listener {
    Parent,
    Person,
}

impl Ear {
    fn new(
        name: StageName,
        events: &EventArgs,
        arguments: &[OsString],
        skipped: std::collections::BTreeMap<String, u64>,
    ) -> Result<Self> {
        let head = Head {
            command: quoted(arguments),
            unit: Unit::Picture,
            mode: "stage".into(),
            threads: 0,
            output: Default::default(),
            skipped_by: skipped,
            finished_before: 0,
            failed_before: Vec::new(),
        };
        let tally = Arc::new(Tally::new(head));
        let mut observers: Vec<Arc<dyn Observer>> = vec![tally.clone()];
        let listener = match events.events_fd {
            Some(number) => {
                let lines = exec::child::events(descriptor("--events-fd", number)?);
                observers.push(Arc::new(lines));
                Listener::Parent
            }
            None => Listener::Person,
        };
        Ok(Self { name, tally, fan: Fan::new(observers), listener })
    }

    /// A parent has said so itself.
    fn planned(&self, items: &[lumaloom::link::Item]) {
        if self.listener == Listener::Person {
            let bytes = items.iter().map(|item| item.size).sum();
            self.fan.on(&Event::Planned { items: items.len() as u64, bytes });
        }
    }

    /// What was assumed or is lost.
    fn notes(&self, notes: &[String], news: News) {
        for text in notes {
            match (self.listener, news) {
                (Listener::Person, _) => say::line(&format!("warning: {text}")),
                (Listener::Parent, News::Parent) => {
                    self.fan.on(&Event::Warning { text: text.clone() });
                }
                (Listener::Parent, News::Person) => {}
            }
        }
    }

    fn run(
        &self,
        settings: &Settings,
        cancel: &Cancel,
        body: impl FnOnce(&Context<'_>) -> Result<Ended, Stop>,
    ) -> Result<Ended, Stop> {
        std::thread::scope(|scope| {
            let _monitor = Monitor::start(scope, &settings.gauges, &self.fan)
                .map_err(|e| Error::system(format!("failed to start a thread: {e}")))?;
            exec::child::run(self.name, settings, &self.fan, cancel, body)
        })
    }

    /// What the stage's ffmpegs cost, all of which have ended.
    fn costs(&self, ledger: &Ledger) {
        ledger.tell(&self.fan);
    }

    /// Says how it went and gives the exit code.
    fn finish(&self, ended: Result<Ended, Stop>) -> Result<u8> {
        let report = self.tally.report(Outcome::Complete);
        if self.listener == Listener::Person {
            self.tell(&report);
        }
        match ended {
            Ok(Ended::All) if report.failed.is_empty() => Ok(0),
            Ok(Ended::All) => Ok(code(Kind::Input)),
            Ok(Ended::Stopped) => Ok(code(Kind::Interrupted)),
            Err(Stop::Echo) => {
                let error =
                    Error::new(Kind::Temporary, "a neighbour stage went away before the end");
                self.refuse(error)
            }
            Err(Stop::Cause(error)) => self.refuse(error),
        }
    }

    /// A parent has heard the cause; a person has not.
    fn refuse(&self, error: Error) -> Result<u8> {
        match self.listener {
            Listener::Parent => Ok(code(error.kind())),
            Listener::Person => Err(error.within(format_args!("stage {}", self.name.as_str()))),
        }
    }

    fn tell(&self, report: &Report) {
        for line in summary::troubles(report, Detail::Short) {
            say::line(&line);
        }
        say::line(&summary::stage_line(self.name, report));
    }
}
