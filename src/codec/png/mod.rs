//! PNG: every colour type and depth in, 8 and 16 bits out.

mod deflate;
mod filter;
mod huffman;
mod matches;
mod symbol;
mod text;

use std::borrow::Cow;
use std::io::Cursor;

use png::{
    BitDepth, ColorType, Compression, Decoder, Encoder, Info, PixelDimensions, Reader,
    SourceChromaticities, SrgbRenderingIntent, Transformations, Unit,
};

use self::deflate::Deflater;
use self::filter::Filter;
use super::exif::{self, tiff_of};
use super::{
    Calibration, DecodeHint, Density, DensityUnit, EncodeOptions, Encoded, Format, Header, Limits,
    Means, Metadata, Still, packed,
};
use crate::error::{Error, Result};
use crate::event::Loss;
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model};

const PNG: Format = Format::Png;
/// The decoder counts rows, an unpacked profile and text against this.
const MOST_METADATA: usize = 64 << 20;

type Source<'a> = Cursor<&'a [u8]>;

/// The header. Palettes become RGB, transparent colours alpha, fewer than 8 bits 8.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let mut decoder = decoder(bytes);
    let first = decoder.read_header_info().map_err(broken)?;
    let size = limits.check(first.width.into(), first.height.into())?;
    let reader = decoder.read_info().map_err(broken)?;
    let (color, depth) = reader.output_color_type();
    let model = match color {
        ColorType::Grayscale => Model::Gray,
        ColorType::GrayscaleAlpha => Model::GrayAlpha,
        ColorType::Rgb | ColorType::Indexed => Model::Rgb,
        ColorType::Rgba => Model::Rgba,
    };
    let depth = if depth == BitDepth::Sixteen { Depth::U16 } else { Depth::U8 };
    let info = reader.info();
    let exif = late_exif(bytes, info);
    let animated = info.animation_control.is_some_and(|control| control.num_frames > 1);
    let palette = info.color_type == ColorType::Indexed;
    let losses = [(animated, Loss::Frames), (palette, Loss::Palette)];
    Ok(Header {
        format: PNG,
        layout: Layout::new(size, model, depth)?,
        orientation: exif.map_or(Dihedral::IDENTITY, |exif| {
            Dihedral::from_exif(exif::orientation(tiff_of(&exif)))
        }),
        icc: info.icc_profile.as_deref().map(<[u8]>::to_vec),
        losses: losses.into_iter().filter_map(|(lost, kind)| lost.then_some(kind)).collect(),
    })
}

/// The pixels and what is beside them, before and behind.
pub fn decode(
    bytes: &[u8],
    header: &Header,
    _: DecodeHint<'_>,
    pool: &BufferPool,
) -> Result<Still> {
    let mut reader = decoder(bytes).read_info().map_err(broken)?;
    let mut frame = Frame::from_pool(header.layout, pool);
    if reader.output_buffer_size() != Some(header.layout.bytes() as usize) {
        return Err(Error::internal("a PNG's header and pixels differ in layout"));
    }
    match header.layout.depth() {
        Depth::U8 => {
            let samples = packed::samples_mut::<u8>(&mut frame)?;
            reader.next_frame(samples).map_err(broken)?;
        }
        _ => words(&mut reader, packed::samples_mut::<u16>(&mut frame)?)?,
    }
    reader.finish().map_err(broken)?;
    let metadata = metadata(bytes, reader.info());
    Ok(Still { frame, metadata })
}

/// What stands in front of the pixels, and EXIF wherever it stands.
///
/// # Errors
/// A broken header.
pub fn ahead(bytes: &[u8]) -> Result<Metadata> {
    let reader = decoder(bytes).read_info().map_err(broken)?;
    Ok(metadata(bytes, reader.info()))
}

/// 16-bit samples, which PNG stores with the high byte first.
fn words(reader: &mut Reader<Source<'_>>, samples: &mut [u16]) -> Result<()> {
    let swap = |to: &mut [u16], from: &[u8]| {
        let (pairs, _) = from.as_chunks::<2>();
        to.iter_mut().zip(pairs).for_each(|(sample, pair)| *sample = u16::from_be_bytes(*pair));
    };
    if reader.info().interlaced {
        let mut bytes = vec![0; samples.len() * 2];
        reader.next_frame(&mut bytes).map_err(broken)?;
        swap(samples, &bytes);
        return Ok(());
    }
    let width = reader.info().width;
    let row = reader.output_line_size(width).unwrap_or_default();
    for samples in samples.chunks_exact_mut(row / 2) {
        let from = reader.next_row().map_err(broken)?;
        swap(samples, from.ok_or_else(|| broken("rows are missing"))?.data());
    }
    Ok(())
}

/// EXIF, also where it stands behind the pixels, which the header's reader has not seen yet.
fn late_exif<'a>(bytes: &'a [u8], info: &'a Info<'_>) -> Option<Cow<'a, [u8]>> {
    let ahead = info.exif_metadata.as_deref().map(Cow::Borrowed);
    ahead
        .or_else(|| chunk(bytes, *b"eXIf").map(Cow::Borrowed))
        .or_else(|| text::profile(info, "exif").map(Cow::Owned))
}

/// The content of the first chunk of a type. Steps from length to length; checks no sums.
fn chunk(bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let content = rest.get(8..)?.get(..length)?;
        if rest.get(4..8)? == kind {
            return Some(content);
        }
        rest = rest.get(length.checked_add(12)?..)?;
    }
}

fn metadata(bytes: &[u8], info: &Info<'_>) -> Metadata {
    let chromaticities = |c: SourceChromaticities| {
        let pairs = [c.white, c.red, c.green, c.blue];
        let [w, r, g, b] = pairs.map(|(x, y)| [x.into_scaled(), y.into_scaled()]);
        [w[0], w[1], r[0], r[1], g[0], g[1], b[0], b[1]]
    };
    Metadata {
        icc: info.icc_profile.as_deref().map(<[u8]>::to_vec),
        exif: late_exif(bytes, info).map(|exif| tiff_of(&exif).to_vec()),
        xmp: text::xmp(info),
        iptc: text::profile(info, "iptc").or_else(|| text::profile(info, "8bim")),
        density: info.pixel_dims.and_then(density),
        text: text::entries(info),
        calibration: Calibration {
            srgb_intent: info.srgb.map(|intent| intent as u8),
            gamma: info.gama_chunk.map(|gamma| gamma.into_scaled()),
            chromaticities: info.chrm_chunk.map(chromaticities),
        },
        ..Metadata::default()
    }
}

fn density(dims: PixelDimensions) -> Option<Density> {
    let (x, y) = (dims.xppu, dims.yppu);
    match dims.unit {
        _ if x == 0 || y == 0 => None,
        Unit::Meter => Some(Density::from_per_metre(x, y)),
        Unit::Unspecified => Some(Density { x: x.into(), y: y.into(), unit: DensityUnit::Aspect }),
    }
}

/// The file.
pub fn encode(
    frame: &Frame,
    metadata: &Metadata,
    _: &Header,
    options: &EncodeOptions,
    _: Means<'_>,
) -> Result<Encoded> {
    let size = frame.layout().size();
    let mut info = Info::with_size(size.width, size.height);
    info.color_type = match frame.layout().model() {
        Model::Gray => ColorType::Grayscale,
        Model::GrayAlpha => ColorType::GrayscaleAlpha,
        Model::Rgb => ColorType::Rgb,
        Model::Rgba => ColorType::Rgba,
        Model::Ycbcr(_) => return Err(packed::wrong_type(frame.layout())),
    };
    let mut losses = Vec::new();
    describe(&mut info, metadata, &mut losses);
    info.bit_depth = match frame.layout().depth() {
        Depth::U8 => BitDepth::Eight,
        _ => BitDepth::Sixteen,
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::with_info(&mut bytes, info).map_err(unwritten)?;
    let slower = match options.compression.as_deref() {
        Some("best") => Some(Compression::High),
        Some("balanced") => Some(Compression::Balanced),
        // Grey photographs become 1 to 6 % smaller than by either, those in colour 1 to 5 % larger, drawings and screens a
        // third larger, in a fifth and a thirtieth of the time.
        _ => None,
    };
    encoder.set_compression(slower.unwrap_or(Compression::Fast));
    let mut writer = encoder.write_header().map_err(unwritten)?;
    if slower.is_none() {
        writer.write_chunk(png::chunk::IDAT, &fast(frame)?).map_err(unwritten)?;
    } else {
        let pixels = match frame.layout().depth() {
            Depth::U8 => packed::contiguous::<u8>(frame)?,
            _ => {
                let samples = packed::contiguous::<u16>(frame)?;
                Cow::Owned(samples.iter().flat_map(|sample| sample.to_be_bytes()).collect())
            }
        };
        writer.write_image_data(&pixels).map_err(unwritten)?;
    }
    writer.finish().map_err(unwritten)?;
    Ok(Encoded { bytes, losses })
}

/// The pixels, filtered and compressed, row by row.
fn fast(frame: &Frame) -> Result<Vec<u8>> {
    let layout = frame.layout();
    let (shape, plane) = (layout.plane(0), &frame.planes()[0]);
    let (row, wide) = match layout.depth() {
        Depth::U8 => (shape.row(), false),
        _ => (shape.row() * 2, true),
    };
    let mut filter = Filter::new(row / shape.width, row);
    let mut deflater = Deflater::new();
    if wide {
        let samples = plane.data::<u16>().ok_or_else(|| packed::wrong_type(layout))?;
        let mut bytes = vec![0; row];
        for samples in samples.chunks(plane.stride()).take(shape.height) {
            let (pairs, _) = bytes.as_chunks_mut::<2>();
            pairs.iter_mut().zip(samples).for_each(|(pair, sample)| *pair = sample.to_be_bytes());
            deflater.write(filter.row(&bytes));
        }
    } else {
        let samples = plane.data::<u8>().ok_or_else(|| packed::wrong_type(layout))?;
        for samples in samples.chunks(plane.stride()).take(shape.height) {
            deflater.write(filter.row(&samples[..row]));
        }
    }
    Ok(deflater.finish())
}

fn describe(info: &mut Info<'_>, metadata: &Metadata, losses: &mut Vec<Loss>) {
    let calibration = &metadata.calibration;
    info.icc_profile = metadata.icc.clone().map(Cow::Owned);
    info.exif_metadata = metadata.exif.clone().map(Cow::Owned);
    if metadata.icc.is_none() {
        info.srgb = calibration.srgb_intent.and_then(|intent| {
            use SrgbRenderingIntent::{
                AbsoluteColorimetric, Perceptual, RelativeColorimetric, Saturation,
            };
            [Perceptual, RelativeColorimetric, Saturation, AbsoluteColorimetric]
                .into_iter()
                .find(|known| *known as u8 == intent)
        });
    }
    info.source_gamma = calibration.gamma.map(png::ScaledFloat::from_scaled);
    info.source_chromaticities = calibration.chromaticities.map(|c| {
        let at = |i| (png::ScaledFloat::from_scaled(c[i]), png::ScaledFloat::from_scaled(c[i + 1]));
        SourceChromaticities { white: at(0), red: at(2), green: at(4), blue: at(6) }
    });
    if let Some(density) = metadata.density {
        let (unit, numbers) = match density.unit {
            DensityUnit::Aspect => (Unit::Unspecified, density.scaled(1.0)),
            _ => (Unit::Meter, density.per_metre()),
        };
        info.pixel_dims = numbers.map(|[xppu, yppu]| PixelDimensions { xppu, yppu, unit });
        if numbers.is_none() {
            losses.push(Loss::Density);
        }
    }
    text::describe(info, metadata, losses);
}

fn decoder(bytes: &[u8]) -> Decoder<Source<'_>> {
    let limits = png::Limits { bytes: MOST_METADATA };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND);
    decoder
}

fn broken(error: impl std::fmt::Display) -> Error {
    packed::broken(PNG, error)
}

fn unwritten(error: png::EncodingError) -> Error {
    packed::unwritten(PNG, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::frame::Size;

    #[test]
    fn fast_is_smaller_than_zlib_on_a_grey_photograph() {
        let bytes = include_bytes!("../../../samples/photos/brick.jpg");
        let pool = BufferPool::new(1);
        let header = codec::probe(bytes, &Limits::default()).unwrap();
        let frame = codec::decode(bytes, &header, DecodeHint::FULL, &pool).unwrap().frame;
        assert_eq!(frame.layout().model(), Model::Gray);
        let size = |word: Option<&str>| {
            let compression = word.map(str::to_owned);
            let options = EncodeOptions { compression, ..EncodeOptions::default() };
            let metadata = Metadata::default();
            encode(&frame, &metadata, &header, &options, Means::alone(&pool)).unwrap().bytes.len()
        };
        assert!(size(None) < size(Some("balanced")), "{} {}", size(None), size(Some("balanced")));
        assert_eq!(size(None), size(Some("fast")));
    }

    #[test]
    fn exif_with_jpegs_prefix_turns_the_picture_too() {
        let layout = Layout::new(Size::new(2, 1), Model::Gray, Depth::U8).unwrap();
        // One directory with one entry: orientation, SHORT, 1 value, 6.
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01".to_vec();
        exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
        let metadata = Metadata { exif: Some(exif.clone()), ..Metadata::default() };
        let source = Header {
            format: PNG,
            layout,
            orientation: Dihedral::IDENTITY,
            icc: None,
            losses: Vec::new(),
        };
        let (options, pool) = (EncodeOptions::default(), BufferPool::new(1));
        let file =
            encode(&Frame::zeroed(layout), &metadata, &source, &options, Means::alone(&pool))
                .unwrap();
        let header = header(&file.bytes, &Limits::default()).unwrap();
        assert_eq!(header.orientation, Dihedral::from_exif(6));
        let still = decode(&file.bytes, &header, DecodeHint::FULL, &pool).unwrap();
        assert_eq!(still.metadata.exif.unwrap(), exif[6..]);
    }
}
