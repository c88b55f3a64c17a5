//! The sink of a clip job: frames into ffmpeg's encoder, the finished clip put in place.

use std::path::PathBuf;
use std::sync::Arc;

use super::part::PartFile;
use super::place::Writing;
use crate::error::{Error, Kind, Result};
use crate::ffmpeg::{Clip, Encode, Encoder, is_of_disk, unfit, written};
use crate::frame::{BufferPool, Frame};
use crate::link::{Cancel, Item, Packet, Part, Payload};
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Encodes into `OUT.part.EXT`, which gets its name when all frames are in it.
#[derive(Debug)]
pub struct VideoSink {
    encoder: Encoder,
    part: PartFile,
    out: PathBuf,
    writing: Writing,
    /// Asked at the end whether it is still what was read; nothing where it is a stream.
    clip: Option<Clip>,
    pool: Arc<BufferPool>,
    cancel: Cancel,
}

impl VideoSink {
    /// Starts the encoder. The calling thread has to outlive the sink, since ffmpeg ends with
    /// it. The folder of `out` is made if it is not there.
    ///
    /// # Errors
    /// `System`: the file cannot be made; `Temporary`: another render writes it.
    pub fn new(
        job: &Encode<'_>,
        out: PathBuf,
        writing: Writing,
        pool: Arc<BufferPool>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let part = PartFile::create(&out)?;
        let encoder = Encoder::start(job, part.path(), cancel).map_err(|e| refused(e, &part))?;
        let clip = job.copies.map(|copies| copies.clip().clone());
        Ok(Self { encoder, part, out, writing, clip, pool, cancel: cancel.clone() })
    }
}

impl Sink for VideoSink {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        let number = packet.seq;
        let run = |error: Error| SinkError::Run(error);
        let ticks = packet
            .notes
            .pts
            .ok_or_else(|| run(Error::internal(format!("frame {number} came without its time"))))?;
        let frame = frame_of(packet.outcome).map_err(run)?;
        let took = self.encoder.write(&frame, ticks, &self.cancel);
        took.map_err(|error| run(refused(error, &self.part)))?;
        if let Some(frame) = Arc::into_inner(frame) {
            frame.recycle(&self.pool);
        }
        // What the container makes of it is known at the end.
        Ok(Written { output: self.out.clone(), bytes: 0 })
    }

    /// A clip with a missing frame is none.
    fn failed(&mut self, seq: u64, _: &Item, error: &Error) -> Result<()> {
        Err(error.clone().within(format!("frame {seq}")))
    }

    /// A part of a clip is no clip.
    fn when_stopped(&self) -> WhenStopped {
        WhenStopped::Discard
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { encoder, part, out, writing, clip, cancel, .. } = *self;
        encoder.finish(&cancel).map_err(|error| refused(error, &part))?;
        written(part.path())?;
        clip.as_ref().map_or(Ok(()), Clip::unchanged)?;
        part.commit(&out, writing)
    }

    fn abort(self: Box<Self>) {
        // The encoder is killed before its file is removed: fields are dropped in order.
        drop(self);
    }
}

/// An encoder that ended by itself before it wrote a byte found something wrong with what it was
/// asked for, unless it was the disk.
fn refused(error: Error, part: &PartFile) -> Error {
    let nothing = part.path().metadata().is_ok_and(|file| file.len() == 0);
    if error.kind() != Kind::Input || !nothing || is_of_disk(&error) {
        return error;
    }
    unfit(&error)
}

/// The one frame of a packet.
pub(super) fn frame_of(outcome: Result<Vec<Part>>) -> Result<Arc<Frame>> {
    match <[Part; 1]>::try_from(outcome?) {
        Ok([Part { payload: Payload::Frame(frame), .. }]) => Ok(frame),
        _ => Err(Error::internal("a packet at the encoder is not one frame")),
    }
}
