//! Averages along a row.

use super::sums::{accumulate, add_ends, comb, integrate_along, window_sums};
use crate::kernel::Numbers;
use crate::kernel::dispatch::Isa;
use crate::kernel::fixed::{UNIT, fix};
use crate::kernel::ring::{shifted, symmetric_along, symmetric_sum};
use crate::kernel::spline::Spline;
use crate::kernel::taps::{BoxWindow, Running, Taps};

/// Whole pixels on each side from which on a box is a running sum. On 12 megapixels of RGB and
/// AVX-512 weights took about 3 ms per pixel of radius, the sums 78 ms.
const LEAST_BOX: usize = 26;

/// How a row is averaged, with room for what comes between.
pub(super) enum Along {
    Weights(Vec<f32>),
    Box { window: BoxWindow, fixed: Vec<i32>, prefix: Vec<i64> },
    Spline { spline: Spline, fixed: Vec<i32>, sums: Vec<i64>, splines: Vec<f32> },
}

impl Along {
    pub fn new(taps: &Taps, numbers: Numbers) -> Self {
        match taps.running(numbers) {
            Some(Running::Box(window)) if window.inner >= LEAST_BOX => {
                Self::Box { window: *window, fixed: Vec::new(), prefix: Vec::new() }
            }
            Some(Running::Spline(spline)) => Self::Spline {
                spline: spline.clone(),
                fixed: Vec::new(),
                sums: Vec::new(),
                splines: Vec::new(),
            },
            _ => Self::Weights(taps.half().to_vec()),
        }
    }

    /// Pixels that it needs on each side.
    pub fn reach(&self) -> usize {
        match self {
            Self::Weights(half) => half.len() - 1,
            Self::Box { window, .. } => window.reach(),
            Self::Spline { spline, .. } => spline.reach(),
        }
    }

    /// Bytes of room for a row of `width` pixels of `n` components.
    pub fn held(&self, width: usize, n: usize) -> u64 {
        let values = |pixels: usize| (pixels * n) as u64;
        let padded = values(width + 2 * self.reach());
        match self {
            Self::Weights(_) => 4 * padded,
            Self::Box { .. } => (4 + 4 + 8) * padded + 8 * values(1),
            Self::Spline { spline, .. } => {
                let sums = padded + values(4 * spline.step);
                (4 + 4) * padded + 8 * sums + 4 * values(width + 2 * spline.span())
            }
        }
    }

    /// Bytes that are taken now, the padded row not among them.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        match self {
            Self::Weights(_) => 0,
            Self::Box { fixed, prefix, .. } => 4 * fixed.capacity() + 8 * prefix.capacity(),
            Self::Spline { fixed, sums, splines, .. } => {
                4 * (fixed.capacity() + splines.capacity()) + 8 * sums.capacity()
            }
        }
    }

    /// Averages a row of pixels of `n` components that is padded by the reach on both sides.
    pub fn row(&mut self, isa: Isa, padded: &[f32], n: usize, out: &mut [f32]) {
        let reach = self.reach();
        match self {
            Self::Weights(half) => symmetric_along(isa, padded, n, half, out),
            Self::Box { window, fixed, prefix } => {
                fix(isa, padded, fixed);
                accumulate(fixed, n, prefix);
                let skip = (reach - window.inner) * n;
                let sums = &prefix[skip..prefix.len() - skip];
                let width = (2 * window.inner + 1) * n;
                window_sums(isa, sums, width, window.whole / UNIT as f32, out);
                if window.end > 0.0 {
                    let far = &fixed[2 * reach * n..];
                    add_ends(isa, fixed, far, window.end / UNIT as f32, out);
                }
            }
            Self::Spline { spline, fixed, sums, splines } => {
                fix(isa, padded, fixed);
                let box_width = spline.step * n;
                // What lies before the row counts as 0: no box that is asked for reaches it.
                sums.resize(4 * box_width + fixed.len(), 0);
                integrate_along(fixed, n, &mut sums[4 * box_width..]);
                splines.resize(out.len() + 2 * spline.span() * n, 0.0);
                let last = (8 * spline.step - 4) * n;
                comb(isa, [0, 1, 2, 3, 4].map(|k| &sums[last - k * box_width..]), splines);
                let count = 2 * spline.half.len() - 1;
                let rows: Vec<&[f32]> = shifted(splines, count, box_width, out.len()).collect();
                symmetric_sum(isa, &rows, &spline.half, out);
            }
        }
    }
}
