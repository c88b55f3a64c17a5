//! Planes of reals, what the reference computes with.

use crate::frame::PlaneShape;

/// A plane of reals, as unit codes: integer code / (2^n - 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Reals {
    /// Columns, rows, components.
    pub shape: PlaneShape,
    /// `height` rows of `width * components` values.
    pub data: Vec<f64>,
}

impl Reals {
    pub(in crate::plan) fn new(shape: PlaneShape, f: impl Fn(usize, usize, usize) -> f64) -> Self {
        let mut data = Vec::with_capacity(shape.row() * shape.height);
        for y in 0..shape.height {
            for x in 0..shape.width {
                data.extend((0..shape.components).map(|c| f(x, y, c)));
            }
        }
        Self { shape, data }
    }

    /// The value at a pixel; edges replicate.
    pub(in crate::plan) fn at(&self, x: i64, y: i64, component: usize) -> f64 {
        let x = x.clamp(0, self.shape.width as i64 - 1) as usize;
        let y = y.clamp(0, self.shape.height as i64 - 1) as usize;
        self.data[(y * self.shape.width + x) * self.shape.components + component]
    }
}

/// Colours times alpha, the last component.
pub(super) fn premultiply(plane: &Reals) -> Reals {
    let last = plane.shape.components - 1;
    Reals::new(plane.shape, |x, y, c| {
        let at = |c| plane.at(x as i64, y as i64, c);
        if c == last { at(c) } else { at(c) * at(last) }
    })
}

/// Colours divided by alpha; 0 where it is 0.
pub(super) fn unpremultiply(plane: &Reals) -> Reals {
    let last = plane.shape.components - 1;
    Reals::new(plane.shape, |x, y, c| {
        let at = |c| plane.at(x as i64, y as i64, c);
        match at(last) {
            alpha if c == last => alpha,
            0.0 => 0.0,
            alpha => at(c) / alpha,
        }
    })
}
