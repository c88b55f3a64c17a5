//! Chroma up to full size and down again, at the siting of its samples.

use std::collections::VecDeque;

use super::dispatch::{Isa, per_isa};
use super::grid::Grid;
use super::{BoxRows, Rows};
use crate::frame::{PlaneShape, Siting};

/// Three planes to one of interleaved Y, Cb, Cr at full size: chroma is interpolated linearly
/// between the two nearest samples along each axis; edges replicate.
pub struct Lift<'a> {
    up: BoxRows<'a>,
    chroma: PlaneShape,
    x: Vec<(isize, [f32; 2])>,
    y: Vec<(isize, [f32; 2])>,
    /// The last two rows of Cb and of Cr with their numbers, oldest first.
    kept: [VecDeque<(usize, Vec<f32>)>; 2],
    luma: Vec<f32>,
    /// A row of chroma between its rows, one sample replicated at each end.
    between: Vec<f32>,
    wide: [Vec<f32>; 2],
    isa: Isa,
}

impl<'a> Lift<'a> {
    /// `shapes` are those of the three planes that `up` gives.
    pub fn new(up: BoxRows<'a>, shapes: [PlaneShape; 3], siting: Siting) -> Self {
        let chroma = shapes[1];
        Self {
            up,
            chroma,
            x: Grid::x(siting, chroma.shift_x).rise(),
            y: Grid::y(siting, chroma.shift_y).rise(),
            kept: Default::default(),
            luma: vec![0.0; shapes[0].width],
            between: vec![0.0; chroma.width + 2],
            // Whole steps, so that the last may reach past an odd width.
            wide: [(); 2].map(|()| vec![0.0; chroma.width << chroma.shift_x]),
            isa: Isa::best(),
        }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// The two chroma rows around luma row `y`, inside the plane.
    fn around(&self, y: usize) -> [usize; 2] {
        let (first, _) = self.y[y % self.y.len()];
        let first = (y / self.y.len()) as isize + first;
        [first, first + 1].map(|c| c.clamp(0, self.chroma.height as isize - 1) as usize)
    }
}

impl Rows for Lift<'_> {
    fn begin(&mut self, first: &[usize]) {
        let [chroma, _] = self.around(first[0]);
        self.up.begin(&[first[0], chroma, chroma]);
    }

    fn row(&mut self, _plane: usize, y: usize, out: &mut [f32]) {
        self.up.row(0, y, &mut self.luma);
        let rows = self.around(y);
        let (_, weights) = self.y[y % self.y.len()];
        // A co-sited row needs no second row, and may lie at the end of what is there.
        let needed = if weights[1] == 0.0 { [rows[0]; 2] } else { rows };
        for plane in 0..2 {
            let kept = &mut self.kept[plane];
            for row in needed {
                if kept.back().is_none_or(|(made, _)| *made < row) {
                    let mut buffer = if kept.len() < 2 { None } else { kept.pop_front() }
                        .map_or_else(Vec::new, |(_, buffer)| buffer);
                    buffer.resize(self.chroma.width, 0.0);
                    self.up.row(plane + 1, row, &mut buffer);
                    kept.push_back((row, buffer));
                }
            }
            let find = |row| {
                let found = kept.iter().find(|(made, _)| *made == row);
                &found.expect("the last two rows are kept").1
            };
            let (a, b) = (find(needed[0]), find(needed[1]));
            let width = self.chroma.width;
            blend(self.isa, a, b, weights, &mut self.between[1..=width]);
            self.between[0] = self.between[1];
            self.between[width + 1] = self.between[width];
            match self.x.as_slice() {
                [only] => spread::<1>(self.isa, &self.between, &[*only], &mut self.wide[plane]),
                [a, b] => spread::<2>(self.isa, &self.between, &[*a, *b], &mut self.wide[plane]),
                [a, b, c, d] => {
                    spread::<4>(self.isa, &self.between, &[*a, *b, *c, *d], &mut self.wide[plane]);
                }
                _ => unreachable!("a step is 1, 2 or 4"),
            }
        }
        let [cb, cr] = &self.wide;
        interleave(self.isa, &self.luma, cb, cr, out);
    }
}

per_isa! {
    fn blend(a: &[f32], b: &[f32], weights: [f32; 2], out: &mut [f32]) {
        for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
            *o = a * weights[0] + b * weights[1];
        }
    }

    fn spread[const N: usize](row: &[f32], phases: &[(isize, [f32; 2]); N], out: &mut [f32]) {
        for (o, around) in out.chunks_exact_mut(N).zip(row.windows(3)) {
            for (o, &(first, weights)) in o.iter_mut().zip(phases) {
                // `first` is -1 or 0: before or on the sample in the middle.
                let (a, b) = if first < 0 { (around[0], around[1]) } else { (around[1], around[2]) };
                *o = a * weights[0] + b * weights[1];
            }
        }
    }

    fn interleave(y: &[f32], cb: &[f32], cr: &[f32], out: &mut [f32]) {
        for (((o, y), cb), cr) in out.chunks_exact_mut(3).zip(y).zip(cb).zip(cr) {
            [o[0], o[1], o[2]] = [*y, *cb, *cr];
        }
    }

    fn deinterleave(pixels: &[f32], y: &mut [f32], cb: &mut [f32], cr: &mut [f32]) {
        for (((p, y), cb), cr) in pixels.chunks_exact(3).zip(y).zip(cb).zip(cr) {
            [*y, *cb, *cr] = [p[0], p[1], p[2]];
        }
    }

    fn narrow[const N: usize](row: &[f32], step: usize, weights: &[f32; N], out: &mut [f32]) {
        for (i, o) in out.iter_mut().enumerate() {
            let from = &row[i * step..i * step + N];
            let mut sum = from[0] * weights[0];
            for k in 1..N {
                sum += from[k] * weights[k];
            }
            *o = sum;
        }
    }

    fn add_weighted(row: &[f32], weight: f32, sum: &mut [f32]) {
        for (s, v) in sum.iter_mut().zip(row) {
            *s += v * weight;
        }
    }
}

/// One plane of interleaved Y, Cb, Cr to three planes: chroma is averaged over what it covers
/// on centred axes and by a triangle on co-sited ones; edges replicate.
///
/// Rows above that come in are queued until their plane is asked for them.
pub struct Lower<'a> {
    up: BoxRows<'a>,
    shapes: [PlaneShape; 3],
    x: (isize, Vec<f32>),
    y: (isize, Vec<f32>),
    step: [usize; 2],
    /// The next row to ask above for.
    next: usize,
    /// The next chroma row to finish.
    chroma: usize,
    /// Narrowed rows of Cb and Cr that unfinished chroma rows need: number, Cb, Cr.
    narrow: VecDeque<(usize, [Vec<f32>; 2])>,
    ready: [VecDeque<(usize, Vec<f32>)>; 3],
    spare: Vec<Vec<f32>>,
    pixels: Vec<f32>,
    /// A row of one chroma component at full size, with replicated ends.
    padded: [Vec<f32>; 2],
    isa: Isa,
}

impl<'a> Lower<'a> {
    /// `shapes` are those of the three planes that it gives.
    pub fn new(up: BoxRows<'a>, shapes: [PlaneShape; 3], siting: Siting) -> Self {
        let [luma, chroma, _] = shapes;
        let x = Grid::x(siting, chroma.shift_x).fall();
        let y = Grid::y(siting, chroma.shift_y).fall();
        let step = [1 << chroma.shift_x, 1 << chroma.shift_y];
        // At least the row and what its first samples reach before it.
        let padded = vec![0.0; (chroma.width - 1) * step[0] + x.1.len()];
        Self {
            up,
            shapes,
            x,
            y,
            step,
            next: 0,
            chroma: 0,
            narrow: VecDeque::new(),
            ready: Default::default(),
            spare: Vec::new(),
            pixels: vec![0.0; luma.width * 3],
            padded: [padded.clone(), padded],
            isa: Isa::best(),
        }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// The rows of full size that chroma row `c` is made of, inside the plane.
    fn sources(&self, c: usize) -> impl Iterator<Item = usize> + use<> {
        let first = (c * self.step[1]) as isize + self.y.0;
        let last = self.shapes[0].height as isize - 1;
        (first..first + self.y.1.len() as isize).map(move |y| y.clamp(0, last) as usize)
    }

    fn spare(&mut self, len: usize) -> Vec<f32> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.resize(len, 0.0);
        buffer
    }

    /// Takes one more row from above and finishes the chroma rows that it completes.
    fn advance(&mut self) {
        let (y, width) = (self.next, self.shapes[0].width);
        self.next += 1;
        self.up.row(0, y, &mut self.pixels);
        let mut luma = self.spare(width);
        let before = self.x.0.unsigned_abs();
        let [cb, cr] = &mut self.padded;
        let inside = before..before + width;
        let (b, r) = (&mut cb[inside.clone()], &mut cr[inside]);
        deinterleave(self.isa, &self.pixels, &mut luma, b, r);
        self.ready[0].push_back((y, luma));
        let mut rows = [(); 2].map(|()| self.spare(self.shapes[1].width));
        for (row, padded) in rows.iter_mut().zip(&mut self.padded) {
            let (first, last) = (padded[before], padded[before + width - 1]);
            padded[..before].fill(first);
            padded[before + width..].fill(last);
            let isa = self.isa;
            match *self.x.1.as_slice() {
                [a] => narrow::<1>(isa, padded, 1, &[a], row),
                [a, b] => narrow::<2>(isa, padded, 2, &[a, b], row),
                [a, b, c] => narrow::<3>(isa, padded, 2, &[a, b, c], row),
                [a, b, c, d] => narrow::<4>(isa, padded, 4, &[a, b, c, d], row),
                [a, b, c, d, e, f, g] => {
                    narrow::<7>(isa, padded, 4, &[a, b, c, d, e, f, g], row);
                }
                _ => unreachable!("a chroma sample is made of 1, 2, 3, 4 or 7"),
            }
        }
        self.narrow.push_back((y, rows));
        while self.chroma < self.shapes[1].height
            && self.sources(self.chroma).last().is_some_and(|last| last <= y)
        {
            self.finish();
        }
    }

    /// Finishes the next chroma row of both planes; its sources are there.
    fn finish(&mut self) {
        let sources: Vec<usize> = self.sources(self.chroma).collect();
        while self.narrow.front().is_some_and(|(y, _)| *y < sources[0]) {
            if let Some((_, rows)) = self.narrow.pop_front() {
                self.spare.extend(rows);
            }
        }
        for plane in 0..2 {
            let mut sum = self.spare(self.shapes[1].width);
            sum.fill(0.0);
            for (source, weight) in sources.iter().zip(&self.y.1) {
                let (_, rows) = &self.narrow[source - sources[0]];
                add_weighted(self.isa, &rows[plane], *weight, &mut sum);
            }
            self.ready[plane + 1].push_back((self.chroma, sum));
        }
        self.chroma += 1;
    }
}

impl Rows for Lower<'_> {
    fn begin(&mut self, first: &[usize]) {
        let last = self.shapes[1].height - 1;
        self.chroma = first[1].min(first[2]).min(last);
        let source = self.sources(self.chroma).next().unwrap_or(0);
        self.next = first[0].min(source);
        self.up.begin(&[self.next]);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        loop {
            while let Some((made, row)) = self.ready[plane].pop_front() {
                if made == y {
                    out.copy_from_slice(&row);
                }
                self.spare.push(row);
                if made == y {
                    return;
                }
            }
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::{Picture, check, close, formula, planar, shape};

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
            let got = check(&[out], &|isa| Box::new(Lift::new(p.rows(), s, siting).on(isa)));
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
            let got = check(&s, &|isa| Box::new(Lower::new(p.rows(), s, siting).on(isa)));
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
        let mut lower = Lower::new(p.rows(), s, Siting::TopLeft);
        lower.begin(&[40, 3, 4]);
        let mut luma = [0.0; 16];
        lower.row(0, 40, &mut luma);
        let mut chroma = [0.0; 8];
        lower.row(2, 4, &mut chroma);
        lower.row(1, 3, &mut chroma);
        let mut whole = Lower::new(p.rows(), s, Siting::TopLeft);
        let mut want = [0.0; 8];
        whole.row(1, 3, &mut want);
        assert_eq!(chroma, want);
    }
}
