//! Densities in pixels per metre, as PNG and BMP state them, and what a quarter turn does to them.

use super::{Density, DensityUnit, Metadata, exif};

const INCH_IN_METRES: f64 = 0.0254;

impl Density {
    /// From pixels per metre to per inch, to the hundredth; back it is the same number.
    pub(super) fn from_per_metre(x: u32, y: u32) -> Self {
        let inch = |v| (f64::from(v) * INCH_IN_METRES * 100.0).round() / 100.0;
        Self { x: inch(x), y: inch(y), unit: DensityUnit::Inch }
    }

    /// In pixels per metre. `None` if it has no unit or does not fit.
    pub(super) fn per_metre(self) -> Option<[u32; 2]> {
        match self.unit {
            DensityUnit::Inch => self.scaled(1.0 / INCH_IN_METRES),
            DensityUnit::Centimetre => self.scaled(100.0),
            DensityUnit::Aspect => None,
        }
    }

    /// Both numbers times a factor, rounded. `None` if one is not within 1..=2^31-1.
    pub(super) fn scaled(self, factor: f64) -> Option<[u32; 2]> {
        let scaled = [self.x, self.y].map(|v| (v * factor).round());
        let fits = |v: &f64| (1.0..=f64::from(i32::MAX)).contains(v);
        scaled.iter().all(fits).then(|| scaled.map(|v| v as u32))
    }
}

impl Metadata {
    /// Turns what is stated for rows and for columns with the picture, by a quarter: the density,
    /// and the resolutions in EXIF.
    pub fn swap_axes(&mut self) {
        if let Some(Density { x, y, .. }) = &mut self.density {
            std::mem::swap(x, y);
        }
        if let Some(exif) = &mut self.exif {
            exif::swap_resolutions(exif);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_keep_their_number_per_metre() {
        let density = |x, unit| Density { x, y: x, unit };
        assert_eq!(density(72.0, DensityUnit::Inch).per_metre(), Some([2835, 2835]));
        assert_eq!(density(120.0, DensityUnit::Centimetre).per_metre(), Some([12_000, 12_000]));
        assert_eq!(density(1.0, DensityUnit::Aspect).per_metre(), None);
        assert_eq!(density(f64::NAN, DensityUnit::Inch).per_metre(), None);
        for v in [1, 39, 2834, 2835, 3780, 11_811, 1_000_003] {
            assert_eq!(Density::from_per_metre(v, v).per_metre(), Some([v, v]), "{v}");
        }
    }
}
