//! Works: what the pool does with an item.

mod plans;
pub mod still;

pub use still::{StillOptions, StillWork};
