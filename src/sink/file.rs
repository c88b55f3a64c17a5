//! The sink of a job whose output is one file. It has no journal and no lock.

use std::path::PathBuf;

use super::folder::{bytes_of, failure};
use super::place::{Writing, folder_of, make_folder, put, sweep_folder};
use crate::error::Result;
use crate::link::Packet;
use crate::stage::{Sink, SinkError, WhenStopped, Written};

/// Puts the one output in place.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    writing: Writing,
}

impl FileSink {
    /// A sink for this file; its folder is made if it is not there.
    ///
    /// # Errors
    /// `Usage`: the folder cannot be made.
    pub fn new(path: PathBuf, writing: Writing) -> Result<Self> {
        let folder = folder_of(&path);
        make_folder(folder)?;
        // Leftovers of dead runs are a courtesy to clear, and nothing to fail for.
        let _ = sweep_folder(folder);
        Ok(Self { path, writing })
    }
}

impl Sink for FileSink {
    fn write(&mut self, packet: Packet) -> Result<Written, SinkError> {
        let bytes = bytes_of(packet.outcome)?;
        put(&self.path, &bytes, self.writing).map_err(|e| failure(&self.path, &e))?;
        Ok(Written { output: self.path.clone(), bytes: bytes.len() as u64 })
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
    use super::super::place::{Clobber, Durable};
    use std::fs;

    use super::*;
    use crate::link::Item;

    #[test]
    fn one_file_is_put_where_it_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/a.png");
        let writing = Writing { clobber: Clobber::Never, durable: Durable::No };
        let mut sink = FileSink::new(path.clone(), writing).unwrap();
        let packet = || Packet::bytes(0, Item::default(), b"png".to_vec());
        let written = sink.write(packet()).unwrap();
        assert_eq!(written, Written { output: path.clone(), bytes: 3 });
        assert!(matches!(sink.write(packet()), Err(SinkError::Item(_))));
        Box::new(sink).finish().unwrap();
        assert_eq!(fs::read(path).unwrap(), b"png");
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 1);
    }
}
