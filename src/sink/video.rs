//! The sink of a clip job: frames into ffmpeg's encoder, the finished clip put in place.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::place::{Writing, commit, folder_of};
use crate::error::{Error, Kind, Result, shown};
use crate::ffmpeg::{Clip, Encode, Encoder, written};
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
        let encoder = Encoder::start(job, &part.path, cancel)?;
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
        self.encoder.write(&frame, ticks, &self.cancel).map_err(run)?;
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
        let Self { encoder, mut part, out, writing, clip, cancel, .. } = *self;
        encoder.finish(&cancel)?;
        written(&part.path)?;
        clip.as_ref().map_or(Ok(()), Clip::unchanged)?;
        let failed = |e: std::io::Error| Error::io("put in place", &out, &e);
        // Hours of encoding are worth a sync, `--durable` or not.
        part.file.sync_all().map_err(failed)?;
        commit(&part.path, &out, writing).map_err(failed)?;
        part.path = PathBuf::new();
        Ok(())
    }

    fn abort(self: Box<Self>) {
        // The encoder is killed before its file is removed: fields are dropped in order.
        drop(self);
    }
}

/// The one frame of a packet.
pub(super) fn frame_of(outcome: Result<Vec<Part>>) -> Result<Arc<Frame>> {
    match <[Part; 1]>::try_from(outcome?) {
        Ok([Part { payload: Payload::Frame(frame), .. }]) => Ok(frame),
        _ => Err(Error::internal("a packet at the encoder is not one frame")),
    }
}

/// The file that is not whole yet; removed when dropped before it got its name. Locked while it
/// is open, so that two renders never write one.
#[derive(Debug)]
struct PartFile {
    file: File,
    path: PathBuf,
}

impl PartFile {
    fn create(out: &Path) -> Result<Self> {
        let folder = folder_of(out);
        fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
        let path = part_path(out);
        // What a dead render left is written over: the encoder truncates it.
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|e| Error::io("create", &path, &e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                let path = shown(&path);
                let message = format!("{path} is being written by another render");
                Err(Error::new(Kind::Temporary, message))
            }
            // A file system without locks cannot tell; one person's two renders are rare.
            _ => Ok(Self { file, path }),
        }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// `clip.mp4` as `clip.part.mp4`: ffmpeg chooses the container by the extension.
fn part_path(out: &Path) -> PathBuf {
    let mut name = out.file_stem().unwrap_or_default().to_owned();
    name.push(".part");
    if let Some(extension) = out.extension() {
        name.push(".");
        name.push(extension);
    }
    out.with_file_name::<OsString>(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unfinished_clip_keeps_its_extension() {
        assert_eq!(part_path(Path::new("a/b.c.mp4")), Path::new("a/b.c.part.mp4"));
        assert_eq!(part_path(Path::new("b")), Path::new("b.part"));
    }

    #[test]
    fn one_render_at_a_time_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/a.mkv");
        let part = PartFile::create(&out).unwrap();
        let error = PartFile::create(&out).unwrap_err();
        assert_eq!(error.kind(), Kind::Temporary);
        assert!(part.path.exists(), "the second one must not remove it");
        drop(part);
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0);
        PartFile::create(&out).unwrap();
    }
}
