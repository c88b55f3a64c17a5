//! From a frame to a TIFF of one page, in strips.

use std::io::Cursor;

use tiff::encoder::colortype::{
    ColorType, Gray8, Gray16, Gray32Float, RGB8, RGB16, RGB32Float, RGBA8, RGBA16, RGBA32Float,
};
use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, TiffValue};
use tiff::tags::{ExtraSamples, Tag};

use super::super::tiff::tags::Carried;
use super::super::{EncodeOptions, Encoded, Header, Metadata, packed};
use super::{TIFF, tags};
use crate::error::{Error, Result};
use crate::event::Loss;
use crate::frame::{BufferPool, Depth, Frame, Model, Sample};

/// The file, in the byte order of the machine.
pub fn encode(
    frame: &Frame,
    metadata: &Metadata,
    _: &Header,
    options: &EncodeOptions,
    pool: &BufferPool,
) -> Result<Encoded> {
    let compression = compression(metadata, options);
    let file = File { frame, metadata, compression, pool };
    let layout = frame.layout();
    match (layout.model(), layout.depth()) {
        (Model::Gray, Depth::U8) => file.write::<Gray8>(Extra::None),
        (Model::Gray, Depth::U16) => file.write::<Gray16>(Extra::None),
        (Model::Gray, Depth::F32) => file.write::<Gray32Float>(Extra::None),
        (Model::GrayAlpha, Depth::U8) => file.write::<Gray8>(Extra::Added),
        (Model::GrayAlpha, Depth::U16) => file.write::<Gray16>(Extra::Added),
        (Model::GrayAlpha, Depth::F32) => file.write::<Gray32Float>(Extra::Added),
        (Model::Rgb, Depth::U8) => file.write::<RGB8>(Extra::None),
        (Model::Rgb, Depth::U16) => file.write::<RGB16>(Extra::None),
        (Model::Rgb, Depth::F32) => file.write::<RGB32Float>(Extra::None),
        (Model::Rgba, Depth::U8) => file.write::<RGBA8>(Extra::Named),
        (Model::Rgba, Depth::U16) => file.write::<RGBA16>(Extra::Named),
        (Model::Rgba, Depth::F32) => file.write::<RGBA32Float>(Extra::Named),
        _ => Err(packed::wrong_type(layout)),
    }
}

/// What the encoder must be told of alpha.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    /// There is none.
    None,
    /// Its colour type has the component but does not say that it is alpha.
    Named,
    /// Its colour type lacks the component.
    Added,
}

/// The asked compression, else the source's where we write it, else LZW.
fn compression(metadata: &Metadata, options: &EncodeOptions) -> Compression {
    let deflate = Compression::Deflate(DeflateLevel::Balanced);
    match (options.compression.as_deref(), metadata.coding.tiff_compression) {
        (Some("none"), _) => Compression::Uncompressed,
        (Some("lzw"), _) => Compression::Lzw,
        (Some("deflate"), _) => deflate,
        (Some("packbits"), _) => Compression::Packbits,
        (_, Some(1)) => Compression::Uncompressed,
        (_, Some(8 | 32_946)) => deflate,
        (_, Some(32_773)) => Compression::Packbits,
        _ => Compression::Lzw,
    }
}

struct File<'a> {
    frame: &'a Frame,
    metadata: &'a Metadata,
    compression: Compression,
    pool: &'a BufferPool,
}

impl File<'_> {
    fn write<C: ColorType>(&self, extra: Extra) -> Result<Encoded>
    where
        C::Inner: Sample,
        [C::Inner]: TiffValue,
    {
        let samples = packed::contiguous::<C::Inner>(self.frame)?;
        let size = self.frame.layout().size();
        let mut losses = Vec::new();
        let mut out = Cursor::new(self.room());
        let mut encoder = TiffEncoder::new(&mut out)
            .map_err(failed)?
            .with_compression(self.compression)
            .with_predictor(self.predictor(extra));
        let carried = match self.metadata.exif.as_deref() {
            Some(exif) => Carried::from_exif(exif, &mut encoder).unwrap_or_else(|_| {
                losses.push(Loss::Exif);
                Carried::NONE
            }),
            None => Carried::NONE,
        };
        let mut page = encoder.new_image::<C>(size.width, size.height).map_err(failed)?;
        match extra {
            Extra::None => {}
            Extra::Named => {
                let straight = &[ExtraSamples::UnassociatedAlpha.to_u16()][..];
                page.encoder().write_tag(Tag::ExtraSamples, straight).map_err(failed)?;
            }
            Extra::Added => {
                page.extra_samples(&[ExtraSamples::UnassociatedAlpha]).map_err(failed)?;
            }
        }
        carried.write(page.encoder()).map_err(failed)?;
        if !tags::write(self.metadata, page.encoder()).map_err(failed)? {
            losses.push(Loss::Density);
        }
        page.write_data(&samples).map_err(failed)?;
        let mut bytes = out.into_inner();
        if !matches!(self.compression, Compression::Lzw | Compression::Deflate(_)) {
            remove_predictor(&mut bytes);
        }
        bytes.shrink_to_fit();
        Ok(Encoded { bytes, losses })
    }

    /// An empty buffer. Samples that are not compressed are only copied, and into a buffer that
    /// was used before that takes a third of the time; nor need it grow.
    fn room(&self) -> Vec<u8> {
        /// Tags, and what lists the strips.
        const BESIDE: usize = 64 << 10;
        if !matches!(self.compression, Compression::Uncompressed) {
            return Vec::new();
        }
        let mut room = self.pool.take_bytes(self.frame.layout().bytes() as usize + BESIDE);
        room.clear();
        room
    }

    /// Differences compress better, but exist for integers only; and the encoder would take them
    /// between grey and the alpha beside it.
    fn predictor(&self, extra: Extra) -> Predictor {
        let dictionary = matches!(self.compression, Compression::Lzw | Compression::Deflate(_));
        let integers = self.frame.layout().depth() != Depth::F32;
        match dictionary && integers && extra != Extra::Added {
            true => Predictor::Horizontal,
            false => Predictor::None,
        }
    }
}

/// Takes the predictor's tag out of the only page's directory. The encoder always writes it, and
/// libtiff warns of it where the compression has no use for one.
fn remove_predictor(file: &mut Vec<u8>) {
    const ENTRY: usize = 12;
    let short = |at: usize| file.get(at..).and_then(<[u8]>::first_chunk).copied();
    let tag = |at| short(at).map(u16::from_ne_bytes);
    let Some(first) = file.get(4..).and_then(<[u8]>::first_chunk).copied() else { return };
    let directory = u32::from_ne_bytes(first) as usize;
    let Some(count) = tag(directory) else { return };
    let entries = directory + 2;
    let end = entries + ENTRY * usize::from(count) + size_of::<u32>();
    let found = (0..usize::from(count))
        .map(|i| entries + ENTRY * i)
        .find(|at| tag(*at) == Some(Tag::Predictor.to_u16()));
    // The directory is the last thing that the encoder writes.
    if let (Some(at), true) = (found, end == file.len()) {
        file.copy_within(at + ENTRY..end, at);
        file.truncate(end - ENTRY);
        file[directory..entries].copy_from_slice(&(count - 1).to_ne_bytes());
    }
}

fn failed(error: tiff::TiffError) -> Error {
    packed::unwritten(TIFF, error)
}
