//! The sink of a clip job whose frames become picture files with numbers in their names.

use super::folder::{bytes_of, failure};
use super::place::{Writing, folder_of, make_folder, put, sweep_folder};
use crate::error::{Error, Result, shown};
use crate::link::{Item, Packet};
use crate::source::Pattern;
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Puts each coded frame in place under its number.
#[derive(Debug)]
pub struct SequenceSink {
    pattern: Pattern,
    first: u64,
    writing: Writing,
}

impl SequenceSink {
    /// A sink that numbers files from `first` on; their folder is made if it is not there.
    ///
    /// # Errors
    /// `Usage`: the folder cannot be made.
    pub fn new(pattern: Pattern, first: u64, writing: Writing) -> Result<Self> {
        let path = pattern.path(first);
        let folder = folder_of(&path);
        make_folder(folder)?;
        // Leftovers of dead runs are a courtesy to clear, and nothing to fail for.
        let _ = sweep_folder(folder);
        Ok(Self { pattern, first, writing })
    }
}

impl Sink for SequenceSink {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        let output = self.pattern.path(self.first.saturating_add(packet.seq));
        let bytes = bytes_of(packet.outcome).map_err(as_run)?;
        put(&output, &bytes, self.writing).map_err(|e| as_run(failure(&output, &e)))?;
        Ok(Written { output, bytes: bytes.len() as u64 })
    }

    /// What follows would be numbered past the hole, and a sequence with a hole is none.
    fn failed(&mut self, seq: u64, item: &Item, error: &Error) -> Result<()> {
        Err(error.clone().within(format!("frame {seq} ({})", shown(&item.input))))
    }

    /// Each file is whole, and their numbers say how far it came.
    fn when_stopped(&self) -> WhenStopped {
        WhenStopped::Commit
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

/// A file that cannot be written would be a hole.
fn as_run(error: SinkError) -> SinkError {
    match error {
        SinkError::Item(error) | SinkError::Run(error) => SinkError::Run(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::sink::{Clobber, Durable};

    #[test]
    fn files_are_numbered_and_never_skipped() {
        let room = tempfile::tempdir().unwrap();
        let pattern = Pattern::parse(&room.path().join("new/%04d.png")).unwrap().unwrap();
        let writing = Writing { clobber: Clobber::Never, durable: Durable::No };
        let mut sink = SequenceSink::new(pattern, 7, writing).unwrap();
        for seq in 0..2 {
            let written = sink.write(Packet::bytes(seq, Item::default(), vec![1; 3])).unwrap();
            assert!(written.output.ends_with(format!("new/000{}.png", 7 + seq)));
        }
        assert_eq!(fs::read(room.path().join("new/0008.png")).unwrap(), [1; 3]);
        let again = sink.write(Packet::bytes(1, Item::default(), vec![2]));
        assert!(matches!(again, Err(SinkError::Run(_))), "{again:?}");
        let item = Item { input: Path::new("a.png").into(), ..Item::default() };
        let error = sink.failed(5, &item, &Error::input("torn")).unwrap_err().to_string();
        assert!(error.contains("frame 5 (a.png)") && error.contains("torn"), "{error}");
    }
}
