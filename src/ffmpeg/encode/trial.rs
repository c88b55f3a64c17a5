//! One blank frame through an encoder before the first real one: whether it goes with its options,
//! and what it takes.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{COUNTING, Encode, Encoder, Origin, Takes};
use crate::error::{Error, Result, shown};
use crate::ffmpeg::convert::{Family, is_named_full};
use crate::ffmpeg::muxer::encoder;
use crate::ffmpeg::probe::Clip;
use crate::ffmpeg::program::{Log, Programs};
use crate::ffmpeg::stream::ColorTags;
use crate::frame::{Frame, Layout, Size};
use crate::link::Cancel;

/// What ffmpeg makes of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// ffmpeg's name of the encoder, asked for or the usual one of the container.
    pub encoder: String,
    /// What it takes.
    pub takes: Takes,
}

/// Sides of a frame that is tried are so long, and no longer than it takes to be as divisible as
/// the real ones. An encoder of large frames needs seconds and gigabytes for one of them.
const SIDE: u32 = 128;
/// Divisors that an encoder may want: 4:2:0, macroblocks, coding tree units.
const DIVISOR: u32 = 64;

/// Encoders other than those that count frames which spend ffmpeg's usual bits where nobody says
/// how many, and so look poor.
const THRIFTY: &[&str] = &["mjpeg", "amv", "snow"];
/// Options that say how many.
const SPENDING: &[&str] = &["-b", "-b:v", "-vb", "-q", "-q:v", "-qscale", "-qscale:v", "-maxrate"];

/// Options that choose encoder, container and pixel format, or filters in place of ours.
const CHOOSING: &[&str] = &[
    "-c",
    "-codec",
    "-vcodec",
    "-f",
    "-pix_fmt",
    "-vf",
    "-filter",
    "-filter_complex",
    "-lavfi",
    "-map",
];

impl Encode<'_> {
    /// Tries it out, in a folder for what is thrown away, with a small frame or else with one of
    /// the real size, and without the words after `--`: these may name files that it would write.
    /// `None` where that tells nothing: where such words choose format or encoder, or may be what
    /// it lacks, and where a folder for what is thrown away is full.
    ///
    /// # Errors
    /// `Usage` with what ffmpeg says: encoder, options, pixel format, size and container do not go
    /// together. When `cancel` says to stop now.
    pub fn trial(&self, out: &Path, cancel: &Cancel) -> Result<Option<Trial>> {
        let chosen = |word: &OsString| {
            let name = word.to_str().and_then(|word| word.split(':').next()).unwrap_or_default();
            CHOOSING.contains(&name)
        };
        if self.extra.iter().any(chosen) {
            return Ok(None);
        }
        let size = self.layout.size();
        let small = Size::new(shortened(size.width), shortened(size.height));
        let again = |e: Error, job: &Self, of: Size, helps: bool| {
            if helps && !cancel.is_now() { job.tried(of, out, cancel) } else { Err(e) }
        };
        // Limited range that is said makes 9.0 refuse an encoder that has full range alone.
        let color = ColorTags { range: None, ..self.color.clone() };
        let unsaid = Self { color, ..self.clone() };
        let tried = self
            .tried(small, out, cancel)
            .or_else(|e| again(e, &unsaid, small, self.color.range.is_some()))
            .or_else(|e| again(e, self, size, small != size));
        match tried {
            Ok(trial) => Ok(trial),
            Err(_) if cancel.is_now() => Err(cancel.error()),
            Err(e) if self.extra.is_empty() && !is_of_disk(&e) => Err(unfit(&e)),
            Err(_) => Ok(None),
        }
    }

    fn tried(&self, size: Size, out: &Path, cancel: &Cancel) -> Result<Option<Trial>> {
        let room = tempfile::tempdir()
            .map_err(|e| Error::system(format!("failed to make a folder for a trial: {e}")))?;
        let file = room.path().join("trial").with_extension(out.extension().unwrap_or_default());
        let layout = Layout::new(size, self.layout.model(), self.layout.depth())?;
        // Nothing beside the frame.
        let (copies, display, last) = (None, None, None);
        let (first, origin, extra) = (0, Origin::Clip, Vec::new());
        let job = Self { copies, display, last, first, origin, extra, layout, ..self.clone() };
        let said = Arc::new(Mutex::new(Heard::default()));
        let hear = said.clone();
        let on_line = move |line: &str| {
            hear.lock().unwrap_or_else(PoisonError::into_inner).note(line);
        };
        let mut encoder =
            Encoder::heard("encoder's trial", &job, &file, Log::Info, on_line, cancel)?;
        encoder.write(&Frame::zeroed(layout), 0, cancel)?;
        encoder.finish(cancel)?;
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((encoder, (format, full))) = said.encoder.clone().zip(said.format.clone()) else {
            return Ok(None);
        };
        // What ffmpeg made full range has a name of its own that says so.
        let made_full = full && job.color.range.as_deref() != Some("pc");
        let format = if made_full { format.replacen("yuv4", "yuvj4", 1) } else { format };
        let takes = Takes { format, limited: false };
        let job = Self { takes: Some(takes.clone()), ..job };
        let full = job.coded_color().range.as_deref() == Some("pc");
        let ycbcr = Family::of(&takes.format) == Family::Ycbcr;
        let limited = full && ycbcr && !says_full(job.programs, &file, cancel);
        Ok(Some(Trial { encoder, takes: Takes { limited, ..takes } }))
    }
}

impl Trial {
    /// What is to be said of an encoder that nobody asked for, if its bits are few: it gets
    /// ffmpeg's 200 kbit/s (5.1 and 9.0). `out` is what it is chosen by, `words` stand after `--`.
    pub fn thrifty(&self, out: &Path, words: &[OsString]) -> Option<String> {
        let encoder = self.encoder.as_str();
        let counted = COUNTING.contains(&encoder) || THRIFTY.contains(&encoder);
        let told = words.iter().any(|word| SPENDING.iter().any(|option| word == *option));
        (counted && !told).then(|| {
            format!(
                "{} is encoded by {encoder} with ffmpeg's usual 200 kbit/s, which looks poor: \
                 --codec names another, -- -q:v 3 spends more",
                shown(out)
            )
        })
    }
}

/// What the log says of the first stream of the output.
#[derive(Debug, Default)]
struct Heard {
    encoder: Option<String>,
    /// And whether its range is full.
    format: Option<(String, bool)>,
    /// Whether what comes is of the output.
    output: bool,
}

impl Heard {
    fn note(&mut self, line: &str) {
        if self.encoder.is_none() {
            self.encoder = encoder(line);
        }
        self.output |= line.contains("Output #0, ");
        if self.output && self.format.is_none() {
            self.format = format(line);
        }
    }
}

/// Whether a file says that its pictures have their full range. One that cannot be read does not
/// say that they have not.
fn says_full(programs: &Programs, file: &Path, cancel: &Cancel) -> bool {
    let Ok(clip) = Clip::probe(programs, file, cancel) else { return true };
    let Ok((_, video)) = clip.main_video() else { return true };
    let named = video.pix_fmt.as_deref().is_some_and(is_named_full);
    named || video.color.range.as_deref() == Some("pc")
}

/// The pixel format in `Stream #0:0: Video: h264 (High) (avc1 / 0x31637661), yuv444p(tv), 66x64, …`,
/// and whether its range is full.
fn format(line: &str) -> Option<(String, bool)> {
    let (_, said) = line.split_once("Stream #0:0")?.1.split_once(": Video: ")?;
    let mut depth = 0;
    let mut cells = said.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    let cell = cells.nth(1)?.trim();
    let name = cell.split('(').next()?.trim();
    (name != "none").then(|| (name.to_owned(), cell.contains("(pc")))
}

/// A side as divisible as this one, and short.
fn shortened(side: u32) -> u32 {
    side.min(SIDE + side % DIVISOR)
}

/// Whether an error is of the disk, which says nothing against a job.
pub(crate) fn is_of_disk(error: &Error) -> bool {
    let text = error.to_string();
    ["No space left", "File too large", "Input/output error"].iter().any(|s| text.contains(s))
}

/// The error for a job whose encoder does not begin.
pub(crate) fn unfit(error: &Error) -> Error {
    Error::usage(format!(
        "{error} (before anything was written: --codec, --preset, --crf, --pix-fmt, the options after \
         -- and the output's name have to go together)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_what_the_encoder_is_given() {
        let mut heard = Heard::default();
        for line in [
            "[info]   Stream #0:0: Video: rawvideo (RGBA / 0x41424752), rgba, 66x64 [SAR 1:1]",
            "[info]   Stream #0:0 -> #0:0 (rawvideo (native) -> h264 (libx264))",
            "[info] Output #0, mp4, to 'a, b.mp4':",
            "[info]   Stream #0:0: Video: h264 (High 4:4:4, x) (avc1 / 0x31), yuv444p(tv, bt709), 6x6",
        ] {
            heard.note(line);
        }
        assert_eq!(heard.encoder.as_deref(), Some("libx264"));
        assert_eq!(heard.format, Some(("yuv444p".to_owned(), false)));
        let vp9 = "  Stream #0:0(und): Video: vp9, yuva420p, 66x64";
        assert_eq!(format(vp9), Some(("yuva420p".to_owned(), false)));
        let full = "  Stream #0:0: Video: mjpeg, yuv420p(pc, progressive), 66x64";
        assert_eq!(format(full), Some(("yuv420p".to_owned(), true)));
        assert_eq!(format("  Stream #0:0: Video: wrapped, none, 66x64"), None);
        assert_eq!(format("  Stream #0:1: Video: h264, yuv420p, 66x64"), None);
    }

    #[test]
    fn a_short_side_is_as_divisible_as_the_long_one() {
        for side in [1, 127, 128, 1080, 1081, 1920, 2160, 4095] {
            let short = shortened(side);
            assert!(short <= side && short < SIDE + DIVISOR, "{side}");
            assert!(short == side || short % DIVISOR == side % DIVISOR, "{side}");
        }
    }
}
