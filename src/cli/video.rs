//! `lumaloom video`: checks, the render, the summary, the exit code.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::Arc;

use lumaloom::error::{Error, Result};
use lumaloom::event::{Event, Observer};
use lumaloom::exec::processes::quoted;
use lumaloom::ffmpeg::option;
use lumaloom::frame::BufferPool;
use lumaloom::observe::{Head, Outcome, Unit};
use lumaloom::stage::{Cancel, Ended, Epoch};

use super::args::{ModeArg, ProgressArg, VideoArgs};
use super::chunks::{self, Chunks};
use super::clip::{ClipIn, Kind, STDIO};
use super::clip_job::ClipJob;
use super::job::word;
use super::render::Render;
use super::signals::Watch as SignalWatch;
use super::watch::{Kept, Watch};
use super::{rehearse, verify};

/// Renders the clip.
///
/// # Errors
/// What stopped it; then there is no output.
pub fn run(args: &VideoArgs, arguments: &[OsString]) -> Result<u8> {
    let cancel = Cancel::default();
    let signals = SignalWatch::at_once(&cancel)?;
    let stop = (&cancel, &signals);
    chunks::check(args)?;
    let mut render = Render::new(ClipJob::new(args)?)?;
    fits(args, &render)?;
    // In process mode stdin is the reader's, who alone can say what comes out of it.
    let passed = args.input.as_os_str() == STDIO && render.job.mode == ModeArg::Processes;
    let dry = args.say.dry_run || args.say.explain;
    let input = if passed && !dry { None } else { Some(render.look(&cancel)?) };
    if args.verify && input.as_ref().is_none_or(|input| input.movie().is_none()) {
        return Err(Error::usage("--verify compares clips; this input is none"));
    }
    // A chain that cannot work on these frames is a mistake in the command, and is said before
    // anything starts.
    let plan = |input: &ClipIn| {
        let planned = render.work(input, &Arc::new(BufferPool::new(1)));
        planned.map_err(|e| Error::usage(e.to_string()))
    };
    let planned = input.as_ref().map(plan).transpose()?;
    let known = input.as_ref().zip(planned.as_ref());
    if let Some((input, planned)) = known {
        render.prove(input, planned, dry, &cancel)?;
    }
    if let (Some(count), Some((input, planned))) = (args.chunking.chunks, known) {
        return Chunks::new(args, &render, (input, planned), count, stop)?.run(arguments);
    }
    if let (Some((input, planned)), true) = (known, dry) {
        return rehearse::run(&render, input, planned, &[]);
    }
    if input.is_none() {
        render.output.check()?;
    }
    let head = Head {
        command: quoted(arguments),
        unit: Unit::Frame,
        mode: word(render.job.mode),
        threads: render.job.pool.threads,
        output: args.output.clone(),
        skipped_by: Default::default(),
        finished_before: 0,
        failed_before: Vec::new(),
    };
    let kept = Kept { report: None, journal: None };
    let epoch = Epoch::start();
    let watch = Watch::start(&args.say, head, kept, epoch, stop)?;
    if let Some((input, planned)) = known {
        for text in render.remarks(input, planned)? {
            watch.observer().on(&Event::Warning { text });
        }
    }
    let items = input.as_ref().and_then(ClipIn::total).unwrap_or(0);
    watch.observer().on(&Event::Planned { items, bytes: 0 });
    if let Some(items) = input.as_ref().and_then(ClipIn::estimate) {
        watch.observer().on(&Event::Estimated { items });
    }
    let ended = render.run(input.as_ref(), epoch, watch.observer(), &cancel);
    if let (Ok(Ended::All), Kind::Clip | Kind::Animation(_), Ok(data)) =
        (&ended, render.output.kind(), args.output.metadata())
    {
        watch.tally.add_written(data.len());
    }
    let tally = watch.tally.clone();
    let code = watch.conclude(&args.say, ended)?;
    let movie = input.as_ref().and_then(ClipIn::movie).zip(planned.as_ref());
    let (Some((movie, planned)), 0, true) = (movie, code, args.verify) else { return Ok(code) };
    let report = tally.report(Outcome::Complete);
    verify::run(
        (movie, planned),
        (&render.output, report.done),
        report.damage(),
        &args.say,
        &cancel,
    )
}

/// Whether the output is one for what else is asked for.
fn fits(args: &VideoArgs, render: &Render) -> Result<()> {
    let kind = render.output.kind();
    let codec = &args.encoding.codec;
    let encoder = codec.codec.is_some() || codec.crf.is_some() || codec.preset.is_some();
    if *kind != Kind::Clip && (encoder || !args.encoding.more.is_empty()) {
        return Err(Error::usage(
            "--codec, --crf, --preset and what stands after -- are for ffmpeg's encoder, and this \
             output has none",
        ));
    }
    let paces = |word: &OsString| {
        option(word).is_some_and(|(name, of)| name == "r" && !of.starts_with(['a', 's']))
    };
    if args.encoding.more.iter().any(paces) {
        return Err(Error::usage(
            "-r after -- would change the rate and no frame; --r RATE drops and repeats frames",
        ));
    }
    match kind {
        Kind::Clip | Kind::Stream | Kind::Null if args.encoding.quality.is_some() => {
            Err(Error::usage("--quality is for pictures; clips have --crf"))
        }
        Kind::Clip => Ok(()),
        _ if args.verify => Err(Error::usage("--verify compares clips; this output is none")),
        Kind::Stream => stdout_is_free(args),
        Kind::Sequence(_) | Kind::Animation(_) | Kind::Null => Ok(()),
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
