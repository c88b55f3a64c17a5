//! A clip as what is measured: decoded, filtered, and encoded only if that is wished.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumaloom::error::{Error, Result, shown};
use lumaloom::exec::processes::quoted;
use lumaloom::ffmpeg::Takes;
use lumaloom::frame::BufferPool;
use lumaloom::observe::{Tally, Unit};
use lumaloom::sink::Clobber;
use lumaloom::stage::{Cancel, Epoch};
use tempfile::TempDir;

use super::super::args::{BenchArgs, ChainArgs, EncodingArgs, ModeArg, PixelArgs, WalkArgs};
use super::super::clip::{ClipIn, Helpers, Kind, NULL, is_no_picture};
use super::super::clip_job::ClipJob;
use super::super::job::{Pool, Recipe};
use super::super::render::Render;
use super::{Prepared, Subject, Way, room_in};

/// One clip, and what is done to it.
pub struct ClipSubject {
    /// With the output as it was asked for, or none.
    job: ClipJob,
    /// Beside which outputs are written; without it there is none.
    out: Option<PathBuf>,
    /// What its encoder is known to take.
    takes: Option<Takes>,
    notes: Vec<String>,
}

impl ClipSubject {
    /// The clip of this name.
    ///
    /// # Errors
    /// `Usage`: it is not there; a chain that cannot work on it, an output that cannot hold it,
    /// options that pictures alone have. `Input`: it is no clip.
    pub fn new(input: &Path, args: &BenchArgs, cancel: &Cancel) -> Result<Self> {
        let chain = args.pixels.chain.chain()?;
        let quality = args.pixels.quality;
        let encoding =
            EncodingArgs { codec: args.codec.clone(), quality, ..EncodingArgs::default() };
        let output = args.output.clone().unwrap_or_else(|| NULL.into());
        let job = ClipJob {
            input: input.to_owned(),
            output: output.clone(),
            chain,
            clip: args.clip.clone(),
            encoding,
            // What is there stays: outputs are written beside it.
            clobber: Clobber::Replace,
            mode: ModeArg::Threads,
            pool: Pool { threads: 1, asked: 1, split: args.measure.split, mem: args.memory.mem },
        };
        let mut render = Render::new(job.clone())?;
        refuse(args, &render)?;
        let input = render.look(cancel)?;
        let planned = render.work(&input, &Arc::new(BufferPool::new(1)));
        let planned = planned.map_err(|e| Error::usage(e.to_string()))?;
        render.prove(&input, &planned, false, cancel)?;
        let notes = render.remarks(&input, &planned)?;
        let out = (*render.output.kind() != Kind::Null).then_some(output);
        let takes = render.output.takes().cloned();
        Ok(Self { job, out, takes, notes })
    }

    /// The job of one way of running it. ffmpeg has as many threads as the pool, unless it was
    /// told otherwise: what is measured is a count of cores for all of it.
    fn job(&self, way: &Way, output: &Path) -> ClipJob {
        let mut job = ClipJob {
            output: output.to_owned(),
            mode: way.mode,
            pool: way.pool,
            clobber: Clobber::Never,
            ..self.job.clone()
        };
        let threads = way.pool.threads.try_into().ok();
        job.clip.ffmpeg_threads = job.clip.ffmpeg_threads.or(threads);
        job
    }
}

impl Subject for ClipSubject {
    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn chain(&self) -> String {
        self.job.chain.to_string()
    }

    fn inputs(&self) -> u64 {
        1
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn command(&self, way: &Way) -> String {
        quoted(&self.job(way, &self.job.output).words())
    }

    fn prepare<'a>(&'a self, way: &Way, cancel: &'a Cancel) -> Result<Box<dyn Prepared + 'a>> {
        let (room, output) = match &self.out {
            None => (None, self.job.output.clone()),
            Some(out) => {
                let room = room_in(folder_of(out))?;
                let output = room.path().join(out.file_name().unwrap_or_default());
                (Some(room), output)
            }
        };
        let mut render = Render::new(self.job(way, &output))?;
        render.output = render.output.taking(self.takes.clone());
        let input = match way.mode {
            // The reader is the one who looks.
            ModeArg::Processes => None,
            ModeArg::Threads | ModeArg::Inline => Some(render.look(cancel)?),
        };
        // Looking was not measured, so its cost is not either.
        render.helpers.ledger().take();
        Ok(Box::new(Run { render, input, _room: room, cancel }))
    }
}

struct Run<'a> {
    render: Render,
    input: Option<ClipIn>,
    _room: Option<TempDir>,
    cancel: &'a Cancel,
}

impl Prepared for Run<'_> {
    fn go(&self, tally: &Tally) -> Result<()> {
        self.render.run(self.input.as_ref(), Epoch::start(), tally, self.cancel).map(drop)
    }
}

/// Refuses options that mean nothing here, rather than to leave them aside in silence.
fn refuse(args: &BenchArgs, render: &Render) -> Result<()> {
    let output = &render.job.output;
    let (kind, output_is_folder) = (render.output.kind(), output.is_dir());
    if *kind == Kind::Stream {
        return Err(Error::usage("-o -: stdout is the table's; -o FILE encodes"));
    }
    if output_is_folder {
        let output = shown(output);
        return Err(Error::usage(format!("{output} is a folder; of a clip -o is a file")));
    }
    let files = matches!(kind, Kind::Sequence(_) | Kind::Animation(_));
    let coding = PixelArgs {
        chain: ChainArgs { filter: None },
        quality: args.pixels.quality.filter(|_| !files),
        ..args.pixels.clone()
    };
    let coding = Recipe::new(&coding)?.arguments();
    let coding = coding.first().map(|option| option.to_string_lossy().into_owned());
    let reading = args.reading.io_threads.map(|_| "--io-threads".to_owned());
    let Some(option) = coding.or(walked(&args.walk)).or(reading) else { return Ok(()) };
    Err(Error::usage(format!("{option} is for pictures; {} is a clip", shown(&render.job.input))))
}

/// The first option that chooses among files, if there is one.
fn walked(walk: &WalkArgs) -> Option<String> {
    let WalkArgs { base, include, exclude, shard } = walk;
    let given = [
        ("--base", base.is_some()),
        ("--include", !include.is_empty()),
        ("--exclude", !exclude.is_empty()),
        ("--shard", shard.is_some()),
    ];
    given.into_iter().find(|(_, given)| *given).map(|(option, _)| option.to_owned())
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Refuses a clip among several inputs: its frames and pictures are counted in different ways.
///
/// # Errors
/// `Usage`, naming it.
pub fn refuse_among(inputs: &[PathBuf], args: &BenchArgs, cancel: &Cancel) -> Result<()> {
    let helpers = Helpers::default();
    // What is no clip either is left to whoever reads pictures.
    let is_clip = |input: &&PathBuf| {
        is_no_picture(input) && ClipIn::new(input, &args.clip, &helpers, cancel).is_ok()
    };
    inputs.iter().find(is_clip).map_or(Ok(()), |input| {
        Err(Error::usage(format!("{} is a clip; a clip is measured alone", shown(input))))
    })
}
