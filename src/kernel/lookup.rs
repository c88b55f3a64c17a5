//! Functions of one real as tables: what carries every transcendental function to the pixels.

use std::sync::Arc;

use super::dispatch::per_isa;

/// How fine a table is; by the depth of the codes that it finally makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// For 8 and 10 bits: the nearest of 4,335 entries per unit, so the input moves by less
    /// than 2^-13.
    Eight,
    /// For 16 bits: linear between 65,535 entries per unit. Cells where that would be off by
    /// more than a fraction of a code are split into 32.
    Sixteen,
}

/// A function on a stretch of the reals, as a table. Inputs outside are clamped to it, NaN to
/// its lower end; results that are not numbers count as 0.
///
/// The result lies within the range that the function takes when the input moves by 2^-12
/// (8 bit) or 2^-20 (16 bit), give or take one 16-bit code.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    low: f32,
    /// Entries per unit.
    scale: f32,
    /// Entries at `low + i / scale`.
    table: Vec<f32>,
    between: Between,
}

#[derive(Clone, Debug, PartialEq)]
enum Between {
    Nearest,
    Linear,
    /// For each cell 0, or 1 + the index of its block of `SPLIT + 1` entries.
    Split {
        cells: Vec<u32>,
        fine: Vec<f32>,
    },
}

/// Entries per unit, a multiple of 255 so that 8-bit codes are entries themselves.
const PER_UNIT_EIGHT: f64 = 4335.0;
/// Entries per unit; 16-bit codes are entries themselves.
const PER_UNIT_SIXTEEN: f64 = 65_535.0;
/// Parts that a steep cell is split into: 2^-21 of a unit each.
const SPLIT: usize = 32;

impl Lookup {
    /// The table of `f` over `domain` (low, high), low under high.
    pub fn new(f: impl Fn(f64) -> f64, domain: (f64, f64), precision: Precision) -> Self {
        let (low, high) = domain;
        let f = |v: f64| finite(f(v));
        let per_unit = match precision {
            Precision::Eight => PER_UNIT_EIGHT,
            Precision::Sixteen => PER_UNIT_SIXTEEN,
        };
        let cells = ((high - low) * per_unit).ceil().max(1.0) as usize;
        let step = (high - low) / cells as f64;
        let values: Vec<f64> = (0..=cells).map(|i| f(low + i as f64 * step)).collect();
        let between = match precision {
            Precision::Eight => Between::Nearest,
            Precision::Sixteen => split(&f, low, step, &values),
        };
        Self {
            low: low as f32,
            scale: (1.0 / step) as f32,
            table: values.into_iter().map(|v| v as f32).collect(),
            between,
        }
    }

    /// A table ready to be shared.
    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// Where the entries begin, how many there are per unit, and the entries, if values between
    /// them go to the nearest.
    pub(in crate::kernel) fn nearest_entries(&self) -> Option<(f32, f32, &[f32])> {
        (self.between == Between::Nearest).then_some((self.low, self.scale, &self.table))
    }

    /// Replaces each value by the function's.
    pub fn apply(&self, isa: super::Isa, values: &mut [f32]) {
        match &self.between {
            Between::Nearest => nearest(isa, &self.table, self.low, self.scale, values),
            Between::Linear => linear(isa, &self.table, self.low, self.scale, values),
            Between::Split { cells, fine } => {
                for v in values {
                    let (cell, part) = cell(&self.table, self.low, self.scale, *v);
                    *v = match cells[cell] {
                        0 => mix(self.table[cell], self.table[cell + 1], part),
                        block => {
                            let start = (block as usize - 1) * (SPLIT + 1);
                            let at = part * SPLIT as f32;
                            let i = (at as usize).min(SPLIT - 1);
                            let (a, b) = (fine[start + i], fine[start + i + 1]);
                            mix(a, b, at - i as f32)
                        }
                    };
                }
            }
        }
    }
}

per_isa! {
    fn nearest(table: &[f32], low: f32, scale: f32, values: &mut [f32]) {
        assert!(!table.is_empty());
        let last = (table.len() - 1) as f32;
        let mut places = [0u64; CHUNK / 2];
        for values in values.chunks_mut(CHUNK) {
            let each: &mut [i32] = bytemuck::cast_slice_mut(&mut places);
            for (place, v) in each.iter_mut().zip(&*values) {
                *place = nearest_place(*v, low, scale, last);
            }
            let (pairs, rest) = values.as_chunks_mut::<2>();
            for (pair, places) in pairs.iter_mut().zip(&places) {
                // SAFETY: a place is in 0..=last, so it is in the table.
                *pair = two(places).map(|at| unsafe { *table.get_unchecked(at as usize) });
            }
            if let [v] = rest {
                *v = table[nearest_place(*v, low, scale, last) as usize];
            }
        }
    }

    fn linear(table: &[f32], low: f32, scale: f32, values: &mut [f32]) {
        assert!(table.len() > 1);
        for v in values {
            let (cell, part) = cell(table, low, scale, *v);
            // SAFETY: a cell's index is at most table.len() - 2.
            *v = unsafe { mix(*table.get_unchecked(cell), *table.get_unchecked(cell + 1), part) };
        }
    }
}

/// Values whose places are computed before they are looked up.
const CHUNK: usize = 256;

/// Two places, by a load of their own: a vector of places that is taken apart again to look them
/// up costs twice as much, and a load for each place a fifth more.
#[inline(always)]
fn two(places: &u64) -> [u32; 2] {
    // SAFETY: a reference may be read.
    bytemuck::cast(unsafe { std::ptr::from_ref(places).read_volatile() })
}

/// The entry nearest to `v`, 0..=last; `last` is under 2^24.
#[inline(always)]
pub(in crate::kernel) fn nearest_place(v: f32, low: f32, scale: f32, last: f32) -> i32 {
    // SAFETY: `within` leaves a number in 0..=last.
    unsafe { within((v - low) * scale + 0.5, last).to_int_unchecked() }
}

/// To 0..=last; NaN becomes 0.
#[inline(always)]
pub(in crate::kernel) fn within(at: f32, last: f32) -> f32 {
    let at = if at > 0.0 { at } else { 0.0 };
    if at < last { at } else { last }
}

/// The cell that `v` falls in, 0..=table.len() - 2, and where in it, 0..=1.
#[inline(always)]
fn cell(table: &[f32], low: f32, scale: f32, v: f32) -> (usize, f32) {
    let at = within((v - low) * scale, (table.len() - 1) as f32);
    // SAFETY: `within` leaves a number in 0..=table.len() - 1.
    let cell = unsafe { at.to_int_unchecked::<i32>() };
    let cell = cell.min(table.len() as i32 - 2);
    (cell as usize, at - cell as f32)
}

#[inline(always)]
fn mix(a: f32, b: f32, part: f32) -> f32 {
    a + (b - a) * part
}

/// Results that no table can hold, made harmless.
fn finite(v: f64) -> f64 {
    if v.is_nan() { 0.0 } else { v.clamp(-1e30, 1e30) }
}

/// Splits the cells that a straight line does not follow. The error of a line is an eighth of
/// the second difference, so a cell is split where one near it exceeds half a 16-bit code; a
/// jump too small to be seen so is worth less than a code.
fn split(f: &impl Fn(f64) -> f64, low: f64, step: f64, values: &[f64]) -> Between {
    const BEND: f64 = 0.5 / 65_535.0;
    let bends: Vec<bool> = (0..values.len())
        .map(|i| {
            let (a, b) = (values[i.saturating_sub(1)], values[(i + 1).min(values.len() - 1)]);
            let inside = i > 0 && i + 1 < values.len();
            inside && (a - 2.0 * values[i] + b).abs() > BEND
        })
        .collect();
    // The ends have no second difference of their own: a first cell that jumps is told by its
    // size.
    let jumps = |i: usize| (values[i + 1] - values[i]).abs() > 16.0 / 65_535.0;
    let last = values.len() - 2;
    let mut cells = vec![0; values.len() - 1];
    let mut fine = Vec::new();
    for (i, cell) in cells.iter_mut().enumerate() {
        if bends[i] || bends[i + 1] || ((i == 0 || i == last) && jumps(i)) {
            *cell = (fine.len() / (SPLIT + 1)) as u32 + 1;
            let part = |j: usize| low + (i as f64 + j as f64 / SPLIT as f64) * step;
            fine.extend((0..=SPLIT).map(|j| f(part(j)) as f32));
        }
    }
    if fine.is_empty() { Between::Linear } else { Between::Split { cells, fine } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Isa;

    /// Inputs that matter: codes, their neighbours, and a sweep of the domain and beyond.
    fn inputs(low: f64, high: f64) -> Vec<f32> {
        let mut all: Vec<f32> = (0..=65_535u32).step_by(7).map(|k| k as f32 / 65_535.0).collect();
        all.extend((0..256).map(|k| k as f32 / 255.0));
        all.extend((0..400).map(|k| k as f32 * 1e-7));
        all.extend((0..400).map(|k| 1.0 - k as f32 * 1e-7));
        all.extend((0..400).map(|k| 0.5 + (k - 200) as f32 * 1e-7));
        let sweep = 20_000;
        all.extend(
            (0..=sweep).map(|k| {
                (low + (high - low) * (1.2 * f64::from(k) / f64::from(sweep) - 0.1)) as f32
            }),
        );
        all
    }

    fn at(lookup: &Lookup, v: f32) -> f32 {
        let mut value = [v];
        lookup.apply(Isa::PORTABLE, &mut value);
        value[0]
    }

    fn obeys(name: &str, f: impl Fn(f64) -> f64, domain: (f64, f64)) {
        for (precision, moved) in
            [(Precision::Eight, 2f64.powi(-12)), (Precision::Sixteen, 2f64.powi(-20))]
        {
            let lookup = Lookup::new(&f, domain, precision);
            for v in inputs(domain.0, domain.1) {
                let x = f64::from(v).clamp(domain.0, domain.1);
                let (mut low, mut high) = (f64::MAX, f64::MIN);
                for k in -16..=16 {
                    let y = f((x + moved * f64::from(k) / 16.0).clamp(domain.0, domain.1));
                    (low, high) = (low.min(y), high.max(y));
                }
                let got = f64::from(at(&lookup, v));
                let code = 1.0 / 65_535.0;
                assert!(
                    got >= low - code && got <= high + code,
                    "{name} {precision:?}: {got} at {v} is outside {low}..{high}"
                );
            }
        }
    }

    fn odd_power(v: f64, e: f64) -> f64 {
        libm::copysign(libm::pow(libm::fabs(v), e), v)
    }

    #[test]
    fn tables_obey_the_precision_rule_where_they_are_steep() {
        obeys("gamma 2.2", |v| odd_power(v, 1.0 / 2.2), (0.0, 1.0));
        obeys("gamma 10 on all reals", |v| odd_power(v, 0.1), (-1.0, 2.0));
        obeys("gamma 0.3", |v| odd_power(v, 1.0 / 0.3), (0.0, 1.0));
        obeys("threshold", |v| f64::from(u8::from(v >= 0.5)), (0.0, 1.0));
        obeys("threshold at the end", |v| f64::from(u8::from(v > 0.0)), (0.0, 1.0));
        obeys("posterize", |v| (v.clamp(0.0, 1.0) * 4.999).floor() / 4.0, (-0.2, 1.2));
        obeys("fine posterize", |v| (v * 20_000.0).floor() / 20_000.0, (0.0, 1.0));
        let to_linear =
            |v: f64| if v <= 0.04045 { v / 12.92 } else { libm::pow((v + 0.055) / 1.055, 2.4) };
        obeys("from sRGB", to_linear, (0.0, 1.0));
        let to_srgb = |v: f64| {
            if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * libm::pow(v, 1.0 / 2.4) - 0.055 }
        };
        obeys("to sRGB", to_srgb, (0.0, 1.0));
        obeys("identity", |v| v, (-3.0, 3.0));
    }

    #[test]
    fn every_isa_gives_the_same_bits_and_odd_inputs_are_safe() {
        let curves: [fn(f64) -> f64; 2] = [|v| odd_power(v, 1.0 / 2.2), |v| 1.0 - v * v];
        for f in curves {
            for lookup in [
                Lookup::new(f, (-1.0, 2.0), Precision::Eight),
                Lookup::new(f, (-1.0, 2.0), Precision::Sixteen),
            ] {
                let mut values: Vec<f32> = (0..1003).map(|i| i as f32 * 0.004 - 1.5).collect();
                values.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -0.0]);
                let mut want = values.clone();
                lookup.apply(Isa::PORTABLE, &mut want);
                assert!(want.iter().all(|v| v.is_finite()));
                for isa in Isa::available() {
                    let mut got = values.clone();
                    lookup.apply(isa, &mut got);
                    assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()));
                }
            }
        }
    }

    #[test]
    fn values_in_a_row_are_looked_up_as_each_alone() {
        let lookup = Lookup::new(|v| odd_power(v, 0.8), (-1.0, 2.0), Precision::Eight);
        for len in [0, 1, 2, 3, 255, 256, 257, 515] {
            let values: Vec<f32> = (0..len).map(|i| (i * 37 % 101) as f32 * 0.04 - 1.5).collect();
            let want: Vec<f32> = values.iter().map(|v| at(&lookup, *v)).collect();
            for isa in Isa::available() {
                let mut got = values.clone();
                lookup.apply(isa, &mut got);
                assert_eq!(got, want, "{len} on {}", isa.name());
            }
        }
    }

    #[test]
    fn functions_without_a_value_count_as_zero() {
        let lookup = Lookup::new(|v| 1.0 / v - 1.0 / v, (0.0, 1.0), Precision::Eight);
        assert_eq!(at(&lookup, 0.0), 0.0);
    }
}
