//! Transfer functions that several filters share, on all reals.

/// `|v|^exponent` with the sign of `v`: a power extended as an odd function.
pub fn odd_power(v: f64, exponent: f64) -> f64 {
    libm::copysign(libm::pow(v.abs(), exponent), v)
}

/// sRGB code to light, IEC 61966-2-1, extended as an odd function.
pub fn srgb_to_linear(v: f64) -> f64 {
    let x = v.abs();
    let light = if x <= 0.04045 { x / 12.92 } else { libm::pow((x + 0.055) / 1.055, 2.4) };
    libm::copysign(light, v)
}

/// Light to sRGB code, the inverse of [`srgb_to_linear`].
pub fn linear_to_srgb(v: f64) -> f64 {
    let x = v.abs();
    let code =
        if x <= 0.04045 / 12.92 { x * 12.92 } else { 1.055 * libm::pow(x, 1.0 / 2.4) - 0.055 };
    libm::copysign(code, v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srgb_goes_both_ways() {
        assert!((srgb_to_linear(0.5) - 0.214_041_14).abs() < 1e-8);
        for i in -20..=40 {
            let v = f64::from(i) / 20.0;
            assert!((linear_to_srgb(srgb_to_linear(v)) - v).abs() < 1e-12, "{v}");
        }
        assert_eq!(odd_power(-4.0, 0.5), -2.0);
    }
}
