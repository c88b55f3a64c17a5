//! Options in groups, shared by the commands that take them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lumaloom::error::Result;
use lumaloom::plan::Chain;
use lumaloom::source::Shard;

use super::super::value::{self, Counts, Mem};

/// What happens to the pixels.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Pixels and formats")]
pub struct ChainArgs {
    /// Filters in ffmpeg's syntax, like eq=contrast=1.15,gblur=3; without it pixels pass as they
    /// are, and are coded again
    #[arg(short, long, visible_alias = "vf", value_name = "CHAIN", allow_hyphen_values = true)]
    pub filter: Option<String>,
}

impl ChainArgs {
    /// The chain.
    ///
    /// # Errors
    /// `Usage`, pointing at the character.
    pub fn chain(&self) -> Result<Chain> {
        Chain::parse(self.filter.as_deref().unwrap_or_default())
    }
}

/// What happens to the pixels and to their coding.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Pixels and formats")]
pub struct PixelArgs {
    #[command(flatten)]
    pub chain: ChainArgs,
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
    /// Give up a picture that took so much computing, like 500ms or 2m; looked at between decoding,
    /// filtering and encoding [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub timeout: Option<Duration>,
    /// Decode JPEG at 1/2, 1/4 or 1/8 of its size where the chain starts with a strong resize
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub shrink_on_load: ShrinkArg,
}

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
    /// Start no run after this time, no warm-up after half of it, and no round that would end after it; cases without a
    /// run are named, and the exit code is 1
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

/// What the stages are.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct StagesArgs {
    /// What the stages run on
    #[arg(long, value_enum, default_value_t)]
    mode: ModeArg,
    /// Short for --mode processes
    #[arg(long, conflicts_with = "mode")]
    processes: bool,
}

impl StagesArgs {
    /// The mode, however it was asked for.
    pub fn mode(&self) -> ModeArg {
        if self.processes { ModeArg::Processes } else { self.mode }
    }
}

/// How the run goes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct RunArgs {
    #[command(flatten)]
    pub stages: StagesArgs,
    /// What a failed input does to the run
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub on_error: OnErrorArg,
}

/// The pool and its memory.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct PoolArgs {
    /// Cores for the pool [default: all that affinity and cgroup quota allow]
    #[arg(short = 'j', long, value_name = "N", value_parser = value::threads)]
    pub threads: Option<NonZeroUsize>,
    /// Frames side by side, bands of one frame, or both as it fits
    #[arg(long, value_enum, default_value_t)]
    pub split: SplitArg,
}

/// Memory.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct MemoryArgs {
    /// Bytes of frames in flight, like 512M; auto: the smaller of 60 % of available memory and 4 GiB; auto/2: half of that
    #[arg(long, value_name = "SIZE|auto", default_value = "auto")]
    pub mem: Mem,
}

/// The readers.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Speed and memory")]
pub struct ReadingArgs {
    /// Threads that read files [default: 2]
    #[arg(long, value_name = "N", value_parser = value::readers)]
    pub io_threads: Option<NonZeroUsize>,
}

impl ReadingArgs {
    /// How many, 1...
    pub fn io_threads(&self) -> usize {
        self.io_threads.map_or(2, NonZeroUsize::get)
    }
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
    /// [default: {dir}/{stem}.{ext}, or {dir}/{stem}.{format} with --format]; an extension at its
    /// end, like .png, is the output format
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
    ///
    /// A file at an output's place that the journal does not name is replaced, also without -y: a run that was killed may
    /// have left it. An output that was changed after it was made is kept, and its input counts as failed, unless -y.
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
