//! The arithmetic of measuring: summaries of repeated times, speedup and what limits it.
//! Pure functions on numbers.

use serde::{Deserialize, Serialize};

/// What repeated measurements of one thing say. In the unit of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many there were, 1...
    pub count: usize,
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation of a sample (n - 1); 0 for a single measurement.
    pub stddev: f64,
    /// The middle one, or the mean of the middle two.
    pub median: f64,
    /// The spread: the median of the distances from the median. One outlier does not move it.
    pub mad: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    /// Sums up measurements. `None` if there are none, or one is not finite.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || values.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let stddev = if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 };
        let median = median(values);
        let distances: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
        Some(Self {
            count: values.len(),
            mean,
            stddev,
            median,
            mad: self::median(&distances),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// One standard deviation as a share of the median, taken from the median deviation, so
    /// that one outlier does not count.
    pub fn relative_spread(&self) -> f64 {
        MAD_TO_SIGMA * self.mad / self.median
    }
}

/// The middle of finite numbers, at least one.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

/// How many times faster: the time on one core over the time on several.
pub fn speedup(one: f64, several: f64) -> f64 {
    one / several
}

/// The share of `p` cores that the speedup made use of: S / p. 1 is linear.
pub fn efficiency(speedup: f64, p: usize) -> f64 {
    speedup / p as f64
}

/// The serial fraction that a speedup on `p` cores reveals (Karp and Flatt 1990):
/// e = (1/S - 1/p) / (1 - 1/p). If it grows with p, overhead grows; if it stays, the serial part
/// is to blame. Negative where the speedup is better than linear. `None` for one core.
pub fn karp_flatt(speedup: f64, p: usize) -> Option<f64> {
    let inverse = 1.0 / p as f64;
    (p > 1).then(|| (1.0 / speedup - inverse) / (1.0 - inverse))
}

/// A serial fraction and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Serial {
    /// The share of the work that does not get faster with more cores: 0 to 1, outside of that
    /// only by noise, by overhead that grows with the cores (above), or by caches (below).
    pub fraction: f64,
    /// One standard deviation of it, from the spread of the times.
    pub spread: f64,
}

/// What a serial fraction says about more cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// At most so many times faster on any number of cores: 1/f.
    Times(f64),
    /// The spread is as large as the fraction: no limit can be told from these times.
    Unclear,
    /// Better than linear.
    None,
    /// More cores took longer than one, so Amdahl's law is not what rules.
    Slower,
}

/// The serial fraction f of Amdahl's law, 1/S = f + (1 - f)/p, that fits the times best: the
/// least squares of y = f x with y = T(p)/T(1) - 1/p and x = 1 - 1/p. `one` is T(1), `several`
/// holds p and T(p). The error of T(1) is in every point, so errors are added and not averaged.
/// `None` without a point above one core.
pub fn amdahl_fit(one: &Summary, several: &[(usize, Summary)]) -> Option<Serial> {
    let (mut xy, mut xx, mut spread) = (0.0, 0.0, 0.0);
    for (p, times) in several {
        let inverse = 1.0 / *p as f64;
        let x = 1.0 - inverse;
        let ratio = times.median / one.median;
        xy += x * (ratio - inverse);
        xx += x * x;
        spread += x * ratio * times.relative_spread().hypot(one.relative_spread());
    }
    (xx > 0.0).then(|| Serial { fraction: xy / xx, spread: spread / xx })
}

impl Serial {
    /// What follows from it, where it stands clear of its spread by two standard deviations.
    pub fn limit(&self) -> Limit {
        let doubt = 2.0 * self.spread;
        match self.fraction {
            f if f > 1.0 => Limit::Slower,
            f if f < -doubt => Limit::None,
            f if f <= doubt => Limit::Unclear,
            f => Limit::Times(1.0 / f),
        }
    }
}

/// How a second measurement compares to a first one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The second median over the first; below 1 is faster.
    pub ratio: f64,
    /// The uncertainty of the ratio, from both spreads.
    pub spread: f64,
    /// Whether the ratio says more than the spread does.
    pub verdict: Verdict,
}

/// What a comparison of two measurements says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The second took less time.
    Faster,
    /// The second took more time.
    Slower,
    /// The difference is within the spread.
    Same,
}

/// Standard deviations per median absolute deviation, for a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;

/// Differences below this share are never called a change: two runs of the same program on an
/// idle machine differ by as much.
const FLOOR: f64 = 0.01;

/// Compares two measurements of the same thing. The relative spreads add as independent errors
/// do; a difference of more than two of them, and of more than one percent, is a change.
pub fn compare(before: &Summary, after: &Summary) -> Change {
    let ratio = after.median / before.median;
    let spread = ratio * before.relative_spread().hypot(after.relative_spread());
    let bound = (2.0 * spread).max(FLOOR);
    let verdict = match ratio - 1.0 {
        d if d < -bound => Verdict::Faster,
        d if d > bound => Verdict::Slower,
        _ => Verdict::Same,
    };
    Change { ratio, spread, verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn a_summary_is_what_the_textbook_says() {
        let s = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        near(s.mean, 5.0);
        near(s.stddev, (32.0_f64 / 7.0).sqrt());
        near(s.median, 4.5);
        near(s.mad, 0.5);
        assert_eq!((s.count, s.min, s.max), (8, 2.0, 9.0));
    }

    #[test]
    fn one_outlier_moves_the_mean_and_not_the_median() {
        let s = Summary::of(&[1.0, 1.0, 100.0]).unwrap();
        assert_eq!((s.median, s.mad), (1.0, 0.0));
        near(s.mean, 34.0);
    }

    #[test]
    fn few_or_bad_measurements() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
        let one = Summary::of(&[3.0]).unwrap();
        assert_eq!((one.median, one.stddev, one.mad, one.count), (3.0, 0.0, 0.0, 1));
    }

    #[test]
    fn a_tenth_serial_is_found_again() {
        // Amdahl with f = 0.1: S(p) = 1 / (0.1 + 0.9/p).
        let amdahl = |p: usize| 1.0 / (0.1 + 0.9 / p as f64);
        for p in [2, 4, 8, 64] {
            near(karp_flatt(amdahl(p), p).unwrap(), 0.1);
        }
        let time = |p| Summary::of(&[5.0 / amdahl(p)]).unwrap();
        let several = [2, 4, 8].map(|p| (p, time(p)));
        let serial = amdahl_fit(&time(1), &several).unwrap();
        near(serial.fraction, 0.1);
        near(serial.spread, 0.0);
        let Limit::Times(limit) = serial.limit() else { panic!("{serial:?}") };
        near(limit, 10.0);
    }

    #[test]
    fn linear_speedup_has_no_serial_part_and_no_limit() {
        near(karp_flatt(4.0, 4).unwrap(), 0.0);
        near(efficiency(speedup(8.0, 2.0), 4), 1.0);
        assert!(karp_flatt(4.4, 4).unwrap() < 0.0);
        assert_eq!(karp_flatt(1.0, 1), None);
        let second = Summary::of(&[1.0]).unwrap();
        assert_eq!(amdahl_fit(&second, &[(1, second)]), None);
    }

    #[test]
    fn a_limit_is_told_only_where_it_stands_clear_of_the_spread() {
        let limit = |fraction, spread| Serial { fraction, spread }.limit();
        assert_eq!(limit(0.25, 0.1), Limit::Times(4.0));
        assert_eq!(limit(0.25, 0.125), Limit::Unclear);
        assert_eq!(limit(-0.1, 0.06), Limit::Unclear);
        assert_eq!(limit(-0.1, 0.04), Limit::None);
        assert_eq!(limit(1.41, 0.0), Limit::Slower);
        // 2 s +- 10 % on one core, 1 s on two: half of that error is the fraction's.
        let one = Summary::of(&[1.8, 2.0, 2.2]).unwrap();
        let serial = amdahl_fit(&one, &[(2, Summary::of(&[1.0]).unwrap())]).unwrap();
        near(serial.fraction, 0.0);
        near(serial.spread, 0.14826);
    }

    #[test]
    fn a_change_is_more_than_the_spread() {
        let s = |values: &[f64]| Summary::of(values).unwrap();
        let noisy = s(&[0.9, 1.0, 1.1]);
        assert_eq!(compare(&noisy, &s(&[0.85, 0.95, 1.05])).verdict, Verdict::Same);
        let half = compare(&noisy, &s(&[0.5, 0.5, 0.5]));
        assert_eq!(half.verdict, Verdict::Faster);
        near(half.ratio, 0.5);
        assert_eq!(compare(&s(&[1.0]), &s(&[1.2])).verdict, Verdict::Slower);
        assert_eq!(compare(&s(&[1.0]), &s(&[1.005])).verdict, Verdict::Same);
    }
}
