//! A clip that ffmpeg decodes, and all that its output takes from it.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use lumaloom::codec::y4m::Interlacing;
use lumaloom::error::{Error, Result};
use lumaloom::ffmpeg::{
    Clip, Copies, Decode, Decoder, DisplayMatrix, Last, Patience, Pixels, Programs, Row, Scan,
    Taken, TimeBase, Verify, Video, Window, Wishes, Without, check_container, counts_frames,
    has_extension, last_frame, unsaid, video_filters,
};
use lumaloom::frame::{BufferPool, Layout};
use lumaloom::link::Cancel;
use lumaloom::source::{Decoding, Facts, FrameSource, Rest, Turn};

use super::output::Encoding;
use super::{ClipOut, Helpers, MatrixArg, Planned, RangeArg, words};
use crate::cli::args::ClipArgs;

/// A clip that was probed, and how it is read.
#[derive(Clone)]
pub struct Movie {
    pub(super) programs: Programs,
    pub(super) clip: Clip,
    pub(super) stream: usize,
    pixels: Pixels,
    pub(super) window: Window,
    rate: Option<TimeBase>,
    most: Option<u64>,
    threads: Option<usize>,
    pub(super) extra: Vec<OsString>,
    pub(super) filters: Option<String>,
}

impl Movie {
    /// Probes the clip with one of `helpers`, which decodes it later.
    ///
    /// # Errors
    /// `Usage`: no ffmpeg, an option for pictures; `Input`: it is no clip.
    pub fn new(
        input: &Path,
        args: &ClipArgs,
        window: Window,
        helpers: &Helpers,
        cancel: &Cancel,
    ) -> Result<Self> {
        if args.start_number.is_some() {
            return Err(Error::usage("--start-number is for pictures with numbers in their names"));
        }
        let wishes = Wishes {
            pix_fmt: args.pix_fmt.clone(),
            matrix: args.colorspace.map(MatrixArg::matrix),
            range: args.color_range.map(RangeArg::range),
        };
        let extra = args.input_args.as_deref().map_or(Ok(Vec::new()), words)?;
        let (filters, extra) = video_filters(&extra, "in --input-args")?;
        let threads = args.ffmpeg_threads.map(usize::from);
        let programs = helpers.programs()?.clone();
        let clip = Clip::probe(&programs, input, cancel)?;
        let (stream, video) = clip.main_video()?;
        let (stream, pixels) = (stream.index, Pixels::of(video, &wishes)?);
        let (rate, most) = (args.r, args.frames.map(u64::from));
        Ok(Self { programs, clip, stream, pixels, window, rate, most, threads, extra, filters })
    }

    /// A part of it alone, decoded by these.
    pub fn part(&self, window: Window, programs: Programs) -> Self {
        Self { window, programs, ..self.clone() }
    }

    /// The stream that is rendered.
    pub fn video(&self) -> Result<&Video> {
        video(&self.clip, self.stream)
    }

    /// The frames as they come.
    pub fn layout(&self) -> &Layout {
        self.pixels.layout()
    }

    /// What was assumed, to be said once.
    pub fn notes(&self) -> &[String] {
        self.pixels.notes()
    }

    /// How players are asked to turn it.
    pub fn display_matrix(&self) -> Option<DisplayMatrix> {
        self.video().ok().and_then(|video| video.display)
    }

    /// About how many frames to expect where nobody has counted them: by length and rate.
    pub fn estimate(&self) -> Option<u64> {
        let Window { from, until } = self.window;
        let end = [until, self.clip.duration()].into_iter().flatten().min()?;
        let length = end.minus(from.unwrap_or_default()).0.max(0) as f64 / 1e6;
        let wished = self.rate.map(|each| (each.den(), each.num()));
        let (over, under) = wished.or_else(|| rate(self.video().ok()?))?;
        let frames = (length * f64::from(over) / f64::from(under)).round() as u64;
        Some(frames.min(self.most.unwrap_or(u64::MAX)))
    }

    /// How many frames are expected, where the container knows and none are left out.
    pub fn total(&self) -> Option<u64> {
        let whole =
            self.window == Window::default() && self.rate.is_none() && self.filters.is_none();
        let packets = self.clip.streams().get(self.stream)?.packets;
        let packets = packets.filter(|_| whole);
        packets.map(|packets| packets.min(self.most.unwrap_or(u64::MAX)))
    }

    /// The programs.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Where it is, absolute.
    pub fn path(&self) -> &Path {
        self.clip.path()
    }

    /// The decoder's command line.
    pub fn decode(&self) -> Decode<'_> {
        Decode {
            programs: &self.programs,
            clip: &self.clip,
            stream: self.stream,
            pixels: &self.pixels,
            window: self.window,
            rate: self.rate,
            threads: self.threads,
            extra: self.extra.clone(),
            filters: self.filters.clone(),
            patience: Patience::default(),
        }
    }

    /// Starts to decode, and waits for the first frame.
    ///
    /// # Errors
    /// The decoder's.
    pub fn open(
        &self,
        pool: &Arc<BufferPool>,
        cancel: &Cancel,
    ) -> Result<(FrameSource<Decoder<'_>>, Facts)> {
        let extent = (self.total(), self.most);
        let Decoding { source, time_base, first, scan } =
            Decoding::start(self.decode(), extent, pool.clone(), cancel)?;
        let last = self.last(time_base, cancel)?;
        Ok((source, Facts { last, ..self.facts_at(time_base, first, scan)? }))
    }

    /// The last frame, where it is rendered and its length does not follow from the others'.
    fn last(&self, time_base: TimeBase, cancel: &Cancel) -> Result<Option<Last>> {
        let whole = self.window == Window::default() && self.filters.is_none();
        let stream = self.clip.streams().get(self.stream);
        let ticks = stream.is_some_and(|stream| stream.time_base == time_base);
        if !(whole && ticks && self.is_uneven()) {
            return Ok(None);
        }
        match last_frame(&self.programs, &self.clip, self.stream, cancel) {
            Err(e) if cancel.is_now() => Err(e),
            // A file whose end cannot be found is rendered all the same.
            last => Ok(last.ok().flatten()),
        }
    }

    /// Checks what can be checked of the output before the first frame.
    ///
    /// # Errors
    /// `Usage`: no such encoder; a container that does not take the copied streams.
    pub fn check(&self, out: &ClipOut, cancel: &Cancel) -> Result<()> {
        if self.most.is_some() {
            return Err(Error::usage(
                "--frames counts pictures and raw frames; --t TIME ends a clip with its sound",
            ));
        }
        // A format after `--` is not known here.
        if out.chooses_format() {
            return Ok(());
        }
        let to = (out.path(), out.words());
        check_container(&self.programs, &self.copies(out.without())?, to, cancel)
    }

    /// What the output will not have although nobody said so.
    ///
    /// # Errors
    /// None in practice: the stream was there when it was chosen.
    pub fn losses(&self, out: &ClipOut) -> Result<Vec<String>> {
        let copies = self.copies(out.without())?;
        let left_out = copies
            .left_out()
            .iter()
            .map(|what| format!("{what} is left out: the output has no place for it"));
        let unsaid = unsaid(self.video()?, out.codec()).into_iter();
        let unsaid = unsaid.map(|kind| format!("{kind} of the clip is not handed to the encoder"));
        let fields = out.hides_fields().filter(|_| self.is_interlaced()).map(str::to_owned);
        Ok(left_out
            .chain(unsaid)
            .chain(fields)
            .chain(self.evened(out))
            .chain(self.dropped(out))
            .collect())
    }

    /// What a container drops without a word.
    fn dropped(&self, out: &ClipOut) -> Vec<String> {
        const PHONE: &str = "com.apple.quicktime.";
        let extension = out.path().extension().and_then(|e| e.to_str()).unwrap_or_default();
        let is = |names: &[&str]| has_extension(out.path(), names);
        let mut dropped = Vec::new();
        let covers = self.clip.streams().iter().filter(|stream| stream.is("attached_pic")).count();
        if covers > 0 && is(&["mkv", "avi"]) {
            dropped.push(format!(
                "cover art becomes a further video stream: ffmpeg copies none into .{extension}"
            ));
        }
        let phone = self.clip.tags().keys().filter(|key| key.starts_with(PHONE)).count();
        let told =
            out.words().iter().any(|word| word.to_string_lossy().contains("use_metadata_tags"));
        if phone > 0 && is(&["mp4", "mov", "m4v"]) && !told {
            dropped.push(format!(
                "{phone} tags {PHONE}* are lost; -- -movflags +use_metadata_tags keeps them"
            ));
        }
        if is(&["ts", "m2ts", "mts", "mpg", "mpeg"]) {
            let chapters = self.clip.chapters().len();
            if chapters > 0 {
                dropped.push(format!("{chapters} chapters are lost: .{extension} has none"));
            }
            if self.clip.tags().contains_key("title") {
                dropped.push(format!("the title is lost: .{extension} has none"));
            }
        }
        dropped
    }

    /// Whether its frames come at uneven times, as far as the container tells.
    fn is_uneven(&self) -> bool {
        let rates = self.video().ok().and_then(|video| video.average_rate.zip(video.base_rate));
        self.rate.is_none() && rates.is_some_and(|(average, base)| average != base)
    }

    /// The clock on which uneven frames begin, if it is one that encoders know: of times that were
    /// rounded to milliseconds it is one of milliseconds.
    fn clock(&self, video: &Video) -> Option<(u32, u32)> {
        let base = video.base_rate.filter(|_| self.is_uneven())?;
        (base.num() <= 60 * base.den()).then_some((base.num(), base.den()))
    }

    /// What is to be said of uneven times where frames alone are written, which have none.
    pub fn untimed(&self) -> Option<String> {
        self.is_uneven().then(|| {
            "the frames come at uneven times, which this output has no place for: --r gives them \
             even ones"
                .to_owned()
        })
    }

    /// What becomes of uneven times where an encoder counts frames.
    fn evened(&self, out: &ClipOut) -> Option<String> {
        (counts_frames(out.codec(), out.path()) && self.is_uneven()).then(|| {
            "the encoder counts frames, so times that are uneven move to the nearest frame of an \
             even rate (--codec libx264 keeps them)"
                .to_owned()
        })
    }

    /// Whether the clip says that each frame is two fields.
    fn is_interlaced(&self) -> bool {
        self.facts().is_ok_and(|facts| facts.interlacing != Interlacing::Progressive)
    }

    /// The streams of an output.
    ///
    /// # Errors
    /// None in practice: the stream was there when it was chosen.
    pub fn copies(&self, without: Without) -> Result<Copies<'_>> {
        Copies::new(&self.clip, self.stream, without, self.window.until)
    }

    /// Compares the clip with a finished output of `frames` frames.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn verify(
        &self,
        out: &ClipOut,
        planned: &Planned,
        frames: u64,
        cancel: &Cancel,
    ) -> Result<Vec<Row>> {
        let facts = planned.after(self.facts()?);
        let encoding = Encoding { programs: &self.programs, copies: None, out };
        let color = encoding.job(&facts, *planned.work.score().output())?.coded_color();
        let verify = Verify {
            programs: &self.programs,
            copies: &self.copies(out.without())?,
            out: out.path(),
            frames,
            window: self.window,
            taken: match (self.rate, &self.filters) {
                (Some(each), _) => Taken::Every(each),
                (None, Some(_)) => Taken::Filtered,
                (None, None) => Taken::AsTheyAre,
            },
            words: out.words(),
            alpha: planned.work.score().output().model().has_alpha(),
            color: &color,
            aspect: self.video()?.aspect.map(|aspect| planned.work.score().pixel_aspect(aspect)),
            display: self.display_matrix().filter(|_| planned.turn == Turn::Stored),
        };
        verify.run(cancel)
    }

    /// The words of both ffmpegs' commands, the second's time base and first frame as far as the
    /// container says them.
    ///
    /// # Errors
    /// When a folder cannot be found.
    pub fn commands(&self, out: &ClipOut, planned: &Planned) -> Result<[Vec<OsString>; 2]> {
        let facts = planned.after(self.facts()?);
        let copies = self.copies(out.without())?;
        let layout = *planned.work.score().output();
        let encoding = Encoding { programs: &self.programs, copies: Some(&copies), out };
        let encode = encoding.job(&facts, layout)?;
        Ok([self.decode().words()?, encode.words(out.path())?])
    }

    /// What is left out where an output has nothing but pictures.
    pub fn alone(&self) -> Option<String> {
        let others = self.clip.streams().len() - 1;
        (others > 0).then(|| "pictures alone are written: sound and other streams are not".into())
    }

    /// What is known before the first frame: the time base and the first time as far as the
    /// container says them.
    ///
    /// # Errors
    /// None in practice: the stream was there when it was chosen.
    pub fn facts(&self) -> Result<Facts> {
        let stream = self.clip.streams().get(self.stream);
        let (base, first) = stream.map_or((None, None), |s| (Some(s.time_base), s.start));
        let base = self.rate.or(base).ok_or_else(|| Error::internal("the stream is gone"))?;
        self.facts_at(base, first.unwrap_or(0), Scan::Progressive)
    }

    /// `scan` is the first frame's. Where it says nothing the stream's tag counts, unless a filter
    /// has come between.
    pub(super) fn facts_at(&self, time_base: TimeBase, first: i64, scan: Scan) -> Result<Facts> {
        let video = self.video()?;
        let wished = self.rate.map(|each| (each.den(), each.num()));
        let own = rate(video);
        let tag = video.field_order.as_deref().filter(|_| self.filters.is_none());
        let interlacing = match (scan, tag) {
            (Scan::TopFirst, _) | (Scan::Progressive, Some("tt" | "tb")) => Interlacing::TopFirst,
            (Scan::BottomFirst, _) | (Scan::Progressive, Some("bb" | "bt")) => {
                Interlacing::BottomFirst
            }
            (Scan::Progressive, _) => Interlacing::Progressive,
        };
        let clip = self.clip.clone();
        Ok(Facts {
            rest: Some(Rest { clip, stream: self.stream, window: self.window }),
            format: Some(self.pixels.format().name().to_owned()),
            color: self.pixels.color().clone(),
            first,
            rate: wished.or(own),
            clock: self.clock(video),
            interlacing,
            aspect: video.aspect,
            display: self.display_matrix(),
            ..Facts::even(time_base)
        })
    }
}

/// Frames per second. What is within 0.4 per mille of a usual rate is that one (24 and 24000/1001
/// are 1 per mille apart): over a short clip, or one with times in milliseconds, the average is a
/// bit off, and some encoders know no other.
fn rate(video: &Video) -> Option<(u32, u32)> {
    let value = |(over, under): (u32, u32)| f64::from(over) / f64::from(under);
    let [average, base] = [video.average_rate, video.base_rate];
    let [average, base] = [average, base].map(|rate| rate.map(|rate| (rate.num(), rate.den())));
    let own = match (average, base) {
        // One frame that lasts longer than the others tells on the average of few.
        (Some(average), Some(base)) if (value(base) / value(average) - 1.0).abs() < 0.05 => base,
        (average, base) => average.or(base)?,
    };
    let near = |usual: &&(u32, u32)| (value(**usual) / value(own) - 1.0).abs() < 0.0004;
    Some(USUAL_RATES.iter().find(near).copied().unwrap_or(own))
}

/// Of film, television and screens.
const USUAL_RATES: [(u32, u32); 10] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (120, 1),
];

fn video(clip: &Clip, stream: usize) -> Result<&Video> {
    let found = clip.videos().find(|(s, _)| s.index == stream).map(|(_, video)| video);
    found.ok_or_else(|| Error::internal(format!("stream {stream} is gone")))
}
