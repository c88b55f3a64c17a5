//! What the stages of a clip job tell each other of the clip, beside its frames.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ffmpeg::{DisplayMatrix, TimeBase, Window, Wishes};

/// Said by the reader, completed by the work, used by the writer. In process mode it crosses in
/// the links' headers, so that only the reader is told which clip it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The clip, absolute.
    #[serde(with = "crate::event::path_text")]
    pub clip: PathBuf,
    /// The index of the stream that is rendered.
    pub stream: usize,
    /// What the user says against or beside the clip's tags.
    pub wishes: Wishes,
    /// Which frames.
    pub window: Window,
    /// Seconds per frame that frames were dropped or repeated for.
    pub rate: Option<TimeBase>,
    /// The tick of the frames' times.
    pub time_base: TimeBase,
    /// When the first frame is shown, in ticks.
    pub first: i64,
    /// Width to height of a pixel.
    pub aspect: Option<(u32, u32)>,
    /// How the clip asks players to turn it.
    pub display: Option<DisplayMatrix>,
    /// Whether frames stand as they are stored, or as they are shown.
    pub turn: Turn,
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
