//! Works: what the pool does with an item.

pub mod clip;
mod plans;
pub mod still;
mod stopwatch;

pub use clip::ClipWork;
pub use still::{StillOptions, StillWork};
