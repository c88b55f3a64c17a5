//! Filters: mathematics and documentation. No loops over pixels and no pixel formats.

pub mod algebra;

pub use algebra::{
    Affine3, Area, AreaKind, Channels, Context, Curve, Dihedral, Filter, Geometry, Kernel, Map, Op,
    PixelFunction, Point, ProfileChange, Space, Window,
};
