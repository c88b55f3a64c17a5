//! Averages of 8-bit codes in words of 16 bits: half the bytes of floats, so half the time.
//!
//! A sum is kept in 256ths of a code. Each of its products loses less than one of them, on average a
//! half, which is given back, except to black, so that black stays what it is. Rows between the two
//! axes are kept in 128ths, so that two of them can be added.

#[cfg(target_arch = "x86_64")]
use super::upper::{Avx2, Avx512};
use super::upper::{Lanes, Portable, Upper};
use crate::kernel::Isa;
use crate::kernel::dispatch::{Level, per_isa};
use crate::kernel::taps::Taps;

/// The most weights on one side. With more of them, what products lose adds up to a tenth of a code.
const MOST: usize = 16;

/// 1 as a weight.
const ONE: f64 = (1u32 << 17) as f64;

/// Columns that are summed side by side, to hide the latency of a product.
const WIDE: usize = 4 * size_of::<Lanes>() / size_of::<u16>();

/// The weights of taps from the middle outwards, in 2^-17, adding up to 1, if they are few enough
/// and none of them is a half or more.
pub(super) fn weights(taps: &Taps) -> Option<Vec<u16>> {
    let half = taps.half();
    if !(2..=MOST).contains(&half.len()) {
        return None;
    }
    let scaled = half[1..].iter().map(|w| (f64::from(*w) * ONE).round() as u32);
    let outer: Vec<u32> = scaled.collect();
    let middle = (ONE as u32).checked_sub(2 * outer.iter().sum::<u32>())?;
    let all = std::iter::once(middle).chain(outer);
    all.map(|w| u16::try_from(w).ok()).collect()
}

/// Codes of a row of pixels of `n` components in 128ths, with `reach` pixels repeated at both ends.
pub(super) fn pad(isa: Isa, codes: &[u8], n: usize, reach: usize, out: &mut Vec<u16>) {
    let pad = reach * n;
    if out.len() != codes.len() + 2 * pad {
        *out = vec![0; codes.len() + 2 * pad];
    }
    let (before, rest) = out.split_at_mut(pad);
    let (inside, after) = rest.split_at_mut(codes.len());
    widen(isa, codes, inside);
    before.chunks_exact_mut(n).for_each(|pixel| pixel.copy_from_slice(&inside[..n]));
    let last = &inside[inside.len() - n..];
    after.chunks_exact_mut(n).for_each(|pixel| pixel.copy_from_slice(last));
}

/// Averages a padded row of pixels of `n` components along itself, in 128ths.
pub(super) fn along(isa: Isa, padded: &[u16], n: usize, weights: &[u16], out: &mut [u16]) {
    let rows: Vec<&[u16]> =
        (0..2 * weights.len() - 1).map(|k| &padded[k * n..k * n + out.len()]).collect();
    averages(isa, &rows, weights, &mut [&mut *out]);
    halve(isa, out);
}

/// Averages of the rows around each of `outs`, in 256ths; `rows` are in 128ths, and
/// `2 * (weights.len() - 1)` more than `outs`.
pub(super) fn averages(isa: Isa, rows: &[&[u16]], weights: &[u16], outs: &mut [&mut [u16]]) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn avx2(rows: &[&[u16]], weights: &[u16], outs: &mut [&mut [u16]]) {
        blocks::<Avx2>(rows, weights, outs);
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn avx512(rows: &[&[u16]], weights: &[u16], outs: &mut [&mut [u16]]) {
        blocks::<Avx512>(rows, weights, outs);
    }
    match isa.0 {
        Level::Portable => blocks::<Portable>(rows, weights, outs),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` of this level is only made where the machine has AVX2.
        Level::Avx2 => unsafe { avx2(rows, weights, outs) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` of this level is only made where the machine has all four.
        Level::Avx512 => unsafe { avx512(rows, weights, outs) },
    }
}

/// [`averages`], block of columns after block of columns. The last one ends with the row, over
/// columns of the one before it.
#[inline(always)]
fn blocks<U: Upper>(rows: &[&[u16]], weights: &[u16], outs: &mut [&mut [u16]]) {
    let (count, len) = (2 * weights.len() - 1, outs[0].len());
    for block in 0..len.div_ceil(WIDE) {
        let end = len.min((block + 1) * WIDE);
        let start = end.saturating_sub(WIDE);
        for (k, out) in outs.iter_mut().enumerate() {
            let (rows, out) = (&rows[k..k + count], &mut out[start..end]);
            match out.as_chunks_mut().0.first_chunk_mut::<4>() {
                Some(out) => *out = columns::<U>(rows, weights, start),
                None => out.iter_mut().enumerate().for_each(|(at, out)| {
                    *out = column(rows, weights, start + at);
                }),
            }
        }
    }
}

per_isa! {
    fn widen(codes: &[u8], out: &mut [u16]) {
        for (o, &code) in out.iter_mut().zip(codes) {
            *o = u16::from(code) << 7;
        }
    }

    fn halve(row: &mut [u16]) {
        for v in row {
            *v = ((u32::from(*v) + 1) >> 1) as u16;
        }
    }

    /// 256ths of codes to unit codes.
    pub(super) fn unit(row: &[u16], out: &mut [f32]) {
        for (o, &v) in out.iter_mut().zip(row) {
            *o = f32::from(v) * (1.0 / (255.0 * 256.0));
        }
    }
}

/// [`WIDE`] columns of the average of rows, from column `at` on.
#[inline(always)]
fn columns<U: Upper>(rows: &[&[u16]], weights: &[u16], at: usize) -> [Lanes; 4] {
    let (before, rest) = rows.split_at(weights.len() - 1);
    let (middle, after) = (&rest[0][at..at + WIDE], &rest[1..]);
    let mut sums = [[0; 32]; 4];
    let weight = [weights[0]; 32];
    for (k, sum) in sums.iter_mut().enumerate() {
        *sum = U::products(lanes(middle, k), weight);
    }
    for ((a, b), &weight) in before.iter().rev().zip(after).zip(&weights[1..]) {
        let (a, b, weight) = (&a[at..at + WIDE], &b[at..at + WIDE], [weight; 32]);
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum = add(*sum, U::products(add(lanes(a, k), lanes(b, k)), weight));
        }
    }
    let lost = lost(weights);
    for sum in &mut sums {
        for v in sum {
            *v = v.wrapping_add((*v).min(lost));
        }
    }
    sums
}

#[inline(always)]
fn lanes(row: &[u16], index: usize) -> Lanes {
    let mut lanes = [0; 32];
    lanes.copy_from_slice(&row[32 * index..32 * (index + 1)]);
    lanes
}

/// One column of it.
fn column(rows: &[&[u16]], weights: &[u16], at: usize) -> u16 {
    let reach = weights.len() - 1;
    let times = |v: u16, weight: u16| ((u32::from(v) * u32::from(weight)) >> 16) as u16;
    let pairs = (1..=reach).map(|k| times(rows[reach - k][at] + rows[reach + k][at], weights[k]));
    let sum = times(rows[reach][at], weights[0]) + pairs.sum::<u16>();
    sum + sum.min(lost(weights))
}

/// What the products of a sum lose on average.
fn lost(weights: &[u16]) -> u16 {
    (weights.len() / 2) as u16
}

#[inline(always)]
fn add(a: Lanes, b: Lanes) -> Lanes {
    let mut out = [0; 32];
    for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
        *o = a.wrapping_add(b);
    }
    out
}
