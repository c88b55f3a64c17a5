//! Convolution with any small kernel, and the length of the Sobel gradient.

use super::dispatch::{Isa, per_isa};
use super::lined::{LINE, Padded};
use super::ring::{Ring, around, keep, replicated, sum_rows, weighted_sum};
use super::{BoxRows, Components, Rows};
use crate::frame::PlaneShape;

/// The rows around one, padded at both ends, for each plane that an operation changes.
struct Surroundings<'a> {
    up: BoxRows<'a>,
    planes: Vec<Option<(PlaneShape, Ring<Padded>)>>,
    /// Pixels on each side, along rows and along columns.
    radius: (usize, usize),
}

impl<'a> Surroundings<'a> {
    fn new(
        up: BoxRows<'a>,
        shapes: &[PlaneShape],
        enabled: &[bool],
        radius: (usize, usize),
    ) -> Self {
        let planes = shapes.iter().zip(enabled);
        let planes = planes.map(|(s, on)| on.then(|| (*s, Ring::new()))).collect();
        Self { up, planes, radius }
    }

    fn begin(&mut self, first: &[usize]) {
        let halo = |p: &Option<_>| p.as_ref().map_or(0, |_| self.radius.1);
        let first: Vec<usize> =
            first.iter().zip(&self.planes).map(|(y, p)| y.saturating_sub(halo(p))).collect();
        self.up.begin(&first);
    }

    /// Hands `work` the shape and the padded rows around row `y`, edges replicated; a plane that
    /// is not enabled passes.
    fn visit(
        &mut self,
        plane: usize,
        y: usize,
        out: &mut [f32],
        work: impl FnOnce(PlaneShape, &[&Padded], &mut [f32]),
    ) {
        let (rx, ry) = self.radius;
        let Some((shape, ring)) = &mut self.planes[plane] else {
            return self.up.row(plane, y, out);
        };
        let (first, last) = around(y..y + 1, ry, shape.height);
        let up = &mut *self.up;
        ring.need(first, last, |y, row: &mut Padded| {
            up.row(plane, y, row.inside(rx * shape.components, shape.row()));
            row.repeat(shape.components, rx);
        });
        let rows: Vec<&Padded> =
            replicated(y..y + 1, ry, shape.height).map(|y| ring.row(y)).collect();
        work(*shape, &rows, out);
    }

    /// [`Self::visit`] for row `y` of each plane.
    fn visit_all(
        &mut self,
        y: usize,
        outs: &mut [&mut [f32]],
        mut work: impl FnMut(PlaneShape, &[&Padded], &mut [f32]),
    ) {
        self.fetch_all(y);
        for (plane, out) in outs.iter_mut().enumerate() {
            self.visit(plane, y, out, &mut work);
        }
    }

    /// Fetches the rows around row `y` of all planes together, if all lack the same ones.
    fn fetch_all(&mut self, y: usize) {
        let Self { up, planes, radius: (rx, ry) } = self;
        let Some(Some((shape, _))) = planes.first() else { return };
        let shape = *shape;
        let (first, last) = around(y..y + 1, *ry, shape.height);
        let all = planes.len();
        let mut rings: Vec<_> = planes.iter_mut().flatten().map(|(_, ring)| ring).collect();
        let missing: Vec<usize> = rings.iter_mut().map(|ring| ring.begin(first)).collect();
        if rings.len() < all || missing.iter().any(|&y| y != missing[0]) {
            return;
        }
        for y in missing[0]..=last {
            let mut rows: Vec<Padded> = rings.iter_mut().map(|ring| ring.spare()).collect();
            let (pad, len) = (*rx * shape.components, shape.row());
            let mut places: Vec<&mut [f32]> =
                rows.iter_mut().map(|row| row.inside(pad, len)).collect();
            up.rows(y, &mut places);
            for (ring, mut row) in rings.iter_mut().zip(rows) {
                row.repeat(shape.components, *rx);
                ring.push(row);
            }
        }
    }
}

/// `sum(weights * v) + bias` over a window, not mirrored. Edges replicate.
pub struct ConvolveRows<'a> {
    rows: Surroundings<'a>,
    terms: Terms,
    /// Room for the sums of rows.
    summed: Vec<Padded>,
    bias: f32,
    mask: Components,
    isa: Isa,
}

/// What a convolution adds up.
struct Terms {
    /// Rows that are added up first, since several columns of the window weigh them alike.
    sums: Vec<Vec<usize>>,
    /// What is weighed, with its column in the window; that of equal weights together.
    places: Vec<(usize, Place)>,
    /// The weights that are not 0, and how many places each has: equal ones are multiplied once.
    groups: Vec<(f32, usize)>,
}

/// Where a term comes from.
#[derive(Clone, Copy)]
enum Place {
    /// A row of the window.
    Row(usize),
    /// One of the sums of rows.
    Sum(usize),
}

impl Terms {
    fn new(width: usize, weights: &[f32]) -> Self {
        let height = weights.len() / width;
        let mut terms = Self { sums: Vec::new(), places: Vec::new(), groups: Vec::new() };
        for &weight in weights {
            if weight == 0.0 || terms.groups.iter().any(|(known, _)| *known == weight) {
                continue;
            }
            let before = terms.places.len();
            let rows = |x: usize| -> Vec<usize> {
                (0..height).filter(|y| weights[y * width + x] == weight).collect()
            };
            let columns: Vec<Vec<usize>> = (0..width).map(rows).collect();
            for (x, rows) in columns.iter().enumerate() {
                let alike = columns.iter().filter(|other| *other == rows).count();
                if rows.len() > 1 && alike > 1 {
                    let known = terms.sums.iter().position(|sum| sum == rows);
                    let sum = known.unwrap_or_else(|| {
                        terms.sums.push(rows.clone());
                        terms.sums.len() - 1
                    });
                    terms.places.push((x, Place::Sum(sum)));
                } else {
                    terms.places.extend(rows.iter().map(|&y| (x, Place::Row(y))));
                }
            }
            terms.groups.push((weight, terms.places.len() - before));
        }
        terms
    }
}

/// Values of a row that are summed before the next are: sums of rows and their sum stay in the
/// first-level cache.
const STRETCH: usize = 1024;

impl<'a> ConvolveRows<'a> {
    /// `weights` are `width` times their number of rows, both odd, from the top left; `enabled`
    /// says which planes change.
    pub fn new(
        up: BoxRows<'a>,
        shapes: &[PlaneShape],
        enabled: &[bool],
        mask: Components,
        (width, weights): (usize, &[f64]),
        bias: f64,
    ) -> Self {
        let height = weights.len() / width;
        assert!(width % 2 == 1 && height % 2 == 1 && weights.len() == width * height, "odd sides");
        let weights: Vec<f32> = weights.iter().map(|w| *w as f32).collect();
        let terms = Terms::new(width, &weights);
        Self {
            rows: Surroundings::new(up, shapes, enabled, (width / 2, height / 2)),
            summed: terms.sums.iter().map(|_| Padded::default()).collect(),
            terms,
            bias: bias as f32,
            mask,
            isa: Isa::best(),
        }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// Where rows come from, and what is made of those around one.
    fn parts(
        &mut self,
    ) -> (&mut Surroundings<'a>, impl FnMut(PlaneShape, &[&Padded], &mut [f32]) + use<'_, 'a>) {
        let (rx, ry) = self.rows.radius;
        let Self { rows, terms: Terms { sums, places, groups }, summed, bias, mask, isa } = self;
        let sum = move |shape: PlaneShape, rows: &[&Padded], out: &mut [f32]| {
            let n = shape.components;
            let pad = (rx * n).next_multiple_of(LINE);
            for (index, out) in out.chunks_mut(STRETCH).enumerate() {
                let (at, len) = (index * STRETCH, out.len());
                for (sum, summed) in sums.iter().zip(&mut *summed) {
                    let begin = at as isize - pad as isize;
                    let from = |&y: &usize| rows[y].from(begin, len + 2 * pad);
                    let rows: Vec<&[f32]> = sum.iter().map(from).collect();
                    sum_rows(*isa, &rows, summed.whole(pad, len));
                }
                let part = |&(x, place): &(usize, Place)| {
                    let offset = (x * n) as isize - (rx * n) as isize;
                    match place {
                        Place::Row(y) => rows[y].from(at as isize + offset, len),
                        Place::Sum(sum) => summed[sum].from(offset, len),
                    }
                };
                let parts: Vec<&[f32]> = places.iter().map(part).collect();
                weighted_sum(*isa, &parts, groups, *bias, out);
            }
            keep(*mask, n, rows[ry].from(0, shape.row()), out);
        };
        (rows, sum)
    }
}

impl Rows for ConvolveRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.rows.begin(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let (rows, sum) = self.parts();
        rows.visit(plane, y, out, sum);
    }

    fn rows(&mut self, y: usize, outs: &mut [&mut [f32]]) {
        let (rows, sum) = self.parts();
        rows.visit_all(y, outs, sum);
    }
}

/// `scale * sqrt(gx^2 + gy^2) + bias` of the Sobel operators. Edges replicate.
pub struct GradientRows<'a> {
    rows: Surroundings<'a>,
    scale: f32,
    bias: f32,
    mask: Components,
    isa: Isa,
}

impl<'a> GradientRows<'a> {
    /// `enabled` says which planes change.
    pub fn new(
        up: BoxRows<'a>,
        shapes: &[PlaneShape],
        enabled: &[bool],
        mask: Components,
        scale: f64,
        bias: f64,
    ) -> Self {
        let rows = Surroundings::new(up, shapes, enabled, (1, 1));
        Self { rows, scale: scale as f32, bias: bias as f32, mask, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// Where rows come from, and what is made of those around one.
    fn parts(
        &mut self,
    ) -> (&mut Surroundings<'a>, impl Fn(PlaneShape, &[&Padded], &mut [f32]) + use<'_, 'a>) {
        let Self { rows, scale, bias, mask, isa } = self;
        let length = move |shape: PlaneShape, rows: &[&Padded], out: &mut [f32]| {
            let n = shape.components;
            let mut parts = [[&[][..]; 3]; 3];
            for (parts, row) in parts.iter_mut().zip(rows) {
                for (x, part) in parts.iter_mut().enumerate() {
                    *part = row.from((x as isize - 1) * n as isize, shape.row());
                }
            }
            gradient(*isa, &parts, *scale, *bias, out);
            keep(*mask, n, parts[1][1], out);
        };
        (rows, length)
    }
}

impl Rows for GradientRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.rows.begin(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let (rows, length) = self.parts();
        rows.visit(plane, y, out, length);
    }

    fn rows(&mut self, y: usize, outs: &mut [&mut [f32]]) {
        let (rows, length) = self.parts();
        rows.visit_all(y, outs, length);
    }
}

per_isa! {
    fn gradient(rows: &[[&[f32]; 3]; 3], scale: f32, bias: f32, out: &mut [f32]) {
        let n = out.len();
        let [a, b, c] = rows.map(|row| row.map(|part| &part[..n]));
        for (i, o) in out.iter_mut().enumerate() {
            let gx = (a[2][i] - a[0][i]) + 2.0 * (b[2][i] - b[0][i]) + (c[2][i] - c[0][i]);
            let gy = (c[0][i] - a[0][i]) + 2.0 * (c[1][i] - a[1][i]) + (c[2][i] - a[2][i]);
            *o = scale * (gx * gx + gy * gy).sqrt() + bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Picture, check, close, formula, planar, shape};

    #[test]
    fn a_convolution_is_its_sum() {
        for (width, height, shapes) in [
            (3, 3, vec![shape(70, 19, 3)]),
            (3, 3, vec![shape(70, 19, 1); 3]),
            // Longer than a stretch.
            (5, 5, vec![shape(343, 7, 3)]),
            (3, 3, vec![shape(1030, 4, 1); 2]),
            (5, 1, vec![shape(3, 9, 4)]),
            (1, 7, vec![shape(66, 4, 1); 2]),
        ] {
            let p = Picture::noise(&shapes);
            let s = shapes[0];
            let mut uneven: Vec<f64> =
                (0..width * height).map(|i| (i as f64 * 0.37).sin() / 4.0).collect();
            uneven[0] = 0.0;
            // Columns that share the sum of their rows, and one that does not.
            let mut even = vec![-0.125; width * height];
            even[width * height / 2] = 1.5;
            let masks = [Components::ALL, Components::FIRST];
            for (weights, mask) in [&uneven, &even].into_iter().flat_map(|w| masks.map(|m| (w, m)))
            {
                let got = check(&shapes, &|isa| {
                    let (kernel, all) = ((width, weights.as_slice()), vec![true; shapes.len()]);
                    let node = ConvolveRows::new(p.rows(), &shapes, &all, mask, kernel, 0.25);
                    Box::new(node.on(isa))
                });
                for (plane, got) in got.iter().enumerate() {
                    let want = formula(s, |x, y, c| {
                        if !mask.has(c) {
                            return p.at(plane, x, y, c);
                        }
                        let (rx, ry) = ((width / 2) as isize, (height / 2) as isize);
                        let term = |(i, w): (usize, &f64)| {
                            let (dx, dy) = ((i % width) as isize - rx, (i / width) as isize - ry);
                            w * p.at(plane, x + dx, y + dy, c)
                        };
                        0.25 + weights.iter().enumerate().map(term).sum::<f64>()
                    });
                    close(got, &want, 2e-6);
                }
            }
        }
    }

    #[test]
    fn the_gradient_is_sobels_and_only_where_it_is_asked_for() {
        for shapes in [planar(69, 22, 1, 0), vec![shape(69, 22, 1); 3]] {
            gradient_is_sobels(&Picture::noise(&shapes), [true, false, true]);
            gradient_is_sobels(&Picture::noise(&shapes), [true; 3]);
        }
    }

    fn gradient_is_sobels(p: &Picture, enabled: [bool; 3]) {
        let got = check(&p.shapes, &|isa| {
            let all = Components::ALL;
            Box::new(GradientRows::new(p.rows(), &p.shapes, &enabled, all, 0.5, 0.1).on(isa))
        });
        for plane in 0..3 {
            if !enabled[plane] {
                assert_eq!(got[plane], p.planes[plane]);
                continue;
            }
            let want = formula(p.shapes[plane], |x, y, _| {
                let at = |dx, dy| p.at(plane, x + dx, y + dy, 0);
                let (mut gx, mut gy) = (0.0, 0.0);
                for (k, w) in [(-1, 1.0), (0, 2.0), (1, 1.0)] {
                    gx += w * (at(1, k) - at(-1, k));
                    gy += w * (at(k, 1) - at(k, -1));
                }
                0.5 * (gx * gx + gy * gy).sqrt() + 0.1
            });
            close(&got[plane], &want, 2e-6);
        }
    }
}
