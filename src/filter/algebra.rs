//! The algebra that every filter compiles to: pointwise maps on reals (their functions are in
//! `map`), area operations, geometry and, in `sequence`, operations over the frames of a clip.
//! The engine knows these few shapes and no filter by name.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::map::Map;
use super::sequence::Time;
use crate::error::Result;
use crate::frame::{Layout, Size};

/// A filter with its arguments, ready to be compiled for any frame.
pub trait Filter: Send + Sync + fmt::Display {
    /// The operations for a frame as `context` describes it, in order. Errors are the user's:
    /// a crop outside the frame, a size of 0.
    fn compile(&self, context: &Context<'_>) -> Result<Vec<Op>>;

    /// What the filter makes of the frame's colour profile.
    fn profile(&self) -> ProfileChange {
        ProfileChange::Keep
    }

    /// True if it works over the frames of a clip, so that a picture by itself is not enough.
    fn over_time(&self) -> bool {
        false
    }
}

/// What a filter may know of the frame that it is compiled for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The frame as it enters this filter.
    pub layout: Layout,
    /// The ICC profile that the samples are in, if one is embedded.
    pub icc: Option<&'a [u8]>,
}

/// What becomes of the embedded colour profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    /// The samples are still in it.
    Keep,
    /// The samples are sRGB now.
    Srgb,
}

/// One operation of the algebra.
#[derive(Clone, Debug)]
pub enum Op {
    /// Each pixel by itself.
    Point(Point),
    /// Each pixel from those around it.
    Area(Area),
    /// Pixels move.
    Geometry(Geometry),
    /// Frames of a clip meet.
    Time(Time),
}

/// The three reals that a pointwise map sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// R, G, B; 0 is black and 1 is white.
    Rgb,
    /// Y (0 to 1), Cb, Cr (-0.5 to 0.5), by the frame's own matrix.
    Ycbcr,
}

/// A pointwise operation. Alpha passes untouched.
#[derive(Clone, Debug)]
pub struct Point {
    /// The reals that it is defined on.
    pub space: Space,
    /// The function.
    pub map: Map,
}

/// Which components an area operation works on, and in which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Each component of whatever model the frame is in; alpha by premultiplication.
    Each,
    /// Luma (YCbCr by the frame's own matrix); chroma is kept.
    Luma,
    /// R, G and B.
    Rgb,
}

/// An operation on the neighbourhood of each pixel. Edges replicate.
#[derive(Clone, Debug)]
pub struct Area {
    /// What it works on.
    pub channels: Channels,
    /// What it does. Lengths are luma pixels; a subsampled plane divides them.
    pub kind: AreaKind,
}

/// The area operations.
#[derive(Clone, Debug)]
pub enum AreaKind {
    /// A normalised separable average.
    Blur {
        /// Along rows.
        x: Window,
        /// Along columns.
        y: Window,
    },
    /// `v + amount * (v - blur(v))`.
    Unsharp {
        /// The blur along rows.
        x: Window,
        /// The blur along columns.
        y: Window,
        /// Strength; negative blurs.
        amount: f64,
    },
    /// `sum(weights * v) + bias` over a `width` by `height` window, both odd, row by row from
    /// the top left, not mirrored (correlation, as ffmpeg's `convolution`).
    Convolve {
        /// Columns, odd.
        width: usize,
        /// Rows, odd.
        height: usize,
        /// `width * height` factors, divided already.
        weights: Arc<[f64]>,
        /// Added at the end, as a real.
        bias: f64,
    },
    /// `scale * sqrt(gx^2 + gy^2) + bias` of the Sobel operators
    /// (-1 0 1, -2 0 2, -1 0 1) and its transpose.
    Gradient {
        /// Factor.
        scale: f64,
        /// Added at the end, as a real.
        bias: f64,
    },
    /// The value of rank `fraction` (0 smallest, 0.5 median, 1 largest) in a window of
    /// `2 rx + 1` by `2 ry + 1` pixels.
    Rank {
        /// Radius along rows.
        rx: usize,
        /// Radius along columns.
        ry: usize,
        /// 0..=1; the index is `floor(fraction * (n - 1) + 0.5)`.
        fraction: f64,
    },
}

/// A normalised, symmetric weighting along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Window {
    /// The pixel itself.
    Point,
    /// A Gaussian of standard deviation `sigma` pixels.
    Gaussian {
        /// Over 0.
        sigma: f64,
    },
    /// A box of `width` pixels, fractions of a pixel at both ends counted as such.
    Box {
        /// At least 1.
        width: f64,
    },
    /// The binomial coefficients of `taps` pixels, odd.
    Binomial {
        /// Odd, at least 1.
        taps: usize,
    },
}

/// Operations that move pixels.
#[derive(Clone, Debug)]
pub enum Geometry {
    /// Resampling to a size; premultiplied alpha.
    Resize {
        /// The new size.
        to: Size,
        /// The interpolation.
        kernel: Kernel,
    },
    /// A rectangle of the frame; it lies inside.
    Crop {
        /// Its left edge.
        x: u32,
        /// Its top edge.
        y: u32,
        /// Its size.
        size: Size,
    },
    /// The frame on a larger canvas.
    Pad {
        /// Where its left edge comes to lie.
        x: u32,
        /// Where its top edge comes to lie.
        y: u32,
        /// The canvas.
        size: Size,
        /// R, G, B and alpha, 0 to 1.
        color: [f64; 4],
    },
    /// An exact flip or turn.
    Turn(Dihedral),
    /// A turn by any angle, clockwise, about the centre.
    Rotate {
        /// Clockwise.
        degrees: f64,
        /// The new size.
        size: Size,
        /// R, G, B and alpha, 0 to 1, where the frame does not reach.
        color: [f64; 4],
        /// The interpolation: `Nearest`, `Bilinear` or `Bicubic`.
        kernel: Kernel,
    },
}

/// The interpolation of a resampling. Enlarging uses it as it is; reducing stretches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The nearest sample.
    Nearest,
    /// Triangle, radius 1.
    Bilinear,
    /// Keys' cubic with a = -0.5 (Catmull-Rom), radius 2.
    Bicubic,
    /// Mitchell and Netravali, B = C = 1/3, radius 2.
    Mitchell,
    /// Lanczos, radius 3.
    Lanczos3,
    /// The average of the area that a pixel covers.
    Area,
}

/// The eight exact turns and flips: first transpose, then flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dihedral {
    /// Rows and columns are exchanged first.
    pub transpose: bool,
    /// Then left and right.
    pub flip_x: bool,
    /// Then top and bottom.
    pub flip_y: bool,
}

impl Dihedral {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { transpose: false, flip_x: false, flip_y: false };

    /// What turns a picture with EXIF orientation 1..=8 upright; others change nothing.
    pub const fn from_exif(orientation: u16) -> Self {
        let (transpose, flip_x, flip_y) = match orientation {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transpose, flip_x, flip_y }
    }

    /// True if nothing moves.
    pub fn is_identity(self) -> bool {
        self == Self::IDENTITY
    }

    /// The size of the result.
    pub const fn size(self, size: Size) -> Size {
        if self.transpose { size.transposed() } else { size }
    }
}
