//! The segments before a JPEG's tables: JFIF, EXIF, XMP, ICC and IPTC.

use super::segments::{EXIF, ICC, PHOTOSHOP, XMP};
use crate::codec::{Density, DensityUnit, Metadata, exif, icc, photoshop};
use crate::event::Loss;
use crate::frame::Layout;

/// The longest content of a segment: 65,535 less the length field.
const MAX_PAYLOAD: usize = 65_533;

/// What stands before the tables, and what did not fit into it.
#[derive(Debug, Default)]
pub struct Head {
    /// Start of image and segments.
    pub bytes: Vec<u8>,
    /// What had to be left out.
    pub losses: Vec<Loss>,
}

/// The head of a JPEG of this layout. EXIF and XMP are brought up to date with it.
pub fn head(metadata: &Metadata, layout: &Layout) -> Head {
    let mut head = Head { bytes: vec![0xff, 0xd8], losses: Vec::new() };
    head.jfif(metadata.density);
    head.block(Loss::Exif, metadata.exif.as_deref(), |head, tiff| {
        head.segment(0xe1, &[EXIF, &exif::update(tiff, layout.size())?])
    });
    head.block(Loss::Xmp, metadata.xmp.as_deref(), |head, packet| {
        let mut packet = packet.to_vec();
        exif::update_xmp(&mut packet);
        head.segment(0xe1, &[XMP, &packet])
    });
    head.block(Loss::Icc, metadata.icc.as_deref(), |head, profile| {
        if icc::fits(profile, layout.model()) { head.icc(profile) } else { None }
    });
    head.block(Loss::Iptc, metadata.iptc.as_deref(), |head, records| {
        head.segment(0xed, &[PHOTOSHOP, &photoshop::with_iptc(records)?])
    });
    head
}

impl Head {
    /// Writes a block if there is one; `None` from `write` is a loss.
    fn block(
        &mut self,
        loss: Loss,
        block: Option<&[u8]>,
        write: impl FnOnce(&mut Self, &[u8]) -> Option<()>,
    ) {
        if let Some(block) = block
            && write(self, block).is_none()
        {
            self.losses.push(loss);
        }
    }

    /// A segment of several parts, or nothing if it would be too long.
    fn segment(&mut self, marker: u8, parts: &[&[u8]]) -> Option<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > MAX_PAYLOAD {
            return None;
        }
        self.bytes.extend([0xff, marker]);
        self.bytes.extend(((length + 2) as u16).to_be_bytes());
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        Some(())
    }

    /// JFIF 1.01, always, since it also says that colours are YCbCr. Without a density it says
    /// that pixels are square.
    fn jfif(&mut self, density: Option<Density>) {
        let written = density.and_then(density_fields);
        if density.is_some() && written.is_none() {
            self.losses.push(Loss::Density);
        }
        let (unit, x, y) = written.unwrap_or((0, 1, 1));
        let ([x1, x0], [y1, y0]) = (x.to_be_bytes(), y.to_be_bytes());
        self.bytes.extend([0xff, 0xe0, 0, 16]);
        self.bytes.extend(b"JFIF\0");
        self.bytes.extend([1, 1, unit, x1, x0, y1, y0, 0, 0]);
    }

    fn icc(&mut self, profile: &[u8]) -> Option<()> {
        let chunk = MAX_PAYLOAD - ICC.len() - 2;
        let count = u8::try_from(profile.len().div_ceil(chunk)).ok()?;
        for (part, number) in profile.chunks(chunk).zip(1..=count) {
            self.segment(0xe2, &[ICC, &[number, count], part])?;
        }
        Some(())
    }
}

/// Unit, x and y as JFIF has them: whole numbers 1..=65,535. A ratio that is not of whole
/// numbers is kept to a thousandth.
fn density_fields(density: Density) -> Option<(u8, u16, u16)> {
    let fractional = density.x.fract() != 0.0 || density.y.fract() != 0.0;
    let (unit, scale) = match density.unit {
        DensityUnit::Aspect if fractional => (0, 1000.0),
        DensityUnit::Aspect => (0, 1.0),
        DensityUnit::Inch => (1, 1.0),
        DensityUnit::Centimetre => (2, 1.0),
    };
    let whole = |v: f64| (0.5..65_535.5).contains(&(v * scale)).then(|| (v * scale).round() as u16);
    Some((unit, whole(density.x)?, whole(density.y)?))
}
