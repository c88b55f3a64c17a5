//! Still formats: what a file is, its pixels as a frame, its metadata, and back to bytes.

pub mod exif;
pub mod icc;
pub mod jpeg;

use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{Frame, Layout, Subsampling};

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

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a frame (`--max-pixels`).
    pub max_pixels: u64,
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

/// What the decoder may leave out because the plan does not need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeHint {
    /// Only the luma plane of a YCbCr picture; the frame is then grey.
    pub luma_only: bool,
    /// Decode at 1/`shrink` of the size: 1, 2, 4 or 8; sides are rounded up. JPEG only.
    pub shrink: u8,
}

impl DecodeHint {
    /// Everything.
    pub const FULL: Self = Self { luma_only: false, shrink: 1 };
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Still {
    /// The pixels, as stored (not turned upright).
    pub frame: Frame,
    /// Everything beside the pixels.
    pub metadata: Metadata,
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
    /// How the source was coded, for formats that are written as they were read.
    pub coding: Coding,
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

/// A coded picture.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What the format could not hold.
    pub losses: Vec<Loss>,
}
