//! From a frame to a TIFF of one page, in strips.

use std::borrow::Cow;
use std::io::{self, Cursor, Write};

use tiff::encoder::compression::{CompressionAlgorithm, Deflate, Lzw, Packbits};
use tiff::encoder::{DirectoryEncoder, Rational, TiffEncoder, TiffKindStandard};
use tiff::tags::{
    CompressionMethod, ExtraSamples, PhotometricInterpretation, Predictor, ResolutionUnit,
    SampleFormat, Tag,
};

use super::super::tiff::tags::Carried;
use super::super::{EncodeOptions, Encoded, Header, Means, Metadata, packed};
use super::{TIFF, tags};
use crate::error::{Error, Result};
use crate::event::Loss;
use crate::frame::{Depth, Frame, Model};

/// The file, in the byte order of the machine.
pub fn encode(
    frame: &Frame,
    metadata: &Metadata,
    _: &Header,
    options: &EncodeOptions,
    means: Means<'_>,
) -> Result<Encoded> {
    let page = Page::new(frame, compression(metadata, options))?;
    let mut losses = Vec::new();
    let kept = |tag| matches!(tag, 1 | 5 | 8 | 32_773 | 32_946);
    if options.compression.is_none() && !metadata.coding.tiff_compression.is_none_or(kept) {
        losses.push(Loss::Compression);
    }
    let mut out = Cursor::new(page.room(means));
    let mut encoder = TiffEncoder::new(&mut out).map_err(failed)?;
    let carried = match metadata.exif.as_deref() {
        Some(exif) => Carried::from_exif(exif, &mut encoder).unwrap_or_else(|_| {
            losses.push(Loss::Exif);
            Carried::NONE
        }),
        None => Carried::NONE,
    };
    let mut directory = encoder.image_directory().map_err(failed)?;
    page.describe(&mut directory).map_err(failed)?;
    carried.write(&mut directory).map_err(failed)?;
    if !tags::write(metadata, &mut directory).map_err(failed)? {
        losses.push(Loss::Density);
    }
    page.strips(&mut directory, means).map_err(failed)?;
    directory.finish().map_err(failed)?;
    let mut bytes = out.into_inner();
    bytes.shrink_to_fit();
    Ok(Encoded { bytes, losses })
}

/// The asked compression, else the source's where we write it, else LZW.
fn compression(metadata: &Metadata, options: &EncodeOptions) -> CompressionMethod {
    match (options.compression.as_deref(), metadata.coding.tiff_compression) {
        (Some("none"), _) => CompressionMethod::None,
        (Some("lzw"), _) => CompressionMethod::LZW,
        (Some("deflate"), _) => CompressionMethod::Deflate,
        (Some("packbits"), _) => CompressionMethod::PackBits,
        (_, Some(1)) => CompressionMethod::None,
        (_, Some(8 | 32_946)) => CompressionMethod::Deflate,
        (_, Some(32_773)) => CompressionMethod::PackBits,
        _ => CompressionMethod::LZW,
    }
}

type Directory<'a, W> = DirectoryEncoder<'a, W, TiffKindStandard>;

/// The samples, and how they are written.
struct Page<'a> {
    frame: &'a Frame,
    compression: CompressionMethod,
    /// Samples of a pixel.
    components: usize,
    /// Bytes of a sample.
    sample: usize,
    /// Differences compress better, but exist for integers only; and readers would take them
    /// between grey and the alpha beside it.
    predictor: Predictor,
    rows_per_strip: usize,
}

impl<'a> Page<'a> {
    fn new(frame: &'a Frame, compression: CompressionMethod) -> Result<Self> {
        /// Bytes of a strip, about.
        const STRIP: usize = 1_000_000;
        let layout = frame.layout();
        let (model, depth) = (layout.model(), layout.depth());
        if matches!(model, Model::Ycbcr(_)) || depth == Depth::U10 {
            return Err(packed::wrong_type(layout));
        }
        let (components, sample) = (model.components(), depth.bytes());
        let dictionary = matches!(compression, CompressionMethod::LZW | CompressionMethod::Deflate);
        let differs = dictionary && depth != Depth::F32 && model != Model::GrayAlpha;
        let colors = if model == Model::GrayAlpha { 1 } else { components };
        let rows_per_strip = match compression {
            // Each row is packed by itself.
            CompressionMethod::PackBits => 1,
            _ => STRIP.div_ceil(layout.size().width as usize * colors * sample),
        };
        let predictor = if differs { Predictor::Horizontal } else { Predictor::None };
        Ok(Self { frame, compression, components, sample, predictor, rows_per_strip })
    }

    /// An empty buffer. Samples that are not compressed are only copied, and into a buffer that
    /// was used before that takes a third of the time; nor need it grow.
    fn room(&self, means: Means<'_>) -> Vec<u8> {
        /// Tags, and what lists the strips.
        const BESIDE: usize = 64 << 10;
        if self.compression != CompressionMethod::None {
            return Vec::new();
        }
        let mut room = means.pool.take_bytes(self.frame.layout().bytes() as usize + BESIDE);
        room.clear();
        room
    }

    /// The tags that say what the samples are, but for those that `strips` writes.
    fn describe<W: Write + io::Seek>(&self, to: &mut Directory<'_, W>) -> tiff::TiffResult<()> {
        let (layout, size) = (self.frame.layout(), self.frame.layout().size());
        let photometric = match layout.model() {
            Model::Gray | Model::GrayAlpha => PhotometricInterpretation::BlackIsZero,
            _ => PhotometricInterpretation::RGB,
        };
        to.write_tag(Tag::ImageWidth, size.width)?;
        to.write_tag(Tag::ImageLength, size.height)?;
        to.write_tag(Tag::Compression, self.compression.to_u16())?;
        // libtiff warns of the tag where the compression has no use for it.
        if matches!(self.compression, CompressionMethod::LZW | CompressionMethod::Deflate) {
            to.write_tag(Tag::Predictor, self.predictor.to_u16())?;
        }
        to.write_tag(Tag::PhotometricInterpretation, photometric.to_u16())?;
        to.write_tag(Tag::RowsPerStrip, self.rows_per_strip as u32)?;
        to.write_tag(Tag::SamplesPerPixel, self.components as u16)?;
        // Readers want a density; the true one takes its place, if it is known.
        to.write_tag(Tag::XResolution, Rational { n: 1, d: 1 })?;
        to.write_tag(Tag::YResolution, Rational { n: 1, d: 1 })?;
        to.write_tag(Tag::ResolutionUnit, ResolutionUnit::None.to_u16())?;
        if layout.model().has_alpha() {
            let straight = &[ExtraSamples::UnassociatedAlpha.to_u16()][..];
            to.write_tag(Tag::ExtraSamples, straight)?;
        }
        Ok(())
    }

    /// The samples, and where they are. Strips are packed side by side.
    fn strips<W: Write + io::Seek>(
        &self,
        to: &mut Directory<'_, W>,
        means: Means<'_>,
    ) -> tiff::TiffResult<()> {
        let bytes = match self.frame.bytes().as_slice() {
            [whole] => Cow::Borrowed(*whole),
            rows => Cow::Owned(rows.concat()),
        };
        let strip = self.rows_per_strip * self.row();
        let strips: Vec<&[u8]> = bytes.chunks(strip).collect();
        let packed = match self.compression {
            CompressionMethod::None => strips.into_iter().map(|s| Ok(Cow::Borrowed(s))).collect(),
            _ => means.bands.map(strips, |strip| self.packed(strip).map(Cow::Owned)),
        };
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for strip in packed {
            let strip: Cow<'_, [u8]> = strip?;
            offsets.push(u32::try_from(to.write_data(&*strip)?)?);
            counts.push(u32::try_from(strip.len())?);
        }
        let format = match self.frame.layout().depth() {
            Depth::F32 => SampleFormat::IEEEFP,
            _ => SampleFormat::Uint,
        };
        let each = |value: u16| vec![value; self.components];
        to.write_tag(Tag::BitsPerSample, &each(8 * self.sample as u16)[..])?;
        to.write_tag(Tag::SampleFormat, &each(format.to_u16())[..])?;
        to.write_tag(Tag::StripOffsets, &offsets[..])?;
        to.write_tag(Tag::StripByteCounts, &counts[..])
    }

    /// Bytes of a row.
    fn row(&self) -> usize {
        self.frame.layout().plane(0).row() * self.sample
    }

    /// A strip, compressed.
    fn packed(&self, strip: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let differences;
        let strip = match self.predictor {
            Predictor::Horizontal => {
                differences = self.differences(strip);
                &differences
            }
            _ => strip,
        };
        match self.compression {
            CompressionMethod::LZW => Lzw.write_to(&mut out, strip)?,
            CompressionMethod::PackBits => Packbits.write_to(&mut out, strip)?,
            _ => Deflate::default().write_to(&mut out, strip)?,
        };
        Ok(out)
    }

    /// Each sample less the one of the pixel before it.
    fn differences(&self, strip: &[u8]) -> Vec<u8> {
        let mut out = strip.to_vec();
        let pixel = self.components * self.sample;
        for (to, from) in out.chunks_exact_mut(self.row()).zip(strip.chunks_exact(self.row())) {
            let (to, before) = (&mut to[pixel..], &from[..from.len() - pixel]);
            if self.sample == 1 {
                to.iter_mut().zip(before).for_each(|(v, before)| *v = v.wrapping_sub(*before));
                continue;
            }
            let (to, before) = (to.as_chunks_mut::<2>().0, before.as_chunks::<2>().0);
            for (v, before) in to.iter_mut().zip(before) {
                let [now, before] = [*v, *before].map(u16::from_ne_bytes);
                *v = now.wrapping_sub(before).to_ne_bytes();
            }
        }
        out
    }
}

fn failed(error: tiff::TiffError) -> Error {
    packed::unwritten(TIFF, error)
}
