//! The encoder: one ffmpeg that takes our frames as NUT on its stdin, and everything else from
//! the clip itself, where the frames are a clip's.

mod color;
mod trial;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ffmpeg_sidecar::command::FfmpegCommand;
use serde::{Deserialize, Serialize};

use super::child::{Child, Patience, Pipe};
use super::container::{MATROSKA_TICKS, OGG, has_extension, is_matroska};
use super::copy::Copies;
use super::display::{DisplayMatrix, keeps_matrix};
use super::format::PixelFormat;
use super::hdr;
use super::named::has_alpha;
use super::nut::{Head, Nut};
use super::option::packet_filters;
use super::probe::{Clip, FORMATS, PROTOCOLS};
use super::program::{Log, Programs, file_argument, words};
use super::stream::{ALPHA_TAG, ColorTags, StreamKind};
use super::time::{Micros, TimeBase};
use super::track::set_matrix;
use crate::codec::y4m::Interlacing;
use crate::error::{Error, Result, shown};
use crate::frame::{Frame, Layout};
use crate::link::Cancel;

pub use color::Takes;
pub use trial::Trial;
pub(crate) use trial::{is_of_disk, unfit};

/// What is encoded, and how.
#[derive(Clone, Debug)]
pub struct Encode<'a> {
    /// The programs.
    pub programs: &'a Programs,
    /// Where the rest comes from, and which of it; nothing if frames are all that there is.
    pub copies: Option<&'a Copies<'a>>,
    /// How frames cross the pipe.
    pub format: PixelFormat,
    /// What frames are.
    pub layout: Layout,
    /// What the encoder takes, if a [`Trial`] told; else ffmpeg chooses.
    pub takes: Option<Takes>,
    /// Width to height of a pixel.
    pub aspect: Option<(u32, u32)>,
    /// How players are to turn the output's pictures; see [`keeps_matrix`].
    pub display: Option<DisplayMatrix>,
    /// The tick of the frames' times.
    pub time_base: TimeBase,
    /// Frames per second, on average: what encoders reckon with, while times decide.
    pub rate: Option<(u32, u32)>,
    /// Frames per second of a clock on which uneven frames begin, where it is known.
    pub clock: Option<(u32, u32)>,
    /// The first frame's time.
    pub first: i64,
    /// The last frame, where its length is its own: NUT says when frames begin and no more.
    pub last: Option<Last>,
    /// What the times in the output count from.
    pub origin: Origin,
    /// How the output says its colour; `None` stays unsaid.
    pub color: ColorTags,
    /// How the rows of all frames were taken.
    pub interlacing: Interlacing,
    /// ffmpeg's options that choose and tune the encoder.
    pub codec: Codec,
    /// The user's filters for ffmpeg, behind ours.
    pub after: Option<String>,
    /// What else stands after `--`.
    pub extra: Vec<OsString>,
    /// How long it may hang.
    pub patience: Patience,
}

/// The encoder and its tuning; `None` leaves it to ffmpeg and the container.
#[derive(Clone, Debug, Default)]
pub struct Codec {
    /// `--codec`.
    pub name: Option<String>,
    /// `--crf`.
    pub crf: Option<String>,
    /// `--preset`.
    pub preset: Option<String>,
    /// `--ffmpeg-threads`.
    pub threads: Option<usize>,
}

/// The last frame of a source that says how long it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// When it begins, in ticks of the frames' times.
    pub ticks: i64,
    /// For how long it is shown, in the same ticks.
    pub lasts: i64,
}

/// What the times in the output count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The clip's own zero: all timestamps stay as they are.
    Clip,
    /// The first frame, which comes to 0: the clip was trimmed.
    First,
    /// The clip's own zero, less so many ticks, 0..: of a segment in NUT, which holds no times
    /// below 0. [`Join`](super::Join) takes them back.
    Moved(i64),
}

/// Encoders that take a time base for a rate (5.1 and 9.0): MPEG-1 and 2 know some ten rates, MPEG-4
/// ticks of 1/65535 s and longer, and all of them spend their bits by it.
const COUNTING: &[&str] = &[
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "libxvid",
    "msmpeg4",
    "msmpeg4v2",
    "wmv1",
    "wmv2",
    "flv",
    "h261",
    "h263",
    "h263p",
    "dvvideo",
    "libtheora",
];
/// Containers for which ffmpeg chooses one of them.
const COUNTED: &[&str] = &[
    "ts", "mts", "m2ts", "m2t", "mpg", "mpeg", "vob", "m1v", "m2v", "avi", "flv", "wmv", "asf",
    "dv", "3gp", "mxf", "ogv",
];

/// What makes an encoder end by itself.
const EARLY: &str = "an option after -- tells it to stop early (--t, --to and --frames cut a clip)";

/// What an MP4 of ffmpeg's counts in, per second.
const MILLISECONDS: u32 = 1000;
/// Ticks per second of one of its tracks, at least.
const MP4_TICKS: u32 = 10_000;

/// A running encoder. Dropping it ends it and leaves a file that is not whole, which its owner
/// has to remove.
#[derive(Debug)]
pub struct Encoder {
    child: Child,
    nut: Nut,
    layout: Layout,
    /// What is added to a frame's time, so that NUT's begin at 0 or later.
    shift: i64,
    written: u64,
    /// How many frames it says it took, where that can be told. Nothing was said yet if it is
    /// the largest number.
    taken: Option<Arc<AtomicU64>>,
    /// What is set in the finished file.
    matrix: Option<Matrix>,
}

/// The display matrix of a track of a file.
#[derive(Debug)]
pub(super) struct Matrix {
    path: PathBuf,
    track: u32,
    value: DisplayMatrix,
}

impl Matrix {
    /// Sets it.
    pub(super) fn set(&self) -> Result<()> {
        set_matrix(&self.path, self.track, self.value)
    }
}

impl Encoder {
    /// Starts it, to write to `out`, which has the extension that chooses the container. The
    /// calling thread has to outlive it.
    ///
    /// # Errors
    /// When it cannot be started; `Usage` when the container has no place for a display matrix
    /// that is to be kept. What it does not like about its options is the error of the
    /// first frames or of [`Encoder::finish`].
    pub fn start(job: &Encode<'_>, out: &Path, cancel: &Cancel) -> Result<Self> {
        Self::heard("encoder", job, out, Log::Warnings, |_| (), cancel)
    }

    /// The same by another name, with the lines of a log that says so much.
    pub(super) fn heard(
        name: &'static str,
        job: &Encode<'_>,
        out: &Path,
        log: Log,
        mut hear: impl FnMut(&str) + Send + 'static,
        cancel: &Cancel,
    ) -> Result<Self> {
        let (shift, matrix) = (job.shift(), job.matrix(out)?);
        let command = job.command(out, log)?;
        let taken = Arc::new(AtomicU64::new(u64::MAX));
        let told = taken.clone();
        let on_line = move |line: &str, _| {
            hear(line);
            if let Some(frames) = line.strip_prefix("frame=").and_then(|n| n.trim().parse().ok()) {
                told.store(frames, Ordering::Relaxed);
            }
        };
        let child = job.programs.start(name, command, Pipe::In, job.patience, on_line)?;
        let (nut, opening) = Nut::new(Head {
            size: job.layout.size(),
            tag: job.format.tag(),
            time_base: job.time_base,
            aspect: job.aspect,
            frame_bytes: job.layout.bytes(),
            rate: job.rate,
        });
        let taken = job.counts_taken().then_some(taken);
        let mut encoder = Self { child, nut, layout: job.layout, shift, written: 0, taken, matrix };
        encoder.child.write(&opening, cancel)?;
        Ok(encoder)
    }

    /// Hands it the next frame, shown at `ticks`.
    ///
    /// # Errors
    /// When it ended, hangs, or the frame is not later than the one before; and when `cancel`
    /// says to stop now.
    pub fn write(&mut self, frame: &Frame, ticks: i64, cancel: &Cancel) -> Result<()> {
        let number = self.written;
        let early = |e: Error, child: &Child| match child.ended_well() {
            true => Error::input(format!("the encoder ended at frame {number}: {EARLY}")),
            false => e,
        };
        if *frame.layout() != self.layout {
            let (has, wants) = (frame.layout(), self.layout);
            return Err(Error::internal(format!("frame {number} is {has}, not {wants}")));
        }
        let shifted = ticks.saturating_add(self.shift);
        let head = self.nut.frame(shifted).map_err(|e| e.within(format!("frame {number}")))?;
        for piece in std::iter::once(&head[..]).chain(frame.bytes()) {
            self.child.write(piece, cancel).map_err(|e| early(e, &self.child))?;
        }
        self.written += 1;
        Ok(())
    }

    /// Ends its input and waits until it has written its file; the number of frames that it
    /// was given.
    ///
    /// # Errors
    /// When it fails or hangs, or did not take all frames.
    pub fn finish(mut self, cancel: &Cancel) -> Result<u64> {
        self.child.finish(cancel)?;
        let taken = self.taken.as_ref().map_or(u64::MAX, |taken| taken.load(Ordering::Relaxed));
        if taken < self.written {
            let written = self.written;
            return Err(Error::input(format!(
                "the encoder took {taken} of {written} frames: {EARLY}"
            )));
        }
        self.matrix.as_ref().map_or(Ok(()), Matrix::set)?;
        Ok(self.written)
    }
}

impl Encode<'_> {
    /// The command that writes `out` as words, for a person to read.
    ///
    /// # Errors
    /// When the folder that `out` is relative to cannot be found.
    pub fn words(&self, out: &Path) -> Result<Vec<OsString>> {
        Ok(words(self.command(out, Log::Warnings)?))
    }

    /// Whether ffmpeg's count of frames is that of the rendered stream: it is of the first one with
    /// pictures.
    fn counts_taken(&self) -> bool {
        self.copies.is_none_or(|copies| {
            let before = &copies.kept()[..copies.rendered()];
            before.iter().all(|stream| !matches!(stream.kind, StreamKind::Video(_)))
        })
    }

    /// What is added to each time.
    fn shift(&self) -> i64 {
        match self.origin {
            Origin::First => self.first.saturating_neg(),
            // NUT has no time below 0; the encoder's ffmpeg takes the shift back.
            Origin::Clip => self.first.min(0).saturating_neg(),
            Origin::Moved(ticks) => ticks,
        }
    }

    /// What the encoder is told of an HDR picture, and the rest of the options after `--`.
    fn light(&self) -> Option<(String, OsString, Vec<OsString>)> {
        let copies = self.copies?;
        let StreamKind::Video(video) = &copies.kept().get(copies.rendered())?.kind else {
            return None;
        };
        hdr::told(self.codec.name.as_deref(), video, &self.extra)
    }

    /// Ticks per second in which an MP4 or MOV counts when its tracks begin, where ffmpeg's 1000
    /// would round one of them.
    fn movie_scale(&self, out: &Path) -> Option<u32> {
        let copies = self.copies.filter(|_| keeps_matrix(out))?;
        let rendered = copies.rendered();
        let copied = copies.kept().iter().enumerate().filter(|(at, _)| *at != rendered);
        let copied = copied.map(|(_, stream)| (stream.start.unwrap_or(0), stream.time_base));
        let starts: Vec<_> = copied.chain([(self.first, self.time_base)]).collect();
        // Where a cut begins, nothing falls on a millisecond but by chance.
        let rounds = self.origin == Origin::First
            || starts.iter().any(|(start, base)| !base.is_whole(*start, MILLISECONDS));
        rounds.then(|| TimeBase::common(starts.iter().map(|(_, base)| *base)))
    }

    /// The index in the output of the stream that is encoded.
    pub(super) fn rendered_at(&self) -> usize {
        self.copies.map_or(0, Copies::rendered)
    }

    /// What is set in the finished file: ffmpeg 5.1 cannot set it while it encodes.
    pub(super) fn matrix(&self, out: &Path) -> Result<Option<Matrix>> {
        let Some(value) = self.display else { return Ok(None) };
        if !keeps_matrix(out) {
            let out = shown(out);
            return Err(Error::usage(format!(
                "{out} cannot ask players for {value}, as the clip does; --upright turns the frames"
            )));
        }
        // How ffmpeg numbers tracks.
        let track = u32::try_from(self.rendered_at() + 1)
            .map_err(|_| Error::input("the clip has too many streams"))?;
        Ok(Some(Matrix { path: out.to_owned(), track, value }))
    }

    /// The command.
    fn command(&self, out: &Path, log: Log) -> Result<FfmpegCommand> {
        let mut command = self.programs.ffmpeg(log);
        // How far it is goes into its log, and the last line of that is the number of frames it took.
        command.overwrite().args(["-progress", "pipe:2", "-copyts"]);
        command.format("nut").input("pipe:0");
        match self.copies {
            Some(copies) => {
                self.second_input(&mut command, copies.clip())?;
                copies.maps(&mut command, out);
                self.rendered(&mut command, out);
                self.cut(&mut command, copies);
            }
            None => {
                command.map("0:v:0");
                self.rendered(&mut command, out);
            }
        }
        // An explicit time base is exact in 5.1 and 9.0; passthrough alone is not.
        command.fps_mode("passthrough");
        let time_base = self
            .clock
            .or(self.rate)
            .filter(|_| counts_frames(self.codec.name.as_deref(), out))
            .map(|(n, d)| (d, n));
        let (num, den) = time_base.unwrap_or((self.time_base.num(), self.time_base.den()));
        command.args(["-enc_time_base", &format!("{num}/{den}")]);
        self.written_as(&mut command, out);
        if let Origin::Moved(_) = self.origin {
            // B-frames are decoded before they are shown, so before 0; an index in the middle of
            // a joined stream is of no use.
            command.args(["-avoid_negative_ts", "disabled", "-write_index", "0"]);
        }
        if still(out) {
            command.args(["-update", "1"]);
        }
        let (light, extra) = match self.light() {
            Some((option, list, rest)) => (Some((option, list)), rest),
            None => (None, self.extra.clone()),
        };
        let (theirs, extra) = packet_filters(&extra);
        // One that counts frames has another tick, on which nobody knows where the last one falls.
        let last = self.last.filter(|_| time_base.is_none());
        let ours = last.and_then(|last| self.setts(last, out)).map(OsString::from);
        let packets: Vec<OsString> = ours.into_iter().chain(theirs).collect();
        if !packets.is_empty() {
            let at = self.rendered_at();
            command.arg(format!("-bsf:{at}")).arg(packets.join(OsStr::new(",")));
        }
        if let Some((option, list)) = light {
            command.arg(format!("{option}:{}", self.rendered_at())).arg(list);
        }
        command.args(extra);
        command.output(file_argument(out)?);
        Ok(command)
    }

    /// Options of the container.
    pub(super) fn written_as(&self, command: &mut FfmpegCommand, out: &Path) {
        if is_matroska(out) || has_extension(out, OGG) {
            // Without numbers made up by chance, so that the same frames are the same file. Other
            // containers have none, or are known by them (MXF).
            command.args(["-fflags", "+bitexact"]);
        }
        if let Some(scale) = self.movie_scale(out) {
            command.args(["-movie_timescale", &scale.to_string()]);
        }
    }

    /// The clip, from the first frame on if its beginning was cut off.
    pub(super) fn second_input(&self, command: &mut FfmpegCommand, clip: &Clip) -> Result<()> {
        let nudge = clip.nudge();
        if self.origin == Origin::First {
            // By timestamp: counted from the clip's start, packets before the cut would stay in
            // where that start is not 0 (5.1 and 9.0, mpegts).
            let first = self.time_base.micros(self.first);
            command.args(["-seek_timestamp", "1"]).seek(first.to_string());
            let offset = nudge.unwrap_or_default().minus(first);
            command.args(["-itsoffset", &offset.to_string()]);
        } else if let Some(nudge) = nudge {
            command.args(["-itsoffset", &nudge.to_string()]);
        }
        command.args(["-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS]);
        command.input(file_argument(clip.path())?);
        Ok(())
    }

    /// The other end of the cut: the copied streams stop where the frames do.
    pub(super) fn cut(&self, command: &mut FfmpegCommand, copies: &Copies<'_>) {
        if self.origin != Origin::First {
            return;
        }
        for at in (0..copies.kept().len()).filter(|at| *at != copies.rendered()) {
            // Without it they begin at the key frame before.
            command.args([format!("-copypriorss:{at}"), "0".to_owned()]);
        }
        if let Some(until) = copies.until() {
            let first = self.time_base.micros(self.first);
            let length = copies.clip().start().plus(until).minus(first);
            // One more than the length, since the first frame's time may have been rounded up;
            // which frames there are is not decided here.
            command.duration(length.plus(Micros(1)).to_string());
        }
    }

    /// Options of the one stream that is encoded.
    fn rendered(&self, command: &mut FfmpegCommand, out: &Path) {
        let at = self.rendered_at();
        let mut set = |option: &str, value: &str| {
            command.args([format!("{option}:{at}"), value.to_owned()]);
        };
        let codec = &self.codec;
        for (option, value) in
            [("-c", &codec.name), ("-crf", &codec.crf), ("-preset", &codec.preset)]
        {
            if let Some(value) = value {
                set(option, value);
            }
        }
        if codec.name.as_deref() == Some("libvpx") && has_alpha(self.coded()) {
            // It refuses to code alpha with them.
            set("-auto-alt-ref", "0");
        }
        if let Some(threads) = codec.threads {
            set("-threads", &threads.to_string());
        }
        if self.lost_alpha() {
            // It would be copied from the clip.
            set("-metadata:s", &format!("{ALPHA_TAG}="));
        }
        if let Some(tag) = self.kept_tag(out) {
            set("-tag", tag);
        }
        let takes = self.takes.as_ref().map(|takes| takes.format.as_str());
        // Filters that hand frames to a graphics card leave none that could be converted.
        let on_card = |after: &String| ["hwupload", "hwmap"].iter().any(|f| after.contains(f));
        if let Some(format) = takes.or(self.format.encoder())
            && !self.after.as_ref().is_some_and(on_card)
        {
            set("-pix_fmt", format);
        }
        let whole = self.takes.as_ref().is_some_and(|takes| takes.whole);
        if self.field().is_some() && !whole {
            // Two fields are coded as such by the encoders that can; most others do not mind.
            set("-flags", "+ildct+ilme");
        }
        let filters = self.filters();
        if !filters.is_empty() {
            set("-filter", &filters.join(","));
        }
        // Beside the filter's tag: 9.0 otherwise converts full range to limited for encoders that
        // do not say they take it, ffv1 for one.
        let color = self.coded_color();
        let said = [("-color_range", &color.range), ("-chroma_sample_location", &color.siting)];
        for (option, value) in said {
            if let Some(value) = value {
                set(option, value);
            }
        }
    }

    /// Whether the clip says that it has alpha beside its frames, and the output has none.
    pub(super) fn lost_alpha(&self) -> bool {
        let said = |copies: &&Copies<'_>| {
            let tags = copies.kept().get(copies.rendered()).map(|stream| &stream.tags);
            tags.is_some_and(|tags| tags.keys().any(|name| name.eq_ignore_ascii_case(ALPHA_TAG)))
        };
        self.copies.as_ref().is_some_and(said) && !has_alpha(self.coded())
    }

    /// The clip's name of its codec, where an MP4 or MOV has two for the same: some players take one
    /// of them alone.
    pub(super) fn kept_tag(&self, out: &Path) -> Option<&str> {
        let copies = self.copies.filter(|_| keeps_matrix(out))?;
        let tag = copies.kept().get(copies.rendered())?.tag.as_deref();
        let codes = |name: &String| name.contains("265") || name.contains("hevc");
        tag.filter(|tag| ["hvc1", "hev1"].contains(tag) && self.codec.name.iter().any(codes))
    }

    /// ffmpeg's name of what is coded, as far as that is known.
    fn coded(&self) -> &str {
        self.takes.as_ref().map_or(self.given(), |takes| &takes.format)
    }

    /// The filter of packets that says how long the last frame is shown; nothing where the
    /// container has no place for that.
    fn setts(&self, last: Last, out: &Path) -> Option<String> {
        let per_second = if self.programs.is_5() {
            // It tells filters another tick than packets have, which is the container's.
            format!("*{}", self.container_ticks(out)?)
        } else {
            "/TB".to_owned()
        };
        let ticks = |n: i64| format!("{n}*{}{per_second}", self.time_base);
        let [at, lasts, end] = [last.ticks, last.lasts, last.ticks + last.lasts].map(ticks);
        let mut duration = format!("if(gte(PTS+0.5,{at}),round({lasts}),DURATION)");
        if keeps_matrix(out) {
            // An MP4 reckons its track's length from the packet that is decoded last, behind which
            // there is no time or none that is later, and which may be another one's B-frame.
            let left = format!("max(1,round({end})-STARTPTS-DTS+STARTDTS)");
            duration = format!("if(gt(NEXT_DTS,DTS),{duration},{left})");
        }
        Some(format!("setts=pts=PTS:dts=DTS:duration='{duration}'"))
    }

    /// Ticks per second of the rendered stream in a container that counts finer than frames, as
    /// 5.1 chooses them.
    fn container_ticks(&self, out: &Path) -> Option<u32> {
        let mut own = self.time_base.den();
        while own < MP4_TICKS {
            own *= 2;
        }
        if is_matroska(out) { Some(MATROSKA_TICKS) } else { keeps_matrix(out).then_some(own) }
    }

    /// The field that comes first, in the words of `setfield`.
    pub(super) fn field(&self) -> Option<&'static str> {
        match self.interlacing {
            Interlacing::TopFirst => Some("tff"),
            Interlacing::BottomFirst => Some("bff"),
            Interlacing::Progressive | Interlacing::Mixed => None,
        }
    }
}

/// Whether an encoder, or the usual one of an output, knows no other time than that of one frame
/// after the other: where frames come faster than their rate it fails.
pub fn counts_frames(codec: Option<&str>, out: &Path) -> bool {
    match codec {
        Some(name) => COUNTING.contains(&name),
        None => has_extension(out, COUNTED),
    }
}

/// Whether an output is one still picture, for which ffmpeg wants to be told so.
fn still(out: &Path) -> bool {
    has_extension(out, &["png", "jpg", "jpeg", "bmp", "tif", "tiff", "ppm", "pgm", "tga", "jxl"])
}

/// Bytes of a finished output.
///
/// # Errors
/// When it is missing or empty, which code 0 does not rule out.
pub fn written(out: &Path) -> Result<u64> {
    let bytes = fs::metadata(out).map_err(|e| Error::io("find the encoder's", out, &e))?.len();
    if bytes == 0 {
        return Err(Error::system(format!("the encoder left {} empty", shown(out))));
    }
    Ok(bytes)
}
