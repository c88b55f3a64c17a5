//! Resampling along both axes.

use std::sync::Arc;

use super::dispatch::{Isa, per_isa};
use super::ring::{Ring, weighted_sum};
use super::weights::AxisWeights;
use super::{BoxRows, Rows};
use crate::filter::Kernel;
use crate::frame::PlaneShape;

/// A picture resampled by weights, first along rows, then along columns.
pub struct ResampleRows<'a> {
    up: BoxRows<'a>,
    planes: Vec<PlaneResample>,
    isa: Isa,
}

struct PlaneResample {
    from: PlaneShape,
    to: PlaneShape,
    x: Along,
    y: Arc<AxisWeights>,
    ring: Ring<Vec<f32>>,
    source: Vec<f32>,
}

/// What happens along rows.
enum Along {
    /// Nothing.
    Same,
    /// Sums of `lanes` taps side by side; weights are padded with zeros to whole lanes.
    Lanes { firsts: Vec<u32>, weights: Vec<f32>, taps: usize },
}

/// Taps of one component that are summed side by side.
const LANES: usize = 8;

impl<'a> ResampleRows<'a> {
    /// `x` and `y` are the weights along rows and along columns of each plane; their lengths
    /// are those of `to`.
    pub fn new(
        up: BoxRows<'a>,
        from: &[PlaneShape],
        to: &[PlaneShape],
        x: &[Arc<AxisWeights>],
        y: &[Arc<AxisWeights>],
    ) -> Self {
        let planes = from.iter().zip(to).zip(x.iter().zip(y)).map(|((from, to), (x, y))| {
            assert_eq!((x.len(), y.len()), (to.width, to.height), "weights for every sample");
            assert!(y.firsts().is_sorted(), "rows are asked for in order");
            PlaneResample {
                from: *from,
                to: *to,
                x: Along::new(x, *from),
                y: if y.is_identity(from.height) {
                    AxisWeights::resize(from.height, to.height, Kernel::Nearest).shared()
                } else {
                    y.clone()
                },
                ring: Ring::new(),
                source: Vec::new(),
            }
        });
        Self { up, planes: planes.collect(), isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }
}

impl Along {
    fn new(x: &AxisWeights, from: PlaneShape) -> Self {
        if x.is_identity(from.width) {
            return Self::Same;
        }
        let taps = if from.components == 1 { x.taps().next_multiple_of(LANES) } else { x.taps() };
        let mut weights = vec![0.0; taps * x.len()];
        for (row, w) in weights.chunks_exact_mut(taps).zip(x.weights().chunks_exact(x.taps())) {
            row[..w.len()].copy_from_slice(w);
        }
        Self::Lanes { firsts: x.firsts().to_vec(), weights, taps }
    }
}

impl PlaneResample {
    /// The first input row of output row `y`, and the weights from there on.
    fn rows(&self, y: usize) -> (usize, &[f32]) {
        let (first, weights) = self.y.at(y);
        // Zeros at the end are padding; rows that count nothing are not asked for.
        let used = weights.iter().rposition(|&w| w != 0.0).map_or(1, |k| k + 1);
        (first, &weights[..used])
    }
}

impl Rows for ResampleRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        let first: Vec<usize> = first
            .iter()
            .zip(&self.planes)
            .map(|(&y, p)| p.rows(y.min(p.to.height - 1)).0)
            .collect();
        self.up.begin(&first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let Self { up, planes, isa } = self;
        let p = &mut planes[plane];
        let (isa, from) = (*isa, p.from);
        let count = p.rows(y).1.len();
        let first = p.rows(y).0;
        let PlaneResample { x, ring, source, to, .. } = p;
        ring.need(first, first + count - 1, |y, row| {
            row.resize(to.width * from.components, 0.0);
            let Along::Lanes { firsts, weights, taps } = x else {
                return up.row(plane, y, row);
            };
            // Whole lanes may reach past the end.
            source.resize(from.row() + LANES.max(*taps * from.components), 0.0);
            up.row(plane, y, &mut source[..from.row()]);
            let at = (firsts.as_slice(), weights.as_slice(), *taps);
            match from.components {
                1 => one(isa, source, at.0, at.1, at.2, row),
                2 => several(isa, source, at.0, at.1, at.2, row.as_chunks_mut::<2>().0),
                3 => several(isa, source, at.0, at.1, at.2, row.as_chunks_mut::<3>().0),
                _ => several(isa, source, at.0, at.1, at.2, row.as_chunks_mut::<4>().0),
            }
        });
        let (_, weights) = p.rows(y);
        if let [only] = weights
            && *only == 1.0
        {
            return out.copy_from_slice(p.ring.row(first));
        }
        let rows: Vec<&[f32]> = (first..first + count).map(|y| p.ring.row(y).as_slice()).collect();
        let groups: Vec<(f32, usize)> = weights.iter().map(|weight| (*weight, 1)).collect();
        weighted_sum(isa, &rows, &groups, 0.0, out);
    }
}

per_isa! {
    /// One component: eight taps side by side, then their sum in pairs.
    fn one(source: &[f32], firsts: &[u32], weights: &[f32], taps: usize, out: &mut [f32]) {
        for ((o, &first), weights) in out.iter_mut().zip(firsts).zip(weights.chunks_exact(taps)) {
            let from = &source[first as usize..first as usize + taps];
            let mut sum = [0.0f32; LANES];
            for (v, w) in from.chunks_exact(LANES).zip(weights.chunks_exact(LANES)) {
                for ((s, v), w) in sum.iter_mut().zip(v).zip(w) {
                    *s += v * w;
                }
            }
            let [a, b, c, d, e, f, g, h] = sum;
            *o = ((a + e) + (c + g)) + ((b + f) + (d + h));
        }
    }

    /// A few taps, in the order of `many`: with a count that is known there is no loop, and all
    /// four lanes are stored, since the next pixel covers those that are too many.
    fn few[const N: usize, const TAPS: usize](
        source: &[f32], firsts: &[u32], weights: &[[f32; TAPS]], out: &mut [[f32; N]],
    ) {
        let Some(last) = out.len().checked_sub(1) else { return };
        let flat = out.as_flattened_mut();
        for (i, (&first, weights)) in firsts[..last].iter().zip(weights).enumerate() {
            flat[i * N..][..4].copy_from_slice(&four(&source[first as usize * N..], N, weights));
        }
        let sum = four(&source[firsts[last] as usize * N..], N, &weights[last]);
        out[last].copy_from_slice(&sum[..N]);
    }

    /// Any number of taps: four lanes from the pixel's first on, in two sums that take turns;
    /// lanes over `N` hold part of the next pixel and are dropped.
    fn many[const N: usize](
        source: &[f32], firsts: &[u32], weights: &[f32], taps: usize, out: &mut [[f32; N]],
    ) {
        for ((o, &first), weights) in out.iter_mut().zip(firsts).zip(weights.chunks_exact(taps)) {
            let from = &source[first as usize * N..][..(taps - 1) * N + 4];
            let mut sums = [[0.0f32; 4]; 2];
            for (k, &w) in weights.iter().enumerate() {
                let v = &from[k * N..k * N + 4];
                for (s, v) in sums[k % 2].iter_mut().zip(v) {
                    *s += v * w;
                }
            }
            for ((o, a), b) in o.iter_mut().zip(sums[0]).zip(sums[1]) {
                *o = a + b;
            }
        }
    }
}

/// Four lanes of pixels of `n` components that begin with `from`.
#[inline(always)]
fn four<const TAPS: usize>(from: &[f32], n: usize, weights: &[f32; TAPS]) -> [f32; 4] {
    let from = &from[..(TAPS - 1) * n + 4];
    let mut sums = [[0.0f32; 4]; 2];
    for (k, &w) in weights.iter().enumerate() {
        for lane in 0..4 {
            sums[k % 2][lane] += from[k * n + lane] * w;
        }
    }
    let [a, b] = sums;
    [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
}

/// Several components side by side.
fn several<const N: usize>(
    isa: Isa,
    source: &[f32],
    firsts: &[u32],
    weights: &[f32],
    taps: usize,
    out: &mut [[f32; N]],
) {
    match taps {
        2 => few(isa, source, firsts, weights.as_chunks::<2>().0, out),
        3 => few(isa, source, firsts, weights.as_chunks::<3>().0, out),
        4 => few(isa, source, firsts, weights.as_chunks::<4>().0, out),
        5 => few(isa, source, firsts, weights.as_chunks::<5>().0, out),
        6 => few(isa, source, firsts, weights.as_chunks::<6>().0, out),
        7 => few(isa, source, firsts, weights.as_chunks::<7>().0, out),
        8 => few(isa, source, firsts, weights.as_chunks::<8>().0, out),
        _ => many(isa, source, firsts, weights, taps, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Siting;
    use crate::kernel::grid::Grid;
    use crate::kernel::testing::{Picture, check, close, formula, planar, shape};
    use crate::kernel::weights::{AxisMap, radius, value};

    /// The value at an input position by the kernel's formula, every sample of the axis summed.
    fn along(len: usize, at: f64, scale: f64, kernel: Kernel, v: impl Fn(isize) -> f64) -> f64 {
        let stretch = scale.abs().max(1.0);
        let (mut sum, mut total) = (0.0, 0.0);
        for k in -(len as isize) - 40..2 * len as isize + 40 {
            let d = k as f64 - at;
            let w = match kernel {
                Kernel::Nearest => f64::from(u8::from(k == (at + 0.5).floor() as isize)),
                Kernel::Area => {
                    let half = scale.abs() / 2.0;
                    ((d + 0.5).min(half) - (d - 0.5).max(-half)).max(0.0)
                }
                _ if d.abs() > radius(kernel) * stretch => 0.0,
                _ => value(kernel, d / stretch),
            };
            sum += w * v(k);
            total += w;
        }
        sum / total
    }

    #[test]
    fn a_resampling_is_its_kernel() {
        for (i, kernel) in [
            Kernel::Nearest,
            Kernel::Bilinear,
            Kernel::Bicubic,
            Kernel::Mitchell,
            Kernel::Lanczos3,
            Kernel::Area,
        ]
        .into_iter()
        .enumerate()
        {
            for (from, to) in [((23, 9), (11, 31)), ((7, 20), (65, 3)), ((1, 1), (4, 5))] {
                let components = i % 4 + 1;
                let (from, to) = (shape(from.0, from.1, components), shape(to.0, to.1, components));
                let p = Picture::noise(&[from]);
                let x = AxisWeights::resize(from.width, to.width, kernel).shared();
                let y = AxisWeights::resize(from.height, to.height, kernel).shared();
                let got = check(&[to], &|isa| {
                    let (x, y) = (std::slice::from_ref(&x), std::slice::from_ref(&y));
                    Box::new(ResampleRows::new(p.rows(), &[from], &[to], x, y).on(isa))
                });
                let (mx, my) = (
                    AxisMap::resize(from.width, to.width),
                    AxisMap::resize(from.height, to.height),
                );
                let want = formula(to, |i, j, c| {
                    let (sx, sy) = (mx.scale, my.scale);
                    let (ax, ay) = (sx * i as f64 + mx.offset, sy * j as f64 + my.offset);
                    along(from.height, ay, sy, kernel, |y| {
                        along(from.width, ax, sx, kernel, |x| p.at(0, x, y, c))
                    })
                });
                close(&got[0], &want, 2e-6);
            }
        }
    }

    #[test]
    fn chroma_planes_have_weights_of_their_own() {
        let (from, to) = (planar(30, 21, 1, 1), planar(17, 40, 1, 1));
        let p = Picture::noise(&from);
        let weights = |a: [usize; 2], b: [usize; 2], grid: Grid| {
            let luma = AxisMap::resize(a[0], b[0]);
            let chroma =
                AxisWeights::chroma((a[1], grid), (b[1], grid), luma, Kernel::Lanczos3).shared();
            [AxisWeights::resize(a[0], b[0], Kernel::Lanczos3).shared(), chroma.clone(), chroma]
        };
        let x = weights([30, 15], [17, 9], Grid::x(Siting::Left, 1));
        let y = weights([21, 11], [40, 20], Grid::y(Siting::Left, 1));
        let got =
            check(&to, &|isa| Box::new(ResampleRows::new(p.rows(), &from, &to, &x, &y).on(isa)));
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [17 * 40, 9 * 20, 9 * 20]);
    }

    #[test]
    fn no_change_is_exact() {
        let s = shape(13, 12, 3);
        let p = Picture::noise(&[s]);
        let same = |n| [AxisWeights::resize(n, n, Kernel::Lanczos3).shared()];
        let got = check(&[s], &|isa| {
            Box::new(ResampleRows::new(p.rows(), &[s], &[s], &same(13), &same(12)).on(isa))
        });
        assert_eq!(got, p.planes);
    }
}
