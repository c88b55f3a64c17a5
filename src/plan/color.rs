//! Codes and reals: the affine maps between unit codes, YCbCr reals and RGB reals.
//!
//! A unit code is an integer code divided by 2^n - 1, so 0 to 1 for every component; it is what
//! the row engine computes with. Reals are what filters are defined on.

use crate::filter::Affine3;
use crate::frame::{Depth, Matrix, Range, Ycbcr};

/// R'G'B' from Y'CbCr reals: R = Y + 2(1-Kr)Cr, B = Y + 2(1-Kb)Cb, and G from
/// Y = Kr R + Kg G + Kb B (ITU-R BT.601, BT.709 and BT.2020 differ in Kr and Kb only).
pub(super) fn rgb_from_ycbcr(matrix: Matrix) -> Affine3 {
    let (kr, kb) = matrix.weights();
    let kg = 1.0 - kr - kb;
    let (cr, cb) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
    Affine3([[1.0, 0.0, cr, 0.0], [1.0, -kb * cb / kg, -kr * cr / kg, 0.0], [1.0, cb, 0.0, 0.0]])
}

/// Y'CbCr reals from R'G'B', the inverse of [`rgb_from_ycbcr`].
pub(super) fn ycbcr_from_rgb(matrix: Matrix) -> Affine3 {
    let (kr, kb) = matrix.weights();
    let kg = 1.0 - kr - kb;
    let (cr, cb) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
    Affine3([
        [kr, kg, kb, 0.0],
        [-kr / cb, -kg / cb, (1.0 - kb) / cb, 0.0],
        [(1.0 - kr) / cr, -kg / cr, -kb / cr, 0.0],
    ])
}

/// Y'CbCr reals from unit codes, by range and depth.
pub(super) fn reals_from_codes(ycbcr: &Ycbcr, depth: Depth) -> Affine3 {
    let max = depth.max();
    let step = f64::from(1u32 << (depth.bits() - 8));
    let (luma, black, chroma) = match ycbcr.range {
        Range::Full => (max, 0.0, max),
        Range::Limited => (219.0 * step, 16.0 * step, 224.0 * step),
    };
    let zero = 128.0 * step;
    Affine3([
        [max / luma, 0.0, 0.0, -black / luma],
        [0.0, max / chroma, 0.0, -zero / chroma],
        [0.0, 0.0, max / chroma, -zero / chroma],
    ])
}

/// Unit codes from Y'CbCr reals, the inverse of [`reals_from_codes`].
pub(super) fn codes_from_reals(ycbcr: &Ycbcr, depth: Depth) -> Affine3 {
    let m = reals_from_codes(ycbcr, depth).0;
    let mut out = Affine3::IDENTITY;
    for (i, (row, from)) in out.0.iter_mut().zip(m).enumerate() {
        row[i] = 1.0 / from[i];
        row[3] = -from[3] / from[i];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Subsampling;

    #[test]
    fn white_black_and_the_primaries_of_bt601() {
        let m = rgb_from_ycbcr(Matrix::Bt601);
        assert_eq!(m.apply([1.0, 0.0, 0.0]), [1.0; 3]);
        let red = ycbcr_from_rgb(Matrix::Bt601).apply([1.0, 0.0, 0.0]);
        assert!((red[0] - 0.299).abs() < 1e-15 && (red[2] - 0.5).abs() < 1e-15, "{red:?}");
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            let both = rgb_from_ycbcr(matrix).then(&ycbcr_from_rgb(matrix));
            for (i, row) in both.0.iter().enumerate() {
                for (j, v) in row.iter().enumerate() {
                    assert!((v - f64::from(u8::from(i == j))).abs() < 1e-14, "{both:?}");
                }
            }
        }
    }

    #[test]
    fn limited_range_codes_are_the_standards() {
        let y = Ycbcr::video(Subsampling::S420, Matrix::Bt709);
        for (depth, black, white) in [(Depth::U8, 16.0, 235.0), (Depth::U10, 64.0, 940.0)] {
            let m = codes_from_reals(&y, depth);
            let code = |y: f64| m.apply([y, 0.0, 0.0]).map(|v| v * depth.max());
            assert!((code(0.0)[0] - black).abs() < 1e-9);
            assert!((code(1.0)[0] - white).abs() < 1e-9);
            assert!((code(0.0)[1] - 128.0 * (depth.max() + 1.0) / 256.0).abs() < 1e-9);
        }
    }

    #[test]
    fn full_range_chroma_is_centred_on_128() {
        let m = reals_from_codes(&Ycbcr::jpeg(Subsampling::S444), Depth::U8);
        let v = m.apply([1.0, 128.0 / 255.0, 0.0]);
        assert!((v[0] - 1.0).abs() < 1e-15 && v[1].abs() < 1e-15);
    }
}
