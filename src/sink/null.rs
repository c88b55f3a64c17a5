//! The sink that keeps nothing: for measuring what a run costs up to the last byte.

use crate::error::Result;
use crate::link::Packet;
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Takes coded bytes, counts and drops them. No byte reaches the system, so what is measured
/// with it says nothing about the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        // A failure must not count as an output of 0 bytes.
        let bytes = packet.payload_bytes();
        match packet.outcome {
            Ok(_) => Ok(Written { output: packet.item.rel, bytes }),
            Err(error) => Err(SinkError::Item(error)),
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
    use crate::error::Error;
    use crate::link::Item;

    #[test]
    fn bytes_are_counted_and_failures_are_none() {
        let item = Item { rel: "a.jpg".into(), ..Item::default() };
        let written = NullSink.write(Packet::bytes(0, item.clone(), vec![1, 2, 3])).unwrap();
        assert_eq!(written, Written { output: "a.jpg".into(), bytes: 3 });
        let failed = Packet::failed(1, item, Error::input("not an image"));
        assert_eq!(NullSink.write(failed), Err(SinkError::Item(Error::input("not an image"))));
    }
}
