//! Separable averages and unsharp masking.

use super::dispatch::{Isa, per_isa};
use super::ring::{Ring, around, keep, padded, replicated, shifted, symmetric_sum};
use super::taps::{BoxWindow, Taps};
use super::{BoxRows, Components, Numbers, Rows};
use crate::frame::PlaneShape;

/// A separable blur, or `v + amount * (v - blur(v))`. Edges replicate.
pub struct BlurRows<'a> {
    up: BoxRows<'a>,
    planes: Vec<Option<PlaneBlur>>,
    mask: Components,
    amount: Option<f32>,
    isa: Isa,
}

/// A row blurred along itself, and as it came where that is needed too.
#[derive(Default)]
struct Row {
    blurred: Vec<f32>,
    /// The same in units of 2^-24, for running sums.
    fixed: Vec<i32>,
    original: Vec<f32>,
}

struct PlaneBlur {
    shape: PlaneShape,
    x: Method,
    y: Method,
    /// Pixels that the weights reach along rows, and along columns.
    radius: (usize, usize),
    ring: Ring<Row>,
    padded: Vec<f32>,
    fixed: Vec<i32>,
    prefix: Vec<i64>,
    /// Sums of each column over the rows around `middle`.
    sums: Vec<i64>,
    middle: Option<usize>,
}

enum Method {
    Weights(Vec<f32>),
    /// Exact integer sums: adding a row and taking another away leaves no error behind, so a
    /// band that starts anywhere has the same sums.
    Running(BoxWindow),
}

/// Whole pixels on each side from which on a running sum is taken, along rows and along
/// columns. On 12 megapixels of RGB and AVX-512 weights took about 3 ms per pixel of radius and
/// axis, running sums 78 ms along rows and 30 ms along columns.
const RUNNING_X: usize = 26;
const RUNNING_Y: usize = 10;
/// Fixed point of the running sums: 2^24 per unit, the precision of an `f32` below 1.
const UNIT: f32 = 16_777_216.0;
/// Values beyond this are cut before they become fixed point; codes stay within 0..=1.
const LIMIT: f32 = 100.0;

impl Method {
    fn new(taps: &Taps, numbers: Numbers, least: usize) -> Self {
        match taps.boxed() {
            Some(window) if numbers == Numbers::Codes && window.inner >= least => {
                Self::Running(window)
            }
            _ => Self::Weights(taps.half().to_vec()),
        }
    }
}

impl<'a> BlurRows<'a> {
    /// `taps` are the weights along rows and along columns of each plane; `None` passes a plane
    /// through. With an `amount` the difference to the blur is added instead, times it.
    pub fn new(
        up: BoxRows<'a>,
        shapes: &[PlaneShape],
        taps: &[Option<(Taps, Taps)>],
        numbers: Numbers,
        mask: Components,
        amount: Option<f32>,
    ) -> Self {
        let plane = |(shape, taps): (&PlaneShape, &Option<(Taps, Taps)>)| {
            taps.as_ref().map(|(x, y)| PlaneBlur {
                shape: *shape,
                x: Method::new(x, numbers, RUNNING_X),
                y: Method::new(y, numbers, RUNNING_Y),
                radius: (x.radius(), y.radius()),
                ring: Ring::new(),
                padded: Vec::new(),
                fixed: Vec::new(),
                prefix: Vec::new(),
                sums: Vec::new(),
                middle: None,
            })
        };
        let planes = shapes.iter().zip(taps).map(plane).collect();
        Self { up, planes, mask, amount, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }
}

impl Rows for BlurRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        let radius = |p: &Option<PlaneBlur>| p.as_ref().map_or(0, |p| p.radius.1);
        let first: Vec<usize> =
            first.iter().zip(&self.planes).map(|(y, p)| y.saturating_sub(radius(p))).collect();
        self.up.begin(&first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let Some(blur) = &mut self.planes[plane] else {
            return self.up.row(plane, y, out);
        };
        let partial = !self.mask.covers(blur.shape.components);
        let original =
            if partial || self.amount.is_some() { Original::Keep } else { Original::Drop };
        let mut source = Source { up: &mut *self.up, plane, original, isa: self.isa };
        blur.average(&mut source, y, out);
        if original == Original::Drop {
            return;
        }
        let original = &blur.ring.row(y).original;
        if let Some(amount) = self.amount {
            sharpen(self.isa, original, amount, out);
        }
        if partial {
            keep(self.mask, blur.shape.components, original, out);
        }
    }
}

/// Where a plane's rows come from, and whether they are needed unblurred too.
struct Source<'s> {
    up: &'s mut dyn Rows,
    plane: usize,
    original: Original,
    isa: Isa,
}

#[derive(Clone, Copy, PartialEq)]
enum Original {
    Keep,
    Drop,
}

impl PlaneBlur {
    fn average(&mut self, source: &mut Source<'_>, y: usize, out: &mut [f32]) {
        let (radius, height) = (self.radius.1, self.shape.height);
        if let Method::Running(window) = self.y {
            self.run_to(source, window, y);
            let ends = (window.end > 0.0).then(|| {
                let end = y + window.inner + 1;
                let before = y.saturating_sub(window.inner + 1);
                [before, end.min(height - 1)].map(|y| self.ring.row(y).fixed.as_slice())
            });
            scale_sums(source.isa, &self.sums, window.whole / UNIT, out);
            if let Some([a, b]) = ends {
                add_ends(source.isa, a, b, window.end / UNIT, out);
            }
            return;
        }
        let (first, last) = around(y, radius, height);
        self.need(source, first, last);
        if let Method::Weights(half) = &self.y {
            let rows: Vec<&[f32]> =
                replicated(y, radius, height).map(|y| &*self.ring.row(y).blurred).collect();
            symmetric_sum(source.isa, &rows, half, out);
        }
    }

    /// Brings the column sums to the window around row `y`.
    fn run_to(&mut self, source: &mut Source<'_>, window: BoxWindow, y: usize) {
        let (inner, height) = (window.inner, self.shape.height);
        let from = match self.middle {
            Some(middle) if y - middle <= 2 * inner => middle,
            _ => {
                let (first, last) = around(y, self.radius.1, height);
                self.need(source, first, last);
                self.sums.clear();
                self.sums.resize(self.shape.row(), 0);
                for row in replicated(y, inner, height) {
                    change_sums(source.isa, &mut self.sums, &self.ring.row(row).fixed, 1);
                }
                y
            }
        };
        for middle in from + 1..=y {
            // The row that leaves the window is one above it.
            let leaves = (middle - 1).saturating_sub(inner);
            let first = leaves.min(middle.saturating_sub(self.radius.1));
            self.need(source, first, (middle + self.radius.1).min(height - 1));
            let enters = (middle + inner).min(height - 1);
            change_sums(source.isa, &mut self.sums, &self.ring.row(leaves).fixed, -1);
            change_sums(source.isa, &mut self.sums, &self.ring.row(enters).fixed, 1);
        }
        self.middle = Some(y);
    }

    /// Makes the rows `first..=last`, blurred along themselves.
    fn need(&mut self, source: &mut Source<'_>, first: usize, last: usize) {
        let Self { shape, x, y: method, radius, ring, padded: pad, fixed, prefix, .. } = self;
        let (shape, reach) = (*shape, radius.0);
        let step = shape.components;
        ring.need(first, last, |y, row| {
            padded(source.up, source.plane, y, shape, reach, pad);
            if source.original == Original::Keep {
                row.original.clear();
                row.original.extend_from_slice(&pad[reach * step..reach * step + shape.row()]);
            }
            row.blurred.resize(shape.row(), 0.0);
            match x {
                Method::Weights(half) => {
                    let rows: Vec<&[f32]> =
                        shifted(pad, 2 * reach + 1, step, shape.row()).collect();
                    symmetric_sum(source.isa, &rows, half, &mut row.blurred);
                }
                Method::Running(window) => {
                    fix(source.isa, pad, fixed);
                    accumulate(fixed, step, prefix);
                    let skip = (reach - window.inner) * step;
                    let sums = &prefix[skip..prefix.len() - skip];
                    let width = (2 * window.inner + 1) * step;
                    window_sums(source.isa, sums, width, window.whole / UNIT, &mut row.blurred);
                    if window.end > 0.0 {
                        let far = &fixed[2 * reach * step..];
                        add_ends(source.isa, fixed, far, window.end / UNIT, &mut row.blurred);
                    }
                }
            }
            if matches!(method, Method::Running(_)) {
                fix(source.isa, &row.blurred, &mut row.fixed);
            }
        });
    }
}

/// Values in units of 2^-24, to the nearest.
fn fix(isa: Isa, values: &[f32], out: &mut Vec<i32>) {
    out.resize(values.len(), 0);
    fix_all(isa, values, out);
}

/// Entry `i` is the sum of all values before `i` at a multiple of `step` from it.
fn accumulate(values: &[i32], step: usize, out: &mut Vec<i64>) {
    out.clear();
    out.resize(values.len() + step, 0);
    for (i, &v) in values.iter().enumerate() {
        out[i + step] = out[i] + i64::from(v);
    }
}

per_isa! {
    fn fix_all(values: &[f32], out: &mut [i32]) {
        for (o, &v) in out.iter_mut().zip(values) {
            let v = if v > -LIMIT { v } else { -LIMIT };
            let v = if v < LIMIT { v } else { LIMIT } * UNIT;
            let half = if v < 0.0 { -0.5 } else { 0.5 };
            // SAFETY: within 100 * 2^24, under 2^31; NaN has become -100.
            *o = unsafe { (v + half).to_int_unchecked() };
        }
    }

    fn window_sums(prefix: &[i64], width: usize, scale: f32, out: &mut [f32]) {
        for ((o, a), b) in out.iter_mut().zip(prefix).zip(&prefix[width..]) {
            *o = (b - a) as f32 * scale;
        }
    }

    fn scale_sums(sums: &[i64], scale: f32, out: &mut [f32]) {
        for (o, &s) in out.iter_mut().zip(sums) {
            *o = s as f32 * scale;
        }
    }

    fn add_ends(a: &[i32], b: &[i32], scale: f32, out: &mut [f32]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o += (i64::from(a) + i64::from(b)) as f32 * scale;
        }
    }

    fn change_sums(sums: &mut [i64], row: &[i32], sign: i64) {
        for (s, &v) in sums.iter_mut().zip(row) {
            *s += sign * i64::from(v);
        }
    }

    fn sharpen(original: &[f32], amount: f32, out: &mut [f32]) {
        for (o, &v) in out.iter_mut().zip(original) {
            *o = v + amount * (v - *o);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookup::Precision;
    use super::*;
    use crate::filter::Window;
    use crate::kernel::taps;
    use crate::kernel::testing::{Picture, check, close, formula, planar, shape};

    /// A window's weights, from its definition, wide enough for any use here.
    fn weights(window: Window) -> Vec<f64> {
        let half: Vec<f64> = match window {
            Window::Gaussian { sigma } => {
                (0..200).map(|k| (-0.5 * (f64::from(k) / sigma).powi(2)).exp()).collect()
            }
            Window::Box { width } => {
                (0..200).map(|k| (width / 2.0 - (f64::from(k) - 0.5)).clamp(0.0, 1.0)).collect()
            }
            _ => vec![1.0],
        };
        let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
        half.iter().map(|w| w / sum).collect()
    }

    fn direct(p: &Picture, plane: usize, x: Window, y: Window) -> Vec<f64> {
        let (wx, wy) = (weights(x), weights(y));
        let s = p.shapes[plane];
        let along = formula(s, |i, j, c| {
            let side =
                |k: usize| p.at(plane, i - k as isize, j, c) + p.at(plane, i + k as isize, j, c);
            wx[0] * p.at(plane, i, j, c) + (1..wx.len()).map(|k| wx[k] * side(k)).sum::<f64>()
        });
        let at = |i: isize, j: isize, c: usize| {
            let j = j.clamp(0, s.height as isize - 1) as usize;
            along[j * s.row() + i as usize * s.components + c]
        };
        formula(s, |i, j, c| {
            let side = |k: usize| at(i, j - k as isize, c) + at(i, j + k as isize, c);
            wy[0] * at(i, j, c) + (1..wy.len()).map(|k| wy[k] * side(k)).sum::<f64>()
        })
    }

    #[test]
    fn blurs_are_their_sums_on_every_plane() {
        let windows = [
            Window::Point,
            Window::Gaussian { sigma: 0.7 },
            Window::Gaussian { sigma: 3.0 },
            Window::Box { width: 1.0 },
            Window::Box { width: 4.5 },
            Window::Box { width: 61.0 },
            Window::Box { width: 56.5 },
        ];
        for (i, &x) in windows.iter().enumerate() {
            let y = windows[(i * 3 + 2) % windows.len()];
            for s in [shape(71, 43, 3), shape(5, 61, 1), shape(70, 3, 4), shape(1, 1, 2)] {
                let p = Picture::noise(&[s]);
                let pair =
                    Some((taps::of(x, 0, Precision::Eight), taps::of(y, 0, Precision::Eight)));
                for numbers in [Numbers::Codes, Numbers::Reals] {
                    let got = check(&[s], &|isa| {
                        let taps = std::slice::from_ref(&pair);
                        let all = Components::ALL;
                        let blur = BlurRows::new(p.rows(), &[s], taps, numbers, all, None);
                        Box::new(blur.on(isa))
                    });
                    // What a Gaussian leaves away on two axes, and f32.
                    close(&got[0], &direct(&p, 0, x, y), 1.3e-4);
                }
            }
        }
    }

    #[test]
    fn a_mask_and_planes_without_taps_keep_what_they_had() {
        let wide = Window::Box { width: 70.0 };
        let s = shape(31, 29, 3);
        let p = Picture::noise(&[s]);
        let taps_of =
            |w| [Some((taps::of(w, 0, Precision::Eight), taps::of(w, 0, Precision::Eight)))];
        let got = check(&[s], &|isa| {
            let (taps, first) = (taps_of(wide), Components::FIRST);
            let codes = Numbers::Codes;
            Box::new(BlurRows::new(p.rows(), &[s], &taps, codes, first, Some(0.5)).on(isa))
        });
        let blurred = direct(&p, 0, wide, wide);
        let want = formula(s, |x, y, c| {
            let v = p.at(0, x, y, c);
            let b = blurred[y as usize * s.row() + x as usize * 3 + c];
            if c == 0 { v + 0.5 * (v - b) } else { v }
        });
        close(&got[0], &want, 1e-5);

        let p = Picture::noise(&planar(21, 12, 1, 1));
        let [luma] = taps_of(Window::Gaussian { sigma: 1.0 });
        let taps = [luma, None, None];
        let got = check(&p.shapes, &|isa| {
            let all = Components::ALL;
            let blur = BlurRows::new(p.rows(), &p.shapes, &taps, Numbers::Codes, all, None);
            Box::new(blur.on(isa))
        });
        assert_eq!(got[1..], p.planes[1..]);
        assert_ne!(got[0], p.planes[0]);
    }
}
