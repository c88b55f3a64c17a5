//! From a page's samples to a frame.

use tiff::decoder::DecodingResult;

use super::super::{icc, packed};
use super::page::{Alpha, Color, Lab, Page};
use super::strips::Strips;
use super::{refused, tags, unread};
use crate::error::{Error, Result};
use crate::frame::{BufferPool, Depth, Frame, Layout, Model, Plane, Sample, Samples};
use crate::plan::Bands;

/// All pixels of the page, in the layout that `Page::layout` gives.
pub fn read(
    page: &mut Page<'_>,
    bytes: &[u8],
    layout: Layout,
    bands: Bands<'_>,
    pool: &BufferPool,
) -> Result<Frame> {
    let stored = page.decoder.image_buffer_layout().map_err(refused)?;
    let straight = page.bits == 8 && stored.planes == 1 && layout.depth() == Depth::U8;
    if straight && matches!(page.color, Color::Gray | Color::Rgb) {
        // The usual case: the decoder fills the frame's own buffer.
        let mut frame = Frame::from_pool(layout, pool);
        let samples = packed::samples_mut::<u8>(&mut frame)?;
        if samples.len() == stored.complete_len {
            match Strips::shared(page, layout, bands) {
                Some(strips) => strips.unpack(bytes, samples, bands)?,
                None => page.decoder.read_image_bytes(samples).map_err(refused)?,
            }
            if page.alpha == Alpha::Multiplied {
                divide(samples, layout.model().components());
            }
            return Ok(frame);
        }
        frame.recycle(pool);
    }
    let mut samples = DecodingResult::U8(Vec::new());
    page.decoder.read_image_to_buffer(&mut samples).map_err(refused)?;
    match samples {
        DecodingResult::U8(bytes) => from_bytes(page, bytes, layout),
        DecodingResult::U16(words) => from_words(page, words, layout),
        DecodingResult::U32(longs) => {
            from_words(page, longs.into_iter().map(|v| (v >> 16) as u16).collect(), layout)
        }
        DecodingResult::F16(halves) => {
            floats(page, halves.into_iter().map(|v| v.to_f32()).collect(), layout)
        }
        DecodingResult::F32(values) => floats(page, values, layout),
        DecodingResult::F64(values) => {
            floats(page, values.into_iter().map(|v| v as f32).collect(), layout)
        }
        _ => Err(unread("signed samples")),
    }
}

fn from_bytes(page: &mut Page<'_>, bytes: Vec<u8>, layout: Layout) -> Result<Frame> {
    let bytes = if page.bits < 8 { spread(page, &bytes) } else { bytes };
    let mut bytes = woven(page, bytes)?;
    match page.color {
        Color::Gray | Color::Rgb => {
            if page.bits < 8 {
                let most = (1u16 << page.bits) - 1;
                bytes.iter_mut().for_each(|v| *v = (u16::from(*v) * 255 / most) as u8);
            }
            bytes = dropped(bytes, page.samples, layout.model().components());
            if page.alpha == Alpha::Multiplied {
                divide(&mut bytes, layout.model().components());
            }
            packed::wrap(layout, bytes)
        }
        Color::Palette => {
            let colors = bytes.iter().map(|index| page.palette[usize::from(*index)]);
            match layout.depth() {
                Depth::U8 => {
                    packed::wrap(layout, colors.flat_map(|c| c.map(|v| (v >> 8) as u8)).collect())
                }
                _ => packed::wrap(layout, colors.flatten().collect()),
            }
        }
        Color::Ycbcr => planes(layout, &bytes),
        Color::Cmyk => inks(page, &bytes, layout),
        Color::Lab(kind) => {
            let code = |v: u8, signed| match (kind, signed) {
                (_, false) => f64::from(v) / 255.0 * 100.0,
                (Lab::Signed, true) => f64::from(v as i8),
                (Lab::Offset, true) => f64::from(v) - 128.0,
            };
            let (pixels, _) = bytes.as_chunks::<3>();
            let rgb = pixels.iter().flat_map(|[l, a, b]| {
                let rgb = icc::lab_to_srgb([code(*l, false), code(*a, true), code(*b, true)]);
                rgb.map(|v| (v * 255.0 + 0.5) as u8)
            });
            packed::wrap(layout, rgb.collect())
        }
    }
}

fn from_words(page: &mut Page<'_>, words: Vec<u16>, layout: Layout) -> Result<Frame> {
    let words = woven(page, words)?;
    match page.color {
        Color::Cmyk => {
            let bytes: Vec<u8> =
                words.iter().map(|v| ((u32::from(*v) + 128) / 257) as u8).collect();
            inks(page, &bytes, layout)
        }
        Color::Lab(kind) => {
            // ICC's 16-bit Lab codes L* up to 0xff00 as 100; TIFF's up to 0xffff.
            let lightness = if kind == Lab::Offset { 65_280.0 } else { 65_535.0 };
            let code = |v: u16| match kind {
                Lab::Signed => f64::from(v as i16) / 256.0,
                Lab::Offset => f64::from(v) / 256.0 - 128.0,
            };
            let (pixels, _) = words.as_chunks::<3>();
            let rgb = pixels.iter().flat_map(|[l, a, b]| {
                let lab = [f64::from(*l) / lightness * 100.0, code(*a), code(*b)];
                icc::lab_to_srgb(lab).map(|v| (v * 65_535.0 + 0.5) as u16)
            });
            packed::wrap(layout, rgb.collect())
        }
        _ => {
            let mut words = dropped(words, page.samples, layout.model().components());
            if page.alpha == Alpha::Multiplied {
                divide(&mut words, layout.model().components());
            }
            packed::wrap(layout, words)
        }
    }
}

fn floats(page: &mut Page<'_>, values: Vec<f32>, layout: Layout) -> Result<Frame> {
    let values = woven(page, values)?;
    let mut values = dropped(values, page.samples, layout.model().components());
    if page.alpha == Alpha::Multiplied {
        divide(&mut values, layout.model().components());
    }
    packed::wrap(layout, values)
}

/// One byte for each sample of 1 to 7 bits; rows begin on whole bytes.
fn spread(page: &Page<'_>, bytes: &[u8]) -> Vec<u8> {
    let (bits, width) = (usize::from(page.bits), page.size.width as usize);
    let row = width * page.samples;
    let mask = (1u16 << bits) - 1;
    let sample = |line: &[u8], i: usize| {
        let at = i * bits;
        let next = line.get(at / 8 + 1).copied().unwrap_or_default();
        let pair = u16::from_be_bytes([line[at / 8], next]);
        ((pair >> (16 - bits - at % 8)) & mask) as u8
    };
    bytes
        .chunks_exact((row * bits).div_ceil(8))
        .flat_map(|line| (0..row).map(move |i| sample(line, i)))
        .collect()
}

/// Samples side by side where the file has a plane for each.
fn woven<T: Sample>(page: &mut Page<'_>, samples: Vec<T>) -> Result<Vec<T>> {
    let stored = page.decoder.image_buffer_layout().map_err(refused)?;
    let pixels = page.size.width as usize * page.size.height as usize;
    if samples.len() != pixels * page.samples {
        return Err(Error::internal(format!("{} samples of a TIFF", samples.len())));
    }
    if stored.planes == 1 {
        return Ok(samples);
    }
    let mut out = vec![T::default(); samples.len()];
    for (component, plane) in samples.chunks_exact(pixels).enumerate() {
        let to = out[component..].iter_mut().step_by(page.samples);
        to.zip(plane).for_each(|(to, from)| *to = *from);
    }
    Ok(out)
}

/// The first `kept` of every `stored` samples.
fn dropped<T: Sample>(samples: Vec<T>, stored: usize, kept: usize) -> Vec<T> {
    match stored == kept {
        true => samples,
        false => {
            samples.chunks_exact(stored).flat_map(|p| &p[..kept.min(stored)]).copied().collect()
        }
    }
}

/// A sample that was multiplied by alpha.
trait Multiplied: Sample {
    /// It divided by alpha, at most 1; unchanged where alpha is 0.
    fn divided(self, alpha: Self) -> Self;
}

macro_rules! multiplied {
    ($type:ty) => {
        impl Multiplied for $type {
            fn divided(self, alpha: Self) -> Self {
                let (v, a, most) = (u64::from(self), u64::from(alpha), u64::from(Self::MAX));
                if a == 0 { self } else { ((v * most + a / 2) / a).min(most) as Self }
            }
        }
    };
}
multiplied!(u8);
multiplied!(u16);

impl Multiplied for f32 {
    fn divided(self, alpha: Self) -> Self {
        if alpha > 0.0 { self / alpha } else { self }
    }
}

/// Divides the other components of each pixel by the last, alpha.
fn divide<T: Multiplied>(samples: &mut [T], components: usize) {
    for pixel in samples.chunks_exact_mut(components) {
        if let [color @ .., alpha] = pixel {
            color.iter_mut().for_each(|v| *v = v.divided(*alpha));
        }
    }
}

/// Three planes from pixels.
fn planes(layout: Layout, bytes: &[u8]) -> Result<Frame> {
    let width = layout.size().width as usize;
    let plane = |i| {
        let samples = bytes.iter().skip(i).step_by(3).copied().collect();
        Plane::new(Samples::U8(samples), width)
    };
    Frame::new(layout, (0..3).map(plane).collect())
}

/// Four inks through the profile.
fn inks(page: &mut Page<'_>, inks: &[u8], layout: Layout) -> Result<Frame> {
    debug_assert_eq!(layout.model(), Model::Rgb, "inks become RGB");
    let profile = tags::icc(&mut page.decoder).ok_or_else(|| {
        Error::input("a CMYK TIFF without a colour profile: its colours are unknown")
    })?;
    let mut rgb = vec![0; inks.len() / 4 * 3];
    icc::CmykToSrgb::new(&profile)?.convert(inks, &mut rgb)?;
    packed::wrap(layout, rgb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplied_colour_is_divided_and_clear_pixels_stay() {
        let mut pixels = [64u8, 128, 200, 128, 5, 6, 7, 0];
        divide(&mut pixels, 4);
        assert_eq!(pixels, [128, 255, 255, 128, 5, 6, 7, 0]);
        let mut gray = [0.25f32, 0.5, 3.0, 0.0];
        divide(&mut gray, 2);
        assert_eq!(gray, [0.5, 0.5, 3.0, 0.0]);
    }
}
