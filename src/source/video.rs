//! The source of a clip job: frames out of ffmpeg's decoder.

use std::sync::Arc;

use super::frames::{Extent, FrameSource, Frames, Shown};
use crate::error::{Error, Result, shown};
use crate::ffmpeg::{Decode, Decoder, Scan, TimeBase, Timed};
use crate::frame::BufferPool;
use crate::link::Cancel;

/// A clip whose decoder runs.
pub struct Decoding<'a> {
    /// Its frames.
    pub source: FrameSource<Decoder<'a>>,
    /// The tick of the frames' times.
    pub time_base: TimeBase,
    /// When the first frame is shown, in ticks of the clip's own clock.
    pub first: i64,
    /// How the first frame's rows were taken; the others are taken for the same.
    pub scan: Scan,
}

impl<'a> Decoding<'a> {
    /// Starts the decoder and waits for the first frame, which tells the time base. The calling
    /// thread has to outlive the source, since ffmpeg ends with it. `total` is how many frames
    /// are expected, where the container says so; `most` is how many are wanted.
    ///
    /// # Errors
    /// The decoder's, with its last words; `Interrupted` when `cancel` says to stop now.
    pub fn start(
        job: Decode<'a>,
        (total, most): (Option<u64>, Option<u64>),
        pool: Arc<BufferPool>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let path = job.clip.path().to_owned();
        let frame_bytes = job.pixels.layout().bytes();
        let mut decoder = Decoder::start(job)?;
        let nothing = || Error::input(format!("{} has no frame", shown(&path)));
        let Timed { frame, ticks, scan, .. } = decoder.next(&pool, cancel)?.ok_or_else(nothing)?;
        let time_base = decoder.time_base().ok_or_else(nothing)?;
        let extent = Extent { frame_bytes, total, most };
        let first = Shown { frame, ticks, lasts: None };
        let source = FrameSource::new(&path, decoder, Some(first), extent, pool, cancel);
        Ok(Self { source, time_base, first: ticks, scan })
    }
}

impl Frames for Decoder<'_> {
    fn next(&mut self, pool: &BufferPool, cancel: &Cancel) -> Result<Option<Shown>> {
        let timed = Decoder::next(self, pool, cancel)?;
        Ok(timed.map(|timed| Shown { frame: timed.frame, ticks: timed.ticks, lasts: None }))
    }
}
