//! The integration tests: one crate, so that it links once.

mod animation;
mod chunks;
mod clip_bench;
mod clip_rest;
mod clips;
mod corpus;
mod deaths;
mod encoders;
mod formats;
mod golden;
mod house;
mod images;
mod kept;
mod over_time;
mod pictures;
mod plumbing;
mod program;
mod video;
