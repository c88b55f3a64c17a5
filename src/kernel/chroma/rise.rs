//! Rows of chroma brought up to luma's grid.

use std::collections::VecDeque;

use super::Sited;
use crate::frame::PlaneShape;
use crate::kernel::BoxRows;
use crate::kernel::dispatch::{Isa, per_isa};
use crate::kernel::grid::Grid;
use crate::kernel::point::Parts;

/// Luma, and chroma at its rows and columns: interpolated linearly between the two nearest samples
/// along each axis; edges replicate.
pub(super) struct Rise {
    chroma: PlaneShape,
    x: Vec<[f32; 2]>,
    y: Vec<(isize, [f32; 2])>,
    /// The first half of the luma columns of a chroma sample lies before it.
    centred: bool,
    /// The last two rows of Cb and of Cr with their numbers, oldest first.
    kept: [VecDeque<(usize, Vec<f32>)>; 2],
    /// Cb and Cr at the luma row that was taken last, one sample replicated at each end.
    between: [Vec<f32>; 2],
    pub isa: Isa,
}

impl Rise {
    pub fn new(Sited { shapes: [_, chroma, _], siting }: Sited) -> Self {
        let x = Grid::x(siting, chroma.shift_x).rise();
        Self {
            chroma,
            centred: x[0].0 < 0,
            x: x.into_iter().map(|(_, weights)| weights).collect(),
            y: Grid::y(siting, chroma.shift_y).rise(),
            kept: Default::default(),
            between: [(); 2].map(|()| vec![0.0; chroma.width + 2]),
            isa: Isa::best(),
        }
    }

    /// The first row of each plane that luma row `first` needs.
    pub fn begin(&self, first: usize) -> [usize; 3] {
        let [chroma, _] = self.around(first);
        [first, chroma, chroma]
    }

    /// The two chroma rows around luma row `y`, inside the plane.
    fn around(&self, y: usize) -> [usize; 2] {
        let (first, _) = self.y[y % self.y.len()];
        let first = (y / self.y.len()) as isize + first;
        [first, first + 1].map(|c| c.clamp(0, self.chroma.height as isize - 1) as usize)
    }

    /// True if chroma has luma's columns and rows.
    fn is_full(&self) -> bool {
        (self.x.len(), self.y.len()) == (1, 1)
    }

    /// Takes luma row `y` from above into its part, and what it needs of chroma.
    pub fn take(&mut self, up: &mut BoxRows<'_>, y: usize, row: &mut Parts<'_>) {
        if self.is_full() {
            return up.rows(y, row);
        }
        let width = self.chroma.width;
        up.row(0, y, row[0]);
        let rows = self.around(y);
        let (_, weights) = self.y[y % self.y.len()];
        // A co-sited row needs no second row, and may lie at the end of what is there.
        let needed = if weights[1] == 0.0 { [rows[0]; 2] } else { rows };
        for (plane, (kept, between)) in self.kept.iter_mut().zip(&mut self.between).enumerate() {
            for row in needed {
                if kept.back().is_none_or(|(made, _)| *made < row) {
                    let mut buffer = if kept.len() < 2 { None } else { kept.pop_front() }
                        .map_or_else(Vec::new, |(_, buffer)| buffer);
                    buffer.resize(width, 0.0);
                    up.row(plane + 1, row, &mut buffer);
                    kept.push_back((row, buffer));
                }
            }
            let find = |row| {
                let found = kept.iter().find(|(made, _)| *made == row);
                &found.expect("the last two rows are kept").1
            };
            let (a, b) = (find(needed[0]), find(needed[1]));
            blend(self.isa, a, b, weights, &mut between[1..=width]);
            between[0] = between[1];
            between[width + 1] = between[width];
        }
    }

    /// Chroma of the columns from `first`, a multiple of 4, on of the row that was taken last.
    pub fn columns(&self, first: usize, pixels: &mut Parts<'_>) {
        if self.is_full() {
            return;
        }
        let (isa, centred) = (self.isa, self.centred);
        for (between, out) in self.between.iter().zip(&mut pixels[1..]) {
            let row = &between[first / self.x.len()..];
            match *self.x.as_slice() {
                [_] => out.copy_from_slice(&row[1..=out.len()]),
                [a, b] => spread::<2>(isa, row, [a, b], centred, out),
                [a, b, c, d] => spread::<4>(isa, row, [a, b, c, d], centred, out),
                _ => unreachable!("a step is 1, 2 or 4"),
            }
        }
    }
}

per_isa! {
    fn blend(a: &[f32], b: &[f32], weights: [f32; 2], out: &mut [f32]) {
        for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
            *o = a * weights[0] + b * weights[1];
        }
    }

    fn spread[const N: usize](
        row: &[f32], weights: [[f32; 2]; N], centred: bool, out: &mut [f32],
    ) {
        if centred {
            spread_from::<N>(row, weights, |k| 2 * k < N, out);
        } else {
            spread_from::<N>(row, weights, |_| false, out);
        }
    }
}

/// Luma columns from a row of chroma with a sample more at each end: column `k` of `N` lies
/// between the sample before and its own, or between its own and the one after.
#[inline(always)]
fn spread_from<const N: usize>(
    row: &[f32],
    weights: [[f32; 2]; N],
    before: impl Fn(usize) -> bool,
    out: &mut [f32],
) {
    let value = |around: &[f32], k: usize| {
        let (a, b) = if before(k) { (around[0], around[1]) } else { (around[1], around[2]) };
        a * weights[k][0] + b * weights[k][1]
    };
    let whole = out.len() / N;
    let (chunks, rest) = out.as_chunks_mut::<N>();
    for (out, around) in chunks.iter_mut().zip(row.windows(3)) {
        for (k, out) in out.iter_mut().enumerate() {
            *out = value(around, k);
        }
    }
    for (k, out) in rest.iter_mut().enumerate() {
        *out = value(&row[whole..whole + 3], k);
    }
}
