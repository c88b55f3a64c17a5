//! WebP: lossy and lossless in; lossless out by a Rust encoder in every build, lossy by libwebp.

use std::io::Cursor;

use image_webp::{ColorType, WebPDecoder, WebPEncoder};

use super::{
    Coding, DecodeHint, EncodeOptions, Encoded, Format, Header, Limits, Means, Metadata, Still,
    exif, packed,
};
use crate::error::{Error, Kind, Result};
use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model, Size};

const WEBP: Format = Format::WebP;
/// Quality of lossy files, libwebp's scale.
const QUALITY: u8 = 80;

/// Bytes in front of a file's chunks.
pub const RIFF: usize = 12;
/// The flag of an extended file whose pixels may be clear.
pub const ALPHA: u8 = 0x10;

/// True if this build writes lossy WebP.
pub const LOSSY: bool = cfg!(feature = "native");

/// The header.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let mut decoder = decoder(bytes)?;
    let (width, height) = decoder.dimensions();
    let size = limits.check(width.into(), height.into())?;
    check_streams(Chunks::of_file(bytes), size, Level::File)?;
    let model = if decoder.has_alpha() { Model::Rgba } else { Model::Rgb };
    let exif = decoder.exif_metadata().map_err(broken)?;
    let animated = decoder.is_animated() && decoder.num_frames() > 1;
    Ok(Header {
        format: WEBP,
        layout: Layout::new(size, model, Depth::U8)?,
        orientation: exif.map_or(Dihedral::IDENTITY, |exif| {
            Dihedral::from_exif(exif::orientation(exif::tiff_of(&exif)))
        }),
        icc: decoder.icc_profile().map_err(broken)?,
        losses: if animated { vec![Loss::Frames] } else { Vec::new() },
    })
}

/// The pixels of the picture or of the first frame, and what is beside them.
pub fn decode(
    bytes: &[u8],
    header: &Header,
    _: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    let mut decoder = decoder(bytes)?;
    let mut frame = Frame::from_pool(header.layout, pool);
    decoder.read_image(packed::samples_mut::<u8>(&mut frame)?).map_err(broken)?;
    let metadata = Metadata {
        icc: decoder.icc_profile().map_err(broken)?,
        exif: decoder.exif_metadata().map_err(broken)?.map(|exif| exif::tiff_of(&exif).to_vec()),
        xmp: decoder.xmp_metadata().map_err(broken)?,
        coding: Coding { lossless: !decoder.is_lossy(), ..Coding::default() },
        ..Metadata::default()
    };
    Ok(Still { frame, metadata })
}

/// The file: lossless if that is asked for, or the source is lossless WebP.
pub fn encode(
    frame: &Frame,
    metadata: &Metadata,
    source: &Header,
    options: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let (size, model) = (frame.layout().size(), frame.layout().model());
    let (width, height) = (size.width, size.height);
    let lossless = match options.compression.as_deref() {
        Some("lossless") => true,
        Some("lossy") => false,
        _ => source.format == WEBP && metadata.coding.lossless,
    };
    let pixels = packed::contiguous::<u8>(frame)?;
    let simple = if lossless {
        let color = if model == Model::Rgba { ColorType::Rgba8 } else { ColorType::Rgb8 };
        let mut bytes = Vec::new();
        let encoder = WebPEncoder::new(&mut bytes);
        encoder.encode(&pixels, width, height, color).map_err(|e| packed::unwritten(WEBP, e))?;
        bytes
    } else {
        lossy(&pixels, width, height, options.quality.unwrap_or(QUALITY))?
    };
    Ok(Encoded { bytes: extended(simple, metadata, [width, height])?, losses: Vec::new() })
}

/// Where chunks stand. Frames hold no frames.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    File,
    Frame,
}

/// Refuses a lossy stream that is larger than the canvas: the decoder would allocate it first and
/// compare sizes afterwards.
fn check_streams(chunks: Chunks<'_>, canvas: Size, level: Level) -> Result<()> {
    /// Frame position, size, duration and flags before an animated frame's own chunks.
    const FRAME_HEADER: usize = 16;
    for Chunk { kind, content, .. } in chunks {
        match &kind {
            b"VP8 " => {
                let side = |at| content.get(at..).and_then(<[u8]>::first_chunk);
                let side = |at| side(at).map_or(0, |b| u32::from(u16::from_le_bytes(*b) & 0x3fff));
                let (width, height) = (side(6), side(8));
                if width > canvas.width || height > canvas.height {
                    let stream = Size::new(width, height);
                    return Err(Error::input(format!("broken webp: {stream} inside {canvas}")));
                }
            }
            b"ANMF" if level == Level::File && content.len() > FRAME_HEADER => {
                check_streams(Chunks { rest: &content[FRAME_HEADER..] }, canvas, Level::Frame)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// One chunk of a file or of a frame.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    /// Its name.
    pub kind: [u8; 4],
    /// As much of its content as is there.
    pub content: &'a [u8],
    length: usize,
}

impl Chunk<'_> {
    /// False if the file ends inside it.
    pub fn is_whole(&self) -> bool {
        self.content.len() == self.length
    }

    /// Bytes from its content's begin to the next chunk.
    pub fn padded(&self) -> usize {
        self.length.next_multiple_of(2)
    }
}

/// Chunks one behind the other.
pub struct Chunks<'a> {
    /// What was not taken yet.
    pub rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    /// Those of a file.
    pub fn of_file(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.get(RIFF..).unwrap_or_default() }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let ([a, b, c, d, l0, l1, l2, l3], rest) = self.rest.split_first_chunk()?;
        let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        let content = &rest[..length.min(rest.len())];
        let chunk = Chunk { kind: [*a, *b, *c, *d], content, length };
        self.rest = rest.get(chunk.padded()..).unwrap_or_default();
        Some(chunk)
    }
}

/// Says that this build has no libwebp, and what works without it.
pub fn no_lossy(kind: Kind) -> Error {
    Error::new(
        kind,
        "this build writes no lossy WebP (--compression lossless works; or build with libwebp)",
    )
}

#[cfg(feature = "native")]
fn lossy(pixels: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>> {
    let rgba = pixels.len() as u64 == u64::from(width) * u64::from(height) * 4;
    let encoder = match rgba {
        true => webp::Encoder::from_rgba(pixels, width, height),
        false => webp::Encoder::from_rgb(pixels, width, height),
    };
    let file = encoder.encode_simple(false, quality.into());
    Ok(file.map_err(|e| packed::unwritten(WEBP, format!("{e:?}")))?.to_vec())
}

#[cfg(not(feature = "native"))]
fn lossy(_: &[u8], _: u32, _: u32, _: u8) -> Result<Vec<u8>> {
    Err(no_lossy(Kind::Input))
}

/// A simple file (RIFF header and image chunks) as an extended one with the metadata chunks, in
/// the order that the container's specification asks for. Unchanged where there are none.
fn extended(simple: Vec<u8>, metadata: &Metadata, size: [u32; 2]) -> Result<Vec<u8>> {
    const FLAGS: [u8; 3] = [0x20, 0x08, 0x04];
    let blocks = [&metadata.icc, &metadata.exif, &metadata.xmp];
    if blocks.iter().all(|block| block.is_none()) {
        return Ok(simple);
    }
    let mut image = &simple[RIFF..];
    let mut flags = if chunk(image, *b"VP8L").is_some_and(lossless_alpha) { ALPHA } else { 0 };
    if let Some(old) = chunk(image, *b"VP8X") {
        flags |= old.first().copied().unwrap_or_default() & ALPHA;
        image = &image[8 + old.len()..];
    }
    for (block, flag) in blocks.iter().zip(FLAGS) {
        flags |= if block.is_some() { flag } else { 0 };
    }
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    let mut header = vec![flags, 0, 0, 0];
    for side in size {
        header.extend(&(side - 1).to_le_bytes()[..3]);
    }
    push(&mut out, *b"VP8X", Some(&header));
    push(&mut out, *b"ICCP", metadata.icc.as_deref());
    out.extend(image);
    push(&mut out, *b"EXIF", metadata.exif.as_deref());
    push(&mut out, *b"XMP ", metadata.xmp.as_deref());
    let length = u32::try_from(out.len() - 8);
    let length = length.map_err(|_| Error::input("a WebP file ends at 4 GiB"))?;
    out[4..8].copy_from_slice(&length.to_le_bytes());
    Ok(out)
}

/// The content of the first chunk, if it is of this kind.
fn chunk(chunks: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    let rest = chunks.strip_prefix(&kind)?;
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    rest.get(4..)?.get(..length)
}

/// Bit 28 of a lossless stream's header, behind the signature byte.
pub fn lossless_alpha(stream: &[u8]) -> bool {
    stream.get(4).is_some_and(|byte| byte & 0x10 != 0)
}

/// Appends a chunk, if there is one.
pub fn push(out: &mut Vec<u8>, kind: [u8; 4], content: Option<&[u8]>) {
    let Some(content) = content else { return };
    out.extend(kind);
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(content);
    out.resize(out.len().next_multiple_of(2), 0);
}

fn decoder(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    // No metadata block can be longer than the file that holds it.
    decoder.set_memory_limit(bytes.len());
    Ok(decoder)
}

fn broken(error: image_webp::DecodingError) -> Error {
    packed::broken(WEBP, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_inside_frames_without_end_cost_no_stack() {
        const LEVELS: u32 = 200_000;
        let mut chunks = Vec::new();
        for level in (0..LEVELS).rev() {
            chunks.extend(b"ANMF");
            chunks.extend((16 + 24 * level).to_le_bytes());
            chunks.extend([0; 16]);
        }
        assert!(check_streams(Chunks { rest: &chunks }, Size::new(1, 1), Level::File).is_ok());
        let stream =
            |side: u8| [b'V', b'P', b'8', b' ', 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, side, 0, side, 0];
        for (side, fits) in [(1, true), (9, false)] {
            let mut frame = b"ANMF\x22\0\0\0".to_vec();
            frame.extend([0; 16]);
            frame.extend(stream(side));
            let chunks = Chunks { rest: &frame };
            assert_eq!(check_streams(chunks, Size::new(4, 4), Level::File).is_ok(), fits);
        }
    }
}
