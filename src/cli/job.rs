//! From what was typed to what is done: the one place where options get their meaning, and the
//! way back, to the arguments of a stage that a person could type.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use lumaloom::codec::{self, EncodeOptions, Format};
use lumaloom::error::{Error, Result, shown};
use lumaloom::exec::OnError;
use lumaloom::frame::Subsampling;
use lumaloom::journal::{self, Others};
use lumaloom::plan::{Chain, Shrink};
use lumaloom::sink::{Clobber, Durable, Template, Writing};
use xxhash_rust::xxh3::xxh3_64;

use super::args::{
    ImagesArgs, ModeArg, OnErrorArg, PixelArgs, PoolArgs, ResumeArgs, ShrinkArg, SplitArg,
    WalkArgs, WritingArgs,
};
use super::machine;
use super::value::Mem;

/// `--max-pixels` when it is not given: larger than any camera's picture of today.
pub const MAX_PIXELS: u64 = 100_000_000;

/// `--timeout` when it is not given.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What happens to each picture: all that the bytes of its output depend on, and its limits.
pub struct Recipe {
    /// The chain.
    pub chain: Chain,
    /// How it is coded.
    pub encode: EncodeOptions,
    /// Larger pictures fail.
    pub max_pixels: u64,
    /// Slower pictures fail.
    pub timeout: Duration,
    /// Scaled decode.
    pub shrink: Shrink,
}

/// The cores and the memory.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Cores, 1...
    pub threads: usize,
    /// As typed, or all cores.
    pub asked: usize,
    /// Across frames or within one.
    pub split: SplitArg,
    /// As typed.
    pub mem: Mem,
}

/// What an earlier run means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing.
    Ignore,
    /// Go on with it.
    Resume,
    /// Go on, and try again what failed.
    RetryFailed,
}

/// How outputs are put in place.
#[derive(Clone, Debug)]
pub struct WritingPlan {
    /// What outputs are called.
    pub name: Template,
    /// Outputs that exist.
    pub clobber: Clobber,
    /// Sync each output to disk.
    pub durable: Durable,
}

/// Where outputs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// Into a folder, with a journal.
    Folder(PathBuf),
    /// To one file.
    File(PathBuf),
}

impl Out {
    /// A path with an image extension that is no folder is a file.
    pub fn of(path: &Path) -> Self {
        if extension_format(path).is_some() && !path.is_dir() {
            Self::File(path.to_owned())
        } else {
            Self::Folder(path.to_owned())
        }
    }

    /// The folder or the file.
    pub fn path(&self) -> &Path {
        let (Self::Folder(path) | Self::File(path)) = self;
        path
    }
}

/// `lumaloom images` with everything decided.
pub struct Job {
    /// What happens to each picture.
    pub recipe: Recipe,
    /// Where outputs go.
    pub out: Out,
    /// The inputs as typed.
    pub inputs: Vec<PathBuf>,
    /// Which files are inputs.
    pub walk: WalkArgs,
    /// What stages run on.
    pub mode: ModeArg,
    /// Cores and memory.
    pub pool: Pool,
    /// Threads that read.
    pub io_threads: usize,
    /// How outputs are put in place.
    pub writing: WritingPlan,
    /// What a failed input does to the rest.
    pub on_error: OnError,
    /// What an earlier run means.
    pub earlier: Earlier,
}

impl Job {
    /// Decides everything that needs no look at the inputs.
    ///
    /// # Errors
    /// `Usage`: options that contradict each other, a chain with a mistake, an unknown format.
    pub fn new(args: &ImagesArgs) -> Result<Self> {
        let mode = args.run.stages.mode();
        let mut recipe = Recipe::new(&args.pixels)?;
        recipe.chain.suits_stills()?;
        if args.output == Path::new("-") {
            return Err(Error::usage(
                "-o -: pictures on stdout would run into each other; `lumaloom stage` joins stages \
                 by pipes, and ./- is a folder of that name",
            ));
        }
        let out = out(&args.inputs, &args.output)?;
        if let Out::File(path) = &out {
            recipe.encode.format = Some(format_of_file(path, recipe.encode.format)?);
        }
        let named = args.writing.name.as_deref().map(Template::parse).transpose()?;
        if let Some(extension) = named.as_ref().and_then(Template::extension) {
            recipe.encode.format = format_of_names(extension, recipe.encode.format)?;
        }
        codec::check(&recipe.encode)?;
        let earlier = earlier(&args.resume);
        if let (Out::File(path), Earlier::Resume | Earlier::RetryFailed) = (&out, earlier) {
            return Err(Error::usage(format!(
                "--resume needs an output folder with its journal; {} is one file",
                shown(path)
            )));
        }
        let writing = WritingPlan::new(&args.writing, recipe.encode.format)?;
        Ok(Self {
            pool: Pool::new(&args.pool, args.memory.mem, mode)?,
            recipe,
            out,
            inputs: args.inputs.clone(),
            walk: args.walk.clone(),
            mode,
            io_threads: args.reading.io_threads(),
            writing,
            on_error: match args.run.on_error {
                OnErrorArg::Continue => OnError::Continue,
                OnErrorArg::Stop => OnError::Stop,
            },
            earlier,
        })
    }

    /// What the journal knows the run by. The recipe's number changes with anything that outputs
    /// depend on, their names included; the chain is for people.
    pub fn journal_run(&self, base: &Path) -> journal::Run {
        let chain = self.recipe.chain.to_string();
        let hash = self.recipe.hash(&self.writing.name.to_string());
        journal::Run {
            recipe: journal::Recipe { hash, chain },
            base: base.to_owned(),
            others: self.writing.others(),
        }
    }
}

impl Recipe {
    /// Reads the chain and the names of formats.
    ///
    /// # Errors
    /// `Usage`.
    pub fn new(args: &PixelArgs) -> Result<Self> {
        let chain = args.chain.chain()?;
        let format = args.format.as_deref().map(format_named).transpose()?;
        let encode = EncodeOptions {
            format,
            quality: args.quality,
            subsampling: args.subsampling.as_deref().map(subsampling).transpose()?,
            progressive: args.progressive,
            compression: args.compression.clone(),
            strip_metadata: args.strip_metadata,
        };
        codec::check(&encode)?;
        let shrink = match args.shrink_on_load {
            ShrinkArg::Auto => Shrink::Auto,
            ShrinkArg::Off => Shrink::Off,
        };
        let max_pixels = args.max_pixels.unwrap_or(MAX_PIXELS);
        let timeout = args.timeout.unwrap_or(TIMEOUT);
        Ok(Self { chain, encode, max_pixels, timeout, shrink })
    }

    /// The options of `stage work` that mean this recipe. Defaults are left out.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut words = Vec::new();
        let chain = self.chain.to_string();
        if !chain.is_empty() {
            words.extend(["-f".into(), chain]);
        }
        let mut option = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([name.to_owned(), value]);
            }
        };
        let encode = &self.encode;
        option("--format", encode.format.map(|f| f.name().to_owned()));
        option("--quality", encode.quality.map(|q| q.to_string()));
        option("--subsampling", encode.subsampling.map(|s| s.to_string()));
        option("--compression", encode.compression.clone());
        let pixels = (self.max_pixels != MAX_PIXELS).then_some(self.max_pixels);
        option("--max-pixels", pixels.map(|n| n.to_string()));
        let timeout = (self.timeout != TIMEOUT).then_some(self.timeout.as_millis());
        option("--timeout", timeout.map(|ms| format!("{ms}ms")));
        option("--shrink-on-load", (self.shrink == Shrink::Off).then(|| "off".to_owned()));
        words.extend(encode.progressive.then(|| "--progressive".to_owned()));
        words.extend(encode.strip_metadata.then(|| "--strip-metadata".to_owned()));
        words.into_iter().map(OsString::from).collect()
    }

    /// A number that changes with anything that outputs depend on.
    fn hash(&self, name: &str) -> u64 {
        // Limits decide whether there is an output, never what is in it, so they are left out.
        let Self { chain, encode, shrink, max_pixels: _, timeout: _ } = self;
        let text = format!("{chain}\0{encode:?}\0{shrink:?}\0{name}");
        xxh3_64(text.as_bytes())
    }
}

impl Pool {
    /// Takes all cores unless told otherwise, and never more threads than help.
    ///
    /// # Errors
    /// `Usage` for `--mode inline` on more than one.
    pub fn new(args: &PoolArgs, mem: Mem, mode: ModeArg) -> Result<Self> {
        let cores = machine::cores().get();
        let asked = match (mode, args.threads.map(NonZeroUsize::get)) {
            (ModeArg::Inline, Some(n)) if n > 1 => {
                return Err(Error::usage(format!(
                    "--mode inline is one plain loop on one core; -j {n} needs --mode threads"
                )));
            }
            (ModeArg::Inline, _) => 1,
            (_, Some(n)) => n,
            (_, None) => cores,
        };
        Ok(Self { threads: asked.min(useful(cores)), asked, split: args.split, mem })
    }

    /// What to say about a `-j` that was not taken as it stands.
    pub fn note(&self) -> Option<String> {
        (self.asked > self.threads).then(|| {
            format!("-j {}: {} threads are started, more would be slower", self.asked, self.threads)
        })
    }

    /// The options of `stage work` that mean this pool.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut words = vec!["-j".to_owned(), self.threads.to_string()];
        if self.split != SplitArg::Auto {
            words.extend(["--split".to_owned(), word(self.split)]);
        }
        words.into_iter().map(OsString::from).collect()
    }
}

impl WritingPlan {
    /// Names follow the format when one is asked for.
    ///
    /// # Errors
    /// `Usage` for a template with a mistake.
    pub fn new(args: &WritingArgs, format: Option<Format>) -> Result<Self> {
        let default = if format.is_some() { Template::REFORMAT } else { Template::MIRROR };
        Ok(Self {
            name: Template::parse(args.name.as_deref().unwrap_or(default))?,
            clobber: if args.overwrite { Clobber::Replace } else { Clobber::Never },
            durable: if args.durable { Durable::Yes } else { Durable::No },
        })
    }

    /// How outputs are put in place: a resumed run replaces what is not journalled as done.
    pub fn writing(&self, earlier: Earlier) -> Writing {
        let clobber = match earlier {
            Earlier::Ignore => self.clobber,
            Earlier::Resume | Earlier::RetryFailed => Clobber::Replace,
        };
        Writing { clobber, durable: self.durable }
    }

    /// What `-y` means for outputs that are journalled as another run's.
    pub fn others(&self) -> Others {
        match self.clobber {
            Clobber::Never => Others::Stay,
            Clobber::Replace => Others::MayGo,
        }
    }
}

/// Threads that a machine of so many cores may be asked for. Idle ones look for work at each
/// other's queues, which costs the square of their number: six small pictures took 14 s with
/// 999 threads on 2 cores, and 0.1 s with 64.
fn useful(cores: usize) -> usize {
    (8 * cores).max(64)
}

/// The word of an option's value.
pub fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

fn earlier(args: &ResumeArgs) -> Earlier {
    match (args.retry_failed, args.resume) {
        (true, _) => Earlier::RetryFailed,
        (false, true) => Earlier::Resume,
        (false, false) => Earlier::Ignore,
    }
}

/// OUT is a file only if there is one input, a file.
///
/// # Errors
/// `Usage`: the name promises one picture where there are more, or one that is not written.
fn out(inputs: &[PathBuf], out: &Path) -> Result<Out> {
    if !matches!(inputs, [one] if one.is_file()) {
        if extension_format(out).is_some() && fs::symlink_metadata(out).is_err() {
            return Err(Error::usage(format!(
                "{} is the name of one picture, and several go into a folder",
                shown(out)
            )));
        }
        return Ok(Out::Folder(out.to_owned()));
    }
    if let (Some(extension), false) = (out.extension().and_then(|e| e.to_str()), out.is_dir()) {
        format_of_names(extension, None)?;
    }
    Ok(Out::of(out))
}

fn extension_format(path: &Path) -> Option<Format> {
    Format::from_extension(path.extension()?.to_str()?)
}

/// Extensions of pictures that are not written, in lower case. A name that ends in one promises
/// what its content would not keep.
const NOT_WRITTEN: [&str; 13] =
    ["avif", "heic", "heif", "ico", "j2k", "jp2", "jpf", "jpx", "jxl", "psd", "svg", "tga", "xcf"];

/// The format of names that end with this extension: its own, which `--format` may only agree
/// with. An extension of nothing that is a picture says nothing.
fn format_of_names(extension: &str, asked: Option<Format>) -> Result<Option<Format>> {
    let lower = extension.to_ascii_lowercase();
    match (asked, Format::from_extension(extension)) {
        (Some(asked), Some(named)) if asked != named => Err(Error::usage(format!(
            "--format {} and names that end in .{extension} ({}) contradict each other; --name can \
             end in .{{format}}",
            asked.name(),
            named.name()
        ))),
        (_, Some(named)) => Ok(Some(named)),
        (_, None)
            if NOT_WRITTEN.contains(&lower.as_str())
                || codec::RAW_EXTENSIONS.contains(&lower.as_str()) =>
        {
            let known: Vec<&str> = Format::all().map(Format::extension).collect();
            Err(Error::usage(format!(
                "an output named .{extension} is of a format that is not written; there are {}",
                known.join(", ")
            )))
        }
        (asked, None) => Ok(asked),
    }
}

/// The extension of an output file decides its format; `--format` may only agree.
fn format_of_file(path: &Path, asked: Option<Format>) -> Result<Format> {
    match (asked, extension_format(path)) {
        (None, Some(format)) => Ok(format),
        (Some(asked), Some(format)) if asked == format => Ok(format),
        (asked, named) => {
            let name = |format: Option<Format>| format.map_or("nothing", Format::name);
            Err(Error::usage(format!(
                "--format {} and the name {} ({}) contradict each other",
                name(asked),
                shown(path),
                name(named)
            )))
        }
    }
}

fn format_named(name: &str) -> Result<Format> {
    Format::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Format::all().map(Format::name).collect();
        Error::usage(format!("--format {name:?} is none of {}", known.join(", ")))
    })
}

fn subsampling(text: &str) -> Result<Subsampling> {
    const KNOWN: [Subsampling; 5] = [
        Subsampling::S444,
        Subsampling::S422,
        Subsampling::S440,
        Subsampling::S420,
        Subsampling::S411,
    ];
    let digits = |text: &str| text.replace(':', "");
    KNOWN.into_iter().find(|s| digits(&s.to_string()) == digits(text)).ok_or_else(|| {
        let known: Vec<String> = KNOWN.iter().map(ToString::to_string).collect();
        Error::usage(format!("--subsampling {text:?} is none of {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command, StageArgs, StageCommand};
    use super::*;

    fn job(options: &str) -> Result<Job> {
        let out = if options.contains("-o ") { "" } else { "-o out" };
        let line = format!("lumaloom images in {out} {options}");
        match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
            Command::Images(args) => Job::new(&args),
            _ => unreachable!("the line says images"),
        }
    }

    #[test]
    fn what_contradicts_is_usage() {
        for (options, said) in [
            ("--mode inline -j 2", "-j 2"),
            ("--format jpog", "jpog"),
            ("--subsampling 4:3:3", "4:2:0"),
            ("--compression zip", "deflate"),
            ("--compression lzw --format png", "png"),
            ("-f nothing=3", "nothing"),
            ("--name {n}.png --format jpeg", "contradict"),
            ("--name {n}.heic", ".heic"),
            ("--name {n}.png --compression lzw", "png"),
            ("-o -", "stage"),
        ] {
            let error = job(options).err().unwrap_or_else(|| panic!("{options}"));
            assert_eq!(error.kind(), lumaloom::error::Kind::Usage, "{options}");
            assert!(error.to_string().contains(said), "{options}: {error}");
        }
    }

    #[test]
    fn modes_and_threads() {
        assert_eq!(job("--mode inline").unwrap().pool.threads, 1);
        assert_eq!(job("--mode inline -j 1").unwrap().pool.threads, 1);
        assert_eq!(job("-j 5").unwrap().pool.threads, 5);
        assert_eq!(job("-j 5").unwrap().pool.note(), None);
        let many = job("-j 99999").unwrap().pool;
        assert_eq!(many.threads, useful(machine::cores().get()));
        assert!(many.note().unwrap().starts_with("-j 99999: "));
        assert_eq!(job("--processes").unwrap().mode, ModeArg::Processes);
        assert!(job("").unwrap().pool.threads >= 1);
    }

    #[test]
    fn names_follow_the_format() {
        assert_eq!(job("").unwrap().writing.name.to_string(), "{dir}/{stem}.{ext}");
        assert_eq!(job("--format png").unwrap().writing.name.to_string(), "{dir}/{stem}.{format}");
        assert_eq!(job("--format png --name {n}").unwrap().writing.name.to_string(), "{n}");
    }

    #[test]
    fn an_extension_in_the_template_decides_the_format() {
        let format = |options: &str| job(options).unwrap().recipe.encode.format;
        assert_eq!(format("--name {n}.png"), Some(Format::Png));
        assert_eq!(format("--name {n}.JPEG --format jpeg"), Some(Format::Jpeg));
        assert_eq!(format("--name {n}.out"), None);
        assert_eq!(format("--name {n}.{ext}"), None);
        assert_eq!(format("--name {n}.{ext} --format png"), Some(Format::Png));
    }

    #[test]
    fn the_recipe_survives_the_way_through_a_command_line() {
        let options = "-f negate --format jpeg --quality 77 --subsampling 422 --progressive \
            --strip-metadata --max-pixels 5M --timeout 1500ms --shrink-on-load off";
        let job = job(options).unwrap();
        let mut words: Vec<OsString> =
            ["lumaloom", "stage", "work", "images"].map(Into::into).into();
        words.extend(job.recipe.arguments());
        words.extend(job.pool.arguments());
        let Command::Stage(StageArgs { stage: StageCommand::Work(args) }) =
            Cli::try_parse_from(words).unwrap().command
        else {
            panic!("a work stage")
        };
        let again = Recipe::new(&args.pixels).unwrap();
        assert_eq!(again.encode, job.recipe.encode);
        assert_eq!(again.hash("x"), job.recipe.hash("x"));
        assert_eq!((again.max_pixels, again.timeout), (job.recipe.max_pixels, job.recipe.timeout));
        assert_eq!(
            Pool::new(&args.pool, args.memory.mem, ModeArg::Threads).unwrap().threads,
            job.pool.threads
        );
    }

    #[test]
    fn the_hash_is_of_what_outputs_depend_on() {
        let hash = |options| job(options).unwrap().journal_run(Path::new("/in")).recipe.hash;
        assert_eq!(hash("-f negate"), hash("-f negate -j 3 --mem 1G --timeout 9s --max-pixels 9M"));
        for other in ["", "-f hflip", "-f negate --quality 5", "-f negate --name {n}.{ext}"] {
            assert_ne!(hash("-f negate"), hash(other), "{other}");
        }
    }

    #[test]
    fn out_is_a_file_only_for_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        std::fs::write(&file, "").unwrap();
        let target = folder.path().join("b.jpg");
        assert_eq!(out(std::slice::from_ref(&file), &target), Ok(Out::File(target.clone())));
        for several in [vec![file.clone(), file.clone()], vec![folder.path().into()]] {
            let error = out(&several, &target).unwrap_err().to_string();
            assert!(error.contains("the name of one picture"), "{error}");
        }
        let heif = target.with_extension("heic");
        assert!(out(std::slice::from_ref(&file), &heif).is_err());
        assert_eq!(
            out(std::slice::from_ref(&file), &target.with_extension("")),
            Ok(Out::Folder(target.with_extension("")))
        );
        std::fs::create_dir(&target).unwrap();
        assert_eq!(out(&[file], &target), Ok(Out::Folder(target)));
    }
}
