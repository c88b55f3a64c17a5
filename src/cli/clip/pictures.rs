//! Pictures as the frames of a clip: the files of a sequence, or one file that has several.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lumaloom::codec::animation::Animation;
use lumaloom::codec::{self, Header, Limits};
use lumaloom::error::{Error, Result, shown};
use lumaloom::ffmpeg::{TimeBase, Window};
use lumaloom::frame::{BufferPool, Layout};
use lumaloom::link::{Cancel, Item};
use lumaloom::source::sequence::{self, Part};
use lumaloom::source::{Extent, Facts, FrameSource, Pattern, Playing, SequenceSource, Stills};

use crate::cli::args::ClipArgs;
use crate::cli::job::MAX_PIXELS;

/// How much of a picture mostly says what it is.
const HEAD_BYTES: u64 = 64 << 10;

/// Files that were found, and the layout that holds them all.
pub struct Sequence {
    items: Vec<Item>,
    first: Header,
    each: TimeBase,
}

impl Sequence {
    /// The files of a pattern.
    ///
    /// # Errors
    /// `Usage`: none is there, or one is missing. `Input`: the first is no picture.
    pub fn new(
        pattern: &Pattern,
        args: &ClipArgs,
        window: Window,
        cancel: &Cancel,
    ) -> Result<Self> {
        // Cut by time first, then counted: `--frames` is how many come out.
        let items = sequence::find(pattern, Part { first: args.start_number, most: None });
        let items = match (items, args.frames.map(u64::from), window.until) {
            (Err(_), Some(most), None) if window.from.is_none() => {
                sequence::find(pattern, Part { first: args.start_number, most: Some(most) })?
            }
            (items, ..) => items?,
        };
        Self::of(items, args, window, cancel)
    }

    /// One picture that is no animation.
    ///
    /// # Errors
    /// As for a pattern.
    pub fn of_one(path: &Path, args: &ClipArgs, window: Window, cancel: &Cancel) -> Result<Self> {
        Self::of(vec![sequence::item(path.to_owned(), 1)?], args, window, cancel)
    }

    fn of(mut items: Vec<Item>, args: &ClipArgs, window: Window, cancel: &Cancel) -> Result<Self> {
        refuse(args)?;
        let each = args.r.map_or_else(|| TimeBase::new(1, 25), Ok)?;
        let at = |moment| usize::try_from(each.ticks_before(moment)).unwrap_or(usize::MAX);
        if let Some(until) = window.until {
            items.truncate(at(until));
        }
        if let Some(from) = window.from {
            items.drain(..at(from).min(items.len()));
        }
        if let Some(most) = args.frames {
            items.truncate(usize::try_from(u64::from(most)).unwrap_or(usize::MAX));
        }
        let first = items.first().ok_or_else(|| {
            Error::usage("no picture lies between --ss and --to; --r is the sequence's rate")
        })?;
        let first = header(&first.input)?;
        let mut layout = first.layout;
        for item in &items[1..] {
            if cancel.is_now() {
                return Err(cancel.error());
            }
            // One that is broken is an error when its turn has come.
            if let Ok(other) = header(&item.input) {
                layout = layout.common(&other.layout).unwrap_or(layout);
            }
        }
        Ok(Self { items, first: Header { layout, ..first }, each })
    }

    /// The frames as they are decoded.
    pub fn layout(&self) -> Layout {
        self.first.layout
    }

    /// How many.
    pub fn total(&self) -> u64 {
        self.items.len() as u64
    }

    /// Where they are.
    pub fn files(&self) -> Vec<PathBuf> {
        self.items.iter().map(|item| item.input.clone()).collect()
    }

    /// What is known of them.
    pub fn facts(&self) -> Facts {
        let stills = Stills {
            format: self.first.format.name().to_owned(),
            coded: true,
            // Each file says so itself.
            lossless: false,
            orientation: self.first.orientation,
            icc: self.first.icc.clone(),
        };
        let number = self.items.first().map(|item| item.number);
        Facts { stills: Some(stills), number, ..Facts::even(self.each) }
    }

    /// A source of them.
    pub fn open(&self) -> SequenceSource {
        SequenceSource::new(self.items.clone())
    }
}

/// An animated picture, whose file was read.
pub struct Animated {
    path: PathBuf,
    layout: Layout,
    facts: Facts,
    frames: Option<u64>,
    most: Option<u64>,
    held: u64,
    /// Taken when the frames are read.
    playing: Mutex<Option<Playing>>,
}

impl Animated {
    /// Reads the file, and what it says of its frames.
    ///
    /// # Errors
    /// `Usage`: an option that has no use here. `Input`: it is broken.
    pub fn new(path: &Path, args: &ClipArgs, window: Window) -> Result<Self> {
        refuse(args)?;
        if args.r.is_some() || args.start_number.is_some() {
            let options = "an animated picture has frames with times of their own";
            return Err(Error::usage(format!("{options}: neither --r nor --start-number fits")));
        }
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, &e))?;
        let size = bytes.len() as u64;
        let opened = Animation::open(bytes, &Limits { max_pixels: MAX_PIXELS });
        let animation = opened.map_err(|e| e.within(shown(path)))?;
        let animation =
            animation.ok_or_else(|| Error::input(format!("{} changed", shown(path))))?;
        let stills = Stills {
            format: animation.format().name().to_owned(),
            coded: false,
            lossless: animation.metadata().coding.lossless,
            orientation: animation.orientation(),
            icc: animation.metadata().icc.clone(),
        };
        let (layout, plays) = (*animation.layout(), animation.plays());
        let held = size + animation.peak();
        let whole = window == Window::default();
        let frames = whole.then(|| animation.frames());
        let playing = Playing::new(animation, window)?;
        let even = Facts::even(playing.time_base());
        let most = args.frames.map(u64::from);
        let last = playing.last(most.unwrap_or(u64::MAX));
        let (stills, plays) = (Some(stills), plays.map(u32::from));
        // Its frames are as long as each says.
        let facts = Facts { stills, plays, last, rate: None, ..even };
        let (path, playing) = (path.to_owned(), Mutex::new(Some(playing)));
        Ok(Self { path, layout, facts, frames, most, held, playing })
    }

    /// The frames as they are composed.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// How many, if all are wanted.
    pub fn total(&self) -> Option<u64> {
        self.frames.map(|frames| frames.min(self.most.unwrap_or(u64::MAX)))
    }

    /// What is known of them.
    pub fn facts(&self) -> Facts {
        self.facts.clone()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are held while frames are composed, the file's among them.
    pub fn held_bytes(&self) -> u64 {
        self.held
    }

    /// Begins to compose them.
    ///
    /// # Errors
    /// `Internal`: asked for twice.
    pub fn open(&self, pool: &Arc<BufferPool>, cancel: &Cancel) -> Result<FrameSource<Playing>> {
        let playing = self.playing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let playing = playing.ok_or_else(|| Error::internal("the frames were taken twice"))?;
        let frame_bytes = self.layout.bytes();
        let extent = Extent { frame_bytes, total: self.frames, most: self.most };
        Ok(FrameSource::new(&self.path, playing, None, extent, pool.clone(), cancel))
    }
}

/// What a picture's file says of itself.
///
/// # Errors
/// `Input`: it is no picture.
fn header(path: &Path) -> Result<Header> {
    let limits = Limits { max_pixels: MAX_PIXELS };
    let failed = |e| Error::io("read", path, &e);
    let mut file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    if let Ok(header) = codec::probe(&bytes, &limits) {
        return Ok(header);
    }
    // What stands in front of the pixels may be longer.
    file.read_to_end(&mut bytes).map_err(failed)?;
    codec::probe(&bytes, &limits).map_err(|e| e.within(shown(path)))
}

/// Refuses options that only a decoder of clips has a use for.
fn refuse(args: &ClipArgs) -> Result<()> {
    let what = match args {
        ClipArgs { input_args: Some(_), .. } => "--input-args",
        _ => return Ok(()),
    };
    Err(Error::usage(format!("{what} is for clips; pictures are read without ffmpeg")))
}
