//! Frames: typed planes that match a layout, and the pool that gives their buffers a way back.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::layout::{Depth, Layout, PlaneShape};
use crate::error::{Error, Result};

/// The samples of one plane, by how they are stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// 8 bit.
    U8(Vec<u8>),
    /// 10 and 16 bit.
    U16(Vec<u16>),
    /// Floats.
    F32(Vec<f32>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::F32(v) => v.len(),
        }
    }
}

/// A type that samples are stored in.
pub trait Sample: Copy + Default + Send + Sync + 'static {
    /// The samples, if they are of this type.
    fn slice(samples: &Samples) -> Option<&[Self]>;
    /// The samples to change, if they are of this type.
    fn slice_mut(samples: &mut Samples) -> Option<&mut [Self]>;
    /// Wraps a buffer.
    fn wrap(buffer: Vec<Self>) -> Samples;
}

macro_rules! sample {
    ($type:ty, $variant:ident) => {
        impl Sample for $type {
            fn slice(samples: &Samples) -> Option<&[Self]> {
                match samples {
                    Samples::$variant(v) => Some(v),
                    _ => None,
                }
            }

            fn slice_mut(samples: &mut Samples) -> Option<&mut [Self]> {
                match samples {
                    Samples::$variant(v) => Some(v),
                    _ => None,
                }
            }

            fn wrap(buffer: Vec<Self>) -> Samples {
                Samples::$variant(buffer)
            }
        }
    };
}
sample!(u8, U8);
sample!(u16, U16);
sample!(f32, F32);

/// One plane: rows of samples, `stride` samples apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    samples: Samples,
    /// Samples in front of the first row.
    start: usize,
    stride: usize,
}

impl Plane {
    /// A plane around samples that are there already, rows `stride` samples apart.
    pub fn new(samples: Samples, stride: usize) -> Self {
        Self::within(samples, 0, stride)
    }

    /// The same where `start` samples of something else stand in front.
    pub fn within(samples: Samples, start: usize, stride: usize) -> Self {
        Self { samples, start, stride }
    }

    /// The distance of two rows, in samples.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All samples as `T`, padding included. `None` if they are stored as another type.
    pub fn data<T: Sample>(&self) -> Option<&[T]> {
        T::slice(&self.samples).map(|all| &all[self.start..])
    }

    /// All samples as `T`, to change. `None` if they are stored as another type.
    pub fn data_mut<T: Sample>(&mut self) -> Option<&mut [T]> {
        T::slice_mut(&mut self.samples).map(|all| &mut all[self.start..])
    }

    /// The same as they lie in memory.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.samples {
            Samples::U8(v) => &v[self.start..],
            Samples::U16(v) => bytemuck::cast_slice(&v[self.start..]),
            Samples::F32(v) => bytemuck::cast_slice(&v[self.start..]),
        }
    }

    /// The same, to change.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.samples {
            Samples::U8(v) => &mut v[self.start..],
            Samples::U16(v) => bytemuck::cast_slice_mut(&mut v[self.start..]),
            Samples::F32(v) => bytemuck::cast_slice_mut(&mut v[self.start..]),
        }
    }
}

/// A picture in memory: a layout, and planes that match it.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    layout: Layout,
    planes: Vec<Plane>,
}

impl Frame {
    /// A frame, if the planes match the layout in number, type, stride and length.
    pub fn new(layout: Layout, planes: Vec<Plane>) -> Result<Self> {
        if planes.len() != layout.model().planes() {
            return Err(Error::internal(format!("{} planes for {layout}", planes.len())));
        }
        for (shape, plane) in layout.planes().zip(&planes) {
            let typed = matches!(
                (layout.depth(), &plane.samples),
                (Depth::U8, Samples::U8(_))
                    | (Depth::U10 | Depth::U16, Samples::U16(_))
                    | (Depth::F32, Samples::F32(_))
            );
            let needed = plane.start + plane.stride * (shape.height - 1) + shape.row();
            if !typed || plane.stride < shape.row() || plane.samples.len() < needed {
                return Err(Error::internal(format!(
                    "a plane of {} samples with stride {} does not hold {layout}",
                    plane.samples.len(),
                    plane.stride
                )));
            }
        }
        Ok(Self { layout, planes })
    }

    /// A frame with buffers from the pool; what is in them is unspecified.
    pub fn from_pool(layout: Layout, pool: &BufferPool) -> Self {
        let planes = layout
            .planes()
            .map(|shape| {
                let len = shape.row() * shape.height;
                let samples = match layout.depth() {
                    Depth::U8 => Samples::U8(pool.bytes.take(len)),
                    Depth::U10 | Depth::U16 => Samples::U16(pool.words.take(len)),
                    Depth::F32 => Samples::F32(pool.floats.take(len)),
                };
                Plane::new(samples, shape.row())
            })
            .collect();
        Self { layout, planes }
    }

    /// The same samples as a frame of another layout; planes that it lacks go into the pool.
    /// Errors: its planes are larger than these.
    pub fn relaid(mut self, layout: Layout, pool: &BufferPool) -> Result<Self> {
        let kept = self.planes.len().min(layout.planes().count());
        let rest = self.planes.split_off(kept);
        Self { layout, planes: rest }.recycle(pool);
        Self::new(layout, self.planes)
    }

    /// A frame of zeros.
    pub fn zeroed(layout: Layout) -> Self {
        Self::from_pool(layout, &BufferPool::new(1))
    }

    /// What the samples mean.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The planes.
    pub fn planes(&self) -> &[Plane] {
        &self.planes
    }

    /// The planes, to fill.
    pub fn planes_mut(&mut self) -> &mut [Plane] {
        &mut self.planes
    }

    /// The shape of plane `index` and row `y` of it. `None` if the samples are of another type.
    pub fn row<T: Sample>(&self, index: usize, y: usize) -> Option<&[T]> {
        let shape: PlaneShape = self.layout.plane(index);
        let plane = &self.planes[index];
        let start = y * plane.stride;
        plane.data::<T>().map(|data| &data[start..start + shape.row()])
    }

    /// Gives the buffers back to the pool.
    pub fn recycle(self, pool: &BufferPool) {
        for plane in self.planes {
            match plane.samples {
                Samples::U8(v) => pool.bytes.give(v),
                Samples::U16(v) => pool.words.give(v),
                Samples::F32(v) => pool.floats.give(v),
            }
        }
    }
}

/// Buffers that were used and can be used again: a fresh 72 MB buffer costs 49 ms in page
/// faults, a used one 12. Bounded, never blocks, and shared by reference between threads.
#[derive(Debug)]
pub struct BufferPool {
    bytes: Shelf<u8>,
    words: Shelf<u16>,
    floats: Shelf<f32>,
}

impl BufferPool {
    /// A pool that keeps at most `keep` buffers of each sample type.
    pub fn new(keep: usize) -> Self {
        Self { bytes: Shelf::new(keep), words: Shelf::new(keep), floats: Shelf::new(keep) }
    }

    /// Lets all of them go.
    pub fn clear(&self) {
        self.bytes.clear();
        self.words.clear();
        self.floats.clear();
    }

    /// A buffer of `len` bytes; what is in it is unspecified. For codecs that need rows wider
    /// than a frame's, or room beside it.
    pub fn take_bytes(&self, len: usize) -> Vec<u8> {
        self.bytes.take(len)
    }

    /// Gives such a buffer back.
    pub fn give_bytes(&self, buffer: Vec<u8>) {
        self.bytes.give(buffer);
    }
}

/// One sample type's free buffers.
#[derive(Debug)]
struct Shelf<T> {
    put: Sender<Vec<T>>,
    get: Receiver<Vec<T>>,
}

impl<T: Sample> Shelf<T> {
    fn new(keep: usize) -> Self {
        let (put, get) = bounded(keep);
        Self { put, get }
    }

    /// A buffer of `len` samples; a used one if it is large enough and not over twice as large,
    /// so that a thumbnail never holds a poster's memory. Luma and chroma lie on one shelf, so
    /// what does not fit goes back for whom it fits.
    fn take(&self, len: usize) -> Vec<T> {
        for _ in 0..self.get.len() {
            let Ok(mut used) = self.get.try_recv() else { break };
            if used.capacity() >= len && used.capacity() / 2 <= len {
                used.resize(len, T::default());
                return used;
            }
            self.give(used);
        }
        vec![T::default(); len]
    }

    fn clear(&self) {
        self.get.try_iter().for_each(drop);
    }

    /// On a full shelf the oldest buffer makes room: sizes that are asked for no more go first.
    fn give(&self, buffer: Vec<T>) {
        if let Err(TrySendError::Full(buffer)) = self.put.try_send(buffer) {
            drop(self.get.try_recv());
            // Another thread may have taken the room; then this one goes.
            drop(self.put.try_send(buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Model, Size};
    use super::*;

    fn gray(width: u32, height: u32) -> Layout {
        Layout::new(Size::new(width, height), Model::Gray, Depth::U8).unwrap()
    }

    #[test]
    fn planes_that_do_not_fit_are_refused() {
        let plane = |len, stride| vec![Plane::new(Samples::U8(vec![0; len]), stride)];
        assert!(Frame::new(gray(3, 2), plane(6, 3)).is_ok());
        assert!(Frame::new(gray(3, 2), plane(7, 4)).is_ok(), "the last row needs no padding");
        assert!(Frame::new(gray(3, 2), plane(5, 3)).is_err());
        assert!(Frame::new(gray(3, 2), plane(6, 2)).is_err());
        let within = |start| vec![Plane::within(Samples::U8((0..8).collect()), start, 3)];
        assert!(Frame::new(gray(3, 2), within(3)).is_err());
        let mut frame = Frame::new(gray(3, 2), within(2)).unwrap();
        assert_eq!(frame.row::<u8>(0, 1).unwrap(), [5, 6, 7]);
        assert_eq!(frame.bytes().concat(), [2, 3, 4, 5, 6, 7]);
        assert_eq!(frame.bytes_mut().concat(), [2, 3, 4, 5, 6, 7]);
        let words = vec![Plane::new(Samples::U16(vec![0; 6]), 3)];
        assert!(Frame::new(gray(3, 2), words).is_err());
    }

    #[test]
    fn a_frame_of_fewer_planes_has_the_first_ones_and_the_pool_the_others() {
        let model = Model::Ycbcr(super::super::Ycbcr::jpeg(super::super::Subsampling::S444));
        let layout = Layout::new(Size::new(4, 2), model, Depth::U8).unwrap();
        let mut frame = Frame::zeroed(layout);
        frame.planes_mut()[0].data_mut::<u8>().unwrap().fill(7);
        let pool = BufferPool::new(4);
        let gray = frame.relaid(gray(4, 2), &pool).unwrap();
        assert_eq!(gray.row::<u8>(0, 1).unwrap(), [7; 4]);
        assert_eq!(pool.bytes.get.len(), 2);
        assert!(gray.clone().relaid(layout, &pool).is_err(), "planes do not come from nowhere");
        assert!(
            gray.relaid(Layout::new(Size::new(4, 3), Model::Gray, Depth::U8).unwrap(), &pool)
                .is_err()
        );
    }

    #[test]
    fn a_pool_gives_a_buffer_back_and_no_more_than_it_keeps() {
        let pool = BufferPool::new(1);
        let frame = Frame::from_pool(gray(8, 8), &pool);
        let address = frame.row::<u8>(0, 0).unwrap().as_ptr();
        Frame::from_pool(gray(8, 8), &pool).recycle(&BufferPool::new(1));
        frame.recycle(&pool);
        let again = Frame::from_pool(gray(8, 8), &pool);
        assert_eq!(again.row::<u8>(0, 0).unwrap().as_ptr(), address);
        again.recycle(&pool);
        let small = Frame::from_pool(gray(1, 1), &pool);
        assert_eq!(small.row::<u8>(0, 0).unwrap().len(), 1);
        small.recycle(&pool);
        assert_eq!(pool.bytes.take(1).capacity(), 1, "the larger one made room");
        pool.give_bytes(vec![0; 8]);
        pool.clear();
        assert!(pool.bytes.get.is_empty());
    }

    #[test]
    fn planes_of_different_sizes_find_their_buffers_in_any_order() {
        let pool = BufferPool::new(6);
        let sizes = [64_usize, 16, 16, 64, 16, 16];
        let used: Vec<Vec<u8>> = sizes.iter().map(|n| pool.bytes.take(*n)).collect();
        let mut addresses: Vec<_> = used.iter().map(|buffer| buffer.as_ptr()).collect();
        used.into_iter().for_each(|buffer| pool.bytes.give(buffer));
        let again: Vec<Vec<u8>> = [16, 16, 64, 16, 64, 16].map(|n| pool.bytes.take(n)).into();
        let mut found: Vec<_> = again.iter().map(|buffer| buffer.as_ptr()).collect();
        addresses.sort();
        found.sort();
        assert_eq!(found, addresses);
    }
}
