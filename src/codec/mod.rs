//! Still formats: what a file is, its pixels as a frame, its metadata, and back to bytes.
//!
//! Content decides, never a name. Every format is one row of a table; a codec reads its header
//! and is held to the limits before it allocates anything that depends on the file.

pub mod animation;
mod density;
pub mod exif;
pub mod icc;
pub mod jpeg;
mod limits;
mod photoshop;
mod sniff;
mod table;
mod transfer;
pub mod y4m;

mod bmp;
mod exr;
mod gif;
mod hdr;
mod packed;
mod png;
mod pnm;
mod qoi;
mod tiff;
mod webp;

#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use sniff::{RAW_EXTENSIONS, is_camera_raw, is_camera_raw_at, sniff};
pub use transfer::curve_between;

use crate::error::{Error, Result};
use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Frame, Layout, Plane, Samples, Size, Subsampling};
use crate::plan::Bands;
use table::{CODECS, Codec};

/// The still formats that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// JPEG, JFIF and EXIF files.
    Jpeg,
    /// PNG; of an APNG the first frame.
    Png,
    /// WebP, lossy and lossless.
    WebP,
    /// TIFF.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// GIF.
    Gif,
    /// PBM, PGM, PPM and PAM.
    Pnm,
    /// Quite OK Image.
    Qoi,
    /// OpenEXR.
    OpenExr,
    /// Radiance HDR.
    Hdr,
}

/// What a file says of itself before its pixels are decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// What the content is; the name does not matter.
    pub format: Format,
    /// The frame as the decoder will give it, not yet turned upright.
    pub layout: Layout,
    /// What turns it upright.
    pub orientation: Dihedral,
    /// The embedded ICC profile.
    pub icc: Option<Vec<u8>>,
    /// What is lost by reading it at all: further frames or pages, CMYK, a palette.
    pub losses: Vec<Loss>,
}

/// What the decoder may leave out because the plan does not need it, and who may help.
#[derive(Clone, Copy, Debug)]
pub struct DecodeHint<'a> {
    /// Only the luma plane of a YCbCr picture; the frame is then grey.
    pub luma_only: bool,
    /// Decode at 1/`shrink` of the size: 1, 2, 4 or 8; sides are rounded up. JPEG only.
    pub shrink: u8,
    /// Whether idle threads may take parts of it, where a format has such.
    pub bands: Bands<'a>,
}

impl DecodeHint<'_> {
    /// Everything, by the calling thread.
    pub const FULL: Self = Self { luma_only: false, shrink: 1, bands: Bands::One };
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Still {
    /// The pixels, as stored (not turned upright).
    pub frame: Frame,
    /// Everything beside the pixels.
    pub metadata: Metadata,
}

/// The rows of a packed picture of bytes, one after the other in its file.
struct InPlace {
    /// The first one's place.
    start: usize,
    metadata: Metadata,
}

/// What a picture carries beside its pixels. Byte blocks are as the standards define them,
/// without the container's own framing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// ICC profile.
    pub icc: Option<Vec<u8>>,
    /// EXIF as a TIFF structure, beginning with `II*\0` or `MM\0*`.
    pub exif: Option<Vec<u8>>,
    /// XMP packet.
    pub xmp: Option<Vec<u8>>,
    /// IPTC-IIM records (in JPEG inside the Photoshop resource 0x0404).
    pub iptc: Option<Vec<u8>>,
    /// Pixels per unit.
    pub density: Option<Density>,
    /// Text entries, keyword and value, as PNG has them.
    pub text: Vec<(String, String)>,
    /// Gamma and primaries, where a PNG states them without a profile.
    pub calibration: Calibration,
    /// How the source was coded, for formats that are written as they were read.
    pub coding: Coding,
}

/// What a PNG says of its colours when it has no profile. The numbers are the file's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calibration {
    /// The rendering intent of a picture that is sRGB, 0..=3.
    pub srgb_intent: Option<u8>,
    /// The exponent from light to code, times 100,000; sRGB's is about 45,455.
    pub gamma: Option<u32>,
    /// White, red, green and blue as CIE x and y, each times 100,000.
    pub chromaticities: Option<[u32; 8]>,
}

impl Calibration {
    /// True if a reader that assumes sRGB sees the same picture.
    pub fn is_srgb(&self) -> bool {
        let gamma = self.gamma.is_none_or(|g| g.abs_diff(45_455) <= 500);
        let white_and_primaries = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
        let near = |c: [u32; 8]| {
            c.iter().zip(white_and_primaries).all(|(a, b): (&u32, u32)| a.abs_diff(b) <= 100)
        };
        self.srgb_intent.is_some() || (gamma && self.chromaticities.is_none_or(near))
    }
}

/// Pixel density as the file states it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Density {
    /// Pixels per unit, horizontally.
    pub x: f64,
    /// Pixels per unit, vertically.
    pub y: f64,
    /// The unit.
    pub unit: DensityUnit,
}

/// The unit of a density.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DensityUnit {
    /// None: only the ratio counts.
    Aspect,
    /// Per inch.
    Inch,
    /// Per centimetre.
    Centimetre,
}

/// How a source was coded, as far as its output keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coding {
    /// JPEG chroma subsampling.
    pub subsampling: Option<Subsampling>,
    /// TIFF compression tag (1 none, 5 LZW, 8 and 32946 deflate, 32773 PackBits).
    pub tiff_compression: Option<u16>,
    /// WebP: the source was lossless.
    pub lossless: bool,
}

/// How an output is written. `None` means: as the source, else the format's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodeOptions {
    /// The format; the source's without it.
    pub format: Option<Format>,
    /// JPEG and lossy WebP quality, 1..=100; default 90 for JPEG, 80 for WebP.
    pub quality: Option<u8>,
    /// JPEG chroma subsampling.
    pub subsampling: Option<Subsampling>,
    /// JPEG in progressive order.
    pub progressive: bool,
    /// `--compression`: `none`, `lzw`, `deflate`, `packbits` for TIFF; `fast`, `balanced`,
    /// `best` for PNG; `lossless`, `lossy` for WebP.
    pub compression: Option<String>,
    /// Drop everything but the ICC profile.
    pub strip_metadata: bool,
}

/// What an encoder works with. It changes no byte.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// Used buffers.
    pub pool: &'a BufferPool,
    /// Whether idle threads may take parts of it, where a format has such.
    pub bands: Bands<'a>,
}

impl<'a> Means<'a> {
    /// The calling thread does all of it.
    pub fn alone(pool: &'a BufferPool) -> Self {
        Self { pool, bands: Bands::One }
    }
}

/// A coded picture.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What the format could not hold.
    pub losses: Vec<Loss>,
}

impl Format {
    /// Every format, in the order of the enum.
    pub fn all() -> impl Iterator<Item = Self> {
        CODECS.iter().map(|codec| codec.format)
    }

    /// Its name in messages and options: `jpeg`, `png`, ...
    pub fn name(self) -> &'static str {
        self.codec().name
    }

    /// The extension of files that are written in it, without the dot: `jpg`, `png`, ...
    pub fn extension(self) -> &'static str {
        self.codec().extensions[0]
    }

    /// All its extensions, without the dot and in lower case.
    pub fn extensions(self) -> &'static [&'static str] {
        self.codec().extensions
    }

    /// The format of that name or extension, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let named = Self::all().find(|format| format.name().eq_ignore_ascii_case(name));
        named.or_else(|| Self::from_extension(name))
    }

    /// The format that an extension (without the dot, in any case) stands for.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let stands = |known: &&str| known.eq_ignore_ascii_case(extension);
        Self::all().find(|format| format.extensions().iter().any(stands))
    }

    fn codec(self) -> &'static Codec {
        CODECS.iter().find(|codec| codec.format == self).expect("every format has a row")
    }
}

/// What a file says of itself. Reads no pixels and allocates nothing that grows with them.
///
/// # Errors
/// Not an image that we read, a camera RAW file, a broken header, or a size over the limits.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<Header> {
    if bytes.is_empty() {
        return Err(Error::input("the file is empty"));
    }
    let format = sniff(bytes).ok_or_else(|| Error::input("its content is no image we read"))?;
    if is_camera_raw(bytes) {
        return Err(Error::input("camera RAW is not decoded; develop it first"));
    }
    (format.codec().header)(bytes, limits)
}

/// The picture. `header` is what `probe` said of the same bytes; the frame has its layout after
/// the hint, which formats other than JPEG ignore.
///
/// # Errors
/// Broken or truncated content, or a kind that is not read, named.
pub fn decode(
    bytes: &[u8],
    header: &Header,
    hint: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    (header.format.codec().decode)(bytes, header, hint, pool)
}

/// The same from a buffer that is no longer needed: where it holds the samples as they are, it
/// becomes the frame's.
///
/// # Errors
/// As for `decode`.
pub fn decode_owned(
    bytes: Vec<u8>,
    header: &Header,
    hint: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    let Some(InPlace { start, metadata }) = (header.format.codec().in_place)(&bytes, header)?
    else {
        return decode(&bytes, header, hint, pool);
    };
    let row = header.layout.plane(0).row();
    let plane = Plane::within(Samples::U8(bytes), start, row);
    Ok(Still { frame: Frame::new(header.layout, vec![plane])?, metadata })
}

/// An upper bound of the bytes that decoding a file of `size` bytes holds at once: the full frame
/// and what is beside it. `head` is the file, or as much of it as `header` was read from.
pub fn decoded_peak(head: &[u8], size: u64, header: &Header) -> u64 {
    let scratch = header.format.codec().decode_scratch;
    header.layout.bytes() + scratch(head, size, &header.layout)
}

/// An upper bound of the bytes that encoding holds at once beside the frame, the file included.
pub fn encode_bound(format: Format, layout: &Layout) -> u64 {
    (format.codec().encode_scratch)(layout)
}

/// The nearest layout that the format can hold: the same size; alpha, colour and depth where
/// they are held, else the next best.
pub fn fit(format: Format, layout: Layout, options: &EncodeOptions) -> Layout {
    (format.codec().fit)(format.codec(), layout, options)
}

/// What is lost between two layouts, apart from their size.
pub fn fit_losses(from: Layout, to: Layout) -> Vec<Loss> {
    let fewer_bits = to.depth().bits() < from.depth().bits();
    let no_alpha = from.model().has_alpha() && !to.model().has_alpha();
    [(fewer_bits, Loss::Depth), (no_alpha, Loss::Alpha)]
        .into_iter()
        .filter_map(|(lost, kind)| lost.then_some(kind))
        .collect()
}

/// Checks that a format can hold a picture of this size; `encode` does it too.
///
/// # Errors
/// A side over the format's most. The message names both, and what helps.
pub fn check_size(format: Format, size: Size) -> Result<()> {
    let Codec { name, max_side: most, .. } = format.codec();
    if size.width.max(size.height) <= *most {
        return Ok(());
    }
    Err(Error::input(format!(
        "{name} holds at most {most} pixels a side, not {size}; \
         resize={most}:{most}:fit=inside or another --format helps"
    )))
}

/// Checks what can be checked before any input is known.
///
/// # Errors
/// Usage: a quality outside 1..=100, a compression that no format (or not the chosen one) has,
/// or lossy WebP in a build without libwebp.
pub fn check(options: &EncodeOptions) -> Result<()> {
    if let Some(quality) = options.quality
        && !(1..=100).contains(&quality)
    {
        return Err(Error::usage(format!("--quality {quality} is outside 1 to 100")));
    }
    let Some(word) = options.compression.as_deref() else { return Ok(()) };
    let candidates: Vec<&Codec> = match options.format {
        Some(format) => vec![format.codec()],
        None => CODECS.iter().collect(),
    };
    if !candidates.iter().any(|codec| codec.compressions.contains(&word)) {
        let known: Vec<String> = candidates
            .iter()
            .filter(|codec| !codec.compressions.is_empty())
            .map(|codec| format!("{}: {}", codec.name, codec.compressions.join(", ")))
            .collect();
        let known = if known.is_empty() { "this format has none".into() } else { known.join("; ") };
        return Err(Error::usage(format!("--compression {word} is not known ({known})")));
    }
    if word == "lossy" && !webp::LOSSY {
        return Err(webp::no_lossy(crate::error::Kind::Usage));
    }
    Ok(())
}

/// The file. `frame` has a layout that `fit` gives for the format; its buffers go back to the
/// pool. `source` is what was read, for what is kept from it. Metadata is brought in line with
/// the frame: orientation 1, its dimensions, no stale thumbnail.
///
/// Each kind of loss is listed once; what was asked to be stripped is no loss.
///
/// # Errors
/// A size that the format cannot hold, or an option that this build cannot honour.
pub fn encode(
    frame: Frame,
    metadata: &Metadata,
    source: &Header,
    options: &EncodeOptions,
    means: Means<'_>,
) -> Result<Encoded> {
    let codec = options.format.unwrap_or(source.format).codec();
    let layout = *frame.layout();
    check_size(codec.format, layout.size())?;
    let (metadata, mut losses) = upright(metadata, &layout, codec, options);
    let mut encoded = (codec.encode)(&frame, &metadata, source, options, means)?;
    frame.recycle(means.pool);
    encoded.losses.append(&mut losses);
    encoded.losses.sort_unstable();
    encoded.losses.dedup();
    Ok(encoded)
}

/// The metadata that `codec` shall write for a frame of `layout`, and what it cannot.
fn upright(
    metadata: &Metadata,
    layout: &Layout,
    codec: &Codec,
    options: &EncodeOptions,
) -> (Metadata, Vec<Loss>) {
    let mut kept = match options.strip_metadata {
        true => Metadata {
            icc: metadata.icc.clone(),
            calibration: metadata.calibration,
            coding: metadata.coding,
            ..Metadata::default()
        },
        false => metadata.clone(),
    };
    let mut losses = Vec::new();
    let mut keep = |kind: Loss, there: bool, fits: bool| {
        if there && !(fits && codec.keeps.contains(&kind)) {
            losses.push(kind);
        }
        there && fits && codec.keeps.contains(&kind)
    };
    let updated = kept.exif.as_deref().and_then(|exif| exif::update(exif, layout.size()));
    let fits = kept.icc.as_deref().is_some_and(|icc| icc::fits(icc, layout.model()));
    let plain = kept.calibration == Calibration::default();

    let exif = keep(Loss::Exif, kept.exif.is_some(), updated.is_some());
    kept.exif = updated.filter(|_| exif);
    if !keep(Loss::Icc, kept.icc.is_some(), fits) {
        kept.icc = None;
    }
    if !keep(Loss::Xmp, kept.xmp.is_some(), true) {
        kept.xmp = None;
    }
    if !keep(Loss::Iptc, kept.iptc.is_some(), true) {
        kept.iptc = None;
    }
    if !keep(Loss::Density, kept.density.is_some(), true) {
        kept.density = None;
    }
    if !keep(Loss::Text, !kept.text.is_empty(), true) {
        kept.text.clear();
    }
    // A profile says more than gamma and primaries; without either a reader assumes sRGB.
    let unsaid = codec.format != Format::Png && !kept.calibration.is_srgb() && kept.icc.is_none();
    if !plain && unsaid && metadata.icc.is_none() {
        losses.push(Loss::Icc);
    }
    if let Some(xmp) = &mut kept.xmp {
        exif::update_xmp(xmp);
    }
    (kept, losses)
}
