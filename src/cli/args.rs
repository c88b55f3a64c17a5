//! What a person may type: one struct per group of options, shared by the commands that take
//! them. Nothing is decided here; `job` does that.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use lumaloom::source::Shard;

use super::value::{self, Counts, Mem};

/// Filter chains on folders of images, as fast as the cores allow.
#[derive(Debug, Parser)]
#[command(name = "lumaloom", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Data goes to stdout, everything said to people to stderr.\n\
    Exit codes: 0 all done, 1 some inputs failed, 2 wrong usage and nothing touched, \
    3 shards or journals do not match, 70 internal fault or stall, 75 temporary, 130 interrupted.")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Filter folders, files and globs into a folder, or one file into one file
    #[command(visible_alias = "image")]
    Images(Box<ImagesArgs>),
    /// Measure the speedup per number of threads, or compare two results
    Bench(Box<BenchArgs>),
    /// List the filters, or show one in full
    Filters(FiltersArgs),
    /// Run one stage on stdin and stdout, for a shell or ssh to join
    Stage(StageArgs),
    /// Show what a run did, from its journal
    Report(ReportArgs),
    /// Freeze a list of inputs, one JSON line each
    Manifest(ManifestArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of the program, or of one command
    Man {
        /// The command
        command: Option<String>,
    },
}

/// `lumaloom images`.
#[derive(Debug, Args)]
#[command(after_help = IMAGES_HELP)]
pub struct ImagesArgs {
    /// Folders, files and globs (quote a glob, or let the shell expand it)
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The output folder; a file if there is one input file and this has an image extension
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Chain and options from a TOML file; the command line wins
    ///
    /// Keys are the long names of the options: `filter`, `quality`, `threads`, ...
    #[arg(long, value_name = "FILE.toml")]
    pub recipe: Option<PathBuf>,
    #[command(flatten)]
    pub pixels: PixelArgs,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub walk: WalkArgs,
    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub pool: PoolArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub writing: WritingArgs,
    #[command(flatten)]
    pub resume: ResumeArgs,
    #[command(flatten)]
    pub say: SayArgs,
}

const IMAGES_HELP: &str = "\
Examples:
  lumaloom images photos -o out -f 'eq=contrast=1.15:saturation=1.2,resize=1920:-1'
  lumaloom images a.tif -o a.png
  lumaloom images photos -o out --recipe warm.toml --resume
  lumaloom images photos -o out -f gblur=3 --explain

`lumaloom filters` lists the filters; `lumaloom filters NAME` shows one in full.";

/// What happens to the pixels and to their coding.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Pixels and formats")]
pub struct PixelArgs {
    /// Filters in ffmpeg's syntax, like eq=contrast=1.15,gblur=3; without it pixels pass unchanged
    #[arg(short, long, visible_alias = "vf", value_name = "CHAIN", allow_hyphen_values = true)]
    pub filter: Option<String>,
    /// The output format: jpeg, png, webp, tiff, bmp, gif, pnm, qoi, exr, hdr [default: the source's]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Quality of JPEG (90 without it) and lossy WebP (80), 1 to 100
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// Chroma subsampling of JPEG: 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1 [default: the source's]
    #[arg(long, value_name = "J:A:B")]
    pub subsampling: Option<String>,
    /// JPEG in progressive order
    #[arg(long)]
    pub progressive: bool,
    /// TIFF: none, lzw, deflate, packbits; PNG: fast, balanced, best; WebP: lossless, lossy
    #[arg(long, value_name = "NAME")]
    pub compression: Option<String>,
    /// Drop EXIF, XMP and IPTC; the colour profile stays
    #[arg(long)]
    pub strip_metadata: bool,
    /// Refuse pictures with more pixels than this [default: 100M]
    #[arg(long, value_name = "N", value_parser = value::pixels)]
    pub max_pixels: Option<u64>,
    /// Give up a picture after this time, like 500ms or 2m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub timeout: Option<Duration>,
    /// Decode JPEG at 1/2, 1/4 or 1/8 of its size where the chain starts with a strong resize
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub shrink_on_load: ShrinkArg,
}

/// `lumaloom bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_HELP)]
pub struct BenchArgs {
    /// Folders, files and globs; or `compare A.json B.json`
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Write outputs below this folder, and remove them; without it they are dropped when encoded
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub pixels: PixelArgs,
    #[command(flatten)]
    pub measure: MeasureArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub walk: WalkArgs,
    #[command(flatten)]
    pub reading: ReadingArgs,
}

const BENCH_HELP: &str = "\
Examples:
  lumaloom bench photos -f 'eq=contrast=1.15,gblur=3' --threads 1..4 --runs 5
  lumaloom bench photos --modes inline,threads,processes --export-json b.json
  lumaloom bench compare a.json b.json

A folder named compare is ./compare.";

/// What is measured, and how often.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Measuring")]
pub struct MeasureArgs {
    /// Counts of threads, like 1,2,4 or 1..8 [default: powers of two and all cores]
    #[arg(short = 'j', long, value_name = "LIST")]
    pub threads: Option<Counts>,
    /// Modes, separated by commas; inline is measured on one core
    #[arg(long, value_enum, value_delimiter = ',', default_value = "inline,threads")]
    pub modes: Vec<ModeArg>,
    /// Runs of each case before the measured ones
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    pub warmup: u32,
    /// Measured runs of each case
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Start no round that would end after this time
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub max_time: Option<Duration>,
    /// Frames side by side, bands of one frame, or both as it fits
    #[arg(long, value_enum, default_value_t)]
    pub split: SplitArg,
    /// Write the result as JSON, with hyperfine's fields
    #[arg(long, value_name = "FILE")]
    pub export_json: Option<PathBuf>,
    /// Write the result as CSV
    #[arg(long, value_name = "FILE")]
    pub export_csv: Option<PathBuf>,
    /// Write the result as Markdown
    #[arg(long, value_name = "FILE")]
    pub export_markdown: Option<PathBuf>,
    /// Say nothing while measuring
    #[arg(short, long)]
    pub quiet: bool,
}

/// How the machine is used.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct RunArgs {
    /// What the stages run on
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeArg,
    /// Short for --mode processes
    #[arg(long, conflicts_with = "mode")]
    pub processes: bool,
    /// What a failed input does to the run
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub on_error: OnErrorArg,
}

/// The pool and its memory.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct PoolArgs {
    /// Cores for the pool [default: all that affinity and cgroup quota allow]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Frames side by side, bands of one frame, or both as it fits
    #[arg(long, value_enum, default_value_t)]
    pub split: SplitArg,
}

/// Memory.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct MemoryArgs {
    /// Bytes of frames in flight, like 512M; auto: the smaller of 60 % of available memory and 4 GiB
    #[arg(long, value_name = "SIZE|auto", default_value = "auto")]
    pub mem: Mem,
}

/// The readers.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct ReadingArgs {
    /// Threads that read files
    #[arg(long, value_name = "N", default_value = "2")]
    pub io_threads: NonZeroUsize,
}

/// Which files are inputs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Inputs")]
pub struct WalkArgs {
    /// The folder that output paths are relative to [default: the input folder, or the deepest one that holds all]
    #[arg(long, value_name = "DIR")]
    pub base: Option<PathBuf>,
    /// Only files that match; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,
    /// No files that match; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Only the K-th of N shares of the inputs, chosen by path
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
}

/// How outputs are named and put in place.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Outputs")]
pub struct WritingArgs {
    // clap makes a line break of `{n}`, so the number is said in words.
    /// Output names, with {dir} {stem} {ext} {format} {width} {height}, and n in braces for the number
    /// [default: {dir}/{stem}.{ext}, or {dir}/{stem}.{format} with --format]
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    pub name: Option<String>,
    /// Outputs that exist may be replaced
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Sync each output to disk: file, rename, folder, journal line
    #[arg(long)]
    pub durable: bool,
}

/// Going on with an earlier run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Outputs")]
pub struct ResumeArgs {
    /// Go on with an interrupted or older run: new and changed inputs only
    #[arg(long)]
    pub resume: bool,
    /// Like --resume, and try again what failed
    #[arg(long)]
    pub retry_failed: bool,
}

/// What is said meanwhile and afterwards.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What is said")]
pub struct SayArgs {
    /// How progress is shown; jsonl prints each event on stdout
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub progress: ProgressArg,
    /// Say only what went wrong
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: stages, processes, each failure
    #[arg(short, long)]
    pub verbose: bool,
    /// Write a report of the run as JSON
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Write what each thread did when, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE.json")]
    pub trace: Option<PathBuf>,
    /// Say what would be done and write nothing (ffmpeg's -n means something else)
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Short for -n -v
    #[arg(long)]
    pub explain: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// All stages on threads of one process
    #[default]
    Threads,
    /// A process for each stage, joined by pipes
    Processes,
    /// One plain loop on one core
    Inline,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SplitArg {
    /// Bands when frames are few and large
    #[default]
    Auto,
    /// One frame per core
    Frames,
    /// All cores on one frame
    Bands,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    /// A bar on a terminal, else plain lines
    #[default]
    Auto,
    /// A bar
    Bar,
    /// A line now and then
    Plain,
    /// Each event as a line of JSON on stdout
    Jsonl,
    /// Nothing
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnErrorArg {
    /// The others go on
    #[default]
    Continue,
    /// No further input is started
    Stop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShrinkArg {
    /// Where the result is as good
    #[default]
    Auto,
    /// Never
    Off,
}

/// `lumaloom filters`.
#[derive(Debug, Args)]
pub struct FiltersArgs {
    /// The filter
    pub name: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// As Markdown
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// `lumaloom stage`.
#[derive(Debug, Args)]
pub struct StageArgs {
    #[command(subcommand)]
    pub stage: StageCommand,
}

#[derive(Debug, Subcommand)]
pub enum StageCommand {
    /// Read inputs; packets go to stdout
    Read(Box<StageReadArgs>),
    /// Decode, filter and encode packets from stdin to stdout
    Work(Box<StageWorkArgs>),
    /// Write packets from stdin to files
    Write(Box<StageWriteArgs>),
}

/// The jobs that can be cut into stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StageJob {
    /// Still pictures
    #[value(alias = "image")]
    Images,
}

/// Where a stage can write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StageSink {
    /// Still pictures, to files
    #[value(alias = "image")]
    Images,
    /// Nowhere, for measuring
    Null,
}

/// `lumaloom stage read`.
#[derive(Debug, Args)]
pub struct StageReadArgs {
    /// The job
    #[arg(value_name = "JOB", value_enum)]
    pub job: StageJob,
    /// Folders, files and globs
    #[arg(value_name = "INPUT", required_unless_present = "manifest")]
    pub inputs: Vec<PathBuf>,
    /// A frozen list of inputs instead, as `lumaloom manifest` writes it
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, conflicts_with_all = ["inputs", "base", "include", "exclude", "shard"])]
    pub manifest: Option<PathBuf>,
    #[command(flatten)]
    pub walk: WalkArgs,
    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// `lumaloom stage work`.
#[derive(Debug, Args)]
pub struct StageWorkArgs {
    /// The job
    #[arg(value_name = "JOB", value_enum, default_value = "images")]
    pub job: StageJob,
    #[command(flatten)]
    pub pixels: PixelArgs,
    #[command(flatten)]
    pub pool: PoolArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// `lumaloom stage write`.
#[derive(Debug, Args)]
pub struct StageWriteArgs {
    /// The job; null counts the bytes and drops them
    #[arg(value_name = "JOB", value_enum)]
    pub job: StageSink,
    /// The output folder, or one file
    #[arg(
        short,
        long,
        value_name = "OUT",
        allow_hyphen_values = true,
        required_if_eq("job", "images")
    )]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub writing: WritingArgs,
    /// Go on with the folder's journal instead of beginning it anew
    #[arg(long)]
    pub resume: bool,
    /// What outputs depend on, as a number for the journal; a parent gives it
    #[arg(long, value_name = "HEX", value_parser = value::hex, default_value = "0")]
    pub recipe_hash: u64,
    /// The chain, for the journal
    #[arg(long, value_name = "CHAIN", default_value = "", allow_hyphen_values = true)]
    pub chain: String,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Where a stage's events go.
#[derive(Clone, Debug, Args)]
pub struct EventArgs {
    /// Write events as JSON lines to this open descriptor instead of a summary to stderr
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(3..))]
    pub events_fd: Option<i32>,
    /// The zero of the events' times: nanoseconds of the monotonic clock; a parent gives it
    #[arg(long, value_name = "NANOS")]
    pub epoch: Option<u64>,
}

/// `lumaloom report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The output folder of the run
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `lumaloom manifest`.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// Folders, files and globs
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The list; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    #[command(flatten)]
    pub walk: WalkArgs,
}

/// Arguments as a person could type them, to be started or shown.
pub fn shell_quoted<'a>(words: impl IntoIterator<Item = &'a OsString>) -> String {
    let quote = |word: &OsString| {
        let text = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            text.into_owned()
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    };
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    fn images(line: &str) -> ImagesArgs {
        match parse(line).unwrap_or_else(|e| panic!("{line}: {e}")).command {
            Command::Images(args) => *args,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_table_of_options_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_option_has_help() {
        fn check(command: &clap::Command) {
            for arg in command.get_arguments().filter(|a| a.get_id() != "help") {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn names_and_aliases() {
        for line in [
            "lumaloom images in -o out -f negate",
            "lumaloom image in -o out --filter negate",
            "lumaloom images in -o out --vf=negate",
            "lumaloom images -f negate --output out in",
        ] {
            let args = images(line);
            assert_eq!(args.pixels.filter.as_deref(), Some("negate"), "{line}");
            assert_eq!(args.inputs, [PathBuf::from("in")], "{line}");
            assert_eq!(args.output, PathBuf::from("out"), "{line}");
        }
    }

    #[test]
    fn defaults() {
        let args = images("lumaloom images in -o out");
        assert_eq!(args.run.mode, ModeArg::Threads);
        assert_eq!(args.memory.mem, Mem::Auto);
        assert_eq!(args.pool.split, SplitArg::Auto);
        assert_eq!(args.say.progress, ProgressArg::Auto);
        assert_eq!(args.run.on_error, OnErrorArg::Continue);
        assert_eq!(args.pixels.shrink_on_load, ShrinkArg::Auto);
    }

    #[test]
    fn every_option_of_the_contract_is_taken() {
        images(
            "lumaloom images a b -o out -f eq --recipe r.toml --mode inline -j 1 --split bands \
             --io-threads 3 --mem 512M --progress jsonl -v --report r.json --trace t.json -y -n \
             --explain --format png --quality 85 --subsampling 4:2:0 --progressive \
             --compression best --strip-metadata --name {stem}.{ext} --base . --include *.jpg \
             --include *.png --exclude x --on-error stop --max-pixels 10M --timeout 5s \
             --shard 1/4 --resume --retry-failed --durable --shrink-on-load off",
        );
        images("lumaloom images a -o out --processes -q --threads 4 --overwrite --dry-run");
    }

    #[test]
    fn wrong_usage_is_exit_2() {
        for line in [
            "lumaloom images in",
            "lumaloom images -o out",
            "lumaloom images in -o out -j 0",
            "lumaloom images in -o out --quality 0",
            "lumaloom images in -o out --quality 101",
            "lumaloom images in -o out --mem lots",
            "lumaloom images in -o out --shard 3/2",
            "lumaloom images in -o out --mode fibers",
            "lumaloom images in -o out --mode threads --processes",
            "lumaloom images in -o out -q -v",
            "lumaloom images in -o out --fliter negate",
            "lumaloom stage read images",
            "lumaloom stage read photos",
            "lumaloom stage write images",
            "lumaloom stage read images --manifest m in",
            "lumaloom stage work --events-fd 1",
            "lumaloom filters --json --markdown",
            "lumaloom video in -o out",
            "lumaloom",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}: {error}");
        }
        let error = parse("lumaloom images in -o out --fliter negate").unwrap_err().to_string();
        assert!(error.contains("--filter"), "did you mean: {error}");
    }

    #[test]
    fn stages() {
        let stage = |line: &str| match parse(line).unwrap().command {
            Command::Stage(StageArgs { stage }) => stage,
            other => panic!("{other:?}"),
        };
        assert!(matches!(stage("lumaloom stage work -f negate"), StageCommand::Work(_)));
        assert!(matches!(stage("lumaloom stage work images -f negate"), StageCommand::Work(_)));
        let StageCommand::Read(read) =
            stage("lumaloom stage read images --manifest m --events-fd 3")
        else {
            panic!("read")
        };
        assert_eq!(read.events.events_fd, Some(3));
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words: Vec<OsString> =
            ["lumaloom", "-f", "eq=contrast=1.2,resize=10:-1", "a b", "it's", "", "$HOME"]
                .map(OsString::from)
                .into();
        assert_eq!(
            shell_quoted(&words),
            r"lumaloom -f eq=contrast=1.2,resize=10:-1 'a b' 'it'\''s' '' '$HOME'"
        );
    }
}
