//! Loops over the frames of a clip: rows of the same place in several frames to one row, and
//! the recursion from frame to frame. Here samples are taken as they are stored, since nothing
//! stands between the frames and the loop.

mod follow;
mod mean;
mod rank;
#[cfg(test)]
mod testing;

pub use follow::{Follower, Pull};
pub use mean::MeanOfFrames;
pub use rank::RankOfFrames;

use super::Codes;

/// A sample as it is stored.
trait Stored: Copy + Default + PartialOrd + 'static {
    /// The samples of a row; none if they are stored as another type.
    fn row(codes: Codes<'_>) -> &[Self];
}

impl Stored for u8 {
    fn row(codes: Codes<'_>) -> &[Self] {
        if let Codes::U8(row) = codes { row } else { &[] }
    }
}

impl Stored for u16 {
    fn row(codes: Codes<'_>) -> &[Self] {
        if let Codes::U16(row) = codes { row } else { &[] }
    }
}

impl Stored for f32 {
    fn row(codes: Codes<'_>) -> &[Self] {
        if let Codes::F32(row) = codes { row } else { &[] }
    }
}

/// The rows of several frames of one layout, as samples of their type.
fn stored<'a, T: Stored>(rows: &[Codes<'a>]) -> Vec<&'a [T]> {
    rows.iter().map(|codes| T::row(*codes)).collect()
}
