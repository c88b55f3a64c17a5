//! Where a run's outputs go: named, checked before the run, put in place whole.

pub mod animation;
pub mod check;
pub mod file;
pub mod folder;
mod join;
pub mod naming;
pub mod null;
pub mod owner;
mod part;
mod place;
pub mod sequence;
pub mod video;
pub mod y4m;

pub use animation::{AnimationSink, Joining};
pub use file::FileSink;
pub use folder::FolderSink;
pub use join::join;
pub use naming::Template;
pub use null::NullSink;
pub use part::{part_path, remove_abandoned};
pub use place::{Clobber, Durable, Writing, sweep};
pub use sequence::SequenceSink;
pub use video::VideoSink;
pub use y4m::Y4mSink;
