//! The ends of a chain: samples to unit codes, unit codes to samples, and the clamp between.

use super::dispatch::{Isa, per_isa};
use super::view::{Codes, PlaneMut, RowMut, View};
use super::{BoxRows, Rows};

/// Rows of views as unit codes.
pub struct Load<'a> {
    views: Vec<View<'a>>,
    isa: Isa,
}

impl<'a> Load<'a> {
    /// Rows as they lie.
    pub fn new(views: Vec<View<'a>>) -> Self {
        Self { views, isa: Isa::best() }
    }

    /// The same on a given instruction set.
    #[must_use]
    pub fn on(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }
}

impl Rows for Load<'_> {
    fn begin(&mut self, _first: &[usize]) {}

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        let view = &self.views[plane];
        unit(self.isa, view.row(y), view.max(), out);
    }

    fn bytes(&mut self, plane: usize, y: usize) -> Option<&[u8]> {
        match self.views[plane].row(y) {
            Codes::U8(row) => Some(row),
            Codes::U16(_) | Codes::F32(_) => None,
        }
    }
}

/// Codes to unit codes: `v * (1 / max)`; floats are copied.
pub fn unit(isa: Isa, codes: Codes<'_>, max: f32, out: &mut [f32]) {
    match codes {
        Codes::U8(row) => unit_u8(isa, row, 1.0 / max, out),
        Codes::U16(row) => unit_u16(isa, row, 1.0 / max, out),
        Codes::F32(row) => out.copy_from_slice(row),
    }
}

per_isa! {
    fn unit_u8(row: &[u8], scale: f32, out: &mut [f32]) {
        for (o, &v) in out.iter_mut().zip(row) {
            *o = f32::from(v) * scale;
        }
    }

    fn unit_u16(row: &[u16], scale: f32, out: &mut [f32]) {
        for (o, &v) in out.iter_mut().zip(row) {
            *o = f32::from(v) * scale;
        }
    }

    fn code_u8(values: &[f32], out: &mut [u8]) {
        for (o, &v) in out.iter_mut().zip(values) {
            *o = code(v, 255.0) as u8;
        }
    }

    fn code_u16(values: &[f32], max: f32, out: &mut [u16]) {
        for (o, &v) in out.iter_mut().zip(values) {
            *o = code(v, max) as u16;
        }
    }

    /// To 0..=1; NaN becomes 0.
    pub(in crate::kernel) fn clamp_all(values: &mut [f32]) {
        for v in values {
            *v = clamp(*v);
        }
    }
}

/// To 0..=1; NaN and -0 become 0. Written as the two comparisons that one instruction each does.
#[inline(always)]
pub(in crate::kernel) fn clamp(v: f32) -> f32 {
    let v = if v > 0.0 { v } else { 0.0 };
    if v < 1.0 { v } else { 1.0 }
}

/// The code nearest to unit code `v`, half up, in `0..=max`; `max` is at most 65,535.
#[inline(always)]
pub(in crate::kernel) fn code(v: f32, max: f32) -> i32 {
    // SAFETY: the clamp leaves a number in 0..=1, so this is in 0.5..=65,535.5.
    unsafe { (clamp(v) * max + 0.5).to_int_unchecked() }
}

/// Writes unit codes as samples: clamped to 0..=1, times max, rounded half up; NaN becomes 0.
/// Floats are copied as they are. Lengths are equal.
pub fn store(values: &[f32], out: RowMut<'_>) {
    store_on(Isa::best(), values, out);
}

/// [`store`] on a given instruction set.
pub fn store_on(isa: Isa, values: &[f32], out: RowMut<'_>) {
    match out {
        RowMut::U8(row) => code_u8(isa, values, row),
        RowMut::U16 { row, max } => code_u16(isa, values, max, row),
        RowMut::F32(row) => row.copy_from_slice(values),
    }
}

/// Runs a chain over one band of each plane and stores it. A band comes with its first row's
/// number in the plane. Planes advance in step by height, so that what nodes queue stays small.
pub fn fill(chain: &mut dyn Rows, bands: &mut [(usize, PlaneMut<'_>)]) {
    let isa = Isa::best();
    let first: Vec<usize> = bands.iter().map(|(y, _)| *y).collect();
    let heights: Vec<usize> = bands.iter().map(|(_, band)| band.shape().height).collect();
    let longest = bands.iter().map(|(_, band)| band.shape().row()).max().unwrap_or(0);
    let mut buffer = vec![0.0; longest];
    chain.begin(&first);
    in_step(&heights, |plane, y| {
        let (first, band) = &mut bands[plane];
        let values = &mut buffer[..band.shape().row()];
        chain.row(plane, *first + y, values);
        store_on(isa, values, band.row(y));
    });
}

/// Calls `row` for each row of planes of these heights, planes in step.
pub(in crate::kernel) fn in_step(heights: &[usize], mut row: impl FnMut(usize, usize)) {
    let steps = heights.iter().copied().max().unwrap_or(0);
    for step in 0..steps {
        for (plane, height) in heights.iter().enumerate() {
            (step * height / steps..(step + 1) * height / steps).for_each(|y| row(plane, y));
        }
    }
}

/// Clamps to 0..=1 between two passes, as storing and loading would. Not for floats.
pub struct ClampRows<'a> {
    up: BoxRows<'a>,
    isa: Isa,
}

impl<'a> ClampRows<'a> {
    /// Clamps what `up` gives.
    pub fn new(up: BoxRows<'a>) -> Self {
        Self { up, isa: Isa::best() }
    }
}

impl Rows for ClampRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        self.up.begin(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        self.up.row(plane, y, out);
        clamp_all(self.isa, out);
    }

    fn rows(&mut self, y: usize, outs: &mut [&mut [f32]]) {
        self.up.rows(y, outs);
        outs.iter_mut().for_each(|out| clamp_all(self.isa, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_loading_and_storing_on_every_isa() {
        for isa in Isa::available() {
            let bytes: Vec<u8> = (0..=255).collect();
            let mut values = vec![0.0; 256];
            unit(isa, Codes::U8(&bytes), 255.0, &mut values);
            assert_eq!((values[0], values[255]), (0.0, 1.0));
            let mut back = vec![0u8; 256];
            store_on(isa, &values, RowMut::U8(&mut back));
            assert_eq!(back, bytes);
            for max in [1023u16, 65_535] {
                let words: Vec<u16> = (0..=max).collect();
                let mut values = vec![0.0; words.len()];
                unit(isa, Codes::U16(&words), f32::from(max), &mut values);
                assert_eq!(values.last(), Some(&1.0));
                let mut back = vec![0u16; words.len()];
                store_on(isa, &values, RowMut::U16 { row: &mut back, max: f32::from(max) });
                assert_eq!(back, words);
            }
        }
    }

    #[test]
    fn storing_clamps_rounds_half_up_and_makes_nan_black() {
        let mut out = [9u8; 7];
        let half = 1.5 / 255.0;
        for isa in Isa::available() {
            let values = [-1.0, f32::NAN, 2.0, f32::INFINITY, f32::NEG_INFINITY, half, -0.0];
            store_on(isa, &values, RowMut::U8(&mut out));
            assert_eq!(out, [0, 0, 255, 255, 0, 2, 0], "{}", isa.name());
        }
        let mut floats = [0.0f32; 2];
        store(&[-3.0, 7.5], RowMut::F32(&mut floats));
        assert_eq!(floats, [-3.0, 7.5]);
    }
}
