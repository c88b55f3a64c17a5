//! What a person may type: the commands here, their options in groups (`groups`), the stages
//! apart (`stages`). Nothing is decided here; `job` does that.

mod groups;
mod stages;
#[cfg(test)]
mod tests;
mod video;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use groups::{
    ChainArgs, MeasureArgs, MemoryArgs, ModeArg, OnErrorArg, PixelArgs, PoolArgs, ProgressArg,
    ReadingArgs, ResumeArgs, RunArgs, SayArgs, ShrinkArg, SplitArg, StagesArgs, WalkArgs,
    WritingArgs,
};
pub use stages::{
    EventArgs, ReadJob, StageArgs, StageCommand, StageReadArgs, StageReadClipArgs, StageWorkArgs,
    StageWriteArgs, StageWriteClipArgs, WriteJob,
};
pub use video::{ClipArgs, CodecArgs, EncodingArgs, MatrixArg, RangeArg, VideoArgs};

/// Filter chains on folders of images and on clips, as fast as the cores allow.
#[derive(Debug, Parser)]
#[command(name = "lumaloom", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Data goes to stdout, everything said to people to stderr.\n\
    Exit codes: 0 all done, 1 some inputs failed, 2 wrong usage and nothing touched, \
    70 internal fault or stall, 75 temporary, 130 interrupted.")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Filter folders, files and globs into a folder, or one file into one file
    #[command(visible_alias = "image")]
    Images(Box<ImagesArgs>),
    /// Filter a clip: the pixels change, everything else stays as it was
    #[command(visible_alias = "videos")]
    Video(Box<VideoArgs>),
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

/// `lumaloom bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_HELP)]
pub struct BenchArgs {
    /// Folders, files and globs; or one clip, animated picture, or pictures as a pattern like shot_%05d.png; or `compare A.json B.json`
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Write outputs below this folder, of a clip into a file beside this one, and remove them; without it pictures are dropped when encoded, and a clip's frames are not encoded
    #[arg(short, long, value_name = "DIR|FILE")]
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
    #[command(flatten)]
    pub clip: ClipArgs,
    #[command(flatten)]
    pub codec: CodecArgs,
}

const BENCH_HELP: &str = "\
Examples:
  lumaloom bench photos -f 'eq=contrast=1.15,gblur=3' --threads 1..4 --runs 5
  lumaloom bench photos --modes inline,threads,processes --export-json b.json
  lumaloom bench clip.mp4 -f gblur=3 --ss 10 --t 5
  lumaloom bench clip.mp4 -o out.mp4 --codec libx264 --preset fast --modes threads,processes
  lumaloom bench compare a.json b.json

A clip is decoded by ffmpeg, and encoded if there is -o, on as many threads as are measured; what that
costs is a column of its own and not among the busy cores.
A folder named compare is ./compare.";

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
