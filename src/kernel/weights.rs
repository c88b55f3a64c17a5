//! The weights of a resampling along one axis.

use std::sync::Arc;

use super::grid::Grid;
use crate::filter::Kernel;

/// Which position of the input a sample of the output falls on: `scale * out + offset`, sample
/// centres being whole numbers on both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisMap {
    /// Input samples per output sample.
    pub scale: f64,
    /// The input position of output sample 0.
    pub offset: f64,
}

impl AxisMap {
    /// A resize from `from` samples to `to`: the outer edges meet.
    pub fn resize(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        Self { scale, offset: scale / 2.0 - 0.5 }
    }

    /// The same movement, given for luma samples, as chroma samples see it.
    pub fn on_chroma(self, from: Grid, to: Grid) -> Self {
        let at = |c: f64| from.of_luma(self.scale * to.to_luma(c) + self.offset);
        Self { scale: at(1.0) - at(0.0), offset: at(0.0) }
    }
}

/// For each output sample the first input sample that it is made of, and the weights of all.
/// Weights add up to 1; what would reach over an edge is given to the edge's sample.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisWeights {
    first: Vec<u32>,
    weights: Vec<f32>,
    taps: usize,
}

impl AxisWeights {
    /// The weights for `to` samples out of `from`, both at least 1. Reducing stretches the
    /// kernel by the scale. [`Kernel::Area`] averages what an output sample covers;
    /// [`Kernel::Nearest`] takes the nearest sample, the later of two.
    pub fn new(from: usize, to: usize, map: AxisMap, kernel: Kernel) -> Self {
        let last = from as isize - 1;
        let rows: Vec<(usize, Vec<f64>)> = (0..to)
            .map(|i| {
                let (first, raw) = around(map.scale * i as f64 + map.offset, map.scale, kernel);
                let inside = |k: usize| (first + k as isize).clamp(0, last) as usize;
                let start = inside(0);
                let mut folded = vec![0.0; inside(raw.len() - 1) - start + 1];
                // Less than this is the rounding of a zero, as in sin(pi).
                for (k, w) in raw.iter().enumerate().filter(|(_, w)| w.abs() > 1e-12) {
                    folded[inside(k) - start] += w;
                }
                // Zeros in front stay, so that first samples are in order.
                folded.truncate(folded.iter().rposition(|w| *w != 0.0).map_or(1, |k| k + 1));
                (start, folded)
            })
            .collect();
        let taps = rows.iter().map(|(_, w)| w.len()).max().unwrap_or(1);
        let mut out = Self { first: Vec::new(), weights: vec![0.0; taps * to], taps };
        for ((start, row), weights) in rows.iter().zip(out.weights.chunks_exact_mut(taps)) {
            // All rows have the same number of taps, so the last ones begin earlier.
            let first = (*start).min(from - taps);
            let sum: f64 = row.iter().sum();
            for (k, w) in row.iter().enumerate() {
                weights[start - first + k] = (w / sum) as f32;
            }
            out.first.push(first as u32);
        }
        out
    }

    /// A plain resize.
    pub fn resize(from: usize, to: usize, kernel: Kernel) -> Self {
        Self::new(from, to, AxisMap::resize(from, to), kernel)
    }

    /// A chroma axis of `from` samples on `grid` to `to` samples on `to_grid`, where luma moves
    /// by `luma`.
    pub fn chroma(
        (from, grid): (usize, Grid),
        (to, to_grid): (usize, Grid),
        luma: AxisMap,
        kernel: Kernel,
    ) -> Self {
        Self::new(from, to, luma.on_chroma(grid, to_grid), kernel)
    }

    /// Ready to be shared.
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// Output samples.
    pub fn len(&self) -> usize {
        self.first.len()
    }

    /// Never true: there is at least one output sample.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Input samples that each output sample is made of.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// The first input sample of output sample `i` and the weights from there on.
    pub fn at(&self, i: usize) -> (usize, &[f32]) {
        (self.first[i] as usize, &self.weights[i * self.taps..(i + 1) * self.taps])
    }

    /// True if every output sample is the input sample of its own number.
    pub fn is_identity(&self, from: usize) -> bool {
        self.len() == from
            && (0..from).all(|i| {
                let (first, weights) = self.at(i);
                weights.iter().enumerate().all(
                    |(k, &w)| {
                        if first + k == i { w == 1.0 } else { w == 0.0 }
                    },
                )
            })
    }

    /// All first samples.
    pub(in crate::kernel) fn firsts(&self) -> &[u32] {
        &self.first
    }

    /// All weights, `taps` for each output sample.
    pub(in crate::kernel) fn weights(&self) -> &[f32] {
        &self.weights
    }
}

/// The first sample and the raw weights around position `at`; the sum is never 0.
fn around(at: f64, scale: f64, kernel: Kernel) -> (isize, Vec<f64>) {
    let stretch = scale.abs().max(1.0);
    if kernel == Kernel::Nearest {
        // A tie is a tie although its position was rounded.
        return ((at + 0.5 + 1e-9).floor() as isize, vec![1.0]);
    }
    if kernel == Kernel::Area {
        let half = scale.abs() / 2.0;
        let (low, high) = (at - half, at + half);
        // Sample k covers k - 1/2 to k + 1/2.
        let first = (low + 0.5).floor() as isize;
        let last = ((high - 0.5).ceil() as isize).max(first);
        let cover = |k: isize| {
            let k = k as f64;
            (high.min(k + 0.5) - low.max(k - 0.5)).max(0.0)
        };
        return (first, (first..=last).map(cover).collect());
    }
    let reach = radius(kernel) * stretch;
    let first = (at - reach).ceil() as isize;
    let last = ((at + reach).floor() as isize).max(first);
    (first, (first..=last).map(|k| value(kernel, (k as f64 - at) / stretch)).collect())
}

/// How far an interpolation reaches, in samples.
pub(in crate::kernel) fn radius(kernel: Kernel) -> f64 {
    match kernel {
        Kernel::Nearest | Kernel::Area => 0.5,
        Kernel::Bilinear => 1.0,
        Kernel::Bicubic | Kernel::Mitchell => 2.0,
        Kernel::Lanczos3 => 3.0,
    }
}

/// An interpolation's value at distance `x`.
pub(in crate::kernel) fn value(kernel: Kernel, x: f64) -> f64 {
    let x = x.abs();
    match kernel {
        Kernel::Nearest | Kernel::Area => f64::from(u8::from(x <= 0.5)),
        Kernel::Bilinear => (1.0 - x).max(0.0),
        Kernel::Bicubic => cubic(0.0, 0.5, x),
        Kernel::Mitchell => cubic(1.0 / 3.0, 1.0 / 3.0, x),
        Kernel::Lanczos3 if x < 3.0 => sinc(x) * sinc(x / 3.0),
        Kernel::Lanczos3 => 0.0,
    }
}

/// Mitchell and Netravali's family, "Reconstruction filters in computer graphics", 1988. B = 0,
/// C = 1/2 is Keys' with a = -1/2.
fn cubic(b: f64, c: f64, x: f64) -> f64 {
    let (x2, x3) = (x * x, x * x * x);
    let v = if x < 1.0 {
        (12.0 - 9.0 * b - 6.0 * c) * x3 + (-18.0 + 12.0 * b + 6.0 * c) * x2 + (6.0 - 2.0 * b)
    } else if x < 2.0 {
        (-b - 6.0 * c) * x3
            + (6.0 * b + 30.0 * c) * x2
            + (-12.0 * b - 48.0 * c) * x
            + (8.0 * b + 24.0 * c)
    } else {
        0.0
    };
    v / 6.0
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    libm::sin(x) / x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Siting;

    const ALL: [Kernel; 6] = [
        Kernel::Nearest,
        Kernel::Bilinear,
        Kernel::Bicubic,
        Kernel::Mitchell,
        Kernel::Lanczos3,
        Kernel::Area,
    ];

    #[test]
    fn weights_add_up_and_stay_inside() {
        for kernel in ALL {
            for (from, to) in [(1, 1), (1, 7), (7, 1), (5, 9), (100, 33), (3, 100), (64, 64)] {
                let w = AxisWeights::resize(from, to, kernel);
                assert_eq!(w.len(), to);
                for i in 0..to {
                    let (first, weights) = w.at(i);
                    assert!(first + weights.len() <= from, "{kernel:?} {from} to {to}");
                    let sum: f64 = weights.iter().map(|&w| f64::from(w)).sum();
                    assert!((sum - 1.0).abs() < 1e-6, "{kernel:?} {from} to {to}: {sum}");
                }
            }
            let same = AxisWeights::resize(9, 9, kernel);
            assert_eq!(same.is_identity(9), kernel != Kernel::Mitchell, "{kernel:?}");
        }
    }

    #[test]
    fn known_weights() {
        let w = AxisWeights::resize(6, 2, Kernel::Area);
        assert_eq!(w.at(0), (0, &[1.0 / 3.0; 3][..]));
        let w = AxisWeights::resize(2, 4, Kernel::Bilinear);
        assert_eq!(w.at(0), (0, &[1.0, 0.0][..]));
        assert_eq!(w.at(1), (0, &[0.75, 0.25][..]));
        let w = AxisWeights::resize(4, 2, Kernel::Nearest);
        assert_eq!((w.at(0), w.at(1)), ((1, &[1.0][..]), (3, &[1.0][..])));
        assert!((value(Kernel::Bicubic, 0.5) - 0.5625).abs() < 1e-12);
        assert!((value(Kernel::Mitchell, 0.0) - 8.0 / 9.0).abs() < 1e-12);
        assert!(value(Kernel::Lanczos3, 1.0).abs() < 1e-12);
    }

    #[test]
    fn chroma_keeps_its_siting_through_a_resize() {
        let luma = AxisMap::resize(8, 4);
        for (siting, offset) in [(Siting::Center, 0.5), (Siting::Left, 0.25)] {
            let grid = Grid::x(siting, 1);
            let map = luma.on_chroma(grid, grid);
            assert_eq!((map.scale, map.offset), (2.0, offset), "{siting:?}");
        }
    }
}
