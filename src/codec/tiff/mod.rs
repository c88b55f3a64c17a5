//! TIFF: the first page in, whatever its samples are; out with the source's compression.

mod page;
mod pixels;
mod strips;
mod tags;
mod write;

use super::{DecodeHint, Format, Header, InPlace, Limits, Metadata, Still, packed};
use crate::error::{Error, Result};
use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Depth};
use page::{Color, Page};

pub use write::encode;

const TIFF: Format = Format::Tiff;

/// The header of the first page.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let mut page = Page::open(bytes, limits)?;
    let layout = page.layout()?;
    let converted = matches!(page.color, Color::Cmyk | Color::Lab(_));
    let losses = [
        (page.decoder.more_images(), Loss::Pages),
        (page.color == Color::Palette, Loss::Palette),
        (converted, Loss::ColorModel),
        (page.loses_depth(), Loss::Depth),
    ];
    let icc = tags::icc(&mut page.decoder);
    if page.color == Color::Cmyk && icc.is_none() {
        return Err(Error::input("a CMYK TIFF without a colour profile: its colours are unknown"));
    }
    Ok(Header {
        format: TIFF,
        layout,
        orientation: Dihedral::from_exif(tags::orientation(&mut page.decoder)),
        // The profile of the inks says nothing of the RGB made from them.
        icc: if converted { None } else { icc },
        losses: losses.into_iter().filter_map(|(lost, kind)| lost.then_some(kind)).collect(),
    })
}

/// The pixels of the first page, and what its tags say.
pub fn decode(
    bytes: &[u8],
    header: &Header,
    hint: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    // The header was held to the limits; its layout must come out again.
    let mut page = Page::open(bytes, &Limits { max_pixels: u64::MAX })?;
    if page.layout()? != header.layout {
        return Err(Error::internal("a TIFF's header and pixels differ in layout"));
    }
    let frame = pixels::read(&mut page, bytes, header.layout, hint.bands, pool)?;
    let metadata = Metadata { icc: header.icc.clone(), ..tags::read(&mut page.decoder) };
    Ok(Still { frame, metadata })
}

/// Where the samples lie, if the frame is what the file has: bytes, in rows without gaps.
pub fn in_place(bytes: &[u8], header: &Header) -> Result<Option<InPlace>> {
    if header.layout.depth() != Depth::U8 {
        return Ok(None);
    }
    let mut page = Page::open(bytes, &Limits { max_pixels: u64::MAX })?;
    if page.layout()? != header.layout {
        return Err(Error::internal("a TIFF's header and pixels differ in layout"));
    }
    let Some(start) = strips::start(&mut page, bytes, header.layout) else { return Ok(None) };
    let metadata = Metadata { icc: header.icc.clone(), ..tags::read(&mut page.decoder) };
    Ok(Some(InPlace { start, metadata }))
}

fn broken(error: impl std::fmt::Display) -> Error {
    packed::broken(TIFF, error)
}

/// What the decoder says of a file: unsupported kinds are said to be so, the rest is broken.
fn refused(error: tiff::TiffError) -> Error {
    match error {
        tiff::TiffError::UnsupportedError(kind) => unread(kind),
        // All limits are those of the file and of the size that it says.
        tiff::TiffError::LimitsExceeded => broken("it says more than it holds; it may be cut off"),
        other => broken(other),
    }
}

fn unread(kind: impl std::fmt::Display) -> Error {
    Error::input(format!("this kind of tiff is not read: {kind}"))
}
