//! The first page of a TIFF: what its samples are, checked before any is unpacked.

use std::io::{Cursor, Read, Result as IoResult, Seek, SeekFrom};

use tiff::ColorType;
use tiff::decoder::{ChunkType, Decoder, DecodingSampleType, Limits as DecoderLimits};
use tiff::tags::Tag;

use super::super::Limits;
use super::{broken, refused, unread};
use crate::error::Result;
use crate::frame::{Depth, Layout, Model, Size, Subsampling, Ycbcr};

/// What the components of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Gray,
    Rgb,
    /// Indices into `Page::palette`.
    Palette,
    Cmyk,
    /// Full resolution, as JPEG has it.
    Ycbcr,
    Lab(Lab),
}

/// How a* and b* are coded; L* is unsigned in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lab {
    /// Two's complement (TIFF 6.0, photometric 8).
    Signed,
    /// With an offset of half the range (ICC, photometric 9).
    Offset,
}

/// How alpha is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpha {
    None,
    Straight,
    /// Colour is multiplied by it.
    Multiplied,
}

/// An opened page.
pub struct Page<'a> {
    pub decoder: Decoder<Overlay<'a>>,
    pub size: Size,
    pub color: Color,
    pub alpha: Alpha,
    /// Samples of a pixel that the decoder gives.
    pub samples: usize,
    /// Bits of a sample in the file.
    pub bits: u8,
    /// How the decoder gives a sample.
    pub kind: DecodingSampleType,
    /// 16-bit red, green and blue of each index.
    pub palette: Vec<[u16; 3]>,
}

const PALETTE: u16 = 3;
const CIE_LAB: u16 = 8;
const ICC_LAB: u16 = 9;
const MODERN_JPEG: u16 = 7;
const LOW_BIT_FIRST: u16 = 2;

impl<'a> Page<'a> {
    /// Opens the first page and holds it to the limits.
    pub fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let stored = photometric(bytes);
        // The decoder refuses palettes and Lab. Their samples are stored like grey and RGB ones,
        // so it is told that they are.
        let alias = match stored {
            Some((_, PALETTE)) => Some(1),
            Some((_, CIE_LAB | ICC_LAB)) => Some(2),
            _ => None,
        };
        let patch = stored.zip(alias).map(|((at, _), alias)| {
            let big_endian = bytes.starts_with(b"MM");
            (at, if big_endian { u16::to_be_bytes(alias) } else { u16::to_le_bytes(alias) })
        });
        let source = Overlay { inner: Cursor::new(bytes), patch };
        let mut decoder = Decoder::new(source).map_err(refused)?;
        let (width, height) = decoder.dimensions().map_err(refused)?;
        let size = limits.check(width.into(), height.into())?;
        // Tiles and strips are unpacked by the row, whatever their own size says.
        let (chunk_width, chunk_height) = decoder.chunk_dimensions();
        let tiled = decoder.get_chunk_type() == ChunkType::Tile;
        let chunk_height = if tiled { chunk_height } else { chunk_height.min(height) };
        let chunk = limits
            .check(chunk_width.into(), chunk_height.into())
            .map_err(|error| error.within("a tile"))?;

        let mut decoder = decoder.with_limits(allowed(bytes, 0));
        if decoder.find_tag_unsigned(Tag::Compression).map_err(refused)? == Some(MODERN_JPEG) {
            check_jpegs(bytes, &mut decoder, chunk)?;
        }

        if decoder.find_tag_unsigned(Tag::FillOrder).map_err(refused)? == Some(LOW_BIT_FIRST) {
            return Err(unread("bytes with their bits in reverse (FillOrder 2)"));
        }

        let (color, samples) = color(&mut decoder, stored.map(|(_, value)| value))?;
        let layout = decoder.image_buffer_layout().map_err(refused)?;
        if tiled && layout.planes > 1 {
            // The decoder takes the edge of the second plane's tiles for the first's, and panics.
            return Err(unread("tiles in a plane for each component"));
        }
        let kind = layout.sample_type.ok_or_else(|| unread("samples of this width"))?;
        let bits = decoder.colortype().map_err(refused)?.bit_depth();
        let mut decoder = decoder.with_limits(allowed(bytes, layout.complete_len));
        let own = match color {
            Color::Gray | Color::Palette => 1,
            Color::Rgb | Color::Ycbcr | Color::Lab(_) => 3,
            Color::Cmyk => 4,
        };
        let alpha = if samples > own { alpha(&mut decoder)? } else { Alpha::None };
        let palette =
            if color == Color::Palette { palette(&mut decoder, bits)? } else { Vec::new() };
        Ok(Self { decoder, size, color, alpha, samples, bits, kind, palette })
    }

    /// The frame that the page becomes.
    pub fn layout(&self) -> Result<Layout> {
        use DecodingSampleType::{F16, F32, F64, U8, U16, U32};
        let depth = match (self.color, self.kind) {
            (Color::Cmyk | Color::Ycbcr, _) => Depth::U8,
            (Color::Palette, _) if self.palette.iter().flatten().all(is_byte) => Depth::U8,
            (Color::Palette, _) => Depth::U16,
            (_, U8) => Depth::U8,
            (_, U16 | U32) => Depth::U16,
            (_, F16 | F32 | F64) => Depth::F32,
            (_, other) => return Err(unread(format!("{other:?} samples"))),
        };
        let allowed = match self.color {
            Color::Cmyk | Color::Lab(_) => matches!(self.kind, U8 | U16),
            Color::Ycbcr | Color::Palette => self.kind == U8,
            _ => true,
        };
        if !allowed {
            return Err(unread(format!("{:?} with {:?} samples", self.color, self.kind)));
        }
        let model = match (self.color, self.alpha) {
            (Color::Gray, Alpha::None) => Model::Gray,
            (Color::Gray, _) => Model::GrayAlpha,
            (Color::Rgb, Alpha::Straight | Alpha::Multiplied) => Model::Rgba,
            (Color::Ycbcr, _) => Model::Ycbcr(Ycbcr::jpeg(Subsampling::S444)),
            _ => Model::Rgb,
        };
        Layout::new(self.size, model, depth)
    }

    /// True if samples have more bits than we keep.
    pub fn loses_depth(&self) -> bool {
        use DecodingSampleType::{F64, U16, U32};
        match self.color {
            Color::Cmyk => self.kind == U16,
            _ => matches!(self.kind, U32 | F64),
        }
    }
}

/// Room for tags, which cannot be longer than the file, and for samples whose size is checked.
fn allowed(bytes: &[u8], samples: usize) -> DecoderLimits {
    /// The decoder's own size of one number in a tag.
    const VALUE: usize = 32;
    let mut allowed = DecoderLimits::default();
    allowed.ifd_value_size = bytes.len();
    allowed.intermediate_buffer_size = bytes.len();
    allowed.decoding_buffer_size = samples + bytes.len() * VALUE;
    allowed
}

/// True for what an 8-bit value becomes in 16 bits: repeated, or with zeros behind.
fn is_byte(value: &u16) -> bool {
    let [high, low] = value.to_be_bytes();
    low == high || low == 0
}

fn color(decoder: &mut Decoder<Overlay<'_>>, photometric: Option<u16>) -> Result<(Color, usize)> {
    let kind = decoder.colortype().map_err(refused)?;
    let color = match (kind, photometric) {
        (ColorType::Gray(_), Some(PALETTE)) => Color::Palette,
        (ColorType::RGB(_), Some(CIE_LAB)) => Color::Lab(Lab::Signed),
        (ColorType::RGB(_), Some(ICC_LAB)) => Color::Lab(Lab::Offset),
        (_, Some(PALETTE | CIE_LAB | ICC_LAB)) => {
            return Err(unread("a palette or Lab with alpha"));
        }
        (ColorType::Gray(_) | ColorType::Multiband { num_samples: 2, .. }, _) => Color::Gray,
        (ColorType::RGB(_) | ColorType::RGBA(_), _) => Color::Rgb,
        (ColorType::CMYK(_), _) => Color::Cmyk,
        (ColorType::YCbCr(_), _) => Color::Ycbcr,
        (other, _) => return Err(unread(format!("pixels as {other:?}"))),
    };
    Ok((color, kind.num_samples().into()))
}

fn alpha(decoder: &mut Decoder<Overlay<'_>>) -> Result<Alpha> {
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(refused)?;
    Ok(match extra.unwrap_or_default().first() {
        Some(1) => Alpha::Multiplied,
        // Four components without a word about the fourth, or one of no stated use: alpha is
        // what readers make of the former.
        Some(2) | None => Alpha::Straight,
        Some(_) => Alpha::None,
    })
}

/// The colour map: all reds, then all greens, then all blues.
fn palette(decoder: &mut Decoder<Overlay<'_>>, bits: u8) -> Result<Vec<[u16; 3]>> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(refused)?;
    let entries = 1usize << bits.min(8);
    if bits > 8 || map.len() != 3 * entries {
        return Err(broken(format!("{} entries in a palette of {bits} bits", map.len() / 3)));
    }
    let mut colors: Vec<[u16; 3]> =
        (0..entries).map(|i| [map[i], map[i + entries], map[i + 2 * entries]]).collect();
    // Old writers put 8-bit values there; libtiff tells them by the same rule.
    if colors.iter().flatten().all(|v| *v < 256) {
        colors.iter_mut().flatten().for_each(|v| *v *= 257);
    }
    Ok(colors)
}

/// Refuses a JPEG inside that is larger than its strip or tile: its decoder would allocate it
/// first and compare sizes afterwards.
fn check_jpegs(bytes: &[u8], decoder: &mut Decoder<Overlay<'_>>, chunk: Size) -> Result<()> {
    let mut list = |tag| decoder.find_tag_unsigned_vec::<u64>(tag).map(Option::unwrap_or_default);
    let mut offsets = list(Tag::StripOffsets).map_err(refused)?;
    offsets.extend(list(Tag::TileOffsets).map_err(refused)?);
    for offset in offsets {
        let stream =
            usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let Some([width, height]) = jpeg_size(stream) else { continue };
        // Coded sizes may be padded to whole blocks.
        if width > chunk.width.next_multiple_of(32) || height > chunk.height.next_multiple_of(32) {
            return Err(broken(format!("a JPEG of {width}x{height} inside a strip of {chunk}")));
        }
    }
    Ok(())
}

/// Width and height that a JPEG stream's frame header states.
fn jpeg_size(stream: &[u8]) -> Option<[u32; 2]> {
    let mut rest = stream.get(2..)?;
    loop {
        let [0xff, marker, after @ ..] = rest else { return None };
        let short = |at: usize| {
            after.get(at..).and_then(<[u8]>::first_chunk).map(|b| u32::from(u16::from_be_bytes(*b)))
        };
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some([short(5)?, short(3)?]);
        }
        rest = match marker {
            0xff => rest.get(1..)?,
            0xd9 | 0xda => return None,
            _ => after.get(short(0)? as usize..)?,
        };
    }
}

/// Where the first page states its photometric interpretation, and what it is.
fn photometric(bytes: &[u8]) -> Option<(u64, u16)> {
    let big_endian = bytes.starts_with(b"MM");
    let number = |at: u64, width: usize| {
        let field = bytes.get(usize::try_from(at).ok()?..)?.get(..width)?;
        let digit = |n: u64, byte: &u8| n << 8 | u64::from(*byte);
        Some(if big_endian {
            field.iter().fold(0, digit)
        } else {
            field.iter().rev().fold(0, digit)
        })
    };
    const SHORT: u64 = 3;
    let big_tiff = number(2, 2)? == 43;
    let (first, count_width, entry, value) =
        if big_tiff { (number(8, 8)?, 8, 20, 12) } else { (number(4, 4)?, 2, 12, 8) };
    let count = number(first, count_width)?;
    let at = (0..count.min(u16::MAX.into()))
        .map_while(|i| first.checked_add(count_width as u64 + i * entry))
        .find(|at| number(*at, 2) == Some(Tag::PhotometricInterpretation.to_u16().into()))?;
    if number(at + 2, 2)? != SHORT {
        return None;
    }
    Some((at + value, number(at + value, 2)? as u16))
}

/// The file with two bytes read as others.
pub struct Overlay<'a> {
    inner: Cursor<&'a [u8]>,
    patch: Option<(u64, [u8; 2])>,
}

impl Read for Overlay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let start = self.inner.position();
        let count = self.inner.read(buffer)?;
        if let Some((at, bytes)) = self.patch {
            for (byte, position) in bytes.into_iter().zip(at..) {
                if (start..start + count as u64).contains(&position) {
                    buffer[(position - start) as usize] = byte;
                }
            }
        }
        Ok(count)
    }
}

impl Seek for Overlay<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_says_its_size_before_its_scan() {
        let mut stream = vec![0xff, 0xd8, 0xff, 0xdb, 0, 3, 0];
        stream.extend([0xff, 0xc0, 0, 11, 8, 0x01, 0x02, 0x03, 0x04, 1, 1, 0x11, 0]);
        assert_eq!(jpeg_size(&stream), Some([0x0304, 0x0102]));
        assert_eq!(jpeg_size(&stream[..9]), None);
        assert_eq!(jpeg_size(&[]), None);
    }
}
