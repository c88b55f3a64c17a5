//! What one measured run is: the whole job in this process or in three, outputs dropped or
//! written and removed.

mod clip;
mod stills;

use std::path::{Path, PathBuf};
use std::time::Instant;

use lumaloom::bench::measure::{Case, Executor, Sample};
use lumaloom::bench::usage::CpuTime;
use lumaloom::error::{Error, Result, shown};
use lumaloom::observe::{Head, Outcome, Tally, Unit};
use lumaloom::stage::Cancel;
use tempfile::TempDir;

use super::args::{BenchArgs, ModeArg};
use super::clip::{STDIO, is_animated, is_no_picture};
use super::job::{Pool, word};

use clip::ClipSubject;
use stills::StillSubject;

/// What is measured.
pub trait Subject {
    /// What is counted.
    fn unit(&self) -> Unit;

    /// The chain as it prints itself.
    fn chain(&self) -> String;

    /// Input files.
    fn inputs(&self) -> u64;

    /// What is to be said before the first run.
    fn notes(&self) -> &[String];

    /// The command that does what one case does, with outputs.
    fn command(&self, way: &Way) -> String;

    /// Does all of a run that is not measured. `cancel` ends the run that comes of it.
    ///
    /// # Errors
    /// What is in the way of the run.
    fn prepare<'a>(&'a self, way: &Way, cancel: &'a Cancel) -> Result<Box<dyn Prepared + 'a>>;
}

/// A run that can start. When it is dropped, what it wrote is removed.
pub trait Prepared {
    /// Runs, and tells `tally` of it.
    ///
    /// # Errors
    /// Those of the run.
    fn go(&self, tally: &Tally) -> Result<()>;
}

/// How a case is run.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// What stages run on.
    pub mode: ModeArg,
    /// Cores and memory.
    pub pool: Pool,
}

impl Way {
    /// The way of a case.
    ///
    /// # Errors
    /// `Internal`: no such mode.
    pub fn of(case: &Case, args: &BenchArgs) -> Result<Self> {
        let mode = [ModeArg::Inline, ModeArg::Threads, ModeArg::Processes]
            .into_iter()
            .find(|mode| word(*mode) == case.mode)
            .ok_or_else(|| Error::internal(format!("no mode {}", case.mode)))?;
        let (threads, split, mem) = (case.threads, args.measure.split, args.memory.mem);
        Ok(Self { mode, pool: Pool { threads, asked: threads, split, mem } })
    }
}

/// What the arguments name: one clip, or pictures. Content decides, as for `video`; of several
/// inputs an animated picture is one of the pictures, by its first frame, as for `images`.
///
/// # Errors
/// `Usage`: inputs that are not there, a clip beside other inputs, options of the other kind.
pub fn subject(args: &BenchArgs, cancel: &Cancel) -> Result<Box<dyn Subject>> {
    match args.inputs.as_slice() {
        inputs if inputs.iter().any(|input| input.as_os_str() == STDIO) => Err(Error::usage(
            "bench reads its input once for each run, and stdin is read only once",
        )),
        [input] if is_no_picture(input) || is_animated(input) => {
            Ok(Box::new(ClipSubject::new(input, args, cancel)?))
        }
        inputs => {
            clip::refuse_among(inputs, args, cancel)?;
            Ok(Box::new(StillSubject::new(args)?))
        }
    }
}

/// Runs cases of one subject.
pub struct Runs<'a> {
    subject: &'a dyn Subject,
    args: &'a BenchArgs,
    cancel: &'a Cancel,
    begun: Instant,
}

impl<'a> Runs<'a> {
    /// Of this subject. `cancel` ends the run that is under way and all later ones.
    pub fn new(subject: &'a dyn Subject, args: &'a BenchArgs, cancel: &'a Cancel) -> Self {
        Self { subject, args, cancel, begun: Instant::now() }
    }
}

impl Executor for Runs<'_> {
    fn run(&mut self, case: &Case) -> Result<Sample> {
        let prepared = self.subject.prepare(&Way::of(case, self.args)?, self.cancel)?;
        let unit = self.subject.unit();
        let tally = Tally::new(head(case, unit));
        let (start, cpu) = (Instant::now(), CpuTime::now());
        prepared.go(&tally)?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = CpuTime::now() - cpu;
        let report = tally.report(Outcome::Complete);
        if let Some(failure) = report.failed.first() {
            let way_out = if unit == Unit::Picture { " (--exclude leaves it out)" } else { "" };
            return Err(Error::input(format!(
                "{}: {}; half a job is no measurement{way_out}",
                shown(&failure.input),
                failure.reason
            )));
        }
        let ffmpeg_cpu = report.helper_seconds();
        let (items, pixels, stages) = (report.done, report.pixels, report.stages);
        Ok(Sample { seconds, cpu, ffmpeg_cpu, items, pixels, stages })
    }

    fn elapsed(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }
}

/// A folder for one run's outputs, removed when dropped.
fn room_in(folder: &Path) -> Result<TempDir> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
    let room = tempfile::Builder::new().prefix("lumaloom-bench-").tempdir_in(folder);
    room.map_err(|e| Error::io("make a folder in", folder, &e))
}

fn head(case: &Case, unit: Unit) -> Head {
    Head {
        command: String::new(),
        unit,
        mode: case.mode.clone(),
        threads: case.threads,
        output: PathBuf::new(),
        skipped_by: Default::default(),
        finished_before: 0,
        failed_before: Vec::new(),
    }
}
