//! Alpha: colour times alpha and back, onto a background, away, and opaque alpha put in.

use super::{BoxRows, Rows};

/// Declares a node that changes pixels of `components` in place.
macro_rules! in_place {
    ($(#[$meta:meta])* $name:ident, $change:ident) => {
        $(#[$meta])*
        pub struct $name<'a> {
            up: BoxRows<'a>,
            components: usize,
        }

        impl<'a> $name<'a> {
            /// `components` is 2 or 4, alpha being the last.
            pub fn new(up: BoxRows<'a>, components: usize) -> Self {
                assert!(components == 2 || components == 4, "alpha stands beside 1 or 3 colours");
                Self { up, components }
            }
        }

        impl Rows for $name<'_> {
            fn begin(&mut self, first: &[usize]) {
                self.up.begin(first);
            }

            fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
                self.up.row(plane, y, out);
                $change(out, self.components);
            }
        }
    };
}

in_place!(
    /// Colour times alpha: what area operations and resampling work on.
    Premultiply,
    premultiply
);

in_place!(
    /// Colour by alpha; colour is 0 where alpha is not over 0.
    Unpremultiply,
    unpremultiply
);

/// Colour times alpha in pixels of `components`, alpha the last.
pub(in crate::kernel) fn premultiply(values: &mut [f32], components: usize) {
    each(values, components, |alpha, color| color.iter_mut().for_each(|v| *v *= alpha));
}

/// Colour by alpha; colour is 0 where alpha is not over 0.
pub(in crate::kernel) fn unpremultiply(values: &mut [f32], components: usize) {
    each(values, components, |alpha, color| {
        color.iter_mut().for_each(|v| *v = if alpha > 0.0 { *v / alpha } else { 0.0 });
    });
}

#[inline(always)]
fn each(values: &mut [f32], components: usize, pixel: impl Fn(f32, &mut [f32])) {
    for values in values.chunks_exact_mut(components) {
        if let Some((alpha, color)) = values.split_last_mut() {
            pixel(*alpha, color);
        }
    }
}

/// Colour over an opaque background; alpha goes.
pub struct Flatten<'a> {
    up: BoxRows<'a>,
    background: Vec<f32>,
    pixels: Vec<f32>,
}

impl<'a> Flatten<'a> {
    /// `background` has one value, or three; `up` gives one component more than that, alpha
    /// last, not premultiplied.
    pub fn new(up: BoxRows<'a>, background: &[f32]) -> Self {
        Self { up, background: background.to_vec(), pixels: Vec::new() }
    }
}

impl Rows for Flatten<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.up.begin(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let colors = self.background.len();
        self.pixels.resize(out.len() / colors * (colors + 1), 0.0);
        self.up.row(plane, y, &mut self.pixels);
        for (o, p) in out.chunks_exact_mut(colors).zip(self.pixels.chunks_exact(colors + 1)) {
            let alpha = p[colors];
            for ((o, &v), &below) in o.iter_mut().zip(p).zip(&self.background) {
                *o = v * alpha + below * (1.0 - alpha);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Picture, check, close, formula, shape};

    #[test]
    fn colour_comes_back_except_where_it_is_invisible() {
        for components in [2, 4] {
            let s = shape(33, 8, components);
            let mut p = Picture::noise(&[s]);
            p.planes[0][components - 1] = 0.0;
            let last = components - 1;
            let got = check(&p.shapes, &|_| Box::new(Premultiply::new(p.rows(), components)));
            let want = formula(s, |x, y, c| {
                p.at(0, x, y, c) * if c == last { 1.0 } else { p.at(0, x, y, last) }
            });
            close(&got[0], &want, 1e-7);
            let got = check(&p.shapes, &|_| {
                let there = Box::new(Premultiply::new(p.rows(), components));
                Box::new(Unpremultiply::new(there, components))
            });
            let want =
                formula(
                    s,
                    |x, y, c| {
                        if (x, y) == (0, 0) && c != last { 0.0 } else { p.at(0, x, y, c) }
                    },
                );
            close(&got[0], &want, 1e-6);
        }
    }

    #[test]
    fn a_background_shows_as_far_as_alpha_lets_it() {
        let p = Picture::noise(&[shape(33, 8, 4)]);
        let s = shape(33, 8, 3);
        let below = [0.25, 0.5, 1.0];
        let got = check(&[s], &|_| Box::new(Flatten::new(p.rows(), &below)));
        let want = formula(s, |x, y, c| {
            let alpha = p.at(0, x, y, 3);
            p.at(0, x, y, c) * alpha + f64::from(below[c]) * (1.0 - alpha)
        });
        close(&got[0], &want, 1e-6);
    }
}
