//! Pictures as what is measured: decoded, filtered, encoded.

use std::ffi::OsString;
use std::path::PathBuf;

use lumaloom::error::{Error, Result};
use lumaloom::exec::{self, OnError, processes::Care, processes::quoted};
use lumaloom::link::Item;
use lumaloom::observe::{Tally, Unit};
use lumaloom::sink::{Clobber, Durable, FolderSink, NullSink, Template, Writing};
use lumaloom::source::Inputs;
use lumaloom::source::folder::FolderSource;
use lumaloom::source::manifest::Manifest;
use lumaloom::stage::{Cancel, Epoch, Sink};
use tempfile::{NamedTempFile, TempDir};

use super::super::args::{BenchArgs, ModeArg};
use super::super::job::{Recipe, word};
use super::super::{assemble, commands};
use super::{Prepared, Subject, Way, room_in};

/// A list of pictures, and what is done to them.
pub struct StillSubject {
    /// As typed.
    arguments: Vec<PathBuf>,
    recipe: Recipe,
    inputs: Inputs,
    io_threads: usize,
    /// Below which outputs are written; without it they are dropped.
    out: Option<PathBuf>,
    name: Template,
}

impl StillSubject {
    /// The pictures that the arguments name.
    ///
    /// # Errors
    /// `Usage`: there is none; options that contradict each other, or that clips alone have.
    pub fn new(args: &BenchArgs) -> Result<Self> {
        let of_clips = [args.clip.arguments(), args.codec.arguments()].concat();
        if let Some(option) = of_clips.first() {
            let option = option.to_string_lossy();
            return Err(Error::usage(format!("{option} is for clips; these are pictures")));
        }
        let recipe = Recipe::new(&args.pixels)?;
        recipe.chain.suits_stills()?;
        let inputs = assemble::inputs(&args.inputs, &args.walk, args.output.as_deref())?;
        if inputs.items.is_empty() {
            return Err(Error::usage("there is no picture to measure with"));
        }
        let name = match recipe.encode.format {
            Some(_) => Template::REFORMAT,
            None => Template::MIRROR,
        };
        Ok(Self {
            arguments: args.inputs.clone(),
            recipe,
            inputs,
            io_threads: args.reading.io_threads(),
            out: args.output.clone(),
            name: Template::parse(name)?,
        })
    }
}

impl Subject for StillSubject {
    fn unit(&self) -> Unit {
        Unit::Picture
    }

    fn chain(&self) -> String {
        self.recipe.chain.to_string()
    }

    fn inputs(&self) -> u64 {
        self.inputs.items.len() as u64
    }

    fn notes(&self) -> &[String] {
        &[]
    }

    fn command(&self, way: &Way) -> String {
        let mut words: Vec<OsString> = vec!["lumaloom".into(), "images".into()];
        words.extend(self.arguments.iter().map(|input| input.clone().into_os_string()));
        words.extend(["-o".into(), self.out.clone().unwrap_or_else(|| "OUT".into()).into()]);
        words.extend(self.recipe.arguments());
        words.extend(["--mode".into(), word(way.mode).into()]);
        words.extend(way.pool.arguments());
        quoted(&words)
    }

    fn prepare<'a>(&'a self, way: &Way, cancel: &'a Cancel) -> Result<Box<dyn Prepared + 'a>> {
        let list = match way.mode {
            ModeArg::Processes => Some(self.list(way)?),
            ModeArg::Threads | ModeArg::Inline => None,
        };
        let folder = self.out.as_deref().map(room_in).transpose()?;
        Ok(Box::new(Run { subject: self, way: *way, folder, list, cancel }))
    }
}

impl StillSubject {
    /// The inputs in the order in which they are read. A failure is looked for afterwards.
    fn items(&self, way: &Way) -> Vec<Item> {
        let items = self.inputs.items.clone();
        assemble::in_turn(items, (way.mode, &way.pool), OnError::Continue)
    }

    /// The same for a reader in another process.
    fn list(&self, way: &Way) -> Result<NamedTempFile> {
        let file = NamedTempFile::with_prefix("lumaloom-")
            .map_err(|e| Error::system(format!("failed to make a temporary file: {e}")))?;
        Manifest { base: self.inputs.base.clone(), items: self.items(way) }.save(file.path())?;
        Ok(file)
    }
}

struct Run<'a> {
    subject: &'a StillSubject,
    way: Way,
    folder: Option<TempDir>,
    list: Option<NamedTempFile>,
    cancel: &'a Cancel,
}

impl Prepared for Run<'_> {
    fn go(&self, tally: &Tally) -> Result<()> {
        match &self.list {
            Some(list) => self.in_processes(list, tally),
            None => self.in_process(tally),
        }
    }
}

impl Run<'_> {
    fn in_process(&self, tally: &Tally) -> Result<()> {
        let StillSubject { recipe, name, io_threads, .. } = self.subject;
        let writing = Writing { clobber: Clobber::Never, durable: Durable::No };
        let sink: Box<dyn Sink> = match &self.folder {
            None => Box::new(NullSink::Apart),
            Some(out) => {
                let out = out.path().to_owned();
                Box::new(FolderSink::new(out, name.clone(), writing, None, None)?)
            }
        };
        let source = FolderSource::new(self.subject.items(&self.way));
        let Way { mode, pool } = &self.way;
        let work = assemble::work(recipe, pool.threads);
        let settings = assemble::settings(recipe, pool, *io_threads, OnError::Stop, Epoch::start());
        assemble::run(*mode, &source, &work, sink, &settings, tally, self.cancel).map(drop)
    }

    fn in_processes(&self, list: &NamedTempFile, tally: &Tally) -> Result<()> {
        let StillSubject { recipe, name, io_threads, .. } = self.subject;
        let commands = commands::measured(
            list.path(),
            *io_threads,
            recipe,
            &self.way.pool,
            self.folder.as_ref().map(|out| (out.path(), name)),
            Epoch::start(),
        )?;
        let care = Care { on_error: OnError::Stop, ..Care::default() };
        // A failure, which is what would stop it, is looked for by the caller.
        exec::processes::run(&commands, None, &care, tally, self.cancel).map(drop)
    }
}
