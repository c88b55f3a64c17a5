//! GIF: the first frame in; out with a palette of its own, exact up to 256 colours.

use std::collections::HashSet;
use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::gif::{GifDecoder, GifEncoder};

use super::{
    DecodeHint, EncodeOptions, Encoded, Format, Header, Limits, Means, Metadata, Still, packed,
};
use crate::error::{Error, Result};
use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model};

const GIF: Format = Format::Gif;
/// NeuQuant's sampling of pixels, 1 (all) to 30. 10 is what most encoders use; 1 takes several
/// times as long for differences that are hard to see.
const SPEED: i32 = 10;
/// Entries of a palette, the transparent one included.
const COLORS: usize = 256;

/// The header. RGB where the first frame covers the screen and nothing is transparent.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let outline = Outline::read(bytes, limits)?;
    let model = if outline.opaque { Model::Rgb } else { Model::Rgba };
    Ok(Header {
        format: GIF,
        layout: Layout::new(outline.screen, model, Depth::U8)?,
        orientation: Dihedral::IDENTITY,
        icc: None,
        losses: if outline.more_frames { vec![Loss::Frames] } else { Vec::new() },
    })
}

/// The pixels of the first frame on a transparent screen.
pub fn decode(
    bytes: &[u8],
    header: &Header,
    _: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    let decoder = GifDecoder::new(Cursor::new(bytes)).map_err(|e| packed::refused(GIF, &e))?;
    if decoder.dimensions() != (header.layout.size().width, header.layout.size().height) {
        return Err(packed::broken(GIF, "its sizes differ"));
    }
    let rgba = header.layout.with_model(Model::Rgba)?;
    let full = packed::read(GIF, decoder, rgba, pool)?;
    let frame =
        if header.layout.model() == Model::Rgba { full } else { opaque(full, header, pool)? };
    Ok(Still { frame, metadata: Metadata::default() })
}

/// The same without alpha.
fn opaque(full: Frame, header: &Header, pool: &BufferPool) -> Result<Frame> {
    let mut frame = Frame::from_pool(header.layout, pool);
    let (to, _) = packed::samples_mut::<u8>(&mut frame)?.as_chunks_mut::<3>();
    let from = packed::contiguous::<u8>(&full)?;
    let (from, _) = from.as_chunks::<4>();
    to.iter_mut().zip(from).for_each(|(to, [r, g, b, _])| *to = [*r, *g, *b]);
    full.recycle(pool);
    Ok(frame)
}

/// The file. Alpha is all or nothing; over 256 colours are reduced by NeuQuant without dither.
pub fn encode(
    frame: &Frame,
    _: &Metadata,
    _: &Header,
    _: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let (layout, size) = (frame.layout(), frame.layout().size());
    let pixels = packed::contiguous::<u8>(frame)?;
    let losses = losses(&pixels, layout.model());
    let mut bytes = Vec::new();
    GifEncoder::new_with_speed(&mut bytes, SPEED)
        .encode(&pixels, size.width, size.height, packed::color_type(layout)?)
        .map_err(|e| packed::unwritten(GIF, e))?;
    Ok(Encoded { bytes, losses })
}

/// Reduced colours, and alpha between clear and opaque.
fn losses(pixels: &[u8], model: Model) -> Vec<Loss> {
    let step = model.components();
    let mut colors = HashSet::new();
    let mut alpha = false;
    for pixel in pixels.chunks_exact(step) {
        let a = pixel.get(3).copied().unwrap_or(u8::MAX);
        alpha |= !matches!(a, 0 | u8::MAX);
        if colors.len() <= COLORS {
            // All clear pixels are one entry.
            colors.insert(if a == 0 { [0; 4] } else { [pixel[0], pixel[1], pixel[2], 1] });
        }
    }
    let kinds = [(alpha, Loss::Alpha), (colors.len() > COLORS, Loss::Colors)];
    kinds.into_iter().filter_map(|(lost, kind)| lost.then_some(kind)).collect()
}

/// What the blocks say up to the second frame, without unpacking any.
struct Outline {
    screen: crate::frame::Size,
    opaque: bool,
    more_frames: bool,
}

impl Outline {
    fn read(bytes: &[u8], limits: &Limits) -> Result<Self> {
        let mut blocks = Blocks { rest: bytes.get(6..).unwrap_or_default() };
        let [w0, w1, h0, h1, flags, _, _] = blocks.take()?;
        let side = |low, high| u64::from(u16::from_le_bytes([low, high]));
        let (width, height) = (side(w0, w1), side(h0, h1));
        let screen = limits.check(width, height)?;
        blocks.skip(palette(flags))?;
        let mut outline = Self { screen, opaque: false, more_frames: false };
        let mut transparent = false;
        let mut frames = 0;
        loop {
            match blocks.take() {
                Ok([EXTENSION]) => {
                    let [label] = blocks.take()?;
                    if label == GRAPHIC_CONTROL {
                        let flags = blocks.rest.get(1).copied().unwrap_or_default();
                        transparent |= frames == 0 && flags & 1 != 0;
                    }
                    blocks.skip_list()?;
                }
                Ok([IMAGE]) => {
                    frames += 1;
                    if frames == 2 {
                        outline.more_frames = true;
                        return Ok(outline);
                    }
                    let [x0, x1, y0, y1, w0, w1, h0, h1, flags] = blocks.take()?;
                    limits.check(side(w0, w1), side(h0, h1))?;
                    let covers = [x0, x1, y0, y1] == [0; 4]
                        && side(w0, w1) == width
                        && side(h0, h1) == height;
                    outline.opaque = covers && !transparent;
                    blocks.skip(palette(flags) + 1)?;
                    // A truncated first frame is found when it is decoded.
                    if blocks.skip_list().is_err() {
                        return Ok(outline);
                    }
                }
                // A missing trailer is common and costs nothing.
                Ok(_) | Err(_) if frames > 0 => return Ok(outline),
                _ => return Err(packed::broken(GIF, "no frame")),
            }
        }
    }
}

/// Introduces an extension, whose label follows.
pub const EXTENSION: u8 = 0x21;
/// Introduces an image.
pub const IMAGE: u8 = 0x2c;
/// The label of what says how the next image is shown.
pub const GRAPHIC_CONTROL: u8 = 0xf9;

/// Bytes of the palette that a flags byte announces.
pub fn palette(flags: u8) -> usize {
    if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 }
}

/// The file's blocks from some point on.
#[derive(Clone, Copy)]
pub struct Blocks<'a> {
    /// What was not taken yet.
    pub rest: &'a [u8],
}

impl Blocks<'_> {
    /// The next bytes.
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Leaves bytes out.
    pub fn skip(&mut self, count: usize) -> Result<()> {
        self.rest = self.rest.get(count..).ok_or_else(truncated)?;
        Ok(())
    }

    /// Leaves sub-blocks out, each behind its length, up to an empty one.
    pub fn skip_list(&mut self) -> Result<()> {
        loop {
            let [length] = self.take()?;
            if length == 0 {
                return Ok(());
            }
            self.skip(length.into())?;
        }
    }
}

fn truncated() -> Error {
    packed::broken(GIF, "it is truncated")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_counted_with_one_entry_for_all_clear_ones() {
        let many: Vec<u8> = (0..=u8::MAX).flat_map(|i| [i, 0, 0, 255]).collect();
        assert!(losses(&many, Model::Rgba).is_empty());
        let clear = [many.clone(), vec![1, 2, 3, 0, 4, 5, 6, 0]].concat();
        assert_eq!(losses(&clear, Model::Rgba), [Loss::Colors]);
        let half = [many, vec![0, 0, 0, 9]].concat();
        assert_eq!(losses(&half, Model::Rgba), [Loss::Alpha]);
    }

    #[test]
    fn a_frame_larger_than_the_limit_is_refused_like_a_screen() {
        let mut file = b"GIF89a\x01\0\x01\0\0\0\0".to_vec();
        file.extend([IMAGE, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 2, 0]);
        let error = header(&file, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("--max-pixels"), "{error}");
    }
}
