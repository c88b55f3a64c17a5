//! lumaloom: filter chains on folders of images and on video clips.
//!
//! A run is a source, a work and a sink, joined by two bounded links. ARCHITECTURE.md lists the
//! modules lowest first; each imports only from those before it, and a test checks it.

#[cfg(not(unix))]
compile_error!("lumaloom needs the pipes, signals and file locks of Linux or macOS");

pub mod bench;
pub mod codec;
pub mod error;
pub mod event;
pub mod exec;
pub mod ffmpeg;
pub mod filter;
pub mod frame;
pub mod journal;
pub mod kernel;
pub mod link;
pub mod observe;
pub mod ordered;
pub mod plan;
mod process;
pub mod sink;
pub mod source;
pub mod stage;
pub mod work;
