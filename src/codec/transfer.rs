//! The sRGB curve between formats that hold light and formats that hold codes.

use super::Format;

impl Format {
    /// True if its floats are proportional to light (OpenEXR, Radiance), false if they are codes
    /// for a display, as in all other formats.
    pub fn is_linear(self) -> bool {
        matches!(self, Self::OpenExr | Self::Hdr)
    }
}

/// What must be done to each colour component (never to alpha) of a picture read from `source`,
/// after all filters, so that it looks the same in `target`. `None` if nothing.
///
/// The functions are odd, so that they are defined on all reals, and 0 and 1 stay.
pub fn curve_between(source: Format, target: Format) -> Option<fn(f64) -> f64> {
    match (source.is_linear(), target.is_linear()) {
        (true, false) => Some(encode),
        (false, true) => Some(decode),
        _ => None,
    }
}

/// Light to code (IEC 61966-2-1).
fn encode(light: f64) -> f64 {
    let v = light.abs();
    let code = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * libm::pow(v, 1.0 / 2.4) - 0.055 };
    code.copysign(light)
}

/// Code to light (IEC 61966-2-1).
fn decode(code: f64) -> f64 {
    let v = code.abs();
    let light = if v <= 0.040_45 { v / 12.92 } else { libm::pow((v + 0.055) / 1.055, 2.4) };
    light.copysign(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_and_codes_are_inverse_and_odd() {
        let to_codes = curve_between(Format::OpenExr, Format::Png).unwrap();
        let to_light = curve_between(Format::Png, Format::Hdr).unwrap();
        assert!((to_codes(0.214_041) - 0.5).abs() < 1e-5);
        for v in [-0.7, 0.0, 0.001, 0.02, 0.18, 1.0, 4.0] {
            assert!((to_light(to_codes(v)) - v).abs() < 1e-6, "{v}");
        }
        assert!(curve_between(Format::OpenExr, Format::Hdr).is_none());
        assert!(curve_between(Format::Jpeg, Format::Png).is_none());
    }
}
