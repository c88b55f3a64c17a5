//! Animated GIF, PNG and WebP files: frames with their delays in, and out again.
//!
//! An animated file is a list of stills with places on a canvas. So each format is only taken
//! apart here and put together again; its still codec reads and writes all pixels, and all that it
//! refuses is refused here.

mod apng;
mod canvas;
mod chunk;
mod delay;
mod gif;
mod join;
mod part;
mod webp;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

pub use delay::Fraction;
pub use join::Joiner;

use super::exif::{self, tiff_of};
use super::{DecodeHint, Format, Limits, Metadata, decode, probe, sniff};
use crate::error::{Error, Result};
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model, Size};
use canvas::Canvas;
use delay::{Common, Rule};
use join::{Join, Start};
use part::{Cover, Disposal, Part, Parts};

/// How often an animation is shown in all; `None` is without end.
pub type Plays = Option<NonZeroU32>;

/// One format that holds animations.
struct Kind {
    format: Format,
    open: fn(&[u8], &Limits) -> Result<Outline>,
    rule: &'static Rule,
    join: fn(Start) -> Box<dyn Join>,
}

/// All of them.
static ANIMATED: [Kind; 3] = [
    Kind {
        format: Format::Gif,
        open: gif::open,
        rule: &gif::RULE,
        join: |start| Box::new(gif::Joiner::new(start)),
    },
    Kind {
        format: Format::Png,
        open: apng::open,
        rule: &apng::RULE,
        join: |start| Box::new(apng::Joiner::new(start)),
    },
    Kind {
        format: Format::WebP,
        open: webp::open,
        rule: &webp::RULE,
        join: |start| Box::new(webp::Joiner::new(start)),
    },
];

impl Format {
    /// Whether a file of it may hold more than one picture, shown one after the other.
    pub fn is_animated(self) -> bool {
        ANIMATED.iter().any(|kind| kind.format == self)
    }
}

/// What a file says of itself before any frame is unpacked.
struct Outline {
    canvas: Size,
    depth: Depth,
    plays: Plays,
    metadata: Metadata,
    parts: Box<dyn Parts>,
}

/// A file of these formats whose frames are read one after the other. A still is an animation of
/// one frame with a delay of 0.
///
/// The picture that an animated PNG has for readers of stills is left out where the file says
/// that it is none of the frames.
pub struct Animation {
    bytes: Vec<u8>,
    limits: Limits,
    format: Format,
    layout: Layout,
    plays: Plays,
    metadata: Metadata,
    peak: u64,
    parts: Box<dyn Parts>,
    canvas: Canvas,
    tick: Fraction,
    /// Ticks of each frame.
    delays: Vec<u64>,
    given: u64,
    failed: Option<Error>,
}

/// A frame of an animation as a player shows it, the whole canvas.
#[derive(Debug)]
pub struct Shown {
    /// The pixels, in the animation's layout.
    pub frame: Frame,
    /// How long, in ticks of the animation. As the file says: players show GIF frames of 0 and
    /// 0.01 s, and mostly those of other formats too, for 0.1 s.
    pub delay: u64,
}

impl Animation {
    /// Reads what the file says of all its frames and unpacks none. `None` if its content is of
    /// another format.
    ///
    /// # Errors
    /// A broken header, a size over the limits, or no whole frame. A file that is broken or ends
    /// behind the first frame is opened, so that the frames before the damage can be had.
    pub fn open(bytes: Vec<u8>, limits: &Limits) -> Result<Option<Self>> {
        let format = sniff(&bytes);
        let Some(kind) = ANIMATED.iter().find(|kind| Some(kind.format) == format) else {
            return Ok(None);
        };
        let Outline { canvas, depth, plays, metadata, mut parts } = (kind.open)(&bytes, limits)?;
        let mut common = Common::of(kind.rule);
        let mut cover = Cover::new(canvas);
        let (mut delays, mut largest, mut restores) = (Vec::new(), canvas, 0);
        loop {
            match parts.next(&bytes) {
                Ok(Some(part)) => {
                    common.add(part.delay);
                    delays.push(part.delay);
                    cover.add(&part);
                    if part.area.size.pixels() > largest.pixels() {
                        largest = part.area.size;
                    }
                    restores = restores.max(u64::from(part.disposal == Disposal::Restore));
                }
                Err(error) if delays.is_empty() => return Err(error.within("frame 0")),
                // It is met again, in its place.
                Ok(None) | Err(_) => break,
            }
        }
        parts.rewind();
        let model = if cover.is_opaque() { Model::Rgb } else { Model::Rgba };
        let layout = Layout::new(canvas, model, depth)?;
        let [whole, unpacked] = [canvas, largest].map(|size| Layout::new(size, Model::Rgba, depth));
        let (whole, unpacked) = (whole?, unpacked?);
        let mut ticks = common.ticks();
        let decoding = unpacked.bytes() + (kind.format.codec().decode_scratch)(&[], 0, &unpacked);
        Ok(Some(Self {
            limits: *limits,
            format: kind.format,
            layout,
            plays,
            metadata,
            peak: whole.bytes() * (1 + restores) + layout.bytes() + decoding,
            parts,
            canvas: Canvas::new(canvas, depth),
            tick: ticks.tick(),
            delays: delays.into_iter().map(|delay| ticks.of(delay)).collect(),
            given: 0,
            failed: None,
            bytes,
        }))
    }

    /// What the content is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// That of all frames: RGB if no pixel of any of them can be clear, else RGBA; 16 bits where
    /// a PNG has them, else 8. Not turned upright.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What turns the frames upright.
    pub fn orientation(&self) -> Dihedral {
        let exif = self.metadata.exif.as_deref();
        exif.map_or(Dihedral::IDENTITY, |exif| {
            Dihedral::from_exif(exif::orientation(tiff_of(exif)))
        })
    }

    /// Whole frames that the file holds, 1.., as far as that shows without unpacking them.
    pub fn frames(&self) -> u64 {
        self.delays.len() as u64
    }

    /// How often it is shown in all.
    pub fn plays(&self) -> Plays {
        self.plays
    }

    /// What delays are counted in: 1/100 s for GIF, 1/1000 s for WebP. For PNG the longest 1/n s
    /// in which all delays are whole numbers, n at most 1,000,000; where there is none it is a
    /// microsecond, and moments are rounded to the nearest.
    pub fn tick(&self) -> Fraction {
        self.tick
    }

    /// How long each frame is shown, in ticks, as [`Shown::delay`] will say.
    pub fn delays(&self) -> &[u64] {
        &self.delays
    }

    /// What stands beside the pixels; of a PNG what stands in front of them.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// An upper bound of the bytes that reading holds at once beside the file: the canvas, a
    /// frame being unpacked, and the one that is given.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// The next frame, its buffer from the pool; `None` behind the last.
    ///
    /// # Errors
    /// The frame is broken, or the file ends here; the message names its number, 0... So does
    /// every call after that.
    pub fn next(&mut self, pool: &BufferPool) -> Result<Option<Shown>> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.advance(pool).map_err(|error| {
            let error = error.within(format!("frame {}", self.given));
            self.failed.insert(error).clone()
        })
    }

    fn advance(&mut self, pool: &BufferPool) -> Result<Option<Shown>> {
        let Some(part) = self.parts.next(&self.bytes)? else { return Ok(None) };
        let Part { area, blend, disposal, .. } = part;
        let still = self.parts.still(&self.bytes, &part)?;
        let header = probe(&still, &self.limits)?;
        if header.layout.size() != area.size {
            let (name, has) = (self.format.name(), header.layout.size());
            return Err(Error::input(format!("broken {name}: {has} pixels for {}", area.size)));
        }
        let frame = decode(&still, &header, DecodeHint::FULL, pool)?.frame;
        self.canvas.draw(&frame, area, blend, disposal)?;
        frame.recycle(pool);
        let frame = self.canvas.shown(self.layout, pool)?;
        let delay = usize::try_from(self.given).ok().and_then(|at| self.delays.get(at));
        let delay = *delay.ok_or_else(|| Error::internal("a frame that was not there before"))?;
        self.given += 1;
        Ok(Some(Shown { frame, delay }))
    }
}
