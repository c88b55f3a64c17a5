//! QOI: 8-bit RGB and RGBA.

use std::io::Cursor;

use image::codecs::qoi::{QoiDecoder, QoiEncoder};

use super::{EncodeOptions, Encoded, Format, Header, Means, Metadata, packed};
use crate::error::Result;
use crate::frame::Frame;

const QOI: Format = Format::Qoi;

/// The decoder.
pub fn open(bytes: &[u8]) -> Result<QoiDecoder<Cursor<&[u8]>>> {
    QoiDecoder::new(Cursor::new(bytes)).map_err(|e| packed::refused(QOI, &e))
}

/// The file.
pub fn encode(
    frame: &Frame,
    _: &Metadata,
    _: &Header,
    _: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let mut bytes = Vec::new();
    packed::write(QOI, frame, QoiEncoder::new(&mut bytes))?;
    Ok(Encoded { bytes, losses: Vec::new() })
}
