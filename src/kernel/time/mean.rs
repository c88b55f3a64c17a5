//! Weighted means of frames.

use super::{Stored, stored};
use crate::frame::Depth;
use crate::kernel::alpha::{premultiply, unpremultiply};
use crate::kernel::dispatch::{Isa, per_isa};
use crate::kernel::load::{store_on, unit};
use crate::kernel::{Codes, RowMut};

/// `sum(weights * v) / divisor` of the rows of several frames, rounded half up once.
///
/// Where weights and divisor are integers, or become so by a factor up to 100, and are small
/// enough, the result is exact: the sum is one of integers, which an `f32` holds, and the
/// quotient is proved to fall on the right side of every half. Else it is a sum of `f32` in the
/// order of the frames.
pub struct MeanOfFrames {
    /// Numerator `sum(weights * v) + start`, with a half more times `scale`, cut to an integer.
    weights: Vec<f32>,
    start: f32,
    scale: f32,
    /// `weights / divisor`, for unit codes.
    fractions: Vec<f32>,
    /// Components of a pixel, where the last is alpha.
    alpha: Option<usize>,
    isa: Isa,
}

impl MeanOfFrames {
    /// For samples of `depth`. `alpha` is the number of components of a pixel, where the last
    /// is alpha: colour is then weighed by it. `divisor` is not 0.
    pub fn new(weights: &[f64], divisor: f64, depth: Depth, alpha: Option<usize>) -> Self {
        let fractions: Vec<f32> = weights.iter().map(|w| (w / divisor) as f32).collect();
        let exact = exact(weights, divisor, depth);
        let (weights, start, scale) = exact.unwrap_or_else(|| (fractions.clone(), 0.0, 1.0));
        Self { weights, start, scale, fractions, alpha, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// One row of one plane: `rows` has that row of each frame, the earliest first.
    pub fn row(&self, rows: &[Codes<'_>], out: RowMut<'_>) {
        let (isa, weights) = (self.isa, self.weights.as_slice());
        if let Some(components) = self.alpha {
            return self.weighed(rows, components, out);
        }
        match out {
            RowMut::U8(out) => {
                bytes(isa, &stored(rows), weights, self.start, self.scale, out);
            }
            RowMut::U16 { row, max } => {
                words(isa, &stored(rows), weights, self.start, self.scale, max, row);
            }
            RowMut::F32(out) => floats(isa, &stored(rows), &self.fractions, out),
        }
    }

    /// The same of colours that are weighed by their alpha.
    fn weighed(&self, rows: &[Codes<'_>], components: usize, out: RowMut<'_>) {
        let (len, max) = (out.len(), out.max());
        let (mut sum, mut values) = (vec![0.0; len], vec![0.0; len]);
        for (codes, weight) in rows.iter().zip(&self.fractions) {
            unit(self.isa, *codes, max, &mut values);
            premultiply(&mut values, components);
            add(self.isa, &values, *weight, &mut sum);
        }
        unpremultiply(&mut sum, components);
        store_on(self.isa, &sum, out);
    }
}

/// Weights, start and scale of the exact way, if it is open.
///
/// With integers k and S the result is floor(N / D), N = sum(2 k v) + S, D = 2 S. No quotient
/// (N + 1/2) / D is nearer to an integer than 1 / (2 D) = 1 / (4 S), and N + 1/2 below 2^23 is
/// an `f32`. Two roundings, of 1 / D and of the product, move a quotient of at most max + 1 by
/// less than (max + 1) / 2^23 (and a millionth of that). So S (max + 1) below 2^21 is enough.
fn exact(weights: &[f64], divisor: f64, depth: Depth) -> Option<(Vec<f32>, f32, f32)> {
    let whole = |factor: f64| {
        divisor > 0.0
            && (divisor * factor).fract() == 0.0
            && weights.iter().all(|w| (w * factor).fract() == 0.0)
    };
    let factor = (1..=100).map(f64::from).find(|factor| whole(*factor))?;
    let (divisor, max) = (divisor * factor, depth.max());
    let doubled: Vec<f64> = weights.iter().map(|w| 2.0 * w * factor).collect();
    let largest = doubled.iter().map(|w| w.abs()).sum::<f64>() * max + divisor;
    let open = depth != Depth::F32
        && largest < f64::from(1 << 23)
        && divisor * (max + 1.0) < f64::from(1 << 21);
    let scale = (0.5 / divisor) as f32;
    open.then(|| (doubled.iter().map(|w| *w as f32).collect(), divisor as f32, scale))
}

/// Samples that are summed side by side.
const SIDE: usize = 128;

#[inline(always)]
fn sums<T: Stored + Into<f32>>(
    rows: &[&[T]],
    weights: &[f32],
    start: f32,
    at: usize,
    len: usize,
) -> [f32; SIDE] {
    let mut sums = [start; SIDE];
    for (row, weight) in rows.iter().zip(weights) {
        for (sum, v) in sums.iter_mut().zip(&row[at..at + len]) {
            *sum += weight * (*v).into();
        }
    }
    sums
}

/// `v` cut to an integer in 0..=max; `max` is at most 65,535.
#[inline(always)]
fn cut(v: f32, max: f32) -> i32 {
    let v = if v > 0.0 { v } else { 0.0 };
    let v = if v < max { v } else { max };
    // SAFETY: a number in 0..=65,535; one that is none became 0.
    unsafe { v.to_int_unchecked() }
}

per_isa! {
    fn bytes(rows: &[&[u8]], weights: &[f32], start: f32, scale: f32, out: &mut [u8]) {
        for (i, out) in out.chunks_mut(SIDE).enumerate() {
            let sums = sums(rows, weights, start, i * SIDE, out.len());
            for (o, sum) in out.iter_mut().zip(&sums) {
                *o = cut((sum + 0.5) * scale, 255.0) as u8;
            }
        }
    }

    fn words(
        rows: &[&[u16]],
        weights: &[f32],
        start: f32,
        scale: f32,
        max: f32,
        out: &mut [u16],
    ) {
        for (i, out) in out.chunks_mut(SIDE).enumerate() {
            let sums = sums(rows, weights, start, i * SIDE, out.len());
            for (o, sum) in out.iter_mut().zip(&sums) {
                *o = cut((sum + 0.5) * scale, max) as u16;
            }
        }
    }

    fn floats(rows: &[&[f32]], weights: &[f32], out: &mut [f32]) {
        for (i, out) in out.chunks_mut(SIDE).enumerate() {
            let sums = sums(rows, weights, 0.0, i * SIDE, out.len());
            out.copy_from_slice(&sums[..out.len()]);
        }
    }

    fn add(values: &[f32], weight: f32, sum: &mut [f32]) {
        for (sum, v) in sum.iter_mut().zip(values) {
            *sum += weight * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::testing::{equal_on_all, noise};

    /// The mean of integers, rounded half up, in integers.
    fn rounded(values: &[i64], weights: &[i64], divisor: i64, max: i64) -> i64 {
        let sum: i64 = values.iter().zip(weights).map(|(v, w)| v * w).sum();
        (2 * sum + divisor).div_euclid(2 * divisor).clamp(0, max)
    }

    #[test]
    fn integer_weights_give_the_exact_mean() {
        for (weights, divisor) in [
            (vec![1, 1, 1], 3),
            (vec![1; 127], 127),
            (vec![1, 2, 4, 8], 15),
            (vec![-1, 3], 2),
            (vec![1, 1], 1),
            (vec![3, 5, 8000], 8008),
        ] {
            let reals: Vec<f64> = weights.iter().map(|w| *w as f64).collect();
            for (depth, max) in [(Depth::U8, 255), (Depth::U10, 1023)] {
                let real = divisor as f64;
                if exact(&reals, real, depth).is_none() {
                    assert!(divisor > 2000 && depth == Depth::U10);
                    continue;
                }
                let frames: Vec<Vec<u16>> =
                    (0..weights.len()).map(|i| noise(1000, max as u16, i as u64)).collect();
                let want: Vec<i64> = (0..1000)
                    .map(|x| {
                        let place: Vec<i64> = frames.iter().map(|f| f[x].into()).collect();
                        rounded(&place, &weights, divisor, max)
                    })
                    .collect();
                let got = equal_on_all(&frames, depth, &|isa, rows, out| {
                    MeanOfFrames::new(&reals, real, depth, None).on(isa).row(rows, out);
                });
                let got: Vec<i64> = got.iter().map(|v| *v as i64).collect();
                assert_eq!(got, want, "{weights:?} / {divisor} at {depth:?}");
            }
        }
    }

    #[test]
    fn halves_go_up_for_every_divisor_that_counts_as_exact() {
        // Sums one below a half, on it, and one above, near the top of the range: there the
        // quotient's last bit is worth most.
        for divisor in (1i32..=8191).chain([8192, 20_000]) {
            let open = exact(&[f64::from(divisor), 1.0], f64::from(divisor), Depth::U8);
            assert_eq!(open.is_some(), divisor < 8192, "{divisor}");
            let Some((_, start, scale)) = open else { continue };
            for code in [1, 100, 254, 255] {
                for numerator in
                    [2 * divisor * code - 1, 2 * divisor * code, 2 * divisor * code + 1]
                {
                    let sum = start + (numerator - divisor) as f32;
                    let want = numerator.div_euclid(2 * divisor);
                    assert_eq!(cut((sum + 0.5) * scale, 255.0), want, "{numerator} of {divisor}");
                }
            }
        }
    }

    #[test]
    fn fractions_become_integers_where_they_can() {
        let open = |weights: &[f64], divisor| exact(weights, divisor, Depth::U8).is_some();
        assert!(open(&[0.25, 0.5, 0.25], 1.0));
        assert!(open(&[0.1, 0.9], 1.0));
        assert!(!open(&[0.3333, 0.6667], 1.0));
        assert!(!open(&[1.0, 1.0], -2.0));
        let (weights, start, _) = exact(&[0.25, 0.75], 1.0, Depth::U8).unwrap();
        assert_eq!((weights, start), (vec![2.0, 6.0], 4.0));
    }

    #[test]
    fn other_weights_are_near_the_real_mean() {
        let weights = [0.123, 0.456, 0.789, -0.2];
        for (depth, max) in [(Depth::U8, 255u16), (Depth::U10, 1023), (Depth::U16, 65_535)] {
            let frames: Vec<Vec<u16>> = (0..4).map(|i| noise(500, max, i)).collect();
            let got = equal_on_all(&frames, depth, &|isa, rows, out| {
                MeanOfFrames::new(&weights, 1.1, depth, None).on(isa).row(rows, out);
            });
            for (x, got) in got.iter().enumerate() {
                let sum: f64 = frames.iter().zip(weights).map(|(f, w)| f64::from(f[x]) * w).sum();
                let want = (sum / 1.1).clamp(0.0, max.into());
                let slack = f64::from(max) * (-20f64).exp2();
                assert!((f64::from(*got) - want).abs() <= 0.5 + slack, "{got} is not {want}");
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_adds_no_colour() {
        // Grey and alpha: opaque 200, invisible 7; half visible 100 beside opaque 40.
        let frames = [vec![200, 255, 100, 102], vec![7, 0, 40, 204]];
        let got = equal_on_all(&frames, Depth::U8, &|isa, rows, out| {
            MeanOfFrames::new(&[1.0, 1.0], 2.0, Depth::U8, Some(2)).on(isa).row(rows, out);
        });
        assert_eq!(got, [200.0, 128.0, 60.0, 153.0]);
    }
}
