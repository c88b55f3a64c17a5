//! Strips of a page: unpacked side by side, or left where they are.

use tiff::decoder::ChunkType;
use tiff::tags::Tag;

use super::super::Limits;
use super::page::{Alpha, Color, Page};
use super::refused;
use crate::error::Result;
use crate::frame::Layout;
use crate::plan::{Bands, PER_THREAD};

/// How packed strips of whole rows are shared out.
#[derive(Clone, Copy)]
pub struct Strips {
    /// Bytes of one, unpacked.
    bytes: usize,
    /// So many for one task.
    each: usize,
}

impl Strips {
    /// Those of a page in the frame's own layout, if it has several and threads may share them.
    pub fn shared(page: &mut Page<'_>, layout: Layout, bands: Bands<'_>) -> Option<Self> {
        /// LZW, deflate by both its numbers, and PackBits.
        const PACKED: [u16; 4] = [5, 8, 32_946, 32_773];
        let compression = page.decoder.find_tag_unsigned(Tag::Compression).ok()??;
        let stripped = page.decoder.get_chunk_type() == ChunkType::Strip;
        let threads = bands.threads();
        if threads == 1 || !stripped || !PACKED.contains(&compression) {
            return None;
        }
        let height = layout.size().height;
        let rows = page.decoder.chunk_dimensions().1.clamp(1, height) as usize;
        let count = (height as usize).div_ceil(rows);
        let each = count.div_ceil(PER_THREAD * threads);
        (count > 1).then_some(Self { bytes: rows * layout.plane(0).row(), each })
    }

    /// Unpacks them, by as many decoders as there are tasks.
    ///
    /// # Errors
    /// What is wrong with the first that is broken.
    pub fn unpack(self, file: &[u8], samples: &mut [u8], bands: Bands<'_>) -> Result<()> {
        let tasks: Vec<(usize, &mut [u8])> =
            samples.chunks_mut(self.bytes * self.each).enumerate().collect();
        let unpack = |(task, samples): (usize, &mut [u8])| -> Result<()> {
            let mut page = Page::open(file, &Limits { max_pixels: u64::MAX })?;
            for (strip, samples) in samples.chunks_mut(self.bytes).enumerate() {
                let index = (task * self.each + strip) as u32;
                page.decoder.read_chunk_bytes(index, samples).map_err(refused)?;
            }
            Ok(())
        };
        bands.map(tasks, unpack).into_iter().collect()
    }
}

/// Where the rows of `layout` begin, if they lie in the file as they are and behind each other.
pub fn start(page: &mut Page<'_>, bytes: &[u8], layout: Layout) -> Option<usize> {
    let plain = page.bits == 8
        && matches!(page.color, Color::Gray | Color::Rgb)
        && page.alpha != Alpha::Multiplied
        && page.samples == layout.model().components()
        && page.decoder.get_chunk_type() == ChunkType::Strip;
    let mut tag = |tag| page.decoder.find_tag_unsigned::<u16>(tag).ok();
    let stored = plain
        && matches!(tag(Tag::Compression)?, None | Some(1))
        && matches!(tag(Tag::Predictor)?, None | Some(1))
        && matches!(tag(Tag::PlanarConfiguration)?, None | Some(1))
        && matches!(tag(Tag::PhotometricInterpretation)?, Some(1 | 2));
    if !stored {
        return None;
    }
    let (row, whole) = (layout.plane(0).row() as u64, layout.bytes());
    let strip = whole.min(u64::from(page.decoder.chunk_dimensions().1) * row);
    let mut list = |tag| page.decoder.find_tag_unsigned_vec::<u64>(tag).ok()?;
    let (offsets, counts) = (list(Tag::StripOffsets)?, list(Tag::StripByteCounts)?);
    let first = *offsets.first()?;
    let mut at = 0;
    let behind_each_other = offsets.iter().zip(&counts).all(|(&offset, &count)| {
        let here = at < whole && offset.checked_sub(first) == Some(at);
        let full = count >= strip.min(whole - at.min(whole));
        at += strip;
        here && full
    });
    let all = offsets.len() == counts.len() && at >= whole;
    let inside = first.checked_add(whole)? <= bytes.len() as u64;
    (behind_each_other && all && inside).then_some(first as usize)
}
