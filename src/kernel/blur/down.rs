//! Averages along columns, row after row.

use super::lines::{Lines, Source};
use super::sums::{add_ends, change_sums, comb, integrate_down, scale_sums};
use super::words;
use crate::kernel::Numbers;
use crate::kernel::fixed::UNIT;
use crate::kernel::ring::{Ring, around, replicated, symmetric_sum, symmetric_sums};
use crate::kernel::spline::Spline;
use crate::kernel::taps::{BoxWindow, Running, Taps};

/// Whole pixels on each side from which on a box is a running sum. On 12 megapixels of RGB and
/// AVX-512 weights took about 3 ms per pixel of radius, the sums 30 ms.
const LEAST_BOX: usize = 10;

/// How columns are averaged.
pub(super) enum Down {
    Weights(WeightedColumns),
    Words(WordColumns),
    Box(BoxColumns),
    Spline(Box<SplineColumns>),
}

impl Down {
    pub fn new(taps: &Taps, numbers: Numbers) -> Self {
        match taps.running(numbers) {
            Some(Running::Box(window)) if window.inner >= LEAST_BOX => {
                Self::Box(BoxColumns { window: *window, sums: Vec::new(), middle: None })
            }
            Some(Running::Spline(spline)) => {
                Self::Spline(Box::new(SplineColumns::new(spline.clone())))
            }
            _ => Self::Weights(WeightedColumns::new(taps.half())),
        }
    }

    /// Of words, with these weights.
    pub fn words(weights: Vec<i16>) -> Self {
        Self::Words(WordColumns { weights, batch: Batch::new() })
    }

    /// Rows that it needs on each side.
    pub fn reach(&self) -> usize {
        match self {
            Self::Weights(columns) => columns.half.len() - 1,
            Self::Words(columns) => columns.weights.len(),
            Self::Box(columns) => columns.window.reach(),
            Self::Spline(columns) => columns.spline.reach(),
        }
    }

    /// True if it works on fixed point.
    pub fn fixed(&self) -> bool {
        matches!(self, Self::Box(_) | Self::Spline(_))
    }

    /// The average around row `y`. Afterwards `lines` has row `y`.
    pub fn row(&mut self, lines: &mut Lines, source: &mut Source<'_>, y: usize, out: &mut [f32]) {
        match self {
            Self::Weights(columns) => columns.row(lines, source, y, out),
            Self::Words(columns) => columns.row(lines, source, y, out),
            Self::Box(columns) => columns.row(lines, source, y, out),
            Self::Spline(columns) => columns.row(lines, source, y, out),
        }
    }

    /// Bytes of the rows that are kept at the same time, `lines` among them.
    pub fn held(&self, lines: &Lines) -> u64 {
        let row = lines.shape.row() as u64;
        let kept = |rows: usize| rows.min(lines.shape.height) as u64 * lines.bytes();
        match self {
            Self::Weights(_) => {
                kept(2 * self.reach() + BATCH) + Batch::<f32>::held(lines.shape.height, row)
            }
            Self::Words(_) => {
                kept(2 * self.reach() + BATCH) + Batch::<i16>::held(lines.shape.height, row)
            }
            Self::Box(columns) => kept(2 * columns.window.reach() + 2) + 8 * row,
            Self::Spline(columns) => {
                let Spline { step, .. } = columns.spline;
                let lines =
                    kept(if lines.keeps_original() { columns.spline.reach() + 1 } else { 1 });
                let sums = (4 * step + 1 + 4) as u64 * 8 * row;
                let splines = (2 * columns.spline.span() + 1) as u64 * 4 * row;
                lines + sums + splines
            }
        }
    }
}

#[cfg(test)]
impl Down {
    /// Bytes that are taken now, lines not among them.
    pub fn taken(&self) -> usize {
        match self {
            Self::Weights(columns) => columns.batch.taken(),
            Self::Words(columns) => columns.batch.taken(),
            Self::Box(columns) => 8 * columns.sums.capacity(),
            Self::Spline(columns) => {
                let totals = columns.totals.iter().chain(columns.sums.all());
                8 * totals.map(Vec::capacity).sum::<usize>()
                    + 4 * columns.splines.all().map(Vec::capacity).sum::<usize>()
            }
        }
    }
}

/// Rows that are averaged at a time: each of the many rows around them is read for all of them
/// while it is in the first-level cache.
pub(super) const BATCH: usize = 8;

/// Rows that were averaged at a time.
struct Batch<T> {
    rows: Vec<Vec<T>>,
    /// The number of the first of them.
    start: usize,
    /// How many of them there are.
    made: usize,
}

impl<T: Copy + Default> Batch<T> {
    fn new() -> Self {
        Self { rows: Vec::new(), start: 0, made: 0 }
    }

    /// Row `y` of `height` rows of `len` values. If it is not here, `make` makes it and some after
    /// it, as many as it gets, from row `y` on.
    fn row(
        &mut self,
        y: usize,
        height: usize,
        len: usize,
        make: impl FnOnce(&mut [Vec<T>]),
    ) -> &[T] {
        if !(self.start..self.start + self.made).contains(&y) {
            (self.start, self.made) = (y, BATCH.min(height - y));
            self.rows.resize_with(BATCH, Vec::new);
            let rows = &mut self.rows[..self.made];
            rows.iter_mut().for_each(|row| row.resize(len, T::default()));
            make(rows);
        }
        &self.rows[y - self.start]
    }

    /// Bytes that it takes at most.
    fn held(height: usize, len: u64) -> u64 {
        size_of::<T>() as u64 * len * BATCH.min(height) as u64
    }

    /// Bytes that are taken now.
    #[cfg(test)]
    fn taken(&self) -> usize {
        size_of::<T>() * self.rows.iter().map(Vec::capacity).sum::<usize>()
    }
}

/// A weighted sum along columns.
pub(super) struct WeightedColumns {
    half: Vec<f32>,
    batch: Batch<f32>,
}

impl WeightedColumns {
    fn new(half: &[f32]) -> Self {
        Self { half: half.to_vec(), batch: Batch::new() }
    }

    fn row(&mut self, lines: &mut Lines, source: &mut Source<'_>, y: usize, out: &mut [f32]) {
        let (half, reach, height) = (&self.half, self.half.len() - 1, lines.shape.height);
        let row = self.batch.row(y, height, out.len(), |outs| {
            let rows = lines.around(source, y..y + outs.len(), reach);
            let rows: Vec<&[f32]> = rows.map(|line| line.values.values()).collect();
            symmetric_sums(source.isa, &rows, half, outs);
        });
        out.copy_from_slice(row);
    }
}

/// The same of words.
pub(super) struct WordColumns {
    weights: Vec<i16>,
    batch: Batch<i16>,
}

impl WordColumns {
    fn row(&mut self, lines: &mut Lines, source: &mut Source<'_>, y: usize, out: &mut [f32]) {
        let (weights, reach, height) = (&self.weights, self.weights.len(), lines.shape.height);
        let row = self.batch.row(y, height, out.len(), |outs| {
            let rows = lines.around(source, y..y + outs.len(), reach);
            let rows: Vec<&[i16]> = rows.map(|line| line.words.values()).collect();
            let mut outs: Vec<&mut [i16]> = outs.iter_mut().map(Vec::as_mut_slice).collect();
            words::averages(source.isa, &rows, weights, &mut outs);
        });
        words::reals(source.isa, row, out);
    }
}

/// A box along columns.
pub(super) struct BoxColumns {
    window: BoxWindow,
    /// Sums of each column over the rows around `middle`.
    sums: Vec<i64>,
    middle: Option<usize>,
}

impl BoxColumns {
    fn row(&mut self, lines: &mut Lines, source: &mut Source<'_>, y: usize, out: &mut [f32]) {
        let (window, height) = (self.window, lines.shape.height);
        self.run_to(lines, source, y);
        scale_sums(source.isa, &self.sums, window.whole / UNIT as f32, out);
        if window.end > 0.0 {
            let end = y + window.inner + 1;
            let before = y.saturating_sub(window.inner + 1);
            let [a, b] = [before, end.min(height - 1)].map(|y| lines.row(y).fixed.as_slice());
            add_ends(source.isa, a, b, window.end / UNIT as f32, out);
        }
    }

    /// Brings the column sums to the window around row `y`.
    fn run_to(&mut self, lines: &mut Lines, source: &mut Source<'_>, y: usize) {
        let (inner, reach, height) = (self.window.inner, self.window.reach(), lines.shape.height);
        let from = match self.middle {
            Some(middle) if y - middle <= 2 * inner => middle,
            _ => {
                let (first, last) = around(y..y + 1, reach, height);
                lines.need(source, first, last);
                self.sums.clear();
                self.sums.resize(lines.shape.row(), 0);
                for row in replicated(y..y + 1, inner, height) {
                    change_sums(source.isa, &mut self.sums, &lines.row(row).fixed, 1);
                }
                y
            }
        };
        for middle in from + 1..=y {
            // The row that leaves the window is one above it.
            let leaves = (middle - 1).saturating_sub(inner);
            let first = leaves.min(middle.saturating_sub(reach));
            lines.need(source, first, (middle + reach).min(height - 1));
            let enters = (middle + inner).min(height - 1);
            change_sums(source.isa, &mut self.sums, &lines.row(leaves).fixed, -1);
            change_sums(source.isa, &mut self.sums, &lines.row(enters).fixed, 1);
        }
        self.middle = Some(y);
    }
}

/// A sum of B-splines along columns. Rows are counted with the reach replicated above the
/// picture, so that row `y` is made of splines `y..=y + 2 * span`, spline `p` of the rows
/// `p..=p + 4 * (step - 1)`, and no case at an edge is a special one.
pub(super) struct SplineColumns {
    spline: Spline,
    /// Four sums of sums of each column, from the first row that was taken to the last.
    totals: [Vec<i64>; 4],
    /// The last of them after each row. Row `i` stands at `i + 4 * step`: before the first one
    /// there are zeros.
    sums: Ring<Vec<i64>>,
    splines: Ring<Vec<f32>>,
    /// Where `sums` ends; nothing is there yet if `None`.
    end: Option<usize>,
}

impl SplineColumns {
    fn new(spline: Spline) -> Self {
        let (sums, splines) = (Ring::new(), Ring::new());
        Self { spline, totals: Default::default(), sums, splines, end: None }
    }

    fn row(&mut self, lines: &mut Lines, source: &mut Source<'_>, y: usize, out: &mut [f32]) {
        let Self { spline, totals, sums, splines, end } = self;
        let (step, reach, len) = (spline.step, spline.reach(), out.len());
        let height = lines.shape.height;
        splines.need(y, y + 2 * spline.span(), |p, row| {
            let (first, last) = (p + 4 * step - 4, p + 8 * step - 4);
            // Any row will do to begin with: a spline sees only what it is made of.
            if end.is_none_or(|end| end < first) {
                totals.iter_mut().for_each(|total| {
                    total.clear();
                    total.resize(len, 0);
                });
                *end = Some(p + 4 * step);
            }
            let begin = end.expect("it has just been set");
            sums.need(first, last, |at, sums| {
                sums.resize(len, 0);
                if at < begin {
                    return sums.fill(0);
                }
                let taken = (at - 4 * step).saturating_sub(reach).min(height - 1);
                let first = if lines.keeps_original() { taken.min(y) } else { taken };
                lines.need(source, first, taken);
                integrate_down(source.isa, &lines.row(taken).fixed, totals, sums);
            });
            *end = Some(last + 1);
            row.resize(len, 0.0);
            comb(source.isa, [0, 1, 2, 3, 4].map(|k| sums.row(last - k * step).as_slice()), row);
        });
        let rows: Vec<&[f32]> =
            (0..2 * spline.half.len() - 1).map(|k| &**splines.row(y + k * step)).collect();
        symmetric_sum(source.isa, &rows, &spline.half, out);
    }
}
