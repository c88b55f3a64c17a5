//! Functions on reals: curves of one, and maps of three, by curves, a matrix or anything else.

use std::fmt;
use std::sync::Arc;

/// A function from three reals to three reals, by what the planner can do with it.
#[derive(Clone, Debug)]
pub enum Map {
    /// Each component by itself.
    Curves([Curve; 3]),
    /// Linear with an offset.
    Matrix(Affine3),
    /// Anything else.
    Pixel(Arc<dyn PixelFunction>),
}

/// A pointwise function that is neither curves nor a matrix.
pub trait PixelFunction: Send + Sync + fmt::Debug {
    /// The function, defined on all reals. Called concurrently.
    fn map(&self, v: [f64; 3]) -> [f64; 3];

    /// True if a neutral input (equal R, G, B; or Cb = Cr = 0) always gives a neutral output.
    fn keeps_neutral(&self) -> bool {
        false
    }
}

/// A function of one real, defined on all reals.
#[derive(Clone)]
pub enum Curve {
    /// `a * v + b`.
    Affine {
        /// Slope.
        a: f64,
        /// Offset.
        b: f64,
    },
    /// Any other. Shared: two curves are known to be equal when they share it.
    Function(Arc<dyn Fn(f64) -> f64 + Send + Sync>),
}

impl Curve {
    /// `v`.
    pub const IDENTITY: Self = Self::Affine { a: 1.0, b: 0.0 };

    /// `a * v + b`.
    pub const fn affine(a: f64, b: f64) -> Self {
        Self::Affine { a, b }
    }

    /// Any function.
    pub fn function(f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        Self::Function(Arc::new(f))
    }

    /// The value at `v`.
    pub fn eval(&self, v: f64) -> f64 {
        match self {
            Self::Affine { a, b } => a * v + b,
            Self::Function(f) => f(v),
        }
    }

    /// `next(self(v))`; two affine curves stay one.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        match (self, next) {
            (Self::Affine { a, b }, Self::Affine { a: c, b: d }) => Self::affine(c * a, c * b + d),
            (first, next) if first.is_identity() => next.clone(),
            (first, next) if next.is_identity() => first.clone(),
            (first, next) => {
                let (first, next) = (first.clone(), next.clone());
                Self::function(move |v| next.eval(first.eval(v)))
            }
        }
    }

    /// True for `v` itself, to 1e-12.
    pub fn is_identity(&self) -> bool {
        matches!(self, Self::Affine { a, b } if (a - 1.0).abs() < 1e-12 && b.abs() < 1e-12)
    }

    /// True if the two are known to be one function.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Affine { a, b }, Self::Affine { a: c, b: d }) => a == c && b == d,
            (Self::Function(f), Self::Function(g)) => Arc::ptr_eq(f, g),
            _ => false,
        }
    }
}

impl fmt::Debug for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Affine { a, b } => write!(f, "{a}*v+{b}"),
            Self::Function(_) => f.write_str("f(v)"),
        }
    }
}

/// A 3x4 matrix: three rows of three factors and an offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine3(pub [[f64; 4]; 3]);

impl Affine3 {
    /// Changes nothing.
    pub const IDENTITY: Self =
        Self([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]);

    /// The value at `v`.
    pub fn apply(&self, v: [f64; 3]) -> [f64; 3] {
        self.0.map(|r| r[0] * v[0] + r[1] * v[1] + r[2] * v[2] + r[3])
    }

    /// `next(self(v))`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let mut out = [[0.0; 4]; 3];
        for (row, n) in out.iter_mut().zip(&next.0) {
            for (column, value) in row.iter_mut().enumerate() {
                *value = (0..3).map(|k| n[k] * self.0[k][column]).sum();
            }
            row[3] += n[3];
        }
        Self(out)
    }

    /// The inverse, if there is one: Cramer's rule on the 3x3 part.
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let minor = |r: usize, c: usize| {
            let (r0, r1) = ((r + 1) % 3, (r + 2) % 3);
            let (c0, c1) = ((c + 1) % 3, (c + 2) % 3);
            m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]
        };
        let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
        if determinant.abs() < 1e-12 {
            return None;
        }
        let mut out = [[0.0; 4]; 3];
        for (i, row) in out.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().take(3).enumerate() {
                *value = minor(j, i) / determinant;
            }
            row[3] = -(0..3).map(|k| row[k] * m[k][3]).sum::<f64>();
        }
        Some(Self(out))
    }

    /// The three curves that it is, if it mixes nothing (to 1e-12).
    pub fn curves(&self) -> Option<[Curve; 3]> {
        for (i, row) in self.0.iter().enumerate() {
            if (0..3).any(|j| j != i && row[j].abs() > 1e-12) {
                return None;
            }
        }
        Some([0, 1, 2].map(|i| Curve::affine(self.0[i][i], self.0[i][3])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affine_curves_compose_to_one() {
        let c = Curve::affine(2.0, 1.0).then(&Curve::affine(3.0, -1.0));
        assert!(matches!(c, Curve::Affine { a: 6.0, b: 2.0 }));
        let f = Curve::function(|v| v * v).then(&Curve::affine(1.0, 1.0));
        assert_eq!(f.eval(3.0), 10.0);
    }

    #[test]
    fn a_matrix_and_its_inverse_cancel() {
        let m =
            Affine3([[0.299, 0.587, 0.114, 0.1], [-0.2, -0.3, 0.5, 0.0], [0.5, -0.4, -0.1, 2.0]]);
        let i = m.then(&m.inverse().unwrap());
        for (row, want) in i.0.iter().zip(Affine3::IDENTITY.0) {
            for (a, b) in row.iter().zip(want) {
                assert!((a - b).abs() < 1e-12, "{i:?}");
            }
        }
        assert!(Affine3([[1.0, 0.0, 0.0, 0.0]; 3]).inverse().is_none());
    }

    #[test]
    fn composition_applies_the_first_first() {
        let m = Affine3([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.5], [0.0, 0.0, 2.0, 0.0]]);
        let n = Affine3([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]);
        let v = [0.25, 0.5, 0.75];
        assert_eq!(m.then(&n).apply(v), n.apply(m.apply(v)));
    }
}
