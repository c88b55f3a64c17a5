//! A clip job with everything decided, and the one way to run it: for `video` and for `bench`.

use std::sync::Arc;
use std::thread::Builder;

use lumaloom::codec::y4m::Interlacing;
use lumaloom::error::{Error, Result, shown};
use lumaloom::event::Observer;
use lumaloom::exec::processes::{Care, StageCommands};
use lumaloom::exec::{self, OnError, Settings};
use lumaloom::frame::BufferPool;
use lumaloom::sink::{check, part_path, remove_abandoned};
use lumaloom::stage::{Cancel, Ended, Epoch};

use super::args::ModeArg;
use super::clip::{self, ClipIn, ClipOut, Helpers, Kind, Planned, STDIO, Target};
use super::clip_job::ClipJob;
use super::{assemble, commands};

/// A render with everything decided that does not depend on its source.
pub struct Render {
    /// What was asked for.
    pub job: ClipJob,
    /// Where it goes.
    pub output: ClipOut,
    /// What frames become.
    pub target: Target,
    /// Its ffmpegs, and what they cost, those that only ask about the clip included.
    pub helpers: Helpers,
    /// What is to be said of the encoder, once it was tried.
    pub encoder: Vec<String>,
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
        let (helpers, threads) = (Helpers::default(), job.clip.ffmpeg_threads.map(usize::from));
        let output = ClipOut::new(to, job.clobber, &job.encoding, threads, &helpers)?;
        output.free()?;
        let target = output.target(&job.clip)?;
        Ok(Self { job, output, target, helpers, encoder: Vec::new() })
    }

    /// Looks at the source.
    ///
    /// # Errors
    /// As for [`ClipIn::new`]; a picture that would be written over itself.
    pub fn look(&self, cancel: &Cancel) -> Result<ClipIn> {
        let input = ClipIn::new(&self.job.input, &self.job.clip, &self.helpers, cancel)?;
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

    /// Tries the encoder, if there is one, with frames like those that it will get, and meanwhile,
    /// unless this is a rehearsal, whether the output takes what the source has beside them.
    ///
    /// # Errors
    /// As for [`ClipIn::check`] and [`ClipOut::tried`].
    pub fn prove(
        &mut self,
        input: &ClipIn,
        planned: &Planned,
        rehearsal: bool,
        cancel: &Cancel,
    ) -> Result<()> {
        let output = &self.output;
        let (facts, layout) = (planned.after(input.facts()?), *planned.work.score().output());
        let check = || if rehearsal { Ok(()) } else { input.check(output, cancel) };
        // Each starts an ffmpeg or two, a tenth of a second that a small clip would notice.
        let tried = std::thread::scope(|scope| {
            let check = Builder::new().name("check".into()).spawn_scoped(scope, check);
            let check =
                check.map_err(|e| Error::system(format!("failed to start a thread: {e}")))?;
            let tried = output.tried(&facts, layout, cancel);
            check.join().map_err(|_| Error::internal("a check panicked"))??;
            tried
        })?;
        self.encoder = tried.remarks;
        self.output = self.output.clone().taking(tried.takes);
        Ok(())
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
        let shape = self.shape(input, planned)?;
        let losses = input.losses(&self.output)?;
        let encoder = self.encoder.iter().cloned();
        Ok(notes
            .chain(made)
            .chain(turned)
            .chain(fields)
            .chain(shape)
            .chain(losses)
            .chain(encoder)
            .collect())
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

    /// What is to be said where pictures are shown in another shape than the frames were.
    fn shape(&self, input: &ClipIn, planned: &Planned) -> Result<Option<String>> {
        let pictures = matches!(self.output.kind(), Kind::Sequence(_) | Kind::Animation(_));
        let aspect = planned.after(input.facts()?).aspect.filter(|(w, h)| pictures && w != h);
        let size = planned.work.score().output().size();
        let wide = |(w, h)| (f64::from(size.width) * f64::from(w) / f64::from(h)).round();
        let aspect = aspect.filter(|aspect| wide(*aspect) != f64::from(size.width));
        Ok(aspect.map(|(w, h)| {
            let wide = wide((w, h));
            format!(
                "pixels are {w}:{h} and pictures have square ones: resize={wide}:{} at the end of the \
                 chain keeps the shape",
                size.height
            )
        }))
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
            _ => self.commands(epoch).and_then(|commands| {
                exec::processes::run(&commands, None, &Care::default(), observer, cancel)
            }),
        };
        self.helpers.ledger().tell(observer);
        if ended.is_err() && matches!(self.output.kind(), Kind::Clip | Kind::Animation(_)) {
            // A writer that was killed could not.
            remove_abandoned(&self.job.output);
        }
        ended
    }

    /// The command lines of its stages.
    fn commands(&self, epoch: Epoch) -> Result<StageCommands> {
        commands::of_clip(&self.job, &self.output, &self.target, epoch)
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Parser;

    use super::super::args::{Cli, Command, ReadJob, StageCommand, WriteJob};
    use super::*;

    #[test]
    fn a_render_survives_the_way_through_command_lines() {
        let line = "lumaloom video -odd.mp4 -o out.mkv -f negate --ss 1.5 --t 2 --r 30000/1001 \
            --pix-fmt yuv444p --codec libx264 --crf 18 --an -y -j 3 --ffmpeg-threads 2 -- -tune x";
        let line = line.replace("-odd.mp4", "./-odd.mp4");
        let Command::Video(args) = Cli::try_parse_from(line.split_whitespace()).unwrap().command
        else {
            panic!("video")
        };
        let render = Render::new(ClipJob::new(&args).unwrap()).unwrap();
        let commands = render.commands(Epoch::start()).unwrap();
        let parse = |words: &[OsString]| match Cli::try_parse_from(words).unwrap().command {
            Command::Stage(args) => args.stage,
            other => panic!("{other:?}"),
        };
        let StageCommand::Read(read) = parse(&commands.read) else { panic!("read") };
        let ReadJob::Video(read) = read.job else { panic!("of a clip") };
        assert_eq!((read.input, read.clip.arguments()), (args.input, args.clip.arguments()));
        let StageCommand::Work(work) = parse(&commands.work) else { panic!("work") };
        assert_eq!(work.pixels.chain.filter.as_deref(), Some("negate"));
        assert!(work.upright && work.pix_fmt == args.clip.pix_fmt);
        let StageCommand::Write(write) = parse(&commands.write) else { panic!("write") };
        let WriteJob::Video(write) = write.job else { panic!("to a clip") };
        assert_eq!(write.encoding.arguments(), args.encoding.arguments());
        assert_eq!((&write.encoding.more, write.output), (&args.encoding.more, args.output));
        assert!(write.overwrite && write.ffmpeg_threads == args.clip.ffmpeg_threads);
    }
}
