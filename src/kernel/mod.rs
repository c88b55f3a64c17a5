//! The loops over samples, by layout and instruction set. Sees operations, never the plan.
//!
//! The engine is a pull pipeline of rows: each node asks the node above it for the rows that it
//! needs and hands out its own. Values are `f32` unit codes, integer code / (2^n - 1), so 0..=1
//! for integers; floats are as they are. A row of a plane is `width * components` values.

pub mod alpha;
pub mod blur;
pub mod bytes;
pub mod chroma;
pub mod convolve;
pub mod dispatch;
mod fixed;
pub mod grid;
mod lined;
pub mod load;
pub mod lookup;
mod network;
mod over;
pub mod pick;
pub mod planar;
pub mod point;
pub mod rank;
pub mod resample;
mod ring;
pub mod rotate;
mod spline;
pub mod taps;
#[cfg(test)]
mod testing;
pub mod time;
pub mod turn;
pub mod view;
pub mod weights;
pub mod window;

pub use alpha::{Flatten, Premultiply, Unpremultiply};
pub use blur::{Blur, BlurRows};
pub use bytes::Fused8;
pub use chroma::{Edges, Lift, Lower, Sited, Through, Through8};
pub use convolve::{ConvolveRows, GradientRows};
pub use dispatch::Isa;
pub use grid::Grid;
pub use load::{ClampRows, Load, fill, store};
pub use lookup::{Lookup, Precision};
pub use over::fill_over;
pub use pick::PickRows;
pub use planar::{PlanarPoint, TakePlane};
pub use point::{PointRows, Step};
pub use rank::RankRows;
pub use resample::ResampleRows;
pub use rotate::RotateRows;
pub use taps::Taps;
pub use time::{Follower, MeanOfFrames, Pull, RankOfFrames};
pub use turn::TurnRows;
pub use view::{Codes, PlaneMut, RowMut, Slab, View, Wide};
pub use weights::{AxisMap, AxisWeights};
pub use window::{Placement, WindowRows};

/// Produces the rows of one or three planes.
///
/// A band of output rows is computed by a fresh chain, so no value may depend on where a band
/// starts. Planes of equal shape are asked for the same rows, but not in step: one plane may
/// run ahead of another by any amount. A chain stays on the thread that made it.
pub trait Rows {
    /// Says the first row that will be asked for, plane by plane, before any is; one beyond the
    /// last if none will be. Nodes pass it on, less their halo. A chain that was never told gives
    /// the same rows, but a `Lower` in it has to begin at row 0.
    fn begin(&mut self, first: &[usize]);

    /// Writes row `y` of `plane` to `out`, which has exactly a row's length. For each plane,
    /// `y` strictly increases from call to call; rows may be skipped.
    fn row(&mut self, plane: usize, y: usize, out: &mut [f32]);

    /// Writes row `y` of each plane, where all are of one shape: the same as asking for one after
    /// the other. A node that makes them together need not keep two while it is asked for one.
    fn rows(&mut self, y: usize, outs: &mut [&mut [f32]]) {
        for (plane, out) in outs.iter_mut().enumerate() {
            self.row(plane, y, out);
        }
    }

    /// Row `y` of `plane` as the 8-bit codes that lie there, in place of [`Self::row`]; `None` where
    /// rows are anything else, for all of them.
    fn bytes(&mut self, _plane: usize, _y: usize) -> Option<&[u8]> {
        None
    }
}

/// A node, or the chain that ends in it.
pub type BoxRows<'a> = Box<dyn Rows + 'a>;

/// What the values of a chain are; it decides which exact methods are open to a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// 8-bit codes as they lie in a frame: [`Rows::bytes`] gives them.
    Bytes,
    /// Integer formats: values in 0..=1 when they reach an area operation, worth 16 to 24 bits.
    Codes,
    /// Float formats: any value, full `f32` precision.
    Reals,
}

/// Which of a pixel's components an area operation changes; bit `i` is component `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Components(pub u8);

impl Components {
    /// All of them.
    pub const ALL: Self = Self(0xff);
    /// The first only: luma of interleaved YCbCr.
    pub const FIRST: Self = Self(1);
    /// The first three: colour without alpha.
    pub const COLOR: Self = Self(7);

    /// True if component `index` changes.
    pub const fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    /// True if all of `count` components change.
    pub fn covers(self, count: usize) -> bool {
        (0..count).all(|i| self.has(i))
    }
}
