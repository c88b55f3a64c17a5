//! What a clip job reads: a clip, raw frames on stdin, or pictures. Content decides, not names.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumaloom::codec::animation::Animation;
use lumaloom::codec::{self, Format, Limits};
use lumaloom::error::{Error, Result, shown};
use lumaloom::exec::Settings;
use lumaloom::ffmpeg::{DisplayMatrix, Window};
use lumaloom::frame::{BufferPool, Layout};
use lumaloom::link::Cancel;
use lumaloom::source::{Facts, Pattern};
use lumaloom::stage::Source;

use super::movie::Movie;
use super::pictures::{Animated, Sequence};
use super::stream::Stream;
use super::{ClipOut, Helpers, Kind, STDIO, apart};
use crate::cli::args::ClipArgs;
use crate::cli::job::MAX_PIXELS;

/// A source that was looked at, and how it is read.
pub enum ClipIn {
    /// What ffmpeg decodes.
    Movie(Box<Movie>),
    /// YUV4MPEG2 on stdin.
    Stream(Stream),
    /// Picture files.
    Sequence(Sequence),
    /// One file of several pictures.
    Animated(Box<Animated>),
}

/// As much of a file as tells what it is.
const HEAD_BYTES: u64 = 64;

impl ClipIn {
    /// Looks at the input, with `helpers` where it is a clip.
    ///
    /// # Errors
    /// `Usage`: no such file, a time after the end, an option that this kind of input has no use
    /// for; no ffmpeg where one is needed. `Input`: it is no clip.
    pub fn new(input: &Path, args: &ClipArgs, helpers: &Helpers, cancel: &Cancel) -> Result<Self> {
        let window = window(args)?;
        if input.as_os_str() == STDIO {
            return Ok(Self::Stream(Stream::new(args, window, cancel)?));
        }
        let named = fs::metadata(input);
        if named.is_err()
            && let Some(pattern) = Pattern::parse(input)?
        {
            return Ok(Self::Sequence(Sequence::new(&pattern, args, window, cancel)?));
        }
        let pattern = |like: PathBuf| {
            let like = shown(&like).to_string();
            format!("pictures with numbers in their names are given as a pattern, like {like}")
        };
        let meta = named.map_err(|e| {
            let globs = input.to_string_lossy().contains('*');
            let like = || pattern(input.with_file_name("%05d.png"));
            let hint = if globs { format!("; {}", like()) } else { String::new() };
            Error::usage(format!("failed to open {}: {e}{hint}", shown(input)))
        })?;
        if meta.is_dir() {
            return Err(Error::usage(format!(
                "{} is a folder; {}, and lumaloom images filters a folder",
                shown(input),
                pattern(input.join("%05d.png"))
            )));
        }
        match picture(input, &meta) {
            Some(Format::Gif | Format::Png | Format::WebP) => {
                Ok(Self::Animated(Box::new(Animated::new(input, args, window)?)))
            }
            Some(_) => Ok(Self::Sequence(Sequence::of_one(input, args, window, cancel)?)),
            None => Ok(Self::Movie(Box::new(Movie::new(input, args, window, helpers, cancel)?))),
        }
    }

    /// The frames as they come.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Movie(movie) => *movie.layout(),
            Self::Stream(stream) => stream.layout(),
            Self::Sequence(sequence) => sequence.layout(),
            Self::Animated(animated) => animated.layout(),
        }
    }

    /// What is known before the first frame.
    ///
    /// # Errors
    /// None in practice.
    pub fn facts(&self) -> Result<Facts> {
        match self {
            Self::Movie(movie) => movie.facts(),
            Self::Stream(stream) => Ok(stream.facts()),
            Self::Sequence(sequence) => Ok(sequence.facts()),
            Self::Animated(animated) => Ok(animated.facts()),
        }
    }

    /// Starts to read. The calling thread has to outlive the source.
    ///
    /// # Errors
    /// The decoder's.
    pub fn open(
        &self,
        pool: &Arc<BufferPool>,
        cancel: &Cancel,
    ) -> Result<(Box<dyn Source + '_>, Facts)> {
        match self {
            Self::Movie(movie) => {
                let (source, facts) = movie.open(pool, cancel)?;
                Ok((Box::new(source), facts))
            }
            Self::Stream(stream) => Ok((stream.open(pool, cancel)?, stream.facts())),
            Self::Sequence(sequence) => Ok((Box::new(sequence.open()), sequence.facts())),
            Self::Animated(animated) => {
                Ok((Box::new(animated.open(pool, cancel)?), animated.facts()))
            }
        }
    }

    /// The clip, if it is one.
    pub fn movie(&self) -> Option<&Movie> {
        match self {
            Self::Movie(movie) => Some(movie),
            Self::Stream(_) | Self::Sequence(_) | Self::Animated(_) => None,
        }
    }

    /// Settings that know what the source holds for as long as it lives.
    ///
    /// # Errors
    /// `Usage`: too little is left, with a `--mem` that would do.
    pub fn kept_apart(&self, settings: Settings) -> Result<Settings> {
        let Self::Animated(animated) = self else { return Ok(settings) };
        let (held, frames) = (animated.held_bytes(), 2 * animated.layout().bytes());
        apart(settings, held, frames, "the animated picture takes")
    }

    /// Whether it is stdin, which only one process can read.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// The files that it is.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Movie(movie) => vec![movie.path().to_owned()],
            Self::Stream(_) => Vec::new(),
            Self::Sequence(sequence) => sequence.files(),
            Self::Animated(animated) => vec![animated.path().to_owned()],
        }
    }

    /// How players are asked to turn it.
    pub fn display_matrix(&self) -> Option<DisplayMatrix> {
        self.movie().and_then(Movie::display_matrix)
    }

    /// How many frames are expected, where that is known.
    pub fn total(&self) -> Option<u64> {
        match self {
            Self::Movie(movie) => movie.total(),
            Self::Stream(_) => None,
            Self::Sequence(sequence) => Some(sequence.total()),
            Self::Animated(animated) => animated.total(),
        }
    }

    /// About how many, where only that is known.
    pub fn estimate(&self) -> Option<u64> {
        self.movie().filter(|_| self.total().is_none()).and_then(Movie::estimate)
    }

    /// What was assumed of the source: to be said once.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Movie(movie) => movie.notes().to_vec(),
            Self::Stream(stream) => stream.notes(),
            Self::Sequence(_) | Self::Animated(_) => Vec::new(),
        }
    }

    /// Checks what can be checked of the output before the first frame.
    ///
    /// # Errors
    /// `Usage`: no such encoder; a container that does not take the copied streams.
    pub fn check(&self, out: &ClipOut, cancel: &Cancel) -> Result<()> {
        out.check()?;
        match (self, out.kind()) {
            (Self::Movie(movie), Kind::Clip) => movie.check(out, cancel),
            _ => Ok(()),
        }
    }

    /// What the output will not have although nobody said so.
    ///
    /// # Errors
    /// None in practice.
    pub fn losses(&self, out: &ClipOut) -> Result<Vec<String>> {
        let mut losses = match (self, out.kind()) {
            (Self::Movie(movie), Kind::Clip) => movie.losses(out)?,
            (Self::Movie(movie), Kind::Sequence(_) | Kind::Stream) => {
                movie.alone().into_iter().chain(movie.untimed()).collect()
            }
            (Self::Movie(movie), Kind::Animation(_)) => movie.alone().into_iter().collect(),
            _ => Vec::new(),
        };
        if let Kind::Animation(Format::Gif) = out.kind() {
            losses.extend(hurried(&self.facts()?));
        }
        Ok(losses)
    }
}

/// What players make of a GIF whose frames are too short for it.
fn hurried(facts: &Facts) -> Option<String> {
    let (over, under) = facts.rate?;
    // A hundredth of a second is shown as a tenth.
    let too_fast = u64::from(over) > 50 * u64::from(under);
    let rate = f64::from(over) / f64::from(under);
    too_fast.then(|| {
        format!("players show a GIF of {rate:.0} frames per second slower than it is; 50 are its limit (--r)")
    })
}

/// Whether an input can only be a clip where pictures are taken too: a pattern, or a file that is no
/// picture. Whether it is one, ffmpeg has to say.
pub fn is_no_picture(input: &Path) -> bool {
    match fs::metadata(input) {
        Ok(meta) => meta.is_file() && picture(input, &meta).is_none(),
        Err(_) => matches!(Pattern::parse(input), Ok(Some(_))),
    }
}

/// Whether a file is a picture that moves. One that is broken is none.
pub fn is_animated(input: &Path) -> bool {
    let meta = fs::metadata(input).ok();
    let format = meta.and_then(|meta| picture(input, &meta));
    let bytes = format.filter(|format| format.is_animated()).and_then(|_| fs::read(input).ok());
    let opened = bytes.map(|bytes| Animation::open(bytes, &Limits { max_pixels: MAX_PIXELS }));
    matches!(opened, Some(Ok(Some(animation))) if animation.frames() > 1)
}

/// The format of a picture file; nothing for what is none.
fn picture(path: &Path, meta: &fs::Metadata) -> Option<Format> {
    if !meta.is_file() {
        return None;
    }
    let mut head = Vec::new();
    // What cannot be read is said by whoever reads it.
    File::open(path).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    codec::sniff(&head)
}

/// The part of the source that is wanted.
fn window(args: &ClipArgs) -> Result<Window> {
    let from = args.ss;
    let until = args.to.or_else(|| args.t.map(|t| from.unwrap_or_default().plus(t)));
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        return Err(Error::usage("--to is not after --ss"));
    }
    Ok(Window { from, until })
}
