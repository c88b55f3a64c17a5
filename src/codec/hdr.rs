//! Radiance HDR: RGB floats with a shared exponent, proportional to light.

use std::io::Cursor;

use image::Rgb;
use image::codecs::hdr::{HdrDecoder, HdrEncoder};

use super::{EncodeOptions, Encoded, Format, Header, Means, Metadata, packed};
use crate::error::Result;
use crate::frame::Frame;

const HDR: Format = Format::Hdr;

/// The decoder. Pixels are as stored: the file's exposure is not divided out.
pub fn open(bytes: &[u8]) -> Result<HdrDecoder<Cursor<&[u8]>>> {
    HdrDecoder::new(Cursor::new(bytes)).map_err(|e| packed::refused(HDR, &e))
}

/// The file. Eight bits of mantissa are left of each float; negative light becomes 0.
pub fn encode(
    frame: &Frame,
    _: &Metadata,
    _: &Header,
    _: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let size = frame.layout().size();
    let samples = packed::contiguous::<f32>(frame)?;
    let (triples, _) = samples.as_chunks::<3>();
    let pixels: Vec<Rgb<f32>> = triples.iter().map(|rgb| Rgb(rgb.map(|v| v.max(0.0)))).collect();
    let mut bytes = Vec::new();
    HdrEncoder::new(&mut bytes)
        .encode(&pixels, size.width as usize, size.height as usize)
        .map_err(|e| packed::unwritten(HDR, e))?;
    Ok(Encoded { bytes, losses: Vec::new() })
}
