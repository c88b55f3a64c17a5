//! Animated PNG: its frames as stills, and stills as its frames. Chunks and fields are those of
//! PNG's third edition, section 11.3.6.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::super::{Format, Limits, png, probe};
use super::chunk::{AROUND, BEFORE, Chunk, broken, number, push, truncated};
use super::delay::{Fraction, Rule};
use super::join::{Ending, Join, Start};
use super::part::{Area, Blend, Disposal, Part, Parts, Whole};
use super::{Outline, Plays};
use crate::error::{Error, Result};
use crate::frame::Size;

/// Delays are fractions of two 16-bit numbers.
pub const RULE: Rule =
    Rule { fractions: true, rates: &[10_000, 1000, 100, 10, 1], most: u16::MAX as u32 };

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// What the chunks say of all frames. Without an `acTL` chunk in front of the pixels, or with one
/// of no frames, it is a still.
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Outline> {
    let header = probe(bytes, limits)?;
    let (canvas, opaque) = (header.layout.size(), !header.layout.model().has_alpha());
    let control = Control::read(bytes)?;
    let walk = control.map(|control| Walk::new(canvas, opaque, control.frames));
    Ok(Outline {
        canvas,
        depth: header.layout.depth(),
        plays: control.map_or(NonZeroU32::new(1), |control| control.plays),
        metadata: png::ahead(bytes)?,
        parts: match walk {
            Some(walk) => Box::new(walk),
            None => Box::new(Whole::new(bytes.len(), canvas, opaque)?),
        },
    })
}

/// The `acTL` chunk.
#[derive(Clone, Copy)]
struct Control {
    /// 1...
    frames: u32,
    plays: Plays,
}

impl Control {
    fn read(bytes: &[u8]) -> Result<Option<Self>> {
        let mut at = SIGNATURE.len();
        while let Some(chunk) = Chunk::at(bytes, at)? {
            match &chunk.kind {
                b"IDAT" => break,
                b"acTL" => {
                    let content = chunk.checked()?;
                    let [frames, plays] = [number(content, 0)?, number(content, 4)?];
                    let control = Self { frames, plays: NonZeroU32::new(plays) };
                    return Ok((frames > 0).then_some(control));
                }
                _ => at += chunk.whole.len(),
            }
        }
        Ok(None)
    }
}

/// The frames one by one.
struct Walk {
    canvas: Size,
    opaque: bool,
    frames: u32,
    at: usize,
    given: u32,
    /// Of the next `fcTL` or `fdAT` chunk.
    sequence: u32,
}

impl Walk {
    const fn new(canvas: Size, opaque: bool, frames: u32) -> Self {
        Self { canvas, opaque, frames, at: SIGNATURE.len(), given: 0, sequence: 0 }
    }

    /// Takes the number in front of a chunk's content.
    fn count(&mut self, content: &[u8]) -> Result<()> {
        let (found, due) = (number(content, 0)?, self.sequence);
        if found != due {
            return Err(broken(format!("chunk {found} of the animation where {due} is due")));
        }
        self.sequence = due.wrapping_add(1);
        Ok(())
    }

    /// What an `fcTL` chunk says.
    fn part(&self, content: &[u8]) -> Result<Part> {
        let [width, height, x, y] = [4, 8, 12, 16].map(|at| number(content, at));
        let (width, height, x, y) = (width?, height?, x?, y?);
        let [n0, n1, d0, d1, disposal, blend] =
            *content.get(20..).and_then(<[u8]>::first_chunk).ok_or_else(truncated)?;
        let fits = |start: u32, length: u32, all: u32| {
            length > 0 && u64::from(start) + u64::from(length) <= u64::from(all)
        };
        if !fits(x, width, self.canvas.width) || !fits(y, height, self.canvas.height) {
            let canvas = self.canvas;
            return Err(broken(format!("{width}x{height} pixels at {x}, {y} on {canvas}")));
        }
        // No denominator means hundredths.
        let den = match u16::from_be_bytes([d0, d1]) {
            0 => 100,
            den => den,
        };
        Ok(Part {
            area: Area { x, y, size: Size::new(width, height) },
            blend: match blend {
                0 => Blend::Replace,
                1 => Blend::Over,
                other => return Err(broken(format!("blending {other} is not 0 or 1"))),
            },
            disposal: match disposal {
                0 => Disposal::Keep,
                1 => Disposal::Clear,
                2 => Disposal::Restore,
                other => return Err(broken(format!("disposal {other} is not 0 to 2"))),
            },
            delay: Fraction::new(u16::from_be_bytes([n0, n1]).into(), den.into())?,
            opaque: self.opaque,
            content: self.at..self.at,
        })
    }

    /// True if a chunk of pixels begins here, whole or not.
    fn at_pixels(&self, bytes: &[u8]) -> bool {
        let kind = bytes.get(self.at + 4..).and_then(<[u8]>::first_chunk);
        kind.is_some_and(|kind| is_pixels(*kind))
    }

    /// The chunks of the frame whose control was taken.
    fn pixels(&mut self, bytes: &[u8], mut part: Part) -> Result<Part> {
        part.content = self.at..self.at;
        loop {
            let chunk = match Chunk::at(bytes, self.at) {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // The frame is whole; what comes next is met when the next one is asked for.
                Err(_) if !part.content.is_empty() && !self.at_pixels(bytes) => break,
                Err(truncated) => return Err(truncated),
            };
            match &chunk.kind {
                b"IDAT" if self.given == 0 && part.area == Area::whole(self.canvas) => {}
                b"IDAT" => return Err(broken("pixels of the still in another frame")),
                b"fdAT" => self.count(chunk.content)?,
                b"fcTL" | b"IEND" => break,
                _ => {}
            }
            self.at += chunk.whole.len();
            if is_pixels(chunk.kind) {
                part.content.end = self.at;
            }
        }
        match part.content.is_empty() {
            true => Err(broken("a frame without pixels")),
            false => Ok(part),
        }
    }
}

impl Parts for Walk {
    fn next(&mut self, bytes: &[u8]) -> Result<Option<Part>> {
        while self.given < self.frames {
            let Some(chunk) = Chunk::at(bytes, self.at)? else { return Err(truncated()) };
            self.at += chunk.whole.len();
            match &chunk.kind {
                b"fcTL" => {
                    let content = chunk.checked()?;
                    self.count(content)?;
                    let part = self.part(content)?;
                    let part = self.pixels(bytes, part)?;
                    self.given += 1;
                    return Ok(Some(part));
                }
                b"fdAT" => return Err(broken("pixels of no frame")),
                b"IEND" => {
                    let (given, frames) = (self.given, self.frames);
                    return Err(broken(format!("it says {frames} frames and holds {given}")));
                }
                // The picture for readers of stills, which is no frame, among others.
                _ => {}
            }
        }
        Ok(None)
    }

    fn rewind(&mut self) {
        *self = Self::new(self.canvas, self.opaque, self.frames);
    }

    fn still<'a>(&self, bytes: &'a [u8], part: &Part) -> Result<Cow<'a, [u8]>> {
        let ahead = bytes.get(..part.content.start).unwrap_or_default();
        let content = bytes.get(part.content.clone()).unwrap_or_default();
        let mut out = Vec::with_capacity(content.len() + 2048);
        out.extend(SIGNATURE);
        let mut at = SIGNATURE.len();
        while let Some(chunk) = Chunk::at(ahead, at)? {
            match &chunk.kind {
                b"IHDR" => {
                    let format = chunk.content.get(8..).unwrap_or_default();
                    let sides = [part.area.size.width, part.area.size.height];
                    let [width, height] = sides.map(u32::to_be_bytes);
                    push(&mut out, *b"IHDR", &[&width, &height, format]);
                }
                // What pixels mean without any of the metadata.
                b"PLTE" | b"tRNS" => out.extend(chunk.whole),
                b"IDAT" | b"fdAT" => break,
                _ => {}
            }
            at += chunk.whole.len();
        }
        let mut at = 0;
        while let Some(chunk) = Chunk::at(content, at)? {
            match &chunk.kind {
                // Its sum is checked by who decodes it.
                b"IDAT" => out.extend(chunk.whole),
                b"fdAT" => push(&mut out, *b"IDAT", &[&chunk.checked()?[4..]]),
                _ => {}
            }
            at += chunk.whole.len();
        }
        push(&mut out, *b"IEND", &[]);
        Ok(Cow::Owned(out))
    }
}

/// Joins stills that fill the canvas and are coded alike.
pub struct Joiner {
    start: Start,
    /// What all stills must have: header, palette, transparent colours.
    coding: Option<Vec<u8>>,
    /// Where the `acTL` chunk stands.
    control: u64,
    frames: u32,
    sequence: u32,
}

impl Joiner {
    /// No file yet.
    pub const fn new(start: Start) -> Self {
        Self { start, coding: None, control: 0, frames: 0, sequence: 0 }
    }

    fn push_control(&self, out: &mut Vec<u8>) {
        let plays = self.start.plays.map_or(0, NonZeroU32::get);
        push(out, *b"acTL", &[&self.frames.to_be_bytes(), &plays.to_be_bytes()]);
    }

    /// The number in front of the next chunk's content.
    fn counted(&mut self) -> Result<[u8; 4]> {
        let number = self.sequence.to_be_bytes();
        let next = self.sequence.checked_add(1);
        self.sequence = next.ok_or_else(|| Error::input("a PNG has at most 2^32 chunks"))?;
        Ok(number)
    }
}

impl Join for Joiner {
    fn add(&mut self, still: &[u8], delays: &[Fraction], out: &mut Vec<u8>) -> Result<()> {
        let mut coding = Vec::new();
        let (mut pixels, mut behind) = (Vec::new(), Vec::new());
        let mut beside = Vec::new();
        let mut at = SIGNATURE.len();
        while let Some(chunk) = Chunk::at(still, at)? {
            at += chunk.whole.len();
            match &chunk.kind {
                b"IHDR" | b"PLTE" | b"tRNS" => coding.extend(chunk.whole),
                b"IDAT" => pixels.push(chunk),
                b"IEND" => break,
                _ => {}
            }
            let list = if pixels.is_empty() { &mut beside } else { &mut behind };
            if !matches!(&chunk.kind, b"IHDR" | b"IDAT") {
                list.push(chunk);
            }
        }
        let size = self.start.layout.size();
        let sides = [size.width, size.height].map(u32::to_be_bytes).concat();
        let header = coding.get(..HEADER).unwrap_or_default();
        if header.get(BEFORE..BEFORE + 8) != Some(&sides) {
            let side = |at| number(header, BEFORE + at).unwrap_or_default();
            return Err(self.start.unlike(Format::Png, Size::new(side(0), side(4))));
        }
        match &self.coding {
            Some(first) if *first != coding => {
                return Err(Error::internal("PNG frames that are not coded alike"));
            }
            Some(_) => {}
            None => {
                out.extend(SIGNATURE);
                out.extend(header);
                self.control = out.len() as u64;
                self.push_control(out);
                // Text that an encoder put behind the pixels stands in front of them as well.
                let all = beside.iter().chain(&behind);
                all.for_each(|chunk| out.extend(chunk.whole));
                self.coding = Some(coding);
            }
        }
        for delay in delays {
            let sequence = self.counted()?;
            let [num, den] = [delay.num(), delay.den()].map(|n| (n as u16).to_be_bytes());
            // At the corner, kept, replacing what was there.
            push(out, *b"fcTL", &[&sequence, &sides, &[0; 8], &num, &den, &[0, 0]]);
            for chunk in &pixels {
                if self.frames == 0 {
                    out.extend(chunk.whole);
                } else {
                    let sequence = self.counted()?;
                    push(out, *b"fdAT", &[&sequence, chunk.content]);
                }
            }
            self.frames += 1;
        }
        Ok(())
    }

    fn finish(&mut self, _: u64) -> Result<Ending> {
        let (mut tail, mut control) = (Vec::new(), Vec::new());
        push(&mut tail, *b"IEND", &[]);
        self.push_control(&mut control);
        Ok(Ending { tail, patches: vec![(self.control, control)] })
    }
}

/// Bytes of the whole `IHDR` chunk.
const HEADER: usize = 13 + AROUND;

fn is_pixels(kind: [u8; 4]) -> bool {
    matches!(&kind, b"IDAT" | b"fdAT")
}
