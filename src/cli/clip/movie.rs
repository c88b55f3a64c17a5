//! A clip job's three parts with everything decided: what is read, what happens to it, what is
//! written. `video` joins them in one process, `stage` runs one of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumaloom::codec::y4m;
use lumaloom::error::{Error, Result, shown};
use lumaloom::ffmpeg::{
    Clip, Codec, ColorTags, Copies, Decode, DisplayMatrix, Encode, Origin, Patience, Pixels,
    Programs, Row, TimeBase, Verify, Video, Window, Wishes, Without, check_container, keeps_matrix,
    unsaid,
};
use lumaloom::filter::Dihedral;
use lumaloom::frame::{BufferPool, Layout, Matrix, Range};
use lumaloom::plan::Chain;
use lumaloom::sink::{Clobber, Durable, VideoSink, Writing, Y4mSink};
use lumaloom::source::{Facts, Turn, VideoSource};
use lumaloom::stage::{Cancel, Sink};
use lumaloom::work::ClipWork;

use super::args::{ClipArgs, EncodingArgs, MatrixArg, RangeArg};

/// The name that stands for stdout: raw frames for another program.
pub const STDOUT: &str = "-";

/// A clip that was probed, and how it is read.
pub struct ClipIn {
    programs: Programs,
    clip: Clip,
    stream: usize,
    pixels: Pixels,
    wishes: Wishes,
    window: Window,
    rate: Option<TimeBase>,
    threads: Option<usize>,
    extra: Vec<OsString>,
}

impl ClipIn {
    /// Finds ffmpeg and probes the clip.
    ///
    /// # Errors
    /// `Usage`: no ffmpeg, no such file, a time after the end; `Input`: it is no clip.
    pub fn new(input: &Path, args: &ClipArgs, cancel: &Cancel) -> Result<Self> {
        let wishes = Wishes {
            pix_fmt: args.pix_fmt.clone(),
            matrix: args.colorspace.map(MatrixArg::matrix),
            range: args.color_range.map(RangeArg::range),
        };
        let from = args.ss;
        let until = args.to.or_else(|| args.t.map(|t| from.unwrap_or_default().plus(t)));
        let window = Window { from, until };
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            return Err(Error::usage("--to is not after --ss"));
        }
        let extra = args.input_args.as_deref().map_or(Ok(Vec::new()), words)?;
        let threads = args.ffmpeg_threads.map(usize::from);
        let programs = Programs::find(None)?;
        let clip = Clip::probe(&programs, input, cancel)?;
        let (stream, video) = clip.main_video()?;
        let (stream, pixels) = (stream.index, Pixels::of(video, &wishes)?);
        let rate = args.r;
        Ok(Self { programs, clip, stream, pixels, wishes, window, rate, threads, extra })
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

    /// How many frames are expected, where the container knows and none are left out.
    pub fn total(&self) -> Option<u64> {
        let whole = self.window == Window::default() && self.rate.is_none();
        let packets = self.clip.streams().get(self.stream)?.packets;
        packets.filter(|_| whole)
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
            patience: Patience::default(),
        }
    }

    /// Starts to decode.
    ///
    /// # Errors
    /// The decoder's.
    pub fn source(&self, pool: &Arc<BufferPool>, cancel: &Cancel) -> Result<VideoSource<'_>> {
        VideoSource::open(self.decode(), self.total(), pool.clone(), cancel)
    }

    /// Checks what can be checked of the output before the first frame.
    ///
    /// # Errors
    /// `Usage`: no such encoder; a container that does not take the copied streams.
    pub fn check(&self, out: &ClipOut, cancel: &Cancel) -> Result<()> {
        if let Some(name) = &out.codec.name {
            self.programs.require_encoder(name)?;
        }
        // A format after `--` is not known here, and a stream of raw frames holds nothing else.
        if out.chooses_format() || out.out.as_os_str() == STDOUT {
            return Ok(());
        }
        check_container(&self.programs, &self.copies(out.without)?, &out.out, cancel)
    }

    /// What the output will not have although nobody said so.
    ///
    /// # Errors
    /// None in practice: the stream was there when it was chosen.
    pub fn losses(&self, out: &ClipOut) -> Result<Vec<String>> {
        let copies = self.copies(out.without)?;
        let left_out = copies.left_out().iter().map(|what| format!("{what} is left out"));
        let unsaid = unsaid(self.video()?).into_iter();
        let unsaid = unsaid.map(|kind| format!("{kind} of the clip is not handed to the encoder"));
        Ok(left_out.chain(unsaid).collect())
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
        (work, turn): (&ClipWork, Turn),
        frames: u64,
        cancel: &Cancel,
    ) -> Result<Vec<Row>> {
        let verify = Verify {
            programs: &self.programs,
            copies: &self.copies(out.without)?,
            out: &out.out,
            frames,
            window: self.window,
            rate: self.rate,
            aspect: self.video()?.aspect.map(|aspect| work.plan().pixel_aspect(aspect)),
            display: self.display_matrix().filter(|_| turn == Turn::Stored),
        };
        verify.run(cancel)
    }

    /// The words of both ffmpegs' commands, the second's time base and first frame as far as the
    /// container says them.
    ///
    /// # Errors
    /// When a folder cannot be found.
    pub fn commands(
        &self,
        out: &ClipOut,
        (work, turn): (&ClipWork, Turn),
    ) -> Result<[Vec<OsString>; 2]> {
        let stream = self.clip.streams().get(self.stream);
        let (base, first) = stream.map_or((None, None), |s| (Some(s.time_base), s.start));
        let base = self.rate.or(base).ok_or_else(|| Error::internal("the stream is gone"))?;
        let facts = after(self.facts_at(base, first.unwrap_or(0))?, work, turn);
        let copies = self.copies(out.without)?;
        let color = self.video()?.color.clone();
        let job = Rendered { programs: &self.programs, pixels: &self.pixels, color: &color };
        let encode = job.encode(&facts, *work.plan().output(), &copies, out);
        Ok([self.decode().words()?, encode.words(&out.out)?])
    }

    /// What the others have to know.
    ///
    /// # Errors
    /// None in practice: the stream was there when it was chosen.
    pub fn facts(&self, source: &VideoSource<'_>) -> Result<Facts> {
        self.facts_at(source.time_base(), source.first())
    }

    fn facts_at(&self, time_base: TimeBase, first: i64) -> Result<Facts> {
        Ok(Facts {
            clip: self.clip.path().to_owned(),
            stream: self.stream,
            wishes: self.wishes.clone(),
            window: self.window,
            rate: self.rate,
            time_base,
            first,
            aspect: self.video()?.aspect,
            display: self.display_matrix(),
            turn: Turn::Stored,
        })
    }
}

/// When frames are turned as their display matrix asks players to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upright {
    /// Where the chain minds.
    IfNeeded,
    /// In any case: the output cannot ask players.
    Always,
}

/// The work on frames like these, and whether it turns them. A chain that does not mind runs on
/// frames as they are stored; for others they are turned upright first.
///
/// # Errors
/// `Usage`: a chain that cannot work on this size; a display matrix that is neither a turn nor a
/// flip and that the output cannot have.
pub fn work(
    chain: &Chain,
    layout: Layout,
    display: Option<DisplayMatrix>,
    upright: Upright,
    threads: usize,
    pool: &Arc<BufferPool>,
) -> Result<(ClipWork, Turn)> {
    let (orientation, turn) = match display.map(|matrix| (matrix, matrix.turn())) {
        None => (Dihedral::IDENTITY, Turn::Stored),
        Some((_, Some(turn))) => {
            let stays = upright == Upright::IfNeeded && chain.commutes_with(turn, layout)?;
            if stays { (Dihedral::IDENTITY, Turn::Stored) } else { (turn, Turn::Done) }
        }
        Some((_, None)) if upright == Upright::IfNeeded => (Dihedral::IDENTITY, Turn::Stored),
        Some((matrix, None)) => {
            return Err(Error::usage(format!(
                "the clip asks players for {matrix}, which is no turn by 90 degrees; \
                 only mp4 and mov can ask for it"
            )));
        }
    };
    Ok((ClipWork::new(chain, layout, orientation, threads, pool.clone())?, turn))
}

/// What became of the turn that a clip asks for, in words.
pub fn turned(display: DisplayMatrix, turn: Turn) -> String {
    match (turn, display.turn()) {
        (Turn::Done, _) => format!(
            "the clip asks players for {display}: frames are turned so, and the output does not ask"
        ),
        (Turn::Stored, Some(_)) => format!(
            "the clip asks players for {display}: frames stay as stored, and the output asks too"
        ),
        (Turn::Stored, None) => format!(
            "the clip asks players for {display}: the output asks too, and the chain works on frames \
             as stored"
        ),
    }
}

/// The facts of a clip after this work.
pub fn after(facts: Facts, work: &ClipWork, turn: Turn) -> Facts {
    let aspect = facts.aspect.map(|aspect| work.plan().pixel_aspect(aspect));
    Facts { aspect, turn, ..facts }
}

/// Where a clip goes, and how it is coded.
pub struct ClipOut {
    out: PathBuf,
    writing: Writing,
    codec: Codec,
    without: Without,
    extra: Vec<OsString>,
}

impl ClipOut {
    /// What the options say.
    pub fn new(out: &Path, clobber: Clobber, args: &EncodingArgs, threads: Option<usize>) -> Self {
        Self {
            out: out.to_owned(),
            writing: Writing { clobber, durable: Durable::No },
            codec: Codec {
                name: args.codec.clone(),
                crf: args.crf.clone(),
                preset: args.preset.clone(),
                threads,
            },
            without: Without { audio: args.an, subtitles: args.sn },
            extra: args.more.clone(),
        }
    }

    /// Where it goes.
    pub fn path(&self) -> &Path {
        &self.out
    }

    /// What is not wanted of the source.
    pub fn without(&self) -> Without {
        self.without
    }

    /// Whether frames have to be turned for it: a format after `--` is not known here.
    pub fn upright(&self) -> Upright {
        let keeps = keeps_matrix(&self.out) && !self.chooses_format();
        if keeps { Upright::IfNeeded } else { Upright::Always }
    }

    fn chooses_format(&self) -> bool {
        self.extra.iter().any(|word| word == "-f")
    }

    /// Starts to encode frames of this layout.
    ///
    /// # Errors
    /// The encoder's; `Input` when the clip is not the one that was read.
    pub fn sink(
        &self,
        facts: &Facts,
        layout: Layout,
        pool: &Arc<BufferPool>,
        cancel: &Cancel,
    ) -> Result<Box<dyn Sink>> {
        let source = Described::new(facts, cancel)?;
        if self.out.as_os_str() == STDOUT {
            let sink = Y4mSink::new(std::io::stdout(), &source.y4m(facts, layout)?, pool.clone())?;
            return Ok(Box::new(sink));
        }
        let copies = source.copies(facts, self.without)?;
        let job = source.rendered().encode(facts, layout, &copies, self);
        let sink = VideoSink::new(&job, self.out.clone(), self.writing, pool.clone(), cancel)?;
        Ok(Box::new(sink))
    }
}

/// A clip as the writer sees it: probed again, since it may be in another process.
struct Described {
    programs: Programs,
    clip: Clip,
    pixels: Pixels,
    color: ColorTags,
}

impl Described {
    fn new(facts: &Facts, cancel: &Cancel) -> Result<Self> {
        let programs = Programs::find(None)?;
        let clip = Clip::probe(&programs, &facts.clip, cancel)?;
        let video = video(&clip, facts.stream)?;
        let (pixels, color) = (Pixels::of(video, &facts.wishes)?, video.color.clone());
        Ok(Self { programs, clip, pixels, color })
    }

    /// A stream of raw frames says its rate where the clip has one, or was given one.
    fn y4m(&self, facts: &Facts, layout: Layout) -> Result<y4m::Header> {
        let video = video(&self.clip, facts.stream)?;
        let rate = facts.rate.map(|each| (each.den(), each.num()));
        let own = video.average_rate.or(video.base_rate).map(|rate| (rate.num(), rate.den()));
        let interlacing = match video.field_order.as_deref() {
            Some("tt" | "tb") => y4m::Interlacing::TopFirst,
            Some("bb" | "bt") => y4m::Interlacing::BottomFirst,
            _ => y4m::Interlacing::Progressive,
        };
        Ok(y4m::Header { layout, rate: rate.or(own), aspect: facts.aspect, interlacing })
    }

    fn copies(&self, facts: &Facts, without: Without) -> Result<Copies<'_>> {
        Copies::new(&self.clip, facts.stream, without, facts.window.until)
    }

    fn rendered(&self) -> Rendered<'_> {
        Rendered { programs: &self.programs, pixels: &self.pixels, color: &self.color }
    }
}

/// What an encoder has to know of the clip beside the facts.
struct Rendered<'a> {
    programs: &'a Programs,
    pixels: &'a Pixels,
    color: &'a ColorTags,
}

impl<'a> Rendered<'a> {
    fn encode(
        &self,
        facts: &Facts,
        layout: Layout,
        copies: &'a Copies<'a>,
        out: &ClipOut,
    ) -> Encode<'a> {
        let trimmed = facts.window != Window::default();
        Encode {
            programs: self.programs,
            copies,
            pixels: self.pixels,
            layout,
            aspect: facts.aspect,
            display: facts.display.filter(|_| facts.turn == Turn::Stored),
            time_base: facts.time_base,
            first: facts.first,
            origin: if trimmed { Origin::First } else { Origin::Clip },
            color: self.color.clone(),
            codec: out.codec.clone(),
            extra: out.extra.clone(),
            patience: Patience::default(),
        }
    }
}

fn video(clip: &Clip, stream: usize) -> Result<&Video> {
    let found = clip.videos().find(|(s, _)| s.index == stream).map(|(_, video)| video);
    found.ok_or_else(|| {
        let path = shown(clip.path());
        Error::input(format!("{path} has no video stream {stream} any more"))
    })
}

impl MatrixArg {
    const fn matrix(self) -> Matrix {
        match self {
            Self::Bt601 => Matrix::Bt601,
            Self::Bt709 => Matrix::Bt709,
            Self::Bt2020 => Matrix::Bt2020,
        }
    }
}

impl RangeArg {
    const fn range(self) -> Range {
        match self {
            Self::Limited => Range::Limited,
            Self::Full => Range::Full,
        }
    }
}

/// Words as a shell splits them.
///
/// # Errors
/// `Usage`: a quote that is not closed.
fn words(text: &str) -> Result<Vec<OsString>> {
    let words = shlex::split(text).ok_or_else(|| {
        Error::usage(format!("--input-args {text:?} has a quote that is not closed"))
    })?;
    Ok(words.into_iter().map(OsString::from).collect())
}
