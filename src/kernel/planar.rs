//! Pointwise work on separate planes, and the steps between one component and three.

use std::collections::VecDeque;
use std::sync::Arc;

use super::dispatch::{Isa, per_isa};
use super::lookup::Lookup;
use super::{BoxRows, Rows};

/// A pointwise run that stays on the planes: Y' = f(Y), (Cb', Cr') = A (Cb, Cr) + b, all in
/// unit codes.
pub struct PlanarPoint<'a> {
    up: BoxRows<'a>,
    luma: Option<Arc<Lookup>>,
    chroma: Option<[[f32; 3]; 2]>,
    /// Rows of the other chroma plane, made along with the one that was asked for: plane 1 of
    /// this, plane 2 of this.
    waiting: [VecDeque<(usize, Vec<f32>)>; 2],
    spare: Vec<Vec<f32>>,
    isa: Isa,
}

impl<'a> PlanarPoint<'a> {
    /// `None` leaves a plane as it is. A row of `chroma` is the factors of Cb and of Cr and the
    /// offset.
    pub fn new(up: BoxRows<'a>, luma: Option<Arc<Lookup>>, chroma: Option<[[f32; 3]; 2]>) -> Self {
        Self { up, luma, chroma, waiting: Default::default(), spare: Vec::new(), isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    fn mixed(&mut self, m: [[f32; 3]; 2], plane: usize, y: usize, out: &mut [f32]) {
        while let Some((made, row)) = self.waiting[plane - 1].pop_front() {
            if made == y {
                out.copy_from_slice(&row);
            }
            self.spare.push(row);
            if made == y {
                return;
            }
        }
        let mut other = self.spare.pop().unwrap_or_default();
        other.resize(out.len(), 0.0);
        self.up.row(plane, y, out);
        self.up.row(3 - plane, y, &mut other);
        if plane == 1 {
            chroma(self.isa, &m, out, &mut other);
        } else {
            chroma(self.isa, &m, &mut other, out);
        }
        self.waiting[2 - plane].push_back((y, other));
    }
}

impl Rows for PlanarPoint<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.up.begin(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        match (plane, &self.luma, self.chroma) {
            (0, Some(table), _) => {
                self.up.row(0, y, out);
                table.apply(self.isa, out);
            }
            (0, None, _) | (_, _, None) => self.up.row(plane, y, out),
            (_, _, Some(m)) if m[0][1] == 0.0 && m[1][0] == 0.0 => {
                self.up.row(plane, y, out);
                affine(self.isa, m[plane - 1][plane - 1], m[plane - 1][2], out);
            }
            (_, _, Some(m)) => self.mixed(m, plane, y, out),
        }
    }
}

per_isa! {
    fn affine(a: f32, b: f32, values: &mut [f32]) {
        for v in values {
            *v = *v * a + b;
        }
    }

    fn chroma(m: &[[f32; 3]; 2], cb: &mut [f32], cr: &mut [f32]) {
        let [p, q] = *m;
        for (cb, cr) in cb.iter_mut().zip(cr) {
            let v = [*cb, *cr];
            *cb = p[0] * v[0] + p[1] * v[1] + p[2];
            *cr = q[0] * v[0] + q[1] * v[1] + q[2];
        }
    }
}

/// One plane of several, as the only one: luma without its chroma.
pub struct TakePlane<'a> {
    up: BoxRows<'a>,
    plane: usize,
    planes: usize,
}

impl<'a> TakePlane<'a> {
    /// Takes `plane` of the `planes` that `up` gives. The others are never asked for.
    pub fn new(up: BoxRows<'a>, plane: usize, planes: usize) -> Self {
        Self { up, plane, planes }
    }
}

impl Rows for TakePlane<'_> {
    fn begin(&mut self, first: &[usize]) {
        let mut all = vec![usize::MAX; self.planes];
        all[self.plane] = first[0];
        self.up.begin(&all);
    }

    fn row(&mut self, _plane: usize, y: usize, out: &mut [f32]) {
        self.up.row(self.plane, y, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookup::Precision;
    use super::*;
    use crate::kernel::testing::{Picture, check, close, formula, planar};

    #[test]
    fn planes_follow_their_formulas() {
        let p = Picture::noise(&planar(77, 21, 1, 1));
        let luma = Lookup::new(|v| 1.5 * v - 0.1, (0.0, 1.0), Precision::Sixteen).shared();
        for across in [0.0, 0.25] {
            let m = [[0.5, across as f32, 0.25], [-across as f32, 0.75, 0.125]];
            let got = check(&p.shapes, &|isa| {
                Box::new(PlanarPoint::new(p.rows(), Some(luma.clone()), Some(m)).on(isa))
            });
            let at = |plane, x, y| p.at(plane, x, y, 0);
            close(&got[0], &formula(p.shapes[0], |x, y, _| 1.5 * at(0, x, y) - 0.1), 1e-6);
            let cb =
                formula(p.shapes[1], |x, y, _| 0.5 * at(1, x, y) + across * at(2, x, y) + 0.25);
            let cr =
                formula(p.shapes[2], |x, y, _| -across * at(1, x, y) + 0.75 * at(2, x, y) + 0.125);
            close(&got[1], &cb, 1e-6);
            close(&got[2], &cr, 1e-6);
        }
    }

    #[test]
    fn absent_functions_leave_planes_alone() {
        let p = Picture::noise(&planar(9, 8, 1, 1));
        let got = check(&p.shapes, &|isa| Box::new(PlanarPoint::new(p.rows(), None, None).on(isa)));
        assert_eq!(got, p.planes);
    }

    #[test]
    fn a_taken_plane_is_the_only_one() {
        let p = Picture::noise(&planar(9, 8, 0, 0));
        for plane in 0..3 {
            let got = check(&p.shapes[..1], &|_| Box::new(TakePlane::new(p.rows(), plane, 3)));
            assert_eq!(got[0], p.planes[plane]);
        }
    }
}
