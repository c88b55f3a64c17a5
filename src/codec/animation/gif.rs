//! Animated GIF: its image blocks as stills, and stills as its image blocks.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Range;

use super::super::gif::{Blocks, EXTENSION, GRAPHIC_CONTROL, IMAGE, palette};
use super::super::{Format, Limits, Metadata, packed};
use super::delay::{Fraction, Rule};
use super::join::{Ending, Join, Start};
use super::part::{Area, Blend, Disposal, Part, Parts};
use super::{Outline, Plays};
use crate::error::Result;
use crate::frame::{Depth, Size};

/// Delays are hundredths of a second in 16 bits.
pub const RULE: Rule = Rule { fractions: false, rates: &[100], most: u16::MAX as u32 };

/// The application extensions that say how often to repeat.
const LOOPS: [&[u8; 11]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];
const APPLICATION: u8 = 0xff;
const TRAILER: u8 = 0x3b;
/// Signature and version in front of the screen's description.
const MAGIC: usize = 6;
/// The bits of a palette in a flags byte: whether there is one, and its size.
const PALETTE: u8 = 0x87;
const INTERLACED: u8 = 0x40;
const TRANSPARENT: u8 = 1;

/// What the blocks say of all frames.
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Outline> {
    let mut blocks = Blocks { rest: bytes.get(MAGIC..).unwrap_or_default() };
    let screen = Screen::take(&mut blocks, bytes)?;
    let canvas = limits.check(screen.width.into(), screen.height.into())?;
    let start = bytes.len() - blocks.rest.len();
    let walk = Walk { limits: *limits, screen, start, at: start, found: false };
    Ok(Outline {
        canvas,
        depth: Depth::U8,
        plays: plays(blocks),
        metadata: Metadata::default(),
        parts: Box::new(walk),
    })
}

/// The logical screen.
struct Screen {
    width: u16,
    height: u16,
    /// The global palette's bits.
    flags: u8,
    /// Where it stands; empty without one.
    palette: Range<usize>,
}

impl Screen {
    fn take(blocks: &mut Blocks<'_>, bytes: &[u8]) -> Result<Self> {
        let [w0, w1, h0, h1, flags, _, _] = blocks.take()?;
        let start = bytes.len() - blocks.rest.len();
        blocks.skip(palette(flags))?;
        Ok(Self {
            width: u16::from_le_bytes([w0, w1]),
            height: u16::from_le_bytes([h0, h1]),
            flags: flags & PALETTE,
            palette: start..start + palette(flags),
        })
    }
}

/// How often all is shown. The block counts repeats after the first time, 0 for no end; without
/// it there is none.
fn plays(mut blocks: Blocks<'_>) -> Plays {
    const ONCE: Plays = NonZeroU32::new(1);
    loop {
        match blocks.take() {
            Ok([EXTENSION]) => {
                let Ok([label]) = blocks.take() else { return ONCE };
                let list = blocks.rest;
                let named = LOOPS.iter().any(|name| list.get(1..12) == Some(&name[..]));
                if label == APPLICATION && named && list.get(12..14) == Some(&[3, 1]) {
                    let repeats = list.get(14..16).and_then(<[u8]>::first_chunk);
                    let repeats = repeats.map_or(0, |bytes| u16::from_le_bytes(*bytes));
                    return NonZeroU32::new(repeats.into()).and_then(|n| n.checked_add(1));
                }
                if blocks.skip_list().is_err() {
                    return ONCE;
                }
            }
            Ok([IMAGE]) => {
                if Image::take(&mut blocks).is_err() {
                    return ONCE;
                }
            }
            Ok([0]) => {}
            _ => return ONCE,
        }
    }
}

/// What a graphic control says of the image behind it.
#[derive(Clone, Copy)]
struct Control {
    flags: u8,
    hundredths: u16,
    /// The transparent entry, if the flags say that there is one.
    key: u8,
}

impl Control {
    const NONE: Self = Self { flags: 0, hundredths: 0, key: 0 };

    /// `list` begins with its length, 4.
    fn read(list: &[u8]) -> Result<Self> {
        let [_, flags, low, high, key] = Blocks { rest: list }.take()?;
        Ok(Self { flags, hundredths: u16::from_le_bytes([low, high]), key })
    }
}

/// Where an image lies on the screen, and its flags.
struct Image {
    area: Area,
    flags: u8,
}

impl Image {
    /// Takes a whole image whose introducer was taken.
    fn take(blocks: &mut Blocks<'_>) -> Result<Self> {
        let [x0, x1, y0, y1, w0, w1, h0, h1, flags] = blocks.take()?;
        blocks.skip(palette(flags) + 1)?;
        blocks.skip_list()?;
        let number = |low, high| u32::from(u16::from_le_bytes([low, high]));
        let size = Size::new(number(w0, w1), number(h0, h1));
        Ok(Self { area: Area { x: number(x0, x1), y: number(y0, y1), size }, flags })
    }
}

/// The image blocks one by one.
struct Walk {
    limits: Limits,
    screen: Screen,
    /// The first block.
    start: usize,
    at: usize,
    /// Whether there was an image yet.
    found: bool,
}

impl Walk {
    /// `content` begins with the control, if there is one.
    fn part(&self, image: &Image, control: Control, content: Range<usize>) -> Result<Part> {
        // What lies outside the screen is not shown, but it is unpacked.
        let size = image.area.size;
        self.limits.check(size.width.into(), size.height.into())?;
        Ok(Part {
            area: image.area,
            blend: Blend::Over,
            disposal: match control.flags >> 2 & 7 {
                2 => Disposal::Clear,
                // Old writers took the third bit for the third kind.
                3 | 4 => Disposal::Restore,
                _ => Disposal::Keep,
            },
            delay: Fraction::new(control.hundredths.into(), 100)?,
            opaque: control.flags & TRANSPARENT == 0,
            content,
        })
    }
}

impl Parts for Walk {
    fn next(&mut self, bytes: &[u8]) -> Result<Option<Part>> {
        let mut blocks = Blocks { rest: bytes.get(self.at..).unwrap_or_default() };
        let mut control = None;
        loop {
            let start = bytes.len() - blocks.rest.len();
            match blocks.take() {
                Ok([EXTENSION]) => {
                    if blocks.take()? == [GRAPHIC_CONTROL] {
                        control = Some((start, Control::read(blocks.rest)?));
                    }
                    blocks.skip_list()?;
                }
                Ok([IMAGE]) => {
                    let image = Image::take(&mut blocks)?;
                    self.at = bytes.len() - blocks.rest.len();
                    self.found = true;
                    let (start, control) = control.unwrap_or((start, Control::NONE));
                    return self.part(&image, control, start..self.at).map(Some);
                }
                // Some writers end a list twice.
                Ok([0]) => {}
                // A missing trailer is common and costs nothing.
                Ok([TRAILER]) | Err(_) if self.found && control.is_none() => return Ok(None),
                Ok([kind]) => return Err(broken(format!("no frame, but a block {kind:#04x}"))),
                Err(truncated) => return Err(truncated),
            }
        }
    }

    fn rewind(&mut self) {
        (self.at, self.found) = (self.start, false);
    }

    fn still<'a>(&self, bytes: &'a [u8], part: &Part) -> Result<Cow<'a, [u8]>> {
        let global = bytes.get(self.screen.palette.clone()).unwrap_or_default();
        let mut blocks = Blocks { rest: bytes.get(part.content.clone()).unwrap_or_default() };
        let mut out = Vec::with_capacity(part.content.len() + global.len() + 32);
        push_screen(&mut out, part.area.size, self.screen.flags);
        out.extend(global);
        loop {
            let block = blocks.rest;
            match blocks.take()? {
                [EXTENSION] => {
                    let [label] = blocks.take()?;
                    blocks.skip_list()?;
                    if label == GRAPHIC_CONTROL {
                        out.extend(&block[..block.len() - blocks.rest.len()]);
                    }
                }
                [IMAGE] => {
                    // At the corner of a screen of its own.
                    let [_, _, _, _] = blocks.take()?;
                    out.extend([IMAGE, 0, 0, 0, 0]);
                    out.extend(blocks.rest);
                    out.push(TRAILER);
                    return Ok(Cow::Owned(out));
                }
                _ => {}
            }
        }
    }
}

/// Joins stills that fill the canvas. Each brings its own palette.
pub struct Joiner {
    start: Start,
    began: bool,
}

impl Joiner {
    /// No file yet.
    pub const fn new(start: Start) -> Self {
        Self { start, began: false }
    }
}

impl Join for Joiner {
    fn add(&mut self, still: &[u8], delays: &[Fraction], out: &mut Vec<u8>) -> Result<()> {
        let size = self.start.layout.size();
        let mut blocks = Blocks { rest: still.get(MAGIC..).unwrap_or_default() };
        let screen = Screen::take(&mut blocks, still)?;
        let mut control = Control::NONE;
        let image = loop {
            match blocks.take()? {
                [EXTENSION] => {
                    if blocks.take()? == [GRAPHIC_CONTROL] {
                        control = Control::read(blocks.rest)?;
                    }
                    blocks.skip_list()?;
                }
                [IMAGE] => break blocks.rest,
                [kind] => return Err(broken(format!("a still with a block {kind:#04x}"))),
            }
        };
        let Image { area, flags } = Image::take(&mut blocks)?;
        if area != Area::whole(size) {
            return Err(self.start.unlike(Format::Gif, area.size));
        }
        let local = &image[9..9 + palette(flags)];
        let colors = if local.is_empty() { &still[screen.palette] } else { local };
        let data = &image[9 + local.len()..image.len() - blocks.rest.len()];
        let sized = if local.is_empty() { screen.flags } else { flags };
        if !std::mem::replace(&mut self.began, true) {
            push_screen(out, size, 0);
            push_loop(out, self.start.plays);
        }
        // A frame with holes must not show the one before through them.
        let disposal = if self.start.layout.model().has_alpha() { 2 } else { 1 };
        for delay in delays {
            let flags = disposal << 2 | control.flags & TRANSPARENT;
            let [low, high] = (delay.num() as u16).to_le_bytes();
            out.extend([EXTENSION, GRAPHIC_CONTROL, 4, flags, low, high, control.key, 0]);
            out.extend([IMAGE, 0, 0, 0, 0]);
            out.extend(&image[4..8]);
            out.push(image[8] & INTERLACED | sized & PALETTE);
            out.extend(colors);
            out.extend(data);
        }
        Ok(())
    }

    fn finish(&mut self, _: u64) -> Result<Ending> {
        Ok(Ending { tail: vec![TRAILER], patches: Vec::new() })
    }
}

/// Signature and screen. The flags are the global palette's.
fn push_screen(out: &mut Vec<u8>, size: Size, flags: u8) {
    /// 8 bits a primary in the pictures that this was made of.
    const RESOLUTION: u8 = 0x70;
    out.extend(b"GIF89a");
    // Sides fit: they were 16 bits where they were read, and a layout's are.
    out.extend((size.width as u16).to_le_bytes());
    out.extend((size.height as u16).to_le_bytes());
    out.extend([RESOLUTION | flags, 0, 0]);
}

/// How often to show it: nothing says once.
fn push_loop(out: &mut Vec<u8>, plays: Plays) {
    let repeats = plays.map_or(0, |plays| (plays.get() - 1).min(u16::MAX.into()) as u16);
    if plays.is_none_or(|plays| plays.get() > 1) {
        let [low, high] = repeats.to_le_bytes();
        out.extend([EXTENSION, APPLICATION, 11]);
        out.extend(LOOPS[0]);
        out.extend([3, 1, low, high, 0]);
    }
}

fn broken(what: impl std::fmt::Display) -> crate::error::Error {
    packed::broken(Format::Gif, what)
}
