//! Fixed point: what running sums are made of.

use super::dispatch::{Isa, per_isa};

/// 2^24 per unit, the precision of an `f32` below 1.
pub(in crate::kernel) const UNIT: f64 = 16_777_216.0;

/// Values beyond this are cut before they become fixed point; codes stay within 0..=1.
const LIMIT: f32 = 2.0;

/// Values in units of 2^-24, to the nearest.
pub(in crate::kernel) fn fix(isa: Isa, values: &[f32], out: &mut Vec<i32>) {
    out.resize(values.len(), 0);
    fix_all(isa, values, out);
}

per_isa! {
    fn fix_all(values: &[f32], out: &mut [i32]) {
        for (o, &v) in out.iter_mut().zip(values) {
            let v = if v > -LIMIT { v } else { -LIMIT };
            let v = if v < LIMIT { v } else { LIMIT } * UNIT as f32;
            let half = if v < 0.0 { -0.5 } else { 0.5 };
            // SAFETY: within 2 * 2^24, under 2^31; NaN has become -2.
            *o = unsafe { (v + half).to_int_unchecked() };
        }
    }
}
