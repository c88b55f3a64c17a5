//! A clip job with everything decided, and the one way to run it: for `video` and for `bench`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use lumaloom::codec::y4m::Interlacing;
use lumaloom::error::{Result, shown};
use lumaloom::event::Observer;
use lumaloom::exec::{self, OnError, Settings, processes::Care};
use lumaloom::ffmpeg::Ledger;
use lumaloom::frame::BufferPool;
use lumaloom::plan::Chain;
use lumaloom::sink::{Clobber, check, part_path, remove_abandoned};
use lumaloom::stage::{Cancel, Ended, Epoch};

use super::args::{ClipArgs, EncodingArgs, ModeArg, VideoArgs};
use super::clip::{self, ClipIn, ClipOut, Kind, Planned, STDIO, Target};
use super::job::{Pool, word};
use super::{assemble, commands};

/// `lumaloom video` as typed, read but not yet looked at.
#[derive(Clone)]
pub struct ClipJob {
    /// A clip, a pattern, or stdin.
    pub input: PathBuf,
    /// A clip, a pattern, stdout, or nowhere.
    pub output: PathBuf,
    /// What happens to each frame.
    pub chain: Chain,
    /// Which part of the source, and how it is read.
    pub clip: ClipArgs,
    /// How it is encoded.
    pub encoding: EncodingArgs,
    /// Whether the output may be replaced.
    pub clobber: Clobber,
    /// What stages run on.
    pub mode: ModeArg,
    /// Cores and memory.
    pub pool: Pool,
}

impl ClipJob {
    /// What the options say.
    ///
    /// # Errors
    /// `Usage`: options that contradict each other, a chain with a mistake.
    pub fn new(args: &VideoArgs) -> Result<Self> {
        let mode = args.stages.mode();
        Ok(Self {
            input: args.input.clone(),
            output: args.output.clone(),
            chain: args.chain.chain()?,
            clip: args.clip.clone(),
            encoding: args.encoding.clone(),
            clobber: if args.overwrite { Clobber::Replace } else { Clobber::Never },
            mode,
            pool: Pool::new(&args.pool, args.memory.mem, mode)?,
        })
    }

    /// The command that means this job, for a person to type.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["lumaloom", "video"].map(OsString::from).into();
        words.extend([self.input.clone().into(), "-o".into(), self.output.clone().into()]);
        words.extend(commands::filter(&self.chain));
        words.extend(self.clip.arguments());
        words.extend(self.encoding.arguments());
        words.extend(["--mode".into(), word(self.mode).into()]);
        words.extend(self.pool.arguments());
        words.extend(commands::memory(self.pool.mem));
        words
    }
}

/// A render with everything decided that does not depend on its source.
pub struct Render {
    /// What was asked for.
    pub job: ClipJob,
    /// Where it goes.
    pub output: ClipOut,
    /// What frames become.
    pub target: Target,
    /// What its ffmpegs cost, those that only ask about the clip included.
    pub ledger: Ledger,
}

impl Render {
    /// Decides it.
    ///
    /// # Errors
    /// `Usage`: the output is the input, or is there already.
    pub fn new(job: ClipJob) -> Result<Self> {
        let (from, to) = (&job.input, &job.output);
        if from.as_os_str() != STDIO {
            let input = std::slice::from_ref(from);
            check::out_is_no_input(input, to)?;
            // What a killed render left is a clip that somebody may want to go on from.
            check::out_is_no_input(input, &part_path(to)).map_err(|e| {
                e.within(format!("{} is written under another name first", shown(to)))
            })?;
        }
        let (ledger, threads) = (Ledger::default(), job.clip.ffmpeg_threads.map(usize::from));
        let output = ClipOut::new(to, job.clobber, &job.encoding, threads, &ledger)?;
        output.free()?;
        let target = output.target(&job.clip)?;
        Ok(Self { job, output, target, ledger })
    }

    /// Looks at the source.
    ///
    /// # Errors
    /// As for [`ClipIn::new`]; a picture that would be written over itself.
    pub fn look(&self, cancel: &Cancel) -> Result<ClipIn> {
        let input = ClipIn::new(&self.job.input, &self.job.clip, &self.ledger, cancel)?;
        check::outs_are_no_inputs(&input.files(), self.output.present())?;
        Ok(input)
    }

    /// The work on the source's frames.
    ///
    /// # Errors
    /// As for [`clip::work`].
    pub fn work(&self, input: &ClipIn, buffers: &Arc<BufferPool>) -> Result<Planned> {
        let facts = input.facts()?;
        let to = (&self.target, self.output.upright());
        clip::work(&self.job.chain, (input.layout(), &facts), to, self.job.pool.threads, buffers)
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
        let fields = self.fields(input)?.map(str::to_owned);
        let losses = input.losses(&self.output)?;
        Ok(notes.chain(made).chain(turned).chain(fields).chain(losses).collect())
    }

    /// What is to be said where the chain brings the two fields of a frame together.
    fn fields(&self, input: &ClipIn) -> Result<Option<&'static str>> {
        let two = matches!(
            input.facts()?.interlacing,
            Interlacing::TopFirst | Interlacing::BottomFirst | Interlacing::Mixed
        );
        let mixed = two && self.job.chain.mixes_fields(input.layout())?;
        Ok(mixed.then_some(
            "the clip is interlaced, and the chain filters both fields as one picture \
             (--input-args '-vf yadif' deinterlaces first)",
        ))
    }

    /// Runs it to its end, and tells what the ffmpegs cost. The source is not needed where each
    /// stage is a process: what the clip is, only the reader is told.
    ///
    /// # Errors
    /// What stopped it; then there is no output.
    pub fn run(
        &self,
        input: Option<&ClipIn>,
        epoch: Epoch,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Ended> {
        let ended = match (self.job.mode, input) {
            (ModeArg::Threads | ModeArg::Inline, Some(input)) => {
                self.in_process(input, epoch, observer, cancel)
            }
            _ => commands::of_clip(self, epoch).and_then(|commands| {
                exec::processes::run(&commands, None, &Care::default(), observer, cancel)
            }),
        };
        self.ledger.tell(observer);
        if ended.is_err() && matches!(self.output.kind(), Kind::Clip | Kind::Animation(_)) {
            // A writer that was killed could not.
            remove_abandoned(&self.job.output);
        }
        ended
    }

    /// All stages in this process. ffmpeg ends with the thread that started it, so both start
    /// here.
    fn in_process(
        &self,
        input: &ClipIn,
        epoch: Epoch,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Ended> {
        let settings = assemble::pool_settings(&self.job.pool, OnError::Continue, epoch);
        // There is one pipe to read.
        let settings = Settings { io_threads: 1, ..settings };
        // Each frame in flight may have three planes on their way back.
        let buffers = Arc::new(BufferPool::new(6 * (settings.threads + settings.capacity)));
        let planned = self.work(input, &buffers)?;
        let settings = input.kept_apart(planned.kept_apart(settings)?)?;
        let (source, facts) = input.open(&buffers, cancel)?;
        let (facts, layout) = (planned.after(facts), *planned.work.score().output());
        let sink = self.output.sink(&facts, layout, &buffers, cancel)?;
        let (mode, work) = (self.job.mode, &planned.work);
        assemble::run(mode, &*source, work, sink, &settings, observer, cancel)
    }
}
