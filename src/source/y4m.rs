//! The source of a clip job that reads YUV4MPEG2 from a pipe: from `vspipe` or another run.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::frames::{Extent, FrameSource, Frames, Shown};
use crate::codec::y4m::{Header, read_frame};
use crate::error::{Error, Kind, Result};
use crate::frame::{BufferPool, Layout, Matrix, Model, Range, Ycbcr};
use crate::link::Cancel;

/// How often a wait for the other program looks at the wish to stop.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// What is read at once: as much as a pipe holds at most.
const PIECE: usize = 1 << 20;

/// A stream of raw frames, its header read.
pub struct Y4mStream {
    header: Header,
    from: BufReader<Patient>,
}

impl Y4mStream {
    /// Waits for the header. `matrix` and `range` are what the user says of the colours.
    ///
    /// # Errors
    /// `Input`: it is no such stream. `Interrupted`: told to stop before it came.
    pub fn open(
        from: OwnedFd,
        matrix: Option<Matrix>,
        range: Option<Range>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let patient = Patient { from, cancel: cancel.clone() };
        let mut from = BufReader::with_capacity(PIECE, patient);
        let header = Header::read(&mut from, matrix);
        let mut header = header.map_err(|e| stopped(cancel).unwrap_or(e))?;
        if let (Some(range), Model::Ycbcr(ycbcr)) = (range, header.layout.model()) {
            header.layout = header.layout.with_model(Model::Ycbcr(Ycbcr { range, ..ycbcr }))?;
        }
        Ok(Self { header, from })
    }

    /// What it says before its first frame.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its frames, `most` of them, each one tick long.
    pub fn frames(
        self,
        most: Option<u64>,
        pool: Arc<BufferPool>,
        cancel: &Cancel,
    ) -> FrameSource<Raw<impl BufRead + Send + use<>>> {
        let layout = self.header.layout;
        let extent = Extent { frame_bytes: layout.bytes(), total: most, most };
        let raw = Raw { from: self.from, layout, read: 0 };
        FrameSource::new(Path::new("-"), raw, None, extent, pool, cancel)
    }
}

/// The error for a wish to stop, if there is one.
fn stopped(cancel: &Cancel) -> Option<Error> {
    cancel.is_requested().then(|| Error::new(Kind::Interrupted, "interrupted"))
}

/// The frames behind the header.
pub struct Raw<R> {
    from: R,
    layout: Layout,
    read: i64,
}

impl<R: BufRead + Send> Frames for Raw<R> {
    fn next(&mut self, pool: &BufferPool, cancel: &Cancel) -> Result<Option<Shown>> {
        let ticks = self.read;
        let frame = read_frame(&mut self.from, self.layout, pool);
        let frame = frame.map_err(|e| {
            stopped(cancel).unwrap_or_else(|| e.within(format!("frame {ticks} of the stream")))
        })?;
        self.read += 1;
        Ok(frame.map(|frame| Shown { frame, ticks, lasts: Some(1) }))
    }
}

/// Reads from another program, and gives up when told to stop: there may be hours between two
/// frames.
struct Patient {
    from: OwnedFd,
    cancel: Cancel,
}

impl Read for Patient {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match poll(&mut [PollFd::new(&self.from.as_fd(), PollFlags::IN)], Some(&TICK)) {
                Ok(0) | Err(Errno::INTR) if self.cancel.is_requested() => {
                    return Err(io::Error::other("told to stop"));
                }
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(rustix::io::read(&self.from, out)?),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::codec::y4m::{Interlacing, write_frame};
    use crate::frame::{Depth, Frame, Size, Subsampling};
    use crate::stage::Source;

    fn stream() -> (Header, Vec<u8>) {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt601));
        let layout = Layout::new(Size::new(5, 3), model, Depth::U8).unwrap();
        let interlacing = Interlacing::Progressive;
        let header = Header { layout, rate: Some((25, 1)), aspect: None, interlacing };
        let mut bytes = Vec::new();
        header.write(&mut bytes).unwrap();
        for _ in 0..3 {
            write_frame(&mut bytes, &Frame::zeroed(layout)).unwrap();
        }
        (header, bytes)
    }

    fn piped(bytes: &[u8]) -> OwnedFd {
        let (from, to) = rustix::pipe::pipe().unwrap();
        std::fs::File::from(to).write_all(bytes).unwrap();
        from
    }

    #[test]
    fn a_frame_for_which_there_is_no_memory_is_passed_over() {
        let (_, bytes) = stream();
        let cancel = Cancel::default();
        let stream = Y4mStream::open(piped(&bytes), Some(Matrix::Bt601), None, &cancel).unwrap();
        let source = stream.frames(None, Arc::new(BufferPool::new(3)), &cancel);
        let tickets: Vec<u64> = std::iter::from_fn(|| Some(source.next()?.seq)).take(9).collect();
        assert_eq!(tickets, [0, 1, 2]);
    }

    #[test]
    fn frames_come_with_their_numbers_and_no_more_than_are_wanted() {
        let (header, bytes) = stream();
        for (most, expected) in [(None, 3), (Some(2), 2), (Some(9), 3)] {
            let cancel = Cancel::default();
            let from = piped(&bytes);
            let stream = Y4mStream::open(from, Some(Matrix::Bt601), None, &cancel).unwrap();
            assert_eq!(stream.header(), &header);
            let source = stream.frames(most, Arc::new(BufferPool::new(3)), &cancel);
            let mut times = Vec::new();
            while let Some(ticket) = source.next() {
                let packet = source.read(ticket);
                assert_eq!(packet.payload_bytes(), header.layout.bytes());
                times.push(packet.notes.pts);
            }
            let all: Vec<_> = (0..expected).map(Some).collect();
            assert_eq!(times, all, "{most:?}");
        }
    }

    #[test]
    fn a_torn_stream_names_its_frame_and_a_stop_ends_the_wait() {
        let (_, bytes) = stream();
        let cancel = Cancel::default();
        let from = piped(&bytes[..bytes.len() - 4]);
        let source = Y4mStream::open(from, None, None, &cancel).unwrap();
        let source = source.frames(None, Arc::new(BufferPool::new(3)), &cancel);
        let packets: Vec<_> =
            std::iter::from_fn(|| source.next()).map(|t| source.read(t)).collect();
        let error = packets[2].outcome.as_ref().unwrap_err().to_string();
        assert!(error.contains("frame 2 of the stream"), "{error}");

        let (from, _kept_open) = rustix::pipe::pipe().unwrap();
        cancel.request();
        let error = Y4mStream::open(from, None, None, &cancel).err().unwrap();
        assert_eq!(error.kind(), Kind::Interrupted);
    }
}
