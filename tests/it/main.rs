//! The integration tests: one crate, so that it links once.

mod clip_rest;
mod corpus;
mod formats;
mod golden;
mod house;
mod images;
mod plumbing;
mod program;
mod video;
