//! A clip's file while it is written: beside the output, under a name of its own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::place::{Writing, commit, folder_of};
use crate::error::{Error, Kind, Result, shown};

/// The file that is not whole yet; removed when dropped before it got its name. Locked while it
/// is open, so that two renders never write one.
#[derive(Debug)]
pub(super) struct PartFile {
    file: File,
    path: PathBuf,
}

impl PartFile {
    /// The one for `out`, whose folder is made if it is not there.
    ///
    /// # Errors
    /// `System`: it cannot be made; `Temporary`: another render writes it.
    pub fn create(out: &Path) -> Result<Self> {
        let folder = folder_of(out);
        fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
        let path = part_path(out);
        loop {
            // What a dead render left is written over: the encoder truncates it.
            let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
            let file = opened.map_err(|e| Error::io("create", &path, &e))?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
                let path = shown(&path);
                let message = format!("{path} is being written by another render");
                return Err(Error::new(Kind::Temporary, message));
            }
            // A file system without locks cannot tell; one person's two renders are rare. Between
            // opening and locking another render may have removed its file: then again.
            if file.metadata().map_err(|e| Error::io("look at", &path, &e))?.nlink() > 0 {
                return Ok(Self { file, path });
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, for whoever writes it here.
    ///
    /// # Errors
    /// `System`, in practice never.
    pub fn file(&self) -> Result<File> {
        self.file.set_len(0).map_err(|e| Error::io("empty", &self.path, &e))?;
        self.file.try_clone().map_err(|e| Error::io("open", &self.path, &e))
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// `System`.
    pub fn commit(mut self, out: &Path, writing: Writing) -> Result<()> {
        let failed = |e: std::io::Error| Error::io("put in place", out, &e);
        // Hours of encoding are worth a sync, `--durable` or not.
        self.file.sync_all().map_err(failed)?;
        commit(&self.path, out, writing).map_err(failed)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what a writer of `out` left that was killed, if nobody writes it now.
pub fn remove_abandoned(out: &Path) {
    let path = part_path(out);
    let Ok(file) = OpenOptions::new().write(true).open(&path) else { return };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        // The error that led here is the one to report.
        let _ = fs::remove_file(&path);
    }
}

/// `clip.mp4` as `clip.part.mp4`: ffmpeg chooses the container by the extension.
pub fn part_path(out: &Path) -> PathBuf {
    let mut name = out.file_stem().unwrap_or_default().to_owned();
    name.push(".part");
    if let Some(extension) = out.extension() {
        name.push(".");
        name.push(extension);
    }
    out.with_file_name::<OsString>(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unfinished_clip_keeps_its_extension() {
        assert_eq!(part_path(Path::new("a/b.c.mp4")), Path::new("a/b.c.part.mp4"));
        assert_eq!(part_path(Path::new("b")), Path::new("b.part"));
    }

    #[test]
    fn one_render_at_a_time_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/a.mkv");
        let part = PartFile::create(&out).unwrap();
        let error = PartFile::create(&out).unwrap_err();
        assert_eq!(error.kind(), Kind::Temporary);
        assert!(part.path.exists(), "the second one must not remove it");
        drop(part);
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0);
        PartFile::create(&out).unwrap();
    }

    #[test]
    fn what_is_abandoned_is_removed_and_what_is_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a.mkv");
        let part = PartFile::create(&out).unwrap();
        let path = part.path.clone();
        remove_abandoned(&out);
        assert!(path.exists());
        drop(part);
        fs::write(&path, "half").unwrap();
        remove_abandoned(&out);
        assert!(!path.exists());
    }
}
