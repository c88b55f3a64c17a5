//! Tables: how exactly values are kept, and the engine's steps for fused ones, each table as wide
//! as what can come in.

use std::sync::Arc;

use super::run::Fused;
use crate::filter::Curve;
use crate::kernel::{Lookup, Numbers, Precision, Step};

/// How exactly intermediate reals are kept.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Class {
    Codes(Precision),
    /// Floats in and out: nothing is clamped, functions are computed as they are.
    Floats,
}

impl Class {
    /// How finely tables and weights are made.
    pub fn precision(self) -> Precision {
        match self {
            Self::Codes(precision) => precision,
            Self::Floats => Precision::Sixteen,
        }
    }

    /// What the values in rows are.
    pub fn numbers(self) -> Numbers {
        if self == Self::Floats { Numbers::Reals } else { Numbers::Codes }
    }

    /// One curve for grey rows.
    pub fn gray_step(self, curve: &Curve) -> Arc<[Step]> {
        self.steps(&[Fused::Curves([curve.clone(), curve.clone(), curve.clone()])])
    }

    /// The engine's steps, with each table as wide as what can come in.
    pub fn steps(self, fused: &[Fused]) -> Arc<[Step]> {
        let mut bounds = Some([(0.0, 1.0); 3]);
        if self == Self::Floats {
            bounds = None;
        }
        fused
            .iter()
            .map(|step| {
                let engine = self.step(step, bounds);
                bounds = bounds.and_then(|b| bounds_after(step, b));
                engine
            })
            .collect()
    }

    fn step(self, step: &Fused, bounds: Option<[(f64, f64); 3]>) -> Step {
        match step {
            Fused::Matrix(m) => Step::Matrix(m.0.map(|r| r.map(|v| v as f32))),
            Fused::Pixel(f) => Step::Pixel(f.clone()),
            Fused::Curves(curves) => match bounds {
                Some(bounds) if bounds.iter().all(|(lo, hi)| hi - lo <= self.widest_table()) => {
                    Step::Curves(self.tables(curves, bounds))
                }
                _ => Step::Exact(curves.clone()),
            },
        }
    }

    /// Wider domains than this are computed as they are. At 8 bits 64 x 4335 entries fill an L2
    /// cache; at 16 bits a table whose every cell is split takes 9 MB for each unit.
    fn widest_table(self) -> f64 {
        match self.precision() {
            Precision::Eight => 64.0,
            Precision::Sixteen => 4.0,
        }
    }

    /// Three tables; equal curves share one over the union of their domains.
    fn tables(self, curves: &[Curve; 3], bounds: [(f64, f64); 3]) -> [Arc<Lookup>; 3] {
        let [r, g, b] = curves;
        if r.same(g) && g.same(b) {
            let lo = bounds.iter().map(|b| b.0).fold(f64::INFINITY, f64::min);
            let hi = bounds.iter().map(|b| b.1).fold(f64::NEG_INFINITY, f64::max);
            let table = self.lookup(r, (lo, hi));
            return [table.clone(), table.clone(), table];
        }
        [0, 1, 2].map(|i| self.lookup(&curves[i], bounds[i]))
    }

    /// The table of a curve over a domain.
    pub fn lookup(self, curve: &Curve, domain: (f64, f64)) -> Arc<Lookup> {
        // A constant needs a domain too.
        let (low, high) = domain;
        let domain = (low, high.max(low + LEAST_TABLE));
        Lookup::new(|v| curve.eval(v), domain, self.precision()).shared()
    }
}

/// The narrowest domain of a table.
const LEAST_TABLE: f64 = 1.0 / 256.0;

/// The intervals that a step's results lie in, if they can be told.
fn bounds_after(step: &Fused, bounds: [(f64, f64); 3]) -> Option<[(f64, f64); 3]> {
    match step {
        Fused::Matrix(m) => Some(m.0.map(|row| {
            let mut sum = (row[3], row[3]);
            for (factor, (lo, hi)) in row.iter().zip(bounds) {
                let (a, b) = (factor * lo, factor * hi);
                sum = (sum.0 + a.min(b), sum.1 + a.max(b));
            }
            sum
        })),
        Fused::Curves(curves) => {
            let mut out = [(0.0, 0.0); 3];
            for (i, curve) in curves.iter().enumerate() {
                out[i] = range_of(curve, bounds[i])?;
            }
            Some(out)
        }
        Fused::Pixel(_) => None,
    }
}

/// The range of a curve over an interval, from 4097 samples and a margin of a hundredth.
fn range_of(curve: &Curve, (lo, hi): (f64, f64)) -> Option<(f64, f64)> {
    let samples = (0..=4096).map(|i| curve.eval(lo + (hi - lo) * f64::from(i) / 4096.0));
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in samples {
        if !v.is_finite() {
            return None;
        }
        low = low.min(v);
        high = high.max(v);
    }
    let margin = (high - low) / 100.0;
    Some((low - margin, high + margin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Affine3;

    #[test]
    fn a_table_over_a_wide_domain_is_made_only_where_it_is_small() {
        let mut gain = Affine3::IDENTITY;
        (0..3).for_each(|i| gain.0[i][i] = 30.0);
        let steep = Curve::function(|v: f64| v.powi(9));
        let fused = [Fused::Matrix(gain), Fused::Curves([steep.clone(), steep.clone(), steep])];
        let steps = |precision| Class::Codes(precision).steps(&fused);
        assert!(matches!(steps(Precision::Eight)[1], Step::Curves(_)));
        assert!(matches!(steps(Precision::Sixteen)[1], Step::Exact(_)));
    }
}
