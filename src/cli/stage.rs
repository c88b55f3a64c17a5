//! `lumaloom stage`: one stage on stdin and stdout. A shell, ssh or `--mode processes` joins
//! them; the functions that run are the same as in threads.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lumaloom::error::{Error, Kind, Result, Stop};
use lumaloom::event::{Event, Observer, StageName};
use lumaloom::exec::processes::quoted;
use lumaloom::exec::{self, OnError, Settings};
use lumaloom::journal::{Guard, Journal, Recipe as JournalRecipe, Run};
use lumaloom::link::pipe::{self, Checksum, Header};
use lumaloom::link::{Cancel, Rx};
use lumaloom::observe::checkpoint::INTERVAL;
use lumaloom::observe::{Checkpoint, Fan, Head, Monitor, Outcome, Report, Tally};
use lumaloom::sink::{FileSink, FolderSink, NullSink, Writing, owner};
use lumaloom::source::folder::FolderSource;
use lumaloom::source::manifest::Manifest;
use lumaloom::stage::{
    Computing, Context, Ended, Epoch, Order, Reading, Source, pool, run_sink, run_source, run_work,
};

use super::args::{EventArgs, ModeArg, StageCommand, StageReadArgs, StageWorkArgs, StageWriteArgs};
use super::job::{Earlier, Out, Pool, Recipe, WritingPlan};
use super::signals::{Turn, Watch as SignalWatch};
use super::summary::{self, Detail};
use super::{assemble, code, say};

/// What a stream of this job says it is.
const JOB: &str = "images";

/// Runs a stage to its end.
///
/// # Errors
/// `Usage` for a terminal instead of a pipe, `Temporary` when a neighbour went away.
pub fn run(command: &StageCommand, arguments: &[OsString]) -> Result<u8> {
    match command {
        StageCommand::Read(args) => read(args, arguments),
        StageCommand::Work(args) => work(args, arguments),
        StageCommand::Write(args) => write(args, arguments),
    }
}

fn read(args: &StageReadArgs, arguments: &[OsString]) -> Result<u8> {
    let output = pipe_end(&std::io::stdout(), "stage read writes packets to stdout")?;
    let (items, skipped) = match &args.manifest {
        Some(path) => (Manifest::load(path)?.items, Default::default()),
        None => {
            let inputs = assemble::inputs(&args.inputs, &args.walk, None)?;
            (inputs.items, inputs.skipped)
        }
    };
    let settings = Settings {
        io_threads: args.reading.io_threads.get(),
        ..stage_settings(&args.events, assemble::memory(args.memory.mem))
    };
    let ear = Ear::new(StageName::Read, &args.events, arguments, skipped)?;
    ear.planned(&items);
    let source = FolderSource::new(items);
    let header = Header { total: source.total(), ..Header::new(JOB) };
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Read, &cancel)?;
    let ended = ear.run(&settings, &cancel, |context| {
        let tx = pipe::writer(output, &header, Checksum::Heads)?.with_cancel(&cancel);
        let ahead = exec::budget_of(StageName::Read, &settings, &cancel);
        let reading = Reading { io_threads: settings.io_threads, budget: &ahead };
        run_source(&source, tx, &reading, context)
    });
    ear.finish(ended)
}

fn work(args: &StageWorkArgs, arguments: &[OsString]) -> Result<u8> {
    let joins = "stage work takes packets from stdin and writes packets to stdout";
    let input = pipe_end(&std::io::stdin(), joins)?;
    let output = pipe_end(&std::io::stdout(), joins)?;
    let recipe = Recipe::new(&args.pixels)?;
    let threads = Pool::new(&args.pool, args.memory.mem, ModeArg::Threads)?;
    let settings = assemble::settings(&recipe, &threads, 1, OnError::Continue, epoch(&args.events));
    let settings = stage_settings(&args.events, settings);
    let ear = Ear::new(StageName::Work, &args.events, arguments, Default::default())?;
    let work = assemble::work(&recipe, settings.threads);
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Work, &cancel)?;
    let ended = ear.run(&settings, &cancel, |context| {
        let (header, rx) = receive(input, &settings, context)?;
        let tx = pipe::writer(output, &header, Checksum::Heads)?.with_cancel(&cancel);
        let frames = exec::budget_of(StageName::Work, &settings, &cancel);
        let computing = Computing {
            pool: &pool(settings.threads)?,
            split: settings.split,
            order: if header.strict { Order::Strict } else { Order::Any },
            budget: &frames,
            started: &|| Ok(()),
        };
        run_work(&work, rx, tx, &computing, context)
    });
    ear.finish(ended)
}

fn write(args: &StageWriteArgs, arguments: &[OsString]) -> Result<u8> {
    let input = pipe_end(&std::io::stdin(), "stage write takes packets from stdin")?;
    let plan = WritingPlan::new(&args.writing, None)?;
    let writing = plan.writing(if args.resume { Earlier::Resume } else { Earlier::Ignore });
    let settings = stage_settings(&args.events, Settings::default());
    let ear = Ear::new(StageName::Write, &args.events, arguments, Default::default())?;
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Write, &cancel)?;
    let ended = ear.run(&settings, &cancel, |context| {
        let (_, rx) = receive(input, &settings, context)?;
        match args.output.as_deref().map(Out::of) {
            None => run_sink(Box::new(NullSink), rx, context),
            Some(Out::File(path)) => run_sink(Box::new(FileSink::new(path, writing)?), rx, context),
            Some(Out::Folder(path)) => write_folder(args, &path, plan, writing, rx, context),
        }
    });
    ear.finish(ended)
}

/// The folder is owned, and its journal kept, from the first packet to the last.
fn write_folder(
    args: &StageWriteArgs,
    out: &Path,
    plan: WritingPlan,
    writing: Writing,
    rx: Rx,
    context: &Context<'_>,
) -> Result<Ended, Stop> {
    let owner = match args.lock_fd {
        Some(number) => owner::inherit(out, descriptor("--lock-fd", number)?)?,
        None => owner::lock(out)?,
    };
    if let Some(text) = owner.warning() {
        context.observer.on(&Event::Warning { text });
    }
    let recipe = JournalRecipe { hash: args.recipe_hash, chain: args.chain.clone() };
    let run = Run { recipe, base: args.base.clone().unwrap_or_default(), others: plan.others() };
    let past = if args.resume { Journal::load(out)? } else { None };
    let standing = args.standing.as_deref().map(Manifest::load).transpose()?;
    let standing = standing.iter().flat_map(|list| &list.items);
    let guard = past.map(|past| Guard::new(past, run.clone(), standing));
    let journal = Arc::new(Journal::open(out, &run)?);
    let flushed = Arc::clone(&journal);
    // What cannot be flushed now is flushed, or said, at the end by the sink.
    let _checkpoint = Checkpoint::start(INTERVAL, move || drop(flushed.checkpoint()))
        .map_err(|e| Error::system(format!("failed to start a thread: {e}")))?;
    let sink = FolderSink::new(out.to_owned(), plan.name, writing, Some(journal), guard)?;
    run_sink(Box::new(sink), rx, context)
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
    if header.job != JOB {
        let theirs = &header.job;
        return Err(Error::usage(format!("the stream is of a {theirs} job, not of images")).into());
    }
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
    SignalWatch::start(act).map_err(|e| Error::system(format!("failed to listen for signals: {e}")))
}

/// Who a stage talks to: its parent on a descriptor, or a person on stderr.
struct Ear {
    name: StageName,
    tally: Arc<Tally>,
    fan: Fan,
    listener: Listener,
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
        for line in summary::failures(report, Detail::Short) {
            say::line(&line);
        }
        say::line(&summary::stage_line(self.name, report));
    }
}
