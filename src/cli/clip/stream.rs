//! Raw frames on stdin, from `vspipe` or another run of this program.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use lumaloom::codec::y4m::Header;
use lumaloom::error::{Error, Result};
use lumaloom::ffmpeg::{ColorTags, TimeBase, Window};
use lumaloom::frame::{BufferPool, Layout, Model};
use lumaloom::link::Cancel;
use lumaloom::source::{Facts, Y4mStream};
use lumaloom::stage::Source;

use super::{MatrixArg, RangeArg};
use crate::cli::args::ClipArgs;

/// A stream whose header was read.
pub struct Stream {
    header: Header,
    each: TimeBase,
    most: Option<u64>,
    tagged: bool,
    /// Taken when the frames are read.
    stream: Mutex<Option<Y4mStream>>,
}

/// Frames per second of a stream that does not say: as everywhere.
const USUAL: (u32, u32) = (25, 1);

impl Stream {
    /// Waits for the header.
    ///
    /// # Errors
    /// `Usage`: stdin is a terminal, or an option needs a file. `Input`: it is no such stream.
    pub fn new(args: &ClipArgs, window: Window, cancel: &Cancel) -> Result<Self> {
        let stdin = std::io::stdin();
        let refused = |what: &str| Err(Error::usage(format!("{what} needs a file, not stdin")));
        match args {
            _ if stdin.is_terminal() => {
                return Err(Error::usage(
                    "- reads raw frames (y4m) from stdin, which is a terminal",
                ));
            }
            _ if window.from.is_some() => return refused("--ss"),
            ClipArgs { start_number: Some(_), .. } => return refused("--start-number"),
            ClipArgs { pix_fmt: Some(_), .. } => return refused("--pix-fmt"),
            ClipArgs { input_args: Some(_), .. } => return refused("--input-args"),
            _ => {}
        }
        let stdin = stdin.as_fd().try_clone_to_owned();
        let stdin = stdin.map_err(|e| Error::system(format!("failed to take over stdin: {e}")))?;
        let matrix = args.colorspace.map(MatrixArg::matrix);
        let stream = Y4mStream::open(stdin, matrix, args.color_range.map(RangeArg::range), cancel)?;
        let header = stream.header().clone();
        let (over, under) = header.rate.unwrap_or(USUAL);
        let each = args.r.map_or_else(|| TimeBase::new(under, over), Ok)?;
        // Frames are counted, so a moment becomes a number.
        let before = window.until.map(|until| each.ticks_before(until));
        let most = [args.frames.map(u64::from), before].into_iter().flatten().min();
        let stream = Mutex::new(Some(stream));
        Ok(Self { header, each, most, tagged: matrix.is_some(), stream })
    }

    /// The frames as they come.
    pub fn layout(&self) -> Layout {
        self.header.layout
    }

    /// What is known of them.
    pub fn facts(&self) -> Facts {
        let tags = ColorTags::of(&self.header.layout);
        // What the stream does not say stays unsaid.
        let matrix = tags.matrix.filter(|_| self.tagged);
        let color = ColorTags { matrix, ..tags };
        let Header { aspect, interlacing, .. } = self.header;
        Facts { color, aspect, interlacing, ..Facts::even(self.each) }
    }

    /// Begins to read the frames.
    ///
    /// # Errors
    /// `Internal`: asked for twice.
    pub fn open(&self, pool: &Arc<BufferPool>, cancel: &Cancel) -> Result<Box<dyn Source>> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream = stream.ok_or_else(|| Error::internal("stdin was taken twice"))?;
        Ok(Box::new(stream.frames(self.most, pool.clone(), cancel)))
    }

    /// What was assumed.
    pub fn notes(&self) -> Vec<String> {
        let Model::Ycbcr(ycbcr) = self.header.layout.model() else { return Vec::new() };
        let matrix = ycbcr.matrix.name();
        let note = format!("the stream does not say its matrix: {matrix} (--colorspace)");
        (!self.tagged).then_some(note).into_iter().collect()
    }
}
