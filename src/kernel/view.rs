//! Borrowed planes to read and to write, and the wide picture that some operations work from.

use crate::frame::{Depth, Frame, PlaneShape};

/// Samples of a row or a plane, by how they are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Codes<'a> {
    /// 8 bit.
    U8(&'a [u8]),
    /// 10 and 16 bit.
    U16(&'a [u16]),
    /// Floats.
    F32(&'a [f32]),
}

impl<'a> Codes<'a> {
    /// Samples.
    pub(in crate::kernel) const fn len(self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::F32(v) => v.len(),
        }
    }

    fn part(self, start: usize, len: usize) -> Self {
        match self {
            Self::U8(v) => Self::U8(&v[start..start + len]),
            Self::U16(v) => Self::U16(&v[start..start + len]),
            Self::F32(v) => Self::F32(&v[start..start + len]),
        }
    }
}

/// Borrowed samples of one plane, with the code that stands for 1.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    shape: PlaneShape,
    stride: usize,
    codes: Codes<'a>,
    max: f32,
}

impl<'a> View<'a> {
    /// Plane `index` of a frame.
    pub fn of(frame: &'a Frame, index: usize) -> Self {
        let plane = &frame.planes()[index];
        let codes = (plane.data().map(Codes::U8))
            .or_else(|| plane.data().map(Codes::U16))
            .or_else(|| plane.data().map(Codes::F32))
            .expect("samples are of one of the three types");
        let max = frame.layout().depth().max() as f32;
        Self { shape: frame.layout().plane(index), stride: plane.stride(), codes, max }
    }

    /// All planes of a frame.
    pub fn all(frame: &'a Frame) -> Vec<Self> {
        (0..frame.planes().len()).map(|i| Self::of(frame, i)).collect()
    }

    /// Its shape.
    pub const fn shape(&self) -> PlaneShape {
        self.shape
    }

    /// The code that stands for 1: 255, 1023, 65,535, or 1 for floats.
    pub const fn max(&self) -> f32 {
        self.max
    }

    /// Samples from one row to the next.
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// All samples, padding included.
    pub const fn codes(&self) -> Codes<'a> {
        self.codes
    }

    /// Row `y`, 0..height.
    pub fn row(&self, y: usize) -> Codes<'a> {
        self.codes.part(y * self.stride, self.shape.row())
    }
}

/// One row to write.
#[derive(Debug)]
pub enum RowMut<'a> {
    /// 8 bit.
    U8(&'a mut [u8]),
    /// 10 and 16 bit.
    U16 {
        /// The samples.
        row: &'a mut [u16],
        /// The largest code, 1023 or 65,535.
        max: f32,
    },
    /// Floats.
    F32(&'a mut [f32]),
}

impl RowMut<'_> {
    /// What is in the row, to read.
    pub(in crate::kernel) const fn codes(&self) -> Codes<'_> {
        match self {
            Self::U8(v) => Codes::U8(v),
            Self::U16 { row, .. } => Codes::U16(row),
            Self::F32(v) => Codes::F32(v),
        }
    }

    /// Samples.
    pub(in crate::kernel) const fn len(&self) -> usize {
        self.codes().len()
    }

    /// The code that stands for 1.
    pub(in crate::kernel) const fn max(&self) -> f32 {
        match self {
            Self::U8(_) => 255.0,
            Self::U16 { max, .. } => *max,
            Self::F32(_) => 1.0,
        }
    }
}

/// One plane to write, or a band of its rows.
#[derive(Debug)]
pub struct PlaneMut<'a> {
    shape: PlaneShape,
    stride: usize,
    max: f32,
    codes: CodesMut<'a>,
}

#[derive(Debug)]
enum CodesMut<'a> {
    U8(&'a mut [u8]),
    U16(&'a mut [u16]),
    F32(&'a mut [f32]),
}

impl<'a> PlaneMut<'a> {
    /// All planes of a frame.
    pub fn all(frame: &'a mut Frame) -> Vec<Self> {
        let layout = *frame.layout();
        let max = layout.depth().max() as f32;
        let typed = "a frame's samples are of its depth's type";
        let planes = frame.planes_mut().iter_mut();
        let planes = planes.zip(layout.planes()).map(|(plane, shape)| {
            let stride = plane.stride();
            let codes = match layout.depth() {
                Depth::U8 => CodesMut::U8(plane.data_mut().expect(typed)),
                Depth::U10 | Depth::U16 => CodesMut::U16(plane.data_mut().expect(typed)),
                Depth::F32 => CodesMut::F32(plane.data_mut().expect(typed)),
            };
            Self { shape, stride, max, codes }
        });
        planes.collect()
    }

    /// Its shape; the height is the band's.
    pub const fn shape(&self) -> PlaneShape {
        self.shape
    }

    /// Row `y`, counted from the band's first.
    pub fn row(&mut self, y: usize) -> RowMut<'_> {
        let part = y * self.stride..y * self.stride + self.shape.row();
        match &mut self.codes {
            CodesMut::U8(v) => RowMut::U8(&mut v[part]),
            CodesMut::U16(v) => RowMut::U16 { row: &mut v[part], max: self.max },
            CodesMut::F32(v) => RowMut::F32(&mut v[part]),
        }
    }

    /// True if its samples are bytes.
    pub(in crate::kernel) const fn is_bytes(&self) -> bool {
        matches!(self.codes, CodesMut::U8(_))
    }

    /// Takes its first row away.
    pub(in crate::kernel) fn take_row(&mut self) -> Option<RowMut<'a>> {
        fn first<'a, T>(rows: &mut &'a mut [T], stride: usize, len: usize) -> &'a mut [T] {
            let all = std::mem::take(rows);
            // The last row of a plane need not be padded to the stride.
            let (row, rest) = all.split_at_mut(stride.min(all.len()));
            *rows = rest;
            &mut row[..len]
        }
        let (stride, len) = (self.stride, self.shape.row());
        self.shape.height = self.shape.height.checked_sub(1)?;
        Some(match &mut self.codes {
            CodesMut::U8(v) => RowMut::U8(first(v, stride, len)),
            CodesMut::U16(v) => RowMut::U16 { row: first(v, stride, len), max: self.max },
            CodesMut::F32(v) => RowMut::F32(first(v, stride, len)),
        })
    }

    /// The first `rows` rows (0..=height) and the rest: bands that threads fill side by side.
    pub fn split_at(self, rows: usize) -> (Self, Self) {
        assert!(rows <= self.shape.height, "a band is cut inside itself");
        // The last row of a plane need not be padded to the stride.
        let cut = |len: usize| (rows * self.stride).min(len);
        let (first, rest) = match self.codes {
            CodesMut::U8(v) => {
                let (a, b) = v.split_at_mut(cut(v.len()));
                (CodesMut::U8(a), CodesMut::U8(b))
            }
            CodesMut::U16(v) => {
                let (a, b) = v.split_at_mut(cut(v.len()));
                (CodesMut::U16(a), CodesMut::U16(b))
            }
            CodesMut::F32(v) => {
                let (a, b) = v.split_at_mut(cut(v.len()));
                (CodesMut::F32(a), CodesMut::F32(b))
            }
        };
        let with = |height, codes| Self {
            shape: PlaneShape { height, ..self.shape },
            stride: self.stride,
            max: self.max,
            codes,
        };
        (with(rows, first), with(self.shape.height - rows, rest))
    }
}

/// How the values of a [`Slab`] are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wide {
    /// 16-bit codes, for pictures of 8 and 10 bits.
    U16,
    /// Floats, for pictures of 16 bits and floats.
    F32,
}

/// A whole picture between two passes, at no less than 16 bits, for operations that need rows
/// in another order: turns and rotations.
#[derive(Debug)]
pub struct Slab {
    planes: Vec<(PlaneShape, WidePlane)>,
}

#[derive(Debug)]
enum WidePlane {
    U16(Vec<u16>),
    F32(Vec<f32>),
}

impl Slab {
    /// A slab of zeros.
    pub fn new(shapes: &[PlaneShape], wide: Wide) -> Self {
        let plane = |shape: &PlaneShape| {
            let len = shape.row() * shape.height;
            let samples = match wide {
                Wide::U16 => WidePlane::U16(vec![0; len]),
                Wide::F32 => WidePlane::F32(vec![0.0; len]),
            };
            (*shape, samples)
        };
        Self { planes: shapes.iter().map(plane).collect() }
    }

    /// Bytes that a slab takes, without making it.
    pub fn size_of(shapes: &[PlaneShape], wide: Wide) -> u64 {
        let samples: u64 = shapes.iter().map(|s| s.row() as u64 * s.height as u64).sum();
        samples * if wide == Wide::U16 { 2 } else { 4 }
    }

    /// Plane `index` to read.
    pub fn view(&self, index: usize) -> View<'_> {
        let (shape, samples) = &self.planes[index];
        let (codes, max) = match samples {
            WidePlane::U16(v) => (Codes::U16(v), 65_535.0),
            WidePlane::F32(v) => (Codes::F32(v), 1.0),
        };
        View { shape: *shape, stride: shape.row(), codes, max }
    }

    /// All planes to read.
    pub fn views(&self) -> Vec<View<'_>> {
        (0..self.planes.len()).map(|i| self.view(i)).collect()
    }

    /// All planes to write; [`PlaneMut::split_at`] cuts them into bands.
    pub fn planes_mut(&mut self) -> Vec<PlaneMut<'_>> {
        let mut out = Vec::with_capacity(self.planes.len());
        for (shape, samples) in &mut self.planes {
            let (max, codes) = match samples {
                WidePlane::U16(v) => (65_535.0, CodesMut::U16(v)),
                WidePlane::F32(v) => (1.0, CodesMut::F32(v)),
            };
            out.push(PlaneMut { shape: *shape, stride: shape.row(), max, codes });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Layout, Model, Plane, Samples, Size};

    #[test]
    fn bands_of_a_padded_frame_are_its_rows() {
        let layout = Layout::new(Size::new(2, 3), Model::Gray, Depth::U8).unwrap();
        // Stride 4, the last row unpadded.
        let mut frame =
            Frame::new(layout, vec![Plane::new(Samples::U8((0..10).collect()), 4)]).unwrap();
        assert_eq!(View::of(&frame, 0).row(2), Codes::U8(&[8, 9]));
        let plane = PlaneMut::all(&mut frame).remove(0);
        let (mut a, rest) = plane.split_at(1);
        let (mut b, c) = rest.split_at(2);
        assert_eq!((a.shape().height, b.shape().height, c.shape().height), (1, 2, 0));
        for (band, y, value) in [(&mut a, 0, 50), (&mut b, 1, 60)] {
            let RowMut::U8(row) = band.row(y) else { panic!("8 bit") };
            row.fill(value);
        }
        assert_eq!(frame.planes()[0].data::<u8>().unwrap(), [50, 50, 2, 3, 4, 5, 6, 7, 60, 60]);
    }

    #[test]
    fn a_slab_counts_its_bytes() {
        let layout = Layout::new(Size::new(5, 3), Model::Rgb, Depth::U8).unwrap();
        let shapes: Vec<_> = layout.planes().collect();
        for (wide, bytes) in [(Wide::U16, 90), (Wide::F32, 180)] {
            let slab = Slab::new(&shapes, wide);
            assert_eq!(Slab::size_of(&shapes, wide), bytes);
            assert_eq!(slab.view(0).shape(), shapes[0]);
        }
    }
}
