//! Recursive smoothing, `v' = v + pull(last - v)`: along rows, down columns, from frame to
//! frame.

use std::sync::Arc;

use crate::kernel::Codes;
use crate::kernel::dispatch::{Isa, per_isa};
use crate::kernel::load::{store_on, unit};
use crate::kernel::lookup::within;
use crate::kernel::view::RowMut;

/// A function of a difference, -1 to 1, as a table with straight lines between its entries;
/// what is outside counts as the nearest end. A result is one that the function has within
/// 2^-13 of the difference. The pulls of `hqdn3d` bend most at 0, where a line is off by
/// g / 4 * 2^-26: 2^-21 at its strength of 4, and 2^-14 at the worst of all.
#[derive(Debug)]
pub struct Pull {
    /// The value at the cell's start, and how much it rises over the cell.
    cells: Vec<[f32; 2]>,
}

/// Cells per unit. The part of the table that small differences use fits a first-level cache.
const PER_UNIT: usize = 8192;

impl Pull {
    /// The table of `f`.
    pub fn new(f: impl Fn(f64) -> f64) -> Self {
        let at = |i: usize| f(i as f64 / PER_UNIT as f64 - 1.0);
        let values: Vec<f64> = (0..=2 * PER_UNIT).map(at).collect();
        let rise = |i: usize| values.get(i + 1).map_or(0.0, |next| next - values[i]);
        Self { cells: (0..values.len()).map(|i| [values[i] as f32, rise(i) as f32]).collect() }
    }
}

/// The smoothing of the planes of one kind.
#[derive(Clone, Debug)]
pub struct Follower {
    space: Option<Arc<Pull>>,
    time: Option<Arc<Pull>>,
    isa: Isa,
}

impl Follower {
    /// Rows that are smoothed together: enough to hide that a row waits some 40 cycles for each
    /// of its values.
    pub const TOGETHER: usize = 16;

    /// `None` leaves values alone.
    pub fn new(space: Option<Arc<Pull>>, time: Option<Arc<Pull>>) -> Self {
        Self { space, time, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    /// True if samples depend on others in their frame.
    pub fn has_space(&self) -> bool {
        self.space.is_some()
    }

    /// Smooths rows of `len` values along themselves, from the left. Row `i` begins at
    /// `i * stride`; a pixel has `components` values. Rows do not depend on each other: several
    /// are done together since each waits for its own last value.
    pub fn along(&self, rows: &mut [f32], stride: usize, len: usize, components: usize) {
        if let Some(pull) = &self.space {
            along(self.isa, &pull.cells, rows, stride, len, components);
        }
    }

    /// Smooths a row by the one above it, which has been smoothed itself; or a part of both.
    pub fn down(&self, above: &[f32], row: &mut [f32]) {
        if let Some(pull) = &self.space {
            follow(self.isa, &pull.cells, above, row);
        }
    }

    /// Brings `last`, a row of the frame before, to this frame, whose row is `row`.
    pub fn next(&self, last: &mut [f32], row: &[f32]) {
        match &self.time {
            Some(pull) => lead(self.isa, &pull.cells, last, row),
            None => last.copy_from_slice(row),
        }
    }

    /// A row as unit codes, alpha left out: of each `components` values the first
    /// `out.len() / (codes / components)`.
    pub fn load(&self, codes: Codes<'_>, max: f32, components: usize, out: &mut [f32]) {
        let len = codes.len();
        if len == out.len() {
            return unit(self.isa, codes, max, out);
        }
        let mut values = vec![0.0; len];
        unit(self.isa, codes, max, &mut values);
        let colors = components - 1;
        for (o, v) in out.chunks_exact_mut(colors).zip(values.chunks_exact(components)) {
            o.copy_from_slice(&v[..colors]);
        }
    }

    /// Stores such a row; alpha stays as it is in `out`.
    pub fn store(&self, row: &[f32], components: usize, out: RowMut<'_>) {
        let len = out.len();
        if len == row.len() {
            return store_on(self.isa, row, out);
        }
        let mut values = vec![0.0; len];
        let max = out.max();
        unit(self.isa, out.codes(), max, &mut values);
        let colors = components - 1;
        for (v, o) in values.chunks_exact_mut(components).zip(row.chunks_exact(colors)) {
            v[..colors].copy_from_slice(o);
        }
        store_on(self.isa, &values, out);
    }
}

/// `current` pulled to `last`.
#[inline(always)]
fn pulled(cells: &[[f32; 2]], last: f32, current: f32) -> f32 {
    let unit = PER_UNIT as f32;
    let at = within((last - current) * unit + unit, 2.0 * unit);
    // SAFETY: `within` leaves a number in 0..=2 * PER_UNIT, and there is a cell more than that.
    let (cell, [value, rise]) = unsafe {
        let cell = at.to_int_unchecked::<i32>();
        (cell, *cells.get_unchecked(cell as usize))
    };
    current + (value + rise * (at - cell as f32))
}

per_isa! {
    fn along(
        cells: &[[f32; 2]],
        rows: &mut [f32],
        stride: usize,
        len: usize,
        components: usize,
    ) {
        assert!(cells.len() > 2 * PER_UNIT && components <= 4);
        for rows in rows.chunks_mut(stride * Follower::TOGETHER) {
            let mut rows: Vec<&mut [f32]> =
                rows.chunks_mut(stride).map(|row| &mut row[..len]).collect();
            for x in components..len {
                for row in &mut rows {
                    row[x] = pulled(cells, row[x - components], row[x]);
                }
            }
        }
    }

    fn follow(cells: &[[f32; 2]], above: &[f32], row: &mut [f32]) {
        assert!(cells.len() > 2 * PER_UNIT);
        for (v, last) in row.iter_mut().zip(above) {
            *v = pulled(cells, *last, *v);
        }
    }

    fn lead(cells: &[[f32; 2]], last: &mut [f32], row: &[f32]) {
        assert!(cells.len() > 2 * PER_UNIT);
        for (last, v) in last.iter_mut().zip(row) {
            *last = pulled(cells, *last, *v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::testing::noise;

    fn power(g: f64) -> impl Fn(f64) -> f64 {
        move |d: f64| d * libm::pow((1.0 - d.abs()).max(0.0), g)
    }

    fn reals(len: usize, seed: u64) -> Vec<f32> {
        noise(len, 65_535, seed).into_iter().map(|v| f32::from(v) / 65_535.0).collect()
    }

    #[test]
    fn a_table_is_as_near_to_its_function_as_it_says() {
        for (g, off) in [(87.0, -20), (57.0, -20), (1.0, -22), (3447.0, -14), (1.2e4, -14)] {
            let f = power(g);
            let pull = Pull::new(&f);
            let off = f64::from(off).exp2();
            for d in (-30_000..=30_000).map(|i| f64::from(i) / 30_000.0) {
                // From and to values as far apart as the difference.
                let (last, current) = if d > 0.0 { (d as f32, 0.0) } else { (0.0, -d as f32) };
                let got = pulled(&pull.cells, last, current);
                let d = f64::from(last) - f64::from(current);
                let want = f64::from(current) + f(d);
                assert!((f64::from(got) - want).abs() < off + 1.2e-7, "{g} {d}: {got} {want}");
            }
            assert_eq!(pulled(&pull.cells, 0.3, 0.3), 0.3);
        }
        // Where a function is steep, at the ends for the largest strengths, the value is one
        // that it has nearby.
        let f = power(0.31);
        let pull = Pull::new(&f);
        for d in (0..2000).map(|i| 1.0 - f64::from(i) * 1e-6) {
            let got = f64::from(pulled(&pull.cells, d as f32, 0.0));
            let (high, low) = (f(d - 1.3e-4), f((d + 1.3e-4).min(1.0)));
            assert!((low - 1e-7..=high + 1e-7).contains(&got), "{d}: {low} {got} {high}");
        }
    }

    #[test]
    fn rows_follow_themselves_component_by_component() {
        let pull = Arc::new(Pull::new(power(5.0)));
        for (components, len, count) in [(1, 100, 17), (3, 99, 3), (1, 1, 1), (2, 40, 33)] {
            let stride = len + 3;
            let rows = reals(stride * count, 1);
            let mut want = rows.clone();
            for row in want.chunks_mut(stride) {
                for x in components..len {
                    row[x] = pulled(&pull.cells, row[x - components], row[x]);
                }
            }
            for isa in Isa::available() {
                let mut got = rows.clone();
                let follower = Follower::new(Some(pull.clone()), None).on(isa);
                follower.along(&mut got, stride, len, components);
                assert!(got == want, "{} {components} {len} {count}", isa.name());
            }
        }
    }

    #[test]
    fn rows_follow_others_alike_on_all_instruction_sets() {
        let pull = Arc::new(Pull::new(power(20.0)));
        let (above, row) = (reals(1003, 1), reals(1003, 2));
        let want: Vec<f32> =
            above.iter().zip(&row).map(|(a, v)| pulled(&pull.cells, *a, *v)).collect();
        for isa in Isa::available() {
            let follower = Follower::new(Some(pull.clone()), Some(pull.clone())).on(isa);
            let mut down = row.clone();
            follower.down(&above, &mut down);
            let mut next = above.clone();
            follower.next(&mut next, &row);
            assert!(down == want && next == want, "{}", isa.name());
        }
        let mut last = above;
        Follower::new(None, None).next(&mut last, &row);
        assert_eq!(last, row);
    }

    #[test]
    fn what_is_no_number_does_no_harm() {
        let pull = Pull::new(power(2.0));
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            pulled(&pull.cells, odd, 0.5);
            pulled(&pull.cells, 0.5, odd);
        }
        assert_eq!(pulled(&pull.cells, 9.0, 0.5), 0.5, "too far apart to be noise");
    }

    #[test]
    fn alpha_is_neither_read_nor_written() {
        let follower = Follower::new(None, None);
        let codes = [10u8, 20, 30, 77, 40, 50, 60, 88];
        let mut row = [0.0; 6];
        follower.load(Codes::U8(&codes), 255.0, 4, &mut row);
        row.iter_mut().for_each(|v| *v += 1.0 / 255.0);
        let mut out = codes;
        follower.store(&row, 4, RowMut::U8(&mut out));
        assert_eq!(out, [11, 21, 31, 77, 41, 51, 61, 88]);
    }
}
