//! Which streams an output has: the rendered one in its place, the others copied around it,
//! with the metadata and the dispositions that they had.

use std::path::Path;

use ffmpeg_sidecar::command::FfmpegCommand;

use super::container::{TRANSPORT, has_extension};
use super::display::keeps_matrix;
use super::opus;
use super::probe::Clip;
use super::stream::{Stream, StreamKind};
use super::time::Micros;
use crate::error::{Error, Result};

/// The streams of an output, in the clip's order.
#[derive(Clone, Debug)]
pub struct Copies<'a> {
    clip: &'a Clip,
    kept: Vec<&'a Stream>,
    rendered: usize,
    until: Option<Micros>,
    left_out: Vec<String>,
}

/// What is not wanted, or has no place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Without {
    /// `--an`.
    pub audio: bool,
    /// `--sn`.
    pub subtitles: bool,
    /// Cover art: the output has no place for it.
    pub covers: bool,
    /// What becomes of data: no two containers hold the same.
    pub holds: DataPlace,
}

/// Which data a container holds (5.1 and 9.0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataPlace {
    /// MP4 and MOV: a camera's telemetry; time codes, which are made anew from their tag.
    Tracks,
    /// MPEG-TS: metadata with keys, ID3 with times.
    Programs,
    /// None.
    #[default]
    Nowhere,
}

impl DataPlace {
    /// The one of a file with this name.
    pub fn of(out: &Path) -> Self {
        if has_extension(out, TRANSPORT) {
            Self::Programs
        } else if keeps_matrix(out) {
            Self::Tracks
        } else {
            Self::Nowhere
        }
    }

    /// What becomes of a stream of data.
    fn fate(self, stream: &Stream) -> Fate {
        match (self, stream.codec.as_deref(), stream.tag.as_deref()) {
            (Self::Tracks, _, Some("tmcd")) => Fate::MadeAnew,
            (Self::Tracks, Some("bin_data"), Some("gpmd"))
            | (Self::Programs, Some("klv" | "timed_id3"), _) => Fate::Kept,
            (_, None, Some(tag)) if tag.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Fate::Lost(format!("data, {tag}"))
            }
            (_, codec, _) => Fate::Lost(format!("data, {}", codec.unwrap_or("of no known kind"))),
        }
    }
}

enum Fate {
    Kept,
    MadeAnew,
    Lost(String),
}

impl<'a> Copies<'a> {
    /// All streams of `clip`, that of index `rendered` encoded anew, the others copied up to
    /// `until` from the clip's start.
    ///
    /// # Errors
    /// When `rendered` is no video stream.
    pub fn new(
        clip: &'a Clip,
        rendered: usize,
        without: Without,
        until: Option<Micros>,
    ) -> Result<Self> {
        let mut kept = Vec::new();
        let mut left_out = Vec::new();
        let mut place = None;
        for stream in clip.streams() {
            if stream.index == rendered && matches!(stream.kind, StreamKind::Video(_)) {
                place = Some(kept.len());
            } else if !wanted(stream, without) || holds_chapters(stream, clip) {
                continue;
            } else if without.covers && stream.is("attached_pic") {
                left_out.push(format!("stream {} (cover art)", stream.index));
                continue;
            } else if let StreamKind::Data = stream.kind {
                match without.holds.fate(stream) {
                    Fate::Kept => {}
                    Fate::MadeAnew => continue,
                    Fate::Lost(what) => {
                        left_out.push(format!("stream {} ({what})", stream.index));
                        continue;
                    }
                }
            }
            kept.push(stream);
        }
        let rendered = place
            .ok_or_else(|| Error::internal(format!("stream {rendered} is no video stream")))?;
        Ok(Self { clip, kept, rendered, until, left_out })
    }

    /// Where the streams come from.
    pub fn clip(&self) -> &'a Clip {
        self.clip
    }

    /// The output's streams, by their index there.
    pub fn kept(&self) -> &[&'a Stream] {
        &self.kept
    }

    /// The index in the output of the stream that is encoded.
    pub fn rendered(&self) -> usize {
        self.rendered
    }

    /// What the output does not get although nobody said so, and why: to be said.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    pub(super) fn until(&self) -> Option<Micros> {
        self.until
    }

    /// The options that map the streams to `out`, for input 0 with the frames and input 1 with
    /// the clip.
    pub(super) fn maps(&self, command: &mut FfmpegCommand, out: &Path) {
        for (at, stream) in self.kept.iter().enumerate() {
            if at == self.rendered {
                command.map("0:v:0");
            } else {
                command.map(format!("1:{}", stream.index));
            }
        }
        command.args(["-map_metadata", "1", "-map_chapters", "1"]);
        for (at, stream) in self.kept.iter().enumerate() {
            let index = stream.index;
            // One explicit mapping turns the automatic ones off, for all streams.
            command.args([format!("-map_metadata:s:{at}"), format!("1:s:{index}")]);
            let set = stream.dispositions.join("+");
            let set = if set.is_empty() { "0".to_owned() } else { set };
            command.args([format!("-disposition:{at}"), set]);
            if at != self.rendered {
                command.args([format!("-c:{at}"), "copy".to_owned()]);
                if let Some(setts) = stream.preskip.and_then(|skip| opus::setts(skip, out)) {
                    command.args([format!("-bsf:{at}"), setts]);
                }
            }
        }
    }
}

fn wanted(stream: &Stream, without: Without) -> bool {
    match stream.kind {
        StreamKind::Audio => !without.audio,
        StreamKind::Subtitle => !without.subtitles,
        _ => true,
    }
}

/// Whether it is what a mov or mp4 keeps its chapters in: they are written anew.
fn holds_chapters(stream: &Stream, clip: &Clip) -> bool {
    let text = (stream.codec.as_deref(), stream.tag.as_deref()) == (Some("bin_data"), Some("text"));
    text && matches!(stream.kind, StreamKind::Data) && !clip.chapters().is_empty()
}
