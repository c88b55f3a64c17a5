//! What a run says about itself: one event enum is all that stages and observers share.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The three stages of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageName {
    /// Brings bytes in.
    Read,
    /// Computes.
    Work,
    /// Brings bytes out.
    Write,
}

impl StageName {
    /// `read`, `work` or `write`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Work => "work",
            Self::Write => "write",
        }
    }
}

/// What cannot be kept on the way from an input to its output. Counted, and said at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// 16 bits or floats became fewer bits.
    Depth,
    /// Transparency was flattened.
    Alpha,
    /// The format holds no EXIF.
    Exif,
    /// The format holds no XMP.
    Xmp,
    /// The format holds no IPTC.
    Iptc,
    /// The format holds no colour profile, or not one of this kind.
    Icc,
    /// The format holds no density.
    Density,
    /// The format holds no text entries.
    Text,
    /// Frames of an animation after the first.
    Frames,
    /// Pages after the first, and what a JPEG has behind its picture: a gain map, a clip.
    Pages,
    /// CMYK or Lab became RGB through the profile.
    ColorModel,
    /// A palette became full colour.
    Palette,
    /// Colours were reduced to those that a palette holds.
    Colors,
    /// The format is the source's, but not the way in which it was compressed, which is not written.
    Compression,
    /// A clip's decoder reported errors.
    Damage,
}

/// What one stage did in its lifetime. Seconds are summed over its threads:
/// `busy + blocked_in + blocked_out = threads * lifetime`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// Which stage.
    pub name: StageName,
    /// Its process.
    pub pid: u32,
    /// That process's parent.
    pub parent_pid: u32,
    /// Threads that do the stage's work.
    pub threads: usize,
    /// Working.
    pub busy_seconds: f64,
    /// Waiting for input.
    pub blocked_in_seconds: f64,
    /// Waiting for room in the output, or for memory.
    pub blocked_out_seconds: f64,
    /// The mean number of packets that waited at its input.
    pub queue_depth_mean: f64,
    /// The process's peak resident set, in bytes.
    pub peak_rss_bytes: u64,
}

/// What a program at a stage's side cost: an ffmpeg, in a process of its own. Its time and memory
/// are in no stage's report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HelperReport {
    /// `decoder`, `encoder`, `probe`, ...
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Processor time in seconds, user and system, summed over its threads; to 0.02 s.
    pub cpu_seconds: f64,
    /// Its peak resident set, in bytes, as it was last seen while it ran; 0 if it never was.
    pub peak_rss_bytes: u64,
    /// How many errors its log has, whether it went on after them or not.
    #[serde(default)]
    pub errors: u64,
    /// The first of them, each once.
    #[serde(default)]
    pub first_errors: Vec<String>,
}

impl HelperReport {
    /// Whether it is a decoder that found its clip damaged.
    pub fn is_damage(&self) -> bool {
        self.name == "decoder" && self.errors > 0
    }
}

/// Something happened. In process mode these cross to the parent as JSON lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The job list is complete.
    Planned {
        /// Items to do.
        items: u64,
        /// Their bytes, where known.
        bytes: u64,
    },
    /// Nobody knows how many items there are; about so many.
    Estimated {
        /// Items to do.
        items: u64,
    },
    /// A stage is about to start; in process mode with the command that a person could type.
    StageStarted {
        /// Which.
        name: StageName,
        /// Its process.
        pid: u32,
        /// That process's parent.
        parent_pid: u32,
        /// Its threads.
        threads: usize,
        /// The command line, in process mode.
        command: Option<String>,
    },
    /// An item's bytes were read.
    Read {
        /// 0.., no holes.
        seq: u64,
        /// Bytes.
        bytes: u64,
        /// Seconds since the run started, when reading began.
        start: f64,
        /// Seconds it took.
        seconds: f64,
    },
    /// An item was computed; of several steps the longest is told.
    Worked {
        /// 0.., no holes.
        seq: u64,
        /// Pixels of the input.
        pixels: u64,
        /// Seconds since the run started, when work began.
        start: f64,
        /// Seconds it took.
        seconds: f64,
        /// Which pool thread did it, 0...
        thread: usize,
    },
    /// An item's output is in place.
    Done {
        /// 0.., no holes.
        seq: u64,
        /// The input.
        #[serde(with = "crate::event::path_text")]
        input: PathBuf,
        /// The output.
        #[serde(with = "crate::event::path_text")]
        output: PathBuf,
        /// Bytes of the output.
        bytes: u64,
        /// Bytes of the input, as `Planned` counts them.
        input_bytes: u64,
        /// Pixels of the input.
        pixels: u64,
        /// What was lost.
        losses: Vec<Loss>,
        /// Seconds since the run started, when writing began.
        start: f64,
        /// Seconds it took.
        seconds: f64,
    },
    /// An item has no output.
    Failed {
        /// 0.., no holes.
        seq: u64,
        /// The input.
        #[serde(with = "crate::event::path_text")]
        input: PathBuf,
        /// Bytes of the input, as `Planned` counts them.
        input_bytes: u64,
        /// Why.
        error: Error,
    },
    /// A link's depth, sampled by the monitor.
    Sample {
        /// The stage at whose input the packets wait.
        name: StageName,
        /// Packets.
        depth: usize,
        /// Bytes of frames in flight.
        in_flight_bytes: u64,
        /// The resident set, in bytes.
        rss_bytes: u64,
    },
    /// A stage ended.
    StageEnded(StageReport),
    /// A program at a stage's side has ended.
    HelperEnded(HelperReport),
    /// A stage in a process of its own ended early, and why. Echoes are not told.
    StageFailed {
        /// Which.
        name: StageName,
        /// Why.
        error: Error,
    },
    /// Something worth saying that is no failure.
    Warning {
        /// A sentence fragment.
        text: String,
    },
}

/// Who listens. Called from any stage's threads, concurrently; must not block for long.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn on(&self, event: &Event);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _: &Event) {}
}

/// Paths in JSON: text where they are UTF-8, else `{"hex": "..."}` of their bytes, so that no
/// path is ever changed on the way.
pub mod path_text {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text {
        Plain(String),
        Bytes { hex: String },
    }

    /// Writes a path.
    pub fn serialize<S: Serializer>(path: &Path, s: S) -> Result<S::Ok, S::Error> {
        let text = match path.to_str() {
            Some(text) => Text::Plain(text.to_owned()),
            None => {
                let bytes = path.as_os_str().as_bytes();
                Text::Bytes { hex: bytes.iter().map(|b| format!("{b:02x}")).collect() }
            }
        };
        text.serialize(s)
    }

    /// Reads a path.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<PathBuf, D::Error> {
        match Text::deserialize(d)? {
            Text::Plain(text) => Ok(text.into()),
            Text::Bytes { hex } => {
                let byte = |pair: &[u8]| {
                    let text = std::str::from_utf8(pair).ok()?;
                    u8::from_str_radix(text, 16).ok()
                };
                let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
                let bytes = bytes.ok_or_else(|| serde::de::Error::custom("not hexadecimal"))?;
                Ok(OsString::from_vec(bytes).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn paths_that_are_not_utf8_survive_json() {
        let path: PathBuf = std::ffi::OsString::from_vec(vec![b'a', 0xff, b'\n']).into();
        let event = Event::Failed {
            seq: 3,
            input: path,
            input_bytes: 0,
            error: Error::input("not an image"),
        };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }
}
