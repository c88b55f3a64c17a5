//! Wide Gaussians as sums of B-splines, so that their cost does not grow with their width.
//!
//! A cubic B-spline with knots `step` pixels apart is four box averages one after the other.
//! Splines at multiples of `step` are fitted to the Gaussian by least squares. The boxes are
//! running sums of integers, which leave no error behind and know no band; what remains is a
//! weighted sum of a few samples `step` apart. Recursive filters (Deriche, Young and van Vliet)
//! drift and need whole columns, stacked boxes alone are off by four codes in the worst case.

use super::fixed::UNIT;
use super::lookup::Precision;

/// A symmetric sum of cubic B-splines.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kernel) struct Spline {
    /// Pixels from knot to knot, 1..=[`WIDEST`].
    pub step: usize,
    /// The weight of the spline in the middle and of those at each further knot on both sides,
    /// for sums of values in units of 2^-24 that four boxes of `step` added up.
    pub half: Vec<f32>,
}

/// Four boxes of this many values of 2^25 stay under 2^63.
pub(in crate::kernel) const WIDEST: usize = 724;

/// How a Gaussian is cut up.
struct Fit {
    /// Narrower ones are better off with their weights.
    least_sigma: f64,
    /// Knots per standard deviation.
    density: f64,
    /// Splines on each side of the middle.
    splines: usize,
}

/// The largest error that any picture can show is half the sum of all differences between the
/// fitted weights and the true ones. For each axis it is under 0.11 codes of 8 bits with the
/// first fit, and under 0.8 codes of 16 bits with the second; the tests add it up.
const fn fit_for(precision: Precision) -> Fit {
    match precision {
        Precision::Eight => Fit { least_sigma: 8.0, density: 2.0, splines: 7 },
        Precision::Sixteen => Fit { least_sigma: 16.0, density: 4.0, splines: 19 },
    }
}

impl Spline {
    /// The splines for a Gaussian; `None` if it is too narrow for that.
    pub fn gaussian(sigma: f64, precision: Precision) -> Option<Self> {
        let Fit { least_sigma, density, splines } = fit_for(precision);
        let step = (sigma / density + 0.5) as usize;
        if sigma < least_sigma || step > WIDEST {
            return None;
        }
        let scale = 1.0 / (UNIT * (step as f64).powi(4));
        let half = fitted(sigma, step, splines).into_iter().map(|w| (w * scale) as f32).collect();
        Some(Self { step, half })
    }

    /// Pixels from the middle to the outermost spline's middle.
    pub fn span(&self) -> usize {
        (self.half.len() - 1) * self.step
    }

    /// Pixels that it reaches on each side.
    pub fn reach(&self) -> usize {
        self.span() + 2 * (self.step - 1)
    }
}

/// The weights of splines 0, `step`, `2 * step`, ... that come nearest to a Gaussian; with those
/// on the other side they add up to 1.
fn fitted(sigma: f64, step: usize, splines: usize) -> Vec<f64> {
    let spline = spline(step);
    let at = |x: usize| spline.get(x).copied().unwrap_or(0.0);
    let basis = |j: usize, x: usize| match j * step {
        0 => at(x),
        middle => at(x.abs_diff(middle)) + at(x + middle),
    };
    let count = splines + 1;
    let far = (splines + 2) * step;
    // Normal equations over one side; the other one counts the same.
    let mut rows = vec![vec![0.0; count + 1]; count];
    for x in 0..=far {
        let sides = if x == 0 { 1.0 } else { 2.0 };
        let values: Vec<f64> = (0..count).map(|j| basis(j, x)).collect();
        let part = x as f64 / sigma;
        let target = libm::exp(-0.5 * part * part);
        for (row, v) in rows.iter_mut().zip(&values) {
            for (sum, w) in row.iter_mut().zip(values.iter().chain([&target])) {
                *sum += sides * v * w;
            }
        }
    }
    let weights = solved(rows);
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.into_iter().map(|w| w / sum).collect()
}

/// The cubic B-spline from its middle outwards: four averages of `step` pixels.
fn spline(step: usize) -> Vec<f64> {
    let mut values = vec![1.0];
    for _ in 0..4 {
        let mut next = vec![0.0; values.len() + step - 1];
        let mut sum = 0.0;
        for (i, next) in next.iter_mut().enumerate() {
            sum += values.get(i).copied().unwrap_or(0.0);
            *next = sum / step as f64;
            if let Some(leaves) = (i + 1).checked_sub(step) {
                sum -= values[leaves];
            }
        }
        values = next;
    }
    values.split_off(2 * (step - 1))
}

/// Gaussian elimination of a symmetric, positive definite system, which needs no pivots. The
/// last entry of a row is its right side.
fn solved(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    for i in 0..rows.len() {
        let (done, below) = rows.split_at_mut(i + 1);
        let pivot = &done[i];
        for row in below {
            let factor = row[i] / pivot[i];
            for (v, p) in row.iter_mut().zip(pivot).skip(i) {
                *v -= factor * p;
            }
        }
    }
    let mut out = vec![0.0; rows.len()];
    for (i, row) in rows.iter().enumerate().rev() {
        let known: f64 = (i + 1..rows.len()).map(|j| row[j] * out[j]).sum();
        out[i] = (row[rows.len()] - known) / row[i];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that a picture of 0 and 1 can be off along one axis: the differences of one
    /// sign, which is half of all of them.
    fn worst(sigma: f64, precision: Precision) -> f64 {
        let fitted = Spline::gaussian(sigma, precision).unwrap();
        let (step, box4) = (fitted.step, spline(fitted.step));
        let scale = UNIT * (step as f64).powi(4);
        let far = (9.0 * sigma) as usize;
        let gauss: Vec<f64> =
            (0..=far).map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp()).collect();
        let total = gauss[0] + 2.0 * gauss[1..].iter().sum::<f64>();
        let at = |x: usize| box4.get(x).copied().unwrap_or(0.0);
        let difference = |x: usize| {
            let sum: f64 = (0..fitted.half.len())
                .map(|j| {
                    let both = at(x.abs_diff(j * step)) + at(x + j * step);
                    let splines = if j == 0 { at(x) } else { both };
                    f64::from(fitted.half[j]) * scale * splines
                })
                .sum();
            (sum - gauss[x] / total).abs()
        };
        difference(0) / 2.0 + (1..=far).map(difference).sum::<f64>()
    }

    #[test]
    fn no_picture_shows_the_difference_to_a_gaussian() {
        for (precision, least, codes, limit) in
            [(Precision::Eight, 8.0, 255.0, 0.11), (Precision::Sixteen, 16.0, 65_535.0, 0.8)]
        {
            let density = fit_for(precision).density;
            // The fit is worst just below the sigma at which its step grows.
            let steps = (4..14).map(|step| (f64::from(step) + 0.5) * density - 1e-6);
            let wide = [60.0, 114.0, 217.0, 412.0, 782.0].into_iter();
            for sigma in steps.filter(|sigma| *sigma >= least).chain(wide).chain([least]) {
                let error = worst(sigma, precision) * codes;
                assert!(error < limit, "{precision:?} {sigma}: {error} codes");
            }
            assert!(Spline::gaussian(least - 0.01, precision).is_none());
            assert!(worst(1024.0, precision) * codes < limit);
        }
    }

    #[test]
    fn four_boxes_of_two_are_binomial() {
        assert_eq!(spline(2), [0.375, 0.25, 0.0625]);
        assert_eq!(spline(1), [1.0]);
    }
}
