//! What the stages of a clip job tell each other of the clip, beside its frames.

use serde::{Deserialize, Serialize};

use crate::codec::y4m::Interlacing;
use crate::ffmpeg::{Clip, ColorTags, DisplayMatrix, Last, TimeBase, Window};
use crate::filter::Dihedral;

/// Said by the reader, completed by the work, used by the writer. In process mode it crosses in
/// the links' headers, so that only the reader is told which clip it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Where everything but the frames is; nothing for sources that have nothing else.
    pub rest: Option<Rest>,
    /// What the pictures are that the frames are made of; nothing for the frames of a clip.
    pub stills: Option<Stills>,
    /// ffmpeg's pixel format of the frames, where it has one.
    pub format: Option<String>,
    /// What a result says of its colour; what is `None` stays unsaid.
    pub color: ColorTags,
    /// The tick of the frames' times.
    pub time_base: TimeBase,
    /// When the first frame is shown, in ticks.
    pub first: i64,
    /// The last frame, where it is known and lasts as long as it likes.
    pub last: Option<Last>,
    /// Frames per second, where they are even or nearly so.
    pub rate: Option<(u32, u32)>,
    /// Frames per second of a clock on which all frames begin, where they are uneven and the
    /// container tells: for encoders that count frames.
    pub clock: Option<(u32, u32)>,
    /// Rows in time.
    pub interlacing: Interlacing,
    /// Width to height of a pixel.
    pub aspect: Option<(u32, u32)>,
    /// How the clip asks players to turn it.
    pub display: Option<DisplayMatrix>,
    /// Whether frames stand as they are stored, or as they are shown.
    pub turn: Turn,
    /// How often an animated picture is shown; `None` is for ever.
    pub plays: Option<u32>,
    /// The number of the first picture of a sequence.
    pub number: Option<u64>,
}

/// The file that has sound, subtitles, chapters and tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rest {
    /// The clip as it was when its reader looked at it.
    pub clip: Clip,
    /// The index of the stream that is rendered.
    pub stream: usize,
    /// Which part of it.
    pub window: Window,
}

/// Pictures that are the frames of a clip: the files of a sequence, or an animated picture's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stills {
    /// The format's name.
    pub format: String,
    /// Whether they cross as files, to be decoded by the work.
    pub coded: bool,
    /// Whether they are WebP without loss, which WebP keeps.
    pub lossless: bool,
    /// What turns them upright.
    pub orientation: Dihedral,
    /// Their colour profile.
    pub icc: Option<Vec<u8>>,
}

/// What became of the turn that a clip asks players for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// Frames are as they are stored; the display matrix stays, if there is one.
    Stored,
    /// Frames were turned; the display matrix is done with.
    Done,
}

impl Facts {
    /// Of frames of `each` seconds that begin at 0 and have nothing beside them.
    pub fn even(each: TimeBase) -> Self {
        Self {
            rest: None,
            stills: None,
            format: None,
            color: ColorTags::default(),
            time_base: each,
            first: 0,
            last: None,
            rate: Some((each.den(), each.num())),
            clock: None,
            interlacing: Interlacing::Progressive,
            aspect: None,
            display: None,
            turn: Turn::Stored,
            plays: None,
            number: None,
        }
    }
}
