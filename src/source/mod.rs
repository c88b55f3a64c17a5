//! Where a run's inputs come from: folders walked, lists frozen, files read.

pub mod animation;
mod argument;
pub mod facts;
mod file;
pub mod folder;
pub mod frames;
mod glob;
mod halves;
pub mod manifest;
pub mod pattern;
mod search;
pub mod sequence;
pub mod shard;
pub mod video;
pub mod walk;
pub mod y4m;

pub use animation::Playing;
pub use facts::{Facts, Rest, Stills, Turn};
pub use frames::{Extent, FrameSource, Frames, Shown};
pub use manifest::Manifest;
pub use pattern::Pattern;
pub use sequence::SequenceSource;
pub use shard::Shard;
pub use video::Decoding;
pub use walk::{Inputs, WalkOptions, plan_inputs};
pub use y4m::Y4mStream;
