//! Works: what the pool does with an item.

mod beside;
pub mod clip;
mod plans;
pub mod still;
mod stopwatch;

pub use clip::{ClipWork, Incoming, Outgoing, Pictures};
pub use still::{StillOptions, StillWork};
