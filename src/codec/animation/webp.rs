//! Animated WebP: its frames as stills, and stills as its frames. Chunks and fields are those of
//! RFC 9649, section 2.7.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::super::webp::{ALPHA, Chunk, Chunks, RIFF, lossless_alpha, push};
use super::super::{Coding, Format, Limits, Metadata, exif, packed, probe};
use super::Outline;
use super::delay::{Fraction, Rule};
use super::join::{Ending, Join, Start};
use super::part::{Area, Blend, Disposal, Part, Parts, Whole};
use crate::error::{Error, Result};
use crate::frame::{Depth, Size};

/// Delays are thousandths of a second in 24 bits.
pub const RULE: Rule = Rule { fractions: false, rates: &[1000], most: (1 << 24) - 1 };

/// The flag of an animation in the header of an extended file.
const ANIMATED: u8 = 0x02;
/// Flags of metadata, and the chunks that they stand for, in the order of the file.
const BESIDE: [(u8, [u8; 4]); 3] = [(0x20, *b"ICCP"), (0x08, *b"EXIF"), (0x04, *b"XMP ")];
/// Place, size, duration and flags before a frame's own chunks.
const FRAME_HEADER: usize = 16;
/// Flags of a frame: it is cleared afterwards; it replaces what was there.
const CLEARED: u8 = 0x01;
const REPLACING: u8 = 0x02;
/// A chunk's kind and length.
const BEFORE: usize = 8;

/// What the chunks say of all frames. A file without the animation's flag is a still.
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Outline> {
    let Some(canvas) = animated(bytes) else {
        let header = probe(bytes, limits)?;
        let (canvas, opaque) = (header.layout.size(), !header.layout.model().has_alpha());
        return Ok(Outline {
            canvas,
            depth: Depth::U8,
            plays: NonZeroU32::new(1),
            metadata: metadata(bytes),
            parts: Box::new(Whole::new(bytes.len(), canvas, opaque)?),
        });
    };
    let canvas = limits.check(canvas.width.into(), canvas.height.into())?;
    // The background colour in front of the count is a hint that players do not take.
    let control = Chunks::of_file(bytes).find(|chunk| chunk.kind == *b"ANIM");
    let plays =
        control.and_then(|chunk| Some(u16::from_le_bytes(*chunk.content.get(4..)?.first_chunk()?)));
    Ok(Outline {
        canvas,
        depth: Depth::U8,
        plays: plays.and_then(|plays| NonZeroU32::new(plays.into())),
        metadata: metadata(bytes),
        parts: Box::new(Walk { canvas, at: RIFF, found: false }),
    })
}

/// The canvas, if the file is extended and says that it is animated.
fn animated(bytes: &[u8]) -> Option<Size> {
    let header = Chunks::of_file(bytes).next().filter(|chunk| chunk.kind == *b"VP8X")?.content;
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = *header.first_chunk()?;
    let size = Size::new(1 + three([w0, w1, w2]), 1 + three([h0, h1, h2]));
    (flags & ANIMATED != 0).then_some(size)
}

/// Profile, EXIF and XMP, wherever they stand, and whether all frames are lossless.
fn metadata(bytes: &[u8]) -> Metadata {
    let find = |kind| {
        let chunk = Chunks::of_file(bytes).find(|chunk| chunk.kind == kind && chunk.is_whole());
        chunk.map(|chunk| chunk.content.to_vec())
    };
    let lossy = |chunk: Chunk<'_>| match &chunk.kind {
        b"VP8 " => true,
        b"ANMF" => frame_chunks(chunk.content).any(|inner| inner.kind == *b"VP8 "),
        _ => false,
    };
    let [icc, exif, xmp] = BESIDE.map(|(_, kind)| find(kind));
    Metadata {
        icc,
        exif: exif.map(|exif| exif::tiff_of(&exif).to_vec()),
        xmp,
        coding: Coding { lossless: !Chunks::of_file(bytes).any(lossy), ..Coding::default() },
        ..Metadata::default()
    }
}

/// The chunks inside an `ANMF` chunk.
fn frame_chunks(content: &[u8]) -> Chunks<'_> {
    Chunks { rest: content.get(FRAME_HEADER..).unwrap_or_default() }
}

/// The frames one by one.
struct Walk {
    canvas: Size,
    at: usize,
    found: bool,
}

impl Walk {
    /// What an `ANMF` chunk says; its content stands at `start`.
    fn part(&self, content: &[u8], start: usize) -> Result<Part> {
        let header: &[u8; FRAME_HEADER] = content.first_chunk().ok_or_else(truncated)?;
        let field = |at: usize| three([header[at], header[at + 1], header[at + 2]]);
        let [x, y, width, height, duration] = [0, 3, 6, 9, 12].map(field);
        let area = Area { x: 2 * x, y: 2 * y, size: Size::new(width + 1, height + 1) };
        if !area.is_within(Area::whole(self.canvas)) {
            let Area { x, y, size } = area;
            return Err(broken(format!("{size} pixels at {x}, {y} on {}", self.canvas)));
        }
        let flags = header[15];
        let clear = |chunk: Chunk<'_>| match &chunk.kind {
            b"ALPH" => true,
            b"VP8L" => lossless_alpha(chunk.content),
            _ => false,
        };
        Ok(Part {
            area,
            blend: if flags & REPLACING != 0 { Blend::Replace } else { Blend::Over },
            disposal: if flags & CLEARED != 0 { Disposal::Clear } else { Disposal::Keep },
            delay: Fraction::new(duration, 1000)?,
            opaque: !frame_chunks(content).any(clear),
            content: start + FRAME_HEADER..start + content.len(),
        })
    }
}

impl Parts for Walk {
    fn next(&mut self, bytes: &[u8]) -> Result<Option<Part>> {
        let stated = bytes.get(4..).and_then(<[u8]>::first_chunk);
        let stated = stated.map_or(0, |length| u32::from_le_bytes(*length) as usize) + BEFORE;
        let end = stated.min(bytes.len());
        loop {
            let mut chunks = Chunks { rest: bytes.get(self.at..end).unwrap_or_default() };
            let Some(chunk) = chunks.next() else {
                // The padding behind the last chunk may be missing.
                if stated > bytes.len() + 1 || !chunks.rest.is_empty() {
                    return Err(truncated());
                }
                return if self.found { Ok(None) } else { Err(broken("no frame")) };
            };
            let start = self.at + BEFORE;
            self.at = start.saturating_add(chunk.padded());
            if !chunk.is_whole() {
                return Err(truncated());
            }
            if chunk.kind == *b"ANMF" {
                let part = self.part(chunk.content, start)?;
                self.found = true;
                return Ok(Some(part));
            }
        }
    }

    fn rewind(&mut self) {
        (self.at, self.found) = (RIFF, false);
    }

    fn still<'a>(&self, bytes: &'a [u8], part: &Part) -> Result<Cow<'a, [u8]>> {
        let rest = bytes.get(part.content.clone()).unwrap_or_default();
        let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
        out.reserve(rest.len() + 64);
        if (Chunks { rest }).any(|chunk| chunk.kind == *b"ALPH") {
            push(&mut out, *b"VP8X", Some(&extended(ALPHA, part.area.size)));
        }
        push_image(&mut out, rest);
        let length = (out.len() - BEFORE) as u32;
        out[4..8].copy_from_slice(&length.to_le_bytes());
        Ok(Cow::Owned(out))
    }
}

/// Joins stills that fill the canvas.
pub struct Joiner {
    start: Start,
    /// Metadata that is written behind the frames: EXIF and XMP. `None` before the first.
    behind: Option<Vec<u8>>,
    /// The flags of the whole file.
    flags: u8,
}

impl Joiner {
    /// No file yet.
    pub const fn new(start: Start) -> Self {
        Self { start, behind: None, flags: ANIMATED }
    }

    /// Everything in front of the frames.
    fn begin(&mut self, still: &[u8], out: &mut Vec<u8>) {
        let [icc, exif, xmp] = BESIDE.map(|(flag, kind)| {
            let chunk = Chunks::of_file(still).find(|chunk| chunk.kind == kind);
            let content = chunk.map(|chunk| chunk.content);
            self.flags |= if content.is_some() { flag } else { 0 };
            (kind, content)
        });
        out.extend(b"RIFF\0\0\0\0WEBP");
        push(out, *b"VP8X", Some(&extended(self.flags, self.start.layout.size())));
        push(out, icc.0, icc.1);
        let plays = self.start.plays.map_or(0, |plays| plays.get().min(u16::MAX.into()));
        // A clear background, in the order blue, green, red, alpha, and the count.
        push(out, *b"ANIM", Some(&[&[0; 4], &(plays as u16).to_le_bytes()[..]].concat()));
        let behind = self.behind.insert(Vec::new());
        push(behind, exif.0, exif.1);
        push(behind, xmp.0, xmp.1);
    }
}

impl Join for Joiner {
    fn add(&mut self, still: &[u8], delays: &[Fraction], out: &mut Vec<u8>) -> Result<()> {
        let size = self.start.layout.size();
        let mut found = None;
        for chunk in Chunks::of_file(still) {
            match &chunk.kind {
                b"ALPH" => self.flags |= ALPHA,
                b"VP8L" if lossless_alpha(chunk.content) => self.flags |= ALPHA,
                _ => {}
            }
            found = found.or(stream_size(chunk));
        }
        if found != Some(size) {
            return Err(self.start.unlike(Format::WebP, found.unwrap_or(Size::new(0, 0))));
        }
        if self.behind.is_none() {
            self.begin(still, out);
        }
        for delay in delays {
            let start = out.len();
            out.extend(b"ANMF\0\0\0\0");
            out.extend([0; 6]);
            let fields = [size.width - 1, size.height - 1, delay.num()];
            fields.iter().for_each(|field| out.extend(&field.to_le_bytes()[..3]));
            out.push(REPLACING);
            push_image(out, &still[RIFF..]);
            let length = (out.len() - start - BEFORE) as u32;
            out[start + 4..start + BEFORE].copy_from_slice(&length.to_le_bytes());
        }
        Ok(())
    }

    fn finish(&mut self, written: u64) -> Result<Ending> {
        let tail = self.behind.take().unwrap_or_default();
        let length = u32::try_from(written + tail.len() as u64 - BEFORE as u64);
        let length = length.map_err(|_| Error::input("a WebP file ends at 4 GiB"))?;
        let flags = (RIFF + BEFORE) as u64;
        let patches = vec![(4, length.to_le_bytes().to_vec()), (flags, vec![self.flags])];
        Ok(Ending { tail, patches })
    }
}

/// The content of a `VP8X` chunk.
fn extended(flags: u8, size: Size) -> Vec<u8> {
    let mut header = vec![flags, 0, 0, 0];
    for side in [size.width, size.height] {
        header.extend(&(side - 1).to_le_bytes()[..3]);
    }
    header
}

/// Appends those of the chunks that are pixels.
fn push_image(out: &mut Vec<u8>, chunks: &[u8]) {
    for chunk in (Chunks { rest: chunks }) {
        if matches!(&chunk.kind, b"ALPH" | b"VP8 " | b"VP8L") {
            push(out, chunk.kind, Some(chunk.content));
        }
    }
}

/// The size that a stream of pixels states.
fn stream_size(chunk: Chunk<'_>) -> Option<Size> {
    match &chunk.kind {
        b"VP8 " => {
            let [w0, w1, h0, h1] = *chunk.content.get(6..)?.first_chunk()?;
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some(Size::new(side(w0, w1), side(h0, h1)))
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(*chunk.content.get(1..)?.first_chunk()?);
            Some(Size::new(1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))
        }
        _ => None,
    }
}

/// A number of three bytes.
fn three([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([a, b, c, 0])
}

fn truncated() -> Error {
    broken("it is truncated")
}

fn broken(what: impl std::fmt::Display) -> Error {
    packed::broken(Format::WebP, what)
}
