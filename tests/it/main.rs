//! The integration tests: one crate, so that it links once.

mod formats;
mod house;
mod images;
mod plumbing;
mod program;
