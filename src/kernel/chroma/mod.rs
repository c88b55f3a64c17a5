//! Chroma up to full size and down again, at the siting of its samples.

mod bytes;
mod fall;
mod rise;

use std::sync::Arc;

use super::dispatch::Isa;
use super::point::{BLOCK, Colors, Parts, Step, join3, run, split3};
use super::{BoxRows, Rows};
use crate::frame::{PlaneShape, Siting};
pub use bytes::{Edges, Through8};
use fall::Fall;
use rise::Rise;

/// Three planes: their shapes, and where their chroma lies.
#[derive(Clone, Copy, Debug)]
pub struct Sited {
    /// Luma, Cb and Cr.
    pub shapes: [PlaneShape; 3],
    /// Of the samples of chroma among those of luma.
    pub siting: Siting,
}

/// Three planes to one of interleaved pixels at full size, by way of the steps of a run: chroma is
/// interpolated linearly between the two nearest samples along each axis; edges replicate.
///
/// In these nodes a block of columns stays in L1 from its first step to its last.
pub struct Lift<'a> {
    up: BoxRows<'a>,
    rise: Rise,
    steps: Arc<[Step]>,
    row: [Vec<f32>; 3],
}

impl<'a> Lift<'a> {
    /// `from` are the planes that `up` gives.
    pub fn new(up: BoxRows<'a>, from: Sited, steps: Arc<[Step]>) -> Self {
        let row = [(); 3].map(|()| vec![0.0; from.shapes[0].width]);
        Self { up, rise: Rise::new(from), steps, row }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.rise.isa = isa;
        self
    }
}

impl Rows for Lift<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.up.begin(&self.rise.begin(first[0]));
    }

    fn row(&mut self, _plane: usize, y: usize, out: &mut [f32]) {
        let Self { up, rise, steps, row } = self;
        let isa = rise.isa;
        lift(rise, steps, up, y, row.each_mut().map(Vec::as_mut_slice), |first, parts| {
            join3(isa, parts, &mut out[3 * first..3 * (first + parts[0].len())]);
        });
    }
}

/// One plane of interleaved pixels to three planes, by way of the steps of a run: chroma is
/// averaged over what it covers on centred axes and by a triangle on co-sited ones; edges
/// replicate.
///
/// Rows above that come in are queued until their plane is asked for them.
pub struct Lower<'a> {
    up: BoxRows<'a>,
    steps: Arc<[Step]>,
    fall: Fall,
    pixels: Vec<f32>,
}

impl<'a> Lower<'a> {
    /// `to` are the planes that it gives.
    pub fn new(up: BoxRows<'a>, steps: Arc<[Step]>, to: Sited) -> Self {
        let pixels = vec![0.0; to.shapes[0].width * 3];
        Self { up, steps, fall: Fall::new(to), pixels }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.fall.isa = isa;
        self
    }
}

impl Rows for Lower<'_> {
    fn begin(&mut self, first: &[usize]) {
        let first = self.fall.begin(first);
        self.up.begin(&[first]);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let Self { up, steps, fall, pixels } = self;
        let isa = fall.isa;
        fall.give(plane, y, out, |y, row| {
            up.row(0, y, pixels);
            each_block(row, |first, mut parts| {
                split3(isa, &pixels[3 * first..], &mut parts);
                run(steps, isa, Colors::Three, parts);
            });
        });
    }
}

/// [`Lift`], the steps of a run and [`Lower`] in one, without rows of interleaved pixels.
pub struct Through<'a> {
    up: BoxRows<'a>,
    rise: Rise,
    steps: Arc<[Step]>,
    fall: Fall,
}

impl<'a> Through<'a> {
    /// `from` are the planes above, `to` those that leave, of equal luma.
    pub fn new(up: BoxRows<'a>, from: Sited, steps: Arc<[Step]>, to: Sited) -> Self {
        Self { up, rise: Rise::new(from), steps, fall: Fall::new(to) }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        (self.rise.isa, self.fall.isa) = (isa, isa);
        self
    }
}

impl Rows for Through<'_> {
    fn begin(&mut self, first: &[usize]) {
        let first = self.fall.begin(first);
        self.up.begin(&self.rise.begin(first));
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let Self { up, rise, steps, fall } = self;
        fall.give(plane, y, out, |y, row| lift(rise, steps, up, y, row, |_, _| {}));
    }

    fn rows(&mut self, y: usize, outs: &mut [&mut [f32]]) {
        let Self { up, rise, steps, fall } = self;
        match outs {
            [a, b, c] if fall.pass(y) => lift(rise, steps, up, y, [a, b, c], |_, _| {}),
            _ => outs.iter_mut().enumerate().for_each(|(plane, out)| self.row(plane, y, out)),
        }
    }
}

/// Writes luma row `y` and chroma there to `row`, through the steps, block by block; `done` sees
/// each block, with its first column.
fn lift(
    rise: &mut Rise,
    steps: &[Step],
    up: &mut BoxRows<'_>,
    y: usize,
    mut row: Parts<'_>,
    mut done: impl FnMut(usize, &Parts<'_>),
) {
    rise.take(up, y, &mut row);
    each_block(row, |first, mut parts| {
        rise.columns(first, &mut parts);
        run(steps, rise.isa, Colors::Three, parts.each_mut().map(|part| &mut **part));
        done(first, &parts);
    });
}

/// A row in blocks of columns, each with its first column.
fn each_block(mut row: Parts<'_>, mut work: impl FnMut(usize, Parts<'_>)) {
    for first in (0..row[0].len()).step_by(BLOCK) {
        let end = row[0].len().min(first + BLOCK);
        work(first, row.each_mut().map(|part| &mut part[first..end]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Picture, check, close, formula, planar, shape};

    fn none() -> Arc<[Step]> {
        Arc::new([])
    }

    const SITINGS: [Siting; 3] = [Siting::Center, Siting::Left, Siting::TopLeft];

    fn every(mut f: impl FnMut(usize, usize, [PlaneShape; 3], Siting)) {
        for (width, height) in [(37, 22), (64, 16), (1, 1), (1, 9), (9, 1), (6, 7)] {
            for (h, v) in (0..3).flat_map(|h| (0..3).map(move |v| (h, v))) {
                let s = planar(width, height, h, v);
                for siting in SITINGS {
                    f(width, height, [s[0], s[1], s[2]], siting);
                }
            }
        }
    }

    /// The chroma position that a luma position falls on, by its definition.
    fn position(x: isize, shift: u8, cosited: bool) -> f64 {
        let n = f64::from(1u8 << shift);
        if cosited { x as f64 / n } else { (x as f64 + 0.5) / n - 0.5 }
    }

    #[test]
    fn chroma_rises_linearly_at_its_siting() {
        every(|width, height, s, siting| {
            let p = Picture::noise(&s);
            let out = shape(width, height, 3);
            let got = check(&[out], &|isa| {
                Box::new(Lift::new(p.rows(), Sited { shapes: s, siting }, none()).on(isa))
            });
            let want = formula(out, |x, y, c| {
                if c == 0 {
                    return p.at(0, x, y, 0);
                }
                let cx = position(x, s[1].shift_x, siting.cosited_x());
                let cy = position(y, s[1].shift_y, siting.cosited_y());
                let (fx, fy) = (cx.floor() as isize, cy.floor() as isize);
                let (u, v) = (cx - cx.floor(), cy - cy.floor());
                let at = |dx, dy| p.at(c, fx + dx, fy + dy, 0);
                (at(0, 0) * (1.0 - u) + at(1, 0) * u) * (1.0 - v)
                    + (at(0, 1) * (1.0 - u) + at(1, 1) * u) * v
            });
            close(&got[0], &want, 3e-7);
        });
    }

    #[test]
    fn chroma_falls_by_box_and_triangle() {
        every(|width, height, s, siting| {
            let p = Picture::noise(&[shape(width, height, 3)]);
            let got = check(&s, &|isa| {
                Box::new(Lower::new(p.rows(), none(), Sited { shapes: s, siting }).on(isa))
            });
            let weights = |shift: u8, cosited: bool| -> Vec<(isize, f64)> {
                match (shift, cosited) {
                    (0, _) => vec![(0, 1.0)],
                    (_, false) => {
                        let n = 1isize << shift;
                        (0..n).map(|k| (k, 1.0 / n as f64)).collect()
                    }
                    (1, true) => vec![(-1, 0.25), (0, 0.5), (1, 0.25)],
                    _ => (-3..=3).map(|k: isize| (k, (4 - k.abs()) as f64 / 16.0)).collect(),
                }
            };
            for (plane, s) in s.iter().enumerate() {
                let wx = weights(s.shift_x, siting.cosited_x());
                let wy = weights(s.shift_y, siting.cosited_y());
                let want = formula(*s, |x, y, _| {
                    let mut sum = 0.0;
                    for (dy, wy) in &wy {
                        for (dx, wx) in &wx {
                            let at = ((x << s.shift_x) + dx, (y << s.shift_y) + dy);
                            sum += wx * wy * p.at(0, at.0, at.1, plane);
                        }
                    }
                    sum
                });
                close(&got[plane], &want, 3e-7);
            }
        });
    }

    #[test]
    fn chroma_that_starts_above_luma_is_there() {
        let s = planar(16, 64, 1, 1);
        let s = [s[0], s[1], s[2]];
        let p = Picture::noise(&[shape(16, 64, 3)]);
        let mut lower = Lower::new(p.rows(), none(), Sited { shapes: s, siting: Siting::TopLeft });
        lower.begin(&[40, 3, 4]);
        let mut luma = [0.0; 16];
        lower.row(0, 40, &mut luma);
        let mut chroma = [0.0; 8];
        lower.row(2, 4, &mut chroma);
        lower.row(1, 3, &mut chroma);
        let mut whole = Lower::new(p.rows(), none(), Sited { shapes: s, siting: Siting::TopLeft });
        let mut want = [0.0; 8];
        whole.row(1, 3, &mut want);
        assert_eq!(chroma, want);
    }

    #[test]
    fn a_run_on_the_way_has_the_bits_of_nodes_of_its_own() {
        use crate::kernel::{ClampRows, Lookup, PointRows, Precision};
        let square = Lookup::new(|v| v * v, (-1.0, 2.0), Precision::Eight).shared();
        let mix = [[1.0, 0.0, 1.4, -0.7], [1.0, -0.3, -0.7, 0.5], [1.0, 1.8, 0.0, -0.9]];
        let run: Arc<[Step]> =
            Arc::new([Step::Matrix(mix), Step::Curves([square.clone(), square.clone(), square])]);
        let clamped: Arc<[Step]> = run.iter().cloned().chain([Step::Clamp]).collect();
        fn point<'a>(up: BoxRows<'a>, run: &Arc<[Step]>, isa: Isa) -> BoxRows<'a> {
            Box::new(PointRows::new(up, run.clone(), 3).on(isa))
        }
        fn lower(up: BoxRows<'_>, to: Sited, isa: Isa) -> BoxRows<'_> {
            Box::new(Lower::new(up, none(), to).on(isa))
        }
        every(|width, height, from, siting| {
            let p = Picture::noise(&from);
            let a = Sited { shapes: from, siting };
            let full = [shape(width, height, 3)];
            let lift = |isa| -> BoxRows<'_> { Box::new(Lift::new(p.rows(), a, none()).on(isa)) };
            let got =
                check(&full, &|isa| Box::new(Lift::new(p.rows(), a, clamped.clone()).on(isa)));
            let want = check(&full, &|isa| Box::new(ClampRows::new(point(lift(isa), &run, isa))));
            assert_eq!(got, want, "lifted from {from:?}");
            let pixels = Picture::noise(&full);
            for (h, v) in [(0, 0), (1, 0), (1, 1), (2, 0)] {
                let s = planar(width, height, h, v);
                let b = Sited { shapes: [s[0], s[1], s[2]], siting };
                let got =
                    check(&s, &|isa| Box::new(Lower::new(pixels.rows(), run.clone(), b).on(isa)));
                let want = check(&s, &|isa| lower(point(pixels.rows(), &run, isa), b, isa));
                assert_eq!(got, want, "lowered to {h}, {v}");
                let got =
                    check(&s, &|isa| Box::new(Through::new(p.rows(), a, run.clone(), b).on(isa)));
                let want = check(&s, &|isa| lower(point(lift(isa), &run, isa), b, isa));
                assert_eq!(got, want, "from {from:?} to {h}, {v}");
            }
        });
    }
}
