//! Where a run's inputs come from: folders walked, lists frozen, files read.

mod argument;
pub mod facts;
pub mod folder;
mod glob;
pub mod manifest;
mod search;
pub mod shard;
pub mod video;
pub mod walk;

pub use facts::{Facts, Turn};
pub use manifest::Manifest;
pub use shard::Shard;
pub use video::VideoSource;
pub use walk::{Inputs, WalkOptions, plan_inputs};
