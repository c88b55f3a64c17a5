//! One blank frame through an encoder before the first real one: whether it goes with its options,
//! and what it takes.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::color::Read;
use super::{COUNTING, Encode, Encoder, Origin, Takes};
use crate::codec::y4m::Interlacing;
use crate::error::{Error, Kind, Result, shown};
use crate::ffmpeg::muxer::encoder;
use crate::ffmpeg::named::{Family, has_alpha, opaque};
use crate::ffmpeg::option::option;
use crate::ffmpeg::probe::Clip;
use crate::ffmpeg::program::{Log, Programs};
use crate::ffmpeg::stream::{ColorTags, Video};
use crate::frame::{Frame, Layout, Size};
use crate::link::Cancel;

/// What ffmpeg makes of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// ffmpeg's name of the encoder, asked for or the usual one of the container.
    pub encoder: String,
    /// What it takes.
    pub takes: Takes,
    /// What players do not learn from its files and will not guess.
    pub untold: Vec<String>,
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
const SPENDING: &[&str] =
    &["b", "vb", "q", "qscale", "qp", "crf", "global_quality", "qmax", "maxrate"];

/// Options that choose encoder, container and pixel format, or what goes where.
const CHOOSING: &[&str] =
    &["c", "codec", "vcodec", "f", "pix_fmt", "filter_complex", "lavfi", "map"];

impl Encode<'_> {
    /// Tries it out, in a folder for what is thrown away, with a small frame or else with one of
    /// the real size, and without the user's filters and the words after `--`: these may name files
    /// that it would write. `None` where that tells nothing: where such words choose format or
    /// encoder, or may be what it lacks, and where a folder for what is thrown away is full.
    ///
    /// # Errors
    /// `Usage` with what ffmpeg says: encoder, options, pixel format, size and container do not go
    /// together. When `cancel` says to stop now.
    pub fn trial(&self, out: &Path, cancel: &Cancel) -> Result<Option<Trial>> {
        let chosen =
            |word: &OsString| option(word).is_some_and(|(name, _)| CHOOSING.contains(&name));
        if self.extra.iter().any(chosen) {
            return Ok(None);
        }
        let size = self.layout.size();
        let small = Size::new(shortened(size.width), shortened(size.height));
        let room = tempfile::tempdir()
            .map_err(|e| Error::system(format!("failed to make a folder for a trial: {e}")))?;
        let file = room.path().join("trial").with_extension(out.extension().unwrap_or_default());
        let mut tried = self.tried(small, &file, cancel);
        // What is said of a job that fails is that of frames as they are.
        let large = (small != size).then(|| (self.clone(), size));
        let mut whole = false;
        for (job, of) in self.ever_plainer().map(|job| (job, small)).chain(large) {
            if tried.is_ok() || cancel.is_now() {
                break;
            }
            whole = self.field().is_some() && job.field().is_none();
            tried = job.tried(of, &file, cancel);
        }
        match tried {
            Ok(Some(found)) => {
                let gray = Family::of(self.given()) == Family::Gray;
                let better = gray && Family::of(&found.format) == Family::Rgb;
                let ycbcr = better.then(|| self.as_format(["yuv420p", "yuv420p10le"]));
                let ycbcr = ycbcr.and_then(|job| job.tried(small, &file, cancel).ok().flatten());
                Ok(Some(self.made_of(ycbcr.unwrap_or(found), whole)))
            }
            Ok(None) => Ok(None),
            Err(_) if cancel.is_now() => Err(cancel.error()),
            Err(e) if self.extra.is_empty() && self.after.is_none() && !is_of_disk(&e) => {
                // Nobody else has heard of that file.
                let said = e.to_string().replace(&*file.to_string_lossy(), &shown(out).to_string());
                Err(unfit(&Error::usage(said)))
            }
            Err(_) => Ok(None),
        }
    }

    /// What follows for this job from what was found of one that is smaller and may be plainer.
    fn made_of(&self, found: Found, whole: bool) -> Trial {
        let Found { encoder, mut format, full, file } = found;
        // What ffmpeg made full range has a name of its own that says so.
        if full && self.color.range.as_deref() != Some("pc") {
            format = format.replacen("yuv4", "yuvj4", 1);
        }
        let kept = file.as_ref().and_then(|video| video.pix_fmt.as_deref());
        if kept.is_some_and(|kept| !has_alpha(kept)) {
            // The container has no place for what the encoder would write beside its frames.
            format = opaque(&format);
        }
        let takes = Takes { format, whole, ..Takes::default() };
        let job = Self { takes: Some(takes.clone()), ..self.clone() };
        let (read, untold) = match file {
            Some(video) => (job.misread(&takes.format, &video), job.untold(&video)),
            // Nobody knows what it says.
            None => (Read::default(), Vec::new()),
        };
        Trial { encoder, takes: Takes { read, ..takes }, untold }
    }

    /// The same without what some encoder or other refuses, one thing after the other.
    fn ever_plainer(&self) -> impl Iterator<Item = Self> {
        // 9.0, of an encoder that has full range alone.
        let unsaid = |job: &Self| {
            let color = ColorTags { range: None, ..job.color.clone() };
            Self { color, ..job.clone() }
        };
        let whole = Self { interlacing: Interlacing::Progressive, ..self.clone() };
        // 9.0 finds RGB with alpha for VP9, which its library refuses.
        let veiled = unsaid(&whole).as_format(["yuva420p", "yuva420p10le"]);
        let alpha = self.layout.model().has_alpha();
        let (said, fields) = (self.color.range.is_some(), self.field().is_some());
        let helps = [said, fields, said && fields, alpha];
        let jobs = [unsaid(self), whole.clone(), unsaid(&whole), veiled].into_iter().zip(helps);
        jobs.filter_map(|(job, helps)| helps.then_some(job))
    }

    /// The same with frames for the encoder in a format of 8 bits, or one of 10 if they are deeper.
    fn as_format(&self, [eight, ten]: [&str; 2]) -> Self {
        let format = if self.layout.depth().bits() > 8 { ten } else { eight };
        let takes = Takes { format: format.to_owned(), ..Takes::default() };
        Self { takes: Some(takes), ..self.clone() }
    }

    fn tried(&self, size: Size, file: &Path, cancel: &Cancel) -> Result<Option<Found>> {
        let layout = Layout::new(size, self.layout.model(), self.layout.depth())?;
        // Nothing beside the frame, and nothing of the user's.
        let (copies, display, last, after) = (None, None, None, None);
        let (first, origin, extra) = (0, Origin::Clip, Vec::new());
        let job =
            Self { copies, display, last, after, first, origin, extra, layout, ..self.clone() };
        let said = Arc::new(Mutex::new(Heard::default()));
        let hear = said.clone();
        let on_line = move |line: &str| {
            hear.lock().unwrap_or_else(PoisonError::into_inner).note(line);
        };
        let mut encoder =
            Encoder::heard("encoder's trial", &job, file, Log::Info, on_line, cancel)?;
        encoder.write(&Frame::zeroed(layout), 0, cancel)?;
        encoder.finish(cancel)?;
        let said = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(name) =
            said.unused.iter().find(|name| ["crf", "preset"].contains(&name.as_str()))
        {
            let encoder = said.encoder.as_deref().unwrap_or("the encoder");
            return Err(Error::usage(format!(
                "{encoder} has no --{name} (-- -q:v 3 or -- -b:v 4M are what most others have)"
            )));
        }
        let Some((encoder, (format, full))) = said.encoder.zip(said.format) else {
            return Ok(None);
        };
        let file = pictures(self.programs, file, cancel)?;
        Ok(Some(Found { encoder, format, full, file }))
    }
}

/// What was found of an encoder.
struct Found {
    /// ffmpeg's name of it.
    encoder: String,
    /// The pixel format that it was given, and whether that was full range.
    format: String,
    full: bool,
    /// What its file says, if it can be read.
    file: Option<Video>,
}

impl Trial {
    /// What is to be said of an encoder that nobody asked for, if its bits are few: it gets
    /// ffmpeg's 200 kbit/s (5.1 and 9.0). `out` is what it is chosen by, `words` stand after `--`.
    pub fn thrifty(&self, out: &Path, words: &[OsString]) -> Option<String> {
        let encoder = self.encoder.as_str();
        let counted = COUNTING.contains(&encoder) || THRIFTY.contains(&encoder);
        let of_pictures = |streams: &str| !streams.starts_with(['a', 's']);
        let told = words.iter().filter_map(|word| option(word));
        let told = told.into_iter().any(|(name, of)| SPENDING.contains(&name) && of_pictures(of));
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
    /// Names of options that the encoder does not have.
    unused: Vec<String>,
}

impl Heard {
    fn note(&mut self, line: &str) {
        if self.encoder.is_none() {
            self.encoder = encoder(line);
        }
        self.unused.extend(unused(line));
        self.output |= line.contains("Output #0, ");
        if self.output && self.format.is_none() {
            self.format = format(line);
        }
    }
}

/// What a file says of its pictures, if it can be read.
fn pictures(programs: &Programs, file: &Path, cancel: &Cancel) -> Result<Option<Video>> {
    let clip = match Clip::probe(programs, file, cancel) {
        // There is no ffprobe, or an old one.
        Err(e) if e.kind() == Kind::Usage => return Err(e),
        clip => clip.ok(),
    };
    Ok(clip.and_then(|clip| Some(clip.main_video().ok()?.1.clone())))
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

/// The option in `Codec AVOption crf (Select the quality) … has not been used for any stream.`
fn unused(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("Codec AVOption ")?;
    let (name, rest) = rest.split_once(' ')?;
    rest.contains("has not been used").then(|| name.to_owned())
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
        let lacks = "[warning] Codec AVOption crf (Select the quality for constant quality mode) \
                     specified for output file #0 (o.avi) has not been used for any stream. The most";
        assert_eq!(unused(lacks).as_deref(), Some("crf"));
    }

    #[test]
    fn an_encoder_with_few_bits_is_told_of_unless_somebody_says_how_many() {
        let trial = |encoder: &str| Trial {
            encoder: encoder.into(),
            takes: Takes::default(),
            untold: Vec::new(),
        };
        let of = |encoder, words: &str| {
            let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
            trial(encoder).thrifty(Path::new("o.avi"), &words)
        };
        assert!(
            of("mpeg4", "").is_some_and(|text| text.contains("o.avi") && text.contains("-q:v"))
        );
        assert!(of("mpeg4", "-b:a 96k -g 5").is_some());
        for words in ["-b:v 1M", "-b:v:0 1M", "-qscale 3", "-qp 20"] {
            assert_eq!(of("mpeg4", words), None, "{words}");
        }
        assert_eq!(of("libx264", ""), None);
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
