//! Colour profiles: what kind of picture one belongs to, and the ways from CMYK and Lab to sRGB.

use std::sync::Arc;

use moxcms::{ColorProfile, Layout, RenderingIntent, Transform16BitExecutor, TransformOptions};

use crate::error::{Error, Result};
use crate::frame::Model;

/// The colour space of a profile's device side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// One component.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Four inks.
    Cmyk,
    /// CIE Lab.
    Lab,
    /// Anything else.
    Other,
}

/// The colour space that a profile's header names. `None` if it is no ICC profile.
pub fn space(profile: &[u8]) -> Option<Space> {
    const HEADER: usize = 128;
    if profile.len() < HEADER || &profile[36..40] != b"acsp" {
        return None;
    }
    Some(match &profile[16..20] {
        b"GRAY" => Space::Gray,
        b"RGB " => Space::Rgb,
        b"CMYK" => Space::Cmyk,
        b"Lab " => Space::Lab,
        _ => Space::Other,
    })
}

/// True if a picture of this model may carry the profile: an RGB profile on a grey picture is
/// ignored by some readers and refused by others.
pub fn fits(profile: &[u8], model: Model) -> bool {
    let wanted = if model.has_color() { Space::Rgb } else { Space::Gray };
    space(profile) == Some(wanted)
}

/// CMYK to sRGB through an embedded profile: relative colorimetric with black point
/// compensation.
pub struct CmykToSrgb {
    transform: Arc<Transform16BitExecutor>,
    /// sRGB codes of 16 bits to codes of 8 bits, with the black point moved to 0.
    finish: Vec<u8>,
}

impl CmykToSrgb {
    /// The conversion that `profile` defines.
    ///
    /// # Errors
    /// A profile that cannot be read or is not one of CMYK.
    pub fn new(profile: &[u8]) -> Result<Self> {
        let failed = |e: moxcms::CmsError| Error::input(format!("its CMYK profile: {e}"));
        if space(profile) != Some(Space::Cmyk) {
            return Err(Error::input("its colour profile is not one of CMYK"));
        }
        let source = ColorProfile::new_from_slice(profile).map_err(failed)?;
        let srgb = ColorProfile::new_srgb();
        let intent = |rendering_intent| TransformOptions {
            rendering_intent,
            prefer_fixed_point: false,
            ..TransformOptions::default()
        };
        let perceptual = intent(RenderingIntent::Perceptual);
        let forward =
            |options| source.create_transform_16bit(Layout::Rgba, &srgb, Layout::Rgb, options);
        // By ICC.1 the perceptual table stands in for one that a profile lacks.
        let transform = forward(intent(RenderingIntent::RelativeColorimetric))
            .or_else(|_| forward(perceptual))
            .map_err(failed)?;
        // The darkest printable colour is what the profile makes of black, perceptually; it has
        // less ink than 400 %. Without that table, all inks at once stand for it: no colour is
        // darker, so that nothing is clipped.
        let mut black = [u16::MAX; 4];
        if let Ok(back) =
            srgb.create_transform_16bit(Layout::Rgb, &source, Layout::Rgba, perceptual)
        {
            back.transform(&[0; 3], &mut black).map_err(failed)?;
        }
        let mut seen = [0; 3];
        transform.transform(&black, &mut seen).map_err(failed)?;
        let linear = seen.map(|code| to_linear(f64::from(code) / 65_535.0));
        let floor = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        Ok(Self { transform, finish: compensated(floor) })
    }

    /// Converts pixels: `inks` holds 4 bytes each (255 is full ink), `rgb` 3.
    ///
    /// # Errors
    /// Lengths that do not match.
    pub fn convert(&self, inks: &[u8], rgb: &mut [u8]) -> Result<()> {
        let wide: Vec<u16> = inks.iter().map(|&v| u16::from(v) * 257).collect();
        let mut codes = vec![0; rgb.len()];
        self.transform
            .transform(&wide, &mut codes)
            .map_err(|e| Error::internal(format!("CMYK conversion: {e}")))?;
        for (out, code) in rgb.iter_mut().zip(codes) {
            *out = self.finish[usize::from(code)];
        }
        Ok(())
    }
}

/// Black point compensation (ISO 18619) scales XYZ so that the source's black becomes the
/// output's and white stays. sRGB's black is 0 and the source's is taken as neutral, so in linear
/// sRGB it is (v - floor) / (1 - floor) for each component.
fn compensated(floor: f64) -> Vec<u8> {
    let floor = floor.clamp(0.0, 0.5);
    (0..=u16::MAX)
        .map(|code| {
            let v = (to_linear(f64::from(code) / 65_535.0) - floor) / (1.0 - floor);
            (to_encoded(v.clamp(0.0, 1.0)) * 255.0 + 0.5) as u8
        })
        .collect()
}

/// CIE Lab (D50, L 0..100, a and b about -128..127) to encoded sRGB, 0..1, clipped.
///
/// Lab to XYZ by CIE 15; the matrix is the inverse of sRGB's primaries adapted to D50 by
/// Bradford, as ICC's sRGB profile has them.
pub fn lab_to_srgb([l, a, b]: [f64; 3]) -> [f64; 3] {
    const WHITE: [f64; 3] = [0.964_2, 1.0, 0.824_9];
    const TO_RGB: [[f64; 3]; 3] = [
        [3.134_136, -1.617_386, -0.490_662],
        [-0.978_795, 1.916_254, 0.033_443],
        [0.071_955, -0.228_977, 1.405_386],
    ];
    let y = (l + 16.0) / 116.0;
    let cube = |t: f64| {
        if t > 6.0 / 29.0 { t * t * t } else { 3.0 * (6.0f64 / 29.0).powi(2) * (t - 4.0 / 29.0) }
    };
    let xyz = [y + a / 500.0, y, y - b / 200.0].map(cube);
    TO_RGB.map(|row| {
        let linear: f64 = (0..3).map(|i| row[i] * WHITE[i] * xyz[i]).sum();
        to_encoded(linear.clamp(0.0, 1.0))
    })
}

/// IEC 61966-2-1, from codes to light.
fn to_linear(v: f64) -> f64 {
    if v <= 0.040_45 { v / 12.92 } else { libm::pow((v + 0.055) / 1.055, 2.4) }
}

/// IEC 61966-2-1, from light to codes.
fn to_encoded(v: f64) -> f64 {
    if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * libm::pow(v, 1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Subsampling, Ycbcr};

    #[test]
    fn a_profile_belongs_to_its_kind_of_picture() {
        let mut profile = vec![0; 132];
        profile[36..40].copy_from_slice(b"acsp");
        profile[16..20].copy_from_slice(b"RGB ");
        assert_eq!(space(&profile), Some(Space::Rgb));
        assert!(fits(&profile, Model::Ycbcr(Ycbcr::jpeg(Subsampling::S420))));
        assert!(!fits(&profile, Model::GrayAlpha));
        assert_eq!(space(&profile[..127]), None);
        assert!(CmykToSrgb::new(&profile).is_err());
        profile[16..20].copy_from_slice(b"CMYK");
        assert!(CmykToSrgb::new(&profile).is_err(), "a header is no profile");
    }

    #[test]
    fn lab_axes_end_in_known_colours() {
        let near = |lab, want: [f64; 3]| {
            let got = lab_to_srgb(lab);
            for (g, w) in got.iter().zip(want) {
                assert!((g - w).abs() < 0.004, "{lab:?} gave {got:?}, not {want:?}");
            }
        };
        near([0.0, 0.0, 0.0], [0.0; 3]);
        near([100.0, 0.0, 0.0], [1.0; 3]);
        near([53.585, 0.0, 0.0], [0.5022; 3]);
        // sRGB red in D50 Lab, after ICC's sRGB profile.
        near([54.29, 80.81, 69.89], [1.0, 0.0, 0.0]);
    }

    #[test]
    fn compensation_keeps_white_and_moves_black() {
        let table = compensated(to_linear(0.1));
        let black = (0.1f64 * 65_535.0) as usize;
        assert_eq!((table[black - 100], table[black], table[65_535]), (0, 0, 255));
        assert!(table.windows(2).all(|w| w[0] <= w[1]));
        assert!(table[black + 700] > 0);
        let none = compensated(0.0);
        assert_eq!((none[0], none[128 * 257], none[65_535]), (0, 128, 255));
    }
}
