//! What one measured run is: the whole job in this process or in three, outputs dropped or
//! written and removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lumaloom::bench::measure::{Case, Executor, Sample};
use lumaloom::bench::usage::CpuTime;
use lumaloom::error::{Error, Result, shown};
use lumaloom::exec::{self, OnError, processes::Care};
use lumaloom::observe::{Head, Outcome, Tally, Unit};
use lumaloom::sink::{Clobber, Durable, FolderSink, NullSink, Template, Writing};
use lumaloom::source::Inputs;
use lumaloom::source::folder::FolderSource;
use lumaloom::source::manifest::Manifest;
use lumaloom::stage::{Cancel, Epoch, Sink};
use tempfile::{NamedTempFile, TempDir};

use super::args::{BenchArgs, ModeArg};
use super::job::{Pool, Recipe, word};
use super::{assemble, commands};

/// Runs cases of one job.
pub struct Runs<'a> {
    recipe: &'a Recipe,
    inputs: &'a Inputs,
    args: &'a BenchArgs,
    name: Template,
    manifest: NamedTempFile,
    cancel: &'a Cancel,
}

impl<'a> Runs<'a> {
    /// Prepares what all runs share. `cancel` ends the run that is under way and all later ones.
    ///
    /// # Errors
    /// `System` when there is no place for the list of inputs.
    pub fn new(
        recipe: &'a Recipe,
        inputs: &'a Inputs,
        args: &'a BenchArgs,
        cancel: &'a Cancel,
    ) -> Result<Self> {
        let manifest = NamedTempFile::with_prefix("lumaloom-")
            .map_err(|e| Error::system(format!("failed to make a temporary file: {e}")))?;
        let list = Manifest { base: inputs.base.clone(), items: inputs.items.clone() };
        list.save(manifest.path())?;
        let name = match recipe.encode.format {
            Some(_) => Template::REFORMAT,
            None => Template::MIRROR,
        };
        Ok(Self { recipe, inputs, args, name: Template::parse(name)?, manifest, cancel })
    }

    /// A folder for one run's outputs, removed when dropped; none if they are dropped anyway.
    fn folder(&self) -> Result<Option<TempDir>> {
        let Some(above) = &self.args.output else { return Ok(None) };
        std::fs::create_dir_all(above).map_err(|e| Error::io("create", above, &e))?;
        let folder = tempfile::Builder::new().prefix("lumaloom-bench-").tempdir_in(above);
        folder.map(Some).map_err(|e| Error::io("make a folder in", above, &e))
    }

    fn in_process(
        &self,
        mode: ModeArg,
        pool: &Pool,
        out: Option<&Path>,
        tally: &Tally,
    ) -> Result<()> {
        let writing = Writing { clobber: Clobber::Never, durable: Durable::No };
        let sink: Box<dyn Sink> = match out {
            None => Box::new(NullSink),
            Some(out) => {
                let name = self.name.clone();
                Box::new(FolderSink::new(out.to_owned(), name, writing, None, None)?)
            }
        };
        let source = FolderSource::new(self.inputs.items.clone());
        let work = assemble::work(self.recipe, pool.threads);
        let io_threads = self.args.reading.io_threads.get();
        let settings =
            assemble::settings(self.recipe, pool, io_threads, OnError::Stop, Epoch::start());
        assemble::run(mode, &source, &work, sink, &settings, tally, self.cancel).map(drop)
    }

    fn in_processes(&self, pool: &Pool, out: Option<&Path>, tally: &Tally) -> Result<()> {
        let commands = commands::measured(
            self.manifest.path(),
            self.args.reading.io_threads.get(),
            self.recipe,
            pool,
            out.map(|out| (out, &self.name)),
            Epoch::start(),
        )?;
        let care = Care { on_error: OnError::Stop, ..Care::default() };
        // A failure, which is what would stop it, is looked for by the caller.
        exec::processes::run(&commands, None, &care, tally, self.cancel).map(drop)
    }
}

impl Executor for Runs<'_> {
    fn run(&mut self, case: &Case) -> Result<Sample> {
        let mode = [ModeArg::Inline, ModeArg::Threads, ModeArg::Processes]
            .into_iter()
            .find(|mode| word(*mode) == case.mode)
            .ok_or_else(|| Error::internal(format!("no mode {}", case.mode)))?;
        let pool = Pool {
            threads: case.threads,
            asked: case.threads,
            split: self.args.measure.split,
            mem: self.args.memory.mem,
        };
        let folder = self.folder()?;
        let out = folder.as_ref().map(TempDir::path);
        let tally = Arc::new(Tally::new(head(case)));
        let (start, cpu) = (Instant::now(), CpuTime::now());
        match mode {
            ModeArg::Processes => self.in_processes(&pool, out, &tally),
            ModeArg::Inline | ModeArg::Threads => self.in_process(mode, &pool, out, &tally),
        }?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = CpuTime::now() - cpu;
        let report = tally.report(Outcome::Complete);
        if let Some(failure) = report.failed.first() {
            return Err(Error::input(format!(
                "{}: {}; half a job is no measurement (--exclude leaves it out)",
                shown(&failure.input),
                failure.reason
            )));
        }
        Ok(Sample { seconds, cpu, pixels: report.pixels, stages: report.stages })
    }
}

fn head(case: &Case) -> Head {
    Head {
        command: String::new(),
        unit: Unit::Picture,
        mode: case.mode.clone(),
        threads: case.threads,
        output: PathBuf::new(),
        skipped_by: Default::default(),
        finished_before: 0,
        failed_before: Vec::new(),
    }
}
