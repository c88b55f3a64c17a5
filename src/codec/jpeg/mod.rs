//! JPEG: header, planes without colour conversion, and planes back to bytes.
//!
//! Two backends give the same planes and the same bytes: libjpeg-turbo (`native`, the default)
//! and its port to Rust (`pure-rust`). With both features the native one is used.

mod mend;
mod segments;
mod write;

#[cfg(feature = "native")]
#[path = "native.rs"]
mod backend;
#[cfg(all(feature = "pure-rust", not(feature = "native")))]
#[path = "pure.rs"]
mod backend;
#[cfg(not(any(feature = "native", feature = "pure-rust")))]
compile_error!("a JPEG backend is needed: enable the feature `native` or `pure-rust`");

#[cfg(test)]
mod specimen;
#[cfg(test)]
mod tests;

use super::{
    Coding, DecodeHint, EncodeOptions, Encoded, Format, Header, Limits, Metadata, Still, exif, icc,
};
use crate::error::{Error, Kind, Result};
use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{
    BufferPool, Depth, Frame, Layout, Matrix, Model, Plane, Range, Samples, Siting, Size,
    Subsampling, Ycbcr,
};
use segments::{Colour, PLANAR, Process, Profile, Segments};

pub use segments::MAX_SIDE;

/// The quality without `--quality`.
pub const DEFAULT_QUALITY: u8 = 90;

/// A progressive file may ask for any number of passes over the whole picture; real ones have
/// about ten.
const MAX_SCANS: u16 = 500;

/// Interleaved pixels that a backend makes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pixels {
    /// One component: grey, or the luma of YCbCr without work on chroma.
    Gray,
    /// Three components, chroma upsampled as libjpeg-turbo does it.
    Rgb,
    /// Four inks as stored: Adobe's are inverted.
    Cmyk,
}

impl Pixels {
    const fn components(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// In which order coefficients are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Block by block, with the standard Huffman tables.
    Baseline,
    /// libjpeg's default progression, with tables made for the picture.
    Progressive,
}

/// What a JPEG says of itself. Nothing is decoded.
///
/// The layout is YCbCr as stored, or grey. RGB it is for RGB files, for CMYK and YCCK (through
/// their profile; a loss), and for YCbCr whose sampling factors are none of 4:4:4, 4:2:2, 4:2:0,
/// 4:4:0, 4:1:1 and 4:4:1: that chroma is upsampled by the decoder.
///
/// # Errors
/// Bytes that are no JPEG or are cut off, coding that is not supported (lossless, hierarchical,
/// 12 bit), CMYK without a profile, more pixels than `limits` allow.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let segments = Segments::parse(bytes)?;
    let size = segments.sof.size;
    if size.pixels() > limits.max_pixels {
        return Err(Error::input(format!(
            "{size} is {} pixels, above --max-pixels {}",
            size.pixels(),
            limits.max_pixels
        )));
    }
    let model = model(&segments);
    let inks = matches!(segments.colour(), Colour::Cmyk | Colour::Ycck);
    let mut losses = Vec::new();
    let mut icc = None;
    match &segments.icc {
        Profile::Whole(profile) if inks => {
            if icc::space(profile) != Some(icc::Space::Cmyk) {
                return Err(Error::input("a CMYK JPEG whose colour profile is not one of CMYK"));
            }
            losses.push(Loss::ColorModel);
        }
        _ if inks => {
            return Err(Error::input(
                "a CMYK JPEG without a colour profile: its colours are unknown",
            ));
        }
        Profile::Whole(profile) if icc::fits(profile, model) => icc = Some(profile.to_vec()),
        Profile::Whole(_) | Profile::Broken => losses.push(Loss::Icc),
        Profile::Absent => {}
    }
    if segments.extended_xmp {
        losses.push(Loss::Xmp);
    }
    if segments.pictures > 1 || segments.xmp.is_some_and(exif::xmp_announces_more) {
        losses.push(Loss::Pages);
    }
    Ok(Header {
        format: Format::Jpeg,
        layout: Layout::new(size, model, Depth::U8)?,
        orientation: Dihedral::from_exif(segments.exif.map_or(1, exif::orientation)),
        icc,
        losses,
    })
}

/// The layout that decoding gives under a hint: sides divided by `shrink` and rounded up, grey
/// if only the luma of YCbCr is wanted.
///
/// # Errors
/// A `shrink` other than 1, 2, 4 and 8.
pub fn hinted(layout: &Layout, hint: DecodeHint<'_>) -> Result<Layout> {
    if ![1, 2, 4, 8].contains(&hint.shrink) {
        return Err(Error::internal(format!("a decode at 1/{}", hint.shrink)));
    }
    let by = u32::from(hint.shrink);
    let size = layout.size();
    let size = Size::new(size.width.div_ceil(by), size.height.div_ceil(by));
    let model = match layout.model() {
        Model::Ycbcr(_) if hint.luma_only => Model::Gray,
        model => model,
    };
    Layout::new(size, model, layout.depth())
}

/// Decodes to the layout that [`hinted`] names.
///
/// # Errors
/// Damage of any kind: truncated data, and whatever libjpeg-turbo would only warn of although
/// pixels are lost. What it warns of although none depends on it is no damage (see `mend`).
pub fn decode(
    bytes: &[u8],
    header: &Header,
    hint: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    let segments = Segments::parse(bytes)?;
    let layout = hinted(&header.layout, hint)?;
    let frame = match pixels(bytes, &segments, layout, hint.shrink, pool) {
        Err(error) if error.kind() == Kind::Input => {
            let mended = mend::mended(bytes, &segments.sof).ok_or(error)?;
            pixels(&mended, &Segments::parse(&mended)?, layout, hint.shrink, pool)
        }
        outcome => outcome,
    }?;
    Ok(Still { frame, metadata: metadata(&segments, header) })
}

/// Decodes by whichever way leads to `layout`. All warnings are errors.
fn pixels(
    bytes: &[u8],
    segments: &Segments<'_>,
    layout: Layout,
    shrink: u8,
    pool: &BufferPool,
) -> Result<Frame> {
    end_of_image(&bytes[segments.data..])?;
    let pixels = |kind| backend::pixels(bytes, segments, kind, layout.size(), shrink, pool);
    match (layout.model(), segments.colour()) {
        (Model::Ycbcr(_), _) => backend::planes(bytes, segments, layout, shrink, pool),
        (Model::Gray, _) => backend::luma(bytes, segments, layout, shrink, pool),
        (_, Colour::Cmyk | Colour::Ycck) => {
            from_inks(segments, layout, pixels(Pixels::Cmyk)?, pool)
        }
        _ => interleaved(layout, pixels(Pixels::Rgb)?),
    }
}

/// The nearest layout that a JPEG can hold: 8 bit, grey or YCbCr (BT.601, full range, centred),
/// with the wanted subsampling, else the frame's if both backends write it, else 4:2:0.
pub fn fit(layout: &Layout, options: &EncodeOptions) -> Result<Layout> {
    let own = match layout.model() {
        Model::Ycbcr(y) => Some(y.subsampling),
        _ => None,
    };
    let written = |s: &Subsampling| PLANAR.contains(s);
    let subsampling =
        options.subsampling.filter(written).or(own.filter(written)).unwrap_or(Subsampling::S420);
    let model = if layout.model().has_color() {
        Model::Ycbcr(Ycbcr::jpeg(subsampling))
    } else {
        Model::Gray
    };
    Layout::new(layout.size(), model, Depth::U8)
}

/// Encodes a frame whose layout [`fit`] leaves as it is. EXIF and XMP are brought up to date: the
/// frame stands upright and has its own size.
///
/// # Errors
/// Internal, for another layout.
pub fn encode(
    frame: &Frame,
    metadata: &Metadata,
    options: &EncodeOptions,
    pool: &BufferPool,
) -> Result<Encoded> {
    let layout = frame.layout();
    let held = match layout.model() {
        Model::Gray => true,
        Model::Ycbcr(y) => {
            PLANAR.contains(&y.subsampling)
                && (y.matrix, y.range, y.siting) == (Matrix::Bt601, Range::Full, Siting::Center)
        }
        _ => false,
    };
    if !held || layout.depth() != Depth::U8 {
        return Err(Error::internal(format!("a JPEG does not hold {layout}")));
    }
    let quality = options.quality.unwrap_or(DEFAULT_QUALITY).clamp(1, 100);
    let order = if options.progressive { Order::Progressive } else { Order::Baseline };
    let kept = if options.strip_metadata {
        Metadata { icc: metadata.icc.clone(), density: metadata.density, ..Metadata::default() }
    } else {
        metadata.clone()
    };
    let write::Head { bytes, losses } = write::head(&kept, layout);
    Ok(Encoded { bytes: backend::encode(frame, quality, order, bytes, pool)?, losses })
}

/// The most bytes that the coded picture can take, without metadata: libjpeg-turbo's own bound.
/// A buffer of this size is reserved, but only what is written is touched.
pub fn encode_bound(layout: &Layout) -> u64 {
    let (h, v, chroma) = match layout.model() {
        Model::Ycbcr(y) => {
            let (h, v) = (8u64 << y.subsampling.h, 8u64 << y.subsampling.v);
            (h, v, 256 / (h * v))
        }
        _ => (8, 8, 0),
    };
    let size = layout.size();
    let padded =
        u64::from(size.width).next_multiple_of(h) * u64::from(size.height).next_multiple_of(v);
    padded * (2 + chroma) + 2048
}

/// Bytes that decoding takes beside the frame: coefficients of progressive files and of such
/// with several scans, inks before their conversion, a file that was put right.
///
/// # Errors
/// As [`header`].
pub fn decoder_bytes(head: &[u8], size: u64) -> Result<u64> {
    let segments = Segments::parse(head)?;
    let sof = &segments.sof;
    let most =
        |f: fn(&segments::Component) -> u8| sof.components.iter().map(f).max().map_or(1, u64::from);
    let (h, v) = (most(|c| c.h), most(|c| c.v));
    let mcus =
        u64::from(sof.size.width).div_ceil(8 * h) * u64::from(sof.size.height).div_ceil(8 * v);
    let blocks: u64 = sof.components.iter().map(|c| u64::from(c.h) * u64::from(c.v)).sum();
    let samples = mcus * blocks * 64;
    let kept = segments.several_scans || sof.process == Process::Progressive;
    let coefficients = if kept { 2 * samples } else { 0 };
    let inks = if sof.components.len() == 4 { 4 * sof.size.pixels() } else { 0 };
    let mended = size + 2;
    Ok(coefficients + inks + mended + backend::scratch_bytes(samples))
}

/// An error if the file has no end: libjpeg-turbo warns of it, its port does not notice. In
/// entropy-coded data the marker occurs only as itself.
fn end_of_image(data: &[u8]) -> Result<()> {
    match data.windows(2).rposition(|pair| pair == [0xff, 0xd9]) {
        Some(_) => Ok(()),
        None => Err(Error::input("a JPEG without an end of image: it is cut off")),
    }
}

/// The frame's model for what the file holds.
fn model(segments: &Segments<'_>) -> Model {
    match segments.colour() {
        Colour::Gray => Model::Gray,
        Colour::Ycbcr => match segments.sof.subsampling() {
            Some(subsampling) => Model::Ycbcr(Ycbcr::jpeg(subsampling)),
            None => Model::Rgb,
        },
        Colour::Rgb | Colour::Cmyk | Colour::Ycck => Model::Rgb,
    }
}

fn metadata(segments: &Segments<'_>, header: &Header) -> Metadata {
    let subsampling = match (header.layout.model(), segments.colour()) {
        (Model::Ycbcr(y), _) => Some(y.subsampling),
        (_, Colour::Rgb) => Some(Subsampling::S444),
        _ => None,
    };
    Metadata {
        icc: header.icc.clone(),
        exif: segments.exif.map(<[u8]>::to_vec),
        xmp: segments.xmp.map(<[u8]>::to_vec),
        iptc: segments.iptc.as_deref().map(<[u8]>::to_vec),
        density: segments.density.or_else(|| segments.exif.and_then(exif::density)),
        text: segments.comments.iter().map(|text| ("Comment".to_owned(), comment(text))).collect(),
        coding: Coding { subsampling, ..Coding::default() },
        ..Metadata::default()
    }
}

/// A comment as text: UTF-8 where it is that, else Latin-1, which takes any bytes.
fn comment(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// A frame around pixels that lie side by side without padding.
fn interleaved(layout: Layout, pixels: Vec<u8>) -> Result<Frame> {
    let stride = layout.plane(0).row();
    Frame::new(layout, vec![Plane::new(Samples::U8(pixels), stride)])
}

/// Inks to sRGB, row by row. Adobe's inks are stored inverted.
fn from_inks(
    segments: &Segments<'_>,
    layout: Layout,
    mut inks: Vec<u8>,
    pool: &BufferPool,
) -> Result<Frame> {
    let Profile::Whole(profile) = &segments.icc else {
        return Err(Error::input("a CMYK JPEG without a colour profile: its colours are unknown"));
    };
    let conversion = icc::CmykToSrgb::new(profile)?;
    if segments.adobe.is_some() {
        inks.iter_mut().for_each(|v| *v = !*v);
    }
    let mut frame = Frame::from_pool(layout, pool);
    let stride = layout.plane(0).row();
    let rows = inks.chunks_exact(stride / 3 * 4);
    if let Some(out) = frame.planes_mut()[0].data_mut::<u8>() {
        for (row, out) in rows.zip(out.chunks_exact_mut(stride)) {
            conversion.convert(row, out)?;
        }
    }
    pool.give_bytes(inks);
    Ok(frame)
}
