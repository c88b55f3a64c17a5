//! `lumaloom stage`: plumbing that a shell, ssh or a parent joins.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lumaloom::codec::y4m::Interlacing;
use lumaloom::ffmpeg::Takes;

use super::super::value;
use super::{
    ClipArgs, EncodingArgs, MatrixArg, MemoryArgs, PixelArgs, PoolArgs, RangeArg, ReadingArgs,
    WalkArgs, WritingArgs,
};

/// `lumaloom stage`.
#[derive(Debug, Args)]
pub struct StageArgs {
    #[command(subcommand)]
    pub stage: StageCommand,
}

#[derive(Debug, Subcommand)]
pub enum StageCommand {
    /// Read inputs; packets go to stdout
    Read(StageRead),
    /// Decode, filter and encode packets from stdin to stdout; the stream says of which job
    Work(Box<StageWorkArgs>),
    /// Write packets from stdin to files
    Write(StageWrite),
}

/// `lumaloom stage read`.
#[derive(Debug, Args)]
pub struct StageRead {
    #[command(subcommand)]
    pub job: ReadJob,
}

/// The jobs that there is something to read for.
#[derive(Debug, Subcommand)]
pub enum ReadJob {
    /// Still pictures
    #[command(alias = "image")]
    Images(Box<StageReadArgs>),
    /// The frames of a clip
    #[command(alias = "videos")]
    Video(Box<StageReadClipArgs>),
}

/// `lumaloom stage write`.
#[derive(Debug, Args)]
pub struct StageWrite {
    #[command(subcommand)]
    pub job: WriteJob,
}

/// Where a stage can write to.
#[derive(Debug, Subcommand)]
pub enum WriteJob {
    /// Still pictures, to files
    #[command(alias = "image")]
    Images(Box<StageWriteArgs>),
    /// The frames of a clip, to a clip
    #[command(alias = "videos")]
    Video(Box<StageWriteClipArgs>),
    /// Nowhere, for measuring: counts the bytes and drops them
    Null(EventArgs),
}

/// The jobs that can be cut into stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StageJob {
    /// Still pictures
    #[value(alias = "image")]
    Images,
    /// Clips
    #[value(alias = "videos")]
    Video,
}

/// `lumaloom stage read images`.
#[derive(Debug, Args)]
pub struct StageReadArgs {
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
    /// The job, which the stream says anyway
    #[arg(value_name = "JOB", value_enum)]
    pub job: Option<StageJob>,
    /// Turn the frames of a clip as it asks players to, whatever the chain
    #[arg(long)]
    pub upright: bool,
    /// The pixel format of frames that are made of pictures [default: yuv420p]
    #[arg(long, value_name = "NAME")]
    pub pix_fmt: Option<String>,
    /// Their matrix [default: bt709 from 720 lines up, else bt601]
    #[arg(long, value_name = "NAME", value_enum)]
    pub colorspace: Option<MatrixArg>,
    /// Their range [default: limited]
    #[arg(long, value_name = "NAME", value_enum)]
    pub color_range: Option<RangeArg>,
    #[command(flatten)]
    pub pixels: PixelArgs,
    #[command(flatten)]
    pub pool: PoolArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// `lumaloom stage read video`.
#[derive(Debug, Args)]
pub struct StageReadClipArgs {
    /// A clip, an animated picture, pictures as a pattern like shot_%05d.png, or - for raw frames (y4m) on stdin
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    #[command(flatten)]
    pub clip: ClipArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// `lumaloom stage write video`.
#[derive(Debug, Args)]
pub struct StageWriteClipArgs {
    /// A clip, whose extension chooses the container; .gif, .png or .webp; pictures as a pattern; - for y4m on stdout; or null
    #[arg(short, long, value_name = "OUT", allow_hyphen_values = true)]
    pub output: PathBuf,
    /// The output may be replaced if it exists
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Threads of the encoder's ffmpeg [default: ffmpeg's choice]
    #[arg(long, value_name = "N")]
    pub ffmpeg_threads: Option<NonZeroUsize>,
    /// Write frames alone, at the clip's times and so many ticks: a segment, to be joined to others
    #[arg(long, value_name = "TICKS")]
    pub segment: Option<i64>,
    /// How rows were taken in the clip that it is a segment of: p, t, b or m, as in y4m [default: as in the stream]
    #[arg(long, value_name = "LETTER", value_parser = value::interlacing, requires = "segment")]
    pub interlacing: Option<Interlacing>,
    /// The pixel format that the encoder takes, and /tv, /smpte170m, /center or /whole behind it for what its files are read as [default: it is tried]
    #[arg(long, value_name = "NAME")]
    pub takes: Option<Takes>,
    #[command(flatten)]
    pub encoding: EncodingArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// `lumaloom stage write images`.
#[derive(Debug, Args)]
pub struct StageWriteArgs {
    /// The output folder, or one file
    #[arg(short, long, value_name = "OUT", allow_hyphen_values = true)]
    pub output: PathBuf,
    #[command(flatten)]
    pub writing: WritingArgs,
    /// Replace what is not journalled as done; without -y nothing of other inputs or recipes
    #[arg(long)]
    pub resume: bool,
    /// Manifest of inputs whose outputs stay even with -y; a parent gives it
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, requires = "resume")]
    pub standing: Option<PathBuf>,
    /// The folder that inputs are relative to, for the journal; a parent gives it
    #[arg(long, value_name = "DIR", allow_hyphen_values = true)]
    pub base: Option<PathBuf>,
    /// What outputs depend on, as a number for the journal; a parent gives it
    #[arg(long, value_name = "HEX", value_parser = value::hex, default_value = "0")]
    pub recipe_hash: u64,
    /// The chain, for the journal
    #[arg(long, value_name = "CHAIN", default_value = "", allow_hyphen_values = true)]
    pub chain: String,
    /// The output folder's lock is held under this open descriptor; a parent gives it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(3..))]
    pub lock_fd: Option<i32>,
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
