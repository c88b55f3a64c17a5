//! Windows bitmap: 8-bit RGB and RGBA; grey as a palette of greys.

use std::io::Cursor;

use image::codecs::bmp::{BmpDecoder, BmpEncoder};

use super::{
    DecodeHint, Density, EncodeOptions, Encoded, Format, Header, Limits, Means, Metadata, Still,
    packed,
};
use crate::error::Result;
use crate::event::Loss;
use crate::frame::{BufferPool, Frame, Layout, Model};

const BMP: Format = Format::Bmp;
/// Where the information header begins, behind the file header.
const INFO: usize = 14;
/// Where BITMAPINFOHEADER has pixels per metre, x then y.
const PER_METRE: usize = INFO + 24;

/// `BM` alone is not enough: text can begin with it.
pub fn matches(bytes: &[u8]) -> bool {
    /// Sizes of the information headers of OS/2 1 and 2 and of Windows 3 to 5.
    const SIZES: [u32; 9] = [12, 16, 40, 48, 52, 56, 64, 108, 124];
    bytes.starts_with(b"BM") && number(bytes, INFO).is_some_and(|size| SIZES.contains(&size))
}

/// The header; a palette of greys makes it grey.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let decoder = decoder(bytes)?;
    let mut header = packed::header(BMP, &decoder, limits)?;
    if let Some(palette) = decoder.get_palette() {
        if palette.iter().all(|[r, g, b]| r == g && g == b) {
            header.layout = header.layout.with_model(Model::Gray)?;
        } else {
            header.losses.push(Loss::Palette);
        }
    }
    Ok(header)
}

/// The pixels and the density.
pub fn decode(
    bytes: &[u8],
    header: &Header,
    _: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    let decoder = decoder(bytes)?;
    let frame = if header.layout.model() == Model::Gray && decoder.get_palette().is_some() {
        let colors = header.layout.with_model(Model::Rgb)?;
        let colors = packed::read(BMP, decoder, colors, pool)?;
        grays(&colors, header.layout, pool)?
    } else {
        packed::read(BMP, decoder, header.layout, pool)?
    };
    let stated = [PER_METRE, PER_METRE + 4].map(|at| number(bytes, at).unwrap_or(0));
    let density = match (number(bytes, INFO), stated) {
        (Some(40..), [x, y]) if x > 0 && y > 0 => Some(Density::from_per_metre(x, y)),
        _ => None,
    };
    Ok(Still { frame, metadata: Metadata { density, ..Metadata::default() } })
}

/// The file.
pub fn encode(
    frame: &Frame,
    metadata: &Metadata,
    _: &Header,
    _: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let mut bytes = Vec::new();
    packed::write(BMP, frame, BmpEncoder::new(&mut bytes))?;
    let mut losses = Vec::new();
    match metadata.density.map(Density::per_metre) {
        Some(Some([x, y])) => {
            bytes[PER_METRE..PER_METRE + 4].copy_from_slice(&x.to_le_bytes());
            bytes[PER_METRE + 4..PER_METRE + 8].copy_from_slice(&y.to_le_bytes());
        }
        Some(None) => losses.push(Loss::Density),
        None => {}
    }
    Ok(Encoded { bytes, losses })
}

/// Every third byte of an RGB frame whose components are equal.
fn grays(colors: &Frame, layout: Layout, pool: &BufferPool) -> Result<Frame> {
    let mut frame = Frame::from_pool(layout, pool);
    let colors = packed::contiguous::<u8>(colors)?;
    let grays = packed::samples_mut::<u8>(&mut frame)?;
    grays.iter_mut().zip(colors.iter().step_by(3)).for_each(|(gray, r)| *gray = *r);
    Ok(frame)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn decoder(bytes: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>> {
    BmpDecoder::new(Cursor::new(bytes)).map_err(|e| packed::refused(BMP, &e))
}
