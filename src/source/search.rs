//! The walk through folders: candidates by their extension, everything else counted unopened.
//! Only of TIFF files a few bytes are read, since camera RAW goes by that name as well.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::argument::{Place, special};
use super::file::open;
use super::glob::Pattern;
use crate::codec::{Format, RAW_EXTENSIONS, is_camera_raw_at};
use crate::error::{Error, Result, shown};
use crate::journal::{FOLDER, mtime_ns};
use crate::link::Item;

/// What was found so far.
pub(super) struct Search {
    /// In the order of the arguments, each file once.
    pub found: Vec<Found>,
    /// What was met and is no candidate.
    pub skipped: BTreeMap<String, u64>,
    seen: HashSet<PathBuf>,
    /// Device and inode of the output folder, if it is there.
    out: Option<(u64, u64)>,
}

/// A candidate.
pub(super) struct Found {
    input: PathBuf,
    /// Absolute; see [`Place::place`].
    pub place: PathBuf,
    size: u64,
    mtime_ns: i64,
}

impl Found {
    /// The item, not yet numbered.
    pub fn into_item(self, rel: PathBuf) -> Item {
        let Self { input, place: _, size, mtime_ns } = self;
        Item { input, rel, number: 0, size, mtime_ns }
    }
}

impl Search {
    pub fn new(out: Option<&Path>) -> Self {
        let out = out.and_then(|out| fs::metadata(out).ok()).map(|data| (data.dev(), data.ino()));
        Self { found: Vec::new(), skipped: BTreeMap::new(), seen: HashSet::new(), out }
    }

    /// A file that was named: a candidate whatever its extension, unless it is camera RAW, which
    /// a shell's `*` brings along.
    pub fn named(&mut self, place: Place) {
        let extension = extension(&place.place);
        if is_raw(&extension) {
            self.skip(extension);
            return;
        }
        if is_raw_inside(&extension, &place.typed) {
            self.skip(format!("{extension} (camera RAW)"));
            return;
        }
        let data = fs::metadata(&place.typed).ok();
        self.add(place, data.as_ref());
    }

    /// All below a folder, or what a pattern takes of it. Returns how many entries the pattern
    /// took, images or not.
    ///
    /// # Errors
    /// `System`: the folder itself cannot be listed.
    pub fn folder(&mut self, root: &Place, pattern: Option<&Pattern>) -> Result<usize> {
        let mut taken = 0;
        let mut walk = WalkDir::new(&root.real).min_depth(1).into_iter();
        while let Some(entry) = walk.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unreadable(root, &error)?;
                    continue;
                }
            };
            let Ok(below) = entry.path().strip_prefix(&root.real) else { continue };
            // As in a shell, wildcards take nothing that is hidden.
            let takes =
                pattern.is_none_or(|pattern| !is_hidden(entry.file_name()) && pattern.takes(below));
            if entry.file_type().is_dir() {
                let may_hold = pattern.is_none_or(|pattern| pattern.may_hold(below));
                if !may_hold || !self.enters(&entry, takes) {
                    walk.skip_current_dir();
                    continue;
                }
            }
            if takes {
                taken += 1;
                self.met(root.join(below), &entry);
            }
        }
        Ok(taken)
    }

    /// Whether the walk goes into a folder. What it passes over is counted if it was wanted.
    fn enters(&mut self, folder: &DirEntry, wanted: bool) -> bool {
        if folder.file_name() == FOLDER {
            return false;
        }
        if is_hidden(folder.file_name()) {
            if wanted {
                self.skip("hidden folder".to_owned());
            }
            return false;
        }
        // By device and inode, so that the way in which it was typed does not matter.
        self.out.is_none()
            || folder.metadata().map_or(true, |data| self.out != Some((data.dev(), data.ino())))
    }

    /// An entry that is wanted. Folders are walked, not met.
    fn met(&mut self, place: Place, entry: &DirEntry) {
        let kind = entry.file_type();
        if kind.is_dir() {
            return;
        }
        if !kind.is_file() {
            self.skip(special(kind).to_owned());
            return;
        }
        let extension = extension(entry.path());
        if is_hidden(entry.file_name()) {
            self.skip(format!("{extension} (hidden)"));
        } else if Format::from_extension(&extension).is_none() || is_raw(&extension) {
            self.skip(extension);
        } else if is_raw_inside(&extension, entry.path()) {
            self.skip(format!("{extension} (camera RAW)"));
        } else {
            self.add(place, entry.metadata().ok().as_ref());
        }
    }

    /// A folder that cannot be listed stands in the list for what it holds; reading it fails.
    fn unreadable(&mut self, root: &Place, error: &walkdir::Error) -> Result<()> {
        let path = error.path().unwrap_or(&root.real);
        match path.strip_prefix(&root.real) {
            Ok(below) if !below.as_os_str().is_empty() => {
                self.add(root.join(below), None);
                Ok(())
            }
            _ => Err(Error::system(format!("failed to list {}: {error}", shown(&root.typed)))),
        }
    }

    /// A candidate whose data could not be had stays one: reading it will say why.
    fn add(&mut self, place: Place, data: Option<&Metadata>) {
        if self.seen.insert(place.real) {
            let (size, mtime_ns) = data.map_or((0, 0), |data| (data.len(), mtime_ns(data)));
            self.found.push(Found { input: place.typed, place: place.place, size, mtime_ns });
        }
    }

    fn skip(&mut self, kind: String) {
        *self.skipped.entry(kind).or_default() += 1;
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().first() == Some(&b'.')
}

fn is_raw(extension: &str) -> bool {
    RAW_EXTENSIONS.contains(&extension)
}

/// Whether a file that is called TIFF is camera RAW by its tags. One that cannot be read stays a
/// candidate: reading it will say why.
fn is_raw_inside(extension: &str, path: &Path) -> bool {
    if Format::from_extension(extension) != Some(Format::Tiff) {
        return false;
    }
    let Ok(file) = open(path) else { return false };
    is_camera_raw_at(&|at, out| file.read_exact_at(out, at as u64).is_ok())
}

/// In lower case, without the dot and as people are shown it; `no extension` without one.
fn extension(path: &Path) -> String {
    let extension = path.extension().map(|e| shown(Path::new(e)).to_string().to_lowercase());
    extension.unwrap_or_else(|| "no extension".to_owned())
}
