//! Helpers of the kernels' tests: a random picture as rows, and the two laws of every node.

use super::{BoxRows, Isa, Rows};
use crate::frame::PlaneShape;

/// A picture of random unit codes.
pub struct Picture {
    pub shapes: Vec<PlaneShape>,
    pub planes: Vec<Vec<f32>>,
    /// Its values are 8-bit codes.
    bytes: bool,
}

/// The shape of a plane that is not subsampled.
pub fn shape(width: usize, height: usize, components: usize) -> PlaneShape {
    PlaneShape { width, height, components, shift_x: 0, shift_y: 0 }
}

/// The shapes of a YCbCr picture.
pub fn planar(width: usize, height: usize, h: u8, v: u8) -> Vec<PlaneShape> {
    let chroma = PlaneShape {
        width: width.div_ceil(1 << h),
        height: height.div_ceil(1 << v),
        components: 1,
        shift_x: h,
        shift_y: v,
    };
    vec![shape(width, height, 1), chroma, chroma]
}

impl Picture {
    pub fn new(shapes: &[PlaneShape], planes: Vec<Vec<f32>>) -> Self {
        Self { shapes: shapes.to_vec(), planes, bytes: false }
    }

    /// 16-bit codes in 0..=1, the same for the same shapes.
    pub fn noise(shapes: &[PlaneShape]) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 48) as f32 / 65_535.0
        };
        let planes =
            shapes.iter().map(|s| (0..s.row() * s.height).map(|_| next()).collect()).collect();
        Self::new(shapes, planes)
    }

    /// The value of a component, coordinates clamped to the plane: replicated edges.
    pub fn at(&self, plane: usize, x: isize, y: isize, component: usize) -> f64 {
        let s = self.shapes[plane];
        let x = x.clamp(0, s.width as isize - 1) as usize;
        let y = y.clamp(0, s.height as isize - 1) as usize;
        f64::from(self.planes[plane][y * s.row() + x * s.components + component])
    }

    /// With the nearest 8-bit codes for its values.
    #[must_use]
    pub fn in_bytes(mut self) -> Self {
        let values = self.planes.iter_mut().flatten();
        values.for_each(|v| *v = f32::from(byte(*v)) * (1.0 / 255.0));
        self.bytes = true;
        self
    }

    /// Its rows; asking for one out of order is a failure.
    pub fn rows(&self) -> BoxRows<'_> {
        let next = vec![0; self.shapes.len()];
        Box::new(PictureRows { picture: self, next, bytes: Vec::new() })
    }
}

struct PictureRows<'a> {
    picture: &'a Picture,
    next: Vec<usize>,
    bytes: Vec<u8>,
}

fn byte(v: f32) -> u8 {
    (v * 255.0 + 0.5) as u8
}

impl Rows for PictureRows<'_> {
    fn begin(&mut self, first: &[usize]) {
        assert_eq!(first.len(), self.next.len(), "every plane is announced");
        assert!(self.next.iter().all(|&n| n == 0), "announced once, before the first row");
        self.next.copy_from_slice(first);
    }

    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]) {
        assert!(y >= self.next[plane], "row {y} of plane {plane} after {}", self.next[plane]);
        self.next[plane] = y + 1;
        let len = self.picture.shapes[plane].row();
        out.copy_from_slice(&self.picture.planes[plane][y * len..(y + 1) * len]);
    }

    fn bytes(&mut self, plane: usize, y: usize) -> Option<&[u8]> {
        if !self.picture.bytes {
            return None;
        }
        let mut row = vec![0.0; self.picture.shapes[plane].row()];
        self.row(plane, y, &mut row);
        self.bytes = row.into_iter().map(byte).collect();
        Some(&self.bytes)
    }
}

/// All rows from `start` (of the first plane; others in proportion) on.
pub fn collect(mut chain: BoxRows<'_>, shapes: &[PlaneShape], start: usize) -> Vec<Vec<f32>> {
    let tall = shapes[0].height;
    let first: Vec<_> = shapes.iter().map(|s| start * s.height / tall).collect();
    chain.begin(&first);
    let mut out = vec![Vec::new(); shapes.len()];
    for step in start..tall {
        for (plane, s) in shapes.iter().enumerate() {
            for y in step * s.height / tall..(step + 1) * s.height / tall {
                let mut row = vec![f32::NAN; s.row()];
                chain.row(plane, y, &mut row);
                out[plane].extend(row);
            }
        }
    }
    out
}

/// The rows of a chain from 0, after checking that each band and each instruction set gives
/// the same bits, that a chain which was not told its first row does, that rows can be
/// skipped, and that planes can be asked one after the other, together, or now so, now so.
pub fn check<'a>(shapes: &[PlaneShape], make: &dyn Fn(Isa) -> BoxRows<'a>) -> Vec<Vec<f32>> {
    let whole = collect(make(Isa::PORTABLE), shapes, 0);
    let bits = |rows: &[f32]| rows.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let tail = |plane: usize, first: usize| bits(&whole[plane][first * shapes[plane].row()..]);
    for isa in Isa::available() {
        for (plane, rows) in collect(make(isa), shapes, 0).iter().enumerate() {
            assert!(bits(rows) == tail(plane, 0), "{} differs, plane {plane}", isa.name());
        }
    }
    let tall = shapes[0].height;
    for start in [1, 2, 3, 7, tall / 2, tall - 1] {
        let start = start.min(tall - 1);
        for (plane, rows) in collect(make(Isa::best()), shapes, start).iter().enumerate() {
            let first = start * shapes[plane].height / tall;
            assert!(bits(rows) == tail(plane, first), "start {start} differs, plane {plane}");
        }
    }
    for (start, step) in [(tall / 2, 1), (0, 3), (1, 5)] {
        let mut chain = make(Isa::best());
        for (plane, s) in shapes.iter().enumerate() {
            let len = s.row();
            for y in (start * s.height / tall..s.height).step_by(step) {
                let mut row = vec![f32::NAN; len];
                chain.row(plane, y, &mut row);
                let want = &whole[plane][y * len..(y + 1) * len];
                assert!(bits(&row) == bits(want), "row {y} by {step} differs, plane {plane}");
            }
        }
    }
    if shapes.iter().all(|s| *s == shapes[0]) {
        for (start, step, apart) in
            [(0, 1, None), (tall / 2, 1, None), (0, 3, None), (0, 1, Some(0)), (0, 2, Some(1))]
        {
            let mut chain = make(Isa::best());
            chain.begin(&vec![start; shapes.len()]);
            for y in (start..tall).step_by(step) {
                let mut rows = vec![vec![f32::NAN; shapes[0].row()]; shapes.len()];
                let mut outs: Vec<&mut [f32]> = rows.iter_mut().map(Vec::as_mut_slice).collect();
                if apart == Some(y / step % 2) {
                    outs.iter_mut().enumerate().for_each(|(plane, out)| chain.row(plane, y, out));
                } else {
                    chain.rows(y, &mut outs);
                }
                for (row, whole) in rows.iter().zip(&whole) {
                    let want = &whole[y * row.len()..(y + 1) * row.len()];
                    assert!(bits(row) == bits(want), "row {y} by {step} differs, of all planes");
                }
            }
        }
    }
    whole
}

/// Panics where two planes differ by more than `tolerance`.
pub fn close(got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*g) - w).abs() <= tolerance, "value {i}: {g} is not {w}");
    }
}

/// A plane by a formula of x, y and component.
pub fn formula(s: PlaneShape, f: impl Fn(isize, isize, usize) -> f64) -> Vec<f64> {
    let mut out = Vec::with_capacity(s.row() * s.height);
    for y in 0..s.height {
        for x in 0..s.width {
            out.extend((0..s.components).map(|c| f(x as isize, y as isize, c)));
        }
    }
    out
}
