//! The sink that keeps nothing: for measuring what a run costs up to the last byte.

use crate::error::{Error, Result};
use crate::link::{Item, Packet};
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Takes coded bytes, counts and drops them. No byte reaches the system, so what is measured
/// with it says nothing about the disk.
#[derive(Clone, Copy, Debug)]
pub enum NullSink {
    /// Outputs that are apart: one that failed is missing.
    Apart,
    /// Frames of one clip: one that failed ends it.
    Frames,
}

impl Sink for NullSink {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        // A failure must not count as an output of 0 bytes.
        let bytes = packet.payload_bytes();
        match packet.outcome {
            Ok(_) => Ok(Written { output: packet.item.rel, bytes }),
            Err(error) => Err(SinkError::Item(error)),
        }
    }

    fn failed(&mut self, seq: u64, _: &Item, error: &Error) -> Result<()> {
        match self {
            Self::Apart => Ok(()),
            Self::Frames => Err(error.clone().within(format!("frame {seq}"))),
        }
    }

    fn when_stopped(&self) -> WhenStopped {
        WhenStopped::Commit
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_and_failures_are_none() {
        let item = Item { rel: "a.jpg".into(), ..Item::default() };
        let mut sink = NullSink::Apart;
        let written = sink.write(Packet::bytes(0, item.clone(), vec![1, 2, 3])).unwrap();
        assert_eq!(written, Written { output: "a.jpg".into(), bytes: 3 });
        let error = Error::input("not an image");
        let failed = Packet::failed(1, item.clone(), error.clone());
        assert_eq!(sink.write(failed), Err(SinkError::Item(error.clone())));
        assert!(sink.failed(1, &item, &error).is_ok());
        let ends = NullSink::Frames.failed(1, &item, &error).unwrap_err();
        assert_eq!(ends.to_string(), "frame 1: not an image");
    }
}
