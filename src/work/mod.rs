//! Works: what the pool does with an item.

mod plans;
pub mod still;
mod stopwatch;

pub use still::{StillOptions, StillWork};
