//! The algebra that every filter compiles to: pointwise maps on reals, area operations, geometry
//! and, in `sequence`, operations over the frames of a clip. The engine knows these few shapes
//! and no filter by name.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sequence::Time;
use crate::error::Result;
use crate::frame::{Layout, Size};

/// A filter with its arguments, ready to be compiled for any frame.
pub trait Filter: Send + Sync + fmt::Display {
    /// The operations for a frame as `context` describes it, in order. Errors are the user's:
    /// a crop outside the frame, a size of 0.
    fn compile(&self, context: &Context<'_>) -> Result<Vec<Op>>;

    /// What the filter makes of the frame's colour profile.
    fn profile(&self) -> ProfileChange {
        ProfileChange::Keep
    }

    /// True if it works over the frames of a clip, so that a picture by itself is not enough.
    fn over_time(&self) -> bool {
        false
    }
}

/// What a filter may know of the frame that it is compiled for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The frame as it enters this filter.
    pub layout: Layout,
    /// The ICC profile that the samples are in, if one is embedded.
    pub icc: Option<&'a [u8]>,
}

/// What becomes of the embedded colour profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    /// The samples are still in it.
    Keep,
    /// The samples are sRGB now.
    Srgb,
}

/// One operation of the algebra.
#[derive(Clone, Debug)]
pub enum Op {
    /// Each pixel by itself.
    Point(Point),
    /// Each pixel from those around it.
    Area(Area),
    /// Pixels move.
    Geometry(Geometry),
    /// Frames of a clip meet.
    Time(Time),
}

/// The three reals that a pointwise map sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// R, G, B; 0 is black and 1 is white.
    Rgb,
    /// Y (0 to 1), Cb, Cr (-0.5 to 0.5), by the frame's own matrix.
    Ycbcr,
}

/// A pointwise operation. Alpha passes untouched.
#[derive(Clone, Debug)]
pub struct Point {
    /// The reals that it is defined on.
    pub space: Space,
    /// The function.
    pub map: Map,
}

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

/// Which components an area operation works on, and in which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Each component of whatever model the frame is in; alpha by premultiplication.
    Each,
    /// Luma (YCbCr by the frame's own matrix); chroma is kept.
    Luma,
    /// R, G and B.
    Rgb,
}

/// An operation on the neighbourhood of each pixel. Edges replicate.
#[derive(Clone, Debug)]
pub struct Area {
    /// What it works on.
    pub channels: Channels,
    /// What it does. Lengths are luma pixels; a subsampled plane divides them.
    pub kind: AreaKind,
}

/// The area operations.
#[derive(Clone, Debug)]
pub enum AreaKind {
    /// A normalised separable average.
    Blur {
        /// Along rows.
        x: Window,
        /// Along columns.
        y: Window,
    },
    /// `v + amount * (v - blur(v))`.
    Unsharp {
        /// The blur along rows.
        x: Window,
        /// The blur along columns.
        y: Window,
        /// Strength; negative blurs.
        amount: f64,
    },
    /// `sum(weights * v) + bias` over a `width` by `height` window, both odd, row by row from
    /// the top left, not mirrored (correlation, as ffmpeg's `convolution`).
    Convolve {
        /// Columns, odd.
        width: usize,
        /// Rows, odd.
        height: usize,
        /// `width * height` factors, divided already.
        weights: Arc<[f64]>,
        /// Added at the end, as a real.
        bias: f64,
    },
    /// `scale * sqrt(gx^2 + gy^2) + bias` of the Sobel operators
    /// (-1 0 1, -2 0 2, -1 0 1) and its transpose.
    Gradient {
        /// Factor.
        scale: f64,
        /// Added at the end, as a real.
        bias: f64,
    },
    /// The value of rank `fraction` (0 smallest, 0.5 median, 1 largest) in a window of
    /// `2 rx + 1` by `2 ry + 1` pixels.
    Rank {
        /// Radius along rows.
        rx: usize,
        /// Radius along columns.
        ry: usize,
        /// 0..=1; the index is `floor(fraction * (n - 1) + 0.5)`.
        fraction: f64,
    },
}

/// A normalised, symmetric weighting along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Window {
    /// The pixel itself.
    Point,
    /// A Gaussian of standard deviation `sigma` pixels.
    Gaussian {
        /// Over 0.
        sigma: f64,
    },
    /// A box of `width` pixels, fractions of a pixel at both ends counted as such.
    Box {
        /// At least 1.
        width: f64,
    },
    /// The binomial coefficients of `taps` pixels, odd.
    Binomial {
        /// Odd, at least 1.
        taps: usize,
    },
}

/// Operations that move pixels.
#[derive(Clone, Debug)]
pub enum Geometry {
    /// Resampling to a size; premultiplied alpha.
    Resize {
        /// The new size.
        to: Size,
        /// The interpolation.
        kernel: Kernel,
    },
    /// A rectangle of the frame; it lies inside.
    Crop {
        /// Its left edge.
        x: u32,
        /// Its top edge.
        y: u32,
        /// Its size.
        size: Size,
    },
    /// The frame on a larger canvas.
    Pad {
        /// Where its left edge comes to lie.
        x: u32,
        /// Where its top edge comes to lie.
        y: u32,
        /// The canvas.
        size: Size,
        /// R, G, B and alpha, 0 to 1.
        color: [f64; 4],
    },
    /// An exact flip or turn.
    Turn(Dihedral),
    /// A turn by any angle, clockwise, about the centre.
    Rotate {
        /// Clockwise.
        degrees: f64,
        /// The new size.
        size: Size,
        /// R, G, B and alpha, 0 to 1, where the frame does not reach.
        color: [f64; 4],
        /// The interpolation: `Nearest`, `Bilinear` or `Bicubic`.
        kernel: Kernel,
    },
}

/// The interpolation of a resampling. Enlarging uses it as it is; reducing stretches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The nearest sample.
    Nearest,
    /// Triangle, radius 1.
    Bilinear,
    /// Keys' cubic with a = -0.5 (Catmull-Rom), radius 2.
    Bicubic,
    /// Mitchell and Netravali, B = C = 1/3, radius 2.
    Mitchell,
    /// Lanczos, radius 3.
    Lanczos3,
    /// The average of the area that a pixel covers.
    Area,
}

/// The eight exact turns and flips: first transpose, then flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dihedral {
    /// Rows and columns are exchanged first.
    pub transpose: bool,
    /// Then left and right.
    pub flip_x: bool,
    /// Then top and bottom.
    pub flip_y: bool,
}

impl Dihedral {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { transpose: false, flip_x: false, flip_y: false };

    /// What turns a picture with EXIF orientation 1..=8 upright; others change nothing.
    pub const fn from_exif(orientation: u16) -> Self {
        let (transpose, flip_x, flip_y) = match orientation {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transpose, flip_x, flip_y }
    }

    /// True if nothing moves.
    pub fn is_identity(self) -> bool {
        self == Self::IDENTITY
    }

    /// The size of the result.
    pub const fn size(self, size: Size) -> Size {
        if self.transpose { size.transposed() } else { size }
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
