//! The backend in Rust: libjpeg-turbo-rs, which gives libjpeg-turbo's planes and bytes.

use libjpeg_turbo_rs::tj3::{TjHandle, TjParam};
use libjpeg_turbo_rs::{
    DecodeLimits, DecodeWarning, Decoder, JpegError, PixelFormat, ScalingFactor,
    Subsampling as Sampling, compress_raw, read_coefficients, write_coefficients_progressive,
};

use super::segments::{Colour, MAX_SIDE, PLANAR, Segments};
use super::{MAX_SCANS, Order, Pixels, interleaved};
use crate::error::{Error, Result};
use crate::frame::{BufferPool, Frame, Layout, Model, Plane, Samples, Size, Subsampling};

/// The library's names for [`PLANAR`], in the same order.
const SAMPLINGS: [Sampling; 6] = [
    Sampling::S444,
    Sampling::S422,
    Sampling::S420,
    Sampling::S440,
    Sampling::S411,
    Sampling::S441,
];

/// Decodes to planes. The decoder's own buffers become the frame's.
pub fn planes(
    bytes: &[u8],
    segments: &Segments<'_>,
    layout: Layout,
    shrink: u8,
    _pool: &BufferPool,
) -> Result<Frame> {
    let planes = match shrink {
        1 => whole(bytes, segments)?,
        _ => shrunk(bytes, shrink)?,
    };
    Frame::new(layout, planes)
}

/// Decodes a grey picture, or the luma of YCbCr. The library's own grey output takes longer
/// than all planes (66 ms against 43 for 12 megapixels), so planes are made and chroma dropped.
pub fn luma(
    bytes: &[u8],
    segments: &Segments<'_>,
    layout: Layout,
    shrink: u8,
    pool: &BufferPool,
) -> Result<Frame> {
    let mut planes = match (segments.colour(), shrink) {
        // A single component's sampling factors mean nothing, but its raw planes follow them.
        (Colour::Gray, _) => {
            let gray = pixels(bytes, segments, Pixels::Gray, layout.size(), shrink, pool)?;
            return interleaved(layout, gray);
        }
        (_, 1) => whole(bytes, segments)?,
        _ => shrunk(bytes, shrink)?,
    };
    planes.truncate(1);
    Frame::new(layout, planes)
}

fn whole(bytes: &[u8], segments: &Segments<'_>) -> Result<Vec<Plane>> {
    let (raw, warnings) = decoder(bytes, segments)?.decode_raw_with_warnings().map_err(broken)?;
    refuse(&warnings)?;
    Ok(raw
        .planes
        .into_iter()
        .zip(raw.plane_widths)
        .map(|(plane, width)| Plane::new(Samples::U8(plane), width))
        .collect())
}

fn shrunk(bytes: &[u8], shrink: u8) -> Result<Vec<Plane>> {
    let mut handle = TjHandle::new();
    handle.set(TjParam::StopOnWarning, 1).map_err(broken)?;
    handle.set(TjParam::ScanLimit, i32::from(MAX_SCANS)).map_err(broken)?;
    handle.set_scaling_factor(1, u32::from(shrink)).map_err(broken)?;
    let (planes, width, _, sampling) = handle.decompress_to_yuv_planes(bytes).map_err(broken)?;
    let (h, _) = sampling.sampling_factors();
    let luma = width.next_multiple_of(usize::from(h));
    let strides = [luma, luma / usize::from(h), luma / usize::from(h)];
    Ok(planes
        .into_iter()
        .zip(strides)
        .map(|(plane, stride)| Plane::new(Samples::U8(plane), stride))
        .collect())
}

/// Decodes to interleaved pixels of `size`, which is the file's divided by `shrink`, without
/// padding.
pub fn pixels(
    bytes: &[u8],
    segments: &Segments<'_>,
    kind: Pixels,
    size: Size,
    shrink: u8,
    pool: &BufferPool,
) -> Result<Vec<u8>> {
    let mut decoder = decoder(bytes, segments)?;
    decoder.set_output_format(match kind {
        Pixels::Gray => PixelFormat::Grayscale,
        Pixels::Rgb => PixelFormat::Rgb,
        Pixels::Cmyk => PixelFormat::Cmyk,
    });
    decoder.set_scale(ScalingFactor::try_new(1, u32::from(shrink)).map_err(broken)?);
    let length = size.width as usize * size.height as usize * kind.components();
    if decoder.output_buffer_size().map_err(broken)? != length {
        return Err(Error::internal(format!("libjpeg-turbo-rs sees another size than {size}")));
    }
    let mut buffer = pool.take_bytes(length);
    let info = decoder.decode_image_into(&mut buffer).map_err(broken)?;
    refuse(&info.warnings)?;
    Ok(buffer)
}

/// Encodes after `head`, which begins with start of image and a JFIF segment of 20 bytes in all
/// and replaces what the library writes there.
pub fn encode(
    frame: &Frame,
    quality: u8,
    order: Order,
    mut head: Vec<u8>,
    pool: &BufferPool,
) -> Result<Vec<u8>> {
    /// Start of image and JFIF, as the library writes them.
    const OWN: usize = 20;
    let layout = frame.layout();
    let sampling = match layout.model() {
        Model::Ycbcr(y) => sampling(y.subsampling),
        _ => Sampling::S444,
    };
    let copies: Vec<Option<Vec<u8>>> =
        (0..frame.planes().len()).map(|plane| tight(frame, plane, pool)).collect();
    let mut planes = Vec::new();
    for (plane, copy) in frame.planes().iter().zip(&copies) {
        let own = plane.data::<u8>().ok_or_else(|| Error::internal(format!("{layout}")))?;
        planes.push(copy.as_deref().unwrap_or(own));
    }
    let (widths, heights): (Vec<usize>, Vec<usize>) =
        layout.planes().map(|p| (p.width, p.height)).unzip();
    let (width, height) = (layout.size().width as usize, layout.size().height as usize);
    let baseline = compress_raw(&planes, &widths, &heights, width, height, quality, sampling)
        .map_err(failed)?;
    copies.into_iter().flatten().for_each(|copy| pool.give_bytes(copy));
    // The same quantised coefficients in another order: what the encoder would have written.
    let coded = match order {
        Order::Baseline => baseline,
        Order::Progressive => {
            let coefficients = read_coefficients(&baseline).map_err(failed)?;
            write_coefficients_progressive(&coefficients, None).map_err(failed)?
        }
    };
    if !coded.starts_with(&[0xff, 0xd8, 0xff, 0xe0, 0, 16]) {
        return Err(Error::internal("libjpeg-turbo-rs wrote no JFIF segment"));
    }
    head.extend_from_slice(&coded[OWN..]);
    Ok(head)
}

/// Memory that decoding takes beside what both backends need, for a picture of so many samples:
/// planes in whole blocks, before they are copied or become the frame.
pub const fn scratch_bytes(samples: u64) -> u64 {
    2 * samples
}

/// A decoder that agrees with the header as we read it.
fn decoder<'a>(bytes: &'a [u8], segments: &Segments<'_>) -> Result<Decoder<'a>> {
    let limits = DecodeLimits {
        max_width: MAX_SIDE as usize,
        max_height: MAX_SIDE as usize,
        max_pixels: u64::MAX,
        max_scans: usize::from(MAX_SCANS),
        max_memory: None,
    };
    let decoder = Decoder::new_with_limits(bytes, limits).map_err(broken)?;
    let (width, height) = (decoder.header().width(), decoder.header().height());
    let size = segments.sof.size;
    if (width, height) != (size.width as usize, size.height as usize) {
        return Err(Error::internal(format!(
            "libjpeg-turbo-rs sees {width}x{height} where the header says {size}"
        )));
    }
    Ok(decoder)
}

/// All warnings are errors. There is one less than libjpeg-turbo has: what a scan's blocks leave
/// over of its data is not noticed.
fn refuse(warnings: &[DecodeWarning]) -> Result<()> {
    match warnings.first() {
        Some(warning) => Err(Error::input(format!("libjpeg-turbo-rs: {warning}"))),
        None => Ok(()),
    }
}

/// The library's name for a subsampling of [`PLANAR`].
fn sampling(subsampling: Subsampling) -> Sampling {
    PLANAR.iter().position(|s| *s == subsampling).map_or(Sampling::Unknown, |at| SAMPLINGS[at])
}

/// A plane without padding, if it has some: the library takes no stride.
fn tight(frame: &Frame, plane: usize, pool: &BufferPool) -> Option<Vec<u8>> {
    let shape = frame.layout().plane(plane);
    if frame.planes()[plane].stride() == shape.row() {
        return None;
    }
    let mut out = pool.take_bytes(shape.row() * shape.height);
    for (y, to) in out.chunks_exact_mut(shape.row()).enumerate() {
        to.copy_from_slice(frame.row::<u8>(plane, y)?);
    }
    Some(out)
}

fn broken(error: JpegError) -> Error {
    Error::input(format!("libjpeg-turbo-rs: {error}"))
}

fn failed(error: JpegError) -> Error {
    Error::internal(format!("libjpeg-turbo-rs: {error}"))
}
