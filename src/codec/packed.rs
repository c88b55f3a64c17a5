//! Packed frames to and from the byte buffers that decoders and encoders use.

use std::borrow::Cow;

use image::{ColorType, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError};

use super::{Format, Header, Limits, Metadata, Still};
use crate::error::{Error, Result};
use crate::filter::Dihedral;
use crate::frame::{BufferPool, Depth, Frame, Layout, Model, Plane, Sample};

/// The samples of plane 0 without row padding; borrowed where there is none.
///
/// # Errors
/// Internal, if the samples are of another type.
pub fn contiguous<T: Sample>(frame: &Frame) -> Result<Cow<'_, [T]>> {
    let shape = frame.layout().plane(0);
    let plane = &frame.planes()[0];
    let data = plane.data::<T>().ok_or_else(|| wrong_type(frame.layout()))?;
    if plane.stride() == shape.row() {
        return Ok(Cow::Borrowed(&data[..shape.row() * shape.height]));
    }
    let rows = data.chunks(plane.stride()).take(shape.height);
    Ok(Cow::Owned(rows.flat_map(|row| &row[..shape.row()]).copied().collect()))
}

/// All samples of plane 0 of a frame that came from the pool, and so has no row padding.
///
/// # Errors
/// Internal, if the samples are of another type.
pub fn samples_mut<T: Sample>(frame: &mut Frame) -> Result<&mut [T]> {
    let layout = *frame.layout();
    frame.planes_mut()[0].data_mut::<T>().ok_or_else(|| wrong_type(&layout))
}

/// A packed frame around samples that have no row padding.
///
/// # Errors
/// Internal, if they do not match the layout.
pub fn wrap<T: Sample>(layout: Layout, samples: Vec<T>) -> Result<Frame> {
    let row = layout.plane(0).row();
    Frame::new(layout, vec![Plane::new(T::wrap(samples), row)])
}

/// Says that a layout reached a codec that does not hold it.
pub fn wrong_type(layout: &Layout) -> Error {
    Error::internal(format!("no codec expects {layout} here"))
}

/// What a decoder of the `image` crate says of a file; nothing else is known of it.
///
/// # Errors
/// The size is over the limits, or the pixels are in no layout that we have.
pub fn header<D: ImageDecoder>(format: Format, decoder: &D, limits: &Limits) -> Result<Header> {
    let (width, height) = decoder.dimensions();
    let size = limits.check(width.into(), height.into())?;
    let (model, depth) = match decoder.color_type() {
        ColorType::L8 => (Model::Gray, Depth::U8),
        ColorType::La8 => (Model::GrayAlpha, Depth::U8),
        ColorType::Rgb8 => (Model::Rgb, Depth::U8),
        ColorType::Rgba8 => (Model::Rgba, Depth::U8),
        ColorType::L16 => (Model::Gray, Depth::U16),
        ColorType::La16 => (Model::GrayAlpha, Depth::U16),
        ColorType::Rgb16 => (Model::Rgb, Depth::U16),
        ColorType::Rgba16 => (Model::Rgba, Depth::U16),
        ColorType::Rgb32F => (Model::Rgb, Depth::F32),
        ColorType::Rgba32F => (Model::Rgba, Depth::F32),
        other => {
            let name = format.name();
            return Err(Error::input(format!("{name} with pixels as {other:?} is not read")));
        }
    };
    let layout = Layout::new(size, model, depth)?;
    Ok(Header { format, layout, orientation: Dihedral::IDENTITY, icc: None, losses: Vec::new() })
}

/// The pixels of a decoder of the `image` crate, whose colour type is that of `layout`.
///
/// # Errors
/// Broken pixels.
pub fn read<D: ImageDecoder>(
    format: Format,
    decoder: D,
    layout: Layout,
    pool: &BufferPool,
) -> Result<Frame> {
    if decoder.total_bytes() != layout.bytes() {
        return Err(Error::input(format!("{}: header and pixels differ", format.name())));
    }
    let mut frame = Frame::from_pool(layout, pool);
    if layout.depth() == Depth::U8 {
        let samples = samples_mut::<u8>(&mut frame)?;
        // Not every pixel need be written: a colour that the palette lacks leaves what was there.
        samples.fill(0);
        decoder.read_image(samples).map_err(|e| refused(format, &e))?;
        return Ok(frame);
    }
    // The crate gives native bytes; there is no safe view of other samples as bytes.
    let mut bytes = vec![0; layout.bytes() as usize];
    decoder.read_image(&mut bytes).map_err(|e| refused(format, &e))?;
    if layout.depth() == Depth::U16 {
        let (pairs, _) = bytes.as_chunks::<2>();
        let samples = samples_mut::<u16>(&mut frame)?;
        samples.iter_mut().zip(pairs).for_each(|(s, b)| *s = u16::from_ne_bytes(*b));
    } else {
        let (quads, _) = bytes.as_chunks::<4>();
        let samples = samples_mut::<f32>(&mut frame)?;
        samples.iter_mut().zip(quads).for_each(|(s, b)| *s = f32::from_ne_bytes(*b));
    }
    Ok(frame)
}

/// All that a decoder of the `image` crate gives of a file without metadata.
///
/// # Errors
/// Broken pixels.
pub fn still<D: ImageDecoder>(decoder: D, header: &Header, pool: &BufferPool) -> Result<Still> {
    let frame = read(header.format, decoder, header.layout, pool)?;
    Ok(Still { frame, metadata: Metadata::default() })
}

/// Writes a frame of bytes with an encoder of the `image` crate.
///
/// # Errors
/// Internal, if the codec's table of layouts let another frame through.
pub fn write(format: Format, frame: &Frame, encoder: impl ImageEncoder) -> Result<()> {
    let (layout, size) = (frame.layout(), frame.layout().size());
    encoder
        .write_image(&contiguous::<u8>(frame)?, size.width, size.height, color_type(layout)?)
        .map_err(|e| unwritten(format, e))
}

/// The `image` crate's name of an integer layout.
///
/// # Errors
/// Internal, if the codec's table of layouts let another one through.
pub fn color_type(layout: &Layout) -> Result<ExtendedColorType> {
    Ok(match (layout.model(), layout.depth()) {
        (Model::Gray, Depth::U8) => ExtendedColorType::L8,
        (Model::GrayAlpha, Depth::U8) => ExtendedColorType::La8,
        (Model::Rgb, Depth::U8) => ExtendedColorType::Rgb8,
        (Model::Rgba, Depth::U8) => ExtendedColorType::Rgba8,
        _ => return Err(wrong_type(layout)),
    })
}

/// A codec's refusal as an input error: `"broken GIF: ..."`.
pub fn broken(format: Format, error: impl std::fmt::Display) -> Error {
    Error::input(format!("broken {}: {error}", format.name()))
}

/// An encoder's failure. The bytes go to memory, so only a fault of ours is left.
pub fn unwritten(format: Format, error: impl std::fmt::Display) -> Error {
    Error::internal(format!("failed to encode {}: {error}", format.name()))
}

/// An error of the `image` crate: unsupported kinds are said to be so, the rest is broken.
pub fn refused(format: Format, error: &ImageError) -> Error {
    match error {
        ImageError::Unsupported(kind) => {
            Error::input(format!("this kind of {} is not read: {kind}", format.name()))
        }
        other => broken(format, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Samples, Size};

    #[test]
    fn row_padding_is_left_out() {
        let layout = Layout::new(Size::new(2, 2), Model::Gray, Depth::U8).unwrap();
        let plane = Plane::new(Samples::U8(vec![1, 2, 9, 3, 4]), 3);
        let frame = Frame::new(layout, vec![plane]).unwrap();
        assert_eq!(contiguous::<u8>(&frame).unwrap().as_ref(), [1, 2, 3, 4]);
        assert!(contiguous::<u16>(&frame).is_err());
    }
}
