//! What a clip job writes, and how it is coded.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumaloom::codec::{EncodeOptions, Format, y4m};
use lumaloom::error::{Error, Result, shown};
use lumaloom::ffmpeg::{
    Codec, Copies, DataPlace, Encode, Origin, Patience, PixelFormat, Programs, Takes, Window,
    Without, holds_covers, keeps_matrix, video_filters,
};
use lumaloom::frame::{BufferPool, Layout};
use lumaloom::link::Cancel;
use lumaloom::sink::{
    AnimationSink, Clobber, Durable, Joining, NullSink, SequenceSink, VideoSink, Writing, Y4mSink,
    check,
};
use lumaloom::source::{Facts, Pattern, Turn};
use lumaloom::stage::Sink;

use super::target::Wish;
use super::{Helpers, STDIO, Seam, Target, Upright};
use crate::cli::args::{ClipArgs, EncodingArgs};

/// The name that stands for nowhere; a file of that name is `./null`.
pub const NULL: &str = "null";

/// Parts of the names of encoders that code interlaced frames as if they were not (5.1 and 9.0).
const WHOLE_FRAMES: &[&str] = &["265", "hevc", "vp8", "vp9", "av1", "theora"];

/// Where a clip goes, and how it is coded.
#[derive(Clone)]
pub struct ClipOut {
    out: PathBuf,
    kind: Kind,
    writing: Writing,
    codec: Codec,
    quality: Option<u8>,
    without: Without,
    extra: Vec<OsString>,
    helpers: Helpers,
    segment: Option<Segment>,
    takes: Option<Takes>,
}

/// What a file is that is to be joined to others.
#[derive(Clone, Copy, Debug)]
struct Segment {
    seam: Seam,
    /// What the output wants that it will be a part of.
    upright: Upright,
}

/// What came of trying an encoder out.
#[derive(Default)]
pub struct Tried {
    /// What it takes, as far as that is known.
    pub takes: Option<Takes>,
    /// What is to be said of it.
    pub remarks: Vec<String>,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What ffmpeg encodes.
    Clip,
    /// YUV4MPEG2 on stdout.
    Stream,
    /// Picture files.
    Sequence(Pattern),
    /// One animated picture.
    Animation(Format),
    /// Nothing.
    Null,
}

impl ClipOut {
    /// What the options say. It is encoded by one of `helpers`.
    ///
    /// # Errors
    /// `Usage`: a name with a number in it that is no pattern.
    pub fn new(
        out: &Path,
        clobber: Clobber,
        args: &EncodingArgs,
        threads: Option<usize>,
        helpers: &Helpers,
    ) -> Result<Self> {
        Ok(Self {
            out: out.to_owned(),
            kind: Kind::of(out, args.codec.codec.is_some())?,
            writing: Writing { clobber, durable: Durable::No },
            codec: Codec {
                name: args.codec.codec.clone(),
                crf: args.codec.crf.clone(),
                preset: args.codec.preset.clone(),
                threads,
            },
            quality: args.quality,
            without: Without {
                audio: args.an,
                subtitles: args.sn,
                covers: !holds_covers(out),
                holds: DataPlace::of(out),
            },
            extra: args.more.clone(),
            helpers: helpers.clone(),
            segment: None,
            takes: None,
        })
    }

    /// A file of frames alone, a part of what `upright` is said of: their times are the clip's,
    /// moved.
    pub fn segment(self, seam: Seam, upright: Upright) -> Self {
        Self { segment: Some(Segment { seam, upright }), ..self }
    }

    /// The same with other words for the encoder's ffmpeg than those after `--`.
    pub fn with_words(&self, words: Vec<OsString>) -> Self {
        Self { extra: words, ..self.clone() }
    }

    /// The same for an encoder that is known to take such frames.
    pub fn taking(self, takes: Option<Takes>) -> Self {
        Self { takes, ..self }
    }

    /// What its encoder is known to take.
    pub fn takes(&self) -> Option<&Takes> {
        self.takes.as_ref()
    }

    /// What it has in common with other segments, if it is one.
    pub fn seam(&self) -> Option<Seam> {
        self.segment.map(|segment| segment.seam)
    }

    /// How files are put in place.
    pub fn writing(&self) -> Writing {
        self.writing
    }

    /// Where it goes.
    pub fn path(&self) -> &Path {
        &self.out
    }

    /// What is written.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What is not wanted of the source.
    pub fn without(&self) -> Without {
        self.without
    }

    /// The encoder that was asked for.
    pub fn codec(&self) -> Option<&str> {
        self.codec.name.as_deref()
    }

    /// What stands after `--`.
    pub fn words(&self) -> &[OsString] {
        &self.extra
    }

    /// What is to be said of an interlaced clip where the encoder has no frames of two fields.
    pub fn hides_fields(&self) -> Option<&'static str> {
        let codec = self.codec()?;
        let whole = WHOLE_FRAMES.iter().any(|name| codec.contains(name));
        whole.then_some("this encoder does not mark frames as interlaced; the container may")
    }

    /// Whether frames have to be turned for it: a format after `--` is not known here.
    pub fn upright(&self) -> Upright {
        if let Some(segment) = self.segment {
            return segment.upright;
        }
        let keeps = self.kind == Kind::Clip && keeps_matrix(&self.out) && !self.chooses_format();
        if keeps { Upright::IfNeeded } else { Upright::Always }
    }

    /// Whether a format is among what stands after `--`.
    pub fn chooses_format(&self) -> bool {
        self.extra.iter().any(|word| word == "-f")
    }

    /// What the work is to make of frames; `args` are the source's.
    ///
    /// # Errors
    /// `Usage`: pictures of a format that we do not write.
    pub fn target(&self, args: &ClipArgs) -> Result<Target> {
        match &self.kind {
            Kind::Clip | Kind::Stream | Kind::Null => Ok(Target::Frames(Wish::new(
                args.pix_fmt.as_deref(),
                args.colorspace,
                args.color_range,
            ))),
            Kind::Sequence(_) | Kind::Animation(_) => {
                let format = extension(&self.out).ok_or_else(|| {
                    let known: Vec<&str> = Format::all().map(Format::extension).collect();
                    Error::usage(format!(
                        "{} has no extension of a picture; there are {}",
                        shown(&self.out),
                        known.join(", ")
                    ))
                })?;
                let quality = self.quality;
                Ok(Target::Files(EncodeOptions { quality, ..EncodeOptions::default() }, format))
            }
        }
    }

    /// Checks what does not depend on the source.
    ///
    /// # Errors
    /// `Usage`: no ffmpeg where one is needed, no such encoder.
    pub fn check(&self) -> Result<()> {
        if self.kind != Kind::Clip {
            return Ok(());
        }
        let programs = self.helpers.programs()?;
        self.codec.name.as_ref().map_or(Ok(()), |name| programs.require_encoder(name))
    }

    /// Refuses to replace what is there.
    ///
    /// # Errors
    /// `Usage`, with the way out.
    pub fn free(&self) -> Result<()> {
        let one_file = matches!(self.kind, Kind::Clip | Kind::Animation(_));
        if one_file {
            check::out_is_a_file(&self.out)?;
        }
        if self.writing.clobber == Clobber::Replace {
            return Ok(());
        }
        let taken = |what: String| Err(Error::usage(format!("{what}; -y replaces what is there")));
        match &self.kind {
            Kind::Stream | Kind::Null => Ok(()),
            Kind::Clip | Kind::Animation(_) if self.out.symlink_metadata().is_ok() => {
                taken(format!("{} exists", shown(&self.out)))
            }
            Kind::Clip | Kind::Animation(_) => Ok(()),
            Kind::Sequence(_) => match &self.present()[..] {
                [] => Ok(()),
                files @ [first, ..] => {
                    let there = files.len();
                    taken(format!("{there} files of that pattern exist, {} first", shown(first)))
                }
            },
        }
    }

    /// Tries its encoder out, so that frames like these can be made what it takes. Nothing comes
    /// of it where there is none.
    ///
    /// # Errors
    /// `Usage`: it does not go with its options, or with such frames.
    pub fn tried(&self, facts: &Facts, layout: Layout, cancel: &Cancel) -> Result<Tried> {
        if self.kind != Kind::Clip {
            return Ok(Tried::default());
        }
        let programs = self.helpers.programs()?;
        let job = Encoding { programs, copies: None, out: self }.job(facts, layout)?;
        let Some(trial) = job.trial(&self.out, cancel)? else { return Ok(Tried::default()) };
        let job = Encode { takes: Some(trial.takes.clone()), ..job };
        let poor = trial.thrifty(&self.out, &self.extra).filter(|_| self.codec.name.is_none());
        let untold = trial.untold.iter();
        let untold = untold.map(|what| format!("{} does not say {what}", shown(&self.out)));
        let remarks = job.remark(&trial.encoder).into_iter().chain(poor).chain(untold).collect();
        Ok(Tried { takes: Some(trial.takes), remarks })
    }

    /// The words of the encoder's command, for frames that have nothing beside them.
    ///
    /// # Errors
    /// As for `sink`.
    pub fn alone(&self, facts: &Facts, layout: Layout) -> Result<Vec<OsString>> {
        let job = Encoding { programs: self.helpers.programs()?, copies: None, out: self };
        job.job(facts, layout)?.words(&self.out)
    }

    /// The files of a sequence that are there already.
    pub fn present(&self) -> Vec<PathBuf> {
        let Kind::Sequence(pattern) = &self.kind else { return Vec::new() };
        // A folder that is not there has none.
        pattern.present().unwrap_or_default().into_iter().map(|at| pattern.path(at)).collect()
    }

    /// Starts to write frames of this layout.
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
        match &self.kind {
            Kind::Null => Ok(Box::new(NullSink::Frames)),
            Kind::Stream => {
                let Facts { rate, aspect, interlacing, .. } = *facts;
                let header = y4m::Header { layout, rate, aspect, interlacing };
                Ok(Box::new(Y4mSink::new(std::io::stdout(), &header, pool.clone())?))
            }
            Kind::Sequence(pattern) => {
                let first = facts.number.unwrap_or(1);
                Ok(Box::new(SequenceSink::new(pattern.clone(), first, self.writing)?))
            }
            Kind::Animation(format) => {
                let usual = usual(facts);
                let plays = facts.plays.and_then(NonZeroU32::new);
                let (format, time_base) = (*format, facts.time_base);
                let joining = Joining { format, layout, time_base, usual, plays };
                Ok(Box::new(AnimationSink::new(&joining, self.out.clone(), self.writing)?))
            }
            Kind::Clip => {
                let programs = self.helpers.programs()?;
                let rest = facts.rest.as_ref().filter(|_| self.segment.is_none());
                let copies = rest.map(|rest| {
                    Copies::new(&rest.clip, rest.stream, self.without, rest.window.until)
                });
                let copies = copies.transpose()?;
                let takes = match &self.takes {
                    None => self.tried(facts, layout, cancel)?.takes,
                    known => known.clone(),
                };
                let job = Encoding { programs, copies: copies.as_ref(), out: self };
                let job = Encode { takes, ..job.job(facts, layout)? };
                let (out, pool) = (self.out.clone(), pool.clone());
                Ok(Box::new(VideoSink::new(&job, out, self.writing, pool, cancel)?))
            }
        }
    }
}

impl Kind {
    /// What a name stands for. An encoder that was asked for is ffmpeg's.
    fn of(out: &Path, encoder: bool) -> Result<Self> {
        match out.as_os_str() {
            name if name == STDIO => Ok(Self::Stream),
            name if name == NULL => Ok(Self::Null),
            _ => Ok(match (Pattern::parse(out)?, extension(out)) {
                (Some(pattern), _) => Self::Sequence(pattern),
                (None, Some(format)) if !format.is_animated() && !encoder => {
                    let name = shown(out);
                    let (stem, extension) = (out.with_extension(""), format.extension());
                    return Err(Error::usage(format!(
                        "{name} holds one picture: a number in the name makes it a sequence, like \
                         {}_%d.{extension}, and --frames 1 one picture",
                        shown(&stem)
                    )));
                }
                (None, Some(format)) if format.is_animated() && !encoder => Self::Animation(format),
                (None, _) => Self::Clip,
            }),
        }
    }
}

/// Ticks of a frame of which nobody says how long it is shown.
fn usual(facts: &Facts) -> i64 {
    let (over, under) = facts.rate.unwrap_or((25, 1));
    let (num, den) = (i64::from(facts.time_base.num()), i64::from(facts.time_base.den()));
    i64::from(under) * den / (i64::from(over) * num).max(1)
}

/// The picture format that a name stands for.
fn extension(out: &Path) -> Option<Format> {
    Format::from_extension(out.extension()?.to_str()?)
}

/// Everything that an encoder is started with, beside the facts.
pub struct Encoding<'a> {
    /// The programs.
    pub programs: &'a Programs,
    /// Where the rest comes from, if there is one.
    pub copies: Option<&'a Copies<'a>>,
    /// The output.
    pub out: &'a ClipOut,
}

impl<'a> Encoding<'a> {
    /// The job of encoding frames of this layout.
    ///
    /// # Errors
    /// `Usage`: ffmpeg has no pixel format for them.
    pub fn job(&self, facts: &Facts, layout: Layout) -> Result<Encode<'a>> {
        let named = facts.format.as_deref();
        let format = named.map_or_else(|| PixelFormat::of(&layout), PixelFormat::named)?;
        let trimmed = facts.rest.as_ref().is_some_and(|rest| rest.window != Window::default());
        let origin = match (self.out.segment, trimmed) {
            (Some(segment), _) => Origin::Moved(segment.seam.moved),
            (None, true) => Origin::First,
            (None, false) => Origin::Clip,
        };
        // A segment asks nothing of players: it is joined to others first.
        let asks = facts.turn == Turn::Stored && self.out.segment.is_none();
        let (after, extra) = video_filters(&self.out.extra, "after --")?;
        Ok(Encode {
            programs: self.programs,
            copies: self.copies,
            format,
            layout,
            takes: self.out.takes.clone(),
            aspect: facts.aspect,
            display: facts.display.filter(|_| asks),
            time_base: facts.time_base,
            rate: facts.rate,
            clock: facts.clock,
            first: facts.first,
            last: facts.last,
            origin,
            color: facts.color.clone(),
            interlacing: self
                .out
                .seam()
                .and_then(|seam| seam.interlacing)
                .unwrap_or(facts.interlacing),
            codec: self.out.codec.clone(),
            after,
            extra,
            patience: Patience::default(),
        })
    }
}
