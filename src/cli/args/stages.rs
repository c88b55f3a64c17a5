//! `lumaloom stage`: plumbing that a shell, ssh or a parent joins.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::super::value;
use super::{MemoryArgs, PixelArgs, PoolArgs, ReadingArgs, WalkArgs, WritingArgs};

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
