//! PBM, PGM, PPM and PAM, in plain text or binary; written binary as PGM, PPM or PAM by layout.

use std::io::Cursor;

use image::codecs::pnm::PnmDecoder;

use super::{EncodeOptions, Encoded, Format, Header, Means, Metadata, packed};
use crate::error::Result;
use crate::frame::{Depth, Frame, Layout, Model};

const PNM: Format = Format::Pnm;

/// The decoder; a maximum below 255 or 65,535 is stretched to it.
pub fn open(bytes: &[u8]) -> Result<PnmDecoder<Cursor<&[u8]>>> {
    PnmDecoder::new(Cursor::new(bytes)).map_err(|e| packed::refused(PNM, &e))
}

/// The file.
pub fn encode(
    frame: &Frame,
    _: &Metadata,
    _: &Header,
    _: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let mut bytes = magic(frame.layout())?.into_bytes();
    bytes.reserve_exact(frame.layout().bytes() as usize);
    if frame.layout().depth() == Depth::U8 {
        bytes.extend_from_slice(&packed::contiguous::<u8>(frame)?);
    } else {
        let samples = packed::contiguous::<u16>(frame)?;
        bytes.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()));
    }
    Ok(Encoded { bytes, losses: Vec::new() })
}

/// The header that says what the layout is.
fn magic(layout: &Layout) -> Result<String> {
    let (w, h) = (layout.size().width, layout.size().height);
    let maximum = (1u32 << layout.depth().bits()) - 1;
    let pam = |tuple: &str| {
        let depth = layout.model().components();
        format!(
            "P7\nWIDTH {w}\nHEIGHT {h}\nDEPTH {depth}\nMAXVAL {maximum}\nTUPLTYPE {tuple}\nENDHDR\n"
        )
    };
    Ok(match layout.model() {
        Model::Gray => format!("P5\n{w} {h}\n{maximum}\n"),
        Model::Rgb => format!("P6\n{w} {h}\n{maximum}\n"),
        Model::GrayAlpha => pam("GRAYSCALE_ALPHA"),
        Model::Rgba => pam("RGB_ALPHA"),
        Model::Ycbcr(_) => return Err(packed::wrong_type(layout)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;
    use crate::frame::BufferPool;

    fn pixels(bytes: &[u8]) -> (Layout, Frame) {
        let pool = BufferPool::new(1);
        let header = packed::header(PNM, &open(bytes).unwrap(), &Limits::default()).unwrap();
        let still = packed::still(open(bytes).unwrap(), &header, &pool).unwrap();
        (header.layout, still.frame)
    }

    #[test]
    fn plain_text_and_small_maxima_are_stretched() {
        let (layout, frame) = pixels(b"P2 # grey\n2 1 3\n0 3\n");
        assert_eq!((layout.model(), layout.depth()), (Model::Gray, Depth::U8));
        assert_eq!(frame.row::<u8>(0, 0).unwrap(), [0, 255]);
        let (_, frame) = pixels(b"P1\n3 1\n1 0 1\n");
        assert_eq!(frame.row::<u8>(0, 0).unwrap(), [0, 255, 0]);
        let (layout, frame) = pixels(b"P5 1 1 1000\n\x03\xe8");
        assert_eq!(layout.depth(), Depth::U16);
        assert_eq!(frame.row::<u16>(0, 0).unwrap(), [65_535]);
    }
}
