//! The weights of separable averages.

use super::Numbers;
use super::lookup::Precision;
use super::spline::Spline;
use crate::filter::Window;

/// An odd number of weights around a pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// From the pixel itself outwards; the other side mirrors them.
    half: Vec<f32>,
    /// What replaces the weights where values are codes.
    running: Option<Running>,
}

/// Weights that integer sums can run along.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kernel) enum Running {
    Box(BoxWindow),
    Spline(Spline),
}

/// A box of `2 * inner + 1` whole pixels and a fraction of one more at both ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::kernel) struct BoxWindow {
    /// Whole pixels on each side of the middle.
    pub inner: usize,
    /// The weight of one pixel.
    pub whole: f32,
    /// The weight of the pixels beyond, 0 if there are none.
    pub end: f32,
}

impl BoxWindow {
    /// Pixels that it reaches on each side.
    pub fn reach(&self) -> usize {
        self.inner + usize::from(self.end > 0.0)
    }
}

/// What may be cut off a Gaussian, so that no picture shows it: a quarter of the precision that
/// the codes call for.
const fn rest(precision: Precision) -> f64 {
    match precision {
        Precision::Eight => 1.0 / (1 << 14) as f64,
        Precision::Sixteen => 1.0 / (1 << 22) as f64,
    }
}

impl Taps {
    /// The weights `half[0]` at the pixel and `half[k]` at distance `k` on both sides.
    fn symmetric(half: Vec<f32>) -> Self {
        assert!(!half.is_empty(), "a kernel has a middle");
        Self { half, running: None }
    }

    /// Weights from the middle outwards.
    pub fn half(&self) -> &[f32] {
        &self.half
    }

    /// The sums that do the same, for numbers that have a fixed point.
    pub(in crate::kernel) fn running(&self, numbers: Numbers) -> Option<&Running> {
        self.running.as_ref().filter(|_| numbers != Numbers::Reals)
    }
}

/// The weights of `window` on a plane with chroma shift `shift` along this axis: lengths (a
/// binomial's radius) are divided by `2^shift`, a box to no less than one pixel. Normalised in
/// `f64`.
pub fn of(window: Window, shift: u8, precision: Precision) -> Taps {
    let scale = f64::from(1u8 << shift);
    match window {
        Window::Point => Taps::symmetric(vec![1.0]),
        Window::Gaussian { sigma } => gaussian(sigma / scale, precision),
        Window::Box { width } => boxed((width / scale).max(1.0)),
        // Half up: a radius of 2 is 1 at shift 1.
        Window::Binomial { taps } => binomial(((taps / 2) as f64 / scale + 0.5) as usize),
    }
}

fn gaussian(sigma: f64, precision: Precision) -> Taps {
    let least = rest(precision);
    let at = |k: usize| libm::exp(-0.5 * (k as f64 / sigma) * (k as f64 / sigma));
    // Nine standard deviations hold all that an f64 can tell.
    let far = (9.0 * sigma).ceil() as usize + 1;
    let all: Vec<f64> = (0..=far).map(at).collect();
    let total: f64 = all[0] + 2.0 * all[1..].iter().rev().sum::<f64>();
    let mut rest = 0.0;
    let mut keep = all.len();
    while keep > 1 && rest + 2.0 * all[keep - 1] < least * total {
        rest += 2.0 * all[keep - 1];
        keep -= 1;
    }
    let running = Spline::gaussian(sigma, precision).map(Running::Spline);
    Taps { running, ..normalised(all[..keep].to_vec()) }
}

fn boxed(width: f64) -> Taps {
    let inner = ((width - 1.0) / 2.0).floor() as usize;
    let end = (width - (2 * inner + 1) as f64) / 2.0;
    let mut half = vec![1.0; inner + 1];
    if end > 0.0 {
        half.push(end);
    }
    let window = BoxWindow { inner, whole: (1.0 / width) as f32, end: (end / width) as f32 };
    Taps { running: Some(Running::Box(window)), ..normalised(half) }
}

fn binomial(radius: usize) -> Taps {
    let mut half = vec![1.0];
    for k in 1..=radius {
        half.push(half[k - 1] * (radius + 1 - k) as f64 / (radius + k) as f64);
    }
    normalised(half)
}

fn normalised(half: Vec<f64>) -> Taps {
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    Taps::symmetric(half.into_iter().map(|w| (w / sum) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(taps: &Taps) -> f64 {
        let half = taps.half();
        f64::from(half[0]) + 2.0 * half[1..].iter().map(|&w| f64::from(w)).sum::<f64>()
    }

    #[test]
    fn every_window_adds_up_to_one() {
        for window in [
            Window::Point,
            Window::Gaussian { sigma: 0.1 },
            Window::Gaussian { sigma: 3.0 },
            Window::Gaussian { sigma: 200.0 },
            Window::Box { width: 1.0 },
            Window::Box { width: 6.5 },
            Window::Binomial { taps: 5 },
        ] {
            for shift in 0..3 {
                assert!(
                    (sum(&of(window, shift, Precision::Eight)) - 1.0).abs() < 1e-5,
                    "{window:?}"
                );
            }
        }
    }

    #[test]
    fn a_gaussian_is_cut_where_little_is_left() {
        let taps = of(Window::Gaussian { sigma: 3.0 }, 0, Precision::Eight);
        assert_eq!(taps.half().len(), 13);
        assert!((taps.half()[3] / taps.half()[0] - (-0.5f32).exp()).abs() < 1e-6);
        assert_eq!(of(Window::Gaussian { sigma: 0.1 }, 0, Precision::Eight).half(), [1.0]);
        assert_eq!(
            of(Window::Gaussian { sigma: 6.0 }, 1, Precision::Eight),
            of(Window::Gaussian { sigma: 3.0 }, 0, Precision::Eight)
        );
    }

    #[test]
    fn boxes_count_fractions_of_a_pixel() {
        let taps = of(Window::Box { width: 4.0 }, 0, Precision::Eight);
        assert_eq!(taps.half(), [0.25, 0.25, 0.125]);
        assert_eq!(
            of(Window::Box { width: 3.0 }, 2, Precision::Eight).half(),
            [1.0],
            "at least one pixel"
        );
        assert_eq!(of(Window::Box { width: 3.0 }, 0, Precision::Eight).half().len(), 2);
    }

    #[test]
    fn binomials_are_pascals() {
        assert_eq!(
            of(Window::Binomial { taps: 5 }, 0, Precision::Eight).half(),
            [0.375, 0.25, 0.0625]
        );
        assert_eq!(of(Window::Binomial { taps: 1 }, 0, Precision::Eight).half(), [1.0]);
        assert_eq!(of(Window::Binomial { taps: 5 }, 1, Precision::Eight).half(), [0.5, 0.25]);
    }
}
