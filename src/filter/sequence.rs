//! The algebra's operations over the frames of a clip: each sample from those in its place in
//! other frames.

use std::sync::Arc;

use super::map::Curve;

/// An operation over the frames of a clip. It works on the components of whatever model the
/// frames are in, as unit codes, and keeps size, model and depth.
#[derive(Clone, Debug)]
pub enum Time {
    /// From a few frames around the current one; frames can be made side by side.
    Around(Around),
    /// From what the frames before have left; frames are made in order.
    Follow(Follow),
}

/// A value from those in its place in `before` frames before, the current frame, and `after`
/// frames after it. At both ends of the clip the first and the last frame are repeated.
#[derive(Clone, Debug)]
pub struct Around {
    /// Frames before the current one.
    pub before: usize,
    /// Frames after it.
    pub after: usize,
    /// What is made of them.
    pub blend: Blend,
}

impl Around {
    /// Frames in all, the current one among them.
    pub const fn count(&self) -> usize {
        self.before + 1 + self.after
    }
}

/// What is made of the values in one place.
#[derive(Clone, Debug)]
pub enum Blend {
    /// `sum(weights * v) / divisor`. Alpha is a component like others, and colour is weighed by
    /// it: a frame that shows nothing adds nothing.
    Mean {
        /// One for each frame, the earliest first.
        weights: Arc<[f64]>,
        /// Not 0.
        divisor: f64,
    },
    /// The value of rank `fraction` of each component by itself, alpha's too.
    Rank {
        /// 0 smallest, 0.5 median, 1 largest; the index is `floor(fraction * (n - 1) + 0.5)`.
        fraction: f64,
    },
}

/// Recursive smoothing, `v' = v + pull(last - v)`: along each row from its left end, then down
/// each column from the top of that result, then from frame to frame, where `last` is this
/// operation's own result. The first sample of a row and of a column stays; before the first
/// frame `last` is that frame as it came. Alpha stays.
#[derive(Clone, Debug)]
pub struct Follow {
    /// For Y, grey, R, G and B.
    pub luma: Pulls,
    /// For Cb and Cr.
    pub chroma: Pulls,
}

/// How strongly a value is pulled to the one before it; `None` leaves it alone. A pull is a
/// function of the difference, -1 to 1, and lies between 0 and the difference.
#[derive(Clone, Debug)]
pub struct Pulls {
    /// To the sample on the left, then to the one above.
    pub space: Option<Curve>,
    /// To the sample of the frame before.
    pub time: Option<Curve>,
}

impl Time {
    /// True if turning the frames before it gives the same as turning them after it, whatever
    /// the turn.
    pub fn has_no_direction(&self) -> bool {
        match self {
            Self::Around(_) => true,
            Self::Follow(Follow { luma, chroma }) => luma.space.is_none() && chroma.space.is_none(),
        }
    }
}
