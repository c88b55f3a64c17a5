//! Running sums of integers: adding a value and taking another away leaves no error behind, so
//! a band that starts anywhere has the same sums.

use crate::kernel::dispatch::per_isa;

/// Entry `i` is the sum of all values before `i` at a multiple of `step` from it.
pub(super) fn accumulate(values: &[i32], step: usize, out: &mut Vec<i64>) {
    out.clear();
    out.resize(values.len() + step, 0);
    for (i, &v) in values.iter().enumerate() {
        out[i + step] = out[i] + i64::from(v);
    }
}

/// Sums of sums of sums of sums along a row of pixels of `components`. They wrap around; the
/// differences that [`comb`] takes do not.
pub(super) fn integrate_along(values: &[i32], components: usize, out: &mut [i64]) {
    match components {
        1 => along::<1>(values, out),
        2 => along::<2>(values, out),
        3 => along::<3>(values, out),
        _ => along::<4>(values, out),
    }
}

fn along<const N: usize>(values: &[i32], out: &mut [i64]) {
    let mut sums = [[0i64; N]; 4];
    for (pixel, out) in values.chunks_exact(N).zip(out.chunks_exact_mut(N)) {
        for c in 0..N {
            let mut v = i64::from(pixel[c]);
            for sum in &mut sums {
                sum[c] = sum[c].wrapping_add(v);
                v = sum[c];
            }
            out[c] = v;
        }
    }
}

per_isa! {
    pub(super) fn window_sums(prefix: &[i64], width: usize, scale: f32, out: &mut [f32]) {
        for ((o, a), b) in out.iter_mut().zip(prefix).zip(&prefix[width..]) {
            *o = (b - a) as f32 * scale;
        }
    }

    pub(super) fn scale_sums(sums: &[i64], scale: f32, out: &mut [f32]) {
        for (o, &s) in out.iter_mut().zip(sums) {
            *o = s as f32 * scale;
        }
    }

    pub(super) fn add_ends(a: &[i32], b: &[i32], scale: f32, out: &mut [f32]) {
        for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *o += (i64::from(a) + i64::from(b)) as f32 * scale;
        }
    }

    pub(super) fn change_sums(sums: &mut [i64], row: &[i32], sign: i64) {
        for (s, &v) in sums.iter_mut().zip(row) {
            *s += sign * i64::from(v);
        }
    }

    /// One more row for four sums of sums of each column; the last of them goes to `out`.
    pub(super) fn integrate_down(row: &[i32], sums: &mut [Vec<i64>; 4], out: &mut [i64]) {
        let [a, b, c, d] = sums;
        let sums = a.iter_mut().zip(b).zip(c).zip(d);
        for ((o, &v), (((a, b), c), d)) in out.iter_mut().zip(row).zip(sums) {
            *a = a.wrapping_add(i64::from(v));
            *b = b.wrapping_add(*a);
            *c = c.wrapping_add(*b);
            *d = d.wrapping_add(*c);
            *o = *d;
        }
    }

    /// Four boxes in a row: the fourth difference of fourth sums that lie a box's width apart,
    /// the latest first.
    pub(super) fn comb(rows: [&[i64]; 5], out: &mut [f32]) {
        let [a, b, c, d, e] = rows.map(|row| &row[..out.len()]);
        for (i, o) in out.iter_mut().enumerate() {
            let ends = a[i].wrapping_add(e[i]);
            let inner = b[i].wrapping_add(d[i]).wrapping_mul(4);
            let middle = c[i].wrapping_mul(6);
            *o = ends.wrapping_sub(inner).wrapping_add(middle) as f32;
        }
    }
}
