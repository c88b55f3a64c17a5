//! What a stream of a clip is: what it carries, and of pictures their size, colours and side data.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::display::DisplayMatrix;
use super::time::TimeBase;
use crate::frame::Size;

/// One stream. Its place in [`Clip::streams`](super::Clip::streams) is its index in ffmpeg's maps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// 0.., ffmpeg's number in `-map 0:N`.
    pub index: usize,
    /// What it carries.
    pub kind: StreamKind,
    /// ffmpeg's name of the codec; `None` where ffmpeg knows none.
    pub codec: Option<String>,
    /// The container's name of the codec, like `avc1`.
    pub tag: Option<String>,
    /// Names of the dispositions that are set, like `default` and `attached_pic`.
    pub dispositions: Vec<String>,
    /// Metadata: language, title, handler and what else there is.
    pub tags: Map<String, Value>,
    /// The tick of its timestamps.
    pub time_base: TimeBase,
    /// The first timestamp in ticks, where the container knows it.
    pub start: Option<i64>,
    /// Its length in ticks, where the container knows it.
    pub duration: Option<i64>,
    /// How many packets the container says it has; not frames, and not to be relied on.
    pub packets: Option<u64>,
    /// What a decoder of Opus drops at the start, in samples of 1/48000 s, if this version of
    /// ffmpeg keeps no account of it (5.1).
    pub preskip: Option<u32>,
}

impl Stream {
    /// Whether it has a disposition.
    pub fn is(&self, disposition: &str) -> bool {
        self.dispositions.iter().any(|d| d == disposition)
    }
}

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StreamKind {
    /// Pictures; cover art too.
    Video(Box<Video>),
    /// Sound.
    Audio,
    /// Subtitles.
    Subtitle,
    /// Fonts and other files.
    Attachment,
    /// Time codes, telemetry and what ffmpeg does not know.
    Data,
}

/// What a video stream is made of. Words are ffmpeg's; `None` is "not said".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// As stored, before any rotation.
    pub size: Size,
    /// ffmpeg's name, like `yuv420p10le`. `None` if no frame could be decoded for it.
    pub pix_fmt: Option<String>,
    /// Width to height of a pixel, both at least 1.
    pub aspect: Option<(u32, u32)>,
    /// Matrix, range, primaries, transfer and siting.
    pub color: ColorTags,
    /// `progressive`, `tt`, `bb`, `tb`, `bt`.
    pub field_order: Option<String>,
    /// Frames per second on average.
    pub average_rate: Option<TimeBase>,
    /// The lowest rate at which all timestamps fall on a frame.
    pub base_rate: Option<TimeBase>,
    /// How players are to turn it; `None` where they are to show it as it is stored.
    pub display: Option<DisplayMatrix>,
    /// Side data as ffprobe gives it: mastering display, content light level, display matrix,
    /// spherical and stereo descriptions. Of an HDR stream also what its first frame has.
    pub side_data: Vec<Map<String, Value>>,
}

/// How colour is coded, in ffmpeg's words; `None` where the stream does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColorTags {
    /// `tv` or `pc`.
    pub range: Option<String>,
    /// The matrix: `bt709`, `smpte170m`, `bt470bg`, `bt2020nc`, `gbr`.
    pub matrix: Option<String>,
    /// `bt709`, `bt2020`, ...
    pub primaries: Option<String>,
    /// `bt709`, `smpte2084`, `arib-std-b67`, ...
    pub transfer: Option<String>,
    /// `left`, `center`, `topleft`, ...
    pub siting: Option<String>,
}

/// The tag by which a stream says that it has alpha beside its frames.
pub(super) const ALPHA_TAG: &str = "alpha_mode";

/// The decoder that sees the alpha beside the frames of such a codec.
pub(super) fn alpha_decoder(codec: &str) -> Option<&'static str> {
    match codec {
        "vp8" => Some("libvpx"),
        "vp9" => Some("libvpx-vp9"),
        _ => None,
    }
}
