//! `lumaloom images`: checks in the contract's order, the run, the summary, the exit code.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumaloom::error::{Error, Result, shown};
use lumaloom::event::{Event, Observer};
use lumaloom::exec::{
    self,
    processes::{Care, quoted},
};
use lumaloom::journal::{
    self, FailedBefore, Found, Guard, Journal, Others, Past, Remaining, Run, mtime_ns,
};
use lumaloom::link::Item;
use lumaloom::observe::{Failure, Head, Unit};
use lumaloom::sink::check::{self, Outputs};
use lumaloom::sink::owner::{self, Owner};
use lumaloom::sink::{self, Clobber, FileSink, FolderSink};
use lumaloom::source::Inputs;
use lumaloom::source::folder::FolderSource;
use lumaloom::source::manifest::Manifest;
use lumaloom::stage::{Cancel, Ended, Epoch, Sink};

use super::args::{ImagesArgs, ModeArg, SayArgs};
use super::commands::{self, Lists};
use super::job::{Earlier, Job, Out, word};
use super::report::last_report;
use super::signals::Watch as SignalWatch;
use super::watch::{Kept, Watch};
use super::{assemble, dry_run, say};

/// Runs the job.
///
/// # Errors
/// What stopped it. Failures of single inputs are no error but exit code 1.
pub fn run(args: &ImagesArgs, arguments: &[OsString]) -> Result<u8> {
    let job = Job::new(args)?;
    check::out_is_no_input(&job.inputs, job.out.path())?;
    let inputs = assemble::inputs(&job.inputs, &job.walk, Some(job.out.path()))?;
    let outputs = outputs(&job, &inputs.items)?;
    check::folder_can_be_made(&outputs.folder)?;
    for (option, file) in [("--report", &args.say.report), ("--trace", &args.say.trace)] {
        file.as_ref().map_or(Ok(()), |file| check::file_can_be_made(option, file))?;
    }
    if args.say.dry_run || args.say.explain {
        let looked = Begun::looked(&job, &inputs, &outputs);
        let all = Remaining { todo: inputs.items.clone(), ..Remaining::default() };
        let left = looked.as_ref().map_or(&all, |begun| &begun.left);
        let would_fail = dry_run::run(&job, &inputs, left, &outputs, &args.say);
        // As the run would end.
        return looked.map(|_| u8::from(would_fail > 0));
    }
    refuse_existing(&job, &outputs)?;
    if let Some(why) = inputs.why_empty() {
        say::line(&match job.walk.shard {
            Some(shard) => format!("nothing to do: no input falls into shard {shard}"),
            None => why,
        });
    }
    let begun = Begun::new(&job, &inputs, &outputs)?;
    let head = begun.head(&job, &inputs, arguments);
    execute(&job, begun, head, &args.say)
}

fn outputs(job: &Job, items: &[Item]) -> Result<Outputs> {
    match &job.out {
        Out::File(path) => check::file(items, path),
        Out::Folder(path) => {
            let format = job.recipe.encode.format.map(|format| format.extension());
            check::folder(items, path, &job.writing.name, format)
        }
    }
}

fn refuse_existing(job: &Job, outputs: &Outputs) -> Result<()> {
    match (job.earlier, job.writing.clobber) {
        (Earlier::Ignore, Clobber::Never) => outputs.refuse_existing(job.out.path()),
        _ => Ok(()),
    }
}

/// A run that may start: the folder is owned and what earlier runs left is known.
struct Begun {
    /// To do, and what is not.
    left: Remaining,
    run: Run,
    /// Held to the end, in process mode by the writer too.
    owner: Option<Owner>,
    past: Option<Past>,
}

impl Begun {
    /// Takes the lock and sorts out what earlier runs have done. Touches nothing of a job whose
    /// output is one file, or that has nothing to do.
    fn new(job: &Job, inputs: &Inputs, outputs: &Outputs) -> Result<Self> {
        let mut begun = Self::with_all(job, inputs);
        let Out::Folder(out) = &job.out else { return Ok(begun) };
        if inputs.items.is_empty() {
            return Ok(begun);
        }
        begun.owner = Some(owner::lock(out)?);
        // Again: whoever held the lock may have made them.
        refuse_existing(job, outputs)?;
        if begun.go_on(job, inputs, outputs)? {
            sink::sweep(out);
        }
        Ok(begun)
    }

    /// What `new` would find now, for `--dry-run`: nothing is locked or touched.
    fn looked(job: &Job, inputs: &Inputs, outputs: &Outputs) -> Result<Self> {
        let mut begun = Self::with_all(job, inputs);
        refuse_existing(job, outputs)?;
        begun.go_on(job, inputs, outputs)?;
        Ok(begun)
    }

    fn with_all(job: &Job, inputs: &Inputs) -> Self {
        Self {
            left: Remaining { todo: inputs.items.clone(), ..Remaining::default() },
            run: job.journal_run(&inputs.base),
            owner: None,
            past: None,
        }
    }

    /// Sorts out what the journal says, if the run goes on with an earlier one. Reads only.
    fn go_on(&mut self, job: &Job, inputs: &Inputs, outputs: &Outputs) -> Result<bool> {
        let Out::Folder(out) = &job.out else { return Ok(false) };
        let failed = match job.earlier {
            Earlier::Ignore => return Ok(false),
            Earlier::Resume => FailedBefore::Keep,
            Earlier::RetryFailed => FailedBefore::Retry,
        };
        self.past = Journal::load(out)?;
        if self.past.is_none() && job.writing.clobber == Clobber::Never {
            // Nothing of this is an earlier run's: they are somebody's files.
            let refused = outputs.refuse_existing(job.out.path());
            refused.map_err(|e| e.within("--resume finds no journal"))?;
        }
        let past = self.past.as_ref();
        self.run = journal::resumed(past, self.run.clone())?;
        // Not the run's: it may have the permission of the run before.
        let edited = match job.writing.clobber {
            Clobber::Never => Others::Stay,
            Clobber::Replace => Others::MayGo,
        };
        let there = |output: &Path| {
            let data = std::fs::symlink_metadata(out.join(output)).ok()?;
            data.is_file().then(|| Found { bytes: data.len(), mtime_ns: mtime_ns(&data) })
        };
        let items = inputs.items.clone();
        self.left = journal::remaining(items, past, &self.run, failed, edited, &there);
        if let Some(past) = past {
            let elsewhere = journal::standing(&inputs.elsewhere, past, &self.run);
            self.left.standing.extend(elsewhere);
        }
        if let Some(guard) = self.guard() {
            let todo = outputs.of(&self.left.todo, &inputs.items);
            guard.check(todo.filter_map(|(item, name)| Some((item, name?))))?;
        }
        Ok(true)
    }

    /// What a resumed run must not replace.
    fn guard(&self) -> Option<Guard> {
        let past = self.past.clone()?;
        Some(Guard::new(past, self.run.clone(), &self.left.standing))
    }

    fn head(&self, job: &Job, inputs: &Inputs, arguments: &[OsString]) -> Head {
        let failed = |(input, error): &(PathBuf, Error)| Failure {
            input: input.clone(),
            reason: format!("{error} (in an earlier run; --retry-failed tries again)"),
        };
        let edited = |(input, output): &(PathBuf, PathBuf)| Failure {
            input: input.clone(),
            reason: format!(
                "its output {} was changed after it was made; -y makes it anew",
                shown(&job.out.path().join(output))
            ),
        };
        let edited = self.left.edited.iter().map(edited);
        Head {
            command: quoted(arguments),
            unit: Unit::Picture,
            mode: word(job.mode),
            threads: job.pool.threads,
            output: job.out.path().to_owned(),
            skipped_by: inputs.skipped.clone(),
            finished_before: self.left.done,
            failed_before: self.left.failed.iter().map(failed).chain(edited).collect(),
        }
    }

    /// What deserves a line before the run.
    fn news(&self, job: &Job) -> Vec<Event> {
        let mut texts: Vec<String> = self.owner.iter().filter_map(Owner::warning).collect();
        texts.extend(job.pool.note());
        let damaged = self.past.as_ref().map_or(0, Past::damaged);
        if damaged > 0 {
            texts.push(format!(
                "{damaged} damaged lines in the journal; their inputs are done again"
            ));
        }
        texts.into_iter().map(|text| Event::Warning { text }).collect()
    }
}

/// The run from the first event to the exit code.
fn execute(job: &Job, mut begun: Begun, head: Head, args: &SayArgs) -> Result<u8> {
    let journal = match (&job.out, job.mode) {
        _ if begun.left.todo.is_empty() => None,
        // The write stage has its own.
        (Out::File(_), _) | (_, ModeArg::Processes) => None,
        (Out::Folder(out), _) => Some(Arc::new(Journal::open(out, &begun.run)?)),
    };
    let report = begun.owner.as_ref().map(|_| last_report(job.out.path()));
    let kept = Kept { report, journal: journal.clone() };
    let (cancel, epoch) = (Cancel::default(), Epoch::start());
    let signals = SignalWatch::at_once(&cancel)?;
    let watch = Watch::start(args, head, kept, epoch, (&cancel, &signals))?;
    for event in begun.news(job) {
        watch.observer().on(&event);
    }
    let todo = std::mem::take(&mut begun.left.todo);
    let todo = assemble::in_turn(todo, (job.mode, &job.pool), job.on_error);
    watch.observer().on(&Event::Planned {
        items: todo.len() as u64,
        bytes: todo.iter().map(|item| item.size).sum(),
    });
    let ended = match job.mode {
        _ if todo.is_empty() => Ok(Ended::All),
        ModeArg::Processes => in_processes(job, &begun, todo, epoch, &watch, &cancel),
        ModeArg::Threads | ModeArg::Inline => {
            in_process(job, &begun, journal, todo, epoch, &watch, &cancel)
        }
    };
    watch.conclude(args, ended)
}

/// All stages in this process.
fn in_process(
    job: &Job,
    begun: &Begun,
    journal: Option<Arc<Journal>>,
    todo: Vec<Item>,
    epoch: Epoch,
    watch: &Watch,
    cancel: &Cancel,
) -> Result<Ended> {
    let writing = job.writing.writing(job.earlier);
    let sink: Box<dyn Sink> = match &job.out {
        Out::File(path) => Box::new(FileSink::new(path.clone(), writing)?),
        Out::Folder(out) => {
            let name = job.writing.name.clone();
            Box::new(FolderSink::new(out.clone(), name, writing, journal, begun.guard())?)
        }
    };
    let source = FolderSource::new(todo);
    let work = assemble::work(&job.recipe, job.pool.threads);
    let settings = assemble::settings(&job.recipe, &job.pool, job.io_threads, job.on_error, epoch);
    assemble::run(job.mode, &source, &work, sink, &settings, watch.observer(), cancel)
}

/// Each stage in a process of its own. The write stage owns the folder beside this process, so
/// that it stays owned if this one is killed.
fn in_processes(
    job: &Job,
    begun: &Begun,
    todo: Vec<Item>,
    epoch: Epoch,
    watch: &Watch,
    cancel: &Cancel,
) -> Result<Ended> {
    let lists = match &job.out {
        Out::File(_) => None,
        Out::Folder(out) => {
            let save = |name: &str, items: Vec<Item>| {
                let path = out.join(journal::FOLDER).join(name);
                Manifest { base: begun.run.base.clone(), items }.save(&path)?;
                Ok::<PathBuf, Error>(path)
            };
            let standing = match &begun.past {
                Some(_) => Some(save("standing.jsonl", begun.left.standing.clone())?),
                None => None,
            };
            Some(Lists { todo: save("inputs.jsonl", todo)?, standing })
        }
    };
    let commands = commands::of(job, lists.as_ref(), &begun.run, epoch)?;
    let care = Care { on_error: job.on_error, ..Care::default() };
    let lock = begun.owner.as_ref().map(AsFd::as_fd);
    exec::processes::run(&commands, lock, &care, watch.observer(), cancel)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use clap::Parser;

    use super::super::args::{Cli, Command};
    use lumaloom::error::Kind;

    use super::*;

    fn job(words: &[&OsStr]) -> Job {
        let words =
            ["lumaloom".as_ref(), "images".as_ref()].into_iter().chain(words.iter().copied());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Images(args) => Job::new(&args).unwrap(),
            _ => unreachable!("the line says images"),
        }
    }

    #[test]
    fn outputs_that_another_run_makes_before_the_lock_is_had_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let [input, out] = ["a.png", "out"].map(|name| dir.path().join(name));
        std::fs::write(&input, "").unwrap();
        for (option, refused) in [(None, true), (Some("-y"), false), (Some("--resume"), true)] {
            let options = option.iter().map(OsStr::new);
            let words = [input.as_os_str(), "-o".as_ref(), out.as_os_str()];
            let job = job(&words.into_iter().chain(options).collect::<Vec<_>>());
            let inputs = assemble::inputs(&job.inputs, &job.walk, None).unwrap();
            let outputs = outputs(&job, &inputs.items).unwrap();
            assert_eq!(refuse_existing(&job, &outputs), Ok(()));
            std::fs::create_dir_all(&out).unwrap();
            std::fs::write(out.join("a.png"), "").unwrap();
            let error = Begun::new(&job, &inputs, &outputs).err();
            assert_eq!(error.map(|e| e.kind()), refused.then_some(Kind::Usage), "{option:?}");
            std::fs::remove_dir_all(&out).unwrap();
        }
    }
}
