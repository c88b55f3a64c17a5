//! Clips through ffmpeg: found, probed, decoded and encoded, each in a process of its own.
//!
//! How a clip goes through:
//!
//! 1. [`Programs::find`] finds ffmpeg and ffprobe, 5.1 or later.
//! 2. [`Clip::probe`] asks ffprobe what the clip is, and [`Clip::main_video`] which stream is
//!    rendered. Nothing that the clip names is opened.
//! 3. [`Pixels::of`] finds the layout of ours that takes its frames without loss, and what they
//!    mean by its tags.
//! 4. A [`Decoder`] runs one ffmpeg that writes raw frames to its stdout, exactly frame size
//!    after frame size, and says each frame's timestamp on its stderr. Both are matched one to
//!    one: a [`Timed`] frame.
//! 5. [`Copies`] says which streams the output has. An [`Encoder`] runs a second ffmpeg that
//!    takes the filtered frames as NUT on its stdin, with the same timestamps in the same time
//!    base, and everything else (sound, subtitles, attachments, chapters, metadata) from the
//!    clip's own file.
//!    A clip that is rendered in segments ([`segments`]) is encoded to a file for each, and
//!    [`Join`] puts those together with the rest, in place of the frames.
//! 6. The caller asks [`Clip::unchanged`] and renames the output. [`Verify`] compares the two.
//!
//! Each ffmpeg is the leader of a process group of its own, dies with the thread that started
//! it, is killed when it hangs or when its owner is dropped, and has its stderr drained by a
//! thread of its own whatever it says. Commands are built and logs read with ffmpeg-sidecar;
//! its iterator over frames is not used, since it invents timestamps and can hang.
//!
//! Notes with a version were measured with ffmpeg 5.1.9 (Debian) and 9.0.2 (a static build).

mod child;
mod container;
mod convert;
mod copy;
mod cost;
mod cuts;
mod decode;
mod display;
mod encode;
mod fit;
mod format;
mod hdr;
mod join;
mod lag;
mod log;
mod muxer;
mod named;
mod nut;
mod option;
mod opus;
mod packets;
mod pixels;
mod probe;
mod program;
mod showinfo;
mod stream;
#[cfg(test)]
mod tests;
mod time;
mod track;
mod verify;
mod word;

pub use child::Patience;
pub use container::{has_extension, holds_covers};
pub use copy::{Copies, DataPlace, Without};
pub use cost::Ledger;
pub use cuts::{Moment, Segment, moments, segments, span};
pub use decode::{Decode, Decoder, Timed, Window};
pub use display::{DisplayMatrix, keeps_matrix};
pub use encode::{Codec, Encode, Encoder, Last, Origin, Takes, Trial, counts_frames, written};
pub(crate) use encode::{is_of_disk, unfit};
pub use fit::check_container;
pub use format::PixelFormat;
pub use hdr::told_words as told;
pub use join::{Join, first_tick, fit};
pub use muxer::{Muxer, Words};
pub use option::{option, video_filters};
pub use packets::last_frame;
pub use pixels::{Pixels, Wishes};
pub use probe::Clip;
pub use program::Programs;
pub use showinfo::Scan;
pub use stream::{ColorTags, Stream, StreamKind, Video};
pub use time::{Micros, TimeBase};
pub use verify::{Row, Taken, Verdict, Verify, unsaid};
