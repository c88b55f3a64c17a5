//! Pointwise runs on interleaved rows: curves, matrices and functions, block by block.

use std::sync::Arc;

use super::dispatch::{Isa, per_isa};
use super::load::clamp_all;
use super::lookup::Lookup;
use super::{BoxRows, Rows};
use crate::filter::{Curve, PixelFunction};

/// One step of a pointwise run. Nothing is rounded between steps, nor clamped but by [`Step::Clamp`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Each of the three components through its table.
    Curves([Arc<Lookup>; 3]),
    /// Rows of three factors and an offset.
    Matrix([[f32; 4]; 3]),
    /// Each component through its function, in `f64` at every pixel: for floats, whose domain
    /// no table covers.
    Exact([Curve; 3]),
    /// Any function, in `f64` at every pixel.
    Pixel(Arc<dyn PixelFunction>),
    /// To 0..=1, where a run begins or ends at an area operation.
    Clamp,
}

/// Pixels that go through all steps before the next do: three components of them and a table
/// of 4,335 entries stay in the first-level cache.
pub(in crate::kernel) const BLOCK: usize = 256;

/// The components of a block of pixels, apart.
pub(in crate::kernel) type Block = [[f32; BLOCK]; 3];

/// The components of some pixels, apart and of one length.
pub(in crate::kernel) type Parts<'a> = [&'a mut [f32]; 3];

/// What of a pixel's components the steps see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Colors {
    /// One; R, G and B stand for the same value.
    One,
    /// Three.
    Three,
}

/// The first `len` pixels of a block.
pub(in crate::kernel) fn parts(block: &mut Block, len: usize) -> Parts<'_> {
    block.each_mut().map(|values| &mut values[..len])
}

/// Applies steps one after the other to [`Parts`].
pub(in crate::kernel) fn run(steps: &[Step], isa: Isa, colors: Colors, mut pixels: Parts<'_>) {
    steps.iter().for_each(|step| step.apply(isa, colors, &mut pixels));
}

impl Step {
    fn apply(&self, isa: Isa, colors: Colors, pixels: &mut Parts<'_>) {
        let used = if colors == Colors::One { 1 } else { 3 };
        match self {
            Self::Curves(curves) => {
                for (values, curve) in pixels.iter_mut().zip(curves).take(used) {
                    curve.apply(isa, values);
                }
            }
            Self::Matrix(m) => {
                spread(colors, pixels);
                matrix(isa, m, pixels);
            }
            Self::Clamp => {
                pixels.iter_mut().take(used).for_each(|values| clamp_all(isa, values));
            }
            Self::Exact(curves) => {
                for (values, curve) in pixels.iter_mut().zip(curves).take(used) {
                    for v in &mut **values {
                        *v = curve.eval(f64::from(*v)) as f32;
                    }
                }
            }
            Self::Pixel(function) => {
                spread(colors, pixels);
                for i in 0..pixels[0].len() {
                    let out = function.map([0, 1, 2].map(|c| f64::from(pixels[c][i])));
                    for (values, v) in pixels.iter_mut().zip(out) {
                        values[i] = v as f32;
                    }
                }
            }
        }
    }
}

fn spread(colors: Colors, pixels: &mut Parts<'_>) {
    if colors == Colors::One {
        let [first, others @ ..] = pixels;
        others.iter_mut().for_each(|values| values.copy_from_slice(first));
    }
}

per_isa! {
    fn matrix(m: &[[f32; 4]; 3], pixels: &mut Parts<'_>) {
        let [r, g, b] = pixels;
        for ((r, g), b) in r.iter_mut().zip(&mut **g).zip(&mut **b) {
            let v = [*r, *g, *b];
            let out = m.map(|m| m[0] * v[0] + m[1] * v[1] + m[2] * v[2] + m[3]);
            [*r, *g, *b] = out;
        }
    }

    pub(in crate::kernel) fn split3(pixels: &[f32], parts: &mut Parts<'_>) {
        let [r, g, b] = parts;
        for (((p, r), g), b) in pixels.chunks_exact(3).zip(&mut **r).zip(&mut **g).zip(&mut **b) {
            [*r, *g, *b] = [p[0], p[1], p[2]];
        }
    }

    fn split4(pixels: &[f32], block: &mut Block) {
        let [r, g, b] = block;
        for (((p, r), g), b) in pixels.chunks_exact(4).zip(r).zip(g).zip(b) {
            [*r, *g, *b] = [p[0], p[1], p[2]];
        }
    }

    pub(in crate::kernel) fn join3(parts: &Parts<'_>, pixels: &mut [f32]) {
        let [r, g, b] = parts;
        for (((p, r), g), b) in pixels.chunks_exact_mut(3).zip(&**r).zip(&**g).zip(&**b) {
            [p[0], p[1], p[2]] = [*r, *g, *b];
        }
    }

    fn join4(block: &Block, pixels: &mut [f32]) {
        let [r, g, b] = block;
        for (((p, r), g), b) in pixels.chunks_exact_mut(4).zip(r).zip(g).zip(b) {
            [p[0], p[1], p[2]] = [*r, *g, *b];
        }
    }
}

/// A pointwise run on every row of one plane.
pub struct PointRows<'a> {
    up: BoxRows<'a>,
    steps: Arc<[Step]>,
    components: usize,
    isa: Isa,
}

impl<'a> PointRows<'a> {
    /// `components` is 1 (grey), 2 (grey and alpha), 3 or 4 (with alpha). Alpha is untouched.
    /// Grey goes into matrices and functions as R = G = B and comes out as their first result;
    /// of three curves it takes the first.
    pub fn new(up: BoxRows<'a>, steps: Arc<[Step]>, components: usize) -> Self {
        assert!((1..=4).contains(&components), "a pixel has 1 to 4 components");
        Self { up, steps, components, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }
}

impl Rows for PointRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.up.begin(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        self.up.row(plane, y, out);
        let (isa, components) = (self.isa, self.components);
        let colors = if components < 3 { Colors::One } else { Colors::Three };
        let mut block = [[0.0; BLOCK]; 3];
        for pixels in out.chunks_mut(BLOCK * components) {
            let len = pixels.len() / components;
            match components {
                1 => block[0][..len].copy_from_slice(pixels),
                2 => block[0].iter_mut().zip(pixels.chunks_exact(2)).for_each(|(v, p)| *v = p[0]),
                3 => split3(isa, pixels, &mut parts(&mut block, len)),
                _ => split4(isa, pixels, &mut block),
            }
            run(&self.steps, isa, colors, parts(&mut block, len));
            match components {
                1 => pixels.copy_from_slice(&block[0][..len]),
                2 => block[0].iter().zip(pixels.chunks_exact_mut(2)).for_each(|(v, p)| p[0] = *v),
                3 => join3(isa, &parts(&mut block, len), pixels),
                _ => join4(isa, &block, pixels),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::lookup::Precision;
    use crate::kernel::testing::{Picture, check, close, formula, shape};

    #[derive(Debug)]
    struct Swap;

    impl PixelFunction for Swap {
        fn map(&self, v: [f64; 3]) -> [f64; 3] {
            [v[2] * 0.5, v[0] + v[1], v[1]]
        }
    }

    const M: [[f32; 4]; 3] =
        [[0.5, 0.25, -0.125, 0.1], [1.0, 0.0, 0.5, -0.2], [0.25, 0.25, 0.25, 0.0]];

    fn steps() -> Arc<[Step]> {
        let square = Lookup::new(|v| v * v, (0.0, 1.0), Precision::Sixteen).shared();
        let other = Lookup::new(|v| 1.0 - v, (0.0, 1.0), Precision::Sixteen).shared();
        Arc::new([
            Step::Curves([square.clone(), other, square]),
            Step::Matrix(M),
            Step::Exact([
                Curve::affine(2.0, 0.5),
                Curve::function(|v| v * v * v),
                Curve::affine(-1.0, 0.0),
            ]),
            Step::Pixel(Arc::new(Swap)),
        ])
    }

    fn reference(v: [f64; 3]) -> [f64; 3] {
        let v = [v[0] * v[0], 1.0 - v[1], v[2] * v[2]];
        let m = M.map(|m| m.map(f64::from));
        let v = m.map(|m| m[0] * v[0] + m[1] * v[1] + m[2] * v[2] + m[3]);
        Swap.map([2.0 * v[0] + 0.5, v[1] * v[1] * v[1], -v[2]])
    }

    #[test]
    fn a_run_is_its_formula_and_alpha_stays() {
        for components in [3, 4] {
            for width in [1, 63, 64, 65, 131] {
                let s = shape(width, 9, components);
                let p = Picture::noise(&[s]);
                let got = check(&p.shapes, &|isa| {
                    Box::new(PointRows::new(p.rows(), steps(), components).on(isa))
                });
                let want = formula(s, |x, y, c| match c {
                    3 => p.at(0, x, y, 3),
                    _ => reference([0, 1, 2].map(|c| p.at(0, x, y, c)))[c],
                });
                close(&got[0], &want, 2e-6);
            }
        }
    }

    #[test]
    fn grey_is_three_equal_components_and_the_first_result() {
        let first: Arc<[Step]> = Arc::new([Step::Matrix(M), Step::Pixel(Arc::new(Swap))]);
        for components in [1, 2] {
            let s = shape(77, 8, components);
            let p = Picture::noise(&[s]);
            let got = check(&p.shapes, &|isa| {
                Box::new(PointRows::new(p.rows(), first.clone(), components).on(isa))
            });
            // The first result of the matrix stands for all three; the swap halves it.
            let want = formula(s, |x, y, c| match c {
                1 => p.at(0, x, y, 1),
                _ => (0.625 * p.at(0, x, y, 0) + 0.1) * 0.5,
            });
            close(&got[0], &want, 1e-6);
        }
    }
}
