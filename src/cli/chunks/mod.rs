//! `video --chunks`: the clip in segments, each a render of its own, joined at the end.
//!
//! A segment is what `--ss` and `--to` would render, by the same stages in the same mode, but with
//! the clip's own times and alone: to a NUT file in `OUT.lumaloom`. So a frame of a segment is
//! computed as in one pass, and only the encoder begins anew at a seam.

mod count;
mod crew;
mod folder;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use lumaloom::error::{Error, Kind, Result};
use lumaloom::event::{Event, Loss, Observer};
use lumaloom::exec::processes::quoted;
use lumaloom::ffmpeg::{Muxer, Segment, Takes, Window, Words, fit, span};
use lumaloom::journal::{Others, Recipe, Run};
use lumaloom::link::{Cancel, Ended};
use lumaloom::observe::{Head, Outcome, Unit};
use lumaloom::sink::Clobber;
use lumaloom::source::sequence;
use lumaloom::stage::{Epoch, Needs, Work};
use xxhash_rust::xxh3::xxh3_64;

use super::args::VideoArgs;
use super::clip::{ClipIn, ClipOut, Kind as Output, Movie, Pieces, Planned, STDIO, Seam};
use super::clip_job::ClipJob;
use super::job::{Pool, word};
use super::render::Render;
use super::signals::Watch as SignalWatch;
use super::watch::{Kept, Watch};
use super::{rehearse, verify};
use count::Counted;
use crew::side_by_side;
use folder::{Earlier, Folder};

/// Refuses what cannot be rendered in segments, as far as the options tell.
///
/// # Errors
/// `Usage`, with the reason.
pub fn check(args: &VideoArgs) -> Result<()> {
    let Some(count) = args.chunking.chunks else {
        let option = match (args.chunking.resume, args.chunking.workers) {
            (true, _) => "--resume goes on with the first segment that is not finished",
            (_, Some(_)) => "--workers is how many segments are rendered side by side",
            _ => return Ok(()),
        };
        return Err(Error::usage(format!("{option}; there are segments with --chunks N alone")));
    };
    let why = match args {
        _ if args.input.as_os_str() == STDIO => "raw frames on stdin can be read once, in order",
        VideoArgs { clip, .. } if clip.r.is_some() => {
            "--r drops and repeats frames by those before them, which another segment has"
        }
        _ => return Ok(()),
    };
    Err(Error::usage(format!("--chunks {count}: {why}")))
}

/// A render in segments with everything decided.
pub struct Chunks<'a> {
    args: &'a VideoArgs,
    render: &'a Render,
    input: &'a ClipIn,
    movie: &'a Movie,
    planned: &'a Planned,
    cancel: &'a Cancel,
    signals: &'a SignalWatch,
    count: NonZeroUsize,
    workers: usize,
    segments: Vec<Segment>,
    seam: Seam,
    codec: String,
    words: Words,
}

impl<'a> Chunks<'a> {
    /// Cuts the clip.
    ///
    /// # Errors
    /// `Usage`: an input, an output or a chain that segments cannot be made of.
    pub fn new(
        args: &'a VideoArgs,
        render: &'a Render,
        (input, planned): (&'a ClipIn, &'a Planned),
        count: NonZeroUsize,
        (cancel, signals): (&'a Cancel, &'a SignalWatch),
    ) -> Result<Self> {
        let refused = |why: &str| Err(Error::usage(format!("--chunks {count}: {why}")));
        let (Some(movie), Output::Clip) = (input.movie(), render.output.kind()) else {
            return refused(
                "segments are parts of a clip that becomes a clip, and of nothing else",
            );
        };
        if planned.work.needs().iter().any(|step| *step != Needs::NOTHING) {
            return refused(
                "the chain looks at other frames than the one at hand, which another segment has",
            );
        }
        if movie.is_filtered() {
            return refused("a filter in --input-args may look at frames that another segment has");
        }
        if let Some(word) = movie.retimed() {
            return refused(&format!(
                "{word} in --input-args moves frames away from the key frames"
            ));
        }
        let after = &args.encoding.more;
        let muxer = Muxer::of(movie.programs(), render.output.path(), after, cancel)?;
        let segments = movie.segments(count.get(), cancel)?;
        let starts = !args.say.dry_run && !args.say.explain;
        let interlacing = starts.then(|| movie.interlacing(cancel)).transpose()?;
        let seam = Seam { moved: movie.moved()?, interlacing };
        let codec = args.encoding.codec.codec.clone().unwrap_or_else(|| muxer.encoder.clone());
        let alpha = planned.work.score().output().model().has_alpha();
        let alpha = render.output.takes().map_or(alpha, Takes::has_alpha);
        if alpha && codec.starts_with("libvpx") {
            return refused(&format!(
                "segments have no place for transparency, which {codec} writes beside its frames \
                 (--pix-fmt yuv420p drops it)"
            ));
        }
        // More workers than segments or threads would share out nothing.
        let most = segments.len().min(render.job.pool.threads);
        let workers = args.chunking.workers.map_or(1, NonZeroUsize::get).clamp(1, most.max(1));
        let words = muxer.sort(after);
        let words = Words { encoder: movie.told(&codec, words.encoder)?, ..words };
        Ok(Self {
            args,
            render,
            input,
            movie,
            planned,
            cancel,
            signals,
            count,
            workers,
            segments,
            seam,
            codec,
            words,
        })
    }

    /// Renders it, or says how it would.
    ///
    /// # Errors
    /// What stopped it. Then there is no output, and finished segments stay.
    pub fn run(&self, arguments: &[OsString]) -> Result<u8> {
        if self.args.say.dry_run || self.args.say.explain {
            return rehearse::run(self.render, self.input, self.planned, &self.listed()?);
        }
        let folder = self.open()?;
        let head = Head {
            command: quoted(arguments),
            unit: Unit::Frame,
            mode: word(self.render.job.mode),
            threads: self.render.job.pool.threads,
            output: self.args.output.clone(),
            skipped_by: Default::default(),
            finished_before: folder.frames(),
            failed_before: Vec::new(),
        };
        let epoch = Epoch::start();
        let watch = Watch::start(
            &self.args.say,
            head,
            Kept::default(),
            epoch,
            (self.cancel, self.signals),
        )?;
        let observer = watch.observer();
        for text in self.remarks(&folder)? {
            observer.on(&Event::Warning { text });
        }
        let due = self.missing(&folder).iter().map(|at| self.segments[*at].frames).sum();
        observer.on(&Event::Planned { items: due, bytes: 0 });
        let ended = self.all(&folder, epoch, observer);
        let ended = ended.and_then(|()| self.join(&folder));
        // The joiner's.
        self.render.helpers.ledger().tell(observer);
        if let (Ok(()), Some(text)) = (&ended, self.doubled(folder.frames())) {
            observer.on(&Event::Warning { text });
        }
        if let (Ok(()), Ok(data)) = (&ended, self.args.output.metadata()) {
            watch.tally.add_written(data.len());
        }
        // What is of no use to a later run is in its way.
        let useless = ended.is_ok() || folder.finished().is_empty();
        let tidied = if useless { folder.remove() } else { Ok(()) };
        let ended = ended.and(tidied).map(|()| Ended::All);
        let tally = watch.tally.clone();
        let code = watch.conclude(&self.args.say, ended)?;
        if code != 0 || !self.args.verify {
            return Ok(code);
        }
        let source = (self.movie, self.planned);
        let result = (&self.render.output, folder.frames());
        let report = tally.report(Outcome::Complete);
        let damage = report.damage().or_else(|| self.damaged(&folder));
        verify::run(source, result, damage, &self.args.say, self.cancel)
    }

    /// The folder of segments, owned, with those that an earlier run finished.
    fn open(&self) -> Result<Folder> {
        let earlier = match (self.args.chunking.resume, self.args.overwrite) {
            (false, false) => Earlier::Refuse,
            (true, false) => Earlier::Resume,
            (true, true) => Earlier::ResumeOrRemove,
            (false, true) => Earlier::Remove,
        };
        let output = &self.render.output;
        let pixels = self.input.layout().size().pixels();
        let (run, count) = (self.recipe()?, self.segments.len());
        Folder::open(output.path(), run, (count, pixels), earlier, &|| output.free())
    }

    /// What the journal knows the run by: all that a segment's frames and their coding depend on.
    fn recipe(&self) -> Result<Run> {
        let item = sequence::item(self.movie.path().to_owned(), 1)?;
        let whole = self.part(Window::default(), PathBuf::new());
        let windows: Vec<&Window> = self.segments.iter().map(|segment| &segment.window).collect();
        let chain = self.render.job.chain.to_string();
        let text = format!(
            "{}\0{}\0{chain}\0{:?}\0{:?}\0{:?}\0{:?}\0{:?}\0{windows:?}\0{:?}",
            env!("CARGO_PKG_VERSION"),
            self.movie.programs().version(),
            (item.size, item.mtime_ns),
            whole.clip.arguments(),
            whole.encoding.arguments(),
            whole.encoding.more,
            self.render.output.upright(),
            self.seam,
        );
        Ok(Run {
            recipe: Recipe { hash: xxh3_64(text.as_bytes()), chain },
            base: item.input,
            others: if self.args.overwrite { Others::MayGo } else { Others::Stay },
        })
    }

    /// A segment as a render of its own. Its pool is a part of the whole one's.
    fn part(&self, window: Window, output: PathBuf) -> ClipJob {
        let mut job = self.render.job.clone();
        (job.clip.ss, job.clip.to, job.clip.t) = (window.from, window.until, None);
        (job.output, job.clobber) = (output, Clobber::Replace);
        job.encoding.codec.codec = Some(self.codec.clone());
        job.encoding.more = self.words.encoder.clone();
        let Pool { threads, mem, .. } = job.pool;
        job.pool.threads = (threads / self.workers).max(1);
        job.pool.mem = mem.part(self.workers);
        job
    }

    fn missing(&self, folder: &Folder) -> Vec<usize> {
        let finished = folder.finished();
        (0..self.segments.len()).filter(|at| !finished.contains(at)).collect()
    }

    /// Renders what is missing, on as many threads as there are workers. Each lives until its last
    /// segment is done, since what it starts ends with it.
    fn all(&self, folder: &Folder, epoch: Epoch, observer: &dyn Observer) -> Result<()> {
        let missing = self.missing(folder);
        side_by_side(&missing, self.workers, self.cancel, |at| {
            self.one(at, folder, epoch, observer)
        })
    }

    /// Renders a segment.
    fn one(&self, at: usize, folder: &Folder, epoch: Epoch, observer: &dyn Observer) -> Result<()> {
        let segment = &self.segments[at];
        let render = self.rendering(self.part(segment.window, folder.file(at)))?;
        let programs = render.helpers.programs()?.clone();
        let input = ClipIn::Movie(Box::new(self.movie.part(segment.window, programs)));
        let before = self.segments[..at].iter().map(|segment| segment.frames).sum();
        let counted = Counted::new(observer, before);
        let ended = render.run(Some(&input), epoch, &counted, self.cancel);
        let whole = ended.map_err(|e| match e.kind() {
            Kind::Interrupted => e,
            // The encoder's: the other segments say the same.
            Kind::Usage if counted.has_begun() => e,
            // What else is wrong with the command was said before; this comes from the clip.
            Kind::Usage => Error::input(format!(
                "{}: {e}; the container says otherwise, which --chunks relies on",
                self.named(at)
            )),
            _ => e.within(self.named(at)),
        })?;
        match whole {
            Ended::All => {
                if let Some(other) = folder.finished().first() {
                    fit([&folder.file(at), &folder.file(*other)], [at + 1, other + 1])?;
                }
                let damage = counted.is_damaged().then_some(Loss::Damage);
                folder.add(at, counted.pixels(), damage.into_iter().collect())
            }
            Ended::Stopped => Err(self.cancel.error()),
        }
    }

    fn rendering(&self, job: ClipJob) -> Result<Render> {
        let Render { output, target, encoder, helpers, .. } = self.render;
        // Costs of its own: others render beside it.
        let helpers = helpers.apart();
        let threads = job.clip.ffmpeg_threads.map(usize::from);
        let file = ClipOut::new(&job.output, job.clobber, &job.encoding, threads, &helpers)?;
        let takes = output.takes().cloned();
        let output = file.segment(self.seam, output.upright()).taking(takes);
        let (target, encoder) = (target.clone(), encoder.clone());
        Ok(Render { job, output, target, helpers, encoder })
    }

    fn join(&self, folder: &Folder) -> Result<()> {
        let files: Vec<PathBuf> = (0..self.segments.len()).map(|at| folder.file(at)).collect();
        let pieces = Pieces { files: &files, seam: self.seam };
        let output = self.render.output.with_words(self.words.muxer.clone());
        self.movie.join(&output, self.planned, &pieces, self.cancel)
    }

    /// What is to be said once, before the first frame.
    fn remarks(&self, folder: &Folder) -> Result<Vec<String>> {
        let mut remarks = self.render.remarks(self.input, self.planned)?;
        remarks.extend(folder.warning());
        remarks.extend(self.damaged(folder));
        remarks.extend(self.fewer());
        let (asked, got) = (self.args.chunking.workers.map_or(1, NonZeroUsize::get), self.workers);
        remarks.extend(
            (asked > got).then(|| {
                format!("--workers {asked}: there are segments and threads (-j) for {got}")
            }),
        );
        Ok(remarks)
    }

    /// What is to be said where segments have frames that the clip has not: some containers make
    /// times up, and not the same from every key frame on.
    fn doubled(&self, frames: u64) -> Option<String> {
        let counted = self.movie.total().filter(|counted| frames > *counted)?;
        Some(format!(
            "the segments have {frames} frames, and the container counts {counted}: some may be there \
             twice (--verify looks, one pass has none twice)"
        ))
    }

    /// What an earlier run found wrong with the clip.
    fn damaged(&self, folder: &Folder) -> Option<String> {
        let segments: Vec<String> = folder.damaged().iter().map(|at| self.named(*at)).collect();
        (!segments.is_empty()).then(|| {
            format!("the decoder of an earlier run reported errors in {}", segments.join(", "))
        })
    }

    fn fewer(&self) -> Option<String> {
        let (asked, got) = (self.count, self.segments.len());
        (got < asked.get()).then(|| {
            format!(
                "--chunks {asked}: the clip has key frames for {got}, and is cut at those alone"
            )
        })
    }

    /// `segment 2 of 4 (1.000 s to 2.000 s)`
    fn named(&self, at: usize) -> String {
        let count = self.segments.len();
        format!("segment {} of {count} ({})", at + 1, span(&self.segments[at].window))
    }

    /// The lines about segments of a dry run.
    fn listed(&self) -> Result<Vec<String>> {
        let folder = folder::beside(&self.args.output);
        let files: Vec<PathBuf> =
            (0..self.segments.len()).map(|at| folder::file(&folder, at)).collect();
        let frames = |at: usize| self.segments[at].frames;
        let mut lines: Vec<String> = self.fewer().into_iter().collect();
        let each = (0..files.len()).map(|at| format!("{}: {} frames", self.named(at), frames(at)));
        lines.extend(each);
        let pieces = Pieces { files: &files, seam: self.seam };
        let output = self.render.output.with_words(self.words.muxer.clone());
        let words = self.movie.join_words(&output, self.planned, &pieces)?;
        lines.push(format!("joiner   {}", quoted(&words)));
        Ok(lines)
    }
}
