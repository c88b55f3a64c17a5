//! `lumaloom video`: checks, the render, the summary, the exit code.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::Arc;

use lumaloom::error::{Error, Result};
use lumaloom::event::{Event, Observer};
use lumaloom::exec::processes::{Care, quoted};
use lumaloom::exec::{self, OnError, Settings};
use lumaloom::frame::BufferPool;
use lumaloom::observe::{Head, Outcome, Unit};
use lumaloom::plan::Chain;
use lumaloom::sink::{Clobber, check};
use lumaloom::stage::{Cancel, Ended, Epoch};

use super::args::{ModeArg, ProgressArg, VideoArgs};
use super::clip::{self, ClipIn, ClipOut, Kind, Planned, STDIO, Target};
use super::job::{Pool, word};
use super::watch::{Kept, Watch};
use super::{assemble, commands, rehearse, verify};

/// Renders the clip.
///
/// # Errors
/// What stopped it; then there is no output.
pub fn run(args: &VideoArgs, arguments: &[OsString]) -> Result<u8> {
    let cancel = Cancel::default();
    let render = Render::new(args)?;
    // In process mode stdin is the reader's, who alone can say what comes out of it.
    let passed = args.input.as_os_str() == STDIO && render.mode == ModeArg::Processes;
    let dry = args.say.dry_run || args.say.explain;
    let look = || ClipIn::new(&args.input, &args.clip, &cancel);
    let input = if passed && !dry { None } else { Some(look()?) };
    // A chain that cannot work on these frames is a mistake in the command, and is said before
    // anything starts.
    let plan = |input: &ClipIn| {
        let planned = render.work(input, &Arc::new(BufferPool::new(1)));
        planned.map_err(|e| Error::usage(e.to_string()))
    };
    let planned = input.as_ref().map(plan).transpose()?;
    let known = input.as_ref().zip(planned.as_ref());
    if let (Some((input, planned)), true) = (known, dry) {
        return rehearse::run(&render, input, planned, &args.input);
    }
    match &input {
        Some(input) => input.check(&render.output, &cancel)?,
        None => render.output.check()?,
    }
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
    if let Some((input, planned)) = known {
        for text in render.remarks(input, planned)? {
            watch.observer().on(&Event::Warning { text });
        }
    }
    let items = input.as_ref().and_then(ClipIn::total).unwrap_or(0);
    watch.observer().on(&Event::Planned { items, bytes: 0 });
    let ended = match (render.mode, &input) {
        (ModeArg::Threads | ModeArg::Inline, Some(input)) => {
            render.in_process(input, epoch, &watch, &cancel)
        }
        _ => in_processes(args, &render, epoch, &watch, &cancel),
    };
    if let (Ok(Ended::All), Kind::Clip, Ok(data)) =
        (&ended, render.output.kind(), args.output.metadata())
    {
        watch.tally.add_written(data.len());
    }
    let tally = watch.tally.clone();
    let code = watch.conclude(&args.say, ended)?;
    let movie = input.as_ref().and_then(ClipIn::movie).zip(planned.as_ref());
    let (Some((movie, planned)), 0, true) = (movie, code, args.verify) else { return Ok(code) };
    let frames = tally.report(Outcome::Complete).done;
    verify::say(&movie.verify(&render.output, planned, frames, &cancel)?, &args.say)
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
    let commands = commands::of_clip(args, render, epoch)?;
    exec::processes::run(&commands, None, &Care::default(), watch.observer(), cancel)
}

/// A render with everything decided that does not depend on its source.
pub struct Render {
    /// What happens to each frame.
    pub chain: Chain,
    /// Where it goes.
    pub output: ClipOut,
    /// What frames become.
    pub target: Target,
    /// The threads and their memory.
    pub pool: Pool,
    mode: ModeArg,
}

impl Render {
    /// What the options say.
    ///
    /// # Errors
    /// `Usage`: they contradict each other, or the output is there already.
    pub fn new(args: &VideoArgs) -> Result<Self> {
        let chain = args.chain.chain()?;
        let mode = args.stages.mode();
        let pool = Pool::new(&args.pool, args.memory.mem, mode)?;
        let (from, to) = (&args.input, &args.output);
        if from.as_os_str() != STDIO {
            check::out_is_no_input(std::slice::from_ref(from), to)?;
        }
        let clobber = if args.overwrite { Clobber::Replace } else { Clobber::Never };
        let threads = args.clip.ffmpeg_threads.map(usize::from);
        let output = ClipOut::new(to, clobber, &args.encoding, threads)?;
        if args.verify && *output.kind() != Kind::Clip {
            return Err(Error::usage("--verify compares clips; this output is none"));
        }
        if *output.kind() == Kind::Stream {
            stdout_is_free(args)?;
        }
        output.free()?;
        let target = output.target(&args.clip)?;
        Ok(Self { chain, output, target, mode, pool })
    }

    fn settings(&self, epoch: Epoch) -> Settings {
        let settings = assemble::pool_settings(&self.pool, OnError::Continue, epoch);
        // There is one pipe to read.
        Settings { io_threads: 1, ..settings }
    }

    fn work(&self, input: &ClipIn, buffers: &Arc<BufferPool>) -> Result<Planned> {
        let facts = input.facts()?;
        let (to, threads) = ((&self.target, self.output.upright()), self.pool.threads);
        clip::work(&self.chain, (input.layout(), &facts), to, threads, buffers)
    }

    /// What is to be said once: what was assumed, what becomes of the matrix by which players
    /// turn the clip, and what the output cannot have.
    ///
    /// # Errors
    /// None in practice.
    pub fn remarks(&self, input: &ClipIn, planned: &Planned) -> Result<Vec<String>> {
        let notes = input.notes().into_iter();
        let made = self.target.notes(input.layout(), &input.facts()?);
        let turned = input.display_matrix().map(|display| clip::turned(display, planned.turn));
        let losses = input.losses(&self.output)?;
        Ok(notes.chain(made).chain(turned).chain(losses).collect())
    }

    /// All stages in this process. ffmpeg ends with the thread that started it, so both start
    /// here.
    fn in_process(
        &self,
        input: &ClipIn,
        epoch: Epoch,
        watch: &Watch,
        cancel: &Cancel,
    ) -> Result<Ended> {
        let settings = self.settings(epoch);
        // Each frame in flight may have three planes on their way back.
        let buffers = Arc::new(BufferPool::new(6 * (settings.threads + settings.capacity)));
        let planned = self.work(input, &buffers)?;
        let settings = input.kept_apart(planned.kept_apart(settings));
        let (source, facts) = input.open(&buffers, cancel)?;
        let (facts, layout) = (planned.after(facts), *planned.work.score().output());
        let sink = self.output.sink(&facts, layout, &buffers, cancel)?;
        let work = &planned.work;
        assemble::run(self.mode, &*source, work, sink, &settings, watch.observer(), cancel)
    }
}

/// Raw frames want stdout for themselves, and a reader on it.
fn stdout_is_free(args: &VideoArgs) -> Result<()> {
    let why = match args {
        _ if std::io::stdout().is_terminal() => "and stdout is a terminal",
        _ if args.say.progress == ProgressArg::Jsonl => "and so does --progress jsonl",
        _ => return Ok(()),
    };
    Err(Error::usage(format!("-o - writes raw frames (y4m) to stdout, {why}")))
}
