//! Frozen lists of inputs: JSON lines, the first of which says what the list is.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, shown};
use crate::link::Item;

/// The version of this format.
const VERSION: u32 = 1;

/// A list of inputs that no longer depends on what the folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The folder that the items' relative paths are relative to.
    pub base: PathBuf,
    /// The inputs, in order.
    pub items: Vec<Item>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The format's version.
    manifest: u32,
    /// The program's.
    version: String,
    /// Items that follow. A list that was cut off says so.
    count: u64,
    #[serde(with = "crate::event::path_text")]
    base: PathBuf,
    /// The working folder of the writer, which relative inputs are relative to.
    #[serde(with = "crate::event::path_text")]
    folder: PathBuf,
}

/// One further line.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(with = "crate::event::path_text")]
    input: PathBuf,
    #[serde(with = "crate::event::path_text")]
    rel: PathBuf,
    number: u64,
    size: u64,
    mtime_ns: i64,
}

impl Manifest {
    /// Writes the list. Inputs stay as they were typed; the header says which folder relative
    /// ones start from.
    ///
    /// # Errors
    /// `System`: writing failed, or there is no working folder.
    pub fn write(&self, to: &mut dyn Write) -> Result<()> {
        let folder = working_folder()?;
        let head = Head {
            manifest: VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            count: self.items.len() as u64,
            base: self.base.clone(),
            folder,
        };
        let mut to = BufWriter::new(to);
        let written = json_line(&mut to, &head)
            .and_then(|()| {
                self.items.iter().try_for_each(|item| json_line(&mut to, &Line::from(item)))
            })
            .and_then(|()| to.flush());
        written.map_err(|e| Error::system(format!("failed to write the manifest: {e}")))
    }

    /// Writes the list to a file.
    ///
    /// # Errors
    /// `System`, with the path.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut file = std::fs::File::create(path).map_err(|e| Error::io("create", path, &e))?;
        self.write(&mut file).map_err(|e| e.within(shown(path)))
    }

    /// Reads a list.
    ///
    /// # Errors
    /// `Usage`, with the line: not a manifest, one of a newer version, cut off, or with a
    /// relative path that leaves the output folder.
    pub fn read(from: &mut dyn BufRead) -> Result<Self> {
        let mut lines = from.lines().enumerate().map(|(n, line)| {
            let line =
                line.map_err(|e| Error::system(format!("failed to read line {}: {e}", n + 1)))?;
            Ok::<_, Error>((n + 1, line))
        });
        let (_, first) =
            lines.next().ok_or_else(|| Error::usage("an empty file is no manifest"))??;
        let head: Head = serde_json::from_str(&first)
            .map_err(|e| Error::usage(format!("line 1 is no header of a manifest: {e}")))?;
        if head.manifest != VERSION {
            let (theirs, by) = (head.manifest, &head.version);
            return Err(Error::usage(format!(
                "manifest version {theirs}, written by {by}; this program reads version {VERSION}"
            )));
        }
        let here = working_folder()?;
        let mut items = Vec::new();
        for line in lines {
            let (n, text) = line?;
            let line: Line = serde_json::from_str(&text)
                .map_err(|e| Error::usage(format!("line {n}: not an input: {e}")))?;
            let mut item = line.checked().map_err(|e| e.within(format_args!("line {n}")))?;
            if here != head.folder {
                item.input = head.folder.join(&item.input);
            }
            items.push(item);
        }
        if items.len() as u64 != head.count {
            let (found, count) = (items.len(), head.count);
            return Err(Error::usage(format!(
                "{found} of {count} inputs are there; the file was cut off or changed"
            )));
        }
        Ok(Self { base: head.base, items })
    }

    /// Reads a list from a file.
    ///
    /// # Errors
    /// As [`Manifest::read`], with the path.
    pub fn load(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path)
            .map_err(|e| Error::usage(format!("failed to open {}: {e}", shown(path))))?;
        Self::read(&mut BufReader::new(file)).map_err(|e| e.within(shown(path)))
    }
}

impl From<&Item> for Line {
    fn from(item: &Item) -> Self {
        Self {
            input: item.input.clone(),
            rel: item.rel.clone(),
            number: item.number,
            size: item.size,
            mtime_ns: item.mtime_ns,
        }
    }
}

impl Line {
    /// A manifest may come from anywhere, and outputs are named after `rel`.
    fn checked(self) -> Result<Item> {
        let Self { input, rel, number, size, mtime_ns } = self;
        let stays = rel.components().all(|c| matches!(c, Component::Normal(_)));
        if !stays || rel.as_os_str().is_empty() {
            return Err(Error::usage(format!("{} leaves the output folder", shown(&rel))));
        }
        Ok(Item { input, rel, number, size, mtime_ns })
    }
}

fn working_folder() -> Result<PathBuf> {
    std::env::current_dir()
        .map_err(|e| Error::system(format!("failed to find the working folder: {e}")))
}

fn json_line(to: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn sample() -> Manifest {
        let odd: PathBuf = OsString::from_vec(b"sub/a\xff\nb.jpg".to_vec()).into();
        let item = |rel: PathBuf, number| Item {
            input: Path::new("/photos").join(&rel),
            rel,
            number,
            size: 3,
            mtime_ns: -5,
        };
        Manifest { base: "/photos".into(), items: vec![item("-a.jpg".into(), 1), item(odd, 2)] }
    }

    fn text() -> Vec<u8> {
        let mut text = Vec::new();
        sample().write(&mut text).unwrap();
        text
    }

    #[test]
    fn a_list_comes_back_as_it_was() {
        assert_eq!(Manifest::read(&mut &*text()).unwrap(), sample());
        assert_eq!(text().iter().filter(|b| **b == b'\n').count(), 3);
    }

    #[test]
    fn a_list_that_was_cut_off_anywhere_is_refused() {
        let text = text();
        // The last newline carries nothing.
        for end in 0..text.len() - 1 {
            assert!(Manifest::read(&mut &text[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn paths_that_leave_are_refused_with_their_line() {
        for rel in ["../a.jpg", "/a.jpg", "a/../../b.jpg", ""] {
            let mut list = sample();
            list.items[1].rel = rel.into();
            let mut text = Vec::new();
            list.write(&mut text).unwrap();
            let error = Manifest::read(&mut &*text).unwrap_err();
            assert!(error.to_string().starts_with("line 3: "), "{error}");
        }
    }

    #[test]
    fn relative_inputs_start_from_the_writers_folder() {
        let mut list = sample();
        list.items[0].input = "photos/-a.jpg".into();
        let mut text = Vec::new();
        list.write(&mut text).unwrap();
        assert_eq!(Manifest::read(&mut &*text).unwrap(), list);
        let here = serde_json::to_string(&std::env::current_dir().unwrap()).unwrap();
        let moved = String::from_utf8(text).unwrap().replacen(&here, "\"/elsewhere\"", 1);
        let read = Manifest::read(&mut moved.as_bytes()).unwrap();
        assert_eq!(read.items[0].input, Path::new("/elsewhere/photos/-a.jpg"));
    }

    #[test]
    fn other_versions_and_other_files_are_refused() {
        let newer =
            String::from_utf8(text()).unwrap().replacen("\"manifest\":1", "\"manifest\":2", 1);
        assert!(
            Manifest::read(&mut newer.as_bytes()).unwrap_err().to_string().contains("version 2")
        );
        assert!(Manifest::read(&mut &b"hello\n"[..]).is_err());
    }
}
