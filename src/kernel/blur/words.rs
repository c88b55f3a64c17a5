//! Averages of 8-bit codes in words of 16 bits, which are half as many bytes as floats.
//!
//! An average is the middle and what the others differ from it by: where a picture is flat, it stays
//! what it is, whatever is lost of products. Rows are kept in 64ths of a code, so that the difference
//! of a pair fits a word, and products are rounded to 128ths.

#[cfg(target_arch = "x86_64")]
use super::product::{Avx2, Avx512};
use super::product::{Lanes, Portable, Product, rounded};
use crate::kernel::Isa;
use crate::kernel::dispatch::{Level, per_isa};
use crate::kernel::ring::{blocks_of, replicate, shifted};
use crate::kernel::taps::Taps;

/// The most weights on one side, the middle among them. 15 products are 0.06 codes off at most.
const MOST: usize = 16;

/// 1 as a weight.
const ONE: f32 = 65_536.0;

/// Columns that are summed side by side, to hide the latency of a product.
const WIDE: usize = 4 * size_of::<Lanes>() / size_of::<i16>();

/// The weights of taps on one side of the middle, in 2^-16, if they are few enough. Weights that
/// floats hold exactly are not for words: sums of such products often lie halfway between two codes.
pub(super) fn weights(taps: &Taps) -> Option<Vec<i16>> {
    let half = taps.half();
    let exact = half.iter().all(|w| (w * ONE).fract() == 0.0);
    if !(2..=MOST).contains(&half.len()) || exact {
        return None;
    }
    // A pair of them is less than 1.
    Some(half[1..].iter().map(|w| (w * ONE).round() as i16).collect())
}

/// Codes of a row of pixels of `n` components in 64ths, with `reach` pixels repeated at both ends.
pub(super) fn pad(isa: Isa, codes: &[u8], n: usize, reach: usize, out: &mut Vec<i16>) {
    let pad = reach * n;
    out.resize(codes.len() + 2 * pad, 0);
    widen(isa, codes, &mut out[pad..pad + codes.len()]);
    replicate(out, n, pad);
}

/// Averages a padded row of pixels of `n` components along itself.
pub(super) fn along(isa: Isa, padded: &[i16], n: usize, weights: &[i16], out: &mut [i16]) {
    let rows: Vec<&[i16]> = shifted(padded, 2 * weights.len() + 1, n, out.len()).collect();
    averages(isa, &rows, weights, &mut [&mut *out]);
    halve(isa, out);
}

/// Averages of the rows around each of `outs`, in 128ths; `rows` are in 64ths, and
/// `2 * weights.len()` more than `outs`.
pub(super) fn averages(isa: Isa, rows: &[&[i16]], weights: &[i16], outs: &mut [&mut [i16]]) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(rows: &[&[i16]], weights: &[i16], outs: &mut [&mut [i16]]) {
        // SAFETY: this runs where the machine has AVX2.
        all(unsafe { Avx2::new() }, rows, weights, outs);
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn avx512(rows: &[&[i16]], weights: &[i16], outs: &mut [&mut [i16]]) {
        // SAFETY: this runs where the machine has all four.
        all(unsafe { Avx512::new() }, rows, weights, outs);
    }
    match isa.0 {
        Level::Portable => all(Portable, rows, weights, outs),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` of this level is only made where the machine has AVX2.
        Level::Avx2 => unsafe { avx2(rows, weights, outs) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` of this level is only made where the machine has all four.
        Level::Avx512 => unsafe { avx512(rows, weights, outs) },
    }
}

/// [`averages`], block of columns after block of columns.
#[inline(always)]
fn all<P: Product>(product: P, rows: &[&[i16]], weights: &[i16], outs: &mut [&mut [i16]]) {
    for block in blocks_of::<WIDE>(outs[0].len()) {
        for (out, rows) in outs.iter_mut().zip(rows.windows(2 * weights.len() + 1)) {
            let out = &mut out[block.clone()];
            match out.as_chunks_mut().0.first_chunk_mut() {
                Some(out) => *out = columns(product, rows, weights, block.start),
                None => {
                    out.iter_mut()
                        .zip(block.start..)
                        .for_each(|(out, at)| *out = column(rows, weights, at));
                }
            }
        }
    }
}

/// [`WIDE`] columns of the average of rows, from column `at` on.
#[inline(always)]
fn columns<P: Product>(product: P, rows: &[&[i16]], weights: &[i16], at: usize) -> [Lanes; 4] {
    let (before, rest) = rows.split_at(weights.len());
    let (middle, after) = (&rest[0][at..at + WIDE], &rest[1..]);
    let mut sums: [Lanes; 4] = std::array::from_fn(|k| {
        let middle = lanes(middle, k);
        each(middle, middle, i16::wrapping_add)
    });
    let twice = sums;
    for ((a, b), &weight) in before.iter().rev().zip(after).zip(weights) {
        let (a, b) = (&a[at..at + WIDE], &b[at..at + WIDE]);
        for (k, (sum, twice)) in sums.iter_mut().zip(twice).enumerate() {
            let pair = each(lanes(a, k), lanes(b, k), i16::wrapping_add);
            let differs = each(pair, twice, i16::wrapping_sub);
            *sum = each(*sum, product.rounded(differs, [weight; 32]), i16::wrapping_add);
        }
    }
    sums
}

/// One column of it.
fn column(rows: &[&[i16]], weights: &[i16], at: usize) -> i16 {
    let reach = weights.len();
    let twice = 2 * rows[reach][at];
    let pairs = weights.iter().zip(1..).map(|(&weight, k)| {
        let differs = rows[reach - k][at] + rows[reach + k][at] - twice;
        rounded(differs, weight)
    });
    twice + pairs.sum::<i16>()
}

#[inline(always)]
fn lanes(row: &[i16], index: usize) -> Lanes {
    let mut lanes = [0; 32];
    lanes.copy_from_slice(&row[32 * index..32 * (index + 1)]);
    lanes
}

#[inline(always)]
fn each(a: Lanes, b: Lanes, f: impl Fn(i16, i16) -> i16) -> Lanes {
    let mut out = [0; 32];
    for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
        *o = f(a, b);
    }
    out
}

per_isa! {
    fn widen(codes: &[u8], out: &mut [i16]) {
        for (o, &code) in out.iter_mut().zip(codes) {
            *o = i16::from(code) << 6;
        }
    }

    /// 128ths to 64ths. Halves go to even, so that they add up to nothing.
    fn halve(row: &mut [i16]) {
        for v in row {
            *v = (*v + (*v >> 1 & 1)) >> 1;
        }
    }

    /// 128ths of codes to unit codes, in 0..=1 whatever products have lost.
    pub(super) fn reals(row: &[i16], out: &mut [f32]) {
        for (o, &v) in out.iter_mut().zip(row) {
            *o = f32::from(v.clamp(0, 255 * 128)) * (1.0 / (255.0 * 128.0));
        }
    }
}
