//! QOI: 8-bit RGB and RGBA.

use std::io::Cursor;

use image::ImageEncoder;
use image::codecs::qoi::{QoiDecoder, QoiEncoder};

use super::{DecodeHint, EncodeOptions, Encoded, Format, Header, Limits, Metadata, Still, packed};
use crate::error::Result;
use crate::frame::{BufferPool, Frame};

const QOI: Format = Format::Qoi;

/// The header.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    packed::header(QOI, &decoder(bytes)?, limits)
}

/// The pixels.
pub fn decode(bytes: &[u8], header: &Header, _: DecodeHint, pool: &BufferPool) -> Result<Still> {
    let frame = packed::read(QOI, decoder(bytes)?, header.layout, pool)?;
    Ok(Still { frame, metadata: Metadata::default() })
}

/// The file.
pub fn encode(
    frame: &Frame,
    _: &Metadata,
    _: &Header,
    _: &EncodeOptions,
    _: &BufferPool,
) -> Result<Encoded> {
    let (layout, size) = (frame.layout(), frame.layout().size());
    let mut bytes = Vec::new();
    QoiEncoder::new(&mut bytes)
        .write_image(
            &packed::contiguous::<u8>(frame)?,
            size.width,
            size.height,
            packed::color_type(layout)?,
        )
        .map_err(|e| packed::unwritten(QOI, e))?;
    Ok(Encoded { bytes, losses: Vec::new() })
}

fn decoder(bytes: &[u8]) -> Result<QoiDecoder<Cursor<&[u8]>>> {
    QoiDecoder::new(Cursor::new(bytes)).map_err(|e| packed::refused(QOI, &e))
}
