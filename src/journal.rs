//! The journal of an output folder: what is done, in append-only JSON lines.
//!
//! It works event by event, like one of the lecture's daemons, but it is no thread: the writer
//! itself adds a line when an output is in place. Each line is one `write`, so a run that is
//! killed leaves whole lines and at most one torn at the end. The kernel keeps written lines
//! when a process dies; `checkpoint` and `finish` make them outlive the machine as well.

mod lines;
mod resume;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use lines::{Entry, Outcome, Past, Recipe, Summary};
pub use resume::{FailedBefore, OtherRecipe, Remaining, Start, remaining, start};

use crate::error::{Error, Result, shown};

/// The folder inside an output folder that holds journal and lock.
pub const FOLDER: &str = ".lumaloom";

/// The journal of an output folder.
pub fn path_in(out: &Path) -> PathBuf {
    out.join(FOLDER).join("journal.jsonl")
}

/// An open journal. The caller holds the output folder's lock, so nobody else writes to it.
/// Appending and flushing may happen on different threads.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines. Locked while one is added.
    length: Mutex<u64>,
    recipe: Recipe,
}

impl Journal {
    /// Reads an output folder's journal; `None` without one, or with one that was torn before
    /// its first line was whole.
    ///
    /// # Errors
    /// `Usage`: written by a newer version. `System`: it cannot be read.
    pub fn load(out: &Path) -> Result<Option<Past>> {
        let path = path_in(out);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, &e)),
        };
        lines::read(&text).map_err(|e| e.within(shown(&path)))
    }

    /// Opens the journal for this run and mends its end if an earlier run tore it. A fresh start
    /// adds a header, which makes void whatever stands before it; the lines themselves stay.
    ///
    /// # Errors
    /// `System`, with the path.
    pub fn open(out: &Path, recipe: &Recipe, start: Start) -> Result<Self> {
        let path = path_in(out);
        let folder = out.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, &e))?;
        let failed = |e: io::Error| Error::io("open", &path, &e);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(failed(e)),
        };
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        let whole = lines::whole(&text);
        file.set_len(whole.bytes).map_err(failed)?;
        let journal = Self { path, file, length: Mutex::new(whole.bytes), recipe: recipe.clone() };
        if whole.lacks_newline {
            journal.add(b"\n")?;
        }
        if start == Start::Fresh {
            journal.add(&lines::header(recipe))?;
            // The names must outlive a crash of the machine as the lines do. Some network file
            // systems refuse to sync folders; there the journal is as safe as they make it.
            for folder in [folder.as_path(), out] {
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
            }
        }
        Ok(journal)
    }

    /// The recipe that the run's lines carry.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Adds a line, with one call to the system. It outlives this process at once, and a crash
    /// of the machine after the next [`checkpoint`](Self::checkpoint).
    ///
    /// # Errors
    /// `System`, with the path. The journal then ends with the line before.
    pub fn append(&self, entry: &Entry) -> Result<()> {
        self.add(&lines::line(entry))
    }

    /// Flushes to the disk. May be called on any thread, while others append.
    ///
    /// # Errors
    /// `System`, with the path.
    pub fn checkpoint(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io("flush", &self.path, &e))
    }

    fn add(&self, line: &[u8]) -> Result<()> {
        let failed = |e: io::Error| Error::io("append to", &self.path, &e);
        // Nothing between the lock and the update can panic.
        let mut length = self.length.lock().unwrap_or_else(PoisonError::into_inner);
        let written = loop {
            match (&self.file).write(line) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match written {
            Ok(n) if n == line.len() => {
                *length += n as u64;
                Ok(())
            }
            Ok(_) => {
                // A full disk takes a part of a line. What follows must not be glued to it.
                self.file.set_len(*length).map_err(failed)?;
                Err(failed(io::ErrorKind::StorageFull.into()))
            }
            Err(e) => Err(failed(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(hash: u64) -> Recipe {
        Recipe { hash, chain: "negate".into() }
    }

    fn done(name: &str) -> Entry {
        Entry {
            input: name.into(),
            size: 10,
            mtime_ns: 20,
            recipe: 7,
            unix_ms: 1_700_000_000_000,
            outcome: Outcome::Done {
                output: name.into(),
                bytes: 30,
                pixels: 40,
                losses: vec![crate::event::Loss::Exif],
            },
        }
    }

    fn failed(name: &str) -> Entry {
        let outcome = Outcome::Failed { error: Error::input("not an image") };
        Entry { outcome, ..done(name) }
    }

    fn names(out: &Path) -> Vec<String> {
        let past = Journal::load(out).unwrap();
        past.map_or_else(Vec::new, |past| {
            past.entries().map(|e| e.input.to_str().unwrap().to_owned()).collect()
        })
    }

    #[test]
    fn what_was_added_is_there_and_the_last_line_of_an_input_counts() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Journal::load(dir.path()).unwrap().is_none());
        let journal = Journal::open(dir.path(), &recipe(7), Start::Fresh).unwrap();
        journal.append(&failed("b.jpg")).unwrap();
        journal.append(&done("a.jpg")).unwrap();
        journal.append(&done("b.jpg")).unwrap();
        journal.checkpoint().unwrap();
        let past = Journal::load(dir.path()).unwrap().unwrap();
        assert_eq!(past.recipe(), &recipe(7));
        assert_eq!(past.entries().cloned().collect::<Vec<_>>(), [done("a.jpg"), done("b.jpg")]);
    }

    #[test]
    fn a_fresh_start_makes_void_what_was() {
        let dir = tempfile::tempdir().unwrap();
        Journal::open(dir.path(), &recipe(7), Start::Fresh).unwrap().append(&done("a")).unwrap();
        Journal::open(dir.path(), &recipe(7), Start::Resume).unwrap().append(&done("b")).unwrap();
        assert_eq!(names(dir.path()), ["a", "b"]);
        Journal::open(dir.path(), &recipe(8), Start::Fresh).unwrap().append(&done("c")).unwrap();
        assert_eq!(names(dir.path()), ["c"]);
        assert_eq!(Journal::load(dir.path()).unwrap().unwrap().recipe().hash, 8);
    }

    #[test]
    fn torn_at_any_byte_it_loads_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), &recipe(7), Start::Fresh).unwrap();
        let mut ends = vec![*journal.length.lock().unwrap()];
        let entries = [done("a.jpg"), failed("b\n.jpg"), done("ä.jpg"), done("d.jpg")];
        for entry in &entries {
            journal.append(entry).unwrap();
            ends.push(*journal.length.lock().unwrap());
        }
        drop(journal);
        let path = path_in(dir.path());
        let text = std::fs::read(&path).unwrap();
        for cut in 0..=text.len() {
            std::fs::write(&path, &text[..cut]).unwrap();
            // A line is whole with or without its newline.
            let whole = ends.iter().filter(|end| **end <= cut as u64 + 1).count();
            let past = Journal::load(dir.path()).unwrap();
            assert_eq!(past.is_some(), whole > 0, "{cut} bytes");
            let found: Vec<Entry> =
                past.map_or_else(Vec::new, |past| past.entries().cloned().collect());
            let mut expected = entries[..whole.saturating_sub(1)].to_vec();
            expected.sort_by(|a, b| a.input.cmp(&b.input));
            assert_eq!(found, expected, "{cut} bytes");
            let start = if whole > 0 { Start::Resume } else { Start::Fresh };
            let journal = Journal::open(dir.path(), &recipe(7), start).unwrap();
            journal.append(&done("e.jpg")).unwrap();
            let past = Journal::load(dir.path()).unwrap().unwrap();
            assert_eq!(past.entries().count(), expected.len() + 1, "{cut} bytes");
            assert_eq!(past.damaged(), 0, "{cut} bytes");
        }
    }

    #[test]
    fn a_failed_write_names_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), &recipe(7), Start::Fresh).unwrap();
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let error = Journal { file: full, ..journal }.append(&done("a")).unwrap_err();
        assert!(error.to_string().contains("journal.jsonl"), "{error}");
        std::fs::remove_dir_all(dir.path().join(FOLDER)).unwrap();
        std::fs::write(dir.path().join(FOLDER), "a file").unwrap();
        assert!(Journal::open(dir.path(), &recipe(7), Start::Fresh).is_err());
    }
}
