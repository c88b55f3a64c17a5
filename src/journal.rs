//! The journal of an output folder: what is done, in append-only JSON lines.
//!
//! It works event by event, like one of the lecture's daemons, but it is no thread: the writer
//! itself adds a line when an output is in place. Each line is one `write`, so a run that is
//! killed leaves whole lines and at most one torn at the end. The kernel keeps written lines
//! when a process dies; `checkpoint` and `finish` make them outlive the machine as well.
//!
//! # What counts
//!
//! Runs into one folder add up: shards, several input folders, later runs with new pictures.
//! Nothing is ever made void as a whole. A line stands for its input, its recipe and its output:
//!
//! - An input is known by its **base and its path relative to it**, both in each line. The
//!   relative path alone would take `B/x.jpg` for `A/x.jpg` if size and time of change agree, as
//!   they do after a copy. The price: a folder that was moved or is mounted elsewhere is done
//!   anew. A base in the header alone would be cheaper, but one damaged header would then give
//!   the lines after it to another folder.
//! - **A later line about the same output** makes the earlier one void, whoever wrote it: only
//!   one of them can be there. So an output that another input or recipe replaced is not done.
//! - **Another recipe** is another subject: its lines say nothing of ours. They stay, since its
//!   outputs may lie beside ours under other names.
//!
//! A resumed run replaces what is not journalled, or journalled of the same input by the same
//! recipe. What others made it refuses to replace, before it starts where names are known by
//! then, unless `-y` was given, now or to the run that it goes on with: the header says so.
//! To others belongs what the same recipe made of inputs that are gone from the list, or that
//! have another number now, where names hold it; with `-y` the latter are named anew. What stays
//! whatever is said are the outputs of inputs that are in the list, other shards' too, and are
//! neither made nor named anew.
//!
//! Shards of several machines have different bases for the same tree. What joins them goes by
//! recipe and relative path, which is also what chose the shard, and not by base.

mod lines;
mod resume;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use lines::{Entry, Others, Outcome, Past, Recipe, Run, Summary};
pub use resume::{FailedBefore, Found, Guard, Remaining, remaining, resumed, standing};

use crate::error::{Error, Result, shown};

/// The folder inside an output folder that holds journal and lock.
pub const FOLDER: &str = ".lumaloom";

/// The journal of an output folder.
pub fn path_in(out: &Path) -> PathBuf {
    out.join(FOLDER).join("journal.jsonl")
}

/// When a file was changed last, in nanoseconds since 1970 and at most what fits: year 2262.
pub fn mtime_ns(data: &Metadata) -> i64 {
    data.mtime().saturating_mul(1_000_000_000).saturating_add(data.mtime_nsec())
}

/// An open journal. The caller holds the output folder's lock, so nobody else writes to it.
/// Appending and flushing may happen on different threads.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines. Locked while one is added.
    length: Mutex<u64>,
    run: Run,
}

impl Journal {
    /// Reads an output folder's journal; `None` without one, or with one that was torn before
    /// its first line was whole.
    ///
    /// # Errors
    /// `Usage`: it is of another version. `System`: it cannot be read.
    pub fn load(out: &Path) -> Result<Option<Past>> {
        let path = path_in(out);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, &e)),
        };
        lines::read(&text).map_err(|e| e.within(shown(&path)))
    }

    /// Opens the journal for this run and mends its end if an earlier run tore it. A header is
    /// added unless the last one says the same.
    ///
    /// # Errors
    /// `Usage`: it is of another version. `System`, with the path.
    pub fn open(out: &Path, run: &Run) -> Result<Self> {
        let path = path_in(out);
        let folder = out.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, &e))?;
        let failed = |e: io::Error| Error::io("open", &path, &e);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(failed(e)),
        };
        let past = lines::read(&text).map_err(|e| e.within(shown(&path)))?;
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        let whole = lines::whole(&text);
        file.set_len(whole.bytes).map_err(failed)?;
        let journal = Self { path, file, length: Mutex::new(whole.bytes), run: run.clone() };
        if whole.lacks_newline {
            journal.add(b"\n")?;
        }
        if past.as_ref().and_then(Past::last) != Some(run) {
            journal.add(&lines::header(run))?;
        }
        if past.is_none() {
            // The names must outlive a crash of the machine as the lines do. Some network file
            // systems refuse to sync folders; there the journal is as safe as they make it.
            for folder in [folder.as_path(), out] {
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
            }
        }
        Ok(journal)
    }

    /// What the run's lines have in common.
    pub fn run(&self) -> &Run {
        &self.run
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

    fn run(hash: u64) -> Run {
        let recipe = Recipe { hash, chain: "negate".into() };
        Run { recipe, base: "/in".into(), others: Others::Stay }
    }

    fn done(name: &str) -> Entry {
        Entry {
            base: "/in".into(),
            input: name.into(),
            size: 10,
            mtime_ns: 20,
            recipe: 7,
            unix_ms: 1_700_000_000_000,
            number: None,
            outcome: Outcome::Done {
                output: name.into(),
                bytes: 30,
                made_ns: 50,
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
        let journal = Journal::open(dir.path(), &run(7)).unwrap();
        journal.append(&failed("b.jpg")).unwrap();
        journal.append(&done("a.jpg")).unwrap();
        journal.append(&done("b.jpg")).unwrap();
        journal.checkpoint().unwrap();
        let past = Journal::load(dir.path()).unwrap().unwrap();
        assert_eq!(past.last(), Some(&run(7)));
        assert_eq!(past.entries().cloned().collect::<Vec<_>>(), [done("a.jpg"), done("b.jpg")]);
    }

    #[test]
    fn runs_add_up_and_only_a_run_that_differs_writes_a_header() {
        let dir = tempfile::tempdir().unwrap();
        let text = || std::fs::read_to_string(path_in(dir.path())).unwrap();
        Journal::open(dir.path(), &run(7)).unwrap().append(&done("a")).unwrap();
        Journal::open(dir.path(), &run(7)).unwrap().append(&done("b")).unwrap();
        assert_eq!((names(dir.path()), text().lines().count()), (vec!["a".into(), "b".into()], 3));
        let other = Entry { base: "/other".into(), ..done("a") };
        let there = Run { base: "/other".into(), ..run(7) };
        Journal::open(dir.path(), &there).unwrap().append(&other).unwrap();
        let past = Journal::load(dir.path()).unwrap().unwrap();
        assert_eq!(past.entries().cloned().collect::<Vec<_>>(), [done("b"), other]);
        assert_eq!((past.last(), text().lines().count()), (Some(&there), 5));
    }

    #[test]
    fn torn_at_any_byte_it_loads_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), &run(7)).unwrap();
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
            let journal = Journal::open(dir.path(), &run(7)).unwrap();
            journal.append(&done("e.jpg")).unwrap();
            let past = Journal::load(dir.path()).unwrap().unwrap();
            assert_eq!(past.entries().count(), expected.len() + 1, "{cut} bytes");
            assert_eq!(past.damaged(), 0, "{cut} bytes");
        }
    }

    #[test]
    fn a_failed_write_names_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), &run(7)).unwrap();
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let error = Journal { file: full, ..journal }.append(&done("a")).unwrap_err();
        assert!(error.to_string().contains("journal.jsonl"), "{error}");
        std::fs::remove_dir_all(dir.path().join(FOLDER)).unwrap();
        std::fs::write(dir.path().join(FOLDER), "a file").unwrap();
        assert!(Journal::open(dir.path(), &run(7)).is_err());
    }
}
