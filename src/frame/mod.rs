//! Frames and their layouts: what a buffer of samples means. No I/O, no threads.

mod buffer;
mod bytes;
mod common;
mod layout;

pub use buffer::{BufferPool, Frame, Plane, Sample, Samples};
pub use layout::{
    Depth, Layout, Matrix, Model, PlaneShape, Range, Siting, Size, Subsampling, Ycbcr,
};
