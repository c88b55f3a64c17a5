//! The sink of a clip job that writes YUV4MPEG2 to a pipe: for `x264`, `SvtAv1EncApp`, a player.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use super::video::frame_of;
use crate::codec::y4m::{Header, write_frame};
use crate::error::{Error, Result};
use crate::frame::BufferPool;
use crate::link::{Item, Packet};
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Writes frames as they come. The format has a rate and no timestamps: what is not even comes
/// out even.
pub struct Y4mSink<W: Write> {
    to: BufWriter<W>,
    pool: Arc<BufferPool>,
}

impl<W: Write> Y4mSink<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// `Usage`: the format has no word for the layout. `System`: nobody reads.
    pub fn new(to: W, header: &Header, pool: Arc<BufferPool>) -> Result<Self> {
        let mut to = BufWriter::with_capacity(1 << 20, to);
        header.write(&mut to)?;
        Ok(Self { to, pool })
    }
}

impl<W: Write + Send> Sink for Y4mSink<W> {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        let frame = frame_of(packet.outcome).map_err(SinkError::Run)?;
        write_frame(&mut self.to, &frame).map_err(SinkError::Run)?;
        let bytes = frame.layout().bytes();
        if let Some(frame) = Arc::into_inner(frame) {
            frame.recycle(&self.pool);
        }
        Ok(Written { output: "-".into(), bytes })
    }

    /// The reader would take the next frame for this one.
    fn failed(&mut self, seq: u64, _: &Item, error: &Error) -> Result<()> {
        Err(error.clone().within(format!("frame {seq}")))
    }

    /// What went into the pipe is gone, but the stream has no end that could be left out.
    fn when_stopped(&self) -> WhenStopped {
        WhenStopped::Discard
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let flushed = self.to.flush();
        flushed.map_err(|e| Error::system(format!("failed to write the stream: {e}")))
    }

    fn abort(self: Box<Self>) {
        // Half a frame tells the reader that something was wrong; more of it would not help.
        drop(self.to.into_parts());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::y4m::{Interlacing, read_frame};
    use crate::frame::{Depth, Frame, Layout, Matrix, Model, Size, Subsampling, Ycbcr};
    use crate::link::{Part, Payload};

    #[test]
    fn frames_can_be_read_back_and_a_failure_ends_the_stream() {
        let model = Model::Ycbcr(Ycbcr::video(Subsampling::S420, Matrix::Bt601));
        let layout = Layout::new(Size::new(5, 3), model, Depth::U8).unwrap();
        let interlacing = Interlacing::Progressive;
        let header = Header { layout, rate: Some((25, 1)), aspect: None, interlacing };
        let file = tempfile::NamedTempFile::new().unwrap();
        let pool = Arc::new(BufferPool::new(3));
        let mut sink =
            Box::new(Y4mSink::new(file.reopen().unwrap(), &header, pool.clone()).unwrap());
        for seq in 0..2 {
            let part =
                Part { key: (1, 0), payload: Payload::Frame(Arc::new(Frame::zeroed(layout))) };
            sink.write(Packet::new(seq, Item::default(), Ok(vec![part]))).unwrap();
        }
        assert!(sink.failed(2, &Item::default(), &Error::input("torn")).is_err());
        sink.finish().unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let mut from = bytes.as_slice();
        assert_eq!(Header::read(&mut from, Some(Matrix::Bt601)).unwrap(), header);
        for _ in 0..2 {
            assert!(read_frame(&mut from, layout, &pool).unwrap().is_some());
        }
        assert!(read_frame(&mut from, layout, &pool).unwrap().is_none());
    }
}
