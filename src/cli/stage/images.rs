//! The stages of a folder job that touch files.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use lumaloom::error::{Error, Result, Stop};
use lumaloom::event::{Event, StageName};
use lumaloom::exec::{self, Settings};
use lumaloom::journal::{Guard, Journal, Recipe as JournalRecipe, Run};
use lumaloom::link::pipe::{self, Checksum, Header};
use lumaloom::link::{Cancel, Rx};
use lumaloom::observe::Checkpoint;
use lumaloom::observe::checkpoint::INTERVAL;
use lumaloom::sink::{FileSink, FolderSink, Writing, owner};
use lumaloom::source::folder::FolderSource;
use lumaloom::source::manifest::Manifest;
use lumaloom::stage::{Context, Ended, Reading, Source, run_sink, run_source};

use super::super::args::{StageReadArgs, StageWriteArgs};
use super::super::assemble;
use super::super::job::{Earlier, Out, WritingPlan};
use super::{Ear, at_signals, descriptor, of_job, receive, stage_settings, stdin, stdout};

/// What a stream of this job says it is.
pub const JOB: &str = "images";

/// Reads files.
pub fn read(args: &StageReadArgs, arguments: &[OsString]) -> Result<u8> {
    let output = stdout()?;
    let (items, skipped) = match &args.manifest {
        Some(path) => (Manifest::load(path)?.items, Default::default()),
        None => {
            let inputs = assemble::inputs(&args.inputs, &args.walk, None)?;
            (inputs.items, inputs.skipped)
        }
    };
    let settings = Settings {
        io_threads: args.reading.io_threads(),
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

/// Writes files.
pub fn write(args: &StageWriteArgs, arguments: &[OsString]) -> Result<u8> {
    let input = stdin()?;
    let plan = WritingPlan::new(&args.writing, None)?;
    let writing = plan.writing(if args.resume { Earlier::Resume } else { Earlier::Ignore });
    let settings = stage_settings(&args.events, Settings::default());
    let ear = Ear::new(StageName::Write, &args.events, arguments, Default::default())?;
    let cancel = Cancel::default();
    let _signals = at_signals(StageName::Write, &cancel)?;
    let ended = ear.run(&settings, &cancel, |context| {
        let (header, rx) = receive(input, &settings, context)?;
        of_job(&header, JOB)?;
        match Out::of(&args.output) {
            Out::File(path) => run_sink(Box::new(FileSink::new(path, writing)?), rx, context),
            Out::Folder(path) => write_folder(args, &path, plan, writing, rx, context),
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
