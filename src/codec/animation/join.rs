//! An animated file out of stills: the encoders work on each frame alone, in any order and side
//! by side, and what is left to do in order is moving bytes.

use std::io::{Seek, SeekFrom, Write};

use super::super::{EncodeOptions, Format, fit};
use super::delay::{Clock, Fraction, Rule};
use super::{ANIMATED, Plays};
use crate::error::{Error, Result};
use crate::frame::{Layout, Size};

/// Writes an animated GIF, PNG or WebP file.
///
/// The stills come from `encode` with `EncodeOptions::format` set, each for a frame of the same
/// layout, one that `fit` gives for the format: a PNG then has the same colour type for all of
/// them. What stands beside the pixels (profile, EXIF, ...) is taken from the first still; later
/// ones need none, so it is best not given to their encoder.
///
/// Frames are whole canvases: none is laid over the one before.
pub struct Joiner<W> {
    out: W,
    rule: &'static Rule,
    join: Box<dyn Join>,
    clock: Clock,
    written: u64,
    /// The bytes of one frame, kept for its memory.
    piece: Vec<u8>,
}

impl<W: Write + Seek> Joiner<W> {
    /// Nothing is written yet. `out` stands at the beginning of an empty file; `tick` is what
    /// delays are counted in; `plays` is how often players show it all.
    ///
    /// # Errors
    /// Usage: a format without animation.
    pub fn new(
        out: W,
        format: Format,
        layout: &Layout,
        tick: Fraction,
        plays: Plays,
    ) -> Result<Self> {
        let kind = ANIMATED.iter().find(|kind| kind.format == format);
        let kind = kind.ok_or_else(|| {
            let known: Vec<&str> = ANIMATED.iter().map(|kind| kind.format.name()).collect();
            let (name, known) = (format.name(), known.join(", "));
            Error::usage(format!("{name} holds one picture, not an animation (these do: {known})"))
        })?;
        let held = fit(format, *layout, &EncodeOptions::default());
        if held != *layout {
            return Err(Error::internal(format!("{} holds {held}, not {layout}", format.name())));
        }
        Ok(Self {
            out,
            rule: kind.rule,
            join: (kind.join)(Start { layout: *layout, plays }),
            clock: Clock::new(tick),
            written: 0,
            piece: Vec::new(),
        })
    }

    /// The next frame, shown for so many ticks. Where the format cannot state that, the running
    /// time is rounded to what it can: GIF counts hundredths of a second, WebP thousandths, PNG
    /// any fraction of 16-bit numbers.
    ///
    /// # Errors
    /// A still of another kind than the first, a file over the format's limit, a delay of days,
    /// or a failed write.
    pub fn write(&mut self, still: &[u8], delay: u64) -> Result<()> {
        let delays = self.clock.split(delay, self.rule)?;
        self.piece.clear();
        self.join.add(still, &delays, &mut self.piece)?;
        self.out.write_all(&self.piece).map_err(failed)?;
        self.written += self.piece.len() as u64;
        Ok(())
    }

    /// Ends the file and puts what is known only now in its places; it is not flushed.
    ///
    /// # Errors
    /// No frame at all, or a failed write.
    pub fn finish(mut self) -> Result<W> {
        if self.written == 0 {
            return Err(Error::input("an animation without a frame"));
        }
        let Ending { tail, patches } = self.join.finish(self.written)?;
        self.out.write_all(&tail).map_err(failed)?;
        for (at, bytes) in patches {
            self.out.seek(SeekFrom::Start(at)).map_err(failed)?;
            self.out.write_all(&bytes).map_err(failed)?;
        }
        self.out.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(self.out)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::system(format!("failed to write an animation: {error}"))
}

/// What is known before the first frame.
#[derive(Clone, Copy)]
pub struct Start {
    /// Of all frames.
    pub layout: Layout,
    pub plays: Plays,
}

impl Start {
    /// Says that a still has not the canvas's size.
    pub fn unlike(&self, format: Format, size: Size) -> Error {
        let canvas = self.layout.size();
        Error::internal(format!("a {} frame of {size} among those of {canvas}", format.name()))
    }
}

/// What is written at the end.
pub struct Ending {
    /// Behind the last frame.
    pub tail: Vec<u8>,
    /// Bytes to replace: where, and by what.
    pub patches: Vec<(u64, Vec<u8>)>,
}

/// One format's way of joining stills.
pub trait Join: Send {
    /// Appends the still once for each delay, and what stands in front of all frames before the
    /// first of them.
    ///
    /// # Errors
    /// It is no still of this format, or not like the first.
    fn add(&mut self, still: &[u8], delays: &[Fraction], out: &mut Vec<u8>) -> Result<()>;

    /// Called once, after so many bytes.
    ///
    /// # Errors
    /// The file is longer than the format allows.
    fn finish(&mut self, written: u64) -> Result<Ending>;
}
