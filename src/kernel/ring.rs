//! What area operations share: the rows around the one being made, and weighted sums of rows.

use std::collections::VecDeque;
use std::ops::Range;

use super::Rows;
use super::dispatch::per_isa;
use crate::frame::PlaneShape;

/// Consecutive rows of one plane, in whatever form a node keeps them.
pub(in crate::kernel) struct Ring<R> {
    rows: VecDeque<R>,
    /// The number of the first.
    start: usize,
    spare: Vec<R>,
}

impl<R: Default> Ring<R> {
    pub fn new() -> Self {
        Self { rows: VecDeque::new(), start: 0, spare: Vec::new() }
    }

    /// Drops the rows before `first` and makes those up to and with `last` that are missing, in
    /// order. `make` gets the row's number and a used row to overwrite.
    pub fn need(&mut self, first: usize, last: usize, mut make: impl FnMut(usize, &mut R)) {
        for y in self.begin(first)..=last {
            let mut row = self.spare();
            make(y, &mut row);
            self.push(row);
        }
    }

    /// Drops the rows before `first`; the number of the first one that is missing.
    pub fn begin(&mut self, first: usize) -> usize {
        while self.start < first {
            match self.rows.pop_front() {
                Some(row) => {
                    self.spare.push(row);
                    self.start += 1;
                }
                None => self.start = first,
            }
        }
        self.start + self.rows.len()
    }

    /// A row to overwrite.
    pub fn spare(&mut self) -> R {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes the first row that is missing.
    pub fn push(&mut self, row: R) {
        self.rows.push_back(row);
    }

    /// All rows that memory is held for.
    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = &R> {
        self.rows.iter().chain(&self.spare)
    }

    /// A row that is there.
    pub fn row(&self, y: usize) -> &R {
        &self.rows[y - self.start]
    }
}

/// The first and the last of some rows with `radius` rows around them, inside a plane of `height`
/// rows.
pub(in crate::kernel) fn around(
    rows: Range<usize>,
    radius: usize,
    height: usize,
) -> (usize, usize) {
    (rows.start.saturating_sub(radius), (rows.end - 1 + radius).min(height - 1))
}

/// The same with replicated edges, one by one.
pub(in crate::kernel) fn replicated(
    rows: Range<usize>,
    radius: usize,
    height: usize,
) -> impl Iterator<Item = usize> {
    (rows.start..rows.end + 2 * radius).map(move |y| y.saturating_sub(radius).min(height - 1))
}

/// Fetches a row with `radius` pixels replicated at both ends.
pub(in crate::kernel) fn padded(
    up: &mut dyn Rows,
    plane: usize,
    y: usize,
    shape: PlaneShape,
    radius: usize,
    out: &mut Vec<f32>,
) {
    let (n, pad) = (shape.components, radius * shape.components);
    out.resize(shape.row() + 2 * pad, 0.0);
    up.row(plane, y, &mut out[pad..pad + shape.row()]);
    replicate(out, n, pad);
}

/// Repeats the pixels of `n` components at both ends of a row over the `pad` values beyond them.
pub(in crate::kernel) fn replicate<T: Copy>(row: &mut [T], n: usize, pad: usize) {
    let (before, rest) = row.split_at_mut(pad);
    let (inside, after) = rest.split_at_mut(rest.len() - pad);
    let (first, last) = (&inside[..n], &inside[inside.len() - n..]);
    before.chunks_exact_mut(n).for_each(|p| p.copy_from_slice(first));
    after.chunks_exact_mut(n).for_each(|p| p.copy_from_slice(last));
}

/// The `count` rows that begin `step` samples after one another in `row`, each `len` long: what
/// makes a sum along a row a sum of rows.
pub(in crate::kernel) fn shifted<T>(
    row: &[T],
    count: usize,
    step: usize,
    len: usize,
) -> impl Iterator<Item = &[T]> {
    (0..count).map(move |k| &row[k * step..k * step + len])
}

/// Samples that are summed side by side: four AVX-512 or eight AVX2 registers, which hides the
/// latency of an addition.
const WIDE: usize = 64;

/// The columns of a row of `len` in blocks of [`WIDE`]. The last one ends with the row, over
/// columns of the one before it: doing some twice is cheaper than doing them one by one. A row
/// that is shorter is one block.
fn blocks(len: usize) -> impl Iterator<Item = Range<usize>> {
    blocks_of::<WIDE>(len)
}

/// The same in blocks of `N`.
pub(in crate::kernel) fn blocks_of<const N: usize>(
    len: usize,
) -> impl Iterator<Item = Range<usize>> {
    (0..len.div_ceil(N)).map(move |k| {
        let end = len.min((k + 1) * N);
        end.saturating_sub(N)..end
    })
}

/// Up to [`WIDE`] columns of [`symmetric_sum`], from column `at` on.
#[inline(always)]
fn symmetric_columns(rows: &[&[f32]], half: &[f32], at: usize, out: &mut [f32]) {
    let (before, rest) = rows.split_at(half.len() - 1);
    let (middle, after) = (rest[0], &rest[1..]);
    let (weight, weights) = (half[0], &half[1..]);
    let pairs = || before.iter().rev().zip(after).zip(weights);
    if let Ok(out) = <&mut [f32; WIDE]>::try_from(&mut *out) {
        let mut sum = [0.0f32; WIDE];
        for (s, v) in sum.iter_mut().zip(&middle[at..at + WIDE]) {
            *s = v * weight;
        }
        for ((a, b), &w) in pairs() {
            let (a, b) = (&a[at..at + WIDE], &b[at..at + WIDE]);
            for ((s, a), b) in sum.iter_mut().zip(a).zip(b) {
                *s += (a + b) * w;
            }
        }
        *out = sum;
        return;
    }
    for (at, out) in (at..).zip(out) {
        let mut sum = middle[at] * weight;
        for ((a, b), &w) in pairs() {
            sum += (a[at] + b[at]) * w;
        }
        *out = sum;
    }
}

/// Samples that are summed side by side along a row: few, since weights are in registers too.
const NARROW: usize = 32;

/// [`symmetric_sum`] of the `2 * half.len() - 1` rows that begin `step` samples after one another in
/// `row`.
pub(in crate::kernel) fn symmetric_along(
    isa: super::Isa,
    row: &[f32],
    step: usize,
    half: &[f32],
    out: &mut [f32],
) {
    macro_rules! known {
        ($($count:literal)*) => {
            match (half.len(), step) {
                _ if out.len() < NARROW => {}
                $(
                    ($count, 1) => return along(isa, row, [(); 1], array::<$count>(half), out),
                    ($count, 3) => return along(isa, row, [(); 3], array::<$count>(half), out),
                )*
                _ => {}
            }
        };
    }
    known!(2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
    let rows: Vec<&[f32]> = shifted(row, 2 * half.len() - 1, step, out.len()).collect();
    symmetric_sum(isa, &rows, half, out);
}

fn array<const N: usize>(half: &[f32]) -> &[f32; N] {
    half.first_chunk().expect("there are so many weights")
}

per_isa! {
    /// With as many weights as are known here: what was loaded for one of them serves for others,
    /// which takes half the time.
    fn along[const N: usize, const STEP: usize](
        row: &[f32], _step: [(); STEP], half: &[f32; N], out: &mut [f32],
    ) {
        let middle = (N - 1) * STEP;
        for columns in blocks_of::<NARROW>(out.len()) {
            let row = &row[columns.start..columns.end + 2 * middle];
            let mut sum = [0.0f32; NARROW];
            for (s, v) in sum.iter_mut().zip(&row[middle..]) {
                *s = v * half[0];
            }
            for k in 1..N {
                let (a, b) = (&row[middle - k * STEP..], &row[middle + k * STEP..]);
                for ((s, a), b) in sum.iter_mut().zip(&a[..NARROW]).zip(&b[..NARROW]) {
                    *s += (a + b) * half[k];
                }
            }
            out[columns].copy_from_slice(&sum);
        }
    }

    /// `half[0] * middle + sum of half[k] * (row before + row after)`, from the middle outwards.
    /// `rows` are `2 * half.len() - 1`, each as long as `out`.
    pub(in crate::kernel) fn symmetric_sum(rows: &[&[f32]], half: &[f32], out: &mut [f32]) {
        for columns in blocks(out.len()) {
            symmetric_columns(rows, half, columns.start, &mut out[columns]);
        }
    }

    /// The same for `outs.len()` rows that follow each other; `rows` are so many more, less one.
    /// A row that several of them need is taken from the second-level cache once.
    pub(in crate::kernel) fn symmetric_sums(rows: &[&[f32]], half: &[f32], outs: &mut [Vec<f32>]) {
        let count = 2 * half.len() - 1;
        for columns in blocks(outs[0].len()) {
            for (k, out) in outs.iter_mut().enumerate() {
                let out = &mut out[columns.clone()];
                symmetric_columns(&rows[k..k + count], half, columns.start, out);
            }
        }
    }

    /// The sum of rows that are as long as `out`, in order.
    pub(in crate::kernel) fn sum_rows(rows: &[&[f32]], out: &mut [f32]) {
        let Some((first, others)) = rows.split_first() else { return out.fill(0.0) };
        for columns in blocks(out.len()) {
            let (at, out) = (columns.start, &mut out[columns]);
            if let Ok(out) = <&mut [f32; WIDE]>::try_from(&mut *out) {
                let mut sum = [0.0f32; WIDE];
                sum.copy_from_slice(&first[at..at + WIDE]);
                for row in others {
                    for (s, v) in sum.iter_mut().zip(&row[at..at + WIDE]) {
                        *s += v;
                    }
                }
                *out = sum;
                continue;
            }
            for (at, out) in (at..).zip(out) {
                *out = others.iter().fold(first[at], |sum, row| sum + row[at]);
            }
        }
    }

    /// `sum of weight * (sum of so many rows) + bias` over `groups`, in order, after the bias. Rows
    /// are as long as `out`.
    pub(in crate::kernel) fn weighted_sum(
        rows: &[&[f32]], groups: &[(f32, usize)], bias: f32, out: &mut [f32],
    ) {
        for columns in blocks(out.len()) {
            let (at, out) = (columns.start, &mut out[columns]);
            if let Ok(out) = <&mut [f32; WIDE]>::try_from(&mut *out) {
                weighted_columns(rows, groups, bias, at, out);
            } else {
                for (at, out) in (at..).zip(out) {
                    let mut one = [0.0; 1];
                    weighted_columns(rows, groups, bias, at, &mut one);
                    *out = one[0];
                }
            }
        }
    }
}

/// `N` columns of [`weighted_sum`], from column `at` on.
#[inline(always)]
fn weighted_columns<const N: usize>(
    rows: &[&[f32]],
    groups: &[(f32, usize)],
    bias: f32,
    at: usize,
    out: &mut [f32; N],
) {
    let mut total = [bias; N];
    let mut rest = rows;
    for &(weight, count) in groups {
        let (group, after) = rest.split_at(count);
        rest = after;
        let Some((first, others)) = group.split_first() else { continue };
        let mut sum = [0.0f32; N];
        sum.copy_from_slice(&first[at..at + N]);
        for row in others {
            for (s, v) in sum.iter_mut().zip(&row[at..at + N]) {
                *s += v;
            }
        }
        for (total, s) in total.iter_mut().zip(sum) {
            *total += s * weight;
        }
    }
    *out = total;
}

/// Puts the components that an operation leaves alone back from `original`, a row without
/// padding.
pub(in crate::kernel) fn keep(
    mask: super::Components,
    components: usize,
    original: &[f32],
    out: &mut [f32],
) {
    for c in (0..components).filter(|&c| !mask.has(c)) {
        let original = original[c..].iter().step_by(components);
        for (o, v) in out[c..].iter_mut().step_by(components).zip(original) {
            *o = *v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Isa;

    #[test]
    fn a_sum_along_a_row_has_the_bits_of_a_sum_of_rows() {
        for (count, step, len) in (1..=17)
            .flat_map(|count| [1, 2, 3, 4].map(|step| (count, step)))
            .flat_map(|(count, step)| [5, 31, 32, 33, 64, 101].map(|len| (count, step, len)))
        {
            let half: Vec<f32> = (0..count).map(|k| 0.3 / (k as f32 + 1.7)).collect();
            let padded = len + 2 * (count - 1) * step;
            let row: Vec<f32> = (0..padded).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
            let rows: Vec<&[f32]> = shifted(&row, 2 * count - 1, step, len).collect();
            let mut want = vec![0.0; len];
            symmetric_sum(Isa::PORTABLE, &rows, &half, &mut want);
            for isa in Isa::available() {
                let mut got = vec![0.0; len];
                symmetric_along(isa, &row, step, &half, &mut got);
                assert_eq!(got, want, "{count} weights, {step} apart, {len}, {}", isa.name());
            }
        }
    }
}
