//! [`super::Through`] from bytes to bytes: the bits that the rows give, in fewer passes.

use std::ops::Range;
use std::sync::Arc;

use super::Sited;
use crate::frame::PlaneShape;
use crate::kernel::dispatch::{Isa, per_isa};
use crate::kernel::grid::Grid;
use crate::kernel::load::code;
use crate::kernel::point::{BLOCK, Block, Colors, Step};
use crate::kernel::view::{Codes, PlaneMut, RowMut, View};

/// A pointwise run on 8-bit planes whose chroma is full or halved along each axis, and centred
/// there. Luma rows that share a row of chroma are made together, a block of columns at a time.
///
/// In a block the even columns come first, then the odd ones, so that no step has to take chroma
/// and luma apart or put them together again.
pub struct Through8 {
    luma: PlaneShape,
    chroma: PlaneShape,
    /// Of the rows and of the columns of luma that belong to a sample of chroma: the first of the
    /// two samples around each, relative to it, and their weights.
    y: Vec<(isize, [f32; 2])>,
    x: Vec<(isize, [f32; 2])>,
    steps: Arc<[Step]>,
    isa: Isa,
}

/// Samples of chroma for a block, one more at each end.
const AROUND: usize = BLOCK / 2 + 2;

impl Through8 {
    /// `None` where the planes are not of the kind that this is for.
    pub fn new(planes: Sited, steps: Arc<[Step]>) -> Option<Self> {
        let Sited { shapes: [luma, chroma, _], siting } = planes;
        let easy = |shift: u8, cosited: bool| shift == 0 || (shift == 1 && !cosited);
        let along = easy(chroma.shift_x, siting.cosited_x());
        (along && easy(chroma.shift_y, siting.cosited_y())).then(|| Self {
            luma,
            chroma,
            y: Grid::y(siting, chroma.shift_y).rise(),
            x: Grid::x(siting, chroma.shift_x).rise(),
            steps,
            isa: Isa::best(),
        })
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// Computes one band; `band` is the first row and the rows of each plane.
    pub fn compute(&self, views: &[View<'_>], band: &mut [(usize, PlaneMut<'_>)]) {
        let ([y, cb, cr], [(start, luma), (first, to_cb), (_, to_cr)]) = (views, band) else {
            unreachable!("there are three planes");
        };
        for row in 0..to_cb.shape().height {
            if let (RowMut::U8(cb_out), RowMut::U8(cr_out)) = (to_cb.row(row), to_cr.row(row)) {
                let out = Out { start: *start, luma, chroma: [cb_out, cr_out] };
                self.rows([y, cb, cr], *first + row, out);
            }
        }
    }

    /// Makes row `c` of chroma and the rows of luma that share it.
    fn rows(&self, views: [&View<'_>; 3], c: usize, out: Out<'_, '_>) {
        let (isa, rows, columns) = (self.isa, self.y.len(), self.x.len());
        let Out { start, luma, chroma: [to_cb, to_cr] } = out;
        let share = 1.0 / rows as f32;
        let mut block = [[0.0; BLOCK]; 3];
        let mut sums = [[0.0; BLOCK]; 2];
        for first in (0..self.luma.width).step_by(BLOCK) {
            let len = BLOCK.min(self.luma.width - first);
            let (from, pixels) = (first / columns, len.div_ceil(columns));
            sums.iter_mut().for_each(|sum| sum[..pixels].fill(0.0));
            for row in 0..rows {
                // A row that is missing at the end counts as the one before it does.
                let y = (c * rows + row).min(self.luma.height - 1);
                self.enter(views, y, first..first + len, &mut block);
                for step in &*self.steps {
                    step.apply(isa, Colors::Three, &mut block, pixels * columns);
                }
                if let RowMut::U8(to) = luma.row(y - start) {
                    self.leave(&mut block, &mut to[first..first + len], &mut sums, share);
                }
            }
            for (to, sum) in [&mut *to_cb, &mut *to_cr].into_iter().zip(&sums) {
                codes(isa, &sum[..pixels], &mut to[from..from + pixels]);
            }
        }
    }

    /// Fills a block with columns of luma row `y`.
    fn enter(&self, views: [&View<'_>; 3], y: usize, x: Range<usize>, block: &mut Block) {
        let (isa, rows, columns) = (self.isa, self.y.len(), self.x.len());
        let PlaneShape { width, height, .. } = self.chroma;
        let (nearest, weights) = self.y[y % rows];
        let above = (y / rows) as isize + nearest;
        let around = [above, above + 1].map(|c| c.clamp(0, height as isize - 1) as usize);
        let (from, pixels) = (x.start / columns, x.len().div_ceil(columns));
        let [luma, chroma @ ..] = block;
        let source = &bytes(views[0], y)[x];
        if columns == 1 {
            unit(isa, source, luma);
        } else {
            apart(isa, source, pixels, luma);
        }
        for (view, out) in views[1..].iter().zip(chroma) {
            let [a, b] = around.map(|row| bytes(view, row));
            if columns == 1 {
                blend(isa, &a[from..from + pixels], &b[from..from + pixels], weights, out);
                continue;
            }
            // One more at each end; at the ends of the row they are repeated.
            let mut between = [0.0; AROUND];
            let (start, end) = (from.saturating_sub(1), (from + pixels + 1).min(width));
            let inside = &mut between[start + 1 - from..=end - from];
            blend(isa, &a[start..end], &b[start..end], weights, inside);
            if from == 0 {
                between[0] = between[1];
            }
            if end == from + pixels {
                between[pixels + 1] = between[pixels];
            }
            let weights = [self.x[0].1, self.x[1].1];
            spread(isa, &between[..pixels + 2], weights, out);
        }
    }

    /// Writes a block to columns of a row of luma, and adds a `share` of its chroma to `sums`.
    fn leave(&self, block: &mut Block, to: &mut [u8], sums: &mut [[f32; BLOCK]; 2], share: f32) {
        let [luma, chroma @ ..] = block;
        if self.x.len() == 1 {
            codes(self.isa, &luma[..to.len()], to);
            for (sum, values) in sums.iter_mut().zip(chroma) {
                add(self.isa, &values[..to.len()], share, sum);
            }
            return;
        }
        let pixels = to.len().div_ceil(2);
        together(self.isa, &luma[..2 * pixels], to);
        for (sum, values) in sums.iter_mut().zip(chroma) {
            if to.len() % 2 == 1 {
                values[2 * pixels - 1] = values[pixels - 1];
            }
            add_pairs(self.isa, &values[..2 * pixels], share, sum);
        }
    }
}

/// Where a row of chroma and its rows of luma go.
struct Out<'o, 'p> {
    /// The row of the picture that the first one of `luma` is.
    start: usize,
    luma: &'o mut PlaneMut<'p>,
    chroma: [&'o mut [u8]; 2],
}

fn bytes<'a>(view: &View<'a>, y: usize) -> &'a [u8] {
    match view.row(y) {
        Codes::U8(row) => row,
        _ => unreachable!("the plan was made for 8 bits"),
    }
}

per_isa! {
    fn unit(row: &[u8], out: &mut [f32; BLOCK]) {
        for (o, &v) in out.iter_mut().zip(row) {
            *o = f32::from(v) * (1.0 / 255.0);
        }
    }

    /// Even columns, and from `half` on the odd ones.
    fn apart(row: &[u8], half: usize, out: &mut [f32; BLOCK]) {
        let (even, odd) = out.split_at_mut(half);
        let (pairs, rest) = row.as_chunks::<2>();
        for ((pair, e), o) in pairs.iter().zip(&mut *even).zip(odd) {
            let [low, high] = [u16::from_le_bytes(*pair) & 0xff, u16::from_le_bytes(*pair) >> 8];
            *e = f32::from(low) * (1.0 / 255.0);
            *o = f32::from(high) * (1.0 / 255.0);
        }
        if let [last] = rest {
            even[half - 1] = f32::from(*last) * (1.0 / 255.0);
        }
    }

    fn blend(a: &[u8], b: &[u8], weights: [f32; 2], out: &mut [f32]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            let (a, b) = (f32::from(a) * (1.0 / 255.0), f32::from(b) * (1.0 / 255.0));
            *o = a * weights[0] + b * weights[1];
        }
    }

    /// Chroma at the even columns and at the odd ones, from samples with one more at each end.
    fn spread(row: &[f32], weights: [[f32; 2]; 2], out: &mut [f32; BLOCK]) {
        let half = row.len() - 2;
        let (even, odd) = out.split_at_mut(half);
        let [p, q] = weights;
        for (((e, o), a), (b, c)) in
            even.iter_mut().zip(odd).zip(row).zip(row[1..].iter().zip(&row[2..]))
        {
            *e = a * p[0] + b * p[1];
            *o = b * q[0] + c * q[1];
        }
    }

    fn codes(values: &[f32], out: &mut [u8]) {
        for (o, &v) in out.iter_mut().zip(values) {
            *o = code(v, 255.0) as u8;
        }
    }

    /// The reverse of `apart`.
    fn together(values: &[f32], out: &mut [u8]) {
        let (even, odd) = values.split_at(values.len() / 2);
        let (pairs, rest) = out.as_chunks_mut::<2>();
        for ((pair, &e), &o) in pairs.iter_mut().zip(even).zip(odd) {
            *pair = (code(e, 255.0) as u16 | (code(o, 255.0) as u16) << 8).to_le_bytes();
        }
        if let ([last], [.., e]) = (rest, even) {
            *last = code(*e, 255.0) as u8;
        }
    }

    fn add(values: &[f32], share: f32, sum: &mut [f32; BLOCK]) {
        for (s, v) in sum.iter_mut().zip(values) {
            *s += v * share;
        }
    }

    /// Adds half of each even column and half of the odd one after it.
    fn add_pairs(values: &[f32], share: f32, sum: &mut [f32; BLOCK]) {
        let (even, odd) = values.split_at(values.len() / 2);
        for ((s, e), o) in sum.iter_mut().zip(even).zip(odd) {
            *s += (e * 0.5 + o * 0.5) * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Through;
    use super::*;
    use crate::frame::{Depth, Frame, Layout, Model, Plane, Samples, Siting, Size};
    use crate::frame::{Subsampling, Ycbcr};
    use crate::kernel::{Load, Lookup, Precision, fill};

    fn frame(width: u32, height: u32, subsampling: Subsampling) -> Frame {
        let model = Model::Ycbcr(Ycbcr::jpeg(subsampling));
        let layout = Layout::new(Size::new(width, height), model, Depth::U8).unwrap();
        let mut state = 0x9e37_79b9u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let planes = layout.planes().map(|s| {
            let samples = (0..s.row() * s.height).map(|_| next()).collect();
            Plane::new(Samples::U8(samples), s.row())
        });
        let planes = planes.collect();
        Frame::new(layout, planes).unwrap()
    }

    fn run() -> Arc<[Step]> {
        let square = Lookup::new(|v| v * v.abs(), (-1.0, 2.0), Precision::Eight).shared();
        let there = [[1.0, 0.0, 1.4, -0.7], [1.0, -0.3, -0.7, 0.5], [1.0, 1.8, 0.0, -0.9]];
        let back = [[0.3, 0.6, 0.1, 0.0], [-0.2, -0.3, 0.5, 0.5], [0.5, -0.4, -0.1, 0.5]];
        let curves = [square.clone(), square.clone(), square];
        Arc::new([Step::Matrix(there), Step::Curves(curves), Step::Matrix(back)])
    }

    fn sited(layout: &Layout, siting: Siting) -> Sited {
        Sited { shapes: [0, 1, 2].map(|i| layout.plane(i)), siting }
    }

    #[test]
    fn bytes_are_those_of_the_rows_in_any_bands() {
        let subsamplings =
            [Subsampling::S420, Subsampling::S422, Subsampling::S440, Subsampling::S444];
        let sizes =
            [(1, 1), (1, 6), (2, 3), (7, 1), (255, 4), (256, 5), (257, 6), (258, 2), (515, 7)];
        for subsampling in subsamplings {
            for (width, height) in sizes {
                let source = frame(width, height, subsampling);
                let (layout, views) = (*source.layout(), View::all(&source));
                let planes = sited(&layout, Siting::Center);
                let mut want = Frame::zeroed(layout);
                let up = Box::new(Load::new(views.clone()));
                let mut rows = Through::new(up, planes, run(), planes);
                let bands = PlaneMut::all(&mut want).into_iter().map(|plane| (0, plane));
                fill(&mut rows, &mut bands.collect::<Vec<_>>());
                for isa in Isa::available() {
                    for cut in [0, 1, height.div_ceil(2) as usize / 2] {
                        let made = Through8::new(planes, run()).unwrap().on(isa);
                        let mut got = Frame::zeroed(layout);
                        let cut = cut.min(layout.plane(1).height);
                        let at = |shape: PlaneShape| match shape.shift_y {
                            0 => (cut << layout.plane(1).shift_y).min(shape.height),
                            _ => cut,
                        };
                        let (mut first, mut second) = (Vec::new(), Vec::new());
                        for plane in PlaneMut::all(&mut got) {
                            let row = at(plane.shape());
                            let (head, tail) = plane.split_at(row);
                            first.push((0, head));
                            second.push((row, tail));
                        }
                        made.compute(&views, &mut second);
                        made.compute(&views, &mut first);
                        let name = isa.name();
                        assert!(got == want, "{layout} on {name}, cut at {cut}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_planes_have_no_short_way() {
        let of = |subsampling, siting| {
            let source = frame(8, 8, subsampling);
            Through8::new(sited(source.layout(), siting), run()).is_some()
        };
        assert!(of(Subsampling::S420, Siting::Center));
        assert!(!of(Subsampling::S420, Siting::Left));
        assert!(!of(Subsampling::S420, Siting::TopLeft));
        assert!(!of(Subsampling::S411, Siting::Center));
        assert!(of(Subsampling::S444, Siting::TopLeft));
        assert!(!of(Subsampling::S440, Siting::TopLeft));
        assert!(of(Subsampling::S440, Siting::Left), "not halved where it is co-sited");
    }
}
