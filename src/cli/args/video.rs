//! `lumaloom video`: ffmpeg's names for what ffmpeg has, the common groups for the rest.

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lumaloom::ffmpeg::{Micros, TimeBase};

use super::super::job::word;
use super::super::value::{self, moment};
use super::super::words::option;
use super::{ChainArgs, MemoryArgs, PoolArgs, SayArgs, StagesArgs};

/// `lumaloom video`.
#[derive(Clone, Debug, Args)]
#[command(after_help = VIDEO_HELP)]
pub struct VideoArgs {
    /// A clip, an animated picture, pictures as a pattern like shot_%05d.png, or - for raw frames (y4m) on stdin
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// A clip, whose extension chooses the container; .gif, .png or .webp; pictures as a pattern; - for y4m on stdout; or null
    #[arg(short, long, value_name = "OUT", allow_hyphen_values = true)]
    pub output: PathBuf,
    /// Chain and options from a TOML file; the command line wins
    ///
    /// Keys are the long names of the options: `filter`, `crf`, `threads`, ...
    #[arg(long, value_name = "FILE.toml")]
    pub recipe: Option<PathBuf>,
    #[command(flatten)]
    pub chain: ChainArgs,
    #[command(flatten)]
    pub clip: ClipArgs,
    #[command(flatten)]
    pub encoding: EncodingArgs,
    /// The output may be replaced if it exists
    #[arg(short = 'y', long, help_heading = "Outputs")]
    pub overwrite: bool,
    /// Compare source and result afterwards; exit 1 when something was lost
    #[arg(long, help_heading = "Outputs")]
    pub verify: bool,
    #[command(flatten)]
    pub chunking: ChunkArgs,
    #[command(flatten)]
    pub stages: StagesArgs,
    #[command(flatten)]
    pub pool: PoolArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub say: SayArgs,
}

const VIDEO_HELP: &str = "\
Examples:
  lumaloom video in.mp4 -o out.mp4 -f 'eq=contrast=1.15,unsharp=5:5:0.6'
  lumaloom video in.mkv -o out.mkv -f gblur=2 --codec libx265 --crf 24 --ss 10 --t 5
  lumaloom video -i in.mp4 -vf gray -c:v libx264 -crf 20 -o out.mp4 -- -tune film

Sound, subtitles, chapters and tags are copied. ffmpeg's own one-dash spelling works for the
options that stand here; after -- everything goes to the encoder's ffmpeg unchanged.";

/// In segments.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Segments")]
pub struct ChunkArgs {
    /// Render in so many segments, cut at key frames; those that are finished outlive the run, in OUT.lumaloom
    #[arg(long, value_name = "N")]
    pub chunks: Option<NonZeroUsize>,
    /// Go on with the first segment that is not finished
    #[arg(long)]
    pub resume: bool,
    /// Segments that are rendered side by side, each with its part of the cores and of the memory [default: 1]
    #[arg(long, value_name = "W")]
    pub workers: Option<NonZeroUsize>,
}

/// Which part of the source, and how it is read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Source")]
pub struct ClipArgs {
    /// Start here, exact to the frame: seconds or HH:MM:SS.mmm; the output starts at 0
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub ss: Option<Micros>,
    /// Stop before this time of the source
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "t")]
    pub to: Option<Micros>,
    /// Stop after this much
    #[arg(long, value_name = "TIME", value_parser = moment, visible_alias = "duration")]
    pub t: Option<Micros>,
    /// Frames per second, like 25 or 30000/1001: of a clip frames are dropped or repeated, of pictures it is the rate
    #[arg(long, value_name = "RATE", value_parser = value::rate)]
    pub r: Option<TimeBase>,
    /// The matrix of an untagged source [default: bt709 from 720 lines up, else bt601]
    #[arg(long, value_name = "NAME", value_enum)]
    pub colorspace: Option<MatrixArg>,
    /// The range of an untagged source [default: limited]
    #[arg(long, value_name = "NAME", value_enum)]
    pub color_range: Option<RangeArg>,
    /// The first number of a sequence of pictures [default: the lowest]
    #[arg(long, value_name = "N")]
    pub start_number: Option<u64>,
    /// Stop after so many pictures or raw frames
    #[arg(long, value_name = "N")]
    pub frames: Option<NonZeroU64>,
    /// Pixel format: a clip's frames are converted before the chain, pictures after it [default: the source's; of pictures yuv420p]
    #[arg(long, value_name = "NAME")]
    pub pix_fmt: Option<String>,
    /// Threads of the decoder's and of the encoder's ffmpeg [default: ffmpeg's choice; in bench the measured count]
    #[arg(long, value_name = "N")]
    pub ffmpeg_threads: Option<NonZeroUsize>,
    /// Options for the decoder's ffmpeg, before its input; split as a shell splits words
    ///
    /// `-vf FILTERS` among them are ffmpeg's filters that frames go through first, for an
    /// interlaced clip `-vf yadif`; they must leave the size as it is.
    #[arg(long, value_name = "'ARGS'", allow_hyphen_values = true)]
    pub input_args: Option<String>,
}

/// Which encoder, and how it is tuned.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Encoding")]
pub struct CodecArgs {
    /// ffmpeg's encoder for the pictures [default: ffmpeg's for the container]
    #[arg(long, value_name = "NAME", visible_alias = "c:v", alias = "vcodec")]
    pub codec: Option<String>,
    /// Constant quality; the scale is the encoder's
    #[arg(long, value_name = "N", value_parser = value::number)]
    pub crf: Option<String>,
    /// Speed against size; the names are the encoder's
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
}

/// How the frames are encoded.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Encoding")]
pub struct EncodingArgs {
    #[command(flatten)]
    pub codec: CodecArgs,
    /// Quality of pictures that are JPEG (90 without it) or WebP (80), 1 to 100
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// Leave the sound out
    #[arg(long)]
    pub an: bool,
    /// Leave the subtitles out
    #[arg(long)]
    pub sn: bool,
    /// More options for the encoder's ffmpeg, after --
    #[arg(last = true, value_name = "FFMPEG-ARGS")]
    pub more: Vec<OsString>,
}

/// Luma weights by the standard's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MatrixArg {
    /// ITU-R BT.601
    #[value(alias = "smpte170m", alias = "bt470bg")]
    Bt601,
    /// ITU-R BT.709
    Bt709,
    /// ITU-R BT.2020
    #[value(alias = "bt2020nc")]
    Bt2020,
}

/// Which codes are black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RangeArg {
    /// Luma from 16 to 235, in 8 bit
    #[value(alias = "tv", alias = "mpeg")]
    Limited,
    /// All codes
    #[value(alias = "pc", alias = "jpeg")]
    Full,
}

impl ClipArgs {
    /// The options that mean these, as a person could type them. Defaults are left out.
    pub fn arguments(&self) -> Vec<OsString> {
        let micros = |time: Option<Micros>| time.map(|time| time.to_string());
        let rate = self.r.map(|frame| format!("{}/{}", frame.den(), frame.num()));
        [
            option("--ss", micros(self.ss)),
            option("--to", micros(self.to)),
            option("--t", micros(self.t)),
            option("--r", rate),
            option("--start-number", self.start_number.map(|n| n.to_string())),
            option("--frames", self.frames.map(|n| n.to_string())),
            option("--colorspace", self.colorspace.map(word)),
            option("--color-range", self.color_range.map(word)),
            option("--pix-fmt", self.pix_fmt.clone()),
            option("--ffmpeg-threads", self.ffmpeg_threads.map(|n| n.to_string())),
            option("--input-args", self.input_args.clone()),
        ]
        .concat()
    }
}

impl CodecArgs {
    /// The same.
    pub fn arguments(&self) -> Vec<OsString> {
        [
            option("--codec", self.codec.clone()),
            option("--crf", self.crf.clone()),
            option("--preset", self.preset.clone()),
        ]
        .concat()
    }
}

impl EncodingArgs {
    /// The same, without what stands after `--`.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut words = self.codec.arguments();
        words.extend(option("--quality", self.quality.map(|n| n.to_string())));
        words.extend(self.an.then(|| "--an".into()));
        words.extend(self.sn.then(|| "--sn".into()));
        words
    }
}
