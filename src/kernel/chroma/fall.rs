//! Rows of full chroma brought down to a chroma grid.

use std::collections::VecDeque;

use super::Sited;
use crate::frame::PlaneShape;
use crate::kernel::dispatch::{Isa, per_isa};
use crate::kernel::grid::Grid;
use crate::kernel::point::Parts;

/// Three planes from rows of Y, Cb and Cr at full size: chroma by a box on centred axes, by a
/// triangle on co-sited ones; edges replicate.
pub(super) struct Fall {
    shapes: [PlaneShape; 3],
    x: (isize, Vec<f32>),
    y: (isize, Vec<f32>),
    /// Luma samples per chroma sample along each axis.
    step: [usize; 2],
    /// The luma row that comes next, and the chroma row that will be ready next.
    next: usize,
    chroma: usize,
    /// Rows of both chroma planes at luma's height, already narrow, with their numbers.
    narrow: VecDeque<(usize, [Vec<f32>; 2])>,
    /// Finished rows of each plane that nobody asked for yet, with their numbers.
    ready: [VecDeque<(usize, Vec<f32>)>; 3],
    /// Used rows: of luma, and of chroma.
    spare: [Vec<Vec<f32>>; 2],
    /// The row that is being given: luma, and chroma with its ends repeated.
    luma: Vec<f32>,
    padded: [Vec<f32>; 2],
    pub isa: Isa,
}

impl Fall {
    /// Makes the planes `to`.
    pub fn new(Sited { shapes, siting }: Sited) -> Self {
        let [luma, chroma, _] = shapes;
        let x = Grid::x(siting, chroma.shift_x).fall();
        let y = Grid::y(siting, chroma.shift_y).fall();
        let step = [1 << chroma.shift_x, 1 << chroma.shift_y];
        // The last chroma sample may reach past an odd width.
        let padded = vec![0.0; (chroma.width - 1) * step[0] + x.1.len()];
        Self {
            shapes,
            x,
            y,
            step,
            next: 0,
            chroma: 0,
            narrow: VecDeque::new(),
            ready: Default::default(),
            spare: Default::default(),
            luma: vec![0.0; luma.width],
            padded: [padded.clone(), padded],
            isa: Isa::best(),
        }
    }

    /// Says the first row of each plane that will be asked for; the answer is the first full row
    /// that this takes.
    pub fn begin(&mut self, first: &[usize]) -> usize {
        self.chroma = first[1].min(first[2]);
        let source = self.is_chroma_due().then(|| self.sources(self.chroma).next()).flatten();
        self.next = first[0].min(source.unwrap_or(usize::MAX));
        self.next
    }

    /// True if chroma is still to be made.
    fn is_chroma_due(&self) -> bool {
        self.chroma < self.shapes[1].height
    }

    /// True if full row `y` may be given away as it is, and counts as given: where chroma is at
    /// full size, and no row is kept or comes again.
    pub fn pass(&mut self, y: usize) -> bool {
        let whole = self.step == [1, 1] && self.ready.iter().all(VecDeque::is_empty);
        if whole && self.next <= y {
            (self.next, self.chroma) = (y + 1, y + 1);
            return true;
        }
        false
    }

    /// The places that the next full row is to be written to.
    fn places(&mut self) -> Parts<'_> {
        let (before, width) = (self.x.0.unsigned_abs(), self.shapes[0].width);
        let [cb, cr] = self.padded.each_mut().map(|row| &mut row[before..before + width]);
        [&mut self.luma, cb, cr]
    }

    /// Takes the full row that was written, luma too if that is not needed now.
    fn push(&mut self, luma: bool) {
        let (y, width) = (self.next, self.shapes[0].width);
        self.next += 1;
        if luma {
            let spare = self.spare(0);
            self.ready[0].push_back((y, std::mem::replace(&mut self.luma, spare)));
        }
        if !self.is_chroma_due() {
            return;
        }
        let before = self.x.0.unsigned_abs();
        let mut rows = [(); 2].map(|()| self.spare(1));
        for (row, padded) in rows.iter_mut().zip(&mut self.padded) {
            let (first, last) = (padded[before], padded[before + width - 1]);
            padded[..before].fill(first);
            padded[before + width..].fill(last);
            let isa = self.isa;
            match *self.x.1.as_slice() {
                [a] => narrow(isa, padded, [(); 1], &[a], row),
                [a, b] => narrow(isa, padded, [(); 2], &[a, b], row),
                [a, b, c] => narrow(isa, padded, [(); 2], &[a, b, c], row),
                [a, b, c, d] => narrow(isa, padded, [(); 4], &[a, b, c, d], row),
                [a, b, c, d, e, f, g] => {
                    narrow(isa, padded, [(); 4], &[a, b, c, d, e, f, g], row);
                }
                _ => unreachable!("a chroma sample is made of 1, 2, 3, 4 or 7"),
            }
        }
        self.narrow.push_back((y, rows));
        while self.is_chroma_due() && self.sources(self.chroma).last().is_some_and(|last| last <= y)
        {
            self.finish();
        }
    }

    /// Writes row `y` of a plane to `out`; `fill` writes the full rows that are needed for it and
    /// not here yet, by their numbers.
    pub fn give(
        &mut self,
        plane: usize,
        y: usize,
        out: &mut [f32],
        mut fill: impl FnMut(usize, Parts<'_>),
    ) {
        while !self.pop(plane, y, out) {
            let next = self.next;
            let [luma, cb, cr] = self.places();
            if (plane, y) == (0, next) {
                fill(next, [out, cb, cr]);
                return self.push(false);
            }
            fill(next, [luma, cb, cr]);
            self.push(true);
        }
    }

    /// Writes row `y` of a plane to `out`, if the full rows given so far make it. Rows of the
    /// plane before it are dropped.
    fn pop(&mut self, plane: usize, y: usize, out: &mut [f32]) -> bool {
        while let Some((made, row)) = self.ready[plane].pop_front() {
            if made == y {
                out.copy_from_slice(&row);
            }
            self.spare[plane.min(1)].push(row);
            if made == y {
                return true;
            }
        }
        false
    }

    /// The luma rows that chroma row `c` is made of, inside the plane.
    fn sources(&self, c: usize) -> impl Iterator<Item = usize> + use<> {
        let first = (c * self.step[1]) as isize + self.y.0;
        let last = self.shapes[0].height as isize - 1;
        (first..first + self.y.1.len() as isize).map(move |y| y.clamp(0, last) as usize)
    }

    /// A row of a plane to overwrite.
    fn spare(&mut self, plane: usize) -> Vec<f32> {
        self.spare[plane].pop().unwrap_or_else(|| vec![0.0; self.shapes[plane].width])
    }

    /// Makes chroma row `self.chroma` of the narrow rows.
    fn finish(&mut self) {
        let sources: Vec<usize> = self.sources(self.chroma).collect();
        while self.narrow.front().is_some_and(|(y, _)| *y < sources[0]) {
            if let Some((_, rows)) = self.narrow.pop_front() {
                self.spare[1].extend(rows);
            }
        }
        for plane in 0..2 {
            let mut sum = self.spare(1);
            let narrow = |y: usize| self.narrow[y - sources[0]].1[plane].as_slice();
            weighted(self.isa, narrow(sources[0]), self.y.1[0], &mut sum);
            for (&source, &weight) in sources.iter().zip(&self.y.1).skip(1) {
                add_weighted(self.isa, narrow(source), weight, &mut sum);
            }
            self.ready[plane + 1].push_back((self.chroma, sum));
        }
        self.chroma += 1;
    }
}

per_isa! {
    fn narrow[const N: usize, const STEP: usize](
        row: &[f32], _step: [(); STEP], weights: &[f32; N], out: &mut [f32],
    ) {
        let from = row.windows(N).step_by(STEP);
        for (o, from) in out.iter_mut().zip(from) {
            let mut sum = from[0] * weights[0];
            for k in 1..N {
                sum += from[k] * weights[k];
            }
            *o = sum;
        }
    }

    fn weighted(row: &[f32], weight: f32, out: &mut [f32]) {
        for (o, v) in out.iter_mut().zip(row) {
            *o = v * weight;
        }
    }

    fn add_weighted(row: &[f32], weight: f32, sum: &mut [f32]) {
        for (s, v) in sum.iter_mut().zip(row) {
            *s += v * weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Siting;
    use crate::kernel::testing::planar;

    #[test]
    fn chroma_that_nobody_asks_for_is_not_kept() {
        for (h, v) in [(0, 0), (1, 0), (1, 1)] {
            let s = planar(16, 40, h, v);
            let sited = Sited { shapes: [s[0], s[1], s[2]], siting: Siting::Left };
            for (chroma, kept) in [(usize::MAX, false), (0, true)] {
                let mut fall = Fall::new(sited);
                fall.begin(&[0, chroma, chroma]);
                let mut out = [0.0; 16];
                (0..40).for_each(|y| fall.give(0, y, &mut out, |_, _| {}));
                let rows = fall.ready.iter().map(VecDeque::len).sum::<usize>() + fall.narrow.len();
                assert_eq!(rows > 0, kept, "{h} {v}: {rows}");
            }
        }
    }
}
