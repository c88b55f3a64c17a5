//! [`super::Through`] from bytes to bytes: the bits that the rows give, in fewer passes.

use std::sync::Arc;

use super::Sited;
use crate::frame::PlaneShape;
use crate::kernel::dispatch::{Isa, per_isa};
use crate::kernel::grid::Grid;
use crate::kernel::load::code;
use crate::kernel::point::{BLOCK, Block, Colors, Step, parts, run};
use crate::kernel::view::{PlaneMut, RowMut};

/// A pointwise run on 8-bit planes whose chroma is full or halved along each axis, and centred
/// there, in place. Luma rows that share a row of chroma are made together, a block of columns at a
/// time.
///
/// In a block the even columns come first, then the odd ones, so that no step has to take chroma
/// and luma apart or put them together again.
pub struct Through8 {
    /// Of the rows and of the columns of luma that belong to a sample of chroma: the first of the
    /// two samples around each, relative to it, and their weights.
    y: Vec<(isize, [f32; 2])>,
    x: Vec<(isize, [f32; 2])>,
    steps: Arc<[Step]>,
    isa: Isa,
}

/// A row of Cb and one of Cr.
type Pair = [Vec<u8>; 2];

/// The rows of chroma above and below a band as they were, or its own where the picture ends: its
/// neighbours may be done before it is.
pub struct Edges {
    above: Pair,
    below: Pair,
}

impl Edges {
    /// Those of all bands, before any is computed.
    pub fn of(bands: &mut [Vec<(usize, PlaneMut<'_>)>]) -> Vec<Self> {
        let ends = bands.iter_mut().map(|band| {
            let last = band[1].1.shape().height - 1;
            [0, last].map(|y| [1, 2].map(|plane| copy(&mut band[plane].1, y)))
        });
        let ends: Vec<[Pair; 2]> = ends.collect();
        let count = ends.len();
        let edges = |index: usize| Self {
            above: if index == 0 { ends[0][0].clone() } else { ends[index - 1][1].clone() },
            below: ends.get(index + 1).unwrap_or(&ends[index])[usize::from(index + 1 == count)]
                .clone(),
        };
        (0..count).map(edges).collect()
    }
}

/// Samples of chroma for a block, one more at each end.
const AROUND: usize = BLOCK / 2 + 2;

impl Through8 {
    /// `None` where the planes are not of the kind that this is for.
    pub fn new(planes: Sited, steps: Arc<[Step]>) -> Option<Self> {
        let Sited { shapes: [_, chroma, _], siting } = planes;
        let easy = |shift: u8, cosited: bool| shift == 0 || (shift == 1 && !cosited);
        let along = easy(chroma.shift_x, siting.cosited_x());
        (along && easy(chroma.shift_y, siting.cosited_y())).then(|| Self {
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

    /// Computes one band, which begins with a whole row of chroma.
    pub fn compute(&self, edges: Edges, band: &mut [(usize, PlaneMut<'_>)]) {
        let [(_, luma), (_, cb), (_, cr)] = band else { unreachable!("there are three planes") };
        let height = cb.shape().height;
        let here = [copy(cb, 0), copy(cr, 0)];
        let mut around = [edges.above, here, Pair::default()];
        for row in 0..height {
            if row + 1 < height {
                copy_to(cb, row + 1, &mut around[2][0]);
                copy_to(cr, row + 1, &mut around[2][1]);
            } else {
                around[2].clone_from(&edges.below);
            }
            if let (RowMut::U8(to_cb), RowMut::U8(to_cr)) = (cb.row(row), cr.row(row)) {
                self.rows(&around, row, luma, [to_cb, to_cr]);
            }
            around.rotate_left(1);
        }
    }

    /// Makes row `c` of chroma and the rows of luma that share it. `around` are the chroma above
    /// it, its own, and below it.
    fn rows(&self, around: &[Pair; 3], c: usize, luma: &mut PlaneMut<'_>, out: [&mut [u8]; 2]) {
        let (isa, rows, columns) = (self.isa, self.y.len(), self.x.len());
        let PlaneShape { width, height, .. } = luma.shape();
        let [to_cb, to_cr] = out;
        let share = 1.0 / rows as f32;
        let mut block = [[0.0; BLOCK]; 3];
        let mut sums = [[0.0; BLOCK]; 2];
        for first in (0..width).step_by(BLOCK) {
            let len = BLOCK.min(width - first);
            let (from, pixels) = (first / columns, len.div_ceil(columns));
            sums.iter_mut().for_each(|sum| sum[..pixels].fill(0.0));
            for (row, rise) in self.y.iter().enumerate() {
                // A row that is missing at the end counts as the one before it does.
                if c * rows + row < height
                    && let RowMut::U8(pixels) = luma.row(c * rows + row)
                {
                    self.pixels(around, rise, first, &mut pixels[first..first + len], &mut block);
                }
                for (sum, values) in sums.iter_mut().zip(&block[1..]) {
                    match columns {
                        1 => add(isa, &values[..pixels], share, sum),
                        _ => add_pairs(isa, &values[..2 * pixels], share, sum),
                    }
                }
            }
            codes(isa, &sums[0][..pixels], &mut to_cb[from..from + pixels]);
            codes(isa, &sums[1][..pixels], &mut to_cr[from..from + pixels]);
        }
    }

    /// Takes columns of a row of luma, from column `first` on, through the run. What becomes of
    /// their chroma stays in the block.
    fn pixels(
        &self,
        around: &[Pair; 3],
        (nearest, weights): &(isize, [f32; 2]),
        first: usize,
        luma: &mut [u8],
        block: &mut Block,
    ) {
        let (isa, columns, above) = (self.isa, self.x.len(), (nearest + 1) as usize);
        let (from, pixels) = (first / columns, luma.len().div_ceil(columns));
        let [y, chroma @ ..] = &mut *block;
        match columns {
            1 => unit(isa, luma, y),
            _ => apart(isa, luma, pixels, y),
        }
        for (plane, out) in chroma.iter_mut().enumerate() {
            let [a, b] = [0, 1].map(|row| around[above + row][plane].as_slice());
            if columns == 1 {
                blend(isa, &a[from..from + pixels], &b[from..from + pixels], *weights, out);
                continue;
            }
            // One more at each end; at the ends of the row they are repeated.
            let mut between = [0.0; AROUND];
            let (start, end) = (from.saturating_sub(1), (from + pixels + 1).min(a.len()));
            let inside = &mut between[start + 1 - from..=end - from];
            blend(isa, &a[start..end], &b[start..end], *weights, inside);
            if from == 0 {
                between[0] = between[1];
            }
            if end == from + pixels {
                between[pixels + 1] = between[pixels];
            }
            spread(isa, &between[..pixels + 2], [self.x[0].1, self.x[1].1], out);
        }
        run(&self.steps, isa, Colors::Three, parts(block, pixels * columns));
        let [y, chroma @ ..] = block;
        match columns {
            1 => codes(isa, &y[..pixels], luma),
            _ => together(isa, &y[..2 * pixels], luma),
        }
        // The column that is missing at the end of a row counts as the one before it does.
        if pixels * columns > luma.len() {
            chroma.iter_mut().for_each(|values| values[2 * pixels - 1] = values[pixels - 1]);
        }
    }
}

fn copy(plane: &mut PlaneMut<'_>, y: usize) -> Vec<u8> {
    let mut out = Vec::new();
    copy_to(plane, y, &mut out);
    out
}

fn copy_to(plane: &mut PlaneMut<'_>, y: usize, out: &mut Vec<u8>) {
    if let RowMut::U8(row) = plane.row(y) {
        out.clear();
        out.extend_from_slice(row);
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
    use crate::kernel::{Load, Lookup, Precision, View, fill};

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
                let layout = *source.layout();
                let planes = sited(&layout, Siting::Center);
                let mut want = Frame::zeroed(layout);
                let up = Box::new(Load::new(View::all(&source)));
                let mut rows = Through::new(up, planes, run(), planes);
                let bands = PlaneMut::all(&mut want).into_iter().map(|plane| (0, plane));
                fill(&mut rows, &mut bands.collect::<Vec<_>>());
                let chroma = layout.plane(1);
                for isa in Isa::available() {
                    for cut in [chroma.height, 1, chroma.height.div_ceil(2)] {
                        let made = Through8::new(planes, run()).unwrap().on(isa);
                        let mut got = source.clone();
                        let mut bands = [Vec::new(), Vec::new()];
                        for plane in PlaneMut::all(&mut got) {
                            let shape = plane.shape();
                            let row = (cut << (chroma.shift_y - shape.shift_y)).min(shape.height);
                            let (head, tail) = plane.split_at(row);
                            bands[0].push((0, head));
                            bands[1].push((row, tail));
                        }
                        let bands = if cut < chroma.height { &mut bands } else { &mut bands[..1] };
                        let edges = Edges::of(bands);
                        for (band, edges) in bands.iter_mut().zip(edges) {
                            made.compute(edges, band);
                        }
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
