//! `lumaloom video`: checks, the render, the summary, the exit code.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::Arc;

use lumaloom::error::{Error, Result, shown};
use lumaloom::event::{Event, Observer};
use lumaloom::exec::processes::{Care, quoted};
use lumaloom::exec::{self, OnError, Settings};
use lumaloom::frame::BufferPool;
use lumaloom::observe::{Head, Outcome, Unit};
use lumaloom::plan::Chain;
use lumaloom::sink::{Clobber, check};
use lumaloom::source::Turn;
use lumaloom::stage::{Cancel, Ended, Epoch};
use lumaloom::work::ClipWork;

use super::args::{ModeArg, ProgressArg, VideoArgs};
use super::clip::{self, ClipIn, ClipOut};
use super::job::{Pool, word};
use super::watch::{Kept, Watch};
use super::{assemble, commands, rehearse, verify};

/// Renders the clip.
///
/// # Errors
/// What stopped it; then there is no output.
pub fn run(args: &VideoArgs, arguments: &[OsString]) -> Result<u8> {
    let cancel = Cancel::default();
    let render = Render::new(args, &cancel)?;
    // A chain that cannot work on these frames is a mistake in the command, and is said before
    // anything starts.
    let planned = render.work(&Arc::new(BufferPool::new(1)));
    let planned = planned.map_err(|e| Error::usage(e.to_string()))?;
    if args.say.dry_run || args.say.explain {
        return rehearse::run(&render.input, &render.output, (&planned.0, planned.1), &render.pool);
    }
    render.input.check(&render.output, &cancel)?;
    let head = Head {
        command: quoted(arguments),
        unit: Unit::Frame,
        mode: word(render.mode),
        threads: render.pool.threads,
        output: args.output.clone(),
        skipped_by: Default::default(),
        finished_before: 0,
        failed_before: Vec::new(),
    };
    let kept = Kept { report: None, journal: None };
    let epoch = Epoch::start();
    let watch = Watch::start(&args.say, head, kept, epoch, &cancel)?;
    for text in render.remarks(planned.1)? {
        watch.observer().on(&Event::Warning { text });
    }
    watch.observer().on(&Event::Planned { items: render.input.total().unwrap_or(0), bytes: 0 });
    let ended = match render.mode {
        ModeArg::Processes => in_processes(args, &render, epoch, &watch, &cancel),
        ModeArg::Threads | ModeArg::Inline => render.in_process(epoch, &watch, &cancel),
    };
    if let (Ok(Ended::All), Ok(data)) = (&ended, args.output.metadata()) {
        watch.tally.add_written(data.len());
    }
    let tally = watch.tally.clone();
    let code = watch.conclude(&args.say, ended)?;
    if code != 0 || !args.verify {
        return Ok(code);
    }
    let frames = tally.report(Outcome::Complete).done;
    let planned = (&planned.0, planned.1);
    verify::say(&render.input.verify(&render.output, planned, frames, &cancel)?, &args.say)
}

/// Each stage in a process of its own, with an ffmpeg at both ends. What the clip is, only the
/// reader is told.
fn in_processes(
    args: &VideoArgs,
    render: &Render,
    epoch: Epoch,
    watch: &Watch,
    cancel: &Cancel,
) -> Result<Ended> {
    let commands =
        commands::of_clip(args, &render.chain, render.output.upright(), &render.pool, epoch)?;
    exec::processes::run(&commands, None, &Care::default(), watch.observer(), cancel)
}

/// Raw frames want stdout for themselves, and a reader on it.
fn stdout_is_free(args: &VideoArgs) -> Result<()> {
    let why = match args {
        _ if std::io::stdout().is_terminal() => "and stdout is a terminal",
        _ if args.say.progress == ProgressArg::Jsonl => "and so does --progress jsonl",
        _ if args.verify => "and --verify needs a file",
        _ => return Ok(()),
    };
    Err(Error::usage(format!("-o - writes raw frames (y4m) to stdout, {why}")))
}

/// A render with everything decided.
struct Render {
    chain: Chain,
    input: ClipIn,
    output: ClipOut,
    mode: ModeArg,
    pool: Pool,
}

impl Render {
    fn new(args: &VideoArgs, cancel: &Cancel) -> Result<Self> {
        let chain = args.chain.chain()?;
        let mode = args.stages.mode();
        let pool = Pool::new(&args.pool, args.memory.mem, mode)?;
        let (from, to) = (&args.input, &args.output);
        check::out_is_no_input(std::slice::from_ref(from), to)?;
        if from.as_os_str() == "-" {
            return Err(Error::usage("the clip is a file; stdin cannot be read twice"));
        }
        if to.as_os_str() == clip::STDOUT {
            stdout_is_free(args)?;
        }
        let clobber = if args.overwrite { Clobber::Replace } else { Clobber::Never };
        if clobber == Clobber::Never && to.symlink_metadata().is_ok() {
            return Err(Error::usage(format!("{} exists; -y replaces it", shown(to))));
        }
        let threads = args.clip.ffmpeg_threads.map(usize::from);
        let output = ClipOut::new(to, clobber, &args.encoding, threads);
        let input = ClipIn::new(from, &args.clip, cancel)?;
        Ok(Self { chain, input, output, mode, pool })
    }

    fn settings(&self, epoch: Epoch) -> Settings {
        let settings = assemble::pool_settings(&self.pool, OnError::Continue, epoch);
        // There is one pipe to read.
        Settings { io_threads: 1, ..settings }
    }

    fn work(&self, buffers: &Arc<BufferPool>) -> Result<(ClipWork, Turn)> {
        let (layout, display) = (*self.input.layout(), self.input.display_matrix());
        let (upright, threads) = (self.output.upright(), self.pool.threads);
        clip::work(&self.chain, layout, display, upright, threads, buffers)
    }

    /// What is to be said once: what was assumed, what becomes of the matrix by which players
    /// turn the clip, and what the output cannot have.
    fn remarks(&self, turn: Turn) -> Result<Vec<String>> {
        let notes = self.input.notes();
        let turned = self.input.display_matrix().map(|display| clip::turned(display, turn));
        let losses = self.input.losses(&self.output)?;
        Ok(notes.iter().cloned().chain(turned).chain(losses).collect())
    }

    /// All stages in this process. ffmpeg ends with the thread that started it, so both start
    /// here.
    fn in_process(&self, epoch: Epoch, watch: &Watch, cancel: &Cancel) -> Result<Ended> {
        let settings = self.settings(epoch);
        // Each frame in flight may have three planes on their way back.
        let buffers = Arc::new(BufferPool::new(6 * (settings.threads + settings.capacity)));
        let (work, turn) = self.work(&buffers)?;
        let source = self.input.source(&buffers, cancel)?;
        let facts = clip::after(self.input.facts(&source)?, &work, turn);
        let sink = self.output.sink(&facts, *work.plan().output(), &buffers, cancel)?;
        assemble::run(self.mode, &source, &work, sink, &settings, watch.observer(), cancel)
    }
}
