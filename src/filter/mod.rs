//! Filters: mathematics and documentation. No loops over pixels and no pixel formats.

pub mod algebra;
mod area;
pub mod args;
mod blur;
pub mod catalogue;
mod color;
mod color_name;
mod curves;
pub mod expr;
mod functions;
mod geometry;
mod icc;
mod lut;
pub mod map;
pub mod param;
pub mod render;
mod resize;
pub mod sequence;
pub mod spec;
mod spline;
pub mod suggest;
pub mod syntax;
#[cfg(test)]
mod testing;
pub mod text;
mod time;
mod tone;
mod transfer;
mod turn;

pub use algebra::{
    Area, AreaKind, Channels, Context, Dihedral, Filter, Geometry, Kernel, Op, Point,
    ProfileChange, Space, Window,
};
pub use map::{Affine3, Curve, Map, PixelFunction};
pub use sequence::{Around, Blend, Follow, Pulls, Time};
