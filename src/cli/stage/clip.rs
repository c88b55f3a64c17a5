//! The stages of a clip job that run an ffmpeg.

use std::ffi::OsString;
use std::sync::Arc;

use lumaloom::error::{Error, Result};
use lumaloom::event::StageName;
use lumaloom::exec::{self, Settings};
use lumaloom::frame::{BufferPool, Layout};
use lumaloom::link::Cancel;
use lumaloom::link::pipe::{self, Checksum, Header};
use lumaloom::sink::Clobber;
use lumaloom::source::Facts;
use lumaloom::stage::{Reading, run_sink, run_source};
use serde_json::Value;

use super::super::args::{StageReadClipArgs, StageWriteClipArgs};
use super::super::assemble;
use super::super::clip::{ClipIn, ClipOut, Helpers, Seam, Upright};
use super::{Ear, News, at_signals, of_job, receive, stage_settings, stdin, stdout};

/// What a stream of this job says it is.
pub const JOB: &str = "video";

/// Decodes a clip.
pub fn read(args: &StageReadClipArgs, arguments: &[OsString]) -> Result<u8> {
    let output = stdout()?;
    let settings = stage_settings(&args.events, assemble::memory(args.memory.mem));
    let ear = Ear::new(StageName::Read, &args.events, arguments, Default::default())?;
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Read, &cancel)?;
    let helpers = Helpers::default();
    // Whatever goes wrong from here on a parent is told.
    let ended = ear.run(&settings, &cancel, |context| {
        let input = ClipIn::new(&args.input, &args.clip, &helpers, &cancel)?;
        // ffmpeg ends with the thread that starts it, so it is started here.
        let buffers = Arc::new(BufferPool::new(6));
        let (source, facts) = input.open(&buffers, &cancel)?;
        let header = Header {
            strict: true,
            total: source.total(),
            layout: Some(input.layout()),
            facts: Some(said(&facts)?),
            ..Header::new(JOB)
        };
        // Of a clip a parent has said so itself; stdin is the reader's alone.
        let news = if input.is_stream() { News::Parent } else { News::Person };
        ear.notes(&input.notes(), news);
        let tx = pipe::writer(output, &header, Checksum::Heads)?.with_cancel(&cancel);
        let settings = input.kept_apart(settings.clone())?;
        let ahead = exec::budget_of(StageName::Read, &settings, &cancel);
        let reading = Reading { io_threads: 1, budget: &ahead };
        run_source(&*source, tx, &reading, context)
    });
    ear.costs(helpers.ledger());
    ear.finish(ended)
}

/// Encodes a clip.
pub fn write(args: &StageWriteClipArgs, arguments: &[OsString]) -> Result<u8> {
    let input = stdin()?;
    let settings = stage_settings(&args.events, Settings::default());
    let ear = Ear::new(StageName::Write, &args.events, arguments, Default::default())?;
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Write, &cancel)?;
    let threads = args.ffmpeg_threads.map(usize::from);
    let clobber = if args.overwrite { Clobber::Replace } else { Clobber::Never };
    let helpers = Helpers::default();
    let out = ClipOut::new(&args.output, clobber, &args.encoding, threads, &helpers)?;
    let mut out = out.taking(args.takes.clone());
    if let Some(moved) = args.segment {
        // How frames stand was for the work to know.
        let interlacing = args.interlacing;
        out = out.segment(Seam { moved, interlacing }, Upright::Always);
    }
    let ended = ear.run(&settings, &cancel, |context| {
        let (header, rx) = receive(input, &settings, context)?;
        of_job(&header, JOB)?;
        let (facts, layout) = told(&header)?;
        let buffers = Arc::new(BufferPool::new(1));
        let sink = out.sink(&facts, layout, &buffers, &cancel)?;
        run_sink(sink, rx, context)
    });
    ear.costs(helpers.ledger());
    ear.finish(ended)
}

/// The facts as they cross.
pub fn said(facts: &Facts) -> Result<Value> {
    serde_json::to_value(facts)
        .map_err(|e| Error::internal(format!("the facts of a clip are no JSON: {e}")))
}

/// What a stream says of its clip: the facts, and what its frames are.
///
/// # Errors
/// `Usage`: it says nothing or something else; another version of the program wrote it.
pub fn told(header: &Header) -> Result<(Facts, Layout)> {
    let wrong = |what: String| {
        let version = &header.version;
        Error::usage(format!("the stream of lumaloom {version} does not describe its clip: {what}"))
    };
    let facts = header.facts.clone().unwrap_or_default();
    let facts = serde_json::from_value(facts).map_err(|e| wrong(e.to_string()))?;
    let layout = header.layout.ok_or_else(|| wrong("no layout".into()))?;
    // What was only parsed was never checked.
    let layout = Layout::new(layout.size(), layout.model(), layout.depth())?;
    Ok((facts, layout))
}
