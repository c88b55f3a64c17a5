//! The table of codecs: one row says all that the rest of the program knows of a format.

use super::{
    DecodeHint, EncodeOptions, Encoded, Format, Header, InPlace, Limits, Means, Metadata, Still,
    bmp, exr, gif, hdr, jpeg, packed, png, pnm, qoi, tiff, webp,
};
use crate::error::Result;
use crate::event::Loss;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model};

/// One format: what it is called, what it can hold, how it is read and written.
pub struct Codec {
    pub format: Format,
    pub name: &'static str,
    /// The first is the one that outputs get.
    pub extensions: &'static [&'static str],
    /// True if content begins like this format.
    pub matches: fn(&[u8]) -> bool,
    /// Packed colour models that it holds.
    pub models: &'static [Model],
    /// Depths that it holds, each with every model.
    pub depths: &'static [Depth],
    /// Pixels a side at most.
    pub max_side: u32,
    /// Metadata that it holds, by the name of its loss.
    pub keeps: &'static [Loss],
    /// Words for `--compression`.
    pub compressions: &'static [&'static str],
    /// An upper bound of the bytes that decoding takes beside the frame.
    pub decode_scratch: fn(&[u8], u64, &Layout) -> u64,
    /// An upper bound of the bytes that encoding takes beside the frame, the file included.
    pub encode_scratch: fn(&Layout) -> u64,
    pub fit: fn(&Codec, Layout, &EncodeOptions) -> Layout,
    pub header: fn(&[u8], &Limits) -> Result<Header>,
    pub decode: fn(&[u8], &Header, DecodeHint<'_>, &BufferPool) -> Result<Still>,
    /// Where the file holds the frame as it is, if it does.
    pub in_place: fn(&[u8], &Header) -> Result<Option<InPlace>>,
    pub encode: fn(&Frame, &Metadata, &Header, &EncodeOptions, Means<'_>) -> Result<Encoded>,
}

const PACKED: &[Model] = &[Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba];
const COLOR: &[Model] = &[Model::Rgb, Model::Rgba];
const INTEGERS: &[Depth] = &[Depth::U8, Depth::U16];
const BYTES: &[Depth] = &[Depth::U8];
const FLOATS: &[Depth] = &[Depth::F32];

/// All formats, in the order of the enum.
pub static CODECS: [Codec; 10] = [
    Codec {
        format: Format::Jpeg,
        name: "jpeg",
        extensions: &["jpg", "jpeg", "jpe", "jfif"],
        matches: |b| b.starts_with(&[0xff, 0xd8, 0xff]),
        models: &[Model::Gray, Model::Rgb],
        depths: BYTES,
        max_side: jpeg::MAX_SIDE,
        keeps: &[Loss::Exif, Loss::Xmp, Loss::Iptc, Loss::Icc, Loss::Density],
        compressions: &[],
        decode_scratch: |head, size, _| jpeg::decoder_bytes(head, size).unwrap_or_default(),
        encode_scratch: jpeg::encode_bound,
        fit: jpeg_fit,
        header: jpeg::header,
        decode: jpeg::decode,
        in_place: packed_away,
        encode: |frame, metadata, _, options, means| {
            jpeg::encode(frame, metadata, options, means.pool)
        },
    },
    Codec {
        format: Format::Png,
        name: "png",
        extensions: &["png", "apng"],
        matches: |b| b.starts_with(b"\x89PNG\r\n\x1a\n"),
        models: PACKED,
        depths: INTEGERS,
        max_side: Layout::MAX_SIDE,
        keeps: &[Loss::Exif, Loss::Xmp, Loss::Iptc, Loss::Icc, Loss::Density, Loss::Text],
        compressions: &["fast", "balanced", "best"],
        decode_scratch: |_, _, layout| quarters(4, layout),
        encode_scratch: |layout| quarters(14, layout),
        fit: packed_fit,
        header: png::header,
        decode: png::decode,
        in_place: packed_away,
        encode: png::encode,
    },
    Codec {
        format: Format::WebP,
        name: "webp",
        extensions: &["webp"],
        matches: |b| b.starts_with(b"RIFF") && b.get(8..12) == Some(b"WEBP"),
        models: COLOR,
        depths: BYTES,
        max_side: 16_383,
        keeps: &[Loss::Exif, Loss::Xmp, Loss::Icc],
        compressions: &["lossy", "lossless"],
        decode_scratch: |_, _, layout| quarters(12, layout),
        encode_scratch: |layout| quarters(24, layout),
        fit: packed_fit,
        header: webp::header,
        decode: webp::decode,
        in_place: packed_away,
        encode: webp::encode,
    },
    Codec {
        format: Format::Tiff,
        name: "tiff",
        extensions: &["tif", "tiff"],
        matches: |b| {
            let magics = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];
            magics.iter().any(|magic| b.starts_with(*magic))
        },
        models: PACKED,
        depths: &[Depth::U8, Depth::U16, Depth::F32],
        max_side: Layout::MAX_SIDE,
        keeps: &[Loss::Exif, Loss::Xmp, Loss::Iptc, Loss::Icc, Loss::Density],
        compressions: &["none", "lzw", "deflate", "packbits"],
        // 64-bit samples are twice as large before they become floats.
        decode_scratch: |_, _, layout| quarters(12, layout),
        encode_scratch: |layout| quarters(12, layout),
        fit: packed_fit,
        header: tiff::header,
        decode: tiff::decode,
        in_place: tiff::in_place,
        encode: tiff::encode,
    },
    Codec {
        format: Format::Bmp,
        name: "bmp",
        extensions: &["bmp", "dib"],
        matches: bmp::matches,
        models: &[Model::Gray, Model::Rgb, Model::Rgba],
        depths: BYTES,
        max_side: Layout::MAX_SIDE,
        keeps: &[Loss::Density],
        compressions: &[],
        decode_scratch: |_, _, layout| quarters(12, layout),
        encode_scratch: |layout| quarters(14, layout),
        fit: packed_fit,
        header: bmp::header,
        decode: bmp::decode,
        in_place: packed_away,
        encode: bmp::encode,
    },
    Codec {
        format: Format::Gif,
        name: "gif",
        extensions: &["gif"],
        matches: |b| b.starts_with(b"GIF87a") || b.starts_with(b"GIF89a"),
        models: COLOR,
        depths: BYTES,
        max_side: Layout::MAX_SIDE,
        keeps: &[],
        compressions: &[],
        decode_scratch: |_, _, layout| quarters(14, layout),
        encode_scratch: |layout| quarters(20, layout),
        fit: packed_fit,
        header: gif::header,
        decode: gif::decode,
        in_place: packed_away,
        encode: gif::encode,
    },
    Codec {
        format: Format::Pnm,
        name: "pnm",
        extensions: &["pnm", "ppm", "pgm", "pbm", "pam"],
        matches: |b| matches!(b, [b'P', b'1'..=b'7', b' ' | b'\t' | b'\n' | b'\r' | b'#', ..]),
        models: PACKED,
        depths: INTEGERS,
        max_side: Layout::MAX_SIDE,
        keeps: &[],
        compressions: &[],
        decode_scratch: |_, _, layout| quarters(4, layout),
        encode_scratch: |layout| quarters(8, layout),
        fit: packed_fit,
        header: |bytes, limits| packed::header(Format::Pnm, &pnm::open(bytes)?, limits),
        decode: |bytes, header, _, pool| packed::still(pnm::open(bytes)?, header, pool),
        in_place: packed_away,
        encode: pnm::encode,
    },
    Codec {
        format: Format::Qoi,
        name: "qoi",
        extensions: &["qoi"],
        matches: |b| b.starts_with(b"qoif"),
        models: COLOR,
        depths: BYTES,
        max_side: Layout::MAX_SIDE,
        keeps: &[],
        compressions: &[],
        decode_scratch: |_, _, layout| quarters(4, layout),
        encode_scratch: |layout| quarters(14, layout),
        fit: packed_fit,
        header: |bytes, limits| packed::header(Format::Qoi, &qoi::open(bytes)?, limits),
        decode: |bytes, header, _, pool| packed::still(qoi::open(bytes)?, header, pool),
        in_place: packed_away,
        encode: qoi::encode,
    },
    Codec {
        format: Format::OpenExr,
        name: "exr",
        extensions: &["exr"],
        matches: |b| b.starts_with(&[0x76, 0x2f, 0x31, 0x01]),
        models: &[Model::Gray, Model::Rgb, Model::Rgba],
        depths: FLOATS,
        max_side: Layout::MAX_SIDE,
        keeps: &[],
        compressions: &[],
        decode_scratch: |_, _, layout| quarters(4, layout),
        encode_scratch: |layout| quarters(14, layout),
        fit: packed_fit,
        header: exr::header,
        decode: exr::decode,
        in_place: packed_away,
        encode: exr::encode,
    },
    Codec {
        format: Format::Hdr,
        name: "hdr",
        extensions: &["hdr", "pic", "rgbe"],
        matches: |b| b.starts_with(b"#?RADIANCE") || b.starts_with(b"#?RGBE"),
        models: &[Model::Rgb],
        depths: FLOATS,
        max_side: Layout::MAX_SIDE,
        keeps: &[],
        compressions: &[],
        decode_scratch: |_, _, layout| quarters(4, layout),
        encode_scratch: |layout| quarters(8, layout),
        fit: packed_fit,
        header: |bytes, limits| packed::header(Format::Hdr, &hdr::open(bytes)?, limits),
        decode: |bytes, header, _, pool| packed::still(hdr::open(bytes)?, header, pool),
        in_place: packed_away,
        encode: hdr::encode,
    },
];

/// What formats say that pack their samples.
fn packed_away(_: &[u8], _: &Header) -> Result<Option<InPlace>> {
    Ok(None)
}

/// So many quarters of the frame's bytes, and a fixed part for tables and metadata.
fn quarters(count: u64, layout: &Layout) -> u64 {
    const FIXED: u64 = 1 << 20;
    // Rows carry a filter byte or padding; at 1 pixel a row that is more than the pixels.
    let rows = u64::from(layout.size().height) * 8;
    (layout.bytes() + rows) * count / 4 + FIXED
}

/// The nearest packed layout in the row's models and depths.
fn packed_fit(codec: &Codec, layout: Layout, _: &EncodeOptions) -> Layout {
    let models: &[Model] = match layout.model() {
        Model::Gray => &[Model::Gray, Model::Rgb],
        Model::GrayAlpha => &[Model::GrayAlpha, Model::Rgba, Model::Gray, Model::Rgb],
        Model::Rgb | Model::Ycbcr(_) => &[Model::Rgb],
        Model::Rgba => &[Model::Rgba, Model::Rgb],
    };
    let depths: &[Depth] = match layout.depth() {
        Depth::U8 => &[Depth::U8, Depth::F32],
        Depth::U10 | Depth::U16 => &[Depth::U16, Depth::F32, Depth::U8],
        Depth::F32 => &[Depth::F32, Depth::U16, Depth::U8],
    };
    let model = models.iter().find(|model| codec.models.contains(model));
    let depth = depths.iter().find(|depth| codec.depths.contains(depth));
    let (model, depth) = model.zip(depth).expect("every packed row holds RGB and a depth");
    Layout::new(layout.size(), *model, *depth).expect("packed models go with U8, U16 and F32")
}

/// What the JPEG codec says.
fn jpeg_fit(_: &Codec, layout: Layout, options: &EncodeOptions) -> Layout {
    jpeg::fit(&layout, options).expect("8 bits go with grey and YCbCr")
}
